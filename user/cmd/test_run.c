/*
 * test_run.c - a rule unit test, run through time that is its own.
 *
 * Samples are added only up to the time of the evaluation, so that no rule sees the future. As in
 * promtool, those behind the last evaluation are never added: an expression asked between two of
 * them sees what the former saw.
 */
#include "cmd/test_run.h"

#include <errno.h>
#include "cmd/test_compare.h"
#include "model/duration.h"

/* A test has all the memory that it needs; what it reads must not go away under it. */
#define STORE_MAX_BYTES	 ((size_t)2 << 30)
#define STORE_MAX_SERIES ((size_t)1 << 24)

/* One input series and how far it is. */
struct feed {
	struct series *series;
	struct series_cursor cursor;
	int64_t next_ms; /* the time of the next value, from the test's start */
	bool ended;
};

struct run {
	const struct test_file *file;
	const struct test_plan *plan;
	struct test_report *report;
	struct config *config;
	struct tsdb *db;
	struct rules *rules;
	struct feed *feeds;
	int64_t slot_ms; /* of the evaluation, from the test's start */
	size_t next_alerts;
	bool over; /* nothing more is asked: it would only be the echo of a failure */
	int err;
};

/* Both clocks move together. On the boot clock 0 means "never", so it begins at 1. */
static struct instant run_instant(const struct run *run, int64_t ms)
{
	return (struct instant){
		.wall_ms = run->plan->test->start_wall_ms + ms,
		.boot_ns = ms * NSEC_PER_MSEC + 1,
	};
}

static const struct config_rule *find_rule(
	const struct run *run, const char *group, const char *rule)
{
	for (size_t g = 0; g < run->config->n_groups; g++) {
		const struct config_group *candidate = &run->config->groups[g];

		for (size_t i = 0; i < candidate->n_rules && streq(candidate->name.s, group); i++) {
			const struct config_rule *r = &candidate->rules[i];

			if (streq(r->alert.s ? r->alert.s : r->record.s, rule))
				return r;
		}
	}
	return NULL;
}

static void on_failed(const char *group, const char *rule, const char *error, void *userdata)
{
	struct run *run = userdata;
	const struct config_rule *found = find_rule(run, group, rule);
	struct strbuf when = STRBUF_INIT;
	int err;

	run->over = true;
	duration_format(&when, run->slot_ms);
	err = test_report_fail(run->report, found ? found->expr.pos : run->plan->test->pos, NULL,
		"test '%s': rule '%s' of group '%s' fails at %s: %s", run->report->title, rule,
		group, when.s, error);
	run->err = run->err ? run->err : err;
	strbuf_release(&when);
}

static int open_store(struct run *run)
{
	const struct tsdb_options options = {
		.retention_ms = INT64_MAX / 4,
		.max_bytes = STORE_MAX_BYTES,
		.max_series = STORE_MAX_SERIES,
	};
	int err;

	err = tsdb_new(&options, &run->db);
	run->feeds = calloc(run->plan->n_series + 1, sizeof(*run->feeds));
	if (!err && !run->feeds)
		err = -ENOMEM;
	for (size_t i = 0; i < run->plan->n_series && !err; i++) {
		struct feed *feed = &run->feeds[i];

		feed->cursor.values = &run->plan->series[i].values;
		feed->ended = run->plan->series[i].left_out;
		if (!feed->ended)
			err = tsdb_series(run->db, run->plan->series[i].labels, &feed->series);
	}
	return err;
}

static int open_rules(struct run *run)
{
	const struct rules_callbacks callbacks = { .failed = on_failed, .userdata = run };
	const struct rules_options options = { .external_url = run->plan->test->external_url.s };
	struct diag told_before = DIAG_INIT;
	int err;

	err = rules_new(run->db, &options, &callbacks, &run->rules);
	if (!err)
		err = test_file_config(run->file, run->plan->test, &run->config);
	/* Faults of the rules were told when the file was read. */
	if (!err)
		err = rules_configure(run->rules, run->config, run_instant(run, 0), &told_before);
	diag_release(&told_before);
	return err;
}

static void close_all(struct run *run)
{
	rules_free(run->rules);
	config_unref(run->config);
	for (size_t i = 0; run->feeds && i < run->plan->n_series; i++)
		series_unref(run->feeds[i].series);
	free(run->feeds);
	tsdb_free(run->db);
}

static int feed_until(struct run *run, int64_t until_ms)
{
	const struct test_group *test = run->plan->test;
	enum series_item_kind kind;
	double value;
	int err;

	for (size_t i = 0; i < run->plan->n_series; i++) {
		struct feed *feed = &run->feeds[i];

		while (!feed->ended && feed->next_ms <= until_ms) {
			if (!series_cursor_next(&feed->cursor, &kind, &value)) {
				feed->ended = true;
				break;
			}
			err = kind == SERIES_FLOAT
				      ? tsdb_append(run->db, feed->series,
						test->start_wall_ms + feed->next_ms, value)
				      : 0;
			if (err == -EEXIST || err == -ERANGE) {
				run->over = true;
				return test_report_fail(run->report, test->series[i].series.pos,
					NULL, "test '%s': a rule writes this series too",
					run->report->title);
			}
			if (err)
				return err;
			feed->next_ms += test->interval_ms;
		}
	}
	return 0;
}

