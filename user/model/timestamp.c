/*
 * timestamp.c - instants as text.
 */
#include "model/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <time.h>

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

void timestamp_format_rfc3339(struct strbuf *out, int64_t wall_ms)
{
	struct tm tm = { 0 };
	time_t seconds;
	int ms;

	split(wall_ms, &seconds, &ms);
	gmtime_r(&seconds, &tm);
	strbuf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
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

int timestamp_parse_rfc3339(const char *s, size_t len, int64_t *ret_wall_ms)
{
	const char *p = s, *end = s + len;
	struct tm tm = { 0 };
	int64_t ms = 0, scale = 100, offset = 0;
	int hours, minutes;
	char sign;

	tm.tm_year = digits(&p, end, 4) - 1900;
	if (!skip(&p, end, "-") || !in_range(tm.tm_mon = digits(&p, end, 2) - 1, 0, 11) ||
		!skip(&p, end, "-") || !in_range(tm.tm_mday = digits(&p, end, 2), 1, 31) ||
		!skip(&p, end, "Tt ") || !in_range(tm.tm_hour = digits(&p, end, 2), 0, 23) ||
		!skip(&p, end, ":") || !in_range(tm.tm_min = digits(&p, end, 2), 0, 59) ||
		!skip(&p, end, ":") || !in_range(tm.tm_sec = digits(&p, end, 2), 0, 60) ||
		tm.tm_year < -1900)
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
	*ret_wall_ms = (int64_t)timegm(&tm) * 1000 + ms - offset;
	return 0;
}
