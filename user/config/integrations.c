/*
 * integrations.c - tables of the receiver types that tolld does not serve.
 *
 * Source: alertmanager notify/<type>/config.go, the keys of version 0.34.
 */
#include "config/integrations.h"

#include <stdio.h>
#include "config/http.h"

#define NOTIFIER QUIET("send_resolved", S_BOOL), QUIET_IN("http_config", S_MAP, http_schema)

static const struct schema_key webhook_keys[] = {
	NOTIFIER,
	QUIET("url", S_SECRET),
	QUIET("url_file", S_TEXT),
	QUIET("max_alerts", S_COUNT),
	QUIET("timeout", S_TEXT),
	QUIET("payload", S_ANY),
};
static const struct schema_key discord_keys[] = {
	NOTIFIER,
	QUIET("webhook_url", S_SECRET),
	QUIET("webhook_url_file", S_TEXT),
	QUIET("content", S_TEXT),
	QUIET("title", S_TEXT),
	QUIET("message", S_TEXT),
	QUIET("username", S_TEXT),
	QUIET("avatar_url", S_TEXT),
};
static const struct schema_key incidentio_keys[] = {
	NOTIFIER,
	QUIET("url", S_TEXT),
	QUIET("url_file", S_TEXT),
	QUIET("alert_source_token", S_SECRET),
	QUIET("alert_source_token_file", S_TEXT),
	QUIET("max_alerts", S_COUNT),
	QUIET("timeout", S_TEXT),
	QUIET("metadata", S_ANY),
};
static const struct schema_key pagerduty_keys[] = {
	NOTIFIER,
	QUIET("service_key", S_SECRET),
	QUIET("service_key_file", S_TEXT),
	QUIET("routing_key", S_SECRET),
	QUIET("routing_key_file", S_TEXT),
	QUIET("url", S_TEXT),
	QUIET("client", S_TEXT),
	QUIET("client_url", S_TEXT),
	QUIET("description", S_TEXT),
	QUIET("details", S_ANY),
	QUIET("images", S_ANY),
	QUIET("links", S_ANY),
	QUIET("source", S_TEXT),
	QUIET("severity", S_TEXT),
	QUIET("class", S_TEXT),
	QUIET("component", S_TEXT),
	QUIET("group", S_TEXT),
	QUIET("timeout", S_TEXT),
};
static const struct schema_key slack_keys[] = {
	NOTIFIER,
	QUIET("api_url", S_SECRET),
	QUIET("api_url_file", S_TEXT),
	QUIET("app_token", S_SECRET),
	QUIET("app_token_file", S_TEXT),
	QUIET("app_url", S_TEXT),
	QUIET("channel", S_TEXT),
	QUIET("username", S_TEXT),
	QUIET("color", S_TEXT),
	QUIET("title", S_TEXT),
	QUIET("title_link", S_TEXT),
	QUIET("pretext", S_TEXT),
	QUIET("text", S_TEXT),
	QUIET("message_text", S_TEXT),
	QUIET("fields", S_ANY),
	QUIET("short_fields", S_BOOL),
	QUIET("footer", S_TEXT),
	QUIET("fallback", S_TEXT),
	QUIET("callback_id", S_TEXT),
	QUIET("icon_emoji", S_TEXT),
	QUIET("icon_url", S_TEXT),
	QUIET("image_url", S_TEXT),
	QUIET("thumb_url", S_TEXT),
	QUIET("link_names", S_BOOL),
	QUIET("mrkdwn_in", S_TEXTS),
	QUIET("actions", S_ANY),
	QUIET("timeout", S_TEXT),
	QUIET("update_message", S_BOOL),
};
static const struct schema_key opsgenie_keys[] = {
	NOTIFIER,
	QUIET("api_key", S_SECRET),
	QUIET("api_key_file", S_TEXT),
	QUIET("api_url", S_TEXT),
	QUIET("message", S_TEXT),
	QUIET("description", S_TEXT),
	QUIET("source", S_TEXT),
	QUIET("details", S_PAIRS),
	QUIET("entity", S_TEXT),
	QUIET("responders", S_ANY),
	QUIET("actions", S_TEXT),
	QUIET("tags", S_TEXT),
	QUIET("note", S_TEXT),
	QUIET("priority", S_TEXT),
	QUIET("update_alerts", S_BOOL),
};
static const struct schema_key wechat_keys[] = {
	NOTIFIER,
	QUIET("api_secret", S_SECRET),
	QUIET("api_secret_file", S_TEXT),
	QUIET("corp_id", S_TEXT),
	QUIET("message", S_TEXT),
	QUIET("api_url", S_TEXT),
	QUIET("to_user", S_TEXT),
	QUIET("to_party", S_TEXT),
	QUIET("to_tag", S_TEXT),
	QUIET("agent_id", S_TEXT),
	QUIET("message_type", S_TEXT),
};
static const struct schema_key pushover_keys[] = {
	NOTIFIER,
	QUIET("user_key", S_SECRET),
	QUIET("user_key_file", S_TEXT),
	QUIET("token", S_SECRET),
	QUIET("token_file", S_TEXT),
	QUIET("title", S_TEXT),
	QUIET("message", S_TEXT),
	QUIET("url", S_TEXT),
	QUIET("url_title", S_TEXT),
	QUIET("device", S_TEXT),
	QUIET("sound", S_TEXT),
	QUIET("priority", S_TEXT),
	QUIET("retry", S_TEXT),
	QUIET("expire", S_TEXT),
	QUIET("ttl", S_TEXT),
	QUIET("html", S_BOOL),
	QUIET("monospace", S_BOOL),
};
static const struct schema_key victorops_keys[] = {
	NOTIFIER,
	QUIET("api_key", S_SECRET),
	QUIET("api_key_file", S_TEXT),
	QUIET("api_url", S_TEXT),
	QUIET("routing_key", S_TEXT),
	QUIET("message_type", S_TEXT),
	QUIET("state_message", S_TEXT),
	QUIET("entity_display_name", S_TEXT),
	QUIET("monitoring_tool", S_TEXT),
	QUIET("custom_fields", S_PAIRS),
};
static const struct schema_key sns_keys[] = {
	NOTIFIER,
	QUIET("api_url", S_TEXT),
	QUIET("sigv4", S_ANY),
	QUIET("topic_arn", S_TEXT),
	QUIET("phone_number", S_TEXT),
	QUIET("target_arn", S_TEXT),
	QUIET("subject", S_TEXT),
	QUIET("message", S_TEXT),
	QUIET("attributes", S_PAIRS),
};
static const struct schema_key telegram_keys[] = {
	NOTIFIER,
	QUIET("api_url", S_TEXT),
	QUIET("bot_token", S_SECRET),
	QUIET("bot_token_file", S_TEXT),
	QUIET("chat_id", S_INT),
	QUIET("chat_id_file", S_TEXT),
	QUIET("message_thread_id", S_INT),
	QUIET("message", S_TEXT),
	QUIET("disable_notifications", S_BOOL),
	QUIET("parse_mode", S_TEXT),
};
static const struct schema_key webex_keys[] = {
	NOTIFIER,
	QUIET("api_url", S_TEXT),
	QUIET("message", S_TEXT),
	QUIET("room_id", S_TEXT),
};
static const struct schema_key msteams_keys[] = {
	NOTIFIER,
	QUIET("webhook_url", S_SECRET),
	QUIET("webhook_url_file", S_TEXT),
	QUIET("title", S_TEXT),
	QUIET("summary", S_TEXT),
	QUIET("text", S_TEXT),
};
static const struct schema_key msteamsv2_keys[] = {
	NOTIFIER,
	QUIET("webhook_url", S_SECRET),
	QUIET("webhook_url_file", S_TEXT),
	QUIET("title", S_TEXT),
	QUIET("text", S_TEXT),
};
static const struct schema_key jira_keys[] = {
	NOTIFIER,
	QUIET("api_url", S_TEXT),
	QUIET("api_type", S_TEXT),
	QUIET("project", S_TEXT),
	QUIET("summary", S_ANY),
	QUIET("description", S_ANY),
	QUIET("labels", S_TEXTS),
	QUIET("priority", S_TEXT),
	QUIET("issue_type", S_TEXT),
	QUIET("reopen_transition", S_TEXT),
	QUIET("resolve_transition", S_TEXT),
	QUIET("wont_fix_resolution", S_TEXT),
	QUIET("reopen_duration", S_DURATION),
	QUIET("fields", S_ANY),
};
static const struct schema_key rocketchat_keys[] = {
	NOTIFIER,
	QUIET("api_url", S_TEXT),
	QUIET("token_id", S_SECRET),
	QUIET("token_id_file", S_TEXT),
	QUIET("token", S_SECRET),
	QUIET("token_file", S_TEXT),
	QUIET("channel", S_TEXT),
	QUIET("color", S_TEXT),
	QUIET("title", S_TEXT),
	QUIET("title_link", S_TEXT),
	QUIET("text", S_TEXT),
	QUIET("fields", S_ANY),
	QUIET("short_fields", S_BOOL),
	QUIET("emoji", S_TEXT),
	QUIET("icon_url", S_TEXT),
	QUIET("image_url", S_TEXT),
	QUIET("thumb_url", S_TEXT),
	QUIET("link_names", S_BOOL),
	QUIET("actions", S_ANY),
};
static const struct schema_key mattermost_keys[] = {
	NOTIFIER,
	QUIET("webhook_url", S_SECRET),
	QUIET("webhook_url_file", S_TEXT),
	QUIET("channel", S_TEXT),
	QUIET("username", S_TEXT),
	QUIET("text", S_TEXT),
	QUIET("icon_url", S_TEXT),
	QUIET("icon_emoji", S_TEXT),
	QUIET("attachments", S_ANY),
	QUIET("type", S_TEXT),
	QUIET("props", S_ANY),
	QUIET("priority", S_ANY),
	QUIET("fields", S_ANY),
	QUIET("actions", S_ANY),
};

