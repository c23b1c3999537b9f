/*
 * remote_write.c - property: what is packed as a literal comes out as it was; arbitrary blocks and messages are
 * taken or refused in words, and what was taken is series that have a name.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "api/state.h"
#include "base/snappy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES ((size_t)1 << 20)

static struct request *post(struct api *api, const struct strbuf *body)
{
	struct request *req;

	assert(!request_new(api, "/api/v1/write", &req));
	req->method = strdup("POST");
	req->content_type = strdup("application/x-protobuf");
	strbuf_add(&req->body, body->s, body->len);
	route_dispatch(req, clock_now());
	while (req->job && !req->job->step(req->job, req))
		;
	if (req->job)
		req->job->free(req->job);
	req->job = NULL;
	return req;
}

static void pack(struct strbuf *out, const uint8_t *data, size_t size)
{
	size_t n = size - 1;

	for (size_t v = size; v || !out->len; v >>= 7)
		strbuf_addch(out, (char)((v & 0x7f) | (v >= 0x80 ? 0x80 : 0)));
	if (!size)
		return;
	strbuf_addch(out, (char)(63u << 2));
	for (unsigned i = 0; i < 4; i++)
		strbuf_addch(out, (char)(n >> (8 * i)));
	strbuf_add(out, (const char *)data, size);
}

static void check_store(struct tsdb *db)
{
	struct tsdb_selection found;

	assert(!tsdb_select(db, NULL, 0, INT64_MIN / 4, INT64_MAX / 4, &found));
	for (size_t i = 0; i < found.n; i++)
		assert(labels_get(series_labels(found.series[i]), LABEL_NAME));
	tsdb_selection_release(&found);
}

static void take(struct api *api, const struct strbuf *body)
{
	struct request *req = post(api, body);

	assert(req->response.status == 204 || req->response.status == 400);
	assert((req->response.status == 204) == !req->response.body.len);
	request_free(req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static sd_event *event;
	struct strbuf packed = STRBUF_INIT, raw = STRBUF_INIT;
	struct api_sources sources = { 0 };
	struct api *api;
	char *out = NULL;
	size_t len;

	if (!event)
		assert(!sd_event_new(&event));
	assert(!tsdb_new(&TSDB_OPTIONS_DEFAULT, &sources.db));
	assert(!api_new(
		event, &(struct api_options){ .enable_remote_write = true }, &sources, &api));
	pack(&packed, data, size);
	assert(!snappy_decode(packed.s, packed.len, MAX_BYTES, &out, &len));
	assert(len == size && !memcmp(out, data, size));
	free(out);
	take(api, &packed);
	strbuf_add(&raw, (const char *)data, size);
	take(api, &raw);
	check_store(sources.db);
	strbuf_release(&packed);
	strbuf_release(&raw);
	api_free(api);
	tsdb_free(sources.db);
	return 0;
}
