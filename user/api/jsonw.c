/*
 * jsonw.c - JSON written as it goes.
 */
#include "api/jsonw.h"

#include <assert.h>
#include <math.h>
#include "base/escape.h"
#include "base/num.h"
#include "model/intern.h"
#include "model/timestamp.h"

void jsonw_init(struct jsonw *json, struct strbuf *out)
{
	*json = (struct jsonw){ .out = out };
}

/* What must stand before a value or a key: a comma after the one before it. */
static void separate(struct jsonw *json)
{
	if (json->after_key) {
		json->after_key = false;
		return;
	}
	if (json->comma[json->depth])
		strbuf_addch(json->out, ',');
	json->comma[json->depth] = true;
}

static void begin(struct jsonw *json, char bracket)
{
	separate(json);
	assert(json->depth < JSONW_MAX_DEPTH);
	json->comma[++json->depth] = false;
	strbuf_addch(json->out, bracket);
}

static void end(struct jsonw *json, char bracket)
{
	assert(json->depth > 0 && !json->after_key);
	json->depth--;
	strbuf_addch(json->out, bracket);
}

void jsonw_begin_object(struct jsonw *json)
{
	begin(json, '{');
}

void jsonw_end_object(struct jsonw *json)
{
	end(json, '}');
}

void jsonw_begin_array(struct jsonw *json)
{
	begin(json, '[');
}

void jsonw_end_array(struct jsonw *json)
{
	end(json, ']');
}

void jsonw_key(struct jsonw *json, const char *name)
{
	jsonw_string(json, name);
	strbuf_addch(json->out, ':');
	json->after_key = true;
}

void jsonw_members(struct jsonw *json, const char *s, size_t len)
{
	if (!len)
		return;
	separate(json);
	strbuf_add(json->out, s, len);
}

void jsonw_stringn(struct jsonw *json, const char *s, size_t len)
{
	separate(json);
	escape_json_string(json->out, s, len);
}

void jsonw_string(struct jsonw *json, const char *s)
{
	jsonw_stringn(json, s ? s : "", s ? strlen(s) : 0);
}

void jsonw_int(struct jsonw *json, int64_t v)
{
	separate(json);
	strbuf_addi(json->out, v);
}

void jsonw_bool(struct jsonw *json, bool v)
{
	separate(json);
	strbuf_adds(json->out, v ? "true" : "false");
}

static void jsonw_double(struct jsonw *json, double v)
{
	char text[NUM_MAX];

	separate(json);
	if (!isfinite(v)) {
		strbuf_adds(json->out, "null");
		return;
	}
	num_format(text, v);
	strbuf_adds(json->out, text);
}

#define SECONDS_MAX 26

/* Returns its end. */
static char *format_seconds(char out[SECONDS_MAX], int64_t wall_ms)
{
	uint64_t ms = wall_ms < 0 ? -(uint64_t)wall_ms : (uint64_t)wall_ms, s = ms / 1000;
	char digits[SECONDS_MAX], *at = digits + sizeof(digits);
	size_t len;

	if (ms % 1000) {
		for (int i = 0; i < 3; i++, ms /= 10)
			*--at = (char)('0' + ms % 10);
		*--at = '.';
	}
	do
		*--at = (char)('0' + s % 10);
	while (s /= 10);
	if (wall_ms < 0)
		*--at = '-';
	len = (size_t)(digits + sizeof(digits) - at);
	memcpy(out, at, len);
	return out + len;
}

void jsonw_seconds(struct jsonw *json, int64_t wall_ms)
{
	char text[SECONDS_MAX];

	separate(json);
	strbuf_add(json->out, text, (size_t)(format_seconds(text, wall_ms) - text));
}

void jsonw_value(struct jsonw *json, double v)
{
	char text[NUM_MAX];

	num_format(text, v);
	jsonw_string(json, text);
}

void jsonw_sample(struct jsonw *json, int64_t wall_ms, double v)
{
	char text[SECONDS_MAX + NUM_MAX + 8], *at = text;

	separate(json);
	*at++ = '[';
	at = format_seconds(at, wall_ms);
	*at++ = ',';
	*at++ = '"';
	/* Nothing that a number is written with needs an escape. */
	num_format(at, v);
	at += strlen(at);
	*at++ = '"';
	*at++ = ']';
	strbuf_add(json->out, text, (size_t)(at - text));
}

void jsonw_time(struct jsonw *json, int64_t wall_ms)
{
	separate(json);
	strbuf_addch(json->out, '"');
	if (wall_ms)
		timestamp_format_rfc3339(json->out, wall_ms);
	else
		strbuf_adds(json->out, "0001-01-01T00:00:00Z");
	strbuf_addch(json->out, '"');
}

void jsonw_labels(struct jsonw *json, const struct labels *labels)
{
	jsonw_begin_object(json);
	for (unsigned i = 0; labels && i < labels->n; i++) {
		const struct label *l = &labels->v[i];

		jsonw_stringn(json, l->name, intern_len(l->name));
		strbuf_addch(json->out, ':');
		json->after_key = true;
		jsonw_stringn(json, l->value, intern_len(l->value));
	}
	jsonw_end_object(json);
}

void jsonw_field_string(struct jsonw *json, const char *name, const char *s)
{
	jsonw_key(json, name);
	jsonw_string(json, s);
}

void jsonw_field_int(struct jsonw *json, const char *name, int64_t v)
{
	jsonw_key(json, name);
	jsonw_int(json, v);
}

void jsonw_field_bool(struct jsonw *json, const char *name, bool v)
{
	jsonw_key(json, name);
	jsonw_bool(json, v);
}

void jsonw_field_double(struct jsonw *json, const char *name, double v)
{
	jsonw_key(json, name);
	jsonw_double(json, v);
}

void jsonw_field_time(struct jsonw *json, const char *name, int64_t wall_ms)
{
	jsonw_key(json, name);
	jsonw_time(json, wall_ms);
}

void jsonw_field_labels(struct jsonw *json, const char *name, const struct labels *labels)
{
	jsonw_key(json, name);
	jsonw_labels(json, labels);
}
