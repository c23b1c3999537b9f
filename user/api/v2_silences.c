/*
 * v2_silences.c - silences listed, made, changed and ended.
 */
#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>
#include "api/silence_list.h"
#include "api/v2.h"
#include "api/v2_input.h"

/* -- out -------------------------------------------------------------------------------------- */

static void v2_write_silence(struct jsonw *json, const struct silence *silence, struct instant now)
{
	jsonw_begin_object(json);
	jsonw_field_string(json, "id", silence->id);
	jsonw_key(json, "status");
	jsonw_begin_object(json);
	jsonw_field_string(json, "state", silence_state_text(silence_state(silence, now.wall_ms)));
	jsonw_end_object(json);
	jsonw_field_time(json, "updatedAt", silence->updated_wall_ms);
	if (silence->annotations && silence->annotations->n)
		jsonw_field_labels(json, "annotations", silence->annotations);
	jsonw_field_string(json, "comment", silence->comment);
	jsonw_field_string(json, "createdBy", silence->created_by);
	jsonw_field_time(json, "endsAt", silence->ends_wall_ms);
	jsonw_key(json, "matchers");
	jsonw_begin_array(json);
	for (size_t i = 0; i < silence->matchers.n; i++) {
		const struct matcher *m = silence->matchers.v[i];

		jsonw_begin_object(json);
		jsonw_field_bool(json, "isEqual", m->type == MATCH_EQUAL || m->type == MATCH_REGEX);
		jsonw_field_bool(
			json, "isRegex", m->type == MATCH_REGEX || m->type == MATCH_NOT_REGEX);
		jsonw_field_string(json, "name", m->name);
		jsonw_field_string(json, "value", m->value);
		jsonw_end_object(json);
	}
	jsonw_end_array(json);
	jsonw_field_time(json, "startsAt", silence->starts_wall_ms);
	jsonw_end_object(json);
}

void v2_silences_list(struct request *req, struct instant now)
{
	struct silence_list list = { 0 };
	struct matcher_list filter;
	unsigned states = 0;
	struct jsonw json;
	int err;

	if (v2_matchers(req, "filter", &filter))
		return;
	states |= v2_bool(req, "active", true) ? SILENCES_OF(SILENCE_ACTIVE) : 0;
	states |= v2_bool(req, "pending", true) ? SILENCES_OF(SILENCE_PENDING) : 0;
	states |= v2_bool(req, "expired", true) ? SILENCES_OF(SILENCE_EXPIRED) : 0;
	err = silence_list_read(req->api->sources.notify, states, &filter, now.wall_ms, &list);
	v2_begin(req, &json);
	jsonw_begin_array(&json);
	for (size_t i = 0; i < list.n; i++)
		v2_write_silence(&json, list.v[i], now);
	jsonw_end_array(&json);
	if (err)
		req->response.body.err = err;
	v2_end(req);
	silence_list_release(&list);
	matcher_list_release(&filter);
}

/* -- one -------------------------------------------------------------------------------------- */

/* 8-4-4-4-12 hex digits, in either case; the id in lower case. Else answered. */
static bool read_id(struct request *req, char id[SILENCE_ID_LEN + 1])
{
	const char *text = req->wildcard;
	bool valid = strlen(text) == SILENCE_ID_LEN;

	for (size_t i = 0; valid && i < SILENCE_ID_LEN; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		valid = hyphen ? text[i] == '-' : isxdigit((unsigned char)text[i]) != 0;
		id[i] = (char)tolower((unsigned char)text[i]);
	}
	id[SILENCE_ID_LEN] = '\0';
	if (!valid)
		v2_fault(req, V2_INVALID_TYPE, "silenceID in path must be of type uuid: \"%s\"",
			text);
	return valid;
}

void v2_silence_get(struct request *req, struct instant now)
{
	const struct silence *silence;
	char id[SILENCE_ID_LEN + 1];
	struct jsonw json;

	if (!read_id(req, id))
		return;
	silence = notify_silence_get(req->api->sources.notify, id);
	if (!silence) {
		v2_empty(req, MHD_HTTP_NOT_FOUND);
		return;
	}
	v2_begin(req, &json);
	v2_write_silence(&json, silence, now);
	v2_end(req);
}

void v2_silence_expire(struct request *req, struct instant now)
{
	char id[SILENCE_ID_LEN + 1];
	int err;

	if (!read_id(req, id))
		return;
	err = notify_silence_expire(req->api->sources.notify, id, now);
	if (err == -ENOENT)
		v2_empty(req, MHD_HTTP_NOT_FOUND);
	else if (err)
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	else
		v2_empty(req, MHD_HTTP_OK);
}

