/*
 * scrape_configs.c - what is scraped: scrape_configs, and the files of scrape_config_files.
 *
 * Source: prometheus config/config.go, ScrapeConfig.
 */
#include <errno.h>
#include <inttypes.h>
#include "config/address.h"
#include "config/file_sd.h"
#include "config/http.h"
#include "config/needless.h"
#include "config/relabel.h"

static void read_static_configs(struct reader *r, const struct tree_pair *pair, void *out);
static void read_params(struct reader *r, const struct tree_pair *pair, void *out);
static void read_scrape_tls(struct reader *r, const struct tree_pair *pair, void *out);
static void read_protocols(struct reader *r, const struct tree_pair *pair, void *out);
static void read_http(struct reader *r, const struct tree_pair *pair, void *out);
static void read_relabels(struct reader *r, const struct tree_pair *pair, void *out);
static void read_metric_relabels(struct reader *r, const struct tree_pair *pair, void *out);
static void read_file_sds(struct reader *r, const struct tree_pair *pair, void *out);
static void read_validation(struct reader *r, const struct tree_pair *pair, void *out);

static const struct schema_key scrape_keys[] = {
	SERVED("job_name", S_TEXT, struct config_scrape, job_name),
	SERVED("scrape_interval", S_DURATION, struct config_scrape, interval_ms),
	SERVED("scrape_timeout", S_DURATION, struct config_scrape, timeout_ms),
	SERVED("metrics_path", S_TEXT, struct config_scrape, metrics_path),
	SERVED("scheme", S_TEXT, struct config_scrape, scheme),
	CUSTOM("params", read_params),
	CUSTOM("static_configs", read_static_configs),
	SERVED("honor_labels", S_BOOL, struct config_scrape, honor_labels),
	SERVED("honor_timestamps", S_BOOL, struct config_scrape, honor_timestamps),
	SERVED("enable_compression", S_BOOL, struct config_scrape, enable_compression),
	SERVED("follow_redirects", S_BOOL, struct config_scrape, follow_redirects),
	SERVED("body_size_limit", S_SIZE, struct config_scrape, body_size_limit_bytes),
	SERVED("sample_limit", S_COUNT, struct config_scrape, sample_limit),
	SERVED("fallback_scrape_protocol", S_TEXT, struct config_scrape, fallback_scrape_protocol),
	CUSTOM("tls_config", read_scrape_tls),
	CUSTOM("basic_auth", read_http),
	CUSTOM("authorization", read_http),
	CUSTOM("bearer_token", read_http),
	CUSTOM("bearer_token_file", read_http),
	CUSTOM("http_headers", read_http),
	CUSTOM("proxy_url", read_http),
	CUSTOM("no_proxy", read_http),
	CUSTOM("proxy_from_environment", read_http),
	CUSTOM("proxy_connect_header", read_http),
	CUSTOM("relabel_configs", read_relabels),
	CUSTOM("metric_relabel_configs", read_metric_relabels),
	CUSTOM("scrape_protocols", read_protocols),
	CUSTOM("file_sd_configs", read_file_sds),
	SERVED("target_limit", S_COUNT, struct config_scrape, limits.targets),
	SERVED("label_limit", S_COUNT, struct config_scrape, limits.labels),
	SERVED("label_name_length_limit", S_COUNT, struct config_scrape, limits.label_name_bytes),
	SERVED("label_value_length_limit", S_COUNT, struct config_scrape, limits.label_value_bytes),
	SERVED("keep_dropped_targets", S_COUNT, struct config_scrape, limits.dropped_targets),
	SERVED("track_timestamps_staleness", S_BOOL, struct config_scrape,
		track_timestamps_staleness),
	SERVED("extra_scrape_metrics", S_TRISTATE, struct config_scrape, extra_scrape_metrics),
	SERVED("metric_name_escaping_scheme", S_TEXT, struct config_scrape, escaping),
	CUSTOM("metric_name_validation_scheme", read_validation),
	NEEDLESS("scrape_native_histograms", S_BOOL, WHY_FLOATS),
	NEEDLESS("always_scrape_classic_histograms", S_BOOL, WHY_FLOATS),
	NEEDLESS("convert_classic_histograms_to_nhcb", S_BOOL, WHY_FLOATS),
	NEEDLESS("native_histogram_bucket_limit", S_COUNT, WHY_FLOATS),
	NEEDLESS("native_histogram_min_bucket_factor", S_TEXT, WHY_FLOATS),
	NEEDLESS("scrape_failure_log_file", S_TEXT, WHY_FAILURES),
};
const struct schema scrape_schema = SCHEMA("scrape_configs", scrape_keys, &discovery_schema);

