/*
 * v2_input.c - fields of what clients send.
 *
 * Where Go's decoder would name its own types, the sentence names the field: clients show it to people.
 */
#include "api/v2_input.h"

#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <strings.h>
#include "api/v2.h"
#include "base/escape.h"
#include "base/hex.h"
#include "model/timestamp.h"

bool v2_is_json(struct request *req)
{
	static const char json[] = "application/json";
	/* Without a header it is bytes of no known kind. */
	const char *type = req->content_type ? req->content_type : "application/octet-stream";
	size_t len = strcspn(type, "; \t");

	if (len == sizeof(json) - 1 && !strncasecmp(type, json, len))
		return true;
	v2_fault(req, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
		"unsupported media type \"%s\", only [application/json] are allowed", type);
	return false;
}

int v2_mend_utf8(struct strbuf *body)
{
	struct strbuf mended;
	size_t len;

	if (utf8_valid(body->s, body->len))
		return 0;
	strbuf_init(&mended, 3 * body->len);
	for (size_t i = 0; i < body->len; i += len ? len : 1) {
		len = utf8_decode(body->s + i, body->len - i, NULL);
		if (len)
			strbuf_add(&mended, body->s + i, len);
		else
			strbuf_adds(&mended, "\xef\xbf\xbd");
	}
	if (mended.err) {
		strbuf_release(&mended);
		return -ENOMEM;
	}
	strbuf_release(body);
	*body = mended;
	return 0;
}

/* What \uXXXX at s stands for; -1: it is no such escape. */
static int escaped(const char *s)
{
	int rune = 0;

	if (!starts_with(s, "\\u"))
		return -1;
	for (int i = 2; i < 6; i++) {
		int digit = hex_digit(s[i]);

		if (digit < 0)
			return -1;
		rune = rune << 4 | digit;
	}
	return rune;
}

void v2_mend_escapes(struct strbuf *body)
{
	for (char *at = body->s; (at = strchr(at, '\\')); at += 2) {
		int rune = escaped(at);

		if (rune >= 0xd800 && rune < 0xdc00 && (escaped(at + 6) & 0xfc00) == 0xdc00)
			at += 6;
		else if (!rune || (rune & 0xf800) == 0xd800)
			memcpy(at, "\\ufffd", 6);
		else if (!at[1])
			break;
	}
}

/* -- faults ----------------------------------------------------------------------------------- */

int v2_no_memory(const struct v2_input *in)
{
	v2_text(in->req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	return -ENOMEM;
}

int v2_wrong_type(const struct v2_input *in, const char *kind, const char *field, const char *type)
{
	v2_fault(in->req, MHD_HTTP_BAD_REQUEST,
		"parsing %s body from \"\" failed, because json: cannot unmarshal %s into %s of "
		"type %s",
		in->name, kind, field, type);
	return -EINVAL;
}

const char *v2_kind(const json_t *value)
{
	static const char *const kinds[] = {
		[JSON_OBJECT] = "object",
		[JSON_ARRAY] = "array",
		[JSON_STRING] = "string",
		[JSON_INTEGER] = "number",
		[JSON_REAL] = "number",
		[JSON_TRUE] = "bool",
		[JSON_FALSE] = "bool",
		[JSON_NULL] = "null",
	};

	return kinds[json_typeof(value)];
}

int v2_wrong_time(const struct v2_input *in, const char *field, const char *text)
{
	struct strbuf quoted = STRBUF_INIT;

	escape_quoted(&quoted, text, strlen(text));
	v2_fault(in->req, MHD_HTTP_BAD_REQUEST,
		"parsing %s body from \"\" failed, because parsing time \"%s\" of %s: it is not "
		"like \"2006-01-02T15:04:05.000Z\"",
		in->name, quoted.s, field);
	strbuf_release(&quoted);
	return -EINVAL;
}

int v2_not_json(const struct v2_input *in, const json_error_t *error, size_t at)
{
	if (json_error_code(error) == json_error_out_of_memory)
		return v2_no_memory(in);
	v2_fault(in->req, MHD_HTTP_BAD_REQUEST,
		"parsing %s body from \"\" failed, because %s at byte %zu", in->name, error->text,
		at + (size_t)MAX(error->position, 0));
	return -EINVAL;
}

/* -- fields ----------------------------------------------------------------------------------- */

const json_t *v2_member(const json_t *object, const char *name)
{
	const json_t *found = NULL;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		if (!strcasecmp(key, name))
			found = value;
	}
	return found;
}

static const json_t *field_of(const json_t *object, const char *field)
{
	const json_t *value = v2_member(object, field);

	return json_is_null(value) ? NULL : value;
}

