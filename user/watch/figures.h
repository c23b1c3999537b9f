/*
 * figures.h - what services use and how they fare, in figures; and the machine they run on.
 *
 * All services are read in one pass, on demand: who wants figures asks for one now and then. A pass over
 * /proc is spread over many turns of the loop, and there is none for a while after one that was long.
 */
#ifndef TOLLD_WATCH_FIGURES_H
#define TOLLD_WATCH_FIGURES_H

#include "watch/ends.h"
#include "watch/group_total.h"
#include "watch/machine.h"
#include "watch/tally.h"

/* Not more often than that, however often somebody asks. */
#define FIGURES_EVERY_NS NSEC_PER_SEC
/* So much of one processor passes may take, as a divisor: half a percent. */
#define FIGURES_SHARE 200

struct service_figures {
	/* From the first moment, brought up to date by events: */
	const struct service_ends *ends;
	uint64_t oom_kills;
	/* As the last pass found it: */
	bool passed;
	struct instant at;
	const struct tally_total *used;
	enum standstill standstill;	 /* of its main process; without one, of all that it has */
	const struct group_total *group; /* NULL: it has none of its own */
	/* Missing where looking would cost too much: very many descriptors are open. */
	bool has_sockets;
	unsigned sockets;
	unsigned listeners; /* TCP; one that several processes share counts once */
};

void service_figures(const struct service *service, struct service_figures *ret);

/* Of its main process just now, which is read for it: what the last pass found is in the figures. */
enum standstill service_standstill_now(const struct service *service);

struct machine_figures {
	bool passed;
	const struct machine *machine;
	uint64_t passes;
	int64_t pass_ns; /* CPU time that the last one took */
};

void watch_machine(const struct watch *watch, struct machine_figures *ret);

struct figures_callbacks {
	/* A pass is over. */
	void (*passed)(void *userdata);
	/*
	 * A group met a limit of its memory, and that cost a process: service_figures() knows. At once where
	 * inotify tells of it, else found by a pass.
	 */
	void (*oom_killed)(struct service *service, void *userdata);
	/*
	 * Threads of it hang, where none did, or none does any more: service_figures() knows. At once where
	 * the kernel tells of it, else found by a pass.
	 */
	void (*hung)(struct service *service, void *userdata);
	/* It stands still in another way than before, or goes on: found by a pass. */
	void (*stood_still)(struct service *service, void *userdata);
	void *userdata;
};

void watch_set_figures_callbacks(struct watch *watch, const struct figures_callbacks *callbacks);

/* A resync that would come within `ahead_ns` comes in the next turn of the loop: it shares a wake-up. */
void watch_hasten_resync(struct watch *watch, struct instant now, int64_t ahead_ns);

/*
 * Begins a pass, unless one is under way or has just been; `passed` comes from the loop. What of it can be
 * done at once, within `budget_ns`, is done on return. False where there is none: figures stay as old
 * as they are.
 */
bool watch_measure(struct watch *watch, int64_t budget_ns);

/*
 * The same for somebody who asks again and again: there is none where the last one is younger than their
 * last question. So who asks as often as samples are taken costs no pass of his own.
 */
bool watch_measure_on_request(struct watch *watch, int64_t budget_ns);

#endif
