/*
 * fetch.c - HTTP by libcurl.
 *
 * The limit on the body counts what comes out of gzip, while it comes, so a small answer that
 * unfolds to gigabytes is cut at the limit.
 */
#include "scrape/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include "client/options.h"
#include "scrape/headers.h"
#include "scrape/scrape.h"

#define MAX_REDIRECTS 10l

struct fetch {
	struct net *net;
	struct net_transfer *transfer;
	sd_event_source *failing; /* it failed before it began */
	CURL *easy;
	struct curl_slist *headers; /* while a transfer is under way */
	struct curl_slist *connect_to, *proxy_headers;
	struct strbuf body;
	size_t max_bytes;
	char *fallback;
	bool openmetrics; /* what the body is */
	char curl_error[CURL_ERROR_SIZE];
	char error[CURL_ERROR_SIZE + 64];
	fetch_done_fn *done;
	void *userdata;
};

int fetch_check_type(const char *content_type, const char *fallback, bool *ret_openmetrics,
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

static long status(const struct fetch *f)
{
	long code = 0;

	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &code);
	return code;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
	struct fetch *f = userdata;

	/* What an error page says is not wanted, however long it is. */
	if (status(f) != 200)
		return 0;
	strbuf_add(&f->body, bytes, size * n);
	return f->body.err ? 0 : size * n;
}

static int check_type(struct fetch *f)
{
	char *type = NULL;

	curl_easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &type);
	return fetch_check_type(type, f->fallback, &f->openmetrics, f->error, sizeof(f->error));
}

/* Why there is no body, or NULL. */
static const char *why_not(struct fetch *f, CURLcode result)
{
	if (f->body.err == -EMSGSIZE)
		snprintf(f->error, sizeof(f->error),
			"body size limit exceeded: more than %zu bytes", f->max_bytes);
	else if (f->body.err)
		snprintf(f->error, sizeof(f->error), "out of memory");
	else if (status(f) != 200 && (!result || (result == CURLE_WRITE_ERROR && status(f))))
		snprintf(f->error, sizeof(f->error), "server returned HTTP status %ld", status(f));
	else if (result)
		snprintf(f->error, sizeof(f->error), "%s",
			f->curl_error[0] ? f->curl_error : curl_easy_strerror(result));
	else if (!check_type(f))
		return NULL;
	return f->error;
}

static void on_done(CURL *easy, CURLcode result, void *userdata)
{
	struct fetch *f = userdata;
	struct strbuf body = f->body;
	const char *error;

	f->transfer = NULL;
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	client_headers_free(TAKE(f->headers));
	error = why_not(f, result);
	/* The callback may start the next one. */
	strbuf_init(&f->body, f->max_bytes);
	f->done(body.s, error ? 0 : body.len, f->openmetrics, error, f->userdata);
	strbuf_release(&body);
}

static bool add(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (longer)
		*list = longer;
	return longer != NULL;
}

/*
 * libcurl checks a certificate against the host of the URL. Where server_name says another one,
 * that stands in the URL, and the connection goes to the target all the same.
 */
static bool set_server_name(struct fetch *f, const struct target_spec *spec, const char *name)
{
	const char *rest = strstr(spec->url, "://") + 3 + strlen(spec->address);
	const char *colon = strrchr(spec->address, ':');
	bool has_port = colon && !strchr(colon, ']'), good;
	struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "https://%s%s%s", name, has_port ? colon : "", rest);
	good = !text.err && !curl_easy_setopt(f->easy, CURLOPT_URL, text.s);
	strbuf_reset(&text);
	strbuf_addf(&text, "::%s%s", spec->address, has_port ? "" : ":443");
	good = good && !text.err && add(&f->connect_to, text.s);
	strbuf_release(&text);
	curl_easy_setopt(f->easy, CURLOPT_CONNECT_TO, f->connect_to);
	return good;
}

static bool set_tls(struct fetch *f, const struct target_spec *spec)
{
	const struct config_tls *tls = &spec->job->tls;
	const char *name = target_spec_server_name(spec);

	if (!starts_with(spec->url, "https:"))
		return true;
	if (tls->set && name && !set_server_name(f, spec, name))
		return false;
	return !client_set_tls(f->easy, tls);
}

static bool set_up(struct fetch *f, const struct target_spec *spec)
{
	CURL *easy = f->easy;

	if (curl_easy_setopt(easy, CURLOPT_URL, spec->url))
		return false;
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, (long)spec->job->follow_redirects);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)spec->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536l);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, f->curl_error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, f);
	if (spec->job->enable_compression)
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	return !curl_easy_setopt(easy, CURLOPT_USERAGENT, "tolld/" TOLLD_VERSION) &&
	       !client_set_proxy(easy, &spec->job->http, spec->url, &f->proxy_headers) &&
	       set_tls(f, spec);
}

int fetch_new(struct net *net, const struct target_spec *spec, fetch_done_fn *done, void *userdata,
	struct fetch **ret)
{
	scoped(fetch_freep) struct fetch *f = calloc(1, sizeof(*f));
	const char *fallback = spec->job->fallback_scrape_protocol.s;

	if (!f)
		return -ENOMEM;
	f->net = net;
	f->done = done;
	f->userdata = userdata;
	f->max_bytes = spec->job->body_size_limit_bytes > 0
			       ? (size_t)spec->job->body_size_limit_bytes
			       : SCRAPE_MAX_BODY_BYTES;
	strbuf_init(&f->body, f->max_bytes);
	if (fallback && *fallback) {
		f->fallback = strdup(fallback);
		if (!f->fallback)
			return -ENOMEM;
	}
	f->easy = curl_easy_init();
	if (!f->easy || !set_up(f, spec))
		return -ENOMEM;
	*ret = TAKE(f);
	return 0;
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	net_cancel(fetch->transfer);
	sd_event_source_disable_unref(fetch->failing);
	curl_easy_cleanup(fetch->easy);
	client_headers_free(fetch->headers);
	client_headers_free(fetch->proxy_headers);
	curl_slist_free_all(fetch->connect_to);
	strbuf_release(&fetch->body);
	free(fetch->fallback);
	free(fetch);
}

static int on_failing(sd_event_source *source, void *userdata)
{
	struct fetch *f = userdata;

	f->failing = sd_event_source_disable_unref(f->failing);
	f->done(NULL, 0, false, f->error, f->userdata);
	return 0;
}

int fetch_start(struct fetch *fetch, const struct target_spec *spec, bool fresh)
{
	int err;

	strbuf_release(&fetch->body);
	strbuf_init(&fetch->body, fetch->max_bytes);
	fetch->curl_error[0] = '\0';
	curl_easy_setopt(fetch->easy, CURLOPT_FRESH_CONNECT, (long)fresh);
	client_headers_free(TAKE(fetch->headers));
	err = headers_make(spec, &fetch->headers, fetch->error, sizeof(fetch->error));
	curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
	if (!err && spec->job->http.basic_auth)
		err = client_set_basic_auth(
			fetch->easy, &spec->job->http, fetch->error, sizeof(fetch->error));
	if (!err)
		return net_start(fetch->net, fetch->easy, on_done, fetch, &fetch->transfer);
	if (err == -ENOMEM)
		return err;
	/* The caller is told from the loop, like of any other fault. */
	err = sd_event_add_defer(net_event(fetch->net), &fetch->failing, on_failing, fetch);
	return MIN(err, 0);
}
