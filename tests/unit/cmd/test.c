/* Rule unit tests: what passes, what fails, and how it is told. */
#include "harness.h"

#include "capture.h"
#include "cmd/cmd.h"
#include "cmd/test_run.h"

/* A folder with rules.yml and test.yml. */
struct world {
	char dir[64], rules[96], test[96], junit[96];
};

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "%s/tolld-test-XXXXXX", "/tmp");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->rules, sizeof(w->rules), "%s/rules.yml", w->dir);
	snprintf(w->test, sizeof(w->test), "%s/test.yml", w->dir);
	snprintf(w->junit, sizeof(w->junit), "%s/junit.xml", w->dir);
	write_text(w->rules,
		"groups:\n"
		"- name: g\n"
		"  rules:\n"
		"  - record: up:min\n"
		"    expr: min(up)\n"
		"  - alert: Down\n"
		"    expr: up == 0\n"
		"    for: 2m\n"
		"    labels: {severity: page}\n"
		"    annotations:\n"
		"      summary: '{{ $labels.job }} of {{ $externalLabels.site }} is down'\n"
		"      link: '{{ externalURL }}'\n");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	unlink(w->rules);
	unlink(w->test);
	unlink(w->junit);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

static struct captured test(struct world *w, const char *text, char *flag, char *value)
{
	char *argv[] = { (char *)"test", w->test, flag, value, NULL };
	int argc = flag ? 4 : 2;

	write_text(w->test, text);
	return capture(cmd_test, argc, argv);
}

/* Runs a file and expects its status, and the texts, each at its place in what was written. */
static void expect(struct world *w, const char *text, int status, const char *const *said, size_t n)
{
	struct captured got = test(w, text, NULL, NULL);

	if (got.status != status)
		fail_msg("exit %d for\n%s%s%s", got.status, text, got.out, got.err);
	for (size_t i = 0; i < n; i++) {
		if (!strstr(got.err, said[i]) && !strstr(got.out, said[i]))
			fail_msg("not said: %s\n%s%s", said[i], got.out, got.err);
	}
	captured_release(&got);
}

#define EXPECT(w, text, status, ...)                                                               \
	do {                                                                                       \
		static const char *const said_[] = { __VA_ARGS__ };                                \
		expect(w, text, status, said_, ARRAY_SIZE(said_));                                 \
	} while (0)

#define RULES "rule_files: [rules.yml]\n"
#define DOWN                                                                                       \
	"  input_series:\n"                                                                        \
	"  - {series: 'up{job=\"a\"}', values: '1 0x10'}\n"

static void files_of_promtool_end_as_they_end_there(void **state)
{
	static const struct {
		const char *name, *run;
		int status;
	} cases[] = {
		{ "unittest", NULL, 0 },
		{ "long-period", NULL, 0 },
		{ "no-test-group-interval", NULL, 0 },
		{ "start-time-test", NULL, 0 },
		{ "at-modifier-test", NULL, 0 },
		{ "negative-offset-test", NULL, 0 },
		{ "failing", NULL, 1 },
		{ "bad-input-series", NULL, 1 },
		{ "bad-promql", NULL, 1 },
		{ "bad-rules-syntax-test", NULL, 1 },
		{ "bad-rules-error-test", NULL, 1 },
		{ "rules_run", NULL, 1 },
		{ "rules_run", "correct", 0 },
		{ "rules_run_no_fuzzy", NULL, 1 },
		{ "rules_run_fuzzy", "correct", 0 },
		{ "rules_run_fuzzy", "wrong", 1 },
	};
	const char *dir = conformance_dir();
	char path[4096];

	if (!dir)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[] = { (char *)"test", path, (char *)"--run", (char *)cases[i].run,
			NULL };
		struct captured got;

		snprintf(path, sizeof(path), "%s/rule-tests/%s.yml", dir, cases[i].name);
		got = capture(cmd_test, cases[i].run ? 4 : 2, argv);
		if (got.status != cases[i].status)
			fail_msg("%s: exit %d\n%s%s", path, got.status, got.out, got.err);
		captured_release(&got);
	}
}

