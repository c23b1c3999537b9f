/*
 * payload_chat.c - services where people talk: Slack, Discord, Teams, Telegram and their like.
 *
 * Source: alertmanager notify/<type>, and of what is said to Telegram telebot's sendMessage.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>
#include "base/escape.h"
#include "deliver/mime.h"
#include "deliver/payload.h"

/* One field of a JSON object that is a setting's text. */
struct field {
	const char *name, *key;
	bool always; /* also where it is empty */
};

static void put_fields(struct payload *p, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = payload_text(p, fields[i].key);

		if (fields[i].always)
			put_string(p, fields[i].name, text);
		else
			put_optional(p, fields[i].name, text);
	}
}

/* The same of a mapping within the settings. */
static void put_parts(
	struct payload *p, const struct config_value *map, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_optional(p, fields[i].name,
			payload_expand(p, fields[i].key, config_value_text(map, fields[i].key)));
}

static bool firing(const struct payload *p)
{
	return p->n->n_firing > 0;
}

/* A list that has nothing in it is not there. */
static const struct config_value *list_of(const struct config_value *map, const char *key)
{
	const struct config_value *list = config_value_get(map, key);

	return list && list->kind == VALUE_LIST && list->n ? list : NULL;
}

enum short_place { SHORT_LAST, SHORT_FIRST, SHORT_IF_SET };

/* `fields` of an attachment: title, value, and whether two of them fit beside each other. */
static void put_short_fields(
	struct payload *p, const struct config_value *map, enum short_place place)
{
	const struct config_value *list = list_of(map, "fields");
	bool usual = payload_flag(&p->integration->settings, "short_fields");
	bool is_short;

	if (!list)
		return;
	put_open(p, "fields", '[');
	for (size_t i = 0; i < list->n; i++) {
		const struct config_value *field = &list->items[i];

		is_short = config_value_text(field, "short") ? payload_flag(field, "short") : usual;
		put_open(p, NULL, '{');
		if (place == SHORT_FIRST)
			put_bool(p, "short", is_short);
		put_optional(p, "title",
			payload_expand(p, "fields: title", config_value_text(field, "title")));
		put_optional(p, "value",
			payload_expand(p, "fields: value", config_value_text(field, "value")));
		if (place == SHORT_LAST ||
			(place == SHORT_IF_SET && config_value_text(field, "short")))
			put_bool(p, "short", is_short);
		put_close(p, '}');
	}
	put_close(p, ']');
}

/* -- Slack -- */

/* A link has no name, value or question. */
static void put_slack_action(struct payload *p, const struct config_value *action)
{
	static const struct field link[] = { { "type", "type", false }, { "text", "text", false },
		{ "url", "url", false }, { "style", "style", false } };
	static const struct field button[] = { { "type", "type", false }, { "text", "text", false },
		{ "style", "style", false }, { "name", "name", false },
		{ "value", "value", false } };
	static const struct field question[] = { { "text", "text", false },
		{ "title", "title", false }, { "ok_text", "ok_text", false },
		{ "dismiss_text", "dismiss_text", false } };
	const struct config_text *url = config_value_text(action, "url");
	const struct config_value *confirm = config_value_get(action, "confirm");

	put_open(p, NULL, '{');
	if (url && *url->s) {
		put_parts(p, action, link, ARRAY_SIZE(link));
	} else {
		put_parts(p, action, button, ARRAY_SIZE(button));
		if (confirm) {
			put_open(p, "confirm", '{');
			put_parts(p, confirm, question, ARRAY_SIZE(question));
			put_close(p, '}');
		}
	}
	put_close(p, '}');
}

static void put_markdown_in(struct payload *p)
{
	static const char *const usual[] = { "fallback", "pretext", "text" };
	const struct config_value *list = list_of(&p->integration->settings, "mrkdwn_in");
	size_t n = list ? list->n : ARRAY_SIZE(usual);

	put_open(p, "mrkdwn_in", '[');
	for (size_t i = 0; i < n; i++)
		put_string(p, NULL, list ? list->items[i].text.s : usual[i]);
	put_close(p, ']');
}

