/*
 * slot.h - the slots on which a group is evaluated: the same ones after every restart.
 *
 * Source: prometheus rules/group.go, EvalTimestamp.
 */
#ifndef TOLLD_RULES_SLOT_H
#define TOLLD_RULES_SLOT_H

#include <stdint.h>

/* The last slot at or before wall_ms. */
int64_t slot_at(int64_t wall_ms, int64_t interval_ms, uint64_t group_hash);

#endif
