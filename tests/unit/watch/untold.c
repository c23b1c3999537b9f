/* Services of which little is told: that somebody died, not how, and that a port has changed, not how. */
#include "harness.h"

#include <signal.h>
#include "watch/service.h"

static struct services set;
static struct service *service;
static struct instant now;
static enum service_event seen[16];
static struct death causes[16];
static size_t n_seen;
static bool has_heir;

static const struct process old = { .pid = 100, .start_boot_ns = 5000, .comm = "old" };
static const struct process heir = { .pid = 101, .start_boot_ns = 6000, .comm = "heir" };

static void on_event(struct service *s, enum service_event what, void *userdata)
{
	assert_true(n_seen < ARRAY_SIZE(seen));
	causes[n_seen] = s->last_death;
	seen[n_seen++] = what;
}

static bool on_heir(
	struct service *s, const struct notice *exit, struct process *ret, void *userdata)
{
	if (has_heir)
		*ret = heir;
	return has_heir;
}

static void look(uint64_t cookie)
{
	struct look found = { .attributed = true, .n_owners = 1, .owners = { old } };

	if (cookie)
		found.cookies[found.n_cookies++] = cookie;
	services_look(service, &found, now);
}

/* A service on port 9100, where `old` listens. */
static void begin(void)
{
	static const struct service_ops ops = { .on_event = on_event, .heir = on_heir };
	struct endpoint endpoint = { .address = { 127, 0, 0, 1 }, .port = 9100 };

	now = (struct instant){ .boot_ns = NSEC_PER_SEC, .wall_ms = 1700000000000 };
	has_heir = false;
	services_init(&set, &ops, now);
	assert_int_equal(services_add(&set, "node", "listen", &endpoint, now, &service), 0);
	look(1);
	n_seen = 0;
}

static struct notice exit_untold(bool follows)
{
	return (struct notice){
		.kind = NOTICE_EXIT,
		.process = old,
		.at_boot_ns = now.boot_ns,
		.exit = { .untold = UNTOLD_BY_KERNEL,
			.status_follows = follows,
			.sender_untold = true,
			.forked = true },
	};
}

static void tell(struct notice notice)
{
	services_notice(&set, &notice, now);
}

static void advance(int64_t ns)
{
	now.boot_ns += ns;
	now.wall_ms += ns / NSEC_PER_MSEC;
	services_due(&set, now);
}

static void a_death_that_is_not_explained_is_told_and_final_when_no_oom_can_follow(void **state)
{
	begin();
	tell(exit_untold(false));
	assert_int_equal(n_seen, 1);
	assert_int_equal(seen[0], SERVICE_DIED);
	assert_int_equal(causes[0].kind, DEATH_UNKNOWN);
	assert_int_equal(causes[0].untold, UNTOLD_BY_KERNEL);
	assert_false(causes[0].final);
	advance(OOM_FOLLOWS_NS);
	assert_int_equal(n_seen, 2);
	assert_int_equal(seen[1], SERVICE_CAUSE);
	assert_int_equal(causes[1].kind, DEATH_UNKNOWN);
	assert_true(causes[1].final);
	services_release(&set);
}