static void put_slack_attachment(struct payload *p)
{
	static const struct field before[] = { { "title_link", "title_link", false },
		{ "pretext", "pretext", false }, { "text", "text", true },
		{ "fallback", "fallback", true }, { "callback_id", "callback_id", true } };
	static const struct field after[] = { { "image_url", "image_url", false },
		{ "thumb_url", "thumb_url", false }, { "footer", "footer", true },
		{ "color", "color", false } };
	const struct config_value *settings = &p->integration->settings;
	const struct config_value *actions = list_of(settings, "actions");

	put_open(p, NULL, '{');
	put_optional(p, "title", payload_cut(p, payload_text(p, "title"), 1024));
	put_fields(p, before, ARRAY_SIZE(before));
	put_short_fields(p, settings, SHORT_LAST);
	if (actions) {
		put_open(p, "actions", '[');
		for (size_t i = 0; i < actions->n; i++)
			put_slack_action(p, &actions->items[i]);
		put_close(p, ']');
	}
	put_fields(p, after, ARRAY_SIZE(after));
	put_markdown_in(p);
	put_close(p, '}');
}

void render_slack(struct payload *p)
{
	static const struct field fields[] = { { "channel", "channel", false },
		{ "username", "username", false }, { "icon_emoji", "icon_emoji", false },
		{ "icon_url", "icon_url", false } };

	payload_post_json(p, payload_secret(p, "api_url", false));
	p->timeout_ms = payload_duration_ms(p, "timeout");
	put_open(p, NULL, '{');
	put_fields(p, fields, ARRAY_SIZE(fields));
	if (payload_flag(&p->integration->settings, "link_names"))
		put_bool(p, "link_names", true);
	put_optional(p, "text", payload_text(p, "message_text"));
	put_open(p, "attachments", '[');
	put_slack_attachment(p);
	put_close(p, ']');
	put_close(p, '}');
}

/* A good status with {flag: false} is a refusal; what is no JSON may be the answer of a proxy. */
static int judge_json(
	const struct client_answer *answer, const char *flag, char *words, size_t size)
{
	json_t *root = json_loads(answer->body, 0, NULL);
	const char *why = json_string_value(json_object_get(root, "error"));
	struct strbuf shown = STRBUF_INIT;
	int err = 0;

	if (!why)
		why = json_string_value(json_object_get(root, "description"));
	if (!root) {
		mime_clean(&shown, answer->body, answer->len, 300);
		snprintf(words, size, "the answer is no JSON: %s", shown.s);
		err = -EAGAIN;
	} else if (!json_is_true(json_object_get(root, flag))) {
		mime_clean(&shown, why ? why : "", why ? strlen(why) : 0, 300);
		snprintf(words, size, "refused: %s", shown.len ? shown.s : "no reason was given");
		err = -EINVAL;
	}
	strbuf_release(&shown);
	json_decref(root);
	return err;
}

int judge_slack(const struct client_answer *answer, char *words, size_t size)
{
	struct strbuf shown = STRBUF_INIT;
	int err = 0;

	if (!strncasecmp(answer->content_type, "application/json", 16))
		return judge_json(answer, "ok", words, size);
	/* A webhook says "ok". */
	if (!streq(answer->body, "ok")) {
		mime_clean(&shown, answer->body, answer->len, 300);
		snprintf(words, size, "refused: %s", shown.s);
		err = -EINVAL;
	}
	strbuf_release(&shown);
	return err;
}

/* -- Rocket.Chat and Mattermost -- */

static void put_rocketchat_action(struct payload *p, const struct config_value *action)
{
	static const struct field before[] = { { "text", "text", false }, { "url", "url", false } };
	static const struct field after[] = { { "msg", "msg", false } };

	put_open(p, NULL, '{');
	put_string(p, "type", "button");
	put_parts(p, action, before, ARRAY_SIZE(before));
	put_bool(p, "is_webview", false);
	put_parts(p, action, after, ARRAY_SIZE(after));
	put_bool(p, "msg_in_chat_window", false);
	put_close(p, '}');
}

