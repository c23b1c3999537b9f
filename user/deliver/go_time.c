/*
 * go_time.c - Go's layouts, which say how a time is written by writing one: Mon Jan 2 15:04:05 2006.
 */
#include "deliver/go_time.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include "base/clock.h"

static const char *const months[] = { "January", "February", "March", "April", "May", "June",
	"July", "August", "September", "October", "November", "December" };
static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
	"Friday", "Saturday" };

enum part {
	PART_LITERAL,
	PART_MONTH_NAME,
	PART_MONTH_SHORT,
	PART_MONTH,
	PART_WEEKDAY,
	PART_WEEKDAY_SHORT,
	PART_DAY,
	PART_YEAR_DAY,
	PART_HOUR,
	PART_HOUR_12,
	PART_MINUTE,
	PART_SECOND,
	PART_YEAR,
	PART_YEAR_SHORT,
	PART_AM_PM,
	PART_ZONE_NAME,
	PART_OFFSET,
	PART_FRACTION,
};

/* One element of a layout: of the numbers how wide they are, of offsets how they are written. */
struct element {
	const char *text;
	enum part part;
	char pad; /* 0: none; else what fills up to `width` */
	int width;
	bool z, colon;	  /* offsets: Z for UTC; with a colon */
	int offset_parts; /* hours; and minutes; and seconds */
};

/* Where two begin alike, the longer one is meant. */
static const struct element elements[] = {
	{ .text = "January", .part = PART_MONTH_NAME },
	{ .text = "Jan", .part = PART_MONTH_SHORT },
	{ .text = "01", .part = PART_MONTH, .pad = '0', .width = 2 },
	{ .text = "1", .part = PART_MONTH },
	{ .text = "Monday", .part = PART_WEEKDAY },
	{ .text = "Mon", .part = PART_WEEKDAY_SHORT },
	{ .text = "002", .part = PART_YEAR_DAY, .pad = '0', .width = 3 },
	{ .text = "__2", .part = PART_YEAR_DAY, .pad = ' ', .width = 3 },
	{ .text = "02", .part = PART_DAY, .pad = '0', .width = 2 },
	{ .text = "_2", .part = PART_DAY, .pad = ' ', .width = 2 },
	{ .text = "2006", .part = PART_YEAR, .pad = '0', .width = 4 },
	{ .text = "2", .part = PART_DAY },
	{ .text = "15", .part = PART_HOUR, .pad = '0', .width = 2 },
	{ .text = "03", .part = PART_HOUR_12, .pad = '0', .width = 2 },
	{ .text = "3", .part = PART_HOUR_12 },
	{ .text = "04", .part = PART_MINUTE, .pad = '0', .width = 2 },
	{ .text = "4", .part = PART_MINUTE },
	{ .text = "05", .part = PART_SECOND, .pad = '0', .width = 2 },
	{ .text = "5", .part = PART_SECOND },
	{ .text = "06", .part = PART_YEAR_SHORT, .pad = '0', .width = 2 },
	{ .text = "PM", .part = PART_AM_PM, .pad = 'A' },
	{ .text = "pm", .part = PART_AM_PM, .pad = 'a' },
	{ .text = "MST", .part = PART_ZONE_NAME },
	{ .text = "Z070000", .part = PART_OFFSET, .z = true, .offset_parts = 3 },
	{ .text = "Z07:00:00", .part = PART_OFFSET, .z = true, .colon = true, .offset_parts = 3 },
	{ .text = "Z0700", .part = PART_OFFSET, .z = true, .offset_parts = 2 },
	{ .text = "Z07:00", .part = PART_OFFSET, .z = true, .colon = true, .offset_parts = 2 },
	{ .text = "Z07", .part = PART_OFFSET, .z = true, .offset_parts = 1 },
	{ .text = "-070000", .part = PART_OFFSET, .offset_parts = 3 },
	{ .text = "-07:00:00", .part = PART_OFFSET, .colon = true, .offset_parts = 3 },
	{ .text = "-0700", .part = PART_OFFSET, .offset_parts = 2 },
	{ .text = "-07:00", .part = PART_OFFSET, .colon = true, .offset_parts = 2 },
	{ .text = "-07", .part = PART_OFFSET, .offset_parts = 1 },
};