static void how_it_ended_may_follow_however_late(void **state)
{
	static const struct {
		int64_t after_ns;
		uint32_t wait_status;
		enum death_kind kind;
		size_t events;
	} rows[] = {
		{ 5 * NSEC_PER_MSEC, SIGSEGV | 0x80, DEATH_SIGNAL, 2 },
		{ 5 * NSEC_PER_MSEC, SIGKILL, DEATH_SIGNAL, 2 },
		/* It was final meanwhile, as unknown. */
		{ 10 * NSEC_PER_SEC, 3 << 8, DEATH_EXIT, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct notice status = { .kind = NOTICE_STATUS, .process = old };

		begin();
		tell(exit_untold(true));
		advance(rows[i].after_ns);
		status.at_boot_ns = now.boot_ns;
		status.exit.wait_status = rows[i].wait_status;
		tell(status);
		assert_int_equal(n_seen, rows[i].events);
		assert_int_equal(seen[n_seen - 1], SERVICE_CAUSE);
		assert_int_equal(causes[n_seen - 1].kind, rows[i].kind);
		assert_int_equal(causes[n_seen - 1].untold, TOLD);
		assert_true(causes[n_seen - 1].sender_untold);
		assert_true(causes[n_seen - 1].final);
		/* When it died stays when it died. */
		assert_int_equal(causes[n_seen - 1].at.boot_ns, NSEC_PER_SEC);
		advance(NSEC_PER_SEC);
		assert_int_equal(n_seen, rows[i].events);
		services_release(&set);
	}
}

static void the_status_of_another_process_explains_nothing(void **state)
{
	struct notice status = { .kind = NOTICE_STATUS, .process = old };

	begin();
	tell(exit_untold(true));
	status.process.start_boot_ns++;
	tell(status);
	assert_int_equal(n_seen, 1);
	services_release(&set);
}

static void an_oom_mark_explains_what_was_untold(void **state)
{
	const struct notice oom = {
		.kind = NOTICE_OOM, .victim.thread = old.pid, .at_boot_ns = NSEC_PER_SEC
	};

	for (int first = 0; first < 2; first++) {
		begin();
		if (first)
			tell(oom);
		tell(exit_untold(false));
		if (!first)
			tell(oom);
		assert_int_equal(service->last_death.kind, DEATH_OOM);
		assert_int_equal(service->last_death.signal, SIGKILL);
		assert_false(service->last_death.sender_untold);
		services_release(&set);
	}
}

static void what_is_served_on_by_an_heir_has_not_died_as_far_as_is_known(void **state)
{
	begin();
	has_heir = true;
	tell(exit_untold(false));
	assert_int_equal(service->state, SERVICE_UP);
	assert_int_equal(service->owner.pid, heir.pid);
	assert_int_equal(service->deaths, 0);
	services_release(&set);
}

static void a_port_that_changed_is_looked_at_now(void **state)
{
	static const struct {
		uint16_t port;
		bool looked;
	} rows[] = { { 9100, true }, { 9101, false } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		tell((struct notice){ .kind = NOTICE_PORT, .port = rows[i].port });
		assert_int_equal(services_wants_look(&set, now) != NULL, rows[i].looked);
		services_release(&set);
	}
	begin();
	tell((struct notice){ .kind = NOTICE_PORT, .port = 9100 });
	look(0);
	assert_int_equal(n_seen, 0);
	services_release(&set);
}

/* Its sockets close an instant before it is dead: what is asked in between must not be misread. */
static void a_listener_that_is_gone_is_told_once_its_process_has_had_time_to_die(void **state)
{
	enum { LIVES_ON, DIES, LISTENS_AGAIN, WAYS };

	for (int way = 0; way < WAYS; way++) {
		begin();
		tell((struct notice){ .kind = NOTICE_PORT, .port = 9100 });
		look(0);
		assert_int_equal(n_seen, 0);
		assert_int_equal(service->state, SERVICE_UP);
		assert_null(services_wants_look(&set, now));
		advance(30 * NSEC_PER_MSEC);
		assert_non_null(services_wants_look(&set, now));
		if (way == DIES)
			tell(exit_untold(false));
		look(way == LISTENS_AGAIN ? 2 : 0);
		switch (way) {
		case LIVES_ON:
			assert_int_equal(n_seen, 1);
			assert_int_equal(seen[0], SERVICE_LISTENER_GONE);
			assert_int_equal(service->owner.pid, old.pid);
			break;
		case DIES:
			assert_int_equal(n_seen, 2);
			assert_int_equal(seen[0], SERVICE_DIED);
			assert_int_equal(seen[1], SERVICE_LISTENER_GONE);
			break;
		default:
			assert_int_equal(n_seen, 0);
			assert_int_equal(service->state, SERVICE_UP);
			/* It has as long again the next time. */
			tell((struct notice){ .kind = NOTICE_PORT, .port = 9100 });
			look(0);
			assert_int_equal(n_seen, 0);
			break;
		}
		services_release(&set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_death_that_is_not_explained_is_told_and_final_when_no_oom_can_follow),
		cmocka_unit_test(how_it_ended_may_follow_however_late),
		cmocka_unit_test(the_status_of_another_process_explains_nothing),
		cmocka_unit_test(an_oom_mark_explains_what_was_untold),
		cmocka_unit_test(what_is_served_on_by_an_heir_has_not_died_as_far_as_is_known),
		cmocka_unit_test(a_port_that_changed_is_looked_at_now),
		cmocka_unit_test(
			a_listener_that_is_gone_is_told_once_its_process_has_had_time_to_die),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
