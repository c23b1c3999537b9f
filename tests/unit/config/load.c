/* Files become one configuration, and all their faults are told in one run. */
#include "common.h"

#include <ftw.h>
#include <sys/stat.h>

/* The seed's files, where the workplace has them. */
static const char *seed_dir(void)
{
	const char *dir = getenv("TOLLD_SEED");
	struct stat st;

	if (!dir)
		dir = "../shared/seed";
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return dir;
	printf("SKIPPED: no seed in %s\n", dir);
	return NULL;
}

static void print_diag(const struct diag *diag)
{
	struct strbuf out = STRBUF_INIT;

	diag_print(diag, &out);
	if (out.len)
		printf("%s", out.s);
	strbuf_release(&out);
}

static void the_owners_first_setup_loads_unchanged(void **state)
{
	const char *dir = seed_dir();
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	char paths[2][512];
	const char *const files[] = { paths[0], paths[1] };
	const struct config_email *email;

	if (!dir)
		skip();
	snprintf(paths[0], sizeof(paths[0]), "%s/prometheus.yml", dir);
	snprintf(paths[1], sizeof(paths[1]), "%s/alertmanager.yml", dir);
	if (config_load(files, 2, &config, &diag))
		print_diag(&diag);
	assert_non_null(config);
	assert_int_equal(diag.n, 0);

	assert_int_equal(config->global.scrape_interval_ms, 15000);
	assert_int_equal(config->global.scrape_timeout_ms, 10000);
	assert_int_equal(config->n_scrapes, 2);
	assert_string_equal(config->scrapes[1].job_name.s, "node");
	assert_string_equal(config->scrapes[1].targets[0].address.s, "localhost:9100");
	assert_string_equal(config->scrapes[1].metrics_path.s, "/metrics");
	assert_int_equal(config->scrapes[1].timeout_ms, 10000);
	assert_int_equal(config->n_groups, 1);
	assert_string_equal(config->groups[0].rules[0].alert.s, "InstanceDown");
	assert_int_equal(config->groups[0].rules[0].for_ms, 60000);
	assert_int_equal(config->n_alertmanagers, 1);
	assert_string_equal(config->route->receiver.s, "alert-email");
	assert_int_equal(config->route->group_wait_ms, 10000);
	assert_int_equal(config->route->repeat_interval_ms, 3600000);
	email = &config_receiver_find(config, "alert-email")->emails[0];
	assert_string_equal(email->host, "localhost");
	assert_int_equal(email->port, 2587);
	assert_string_equal(email->auth_password.value.s, "wwwwwwwwwwwwwwww");
	assert_string_equal(email->hello.s, "localhost");
	assert_true(email->require_tls);
	assert_true(email->tls.insecure_skip_verify);
	assert_false(email->send_resolved);
	assert_int_equal(email->force_implicit_tls, -1);
	config_unref(config);
	diag_release(&diag);
}

static void the_built_in_configuration_loads_without_a_word(void **state)
{
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;

	assert_int_equal(config_load_defaults("127.0.0.1:9090", &config, &diag), 0);
	assert_int_equal(diag.n, 0);
	assert_string_equal(config->scrapes[0].targets[0].address.s, "localhost:9090");
	assert_string_equal(config->groups[0].rules[0].alert.s, "InstanceDown");
	assert_string_equal(config->groups[0].rules[1].alert.s, "ServiceDown");
	assert_true(config->watch_all);
	assert_null(config->route);
	config_unref(config);
	diag_release(&diag);
}

/* A folder of its own for a test's files. */
static char folder[64];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/tolld-config-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int remove_folder(void **state)
{
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

/* Loads files of the folder and compares what is said, with the file's name before each fault. */
static struct config *load(size_t n, const char *const names[], const char *expected)
{
	char paths[4][128];
	const char *list[4];
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < n; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, names[i]);
		list[i] = paths[i];
	}
	config_load(list, n, &config, &diag);
	for (size_t i = 0; i < diag.n; i++) {
		const struct diag_entry *e = &diag.entries[i];

		if (e->pos.source)
			strbuf_addf(&out, "%s:%u:%u: ", strrchr(e->pos.source->name, '/') + 1,
				e->pos.line, e->pos.column);
		strbuf_addf(&out, "%s\n", e->text);
	}
	assert_string_equal(out.s, expected);
	strbuf_release(&out);
	diag_release(&diag);
	return config;
}

#define LOAD(expected, ...)                                                                        \
	load(ARRAY_SIZE(((const char *[]){ __VA_ARGS__ })), (const char *[]){ __VA_ARGS__ },       \
		expected)

