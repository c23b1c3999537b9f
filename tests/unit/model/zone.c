/* Time zones: what the system's own functions say, at every change and between them. */
#include "harness.h"

#include <time.h>
#include "model/timestamp.h"
#include "model/zone.h"

static int64_t seconds_of(const char *text)
{
	int64_t ms;

	assert_int_equal(timestamp_parse_rfc3339(text, strlen(text), &ms), 0);
	return ms / 1000;
}

static void summer_time_begins_and_ends_when_it_should(void **state)
{
	static const struct {
		const char *zone, *at;
		int minutes;
	} rows[] = {
		{ "UTC", "2026-07-01T00:00:00Z", 0 },
		{ "", "2026-07-01T00:00:00Z", 0 },
		{ "Europe/Berlin", "2026-03-29T00:59:59Z", 60 },
		{ "Europe/Berlin", "2026-03-29T01:00:00Z", 120 },
		{ "Europe/Berlin", "2026-10-25T00:59:59Z", 120 },
		{ "Europe/Berlin", "2026-10-25T01:00:00Z", 60 },
		{ "Europe/Berlin", "1980-07-01T00:00:00Z", 120 },
		{ "Europe/Berlin", "1970-07-01T00:00:00Z", 60 },
		/* Past the list of changes: the rule. */
		{ "Europe/Berlin", "2099-03-29T00:59:59Z", 60 },
		{ "Europe/Berlin", "2099-03-29T01:00:00Z", 120 },
		{ "America/New_York", "2026-03-08T06:59:59Z", -300 },
		{ "America/New_York", "2026-03-08T07:00:00Z", -240 },
		{ "Australia/Sydney", "2021-04-03T15:59:59Z", 660 },
		{ "Australia/Sydney", "2021-04-03T16:00:00Z", 600 },
		{ "Australia/Sydney", "2050-01-01T00:00:00Z", 660 },
		{ "Asia/Kolkata", "2026-01-01T00:00:00Z", 330 },
		{ "Asia/Kathmandu", "2026-01-01T00:00:00Z", 345 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(arena_release) struct arena arena = ARENA_INIT;
		const struct zone *zone;

		assert_int_equal(zone_load(rows[i].zone, &arena, &zone), 0);
		assert_int_equal(zone_offset(zone, seconds_of(rows[i].at)), rows[i].minutes * 60);
	}
}

static void check(const struct zone *zone, const char *name, int64_t wall_s)
{
	time_t t = (time_t)wall_s;
	struct tm tm = { 0 };
	const char *said;
	int32_t offset_s = zone_at(zone, wall_s, &said);

	assert_non_null(localtime_r(&t, &tm));
	if (tm.tm_gmtoff != offset_s || !streq(tm.tm_zone, said))
		fail_msg("%s at %lld: %d %s, but glibc says %ld %s", name, (long long)wall_s,
			offset_s, said, tm.tm_gmtoff, tm.tm_zone);
}

static void all_agree_with_the_system(void **state)
{
	static const char *const names[] = { "Europe/Berlin", "Europe/London", "Europe/Dublin",
		"Europe/Lisbon", "Europe/Moscow", "America/New_York", "America/Sao_Paulo",
		"America/St_Johns", "America/Santiago", "America/Nuuk", "Africa/Casablanca",
		"Africa/Cairo", "Asia/Jerusalem", "Asia/Tehran", "Asia/Gaza", "Asia/Kolkata",
		"Asia/Tokyo", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Apia",
		"Pacific/Chatham", "Antarctica/Troll", "Etc/GMT+12" };
	const int64_t from = -2000000000, to = 4102444800; /* 1906 to 2100 */

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scoped(arena_release) struct arena arena = ARENA_INIT;
		const struct zone *zone;
		int64_t before = from;

		assert_int_equal(zone_load(names[i], &arena, &zone), 0);
		setenv("TZ", names[i], 1);
		tzset();
		for (int64_t t = from; t < to; t += 5 * 86400 + 1234) {
			int64_t low = before, high = t;

			check(zone, names[i], t);
			/* To the second of a change. */
			while (zone_offset(zone, low) != zone_offset(zone, high) &&
				high - low > 1) {
				int64_t mid = low + (high - low) / 2;
				bool same = zone_offset(zone, mid) == zone_offset(zone, low);

				low = same ? mid : low;
				high = same ? high : mid;
			}
			check(zone, names[i], low);
			check(zone, names[i], high);
			before = t;
		}
	}
	unsetenv("TZ");
	tzset();
}

static void local_is_the_process_s_own(void **state)
{
	scoped(arena_release) struct arena arena = ARENA_INIT;
	const struct zone *zone;

	assert_int_equal(zone_load("Local", &arena, &zone), 0);
	setenv("TZ", "XYZ-5:30", 1);
	tzset();
	assert_int_equal(zone_offset(zone, 0), 5 * 3600 + 30 * 60);
	unsetenv("TZ");
	tzset();
}

