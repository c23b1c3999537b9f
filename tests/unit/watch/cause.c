/* What killed it, as a sentence. */
#include "harness.h"

#include <signal.h>
#include "watch/cause.h"

#define SEC NSEC_PER_SEC
#define DAY (86400 * SEC)

static struct tolld_signal from_bash(int signal, int64_t at_boot_ns)
{
	return (struct tolld_signal){
		.signal = signal,
		.sender = SENT_BY_A_PROCESS,
		.sender_pid = 812,
		.sender_comm = "bash",
		.at_boottime_ns = (uint64_t)at_boot_ns,
	};
}

static struct tolld_signal from_kernel(int signal, int64_t at_boot_ns)
{
	return (struct tolld_signal){
		.signal = signal,
		.sender = SENT_BY_THE_KERNEL,
		.at_boottime_ns = (uint64_t)at_boot_ns,
	};
}

static struct tolld_signal named(struct tolld_signal signal, const char *comm, uint32_t pid)
{
	snprintf(signal.sender_comm, sizeof(signal.sender_comm), "%s", comm);
	signal.sender_pid = pid;
	return signal;
}

static void says_how_it_died_and_who_did_it(void **state)
{
	const int64_t start = 10 * SEC, at = start + 3 * DAY + 4 * 3600 * SEC;
	const struct {
		uint32_t wait_status;
		struct tolld_signal fatal, request;
		bool requested;
		const char *sentence; /* without "after 3 d 4 h" */
	} rows[] = {
		{ 0, { 0 }, { 0 }, false, "exited with code 0" },
		{ 3 << 8, { 0 }, { 0 }, false, "exited with code 3" },
		{ SIGKILL, from_bash(SIGKILL, at), { 0 }, false,
			"killed by SIGKILL from bash (pid 812, uid 0)" },
		{ SIGKILL, from_kernel(SIGKILL, at), { 0 }, false,
			"killed by SIGKILL from the kernel" },
		{ SIGKILL, { 0 }, { 0 }, false, "killed by SIGKILL" },
		{ SIGTERM, from_bash(SIGTERM, at), from_bash(SIGTERM, at), true,
			"stopped as asked by SIGTERM from bash (pid 812, uid 0)" },
		/* However long ago: it was this signal. */
		{ SIGTERM, from_bash(SIGTERM, at - DAY), from_bash(SIGTERM, at - DAY), true,
			"stopped as asked by SIGTERM from bash (pid 812, uid 0)" },
		/* Nobody saw who sent it: it is a request all the same. */
		{ SIGTERM, { 0 }, { 0 }, true, "stopped as asked by SIGTERM" },
		/* From a terminal. */
		{ SIGINT, from_kernel(SIGINT, at), from_kernel(SIGINT, at), true,
			"stopped as asked by SIGINT from the kernel" },
		/* Whoever hangs up does not want it to end. */
		{ SIGHUP, from_bash(SIGHUP, at), from_bash(SIGHUP, at), false,
			"ended by SIGHUP from bash (pid 812, uid 0)" },
		{ SIGQUIT | 0x80, from_bash(SIGQUIT, at), from_bash(SIGQUIT, at), false,
			"ended by SIGQUIT from bash (pid 812, uid 0) (core dumped)" },
		/* It ended itself. */
		{ SIGTERM, named(from_bash(SIGTERM, at), "self", 4711),
			named(from_bash(SIGTERM, at), "self", 4711), false,
			"ended by SIGTERM from itself" },
		/* Not the one that killed it. */
		{ SIGKILL, from_bash(SIGTERM, at), { 0 }, false, "killed by SIGKILL" },
		{ SIGSEGV | 0x80, from_kernel(SIGSEGV, at), { 0 }, false,
			"crashed with SIGSEGV (core dumped)" },
		/* A crash is one also while it is stopped. */
		{ SIGSEGV, from_kernel(SIGSEGV, at), from_bash(SIGTERM, at - SEC), false,
			"crashed with SIGSEGV" },
		{ SIGSEGV, from_bash(SIGSEGV, at), { 0 }, false,
			"crashed with SIGSEGV from bash (pid 812, uid 0)" },
		{ SIGRTMIN + 2, { 0 }, { 0 }, false, "killed by SIGRTMIN+2" },
		/* It obeyed, and exited by itself. */
		{ 0, { 0 }, from_bash(SIGTERM, at - 60 * SEC), true,
			"stopped as asked by SIGTERM from bash (pid 812, uid 0), exited with code "
			"0" },
		{ 143 << 8, { 0 }, from_bash(SIGTERM, at), true,
			"stopped as asked by SIGTERM from bash (pid 812, uid 0), exited with code "
			"143" },
		{ 0, { 0 }, from_bash(SIGQUIT, at), true,
			"stopped as asked by SIGQUIT from bash (pid 812, uid 0), exited with code "
			"0" },
		/* It was asked, and failed. */
		{ 1 << 8, { 0 }, from_bash(SIGTERM, at), false,
			"exited with code 1 on SIGTERM from bash (pid 812, uid 0)" },
		{ 0, { 0 }, from_bash(SIGHUP, at), false,
			"exited with code 0 on SIGHUP from bash (pid 812, uid 0)" },
		{ 1 << 8, { 0 }, from_bash(SIGTERM, at - 3600 * SEC), false, "exited with code 1" },
		{ 1 << 8, { 0 }, from_bash(SIGHUP, at - 60 * SEC), false, "exited with code 1" },
		/* Those that watch memory for others. */
		{ SIGKILL, named(from_bash(SIGKILL, at), "systemd-oomd", 5), { 0 }, false,
			"killed to free memory by systemd-oomd (pid 5, uid 0)" },
		{ 0, { 0 }, named(from_bash(SIGTERM, at), "earlyoom", 6), false,
			"killed to free memory by earlyoom (pid 6, uid 0)" },
		{ SIGTERM, named(from_bash(SIGTERM, at), "systemd-oomd", 5),
			named(from_bash(SIGTERM, at), "systemd-oomd", 5), true,
			"stopped as asked by SIGTERM from systemd-oomd (pid 5, uid 0)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct death death = { .pid = 4711, .start_boot_ns = start, .at.boot_ns = at };
		struct strbuf text = STRBUF_INIT;
		char sentence[200];

		death_from_wait_status(
			&death, rows[i].wait_status, &rows[i].fatal, &rows[i].request);
		death_describe(&death, &text);
		snprintf(sentence, sizeof(sentence), "%s after 3 d 4 h", rows[i].sentence);
		assert_string_equal(text.s, sentence);
		assert_int_equal(death.requested, rows[i].requested);
		strbuf_release(&text);
	}
}

static void who_was_asked_and_did_not_stop_is_killed_in_the_end(void **state)
{
	const int64_t at = DAY + SEC;
	const struct {
		struct tolld_signal fatal, request;
		bool requested;
		const char *sentence;
	} rows[] = {
		{ from_bash(SIGKILL, at), from_bash(SIGTERM, at - 90 * SEC), true,
			"killed by SIGKILL from bash (pid 812, uid 0) after 1 d; SIGTERM had asked "
			"it to stop 1 min 30 s before" },
		/* By the same one, however patient. */
		{ from_bash(SIGKILL, at), from_bash(SIGTERM, at - 600 * SEC), true,
			"killed by SIGKILL from bash (pid 812, uid 0) after 1 d; SIGTERM had asked "
			"it to stop 10 min before" },
		{ named(from_bash(SIGKILL, at), "sh", 9), from_bash(SIGTERM, at - 600 * SEC), false,
			"killed by SIGKILL from sh (pid 9, uid 0) after 1 d" },
		{ from_bash(SIGKILL, at), from_bash(SIGHUP, at - SEC), false,
			"killed by SIGKILL from bash (pid 812, uid 0) after 1 d" },
		{ from_kernel(SIGKILL, at), from_bash(SIGTERM, at - SEC), false,
			"killed by SIGKILL from the kernel after 1 d" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct death death = { .pid = 4711, .start_boot_ns = SEC, .at.boot_ns = at };
		struct strbuf text = STRBUF_INIT;

		death_from_wait_status(&death, SIGKILL, &rows[i].fatal, &rows[i].request);
		death_describe(&death, &text);
		assert_string_equal(text.s, rows[i].sentence);
		assert_int_equal(death.requested, rows[i].requested);
		strbuf_release(&text);
	}
}

static void says_whose_memory_was_out(void **state)
{
	static const struct {
		struct oom oom;
		const char *sentence;
	} rows[] = {
		{ { OOM_NOT_TOLD, "" },
			"killed by the kernel's OOM killer (which memory was out is not known)" },
		{ { OOM_OF_MACHINE, "" },
			"killed by the kernel's OOM killer (the machine was out of memory)" },
		{ { OOM_OF_NODES, "" },
			"killed by the kernel's OOM killer (its memory nodes were full)" },
		{ { OOM_OF_GROUP, "/system.slice/web.service" },
			"killed by the kernel's OOM killer (the memory limit of "
			"/system.slice/web.service was reached)" },
		{ { OOM_OF_GROUP, "" },
			"killed by the kernel's OOM killer (the memory limit of its control group "
			"was reached)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tolld_signal none = { 0 };
		struct death death = { .sender_untold = true };
		struct strbuf text = STRBUF_INIT;

		death_from_wait_status(&death, SIGKILL, &none, &none);
		death_blame_oom_killer(&death, &rows[i].oom);
		death_describe(&death, &text);
		assert_string_equal(text.s, rows[i].sentence);
		assert_int_equal(death.signal, SIGKILL);
		strbuf_release(&text);
	}
}

static void knows_the_other_kinds(void **state)
{
	static const struct {
		struct death death;
		const char *sentence;
	} rows[] = {
		{ { .kind = DEATH_OOM,
			  .signal = SIGKILL,
			  .by_kernel = true,
			  .start_boot_ns = 1,
			  .at.boot_ns = 1 + 90 * SEC,
			  .has_peak_memory = true,
			  .peak_memory_bytes = (uint64_t)300 << 20 },
			"killed by the kernel's OOM killer (which memory was out is not known) "
			"after 1 min 30 s, with 300 MiB of memory at its peak" },
		{ { .kind = DEATH_UNKNOWN }, "is gone, and nobody saw how" },
		{ { .kind = DEATH_UNKNOWN, .untold = UNTOLD_BY_KERNEL },
			"is gone; this kernel does not tell how" },
		{ { .kind = DEATH_UNKNOWN, .untold = UNTOLD_BY_POLLING },
			"is gone; polling does not see how" },
		{ { .kind = DEATH_SIGNAL, .signal = SIGKILL, .sender_untold = true },
			"killed by SIGKILL (sender not known)" },
		/* Whose fault it was is plain. */
		{ { .kind = DEATH_SIGNAL, .signal = SIGSEGV, .sender_untold = true },
			"crashed with SIGSEGV" },
		{ { .kind = DEATH_UNKNOWN,
			  .signal = SIGKILL,
			  .has_sender = true,
			  .sender_pid = 5,
			  .sender_comm = "cron" },
			"is gone, and nobody saw how (SIGKILL from cron (pid 5, uid 0) was sent "
			"before)" },
		{ { .kind = DEATH_SIGNAL,
			  .pid = 9,
			  .signal = SIGABRT,
			  .has_sender = true,
			  .sender_pid = 9 },
			"crashed with SIGABRT" },
		{ { .kind = DEATH_SIGNAL,
			  .pid = 9,
			  .signal = SIGKILL,
			  .has_sender = true,
			  .sender_pid = 9 },
			"killed by SIGKILL from itself" },
		/* A name may be empty, and is passed on as it is: the sink escapes. */
		{ { .kind = DEATH_SIGNAL, .signal = SIGKILL, .has_sender = true, .sender_pid = 7 },
			"killed by SIGKILL from a process (pid 7, uid 0)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf text = STRBUF_INIT;

		death_describe(&rows[i].death, &text);
		assert_string_equal(text.s, rows[i].sentence);
		strbuf_release(&text);
	}
}

static void a_name_without_an_end_is_cut(void **state)
{
	struct tolld_signal signal = from_bash(SIGKILL, 0);
	struct death death = { 0 };

	memset(signal.sender_comm, 'x', sizeof(signal.sender_comm));
	death_from_wait_status(&death, SIGKILL, &signal, &signal);
	assert_int_equal(strlen(death.sender_comm), WATCH_COMM_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_how_it_died_and_who_did_it),
		cmocka_unit_test(who_was_asked_and_did_not_stop_is_killed_in_the_end),
		cmocka_unit_test(says_whose_memory_was_out),
		cmocka_unit_test(knows_the_other_kinds),
		cmocka_unit_test(a_name_without_an_end_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
