/*
 * test_run.h - a rule unit test, run: rules over series, through time that is the test's own.
 */
#ifndef TOLLD_CMD_TEST_RUN_H
#define TOLLD_CMD_TEST_RUN_H

#include "cmd/test_plan.h"
#include "cmd/test_report.h"

/*
 * Fills a store step by step and evaluates all rules at each evaluation_interval from the test's start
 * to the latest time that it asks about, as promtool does. What does not come as expected goes to
 * the report. Negative errno: it could not be run.
 */
int test_run(
	const struct test_file *file, const struct test_plan *plan, struct test_report *report);

#endif
