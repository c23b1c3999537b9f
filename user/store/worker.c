/*
 * worker.c - how a thread for the disk is begun, woken, heard and ended.
 */
#include "store/worker.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include "base/clock.h"

static int64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Until then, or a signal. */
static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ns)
{
	const struct timespec ts = { .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };

	pthread_cond_timedwait(cond, lock, &ts);
}

/* -- the thread's side ------------------------------------------------------------------------- */

static bool wait_for_work(struct worker *w)
{
	while (!w->job.has_work(w->job.userdata)) {
		if (w->closing)
			return false;
		pthread_cond_wait(&w->wake, &w->lock);
	}
	return !w->closing || monotonic_ns() < w->close_by_ns;
}

static void *worker_main(void *userdata)
{
	struct worker *w = userdata;

	pthread_setname_np(pthread_self(), w->job.name);
	pthread_mutex_lock(&w->lock);
	while (wait_for_work(w))
		w->job.work(w->job.userdata);
	w->stopped = true;
	pthread_cond_signal(&w->stopped_wake);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

void worker_report(struct worker *w)
{
	uint64_t one = 1;

	/* It can only fail where the counter is full, and then the loop is being woken already. */
	if (write(w->event_fd, &one, sizeof(one)) < 0)
		return;
}

void worker_rest(struct worker *w, int64_t ns)
{
	int64_t until = monotonic_ns() + ns;
	bool was_closing = w->closing;

	while (monotonic_ns() < until && w->closing == was_closing)
		wait_until(&w->wake, &w->lock, until);
}

/* -- the loop's side --------------------------------------------------------------------------- */

static int on_report(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct worker *w = userdata;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	w->job.finished(w->job.userdata);
	return 0;
}

static int start_thread(struct worker *w)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int err;

	/* Signals are for the loop, which reads them from a descriptor. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	if (w->job.stack_bytes)
		pthread_attr_setstacksize(&attr, w->job.stack_bytes);
	err = pthread_create(&w->thread, &attr, worker_main, w);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int worker_start(struct worker *worker, sd_event *event, const struct worker_job *job)
{
	pthread_condattr_t attr;
	int err;

	*worker = (struct worker){ .job = *job };
	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->wake, &attr);
	pthread_cond_init(&worker->stopped_wake, &attr);
	pthread_condattr_destroy(&attr);
	worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = worker->event_fd < 0 ? -errno : 0;
	if (!err)
		err = sd_event_add_io(
			event, &worker->source, worker->event_fd, EPOLLIN, on_report, worker);
	if (err >= 0)
		err = start_thread(worker);
	if (err) {
		worker_release(worker);
		return err;
	}
	sd_event_source_set_description(worker->source, job->name);
	return 0;
}

bool worker_stop(struct worker *worker, int64_t timeout_ms)
{
	int64_t by_ns = monotonic_ns() + timeout_ms * NSEC_PER_MSEC;
	bool stopped;

	pthread_mutex_lock(&worker->lock);
	worker->closing = true;
	worker->close_by_ns = by_ns;
	pthread_cond_signal(&worker->wake);
	/* A little more than the thread takes for itself: giving up in time is its affair. */
	while (!worker->stopped && monotonic_ns() < by_ns + NSEC_PER_SEC)
		wait_until(&worker->stopped_wake, &worker->lock, by_ns + NSEC_PER_SEC);
	stopped = worker->stopped;
	pthread_mutex_unlock(&worker->lock);
	if (stopped) {
		pthread_join(worker->thread, NULL);
	} else {
		pthread_detach(worker->thread);
		sd_event_source_disable_unref(TAKE(worker->source));
	}
	return stopped;
}

void worker_release(struct worker *worker)
{
	sd_event_source_disable_unref(worker->source);
	closep(&worker->event_fd);
	pthread_cond_destroy(&worker->wake);
	pthread_cond_destroy(&worker->stopped_wake);
	pthread_mutex_destroy(&worker->lock);
}
