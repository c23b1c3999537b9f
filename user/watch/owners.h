/*
 * owners.h - which processes hold a listening socket, from /proc/PID/fd.
 *
 * Finding out means reading every process's descriptors, some milliseconds on a small machine and near
 * half a second where 50,000 files are open: it is done only where nobody told already.
 */
#ifndef TOLLD_WATCH_OWNERS_H
#define TOLLD_WATCH_OWNERS_H

#include "watch/listener.h"

/* More owners of one socket than this are not looked at: any of them will do. */
#define OWNERS_MAX 64

struct owner {
	pid_t pid;
	pid_t parent;
	uint64_t start_ticks;
};

/*
 * The processes that hold a socket with one of the n inodes, at most OWNERS_MAX, the one to watch
 * first: the ancestor of the others, the oldest, and process 1 last (it only holds what it will
 * hand on). Returns how many, 0 also where /proc may not be read.
 */
size_t owners_find(const uint64_t *inodes, size_t n, struct owner ret[OWNERS_MAX]);

/* Who holds any of some listeners, for whoever asks for one after another: one pass for all. */
struct holders {
	int64_t read_boot_ns; /* when that pass ended; 0: none yet */
	struct holder {
		uint64_t inode;
		pid_t pid;
	} * items; /* by inode */
	size_t n, cap;
	uint64_t *asked; /* the inodes that were looked for, in order */
	size_t n_asked;
};

#define HOLDERS_INIT ((struct holders){ 0 })

/*
 * As owners_find(), of inodes that are among `listeners`. All processes are read the first time, and where one
 * of the inodes has come since; what else happens to them is not seen until the holders are released.
 */
size_t holders_find(struct holders *holders, const struct listeners *listeners,
	const uint64_t *inodes, size_t n, struct owner ret[OWNERS_MAX]);
void holders_release(struct holders *holders);

/* Does this process hold a socket with one of the inodes? */
bool process_holds(pid_t pid, const uint64_t *inodes, size_t n);
/* Sets held[i] for each listener that this process holds. */
void process_holds_which(pid_t pid, const struct listeners *listeners, bool *held);

#endif
