/*
 * internal.h - what of watching is not for everybody: for the module's own tests and for backends.
 */
#ifndef TOLLD_WATCH_INTERNAL_H
#define TOLLD_WATCH_INTERNAL_H

#include "watch/service.h"

/* As watch_new(), with a ring of ring_bytes (a power of two of pages; 0: the usual). */
int watch_new_with_ring(sd_event *event, const struct watch_options *options, uint32_t ring_bytes,
	struct watch **ret, char *error, size_t error_size);

/*
 * A service that is this one process, up until it dies. -ESRCH: it is dead already. As with a
 * listener, SERVICE_APPEARED follows from the loop.
 */
int watch_add_process(struct watch *watch, const char *name, pid_t pid, struct service **ret);

/* The resync that would come within a minute comes in the next turn of the loop. */
void watch_resync(struct watch *watch);

#endif
