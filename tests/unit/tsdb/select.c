/* Selecting: every combination of matchers means what a plain search over all series means. */
#include "harness.h"

#include "tsdb/tsdb.h"

#define START_MS 1000000ll

/* 4 names x 5 modes x 3 instances, some without a mode; in no order. */
static struct tsdb *store(void)
{
	static const char *const names[] = { "cpu", "mem", "up", "disk" };
	static const char *const modes[] = { "idle", "user", "", "system", "io.wait" };
	static const char *const instances[] = { "b:1", "a:1", "c:1" };
	struct tsdb *db = NULL;

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &db), 0);
	for (size_t i = 0; i < 60; i++) {
		const char *const pairs[][2] = { { "__name__", names[i % 4] },
			{ "mode", modes[i % 5] }, { "instance", instances[i % 3] } };
		scoped(labels_unrefp) struct labels *labels = labels_new(3, pairs);
		struct series *s = NULL;

		assert_int_equal(tsdb_series(db, labels, &s), 0);
		assert_int_equal(tsdb_append(db, s, START_MS + (int64_t)i, 1), 0);
		series_unref(s);
	}
	return db;
}

static struct matcher *matcher(enum matcher_type type, const char *name, const char *value)
{
	struct matcher *m = NULL;
	char error[200];

	assert_int_equal(matcher_new(type, name, value, &m, error, sizeof(error)), 0);
	return m;
}

static size_t plain_search(struct tsdb *db, const struct matcher *const *matchers, size_t n)
{
	struct tsdb_selection all;
	size_t found = 0;

	assert_int_equal(tsdb_select(db, NULL, 0, 0, INT64_MAX, &all), 0);
	assert_int_equal(all.n, 60);
	for (size_t i = 0; i < all.n; i++)
		found += matchers_match(matchers, n, series_labels(all.series[i]));
	tsdb_selection_release(&all);
	return found;
}

static void assert_same_as_plain_search(
	struct tsdb *db, const struct matcher *const *matchers, size_t n)
{
	struct tsdb_selection found;

	assert_int_equal(tsdb_select(db, matchers, n, 0, INT64_MAX, &found), 0);
	assert_int_equal(found.n, plain_search(db, matchers, n));
	for (size_t i = 0; i < found.n; i++) {
		assert_true(matchers_match(matchers, n, series_labels(found.series[i])));
		if (i)
			assert_true(labels_compare(series_labels(found.series[i - 1]),
					    series_labels(found.series[i])) < 0);
	}
	tsdb_selection_release(&found);
}

