/*
 * limits.h - whose memory was out when the OOM killer came, as the counters of control groups say it.
 *
 * For where the kernel's log may not be read. A group whose limit is met counts that in memory.events.local
 * ("oom") before anybody is killed for it; what it had counted before has to be known. Where no group with a
 * limit has counted anything it was the machine. It says nothing rather than something that may be wrong.
 * Version 2 of control groups alone.
 */
#ifndef TOLLD_WATCH_LIMITS_H
#define TOLLD_WATCH_LIMITS_H

#include "watch/group.h"
#include "watch/watch.h"

struct limits;

/* One that was there when others had gone by is forgotten. */
#define LIMITS_MAX 16384

struct limits_options {
	struct group_roots roots;
	const char *nodes; /* the file that names the machine's memory nodes; NULL: the kernel's */
};

int limits_new(const struct limits_options *options, struct limits **ret);
void limits_free(struct limits *limits);
DEFINE_FREEP(limits)

/* A service lives in this group ("/system.slice/web.service"): to be said before anybody is killed in it. */
void limits_know(struct limits *limits, const char *path);
/* Somebody in this group was chosen by the OOM killer just now. False: whose memory was out is not known. */
bool limits_judge(struct limits *limits, const char *path, struct oom *ret);

#endif
