/* Services under virtual time: what is told of them, one thing after the other. */
#include "harness.h"

#include "watch/service_world.h"

/* -- one after the other -------------------------------------------------------------------- */

static void a_service_never_seen_is_down_after_the_first_look(void **state)
{
	struct endpoint endpoint = endpoint_at(9100);

	begin(false);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	assert_false(sim.service->doubtful);
	assert_int_equal(sim.service->since.boot_ns, 0);
	assert_int_equal(sim.n_seen, 0);
	services_remove(sim.service);
	assert_int_equal(services_next_deadline(&sim.set), BOOT_NS_NEVER);
	assert_int_equal(services_add(&sim.set, "x", "y", &endpoint, sim.now, &sim.service), 0);
	assert_true(sim.service->doubtful);
	end();
}

static void a_death_is_told_at_the_exit_and_the_port_at_its_close(void **state)
{
	begin(true);
	tell(exit_of(&old, 3 << 8));
	ASSERT_SEEN(SERVICE_DIED);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	assert_true(sim.service->listening);
	assert_int_equal(sim.service->last_death.exit_code, 3);
	assert_true(sim.service->last_death.final);
	advance(MS);
	tell(listens(&old, 1, false));
	ASSERT_SEEN(SERVICE_DIED, SERVICE_LISTENER_GONE);
	assert_false(sim.service->listening);
	sim.cookie = 0;
	sim.owner.pid = 0;
	settle_for(1000 * MS);
	ASSERT_SEEN(SERVICE_DIED, SERVICE_LISTENER_GONE);
	end();
}

static void an_exit_is_told_once_however_often_it_comes(void **state)
{
	begin(true);
	tell(exit_of(&old, 0));
	tell(exit_of(&old, 0));
	ASSERT_SEEN(SERVICE_DIED);
	assert_int_equal(sim.service->deaths, 1);
	end();
}

static void another_process_with_the_same_pid_is_not_it(void **state)
{
	struct process other = old;

	begin(true);
	other.start_boot_ns++;
	tell(exit_of(&other, 0));
	assert_int_equal(sim.n_seen, 0);
	assert_true(is_up_with(&old));
	end();
}

static void a_restart_is_counted(void **state)
{
	begin(true);
	tell(exit_of(&old, 1 << 8));
	tell(listens(&old, 1, false));
	advance(20 * MS);
	tell(listens(&fresh, 2, true));
	ASSERT_SEEN(SERVICE_DIED, SERVICE_LISTENER_GONE, SERVICE_APPEARED);
	assert_int_equal(sim.service->restarts, 1);
	assert_int_equal(sim.service->deaths, 1);
	assert_int_equal(sim.service->since.boot_ns, sim.now.boot_ns);
	sim.cookie = 2;
	sim.owner = fresh;
	settle_for(200 * 1000 * MS);
	assert_true(is_up_with(&fresh));
	ASSERT_SEEN(SERVICE_DIED, SERVICE_LISTENER_GONE, SERVICE_APPEARED);
	end();
}

static void a_daemon_whose_child_serves_on_has_not_died(void **state)
{
	struct notice notice;

	begin(true);
	sim.has_heir = true;
	sim.heir = fresh;
	notice = exit_of(&old, 0);
	notice.exit.forked = true;
	tell(notice);
	ASSERT_SEEN(SERVICE_APPEARED);
	assert_true(is_up_with(&fresh));
	assert_int_equal(sim.service->deaths, 0);
	assert_int_equal(sim.service->restarts, 0);
	end();
}

static void a_parent_that_was_killed_has_died_even_where_a_child_serves_on(void **state)
{
	struct notice notice;

	begin(true);
	sim.has_heir = true;
	sim.heir = sim.owner = fresh;
	notice = exit_of(&old, SIGSEGV);
	notice.exit.forked = true;
	tell(notice);
	ASSERT_SEEN(SERVICE_DIED);
	settle_for(1000 * MS);
	ASSERT_SEEN(SERVICE_DIED, SERVICE_APPEARED);
	assert_true(is_up_with(&fresh));
	end();
}

