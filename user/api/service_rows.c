/*
 * service_rows.c - every figure of a service, read.
 */
#include "api/service_rows.h"

#include <math.h>
#include "watch/figures.h"

const struct service_row_name service_rows[SERVICE_ROWS] = {
	[ROW_UP] = { "tolld_service_up", NULL, NULL },
	[ROW_RESTARTS] = { "tolld_service_restarts_total", NULL, NULL },
	[ROW_OOM_KILLS] = { "tolld_service_oom_kills_total", NULL, NULL },
	[ROW_EXITS_REQUESTED] = { "tolld_service_exits_total", "kind", "requested" },
	[ROW_EXITS_SUCCESS] = { "tolld_service_exits_total", "kind", "success" },
	[ROW_EXITS_FAILURE] = { "tolld_service_exits_total", "kind", "failure" },
	[ROW_EXITS_SIGNAL] = { "tolld_service_exits_total", "kind", "signal" },
	[ROW_EXITS_OOM] = { "tolld_service_exits_total", "kind", "oom" },
	[ROW_EXITS_UNKNOWN] = { "tolld_service_exits_total", "kind", "unknown" },
	[ROW_START_TIME] = { "tolld_service_start_time_seconds", NULL, NULL },
	[ROW_LAST_EXIT_CODE] = { "tolld_service_last_exit_code", NULL, NULL },
	[ROW_LAST_EXIT_SIGNAL] = { "tolld_service_last_exit_signal", NULL, NULL },
	[ROW_LAST_EXIT_TIME] = { "tolld_service_last_exit_time_seconds", NULL, NULL },
	[ROW_RESTART_DELAY] = { "tolld_service_restart_delay_seconds", NULL, NULL },
	[ROW_LISTENING] = { "tolld_service_listening", NULL, NULL },
	[ROW_STATE_UP] = { "tolld_service_state", "state", "up" },
	[ROW_STATE_DOWN] = { "tolld_service_state", "state", "down" },
	[ROW_STATE_UNKNOWN] = { "tolld_service_state", "state", "unknown" },
	[ROW_HUNG_TASKS] = { "tolld_service_hung_tasks", NULL, NULL },
	[ROW_STOPPED] = { "tolld_service_stopped", NULL, NULL },
	[ROW_CPU] = { "tolld_service_cpu_seconds_total", NULL, NULL },
	[ROW_RESIDENT] = { "tolld_service_resident_memory_bytes", NULL, NULL },
	[ROW_OPEN_FDS] = { "tolld_service_open_fds", NULL, NULL },
	[ROW_MAX_FDS] = { "tolld_service_max_fds", NULL, NULL },
	[ROW_PROCESSES] = { "tolld_service_processes", NULL, NULL },
	[ROW_THREADS] = { "tolld_service_threads", NULL, NULL },
	[ROW_GROUP_MEMORY] = { "tolld_service_cgroup_memory_bytes", NULL, NULL },
	[ROW_GROUP_WORKING_SET] = { "tolld_service_cgroup_memory_working_set_bytes", NULL, NULL },
	[ROW_GROUP_MEMORY_MAX] = { "tolld_service_cgroup_memory_max_bytes", NULL, NULL },
	[ROW_GROUP_MEMORY_PEAK] = { "tolld_service_cgroup_memory_peak_bytes", NULL, NULL },
	[ROW_GROUP_HIGH_EVENTS] = { "tolld_service_cgroup_memory_events_total", "event", "high" },
	[ROW_GROUP_MAX_EVENTS] = { "tolld_service_cgroup_memory_events_total", "event", "max" },
	[ROW_GROUP_OOM_EVENTS] = { "tolld_service_cgroup_memory_events_total", "event", "oom" },
	[ROW_GROUP_CPU_PERIODS] = { "tolld_service_cgroup_cpu_periods_total", NULL, NULL },
	[ROW_GROUP_THROTTLED_PERIODS] = { "tolld_service_cgroup_cpu_throttled_periods_total", NULL,
		NULL },
	[ROW_GROUP_THROTTLED] = { "tolld_service_cgroup_cpu_throttled_seconds_total", NULL, NULL },
	[ROW_GROUP_TASKS] = { "tolld_service_cgroup_tasks", NULL, NULL },
	[ROW_GROUP_MAX_TASKS] = { "tolld_service_cgroup_max_tasks", NULL, NULL },
	[ROW_WAITING_CPU] = { "tolld_service_pressure_waiting_seconds_total", "resource", "cpu" },
	[ROW_WAITING_MEMORY] = { "tolld_service_pressure_waiting_seconds_total", "resource",
		"memory" },
	[ROW_WAITING_IO] = { "tolld_service_pressure_waiting_seconds_total", "resource", "io" },
	[ROW_STALLED_CPU] = { "tolld_service_pressure_stalled_seconds_total", "resource", "cpu" },
	[ROW_STALLED_MEMORY] = { "tolld_service_pressure_stalled_seconds_total", "resource",
		"memory" },
	[ROW_STALLED_IO] = { "tolld_service_pressure_stalled_seconds_total", "resource", "io" },
	[ROW_MINOR_FAULTS] = { "tolld_service_page_faults_total", "kind", "minor" },
	[ROW_MAJOR_FAULTS] = { "tolld_service_page_faults_total", "kind", "major" },
	[ROW_READ_BYTES] = { "tolld_service_io_read_bytes_total", NULL, NULL },
	[ROW_WRITTEN_BYTES] = { "tolld_service_io_written_bytes_total", NULL, NULL },
	[ROW_LISTENERS] = { "tolld_service_listeners", NULL, NULL },
	[ROW_SOCKETS] = { "tolld_service_sockets", NULL, NULL },
};

