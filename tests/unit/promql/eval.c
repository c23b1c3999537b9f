/* The evaluator on a real sample store: what the conformance files do not reach. */
#include "harness.h"

#include <math.h>
#include "base/clock.h"
#include "promql/promql.h"

#define MINUTE 60000

struct fixture {
	struct tsdb *db;
};

static void add(struct tsdb *db, const char *name, const char *label, int64_t first_ms,
	int64_t step_ms, size_t n, double value, double increment)
{
	const char *const pairs[][2] = { { "__name__", name }, { "l", label } };
	struct labels *labels = labels_new(ARRAY_SIZE(pairs), pairs);
	struct series *series;

	assert_non_null(labels);
	assert_int_equal(tsdb_series(db, labels, &series), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tsdb_append(db, series, first_ms + (int64_t)i * step_ms,
					 value + (double)i * increment),
			0);
	series_unref(series);
	labels_unref(labels);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &f->db), 0);
	add(f->db, "requests_total", "a", 0, MINUTE, 61, 0, 60);
	add(f->db, "requests_total", "b", 0, MINUTE, 61, 0, 120);
	add(f->db, "up", "a", 0, MINUTE, 61, 1, 0);
	add(f->db, "up", "b", 0, MINUTE, 61, 0, 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tsdb_free(f->db);
	free(f);
	return 0;
}

static int eval_with(struct tsdb *db, const char *text, int64_t start, int64_t end, int64_t step,
	const struct promql_options *options, struct promql_result *ret, struct promql_error *err)
{
	scoped(promql_freep) struct promql_expr *expr = NULL;
	int status = promql_parse(text, &expr, err);

	if (status)
		return status;
	if (step)
		return promql_eval_range(expr, db, start, end, step, options, ret, err);
	return promql_eval(expr, db, start, options, ret, err);
}

/* The answer as a line: {labels} value@time value@time; ... */
static void check_answer(struct tsdb *db, const char *text, int64_t start, int64_t end,
	int64_t step, const char *expected)
{
	struct strbuf line = STRBUF_INIT;
	struct promql_result result;
	struct promql_error err = { 0 };
	int status = eval_with(db, text, start, end, step, NULL, &result, &err);

	if (status)
		fail_msg("%s: %s", text, err.text);
	for (size_t i = 0; i < result.n; i++) {
		strbuf_adds(&line, i ? "; " : "");
		labels_format(result.series[i].labels, &line);
		for (size_t k = 0; k < result.series[i].n; k++) {
			strbuf_addf(&line, " %.6g@%lld", result.series[i].points[k].value,
				(long long)result.series[i].points[k].wall_ms / 1000);
		}
	}
	assert_string_equal(line.s, expected);
	strbuf_release(&line);
	promql_result_release(&result);
}

