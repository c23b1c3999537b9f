/*
 * state.h - what the parts of the server share: struct api, and who offers which handler.
 */
#ifndef TOLLD_API_STATE_H
#define TOLLD_API_STATE_H

#include "api/api.h"
#include "api/http.h"
#include "base/clock.h"
#include "base/regex.h"

/* Queries under way at the same time; others wait for their turn. */
#define API_MAX_RUNNING 4

/* One turn of a long query, so that a kernel event never waits long behind a dashboard. */
#define API_TURN_NS (10 * NSEC_PER_MSEC)
/* The longest that one evaluation, which cannot be divided, may hold the loop. */
#define API_MAX_BLOCK_NS NSEC_PER_SEC

struct listener;
struct exchange;

#define API_MAX_ROUTES 64
#define API_MAX_CODES  20

struct api {
	sd_event *event;
	struct api_options options;
	struct api_sources sources;
	struct regex *cors_origin; /* NULL: not given */
	char *prefix;		   /* of all paths, a slash at its end: "/tolld/", or only "/" */
	struct listener **listeners;
	size_t n_listeners, cap_listeners;
	struct exchange *first_job, *last_job; /* in the order they came */
	sd_event_source *job_source;
	struct connection *connections;
	size_t n_connections;
	sd_event_source *slow_source; /* ends connections that take too long */
	/* Answers by route and status; the last row is for paths that no route has. */
	uint64_t answers[API_MAX_ROUTES + 1][API_MAX_CODES];
	size_t n_jobs;
	size_t waiting_bytes, max_waiting_bytes; /* answers that clients have not taken yet */
	uint64_t queries, query_timeouts;
	uint64_t alerts_received[2], alerts_invalid; /* from outside: firing, and over */
};

/* The settings in force, or NULL. */
static inline const struct config *api_config(const struct api *api)
{
	return api->sources.config ? api->sources.config(api->sources.userdata) : NULL;
}

/* -- route.c -- */

/* Finds the handler and calls it, or answers 404, 405 or 204. `now` is when the request was whole. */
void route_dispatch(struct request *req, struct instant now);
/* Counts an answer under its route (routes_count() for none) and status. */
void route_count(struct api *api, unsigned route, unsigned status);
size_t routes_count(void);
/* What a body may measure at most. */
size_t route_max_body(const struct api *api, const char *path);
/* The prefix of all paths, of an option or of a URL; the caller frees. NULL when memory is out. */
char *route_prefix(const struct api_options *options);
/* The path of row i; for i == routes_count(), what stands for all unknown paths. */
const char *route_path(size_t i);
/* The status counted in column i, or 0 past the last. */
unsigned route_code(size_t i);

/* -- federate.c -- */

/* What all that leaves tolld says of itself, by the settings in force. -ENOMEM. */
int api_external_labels(const struct api *api, struct labels **ret);

/* -- handlers, each in the file of its name -- */

typedef void handler_fn(struct request *req, struct instant now);

handler_fn query_instant, query_range, query_format, query_exemplars; /* query.c */
handler_fn catalogue_series, catalogue_labels, catalogue_values;      /* catalogue.c */
handler_fn rules_list, rules_alerts;				      /* rules.c */
handler_fn targets_list, targets_pools;				      /* targets.c */
handler_fn remote_write_post;					      /* remote_write.c */
handler_fn metadata_list, metadata_of_targets;			      /* metadata.c */
handler_fn services_list;					      /* services.c */
handler_fn services_events;					      /* events.c */
handler_fn notices_list;					      /* notices.c */
handler_fn status_healthy, status_ready, status_reload, status_buildinfo,
	status_alertmanagers; /* status.c */
handler_fn status_runtimeinfo, status_config, status_flags,
	status_notifications;		     /* status_runtime.c */
handler_fn status_tsdb, status_walreplay;    /* status_tsdb.c */
handler_fn federate_get;		     /* federate.c */
handler_fn v2_instead_of_v1;		     /* v2.c */
handler_fn v2_status;			     /* v2_status.c */
handler_fn v2_receivers_list;		     /* v2_receivers.c */
handler_fn v2_alerts_list, v2_alerts_groups; /* v2_alerts.c */
handler_fn v2_alerts_post;		     /* v2_post.c */
handler_fn v2_silences_list, v2_silences_post, v2_silence_get,
	v2_silence_expire;					   /* v2_silences.c */
handler_fn metrics_get;						   /* metrics.c */
handler_fn page_get, page_graph, page_style, page_script;	   /* page.c */
handler_fn page_silences_get;					   /* page_silences.c */
handler_fn page_silence_form, page_silence_make, page_silence_end; /* page_silence_form.c */

#endif
