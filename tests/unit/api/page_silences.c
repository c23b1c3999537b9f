/* Silences on the page: shown, made from an alert, ended; and nobody else's page can do so. */
#include "pages.h"
#include "v2_world.h"

#define FORM "&for=1h30m&author=Ann&comment=cleaning"

struct headers {
	const char *origin, *host, *site;
	bool forwarded;
};

/* Sends a form as a browser does; the caller frees. */
static struct request *submit_from(
	struct world *w, const char *uri, const char *form, const struct headers *headers)
{
	struct request *req;

	assert_int_equal(request_new(w->api, uri, &req), 0);
	req->method = strdup("POST");
	req->content_type = strdup("application/x-www-form-urlencoded");
	req->origin = headers->origin ? strdup(headers->origin) : NULL;
	req->host = headers->host ? strdup(headers->host) : NULL;
	req->fetch_site = headers->site ? strdup(headers->site) : NULL;
	req->forwarded = headers->forwarded;
	strbuf_adds(&req->body, form);
	route_dispatch(req, w->now);
	return req;
}

static struct request *submit(struct world *w, const char *uri, const char *form)
{
	static const struct headers own = { "http://localhost:9090", "localhost:9090",
		"same-origin", false };

	return submit_from(w, uri, form, &own);
}

static void assert_done(struct request *req)
{
	if (req->response.status != 303)
		fail_msg("%u: %s", req->response.status, req->response.body.s);
	assert_string_equal(req->response.location, "silences");
	request_free(req);
}

static void end_it(struct world *w)
{
	scoped(freep) char *id = v2_names(w, "/api/v2/silences", NULL, "id");
	struct strbuf form = STRBUF_INIT;

	strbuf_addf(&form, "id=%s", id);
	assert_done(submit(w, "/end-silence", form.s));
	strbuf_release(&form);
}

static size_t silences(const struct world *w)
{
	struct notify_stats stats;

	notify_stats(w->notify, &stats);
	return stats.silences;
}

static void one_is_made_shown_and_ended(void **state)
{
	static const char *const shown[] = { "<h2>Silences</h2>", "silence-active\">active",
		"<code>alertname=&#34;Flood&#34;, site=~&#34;a|b&#34;</code><small>cleaning</small>",
		"Ann", "ends in 1 h 30 min", "action=\"end-silence\"" };
	static const char *const over[] = { "silence-expired\">expired", "ended 0 ms ago",
		"new-silence?filter=%7Balertname%3D%22Flood%22%2Csite%3D~%22a%7Cb%22%7D&amp;author="
		"Ann&amp;comment=cleaning\">Again" };
	struct world w;
	char *text;

	v2_begin_world(&w);
	assert_done(submit(&w, "/new-silence",
		"filter=alertname%3D%22Flood%22%0D%0A%0D%0Asite%3D%7Ea%7Cb%0D%0A" FORM));
	for (int i = 0; i < 2; i++) {
		text = ask_text(&w, "GET", i ? "/silences" : "/", 200);
		assert_order(text, shown, ARRAY_SIZE(shown));
		free(text);
	}
	end_it(&w);
	text = ask_text(&w, "GET", "/", 200);
	assert_null(strstr(text, "Flood"));
	free(text);
	text = ask_text(&w, "GET", "/silences", 200);
	assert_order(text, over, ARRAY_SIZE(over));
	assert_null(strstr(text, "end-silence"));
	free(text);
	world_end(&w);
}

static void one_that_has_not_begun_says_when_it_does(void **state)
{
	static const char *const shown[] = { "silence-pending\">pending", "begins in 1 h",
		"ends in 2 h" };
	scoped(freep) char *sent = NULL, *answer = NULL;
	struct world w;
	char *text;

	v2_begin_world(&w);
	sent = quoted("{'matchers':[{'name':'a','value':'b','isRegex':false}],'createdBy':'',"
		      "'comment':'','startsAt':'2026-11-22T16:46:25.250Z',"
		      "'endsAt':'2026-11-22T17:46:25.250Z'}");
	answer = v2_answer(&w, "POST", "/api/v2/silences", sent);
	assert_memory_equal(answer, "200", 3);
	text = ask_text(&w, "GET", "/", 200);
	assert_order(text, shown, ARRAY_SIZE(shown));
	free(text);
	world_end(&w);
}

