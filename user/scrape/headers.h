/*
 * headers.h - the header lines of a scrape's request, secrets among them.
 */
#ifndef TOLLD_SCRAPE_HEADERS_H
#define TOLLD_SCRAPE_HEADERS_H

#include <curl/curl.h>
#include "scrape/target.h"

/* What follows "Accept: ": each a little less wanted than the one before, anything rather than nothing. */
void headers_accept(
	const struct config_protocols *protocols, const char *escaping, struct strbuf *out);

/*
 * All lines but those that libcurl writes itself. Files are read now. -ENOMEM; or another errno with
 * error[] telling which secret cannot be had. To be freed with client_headers_free().
 */
int headers_make(
	const struct target_spec *spec, struct curl_slist **ret, char *error, size_t error_size);

#endif
