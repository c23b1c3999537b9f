/*
 * headers.h - the header lines of a scrape's request, secrets among them.
 */
#ifndef TOLLD_SCRAPE_HEADERS_H
#define TOLLD_SCRAPE_HEADERS_H

#include <curl/curl.h>
#include "scrape/target.h"

/*
 * All lines but those that libcurl writes itself. Files are read now. -ENOMEM; or another errno with
 * error[] telling which secret cannot be had.
 */
int headers_make(
	const struct target_spec *spec, struct curl_slist **ret, char *error, size_t error_size);
/* Wipes and frees. */
void headers_free(struct curl_slist *headers);

/*
 * A secret's value for a request: without white space around it where it comes from a file, "" where
 * nothing is set; one line. The caller wipes it with config_secret_wipe(). Errors as above; `what`
 * is for the sentence: "password".
 */
int header_secret(const struct config_secret *secret, const char *what, char **ret, char *error,
	size_t error_size);

#endif
