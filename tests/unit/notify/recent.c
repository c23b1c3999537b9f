/* A count over the last so long: never too little, and hardly too much. */
#include "harness.h"

#include "notify/recent.h"

static void what_was_done_counts_for_its_time_and_a_24th_more_at_most(void **state)
{
	for (int64_t at = 0; at < 300; at += 7) {
		struct recent w;

		recent_init(&w, 240, 1000);
		recent_add(&w, 1000 + at);
		for (int64_t later = 0; later < 600; later++) {
			int64_t count = recent_count(&w, 1000 + at + later);

			if (later < 240)
				assert_int_equal(count, 1);
			if (later > 250)
				assert_int_equal(count, 0);
		}
	}
}

static void it_says_when_it_may_become_less(void **state)
{
	struct recent w;
	int64_t now = 0;

	recent_init(&w, 240, now);
	for (int i = 0; i < 5; i++)
		recent_add(&w, now + 3);
	while (recent_count(&w, now)) {
		int64_t next = recent_next(&w, now);

		assert_true(next > now && next <= now + 10);
		now = next;
	}
	assert_in_range(now, 243, 253);
}

static void another_length_forgets_nothing_too_soon(void **state)
{
	struct recent w;

	recent_init(&w, 240, 0);
	recent_add(&w, 0);
	recent_add(&w, 200);
	recent_resize(&w, 2400, 220);
	assert_int_equal(recent_count(&w, 220), 2);
	assert_int_equal(recent_count(&w, 2600), 2);
	assert_int_equal(recent_count(&w, 2800), 0);
	recent_resize(&w, 2400, 2800);
	assert_int_equal(recent_count(&w, 2800), 0);
}

static void a_clock_that_stands_still_or_leaps_is_no_harm(void **state)
{
	struct recent w;

	recent_init(&w, 240, 1000);
	recent_add(&w, 1000);
	assert_int_equal(recent_count(&w, 500), 1);
	assert_int_equal(recent_count(&w, INT64_MAX / 2), 0);
	recent_add(&w, INT64_MAX / 2);
	assert_int_equal(recent_count(&w, INT64_MAX / 2), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_done_counts_for_its_time_and_a_24th_more_at_most),
		cmocka_unit_test(it_says_when_it_may_become_less),
		cmocka_unit_test(another_length_forgets_nothing_too_soon),
		cmocka_unit_test(a_clock_that_stands_still_or_leaps_is_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