/* All that is wrong is said at once, each beside its field; and nothing that was written is lost. */
static void faults_stand_beside_their_fields(void **state)
{
	static const struct {
		const char *form, *parts[6];
	} rows[] = {
		{ "filter=&for=&author=&comment=+",
			{ "<textarea", "aria-describedby=\"filter-fault\"",
				"Say which alerts: a line such as alertname=",
				"is no duration and no time: write it", "Say who you are",
				"Say why" } },
		{ "filter=a%3Db%0Ac%0A%0Ad%3D%7E%28&for=2+hours&author=A&comment=C",
			{ ">\na=b\nc\n\nd=~(</textarea>", "Line 2: bad matcher format: c. Line 4: ",
				"missing closing parenthesis", "Write name=", "value=\"2 hours\">",
				"&#34;2 hours&#34; is no duration and no time" } },
		{ "filter=a%3D&for=0s"
		  "&author=A&comment=C",
			{ "aria-invalid", "all of them: give one label a value", "aria-invalid",
				"over at once", "value=\"A\"", "value=\"C\"" } },
		{ "filter=a%3Db&for=101y&author=A&comment=C", { "more than 100 years" } },
		{ "filter=a%3Db&for=292y&begin=2y&author=A&comment=C", { "more than 100 years" } },
		/* It is 15:46:25 on November 22. */
		{ "filter=a%3Db&begin=soon" FORM,
			{ "begin-fault", "value=\"soon\">", "is no time: write it like 22:00" } },
		{ "filter=a%3Db&begin=2026-11-22+15:46" FORM, { "That is past: leave it empty" } },
		{ "filter=a%3Db&begin=101y" FORM, { "more than 100 years away" } },
		{ "filter=a%3Db&for=2026-11-22+15:46&author=A&comment=C",
			{ "That is past: write a" } },
		{ "filter=a%3Db&begin=18:00&for=17:00&author=A&comment=C",
			{ "value=\"18:00\">", "That is before it begins" } },
		/* Each field has a value of its own, also one that is not sent. */
		{ "filter=a%3Db", { "value=\"2h\"", "Say who", "Say why" } },
		{ "filter=%3Cb%3E%22%3C%2Ftextarea%3E&for=%22%3E&author=%3Cx%3E&comment=%22%3Cy%3E",
			{ "&lt;b&gt;&#34;&lt;/textarea&gt;</textarea>", "value=\"&#34;&gt;\"",
				"value=\"&lt;x&gt;\"", "value=\"&#34;&lt;y&gt;\"" } },
		/* Ten lines, and how many more. */
		{ "filter=1%0A2%0A3%0A4%0A5%0A6%0A7%0A8%0A9%0A10%0A11%0A12" FORM,
			{ "Line 10: ", "And 2 more." } },
	};
	struct world w;

	v2_begin_world(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request *req = submit(&w, "/new-silence", rows[i].form);
		size_t n = 0;

		while (n < ARRAY_SIZE(rows[i].parts) && rows[i].parts[n])
			n++;
		assert_int_equal(req->response.status, 400);
		assert_order(req->response.body.s, rows[i].parts, n);
		assert_null(strstr(req->response.body.s, "http-equiv=\"refresh\""));
		request_free(req);
	}
	assert_int_equal(silences(&w), 0);
	world_end(&w);
}

