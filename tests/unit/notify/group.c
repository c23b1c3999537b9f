/* Groups: when they speak, what they hold, when they go. Times are seconds since the first alert. */
#include "world.h"

static void waits_before_it_first_speaks(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	fires(&w, "A", "a");
	world_run(&w, 29 * SEC);
	assert_int_equal(w.n_mails, 0);
	fires(&w, "A", "b"); /* joins, and does not move the timer */
	world_run(&w, SEC);
	assert_mails(&w, 0, "first notification: a! b!");
	assert_mails(&w, 1, "first notification: a! b!");
	assert_string_equal(w.mails[0].n->group_key, "{}:{alertname=\"A\"}");
	assert_string_equal(w.mails[0].n->receiver, "team");
	assert_string_equal(w.mails[0].n->integration, "email");
	assert_int_equal(w.mails[0].n->at_wall_ms, 1700000000000 + 30000);
	assert_false(w.unkept);
	world_release(&w);
}

static void speaks_every_group_interval_and_only_of_news(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	fires(&w, "A", "a");
	world_run(&w, 31 * SEC);
	fires(&w, "A", "b");
	world_run(&w, 5 * MINUTE - 2 * SEC);
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, SEC);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	ends(&w, "A", "a");
	world_run(&w, 5 * MINUTE);
	assert_mails(&w, 0,
		"first notification: a!; new alerts added: a! b!; some alerts resolved: b! a.");
	ends(&w, "A", "b");
	world_run(&w, 5 * MINUTE);
	assert_mails(&w, 0,
		"first notification: a!; new alerts added: a! b!; some alerts resolved: b! a.; "
		"all alerts resolved: b.");
	assert_mails(&w, 1, "first notification: a!; new alerts added: a! b!");
	world_release(&w);
}

static void an_alert_that_ended_before_it_was_told_is_never_told(void **state)
{
	struct world w;
	struct notify_stats stats;

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	fires(&w, "A", "a");
	world_run(&w, 10 * SEC);
	ends(&w, "A", "a");
	world_run(&w, HOUR);
	assert_int_equal(w.n_mails, 0);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	assert_int_equal(stats.groups, 0);
	world_release(&w);
}

static void nothing_stays_behind_once_the_end_was_told(void **state)
{
	struct world w;
	struct notify_stats stats;

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	fires(&w, "A", "a");
	world_run(&w, MINUTE);
	ends(&w, "A", "a");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	assert_int_equal(stats.groups, 0);
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(stats.sent, 3);
	assert_int_equal(w.rows[NOTIFY_KEEP_ALERT].n, 0);
	assert_int_equal(w.rows[NOTIFY_KEEP_GROUP].n, 0);
	assert_int_equal(w.rows[NOTIFY_KEEP_OUTBOX].n, 0);
	assert_int_equal(w.rows[NOTIFY_KEEP_LOG].n, 2);
	/* The log outlives the group by twice the repeat interval. */
	world_run(&w, 9 * HOUR);
	assert_int_equal(w.rows[NOTIFY_KEEP_LOG].n, 0);
	world_release(&w);
}

static void only_a_new_group_may_speak_at_once(void **state)
{
	struct world w;
	scoped(alert_unrefp) struct alert *old = alert_named("A", "old"),
					  *older = alert_named("A", "older");

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	old->starts_wall_ms = w.now.wall_ms - 31000;
	older->starts_wall_ms = w.now.wall_ms - 3600000;
	assert_int_equal(notify_put(w.notify, old, w.now), 0);
	world_run(&w, 0);
	assert_mails(&w, 0, "first notification: old!");
	assert_int_equal(notify_put(w.notify, older, w.now), 0);
	world_run(&w, 5 * MINUTE - SEC);
	assert_mails(&w, 0, "first notification: old!");
	world_run(&w, SEC);
	assert_mails(&w, 0, "first notification: old!; new alerts added: old! older!");
	world_release(&w);
}

static void repeats_at_the_first_turn_after_the_interval(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "10s", "1h"));
	fires(&w, "A", "a");
	world_run(&w, 10 * SEC);
	assert_int_equal(w.n_mails, 2);
	/* Exactly one hour old is not yet older than an hour. */
	world_run(&w, HOUR);
	assert_int_equal(w.n_mails, 2);
	world_run(&w, 10 * SEC);
	assert_mails(&w, 0, "first notification: a!; repeat interval elapsed: a!");
	world_release(&w);
}

