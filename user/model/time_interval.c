/*
 * time_interval.c - stretches of time that come again.
 *
 * Alertmanager counts the days of a month in hours, and so takes one day from a month in which
 * summer time begins; here it has all its days.
 */
#include "model/time_interval.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "base/num.h"

static bool contains(const struct ranges *ranges, int value)
{
	if (!ranges->set)
		return true;
	for (size_t i = 0; i < ranges->n; i++) {
		if (value >= ranges->items[i].begin && value <= ranges->items[i].end)
			return true;
	}
	return false;
}

static bool contains_minute(const struct ranges *times, int minute)
{
	if (!times->set)
		return true;
	for (size_t i = 0; i < times->n; i++) {
		if (minute >= times->items[i].begin && minute < times->items[i].end)
			return true;
	}
	return false;
}

static int days_in_month(const struct tm *tm)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = tm->tm_year + 1900;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[tm->tm_mon] + (tm->tm_mon == 1 && leap);
}

static bool contains_day(const struct ranges *ranges, const struct tm *tm)
{
	int length = days_in_month(tm);

	if (!ranges->set)
		return true;
	for (size_t i = 0; i < ranges->n; i++) {
		int begin = ranges->items[i].begin, end = ranges->items[i].end;

		begin = begin < 0 ? length + begin + 1 : begin;
		end = end < 0 ? length + end + 1 : end;
		if (tm->tm_mday >= begin && tm->tm_mday <= end)
			return true;
	}
	return false;
}

bool time_interval_contains(const struct time_interval *interval, int64_t wall_ms)
{
	int64_t wall_s = wall_ms / 1000 - (wall_ms % 1000 < 0);
	struct tm tm = { 0 };
	time_t local;

	local = (time_t)(wall_s + (interval->zone ? zone_offset(interval->zone, wall_s) : 0));
	if (!gmtime_r(&local, &tm))
		return false;
	return contains_minute(&interval->times, tm.tm_hour * 60 + tm.tm_min) &&
	       contains_day(&interval->days_of_month, &tm) &&
	       contains(&interval->months, tm.tm_mon + 1) &&
	       contains(&interval->weekdays, tm.tm_wday) &&
	       contains(&interval->years, tm.tm_year + 1900);
}

/* -- reading --------------------------------------------------------------------------------- */

static const char *const weekdays[] = { "sunday", "monday", "tuesday", "wednesday", "thursday",
	"friday", "saturday", NULL };
static const char *const months[] = { "", "january", "february", "march", "april", "may", "june",
	"july", "august", "september", "october", "november", "december", NULL };

struct range_syntax {
	const char *what;
	const char *const *names;
	bool numbers;
};

static const struct range_syntax syntaxes[] = {
	[RANGE_WEEKDAYS] = { "weekday", weekdays, false },
	[RANGE_DAYS_OF_MONTH] = { "day of the month", NULL, true },
	[RANGE_MONTHS] = { "month", months, true },
	[RANGE_YEARS] = { "year", NULL, true },
};

static bool read_member(const struct range_syntax *syntax, const char *text, int *ret)
{
	int64_t number;

	for (int i = 0; syntax->names && syntax->names[i]; i++) {
		if (*text && streq(syntax->names[i], text)) {
			*ret = i;
			return true;
		}
	}
	if (!syntax->numbers || num_parse_int(text, INT32_MIN, INT32_MAX, &number))
		return false;
	*ret = (int)number;
	return true;
}

static bool day_valid(int day)
{
	return day && day >= -31 && day <= 31;
}

/* No month has fewer than 28 days. */
static int at_least(int day)
{
	return day < 0 ? 28 + day : day;
}

static int check_days(const struct range *range, char *error, size_t size)
{
	if (!day_valid(range->begin) || !day_valid(range->end))
		snprintf(error, size, "%d is not a valid day of the month: out of range",
			day_valid(range->begin) ? range->end : range->begin);
	else if (range->begin < 0 && range->end > 0)
		snprintf(error, size, "end day must be negative if start day is negative");
	else if (at_least(range->begin) > at_least(range->end))
		snprintf(error, size, "end day %d is always before start day %d", range->end,
			range->begin);
	else
		return 0;
	return -EINVAL;
}

static const char *month_name(int month)
{
	return month >= 1 && month <= 12 ? months[month] : "";
}

static int check_range(enum range_kind kind, const struct range *range, char *error, size_t size)
{
	if (kind == RANGE_DAYS_OF_MONTH)
		return check_days(range, error, size);
	if (range->begin <= range->end)
		return 0;
	if (kind == RANGE_WEEKDAYS)
		snprintf(error, size, "start day cannot be before end day");
	else if (kind == RANGE_MONTHS)
		snprintf(error, size, "end month %s is before start month %s",
			month_name(range->end), month_name(range->begin));
	else
		snprintf(error, size, "end year %d is before start year %d", range->end,
			range->begin);
	return -EINVAL;
}

int range_parse(
	enum range_kind kind, const char *text, struct range *ret, char *error, size_t error_size)
{
	const struct range_syntax *syntax = &syntaxes[kind];
	char lower[64], *begin = lower, *end = lower, *colon;
	struct range range;
	size_t len = strlen(text);
	int err;

	for (size_t i = 0; i <= len && i < sizeof(lower); i++)
		lower[i] = (char)tolower((unsigned char)text[i]);
	colon = len < sizeof(lower) ? strchr(lower, ':') : NULL;
	if (len >= sizeof(lower) || (colon && strchr(colon + 1, ':'))) {
		snprintf(error, error_size, "couldn't parse range %.60s, invalid format", text);
		return -EINVAL;
	}
	if (colon) {
		*colon = '\0';
		end = colon + 1;
	}
	if (!read_member(syntax, begin, &range.begin) || !read_member(syntax, end, &range.end)) {
		snprintf(error, error_size, "%s is not a valid %s",
			read_member(syntax, begin, &range.begin) ? end : begin, syntax->what);
		return -EINVAL;
	}
	err = check_range(kind, &range, error, error_size);
	if (!err)
		*ret = range;
	return err;
}

/* HH:MM, up to 24:00; -1 for anything else. */
static int read_minutes(const char *s)
{
	int minutes;

	if (strlen(s) != 5 || s[2] != ':' || s[3] > '5')
		return -1;
	for (size_t i = 0; i < 5; i++) {
		if (i != 2 && !isdigit((unsigned char)s[i]))
			return -1;
	}
	minutes = ((s[0] - '0') * 10 + s[1] - '0') * 60 + (s[3] - '0') * 10 + s[4] - '0';
	return minutes <= 24 * 60 ? minutes : -1;
}

int range_parse_times(
	const char *start, const char *end, struct range *ret, char *error, size_t error_size)
{
	struct range range;

	if (!start || !*start || !end || !*end) {
		snprintf(error, error_size, "both start and end times must be provided");
		return -EINVAL;
	}
	range.begin = read_minutes(start);
	range.end = read_minutes(end);
	if (range.begin < 0 || range.end < 0) {
		snprintf(error, error_size, "couldn't parse timestamp %.60s, invalid format",
			range.begin < 0 ? start : end);
		return -EINVAL;
	}
	if (range.begin >= range.end) {
		snprintf(error, error_size, "start time cannot be equal or greater than end time");
		return -EINVAL;
	}
	*ret = range;
	return 0;
}