#define TYPE(name_)                                                                                \
	static const struct schema name_##_schema = SCHEMA(#name_ "_configs", name_##_keys, NULL)
TYPE(webhook);
TYPE(discord);
TYPE(incidentio);
TYPE(pagerduty);
TYPE(slack);
TYPE(opsgenie);
TYPE(wechat);
TYPE(pushover);
TYPE(victorops);
TYPE(sns);
TYPE(telegram);
TYPE(webex);
TYPE(msteams);
TYPE(msteamsv2);
TYPE(jira);
TYPE(rocketchat);
TYPE(mattermost);
#undef TYPE

#define TYPE(name_) QUIET_IN(#name_ "_configs", S_LIST, name_##_schema)
static const struct schema_key integration_keys[] = {
	TYPE(webhook),
	TYPE(discord),
	TYPE(incidentio),
	TYPE(pagerduty),
	TYPE(slack),
	TYPE(opsgenie),
	TYPE(wechat),
	TYPE(pushover),
	TYPE(victorops),
	TYPE(sns),
	TYPE(telegram),
	TYPE(webex),
	TYPE(msteams),
	TYPE(msteamsv2),
	TYPE(jira),
	TYPE(rocketchat),
	TYPE(mattermost),
};
#undef TYPE
const struct schema integrations_schema = SCHEMA("receivers", integration_keys, NULL);

