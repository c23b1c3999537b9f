/* Every figure of a service: what it is when it is known, and that it is missing when it is not. */
#include "world.h"

#include <math.h>
#include "api/service_rows.h"

static const struct instant now = { .boot_ns = 1000 * NSEC_PER_SEC, .wall_ms = NOW_WALL_MS };

struct wanted {
	enum service_row row;
	double value; /* NaN: missing */
};

static void assert_rows(const struct service *service, const struct wanted *wanted, size_t n)
{
	double values[SERVICE_ROWS], told[SERVICE_EVENT_ROWS];

	service_rows_read(service, now, values);
	service_rows_read_events(service, now, told);
	assert_memory_equal(values, told, sizeof(told));
	for (size_t i = 0; i < n; i++) {
		double got = values[wanted[i].row];

		if (isnan(wanted[i].value) ? !isnan(got) : !(fabs(got - wanted[i].value) < 1e-6))
			fail_msg("%s %s: %f, not %f", service_rows[wanted[i].row].family,
				service_rows[wanted[i].row].value
					? service_rows[wanted[i].row].value
					: "",
				got, wanted[i].value);
	}
}

static void a_service_that_was_never_seen_is_down_and_counts_from_0(void **state)
{
	const struct service service = { .info = { .name = "db", .state = SERVICE_DOWN } };
	double values[SERVICE_ROWS];

	service_rows_read(&service, now, values);
	for (int row = 0; row < SERVICE_ROWS; row++) {
		bool counts = row == ROW_RESTARTS || row == ROW_OOM_KILLS || row == ROW_STOPPED ||
			      (row >= ROW_EXITS_REQUESTED && row <= ROW_EXITS_UNKNOWN);
		bool is_state = row == ROW_UP || (row >= ROW_STATE_UP && row <= ROW_STATE_UNKNOWN);

		if (counts)
			assert_true(values[row] == 0);
		else if (is_state)
			assert_true(values[row] == (row == ROW_STATE_DOWN));
		else
			assert_true(isnan(values[row]));
	}
}

static void events_tell_of_states_starts_and_deaths(void **state)
{
	static const struct service_ends ends = { .counts = { [END_REQUESTED] = 1,
							  [END_SUCCESS] = 2,
							  [END_FAILURE] = 3,
							  [END_SIGNAL] = 4,
							  [END_OOM] = 5,
							  [END_UNKNOWN] = 6 },
		.restarted = true,
		.down_ns = 3 * NSEC_PER_SEC / 2 };
	struct service service = { .info = { .name = "web",
					   .state = SERVICE_UP,
					   .kind = SELECT_LISTEN,
					   .listening = true,
					   .pid = 7,
					   .start_boot_ns = 400 * NSEC_PER_SEC,
					   .restarts = 20,
					   .died = true,
					   .last_death = { .kind = DEATH_EXIT,
						   .exit_code = 3,
						   .at = { .wall_ms = NOW_WALL_MS - 1000 } } },
		.figures = { .ends = &ends, .oom_kills = 8 } };

	assert_rows(&service,
		(const struct wanted[]){ { ROW_UP, 1 }, { ROW_STATE_UP, 1 }, { ROW_STATE_DOWN, 0 },
			{ ROW_LISTENING, 1 }, { ROW_RESTARTS, 20 }, { ROW_OOM_KILLS, 8 },
			{ ROW_EXITS_REQUESTED, 1 }, { ROW_EXITS_SUCCESS, 2 },
			{ ROW_EXITS_FAILURE, 3 }, { ROW_EXITS_SIGNAL, 4 }, { ROW_EXITS_OOM, 5 },
			{ ROW_EXITS_UNKNOWN, 6 }, { ROW_RESTART_DELAY, 1.5 },
			{ ROW_START_TIME, NOW_WALL_MS / 1000. - 600 }, { ROW_LAST_EXIT_CODE, 3 },
			{ ROW_LAST_EXIT_SIGNAL, 0 },
			{ ROW_LAST_EXIT_TIME, NOW_WALL_MS / 1000. - 1 }, { ROW_STOPPED, 0 },
			{ ROW_CPU, NAN } },
		19);

	/* A signal asked for, that it obeyed, is not what it died of. */
	service.info.last_death.signal = SIGTERM;
	service.info.listening = false;
	service.info.state = SERVICE_UNKNOWN;
	assert_rows(&service,
		(const struct wanted[]){ { ROW_LAST_EXIT_SIGNAL, 0 }, { ROW_UP, NAN },
			{ ROW_STATE_UNKNOWN, 1 }, { ROW_LISTENING, 0 } },
		4);
	service.info.last_death.kind = DEATH_OOM;
	service.info.last_death.signal = SIGKILL;
	service.info.pid = 0;
	service.info.kind = SELECT_EXE;
	assert_rows(&service,
		(const struct wanted[]){ { ROW_LAST_EXIT_SIGNAL, 9 }, { ROW_LAST_EXIT_CODE, 0 },
			{ ROW_START_TIME, NAN }, { ROW_LISTENING, NAN } },
		4);
	service.info.last_death.kind = DEATH_UNKNOWN;
	service.info.expect = EXPECTED_LISTENING;
	assert_rows(&service,
		(const struct wanted[]){ { ROW_LAST_EXIT_SIGNAL, NAN }, { ROW_LAST_EXIT_CODE, NAN },
			{ ROW_LAST_EXIT_TIME, NOW_WALL_MS / 1000. - 1 }, { ROW_LISTENING, 0 } },
		4);
}

