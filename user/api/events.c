/*
 * events.c - /api/v1/services/NAME/events: what became of a service, the newest first.
 */
#include "api/answer.h"
#include "api/services.h"
#include "api/state.h"

static void write_hang(struct jsonw *json, const struct history_hang *hang)
{
	jsonw_begin_object(json);
	jsonw_field_int(json, "thread", hang->thread);
	jsonw_field_int(json, "threads", hang->threads);
	if (*hang->waits_in)
		jsonw_field_string(json, "waitsIn", hang->waits_in);
	jsonw_end_object(json);
}

static void write_event(struct jsonw *json, const struct history_event *e, struct instant now)
{
	jsonw_begin_object(json);
	jsonw_field_int(json, "id", e->id);
	jsonw_field_string(json, "kind", history_kind_name(e->kind));
	jsonw_field_time(json, "at", e->at.wall_ms);
	jsonw_field_string(json, "state", service_state_name(e->state));
	if (e->pid) {
		jsonw_field_int(json, "pid", e->pid);
		write_comm(json, "comm", e->comm);
	}
	if (e->kind == HISTORY_START) {
		if (e->start_boot_ns)
			jsonw_field_time(json, "startedAt", wall_of(e->start_boot_ns, now));
		jsonw_field_bool(json, "found", e->found);
		jsonw_field_bool(json, "restart", e->restart);
	}
	if (e->death) {
		jsonw_key(json, "death");
		write_death(json, e->death);
	}
	if (e->hang) {
		jsonw_key(json, "hang");
		write_hang(json, e->hang);
	}
	jsonw_end_object(json);
}

static bool is_watched(const struct watch *watch, const char *name)
{
	for (size_t i = 0; watch && i < watch_services(watch); i++) {
		struct service_info info;

		service_info(watch_service(watch, i), &info);
		if (streq(info.name, name))
			return true;
	}
	return false;
}

void services_events(struct request *req, struct instant now)
{
	const struct history *history = req->api->sources.history;
	const char *name = req->wildcard;
	const struct history_event *e = history ? history_last(history, name) : NULL;
	int64_t since_wall_ms = INT64_MIN;
	size_t limit = 0, n = 0;
	struct jsonw json;

	if (param_time(req, "since", false, &since_wall_ms) || param_limit(req, "limit", &limit))
		return;
	if (!e && !is_watched(req->api->sources.watch, name)) {
		answer_error(req, ANSWER_NOT_FOUND, "no service is called \"%s\"", name);
		return;
	}
	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_field_string(&json, "service", name);
	jsonw_key(&json, "events");
	jsonw_begin_array(&json);
	for (; e && e->at.wall_ms >= since_wall_ms && (!limit || n < limit); e = e->older, n++)
		write_event(&json, e, now);
	jsonw_end_array(&json);
	jsonw_end_object(&json);
	answer_end(req, &json);
}