static void global_of_all_files_is_merged_key_by_key(void **state)
{
	struct config *config;

	write_file("a.yml", "global: {scrape_interval: 5s, smtp_hello: same}\n"
			    "scrape_configs: [{job_name: a}]\n");
	write_file("b.yml", "global: {smtp_hello: 'same', scrape_timeout: 2s}\n"
			    "scrape_configs: [{job_name: b}]\n");
	write_file("c.yml", "global:\n  scrape_interval: 6s\n");
	config = LOAD("", "a.yml", "b.yml");
	assert_non_null(config);
	assert_int_equal(config->n_scrapes, 2);
	assert_int_equal(config->scrapes[0].timeout_ms, 2000);
	assert_int_equal(config->scrapes[1].interval_ms, 5000);
	config_unref(config);

	char expected[256];

	snprintf(expected, sizeof(expected),
		"c.yml:2:3: 'scrape_interval' is set to another value in %s/a.yml:1; one of them "
		"must go\n",
		folder);
	assert_null(LOAD(expected, "a.yml", "c.yml"));
}

static void a_route_stands_once_and_names_cross_files(void **state)
{
	struct config *config;
	char expected[256];

	write_file("a.yml", "route: {receiver: r}\n");
	write_file("b.yml", "receivers: [{name: r}]\n");
	config = LOAD("", "a.yml", "b.yml");
	assert_non_null(config);
	assert_non_null(config_receiver_find(config, "r"));
	assert_null(config_receiver_find(config, "other"));
	assert_ptr_equal(config_ref(config), config);
	config_unref(config);
	config_unref(config);
	write_file("c.yml", "route: {receiver: r}\n");
	snprintf(expected, sizeof(expected),
		"c.yml:1:1: route stands twice; the other is in "
		"%s/a.yml:1\n",
		folder);
	assert_null(LOAD(expected, "a.yml", "b.yml", "c.yml"));
}

static void a_broken_file_does_not_make_others_look_wrong(void **state)
{
	write_file("a.yml", "route: {receiver: r}\nglobal: {bogus: 1}\n");
	write_file("b.yml", "receivers: [{name: r}\n");
	assert_null(
		LOAD("b.yml:2:1: broken YAML: did not find expected ',' or ']', while parsing a "
		     "flow sequence that begins in line 1\n"
		     "a.yml:2:10: unknown key 'bogus' in global\n",
			"a.yml", "b.yml"));
}

