/* POST /api/v1/write: samples that others send. */
#include "world.h"

#include <errno.h>
#include "model/sample.h"

static void put_varint(struct strbuf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		strbuf_addch(out, (char)(v | 0x80));
	strbuf_addch(out, (char)v);
}

static void put_bytes(struct strbuf *out, unsigned field, const char *s, size_t len)
{
	put_varint(out, field << 3 | 2);
	put_varint(out, len);
	strbuf_add(out, s, len);
}

static void put_label(struct strbuf *series, const char *name, const char *value)
{
	struct strbuf label = STRBUF_INIT;

	put_bytes(&label, 1, name, strlen(name));
	put_bytes(&label, 2, value, strlen(value));
	put_bytes(series, 1, label.s, label.len);
	strbuf_release(&label);
}

static void put_sample(struct strbuf *series, double value, int64_t wall_ms)
{
	struct strbuf sample = STRBUF_INIT;

	put_varint(&sample, 1 << 3 | 1);
	strbuf_add(&sample, &value, sizeof(value));
	put_varint(&sample, 2 << 3 | 0);
	put_varint(&sample, (uint64_t)wall_ms);
	put_bytes(series, 2, sample.s, sample.len);
	strbuf_release(&sample);
}

/* A series of one sample, with one more label where that is not NULL; into the request. */
static void put_series(
	struct strbuf *request, const char *name, const char *label, double value, int64_t wall_ms)
{
	struct strbuf series = STRBUF_INIT;

	put_label(&series, "__name__", name);
	if (label)
		put_label(&series, label, "x");
	put_sample(&series, value, wall_ms);
	put_bytes(request, 1, series.s, series.len);
	strbuf_release(&series);
}

/* One literal of Snappy's. */
static void pack(struct strbuf *out, const struct strbuf *plain)
{
	uint32_t n = (uint32_t)plain->len - 1;

	put_varint(out, plain->len);
	if (!plain->len)
		return;
	strbuf_addch(out, (char)(63u << 2));
	for (unsigned i = 0; i < 4; i++)
		strbuf_addch(out, (char)(n >> (8 * i)));
	strbuf_add(out, plain->s, plain->len);
}

#define PROTOBUF "application/x-protobuf"

static struct request *post(
	struct world *w, const char *type, const struct strbuf *plain, bool packed)
{
	struct request *req;

	assert_int_equal(request_new(w->api, "/api/v1/write", &req), 0);
	req->method = strdup("POST");
	req->content_type = type ? strdup(type) : NULL;
	if (packed)
		pack(&req->body, plain);
	else
		strbuf_add(&req->body, plain->s, plain->len);
	answer_whole(w, req);
	return req;
}

static void assert_answer(
	struct world *w, const struct strbuf *plain, unsigned status, const char *text)
{
	struct request *req = post(w, PROTOBUF, plain, true);

	if (req->response.status != status || !streq(req->response.body.s, text))
		fail_msg("%u '%s'", req->response.status, req->response.body.s);
	request_free(req);
}

static void receive(struct world *w)
{
	world_begin_with(w, &(struct api_options){ .enable_remote_write = true });
}

/* The newest sample of the series of this name with these other labels. */
static bool newest(struct world *w, const char *name, const char *label, struct sample *ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels;
	struct series *series;
	bool any;

	labels_builder_set(&b, "__name__", name);
	if (label)
		labels_builder_set(&b, label, "x");
	assert_int_equal(labels_build(&b, &labels), 0);
	assert_int_equal(tsdb_series(w->db, labels, &series), 0);
	any = series_last(series, ret);
	series_unref(series);
	labels_unref(labels);
	return any;
}

