/*
 * worker.h - a thread that does the loop's errands on the disk, one after the other; private to store/.
 *
 * Who has errands keeps them in queues of his own, under the worker's lock.
 */
#ifndef TOLLD_STORE_WORKER_H
#define TOLLD_STORE_WORKER_H

#include <pthread.h>
#include <systemd/sd-event.h>
#include "base/util.h"

struct worker_job {
	const char *name;   /* the thread's; at most 15 characters */
	size_t stack_bytes; /* 0: the usual */
	/* On the thread, with the lock held. work() may let go of it meanwhile. */
	bool (*has_work)(void *userdata);
	void (*work)(void *userdata);
	/* On the loop, without the lock: once, or more often, after worker_report(). */
	void (*finished)(void *userdata);
	void *userdata;
};

struct worker {
	struct worker_job job;
	int event_fd;
	sd_event_source *source;
	pthread_t thread;
	pthread_mutex_t lock;	     /* over the queues, and everything below */
	pthread_cond_t wake;	     /* to the thread: work, or the end */
	pthread_cond_t stopped_wake; /* from the thread: it is over */
	bool closing, stopped;
	int64_t close_by_ns; /* CLOCK_MONOTONIC */
};

/* 0 or a negative errno, when nothing is left of it. Copies the job; neither may move afterwards. */
int worker_start(struct worker *worker, sd_event *event, const struct worker_job *job);
/* On the thread: something is finished. */
void worker_report(struct worker *worker);
/* On the thread, with the lock held: rests for so long, or until the end is wanted. */
void worker_rest(struct worker *worker, int64_t ns);
/*
 * Lets it do what is queued, for at most timeout_ms; what it has not begun then stays queued. False where the
 * thread hangs in the kernel (a dead disk) and still uses all that it was given: the process is about to end, and
 * to leave everything behind is the only thing that is safe.
 */
bool worker_stop(struct worker *worker, int64_t timeout_ms);
/* After worker_stop() said true. */
void worker_release(struct worker *worker);

#endif
