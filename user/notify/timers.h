/*
 * timers.h - many deadlines on the boot clock, the earliest at hand; private to notify/.
 *
 * Whoever has a timer announces it with timers_own(), the only call that can fail: setting one never
 * does, so nothing that is due can be forgotten for want of memory.
 */
#ifndef TOLLD_NOTIFY_TIMERS_H
#define TOLLD_NOTIFY_TIMERS_H

#include "base/util.h"

/* What a timer belongs to. */
enum timer_kind { TIMER_GROUP, TIMER_ATTEMPT, TIMER_DIGEST, TIMER_SWEEP };

struct timer {
	int64_t at_boot_ns;
	size_t place; /* in the heap, from 1; 0: not set */
	enum timer_kind kind;
};

struct timers {
	struct timer **heap;
	size_t n, cap, owned;
};

/* Room for one more timer. 0 or -ENOMEM. */
int timers_own(struct timers *timers);
/* It will not be set again; stops it. */
void timers_disown(struct timers *timers, struct timer *timer);
void timers_release(struct timers *timers);

/* Sets it, or sets it anew. */
void timer_set(struct timers *timers, struct timer *timer, int64_t at_boot_ns);
void timer_stop(struct timers *timers, struct timer *timer);
/* The earliest, or NULL. */
struct timer *timers_first(const struct timers *timers);

#endif