static int by_labels(const void *pa, const void *pb)
{
	const struct rule_alert_info *a = pa, *b = pb;
	int order = labels_compare(a->labels, b->labels);

	return order ? order : labels_compare(a->annotations, b->annotations);
}

static int collect_alerts(
	const struct group_info *groups, size_t n_groups, const char *name, struct got_alerts *ret)
{
	for (size_t g = 0; g < n_groups; g++) {
		for (size_t i = 0; i < groups[g].n_rules; i++) {
			const struct rule_info *rule = &groups[g].rules[i];

			if (!rule->alerting || !streq(rule->name, name))
				continue;
			for (size_t k = 0; k < rule->n_alerts; k++) {
				if (!vec_reserve(ret->alerts, ret->n, ret->cap))
					return -ENOMEM;
				ret->alerts[ret->n++] = rule->alerts[k];
			}
		}
	}
	if (ret->n)
		qsort(ret->alerts, ret->n, sizeof(*ret->alerts), by_labels);
	return 0;
}

static int check_alerts(struct run *run, const struct plan_alerts *alerts)
{
	const struct test_alert_case *source = alerts->source;
	scoped(strbuf_release) struct strbuf detail = STRBUF_INIT, when = STRBUF_INIT;
	scoped(freep) struct group_info *groups = NULL;
	struct got_alerts got = { 0 };
	size_t n_groups;
	int err;

	err = rules_info(run->rules, &groups, &n_groups);
	if (!err)
		err = collect_alerts(groups, n_groups, source->alertname.s, &got);
	run->report->checks++;
	if (!err && !compare_alerts(alerts, &got, &detail)) {
		duration_format(&when, source->eval_time_ms);
		err = test_report_fail(run->report, source->alertname.pos, &detail,
			"test '%s': other alerts fire at %s", run->report->title, when.s);
	}
	free(got.alerts);
	return err;
}

/* The alerts of a time are those of the last evaluation before it, or at it. */
static int check_alerts_of_slot(struct run *run)
{
	int64_t end_ms = run->slot_ms + run->file->evaluation_interval_ms;
	int err = 0;

	while (!err && run->next_alerts < run->plan->n_alerts &&
		run->plan->alerts[run->next_alerts].source->eval_time_ms < end_ms)
		err = check_alerts(run, &run->plan->alerts[run->next_alerts++]);
	return err;
}

static int check_expr(struct run *run, const struct plan_expr *expr)
{
	const struct test_expr_case *source = expr->source;
	const struct promql_options options = { .default_step_ms =
							run->file->evaluation_interval_ms };
	scoped(strbuf_release) struct strbuf detail = STRBUF_INIT, when = STRBUF_INIT;
	struct promql_result result = { 0 };
	struct promql_error error = { 0 };
	int err;

	if (expr->unserved) {
		run->report->unserved++;
		return 0;
	}
	run->report->checks++;
	duration_format(&when, source->eval_time_ms);
	err = promql_eval(expr->expr, run->db, run_instant(run, source->eval_time_ms).wall_ms,
		&options, &result, &error);
	if (err == -ENOMEM)
		return err;
	if (err)
		return test_report_fail(run->report,
			config_pos_in(&source->expr, error.offset, error.length), NULL,
			"test '%s': the expression fails at %s: %s", run->report->title, when.s,
			error.text);
	err = 0;
	if (!compare_expr(expr, &result, run->file->fuzzy_compare, &detail))
		err = test_report_fail(run->report, source->expr.pos, &detail,
			"test '%s': the expression gives something else at %s", run->report->title,
			when.s);
	promql_result_release(&result);
	return err;
}

static int step_through(struct run *run)
{
	int err = 0;

	for (run->slot_ms = 0; run->slot_ms <= run->plan->last_ms && !err;
		run->slot_ms += run->file->evaluation_interval_ms) {
		err = feed_until(run, run->slot_ms);
		if (err || run->over)
			break;
		rules_eval_all(run->rules, run_instant(run, run->slot_ms));
		err = run->err;
		if (err || run->over)
			break;
		err = check_alerts_of_slot(run);
	}
	return err;
}

int test_run(const struct test_file *file, const struct test_plan *plan, struct test_report *report)
{
	struct run run = { .file = file, .plan = plan, .report = report };
	int err;

	err = open_store(&run);
	if (!err)
		err = open_rules(&run);
	if (!err)
		err = step_through(&run);
	for (size_t i = 0; i < plan->n_exprs && !err && !run.over; i++)
		err = check_expr(&run, &plan->exprs[i]);
	close_all(&run);
	return err;
}
