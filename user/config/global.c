/*
 * global.c - `global`, merged key by key over all files.
 *
 * Prometheus and Alertmanager each have a `global`; together they know no key twice but one name,
 * http_config, which only Alertmanager has.
 */
#include <inttypes.h>
#include <stdio.h>
#include "config/address.h"
#include "config/http.h"
#include "config/needless.h"
#include "config/integrations.h"
#include "config/original.h"

static void read_external_labels(struct reader *r, const struct tree_pair *pair, void *out);
static void read_smtp_tls(struct reader *r, const struct tree_pair *pair, void *out);
static void read_smtp_oauth2(struct reader *r, const struct tree_pair *pair, void *out);
static void read_protocols(struct reader *r, const struct tree_pair *pair, void *out);
static void read_http_config(struct reader *r, const struct tree_pair *pair, void *out);

#define G struct reader_global
static const struct schema_key prometheus_keys[] = {
	SERVED("scrape_interval", S_DURATION, G, c.scrape_interval_ms),
	SERVED("scrape_timeout", S_DURATION, G, c.scrape_timeout_ms),
	SERVED("evaluation_interval", S_DURATION, G, c.evaluation_interval_ms),
	SERVED("rule_query_offset", S_DURATION, G, rule_query_offset_ms),
	SERVED("body_size_limit", S_SIZE, G, body_size_limit_bytes),
	SERVED("sample_limit", S_COUNT, G, sample_limit),
	CUSTOM("external_labels", read_external_labels),
	CUSTOM("scrape_protocols", read_protocols),
	NEEDLESS("query_log_file", S_TEXT, "queries are not logged"),
	NEEDLESS("scrape_failure_log_file", S_TEXT, WHY_FAILURES),
	SERVED("target_limit", S_COUNT, G, limits.targets),
	SERVED("label_limit", S_COUNT, G, limits.labels),
	SERVED("label_name_length_limit", S_COUNT, G, limits.label_name_bytes),
	SERVED("label_value_length_limit", S_COUNT, G, limits.label_value_bytes),
	SERVED("keep_dropped_targets", S_COUNT, G, limits.dropped_targets),
	SERVED("metric_name_validation_scheme", S_TEXT, G, validation),
	SERVED("metric_name_escaping_scheme", S_TEXT, G, escaping),
	NEEDLESS("scrape_native_histograms", S_BOOL, WHY_FLOATS),
	NEEDLESS("convert_classic_histograms_to_nhcb", S_BOOL, WHY_FLOATS),
	NEEDLESS("always_scrape_classic_histograms", S_BOOL, WHY_FLOATS),
	SERVED("extra_scrape_metrics", S_BOOL, G, extra_scrape_metrics),
};
static const struct schema_key alertmanager_keys[] = {
	SERVED("resolve_timeout", S_DURATION, G, c.resolve_timeout_ms),
	SERVED("smtp_smarthost", S_TEXT, G, c.smtp_smarthost),
	SERVED("smtp_from", S_TEXT, G, c.smtp_from),
	SERVED("smtp_hello", S_TEXT, G, c.smtp_hello),
	SERVED("smtp_auth_username", S_TEXT, G, c.smtp_auth_username),
	SERVED("smtp_auth_password", S_SECRET, G, c.smtp_auth_password.value),
	SERVED("smtp_auth_password_file", S_TEXT, G, c.smtp_auth_password.file),
	SERVED("smtp_auth_identity", S_TEXT, G, c.smtp_auth_identity),
	SERVED("smtp_require_tls", S_BOOL, G, c.smtp_require_tls),
	SERVED("smtp_force_implicit_tls", S_TRISTATE, G, smtp_force_implicit_tls),
	CUSTOM("smtp_tls_config", read_smtp_tls),
	SERVED("smtp_auth_secret", S_SECRET, G, c.smtp_auth_secret.value),
	SERVED("smtp_auth_secret_file", S_TEXT, G, c.smtp_auth_secret.file),
	CUSTOM("smtp_oauth2", read_smtp_oauth2),
	CUSTOM("http_config", read_http_config),
	/* Taken by the receivers that have none of their own: integrations.c. */
	QUIET("jira_api_url", S_TEXT),
	QUIET("mattermost_webhook_url", S_SECRET),
	QUIET("mattermost_webhook_url_file", S_TEXT),
	QUIET("opsgenie_api_key", S_SECRET),
	QUIET("opsgenie_api_key_file", S_TEXT),
	QUIET("opsgenie_api_url", S_TEXT),
	QUIET("pagerduty_url", S_TEXT),
	QUIET("rocketchat_api_url", S_TEXT),
	QUIET("rocketchat_token", S_SECRET),
	QUIET("rocketchat_token_file", S_TEXT),
	QUIET("rocketchat_token_id", S_SECRET),
	QUIET("rocketchat_token_id_file", S_TEXT),
	QUIET("slack_api_url", S_SECRET),
	QUIET("slack_api_url_file", S_TEXT),
	QUIET("slack_app_token", S_SECRET),
	QUIET("slack_app_token_file", S_TEXT),
	QUIET("slack_app_url", S_TEXT),
	QUIET("telegram_api_url", S_TEXT),
	QUIET("telegram_bot_token", S_SECRET),
	QUIET("telegram_bot_token_file", S_TEXT),
	QUIET("victorops_api_key", S_SECRET),
	QUIET("victorops_api_key_file", S_TEXT),
	QUIET("victorops_api_url", S_TEXT),
	QUIET("webex_api_url", S_TEXT),
	QUIET("wechat_api_corp_id", S_TEXT),
	QUIET("wechat_api_secret", S_SECRET),
	QUIET("wechat_api_secret_file", S_TEXT),
	QUIET("wechat_api_url", S_TEXT),
};
#undef G
const struct schema config_alertmanager_global = SCHEMA("global", alertmanager_keys, NULL);
const struct schema global_schema = SCHEMA("global", prometheus_keys, &config_alertmanager_global);

