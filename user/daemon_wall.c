/*
 * daemon_wall.c - the wall clock: a start behind the samples that are there, and jumps.
 *
 * A machine without a clock of its own starts at the time of its last orderly end, at that of some file, or in
 * 1970. Samples on the disk are then newer than now, new ones would be refused, and rules would see what
 * was true then. Time goes on from the newest sample instead, until the clock is set beyond it or is said to
 * be synchronized.
 */
#include "daemon_private.h"

#include <errno.h>
#include <sys/timerfd.h>
#include "model/duration.h"
#include "model/timestamp.h"

/* NTP slews by less than this between two looks; more is a jump. */
#define JUMP_MS 1000

/* The newest time after `after_ms` that tolld itself gave a sample: others may come with times of their own. */
static int newest_own(struct tsdb *db, int64_t after_ms, int64_t *ret)
{
	scoped(matcher_freep) struct matcher *up = NULL;
	struct tsdb_selection found = { 0 };
	struct sample sample;
	struct series_iter it;
	char error[100];
	int err = matcher_new(MATCH_EQUAL, LABEL_NAME, "up", &up, error, sizeof(error));

	*ret = after_ms;
	if (!err)
		err = tsdb_select(db, (const struct matcher *const[]){ up }, 1, after_ms + 1,
			INT64_MAX, &found);
	for (size_t i = 0; i < found.n; i++) {
		if (series_last(found.series[i], &sample)) {
			*ret = MAX(*ret, sample.wall_ms);
			continue;
		}
		series_iter_init(&it, found.series[i], after_ms + 1, INT64_MAX);
		while (series_iter_next(&it, &sample))
			*ret = MAX(*ret, sample.wall_ms);
		series_iter_release(&it);
	}
	tsdb_selection_release(&found);
	return err;
}

static void add_duration(struct strbuf *out, int64_t ms)
{
	duration_format(out, ms - ms % 1000);
}

int wall_meet_samples(struct daemon *d)
{
	struct strbuf newest = STRBUF_INIT, by = STRBUF_INIT;
	int64_t system_ms = clock_system_ms(), newest_ms;
	int err = newest_own(d->db, system_ms, &newest_ms);

	if (err || newest_ms - system_ms < JUMP_MS)
		return err;
	timestamp_format_local(&newest, newest_ms);
	add_duration(&by, newest_ms - system_ms);
	if (clock_is_behind(system_ms, newest_ms, clock_synchronized())) {
		clock_hold(newest_ms + 1);
		log_warn(
			"the clock is %s behind the newest samples, of %s: time goes on from there "
			"until it is set or synchronized",
			by.s, newest.s);
	} else {
		log_warn(
			"samples are up to %s ahead of the clock, which is synchronized: those from "
			"the future, up to %s, are dropped",
			by.s, newest.s);
		tsdb_rewind(d->db, system_ms);
	}
	d->started = clock_now();
	strbuf_release(&newest);
	strbuf_release(&by);
	return 0;
}

static int64_t skew_ms(struct instant now)
{
	return now.wall_ms - now.boot_ns / NSEC_PER_MSEC;
}

static void jumped(struct daemon *d, int64_t by_ms, struct instant now)
{
	log_warn("the wall clock was set %s by %lld ms; what lasts keeps its true age",
		by_ms > 0 ? "forward" : "back", (long long)llabs(by_ms));
	/* Samples from a future that is not any more would refuse all that comes until then. */
	if (by_ms < 0)
		tsdb_rewind(d->db, now.wall_ms);
	history_wall_jumped(d->history, by_ms, now);
	rules_wall_jumped(d->rules, by_ms, now);
	notify_step(d->notify, now);
	services_wall_jumped(d, now);
	figures_wall_jumped(d, now);
	/* Samples from before the jump are out of sight: new ones, at the new time, come at once. */
	for (size_t i = 0; i < scrape_targets(d->scrape); i++)
		target_trigger(scrape_target(d->scrape, i));
}

static void look(struct daemon *d)
{
	struct instant now = clock_now();
	int64_t by_ms;

	/* Whoever set it may know no better, as a script at boot: it is held as long as it is behind. */
	if (clock_is_held() &&
		!clock_is_behind(clock_system_ms(), now.wall_ms, clock_synchronized())) {
		clock_release();
		now = clock_now();
	}
	by_ms = skew_ms(now) - d->skew_ms;
	d->skew_ms += by_ms;
	if (llabs(by_ms) >= JUMP_MS)
		jumped(d, by_ms, now);
}

void wall_check(struct daemon *d)
{
	/* Synchronizing it need not set it. */
	if (clock_is_held())
		look(d);
}

static int arm_clock(struct daemon *d)
{
	/* Far away: it is only here to be cancelled. */
	struct itimerspec spec = { .it_value.tv_sec = (time_t)INT32_MAX };

	return timerfd_settime(
		       d->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL) < 0
		       ? -errno
		       : 0;
}

static int on_clock_set(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;
	uint64_t expirations;

	/* Read or not, it must be armed again: the descriptor stays readable otherwise. */
	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno != ECANCELED &&
		errno != EAGAIN)
		log_warn("cannot read the clock's timer: %s", strerror(errno));
	arm_clock(d);
	look(d);
	return 0;
}

int wall_start(struct daemon *d)
{
	int err;

	d->skew_ms = skew_ms(clock_now());
	d->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->clock_fd < 0)
		return -errno;
	err = arm_clock(d);
	if (!err)
		err = sd_event_add_io(
			d->event, &d->clock_source, d->clock_fd, EPOLLIN, on_clock_set, d);
	return err < 0 ? err : 0;
}

void wall_stop(struct daemon *d)
{
	sd_event_source_disable_unref(d->clock_source);
	closep(&d->clock_fd);
}
