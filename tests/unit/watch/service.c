/* Services under virtual time: whatever the order of what is told, the end is the truth. */
#include "harness.h"

#include <signal.h>
#include "watch/service_private.h"

#define MS	 NSEC_PER_MSEC
#define SEEN_MAX 64

/* The machine beside a world that it cannot see: only notices, looks and resyncs tell of it. */
static struct {
	struct services set;
	struct service *service;
	struct instant now;
	enum service_event seen[SEEN_MAX];
	struct death causes[SEEN_MAX];
	size_t n_seen;
	struct process released[SEEN_MAX];
	size_t n_released;
	bool has_heir;
	struct process heir;
	/* What is true: */
	uint64_t cookie; /* 0: nobody listens */
	struct process owner;
	bool dying; /* it is dead, and what is left of it holds the socket */
} sim;

static const struct process old = { .pid = 100, .start_boot_ns = 5000, .comm = "old" };
static const struct process fresh = { .pid = 200, .start_boot_ns = 9000, .comm = "fresh" };

static void on_event(struct service *service, enum service_event what, void *userdata)
{
	assert_true(sim.n_seen < SEEN_MAX);
	sim.causes[sim.n_seen] = service->last_death;
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

static struct endpoint endpoint_at(uint16_t port)
{
	return (struct endpoint){ .address = { 127, 0, 0, 1 }, .port = port };
}

static void advance(int64_t ns)
{
	sim.now.boot_ns += ns;
	sim.now.wall_ms += ns / MS;
}

/* Does what the machine wants by now, truthfully, until it is content. */
static void settle(void)
{
	for (int rounds = 0; rounds < 100; rounds++) {
		struct service *wants;

		services_due(&sim.set, sim.now);
		if (services_wants_resync(&sim.set, sim.now))
			services_resynced(&sim.set, &sim.owner, sim.owner.pid ? 1 : 0, sim.now);
		wants = services_wants_look(&sim.set, sim.now);
		if (!wants && services_next_deadline(&sim.set) > sim.now.boot_ns)
			return;
		if (wants) {
			struct look look = { .attributed = true, .dying = sim.dying };

			if (sim.cookie) {
				look.cookies[look.n_cookies++] = sim.cookie;
				if (sim.owner.pid)
					look.owners[look.n_owners++] = sim.owner;
			}
			services_look(wants, &look, sim.now);
		}
	}
	fail_msg("the machine is never content");
}

static void settle_for(int64_t ns)
{
	int64_t end = sim.now.boot_ns + ns;

	for (;;) {
		int64_t next = services_next_deadline(&sim.set);

		if (next > end)
			break;
		advance(MAX(next - sim.now.boot_ns, (int64_t)0));
		settle();
	}
	advance(end - sim.now.boot_ns);
}

/* A service at 127.0.0.1:9100, with `old` listening there where told so. */
static void begin(bool running)
{
	struct endpoint endpoint = endpoint_at(9100);

	memset(&sim, 0, sizeof(sim));
	sim.now = (struct instant){ .boot_ns = 1000 * MS, .wall_ms = 1700000000000 };
	services_init(&sim.set, &ops, sim.now);
	assert_int_equal(services_add(&sim.set, "node", "listen 127.0.0.1:9100", &endpoint, sim.now,
				 &sim.service),
		0);
	if (running) {
		sim.cookie = 1;
		sim.owner = old;
	}
	settle();
	sim.n_seen = 0;
}

static void end(void)
{
	services_release(&sim.set);
}

static struct notice exit_of(const struct process *process, uint32_t wait_status)
{
	return (struct notice){
		.kind = NOTICE_EXIT,
		.process = *process,
		.at_boot_ns = sim.now.boot_ns,
		.exit.wait_status = wait_status,
	};
}

static struct notice killed_by_kernel(const struct process *process)
{
	struct notice notice = exit_of(process, SIGKILL);

	notice.exit.fatal_signal = (struct tolld_signal){
		.signal = SIGKILL,
		.sender = SENT_BY_THE_KERNEL,
		.at_boottime_ns = (uint64_t)sim.now.boot_ns,
	};
	return notice;
}

static struct notice oom_of(const struct process *process)
{
	return (struct notice){
		.kind = NOTICE_OOM,
		.process = *process,
		.victim = { .thread = process->pid, .oom = { OOM_OF_GROUP, "/web" } },
		.at_boot_ns = sim.now.boot_ns,
	};
}

static struct notice listens(const struct process *process, uint64_t cookie, bool opened)
{
	return (struct notice){
		.kind = NOTICE_LISTEN,
		.process = *process,
		.at_boot_ns = sim.now.boot_ns,
		.listen = { .endpoint = endpoint_at(9100), .cookie = cookie, .opened = opened },
	};
}

static void tell(struct notice notice)
{
	services_notice(&sim.set, &notice, sim.now);
}

static void assert_seen(const enum service_event *events, size_t n)
{
	assert_int_equal(sim.n_seen, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sim.seen[i], events[i]);
}

#define ASSERT_SEEN(...)                                                                           \
	assert_seen((const enum service_event[]){ __VA_ARGS__ },                                   \
		ARRAY_SIZE(((const enum service_event[]){ __VA_ARGS__ })))

static bool is_up_with(const struct process *process)
{
	return !sim.service->doubtful && sim.service->state == SERVICE_UP &&
	       process_same(&sim.service->owner, process);
}

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

/* -- loss ----------------------------------------------------------------------------------- */

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
		cmocka_unit_test(adding_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
