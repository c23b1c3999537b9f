/*
 * v2_input.h - what clients send to the API v2: fields of JSON objects, read as Alertmanager reads them.
 *
 * A field that is missing or null is "not given". One of another type is a fault of the whole body.
 */
#ifndef TOLLD_API_V2_INPUT_H
#define TOLLD_API_V2_INPUT_H

#include <jansson.h>
#include "api/http.h"
#include "model/labels.h"

/* What a body is called in sentences about it: "alerts", "silence". */
struct v2_input {
	struct request *req;
	const char *name;
};

/*
 * Whether the body is said to be JSON; answers 415 where it is not. A form or a text could come from a
 * page of anybody's without asking; JSON cannot.
 */
bool v2_is_json(struct request *req);
/* Bytes that are no UTF-8 become U+FFFD, as Go reads them. -ENOMEM. */
int v2_mend_utf8(struct strbuf *body);
/*
 * Each \u0000, and each \uD800 to \uDFFF that is not one of a pair, becomes U+FFFD, as base/jread.h reads them. Go
 * reads the second so; a NUL it takes, and no text of ours, no mail and no page can hold it.
 */
void v2_mend_escapes(struct strbuf *body);

/* The member of that name, in whatever capitals, as Go finds it; of several the last one. NULL: none. */
const json_t *v2_member(const json_t *object, const char *name);

/* Each returns 0, or a negative errno with the request already answered. */
int v2_field_text(const struct v2_input *in, const json_t *object, const char *field,
	const char **ret); /* NULL: not given; borrowed from the object */
int v2_field_time(const struct v2_input *in, const json_t *object, const char *field,
	int64_t *ret_wall_ms); /* 0: not given */
int v2_field_bool(const struct v2_input *in, const json_t *object, const char *field,
	int *ret); /* -1: not given */
/* Names and values; *ret NULL: not given. */
int v2_field_labels(
	const struct v2_input *in, const json_t *object, const char *field, struct labels **ret);
/* "json: cannot unmarshal number into FIELD of type string"; -EINVAL. */
int v2_wrong_type(const struct v2_input *in, const char *kind, const char *field, const char *type);
/* "number", "object" ... */
const char *v2_kind(const json_t *value);
/* A text that should be an instant, and is none; -EINVAL. */
int v2_wrong_time(const struct v2_input *in, const char *field, const char *text);
/* The parser's words; -EINVAL. */
int v2_not_json(const struct v2_input *in, const json_error_t *error, size_t at);
int v2_no_memory(const struct v2_input *in);

/*
 * Instants as go-openapi/strfmt reads them: RFC 3339, or without seconds, zone or colon. An empty text
 * is 1970, which is kept as its first millisecond; the year 1 is 0, "not given". 0 or -EINVAL.
 */
int v2_time_parse(const char *s, int64_t *ret_wall_ms);
/* An absolute URI, or an absolute path, as Go's url.ParseRequestURI takes it. */
bool v2_uri_valid(const char *s);

#endif
