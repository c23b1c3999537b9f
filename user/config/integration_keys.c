/*
 * integration_keys.c - the keys of each receiver type, and what they are where nobody sets them.
 *
 * Source: alertmanager notify/<type>/config.go, the keys and defaults of version 0.34. All are QUIET:
 * they are checked here, and kept by integrations.c as they stand.
 */
#include "config/integrations.h"

/* http_config is read for itself, with its own words for what is not served. */
#define NOTIFIER QUIET("send_resolved", S_BOOL), QUIET("http_config", S_ANY)

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
static const struct schema_key image_keys[] = {
	QUIET("src", S_TEXT),
	QUIET("alt", S_TEXT),
	QUIET("href", S_TEXT),
};
static const struct schema image_schema = SCHEMA("images", image_keys, NULL);

static const struct schema_key link_keys[] = {
	QUIET("href", S_TEXT),
	QUIET("text", S_TEXT),
};
static const struct schema link_schema = SCHEMA("links", link_keys, NULL);

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
	QUIET_IN("images", S_LIST, image_schema),
	QUIET_IN("links", S_LIST, link_schema),
	QUIET("source", S_TEXT),
	QUIET("severity", S_TEXT),
	QUIET("class", S_TEXT),
	QUIET("component", S_TEXT),
	QUIET("group", S_TEXT),
	QUIET("timeout", S_TEXT),
};
static const struct schema_key field_keys[] = {
	QUIET("title", S_TEXT),
	QUIET("value", S_TEXT),
	QUIET("short", S_BOOL),
};
static const struct schema field_schema = SCHEMA("fields", field_keys, NULL);

static const struct schema_key confirm_keys[] = {
	QUIET("text", S_TEXT),
	QUIET("title", S_TEXT),
	QUIET("ok_text", S_TEXT),
	QUIET("dismiss_text", S_TEXT),
};
static const struct schema confirm_schema = SCHEMA("confirm", confirm_keys, NULL);

static const struct schema_key slack_action_keys[] = {
	QUIET("type", S_TEXT),
	QUIET("text", S_TEXT),
	QUIET("url", S_TEXT),
	QUIET("style", S_TEXT),
	QUIET("name", S_TEXT),
	QUIET("value", S_TEXT),
	QUIET_IN("confirm", S_MAP, confirm_schema),
};
static const struct schema slack_action_schema = SCHEMA("actions", slack_action_keys, NULL);

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
	QUIET_IN("fields", S_LIST, field_schema),
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
	QUIET_IN("actions", S_LIST, slack_action_schema),
	QUIET("timeout", S_TEXT),
	QUIET("update_message", S_BOOL),
};
static const struct schema_key responder_keys[] = {
	QUIET("id", S_TEXT),
	QUIET("name", S_TEXT),
	QUIET("username", S_TEXT),
	QUIET("type", S_TEXT),
};
static const struct schema responder_schema = SCHEMA("responders", responder_keys, NULL);

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
	QUIET_IN("responders", S_LIST, responder_schema),
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
static const struct schema_key sigv4_keys[] = {
	QUIET("region", S_TEXT),
	QUIET("access_key", S_SECRET),
	QUIET("secret_key", S_SECRET),
	QUIET("profile", S_TEXT),
	QUIET("role_arn", S_TEXT),
	QUIET("external_id", S_TEXT),
	QUIET("use_fips_sts_endpoint", S_BOOL),
};
static const struct schema sigv4_schema = SCHEMA("sigv4", sigv4_keys, NULL);

