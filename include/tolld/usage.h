/*
 * usage.h - what the kernel programs tell of the use of watched processes, byte by byte. As in event.h.
 *
 * One record for each thread. Totals of a process are the sums over the records that have its pid; threads
 * that are gone count in the leader's.
 */
#ifndef TOLLD_USAGE_H
#define TOLLD_USAGE_H

#include "tolld/event.h"

/*
 * Of so many that nobody watches, threads or files, the iterators show one as a record without a pid: so
 * a read of a chunk of records comes to its end, whatever is on the machine.
 */
#define TOLLD_PASSED_OVER 32

enum tolld_usage_flags {
	/* The fields of the whole process are filled in; at least one of its records has them. */
	HOLDS_PROCESS = 1,
	/* It waits for the kernel and takes no signal, or SIGKILL at most: ps shows D. */
	IS_UNINTERRUPTIBLE = 2,
	COUNTS_IO = 4,
	COUNTS_FDS = 8,
	COUNTS_MEMORY = 16,
	/* Of the whole process: a signal, as SIGSTOP, has stopped it; its control group (version 2) is frozen. */
	IS_STOPPED = 32,
	IS_FROZEN = 64,
};

struct tolld_usage {
	__u32 pid; /* the process; 0: none, the record says nothing */
	__u32 thread;
	__u64 start_boottime_ns; /* of the process */
	__u32 family_pid;	 /* the watched process that it forked from, or itself */
	__u32 flags;
	__u64 cpu_ns;
	__u64 minor_faults;
	__u64 major_faults;
	__u64 read_bytes; /* from and to storage */
	__u64 written_bytes;
	__u64 switches; /* times that it gave a CPU back */
	/* Of the whole process. */
	__u64 resident_pages;
	__u64 max_fds;
	__u32 open_fds;
	__u32 threads;
};

_Static_assert(sizeof(struct tolld_usage) == 96, "shared layout");

/* One record for each descriptor of a watched process that is a socket. */
struct tolld_socket {
	__u32 pid;  /* 0: none, the record says nothing */
	__u8 state; /* TCP_LISTEN is 10 */
	__u8 unused;
	__u16 family;
	__u64 start_boottime_ns; /* of the process */
	__u64 inode;
};

_Static_assert(sizeof(struct tolld_socket) == 24, "shared layout");

#endif
