/*
 * metrics.c - /metrics: services, the machine, and what tolld knows about itself.
 *
 * What each is called, and means, stands in metric_table.c; what has labels is written here.
 */
#include "api/metrics.h"

#include <math.h>
#include <microhttpd.h>
#include "api/exposition.h"
#include "api/metric_table.h"
#include "api/service_rows.h"
#include "api/snapshot.h"
#include "api/v2.h"
#include "base/map.h"
#include "watch/figures.h"

/* Figures of some hundred services are read in that time, even from /proc. */
#define MEASURE_BUDGET_NS (20 * NSEC_PER_MSEC)
/* Of labels that an owner gives a service. */
#define METRICS_MAX_LABELS 32

static double metric_value(const struct metric *metric, const struct snapshot *snapshot)
{
	const void *at = (const char *)snapshot + metric->offset;

	switch (metric->field) {
	case SIZE:
		return (double)*(const size_t *)at;
	case U64:
		return (double)*(const uint64_t *)at;
	case WALL_MS:
		return (double)*(const int64_t *)at / 1000;
	case DOUBLE:
	case NO_FIELD:
		break;
	}
	return *(const double *)at;
}

static void add_info(struct strbuf *out, const struct api *api, const struct watch_stats *watch)
{
	exposition_family(out, "tolld_build_info");
	exposition_sample(out, "tolld_build_info", 2,
		(const char *const[][2]){
			{ "version", TOLLD_VERSION }, { "revision", TOLLD_REVISION } },
		1);
	if (!api->sources.watch)
		return;
	exposition_family(out, "tolld_backend_info");
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
		{ "hang", watch->events_hang, watch->lost_hang },
	};

	exposition_family(out, "tolld_watch_events_total");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		exposition_sample(out, "tolld_watch_events_total", 1,
			(const char *const[][2]){ { "type", rows[i].type } },
			(double)rows[i].events);
	exposition_family(out, "tolld_watch_lost_events_total");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		exposition_sample(out, "tolld_watch_lost_events_total", 1,
			(const char *const[][2]){ { "type", rows[i].type } }, (double)rows[i].lost);
	exposition_histogram(out, "tolld_watch_death_to_sample_seconds", &watch->death_to_sample_s);
}

/* -- the machine ------------------------------------------------------------------------------ */

static const char *const resources[PRESSURE_RESOURCES] = {
	[PRESSURE_CPU] = "cpu",
	[PRESSURE_MEMORY] = "memory",
	[PRESSURE_IO] = "io",
};

static void add_total(struct strbuf *out, const char *name, bool has, uint64_t value)
{
	if (!has)
		return;
	exposition_family(out, name);
	exposition_sample(out, name, 0, NULL, (double)value);
}

static void add_pressure(struct strbuf *out, const struct machine *machine)
{
	static const char waiting[] = "tolld_machine_pressure_waiting_seconds_total";
	static const char stalled[] = "tolld_machine_pressure_stalled_seconds_total";

	exposition_family(out, waiting);
	for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
		if (machine->pressure[i].has_some)
			exposition_sample(out, waiting, 1,
				(const char *const[][2]){ { "resource", resources[i] } },
				(double)machine->pressure[i].some_ns / NSEC_PER_SEC);
	}
	exposition_family(out, stalled);
	for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
		if (machine->pressure[i].has_full)
			exposition_sample(out, stalled, 1,
				(const char *const[][2]){ { "resource", resources[i] } },
				(double)machine->pressure[i].full_ns / NSEC_PER_SEC);
	}
}

static void add_machine(
	struct strbuf *out, const struct watch *watch, const struct watch_stats *stats)
{
	struct machine_figures figures;
	const struct machine *machine;

	add_total(out, "tolld_machine_block_errors_total", stats->has_block_errors,
		stats->block_errors);
	watch_machine(watch, &figures);
	if (!figures.passed)
		return;
	machine = figures.machine;
	add_total(out, "tolld_machine_oom_kills_total", machine->has_oom_kills, machine->oom_kills);
	add_total(out, "tolld_machine_forks_total", machine->has_forks, machine->forks);
	add_total(out, "tolld_machine_exits_total", machine->has_exits, machine->exits);
	if (!machine->pressure_err)
		add_pressure(out, machine);
}

