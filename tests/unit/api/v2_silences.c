/* Silences over the API: made, changed, ended, listed; and who may do so. */
#include "v2_world.h"

#include "api/v2.h"

#define TIMES "'startsAt':'2026-11-22T15:00:00Z','endsAt':'2026-11-22T17:00:00Z'"
#define ONE   "'matchers':[{'name':'a','value':'b','isRegex':false}],"
#define WORDS "'createdBy':'me','comment':'why',"

static const char uri[] = "/api/v2/silences";

/* What Alertmanager answers to the same body; but for the names of Go's types. ID stands for any. */
static const struct {
	const char *body, *answer;
} posted[] = {
	{ "{" ONE WORDS TIMES "}", "200 {'silenceID':ID}" },
	{ "{" ONE WORDS TIMES "} trailing", "200 {'silenceID':ID}" },
	{ "{" ONE WORDS TIMES ",'id':'','unknown':{}}", "200 {'silenceID':ID}" },
	{ "{" ONE WORDS TIMES ",'id':null,'annotations':{'x':'y'}}", "200 {'silenceID':ID}" },
	{ "{" ONE "'createdBy':'','comment':''," TIMES "}", "200 {'silenceID':ID}" },
	{ "", "422 {'code':602,'message':'silence in body is required'}" },
	{ "{}", "422 {'code':602,'message':'comment in body is required'}" },
	{ " \n", "422 {'code':602,'message':'silence in body is required'}" },
	/* Keys in other capitals are the same, and of two the later counts. */
	{ "{'Matchers':[{'NAME':'a','Value':'b','isregex':false}],'CREATEDBY':'me','Comment':"
	  "'why'," TIMES "}",
		"200 {'silenceID':ID}" },
	{ "{" ONE WORDS TIMES ",'StartsAt':'x'}",
		"400 {'code':400,'message':'parsing silence body from \\'\\' failed, because "
		"parsing time \\'x\\' of startsAt: it is not like \\'2006-01-02T15:04:05.000Z\\''}" },
	{ "null", "422 {'code':602,'message':'comment in body is required'}" },
	{ "[]", "400 {'code':400,'message':'parsing silence body from \\'\\' failed, because json: "
		"cannot unmarshal array into silence of type an object'}" },
	{ "{", "400 {'code':400,'message':'parsing silence body from \\'\\' failed, because string "
	       "or '}' expected near end of file at byte 1'}" },
	{ "{" ONE "'createdBy':'me'," TIMES "}",
		"422 {'code':602,'message':'comment in body is required'}" },
	{ "{" ONE "'comment':'why'," TIMES "}",
		"422 {'code':602,'message':'createdBy in body is required'}" },
	{ "{" WORDS TIMES "}", "422 {'code':602,'message':'matchers in body is required'}" },
	{ "{" ONE WORDS "'endsAt':'2026-11-22T17:00:00Z'}",
		"422 {'code':602,'message':'startsAt in body is required'}" },
	{ "{" ONE WORDS "'startsAt':'2026-11-22T17:00:00Z'}",
		"422 {'code':602,'message':'endsAt in body is required'}" },
	{ "{" ONE WORDS "'startsAt':null,'endsAt':'2026-11-22T17:00:00Z'}",
		"422 {'code':602,'message':'startsAt in body is required'}" },
	{ "{'matchers':[]," WORDS TIMES "}",
		"422 {'code':612,'message':'matchers in body should have at least 1 items'}" },
	{ "{'matchers':'x'}", "400 {'code':400,'message':'parsing silence body from \\'\\' failed, "
			      "because json: cannot unmarshal string into matchers of type a "
			      "list'}" },
	{ "{'matchers':[{}]," WORDS TIMES "}",
		"422 {'code':602,'message':'matchers.0.isRegex in body is required'}" },
	{ "{'matchers':[{'isRegex':false,'value':'x'}]," WORDS TIMES "}",
		"422 {'code':602,'message':'matchers.0.name in body is required'}" },
	{ "{'matchers':[{'isRegex':false,'name':'a','value':'b'},{'isRegex':true,'name':'c'}]," WORDS
			TIMES "}",
		"422 {'code':602,'message':'matchers.1.value in body is required'}" },
	{ "{'matchers':[{'name':'a','value':'','isRegex':false}]," WORDS TIMES "}",
		"400 'invalid silence: at least one matcher must not match the empty string'" },
	{ "{'matchers':[{'name':'a','value':'.*','isRegex':true}]," WORDS TIMES "}",
		"400 'invalid silence: at least one matcher must not match the empty string'" },
	{ "{'matchers':[{'name':'','value':'x','isRegex':false}]," WORDS TIMES "}",
		"400 'invalid silence: invalid label matcher 0: invalid label name \\'\\''" },
	{ "{'matchers':[{'name':'a','value':'(','isRegex':true}]," WORDS TIMES "}",
		"400 'invalid silence: invalid label matcher 0: invalid regular expression "
		"\\'(\\': error parsing regexp: missing closing parenthesis'" },
	{ "{'matchers':[{'name':'a','value':'x','isRegex':'yes'}]," WORDS TIMES "}",
		"400 {'code':400,'message':'parsing silence body from \\'\\' failed, because json: "
		"cannot unmarshal string into isRegex of type bool'}" },
	{ "{" ONE WORDS "'startsAt':'2026-11-22T17:00:00Z','endsAt':'2026-11-22T16:00:00Z'}",
		"400 'Failed to create silence: start time must be before end time'" },
	{ "{" ONE WORDS "'startsAt':'2026-11-22T17:00:00Z','endsAt':'2026-11-22T17:00:00Z'}",
		"400 'Failed to create silence: start time must be before end time'" },
	{ "{" ONE WORDS "'startsAt':'2026-11-22T14:00:00Z','endsAt':'2026-11-22T15:00:00Z'}",
		"400 'Failed to create silence: end time can't be in the past'" },
	{ "{" ONE WORDS "'startsAt':'2026-11-22T14:00:00Z','endsAt':''}",
		"400 'Failed to create silence: start time must be before end time'" },
	{ "{" ONE WORDS "'startsAt':'','endsAt':'2026-11-22T17:00:00Z'}", "200 {'silenceID':ID}" },
	{ "{" ONE WORDS "'startsAt':'0001-01-01T00:00:00Z','endsAt':'2026-11-22T17:00:00Z'}",
		"200 {'silenceID':ID}" },
	{ "{" ONE WORDS "'startsAt':'x','endsAt':'2026-11-22T17:00:00Z'}",
		"400 {'code':400,'message':'parsing silence body from \\'\\' failed, because "
		"parsing time \\'x\\' of startsAt: it is not like \\'2006-01-02T15:04:05.000Z\\''}" },
	{ "{" ONE WORDS TIMES ",'id':'nope'}", "404 'silence not found'" },
	{ "{" ONE WORDS TIMES ",'id':'5f6f4b3e-0000-4000-8000-000000000000'}",
		"404 'silence not found'" },
	{ "{" ONE WORDS TIMES ",'id':'5f6f4b3e-0000-4000-8000-000000000000 and more'}",
		"404 'silence not found'" },
};

