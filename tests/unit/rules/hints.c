/* What `tolld check` says of rules that are allowed and hardly meant. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include "rules/rules.h"

static const char head[] = "scrape_configs:\n"
			   "- job_name: node\n"
			   "  scrape_interval: 30s\n"
			   "  static_configs:\n"
			   "  - targets: ['localhost:9100', 'other:9100']\n"
			   "    labels: {location: cellar}\n"
			   "- job_name: prometheus\n"
			   "  static_configs:\n"
			   "  - targets: ['localhost:9090']\n";

/* The hints for one rule beside a fixed configuration, one a line, without their places. */
static void hints_of(const char *settings, const char *rules, struct strbuf *out)
{
	char dir[] = "/tmp/tolld-hints-XXXXXX", path[64];
	struct strbuf text = STRBUF_INIT;
	struct config *config = NULL;
	struct diag diag = DIAG_INIT;
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rules.yml", dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "groups:\n- name: g\n  rules:\n%s", rules);
	fclose(file);
	strbuf_addf(&text, "rule_files: ['%s']\n%s", path, settings);
	assert_int_equal(config_load_text("prometheus.yml", text.s, &config, &diag), 0);
	assert_int_equal(rules_check(config, &diag), 0);
	assert_int_equal(rules_hints(config, &diag), 0);
	assert_int_equal(diag.errors + diag.warnings, 0);
	for (size_t i = 0; i < diag.n; i++) {
		assert_int_equal(diag.entries[i].severity, DIAG_HINT);
		assert_true(diag.entries[i].pos.line > 0);
		strbuf_addf(out, "%s\n", diag.entries[i].text);
	}
	diag_release(&diag);
	config_unref(config);
	strbuf_release(&text);
	unlink(path);
	rmdir(dir);
}

static void assert_hint(const char *settings, const char *rules, const char *expected)
{
	struct strbuf got = STRBUF_INIT;

	hints_of(settings, rules, &got);
	assert_string_equal(got.s, expected);
	strbuf_release(&got);
}

