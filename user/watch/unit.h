/*
 * unit.h - what systemd says of a unit, and what that means for the service. Pure.
 *
 * Membership of the unit's control group is liveness, its main process is identity. A unit may well be
 * without a process: one that is started by a socket or a timer, or one that does a thing once.
 */
#ifndef TOLLD_WATCH_UNIT_H
#define TOLLD_WATCH_UNIT_H

#include "watch/service.h"

#define UNIT_TRIGGERS_MAX 4

/* The main process that systemd started last. */
struct unit_main {
	pid_t pid;		      /* 0: none yet */
	int64_t started_us, ended_us; /* CLOCK_MONOTONIC; ended 0: it runs */
	int code, status;	      /* as waitid() has them */
};

struct unit_facts {
	struct unit_info info;
	char *control_group; /* NULL or "": none now */
	char *program;	     /* of ExecStart=, from the heap; NULL: none, or several */
	struct unit_main main;
	int64_t active_us;	/* when it was last active; 0: never since it was loaded */
	bool conditions_failed; /* it was not started because of them */
	char *triggers[UNIT_TRIGGERS_MAX]; /* units that start it: "cups.socket" */
	size_t n_triggers;
	bool trigger_active; /* one of them is, and will start it */
};

void unit_facts_release(struct unit_facts *facts);

struct unit_verdict {
	struct standing standing;
	bool has_ended;	 /* no process belongs to it, whatever is left */
	bool is_running; /* processes of its group are the service */
	/*
	 * Somebody who named it by a pattern means it: it is or was active, and it did not end by itself
	 * with its work done.
	 */
	bool is_expected;
};

/* was_stopped: since it was last active somebody had it stopped. */
void unit_judge(const struct unit_facts *facts, bool was_stopped, struct unit_verdict *ret);

/*
 * Does the name, with ".service" or without, fit a name or a pattern of the shell's? Units that come and
 * go with logins (user@1000.service) only fit patterns that begin as they do.
 */
bool unit_is_pattern(const char *text);
bool unit_fits(const char *pattern, const char *name);
/* "nginx" as "nginx.service", from the heap. */
char *unit_full_name(const char *text);

/* As waitpid() would say how the main process ended. */
uint32_t unit_wait_status(const struct unit_main *main);
/* Is its program started by systemd itself, as its main process? Then its exec is its start. */
bool unit_starts_main(const struct unit_facts *facts);

/* Why it is down, in words, where no death says it; and what systemd adds to one. */
void unit_describe(const struct unit_info *info, struct strbuf *out);
void unit_describe_result(const struct unit_info *info, struct strbuf *out);

#endif