/* Puts ID in place of each id. */
static void hide_ids(char *text)
{
	for (char *p = text; (p = strstr(p, "ID\":\"")); p += 6) {
		char *end = strchr(p + 5, '"');

		assert_int_equal(end - p - 5, SILENCE_ID_LEN);
		memmove(p + 6, end + 1, strlen(end));
		memcpy(p + 4, "ID", 2);
	}
}

static void what_is_posted_is_taken_or_told_what_is_wrong(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(posted); i++) {
		scoped(freep) char *body = quoted(posted[i].body), *got = NULL;
		struct world w;

		v2_begin_world(&w);
		got = v2_answer(&w, "POST", uri, body);
		hide_ids(got);
		if (!is_text(got, posted[i].answer))
			fail_msg("%s\n  gives %s\n  and not %s", posted[i].body, got,
				posted[i].answer);
		world_end(&w);
	}
}

/* Makes one and returns its id; the caller frees. */
static char *make(struct world *w, const char *body)
{
	scoped(freep) char *sent = quoted(body);
	struct request *req = v2_send(w, "POST", uri, sent);
	json_t *root = parse_json(req->response.body.s, req->response.body.len);
	const char *id = json_string_value(json_object_get(root, "silenceID"));
	char *copy;

	if (!id)
		fail_msg("%s: %s", body, req->response.body.s);
	copy = strdup(id);
	json_decref(root);
	request_free(req);
	return copy;
}

