/*
 * headers.c - what a scrape says of itself in its request.
 */
#include "scrape/headers.h"

#include "base/num.h"
#include "client/options.h"

/* The formats by the names that scrape_protocols has for them, in Prometheus 3's order. */
static const struct format {
	const char *protocol, *type;
	bool escaping; /* says how names are to be escaped */
} formats[] = {
	{ "OpenMetricsText1.0.0", "application/openmetrics-text;version=1.0.0", true },
	{ "OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1", false },
	{ "PrometheusText1.0.0", "text/plain;version=1.0.0", true },
	{ "PrometheusText0.0.4", "text/plain;version=0.0.4", false },
};

static const struct format *format_of(const char *protocol)
{
	static const struct format other = { "", "text/plain", false };

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (streq(formats[i].protocol, protocol))
			return &formats[i];
	}
	return &other;
}

void headers_accept(
	const struct config_protocols *protocols, const char *escaping, struct strbuf *out)
{
	size_t n = protocols->n ? protocols->n : ARRAY_SIZE(formats);

	for (size_t i = 0; i < n; i++) {
		const struct format *f =
			protocols->n ? format_of(protocols->items[i].s) : &formats[i];

		strbuf_adds(out, f->type);
		if (f->escaping)
			strbuf_addf(out, ";escaping=%s", escaping ? escaping : "allow-utf-8");
		strbuf_addf(out, ";q=0.%zu,", n + 1 - i);
	}
	strbuf_adds(out, "*/*;q=0.1");
}

static int add_accept(struct curl_slist **list, const struct config_scrape *job)
{
	struct strbuf line = STRBUF_INIT;
	int err;

	headers_accept(&job->protocols, job->escaping.s, &line);
	err = line.err ? line.err : client_add_header(list, "Accept", line.s);
	strbuf_release(&line);
	return err;
}

static int add_plain(struct curl_slist **list, const struct target_spec *spec)
{
	char seconds[NUM_MAX];
	int err = add_accept(list, spec->job);

	num_format(seconds, (double)spec->timeout_ms / 1000);
	if (!err)
		err = client_add_header(list, "X-Prometheus-Scrape-Timeout-Seconds", seconds);
	if (!err && !spec->job->enable_compression)
		err = client_add_header(list, "Accept-Encoding", "identity");
	/* There the URL names another host than the target: see fetch.c. */
	if (!err && target_spec_server_name(spec))
		err = client_add_header(list, "Host", spec->address);
	return err;
}

int headers_make(
	const struct target_spec *spec, struct curl_slist **ret, char *error, size_t error_size)
{
	const struct config_http *http = &spec->job->http;
	struct curl_slist *list = NULL;
	int err = add_plain(&list, spec);

	if (!err)
		err = client_add_credentials(&list, http, NULL, error, error_size);
	if (err) {
		client_headers_free(list);
		return err;
	}
	*ret = list;
	return 0;
}
