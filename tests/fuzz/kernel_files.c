/*
 * kernel_files.c - property: whatever a file of /proc or of a control group holds, reading it ends, stays
 * within its bounds, and what was found is found again in what it prints like.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "watch/group.h"
#include "watch/lines.h"
#include "watch/machine.h"
#include "watch/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pressure(const char *text)
{
	struct pressure p = { 0 }, again = { 0 };
	char printed[128];

	if (!pressure_parse(text, &p))
		return;
	assert(p.has_some || p.has_full);
	if (!p.has_some || !p.has_full)
		return;
	snprintf(printed, sizeof(printed), "some total=%llu\nfull total=%llu\n",
		(unsigned long long)p.some_ns / 1000, (unsigned long long)p.full_ns / 1000);
	assert(pressure_parse(printed, &again));
	assert(again.some_ns == p.some_ns && again.full_ns == p.full_ns);
}

static void check_number(const char *text)
{
	char printed[64];
	uint64_t n, again;

	if (!lines_number(text, "oom_kill", &n))
		return;
	snprintf(printed, sizeof(printed), "oom_kill %llu\n", (unsigned long long)n);
	assert(lines_number(printed, "oom_kill", &again) && again == n);
}

static void check_stat(const char *text)
{
	struct process_stat stat;

	if (process_stat_parse(text, &stat) == 0) {
		assert(stat.pid > 0 && stat.state);
		assert(strnlen(stat.comm, sizeof(stat.comm)) < sizeof(stat.comm));
	}
}

static void check_machine(const char *text)
{
	struct machine machine = { .forks = 7, .exits = 3 };

	machine_parse_tasks(text, text, &machine);
	assert(machine.forks >= 7 && machine.exits >= 3);
	machine_parse_tasks("processes 100\n", text, &machine);
	assert(machine.has_forks && machine.forks >= 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct group_roots roots;

	check_pressure(text);
	check_number(text);
	check_stat(text);
	check_machine(text);
	group_roots_parse(text, &roots);
	assert(strnlen(roots.unified, sizeof(roots.unified)) < sizeof(roots.unified));
	group_is_exclusive(text, "/own");
	free(text);
	return 0;
}
