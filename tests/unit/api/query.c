/* Queries: Prometheus's envelope, its words for what is wrong, and ranges in pieces as if whole. */
#include "world.h"

#include <math.h>
#include "base/escape.h"

#define STEPS 400

static void fill(struct world *w)
{
	double values[STEPS], down[STEPS];

	for (size_t i = 0; i < STEPS; i++) {
		values[i] = (double)i;
		down[i] = i % 50 < 25;
	}
	world_series(w, (const char *const[][2]){ { "__name__", "n" }, { "job", "a" } }, 2, values,
		STEPS, 15000);
	world_series(w, (const char *const[][2]){ { "__name__", "up" }, { "job", "b<&>" } }, 2,
		down, STEPS, 15000);
	world_series(w, (const char *const[][2]){ { "__name__", "up" }, { "job", "a" } }, 2, values,
		STEPS, 15000);
}

static void answers_each_type(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w);
	assert_data(&w, "/api/v1/query?query=1%2B1",
		"{'resultType':'scalar','result':[1795362385.25,'2']}");
	assert_data(&w, "/api/v1/query?query=%22a%3Cb%22&time=1",
		"{'resultType':'string','result':[1,'a<b']}");
	assert_data(&w, "/api/v1/query?query=n",
		"{'resultType':'vector','result':[{'metric':{'__name__':'n','job':'a'},"
		"'value':[1795362385.25,'399']}]}");
	assert_data(&w, "/api/v1/query?query=n[30s]",
		"{'resultType':'matrix','result':[{'metric':{'__name__':'n','job':'a'},"
		"'values':[[1795362370.25,'398'],[1795362385.25,'399']]}]}");
	assert_data(&w, "/api/v1/query?query=nothing", "{'resultType':'vector','result':[]}");
	assert_data(&w, "/api/v1/query?query=n&time=1795362385.250&lookback_delta=1m",
		"{'resultType':'vector','result':[{'metric':{'__name__':'n','job':'a'},"
		"'value':[1795362385.25,'399']}]}");
	assert_data(&w, "/api/v1/query?query=n&time=2026-11-22T15:48:25.25Z&lookback_delta=1m",
		"{'resultType':'vector','result':[]}");
	assert_data(&w,
		"/api/v1/query_range?query=sum(n)&start=1795362355.25&end=1795362385.25&step=15s",
		"{'resultType':'matrix','result':[{'metric':{},'values':[[1795362355.25,'397'],"
		"[1795362370.25,'398'],[1795362385.25,'399']]}]}");
	assert_data(&w, "/api/v1/query_range?query=2&start=10&end=20&step=10",
		"{'resultType':'matrix','result':[{'metric':{},'values':[[10,'2'],[20,'2']]}]}");
	assert_data(&w, "/api/v1/format_query?query=up%7Bjob%3D'a'%7D", "'up{job=\\\"a\\\"}'");
	world_end(&w);
}

static void what_a_query_may_see_and_take_can_be_set(void **state)
{
	static const char uri[] = "/api/v1/query?query=sum(n)&time=2026-11-22T15:48:25.25Z";
	struct world w;

	world_begin(&w);
	fill(&w);
	assert_data(&w, uri,
		"{'resultType':'vector','result':[{'metric':{},'value':[1795362505.25,'399']}]}");
	w.api->options.query_lookback_ms = 60000;
	assert_data(&w, uri, "{'resultType':'vector','result':[]}");
	assert_data(&w, "/api/v1/query?query=sum(n)&time=2026-11-22T15:48:25.25Z&lookback_delta=5m",
		"{'resultType':'vector','result':[{'metric':{},'value':[1795362505.25,'399']}]}");
	w.api->options.query_max_samples = 3;
	assert_error(&w, "GET", "/api/v1/query?query=n[1m]", 422, "execution",
		"query processing would load too many samples into memory in query execution");
	world_end(&w);
}

