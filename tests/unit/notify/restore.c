/* Restarts: nothing is forgotten, nothing is told twice but what was under way. */
#include "world.h"

/* What goes on in the world, whoever watches: at a second, an alert fires or ends. */
struct happening {
	int at_s;
	const char *instance;
	bool firing;
};

static const struct happening story[] = {
	{ 0, "a", true },
	{ 5, "b", true },
	{ 25, "c", true },
	{ 33, "b", false },
	{ 50, "d", true },
	{ 50, "d", false },
	{ 55, "a", false },
	{ 55, "c", false },
	{ 90, "a", true },
	{ 101, "e", true },
	{ 125, "a", false },
	{ 131, "e", false },
};

static bool true_at(const char *instance, int64_t at_s)
{
	bool firing = false;

	for (size_t i = 0; i < ARRAY_SIZE(story); i++) {
		if (streq(story[i].instance, instance) && story[i].at_s <= at_s)
			firing = story[i].firing;
	}
	return firing;
}

/* The rules evaluate after a start: they put what fires, and say nothing of the rest. */
static void rules_speak(struct world *w, int64_t at_s)
{
	for (const char *name = "abcde"; *name; name++) {
		char instance[2] = { *name };

		if (true_at(instance, at_s))
			fires(w, "A", instance);
	}
	assert_int_equal(notify_confirm_restored(w->notify, w->now), 0);
}

/* The receiver's idea of an alert after all mails. */
static int believed(const struct world *w, unsigned index, const char *instance)
{
	int firing = 0;

	for (size_t i = 0; i < w->n_mails; i++) {
		const struct notification *n = w->mails[i].n;

		for (size_t k = 0; n->index == index && k < n->n_alerts; k++) {
			if (streq(labels_get(n->alerts[k]->labels, "instance"), instance))
				firing = k < n->n_firing;
		}
	}
	return firing;
}

static size_t repeated_ids(const struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_mails; i++) {
		for (size_t k = 0; k < i; k++)
			n += streq(w->mails[i].n->id, w->mails[k].n->id);
	}
	return n;
}

/* The same news under two ids: firing sets and ends alike, one mail after the other. */
static size_t repeated_news(const struct world *w, unsigned index)
{
	const struct notification *last = NULL;
	size_t repeated = 0;

	for (size_t i = 0; i < w->n_mails; i++) {
		const struct notification *n = w->mails[i].n;
		bool same;

		if (n->index != index)
			continue;
		same = last && last->n_alerts == n->n_alerts && last->n_firing == n->n_firing &&
		       !streq(last->id, n->id);
		for (size_t k = 0; same && k < n->n_alerts; k++)
			same = labels_equal(n->alerts[k]->labels, last->alerts[k]->labels);
		repeated += same;
		last = n;
	}
	return repeated;
}

/* Runs the story; killed once when the fuse is burnt, and started again `down_s` later. */
static bool tell(struct world *w, int fuse, int down_s, bool reboot)
{
	bool was_killed = false;

	w->fuse = fuse;
	for (int s = 0; s < 200; s++) {
		for (size_t i = 0; i < ARRAY_SIZE(story) && !w->dead; i++) {
			if (story[i].at_s == s)
				assert_int_equal(
					world_put(w, "A", story[i].instance, story[i].firing), 0);
		}
		world_run(w, SEC);
		if (w->dead && down_s-- <= 0) {
			if (reboot) {
				w->limits.boot_id++;
				w->now.boot_ns = 5 * SEC;
			}
			world_restart(w);
			rules_speak(w, s);
			was_killed = true;
		}
	}
	return was_killed;
}

