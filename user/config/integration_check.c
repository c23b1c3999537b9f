/*
 * integration_check.c - what Alertmanager would refuse in a receiver's settings, in its own words.
 *
 * Source: alertmanager config/config.go and notify/<type>/config.go.
 */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>
#include "config/integrations.h"
#include "model/duration.h"

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
	{ "telegram_configs", { "chat_id", "chat_id_file" }, { NULL },
		"missing chat_id or chat_id_file on telegram_config", false },
	{ "pagerduty_configs",
		{ "routing_key", "routing_key_file", "service_key", "service_key_file" }, { NULL },
		"missing service or routing key in PagerDuty config", false },
	{ "pushover_configs", { "user_key", "user_key_file" }, { NULL },
		"one of user_key or user_key_file must be configured", false },
	{ "pushover_configs", { "token", "token_file" }, { NULL },
		"one of token or token_file must be configured", false },
	{ "victorops_configs", { "routing_key" }, { NULL },
		"missing Routing key in VictorOps config", false },
	{ "webex_configs", { "room_id" }, { NULL }, "missing room_id on webex_config", false },
	{ "wechat_configs", { "corp_id" }, { "wechat_api_corp_id" }, "no global Wechat CorpID set",
		false },
	{ "incidentio_configs", { "url", "url_file" }, { NULL },
		"one of url or url_file must be configured", false },
	{ "jira_configs", { "project" }, { NULL }, "missing project in jira_config", false },
	{ "jira_configs", { "issue_type" }, { NULL }, "missing issue_type in jira_config", false },
	{ "jira_configs", { "api_url" }, { "jira_api_url" }, "no global Jira Cloud URL set",
		false },
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
static void check_double(struct reader *r, const char *type, const struct tree_node *item)
{
	const struct schema *keys = schema_find(&integrations_schema, type)->sub;
	const struct tree_pair *file;
	char name[64];

	for (size_t i = 0; i < item->n; i++) {
		snprintf(name, sizeof(name), "%.50s_file", item->pairs[i].key->text.s);
		/* Of keys that nobody knows there may be very many. */
		file = schema_find(keys, name) ? tree_get(item, name) : NULL;
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
	bool wanted = false;

	if (update && reader_truth(update->value, &wanted) && wanted && url &&
		url->value->kind == TREE_SCALAR &&
		!streq(url->value->text.s, "https://slack.com/api/chat.postMessage"))
		diag_error(r->diag, update->key->pos,
			"update_message can only be used with bot tokens. api_url must be set to "
			"https://slack.com/api/chat.postMessage");
}

/* Settings that know a few words only, where no template stands in their place. */
static const struct vocabulary {
	const char *type, *key;
	const char *words[6];
	const char *fault;
	bool any_case;
} vocabularies[] = {
	{ "telegram_configs", "parse_mode", { "", "Markdown", "MarkdownV2", "HTML" },
		"unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty "
		"string",
		false },
	{ "wechat_configs", "message_type", { "", "text", "markdown" },
		"weChat message type does not match valid options text and markdown", false },
	{ "jira_configs", "api_type", { "auto", "cloud", "datacenter" },
		"unknown api_type on jira_config, must be auto, cloud or datacenter", false },
	{ "responders", "type", { "team", "teams", "user", "escalation", "schedule" },
		"opsGenieConfig responder type must be team, teams, user, escalation or schedule",
		true },
};

static void check_words(struct reader *r, const char *type, const struct tree_node *item)
{
	for (size_t i = 0; i < ARRAY_SIZE(vocabularies); i++) {
		const struct vocabulary *v = &vocabularies[i];
		const struct tree_pair *pair = tree_get(item, v->key);
		bool known = false;

		if (!streq(v->type, type) || !pair || pair->value->kind != TREE_SCALAR ||
			pair->value->null || strstr(pair->value->text.s, "{{"))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(v->words) && v->words[k]; k++)
			known |= !(v->any_case ? strcasecmp : strcmp)(
				v->words[k], pair->value->text.s);
		if (!known)
			diag_error(r->diag, pair->value->pos, "%s", v->fault);
	}
}

