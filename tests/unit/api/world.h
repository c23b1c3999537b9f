/*
 * world.h - what the server reads, made up: services, targets, rules and their alerts with whatever
 * values a test wants, behind the functions of the real modules. Samples and queries are the real ones.
 *
 * Each test program includes this once; its definitions take the place of those in libtolld.a.
 */
#ifndef TOLLD_TESTS_API_WORLD_H
#define TOLLD_TESTS_API_WORLD_H

#include "harness.h"

#include <jansson.h>
#include "api/exposition.h"
#include "api/state.h"
#include "settings.h"
#include "watch/figures.h"

/* 2026-11-22 15:46:25.250 UTC. The boot clock is the real one: it measures what a query costs. */
#define NOW_WALL_MS 1795362385250ll

/* Ends every place where it would be taken as something else than text. */
#define HOSTILE "</td><script>alert('1')</script>\"&\\\n\x01\xff{}"

struct service {
	struct service_info info;
	const char *cause;
	struct service_figures figures; /* of which pointers may be NULL */
};

struct watch {
	struct service services[101];
	size_t n;
	struct watch_stats stats;
	struct machine_figures machine;
	unsigned measured; /* times that somebody asked for a pass */
};

struct target {
	struct target_info info;
	struct target_metadata metadata[4];
	size_t n_metadata;
};

struct scrape {
	struct target targets[8];
	size_t n;
	struct dropped_target dropped[4];
	size_t n_dropped;
	struct pool_info pools[4];
	size_t n_pools;
};

struct rules {
	struct group_info groups[8];
	size_t n;
	int err;
	struct rules_stats stats;
};

struct store {
	struct store_status status;
};

void watch_stats(const struct watch *watch, struct watch_stats *ret)
{
	*ret = watch->stats;
}

size_t watch_services(const struct watch *watch)
{
	return watch->n;
}

struct service *watch_service(const struct watch *watch, size_t i)
{
	return (struct service *)&watch->services[i];
}

void service_info(const struct service *service, struct service_info *ret)
{
	*ret = service->info;
}

void service_figures(const struct service *service, struct service_figures *ret)
{
	static const struct service_ends no_ends;
	static const struct tally_total no_use;

	*ret = service->figures;
	ret->ends = ret->ends ? ret->ends : &no_ends;
	ret->used = ret->used ? ret->used : &no_use;
}

void watch_machine(const struct watch *watch, struct machine_figures *ret)
{
	*ret = watch->machine;
}

bool watch_measure_on_request(struct watch *watch, int64_t budget_ns)
{
	watch->measured++;
	return true;
}

bool watch_measure(struct watch *watch, int64_t budget_ns)
{
	watch->measured++;
	return true;
}

void service_cause(const struct service *service, struct strbuf *out)
{
	if (service->cause)
		strbuf_adds(out, service->cause);
}

size_t scrape_dropped_targets(const struct scrape *scrape)
{
	return scrape->n_dropped;
}

void scrape_dropped_target(const struct scrape *scrape, size_t i, struct dropped_target *ret)
{
	*ret = scrape->dropped[i];
}

size_t scrape_pools(const struct scrape *scrape)
{
	return scrape->n_pools;
}

void scrape_pool(const struct scrape *scrape, size_t i, struct pool_info *ret)
{
	*ret = scrape->pools[i];
}

size_t scrape_targets(const struct scrape *scrape)
{
	return scrape->n;
}

struct target *scrape_target(const struct scrape *scrape, size_t i)
{
	return (struct target *)&scrape->targets[i];
}

void target_info(const struct target *target, struct target_info *ret)
{
	*ret = target->info;
}

bool target_metadata_next(
	const struct target *target, const void **cursor, struct target_metadata *ret)
{
	const struct target_metadata *next = *cursor;

	next = next ? next + 1 : target->metadata;
	*cursor = next;
	if (next == target->metadata + target->n_metadata)
		return false;
	*ret = *next;
	return true;
}

int rules_info(const struct rules *rules, struct group_info **ret, size_t *ret_n)
{
	struct group_info *groups;

	if (rules->err)
		return rules->err;
	groups = malloc(sizeof(rules->groups));
	if (!groups)
		return -ENOMEM;
	memcpy(groups, rules->groups, sizeof(rules->groups));
	*ret = groups;
	*ret_n = rules->n;
	return 0;
}

