/*
 * original.c - Alertmanager's and Prometheus's parts of the settings, each written as one file.
 *
 * Both show their settings in their APIs, and programs read routes and receivers out of them. Here
 * they may stand in several files, the keys of the one between those of the other: what each would
 * know is gathered, lists joined, comments left out. A secret is shown as they show it, and so is
 * whatever in a receiver looks like one.
 */
#include "config/original.h"
#include "config/integrations.h"

#include <yaml.h>
#include "model/duration.h"

/* Aliases repeat what they stand for: a small file may be large when it is written out. */
#define MAX_TEXT ((size_t)4 << 20)

struct writer {
	struct reader *r;
	struct strbuf text;
	yaml_emitter_t yaml;
	bool failed;
	bool in_slack, in_emails;
};

static int on_write(void *userdata, unsigned char *bytes, size_t len)
{
	struct strbuf *text = userdata;

	strbuf_add(text, bytes, len);
	return !text->err;
}

static void emit(struct writer *w, yaml_event_t *event)
{
	/* It takes the event also where it fails. */
	if (w->failed)
		yaml_event_delete(event);
	else
		w->failed = !yaml_emitter_emit(&w->yaml, event);
}

/* The event is made where `made` is true. */
static void emit_made(struct writer *w, int made, yaml_event_t *event)
{
	if (made)
		emit(w, event);
	else
		w->failed = true;
}

static void begin(struct writer *w, enum tree_kind kind)
{
	yaml_event_t event;

	emit_made(w,
		kind == TREE_MAP ? yaml_mapping_start_event_initialize(
					   &event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)
				 : yaml_sequence_start_event_initialize(
					   &event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE),
		&event);
}

static void end(struct writer *w, enum tree_kind kind)
{
	yaml_event_t event;

	emit_made(w,
		kind == TREE_MAP ? yaml_mapping_end_event_initialize(&event)
				 : yaml_sequence_end_event_initialize(&event),
		&event);
}

static void scalar(struct writer *w, const char *text, size_t len, bool plain)
{
	yaml_event_t event;

	emit_made(w,
		yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
			(int)len, plain, 1,
			plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE),
		&event);
}

static void word(struct writer *w, const char *text)
{
	scalar(w, text, strlen(text), true);
}

/* scheme://user:password@host */
static bool has_password(const char *text)
{
	const char *host = strstr(text, "://");
	size_t len = host ? strcspn(host + 3, "/?#") : 0;

	return host && memchr(host + 3, ':', len) && memchr(host + 3, '@', len);
}

/*
 * amtool reads the settings, and where Alertmanager shows a URL it takes nothing else (of webhooks, before 0.26).
 * Whom it is for is told; its path, its query and its password are not.
 */
static const char *const shown_urls[] = { "url", "api_url", "proxy_url", "pagerduty_url",
	"opsgenie_api_url", "wechat_api_url", "victorops_api_url", "telegram_api_url",
	"webex_api_url", "jira_api_url" };

static bool is_shown_url(const struct writer *w, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(shown_urls); i++) {
		if (streq(shown_urls[i], key))
			return !w->in_slack;
	}
	return false;
}

static void hidden_url(struct writer *w, const char *text)
{
	const char *host = starts_with(text, "http://") || starts_with(text, "https://")
				   ? strstr(text, "://") + 3
				   : NULL;
	size_t len = host ? strcspn(host, "/?#") : 0;
	struct strbuf url = STRBUF_INIT;

	for (const char *at; len && (at = memchr(host, '@', len));) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	/* A template may stand for anything, and a password where an '@' comes late. */
	if (!len || memchr(host, '{', len) || strchr(host + len, '@')) {
		word(w, "<secret>");
		return;
	}
	strbuf_add(&url, text, (size_t)(strstr(text, "://") + 3 - text));
	strbuf_add(&url, host, len);
	strbuf_adds(&url, "/<secret>");
	if (url.err)
		w->failed = true;
	else
		word(w, url.s);
	strbuf_release(&url);
}

static bool is_hidden(const struct tree_node *node)
{
	return node->kind == TREE_SCALAR && !node->null &&
	       (source_hides(node->pos.source, node->from) || has_password(node->text.s));
}