static void killed_at_any_instant_it_loses_nothing(void **state)
{
	static const struct {
		int down_s;
		bool reboot;
	} ways[] = { { 0, false }, { 3, false }, { 12, false }, { 3, true }, { 20, true } };
	size_t restarts = 0, repeated = 0;

	for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
		bool was_killed = true;

		for (int fuse = 1; was_killed; fuse++) {
			struct world w;

			world_init(&w, config_with("[alertname]", "10s", "10s", "4h"));
			was_killed = tell(&w, fuse, ways[way].down_s, ways[way].reboot);
			restarts += was_killed;
			for (const char *name = "abcde"; *name; name++) {
				char instance[2] = { *name };

				if (believed(&w, 0, instance))
					fail_msg("fuse %d: %s is still believed to fire", fuse,
						instance);
			}
			if (repeated_ids(&w) > was_killed || repeated_news(&w, 0) ||
				repeated_news(&w, 1))
				fail_msg("fuse %d: told twice", fuse);
			assert_false(w.unkept);
			repeated += repeated_ids(&w);
			assert_int_equal(w.rows[NOTIFY_KEEP_OUTBOX].n, 0);
			assert_int_equal(w.rows[NOTIFY_KEEP_ALERT].n, 0);
			assert_int_equal(w.rows[NOTIFY_KEEP_GROUP].n, 0);
			world_release(&w);
		}
	}
	printf("%zu kills, %zu mails repeated\n", restarts, repeated);
	assert_true(restarts > 200);
	/* The test would be blind if no kill hit between the mail and its row. */
	assert_true(repeated > 10);
}

static void a_fire_that_goes_on_is_told_in_time(void **state)
{
	bool was_killed = true;

	for (int fuse = 1; was_killed; fuse++) {
		struct world w;

		world_init(&w, config_with("[alertname]", "10s", "30s", "4h"));
		w.fuse = fuse;
		assert_int_equal(world_put(&w, "A", "a", true), 0);
		was_killed = w.dead;
		for (int s = 0; s < 60; s++) {
			world_run(&w, SEC);
			if (w.dead) {
				was_killed = true;
				world_restart(&w);
				fires(&w, "A", "a");
				assert_int_equal(notify_confirm_restored(w.notify, w.now), 0);
			}
		}
		assert_true(w.n_mails > 0);
		/* group_wait from the start, and the second in which it was killed. */
		assert_in_range(w.mails[0].true_ns, 10 * SEC, 12 * SEC);
		assert_int_equal(believed(&w, 0, "a"), 1);
		assert_int_equal(believed(&w, 1, "a"), 1);
		world_release(&w);
	}
}

static void timers_go_on_over_a_restart(void **state)
{
	for (int reboot = 0; reboot < 2; reboot++) {
		struct world w;

		world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
		fires(&w, "A", "a");
		world_run(&w, 20 * SEC);
		w.limits.boot_id += (uint64_t)reboot;
		w.now.boot_ns = reboot ? SEC : w.now.boot_ns;
		world_restart(&w);
		world_run(&w, 9 * SEC);
		assert_int_equal(w.n_mails, 0);
		world_run(&w, SEC);
		assert_mails(&w, 0, "first notification: a!");
		world_release(&w);
	}
}

static void a_group_goes_on_in_step(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	fires(&w, "A", "a");
	/* Turns at 0:30, 5:30, ..., 55:30. */
	world_run(&w, 52 * MINUTE);
	fires(&w, "A", "b");
	world_restart(&w);
	world_run(&w, 3 * MINUTE + 29 * SEC);
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, SEC);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	world_release(&w);
}

static void repeats_when_it_would_have_without_the_restarts(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	fires(&w, "A", "a");
	for (int i = 0; i < 239; i++) {
		world_run(&w, MINUTE);
		if (i % 7 == 0) {
			w.limits.boot_id++;
			w.now.boot_ns = (i + 1) * SEC;
		}
		world_restart(&w);
		fires(&w, "A", "a");
		assert_int_equal(notify_confirm_restored(w.notify, w.now), 0);
	}
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, 3 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; repeat interval elapsed: a!");
	world_release(&w);
}

