/*
 * payload_duty.c - services that call out who is on duty: PagerDuty, Opsgenie, VictorOps.
 *
 * Source: alertmanager notify/<type>.
 */
#include <errno.h>
#include "deliver/payload.h"

/* What PagerDuty takes; above it the details are left out. */
#define PAGERDUTY_MAX ((size_t)512000)

/* -- details: the owner's, and what there is without them -- */

struct detail {
	const char *name;
	struct config_value value;
};

#define TEMPLATE(text_)                                                                            \
	{                                                                                          \
		.kind = VALUE_TEXT, .text.s = (char *)(text_)                                      \
	}

static const struct detail pagerduty_details[] = {
	{ "firing", TEMPLATE("{{ .Alerts.Firing | toJson }}") },
	{ "resolved", TEMPLATE("{{ .Alerts.Resolved | toJson }}") },
	{ "num_firing", TEMPLATE("{{ .Alerts.Firing | len }}") },
	{ "num_resolved", TEMPLATE("{{ .Alerts.Resolved | len }}") },
};

/* The settings' `details` with those added that they do not have. */
static struct config_value all_details(struct payload *p)
{
	const struct config_value *own = config_value_get(&p->integration->settings, "details");
	size_t n = own ? own->n : 0, more = ARRAY_SIZE(pagerduty_details);
	struct config_value all = { .kind = VALUE_MAP };

	all.items = arena_alloc(&p->arena, (n + more) * sizeof(*all.items));
	all.keys = arena_alloc(&p->arena, (n + more) * sizeof(*all.keys));
	if (!all.items || !all.keys) {
		payload_fail(p, -ENOMEM, "out of memory");
		return all;
	}
	for (; all.n < n; all.n++) {
		all.items[all.n] = own->items[all.n];
		all.keys[all.n] = own->keys[all.n];
	}
	for (size_t i = 0; i < more; i++) {
		if (own && config_value_get(own, pagerduty_details[i].name))
			continue;
		all.items[all.n] = pagerduty_details[i].value;
		all.keys[all.n++].s = (char *)pagerduty_details[i].name;
	}
	return all;
}

/* -- PagerDuty -- */

static const char *event(const struct payload *p)
{
	return p->n->n_firing ? "trigger" : "resolve";
}

static void put_details(struct payload *p, const char *name, bool whole)
{
	struct config_value all = all_details(p);

	if (whole) {
		put_value(p, name, &all);
		return;
	}
	put_open(p, name, '{');
	put_string(p, "error",
		"Custom details have been removed because the original event exceeds the maximum "
		"size of 512 KB");
	put_close(p, '}');
}

/* Items of a list whose first key says something. */
static void put_list(struct payload *p, const char *name, const char *const keys[3])
{
	const struct config_value *list = config_value_get(&p->integration->settings, name);
	bool any = false;

	for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->n; i++) {
		const struct config_value *item = &list->items[i];

		if (!*payload_expand(p, name, config_value_text(item, keys[0])))
			continue;
		if (!any)
			put_open(p, name, '[');
		any = true;
		put_open(p, NULL, '{');
		for (size_t k = 0; k < 3 && keys[k]; k++)
			put_string(p, keys[k],
				payload_expand(p, name, config_value_text(item, keys[k])));
		put_close(p, '}');
	}
	if (any)
		put_close(p, ']');
}

static const char *summary(struct payload *p)
{
	return payload_cut(p, payload_text(p, "description"), 1024);
}

static void put_first_version(struct payload *p, bool whole)
{
	static const struct config_value null = { .kind = VALUE_NULL };

	put_open(p, NULL, '{');
	put_optional(p, "service_key", payload_secret(p, "service_key", true));
	put_string(p, "incident_key", payload_group_hash(p));
	put_string(p, "event_type", event(p));
	put_optional(p, "description", summary(p));
	put_string(p, "event_action", "");
	put_value(p, "payload", &null);
	if (p->n->n_firing) {
		put_optional(p, "client", payload_text(p, "client"));
		put_optional(p, "client_url", payload_text(p, "client_url"));
	}
	put_details(p, "details", whole);
	put_close(p, '}');
}

