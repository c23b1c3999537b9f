/*
 * daemon_loop.c - steps the state machines when they are due: one timer for the earliest deadline,
 * and one look after each turn of the loop, because an event may have made something due at once.
 */
#include "daemon_private.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <sys/syscall.h>
#include "base/pages.h"

/* A step that makes the next one due again and again must not keep the loop from its other work. */
#define MAX_STEPS_PER_TURN 16
/* While there is something to do, and at rest, where each wake-up is a good part of what tolld costs. */
#define HOUSEKEEPING_BUSY_NS (10 * NSEC_PER_SEC)
#define HOUSEKEEPING_REST_NS (60 * NSEC_PER_SEC)
/* So late it may be: then it shares a wake-up with others that do not mind either. */
#define HOUSEKEEPING_SLACK_USEC 5000000
#define EXPIRE_BUDGET_SERIES	2000
#define TRIM_AFTER_ROWS		20000
/* The shortest that may be asked for; a scrape that proves a death takes about twice as long. */
#define TURN_NS (100 * NSEC_PER_USEC)
/*
 * Where many services make an evaluation take this long, events wait for their turn: so many times as long
 * as the last one took. When thousands die at once, their deaths are noted between evaluations.
 */
#define LONG_EVALUATION_NS (500 * NSEC_PER_USEC)
#define EVALUATION_RESTS   3
/* Nothing lasts for so long, and sd-event takes no "never". */
#define FAR_AWAY_NS (24 * 3600 * NSEC_PER_SEC)

static int64_t rules_due(const struct daemon *d)
{
	int64_t due = rules_deadline(d->rules), timed = rules_timed_deadline(d->rules);

	return due ? due : MIN(timed, d->rules_rest_boot_ns);
}

/* Of what wants its turn at once; samples can wait for the next one. */
static int64_t earliest(const struct daemon *d)
{
	int64_t rules = rules_due(d), notify = notify_deadline(d->notify);

	return MIN(rules, notify);
}

static void step_rules(struct daemon *d, struct instant now)
{
	int64_t took_ns;

	rules_step(d->rules, now);
	took_ns = clock_boot_ns() - now.boot_ns;
	if (took_ns >= LONG_EVALUATION_NS)
		d->rules_rest_boot_ns = now.boot_ns + (1 + EVALUATION_RESTS) * took_ns;
}

/* Alerts from before the restart that no rule confirmed are over, once all rules had their say. */
static void settle(struct daemon *d, struct instant now)
{
	bool missing = false;

	if (d->settled)
		return;
	for (size_t i = 0; i < scrape_targets(d->scrape) && !missing; i++) {
		struct target_info info;

		target_info(scrape_target(d->scrape, i), &info);
		missing = info.up < 0;
	}
	rules_hold(d->rules, missing);
	if (missing || !rules_settled(d->rules))
		return;
	d->settled = true;
	notify_confirm_restored(d->notify, now);
	/* Loading the programs took megabytes, and half of all code was for the start alone. */
	pages_give_back();
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	/* It only ends the wait: the step that follows each event does the work. */
	d->armed_boot_ns = 0;
	return 0;
}

static void arm(struct daemon *d, int64_t due_boot_ns, struct instant now)
{
	if (d->armed_boot_ns == due_boot_ns)
		return;
	d->armed_boot_ns = due_boot_ns;
	due_boot_ns = MIN(due_boot_ns, now.boot_ns + FAR_AWAY_NS);
	sd_event_source_set_time(d->timer, (uint64_t)(due_boot_ns / NSEC_PER_USEC + 1));
	sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
}