static void what_was_under_way_is_sent_again_as_it_was(void **state)
{
	struct world w;
	char id[33];

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	fires(&w, "A", "a");
	fires(&w, "A", "b");
	ends(&w, "A", "b");
	world_advance(&w, 10 * SEC);
	notify_step(w.notify, w.now);
	assert_int_equal(w.n_queue, 2);
	memcpy(id, w.queue[0]->id, sizeof(id));
	/* Not in the mail that is under way. */
	ends(&w, "A", "a");
	world_advance(&w, 5 * SEC);
	world_restart(&w);
	assert_int_equal(w.n_queue, 0);
	assert_true(notify_deadline(w.notify) <= w.now.boot_ns);
	notify_step(w.notify, w.now);
	world_deliver(&w);
	assert_mails(&w, 0, "first notification: a! b.");
	assert_mails(&w, 1, "first notification: a!");
	for (size_t i = 0; i < 2; i++) {
		if (w.mails[i].n->index == 0)
			assert_string_equal(w.mails[i].n->id, id);
		assert_int_equal(w.mails[i].n->at_wall_ms, 1700000010000);
		assert_int_equal(w.mails[i].n->alerts[0]->ends_wall_ms, 0);
	}
	world_run(&w, MINUTE);
	assert_mails(&w, 0, "first notification: a! b.; all alerts resolved: a. b.");
	world_release(&w);
}

static void what_the_log_knows_is_not_sent_again(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	/* Alert, group, two in the outbox, the group again, a mail, its entry in the log. */
	w.fuse = 7;
	fires(&w, "A", "a");
	world_run(&w, 10 * SEC);
	assert_true(w.dead);
	assert_int_equal(w.n_mails, 1);
	assert_int_equal(w.rows[NOTIFY_KEEP_LOG].n, 1);
	assert_int_equal(w.rows[NOTIFY_KEEP_OUTBOX].n, 2);
	world_restart(&w);
	assert_int_equal(w.rows[NOTIFY_KEEP_OUTBOX].n, 1);
	fires(&w, "A", "a");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	assert_mails(&w, 1, "first notification: a!");
	world_release(&w);
}

/* Takes the first mail of the end and is killed before that can be noted; then takes nothing. */
static enum notify_result killed_in_flight(struct world *w, const struct notification *n)
{
	if (n->index == 0 && w->userdata == w && !n->n_firing) {
		w->userdata = NULL;
		w->fuse = 1;
		return NOTIFY_SENT;
	}
	return w->userdata == w ? NOTIFY_SENT : NOTIFY_REFUSED;
}

static void what_may_have_arrived_is_not_relied_upon(void **state)
{
	for (int again = 0; again < 2; again++) {
		struct world w;

		world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
		w.server = killed_in_flight;
		w.userdata = &w;
		fires(&w, "A", "a");
		world_run(&w, 10 * SEC);
		ends(&w, "A", "a");
		world_run(&w, MINUTE);
		assert_true(w.dead);
		world_restart(&w);
		/* What is sent again is refused. */
		world_run(&w, SEC);
		if (again)
			fires(&w, "A", "a");
		w.server = NULL;
		world_run(&w, 5 * MINUTE);
		assert_mails(&w, 0,
			again ? "first notification: a!; all alerts resolved: a.; new alerts added: a!"
			      : "first notification: a!; all alerts resolved: a.; all alerts resolved: a.");
		world_release(&w);
	}
}

