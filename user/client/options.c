/*
 * options.c - what the settings say about a client of HTTP, told to libcurl.
 */
#include "client/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include "base/strbuf.h"

/* What Go's client never sends through a proxy that may be passed by. */
#define NEVER_PROXIED "localhost,127.0.0.0/8,::1,"

static int add(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

/* What may be a secret leaves no second copy behind. */
int client_add_header(struct curl_slist **list, const char *name, const char *value)
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

int client_drop_header(struct curl_slist **list, const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "%s:", name);
	return add(list, line);
}

void client_headers_free(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}

int client_secret(const struct config_secret *secret, const char *what, char **ret, char *error,
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

static int add_authorization(struct curl_slist **list, const struct config_http *http,
	struct censor *shown, char *error, size_t error_size)
{
	char *secret = NULL, *value;
	size_t size;
	int err;

	err = client_secret(
		&http->credentials, "authorization credentials", &secret, error, error_size);
	if (err)
		return err;
	censor_add(shown, secret);
	size = strlen(http->auth_type.s) + strlen(secret) + 2;
	value = malloc(size);
	if (value) {
		snprintf(value, size, "%s %s", http->auth_type.s, secret);
		err = client_add_header(list, "Authorization", value);
	} else {
		err = -ENOMEM;
	}
	config_secret_wipe(&value);
	config_secret_wipe(&secret);
	return err;
}

static int add_from_settings(struct curl_slist **list, const struct config_header *header,
	struct censor *shown, char *error, size_t error_size)
{
	int err = 0;

	for (size_t i = 0; !err && i < header->n_values; i++) {
		if (header->secret)
			censor_add(shown, header->values[i].s);
		err = client_add_header(list, header->name.s, header->values[i].s);
	}
	for (size_t i = 0; !err && i < header->n_files; i++) {
		const struct config_secret file = { .file = header->files[i] };
		char *value = NULL;

		err = client_secret(&file, "http header", &value, error, error_size);
		if (!err) {
			censor_add(shown, value);
			err = client_add_header(list, header->name.s, value);
		}
		config_secret_wipe(&value);
	}
	return err;
}

int client_add_credentials(struct curl_slist **list, const struct config_http *http,
	struct censor *shown, char *error, size_t error_size)
{
	int err = 0;

	if (http->auth_type.s)
		err = add_authorization(list, http, shown, error, error_size);
	for (size_t i = 0; !err && i < http->headers.n; i++)
		err = add_from_settings(list, &http->headers.items[i], shown, error, error_size);
	return err;
}

int client_set_basic_auth(CURL *easy, const struct config_http *http, struct censor *shown,
	char *error, size_t error_size)
{
	char *user = NULL, *password = NULL;
	int err;

	err = client_secret(&http->username, "username", &user, error, error_size);
	if (!err)
		err = client_secret(&http->password, "password", &password, error, error_size);
	censor_add_login(shown, user, password);
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	if (!err && (curl_easy_setopt(easy, CURLOPT_USERNAME, user) ||
			    curl_easy_setopt(easy, CURLOPT_PASSWORD, password)))
		err = -ENOMEM;
	config_secret_wipe(&user);
	config_secret_wipe(&password);
	return err;
}

/* -- the way there -- */

static const char *first_set(const char *name, const char *other)
{
	const char *value = getenv(name);

	if (!value || !*value)
		value = getenv(other);
	return value ? value : "";
}

/*
 * An empty proxy: none, not even the environment's, which libcurl would take by itself; there it
 * lacks Go's HTTP_PROXY in capitals.
 */
int client_set_proxy(CURL *easy, const struct config_http *http, const char *url,
	struct curl_slist **proxy_headers, struct censor *shown)
{
	const char *proxy = http->proxy_url.s ? http->proxy_url.s : "";
	const char *without = http->no_proxy.s ? http->no_proxy.s : "";
	struct strbuf none = STRBUF_INIT;
	int err = 0;

	if (http->proxy_from_environment) {
		proxy = starts_with(url, "https:") ? first_set("https_proxy", "HTTPS_PROXY")
						   : first_set("http_proxy", "HTTP_PROXY");
		without = first_set("no_proxy", "NO_PROXY");
	}
	censor_add_url_login(shown, proxy);
	if (*without || http->proxy_from_environment)
		strbuf_addf(&none, NEVER_PROXIED "%s", without);
	if (none.err || curl_easy_setopt(easy, CURLOPT_PROXY, proxy) ||
		curl_easy_setopt(easy, CURLOPT_NOPROXY, none.s))
		err = -ENOMEM;
	strbuf_release(&none);
	for (size_t i = 0; !err && i < http->proxy_connect_headers.n; i++)
		err = add_from_settings(
			proxy_headers, &http->proxy_connect_headers.items[i], shown, NULL, 0);
	/* Nothing of ours goes to the proxy when a tunnel is asked for. */
	curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	curl_easy_setopt(easy, CURLOPT_PROXYHEADER, *proxy_headers);
	return err;
}

static bool set_file(CURL *easy, CURLoption option, const struct config_text *file)
{
	return !file->s || !*file->s || !curl_easy_setopt(easy, option, file->s);
}

static long version(const struct config_text *text, const long by_name[4], long otherwise)
{
	static const char *const names[] = { "TLS10", "TLS11", "TLS12", "TLS13" };

	for (size_t i = 0; text->s && i < ARRAY_SIZE(names); i++) {
		if (streq(text->s, names[i]))
			return by_name[i];
	}
	return otherwise;
}

long client_tls_versions(const struct config_tls *tls)
{
	static const long min[] = { CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1,
		CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3 };
	static const long max[] = { CURL_SSLVERSION_MAX_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_1,
		CURL_SSLVERSION_MAX_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_3 };
	long lowest = CURL_SSLVERSION_TLSv1_2;

	/* An old one as the newest allowed is an old one allowed. */
	if (tls->max_version.s && strcmp(tls->max_version.s, "TLS12") < 0)
		lowest = version(&tls->max_version, min, lowest);
	return version(&tls->min_version, min, lowest) |
	       version(&tls->max_version, max, CURL_SSLVERSION_MAX_DEFAULT);
}

int client_set_tls(CURL *easy, const struct config_tls *tls)
{
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, client_tls_versions(tls));
	if (!tls->set)
		return 0;
	if (tls->insecure_skip_verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0l);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0l);
	}
	/* The owner's authorities stand in place of the system's, as Go has it. */
	if (tls->ca_file.s && *tls->ca_file.s)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	return set_file(easy, CURLOPT_CAINFO, &tls->ca_file) &&
			       set_file(easy, CURLOPT_SSLCERT, &tls->cert_file) &&
			       set_file(easy, CURLOPT_SSLKEY, &tls->key_file)
		       ? 0
		       : -ENOMEM;
}

