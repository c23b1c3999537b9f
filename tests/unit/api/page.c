/* The page: what needs a person first, nothing hostile in it, whole without JavaScript. */
#include "pages.h"

#include "api/page.h"

static struct labels *labels, *annotations;
static struct rule_alert_info alerts[2];
static struct rule_info rules[1];

static void fill(struct world *w, const char *name)
{
	labels = labels_new(3, (const char *const[][2]){ { "alertname", "InstanceDown" },
				       { "job", name }, { "instance", "h:1" } });
	annotations = labels_new(
		3, (const char *const[][2]){ { "summary", name },
			   { "cause", "killed by SIGKILL from bash" }, { "other", name } });
	alerts[0] = (struct rule_alert_info){ .labels = labels,
		.annotations = annotations,
		.state = RULE_PENDING,
		.active_wall_ms = NOW_WALL_MS - 5000 };
	alerts[1] = alerts[0];
	alerts[1].state = RULE_FIRING;
	rules[0] = (struct rule_info){ .name = "InstanceDown",
		.query = "up{a=\"&\"} == 0",
		.alerting = true,
		.state = RULE_FIRING,
		.alerts = alerts,
		.n_alerts = 2 };
	w->rules.groups[0] =
		(struct group_info){ .name = "g", .file = "f", .rules = rules, .n_rules = 1 };
	w->rules.n = 1;
	w->watch.services[0].info = (struct service_info){ .name = "first",
		.selector = "exe /first",
		.state = SERVICE_UP,
		.pid = 11,
		.comm = "first",
		.restarts = 3 };
	w->watch.services[1].info = (struct service_info){ .name = name,
		.selector = name,
		.state = SERVICE_DOWN,
		.since = { .boot_ns = 1, .wall_ms = NOW_WALL_MS - 65000 },
		.died = true,
		.last_death = { .at = { .wall_ms = NOW_WALL_MS - 65000 } } };
	w->watch.services[1].cause = name;
	w->watch.n = 2;
	w->scrape.targets[0].info = (struct target_info){ .job = "j",
		.url = "http://a:1/metrics",
		.labels = labels,
		.up = 1,
		.last_wall_ms = NOW_WALL_MS,
		.last_duration_ns = 1250000 };
	w->scrape.targets[1].info = (struct target_info){ .job = "j",
		.url = name,
		.labels = labels,
		.last_wall_ms = NOW_WALL_MS,
		.last_error = name };
	w->scrape.n = 2;
	w->watch.stats.backend_reason = name;
}

/* Starts and dies this often, ten seconds apart, the last time now; then it is up. */
static void live(struct world *w, const char *name, unsigned times)
{
	struct service_info info = { .name = name, .state = SERVICE_UP, .comm = "web" };

	for (unsigned i = 0; i <= times; i++) {
		const int64_t ago_ms = (int64_t)(times - i) * 10000;
		const struct instant at = { w->now.boot_ns - ago_ms * NSEC_PER_MSEC,
			NOW_WALL_MS - ago_ms };

		info.pid = (pid_t)(100 + i);
		info.start_boot_ns = at.boot_ns;
		info.since = at;
		assert_non_null(history_note(w->history, &info, SERVICE_APPEARED, at));
		if (i == times)
			break;
		info.last_death = (struct death){ .kind = DEATH_SIGNAL,
			.signal = SIGKILL,
			.pid = info.pid,
			.at = at,
			.has_sender = true,
			.sender_pid = 812 };
		strncpy(info.last_death.sender_comm, "<b>&bash", WATCH_COMM_MAX - 1);
		info.pid = 0;
		info.start_boot_ns = 0;
		assert_non_null(history_note(w->history, &info, SERVICE_DIED, at));
	}
}

static void end(struct world *w)
{
	world_end(w);
	labels_unref(labels);
	labels_unref(annotations);
}