/* -- in --------------------------------------------------------------------------------------- */

/* What a body says, in the types that it must have; NULL and -1: not given. */
struct posted_matcher {
	const char *name, *value;
	int is_regex, is_equal;
};

struct posted {
	const char *comment, *created_by, *id;
	bool starts, ends;
	int64_t starts_wall_ms, ends_wall_ms;
	struct labels *annotations;
	const json_t *list;
	struct posted_matcher *matchers;
	size_t n_matchers;
};

static void posted_release(struct posted *posted)
{
	labels_unref(posted->annotations);
	free(posted->matchers);
}

static int read_time(const struct v2_input *in, const json_t *object, const char *field,
	bool *ret_given, int64_t *ret_wall_ms)
{
	const json_t *value = v2_member(object, field);

	/* The year 1 counts as given; what it means is asked elsewhere. */
	*ret_given = value && !json_is_null(value);
	return v2_field_time(in, object, field, ret_wall_ms);
}

static int read_matcher(
	const struct v2_input *in, const json_t *item, struct posted_matcher *matcher)
{
	int err;

	if (!json_is_object(item) && !json_is_null(item))
		return v2_wrong_type(in, v2_kind(item), "matchers", "an object");
	err = v2_field_bool(in, item, "isRegex", &matcher->is_regex);
	if (!err)
		err = v2_field_bool(in, item, "isEqual", &matcher->is_equal);
	if (!err)
		err = v2_field_text(in, item, "name", &matcher->name);
	return err ? err : v2_field_text(in, item, "value", &matcher->value);
}

static int read_matchers(const struct v2_input *in, const json_t *object, struct posted *posted)
{
	const json_t *list = v2_member(object, "matchers");
	int err = 0;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return v2_wrong_type(in, v2_kind(list), "matchers", "a list");
	posted->list = list;
	posted->matchers = calloc(json_array_size(list) + 1, sizeof(*posted->matchers));
	if (!posted->matchers)
		return v2_no_memory(in);
	for (; posted->n_matchers < json_array_size(list) && !err; posted->n_matchers++)
		err = read_matcher(in, json_array_get(list, posted->n_matchers),
			&posted->matchers[posted->n_matchers]);
	return err;
}

static int read_fields(const struct v2_input *in, const json_t *object, struct posted *posted)
{
	int err;

	err = v2_field_text(in, object, "comment", &posted->comment);
	if (!err)
		err = v2_field_text(in, object, "createdBy", &posted->created_by);
	if (!err)
		err = read_time(in, object, "endsAt", &posted->ends, &posted->ends_wall_ms);
	if (!err)
		err = read_matchers(in, object, posted);
	if (!err)
		err = read_time(in, object, "startsAt", &posted->starts, &posted->starts_wall_ms);
	if (!err)
		err = v2_field_labels(in, object, "annotations", &posted->annotations);
	return err ? err : v2_field_text(in, object, "id", &posted->id);
}

static int required(const struct v2_input *in, const char *field)
{
	v2_fault(in->req, V2_REQUIRED, "%s in body is required", field);
	return -EINVAL;
}

static int check_matchers(const struct v2_input *in, const struct posted *posted)
{
	if (!posted->list)
		return required(in, "matchers");
	if (!posted->n_matchers) {
		v2_fault(
			in->req, V2_TOO_FEW_ITEMS, "matchers in body should have at least 1 items");
		return -EINVAL;
	}
	for (size_t i = 0; i < posted->n_matchers; i++) {
		const struct posted_matcher *m = &posted->matchers[i];
		const char *lacks = m->is_regex < 0 ? "isRegex"
				    : !m->name	    ? "name"
				    : !m->value	    ? "value"
						    : NULL;

		if (!lacks)
			continue;
		v2_fault(in->req, V2_REQUIRED, "matchers.%zu.%s in body is required", i, lacks);
		return -EINVAL;
	}
	return 0;
}

/* In the order in which Alertmanager finds what is missing. */
static int check(const struct v2_input *in, const struct posted *posted, struct instant now)
{
	const char *wrong = NULL;
	int err;

	if (!posted->comment)
		return required(in, "comment");
	if (!posted->created_by)
		return required(in, "createdBy");
	if (!posted->ends)
		return required(in, "endsAt");
	err = check_matchers(in, posted);
	if (err)
		return err;
	if (!posted->starts)
		return required(in, "startsAt");
	if (posted->ends_wall_ms <= posted->starts_wall_ms)
		wrong = "start time must be before end time";
	else if (posted->ends_wall_ms < now.wall_ms)
		wrong = "end time can't be in the past";
	if (!wrong)
		return 0;
	v2_text(in->req, MHD_HTTP_BAD_REQUEST, "Failed to create silence: %s", wrong);
	return -EINVAL;
}