/* .000 or .999, with a point or a comma: how long it is, or 0. */
static size_t fraction_length(const char *s)
{
	size_t n;

	if (*s != '.' && *s != ',')
		return 0;
	n = s[1] == '0' ? strspn(s + 1, "0") : strspn(s + 1, "9");
	return n && n <= 9 && !isdigit((unsigned char)s[n + 1]) ? n + 1 : 0;
}

/* The element that the layout begins with; *ret_len bytes of it. A literal is one byte. */
static struct element next_element(const char *layout, size_t *ret_len)
{
	const struct element *best = NULL;
	size_t best_len = 0;

	*ret_len = fraction_length(layout);
	if (*ret_len)
		return (struct element){ .text = layout, .part = PART_FRACTION };
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
		size_t len = strlen(elements[i].text);

		if (len <= best_len || !starts_with(layout, elements[i].text))
			continue;
		/* "Janus" is no month. */
		if ((elements[i].part == PART_MONTH_SHORT ||
			    elements[i].part == PART_WEEKDAY_SHORT) &&
			islower((unsigned char)layout[len]))
			continue;
		best = &elements[i];
		best_len = len;
	}
	*ret_len = best ? best_len : 1;
	return best ? *best : (struct element){ .text = layout, .part = PART_LITERAL };
}

/* -- written -- */

static void add_padded(struct strbuf *out, const struct element *e, int v)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", v < 0 ? -v : v);

	if (v < 0)
		strbuf_addch(out, '-');
	for (; len < e->width; len++)
		strbuf_addch(out, e->pad);
	strbuf_adds(out, text);
}

static void add_offset(struct strbuf *out, const struct element *e, int offset)
{
	int v = abs(offset);

	if (e->z && !offset) {
		strbuf_addch(out, 'Z');
		return;
	}
	strbuf_addf(out, "%c%02d", offset < 0 ? '-' : '+', v / 3600);
	if (e->offset_parts > 1)
		strbuf_addf(out, "%s%02d", e->colon ? ":" : "", v / 60 % 60);
	if (e->offset_parts > 2)
		strbuf_addf(out, "%s%02d", e->colon ? ":" : "", v % 60);
}

static void add_fraction(struct strbuf *out, const char *layout, size_t len, int32_t nanoseconds)
{
	char digits[10];
	size_t n = len - 1;

	snprintf(digits, sizeof(digits), "%09" PRId32, nanoseconds);
	/* Nines stand for digits that may be left out at the end. */
	while (layout[1] == '9' && n && digits[n - 1] == '0')
		n--;
	if (!n)
		return;
	strbuf_addch(out, layout[0]);
	strbuf_add(out, digits, n);
}

