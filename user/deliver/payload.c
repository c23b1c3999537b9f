/*
 * payload.c - one notification as the requests that a service takes it by: what all types share.
 *
 * Source of the statuses after which it is worth trying again: alertmanager notify/<type>.
 */
#include "deliver/payload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/escape.h"
#include "client/options.h"
#include "deliver/mime.h"
#include "deliver/thread.h"
#include "model/duration.h"

/* Settings within settings, as the YAML of a template's output may have them. */
#define VALUE_DEPTH 32
/* HTML that is cut is cut before it is nested any deeper. */
#define HTML_DEPTH   16
#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static const struct payload_kind kinds[] = {
	{ .type = "discord", .render = render_discord },
	{ .type = "incidentio", .render = render_incidentio, .retry_codes = { 429 } },
	{ .type = "mattermost", .render = render_mattermost },
	{ .type = "msteams", .render = render_msteams },
	{ .type = "msteamsv2", .render = render_msteamsv2 },
	{ .type = "opsgenie", .render = render_opsgenie, .retry_codes = { 429 } },
	/* 403 is the first version's word for too many. */
	{ .type = "pagerduty", .render = render_pagerduty, .retry_codes = { 429, 403 } },
	{ .type = "pushover", .render = render_pushover, .is_html = pushover_is_html },
	{ .type = "rocketchat", .render = render_rocketchat, .judge = judge_rocketchat },
	{ .type = "slack", .render = render_slack, .judge = judge_slack },
	{ .type = "sns", .render = render_sns },
	{ .type = "telegram",
		.render = render_telegram,
		.retry_always = true,
		.judge = judge_telegram,
		.is_html = telegram_is_html },
	{ .type = "victorops", .render = render_victorops },
	{ .type = "webex", .render = render_webex },
	{ .type = "webhook", .render = render_webhook },
	{ .type = "wechat",
		.render = render_wechat,
		.retry_always = true,
		.judge = judge_wechat,
		.proceed = proceed_wechat },
};

const struct payload_kind *payload_kind(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (streq(kinds[i].type, type))
			return &kinds[i];
	}
	return NULL;
}

void payload_fail(struct payload *p, int err, const char *fmt, ...)
{
	va_list args;

	if (p->err)
		return;
	p->err = err;
	va_start(args, fmt);
	vsnprintf(p->error, sizeof(p->error), fmt, args);
	va_end(args);
}

static void no_memory(struct payload *p)
{
	payload_fail(p, -ENOMEM, "out of memory");
}

/* -- rendering -- */

void payload_read_data(struct payload *p)
{
	struct template_error error = { 0 };
	int err = mail_templates_data(p->templates, &p->arena, p->n, p->options, &p->data, &error);

	if (err == -EINVAL)
		payload_fail(p, err, "labels of the route: %s", error.text);
	else if (err)
		no_memory(p);
}

int payload_render(struct payload *p, const struct config_integration *integration,
	const struct notification *n, const struct deliver_options *options,
	struct mail_templates *templates)
{
	const struct payload_kind *kind = payload_kind(integration->type);

	*p = (struct payload){
		.integration = integration, .n = n, .options = options, .templates = templates
	};
	for (size_t i = 0; i < PAYLOAD_REQUESTS; i++)
		strbuf_init(&p->requests[i].body, PAYLOAD_MAX_BYTES);
	if (!kind)
		payload_fail(p, -EINVAL, "%s: not known", integration->type);
	else
		payload_read_data(p);
	if (!p->err)
		kind->render(p);
	for (size_t i = 0; i < p->n_requests; i++) {
		if (p->requests[i].body.err == -EMSGSIZE)
			payload_fail(p, -EINVAL, "the message would be larger than %zu MiB",
				PAYLOAD_MAX_BYTES >> 20);
		else if (p->requests[i].body.err)
			no_memory(p);
	}
	return p->err;
}

void payload_release(struct payload *p)
{
	for (size_t i = 0; i < PAYLOAD_REQUESTS; i++) {
		/* Some services take their secrets in the body. */
		explicit_bzero(p->requests[i].body.s, p->requests[i].body.len);
		strbuf_release(&p->requests[i].body);
	}
	for (size_t i = 0; i < p->n_secrets; i++)
		config_secret_wipe(&p->secrets[i]);
	censor_release(&p->censor);
	arena_release(&p->arena);
}