static double seconds(uint64_t ns)
{
	return (double)ns / NSEC_PER_SEC;
}

static double unless(bool unknown, double value)
{
	return unknown ? (double)NAN : value;
}

/* -- what events tell ------------------------------------------------------------------------- */

static void read_state(const struct service_info *info, struct instant now, double *v)
{
	/* Not known is neither 0 nor 1: no sample says so, and an alert that needs one waits. */
	v[ROW_UP] = unless(info->state == SERVICE_UNKNOWN, info->state == SERVICE_UP);
	v[ROW_STATE_UP] = info->state == SERVICE_UP;
	v[ROW_STATE_DOWN] = info->state == SERVICE_DOWN;
	v[ROW_STATE_UNKNOWN] = info->state == SERVICE_UNKNOWN;
	v[ROW_RESTARTS] = info->restarts;
	if (info->pid && info->start_boot_ns)
		/* To a hundredth, as /proc has it: the two clocks' distance is never the same twice. */
		v[ROW_START_TIME] =
			round((double)(now.wall_ms -
				       (now.boot_ns - info->start_boot_ns) / NSEC_PER_MSEC) /
				10) /
			100;
	if (info->kind == SELECT_LISTEN || info->expect == EXPECTED_LISTENING)
		v[ROW_LISTENING] = info->listening;
}

static void read_last_death(const struct service_info *info, double *v)
{
	const struct death *death = &info->last_death;
	bool unknown = death->kind == DEATH_UNKNOWN;

	if (!info->died)
		return;
	v[ROW_LAST_EXIT_TIME] = (double)death->at.wall_ms / 1000;
	v[ROW_LAST_EXIT_CODE] = unless(unknown, death->kind == DEATH_EXIT ? death->exit_code : 0);
	v[ROW_LAST_EXIT_SIGNAL] = unless(unknown, death->kind == DEATH_EXIT ? 0 : death->signal);
}

static void read_ends(const struct service_figures *figures, double *v)
{
	for (int kind = 0; kind < END_KINDS; kind++)
		v[ROW_EXITS_REQUESTED + kind] = (double)figures->ends->counts[kind];
	v[ROW_OOM_KILLS] = (double)figures->oom_kills;
	if (figures->ends->restarted)
		v[ROW_RESTART_DELAY] = seconds((uint64_t)figures->ends->down_ns);
}

/* -- what passes find ------------------------------------------------------------------------- */

static void read_used(const struct service_figures *figures, double *v)
{
	const struct tally_total *used = figures->used;

	v[ROW_CPU] = seconds(used->cpu_ns);
	v[ROW_PROCESSES] = used->processes;
	v[ROW_THREADS] = used->threads;
	v[ROW_MINOR_FAULTS] = (double)used->minor_faults;
	v[ROW_MAJOR_FAULTS] = (double)used->major_faults;
	v[ROW_RESIDENT] =
		unless(used->processes && !used->has_resident, (double)used->resident_bytes);
	v[ROW_OPEN_FDS] = unless(!used->has_fds, (double)used->open_fds);
	v[ROW_MAX_FDS] = unless(!used->has_fds, (double)used->max_fds);
	v[ROW_READ_BYTES] = unless(!used->has_io, (double)used->read_bytes);
	v[ROW_WRITTEN_BYTES] = unless(!used->has_io, (double)used->written_bytes);
	v[ROW_LISTENERS] = unless(!figures->has_sockets, figures->listeners);
	v[ROW_SOCKETS] = unless(!figures->has_sockets, figures->sockets);
}