void render_rocketchat(struct payload *p)
{
	static const struct field message[] = { { "channel", "channel", false },
		{ "emoji", "emoji", false }, { "avatar", "icon_url", false } };
	static const struct field attachment[] = { { "title_link", "title_link", false },
		{ "text", "text", false }, { "image_url", "image_url", false },
		{ "thumb_url", "thumb_url", false }, { "color", "color", false } };
	const struct config_value *settings = &p->integration->settings;
	const struct config_value *actions = list_of(settings, "actions");
	struct strbuf url = STRBUF_INIT;
	struct payload_request *request;

	strbuf_addf(&url, "%sapi/v1/chat.postMessage", payload_plain(p, "api_url"));
	request = payload_post_json(p, payload_keep(p, &url));
	payload_header(request, "X-Auth-Token", payload_secret(p, "token", false));
	payload_header(request, "X-User-Id", payload_secret(p, "token_id", false));
	put_open(p, NULL, '{');
	put_fields(p, message, ARRAY_SIZE(message));
	put_open(p, "attachments", '[');
	put_open(p, NULL, '{');
	put_optional(p, "title", payload_cut(p, payload_text(p, "title"), 1024));
	put_fields(p, attachment, ARRAY_SIZE(attachment));
	put_short_fields(p, settings, SHORT_FIRST);
	if (actions) {
		put_open(p, "actions", '[');
		for (size_t i = 0; i < actions->n; i++)
			put_rocketchat_action(p, &actions->items[i]);
		put_close(p, ']');
	}
	put_close(p, '}');
	put_close(p, ']');
	put_close(p, '}');
}

int judge_rocketchat(const struct client_answer *answer, char *words, size_t size)
{
	return judge_json(answer, "success", words, size);
}

static void put_mattermost_attachment(
	struct payload *p, const struct config_value *map, bool with_text)
{
	static const struct field before[] = { { "fallback", "fallback", false },
		{ "color", "color", false }, { "pretext", "pretext", false } };
	static const struct field text[] = { { "text", "text", false } };
	static const struct field between[] = { { "author_name", "author_name", false },
		{ "author_link", "author_link", false }, { "author_icon", "author_icon", false },
		{ "title", "title", false }, { "title_link", "title_link", false } };
	static const struct field after[] = { { "thumb_url", "thumb_url", false },
		{ "footer", "footer", false }, { "footer_icon", "footer_icon", false },
		{ "image_url", "image_url", false } };

	put_open(p, NULL, '{');
	put_parts(p, map, before, ARRAY_SIZE(before));
	if (with_text)
		put_parts(p, map, text, ARRAY_SIZE(text));
	put_parts(p, map, between, ARRAY_SIZE(between));
	put_short_fields(p, map, SHORT_IF_SET);
	put_parts(p, map, after, ARRAY_SIZE(after));
	put_close(p, '}');
}

/* Those of the list, or one of the keys that stand beside it. */
static void put_mattermost_attachments(struct payload *p)
{
	static const char *const keys[] = { "title", "title_link", "fallback", "color", "pretext",
		"author_name", "author_link", "author_icon", "fields", "thumb_url", "footer",
		"footer_icon", "image_url" };
	const struct config_value *settings = &p->integration->settings;
	const struct config_value *list = list_of(settings, "attachments");
	bool own = false;

	for (size_t i = 0; !list && i < ARRAY_SIZE(keys); i++)
		own |= config_value_get(settings, keys[i]) != NULL;
	if (!list && !own)
		return;
	put_open(p, "attachments", '[');
	for (size_t i = 0; list && i < list->n; i++)
		put_mattermost_attachment(p, &list->items[i], true);
	if (own)
		put_mattermost_attachment(p, settings, false);
	put_close(p, ']');
}

/* What is urgent may ask for more; Mattermost refuses it of all others. */
static void put_mattermost_priority(struct payload *p)
{
	static const char *const known[] = { "urgent", "important", "standard" };
	const struct config_value *map = config_value_get(&p->integration->settings, "priority");
	const char *text =
		map ? payload_expand(p, "priority: priority", config_value_text(map, "priority"))
		    : "";
	size_t which = 0;

	if (!map || !config_value_text(map, "priority") || !*config_value_text(map, "priority")->s)
		return;
	while (which < 2 && strcasecmp(known[which], text))
		which++;
	put_open(p, "priority", '{');
	put_string(p, "priority", known[which]);
	if (which < 2 && payload_flag(map, "requested_ack"))
		put_bool(p, "requested_ack", true);
	if (which == 0 && payload_flag(map, "persistent_notifications"))
		put_bool(p, "persistent_notifications", true);
	put_close(p, '}');
}

