/* The log of what was told: kept as long as it matters, and no longer. */
#include "world.h"

static enum notify_result down(struct world *w, const struct notification *n)
{
	return NOTIFY_RETRY;
}

static void an_outage_of_days_forgets_no_end(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "5m", "1h"));
	fires(&w, "A", "a");
	fires(&w, "A", "b");
	world_run(&w, MINUTE);
	w.server = down;
	ends(&w, "A", "a");
	world_run(&w, 72 * HOUR);
	w.server = NULL;
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a! b!; some alerts resolved: b! a.");
	world_release(&w);
}

static void a_long_repeat_interval_is_not_cut_short(void **state)
{
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1h", "30d"));
	fires(&w, "A", "a");
	world_run(&w, 30 * 24 * HOUR);
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, 2 * HOUR);
	assert_mails(&w, 0, "first notification: a!; repeat interval elapsed: a!");
	world_release(&w);
}

static void groups_that_come_and_go_do_not_fill_it(void **state)
{
	struct world w;
	char name[16];

	world_init(&w, config_with("[alertname]", "1s", "1m", "4h"));
	notify_free(w.notify);
	w.limits.max_groups = 10;
	world_begin(&w);
	assert_int_equal(notify_configure(w.notify, w.config, w.now), 0);
	fires(&w, "Stays", "s");
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "Brief%d", i);
		fires(&w, name, "a");
		world_run(&w, 2 * SEC);
		ends(&w, name, "a");
		world_run(&w, MINUTE);
		/* Two addresses; and what comes between two sweeps. */
		assert_in_range(w.rows[NOTIFY_KEEP_LOG].n, 2, 20 + 2 * 16);
	}
	assert_non_null(log_find(w.notify, "{}:{alertname=\"Stays\"}:team/email/0"));
	world_release(&w);
}

/* Twice the interval to repeat in, but not more than five days past it. */
static void what_was_told_is_forgotten_in_time(void **state)
{
	static const struct {
		const char *repeat;
		int64_t lives_ns;
	} rows[] = {
		{ "1h", 2 * HOUR },
		{ "100h", 200 * HOUR },
		{ "120h", 240 * HOUR },
		{ "30d", (30 * 24 + 120) * HOUR },
	};
	static const char key[] = "{}:{alertname=\"A\"}:team/email/0";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct log_entry *told;
		struct world w;

		world_init(&w, config_with("[alertname]", "10s", "1m", rows[i].repeat));
		fires(&w, "A", "a");
		world_run(&w, MINUTE);
		told = log_find(w.notify, key);
		assert_int_equal(told->n_firing, 1);
		assert_int_equal(
			told->hashes[0], labels_fingerprint(w.mails[0].n->alerts[0]->labels));
		ends(&w, "A", "a");
		world_run(&w, 10 * SEC);
		told = log_find(w.notify, key);
		assert_int_equal(told->n_firing, 0);
		assert_int_equal(told->n_resolved, 1);
		assert_int_equal(told->at_boot_ns, w.now.boot_ns);
		world_run(&w, rows[i].lives_ns);
		assert_non_null(log_find(w.notify, key));
		/* It is looked for every quarter of an hour. */
		world_run(&w, 16 * MINUTE);
		assert_null(log_find(w.notify, key));
		assert_int_equal(w.rows[NOTIFY_KEEP_LOG].n, 0);
		world_release(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outage_of_days_forgets_no_end),
		cmocka_unit_test(a_long_repeat_interval_is_not_cut_short),
		cmocka_unit_test(groups_that_come_and_go_do_not_fill_it),
		cmocka_unit_test(what_was_told_is_forgotten_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
