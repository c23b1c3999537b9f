/*
 * passes.h - passes that measure what services use, one at a time, and the control groups that they read.
 */
#ifndef TOLLD_TESTS_WATCH_PASSES_H
#define TOLLD_TESTS_WATCH_PASSES_H

#include <fcntl.h>
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

/* Into a file of a control group, which is there. */
static inline void write_to(const char *folder, const char *name, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

#endif
