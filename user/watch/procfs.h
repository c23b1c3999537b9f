/*
 * procfs.h - what /proc/PID/stat says of a process: who it is, whether it lives, how it ended.
 */
#ifndef TOLLD_WATCH_PROCFS_H
#define TOLLD_WATCH_PROCFS_H

#include <sys/types.h>
#include "watch/watch.h"

struct process_stat {
	pid_t pid;
	pid_t parent, group, session;
	char state;	  /* 'R', 'S', ..., 'Z' for a leader that has ended */
	bool exits;	  /* the leader is on its way out, or has ended */
	unsigned threads; /* of the group, with the leader, until it is reaped */
	uint64_t start_ticks;
	int64_t start_boot_ns; /* the same, to a tick (10 ms) */
	char comm[WATCH_COMM_MAX];
	/* Of all its threads, to a tick; where `threads` is 0 it is being reaped, and this is over. */
	int64_t cpu_ns;
	uint64_t minor_faults, major_faults;
	uint64_t resident_pages;
	/* As waitpid() gives it, once it is dead; 0 where reading it takes CAP_SYS_PTRACE. */
	uint32_t wait_status;
	bool tells_wait_status; /* only process_stat_read_dead() knows */
};

/*
 * 0, or -ESRCH: there is no such process, or this /proc does not show it. -EMFILE and the like: it cannot be
 * asked now.
 */
int process_stat_read(pid_t pid, struct process_stat *ret);
/* The same in its directory of /proc. */
int process_stat_read_at(int dir_fd, struct process_stat *ret);
/* The same of one thread of it; what counts for all is then the thread's own. */
int thread_stat_read(pid_t pid, pid_t thread, struct process_stat *ret);
/* Takes the text of the file. 0 or -EBADMSG. */
int process_stat_parse(const char *text, struct process_stat *ret);

/*
 * Of all its threads, dead ones too, in one system call, where /proc takes three that cost six times as much. Whoever
 * has used as much as before has not run since, and so is what it was: alive, of the same program, with the same
 * files. What others do to it need not show. 0, or -errno: nobody has that number, or it is a thread's.
 */
int process_cpu_ns(pid_t pid, uint64_t *ret);

/*
 * Is the whole group dead? A leader that called pthread_exit() is shown as a zombie while its
 * threads live on.
 */
bool process_stat_is_dead(const struct process_stat *stat);

/* By a signal, and not by a debugger. Of a leader that has ended before its threads it is not told. */
bool process_stat_is_stopped(const struct process_stat *stat);

/*
 * How a process ended that is dead and not reaped yet. 0, with tells_wait_status false where that may
 * not be read; -ESRCH where it is reaped. Before 5.17 a leader that ended before its threads shows its own code.
 */
int process_stat_read_dead(pid_t pid, uint64_t start_ticks, struct process_stat *ret);

/* Of longer command lines only this much is looked at. */
#define CMDLINE_MAX ((size_t)32 << 10)

/*
 * Adds the arguments, with a space between two. 0, -ESRCH where there is no such process or it has
 * none, as the kernel's own.
 */
int process_cmdline(pid_t pid, struct strbuf *out);

struct process;
/* Is it still there, and still the same? To a tick of its start. */
bool process_lives(const struct process *process);
/* Known not to be: where that cannot be asked now both are false. */
bool process_is_gone(const struct process *process);

/* The number that the last process or thread was given: it grows when one is made. 0: not known. */
pid_t process_last_number(void);

#endif
