/*
 * other_clock.c - a wall clock of one program's own, put before it by LD_PRELOAD.
 *
 * $OTHER_CLOCK names a file with the milliseconds by which it differs from the machine's; what is written there
 * counts at once. Boot and monotonic clocks stay the machine's. It is said to be synchronized where
 * $OTHER_CLOCK_IS_RIGHT is set.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int64_t difference_ms(void)
{
	static int fd = -1;
	const char *path = getenv("OTHER_CLOCK");
	char text[32] = "";

	if (fd < 0 && path)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int64_t ms;

	if (syscall(SYS_clock_gettime, clock, ts) < 0)
		return -1;
	if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
		return 0;
	ms = (int64_t)ts->tv_sec * 1000 + difference_ms();
	ts->tv_sec = ms / 1000;
	ts->tv_nsec += ms % 1000 * 1000000;
	while (ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000) {
		int64_t carry = ts->tv_nsec < 0 ? -1 : 1;

		ts->tv_sec += carry;
		ts->tv_nsec -= carry * 1000000000;
	}
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

int adjtimex(struct timex *timex)
{
	memset(timex, 0, sizeof(*timex));
	timex->status = getenv("OTHER_CLOCK_IS_RIGHT") ? 0 : STA_UNSYNC;
	return timex->status ? TIME_ERROR : TIME_OK;
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	static int (*next)(int dir, const char *path, int mode, int flags);

	if (strstr(path, "timesync")) {
		errno = ENOENT;
		return -1;
	}
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "faccessat");
	return next ? next(dir, path, mode, flags) : -1;
}
