/*
 * living.h - which of the processes that the kernel's programs watch live now.
 */
#ifndef TOLLD_WATCH_LIVING_H
#define TOLLD_WATCH_LIVING_H

#include "watch/backend.h"

/*
 * From a descriptor of the iterator tolld_tasks, which is closed; or with the error that there is instead.
 * 0 with an array of the caller's in *ret, or a negative errno.
 */
int living_by_iterator(int iter_fd, struct process **ret, size_t *ret_n);

/* The same where there is no iterator: of those in the map tolld_watch, who is in /proc. Starts are to a tick. */
int living_by_proc(int processes_map_fd, struct process **ret, size_t *ret_n);

/*
 * Of the process that started then, to a tick. -ESRCH: it is dead, or another one has its number; -EMFILE and
 * the like: that cannot be asked now.
 */
int living_is_still(pid_t pid, int64_t start_boot_ns, struct process *ret);

#endif
