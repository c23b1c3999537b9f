/* Alerts on the page: of this daemon's rules and of others, who is told, and what keeps them silent. */
#include "pages.h"
#include "v2_world.h"

static struct rule_alert_info rule_alerts[3];
static struct rule_info rule;

/* Of a rule: fires, and is known to be told as such; but for what is pending. */
static void put_rule_alerts(struct world *w, struct labels *const *labels, size_t n)
{
	rule = (struct rule_info){ .name = "OfRule",
		.query = "up == 0",
		.alerting = true,
		.alerts = rule_alerts,
		.n_alerts = n };
	for (size_t i = 0; i < n; i++) {
		bool pending = streq(labels_get(labels[i], "job"), "pending");
		struct alert *alert;

		rule_alerts[i] = (struct rule_alert_info){ .labels = labels[i],
			.state = pending ? RULE_PENDING : RULE_FIRING,
			.active_wall_ms = NOW_WALL_MS - 5000,
			.value = 0.5 };
		if (pending)
			continue;
		alert = alert_new(labels[i], NULL);
		alert->starts_wall_ms = NOW_WALL_MS - 5000;
		assert_int_equal(notify_put(w->notify, alert, w->now), 0);
		alert_unref(alert);
	}
	w->rules.groups[0] =
		(struct group_info){ .name = "g", .file = "f", .rules = &rule, .n_rules = 1 };
	w->rules.n = 1;
}

static void silence(struct world *w, const char *name, const char *value)
{
	struct strbuf body = STRBUF_INIT;
	scoped(freep) char *sent = NULL, *answer = NULL;

	strbuf_addf(&body,
		"{'matchers':[{'name':'%s','value':'%s','isRegex':false}],'createdBy':'Ann',"
		"'comment':'<why>','startsAt':'2026-11-22T15:00:00Z','endsAt':'2026-11-22T17:46:25.250Z'}",
		name, value);
	sent = quoted(body.s);
	answer = v2_answer(w, "POST", "/api/v2/silences", sent);
	assert_memory_equal(answer, "200", 3);
	strbuf_release(&body);
}

static void post(struct world *w, const char *body)
{
	scoped(freep) char *sent = quoted(body),
			   *answer = v2_answer(w, "POST", "/api/v2/alerts", sent);

	assert_string_equal(answer, "200 ");
}

/* What needs a person first. */
static const char *const order[] = {
	"<title>tolld: no services watched, 7 alerts firing (2 silenced, 1 inhibited), 1 alert "
	"pending</title>",
	/* What somebody is told of. */
	"is-firing",
	"OfRule</a>",
	"job=&quot;told&quot;",
	"new-silence?filter=",
	"5 s ago",
	"0.5</td>",
	"all</td>",
	"is-muted",
	"Muted",
	"Nobody is told now: time interval never",
	"c</td>",
	"is-firing",
	"<span class=\"name\">Source</span>",
	"severity=&quot;high&quot;",
	"new-silence?filter=",
	"data-label=\"Value\"></td>",
	"all</td>",
	"is-firing",
	"rel=\"noreferrer\" href=\"https://p.example/graph?a=1&amp;b=&#34;\">Outside</a>",
	"team=&quot;a&quot;",
	"1 min 5 s ago",
	"a, b</td>",
	"<div class=\"summary\">&lt;it&gt;",
	"is-pending",
	"job=&quot;pending&quot;",
	"5 s ago",
	"data-label=\"Receiver\"></td>",
	/* What is hidden. */
	"is-silenced",
	"OfRule</a>",
	"job=&quot;hidden&quot;",
	"Silenced for 2 h by Ann: &lt;why&gt; <a href=\"new-silence?id=",
	"\">Change</a>",
	"is-inhibited",
	"Target",
	"Inhibited by Source<small><code>host=&quot;h&quot;, severity=&quot;high&quot;",
	"is-silenced",
	"Quiet",
	"Silenced for 2 h by Ann",
	"</table>",
};

static void whoever_fires_is_there_with_what_keeps_it_silent(void **state)
{
	struct labels *labels[] = {
		labels_new(2,
			(const char *const[][2]){ { "alertname", "OfRule" }, { "job", "told" } }),
		labels_new(2,
			(const char *const[][2]){ { "alertname", "OfRule" }, { "job", "hidden" } }),
		labels_new(2,
			(const char *const[][2]){ { "alertname", "OfRule" }, { "job", "pending" } })
	};
	struct world w;
	char *text;

	v2_begin_world(&w);
	put_rule_alerts(&w, labels, ARRAY_SIZE(labels));
	v2_put(&w, "alertname=Source severity=high host=h");
	v2_put(&w, "alertname=Target severity=low host=h");
	v2_put(&w, "alertname=Muted team=c");
	v2_put(&w, "alertname=Quiet");
	post(&w,
		"[{'labels':{'alertname':'Outside','team':'a'},'annotations':{'summary':'<it>'},"
		"'startsAt':'2026-11-22T15:45:20.250Z','generatorURL':'https://p.example/graph?a=1&b=\\\"'}]");
	silence(&w, "job", "hidden");
	silence(&w, "alertname", "Quiet");
	text = ask_text(&w, "GET", "/", 200);
	assert_order(text, order, ARRAY_SIZE(order));
	assert_null(strstr(text, "more:"));
	free(text);
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		labels_unref(labels[i]);
	world_end(&w);
}

