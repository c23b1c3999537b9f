/*
 * fetch.h - one target's text by HTTP: asked for as Prometheus asks, measured while it comes.
 */
#ifndef TOLLD_SCRAPE_FETCH_H
#define TOLLD_SCRAPE_FETCH_H

#include "base/strbuf.h"
#include "net/net.h"
#include "scrape/target.h"

struct fetch;

/* error is NULL where the target answered 200 with a body in a format we read: OpenMetrics, or text. */
typedef void fetch_done_fn(
	const char *body, size_t len, bool openmetrics, const char *error, void *userdata);

/* The longest body that is read. */
size_t fetch_max_bytes(const struct target_spec *spec);

/* The spec is looked at now and not kept. 0 or -ENOMEM. */
int fetch_new(struct net *net, const struct target_spec *spec, fetch_done_fn *done, void *userdata,
	struct fetch **ret);
/* Stops what is under way without calling back. */
void fetch_free(struct fetch *fetch);
DEFINE_FREEP(fetch)

/*
 * Calls back once, from the loop. The spec, of the same settings as the first, must stay where it is until
 * then; it is for its secrets, whose files are read now. fresh: over a connection of its own, because a
 * kept one may be that of a process that is no more. -ENOMEM, or -ENOTSUP where net_fault() tells why.
 */
int fetch_start(struct fetch *fetch, const struct target_spec *spec, bool fresh);

#endif