/* What one of a list of mappings must have. */
static const struct part {
	const char *type, *list;
	const char *keys[3];
	bool all; /* or one of them */
	const char *fault;
} parts[] = {
	{ "slack_configs", "fields", { "title" }, true,
		"missing title in Slack field configuration" },
	{ "slack_configs", "fields", { "value" }, true,
		"missing value in Slack field configuration" },
	{ "slack_configs", "actions", { "type" }, true,
		"missing type in Slack action configuration" },
	{ "slack_configs", "actions", { "text" }, true,
		"missing text in Slack action configuration" },
	{ "slack_configs", "actions", { "name", "url" }, false,
		"missing name or url in Slack action configuration" },
	{ "mattermost_configs", "fields", { "title" }, true,
		"missing title in Mattermost field configuration" },
	{ "mattermost_configs", "fields", { "value" }, true,
		"missing value in Mattermost field configuration" },
	{ "opsgenie_configs", "responders", { "type" }, true,
		"opsGenieConfig responder type must be team, teams, user, escalation or schedule" },
	{ "opsgenie_configs", "responders", { "id", "name", "username" }, false,
		"opsGenieConfig responder has to have at least one of id, username or name "
		"specified" },
};

static bool has_text(const struct tree_node *node, const char *key)
{
	const struct tree_pair *pair = tree_get(node, key);

	return pair && !pair->value->null &&
	       (pair->value->kind != TREE_SCALAR || pair->value->text.len);
}

static void check_part(struct reader *r, const struct part *part, const struct tree_node *node)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(part->keys) && part->keys[i]; i++) {
		found |= has_text(node, part->keys[i]);
	}
	if (!found)
		diag_error(r->diag, node->pos, "%s", part->fault);
}

/* Durations as Go writes them; one that cannot be read would fail every notification. */
static void check_durations(struct reader *r, const struct tree_node *item)
{
	static const char *const keys[] = { "timeout", "retry", "expire", "ttl" };
	const struct tree_pair *pair;
	int64_t ms;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		pair = tree_get(item, keys[i]);
		if (!pair || pair->value->kind != TREE_SCALAR || pair->value->null)
			continue;
		if (duration_parse_go(pair->value->text.s, &ms))
			diag_error(r->diag, pair->value->pos,
				"'%s': invalid duration \"%.40s\"; write it like 30s, 5m or 1h30m",
				keys[i], pair->value->text.s);
	}
}

/* Whoever presses the button is asked something. */
static void check_confirm(struct reader *r, const struct tree_node *item)
{
	static const struct part part = { .keys = { "text" },
		.fault = "missing text in Slack confirmation configuration" };
	const struct tree_pair *actions = tree_get(item, "actions"), *confirm;

	for (size_t i = 0; actions && actions->value->kind == TREE_LIST && i < actions->value->n;
		i++) {
		confirm = tree_get(actions->value->items[i], "confirm");
		if (confirm && confirm->value->kind == TREE_MAP)
			check_part(r, &part, confirm->value);
	}
}

/* Nobody has the number 0: it is as if there were none. */
static void check_chat(struct reader *r, const struct tree_node *item)
{
	const struct tree_pair *id = tree_get(item, "chat_id"),
			       *file = tree_get(item, "chat_id_file");
	int64_t n;

	if (id && reader_number(id->value, INT64_MIN, &n) && !n && (!file || file->value->null))
		diag_error(r->diag, id->value->pos,
			"missing chat_id or chat_id_file on telegram_config");
}

/* One key without the other signs nothing. */
static void check_sigv4(struct reader *r, const struct tree_node *item)
{
	const struct tree_pair *sigv4 = tree_get(item, "sigv4");

	if (sigv4 && has_text(sigv4->value, "access_key") != has_text(sigv4->value, "secret_key"))
		diag_error(r->diag, sigv4->key->pos,
			"must provide a AWS SigV4 Access key and Secret Key if credentials are "
			"specified in the SigV4 config");
}

/* PagerDuty's details hold whatever nests, below names. */
static void check_details(struct reader *r, const struct tree_node *item)
{
	const struct tree_pair *details = tree_get(item, "details");

	if (details && !details->value->null && details->value->kind != TREE_MAP)
		diag_error(r->diag, details->value->pos, "'details' must be a mapping");
}

