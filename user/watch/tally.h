/*
 * tally.h - adds up what services use, pass after pass.
 *
 * Pure: readings of processes come in, totals of services go out. Whoever drives it says when a pass
 * begins, hands in parts of readings as they come, and afterwards asks for each service. A total never
 * falls: workers that end, a service that is started anew, or a reading that came too late take nothing
 * from it.
 */
#ifndef TOLLD_WATCH_TALLY_H
#define TOLLD_WATCH_TALLY_H

#include "watch/usage.h"

/* A thread that has waited for the kernel so long, without running once, is hung. */
#define HUNG_AFTER_NS (30 * 1000000000ll)

struct tally_thread {
	pid_t pid, thread; /* 0: none */
};

/* Of one service. */
struct tally_total {
	/* Totals, from the processes' own beginnings for those that were there at the first pass. */
	uint64_t cpu_ns;
	uint64_t minor_faults, major_faults;
	uint64_t read_bytes, written_bytes;
	bool has_io;

	/* As of the last pass. */
	unsigned processes, threads, hung_threads;
	unsigned standing_still;  /* of the processes */
	struct tally_thread hung; /* one of those */
	bool has_resident;
	uint64_t resident_bytes;
	/* Of that process which is nearest to its limit. */
	bool has_fds;
	uint64_t open_fds, max_fds;

	int64_t passed_boot_ns; /* when that was; 0: there was none yet */
};

struct tally_process {
	pid_t pid;
	int64_t start_boot_ns; /* 0: whichever has the number now */
};

struct tally;

int tally_new(struct tally **ret);
void tally_free(struct tally *tally);

void tally_begin(struct tally *tally, int64_t now_boot_ns);
/* A usage_fn: the tally is its userdata. */
void tally_part(const struct usage *part, void *tally);
/*
 * Instead of reading it, for one that has used so much CPU time in all, to the nanosecond: true where that is what it
 * had used at the last pass. Then it has not run, its figures are as they were, and it counts as read in this pass.
 */
bool tally_keep(struct tally *tally, const struct tally_process *process, uint64_t cpu_ns);
/*
 * Somebody else says that this thread hangs, with so many switches: from now on it does, until it is seen
 * to run. False where that is known already, or there is no room to remember it.
 */
bool tally_hang(struct tally *tally, const struct tally_thread *thread, uint64_t switches);
/* Was there a part of it since the pass began? */
bool tally_has(const struct tally *tally, const struct tally_process *process);
/* 0, or -ENOMEM where parts were left out: then no totals should be asked for. */
int tally_end(struct tally *tally);

/* After tally_end(): for how many passes it has not run, this one included; 0 where that is not known. */
uint32_t tally_rests(const struct tally *tally, const struct tally_process *process);

/*
 * After tally_end(): how it stands still. False where only the half of it is known: STOPPED by a signal, or NONE and
 * frozen all the same.
 */
bool tally_standstill(
	const struct tally *tally, const struct tally_process *process, enum standstill *ret);

/*
 * After tally_end(): what the n processes, each given once, have used since the service's last pass goes
 * to its totals. With `families` so does what those have used that forked from them.
 */
void tally_service(const struct tally *tally, const struct tally_process *processes, size_t n,
	bool families, struct tally_total *total);

/* Calls fn for each process that tally_service() would count. */
void tally_members(const struct tally *tally, const struct tally_process *processes, size_t n,
	bool families, void (*fn)(pid_t pid, void *userdata), void *userdata);

/* What a dead process had used in all is added, less what passes knew of already. */
struct tally_last {
	bool has_cpu, has_faults;
	uint64_t cpu_ns, minor_faults, major_faults;
};

void tally_died(const struct tally *tally, const struct tally_process *process,
	const struct tally_last *last, struct tally_total *total);

#endif