/* "STATE START END" of the one silence, of which the others are over; the caller frees. */
static char *times(struct world *w)
{
	scoped(freep) char *state =
		v2_names(w, "/api/v2/silences?expired=false", "status", "state");
	scoped(freep) char *starts =
		v2_names(w, "/api/v2/silences?expired=false", NULL, "startsAt");
	scoped(freep) char *ends = v2_names(w, "/api/v2/silences?expired=false", NULL, "endsAt");
	struct strbuf out = STRBUF_INIT;
	char *text;

	strbuf_addf(&out, "%s %s %s", state, starts, ends);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

static void one_begins_and_ends_when_it_is_asked_to(void **state)
{
	static const struct {
		const char *form, *times;
	} rows[] = {
		{ "", "active 2026-11-22T15:46:25.250Z 2026-11-22T17:46:25.250Z" },
		{ "&for=1d", "active 2026-11-22T15:46:25.250Z 2026-11-23T15:46:25.250Z" },
		{ "&for=18:00", "active 2026-11-22T15:46:25.250Z 2026-11-22T18:00:00.000Z" },
		{ "&for=+15:00+", "active 2026-11-22T15:46:25.250Z 2026-11-23T15:00:00.000Z" },
		{ "&begin=18:00", "pending 2026-11-22T18:00:00.000Z 2026-11-22T20:00:00.000Z" },
		{ "&begin=30m&for=2026-11-24+08:00",
			"pending 2026-11-22T16:16:25.250Z 2026-11-24T08:00:00.000Z" },
		{ "&begin=2026-12-01T08:00:00%2B01:00&for=90m",
			"pending 2026-12-01T07:00:00.000Z 2026-12-01T08:30:00.000Z" },
		{ "&begin=0s&for=100y",
			"active 2026-11-22T15:46:25.250Z 2126-10-29T15:46:25.250Z" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf form = STRBUF_INIT;
		struct world w;
		char *got;

		v2_begin_world(&w);
		strbuf_addf(&form, "filter=a%%3Db&author=Ann&comment=c%s", rows[i].form);
		assert_done(submit(&w, "/new-silence", form.s));
		got = times(&w);
		assert_string_equal(got, rows[i].times);
		free(got);
		strbuf_release(&form);
		world_end(&w);
	}
}

/* What the first form of a page would send as it is, without its last field; the caller frees. */
static char *form_of(const char *html)
{
	static const char *const fields[] = { "name=\"id\" value=\"",
		"rows=\"6\" spellcheck=\"false\">\n",
		"name=\"begin\" size=\"24\" autocomplete=\"off\" value=\"",
		"name=\"for\" size=\"24\" autocomplete=\"off\" value=\"",
		"name=\"author\" autocomplete=\"name\" value=\"" };
	static const char *const names[] = { "id", "filter", "begin", "for", "author" };
	struct strbuf out = STRBUF_INIT;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *at = strstr(html, fields[i]);

		if (!at)
			continue;
		at += strlen(fields[i]);
		strbuf_addf(&out, "&%s=", names[i]);
		for (size_t n = strcspn(at, "\"<"), k = 0; k < n; k++) {
			bool is_quote = n - k >= 5 && !memcmp(at + k, "&#34;", 5);

			if (is_quote)
				strbuf_adds(&out, "%22");
			else
				strbuf_addch(&out, at[k] == ' ' ? '+' : at[k]);
			k += is_quote ? 4 : 0;
		}
	}
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

struct change {
	const char *before;	   /* startsAt and endsAt of what there is */
	int64_t later_ms;	   /* then the form is sent */
	const char *field, *value; /* what is written into it, after "&comment=new" */
	const char *times;	   /* afterwards */
	const char *ids;	   /* of all: "same", or "new" where the old one is over */
};

static void change_one(const struct change *row)
{
	scoped(freep) char *before = NULL, *answer = NULL, *id = NULL, *now_id = NULL, *got = NULL;
	static const char *const shown[] = { "<h2>Change silence</h2>",
		"name=\"comment\" autocomplete=\"off\" value=\"old\">" };
	struct strbuf uri = STRBUF_INIT, form = STRBUF_INIT;
	struct request *req;
	struct world w;
	char *fields;

	v2_begin_world(&w);
	strbuf_addf(&form,
		"{'matchers':[{'name':'a','value':'b','isRegex':false}],'createdBy':'Ann',"
		"'comment':'old',%s,'annotations':{'k':'v'}}",
		row->before);
	before = quoted(form.s);
	answer = v2_answer(&w, "POST", "/api/v2/silences", before);
	assert_memory_equal(answer, "200", 3);
	id = v2_names(&w, "/api/v2/silences", NULL, "id");
	w.now.wall_ms += row->later_ms;
	w.now.boot_ns += row->later_ms * NSEC_PER_MSEC;
	strbuf_addf(&uri, "/new-silence?id=%s", id);
	req = ask(&w, "GET", uri.s, NULL);
	assert_order(req->response.body.s, shown, ARRAY_SIZE(shown));
	fields = form_of(req->response.body.s);
	request_free(req);
	strbuf_reset(&form);
	/* The first of a name counts. */
	strbuf_addf(&form, "%s%s%s&comment=new%s", row->field, *row->field ? "=" : "", row->value,
		fields);
	free(fields);
	assert_done(submit(&w, "/new-silence", form.s));
	got = times(&w);
	if (!streq(got, row->times))
		fail_msg("%s gives %s", form.s, got);
	now_id = v2_names(&w, "/api/v2/silences?expired=false", NULL, "id");
	assert_int_equal(streq(id, now_id), streq(row->ids, "same"));
	assert_int_equal(silences(&w), streq(row->ids, "same") ? 1 : 2);
	assert_names(&w, "/api/v2/silences?expired=false", NULL, "comment", "new");
	assert_names(&w, "/api/v2/silences?expired=false", "annotations", "k", "v");
	strbuf_release(&uri);
	strbuf_release(&form);
	world_end(&w);
}

/* It is 15:46:25.250. */
static void one_that_is_there_is_changed(void **state)
{
#define RUNNING "'startsAt':'2026-11-22T15:46:25.250Z','endsAt':'2026-11-22T17:46:25.700Z'"
#define PENDING "'startsAt':'2026-11-22T16:46:25.250Z','endsAt':'2026-11-22T17:46:25.700Z'"
	static const struct change rows[] = {
		/* Its words alone: to the millisecond. */
		{ RUNNING, 60000, "", "",
			"active 2026-11-22T15:46:25.250Z 2026-11-22T17:46:25.700Z", "same" },
		{ RUNNING, 60000, "for", "2h",
			"active 2026-11-22T15:46:25.250Z 2026-11-22T17:47:25.250Z", "same" },
		{ RUNNING, 60000, "for", "19:00",
			"active 2026-11-22T15:46:25.250Z 2026-11-22T19:00:00.000Z", "same" },
		{ RUNNING, 60000, "for", "1m",
			"active 2026-11-22T15:46:25.250Z 2026-11-22T15:48:25.250Z", "same" },
		/* What has begun has. */
		{ RUNNING, 60000, "begin", "20:00",
			"active 2026-11-22T15:46:25.250Z 2026-11-22T17:46:25.700Z", "same" },
		{ RUNNING, 60000, "filter", "a%3Dc",
			"active 2026-11-22T15:47:25.250Z 2026-11-22T17:46:25.700Z", "new" },
		{ PENDING, 60000, "", "",
			"pending 2026-11-22T16:46:25.250Z 2026-11-22T17:46:25.700Z", "same" },
		{ PENDING, 60000, "begin", "17:00",
			"pending 2026-11-22T17:00:00.000Z 2026-11-22T17:46:25.700Z", "same" },
		{ PENDING, 60000, "begin", "",
			"active 2026-11-22T15:47:25.250Z 2026-11-22T17:46:25.700Z", "same" },
		{ PENDING, 60000, "for", "1h",
			"pending 2026-11-22T16:46:25.250Z 2026-11-22T17:46:25.250Z", "same" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		change_one(&rows[i]);
}

static void one_that_is_over_or_unknown_is_not_changed(void **state)
{
	struct strbuf uri = STRBUF_INIT;
	struct request *req;
	struct world w;
	char *id;

	v2_begin_world(&w);
	assert_done(submit(&w, "/new-silence", "filter=a%3Db" FORM));
	id = v2_names(&w, "/api/v2/silences", NULL, "id");
	end_it(&w);
	strbuf_addf(&uri, "/new-silence?id=%s", id);
	for (int i = 0; i < 2; i++) {
		req = ask(&w, "GET", uri.s, NULL);
		assert_int_equal(req->response.status, 404);
		request_free(req);
		req = submit(&w, "/new-silence", strchr(uri.s, '?') + 1);
		assert_int_equal(req->response.status, 404);
		request_free(req);
		strbuf_adds(&uri, "x\"><b>");
	}
	assert_int_equal(silences(&w), 1);
	free(id);
	strbuf_release(&uri);
	world_end(&w);
}

static struct rule_alert_info alert_row;
static struct rule_info rule_row;

static void put_rule_alert(struct world *w, struct labels *labels)
{
	alert_row = (struct rule_alert_info){ .labels = labels, .state = RULE_FIRING };
	rule_row = (struct rule_info){ .name = "Flood",
		.query = "up",
		.alerting = true,
		.alerts = &alert_row,
		.n_alerts = 1 };
	w->rules.groups[0] =
		(struct group_info){ .name = "g", .file = "f", .rules = &rule_row, .n_rules = 1 };
	w->rules.n = 1;
}

/* The path that the page's first link to a new silence leads to. */
static void add_link(const char *html, struct strbuf *out)
{
	const char *link = strstr(html, "new-silence?");

	assert_non_null(link);
	strbuf_addch(out, '/');
	strbuf_add(out, link, strcspn(link, "\""));
}

static void an_alert_leads_to_its_silence_and_shows_it(void **state)
{
	static const char *const lines[] = { ">\nalertname=&#34;Flood&#34;\n"
					     "where=&#34;a, \\&#34;b\\&#34; {}&#34;\n</textarea>",
		"1 alert fires now and would be silent", "Flood" };
	struct labels *labels = labels_new(2,
		(const char *const[][2]){ { "alertname", "Flood" }, { "where", "a, \"b\" {}" } });
	struct strbuf uri = STRBUF_INIT, form = STRBUF_INIT;
	struct alert *alert;
	struct request *req;
	struct world w;
	char *text;

	v2_begin_world(&w);
	/* It is told with labels of this machine's, and found by these. */
	world_configure(&w, "global: {external_labels: {site: home}}\n");
	put_rule_alert(&w, labels);
	alert = alert_new(labels_new(3, (const char *const[][2]){ { "alertname", "Flood" },
						{ "where", "a, \"b\" {}" }, { "site", "home" } }),
		NULL);
	alert->starts_wall_ms = NOW_WALL_MS;
	assert_int_equal(notify_put(w.notify, alert, w.now), 0);
	req = ask(&w, "GET", "/", NULL);
	add_link(req->response.body.s, &uri);
	request_free(req);
	text = ask_text(&w, "GET", uri.s, 200);
	assert_order(text, lines, ARRAY_SIZE(lines));
	free(text);
	strbuf_addf(&form, "%s" FORM, strstr(uri.s, "filter="));
	assert_done(submit(&w, "/new-silence", form.s));
	text = ask_text(&w, "GET", "/", 200);
	assert_non_null(strstr(text, "1 alert firing (1 silenced)"));
	assert_non_null(strstr(text, "Silenced for 1 h 30 min by Ann: cleaning"));
	assert_null(strstr(text, "new-silence?filter"));
	assert_non_null(strstr(text, "cleaning <a href=\"new-silence?id="));
	free(text);
	strbuf_release(&uri);
	strbuf_release(&form);
	labels_unref((struct labels *)alert->labels);
	alert_unref(alert);
	labels_unref(labels);
	world_end(&w);
}

static void a_preview_makes_nothing(void **state)
{
	struct world w;
	char *text;

	v2_begin_world(&w);
	text = ask_text(&w, "GET", "/new-silence?filter=a%3Db&for=3d&author=A&comment=C", 200);
	assert_non_null(strstr(text, "value=\"3d\""));
	assert_non_null(strstr(text, "0 alerts fire now and would be silent"));
	assert_null(strstr(text, "class=\"fault\""));
	free(text);
	text = ask_text(&w, "GET", "/new-silence?filter=a%3D%3D%22", 200);
	assert_non_null(strstr(text, "class=\"fault\""));
	free(text);
	/* What nobody has written yet is no fault. */
	text = ask_text(&w, "GET", "/new-silence", 200);
	assert_null(strstr(text, "class=\"fault\""));
	free(text);
	assert_int_equal(silences(&w), 0);
	world_end(&w);
}

static void only_pages_of_its_own_are_heard(void **state)
{
	static const struct {
		struct headers from;
		unsigned status;
	} rows[] = {
		{ { "http://localhost:9090", "localhost:9090", "same-origin", false }, 303 },
		/* Where there is neither TLS nor localhost the browser says less. */
		{ { "http://box.lan:9090", "box.lan:9090", NULL, false }, 303 },
		/* Behind a proxy, which may name another host. */
		{ { "https://tolld.example.org", "localhost:9090", "same-origin", true }, 303 },
		{ { "https://tolld.example.org", "localhost:9090", NULL, true }, 403 },
		/* Others, however they come. */
		{ { "http://evil.example", "localhost:9090", "cross-site", false }, 403 },
		{ { "http://evil.example", "localhost:9090", NULL, false }, 403 },
		{ { "https://evil.example", "localhost:9090", "cross-site", true }, 403 },
		{ { "https://evil.example", "localhost:9090", NULL, true }, 403 },
		{ { "http://localhost:8080", "localhost:9090", "same-site", false }, 403 },
		{ { "null", "localhost:9090", NULL, false }, 403 },
		{ { NULL, "localhost:9090", NULL, false }, 403 },
		{ { "http://localhost:9090", NULL, NULL, false }, 403 },
		/* A name that only resolves to this machine. */
		{ { "http://evil.example:9090", "evil.example:9090", "same-origin", false }, 403 },
		{ { "http://evil.example:9090", "evil.example:9090", NULL, false }, 403 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request *req;
		struct world w;

		v2_begin_world(&w);
		req = submit_from(&w, "/new-silence", "filter=a%3Db" FORM, &rows[i].from);
		if (req->response.status != rows[i].status)
			fail_msg("row %zu: %u", i, req->response.status);
		assert_int_equal(silences(&w), rows[i].status == 303);
		request_free(req);
		req = submit_from(&w, "/end-silence", "id=x", &rows[i].from);
		assert_int_equal(req->response.status, rows[i].status == 303 ? 404 : 403);
		request_free(req);
		world_end(&w);
	}
}

static void a_link_makes_and_ends_nothing(void **state)
{
	struct request *req;
	struct world w;

	v2_begin_world(&w);
	req = ask(&w, "GET", "/end-silence?id=x", NULL);
	assert_int_equal(req->response.status, 405);
	assert_string_equal(req->response.allow, "OPTIONS, POST");
	request_free(req);
	world_end(&w);
}

static void many_are_counted_and_not_drawn(void **state)
{
	struct world w;
	size_t rows = 0;
	char *text;

	v2_begin_world(&w);
	for (int i = 0; i < 600; i++)
		assert_done(submit(&w, "/new-silence", "filter=a%3Db" FORM));
	text = ask_text(&w, "GET", "/silences", 200);
	for (const char *p = text; (p = strstr(p, "silence-active")); p++)
		rows++;
	assert_int_equal(rows, 500);
	assert_non_null(strstr(text, "And 100 more: <a href=\"api/v2/silences\">"));
	free(text);
	world_end(&w);
}

static int make_once(void *userdata)
{
	struct world *w = userdata;
	struct request *req;
	int err = request_new(w->api, "/new-silence", &req);

	if (err)
		return err;
	req->method = strdup("POST");
	req->content_type = strdup("application/x-www-form-urlencoded");
	req->origin = strdup("http://localhost:9090");
	req->host = strdup("localhost:9090");
	strbuf_adds(&req->body, "filter=a%3Db%0Ac%3D~d%0A" FORM);
	if (req->method && req->content_type && req->origin && req->host)
		route_dispatch(req, w->now);
	err = req->response.status == 303 ? req->response.body.err : -ENOMEM;
	request_free(req);
	return err;
}

static int show_form(void *userdata)
{
	return show_once(userdata, "/new-silence?filter=a%3D~.*,alertname=X");
}

static void survives_without_memory(void **state)
{
	struct world w;

	v2_begin_world(&w);
	v2_put(&w, "alertname=X");
	with_failing_allocations(make_once, &w);
	with_failing_allocations(show_form, &w);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_made_shown_and_ended),
		cmocka_unit_test(one_that_has_not_begun_says_when_it_does),
		cmocka_unit_test(faults_stand_beside_their_fields),
		cmocka_unit_test(one_begins_and_ends_when_it_is_asked_to),
		cmocka_unit_test(one_that_is_there_is_changed),
		cmocka_unit_test(one_that_is_over_or_unknown_is_not_changed),
		cmocka_unit_test(an_alert_leads_to_its_silence_and_shows_it),
		cmocka_unit_test(a_preview_makes_nothing),
		cmocka_unit_test(only_pages_of_its_own_are_heard),
		cmocka_unit_test(a_link_makes_and_ends_nothing),
		cmocka_unit_test(many_are_counted_and_not_drawn),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
