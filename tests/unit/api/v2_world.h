/*
 * v2_world.h - asking Alertmanager's API of a real notify machine, without a socket.
 */
#ifndef TOLLD_TESTS_API_V2_WORLD_H
#define TOLLD_TESTS_API_V2_WORLD_H

#include "world.h"

static const char v2_settings[] =
	"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org, resolve_timeout: 10m,\n"
	"  smtp_auth_password: hunter2}\n"
	"route:\n"
	"  receiver: all\n"
	"  group_by: [alertname]\n"
	"  labels: {env: 'e {{ 1 }}'}\n"
	"  routes:\n"
	"  - {matchers: [team=a], receiver: a, continue: true, labels: {who: a}}\n"
	"  - {matchers: [team=~\"a|b\"], receiver: b, group_by: ['...']}\n"
	"  - {matchers: [team=c], receiver: c, active_time_intervals: [never]}\n"
	"inhibit_rules:\n"
	"- {source_matchers: [severity=high], target_matchers: [severity=low], equal: [host]}\n"
	"time_intervals:\n"
	"- {name: never, time_intervals: [{years: ['1970:1971']}]}\n"
	"receivers:\n"
	"- {name: all, email_configs: [{to: o@example.org}]}\n"
	"- {name: a, labels: {owner: x}}\n"
	"- {name: b}\n"
	"- {name: c}\n";

static inline void v2_begin_world(struct world *w)
{
	world_begin(w);
	world_configure(w, v2_settings);
}

/* Sends a body as JSON, or nothing; the caller frees. */
static inline struct request *v2_send(
	struct world *w, const char *method, const char *uri, const char *body)
{
	struct request *req;

	assert_int_equal(request_new(w->api, uri, &req), 0);
	req->method = strdup(method);
	if (body) {
		req->content_type = strdup("application/json");
		strbuf_release(&req->body);
		strbuf_init(&req->body, route_max_body(w->api, req->path));
		strbuf_adds(&req->body, body);
	}
	answer_whole(w, req);
	assert_int_not_equal(req->response.status, 0);
	return req;
}

/* "STATUS body" of an answer, without the end of its line; the caller frees. */
static inline char *v2_answer(
	struct world *w, const char *method, const char *uri, const char *body)
{
	struct request *req = v2_send(w, method, uri, body);
	struct strbuf out = STRBUF_INIT;
	char *text = NULL;

	strbuf_addf(&out, "%u %s", req->response.status, req->response.body.s);
	if (out.s[out.len - 1] == '\n')
		strbuf_truncate(&out, out.len - 1);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	if (req->response.body.len)
		assert_string_equal(req->response.content_type, "application/json");
	assert_string_equal(req->response.cache_control, "no-store");
	request_free(req);
	return text;
}

/* A body with ' for ". */
static inline char *quoted(const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	for (char *p = copy; p && *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return copy;
}

/* ' in what is expected stands for " as well. */
static inline bool is_text(const char *got, const char *expected)
{
	for (; *got && (*got == *expected || (*got == '"' && *expected == '\'')); got++)
		expected++;
	return *got == *expected;
}

static inline void assert_v2(struct world *w, const char *method, const char *uri, const char *body,
	const char *expected)
{
	scoped(freep) char *sent = quoted(body), *got = v2_answer(w, method, uri, sent);

	if (!is_text(got, expected))
		fail_msg("%s %s %s\n  gives %s\n  and not %s", method, uri, body ? body : "", got,
			expected);
}

/* One alert from outside, its labels as "a=1 b=2"; it fires until it is put again. */
static inline void v2_put(struct world *w, const char *labels)
{
	struct strbuf body = STRBUF_INIT;
	scoped(freep) char *copy = strdup(labels);
	char *save = NULL;

	strbuf_adds(&body, "[{\"labels\":{");
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		size_t name = strcspn(s, "=");

		strbuf_addf(&body, "%s\"%.*s\":\"%s\"", s == copy ? "" : ",", (int)name, s,
			s + name + 1);
	}
	strbuf_adds(&body, "}}]");
	scoped(freep) char *answer = v2_answer(w, "POST", "/api/v2/alerts", body.s);

	assert_string_equal(answer, "200 ");
	strbuf_release(&body);
}

/* What a list holds of one label, or field, of each: "a b c"; the caller frees. */
static inline char *v2_names(struct world *w, const char *uri, const char *field, const char *key)
{
	struct request *req = v2_send(w, "GET", uri, NULL);
	json_t *root = parse_json(req->response.body.s, req->response.body.len), *item;
	struct strbuf out = STRBUF_INIT;
	char *text = NULL;
	size_t i;

	assert_int_equal(req->response.status, 200);
	json_array_foreach(root, i, item)
	{
		const char *s =
			json_string_value(field ? json_object_get(json_object_get(item, field), key)
						: json_object_get(item, key));

		strbuf_addf(&out, "%s%s", out.len ? " " : "", s ? s : "-");
	}
	json_decref(root);
	request_free(req);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

#define assert_names(w, uri, field, key, expected)                                                 \
	do {                                                                                       \
		scoped(freep) char *names_ = v2_names((w), (uri), (field), (key));                 \
		if (!streq(names_, (expected)))                                                    \
			fail_msg("%s gives '%s' and not '%s'", (uri), names_, (expected));         \
	} while (0)

#endif
