/*
 * timestamp.h - instants as text: RFC 3339 for APIs, RFC 5322 for mail.
 */
#ifndef TOLLD_MODEL_TIMESTAMP_H
#define TOLLD_MODEL_TIMESTAMP_H

#include "base/strbuf.h"

/* 2006-01-02T15:04:05.000Z, always with milliseconds. */
void timestamp_format_rfc3339(struct strbuf *out, int64_t wall_ms);
/* Mon, 02 Jan 2006 15:04:05 +0100, in local time, names in English under any locale. */
void timestamp_format_rfc5322(struct strbuf *out, int64_t wall_ms);
/* 2006-01-02 15:04:05 CET, in local time: for people. */
void timestamp_format_local(struct strbuf *out, int64_t wall_ms);
/*
 * Reads RFC 3339 with any offset and any number of decimals. 0 or -EINVAL, also for a day that there is
 * not and for a 60th second, as Go's time.Parse() has it.
 */
int timestamp_parse_rfc3339(const char *s, size_t len, int64_t *ret_wall_ms);
/*
 * A time as people write it, which is local without an offset: "2006-01-02 15:04", with a T or seconds, and what
 * the two functions above format; or "15:04", the next time that it is so after `now`. 0 or -EINVAL.
 */
int timestamp_parse_human(const char *s, size_t len, int64_t now_wall_ms, int64_t *ret_wall_ms);

#endif
