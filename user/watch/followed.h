/*
 * followed.h - the processes that pidfd and poll follow, found by their number however many they are.
 */
#ifndef TOLLD_WATCH_FOLLOWED_H
#define TOLLD_WATCH_FOLLOWED_H

#include "watch/backend.h"
#include "watch/procfs.h"

struct followed {
	struct process process;
	uint64_t start_ticks;
	struct kin kin;
	int64_t seen_boot_ns; /* alive, where polled */
	int fd;		      /* pidfd; -1: polled */
	bool renamed;	      /* and not told yet */
	/* As the kernel's record of its end says, which comes before the end. */
	bool has_status;
	uint32_t wait_status;
	uint64_t peak_memory_bytes; /* 0: not known */
	uint32_t next;		    /* of one bucket */
	uint64_t cpu_ns;	    /* all that it had used when it was seen; 0: not known */
};

struct followed_list {
	struct followed *items;
	size_t n, cap;
	uint32_t *buckets;
	size_t n_buckets; /* a power of two */
};

/* Frees the list; what its items hold is the caller's. */
void followed_release(struct followed_list *list);
/* Valid until the list changes; NULL: nobody has this number. */
struct followed *followed_find(const struct followed_list *list, pid_t pid);
/* Nobody in the list may have its number. 0 or -ENOMEM. */
int followed_add(struct followed_list *list, const struct followed *item);
/* Takes it out; the last one takes its place. */
struct followed followed_take(struct followed_list *list, size_t i);

/*
 * Has it not run since it was seen? Then it lives, and nobody else has its number. *ret_cpu_ns is for
 * followed_see(), where it is read now: it may run meanwhile.
 */
bool followed_rests(const struct followed *f, uint64_t *ret_cpu_ns);
/* It lives, as was just read. True where it has a new name. */
bool followed_see(
	struct followed *f, const struct process_stat *stat, uint64_t cpu_ns, int64_t now_boot_ns);

/* Into the notice of its end: what it used, of one that is not reaped yet. */
void followed_tell_used(const struct process_stat *stat, struct notice *n);
/*
 * It is dead: how it ended, and what it used, as far as that is known. With pidfd_tells its pidfd is asked, too, on
 * kernels where that answers. 0; -EAGAIN: when it is reaped its pidfd will tell; another: nobody will.
 */
int followed_read_end(const struct followed *f, bool pidfd_tells, struct notice *n);

#endif
