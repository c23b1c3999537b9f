/* How often all processes are looked at, under virtual time. */
#include "harness.h"

#include "watch/pace.h"

#define MS  NSEC_PER_MSEC
#define SEC NSEC_PER_SEC

/* Looks in a second that begins at `from`, when each costs so much. */
static size_t looks_in_a_second(struct pace *pace, int64_t from, int64_t cost_ns)
{
	size_t n = 0;

	pace_looked(pace, from - cost_ns, from);
	for (;;) {
		int64_t next = pace_next(pace);

		if (next >= from + SEC)
			return n;
		n++;
		pace_looked(pace, next, next + cost_ns);
	}
}

static void at_rest_it_looks_twice_a_second(void **state)
{
	struct pace pace = { 0 };

	assert_in_range(looks_in_a_second(&pace, 1000 * SEC, MS), 1, 2);
}

static void after_a_death_it_makes_haste_and_calms_down(void **state)
{
	struct pace pace = { .died_boot_ns = 1000 * SEC };

	assert_in_range(looks_in_a_second(&pace, 1000 * SEC, MS / 10), 20, 50);
	assert_in_range(looks_in_a_second(&pace, 1003 * SEC, MS / 10), 2, 4);
	assert_in_range(looks_in_a_second(&pace, 1010 * SEC, MS / 10), 1, 2);
}

static void it_never_takes_more_than_a_fiftieth_of_a_processor(void **state)
{
	static const int64_t costs_ms[] = { 1, 5, 20, 70, 300 };

	for (size_t i = 0; i < ARRAY_SIZE(costs_ms); i++) {
		struct pace pace = { .died_boot_ns = 1000 * SEC };
		int64_t cost_ns = costs_ms[i] * MS;
		size_t n = looks_in_a_second(&pace, 1000 * SEC, cost_ns);

		assert_true((int64_t)n * cost_ns <= SEC / 50);
	}
}

static void where_programs_are_told_of_it_rests_for_good(void **state)
{
	struct pace pace = { .is_told = true, .died_boot_ns = 1000 * SEC };

	assert_true(looks_in_a_second(&pace, 1000 * SEC, MS / 10) > 10);
	pace_looked(&pace, 1003 * SEC, 1003 * SEC);
	assert_int_equal(pace_next(&pace), BOOT_NS_NEVER);
}

static void a_new_process_is_looked_at_twice_and_none_not_at_all(void **state)
{
	static const struct {
		pid_t last;
		bool needed;
	} rows[] = {
		{ 100, true },
		{ 100, true },
		{ 100, false },
		{ 100, false },
		{ 101, true },
		{ 101, true },
		{ 101, false },
		{ 50, true },
		{ 60, true },
		{ 60, true },
		{ 60, false },
		/* Where nobody can say, it always looks. */
		{ 0, true },
		{ 0, true },
		{ 0, true },
	};
	struct pace pace = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (pace_is_needed(&pace, rows[i].last) != rows[i].needed)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_rest_it_looks_twice_a_second),
		cmocka_unit_test(after_a_death_it_makes_haste_and_calms_down),
		cmocka_unit_test(it_never_takes_more_than_a_fiftieth_of_a_processor),
		cmocka_unit_test(where_programs_are_told_of_it_rests_for_good),
		cmocka_unit_test(a_new_process_is_looked_at_twice_and_none_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
