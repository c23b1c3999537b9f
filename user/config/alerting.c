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
static void read_path_prefix(struct reader *r, const struct tree_pair *pair, void *out);
static void read_api_version(struct reader *r, const struct tree_pair *pair, void *out);

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

static const struct schema_key alertmanager_keys[] = {
	CUSTOM("static_configs", read_static_configs),
	CUSTOM("scheme", read_scheme),
	CUSTOM("path_prefix", read_path_prefix),
	CUSTOM("api_version", read_api_version),
	QUIET("timeout", S_DURATION),
	QUIET("follow_redirects", S_BOOL),
	LATER_IN("tls_config", S_MAP, tls_schema),
	LATER_IN("relabel_configs", S_LIST, relabel_schema),
	LATER_IN("alert_relabel_configs", S_LIST, relabel_schema),
	LATER_IN("sigv4", S_MAP, sigv4_schema),
};
static const struct schema alertmanager_schema =
	SCHEMA("alertmanagers", alertmanager_keys, &discovery_schema);

static const struct schema_key alerting_keys[] = {
	CUSTOM("alertmanagers", read_alertmanagers),
	LATER_IN("alert_relabel_configs", S_LIST, relabel_schema),
};
static const struct schema alerting_schema = SCHEMA("alerting", alerting_keys, NULL);

static void read_scheme(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_text scheme;

	if (!reader_text(r, pair, &scheme) || !text_set(&scheme) || streq(scheme.s, "http"))
		return;
	if (streq(scheme.s, "https"))
		diag_error(r->diag, scheme.pos,
			"'scheme: https' is not served yet by this version of tolld");
	else
		diag_error(r->diag, scheme.pos, "scheme must be http or https, not '%s'", scheme.s);
}

static void read_path_prefix(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_text prefix;

	if (reader_text(r, pair, &prefix) && text_set(&prefix) && !streq(prefix.s, "/"))
		diag_error(r->diag, pair->key->pos,
			"'path_prefix' is not served yet by this version of tolld");
}

static void read_api_version(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_text version;

	if (reader_text(r, pair, &version) && !streq(version.s, "v2"))
		diag_error(r->diag, version.pos,
			"expected Alertmanager api version to be one of [v2] but got %s",
			version.s);
}

static void add_alertmanager(struct reader *r, const struct tree_node *node)
{
	struct config_alertmanager alertmanager = { 0 };
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
	struct config_pairs unused = { 0 };
	size_t n_targets;

	for (size_t i = 0; i < n; i++) {
		schema_read(r, &static_schema, pair->value->items[i], NULL);
		targets = tree_get(pair->value->items[i], "targets");
		labels = tree_get(pair->value->items[i], "labels");
		n_targets = targets ? reader_list(r, targets) : 0;
		for (size_t k = 0; k < n_targets; k++)
			add_alertmanager(r, targets->value->items[k]);
		/* They only matter to relabelling. */
		if (labels)
			reader_pairs(r, labels, &unused);
	}
}

static void read_alertmanagers(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++)
		schema_read(r, &alertmanager_schema, pair->value->items[i], r);
}

void config_read_alerting(struct reader *r, const struct tree_pair *pair, void *out)
{
	schema_read(r, &alerting_schema, pair->value, r);
}
