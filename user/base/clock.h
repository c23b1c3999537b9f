/*
 * clock.h - the two clocks, and a pair of them read together.
 *
 * Durations run on CLOCK_BOOTTIME, which counts through suspend and never jumps; samples and mails
 * carry wall-clock milliseconds. The two never meet in one expression.
 *
 * A machine without a clock of its own may start behind what was written before. The wall clock can be held
 * then: it goes on with the boot clock, ahead of the system's, until that one is right.
 */
#ifndef TOLLD_BASE_CLOCK_H
#define TOLLD_BASE_CLOCK_H

#include <stdbool.h>
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

/* What the system says, held or not: the time of files, and of others' entries in the log. */
int64_t clock_system_ms(void);
/* From now on it is `wall_ms`, and goes on with the boot clock whatever the system says. */
void clock_hold(int64_t wall_ms);
void clock_release(void);
bool clock_is_held(void);
/* How far it is ahead of the system's; 0 where it is not held. */
int64_t clock_lead_ms(void);
/*
 * Whether it is to be held where time would go on at `wall_ms` and the system says `system_ms`: not where
 * that is hardly behind, or is known to be right.
 */
bool clock_is_behind(int64_t system_ms, int64_t wall_ms, bool synchronized);
/* Whether the kernel or systemd-timesyncd says that somebody keeps the clock right. */
bool clock_synchronized(void);

/* The wall clock at another time of the boot clock, as the two stand to each other now. */
static inline struct instant instant_at(struct instant now, int64_t boot_ns)
{
	return (struct instant){
		.boot_ns = boot_ns,
		.wall_ms = now.wall_ms - (now.boot_ns - boot_ns) / NSEC_PER_MSEC,
	};
}

#endif
