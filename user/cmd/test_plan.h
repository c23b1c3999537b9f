/*
 * test_plan.h - one rule unit test, with its series and expressions parsed: ready to run.
 */
#ifndef TOLLD_CMD_TEST_PLAN_H
#define TOLLD_CMD_TEST_PLAN_H

#include "config/test_file.h"
#include "promql/promql.h"
#include "promql/series_desc.h"

struct plan_series {
	struct labels *labels;
	struct series_values values;
	bool left_out; /* holds histograms, or a later one has the same labels */
};

struct plan_sample {
	struct labels *labels;
	double value;
};

struct plan_expr {
	const struct test_expr_case *source;
	struct promql_expr *expr;
	struct plan_sample *samples; /* sorted by labels */
	size_t n;
	bool unserved; /* it is about native histograms */
};

struct plan_alert {
	struct labels *labels, *annotations; /* alertname among the labels */
};

struct plan_alerts {
	const struct test_alert_case *source;
	struct plan_alert *alerts; /* sorted by labels */
	size_t n;
};

struct test_plan {
	const struct test_group *test;
	struct plan_series *series;
	size_t n_series;
	struct plan_expr *exprs;
	size_t n_exprs;
	struct plan_alerts *alerts; /* in order of time */
	size_t n_alerts;
	int64_t last_ms; /* the latest time that is asked for, from the test's start */
};

/*
 * Reads what the file only carries along. All faults go to diag, and -EINVAL comes back; what is not
 * served becomes a warning. The plan borrows from `test`. -ENOMEM.
 */
int test_plan_new(const struct test_file *file, const struct test_group *test,
	struct test_plan **ret, struct diag *diag);
void test_plan_free(struct test_plan *plan);
DEFINE_FREEP(test_plan)

#endif