void render_mattermost(struct payload *p)
{
	static const struct field fields[] = { { "channel", "channel", false },
		{ "username", "username", false }, { "icon_url", "icon_url", false },
		{ "icon_emoji", "icon_emoji", false } };
	const struct config_value *props = config_value_get(&p->integration->settings, "props");
	const struct config_text *card = props ? config_value_text(props, "card") : NULL;

	payload_post_json(p, payload_secret(p, "webhook_url", false));
	put_open(p, NULL, '{');
	put_string(p, "text", payload_cut(p, payload_text(p, "text"), 16383));
	put_fields(p, fields, ARRAY_SIZE(fields));
	put_mattermost_attachments(p);
	put_optional(p, "type", payload_text(p, "type"));
	if (card && *card->s) {
		put_open(p, "props", '{');
		put_optional(p, "card", payload_expand(p, "props: card", card));
		put_close(p, '}');
	}
	put_mattermost_priority(p);
	put_close(p, '}');
}

/* -- Discord, Teams, Webex -- */

void render_discord(struct payload *p)
{
	payload_post_json(p, payload_secret(p, "webhook_url", false));
	put_open(p, NULL, '{');
	put_string(p, "content", payload_cut(p, payload_text(p, "content"), 2000));
	put_open(p, "embeds", '[');
	put_open(p, NULL, '{');
	put_string(p, "title", payload_cut(p, payload_text(p, "title"), 256));
	put_string(p, "description", payload_cut(p, payload_text(p, "message"), 4096));
	put_int(p, "color", firing(p) ? 0x992d22 : 0x2ecc71);
	put_close(p, '}');
	put_close(p, ']');
	put_optional(p, "username", payload_plain(p, "username"));
	put_optional(p, "avatar_url", payload_plain(p, "avatar_url"));
	put_close(p, '}');
}

void render_msteams(struct payload *p)
{
	payload_post_json(p, payload_secret(p, "webhook_url", false));
	put_open(p, NULL, '{');
	put_string(p, "@context", "http://schema.org/extensions");
	put_string(p, "type", "MessageCard");
	put_string(p, "title", payload_text(p, "title"));
	put_string(p, "summary", payload_text(p, "summary"));
	put_string(p, "text", payload_text(p, "text"));
	put_string(p, "themeColor", firing(p) ? "8C1A1A" : "2DC72D");
	put_close(p, '}');
}