static void shows_first_what_needs_a_person(void **state)
{
	static const char *const parts[] = {
		"<title>tolld: 1 of 2 services down, 1 of 2 targets down, 1 alert firing, 1 alert pending"
		"</title>",
		"<h2>Alerts</h2>",
		"firing</span>",
		"InstanceDown",
		"job=&quot;second&quot;",
		"5 s ago",
		"second",
		"killed by SIGKILL from bash",
		"pending</span>",
		"<h2>Services</h2>",
		"down</span>",
		"second",
		"1 min 5 s ago",
		"up</span>",
		"first",
		"11",
		"3</td>",
		"<h2>Targets</h2>",
		"down</span>",
		"second",
		"up</span>",
		"http://a:1/metrics",
		"1.2 ms",
		"<footer>",
		"Watched by the pidfd backend: second",
	};
	struct world w;
	char *text;

	world_begin(&w);
	fill(&w, "second");
	text = ask_text(&w, "GET", "/", 200);
	assert_order(text, parts, ARRAY_SIZE(parts));
	free(text);
	end(&w);
}

/* Each '<' opens or closes one of the page's own elements, in order, and each '&' is a reference. */
static void assert_well_formed(const char *html)
{
	static const char *const empty[] = { "meta", "link", "input", "!doctype", "!--" };
	const char *open[32];
	size_t depth = 0;

	for (const char *p = html; *p; p++) {
		const char *name = p + 1, *close = strchr(p, '>');
		bool ends = *name == '/', is_empty = false;

		if (*p == '&')
			assert_true(strcspn(p, ";") <= 6);
		if (*p != '<')
			continue;
		assert_non_null(close);
		name += ends;
		for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
			is_empty = is_empty || starts_with(name, empty[i]);
		p = close;
		if (is_empty)
			continue;
		if (!ends) {
			assert_true(depth < ARRAY_SIZE(open));
			open[depth++] = name;
			continue;
		}
		assert_true(depth > 0);
		depth--;
		if (strncmp(open[depth], name, (size_t)(close - name)) != 0)
			fail_msg("</%.10s> closes <%.10s>", name, open[depth]);
	}
	assert_int_equal(depth, 0);
}

static void hostile_text_stays_text(void **state)
{
	static const char *const uris[] = { "/", "/graph?g0.expr=%22%3C/td%3E%3Cscript%3E%22",
		"/graph?g0.expr=%3Cscript%3E", "/graph?g0.expr=up", "/alerts", "/targets" };
	static const double values[] = { 1 };
	struct world w;

	world_begin(&w);
	fill(&w, HOSTILE);
	live(&w, HOSTILE, 1);
	world_series(&w, (const char *const[][2]){ { "__name__", "up" }, { "job", HOSTILE } }, 2,
		values, 1, 1);
	for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
		char *text = ask_text(&w, "GET", uris[i], 200);

		assert_null(strstr(text, "<script>"));
		assert_null(strstr(text, "'1'"));
		assert_well_formed(text);
		free(text);
	}
	end(&w);
}

static void every_place_of_the_frame_is_filled(void **state)
{
	struct world w;
	char *text;

	world_begin(&w);
	text = ask_text(&w, "GET", "/", 200);
	assert_null(strchr(text, '@'));
	assert_non_null(strstr(text, "no services watched"));
	assert_non_null(strstr(text, "Nothing is watched"));
	assert_well_formed(text);
	free(text);
	world_end(&w);
}

/* -- what became of services ------------------------------------------------------------------ */

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static void a_service_unfolds_its_starts_and_deaths(void **state)
{
	static const char *const parts[] = {
		"<h2>Services</h2>",
		"first",
		"<details data-service=\"first\"><summary>Starts and deaths</summary><ol>",
		"<li class=\"start\">started again (pid 102)<small>0 ms ago",
		"<li class=\"death\">killed by SIGKILL from &lt;b&gt;&amp;bash (pid 812, uid 0)",
		"<small>10 s ago<small class=\"time\">",
		"<li class=\"start\">started again (pid 101)",
		"<li class=\"death\">",
		"<small>20 s ago",
		"<li class=\"start\">started (pid 100)",
		"</ol></details>",
		"<h2>Targets</h2>",
	};
	struct world w;
	char *text;

	world_begin(&w);
	fill(&w, "second");
	live(&w, "first", 2);
	text = ask_text(&w, "GET", "/", 200);
	assert_order(text, parts, ARRAY_SIZE(parts));
	/* Nothing is folded where nothing is known. */
	assert_int_equal(count(text, "<details"), 1);
	assert_well_formed(text);
	free(text);
	end(&w);
}