static void put_second_version(struct payload *p, bool whole)
{
	static const char *const images[] = { "src", "alt", "href" };
	static const char *const links[] = { "href", "text", NULL };
	const char *severity =
		*payload_plain(p, "severity") ? payload_text(p, "severity") : "error";
	const char *source = payload_text(p, "source");
	const char *key = payload_secret(p, "routing_key", true);

	if (!*key)
		payload_fail(p, -EINVAL, "routing_key: it cannot be empty");
	put_open(p, NULL, '{');
	put_string(p, "routing_key", key);
	put_string(p, "dedup_key", payload_group_hash(p));
	put_string(p, "event_action", event(p));
	put_open(p, "payload", '{');
	put_string(p, "summary", summary(p));
	put_string(p, "source", *source ? source : payload_text(p, "client"));
	put_string(p, "severity", severity);
	put_optional(p, "class", payload_text(p, "class"));
	put_optional(p, "component", payload_text(p, "component"));
	put_optional(p, "group", payload_text(p, "group"));
	put_details(p, "custom_details", whole);
	put_close(p, '}');
	put_optional(p, "client", payload_text(p, "client"));
	put_optional(p, "client_url", payload_text(p, "client_url"));
	put_list(p, "images", images);
	put_list(p, "links", links);
	put_close(p, '}');
}

void render_pagerduty(struct payload *p)
{
	bool first = *payload_plain(p, "service_key") || *payload_plain(p, "service_key_file");
	struct strbuf *body;

	payload_post_json(p, first ? "https://events.pagerduty.com/generic/2010-04-15/"
				     "create_event.json"
				   : payload_plain(p, "url"));
	body = &p->requests[0].body;
	p->timeout_ms = payload_duration_ms(p, "timeout");
	for (int whole = 1; whole >= 0; whole--) {
		strbuf_reset(body);
		if (first)
			put_first_version(p, whole);
		else
			put_second_version(p, whole);
		if (body->len <= PAGERDUTY_MAX)
			break;
	}
}

/* -- Opsgenie -- */

/* Calls fn for each part of "a,b" that is not empty. */
static void each_part(struct payload *p, const char *text, bool *any,
	void (*fn)(struct payload *p, const char *name, const char *part, bool *any),
	const char *name)
{
	const char *end;
	char *part;

	for (text = payload_trim(p, text); *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, ",");
		if (end == text)
			continue;
		part = arena_strndup(&p->arena, text, (size_t)(end - text));
		if (part)
			fn(p, name, part, any);
		else
			payload_fail(p, -ENOMEM, "out of memory");
	}
}

static void put_part(struct payload *p, const char *name, const char *part, bool *any)
{
	if (!*any)
		put_open(p, name, '[');
	*any = true;
	put_string(p, NULL, part);
}

static void put_split(struct payload *p, const char *name, const char *text)
{
	bool any = false;

	each_part(p, text, &any, put_part, name);
	if (any)
		put_close(p, ']');
}

static void put_responder(struct payload *p, bool *any, const char *id, const char *name,
	const char *username, const char *type)
{
	if (!*any)
		put_open(p, "responders", '[');
	*any = true;
	put_open(p, NULL, '{');
	put_optional(p, "id", id);
	put_optional(p, "name", name);
	put_optional(p, "username", username);
	put_string(p, "type", type);
	put_close(p, '}');
}

/* "teams" is several of them in one name. */
static void put_team(struct payload *p, const char *name, const char *part, bool *any)
{
	put_responder(p, any, "", part, "", "team");
}

static void put_responders(struct payload *p)
{
	const struct config_value *list = config_value_get(&p->integration->settings, "responders");
	static const char *const keys[] = { "id", "name", "username", "type" };
	const char *texts[4];
	bool any = false;

	for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->n; i++) {
		bool says_something = false;

		for (size_t k = 0; k < 4; k++) {
			texts[k] = payload_expand(
				p, "responders", config_value_text(&list->items[i], keys[k]));
			says_something |= *texts[k];
		}
		if (streq(texts[3], "teams"))
			each_part(p, texts[1], &any, put_team, NULL);
		else if (says_something)
			put_responder(p, &any, texts[0], texts[1], texts[2], texts[3]);
	}
	if (any)
		put_close(p, ']');
}

/* Adds the texts of a mapping of the settings. */
static size_t add_own(struct payload *p, const char *key, struct put_pair *pairs, size_t n)
{
	const struct config_value *own = config_value_get(&p->integration->settings, key);

	for (size_t i = 0; own && own->kind == VALUE_MAP && i < own->n; i++)
		pairs[n++] = (struct put_pair){ own->keys[i].s,
			payload_expand(p, key, config_value_text(own, own->keys[i].s)) };
	return n;
}

static size_t n_own(const struct payload *p, const char *key)
{
	const struct config_value *own = config_value_get(&p->integration->settings, key);

	return own ? own->n : 0;
}