static void put_card(struct payload *p)
{
	put_open(p, "content", '{');
	put_string(p, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
	put_string(p, "type", "AdaptiveCard");
	put_string(p, "version", "1.2");
	put_open(p, "body", '[');
	put_open(p, NULL, '{');
	put_string(p, "type", "TextBlock");
	put_string(p, "text", payload_text(p, "title"));
	put_string(p, "weight", "Bolder");
	put_string(p, "size", "Medium");
	put_bool(p, "wrap", true);
	put_string(p, "style", "heading");
	put_string(p, "color", firing(p) ? "Attention" : "Good");
	put_close(p, '}');
	put_open(p, NULL, '{');
	put_string(p, "type", "TextBlock");
	put_string(p, "text", payload_text(p, "text"));
	put_bool(p, "wrap", true);
	put_close(p, '}');
	put_close(p, ']');
	put_open(p, "msteams", '{');
	put_string(p, "width", "full");
	put_close(p, '}');
	put_close(p, '}');
}

void render_msteamsv2(struct payload *p)
{
	static const struct config_value null = { .kind = VALUE_NULL };

	payload_post_json(p, payload_secret(p, "webhook_url", false));
	put_open(p, NULL, '{');
	put_string(p, "type", "message");
	put_open(p, "attachments", '[');
	put_open(p, NULL, '{');
	put_string(p, "contentType", "application/vnd.microsoft.card.adaptive");
	put_value(p, "contentUrl", &null);
	put_card(p);
	put_close(p, '}');
	put_close(p, ']');
	put_close(p, '}');
}

void render_webex(struct payload *p)
{
	payload_post_json(p, payload_plain(p, "api_url"));
	put_open(p, NULL, '{');
	put_string(p, "markdown", payload_cut_bytes(p, payload_text(p, "message"), 7439));
	put_optional(p, "roomId", payload_text(p, "room_id"));
	put_close(p, '}');
}

/* -- Telegram -- */

#define TELEGRAM_MAX 4096

bool telegram_is_html(const struct config_integration *integration, const char *key)
{
	const struct config_text *mode = config_value_text(&integration->settings, "parse_mode");

	return streq(key, "message") && mode && streq(mode->s, "HTML");
}

/* All values are texts: so does the library that Alertmanager uses, and Telegram reads them so. */
void render_telegram(struct payload *p)
{
	const struct config_value *settings = &p->integration->settings;
	const char *thread = payload_plain(p, "message_thread_id");
	const char *mode = payload_plain(p, "parse_mode");
	struct strbuf url = STRBUF_INIT;

	strbuf_addf(&url, "%s/bot%s/sendMessage", payload_plain(p, "api_url"),
		payload_secret(p, "bot_token", false));
	payload_post_json(p, payload_keep(p, &url));
	put_open(p, NULL, '{');
	put_string(p, "chat_id", payload_secret(p, "chat_id", false));
	if (payload_flag(settings, "disable_notifications"))
		put_string(p, "disable_notification", "true");
	put_string(p, "disable_web_page_preview", "true");
	if (*thread && !streq(thread, "0"))
		put_string(p, "message_thread_id", thread);
	put_optional(p, "parse_mode", mode);
	put_string(p, "text",
		streq(mode, "HTML") ? payload_cut_html(p, payload_html(p, "message"), TELEGRAM_MAX)
				    : payload_cut(p, payload_text(p, "message"), TELEGRAM_MAX));
	put_close(p, '}');
}

int judge_telegram(const struct client_answer *answer, char *words, size_t size)
{
	int err = judge_json(answer, "ok", words, size);

	return err ? -EAGAIN : 0;
}

/* -- WeChat: a token first, then the message -- */

void render_wechat(struct payload *p)
{
	const char *api = payload_plain(p, "api_url");
	const char *type = payload_plain(p, "message_type");
	bool markdown = streq(type, "markdown");
	const char *message = payload_text(p, "message");
	struct strbuf url = STRBUF_INIT;
	struct payload_request *token;

	token = payload_post(p, api, NULL);
	token->method = "GET";
	form_add(p, "corpid", payload_text(p, "corp_id"));
	form_add(p, "corpsecret", payload_secret(p, "api_secret", true));
	strbuf_addf(&url, "%sgettoken?%s", api, token->body.s);
	token->url = payload_keep(p, &url);
	strbuf_reset(&token->body);

	payload_post_json(p, api);
	put_open(p, NULL, '{');
	put_open(p, "text", '{');
	put_string(p, "content", markdown ? "" : message);
	put_close(p, '}');
	put_optional(p, "touser", payload_text(p, "to_user"));
	put_optional(p, "toparty", payload_text(p, "to_party"));
	put_optional(p, "totag", payload_text(p, "to_tag"));
	put_optional(p, "agentid", payload_text(p, "agent_id"));
	put_string(p, "safe", "0");
	put_string(p, "msgtype", *type ? type : "text");
	put_open(p, "markdown", '{');
	put_string(p, "content", markdown ? message : "");
	put_close(p, '}');
	put_close(p, '}');
}

int proceed_wechat(struct payload *p, const struct client_answer *answer,
	struct payload_request *next, char *words, size_t size)
{
	json_t *root = json_loads(answer->body, 0, NULL);
	const char *token = json_string_value(json_object_get(root, "access_token"));
	struct strbuf url = STRBUF_INIT;
	int err = 0;

	if (!token || !*token) {
		snprintf(words, size, "no access_token was given: is api_secret that of corp_id?");
		err = -EINVAL;
	} else {
		censor_add(&p->censor, token);
		strbuf_addf(&url, "%smessage/send?access_token=", next->url);
		escape_query(&url, token, strlen(token));
		next->url = payload_keep(p, &url);
		err = p->err;
	}
	json_decref(root);
	return err;
}

int judge_wechat(const struct client_answer *answer, char *words, size_t size)
{
	json_t *root = json_loads(answer->body, 0, NULL);
	const json_t *code = json_object_get(root, "errcode");
	const char *why = json_string_value(json_object_get(root, "errmsg"));
	struct strbuf shown = STRBUF_INIT;
	int err = 0;

	if (!root || json_integer_value(code)) {
		mime_clean(&shown, why ? why : "", why ? strlen(why) : 0, 300);
		snprintf(words, size, "%s%s", root ? "refused: " : "the answer is no JSON",
			root ? shown.s : "");
		/* 42001: the token has run out. */
		err = !root || json_integer_value(code) == 42001 ? -EAGAIN : -EINVAL;
	}
	strbuf_release(&shown);
	json_decref(root);
	return err;
}