static void samples_are_taken(void **state)
{
	struct strbuf plain = STRBUF_INIT;
	struct sample sample;
	struct world w;

	receive(&w);
	assert_answer(&w, &plain, 204, "");
	put_series(&plain, "a", NULL, 1.5, NOW_WALL_MS - 2000);
	put_series(&plain, "b.c", "d/e", -2, NOW_WALL_MS - 1000);
	/* Metadata, and whatever later versions may add. */
	put_bytes(&plain, 3, "\x08\x01", 2);
	put_varint(&plain, 9 << 3 | 0);
	put_varint(&plain, 300);
	assert_answer(&w, &plain, 204, "");
	assert_true(newest(&w, "a", NULL, &sample));
	assert_true(sample.value == 1.5 && sample.wall_ms == NOW_WALL_MS - 2000);
	assert_true(newest(&w, "b.c", "d/e", &sample));
	assert_true(sample.value == -2);
	/* The same again is nothing new; a marker ends a series. */
	assert_answer(&w, &plain, 204, "");
	strbuf_reset(&plain);
	put_series(&plain, "a", NULL, stale_nan(), NOW_WALL_MS);
	assert_answer(&w, &plain, 204, "");
	assert_true(newest(&w, "a", NULL, &sample) && is_stale_nan(sample.value));
	strbuf_release(&plain);
	world_end(&w);
}

static void a_sample_that_cannot_be_is_told_and_the_others_are_taken(void **state)
{
	static const struct {
		double value;
		int64_t wall_ms;
		const char *text;
	} rows[] = {
		{ 1, NOW_WALL_MS - 5001, "out of order sample\n" },
		{ 2, NOW_WALL_MS - 5000, "duplicate sample for timestamp\n" },
		{ 1, NOW_WALL_MS + 10 * 60 * 1000 + 1, "out of bounds\n" },
	};
	struct strbuf plain = STRBUF_INIT;
	struct sample sample;
	struct world w;

	receive(&w);
	put_series(&plain, "a", NULL, 1, NOW_WALL_MS - 5000);
	assert_answer(&w, &plain, 204, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		strbuf_reset(&plain);
		put_series(&plain, "a", NULL, rows[i].value, rows[i].wall_ms);
		put_series(&plain, "b", NULL, (double)i, NOW_WALL_MS + (int64_t)i);
		assert_answer(&w, &plain, 400, rows[i].text);
		assert_true(newest(&w, "b", NULL, &sample) && sample.value == (double)i);
	}
	assert_true(newest(&w, "a", NULL, &sample) && sample.wall_ms == NOW_WALL_MS - 5000);
	strbuf_release(&plain);
	world_end(&w);
}

/* As Prometheus: who sends them would not send others. */
static void series_that_cannot_be_are_passed_over(void **state)
{
	struct strbuf plain = STRBUF_INIT, series = STRBUF_INIT;
	struct tsdb_stats before, after;
	struct sample sample;
	struct world w;

	receive(&w);
	tsdb_stats(w.db, &before);
	put_label(&series, "only", "label");
	put_sample(&series, 1, NOW_WALL_MS);
	put_bytes(&plain, 1, series.s, series.len);
	put_series(&plain, "a", "__name__", 1, NOW_WALL_MS);
	put_series(&plain, "a\xff", NULL, 1, NOW_WALL_MS);
	put_series(&plain, "a", "", 1, NOW_WALL_MS);
	put_series(&plain, "", NULL, 1, NOW_WALL_MS);
	assert_answer(&w, &plain, 204, "");
	tsdb_stats(w.db, &after);
	assert_int_equal(after.series, before.series);
	put_series(&plain, "good", NULL, 1, NOW_WALL_MS);
	assert_answer(&w, &plain, 204, "");
	assert_true(newest(&w, "good", NULL, &sample));
	strbuf_release(&series);
	strbuf_release(&plain);
	world_end(&w);
}

