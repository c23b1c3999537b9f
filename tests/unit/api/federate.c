/* /federate, and /api/v1/status: what other Prometheuses and those who look after one ask. */
#include "world.h"

static void fill(struct world *w)
{
	static const double up[] = { 1, 0 };
	const double gone[] = { 1, stale_nan() };
	static const double old[] = { 1 };

	world_series(w,
		(const char *const[][2]){
			{ "__name__", "up" }, { "job", "b" }, { "instance", "i:1" } },
		3, up, 2, 60000);
	world_series(w, (const char *const[][2]){ { "__name__", "up" }, { "job", "a" } }, 2, up, 1,
		60000);
	world_series(w, (const char *const[][2]){ { "__name__", "gone" } }, 1, gone, 2, 1000);
	world_series(w, (const char *const[][2]){ { "__name__", "bare" } }, 1, old, 1, 0);
	world_series(w,
		(const char *const[][2]){
			{ "__name__", "my.metric" }, { "a.b", "line\n\"q\"" }, { "site", "own" } },
		3, old, 1, 0);
}

static void assert_federated(
	struct world *w, const char *uri, const char *accept, const char *expected)
{
	struct request *req;

	assert_int_equal(request_new(w->api, uri, &req), 0);
	req->method = strdup("GET");
	req->accept = accept ? strdup(accept) : NULL;
	route_dispatch(req, w->now);
	assert_int_equal(req->response.status, 200);
	assert_string_equal(req->response.body.s, expected);
	assert_true(starts_with(req->response.content_type, "text/plain; version="));
	request_free(req);
}

static void a_selector_that_is_none_is_told_with_its_place(void **state)
{
	static const struct {
		const char *match, *words;
	} rows[] = {
		{ "up{", "1:4: parse error: " },
		{ "up%0a%2b+", "2:3: parse error: " },
		{ "%00", "1:1: parse error: " },
		{ "up&match[]=rate(", "1:6: parse error: " },
		{ "up%2bup", "not a series selector: " },
		{ "up[5m]", "not a series selector: " },
		{ "sum(up)", "not a series selector: " },
		{ "1", "not a series selector: " },
		{ "{}", "match[] must contain at least one non-empty matcher\n" },
	};
	struct strbuf uri = STRBUF_INIT;
	struct world w;

	world_begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request *req;

		strbuf_reset(&uri);
		strbuf_addf(&uri, "/federate?match[]=%s", rows[i].match);
		req = ask(&w, "GET", uri.s, NULL);
		assert_int_equal(req->response.status, 400);
		if (!starts_with(req->response.body.s, rows[i].words))
			fail_msg("%s: %s", rows[i].match, req->response.body.s);
		assert_true(starts_with(req->response.content_type, "text/plain"));
		request_free(req);
	}
	strbuf_release(&uri);
	world_end(&w);
}

/* NOW_WALL_MS is the time of the newest. */
#define AT " 1795362385250\n"

static void the_newest_samples_come_with_their_times(void **state)
{
	struct world w;

	world_begin(&w);
	assert_int_equal(NOW_WALL_MS, 1795362385250);
	assert_federated(&w, "/federate?match[]=up", NULL, "");
	fill(&w);
	assert_federated(&w, "/federate", NULL, "");
	assert_federated(&w, "/federate?match[]=up", NULL,
		"# TYPE up untyped\nup{instance=\"i:1\",job=\"b\"} 0" AT
		"up{job=\"a\",instance=\"\"} 1" AT);
	/* Each once, whoever asks twice; by name. */
	assert_federated(&w, "/federate?match[]=up{job=\"a\"}&match[]=bare&match[]=up{job=\"a\"}",
		NULL,
		"# TYPE bare untyped\nbare{instance=\"\"} 1" AT
		"# TYPE up untyped\nup{job=\"a\",instance=\"\"} 1" AT);
	/* What has ended is not there. */
	assert_federated(&w, "/federate?match[]=gone", NULL, "");
	w.now.wall_ms += 4 * 60000;
	assert_federated(&w, "/federate?match[]=bare", NULL,
		"# TYPE bare untyped\nbare{instance=\"\"} 1" AT);
	w.now.wall_ms += 60000;
	assert_federated(&w, "/federate?match[]=bare", NULL, "");
	world_end(&w);
}