static void pair(struct writer *w, const struct tree_pair *from, bool secrets);

static void node(struct writer *w, const struct tree_node *from, bool secrets)
{
	if (from->kind == TREE_SCALAR) {
		if (from->null)
			word(w, "null");
		else if (secrets && is_hidden(from))
			word(w, "<secret>");
		else
			scalar(w, from->text.s, from->text.len, from->plain);
		return;
	}
	begin(w, from->kind);
	for (size_t i = 0; i < from->n && !w->failed; i++) {
		if (from->kind == TREE_MAP)
			pair(w, &from->pairs[i], secrets);
		else
			node(w, from->items[i], secrets);
	}
	end(w, from->kind);
}

/*
 * Behind a secret in the same line all is hidden. What amtool does not read as a text must be there all the same:
 * it takes nothing that begins with "<secret>" for a truth value, a number, a duration or an address.
 */
static bool is_needed(const char *key, const struct tree_node *value)
{
	static const char *const keys[] = { "chat_id", "message_thread_id", "max_alerts",
		"smarthost", "smtp_smarthost" };
	int64_t ms;
	bool truth;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (streq(keys[i], key))
			return true;
	}
	return value->kind == TREE_SCALAR && !reader_is_secret_key(key) &&
	       (reader_truth(value, &truth) || !duration_parse_go(value->text.s, &ms) ||
		       !duration_parse(value->text.s, value->text.len, &ms));
}

/* tolld's own: Alertmanager's programs refuse a key that they do not know. */
static bool is_ours(const struct tree_pair *pair)
{
	static const char *const keys[] = { CONFIG_REPEAT_INTERVAL_MAX,
		CONFIG_SEND_RESOLVED_SUPPRESSED, "smtp_oauth2" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (streq(keys[i], pair->key->text.s))
			return true;
	}
	return false;
}

static void pair(struct writer *w, const struct tree_pair *from, bool secrets)
{
	const char *key = from->key->text.s;

	if (w->in_emails && streq(key, "oauth2"))
		return;
	node(w, from->key, false);
	if (secrets && is_hidden(from->value) && is_shown_url(w, key))
		hidden_url(w, from->value->text.s);
	else
		node(w, from->value, secrets && !is_needed(key, from->value));
}

/* -- sections --------------------------------------------------------------------------------- */

/* The keys that Alertmanager knows, or those that it does not. */
static void write_global(struct writer *w, const char *key, bool alertmanagers)
{
	const struct tree_node *global = w->r->global_node;
	bool begun = false;

	for (size_t i = 0; i < global->n; i++) {
		if (!schema_find(&config_alertmanager_global, global->pairs[i].key->text.s) ==
				alertmanagers ||
			is_ours(&global->pairs[i]))
			continue;
		if (!begun) {
			word(w, key);
			begin(w, TREE_MAP);
		}
		begun = true;
		pair(w, &global->pairs[i], true);
	}
	if (begun)
		end(w, TREE_MAP);
}

/* tolld's own types are nothing to Alertmanager. */
static bool is_alertmanagers(const char *key)
{
	return streq(key, "name") || streq(key, "labels") || streq(key, "email_configs") ||
	       schema_find(&integrations_schema, key);
}

static void receiver(struct writer *w, const struct tree_node *from)
{
	begin(w, TREE_MAP);
	for (size_t i = 0; i < from->n; i++) {
		if (!is_alertmanagers(from->pairs[i].key->text.s))
			continue;
		/* Slack's URLs are a secret from their beginning. */
		w->in_slack = streq(from->pairs[i].key->text.s, "slack_configs");
		w->in_emails = streq(from->pairs[i].key->text.s, "email_configs");
		pair(w, &from->pairs[i], true);
		w->in_slack = w->in_emails = false;
	}
	end(w, TREE_MAP);
}

static void plain_item(struct writer *w, const struct tree_node *from)
{
	node(w, from, false);
}

