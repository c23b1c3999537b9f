/* Alerts from outside: taken, refused, listed, grouped, as Alertmanager does. */
#include "v2_world.h"

#include "api/v2_input.h"

static const char uri[] = "/api/v2/alerts";

/* What Alertmanager 0.25 answered to the same body; but for its own names of types, and NUL. */
static const struct {
	const char *body, *answer;
} posted[] = {
	{ "[]", "200 " },
	{ "null", "200 " },
	{ " [ ] trailing", "200 " },
	{ "", "422 {'code':602,'message':'alerts in body is required'}" },
	{ "   ", "422 {'code':602,'message':'alerts in body is required'}" },
	{ "{}", "400 {'code':400,'message':'parsing alerts body from \\'\\' failed, because json: "
		"cannot unmarshal object into the body of type a list of alerts'}" },
	{ "[{}", "400 {'code':400,'message':'parsing alerts body from \\'\\' failed, because "
		 "unexpected end at byte 3'}" },
	{ "[{}}", "400 {'code':400,'message':'parsing alerts body from \\'\\' failed, because "
		  "there is neither a comma nor an end at byte 3'}" },
	{ "[{}]", "422 {'code':602,'message':'0.labels in body is required'}" },
	{ "[null]", "422 {'code':602,'message':'0.labels in body is required'}" },
	{ "[{'labels':null}]", "422 {'code':602,'message':'0.labels in body is required'}" },
	{ "[{'labels':{'a':'b'}},{}]",
		"422 {'code':602,'message':'1.labels in body is required'}" },
	/* What is no JSON comes before what is missing. */
	{ "[{},{'labels':1}]", "400 {'code':400,'message':'parsing alerts body from \\'\\' failed, "
			       "because json: cannot unmarshal number into labels of type a map "
			       "of strings'}" },
	{ "[{'labels':{}}]", "400 'at least one label pair required'" },
	{ "[{'labels':{'a':''}}]", "400 'at least one label pair required'" },
	{ "[{'labels':{'a':null}}]", "400 'at least one label pair required'" },
	{ "[{'labels':{'a':1}}]", "400 {'code':400,'message':'parsing alerts body from \\'\\' "
				  "failed, because json: cannot unmarshal number into labels of "
				  "type string'}" },
	{ "[{'labels':{'':'x'}}]", "400 'invalid label set: invalid name \\'\\''" },
	{ "[{'labels':{'a':'b'},'annotations':{'':'x'}}]",
		"400 'invalid annotations: invalid name \\'\\''" },
	/* Nothing of its own can hold it, and the others that came with it are not to be lost. */
	{ "[{'labels':{'a':'\\u0000'}}]", "200 " },
	{ "[{'labels':{'a':'b'},'startsAt':'2026-11-22T15:46:25\\u0000Z'}]",
		"400 {'code':400,'message':'parsing alerts body from \\'\\' failed, because parsing "
		"time \\'2026-11-22T15:46:25\xef\xbf\xbdZ\\' of startsAt: it is not like "
		"\\'2006-01-02T15:04:05.000Z\\''}" },
	{ "[{'labels':{'a':'b'},'startsAt':'x'}]",
		"400 {'code':400,'message':'parsing alerts body from \\'\\' failed, because parsing "
		"time \\'x\\' of startsAt: it is not like \\'2006-01-02T15:04:05.000Z\\''}" },
	{ "[{'labels':{'a':'b'},'endsAt':1}]",
		"400 {'code':400,'message':'parsing alerts body from \\'\\' failed, because json: "
		"cannot unmarshal number into endsAt of type string'}" },
	{ "[{'labels':{'a':'b'},'generatorURL':'foo bar'}]",
		"422 {'code':601,'message':'0.generatorURL in body must be of type uri: \\'foo "
		"bar\\''}" },
	{ "[{'labels':{'a':'b'},'generatorURL':''}]", "200 " },
	{ "[{'labels':{'a':'b'},'unknown':[1,{}]}]", "200 " },
	{ "[{'LABELS':{'a':'b'},'StartsAt':null}]", "200 " },
	{ "[{'labels':{},'labels':{'a':'b'}}]", "200 " },
	{ "[{'labels':{'a':'b'},'annotations':null,'startsAt':null}]", "200 " },
	{ "[{'labels':{'a':'b'},'startsAt':'2030-01-01T00:00:00Z','endsAt':'2020-01-01T00:00:00Z'}]",
		"400 'start time must be before end time'" },
	{ "[{'labels':{'a':'b'},'startsAt':'2099-01-01T00:00:00Z'}]",
		"400 'start time must be before end time'" },
	{ "[{'labels':{'':'x'}},{'labels':{'taken':'yes'}},{'labels':{}}]",
		"400 'invalid label set: invalid name \\'\\'; at least one label pair required'" },
	{ "[{'labels':{'a':'b'}},]", "400 {'code':400,'message':'parsing alerts body from \\'\\' "
				     "failed, because no value is here at byte 22'}" },
};

