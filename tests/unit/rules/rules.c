/* Groups through virtual time: slots, kernel events, deadlines, restarts, reloads, jumps. */
#include "harness.h"

#include "rules/rules.h"

#define T0_WALL	 1700000000000ll
#define T0_BOOT	 (5000 * NSEC_PER_SEC)
#define INTERVAL 15000

/* A small world: a store, rules on it, and what they told. */
struct world {
	struct tsdb *db;
	struct rules *rules;
	struct config config;
	struct config_group group;
	struct config_rule rule[3];
	struct series *up;
	struct alert *alerts[64];
	size_t n_alerts;
	char kept_key[4][512], kept_value[4][2048];
	size_t n_kept;
	unsigned transitions, failures;
	char last_error[400];
	const char *cause;
	int64_t wall_offset_ms; /* what jumps of the wall clock added up to */
};

static struct instant at(const struct world *w, int64_t ms)
{
	return (struct instant){ .boot_ns = T0_BOOT + ms * NSEC_PER_MSEC,
		.wall_ms = T0_WALL + ms + w->wall_offset_ms };
}

static void on_alert(const struct alert *alert, void *userdata)
{
	struct world *w = userdata;

	assert_true(w->n_alerts < ARRAY_SIZE(w->alerts));
	w->alerts[w->n_alerts++] = alert_ref(alert);
}

static void on_cause(const struct labels *labels, struct strbuf *out, void *userdata)
{
	const struct world *w = userdata;

	if (w->cause)
		strbuf_adds(out, w->cause);
}

static void on_keep(const char *key, const char *value, void *userdata)
{
	struct world *w = userdata;
	size_t i = 0;

	while (i < w->n_kept && !streq(w->kept_key[i], key))
		i++;
	if (!value) {
		if (i < w->n_kept) {
			w->n_kept--;
			memcpy(w->kept_key[i], w->kept_key[w->n_kept], sizeof(w->kept_key[i]));
			memcpy(w->kept_value[i], w->kept_value[w->n_kept],
				sizeof(w->kept_value[i]));
		}
		return;
	}
	assert_true(i < ARRAY_SIZE(w->kept_key));
	snprintf(w->kept_key[i], sizeof(w->kept_key[i]), "%s", key);
	snprintf(w->kept_value[i], sizeof(w->kept_value[i]), "%s", value);
	if (i == w->n_kept)
		w->n_kept++;
}

static void on_transition(const char *group, const char *rule, const struct labels *labels,
	enum rule_state from, enum rule_state to, void *userdata)
{
	((struct world *)userdata)->transitions++;
}

static void on_failed(const char *group, const char *rule, const char *error, void *userdata)
{
	struct world *w = userdata;

	w->failures++;
	snprintf(w->last_error, sizeof(w->last_error), "%s", error);
}

static struct config_text text(const char *s)
{
	return (struct config_text){ .s = (char *)s };
}

static void start_rules(struct world *w, const char *boot_id)
{
	const struct rules_callbacks callbacks = { .alert = on_alert,
		.cause = on_cause,
		.keep = on_keep,
		.transition = on_transition,
		.failed = on_failed,
		.userdata = w };
	const struct rules_options options = { .external_url = "http://pi:9090",
		.boot_id = boot_id };

	assert_int_equal(rules_new(w->db, &options, &callbacks, &w->rules), 0);
}

static void configure(struct world *w, int64_t ms)
{
	struct diag diag = DIAG_INIT;
	struct strbuf out = STRBUF_INIT;

	if (rules_configure(w->rules, &w->config, at(w, ms), &diag)) {
		diag_print(&diag, &out);
		fail_msg("%s", out.s);
	}
	strbuf_release(&out);
	diag_release(&diag);
}

static void world_init(struct world *w, const char *expr, int64_t for_ms)
{
	const struct tsdb_options options = TSDB_OPTIONS_DEFAULT;
	const char *const pairs[][2] = { { "__name__", "up" }, { "job", "node" },
		{ "instance", "localhost:9100" } };
	struct labels *labels = labels_new(3, pairs);

	memset(w, 0, sizeof(*w));
	w->rule[0] = (struct config_rule){
		.alert = text("InstanceDown"), .expr = text(expr), .for_ms = for_ms
	};
	w->group = (struct config_group){
		.name = text("instance"), .file = "rules.yml", .rules = w->rule, .n_rules = 1
	};
	w->config.refs = 1000; /* on the stack: nobody may free it */
	w->config.groups = &w->group;
	w->config.n_groups = 1;
	w->config.global.evaluation_interval_ms = INTERVAL;
	assert_int_equal(tsdb_new(&options, &w->db), 0);
	assert_int_equal(tsdb_series(w->db, labels, &w->up), 0);
	labels_unref(labels);
	start_rules(w, "boot-1");
	configure(w, 0);
}

static void forget_alerts(struct world *w)
{
	for (size_t i = 0; i < w->n_alerts; i++)
		alert_unref(w->alerts[i]);
	w->n_alerts = 0;
}

static void world_release(struct world *w)
{
	forget_alerts(w);
	rules_free(w->rules);
	series_unref(w->up);
	tsdb_free(w->db);
}

static void sample(struct world *w, int64_t ms, double value)
{
	assert_int_equal(tsdb_append(w->db, w->up, at(w, ms).wall_ms, value), 0);
}