static void all_rows_can_be_put_out_anew(void **state)
{
	struct world w;
	struct map before[ARRAY_SIZE(w.rows)];
	size_t n[ARRAY_SIZE(w.rows)] = { 0 };
	char id[SILENCE_ID_LEN + 1];

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	world_silence(&w, "a=b,c!~d", 0, HOUR, id);
	fires(&w, "A", "a");
	fires(&w, "B", "b");
	world_run(&w, 10 * SEC);
	ends(&w, "A", "a");
	fires(&w, "B", "c");
	world_advance(&w, MINUTE);
	notify_step(w.notify, w.now);
	memcpy(before, w.rows, sizeof(before));
	memset(w.rows, 0, sizeof(w.rows));
	assert_int_equal(notify_keep_all(w.notify, w.now), 0);
	for (int t = NOTIFY_KEEP_ALERT; t <= NOTIFY_KEEP_SILENCE; t++) {
		map_foreach (&before[t], e) {
			const char *now = map_gets(&w.rows[t], e->key);

			assert_non_null(now);
			/* A group's row says the same turn, or a later one of the same step. */
			if (t != NOTIFY_KEEP_GROUP)
				assert_string_equal(now, e->value);
			free(e->value);
			n[t]++;
		}
		assert_int_equal(w.rows[t].n, n[t]);
		assert_true(n[t] > 0);
		map_release(&before[t]);
	}
	world_restart(&w);
	world_run(&w, 2 * MINUTE);
	assert_int_equal(believed(&w, 0, "a"), 0);
	assert_int_equal(believed(&w, 0, "c"), 1);
	world_release(&w);
}

static void an_alert_ends_when_its_rule_is_silent_after_the_restart(void **state)
{
	for (int confirmed = 0; confirmed < 2; confirmed++) {
		struct world w;

		world_init(&w, config_with("[alertname]", "10s", "10s", "4h"));
		fires(&w, "A", "a");
		fires(&w, "A", "b");
		world_run(&w, MINUTE);
		world_restart(&w);
		world_run(&w, MINUTE);
		assert_mails(&w, 0, "first notification: a! b!");
		fires(&w, "A", "a");
		if (confirmed)
			assert_int_equal(notify_confirm_restored(w.notify, w.now), 0);
		world_run(&w, confirmed ? 20 * SEC : 4 * MINUTE);
		assert_mails(&w, 0, "first notification: a! b!; some alerts resolved: a! b.");
		world_release(&w);
	}
}

static void a_lease_begins_again_after_the_restart(void **state)
{
	struct world w;
	scoped(alert_unrefp) struct alert *alert = alert_named("A", "a");

	world_init(&w, config_with("[alertname]", "10s", "10s", "4h"));
	alert->timeout = true;
	assert_int_equal(notify_put(w.notify, alert, w.now), 0);
	world_run(&w, MINUTE);
	w.dead = true;
	world_advance(&w, 30 * MINUTE);
	world_restart(&w);
	assert_int_equal(notify_confirm_restored(w.notify, w.now), 0);
	world_run(&w, 4 * MINUTE + 50 * SEC);
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, 30 * SEC);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	world_release(&w);
}

