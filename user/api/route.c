/*
 * route.c - which handler answers which path and method.
 */
#include "api/answer.h"
#include "api/origin.h"
#include "api/v2.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>

enum { GET = 1, POST = 2, PUT = 4, DELETE = 8 };

/*
 * CORS: pages of other origins may read it. CHANGES: they may not send it. FORM: and a browser sends it without
 * asking first, so that it has to show where it comes from.
 */
enum { CORS = 1, CHANGES = 2, FORM = 4 };

/*
 * `*` stands for one part of a path. HEAD is answered as GET, without its body. A path may have
 * several rows, for its several methods.
 */
static const struct route {
	const char *path;
	unsigned methods;
	handler_fn *handler;
	unsigned flags;
} routes[] = {
	{ "/metrics", GET, metrics_get, 0 },
	{ "/federate", GET, federate_get, 0 },
	{ "/-/healthy", GET, status_healthy, 0 },
	{ "/-/ready", GET, status_ready, 0 },
	{ "/-/reload", POST | PUT, status_reload, CHANGES },
	{ "/api/v1/query", GET | POST, query_instant, CORS },
	{ "/api/v1/query_range", GET | POST, query_range, CORS },
	{ "/api/v1/query_exemplars", GET | POST, query_exemplars, CORS },
	{ "/api/v1/format_query", GET | POST, query_format, CORS },
	{ "/api/v1/series", GET | POST, catalogue_series, CORS },
	{ "/api/v1/labels", GET | POST, catalogue_labels, CORS },
	{ "/api/v1/label/*/values", GET, catalogue_values, CORS },
	{ "/api/v1/metadata", GET, metadata_list, CORS },
	{ "/api/v1/rules", GET, rules_list, CORS },
	{ "/api/v1/alerts", GET, rules_alerts, CORS },
	{ "/api/v1/targets", GET, targets_list, CORS },
	{ "/api/v1/targets/metadata", GET, metadata_of_targets, CORS },
	{ "/api/v1/scrape_pools", GET, targets_pools, CORS },
	{ "/api/v1/alertmanagers", GET, status_alertmanagers, CORS },
	{ "/api/v1/write", POST, remote_write_post, CHANGES },
	{ "/api/v1/services", GET, services_list, CORS },
	{ "/api/v1/services/*/events", GET, services_events, CORS },
	{ "/api/v1/status/buildinfo", GET, status_buildinfo, CORS },
	{ "/api/v1/status/runtimeinfo", GET, status_runtimeinfo, CORS },
	{ "/api/v1/status/config", GET, status_config, CORS },
	{ "/api/v1/status/flags", GET, status_flags, CORS },
	{ "/api/v1/status/tsdb", GET, status_tsdb, CORS },
	{ "/api/v1/status/walreplay", GET, status_walreplay, CORS },
	{ "/api/v1/notifications", GET, status_notifications, CORS },
	{ "/api/v1/notifications/history", GET, notices_list, CORS },
	/* Alertmanager's first API: those paths that Prometheus's does not have. */
	{ "/api/v1/alerts", POST, v2_instead_of_v1, 0 },
	{ "/api/v1/alerts/groups", GET, v2_instead_of_v1, 0 },
	{ "/api/v1/silences", GET | POST, v2_instead_of_v1, 0 },
	{ "/api/v1/silence/*", GET | DELETE, v2_instead_of_v1, 0 },
	{ "/api/v1/receivers", GET, v2_instead_of_v1, 0 },
	{ "/api/v2/status", GET, v2_status, CORS },
	{ "/api/v2/receivers", GET, v2_receivers_list, CORS },
	{ "/api/v2/alerts", GET, v2_alerts_list, CORS },
	{ "/api/v2/alerts", POST, v2_alerts_post, CORS | CHANGES },
	{ "/api/v2/alerts/groups", GET, v2_alerts_groups, CORS },
	{ "/api/v2/silences", GET, v2_silences_list, CORS },
	{ "/api/v2/silences", POST, v2_silences_post, CORS | CHANGES },
	{ "/api/v2/silence/*", GET, v2_silence_get, CORS },
	{ "/api/v2/silence/*", DELETE, v2_silence_expire, CORS | CHANGES },
	{ "/", GET, page_get, 0 },
	/* Where the links in mails lead: Prometheus's own pages have these paths. */
	{ "/graph", GET, page_graph, 0 },
	{ "/alerts", GET, page_get, 0 },
	{ "/targets", GET, page_get, 0 },
	{ "/silences", GET, page_silences_get, 0 },
	{ "/new-silence", GET, page_silence_form, 0 },
	{ "/new-silence", POST, page_silence_make, CHANGES | FORM },
	{ "/end-silence", POST, page_silence_end, CHANGES | FORM },
	{ "/style.css", GET, page_style, 0 },
	{ "/page.js", GET, page_script, 0 },
};

