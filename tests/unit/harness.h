/*
 * harness.h - what every unit test needs: cmocka, and allocations that fail on demand.
 *
 * A test's name is a sentence about behaviour. Time is passed in, never slept through.
 */
#ifndef TOLLD_TESTS_HARNESS_H
#define TOLLD_TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <cmocka.h>
#include "base/util.h"

/* The n-th allocation from now on (1 is the next) returns NULL, once; 0 ends it. */
void fail_allocation(unsigned n);
/* True once the allocation that should fail was reached. */
bool allocation_failed(void);

/*
 * Runs fn(userdata) again and again, failing its first, second, ... allocation, until it gets through
 * without reaching the failing one. fn must survive, leak nothing (run it under ASan), and report
 * failure by a negative number. Asserts that it ends.
 */
void with_failing_allocations(int (*fn)(void *userdata), void *userdata);

/* ../shared/conformance or $TOLLD_CONFORMANCE; NULL, having said so aloud, where there is none. */
const char *conformance_dir(void);
/* The whole file, NUL-terminated; the caller frees. Fails the test where it cannot be read. */
char *read_file(const char *path, size_t *ret_len);

#endif
