/*
 * fetch_curl.c - a target's text through libcurl: names, TLS, proxies, credentials, redirects, gzip.
 *
 * The limit on the body counts what comes out of gzip, while it comes, so a small answer that
 * unfolds to gigabytes is cut at the limit.
 */
#include "scrape/fetch_curl.h"

#include <errno.h>
#include <stdio.h>
#include "client/options.h"
#include "scrape/headers.h"
#include "scrape/scrape.h"

#define MAX_REDIRECTS 10l

struct fetch_curl {
	struct net *net;
	struct net_transfer *transfer;
	sd_event_source *failing; /* it failed before it began */
	CURL *easy;
	struct curl_slist *headers; /* while a transfer is under way */
	struct curl_slist *connect_to, *proxy_headers;
	struct strbuf body;
	size_t max_bytes;
	char curl_error[CURL_ERROR_SIZE];
	char error[CURL_ERROR_SIZE + 64];
	fetch_curl_done_fn *done;
	void *userdata;
};

static long status(const struct fetch_curl *f)
{
	long code = 0;

	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &code);
	return code;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
	struct fetch_curl *f = userdata;

	/* What an error page says is not wanted, however long it is. */
	if (status(f) != 200)
		return 0;
	strbuf_add(&f->body, bytes, size * n);
	return f->body.err ? 0 : size * n;
}

/* Why there is no body, or NULL. */
static const char *why_not(struct fetch_curl *f, CURLcode result)
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
	else
		return NULL;
	return f->error;
}

static void on_done(CURL *easy, CURLcode result, void *userdata)
{
	struct fetch_curl *f = userdata;
	struct strbuf body = f->body;
	const char *error;
	char *type = NULL;

	f->transfer = NULL;
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	client_headers_free(TAKE(f->headers));
	error = why_not(f, result);
	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	/* The callback may start the next one. */
	strbuf_init(&f->body, f->max_bytes);
	f->done(body.s, error ? 0 : body.len, type, error, f->userdata);
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
static bool set_server_name(struct fetch_curl *f, const struct target_spec *spec, const char *name)
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

static bool set_tls(struct fetch_curl *f, const struct target_spec *spec)
{
	const struct config_tls *tls = &spec->job->tls;
	const char *name = target_spec_server_name(spec);

	if (!starts_with(spec->url, "https:"))
		return true;
	if (tls->set && name && !set_server_name(f, spec, name))
		return false;
	return !client_set_tls(f->easy, tls);
}

static bool set_up(struct fetch_curl *f, const struct target_spec *spec)
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
	       !client_set_proxy(easy, &spec->job->http, spec->url, &f->proxy_headers, NULL) &&
	       set_tls(f, spec);
}

int fetch_curl_new(struct net *net, const struct target_spec *spec, fetch_curl_done_fn *done,
	void *userdata, struct fetch_curl **ret)
{
	scoped(fetch_curl_freep) struct fetch_curl *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->net = net;
	f->done = done;
	f->userdata = userdata;
	f->max_bytes = fetch_max_bytes(spec);
	strbuf_init(&f->body, f->max_bytes);
	f->easy = curl_easy_init();
	if (!f->easy || !set_up(f, spec))
		return -ENOMEM;
	*ret = TAKE(f);
	return 0;
}

void fetch_curl_free(struct fetch_curl *fetch)
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
	free(fetch);
}

static int on_failing(sd_event_source *source, void *userdata)
{
	struct fetch_curl *f = userdata;

	f->failing = sd_event_source_disable_unref(f->failing);
	f->done(NULL, 0, NULL, f->error, f->userdata);
	return 0;
}

int fetch_curl_start(struct fetch_curl *fetch, const struct target_spec *spec, bool fresh)
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
			fetch->easy, &spec->job->http, NULL, fetch->error, sizeof(fetch->error));
	if (!err)
		return net_start(fetch->net, fetch->easy, on_done, fetch, &fetch->transfer);
	if (err == -ENOMEM)
		return err;
	/* The caller is told from the loop, like of any other fault. */
	err = sd_event_add_defer(net_event(fetch->net), &fetch->failing, on_failing, fetch);
	return MIN(err, 0);
}
