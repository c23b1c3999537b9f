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
		struct oomlog log = { .fd = -1 };
		const struct oom_kill *kill = oomlog_take(&log, rows[i].record);

		if ((kill ? kill->thread : 0) != rows[i].pid)
			fail_msg("'%s': %d", rows[i].record, kill ? kill->thread : 0);
	}
}

#define CHOSEN(constraint, where, pid)                                                             \
	"6,1,2000000,-;oom-kill:constraint=" constraint                                            \
	",nodemask=(null),cpuset=/,mems_allowed=0" where ",task=a,pid=9,uid=0,pid=" pid ",uid=0\n"
#define DONE(cause, pid) "3,2,2000100,-;" cause ": Killed process " pid " (a) total-vm:1kB\n"
#define IN_GROUP	 "Memory cgroup out of memory"

static void knows_whose_memory_was_out(void **state)
{
	static const struct {
		const char *records[5];
		pid_t pid;
		enum oom_kind kind;
		const char *group;
	} rows[] = {
		{ { CHOSEN("CONSTRAINT_NONE", ",global_oom,task_memcg=/a", "7"),
			  DONE("Out of memory", "7") },
			7, OOM_OF_MACHINE, "" },
		{ { CHOSEN("CONSTRAINT_MEMCG", ",oom_memcg=/web,task_memcg=/web/a", "7"),
			  DONE(IN_GROUP, "7") },
			7, OOM_OF_GROUP, "/web" },
		{ { CHOSEN("CONSTRAINT_CPUSET", ",global_oom,task_memcg=/a", "7"),
			  DONE("Out of memory", "7") },
			7, OOM_OF_NODES, "" },
		/* Bytes that are not shown as they are; a comma is one of a name. */
		{ { CHOSEN("CONSTRAINT_MEMCG", ",oom_memcg=/a,b\\x5c\\x0a\\xZ,task_memcg=/c", "7"),
			  DONE(IN_GROUP, "7") },
			7, OOM_OF_GROUP, "/a,b\\\n\\xZ" },
		/* It is killed next. */
		{ { CHOSEN("CONSTRAINT_MEMCG", ",oom_memcg=/web,task_memcg=/web", "7") }, 7,
			OOM_OF_GROUP, "/web" },
		/* Of many, not all are announced. */
		{ { DONE(IN_GROUP, "7") }, 7, OOM_OF_GROUP, "" },
		{ { DONE("Out of memory", "7") }, 7, OOM_OF_MACHINE, "" },
		{ { CHOSEN("CONSTRAINT_MEMCG", ",oom_memcg=/web,task_memcg=/web", "7"),
			  DONE(IN_GROUP, "7"), DONE(IN_GROUP, "8") },
			8, OOM_OF_GROUP, "" },
		/* All of a group goes. */
		{ { CHOSEN("CONSTRAINT_MEMCG", ",oom_memcg=/web,task_memcg=/web/a", "7"),
			  DONE(IN_GROUP, "7"),
			  "6,3,2000200,-;Tasks in /web/a are going to be killed due to "
			  "memory.oom.group set\n",
			  DONE(IN_GROUP, "8") },
			8, OOM_OF_GROUP, "/web" },
		{ { CHOSEN("CONSTRAINT_MEMCG", ",oom_memcg=/web,task_memcg=/web/a", "7"),
			  DONE(IN_GROUP, "7"),
			  "6,3,2000200,-;Tasks in /web/a are going to be killed due to "
			  "memory.oom.group set\n",
			  "3,2,5000000,-;" IN_GROUP ": Killed process 8 (a) total-vm:1kB\n" },
			8, OOM_OF_GROUP, "" },
		/* A process pretends. */
		{ { "12,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/x,task_memcg=/x,"
		    "task=a,pid=7,uid=0\n",
			  DONE("Out of memory", "7") },
			7, OOM_OF_MACHINE, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oomlog log = { .fd = -1 };
		const struct oom_kill *kill;

		for (size_t k = 0; k < ARRAY_SIZE(rows[i].records) && rows[i].records[k]; k++)
			oomlog_take(&log, rows[i].records[k]);
		kill = oomlog_find(&log, rows[i].pid);
		if (!kill)
			fail_msg("%zu: it was not found", i);
		assert_int_equal(kill->oom.kind, rows[i].kind);
		assert_string_equal(kill->oom.group, rows[i].group);
		assert_null(oomlog_find(&log, 1234));
	}
}

#define USED "anon-rss:32640kB, file-rss:128kB, shmem-rss:0kB, UID:0 pgtables:100kB"

static void knows_who_it_was_and_what_he_had(void **state)
{
	static const struct {
		const char *records[2];
		const char *comm;
		int64_t memory_kib; /* negative: not known */
		const char *group;
	} rows[] = {
		{ { CHOSEN("CONSTRAINT_MEMCG", ",oom_memcg=/web,task_memcg=/web/a", "7"),
			  "3,2,3,-;" IN_GROUP ": Killed process 7 (node) total-vm:1kB, " USED },
			"node", 32768, "/web/a" },
		{ { CHOSEN("CONSTRAINT_NONE", ",global_oom,task_memcg=/a\\x2cb", "7"),
			  "3,2,3,-;Out of memory: Killed process 7 (a b) total-vm:1kB, " USED },
			"a b", 32768, "/a,b" },
		/* Names that would like to be something else. */
		{ { NULL, "3,2,3,-;Out of memory: Killed process 7 () total-vm:9kB,) total-vm:1kB, " USED },
			") total-vm:9kB,", 32768, "" },
		{ { NULL, "3,2,3,-;Out of memory: Killed process 7 ( anon-rss:99kB,) total-vm:1kB, " USED },
			" anon-rss:99kB,", 32768, "" },
		{ { "6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,task_memcg=/a,task=x,task_memcg=/e,"
		    "pid=7,uid=0",
			  "3,2,3,-;Killed process 7 (x\\x0a\\xff\\x5c) total-vm:1kB" },
			"x\n\xff\\", -1, "/a" },
		/* It is another one's announcement. */
		{ { CHOSEN("CONSTRAINT_NONE", ",global_oom,task_memcg=/a", "8"),
			  "3,2,3,-;Out of memory: Killed process 7 (b) total-vm:1kB, " USED },
			"b", 32768, "" },
		/* Longer than any name, or none. */
		{ { NULL, "3,2,3,-;Killed process 7 (aaaaaaaaaaaaaaaaaaaaaaaa) total-vm:1kB" },
			"aaaaaaaaaaaaaaa", -1, "" },
		{ { NULL, "3,2,3,-;Killed process 7" }, "", -1, "" },
		{ { NULL, "3,2,3,-;Killed process 7 (a" }, "", -1, "" },
		{ { NULL, "3,2,3,-;Killed process 7 total-vm:1kB, " USED }, "", -1, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oomlog log = { .fd = -1 };
		const struct oom_kill *kill;

		if (rows[i].records[0])
			oomlog_take(&log, rows[i].records[0]);
		kill = oomlog_take(&log, rows[i].records[1]);
		assert_non_null(kill);
		assert_string_equal(kill->comm, rows[i].comm);
		assert_string_equal(kill->group, rows[i].group);
		assert_int_equal(kill->has_memory, rows[i].memory_kib >= 0);
		if (kill->has_memory)
			assert_int_equal(kill->memory_bytes >> 10, rows[i].memory_kib);
	}
}

static void of_a_long_path_the_end_is_kept(void **state)
{
	struct oomlog log = { .fd = -1 };
	char record[2000], path[1001];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[999] = 'y';
	path[1000] = '\0';
	snprintf(record, sizeof(record),
		"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=%s,task_memcg=/,pid=7,",
		path);
	oomlog_take(&log, record);
	assert_non_null(oomlog_find(&log, 7));
	assert_string_equal(oomlog_find(&log, 7)->oom.group, path + 1000 - (WATCH_GROUP_MAX - 1));
}

static void the_last_kills_are_remembered(void **state)
{
	struct oomlog log = { .fd = -1 };
	char record[100];

	for (int i = 1; i <= 3 * OOMLOG_KILLS; i++) {
		snprintf(record, sizeof(record), "3,1,2,-;Out of memory: Killed process %d (a)\n",
			i);
		oomlog_take(&log, record);
	}
	assert_non_null(oomlog_find(&log, 3 * OOMLOG_KILLS));
	assert_non_null(oomlog_find(&log, 2 * OOMLOG_KILLS + 1));
	assert_null(oomlog_find(&log, 2 * OOMLOG_KILLS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_who_was_killed_in_what_the_kernel_says),
		cmocka_unit_test(knows_whose_memory_was_out),
		cmocka_unit_test(knows_who_it_was_and_what_he_had),
		cmocka_unit_test(of_a_long_path_the_end_is_kept),
		cmocka_unit_test(the_last_kills_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
