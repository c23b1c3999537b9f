/* Groups through virtual time: slots, kernel events, deadlines, restarts, reloads, jumps. */
#include "world.h"

static void an_event_starts_the_clock_and_for_ends_to_the_millisecond(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 60000);
	run(&w, 0, 61000, 1);
	assert_int_equal(w.n_alerts, 0);
	event(&w, 61234, 0);
	assert_int_equal(w.transitions, 1);
	assert_true(value_of(&w, "ALERTS", "pending", 61234) == 1);
	run(&w, 61234, 61234 + 59999, 0);
	assert_int_equal(w.n_alerts, 0);
	run(&w, 61234 + 59999, 61234 + 60000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->starts_wall_ms == at(&w, 121234).wall_ms);
	assert_true(w.alerts[0]->ends_wall_ms == 0);
	assert_string_equal(labels_get(w.alerts[0]->labels, "alertname"), "InstanceDown");
	assert_null(labels_get(w.alerts[0]->labels, "__name__"));
	assert_string_equal(
		w.alerts[0]->generator_url, "http://pi:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
	assert_true(value_of(&w, "ALERTS", "firing", 121234) == 1);
	assert_true(value_of(&w, "ALERTS", "pending", 121234) == -1);
	assert_true(value_of(&w, "ALERTS_FOR_STATE", NULL, 121234) ==
		    (double)(at(&w, 61234).wall_ms / 1000));

	forget_alerts(&w);
	event(&w, 130000, 1);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->ends_wall_ms == at(&w, 130000).wall_ms);
	assert_true(value_of(&w, "ALERTS", NULL, 130000) == -1);
	world_release(&w);
}

static void without_events_it_keeps_to_the_slots(void **state)
{
	struct world w;
	struct group_info *groups;
	size_t n;

	world_init(&w, "up == 0", 0);
	sample(&w, 1, 0);
	run(&w, 1, 14999, 0);
	assert_int_equal(rules_info(w.rules, &groups, &n), 0);
	assert_int_equal(n, 1);
	free(groups);
	run(&w, 14999, 15000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_int_equal(rules_info(w.rules, &groups, &n), 0);
	assert_int_equal(groups[0].rules[0].n_alerts, 1);
	assert_int_equal(groups[0].rules[0].state, RULE_FIRING);
	assert_int_equal(groups[0].rules[0].health, RULE_HEALTH_OK);
	assert_string_equal(groups[0].rules[0].query, "up == 0");
	free(groups);
	world_release(&w);
}

static void a_short_dip_is_pending_and_nobody_is_told(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 60000);
	event(&w, 1000, 1);
	event(&w, 5000, 0);
	event(&w, 5020, 1);
	run(&w, 5020, 200000, 1);
	assert_int_equal(w.n_alerts, 0);
	assert_int_equal(w.transitions, 2);
	assert_int_equal(w.n_kept, 0);
	world_release(&w);
}

static void the_cause_becomes_an_annotation_and_a_later_one_is_told_at_once(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	w.cause = "killed by SIGKILL";
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_string_equal(labels_get(w.alerts[0]->annotations, "cause"), "killed by SIGKILL");
	w.cause = "killed by the OOM killer";
	rules_touch_cause(w.rules);
	rules_step(w.rules, at(&w, 1100));
	assert_int_equal(w.n_alerts, 2);
	assert_string_equal(
		labels_get(w.alerts[1]->annotations, "cause"), "killed by the OOM killer");
	rules_touch_cause(w.rules);
	rules_step(w.rules, at(&w, 1200));
	assert_int_equal(w.n_alerts, 2);
	world_release(&w);
}

static uint64_t evaluations(const struct world *w)
{
	struct rules_stats stats;

	rules_stats(w->rules, &stats);
	return stats.evaluations;
}