static void external_labels_are_added_where_there_are_none(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w);
	world_configure(&w, "global: {external_labels: {zone: home, site: theirs}}\n"
			    "route: {receiver: r}\nreceivers: [{name: r}]\n");
	assert_federated(&w, "/federate?match[]=bare", NULL,
		"# TYPE bare untyped\nbare{site=\"theirs\",zone=\"home\",instance=\"\"} 1" AT);
	assert_federated(&w, "/federate?match[]={site=\"own\"}", NULL,
		"# TYPE my_metric untyped\n"
		"my_metric{a_b=\"line\\n\\\"q\\\"\",site=\"own\",zone=\"home\",instance=\"\"} 1" AT);
	world_configure(&w, "global: {external_labels: {instance: here}}\n"
			    "route: {receiver: r}\nreceivers: [{name: r}]\n");
	assert_federated(&w, "/federate?match[]=bare", NULL,
		"# TYPE bare untyped\nbare{instance=\"here\"} 1" AT);
	world_end(&w);
}

static void any_name_is_told_to_who_takes_it(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w);
	assert_federated(&w, "/federate?match[]={site=\"own\"}",
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.9",
		"# TYPE \"my.metric\" untyped\n"
		"{\"my.metric\",\"a.b\"=\"line\\n\\\"q\\\"\",site=\"own\",instance=\"\"} 1" AT);
	world_end(&w);
}

static void the_labels_that_make_the_most_series_are_told(void **state)
{
	struct world w;

	world_begin(&w);
	assert_data(&w, "/api/v1/status/tsdb",
		"{'headStats':{'numSeries':0,'numLabelPairs':0,'chunkCount':0,"
		"'minTime':9223372036854775807,'maxTime':-9223372036854775808},"
		"'seriesCountByMetricName':[],'labelValueCountByLabelName':[],"
		"'memoryInBytesByLabelName':[],'seriesCountByLabelValuePair':[]}");
	fill(&w);
	assert_data(&w, "/api/v1/status/tsdb?limit=2",
		"{'headStats':{'numSeries':5,'numLabelPairs':9,'chunkCount':5,"
		"'minTime':1795362325250,'maxTime':1795362385250},"
		"'seriesCountByMetricName':[{'name':'up','value':2},{'name':'bare','value':1}],"
		"'labelValueCountByLabelName':[{'name':'__name__','value':4},{'name':'job','value':2}],"
		"'memoryInBytesByLabelName':[{'name':'__name__','value':21},{'name':'a.b','value':8}],"
		"'seriesCountByLabelValuePair':[{'name':'__name__=up','value':2},"
		"{'name':'__name__=bare','value':1}]}");
	assert_error(&w, "GET", "/api/v1/status/tsdb?limit=0", 400, "bad_data",
		"limit must be a positive number");
	assert_error(&w, "GET", "/api/v1/status/tsdb?limit=10001", 400, "bad_data",
		"limit must not exceed 10000");
	assert_data(&w, "/api/v1/status/walreplay", "{'min':0,'max':0,'current':0}");
	world_end(&w);
}

static void the_settings_are_shown_without_their_secrets(void **state)
{
	struct world w;
	json_t *root;
	const char *yaml;

	world_begin(&w);
	assert_data(&w, "/api/v1/status/config", "{'yaml':''}");
	world_configure(&w,
		"# a comment\nglobal: {scrape_interval: 15s, smtp_hello: h}\n"
		"scrape_configs:\n- job_name: j\n  basic_auth: {username: u, password: hush}\n"
		"  static_configs: [{targets: ['h:1']}]\n"
		"route: {receiver: r}\nreceivers: [{name: r}]\n");
	root = ask_json(&w, "GET", "/api/v1/status/config", NULL, 200);
	yaml = json_string_value(json_object_get(json_object_get(root, "data"), "yaml"));
	assert_non_null(strstr(yaml, "scrape_interval: 15s"));
	assert_non_null(strstr(yaml, "job_name: j"));
	assert_non_null(strstr(yaml, "password: <secret>"));
	assert_null(strstr(yaml, "hush"));
	assert_null(strstr(yaml, "smtp_hello"));
	assert_null(strstr(yaml, "receiver"));
	json_decref(root);
	world_end(&w);
}

