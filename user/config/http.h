/*
 * http.h - the keys that everything with an HTTP or TLS client shares.
 *
 * Source: prometheus/common config/http_config.go.
 */
#ifndef TOLLD_CONFIG_HTTP_H
#define TOLLD_CONFIG_HTTP_H

#include "config/schema.h"

/* Reads a struct config_tls. */
extern const struct schema tls_schema;
/* http_config of a receiver, or the same keys inline, where all of it belongs to something unserved. */
extern const struct schema http_schema;
/* What scrape_configs shares with these and cannot be served: credentials, proxies, headers. */
extern const struct schema http_unserved_schema;
/* Only the names of the keys of one item of static_configs; whoever reads it takes the values. */
extern const struct schema static_schema;
/* Names of all *_sd_configs but static_configs, none of which is served. */
extern const struct schema discovery_schema;

/* S_CUSTOM: a tls_config into a struct config_tls; `set` becomes true. */
void config_read_tls(struct reader *r, const struct tree_pair *pair, struct config_tls *tls);

#endif