static void what_is_posted_is_taken_or_told_what_is_wrong(void **state)
{
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(posted); i++) {
		v2_begin_world(&w);
		assert_v2(&w, "POST", uri, posted[i].body, posted[i].answer);
		world_end(&w);
	}
	/* The valid ones of a list are taken all the same. */
	v2_begin_world(&w);
	assert_v2(&w, "POST", uri, "[{'labels':{'':'x'}},{'labels':{'n':'1'}},{'labels':{}}]",
		"400 'invalid label set: invalid name \\'\\'; at least one label pair required'");
	assert_names(&w, uri, "labels", "n", "1");
	assert_int_equal(w.api->alerts_invalid, 2);
	assert_int_equal(w.api->alerts_received[0], 3);
	world_end(&w);
}

static void only_json_is_taken(void **state)
{
	static const struct {
		const char *type;
		unsigned status;
	} rows[] = {
		{ NULL, 415 },
		{ "text/plain", 415 },
		{ "application/x-www-form-urlencoded", 415 },
		{ "multipart/form-data; boundary=x", 415 },
		{ "application/jsonx", 415 },
		{ "application/json", 200 },
		{ "Application/JSON; charset=utf-8", 200 },
	};
	struct world w;

	v2_begin_world(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request *req;

		assert_int_equal(request_new(w.api, uri, &req), 0);
		req->method = strdup("POST");
		req->content_type = rows[i].type ? strdup(rows[i].type) : NULL;
		strbuf_adds(&req->body, "[]");
		route_dispatch(req, w.now);
		while (req->job && !req->job->step(req->job, req))
			;
		if (req->response.status != rows[i].status)
			fail_msg("%s: %u", rows[i].type, req->response.status);
		request_free(req);
	}
	world_end(&w);
}

static json_t *only_alert(struct world *w)
{
	struct request *req = v2_send(w, "GET", uri, NULL);
	json_t *root = parse_json(req->response.body.s, req->response.body.len), *alert;

	request_free(req);
	if (json_array_size(root) != 1)
		return root;
	alert = json_incref(json_array_get(root, 0));
	json_decref(root);
	return alert;
}

/* When an alert begins and ends; NOW + 5 s ... */
static const struct {
	const char *fields, *starts, *ends;
} times[] = {
	{ "", "2026-11-22T15:46:25", "2026-11-22T15:56:25" },
	{ ",'startsAt':'2026-11-22T15:00:00Z'", "2026-11-22T15:00:00", "2026-11-22T15:56:25" },
	{ ",'endsAt':'2026-11-22T16:00:00Z'", "2026-11-22T16:00:00", "2026-11-22T16:00:00" },
	{ ",'startsAt':'0001-01-01T00:00:00Z','endsAt':'0001-01-01T00:00:00Z'",
		"2026-11-22T15:46:25", "2026-11-22T15:56:25" },
	{ ",'startsAt':'2026-11-22T16:00:00+01:00','endsAt':'2026-11-22T17:00:00+01:00'",
		"2026-11-22T15:00:00", "2026-11-22T16:00:00" },
	{ ",'startsAt':''", "1970-01-01T00:00:00", "2026-11-22T15:56:25" },
	/* Over: known, told to those who were told of it, and not listed. */
	{ ",'endsAt':'2026-11-22T15:00:00Z'", NULL, NULL },
	{ ",'endsAt':''", NULL, NULL },
};