static const struct schema_key sns_keys[] = {
	NOTIFIER,
	QUIET("api_url", S_TEXT),
	QUIET_IN("sigv4", S_MAP, sigv4_schema),
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
static const struct schema_key rocketchat_action_keys[] = {
	QUIET("type", S_TEXT),
	QUIET("text", S_TEXT),
	QUIET("url", S_TEXT),
	QUIET("image_url", S_TEXT),
	QUIET("is_webview", S_BOOL),
	QUIET("webview_height_ratio", S_TEXT),
	QUIET("msg", S_TEXT),
	QUIET("msg_in_chat_window", S_BOOL),
	QUIET("msg_processing_type", S_TEXT),
};
static const struct schema rocketchat_action_schema =
	SCHEMA("actions", rocketchat_action_keys, NULL);

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
	QUIET_IN("fields", S_LIST, field_schema),
	QUIET("short_fields", S_BOOL),
	QUIET("emoji", S_TEXT),
	QUIET("icon_url", S_TEXT),
	QUIET("image_url", S_TEXT),
	QUIET("thumb_url", S_TEXT),
	QUIET("link_names", S_BOOL),
	QUIET_IN("actions", S_LIST, rocketchat_action_schema),
};
#define MATTERMOST_ATTACHMENT                                                                      \
	QUIET("fallback", S_TEXT), QUIET("color", S_TEXT), QUIET("pretext", S_TEXT),               \
		QUIET("text", S_TEXT), QUIET("author_name", S_TEXT), QUIET("author_link", S_TEXT), \
		QUIET("author_icon", S_TEXT), QUIET("title", S_TEXT), QUIET("title_link", S_TEXT), \
		QUIET_IN("fields", S_LIST, field_schema), QUIET("thumb_url", S_TEXT),              \
		QUIET("footer", S_TEXT), QUIET("footer_icon", S_TEXT), QUIET("image_url", S_TEXT)
static const struct schema_key attachment_keys[] = { MATTERMOST_ATTACHMENT };
static const struct schema attachment_schema = SCHEMA("attachments", attachment_keys, NULL);

static const struct schema_key props_keys[] = {
	QUIET("card", S_TEXT),
};
static const struct schema props_schema = SCHEMA("props", props_keys, NULL);

static const struct schema_key priority_keys[] = {
	QUIET("priority", S_TEXT),
	QUIET("requested_ack", S_BOOL),
	QUIET("persistent_notifications", S_BOOL),
};
static const struct schema priority_schema = SCHEMA("priority", priority_keys, NULL);