static void a_cause_that_says_the_same_as_before_evaluates_nothing(void **state)
{
	struct world w;
	uint64_t before;

	world_init(&w, "up == 0", 60000);
	w.cause = "killed by SIGKILL";
	event(&w, 1000, 0);
	before = evaluations(&w);
	rules_touch_cause(w.rules);
	assert_int_equal(rules_deadline(w.rules), 0);
	rules_step(w.rules, at(&w, 1100));
	assert_true(rules_deadline(w.rules) > 0);
	assert_int_equal(evaluations(&w), before);
	/* Also one that waits gets another one, and loses it. */
	w.cause = "killed by the OOM killer";
	rules_touch_cause(w.rules);
	rules_step(w.rules, at(&w, 1200));
	assert_int_equal(evaluations(&w), before + 1);
	w.cause = NULL;
	rules_touch_cause(w.rules);
	rules_step(w.rules, at(&w, 1300));
	assert_int_equal(evaluations(&w), before + 2);
	rules_touch_cause(w.rules);
	rules_step(w.rules, at(&w, 1400));
	assert_int_equal(evaluations(&w), before + 2);
	world_release(&w);
}

static void a_restart_within_one_boot_does_not_move_the_moment_of_firing(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 60000);
	event(&w, 1000, 0);
	assert_int_equal(w.n_kept, 1);
	run(&w, 1000, 20000, 0);
	restart(&w, "boot-1", 31000);
	run(&w, 31000, 60999, 0);
	assert_int_equal(w.n_alerts, 0);
	run(&w, 60999, 61000, 0);
	assert_int_equal(w.n_alerts, 1);
	/* And a firing one goes on with its start, and is not told as ended. */
	restart(&w, "boot-1", 70000);
	run(&w, 70000, 130000, 0);
	for (size_t i = 0; i < w.n_alerts; i++) {
		assert_true(w.alerts[i]->starts_wall_ms == at(&w, 61000).wall_ms);
		assert_true(w.alerts[i]->ends_wall_ms == 0);
	}
	world_release(&w);
}

static void after_a_reboot_a_pending_alert_begins_again(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 60000);
	event(&w, 1000, 0);
	restart(&w, "boot-2", 31000);
	run(&w, 31000, 90999, 0);
	assert_int_equal(w.n_alerts, 0);
	run(&w, 90999, 91000, 0);
	assert_int_equal(w.n_alerts, 1);
	world_release(&w);
}

struct reboot {
	int64_t seen_ms, back_ms, fires_ms;
};

/* Down from the first second on, seen so until then, back after a reboot; and when it fires. */
static void reboot(struct world *w, const struct reboot *when)
{
	event(w, 1000, 0);
	run(w, 1000, when->seen_ms, 0);
	restart(w, "boot-2", when->back_ms);
	sample(w, when->back_ms, 0);
	run(w, when->back_ms, when->fires_ms - 15000, 0);
	assert_int_equal(w->n_alerts, 0);
	run(w, when->fires_ms - 15000, when->fires_ms + 15000, 0);
	assert_int_equal(w->n_alerts, 1);
}

