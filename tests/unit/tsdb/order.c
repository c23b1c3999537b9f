/* The order of all series: what is selected comes sorted, however its series came and went. */
#include "harness.h"

#include <stdio.h>
#include "tsdb/tsdb.h"

#define START_MS 1000000ll
#define DAY_MS	 (24 * 3600 * 1000ll)

/* Neither in the order of their numbers nor of their texts. */
static void add(struct tsdb *db, unsigned number, int64_t wall_ms)
{
	char text[32];
	struct series *s = NULL;
	scoped(labels_unrefp) struct labels *labels = NULL;

	snprintf(text, sizeof(text), "s%u", number * 2654435761u % 100003u);
	labels = labels_new(2, (const char *const[][2]){ { "__name__", number % 3 ? "up" : "down" },
				       { "service", text } });
	assert_non_null(labels);
	assert_int_equal(tsdb_series(db, labels, &s), 0);
	assert_int_equal(tsdb_append(db, s, wall_ms, number), 0);
	series_unref(s);
}

static void assert_sorted(struct tsdb *db, int64_t from_ms, size_t n)
{
	struct tsdb_selection all;

	assert_int_equal(tsdb_select(db, NULL, 0, from_ms, INT64_MAX, &all), 0);
	assert_int_equal(all.n, n);
	for (size_t i = 1; i < all.n; i++)
		assert_true(labels_compare(series_labels(all.series[i - 1]),
				    series_labels(all.series[i])) < 0);
	tsdb_selection_release(&all);
}

static void a_selection_is_sorted_after_each_series_that_comes(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = NULL;

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &db), 0);
	for (unsigned i = 0; i < 700; i++) {
		add(db, i, START_MS);
		assert_sorted(db, START_MS, i + 1);
	}
}

static void series_that_are_gone_leave_the_others_sorted(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = NULL;
	unsigned number = 0;
	struct tsdb_stats stats;

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &db), 0);
	/* Each day's series are gone two days later, and their ids are given anew. */
	for (int day = 0; day < 30; day++) {
		int64_t wall_ms = START_MS + day * DAY_MS;

		for (unsigned i = 0; i < 200 + 37u * (unsigned)(day % 5); i++) {
			add(db, number++, wall_ms);
			if (i % 50 == 0)
				assert_sorted(db, wall_ms, i + 1);
		}
		while (tsdb_expire(db, wall_ms, 100))
			;
		tsdb_stats(db, &stats);
		assert_sorted(db, 0, stats.series);
	}
	assert_true(stats.series < number / 4);
}

static void what_the_order_takes_counts_as_memory(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = NULL;
	struct tsdb_stats before, after;

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &db), 0);
	for (unsigned i = 0; i < 1000; i++)
		add(db, i, START_MS);
	tsdb_stats(db, &before);
	assert_sorted(db, START_MS, 1000);
	tsdb_stats(db, &after);
	assert_in_range(after.bytes - before.bytes, 8 * 1000, 10 * 1000);
}

struct filled {
	struct tsdb *db;
	unsigned number;
};

static int select_all(void *userdata)
{
	struct filled *f = userdata;
	struct tsdb_selection all;
	int err = tsdb_select(f->db, NULL, 0, 0, INT64_MAX, &all);

	if (err)
		return err;
	assert_int_equal(all.n, f->number);
	for (size_t i = 1; i < all.n; i++)
		assert_true(labels_compare(series_labels(all.series[i - 1]),
				    series_labels(all.series[i])) < 0);
	tsdb_selection_release(&all);
	return 0;
}

static void without_memory_for_the_order_a_selection_is_sorted_all_the_same(void **state)
{
	struct filled f = { 0 };

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &f.db), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 120; i++)
			add(f.db, f.number++, START_MS);
		with_failing_allocations(select_all, &f);
		assert_int_equal(select_all(&f), 0);
	}
	tsdb_free(f.db);
}

/* What the newest sample in a time is, read from beginning to end. */
static bool newest_by_reading(
	const struct series *s, int64_t min_ms, int64_t max_ms, struct sample *ret)
{
	struct series_iter it;
	struct sample sample;
	bool found = false;

	series_iter_init(&it, s, min_ms, max_ms);
	while (series_iter_next(&it, &sample)) {
		*ret = sample;
		found = true;
	}
	return found;
}

static void the_newest_sample_in_a_time_is_that_which_reading_it_ends_with(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = NULL;
	scoped(labels_unrefp) struct labels *labels =
		labels_new(1, (const char *const[][2]){ { "__name__", "m" } });
	struct series *s = NULL;

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &db), 0);
	assert_int_equal(tsdb_series(db, labels, &s), 0);
	assert_false(series_newest(s, 0, INT64_MAX, &(struct sample){ 0 }));
	for (int i = 0; i < 400; i++)
		assert_int_equal(tsdb_append(db, s, START_MS + i * 10, i * 0.7), 0);
	for (int64_t max_ms = START_MS - 15; max_ms < START_MS + 4015; max_ms += 5) {
		for (int64_t span_ms = 0; span_ms < 5000; span_ms = span_ms * 3 + 4) {
			struct sample got = { 0 }, wanted = { 0 };

			assert_int_equal(series_newest(s, max_ms - span_ms, max_ms, &got),
				newest_by_reading(s, max_ms - span_ms, max_ms, &wanted));
			assert_int_equal(got.wall_ms, wanted.wall_ms);
			assert_memory_equal(&got.value, &wanted.value, sizeof(got.value));
		}
	}
	/* A clock that was set back: what is dropped is the newest no more. */
	tsdb_rewind(db, START_MS + 1234);
	{
		struct sample got = { 0 };

		assert_true(series_newest(s, 0, INT64_MAX, &got));
		assert_int_equal(got.wall_ms, START_MS + 1230);
	}
	tsdb_rewind(db, START_MS - 1);
	assert_false(series_newest(s, 0, INT64_MAX, &(struct sample){ 0 }));
	series_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_selection_is_sorted_after_each_series_that_comes),
		cmocka_unit_test(series_that_are_gone_leave_the_others_sorted),
		cmocka_unit_test(what_the_order_takes_counts_as_memory),
		cmocka_unit_test(without_memory_for_the_order_a_selection_is_sorted_all_the_same),
		cmocka_unit_test(the_newest_sample_in_a_time_is_that_which_reading_it_ends_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