static void alerts_are_those_of_the_evaluation_before(void **state)
{
	/* Down from 1m on, so it fires at 3m; asked between two evaluations the former one counts. */
	EXPECT(*state,
		RULES
		"tests:\n- external_labels: {site: home}\n  external_url: http://x\n" DOWN
		"  alert_rule_test:\n"
		"  - {eval_time: 3m59s, alertname: Down, exp_alerts: [{exp_labels: {job: a, "
		"severity: page}, exp_annotations: {summary: a of home is down, link: "
		"'http://x'}}]}\n"
		"  - {eval_time: 2m59s999ms, alertname: Down}\n"
		"  - {eval_time: 0, alertname: Down, exp_alerts: []}\n"
		"  promql_expr_test:\n"
		"  - {expr: 'up:min', eval_time: 0, exp_samples: [{labels: 'up:min', value: "
		"1}]}\n"
		"  - {expr: 'up:min', eval_time: 90s, exp_samples: [{labels: 'up:min', value: "
		"0}]}\n"
		"  - {expr: 'time()', eval_time: 90s, exp_samples: [{value: 90}]}\n"
		"  - {expr: 'count(ALERTS{alertstate=\"pending\"})', eval_time: 2m, "
		"exp_samples: [{value: 1}]}\n",
		0, "ok: tests: 1; checks: 7\n");
}

static void what_differs_is_shown_beside_what_was_expected(void **state)
{
	EXPECT(*state,
		RULES "tests:\n- name: one\n" DOWN "  alert_rule_test:\n"
		      "  - eval_time: 2m\n"
		      "    alertname: Down\n"
		      "    exp_alerts: [{exp_labels: {job: a}}]\n"
		      "  - eval_time: 3m\n"
		      "    alertname: Down\n"
		      "    exp_alerts: [{exp_labels: {job: a, severity: page}, exp_annotations: "
		      "{summary: wrong, more: x}}]\n"
		      "  - {eval_time: 4m, alertname: Down}\n"
		      "  promql_expr_test:\n"
		      "  - expr: up\n"
		      "    eval_time: 1m\n"
		      "    exp_samples: [{labels: 'up{job=\"b\"}', value: 0.1}]\n"
		      "  - {expr: up > 7, exp_samples: [{labels: up}]}\n"
		      "  - {expr: up}\n",
		1, "FAILED: tests: 1 of 1; checks: 6; faults: 6\n",
		/* a place, and the line itself */
		"test.yml:8:16: error: test 'one': other alerts fire at 2m\n"
		"        alertname: Down\n",
		"    expected  {alertname=\"Down\", job=\"a\"}\n"
		"    got       no alert that fires\n"
		"    pending   {alertname=\"Down\", job=\"a\", severity=\"page\"}\n",
		"    {alertname=\"Down\", job=\"a\", severity=\"page\"}\n"
		"      expected  more: \"x\"\n"
		"      got       no more\n"
		"      expected  summary: \"wrong\"\n"
		"      got       summary: \"a of  is down\"\n"
		"      expected  no link\n"
		"      got       link: \"\"\n",
		"test.yml:13:32: error: test 'one': other alerts fire at 4m\n",
		"    got       {alertname=\"Down\", job=\"a\", severity=\"page\"}\n"
		"                link: \"\"\n"
		"                summary: \"a of  is down\"\n"
		"    expected  no alert that fires\n",
		"test.yml:15:11: error: test 'one': the expression gives something else at 1m\n",
		"    got       up{job=\"a\"} 0\n"
		"    expected  up{job=\"b\"} 0.1\n",
		"    expected  up 0\n    got       nothing\n",
		"    got       up{job=\"a\"} 1\n    expected  nothing\n");
}