static void what_is_no_request_is_refused(void **state)
{
	struct strbuf plain = STRBUF_INIT;
	struct request *req;
	struct world w;

	receive(&w);
	strbuf_addch(&plain, 0x0a);
	assert_answer(&w, &plain, 400, "the body is not a WriteRequest\n");
	strbuf_reset(&plain);
	put_series(&plain, "a", NULL, 1, NOW_WALL_MS);
	/* Cut off anywhere it is none; but nothing is read that is not there. */
	for (size_t len = plain.len - 1; len > 0; len--) {
		struct strbuf less = STRBUF_INIT;

		strbuf_add(&less, plain.s, len);
		assert_answer(&w, &less, 400, "the body is not a WriteRequest\n");
		strbuf_release(&less);
	}
	req = post(&w, PROTOBUF, &plain, false);
	assert_int_equal(req->response.status, 400);
	assert_string_equal(req->response.body.s, "snappy: corrupt input\n");
	request_free(req);
	strbuf_release(&plain);
	world_end(&w);
}

static void other_messages_are_told_by_415(void **state)
{
	static const struct {
		const char *type;
		unsigned status;
	} rows[] = {
		{ PROTOBUF, 204 },
		{ "Application/X-Protobuf; proto=prometheus.WriteRequest", 204 },
		{ PROTOBUF ";proto=io.prometheus.write.v2.Request", 415 },
		{ "application/x-protobuffer", 415 },
		{ "application/json", 415 },
		{ NULL, 415 },
	};
	struct strbuf plain = STRBUF_INIT;
	struct world w;

	receive(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request *req = post(&w, rows[i].type, &plain, true);

		if (req->response.status != rows[i].status)
			fail_msg("%s: %u", rows[i].type, req->response.status);
		request_free(req);
	}
	strbuf_release(&plain);
	world_end(&w);
}

static void nobody_sends_where_it_was_not_allowed(void **state)
{
	struct strbuf plain = STRBUF_INIT;
	struct request *req;
	struct sample sample;
	struct world w;

	world_begin(&w);
	put_series(&plain, "a", NULL, 1, NOW_WALL_MS);
	req = post(&w, PROTOBUF, &plain, true);
	assert_int_equal(req->response.status, 404);
	assert_non_null(strstr(req->response.body.s, "--web.enable-remote-write-receiver"));
	assert_false(newest(&w, "a", NULL, &sample));
	request_free(req);
	strbuf_release(&plain);
	world_end(&w);
}

static void thousands_of_series_are_taken_whole(void **state)
{
	struct strbuf plain = STRBUF_INIT;
	struct tsdb_stats stats;
	struct world w;
	char name[20];

	receive(&w);
	strbuf_release(&plain);
	strbuf_init(&plain, HTTP_MAX_BODY);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		put_series(&plain, name, "a", i, NOW_WALL_MS);
	}
	assert_answer(&w, &plain, 204, "");
	tsdb_stats(w.db, &stats);
	assert_int_equal(stats.series, 5000);
	strbuf_release(&plain);
	world_end(&w);
}

static int post_once(void *userdata)
{
	struct world *w = ((void **)userdata)[0];
	const struct strbuf *plain = ((void **)userdata)[1];
	struct request *req;
	unsigned status;

	if (request_new(w->api, "/api/v1/write", &req))
		return -ENOMEM;
	req->method = strdup("POST");
	req->content_type = strdup(PROTOBUF);
	pack(&req->body, plain);
	if (!req->method || !req->content_type || req->body.err) {
		request_free(req);
		return -ENOMEM;
	}
	answer_whole(w, req);
	status = req->response.status;
	request_free(req);
	assert_true(status == 204 || status == 500);
	return status == 204 ? 0 : -ENOMEM;
}

static void survives_memory_running_out(void **state)
{
	struct strbuf plain = STRBUF_INIT;
	struct world w;

	receive(&w);
	put_series(&plain, "a", NULL, 1, NOW_WALL_MS);
	put_series(&plain, "b", "c", 2, NOW_WALL_MS);
	with_failing_allocations(post_once, (void *[]){ &w, &plain });
	strbuf_release(&plain);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_taken),
		cmocka_unit_test(a_sample_that_cannot_be_is_told_and_the_others_are_taken),
		cmocka_unit_test(series_that_cannot_be_are_passed_over),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(other_messages_are_told_by_415),
		cmocka_unit_test(nobody_sends_where_it_was_not_allowed),
		cmocka_unit_test(thousands_of_series_are_taken_whole),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
