/*
 * oomlog.h - whom the OOM killer ended, as the kernel's log says it.
 *
 * Read when somebody has died, not as it grows: a log that is busy wakes nobody.
 */
#ifndef TOLLD_WATCH_OOMLOG_H
#define TOLLD_WATCH_OOMLOG_H

#include <sys/types.h>
#include "base/util.h"

/* The descriptor, from the end of the log on; a negative errno where it may not be read. */
int oomlog_open(void);
/* Calls on_kill for each kill since the last call. */
void oomlog_read(int fd, void (*on_kill)(pid_t thread, void *userdata), void *userdata);
/* Does this record, NUL-terminated, tell of a kill? Then *ret is whose. */
bool oomlog_parse(const char *record, pid_t *ret);

#endif
