/*
 * integrations.c - items of receivers, kept with what they inherit from `global`.
 *
 * Source: alertmanager config/config.go, Config.UnmarshalYAML.
 */
#include "config/integrations.h"

#include <inttypes.h>
#include "config/http.h"
#include "config/value.h"

/* What an item without its own value has. A secret and its _file go together. */
static const struct inheritance {
	const char *type, *key, *global;
	bool has_file;
	const char *otherwise;
	bool ends_with_slash;
} inheritances[] = {
	{ "pagerduty", "url", "pagerduty_url", false, "https://events.pagerduty.com/v2/enqueue",
		false },
	{ "opsgenie", "api_url", "opsgenie_api_url", false, "https://api.opsgenie.com/", true },
	{ "opsgenie", "api_key", "opsgenie_api_key", true, NULL, false },
	{ "wechat", "api_url", "wechat_api_url", false, "https://qyapi.weixin.qq.com/cgi-bin/",
		true },
	{ "wechat", "api_secret", "wechat_api_secret", true, NULL, false },
	{ "wechat", "corp_id", "wechat_api_corp_id", false, NULL, false },
	{ "victorops", "api_url", "victorops_api_url", false,
		"https://alert.victorops.com/integrations/generic/20131114/alert/", true },
	{ "victorops", "api_key", "victorops_api_key", true, NULL, false },
	{ "telegram", "api_url", "telegram_api_url", false, "https://api.telegram.org", false },
	{ "telegram", "bot_token", "telegram_bot_token", true, NULL, false },
	{ "webex", "api_url", "webex_api_url", false, "https://webexapis.com/v1/messages", false },
	{ "jira", "api_url", "jira_api_url", false, NULL, false },
	{ "rocketchat", "api_url", "rocketchat_api_url", false, "https://open.rocket.chat/", true },
	{ "rocketchat", "token_id", "rocketchat_token_id", true, NULL, false },
	{ "rocketchat", "token", "rocketchat_token", true, NULL, false },
	{ "mattermost", "webhook_url", "mattermost_webhook_url", true, NULL, false },
	{ "slack", "app_url", "slack_app_url", false, "https://slack.com/api/chat.postMessage",
		false },
};

/* An item being read. */
struct item {
	struct reader *r;
	const struct integration_type *type;
	const struct schema *keys;
	const struct tree_node *node;
	struct config_integration *integration;
};

static bool has(const struct item *item, const char *key)
{
	const struct config_text *text = config_value_text(&item->integration->settings, key);

	return text && *text->s;
}

static char *with_file(struct reader *r, const char *key)
{
	char *name = arena_printf(&r->config->arena, "%s_file", key);

	return name ? name : reader_no_memory(r);
}

/* Takes a text of `global`; false where it has none. */
static bool take_global(const struct item *item, const char *key, const char *global)
{
	const struct tree_pair *pair = tree_get(item->r->global_node, global);
	struct config_text text;

	if (!pair || pair->value->kind != TREE_SCALAR || pair->value->null ||
		!pair->value->text.len || !reader_text(item->r, pair, &text))
		return false;
	return value_set(item->r, &item->integration->settings, key, text);
}

static void end_with_slash(const struct item *item, const char *key)
{
	struct config_value *settings = &item->integration->settings;
	const struct config_text *text = config_value_text(settings, key);
	struct config_text longer;

	if (!text || !*text->s || text->s[strlen(text->s) - 1] == '/')
		return;
	longer = *text;
	longer.s = arena_printf(&item->r->config->arena, "%s/", text->s);
	if (longer.s)
		value_set(item->r, settings, key, longer);
	else
		reader_no_memory(item->r);
}

static void inherit(const struct item *item, const struct inheritance *from)
{
	struct reader *r = item->r;
	struct config_value *settings = &item->integration->settings;
	const char *key_file = with_file(r, from->key), *global_file = with_file(r, from->global);
	bool found;

	if (!key_file || !global_file)
		return;
	if (!has(item, from->key) && !(from->has_file && has(item, key_file))) {
		found = take_global(item, from->key, from->global);
		if (!found && from->has_file)
			found = take_global(item, key_file, global_file);
		if (!found && from->otherwise)
			value_set(r, settings, from->key,
				(struct config_text){
					.s = (char *)from->otherwise, .pos = item->node->pos });
	}
	if (from->ends_with_slash)
		end_with_slash(item, from->key);
}

