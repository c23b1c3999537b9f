/*
 * cause.h - small words about deaths that the header for everybody does not need.
 */
#ifndef TOLLD_WATCH_CAUSE_H
#define TOLLD_WATCH_CAUSE_H

#include "tolld/event.h"
#include "watch/watch.h"

/* "SIGKILL", "SIGRTMIN+2", "signal 99" */
void signal_format(int signal, struct strbuf *out);

/*
 * What waitpid()'s status and the signal that came before it say; `at`, pid and start are the
 * caller's. A request to stop explains an exit only when it came shortly before.
 */
void death_from_wait_status(uint32_t wait_status, const struct tolld_signal *signal,
	int64_t at_boot_ns, struct death *ret);

#endif
