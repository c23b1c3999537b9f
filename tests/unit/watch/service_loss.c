/* Notices that are lost, looks that are old, and all of it in any order: the end is the truth. */
#include "harness.h"

#include "watch/service_world.h"

static void lost_notices_make_it_unknown_until_the_resync(void **state)
{
	begin(true);
	tell((struct notice){ .kind = NOTICE_LOST });
	assert_true(sim.service->doubtful);
	assert_int_equal(services_next_deadline(&sim.set), sim.now.boot_ns);
	settle();
	assert_true(is_up_with(&old));
	assert_int_equal(sim.n_seen, 0);
	end();
}

static void absent_once_is_not_yet_dead(void **state)
{
	begin(true);
	services_resynced(&sim.set, NULL, 0, sim.now);
	assert_int_equal(sim.n_seen, 0);
	advance(99 * MS);
	services_resynced(&sim.set, &old, 1, sim.now);
	advance(200 * MS);
	services_resynced(&sim.set, NULL, 0, sim.now);
	assert_int_equal(sim.n_seen, 0);
	end();
}

static void a_death_that_nobody_saw_is_told_with_the_last_signal(void **state)
{
	struct notice signal = {
		.kind = NOTICE_SIGNAL,
		.process = old,
		.signal = { .signal = SIGKILL, .sender = SENT_BY_A_PROCESS, .sender_pid = 55 },
	};

	begin(true);
	tell(signal);
	sim.cookie = 0;
	sim.owner.pid = 0;
	tell((struct notice){ .kind = NOTICE_LOST });
	settle_for(200 * MS);
	assert_int_equal(sim.service->deaths, 1);
	assert_int_equal(sim.service->last_death.kind, DEATH_UNKNOWN);
	assert_int_equal(sim.service->last_death.sender_pid, 55);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	assert_false(sim.service->doubtful);
	/* The exit comes after all: it was told. */
	tell(exit_of(&old, SIGKILL));
	assert_int_equal(sim.service->deaths, 1);
	end();
}

static void what_could_not_be_done_is_tried_again_after_a_second(void **state)
{
	begin(true);
	tell((struct notice){ .kind = NOTICE_LOST });
	service_look_by(sim.service, sim.now.boot_ns);
	services_put_off(&sim.set, sim.now);
	assert_int_equal(services_next_deadline(&sim.set), sim.now.boot_ns + 1000 * MS);
	assert_true(sim.service->doubtful);
	settle_for(1000 * MS);
	assert_true(is_up_with(&old));
	end();
}

static void a_resync_comes_every_minute(void **state)
{
	begin(true);
	settle_for(600 * 1000 * MS);
	assert_in_range(sim.set.resyncs, 9, 10);
	assert_true(is_up_with(&old));
	end();
}

static void an_exit_wins_over_a_look_that_saw_the_process_alive(void **state)
{
	struct look stale = {
		.cookies = { 1 },
		.n_cookies = 1,
		.attributed = true,
		.owners = { old },
		.n_owners = 1,
	};

	begin(true);
	tell(exit_of(&old, 1 << 8));
	services_look(sim.service, &stale, sim.now);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	assert_int_equal(sim.service->owner.pid, 0);
	/* The same for a process that was never the owner before it died. */
	tell(exit_of(&fresh, 1 << 8));
	stale.owners[0] = fresh;
	services_look(sim.service, &stale, sim.now);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	end();
}

/* Gigabytes of memory are given back, or a disk is waited for: the socket closes when that is done. */
static void a_death_that_takes_long_stays_a_death(void **state)
{
	static const int64_t takes_s[] = { 1, 7, 60, 3600 };

	for (size_t i = 0; i < ARRAY_SIZE(takes_s); i++) {
		begin(true);
		tell(killed_by_kernel(&old));
		sim.owner.pid = 0;
		sim.dying = true;
		for (int64_t s = 0; s < takes_s[i]; s++) {
			settle_for(1000 * MS);
			if (sim.service->state != SERVICE_DOWN || sim.service->doubtful)
				fail_msg("of %lld s: after %lld s it is up again",
					(long long)takes_s[i], (long long)s);
			assert_int_equal(sim.service->owner.pid, 0);
			assert_int_equal(sim.service->restarts, 0);
		}
		tell(listens(&old, 1, false));
		sim.cookie = 0;
		sim.dying = false;
		ASSERT_SEEN(SERVICE_DIED, SERVICE_CAUSE, SERVICE_LISTENER_GONE);
		/* A restart is one then. */
		sim.cookie = 2;
		sim.owner = fresh;
		tell(listens(&fresh, 2, true));
		settle_for(60 * 1000 * MS);
		assert_true(is_up_with(&fresh));
		assert_int_equal(sim.service->restarts, 1);
		end();
	}
}

