/* When a target is scraped, under virtual time. */
#include "harness.h"

#include "scrape/schedule.h"

#define WALL_MS 1700000000123ll
#define S	1000ll

static struct instant at(int64_t ms)
{
	return (struct instant){ .boot_ns = (5000 + ms) * NSEC_PER_MSEC, .wall_ms = WALL_MS + ms };
}

static void slots_lie_on_the_offset(void **state)
{
	static const struct {
		int64_t wall_ms, interval_ms, offset_ms, slot;
	} rows[] = {
		{ 0, 15000, 0, 15000 },
		{ 14999, 15000, 0, 15000 },
		{ 15000, 15000, 0, 30000 },
		{ 15000, 15000, 1, 15001 },
		{ 15002, 15000, 1, 30001 },
		{ 0, 15000, 14999, 14999 },
		{ -1, 15000, 0, 0 },
		{ -15000, 15000, 7, -14993 },
		{ 3, 1, 0, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(schedule_slot_after(
					 rows[i].wall_ms, rows[i].interval_ms, rows[i].offset_ms),
			rows[i].slot);
}

static void an_hour_of_slots_has_even_times(void **state)
{
	struct schedule s = { 0 };
	int64_t last = 0, now_ms = 0;
	unsigned scrapes = 0;

	schedule_set(&s, 15 * S, 4321, at(0));
	/* The loop wakes up to 9 ms late, and each scrape takes a while. */
	for (; now_ms < 3600 * S; scrapes++) {
		int64_t wall;

		assert_false(schedule_tick(&s, at(now_ms)));
		now_ms = s.due_boot_ns / NSEC_PER_MSEC - 5000 + scrapes % 10;
		assert_true(schedule_tick(&s, at(now_ms)));
		wall = schedule_begin(&s, at(now_ms), true);
		assert_int_equal(wall % (15 * S), 4321);
		if (last)
			assert_int_equal(wall - last, 15 * S);
		last = wall;
		now_ms += 700;
		assert_false(schedule_end(&s));
	}
	assert_in_range(scrapes, 240, 241);
}

static void a_late_scrape_tells_its_true_time(void **state)
{
	struct schedule s = { 0 };
	int64_t due;

	schedule_set(&s, 15 * S, 0, at(0));
	due = s.due_boot_ns / NSEC_PER_MSEC - 5000;
	assert_true(schedule_tick(&s, at(due + 400)));
	assert_int_equal(schedule_begin(&s, at(due + 400), true), WALL_MS + due + 400);
	assert_int_equal(s.slot_wall_ms % (15 * S), 0);
}

static void a_slot_during_a_scrape_is_left_out(void **state)
{
	struct schedule s = { 0 };
	int64_t due;

	schedule_set(&s, 15 * S, 0, at(0));
	due = s.due_boot_ns / NSEC_PER_MSEC - 5000;
	assert_true(schedule_tick(&s, at(due)));
	schedule_begin(&s, at(due), true);
	assert_false(schedule_tick(&s, at(due + 15 * S)));
	assert_false(schedule_tick(&s, at(due + 15 * S + 1)));
	assert_false(schedule_end(&s));
	assert_true(schedule_tick(&s, at(due + 30 * S)));
}

static void a_trigger_during_a_scrape_makes_one_more_follow(void **state)
{
	struct schedule s = { 0 };

	schedule_set(&s, 15 * S, 0, at(0));
	assert_true(schedule_trigger(&s));
	schedule_begin(&s, at(0), false);
	assert_false(schedule_trigger(&s));
	assert_false(schedule_trigger(&s));
	assert_true(schedule_end(&s));
	schedule_begin(&s, at(1), false);
	assert_false(schedule_end(&s));
	assert_true(schedule_trigger(&s));
}

static void a_trigger_leaves_the_slots_where_they_are(void **state)
{
	struct schedule s = { 0 };
	int64_t slot, due;

	schedule_set(&s, 15 * S, 777, at(0));
	slot = s.slot_wall_ms;
	due = s.due_boot_ns;
	schedule_begin(&s, at(100), false);
	schedule_end(&s);
	assert_int_equal(s.slot_wall_ms, slot);
	assert_int_equal(s.due_boot_ns, due);
}

static void times_always_rise(void **state)
{
	struct schedule s = { 0 };

	schedule_set(&s, 15 * S, 0, at(0));
	assert_int_equal(schedule_begin(&s, at(50), false), WALL_MS + 50);
	assert_int_equal(schedule_begin(&s, at(50), false), WALL_MS + 51);
	assert_int_equal(schedule_begin(&s, at(50), false), WALL_MS + 52);
	assert_int_equal(schedule_begin(&s, at(20), false), WALL_MS + 53);
	assert_int_equal(schedule_begin(&s, at(54), false), WALL_MS + 54);
}

static void a_clock_set_back_far_is_believed(void **state)
{
	struct schedule s = { 0 };

	schedule_set(&s, 15 * S, 0, at(0));
	schedule_begin(&s, at(3600 * S), false);
	assert_int_equal(schedule_begin(&s, at(0), false), WALL_MS);
}

static void a_jump_of_the_wall_clock_does_not_move_the_next_wake_up(void **state)
{
	struct schedule s = { 0 };
	struct instant now = at(0);
	int64_t due;

	schedule_set(&s, 15 * S, 0, now);
	due = s.due_boot_ns;
	now.wall_ms += 365 * 86400 * S;
	assert_false(schedule_tick(&s, now));
	now.boot_ns = due;
	assert_true(schedule_tick(&s, now));
	assert_int_equal(schedule_begin(&s, now, true), now.wall_ms);
	assert_in_range(s.due_boot_ns - due, 1, 15 * NSEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_lie_on_the_offset),
		cmocka_unit_test(an_hour_of_slots_has_even_times),
		cmocka_unit_test(a_late_scrape_tells_its_true_time),
		cmocka_unit_test(a_slot_during_a_scrape_is_left_out),
		cmocka_unit_test(a_trigger_during_a_scrape_makes_one_more_follow),
		cmocka_unit_test(a_trigger_leaves_the_slots_where_they_are),
		cmocka_unit_test(times_always_rise),
		cmocka_unit_test(a_clock_set_back_far_is_believed),
		cmocka_unit_test(a_jump_of_the_wall_clock_does_not_move_the_next_wake_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