static void rule_files_are_found_from_the_file_that_names_them(void **state)
{
	char path[128], expected[512];
	struct config *config;

	snprintf(path, sizeof(path), "%s/rules.d", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file("rules.d/b.yml", "groups: [{name: b, rules: [{alert: B, expr: b}]}]\n");
	write_file("rules.d/a.yml",
		"groups: [{name: a, rules: [{record: A, expr: a}], query_offset: "
		"1m}, {name: b}]\n");
	write_file("s.yml", "global: {rule_query_offset: 5s}\nrule_files:\n- rules.d/*.yml\n- "
			    "rules.d/a.yml\n");
	config = LOAD("", "s.yml");
	assert_non_null(config);
	/* In the order of their names, and none twice. */
	assert_int_equal(config->n_groups, 3);
	assert_string_equal(config->groups[0].name.s, "a");
	assert_non_null(strstr(config->groups[0].file, "rules.d/a.yml"));
	assert_int_equal(config->groups[0].query_offset_ms, 60000);
	assert_int_equal(config->groups[2].query_offset_ms, 5000);
	assert_string_equal(config->groups[0].rules[0].record.s, "A");
	assert_null(config->groups[0].rules[0].alert.s);
	config_unref(config);

	write_file("t.yml", "rule_files: [none.yml, 'none*x*.yml', '*/x.yml', '']\n");
	snprintf(expected, sizeof(expected),
		"t.yml:1:14: rule file '%s/none.yml' does not point to an existing file\n"
		"t.yml:1:24: no rule file matches '%s/none*x*.yml'\n"
		"t.yml:1:39: invalid rule file path \"*/x.yml\": '*' may stand only in its last part\n"
		"t.yml:1:50: invalid rule file path \"\": '*' may stand only in its last part\n",
		folder, folder);
	assert_null(LOAD(expected, "t.yml"));
}

static void scrape_config_files_hold_scrape_configs(void **state)
{
	struct config *config;

	write_file(
		"x.yml", "scrape_configs: [{job_name: x, static_configs: [{targets: ['h:1']}]}]\n");
	write_file("s.yml", "scrape_config_files: [x.yml]\n");
	config = LOAD("", "s.yml");
	assert_non_null(config);
	assert_string_equal(config->scrapes[0].job_name.s, "x");
	config_unref(config);
	write_file("x.yml", "scrape_configs: [{job_name: s}]\nglobal: {}\n");
	write_file("s.yml", "scrape_configs: [{job_name: s}]\nscrape_config_files: [x.yml]\n");
	config = NULL;
	char expected[256];

	snprintf(expected, sizeof(expected),
		"x.yml:1:29: found multiple scrape configs with job name \"s\", first in %s/s.yml:1\n"
		"x.yml:2:1: unknown key 'global' in a scrape config file\n",
		folder);
	assert_null(LOAD(expected, "s.yml"));
}

static void templates_are_read_in_order_and_may_come_later(void **state)
{
	static const char settings[] = "templates: ['*.tmpl', 'none.*', 'y.txt']\n"
				       "route: {receiver: a}\nreceivers: [{name: a}]\n";
	struct config *config;

	write_file("s.yml", settings);
	config = LOAD("", "s.yml");
	assert_int_equal(config->n_templates, 0);
	config_unref(config);
	write_file("y.txt", "third");
	write_file("x.tmpl", "second");
	write_file("a.tmpl", "first");
	config = LOAD("", "s.yml");
	assert_int_equal(config->n_templates, 3);
	assert_string_equal(config->templates[0]->text, "first");
	assert_string_equal(config->templates[1]->text, "second");
	assert_string_equal(config->templates[2]->text, "third");
	config_unref(config);
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	char expected[256];

	write_file("a.yml", "global: {}\n");
	snprintf(expected, sizeof(expected),
		"cannot read '%s/none.yml': No such file or directory\n", folder);
	assert_null(LOAD(expected, "a.yml", "none.yml"));
	snprintf(expected, sizeof(expected), "cannot read '%s/.': Is a directory\n", folder);
	assert_null(LOAD(expected, "."));
}

static void a_hundred_megabytes_are_refused_unread(void **state)
{
	char path[128], expected[256];

	write_file("s.yml", "rule_files: [big.yml]\n");
	write_file("big.yml", "");
	snprintf(path, sizeof(path), "%s/big.yml", folder);
	assert_int_equal(truncate(path, 100 << 20), 0);
	snprintf(expected, sizeof(expected),
		"s.yml:1:14: '%s' is too large: a file may have 8 MiB\n", path);
	assert_null(LOAD(expected, "s.yml"));
}

static void check_tells_settings_from_rules(void **state)
{
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	char path[128], *said;

	write_file("r.yml",
		"groups:\n- name: g\n  rules:\n  - alert: A\n    record: B\n  - alert: C\n"
		"    expr: ''\n    labels: {'': x, __name__: y}\n  - {record: D, expr: d, for: "
		"1m, labels: {a: [b]}}\n- {name: '', limit: x}\n");
	snprintf(path, sizeof(path), "%s/r.yml", folder);
	assert_int_equal(config_check_file(path, &config, &diag), -EINVAL);
	said = faults_of(&diag);
	assert_string_equal(said, "4:12: error: only one of 'record' and 'alert' must be set\n"
				  "4:5: error: field 'expr' must be set in rule\n"
				  "7:11: error: field 'expr' must be set in rule\n"
				  "8:14: error: invalid label name: \n"
				  "8:21: error: invalid label name: __name__\n"
				  "9:47: error: 'a' must be a text, not a list\n"
				  "9:26: error: invalid field 'for' in recording rule\n"
				  "10:21: error: 'limit' must be a whole number, not 'x'\n"
				  "10:3: error: Groupname must not be empty\n");
	free(said);
	diag_release(&diag);
}

static void the_packaged_files_load(void **state)
{
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;

	assert_int_equal(config_check_file("user/packaging/tolld.yml", &config, &diag), 0);
	for (size_t i = 0; i < diag.n; i++)
		assert_non_null(
			strstr(diag.entries[i].text, "cannot read '/etc/tolld/smtp-password'"));
	assert_int_equal(config->n_groups, 3);
	assert_int_equal(config->n_watches, 1);
	assert_string_equal(config->receivers[0].emails[0].host, "smtp.gmail.com");
	assert_true(config->receivers[0].emails[0].require_tls);
	config_unref(config);
	diag_release(&diag);
}

static void a_receiver_has_a_budget_and_gmail_one_of_its_own(void **state)
{
	static const char text[] =
		"global: {smtp_smarthost: 'SMTP.gmail.com:587', smtp_from: a@example.org,\n"
		"  smtp_auth_username: me, smtp_auth_password: x}\n"
		"route: {receiver: r}\n"
		"receivers:\n"
		"- {email_configs: [{to: a@example.org}], budget: 500/1d12h, name: r}\n"
		"- {name: s, email_configs: [{to: a@example.org}, {to: b@example.org, smarthost: 'h:25'}]}\n"
		"- {name: t, budget: none}\n";
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	const struct config_receiver *r;

	assert_int_equal(config_load_text("t.yml", text, &config, &diag), 0);
	r = &config->receivers[0];
	assert_string_equal(r->budget.key, "receiver r");
	assert_int_equal(r->budget.count, 500);
	assert_int_equal(r->budget.per_ms, 36 * 3600 * 1000);
	r = &config->receivers[1];
	assert_null(r->budget.key);
	assert_string_equal(r->emails[0].budget.key, "account me at smtp.gmail.com");
	assert_int_equal(r->emails[0].budget.count, 400);
	assert_int_equal(r->emails[0].budget.per_ms, 24 * 3600 * 1000);
	assert_int_equal(r->emails[1].budget.count, 0);
	r = &config->receivers[2];
	assert_string_equal(r->budget.key, "receiver t");
	assert_int_equal(r->budget.count, 0);
	config_unref(config);
	diag_release(&diag);
}

static void a_budget_at_fault_is_told(void **state)
{
	static const char *const budgets[] = { "500", "/1d", "0/1d", "-1/1d", "500/", "500/x",
		"500/0s", "500/1s", "500/99y", "1.5/1d", "99999999/1d", "5/1d/1d", "[]" };

	for (size_t i = 0; i < ARRAY_SIZE(budgets); i++) {
		struct diag diag = DIAG_INIT;
		struct config *config = NULL;
		struct strbuf text = STRBUF_INIT;

		strbuf_addf(&text, "route: {receiver: r}\nreceivers: [{name: r, budget: %s}]\n",
			budgets[i]);
		if (!config_load_text("t.yml", text.s, &config, &diag))
			fail_msg("budget: %s is taken", budgets[i]);
		assert_int_equal(diag.n, 1);
		assert_int_equal(diag.entries[0].pos.line, 2);
		strbuf_release(&text);
		diag_release(&diag);
	}
}

static int load_once(void *userdata)
{
	static const char text[] =
		"global: {external_labels: {a: $HOME}, smtp_from: a@b, smtp_smarthost: 'h:25',\n"
		"  smtp_auth_password: x}\nwatch: []\n"
		"scrape_configs: [{job_name: a, params: {x: [y]}, static_configs: [{targets: ['h:1'], "
		"labels: {b: c}}]}]\nalerting: {alertmanagers: [{static_configs: [{targets: ['h:2']}]}]}\n"
		"route: {receiver: r, group_by: [a, b]}\ntime_intervals: [{name: t}]\n"
		"receivers: [{name: r, budget: 5/1d, email_configs: [{to: x@y, headers: {a: b}}], slack_configs: "
		"[{channel: c, fields: [{title: t, value: v}], api_url_file: f}], maildir_configs: "
		"[{path: /m}]}, {name: s, webhook_configs: [{url: 'http://u', payload: {a: [1, b]}, "
		"http_config: {oauth2: {client_id: i, token_url: 'http://t', scopes: [s]}}}]}]\n";
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	int err;

	err = config_load_text("t.yml", text, &config, &diag);
	if (!err)
		config_unref(config);
	else
		assert_null(config);
	diag_release(&diag);
	return err;
}

static int load_defaults_once(void *userdata)
{
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	int err;

	err = config_load_defaults("127.0.0.1:9090", &config, &diag);
	config_unref(config);
	diag_release(&diag);
	return err;
}

static void survives_every_failing_allocation(void **state)
{
	with_failing_allocations(load_once, NULL);
	with_failing_allocations(load_defaults_once, NULL);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receiver_has_a_budget_and_gmail_one_of_its_own),
		cmocka_unit_test(a_budget_at_fault_is_told),
		cmocka_unit_test(the_owners_first_setup_loads_unchanged),
		cmocka_unit_test(the_built_in_configuration_loads_without_a_word),
		IN_FOLDER(global_of_all_files_is_merged_key_by_key),
		IN_FOLDER(a_route_stands_once_and_names_cross_files),
		IN_FOLDER(a_broken_file_does_not_make_others_look_wrong),
		IN_FOLDER(rule_files_are_found_from_the_file_that_names_them),
		IN_FOLDER(scrape_config_files_hold_scrape_configs),
		IN_FOLDER(templates_are_read_in_order_and_may_come_later),
		IN_FOLDER(a_file_that_cannot_be_read_is_told),
		IN_FOLDER(a_hundred_megabytes_are_refused_unread),
		IN_FOLDER(check_tells_settings_from_rules),
		cmocka_unit_test(the_packaged_files_load),
		cmocka_unit_test(survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