/* Of these and their _file, at most one. */
static const char *const exclusive[] = { "smtp_auth_password", "smtp_auth_secret",
	"mattermost_webhook_url", "opsgenie_api_key", "rocketchat_token", "rocketchat_token_id",
	"slack_api_url", "slack_app_token", "telegram_bot_token", "victorops_api_key",
	"wechat_api_secret" };

static void read_smtp_tls(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_tls(r, pair, &((struct reader_global *)out)->c.smtp_tls);
}

static void read_smtp_oauth2(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_mail_oauth2(r, pair, &((struct reader_global *)out)->c.smtp_oauth2);
}

/* It only matters to receivers without their own; one that takes it tells what is not served. */
static void read_http_config(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct reader_global *global = out;
	size_t unserved = r->n_unserved;

	if (pair->value->null)
		return;
	r->unreached = true;
	config_read_client(r, pair->value, &global->client);
	r->unreached = false;
	global->client_pos = pair->key->pos;
	global->client_unserved = r->n_unserved > unserved;
}

static void read_protocols(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_protocols(r, pair, &((struct reader_global *)out)->protocols);
}

/* The length of a variable's name at s, as os.Expand takes it; *ret_name without braces. */
static size_t variable_name(const char *s, const char **ret_name, size_t *ret_len)
{
	size_t len;

	*ret_name = s;
	if (*s == '{') {
		len = strcspn(s, "}");
		*ret_name = s + 1;
		/* One that does not end is no name: only the brace is taken. */
		*ret_len = s[len] ? len - 1 : 0;
		return s[len] ? len + 1 : 1;
	}
	if (*s && strchr("*#$@!?-0123456789", *s)) {
		*ret_len = 1;
		return 1;
	}
	*ret_len = strspn(s, "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	return *ret_len;
}

/* ${NAME} and $NAME from the environment, $$ for a dollar. */
static void expand(struct reader *r, struct config_text *text)
{
	struct strbuf out = STRBUF_INIT;
	scoped(freep) char *name = NULL;
	size_t len, skip;
	const char *at, *value;
	char *s = NULL;

	for (const char *p = text->s; *p;) {
		if (*p != '$') {
			strbuf_addch(&out, *p++);
			continue;
		}
		skip = variable_name(++p, &at, &len);
		if (!skip)
			strbuf_addch(&out, '$');
		p += skip;
		if (!skip || !len || (*at == '{'))
			continue;
		if (len == 1 && *at == '$') {
			strbuf_addch(&out, '$');
			continue;
		}
		free(name);
		name = strndup(at, len);
		value = name ? getenv(name) : NULL;
		if (!name)
			reader_no_memory(r);
		else if (!value || !*value)
			diag_warning(
				r->diag, text->pos, "the environment variable '%s' is empty", name);
		else
			strbuf_adds(&out, value);
	}
	if (!out.err)
		s = arena_strndup(&r->config->arena, out.s, out.len);
	strbuf_release(&out);
	if (s)
		text->s = s;
	else
		reader_no_memory(r);
}

static void read_external_labels(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_pairs *labels = &((struct reader_global *)out)->c.external_labels;

	if (!reader_pairs(r, pair, labels))
		return;
	for (size_t i = 0; i < labels->n; i++) {
		if (!*labels->items[i].name.s)
			diag_error(r->diag, labels->items[i].name.pos,
				"\"\" is not a valid label name");
		if (strchr(labels->items[i].value.s, '$'))
			expand(r, &labels->items[i].value);
	}
}

/* Adds the keys of one file; the same key with another value is a fault of both. */
static bool merge(struct reader *r, struct tree_node *all, const struct tree_node *more)
{
	/* Within a file no key stands twice. */
	const struct tree_node before = *all;
	const struct tree_pair *pair, *first;

	for (size_t i = 0; i < more->n; i++) {
		pair = &more->pairs[i];
		first = tree_get(&before, pair->key->text.s);
		if (first && !tree_equal(first->value, pair->value)) {
			diag_error(r->diag, pair->key->pos,
				"'%s' is set to another value in %s:%u; one of them must go",
				pair->key->text.s, first->key->pos.source->name,
				first->key->pos.line);
			continue;
		}
		if (first)
			continue;
		if (!arena_reserve(&r->trees, all->pairs, all->n, all->cap))
			return false;
		all->pairs[all->n++] = *pair;
	}
	return true;
}

static struct tree_node *merge_files(struct reader *r)
{
	struct tree_node *all = arena_new(&r->trees, struct tree_node);
	const struct tree_pair *pair;

	if (!all)
		return NULL;
	all->kind = TREE_MAP;
	for (size_t i = 0; i < r->n_files; i++) {
		pair = tree_get(r->files[i].root, "global");
		if (!pair || pair->value->null)
			continue;
		if (!all->pos.source)
			all->pos = pair->value->pos;
		if (pair->value->kind != TREE_MAP)
			diag_error(r->diag, pair->value->pos, "global must be a mapping, not %s",
				tree_describe(pair->value));
		else if (!merge(r, all, pair->value))
			return NULL;
	}
	return all;
}

/* The value's place; only for keys that are set. */
static struct pos place(const struct tree_node *node, const char *key)
{
	const struct tree_pair *pair = tree_get(node, key);

	return pair ? pair->value->pos : node->pos;
}

static bool is_set(const struct tree_node *node, const char *key)
{
	const struct tree_pair *pair = tree_get(node, key);

	return pair && !pair->value->null;
}

static void check_exclusive(struct reader *r, const struct tree_node *node)
{
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(exclusive); i++) {
		snprintf(name, sizeof(name), "%s_file", exclusive[i]);
		if (is_set(node, exclusive[i]) && is_set(node, name))
			diag_error(r->diag, tree_get(node, name)->key->pos,
				"at most one of %s & %s must be configured", exclusive[i], name);
	}
}