static void times_that_are_left_open_are_filled_in(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct strbuf body = STRBUF_INIT;
		struct world w;
		json_t *alert;

		v2_begin_world(&w);
		strbuf_addf(&body, "[{'labels':{'a':'b'}%s}]", times[i].fields);
		assert_v2(&w, "POST", uri, body.s, "200 ");
		alert = only_alert(&w);
		if (times[i].starts) {
			const char *starts = json_string_value(json_object_get(alert, "startsAt"));
			const char *ends = json_string_value(json_object_get(alert, "endsAt"));

			if (!starts || !ends || !starts_with(starts, times[i].starts) ||
				!starts_with(ends, times[i].ends))
				fail_msg("%s: %s to %s", times[i].fields, starts, ends);
		} else {
			assert_true(json_is_array(alert) && !json_array_size(alert));
		}
		json_decref(alert);
		strbuf_release(&body);
		world_end(&w);
	}
}

static void an_alert_has_alertmanagers_shape(void **state)
{
	struct world w;
	json_t *alert, *want;

	v2_begin_world(&w);
	assert_v2(&w, "POST", uri,
		"[{'labels':{'alertname':'x','team':'a'},'annotations':{'s':'t <>','empty':''},"
		"'startsAt':'2026-11-22T15:00:00.123456Z','endsAt':'2026-11-22T16:00:00Z',"
		"'generatorURL':'http://g/?q=1&p=2'}]",
		"200 ");
	alert = only_alert(&w);
	assert_true(starts_with(
		json_string_value(json_object_get(alert, "updatedAt")), "2026-11-22T15:46:25."));
	json_object_set_new(alert, "updatedAt", json_string("now"));
	want = json_pack(
		"{s:{s:s,s:s}, s:s, s:s, s:[{s:s},{s:s}], s:s, s:{s:[],s:[],s:[],s:s}, s:s, "
		"s:s, s:{s:s,s:s}}",
		"annotations", "s", "t <>", "empty", "", "endsAt", "2026-11-22T16:00:00.000Z",
		"fingerprint", "06991eb08f04e7b4", "receivers", "name", "a", "name", "b",
		"startsAt", "2026-11-22T15:00:00.123Z", "status", "inhibitedBy", "mutedBy",
		"silencedBy", "state", "active", "updatedAt", "now", "generatorURL",
		"http://g/?q=1&p=2", "labels", "alertname", "x", "team", "a");
	if (!json_equal(alert, want))
		fail_msg("%s", json_dumps(alert, 0));
	json_decref(want);
	json_decref(alert);
	world_end(&w);
}

static void rules_alerts_are_listed_too_with_an_end_that_moves_on(void **state)
{
	const char *const pairs[][2] = { { "alertname", "x" } };
	struct labels *labels = labels_new(1, pairs);
	struct alert *alert = alert_new(labels, NULL);
	struct world w;
	json_t *shown;

	v2_begin_world(&w);
	alert->starts_wall_ms = alert->updated_wall_ms = w.now.wall_ms - 3600000;
	assert_int_equal(notify_put(w.notify, alert, w.now), 0);
	shown = only_alert(&w);
	assert_string_equal(
		json_string_value(json_object_get(shown, "startsAt")), "2026-11-22T14:46:25.250Z");
	assert_true(starts_with(
		json_string_value(json_object_get(shown, "endsAt")), "2026-11-22T15:56:25."));
	json_decref(shown);
	alert_unref(alert);
	labels_unref(labels);
	world_end(&w);
}

static const char silence_of_2[] =
	"{'matchers':[{'name':'n','value':'2','isRegex':false}],'createdBy':'me','comment':'c',"
	"'startsAt':'2026-11-22T15:00:00Z','endsAt':'2026-11-22T17:00:00Z'}";

