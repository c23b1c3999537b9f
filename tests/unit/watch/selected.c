/* Services that are processes of some description, under virtual time. */
#include "harness.h"

#include <signal.h>
#include "watch/service.h"

#define MS	 NSEC_PER_MSEC
#define SEEN_MAX 64

static struct {
	struct services set;
	struct service *service;
	struct instant now;
	enum service_event seen[SEEN_MAX];
	enum service_state states[SEEN_MAX];
	size_t n_seen;
	bool has_heir;
	struct process heir;
	struct process released[SEEN_MAX];
	size_t n_released;
} sim;

static const struct process first = { .pid = 100, .start_boot_ns = 500 * MS, .comm = "first" };
/* It was there before `first` died, and after. */
static const struct process sibling = { .pid = 101, .start_boot_ns = 600 * MS, .comm = "sibling" };

static void on_event(struct service *service, enum service_event what, void *userdata)
{
	assert_true(sim.n_seen < SEEN_MAX);
	sim.states[sim.n_seen] = service->state;
	sim.seen[sim.n_seen++] = what;
}

static bool on_heir(
	struct service *service, const struct notice *exit, struct process *ret, void *userdata)
{
	if (sim.has_heir)
		*ret = sim.heir;
	return sim.has_heir;
}

static void on_release(const struct process *process, void *userdata)
{
	assert_true(sim.n_released < SEEN_MAX);
	sim.released[sim.n_released++] = *process;
}

static const struct service_ops ops = {
	.on_event = on_event,
	.heir = on_heir,
	.release = on_release,
};

static void advance(int64_t ns)
{
	sim.now.boot_ns += ns;
	sim.now.wall_ms += ns / MS;
}

static struct service *add(enum selector_kind kind, enum service_expect expect)
{
	struct service *service;

	assert_int_equal(services_add(&sim.set, "x", "exe /x", NULL, sim.now, &service), 0);
	service->kind = kind;
	service->expect = expect;
	service->unasked = true;
	return service;
}

static void begin_as(enum selector_kind kind, enum service_expect expect)
{
	memset(&sim, 0, sizeof(sim));
	sim.now = (struct instant){ .boot_ns = 1000 * MS, .wall_ms = 1700000000000 };
	services_init(&sim.set, &ops, sim.now);
	sim.service = add(kind, expect);
}

static void begin(void)
{
	begin_as(SELECT_EXE, EXPECTED_RUNNING);
}

static void end(void)
{
	services_release(&sim.set);
}

static struct process fresh(void)
{
	return (struct process){ .pid = 200, .start_boot_ns = sim.now.boot_ns, .comm = "fresh" };
}

static void adopt(struct process process)
{
	services_adopt(sim.service, &process, sim.now);
}

static void exits(struct process process, uint32_t wait_status)
{
	const struct notice notice = {
		.kind = NOTICE_EXIT,
		.process = process,
		.at_boot_ns = sim.now.boot_ns,
		.exit = { .wait_status = wait_status, .forked = sim.has_heir },
	};

	services_notice(&sim.set, &notice, sim.now);
}

static void stands(struct standing standing)
{
	services_stand(sim.service, &standing, sim.now);
}

static void listens(uint64_t cookie)
{
	services_listens(sim.service, &cookie, cookie != 0, sim.now);
}

static void assert_seen(const enum service_event *events, size_t n)
{
	assert_int_equal(sim.n_seen, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sim.seen[i], events[i]);
	sim.n_seen = 0;
}

#define ASSERT_SEEN(...)                                                                           \
	assert_seen((const enum service_event[]){ __VA_ARGS__ },                                   \
		ARRAY_SIZE(((const enum service_event[]){ __VA_ARGS__ })))
#define ASSERT_SEEN_NOTHING() assert_int_equal(sim.n_seen, 0)

static void assert_state(enum service_state state, unsigned deaths, unsigned restarts)
{
	assert_false(sim.service->doubtful);
	assert_int_equal(sim.service->state, state);
	assert_int_equal(sim.service->deaths, deaths);
	assert_int_equal(sim.service->restarts, restarts);
}

/* -- life and death ------------------------------------------------------------------------- */

