/* Label sets, matchers, alerts: sorted, interned, counted, printed. */
#include "harness.h"

#include "model/alert.h"
#include "model/intern.h"
#include "model/matcher.h"
#include "model/notification.h"

static void a_set_is_sorted_and_empty_values_are_no_labels(void **state)
{
	const char *const pairs[][2] = { { "job", "node" }, { "__name__", "up" }, { "empty", "" },
		{ "instance", "a:1" }, { "job", "late" } };
	struct labels *labels = labels_new(5, pairs);
	struct strbuf out = STRBUF_INIT;

	assert_int_equal(labels->n, 3);
	assert_string_equal(labels->v[0].name, "__name__");
	assert_string_equal(labels_get(labels, "job"), "late");
	assert_null(labels_get(labels, "empty"));
	labels_format(labels, &out);
	assert_string_equal(out.s, "up{instance=\"a:1\", job=\"late\"}");
	strbuf_release(&out);
	labels_unref(labels);
}

static void odd_names_are_printed_in_quotes(void **state)
{
	const char *const pairs[][2] = { { "__name__", "my.metric" }, { "a b", "x\"y\n" } };
	struct labels *labels = labels_new(2, pairs);
	struct strbuf out = STRBUF_INIT;

	labels_format(labels, &out);
	assert_string_equal(out.s, "{\"my.metric\", \"a b\"=\"x\\\"y\\n\"}");
	strbuf_release(&out);
	labels_unref(labels);
}

static void the_fingerprint_is_alertmanagers(void **state)
{
	/* FNV-1a 64 over name \xff value \xff: the offset basis for no labels at all. */
	struct labels *none = labels_empty();
	const char *const pairs[][2] = { { "a", "b" } };
	struct labels *one = labels_new(1, pairs);

	assert_true(labels_fingerprint(none) == 0xcbf29ce484222325ull);
	assert_true(labels_fingerprint(one) != labels_fingerprint(none));
	labels_unref(none);
	labels_unref(one);
}

static void everything_interned_is_given_back(void **state)
{
	size_t before = intern_count(), bytes = intern_bytes();
	const char *const pairs[][2] = { { "x1", "y1" }, { "x2", "y2" } };
	struct labels *labels = labels_new(2, pairs), *same = labels_new(2, pairs);
	struct labels_builder b = LABELS_BUILDER_INIT;

	assert_true(labels_equal(labels, same));
	assert_ptr_equal(labels->v[0].name, same->v[0].name);
	labels_builder_add(&b, labels);
	labels_builder_set(&b, "x1", "");
	labels_builder_set(&b, "x3", "y3");
	assert_null(labels_builder_get(&b, "x1"));
	labels_builder_release(&b);
	labels_unref(labels);
	labels_unref(same);
	assert_int_equal(intern_count(), before);
	assert_int_equal(intern_bytes(), bytes);
}

static void sets_are_ordered_label_by_label(void **state)
{
	const char *const a[][2] = { { "a", "1" } };
	const char *const b[][2] = { { "a", "1" }, { "b", "1" } };
	const char *const c[][2] = { { "a", "2" } };
	struct labels *la = labels_new(1, a), *lb = labels_new(2, b), *lc = labels_new(1, c);

	assert_true(labels_compare(la, lb) < 0);
	assert_true(labels_compare(lb, lc) < 0);
	assert_true(labels_compare(lc, la) > 0);
	assert_int_equal(labels_compare(la, la), 0);
	labels_unref(la);
	labels_unref(lb);
	labels_unref(lc);
}

static void matchers_take_a_missing_label_for_an_empty_one(void **state)
{
	static const struct {
		enum matcher_type type;
		const char *name, *value;
		bool matches;
	} rows[] = {
		{ MATCH_EQUAL, "job", "node", true },
		{ MATCH_EQUAL, "gone", "", true },
		{ MATCH_NOT_EQUAL, "job", "node", false },
		{ MATCH_NOT_EQUAL, "gone", "x", true },
		{ MATCH_REGEX, "job", "no.*", true },
		{ MATCH_REGEX, "gone", ".+", false },
		{ MATCH_NOT_REGEX, "job", "x|y", true },
		{ MATCH_NOT_REGEX, "gone", ".*", false },
	};
	const char *const pairs[][2] = { { "job", "node" } };
	struct labels *labels = labels_new(1, pairs);
	char error[100];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct matcher *m;

		assert_int_equal(matcher_new(rows[i].type, rows[i].name, rows[i].value, &m, error,
					 sizeof(error)),
			0);
		assert_int_equal(matchers_match((const struct matcher *const[]){ m }, 1, labels),
			rows[i].matches);
		matcher_free(m);
	}
	labels_unref(labels);
}

