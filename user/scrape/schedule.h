/*
 * schedule.h - when a target is scraped, and which time its samples carry.
 *
 * A target has slots: the wall-clock times t with t % interval == offset, so that scrapes of many
 * targets are spread and stay where they are over restarts. It is waited for on CLOCK_BOOTTIME.
 * Pure: the caller says what time it is.
 */
#ifndef TOLLD_SCRAPE_SCHEDULE_H
#define TOLLD_SCRAPE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"

struct schedule {
	int64_t interval_ms, offset_ms;
	int64_t slot_wall_ms; /* the next slot ... */
	int64_t due_boot_ns;  /* ... and when to wake up for it */
	int64_t last_wall_ms; /* the last samples' time; 0 for none */
	bool running;
	bool again; /* triggered while one was under way */
};

/* The first slot after `wall_ms`. */
int64_t schedule_slot_after(int64_t wall_ms, int64_t interval_ms, int64_t offset_ms);

/* A new interval keeps what is under way and the last time. offset: 0 <= offset < interval. */
void schedule_set(struct schedule *s, int64_t interval_ms, int64_t offset_ms, struct instant now);
/*
 * The slot is here: moves on to the next one and returns true where a scrape must start. While one
 * is still under way the slot is left out.
 */
bool schedule_tick(struct schedule *s, struct instant now);
/* True: start now. False: one is under way, and schedule_end() will ask for another. */
bool schedule_trigger(struct schedule *s);
/*
 * A scrape starts; the time for its samples: the slot's where it is started for a slot and near
 * it, else now; always later than the last one. A clock that was set back by more than an interval
 * is believed, since samples from the future would hide all that follow.
 */
int64_t schedule_begin(struct schedule *s, struct instant now, bool for_slot);
/* It is over; true: start another one at once. */
bool schedule_end(struct schedule *s);

#endif