static void what_runs_is_told(void **state)
{
	struct world w;
	json_t *root, *data;

	world_begin(&w);
	root = ask_json(&w, "GET", "/api/v1/status/runtimeinfo", NULL, 200);
	data = json_object_get(root, "data");
	assert_true(json_is_true(json_object_get(data, "reloadConfigSuccess")));
	assert_true(json_integer_value(json_object_get(data, "goroutineCount")) >= 1);
	assert_string_equal(
		json_string_value(json_object_get(data, "startTime")), "2026-11-22T15:45:25.250Z");
	assert_true(json_string_value(json_object_get(data, "CWD"))[0] == '/');
	json_decref(root);
	assert_data(&w, "/api/v1/status/flags", "{}");
	assert_data(&w, "/api/v1/notifications", "[]");
	assert_data(&w, "/api/v1/query_exemplars?query=up", "[]");
	assert_error(&w, "GET", "/api/v1/query_exemplars?query=up&start=2&end=1", 400, "bad_data",
		"end timestamp must not be before start timestamp");
	world_end(&w);
}

static void what_one_target_says_of_its_metrics_is_told(void **state)
{
	struct labels *own =
		labels_new(2, (const char *const[][2]){ { "instance", "h:1" }, { "job", "j" } });
	struct world w;

	world_begin(&w);
	w.scrape.targets[0].info = (struct target_info){ .job = "j", .labels = own };
	w.scrape.targets[0].metadata[0] = (struct target_metadata){ "b", "gauge", "B.", "" };
	w.scrape.targets[0].metadata[1] = (struct target_metadata){ "a", "counter", "A.", "s" };
	w.scrape.targets[0].n_metadata = 2;
	w.scrape.n = 1;
	assert_data(&w, "/api/v1/targets/metadata",
		"[{'target':{'instance':'h:1','job':'j'},'metric':'a','type':'counter','help':'A.',"
		"'unit':'s'},{'target':{'instance':'h:1','job':'j'},'metric':'b','type':'gauge',"
		"'help':'B.','unit':''}]");
	assert_data(&w, "/api/v1/targets/metadata?metric=b",
		"[{'target':{'instance':'h:1','job':'j'},'type':'gauge','help':'B.','unit':''}]");
	assert_data(&w, "/api/v1/targets/metadata?match_target={job='x'}", "[]");
	assert_data(&w, "/api/v1/targets/metadata?match_target={}&limit=0", "[]");
	assert_data(&w, "/api/v1/targets/metadata?limit=0", "[]");
	assert_error(&w, "GET", "/api/v1/targets/metadata?limit=x", 400, "bad_data",
		"limit must be a number");
	world_end(&w);
	labels_unref(own);
}

static const char *const uris[] = { "/federate?match[]=up&match[]=bare", "/api/v1/status/tsdb",
	"/api/v1/status/runtimeinfo", "/api/v1/status/config", "/api/v1/targets/metadata" };

struct attempt {
	struct world *w;
	const char *uri;
};

static int ask_once(void *userdata)
{
	const struct attempt *a = userdata;

	return try_get(a->w, a->uri);
}

static void survives_memory_running_out(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w);
	for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
		struct attempt a = { &w, uris[i] };

		with_failing_allocations(ask_once, &a);
	}
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_selector_that_is_none_is_told_with_its_place),
		cmocka_unit_test(the_newest_samples_come_with_their_times),
		cmocka_unit_test(external_labels_are_added_where_there_are_none),
		cmocka_unit_test(any_name_is_told_to_who_takes_it),
		cmocka_unit_test(the_labels_that_make_the_most_series_are_told),
		cmocka_unit_test(the_settings_are_shown_without_their_secrets),
		cmocka_unit_test(what_runs_is_told),
		cmocka_unit_test(what_one_target_says_of_its_metrics_is_told),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