void rules_stats(const struct rules *rules, struct rules_stats *ret)
{
	*ret = rules->stats;
	for (size_t g = 0; g < rules->n; g++) {
		for (size_t r = 0; r < rules->groups[g].n_rules; r++) {
			const struct rule_info *rule = &rules->groups[g].rules[r];

			for (size_t a = 0; a < rule->n_alerts; a++) {
				ret->alerts_pending += rule->alerts[a].state == RULE_PENDING;
				ret->alerts_firing += rule->alerts[a].state == RULE_FIRING;
			}
		}
	}
}

void store_status(struct store *store, struct store_status *ret)
{
	*ret = store->status;
}

/* -- the world -------------------------------------------------------------------------------- */

struct world {
	struct watch watch;
	struct history *history;
	struct scrape scrape;
	struct rules rules;
	struct notify *notify; /* the real one */
	struct config *config;
	struct store store;
	struct tsdb *db;
	sd_event *event;
	struct api *api;
	struct instant now;
	bool ready;
	int reload_result;
	unsigned reloads;
};

static inline bool world_ready(void *userdata)
{
	return ((struct world *)userdata)->ready;
}

static inline int world_reload(struct strbuf *error, void *userdata)
{
	struct world *w = userdata;

	w->reloads++;
	if (w->reload_result)
		strbuf_adds(error, "rules.yml:14:11: error: unknown function 'rats'\n");
	return w->reload_result;
}

static inline void world_metrics(struct strbuf *out, void *userdata)
{
	exposition_family(out, "tolld_config_last_reload_successful");
	exposition_sample(out, "tolld_config_last_reload_successful", 0, NULL, 7);
}

static inline const struct config *world_config(void *userdata)
{
	return ((struct world *)userdata)->config;
}

static inline int world_listen(struct api *api, const char *address, char *error, size_t error_size)
{
	int fd, err = api_bind(address, &fd, error, error_size);

	return err ? err : api_serve(api, fd, error, error_size);
}

/* Every notification arrives. */
static void world_output(const struct notify_output *output, void *userdata)
{
	struct world *w = userdata;

	if (output->type == NOTIFY_SEND)
		notify_sent(w->notify, output->notification->id, NOTIFY_SENT, NULL, w->now);
}

/* Takes over settings as a file has them. */
static inline void world_configure(struct world *w, const char *text)
{
	struct config *config = config_of(text);

	assert_int_equal(notify_configure(w->notify, config, w->now), 0);
	config_unref(w->config);
	w->config = config;
}

static inline void world_begin_with(struct world *w, const struct api_options *options)
{
	struct history *history;
	struct api_sources sources = { .scrape = &w->scrape,
		.rules = &w->rules,
		.config = world_config,
		.watch = &w->watch,
		.store = &w->store,
		.reload = world_reload,
		.ready = world_ready,
		.metrics = world_metrics,
		.userdata = w,
		.started_wall_ms = NOW_WALL_MS - 60000 };

	assert_int_equal(history_new(&(struct history_options){ 0 }, &history), 0);
	sources.history = history;
	*w = (struct world){ .ready = true,
		.history = history,
		.now = { .boot_ns = clock_boot_ns(), .wall_ms = NOW_WALL_MS } };
	w->watch.stats.backend_name = "pidfd";
	w->watch.stats.backend_reason = "this kernel has no BTF";
	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &w->db), 0);
	sources.db = w->db;
	assert_int_equal(
		notify_new(&(struct notify_limits){ .seed = 1 }, world_output, w, &w->notify), 0);
	sources.notify = w->notify;
	assert_int_equal(sd_event_new(&w->event), 0);
	assert_int_equal(api_new(w->event, options, &sources, &w->api), 0);
}

static inline void world_begin(struct world *w)
{
	world_begin_with(w, &(struct api_options){ .enable_lifecycle = true });
}

static inline void world_end(struct world *w)
{
	api_free(w->api);
	history_free(w->history);
	sd_event_unref(w->event);
	notify_free(w->notify);
	config_unref(w->config);
	tsdb_free(w->db);
}

/* Samples at NOW - (n - 1 - i) * step for each of the n values. */
static inline void world_series(struct world *w, const char *const (*pairs)[2], size_t n_pairs,
	const double *values, size_t n, int64_t step_ms)
{
	struct labels *labels = labels_new(n_pairs, pairs);
	struct series *series;

	assert_non_null(labels);
	assert_int_equal(tsdb_series(w->db, labels, &series), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tsdb_append(w->db, series,
					 NOW_WALL_MS - (int64_t)(n - 1 - i) * step_ms, values[i]),
			0);
	series_unref(series);
	labels_unref(labels);
}