_Static_assert(ARRAY_SIZE(routes) <= API_MAX_ROUTES, "struct api counts the answers of each");

/* Every status that a route can answer. */
static const unsigned codes[] = { 200, 204, 301, 303, 400, 403, 404, 405, 408, 410, 413, 414, 415,
	422, 499, 500, 503 };

_Static_assert(ARRAY_SIZE(codes) < API_MAX_CODES, "one column is kept for what is not listed");

static const struct {
	unsigned methods;
	const char *allow;
	const char *v2_allow; /* as Alertmanager writes it */
} allowed[] = {
	{ GET, "GET, HEAD, OPTIONS", "GET" },
	{ GET | POST, "GET, HEAD, OPTIONS, POST", "GET,POST" },
	{ GET | DELETE, "DELETE, GET, HEAD, OPTIONS", "GET,DELETE" },
	{ POST, "OPTIONS, POST", "POST" },
	{ POST | PUT, "OPTIONS, POST, PUT", "POST,PUT" },
};

size_t routes_count(void)
{
	return ARRAY_SIZE(routes);
}

const char *route_path(size_t i)
{
	return i < ARRAY_SIZE(routes) ? routes[i].path : "other";
}

unsigned route_code(size_t i)
{
	return i < ARRAY_SIZE(codes) ? codes[i] : 0;
}

void route_count(struct api *api, unsigned route, unsigned status)
{
	size_t column = 0;

	while (column < ARRAY_SIZE(codes) && codes[column] != status)
		column++;
	api->answers[MIN((size_t)route, ARRAY_SIZE(routes))][column]++;
}

/* Matches "prefix*suffix" or the whole; cuts the part for '*' out of `path`. */
static bool path_matches(const char *pattern, char *path, const char **ret_wildcard)
{
	const char *star = strchr(pattern, '*');
	size_t path_len = strlen(path), prefix, suffix;

	if (!star)
		return streq(pattern, path);
	prefix = (size_t)(star - pattern);
	suffix = strlen(star + 1);
	if (path_len <= prefix + suffix || strncmp(path, pattern, prefix) != 0 ||
		!streq(path + path_len - suffix, star + 1))
		return false;
	path[path_len - suffix] = '\0';
	*ret_wildcard = path + prefix;
	return true;
}

static unsigned method_bit(const char *method)
{
	static const struct {
		const char *name;
		unsigned bit;
	} methods[] = { { "GET", GET }, { "HEAD", GET }, { "POST", POST }, { "PUT", PUT },
		{ "DELETE", DELETE } };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (streq(method, methods[i].name))
			return methods[i].bit;
	}
	return 0;
}

static const char *allow_text(unsigned methods, bool v2)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (allowed[i].methods == methods)
			return v2 ? allowed[i].v2_allow : allowed[i].allow;
	}
	return NULL;
}

static bool is_v2(const char *path)
{
	return starts_with(path, "/api/v2/") || streq(path, "/api/v2");
}

char *route_prefix(const struct api_options *options)
{
	const char *url = options->external_url ? strstr(options->external_url, "://") : NULL;
	const char *path = url ? strchr(url + 3, '/') : NULL;
	char *prefix;
	size_t len;

	if (options->route_prefix)
		path = options->route_prefix;
	path = path ? path : "";
	len = strcspn(path, "?#");
	while (len && path[len - 1] == '/')
		len--;
	if (asprintf(&prefix, "%.*s/", (int)len, path) < 0)
		return NULL;
	return prefix;
}

/*
 * The path without the prefix, which may be left out: a proxy in front may have cut it off. NULL for
 * the prefix without its slash, from where no link of the page would lead to its place.
 */
static const char *without_prefix(const struct api *api, const char *path)
{
	size_t len = strlen(api->prefix) - 1;

	if (!len || strncmp(path, api->prefix, len) != 0)
		return path;
	if (!path[len])
		return NULL;
	return path[len] == '/' ? path + len : path;
}

size_t route_max_body(const struct api *api, const char *path)
{
	path = without_prefix(api, path);
	return path && (starts_with(path, "/api/v2/alerts") || streq(path, "/api/v1/write"))
		       ? HTTP_MAX_ALERTS
		       : HTTP_MAX_BODY;
}