/* The URL's own host and port, with the scheme's port where it has none. */
static int split(CURLU *url, const char *text, char **host, char **port, char **scheme)
{
	CURLUcode code = curl_url_set(url, CURLUPART_URL, text, 0);

	if (code)
		return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
	if (curl_url_get(url, CURLUPART_HOST, host, 0) ||
		curl_url_get(url, CURLUPART_SCHEME, scheme, 0) ||
		curl_url_get(url, CURLUPART_PORT, port, CURLU_DEFAULT_PORT))
		return -ENOMEM;
	return 0;
}

static int set_other_name(CURL *easy, CURLU *url, const char *host, const char *port,
	const char *name, struct curl_slist **connect_to, struct curl_slist **headers)
{
	struct strbuf line = STRBUF_INIT;
	char *text = NULL;
	bool usual = streq(port, "443");
	int err = 0;

	strbuf_addf(&line, "::%s:%s", host, port);
	if (line.err || curl_url_set(url, CURLUPART_HOST, name, 0) ||
		curl_url_get(url, CURLUPART_URL, &text, 0) ||
		curl_easy_setopt(easy, CURLOPT_URL, text))
		err = -ENOMEM;
	if (!err)
		err = add(connect_to, line.s);
	strbuf_reset(&line);
	strbuf_addf(&line, "%s%s%s", host, usual ? "" : ":", usual ? "" : port);
	if (!err)
		err = line.err ? line.err : client_add_header(headers, "Host", line.s);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, *connect_to);
	strbuf_release(&line);
	curl_free(text);
	return err;
}

int client_set_url(CURL *easy, const char *url, const struct config_tls *tls,
	struct curl_slist **connect_to, struct curl_slist **headers)
{
	const char *name = tls->set && tls->server_name.s ? tls->server_name.s : "";
	char *host = NULL, *port = NULL, *scheme = NULL;
	CURLU *parts = curl_url();
	int err;

	if (!parts)
		return -ENOMEM;
	err = split(parts, url, &host, &port, &scheme);
	if (!err && *name && streq(scheme, "https") && !streq(name, host))
		err = set_other_name(easy, parts, host, port, name, connect_to, headers);
	else if (!err && curl_easy_setopt(easy, CURLOPT_URL, url))
		err = -ENOMEM;
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_url_cleanup(parts);
	return err;
}
