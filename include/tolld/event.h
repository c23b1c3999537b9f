/*
 * event.h - what the kernel programs tell user space, byte by byte.
 *
 * Included by both sides, so every field has a fixed width and a fixed place on every architecture.
 * All times are nanoseconds of CLOCK_BOOTTIME. Names (comm) are what processes call themselves:
 * NUL-terminated, but hostile.
 */
#ifndef TOLLD_EVENT_H
#define TOLLD_EVENT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define TOLLD_COMM_MAX 16

/* Also the index into what is counted: append only. */
enum tolld_event_type {
	TOLLD_EXIT,   /* a watched process is dead, all of its threads */
	TOLLD_EXEC,   /* a watched process runs another program now */
	TOLLD_SIGNAL, /* a signal that can end it was sent to a watched process */
	TOLLD_OOM,    /* the OOM killer chose a process, watched or not */
	TOLLD_LISTEN, /* a TCP listener came to or went from a watched port */
	TOLLD_HANG,   /* a thread, watched or not, has waited for the kernel for too long */
	TOLLD_EVENT_TYPES,
};

/* How every event begins. Pid and start together say which process it is; pids come again. */
struct tolld_event {
	__u32 type;		 /* enum tolld_event_type */
	__u32 pid;		 /* the process (tgid) in the first pid namespace */
	__u64 start_boottime_ns; /* when the process was made; 0: not known */
	__u64 at_boottime_ns;
};

_Static_assert(sizeof(struct tolld_event) == 24, "shared layout");

enum tolld_sender {
	NOBODY_KNOWN,
	SENT_BY_A_PROCESS,
	SENT_BY_THE_KERNEL, /* a fault of the process itself, a timer, a terminal, the OOM killer */
};

/* One signal on its way to a process. Fields are named for those who read a map dump. */
struct tolld_signal {
	__s32 signal; /* 0: there was none */
	enum tolld_sender sender;
	__u32 sender_pid;
	__u32 sender_uid;
	char sender_comm[TOLLD_COMM_MAX];
	__u64 at_boottime_ns;
};

_Static_assert(sizeof(struct tolld_signal) == 40, "shared layout");

struct tolld_exit_event {
	struct tolld_event event;
	__u32 wait_status; /* as waitpid() would give it */
	__u32 forked;	   /* children it had forked that may have inherited its sockets */
	__u32 family_pid;  /* of the first watched process that it descends from */
	__u32 threads;	   /* that ended together */
	__u64 peak_rss_pages;
	__u64 cpu_ns; /* of all its threads, ever; to a tick of the scheduler */
	__u64 minor_faults;
	__u64 major_faults;
	char comm[TOLLD_COMM_MAX];
	struct tolld_signal fatal_signal; /* the one in wait_status; .signal 0: nobody saw it */
	struct tolld_signal stop_request; /* the last that asked it to end; .signal 0: none */
};

_Static_assert(sizeof(struct tolld_exit_event) == 168, "shared layout");

struct tolld_exec_event {
	struct tolld_event event;
	char comm[TOLLD_COMM_MAX];
	__u64 inode; /* of the program's file, or of the interpreter's */
	__u32 parent_pid;
	__u32 was_looked_for; /* it was not watched before, but is now: a program that somebody looks for */
};

_Static_assert(sizeof(struct tolld_exec_event) == 56, "shared layout");

struct tolld_signal_event {
	struct tolld_event event;
	struct tolld_signal signal;
};

_Static_assert(sizeof(struct tolld_signal_event) == 64, "shared layout");

/* event.pid is the victim's process where the kernel gives it, else 0; thread is always known. */
struct tolld_oom_event {
	struct tolld_event event;
	__u32 thread;
	__u32 unused;
	__s64 resident_pages;	   /* of its memory; negative: not known */
	char comm[TOLLD_COMM_MAX]; /* "": not known */
};

_Static_assert(sizeof(struct tolld_oom_event) == 56, "shared layout");

/* event.pid: who opened it; for a close, who was running then, which need not be an owner. */
struct tolld_listen_event {
	struct tolld_event event;
	__u64 cookie;	  /* of the socket, the same that sock_diag shows; 0: not known */
	__u8 address[16]; /* IPv6, or IPv4 in the first four bytes */
	__u16 port;	  /* host byte order */
	__u8 ipv6;	  /* 1: address is IPv6 */
	__u8 ipv6_only;	  /* 1: takes no IPv4 connections */
	__u8 opened;	  /* 1: it listens from now on; 0: no more */
	__u8 unused[3];
	char comm[TOLLD_COMM_MAX];
};

_Static_assert(sizeof(struct tolld_listen_event) == 72, "shared layout");

/* event.pid is the thread's process. Told again and again while it waits, by kernels that look for such. */
struct tolld_hang_event {
	struct tolld_event event;
	__u32 thread;
	__u32 family_pid; /* of the first watched process that it descends from; 0: none that is known */
	__u64 switches; /* times that it gave a CPU back: while it hangs they stay */
	char comm[TOLLD_COMM_MAX];
};

_Static_assert(sizeof(struct tolld_hang_event) == 56, "shared layout");

/* One record of the task iterator: a watched process that lives. */
struct tolld_living {
	__u32 pid;
	__u32 unused;
	__u64 start_boottime_ns;
	char comm[TOLLD_COMM_MAX];
};

_Static_assert(sizeof(struct tolld_living) == 32, "shared layout");

#endif