int v2_field_text(
	const struct v2_input *in, const json_t *object, const char *field, const char **ret)
{
	const json_t *value = field_of(object, field);

	*ret = NULL;
	if (!value)
		return 0;
	if (!json_is_string(value))
		return v2_wrong_type(in, v2_kind(value), field, "string");
	*ret = json_string_value(value);
	return 0;
}

int v2_field_time(
	const struct v2_input *in, const json_t *object, const char *field, int64_t *ret_wall_ms)
{
	const char *text;
	int err;

	*ret_wall_ms = 0;
	err = v2_field_text(in, object, field, &text);
	if (err || !text || !v2_time_parse(text, ret_wall_ms))
		return err;
	return v2_wrong_time(in, field, text);
}

int v2_field_bool(const struct v2_input *in, const json_t *object, const char *field, int *ret)
{
	const json_t *value = field_of(object, field);

	*ret = -1;
	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return v2_wrong_type(in, v2_kind(value), field, "bool");
	*ret = json_is_true(value);
	return 0;
}

int v2_field_labels(
	const struct v2_input *in, const json_t *object, const char *field, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	const json_t *map = field_of(object, field), *value;
	const char *name;

	*ret = NULL;
	if (!map)
		return 0;
	if (!json_is_object(map))
		return v2_wrong_type(in, v2_kind(map), field, "a map of strings");
	json_object_foreach((json_t *)map, name, value)
	{
		if (json_is_string(value)) {
			labels_builder_setn(&b, name, strlen(name), json_string_value(value),
				json_string_length(value));
		} else if (!json_is_null(value)) {
			labels_builder_release(&b);
			return v2_wrong_type(in, v2_kind(value), field, "string");
		}
	}
	return labels_build(&b, ret) ? v2_no_memory(in) : 0;
}

/* -- formats ---------------------------------------------------------------------------------- */

#define YEAR_1_MS (-62135596800000ll)

/* With what may be missing filled in: seconds, the zone, its colon. */
static void complete(const char *s, char *out, size_t size)
{
	size_t len = strlen(s), zone = len;
	bool has_zone = false;

	/* The date is 10 long, and its hyphens are no offset. */
	for (size_t i = 11; i < len && !has_zone; i++) {
		has_zone = strchr("Zz+-", s[i]);
		zone = has_zone ? i : len;
	}
	snprintf(out, size, "%.*s%s%s", (int)zone, s, zone == 16 ? ":00" : "",
		has_zone ? s + zone : "Z");
	len = strlen(out);
	/* +0100 */
	if (has_zone && s[zone] != 'Z' && len > 3 && out[len - 3] != ':' && len + 1 < size) {
		memmove(out + len - 1, out + len - 2, 3);
		out[len - 2] = ':';
	}
}

int v2_time_parse(const char *s, int64_t *ret_wall_ms)
{
	char whole[80];
	int64_t ms = 0;

	if (*s && timestamp_parse_rfc3339(s, strlen(s), &ms)) {
		if (strlen(s) < 16 || strlen(s) > 60)
			return -EINVAL;
		complete(s, whole, sizeof(whole));
		if (timestamp_parse_rfc3339(whole, strlen(whole), &ms))
			return -EINVAL;
	}
	/* 0 means "not given", which 1970 does not. */
	if (ms == YEAR_1_MS)
		ms = 0;
	else if (!ms)
		ms = 1;
	*ret_wall_ms = ms;
	return 0;
}

static bool is_hex(const char *s)
{
	return isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]);
}

static bool escapes_valid(const char *s)
{
	for (; *s && *s != '?'; s++) {
		if (*s == '%' && !is_hex(s + 1))
			return false;
	}
	return true;
}

static bool host_valid(const char *s, size_t len)
{
	const char *end = s + len, *port = NULL;
	bool open = false;

	for (const char *p = s; p < end; p++) {
		unsigned char c = (unsigned char)*p;

		open = (open || c == '[') && c != ']';
		if (c < 0x80 && !isalnum(c) && !strchr("-._~!$&'()*+,;=:[]<>\"@%", c))
			return false;
		if (c == ':')
			port = p;
		else if (c == ']' || c == '@')
			port = NULL;
	}
	for (port = port ? port + 1 : end; port < end; port++) {
		if (!isdigit((unsigned char)*port))
			return false;
	}
	return !open;
}

bool v2_uri_valid(const char *s)
{
	size_t scheme = isalpha((unsigned char)*s) ? 1 : 0, host;

	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	}
	while (scheme &&
		(isalnum((unsigned char)s[scheme]) || (s[scheme] && strchr("+-.", s[scheme]))))
		scheme++;
	if (scheme && s[scheme] == ':')
		s += scheme + 1;
	else
		scheme = 0;
	if (*s != '/')
		return scheme || streq(s, "*");
	if (scheme && s[1] == '/') {
		s += 2;
		host = strcspn(s, "/?");
		if (!host_valid(s, host))
			return false;
		s += host;
	}
	return escapes_valid(s);
}