static void it_is_unknown_until_somebody_looked_and_then_down(void **state)
{
	begin();
	assert_true(sim.service->doubtful);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	stands((struct standing){ 0 });
	assert_state(SERVICE_DOWN, 0, 0);
	ASSERT_SEEN(SERVICE_CHANGED);
	stands((struct standing){ 0 });
	ASSERT_SEEN_NOTHING();
	end();
}

static void a_process_makes_it_live_and_its_death_ends_that(void **state)
{
	begin();
	adopt(first);
	assert_state(SERVICE_UP, 0, 0);
	ASSERT_SEEN(SERVICE_APPEARED);
	advance(10 * MS);
	exits(first, 3 << 8);
	assert_state(SERVICE_DOWN, 1, 0);
	ASSERT_SEEN(SERVICE_DIED);
	assert_int_equal(sim.service->last_death.exit_code, 3);
	assert_int_equal(sim.service->since.boot_ns, sim.now.boot_ns);
	end();
}

static void a_restart_within_20_ms_is_a_death_a_restart_and_a_dip(void **state)
{
	begin();
	adopt(first);
	sim.n_seen = 0;
	exits(first, SIGKILL);
	assert_int_equal(sim.states[0], SERVICE_DOWN);
	advance(20 * MS);
	adopt(fresh());
	assert_int_equal(sim.states[1], SERVICE_UP);
	ASSERT_SEEN(SERVICE_DIED, SERVICE_APPEARED);
	assert_state(SERVICE_UP, 1, 1);
	end();
}

static void another_that_lived_already_is_no_restart(void **state)
{
	begin();
	adopt(first);
	advance(100 * MS);
	exits(first, SIGSEGV);
	assert_true(service_outlived(sim.service, &sibling));
	advance(2000 * MS);
	adopt(sibling);
	assert_state(SERVICE_UP, 1, 0);
	end();
}

static void a_daemon_that_forks_and_leaves_has_not_died(void **state)
{
	begin();
	adopt(first);
	sim.n_seen = 0;
	sim.has_heir = true;
	sim.heir = sibling;
	exits(first, 0);
	ASSERT_SEEN(SERVICE_APPEARED);
	assert_state(SERVICE_UP, 0, 0);
	assert_true(process_same(&sim.service->owner, &sibling));
	end();
}

static void a_master_that_is_killed_has_died_whatever_workers_it_leaves(void **state)
{
	begin();
	adopt(first);
	sim.n_seen = 0;
	sim.has_heir = true;
	sim.heir = sibling;
	exits(first, SIGKILL);
	ASSERT_SEEN(SERVICE_DIED);
	assert_state(SERVICE_DOWN, 1, 0);
	end();
}

static void a_unit_without_a_main_process_loses_one_of_several(void **state)
{
	begin_as(SELECT_UNIT, EXPECTED_RUNNING);
	stands((struct standing){ 0 });
	adopt(first);
	sim.n_seen = 0;
	sim.has_heir = true;
	sim.heir = sibling;
	exits(first, SIGKILL);
	ASSERT_SEEN(SERVICE_APPEARED);
	assert_state(SERVICE_UP, 0, 0);
	/* Told that this one is the main process, its death is the service's. */
	stands((struct standing){ .main_told = true });
	exits(sibling, SIGKILL);
	assert_state(SERVICE_DOWN, 1, 0);
	end();
}

static void one_process_may_be_several_services(void **state)
{
	struct service *other;

	begin();
	other = add(SELECT_PIDFILE, EXPECTED_RUNNING);
	adopt(first);
	services_adopt(other, &first, sim.now);
	services_leave(other, sim.now);
	/* It is still watched, for the first. */
	assert_int_equal(sim.n_released, 0);
	services_adopt(other, &first, sim.now);
	exits(first, 0);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	assert_int_equal(other->state, SERVICE_DOWN);
	assert_int_equal(other->deaths, 1);
	end();
}

static void thousands_are_found_by_their_process(void **state)
{
	struct service *services[3000];

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		struct process p = { .pid = (pid_t)i + 1000, .start_boot_ns = (int64_t)i };

		services[i] = add(SELECT_EXE, EXPECTED_RUNNING);
		services_adopt(services[i], &p, sim.now);
		sim.n_seen = 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(services); i += 2) {
		struct process p = { .pid = (pid_t)i + 1000, .start_boot_ns = (int64_t)i };

		exits(p, 0);
		sim.n_seen = 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		assert_int_equal(services[i]->state, i % 2 ? SERVICE_UP : SERVICE_DOWN);
	end();
}

