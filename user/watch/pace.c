/*
 * pace.c - see pace.h.
 */
#include "watch/pace.h"

#define HASTE_NS    (10 * NSEC_PER_MSEC)
#define HASTE_SHARE 8
#define COST_SHARE  50

int64_t pace_next(const struct pace *pace)
{
	int64_t since_ns = pace->ended_boot_ns - pace->died_boot_ns;
	int64_t in_ns = MIN(MAX(since_ns / HASTE_SHARE, HASTE_NS), PACE_REST_NS);

	if (pace->is_told && since_ns >= PACE_HASTE_ENDS_NS)
		return BOOT_NS_NEVER;
	return pace->ended_boot_ns + MAX(in_ns, pace->cost_ns * COST_SHARE);
}

bool pace_is_needed(struct pace *pace, pid_t last_number)
{
	bool same = last_number && last_number == pace->last_number;
	bool needed = !same || !pace->is_quiet;

	pace->is_quiet = same;
	pace->last_number = last_number;
	return needed;
}

void pace_looked(struct pace *pace, int64_t began_boot_ns, int64_t ended_boot_ns)
{
	pace->cost_ns = ended_boot_ns - began_boot_ns;
	pace->ended_boot_ns = ended_boot_ns;
}