static void answers_at_an_instant(void **state)
{
	static const struct {
		const char *text, *answer;
	} cases[] = {
		{ "up == 0", "up{l=\"b\"} 0@1800" },
		{ "1 + 2 * 3", "{} 7@1800" },
		{ "rate(requests_total[5m])", "{l=\"a\"} 1@1800; {l=\"b\"} 2@1800" },
		{ "up[2m]", "up{l=\"a\"} 1@1740 1@1800; up{l=\"b\"} 0@1740 0@1800" },
		{ "up{l='a'}[2m:1m] @ 60", "up{l=\"a\"} 1@0 1@60" },
		{ "absent(up{l=\"c\",m!=\"x\"})", "{l=\"c\"} 1@1800" },
		{ "absent(up)", "" },
		{ "absent(up{l!=\"x\",l=\"c\"})", "{l=\"c\"} 1@1800" },
		{ "absent(up{l=\"c\",l!=\"x\"})", "{} 1@1800" },
		{ "absent(up{l=~\"c\",l=\"c\",l=\"c\"})", "{} 1@1800" },
		{ "count_values without (l) (\"__name__\", up)", "{} 2@1800" },
		{ "count_values by (l) (\"__name__\", up{l='a'})", "{\"1\", l=\"a\"} 1@1800" },
		{ "requests_total > bool on (l) group_left (__name__) up",
			"{l=\"a\"} 1@1800; {l=\"b\"} 1@1800" },
		{ "up{l='a'} + on (l) group_left (__name__) requests_total",
			"requests_total{l=\"a\"} 1801@1800" },
		{ "sort_desc(requests_total)",
			"requests_total{l=\"b\"} 3600@1800; requests_total{l=\"a\"} 1800@1800" },
		{ "requests_total / on(l) group_left up",
			"{l=\"a\"} 1800@1800; {l=\"b\"} inf@1800" },
		{ "vector(scalar(up))", "{} nan@1800" },
		{ "label_replace(up, \"m\", \"<$1>\", \"l\", \"(a)\")",
			"up{l=\"a\", m=\"<a>\"} 1@1800; up{l=\"b\"} 0@1800" },
		{ "count_values(\"v\", up)", "{v=\"1\"} 1@1800; {v=\"0\"} 1@1800" },
		{ "day_of_week()", "{} 4@1800" },
		{ "days_in_month(vector(1709210096))", "{} 29@1800" },
		{ "predict_linear(requests_total{l='a'}[10m], 60)", "{l=\"a\"} 1860@1800" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_answer(f->db, cases[i].text, 30 * MINUTE, 0, 0, cases[i].answer);
}

static void answers_at_every_step(void **state)
{
	static const struct {
		const char *text, *answer;
	} cases[] = {
		{ "sum(up)", "{} 1@3540 1@3600 1@3660 1@3720" },
		{ "up{l='a'} @ end()", "up{l=\"a\"} 1@3540 1@3600 1@3660 1@3720" },
		{ "time()", "{} 3540@3540 3600@3600 3660@3660 3720@3720" },
		{ "changes(requests_total{l='a'}[2m])", "{l=\"a\"} 1@3540 1@3600 0@3660" },
		{ "absent_over_time(up[1m])", "{} 1@3660 1@3720" },
		{ "topk(1, requests_total)",
			"requests_total{l=\"b\"} 7080@3540 7200@3600 7200@3660 7200@3720" },
		{ "-up or requests_total > bool 0 + up",
			"{l=\"a\"} -1@3540 -1@3600 -1@3660 -1@3720; "
			"{l=\"b\"} -0@3540 -0@3600 -0@3660 -0@3720" },
		{ "nothing", "" },
		{ "5", "{} 5@3540 5@3600 5@3660 5@3720" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_answer(
			f->db, cases[i].text, 59 * MINUTE, 62 * MINUTE, MINUTE, cases[i].answer);
}

/* Samples of one series, a minute apart from 0 on. */
static void add_values(struct tsdb *db, const char *name, const char *label, const char *value,
	const double *v, size_t n)
{
	const char *const pairs[][2] = { { "__name__", name }, { label, value } };
	struct labels *labels = labels_new(ARRAY_SIZE(pairs), pairs);
	struct series *series;

	assert_non_null(labels);
	assert_int_equal(tsdb_series(db, labels, &series), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tsdb_append(db, series, (int64_t)i * MINUTE, v[i]), 0);
	series_unref(series);
	labels_unref(labels);
}

/* A counter with a reset, a line, values among NaN, a histogram. */
static void add_shapes(struct tsdb *db)
{
	static const double c[] = { 0, 10, 20, 5, 15 }, line[] = { 1, 31, 61, 91, 121 };
	static const double nans[] = { 1, NAN, NAN, 3, NAN };

	add_values(db, "c", "l", "c", c, ARRAY_SIZE(c));
	add_values(db, "line", "l", "line", line, ARRAY_SIZE(line));
	add_values(db, "nans", "l", "n", nans, ARRAY_SIZE(nans));
	add_values(db, "h_bucket", "le", "0.1", (const double[]){ 10 }, 1);
	add_values(db, "h_bucket", "le", "0.5", (const double[]){ 30 }, 1);
	add_values(db, "h_bucket", "le", "1", (const double[]){ 60 }, 1);
	add_values(db, "h_bucket", "le", "+Inf", (const double[]){ 80 }, 1);
}

static void functions_give_what_their_definition_says(void **state)
{
	static const struct {
		const char *text, *answer;
	} cases[] = {
		/* 10 20 5 15 in (0, 4m]: 25 with the reset, drawn out over 240 s of 180 s. */
		{ "increase(c[4m])", "{l=\"c\"} 33.3333@240" },
		{ "rate(c[4m]) * 240", "{l=\"c\"} 33.3333@240" },
		{ "delta(c[4m])", "{l=\"c\"} 6.66667@240" },
		/* A counter that starts at zero is not drawn out to before its start. */
		{ "increase(c[8m] offset -1m)", "{l=\"c\"} 43.75@240" },
		{ "irate(c[4m]) * 60", "{l=\"c\"} 10@240" },
		{ "irate(c[4m] offset 1m) * 60", "{l=\"c\"} 5@240" },
		{ "idelta(c[4m] offset 1m)", "{l=\"c\"} -15@240" },
		{ "rate(c[1m])", "" },
		{ "resets(c[4m])", "{l=\"c\"} 1@240" },
		{ "changes(c[4m])", "{l=\"c\"} 3@240" },
		{ "deriv(line[4m])", "{l=\"line\"} 0.5@240" },
		{ "predict_linear(line[4m], 60)", "{l=\"line\"} 151@240" },
		{ "avg_over_time(c[4m])", "{l=\"c\"} 12.5@240" },
		{ "sum_over_time(c[4m])", "{l=\"c\"} 50@240" },
		{ "min_over_time(c[4m])", "{l=\"c\"} 5@240" },
		{ "max_over_time(c[4m])", "{l=\"c\"} 20@240" },
		{ "count_over_time(c[4m])", "{l=\"c\"} 4@240" },
		{ "stdvar_over_time(c[4m])", "{l=\"c\"} 31.25@240" },
		{ "last_over_time(c[4m])", "c{l=\"c\"} 15@240" },
		{ "first_over_time(c[4m])", "c{l=\"c\"} 10@240" },
		{ "present_over_time(c[4m])", "{l=\"c\"} 1@240" },
		{ "quantile_over_time(0.5, c[4m])", "{l=\"c\"} 12.5@240" },
		{ "max_over_time(nans[4m])", "{l=\"n\"} 3@240" },
		{ "min(nans) or max(nans)", "{} nan@240" },
		{ "changes(nans[10m])", "{l=\"n\"} 3@240" },
		{ "histogram_quantile(0.5, h_bucket)", "{} 0.666667@240" },
		{ "histogram_quantile(0.9, h_bucket)", "{} 1@240" },
		/* Below zero counts rise, too. */
		{ "histogram_quantile(1, h_bucket - 100)", "{} 1@240" },
		{ "histogram_quantile(-1, h_bucket)", "{} -inf@240" },
		{ "histogram_quantile(0.5, h_bucket{le!='+Inf'})", "{} nan@240" },
		{ "histogram_fraction(0, 0.5, h_bucket)", "{} 0.375@240" },
		{ "histogram_fraction(0.3, 1, h_bucket)", "{} 0.5@240" },
		{ "histogram_fraction(1, 0, h_bucket)", "{} 0@240" },
		{ "histogram_fraction(-Inf, +Inf, h_bucket)", "{} 1@240" },
		{ "clamp(c, 0, 10) + clamp_min(c, 20) + clamp_max(c, 1)", "{l=\"c\"} 31@240" },
		{ "clamp(c, 2, 1)", "" },
		{ "round(c / 4) + round(c, 10) + sgn(-c)", "{l=\"c\"} 23@240" },
		{ "label_join(c, \"x\", \"-\", \"l\", \"none\", \"l\")",
			"c{l=\"c\", x=\"c--c\"} 15@240" },
		{ "minute() + year(vector(0))", "{} 1974@240" },
		{ "timestamp(c offset 30s)", "{l=\"c\"} 180@240" },
		{ "stddev({le=~\"0.1|0.5\"})", "{} 10@240" },
		{ "quantile(0.25, {le!=\"\"})", "{} 25@240" },
		{ "bottomk(1, {le!=\"\"})", "h_bucket{le=\"0.1\"} 10@240" },
		{ "avg without (le) (h_bucket)", "{} 45@240" },
		{ "c offset -4m", "c{l=\"c\"} 15@240" },
		{ "c offset -5m", "" },
	};
	struct fixture *f = *state;

	add_shapes(f->db);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_answer(f->db, cases[i].text, 4 * MINUTE, 0, 0, cases[i].answer);
}

static void refuses_with_a_reason(void **state)
{
	static const struct {
		const char *text;
		struct promql_options options;
		int status;
		const char *error;
	} cases[] = {
		{ "up + on() requests_total", { 0 }, -EINVAL,
			"found duplicate series for the match group {} on the right hand-side of the "
			"operation: [{__name__=\"requests_total\", l=\"a\"}, "
			"{__name__=\"requests_total\", l=\"b\"}];many-to-many matching not allowed: "
			"matching labels must be unique on one side" },
		{ "up + on() vector(1)", { 0 }, -EINVAL,
			"multiple matches for labels: many-to-one matching must be explicit "
			"(group_left/group_right)" },
		{ "up + on() group_left(l) label_replace(vector(1), 'l', 'x', '', '')", { 0 },
			-EINVAL,
			"multiple matches for labels: grouping labels must ensure unique matches" },
		{ "label_replace(up, 'l', 'x', '', '')", { 0 }, -EINVAL,
			"vector cannot contain metrics with the same labelset" },
		{ "topk(NaN, up)", { 0 }, -EINVAL, "Parameter value is NaN" },
		{ "limitk(1, up)", { 0 }, -ENOSYS,
			"aggregation \"limitk\" is experimental in Prometheus and not evaluated here" },
		{ "rate(requests_total[1h])", { .max_samples = 50 }, -E2BIG,
			"query processing would load too many samples into memory in query execution" },
		{ "sum_over_time(up[30d:1s])", { .max_bytes = 1 << 20 }, -E2BIG,
			"query processing would take more memory than one query may have" },
		{ "up", { .deadline_boot_ns = 1 }, -ETIMEDOUT,
			"query timed out in expression evaluation" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct promql_result result;
		struct promql_error err = { 0 };

		assert_int_equal(eval_with(f->db, cases[i].text, 30 * MINUTE, 0, 0,
					 &cases[i].options, &result, &err),
			cases[i].status);
		assert_string_equal(err.text, cases[i].error);
	}
}

/* Of one series: minutes of work, which nothing but the clock can end. */
static void keeps_its_deadline_in_the_middle_of_a_series(void **state)
{
	static const char *const texts[] = { "quantile_over_time(0.5, up{l='a'}[50m:10ms])",
		"stddev_over_time(up{l='a'}[50m:10ms])" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int64_t begun = clock_boot_ns();
		const struct promql_options options = { .deadline_boot_ns =
								begun + NSEC_PER_SEC / 2 };
		struct promql_result result;
		struct promql_error err = { 0 };

		assert_int_equal(eval_with(f->db, texts[i], 50 * MINUTE, 50 * MINUTE + 11000, 1,
					 &options, &result, &err),
			-ETIMEDOUT);
		assert_true(clock_boot_ns() - begun < 5 * NSEC_PER_SEC);
	}
}

static void refuses_ranges_and_strings_over_steps(void **state)
{
	static const char *const texts[] = { "up[5m]", "up[5m:]", "\"a\"" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct promql_result result;
		struct promql_error err;

		assert_int_equal(eval_with(f->db, texts[i], 0, MINUTE, MINUTE, NULL, &result, &err),
			-EINVAL);
	}
}

static void notes_what_is_doubtful(void **state)
{
	struct fixture *f = *state;
	struct promql_result result;
	struct promql_error err;

	assert_int_equal(
		eval_with(f->db, "1 + rate(up[5m])", 30 * MINUTE, 0, 0, NULL, &result, &err), 0);
	assert_int_equal(result.n_infos, 1);
	assert_string_equal(result.infos[0],
		"PromQL info: metric might not be a counter, name does not end in "
		"_total/_sum/_count/_bucket: \"up\" (1:10)");
	promql_result_release(&result);
	assert_int_equal(
		eval_with(f->db, "quantile(2, up)", 30 * MINUTE, 0, 0, NULL, &result, &err), 0);
	assert_int_equal(result.n_warnings, 1);
	assert_string_equal(result.warnings[0],
		"PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)");
	promql_result_release(&result);
}

static void evaluates_what_is_as_deep_as_it_may_be(void **state)
{
	static const struct {
		const char *first, *part, *middle, *last, *answer;
		size_t n;
	} cases[] = {
		{ "0", "+1", "", "", "{} 999@1800", 999 },
		{ "", "(", "7", ")", "{} 7@1800", 990 },
		{ "", "-(", "time()", ")", "{} 1800@1800", 490 },
		{ "", "sum(", "up", ")", "{} 1@1800", 990 },
		{ "up{l='a'}", " or up{l='a'}", "", "", "up{l=\"a\"} 1@1800", 990 },
		{ "", "max_over_time(", "up{l='a'}", "[1m:])", "{l=\"a\"} 1@1800", 25 },
		{ "", "topk(scalar(", "up{l='a'}", "),up{l='a'})", "up{l=\"a\"} 1@1800", 400 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf text = STRBUF_INIT;

		strbuf_adds(&text, cases[i].first);
		for (size_t k = 0; k < cases[i].n; k++)
			strbuf_adds(&text, cases[i].part);
		strbuf_adds(&text, cases[i].middle);
		for (size_t k = 0; k < cases[i].n; k++)
			strbuf_adds(&text, cases[i].last);
		check_answer(f->db, text.s, 30 * MINUTE, 0, 0, cases[i].answer);
		strbuf_release(&text);
	}
}

static int eval_once(void *userdata)
{
	struct fixture *f = userdata;
	struct promql_result result;
	struct promql_error err;
	int status = eval_with(f->db,
		"sum by (l) (rate(requests_total[5m])) / on (l) group_left () (up or absent(x)) "
		"or label_replace(topk(1, up), 'a', 'b', '', '') or count_values('v', up) "
		"or histogram_quantile(0.5, up) or -max_over_time(up[5m:1m]) "
		"or quantile_over_time(2, up[5m])",
		30 * MINUTE, 32 * MINUTE, MINUTE, NULL, &result, &err);

	if (!status)
		promql_result_release(&result);
	return status;
}

static void survives_every_allocation_that_fails(void **state)
{
	with_failing_allocations(eval_once, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_at_an_instant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_at_every_step, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			functions_give_what_their_definition_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_with_a_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			keeps_its_deadline_in_the_middle_of_a_series, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			refuses_ranges_and_strings_over_steps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(notes_what_is_doubtful, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			evaluates_what_is_as_deep_as_it_may_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			survives_every_allocation_that_fails, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
