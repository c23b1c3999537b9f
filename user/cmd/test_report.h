/*
 * test_report.h - what one rule unit test found: for people, and for machines that read JUnit's XML.
 */
#ifndef TOLLD_CMD_TEST_REPORT_H
#define TOLLD_CMD_TEST_REPORT_H

#include "base/diag.h"

struct test_failure {
	struct pos pos;
	char *text;   /* one line: what was asked, and that the answer differs */
	char *detail; /* lines, each with its end: what was expected, what came; may be empty */
};

struct test_report {
	char *title; /* of the test: its name, or #2 */
	struct test_failure *failures;
	size_t n, cap;
	size_t checks, unserved; /* unserved ones are not among the checks */
};

void test_report_release(struct test_report *report);
/* Takes what is in `detail`, which is empty afterwards; NULL for none. 0 or -ENOMEM. */
int test_report_fail(struct test_report *report, struct pos pos, struct strbuf *detail,
	const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Each failure with the line of the file that it is about. */
void test_report_print(const struct test_report *report, struct strbuf *out);

/* One <testsuite> for a file: its tests, or, where it could not be read, `fault`. */
void junit_suite(struct strbuf *out, const char *path, const struct test_report *reports, size_t n,
	const char *fault);
/* Writes the whole document around the suites. 0 or a negative errno. */
int junit_write(const char *path, const struct strbuf *suites);

#endif
