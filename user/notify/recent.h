/*
 * recent.h - how much was done lately: a count over the last so long; private to notify/.
 *
 * In 24 slots and the one that has begun, so that it takes the same room for ten as for ten thousand. What
 * was done counts for a 24th of the time longer at most, and never shorter.
 */
#ifndef TOLLD_NOTIFY_RECENT_H
#define TOLLD_NOTIFY_RECENT_H

#include "base/util.h"

#define RECENT_SLOTS 25

struct recent {
	int64_t slot_ns;
	int64_t head_boot_ns;	      /* when counts[0] began */
	int64_t counts[RECENT_SLOTS]; /* the newest first */
};

/* Empty; over a time of at least 24 nanoseconds. */
void recent_init(struct recent *recent, int64_t over_ns, int64_t now_boot_ns);
/* Over another time from now on. What was done counts as if it had been now, where that is longer. */
void recent_resize(struct recent *recent, int64_t over_ns, int64_t now_boot_ns);
void recent_add(struct recent *recent, int64_t now_boot_ns);
int64_t recent_count(struct recent *recent, int64_t now_boot_ns);
/* When the count may become less by the time alone. */
int64_t recent_next(struct recent *recent, int64_t now_boot_ns);

#endif