static void escapes_as_go_does(void **state)
{
	struct world w;
	char *text;

	world_begin(&w);
	fill(&w);
	text = ask_text(&w, "GET", "/api/v1/query?query=up%7Bjob!%3D'a'%7D", 200);
	assert_string_equal(text,
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":"
		"{\"__name__\":\"up\",\"job\":\"b\\u003c\\u0026\\u003e\"},\"value\":[1795362385.250,"
		"\"0\"]}]}}");
	free(text);
	world_end(&w);
}

static void takes_a_form_as_well(void **state)
{
	struct strbuf many = STRBUF_INIT;
	struct world w;
	json_t *root;

	world_begin(&w);
	root = ask_json(&w, "POST", "/api/v1/query?query=2", "query=1&time=5", 200);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_object_get(root, "data"), "result"), 1)),
		"1");
	json_decref(root);
	for (size_t i = 0; i <= HTTP_MAX_PARAMS; i++)
		strbuf_adds(&many, "a&");
	root = ask_json(&w, "POST", "/api/v1/query", many.s, 400);
	assert_string_equal(json_string_value(json_object_get(root, "error")),
		"error parsing form values: there are more than 1000");
	json_decref(root);
	strbuf_release(&many);
	world_end(&w);
}

static void says_what_is_wrong_in_prometheus_words(void **state)
{
	static const struct {
		const char *uri;
		unsigned status;
		const char *type, *text;
	} rows[] = {
		{ "/api/v1/query", 400, "bad_data",
			"invalid parameter \"query\": unknown position: parse error: no expression found "
			"in input" },
		{ "/api/v1/query?query=1&time=foo", 400, "bad_data",
			"invalid parameter \"time\": Invalid time value for 'time': cannot parse \"foo\" "
			"to a valid timestamp" },
		{ "/api/v1/query?query=1&time=NaN", 400, "bad_data",
			"invalid parameter \"time\": Invalid time value for 'time': cannot parse \"NaN\" "
			"to a valid timestamp" },
		{ "/api/v1/query?query=1&time=1e300", 400, "bad_data",
			"invalid parameter \"time\": Invalid time value for 'time': cannot parse "
			"\"1e300\" to a valid timestamp" },
		{ "/api/v1/query?query=1&timeout=x%22", 400, "bad_data",
			"invalid parameter \"timeout\": cannot parse \"x\\\"\" to a valid duration" },
		{ "/api/v1/query?query=1&timeout=1e300", 400, "bad_data",
			"invalid parameter \"timeout\": cannot parse \"1e300\" to a valid duration. It "
			"overflows int64" },
		{ "/api/v1/query?query=1&lookback_delta=x%22", 400, "bad_data",
			"error parsing lookback delta duration: cannot parse \"x\\\"\" to a valid "
			"duration" },
		/* Of two faults the one that Prometheus looks at first. */
		{ "/api/v1/query_range?query=1&start=x&limit=-1", 400, "bad_data",
			"invalid parameter \"limit\": limit must be non-negative" },
		{ "/api/v1/query?query=1&limit=-1", 400, "bad_data",
			"invalid parameter \"limit\": limit must be non-negative" },
		{ "/api/v1/query?query=1&limit=x", 400, "bad_data",
			"invalid parameter \"limit\": cannot parse \"x\" to a valid limit" },
		{ "/api/v1/query?query=1&timeout=0s", 503, "timeout",
			"query timed out in expression evaluation" },
		{ "/api/v1/query_range?query=1", 400, "bad_data",
			"invalid parameter \"start\": cannot parse \"\" to a valid timestamp" },
		{ "/api/v1/query_range?query=1&start=1&end=0&step=1", 400, "bad_data",
			"invalid parameter \"end\": end timestamp must not be before start time" },
		{ "/api/v1/query_range?query=1&start=0&end=10", 400, "bad_data",
			"invalid parameter \"step\": cannot parse \"\" to a valid duration" },
		{ "/api/v1/query_range?query=1&start=0&end=10&step=0", 400, "bad_data",
			"invalid parameter \"step\": zero or negative query resolution step widths are "
			"not accepted. Try a positive integer" },
		{ "/api/v1/query_range?query=1&start=0&end=10&step=-1", 400, "bad_data",
			"invalid parameter \"step\": zero or negative query resolution step widths are "
			"not accepted. Try a positive integer" },
		{ "/api/v1/query_range?query=1&start=0&end=11001&step=1", 400, "bad_data",
			"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
			"query resolution (?step=XX)" },
		{ "/api/v1/query_range?query=%22a%22&start=0&end=10&step=1", 400, "bad_data",
			"invalid parameter \"query\": invalid expression type \"string\" for range "
			"query, must be Scalar or instant Vector" },
		{ "/api/v1/query_range?query=up[5m]&start=0&end=10&step=1", 400, "bad_data",
			"invalid parameter \"query\": invalid expression type \"range vector\" for range "
			"query, must be Scalar or instant Vector" },
	};
	struct world w;

	world_begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_error(&w, "GET", rows[i].uri, rows[i].status, rows[i].type, rows[i].text);
	world_end(&w);
}

