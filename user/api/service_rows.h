/*
 * service_rows.h - every figure of a service, as rows: which family, with which label, how much.
 *
 * The same rows stand on /metrics and become samples. Those that matter most come first: where there are
 * so many services that not all rows have room, the last ones go.
 */
#ifndef TOLLD_API_SERVICE_ROWS_H
#define TOLLD_API_SERVICE_ROWS_H

#include "watch/watch.h"

enum service_row {
	ROW_UP,
	ROW_RESTARTS,
	ROW_OOM_KILLS,
	ROW_EXITS_REQUESTED,
	ROW_EXITS_SUCCESS,
	ROW_EXITS_FAILURE,
	ROW_EXITS_SIGNAL,
	ROW_EXITS_OOM,
	ROW_EXITS_UNKNOWN,
	ROW_START_TIME,
	ROW_LAST_EXIT_CODE,
	ROW_LAST_EXIT_SIGNAL,
	ROW_LAST_EXIT_TIME,
	ROW_RESTART_DELAY,
	ROW_LISTENING,
	ROW_STATE_UP,
	ROW_STATE_DOWN,
	ROW_STATE_UNKNOWN,
	ROW_HUNG_TASKS,
	ROW_STOPPED,
	SERVICE_EVENT_ROWS, /* those before are brought up to date by events, the others by passes */
	ROW_CPU = SERVICE_EVENT_ROWS,
	ROW_RESIDENT,
	ROW_OPEN_FDS,
	ROW_MAX_FDS,
	ROW_PROCESSES,
	ROW_THREADS,
	ROW_GROUP_MEMORY,
	ROW_GROUP_WORKING_SET,
	ROW_GROUP_MEMORY_MAX,
	ROW_GROUP_MEMORY_PEAK,
	ROW_GROUP_HIGH_EVENTS,
	ROW_GROUP_MAX_EVENTS,
	ROW_GROUP_OOM_EVENTS,
	ROW_GROUP_CPU_PERIODS,
	ROW_GROUP_THROTTLED_PERIODS,
	ROW_GROUP_THROTTLED,
	ROW_GROUP_TASKS,
	ROW_GROUP_MAX_TASKS,
	ROW_WAITING_CPU,
	ROW_WAITING_MEMORY,
	ROW_WAITING_IO,
	ROW_STALLED_CPU,
	ROW_STALLED_MEMORY,
	ROW_STALLED_IO,
	ROW_MINOR_FAULTS,
	ROW_MAJOR_FAULTS,
	ROW_READ_BYTES,
	ROW_WRITTEN_BYTES,
	ROW_LISTENERS,
	ROW_SOCKETS,
	SERVICE_ROWS,
};

struct service_row_name {
	const char *family;	   /* in metric_table.c */
	const char *label, *value; /* NULL: none */
};

/* Rows of one family follow each other. */
extern const struct service_row_name service_rows[SERVICE_ROWS];

/* NaN stands for what is not known, or does not apply: no sample. */
void service_rows_read(const struct service *service, struct instant now, double ret[SERVICE_ROWS]);
/* Only what events tell: the first SERVICE_EVENT_ROWS. */
void service_rows_read_events(
	const struct service *service, struct instant now, double ret[SERVICE_EVENT_ROWS]);

#endif