/* A receiver type needs one of the local keys, or one of the global ones. */
static const struct need {
	const char *type;
	const char *local[5];
	const char *global[5];
	const char *fault;
	bool null_too; /* an empty item has this fault and not the common one */
} needs[] = {
	{ "slack_configs", { "api_url", "api_url_file", "app_token", "app_token_file" },
		{ "slack_api_url", "slack_api_url_file", "slack_app_token",
			"slack_app_token_file" },
		"no Slack API URL nor App token set either inline or in a file", true },
	{ "opsgenie_configs", { "api_key", "api_key_file" },
		{ "opsgenie_api_key", "opsgenie_api_key_file" },
		"no global OpsGenie API Key set either inline or in a file", true },
	{ "wechat_configs", { "api_secret", "api_secret_file" },
		{ "wechat_api_secret", "wechat_api_secret_file" },
		"no global Wechat Api Secret set either inline or in a file", true },
	{ "rocketchat_configs", { "token_id", "token_id_file" },
		{ "rocketchat_token_id", "rocketchat_token_id_file" },
		"no global Rocketchat TokenID set either inline or in a file", true },
	{ "rocketchat_configs", { "token", "token_file" },
		{ "rocketchat_token", "rocketchat_token_file" },
		"no global Rocketchat Token set either inline or in a file", true },
	{ "victorops_configs", { "api_key", "api_key_file" },
		{ "victorops_api_key", "victorops_api_key_file" },
		"no global VictorOps API Key set", false },
	{ "mattermost_configs", { "webhook_url", "webhook_url_file" },
		{ "mattermost_webhook_url", "mattermost_webhook_url_file" },
		"missing webhook_url or webhook_url_file on mattermost_config", false },
	{ "telegram_configs", { "bot_token", "bot_token_file" },
		{ "telegram_bot_token", "telegram_bot_token_file" },
		"missing bot_token or bot_token_file on telegram_config", false },
	{ "sns_configs", { "topic_arn", "target_arn", "phone_number" }, { NULL },
		"must provide either a Target ARN, Topic ARN, or Phone Number for SNS config",
		false },
	{ "webhook_configs", { "url", "url_file" }, { NULL },
		"one of url or url_file must be configured", false },
	{ "discord_configs", { "webhook_url", "webhook_url_file" }, { NULL },
		"one of webhook_url or webhook_url_file must be configured", false },
	{ "msteams_configs", { "webhook_url", "webhook_url_file" }, { NULL },
		"one of webhook_url or webhook_url_file must be configured", false },
	{ "msteamsv2_configs", { "webhook_url", "webhook_url_file" }, { NULL },
		"one of webhook_url or webhook_url_file must be configured", false },
};

