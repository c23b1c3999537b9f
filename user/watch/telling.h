/*
 * telling.h - events of services on their way to who asked for them.
 *
 * At once, or with the next turn of the loop: who adds a service does not have it yet, and is in the middle of
 * something; and a look for it hears of others, too.
 */
#ifndef TOLLD_WATCH_TELLING_H
#define TOLLD_WATCH_TELLING_H

#include "watch/service.h"

struct telling {
	watch_event_fn *fn; /* NULL: nobody asked */
	void *userdata;
	bool holds; /* what comes now waits for telling_go_on() */
	struct held {
		struct service *service;
		enum service_event what;
	} * items; /* in their order */
	size_t n, cap;
};

void telling_release(struct telling *telling);
/* Tells it behind what waits, or has it wait, too. Where there is no memory to wait in it is told at once. */
void telling_tell(struct telling *telling, struct service *service, enum service_event what);
/* Tells all that waits. That a service has appeared is no news of one that is gone by then. */
void telling_go_on(struct telling *telling);
/* The service is about to go: nothing is told of it any more. */
void telling_forget(struct telling *telling, const struct service *service);

#endif
