/*
 * group_total.h - what a service's control group did, over all the groups that it ever had. Pure.
 *
 * A unit gets a new group each time it starts, whose counters begin anew; here they go on.
 */
#ifndef TOLLD_WATCH_GROUP_TOTAL_H
#define TOLLD_WATCH_GROUP_TOTAL_H

#include "watch/group.h"

/* One group's life, as far as OOM kills go. */
struct group_epoch {
	int64_t since_boot_ns;
	uint64_t kills; /* that the group tells of */
	uint64_t
		deaths; /* of the service, by the OOM killer: the group may be gone before it tells */
};

struct group_total {
	bool known;
	struct group_usage last;	 /* of the group that it has now, or had last */
	uint64_t figures[GROUP_FIGURES]; /* of those that only grow */
	struct pressure pressure[PRESSURE_RESOURCES];

	uint64_t kills; /* of groups before the previous one */
	struct group_epoch now, previous;
};

/*
 * With `from_now`, what the group has counted so far of events is not the service's: it was there before
 * anybody asked, and a counter that starts at another number than 0 looks like an event.
 */
void group_total_add(struct group_total *total, const struct group_usage *usage, bool from_now,
	int64_t now_boot_ns);
/* The same, of group_read_events(). */
void group_total_add_events(
	struct group_total *total, const struct group_usage *usage, int64_t now_boot_ns);
/* A process of the service was ended by an OOM killer. */
void group_total_oom_death(struct group_total *total, int64_t at_boot_ns);
uint64_t group_total_oom_kills(const struct group_total *total);

#endif