static char *make_at(struct world *w, const char *comment, const char *starts, const char *ends)
{
	struct strbuf body = STRBUF_INIT;
	char *id;

	strbuf_addf(&body,
		"{" ONE "'createdBy':'me','comment':'%s','startsAt':'2026-11-22T%s:00Z','endsAt':"
		"'2026-11-22T%s:00Z'}",
		comment, starts, ends);
	id = make(w, body.s);
	strbuf_release(&body);
	return id;
}

static json_t *get(struct world *w, const char *id)
{
	struct strbuf target = STRBUF_INIT;
	struct request *req;
	json_t *root;

	strbuf_addf(&target, "/api/v2/silence/%s", id);
	req = v2_send(w, "GET", target.s, NULL);
	assert_int_equal(req->response.status, 200);
	root = parse_json(req->response.body.s, req->response.body.len);
	request_free(req);
	strbuf_release(&target);
	return root;
}

static const char *state_of(const json_t *silence)
{
	return json_string_value(json_object_get(json_object_get(silence, "status"), "state"));
}

static void expire(struct world *w, const char *id, const char *expected)
{
	struct strbuf target = STRBUF_INIT;

	strbuf_addf(&target, "/api/v2/silence/%s", id);
	assert_v2(w, "DELETE", target.s, NULL, expected);
	strbuf_release(&target);
}

static void half_a_pair_is_taken_for_what_stands_for_it(void **state)
{
	struct world w;

	v2_begin_world(&w);
	free(make(&w,
		"{" ONE "'createdBy':'\\ud800','comment':'\\uDC00\\ud83d\\uDE00\\ud83dz'," TIMES
		"}"));
	assert_names(&w, "/api/v2/silences", NULL, "createdBy", "\xef\xbf\xbd");
	assert_names(&w, "/api/v2/silences", NULL, "comment",
		"\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbdz");
	world_end(&w);
}

/* A NUL of an alert's and one of a silence's are the same; what only looks like one stays. */
static void a_nul_is_taken_for_what_stands_for_it(void **state)
{
	struct world w;
	char *id;

	v2_begin_world(&w);
	assert_v2(&w, "POST", "/api/v2/alerts",
		"[{'labels':{'n':'a\\u0000z'}},{'labels':{'n':'a\\\\u0000z'}}]", "200 ");
	id = make(&w,
		"{'matchers':[{'name':'n','value':'a\\u0000z','isRegex':false}],'createdBy':"
		"'\\u0000','comment':'\\\\\\u0000\\\\u0000','startsAt':'2026-11-22T15:00:00Z',"
		"'endsAt':'2026-11-22T17:00:00Z','other\\u0000':'\\u0000'}");
	assert_names(&w, "/api/v2/silences", NULL, "comment", "\\\xef\xbf\xbd\\u0000");
	assert_names(&w, "/api/v2/silences", NULL, "createdBy", "\xef\xbf\xbd");
	assert_names(&w, "/api/v2/alerts?active=false", "labels", "n", "a\xef\xbf\xbdz");
	assert_names(&w, "/api/v2/alerts?silenced=false", "labels", "n", "a\\u0000z");
	free(id);
	world_end(&w);
}

static void a_silence_has_alertmanagers_shape(void **state)
{
	struct world w;
	json_t *silence, *want;
	char *id;

	v2_begin_world(&w);
	id = make(&w, "{'matchers':[{'name':'a','value':'b','isRegex':false},"
		      "{'name':'c','value':'d.*','isRegex':true,'isEqual':false}],'createdBy':'me',"
		      "'comment':'why','startsAt':'2026-11-22T16:00:00.5Z',"
		      "'endsAt':'2026-11-22T17:00:00Z','annotations':{'ticket':'7'}}");
	silence = get(&w, id);
	want = json_pack("{s:s, s:{s:s}, s:s, s:{s:s}, s:s, s:s, s:s, s:[{s:b,s:b,s:s,s:s},"
			 "{s:b,s:b,s:s,s:s}], s:s}",
		"id", id, "status", "state", "pending", "updatedAt", "2026-11-22T15:46:25.250Z",
		"annotations", "ticket", "7", "comment", "why", "createdBy", "me", "endsAt",
		"2026-11-22T17:00:00.000Z", "matchers", "isEqual", 1, "isRegex", 0, "name", "a",
		"value", "b", "isEqual", 0, "isRegex", 1, "name", "c", "value", "d.*", "startsAt",
		"2026-11-22T16:00:00.500Z");
	if (!json_equal(silence, want))
		fail_msg("%s", json_dumps(silence, 0));
	json_decref(want);
	json_decref(silence);
	free(id);
	world_end(&w);
}