/* Whoever shares the socket with the dead, and cannot be seen, is found once the dead is gone. */
static void a_socket_that_outlives_the_dying_is_up_when_they_are_gone(void **state)
{
	begin(true);
	tell(exit_of(&old, 1 << 8));
	sim.owner.pid = 0;
	sim.dying = true;
	settle_for(120 * 1000 * MS);
	ASSERT_SEEN(SERVICE_DIED);
	sim.dying = false;
	settle_for(10 * 1000 * MS);
	ASSERT_SEEN(SERVICE_DIED, SERVICE_APPEARED);
	assert_int_equal(sim.service->state, SERVICE_UP);
	assert_int_equal(sim.service->owner.pid, 0);
	end();
}

/* However many die between the sighting and what is made of it. */
static void an_exit_wins_over_an_older_look_in_a_storm(void **state)
{
	struct look stale = {
		.cookies = { 2 },
		.n_cookies = 1,
		.attributed = true,
		.owners = { fresh },
		.n_owners = 1,
	};

	begin(false);
	tell(exit_of(&fresh, 1 << 8));
	for (pid_t pid = 1000; pid < 1000 + 7000; pid++) {
		const struct process other = { .pid = pid, .start_boot_ns = 1000 + pid };

		tell(exit_of(&other, 0));
	}
	services_look(sim.service, &stale, sim.now);
	assert_int_not_equal(sim.service->owner.pid, fresh.pid);
	end();
}

static void a_look_whose_owner_died_meanwhile_makes_nobody_the_owner(void **state)
{
	static const struct look known = { .cookies = { 1 }, .n_cookies = 1 };

	begin(true);
	tell(exit_of(&old, 1 << 8));
	services_look(sim.service, &known, sim.now);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	ASSERT_SEEN(SERVICE_DIED);
	end();
}

static void a_look_that_sees_no_owner_does_not_lose_the_one_that_lives(void **state)
{
	static const struct look blind = { .cookies = { 2 }, .n_cookies = 1, .attributed = true };

	begin(true);
	services_look(sim.service, &blind, sim.now);
	assert_true(is_up_with(&old));
	assert_int_equal(sim.n_seen, 0);
	tell(exit_of(&old, 1 << 8));
	ASSERT_SEEN(SERVICE_DIED);
	end();
}

static void a_look_right_after_a_listener_came_may_not_see_it_yet(void **state)
{
	static const struct look nothing = { .attributed = true };

	begin(false);
	tell(listens(&fresh, 2, true));
	services_look(sim.service, &nothing, sim.now);
	ASSERT_SEEN(SERVICE_APPEARED);
	assert_true(is_up_with(&fresh));
	/* It never came: listen() failed after all. */
	settle_for(21 * MS);
	ASSERT_SEEN(SERVICE_APPEARED, SERVICE_LISTENER_GONE);
	end();
}

static void a_close_of_a_socket_that_nobody_knew_leads_to_a_look(void **state)
{
	begin(true);
	sim.cookie = 0;
	tell(listens(&old, 99, false));
	assert_int_equal(sim.n_seen, 0);
	settle_for(MS);
	ASSERT_SEEN(SERVICE_LISTENER_GONE);
	end();
}

static void a_socket_that_outlives_everybody_is_up_without_a_process(void **state)
{
	begin(false);
	sim.cookie = 9;
	tell((struct notice){ .kind = NOTICE_LOST });
	settle();
	ASSERT_SEEN(SERVICE_APPEARED);
	assert_int_equal(sim.service->owner.pid, 0);
	assert_int_equal(sim.service->state, SERVICE_UP);
	end();
}

/* -- any order, any loss -------------------------------------------------------------------- */

enum { OLD_EXITS, OLD_CLOSES, OLD_OOM, FRESH_OPENS, STALE_LOOK, STEPS };

