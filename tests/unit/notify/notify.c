/* The whole machine: weeks of random life with its promises checked all along; memory; speed. */
#include "world.h"

#include <malloc.h>
#include "base/num.h"
#include "model/intern.h"

#define ALERTS 24
#define NAMES  4

struct life {
	struct world w;
	unsigned number, seed;
	struct config *configs[2];
	bool firing[ALERTS];	    /* the truth */
	int64_t changed_ns[ALERTS]; /* when it last changed */
	bool believed[ALERTS];	    /* by the first address */
	int64_t calm_ns;	    /* since when nothing disturbs: server, restart, reload */
	enum { SERVER_WELL, SERVER_DOWN, SERVER_REFUSES, SERVER_MOODY } server;
	size_t seen_mails, kills, repeated;
	struct notification *last[NAMES];
	int64_t last_ns[NAMES];
	size_t last_kills[NAMES]; /* how many there had been by then */
};

static int dice(struct life *l, int n)
{
	return rand_r(&l->seed) % n;
}

static enum notify_result serve(struct world *w, const struct notification *n)
{
	struct life *l = w->userdata;

	switch (l->server) {
	case SERVER_WELL:
		return NOTIFY_SENT;
	case SERVER_DOWN:
		return NOTIFY_RETRY;
	case SERVER_REFUSES:
		return NOTIFY_REFUSED;
	case SERVER_MOODY:
		break;
	}
	return (enum notify_result)dice(l, 3);
}

static void names_of(int i, char name[8], char instance[8])
{
	snprintf(name, 8, "A%d", i % NAMES);
	snprintf(instance, 8, "i%02d", i);
}

static void put(struct life *l, int i)
{
	char name[8], instance[8];

	names_of(i, name, instance);
	assert_int_equal(world_put(&l->w, name, instance, l->firing[i]), 0);
}

static bool lists(const struct notification *n, const struct labels *labels, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (labels_equal(n->alerts[i]->labels, labels))
			return true;
	}
	return false;
}

/* Whether `n` says nothing that `last` did not. */
static bool says_nothing_new(const struct notification *n, const struct notification *last)
{
	if (n->n_firing != last->n_firing)
		return false;
	for (size_t i = 0; i < n->n_alerts; i++) {
		bool firing = i < n->n_firing;

		if (!lists(last, n->alerts[i]->labels, firing ? 0 : last->n_firing,
			    firing ? last->n_firing : last->n_alerts))
			return false;
	}
	return true;
}

static void read_mail(struct life *l, const struct mail *mail)
{
	const struct notification *n = mail->n;
	int group = (int)(labels_get(n->group_labels, "alertname")[1] - '0');
	struct notification *last = l->last[group];
	bool early, same;

	for (size_t i = 0; i < n->n_alerts; i++) {
		const char *instance = labels_get(n->alerts[i]->labels, "instance");
		int64_t which;

		assert_int_equal(num_parse_int(instance + 1, 0, ALERTS, &which), 0);
		l->believed[which] = i < n->n_firing;
	}
	/*
	 * Killed after the server took it and before anybody knew: told again under its id, or, where
	 * the server then refuses that, with the next flush.
	 */
	early = mail->true_ns - l->last_ns[group] < HOUR;
	same = last && says_nothing_new(n, last);
	if (last && (streq(last->id, n->id) || (same && early && l->last_kills[group] < l->kills)))
		l->repeated++;
	else if (same) {
		/* An hour is the shorter of the two repeat intervals. */
		if (early)
			fail_msg("life %u: told again after %lld s: %s", l->number,
				(long long)((mail->true_ns - l->last_ns[group]) / SEC), n->reason);
		assert_string_equal(n->reason, "repeat interval elapsed");
	}
	notification_unref(last);
	l->last[group] = notification_ref(n);
	l->last_ns[group] = mail->true_ns;
	l->last_kills[group] = l->kills;
}

static void read_mails(struct life *l)
{
	for (; l->seen_mails < l->w.n_mails; l->seen_mails++) {
		if (l->w.mails[l->seen_mails].n->index == 0)
			read_mail(l, &l->w.mails[l->seen_mails]);
	}
}

