/*
 * exit_records.h - what the kernel writes of a thread as it ends (taskstats), before its memory is given back.
 *
 * That is sooner than its pidfd tells, which waits for the memory, and says how it ended to whoever is not the
 * parent. Only threads of processes that are followed are told of: the rest wakes nobody. To open it takes
 * CAP_NET_ADMIN, and CAP_BPF for the filter.
 */
#ifndef TOLLD_WATCH_EXIT_RECORDS_H
#define TOLLD_WATCH_EXIT_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct exit_records {
	int fd;	    /* of the socket; -1: it is not open, and all else does nothing */
	int map_fd; /* whom the filter lets through */
};

struct exit_record {
	pid_t pid;	/* the process */
	bool is_leader; /* its first thread has ended, else one of the others */
	bool is_last; /* all of it is dead; false where the kernel does not say so (before 5.19), too */
	bool was_alone;		    /* and it never had other threads */
	uint32_t exit_code;	    /* of the leader's own, as waitpid() gives it; else 0 */
	uint64_t peak_memory_bytes; /* of the process; 0: not known */
};

/*
 * 0 or a negative errno: this kernel has none (-ENOENT), sends none to this network namespace (-ENONET), or the rights are
 * missing (-EPERM).
 */
int exit_records_open(struct exit_records *records);
void exit_records_close(struct exit_records *records);

/* From now on its end is told. Where that fails it is not, and its pidfd will do. */
void exit_records_follow(struct exit_records *records, pid_t pid);
void exit_records_let_go(struct exit_records *records, pid_t pid);
/* -EPERM: this kernel wants CAP_BPF for what is open already, and it was given up. */
int exit_records_work(const struct exit_records *records);

/* Tells all that have come; some are lost where thousands end at once. */
void exit_records_read(struct exit_records *records,
	void (*fn)(const struct exit_record *record, void *userdata), void *userdata);

/* One message. False for what is no such record. Pure. */
bool exit_record_decode(const void *message, size_t size, struct exit_record *ret);
/* Is that how waitpid() will tell its parent that the process ended? No: it may be, or not. */
bool exit_record_tells_status(const struct exit_record *record);

#endif
