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
/* "killed by the kernel's OOM killer (the memory limit of /web was reached)"; not for OOM_BY_DAEMON. */
void oom_describe(const struct oom *oom, struct strbuf *out);
/* Of a path that is too long the end says more, and is kept. */
void oom_copy_group(char to[WATCH_GROUP_MAX], const char *path, size_t len);

#endif
