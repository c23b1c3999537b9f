/*
 * passes.h - passes that measure what services use, one at a time.
 */
#ifndef TOLLD_TESTS_WATCH_PASSES_H
#define TOLLD_TESTS_WATCH_PASSES_H

#include "watch/figures.h"
#include "watch/live.h"

static unsigned passes;

static inline void on_passed(void *userdata)
{
	passes++;
}

/* A pass from its beginning to its end; there is at most one a second. The callbacks have on_passed(). */
static inline void measure_with(const struct figures_callbacks *callbacks)
{
	unsigned before;

	watch_set_figures_callbacks(watch, callbacks);
	while (!watch_measure(watch, 0))
		turn_for(20);
	before = passes;
	for (int i = 0; i < 1000 && passes == before; i++)
		turn_for(5);
	assert_int_equal(passes, before + 1);
}

#endif