/* Whoever posts an alert says where it comes from; a page must not believe everything. */
static void only_links_to_the_web_are_links(void **state)
{
	static const char *const urls[] = { "javascript:alert(1)", "data:text/html,x",
		"//evil.example/x", "HTTP:x" };
	struct world w;

	v2_begin_world(&w);
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct strbuf body = STRBUF_INIT;
		char *text;

		strbuf_addf(&body, "[{'labels':{'alertname':'X'},'generatorURL':'%s'}]", urls[i]);
		post(&w, body.s);
		text = ask_text(&w, "GET", "/", 200);
		assert_non_null(strstr(text, "<span class=\"name\">X</span>"));
		assert_null(strstr(text, urls[i]));
		free(text);
		strbuf_release(&body);
	}
	world_end(&w);
}

static void a_link_has_words(void **state)
{
	struct world w;
	char *text;

	v2_begin_world(&w);
	post(&w, "[{'labels':{'n':'x'},'generatorURL':'http://p/'}]");
	text = ask_text(&w, "GET", "/", 200);
	assert_non_null(strstr(text, "href=\"http://p/\">no name</a>"));
	free(text);
	world_end(&w);
}

static size_t rows_of(const char *text, const char *state)
{
	struct strbuf row = STRBUF_INIT;
	size_t n = 0;

	strbuf_addf(&row, "<tr class=\"is-%s\">", state);
	for (; (text = strstr(text, row.s)); text++)
		n++;
	strbuf_release(&row);
	return n;
}

static void many_are_counted_and_those_that_are_told_are_drawn(void **state)
{
	struct world w;
	char *text;

	v2_begin_world(&w);
	for (int i = 0; i < 900; i++) {
		char labels[64];

		snprintf(labels, sizeof(labels), "alertname=N%d site=%s", i,
			i % 3 ? "quiet" : "loud");
		v2_put(&w, labels);
	}
	silence(&w, "site", "quiet");
	text = ask_text(&w, "GET", "/", 200);
	assert_int_equal(rows_of(text, "firing"), 300);
	assert_int_equal(rows_of(text, "silenced"), 200);
	assert_non_null(strstr(text, "And 400 more: <a href=\"api/v2/alerts\">"));
	assert_non_null(strstr(text, "900 alerts firing (600 silenced)"));
	free(text);
	/* The form only says how many there are. */
	text = ask_text(&w, "GET", "/new-silence", 200);
	assert_non_null(strstr(text, "900 alerts firing (600 silenced)"));
	assert_int_equal(rows_of(text, "firing"), 0);
	free(text);
	world_end(&w);
}

static void one_that_is_over_is_gone(void **state)
{
	struct world w;
	char *text;

	v2_begin_world(&w);
	v2_put(&w, "alertname=X");
	w.now.boot_ns += 601 * NSEC_PER_SEC;
	w.now.wall_ms += 601 * 1000;
	text = ask_text(&w, "GET", "/", 200);
	assert_null(strstr(text, "<h2>Alerts</h2>"));
	assert_null(strstr(text, "firing"));
	free(text);
	world_end(&w);
}

static int show_page(void *userdata)
{
	return show_once(userdata, "/");
}

static void survives_without_memory(void **state)
{
	struct labels *labels = labels_new(
		2, (const char *const[][2]){ { "alertname", "OfRule" }, { "job", "told" } });
	struct world w;

	v2_begin_world(&w);
	put_rule_alerts(&w, &labels, 1);
	v2_put(&w, "alertname=Source severity=high host=h");
	v2_put(&w, "alertname=Target severity=low host=h");
	silence(&w, "job", "told");
	with_failing_allocations(show_page, &w);
	labels_unref(labels);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_fires_is_there_with_what_keeps_it_silent),
		cmocka_unit_test(only_links_to_the_web_are_links),
		cmocka_unit_test(a_link_has_words),
		cmocka_unit_test(many_are_counted_and_those_that_are_told_are_drawn),
		cmocka_unit_test(one_that_is_over_is_gone),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