static void step(struct daemon *d)
{
	struct instant now = clock_now();

	for (int i = 0; i < MAX_STEPS_PER_TURN && earliest(d) <= now.boot_ns; i++) {
		if (rules_due(d) <= now.boot_ns)
			step_rules(d, now);
		settle(d, now);
		if (notify_deadline(d->notify) <= now.boot_ns)
			notify_step(d->notify, now);
		now = clock_now();
	}
	/* Alarms first, and of this little at a time: a block is long. */
	if (tsdb_deadline(d->db) <= now.boot_ns)
		tsdb_step(d->db, now);
	arm(d, MIN(earliest(d), tsdb_deadline(d->db)), now);
}

/* After a flood of rows: what they took while they waited for the disk goes back to the kernel. */
static void give_back_memory(struct daemon *d)
{
	struct store_status status;

	store_status(d->store, &status);
	if (status.queued || status.written - d->written_when_trimmed < TRIM_AFTER_ROWS)
		return;
	d->written_when_trimmed = status.written;
	malloc_trim(0);
}

static int on_housekeeping(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	struct instant now = clock_now();
	bool busy = tsdb_expire(d->db, now.wall_ms, EXPIRE_BUDGET_SERIES);

	settle(d, now);
	wall_check(d);
	full_check(d);
	alarms_mend(d);
	past_meet(d);
	history_expire(d->history, now);
	give_back_memory(d);
	busy |= !d->settled || d->rows_lost || d->disk_full || clock_is_held();
	now.boot_ns += busy ? HOUSEKEEPING_BUSY_NS : HOUSEKEEPING_REST_NS;
	sd_event_source_set_time(source, (uint64_t)(now.boot_ns / NSEC_PER_USEC));
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* What sd_event_loop() does, with an eye on the time: while one event is dealt with, the next one waits. */
int loop_run(struct daemon *d)
{
	int code;

	while (sd_event_get_state(d->event) != SD_EVENT_FINISHED) {
		int64_t began_ns;
		int r = sd_event_prepare(d->event);

		if (r == 0)
			r = sd_event_wait(d->event, UINT64_MAX);
		began_ns = clock_boot_ns();
		if (r > 0)
			r = sd_event_dispatch(d->event);
		if (r < 0)
			return r;
		/* A post source of sd-event's would do the same, and turn the loop once more each time. */
		if (!d->stopping)
			step(d);
		past_keep(d);
		histogram_observe(&d->turns_s, (double)(clock_boot_ns() - began_ns) / NSEC_PER_SEC);
	}
	return sd_event_get_exit_code(d->event, &code) < 0 ? -EIO : code;
}

/*
 * Short turns on the processor, and so an early one after an event: since 6.12 the scheduler lets who asks
 * for less at a time go before those who run for long. It takes no right and gives no larger share; older
 * kernels pass over it.
 */
static void ask_for_short_turns(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime_ns, deadline_ns, period_ns;
	} attr = { 0 };

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0 || attr.policy != SCHED_OTHER)
		return;
	attr.runtime_ns = TURN_NS;
	syscall(SYS_sched_setattr, 0, &attr, 0);
}

int loop_start(struct daemon *d)
{
	static const double bounds_s[] = { 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3,
		1 };
	struct instant now = clock_now();
	int err;

	d->turns_s = (struct histogram){ .bounds = bounds_s, .n = ARRAY_SIZE(bounds_s) };
	ask_for_short_turns();
	err = sd_event_add_time(d->event, &d->timer, CLOCK_BOOTTIME,
		(uint64_t)(now.boot_ns / NSEC_PER_USEC), 1, on_timer, d);
	if (err >= 0)
		err = sd_event_add_time(d->event, &d->housekeeping, CLOCK_BOOTTIME,
			(uint64_t)((now.boot_ns + HOUSEKEEPING_BUSY_NS) / NSEC_PER_USEC),
			HOUSEKEEPING_SLACK_USEC, on_housekeeping, d);
	return err < 0 ? err : wall_start(d);
}

void loop_stop(struct daemon *d)
{
	wall_stop(d);
	sd_event_source_disable_unref(d->housekeeping);
	sd_event_source_disable_unref(d->timer);
}
