/*
 * clock.h - the two clocks, and a pair of them read together.
 *
 * Durations run on CLOCK_BOOTTIME, which counts through suspend and never jumps; samples and mails
 * carry wall-clock milliseconds. The two never meet in one expression.
 */
#ifndef TOLLD_BASE_CLOCK_H
#define TOLLD_BASE_CLOCK_H

#include <stdint.h>

#define NSEC_PER_SEC  1000000000ll
#define NSEC_PER_MSEC 1000000ll
#define NSEC_PER_USEC 1000ll

/* "No deadline": later than all that come. */
#define BOOT_NS_NEVER INT64_MAX

/* One instant on both clocks. A pure state machine takes it as its `now`. */
struct instant {
	int64_t boot_ns;
	int64_t wall_ms; /* since 1970 in UTC */
};

int64_t clock_boot_ns(void);
int64_t clock_wall_ms(void);
struct instant clock_now(void);

/* The wall clock at another time of the boot clock, as the two stand to each other now. */
static inline struct instant instant_at(struct instant now, int64_t boot_ns)
{
	return (struct instant){
		.boot_ns = boot_ns,
		.wall_ms = now.wall_ms - (now.boot_ns - boot_ns) / NSEC_PER_MSEC,
	};
}

#endif