static void common_labels_are_those_that_all_alerts_share(void **state)
{
	const char *const a[][2] = { { "alertname", "A" }, { "job", "node" }, { "instance", "1" } };
	const char *const b[][2] = { { "alertname", "A" }, { "job", "node" }, { "instance", "2" } };
	struct labels *la = labels_new(3, a), *lb = labels_new(3, b), *common;
	struct alert *alerts[] = { alert_new(la, NULL), alert_new(lb, NULL) };

	common = alerts_common_labels(alerts, 2);
	assert_int_equal(common->n, 2);
	assert_null(labels_get(common, "instance"));
	assert_true(alert_compare(alerts[0], alerts[1]) < 0);
	labels_unref(common);
	alert_unref(alerts[0]);
	alert_unref(alerts[1]);
	labels_unref(la);
	labels_unref(lb);
}

static struct alert *noted(const char *name, const char *value)
{
	struct labels_builder b = ANNOTATIONS_BUILDER_INIT;
	struct labels *labels = labels_empty(), *notes;
	struct alert *alert;

	labels_builder_set(&b, "summary", "s");
	if (name)
		labels_builder_set(&b, name, value);
	assert_int_equal(labels_build(&b, &notes), 0);
	alert = alert_new(labels, notes);
	labels_unref(labels);
	labels_unref(notes);
	return alert;
}

