/*
 * schedule.c - slots, triggers, and times that only grow.
 */
#include "scrape/schedule.h"

#include "base/util.h"

/* How late a scrape may start and still carry its slot's time: even times compress to nothing. */
#define LATE_MS(interval_ms) MIN((interval_ms) / 100, (int64_t)100)

int64_t schedule_slot_after(int64_t wall_ms, int64_t interval_ms, int64_t offset_ms)
{
	int64_t past = (wall_ms - offset_ms) % interval_ms;

	if (past < 0)
		past += interval_ms;
	return wall_ms - past + interval_ms;
}

static void arm(struct schedule *s, struct instant now, int64_t after_wall_ms)
{
	s->slot_wall_ms = schedule_slot_after(after_wall_ms, s->interval_ms, s->offset_ms);
	s->due_boot_ns = now.boot_ns + (s->slot_wall_ms - now.wall_ms) * NSEC_PER_MSEC;
}

void schedule_set(struct schedule *s, int64_t interval_ms, int64_t offset_ms, struct instant now)
{
	s->interval_ms = interval_ms;
	s->offset_ms = offset_ms;
	arm(s, now, now.wall_ms);
}

bool schedule_tick(struct schedule *s, struct instant now)
{
	if (now.boot_ns < s->due_boot_ns)
		return false;
	if (s->running)
		arm(s, now, now.wall_ms);
	return !s->running;
}

bool schedule_trigger(struct schedule *s)
{
	s->again = s->running;
	return !s->running;
}

int64_t schedule_begin(struct schedule *s, struct instant now, bool for_slot)
{
	int64_t at = now.wall_ms, late = at - s->slot_wall_ms;

	if (for_slot) {
		/* Woken a moment too early, or late by little. */
		if (late >= -LATE_MS(s->interval_ms) && late <= LATE_MS(s->interval_ms))
			at = s->slot_wall_ms;
		arm(s, now, MAX(now.wall_ms, at));
	}
	if (at <= s->last_wall_ms && s->last_wall_ms - at < s->interval_ms)
		at = s->last_wall_ms + 1;
	s->last_wall_ms = at;
	s->running = true;
	return at;
}

bool schedule_end(struct schedule *s)
{
	bool again = s->again;

	s->running = false;
	s->again = false;
	return again;
}
