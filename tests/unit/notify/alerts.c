/* Alerts: merged as Alertmanager merges them, limited in number. */
#include "world.h"

struct told {
	int starts, ends; /* minutes from now; ends 99: none */
	bool timeout;
};

static struct alert *alert_of(const struct world *w, const struct told *t)
{
	struct alert *alert = alert_named("A", "a");

	alert->starts_wall_ms = w->now.wall_ms + t->starts * 60000;
	alert->ends_wall_ms = t->ends == 99 ? 0 : w->now.wall_ms + t->ends * 60000;
	alert->timeout = t->timeout;
	return alert;
}

static const struct alert *the_one(const struct world *w)
{
	const struct map_entry *e = map_next(&w->notify->alerts, NULL);

	return e ? ((const struct entry *)e->value)->alert : NULL;
}

static void merges_what_overlaps(void **state)
{
	static const struct {
		const char *why;
		struct told first, second, result;
	} rows[] = {
		{ "two assumed ends: the later one", { -2, 2, true }, { -1, 3, true },
			{ -2, 3, true } },
		{ "a said end outweighs an assumed one", { -1, 3, true }, { -2, 2, false },
			{ -2, 2, false } },
		{ "a said end outweighs an assumed one that is earlier", { -1, 3, false },
			{ -2, 2, true }, { -2, 3, true } },
		{ "two said ends: the later one", { -1, 3, false }, { -2, 4, false },
			{ -2, 4, false } },
		{ "both over: the later end", { -4, -1, false }, { -3, -2, false },
			{ -4, -1, false } },
		{ "a said end in the past ends it", { -3, 3, false }, { -3, -1, false },
			{ -3, -1, false } },
		{ "an assumed end does not outlive the said one", { -3, 3, true }, { -3, 0, false },
			{ -3, 0, false } },
		{ "no overlap: the new one alone", { -9, -5, false }, { -2, 3, false },
			{ -2, 3, false } },
		{ "a rule's alert has no end, and keeps its start", { -5, 99, false },
			{ -1, 99, false }, { -5, 99, false } },
		{ "a rule ends its alert", { -5, 99, false }, { -5, 0, false }, { -5, 0, false } },
		{ "a rule fires anew", { -5, -3, false }, { -1, 99, false }, { -1, 99, false } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;
		scoped(alert_unrefp) struct alert *first = NULL, *second = NULL, *result = NULL;
		const struct alert *got;

		world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
		first = alert_of(&w, &rows[i].first);
		second = alert_of(&w, &rows[i].second);
		result = alert_of(&w, &rows[i].result);
		assert_int_equal(notify_put(w.notify, first, w.now), 0);
		assert_int_equal(notify_put(w.notify, second, w.now), 0);
		got = the_one(&w);
		if (got->starts_wall_ms != result->starts_wall_ms ||
			got->ends_wall_ms != result->ends_wall_ms ||
			got->timeout != result->timeout)
			fail_msg("%s: starts %lld ends %lld", rows[i].why,
				(long long)(got->starts_wall_ms - w.now.wall_ms) / 60000,
				(long long)(got->ends_wall_ms - w.now.wall_ms) / 60000);
		world_release(&w);
	}
}

static void fills_in_what_a_sender_left_out(void **state)
{
	struct world w;
	scoped(alert_unrefp) struct alert *bare = alert_named("A", "a"),
					  *ended = alert_named("A", "a");

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	bare->timeout = true;
	assert_int_equal(notify_put(w.notify, bare, w.now), 0);
	assert_int_equal(the_one(&w)->starts_wall_ms, w.now.wall_ms);
	assert_int_equal(the_one(&w)->ends_wall_ms, w.now.wall_ms + 300000);
	world_release(&w);

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	ended->ends_wall_ms = w.now.wall_ms - 5;
	assert_int_equal(notify_put(w.notify, ended, w.now), 0);
	assert_int_equal(the_one(&w)->starts_wall_ms, w.now.wall_ms - 5);
	world_release(&w);
}

static void tells_the_newest_annotations(void **state)
{
	static const char *const pairs[][2] = { { "summary", "newer" } };
	struct world w;
	scoped(labels_unrefp) struct labels *annotations = labels_new(1, pairs);
	scoped(alert_unrefp) struct alert *bare = alert_named("A", "a"), *newer = NULL;

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	fires(&w, "A", "a");
	newer = alert_new(bare->labels, annotations);
	newer->starts_wall_ms = w.now.wall_ms;
	assert_int_equal(notify_put(w.notify, newer, w.now), 0);
	world_run(&w, 30 * SEC);
	assert_string_equal(labels_get(w.mails[0].n->alerts[0]->annotations, "summary"), "newer");
	world_release(&w);
}

static void an_alert_told_again_and_again_is_written_once(void **state)
{
	struct world w;
	scoped(alert_unrefp) struct alert *lease = alert_named("A", "leased");
	size_t before;

	world_init(&w, config_with("[alertname]", "30s", "1h", "4h"));
	fires(&w, "A", "a");
	world_run(&w, MINUTE);
	before = w.rows_written;
	for (int i = 0; i < 100; i++) {
		fires(&w, "A", "a");
		world_run(&w, 15 * SEC);
	}
	assert_int_equal(w.rows_written, before);

	lease->timeout = true;
	lease->starts_wall_ms = w.now.wall_ms;
	before = w.rows_written;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(notify_put(w.notify, lease, w.now), 0);
		world_run(&w, 15 * SEC);
	}
	/* 25 minutes of renewing a lease of five. */
	assert_in_range(w.rows_written - before, 5, 15);
	world_release(&w);
}

