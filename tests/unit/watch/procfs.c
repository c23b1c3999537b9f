/* Processes as /proc shows them: hostile names, and those that are dead but not reaped. */
#include "harness.h"

#include <sys/wait.h>
#include "watch/procfs.h"

#define FIELDS_4_TO_19 " 7 8 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0"
#define REST                                                                                       \
	" 0 123456 1 1 18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 4 5 6 7"

static void reads_a_line_whatever_the_name_holds(void **state)
{
	static const struct {
		const char *text, *comm;
		char state;
		unsigned threads;
		bool dead;
		uint32_t wait_status;
	} rows[] = {
		{ "42 (node)"
		  " S" FIELDS_4_TO_19 " 3" REST " 0\n",
			"node", 'S', 3, false, 0 },
		{ "42 (a) Z 1 (b)"
		  " S" FIELDS_4_TO_19 " 1" REST " 0\n",
			"a) Z 1 (b", 'S', 1, false, 0 },
		{ "42 ()"
		  " R" FIELDS_4_TO_19 " 1" REST " 0\n",
			"", 'R', 1, false, 0 },
		{ "42 (dead)"
		  " Z" FIELDS_4_TO_19 " 1" REST " 139\n",
			"dead", 'Z', 1, true, 139 },
		/* Its leader has left, its threads live. */
		{ "42 (half)"
		  " Z" FIELDS_4_TO_19 " 2" REST " 0\n",
			"half", 'Z', 2, false, 0 },
		/* Just being reaped. */
		{ "42 (gone)"
		  " Z" FIELDS_4_TO_19 " 0" REST " 0\n",
			"gone", 'Z', 0, true, 0 },
		{ "42 (gone)"
		  " X" FIELDS_4_TO_19 " 0" REST " 0\n",
			"gone", 'X', 0, true, 0 },
		/* A kernel that shows no exit code. */
		{ "42 (short)"
		  " S" FIELDS_4_TO_19 " 1 0 123456",
			"short", 'S', 1, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct process_stat stat;

		assert_int_equal(process_stat_parse(rows[i].text, &stat), 0);
		assert_int_equal(stat.pid, 42);
		assert_int_equal(stat.parent, 7);
		assert_int_equal(stat.group, 8);
		assert_int_equal(stat.session, 9);
		assert_string_equal(stat.comm, rows[i].comm);
		assert_int_equal(stat.state, rows[i].state);
		assert_int_equal(stat.threads, rows[i].threads);
		assert_int_equal(stat.start_ticks, 123456);
		assert_int_equal(
			stat.start_boot_ns, 123456 * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK)));
		assert_int_equal(process_stat_is_dead(&stat), rows[i].dead);
		assert_int_equal(stat.exits, rows[i].state == 'Z' || rows[i].state == 'X');
		assert_int_equal(stat.wait_status, rows[i].wait_status);
		assert_int_equal(stat.minor_faults, 1);
		assert_int_equal(stat.major_faults, 3);
		assert_int_equal(stat.cpu_ns, (5 + 6) * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK)));
	}
}

static void one_on_its_way_out_is_told_by_its_flags(void **state)
{
	struct process_stat stat;

	assert_int_equal(
		process_stat_parse(
			"42 (ends) R 7 8 9 0 -1 4194308 1 2 3 4 5 6 7 8 20 0 1" REST " 9\n", &stat),
		0);
	assert_true(stat.exits);
	assert_false(process_stat_is_dead(&stat));
}

static void refuses_what_is_no_such_line(void **state)
{
	static const char *const rows[] = { "", "42", "42 (x", "42 x) S 1", "42 (x)", "42 (x) ",
		"42 )x( S 7", "42 (x) S", "42 (x) S" FIELDS_4_TO_19 " 1 0",
		"0 (x) S" FIELDS_4_TO_19 " 1" REST,
		"42 (x) S" FIELDS_4_TO_19 " 1 0 9223372036854775807 1 1" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct process_stat stat;

		if (process_stat_parse(rows[i], &stat) != -EBADMSG)
			fail_msg("'%s' was taken", rows[i]);
	}
}

