/*
 * metrics.c - /metrics: what tolld knows about itself.
 *
 * One table for all plain numbers: a row is a name, its type, its help and where it stands in the
 * snapshot. What has labels has a function of its own below.
 */
#include "api/exposition.h"
#include "api/process.h"
#include "api/services.h"
#include "api/v2.h"

#include <microhttpd.h>
#include "base/map.h"
#include "base/regex.h"
#include "model/intern.h"

struct snapshot {
	struct process_usage process;
	struct watch_stats watch;
	struct tsdb_stats tsdb;
	struct rules_stats rules;
	struct notify_stats notify;
	struct store_status store;
	size_t targets, targets_up, strings, string_bytes;
	size_t jobs, connections;
	uint64_t queries, query_timeouts, regex_limit_hits;
	double start_seconds, store_failing;
};

enum { COUNTER, GAUGE };
enum field_type { SIZE, U64, WALL_MS, DOUBLE };

static const char *const type_names[] = { [COUNTER] = "counter", [GAUGE] = "gauge" };

#define FIELD(type, member) type, offsetof(struct snapshot, member)

static const struct metric {
	const char *name;
	int type;
	enum field_type field_type;
	size_t offset;
	const char *help;
} metrics[] = {
	{ "process_cpu_seconds_total", COUNTER, FIELD(DOUBLE, process.cpu_seconds),
		"User and system CPU time." },
	{ "process_resident_memory_bytes", GAUGE, FIELD(DOUBLE, process.resident_bytes),
		"Memory that is in RAM." },
	{ "process_virtual_memory_bytes", GAUGE, FIELD(DOUBLE, process.virtual_bytes),
		"Address space." },
	{ "process_open_fds", GAUGE, FIELD(DOUBLE, process.open_fds), "Open descriptors." },
	{ "process_max_fds", GAUGE, FIELD(DOUBLE, process.max_fds),
		"Descriptors that may be open." },
	{ "process_threads", GAUGE, FIELD(DOUBLE, process.threads), "Threads." },
	{ "process_start_time_seconds", GAUGE, FIELD(DOUBLE, start_seconds),
		"When tolld started, since 1970." },

	{ "tolld_services", GAUGE, FIELD(SIZE, watch.services), "Services that are watched." },
	{ "tolld_watch_processes", GAUGE, FIELD(SIZE, watch.processes),
		"Processes that belong to a service." },
	{ "tolld_watch_resyncs_total", COUNTER, FIELD(U64, watch.resyncs),
		"Times that all processes were read again because events were lost." },
	{ "tolld_targets", GAUGE, FIELD(SIZE, targets), "Targets that are scraped." },
	{ "tolld_targets_up", GAUGE, FIELD(SIZE, targets_up),
		"Targets whose last scrape succeeded." },

	{ "tolld_tsdb_series", GAUGE, FIELD(SIZE, tsdb.series), "Series in memory." },
	{ "tolld_tsdb_chunks", GAUGE, FIELD(SIZE, tsdb.chunks), "Chunks in memory." },
	{ "tolld_tsdb_size_bytes", GAUGE, FIELD(SIZE, tsdb.bytes),
		"Memory that series and chunks take." },
	{ "tolld_tsdb_blocks", GAUGE, FIELD(SIZE, tsdb.blocks), "Files of samples." },
	{ "tolld_tsdb_disk_size_bytes", GAUGE, FIELD(U64, tsdb.disk_bytes),
		"Room that samples take on the disk." },
	{ "tolld_tsdb_disk_written_bytes_total", COUNTER, FIELD(U64, tsdb.written_bytes),
		"Samples written to the disk, logs and blocks together." },
	{ "tolld_tsdb_disk_failures_total", COUNTER, FIELD(U64, tsdb.disk_failures),
		"Writes that the disk refused; they are tried again." },
	{ "tolld_tsdb_unreadable_total", COUNTER, FIELD(U64, tsdb.unreadable),
		"Times that a query lacked what a file could not give back." },
	{ "tolld_tsdb_samples_appended_total", COUNTER, FIELD(U64, tsdb.samples_appended),
		"Samples written." },
	{ "tolld_tsdb_samples_dropped_total", COUNTER, FIELD(U64, tsdb.samples_dropped),
		"Samples given up for age or memory." },
	{ "tolld_tsdb_out_of_order_samples_total", COUNTER, FIELD(U64, tsdb.out_of_order),
		"Samples refused because a newer one was there." },
	{ "tolld_tsdb_duplicate_samples_total", COUNTER, FIELD(U64, tsdb.duplicates),
		"Samples refused because another value had their time." },
	{ "tolld_tsdb_refused_series_total", COUNTER, FIELD(U64, tsdb.refused_series),
		"New series refused at the limit." },
	{ "tolld_tsdb_oldest_sample_timestamp_seconds", GAUGE, FIELD(WALL_MS, tsdb.oldest_wall_ms),
		"Time of the oldest sample, since 1970." },
	{ "tolld_tsdb_newest_sample_timestamp_seconds", GAUGE, FIELD(WALL_MS, tsdb.newest_wall_ms),
		"Time of the newest sample, since 1970." },
	{ "tolld_interned_strings", GAUGE, FIELD(SIZE, strings), "Label names and values held." },
	{ "tolld_interned_strings_size_bytes", GAUGE, FIELD(SIZE, string_bytes),
		"Memory that label names and values take." },

	{ "tolld_rules_groups", GAUGE, FIELD(SIZE, rules.groups), "Rule groups." },
	{ "tolld_rules_rules", GAUGE, FIELD(SIZE, rules.rules), "Rules." },
	{ "tolld_rules_alerts_pending", GAUGE, FIELD(SIZE, rules.alerts_pending),
		"Alerts whose time has not run out yet." },
	{ "tolld_rules_alerts_firing", GAUGE, FIELD(SIZE, rules.alerts_firing),
		"Alerts that fire." },
	{ "tolld_rules_evaluations_total", COUNTER, FIELD(U64, rules.evaluations),
		"Rules evaluated." },
	{ "tolld_rules_evaluation_failures_total", COUNTER, FIELD(U64, rules.failures),
		"Rules whose evaluation failed." },
	{ "tolld_rules_event_evaluations_total", COUNTER, FIELD(U64, rules.event_evaluations),
		"Rules evaluated because of an event, outside their slots." },
	{ "tolld_rules_missed_slots_total", COUNTER, FIELD(U64, rules.missed_slots),
		"Slots of groups that passed without an evaluation." },

	{ "tolld_notify_alerts", GAUGE, FIELD(SIZE, notify.alerts), "Alerts that are known." },
	{ "tolld_notify_alerts_firing", GAUGE, FIELD(SIZE, notify.firing), "Alerts that fire." },
	{ "tolld_notify_groups", GAUGE, FIELD(SIZE, notify.groups), "Groups of alerts." },
	{ "tolld_notify_notifications_in_flight", GAUGE, FIELD(SIZE, notify.in_flight),
		"Notifications whose result is awaited." },
	{ "tolld_notify_notifications_sent_total", COUNTER, FIELD(U64, notify.sent),
		"Notifications that a receiver took." },
	{ "tolld_notify_notifications_failed_total", COUNTER, FIELD(U64, notify.failed),
		"Notifications given up." },
	{ "tolld_notify_notifications_retried_total", COUNTER, FIELD(U64, notify.retried),
		"Tries that are followed by another." },
	{ "tolld_notify_refused_alerts_total", COUNTER, FIELD(U64, notify.refused_alerts),
		"Alerts refused at the limit." },

	{ "tolld_store_queued_statements", GAUGE, FIELD(SIZE, store.queued),
		"Statements that wait for the disk." },
	{ "tolld_store_written_statements_total", COUNTER, FIELD(U64, store.written),
		"Statements that are durable." },
	{ "tolld_store_failed_commits_total", COUNTER, FIELD(U64, store.failed_commits),
		"Transactions that the disk refused, to be tried again." },
	{ "tolld_store_failing", GAUGE, FIELD(DOUBLE, store_failing),
		"1 while the last transaction failed." },

	{ "tolld_http_connections", GAUGE, FIELD(SIZE, connections), "Open HTTP connections." },
	{ "tolld_queries_total", COUNTER, FIELD(U64, queries), "Queries that clients asked." },
	{ "tolld_query_timeouts_total", COUNTER, FIELD(U64, query_timeouts),
		"Queries that took too long." },
	{ "tolld_queries_waiting", GAUGE, FIELD(SIZE, jobs),
		"Queries under way and waiting for their turn." },
	{ "tolld_regex_limit_hits_total", COUNTER, FIELD(U64, regex_limit_hits),
		"Matches of regular expressions given up because they exploded." },
};

