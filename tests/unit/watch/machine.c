/* The machine as a whole: what its files say, and that forks and ends are counted. */
#include "harness.h"

#include <fcntl.h>
#include <sys/wait.h>
#include "watch/lines.h"
#include "watch/machine.h"

static void reads_pressure(void **state)
{
#define AVERAGES " avg10=0.12 avg60=3.00 avg300=99.99 "
	static const struct {
		const char *text;
		bool parsed;
		struct pressure pressure;
	} rows[] = {
		{ "some" AVERAGES "total=12\nfull" AVERAGES "total=3\n", true,
			{ true, true, 12000, 3000 } },
		/* Of the machine's CPU before 5.13. */
		{ "some" AVERAGES "total=12\n", true, { true, false, 12000, 0 } },
		{ "full" AVERAGES "total=3", true, { false, true, 0, 3000 } },
		{ "some total=0\n", true, { true, false, 0, 0 } },
		{ "some" AVERAGES "total=18446744073709551615\nfull total=1\n", true,
			{ false, true, 0, 1000 } },
		{ "some" AVERAGES "\nfull" AVERAGES "total=\n", false, { 0 } },
		{ "some" AVERAGES "total=-1\n", false, { 0 } },
		{ "some\n total=1\n", false, { 0 } },
		{ "something total=1\n", false, { 0 } },
		{ "", false, { 0 } },
		{ "\n\n\n", false, { 0 } },
		{ "some", false, { 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pressure p = { 0 };

		if (pressure_parse(rows[i].text, &p) != rows[i].parsed ||
			p.has_some != rows[i].pressure.has_some ||
			p.has_full != rows[i].pressure.has_full ||
			(p.has_some && p.some_ns != rows[i].pressure.some_ns) ||
			(p.has_full && p.full_ns != rows[i].pressure.full_ns))
			fail_msg("'%s'", rows[i].text);
	}
}

static void totals_of_tasks_never_fall(void **state)
{
	static const struct {
		const char *stat, *loadavg;
		bool has_forks, has_exits;
		uint64_t forks, exits;
	} rows[] = {
		{ "", "", false, false, 0, 0 },
		{ "cpu 1 2\nprocs_running 1\n", "0 0 0 1/9 7\n", false, false, 0, 0 },
		{ "processes 100\n", "", true, false, 100, 0 },
		{ "processes 100\n", "0.00 0.01 0.05 1/40 100\n", true, true, 100, 60 },
		/* One was made between the two readings. */
		{ "processes 100\n", "0.00 0.01 0.05 1/41 101\n", true, true, 100, 60 },
		{ "processes 102\n", "0.00 0.01 0.05 1/41 102\n", true, true, 102, 61 },
		{ "processes 1\n", "0.00 0.01 0.05 1/41 102\n", true, true, 102, 61 },
		{ "processes x\n", "0 0 0 1/x\n", true, true, 102, 61 },
		{ "processes 103\n", "0 0 0 1/-3\n", true, true, 103, 61 },
	};
	struct machine machine = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		machine_parse_tasks(rows[i].stat, rows[i].loadavg, &machine);
		assert_int_equal(machine.has_forks, rows[i].has_forks);
		assert_int_equal(machine.has_exits, rows[i].has_exits);
		assert_int_equal(machine.forks, rows[i].forks);
		assert_int_equal(machine.exits, rows[i].exits);
	}
}

static void counts_what_comes_and_goes(void **state)
{
	enum { CHILDREN = 50 };
	struct machine before = { 0 }, after;
	char text[16384];
	uint64_t kills;

	machine_read(&before);
	machine_read_oom_kills(&before);
	after = before;
	assert_true(before.has_forks && before.has_exits);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	machine_read(&after);
	machine_read_oom_kills(&after);
	assert_true(after.forks >= before.forks + CHILDREN);
	/* Others of the machine come and go meanwhile; one that comes hides one that goes. */
	assert_true(after.exits >= before.exits + CHILDREN / 2);
	assert_int_equal(lines_read("/proc/vmstat", text, sizeof(text)), 0);
	assert_int_equal(after.has_oom_kills, lines_number(text, "oom_kill", &kills));
	/* With pressure or with a reason why not. */
	assert_int_equal(after.pressure_err == 0, after.pressure[PRESSURE_MEMORY].has_some);
	assert_true(after.pressure[PRESSURE_CPU].some_ns >= before.pressure[PRESSURE_CPU].some_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_pressure),
		cmocka_unit_test(totals_of_tasks_never_fall),
		cmocka_unit_test(counts_what_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