static void they_are_listed_by_state_and_time(void **state)
{
	static const struct {
		const char *query, *comments;
	} rows[] = {
		{ "", "soon later next pending over" },
		{ "?active=false", "next pending over" },
		{ "?pending=false&expired=false", "soon later" },
		{ "?expired=false", "soon later next pending" },
		{ "?filter=a%3Db", "soon later next pending over" },
		{ "?filter=a%3D%22b%22", "soon later next pending over" },
		/* A filter asks for the matcher itself. */
		{ "?filter=a%3D~b", "" },
		{ "?filter=a%3Dc", "" },
		{ "?filter=a%3Db&filter=c%3Dd", "" },
	};
	char *ids[5];
	struct world w;

	v2_begin_world(&w);
	ids[0] = make_at(&w, "pending", "18:00", "19:00");
	ids[1] = make_at(&w, "later", "15:00", "17:00");
	ids[2] = make_at(&w, "over", "15:00", "23:00");
	ids[3] = make_at(&w, "next", "17:00", "22:00");
	ids[4] = make_at(&w, "soon", "15:00", "16:00");
	expire(&w, ids[2], "200 ");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf target = STRBUF_INIT;

		strbuf_addf(&target, "%s%s", uri, rows[i].query);
		assert_names(&w, target.s, NULL, "comment", rows[i].comments);
		strbuf_release(&target);
	}
	assert_v2(&w, "GET", "/api/v2/silences?filter=a", NULL, "400 'bad matcher format: a'");
	for (size_t i = 0; i < 5; i++)
		free(ids[i]);
	world_end(&w);
}

static void one_is_changed_and_ended_by_its_id(void **state)
{
	struct strbuf body = STRBUF_INIT;
	struct world w;
	json_t *silence;
	char *id, *same, *other;

	v2_begin_world(&w);
	id = make_at(&w, "first", "15:00", "17:00");
	strbuf_addf(&body,
		"{" ONE "'createdBy':'me','comment':'longer','startsAt':'2026-11-22T15:46:25Z',"
		"'endsAt':'2026-11-22T20:00:00Z','id':'%s'}",
		id);
	same = make(&w, body.s);
	assert_string_equal(same, id);
	silence = get(&w, id);
	assert_string_equal(
		json_string_value(json_object_get(silence, "endsAt")), "2026-11-22T20:00:00.000Z");
	json_decref(silence);
	/* Other matchers: another silence, and the old one is over. */
	strbuf_reset(&body);
	strbuf_addf(&body,
		"{'matchers':[{'name':'z','value':'b','isRegex':false}]," WORDS TIMES ",'id':'%s'}",
		id);
	other = make(&w, body.s);
	assert_string_not_equal(other, id);
	silence = get(&w, id);
	assert_string_equal(state_of(silence), "expired");
	json_decref(silence);
	expire(&w, other, "200 ");
	expire(&w, other, "200 ");
	silence = get(&w, other);
	assert_string_equal(state_of(silence), "expired");
	json_decref(silence);
	strbuf_release(&body);
	free(id);
	free(same);
	free(other);
	world_end(&w);
}

