/*
 * oomlog.h - whom the OOM killer ended and whose memory was out, as the kernel's log says it.
 *
 * Read when somebody has died, not as it grows: a log that is busy wakes nobody.
 */
#ifndef TOLLD_WATCH_OOMLOG_H
#define TOLLD_WATCH_OOMLOG_H

#include "watch/watch.h"

#define OOMLOG_KILLS 32

struct oom_kill {
	pid_t thread; /* 0: none */
	struct oom oom;
	char group[WATCH_GROUP_MAX]; /* where it lived; hostile; "": the log does not say it */
	char comm[WATCH_COMM_MAX];   /* hostile; only where it is done, as its memory */
	bool has_memory;
	uint64_t memory_bytes; /* that it had in RAM */
};

struct oomlog {
	int fd;				     /* -1: the log may not be read */
	struct oom_kill announced;	     /* it is chosen, and killed next */
	struct oom_kill kills[OOMLOG_KILLS]; /* the last ones, in a ring */
	size_t n_kills;			     /* ever */
	/* A group dies as a whole: whoever is killed by then dies for the same reason. */
	struct oom shared;
	uint64_t shared_until_us; /* of the log's time */
};

/* From the end of the log on. A negative errno where it may not be read; then all else finds nothing. */
int oomlog_open(struct oomlog *log);
void oomlog_close(struct oomlog *log);
/* Calls on_kill, which may be missing, for each kill since the last call. */
void oomlog_read(struct oomlog *log, void (*on_kill)(const struct oom_kill *kill, void *userdata),
	void *userdata);
/* What the log says by now of how the OOM killer took this one; borrowed until more is read. NULL: nothing. */
const struct oom_kill *oomlog_find(const struct oomlog *log, pid_t thread);
/* One record, NUL-terminated. The kill that it tells of; NULL: of none. */
const struct oom_kill *oomlog_take(struct oomlog *log, const char *record);

#endif
