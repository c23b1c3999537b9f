/*
 * procfs.h - what /proc/PID/stat says of a process: who it is, whether it lives, how it ended.
 */
#ifndef TOLLD_WATCH_PROCFS_H
#define TOLLD_WATCH_PROCFS_H

#include <sys/types.h>
#include "watch/watch.h"

struct process_stat {
	pid_t pid;
	pid_t parent;
	char state;	  /* 'R', 'S', ..., 'Z' for a leader that has ended */
	unsigned threads; /* of the group, with the leader, until it is reaped */
	uint64_t start_ticks;
	int64_t start_boot_ns; /* the same, to a tick (10 ms) */
	char comm[WATCH_COMM_MAX];
	/* As waitpid() gives it, once it is dead; 0 where reading it takes CAP_SYS_PTRACE. */
	uint32_t wait_status;
};

/* 0, or -ESRCH: there is no such process, or this /proc does not show it. */
int process_stat_read(pid_t pid, struct process_stat *ret);
/* Takes the text of the file. 0 or -EBADMSG. */
int process_stat_parse(const char *text, struct process_stat *ret);

/*
 * Is the whole group dead? A leader that called pthread_exit() is shown as a zombie while its
 * threads live on.
 */
bool process_stat_is_dead(const struct process_stat *stat);

/*
 * How a process ended that is dead and not reaped yet. 0, -ESRCH where it is reaped, -EACCES where
 * this may not be read. Before 5.17 a leader that ended before its threads shows its own code.
 */
int process_stat_read_dead(pid_t pid, uint64_t start_ticks, struct process_stat *ret);

#endif
