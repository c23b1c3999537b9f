/* The sample store: order, limits, retention, and what goes when memory is short. */
#include "harness.h"

#include <math.h>
#include "model/intern.h"
#include "tsdb/tsdb.h"

#define START_MS 1700000000000ll
#define STEP_MS	 15000

static struct tsdb *store(void)
{
	struct tsdb *db = NULL;

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &db), 0);
	return db;
}

static struct series *series_of(struct tsdb *db, const char *name, const char *instance)
{
	scoped(labels_unrefp) struct labels *labels = labels_new(
		2, (const char *const[][2]){ { "__name__", name }, { "instance", instance } });
	struct series *series = NULL;

	assert_int_equal(tsdb_series(db, labels, &series), 0);
	return series;
}

static void fill(struct tsdb *db, struct series *series, int64_t from_ms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
			tsdb_append(db, series, from_ms + (int64_t)i * STEP_MS, (double)i * 1.1),
			0);
}

static size_t count(const struct series *series, int64_t min_ms, int64_t max_ms)
{
	struct series_iter it;
	struct sample s;
	size_t n = 0;

	series_iter_init(&it, series, min_ms, max_ms);
	while (series_iter_next(&it, &s))
		n++;
	assert_false(series_iter_next(&it, &s));
	return n;
}

static void expire_all(struct tsdb *db, int64_t now_ms)
{
	while (tsdb_expire(db, now_ms, 7))
		;
}

static void one_set_of_labels_is_one_series(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	struct series *a = series_of(db, "up", "a"), *b = series_of(db, "up", "a");
	struct series *c = series_of(db, "up", "c");

	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_string_equal(labels_get(series_labels(c), "instance"), "c");
	series_unref(a);
	series_unref(b);
	series_unref(c);
}

static void samples_must_come_in_order(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	struct series *s = series_of(db, "up", "a");
	struct tsdb_stats stats;
	struct sample last;

	assert_false(series_last(s, &last));
	assert_int_equal(tsdb_append(db, s, START_MS, 1), 0);
	assert_int_equal(tsdb_append(db, s, START_MS - 1, 1), -ERANGE);
	assert_int_equal(tsdb_append(db, s, START_MS, 1), 0);
	assert_int_equal(tsdb_append(db, s, START_MS, 2), -EEXIST);
	assert_int_equal(tsdb_append(db, s, INT64_MAX, 2), -ERANGE);
	assert_int_equal(tsdb_append(db, s, START_MS + 1, stale_nan()), 0);
	assert_true(series_last(s, &last));
	assert_int_equal(last.wall_ms, START_MS + 1);
	assert_true(is_stale_nan(last.value));
	assert_int_equal(count(s, 0, INT64_MAX), 2);
	tsdb_stats(db, &stats);
	assert_int_equal(stats.samples_appended, 2);
	assert_int_equal(stats.out_of_order, 1);
	assert_int_equal(stats.duplicates, 1);
	series_unref(s);
}

static void zero_and_minus_zero_are_two_values(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	struct series *s = series_of(db, "up", "a");

	assert_int_equal(tsdb_append(db, s, START_MS, 0.0), 0);
	assert_int_equal(tsdb_append(db, s, START_MS, -0.0), -EEXIST);
	series_unref(s);
}