/* A token goes with a URL only where that is the address which takes tokens. */
static void check_slack(struct reader *r, const struct tree_node *node)
{
	const struct tree_pair *url = tree_get(node, "slack_api_url");
	bool takes_tokens = url && url->value->kind == TREE_SCALAR &&
			    streq(url->value->text.s, "https://slack.com/api/chat.postMessage");

	if ((is_set(node, "slack_app_token") || is_set(node, "slack_app_token_file")) &&
		(is_set(node, "slack_api_url") || is_set(node, "slack_api_url_file")) &&
		!takes_tokens)
		diag_error(r->diag, node->pos,
			"at most one of slack_app_token/slack_app_token_file & "
			"slack_api_url/slack_api_url_file must be configured");
}

static void check_urls(struct reader *r, const struct tree_node *node)
{
	for (size_t i = 0; i < node->n; i++) {
		const char *key = node->pairs[i].key->text.s;
		size_t len = strlen(key);

		if (len > 4 && streq(key + len - 4, "_url"))
			integration_check_url(r, &node->pairs[i]);
	}
}

static void check_times(struct reader *r, const struct tree_node *node)
{
	struct config_global *g = &r->global.c;

	if (!g->scrape_interval_ms)
		g->scrape_interval_ms = 60000;
	if (!g->evaluation_interval_ms)
		g->evaluation_interval_ms = 60000;
	if (g->scrape_timeout_ms > g->scrape_interval_ms)
		diag_error(r->diag, place(node, "scrape_timeout"),
			"global scrape timeout greater than scrape interval (%" PRId64
			" ms > %" PRId64 " ms)",
			g->scrape_timeout_ms, g->scrape_interval_ms);
	if (!g->scrape_timeout_ms)
		g->scrape_timeout_ms = MIN((int64_t)10000, g->scrape_interval_ms);
}

static void check_smtp(struct reader *r)
{
	static char localhost[] = "localhost";
	struct config_global *g = &r->global.c;

	if (text_set(&g->smtp_smarthost) &&
		address_split(r->diag, &g->smtp_smarthost, &r->config->arena, &r->global.smtp_host,
			&r->global.smtp_port) &&
		!r->global.smtp_host)
		reader_no_memory(r);
	if (text_set(&g->smtp_from))
		address_check_mail(r->diag, &g->smtp_from, 1);
	if (!g->smtp_hello.s)
		g->smtp_hello.s = localhost;
}

void config_read_global(struct reader *r)
{
	const struct tree_node *node = merge_files(r);

	r->global = (struct reader_global){
		.c.resolve_timeout_ms = 300000,
		.c.smtp_require_tls = true,
		.smtp_force_implicit_tls = -1,
		.client = CONFIG_CLIENT_DEFAULT,
	};
	if (!node) {
		reader_no_memory(r);
		return;
	}
	r->global_node = node;
	schema_read(r, &global_schema, node, &r->global);
	check_times(r, node);
	check_exclusive(r, node);
	check_slack(r, node);
	check_urls(r, node);
	check_smtp(r);
	r->config->global = r->global.c;
}
