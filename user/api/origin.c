/*
 * origin.c - Origin and Host, weighed.
 *
 * What changes something also wants JSON, which no page can send elsewhere without asking first, and
 * the answer to that asking is given here, too. The checks below still hold where a proxy or a browser
 * lets such a request through.
 */
#include "api/origin.h"

#include <arpa/inet.h>
#include <strings.h>
#include "api/state.h"

/* Name endings that nobody can have on the public net: behind them stands the local one. */
static const char *const local_endings[] = { "local", "localhost", "lan", "home", "internal",
	"localdomain", "home.arpa" };

struct text {
	const char *s;
	size_t len;
};

static bool text_is(struct text text, const char *other)
{
	return strlen(other) == text.len && !strncasecmp(text.s, other, text.len);
}

/* HOST of HOST:PORT, without the brackets of [V6]. */
static struct text host_of(const char *authority)
{
	struct text host = { authority, strcspn(authority, ":/") };

	if (*authority == '[')
		host = (struct text){ authority + 1, strcspn(authority + 1, "]") };
	return host;
}

/* What stands behind "http://", without a path. */
static struct text authority_of(const char *url)
{
	const char *s = url ? strstr(url, "://") : NULL;

	s = s ? s + 3 : "";
	return (struct text){ s, strcspn(s, "/") };
}

static bool is_address(struct text host)
{
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];

	if (host.len >= sizeof(text))
		return false;
	memcpy(text, host.s, host.len);
	text[host.len] = '\0';
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool ends_locally(struct text host)
{
	for (size_t i = 0; i < ARRAY_SIZE(local_endings); i++) {
		size_t len = strlen(local_endings[i]);

		if (host.len > len && host.s[host.len - len - 1] == '.' &&
			!strncasecmp(host.s + host.len - len, local_endings[i], len))
			return true;
	}
	return false;
}

/* Whether nobody elsewhere can make that name mean this machine. */
static bool is_own_name(const struct api_options *options, struct text host)
{
	struct text external = host_of(authority_of(options->external_url).s);

	/* A name without a dot is of this net, too. */
	if (!memchr(host.s, '.', host.len) || is_address(host) || ends_locally(host))
		return true;
	if (options->hostname && text_is(host, options->hostname))
		return true;
	return external.len && external.len == host.len &&
	       !strncasecmp(external.s, host.s, host.len);
}

static bool is_allowed(const struct request *req)
{
	const struct regex *allowed = req->api->cors_origin;

	return allowed && regex_matches(allowed, req->origin, strlen(req->origin));
}

static bool is_ours(const struct request *req)
{
	struct text external = authority_of(req->api->options.external_url);
	struct text origin = authority_of(req->origin);

	return text_is(origin, req->host) ||
	       (origin.len && origin.len == external.len &&
		       !strncasecmp(origin.s, external.s, origin.len));
}

bool origin_may_change(const struct request *req)
{
	if (!req->origin || is_allowed(req))
		return true;
	if (!req->host || !is_own_name(&req->api->options, host_of(req->host)))
		return false;
	/* A proxy that a browser speaks to, as Grafana's and karma's: it answers for its pages. */
	return req->forwarded || is_ours(req);
}

bool origin_may_submit(const struct request *req)
{
	if (!req->origin || !req->host)
		return false;
	if (is_allowed(req))
		return true;
	if (!is_own_name(&req->api->options, host_of(req->host)))
		return false;
	/* A proxy may have changed Host; this no page can forge, and it is sent where there is TLS, or localhost. */
	if (req->fetch_site)
		return streq(req->fetch_site, "same-origin");
	return is_ours(req);
}

void origin_set_cors(struct request *req, bool changes)
{
	struct response *resp = &req->response;
	bool allowed = req->origin && is_allowed(req);

	if (allowed)
		resp->cors_origin = req->origin;
	else if (!req->api->cors_origin)
		resp->cors_origin = "*";
	resp->cors_changes = allowed && changes;
	resp->cors_posts = allowed || !changes;
}