/* group_wait 30 s, a flush of five minutes, the next turn after it, and the longest pause. */
#define PATIENCE (30 * SEC + 10 * MINUTE + 90 * SEC)

static void check_promises(struct life *l)
{
	struct notify_stats stats;

	read_mails(l);
	for (int i = 0; i < ALERTS && l->server == SERVER_WELL; i++) {
		int64_t since = MAX(l->changed_ns[i], l->calm_ns);

		if (l->w.true_ns - since > PATIENCE && l->believed[i] != l->firing[i])
			fail_msg("life %u: alert %d is %s, and nobody was told for %lld s",
				l->number, i, l->firing[i] ? "firing" : "over",
				(long long)((l->w.true_ns - since) / SEC));
	}
	assert_true(l->repeated <= l->kills);
	assert_false(l->w.unkept);
	notify_stats(l->w.notify, &stats);
	assert_in_range(stats.alerts, 0, ALERTS);
	assert_in_range(stats.groups, 0, NAMES);
	assert_in_range(stats.in_flight, 0, 2 * NAMES);
	assert_in_range(l->w.rows[NOTIFY_KEEP_OUTBOX].n, stats.in_flight, stats.in_flight);
	assert_in_range(l->w.rows[NOTIFY_KEEP_LOG].n, 0, 2 * NAMES);
}

static void start_again(struct life *l)
{
	struct world *w = &l->w;

	read_mails(l);
	l->kills++;
	world_advance(w, dice(l, 3) * dice(l, 600) * SEC);
	if (dice(l, 3) == 0) {
		w->limits.boot_id++;
		w->now.boot_ns = (1 + dice(l, 60)) * SEC;
	}
	world_restart(w);
	for (int i = 0; i < ALERTS; i++) {
		if (l->firing[i])
			put(l, i);
	}
	assert_int_equal(notify_confirm_restored(w->notify, w->now), 0);
	l->calm_ns = w->true_ns;
}

static void something_happens(struct life *l)
{
	struct world *w = &l->w;
	int i = dice(l, ALERTS);

	switch (dice(l, 40)) {
	case 0:
		w->fuse = 1 + dice(l, 60);
		break;
	case 1:
		l->server = (typeof(l->server))dice(l, 4);
		l->calm_ns = w->true_ns;
		break;
	case 2 ... 4:
		l->server = SERVER_WELL;
		l->calm_ns = w->true_ns;
		break;
	case 5:
		config_unref(w->config);
		w->config = config_ref(l->configs[dice(l, 2)]);
		assert_int_equal(notify_configure(w->notify, w->config, w->now), 0);
		l->calm_ns = w->true_ns;
		break;
	case 6:
		w->now.wall_ms += (dice(l, 2) ? 1 : -1) * (int64_t)dice(l, 1000) * 86400000;
		notify_step(w->notify, w->now);
		break;
	case 7 ... 20:
		put(l, i); /* heard of again, or of an end that is long over */
		break;
	default:
		l->firing[i] = !l->firing[i];
		l->changed_ns[i] = w->true_ns;
		put(l, i);
	}
}

static void live(struct life *l, int64_t for_ns)
{
	int64_t until = l->w.true_ns + for_ns;

	while (l->w.true_ns < until) {
		int64_t pause = dice(l, 4)   ? dice(l, 120)
				: dice(l, 3) ? dice(l, 1800)
					     : dice(l, 40000);

		something_happens(l);
		/* In pieces, so that a promise broken for a while is seen. */
		for (int64_t k = 0; k < pause && !l->w.dead; k += 60) {
			world_run(&l->w, MIN(pause - k, 60) * SEC);
			if (!l->w.dead)
				check_promises(l);
		}
		if (l->w.dead)
			start_again(l);
	}
}