static void ids_are_uuids_and_must_be_known(void **state)
{
	static const struct {
		const char *method, *target, *answer;
	} rows[] = {
		{ "GET", "/api/v2/silence/nope",
			"422 {'code':601,'message':'silenceID in path must be of type uuid: "
			"\\'nope\\''}" },
		{ "DELETE", "/api/v2/silence/nope",
			"422 {'code':601,'message':'silenceID in path must be of type uuid: "
			"\\'nope\\''}" },
		{ "GET", "/api/v2/silence/5f6f4b3e-0000-4000-8000-000000000000", "404 " },
		{ "DELETE", "/api/v2/silence/5f6f4b3e-0000-4000-8000-000000000000", "404 " },
		{ "GET", "/api/v2/silence/5f6f4b3e0000-4000-8000-000000000000-",
			"422 {'code':601,'message':'silenceID in path must be of type uuid: "
			"\\'5f6f4b3e0000-4000-8000-000000000000-\\''}" },
		{ "POST", "/api/v2/silence/5f6f4b3e-0000-4000-8000-000000000000",
			"405 {'code':405,'message':'method POST is not allowed, but [GET,DELETE] "
			"are'}" },
		{ "PUT", "/api/v2/silences",
			"405 {'code':405,'message':'method PUT is not allowed, but [GET,POST] "
			"are'}" },
		{ "GET", "/api/v2/silence",
			"404 {'code':404,'message':'path /api/v2/silence was not found'}" },
		{ "GET", "/api/v2/silence/a/b",
			"404 {'code':404,'message':'path /api/v2/silence/a/b was not found'}" },
		{ "GET", "/api/v2/nothing",
			"404 {'code':404,'message':'path /api/v2/nothing was not found'}" },
		{ "GET", "/api/v2", "404 {'code':404,'message':'path /api/v2 was not found'}" },
		{ "POST", "/api/v2/status",
			"405 {'code':405,'message':'method POST is not allowed, but [GET] are'}" },
		{ "GET", "/api/v2/silences/", "200 []" },
		{ "GET", "/api/v2/receivers?receiver_matchers=owner%3Dx",
			"200 [{'name':'a','labels':{'name':'a','owner':'x'}}]" },
	};
	struct world w;
	char *id;

	v2_begin_world(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_v2(&w, rows[i].method, rows[i].target, NULL, rows[i].answer);
	/* In capitals it is the same. */
	id = make(&w, "{" ONE WORDS TIMES "}");
	for (char *p = id; *p; p++)
		*p = *p >= 'a' ? (char)(*p - 32) : *p;
	expire(&w, id, "200 ");
	free(id);
	world_end(&w);
}

static void no_more_than_the_limit_are_kept(void **state)
{
	struct notify_limits limits = { .max_silences = 1, .seed = 1 };
	struct notify *few;
	struct world w;

	v2_begin_world(&w);
	assert_int_equal(notify_new(&limits, world_output, &w, &few), 0);
	w.api->sources.notify = few;
	free(make(&w, "{" ONE WORDS TIMES "}"));
	assert_v2(&w, "POST", uri, "{" ONE WORDS TIMES "}",
		"400 'exceeded maximum number of silences, with those that ended within the last "
		"five days'");
	w.api->sources.notify = w.notify;
	notify_free(few);
	world_end(&w);
}

static void the_status_shows_the_settings_without_secrets(void **state)
{
	struct request *req;
	struct world w;
	json_t *root;
	const char *text;

	v2_begin_world(&w);
	req = v2_send(&w, "GET", "/api/v2/status", NULL);
	root = parse_json(req->response.body.s, req->response.body.len);
	text = json_string_value(json_object_get(json_object_get(root, "config"), "original"));
	assert_non_null(strstr(text, "smtp_auth_password: <secret>\n"));
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "receiver: all\n"));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(root, "versionInfo"), "version")),
		V2_VERSION);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(root, "cluster"), "status")),
		"disabled");
	json_decref(root);
	request_free(req);
	world_end(&w);
}

/* -- who may ------------------------------------------------------------------------------------ */