static void a_port_that_two_sockets_serve_is_gone_with_the_last(void **state)
{
	begin(true);
	tell(listens(&fresh, 2, true));
	tell(listens(&old, 1, false));
	assert_int_equal(sim.n_seen, 0);
	tell(listens(&fresh, 2, false));
	ASSERT_SEEN(SERVICE_LISTENER_GONE);
	assert_int_equal(sim.service->state, SERVICE_DOWN);
	assert_int_equal(sim.service->owner.pid, old.pid);
	end();
}

/* As the kernel tells it where nobody asked for the socket's cookie yet. */
static void a_socket_without_a_cookie_serves_on_when_another_closes(void **state)
{
	begin(true);
	tell(listens(&fresh, 0, true));
	tell(listens(&old, 1, false));
	assert_int_equal(sim.n_seen, 0);
	assert_true(sim.service->listening);
	/* A look learns it. */
	sim.cookie = 2;
	sim.owner = fresh;
	settle_for(2 * MS);
	assert_true(is_up_with(&fresh));
	assert_true(sim.service->listening);
	tell(listens(&fresh, 2, false));
	assert_false(sim.service->listening);
	end();
}

static void one_without_a_cookie_that_closes_at_once_is_gone(void **state)
{
	begin(false);
	tell(listens(&fresh, 0, true));
	ASSERT_SEEN(SERVICE_APPEARED);
	assert_true(is_up_with(&fresh));
	tell(listens(&fresh, 0, false));
	settle_for(21 * MS);
	ASSERT_SEEN(SERVICE_APPEARED, SERVICE_LISTENER_GONE);
	end();
}

static void a_socket_that_listens_again_is_up_again(void **state)
{
	begin(true);
	tell(listens(&old, 1, false));
	tell(listens(&old, 1, true));
	ASSERT_SEEN(SERVICE_LISTENER_GONE, SERVICE_APPEARED);
	settle_for(1000 * MS);
	assert_true(is_up_with(&old));
	assert_int_equal(sim.service->restarts, 0);
	ASSERT_SEEN(SERVICE_LISTENER_GONE, SERVICE_APPEARED);
	end();
}

static void a_listener_elsewhere_is_none_of_it_and_its_process_is_let_go(void **state)
{
	struct notice notice;

	begin(false);
	notice = listens(&fresh, 7, true);
	notice.listen.endpoint.address[3] = 9;
	tell(notice);
	assert_int_equal(sim.n_seen, 0);
	assert_int_equal(sim.n_released, 1);
	assert_true(process_same(&sim.released[0], &fresh));
	end();
}

static void an_exec_changes_the_name_and_nothing_else(void **state)
{
	struct notice notice = { .kind = NOTICE_EXEC, .process = old };

	begin(true);
	memcpy(notice.process.comm, "renamed", sizeof("renamed"));
	tell(notice);
	assert_string_equal(sim.service->owner.comm, "renamed");
	assert_int_equal(sim.n_seen, 0);
	assert_true(is_up_with(&old));
	end();
}

/* -- out of memory -------------------------------------------------------------------------- */

static void a_kill_by_the_kernel_becomes_final_after_100_ms(void **state)
{
	begin(true);
	tell(killed_by_kernel(&old));
	assert_int_equal(sim.causes[0].kind, DEATH_SIGNAL);
	assert_false(sim.causes[0].final);
	sim.cookie = 0;
	sim.owner.pid = 0;
	settle_for(99 * MS);
	ASSERT_SEEN(SERVICE_DIED, SERVICE_LISTENER_GONE);
	settle_for(2 * MS);
	ASSERT_SEEN(SERVICE_DIED, SERVICE_LISTENER_GONE, SERVICE_CAUSE);
	assert_true(sim.causes[2].final);
	assert_int_equal(sim.causes[2].kind, DEATH_SIGNAL);
	end();
}

