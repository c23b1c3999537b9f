/*
 * kin.c - see kin.h.
 */
#include "watch/kin.h"

/* Where a death is told at once: the loop is mostly not later than this. */
#define TOLD_WITHIN_NS (100 * NSEC_PER_MSEC)

static bool lived_together(const struct notice *exit, const struct process_stat *other)
{
	int64_t lived_boot_ns = exit->exit.lived_boot_ns;

	if (!lived_boot_ns)
		lived_boot_ns = exit->at_boot_ns - TOLD_WITHIN_NS;
	return other->start_boot_ns + START_TICK_NS <= lived_boot_ns;
}

static bool ended_well(const struct notice *exit)
{
	return exit->exit.untold == TOLD && !exit->exit.wait_status;
}

bool kin_inherits(const struct notice *exit, const struct process_stat *other)
{
	const struct kin *kin = &exit->exit.kin;
	pid_t dead = exit->process.pid;
	/* The kernel gave it to another one, which then was started by somebody else or by itself. */
	bool is_adopted = kin->parent && other->parent != kin->parent;

	if (lived_together(exit, other))
		return true;
	if (other->pid == dead)
		return false;
	/* Only those that descend from its leader are in a group, and its number is free when all are dead. */
	if (other->group == dead || other->session == dead)
		return true;
	/* In the same group by the same parent are also those that a script starts one after the other. */
	if (kin->group && other->group == kin->group && is_adopted)
		return true;
	/* A daemon makes itself a session of its own. */
	return ended_well(exit) && is_adopted;
}