const char *payload_keep(struct payload *p, struct strbuf *text)
{
	char *kept = text->err ? NULL : arena_strndup(&p->arena, text->s, text->len);

	strbuf_release(text);
	if (!kept)
		no_memory(p);
	return kept ? kept : "";
}

static const char *expand(
	struct payload *p, enum template_mode mode, const char *setting, const char *text)
{
	struct template_error error = { 0 };
	struct strbuf out = STRBUF_INIT;
	int err;

	if (p->err)
		return "";
	if (!strstr(text, "{{"))
		return text;
	err = mail_templates_render(
		p->templates, mode, setting, text, &p->data, p->n->at_wall_ms, &out, &error);
	if (!err)
		return payload_keep(p, &out);
	strbuf_release(&out);
	if (err == -EINVAL)
		payload_fail(p, err, "%s: %s", setting, error.text);
	else
		no_memory(p);
	return "";
}

const char *payload_plain(const struct payload *p, const char *key)
{
	const struct config_text *text = config_value_text(&p->integration->settings, key);

	return text ? text->s : "";
}

const char *payload_text(struct payload *p, const char *key)
{
	return expand(p, TEMPLATE_TEXT, key, payload_plain(p, key));
}

const char *payload_html(struct payload *p, const char *key)
{
	return expand(p, TEMPLATE_HTML, key, payload_plain(p, key));
}

const char *payload_expand(struct payload *p, const char *setting, const struct config_text *text)
{
	return text ? expand(p, TEMPLATE_TEXT, setting, text->s) : "";
}

bool payload_flag(const struct config_value *map, const char *key)
{
	const struct config_value *flag = config_value_get(map, key);

	return flag && flag->kind == VALUE_BOOL && flag->truth;
}

const char *payload_secret(struct payload *p, const char *key, bool expanded)
{
	const struct config_value *settings = &p->integration->settings;
	struct config_secret secret = { 0 };
	char file[64], *value = NULL;
	const char *shown;
	int err;

	if (p->err)
		return "";
	snprintf(file, sizeof(file), "%.50s_file", key);
	if (config_value_text(settings, key))
		secret.value = *config_value_text(settings, key);
	else if (config_value_text(settings, file))
		secret.file = *config_value_text(settings, file);
	err = client_secret(&secret, key, &value, p->error, sizeof(p->error));
	if (err) {
		p->err = err;
		return "";
	}
	if (p->n_secrets == PAYLOAD_SECRETS) {
		config_secret_wipe(&value);
		payload_fail(p, -EINVAL, "%s: one secret too many", key);
		return "";
	}
	p->secrets[p->n_secrets++] = value;
	shown = expanded ? expand(p, TEMPLATE_TEXT, key, value) : value;
	/* It may become a header, and the rest of it others. */
	if (shown[strcspn(shown, "\r\n")])
		payload_fail(p, -EINVAL, "the %s has more than one line", key);
	censor_add_url(&p->censor, value);
	censor_add_url(&p->censor, shown);
	return shown;
}

const char *payload_cut(struct payload *p, const char *text, size_t runes)
{
	struct strbuf out = STRBUF_INIT;
	size_t len = strlen(text), at = 0, kept = 0, size;

	for (size_t n = 0; at < len; n++) {
		if (n == runes)
			break;
		if (n + 1 == runes)
			kept = at;
		size = utf8_decode(text + at, len - at, NULL);
		at += size ? size : 1;
	}
	if (at >= len)
		return text;
	strbuf_add(&out, text, kept);
	strbuf_adds(&out, "…");
	return payload_keep(p, &out);
}

const char *payload_cut_bytes(struct payload *p, const char *text, size_t bytes)
{
	struct strbuf out = STRBUF_INIT;
	size_t len = strlen(text), kept = bytes - strlen("…");

	if (len <= bytes)
		return text;
	while (kept && ((unsigned char)text[kept] & 0xc0) == 0x80)
		kept--;
	strbuf_add(&out, text, kept);
	strbuf_adds(&out, "…");
	return payload_keep(p, &out);
}

/* Elements that are open. */
struct open_tags {
	struct {
		const char *name;
		size_t len;
	} v[HTML_DEPTH];
	size_t n, runes; /* of what closes them */
};

