/* The index of matcher lists: it leaves out nobody who matches, and looks at few of the others. */
#include "world.h"

#include "model/intern.h"
#include "notify/match_index.h"

static struct matcher_list list_of(const char *text)
{
	struct matcher_list list = MATCHER_LIST_INIT;
	char error[MATCHER_MAX_ERROR];

	if (matcher_list_parse(MATCHERS_FALLBACK, text, &list, error, sizeof(error)))
		fail_msg("%s: %s", text, error);
	return list;
}

struct found {
	uintptr_t items[64];
	size_t n;
};

static bool note(uintptr_t item, void *userdata)
{
	struct found *found = userdata;

	assert_true(found->n < ARRAY_SIZE(found->items));
	for (size_t i = 0; i < found->n; i++)
		assert_int_not_equal(found->items[i], item);
	found->items[found->n++] = item;
	return true;
}

static bool finds_for(const struct match_index *index, const struct labels *labels, uintptr_t item)
{
	struct found found = { .n = 0 };

	match_index_each(index, labels, note, &found);
	for (size_t i = 0; i < found.n; i++) {
		if (found.items[i] == item)
			return true;
	}
	return false;
}

static bool finds(const struct match_index *index, const char *labels, uintptr_t item)
{
	scoped(labels_unrefp) struct labels *set = labels_of(labels);

	return finds_for(index, set, item);
}

/* One list in an index: whom it is a candidate for. */
static const struct {
	const char *list, *labels;
	bool candidate;
} rows[] = {
	{ "{a=\"1\"}", "a=1", true },
	{ "{a=\"1\"}", "a=2", false },
	{ "{a=\"1\"}", "b=1", false },
	{ "{a=~\"1|2\"}", "a=2", true },
	{ "{a=~\"1|2\"}", "a=3", false },
	{ "{a=~\"1|2|1\"}", "a=1", true },
	{ "{a=~\"x\\\\.y|z\"}", "a=x.y", true },
	{ "{a=~\"x\\\\.y|z\"}", "a=xzy", false },
	{ "{a=~\"(1|2)\"}", "a=1", true },
	{ "{a=~\"(1|2)\"}", "a=3", false },
	/* What begins so. */
	{ "{a=~\"x.y|z\"}", "a=xzy", true },
	{ "{a=~\"x.y|z\"}", "a=yzx", false },
	{ "{a=~\"x\\\\dy\"}", "a=x1y", true },
	{ "{a=~\"12.*|1.*\"}", "a=123", true },
	{ "{a=~\"12.*|1.*\"}", "b=1", false },
	{ "{a=~\"1?2\"}", "a=2", true },
	/* More than texts: everybody with a value must be looked at. */
	{ "{a=~\".+\"}", "a=1", true },
	{ "{a=~\".+\"}", "b=1", false },
	{ "{a=~\".*2\"}", "a=2", true },
	{ "{a=~\"[12]\"}", "a=2", true },
	{ "{a=~\"(1|2)3?\"}", "a=2", true },
	{ "{a=~\".1?\"}", "a=1", true },
	{ "{a=~\".2?\"}", "a=1", true },
	{ "{a=~\".3?\"}", "a=1", true },
	{ "{a=~\".4?\"}", "a=1", true },
	/* Everybody. */
	{ "{a=~\"1|\"}", "b=1", true },
	{ "{a=~\"\"}", "b=1", true },
	{ "{a=\"\"}", "b=1", true },
	{ "{a!=\"1\"}", "b=1", true },
	{ "{a!~\"1|2\"}", "b=1", true },
	{ "{}", "b=1", true },
	/* match_re. */
	{ "{a=~\"^(?:1|2)$\"}", "a=2", true },
	{ "{a=~\"^(?:1|2)$\"}", "a=3", false },
	/* The one that says most is enough. */
	{ "{a!=\"1\",b=\"2\"}", "b=2", true },
	{ "{a!=\"1\",b=\"2\"}", "b=3", false },
	{ "{a=\"1\",b=\"2\"}", "a=1 b=2", true },
};

static void a_list_is_a_candidate_where_it_may_match(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct match_index index = { 0 };
		struct matcher_list list;
		int place;

		list = list_of(rows[i].list);
		assert_int_equal(match_index_add(&index, &list, 7, &place), 0);
		if (finds(&index, rows[i].labels, 7) != rows[i].candidate)
			fail_msg("%s for %s", rows[i].list, rows[i].labels);
		match_index_remove(&index, &list, 7, place);
		assert_false(finds(&index, rows[i].labels, 7));
		assert_int_equal(index.values.n + index.prefixes.n + index.lengths.n, 0);
		assert_int_equal(index.patterns.n + index.rest.n, 0);
		match_index_release(&index);
		matcher_list_release(&list);
	}
}

/* Every list that matches is found, among many of all kinds, while they come and go. */
static void nobody_who_matches_is_left_out(void **state)
{
	static const char *const values[] = { "1", "2", "3" };
	struct match_index index = { 0 };
	struct matcher_list lists[ARRAY_SIZE(rows)];
	int places[ARRAY_SIZE(rows)];
	bool in[ARRAY_SIZE(rows)] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		lists[i] = list_of(rows[i].list);
	for (unsigned turn = 0; turn < 2000; turn++) {
		size_t i = turn * 7919 % ARRAY_SIZE(rows);
		char text[32];

		if (in[i])
			match_index_remove(&index, &lists[i], i, places[i]);
		else
			assert_int_equal(match_index_add(&index, &lists[i], i, &places[i]), 0);
		in[i] = !in[i];
		snprintf(text, sizeof(text), "a=%s b=%s", values[turn % 3], values[turn / 3 % 3]);
		scoped(labels_unrefp) struct labels *labels = labels_of(text);

		for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
			bool found = finds(&index, text, k);

			assert_true(in[k] || !found);
			if (in[k] && matcher_list_match(&lists[k], labels))
				assert_true(found);
		}
	}
	match_index_release(&index);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		matcher_list_release(&lists[i]);
}

