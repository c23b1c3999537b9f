/* Own metrics: written as if they had been scraped, and ended as such. */
#include "harness.h"

#include "scrape/own.h"

#define T0 1700000000000ll

static double last_of(struct tsdb *db, const char *name, const char *job, size_t *ret_series)
{
	struct tsdb_selection all;
	struct sample sample = { 0 };

	*ret_series = 0;
	assert_int_equal(tsdb_select(db, NULL, 0, INT64_MIN, INT64_MAX, &all), 0);
	for (size_t i = 0; i < all.n; i++) {
		const struct labels *labels = series_labels(all.series[i]);

		if (!streq(labels_get(labels, LABEL_NAME), name) ||
			!streq(labels_get(labels, LABEL_JOB), job))
			continue;
		++*ret_series;
		assert_true(series_last(all.series[i], &sample));
	}
	tsdb_selection_release(&all);
	return sample.value;
}

static int write_text(struct scrape_own *own, const char *text, int64_t wall_ms)
{
	return scrape_own_write(own, text, strlen(text), wall_ms);
}

static void writes_ends_and_goes_on(void **state)
{
	struct labels *labels = labels_new(1, (const char *const[][2]){ { "job", "tolld" } });
	struct scrape_own *own;
	struct tsdb *db;
	size_t n;

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &db), 0);
	assert_int_equal(scrape_own_new(db, labels, &own), 0);
	assert_int_equal(write_text(own, "# TYPE a gauge\na 1\nb 2\n", T0), 0);
	assert_true(last_of(db, "a", "tolld", &n) == 1);
	assert_int_equal(n, 1);
	/* What is no more ends; what is faulty is not written at all. */
	assert_int_equal(write_text(own, "a 3\n", T0 + 1000), 0);
	assert_true(is_stale_nan(last_of(db, "b", "tolld", &n)));
	assert_int_equal(write_text(own, "a 4\na b c\n", T0 + 2000), -EINVAL);
	assert_true(last_of(db, "a", "tolld", &n) == 3);
	scrape_own_end(own, T0 + 3000);
	assert_true(is_stale_nan(last_of(db, "a", "tolld", &n)));
	assert_int_equal(write_text(own, "a 5\n", T0 + 4000), 0);
	assert_true(last_of(db, "a", "tolld", &n) == 5);
	/* Without a word: it may go on after a restart. */
	scrape_own_free(own);
	assert_true(last_of(db, "a", "tolld", &n) == 5);
	assert_int_equal(n, 1);
	tsdb_free(db);
	labels_unref(labels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_ends_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