/* How long the tag, the entity or the character at s is. */
static size_t html_unit(const char *s, size_t len)
{
	size_t n = 0;
	char quote = '\0';

	if (*s == '&') {
		n = 1 + strspn(s + 1, "#" ALPHANUMERIC);
		if (s[n] == ';')
			return n + 1;
	}
	for (n = 1; *s == '<' && n < len; n++) {
		if (s[n] == '>' && !quote)
			return n + 1;
		if (s[n] == quote)
			quote = '\0';
		else if (!quote && (s[n] == '"' || s[n] == '\''))
			quote = s[n];
	}
	return MAX(utf8_decode(s, len, NULL), (size_t)1);
}

/* False where there are too many. */
static bool note_tag(struct open_tags *open, const char *s, size_t len)
{
	/* Line breaks hold nothing. */
	if (*s != '<' || len < 3 || s[len - 2] == '/' || starts_with(s, "<br>"))
		return true;
	if (s[1] == '/') {
		if (open->n)
			open->runes -= open->v[--open->n].len + strlen("</>");
		return true;
	}
	if (open->n == HTML_DEPTH)
		return false;
	open->v[open->n].name = s + 1;
	open->v[open->n].len = strspn(s + 1, ALPHANUMERIC "-");
	open->runes += open->v[open->n++].len + strlen("</>");
	return true;
}

