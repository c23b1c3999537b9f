/* file_sd_configs, the files that they name, and limits on targets. */
#include "common.h"

static void what_cannot_be_looked_for_is_told(void **state)
{
	static const struct fault_row rows[] = {
		{ "scrape_configs: [{job_name: a, file_sd_configs: [{files: ['t/*.yml', 'x.json']}]}]\n",
			"" },
		{ "scrape_configs: [{job_name: a, file_sd_configs: [{files: []}]}]\n",
			"1:50: error: file service discovery config must contain at least one path "
			"name\n" },
		{ "scrape_configs: [{job_name: a, file_sd_configs: [{files: ['a*b*.yml']}]}]\n",
			"" },
		{ "scrape_configs: [{job_name: a, file_sd_configs: [{files: [a.txt]}]}]\n",
			"1:59: error: path name \"a.txt\" is not valid for file discovery: it ends in "
			".json, .yml or .yaml, and '*' may stand only in its last part\n" },
		{ "scrape_configs: [{job_name: a, file_sd_configs: [{files: ['*/a.yml']}]}]\n",
			"1:59: error: path name \"*/a.yml\" is not valid for file discovery: it ends in "
			".json, .yml or .yaml, and '*' may stand only in its last part\n" },
		{ "scrape_configs: [{job_name: a, file_sd_configs: [{file: [a.yml]}]}]\n",
			"1:51: error: unknown key 'file' in file_sd_configs (did you mean 'files'?)\n" },
		{ "global: {metric_name_validation_scheme: utf9}\n"
		  "scrape_configs: [{job_name: a, metric_name_escaping_scheme: x}]\n",
			"1:41: error: unknown metric name validation scheme 'utf9': it is utf8 or "
			"legacy\n"
			"2:61: error: unknown metric name escaping scheme 'x': it is allow-utf-8, "
			"underscores, dots or values\n" },
		{ "scrape_configs: [{job_name: a, metric_name_validation_scheme: legacy,\n"
		  "  metric_name_escaping_scheme: allow-utf-8}]\n",
			"2:32: error: utf8 metric names requested but validation scheme is not set to "
			"UTF8\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void a_job_has_the_limits_of_global_unless_it_has_its_own(void **state)
{
	static const char text[] =
		"global:\n  target_limit: 1\n  label_limit: 2\n  label_name_length_limit: 3\n"
		"  label_value_length_limit: 4\n  keep_dropped_targets: 5\n"
		"  extra_scrape_metrics: true\n  metric_name_validation_scheme: legacy\n"
		"scrape_configs:\n- job_name: a\n- job_name: b\n  target_limit: 10\n"
		"  label_value_length_limit: 40\n  extra_scrape_metrics: false\n"
		"  metric_name_validation_scheme: utf8\n  file_sd_configs:\n"
		"  - files: [x.yml]\n  - files: [/y/*.json]\n    refresh_interval: 30s\n";
	scoped(config_unrefp) struct config *c = NULL;
	struct diag diag = DIAG_INIT;
	const struct config_scrape *a, *b;

	assert_int_equal(config_load_text("dir/t.yml", text, &c, &diag), 0);
	a = &c->scrapes[0];
	b = &c->scrapes[1];
	assert_int_equal(a->limits.targets, 1);
	assert_int_equal(a->limits.labels, 2);
	assert_int_equal(a->limits.label_name_bytes, 3);
	assert_int_equal(a->limits.label_value_bytes, 4);
	assert_int_equal(a->limits.dropped_targets, 5);
	assert_true(a->extra_scrape_metrics && a->legacy_names);
	assert_string_equal(a->escaping.s, "underscores");
	assert_int_equal(b->limits.targets, 10);
	assert_int_equal(b->limits.labels, 2);
	assert_int_equal(b->limits.label_value_bytes, 40);
	assert_false(b->extra_scrape_metrics || b->legacy_names);
	assert_string_equal(b->escaping.s, "allow-utf-8");
	assert_int_equal(b->n_file_sds, 2);
	assert_string_equal(b->file_sds[0].files.items[0].s, "dir/x.yml");
	assert_int_equal(b->file_sds[0].refresh_ms, 300000);
	assert_string_equal(b->file_sds[1].files.items[0].s, "/y/*.json");
	assert_int_equal(b->file_sds[1].refresh_ms, 30000);
	diag_release(&diag);
}

/* The targets as "address{label=value,...} ..."; the heap's. */
static char *targets_of(const struct config *c)
{
	const struct config_scrape *job = &c->scrapes[0];
	struct strbuf out = STRBUF_INIT;
	char *s = NULL;

	for (size_t i = 0; i < job->n_targets; i++) {
		const struct config_pairs *labels = job->targets[i].labels;

		strbuf_addf(&out, "%s%s{", i ? " " : "", job->targets[i].address.s);
		for (size_t k = 0; k < labels->n; k++)
			strbuf_addf(&out, "%s%s=%s", k ? "," : "", labels->items[k].name.s,
				labels->items[k].value.s);
		strbuf_addch(&out, '}');
	}
	if (!out.len)
		strbuf_adds(&out, "");
	assert_int_equal(strbuf_finish(&out, &s), 0);
	return s;
}

static void files_of_targets_are_read_in_both_languages(void **state)
{
	static const struct {
		const char *path, *text, *targets;
	} rows[] = {
		{ "a.yml", "- targets: ['h:1', 'h:2']\n  labels: {a: b}\n- targets: [i]\n",
			"h:1{a=b,__meta_filepath=a.yml} h:2{a=b,__meta_filepath=a.yml} "
			"i{__meta_filepath=a.yml}" },
		{ "d/a.yaml", "", "" },
		{ "a.yml", "[]", "" },
		{ "a.yml", "- labels: {a: b}\n", "" },
		{ "a.json", "[{\"targets\": [\"h:1\"], \"labels\": {\"a\": \"b\"}}]",
			"h:1{a=b,__meta_filepath=a.json}" },
		{ "a.json", "[\n\t{\"targets\":\t[\"h:1\"]}\n]\n", "h:1{__meta_filepath=a.json}" },
		{ "a.JSON", "[{\"targets\": [], \"labels\": {}}]", "" },
		/* What YAML cannot say so. */
		{ "a.json", "[{\"targets\": [\"h\"], \"labels\": {\"a\": \"\\ud83d\\ude00 \\/\"}}]",
			"h{a=\xf0\x9f\x98\x80 /,__meta_filepath=a.json}" },
		/* A label of the file's own does not hide where it came from. */
		{ "a.yml", "- targets: [h]\n  labels: {__meta_filepath: x}\n",
			"h{__meta_filepath=x,__meta_filepath=a.yml}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(config_unrefp) struct config *c = NULL;
		struct diag diag = DIAG_INIT;
		scoped(freep) char *got = NULL;

		assert_int_equal(config_load_targets(rows[i].path, rows[i].text,
					 strlen(rows[i].text), &c, &diag),
			0);
		got = targets_of(c);
		assert_string_equal(got, rows[i].targets);
		diag_release(&diag);
	}
}

static void faults_in_files_of_targets_have_their_place(void **state)
{
	static const struct {
		const char *path, *text, *faults;
	} rows[] = {
		{ "a.yml", "targets: [h]\n",
			"1:1: error: a file of targets must be a list of mappings with targets and "
			"labels, not a mapping\n" },
		{ "a.yml", "- target: [h]\n",
			"1:3: error: unknown key 'target' in static_configs (did you mean 'targets'?)\n" },
		{ "a.yml", "-\n", "1:2: error: nil target group item found (index 0)\n" },
		{ "a.yml", "- targets: h\n",
			"1:12: error: 'targets' must be a list, not a text\n" },
		{ "a.yml", "- targets: ['http://h/x']\n",
			"1:13: error: \"http://h/x\" is not a valid hostname; a target is host:port, its "
			"path goes to metrics_path and its scheme to scheme\n" },
		{ "a.json", "[{\"targets\": [\"h\"],}]", "1:20: error: not valid JSON: " },
		{ "a.json", "", "1:0: error: not valid JSON: " },
		{ "a.json", "[{\"targets\": [\"h\\u0000\"]}]",
			"error: not valid JSON: a text holds a NUL character\n" },
		{ "a.json", "[{\"labels\": {\"a\\u0000\": \"\"}}]",
			"error: not valid JSON: a text holds a NUL character\n" },
		{ "a.json", "[null]", "1:2: error: nil target group item found (index 0)\n" },
		{ "a.json", "[{\"targets\": [\"h\"], \"x\": 1}]",
			"1:21: error: unknown key 'x' in static_configs\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(config_unrefp) struct config *c = NULL;
		struct diag diag = DIAG_INIT;
		scoped(freep) char *said = NULL;

		assert_int_equal(config_load_targets(rows[i].path, rows[i].text,
					 strlen(rows[i].text), &c, &diag),
			-EINVAL);
		said = faults_of(&diag);
		if (strstr(rows[i].faults, "JSON: "))
			assert_non_null(strstr(said, strstr(rows[i].faults, "error: ")));
		else
			assert_string_equal(said, rows[i].faults);
		diag_release(&diag);
	}
}

static int load(void *userdata)
{
	static const char *const texts[] = {
		"- targets: ['h:1', 'h:2']\n  labels: {a: b}\n",
		"[{\"targets\": [\"h\"], \"labels\": {\"a\": \"\\ud83d\\ude00\"}}]",
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts) && !err; i++) {
		scoped(config_unrefp) struct config *c = NULL;
		struct diag diag = DIAG_INIT;

		err = config_load_targets(
			i ? "a.json" : "a.yml", texts[i], strlen(texts[i]), &c, &diag);
		diag_release(&diag);
	}
	return err;
}

static void survives_every_failing_allocation(void **state)
{
	with_failing_allocations(load, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_looked_for_is_told),
		cmocka_unit_test(a_job_has_the_limits_of_global_unless_it_has_its_own),
		cmocka_unit_test(files_of_targets_are_read_in_both_languages),
		cmocka_unit_test(faults_in_files_of_targets_have_their_place),
		cmocka_unit_test(survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
