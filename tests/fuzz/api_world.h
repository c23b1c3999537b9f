/*
 * api_world.h - Alertmanager's API on a machine of its own, for each input anew, without a socket.
 */
#ifndef TOLLD_TESTS_FUZZ_API_WORLD_H
#define TOLLD_TESTS_FUZZ_API_WORLD_H

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "api/state.h"
#include "base/escape.h"
#include "base/map.h"

/* 2026-11-22 15:46:25.250 UTC */
#define NOW_WALL_MS 1795362385250ll

struct world {
	struct api *api;
	struct notify *notify;
	struct config *config;
	struct instant now;
	struct map rows[NOTIFY_NOTICE]; /* by type: key -> value */
};

static inline void keep_row(const struct notify_output *output, void *userdata)
{
	struct world *w = userdata;

	if (output->type == NOTIFY_SEND || output->type == NOTIFY_NOTICE)
		return;
	free(map_dels(&w->rows[output->type], output->key));
	if (output->value)
		assert(!map_puts(&w->rows[output->type], output->key, strdup(output->value)));
}

static inline void ignore_row(const struct notify_output *output, void *userdata)
{
}

/* What does not depend on the input is made once. */
static inline void world_begin(struct world *w)
{
	static const char settings[] =
		"global: {resolve_timeout: 10m}\n"
		"route: {receiver: r, group_by: [a]}\n"
		"inhibit_rules: [{source_matchers: [a=b], target_matchers: [c=d]}]\n"
		"receivers: [{name: r}]\n";
	static struct api *api;
	static struct config *config;
	struct diag diag = DIAG_INIT;
	sd_event *event;

	if (!api) {
		assert(!config_load_text("fuzz.yml", settings, &config, &diag));
		assert(!sd_event_new(&event));
		assert(!api_new(
			event, &(struct api_options){ 0 }, &(struct api_sources){ 0 }, &api));
	}
	*w = (struct world){ .api = api,
		.config = config,
		.now = { .boot_ns = clock_boot_ns(), .wall_ms = NOW_WALL_MS } };
	assert(!notify_new(&(struct notify_limits){ .seed = 1 }, keep_row, w, &w->notify));
	assert(!notify_configure(w->notify, config, w->now));
	api->sources.notify = w->notify;
}

static inline void world_end(struct world *w)
{
	notify_free(w->notify);
	for (size_t i = 0; i < ARRAY_SIZE(w->rows); i++) {
		map_foreach (&w->rows[i], e)
			free(e->value);
		map_release(&w->rows[i]);
	}
}

/* Sends a body, or nothing; the caller frees. */
static inline struct request *send_bytes(
	struct world *w, const char *method, const char *uri, const void *body, size_t len)
{
	struct request *req;

	assert(!request_new(w->api, uri, &req));
	req->method = strdup(method);
	if (body) {
		req->content_type = strdup("application/json");
		strbuf_release(&req->body);
		strbuf_init(&req->body, route_max_body(w->api, req->path));
		strbuf_add(&req->body, body, len);
	}
	route_dispatch(req, w->now);
	while (req->job) {
		if (!req->job->step(req->job, req))
			continue;
		req->job->free(req->job);
		req->job = NULL;
	}
	assert(req->response.status && !req->response.body.err);
	assert(utf8_valid(req->response.body.s, req->response.body.len));
	return req;
}

/* What a GET answers, as a tree; NULL: there is no such thing. */
static inline json_t *get(struct world *w, const char *uri)
{
	struct request *req = send_bytes(w, "GET", uri, NULL, 0);
	json_t *tree = NULL;

	if (req->response.status == 200) {
		tree = json_loadb(
			req->response.body.s, req->response.body.len, JSON_REJECT_DUPLICATES, NULL);
		assert(tree);
	} else {
		assert(req->response.status == 404);
	}
	request_free(req);
	return tree;
}

/* Shows what differs, for whoever mends it. */
static inline void assert_same(const json_t *one, const json_t *other)
{
	if (json_equal(one, other))
		return;
	json_dumpf(one, stderr, 0);
	fputs("\nis not\n", stderr);
	json_dumpf(other, stderr, 0);
	abort();
}

/* Answers that refuse say why, in JSON. */
static inline void assert_refusal(const struct request *req)
{
	json_t *tree =
		json_loadb(req->response.body.s, req->response.body.len, JSON_DECODE_ANY, NULL);

	assert(req->response.status == 400 || req->response.status == 422);
	assert(json_is_string(tree) || json_is_integer(json_object_get(tree, "code")));
	json_decref(tree);
}

/* The machine that comes out of the rows of one kind answers this as the first one did. */
static inline void assert_restored(
	struct world *w, enum notify_output_type type, const char *uri, const json_t *expected)
{
	struct notify *first = w->notify;
	json_t *tree;

	assert(!notify_new(&(struct notify_limits){ .seed = 2 }, ignore_row, w, &w->notify));
	map_foreach (&w->rows[type], e)
		assert(!notify_restore(w->notify, type, e->key, e->value));
	assert(!notify_configure(w->notify, w->config, w->now));
	w->api->sources.notify = w->notify;
	tree = get(w, uri);
	assert_same(tree, expected);
	json_decref(tree);
	notify_free(w->notify);
	w->notify = first;
	w->api->sources.notify = first;
}

#endif
