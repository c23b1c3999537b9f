/*
 * near.h - targets that a simple question reaches: on this machine by its loopback addresses, in plain HTTP.
 */
#ifndef TOLLD_SCRAPE_NEAR_H
#define TOLLD_SCRAPE_NEAR_H

#include "net/http.h"
#include "scrape/target.h"

/*
 * Fills in the request, whose text is `text`. False: it is elsewhere, or takes credentials, TLS or a proxy;
 * then the request is not touched. Memory is out where text->err says so.
 */
bool near_request(
	const struct target_spec *spec, struct strbuf *text, struct http_request *request);

#endif