/* n=1 plain, 2 silenced, 3 inhibited by 4, 5 at a time that silences its group. */
static void put_five(struct world *w)
{
	scoped(freep) char *body = quoted(silence_of_2);
	scoped(freep) char *answer = NULL;

	v2_put(w, "n=1 alertname=x");
	v2_put(w, "n=2 alertname=x team=a");
	v2_put(w, "n=3 alertname=x team=b severity=low host=h");
	v2_put(w, "n=4 alertname=y severity=high host=h");
	v2_put(w, "n=5 alertname=x team=c");
	answer = v2_answer(w, "POST", "/api/v2/silences", body);
	assert_true(starts_with(answer, "200 {\"silenceID\":"));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names sorted: alerts are listed by fingerprint. */
static void assert_listed(struct world *w, const char *query, const char *expected)
{
	scoped(freep) char *target = NULL, *names = NULL;
	struct strbuf sorted = STRBUF_INIT;
	char *words[16], *save = NULL;
	size_t n = 0;

	assert_true(asprintf(&target, "/api/v2/alerts%s", query) > 0);
	names = v2_names(w, target, "labels", "n");
	for (char *s = strtok_r(names, " ", &save); s; s = strtok_r(NULL, " ", &save))
		words[n++] = s;
	if (n)
		qsort(words, n, sizeof(*words), by_text);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&sorted, "%s%s", i ? " " : "", words[i]);
	if (!streq(sorted.s, expected))
		fail_msg("%s gives '%s' and not '%s'", query, sorted.s, expected);
	strbuf_release(&sorted);
}