static void read_scrape_tls(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_tls_here(r, pair, &((struct config_scrape *)out)->tls);
}

/* The last one is never asked for, and another one of the list is always there. */
static const char *const protocols[] = { "PrometheusText0.0.4", "PrometheusText1.0.0",
	"OpenMetricsText0.0.1", "OpenMetricsText1.0.0", "PrometheusProto" };
#define PROTOCOL_PROTO (ARRAY_SIZE(protocols) - 1)

/* Its place among the protocols; ARRAY_SIZE(protocols), told, for an unknown one. */
static size_t find_protocol(struct reader *r, const struct config_text *protocol)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(protocols) && !streq(protocol->s, protocols[i]))
		i++;
	if (i == ARRAY_SIZE(protocols))
		diag_error(r->diag, protocol->pos,
			"unknown scrape protocol %s, supported: PrometheusText0.0.4, "
			"PrometheusText1.0.0, OpenMetricsText0.0.1, OpenMetricsText1.0.0",
			protocol->s);
	return i;
}

static void check_protocol(struct reader *r, const struct config_text *protocol)
{
	if (text_set(protocol) && find_protocol(r, protocol) == PROTOCOL_PROTO)
		diag_error(r->diag, protocol->pos,
			"'PrometheusProto' is not served yet by this version of tolld");
}

void config_read_protocols(
	struct reader *r, const struct tree_pair *pair, struct config_protocols *ret)
{
	bool seen[ARRAY_SIZE(protocols) + 1] = { false };
	size_t n = reader_list(r, pair);
	struct config_text text;

	for (size_t i = 0; i < n; i++) {
		size_t which;

		if (!reader_item_text(r, "scrape_protocols", pair->value->items[i], &text))
			continue;
		which = find_protocol(r, &text);
		if (which < ARRAY_SIZE(protocols) && seen[which])
			diag_error(r->diag, text.pos,
				"duplicated protocol in scrape_protocols, got %s", text.s);
		seen[which] = true;
		if (which == PROTOCOL_PROTO)
			continue;
		if (!arena_reserve(&r->config->arena, ret->items, ret->n, ret->cap)) {
			reader_no_memory(r);
			return;
		}
		ret->items[ret->n++] = text;
	}
	if (pair->value->kind == TREE_LIST && !n)
		diag_error(r->diag, pair->value->pos, "scrape_protocols cannot be empty");
	else if (n && seen[PROTOCOL_PROTO] && !ret->n)
		diag_error(r->diag, pair->value->pos,
			"'PrometheusProto' alone is not served yet by this version of tolld");
}

static void read_protocols(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_protocols(r, pair, &((struct config_scrape *)out)->protocols);
}

static void read_http(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_http_key(r, pair, &((struct config_scrape *)out)->http);
}

static void read_relabels(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_relabels(r, pair, &((struct config_scrape *)out)->relabels);
}

static void read_metric_relabels(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_relabels(r, pair, &((struct config_scrape *)out)->metric_relabels);
}

static void read_file_sds(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_file_sds(r, pair, out);
}

static void read_param_values(
	struct reader *r, const struct tree_pair *pair, struct config_param *param)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++) {
		if (!arena_reserve(&r->config->arena, param->values, param->n, param->cap)) {
			reader_no_memory(r);
			return;
		}
		if (reader_item_text(r, "params", pair->value->items[i], &param->values[param->n]))
			param->n++;
	}
}

static void read_params(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_scrape *scrape = out;
	const struct tree_node *map = pair->value;
	struct config_param param;

	if (map->null)
		return;
	if (map->kind != TREE_MAP) {
		diag_error(r->diag, map->pos,
			"'params' must be a mapping of names to lists, not %s", tree_describe(map));
		return;
	}
	for (size_t i = 0; i < map->n; i++) {
		param = (struct config_param){ 0 };
		if (!reader_item_text(r, "params", map->pairs[i].key, &param.name))
			continue;
		read_param_values(r, &map->pairs[i], &param);
		if (!arena_reserve(&r->config->arena, scrape->params, scrape->n_params,
			    scrape->cap_params)) {
			reader_no_memory(r);
			return;
		}
		scrape->params[scrape->n_params++] = param;
	}
}