/* Source: rules/manager.go, RestoreForState. */
static void after_a_reboot_a_long_for_goes_on(void **state)
{
	static const struct reboot rows[] = {
		/* The time in which nobody looked does not count. */
		{ 30 * 60000, 35 * 60000, 65 * 60000 },
		{ 30 * 60000, 89 * 60000, 119 * 60000 },
		/* Less than the grace is left: that is left. */
		{ 55 * 60000, 60 * 60000, 70 * 60000 },
		/* Away for longer than what is tolerated. */
		{ 30 * 60000, 91 * 60000, 151 * 60000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;

		world_init(&w, "up == 0", 60 * 60000);
		reboot(&w, &rows[i]);
		world_release(&w);
	}
}

static void what_a_reboot_leaves_of_a_for_can_be_set(void **state)
{
	static const struct {
		struct rules_limits limits;
		int64_t for_ms;
		struct reboot when;
	} rows[] = {
		/* A short one begins again, but where no grace is asked for. */
		{ { 0 }, 5 * 60000, { 2 * 60000, 4 * 60000, 9 * 60000 } },
		{ { .grace_period_ms = -1 }, 5 * 60000, { 2 * 60000, 4 * 60000, 7 * 60000 } },
		{ { .grace_period_ms = 40 * 60000 }, 60 * 60000,
			{ 30 * 60000, 35 * 60000, 75 * 60000 } },
		{ { .outage_tolerance_ms = -1 }, 60 * 60000,
			{ 30 * 60000, 35 * 60000, 95 * 60000 } },
		{ { .outage_tolerance_ms = 2 * 3600000 }, 60 * 60000,
			{ 30 * 60000, 91 * 60000, 121 * 60000 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;

		world_init(&w, "up == 0", rows[i].for_ms);
		w.limits = rows[i].limits;
		reboot(&w, &rows[i].when);
		world_release(&w);
	}
}

/* Seconds of work, and far beyond a millisecond's. */
#define LONG_WORK "max_over_time(stddev_over_time(up[20m:10ms])[10m:10ms])"

static void a_rule_that_takes_too_long_fails_and_holds_nobody_up(void **state)
{
	struct config_pair annotation = { text("summary"), text("{{ query \"" LONG_WORK "\" }}") };
	struct world w;

	world_init(&w, "up == 0", 0);
	w.rule[0].annotations = (struct config_pairs){ .items = &annotation, .n = 1 };
	w.rule[1] = (struct config_rule){ .alert = text("Long"), .expr = text(LONG_WORK " > 0") };
	w.group.n_rules = 2;
	w.limits = (struct rules_limits){ .block_ms = 200 };
	restart(&w, "boot-1", 500);
	sample(&w, 1000, 1);
	event(&w, 290000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_non_null(strstr(labels_get(w.alerts[0]->annotations, "summary"),
		"query timed out in expression evaluation"));
	assert_true(w.failures >= 1);
	assert_string_equal(w.last_error, "query timed out in expression evaluation");
	world_release(&w);
}

static void how_often_it_is_told_and_what_is_too_old_can_be_set(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	w.limits = (struct rules_limits){ .resend_delay_ms = 5000, .lookback_ms = 40000 };
	restart(&w, "boot-1", 500);
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_int_equal(w.alerts[0]->lease_ms, 4 * INTERVAL);
	forget_alerts(&w);
	run(&w, 1000, 61000, 0);
	assert_true(w.n_alerts >= 3); /* at the slots, and not after a minute */
	forget_alerts(&w);
	/* No sample comes any more: the last is too old after 40 s, not after five minutes. */
	for (int64_t ms = 62000; ms < 122000; ms += 1000)
		rules_step(w.rules, at(&w, ms));
	assert_true(w.alerts[w.n_alerts - 1]->ends_wall_ms > 0);
	world_release(&w);
}

/* A Raspberry Pi's clock begins where it was last set, and learns the time later. */
static void after_a_reboot_with_the_clock_behind_a_long_for_begins_again(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 60 * 60000);
	event(&w, 1000, 0);
	run(&w, 1000, 30 * 60000, 0);
	w.wall_offset_ms = -40 * 60000;
	tsdb_rewind(w.db, at(&w, 31 * 60000).wall_ms);
	restart(&w, "boot-2", 31 * 60000);
	run(&w, 31 * 60000, 90 * 60000, 0);
	assert_int_equal(w.n_alerts, 0);
	run(&w, 90 * 60000, 92 * 60000, 0);
	assert_int_equal(w.n_alerts, 1);
	world_release(&w);
}

static void a_restored_alert_that_does_not_come_back_ends_at_the_second_slot(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	forget_alerts(&w);
	restart(&w, "boot-1", 16000);
	sample(&w, 16001, 1);
	rules_step(w.rules, at(&w, 16001));
	run(&w, 16001, 30500, 1);
	assert_int_equal(w.n_alerts, 0);
	assert_false(rules_settled(w.rules));
	run(&w, 30500, 60000, 1);
	assert_true(rules_settled(w.rules));
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->ends_wall_ms > 0);
	assert_int_equal(w.n_kept, 0);
	world_release(&w);
}

static void a_reload_keeps_what_stays_and_ends_what_goes(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 60000);
	event(&w, 1000, 0);
	w.rule[0].expr = text("up < 1");
	configure(&w, 20000);
	run(&w, 20000, 61000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->starts_wall_ms == at(&w, 61000).wall_ms);
	forget_alerts(&w);
	w.config.n_groups = 0;
	configure(&w, 70000);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->ends_wall_ms == at(&w, 70000).wall_ms);
	assert_true(value_of(&w, "ALERTS", NULL, 70000) == -1);
	world_release(&w);
}

