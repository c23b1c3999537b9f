/*
 * http.h - GET over HTTP/1.1 from a server on this machine: one request, asked again and again.
 *
 * Why not libcurl: it and the thirty libraries behind it are more memory than all of tolld's own, and
 * at each round more time. What is asked here is the simplest that HTTP has: addresses, no names, no TLS,
 * no proxy, no redirect, no compression. An answer that takes more is told as such, and the caller asks
 * again by libcurl (net.h).
 */
#ifndef TOLLD_NET_HTTP_H
#define TOLLD_NET_HTTP_H

#include <sys/socket.h>
#include <systemd/sd-event.h>
#include "base/strbuf.h"

struct http;

#define HTTP_ADDRESSES_MAX 2

struct http_request {
	struct sockaddr_storage addresses[HTTP_ADDRESSES_MAX]; /* tried in this order */
	size_t n_addresses;
	const char *text; /* all of it, down to the empty line; copied */
	int64_t timeout_ms;
	size_t max_bytes; /* of the body */
};

enum http_result {
	HTTP_ANSWERED, /* with whatever status; the body only where it is 200 */
	HTTP_FAILED,   /* error says why */
	HTTP_TOO_LARGE,
	HTTP_ELSEWHERE, /* this takes libcurl */
};

/* Valid during the callback. */
struct http_answer {
	enum http_result result;
	const char *error;
	int status;
	bool redirects;
	const char *type; /* Content-Type; NULL: none */
	const char *body;
	size_t len;
};

/* Comes once for each http_start(), from the loop. It may start the next one, or free the client. */
typedef void http_done_fn(const struct http_answer *answer, void *userdata);

/* 0, -ENOMEM or what sd-event says. */
int http_new(sd_event *event, const struct http_request *request, http_done_fn *done,
	void *userdata, struct http **ret);
/* Stops what is under way without calling back. */
void http_free(struct http *http);
DEFINE_FREEP(http)

/*
 * Asks; not while it does already. fresh: over a new connection, else over the one that was kept. What can
 * be known at once, as that nobody listens, is known when this returns, and told in the next turn.
 */
int http_start(struct http *http, bool fresh);

#endif