/* Common labels and the owner's details, as one mapping of texts. */
static void put_opsgenie_details(struct payload *p)
{
	scoped(labels_unrefp) struct labels *labels =
		alerts_common_labels(p->n->alerts, p->n->n_alerts);
	struct put_pair *pairs = NULL;
	size_t n = 0;

	if (labels)
		pairs = payload_pairs(p, labels->n + n_own(p, "details"));
	if (!pairs) {
		payload_fail(p, -ENOMEM, "out of memory");
		return;
	}
	for (unsigned i = 0; i < labels->n; i++)
		pairs[n++] = (struct put_pair){ labels->v[i].name, labels->v[i].value };
	n = add_own(p, "details", pairs, n);
	put_pairs(p, "details", pairs, n);
}

/* https://api.opsgenie.com/v2/alerts/HASH/close?identifierType=alias */
static const char *opsgenie_url(struct payload *p, const char *what)
{
	struct strbuf url = STRBUF_INIT;

	strbuf_addf(&url, "%sv2/alerts", payload_plain(p, "api_url"));
	if (*what)
		strbuf_addf(&url, "/%s/%s?identifierType=alias", payload_group_hash(p), what);
	return payload_keep(p, &url);
}

static struct payload_request *opsgenie_request(
	struct payload *p, const char *what, const char *key)
{
	struct payload_request *request = payload_post_json(p, opsgenie_url(p, what));

	payload_header(request, "Authorization", key);
	if (*what && !streq(what, "close"))
		request->method = "PUT";
	put_open(p, NULL, '{');
	return request;
}

static void put_opsgenie_alert(struct payload *p, const char *message, const char *description)
{
	put_string(p, "alias", payload_group_hash(p));
	put_string(p, "message", message);
	put_optional(p, "description", description);
	put_opsgenie_details(p);
	put_string(p, "source", payload_text(p, "source"));
	put_responders(p);
	put_split(p, "tags", payload_text(p, "tags"));
	put_optional(p, "note", payload_text(p, "note"));
	put_optional(p, "priority", payload_text(p, "priority"));
	put_optional(p, "entity", payload_text(p, "entity"));
	put_split(p, "actions", payload_text(p, "actions"));
	put_close(p, '}');
}

void render_opsgenie(struct payload *p)
{
	const char *message = payload_cut(p, payload_text(p, "message"), 130);
	const char *description = payload_text(p, "description");
	struct strbuf header = STRBUF_INIT;
	const char *key;

	strbuf_addf(&header, "GenieKey %s", payload_secret(p, "api_key", true));
	key = payload_keep(p, &header);
	if (!p->n->n_firing) {
		opsgenie_request(p, "close", key);
		put_string(p, "source", payload_text(p, "source"));
		put_close(p, '}');
		return;
	}
	opsgenie_request(p, "", key);
	put_opsgenie_alert(p, message, description);
	if (!payload_flag(&p->integration->settings, "update_alerts"))
		return;
	opsgenie_request(p, "message", key);
	put_optional(p, "message", message);
	put_close(p, '}');
	opsgenie_request(p, "description", key);
	put_optional(p, "description", description);
	put_close(p, '}');
}

/* -- VictorOps -- */

static const char *victorops_level(struct payload *p)
{
	static const char *const levels[] = { "INFO", "WARNING", "CRITICAL" };
	const char *level = payload_text(p, "message_type");

	if (!p->n->n_firing)
		return "RECOVERY";
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (streq(levels[i], level))
			return level;
	}
	return "CRITICAL";
}

/* Go writes a map, so the fields come by name; the owner's are among them. */
void render_victorops(struct payload *p)
{
	struct put_pair *pairs = payload_pairs(p, 5 + n_own(p, "custom_fields"));
	struct strbuf url = STRBUF_INIT;
	size_t n = 0;

	if (!pairs)
		return;
	strbuf_addf(&url, "%s%s/%s", payload_plain(p, "api_url"),
		payload_secret(p, "api_key", false), payload_text(p, "routing_key"));
	payload_post_json(p, payload_keep(p, &url));
	pairs[n++] = (struct put_pair){ "message_type", victorops_level(p) };
	pairs[n++] = (struct put_pair){ "entity_id", payload_group_hash(p) };
	pairs[n++] =
		(struct put_pair){ "entity_display_name", payload_text(p, "entity_display_name") };
	pairs[n++] = (struct put_pair){ "state_message",
		payload_cut(p, payload_text(p, "state_message"), 20480) };
	pairs[n++] = (struct put_pair){ "monitoring_tool", payload_text(p, "monitoring_tool") };
	n = add_own(p, "custom_fields", pairs, n);
	put_pairs(p, NULL, pairs, n);
}
