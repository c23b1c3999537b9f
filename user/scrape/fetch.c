/*
 * fetch.c - which way a target is asked, and whether the answer is one that we read.
 *
 * A target that is near is asked the simple way (net/http.h); if its answer takes more, it is asked again
 * by libcurl, and from then on always.
 */
#include "scrape/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include "scrape/fetch_curl.h"
#include "scrape/near.h"
#include "scrape/scrape.h"

struct fetch {
	struct net *net;
	struct http *near;		/* NULL: it is asked by libcurl */
	struct fetch_curl *far;		/* NULL: not needed yet */
	const struct target_spec *spec; /* while one is under way */
	bool fresh;
	bool follow_redirects;
	size_t max_bytes;
	char *fallback;
	char error[CURL_ERROR_SIZE + 64];
	fetch_done_fn *done;
	void *userdata;
};

/*
 * Whether a body of this Content-Type (NULL for none) is read; else error[] tells why not and
 * -EINVAL comes back. `fallback` is fallback_scrape_protocol or NULL.
 */
static int fetch_check_type(const char *content_type, const char *fallback, bool *ret_openmetrics,
	char *error, size_t error_size)
{
	static const struct {
		const char *type, *protocols[2];
		bool openmetrics;
	} formats[] = {
		{ "text/plain", { "PrometheusText0.0.4", "PrometheusText1.0.0" }, false },
		{ "application/openmetrics-text",
			{ "OpenMetricsText0.0.1", "OpenMetricsText1.0.0" }, true },
	};
	size_t len = content_type ? strcspn(content_type, "; \t") : 0;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (strlen(formats[i].type) == len &&
			!strncasecmp(content_type, formats[i].type, len)) {
			*ret_openmetrics = formats[i].openmetrics;
			return 0;
		}
	}
	for (size_t i = 0; fallback && i < ARRAY_SIZE(formats); i++) {
		if (streq(fallback, formats[i].protocols[0]) ||
			streq(fallback, formats[i].protocols[1])) {
			*ret_openmetrics = formats[i].openmetrics;
			return 0;
		}
	}
	if (fallback)
		snprintf(error, error_size, "fallback_scrape_protocol %.40s is not read", fallback);
	else
		snprintf(error, error_size,
			len ? "unsupported Content-Type \"%.*s\" and no fallback_scrape_protocol"
			    : "no Content-Type and no fallback_scrape_protocol%.*s",
			(int)MIN(len, (size_t)100), len ? content_type : "");
	return -EINVAL;
}

/* To Prometheus a body that is as long as the limit is too long already. */
size_t fetch_max_bytes(const struct target_spec *spec)
{
	return spec->job->body_size_limit_bytes > 0 ? (size_t)spec->job->body_size_limit_bytes - 1
						    : SCRAPE_MAX_BODY_BYTES;
}

/* An answer of 200, whichever way it came. */
static void finish(struct fetch *f, const char *body, size_t len, const char *type)
{
	bool openmetrics = false;
	int err = fetch_check_type(type, f->fallback, &openmetrics, f->error, sizeof(f->error));

	f->done(body, err ? 0 : len, openmetrics, err ? f->error : NULL, f->userdata);
}

static void finish_badly(struct fetch *f, const char *error)
{
	f->done(NULL, 0, false, error, f->userdata);
}

static void on_far(
	const char *body, size_t len, const char *type, const char *error, void *userdata)
{
	if (error)
		finish_badly(userdata, error);
	else
		finish(userdata, body, len, type);
}

static int start_far(struct fetch *f)
{
	int err = 0;

	if (!f->far)
		err = net_fault() ? -ENOTSUP : fetch_curl_new(f->net, f->spec, on_far, f, &f->far);
	return err ? err : fetch_curl_start(f->far, f->spec, f->fresh);
}

static void go_far(struct fetch *f)
{
	int err;

	http_free(TAKE(f->near));
	err = start_far(f);
	if (err)
		finish_badly(f, err == -ENOTSUP ? net_fault() : "out of memory");
}

static void on_near(const struct http_answer *answer, void *userdata)
{
	struct fetch *f = userdata;

	switch (answer->result) {
	case HTTP_FAILED:
		finish_badly(f, answer->error);
		break;
	case HTTP_TOO_LARGE:
		snprintf(f->error, sizeof(f->error),
			"body size limit exceeded: more than %zu bytes", f->max_bytes);
		finish_badly(f, f->error);
		break;
	case HTTP_ELSEWHERE:
		go_far(f);
		break;
	case HTTP_ANSWERED:
		if (answer->status == 200) {
			finish(f, answer->body, answer->len, answer->type);
		} else if (answer->redirects && f->follow_redirects) {
			go_far(f);
		} else {
			snprintf(f->error, sizeof(f->error), "server returned HTTP status %d",
				answer->status);
			finish_badly(f, f->error);
		}
		break;
	}
}

static int set_up(struct fetch *f, const struct target_spec *spec)
{
	const char *fallback = spec->job->fallback_scrape_protocol.s;
	struct strbuf text = STRBUF_INIT;
	struct http_request request;
	int err = 0;

	f->max_bytes = fetch_max_bytes(spec);
	f->follow_redirects = spec->job->follow_redirects;
	if (fallback && *fallback) {
		f->fallback = strdup(fallback);
		if (!f->fallback)
			return -ENOMEM;
	}
	if (!near_request(spec, &text, &request))
		return 0;
	request.max_bytes = f->max_bytes;
	err = text.err ? text.err : http_new(net_event(f->net), &request, on_near, f, &f->near);
	strbuf_release(&text);
	return err;
}

int fetch_new(struct net *net, const struct target_spec *spec, fetch_done_fn *done, void *userdata,
	struct fetch **ret)
{
	scoped(fetch_freep) struct fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->net = net;
	f->done = done;
	f->userdata = userdata;
	if (set_up(f, spec))
		return -ENOMEM;
	*ret = TAKE(f);
	return 0;
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	http_free(fetch->near);
	fetch_curl_free(fetch->far);
	free(fetch->fallback);
	free(fetch);
}

int fetch_start(struct fetch *fetch, const struct target_spec *spec, bool fresh)
{
	fetch->spec = spec;
	fetch->fresh = fresh;
	return fetch->near ? http_start(fetch->near, fresh) : start_far(fetch);
}