static void filters_choose_among_alerts(void **state)
{
	static const struct {
		const char *query, *listed;
	} rows[] = {
		{ "", "1 2 3 4 5" },
		{ "?active=false", "2 3" },
		{ "?silenced=false", "1 3 4 5" },
		{ "?inhibited=false", "1 2 4 5" },
		{ "?active=false&silenced=false&inhibited=false", "" },
		{ "?active=no", "2 3" },
		{ "?active=whatever", "2 3" },
		{ "?active=TRUE", "1 2 3 4 5" },
		{ "?active=1", "1 2 3 4 5" },
		{ "?active=", "1 2 3 4 5" },
		{ "?active=true&active=false", "2 3" },
		{ "?unprocessed=false&unknown=1", "1 2 3 4 5" },
		{ "?filter=team%3Da", "2" },
		{ "?filter=team%3D%22a%22", "2" },
		{ "?filter=team%3D~%22a%7Cb%22", "2 3" },
		{ "?filter=team%21%3Da", "1 3 4 5" },
		{ "?filter=team%3D", "1 4" },
		{ "?filter=team%21%3D", "2 3 5" },
		{ "?filter=team%21~%22.%2B%22", "1 4" },
		{ "?filter=alertname%3Dx&filter=team%3D", "1" },
		{ "?receiver=all", "1 4" },
		{ "?receiver=a", "2" },
		{ "?receiver=b", "2 3" },
		{ "?receiver=a%7Cc", "2 5" },
		{ "?receiver=nobody", "" },
		{ "?receiver=", "1 2 3 4 5" },
		{ "?receiver=nobody&receiver=a", "2" },
		{ "?receiver_matchers=owner%3Dx", "2" },
		{ "?receiver_matchers=owner%21%3Dx", "1 2 3 4 5" },
		{ "?receiver_matchers=name%3Da", "2" },
		{ "?receiver_matchers=owner%21%3Dx&receiver=a", "" },
	};
	struct world w;

	v2_begin_world(&w);
	put_five(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_listed(&w, rows[i].query, rows[i].listed);
	assert_v2(&w, "GET", "/api/v2/alerts?filter=x", NULL, "400 'bad matcher format: x'");
	assert_v2(&w, "GET", "/api/v2/alerts?filter=", NULL, "400 'bad matcher format: '");
	assert_v2(&w, "GET", "/api/v2/alerts?filter=%7Ba%3D%22b%22%7D", NULL,
		"400 'unexpected open or close brace: {a=\\'b\\'}'");
	assert_v2(&w, "GET", "/api/v2/alerts?receiver=%28", NULL,
		"400 'failed to parse receiver param: error parsing regexp: missing closing "
		"parenthesis: `^(?:()$`'");
	assert_v2(&w, "GET", "/api/v2/alerts/groups?receiver=%28", NULL,
		"400 'failed to parse receiver param: error parsing regexp: missing closing "
		"parenthesis: `^(?:()$`'");
	world_end(&w);
}

/* As the route and its parents have them, templates as they are written. */
static void assert_route_labels(const json_t *group)
{
	const json_t *labels = json_object_get(group, "routeLabels");
	const char *receiver =
		json_string_value(json_object_get(json_object_get(group, "receiver"), "name"));

	assert_string_equal(json_string_value(json_object_get(labels, "env")), "e {{ 1 }}");
	if (streq(receiver, "a"))
		assert_string_equal(json_string_value(json_object_get(labels, "who")), "a");
	else
		assert_int_equal(json_object_size(labels), 1);
}

/* "RECEIVER: n n" for each group, in the order of the answer. */
static char *groups_text(struct world *w, const char *query)
{
	scoped(freep) char *target = NULL;
	struct strbuf out = STRBUF_INIT;
	struct request *req;
	json_t *root, *group, *alert;
	char *text = NULL;
	size_t i, k;

	assert_true(asprintf(&target, "/api/v2/alerts/groups%s", query) > 0);
	req = v2_send(w, "GET", target, NULL);
	root = parse_json(req->response.body.s, req->response.body.len);
	json_array_foreach(root, i, group)
	{
		assert_true(json_is_object(json_object_get(group, "labels")));
		assert_route_labels(group);
		strbuf_addf(&out, "%s%s:", i ? "; " : "",
			json_string_value(
				json_object_get(json_object_get(group, "receiver"), "name")));
		json_array_foreach(json_object_get(group, "alerts"), k, alert)
		{
			const json_t *status = json_object_get(alert, "status");

			strbuf_addf(&out, " %s",
				json_string_value(
					json_object_get(json_object_get(alert, "labels"), "n")));
			if (json_array_size(json_object_get(status, "mutedBy")))
				strbuf_addf(&out, " %s by %s",
					json_string_value(json_object_get(status, "state")),
					json_string_value(json_array_get(
						json_object_get(status, "mutedBy"), 0)));
		}
	}
	json_decref(root);
	request_free(req);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

static void groups_hold_what_the_filters_leave(void **state)
{
	static const struct {
		const char *query, *groups;
	} rows[] = {
		{ "", "a: 2; all: 1; c: 5 suppressed by never; all: 4; b: 2; b: 3" },
		{ "?receiver=b", "b: 2; b: 3" },
		{ "?receiver_matchers=owner%3Dx", "a: 2" },
		{ "?silenced=false", "all: 1; c: 5 suppressed by never; all: 4; b: 3" },
		{ "?inhibited=false", "a: 2; all: 1; c: 5 suppressed by never; all: 4; b: 2" },
		{ "?muted=false", "a: 2; all: 1; all: 4; b: 2; b: 3" },
		{ "?filter=n%3D1", "all: 1" },
		{ "?filter=n%3D9", "" },
	};
	struct world w;

	v2_begin_world(&w);
	put_five(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) char *text = groups_text(&w, rows[i].query);

		if (!streq(text, rows[i].groups))
			fail_msg("%s gives '%s' and not '%s'", rows[i].query, text, rows[i].groups);
	}
	world_end(&w);
}

/* In a group an alert shows those of its receivers that were asked for. */
static void receivers_in_groups_are_those_asked_for(void **state)
{
	static const struct {
		const char *query, *receivers;
	} rows[] = { { "", "a b" }, { "?receiver=b", "b" } };
	struct world w;

	v2_begin_world(&w);
	v2_put(&w, "n=2 alertname=x team=a");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) char *target = NULL;
		struct strbuf names = STRBUF_INIT;
		struct request *req;
		json_t *root, *receiver, *alert;
		size_t k;

		assert_true(asprintf(&target, "/api/v2/alerts/groups%s", rows[i].query) > 0);
		req = v2_send(&w, "GET", target, NULL);
		root = parse_json(req->response.body.s, req->response.body.len);
		alert = json_array_get(json_object_get(json_array_get(root, 0), "alerts"), 0);
		json_array_foreach(json_object_get(alert, "receivers"), k, receiver)
			strbuf_addf(&names, "%s%s", k ? " " : "",
				json_string_value(json_object_get(receiver, "name")));
		assert_string_equal(names.s, rows[i].receivers);
		strbuf_release(&names);
		json_decref(root);
		request_free(req);
	}
	world_end(&w);
}