/* -- services --------------------------------------------------------------------------------- */

/* A series must not come twice: of services with one name, the first counts. */
static bool seen_before(struct map *seen, const struct service_info *info)
{
	return map_gets(seen, info->name) || map_puts(seen, info->name, seen) < 0;
}

struct shown {
	struct service_info info;
	double values[SERVICE_ROWS];
};

static size_t read_services(const struct watch *watch, struct instant now, struct shown **ret)
{
	struct shown *shown = calloc(watch_services(watch) + 1, sizeof(*shown));
	struct map seen = MAP_INIT;
	size_t n = 0;

	for (size_t i = 0; shown && i < watch_services(watch); i++) {
		const struct service *service = watch_service(watch, i);

		service_info(service, &shown[n].info);
		if (seen_before(&seen, &shown[n].info))
			continue;
		service_rows_read(service, now, shown[n++].values);
	}
	map_release(&seen);
	*ret = shown;
	return n;
}

/* The service's name, the owner's own labels, and the row's. */
static void add_row(struct strbuf *out, enum service_row row, const struct shown *shown)
{
	const char *labels[METRICS_MAX_LABELS + 2][2] = { { "service", shown->info.name } };
	const struct labels *own = shown->info.labels;
	size_t n = 1;

	for (size_t i = 0; own && i < own->n && n <= METRICS_MAX_LABELS; i++) {
		labels[n][0] = own->v[i].name;
		labels[n++][1] = own->v[i].value;
	}
	if (service_rows[row].label) {
		labels[n][0] = service_rows[row].label;
		labels[n++][1] = service_rows[row].value;
	}
	exposition_sample(out, service_rows[row].family, n, (const char *const(*)[2])labels,
		shown->values[row]);
}

static void add_services(struct strbuf *out, const struct watch *watch, struct instant now)
{
	struct shown *shown;
	size_t n = read_services(watch, now, &shown);

	for (int first = 0, next; first < SERVICE_ROWS; first = next) {
		const char *family = service_rows[first].family;

		exposition_family(out, family);
		for (next = first; next < SERVICE_ROWS && streq(service_rows[next].family, family);
			next++) {
			for (size_t i = 0; i < n; i++) {
				if (!isnan(shown[i].values[next]))
					add_row(out, next, &shown[i]);
			}
		}
	}
	free(shown);
}

/* -- all -------------------------------------------------------------------------------------- */

static void add_answers(struct strbuf *out, const struct api *api)
{
	exposition_family(out, "tolld_http_requests_total");
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

void metrics_add_own(struct strbuf *out, const struct api *api, struct instant now)
{
	struct snapshot snapshot;

	snapshot_take(api, &snapshot);
	add_info(out, api, &snapshot.watch);
	for (size_t i = 0; i < n_metrics; i++) {
		if (metrics[i].field == NO_FIELD)
			continue;
		exposition_family(out, metrics[i].name);
		exposition_sample(
			out, metrics[i].name, 0, NULL, metric_value(&metrics[i], &snapshot));
	}
	if (api->sources.watch) {
		add_events(out, &snapshot.watch);
		add_machine(out, api->sources.watch, &snapshot.watch);
	}
	add_answers(out, api);
	metrics_alertmanager(out, api, now);
	if (api->sources.metrics)
		api->sources.metrics(out, api->sources.userdata);
}

void metrics_get(struct request *req, struct instant now)
{
	const struct api *api = req->api;
	struct strbuf *out = &req->response.body;

	/* What can be read at once is; the rest is as old as the last pass. */
	if (api->sources.watch) {
		watch_measure_on_request(api->sources.watch, MEASURE_BUDGET_NS);
		add_services(out, api->sources.watch, now);
	}
	metrics_add_own(out, api, now);
	req->response.status = MHD_HTTP_OK;
	req->response.content_type = "text/plain; version=0.0.4; charset=utf-8";
}