static void add_element(struct strbuf *out, const struct element *e, size_t len,
	const struct go_time *t, const struct tm *tm, int offset, const char *zone)
{
	int hour12 = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;

	switch (e->part) {
	case PART_LITERAL:
		strbuf_add(out, e->text, len);
		return;
	case PART_MONTH_NAME:
		strbuf_adds(out, months[tm->tm_mon]);
		return;
	case PART_MONTH_SHORT:
		strbuf_add(out, months[tm->tm_mon], 3);
		return;
	case PART_WEEKDAY:
		strbuf_adds(out, days[tm->tm_wday]);
		return;
	case PART_WEEKDAY_SHORT:
		strbuf_add(out, days[tm->tm_wday], 3);
		return;
	case PART_MONTH:
		add_padded(out, e, tm->tm_mon + 1);
		return;
	case PART_DAY:
		add_padded(out, e, tm->tm_mday);
		return;
	case PART_YEAR_DAY:
		add_padded(out, e, tm->tm_yday + 1);
		return;
	case PART_HOUR:
		add_padded(out, e, tm->tm_hour);
		return;
	case PART_HOUR_12:
		add_padded(out, e, hour12);
		return;
	case PART_MINUTE:
		add_padded(out, e, tm->tm_min);
		return;
	case PART_SECOND:
		add_padded(out, e, tm->tm_sec);
		return;
	case PART_YEAR:
		add_padded(out, e, tm->tm_year + 1900);
		return;
	case PART_YEAR_SHORT:
		add_padded(out, e, (tm->tm_year + 1900) % 100);
		return;
	case PART_AM_PM:
		strbuf_adds(out, e->pad == 'A' ? (tm->tm_hour < 12 ? "AM" : "PM")
					       : (tm->tm_hour < 12 ? "am" : "pm"));
		return;
	case PART_ZONE_NAME:
		strbuf_adds(out, zone);
		return;
	case PART_OFFSET:
		add_offset(out, e, offset);
		return;
	case PART_FRACTION:
		add_fraction(out, e->text, len, t->nanoseconds);
		return;
	}
}

/* The calendar at that instant and in that zone. */
static void split(const struct go_time *t, struct tm *tm, int *ret_offset, const char **ret_zone)
{
	time_t shown;

	*ret_zone = "UTC";
	*ret_offset = t->zone ? zone_at(t->zone, t->unix_seconds, ret_zone) : 0;
	shown = (time_t)(t->unix_seconds + *ret_offset);
	*tm = (struct tm){ .tm_year = -1899, .tm_mday = 1 };
	gmtime_r(&shown, tm);
}

void go_time_format(const struct go_time *t, const char *layout, struct strbuf *out)
{
	const char *zone;
	struct tm tm;
	size_t len;
	int offset;

	split(t, &tm, &offset, &zone);
	for (; *layout; layout += len) {
		struct element e = next_element(layout, &len);

		add_element(out, &e, len, t, &tm, offset, zone);
	}
}

/* -- read -- */

struct fields {
	int year, month, day, year_day, hour, minute, second, offset;
	int32_t nanoseconds;
	bool pm, am;
};

/* At least one and at most `max` digits, or exactly `min` where more than one is wanted. */
static bool take_number(const char **p, int min, int max, int *ret)
{
	int n = 0, v = 0;

	for (; n < max && isdigit((unsigned char)(*p)[n]); n++)
		v = v * 10 + ((*p)[n] - '0');
	if (n < min)
		return false;
	*p += n;
	*ret = v;
	return true;
}

/* A name of the table, whole or its first three letters: its number. */
static bool take_name(const char **p, const char *const *names, size_t n, bool is_short, int *ret)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = is_short ? 3 : strlen(names[i]);

		if (strncasecmp(*p, names[i], len))
			continue;
		*p += len;
		*ret = (int)i;
		return true;
	}
	return false;
}

static bool take_offset(const char **p, const struct element *e, struct fields *f)
{
	int sign, part, sum = 0, unit = 3600;

	if (e->z && **p == 'Z') {
		++*p;
		return true;
	}
	if (**p != '+' && **p != '-')
		return false;
	sign = *(*p)++ == '-' ? -1 : 1;
	for (int i = 0; i < e->offset_parts; i++, unit /= 60) {
		if (i && e->colon && *(*p)++ != ':')
			return false;
		if (!take_number(p, 2, 2, &part))
			return false;
		sum += part * unit;
	}
	f->offset = sign * sum;
	return true;
}

static bool take_fraction(const char **p, size_t digits, bool exact, int32_t *ret)
{
	int32_t scale = 100000000, sum = 0;
	size_t n = 0;

	if (**p != '.' && **p != ',')
		return !exact;
	for (++*p; isdigit((unsigned char)**p); ++*p, n++, scale /= 10)
		sum += (**p - '0') * scale;
	*ret = sum;
	return exact ? n == digits : n > 0;
}

