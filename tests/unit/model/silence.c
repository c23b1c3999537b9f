/* Silences: what they are at a time, what they may become, what is none. */
#include "harness.h"

#include "model/silence.h"

#define NOW 1700000000500ll

static struct silence *silence_of(const char *matchers, int64_t starts_ms, int64_t ends_ms)
{
	struct silence *silence = silence_new();
	char error[MATCHER_MAX_ERROR];

	assert_non_null(silence);
	assert_int_equal(matcher_list_parse(MATCHERS_FALLBACK, matchers, &silence->matchers, error,
				 sizeof(error)),
		0);
	silence->starts_wall_ms = starts_ms;
	silence->ends_wall_ms = ends_ms;
	return silence;
}

static void the_clock_tells_what_it_is(void **state)
{
	static const struct {
		int64_t starts, ends;
		const char *state;
	} rows[] = {
		{ NOW - 1000, NOW + 1000, "active" },
		{ NOW, NOW + 1, "active" },
		{ NOW + 1, NOW + 1000, "pending" },
		{ NOW - 1000, NOW - 1, "expired" },
		{ NOW - 1000, NOW, "expired" },
		{ NOW, NOW, "expired" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct silence silence = { .starts_wall_ms = rows[i].starts,
			.ends_wall_ms = rows[i].ends };

		assert_string_equal(
			silence_state_text(silence_state(&silence, NOW)), rows[i].state);
	}
}

static void what_silences_nothing_or_everything_is_refused(void **state)
{
	static const struct {
		const char *matchers;
		int64_t starts, ends;
		const char *error; /* NULL: valid */
	} rows[] = {
		{ "a=b", NOW, NOW + 1, NULL },
		{ "a=b", NOW, NOW, NULL },
		{ "a=,b=c", NOW, NOW + 1, NULL },
		{ "a!=", NOW, NOW + 1, NULL },
		/* It matches everything that lacks the label, and Alertmanager takes it. */
		{ "a!=b", NOW, NOW + 1, NULL },
		{ "a!~b", NOW, NOW + 1, NULL },
		{ "a=~.+", NOW, NOW + 1, NULL },
		{ "\"a b🙂\"=c", NOW, NOW + 1, NULL },
		{ "", NOW, NOW + 1, "at least one matcher required" },
		{ "a=", NOW, NOW + 1, "at least one matcher must not match the empty string" },
		{ "a=~.*", NOW, NOW + 1, "at least one matcher must not match the empty string" },
		{ "a=~'',b=", NOW, NOW + 1, NULL },
		{ "\"\"=c", NOW, NOW + 1, "invalid label matcher 0: invalid label name \"\"" },
		{ "a=b,\"\"=c", NOW, NOW + 1, "invalid label matcher 1: invalid label name \"\"" },
		{ "a=b", 0, NOW + 1, "invalid zero start timestamp" },
		{ "a=b", NOW, 0, "invalid zero end timestamp" },
		{ "a=b", NOW, NOW - 1, "end time must not be before start time" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(silence_freep) struct silence *silence =
			silence_of(rows[i].matchers, rows[i].starts, rows[i].ends);
		char error[MATCHER_MAX_ERROR] = "";

		assert_int_equal(silence_validate(silence, error, sizeof(error)),
			rows[i].error ? -EINVAL : 0);
		assert_string_equal(error, rows[i].error ? rows[i].error : "");
	}
}

static void it_changes_only_where_the_past_stays_true(void **state)
{
	static const struct {
		const char *from;
		int64_t from_starts, from_ends;
		const char *to;
		int64_t to_starts, to_ends;
		bool may;
	} rows[] = {
		/* Over: never. */
		{ "a=b", -2000, -1000, "a=b", -2000, 1000, false },
		{ "a=b", -2000, 0, "a=b", -2000, 1000, false },
		/* Other matchers: never. */
		{ "a=b", -2000, 1000, "a=c", -2000, 1000, false },
		{ "a=b", 1000, 2000, "a=~b", 1000, 2000, false },
		{ "a=b,c=d", 1000, 2000, "a=b", 1000, 2000, false },
		/* Active: its end may move, but not into the past; its start by less than a second. */
		{ "a=b", -2000, 1000, "a=b", -2000, 5000, true },
		{ "a=b", -2000, 1000, "a=b", -2000, 0, true },
		{ "a=b", -2000, 1000, "a=b", -2000, -1, false },
		{ "a=b", -2000, 1000, "a=b", -2500, 1000, true },
		{ "a=b", -2000, 1000, "a=b", -2501, 1000, false },
		{ "a=b", -2000, 1000, "a=b", -1501, 1000, true },
		{ "a=b", -2000, 1000, "a=b", -1500, 1000, false },
		{ "a=b", -2000, 1000, "a=b", 500, 1000, false },
		/* Pending: any time that is to come. */
		{ "a=b", 1000, 2000, "a=b", 5000, 6000, true },
		{ "a=b", 1000, 2000, "a=b", 0, 1, true },
		{ "a=b", 1000, 2000, "a=b", -1, 2000, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(silence_freep) struct silence *from = silence_of(
			rows[i].from, NOW + rows[i].from_starts, NOW + rows[i].from_ends);
		scoped(silence_freep) struct silence *to =
			silence_of(rows[i].to, NOW + rows[i].to_starts, NOW + rows[i].to_ends);

		if (silence_can_become(from, to, NOW) != rows[i].may)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_tells_what_it_is),
		cmocka_unit_test(what_silences_nothing_or_everything_is_refused),
		cmocka_unit_test(it_changes_only_where_the_past_stays_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
