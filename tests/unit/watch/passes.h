/*
 * passes.h - passes that measure what services use, one at a time, and the control groups that they read.
 */
#ifndef TOLLD_TESTS_WATCH_PASSES_H
#define TOLLD_TESTS_WATCH_PASSES_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include "watch/figures.h"
#include "watch/live.h"

static unsigned passes;

static inline void on_passed(void *userdata)
{
	passes++;
}

/* How far this program's boot clock is ahead of the machine's: there is at most one pass a second. */
static int64_t ahead_ns;

/* In place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int64_t ns;

	if (syscall(SYS_clock_gettime, clock, ts))
		return -1;
	if (clock == CLOCK_BOOTTIME) {
		ns = ts->tv_nsec + ahead_ns;
		ts->tv_sec += ns / NSEC_PER_SEC;
		ts->tv_nsec = ns % NSEC_PER_SEC;
	}
	return 0;
}

/* A pass from its beginning to its end, as soon as it may be. The callbacks have on_passed(). */
static inline void measure_with(const struct figures_callbacks *callbacks)
{
	unsigned before;

	watch_set_figures_callbacks(watch, callbacks);
	ahead_ns += FIGURES_EVERY_NS;
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
