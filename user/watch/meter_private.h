/*
 * meter_private.h - what the files share that make the passes: meter.c all of it but sockets, which are meter_sockets.c.
 */
#ifndef TOLLD_WATCH_METER_PRIVATE_H
#define TOLLD_WATCH_METER_PRIVATE_H

#include "base/map.h"
#include "watch/meter.h"
#include "watch/sockets.h"

/*
 * Of those that have not run since they were read, /proc is asked so many in a pass, and no less than one in so many:
 * their memory may have been taken from them, or their limits changed. Their sockets likewise.
 */
#define RESTING_MAX   256u
#define RESTING_SHARE 8u

/* Since a pass has listed it, another process has come to be the service, or none. */
#define LEFT (-1)

enum phase { IDLE, LIST, ITERATE, READ, SOCKETS_ALL, SOCKETS_EACH, SUM, FINISH };

/* What is known of one service. */
struct measured {
	uint32_t number;
	uint32_t pass;
	struct tally_total used;
	struct group_total
		*group; /* NULL: it had no group of its own, and nobody ran out of memory */
	struct service_ends ends;
	struct instant at;
	char *group_path; /* NULL: none that is its own */
	int events_wd;	  /* of inotify, for its memory.events; 0: none */
	bool has_sockets;
	unsigned sockets, listeners;
	uint32_t sockets_pass; /* that they were counted in */
	uint32_t sockets_of;   /* so many processes */
	bool keeps_sockets;    /* in this pass: they are what they were */
	bool has_children;     /* its process had some when it was looked for them last */
	bool group_frozen;     /* when its main process had last run; where only the group tells */
	enum standstill standstill;

	/* Of the pass under way: its processes among all of them. */
	size_t first, n;
	bool families;
	pid_t main; /* 0: none; LEFT */
};

struct meter {
	struct meter_options options;
	struct figures_callbacks callbacks;
	struct tally *tally;
	struct group_roots roots;
	char *own_group;
	struct machine machine;
	struct map measured; /* by the service's number */
	sd_event_source *turn;
	int inotify_fd; /* -1: nobody tells */
	sd_event_source *inotify_source;

	enum phase phase;
	size_t cursor;
	uint32_t pass;
	int64_t begun_boot_ns, asked_boot_ns;
	int64_t spent_ns, last_spent_ns;
	bool iterated, machine_passed;
	uint32_t every;	   /* one in so many of those that have not run is read; 1: all are */
	uint64_t oom_told; /* victims that the backend told of, as of the last pass */
	struct measured **rows;
	size_t n_rows, cap_rows;
	struct tally_process *processes;
	size_t n_processes, cap_processes;
	struct group_pids pids; /* scratch */

	struct sockets sockets;
	bool counts_sockets; /* in this pass */
	size_t socket_row;   /* whose processes are looked at */
	uint32_t socket_counts;
	int64_t sockets_boot_ns, sockets_spent_ns;
};

/*
 * Until the next use of the scratch; only the first piece of a phase needs it. Without memory for all, whoever
 * is missing is read from /proc.
 */
struct usage_wanted meter_wanted(struct meter *meter);
/* To meter->pids, which is the userdata. */
void meter_add_pid(pid_t pid, void *userdata);

/* The phases, each a piece at a time; false: there is no more of it. */
bool meter_sockets_all(struct meter *meter);
bool meter_sockets_each(struct meter *meter);
/* After them, where they were counted. */
void meter_sum_sockets(struct meter *meter, struct measured *m);

#endif