static void an_oom_mark_explains_the_kill_whichever_comes_first(void **state)
{
	begin(true);
	tell(killed_by_kernel(&old));
	advance(MS);
	tell(oom_of(&old));
	ASSERT_SEEN(SERVICE_DIED, SERVICE_CAUSE);
	assert_int_equal(sim.causes[1].kind, DEATH_OOM);
	assert_string_equal(sim.causes[1].oom.group, "/web");
	assert_true(sim.causes[1].final);
	end();

	begin(true);
	tell(oom_of(&old));
	tell(killed_by_kernel(&old));
	ASSERT_SEEN(SERVICE_DIED);
	assert_int_equal(sim.causes[0].kind, DEATH_OOM);
	assert_string_equal(sim.causes[0].oom.group, "/web");
	assert_true(sim.causes[0].final);
	end();
}

static void an_oom_mark_of_another_process_explains_nothing(void **state)
{
	struct process other = old;
	struct notice by_process;

	begin(true);
	other.start_boot_ns--;
	tell(oom_of(&other));
	tell(oom_of(&fresh));
	tell(killed_by_kernel(&old));
	assert_int_equal(sim.causes[0].kind, DEATH_SIGNAL);
	end();

	/* A process that a person killed was not killed for memory, mark or not. */
	begin(true);
	tell(oom_of(&old));
	by_process = exit_of(&old, SIGKILL);
	by_process.exit.fatal_signal = (struct tolld_signal){
		.signal = SIGKILL,
		.sender = SENT_BY_A_PROCESS,
		.sender_pid = 77,
	};
	tell(by_process);
	assert_int_equal(sim.causes[0].kind, DEATH_SIGNAL);
	assert_int_equal(sim.causes[0].sender_pid, 77);
	end();
}

/* -- memory --------------------------------------------------------------------------------- */

static int add_two(void *userdata)
{
	struct endpoint endpoint = endpoint_at(9100);
	struct instant now = { 0 };
	struct services set;
	struct service *service;
	int err;

	services_init(&set, &ops, now);
	err = services_add(&set, "a", "listen", &endpoint, now, &service);
	if (!err)
		err = services_add(&set, "b", "process", NULL, now, &service);
	services_release(&set);
	return err;
}

static void adding_survives_every_allocation_that_fails(void **state)
{
	with_failing_allocations(add_two, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_never_seen_is_down_after_the_first_look),
		cmocka_unit_test(a_death_is_told_at_the_exit_and_the_port_at_its_close),
		cmocka_unit_test(an_exit_is_told_once_however_often_it_comes),
		cmocka_unit_test(another_process_with_the_same_pid_is_not_it),
		cmocka_unit_test(a_restart_is_counted),
		cmocka_unit_test(a_daemon_whose_child_serves_on_has_not_died),
		cmocka_unit_test(a_parent_that_was_killed_has_died_even_where_a_child_serves_on),
		cmocka_unit_test(a_port_that_two_sockets_serve_is_gone_with_the_last),
		cmocka_unit_test(a_socket_without_a_cookie_serves_on_when_another_closes),
		cmocka_unit_test(one_without_a_cookie_that_closes_at_once_is_gone),
		cmocka_unit_test(a_socket_that_listens_again_is_up_again),
		cmocka_unit_test(a_listener_elsewhere_is_none_of_it_and_its_process_is_let_go),
		cmocka_unit_test(an_exec_changes_the_name_and_nothing_else),
		cmocka_unit_test(a_kill_by_the_kernel_becomes_final_after_100_ms),
		cmocka_unit_test(an_oom_mark_explains_the_kill_whichever_comes_first),
		cmocka_unit_test(an_oom_mark_of_another_process_explains_nothing),
		cmocka_unit_test(adding_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