static void of_many_events_the_last_ten_are_shown(void **state)
{
	struct world w;
	char *text;

	world_begin(&w);
	fill(&w, "second");
	live(&w, "first", 50);
	text = ask_text(&w, "GET", "/", 200);
	assert_int_equal(count(text, "<li "), 10);
	assert_non_null(strstr(text, "(pid 150)"));
	assert_null(strstr(text, "(pid 145)"));
	free(text);
	end(&w);
}

static void above_a_hundred_services_the_page_has_no_events(void **state)
{
	struct world w;
	char *text;

	world_begin(&w);
	live(&w, "many", 1);
	for (size_t i = 0; i < ARRAY_SIZE(w.watch.services); i++)
		w.watch.services[i].info =
			(struct service_info){ .name = "many", .state = SERVICE_UP };
	w.watch.n = 100;
	text = ask_text(&w, "GET", "/", 200);
	assert_int_equal(count(text, "<details"), 100);
	free(text);
	w.watch.n = 101;
	text = ask_text(&w, "GET", "/", 200);
	assert_int_equal(count(text, "<details"), 0);
	free(text);
	world_end(&w);
}

static void what_is_down_without_having_died_says_why(void **state)
{
	struct world w;
	char *text;

	world_begin(&w);
	w.watch.services[0].info =
		(struct service_info){ .name = "deaf", .state = SERVICE_DOWN, .pid = 7 };
	w.watch.services[0].cause = "deaf (pid 7) lives, but does not listen";
	w.watch.services[1].info = (struct service_info){ .name = "quiet", .state = SERVICE_UP };
	w.watch.n = 2;
	text = ask_text(&w, "GET", "/", 200);
	assert_non_null(
		strstr(text, "<div class=\"cause\">deaf (pid 7) lives, but does not listen</div>"));
	assert_int_equal(count(text, "class=\"cause\""), 1);
	free(text);
	world_end(&w);
}

static void what_stands_still_stands_before_what_goes_on(void **state)
{
	struct world w;
	char *text;

	world_begin(&w);
	w.watch.services[0].info = (struct service_info){ .name = "going", .state = SERVICE_UP };
	w.watch.services[1].info =
		(struct service_info){ .name = "standing", .state = SERVICE_UP, .pid = 7 };
	w.watch.services[1].figures.standstill = STANDSTILL_STOPPED;
	w.watch.n = 2;
	text = ask_text(&w, "GET", "/", 200);
	assert_int_equal(w.watch.measured, 1);
	assert_non_null(strstr(text, "1 of 2 services stopped or frozen"));
	assert_non_null(strstr(text, "<span class=\"state stopped\">up, stopped</span>"));
	assert_non_null(strstr(text, "<div class=\"cause\">its process 7 is stopped (SIGSTOP or "
				     "the like)</div>"));
	assert_int_equal(count(text, "class=\"cause\""), 1);
	assert_true(strstr(text, "standing") < strstr(text, "going"));
	free(text);
	world_end(&w);
}

static void the_page_keeps_to_itself(void **state)
{
	struct request *req;
	struct world w;

	world_begin(&w);
	req = ask(&w, "GET", "/", NULL);
	assert_true(req->response.page);
	assert_null(req->response.cors_origin);
	/* No other host, nothing inline: what the Content-Security-Policy forbids is not there. */
	assert_null(strstr(req->response.body.s, "style="));
	assert_null(strstr(req->response.body.s, "onclick"));
	assert_null(strstr(req->response.body.s, "//"));
	request_free(req);
	world_end(&w);
}

static void the_link_in_a_mail_shows_the_expressions_value(void **state)
{
	static const double values[] = { 0 };
	struct world w;
	char *text;

	world_begin(&w);
	world_series(&w, (const char *const[][2]){ { "__name__", "up" }, { "job", "a" } }, 2,
		values, 1, 1);
	text = ask_text(&w, "GET", "/graph?g0.expr=up%7Bjob%3D%22a%22%7D&g0.tab=1", 200);
	assert_non_null(strstr(text, "value=\"up{job="));
	assert_non_null(strstr(text, "<td class=\"number\" data-label=\"Value\">0</td>"));
	free(text);
	text = ask_text(&w, "GET", "/graph?g0.expr=nothing", 200);
	assert_non_null(strstr(text, "No series has this value now."));
	free(text);
	text = ask_text(&w, "GET", "/graph?g0.expr=sum(", 200);
	assert_non_null(strstr(text, "<p class=\"cause\">"));
	free(text);
	world_end(&w);
}