static void an_empty_annotation_is_one_and_shared_by_who_has_none(void **state)
{
	static const struct {
		const char *first, *second; /* values of n; NULL: it has none */
		unsigned shared;
	} rows[] = {
		{ "", "", 2 },
		{ "", NULL, 2 },
		{ NULL, "", 1 },
		{ "", "x", 1 },
		{ "x", NULL, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct alert *alerts[] = {
			noted(rows[i].first ? "n" : NULL, rows[i].first),
			noted(rows[i].second ? "n" : NULL, rows[i].second),
		};
		struct labels *common = alerts_common_annotations(alerts, 2);

		assert_int_equal(alerts[0]->annotations->n, rows[i].first ? 2 : 1);
		assert_int_equal(common->n, rows[i].shared);
		labels_unref(common);
		alert_unref(alerts[0]);
		alert_unref(alerts[1]);
	}
}

/* Each comes before the one below it. */
static void alerts_are_ordered_as_alertmanager_orders_them(void **state)
{
	static const char *const rows[][4][2] = {
		{ { "job", "a" }, { "instance", "1" }, { "z", "1" } },
		{ { "job", "a" }, { "instance", "2" } },
		{ { "job", "a" } },
		{ { "job", "b" }, { "instance", "1" } },
		{ { "instance", "0" } },
		/* Without either: fewer labels first, then who lacks the first name, then by value. */
		{ { "z", "0" } },
		{ { "b", "0" } },
		{ { "b", "1" } },
		{ { "a", "9" } },
		{ { "a", "1" }, { "c", "1" } },
		{ { "a", "1" }, { "b", "1" } },
	};
	struct alert *alerts[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = 0;
		struct labels *labels;

		while (rows[i][n][0])
			n++;
		labels = labels_new(n, rows[i]);
		alerts[i] = alert_new(labels, NULL);
		labels_unref(labels);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
			int order = alert_compare(alerts[i], alerts[k]);

			if ((order > 0) - (order < 0) != (i > k) - (i < k))
				fail_msg("%zu against %zu gives %d", i, k, order);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		alert_unref(alerts[i]);
}

/* Names that come twice, in any order, with empty values: as if each were set. */
static void all_at_once_is_the_same_as_one_by_one(void **state)
{
	static const char *const names[] = { "a", "b", "bb", "c", "d", "__name__" };
	static const char *const values[] = { "", "1", "2", "long enough to be a value" };
	size_t before = intern_count();
	uint32_t random = 1;

	for (unsigned round = 0; round < 2000; round++) {
		struct labels_builder one = { .keeps_empty = round % 3 == 0 }, all = one;
		struct labels *by_one, *by_all;
		struct label_text texts[40];
		size_t n = round % ARRAY_SIZE(texts);

		for (size_t i = 0; i < n; i++) {
			const char *name, *value;

			random = random * 1664525 + 1013904223;
			name = names[(random >> 8) % ARRAY_SIZE(names)];
			value = values[(random >> 16) % ARRAY_SIZE(values)];
			texts[i] = (struct label_text){ name, value, strlen(name), strlen(value) };
			labels_builder_set(&one, name, value);
		}
		labels_builder_set_all(&all, texts, n);
		assert_int_equal(labels_build(&one, &by_one), 0);
		assert_int_equal(labels_build(&all, &by_all), 0);
		assert_true(labels_equal(by_one, by_all));
		for (unsigned i = 1; i < by_all->n; i++)
			assert_true(strcmp(by_all->v[i - 1].name, by_all->v[i].name) < 0);
		labels_unref(by_one);
		labels_unref(by_all);
	}
	assert_int_equal(intern_count(), before);
}

static bool is_short(const struct label *label, const void *userdata)
{
	return strlen(label->name) <= *(const size_t *)userdata;
}

static void what_is_wanted_of_a_set_is_a_set(void **state)
{
	const char *const pairs[][2] = { { "a", "1" }, { "bb", "2" }, { "c", "3" },
		{ "ddd", "4" } };
	const char *const few[][2] = { { "a", "1" }, { "c", "3" } };
	struct labels *labels = labels_new(4, pairs), *two = labels_new(2, few), *kept;

	for (size_t longest = 0; longest < 4; longest++) {
		assert_int_equal(labels_filter(labels, is_short, &longest, &kept), 0);
		assert_int_equal(kept->n, longest + (longest > 0));
		assert_int_equal(labels_equal(kept, two), longest == 1);
		assert_int_equal(labels_equal(kept, labels), longest == 3);
		labels_unref(kept);
	}
	labels_unref(labels);
	labels_unref(two);
}

static int build_all(void *userdata)
{
	const struct label_text texts[] = { { "x1", "v1", 2, 2 }, { "x2", "v2", 2, 2 },
		{ "x1", "v3", 2, 2 }, { "x0", "v4", 2, 2 } };
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels;
	int err;

	labels_builder_set_all(&b, texts, ARRAY_SIZE(texts));
	err = labels_build(&b, &labels);
	if (!err)
		labels_unref(labels);
	return err;
}

static int build(void *userdata)
{
	const char *const pairs[][2] = { { "n1", "v1" }, { "n2", "v2" } };
	struct labels *labels = labels_new(2, pairs);
	struct alert *alert = labels ? alert_new(labels, NULL) : NULL;
	struct alert *copy = alert ? alert_copy(alert) : NULL;
	int err = copy ? 0 : -ENOMEM;

	alert_unref(copy);
	alert_unref(alert);
	labels_unref(labels);
	return err;
}

static void they_survive_failing_allocations(void **state)
{
	size_t before = intern_count();

	with_failing_allocations(build, NULL);
	with_failing_allocations(build_all, NULL);
	assert_int_equal(intern_count(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_sorted_and_empty_values_are_no_labels),
		cmocka_unit_test(odd_names_are_printed_in_quotes),
		cmocka_unit_test(the_fingerprint_is_alertmanagers),
		cmocka_unit_test(everything_interned_is_given_back),
		cmocka_unit_test(sets_are_ordered_label_by_label),
		cmocka_unit_test(matchers_take_a_missing_label_for_an_empty_one),
		cmocka_unit_test(common_labels_are_those_that_all_alerts_share),
		cmocka_unit_test(what_is_wanted_of_a_set_is_a_set),
		cmocka_unit_test(all_at_once_is_the_same_as_one_by_one),
		cmocka_unit_test(an_empty_annotation_is_one_and_shared_by_who_has_none),
		cmocka_unit_test(alerts_are_ordered_as_alertmanager_orders_them),
		cmocka_unit_test(they_survive_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
