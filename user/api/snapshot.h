/*
 * snapshot.h - the plain numbers of all modules, read at one time.
 */
#ifndef TOLLD_API_SNAPSHOT_H
#define TOLLD_API_SNAPSHOT_H

#include "api/process.h"
#include "api/state.h"

struct snapshot {
	struct process_usage process;
	struct watch_stats watch;
	struct tsdb_stats tsdb;
	struct rules_stats rules;
	struct notify_stats notify;
	struct store_status store;
	uint64_t passes;
	double pass_seconds;
	size_t targets, targets_up, strings, string_bytes;
	size_t jobs, connections;
	uint64_t queries, query_timeouts, regex_limit_hits;
	double start_seconds, store_failing;
};

void snapshot_take(const struct api *api, struct snapshot *ret);

#endif