static const struct schema_key mattermost_keys[] = {
	NOTIFIER,
	QUIET("webhook_url", S_SECRET),
	QUIET("webhook_url_file", S_TEXT),
	QUIET("channel", S_TEXT),
	QUIET("username", S_TEXT),
	QUIET("icon_url", S_TEXT),
	QUIET("icon_emoji", S_TEXT),
	QUIET_IN("attachments", S_LIST, attachment_schema),
	QUIET("type", S_TEXT),
	QUIET_IN("props", S_MAP, props_schema),
	QUIET_IN("priority", S_MAP, priority_schema),
	QUIET("actions", S_ANY),
	MATTERMOST_ATTACHMENT,
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

/* -- what is where nobody says otherwise ------------------------------------------------------ */

#define CALL(name_) "{{ template \"" name_ "\" . }}"

static const struct integration_default discord_defaults[] = {
	{ "title", CALL("discord.default.title") },
	{ "message", CALL("discord.default.message") },
	{ NULL, NULL },
};
static const struct integration_default pagerduty_defaults[] = {
	{ "description", CALL("pagerduty.default.description") },
	{ "client", CALL("pagerduty.default.client") },
	{ "client_url", CALL("pagerduty.default.clientURL") },
	{ NULL, NULL },
};
static const struct integration_default slack_defaults[] = {
	{ "color", "{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}" },
	{ "username", CALL("slack.default.username") },
	{ "title", CALL("slack.default.title") },
	{ "title_link", CALL("slack.default.titlelink") },
	{ "icon_emoji", CALL("slack.default.iconemoji") },
	{ "icon_url", CALL("slack.default.iconurl") },
	{ "pretext", CALL("slack.default.pretext") },
	{ "text", CALL("slack.default.text") },
	{ "fallback", CALL("slack.default.fallback") },
	{ "callback_id", CALL("slack.default.callbackid") },
	{ "footer", CALL("slack.default.footer") },
	{ NULL, NULL },
};
static const struct integration_default opsgenie_defaults[] = {
	{ "message", CALL("opsgenie.default.message") },
	{ "description", CALL("opsgenie.default.description") },
	{ "source", CALL("opsgenie.default.source") },
	{ NULL, NULL },
};
static const struct integration_default wechat_defaults[] = {
	{ "message", CALL("wechat.default.message") },
	{ "to_user", CALL("wechat.default.to_user") },
	{ "to_party", CALL("wechat.default.to_party") },
	{ "to_tag", CALL("wechat.default.to_tag") },
	{ "agent_id", CALL("wechat.default.agent_id") },
	{ NULL, NULL },
};
static const struct integration_default pushover_defaults[] = {
	{ "title", CALL("pushover.default.title") },
	{ "message", CALL("pushover.default.message") },
	{ "url", CALL("pushover.default.url") },
	{ "priority", "{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}" },
	{ "retry", "1m" },
	{ "expire", "1h" },
	{ NULL, NULL },
};
static const struct integration_default victorops_defaults[] = {
	{ "message_type", "CRITICAL" },
	{ "state_message", CALL("victorops.default.state_message") },
	{ "entity_display_name", CALL("victorops.default.entity_display_name") },
	{ "monitoring_tool", CALL("victorops.default.monitoring_tool") },
	{ NULL, NULL },
};
static const struct integration_default sns_defaults[] = {
	{ "subject", CALL("sns.default.subject") },
	{ "message", CALL("sns.default.message") },
	{ NULL, NULL },
};
static const struct integration_default telegram_defaults[] = {
	{ "message", CALL("telegram.default.message") },
	{ "parse_mode", "HTML" },
	{ NULL, NULL },
};
static const struct integration_default webex_defaults[] = {
	{ "message", CALL("webex.default.message") },
	{ NULL, NULL },
};
static const struct integration_default msteams_defaults[] = {
	{ "title", CALL("msteams.default.title") },
	{ "summary", CALL("msteams.default.summary") },
	{ "text", CALL("msteams.default.text") },
	{ NULL, NULL },
};
static const struct integration_default msteamsv2_defaults[] = {
	{ "title", CALL("msteamsv2.default.title") },
	{ "text", CALL("msteamsv2.default.text") },
	{ NULL, NULL },
};
static const struct integration_default rocketchat_defaults[] = {
	{ "color", "{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}" },
	{ "emoji", CALL("rocketchat.default.emoji") },
	{ "icon_url", CALL("rocketchat.default.iconurl") },
	{ "text", CALL("rocketchat.default.text") },
	{ "title", CALL("rocketchat.default.title") },
	{ "title_link", CALL("rocketchat.default.titlelink") },
	{ NULL, NULL },
};
static const struct integration_default mattermost_defaults[] = {
	{ "text", CALL("mattermost.default.text") },
	{ "username", CALL("mattermost.default.username") },
	{ NULL, NULL },
};
static const struct integration_default none[] = { { NULL, NULL } };

const struct integration_type integration_types[] = {
	{ "webhook", true, none, NULL },
	{ "discord", true, discord_defaults, NULL },
	{ "incidentio", true, none, NULL },
	{ "pagerduty", true, pagerduty_defaults, NULL },
	{ "slack", false, slack_defaults, NULL },
	{ "opsgenie", true, opsgenie_defaults, NULL },
	{ "wechat", false, wechat_defaults, NULL },
	{ "pushover", true, pushover_defaults, NULL },
	{ "victorops", true, victorops_defaults, NULL },
	{ "sns", true, sns_defaults, NULL },
	{ "telegram", true, telegram_defaults, NULL },
	{ "webex", true, webex_defaults, NULL },
	{ "msteams", true, msteams_defaults, NULL },
	{ "msteamsv2", true, msteamsv2_defaults, NULL },
	{ "jira", true, none, "it asks Jira several questions for each notification" },
	{ "rocketchat", false, rocketchat_defaults, NULL },
	{ "mattermost", true, mattermost_defaults, NULL },
};
const size_t n_integration_types = ARRAY_SIZE(integration_types);
