/*
 * test_compare.h - what was expected beside what came.
 */
#ifndef TOLLD_CMD_TEST_COMPARE_H
#define TOLLD_CMD_TEST_COMPARE_H

#include "cmd/test_plan.h"
#include "rules/rules.h"

/*
 * True where the answer is as expected; else the differences are added to `out`, a line each.
 * `fuzzy`: values may be neighbours among the numbers that there are.
 */
bool compare_expr(const struct plan_expr *expected, const struct promql_result *got, bool fuzzy,
	struct strbuf *out);

/* The alerts of a name, as all rules of that name have them. */
struct got_alerts {
	struct rule_alert_info *alerts; /* sorted; labels and annotations borrowed */
	size_t n, cap;
};

/* The same for alerts that fire. Pending ones are only shown, where a firing one is missing. */
bool compare_alerts(
	const struct plan_alerts *expected, const struct got_alerts *got, struct strbuf *out);

#endif
