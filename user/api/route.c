/*
 * route.c - which handler answers which path and method.
 */
#include "api/state.h"

#include <errno.h>
#include <microhttpd.h>

enum { GET = 1, POST = 2, PUT = 4 };

/* `*` stands for one part of a path. HEAD is answered as GET, without its body. */
static const struct route {
	const char *path;
	unsigned methods;
	handler_fn *handler;
	bool cors;
} routes[] = {
	{ "/metrics", GET, metrics_get, false },
	{ "/-/healthy", GET, status_healthy, false },
	{ "/-/ready", GET, status_ready, false },
	{ "/-/reload", POST | PUT, status_reload, false },
	{ "/api/v1/query", GET | POST, query_instant, true },
	{ "/api/v1/query_range", GET | POST, query_range, true },
	{ "/api/v1/query_exemplars", GET | POST, status_exemplars, true },
	{ "/api/v1/format_query", GET | POST, query_format, true },
	{ "/api/v1/series", GET | POST, catalogue_series, true },
	{ "/api/v1/labels", GET | POST, catalogue_labels, true },
	{ "/api/v1/label/*/values", GET, catalogue_values, true },
	{ "/api/v1/metadata", GET, metadata_list, true },
	{ "/api/v1/rules", GET, rules_list, true },
	{ "/api/v1/alerts", GET, rules_alerts, true },
	{ "/api/v1/targets", GET, targets_list, true },
	{ "/api/v1/alertmanagers", GET, status_alertmanagers, true },
	{ "/api/v1/services", GET, services_list, true },
	{ "/api/v1/status/buildinfo", GET, status_buildinfo, true },
	{ "/api/v1/status/runtimeinfo", GET, status_runtimeinfo, true },
	{ "/", GET, page_get, false },
	/* Where the links in mails lead: Prometheus's own pages have these paths. */
	{ "/graph", GET, page_graph, false },
	{ "/alerts", GET, page_get, false },
	{ "/targets", GET, page_get, false },
	{ "/style.css", GET, page_style, false },
	{ "/page.js", GET, page_script, false },
};

_Static_assert(ARRAY_SIZE(routes) <= API_MAX_ROUTES, "struct api counts the answers of each");

/* Every status that a route can answer. */
static const unsigned codes[] = { 200, 204, 400, 403, 404, 405, 408, 413, 414, 422, 499, 500, 503 };

_Static_assert(ARRAY_SIZE(codes) < API_MAX_CODES, "one column is kept for what is not listed");

static const struct {
	unsigned methods;
	const char *allow;
} allowed[] = {
	{ GET, "GET, HEAD, OPTIONS" },
	{ GET | POST, "GET, HEAD, OPTIONS, POST" },
	{ POST | PUT, "OPTIONS, POST, PUT" },
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
	if (streq(method, "GET") || streq(method, "HEAD"))
		return GET;
	if (streq(method, "POST"))
		return POST;
	return streq(method, "PUT") ? PUT : 0;
}

static const char *allow_text(unsigned methods)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (allowed[i].methods == methods)
			return allowed[i].allow;
	}
	return NULL;
}

void route_dispatch(struct request *req, struct instant now)
{
	const struct route *route = NULL;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(routes) && !route; i++) {
		if (path_matches(routes[i].path, req->path, &req->wildcard)) {
			route = &routes[i];
			req->route = (unsigned)i;
		}
	}
	if (!route) {
		req->route = ARRAY_SIZE(routes);
		respond_text(req, MHD_HTTP_NOT_FOUND, "404 page not found\n");
		return;
	}
	req->response.cors = route->cors;
	if (streq(req->method, "OPTIONS")) {
		respond_text(req, MHD_HTTP_NO_CONTENT, "");
		req->response.content_type = NULL;
		req->response.allow = allow_text(route->methods);
		return;
	}
	if (!(method_bit(req->method) & route->methods)) {
		respond_text(req, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed\n");
		req->response.allow = allow_text(route->methods);
		return;
	}
	err = request_read_form(req);
	if (err == -ENOMEM)
		respond_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	else if (err)
		respond_text(req, MHD_HTTP_BAD_REQUEST, "the form cannot be read\n");
	else
		route->handler(req, now);
}