static bool any_set(const struct tree_node *node, const char *const keys[5])
{
	const struct tree_pair *pair;

	for (size_t i = 0; keys[i]; i++) {
		pair = tree_get(node, keys[i]);
		if (pair && !pair->value->null)
			return true;
	}
	return false;
}

static void check_null(struct reader *r, const char *type, const struct tree_node *item)
{
	int len = (int)(strlen(type) - strlen("_configs"));

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		if (streq(needs[i].type, type) && needs[i].null_too &&
			!any_set(r->global_node, needs[i].global)) {
			diag_error(r->diag, item->pos, "missing %.*s config: %s", len, type,
				needs[i].fault);
			return;
		}
	}
	diag_error(r->diag, item->pos, "missing %.*s config", len, type);
}

/* A key and its _file in one item. */
static void check_double(struct reader *r, const struct tree_node *item)
{
	const struct tree_pair *file;
	char name[64];

	for (size_t i = 0; i < item->n; i++) {
		snprintf(name, sizeof(name), "%.50s_file", item->pairs[i].key->text.s);
		file = tree_get(item, name);
		if (file && !file->value->null && !item->pairs[i].value->null)
			diag_error(r->diag, file->key->pos,
				"at most one of %.50s & %s must be configured",
				item->pairs[i].key->text.s, name);
	}
}

/* A webhook cannot change a message that was sent; only Slack's own method can. */
static void check_slack_update(struct reader *r, const struct tree_node *item)
{
	const struct tree_pair *update = tree_get(item, "update_message");
	const struct tree_pair *url = tree_get(item, "api_url");

	if (update && url && update->value->kind == TREE_SCALAR &&
		streq(update->value->text.s, "true") && url->value->kind == TREE_SCALAR &&
		!streq(url->value->text.s, "https://slack.com/api/chat.postMessage"))
		diag_error(r->diag, update->key->pos,
			"update_message can only be used with bot tokens. api_url must be set to "
			"https://slack.com/api/chat.postMessage");
}

void integration_check(struct reader *r, const struct tree_pair *pair)
{
	const char *type = pair->key->text.s;

	for (size_t i = 0; i < pair->value->n; i++) {
		const struct tree_node *item = pair->value->items[i];

		if (item->null)
			check_null(r, type, item);
		if (item->kind != TREE_MAP)
			continue;
		check_double(r, item);
		if (streq(type, "slack_configs"))
			check_slack_update(r, item);
		for (size_t k = 0; k < ARRAY_SIZE(needs); k++) {
			if (streq(needs[k].type, type) && !any_set(item, needs[k].local) &&
				!any_set(r->global_node, needs[k].global))
				diag_error(r->diag, item->pos, "%s", needs[k].fault);
		}
	}
}