/* -- asking without a socket ------------------------------------------------------------------ */

/* What is done in pieces, to its end. */
static inline void answer_whole(struct world *w, struct request *req)
{
	route_dispatch(req, w->now);
	while (req->job) {
		if (!req->job->step(req->job, req))
			continue;
		req->job->free(req->job);
		req->job = NULL;
	}
}

/* Answers a request, to its end; form may be NULL. The caller frees it. */
static inline struct request *ask(
	struct world *w, const char *method, const char *uri, const char *form)
{
	struct request *req;

	assert_int_equal(request_new(w->api, uri, &req), 0);
	req->method = strdup(method);
	if (form) {
		req->content_type = strdup("application/x-www-form-urlencoded; charset=UTF-8");
		strbuf_adds(&req->body, form);
	}
	answer_whole(w, req);
	assert_int_not_equal(req->response.status, 0);
	return req;
}

/* The text of an answer; the caller frees. */
static inline char *ask_text(struct world *w, const char *method, const char *uri, unsigned status)
{
	struct request *req = ask(w, method, uri, NULL);
	char *text;

	assert_int_equal(req->response.status, status);
	assert_int_equal(strbuf_finish(&req->response.body, &text), 0);
	request_free(req);
	return text;
}

static inline json_t *parse_json(const char *text, size_t len)
{
	json_error_t error;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		fail_msg("not JSON: %s at %d in %.300s", error.text, error.position, text);
	return root;
}

/*
 * A GET while allocations fail: 0 where it is answered, -ENOMEM where the client hears that it is not; the
 * caller frees *ret, which is NULL where there was not even a request.
 */
static inline int try_ask(struct world *w, const char *uri, struct request **ret)
{
	struct request *req = NULL;
	int err = request_new(w->api, uri, &req);

	*ret = req;
	if (err)
		return err;
	req->method = strdup("GET");
	if (req->method)
		answer_whole(w, req);
	return req->response.status == 200 && !req->response.body.err ? 0 : -ENOMEM;
}

/* The same of an answer that must be whole where it is given. */
static inline int try_get(struct world *w, const char *uri)
{
	struct request *req;
	int err = try_ask(w, uri, &req);

	if (!err && strchr("{[", req->response.body.s[0]))
		json_decref(parse_json(req->response.body.s, req->response.body.len));
	request_free(req);
	return err;
}

/* The envelope of an answer in JSON; the caller calls json_decref(). */
static inline json_t *ask_json(
	struct world *w, const char *method, const char *uri, const char *form, unsigned status)
{
	struct request *req = ask(w, method, uri, form);
	json_t *root = parse_json(req->response.body.s, req->response.body.len);

	if (req->response.status != status)
		fail_msg("%s: %u: %.300s", uri, req->response.status, req->response.body.s);
	assert_string_equal(req->response.content_type, "application/json");
	assert_string_equal(json_string_value(json_object_get(root, "status")),
		status == 200 ? "success" : "error");
	request_free(req);
	return root;
}

/* Asserts that `data` of the answer to a GET is, field by field, this JSON with ' for ". */
static inline void assert_data(struct world *w, const char *uri, const char *expected)
{
	json_t *root = ask_json(w, "GET", uri, NULL, 200), *data = json_object_get(root, "data");
	char *copy = strdup(expected), *got;
	json_t *want;

	for (char *p = copy; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	want = json_loads(copy, JSON_DECODE_ANY, NULL);
	if (!want)
		fail_msg("the test's own JSON is broken: %s", copy);
	got = json_dumps(data, JSON_ENCODE_ANY | JSON_COMPACT);
	if (!json_equal(data, want))
		fail_msg("%s\n  gives %s\n  and not %s", uri, got, copy);
	free(got);
	free(copy);
	json_decref(want);
	json_decref(root);
}

static inline void assert_error(struct world *w, const char *method, const char *uri,
	unsigned status, const char *type, const char *text)
{
	json_t *root = ask_json(w, method, uri, NULL, status);

	assert_string_equal(json_string_value(json_object_get(root, "errorType")), type);
	assert_string_equal(json_string_value(json_object_get(root, "error")), text);
	json_decref(root);
}

#endif
