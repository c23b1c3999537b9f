/*
 * alerting.c - `alerting`: the Alertmanagers that alerts go to.
 *
 * Source: prometheus config/config.go, AlertmanagerConfig.
 */
#include "config/address.h"
#include "config/http.h"
#include "config/relabel.h"

static void read_alertmanagers(struct reader *r, const struct tree_pair *pair, void *out);
static void read_static_configs(struct reader *r, const struct tree_pair *pair, void *out);
static void read_scheme(struct reader *r, const struct tree_pair *pair, void *out);
static void read_api_version(struct reader *r, const struct tree_pair *pair, void *out);
static void read_client_key(struct reader *r, const struct tree_pair *pair, void *out);
static void read_relabels(struct reader *r, const struct tree_pair *pair, void *out);
static void read_alert_relabels(struct reader *r, const struct tree_pair *pair, void *out);
static void read_all_relabels(struct reader *r, const struct tree_pair *pair, void *out);

static const struct schema_key sigv4_keys[] = {
	LATER("region", S_TEXT),
	LATER("access_key", S_SECRET),
	LATER("secret_key", S_SECRET),
	LATER("profile", S_TEXT),
	LATER("role_arn", S_TEXT),
	LATER("external_id", S_TEXT),
	LATER("use_fips_sts_endpoint", S_BOOL),
};
static const struct schema sigv4_schema = SCHEMA("sigv4", sigv4_keys, NULL);

#define A struct config_alertmanagers
static const struct schema_key alertmanager_keys[] = {
	CUSTOM("static_configs", read_static_configs),
	CUSTOM("scheme", read_scheme),
	SERVED("path_prefix", S_TEXT, A, path_prefix),
	SERVED("timeout", S_DURATION, A, timeout_ms),
	CUSTOM("api_version", read_api_version),
	CUSTOM("tls_config", read_client_key),
	CUSTOM("follow_redirects", read_client_key),
	CUSTOM("enable_http2", read_client_key),
	CUSTOM("basic_auth", read_client_key),
	CUSTOM("authorization", read_client_key),
	CUSTOM("oauth2", read_client_key),
	CUSTOM("bearer_token", read_client_key),
	CUSTOM("bearer_token_file", read_client_key),
	CUSTOM("http_headers", read_client_key),
	CUSTOM("proxy_url", read_client_key),
	CUSTOM("no_proxy", read_client_key),
	CUSTOM("proxy_from_environment", read_client_key),
	CUSTOM("proxy_connect_header", read_client_key),
	CUSTOM("relabel_configs", read_relabels),
	CUSTOM("alert_relabel_configs", read_alert_relabels),
	LATER_IN("sigv4", S_MAP, sigv4_schema),
};
#undef A
static const struct schema alertmanager_schema =
	SCHEMA("alertmanagers", alertmanager_keys, &discovery_schema);

static const struct schema_key alerting_keys[] = {
	CUSTOM("alertmanagers", read_alertmanagers),
	CUSTOM("alert_relabel_configs", read_all_relabels),
};
static const struct schema alerting_schema = SCHEMA("alerting", alerting_keys, NULL);

static void read_client_key(struct reader *r, const struct tree_pair *pair, void *out)
{
	schema_read_pair(r, schema_find(&client_schema, pair->key->text.s), pair,
		&((struct config_alertmanagers *)out)->client);
}

static void read_relabels(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_relabels(r, pair, &((struct config_alertmanagers *)out)->relabels);
}

static void read_alert_relabels(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_relabels(r, pair, &((struct config_alertmanagers *)out)->alert_relabels);
}

static void read_all_relabels(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_relabels(r, pair, &r->config->alert_relabels);
}

static void read_scheme(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_text *scheme = &((struct config_alertmanagers *)out)->scheme;

	if (!reader_text(r, pair, scheme) || !text_set(scheme) || streq(scheme->s, "http") ||
		streq(scheme->s, "https"))
		return;
	diag_error(r->diag, scheme->pos, "scheme must be http or https, not '%s'", scheme->s);
}

static void read_api_version(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_text version;

	if (reader_text(r, pair, &version) && !streq(version.s, "v2"))
		diag_error(r->diag, version.pos,
			"expected Alertmanager api version to be one of [v2] but got %s",
			version.s);
}

static void add_alertmanager(struct reader *r, const struct tree_node *node,
	const struct config_pairs *labels, const struct config_alertmanagers *group)
{
	struct config_alertmanager alertmanager = { .labels = labels, .group = group };
	struct config *c = r->config;

	if (!reader_item_text(r, "targets", node, &alertmanager.address) ||
		!address_check_target(r->diag, &alertmanager.address))
		return;
	if (!arena_reserve(&c->arena, c->alertmanagers, c->n_alertmanagers, c->cap_alertmanagers)) {
		reader_no_memory(r);
		return;
	}
	c->alertmanagers[c->n_alertmanagers++] = alertmanager;
}

static void read_static_configs(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);
	const struct tree_pair *targets, *labels;
	struct config_pairs *kept;
	size_t n_targets;

	for (size_t i = 0; i < n; i++) {
		schema_read(r, &static_schema, pair->value->items[i], NULL);
		targets = tree_get(pair->value->items[i], "targets");
		labels = tree_get(pair->value->items[i], "labels");
		kept = reader_alloc(r, sizeof(*kept));
		if (!kept)
			return;
		if (labels)
			reader_pairs(r, labels, kept);
		n_targets = targets ? reader_list(r, targets) : 0;
		for (size_t k = 0; k < n_targets; k++)
			add_alertmanager(r, targets->value->items[k], kept, out);
	}
}

static void read_alertmanagers(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++) {
		const struct tree_node *node = pair->value->items[i];
		struct config_alertmanagers *group = reader_alloc(r, sizeof(*group));

		if (!group)
			return;
		group->timeout_ms = 10000;
		group->client = CONFIG_CLIENT_DEFAULT;
		schema_read(r, &alertmanager_schema, node, group);
		if (node->kind == TREE_MAP)
			config_check_client(r, node, &group->client);
	}
}

void config_read_alerting(struct reader *r, const struct tree_pair *pair, void *out)
{
	schema_read(r, &alerting_schema, pair->value, r);
}
