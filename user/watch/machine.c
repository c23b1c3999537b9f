/*
 * machine.c - reads /proc/stat, /proc/loadavg, /proc/vmstat and /proc/pressure.
 */
#include "watch/machine.h"

#include <ctype.h>
#include "base/util.h"
#include "watch/lines.h"

/* "0.00 0.01 0.05 1/345 6789": of 345 tasks one runs. */
static bool parse_tasks(const char *loadavg, uint64_t *ret)
{
	const char *slash = strchr(loadavg, '/');

	if (!slash || !isdigit((unsigned char)slash[1]))
		return false;
	*ret = strtoull(slash + 1, NULL, 10);
	return true;
}

void machine_parse_tasks(const char *stat, const char *loadavg, struct machine *ret)
{
	uint64_t forks, tasks;

	if (!lines_number(stat, "processes", &forks))
		return;
	ret->has_forks = true;
	ret->forks = MAX(ret->forks, forks);
	if (!parse_tasks(loadavg, &tasks))
		return;
	ret->has_exits = true;
	ret->exits = MAX(ret->exits, forks > tasks ? forks - tasks : 0);
}

static void read_tasks(struct machine *ret)
{
	/* A line for each CPU and a long one of interrupts come first. */
	size_t size = (size_t)256 << 10;
	char *stat = malloc(size), loadavg[128];

	if (stat && !lines_read("/proc/loadavg", loadavg, sizeof(loadavg)) &&
		!lines_read("/proc/stat", stat, size))
		machine_parse_tasks(stat, loadavg, ret);
	free(stat);
}

void machine_read_oom_kills(struct machine *ret)
{
	char text[16384];

	if (!lines_read("/proc/vmstat", text, sizeof(text)))
		ret->has_oom_kills |= lines_number(text, "oom_kill", &ret->oom_kills);
}

void machine_read(struct machine *ret)
{
	static const char *const files[PRESSURE_RESOURCES] = {
		[PRESSURE_CPU] = "/proc/pressure/cpu",
		[PRESSURE_MEMORY] = "/proc/pressure/memory",
		[PRESSURE_IO] = "/proc/pressure/io",
	};

	ret->pressure_err = 0;
	for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
		int err = pressure_read(files[i], &ret->pressure[i]);

		if (err)
			ret->pressure_err = err;
	}
	read_tasks(ret);
}