static void begin_life(struct life *l, unsigned seed)
{
	*l = (struct life){ .number = seed, .seed = seed };
	l->configs[0] = config_with("[alertname]", "30s", "5m", "4h");
	l->configs[1] = config_with("[alertname]", "10s", "1m", "1h");
	world_init(&l->w, config_ref(l->configs[0]));
	l->w.server = serve;
	l->w.userdata = l;
}

static void end_life(struct life *l)
{
	struct notify_stats stats;

	l->w.fuse = 0;
	l->server = SERVER_WELL;
	for (int i = 0; i < ALERTS; i++) {
		l->firing[i] = false;
		put(l, i);
	}
	world_run(&l->w, HOUR);
	l->calm_ns = 0;
	check_promises(l);
	notify_stats(l->w.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	assert_int_equal(stats.groups, 0);
	for (int t = NOTIFY_KEEP_ALERT; t <= NOTIFY_KEEP_SILENCE; t++) {
		if (t != NOTIFY_KEEP_LOG)
			assert_int_equal(l->w.rows[t].n, 0);
	}
	world_run(&l->w, 9 * HOUR);
	assert_int_equal(l->w.rows[NOTIFY_KEEP_LOG].n, 0);
	for (int i = 0; i < NAMES; i++)
		notification_unref(l->last[i]);
	config_unref(l->configs[0]);
	config_unref(l->configs[1]);
	world_release(&l->w);
}

static void keeps_its_promises_for_weeks(void **state)
{
	size_t texts = intern_count(), mails = 0, kills = 0, repeated = 0;

	for (unsigned seed = 1; seed <= 12; seed++) {
		struct life l;

		begin_life(&l, seed);
		live(&l, 21 * 24 * HOUR);
		mails += l.w.n_mails;
		kills += l.kills;
		repeated += l.repeated;
		end_life(&l);
	}
	printf("%zu mails, %zu kills, %zu mails repeated\n", mails, kills, repeated);
	assert_true(mails > 1000 && kills > 50);
	assert_int_equal(intern_count(), texts);
}

static void a_reload_keeps_timers_and_log(void **state)
{
	struct world w;
	struct config *other = config_with("[alertname]", "30s", "5m", "4h");
	struct config *faster = config_with("[alertname]", "5s", "20s", "4h");

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	fires(&w, "A", "a");
	world_run(&w, 20 * SEC);
	assert_int_equal(notify_configure(w.notify, other, w.now), 0);
	world_run(&w, 9 * SEC);
	assert_int_equal(w.n_mails, 0);
	world_run(&w, SEC);
	assert_mails(&w, 0, "first notification: a!");
	assert_int_equal(notify_configure(w.notify, other, w.now), 0);
	world_run(&w, HOUR);
	assert_mails(&w, 0, "first notification: a!");
	/* Nobody waits longer than the new settings say. */
	fires(&w, "A", "b");
	assert_int_equal(notify_configure(w.notify, faster, w.now), 0);
	world_run(&w, 20 * SEC);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	config_unref(other);
	config_unref(faster);
	world_release(&w);
}

static void a_reload_groups_anew_and_tells_no_part_of_a_group(void **state)
{
	struct world w;
	struct notify_stats stats;
	struct config *one = config_with("[]", "30s", "5m", "4h");

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	fires(&w, "A", "a");
	fires(&w, "B", "b");
	world_run(&w, MINUTE);
	assert_int_equal(w.n_mails, 4);
	assert_int_equal(notify_configure(w.notify, one, w.now), 0);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.groups, 1);
	assert_int_equal(stats.alerts, 2);
	assert_int_equal(w.rows[NOTIFY_KEEP_GROUP].n, 1);
	world_run(&w, MINUTE);
	assert_int_equal(w.n_mails, 6);
	assert_int_equal(w.mails[4].n->n_firing, 2);
	assert_string_equal(w.mails[4].n->group_key, "{}:{}");
	config_unref(one);
	world_release(&w);
}

/* -- memory ---------------------------------------------------------------------------------- */

struct rows {
	enum notify_output_type type[64];
	char *key[64], *value[64];
	size_t n;
	struct config *config;
};

struct plain {
	struct notify *notify;
	char ids[16][33];
	size_t n_ids, told, told_firing;
};