static struct config_secret secret_of(const struct item *item, const char *key)
{
	const struct config_value *settings = &item->integration->settings;
	const char *key_file = with_file(item->r, key);
	struct config_secret secret = { 0 };

	if (has(item, key))
		secret.value = *config_value_text(settings, key);
	else if (key_file && has(item, key_file))
		secret.file = *config_value_text(settings, key_file);
	return secret;
}

static void authorize(const struct item *item, struct config_secret secret)
{
	static char bearer[] = "Bearer";

	item->integration->client.http.auth_type.s = bearer;
	item->integration->client.http.credentials = secret;
}

/* Neither a token nor an address of its own: `global` has one of them, checked to be one. */
static bool inherit_slack(const struct item *item)
{
	bool authorized = item->integration->client.http.auth_type.s;

	if (!authorized && (take_global(item, "app_token", "slack_app_token") ||
				   take_global(item, "app_token_file", "slack_app_token_file")))
		return true;
	if (take_global(item, "api_url", "slack_api_url") ||
		take_global(item, "api_url_file", "slack_api_url_file"))
		return false;
	return authorized;
}

/* A token goes to the app's address; a webhook is an address that is its own secret. */
static void finish_slack(const struct item *item)
{
	struct config_value *settings = &item->integration->settings;
	bool token = has(item, "app_token") || has(item, "app_token_file");
	bool url = has(item, "api_url") || has(item, "api_url_file");

	if (token && url)
		diag_error(item->r->diag, item->node->pos,
			"at most one of api_url/api_url_file & app_token/app_token_file must be "
			"configured");
	if (!token && !url)
		token = inherit_slack(item);
	if (!token)
		return;
	if (has(item, "app_token") || has(item, "app_token_file"))
		authorize(item, secret_of(item, "app_token"));
	value_unset(settings, "api_url_file");
	value_set(item->r, settings, "api_url", *config_value_text(settings, "app_url"));
}

static void finish_incidentio(const struct item *item)
{
	bool token = has(item, "alert_source_token") || has(item, "alert_source_token_file");

	if (token && item->integration->client.http.auth_type.s)
		diag_error(item->r->diag, item->node->pos,
			"cannot specify alert_source_token or alert_source_token_file when using "
			"http_config.authorization");
	else if (token)
		authorize(item, secret_of(item, "alert_source_token"));
	else if (!item->integration->client.http.auth_type.s)
		diag_error(item->r->diag, item->node->pos,
			"at least one of alert_source_token, alert_source_token_file or "
			"http_config.authorization must be configured");
}

static void finish_webex(const struct item *item)
{
	if (!item->integration->client.http.auth_type.s)
		diag_error(item->r->diag, item->node->pos,
			"missing webex_configs.http_config.authorization");
}

/* libcurl signs with keys; to borrow a role first is another service's business. */
static void finish_sns(const struct item *item)
{
	static const char *const unserved[] = { "profile", "role_arn", "external_id" };
	const struct config_value *sigv4 = config_value_get(&item->integration->settings, "sigv4");

	for (size_t i = 0; sigv4 && i < ARRAY_SIZE(unserved); i++) {
		const struct config_text *text = config_value_text(sigv4, unserved[i]);

		if (text && *text->s)
			reader_tell_unserved(item->r, text->pos, unserved[i]);
	}
}

static void finish_updates(const struct item *item)
{
	const struct config_value *update =
		config_value_get(&item->integration->settings, "update_message");

	if (update && update->truth)
		reader_tell_unserved(item->r, update->text.pos, "update_message");
	finish_slack(item);
}

static const struct {
	const char *type;
	void (*finish)(const struct item *item);
} finishers[] = {
	{ "slack", finish_updates },
	{ "incidentio", finish_incidentio },
	{ "webex", finish_webex },
	{ "sns", finish_sns },
};

/* Its own http_config stands in place of the global one, as a whole; Teams takes that one's proxy. */
static void read_client(const struct item *item)
{
	const struct tree_pair *pair = tree_get(item->node, "http_config");
	const struct config_client *global = &item->r->global.client;
	struct config_client *client = &item->integration->client;
	struct config_http *http = &client->http;

	if (!pair || pair->value->null) {
		*client = *global;
		if (item->r->global.client_unserved)
			reader_tell_unserved(item->r, item->r->global.client_pos, "http_config");
		return;
	}
	*client = CONFIG_CLIENT_DEFAULT;
	config_read_client(item->r, pair->value, client);
	if (!streq(item->type->name, "msteamsv2") || http->proxy_url.s ||
		http->proxy_from_environment)
		return;
	http->proxy_url = global->http.proxy_url;
	http->no_proxy = global->http.no_proxy;
	http->proxy_from_environment = global->http.proxy_from_environment;
	http->proxy_connect_headers = global->http.proxy_connect_headers;
}