static bool take_am_pm(const char **p, struct fields *f)
{
	f->pm = !strncasecmp(*p, "pm", 2);
	f->am = !strncasecmp(*p, "am", 2);
	*p += 2 * (f->pm || f->am);
	return f->pm || f->am;
}

static bool take_zone_name(const char **p)
{
	const char *begin = *p;

	while (isupper((unsigned char)**p))
		++*p;
	return *p - begin >= 3 && *p - begin <= 5;
}

static bool take_element(const char **p, const struct element *e, size_t len, struct fields *f)
{
	int min = e->pad == '0' ? e->width : 1, ignored;

	if (e->pad == ' ')
		*p += strspn(*p, " ");
	switch (e->part) {
	case PART_LITERAL:
		return *(*p)++ == *e->text;
	case PART_MONTH_NAME:
	case PART_MONTH_SHORT:
		if (!take_name(p, months, 12, e->part == PART_MONTH_SHORT, &f->month))
			return false;
		f->month++;
		return true;
	case PART_WEEKDAY:
	case PART_WEEKDAY_SHORT:
		return take_name(p, days, 7, e->part == PART_WEEKDAY_SHORT, &ignored);
	case PART_MONTH:
		return take_number(p, min, 2, &f->month);
	case PART_DAY:
		return take_number(p, min, 2, &f->day);
	case PART_YEAR_DAY:
		return take_number(p, min, 3, &f->year_day);
	case PART_HOUR:
	case PART_HOUR_12:
		return take_number(p, min, 2, &f->hour);
	case PART_MINUTE:
		return take_number(p, min, 2, &f->minute);
	case PART_SECOND:
		/* As in Go, a fraction may follow even where the layout has none. */
		return take_number(p, min, 2, &f->second) &&
		       (!((**p == '.' || **p == ',') && isdigit((unsigned char)(*p)[1]) &&
				!fraction_length(e->text + len)) ||
			       take_fraction(p, 0, false, &f->nanoseconds));
	case PART_YEAR:
		return take_number(p, 4, 4, &f->year);
	case PART_YEAR_SHORT:
		if (!take_number(p, 2, 2, &f->year))
			return false;
		f->year += f->year >= 69 ? 1900 : 2000;
		return true;
	case PART_AM_PM:
		return take_am_pm(p, f);
	case PART_ZONE_NAME:
		return take_zone_name(p);
	case PART_OFFSET:
		return take_offset(p, e, f);
	case PART_FRACTION:
		return take_fraction(p, len - 1, e->text[1] == '0', &f->nanoseconds);
	}
	return false;
}

static int days_in(int month, int year)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return lengths[month - 1] + (month == 2 && leap);
}

/* The name of what is not a time, or NULL. */
static const char *out_of_range(const struct fields *f)
{
	if (f->month < 1 || f->month > 12)
		return "month";
	if (f->day < 1 || f->day > days_in(f->month, f->year))
		return "day";
	if (f->hour > 23 || ((f->am || f->pm) && f->hour > 12))
		return "hour";
	if (f->minute > 59)
		return "minute";
	return f->second > 59 ? "second" : NULL;
}

