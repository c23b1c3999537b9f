/*
 * near.c - who is near, and what it is asked.
 */
#include "scrape/near.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include "base/num.h"
#include "scrape/headers.h"

#define HTTP_PORT 80

static void put_ipv4(struct http_request *request, struct in_addr host, in_port_t port)
{
	*(struct sockaddr_in *)&request->addresses[request->n_addresses++] = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = host
	};
}

static void put_ipv6(struct http_request *request, struct in6_addr host, in_port_t port)
{
	*(struct sockaddr_in6 *)&request->addresses[request->n_addresses++] = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = host
	};
}

/* "localhost" is never asked of anybody: both loopback addresses, IPv6 first, as resolvers have it. */
static bool put_host(struct http_request *request, const char *host, in_port_t port)
{
	const struct in_addr loopback = { htonl(INADDR_LOOPBACK) };
	struct in6_addr ipv6;
	struct in_addr ipv4;

	if (!strcasecmp(host, "localhost")) {
		put_ipv6(request, in6addr_loopback, port);
		put_ipv4(request, loopback, port);
	} else if (inet_pton(AF_INET, host, &ipv4) == 1 &&
		   ntohl(ipv4.s_addr) >> 24 == IN_LOOPBACKNET) {
		put_ipv4(request, ipv4, port);
	} else if (inet_pton(AF_INET6, host, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6)) {
		put_ipv6(request, ipv6, port);
	}
	return request->n_addresses > 0;
}

/* host, host:port or [v6]:port */
static bool put_address(struct http_request *request, const char *address)
{
	const char *colon = strrchr(address, ':');
	char host[INET6_ADDRSTRLEN + 2];
	int64_t port = HTTP_PORT;
	size_t len;

	if (colon && strchr(colon, ']'))
		colon = NULL;
	len = colon ? (size_t)(colon - address) : strlen(address);
	if (!len || len >= sizeof(host) || (colon && num_parse_int(colon + 1, 1, 65535, &port)))
		return false;
	memcpy(host, address, len);
	host[len] = '\0';
	if (host[0] != '[')
		return !strchr(host, ':') && put_host(request, host, (in_port_t)port);
	if (host[len - 1] != ']')
		return false;
	host[len - 1] = '\0';
	return strchr(host, ':') && put_host(request, host + 1, (in_port_t)port);
}

/* Loopback is never proxied by what the environment says, only by the file. */
static bool is_simple(const struct config_http *http)
{
	return !http->basic_auth && !http->auth_type.s && !http->headers.n &&
	       !(http->proxy_url.s && *http->proxy_url.s);
}

bool near_request(const struct target_spec *spec, struct strbuf *text, struct http_request *request)
{
	struct http_request r = { .timeout_ms = spec->timeout_ms };
	char seconds[NUM_MAX];

	if (!starts_with(spec->url, "http://") || !is_simple(&spec->job->http) ||
		!put_address(&r, spec->address))
		return false;
	num_format(seconds, (double)spec->timeout_ms / 1000);
	strbuf_addf(text, "GET %s HTTP/1.1\r\nHost: %s\r\n",
		spec->url + strlen("http://") + strlen(spec->address), spec->address);
	strbuf_adds(text, "User-Agent: tolld/" TOLLD_VERSION "\r\nAccept: ");
	headers_accept(&spec->job->protocols, spec->job->escaping.s, text);
	/* To press and to unfold it would cost both of us more than the loopback device does. */
	strbuf_addf(text,
		"\r\nAccept-Encoding: identity\r\nX-Prometheus-Scrape-Timeout-Seconds: %s\r\n\r\n",
		seconds);
	r.text = text->s;
	*request = r;
	return true;
}
