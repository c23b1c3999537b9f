/*
 * targets.c - /api/v1/targets: who is scraped, and how that went.
 */
#include "api/answer.h"
#include "api/state.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include "model/duration.h"

static void write_duration(struct jsonw *json, const char *name, int64_t ms)
{
	struct strbuf text = STRBUF_INIT;

	duration_format(&text, ms);
	jsonw_field_string(json, name, text.s);
	strbuf_release(&text);
}

/* The host and the port of a URL, as lengths from *ret_host on. False: it has no port. */
static bool find_host(const char *url, const char **ret_host, size_t *ret_len, size_t *ret_port_len)
{
	const char *host = strstr(url, "://"), *colon;
	size_t len;

	if (!host)
		return false;
	host += 3;
	len = strcspn(host, "/?#");
	colon = memrchr(host, ':', len);
	if (!colon || memchr(colon, ']', len - (size_t)(colon - host)))
		return false;
	*ret_host = host;
	*ret_len = (size_t)(colon - host);
	*ret_port_len = len - *ret_len - 1;
	return true;
}

static bool is_loopback(const char *host, size_t len)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == len && !memcmp(host, names[i], len))
			return true;
	}
	return false;
}

static bool is_own_port(const struct api *api, const char *digits, size_t len)
{
	char port[12];
	unsigned p;

	for (size_t i = 0; (p = api_port(api, i)) != 0; i++) {
		snprintf(port, sizeof(port), "%u", p);
		if (strlen(port) == len && !memcmp(port, digits, len))
			return true;
	}
	return false;
}

/*
 * The target's URL as others reach it: in place of a loopback address the host of --web.external-url, and
 * that one's port as well where the target is tolld itself. Source: prometheus web/api/v1/api.go
 * (getGlobalURL).
 */
static void write_global_url(struct jsonw *json, const struct api *api, const char *url)
{
	const char *external = api->options.external_url, *host, *own;
	size_t len, port_len, own_len, own_port_len;
	struct strbuf text = STRBUF_INIT;

	if (external && find_host(url, &host, &len, &port_len) && is_loopback(host, len) &&
		find_host(external, &own, &own_len, &own_port_len)) {
		if (is_own_port(api, host + len + 1, port_len)) {
			strbuf_add(&text, external,
				(size_t)(own + own_len + 1 + own_port_len - external));
			host += len + 1 + port_len;
		} else {
			strbuf_add(&text, url, (size_t)(host - url));
			strbuf_add(&text, own, own_len);
			host += len;
		}
		url = host;
	}
	strbuf_adds(&text, url);
	jsonw_field_string(json, "globalUrl", text.s);
	strbuf_release(&text);
}

static void write_target(
	struct jsonw *json, const struct api *api, const struct target_info *target)
{
	jsonw_begin_object(json);
	jsonw_field_labels(json, "discoveredLabels", target->discovered);
	jsonw_field_labels(json, "labels", target->labels);
	jsonw_field_string(json, "scrapePool", target->job);
	jsonw_field_string(json, "scrapeUrl", target->url);
	write_global_url(json, api, target->url);
	jsonw_field_string(json, "lastError", target->last_error);
	jsonw_field_time(json, "lastScrape", target->last_wall_ms);
	jsonw_field_double(
		json, "lastScrapeDuration", (double)target->last_duration_ns / NSEC_PER_SEC);
	jsonw_field_string(json, "health", target->up < 0 ? "unknown" : target->up ? "up" : "down");
	write_duration(json, "scrapeInterval", target->interval_ms);
	write_duration(json, "scrapeTimeout", target->timeout_ms);
	jsonw_end_object(json);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pool_info *)a)->name, ((const struct pool_info *)b)->name);
}

/* The jobs by name; NULL where memory is out or there is none. */
static struct pool_info *sorted_pools(const struct scrape *scrape, size_t *ret_n)
{
	size_t n = scrape ? scrape_pools(scrape) : 0;
	struct pool_info *pools = n ? calloc(n, sizeof(*pools)) : NULL;

	*ret_n = pools ? n : 0;
	for (size_t i = 0; i < *ret_n; i++)
		scrape_pool(scrape, i, &pools[i]);
	if (pools)
		qsort(pools, n, sizeof(*pools), by_name);
	return pools;
}

static void write_dropped_counts(struct jsonw *json, const struct scrape *scrape)
{
	size_t n;
	scoped(freep) struct pool_info *pools = sorted_pools(scrape, &n);

	jsonw_begin_object(json);
	for (size_t i = 0; i < n; i++)
		jsonw_field_int(json, pools[i].name, (int64_t)pools[i].dropped);
	jsonw_end_object(json);
}

void targets_pools(struct request *req, struct instant now)
{
	size_t n;
	scoped(freep) struct pool_info *pools = sorted_pools(req->api->sources.scrape, &n);
	struct jsonw json;

	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_key(&json, "scrapePools");
	jsonw_begin_array(&json);
	for (size_t i = 0; i < n; i++)
		jsonw_string(&json, pools[i].name);
	jsonw_end_array(&json);
	jsonw_end_object(&json);
	answer_end(req, &json);
}

static void write_dropped(struct jsonw *json, const struct scrape *scrape, const char *pool)
{
	struct dropped_target target;

	jsonw_begin_array(json);
	for (size_t i = 0; scrape && i < scrape_dropped_targets(scrape); i++) {
		scrape_dropped_target(scrape, i, &target);
		if (pool && !streq(pool, target.job))
			continue;
		jsonw_begin_object(json);
		jsonw_field_labels(json, "discoveredLabels", target.discovered);
		jsonw_field_string(json, "scrapePool", target.job);
		jsonw_end_object(json);
	}
	jsonw_end_array(json);
}

struct row {
	struct target_info info;
	size_t i;
};

/* By the job's name; the targets of a job stay in their order. */
static int by_job(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->info.job, y->info.job);

	return order ? order : (x->i > y->i) - (x->i < y->i);
}

static void write_active(
	struct jsonw *json, const struct api *api, const struct scrape *scrape, const char *pool)
{
	size_t n = scrape ? scrape_targets(scrape) : 0, kept = 0;
	scoped(freep) struct row *rows = calloc(n + 1, sizeof(*rows));

	jsonw_begin_array(json);
	if (!rows)
		json->out->err = -ENOMEM;
	for (size_t i = 0; rows && i < n; i++) {
		rows[kept].i = i;
		target_info(scrape_target(scrape, i), &rows[kept].info);
		kept += !pool || streq(pool, rows[kept].info.job);
	}
	if (kept)
		qsort(rows, kept, sizeof(*rows), by_job);
	for (size_t i = 0; i < kept; i++)
		write_target(json, api, &rows[i].info);
	jsonw_end_array(json);
}

void targets_list(struct request *req, struct instant now)
{
	const struct scrape *scrape = req->api->sources.scrape;
	const char *state = request_text(req, "state"), *pool = request_text(req, "scrapePool");
	bool any = !state || !strcasecmp(state, "any");
	bool active = any || !strcasecmp(state, "active");
	bool dropped = any || !strcasecmp(state, "dropped");
	struct jsonw json;

	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_key(&json, "activeTargets");
	write_active(&json, req->api, active ? scrape : NULL, pool);
	jsonw_key(&json, "droppedTargets");
	write_dropped(&json, dropped ? scrape : NULL, pool);
	jsonw_key(&json, "droppedTargetCounts");
	write_dropped_counts(&json, scrape);
	jsonw_end_object(&json);
	answer_end(req, &json);
}