static void on_plain_output(const struct notify_output *output, void *userdata)
{
	struct plain *p = userdata;

	if (output->type != NOTIFY_SEND)
		return;
	assert_in_range(p->n_ids, 0, ARRAY_SIZE(p->ids) - 1);
	memcpy(p->ids[p->n_ids++], output->notification->id, 33);
	p->told++;
	if (output->notification->index == 0)
		p->told_firing = output->notification->n_firing;
}

static void run_plain(struct plain *p, struct instant *now, int64_t ns)
{
	int64_t until = now->boot_ns + ns;

	while (notify_deadline(p->notify) <= until) {
		int64_t at = MAX(notify_deadline(p->notify), now->boot_ns);

		now->wall_ms += (at - now->boot_ns) / NSEC_PER_MSEC;
		now->boot_ns = at;
		notify_step(p->notify, *now);
		while (p->n_ids) {
			char id[33];

			memcpy(id, p->ids[--p->n_ids], sizeof(id));
			notify_sent(p->notify, id, NOTIFY_SENT, NULL, *now);
		}
	}
	now->wall_ms += (until - now->boot_ns) / NSEC_PER_MSEC;
	now->boot_ns = until;
}

static int put_plain(struct plain *p, const char *instance, bool firing, struct instant now)
{
	const char *const pairs[][2] = { { "alertname", "A" }, { "instance", instance } };
	scoped(labels_unrefp) struct labels *labels = labels_new(2, pairs);
	scoped(alert_unrefp) struct alert *alert = labels ? alert_new(labels, NULL) : NULL;

	if (!alert)
		return -ENOMEM;
	alert->starts_wall_ms = 1700000000000;
	alert->ends_wall_ms = firing ? 0 : now.wall_ms;
	return notify_put(p->notify, alert, now);
}