static void add_target(struct reader *r, struct config_scrape *scrape, const struct tree_node *node,
	const struct config_pairs *labels)
{
	struct config_target target = { .labels = labels };

	if (!reader_item_text(r, "targets", node, &target.address) ||
		!address_check_target(r->diag, &target.address))
		return;
	if (!arena_reserve(
		    &r->config->arena, scrape->targets, scrape->n_targets, scrape->cap_targets)) {
		reader_no_memory(r);
		return;
	}
	scrape->targets[scrape->n_targets++] = target;
}

void config_read_static_config(
	struct reader *r, struct config_scrape *scrape, const struct tree_node *node)
{
	const struct tree_pair *targets, *labels;
	struct config_pairs *pairs;
	size_t n;

	schema_read(r, &static_schema, node, NULL);
	targets = tree_get(node, "targets");
	labels = tree_get(node, "labels");
	pairs = reader_alloc(r, sizeof(*pairs));
	if (!pairs)
		return;
	if (labels)
		reader_pairs(r, labels, pairs);
	for (size_t i = 0; i < pairs->n; i++) {
		if (!*pairs->items[i].name.s)
			diag_error(r->diag, pairs->items[i].name.pos,
				"\"\" is not a valid label name");
	}
	n = targets ? reader_list(r, targets) : 0;
	for (size_t i = 0; i < n; i++)
		add_target(r, scrape, targets->value->items[i], pairs);
}

static void read_static_configs(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++) {
		const struct tree_node *item = pair->value->items[i];

		if (item->null)
			diag_error(r->diag, item->pos, "empty or null section in static_configs");
		else
			config_read_static_config(r, out, item);
	}
}

/* The place of a key's value, or of the whole mapping where it is not set. */
static struct pos place(const struct tree_node *node, const char *key)
{
	const struct tree_pair *pair = tree_get(node, key);

	return pair ? pair->value->pos : node->pos;
}

static void check_times(
	struct reader *r, struct config_scrape *scrape, const struct tree_node *node)
{
	if (!scrape->interval_ms)
		scrape->interval_ms = r->global.c.scrape_interval_ms;
	if (scrape->timeout_ms > scrape->interval_ms)
		diag_error(r->diag, place(node, "scrape_timeout"),
			"scrape timeout greater than scrape interval (%" PRId64 " ms > %" PRId64
			" ms) for scrape config with job name \"%s\"",
			scrape->timeout_ms, scrape->interval_ms,
			scrape->job_name.s ? scrape->job_name.s : "");
	if (!scrape->timeout_ms)
		scrape->timeout_ms = MIN(r->global.c.scrape_timeout_ms, scrape->interval_ms);
}

static void check_url_parts(struct reader *r, struct config_scrape *scrape)
{
	static char http[] = "http", metrics[] = "/metrics";

	if (!text_set(&scrape->scheme))
		scrape->scheme.s = http;
	else if (!streq(scrape->scheme.s, "http") && !streq(scrape->scheme.s, "https"))
		diag_error(r->diag, scrape->scheme.pos, "scheme must be http or https, not '%s'",
			scrape->scheme.s);
	if (!text_set(&scrape->metrics_path))
		scrape->metrics_path.s = metrics;
}

static void check_job_name(
	struct reader *r, const struct config_scrape *scrape, const struct tree_node *node)
{
	const struct tree_node *name, *other;

	if (!text_set(&scrape->job_name)) {
		diag_error(r->diag, place(node, "job_name"), "job_name is empty");
		return;
	}
	name = tree_get(node, "job_name")->value;
	other = map_gets(&r->jobs, scrape->job_name.s);
	if (other)
		diag_error(r->diag, scrape->job_name.pos,
			"found multiple scrape configs with job name \"%s\", first in %s:%u",
			scrape->job_name.s, other->pos.source->name, other->pos.line);
	else if (map_puts(&r->jobs, scrape->job_name.s, (void *)name))
		reader_no_memory(r);
}

/* True for "legacy". */
static bool check_validation(struct reader *r, const struct config_text *scheme)
{
	if (text_set(scheme) && !streq(scheme->s, "legacy") && !streq(scheme->s, "utf8"))
		diag_error(r->diag, scheme->pos,
			"unknown metric name validation scheme '%s': it is utf8 or legacy",
			scheme->s);
	return text_set(scheme) && streq(scheme->s, "legacy");
}

