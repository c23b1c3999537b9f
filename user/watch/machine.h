/*
 * machine.h - how the machine as a whole fares: pressure, OOM kills, tasks that come and go.
 */
#ifndef TOLLD_WATCH_MACHINE_H
#define TOLLD_WATCH_MACHINE_H

#include "watch/pressure.h"

/* Totals are since it started. */
struct machine {
	/* Why it does not tell of pressure: 0, -ENOENT (built without), -EOPNOTSUPP (psi=1 is missing). */
	int pressure_err;
	struct pressure pressure[PRESSURE_RESOURCES];
	bool has_oom_kills; /* since 4.13 */
	uint64_t oom_kills;
	/* Tasks: processes and threads, the kernel's own included. */
	bool has_forks, has_exits;
	uint64_t forks, exits;
};

/* `ret` holds what the last reading said, or zeros: no total ever falls. */
void machine_read(struct machine *ret);
/* How many the OOM killer ended, for which the kernel writes a page of text: /proc/vmstat. */
void machine_read_oom_kills(struct machine *ret);

/*
 * Takes the texts of /proc/stat and /proc/loadavg. The kernel counts forks, and who lives: the
 * difference has ended. As the two are not read at one instant, it may be one too small for a while.
 */
void machine_parse_tasks(const char *stat, const char *loadavg, struct machine *ret);

#endif
