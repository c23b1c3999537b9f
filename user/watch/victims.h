/*
 * victims.h - the last processes that the kernel's OOM killer ended, whoever they were, watched or not.
 *
 * In memory alone, and so only those since tolld started. The list itself knows no clock: times are the
 * caller's.
 */
#ifndef TOLLD_WATCH_VICTIMS_H
#define TOLLD_WATCH_VICTIMS_H

#include "watch/watch.h"

/* So many are remembered, and so many told. */
#define VICTIMS_MAX  16
#define VICTIMS_TOLD 5

struct victim {
	struct instant
		at; /* when it was chosen, or, by the kernel's log alone, when that was read */
	pid_t pid;
	char comm[WATCH_COMM_MAX]; /* hostile; "": not known */
	bool has_memory;
	uint64_t memory_bytes; /* that it had in RAM then */
	struct oom oom;
	char group[WATCH_GROUP_MAX]; /* where it lived; hostile; "": not known */
	uint32_t service; /* number of the one whose process it was; 0: none that is known */
};

struct victims {
	struct victim items[VICTIMS_MAX]; /* a ring */
	uint64_t n;			  /* ever */
};

void victims_add(struct victims *victims, const struct victim *victim);

/* Whose they must be, and what to call that; either may be missing. */
struct victims_filter {
	int64_t since_boot_ns;
	bool (*fits)(const struct victim *victim, void *userdata);
	/* The service's name, NULL: of none. */
	const char *(*service)(uint32_t number, void *userdata);
	void *userdata;
};

/*
 * Adds the newest ones as a sentence: "java (pid 812) of web, with 1530 MiB of memory, was killed by the kernel's
 * OOM killer (the machine was out of memory) at 2026-11-23T12:03:05Z". Nothing where there is none. Names
 * are added as they are: the sink escapes.
 */
void victims_describe(
	const struct victims *victims, const struct victims_filter *filter, struct strbuf *out);

/* Whether there is anything to be described by the next one. */
bool watch_has_victims(const struct watch *watch);
/*
 * The same of those since then, of the whole machine or of one service; or, where nobody can know them here, that.
 * A since_boot_ns of 0: however long ago.
 */
void watch_describe_victims(const struct watch *watch, const struct service *service,
	int64_t since_boot_ns, struct strbuf *out);
/*
 * After a pass over the figures: where the kernel has counted more OOM kills, looks whom they were of. From the
 * loop alone; services may be told as dead.
 */
void watch_look_for_victims(struct watch *watch);

#endif
