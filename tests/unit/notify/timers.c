/* Timers: the earliest first, whatever was set, moved and stopped before. */
#include "harness.h"

#include "base/clock.h"
#include "notify/timers.h"

#define N 200

static int64_t earliest(const struct timer *timers, size_t n)
{
	int64_t at = BOOT_NS_NEVER;

	for (size_t i = 0; i < n; i++) {
		if (timers[i].place)
			at = MIN(at, timers[i].at_boot_ns);
	}
	return at;
}

static void the_first_is_the_earliest(void **state)
{
	struct timers timers = { 0 };
	static struct timer t[N];
	unsigned seed = 11;

	for (size_t i = 0; i < N; i++)
		assert_int_equal(timers_own(&timers), 0);
	assert_null(timers_first(&timers));
	for (int i = 0; i < 20000; i++) {
		struct timer *one = &t[(unsigned)rand_r(&seed) % N];

		if (rand_r(&seed) % 4)
			timer_set(&timers, one, rand_r(&seed) % 1000);
		else
			timer_stop(&timers, one);
		if (timers.n)
			assert_int_equal(timers_first(&timers)->at_boot_ns, earliest(t, N));
		else
			assert_int_equal(earliest(t, N), BOOT_NS_NEVER);
	}
	for (size_t i = 0; i < N; i++)
		timers_disown(&timers, &t[i]);
	assert_null(timers_first(&timers));
	assert_int_equal(timers.owned, 0);
	timers_release(&timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_is_the_earliest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
