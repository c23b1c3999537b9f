/* Files become one configuration, and all their faults are told in one run. */
#include "harness.h"

#include <fcntl.h>
#include <sys/stat.h>
#include "config/config.h"

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

	assert_int_equal(config_load_defaults(&config, &diag), 0);
	assert_int_equal(diag.n, 0);
	assert_string_equal(config->scrapes[0].targets[0].address.s, "localhost:9090");
	assert_string_equal(config->groups[0].rules[0].expr.s, "up == 0");
	assert_null(config->route);
	config_unref(config);
	diag_release(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owners_first_setup_loads_unchanged),
		cmocka_unit_test(the_built_in_configuration_loads_without_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
