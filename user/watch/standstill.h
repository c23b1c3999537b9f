/*
 * standstill.h - a process that lives and does not go on: somebody has stopped it, or frozen its control group. Pure.
 */
#ifndef TOLLD_WATCH_STANDSTILL_H
#define TOLLD_WATCH_STANDSTILL_H

#include <sys/types.h>
#include "base/strbuf.h"

enum standstill {
	STANDSTILL_NONE,
	/* By a signal: SIGSTOP, or one that a terminal sends. One that a debugger holds is none of these. */
	STANDSTILL_STOPPED,
	STANDSTILL_FROZEN, /* with its control group (version 2): `systemctl freeze`, `docker pause` */
};

/* "stopped", "frozen"; NULL for none. */
const char *standstill_name(enum standstill how);
/*
 * "its process 812 is stopped (SIGSTOP or the like)", or with 0 "all its processes are ..."; nothing is added for
 * none.
 */
void standstill_describe(enum standstill how, pid_t pid, struct strbuf *out);

#endif
