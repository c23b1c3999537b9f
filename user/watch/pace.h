/*
 * pace.h - how often all processes are looked at where nobody tells that a program started. Pure.
 *
 * Twice a second, as long as processes are made at all; soon after something died, since what dies
 * is mostly started again; and never more than a fiftieth of one processor, however many there are.
 */
#ifndef TOLLD_WATCH_PACE_H
#define TOLLD_WATCH_PACE_H

#include <sys/types.h>
#include "base/clock.h"
#include "base/util.h"

#define PACE_REST_NS (500 * NSEC_PER_MSEC)
/* Where programs are told of, too, what dies is looked for: for so long. */
#define PACE_HASTE_ENDS_NS (2 * NSEC_PER_SEC)

struct pace {
	bool is_told;	       /* of programs that start: then there is no rest to be disturbed */
	int64_t died_boot_ns;  /* something did */
	int64_t cost_ns;       /* of the last look */
	int64_t ended_boot_ns; /* the last look */
	pid_t last_number;     /* that a process was given, when asked last */
	bool is_quiet;	       /* and it was the same the time before */
};

/* When to look next; BOOT_NS_NEVER: not by itself. */
int64_t pace_next(const struct pace *pace);
/*
 * It is time: is there anything to see? `last_number` is that of the newest process. Whoever was made
 * becomes another program only some time later, so a new number is looked at twice.
 */
bool pace_is_needed(struct pace *pace, pid_t last_number);
void pace_looked(struct pace *pace, int64_t began_boot_ns, int64_t ended_boot_ns);

#endif
