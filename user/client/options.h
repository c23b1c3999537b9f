/*
 * options.h - what the settings say about a client of HTTP, told to libcurl.
 *
 * Secrets are read from their files at each use, leave no copy behind, and are in no message.
 */
#ifndef TOLLD_CLIENT_OPTIONS_H
#define TOLLD_CLIENT_OPTIONS_H

#include <curl/curl.h>
#include "base/censor.h"
#include "config/config.h"

/*
 * A secret's text without white space around it, "" where nothing is set; config_secret_wipe() frees
 * it. -ENOMEM, -EINVAL for more than one line, those of config_secret_read(); error[] says why.
 */
int client_secret(const struct config_secret *secret, const char *what, char **ret, char *error,
	size_t error_size);

/* Adds "name: value". -ENOMEM. */
int client_add_header(struct curl_slist **list, const char *name, const char *value);
/* Keeps libcurl from sending a header of its own. -ENOMEM. */
int client_drop_header(struct curl_slist **list, const char *name);
/*
 * Adds Authorization, where it is no basic_auth, and http_headers. As client_secret() fails. What is secret of it
 * goes into `shown`, here and below, where that is not NULL.
 */
int client_add_credentials(struct curl_slist **list, const struct config_http *http,
	struct censor *shown, char *error, size_t error_size);
/* Wipes and frees. */
void client_headers_free(struct curl_slist *headers);
int client_set_basic_auth(CURL *easy, const struct config_http *http, struct censor *shown,
	char *error, size_t error_size);

/*
 * The proxy, or none, not even the environment's. *proxy_headers is the caller's to free after the
 * handle, with client_headers_free(). -ENOMEM.
 */
int client_set_proxy(CURL *easy, const struct config_http *http, const char *url,
	struct curl_slist **proxy_headers, struct censor *shown);
/* Certificates and how they are checked, but for server_name; versions. -ENOMEM. */
int client_set_tls(CURL *easy, const struct config_tls *tls);
/* For CURLOPT_SSLVERSION: what the settings allow, from TLS 1.2 on where they do not say. */
long client_tls_versions(const struct config_tls *tls);
/*
 * Sets the URL. libcurl checks a certificate against the host of the URL: where server_name says
 * another one, that stands in the URL, the connection goes to the host all the same, and so does
 * `Host`, in *headers. *connect_to is the caller's to free after the handle. -ENOMEM, -EINVAL for what
 * is no URL.
 */
int client_set_url(CURL *easy, const char *url, const struct config_tls *tls,
	struct curl_slist **connect_to, struct curl_slist **headers);

#endif
