/*
 * v2_status.c - what this Alertmanager is, and the settings that it runs on.
 *
 * amtool asks it before anything else, and reads routes and receivers out of the settings' text.
 */
#include "api/v2.h"

void v2_status(struct request *req, struct instant now)
{
	const struct config *config = api_config(req->api);
	struct jsonw json;

	v2_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_key(&json, "cluster");
	jsonw_begin_object(&json);
	jsonw_key(&json, "peers");
	jsonw_begin_array(&json);
	jsonw_end_array(&json);
	jsonw_field_string(&json, "status", "disabled");
	jsonw_end_object(&json);
	jsonw_key(&json, "config");
	jsonw_begin_object(&json);
	jsonw_field_string(&json, "original", config ? config->alertmanager_text : "");
	jsonw_end_object(&json);
	jsonw_field_time(&json, "uptime", req->api->sources.started_wall_ms);
	jsonw_key(&json, "versionInfo");
	jsonw_begin_object(&json);
	jsonw_field_string(&json, "branch", "");
	jsonw_field_string(&json, "buildDate", "");
	jsonw_field_string(&json, "buildUser", "");
	jsonw_field_string(&json, "goVersion", "");
	jsonw_field_string(&json, "revision", TOLLD_REVISION);
	jsonw_field_string(&json, "version", V2_VERSION);
	jsonw_end_object(&json);
	jsonw_end_object(&json);
	v2_end(req);
}
