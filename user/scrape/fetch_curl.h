/*
 * fetch_curl.h - one target's text by HTTP, through libcurl.
 */
#ifndef TOLLD_SCRAPE_FETCH_CURL_H
#define TOLLD_SCRAPE_FETCH_CURL_H

#include "net/net.h"
#include "scrape/fetch.h"

struct fetch_curl;

/* error is NULL where the target answered 200; `type` is the Content-Type or NULL. */
typedef void fetch_curl_done_fn(
	const char *body, size_t len, const char *type, const char *error, void *userdata);

/* As fetch.h has it. */
int fetch_curl_new(struct net *net, const struct target_spec *spec, fetch_curl_done_fn *done,
	void *userdata, struct fetch_curl **ret);
void fetch_curl_free(struct fetch_curl *fetch);
DEFINE_FREEP(fetch_curl)
int fetch_curl_start(struct fetch_curl *fetch, const struct target_spec *spec, bool fresh);

#endif