static void all_faults_of_a_file_are_told_at_their_places(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "testss: []\n",
			"test.yml:1:1: error: unknown key 'testss' in a file of rule unit "
			"tests (did you mean 'tests'?)" },
		{ "tests: [{input_serie: []}]\n",
			"test.yml:1:10: error: unknown key 'input_serie'" },
		{ "tests: 5\n", "test.yml:1:8: error: 'tests' must be a list" },
		{ "tests: [5]\n", "test.yml:1:9: error: an item of tests must be a mapping" },
		{ "evaluation_interval: soon\n", "test.yml:1:22: error: 'evaluation_interval'" },
		{ "fuzzy_compare: maybe\n", "test.yml:1:16: error: " },
		{ "group_eval_order: [g, g]\n" RULES,
			"test.yml:1:23: error: group name repeated in evaluation order: g" },
		{ "tests: [{input_series: [{series: 'up{', values: 1}]}]\n",
			"test.yml:1:38: error: unexpected end of input inside braces" },
		{ "tests: [{input_series: [{series: up, values: '1 2 x'}]}]\n",
			"test.yml:1:51: error: a value is a number" },
		{ "tests: [{input_series: [{series: '{}', values: 1}]}]\n",
			"test.yml:1:34: error: a series needs a name or a label" },
		{ "tests: [{input_series: [{values: 1}]}]\n",
			"test.yml:1:25: error: an item of input_series needs a 'series'" },
		{ "tests: [{alert_rule_test: [{eval_time: 1m}]}]\n",
			"test.yml:1:28: error: an item of alert_rule_test needs an 'alertname'" },
		{ "tests: [{promql_expr_test: [{eval_time: 1m}]}]\n",
			"test.yml:1:29: error: an item of promql_expr_test needs an 'expr'" },
		{ "tests: [{promql_expr_test: [{expr: 'up +'}]}]\n", "test.yml:1:41: error: " },
		{ "tests: [{promql_expr_test: [{expr: 'up[5m]'}]}]\n",
			"test.yml:1:36: error: the expression is a " },
		{ "tests: [{promql_expr_test: [{expr: up, exp_samples: [{labels: 'a{b}'}]}]}]\n",
			"test.yml:1:67: error: '=' must stand" },
		{ "tests: [{promql_expr_test: [{expr: up, exp_samples: [{value: '1'}]}]}]\n",
			"test.yml:1:62: error: 'value' must be a number, not a number in quotes: 1" },
		{ "tests: [{start_timestamp: soon}]\n",
			"test.yml:1:27: error: 'start_timestamp' must be seconds" },
		{ "tests: [{start_timestamp: 1e12}]\n", "test.yml:1:27: error: " },
		{ "tests: [{start_timestamp: 9999-01-01T00:00:00Z}]\n", "test.yml:1:27: error: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect(*state, cases[i].text, 1, &cases[i].said, 1);
	EXPECT(*state,
		"tests:\n- promql_expr_test: [{expr: 'rats(up)'}, {expr: '1 +'}]\n"
		"- input_series: [{series: a, values: b}]\n",
		1, "test.yml:2:30: error: unknown function",
		"test.yml:2:53: error: ", "test.yml:3:38: error: ");
}

static void what_is_odd_but_no_fault_is_a_warning(void **state)
{
	EXPECT(*state,
		"rule_files: [no/*.yml, rules.yml]\n"
		"group_eval_order: [h]\n"
		"tests:\n"
		"- alert_rule_test: [{eval_time: 1m, alertname: Dwn}]\n"
		"  input_series: [{series: up, values: 1}, {series: 'up{}', values: 3},\n"
		"    {series: hist, values: '{{sum:1}}x3'}]\n"
		"  promql_expr_test:\n"
		"  - {expr: up, exp_samples: [{labels: up, value: 3}]}\n"
		"  - {expr: 'count({__name__=~\"h.*\"})', exp_samples: [{value: 7}]}\n",
		0, "test.yml:1:14: warning: no rule file matches",
		"test.yml:2:20: warning: no rule file has a group 'h'",
		"test.yml:4:48: warning: no rule is called 'Dwn' (did you mean 'Down'?)",
		"test.yml:5:52: warning: the same series stands above, in line 5",
		"test.yml:6:28: warning: native histograms are not served: this series is left out",
		"test.yml:9:12: warning: native histograms are not served: this check is left out",
		"checks: 2; left out, because native histograms are not served: 1\n");
}

