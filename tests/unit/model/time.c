/* Durations and instants as text. */
#include "harness.h"

#include <time.h>
#include "model/duration.h"
#include "model/timestamp.h"

static void durations_are_read_as_prometheus_reads_them(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *printed;
	} good[] = {
		{ "0", 0, "0s" },
		{ "0s", 0, "0s" },
		{ "1m", 60000, "1m" },
		{ "1h30m", 5400000, "1h30m" },
		{ "500ms", 500, "500ms" },
		{ "1d", 86400000, "1d" },
		{ "90d", 7776000000, "90d" },
		{ "2w", 1209600000, "2w" },
		{ "1y", 31536000000, "1y" },
		{ "120s", 120000, "2m" },
		{ "1w2d3h4m5s6ms", 788645006, "9d3h4m5s6ms" },
	};
	static const char *const bad[] = { "", "1", "1x", "m", "1.5h", "1m1h", "1m1m", "-1m", " 1m",
		"1m ", "1 m" };
	int64_t ms;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct strbuf out = STRBUF_INIT;

		assert_int_equal(duration_parse(good[i].text, strlen(good[i].text), &ms), 0);
		assert_int_equal(ms, good[i].ms);
		duration_format(&out, ms);
		assert_string_equal(out.s, good[i].printed);
		strbuf_release(&out);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(duration_parse(bad[i], strlen(bad[i]), &ms), -EINVAL);
	assert_int_equal(duration_parse("293y", 4, &ms), -ERANGE);
	assert_int_equal(duration_parse("99999999999999999999y", 21, &ms), -ERANGE);
}

static void people_get_two_units_at_most(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "0 ms" },
		{ 350, "350 ms" },
		{ 1000, "1 s" },
		{ 61000, "1 min 1 s" },
		{ 3600000, "1 h" },
		{ 273600000, "3 d 4 h" },
		{ 5400, "5 s" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;

		duration_format_human(&out, rows[i].ms);
		assert_string_equal(out.s, rows[i].text);
		strbuf_release(&out);
	}
}

static void instants_are_read_and_printed(void **state)
{
	static const struct {
		const char *text;
		int64_t wall_ms;
	} good[] = {
		{ "2006-01-02T15:04:05Z", 1136214245000 },
		{ "2006-01-02T15:04:05.123Z", 1136214245123 },
		{ "2006-01-02T16:04:05.123456789+01:00", 1136214245123 },
		{ "1969-12-31T23:59:59.5Z", -500 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "2023-12-31T23:59:59Z", 1704067199000 },
	};
	static const char *const bad[] = { "", "2006-01-02", "2006-13-02T15:04:05Z",
		"2006-01-02T25:04:05Z", "2006-01-02T15:04:05", "2006-01-02T15:04:05.Z",
		"2006-01-02T15:04:05+0100", "2006-01-02T15:04:05Zx", "2026-02-29T00:00:00Z",
		"2026-02-30T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-01-01T23:59:60Z" };
	struct strbuf out = STRBUF_INIT;
	int64_t ms;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(
			timestamp_parse_rfc3339(good[i].text, strlen(good[i].text), &ms), 0);
		assert_int_equal(ms, good[i].wall_ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(timestamp_parse_rfc3339(bad[i], strlen(bad[i]), &ms), -EINVAL);
	timestamp_format_rfc3339(&out, 1136214245007);
	assert_string_equal(out.s, "2006-01-02T15:04:05.007Z");
	strbuf_reset(&out);
	setenv("TZ", "CET-1", 1);
	tzset();
	timestamp_format_rfc5322(&out, 1136214245007);
	assert_string_equal(out.s, "Mon, 02 Jan 2006 16:04:05 +0100");
	strbuf_reset(&out);
	timestamp_format_local(&out, 1136214245007);
	assert_string_equal(out.s, "2006-01-02 16:04:05 CET");
	strbuf_release(&out);
}

/* It is Sunday, 2026-11-22 15:46:25 UTC; in summer the zone is an hour further. */
static void people_write_times_as_they_are_used_to(void **state)
{
	static const struct {
		const char *text;
		int64_t wall_ms; /* -1: no time */
	} rows[] = {
		{ "2026-11-22 18:00", 1795366800000 },
		{ "2026-11-22T18:00", 1795366800000 },
		{ "2026-11-22 18:00:05", 1795366805000 },
		{ "2026-11-22 18:00:05 CET", 1795366805000 },
		{ "2026-07-01 18:00:05 CEST", 1782921605000 },
		{ "2026-11-22T17:00:05Z", 1795366805000 },
		{ "2026-11-22T17:00:05.500+00:00", 1795366805500 },
		/* Today, or tomorrow: it is 16:46:25 here. */
		{ "16:47", 1795362420000 },
		{ "16:46", 1795448760000 },
		{ "16:46:26", 1795362386000 },
		{ "00:00", 1795388400000 },
		{ "2026-11-22 18:00 UTC", -1 },
		{ "2026-07-01 18:00 CET", -1 },
		{ "2026-11-22 18:00x", -1 },
		{ "2026-11-31 18:00", -1 },
		{ "2026-02-29 18:00", -1 },
		{ "2026-11-22", -1 },
		{ "2026-11-22 24:00", -1 },
		{ "18", -1 },
		{ "18:60", -1 },
		{ "1:00", -1 },
		{ "", -1 },
	};

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t got = -1;
		int err = timestamp_parse_human(
			rows[i].text, strlen(rows[i].text), 1795362385250, &got);

		if (err != (rows[i].wall_ms < 0 ? -EINVAL : 0) || got != rows[i].wall_ms)
			fail_msg("%s: %d, %lld", rows[i].text, err, (long long)got);
	}
}

static void the_calendar_is_that_of_the_library(void **state)
{
	struct strbuf out = STRBUF_INIT, expected = STRBUF_INIT;
	/* From the year 0 to 9999, and some days beside the turns of 400 years. */
	const int64_t first = -62167219200, last = 253402300799;

	for (int64_t s = first; s <= last; s += 86400 * 13 + 3607) {
		struct tm tm;
		time_t seconds = s;
		int64_t ms;

		gmtime_r(&seconds, &tm);
		strbuf_reset(&out);
		strbuf_reset(&expected);
		timestamp_format_rfc3339(&out, s * 1000 + 5);
		strbuf_addf(&expected, "%04d-%02d-%02dT%02d:%02d:%02d.005Z", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		assert_string_equal(out.s, expected.s);
		assert_int_equal(timestamp_parse_rfc3339(out.s, out.len, &ms), 0);
		assert_int_equal(ms, s * 1000 + 5);
	}
	strbuf_reset(&out);
	timestamp_format_rfc3339(&out, (last + 1) * 1000);
	assert_string_equal(out.s, "10000-01-01T00:00:00.000Z");
	strbuf_release(&out);
	strbuf_release(&expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_as_prometheus_reads_them),
		cmocka_unit_test(people_get_two_units_at_most),
		cmocka_unit_test(instants_are_read_and_printed),
		cmocka_unit_test(people_write_times_as_they_are_used_to),
		cmocka_unit_test(the_calendar_is_that_of_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
