/*
 * standstill.c - what standing still is called.
 */
#include "watch/standstill.h"

const char *standstill_name(enum standstill how)
{
	static const char *const names[] = {
		[STANDSTILL_NONE] = NULL,
		[STANDSTILL_STOPPED] = "stopped",
		[STANDSTILL_FROZEN] = "frozen",
	};

	return names[how];
}

void standstill_describe(enum standstill how, pid_t pid, struct strbuf *out)
{
	/* Which of the signals that do it was sent, nobody tells. */
	if (how == STANDSTILL_STOPPED && pid)
		strbuf_addf(out, "its process %d is stopped (SIGSTOP or the like)", (int)pid);
	else if (how == STANDSTILL_STOPPED)
		strbuf_adds(out, "all its processes are stopped (SIGSTOP or the like)");
	else if (how == STANDSTILL_FROZEN)
		strbuf_adds(out, "its control group is frozen");
}