static void passes_tell_what_processes_use(void **state)
{
	struct tally_total used = { .cpu_ns = 5 * NSEC_PER_SEC / 2,
		.minor_faults = 1,
		.major_faults = 2,
		.read_bytes = 3,
		.written_bytes = 4,
		.has_io = true,
		.processes = 5,
		.threads = 6,
		.hung_threads = 7,
		.has_resident = true,
		.resident_bytes = 8,
		.has_fds = true,
		.open_fds = 9,
		.max_fds = 10,
		.passed_boot_ns = 1 };
	const struct service service = { .info = { .name = "web" },
		.figures = { .passed = true,
			.used = &used,
			.has_sockets = true,
			.sockets = 11,
			.listeners = 12 } };
	struct service without = service;

	assert_rows(&service,
		(const struct wanted[]){ { ROW_CPU, 2.5 }, { ROW_MINOR_FAULTS, 1 },
			{ ROW_MAJOR_FAULTS, 2 }, { ROW_READ_BYTES, 3 }, { ROW_WRITTEN_BYTES, 4 },
			{ ROW_PROCESSES, 5 }, { ROW_THREADS, 6 }, { ROW_HUNG_TASKS, 7 },
			{ ROW_RESIDENT, 8 }, { ROW_OPEN_FDS, 9 }, { ROW_MAX_FDS, 10 },
			{ ROW_SOCKETS, 11 }, { ROW_LISTENERS, 12 }, { ROW_GROUP_MEMORY, NAN },
			{ ROW_WAITING_CPU, NAN } },
		15);
	for (int how = STANDSTILL_NONE; how <= STANDSTILL_FROZEN; how++) {
		without.figures.standstill = how;
		assert_rows(&without, (const struct wanted[]){ { ROW_STOPPED, how != 0 } }, 1);
	}
	/* What may not be read, or costs too much, is not 0. */
	used.has_io = used.has_fds = used.has_resident = false;
	without.figures.has_sockets = false;
	assert_rows(&without,
		(const struct wanted[]){ { ROW_READ_BYTES, NAN }, { ROW_WRITTEN_BYTES, NAN },
			{ ROW_OPEN_FDS, NAN }, { ROW_MAX_FDS, NAN }, { ROW_RESIDENT, NAN },
			{ ROW_SOCKETS, NAN }, { ROW_LISTENERS, NAN }, { ROW_CPU, 2.5 } },
		8);
	/* It has no process: then it uses no memory, and has no descriptors. */
	used.processes = 0;
	used.resident_bytes = 0;
	assert_rows(
		&without, (const struct wanted[]){ { ROW_RESIDENT, 0 }, { ROW_OPEN_FDS, NAN } }, 2);
}