static void refuses_more_than_its_limits_and_counts(void **state)
{
	struct world w;
	struct notify_stats stats;
	char name[8];
	int err = 0;

	world_init(&w, config_with("[alertname]", "30s", "5m", "4h"));
	notify_free(w.notify);
	w.limits.max_alerts = 20;
	w.limits.max_groups = 5;
	world_begin(&w);
	assert_int_equal(notify_configure(w.notify, w.config, w.now), 0);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "A%d", i);
		err = world_put(&w, name, "a", true);
		assert_int_equal(err, i < 5 ? 0 : -ENOSPC);
	}
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "b%d", i);
		err = world_put(&w, "A0", name, true);
		assert_int_equal(err, i < 15 ? 0 : -ENOSPC);
	}
	/* What is known can still change. */
	ends(&w, "A0", "b0");
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.refused_alerts, 6);
	assert_int_equal(stats.alerts, 20);
	assert_int_equal(stats.firing, 19);
	assert_int_equal(stats.groups, 5);
	assert_int_equal(w.rows[NOTIFY_KEEP_ALERT].n, 20);
	assert_int_equal(w.rows[NOTIFY_KEEP_GROUP].n, 5);
	world_run(&w, MINUTE);
	assert_int_equal(w.n_mails, 10);
	world_release(&w);
}

static void without_a_route_alerts_are_known_and_go_when_over(void **state)
{
	struct world w;
	struct notify_stats stats;

	world_init(&w, config_of("global: {scrape_interval: 15s}\n"));
	fires(&w, "A", "a");
	ends(&w, "A", "b");
	assert_non_null(the_one(&w));
	world_run(&w, HOUR);
	assert_int_equal(w.n_mails, 0);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 1);
	assert_int_equal(stats.groups, 0);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_what_overlaps),
		cmocka_unit_test(fills_in_what_a_sender_left_out),
		cmocka_unit_test(tells_the_newest_annotations),
		cmocka_unit_test(an_alert_told_again_and_again_is_written_once),
		cmocka_unit_test(refuses_more_than_its_limits_and_counts),
		cmocka_unit_test(without_a_route_alerts_are_known_and_go_when_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
