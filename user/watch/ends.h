/*
 * ends.h - counts how the processes of one service ended, and how long it was down between. Pure.
 */
#ifndef TOLLD_WATCH_ENDS_H
#define TOLLD_WATCH_ENDS_H

#include "watch/watch.h"

enum end_kind {
	END_REQUESTED, /* somebody asked it to stop */
	END_SUCCESS,   /* exit(0) by itself */
	END_FAILURE,   /* another exit code */
	END_SIGNAL,
	END_OOM,
	END_UNKNOWN, /* nobody saw how */
	END_KINDS,
};

struct service_ends {
	uint64_t counts[END_KINDS];
	/* A death whose cause is not final is counted when it is: counters cannot take anything back. */
	bool pending;
	enum end_kind pending_kind;
	unsigned restarts; /* that are known of */
	bool restarted;
	int64_t down_ns; /* before its last restart: grows where somebody backs off */
};

enum end_kind end_kind_of(const struct death *death);
/* To be called for each event of the service. True where one of the figures is another one now. */
bool ends_event(struct service_ends *ends, enum service_event what, const struct service_info *info,
	int64_t now_boot_ns);

#endif
