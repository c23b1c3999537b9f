/*
 * targets.c - /api/v1/targets: who is scraped, and how that went.
 */
#include "api/answer.h"
#include "api/state.h"

#include "model/duration.h"

static void write_duration(struct jsonw *json, const char *name, int64_t ms)
{
	struct strbuf text = STRBUF_INIT;

	duration_format(&text, ms);
	jsonw_field_string(json, name, text.s);
	strbuf_release(&text);
}

static void write_target(struct jsonw *json, const struct target_info *target)
{
	jsonw_begin_object(json);
	jsonw_field_labels(json, "discoveredLabels", target->discovered);
	jsonw_field_labels(json, "labels", target->labels);
	jsonw_field_string(json, "scrapePool", target->job);
	jsonw_field_string(json, "scrapeUrl", target->url);
	jsonw_field_string(json, "globalUrl", target->url);
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
		if (pool && *pool && !streq(pool, target.job))
			continue;
		jsonw_begin_object(json);
		jsonw_field_labels(json, "discoveredLabels", target.discovered);
		jsonw_field_string(json, "scrapePool", target.job);
		jsonw_end_object(json);
	}
	jsonw_end_array(json);
}

void targets_list(struct request *req, struct instant now)
{
	const struct scrape *scrape = req->api->sources.scrape;
	const char *state = request_param(req, "state"), *pool = request_param(req, "scrapePool");
	bool active = !state || !streq(state, "dropped"),
	     dropped = !state || !streq(state, "active");
	struct jsonw json;

	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_key(&json, "activeTargets");
	jsonw_begin_array(&json);
	for (size_t i = 0; active && scrape && i < scrape_targets(scrape); i++) {
		struct target_info target;

		target_info(scrape_target(scrape, i), &target);
		if (!pool || !*pool || streq(pool, target.job))
			write_target(&json, &target);
	}
	jsonw_end_array(&json);
	jsonw_key(&json, "droppedTargets");
	write_dropped(&json, dropped ? scrape : NULL, pool);
	jsonw_key(&json, "droppedTargetCounts");
	write_dropped_counts(&json, scrape);
	jsonw_end_object(&json);
	answer_end(req, &json);
}
