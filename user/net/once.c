/*
 * once.c - one request over HTTP, by libcurl's simple interface.
 */
#include "net/once.h"

#include <errno.h>
#include <stdio.h>
#include "net/net.h"

#define CONNECT_TIMEOUT_S 5l
/* A query may take two minutes; what takes longer has its own error by then. */
#define TIMEOUT_S 150l

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
	struct strbuf *body = userdata;

	strbuf_add(body, bytes, size * n);
	return body->err ? 0 : size * n;
}

/* A proxy of the environment has no way to this machine, nor to what the environment excepts. */
static CURLcode except_from_proxy(CURL *easy)
{
	struct strbuf hosts = STRBUF_INIT;
	const char *more = getenv("no_proxy");
	CURLcode code;

	if (!more || !*more)
		more = getenv("NO_PROXY");
	strbuf_addf(&hosts, "localhost,127.0.0.0/8,::1,%s", more ? more : "");
	code = hosts.err ? CURLE_OUT_OF_MEMORY : curl_easy_setopt(easy, CURLOPT_NOPROXY, hosts.s);
	strbuf_release(&hosts);
	return code;
}

static CURLcode perform(CURL *easy, const char *url, const char *form, struct strbuf *body)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "tolld/" TOLLD_VERSION);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
	/* The two that copy what they are given. */
	if (except_from_proxy(easy) || curl_easy_setopt(easy, CURLOPT_URL, url) ||
		(form && curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, form)))
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_perform(easy);
}

int net_once(const char *url, const char *form, struct strbuf *body, long *ret_status,
	char error[NET_ONCE_ERROR_MAX])
{
	char text[CURL_ERROR_SIZE] = "";
	CURL *easy;
	CURLcode code;

	if (net_fault()) {
		snprintf(error, NET_ONCE_ERROR_MAX, "%s", net_fault());
		return -EHOSTUNREACH;
	}
	easy = curl_easy_init();
	if (!easy)
		return -ENOMEM;
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text);
	code = perform(easy, url, form, body);
	if (!code)
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, ret_status);
	curl_easy_cleanup(easy);
	if (body->err)
		return body->err;
	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (!code)
		return 0;
	snprintf(error, NET_ONCE_ERROR_MAX, "%s", *text ? text : curl_easy_strerror(code));
	return -EHOSTUNREACH;
}
