/* A wall clock that is held goes on with the boot clock, and is let go when the system's is right. */
#include "harness.h"

#include "base/clock.h"

static void it_is_held_where_the_systems_is_behind_and_not_known_to_be_right(void **state)
{
	assert_true(clock_is_behind(1000, 5000, false));
	assert_true(clock_is_behind(0, INT64_MAX / 2, false));
	assert_false(clock_is_behind(1000, 5000, true));
	/* As good as right, right, and ahead: what is ahead of the samples is what a pause leaves. */
	assert_false(clock_is_behind(4001, 5000, false));
	assert_false(clock_is_behind(5000, 5000, false));
	assert_false(clock_is_behind(9000, 5000, false));
}

static void a_held_clock_goes_on_with_the_boot_clock(void **state)
{
	int64_t system_ms = clock_system_ms(), wall_ms;
	struct instant then, now;

	assert_false(clock_is_held());
	assert_int_equal(clock_lead_ms(), 0);
	clock_hold(system_ms + 3600000);
	assert_true(clock_is_held());
	then = clock_now();
	assert_in_range(then.wall_ms, system_ms + 3600000, system_ms + 3660000);
	assert_in_range(clock_lead_ms(), 3590000, 3610000);
	do {
		now = clock_now();
	} while (now.boot_ns < then.boot_ns + 3 * NSEC_PER_MSEC);
	assert_in_range(
		now.wall_ms - then.wall_ms - (now.boot_ns - then.boot_ns) / NSEC_PER_MSEC + 2, 0,
		4);
	clock_release();
	wall_ms = clock_wall_ms();
	assert_in_range(wall_ms, system_ms, system_ms + 60000);
	assert_int_equal(clock_lead_ms(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_held_where_the_systems_is_behind_and_not_known_to_be_right),
		cmocka_unit_test(a_held_clock_goes_on_with_the_boot_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
