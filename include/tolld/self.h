/*
 * self.h - what programs that were built for a file of types read of the process that runs them, byte by byte.
 *
 * User space knows all of it from /proc: where the two differ, the file is not of this kernel.
 */
#ifndef TOLLD_SELF_H
#define TOLLD_SELF_H

#include "tolld/event.h"

struct tolld_self {
	__u32 pid;
	__u32 parent_pid;
	__u32 threads;
	__u32 unused;
	__u64 start_boottime_ns; /* to a tick of 10 ms */
	char comm[TOLLD_COMM_MAX];
};

_Static_assert(sizeof(struct tolld_self) == 40, "shared layout");

#endif