static void a_bad_expression_leaves_everything_as_it_was(void **state)
{
	struct world w;
	struct diag diag = DIAG_INIT;

	world_init(&w, "up == 0", 0);
	event(&w, 1000, 0);
	w.rule[0].expr = text("up ==");
	assert_int_equal(rules_configure(w.rules, &w.config, at(&w, 2000), &diag), -EINVAL);
	assert_int_equal(diag.errors, 1);
	diag_release(&diag);
	w.rule[0].expr = text("up == 0");
	forget_alerts(&w);
	event(&w, 3000, 1);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->ends_wall_ms > 0);
	world_release(&w);
}

static void a_rule_sees_what_the_rule_above_wrote_at_the_same_event(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	w.rule[0] = (struct config_rule){ .record = text("job:down:count"),
		.expr = text("count by (job) (up == 0)") };
	w.rule[1] = (struct config_rule){ .alert = text("SomeDown"),
		.expr = text("job:down:count > 0") };
	w.rule[2] = (struct config_rule){ .alert = text("Meta"),
		.expr = text("ALERTS{alertname=\"SomeDown\", alertstate=\"firing\"}") };
	w.group.n_rules = 3;
	configure(&w, 500);
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 2);
	assert_string_equal(labels_get(w.alerts[0]->labels, "alertname"), "SomeDown");
	assert_string_equal(labels_get(w.alerts[1]->labels, "alertname"), "Meta");
	assert_true(value_of(&w, "job:down:count", NULL, 1000) == 1);
	world_release(&w);
}

static void two_results_with_one_label_set_are_an_error_and_change_nothing(void **state)
{
	const char *const pairs[][2] = { { "__name__", "up" }, { "job", "other" },
		{ "instance", "localhost:9101" } };
	struct config_pair labels[] = { { text("job"), text("same") },
		{ text("instance"), text("same") } };
	struct labels *other = labels_new(3, pairs);
	struct group_info *groups;
	struct series *series;
	struct world w;
	size_t n;

	world_init(&w, "up == 0", 0);
	w.rule[0].labels = (struct config_pairs){ .items = labels, .n = 2 };
	configure(&w, 500);
	assert_int_equal(tsdb_series(w.db, other, &series), 0);
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	tsdb_append(w.db, series, at(&w, 1500).wall_ms, 0);
	event(&w, 2000, 0.5);
	forget_alerts(&w);
	event(&w, 2001, 0);
	assert_true(w.failures > 0);
	assert_non_null(strstr(w.last_error, "same labelset"));
	assert_int_equal(rules_info(w.rules, &groups, &n), 0);
	assert_int_equal(groups[0].rules[0].health, RULE_HEALTH_ERR);
	free(groups);
	series_unref(series);
	labels_unref(other);
	world_release(&w);
}