static void a_parse_error_has_line_and_column(void **state)
{
	static const struct {
		const char *query, *place;
	} rows[] = {
		{ "up+%2B", "1:" },
		{ "up+!!", "1:" },
		{ "sum(%0A++up%0A)+%5E%5E", "3:" },
	};
	struct world w;

	world_begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf uri = STRBUF_INIT, begin = STRBUF_INIT;
		const char *text;
		json_t *root;

		strbuf_addf(&uri, "/api/v1/query?query=%s", rows[i].query);
		strbuf_addf(&begin, "invalid parameter \"query\": %s", rows[i].place);
		root = ask_json(&w, "GET", uri.s, NULL, 400);
		text = json_string_value(json_object_get(root, "error"));
		if (!starts_with(text, begin.s) || !strstr(text, ": parse error: "))
			fail_msg("%s: %s", rows[i].query, text);
		json_decref(root);
		strbuf_release(&uri);
		strbuf_release(&begin);
	}
	world_end(&w);
}

static void a_limit_cuts_and_says_so(void **state)
{
	struct world w;
	json_t *root, *data;

	world_begin(&w);
	fill(&w);
	root = ask_json(&w, "GET", "/api/v1/query?query=up&limit=1", NULL, 200);
	data = json_object_get(root, "data");
	assert_int_equal(json_array_size(json_object_get(data, "result")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(root, "warnings"), 0)),
		"results truncated due to limit");
	json_decref(root);
	root = ask_json(&w, "GET", "/api/v1/query?query=up&limit=2", NULL, 200);
	assert_null(json_object_get(root, "warnings"));
	json_decref(root);
	world_end(&w);
}

static void stats_count_samples_as_steps_look_at_them(void **state)
{
	static const struct {
		const char *uri;
		int looked_at;
	} rows[] = {
		/* Two series; and of one, the four samples of a minute. */
		{ "/api/v1/query?query=up&stats=true", 2 },
		{ "/api/v1/query?query=n%5B1m%5D&stats=true", 4 },
		{ "/api/v1/query?query=sum(count_over_time(n%5B1m%5D))&stats=1", 4 },
		{ "/api/v1/query?query=absent_over_time(n%5B1m%5D)&stats=1", 4 },
		/* A subquery by itself: what its four steps looked at. */
		{ "/api/v1/query?query=sum(up)%5B1m:15s%5D&stats=1", 8 },
		{ "/api/v1/query?query=max_over_time(sum(up)%5B1m:15s%5D)&stats=1", 4 },
	};
	struct world w;

	world_begin(&w);
	fill(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *root = ask_json(&w, "GET", rows[i].uri, NULL, 200);
		json_t *stats = json_object_get(json_object_get(root, "data"), "stats");

		assert_int_equal(
			json_integer_value(json_object_get(
				json_object_get(stats, "samples"), "totalQueryableSamples")),
			rows[i].looked_at);
		assert_true(json_is_number(
			json_object_get(json_object_get(stats, "timings"), "evalTotalTime")));
		json_decref(root);
	}
	world_end(&w);
}