/* -- those that may be empty ---------------------------------------------------------------- */

static void what_may_end_ends_well_without_a_fault(void **state)
{
	static const struct {
		uint32_t wait_status;
		bool is_death;
	} rows[] = {
		{ 0, false },
		{ SIGTERM, false },
		{ SIGPIPE, false },
		{ 1 << 8, true },
		{ SIGKILL, true },
		{ SIGSEGV | 0x80, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin_as(SELECT_UNIT, EXPECTED_RUNNING);
		stands((struct standing){ .may_end = true });
		adopt(first);
		sim.n_seen = 0;
		exits(first, rows[i].wait_status);
		if (rows[i].is_death)
			ASSERT_SEEN(SERVICE_DIED);
		else
			ASSERT_SEEN(SERVICE_LEFT);
		assert_state(rows[i].is_death ? SERVICE_DOWN : SERVICE_UP, rows[i].is_death, 0);
		end();
	}
}

static void what_systemd_says_of_a_unit_is_its_state(void **state)
{
	begin_as(SELECT_UNIT, EXPECTED_RUNNING);
	stands((struct standing){ .may_end = true, .empty_ok = true });
	assert_state(SERVICE_UP, 0, 0);
	ASSERT_SEEN(SERVICE_CHANGED);
	/* What was found first was so before. */
	assert_int_equal(sim.service->since.boot_ns, 0);
	stands((struct standing){ .failed = true });
	assert_state(SERVICE_DOWN, 0, 0);
	ASSERT_SEEN(SERVICE_CHANGED);
	stands((struct standing){ .failed = true });
	ASSERT_SEEN_NOTHING();
	end();
}

static void what_need_not_run_is_down_only_by_a_failure(void **state)
{
	begin_as(SELECT_EXE, EXPECTED_ANY);
	stands((struct standing){ 0 });
	assert_state(SERVICE_UP, 0, 0);
	adopt(first);
	sim.n_seen = 0;
	exits(first, 0);
	ASSERT_SEEN(SERVICE_LEFT);
	assert_state(SERVICE_UP, 0, 0);
	adopt(sibling);
	exits(sibling, 1 << 8);
	assert_state(SERVICE_DOWN, 1, 0);
	advance(100 * MS);
	adopt(fresh());
	assert_state(SERVICE_UP, 1, 1);
	end();
}

static void a_life_that_nobody_saw_is_counted(void **state)
{
	struct death death = { .pid = 150, .kind = DEATH_EXIT, .exit_code = 1, .final = true };

	begin_as(SELECT_UNIT, EXPECTED_RUNNING);
	adopt(first);
	exits(first, 1 << 8);
	advance(100 * MS);
	death.at = sim.now;
	/* Restarted, and dead again, before anybody was told of the restart. */
	services_missed(sim.service, &death, sim.now);
	assert_state(SERVICE_DOWN, 2, 1);
	advance(100 * MS);
	adopt(fresh());
	assert_state(SERVICE_UP, 2, 2);
	sim.n_seen = 0;
	/* The one before the present one: its death is told all the same, as a dip. */
	services_missed(sim.service, &death, sim.now);
	assert_int_equal(sim.states[0], SERVICE_DOWN);
	ASSERT_SEEN(SERVICE_DIED, SERVICE_APPEARED);
	assert_state(SERVICE_UP, 3, 3);
	end();
}

/* -- those that are to listen --------------------------------------------------------------- */

static void what_is_to_listen_is_up_when_it_does(void **state)
{
	begin_as(SELECT_EXE, EXPECTED_LISTENING);
	stands((struct standing){ 0 });
	sim.n_seen = 0;
	adopt(first);
	assert_state(SERVICE_DOWN, 0, 0);
	assert_ptr_equal(services_wants_look(&sim.set, sim.now), sim.service);
	listens(0);
	assert_state(SERVICE_DOWN, 0, 0);
	/* It may take its time, and is asked again and again, ever more seldom. */
	assert_null(services_wants_look(&sim.set, sim.now));
	advance(10 * MS);
	assert_ptr_equal(services_wants_look(&sim.set, sim.now), sim.service);
	listens(7);
	assert_state(SERVICE_UP, 0, 0);
	ASSERT_SEEN(SERVICE_APPEARED, SERVICE_APPEARED);
	assert_null(services_wants_look(&sim.set, sim.now));
	end();
}

static void a_listener_that_goes_takes_it_down_while_it_lives(void **state)
{
	const struct notice closed = {
		.kind = NOTICE_LISTEN,
		.process = first,
		.at_boot_ns = 1000 * MS,
		.listen = { .cookie = 7, .opened = false },
	};

	begin_as(SELECT_EXE, EXPECTED_LISTENING);
	adopt(first);
	listens(7);
	sim.n_seen = 0;
	services_notice(&sim.set, &closed, sim.now);
	ASSERT_SEEN(SERVICE_LISTENER_GONE);
	assert_state(SERVICE_DOWN, 0, 0);
	assert_int_equal(sim.service->owner.pid, first.pid);
	/* Another process of it may have one that no notice told of. */
	advance(20 * MS);
	assert_ptr_equal(services_wants_look(&sim.set, sim.now), sim.service);
	listens(8);
	assert_state(SERVICE_UP, 0, 0);
	end();
}

static void it_is_asked_seldom_at_last_whether_it_listens(void **state)
{
	size_t looks = 0;

	begin_as(SELECT_EXE, EXPECTED_LISTENING);
	adopt(first);
	for (int64_t spent = 0; spent < 60000 * MS; looks++) {
		int64_t next = services_next_deadline(&sim.set) - sim.now.boot_ns;

		advance(MAX(next, (int64_t)0));
		spent += MAX(next, (int64_t)0);
		if (services_wants_resync(&sim.set, sim.now))
			break;
		listens(0);
	}
	assert_in_range(looks, 15, 30);
	end();
}

/* -- whatever the order --------------------------------------------------------------------- */

static struct notice oom_of_first(void)
{
	return (struct notice){
		.kind = NOTICE_OOM,
		.process = first,
		.victim.thread = first.pid,
		.at_boot_ns = sim.now.boot_ns,
	};
}

enum step { EXIT, OOM, SIGNAL, LOST, STEPS };

static void take(enum step step)
{
	const struct notice lost = { .kind = NOTICE_LOST };
	struct notice signal = { .kind = NOTICE_SIGNAL, .process = first };
	struct notice oom = oom_of_first();

	switch (step) {
	case EXIT:
		exits(first, SIGKILL);
		break;
	case OOM:
		services_notice(&sim.set, &oom, sim.now);
		break;
	case SIGNAL:
		signal.signal =
			(struct tolld_signal){ .signal = SIGKILL, .sender = SENT_BY_THE_KERNEL };
		services_notice(&sim.set, &signal, sim.now);
		break;
	case LOST:
		services_notice(&sim.set, &lost, sim.now);
		break;
	case STEPS:
		break;
	}
}

static void resync_until_sure(const struct process *living, size_t n)
{
	for (int i = 0; i < 5 && services_next_deadline(&sim.set) < sim.now.boot_ns + 1000 * MS;
		i++) {
		advance(MAX(services_next_deadline(&sim.set) - sim.now.boot_ns, (int64_t)0));
		services_due(&sim.set, sim.now);
		if (services_wants_resync(&sim.set, sim.now))
			services_resynced(&sim.set, living, n, sim.now);
	}
}

/* Each order of each subset: one death always, and its cause as good as what was told. */
static void run_order(const enum step *steps, size_t n)
{
	bool told_exit = false, told_oom = false;
	struct process new;

	begin();
	adopt(first);
	advance(50 * MS);
	for (size_t i = 0; i < n; i++) {
		told_exit |= steps[i] == EXIT;
		told_oom |= steps[i] == OOM;
		take(steps[i]);
		advance(MS);
	}
	/* What was not told is found by the resync that is due once a minute, if not before. */
	if (!told_exit)
		advance(RESYNC_EVERY_NS);
	resync_until_sure(NULL, 0);
	assert_state(SERVICE_DOWN, 1, 0);
	assert_true(sim.service->last_death.final);
	if (told_exit)
		assert_int_equal(sim.service->last_death.kind, told_oom ? DEATH_OOM : DEATH_SIGNAL);
	else
		assert_int_equal(sim.service->last_death.kind, DEATH_UNKNOWN);
	advance(MS);
	new = fresh();
	adopt(new);
	/* Late ones change nothing any more. */
	for (size_t i = 0; i < n; i++)
		if (steps[i] != LOST)
			take(steps[i]);
	resync_until_sure(&new, 1);
	assert_state(SERVICE_UP, 1, 1);
	end();
}

static void orders(enum step *chosen, size_t n, unsigned used)
{
	run_order(chosen, n);
	for (unsigned s = 0; s < STEPS; s++) {
		if (used & 1u << s)
			continue;
		chosen[n] = (enum step)s;
		orders(chosen, n + 1, used | 1u << s);
	}
}

static void in_any_order_and_with_any_loss_the_end_is_the_truth(void **state)
{
	enum step chosen[STEPS] = { 0 };

	orders(chosen, 0, 0);
}

static void it_is_unknown_while_notices_are_missing(void **state)
{
	begin();
	adopt(first);
	take(LOST);
	assert_true(sim.service->doubtful);
	assert_true(services_wants_resync(&sim.set, sim.now));
	services_resynced(&sim.set, &first, 1, sim.now);
	assert_state(SERVICE_UP, 0, 0);
	end();
}

static void a_resync_does_not_answer_for_who_was_never_asked(void **state)
{
	begin_as(SELECT_UNIT, EXPECTED_RUNNING);
	services_resynced(&sim.set, NULL, 0, sim.now);
	assert_true(sim.service->doubtful);
	stands((struct standing){ 0 });
	assert_state(SERVICE_DOWN, 0, 0);
	end();
}

static void a_main_process_that_is_replaced_is_let_go(void **state)
{
	begin_as(SELECT_UNIT, EXPECTED_RUNNING);
	adopt(first);
	adopt(sibling);
	assert_int_equal(sim.n_released, 1);
	assert_true(process_same(&sim.released[0], &first));
	exits(first, 1 << 8);
	assert_state(SERVICE_UP, 0, 0);
	end();
}

static void one_that_was_gone_when_it_was_replaced_died_unseen(void **state)
{
	begin_as(SELECT_UNIT, EXPECTED_RUNNING);
	adopt(first);
	sim.n_seen = 0;
	advance(MS);
	services_owner_gone(sim.service, sim.now);
	adopt(fresh());
	ASSERT_SEEN(SERVICE_DIED, SERVICE_APPEARED);
	assert_state(SERVICE_UP, 1, 1);
	assert_int_equal(sim.service->last_death.kind, DEATH_UNKNOWN);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_unknown_until_somebody_looked_and_then_down),
		cmocka_unit_test(a_process_makes_it_live_and_its_death_ends_that),
		cmocka_unit_test(a_restart_within_20_ms_is_a_death_a_restart_and_a_dip),
		cmocka_unit_test(another_that_lived_already_is_no_restart),
		cmocka_unit_test(a_daemon_that_forks_and_leaves_has_not_died),
		cmocka_unit_test(a_master_that_is_killed_has_died_whatever_workers_it_leaves),
		cmocka_unit_test(a_unit_without_a_main_process_loses_one_of_several),
		cmocka_unit_test(one_process_may_be_several_services),
		cmocka_unit_test(thousands_are_found_by_their_process),
		cmocka_unit_test(what_may_end_ends_well_without_a_fault),
		cmocka_unit_test(what_systemd_says_of_a_unit_is_its_state),
		cmocka_unit_test(what_need_not_run_is_down_only_by_a_failure),
		cmocka_unit_test(a_life_that_nobody_saw_is_counted),
		cmocka_unit_test(what_is_to_listen_is_up_when_it_does),
		cmocka_unit_test(a_listener_that_goes_takes_it_down_while_it_lives),
		cmocka_unit_test(it_is_asked_seldom_at_last_whether_it_listens),
		cmocka_unit_test(in_any_order_and_with_any_loss_the_end_is_the_truth),
		cmocka_unit_test(it_is_unknown_while_notices_are_missing),
		cmocka_unit_test(a_resync_does_not_answer_for_who_was_never_asked),
		cmocka_unit_test(a_main_process_that_is_replaced_is_let_go),
		cmocka_unit_test(one_that_was_gone_when_it_was_replaced_died_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
