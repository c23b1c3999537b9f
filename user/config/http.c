/*
 * http.c - the keys that everything with an HTTP or TLS client shares.
 */
#include "config/http.h"

static const struct schema_key tls_keys[] = {
	SERVED("insecure_skip_verify", S_BOOL, struct config_tls, insecure_skip_verify),
	SERVED("ca_file", S_TEXT, struct config_tls, ca_file),
	SERVED("cert_file", S_TEXT, struct config_tls, cert_file),
	SERVED("key_file", S_TEXT, struct config_tls, key_file),
	SERVED("server_name", S_TEXT, struct config_tls, server_name),
	LATER("ca", S_TEXT),
	LATER("cert", S_TEXT),
	LATER("key", S_SECRET),
	LATER("ca_ref", S_TEXT),
	LATER("cert_ref", S_TEXT),
	LATER("key_ref", S_TEXT),
	SERVED("min_version", S_TEXT, struct config_tls, min_version),
	SERVED("max_version", S_TEXT, struct config_tls, max_version),
};
const struct schema tls_schema = SCHEMA("tls_config", tls_keys, NULL);

static const struct schema_key proxy_keys[] = {
	LATER("proxy_url", S_SECRET),
	LATER("no_proxy", S_TEXT),
	LATER("proxy_from_environment", S_BOOL),
	LATER("proxy_connect_header", S_ANY),
};
static const struct schema proxy_schema = SCHEMA("proxy", proxy_keys, NULL);

static const struct schema_key oauth2_keys[] = {
	LATER("client_id", S_TEXT),
	LATER("client_secret", S_SECRET),
	LATER("client_secret_file", S_TEXT),
	LATER("client_secret_ref", S_TEXT),
	LATER("client_certificate_key_id", S_TEXT),
	LATER("client_certificate_key", S_SECRET),
	LATER("client_certificate_key_file", S_TEXT),
	LATER("client_certificate_key_ref", S_TEXT),
	LATER("grant_type", S_TEXT),
	LATER("iss", S_TEXT),
	LATER("audience", S_TEXT),
	LATER("signature_algorithm", S_TEXT),
	LATER("claims", S_ANY),
	LATER("scopes", S_TEXTS),
	LATER("token_url", S_TEXT),
	LATER("endpoint_params", S_PAIRS),
	LATER_IN("tls_config", S_MAP, tls_schema),
};
static const struct schema oauth2_schema = SCHEMA("oauth2", oauth2_keys, &proxy_schema);

static const struct schema_key http_unserved_keys[] = {
	LATER_IN("basic_auth", S_MAP, basic_auth_schema),
	LATER_IN("authorization", S_MAP, authorization_schema),
	LATER_IN("oauth2", S_MAP, oauth2_schema),
	LATER("bearer_token", S_SECRET),
	LATER("bearer_token_file", S_TEXT),
	LATER("http_headers", S_ANY),
	QUIET("enable_http2", S_BOOL),
};
/* Credentials, proxies, headers where they are not served; oauth2 is not served anywhere. */
static const struct schema http_unserved_schema =
	SCHEMA("http_config", http_unserved_keys, &proxy_schema);

static const struct schema_key http_keys[] = {
	LATER_IN("tls_config", S_MAP, tls_schema),
	LATER("follow_redirects", S_BOOL),
};
const struct schema http_schema = SCHEMA("http_config", http_keys, &http_unserved_schema);

static const struct schema_key static_keys[] = {
	QUIET("targets", S_ANY),
	QUIET("labels", S_ANY),
};
const struct schema static_schema = SCHEMA("static_configs", static_keys, NULL);

#define NO_CLOUD                                                                                   \
	"tolld watches one machine and asks no cloud or cluster for targets; name them in "        \
	"static_configs or file_sd_configs"

static const struct schema_key discovery_keys[] = {
	REFUSED("aws_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("azure_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("consul_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("digitalocean_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("dns_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("docker_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("dockerswarm_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("ec2_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("ecs_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("elasticache_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("eureka_sd_configs", S_ANY, NO_CLOUD),
	LATER("file_sd_configs", S_ANY),
	REFUSED("gce_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("hetzner_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("http_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("ionos_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("kubernetes_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("kuma_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("lightsail_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("linode_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("marathon_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("msk_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("nerve_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("nomad_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("openstack_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("outscale_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("ovhcloud_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("puppetdb_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("rds_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("scaleway_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("serverset_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("stackit_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("triton_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("uyuni_sd_configs", S_ANY, NO_CLOUD),
	REFUSED("vultr_sd_configs", S_ANY, NO_CLOUD),
};
const struct schema discovery_schema =
	SCHEMA("service discovery", discovery_keys, &http_unserved_schema);

/* An empty one is none. */
static void check_version(struct reader *r, struct config_text *version)
{
	static const char *const names[] = { "TLS10", "TLS11", "TLS12", "TLS13" };

	if (!text_set(version)) {
		version->s = NULL;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (streq(version->s, names[i]))
			return;
	}
	diag_error(r->diag, version->pos, "unknown TLS version: %.60s; it is one of TLS10 to TLS13",
		version->s);
}

/* A certificate is nothing without its key, nor a key without it. */
static void check_pair(struct reader *r, const struct tree_node *node,
	const struct config_text *file, const char *other, const char *fault)
{
	const size_t len = strlen(other);

	if (!text_set(file))
		return;
	/* In a file, or in one of the ways that are told for themselves. */
	for (size_t i = 0; i < node->n; i++) {
		const struct tree_pair *pair = &node->pairs[i];
		const char *rest = pair->key->text.s + len;

		if (starts_with(pair->key->text.s, other) && (!*rest || *rest == '_') &&
			!pair->value->null)
			return;
	}
	diag_error(r->diag, file->pos, "%s", fault);
}

void config_read_tls(struct reader *r, const struct tree_pair *pair, struct config_tls *tls)
{
	if (pair->value->null)
		return;
	*tls = (struct config_tls){ .set = true };
	schema_read(r, &tls_schema, pair->value, tls);
	check_version(r, &tls->min_version);
	check_version(r, &tls->max_version);
	if (tls->min_version.s && tls->max_version.s &&
		strcmp(tls->min_version.s, tls->max_version.s) > 0)
		diag_error(r->diag, tls->min_version.pos,
			"tls_config.max_version must be greater than or equal to "
			"tls_config.min_version if both are specified");
	check_pair(r, pair->value, &tls->cert_file, "key",
		"exactly one of key or key_file must be configured when a client certificate is "
		"configured");
	check_pair(r, pair->value, &tls->key_file, "cert",
		"exactly one of cert or cert_file must be configured when a client key is "
		"configured");
}

void config_read_tls_here(struct reader *r, const struct tree_pair *pair, struct config_tls *tls)
{
	struct config_text *const files[] = { &tls->ca_file, &tls->cert_file, &tls->key_file };
	static const char *const names[] = { "ca_file", "cert_file", "key_file" };

	config_read_tls(r, pair, tls);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (text_set(files[i]))
			files[i]->s = reader_path(r, tree_get(pair->value, names[i])->value);
	}
}
