/*
 * timestamp.c - instants as text.
 */
#include "model/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <time.h>

#define DAY_MS 86400000ll
/* Those of a whole turn of the calendar: 400 years. */
#define TURN_DAYS  146097
#define TURN_YEARS 400
/* From March 1 of the year 0, where leap days are last, to January 1, 1970. */
#define DAYS_TO_1970 719468

static void split(int64_t wall_ms, time_t *seconds, int *ms)
{
	int64_t s = wall_ms / 1000, rest = wall_ms % 1000;

	if (rest < 0) {
		rest += 1000;
		s--;
	}
	*seconds = (time_t)s;
	*ms = (int)rest;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970 of a day that need not exist: February 31 is that many days after its first. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t turn, of_turn;

	year -= month < 3;
	turn = floor_div(year, TURN_YEARS);
	of_turn = year - turn * TURN_YEARS;
	return turn * TURN_DAYS + of_turn * 365 + of_turn / 4 - of_turn / 100 +
	       (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1 - DAYS_TO_1970;
}

static void date_of(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
	int64_t turn, of_turn, year, of_year, month;

	days += DAYS_TO_1970;
	turn = floor_div(days, TURN_DAYS);
	of_turn = days - turn * TURN_DAYS;
	year = (of_turn - of_turn / 1460 + of_turn / 36524 - of_turn / (TURN_DAYS - 1)) / 365;
	of_year = of_turn - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	*ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = year + turn * TURN_YEARS + (*ret_month < 3);
}

/* n digits and what stands behind them. */
static char *put_digits(char *to, int v, int n, char behind)
{
	for (int i = n; i--; v /= 10)
		to[i] = (char)('0' + v % 10);
	to[n] = behind;
	return to + n + 1;
}

void timestamp_format_rfc3339(struct strbuf *out, int64_t wall_ms)
{
	int64_t days = floor_div(wall_ms, DAY_MS), year;
	int ms = (int)(wall_ms - days * DAY_MS), month, day;
	char text[32], *at = text;

	date_of(days, &year, &month, &day);
	if (year >= 0 && year <= 9999) {
		at = put_digits(at, (int)year, 4, '-');
	} else {
		strbuf_addi(out, year);
		*at++ = '-';
	}
	at = put_digits(at, month, 2, '-');
	at = put_digits(at, day, 2, 'T');
	at = put_digits(at, ms / 3600000, 2, ':');
	at = put_digits(at, ms / 60000 % 60, 2, ':');
	at = put_digits(at, ms / 1000 % 60, 2, '.');
	at = put_digits(at, ms % 1000, 3, 'Z');
	strbuf_add(out, text, (size_t)(at - text));
}

void timestamp_format_rfc5322(struct strbuf *out, int64_t wall_ms)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	struct tm tm = { 0 };
	time_t seconds;
	long minutes;
	int ms;

	split(wall_ms, &seconds, &ms);
	localtime_r(&seconds, &tm);
	minutes = labs(tm.tm_gmtoff) / 60;
	strbuf_addf(out, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld", days[tm.tm_wday],
		tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
		tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

void timestamp_format_local(struct strbuf *out, int64_t wall_ms)
{
	struct tm tm = { 0 };
	time_t seconds;
	int ms;

	split(wall_ms, &seconds, &ms);
	localtime_r(&seconds, &tm);
	strbuf_addf(out, "%04d-%02d-%02d %02d:%02d:%02d %s", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_zone ? tm.tm_zone : "UTC");
}

/* n digits at *p, moved past them; -1 where they are not there. */
static int digits(const char **p, const char *end, int n)
{
	int v = 0;

	for (; n; n--, (*p)++) {
		if (*p >= end || !isdigit((unsigned char)**p))
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static bool skip(const char **p, const char *end, const char *any)
{
	if (*p >= end || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

static bool in_range(int v, int min, int max)
{
	return v >= min && v <= max;
}

/* What days_of() gave for a day of that month that there is. */
static bool is_day(int64_t days, int month)
{
	int64_t year;
	int in_month, in_day;

	date_of(days, &year, &in_month, &in_day);
	return in_month == month;
}

int timestamp_parse_rfc3339(const char *s, size_t len, int64_t *ret_wall_ms)
{
	const char *p = s, *end = s + len;
	int year, month, day, hour, minute, second, hours, minutes;
	int64_t days, ms = 0, scale = 100, offset = 0;
	char sign;

	year = digits(&p, end, 4);
	if (!skip(&p, end, "-") || !in_range(month = digits(&p, end, 2), 1, 12) ||
		!skip(&p, end, "-") || !in_range(day = digits(&p, end, 2), 1, 31) ||
		!skip(&p, end, "Tt ") || !in_range(hour = digits(&p, end, 2), 0, 23) ||
		!skip(&p, end, ":") || !in_range(minute = digits(&p, end, 2), 0, 59) ||
		!skip(&p, end, ":") || !in_range(second = digits(&p, end, 2), 0, 59) || year < 0)
		return -EINVAL;
	days = days_of(year, month, day);
	if (!is_day(days, month))
		return -EINVAL;
	if (skip(&p, end, ".")) {
		if (p >= end || !isdigit((unsigned char)*p))
			return -EINVAL;
		for (; p < end && isdigit((unsigned char)*p); p++, scale /= 10)
			ms += (*p - '0') * scale;
	}
	if (p >= end)
		return -EINVAL;
	sign = *p++;
	if (sign == '+' || sign == '-') {
		hours = digits(&p, end, 2);
		if (!skip(&p, end, ":") || !in_range(hours, 0, 23) ||
			!in_range(minutes = digits(&p, end, 2), 0, 59))
			return -EINVAL;
		offset = (hours * 60 + minutes) * 60000ll * (sign == '-' ? -1 : 1);
	} else if (sign != 'Z' && sign != 'z') {
		return -EINVAL;
	}
	if (p != end)
		return -EINVAL;
	*ret_wall_ms =
		days * DAY_MS + hour * 3600000ll + minute * 60000ll + second * 1000ll + ms - offset;
	return 0;
}

/* -- as people write it ----------------------------------------------------------------------- */

static bool read_date(const char **p, const char *end, struct tm *tm)
{
	int year = digits(p, end, 4), month, day;

	if (year < 1970 || !skip(p, end, "-") || !in_range(month = digits(p, end, 2), 1, 12) ||
		!skip(p, end, "-") || !in_range(day = digits(p, end, 2), 1, 31) ||
		!skip(p, end, "Tt "))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

static bool read_clock(const char **p, const char *end, struct tm *tm)
{
	tm->tm_hour = digits(p, end, 2);
	if (!in_range(tm->tm_hour, 0, 23) || !skip(p, end, ":") ||
		!in_range(tm->tm_min = digits(p, end, 2), 0, 59))
		return false;
	tm->tm_sec = 0;
	return !skip(p, end, ":") || in_range(tm->tm_sec = digits(p, end, 2), 0, 59);
}

/* What stands behind the time may only name the zone that it is in. */
static bool is_zone(const char *p, const char *end, const struct tm *tm)
{
	size_t len = (size_t)(end - p);

	return !len || (tm->tm_zone && len == strlen(tm->tm_zone) + 1 && *p == ' ' &&
			       !memcmp(p + 1, tm->tm_zone, len - 1));
}

int timestamp_parse_human(const char *s, size_t len, int64_t now_wall_ms, int64_t *ret_wall_ms)
{
	const char *p = s, *end = s + len;
	struct tm tm = { 0 }, told;
	bool has_date;
	time_t seconds;
	int ms;

	if (!timestamp_parse_rfc3339(s, len, ret_wall_ms))
		return 0;
	split(now_wall_ms, &seconds, &ms);
	localtime_r(&seconds, &tm);
	has_date = read_date(&p, end, &tm);
	if (!has_date)
		p = s;
	if (!read_clock(&p, end, &tm))
		return -EINVAL;
	/* Whether it is summer there and then. */
	tm.tm_isdst = -1;
	told = tm;
	seconds = mktime(&tm);
	if (!has_date && seconds * 1000ll <= now_wall_ms) {
		told.tm_mday++;
		tm = told;
		seconds = mktime(&tm);
	} else if (tm.tm_mday != told.tm_mday) {
		return -EINVAL; /* there is no such day */
	}
	if (!is_zone(p, end, &tm))
		return -EINVAL;
	*ret_wall_ms = seconds * 1000ll;
	return 0;
}