/* Whether there is a sample of a series with these labels. */
static bool written(struct world *w, size_t n, const char *const (*pairs)[2], int64_t ms)
{
	struct labels *labels = labels_new(n, pairs);
	struct series_iter it;
	struct series *series;
	struct sample sample;
	bool found;

	assert_int_equal(tsdb_series(w->db, labels, &series), 0);
	series_iter_init(&it, series, at(w, 0).wall_ms, at(w, ms).wall_ms);
	found = series_iter_next(&it, &sample);
	series_iter_release(&it);
	series_unref(series);
	labels_unref(labels);
	return found;
}

static void templates_are_for_alerts_and_a_group_has_labels_for_all(void **state)
{
	struct config_pair of_group[] = { { text("team"), text("{{ $labels.job }}s") },
		{ text("low"), text("group") } };
	struct config_pair of_rule[] = { { text("low"), text("of {{ $value }}") },
		{ text("instance"), text("") } };
	const char *const recorded[][2] = { { "__name__", "down" }, { "job", "node" },
		{ "team", "{{ $labels.job }}s" }, { "low", "of {{ $value }}" } };
	struct world w;

	world_init(&w, "up == 0", 0);
	w.group.labels = (struct config_pairs){ .items = of_group, .n = 2 };
	w.rule[0].labels = (struct config_pairs){ .items = of_rule, .n = 2 };
	w.rule[1] = (struct config_rule){ .record = text("down"), .expr = text("up == 0") };
	w.rule[1].labels = w.rule[0].labels;
	w.group.n_rules = 2;
	configure(&w, 500);
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_string_equal(labels_get(w.alerts[0]->labels, "team"), "nodes");
	assert_string_equal(labels_get(w.alerts[0]->labels, "low"), "of 0");
	assert_null(labels_get(w.alerts[0]->labels, "instance"));
	assert_true(written(&w, 4, recorded, 1000));
	world_release(&w);
}