static void lists_stand_under_what_tells_them_apart(void **state)
{
	scoped(labels_unrefp) struct labels *labels = labels_of("alertname=Down instance=i3");
	struct match_index index = { 0 };
	struct matcher_list lists[50];
	struct found found = { .n = 0 };
	int places[50];

	for (size_t i = 0; i < 50; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{alertname=\"Down\",instance=\"i%zu\"}", i);
		lists[i] = list_of(text);
		assert_int_equal(match_index_add(&index, &lists[i], i, &places[i]), 0);
	}
	match_index_each(&index, labels, note, &found);
	assert_true(found.n <= 2);
	match_index_release(&index);
	for (size_t i = 0; i < 50; i++)
		matcher_list_release(&lists[i]);
}

/* The answers are remembered, until a list comes or goes. */
static void expressions_are_asked_once_for_each_value(void **state)
{
	struct match_index index = { 0 };
	struct matcher_list lists[40];
	int places[40];

	for (size_t i = 0; i < 40; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{a=~\".*-%zu(x?)\"}", i);
		lists[i] = list_of(text);
		assert_int_equal(match_index_add(&index, &lists[i], i, &places[i]), 0);
	}
	for (unsigned n = 0; n < 3 * MATCH_INDEX_REMEMBERED; n++) {
		struct found found = { .n = 0 };
		char text[64];

		snprintf(text, sizeof(text), "a=%u-%u", n / 2, n % 40);
		scoped(labels_unrefp) struct labels *labels = labels_of(text);

		match_index_each(&index, labels, note, &found);
		assert_int_equal(found.n, 1);
		assert_int_equal(found.items[0], n % 40);
	}
	assert_true(finds(&index, "a=1-7", 7));
	match_index_remove(&index, &lists[7], 7, places[7]);
	assert_false(finds(&index, "a=1-7", 7));
	assert_int_equal(match_index_add(&index, &lists[7], 7, &places[7]), 0);
	assert_true(finds(&index, "a=1-7", 7));
	match_index_release(&index);
	for (size_t i = 0; i < 40; i++)
		matcher_list_release(&lists[i]);
}

static bool stop_at_once(uintptr_t item, void *userdata)
{
	++*(unsigned *)userdata;
	return false;
}

static void whoever_looks_may_stop(void **state)
{
	static const char *const texts[] = { "{a=\"1\"}", "{b!=\"1\"}", "{a=~\"1.*\"}",
		"{a=~\".*1\"}" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		scoped(labels_unrefp) struct labels *labels = labels_of("a=1");
		struct matcher_list list = list_of(texts[i]);
		struct match_index index = { 0 };
		unsigned n = 0;
		int place;

		assert_int_equal(match_index_add(&index, &list, 1, &place), 0);
		assert_int_equal(match_index_add(&index, &list, 2, &place), 0);
		match_index_each(&index, labels, stop_at_once, &n);
		assert_int_equal(n, 1);
		match_index_release(&index);
		matcher_list_release(&list);
	}
}

struct pair {
	struct matcher_list lists[2];
	struct labels *labels[2];
};

/* Whatever failed: what is in is found, and what is out is not. */
static int add_and_remove(void *userdata)
{
	const struct pair *pair = userdata;
	struct match_index index = { 0 };
	int places[2], err;

	err = match_index_add(&index, &pair->lists[0], 1, &places[0]);
	assert_int_equal(finds_for(&index, pair->labels[0], 1), !err);
	if (!err) {
		err = match_index_add(&index, &pair->lists[1], 2, &places[1]);
		assert_int_equal(finds_for(&index, pair->labels[1], 2), !err);
		assert_true(finds_for(&index, pair->labels[1], 1));
		if (!err)
			match_index_remove(&index, &pair->lists[1], 2, places[1]);
		assert_false(finds_for(&index, pair->labels[1], 2));
		assert_true(finds_for(&index, pair->labels[0], 1));
	}
	match_index_release(&index);
	return err;
}

static void it_survives_without_memory(void **state)
{
	static const char *const lists[][2] = { { "{a=~\"1|2|3\"}", "{a=~\"2|3|4\"}" },
		{ "{a=~\"1.*|2.*|3.*\"}", "{a=~\"2.*|3.*|4.*\"}" },
		{ "{a=~\".*[12]\"}", "{a=~\".*[2x]\"}" } };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct pair pair = { { list_of(lists[i][0]), list_of(lists[i][1]) },
			{ labels_of("a=1"), labels_of("a=2") } };
		size_t before = intern_count();

		with_failing_allocations(add_and_remove, &pair);
		assert_int_equal(intern_count(), before);
		for (size_t k = 0; k < 2; k++) {
			matcher_list_release(&pair.lists[k]);
			labels_unref(pair.labels[k]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_a_candidate_where_it_may_match),
		cmocka_unit_test(nobody_who_matches_is_left_out),
		cmocka_unit_test(lists_stand_under_what_tells_them_apart),
		cmocka_unit_test(expressions_are_asked_once_for_each_value),
		cmocka_unit_test(whoever_looks_may_stop),
		cmocka_unit_test(it_survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
