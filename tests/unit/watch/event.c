/* Records of the ring as the kernel programs write them, byte by byte. */
#include "harness.h"

#include <signal.h>
#include "watch/event.h"

#define PAGE 4096

static struct tolld_event head(enum tolld_event_type type)
{
	return (struct tolld_event){
		.type = type, .pid = 100, .start_boottime_ns = 5000, .at_boottime_ns = 7000
	};
}

static void assert_head(const struct notice *n, enum notice_kind kind)
{
	assert_int_equal(n->kind, kind);
	assert_int_equal(n->process.pid, 100);
	assert_int_equal(n->process.start_boot_ns, 5000);
	assert_int_equal(n->at_boot_ns, 7000);
}

static void an_exit_says_how_it_ended_and_what_was_used(void **state)
{
	const struct tolld_exit_event e = {
		.event = head(TOLLD_EXIT),
		.wait_status = SIGKILL,
		.family_pid = 100,
		.threads = 3,
		.peak_rss_pages = 2,
		.cpu_ns = 11,
		.minor_faults = 12,
		.major_faults = 13,
		.comm = "web",
		.fatal_signal = { .signal = SIGKILL, .sender = SENT_BY_A_PROCESS, .sender_pid = 9 },
		.stop_request = { .signal = SIGTERM, .sender_pid = 8 },
	};
	struct tolld_exit_event forked = e;
	struct notice n;

	assert_true(event_decode(&e, sizeof(e), PAGE, &n));
	assert_head(&n, NOTICE_EXIT);
	assert_string_equal(n.process.comm, "web");
	assert_int_equal(n.exit.wait_status, SIGKILL);
	assert_int_equal(n.exit.threads, 3);
	assert_true(n.exit.has_peak_memory && n.exit.peak_memory_bytes == 2 * PAGE);
	assert_true(n.exit.has_cpu && n.exit.cpu_ns == 11);
	assert_true(n.exit.minor_faults == 12 && n.exit.major_faults == 13);
	assert_int_equal(n.exit.fatal_signal.sender_pid, 9);
	assert_int_equal(n.exit.stop_request.sender_pid, 8);
	assert_false(n.exit.forked);
	/* One that was forked itself may have siblings. */
	forked.family_pid = 50;
	assert_true(event_decode(&forked, sizeof(forked), PAGE, &n));
	assert_true(n.exit.forked && n.exit.family == 50);
}

static void a_hang_says_which_thread_and_whose(void **state)
{
	const struct tolld_hang_event e = { .event = head(TOLLD_HANG),
		.thread = 101,
		.family_pid = 99,
		.switches = UINT64_C(1) << 40,
		/* A name may fill all of its room. */
		.comm = { 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
			'p' } };
	struct notice n;

	assert_true(event_decode(&e, sizeof(e), PAGE, &n));
	assert_head(&n, NOTICE_HANG);
	assert_int_equal(n.hang.thread, 101);
	assert_int_equal(n.hang.family, 99);
	assert_true(n.hang.switches == UINT64_C(1) << 40);
	assert_string_equal(n.process.comm, "abcdefghijklmno");
}

static void the_others_say_what_they_are_about(void **state)
{
	const struct tolld_exec_event exec = { .event = head(TOLLD_EXEC),
		.comm = "sh",
		.inode = 77,
		.parent_pid = 1,
		.was_looked_for = 1 };
	const struct tolld_signal_event sent = { .event = head(TOLLD_SIGNAL),
		.signal.signal = SIGTERM };
	const struct tolld_oom_event oom = {
		.event = head(TOLLD_OOM), .thread = 102, .resident_pages = 3, .comm = "web"
	};
	struct tolld_oom_event not_known = oom;
	const struct tolld_listen_event listens = { .event = head(TOLLD_LISTEN),
		.cookie = 4,
		.address = { 127, 0, 0, 1 },
		.port = 9100,
		.opened = 1 };
	struct notice n;

	assert_true(event_decode(&exec, sizeof(exec), PAGE, &n));
	assert_head(&n, NOTICE_EXEC);
	assert_true(n.exec.was_looked_for && n.exec.parent == 1 && n.exec.inode == 77);
	assert_true(event_decode(&sent, sizeof(sent), PAGE, &n));
	assert_head(&n, NOTICE_SIGNAL);
	assert_int_equal(n.signal.signal, SIGTERM);
	assert_true(event_decode(&oom, sizeof(oom), PAGE, &n));
	assert_head(&n, NOTICE_OOM);
	assert_int_equal(n.victim.thread, 102);
	assert_int_equal(n.victim.oom.kind, OOM_NOT_TOLD);
	assert_string_equal(n.process.comm, "web");
	assert_true(n.victim.has_memory && n.victim.memory_bytes == 3 * PAGE);
	not_known.resident_pages = -1;
	assert_true(event_decode(&not_known, sizeof(not_known), PAGE, &n));
	assert_false(n.victim.has_memory);
	assert_true(n.victim.memory_bytes == 0);
	assert_true(event_decode(&listens, sizeof(listens), PAGE, &n));
	assert_head(&n, NOTICE_LISTEN);
	assert_true(n.listen.opened && n.listen.cookie == 4 && n.listen.endpoint.port == 9100);
	assert_int_equal(n.listen.endpoint.address[0], 127);
}

static void what_is_no_event_is_none(void **state)
{
	static const size_t sizes[TOLLD_EVENT_TYPES] = {
		[TOLLD_EXIT] = sizeof(struct tolld_exit_event),
		[TOLLD_EXEC] = sizeof(struct tolld_exec_event),
		[TOLLD_SIGNAL] = sizeof(struct tolld_signal_event),
		[TOLLD_OOM] = sizeof(struct tolld_oom_event),
		[TOLLD_LISTEN] = sizeof(struct tolld_listen_event),
		[TOLLD_HANG] = sizeof(struct tolld_hang_event),
	};
	union {
		struct tolld_event event;
		char bytes[256];
	} record;
	struct notice n;

	for (uint32_t type = 0; type < TOLLD_EVENT_TYPES + 3; type++) {
		memset(&record, 0xff, sizeof(record));
		record.event = head(TOLLD_EXIT);
		record.event.type = type;
		for (size_t size = 0; size <= sizeof(record); size++) {
			bool wanted = type < TOLLD_EVENT_TYPES && size >= sizes[type];

			if (event_decode(&record, size, PAGE, &n) != wanted)
				fail_msg("type %u with %zu bytes", type, size);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exit_says_how_it_ended_and_what_was_used),
		cmocka_unit_test(a_hang_says_which_thread_and_whose),
		cmocka_unit_test(the_others_say_what_they_are_about),
		cmocka_unit_test(what_is_no_event_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