static void groups_are_evaluated_in_the_order_asked_for(void **state)
{
	static const char rules[] = "groups:\n"
				    "- {name: second, rules: [{record: b, expr: a + 1}]}\n"
				    "- {name: first, rules: [{record: a, expr: time()}]}\n";
	struct world *w = *state;
	char text[1000];

	write_text(w->rules, rules);
	/* In the file's order b is made of the a of a minute before; asked for, of this minute's. */
	for (int asked = 0; asked < 2; asked++) {
		snprintf(text, sizeof(text),
			RULES "%stests: [{promql_expr_test: [{expr: b, eval_time: 5m, exp_samples: "
			      "[{labels: b, value: %d}]}]}]\n",
			asked ? "group_eval_order: [first, second]\n" : "", asked ? 301 : 241);
		EXPECT(w, text, 0, "checks: 1");
	}
}

static void a_subquery_without_a_step_has_the_evaluation_interval(void **state)
{
	struct world *w = *state;

	write_text(w->rules,
		"groups:\n- {name: g, rules: [{record: n, expr: 'count_over_time(vector(1)[10m:])'}]}\n");
	EXPECT(w,
		RULES "evaluation_interval: 2m\ntests: [{promql_expr_test: [\n"
		      "  {expr: n, eval_time: 20m, exp_samples: [{labels: n, value: 5}]},\n"
		      "  {expr: 'count_over_time(vector(1)[10m:])', eval_time: 20m, exp_samples: "
		      "[{value: 5}]}]}]\n",
		0, "checks: 2");
}

static void a_rule_that_fails_ends_its_test(void **state)
{
	struct world *w = *state;

	write_text(w->rules, "groups:\n- name: g\n  rules:\n  - record: n\n    expr: a + on() b\n");
	EXPECT(w,
		RULES
		"tests:\n- input_series: [{series: a, values: 1x9}, {series: 'b{c=\"1\"}', values: "
		"1x9}, {series: 'b{c=\"2\"}', values: _ _ 1x9}]\n"
		"  promql_expr_test: [{expr: a, eval_time: 9m, exp_samples: []}]\n"
		"- name: other\n  promql_expr_test: [{expr: vector(1)}]\n",
		1,
		"rules.yml:5:11: error: test '#1': rule 'n' of group 'g' fails at 2m: found duplicate",
		"error: test 'other': the expression gives something else at 0s",
		"FAILED: tests: 2 of 2; checks: 1; faults: 2\n");
}

static void only_tests_whose_names_match_are_run(void **state)
{
	static const char text[] = "tests:\n"
				   "- {name: good one, promql_expr_test: [{expr: vector(1), "
				   "exp_samples: [{value: 1}]}]}\n"
				   "- {name: bad, promql_expr_test: [{expr: vector(1)}]}\n"
				   "- {promql_expr_test: [{expr: vector(1)}]}\n";
	struct captured got = test(*state, text, (char *)"--run", (char *)"go+d");

	assert_int_equal(got.status, 0);
	assert_non_null(strstr(got.out, "ok: tests: 1; checks: 1\n"));
	captured_release(&got);
	got = test(*state, text, (char *)"--run", (char *)"(");
	assert_int_equal(got.status, 2);
	assert_non_null(strstr(got.err, "--run: "));
	captured_release(&got);
	got = test(*state, text, NULL, NULL);
	assert_int_equal(got.status, 1);
	assert_non_null(strstr(got.err, "test '#3': "));
	captured_release(&got);
}