int go_time_parse(
	const char *layout, const char *text, struct go_time *ret, char *error, size_t error_size)
{
	struct fields f = { .month = 1, .day = 1 };
	const char *p = text, *at = layout, *what;
	struct tm tm = { 0 };
	size_t len;

	for (; *at; at += len) {
		const char *begin = p;
		struct element e = next_element(at, &len);

		/* What follows a second in the layout decides about its fraction. */
		if (e.part != PART_LITERAL)
			e.text = at;
		if (take_element(&p, &e, len, &f))
			continue;
		snprintf(error, error_size,
			"parsing time \"%s\" as \"%s\": cannot parse \"%s\" as \"%.*s\"", text,
			layout, begin, (int)len, at);
		return -EINVAL;
	}
	if (*p) {
		snprintf(error, error_size, "parsing time \"%s\": extra text: \"%s\"", text, p);
		return -EINVAL;
	}
	what = out_of_range(&f);
	if (what) {
		snprintf(error, error_size, "parsing time \"%s\": %s out of range", text, what);
		return -EINVAL;
	}
	if ((f.am || f.pm) && f.hour == 12)
		f.hour = 0;
	tm = (struct tm){ .tm_year = f.year - 1900,
		.tm_mon = f.year_day ? 0 : f.month - 1,
		.tm_mday = f.year_day ? f.year_day : f.day,
		.tm_hour = f.hour + 12 * f.pm,
		.tm_min = f.minute,
		.tm_sec = f.second };
	*ret = (struct go_time){ .unix_seconds = (int64_t)timegm(&tm) - f.offset,
		.nanoseconds = f.nanoseconds };
	return 0;
}

/* -- arithmetic -- */

struct go_time go_time_from_ms(int64_t wall_ms)
{
	int64_t rest = wall_ms % 1000;

	rest += rest < 0 ? 1000 : 0;
	return (struct go_time){ .unix_seconds = (wall_ms - rest) / 1000,
		.nanoseconds = (int32_t)rest * 1000000 };
}

bool go_time_is_zero(const struct go_time *t)
{
	return t->unix_seconds == GO_TIME_ZERO.unix_seconds && !t->nanoseconds;
}

int64_t go_time_sub(const struct go_time *a, const struct go_time *b)
{
	int64_t d;

	if (__builtin_sub_overflow(a->unix_seconds, b->unix_seconds, &d) ||
		__builtin_mul_overflow(d, NSEC_PER_SEC, &d) ||
		__builtin_add_overflow(d, a->nanoseconds - b->nanoseconds, &d))
		return a->unix_seconds < b->unix_seconds ? INT64_MIN : INT64_MAX;
	return d;
}

struct go_time go_time_add(const struct go_time *t, int64_t nanoseconds)
{
	struct go_time sum = *t;
	int64_t rest = t->nanoseconds + nanoseconds % NSEC_PER_SEC;

	sum.unix_seconds += nanoseconds / NSEC_PER_SEC;
	if (rest < 0 || rest >= NSEC_PER_SEC) {
		sum.unix_seconds += rest < 0 ? -1 : 1;
		rest += rest < 0 ? NSEC_PER_SEC : -NSEC_PER_SEC;
	}
	sum.nanoseconds = (int32_t)rest;
	return sum;
}

void go_duration_format(int64_t nanoseconds, struct strbuf *out)
{
	uint64_t v = nanoseconds < 0 ? -(uint64_t)nanoseconds : (uint64_t)nanoseconds;
	static const struct {
		uint64_t unit;
		const char *name;
		int digits;
	} units[] = { { 1000000000, "s", 9 }, { 1000000, "ms", 6 }, { 1000, "µs", 3 },
		{ 1, "ns", 0 } };
	size_t i = 0;

	if (!v) {
		strbuf_adds(out, "0s");
		return;
	}
	if (nanoseconds < 0)
		strbuf_addch(out, '-');
	while (v < units[i].unit)
		i++;
	if (v >= 3600 * units[0].unit)
		strbuf_addf(out, "%" PRIu64 "h", v / (3600 * units[0].unit));
	if (v >= 60 * units[0].unit)
		strbuf_addf(out, "%" PRIu64 "m", v / (60 * units[0].unit) % 60);
	if (i == 0)
		v %= 60 * units[0].unit;
	strbuf_addf(out, "%" PRIu64, v / units[i].unit);
	if (v % units[i].unit) {
		strbuf_addf(out, ".%0*" PRIu64, units[i].digits, v % units[i].unit);
		while (out->len && out->s[out->len - 1] == '0')
			strbuf_truncate(out, out->len - 1);
	}
	strbuf_adds(out, units[i].name);
}
