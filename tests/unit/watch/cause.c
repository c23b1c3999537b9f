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

static void says_how_it_died_and_who_did_it(void **state)
{
	const int64_t start = 10 * SEC, at = start + 3 * DAY + 4 * 3600 * SEC;
	const struct {
		uint32_t wait_status;
		struct tolld_signal signal;
		const char *sentence;
	} rows[] = {
		{ 0, { 0 }, "exited with code 0 after 3 d 4 h" },
		{ 3 << 8, { 0 }, "exited with code 3 after 3 d 4 h" },
		{ SIGKILL, from_bash(SIGKILL, at),
			"killed by SIGKILL from bash (pid 812, uid 0) after 3 d 4 h" },
		{ SIGKILL, from_kernel(SIGKILL, at),
			"killed by SIGKILL from the kernel after 3 d 4 h" },
		{ SIGKILL, { 0 }, "killed by SIGKILL after 3 d 4 h" },
		{ SIGTERM, from_bash(SIGTERM, at),
			"ended by SIGTERM from bash (pid 812, uid 0) after 3 d 4 h" },
		/* However long ago: it was this signal. */
		{ SIGTERM, from_bash(SIGTERM, at - DAY),
			"ended by SIGTERM from bash (pid 812, uid 0) after 3 d 4 h" },
		/* Not the one that killed it. */
		{ SIGKILL, from_bash(SIGTERM, at), "killed by SIGKILL after 3 d 4 h" },
		{ SIGSEGV | 0x80, from_kernel(SIGSEGV, at),
			"crashed with SIGSEGV (core dumped) after 3 d 4 h" },
		{ SIGSEGV, from_bash(SIGSEGV, at),
			"crashed with SIGSEGV from bash (pid 812, uid 0) after 3 d 4 h" },
		{ SIGRTMIN + 2, { 0 }, "killed by SIGRTMIN+2 after 3 d 4 h" },
		/* It obeyed, and exited by itself. */
		{ 0, from_bash(SIGTERM, at - 60 * SEC),
			"exited with code 0 on SIGTERM from bash (pid 812, uid 0) after 3 d 4 h" },
		{ 1 << 8, from_bash(SIGTERM, at - 3600 * SEC), "exited with code 1 after 3 d 4 h" },
		{ 1 << 8, from_bash(SIGHUP, at - 60 * SEC), "exited with code 1 after 3 d 4 h" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct death death = { .pid = 4711, .start_boot_ns = start, .at.boot_ns = at };
		struct strbuf text = STRBUF_INIT;

		death_from_wait_status(rows[i].wait_status, &rows[i].signal, at, &death);
		death_describe(&death, &text);
		assert_string_equal(text.s, rows[i].sentence);
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
			"killed by the kernel's OOM killer after 1 min 30 s, with 300 MiB of memory "
			"at its peak" },
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
	death_from_wait_status(SIGKILL, &signal, 0, &death);
	assert_int_equal(strlen(death.sender_comm), WATCH_COMM_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_how_it_died_and_who_did_it),
		cmocka_unit_test(knows_the_other_kinds),
		cmocka_unit_test(a_name_without_an_end_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
