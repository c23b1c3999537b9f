/*
 * map.h - the maps that both sides share and that `bpftool map dump pinned` shows.
 *
 * Fields and enumerators are named so that a dump reads as sentences. Fixed width and fixed places,
 * as in event.h.
 */
#ifndef TOLLD_MAP_H
#define TOLLD_MAP_H

#include "tolld/event.h"

#define TOLLD_NAME_MAX	64
#define TOLLD_CAUSE_MAX 160
/* Room for ten thousand services; entries are made as they are needed, a bucket takes 16 bytes. */
#define TOLLD_PROCESSES 32768 /* watched processes and their forked children */
#define TOLLD_PORTS	16384
#define TOLLD_PROGRAMS	32768
#define TOLLD_SERVICES	16384
/* All of it is resident, twice: it is mapped two times over, so that records need not be split. */
#define TOLLD_RING_BYTES (128 * 1024)

/* A power of two; one page has a thousand numbers in a row. */
#define TOLLD_PLACES 16384

/*
 * tolld_may_be: how many entries of tolld_watch have a pid of this place; where that is 0 nobody needs to
 * look for one. A look-up in a cold table costs five times what this does, as numbers are given in a row.
 * Raised before an entry is made and lowered after it was deleted, by whoever does that.
 */
struct tolld_may_be {
	__u32 watched[TOLLD_PLACES];
};

static inline __attribute__((always_inline)) __u32 *tolld_place(
	struct tolld_may_be *may_be, __u32 pid)
{
	return &may_be->watched[pid & (TOLLD_PLACES - 1)];
}

enum process_role {
	IS_WATCHED = 1,
	/* Forked from a watched process and not yet another program: it may own the same sockets. */
	INHERITED_FROM_WATCHED = 2,
};

struct process_key {
	__u32 pid;
};

/*
 * tolld_watch, pinned as `processes`: who is watched, which every program asks first. Deleting the
 * entry is what makes a death be told once.
 */
struct watched_process {
	char service[TOLLD_NAME_MAX]; /* one of them, where it serves several ports */
	enum process_role role;
	__u32 family_pid; /* the first watched process that it descends from; its own if it is one */
	__u64 start_boottime_ns;	       /* 0: not known yet, whichever process has the pid */
	__u64 forked;			       /* children since it is watched */
	struct tolld_signal last_stop_request; /* TERM, INT, QUIT, HUP: it may obey by exiting */
	struct tolld_signal last_fatal_signal;
	/* What its threads had used that are no more. */
	__u64 ended_threads_cpu_ns;
	__u64 ended_threads_minor_faults;
	__u64 ended_threads_major_faults;
	__u32 threads_ended_with_it; /* since all of it was told to end */
	/* Where no iterator tells it: those that had ended before it was watched are in the sums. */
	__u32 knows_earlier_threads;
};

_Static_assert(sizeof(struct watched_process) == 200, "shared layout");

/* tolld_followed: of whose threads' ends the kernel's records are read, where it takes no tracing programs. */
struct followed_process {
	__u8 is_followed;
};

struct port_key {
	__u16 port;
};

/* tolld_ports, pinned as `ports`: whose listeners are told. */
struct watched_port {
	char service[TOLLD_NAME_MAX];
};

/*
 * tolld_programs, pinned as `programs`: what is looked for among the programs that start. By the name
 * that the process gets, by the inode of the file, or with neither: every program.
 */
struct program_key {
	__u64 inode;
	__u32 parent_pid; /* 1: only where process 1 starts it; 0: whoever does */
	__u32 unused;
	char name[TOLLD_COMM_MAX];
};

_Static_assert(sizeof(struct program_key) == 32, "shared layout");

struct wanted_program {
	char service[TOLLD_NAME_MAX]; /* one of them */
};

/*
 * Of starts that are looked for only so many are told in a second: user space looks at all processes
 * where there were more. By far most of those that match no name or inode are none of ours.
 */
#define TOLLD_STARTS_BY_NAME 1024
#define TOLLD_STARTS_AT_ALL  256
/* So many threads that hang are told of in a second. */
#define TOLLD_HANGS 256

enum service_condition {
	NOT_KNOWN,
	DOWN,
	UP,
};

struct service_key {
	__u32 service;
};

/* tolld_services, pinned as `services`: written by user space, for people to read. */
struct service_record {
	char name[TOLLD_NAME_MAX];
	char watches[TOLLD_NAME_MAX]; /* "listen 127.0.0.1:9100" */
	enum service_condition is;
	__u32 pid; /* 0: none */
	char comm[TOLLD_COMM_MAX];
	__u64 start_boottime_ns; /* of the process */
	__u64 since_boottime_ns; /* when `is` became so */
	__u32 deaths;
	__u32 restarts;
	char last_death[TOLLD_CAUSE_MAX]; /* "killed by SIGKILL from bash (pid 812, uid 0) ..." */
};

_Static_assert(sizeof(struct service_record) == 336, "shared layout");

/* tolld_counts: one for each CPU. */
struct event_counts {
	__u64 told[TOLLD_EVENT_TYPES];
	__u64 lost[TOLLD_EVENT_TYPES];
	__u64 starts_not_told; /* beyond what is told in a second */
	__u64 block_errors;    /* requests to disks that failed */
};

#endif
