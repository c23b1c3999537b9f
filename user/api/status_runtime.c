/*
 * status_runtime.c - /api/v1/status/runtimeinfo, config, flags, and notifications: how this process runs.
 *
 * Source: prometheus web/api/v1/api.go. What is Go's own there is empty here, or the nearest thing.
 */
#include "api/answer.h"
#include "api/process.h"
#include "api/state.h"

static void runtime_of(const struct request *req, struct api_runtime *ret)
{
	const struct api_sources *sources = &req->api->sources;

	*ret = (struct api_runtime){ .reload_ok = true };
	if (sources->runtime)
		sources->runtime(ret, sources->userdata);
}

void status_runtimeinfo(struct request *req, struct instant now)
{
	const char *hostname = req->api->options.hostname;
	struct strbuf retention = STRBUF_INIT;
	struct api_runtime runtime;
	struct process_usage usage;
	struct jsonw json;
	char cwd[4096];

	runtime_of(req, &runtime);
	process_usage(&usage);
	if (runtime.retention)
		runtime.retention(&retention, req->api->sources.userdata);
	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_field_time(&json, "startTime", req->api->sources.started_wall_ms);
	jsonw_field_string(&json, "CWD", getcwd(cwd, sizeof(cwd)) ? cwd : "");
	jsonw_field_string(&json, "hostname", hostname ? hostname : "");
	jsonw_field_time(&json, "serverTime", now.wall_ms);
	jsonw_field_bool(&json, "reloadConfigSuccess", runtime.reload_ok);
	jsonw_field_time(&json, "lastConfigTime", runtime.config_wall_ms);
	jsonw_field_int(&json, "corruptionCount", (int64_t)runtime.damaged_files);
	jsonw_field_int(&json, "goroutineCount", (int64_t)usage.threads);
	jsonw_field_int(&json, "GOMAXPROCS", 1);
	jsonw_field_int(&json, "GOMEMLIMIT", INT64_MAX);
	jsonw_field_string(&json, "GOGC", "");
	jsonw_field_string(&json, "GODEBUG", "");
	jsonw_field_string(&json, "storageRetention", retention.s);
	jsonw_end_object(&json);
	answer_end(req, &json);
	strbuf_release(&retention);
}

void status_config(struct request *req, struct instant now)
{
	const struct api_sources *sources = &req->api->sources;
	const struct config *config = sources->config ? sources->config(sources->userdata) : NULL;
	struct jsonw json;

	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_field_string(&json, "yaml", config ? config->prometheus_text : "");
	jsonw_end_object(&json);
	answer_end(req, &json);
}

static void put_flag(const char *name, const char *value, void *userdata)
{
	jsonw_field_string(userdata, name, value);
}

void status_flags(struct request *req, struct instant now)
{
	const struct api_sources *sources = &req->api->sources;
	struct jsonw json;

	answer_begin(req, &json);
	jsonw_begin_object(&json);
	if (sources->flags)
		sources->flags(put_flag, &json, sources->userdata);
	jsonw_end_object(&json);
	answer_end(req, &json);
}

/* What Prometheus's own page shows at its top while it lasts. */
void status_notifications(struct request *req, struct instant now)
{
	struct api_runtime runtime;
	struct jsonw json;

	runtime_of(req, &runtime);
	answer_begin(req, &json);
	jsonw_begin_array(&json);
	if (!runtime.reload_ok) {
		jsonw_begin_object(&json);
		jsonw_field_string(&json, "text", "Configuration reload has failed.");
		jsonw_field_time(&json, "date", runtime.failed_wall_ms);
		jsonw_field_bool(&json, "active", true);
		jsonw_end_object(&json);
	}
	jsonw_end_array(&json);
	answer_end(req, &json);
}