static void event(struct world *w, int64_t ms, double value)
{
	sample(w, ms, value);
	rules_touch(w->rules, series_labels(w->up));
	assert_int_equal(rules_deadline(w->rules), 0);
	rules_step(w->rules, at(w, ms));
}

/* Runs all deadlines in (from, to], with `up` scraped each 15 s as `value`. */
static void run(struct world *w, int64_t from_ms, int64_t to_ms, double value)
{
	int64_t next_scrape = from_ms + INTERVAL, next;

	for (;;) {
		int64_t due = rules_deadline(w->rules);

		next = due == BOOT_NS_NEVER ? to_ms + 1
					    : (due - T0_BOOT + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
		if (next_scrape <= next) {
			if (next_scrape > to_ms)
				return;
			sample(w, next_scrape, value);
			next_scrape += INTERVAL;
			continue;
		}
		if (next > to_ms)
			return;
		rules_step(w->rules, at(w, next));
	}
}

static double value_of(struct world *w, const char *name, const char *state, int64_t ms)
{
	struct promql_result result = { 0 };
	struct promql_error error;
	struct promql_expr *expr;
	char query[200];
	double v = -1;

	snprintf(query, sizeof(query), state ? "%s{alertstate=\"%s\"}" : "%s", name, state);
	assert_int_equal(promql_parse(query, &expr, &error), 0);
	assert_int_equal(promql_eval(expr, w->db, at(w, ms).wall_ms, NULL, &result, &error), 0);
	assert_true(result.n <= 1);
	if (result.n)
		v = result.series[0].points[0].value;
	promql_result_release(&result);
	promql_free(expr);
	return v;
}

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

static void restart(struct world *w, const char *boot_id, int64_t ms)
{
	rules_free(w->rules);
	start_rules(w, boot_id);
	for (size_t i = 0; i < w->n_kept; i++)
		assert_int_equal(
			rules_restore(w->rules, w->kept_key[i], w->kept_value[i], at(w, ms)), 0);
	configure(w, ms);
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

static struct rules_stats stats_of(const struct world *w)
{
	struct rules_stats stats;

	rules_stats(w->rules, &stats);
	return stats;
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

static void two_rules_that_write_one_series_do_not_fail_each_other(void **state)
{
	struct world w;

	world_init(&w, "up == 0", 0);
	w.rule[0] = (struct config_rule){ .record = text("r"), .expr = text("vector(1)") };
	w.rule[1] = (struct config_rule){ .record = text("r"), .expr = text("vector(2)") };
	w.group.n_rules = 2;
	configure(&w, 500);
	run(&w, 500, 40000, 1);
	assert_int_equal(w.failures, 0);
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
		cmocka_unit_test(an_event_starts_the_clock_and_for_ends_to_the_millisecond),
		cmocka_unit_test(without_events_it_keeps_to_the_slots),
		cmocka_unit_test(a_short_dip_is_pending_and_nobody_is_told),
		cmocka_unit_test(the_cause_becomes_an_annotation_and_a_later_one_is_told_at_once),
		cmocka_unit_test(a_restart_within_one_boot_does_not_move_the_moment_of_firing),
		cmocka_unit_test(after_a_reboot_a_pending_alert_begins_again),
		cmocka_unit_test(a_restored_alert_that_does_not_come_back_ends_at_the_second_slot),
		cmocka_unit_test(a_reload_keeps_what_stays_and_ends_what_goes),
		cmocka_unit_test(a_bad_expression_leaves_everything_as_it_was),
		cmocka_unit_test(a_rule_sees_what_the_rule_above_wrote_at_the_same_event),
		cmocka_unit_test(two_results_with_one_label_set_are_an_error_and_change_nothing),
		cmocka_unit_test(a_limit_ends_all_alerts_of_its_rule),
		cmocka_unit_test(a_jump_of_the_wall_clock_leaves_the_true_age),
		cmocka_unit_test(missed_slots_are_skipped_and_counted),
		cmocka_unit_test(a_week_passes_in_a_moment),
		cmocka_unit_test(a_rule_that_reads_its_own_alert_is_asked_once_for_an_event),
		cmocka_unit_test(a_circle_of_rules_ends_and_the_next_event_is_heard),
		cmocka_unit_test(what_a_slot_writes_is_read_on_slots_and_no_second_time),
		cmocka_unit_test(after_a_jump_nothing_is_over_before_new_samples_came),
		cmocka_unit_test(after_a_long_sleep_nothing_is_over_before_new_samples_came),
		cmocka_unit_test(a_reload_does_not_lose_the_event_before_it),
		cmocka_unit_test(labels_in_another_order_are_the_same_rule),
		cmocka_unit_test(a_rule_that_goes_in_the_millisecond_of_an_event_leaves_no_series),
		cmocka_unit_test(external_labels_are_told_where_the_alert_has_none_of_its_own),
		cmocka_unit_test(with_a_longer_for_it_fires_again_at_once_when_that_is_over),
		cmocka_unit_test(two_rules_that_write_one_series_do_not_fail_each_other),
		cmocka_unit_test(a_cause_that_is_gone_is_no_news),
		cmocka_unit_test(what_is_not_utf8_is_never_kept_as_something_else),
		cmocka_unit_test(no_alert_ends_because_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
