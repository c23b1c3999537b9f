/*
 * services.c - /api/v1/services: what is watched, whether it lives, and how it last died.
 */
#include "api/answer.h"
#include "api/services.h"
#include "api/state.h"
#include "watch/figures.h"

/* So many services as a person looks at are read in that time, even from /proc. */
#define LOOK_BUDGET_NS (5 * NSEC_PER_MSEC)

const char *service_state_name(enum service_state state)
{
	static const char *const names[] = {
		[SERVICE_UNKNOWN] = "unknown",
		[SERVICE_DOWN] = "down",
		[SERVICE_UP] = "up",
	};

	return names[state];
}

void services_measure(const struct api *api)
{
	if (api->sources.watch)
		watch_measure(api->sources.watch, LOOK_BUDGET_NS);
}

int64_t service_since_wall_ms(const struct api *api, const struct service_info *info)
{
	const struct history *history = api->sources.history;
	int64_t wall_ms = info->since.wall_ms;

	/* How tolld found it at its start it may have been long before. */
	if (!info->since.boot_ns &&
		(!history || !history_since(history, info->name, info->state, &wall_ms)))
		return api->sources.started_wall_ms;
	return wall_ms;
}

int64_t wall_of(int64_t boot_ns, struct instant now)
{
	return now.wall_ms - (now.boot_ns - boot_ns) / NSEC_PER_MSEC;
}

/* It lives, and may even be up, and does not go on. */
static void write_standstill(
	struct jsonw *json, const struct service *service, const struct service_info *info)
{
	struct strbuf text = STRBUF_INIT;
	struct service_figures figures;

	service_figures(service, &figures);
	if (figures.standstill == STANDSTILL_NONE)
		return;
	standstill_describe(figures.standstill, info->pid, &text);
	jsonw_key(json, "standstill");
	jsonw_begin_object(json);
	jsonw_field_string(json, "kind", standstill_name(figures.standstill));
	jsonw_field_string(json, "text", text.s);
	jsonw_end_object(json);
	strbuf_release(&text);
}

static void write_service(struct jsonw *json, const struct api *api, const struct service *service,
	struct instant now)
{
	const struct history *history = api->sources.history;
	struct strbuf cause = STRBUF_INIT;
	struct service_info info;

	service_info(service, &info);
	jsonw_begin_object(json);
	jsonw_field_string(json, "name", info.name);
	jsonw_field_string(json, "selector", info.selector);
	jsonw_field_string(json, "state", service_state_name(info.state));
	jsonw_field_time(json, "since", service_since_wall_ms(api, &info));
	write_standstill(json, service, &info);
	if (info.pid) {
		jsonw_field_int(json, "pid", info.pid);
		write_comm(json, "comm", info.comm);
	}
	if (info.pid && info.start_boot_ns)
		jsonw_field_time(json, "startedAt", wall_of(info.start_boot_ns, now));
	jsonw_field_bool(json, "listening", info.listening);
	jsonw_field_int(json, "restarts", info.restarts);
	if (history)
		jsonw_field_int(
			json, "restartsLastHour", history_restarts(history, info.name, now));
	jsonw_field_int(json, "deaths", info.deaths);
	if (info.died) {
		jsonw_key(json, "lastDeath");
		write_death(json, &info.last_death);
	}
	service_cause(service, &cause);
	if (cause.len) {
		jsonw_key(json, "cause");
		jsonw_stringn(json, cause.s, cause.len);
	}
	jsonw_end_object(json);
	strbuf_release(&cause);
}

void services_list(struct request *req, struct instant now)
{
	const struct watch *watch = req->api->sources.watch;
	struct watch_stats stats;
	struct jsonw json;

	services_measure(req->api);
	answer_begin(req, &json);
	jsonw_begin_object(&json);
	if (watch) {
		watch_stats(watch, &stats);
		jsonw_field_string(&json, "backend", stats.backend_name);
		jsonw_field_string(&json, "backendReason", stats.backend_reason);
	}
	jsonw_key(&json, "services");
	jsonw_begin_array(&json);
	for (size_t i = 0; watch && i < watch_services(watch); i++)
		write_service(&json, req->api, watch_service(watch, i), now);
	jsonw_end_array(&json);
	jsonw_end_object(&json);
	answer_end(req, &json);
}