static size_t count_runes(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

const char *payload_cut_html(struct payload *p, const char *text, size_t runes)
{
	struct open_tags open = { .n = 0 }, open_there = open;
	size_t len = strlen(text), at = 0, there = 0, passed = 0, size;
	struct strbuf out = STRBUF_INIT;

	for (; at < len && passed <= runes; at += size) {
		if (passed + strlen(".") + open.runes <= runes) {
			there = at;
			open_there = open;
		}
		size = html_unit(text + at, len - at);
		passed += count_runes(text + at, size);
		if (!note_tag(&open, text + at, size))
			break;
	}
	if (at >= len && passed <= runes)
		return text;
	strbuf_add(&out, text, there);
	strbuf_adds(&out, "…");
	while (open_there.n--)
		strbuf_addf(&out, "</%.*s>", (int)open_there.v[open_there.n].len,
			open_there.v[open_there.n].name);
	return payload_keep(p, &out);
}

const char *payload_trim(struct payload *p, const char *text)
{
	struct strbuf out = STRBUF_INIT;
	size_t len;

	text += strspn(text, " \t\n\v\f\r");
	for (len = strlen(text); len && strchr(" \t\n\v\f\r", text[len - 1]);)
		len--;
	strbuf_add(&out, text, len);
	return payload_keep(p, &out);
}

const char *payload_group_hash(struct payload *p)
{
	char *hex = arena_alloc(&p->arena, GROUP_HASH_SIZE);

	if (!hex || group_hash(p->n->group_key, hex)) {
		no_memory(p);
		return "";
	}
	return hex;
}

int64_t payload_duration_ms(struct payload *p, const char *key)
{
	const char *text = payload_plain(p, key);
	int64_t ms = 0;

	if (*text && duration_parse_go(text, &ms))
		payload_fail(p, -EINVAL, "%s: invalid duration \"%.40s\"", key, text);
	return ms;
}

/* -- requests -- */

struct payload_request *payload_post(struct payload *p, const char *url, const char *content_type)
{
	struct payload_request *request;

	if (p->n_requests < PAYLOAD_REQUESTS)
		p->n_requests++;
	request = &p->requests[p->n_requests - 1];
	request->method = "POST";
	request->url = url;
	request->content_type = content_type;
	return request;
}

struct payload_request *payload_post_json(struct payload *p, const char *url)
{
	return payload_post(p, url, "application/json");
}

void payload_header(struct payload_request *request, const char *name, const char *value)
{
	if (request->n_headers < ARRAY_SIZE(request->headers))
		request->headers[request->n_headers++] = (struct client_header){ name, value };
}

static struct strbuf *body(struct payload *p)
{
	return &p->requests[p->n_requests - 1].body;
}

static void text(struct payload *p, const char *s)
{
	strbuf_addch(body(p), '"');
	escape_json(body(p), s, strlen(s));
	strbuf_addch(body(p), '"');
}

/* What must stand before a value: a comma after the one before it, and its name. */
static void begin(struct payload *p, const char *name)
{
	const struct strbuf *b = body(p);
	char last = b->len ? b->s[b->len - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		strbuf_addch(body(p), ',');
	if (!name)
		return;
	text(p, name);
	strbuf_addch(body(p), ':');
}

void put_open(struct payload *p, const char *name, char bracket)
{
	/* A request's outermost one stands alone. */
	if (body(p)->len)
		begin(p, name);
	strbuf_addch(body(p), bracket);
}

void put_close(struct payload *p, char bracket)
{
	strbuf_addch(body(p), bracket);
}

void put_string(struct payload *p, const char *name, const char *value)
{
	begin(p, name);
	text(p, value);
}

void put_optional(struct payload *p, const char *name, const char *value)
{
	if (*value)
		put_string(p, name, value);
}

void put_bool(struct payload *p, const char *name, bool value)
{
	begin(p, name);
	strbuf_adds(body(p), value ? "true" : "false");
}

void put_int(struct payload *p, const char *name, int64_t value)
{
	begin(p, name);
	strbuf_addf(body(p), "%" PRId64, value);
}

void put_data(struct payload *p, const struct tvalue *data)
{
	int err;

	if (p->err)
		return;
	err = tvalue_json(data, body(p));
	if (err)
		payload_fail(p, err == -ENOMEM ? err : -EINVAL, "the alerts cannot be JSON: %s",
			strerror(-err));
	strbuf_truncate(body(p), body(p)->len - (body(p)->len > 0));
}

/* -- values of any shape -- */

static void value(struct payload *p, const char *name, const struct config_value *v, bool templates,
	unsigned depth);

/*
 * A text, executed; then what YAML makes of it. Alertmanager executes the texts in that once more, so
 * that braces in a label's value would keep a notification from being sent; here they are data.
 */
static void value_text(struct payload *p, const char *name, const char *s, unsigned depth)
{
	const char *expanded = expand(p, TEMPLATE_TEXT, name ? name : "payload", s);
	struct config_value read;

	/* Nothing is a text without letters, not null. */
	if (!p->err && *expanded && !config_value_parse(&p->arena, expanded, &read) &&
		read.kind != VALUE_TEXT) {
		value(p, name, &read, false, depth + 1);
		return;
	}
	put_string(p, name, expanded);
}

struct member {
	const char *name;
	const struct config_value *value;
};

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

/* In the order of the keys, as Go writes its maps. */
static void value_map(
	struct payload *p, const struct config_value *v, bool templates, unsigned depth)
{
	struct member *members = arena_alloc(&p->arena, (v->n + 1) * sizeof(*members));

	if (!members) {
		no_memory(p);
		return;
	}
	for (size_t i = 0; i < v->n; i++)
		members[i] = (struct member){ templates ? expand(p, TEMPLATE_TEXT, "payload",
								  v->keys[i].s)
							: v->keys[i].s,
			&v->items[i] };
	qsort(members, v->n, sizeof(*members), compare_members);
	for (size_t i = 0; i < v->n; i++)
		value(p, members[i].name, members[i].value, templates, depth);
}

static void value(struct payload *p, const char *name, const struct config_value *v, bool templates,
	unsigned depth)
{
	if (p->err)
		return;
	if (depth > VALUE_DEPTH) {
		payload_fail(p, -EINVAL, "%s: nested too deep", name ? name : "payload");
		return;
	}
	if (v->kind == VALUE_TEXT && templates) {
		value_text(p, name, v->text.s, depth);
		return;
	}
	if (v->kind == VALUE_TEXT) {
		put_string(p, name, v->text.s);
		return;
	}
	if (v->kind == VALUE_LIST || v->kind == VALUE_MAP) {
		put_open(p, name, v->kind == VALUE_MAP ? '{' : '[');
		if (v->kind == VALUE_MAP)
			value_map(p, v, templates, depth + 1);
		for (size_t i = 0; v->kind == VALUE_LIST && i < v->n; i++)
			value(p, NULL, &v->items[i], templates, depth + 1);
		put_close(p, v->kind == VALUE_MAP ? '}' : ']');
		return;
	}
	/* At the very top nothing stands before it. */
	if (body(p)->len)
		begin(p, name);
	strbuf_adds(body(p), v->kind == VALUE_NULL   ? "null"
			     : v->kind == VALUE_BOOL ? (v->truth ? "true" : "false")
						     : v->text.s);
}

void put_value(struct payload *p, const char *name, const struct config_value *v)
{
	value(p, name, v, true, 0);
}

struct put_pair *payload_pairs(struct payload *p, size_t n)
{
	struct put_pair *pairs = arena_alloc(&p->arena, (n + 1) * sizeof(*pairs));

	if (!pairs)
		no_memory(p);
	return pairs;
}

/* By insertion, which keeps the order of those with one name; there are a few. */
static void sort_pairs(struct put_pair *pairs, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct put_pair pair = pairs[i];
		size_t at = i;

		for (; at && strcmp(pairs[at - 1].name, pair.name) > 0; at--)
			pairs[at] = pairs[at - 1];
		pairs[at] = pair;
	}
}

void put_pairs(struct payload *p, const char *name, struct put_pair *pairs, size_t n)
{
	sort_pairs(pairs, n);
	put_open(p, name, '{');
	for (size_t i = 0; i < n; i++) {
		if (i + 1 == n || !streq(pairs[i].name, pairs[i + 1].name))
			put_string(p, pairs[i].name, pairs[i].value);
	}
	put_close(p, '}');
}

void form_add(struct payload *p, const char *name, const char *s)
{
	struct strbuf *b = body(p);

	if (b->len)
		strbuf_addch(b, '&');
	escape_query(b, name, strlen(name));
	strbuf_addch(b, '=');
	escape_query(b, s, strlen(s));
}

/* -- answers -- */

/* More of an answer is not looked at where only its beginning is shown. */
#define SHOWN_MAX ((size_t)8 << 10)

void payload_show(
	struct payload *p, const struct client_answer *answer, struct strbuf *out, size_t max_bytes)
{
	struct strbuf said = STRBUF_INIT;

	censor_add_all(&p->censor, answer->shown);
	censor_text(&p->censor, answer->body, MIN(answer->len, SHOWN_MAX), &said);
	mime_clean(out, said.s, said.len, max_bytes);
	strbuf_release(&said);
}

/* "unexpected status code 400: what the server said" */
static void tell_status(
	struct payload *p, const struct client_answer *answer, char *words, size_t size)
{
	struct strbuf shown = STRBUF_INIT;

	payload_show(p, answer, &shown, 300);
	snprintf(words, size, "unexpected status code %ld%s%s", answer->status,
		shown.len ? ": " : "", shown.s);
	strbuf_release(&shown);
}

/* A refusal is found in what was answered, and told from what may be shown of it. */
static int judge(struct payload *p, const struct payload_kind *kind,
	const struct client_answer *answer, char *words, size_t size)
{
	struct strbuf said = STRBUF_INIT;
	struct client_answer censored = *answer;
	int err = kind->judge(answer, words, size);

	if (!err)
		return 0;
	censor_add_all(&p->censor, answer->shown);
	censor_text(&p->censor, answer->body, answer->len, &said);
	censored.body = said.s;
	censored.len = said.len;
	words[0] = '\0';
	kind->judge(&censored, words, size);
	/* Where an escape was taken apart and put together again. */
	censor_line(&p->censor, words, size);
	strbuf_release(&said);
	return err;
}

static bool is_temporary(const struct payload_kind *kind, long status)
{
	bool temporary = kind->retry_always || status / 100 == 5;

	for (size_t i = 0; i < ARRAY_SIZE(kind->retry_codes); i++)
		temporary |= kind->retry_codes[i] == status;
	return temporary;
}

/*
 * An answer that broke off, or has no end: its status was good, and what more is needed had come. It would be
 * told again by every try; Alertmanager does not look at what follows a good status either.
 */
static bool is_taken(struct payload *p, const struct payload_kind *kind, size_t i,
	const struct client_answer *answer, char *words, size_t size)
{
	if (answer->status / 100 != 2)
		return false;
	if (kind->judge && i + 1 == p->n_requests)
		return !judge(p, kind, answer, words, size);
	return !kind->proceed || i + 1 == p->n_requests;
}

enum delivery_result payload_judge(
	struct payload *p, size_t i, const struct client_answer *answer, char *words, size_t size)
{
	const struct payload_kind *kind = payload_kind(p->integration->type);
	int err = 0;

	words[0] = '\0';
	if (answer->error && !is_taken(p, kind, i, answer, words, size)) {
		snprintf(words, size, "%s", answer->error);
		return DELIVERY_RETRY;
	}
	if (answer->status / 100 != 2) {
		tell_status(p, answer, words, size);
		return is_temporary(kind, answer->status) ? DELIVERY_RETRY : DELIVERY_REFUSED;
	}
	if (i + 1 < p->n_requests && kind->proceed)
		err = kind->proceed(p, answer, &p->requests[i + 1], words, size);
	else if (kind->judge)
		err = judge(p, kind, answer, words, size);
	return !err ? DELIVERY_SENT : err == -EINVAL ? DELIVERY_REFUSED : DELIVERY_RETRY;
}