static void any_two_matchers_find_what_a_plain_search_finds(void **state)
{
	static const struct {
		enum matcher_type type;
		const char *name, *value;
	} rows[] = {
		{ MATCH_EQUAL, "__name__", "cpu" },
		{ MATCH_EQUAL, "__name__", "nobody" },
		{ MATCH_EQUAL, "mode", "" },
		{ MATCH_EQUAL, "mode", "user" },
		{ MATCH_EQUAL, "absent", "" },
		{ MATCH_EQUAL, "absent", "x" },
		{ MATCH_NOT_EQUAL, "mode", "" },
		{ MATCH_NOT_EQUAL, "mode", "user" },
		{ MATCH_NOT_EQUAL, "absent", "x" },
		{ MATCH_NOT_EQUAL, "absent", "" },
		{ MATCH_REGEX, "mode", "user|system" },
		{ MATCH_REGEX, "mode", ".*" },
		{ MATCH_REGEX, "mode", ".+" },
		{ MATCH_REGEX, "mode", "|idle" },
		{ MATCH_REGEX, "mode", "io.wait" },
		{ MATCH_REGEX, "absent", "" },
		{ MATCH_NOT_REGEX, "mode", "user|" },
		{ MATCH_NOT_REGEX, "mode", "i.*" },
		{ MATCH_NOT_REGEX, "absent", ".+" },
		{ MATCH_EQUAL, "instance", "a:1" },
		{ MATCH_REGEX, "instance", "[ab]:1" },
		{ MATCH_REGEX, "__name__", "cpu|up" },
	};
	scoped(tsdb_freep) struct tsdb *db = store();
	struct matcher *m[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		m[i] = matcher(rows[i].type, rows[i].name, rows[i].value);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_same_as_plain_search(db, (const struct matcher *const[]){ m[i] }, 1);
		for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
			assert_same_as_plain_search(
				db, (const struct matcher *const[]){ m[i], m[k], m[20] }, 3);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		matcher_free(m[i]);
}

static void only_series_with_samples_in_the_range_come(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	struct tsdb_selection found;

	assert_int_equal(tsdb_select(db, NULL, 0, START_MS + 10, START_MS + 19, &found), 0);
	assert_int_equal(found.n, 10);
	tsdb_selection_release(&found);
	assert_int_equal(tsdb_select(db, NULL, 0, START_MS + 60, INT64_MAX, &found), 0);
	assert_int_equal(found.n, 0);
	tsdb_selection_release(&found);
}

static void ids_that_were_reused_lead_nowhere_wrong(void **state)
{
	struct tsdb_options options = TSDB_OPTIONS_DEFAULT;
	scoped(tsdb_freep) struct tsdb *db = NULL;
	scoped(matcher_freep) struct matcher *even = matcher(MATCH_EQUAL, "parity", "even");
	scoped(matcher_freep) struct matcher *recent = matcher(MATCH_REGEX, "i", "2[0-9]+");
	struct tsdb_selection found;

	options.retention_ms = 100;
	assert_int_equal(tsdb_new(&options, &db), 0);
	for (int i = 0; i < 3000; i++) {
		char text[16];
		const char *const pairs[][2] = { { "parity", i % 2 ? "odd" : "even" },
			{ "i", text } };
		scoped(labels_unrefp) struct labels *labels = NULL;
		struct series *s = NULL;

		snprintf(text, sizeof(text), "%d", i);
		labels = labels_new(2, pairs);
		assert_int_equal(tsdb_series(db, labels, &s), 0);
		assert_int_equal(tsdb_append(db, s, START_MS + i, i), 0);
		series_unref(s);
		while (tsdb_expire(db, START_MS + i, 1000))
			;
	}
	assert_int_equal(
		tsdb_select(db, (const struct matcher *const[]){ even }, 1, 0, INT64_MAX, &found),
		0);
	assert_int_equal(found.n, 50);
	for (size_t i = 0; i < found.n; i++)
		assert_string_equal(labels_get(series_labels(found.series[i]), "parity"), "even");
	tsdb_selection_release(&found);
	assert_int_equal(
		tsdb_select(db, (const struct matcher *const[]){ recent }, 1, 0, INT64_MAX, &found),
		0);
	assert_int_equal(found.n, 101);
	tsdb_selection_release(&found);
}

static void assert_texts(const char **texts, size_t n, size_t n_wanted, const char *const *wanted)
{
	assert_int_equal(n, n_wanted);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(texts[i], wanted[i]);
	free(texts);
}

static void names_and_values_are_sorted_and_told_once(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();
	scoped(matcher_freep) struct matcher *none = matcher(MATCH_EQUAL, "mode", "");
	scoped(matcher_freep) struct matcher *cpu = matcher(MATCH_EQUAL, "__name__", "cpu");
	const struct matcher *const without[] = { none }, *const of_cpu[] = { cpu };
	const struct series_query all = { NULL, 0, INT64_MIN, INT64_MAX },
				  modeless = { without, 1, INT64_MIN, INT64_MAX },
				  cpus = { of_cpu, 1, INT64_MIN, INT64_MAX },
				  later = { NULL, 0, INT64_MAX - 1, INT64_MAX };
	const char **texts = NULL;
	size_t n = 0;

	assert_int_equal(tsdb_label_names(db, &all, &texts, &n), 0);
	assert_texts(texts, n, 3, (const char *const[]){ "__name__", "instance", "mode" });
	assert_int_equal(tsdb_label_names(db, &modeless, &texts, &n), 0);
	assert_texts(texts, n, 2, (const char *const[]){ "__name__", "instance" });
	assert_int_equal(tsdb_label_values(db, "mode", &all, &texts, &n), 0);
	assert_texts(texts, n, 4, (const char *const[]){ "idle", "io.wait", "system", "user" });
	assert_int_equal(tsdb_label_values(db, "instance", &cpus, &texts, &n), 0);
	assert_texts(texts, n, 3, (const char *const[]){ "a:1", "b:1", "c:1" });
	assert_int_equal(tsdb_label_values(db, "nowhere", &all, &texts, &n), 0);
	assert_texts(texts, n, 0, NULL);
	assert_int_equal(tsdb_label_names(db, &later, &texts, &n), 0);
	assert_texts(texts, n, 0, NULL);
}

static int select_once(void *db)
{
	scoped(matcher_freep) struct matcher *cpu = NULL, *mode = NULL;
	struct tsdb_selection found = { 0 };
	char error[100];
	const char **texts = NULL;
	size_t n;
	int err;

	err = matcher_new(MATCH_EQUAL, "__name__", "cpu", &cpu, error, sizeof(error));
	if (!err)
		err = matcher_new(MATCH_EQUAL, "instance", "a:1", &mode, error, sizeof(error));
	if (!err)
		err = tsdb_select(
			db, (const struct matcher *const[]){ cpu, mode }, 2, 0, INT64_MAX, &found);
	tsdb_selection_release(&found);
	if (!err)
		err = tsdb_label_values(db, "mode",
			&(struct series_query){
				(const struct matcher *const[]){ cpu }, 1, INT64_MIN, INT64_MAX },
			&texts, &n);
	free(texts);
	return err;
}

static void selecting_survives_memory_running_out(void **state)
{
	scoped(tsdb_freep) struct tsdb *db = store();

	with_failing_allocations(select_once, db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_two_matchers_find_what_a_plain_search_finds),
		cmocka_unit_test(only_series_with_samples_in_the_range_come),
		cmocka_unit_test(ids_that_were_reused_lead_nowhere_wrong),
		cmocka_unit_test(names_and_values_are_sorted_and_told_once),
		cmocka_unit_test(selecting_survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
