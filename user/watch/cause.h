/*
 * cause.h - small words about deaths that the header for everybody does not need.
 */
#ifndef TOLLD_WATCH_CAUSE_H
#define TOLLD_WATCH_CAUSE_H

#include "tolld/event.h"
#include "watch/watch.h"

/*
 * What waitpid()'s status says, with the signal that killed it and the last request to stop, where
 * they were seen; `at`, pid, start and what it used are the caller's. A request explains an exit only
 * when it came shortly before.
 */
void death_from_wait_status(struct death *death, uint32_t wait_status,
	const struct tolld_signal *fatal, const struct tolld_signal *request);
/* This signal was sent to it; nothing changes where it is none. */
void death_take_sender(struct death *death, const struct tolld_signal *signal);
/* The kernel chose it, whatever else was known. */
void death_blame_oom_killer(struct death *death, const struct oom *oom);

#endif
