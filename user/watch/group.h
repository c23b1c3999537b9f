/*
 * group.h - what a control group (cgroup) uses and where its limits were met: memory, CPU, tasks, pressure.
 *
 * Version 2 where a controller is there, else version 1, which knows less. What is not known is left out.
 * Paths are those of cgroup.h.
 */
#ifndef TOLLD_WATCH_GROUP_H
#define TOLLD_WATCH_GROUP_H

#include "base/strbuf.h"
#include "watch/pressure.h"

/* Where the hierarchies are mounted; "" where there is none. */
struct group_roots {
	char unified[64];
	char named[64]; /* of version 1, where systemd keeps its units */
	char memory[64], cpu[64], cpuacct[64], pids[64];
};

/* From /proc/self/mountinfo. */
void group_roots_find(struct group_roots *ret);
/* Takes its text. */
void group_roots_parse(const char *mountinfo, struct group_roots *ret);

/* One figure each: `has` holds their bits. */
enum group_figure {
	GROUP_MEMORY,	  /* bytes, page cache included */
	GROUP_MEMORY_MAX, /* absent: no limit */
	GROUP_MEMORY_PEAK,
	GROUP_MEMORY_INACTIVE, /* of the page cache what nobody used lately: the first to be given up */
	GROUP_HIGH_EVENTS,     /* times it was slowed down at memory.high */
	GROUP_MAX_EVENTS,      /* times it was about to pass memory.max */
	GROUP_OOM_EVENTS,      /* times its memory was out */
	GROUP_OOM_KILLS,       /* processes of it that any OOM killer ended */
	GROUP_CPU_NS,
	GROUP_CPU_PERIODS, /* in which its quota held */
	GROUP_THROTTLED_PERIODS,
	GROUP_THROTTLED_NS,
	GROUP_TASKS,
	GROUP_TASKS_MAX, /* absent: no limit */
	GROUP_FIGURES,
};

struct group_usage {
	uint64_t id; /* another one: the group was made anew, under the same path */
	uint32_t has;
	uint64_t figures[GROUP_FIGURES];
	struct pressure pressure[PRESSURE_RESOURCES];
};

static inline bool group_has(const struct group_usage *usage, enum group_figure figure)
{
	return usage->has & 1u << figure;
}

/* Of those figures that only grow, the ones that a limit makes grow. */
static inline bool group_is_event(enum group_figure figure)
{
	return figure >= GROUP_HIGH_EVENTS && figure <= GROUP_OOM_KILLS;
}

/* -ENOENT: there is no such group in any hierarchy. */
int group_read(const struct group_roots *roots, const char *path, struct group_usage *ret);
/* Only the figures from HIGH_EVENTS to OOM_KILLS: what inotify tells changes of. */
int group_read_events(const struct group_roots *roots, const char *path, struct group_usage *ret);
/* Adds the path of the file that changes with them. -ENOENT where there is none that tells. */
int group_events_path(const struct group_roots *roots, const char *path, struct strbuf *out);

/* By whoever froze it, or a group above it. False where that is not known, as of version 1. */
bool group_is_frozen(const struct group_roots *roots, const char *path);

/* Adds the processes of the group and of those below it to an array of the caller's; -ENOENT. */
struct group_pids {
	pid_t *items;
	size_t n, cap;
};

int group_list(const struct group_roots *roots, const char *path, struct group_pids *out);

/*
 * Is everything in this group the service's own? Not in the root, a slice, a login session, or where
 * `own`, the group of this process, is.
 */
bool group_is_exclusive(const char *path, const char *own);

#endif