static void passes_tell_what_control_groups_do(void **state)
{
	static const struct tally_total used = { .cpu_ns = NSEC_PER_SEC, .passed_boot_ns = 1 };
	struct group_total group = { .known = true,
		.pressure = { [PRESSURE_MEMORY] = { true, true, NSEC_PER_SEC, NSEC_PER_SEC / 2 },
			[PRESSURE_IO] = { .has_some = true, .some_ns = 0 } } };
	struct service service = { .info = { .name = "web", .kind = SELECT_UNIT },
		.figures = { .passed = true, .used = &used, .group = &group } };

	for (int f = 0; f < GROUP_FIGURES; f++) {
		group.last.has |= 1u << f;
		/* Of what only grows, the totals over all groups count. */
		group.last.figures[f] = 1000 + (uint64_t)f;
		group.figures[f] = 2000 + (uint64_t)f;
	}
	group.figures[GROUP_CPU_NS] = 7 * NSEC_PER_SEC;
	group.figures[GROUP_THROTTLED_NS] = NSEC_PER_SEC / 4;
	group.last.figures[GROUP_MEMORY_INACTIVE] = 900;
	assert_rows(&service,
		(const struct wanted[]){ { ROW_CPU, 7 }, { ROW_GROUP_MEMORY, 1000 + GROUP_MEMORY },
			{ ROW_GROUP_WORKING_SET, 100 + GROUP_MEMORY },
			{ ROW_GROUP_MEMORY_MAX, 1000 + GROUP_MEMORY_MAX },
			{ ROW_GROUP_MEMORY_PEAK, 1000 + GROUP_MEMORY_PEAK },
			{ ROW_GROUP_HIGH_EVENTS, 2000 + GROUP_HIGH_EVENTS },
			{ ROW_GROUP_MAX_EVENTS, 2000 + GROUP_MAX_EVENTS },
			{ ROW_GROUP_OOM_EVENTS, 2000 + GROUP_OOM_EVENTS },
			{ ROW_GROUP_CPU_PERIODS, 2000 + GROUP_CPU_PERIODS },
			{ ROW_GROUP_THROTTLED_PERIODS, 2000 + GROUP_THROTTLED_PERIODS },
			{ ROW_GROUP_THROTTLED, 0.25 }, { ROW_GROUP_TASKS, 1000 + GROUP_TASKS },
			{ ROW_GROUP_MAX_TASKS, 1000 + GROUP_TASKS_MAX }, { ROW_WAITING_MEMORY, 1 },
			{ ROW_STALLED_MEMORY, 0.5 }, { ROW_WAITING_IO, 0 }, { ROW_STALLED_IO, NAN },
			{ ROW_WAITING_CPU, NAN }, { ROW_STALLED_CPU, NAN } },
		19);
	/* A process that lives in some unit's group is not the unit. */
	service.info.kind = SELECT_LISTEN;
	/* And the cache may have grown while both were read. */
	group.last.figures[GROUP_MEMORY_INACTIVE] = 5000;
	group.last.has &= ~(1u << GROUP_MEMORY_MAX | 1u << GROUP_TASKS_MAX);
	assert_rows(&service,
		(const struct wanted[]){ { ROW_CPU, 1 }, { ROW_GROUP_WORKING_SET, 0 },
			{ ROW_GROUP_MEMORY_MAX, NAN }, { ROW_GROUP_MAX_TASKS, NAN } },
		4);
	group.last.has = 0;
	assert_rows(&service,
		(const struct wanted[]){ { ROW_GROUP_MEMORY, NAN }, { ROW_GROUP_WORKING_SET, NAN },
			{ ROW_GROUP_OOM_EVENTS, NAN }, { ROW_GROUP_THROTTLED, NAN } },
		4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_that_was_never_seen_is_down_and_counts_from_0),
		cmocka_unit_test(events_tell_of_states_starts_and_deaths),
		cmocka_unit_test(passes_tell_what_processes_use),
		cmocka_unit_test(passes_tell_what_control_groups_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
