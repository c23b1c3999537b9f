/*
 * jsonw.h - JSON written as it goes, for answers that may be many megabytes. (jansson reads.)
 *
 * Commas and nesting are kept here; a misplaced call is our own mistake and asserted. Text is
 * escaped as Go's encoder does it (<, > and & too). Failures stay in the strbuf, as ever.
 */
#ifndef TOLLD_API_JSONW_H
#define TOLLD_API_JSONW_H

#include "base/strbuf.h"
#include "model/labels.h"

#define JSONW_MAX_DEPTH 16

struct jsonw {
	struct strbuf *out;
	unsigned depth;
	bool comma[JSONW_MAX_DEPTH + 1]; /* the level has a value already */
	bool after_key;
};

void jsonw_init(struct jsonw *json, struct strbuf *out);

void jsonw_begin_object(struct jsonw *json);
void jsonw_end_object(struct jsonw *json);
void jsonw_begin_array(struct jsonw *json);
void jsonw_end_array(struct jsonw *json);

/* The name of the next value in an object. */
void jsonw_key(struct jsonw *json, const char *name);

void jsonw_string(struct jsonw *json, const char *s); /* NULL as "" */
void jsonw_stringn(struct jsonw *json, const char *s, size_t len);
void jsonw_int(struct jsonw *json, int64_t v);
void jsonw_bool(struct jsonw *json, bool v);
/* A JSON number; NaN and infinities, which JSON lacks, become null. */
/* A sample's time, in seconds with milliseconds where there are any: 1435781451.781 */
void jsonw_seconds(struct jsonw *json, int64_t wall_ms);
/* A sample's value, as Prometheus has it: a string. */
void jsonw_value(struct jsonw *json, double v);
/* Both of them, in an array. */
void jsonw_sample(struct jsonw *json, int64_t wall_ms, double v);
/* RFC 3339; 0 is Go's zero time, which is how Prometheus says "never". */
void jsonw_time(struct jsonw *json, int64_t wall_ms);
/* An object of names and values. */
void jsonw_labels(struct jsonw *json, const struct labels *labels);

/* Members that are written already, as `"a":1,"b":2`; none for an empty text. */
void jsonw_members(struct jsonw *json, const char *s, size_t len);

/* A key and its value, for the many short fields. */
void jsonw_field_string(struct jsonw *json, const char *name, const char *s);
void jsonw_field_int(struct jsonw *json, const char *name, int64_t v);
void jsonw_field_bool(struct jsonw *json, const char *name, bool v);
void jsonw_field_double(struct jsonw *json, const char *name, double v);
void jsonw_field_time(struct jsonw *json, const char *name, int64_t wall_ms);
void jsonw_field_labels(struct jsonw *json, const char *name, const struct labels *labels);

#endif
