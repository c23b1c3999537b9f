/*
 * timers.c - a binary heap of deadlines.
 */
#include "notify/timers.h"

#include <errno.h>

int timers_own(struct timers *timers)
{
	while (timers->owned >= timers->cap) {
		/* vec_grow() wants to hear that it is full. */
		if (!vec_reserve(timers->heap, timers->cap, timers->cap))
			return -ENOMEM;
	}
	timers->owned++;
	return 0;
}

void timers_disown(struct timers *timers, struct timer *timer)
{
	timer_stop(timers, timer);
	timers->owned--;
}

void timers_release(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){ 0 };
}

static void place(struct timers *timers, struct timer *timer, size_t at)
{
	timers->heap[at - 1] = timer;
	timer->place = at;
}

static void sift(struct timers *timers, struct timer *timer, size_t at)
{
	while (at > 1 && timers->heap[at / 2 - 1]->at_boot_ns > timer->at_boot_ns) {
		place(timers, timers->heap[at / 2 - 1], at);
		at /= 2;
	}
	for (;;) {
		size_t child = 2 * at;

		if (child < timers->n &&
			timers->heap[child]->at_boot_ns < timers->heap[child - 1]->at_boot_ns)
			child++;
		if (child > timers->n || timers->heap[child - 1]->at_boot_ns >= timer->at_boot_ns)
			break;
		place(timers, timers->heap[child - 1], at);
		at = child;
	}
	place(timers, timer, at);
}

void timer_set(struct timers *timers, struct timer *timer, int64_t at_boot_ns)
{
	timer->at_boot_ns = at_boot_ns;
	sift(timers, timer, timer->place ? timer->place : ++timers->n);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
	size_t at = timer->place;
	struct timer *last;

	if (!at)
		return;
	timer->place = 0;
	last = timers->heap[--timers->n];
	if (last != timer)
		sift(timers, last, at);
}

struct timer *timers_first(const struct timers *timers)
{
	return timers->n ? timers->heap[0] : NULL;
}
