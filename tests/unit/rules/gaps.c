/* What no gap may end: jumps of the clock, sleep, reloads, settings that change, memory that is out. */
#include "world.h"

static void after_a_jump_nothing_is_over_before_new_samples_came(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	forget_alerts(&w);
	w.wall_offset_ms = 3600 * 1000;
	rules_wall_jumped(w.rules, w.wall_offset_ms, at(&w, 10000));
	/* The scrape that the jump asked for is still under way. */
	rules_step(w.rules, at(&w, 10000));
	assert_int_equal(w.n_alerts, 0);
	assert_true(value_of(&w, "ALERTS", "firing", 10000) == 1);
	/* What is kept has the new times: a restart would bring the old ones back. */
	assert_int_equal(w.n_kept, 1);
	restart(&w, "boot-1", 11000);
	sample(&w, 12000, 0);
	run(&w, 12000, 90000, 0);
	assert_true(w.n_alerts > 0);
	for (size_t i = 0; i < w.n_alerts; i++) {
		assert_true(w.alerts[i]->ends_wall_ms == 0);
		assert_true(w.alerts[i]->starts_wall_ms == at(&w, 1000).wall_ms);
	}
	world_release(&w);
}

static void after_a_long_sleep_nothing_is_over_before_new_samples_came(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	event(&w, 1000, 0);
	forget_alerts(&w);
	/* Woken after an hour: the slot is due before any target was scraped. */
	rules_step(w.rules, at(&w, 3601000));
	assert_int_equal(w.n_alerts, 0);
	/* It was well again meanwhile: that is told when two slots saw it. */
	sample(&w, 3602000, 1);
	run(&w, 3602000, 3602000 + 3 * INTERVAL, 1);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->ends_wall_ms > 0);
	world_release(&w);
}

static void a_reload_does_not_lose_the_event_before_it(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	sample(&w, 1000, 0);
	rules_touch(w.rules, series_labels(w.up));
	configure(&w, 1000);
	assert_int_equal(rules_deadline(w.rules), 0);
	rules_step(w.rules, at(&w, 1001));
	assert_int_equal(w.n_alerts, 1);
	world_release(&w);
}

static void labels_in_another_order_are_the_same_rule(void **state)
{
	struct config_pair one[] = { { text("team"), text("home") }, { text("grade"), text("1") } };
	struct config_pair two[] = { { text("grade"), text("1") }, { text("team"), text("home") } };
	struct config_rule other;
	struct config_group group;
	struct world w;

	world_init(&w, "up == 0", 60000);
	w.rule[0].labels = (struct config_pairs){ .items = one, .n = 2 };
	configure(&w, 500);
	event(&w, 1000, 0);
	other = w.rule[0];
	other.labels = (struct config_pairs){ .items = two, .n = 2 };
	group = w.group;
	group.rules = &other;
	w.config.groups = &group;
	configure(&w, 2000);
	run(&w, 2000, 61000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->starts_wall_ms == at(&w, 61000).wall_ms);
	world_release(&w);
}

static void a_rule_that_goes_in_the_millisecond_of_an_event_leaves_no_series(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	event(&w, 1000, 0);
	w.config.n_groups = 0;
	configure(&w, 1000);
	assert_true(value_of(&w, "ALERTS", NULL, 1001) == -1);
	assert_true(value_of(&w, "ALERTS_FOR_STATE", NULL, 1001) == -1);
	world_release(&w);
}

static void external_labels_are_told_where_the_alert_has_none_of_its_own(void **state)
{
	struct config_pair external[] = { { text("site"), text("home") },
		{ text("job"), text("x") } };
	struct world w;

	world_init(&w, "up == 0", 0);
	w.config.global.external_labels = (struct config_pairs){ .items = external, .n = 2 };
	configure(&w, 500);
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_string_equal(labels_get(w.alerts[0]->labels, "site"), "home");
	assert_string_equal(labels_get(w.alerts[0]->labels, "job"), "node");
	assert_true(value_of(&w, "ALERTS{site=\"home\"}", NULL, 1000) == -1);
	/* With other ones it is another alert: what was told is over, the new one is told at once. */
	external[0].value = text("garden");
	configure(&w, 2000);
	event(&w, 3000, 0);
	assert_int_equal(w.n_alerts, 3);
	assert_string_equal(labels_get(w.alerts[1]->labels, "site"), "home");
	assert_true(w.alerts[1]->ends_wall_ms == at(&w, 2000).wall_ms);
	assert_string_equal(labels_get(w.alerts[2]->labels, "site"), "garden");
	assert_true(w.alerts[2]->ends_wall_ms == 0);
	world_release(&w);
}