static void a_link_asks_as_the_api_does_and_leads_to_what_has_no_room(void **state)
{
	static const double values[] = { 0 };
	struct world w;
	char *text;

	world_begin(&w);
	for (size_t i = 0; i <= PAGE_MAX_ROWS; i++) {
		char job[8];

		snprintf(job, sizeof(job), "%zu", i);
		world_series(&w, (const char *const[][2]){ { "__name__", "n" }, { "job", job } }, 2,
			values, ARRAY_SIZE(values), 1000);
	}
	text = ask_text(&w, "GET", "/graph?g0.expr=n%20%3C%20%2B1", 200);
	assert_non_null(strstr(text,
		"And 1 more: <a href=\"api/v1/query?query=n+%3C+%2B1\">/api/v1/query</a> has all."));
	free(text);
	w.api->options.query_max_samples = 3;
	text = ask_text(&w, "GET", "/graph?g0.expr=n", 200);
	assert_non_null(strstr(text, "too many samples"));
	free(text);
	w.api->options.query_max_samples = 0;
	w.api->options.query_lookback_ms = 1;
	text = ask_text(&w, "GET", "/graph?g0.expr=n%20offset%202s", 200);
	assert_non_null(strstr(text, "No series has this value now."));
	free(text);
	world_end(&w);
}

static void files_are_served_whole(void **state)
{
	struct request *req;
	struct world w;

	world_begin(&w);
	req = ask(&w, "GET", "/style.css?0.1.0", NULL);
	assert_string_equal(req->response.content_type, "text/css; charset=utf-8");
	assert_int_equal(req->response.body.s[req->response.body.len - 2], '}');
	request_free(req);
	req = ask(&w, "GET", "/page.js", NULL);
	assert_string_equal(req->response.content_type, "text/javascript; charset=utf-8");
	assert_int_equal(req->response.body.s[req->response.body.len - 1], '\n');
	request_free(req);
	world_end(&w);
}

static void a_storm_is_counted_and_not_drawn(void **state)
{
	static struct rule_alert_info many[700];
	struct world w;
	size_t rows = 0;
	char *text;

	world_begin(&w);
	fill(&w, "x");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = alerts[1];
	rules[0].alerts = many;
	rules[0].n_alerts = ARRAY_SIZE(many);
	text = ask_text(&w, "GET", "/", 200);
	for (const char *p = text; (p = strstr(p, "is-firing")); p++)
		rows++;
	assert_int_equal(rows, 500);
	assert_non_null(strstr(text, "And 200 more: <a href=\"api/v2/alerts\">"));
	assert_non_null(strstr(text, "700 alerts firing"));
	free(text);
	end(&w);
}

static int show_page(void *userdata)
{
	return show_once(userdata, "/");
}

static void survives_without_memory(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w, "x");
	live(&w, "x", 2);
	with_failing_allocations(show_page, &w);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_first_what_needs_a_person),
		cmocka_unit_test(hostile_text_stays_text),
		cmocka_unit_test(every_place_of_the_frame_is_filled),
		cmocka_unit_test(a_service_unfolds_its_starts_and_deaths),
		cmocka_unit_test(of_many_events_the_last_ten_are_shown),
		cmocka_unit_test(above_a_hundred_services_the_page_has_no_events),
		cmocka_unit_test(what_is_down_without_having_died_says_why),
		cmocka_unit_test(what_stands_still_stands_before_what_goes_on),
		cmocka_unit_test(the_page_keeps_to_itself),
		cmocka_unit_test(the_link_in_a_mail_shows_the_expressions_value),
		cmocka_unit_test(a_link_asks_as_the_api_does_and_leads_to_what_has_no_room),
		cmocka_unit_test(files_are_served_whole),
		cmocka_unit_test(a_storm_is_counted_and_not_drawn),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