static const struct origin_row {
	const char *origin, *host;
	bool forwarded;
	const char *external_url, *cors_origin;
	bool may;
} origins[] = {
	/* No browser. */
	{ NULL, "anything.example.org", false, NULL, NULL, true },
	/* Our own pages, by a name that is our own. */
	{ "http://localhost:9093", "localhost:9093", false, NULL, NULL, true },
	{ "http://LOCALHOST:9093", "localhost:9093", false, NULL, NULL, true },
	{ "http://127.0.0.1:9093", "127.0.0.1:9093", false, NULL, NULL, true },
	{ "http://[::1]:9093", "[::1]:9093", false, NULL, NULL, true },
	{ "http://192.168.1.2", "192.168.1.2", false, NULL, NULL, true },
	{ "http://box:9093", "box:9093", false, NULL, NULL, true },
	{ "http://box.local:9093", "box.local:9093", false, NULL, NULL, true },
	{ "http://box.home.arpa", "box.home.arpa", false, NULL, NULL, true },
	{ "http://box.example.org:9093", "box.example.org:9093", false, NULL, NULL, true },
	{ "https://mon.example.com", "mon.example.com", false, "https://mon.example.com/am", NULL,
		true },
	/* The proxy in front has another name than the one it asks for. */
	{ "https://mon.example.com", "127.0.0.1:9093", false, "https://mon.example.com/am", NULL,
		true },
	{ "http://karma:8080", "127.0.0.1:9093", true, NULL, NULL, true },
	/* Pages of others. */
	{ "http://evil.example", "localhost:9093", false, NULL, NULL, false },
	{ "http://localhost:3000", "localhost:9093", false, NULL, NULL, false },
	{ "https://localhost", "localhost:9093", false, NULL, NULL, false },
	{ "null", "localhost:9093", false, NULL, NULL, false },
	{ "", "localhost:9093", false, NULL, NULL, false },
	{ "http://localhost:9093.evil.example", "localhost:9093", false, NULL, NULL, false },
	{ "http://localhost:9093", NULL, false, NULL, NULL, false },
	/* A name of others that means this machine just now. */
	{ "http://evil.example:9093", "evil.example:9093", false, NULL, NULL, false },
	{ "http://evil.example:9093", "evil.example:9093", true, NULL, NULL, false },
	{ "http://box.evil.example", "box.evil.example", false, NULL, NULL, false },
	{ "http://127.0.0.1.evil.example", "127.0.0.1.evil.example", false, NULL, NULL, false },
	{ "http://local", "notlocal.example", false, NULL, NULL, false },
	/* Who is named may. */
	{ "https://ui.example", "localhost:9093", false, NULL, "https://ui\\.example", true },
	{ "https://ui.example.evil", "localhost:9093", false, NULL, "https://ui\\.example", false },
	{ "http://localhost:9093", "localhost:9093", false, NULL, "https://ui\\.example", true },
};

static void pages_of_others_change_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(origins); i++) {
		const struct origin_row *row = &origins[i];
		const struct api_options options = { .external_url = row->external_url,
			.cors_origin = row->cors_origin,
			.hostname = "box.example.org" };
		struct request *req;
		struct world w;

		world_begin_with(&w, &options);
		world_configure(&w, v2_settings);
		assert_int_equal(request_new(w.api, "/api/v2/alerts", &req), 0);
		req->method = strdup("POST");
		req->content_type = strdup("application/json");
		req->origin = row->origin ? strdup(row->origin) : NULL;
		req->host = row->host ? strdup(row->host) : NULL;
		req->forwarded = row->forwarded;
		strbuf_adds(&req->body, "null");
		route_dispatch(req, w.now);
		if (req->response.status != (row->may ? 200u : 403u))
			fail_msg("%s at %s: %u", row->origin, row->host, req->response.status);
		request_free(req);
		world_end(&w);
	}
}

