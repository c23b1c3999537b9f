/*
 * services.c - /api/v1/services: what is watched, whether it lives, and how it last died.
 */
#include "api/answer.h"
#include "api/services.h"
#include "api/state.h"

const char *service_state_name(enum service_state state)
{
	static const char *const names[] = {
		[SERVICE_UNKNOWN] = "unknown",
		[SERVICE_DOWN] = "down",
		[SERVICE_UP] = "up",
	};

	return names[state];
}

int64_t service_since_wall_ms(const struct api *api, const struct service_info *info)
{
	return info->since.boot_ns ? info->since.wall_ms : api->sources.started_wall_ms;
}

/* A boot time as wall time, by the two clocks' present distance. */
static int64_t wall_of(int64_t boot_ns, struct instant now)
{
	return now.wall_ms - (now.boot_ns - boot_ns) / NSEC_PER_MSEC;
}

/* A name that a process gave itself ends at 16 bytes, with or without a NUL. */
static void write_comm(struct jsonw *json, const char *name, const char comm[WATCH_COMM_MAX])
{
	jsonw_key(json, name);
	jsonw_stringn(json, comm, strnlen(comm, WATCH_COMM_MAX));
}

static void write_sender(struct jsonw *json, const struct death *death)
{
	jsonw_key(json, "sender");
	jsonw_begin_object(json);
	jsonw_field_bool(json, "kernel", death->by_kernel);
	if (death->has_sender) {
		jsonw_field_int(json, "pid", death->sender_pid);
		jsonw_field_int(json, "uid", death->sender_uid);
		write_comm(json, "comm", death->sender_comm);
	}
	jsonw_end_object(json);
}

/* What killed it; for an exit the request that it obeyed. */
static void write_signal(struct jsonw *json, const struct death *death)
{
	struct strbuf name = STRBUF_INIT;

	if (death->signal) {
		signal_format(death->signal, &name);
		jsonw_field_int(json, "signal", death->signal);
		jsonw_field_string(json, "signalName", name.s);
	}
	if (death->kind == DEATH_SIGNAL)
		jsonw_field_bool(json, "coreDumped", death->core_dumped);
	if (death->by_kernel || death->has_sender)
		write_sender(json, death);
	if (death->unheeded) {
		strbuf_reset(&name);
		signal_format(death->unheeded, &name);
		jsonw_field_string(json, "unheededSignalName", name.s);
		jsonw_field_double(
			json, "unheededSeconds", (double)death->unheeded_ns / NSEC_PER_SEC);
	}
	strbuf_release(&name);
}

static void write_oom(struct jsonw *json, const struct oom *oom)
{
	jsonw_field_string(json, "oomKind", oom_kind_name(oom->kind));
	if (*oom->group)
		jsonw_field_string(json, "oomCgroup", oom->group);
}

static void write_used(struct jsonw *json, const struct death *death)
{
	if (death->has_cpu)
		jsonw_field_double(json, "cpuSeconds", (double)death->cpu_ns / NSEC_PER_SEC);
	if (death->has_peak_memory)
		jsonw_field_int(json, "peakMemoryBytes", (int64_t)death->peak_memory_bytes);
	if (death->has_faults) {
		jsonw_field_int(json, "minorFaults", (int64_t)death->minor_faults);
		jsonw_field_int(json, "majorFaults", (int64_t)death->major_faults);
	}
	if (death->threads)
		jsonw_field_int(json, "threads", death->threads);
}

static void write_death(
	struct jsonw *json, const struct service *service, const struct death *death)
{
	struct strbuf text = STRBUF_INIT;

	jsonw_begin_object(json);
	jsonw_field_string(json, "kind", death_kind_name(death->kind));
	if (death->kind == DEATH_EXIT)
		jsonw_field_int(json, "code", death->exit_code);
	jsonw_field_bool(json, "requested", death->requested);
	write_signal(json, death);
	if (death->kind == DEATH_OOM)
		write_oom(json, &death->oom);
	jsonw_field_time(json, "at", death->at.wall_ms);
	jsonw_field_int(json, "pid", death->pid);
	write_comm(json, "comm", death->comm);
	if (death_age_ns(death) >= 0)
		jsonw_field_double(
			json, "livedSeconds", (double)death_age_ns(death) / NSEC_PER_SEC);
	write_used(json, death);
	jsonw_field_bool(json, "final", death->final);
	service_cause(service, &text);
	jsonw_key(json, "text");
	jsonw_stringn(json, text.s, text.len);
	jsonw_end_object(json);
	strbuf_release(&text);
}

static void write_service(struct jsonw *json, const struct api *api, const struct service *service,
	struct instant now)
{
	struct service_info info;

	service_info(service, &info);
	jsonw_begin_object(json);
	jsonw_field_string(json, "name", info.name);
	jsonw_field_string(json, "selector", info.selector);
	jsonw_field_string(json, "state", service_state_name(info.state));
	jsonw_field_time(json, "since", service_since_wall_ms(api, &info));
	if (info.pid) {
		jsonw_field_int(json, "pid", info.pid);
		write_comm(json, "comm", info.comm);
	}
	if (info.pid && info.start_boot_ns)
		jsonw_field_time(json, "startedAt", wall_of(info.start_boot_ns, now));
	jsonw_field_bool(json, "listening", info.listening);
	jsonw_field_int(json, "restarts", info.restarts);
	jsonw_field_int(json, "deaths", info.deaths);
	if (info.died) {
		jsonw_key(json, "lastDeath");
		write_death(json, service, &info.last_death);
	}
	jsonw_end_object(json);
}

void services_list(struct request *req, struct instant now)
{
	const struct watch *watch = req->api->sources.watch;
	struct watch_stats stats;
	struct jsonw json;

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