static double metric_value(const struct metric *metric, const struct snapshot *snapshot)
{
	const void *at = (const char *)snapshot + metric->offset;

	switch (metric->field_type) {
	case SIZE:
		return (double)*(const size_t *)at;
	case U64:
		return (double)*(const uint64_t *)at;
	case WALL_MS:
		return (double)*(const int64_t *)at / 1000;
	case DOUBLE:
		break;
	}
	return *(const double *)at;
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

static void take_snapshot(const struct api *api, struct snapshot *ret)
{
	const struct api_sources *sources = &api->sources;

	*ret = (struct snapshot){ 0 };
	process_usage(&ret->process);
	if (sources->watch)
		watch_stats(sources->watch, &ret->watch);
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

static void add_info(struct strbuf *out, const struct api *api, const struct watch_stats *watch)
{
	exposition_family(out, "tolld_build_info", "gauge", "Which tolld this is; always 1.");
	exposition_sample(out, "tolld_build_info", 2,
		(const char *const[][2]){
			{ "version", TOLLD_VERSION }, { "revision", TOLLD_REVISION } },
		1);
	if (!api->sources.watch)
		return;
	exposition_family(out, "tolld_backend_info", "gauge",
		"How processes are watched, and why this way; always 1.");
	exposition_sample(out, "tolld_backend_info", 2,
		(const char *const[][2]){
			{ "backend", watch->backend_name ? watch->backend_name : "" },
			{ "reason", watch->backend_reason ? watch->backend_reason : "" } },
		1);
}

static void add_events(struct strbuf *out, const struct watch_stats *watch)
{
	const struct {
		const char *type;
		uint64_t events, lost;
	} rows[] = {
		{ "exec", watch->events_exec, watch->lost_exec },
		{ "exit", watch->events_exit, watch->lost_exit },
		{ "signal", watch->events_signal, watch->lost_signal },
		{ "oom", watch->events_oom, watch->lost_oom },
		{ "listen", watch->events_listen, watch->lost_listen },
	};

	exposition_family(out, "tolld_watch_events_total", "counter", "Events from the kernel.");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		exposition_sample(out, "tolld_watch_events_total", 1,
			(const char *const[][2]){ { "type", rows[i].type } },
			(double)rows[i].events);
	exposition_family(out, "tolld_watch_lost_events_total", "counter",
		"Events that found no room in the buffer; each loss starts a resync.");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		exposition_sample(out, "tolld_watch_lost_events_total", 1,
			(const char *const[][2]){ { "type", rows[i].type } }, (double)rows[i].lost);
	exposition_histogram(out, "tolld_watch_death_to_sample_seconds",
		"From a death, by the kernel's time, to the first sample in the store that says so.",
		&watch->death_to_sample_s);
}

static bool value_up(const struct service_info *info, double *ret)
{
	*ret = info->state == SERVICE_UP;
	/* Not known is neither 0 nor 1: no sample says so, and an alert that needs one waits. */
	return info->state != SERVICE_UNKNOWN;
}

static bool value_restarts(const struct service_info *info, double *ret)
{
	*ret = info->restarts;
	return true;
}

static bool value_deaths(const struct service_info *info, double *ret)
{
	*ret = info->deaths;
	return true;
}

static const struct {
	const char *name, *type, *help;
	bool (*value)(const struct service_info *info, double *ret);
} service_metrics[] = {
	{ "tolld_service_up", "gauge", "1 where the service lives, 0 where it is down.", value_up },
	{ "tolld_service_restarts_total", "counter", "Times the service came back.",
		value_restarts },
	{ "tolld_service_deaths_total", "counter", "Times a process of the service ended.",
		value_deaths },
};

/* A series must not come twice: of services with one name and selector, the first counts. */
static bool seen_before(struct map *seen, const struct service_info *info)
{
	struct strbuf key = STRBUF_INIT;
	bool before = true;

	strbuf_add(&key, info->name, strlen(info->name) + 1);
	strbuf_adds(&key, info->selector ? info->selector : "");
	if (!key.err && !map_get(seen, key.s, key.len))
		before = map_put(seen, key.s, key.len, seen) < 0;
	strbuf_release(&key);
	return before;
}

static void add_services(struct strbuf *out, const struct watch *watch)
{
	for (size_t m = 0; m < ARRAY_SIZE(service_metrics); m++) {
		struct map seen = MAP_INIT;

		exposition_family(out, service_metrics[m].name, service_metrics[m].type,
			service_metrics[m].help);
		for (size_t i = 0; i < watch_services(watch); i++) {
			struct service_info info;
			double value;

			service_info(watch_service(watch, i), &info);
			if (!service_metrics[m].value(&info, &value) || seen_before(&seen, &info))
				continue;
			exposition_sample(out, service_metrics[m].name, 2,
				(const char *const[][2]){ { "service", info.name },
					{ "selector", info.selector ? info.selector : "" } },
				value);
		}
		map_release(&seen);
	}
}

static void add_answers(struct strbuf *out, const struct api *api)
{
	exposition_family(out, "tolld_http_requests_total", "counter", "Requests answered.");
	for (size_t r = 0; r <= routes_count(); r++) {
		for (size_t c = 0; c < API_MAX_CODES; c++) {
			char code[16];

			if (!api->answers[r][c])
				continue;
			snprintf(code, sizeof(code), "%u", route_code(c));
			exposition_sample(out, "tolld_http_requests_total", 2,
				(const char *const[][2]){ { "handler", route_path(r) },
					{ "code", route_code(c) ? code : "other" } },
				(double)api->answers[r][c]);
		}
	}
}

void metrics_get(struct request *req, struct instant now)
{
	const struct api *api = req->api;
	struct strbuf *out = &req->response.body;
	struct snapshot snapshot;

	take_snapshot(api, &snapshot);
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		exposition_family(
			out, metrics[i].name, type_names[metrics[i].type], metrics[i].help);
		exposition_sample(
			out, metrics[i].name, 0, NULL, metric_value(&metrics[i], &snapshot));
	}
	add_info(out, api, &snapshot.watch);
	if (api->sources.watch) {
		add_events(out, &snapshot.watch);
		add_services(out, api->sources.watch);
	}
	add_answers(out, api);
	metrics_alertmanager(out, api, now);
	if (api->sources.metrics)
		api->sources.metrics(out, api->sources.userdata);
	req->response.status = MHD_HTTP_OK;
	req->response.content_type = "text/plain; version=0.0.4; charset=utf-8";
}