static void tells_how_a_process_ended_until_it_is_reaped(void **state)
{
	struct process_stat alive, dead;
	siginfo_t info;
	pid_t pid;

	assert_int_equal(process_stat_read(getpid(), &alive), 0);
	assert_int_equal(alive.parent, getppid());
	assert_int_equal(alive.group, getpgrp());
	assert_int_equal(alive.session, getsid(0));
	assert_in_range(alive.start_boot_ns, 1, clock_boot_ns());
	assert_int_equal(process_stat_read_dead(getpid(), alive.start_ticks, &dead), -ESRCH);
	pid = fork();
	if (pid == 0)
		_exit(7);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_stat_read(pid, &alive), 0);
	assert_true(process_stat_is_dead(&alive));
	assert_int_equal(process_stat_read_dead(pid, alive.start_ticks, &dead), 0);
	assert_int_equal(dead.wait_status, 7 << 8);
	assert_true(dead.tells_wait_status);
	assert_true(dead.minor_faults > 0);
	/* Another process, that has the number now. */
	assert_int_equal(process_stat_read_dead(pid, alive.start_ticks + 1, &dead), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_stat_read_dead(pid, alive.start_ticks, &dead), -ESRCH);
	assert_int_equal(process_stat_read(pid, &dead), -ESRCH);
}

static int read_as_nobody(void)
{
	struct process_stat stat;
	siginfo_t info;
	pid_t pid = fork();

	/* Root's child, which nobody may not trace. */
	if (pid == 0)
		_exit(7);
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) || process_stat_read(pid, &stat))
		return 1;
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 2;
	if (process_stat_read_dead(pid, stat.start_ticks, &stat))
		return 3;
	/* And not 0, which would be success. */
	return stat.tells_wait_status ? 4 : 0;
}

static void a_code_that_may_not_be_read_is_not_taken_for_success(void **state)
{
	int status;
	pid_t pid;

	if (getuid()) {
		printf("SKIPPED: rights can only be given up by root\n");
		skip();
	}
	pid = fork();
	if (pid == 0)
		_exit(read_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void arguments_are_joined_by_spaces(void **state)
{
	struct strbuf line = STRBUF_INIT;
	size_t len;
	scoped(freep) char *raw = read_file("/proc/self/cmdline", &len);
	pid_t child;

	strbuf_adds(&line, "before:");
	assert_int_equal(process_cmdline(getpid(), &line), 0);
	assert_int_equal(strncmp(line.s + strlen("before:"), raw, strlen(raw)), 0);
	assert_int_equal(line.len, strlen(line.s));
	strbuf_release(&line);
	/* A zombie has none, nor has a process that never was. */
	child = fork();
	if (child == 0)
		_exit(0);
	waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT);
	assert_int_equal(process_cmdline(child, &line), -ESRCH);
	waitpid(child, NULL, 0);
	assert_int_equal(process_cmdline(1 << 23, &line), -ESRCH);
	assert_int_equal(line.len, 0);
	strbuf_release(&line);
}

static void the_last_number_grows_with_each_process(void **state)
{
	pid_t before = process_last_number(), child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	assert_true(before > 0);
	assert_int_not_equal(process_last_number(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_line_whatever_the_name_holds),
		cmocka_unit_test(one_on_its_way_out_is_told_by_its_flags),
		cmocka_unit_test(refuses_what_is_no_such_line),
		cmocka_unit_test(tells_how_a_process_ended_until_it_is_reaped),
		cmocka_unit_test(a_code_that_may_not_be_read_is_not_taken_for_success),
		cmocka_unit_test(arguments_are_joined_by_spaces),
		cmocka_unit_test(the_last_number_grows_with_each_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
