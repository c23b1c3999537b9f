/*
 * http.c - one try to tell a service over HTTP, on the event loop.
 *
 * All requests of a notification are rendered first; then one is sent after the other, and the first
 * that is refused ends the try. It does not know when to try again.
 */
#include <errno.h>
#include <stdio.h>
#include "base/clock.h"
#include "deliver/delivery.h"
#include "deliver/payload.h"

struct request {
	struct delivery delivery;
	struct deliver *deliver;
	struct payload payload;
	size_t at; /* the request under way */
	struct client_call *call;
	int64_t started_boot_ns;
	delivery_done_fn *done;
	void *userdata;
};

static void request_free(struct request *r)
{
	if (!r)
		return;
	delivery_unlink(&r->delivery);
	client_cancel(r->call);
	payload_release(&r->payload);
	free(r);
}

DEFINE_FREEP(request)

static void delivery_free(struct delivery *delivery)
{
	request_free(container_of(delivery, struct request, delivery));
}

/* "200: ok" */
static void describe(struct payload *p, const struct client_answer *answer, char *out, size_t size)
{
	struct strbuf said = STRBUF_INIT;

	out[0] = '\0';
	if (answer && !answer->error) {
		payload_show(p, answer, &said, size - 32);
		snprintf(out, size, "%ld%s%s", answer->status, said.len ? ": " : "", said.s);
	}
	strbuf_release(&said);
}

static void finish(struct request *done, enum delivery_result result, const char *words,
	const struct client_answer *answer)
{
	scoped(request_freep) struct request *r = done;
	struct delivery_report report = { .result = result, .message = words };
	char said[DELIVERY_WORDS_MAX];

	delivery_unlink(&r->delivery);
	describe(&r->payload, answer, said, sizeof(said));
	report.answer = said[0] ? said : NULL;
	report.duration_ns = clock_boot_ns() - r->started_boot_ns;
	r->done(&report, r->userdata);
}

static void on_answer(const struct client_answer *answer, void *userdata);

static int start(struct request *r, char *error, size_t error_size)
{
	const struct payload_request *p = &r->payload.requests[r->at];
	int64_t passed_ms = (clock_boot_ns() - r->started_boot_ns) / NSEC_PER_MSEC;
	/* All requests together: none is left without any time. */
	int64_t timeout_ms = MAX(r->deliver->options.verdict_timeout_ms - passed_ms, (int64_t)1000);
	struct client_request request = {
		.method = p->method,
		.url = p->url,
		.content_type = p->content_type,
		.body = p->body.s,
		.len = p->body.len,
		.headers = p->headers,
		.n_headers = p->n_headers,
		.timeout_ms = timeout_ms,
		.sigv4 = p->sigv4,
		.access_key = p->access_key,
		.secret_key = p->secret_key,
	};

	if (r->payload.timeout_ms > 0)
		request.timeout_ms = MIN(r->payload.timeout_ms, timeout_ms);
	return client_start(r->deliver->client, &r->payload.integration->client, &request,
		on_answer, r, &r->call, error, error_size);
}

static void on_answer(const struct client_answer *answer, void *userdata)
{
	struct request *r = userdata;
	char words[DELIVERY_WORDS_MAX];
	enum delivery_result result;
	int err;

	r->call = NULL;
	result = payload_judge(&r->payload, r->at, answer, words, sizeof(words));
	if (result != DELIVERY_SENT || r->at + 1 == r->payload.n_requests) {
		finish(r, result, words, answer);
		return;
	}
	r->at++;
	err = start(r, words, sizeof(words));
	if (err)
		finish(r, err == -EINVAL ? DELIVERY_REFUSED : DELIVERY_RETRY,
			words[0] ? words : strerror(-err), NULL);
}

int deliver_http(struct deliver *deliver, const struct config_integration *integration,
	const struct notification *notification, delivery_done_fn *done, void *userdata,
	struct delivery **ret, char *error, size_t error_size)
{
	scoped(request_freep) struct request *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->deliver = deliver;
	r->done = done;
	r->userdata = userdata;
	r->started_boot_ns = clock_boot_ns();
	err = payload_render(
		&r->payload, integration, notification, &deliver->options, deliver->templates);
	if (err)
		snprintf(error, error_size, "%s", r->payload.error);
	else
		err = start(r, error, error_size);
	if (err)
		return err;
	r->delivery.free = delivery_free;
	delivery_link(deliver, &r->delivery);
	if (ret)
		*ret = &r->delivery;
	TAKE(r);
	return 0;
}