static void browsers_are_told_who_may_ask(void **state)
{
	static const struct {
		const char *cors_origin, *origin, *path;
		const char *told;
		bool posts, changes;
	} rows[] = {
		{ NULL, "http://x", "/api/v2/alerts", "*", false, false },
		{ NULL, "http://x", "/api/v2/silence/x", "*", false, false },
		{ NULL, "http://x", "/api/v2/status", "*", true, false },
		{ NULL, "http://x", "/api/v1/query", "*", true, false },
		{ "http://x", "http://x", "/api/v2/alerts", "http://x", true, true },
		{ "http://x", "http://x", "/api/v1/query", "http://x", true, false },
		{ "http://x", "http://y", "/api/v2/alerts", NULL, false, false },
		{ "http://x", "http://y", "/api/v1/query", NULL, true, false },
		{ "http://x", NULL, "/api/v1/query", NULL, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct api_options options = { .cors_origin = rows[i].cors_origin };
		struct request *req;
		struct world w;

		world_begin_with(&w, &options);
		assert_int_equal(request_new(w.api, rows[i].path, &req), 0);
		req->method = strdup("OPTIONS");
		req->origin = rows[i].origin ? strdup(rows[i].origin) : NULL;
		route_dispatch(req, w.now);
		assert_int_equal(req->response.status, 204);
		if (rows[i].told)
			assert_string_equal(req->response.cors_origin, rows[i].told);
		else
			assert_null(req->response.cors_origin);
		assert_int_equal(req->response.cors_posts, rows[i].posts);
		assert_int_equal(req->response.cors_changes, rows[i].changes);
		request_free(req);
		world_end(&w);
	}
}

static void paths_may_begin_with_a_prefix(void **state)
{
	static const struct {
		const char *external_url, *route_prefix, *path;
		unsigned status;
		const char *location;
	} rows[] = {
		{ NULL, NULL, "/-/healthy", 200, NULL },
		{ NULL, NULL, "/am/-/healthy", 404, NULL },
		{ "http://h/am/", NULL, "/am/-/healthy", 200, NULL },
		{ "http://h:80/am", NULL, "/am/api/v2/silences", 200, NULL },
		{ "http://h/am", NULL, "/am", 301, "/am/" },
		{ "http://h/am", NULL, "/am/", 200, NULL },
		{ "http://h/am", NULL, "/amx/-/healthy", 404, NULL },
		/* A proxy in front took it off. */
		{ "http://h/am", NULL, "/-/healthy", 200, NULL },
		{ "http://h/am", "/", "/am/-/healthy", 404, NULL },
		{ "http://h/am", "/x/y", "/x/y/-/healthy", 200, NULL },
		{ "http://h/am", "/x/y/", "/am/-/healthy", 404, NULL },
		{ NULL, "/x", "/x/api/v2/nothing", 404, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct api_options options = { .external_url = rows[i].external_url,
			.route_prefix = rows[i].route_prefix };
		struct request *req;
		struct world w;

		world_begin_with(&w, &options);
		req = v2_send(&w, "GET", rows[i].path, NULL);
		if (req->response.status != rows[i].status)
			fail_msg("%zu %s: %u", i, rows[i].path, req->response.status);
		if (rows[i].location)
			assert_string_equal(req->response.location, rows[i].location);
		request_free(req);
		world_end(&w);
	}
}

static int make_without_memory(void *userdata)
{
	struct world *w = userdata;
	scoped(freep) char *body = NULL;
	struct request *req = NULL;
	int err = request_new(w->api, uri, &req);

	if (err)
		return err;
	body = quoted("{'matchers':[{'name':'a','value':'b.*','isRegex':true}]," WORDS TIMES
		      ",'annotations':{'x':'y'}}");
	req->method = strdup("POST");
	req->content_type = strdup("application/json");
	if (body)
		strbuf_adds(&req->body, body);
	if (!body || !req->method || !req->content_type || req->body.err)
		err = -ENOMEM;
	else
		route_dispatch(req, w->now);
	if (!err && (req->response.status != 200 || req->response.body.err))
		err = -ENOMEM;
	request_free(req);
	return err;
}

static int list_without_memory(void *userdata)
{
	return try_get(userdata, "/api/v2/silences?filter=a%3D~%22b.%2A%22");
}

static void survives_without_memory(void **state)
{
	struct world w;

	v2_begin_world(&w);
	with_failing_allocations(make_without_memory, &w);
	with_failing_allocations(list_without_memory, &w);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_posted_is_taken_or_told_what_is_wrong),
		cmocka_unit_test(half_a_pair_is_taken_for_what_stands_for_it),
		cmocka_unit_test(a_nul_is_taken_for_what_stands_for_it),
		cmocka_unit_test(a_silence_has_alertmanagers_shape),
		cmocka_unit_test(they_are_listed_by_state_and_time),
		cmocka_unit_test(one_is_changed_and_ended_by_its_id),
		cmocka_unit_test(ids_are_uuids_and_must_be_known),
		cmocka_unit_test(no_more_than_the_limit_are_kept),
		cmocka_unit_test(the_status_shows_the_settings_without_secrets),
		cmocka_unit_test(pages_of_others_change_nothing),
		cmocka_unit_test(browsers_are_told_who_may_ask),
		cmocka_unit_test(paths_may_begin_with_a_prefix),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
