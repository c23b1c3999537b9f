/*
 * origin.h - which pages in a browser may read answers, and which may change something.
 *
 * Any page that a browser shows can send requests to this machine. Reading is open to all, as with
 * Prometheus and Alertmanager, unless --web.cors.origin says whom. Changing is not: not from a page of
 * another origin, and not from one whose name only resolves to this machine (DNS rebinding). Programs
 * send no Origin and are not asked.
 */
#ifndef TOLLD_API_ORIGIN_H
#define TOLLD_API_ORIGIN_H

#include "api/http.h"

/* Whether the request may change something. */
bool origin_may_change(const struct request *req);
/*
 * The same for a form, which any page can send without asking first: the browser has to say that it comes from
 * a page of our own, also where a proxy stands between.
 */
bool origin_may_submit(const struct request *req);
/* What the browser is told: `changes` where the path has methods that change something. */
void origin_set_cors(struct request *req, bool changes);

#endif