static void a_range_has_both_its_ends(void **state)
{
	static const struct {
		int64_t min_step, max_step;
		size_t n;
	} rows[] = {
		{ 0, 999, 1000 },
		{ -5, 5000, 1000 },
		{ 10, 10, 1 },
		{ 119, 121, 3 },
		{ 120, 120, 1 },
		{ 118, 119, 2 },
		{ 999, 999, 1 },
		{ 1000, 2000, 0 },
		{ -10, -1, 0 },
		{ 500, 499, 0 },
	};
	scoped(tsdb_freep) struct tsdb *db = store();
	struct series *s = series_of(db, "m", "a");
	struct series_iter it;
	struct sample sample;

	fill(db, s, START_MS, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(count(s, START_MS + rows[i].min_step * STEP_MS,
					 START_MS + rows[i].max_step * STEP_MS),
			rows[i].n);
	series_iter_init(&it, s, START_MS + 240 * STEP_MS - 1, INT64_MAX);
	for (size_t i = 240; i < 1000; i++) {
		assert_true(series_iter_next(&it, &sample));
		assert_int_equal(sample.wall_ms, START_MS + (int64_t)i * STEP_MS);
		assert_true(sample.value == (double)i * 1.1);
	}
	series_unref(s);
}

struct seen {
	unsigned calls;
	double value;
	const struct labels *labels;
};

static void see(const struct labels *labels, double value, void *userdata)
{
	struct seen *seen = userdata;

	seen->calls++;
	seen->value = value;
	seen->labels = labels;
}

static void the_observer_hears_of_changes_only(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	struct series *s = series_of(db, "up", "a");
	struct seen seen = { 0 };

	tsdb_observe(db, see, &seen);
	tsdb_append(db, s, 1, 1);
	assert_int_equal(seen.calls, 1);
	assert_ptr_equal(seen.labels, series_labels(s));
	tsdb_append(db, s, 2, 1);
	tsdb_append(db, s, 2, 7);
	assert_int_equal(seen.calls, 1);
	tsdb_append(db, s, 3, 0);
	assert_int_equal(seen.calls, 2);
	assert_true(seen.value == 0);
	tsdb_append(db, s, 4, stale_nan());
	tsdb_append(db, s, 5, stale_nan());
	assert_int_equal(seen.calls, 3);
	tsdb_observe(db, NULL, NULL);
	tsdb_append(db, s, 6, 9);
	assert_int_equal(seen.calls, 3);
	series_unref(s);
}

static void retention_drops_the_old_and_keeps_the_young(void **state)
{
	struct tsdb_options options = TSDB_OPTIONS_DEFAULT;
	scoped(tsdb_freep) struct tsdb *db = NULL;
	struct series *s, *silent;
	int64_t now = START_MS + 1199 * STEP_MS;
	struct tsdb_stats stats;

	options.retention_ms = 3600 * 1000;
	assert_int_equal(tsdb_new(&options, &db), 0);
	s = series_of(db, "m", "live");
	silent = series_of(db, "m", "silent");
	fill(db, silent, START_MS, 30);
	fill(db, s, START_MS, 1200);
	series_unref(silent);
	expire_all(db, now);
	tsdb_stats(db, &stats);
	assert_int_equal(stats.series, 1);
	/* An hour is 240 steps: two whole chunks of 120, and no more than one beyond. */
	assert_int_equal(count(s, now - options.retention_ms, now), 241);
	assert_in_range(count(s, 0, now), 241, 360);
	assert_int_equal(
		stats.oldest_wall_ms, START_MS + (int64_t)(1200 - count(s, 0, now)) * STEP_MS);
	assert_int_equal(stats.newest_wall_ms, now);
	assert_int_equal(stats.samples_appended - stats.samples_dropped, count(s, 0, now));
	series_unref(s);
}

static void a_clock_far_ahead_does_not_empty_the_store(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	struct series *s = series_of(db, "m", "a");

	fill(db, s, START_MS, 500);
	expire_all(db, START_MS * 2);
	assert_int_equal(count(s, 0, INT64_MAX), 500);
	series_unref(s);
}

static void a_referenced_series_outlives_its_samples(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	struct series *s = series_of(db, "m", "a"), *other = series_of(db, "m", "b");
	struct tsdb_stats stats;

	fill(db, s, START_MS, 1);
	fill(db, other, START_MS + 48ll * 3600 * 1000, 1);
	expire_all(db, INT64_MAX);
	assert_int_equal(count(s, 0, INT64_MAX), 0);
	tsdb_stats(db, &stats);
	assert_int_equal(stats.series, 2);
	/* It starts anew, and an older time than the one that was dropped is in order again. */
	assert_int_equal(tsdb_append(db, s, START_MS, 3), 0);
	assert_int_equal(count(s, 0, INT64_MAX), 1);
	series_unref(s);
	series_unref(other);
}

static void the_byte_limit_takes_the_oldest_first(void **state)
{
	struct tsdb_options options = {
		.retention_ms = INT64_MAX / 8, .max_bytes = 100000, .max_series = 1000
	};
	scoped(tsdb_freep) struct tsdb *db = NULL;
	struct series *a, *b;
	struct tsdb_stats stats;

	assert_int_equal(tsdb_new(&options, &db), 0);
	a = series_of(db, "m", "a");
	b = series_of(db, "m", "b");
	fill(db, a, START_MS, 12000);
	fill(db, b, START_MS + 12000 * STEP_MS, 12000);
	tsdb_stats(db, &stats);
	assert_true(stats.bytes > options.max_bytes);
	expire_all(db, INT64_MAX);
	tsdb_stats(db, &stats);
	assert_in_range(stats.bytes, options.max_bytes - 2000, options.max_bytes);
	assert_int_equal(count(b, 0, INT64_MAX) == 12000, count(a, 0, INT64_MAX) > 0);
	assert_int_equal(count(b, START_MS + 23999 * STEP_MS, INT64_MAX), 1);
	series_unref(a);
	series_unref(b);
}

static void too_many_series_are_refused_and_room_comes_back(void **state)
{
	struct tsdb_options options = {
		.retention_ms = 3600 * 1000, .max_bytes = SIZE_MAX, .max_series = 3
	};
	scoped(tsdb_freep) struct tsdb *db = NULL;
	scoped(labels_unrefp) struct labels *fourth =
		labels_new(1, (const char *const[][2]){ { "__name__", "fourth" } });
	struct series *s[3], *refused = NULL;
	struct tsdb_stats stats;

	assert_int_equal(tsdb_new(&options, &db), 0);
	for (size_t i = 0; i < 3; i++)
		s[i] = series_of(db, "m", (const char *const[]){ "a", "b", "c" }[i]);
	assert_int_equal(tsdb_series(db, fourth, &refused), -ENOSPC);
	assert_null(refused);
	for (size_t i = 0; i < 3; i++)
		series_unref(s[i]);
	expire_all(db, START_MS);
	assert_int_equal(tsdb_series(db, fourth, &refused), 0);
	tsdb_stats(db, &stats);
	assert_int_equal(stats.series, 1);
	assert_int_equal(stats.refused_series, 1);
	series_unref(refused);
}

static void short_memory_takes_silent_series_and_never_live_ones(void **state)
{
	struct tsdb_options options = {
		.retention_ms = 24ll * 3600 * 1000, .max_bytes = 104000, .max_series = 100000
	};
	scoped(tsdb_freep) struct tsdb *db = NULL;
	scoped(labels_unrefp) struct labels *late =
		labels_new(1, (const char *const[][2]){ { "__name__", "late" } });
	struct series *live, *s = NULL;
	struct tsdb_stats stats;
	char name[32];

	assert_int_equal(tsdb_new(&options, &db), 0);
	live = series_of(db, "live", "a");
	for (int i = 0; i < 250; i++) {
		snprintf(name, sizeof(name), "churn%d", i);
		s = series_of(db, "m", name);
		fill(db, s, START_MS + i * 10000, 1);
		series_unref(s);
	}
	fill(db, live, START_MS + 3600 * 1000, 2);
	for (int i = 0; i < 20; i++)
		expire_all(db, START_MS + 3600 * 1000);
	tsdb_stats(db, &stats);
	assert_true(stats.bytes <= options.max_bytes);
	assert_true(stats.series > 50);
	assert_int_equal(count(live, 0, INT64_MAX), 2);

	/* All live: nothing may go, so nothing new comes in. */
	for (int i = 0; stats.bytes <= options.max_bytes; i++) {
		snprintf(name, sizeof(name), "fresh%d", i);
		s = series_of(db, "m", name);
		fill(db, s, START_MS + 7200 * 1000, 1);
		tsdb_stats(db, &stats);
		series_unref(s);
	}
	for (int i = 0; i < 20; i++)
		expire_all(db, START_MS + 7200 * 1000);
	tsdb_stats(db, &stats);
	assert_true(stats.series > 50);
	assert_true(stats.bytes <= options.max_bytes);
	while (stats.bytes <= options.max_bytes) {
		snprintf(name, sizeof(name), "more%zu", stats.series);
		s = series_of(db, "m", name);
		fill(db, s, START_MS + 7200 * 1000, 1);
		tsdb_stats(db, &stats);
		series_unref(s);
	}
	assert_int_equal(tsdb_series(db, late, &s), -ENOSPC);
	series_unref(live);
}

static void a_clock_set_back_forgets_the_future(void **state)
{
	/* In the open chunk, at its ends, in a full one, at the first sample and before it. */
	static const int kept_steps[] = { 499, 490, 480, 479, 360, 359, 300, 120, 119, 1, 0, -1 };
	struct sample last;
	struct tsdb_stats stats;

	for (size_t i = 0; i < ARRAY_SIZE(kept_steps); i++) {
		scoped(tsdb_freep) struct tsdb *db = store();
		struct series *s = series_of(db, "m", "a"), *old = series_of(db, "m", "b");
		int kept = kept_steps[i];
		int64_t wall_ms = START_MS + kept * STEP_MS + 7;

		fill(db, old, START_MS - 500 * STEP_MS, 250);
		fill(db, s, START_MS, 500);
		tsdb_rewind(db, wall_ms);
		assert_int_equal(count(s, 0, INT64_MAX), kept + 1);
		assert_int_equal(count(old, 0, INT64_MAX), 250);
		tsdb_stats(db, &stats);
		assert_int_equal(stats.samples_appended - stats.samples_dropped, kept + 1 + 250);
		assert_true(stats.newest_wall_ms <= wall_ms);
		assert_int_equal(series_last(s, &last), kept >= 0);
		if (kept >= 0) {
			assert_int_equal(last.wall_ms, START_MS + kept * STEP_MS);
			assert_true(last.value == kept * 1.1);
			assert_int_equal(tsdb_append(db, s, last.wall_ms, -1), -EEXIST);
		}
		fill(db, s, wall_ms, 300);
		assert_int_equal(count(s, 0, INT64_MAX), kept + 1 + 300);
		assert_int_equal(count(s, wall_ms, INT64_MAX), 300);
		/* The queue of full chunks is whole: everything can still expire. */
		fill(db, s, wall_ms + 72ll * 3600 * 1000, 1);
		expire_all(db, INT64_MAX);
		assert_int_equal(count(s, 0, INT64_MAX) <= 121, true);
		assert_int_equal(count(old, 0, INT64_MAX), 0);
		series_unref(s);
		series_unref(old);
	}
}

/* A target may make up both. */
static void long_names_count_as_long_values_do(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	scoped(freep) char *text = malloc(100001);
	struct tsdb_stats before, stats;
	struct series *later;

	assert_non_null(text);
	memset(text, 'x', 100000);
	text[100000] = '\0';
	tsdb_stats(db, &before);
	for (int i = 0; i < 2; i++) {
		const char *const pairs[][2] = { { i ? "v" : text, i ? text : "v" } };
		scoped(labels_unrefp) struct labels *labels = labels_new(1, pairs);
		struct series *s;

		assert_int_equal(tsdb_series(db, labels, &s), 0);
		fill(db, s, START_MS, 1);
		series_unref(s);
		tsdb_stats(db, &stats);
		assert_in_range(stats.bytes, before.bytes + 100000, before.bytes + 101000);
		before = stats;
	}
	expire_all(db, START_MS);
	later = series_of(db, "m", "later");
	fill(db, later, START_MS + 30ll * 24 * 3600 * 1000, 1);
	expire_all(db, START_MS + 30ll * 24 * 3600 * 1000);
	tsdb_stats(db, &stats);
	assert_int_equal(stats.series, 1);
	assert_in_range(stats.bytes, 1, 2000);
	series_unref(later);
}

static void churn_gives_all_memory_back(void **state)
{
	size_t texts = intern_count();
	struct tsdb_options options = TSDB_OPTIONS_DEFAULT;
	struct tsdb *db = NULL;
	struct tsdb_stats empty, stats;
	struct series *held = NULL;
	char name[32];

	options.retention_ms = 3600 * 1000;
	assert_int_equal(tsdb_new(&options, &db), 0);
	tsdb_stats(db, &empty);
	assert_int_equal(empty.bytes, 0);
	for (int round = 0; round < 40; round++) {
		int64_t now = START_MS + (int64_t)round * 24 * 3600 * 1000;

		for (int i = 0; i < 200; i++) {
			struct series *s;

			snprintf(name, sizeof(name), "r%di%d", round, i);
			s = series_of(db, i % 2 ? "odd" : "even", name);
			fill(db, s, now, 3);
			if (round == 7 && i == 9)
				held = series_ref(s);
			series_unref(s);
		}
		expire_all(db, now);
	}
	tsdb_stats(db, &stats);
	assert_in_range(stats.series, 200, 202);
	assert_string_equal(labels_get(series_labels(held), "instance"), "r7i9");
	tsdb_free(db);
	/* A held series outlives even the store. */
	assert_string_equal(labels_get(series_labels(held), "instance"), "r7i9");
	series_unref(held);
	assert_int_equal(intern_count(), texts);
}

static int build_and_fill(void *userdata)
{
	scoped(tsdb_freep) struct tsdb *db = NULL;
	int err = tsdb_new(&TSDB_OPTIONS_DEFAULT, &db);

	for (int i = 0; !err && i < 9; i++) {
		const char *value =
			(const char *const[]){ "a", "b", "c", "d", "e", "f", "g", "h", "i" }[i];
		scoped(labels_unrefp) struct labels *labels = labels_new(
			2, (const char *const[][2]){ { "__name__", "m" }, { "l", value } });
		struct series *s = NULL;

		err = labels ? tsdb_series(db, labels, &s) : -ENOMEM;
		for (int k = 0; !err && k < 130; k++) {
			err = tsdb_append(db, s, k, k * 0.7);
			/* What failed can be tried again. */
			if (err)
				assert_int_equal(tsdb_append(db, s, k, k * 0.7), 0);
		}
		series_unref(s);
	}
	return err;
}

static void survives_memory_running_out(void **state)
{
	size_t texts = intern_count();

	with_failing_allocations(build_and_fill, NULL);
	assert_int_equal(intern_count(), texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_set_of_labels_is_one_series),
		cmocka_unit_test(samples_must_come_in_order),
		cmocka_unit_test(zero_and_minus_zero_are_two_values),
		cmocka_unit_test(a_range_has_both_its_ends),
		cmocka_unit_test(the_observer_hears_of_changes_only),
		cmocka_unit_test(retention_drops_the_old_and_keeps_the_young),
		cmocka_unit_test(a_clock_far_ahead_does_not_empty_the_store),
		cmocka_unit_test(a_referenced_series_outlives_its_samples),
		cmocka_unit_test(the_byte_limit_takes_the_oldest_first),
		cmocka_unit_test(too_many_series_are_refused_and_room_comes_back),
		cmocka_unit_test(short_memory_takes_silent_series_and_never_live_ones),
		cmocka_unit_test(a_clock_set_back_forgets_the_future),
		cmocka_unit_test(long_names_count_as_long_values_do),
		cmocka_unit_test(churn_gives_all_memory_back),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
