/* Deduplication: who has to be told, given what was told last, and why. */
#include "harness.h"

#include "notify/internal.h"

#define SEC NSEC_PER_SEC

struct set {
	uint64_t v[4];
	size_t n;
};

static struct fingerprints of(const struct set *set)
{
	return (struct fingerprints){ set->v, set->n };
}

/* ages in seconds; the repeat interval is 600 s */
static const struct {
	bool told;
	struct set told_firing, told_resolved, told_owed;
	int age;
	struct set firing, resolved;
	bool send_resolved;
	enum reason reason;
} rows[] = {
	/* never told */
	{ false, {}, {}, {}, 0, { { 2, 3, 4 }, 3 }, {}, true, REASON_FIRST },
	{ false, {}, {}, {}, 0, {}, { { 2 }, 1 }, true, REASON_NONE },
	/* one more fires */
	{ true, { { 1, 2, 3 }, 3 }, {}, {}, 0, { { 2, 3, 4 }, 3 }, {}, false, REASON_NEW_ALERTS },
	/* the same fire: by age alone, and a moment more than the interval */
	{ true, { { 1, 2, 3 }, 3 }, {}, {}, 540, { { 1, 2, 3 }, 3 }, {}, true, REASON_NONE },
	{ true, { { 1, 2, 3 }, 3 }, {}, {}, 600, { { 1, 2, 3 }, 3 }, {}, true, REASON_NONE },
	{ true, { { 1, 2, 3 }, 3 }, {}, {}, 601, { { 1, 2, 3 }, 3 }, {}, true, REASON_REPEAT },
	/* began and ended between two flushes: nobody knew, nobody needs to */
	{ true, {}, { { 1, 2, 3 }, 3 }, {}, 660, {}, { { 3, 4, 5 }, 3 }, true, REASON_NONE },
	{ true, {}, { { 1, 2, 3 }, 3 }, {}, 660, {}, { { 3, 4, 5 }, 3 }, false, REASON_NONE },
	/* one of two ended */
	{ true, { { 1, 2 }, 2 }, { { 3 }, 1 }, {}, 540, { { 1 }, 1 }, { { 2, 3 }, 2 }, true,
		REASON_SOME_RESOLVED },
	{ true, { { 1, 2 }, 2 }, { { 3 }, 1 }, {}, 540, { { 1 }, 1 }, { { 2, 3 }, 2 }, false,
		REASON_NONE },
	/* all ended: the log must learn it, whatever the receiver wants to hear */
	{ true, { { 1, 2 }, 2 }, { { 3 }, 1 }, {}, 540, {}, { { 1, 2, 3 }, 3 }, true,
		REASON_ALL_RESOLVED },
	{ true, { { 1, 2 }, 2 }, { { 3 }, 1 }, {}, 540, {}, { { 1, 2, 3 }, 3 }, false,
		REASON_ALL_RESOLVED },
	/* an end that was told already */
	{ true, { { 1 }, 1 }, { { 2 }, 1 }, {}, 10, { { 1 }, 1 }, { { 2 }, 1 }, true, REASON_NONE },
	{ true, { { 1 }, 1 }, { { 2 }, 1 }, {}, 601, { { 1 }, 1 }, { { 2 }, 1 }, true,
		REASON_REPEAT },
	/* nothing else was told to fire, and an end is owed: this one, or another */
	{ true, {}, { { 2 }, 1 }, { { 1, 3 }, 2 }, 10, {}, { { 2, 3 }, 2 }, true,
		REASON_ALL_RESOLVED },
	{ true, {}, { { 2 }, 1 }, { { 1, 3 }, 2 }, 10, {}, { { 2, 4 }, 2 }, true, REASON_NONE },
	/* what is owed is no longer known to fire */
	{ true, { { 2 }, 1 }, {}, { { 1 }, 1 }, 10, { { 1, 2 }, 2 }, {}, true, REASON_NEW_ALERTS },
};

static void tells_what_the_receiver_does_not_know(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) struct log_entry *told = log_entry_new(of(&rows[i].told_firing),
			of(&rows[i].told_resolved), of(&rows[i].told_owed));
		int64_t now = 10000 * SEC;
		enum reason reason;

		told->at_boot_ns = now - rows[i].age * SEC;
		reason = dedup(rows[i].told ? told : NULL, of(&rows[i].firing),
			of(&rows[i].resolved), rows[i].send_resolved, 600 * SEC, now);
		if (reason != rows[i].reason)
			fail_msg("row %zu: '%s'", i, reason_text(reason));
	}
}

static void each_reason_has_its_words(void **state)
{
	static const char *const texts[] = { "", "first notification", "new alerts added",
		"some alerts resolved", "all alerts resolved", "repeat interval elapsed",
		"budget used up" };

	assert_int_equal(ARRAY_SIZE(texts), REASONS);
	for (int i = 0; i < REASONS; i++) {
		assert_string_equal(reason_text((enum reason)i), texts[i]);
		assert_int_equal(reason_parse(texts[i]), i);
	}
	assert_int_equal(reason_parse("because"), REASON_NONE);
}

static void a_set_is_part_of_another_as_in_mathematics(void **state)
{
	/* All pairs of subsets of five values. */
	for (unsigned a = 0; a < 32; a++) {
		for (unsigned b = 0; b < 32; b++) {
			uint64_t va[5], vb[5];
			struct fingerprints fa = { va, 0 }, fb = { vb, 0 };

			for (unsigned bit = 0; bit < 5; bit++) {
				if (a & 1u << bit)
					va[fa.n++] = 10 + bit;
				if (b & 1u << bit)
					vb[fb.n++] = 10 + bit;
			}
			assert_int_equal(fingerprints_subset(fa, fb), (a & ~b) == 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_the_receiver_does_not_know),
		cmocka_unit_test(each_reason_has_its_words),
		cmocka_unit_test(a_set_is_part_of_another_as_in_mathematics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
