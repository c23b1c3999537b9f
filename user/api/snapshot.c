/*
 * snapshot.c - the plain numbers of all modules, read at one time.
 */
#include "api/snapshot.h"

#include "base/regex.h"
#include "model/intern.h"
#include "watch/figures.h"

static void take_passes(const struct watch *watch, struct snapshot *ret)
{
	struct machine_figures figures;

	watch_machine(watch, &figures);
	ret->passes = figures.passes;
	ret->pass_seconds = (double)figures.pass_ns / NSEC_PER_SEC;
}

static void count_targets(const struct scrape *scrape, struct snapshot *ret)
{
	ret->targets = scrape_targets(scrape);
	for (size_t i = 0; i < ret->targets; i++) {
		struct target_info target;

		target_info(scrape_target(scrape, i), &target);
		ret->targets_up += target.up == 1;
	}
}

void snapshot_take(const struct api *api, struct snapshot *ret)
{
	const struct api_sources *sources = &api->sources;

	*ret = (struct snapshot){ 0 };
	process_usage(&ret->process);
	if (sources->watch) {
		watch_stats(sources->watch, &ret->watch);
		take_passes(sources->watch, ret);
	}
	if (sources->db)
		tsdb_stats(sources->db, &ret->tsdb);
	if (sources->rules)
		rules_stats(sources->rules, &ret->rules);
	if (sources->notify)
		notify_stats(sources->notify, &ret->notify);
	if (sources->store)
		store_status(sources->store, &ret->store);
	if (sources->scrape)
		count_targets(sources->scrape, ret);
	ret->store_failing = ret->store.last_error != 0;
	ret->start_seconds = (double)sources->started_wall_ms / 1000;
	ret->strings = intern_count();
	ret->string_bytes = intern_bytes();
	ret->jobs = api->n_jobs;
	ret->connections = api->n_connections;
	ret->queries = api->queries;
	ret->query_timeouts = api->query_timeouts;
	ret->regex_limit_hits = regex_limit_hits();
}
