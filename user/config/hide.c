/*
 * hide.c - what of a settings file is not to be shown when something is wrong with it.
 *
 * First by the look of the lines, because a file that is no YAML, or a key that is misspelt, must not show its secret
 * either. Then, of a file that is YAML, by its keys, however they and their values are spelt; of one that is
 * none only what keys have for values that are known to be nobody's secret.
 */
#include <ctype.h>
#include "config/reader.h"

/* Words in the names of keys whose values are nobody's business. */
static const char *const secret_words[] = { "password", "passwd", "pasword", "secret", "token",
	"credential", "api_key", "apikey", "service_key", "routing_key", "user_key", "access_key",
	"secret_key", "bearer", "webhook_url", "slack_api_url", "proxy_url" };
/* And those that hint at it, in a key that may be misspelt. */
static const char *const hints[] = { "pass", "pwd" };
/* What a part of a key may have been meant to be. */
static const char *const meant[] = { "password", "secret", "token", "credential", "credentials",
	"bearer" };
#define SHORTEST_MEANT 5

enum look { HARMLESS, GUESS, SURE };

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool holds_any(const char *name, size_t len, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (memmem(name, len, words[i], strlen(words[i])))
			return true;
	}
	return false;
}

/* Lower-case, with underscores. */
static size_t plain_name(const char *key, size_t len, char *plain, size_t size)
{
	len = MIN(len, size - 1);
	for (size_t i = 0; i < len; i++)
		plain[i] = key[i] == '-' ? '_' : (char)tolower((unsigned char)key[i]);
	plain[len] = '\0';
	return len;
}

/* Whether a part of the name, between underscores, is nearly a word for secrets. */
static bool nearly_holds(char *plain)
{
	char *save = NULL;

	for (char *part = strtok_r(plain, "_", &save); part; part = strtok_r(NULL, "_", &save)) {
		if (streq(part, "pw") || (strlen(part) >= SHORTEST_MEANT &&
						 diag_nearest(part, meant, ARRAY_SIZE(meant))))
			return true;
	}
	return false;
}

/* SURE: as it is spelt. GUESS: as it may be meant. */
static enum look key_look(const char *key, size_t len)
{
	char plain[64];

	if (len >= 5 && !memcmp(key + len - 5, "_file", 5))
		return HARMLESS;
	if (holds_any(key, len, secret_words, ARRAY_SIZE(secret_words)))
		return SURE;
	len = plain_name(key, len, plain, sizeof(plain));
	return holds_any(plain, len, secret_words, ARRAY_SIZE(secret_words)) ||
			       holds_any(plain, len, hints, ARRAY_SIZE(hints)) ||
			       nearly_holds(plain)
		       ? GUESS
		       : HARMLESS;
}

bool reader_is_secret_key(const char *key)
{
	return key_look(key, strlen(key)) != HARMLESS;
}

/* The key before a colon or what stands for one; empty where there is none. */
static const char *key_before(const char *line, const char *sign, size_t *ret_len)
{
	const char *from, *to = sign;

	while (to > line && strchr(" \t\"'", to[-1]))
		to--;
	for (from = to; from > line && is_key_char(from[-1]);)
		from--;
	*ret_len = (size_t)(to - from);
	return from;
}

/*
 * Where the value of a secret's key begins in a line, or NULL. Whoever forgets the space after the colon, or
 * writes '=', meant a key, too.
 */
static const char *find_secret(const char *line, const char *end, enum look *ret)
{
	const char *key;
	size_t len;

	for (const char *sign = line; sign < end; sign++) {
		if (*sign != ':' && *sign != '=')
			continue;
		key = key_before(line, sign, &len);
		*ret = key_look(key, len);
		if (!*ret)
			continue;
		if (*sign == '=' || (sign + 1 < end && !strchr(" \t\"'", sign[1])))
			*ret = GUESS;
		return sign + 1;
	}
	return NULL;
}

static void hide_from(struct source *source, const char *from, const char *end, enum look look)
{
	(look == SURE ? source_hide : source_hide_guess)(
		source, (size_t)(from - source->text), (size_t)(end - source->text));
}

/* Hides what a line says after the keys of secrets. SURE, GUESS, or HARMLESS where there are none. */
static enum look hide_values(struct source *source, const char *line, const char *end)
{
	const char *word = line + MIN(strspn(line, " -?{"), (size_t)(end - line)), *after = word;
	enum look look, worst = HARMLESS;

	while (worst != SURE && (line = find_secret(line, end, &look))) {
		worst = MAX(worst, look);
		hide_from(source, line + strspn(line, " "), end, look);
	}
	/* The colon may be what is wrong. */
	while (after < end && is_key_char(*after))
		after++;
	if (!worst && after < end && *after == ' ' &&
		key_look(word, (size_t)(after - word)) == SURE) {
		worst = GUESS;
		hide_from(source, after + 1, end, GUESS);
	}
	return worst;
}

/* What follows "://" in a line: the login, and the path with all behind it, which may be one secret. */
static void hide_in_urls(struct source *source, const char *line, const char *end)
{
	static const char mark[] = "://";
	size_t len;

	while ((line = memmem(line, (size_t)(end - line), mark, sizeof(mark) - 1))) {
		line += sizeof(mark) - 1;
		len = source_login_length(line, (size_t)(end - line));
		hide_from(source, line, line + len, GUESS);
		line += len;
		while (line < end && !strchr("/?# \t\r\"'", *line))
			line++;
		for (len = 0; line + len < end && !strchr(" \t\r\"'", line[len]);)
			len++;
		while (len && strchr(",]}", line[len - 1]))
			len--;
		/* "/" is nobody's secret. */
		if (len > 1)
			hide_from(source, line + 1, line + len, GUESS);
	}
}

