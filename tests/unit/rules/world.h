/*
 * world.h - a small world for tests of rules: a store, rules on it, a clock of its own, and what the
 * rules told.
 */
#ifndef TOLLD_TESTS_RULES_WORLD_H
#define TOLLD_TESTS_RULES_WORLD_H

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
	struct rules_limits limits; /* from the next start of the rules on */
	int64_t wall_offset_ms;	    /* what jumps of the wall clock added up to */
};

static inline struct instant at(const struct world *w, int64_t ms)
{
	return (struct instant){ .boot_ns = T0_BOOT + ms * NSEC_PER_MSEC,
		.wall_ms = T0_WALL + ms + w->wall_offset_ms };
}

static inline void on_alert(const struct alert *alert, void *userdata)
{
	struct world *w = userdata;

	assert_true(w->n_alerts < ARRAY_SIZE(w->alerts));
	w->alerts[w->n_alerts++] = alert_ref(alert);
}

static inline void on_cause(const struct labels *labels, const struct promql_expr *expr,
	struct strbuf *out, void *userdata)
{
	const struct world *w = userdata;

	assert_non_null(expr);
	if (w->cause)
		strbuf_adds(out, w->cause);
}

static inline void on_keep(const char *key, const char *value, void *userdata)
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

static inline void on_transition(const char *group, const char *rule,
	const struct promql_expr *expr, const struct labels *labels, enum rule_state from,
	enum rule_state to, void *userdata)
{
	((struct world *)userdata)->transitions++;
}

static inline void on_failed(const char *group, const char *rule, const char *error, void *userdata)
{
	struct world *w = userdata;

	w->failures++;
	snprintf(w->last_error, sizeof(w->last_error), "%s", error);
}

static inline struct config_text text(const char *s)
{
	return (struct config_text){ .s = (char *)s };
}

static inline void start_rules(struct world *w, const char *boot_id)
{
	const struct rules_callbacks callbacks = { .alert = on_alert,
		.cause = on_cause,
		.keep = on_keep,
		.transition = on_transition,
		.failed = on_failed,
		.userdata = w };
	const struct rules_options options = {
		.external_url = "http://pi:9090", .boot_id = boot_id, .limits = w->limits
	};

	assert_int_equal(rules_new(w->db, &options, &callbacks, &w->rules), 0);
}

static inline void configure(struct world *w, int64_t ms)
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

static inline void world_init(struct world *w, const char *expr, int64_t for_ms)
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

static inline void forget_alerts(struct world *w)
{
	for (size_t i = 0; i < w->n_alerts; i++)
		alert_unref(w->alerts[i]);
	w->n_alerts = 0;
}

static inline void world_release(struct world *w)
{
	forget_alerts(w);
	rules_free(w->rules);
	series_unref(w->up);
	tsdb_free(w->db);
}

static inline void sample(struct world *w, int64_t ms, double value)
{
	assert_int_equal(tsdb_append(w->db, w->up, at(w, ms).wall_ms, value), 0);
}

static inline void event(struct world *w, int64_t ms, double value)
{
	sample(w, ms, value);
	rules_touch(w->rules, series_labels(w->up));
	assert_int_equal(rules_deadline(w->rules), 0);
	rules_step(w->rules, at(w, ms));
}

/* Runs all deadlines in (from, to], with `up` scraped each 15 s as `value`. */
static inline void run(struct world *w, int64_t from_ms, int64_t to_ms, double value)
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

static inline double value_of(struct world *w, const char *name, const char *state, int64_t ms)
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

static inline void restart(struct world *w, const char *boot_id, int64_t ms)
{
	rules_free(w->rules);
	start_rules(w, boot_id);
	for (size_t i = 0; i < w->n_kept; i++)
		assert_int_equal(
			rules_restore(w->rules, w->kept_key[i], w->kept_value[i], at(w, ms)), 0);
	configure(w, ms);
}

static inline struct rules_stats stats_of(const struct world *w)
{
	struct rules_stats stats;

	rules_stats(w->rules, &stats);
	return stats;
}

#endif
