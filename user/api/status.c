/*
 * status.c - whether tolld lives and is ready, what it is, and the order to read its files again.
 */
#include "api/answer.h"
#include "api/state.h"

#include <microhttpd.h>

/*
 * The version of Prometheus whose API this is; tolld's own stands behind the '+'. Clients such as
 * Grafana decide by it what they may ask for.
 */
#define API_VERSION "3.0.0+tolld." TOLLD_VERSION

void status_healthy(struct request *req, struct instant now)
{
	respond_text(req, MHD_HTTP_OK, "tolld is Healthy.\n");
}

void status_ready(struct request *req, struct instant now)
{
	const struct api_sources *sources = &req->api->sources;

	if (!sources->ready || sources->ready(sources->userdata))
		respond_text(req, MHD_HTTP_OK, "tolld is Ready.\n");
	else
		respond_text(req, MHD_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable\n");
}

void status_reload(struct request *req, struct instant now)
{
	const struct api_sources *sources = &req->api->sources;
	struct strbuf faults = STRBUF_INIT, text = STRBUF_INIT;
	int err;

	if (!req->api->options.enable_lifecycle || !sources->reload) {
		respond_text(req, MHD_HTTP_FORBIDDEN, "Lifecycle API is not enabled.\n");
		return;
	}
	err = sources->reload(&faults, sources->userdata);
	if (err) {
		strbuf_addf(&text, "failed to reload config: %s",
			faults.len ? faults.s : strerror(-err));
		if (!text.len || text.s[text.len - 1] != '\n')
			strbuf_addch(&text, '\n');
		respond_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, text.s);
	} else {
		respond_text(req, MHD_HTTP_OK, "");
	}
	strbuf_release(&faults);
	strbuf_release(&text);
}

void status_buildinfo(struct request *req, struct instant now)
{
	struct jsonw json;

	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_field_string(&json, "version", API_VERSION);
	jsonw_field_string(&json, "revision", TOLLD_REVISION);
	jsonw_field_string(&json, "branch", "");
	jsonw_field_string(&json, "buildUser", "");
	jsonw_field_string(&json, "buildDate", "");
	/* No "features": Grafana takes a server that has them for Mimir. */
	jsonw_field_string(&json, "goVersion", "");
	jsonw_end_object(&json);
	answer_end(req, &json);
}

static void put_alertmanagers(
	struct jsonw *json, const struct forward *forward, const char *name, bool dropped)
{
	struct forward_info info;

	jsonw_key(json, name);
	jsonw_begin_array(json);
	for (size_t i = 0; forward && i < forward_peers(forward); i++) {
		forward_info(forward, i, &info);
		if (info.dropped != dropped)
			continue;
		jsonw_begin_object(json);
		jsonw_field_string(json, "url", info.url);
		jsonw_end_object(json);
	}
	jsonw_end_array(json);
}

/* This daemon itself is among them where the settings name it, though no request is sent. */
void status_alertmanagers(struct request *req, struct instant now)
{
	const struct forward *forward = req->api->sources.forward;
	struct jsonw json;

	answer_begin(req, &json);
	jsonw_begin_object(&json);
	put_alertmanagers(&json, forward, "activeAlertmanagers", false);
	put_alertmanagers(&json, forward, "droppedAlertmanagers", true);
	jsonw_end_object(&json);
	answer_end(req, &json);
}