/* Where an item says nothing, or only the key. */
static void take_defaults(const struct item *item)
{
	const struct integration_default *d = item->type->defaults;

	for (; d->key; d++) {
		if (!config_value_get(&item->integration->settings, d->key))
			value_set(item->r, &item->integration->settings, d->key,
				(struct config_text){
					.s = (char *)d->text, .pos = item->node->pos });
	}
}

/* Numbers are used as they stand: 1e2 and 0x64 as 100. */
static void write_numbers(const struct item *item)
{
	struct config_value *settings = &item->integration->settings;

	for (size_t i = 0; i < item->node->n; i++) {
		const struct tree_pair *pair = &item->node->pairs[i];
		const struct schema_key *key = schema_find(item->keys, pair->key->text.s);
		struct config_text text = { .pos = pair->value->pos };
		int64_t n;

		if (!key || (key->type != S_INT && key->type != S_COUNT) ||
			!reader_number(pair->value, INT64_MIN, &n))
			continue;
		text.s = arena_printf(&item->r->config->arena, "%" PRId64, n);
		if (text.s)
			value_set(item->r, settings, key->name, text);
		else
			reader_no_memory(item->r);
	}
}

static void read_item(const struct item *item)
{
	const struct tree_pair *resolved = tree_get(item->node, "send_resolved");
	struct config_integration *integration = item->integration;

	if (!value_read(item->r, item->type->name, item->node, &integration->settings))
		return;
	write_numbers(item);
	integration->send_resolved = item->type->send_resolved;
	if (resolved)
		reader_bool(item->r, resolved, &integration->send_resolved);
	read_client(item);
	value_unset(&integration->settings, "http_config");
	for (size_t i = 0; i < ARRAY_SIZE(inheritances); i++) {
		if (streq(inheritances[i].type, item->type->name))
			inherit(item, &inheritances[i]);
	}
	take_defaults(item);
	for (size_t i = 0; i < ARRAY_SIZE(finishers); i++) {
		if (streq(finishers[i].type, item->type->name))
			finishers[i].finish(item);
	}
}

static const struct integration_type *type_of(const char *key)
{
	size_t len = strlen(key) - strlen("_configs");

	for (size_t i = 0; i < n_integration_types; i++) {
		if (strlen(integration_types[i].name) == len &&
			!memcmp(integration_types[i].name, key, len))
			return &integration_types[i];
	}
	return NULL;
}

static void keep(struct reader *r, struct config_receiver *receiver, struct config_integration item)
{
	if (!arena_reserve(&r->config->arena, receiver->integrations, receiver->n_integrations,
		    receiver->cap_integrations))
		reader_no_memory(r);
	else
		receiver->integrations[receiver->n_integrations++] = item;
}

void integration_read(struct reader *r, const struct tree_pair *pair,
	struct config_receiver *receiver, bool reached)
{
	const struct integration_type *type = type_of(pair->key->text.s);
	const struct schema *keys = schema_find(&integrations_schema, pair->key->text.s)->sub;

	if (type->unserved) {
		if (reached)
			diag_error(r->diag, pair->key->pos,
				"'%s' is not served yet by this version of tolld: %s",
				pair->key->text.s, type->unserved);
		return;
	}
	r->unreached = !reached;
	for (size_t i = 0; i < pair->value->n; i++) {
		struct config_integration integration = {
			.type = type->name, .index = (unsigned)i, .pos = pair->value->items[i]->pos
		};
		const struct item item = { r, type, keys, pair->value->items[i], &integration };
		size_t unserved = r->n_unserved;

		if (item.node->kind != TREE_MAP)
			continue;
		read_item(&item);
		if (r->n_unserved == unserved)
			keep(r, receiver, integration);
	}
	r->unreached = false;
}

const struct config_integration *config_integration_find(
	const struct config_receiver *receiver, const char *type, unsigned index)
{
	for (size_t i = 0; i < receiver->n_integrations; i++) {
		const struct config_integration *found = &receiver->integrations[i];

		if (found->index == index && streq(found->type, type))
			return found;
	}
	return NULL;
}