/* Whatever allocation fails: what was taken is told in the end, and forgotten when it is over. */
static int live_short_of_memory(void *userdata)
{
	struct rows *rows = userdata;
	struct plain p = { 0 };
	struct instant now = { .boot_ns = 1000 * SEC, .wall_ms = 1700000100000 };
	struct notify_limits limits = { .seed = 5, .boot_id = 1 };
	struct notify_stats stats;
	static const char *const instances[] = { "x", "y", "z" };
	int err;

	err = notify_new(&limits, on_plain_output, &p, &p.notify);
	if (err)
		return err;
	for (size_t i = 0; i < rows->n; i++)
		notify_restore(p.notify, rows->type[i], rows->key[i], rows->value[i]);
	while (notify_configure(p.notify, rows->config, now))
		assert_true(allocation_failed());
	for (size_t i = 0; i < ARRAY_SIZE(instances); i++) {
		while (put_plain(&p, instances[i], true, now))
			assert_true(allocation_failed());
	}
	run_plain(&p, &now, 20 * MINUTE);
	assert_true(p.told >= 2);
	assert_in_range(p.told_firing, 3, 5);
	while (notify_confirm_restored(p.notify, now))
		assert_true(allocation_failed());
	for (size_t i = 0; i < ARRAY_SIZE(instances); i++) {
		while (put_plain(&p, instances[i], false, now))
			assert_true(allocation_failed());
	}
	run_plain(&p, &now, 20 * MINUTE);
	assert_int_equal(p.told_firing, 0);
	notify_stats(p.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	assert_int_equal(stats.groups, 0);
	notify_free(p.notify);
	return 0;
}

static void survives_failing_allocations(void **state)
{
	struct world w;
	struct rows rows = { 0 };
	char id[SILENCE_ID_LEN + 1];

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	world_silence(&w, "a=b,c=~d", 0, HOUR, id);
	fires(&w, "A", "a");
	world_run(&w, MINUTE);
	fires(&w, "A", "b");
	world_advance(&w, 5 * MINUTE);
	notify_step(w.notify, w.now);
	for (int t = NOTIFY_KEEP_ALERT; t <= NOTIFY_KEEP_SILENCE; t++) {
		map_foreach (&w.rows[t], e) {
			rows.type[rows.n] = (enum notify_output_type)t;
			rows.key[rows.n] = e->key;
			rows.value[rows.n++] = e->value;
		}
	}
	rows.config = w.config;
	with_failing_allocations(live_short_of_memory, &rows);
	world_release(&w);
}

/* -- speed ----------------------------------------------------------------------------------- */

struct flood {
	struct notify *notify;
	char (*ids)[33];
	size_t n_ids, told, row_bytes;
};

static void on_flood_output(const struct notify_output *output, void *userdata)
{
	struct flood *f = userdata;

	if (output->type == NOTIFY_SEND) {
		memcpy(f->ids[f->n_ids++], output->notification->id, 33);
		f->told += output->notification->n_alerts;
	} else if (output->value) {
		f->row_bytes += strlen(output->value);
	}
}

static double put_flood(struct flood *f, struct instant now, bool firing)
{
	int64_t began = clock_boot_ns();

	for (int i = 0; i < 100000; i++) {
		char name[16], instance[24];
		scoped(alert_unrefp) struct alert *alert = NULL;

		snprintf(name, sizeof(name), "Alert%d", i % 1000);
		snprintf(instance, sizeof(instance), "host%d:9100", i);
		alert = alert_named(name, instance);
		alert->starts_wall_ms = now.wall_ms;
		alert->ends_wall_ms = firing ? 0 : now.wall_ms;
		assert_int_equal(notify_put(f->notify, alert, now), 0);
	}
	return (double)(clock_boot_ns() - began) / 1e6;
}

static double step_flood(struct flood *f, struct instant now)
{
	int64_t began = clock_boot_ns();

	notify_step(f->notify, now);
	while (f->n_ids) {
		char id[33];

		memcpy(id, f->ids[--f->n_ids], sizeof(id));
		notify_sent(f->notify, id, NOTIFY_SENT, NULL, now);
	}
	return (double)(clock_boot_ns() - began) / 1e6;
}

static void a_hundred_thousand_alerts_in_a_thousand_groups(void **state)
{
	struct flood f = { .ids = calloc(2000, sizeof(*f.ids)) };
	struct config *config = config_with("[alertname]", "30s", "5m", "4h");
	struct instant now = { .boot_ns = 100 * SEC, .wall_ms = 1700000000000 };
	struct notify_stats stats;
	double ms[5];
	size_t before, after;

	assert_int_equal(notify_new(NULL, on_flood_output, &f, &f.notify), 0);
	assert_int_equal(notify_configure(f.notify, config, now), 0);
	before = mallinfo2().uordblks;
	ms[0] = put_flood(&f, now, true);
	after = mallinfo2().uordblks;
	now.boot_ns += 30 * SEC;
	now.wall_ms += 30000;
	ms[1] = step_flood(&f, now);
	assert_int_equal(f.told, 200000);
	now.boot_ns += 5 * MINUTE;
	now.wall_ms += 300000;
	ms[2] = step_flood(&f, now);
	assert_int_equal(f.told, 200000);
	ms[3] = put_flood(&f, now, false);
	now.boot_ns += 5 * MINUTE;
	now.wall_ms += 300000;
	ms[4] = step_flood(&f, now);
	notify_stats(f.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	printf("100,000 alerts in 1,000 groups: put %.0f ms, tell %.0f ms, nothing new %.0f ms, "
	       "end %.0f ms, tell %.0f ms; %zu bytes each with labels; rows %zu MB\n",
		ms[0], ms[1], ms[2], ms[3], ms[4], (after - before) / 100000, f.row_bytes >> 20);
	notify_free(f.notify);
	config_unref(config);
	free(f.ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reload_keeps_timers_and_log),
		cmocka_unit_test(a_reload_groups_anew_and_tells_no_part_of_a_group),
		cmocka_unit_test(survives_failing_allocations),
		cmocka_unit_test(a_hundred_thousand_alerts_in_a_thousand_groups),
		cmocka_unit_test(keeps_its_promises_for_weeks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