static void what_is_no_zone_is_refused(void **state)
{
	static const char *const names[] = { "Europe/Bonn", "europe/nowhere", "/etc/passwd",
		"../zoneinfo/UTC", "Europe/../UTC", "Europe", "Europe/", "Europe//Berlin", ".",
		"a\\b" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scoped(arena_release) struct arena arena = ARENA_INIT;
		const struct zone *zone;

		if (zone_load(names[i], &arena, &zone) != -ENOENT)
			fail_msg("%s", names[i]);
	}
}

/* A file of one change with the rule `text` behind it. */
static size_t make_file(unsigned char out[256], const char *text)
{
	static const unsigned char body[] = {
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		10, /* at 10 s */
		1,  /* the second type */
		0,
		0,
		0,
		7,
		0,
		0, /* 7 s */
		0xff,
		0xff,
		0xff,
		0xf7,
		1,
		0, /* -9 s */
		'X',
		0,
	};
	size_t len = 0;

	memset(out, 0, 256);
	for (int block = 0; block < 2; block++) {
		memcpy(out + len, "TZif2", 5);
		out[len + 39] = block ? 2 : 1; /* types */
		out[len + 43] = block ? 2 : 1; /* characters */
		out[len + 35] = block ? 1 : 0; /* changes */
		len += 44;
		if (!block)
			len += 7;
	}
	memcpy(out + len, body, sizeof(body));
	len += sizeof(body);
	return len + (size_t)snprintf((char *)out + len, 256 - len, "\n%s\n", text);
}

static void files_are_read_to_their_end(void **state)
{
	static const struct {
		const char *rule;
		int64_t at_s;
		int offset_s;
	} rows[] = {
		{ "", 9, 7 },
		{ "", 10, -9 },
		{ "", 1ll << 60, -9 },
		{ "ABC-1", 10, 3600 },
		{ "<+0130>-1:30:05", 11, 5405 },
		/* The 60th day, leap days not counted, and counted from 0. */
		{ "ABC0DEF,J60/0,J61/0", 68256000 + 59 * 86400, 0 },
		{ "ABC0DEF,J60/0,J61/0", 63072000 + 60 * 86400, 3600 },
		{ "ABC0DEF,59/0,60/0", 63072000 + 59 * 86400, 3600 },
		{ "ABC0DEF-3,59/0,60/0", 63072000 + 59 * 86400 - 1, 0 },
		{ "ABC0DEF-3,59/0,60/3", 63072000 + 59 * 86400, 10800 },
	};
	static const char *const bad[] = { "A-1", "ABC", "ABC-1DEF", "ABC-1DEF,M13.1.0,M1.1.0",
		"ABC-1DEF,M3.0.0,M1.1.0", "ABC-1DEF,M3.1.0", "ABC-1x", "ABC-200", "ABC-1DEF,J0,J1",
		"<AB-1", "ABC-1DEF,M3.1.0,M4.1.0/" };
	unsigned char file[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(arena_release) struct arena arena = ARENA_INIT;
		size_t len = make_file(file, rows[i].rule);
		const struct zone *zone;

		assert_int_equal(zone_parse(file, len, &arena, &zone), 0);
		if (zone_offset(zone, rows[i].at_s) != rows[i].offset_s)
			fail_msg("row %zu: %d", i, zone_offset(zone, rows[i].at_s));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		scoped(arena_release) struct arena arena = ARENA_INIT;
		size_t len = make_file(file, bad[i]);
		const struct zone *zone;

		if (zone_parse(file, len, &arena, &zone) != -EINVAL)
			fail_msg("%s", bad[i]);
	}
}

static void a_broken_file_is_refused(void **state)
{
	unsigned char whole[256], file[256];
	size_t len = make_file(whole, "ABC-1DEF,M3.1.0,M4.1.0");
	unsigned seed = 1;

	for (size_t cut = 0; cut < len; cut++) {
		scoped(arena_release) struct arena arena = ARENA_INIT;
		scoped(freep) void *part = malloc(cut + !cut);
		const struct zone *zone;

		memcpy(part, whole, cut);
		assert_int_equal(zone_parse(part, cut, &arena, &zone), -EINVAL);
	}
	for (int turn = 0; turn < 20000; turn++) {
		scoped(arena_release) struct arena arena = ARENA_INIT;
		const struct zone *zone;

		memcpy(file, whole, len);
		for (int i = 0; i < 3; i++)
			file[(size_t)rand_r(&seed) % len] = (unsigned char)rand_r(&seed);
		if (!zone_parse(file, len, &arena, &zone))
			assert_in_range(
				zone_offset(zone, rand_r(&seed)) + 170 * 3600, 0, 340 * 3600);
	}
}

static int load_one(void *userdata)
{
	scoped(arena_release) struct arena arena = ARENA_INIT;
	const struct zone *zone;

	return zone_load("Europe/Berlin", &arena, &zone);
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(load_one, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summer_time_begins_and_ends_when_it_should),
		cmocka_unit_test(all_agree_with_the_system),
		cmocka_unit_test(local_is_the_process_s_own),
		cmocka_unit_test(what_is_no_zone_is_refused),
		cmocka_unit_test(files_are_read_to_their_end),
		cmocka_unit_test(a_broken_file_is_refused),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
