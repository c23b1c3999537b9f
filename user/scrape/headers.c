/*
 * headers.c - what a scrape says of itself in its request.
 */
#include "scrape/headers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include "base/num.h"

/* The formats by the names that scrape_protocols has for them, in Prometheus 3's order. */
static const struct format {
	const char *protocol, *type;
} formats[] = {
	{ "OpenMetricsText1.0.0",
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8" },
	{ "OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1" },
	{ "PrometheusText1.0.0", "text/plain;version=1.0.0;escaping=allow-utf-8" },
	{ "PrometheusText0.0.4", "text/plain;version=0.0.4" },
};

static int add(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

/* "name: value". What may be a secret leaves no second copy behind. */
static int add_pair(struct curl_slist **list, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 3;
	char *line = malloc(size);
	int err;

	if (!line)
		return -ENOMEM;
	/* libcurl takes a semicolon for a header without a value. */
	snprintf(line, size, *value ? "%s: %s" : "%s;%s", name, value);
	err = add(list, line);
	config_secret_wipe(&line);
	return err;
}

int header_secret(const struct config_secret *secret, const char *what, char **ret, char *error,
	size_t error_size)
{
	char *value = NULL;
	size_t blank;
	int err;

	if (!secret->file.s && !secret->value.s) {
		*ret = strdup("");
		return *ret ? 0 : -ENOMEM;
	}
	err = config_secret_read(secret, &value);
	if (err) {
		if (err != -ENOMEM)
			snprintf(error, error_size, "unable to read %s file %s: %s", what,
				secret->file.s ? secret->file.s : "", strerror(-err));
		return err;
	}
	for (blank = 0; secret->file.s && isspace((unsigned char)value[blank]);)
		blank++;
	memmove(value, value + blank, strlen(value + blank) + 1);
	if (value[strcspn(value, "\r\n")]) {
		snprintf(error, error_size, "the %s has more than one line", what);
		config_secret_wipe(&value);
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

static const char *type_of(const char *protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (streq(formats[i].protocol, protocol))
			return formats[i].type;
	}
	return "text/plain";
}

/* Each a little less wanted than the one before, and anything rather than nothing. */
static int add_accept(struct curl_slist **list, const struct config_protocols *protocols)
{
	size_t n = protocols->n ? protocols->n : ARRAY_SIZE(formats);
	struct strbuf line = STRBUF_INIT;
	int err;

	strbuf_adds(&line, "Accept: ");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&line, "%s;q=0.%zu,",
			protocols->n ? type_of(protocols->items[i].s) : formats[i].type, n + 1 - i);
	strbuf_adds(&line, "*/*;q=0.1");
	err = line.err ? line.err : add(list, line.s);
	strbuf_release(&line);
	return err;
}

static int add_authorization(
	struct curl_slist **list, const struct config_http *http, char *error, size_t error_size)
{
	char *secret = NULL, *value;
	size_t size;
	int err;

	err = header_secret(
		&http->credentials, "authorization credentials", &secret, error, error_size);
	if (err)
		return err;
	size = strlen(http->auth_type.s) + strlen(secret) + 2;
	value = malloc(size);
	if (value) {
		snprintf(value, size, "%s %s", http->auth_type.s, secret);
		err = add_pair(list, "Authorization", value);
	} else {
		err = -ENOMEM;
	}
	config_secret_wipe(&value);
	config_secret_wipe(&secret);
	return err;
}

static int add_header(struct curl_slist **list, const struct config_header *header, char *error,
	size_t error_size)
{
	int err = 0;

	for (size_t i = 0; !err && i < header->n_values; i++)
		err = add_pair(list, header->name.s, header->values[i].s);
	for (size_t i = 0; !err && i < header->n_files; i++) {
		const struct config_secret file = { .file = header->files[i] };
		char *value = NULL;

		err = header_secret(&file, "http header", &value, error, error_size);
		if (!err)
			err = add_pair(list, header->name.s, value);
		config_secret_wipe(&value);
	}
	return err;
}

static int add_plain(struct curl_slist **list, const struct target_spec *spec)
{
	char seconds[NUM_MAX];
	int err = add_accept(list, &spec->job->protocols);

	num_format(seconds, (double)spec->timeout_ms / 1000);
	if (!err)
		err = add_pair(list, "X-Prometheus-Scrape-Timeout-Seconds", seconds);
	if (!err && !spec->job->enable_compression)
		err = add(list, "Accept-Encoding: identity");
	/* There the URL names another host than the target: see fetch.c. */
	if (!err && target_spec_server_name(spec))
		err = add_pair(list, "Host", spec->address);
	return err;
}

int headers_make(
	const struct target_spec *spec, struct curl_slist **ret, char *error, size_t error_size)
{
	const struct config_http *http = &spec->job->http;
	struct curl_slist *list = NULL;
	int err = add_plain(&list, spec);

	if (!err && http->auth_type.s)
		err = add_authorization(&list, http, error, error_size);
	for (size_t i = 0; !err && i < http->headers.n; i++)
		err = add_header(&list, &http->headers.items[i], error, error_size);
	if (err) {
		headers_free(list);
		return err;
	}
	*ret = list;
	return 0;
}

void headers_free(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}
