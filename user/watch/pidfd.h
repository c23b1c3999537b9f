/*
 * pidfd.h - a process as a descriptor, which becomes readable when all of it is dead (since 5.3).
 */
#ifndef TOLLD_WATCH_PIDFD_H
#define TOLLD_WATCH_PIDFD_H

#include <sys/types.h>
#include "base/util.h"

/* The descriptor, or a negative errno: -ESRCH it is gone, -ENOSYS the kernel is too old. */
int pidfd_new(pid_t pid);
bool pidfd_is_dead(int fd);
/*
 * How it ended, as waitpid() tells its parent. -EAGAIN: it is not reaped yet, and EPOLLHUP will tell
 * when it is; -ENOTSUP: this kernel does not tell (it does since 6.15).
 */
int pidfd_wait_status(int fd, uint32_t *ret);
/* Asks the kernel, with a child of ours that ends at once. */
bool pidfd_tells_wait_status(void);

#endif