static void stats_of_all_steps_are_told_when_asked_for(void **state)
{
	/* Of each step: its time, 15 s after the one before, and what it looked at. */
	static const struct {
		const char *expr, *by_step;
		int total;
	} rows[] = {
		{ "up", "[[1795362355.25,2],[1795362370.25,2],[1795362385.25,2]]", 6 },
		{ "count_over_time(n[1m])",
			"[[1795362355.25,4],[1795362370.25,4],[1795362385.25,4]]", 12 },
		/* A window that slides into the samples. */
		{ "sum_over_time(n[1m] offset -1m)",
			"[[1795362355.25,2],[1795362370.25,1],[1795362385.25,0]]", 3 },
		/* The subquery's values count, not what they were made of. */
		{ "max_over_time(sum(up)[1m:15s])",
			"[[1795362355.25,4],[1795362370.25,4],[1795362385.25,4]]", 12 },
		/* What is the same at each step is read once, and counts each time. */
		{ "sum(up @ end())", "[[1795362355.25,2],[1795362370.25,2],[1795362385.25,2]]", 6 },
		{ "vector(1)", "[[1795362355.25,0],[1795362370.25,0],[1795362385.25,0]]", 0 },
	};
	struct world w;

	world_begin(&w);
	fill(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf uri = STRBUF_INIT;
		json_t *root, *samples;
		char *text;

		strbuf_adds(&uri, "/api/v1/query_range?start=1795362355.25&end=1795362385.25"
				  "&step=15&stats=all&query=");
		strbuf_adds(&uri, rows[i].expr);
		root = ask_json(&w, "GET", uri.s, NULL, 200);
		samples = json_object_get(
			json_object_get(json_object_get(root, "data"), "stats"), "samples");
		text = json_dumps(json_object_get(samples, "totalQueryableSamplesPerStep"),
			JSON_COMPACT | JSON_REAL_PRECISION(12));
		assert_string_equal(text, rows[i].by_step);
		assert_int_equal(
			json_integer_value(json_object_get(samples, "totalQueryableSamples")),
			rows[i].total);
		free(text);
		json_decref(root);
		strbuf_release(&uri);
	}
	json_decref(ask_json(&w, "GET", "/api/v1/query?query=up&stats=all", NULL, 200));
	world_end(&w);
}

/* The matrix of a range, made of an instant query at each step. */
static void assert_range_is_its_instants(
	struct world *w, const char *query, int64_t start, int64_t end, int64_t step)
{
	struct strbuf uri = STRBUF_INIT;
	json_t *root, *result, *series;
	size_t i, points = 0, found = 0;

	strbuf_adds(&uri, "/api/v1/query_range?query=");
	escape_query(&uri, query, strlen(query));
	strbuf_addf(&uri, "&start=%lld&end=%lld&step=%lld", (long long)start, (long long)end,
		(long long)step);
	root = ask_json(w, "GET", uri.s, NULL, 200);
	result = json_object_get(json_object_get(root, "data"), "result");
	json_array_foreach(result, i, series) points +=
		json_array_size(json_object_get(series, "values"));
	for (int64_t t = start; t <= end; t += step) {
		json_t *at, *vector, *sample;
		size_t j;

		strbuf_reset(&uri);
		strbuf_adds(&uri, "/api/v1/query?query=");
		escape_query(&uri, query, strlen(query));
		strbuf_addf(&uri, "&time=%lld", (long long)t);
		at = ask_json(w, "GET", uri.s, NULL, 200);
		vector = json_object_get(json_object_get(at, "data"), "result");
		json_array_foreach(vector, j, sample)
		{
			json_array_foreach(result, i, series)
			{
				json_t *value;
				size_t k;

				if (!json_equal(json_object_get(series, "metric"),
					    json_object_get(sample, "metric")))
					continue;
				json_array_foreach(json_object_get(series, "values"), k, value)
					found +=
					json_equal(value, json_object_get(sample, "value"));
			}
		}
		json_decref(at);
	}
	assert_true(points > 0);
	assert_int_equal(found, points);
	json_decref(root);
	strbuf_release(&uri);
}

