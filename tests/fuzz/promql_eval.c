/*
 * Whatever expression can be evaluated at one instant and over steps around it, the answers at that
 * instant are the same, bit for bit but for the kind of NaN.
 */
#include <assert.h>
#include <math.h>
#include "promql/promql.h"

#define AT_MS	100000
#define STEP_MS 7000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct tsdb *db, const char *name, const char *a, const char *le, double first,
	double increment)
{
	const char *const pairs[][2] = { { LABEL_NAME, name }, { "a", a }, { "le", le } };
	struct labels *labels = labels_new(3, pairs);
	struct series *series;

	assert(labels && !tsdb_series(db, labels, &series));
	for (int i = 0; i < 40; i++) {
		double v = first + increment * (i % 13);

		if (i == 20)
			v = stale_nan();
		assert(!tsdb_append(db, series, i * 5000, i == 25 ? (double)NAN : v));
	}
	series_unref(series);
	labels_unref(labels);
}

static struct tsdb *store(void)
{
	static struct tsdb *db;

	if (db)
		return db;
	assert(!tsdb_new(&TSDB_OPTIONS_DEFAULT, &db));
	add(db, "foo", "x", "", 1, 2);
	add(db, "foo", "y", "", 3, -0.5);
	add(db, "bar", "x", "", (double)INFINITY, 1);
	add(db, "bar", "z", "0.5", 1e300, 1e300);
	add(db, "bar", "z", "+Inf", 2, 0);
	return db;
}

static const struct sample *sample_at(const struct promql_series *series, int64_t wall_ms)
{
	for (size_t i = 0; i < series->n; i++) {
		if (series->points[i].wall_ms == wall_ms)
			return &series->points[i];
	}
	return NULL;
}

static void check_series(const struct promql_series *series, const struct promql_result *range)
{
	for (size_t i = 0; i < range->n; i++) {
		const struct sample *other;

		if (!labels_equal(range->series[i].labels, series->labels))
			continue;
		other = sample_at(&range->series[i], AT_MS);
		assert(other);
		assert(other->value == series->points[0].value ||
			(isnan(other->value) && isnan(series->points[0].value)));
		return;
	}
	assert(!"a series of the instant is missing in the range");
}

static void check_same(const struct promql_result *instant, const struct promql_result *range)
{
	size_t n = 0;

	for (size_t i = 0; i < instant->n; i++)
		check_series(&instant->series[i], range);
	for (size_t i = 0; i < range->n; i++)
		n += sample_at(&range->series[i], AT_MS) != NULL;
	assert(n == instant->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct promql_options options = { .max_samples = 20000, .max_bytes = 1 << 20 };
	struct promql_result instant = { 0 }, range = { 0 };
	struct promql_expr *expr = NULL;
	struct promql_error err;
	enum promql_type type;
	char *text = strndup((const char *)data, size);

	assert(text);
	/* start() and end() mean another time in a range. */
	if (!strcasestr(text, "start") && !strcasestr(text, "end") &&
		!promql_parse(text, &expr, &err)) {
		type = promql_type(expr);
		if (!promql_eval(expr, store(), AT_MS, &options, &instant, &err) &&
			(type == PROMQL_SCALAR || type == PROMQL_VECTOR) &&
			!promql_eval_range(expr, store(), AT_MS - STEP_MS, AT_MS + STEP_MS, STEP_MS,
				&options, &range, &err))
			check_same(&instant, &range);
	}
	promql_result_release(&instant);
	promql_result_release(&range);
	promql_free(expr);
	free(text);
	return 0;
}
