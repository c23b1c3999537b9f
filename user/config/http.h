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
extern const struct schema basic_auth_schema, authorization_schema;
/*
 * One key of credentials, headers or proxy, found by the pair's own name: for a section that serves them, by
 * CUSTOM rows whose readers call this.
 */
void config_read_http_key(struct reader *r, const struct tree_pair *pair, struct config_http *http);
/* When all keys of `node` were read: what contradicts itself is told, and what follows is filled in. */
void config_check_http(struct reader *r, const struct tree_node *node, struct config_http *http);

/* Reads a struct config_client: all of http_config. */
extern const struct schema client_schema;
/*
 * The same, with what contradicts itself told. A proxy that nobody could use is only warned of, as
 * Alertmanager takes it.
 */
void config_read_client(
	struct reader *r, const struct tree_node *node, struct config_client *client);
/* Where its keys stand among others: when all of `node` were read by client_schema's rows. */
void config_check_client(
	struct reader *r, const struct tree_node *node, struct config_client *client);
/*
 * oauth2 of a mail account, tolld's own: the token is renewed by a refresh token, at Google's address
 * where none is set.
 */
void config_read_mail_oauth2(
	struct reader *r, const struct tree_pair *pair, struct config_oauth2 *oauth2);
/* What a client is where nothing is set. */
#define CONFIG_CLIENT_DEFAULT ((struct config_client){ .follow_redirects = true })

/* http_config, or the same keys inline, where all of it belongs to something unserved. */
extern const struct schema http_schema;
/* Only the names of the keys of one item of static_configs; whoever reads it takes the values. */
extern const struct schema static_schema;
/* Names of all *_sd_configs but static_configs. None is served from here; scrape_configs serves one. */
extern const struct schema discovery_schema;

/* S_CUSTOM: a tls_config into a struct config_tls; `set` becomes true. */
void config_read_tls(struct reader *r, const struct tree_pair *pair, struct config_tls *tls);
/* The same, with its files as seen from the file that names them. */
void config_read_tls_here(struct reader *r, const struct tree_pair *pair, struct config_tls *tls);

#endif