static void a_flood_is_taken_and_told_in_turns(void **state)
{
	enum { MANY = 20000 };
	struct strbuf body;
	struct request *req;
	unsigned turns = 0;
	struct world w;
	json_t *root;

	v2_begin_world(&w);
	strbuf_init(&body, HTTP_MAX_ALERTS);
	for (unsigned i = 0; i < MANY; i++)
		strbuf_addf(&body, "%s{\"labels\":{\"alertname\":\"x\",\"n\":\"%u\"}}",
			i ? "," : "[", i);
	strbuf_adds(&body, "]");
	assert_int_equal(request_new(w.api, uri, &req), 0);
	req->method = strdup("POST");
	req->content_type = strdup("application/json");
	strbuf_release(&req->body);
	req->body = body;
	route_dispatch(req, w.now);
	assert_non_null(req->job);
	for (turns = 1; !req->job->step(req->job, req); turns++)
		;
	assert_int_equal(req->response.status, 200);
	assert_true(turns > 1);
	request_free(req);

	assert_int_equal(request_new(w.api, "/api/v2/alerts/groups", &req), 0);
	req->method = strdup("GET");
	route_dispatch(req, w.now);
	for (turns = 1; !req->job->step(req->job, req); turns++) {
		/* Between two turns anything may happen: here some of them end, and all silences. */
		if (turns == 1)
			assert_v2(&w, "POST", uri,
				"[{'labels':{'alertname':'x','n':'19999'},'endsAt':"
				"'2026-11-22T15:00:00Z'}]",
				"200 ");
	}
	root = parse_json(req->response.body.s, req->response.body.len);
	assert_true(turns > 1);
	/* How much a turn has written is a matter of time: the one that ended may have been told before. */
	assert_in_range(json_array_size(json_object_get(json_array_get(root, 0), "alerts")),
		MANY - 1, MANY);
	json_decref(root);
	request_free(req);
	world_end(&w);
}

static void more_than_the_limit_is_told(void **state)
{
	struct notify_limits limits = { .max_alerts = 2, .seed = 1 };
	struct notify *few;
	struct world w;

	v2_begin_world(&w);
	assert_int_equal(notify_new(&limits, world_output, &w, &few), 0);
	w.api->sources.notify = few;
	assert_v2(&w, "POST", uri,
		"[{'labels':{'n':'1'}},{'labels':{'n':'2'}},{'labels':{'n':'3'}},{'labels':{'n':"
		"'1'}}]",
		"500 '1 of 4 alerts not taken: the limit of alerts is reached'");
	w.api->sources.notify = w.notify;
	notify_free(few);
	world_end(&w);
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	struct world w;

	v2_begin_world(&w);
	assert_v2(&w, "POST", uri, "[{'labels':{'n':'\xff\xfe'}}]", "200 ");
	assert_names(&w, uri, "labels", "n", "\xef\xbf\xbd\xef\xbf\xbd");
	world_end(&w);
}