static void a_range_in_pieces_is_the_same_as_its_instants(void **state)
{
	static const char *const queries[] = { "n", "up == 1", "rate(n[1m])", "sum by (job) (up)",
		"topk(1, up)", "n offset 5m", "max_over_time(n[2m:30s])" };
	int64_t end = NOW_WALL_MS / 1000;
	struct world w;

	world_begin(&w);
	fill(&w);
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++)
		assert_range_is_its_instants(&w, queries[i], end - 110 * 37, end, 37);
	world_end(&w);
}

static void the_ends_of_a_range_are_those_asked_for(void **state)
{
	/* The second has no step at its end. */
	static const struct {
		const char *step;
		size_t values;
	} cases[] = { { "15", 241 }, { "1000", 4 } };
	struct world w;

	world_begin(&w);
	fill(&w);
	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		struct strbuf uri = STRBUF_INIT;
		json_t *root, *values, *value;
		size_t i;

		strbuf_addf(&uri,
			"/api/v1/query_range?query=n+%%40+end()&start=1795358785.25&end=1795362385.25"
			"&step=%s",
			cases[k].step);
		root = ask_json(&w, "GET", uri.s, NULL, 200);
		values = json_object_get(
			json_array_get(json_object_get(json_object_get(root, "data"), "result"), 0),
			"values");
		assert_int_equal(json_array_size(values), cases[k].values);
		json_array_foreach(values, i, value)
			assert_string_equal(json_string_value(json_array_get(value, 1)), "399");
		json_decref(root);
		strbuf_release(&uri);
	}
	world_end(&w);
}

static void series_of_a_range_come_sorted(void **state)
{
	struct world w;
	json_t *root, *result;

	world_begin(&w);
	fill(&w);
	root = ask_json(&w, "GET",
		"/api/v1/query_range?query=-up&start=1795362085&end=1795362385&step=15", NULL, 200);
	result = json_object_get(json_object_get(root, "data"), "result");
	assert_int_equal(json_array_size(result), 2);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(json_array_get(result, 0), "metric"), "job")),
		"a");
	json_decref(root);
	world_end(&w);
}

static int ask_once(void *userdata)
{
	return try_get(userdata,
		"/api/v1/query_range?query=sum(up)&start=1795362085&end=1795362385&step=15"
		"&stats=all");
}

static void survives_without_memory(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w);
	with_failing_allocations(ask_once, &w);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_each_type),
		cmocka_unit_test(what_a_query_may_see_and_take_can_be_set),
		cmocka_unit_test(escapes_as_go_does),
		cmocka_unit_test(takes_a_form_as_well),
		cmocka_unit_test(says_what_is_wrong_in_prometheus_words),
		cmocka_unit_test(a_parse_error_has_line_and_column),
		cmocka_unit_test(a_limit_cuts_and_says_so),
		cmocka_unit_test(stats_of_all_steps_are_told_when_asked_for),
		cmocka_unit_test(stats_count_samples_as_steps_look_at_them),
		cmocka_unit_test(a_range_in_pieces_is_the_same_as_its_instants),
		cmocka_unit_test(the_ends_of_a_range_are_those_asked_for),
		cmocka_unit_test(series_of_a_range_come_sorted),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