static int take_matchers(
	const struct v2_input *in, const struct posted *posted, struct matcher_list *ret)
{
	static const enum matcher_type types[2][2] = { { MATCH_NOT_EQUAL, MATCH_NOT_REGEX },
		{ MATCH_EQUAL, MATCH_REGEX } };
	struct matcher *matcher;
	char error[200];
	int err = 0;

	for (size_t i = 0; i < posted->n_matchers && !err; i++) {
		const struct posted_matcher *m = &posted->matchers[i];

		if (!matcher_syntax_takes_name(m->name)) {
			v2_text(in->req, MHD_HTTP_BAD_REQUEST,
				"invalid silence: invalid label matcher %zu: invalid label name "
				"\"%s\"",
				i, m->name);
			return -EINVAL;
		}
		err = matcher_new(types[m->is_equal != 0][m->is_regex], m->name, m->value, &matcher,
			error, sizeof(error));
		if (err == -EINVAL)
			v2_text(in->req, MHD_HTTP_BAD_REQUEST,
				"invalid silence: invalid label matcher %zu: invalid regular "
				"expression \"%s\": error parsing regexp: %s",
				i, m->value, error);
		else if (err || matcher_list_add(ret, matcher))
			err = v2_no_memory(in);
	}
	return err;
}

static int take(const struct v2_input *in, const struct posted *posted, struct silence *silence)
{
	silence->comment = strdup(posted->comment);
	silence->created_by = strdup(posted->created_by);
	if (!silence->comment || !silence->created_by)
		return v2_no_memory(in);
	silence->starts_wall_ms = posted->starts_wall_ms;
	silence->ends_wall_ms = posted->ends_wall_ms;
	silence->annotations = labels_ref(posted->annotations);
	/* What is longer is an id that nobody has, and must stay one. */
	if (posted->id)
		snprintf(silence->id, sizeof(silence->id), "%s",
			strlen(posted->id) > SILENCE_ID_LEN ? "?" : posted->id);
	return take_matchers(in, posted, &silence->matchers);
}

static int read_silence(const struct v2_input *in, const json_t *object, struct silence *silence,
	struct instant now)
{
	struct posted posted = { 0 };
	int err;

	err = read_fields(in, object, &posted);
	if (!err)
		err = check(in, &posted, now);
	if (!err)
		err = take(in, &posted, silence);
	posted_release(&posted);
	return err;
}

static void put(struct request *req, struct silence *silence, struct instant now)
{
	char id[SILENCE_ID_LEN + 1], error[400];
	struct jsonw json;
	int err;

	err = notify_silence_put(req->api->sources.notify, silence, now, id, error, sizeof(error));
	switch (err) {
	case 0:
		v2_begin(req, &json);
		jsonw_begin_object(&json);
		jsonw_field_string(&json, "silenceID", id);
		jsonw_end_object(&json);
		v2_end(req);
		break;
	case -EINVAL:
		v2_text(req, MHD_HTTP_BAD_REQUEST, "invalid silence: %s", error);
		break;
	case -ENOENT:
		v2_text(req, MHD_HTTP_NOT_FOUND, "silence not found");
		break;
	case -ENOSPC:
		v2_text(req, MHD_HTTP_BAD_REQUEST,
			"exceeded maximum number of silences, with those that ended within the last "
			"five days");
		break;
	default:
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
}

void v2_silences_post(struct request *req, struct instant now)
{
	const struct v2_input in = { .req = req, .name = "silence" };
	scoped(silence_freep) struct silence *silence = NULL;
	json_t *object;
	json_error_t error;

	if (!req->body.len) {
		required(&in, "silence");
		return;
	}
	if (!v2_is_json(req))
		return;
	if (v2_mend_utf8(&req->body)) {
		v2_no_memory(&in);
		return;
	}
	if (!req->body.s[strspn(req->body.s, " \t\r\n")]) {
		required(&in, "silence");
		return;
	}
	v2_mend_escapes(&req->body);
	object = json_loadb(
		req->body.s, req->body.len, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);
	if (!object) {
		v2_not_json(&in, &error, 0);
		return;
	}
	silence = silence_new();
	if (!silence)
		v2_no_memory(&in);
	else if (!json_is_object(object) && !json_is_null(object))
		v2_wrong_type(&in, v2_kind(object), "silence", "an object");
	else if (!read_silence(&in, object, silence, now))
		put(req, TAKE(silence), now);
	json_decref(object);
}