static void of_expressions(void **state)
{
	static const struct {
		const char *expr, *hint;
	} rows[] = {
		{ "up == 0", "" },
		{ "up{job=\"node\"}", "" },
		{ "up{job=\"nod\"}",
			"no target has job=\"nod\"; there are \"node\", \"prometheus\" (did you mean \"node\"?)\n" },
		{ "absent(up{job=~\"post.*\"})",
			"no target has job=~\"post.*\"; there are \"node\", \"prometheus\"\n" },
		{ "x{job=\"prometheus\",location=\"cellar\"}", "" },
		{ "x{location=\"attic\",instance=\"other:9100\"}",
			"no target has all of these labels, so that nothing matches\n" },
		{ "x{instance=\"localhost:9090\",job=\"node\"}",
			"no target has all of these labels, so that nothing matches\n" },
		/* The metric may have a label that its target has not. */
		{ "x{device=\"sda\"}", "" },
		{ "up{instnace=\"localhost:9100\"}",
			"no target and no rule has a label 'instnace' (did you mean 'instance'?)\n" },
		{ "sum by (instances) (x)",
			"no target and no rule has a label 'instances' (did you mean 'instance'?)\n" },
		{ "x * on (locatoin) y",
			"no target and no rule has a label 'locatoin' (did you mean 'location'?)\n" },
		{ "sum without (mode, device, phase) (x)", "" },
		{ "job:up:sum > 1", "no rule records 'job:up:sum'\n" },
		{ "ALERTS{alertname=\"Nobody\"}",
			"no rule has an alert with alertname=\"Nobody\"\n" },
		{ "ALERTS{alertname=\"A\"}", "" },
		{ "tolld_service_up == 0", "" },
		/* Services have it without a target. */
		{ "up{job=\"watch\",service=\"web\"}", "" },
		{ "x{job=\"watch\"}",
			"no target has job=\"watch\"; there are \"node\", \"prometheus\"\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf rule = STRBUF_INIT;

		strbuf_addf(&rule, "  - alert: A\n    expr: %s\n", rows[i].expr);
		assert_hint(head, rule.s, rows[i].hint);
		strbuf_release(&rule);
	}
}

static void of_what_rules_record(void **state)
{
	static const char recorded[] = "  - record: job:up:sum\n    expr: sum by (job) (up)\n";
	char rules[400];

	snprintf(rules, sizeof(rules), "%s  - alert: A\n    expr: job:up:sum{job=\"any\"} > 0\n",
		recorded);
	assert_hint(head, rules, "");
	snprintf(rules, sizeof(rules), "%s  - alert: A\n    expr: job:up:sun > 0\n", recorded);
	assert_hint(head, rules, "no rule records 'job:up:sun' (did you mean 'job:up:sum'?)\n");
	/* Without a name it may be the recorded one. */
	snprintf(rules, sizeof(rules), "%s  - alert: A\n    expr: '{job=\"any\"} > 0'\n", recorded);
	assert_hint(head, rules, "");
}

static void of_a_for_shorter_than_the_scrapes(void **state)
{
	assert_hint(head, "  - alert: A\n    expr: up{job=\"node\"} == 0\n    for: 20s\n",
		"'for' is 20s, shorter than the 30s from one scrape of job \"node\" to the next: a single "
		"sample is enough\n");
	assert_hint(head, "  - alert: A\n    expr: up{job=\"node\"} == 0\n    for: 30s\n", "");
	/* None at all is meant. */
	assert_hint(head, "  - alert: A\n    expr: up{job=\"node\"} == 0\n", "");
}

static void of_rules_that_stand_twice(void **state)
{
	assert_hint(head,
		"  - alert: A\n    expr: up == 0\n    labels: {a: '1', b: '2'}\n"
		"  - alert: A\n    expr: up == 0\n    labels: {a: '1', b: '3'}\n",
		"");
	struct strbuf got = STRBUF_INIT;

	hints_of("",
		"  - alert: A\n    expr: up == 0\n    labels: {a: '1', b: '2'}\n"
		"  - alert: A\n    expr: up < 1\n    labels: {b: '2', a: '1'}\n",
		&got);
	assert_non_null(strstr(got.s, "a rule of this name and these labels stands already at "));
	assert_non_null(strstr(got.s, "rules.yml:4\n"));
	strbuf_release(&got);
}

static void jobs_that_keep_labels_are_believed(void **state)
{
	assert_hint(
		"scrape_configs:\n- job_name: federate\n  honor_labels: true\n  static_configs:\n"
		"  - targets: ['localhost:9090']\n",
		"  - alert: A\n    expr: job:up:sum{job=\"any\"} > 0\n", "");
	assert_hint("scrape_configs:\n- job_name: node\n  metric_relabel_configs:\n"
		    "  - {target_label: job, replacement: any}\n  static_configs:\n"
		    "  - targets: ['localhost:9090']\n",
		"  - alert: A\n    expr: x{job=\"any\"} > 0\n", "");
}

static void jobs_whose_targets_are_found_later_may_have_any_labels(void **state)
{
	static const char found[] = "- job_name: found\n  scrape_interval: 20s\n"
				    "  file_sd_configs: [{files: ['/nowhere/*.json']}]\n";
	struct strbuf settings = STRBUF_INIT;

	strbuf_addf(&settings, "%s%s", head, found);
	assert_hint(settings.s, "  - alert: A\n    expr: up{job=\"nod\"} == 0\n", "");
	assert_hint(settings.s, "  - alert: A\n    expr: up{instnace=\"x\"} == 0\n", "");
	assert_hint(settings.s, "  - alert: A\n    expr: up{job=\"found\"} == 0\n    for: 10s\n",
		"'for' is 10s, shorter than the 20s from one scrape of job \"found\" to the next: "
		"a single sample is enough\n");
	strbuf_reset(&settings);
	strbuf_addf(&settings, "scrape_configs:\n%s", found);
	assert_hint(settings.s, "  - alert: A\n    expr: up{job=\"x\"} == 0\n", "");
	strbuf_release(&settings);
}

static void rules_without_targets_are_not_judged_by_them(void **state)
{
	assert_hint("", "  - alert: A\n    expr: up{job=\"nod\"} == 0\n    for: 1s\n", "");
}

static int hint_under_failure(void *userdata)
{
	const struct config *config = userdata;
	struct diag diag = DIAG_INIT;
	int err = rules_hints(config, &diag);

	/* An entry that could not be kept is memory, too. */
	if (!err && diag.dropped)
		err = -ENOMEM;
	diag_release(&diag);
	return err;
}

static void without_memory_it_says_so(void **state)
{
	struct config *config = NULL;
	struct diag diag = DIAG_INIT;

	assert_int_equal(config_load_text("prometheus.yml", head, &config, &diag), 0);
	with_failing_allocations(hint_under_failure, config);
	config_unref(config);
	diag_release(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_expressions),
		cmocka_unit_test(of_what_rules_record),
		cmocka_unit_test(of_a_for_shorter_than_the_scrapes),
		cmocka_unit_test(of_rules_that_stand_twice),
		cmocka_unit_test(jobs_that_keep_labels_are_believed),
		cmocka_unit_test(jobs_whose_targets_are_found_later_may_have_any_labels),
		cmocka_unit_test(rules_without_targets_are_not_judged_by_them),
		cmocka_unit_test(without_memory_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