static void junit_has_the_same_result(void **state)
{
	struct world *w = *state;
	struct captured got = test(w,
		"tests:\n"
		"- {name: good, promql_expr_test: [{expr: vector(1), exp_samples: [{value: 1}]}]}\n"
		"- {name: \"<bad>\\x01\\uFFFE€\", promql_expr_test: [{expr: vector(1)}]}\n",
		(char *)"--junit", w->junit);
	char *xml = read_file(w->junit, NULL);

	assert_int_equal(got.status, 1);
	assert_non_null(strstr(xml, " tests=\"2\" failures=\"1\" errors=\"0\">"));
	assert_non_null(strstr(xml, " name=\"good\">\n    </testcase>"));
	assert_non_null(strstr(
		xml, " name=\"&lt;bad&gt;\xef\xbf\xbd\xef\xbf\xbd€\">\n      <failure message="));
	assert_non_null(strstr(xml, "got       {} 1\n"));
	free(xml);
	captured_release(&got);

	got = test(w, "tests: [5]\n", (char *)"--junit", w->junit);
	xml = read_file(w->junit, NULL);
	assert_int_equal(got.status, 1);
	assert_non_null(strstr(xml, " tests=\"1\" failures=\"0\" errors=\"1\">"));
	assert_non_null(strstr(xml, "must be a mapping"));
	free(xml);
	captured_release(&got);
}

static void a_wrong_call_is_told(void **state)
{
	char *none[] = { (char *)"test", NULL };
	char *missing[] = { (char *)"test", (char *)"/no/such/file.yml", NULL };
	char *flag[] = { (char *)"test", (char *)"--rum", (char *)"x", NULL };
	struct captured got = capture(cmd_test, 1, none);

	assert_int_equal(got.status, 2);
	assert_non_null(strstr(got.err, "see tolld test --help"));
	captured_release(&got);
	got = capture(cmd_test, 3, flag);
	assert_int_equal(got.status, 2);
	captured_release(&got);
	got = capture(cmd_test, 2, missing);
	assert_int_equal(got.status, 1);
	assert_non_null(strstr(got.err, "cannot read '/no/such/file.yml'"));
	captured_release(&got);
}

/* Everything from the file to the report, in memory that runs out somewhere. */
static int load_and_run(void *userdata)
{
	struct world *w = userdata;
	scoped(test_file_freep) struct test_file *file = NULL;
	scoped(test_plan_freep) struct test_plan *plan = NULL;
	struct test_report report = { 0 };
	struct diag diag = DIAG_INIT;
	int err;

	err = test_file_load(w->test, &file, &diag);
	if (!err)
		err = test_plan_new(file, &file->tests[0], &plan, &diag);
	if (!err)
		err = test_run(file, plan, &report);
	diag_release(&diag);
	/* Rules go on where memory is out and fail, which is a fault of the test. */
	if (!err && (report.n != 1 || report.checks != 2))
		err = -ENOMEM;
	test_report_release(&report);
	return err;
}

static void running_out_of_memory_is_an_error(void **state)
{
	struct world *w = *state;

	write_text(w->test,
		RULES "tests:\n- name: x\n" DOWN "  alert_rule_test:\n"
		      "  - {eval_time: 3m, alertname: Down, exp_alerts: [{exp_labels: {job: a, "
		      "severity: page}, exp_annotations: {summary: a of  is down, link: ''}}]}\n"
		      "  promql_expr_test:\n"
		      "  - {expr: up, eval_time: 1m, exp_samples: [{labels: x, value: 1}]}\n");
	with_failing_allocations(load_and_run, w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_promtool_end_as_they_end_there),
		cmocka_unit_test(alerts_are_those_of_the_evaluation_before),
		cmocka_unit_test(what_differs_is_shown_beside_what_was_expected),
		cmocka_unit_test(all_faults_of_a_file_are_told_at_their_places),
		cmocka_unit_test(what_is_odd_but_no_fault_is_a_warning),
		cmocka_unit_test(groups_are_evaluated_in_the_order_asked_for),
		cmocka_unit_test(a_subquery_without_a_step_has_the_evaluation_interval),
		cmocka_unit_test(a_rule_that_fails_ends_its_test),
		cmocka_unit_test(only_tests_whose_names_match_are_run),
		cmocka_unit_test(junit_has_the_same_result),
		cmocka_unit_test(a_wrong_call_is_told),
		cmocka_unit_test(running_out_of_memory_is_an_error),
	};
	struct CMUnitTest each[ARRAY_SIZE(tests)];

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		each[i] = tests[i];
		each[i].setup_func = setup;
		each[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests(each, NULL, NULL);
}