/* The hours between mails to the first of the two, "0 1 2". */
static char *hours_between(const struct world *w)
{
	struct strbuf out = STRBUF_INIT;
	int64_t before_ns = 0;
	char *text;

	for (size_t i = 0; i < w->n_mails; i++) {
		const struct mail *mail = &w->mails[i];

		if (mail->n->index)
			continue;
		strbuf_addf(&out, "%s%d", out.len ? " " : "",
			(int)(before_ns ? (mail->true_ns - before_ns) / HOUR : 0));
		before_ns = mail->true_ns;
	}
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

static void assert_hours_between(const struct world *w, const char *expected)
{
	scoped(freep) char *text = hours_between(w);

	assert_string_equal(text, expected);
}

static void quiet_repeats_wait_twice_as_long_each_time(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "1h, repeat_interval_max: 5h"));
	fires(&w, "A", "a");
	world_run(&w, 8 * HOUR);
	assert_hours_between(&w, "0 1 2 4");
	world_restart(&w);
	fires(&w, "A", "a");
	world_run(&w, 11 * HOUR);
	assert_hours_between(&w, "0 1 2 4 5 5");
	/* Something new: it is urgent again. */
	fires(&w, "A", "b");
	world_run(&w, 5 * HOUR);
	assert_hours_between(&w, "0 1 2 4 5 5 1 1 2");
	world_release(&w);
}

static void a_longest_interval_below_the_first_changes_nothing(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "3h, repeat_interval_max: 1h"));
	fires(&w, "A", "a");
	world_run(&w, 10 * HOUR);
	assert_hours_between(&w, "0 3 3 3");
	world_release(&w);
}

static void no_jump_of_the_wall_clock_repeats_or_ends_anything(void **state)
{
	static const int64_t jumps_ms[] = { 86400000ll * 365 * 30, -86400000ll * 365 * 40, 7200000,
		-7200000 };
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "10s", "4h"));
	fires(&w, "A", "a");
	fires(&w, "A", "b");
	ends(&w, "A", "b");
	world_run(&w, MINUTE);
	assert_mails(&w, 0, "first notification: a! b.");
	for (size_t i = 0; i < ARRAY_SIZE(jumps_ms); i++) {
		w.now.wall_ms += jumps_ms[i];
		world_run(&w, 10 * MINUTE);
		assert_int_equal(w.n_mails, 2);
		/* And not over a reboot after it. */
		w.limits.boot_id++;
		w.now.boot_ns = 20 * SEC;
		world_restart(&w);
		fires(&w, "A", "a");
		world_run(&w, 10 * MINUTE);
		assert_int_equal(w.n_mails, 2);
	}
	world_release(&w);
}

static void a_lease_is_counted_on_the_boot_clock(void **state)
{
	struct world w;
	scoped(alert_unrefp) struct alert *alert = alert_named("A", "a");

	world_init(&w, config_with("[alertname]", "10s", "10s", "4h"));
	alert->timeout = true; /* resolve_timeout: 5m */
	assert_int_equal(notify_put(w.notify, alert, w.now), 0);
	world_run(&w, 3 * MINUTE);
	w.now.wall_ms += 86400000;
	world_run(&w, MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	assert_int_equal(w.mails[0].n->alerts[0]->ends_wall_ms, 0);
	assert_int_equal(notify_put(w.notify, alert, w.now), 0);
	world_run(&w, 4 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, MINUTE + 10 * SEC);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	world_release(&w);
}

static enum notify_result never(struct world *w, const struct notification *n)
{
	return NOTIFY_RETRY;
}

static enum notify_result boss_never(struct world *w, const struct notification *n)
{
	return n->index == 1 ? NOTIFY_RETRY : NOTIFY_SENT;
}

static void ends_stay_until_everybody_was_told(void **state)
{
	struct world w;
	struct notify_stats stats;

	world_init(&w, config_with("[alertname]", "10s", "10s", "4h"));
	fires(&w, "A", "a");
	world_run(&w, 15 * SEC);
	w.server = never;
	ends(&w, "A", "a");
	world_run(&w, 10 * MINUTE);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 1);
	assert_mails(&w, 0, "first notification: a!");
	w.server = NULL;
	world_run(&w, 2 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	world_release(&w);
}

static void one_that_fails_disturbs_no_other(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	w.server = boss_never;
	fires(&w, "A", "a");
	world_run(&w, 10 * MINUTE);
	fires(&w, "A", "b");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	assert_mails(&w, 1, "");
	w.server = NULL;
	world_run(&w, 2 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	assert_mails(&w, 1, "first notification: a! b!");
	world_release(&w);
}

/* The mail about the fire is under way when the alert ends and fires anew. */
static enum notify_result flaps_meanwhile(struct world *w, const struct notification *n)
{
	if (n->index == 0 && streq(n->reason, "all alerts resolved"))
		fires(w, "A", "a");
	return NOTIFY_SENT;
}

static void what_changed_under_way_is_not_forgotten(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	w.server = flaps_meanwhile;
	fires(&w, "A", "a");
	world_run(&w, 20 * SEC);
	ends(&w, "A", "a");
	world_run(&w, MINUTE);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	world_run(&w, MINUTE);
	assert_mails(
		&w, 0, "first notification: a!; all alerts resolved: a.; new alerts added: a!");
	world_release(&w);
}

static enum notify_result ends_anew_meanwhile(struct world *w, const struct notification *n)
{
	if (n->index == 0 && streq(n->reason, "all alerts resolved")) {
		world_advance(w, SEC);
		fires(w, "A", "a");
		ends(w, "A", "a");
	}
	return NOTIFY_SENT;
}

static void an_end_that_is_not_the_one_told_stays_for_the_next_turn(void **state)
{
	struct world w;
	struct notify_stats stats;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	w.server = ends_anew_meanwhile;
	fires(&w, "A", "a");
	world_run(&w, 20 * SEC);
	ends(&w, "A", "a");
	world_run(&w, MINUTE);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 1);
	world_run(&w, MINUTE);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	world_release(&w);
}

static void lists_firing_ones_first_and_sorts_each_part(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	for (const char *name = "hbdface"; *name; name++) {
		char instance[2] = { *name };

		fires(&w, "A", instance);
		if (strchr("bh", *name))
			ends(&w, "A", instance);
	}
	world_run(&w, 10 * SEC);
	assert_mails(&w, 0, "first notification: a! c! d! e! f! b. h.");
	assert_mails(&w, 1, "first notification: a! c! d! e! f!");
	world_release(&w);
}

static void groups_by_what_the_route_says(void **state)
{
	static const struct {
		const char *group_by;
		size_t groups;
		const char *key;
	} rows[] = {
		{ "[]", 1, "{}:{}" },
		{ "[alertname]", 2, "{}:{alertname=\"A\"}" },
		{ "[instance, alertname]", 3, "{}:{alertname=\"A\", instance=\"x\\\"y\"}" },
		{ "['...']", 3, "{}:{alertname=\"A\", instance=\"x\\\"y\"}" },
		{ "[job]", 1, "{}:{}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;
		struct notify_stats stats;

		world_init(&w, config_with(rows[i].group_by, "10s", "1m", "4h"));
		fires(&w, "A", "x\"y");
		fires(&w, "B", "x\"y");
		fires(&w, "B", "z");
		notify_stats(w.notify, &stats);
		assert_int_equal(stats.groups, rows[i].groups);
		assert_int_equal(stats.firing, 3);
		assert_non_null(map_gets(&w.rows[NOTIFY_KEEP_GROUP], rows[i].key));
		world_release(&w);
	}
}

static void a_turn_that_came_due_during_a_flush_follows_it_at_once(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "1s", "1s", "4h"));
	fires(&w, "A", "a");
	world_advance(&w, SEC);
	notify_step(w.notify, w.now); /* put out, and not answered */
	assert_int_equal(w.n_queue, 2);
	fires(&w, "A", "b");
	world_advance(&w, 7 * SEC);
	notify_step(w.notify, w.now);
	assert_int_equal(w.n_queue, 2);
	world_run(&w, 0);
	world_deliver(&w);
	world_run(&w, 0);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	world_release(&w);
}