static double gauge(const struct group_usage *usage, enum group_figure figure)
{
	return unless(!group_has(usage, figure), (double)usage->figures[figure]);
}

/* It never falls, and is there as soon as any of its groups told it. */
static double total(const struct group_total *group, enum group_figure figure)
{
	return unless(!group_has(&group->last, figure), (double)group->figures[figure]);
}

static void read_memory(const struct group_total *group, double *v)
{
	const struct group_usage *last = &group->last;

	v[ROW_GROUP_MEMORY] = gauge(last, GROUP_MEMORY);
	if (group_has(last, GROUP_MEMORY) && group_has(last, GROUP_MEMORY_INACTIVE))
		/* Read one after the other: a cache that grew in between is larger than all. */
		v[ROW_GROUP_WORKING_SET] =
			fmax(gauge(last, GROUP_MEMORY) - gauge(last, GROUP_MEMORY_INACTIVE), 0);
	v[ROW_GROUP_MEMORY_MAX] = gauge(last, GROUP_MEMORY_MAX);
	v[ROW_GROUP_MEMORY_PEAK] = gauge(last, GROUP_MEMORY_PEAK);
	v[ROW_GROUP_HIGH_EVENTS] = total(group, GROUP_HIGH_EVENTS);
	v[ROW_GROUP_MAX_EVENTS] = total(group, GROUP_MAX_EVENTS);
	v[ROW_GROUP_OOM_EVENTS] = total(group, GROUP_OOM_EVENTS);
}

static void read_group(const struct group_total *group, bool is_unit, double *v)
{
	read_memory(group, v);
	if (is_unit && group_has(&group->last, GROUP_CPU_NS))
		v[ROW_CPU] = seconds(group->figures[GROUP_CPU_NS]);
	v[ROW_GROUP_CPU_PERIODS] = total(group, GROUP_CPU_PERIODS);
	v[ROW_GROUP_THROTTLED_PERIODS] = total(group, GROUP_THROTTLED_PERIODS);
	v[ROW_GROUP_THROTTLED] = total(group, GROUP_THROTTLED_NS) / NSEC_PER_SEC;
	v[ROW_GROUP_TASKS] = gauge(&group->last, GROUP_TASKS);
	v[ROW_GROUP_MAX_TASKS] = gauge(&group->last, GROUP_TASKS_MAX);
	for (int i = 0; i < PRESSURE_RESOURCES; i++) {
		const struct pressure *p = &group->pressure[i];

		v[ROW_WAITING_CPU + i] = unless(!p->has_some, seconds(p->some_ns));
		v[ROW_STALLED_CPU + i] = unless(!p->has_full, seconds(p->full_ns));
	}
}

static void read_events(const struct service_info *info, const struct service_figures *figures,
	struct instant now, double ret[SERVICE_EVENT_ROWS])
{
	_Static_assert(ROW_EXITS_UNKNOWN - ROW_EXITS_REQUESTED == END_UNKNOWN - END_REQUESTED,
		"a row for each kind, in their order");
	for (int i = 0; i < SERVICE_EVENT_ROWS; i++)
		ret[i] = (double)NAN;
	read_state(info, now, ret);
	read_last_death(info, ret);
	read_ends(figures, ret);
	/* Passes tell it, too, and that none is. */
	if (figures->used && (figures->passed || figures->used->hung_threads))
		ret[ROW_HUNG_TASKS] = figures->used->hung_threads;
	/* Until a pass has found that it stands still nobody says so. */
	ret[ROW_STOPPED] = figures->standstill != STANDSTILL_NONE;
}

void service_rows_read_events(
	const struct service *service, struct instant now, double ret[SERVICE_EVENT_ROWS])
{
	struct service_figures figures;
	struct service_info info;

	service_info(service, &info);
	service_figures(service, &figures);
	read_events(&info, &figures, now, ret);
}

void service_rows_read(const struct service *service, struct instant now, double ret[SERVICE_ROWS])
{
	struct service_figures figures;
	struct service_info info;

	_Static_assert(ROW_WAITING_IO - ROW_WAITING_CPU == PRESSURE_IO - PRESSURE_CPU,
		"a row for each resource, in their order");
	for (int i = SERVICE_EVENT_ROWS; i < SERVICE_ROWS; i++)
		ret[i] = (double)NAN;
	service_info(service, &info);
	service_figures(service, &figures);
	read_events(&info, &figures, now, ret);
	if (!figures.passed)
		return;
	read_used(&figures, ret);
	if (figures.group)
		read_group(figures.group, info.kind == SELECT_UNIT, ret);
}
