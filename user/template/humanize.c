/*
 * humanize.c - numbers for people, as Prometheus's template functions write them.
 */
#include "template/humanize.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <time.h>
#include "base/num.h"

static const char small_prefixes[] = "munpfazy";

/* Prometheus prints the plain value where no prefix applies. */
static bool is_plain(double v)
{
	return v == 0 || isnan(v) || isinf(v);
}

static void add_small(struct strbuf *out, double v)
{
	size_t i = 0;

	for (v *= 1000; fabs(v) < 1 && small_prefixes[i + 1]; i++)
		v *= 1000;
	num_format_general(out, v, 4);
	strbuf_addch(out, small_prefixes[i]);
}

static void add_large(struct strbuf *out, double v, double step, const char *suffix)
{
	static const char prefixes[] = "kMGTPEZY";
	size_t i = 0;

	while (fabs(v) >= step && prefixes[i]) {
		v /= step;
		i++;
	}
	num_format_general(out, v, 4);
	if (i) {
		strbuf_addch(out, prefixes[i - 1]);
		strbuf_adds(out, suffix);
	}
}

void humanize(struct strbuf *out, double v)
{
	if (is_plain(v))
		num_format_general(out, v, 4);
	else if (fabs(v) >= 1)
		add_large(out, v, 1000, "");
	else
		add_small(out, v);
}

void humanize_1024(struct strbuf *out, double v)
{
	if (is_plain(v) || fabs(v) <= 1)
		num_format_general(out, v, 4);
	else
		add_large(out, v, 1024, "i");
}

void humanize_duration(struct strbuf *out, double seconds)
{
	const char *sign = seconds < 0 ? "-" : "";
	double v = fabs(seconds);
	int64_t whole;

	if (is_plain(v)) {
		num_format_general(out, seconds, 4);
		if (v == 0)
			strbuf_addch(out, 's');
		return;
	}
	if (v < 1) {
		add_small(out, seconds);
		strbuf_addch(out, 's');
		return;
	}
	if (v < 60) {
		strbuf_adds(out, sign);
		num_format_general(out, v, 4);
		strbuf_addch(out, 's');
		return;
	}
	/* More seconds than int64 holds are not a duration that anybody reads. */
	whole = v < 9e18 ? (int64_t)v : INT64_MAX;
	strbuf_adds(out, sign);
	if (whole >= 86400)
		strbuf_addf(out, "%" PRId64 "d ", whole / 86400);
	if (whole >= 3600)
		strbuf_addf(out, "%" PRId64 "h ", whole / 3600 % 24);
	strbuf_addf(out, "%" PRId64 "m %" PRId64 "s", whole / 60 % 60, whole % 60);
}

void humanize_percentage(struct strbuf *out, double ratio)
{
	num_format_general(out, ratio * 100, 4);
	strbuf_addch(out, '%');
}

int humanize_timestamp(struct strbuf *out, double unix_seconds)
{
	double ns = unix_seconds * 1e9;
	int64_t ms, milliseconds;
	time_t seconds;
	struct tm tm;

	if (isnan(unix_seconds) || isinf(unix_seconds)) {
		num_format_general(out, unix_seconds, 4);
		return 0;
	}
	if (fabs(ns) > 9223372036854775807.0)
		return -ERANGE;
	/* Prometheus keeps whole milliseconds, those nearer to 1970. */
	ms = (fabs(ns) < 0x1p63 ? (int64_t)ns : INT64_MIN) / 1000000;
	milliseconds = (ms % 1000 + 1000) % 1000;
	seconds = (time_t)((ms - milliseconds) / 1000);
	gmtime_r(&seconds, &tm);
	strbuf_addf(out, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (milliseconds) {
		strbuf_addf(out, ".%03" PRId64, milliseconds);
		while (out->len && out->s[out->len - 1] == '0')
			strbuf_truncate(out, out->len - 1);
	}
	strbuf_adds(out, " +0000 UTC");
	return 0;
}