static void an_alert_that_was_over_stays_over_whatever_the_clock_says(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	fires(&w, "A", "a");
	world_run(&w, 30 * SEC);
	ends(&w, "A", "a");
	w.limits.boot_id++;
	w.now = (struct instant){ .boot_ns = SEC, .wall_ms = 1000 };
	world_restart(&w);
	world_run(&w, 2 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	world_release(&w);
}

static void text_that_is_no_utf8_comes_back_as_it_was(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	fires(&w, "A\xff\"", "\xc3\x28\n<\x01");
	world_restart(&w);
	world_run(&w, 10 * SEC);
	assert_int_equal(w.n_mails, 2);
	assert_string_equal(
		labels_get(w.mails[0].n->alerts[0]->labels, "instance"), "\xc3\x28\n<\x01");
	assert_string_equal(labels_get(w.mails[0].n->alerts[0]->labels, "alertname"), "A\xff\"");
	world_release(&w);
}

static void an_empty_annotation_comes_back(void **state)
{
	scoped(alert_unrefp) struct alert *alert = alert_named("A", "a");
	struct labels_builder b = ANNOTATIONS_BUILDER_INIT;
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	labels_unref(alert->annotations);
	labels_builder_set(&b, "summary", "");
	assert_int_equal(labels_build(&b, &alert->annotations), 0);
	alert->starts_wall_ms = alert->updated_wall_ms = w.now.wall_ms;
	assert_int_equal(notify_put(w.notify, alert, w.now), 0);
	world_restart(&w);
	world_run(&w, 10 * SEC);
	assert_int_equal(w.n_mails, 2);
	assert_string_equal(labels_get(w.mails[0].n->alerts[0]->annotations, "summary"), "");
	world_release(&w);
}

/* Every field of every row broken in turn: refused, never a crash, and the rest still works. */
static void rows_that_cannot_be_read_are_skipped(void **state)
{
	static const char *const junk[] = { "", "{", "[]", "null", "{}", "{\"labels\":7}",
		"{\"labels\":[[]],\"annotations\":[]}", "{\"labels\":[[{\"hex\":\"f\"},\"x\"]]}",
		"{\"firing\":\"0\",\"resolved\":\"\"}", "{\"firing\":\"zzzzzzzzzzzzzzzz\"}",
		"{\"starts\":1,\"ends\":2,\"updated\":3,\"matchers\":[]}",
		"{\"starts\":1,\"ends\":2,\"updated\":3,\"matchers\":[[\"=\",\"a\"]]}",
		"{\"starts\":1,\"ends\":2,\"updated\":3,\"matchers\":[[\"<\",\"a\",\"b\"]]}",
		"{\"starts\":1,\"ends\":2,\"updated\":3,\"matchers\":[[\"=~\",\"a\",\"(\"]]}" };
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	world_silence(&w, "a=b", 0, HOUR, id);
	fires(&w, "A", "a");
	world_run(&w, 10 * SEC);
	fires(&w, "A", "b");
	world_advance(&w, MINUTE);
	notify_step(w.notify, w.now);
	for (int t = NOTIFY_KEEP_ALERT; t <= NOTIFY_KEEP_SILENCE; t++) {
		assert_true(w.rows[t].n > 0);
		map_foreach (&w.rows[t], e) {
			char *row = e->value;
			struct notify *notify;

			assert_int_equal(notify_new(&w.limits, on_output, &w, &notify), 0);
			for (size_t i = 0; i < ARRAY_SIZE(junk); i++)
				assert_int_equal(notify_restore(notify, (enum notify_output_type)t,
							 e->key, junk[i]),
					-EINVAL);
			for (size_t i = 0; row[i]; i++) {
				char was = row[i];

				row[i] = was == '7' ? '\\' : '7';
				notify_restore(notify, (enum notify_output_type)t, e->key, row);
				row[i] = '\0';
				assert_int_equal(notify_restore(notify, (enum notify_output_type)t,
							 e->key, row),
					-EINVAL);
				row[i] = was;
			}
			w.dead = true;
			notify_configure(notify, w.config, w.now);
			notify_step(notify, w.now);
			w.dead = false;
			notify_free(notify);
		}
	}
	assert_int_equal(notify_restore(w.notify, NOTIFY_KEEP_ALERT, "x", "{}"), -EINVAL);
	assert_int_equal(notify_restore(w.notify, NOTIFY_SEND, "x", "{}"), -EINVAL);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_instant_it_loses_nothing),
		cmocka_unit_test(a_fire_that_goes_on_is_told_in_time),
		cmocka_unit_test(timers_go_on_over_a_restart),
		cmocka_unit_test(a_group_goes_on_in_step),
		cmocka_unit_test(repeats_when_it_would_have_without_the_restarts),
		cmocka_unit_test(what_was_under_way_is_sent_again_as_it_was),
		cmocka_unit_test(what_the_log_knows_is_not_sent_again),
		cmocka_unit_test(what_may_have_arrived_is_not_relied_upon),
		cmocka_unit_test(all_rows_can_be_put_out_anew),
		cmocka_unit_test(an_alert_ends_when_its_rule_is_silent_after_the_restart),
		cmocka_unit_test(a_lease_begins_again_after_the_restart),
		cmocka_unit_test(an_alert_that_was_over_stays_over_whatever_the_clock_says),
		cmocka_unit_test(text_that_is_no_utf8_comes_back_as_it_was),
		cmocka_unit_test(an_empty_annotation_comes_back),
		cmocka_unit_test(rows_that_cannot_be_read_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
