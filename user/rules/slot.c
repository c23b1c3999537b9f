/*
 * slot.c - slots of evaluation, spread over the interval by the group's hash.
 */
#include "rules/slot.h"

int64_t slot_at(int64_t wall_ms, int64_t interval_ms, uint64_t group_hash)
{
	int64_t offset = (int64_t)(group_hash % (uint64_t)interval_ms);
	int64_t since = (wall_ms - offset) % interval_ms;

	if (since < 0)
		since += interval_ms;
	return wall_ms - since;
}
