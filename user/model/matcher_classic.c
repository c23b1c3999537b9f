/*
 * matcher_classic.c - the classic syntax of matchers, with all that it forgives.
 *
 * Braces may be left out one by one; commas separate unless they stand in quotes; a value may be
 * empty; a backslash that escapes nothing stands for itself. Source: alertmanager
 * pkg/labels/parse.go.
 */
#include <errno.h>
#include <stdio.h>
#include "base/escape.h"
#include "model/matcher_syntax.h"

int matcher_read(enum matcher_type type, const char *name, const char *value,
	struct matcher_list *ret, struct matcher_fault *fault)
{
	char error[128];
	struct matcher *matcher;
	int err;

	err = matcher_new(type, name, value, &matcher, error, sizeof(error));
	if (err == -EINVAL)
		snprintf(fault->text, sizeof(fault->text), "invalid regular expression: %s", error);
	return err ? err : matcher_list_add(ret, matcher);
}

/* RE2's \s, which is not isspace(): no vertical tab. */
static bool is_space(char c)
{
	return c && strchr(" \t\n\f\r", c);
}

struct text {
	const char *s;
	size_t len;
};

static int bad(struct matcher_fault *fault, const char *what, struct text text)
{
	snprintf(fault->text, sizeof(fault->text), "%s: %.*s", what, (int)MIN(text.len, 1000u),
		text.s);
	return -EINVAL;
}

static int unescape(struct text raw, char **ret, struct matcher_fault *fault)
{
	static const char stray[] = "matcher value contains unescaped double quote";
	bool quoted = raw.len && raw.s[0] == '"', open = quoted, escaped = false;
	struct strbuf value = STRBUF_INIT;
	int err = 0;

	for (size_t i = quoted; i < raw.len && !err; i++) {
		char c = raw.s[i];
		bool last = i + 1 == raw.len;

		if (escaped) {
			escaped = false;
			if (c != 'n' && c != '"' && c != '\\')
				strbuf_addch(&value, '\\');
			strbuf_addch(&value, c == 'n' ? '\n' : c);
		} else if (c == '\\' && !last) {
			escaped = true;
		} else if (c == '"') {
			if (!open || !last)
				err = bad(fault, stray, raw);
			open = false;
		} else {
			strbuf_addch(&value, c);
		}
	}
	if (!err && open)
		err = bad(fault, stray, raw);
	if (err) {
		strbuf_release(&value);
		return err;
	}
	/* strbuf_finish() makes a text of its own even of nothing. */
	return strbuf_finish(&value, ret);
}

static size_t read_operator(const char *s, size_t len, enum matcher_type *ret)
{
	static const struct {
		const char *text;
		enum matcher_type type;
	} operators[] = {
		{ "=~", MATCH_REGEX },
		{ "!=", MATCH_NOT_EQUAL },
		{ "!~", MATCH_NOT_REGEX },
		{ "=", MATCH_EQUAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		size_t n = strlen(operators[i].text);

		if (len >= n && !strncmp(s, operators[i].text, n)) {
			*ret = operators[i].type;
			return n;
		}
	}
	return 0;
}

int matcher_classic(
	const char *text, size_t len, struct matcher_list *ret, struct matcher_fault *fault)
{
	scoped(freep) char *name = NULL, *value = NULL;
	const struct text whole = { text, len };
	size_t i = 0, from, n;
	enum matcher_type type;
	struct text raw;
	int err;

	while (i < len && is_space(text[i]))
		i++;
	from = i;
	while (i < len && metric_name_valid_classic(text + from, i + 1 - from))
		i++;
	n = i - from;
	while (i < len && is_space(text[i]))
		i++;
	if (!n || !read_operator(text + i, len - i, &type))
		return bad(fault, "bad matcher format", whole);
	name = strndup(text + from, n);
	if (!name)
		return -ENOMEM;
	i += read_operator(text + i, len - i, &type);
	while (i < len && is_space(text[i]))
		i++;
	raw = (struct text){ text + i, len - i };
	while (raw.len && is_space(raw.s[raw.len - 1]))
		raw.len--;
	if (!utf8_valid(raw.s, raw.len))
		return bad(fault, "matcher value not valid UTF-8", raw);
	err = unescape(raw, &value, fault);
	return err ? err : matcher_read(type, name, value, ret, fault);
}

/* The length up to the comma that ends the first matcher. */
static size_t until_comma(const char *s, size_t len, bool *quoted, bool *escaped)
{
	size_t i;

	for (i = 0; i < len; i++) {
		switch (s[i]) {
		case ',':
			if (!*quoted)
				return i;
			break;
		case '"':
			if (!*escaped)
				*quoted = !*quoted;
			*escaped = false;
			break;
		case '\\':
			*escaped = !*escaped;
			break;
		default:
			*escaped = false;
		}
	}
	return i;
}

static struct text trimmed(const char *s, size_t len)
{
	while (len && (is_space(*s) || *s == '\v')) {
		s++;
		len--;
	}
	while (len && (is_space(s[len - 1]) || s[len - 1] == '\v'))
		len--;
	return (struct text){ s, len };
}

int matchers_classic(const char *text, struct matcher_list *ret, struct matcher_fault *fault)
{
	size_t len = strlen(text), n;
	/* A backslash before a comma still escapes what comes after the comma, as there. */
	bool quoted = false, escaped = false;
	int err;

	if (len && text[0] == '{') {
		text++;
		len--;
	}
	if (len && text[len - 1] == '}')
		len--;
	for (;; text += n + 1, len -= n + 1) {
		n = until_comma(text, len, &quoted, &escaped);
		if (n == len) {
			/* After the last comma there may be nothing. */
			struct text last = trimmed(text, len);

			return last.len ? matcher_classic(last.s, last.len, ret, fault) : 0;
		}
		err = matcher_classic(text, n, ret, fault);
		if (err)
			return err;
	}
}
