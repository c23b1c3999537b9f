/*
 * usage.h - what processes use: CPU time, memory, descriptors, I/O, page faults, sockets.
 *
 * Read of all watched processes in one pass of a BPF iterator, or of one process from /proc. A process's
 * figures come in parts, one or more; the sums of all parts are its totals since it was made. It keeps
 * nothing and judges nothing.
 */
#ifndef TOLLD_WATCH_USAGE_H
#define TOLLD_WATCH_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "watch/standstill.h"

struct usage {
	pid_t pid;
	int64_t start_boot_ns;
	pid_t family; /* the watched process that it forked from, or itself, or 0: nobody knows */
	pid_t thread;

	uint64_t cpu_ns;
	bool in_ticks; /* that is, to 10 ms: who has run for less seems not to have */
	uint64_t minor_faults, major_faults;
	uint64_t read_bytes, written_bytes; /* from and to storage, where has_io */
	bool has_io;

	/* The thread waits for the kernel, ps shows it as D; it is stuck if `switches` stays. */
	bool uninterruptible;
	uint64_t switches;

	/* Of the whole process, where has_process: one part has it at least, or several the same. */
	bool has_process;
	bool tells_frozen; /* else `standstill` says only whether it was stopped */
	enum standstill standstill;
	uint32_t threads;
	bool has_resident, has_max_fds, has_fds;
	uint64_t resident_bytes;
	uint64_t max_fds;
	uint32_t open_fds;
};

typedef void usage_fn(const struct usage *part, void *userdata);

/* Whose figures are of use: those processes, and who forked from them. */
struct usage_wanted {
	const pid_t *pids;
	size_t n;
};

struct iterators;

/*
 * 1: a piece was read, a fraction of a millisecond's worth; called again it goes on, whatever `wanted` says then.
 *
 * By the kernel's iterator `tolld_usage`, in one pass over all processes that its programs follow; or, where
 * few are wanted and the map says that none of them has forked, over those alone. Resident memory
 * may lack up to 32 pages a CPU and kind of memory; all else is what /proc says.
 */
int usage_read_kernel(struct iterators *iterators, int processes_map_fd,
	const struct usage_wanted *wanted, usage_fn *fn, void *userdata);
/*
 * One process, from /proc; what this process may not read of it is left out (has_ is false). -ESRCH: it is
 * gone, or another has its number; a start of 0 is anybody's.
 */
int usage_read_proc(pid_t pid, int64_t start_boot_ns, usage_fn *fn, void *userdata);
/* Two readings of when a process began may differ by a tick, where one of them is from /proc. */
bool usage_same_start(int64_t a_boot_ns, int64_t b_boot_ns);

struct usage_socket {
	pid_t pid;
	int64_t start_boot_ns;
	uint64_t inode;
	/* Of an IP socket. From /proc nobody knows: whoever has the list of listeners finds it in there. */
	bool listens;
};

typedef void usage_socket_fn(const struct usage_socket *socket, void *userdata);

/*
 * In the same way all sockets of those processes, by `tolld_sockets`, which visits every open file of those
 * it passes over. One that a process has twice may come twice.
 */
int usage_sockets_kernel(struct iterators *iterators, int processes_map_fd,
	const struct usage_wanted *wanted, usage_socket_fn *fn, void *userdata);
/* Of one process. -ESRCH; -EACCES; -E2BIG where it has more than max_fds descriptors. */
int usage_sockets_proc(
	pid_t pid, int64_t start_boot_ns, uint32_t max_fds, usage_socket_fn *fn, void *userdata);

#endif