/* The row of the request's path and method, or only of its path; NULL: there is none. */
static const struct route *find(struct request *req, unsigned *ret_methods, bool *ret_changes)
{
	const struct route *found = NULL;

	*ret_methods = 0;
	*ret_changes = false;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		const struct route *route = &routes[i];

		if (!path_matches(route->path, req->path, &req->wildcard) ||
			(is_v2(req->path) && req->wildcard && strchr(req->wildcard, '/')))
			continue;
		*ret_methods |= route->methods;
		*ret_changes |= (route->flags & CHANGES) != 0;
		/* Answers are counted by path: all under its first row. */
		if (!found)
			req->route = (unsigned)i;
		if (!found || (method_bit(req->method) & route->methods))
			found = route;
	}
	return found;
}

static void not_found(struct request *req)
{
	req->route = ARRAY_SIZE(routes);
	if (is_v2(req->path))
		v2_fault(req, MHD_HTTP_NOT_FOUND, "path %s was not found", req->path);
	else
		respond_text(req, MHD_HTTP_NOT_FOUND, "404 page not found\n");
}

static void not_allowed(struct request *req, unsigned methods)
{
	if (is_v2(req->path))
		v2_fault(req, MHD_HTTP_METHOD_NOT_ALLOWED, "method %s is not allowed, but [%s] are",
			req->method, allow_text(methods, true));
	else
		respond_text(req, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed\n");
	req->response.allow = allow_text(methods, is_v2(req->path));
}

static void forbidden(struct request *req, const struct route *route)
{
	static const char why[] = "not from a page of another origin; --web.cors.origin allows it";

	if (is_v2(req->path))
		v2_text(req, MHD_HTTP_FORBIDDEN, "%s", why);
	else if (route->flags & FORM)
		respond_text(req, MHD_HTTP_FORBIDDEN,
			"Not from a page of another origin. Behind a proxy, tell tolld its own name by "
			"--web.external-url; programs use /api/v2/silences.\n");
	else
		respond_text(req, MHD_HTTP_FORBIDDEN, "Not from a page of another origin.\n");
}

static void bad_params(struct request *req)
{
	if (starts_with(req->path, "/api/v1/"))
		answer_error(req, ANSWER_BAD_DATA,
			"error parsing form values: a percent escape is broken");
	else
		respond_text(req, MHD_HTTP_BAD_REQUEST,
			"the parameters cannot be read: a percent escape is broken\n");
}

static void too_many_params(struct request *req)
{
	if (starts_with(req->path, "/api/v1/"))
		answer_error(req, ANSWER_BAD_DATA,
			"error parsing form values: there are more than %d", HTTP_MAX_PARAMS);
	else
		respond_text(req, MHD_HTTP_BAD_REQUEST, "the form has too many fields\n");
}

static void call(struct request *req, const struct route *route, struct instant now)
{
	int err = request_read_form(req);

	if (err == -ENOMEM)
		respond_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	else if (err)
		too_many_params(req);
	else if (req->bad_params)
		bad_params(req);
	else
		route->handler(req, now);
}

/* Alertmanager takes "/api/v2/silences/" for "/api/v2/silences". */
static void cut_slash(char *path)
{
	size_t len = strlen(path);

	if (is_v2(path) && len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
}

/* Whoever puts "http://host:9090/" before "/api/v1/query" means the same path. */
static void squeeze_slashes(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++) {
		if (*from != '/' || from == path || from[-1] != '/')
			*to++ = *from;
	}
	*to = '\0';
}

void route_dispatch(struct request *req, struct instant now)
{
	const struct route *route;
	const char *path;
	unsigned methods;
	bool changes;

	squeeze_slashes(req->path);
	path = without_prefix(req->api, req->path);
	if (!path) {
		respond_text(req, MHD_HTTP_MOVED_PERMANENTLY, "");
		req->response.location = req->api->prefix;
		req->route = ARRAY_SIZE(routes);
		return;
	}
	memmove(req->path, path, strlen(path) + 1);
	cut_slash(req->path);
	route = find(req, &methods, &changes);
	if (!route) {
		not_found(req);
		return;
	}
	if (route->flags & CORS)
		origin_set_cors(req, changes);
	if (streq(req->method, "OPTIONS")) {
		respond_text(req, MHD_HTTP_NO_CONTENT, "");
		req->response.content_type = NULL;
		req->response.allow = allow_text(methods, false);
	} else if (!(method_bit(req->method) & methods)) {
		not_allowed(req, methods);
	} else if ((route->flags & FORM) ? !origin_may_submit(req)
					 : (route->flags & CHANGES) && !origin_may_change(req)) {
		forbidden(req, route);
	} else {
		call(req, route, now);
	}
}