static void read_validation(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_text scheme = { 0 };

	if (reader_text(r, pair, &scheme) && text_set(&scheme))
		((struct config_scrape *)out)->legacy_names = check_validation(r, &scheme);
}

/* What names are asked for: any, where they may be any. */
static void check_escaping(struct reader *r, struct config_scrape *scrape)
{
	static const char *const known[] = { "allow-utf-8", "underscores", "dots", "values",
		"allow-utf8" };
	static char any[] = "allow-utf-8", underscores[] = "underscores";
	struct config_text *scheme = &scrape->escaping;
	bool found = false;

	if (!text_set(scheme))
		*scheme = r->global.escaping;
	if (!text_set(scheme)) {
		scheme->s = scrape->legacy_names ? underscores : any;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		found |= streq(scheme->s, known[i]);
	if (!found)
		diag_error(r->diag, scheme->pos,
			"unknown metric name escaping scheme '%s': it is allow-utf-8, underscores, "
			"dots or values",
			scheme->s);
	else if (scrape->legacy_names && starts_with(scheme->s, "allow"))
		diag_error(r->diag, scheme->pos,
			"utf8 metric names requested but validation scheme is not set to UTF8");
	if (streq(scheme->s, "allow-utf8"))
		scheme->s = any;
}

/* What a job leaves out is what `global` says. */
static void inherit_limits(struct config_limits *own, const struct config_limits *global)
{
	int64_t *const to[] = { &own->targets, &own->dropped_targets, &own->labels,
		&own->label_name_bytes, &own->label_value_bytes };
	const int64_t from[] = { global->targets, global->dropped_targets, global->labels,
		global->label_name_bytes, global->label_value_bytes };

	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		*to[i] = *to[i] ? *to[i] : from[i];
}

static void read_scrape(struct reader *r, const struct tree_node *node)
{
	struct config_scrape scrape = {
		.extra_scrape_metrics = -1,
		.legacy_names = check_validation(r, &r->global.validation),
		.honor_timestamps = true,
		.enable_compression = true,
		.follow_redirects = true,
	};
	struct config *c = r->config;

	if (node->null) {
		diag_error(r->diag, node->pos, "empty or null scrape config section");
		return;
	}
	schema_read(r, &scrape_schema, node, &scrape);
	if (node->kind != TREE_MAP)
		return;
	check_job_name(r, &scrape, node);
	check_times(r, &scrape, node);
	check_protocol(r, &scrape.fallback_scrape_protocol);
	check_url_parts(r, &scrape);
	config_check_http(r, node, &scrape.http);
	if (!scrape.body_size_limit_bytes)
		scrape.body_size_limit_bytes = r->global.body_size_limit_bytes;
	if (!scrape.protocols.n)
		scrape.protocols = r->global.protocols;
	if (!scrape.sample_limit)
		scrape.sample_limit = r->global.sample_limit;
	inherit_limits(&scrape.limits, &r->global.limits);
	if (scrape.extra_scrape_metrics < 0)
		scrape.extra_scrape_metrics = r->global.extra_scrape_metrics;
	check_escaping(r, &scrape);
	if (!arena_reserve(&c->arena, c->scrapes, c->n_scrapes, c->cap_scrapes)) {
		reader_no_memory(r);
		return;
	}
	c->scrapes[c->n_scrapes++] = scrape;
}

void config_read_scrapes(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++)
		read_scrape(r, pair->value->items[i]);
}

static const struct schema_key scrape_file_keys[] = {
	CUSTOM("scrape_configs", config_read_scrapes),
};
static const struct schema scrape_file_schema =
	SCHEMA("a scrape config file", scrape_file_keys, NULL);

static void read_scrape_file(struct reader *r, const char *path, struct pos pos)
{
	struct tree_node *root = NULL;
	struct source *source;
	int err;

	if (!reader_open(r, path, pos, &source))
		return;
	reader_hide_secrets(source);
	err = tree_parse(source, &r->trees, r->diag, &root);
	reader_hide_rest(source, root);
	if (err == -ENOMEM)
		reader_no_memory(r);
	else if (err)
		r->broken = true;
	else if (root)
		schema_read(r, &scrape_file_schema, root, r);
}

void config_read_scrape_files(struct reader *r, const struct tree_pair *pair, void *out)
{
	reader_each_file(r, pair, "scrape config file", read_scrape_file);
}