/* One behind a value that is about a secret. Within quotes it may be none, and is hidden all the same. */
static void hide_comment(struct source *source, const char *line, const char *end)
{
	const char *sign = memmem(line, (size_t)(end - line), " #", 2);
	char plain[512];
	size_t len;

	if (!sign)
		return;
	len = plain_name(line, (size_t)(end - line), plain, sizeof(plain));
	if (len == sizeof(plain) - 1 ||
		holds_any(plain, len, secret_words, ARRAY_SIZE(secret_words)) ||
		holds_any(plain, len, hints, ARRAY_SIZE(hints)))
		hide_from(source, sign + 2, end, GUESS);
}

/* Lines below a secret's key that are indented deeper belong to the value. */
void reader_hide_secrets(struct source *source)
{
	const char *line = source->text, *text_end = source->text + source->len, *end;
	enum look look = HARMLESS;
	size_t indent, deep = 0;

	for (; line < text_end; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text_end - line));
		if (!end)
			end = text_end;
		hide_in_urls(source, line, end);
		indent = strspn(line, " -");
		if (line + indent >= end)
			continue;
		if (look && indent > deep) {
			hide_from(source, line + indent, end, look);
			continue;
		}
		/* A comment has no value that goes on below it, and ends none. */
		if (line[indent] == '#') {
			hide_from(source, line + indent, end, GUESS);
			continue;
		}
		look = hide_values(source, line, end);
		hide_comment(source, line, end);
		deep = indent;
	}
}

/* -- of a file that is YAML -- */

static void hide_below(const struct tree_node *node, bool secret)
{
	if (node->kind == TREE_SCALAR && secret)
		source_hide_guess(node->pos.source, node->from, node->to);
	for (size_t i = 0; node->kind == TREE_LIST && i < node->n; i++)
		hide_below(node->items[i], secret);
	for (size_t i = 0; node->kind == TREE_MAP && i < node->n; i++) {
		const struct tree_pair *pair = &node->pairs[i];

		hide_below(pair->key, secret);
		hide_below(pair->value, secret || key_look(pair->key->text.s, pair->key->text.len));
	}
}

/* -- of a file that is none -- */

/* Whose values, and lists of values, are shown: where it is not known what is broken, most are not. */
static const char *const shown_keys[] = { "action", "alertname", "alertmanagers", "cmdline",
	"continue", "equal", "evaluation_interval", "exe", "expect", "files", "follow_redirects",
	"from", "group_by", "group_interval", "group_wait", "honor_labels", "honor_timestamps",
	"insecure_skip_verify", "job_name", "listen", "matchers", "metrics_path", "mode", "months",
	"name", "path", "path_prefix", "pidfile", "receiver", "regex", "repeat_interval",
	"replacement", "require_tls", "resolve_timeout", "rule_files", "scheme", "scrape_interval",
	"scrape_timeout", "send_resolved", "separator", "service", "smtp_from", "smtp_hello",
	"smtp_require_tls", "smtp_smarthost", "source_labels", "source_matchers", "start_time",
	"end_time", "target_label", "target_matchers", "targets", "templates", "times", "timeout",
	"to", "unit", "weekdays" };

static bool is_shown(const char *key, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(shown_keys); i++) {
		if (strlen(shown_keys[i]) == len && !memcmp(shown_keys[i], key, len))
			return true;
	}
	return false;
}

/* All of it but brackets and the like, which say what is broken. */
static void hide_words(struct source *source, const char *from, const char *end)
{
	static const char signs[] = " \t\r-?:{}[],\"'|>";

	while (from < end && strchr(signs, *from))
		from++;
	while (end > from && strchr(signs, end[-1]))
		end--;
	hide_from(source, from, end, GUESS);
}

/* A colon that ends a key: YAML wants a space after it, but after quotes. */
static bool ends_key(const char *line, const char *sign, const char *end)
{
	return *sign == ':' && (sign + 1 == end || strchr(" \t\r\"'[{", sign[1]) ||
				       (sign > line && strchr("\"'", sign[-1])));
}

/* `shown`: whether what comes before the first key is. The same for the line below. */
static bool hide_unknown(struct source *source, const char *line, const char *end, bool shown)
{
	const char *from = line, *key;
	size_t len;

	for (const char *sign = line; sign < end; sign++) {
		if (!ends_key(line, sign, end))
			continue;
		key = key_before(from, sign, &len);
		if (!shown)
			hide_words(source, from, key);
		shown = is_shown(key, len);
		from = sign + 1;
	}
	if (!shown)
		hide_words(source, from, end);
	while (from < end && strchr(" \t\r", *from))
		from++;
	/* A value that ends in its line has none below it. */
	return shown && (from == line || from == end || strchr("-[\"'|>", *from));
}

void reader_hide_rest(struct source *source, const struct tree_node *root)
{
	const char *line = source->text, *text_end = source->text + source->len, *end;
	bool shown = false;

	if (root) {
		hide_below(root, false);
		return;
	}
	for (; line < text_end; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text_end - line));
		if (!end)
			end = text_end;
		shown = hide_unknown(source, line, end, shown);
	}
}

void reader_hide(const struct tree_node *value)
{
	struct source *source = value->pos.source;
	size_t to = value->to;

	while (value->kind != TREE_SCALAR && to < source->len && source->text[to] != '\n')
		to++;
	source_hide(source, value->from, to);
}