static void check_parts(struct reader *r, const char *type, const struct tree_node *item)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct tree_pair *list = tree_get(item, parts[i].list);

		if (!streq(parts[i].type, type) || !list || list->value->kind != TREE_LIST)
			continue;
		for (size_t k = 0; k < list->value->n; k++) {
			if (list->value->items[k]->kind == TREE_MAP)
				check_part(r, &parts[i], list->value->items[k]);
		}
	}
	if (streq(type, "opsgenie_configs")) {
		const struct tree_pair *list = tree_get(item, "responders");

		for (size_t k = 0; list && list->value->kind == TREE_LIST && k < list->value->n;
			k++)
			check_words(r, "responders", list->value->items[k]);
	}
}

/* Keys that belong to victorops itself. */
static void check_custom_fields(struct reader *r, const struct tree_node *item)
{
	static const char *const reserved[] = { "routing_key", "message_type", "state_message",
		"entity_display_name", "monitoring_tool", "entity_id", "entity_state" };
	const struct tree_pair *fields = tree_get(item, "custom_fields"), *field;

	for (size_t i = 0; fields && i < ARRAY_SIZE(reserved); i++) {
		field = tree_get(fields->value, reserved[i]);
		if (field)
			diag_error(r->diag, field->key->pos,
				"victorOps config contains custom field %s which cannot be used as "
				"it conflicts with the fixed/static fields",
				reserved[i]);
	}
}

/* Texts that are the address of a service. */
static void check_urls(struct reader *r, const struct tree_node *item)
{
	static const char *const keys[] = { "url", "api_url", "webhook_url", "app_url" };
	const struct tree_pair *pair;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		pair = tree_get(item, keys[i]);
		if (pair)
			integration_check_url(r, pair);
	}
}

/* user:password@host:port, or an IPv6 address in brackets; up to `len`. */
static bool is_authority(const char *s, size_t len)
{
	const char *at = memrchr(s, '@', len), *host = at ? at + 1 : s, *end = s + len, *port;

	if (host < end && *host == '[') {
		port = memchr(host, ']', (size_t)(end - host));
		if (!port)
			return false;
		port++;
	} else {
		port = memchr(host, ':', (size_t)(end - host));
	}
	if (!port || port == end)
		return true;
	if (*port++ != ':')
		return false;
	while (port < end && isdigit((unsigned char)*port))
		port++;
	return port == end;
}

void integration_check_url(struct reader *r, const struct tree_pair *pair)
{
	const char *s =
		pair->value->kind == TREE_SCALAR && !pair->value->null ? pair->value->text.s : NULL;
	const char *rest;

	/* A template becomes an address only when there is an alert. */
	if (!s || strstr(s, "{{"))
		return;
	rest = starts_with(s, "http://") ? s + 7 : starts_with(s, "https://") ? s + 8 : NULL;
	if (!rest)
		diag_error(r->diag, pair->value->pos,
			"'%s': unsupported scheme for URL: it must begin with http:// or https://",
			pair->key->text.s);
	else if (!*rest || strchr("/?#:", *rest))
		diag_error(
			r->diag, pair->value->pos, "'%s': missing host for URL", pair->key->text.s);
	else if (s[strcspn(s, " \t\r\n")])
		diag_error(r->diag, pair->value->pos, "'%s': a URL must not hold white space",
			pair->key->text.s);
	else if (!is_authority(rest, strcspn(rest, "/?#")))
		diag_error(r->diag, pair->value->pos,
			"'%s': invalid port or brackets in URL: write it like http://host:8080/ or "
			"http://[::1]:8080/",
			pair->key->text.s);
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
		check_double(r, type, item);
		check_words(r, type, item);
		check_parts(r, type, item);
		check_durations(r, item);
		if (streq(type, "telegram_configs"))
			check_chat(r, item);
		if (streq(type, "sns_configs"))
			check_sigv4(r, item);
		if (streq(type, "pagerduty_configs"))
			check_details(r, item);
		if (!streq(type, "pushover_configs"))
			check_urls(r, item);
		if (streq(type, "slack_configs")) {
			check_slack_update(r, item);
			check_confirm(r, item);
		}
		if (streq(type, "victorops_configs"))
			check_custom_fields(r, item);
		for (size_t k = 0; k < ARRAY_SIZE(needs); k++) {
			if (streq(needs[k].type, type) && !any_set(item, needs[k].local) &&
				!any_set(r->global_node, needs[k].global))
				diag_error(r->diag, item->pos, "%s", needs[k].fault);
		}
	}
}