static void what_a_template_leaves_empty_stands_as_its_text_in_the_alerts_series(void **state)
{
	struct config_pair of_rule[] = { { text("severity"), text("{{ $labels.none }}") },
		{ text("instance"), text("") }, { text("job"), text("{{ $labels.job }}") } };
	const char *const pending[][2] = { { "__name__", "ALERTS" },
		{ "alertname", "InstanceDown" }, { "alertstate", "pending" }, { "job", "node" },
		{ "severity", "{{ $labels.none }}" } };
	const char *const since[][2] = { { "__name__", "ALERTS_FOR_STATE" },
		{ "alertname", "InstanceDown" }, { "job", "node" },
		{ "severity", "{{ $labels.none }}" } };
	struct world w;

	world_init(&w, "up == 0", 60000);
	w.rule[0].labels = (struct config_pairs){ .items = of_rule, .n = 3 };
	configure(&w, 500);
	event(&w, 1000, 0);
	assert_true(written(&w, 5, pending, 1000));
	assert_true(written(&w, 4, since, 1000));
	run(&w, 1000, 61000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_int_equal(w.alerts[0]->labels->n, 2);
	world_release(&w);
}

/* Of one alert the label is the text, of the other one it is nothing: both write one series. */
static void two_alerts_of_a_rule_may_share_a_series(void **state)
{
	struct config_pair of_rule[] = { { text("kind"), text("{{ $labels.kind }}") },
		{ text("job"), text("") }, { text("instance"), text("") } };
	struct world w;

	world_init(&w,
		"up == 0 or label_replace(up == 0 and up offset 10s == 0, 'kind', "
		"'{{ $$labels.kind }}', '', '')",
		60000);
	w.rule[0].labels = (struct config_pairs){ .items = of_rule, .n = 3 };
	configure(&w, 500);
	event(&w, 1000, 0);
	run(&w, 1000, 31000, 0);
	assert_true(value_of(&w, "count(ALERTS)", NULL, 31000) == 1);
	run(&w, 31000, 121000, 0);
	/* Which one's is chance, as there; it is no fault that both write it. */
	assert_true(value_of(&w, "count(ALERTS_FOR_STATE)", NULL, 121000) == 1);
	assert_int_equal(w.failures, 0);
	world_release(&w);
}

static void an_empty_annotation_is_told_and_survives_a_restart(void **state)
{
	struct config_pair notes[] = { { text("n"), text("") },
		{ text("m"), text("{{ $labels.none }}") } };
	struct world w;

	world_init(&w, "up == 0", 60000);
	w.rule[0].annotations = (struct config_pairs){ .items = notes, .n = 2 };
	configure(&w, 500);
	event(&w, 1000, 0);
	assert_non_null(strstr(w.kept_value[0], "\"annotations\":{\"m\":\"\",\"n\":\"\"}"));
	restart(&w, "boot-1", 31000);
	run(&w, 31000, 61000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_string_equal(labels_get(w.alerts[0]->annotations, "n"), "");
	assert_string_equal(labels_get(w.alerts[0]->annotations, "m"), "");
	world_release(&w);
}

static void a_rule_tells_that_another_has_written_what_it_would(void **state)
{
	static const struct {
		const char *expr;
		int failures; /* of the second rule, told once */
	} rows[] = {
		{ "up + 1", 1 }, { "up", 0 }, /* the same value harms nobody */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rules_stats stats;
		struct world w;

		world_init(&w, "up == 5", 0);
		w.rule[1] = (struct config_rule){ .record = text("r"), .expr = text("up") };
		w.rule[2] = (struct config_rule){ .record = text("r"), .expr = text(rows[i].expr) };
		w.group.n_rules = 3;
		configure(&w, 500);
		event(&w, 1000, 0);
		run(&w, 1000, 61000, 0);
		assert_int_equal(w.failures, rows[i].failures);
		rules_stats(w.rules, &stats);
		assert_int_equal(stats.failures, 0);
		world_release(&w);
	}
}

static void a_limit_ends_all_alerts_of_its_rule(void **state)
{
	const char *const pairs[][2] = { { "__name__", "up" }, { "job", "b" },
		{ "instance", "b" } };
	struct labels *other = labels_new(3, pairs);
	struct series *series;
	struct world w;

	world_init(&w, "up == 0", 0);
	w.group.limit = 1;
	configure(&w, 500);
	event(&w, 1000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_int_equal(tsdb_series(w.db, other, &series), 0);
	tsdb_append(w.db, series, at(&w, 1500).wall_ms, 0);
	run(&w, 1500, 16500, 0);
	assert_int_equal(w.failures, 1);
	assert_int_equal(w.n_alerts, 2);
	assert_true(w.alerts[1]->ends_wall_ms > 0);
	series_unref(series);
	labels_unref(other);
	world_release(&w);
}

static void a_limit_counts_what_only_keep_firing_for_holds(void **state)
{
	static const struct {
		int64_t keep_firing_for_ms;
		int limit, failures, alerts;
	} rows[] = {
		{ 0, 1, 0, 3 }, /* one fires, is over, and the other one fires */
		{ 60000, 2, 0, 2 }, { 60000, 1, 1, 2 }, /* one fires, and the limit ends it */
	};
	const char *const pairs[][2] = { { "__name__", "up" }, { "job", "b" },
		{ "instance", "b" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct labels *other = labels_new(3, pairs);
		struct series *series;
		struct world w;

		world_init(&w, "up == 0", 0);
		w.group.limit = rows[i].limit;
		w.rule[0].keep_firing_for_ms = rows[i].keep_firing_for_ms;
		configure(&w, 500);
		event(&w, 1000, 0);
		assert_int_equal(w.n_alerts, 1);
		assert_int_equal(tsdb_series(w.db, other, &series), 0);
		tsdb_append(w.db, series, at(&w, 1500).wall_ms, 0);
		sample(&w, 1500, 1);
		run(&w, 1500, 16500, 1);
		assert_int_equal(w.failures, rows[i].failures);
		assert_int_equal(w.n_alerts, rows[i].alerts);
		series_unref(series);
		labels_unref(other);
		world_release(&w);
	}
}

static void a_jump_of_the_wall_clock_leaves_the_true_age(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 60000);
	event(&w, 1000, 0);
	w.wall_offset_ms = 40ll * 365 * 86400 * 1000;
	rules_wall_jumped(w.rules, w.wall_offset_ms, at(&w, 10000));
	sample(&w, 10001, 0);
	rules_step(w.rules, at(&w, 10001));
	run(&w, 10001, 60999, 0);
	assert_int_equal(w.n_alerts, 0);
	run(&w, 60999, 61000, 0);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->starts_wall_ms == at(&w, 61000).wall_ms);
	world_release(&w);
}

static void missed_slots_are_skipped_and_counted(void **state)
{
	struct rules_stats stats;
	struct world w;

	world_init(&w, "up == 0", 0);
	run(&w, 0, 20000, 1);
	rules_step(w.rules, at(&w, 20000 + 100 * INTERVAL));
	rules_stats(w.rules, &stats);
	assert_in_range(stats.missed_slots, 98, 101);
	assert_in_range(stats.evaluations, 2, 3);
	world_release(&w);
}

static void a_week_passes_in_a_moment(void **state)
{
	struct world w;
	size_t told = 0;

	world_init(&w, "up == 0", 60000);
	for (int64_t hour = 0; hour < 24 * 7; hour++) {
		int64_t ms = hour * 3600000 + 1;

		event(&w, ms, 0);
		run(&w, ms, ms + 120000, 0);
		told += w.n_alerts > 0;
		forget_alerts(&w);
		event(&w, ms + 130000, 1);
		run(&w, ms + 130000, ms + 3599000, 1);
		forget_alerts(&w);
		tsdb_expire(w.db, at(&w, ms).wall_ms, 1000);
	}
	assert_int_equal(told, 24 * 7);
	world_release(&w);
}

static void a_rule_that_reads_its_own_alert_is_asked_once_for_an_event(void **state)
{
	struct world w;

	world_init(&w, "up == 0 unless on (instance) ALERTS{alertname=\"InstanceDown\"}", 0);
	event(&w, 1000, 0);
	assert_int_equal(stats_of(&w).event_evaluations, 1);
	assert_int_equal(w.n_alerts, 1);
	assert_true(w.alerts[0]->ends_wall_ms == 0);
	world_release(&w);
}

static void a_circle_of_rules_ends_and_the_next_event_is_heard(void **state)
{
	uint64_t before;
	struct world w;

	world_init(&w, "up == 0", 0);
	w.rule[0] = (struct config_rule){ .record = text("a"),
		.expr = text("sum(up) * 0 + 1 - scalar(b or vector(0))") };
	w.rule[1] = (struct config_rule){ .record = text("b"), .expr = text("a") };
	w.group.n_rules = 2;
	configure(&w, 500);
	event(&w, 1000, 0);
	before = stats_of(&w).event_evaluations;
	assert_in_range(before, 2, 40);
	assert_true(rules_deadline(w.rules) > at(&w, 1000).boot_ns);
	event(&w, 2000, 1); /* which asserts that it is due at once */
	assert_in_range(stats_of(&w).event_evaluations, before + 2, before + 40);
	world_release(&w);
}

static void what_changed_may_wait_while_a_for_ends_to_the_millisecond(void **state)
{
	int64_t due;
	struct world w;

	world_init(&w, "up == 0", 20000);
	configure(&w, 500);
	event(&w, 1000, 0);
	/* Whoever steps the rules puts off what changes from now on. */
	for (int64_t ms = 2000; ms < 21000; ms += 1000) {
		sample(&w, ms, ms % 2000 ? 0 : -0.0);
		rules_touch(w.rules, series_labels(w.up));
		assert_int_equal(rules_deadline(w.rules), 0);
		while ((due = rules_timed_deadline(w.rules)) <= at(&w, ms + 1000).boot_ns)
			rules_step(w.rules,
				at(&w, (due - T0_BOOT + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC));
	}
	assert_int_equal(w.n_alerts, 1);
	assert_int_equal(w.alerts[0]->starts_wall_ms, at(&w, 21000).wall_ms);
	world_release(&w);
}

static void what_a_slot_writes_is_read_on_slots_and_no_second_time(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	w.rule[0] = (struct config_rule){ .record = text("r"), .expr = text("sum(up)") };
	w.rule[1] = (struct config_rule){ .record = text("s"), .expr = text("r + 1") };
	w.group.n_rules = 2;
	configure(&w, 500);
	for (int i = 0; i < 10; i++)
		run(&w, i * INTERVAL, (i + 1) * INTERVAL, i);
	assert_int_equal(stats_of(&w).event_evaluations, 0);
	assert_int_equal(stats_of(&w).evaluations, 20);
	assert_true(value_of(&w, "count_over_time(s[150s])", NULL, 150000) == 9);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_starts_the_clock_and_for_ends_to_the_millisecond),
		cmocka_unit_test(without_events_it_keeps_to_the_slots),
		cmocka_unit_test(a_short_dip_is_pending_and_nobody_is_told),
		cmocka_unit_test(the_cause_becomes_an_annotation_and_a_later_one_is_told_at_once),
		cmocka_unit_test(a_cause_that_says_the_same_as_before_evaluates_nothing),
		cmocka_unit_test(a_restart_within_one_boot_does_not_move_the_moment_of_firing),
		cmocka_unit_test(after_a_reboot_a_pending_alert_begins_again),
		cmocka_unit_test(after_a_reboot_a_long_for_goes_on),
		cmocka_unit_test(what_a_reboot_leaves_of_a_for_can_be_set),
		cmocka_unit_test(a_rule_that_takes_too_long_fails_and_holds_nobody_up),
		cmocka_unit_test(how_often_it_is_told_and_what_is_too_old_can_be_set),
		cmocka_unit_test(after_a_reboot_with_the_clock_behind_a_long_for_begins_again),
		cmocka_unit_test(a_restored_alert_that_does_not_come_back_ends_at_the_second_slot),
		cmocka_unit_test(a_reload_keeps_what_stays_and_ends_what_goes),
		cmocka_unit_test(a_bad_expression_leaves_everything_as_it_was),
		cmocka_unit_test(a_rule_sees_what_the_rule_above_wrote_at_the_same_event),
		cmocka_unit_test(two_results_with_one_label_set_are_an_error_and_change_nothing),
		cmocka_unit_test(templates_are_for_alerts_and_a_group_has_labels_for_all),
		cmocka_unit_test(
			what_a_template_leaves_empty_stands_as_its_text_in_the_alerts_series),
		cmocka_unit_test(two_alerts_of_a_rule_may_share_a_series),
		cmocka_unit_test(an_empty_annotation_is_told_and_survives_a_restart),
		cmocka_unit_test(a_rule_tells_that_another_has_written_what_it_would),
		cmocka_unit_test(a_limit_ends_all_alerts_of_its_rule),
		cmocka_unit_test(a_limit_counts_what_only_keep_firing_for_holds),
		cmocka_unit_test(a_jump_of_the_wall_clock_leaves_the_true_age),
		cmocka_unit_test(missed_slots_are_skipped_and_counted),
		cmocka_unit_test(a_week_passes_in_a_moment),
		cmocka_unit_test(a_rule_that_reads_its_own_alert_is_asked_once_for_an_event),
		cmocka_unit_test(a_circle_of_rules_ends_and_the_next_event_is_heard),
		cmocka_unit_test(what_changed_may_wait_while_a_for_ends_to_the_millisecond),
		cmocka_unit_test(what_a_slot_writes_is_read_on_slots_and_no_second_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
