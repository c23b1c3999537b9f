/*
 * duration.h - durations as Prometheus and Alertmanager write them.
 *
 * "1h30m", "500ms", "2w": units y w d h m s ms in that order, each at most once, whole numbers;
 * or "0". A year has 365 days. The source is prometheus/common's model.ParseDuration.
 */
#ifndef TOLLD_MODEL_DURATION_H
#define TOLLD_MODEL_DURATION_H

#include "base/strbuf.h"

/* Returns 0, -EINVAL, or -ERANGE where Go's 64-bit nanoseconds would overflow (292 years). */
int duration_parse(const char *s, size_t len, int64_t *ret_ms);
/* As Go's time.ParseDuration takes them: "1.5s", "1h0m0s", "300ms"; no sign; down to milliseconds. */
int duration_parse_go(const char *s, int64_t *ret_ms);
/* The largest whole units: 5400000 -> "1h30m", 0 -> "0s". */
void duration_format(struct strbuf *out, int64_t ms);
/* For people: "3 d 4 h", "2 min 5 s", "350 ms"; at most two units. */
void duration_format_human(struct strbuf *out, int64_t ms);

#endif
