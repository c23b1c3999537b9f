/*
 * zone.c - zoneinfo files: a list of changes, and a rule for all years after the last of them.
 */
#include "model/zone.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define ZONEINFO      "/usr/share/zoneinfo"
#define ZONE_MAX_FILE ((size_t)256 << 10)
#define HEADER_LEN    44
#define DAY_S	      86400
#define MAX_OFFSET_S  (26 * 3600)
#define NAME_BYTES    16

/* When a yearly change comes: "M3.5.0/2", "J60", "59". */
struct change {
	enum { JULIAN_WITHOUT_LEAP_DAY, DAY_OF_YEAR, DAY_OF_MONTH } kind;
	int month, week, day;
	int32_t at_s; /* after that day's local midnight */
};

/* The text at the file's end: CET-1CEST,M3.5.0,M10.5.0/3 */
struct yearly {
	bool set, has_summer;
	int32_t standard_s, summer_s;
	char standard_name[NAME_BYTES], summer_name[NAME_BYTES];
	struct change to_summer, to_standard;
};

struct zone {
	bool local;
	size_t n;
	int64_t *at_s;	    /* changes, in order */
	int32_t *offsets_s; /* from each on */
	const char **names;
	int32_t first_s; /* before the first */
	const char *first_name;
	struct yearly yearly;
};

/* -- days ------------------------------------------------------------------------------------ */

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of January of a year. */
static int64_t days_before_year(int64_t year)
{
	int64_t y = year - 1;

	/* In whole periods of 400 years, so that nothing divided is negative. */
	return 365 * (year - 1970) + (y + 400000) / 4 - (y + 400000) / 100 + (y + 400000) / 400 -
	       (401969 / 4 - 401969 / 100 + 401969 / 400);
}

static int64_t year_of(int64_t days)
{
	int64_t year = 1970 + days / 366;

	while (days < days_before_year(year))
		year--;
	while (days >= days_before_year(year + 1))
		year++;
	return year;
}

/* The day of the year, from 0, on which a change comes. */
static int64_t day_of(const struct change *change, int64_t year)
{
	static const int before_month[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334,
		365 };
	int64_t first, length, weekday, day;

	if (change->kind == DAY_OF_YEAR)
		return change->day;
	if (change->kind == JULIAN_WITHOUT_LEAP_DAY)
		return change->day - 1 + (is_leap(year) && change->day > 59);
	first = before_month[change->month - 1] + (is_leap(year) && change->month > 2);
	length = before_month[change->month] - before_month[change->month - 1] +
		 (is_leap(year) && change->month == 2);
	/* 1970 began on a Thursday. */
	weekday = ((days_before_year(year) + first + 4) % 7 + 7) % 7;
	day = (change->day - weekday + 7) % 7 + 7 * (change->week - 1);
	return first + (day < length ? day : day - 7);
}

static bool is_summer(const struct yearly *yearly, int64_t wall_s)
{
	int64_t local_s = wall_s + yearly->standard_s, year, summer_s, standard_s;

	if (!yearly->has_summer)
		return false;
	year = year_of(local_s / DAY_S - (local_s % DAY_S < 0));
	summer_s = (days_before_year(year) + day_of(&yearly->to_summer, year)) * DAY_S +
		   yearly->to_summer.at_s - yearly->standard_s;
	standard_s = (days_before_year(year) + day_of(&yearly->to_standard, year)) * DAY_S +
		     yearly->to_standard.at_s - yearly->summer_s;
	/* South of the equator the year begins in summer. */
	if (summer_s < standard_s)
		return wall_s >= summer_s && wall_s < standard_s;
	return wall_s >= summer_s || wall_s < standard_s;
}

static int32_t local_at(int64_t wall_s, const char **ret_name)
{
	time_t t = (time_t)wall_s;
	struct tm tm = { 0 };

	if (!localtime_r(&t, &tm))
		return 0;
	*ret_name = tm.tm_zone;
	return (int32_t)tm.tm_gmtoff;
}

static int32_t yearly_at(const struct yearly *yearly, int64_t wall_s, const char **ret_name)
{
	bool summer = is_summer(yearly, wall_s);

	*ret_name = summer ? yearly->summer_name : yearly->standard_name;
	return summer ? yearly->summer_s : yearly->standard_s;
}

