/*
 * ends.c - counts how processes ended.
 */
#include "watch/ends.h"

enum end_kind end_kind_of(const struct death *death)
{
	if (death->kind == DEATH_OOM)
		return END_OOM;
	if (death->requested)
		return END_REQUESTED;
	switch (death->kind) {
	case DEATH_EXIT:
		return death->exit_code ? END_FAILURE : END_SUCCESS;
	case DEATH_SIGNAL:
		return END_SIGNAL;
	case DEATH_OOM:
	case DEATH_UNKNOWN:
		break;
	}
	return END_UNKNOWN;
}

static bool count_pending(struct service_ends *ends)
{
	bool counts = ends->pending;

	if (counts)
		ends->counts[ends->pending_kind]++;
	ends->pending = false;
	return counts;
}

static bool note_restart(
	struct service_ends *ends, const struct service_info *info, int64_t now_boot_ns)
{
	bool restarted = info->restarts != ends->restarts;

	ends->restarts = info->restarts;
	if (!restarted || !info->died)
		return restarted;
	ends->restarted = true;
	ends->down_ns = MAX(now_boot_ns - info->last_death.at.boot_ns, (int64_t)0);
	return true;
}

bool ends_event(struct service_ends *ends, enum service_event what, const struct service_info *info,
	int64_t now_boot_ns)
{
	bool changed = note_restart(ends, info, now_boot_ns);

	if (what == SERVICE_DIED) {
		changed |= count_pending(ends);
		ends->pending = true;
	}
	if ((what != SERVICE_DIED && what != SERVICE_CAUSE) || !ends->pending)
		return changed;
	ends->pending_kind = end_kind_of(&info->last_death);
	if (info->last_death.final)
		changed |= count_pending(ends);
	return changed;
}
