/*
 * go_time.h - instants and durations as Go's templates know them: time.Time and time.Duration.
 *
 * Source: the documentation of Go's package time.
 */
#ifndef TOLLD_DELIVER_GO_TIME_H
#define TOLLD_DELIVER_GO_TIME_H

#include "model/zone.h"
#include "template/value.h"

struct go_time {
	int64_t unix_seconds;
	int32_t nanoseconds;	 /* 0 to 999,999,999 */
	const struct zone *zone; /* NULL: UTC */
};

/* The year 1: what is not set. */
#define GO_TIME_ZERO ((struct go_time){ .unix_seconds = -62135596800 })

struct go_time go_time_from_ms(int64_t wall_ms);
bool go_time_is_zero(const struct go_time *t);
/* By a layout: "2006-01-02 15:04:05 MST". */
void go_time_format(const struct go_time *t, const char *layout, struct strbuf *out);
/* -EINVAL with Go's words in error[]. */
int go_time_parse(
	const char *layout, const char *text, struct go_time *ret, char *error, size_t error_size);

/* The values of templates, with their methods. -ENOMEM. */
int go_time_value(struct arena *arena, const struct go_time *t, struct tvalue *ret);
int go_duration_value(struct arena *arena, int64_t nanoseconds, struct tvalue *ret);
/* False: the value is another one. */
bool go_time_get(const struct tvalue *value, struct go_time *ret);
bool go_duration_get(const struct tvalue *value, int64_t *ret_nanoseconds);

/* "1h2m3.5s" */
void go_duration_format(int64_t nanoseconds, struct strbuf *out);
/* a - b, at the end of the range where it does not fit. */
int64_t go_time_sub(const struct go_time *a, const struct go_time *b);
struct go_time go_time_add(const struct go_time *t, int64_t nanoseconds);

#endif