int32_t zone_at(const struct zone *zone, int64_t wall_s, const char **ret_name)
{
	size_t low = 0, high = zone->n;

	*ret_name = "UTC";
	if (zone->local)
		return local_at(wall_s, ret_name);
	if (zone->yearly.set && (!zone->n || wall_s >= zone->at_s[zone->n - 1]))
		return yearly_at(&zone->yearly, wall_s, ret_name);
	/* How many changes have come. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (zone->at_s[mid] <= wall_s)
			low = mid + 1;
		else
			high = mid;
	}
	if (low) {
		*ret_name = zone->names[low - 1];
		return zone->offsets_s[low - 1];
	}
	if (zone->first_name)
		*ret_name = zone->first_name;
	return zone->first_s;
}

int32_t zone_offset(const struct zone *zone, int64_t wall_s)
{
	const char *name;

	return zone_at(zone, wall_s, &name);
}

/* -- the rule at the end --------------------------------------------------------------------- */

static bool read_number(const char **s, int max, int *ret)
{
	int v = 0;

	if (!isdigit((unsigned char)**s))
		return false;
	for (; isdigit((unsigned char)**s); (*s)++) {
		v = v * 10 + (**s - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return true;
}

/* [+-]hours[:minutes[:seconds]] */
static bool read_span(const char **s, int32_t *ret_s)
{
	int sign = **s == '-' ? -1 : 1, parts[3] = { 0 };

	if (**s == '-' || **s == '+')
		(*s)++;
	for (int i = 0; i < 3; i++) {
		if (!read_number(s, i ? 59 : 167, &parts[i]))
			return false;
		if (i == 2 || **s != ':')
			break;
		(*s)++;
	}
	*ret_s = sign * (parts[0] * 3600 + parts[1] * 60 + parts[2]);
	return true;
}

/* CET, or <+03> */
static bool read_name(const char **s, char ret[NAME_BYTES])
{
	bool quoted = **s == '<';
	const char *from = *s += quoted;
	size_t len;

	while (quoted ? **s && **s != '>' : isalpha((unsigned char)**s))
		(*s)++;
	len = (size_t)(*s - from);
	if (len < 3 || len >= NAME_BYTES || (quoted && *(*s)++ != '>'))
		return false;
	memcpy(ret, from, len);
	ret[len] = '\0';
	return true;
}

static bool read_change(const char **s, struct change *ret)
{
	struct change change = { .kind = DAY_OF_YEAR, .at_s = 2 * 3600 };
	bool ok;

	if (*(*s)++ != ',')
		return false;
	if (**s == 'M') {
		change.kind = DAY_OF_MONTH;
		(*s)++;
		ok = read_number(s, 12, &change.month) && *(*s)++ == '.' &&
		     read_number(s, 5, &change.week) && *(*s)++ == '.' &&
		     read_number(s, 6, &change.day) && change.month && change.week;
	} else if (**s == 'J') {
		change.kind = JULIAN_WITHOUT_LEAP_DAY;
		(*s)++;
		ok = read_number(s, 365, &change.day) && change.day;
	} else {
		ok = read_number(s, 365, &change.day);
	}
	if (ok && **s == '/') {
		(*s)++;
		ok = read_span(s, &change.at_s);
	}
	*ret = change;
	return ok;
}

/* In POSIX, offsets count west. */
static bool read_yearly(const char *s, struct yearly *ret)
{
	struct yearly yearly = { .set = true };
	int32_t west_s;

	if (!read_name(&s, yearly.standard_name) || !read_span(&s, &west_s))
		return false;
	yearly.standard_s = -west_s;
	if (*s) {
		yearly.has_summer = true;
		if (!read_name(&s, yearly.summer_name))
			return false;
		yearly.summer_s = yearly.standard_s + 3600;
		if (*s != ',') {
			if (!read_span(&s, &west_s))
				return false;
			yearly.summer_s = -west_s;
		}
		if (!read_change(&s, &yearly.to_summer) || !read_change(&s, &yearly.to_standard))
			return false;
	}
	*ret = yearly;
	return !*s;
}

/* -- the file -------------------------------------------------------------------------------- */

struct header {
	unsigned version;
	size_t n_isut, n_isstd, n_leap, n_times, n_types, n_chars;
};

static int64_t big_endian(const unsigned char *p, size_t n)
{
	/* The sign is in the first byte. */
	uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

static bool read_header(const unsigned char *p, size_t len, struct header *ret)
{
	size_t *const counts[] = { &ret->n_isut, &ret->n_isstd, &ret->n_leap, &ret->n_times,
		&ret->n_types, &ret->n_chars };

	if (len < HEADER_LEN || memcmp(p, "TZif", 4))
		return false;
	ret->version = p[4];
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		int64_t n = big_endian(p + 20 + 4 * i, 4);

		if (n < 0 || (uint64_t)n > ZONE_MAX_FILE)
			return false;
		*counts[i] = (size_t)n;
	}
	return ret->n_types > 0;
}

/* The length of what follows a header; times have so many bytes. */
static size_t body_len(const struct header *h, size_t time_bytes)
{
	return h->n_times * (time_bytes + 1) + h->n_types * 6 + h->n_chars +
	       h->n_leap * (time_bytes + 4) + h->n_isstd + h->n_isut;
}

/* The abbreviations stand behind the types, which say where each begins. */
static int read_names(const unsigned char *types, const struct header *h,
	const unsigned char *kinds, struct arena *arena, struct zone *zone)
{
	const char *chars = (const char *)types + h->n_types * 6;
	const char **names = arena_alloc(arena, h->n_types * sizeof(*names));

	zone->names = arena_alloc(arena, (h->n_times + 1) * sizeof(*zone->names));
	if (!names || !zone->names)
		return -ENOMEM;
	for (size_t i = 0; i < h->n_types; i++) {
		size_t at = types[6 * i + 5];

		if (at >= h->n_chars)
			return -EINVAL;
		names[i] = arena_strndup(arena, chars + at, strnlen(chars + at, h->n_chars - at));
		if (!names[i])
			return -ENOMEM;
	}
	for (size_t i = 0; i < h->n_times; i++)
		zone->names[i] = names[kinds[i]];
	zone->first_name = names[0];
	return 0;
}

static int read_changes(const unsigned char *p, const struct header *h, size_t time_bytes,
	struct arena *arena, struct zone *zone)
{
	const unsigned char *kinds = p + h->n_times * time_bytes, *types = kinds + h->n_times;

	zone->n = h->n_times;
	zone->at_s = arena_alloc(arena, (h->n_times + 1) * sizeof(*zone->at_s));
	zone->offsets_s = arena_alloc(arena, (h->n_times + 1) * sizeof(*zone->offsets_s));
	if (!zone->at_s || !zone->offsets_s)
		return -ENOMEM;
	zone->first_s = (int32_t)big_endian(types, 4);
	for (size_t i = 0; i < h->n_times; i++) {
		if (kinds[i] >= h->n_types)
			return -EINVAL;
		zone->at_s[i] = big_endian(p + i * time_bytes, time_bytes);
		zone->offsets_s[i] = (int32_t)big_endian(types + 6 * (size_t)kinds[i], 4);
		if (i && zone->at_s[i] <= zone->at_s[i - 1])
			return -EINVAL;
	}
	for (size_t i = 0; i < h->n_types; i++) {
		if (llabs(big_endian(types + 6 * i, 4)) > MAX_OFFSET_S)
			return -EINVAL;
	}
	return read_names(types, h, kinds, arena, zone);
}

/* Between two line ends; nothing between them means: no rule is known. */
static bool read_footer(const unsigned char *p, size_t len, struct zone *zone)
{
	const unsigned char *end = len ? memchr(p + 1, '\n', len - 1) : NULL;
	char text[128];

	if (!end || *p != '\n' || (size_t)(end - p) > sizeof(text))
		return false;
	if (end == p + 1)
		return true;
	memcpy(text, p + 1, (size_t)(end - p - 1));
	text[end - p - 1] = '\0';
	return read_yearly(text, &zone->yearly);
}

int zone_parse(const void *bytes, size_t len, struct arena *arena, const struct zone **ret)
{
	struct zone *zone = arena_new(arena, struct zone);
	const unsigned char *p = bytes;
	size_t time_bytes = 4, skipped;
	struct header h;
	int err;

	if (!zone)
		return -ENOMEM;
	if (!read_header(p, len, &h) || len - HEADER_LEN < body_len(&h, 4))
		return -EINVAL;
	if (h.version >= '2') {
		/* The same again with times that have room for all years. */
		time_bytes = 8;
		skipped = HEADER_LEN + body_len(&h, 4);
		p += skipped;
		len -= skipped;
		if (!read_header(p, len, &h) || len - HEADER_LEN < body_len(&h, 8))
			return -EINVAL;
	}
	p += HEADER_LEN;
	len -= HEADER_LEN;
	err = read_changes(p, &h, time_bytes, arena, zone);
	if (err)
		return err;
	skipped = body_len(&h, time_bytes);
	if (time_bytes == 8 && !read_footer(p + skipped, len - skipped, zone))
		return -EINVAL;
	*ret = zone;
	return 0;
}

/* A path below the folder: nothing that leads out of it. */
static bool name_valid(const char *name)
{
	for (const char *s = name; s; s = strchr(s, '/') ? strchr(s, '/') + 1 : NULL) {
		if (!*s || *s == '/' || *s == '.')
			return false;
	}
	return !strchr(name, '\\') && strlen(name) < 128;
}

static int load_file(const char *name, struct arena *arena, const struct zone **ret)
{
	const char *folder = getenv("TZDIR");
	scoped(closep) int fd = -1;
	scoped(freep) char *bytes = malloc(ZONE_MAX_FILE);
	char path[512];
	size_t len = 0;
	ssize_t n;

	if (!bytes)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/%s", folder && *folder ? folder : ZONEINFO, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, bytes + len, ZONE_MAX_FILE - len)) > 0)
		len += (size_t)n;
	/* A folder is no zone, either. */
	if (n < 0)
		return errno == EISDIR ? -ENOENT : -errno;
	return zone_parse(bytes, len, arena, ret);
}

int zone_load(const char *name, struct arena *arena, const struct zone **ret)
{
	struct zone *zone;

	if (*name && !streq(name, "UTC") && !streq(name, "Local"))
		return name_valid(name) ? load_file(name, arena, ret) : -ENOENT;
	zone = arena_new(arena, struct zone);
	if (!zone)
		return -ENOMEM;
	zone->local = streq(name, "Local");
	*ret = zone;
	return 0;
}
