/* What became of services while tolld did not run, and of what it knew then. */
#include "harness.h"

#include "watch/history_world.h"

static void who_lives_on_is_neither_dead_nor_started(void **state)
{
	struct service_info info;

	start("web", 100);
	advance(60 * SEC);
	restart(1);
	info = info_of("web", 100);
	info.since.boot_ns = 0;
	assert_null(history_meet(history, &info, now));
	assert_null(history_note(history, &info, SERVICE_APPEARED, now));
	assert_int_equal(history_events(history), 1);
}

static void a_death_that_nobody_saw_is_found(void **state)
{
	static const struct {
		pid_t pid; /* who is there now */
		uint64_t boot_id;
		size_t events;
	} rows[] = {
		{ 0, 1, 2 },
		{ 1007, 1, 3 },
		/* The same number and ticks, after a reboot: it is another one. */
		{ 100, 2, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct service_info info;
		const struct death *death;

		teardown(NULL);
		setup(NULL);
		start("web", 100);
		advance(60 * SEC);
		restart(rows[i].boot_id);
		info = info_of("web", rows[i].pid);
		info.since.boot_ns = 0;
		/* Nobody has looked yet. */
		info.state = SERVICE_UNKNOWN;
		assert_null(history_meet(history, &info, now));
		assert_false(history_has_met(history, "web"));
		info.state = rows[i].pid ? SERVICE_UP : SERVICE_DOWN;
		death = history_meet(history, &info, now);
		assert_non_null(death);
		assert_true(history_has_met(history, "web"));
		assert_int_equal(death->kind, DEATH_UNKNOWN);
		assert_int_equal(death->untold, UNTOLD_WHILE_AWAY);
		assert_int_equal(death->pid, 100);
		/* Asked again, it is the same. */
		assert_ptr_equal(history_meet(history, &info, now), death);
		if (rows[i].pid)
			assert_true(history_note(history, &info, SERVICE_APPEARED, now)->restart);
		assert_int_equal(history_events(history), rows[i].events);
		/* Not before it was last seen alive, not after the next one began. */
		assert_in_range(death->at.boot_ns, 1000 * SEC, now.boot_ns);
	}
}

static void who_lives_and_serves_no_more_has_not_ended(void **state)
{
	struct service_info info;

	start("web", 100);
	advance(SEC);
	info = info_of("web", 100);
	info.state = SERVICE_DOWN;
	assert_non_null(history_note(history, &info, SERVICE_LISTENER_GONE, now));
	restart(1);
	living_pid = 100;
	info = info_of("web", 0);
	info.since.boot_ns = 0;
	info.state = SERVICE_DOWN;
	assert_null(history_meet(history, &info, now));
	assert_int_equal(history_events(history), 2);
	living_pid = 0;
}

static void what_lasts_is_as_old_as_its_first_event(void **state)
{
	struct service_info info = info_of("web", 100);
	int64_t since = 0, began = now.wall_ms, died;

	assert_false(history_since(history, "web", SERVICE_UP, &since));
	start("web", 100);
	advance(60 * SEC);
	restart(1);
	assert_true(history_since(history, "web", SERVICE_UP, &since));
	assert_int_equal(since, began);
	assert_false(history_since(history, "web", SERVICE_DOWN, &since));
	died = now.wall_ms;
	die("web", 100);
	advance(60 * SEC);
	restart(1);
	/* That it is down still is no news; that it is up is. */
	info = info_of("web", 0);
	info.since.boot_ns = 0;
	info.state = SERVICE_DOWN;
	assert_null(history_note(history, &info, SERVICE_CHANGED, now));
	assert_true(history_since(history, "web", SERVICE_DOWN, &since));
	assert_int_equal(since, died);
	info.state = SERVICE_UP;
	assert_non_null(history_note(history, &info, SERVICE_CHANGED, now));
}

static void the_last_death_is_remembered_for_a_service_made_anew(void **state)
{
	struct service_info info;

	start("web", 100);
	die("web", 100);
	start("web", 101);
	info = info_of("web", 101);
	assert_int_equal(history_meet(history, &info, now)->pid, 100);
	restart(1);
	assert_int_equal(history_meet(history, &info, now)->pid, 100);
	info = info_of("other", 0);
	assert_null(history_meet(history, &info, now));
	assert_false(history_has_met(history, "other"));
}

static void a_clock_that_is_set_moves_what_was_seen_by_it(void **state)
{
	const int64_t wall_ms = now.wall_ms;

	start("old", 1);
	restart(1);
	start("web", 100);
	die("web", 100);
	advance(10 * SEC);
	now.wall_ms += 1000000;
	history_wall_jumped(history, 1000000, now);
	assert_int_equal(history_last(history, "web")->at.wall_ms, wall_ms + 1000000);
	assert_int_equal(history_last(history, "web")->death->at.wall_ms, wall_ms + 1000000);
	assert_int_equal(history_last(history, "old")->at.wall_ms, wall_ms);
	/* How long ago that was is known better now. */
	assert_int_equal(now.boot_ns - history_last(history, "old")->at.boot_ns, 1010 * SEC);
	restart(1);
	assert_int_equal(history_last(history, "web")->at.wall_ms, wall_ms + 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_lives_on_is_neither_dead_nor_started),
		TEST(a_death_that_nobody_saw_is_found),
		TEST(who_lives_and_serves_no_more_has_not_ended),
		TEST(what_lasts_is_as_old_as_its_first_event),
		TEST(the_last_death_is_remembered_for_a_service_made_anew),
		TEST(a_clock_that_is_set_moves_what_was_seen_by_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