static void with_a_longer_for_it_fires_again_at_once_when_that_is_over(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	event(&w, 1000, 0);
	w.rule[0].for_ms = 31000;
	configure(&w, 2000);
	run(&w, 2000, 31999, 0);
	assert_int_equal(w.n_alerts, 2);
	assert_true(w.alerts[1]->ends_wall_ms > 0);
	run(&w, 31999, 32000, 0);
	assert_int_equal(w.n_alerts, 3);
	assert_true(w.alerts[2]->ends_wall_ms == 0);
	assert_true(w.alerts[2]->starts_wall_ms == at(&w, 32000).wall_ms);
	world_release(&w);
}

static void two_rules_that_write_one_series_do_not_stop_each_other(void **state)
{
	struct rules_stats stats;
	struct world w;

	world_init(&w, "up == 0", 0);
	w.rule[0] = (struct config_rule){ .record = text("r"), .expr = text("vector(1)") };
	w.rule[1] = (struct config_rule){ .record = text("r"), .expr = text("vector(2)") };
	w.group.n_rules = 2;
	configure(&w, 500);
	run(&w, 500, 40000, 1);
	/* The second one tells of it, once, as Prometheus does; no evaluation failed. */
	assert_int_equal(w.failures, 1);
	rules_stats(w.rules, &stats);
	assert_int_equal(stats.failures, 0);
	assert_true(value_of(&w, "r", NULL, 40000) == 1);
	world_release(&w);
}

static void a_cause_that_is_gone_is_no_news(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	w.cause = "killed by SIGKILL";
	event(&w, 1000, 0);
	w.cause = NULL;
	rules_touch_cause(w.rules);
	rules_step(w.rules, at(&w, 1100));
	assert_int_equal(w.n_alerts, 1);
	world_release(&w);
}

static void what_is_not_utf8_is_never_kept_as_something_else(void **state)
{
	struct world w;

	world_init(&w, "label_replace(up == 0, \"odd\", \"a\\xff\", \"\", \"\")", 0);
	w.cause = "killed by \xff\xfe";
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	/* A row without that label would come back as an alert that never was. */
	assert_int_equal(w.n_kept, 0);
	w.rule[0].expr = text("up == 0");
	configure(&w, 2000);
	event(&w, 3000, 0);
	assert_int_equal(w.n_kept, 1);
	assert_non_null(strstr(w.kept_value[0], "killed by"));
	restart(&w, "boot-1", 4000);
	world_release(&w);
}

static int live_under_failure(void *userdata)
{
	struct diag diag = DIAG_INIT;
	struct world *w = userdata;
	int err;

	/* Whatever fails in it: one more reload and one evaluation, and nobody was told of an end. */
	err = rules_configure(w->rules, &w->config, at(w, 2000), &diag);
	diag_release(&diag);
	if (!err) {
		rules_touch(w->rules, series_labels(w->up));
		rules_step(w->rules, at(w, 3000 + (int64_t)w->transitions++));
	}
	for (size_t i = 0; i < w->n_alerts; i++)
		assert_true(w->alerts[i]->ends_wall_ms == 0);
	forget_alerts(w);
	return err ? err : allocation_failed() ? -ENOMEM : 0;
}

static void no_alert_ends_because_memory_is_out(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	event(&w, 1000, 0);
	forget_alerts(&w);
	with_failing_allocations(live_under_failure, &w);
	event(&w, 30000, 1);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->ends_wall_ms > 0);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_jump_nothing_is_over_before_new_samples_came),
		cmocka_unit_test(after_a_long_sleep_nothing_is_over_before_new_samples_came),
		cmocka_unit_test(a_reload_does_not_lose_the_event_before_it),
		cmocka_unit_test(labels_in_another_order_are_the_same_rule),
		cmocka_unit_test(a_rule_that_goes_in_the_millisecond_of_an_event_leaves_no_series),
		cmocka_unit_test(external_labels_are_told_where_the_alert_has_none_of_its_own),
		cmocka_unit_test(with_a_longer_for_it_fires_again_at_once_when_that_is_over),
		cmocka_unit_test(two_rules_that_write_one_series_do_not_stop_each_other),
		cmocka_unit_test(a_cause_that_is_gone_is_no_news),
		cmocka_unit_test(what_is_not_utf8_is_never_kept_as_something_else),
		cmocka_unit_test(no_alert_ends_because_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
