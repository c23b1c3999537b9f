/*
 * notify.c - the machine: its entry points, its timers, its settings.
 */
#include "notify/internal.h"

#include <errno.h>
#include <sys/random.h>

#define MAX_ALERTS_DEFAULT   100000
#define MAX_GROUPS_DEFAULT   10000
#define MAX_SILENCES_DEFAULT 10000
#define SWEEP_NS	     (15 * 60 * NSEC_PER_SEC)
#define WALL_JUMP_MS	     60000
#define CENTURY_MS	     (100ll * 365 * 24 * 3600 * 1000)

int64_t ns_of_ms(int64_t ms)
{
	return MAX(MIN(ms, CENTURY_MS), -CENTURY_MS) * NSEC_PER_MSEC;
}

/* splitmix64 twice over: the numbers only have to differ, and to come again from the same seed. */
uint64_t notify_random(struct notify *notify)
{
	uint64_t z = (notify->random[0] += 0x9e3779b97f4a7c15ull);

	z ^= notify->random[1];
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static int seed(struct notify *notify)
{
	if (notify->limits.seed) {
		notify->random[0] = notify->limits.seed;
		return 0;
	}
	if (getrandom(notify->random, sizeof(notify->random), 0) != sizeof(notify->random))
		return -EIO;
	return 0;
}

int notify_new(const struct notify_limits *limits, notify_output_fn *output, void *userdata,
	struct notify **ret)
{
	scoped(notify_freep) struct notify *notify = calloc(1, sizeof(*notify));
	int err;

	if (!notify)
		return -ENOMEM;
	strbuf_init(&notify->row, STRBUF_MAX_DEFAULT);
	if (limits)
		notify->limits = *limits;
	if (!notify->limits.max_alerts)
		notify->limits.max_alerts = MAX_ALERTS_DEFAULT;
	if (!notify->limits.max_groups)
		notify->limits.max_groups = MAX_GROUPS_DEFAULT;
	if (!notify->limits.max_silences)
		notify->limits.max_silences = MAX_SILENCES_DEFAULT;
	notify->output = output;
	notify->userdata = userdata;
	notify->sweep.kind = TIMER_SWEEP;
	err = seed(notify);
	if (!err)
		err = timers_own(&notify->timers);
	if (err)
		return err;
	*ret = TAKE(notify);
	return 0;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	map_foreach (&notify->attempts, e) {
		struct attempt *attempt = e->value;
		struct flush *flush = attempt->flush;

		attempt_free(notify, attempt);
		if (!--flush->n_open) {
			if (flush->group)
				flush->group->flush = NULL;
			flush_free(flush);
		}
	}
	inhibitor_free(notify->inhibitor);
	map_foreach (&notify->alerts, e)
		entry_free(e->value);
	map_foreach (&notify->groups, e)
		group_free(notify, e->value);
	map_release(&notify->attempts);
	map_release(&notify->alerts);
	map_release(&notify->groups);
	log_release(notify);
	digests_release(notify);
	silences_release(notify);
	restore_release(notify);
	timers_release(&notify->timers);
	strbuf_release(&notify->row);
	route_free(notify->route);
	config_unref(notify->config);
	free(notify);
}

/* The inhibition rules of a configuration, with all alerts that are known. */
static int inhibit_anew(struct notify *notify, const struct config *config, struct inhibitor **ret)
{
	scoped(inhibitor_freep) struct inhibitor *inhibitor = NULL;
	int err;

	err = inhibitor_new(config, &inhibitor);
	if (err)
		return err;
	map_foreach (&notify->alerts, e) {
		err = inhibitor_add(inhibitor, e->value);
		if (err)
			return err;
	}
	*ret = TAKE(inhibitor);
	return 0;
}

int notify_configure(struct notify *notify, const struct config *config, struct instant now)
{
	scoped(route_freep) struct route *route = NULL;
	scoped(inhibitor_freep) struct inhibitor *inhibitor = NULL;
	struct route *old;
	bool first = !notify->configured;
	int err = 0;

	if (config->route)
		err = route_new(config, &route);
	if (!err)
		err = inhibit_anew(notify, config, &inhibitor);
	if (err)
		return err;
	/* A second try, after memory was out, finds the clocks set. */
	if (first) {
		restore_clocks(notify, config, now);
		notify->wall_offset_ms = now.wall_ms - now.boot_ns / NSEC_PER_MSEC;
	}
	err = digests_prepare(notify, config);
	if (!err)
		err = groups_route_anew(notify, route, now);
	if (err)
		return err;
	old = notify->route;
	notify->route = TAKE(route);
	route_free(old);
	inhibitor_free(notify->inhibitor);
	notify->inhibitor = TAKE(inhibitor);
	config_unref(notify->config);
	notify->config = config_ref(config);
	notify->configured = true;
	digests_configure(notify, now);
	if (first) {
		restore_finish(notify, now);
		timer_set(&notify->timers, &notify->sweep, now.boot_ns + SWEEP_NS);
	}
	return 0;
}

void notify_expect(const struct notify *notify, struct alert *const *alerts, size_t n)
{
	uint64_t fingerprints[MAP_EXPECT_MAX];

	n = MIN(n, (size_t)MAP_EXPECT_MAX);
	for (size_t i = 0; i < n; i++)
		fingerprints[i] = alert_fingerprint(alerts[i]);
	map_expect(&notify->alerts, fingerprints, sizeof(*fingerprints), n);
}

int notify_put(struct notify *notify, const struct alert *alert, struct instant now)
{
	int err = entry_put(notify, alert, now);

	if (err)
		notify->stats.refused_alerts++;
	return err;
}

int notify_confirm_restored(struct notify *notify, struct instant now)
{
	int err = 0;

	map_foreach (&notify->alerts, e) {
		struct entry *entry = e->value;

		if (entry->restored && !entry->resolved && !entry->alert->ends_wall_ms &&
			entry_resolve(notify, entry, now))
			err = -ENOMEM;
	}
	return err;
}

int notify_keep_all(struct notify *notify, struct instant now)
{
	int failed = 0;

	map_foreach (&notify->alerts, e) {
		struct entry *entry = e->value;

		entry_keep(notify, entry);
		failed |= !entry->kept;
	}
	map_foreach (&notify->groups, e)
		failed |= persist_group(notify, e->value, now);
	map_foreach (&notify->log, e) {
		/* A place that is only reserved has no row yet. */
		if (e->value)
			failed |= persist_log(notify, e->key, e->value);
	}
	for (size_t i = 0; i < notify->silences.n; i++)
		failed |= persist_silence(notify, notify->silences.v[i]->silence);
	map_foreach (&notify->attempts, e) {
		if (!((const struct attempt *)e->value)->digest)
			failed |= persist_outbox(notify, e->value);
	}
	failed |= digests_keep_all(notify, now);
	return failed ? -ENOMEM : 0;
}

/*
 * A machine without a clock of its own tells its first mails with a wall clock that is wrong by
 * years. Once it is right, the rows are, too: else a reboot would take those mails for ancient.
 */
static void notice_wall_jump(struct notify *notify, struct instant now)
{
	int64_t offset_ms = now.wall_ms - now.boot_ns / NSEC_PER_MSEC;

	if (llabs(offset_ms - notify->wall_offset_ms) < WALL_JUMP_MS)
		return;
	notify->wall_offset_ms = offset_ms;
	log_wall_jumped(notify, now);
	digests_keep_all(notify, now);
	map_foreach (&notify->groups, e)
		persist_group(notify, e->value, now);
}

/* Alerts that no route wants are in no group that would let them go. */
static void sweep(struct notify *notify, struct instant now)
{
	log_sweep(notify, now);
	silences_sweep(notify, now.wall_ms);
	map_foreach (&notify->alerts, e) {
		struct entry *entry = e->value;

		if (!entry->members && entry_is_over(notify, entry, now))
			entry_drop(notify, entry);
	}
	timer_set(&notify->timers, &notify->sweep, now.boot_ns + SWEEP_NS);
}

void notify_step(struct notify *notify, struct instant now)
{
	struct timer *timer;

	notice_wall_jump(notify, now);
	while ((timer = timers_first(&notify->timers)) && timer->at_boot_ns <= now.boot_ns) {
		timer_stop(&notify->timers, timer);
		switch (timer->kind) {
		case TIMER_GROUP:
			group_tick(notify, container_of(timer, struct group, timer), now);
			break;
		case TIMER_ATTEMPT:
			attempt_tick(notify, container_of(timer, struct attempt, timer), now);
			break;
		case TIMER_DIGEST:
			digest_tick(notify, container_of(timer, struct digest, timer), now);
			break;
		case TIMER_SWEEP:
			sweep(notify, now);
			break;
		}
	}
}

int64_t notify_deadline(const struct notify *notify)
{
	const struct timer *timer = timers_first(&notify->timers);

	return timer ? timer->at_boot_ns : BOOT_NS_NEVER;
}

/* As its groups' last flushes saw it. */
static bool is_suppressed(const struct entry *entry)
{
	const struct membership *m = entry->members;

	while (m && m->verdict == HIDE_AND_KEEP)
		m = m->next;
	return entry->members && !m;
}

void notify_stats(const struct notify *notify, struct notify_stats *ret)
{
	*ret = notify->stats;
	ret->alerts = notify->alerts.n;
	ret->groups = notify->groups.n;
	ret->in_flight = notify->attempts.n;
	ret->silences = notify->silences.n;
	map_foreach (&notify->alerts, e) {
		const struct entry *entry = e->value;

		ret->firing += !entry->resolved;
		ret->suppressed += !entry->resolved && is_suppressed(entry);
	}
}
