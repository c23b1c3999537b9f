/* Stretches of time that come again: what they hold. */
#include "harness.h"

#include "model/time_interval.h"
#include "model/timestamp.h"

/* An interval of one range of each kind; NULL for none. */
struct parts {
	const char *start, *end, *weekdays, *days_of_month, *months, *years, *zone;
};

static void set(struct ranges *ranges, struct range *room, enum range_kind kind, const char *text)
{
	char error[160] = "";

	if (!text)
		return;
	if (range_parse(kind, text, room, error, sizeof(error)))
		fail_msg("%s: %s", text, error);
	*ranges = (struct ranges){ .items = room, .n = 1, .cap = 1, .set = true };
}

static bool contains(const struct parts *parts, const char *at)
{
	scoped(arena_release) struct arena arena = ARENA_INIT;
	struct time_interval interval = { 0 };
	struct range rooms[5];
	char error[160];
	int64_t wall_ms;

	if (parts->start) {
		assert_int_equal(range_parse_times(
					 parts->start, parts->end, &rooms[0], error, sizeof(error)),
			0);
		interval.times = (struct ranges){ .items = rooms, .n = 1, .cap = 1, .set = true };
	}
	set(&interval.weekdays, &rooms[1], RANGE_WEEKDAYS, parts->weekdays);
	set(&interval.days_of_month, &rooms[2], RANGE_DAYS_OF_MONTH, parts->days_of_month);
	set(&interval.months, &rooms[3], RANGE_MONTHS, parts->months);
	set(&interval.years, &rooms[4], RANGE_YEARS, parts->years);
	if (parts->zone)
		assert_int_equal(zone_load(parts->zone, &arena, &interval.zone), 0);
	assert_int_equal(timestamp_parse_rfc3339(at, strlen(at), &wall_ms), 0);
	return time_interval_contains(&interval, wall_ms);
}

static void an_interval_holds_what_all_its_parts_hold(void **state)
{
	static const struct parts always = { 0 },
				  office = { .start = "09:00",
					  .end = "17:00",
					  .weekdays = "monday:friday" },
				  easter = { .days_of_month = "4:6",
					  .months = "April",
					  .years = "2020" },
				  last_days = { .days_of_month = "-3:-1" },
				  all_june = { .days_of_month = "-31:-1", .months = "6" },
				  no_february = { .days_of_month = "30:31", .months = "february" },
				  sydney = { .start = "09:00",
					  .end = "17:00",
					  .weekdays = "monday:friday",
					  .zone = "Australia/Sydney" },
				  november = { .start = "09:00",
					  .end = "17:00",
					  .months = "november",
					  .zone = "Australia/Sydney" },
				  to_the_end = { .days_of_month = "1:-1" },
				  whole_days = { .start = "00:00", .end = "24:00" };
	static const struct {
		const struct parts *parts;
		const char *at;
		bool held;
	} rows[] = {
		{ &always, "2006-01-02T15:04:00Z", true },
		{ &always, "1960-01-02T15:04:00Z", true },
		{ &office, "2020-05-04T15:04:00Z", true },
		{ &office, "2020-05-05T10:04:00Z", true },
		{ &office, "2020-06-09T09:04:00Z", true },
		{ &office, "2020-05-03T15:04:00Z", false },
		{ &office, "2020-05-04T08:59:59.999Z", false },
		{ &office, "2020-05-04T09:00:00Z", true },
		{ &office, "2020-05-04T16:59:59.999Z", true },
		{ &office, "2020-05-04T17:00:00Z", false },
		{ &office, "2020-05-05T05:00:00Z", false },
		{ &easter, "2020-04-04T15:04:00Z", true },
		{ &easter, "2020-04-05T00:00:00Z", true },
		{ &easter, "2020-04-06T23:05:00Z", true },
		{ &easter, "2018-05-03T15:04:00Z", false },
		{ &easter, "2020-04-03T23:59:00Z", false },
		{ &easter, "2020-06-04T23:59:00Z", false },
		{ &easter, "2019-04-06T23:59:00Z", false },
		{ &easter, "2020-04-07T00:00:00Z", false },
		{ &last_days, "2020-01-31T15:04:00Z", true },
		{ &last_days, "2020-01-29T15:04:00Z", true },
		{ &last_days, "2020-06-30T00:00:00Z", true },
		{ &last_days, "2020-02-29T23:05:00Z", true },
		{ &last_days, "2021-02-26T23:05:00Z", true },
		{ &last_days, "2021-02-25T23:05:00Z", false },
		{ &last_days, "2020-01-28T15:04:00Z", false },
		{ &last_days, "2020-03-01T00:00:00Z", false },
		{ &last_days, "2018-05-03T15:04:00Z", false },
		{ &all_june, "2020-06-30T00:00:00Z", true },
		{ &all_june, "2020-06-01T00:00:00Z", true },
		{ &all_june, "2020-05-31T00:00:00Z", false },
		{ &all_june, "2020-07-01T00:00:00Z", false },
		{ &no_february, "2021-02-28T13:00:00Z", false },
		{ &sydney, "2021-04-06T13:00:00+10:00", true },
		{ &sydney, "2021-04-06T13:00:00Z", false },
		/* In summer: it is November there while it is October here. */
		{ &november, "2021-11-01T09:00:00+11:00", true },
		{ &november, "2021-10-31T22:00:00Z", true },
		{ &november, "2021-10-31T21:00:00Z", false },
		{ &to_the_end, "2021-02-28T13:00:00Z", true },
		{ &to_the_end, "2021-03-31T13:00:00Z", true },
		{ &whole_days, "2021-03-31T23:59:59Z", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (contains(rows[i].parts, rows[i].at) != rows[i].held)
			fail_msg("row %zu: %s", i, rows[i].at);
	}
}

static void clocks_that_change_move_the_hours(void **state)
{
	static const struct parts night = { .start = "02:00",
		.end = "03:00",
		.zone = "Europe/Berlin" },
				  march = { .days_of_month = "-1",
					  .months = "march",
					  .zone = "Europe/Berlin" };
	static const struct {
		const struct parts *parts;
		const char *at;
		bool held;
	} rows[] = {
		{ &night, "2026-03-28T01:30:00Z", true },
		/* The hour from two to three does not come. */
		{ &night, "2026-03-29T00:59:59Z", false },
		{ &night, "2026-03-29T01:00:00Z", false },
		{ &night, "2026-03-29T00:30:00Z", false },
		{ &night, "2026-03-30T00:30:00Z", true },
		/* It comes twice. */
		{ &night, "2026-10-24T23:59:59Z", false },
		{ &night, "2026-10-25T00:30:00Z", true },
		{ &night, "2026-10-25T01:30:00Z", true },
		{ &night, "2026-10-25T02:00:00Z", false },
		/* A month with a change in it has all its days. */
		{ &march, "2026-03-31T12:00:00Z", true },
		{ &march, "2026-03-30T12:00:00Z", false },
		{ &march, "2026-03-31T22:00:00Z", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (contains(rows[i].parts, rows[i].at) != rows[i].held)
			fail_msg("row %zu: %s", i, rows[i].at);
	}
}

static void an_empty_list_holds_nothing(void **state)
{
	struct time_interval interval = { .years.set = true };

	assert_false(time_interval_contains(&interval, 0));
	interval.years.set = false;
	assert_true(time_interval_contains(&interval, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interval_holds_what_all_its_parts_hold),
		cmocka_unit_test(clocks_that_change_move_the_hours),
		cmocka_unit_test(an_empty_list_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