/* Alerts of one group that come one after another, while its first flushes go out. */
static void without_group_wait_no_alert_is_lost(void **state)
{
	enum { N = 50 };

	for (int pace = 1; pace <= 8; pace++) {
		const struct notification *last;
		char instance[8];
		struct world w;

		world_init(&w, config_with("[alertname]", "0s", "10s", "4h"));
		for (int i = 0; i < N; i++) {
			snprintf(instance, sizeof(instance), "%d", i);
			fires(&w, "A", instance);
			if (i % pace == 0)
				notify_step(w.notify, w.now);
			if (i % (2 * pace) == 0)
				world_deliver(&w);
			if (i % 3 == 0)
				world_advance(&w, SEC);
		}
		world_run(&w, 20 * SEC);
		/* The first one at once, and in the end all. */
		assert_int_equal(w.mails[0].true_ns, 0);
		assert_int_equal(w.mails[0].n->n_alerts, pace == 1 ? 1 : w.mails[0].n->n_firing);
		last = w.mails[w.n_mails - 1].n;
		assert_int_equal(last->n_firing, N);
		assert_string_equal(last->reason, "new alerts added");
		world_release(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_before_it_first_speaks),
		cmocka_unit_test(speaks_every_group_interval_and_only_of_news),
		cmocka_unit_test(an_alert_that_ended_before_it_was_told_is_never_told),
		cmocka_unit_test(nothing_stays_behind_once_the_end_was_told),
		cmocka_unit_test(only_a_new_group_may_speak_at_once),
		cmocka_unit_test(repeats_at_the_first_turn_after_the_interval),
		cmocka_unit_test(quiet_repeats_wait_twice_as_long_each_time),
		cmocka_unit_test(a_longest_interval_below_the_first_changes_nothing),
		cmocka_unit_test(no_jump_of_the_wall_clock_repeats_or_ends_anything),
		cmocka_unit_test(a_lease_is_counted_on_the_boot_clock),
		cmocka_unit_test(ends_stay_until_everybody_was_told),
		cmocka_unit_test(one_that_fails_disturbs_no_other),
		cmocka_unit_test(what_changed_under_way_is_not_forgotten),
		cmocka_unit_test(an_end_that_is_not_the_one_told_stays_for_the_next_turn),
		cmocka_unit_test(lists_firing_ones_first_and_sorts_each_part),
		cmocka_unit_test(groups_by_what_the_route_says),
		cmocka_unit_test(a_turn_that_came_due_during_a_flush_follows_it_at_once),
		cmocka_unit_test(without_group_wait_no_alert_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