static void route(struct writer *w, const struct tree_node *from)
{
	if (from->kind != TREE_MAP) {
		node(w, from, false);
		return;
	}
	begin(w, TREE_MAP);
	for (size_t i = 0; i < from->n && !w->failed; i++) {
		const struct tree_pair *pair = &from->pairs[i];

		if (is_ours(pair))
			continue;
		node(w, pair->key, false);
		if (!streq(pair->key->text.s, "routes") || pair->value->kind != TREE_LIST) {
			node(w, pair->value, false);
			continue;
		}
		begin(w, TREE_LIST);
		for (size_t k = 0; k < pair->value->n; k++)
			route(w, pair->value->items[k]);
		end(w, TREE_LIST);
	}
	end(w, TREE_MAP);
}

/* The first one; a second one is a fault, and told elsewhere. */
static void write_route(struct writer *w, const char *key)
{
	word(w, key);
	route(w, w->r->route);
}

static void write_list(struct writer *w, const char *key,
	void (*item)(struct writer *w, const struct tree_node *from))
{
	bool begun = false;

	for (size_t i = 0; i < w->r->n_files; i++) {
		const struct tree_pair *pair =
			w->r->files[i].root ? tree_get(w->r->files[i].root, key) : NULL;

		if (!pair || pair->value->kind != TREE_LIST)
			continue;
		if (!begun) {
			word(w, key);
			begin(w, TREE_LIST);
		}
		begun = true;
		for (size_t k = 0; k < pair->value->n; k++)
			item(w, pair->value->items[k]);
	}
	if (begun)
		end(w, TREE_LIST);
}

static void secret_item(struct writer *w, const struct tree_node *from)
{
	node(w, from, true);
}

/* A mapping of the first file that has it. */
static void write_map(struct writer *w, const char *key)
{
	for (size_t i = 0; i < w->r->n_files; i++) {
		const struct tree_pair *pair =
			w->r->files[i].root ? tree_get(w->r->files[i].root, key) : NULL;

		if (!pair || pair->value->kind != TREE_MAP)
			continue;
		word(w, key);
		node(w, pair->value, true);
		return;
	}
}

static void write_prometheus(struct writer *w)
{
	write_global(w, "global", false);
	write_map(w, "runtime");
	write_map(w, "alerting");
	write_list(w, "rule_files", plain_item);
	write_list(w, "scrape_config_files", plain_item);
	write_list(w, "scrape_configs", secret_item);
	write_map(w, "storage");
	write_list(w, "remote_write", secret_item);
}

static void write_alertmanager(struct writer *w)
{
	write_global(w, "global", true);
	write_route(w, "route");
	write_list(w, "inhibit_rules", plain_item);
	write_list(w, "receivers", receiver);
	write_list(w, "mute_time_intervals", plain_item);
	write_list(w, "time_intervals", plain_item);
	write_list(w, "templates", plain_item);
}

static void write_document(struct writer *w, void (*write)(struct writer *w))
{
	yaml_event_t event;

	emit_made(w, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
	emit_made(w, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
	begin(w, TREE_MAP);
	write(w);
	end(w, TREE_MAP);
	emit_made(w, yaml_document_end_event_initialize(&event, 1), &event);
	emit_made(w, yaml_stream_end_event_initialize(&event), &event);
}

/* The text, the configuration's; NULL when memory is out. */
static char *write_text(struct reader *r, bool any, void (*write)(struct writer *w))
{
	struct writer w = { .r = r };
	char *text;

	strbuf_init(&w.text, MAX_TEXT);
	if (any && !r->err && !r->diag->errors && yaml_emitter_initialize(&w.yaml)) {
		yaml_emitter_set_output(&w.yaml, on_write, &w.text);
		yaml_emitter_set_unicode(&w.yaml, 1);
		yaml_emitter_set_width(&w.yaml, -1);
		write_document(&w, write);
		yaml_emitter_delete(&w.yaml);
	}
	if (w.failed || w.text.err) {
		strbuf_reset(&w.text);
		strbuf_adds(&w.text, "# the settings cannot be shown here\n");
	}
	text = arena_strndup(&r->config->arena, w.text.s, w.text.len);
	strbuf_release(&w.text);
	return text ? text : reader_no_memory(r);
}

void config_write_original(struct reader *r)
{
	r->config->alertmanager_text = write_text(r, r->route, write_alertmanager);
	r->config->prometheus_text = write_text(r, r->n_files, write_prometheus);
}
