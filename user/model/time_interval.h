/*
 * time_interval.h - stretches of time that come again: "monday:friday from 09:00 to 17:00 in Berlin".
 *
 * Source: alertmanager timeinterval/timeinterval.go.
 */
#ifndef TOLLD_MODEL_TIME_INTERVAL_H
#define TOLLD_MODEL_TIME_INTERVAL_H

#include <stdbool.h>
#include "model/zone.h"

struct range {
	int begin, end;
};

struct ranges {
	struct range *items;
	size_t n, cap;
	bool set; /* a list that is there and empty contains nothing; one that is not, everything */
};

struct time_interval {
	struct ranges times; /* minutes of the day, without the last */
	/* All of these with the last: Sunday is 0, January 1; days from the month's end are negative. */
	struct ranges weekdays, days_of_month, months, years;
	const struct zone *zone; /* NULL: UTC */
};

bool time_interval_contains(const struct time_interval *interval, int64_t wall_ms);

enum range_kind { RANGE_WEEKDAYS, RANGE_DAYS_OF_MONTH, RANGE_MONTHS, RANGE_YEARS };

/*
 * "monday:friday", "1:-1", "may", "2026": a range or one of it, in any case of letters. On -EINVAL
 * error[] says what is wrong, in Alertmanager's words.
 */
int range_parse(
	enum range_kind kind, const char *text, struct range *ret, char *error, size_t error_size);
/* "09:00" and "24:00": minutes of the day. The same errors; NULL is a time that is not given. */
int range_parse_times(
	const char *start, const char *end, struct range *ret, char *error, size_t error_size);

#endif