static void times_are_read_as_go_reads_them(void **state)
{
	static const struct {
		const char *text;
		int64_t wall_ms; /* -1: refused */
	} rows[] = {
		{ "2026-11-22T15:46:25.250Z", NOW_WALL_MS },
		{ "2026-11-22T15:46:25.250999999Z", NOW_WALL_MS },
		{ "2026-11-22T16:46:25.250+01:00", NOW_WALL_MS },
		{ "2026-11-22T16:46:25.250+0100", NOW_WALL_MS },
		{ "2026-11-22T15:46:25", NOW_WALL_MS - 250 },
		{ "2026-11-22T15:46Z", NOW_WALL_MS - 25250 },
		{ "2026-11-22T15:46", NOW_WALL_MS - 25250 },
		{ "2026-11-22 15:46:25", NOW_WALL_MS - 250 },
		{ "", 1 },
		{ "1970-01-01T00:00:00Z", 1 },
		{ "0001-01-01T00:00:00Z", 0 },
		{ "0001-01-01T00:00:00.000Z", 0 },
		{ "1969-12-31T23:59:59Z", -1000 },
		{ "x", -1 },
		{ "2026-11-22", -1 },
		{ "2026-11-22T", -1 },
		{ "2026-13-22T15:46:25Z", -1 },
		{ "2026-11-22T15:46:25Zx", -1 },
		{ "1795362385", -1 },
		{ "yesterday, as the clock struck midnight, or a little later than that, said he",
			-1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t ms = -1;
		int err = v2_time_parse(rows[i].text, &ms);

		if (ms != rows[i].wall_ms || (err && rows[i].wall_ms != -1))
			fail_msg("%s: %d, %lld", rows[i].text, err, (long long)ms);
	}
}

static void uris_are_those_that_go_takes(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1", true },
		{ "http://u:p@[::1]:9090/", true },
		{ "http://h", true },
		{ "https://h:/", true },
		{ "/foo", true },
		{ "mailto:a@b", true },
		{ "http://x/a b", true },
		{ "foo", false },
		{ "foo bar", false },
		{ "::::", false },
		{ "", false },
		{ "http://x/%zz", false },
		{ "http://x y/", false },
		{ "http://h:port/", false },
		{ "http://[::1", false },
		{ "http://[::1/x]", false },
		{ "http://h/\x01", false },
		{ "?x", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (v2_uri_valid(rows[i].text) != rows[i].valid)
			fail_msg("%s", rows[i].text);
	}
}

struct question {
	struct world *w;
	const char *method, *uri, *body;
};

static int ask_without_memory(void *userdata)
{
	const struct question *q = userdata;
	struct request *req = NULL;
	int err = request_new(q->w->api, q->uri, &req);

	if (err)
		return err;
	req->method = strdup(q->method);
	req->content_type = strdup("application/json");
	if (req->method && req->content_type) {
		strbuf_adds(&req->body, q->body);
		if (req->body.err)
			err = -ENOMEM;
		else
			route_dispatch(req, q->w->now);
		while (req->job && !req->job->step(req->job, req))
			;
		if (req->response.status != 200 || req->response.body.err)
			err = -ENOMEM;
	} else {
		err = -ENOMEM;
	}
	request_free(req);
	return err;
}

static void survives_without_memory(void **state)
{
	static const char *const questions[][3] = {
		{ "POST", "/api/v2/alerts",
			"[{\"labels\":{\"n\":\"1\"},\"annotations\":{\"a\":\"b\"},"
			"\"generatorURL\":\"http://x/\"},{\"labels\":{\"n\":\"2\"}}]" },
		{ "GET",
			"/api/v2/alerts?filter=n%3D~%22.%22&receiver=a.*&receiver_matchers=owner%3Dx",
			"" },
		{ "GET", "/api/v2/alerts/groups", "" },
		{ "GET", "/api/v2/receivers", "" },
		{ "GET", "/api/v2/status", "" },
	};
	struct world w;

	v2_begin_world(&w);
	put_five(&w);
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		struct question q = { &w, questions[i][0], questions[i][1], questions[i][2] };

		with_failing_allocations(ask_without_memory, &q);
	}
	world_end(&w);
}

static void who_speaks_the_first_api_is_told_that_it_is_gone(void **state)
{
	static const char *const asked[][2] = { { "POST", "/api/v1/alerts" },
		{ "GET", "/api/v1/alerts/groups" }, { "GET", "/api/v1/silences" },
		{ "POST", "/api/v1/silences" }, { "DELETE", "/api/v1/silence/7" },
		{ "GET", "/api/v1/receivers" } };
	struct world w;

	v2_begin_world(&w);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		scoped(freep) char *text = ask_text(&w, asked[i][0], asked[i][1], 410);
		json_t *answer = parse_json(text, strlen(text));

		assert_string_equal(
			json_string_value(json_object_get(answer, "status")), "deprecated");
		assert_non_null(json_object_get(answer, "error"));
		json_decref(answer);
	}
	/* Prometheus's own is answered as ever. */
	json_decref(ask_json(&w, "GET", "/api/v1/alerts", NULL, 200));
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_speaks_the_first_api_is_told_that_it_is_gone),
		cmocka_unit_test(what_is_posted_is_taken_or_told_what_is_wrong),
		cmocka_unit_test(only_json_is_taken),
		cmocka_unit_test(times_that_are_left_open_are_filled_in),
		cmocka_unit_test(an_alert_has_alertmanagers_shape),
		cmocka_unit_test(rules_alerts_are_listed_too_with_an_end_that_moves_on),
		cmocka_unit_test(filters_choose_among_alerts),
		cmocka_unit_test(groups_hold_what_the_filters_leave),
		cmocka_unit_test(receivers_in_groups_are_those_asked_for),
		cmocka_unit_test(a_flood_is_taken_and_told_in_turns),
		cmocka_unit_test(more_than_the_limit_is_told),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(times_are_read_as_go_reads_them),
		cmocka_unit_test(uris_are_those_that_go_takes),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
