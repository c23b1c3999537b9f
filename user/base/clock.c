/*
 * clock.c - reads the clocks. Only the daemon calls it; what decides about time is told the time.
 */
#include "base/clock.h"

#include <time.h>

int64_t clock_boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t clock_wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / NSEC_PER_MSEC;
}

struct instant clock_now(void)
{
	return (struct instant){ .boot_ns = clock_boot_ns(), .wall_ms = clock_wall_ms() };
}
