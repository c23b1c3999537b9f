/* The kernel's log, and those who would like to be taken for it. */
#include "harness.h"

#include "watch/oomlog.h"

static void finds_who_was_killed_in_what_the_kernel_says(void **state)
{
	static const struct {
		const char *record;
		pid_t pid; /* 0: nobody */
	} rows[] = {
		{ "3,812,64017903,-;Memory cgroup out of memory: Killed process 3008 (node) "
		  "total-vm:133424kB, anon-rss:32640kB, UID:0 pgtables:100kB oom_score_adj:0\n",
			3008 },
		{ "3,812,64017903,-,caller=T1;Out of memory: Killed process 7 (a b) total-vm:1kB\n",
			7 },
		{ "3,1,2,-;Out of memory (oom_kill_allocating_task): Killed process 8 (x)\n", 8 },
		{ "3,1,2,-;Killed process 9 (x) total-vm:1kB\n SUBSYSTEM=x\n", 9 },
		/* Written by a process, whatever it claims. */
		{ "12,1,2,-;Out of memory: Killed process 7 (x)\n", 0 },
		{ "11,1,2,-;Killed process 7 (x)\n", 0 },
		/* A name within another message. */
		{ "6,1,2,-;Killed process [7]: segfault at 8 ip 0\n", 0 },
		{ "6,1,2,-;usb 1-1: Product: Killed process 7 (x)\n", 0 },
		/* It is announced, not done. */
		{ "3,1,2,-;Out of memory: Kill process 7 (x) score 900 or sacrifice child\n", 0 },
		{ "3,1,2,-;Out of memory: Killed process 0 (x)\n", 0 },
		{ "3,1,2,-;Out of memory: Killed process 99999999999 (x)\n", 0 },
		{ "3,1,2,-;Out of memory: Killed process", 0 },
		{ "Out of memory: Killed process 7 (x)\n", 0 },
		{ ";Killed process 7 (x)\n", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		pid_t pid = 0;

		if (oomlog_parse(rows[i].record, &pid) != (rows[i].pid != 0) || pid != rows[i].pid)
			fail_msg("'%s': %d", rows[i].record, pid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_who_was_killed_in_what_the_kernel_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