static void step(int what)
{
	static const struct look stale = {
		.cookies = { 1 },
		.n_cookies = 1,
		.attributed = true,
		.owners = { { .pid = 100, .start_boot_ns = 5000 } },
		.n_owners = 1,
	};

	switch (what) {
	case OLD_EXITS:
		tell(killed_by_kernel(&old));
		break;
	case OLD_CLOSES:
		tell(listens(&old, 1, false));
		break;
	case OLD_OOM:
		tell(oom_of(&old));
		break;
	case FRESH_OPENS:
		tell(listens(&fresh, 2, true));
		break;
	case STALE_LOOK:
		services_look(sim.service, &stale, sim.now);
		break;
	}
}

/* The k-th order of all STEPS! ones. */
static void order_of(unsigned k, int order[STEPS])
{
	int left[STEPS];

	for (int i = 0; i < STEPS; i++)
		left[i] = i;
	for (unsigned n = STEPS; n > 0; n--) {
		unsigned pick = k % n;

		k /= n;
		order[STEPS - n] = left[pick];
		memmove(&left[pick], &left[pick + 1], (n - pick - 1) * sizeof(left[0]));
	}
}

#define ORDERS 120u

static int place_of(const int order[STEPS], int what)
{
	int i = 0;

	while (order[i] != what)
		i++;
	return i;
}

/* The old process gave its port up, and the fresh one took it, before the old one exited: no death. */
static bool is_handed_over(const int order[STEPS])
{
	return place_of(order, OLD_CLOSES) < place_of(order, FRESH_OPENS) &&
	       place_of(order, FRESH_OPENS) < place_of(order, OLD_EXITS);
}

static void every_order_ends_in_the_same_truth(void **state)
{
	for (unsigned k = 0; k < ORDERS; k++) {
		const struct service *service;
		unsigned deaths;
		int order[STEPS];

		begin(true);
		service = sim.service;
		sim.cookie = 2;
		sim.owner = fresh;
		order_of(k, order);
		for (int i = 0; i < STEPS; i++) {
			step(order[i]);
			advance(MS);
		}
		settle_for(2000 * MS);
		deaths = is_handed_over(order) ? 0 : 1;
		if (!is_up_with(&fresh) || !service->listening || service->deaths != deaths ||
			(deaths && service->last_death.kind != DEATH_OOM))
			fail_msg("order %u: pid %d, %u deaths, kind %d", k, service->owner.pid,
				service->deaths, service->last_death.kind);
		end();
	}
}

static void any_loss_in_any_order_ends_in_the_truth_after_a_resync(void **state)
{
	for (unsigned k = 0; k < ORDERS; k++) {
		for (unsigned kept = 0; kept < 1u << STEPS; kept++) {
			int order[STEPS];

			begin(true);
			sim.cookie = 2;
			sim.owner = fresh;
			order_of(k, order);
			for (int i = 0; i < STEPS; i++) {
				if (kept & 1u << order[i])
					step(order[i]);
				advance(MS);
			}
			tell((struct notice){ .kind = NOTICE_LOST });
			settle_for(5000 * MS);
			if (!is_up_with(&fresh) || !sim.service->listening ||
				sim.service->deaths > 1)
				fail_msg("order %u, kept 0x%x: pid %d, %u deaths", k, kept,
					sim.service->owner.pid, sim.service->deaths);
			end();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_notices_make_it_unknown_until_the_resync),
		cmocka_unit_test(absent_once_is_not_yet_dead),
		cmocka_unit_test(a_death_that_nobody_saw_is_told_with_the_last_signal),
		cmocka_unit_test(what_could_not_be_done_is_tried_again_after_a_second),
		cmocka_unit_test(a_resync_comes_every_minute),
		cmocka_unit_test(an_exit_wins_over_a_look_that_saw_the_process_alive),
		cmocka_unit_test(a_death_that_takes_long_stays_a_death),
		cmocka_unit_test(a_socket_that_outlives_the_dying_is_up_when_they_are_gone),
		cmocka_unit_test(an_exit_wins_over_an_older_look_in_a_storm),
		cmocka_unit_test(a_look_whose_owner_died_meanwhile_makes_nobody_the_owner),
		cmocka_unit_test(a_look_that_sees_no_owner_does_not_lose_the_one_that_lives),
		cmocka_unit_test(a_look_right_after_a_listener_came_may_not_see_it_yet),
		cmocka_unit_test(a_close_of_a_socket_that_nobody_knew_leads_to_a_look),
		cmocka_unit_test(a_socket_that_outlives_everybody_is_up_without_a_process),
		cmocka_unit_test(every_order_ends_in_the_same_truth),
		cmocka_unit_test(any_loss_in_any_order_ends_in_the_truth_after_a_resync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
