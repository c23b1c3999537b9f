/*
 * test_file.h - rule unit tests as plain structs, read from promtool's format.
 *
 * Expressions, series and values are only carried along with their places; whoever runs the tests
 * finds fault with them. Source: prometheus docs/configuration/unit_testing_rules.md and
 * cmd/promtool/unittest.go.
 */
#ifndef TOLLD_CONFIG_TEST_FILE_H
#define TOLLD_CONFIG_TEST_FILE_H

#include "config/config.h"

struct test_series {
	struct pos pos;
	struct config_text series, values;
};

struct test_sample {
	struct pos pos;
	struct config_text labels, histogram;
	double value;
};

struct test_alert {
	struct pos pos;
	struct config_pairs labels, annotations;
};

/* Times are counted from the test's start. */
struct test_alert_case {
	struct pos pos;
	int64_t eval_time_ms;
	struct config_text alertname;
	struct test_alert *alerts;
	size_t n, cap;
};

struct test_expr_case {
	struct pos pos;
	int64_t eval_time_ms;
	struct config_text expr;
	struct test_sample *samples;
	size_t n, cap;
};

struct test_group {
	struct pos pos;
	struct config_text name; /* s is NULL where it has none */
	int64_t interval_ms;	 /* between the values of a series */
	int64_t start_wall_ms;	 /* 1970, where the file says nothing */
	struct config_pairs external_labels;
	struct config_text external_url;
	struct test_series *series;
	size_t n_series, cap_series;
	struct test_alert_case *alert_cases;
	size_t n_alert_cases, cap_alert_cases;
	struct test_expr_case *expr_cases;
	size_t n_expr_cases, cap_expr_cases;
};

struct test_file {
	struct config *config; /* owns all texts; its groups are those of the rule files, in the
				* order in which they are evaluated */
	int64_t evaluation_interval_ms;
	bool fuzzy_compare;
	struct test_group *tests;
	size_t n_tests, cap_tests;
};

/*
 * Reads a test file and the rule files that it names. All faults go to diag: -EINVAL, *ret untouched.
 * A pattern that names no file is a warning, as in promtool. -ENOMEM.
 */
int test_file_load(const char *path, struct test_file **ret, struct diag *diag);
void test_file_free(struct test_file *file);
DEFINE_FREEP(test_file)

/*
 * The rules of the file under the external labels of one of its tests. The groups are the file's,
 * which must live longer. -ENOMEM.
 */
int test_file_config(
	const struct test_file *file, const struct test_group *test, struct config **ret);

#endif
