/* Names, values and series: found by selectors and times, each once, sorted. */
#include "world.h"

static void fill(struct world *w)
{
	static const double values[] = { 1, 2, 3, 4, 5 };

	world_series(w, (const char *const[][2]){ { "__name__", "up" }, { "job", "b" } }, 2, values,
		5, 60000);
	world_series(w,
		(const char *const[][2]){ { "__name__", "up" }, { "job", "a" }, { "zone", "x" } },
		3, values, 5, 60000);
	world_series(w,
		(const char *const[][2]){
			{ "__name__", "n" }, { "job", "a" }, { "my.label", "<" } },
		3, values, 5, 60000);
}

static void lists_names_and_values(void **state)
{
	struct world w;

	world_begin(&w);
	assert_data(&w, "/api/v1/labels", "[]");
	fill(&w);
	assert_data(&w, "/api/v1/labels", "['__name__','job','my.label','zone']");
	assert_data(&w, "/api/v1/labels?match[]=up", "['__name__','job','zone']");
	assert_data(&w, "/api/v1/labels?match[]=up{job='b'}&match[]=n",
		"['__name__','job','my.label']");
	assert_data(&w, "/api/v1/label/job/values", "['a','b']");
	assert_data(&w, "/api/v1/label/job/values?match[]=n", "['a']");
	assert_data(&w, "/api/v1/label/__name__/values", "['n','up']");
	assert_data(&w, "/api/v1/label/nothing/values", "[]");
	world_end(&w);
}

static void a_name_may_be_escaped(void **state)
{
	static const char *const bad[] = { "%ff", "U__" };
	struct world w;

	world_begin(&w);
	fill(&w);
	assert_data(&w, "/api/v1/label/U__my_2e_label/values", "['<']");
	assert_data(&w, "/api/v1/label/U__my_zz_label/values", "[]");
	assert_data(&w, "/api/v1/label/U__job/values", "['a','b']");
	assert_data(&w, "/api/v1/label/U____name____/values", "[]");
	assert_data(&w, "/api/v1/label/U______name____/values", "['n','up']");
	/* Without, too, where the path allows it: any text is a name. */
	assert_data(&w, "/api/v1/label/my.label/values", "['<']");
	assert_data(&w, "/api/v1/label/0bad/values", "[]");
	assert_data(&w, "/api/v1/label/a%2Fb/values", "[]");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct strbuf uri = STRBUF_INIT;

		strbuf_addf(&uri, "/api/v1/label/%s/values", bad[i]);
		json_decref(ask_json(&w, "GET", uri.s, NULL, 400));
		strbuf_release(&uri);
	}
	assert_error(&w, "GET", "/api/v1/label/U__/values", 400, "bad_data",
		"invalid label name: \"U__\"");
	world_end(&w);
}

static void finds_series_by_selectors(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w);
	assert_data(&w, "/api/v1/series?match[]=up",
		"[{'__name__':'up','job':'a','zone':'x'},{'__name__':'up','job':'b'}]");
	assert_data(&w, "/api/v1/series?match[]=up&match[]={job='b'}",
		"[{'__name__':'up','job':'a','zone':'x'},{'__name__':'up','job':'b'}]");
	/* In the order of their labels, whatever is asked for first. */
	assert_data(&w, "/api/v1/series?match[]=up{job='b'}&match[]=n&match[]={job='a'}",
		"[{'__name__':'n','job':'a','my.label':'<'},"
		"{'__name__':'up','job':'a','zone':'x'},{'__name__':'up','job':'b'}]");
	assert_data(&w, "/api/v1/series?match[]={__name__=~'.%2B'}&limit=1",
		"[{'__name__':'n','job':'a','my.label':'<'}]");
	world_end(&w);
}

static void a_limit_says_what_it_cut(void **state)
{
	static const char *const uris[] = { "/api/v1/series?match[]=up&limit=1",
		"/api/v1/labels?limit=1", "/api/v1/label/job/values?limit=1" };
	struct world w;

	world_begin(&w);
	fill(&w);
	for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
		json_t *root = ask_json(&w, "GET", uris[i], NULL, 200);

		assert_int_equal(json_array_size(json_object_get(root, "data")), 1);
		assert_int_equal(json_array_size(json_object_get(root, "warnings")), 1);
		json_decref(root);
	}
	world_end(&w);
}

static void what_is_outside_the_time_is_not_there(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w);
	assert_data(&w, "/api/v1/labels?start=0&end=1000", "[]");
	assert_data(&w,
		"/api/v1/labels?start=-292273086-05-16T16:47:06Z&match[]=n"
		"&end=292277025-08-18T07:12:54.999999999Z",
		"['__name__','job','my.label']");
	assert_data(&w, "/api/v1/labels?start=-9223309901257974&end=9223309901257974&match[]=n",
		"['__name__','job','my.label']");
	assert_data(&w, "/api/v1/labels?start=9223309901257974", "[]");
	assert_data(
		&w, "/api/v1/labels?start=1795362385&match[]=n", "['__name__','job','my.label']");
	world_end(&w);
}

static void refuses_what_is_no_selector(void **state)
{
	static const char *const uris[] = { "sum(up)", "up[5m]", "up+offset+5m", "1", "-up",
		"up%2Bup", "(up)", "up+and+up", "%7B%7D", "%7Ba=''%7D", "%7Bjob=%22%7D",
		"up%7Ba=%22%7D%22%7D%2Bup", "%22up%22" };
	struct world w;

	world_begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
		struct strbuf uri = STRBUF_INIT;
		json_t *root;

		strbuf_addf(&uri, "/api/v1/series?match[]=%s", uris[i]);
		root = ask_json(&w, "GET", uri.s, NULL, 400);
		assert_true(starts_with(json_string_value(json_object_get(root, "error")),
			"invalid parameter \"match[]\": "));
		json_decref(root);
		strbuf_release(&uri);
	}
	assert_error(&w, "GET", "/api/v1/series", 400, "bad_data", "no match[] parameter provided");
	world_end(&w);
}

static void takes_selectors_in_every_spelling(void **state)
{
	static const char *const selectors[] = { "up", "+up+", "up%7B%7D", "up+%7Bjob=~'.*'%7D+",
		"%7B__name__='up'%7D", "up%7Bjob!='%7D'%7D", "up%7Bjob!=%22%5C%22%7D%22%7D" };
	struct world w;

	world_begin(&w);
	fill(&w);
	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
		struct strbuf uri = STRBUF_INIT;
		json_t *root;

		strbuf_addf(&uri, "/api/v1/series?match[]=%s", selectors[i]);
		root = ask_json(&w, "GET", uri.s, NULL, 200);
		assert_int_equal(json_array_size(json_object_get(root, "data")), 2);
		json_decref(root);
		strbuf_release(&uri);
	}
	world_end(&w);
}

static int list_once(void *userdata)
{
	static const char *const uris[] = { "/api/v1/label/job/values?match[]=up",
		"/api/v1/series?match[]=up", "/api/v1/labels" };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(uris) && !err; i++)
		err = try_get(userdata, uris[i]);
	return err;
}

static void survives_without_memory(void **state)
{
	struct world w;

	world_begin(&w);
	fill(&w);
	with_failing_allocations(list_once, &w);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_names_and_values),
		cmocka_unit_test(a_name_may_be_escaped),
		cmocka_unit_test(finds_series_by_selectors),
		cmocka_unit_test(a_limit_says_what_it_cut),
		cmocka_unit_test(what_is_outside_the_time_is_not_there),
		cmocka_unit_test(refuses_what_is_no_selector),
		cmocka_unit_test(takes_selectors_in_every_spelling),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
