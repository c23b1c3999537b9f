/*
 * lex.c - tokens of what stands between {{ and }}.
 */
#include "template/lex.h"

#include <ctype.h>
#include <errno.h>
#include "base/escape.h"
#include "base/hex.h"
#include "base/num.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool at(const struct lexer *l, const char *s)
{
	size_t n = strlen(s);

	return l->len - l->at >= n && !memcmp(l->text + l->at, s, n);
}

/* "-}}" after white space; Go wants the blank, so that {{3-}} is not taken for one. */
static bool at_trimming_end(const struct lexer *l)
{
	return at(l, "-}}") && l->at && is_space(l->text[l->at - 1]);
}

/* A comment stands alone in its action. True: there was one, and it is passed. */
static bool skip_comment(struct lexer *l, const char **ret_bad)
{
	size_t begin = l->at;
	const char *end;

	if (at(l, "- ") || at(l, "-\t") || at(l, "-\n") || at(l, "-\r"))
		l->at += 1;
	while (l->at > begin && l->at < l->len && is_space(l->text[l->at]))
		l->at++;
	if (!at(l, "/*")) {
		l->at = begin;
		return false;
	}
	end = memmem(l->text + l->at, l->len - l->at, "*/", 2);
	if (!end) {
		*ret_bad = "unclosed comment";
		return true;
	}
	l->at = (size_t)(end + 2 - l->text);
	begin = l->at;
	while (l->at < l->len && is_space(l->text[l->at]))
		l->at++;
	if (at(l, "-}}") && l->at > begin) {
		l->trim = true;
		l->at += 3;
	} else if (l->at == begin && at(l, "}}")) {
		l->at += 2;
	} else {
		*ret_bad = "comment ends before closing delimiter";
	}
	return true;
}

enum text_end lex_text(
	struct lexer *l, const char **ret_text, size_t *ret_len, const char **ret_bad)
{
	const char *begin, *end, *open;
	bool comment;

	*ret_bad = NULL;
	begin = l->text + l->at;
	if (l->trim) {
		while (begin < l->text + l->len && is_space(*begin))
			begin++;
		l->trim = false;
	}
	open = memmem(begin, (size_t)(l->text + l->len - begin), "{{", 2);
	end = open ? open : l->text + l->len;
	*ret_text = begin;
	if (open && open[2] == '-' && open + 3 < l->text + l->len && is_space(open[3])) {
		while (end > begin && is_space(end[-1]))
			end--;
	}
	*ret_len = (size_t)(end - begin);
	if (!open) {
		l->at = l->len;
		return TEXT_AT_END;
	}
	l->at = (size_t)(open + 2 - l->text);
	comment = skip_comment(l, ret_bad);
	if (comment)
		return *ret_bad ? TEXT_BAD : TEXT_AT_COMMENT;
	if (at(l, "-") && l->at + 1 < l->len && is_space(l->text[l->at + 1]))
		l->at += 2;
	return TEXT_AT_ACTION;
}

static struct token bad(struct lexer *l, size_t offset, const char *why)
{
	return (struct token){ .type = TOKEN_BAD, .offset = offset, .text = why };
}

static struct token lex_raw(struct lexer *l, size_t begin)
{
	const char *end = memchr(l->text + l->at, '`', l->len - l->at);
	struct token token = { .type = TOKEN_CONSTANT, .offset = begin };
	size_t len;

	if (!end)
		return bad(l, begin, "unterminated raw quoted string");
	len = (size_t)(end - (l->text + l->at));
	token.value = tvalue_string(arena_strndup(l->arena, l->text + l->at, len), len);
	if (!token.value.str.s)
		return bad(l, begin, NULL);
	l->at += len + 1;
	return token;
}

static int hex_digits(const struct lexer *l, int n, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < n; i++) {
		char c = l->at + (size_t)i < l->len ? l->text[l->at + (size_t)i] : 0;

		if (hex_digit(c) < 0)
			return -1;
		v = v * 16 + (uint32_t)hex_digit(c);
	}
	*ret = v;
	return 0;
}

/* After a backslash: one of Go's escapes, into out. */
static bool lex_escape(struct lexer *l, char quote, struct strbuf *out)
{
	static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
	char c = l->at < l->len ? l->text[l->at++] : 0;
	const char *found = c ? strchr(from, c) : NULL;
	uint32_t v = 0;
	int n;

	if (found) {
		strbuf_addch(out, to[found - from]);
	} else if (c == quote) {
		strbuf_addch(out, c);
	} else if (c == 'x' || c == 'u' || c == 'U') {
		n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
		if (hex_digits(l, n, &v) || v > 0x10ffff)
			return false;
		l->at += (size_t)n;
		if (c == 'x')
			strbuf_addch(out, (char)v);
		else
			utf8_encode(out, v);
	} else if (c >= '0' && c <= '3' && l->at + 1 < l->len && l->text[l->at] >= '0' &&
		   l->text[l->at] <= '7' && l->text[l->at + 1] >= '0' &&
		   l->text[l->at + 1] <= '7') {
		strbuf_addch(out, (char)((c - '0') * 64 + (l->text[l->at] - '0') * 8 +
					  (l->text[l->at + 1] - '0')));
		l->at += 2;
	} else {
		return false;
	}
	return true;
}

static struct token lex_quoted(struct lexer *l, size_t begin, char quote)
{
	struct token token = { .type = TOKEN_CONSTANT, .offset = begin };
	struct strbuf out = STRBUF_INIT;
	uint32_t rune;
	bool good = true;

	for (;;) {
		char c = l->at < l->len ? l->text[l->at++] : '\n';

		if (c == quote)
			break;
		if (c == '\n') {
			good = false;
			break;
		}
		if (c != '\\')
			strbuf_addch(&out, c);
		else if (!lex_escape(l, quote, &out))
			good = false;
	}
	if (out.err) {
		strbuf_release(&out);
		return bad(l, begin, NULL);
	}
	if (!good) {
		strbuf_release(&out);
		return bad(l, begin,
			quote == '"' ? "unterminated or malformed quoted string"
				     : "unterminated or malformed character constant");
	}
	if (quote == '"') {
		token.value = tvalue_string(arena_memdup(l->arena, out.s, out.len + 1), out.len);
		if (!token.value.str.s)
			token = bad(l, begin, NULL);
	} else if (utf8_decode(out.s, out.len, &rune) == out.len && out.len) {
		token.value = tvalue_int(rune);
	} else {
		token = bad(l, begin, "malformed character constant");
	}
	strbuf_release(&out);
	return token;
}

/* The bytes of a number; false where it is too long to be one. */
static bool take_number(struct lexer *l, char *digits, size_t size, size_t *ret_len)
{
	size_t begin = l->at, n = 0;

	for (; l->at < l->len; l->at++) {
		char c = l->text[l->at], before = l->at > begin ? l->text[l->at - 1] : 'e';
		bool sign = c == '+' || c == '-';

		if (sign ? !memchr("eEpP", before, 4) : c != '.' && !is_word(c))
			break;
		if (n + 1 == size)
			return false;
		digits[n++] = c;
	}
	digits[n] = '\0';
	*ret_len = n;
	return true;
}

/* Underscores stand between digits only, or behind the base; they are dropped. */
static bool drop_underscores(char *digits, size_t *len, bool prefixed)
{
	char before = '\0';
	size_t n = 0;

	for (size_t i = 0; i < *len; i++) {
		char c = digits[i];

		if (c == '_' &&
			!(isalnum((unsigned char)before) && isalnum((unsigned char)digits[i + 1]) &&
				(i > 1 || prefixed || isdigit((unsigned char)before))))
			return false;
		before = c;
		if (c != '_')
			digits[n++] = c;
	}
	digits[n] = '\0';
	*len = n;
	return true;
}

/* 0x, 0o, 0b and the old 0 for octal; 10 where none stands there. *ret is where its digits begin. */
static int base_of(const char *first, const char **ret)
{
	*ret = first;
	if (first[0] != '0' || !first[1])
		return 10;
	*ret = first + 2;
	switch (first[1] | 0x20) {
	case 'x':
		return 16;
	case 'o':
		return 8;
	case 'b':
		return 2;
	}
	*ret = first + 1;
	return 8;
}

/*
 * A number of Go's, with its base prefixes and underscores. Where nothing says which type is wanted,
 * it is a float if it is written like one (1e3), and an int otherwise; an int too large is refused.
 */
static struct token lex_number(struct lexer *l, size_t begin)
{
	struct token token = { .type = TOKEN_CONSTANT, .offset = begin };
	const char *first, *whole;
	char digits[80], *end;
	uint64_t v;
	size_t n;
	int base;

	if (!take_number(l, digits, sizeof(digits), &n))
		return bad(l, begin, "bad number syntax");
	base = base_of(digits + strspn(digits, "+-"), &whole);
	if (!drop_underscores(digits, &n, base != 10))
		return bad(l, begin, "bad number syntax");
	first = digits + strspn(digits, "+-");
	base = base_of(first, &whole);
	if (strpbrk(digits, base == 16 ? ".pP" : ".eE")) {
		if (num_parse(digits, n, &token.value.f))
			return bad(l, begin, "bad number syntax");
		token.value = tvalue_float(token.value.f);
		return token;
	}
	errno = 0;
	v = strtoull(whole, &end, base);
	if (*end || end == whole || !isalnum((unsigned char)*whole))
		return bad(l, begin, "bad number syntax");
	if (errno || v > (uint64_t)INT64_MAX + (*digits == '-'))
		return bad(l, begin, "integer overflow");
	token.value = tvalue_int(*digits == '-' ? (int64_t)-v : (int64_t)v);
	return token;
}

static struct token simple(struct lexer *l, enum token_type type, size_t begin, size_t len)
{
	l->at += len;
	return (struct token){ .type = type, .offset = begin };
}

static const char *take_word(struct lexer *l, size_t from)
{
	while (l->at < l->len && is_word(l->text[l->at]))
		l->at++;
	return arena_strndup(l->arena, l->text + from, l->at - from);
}

/* Tokens that are told by their first byte alone. */
static const struct {
	char c;
	enum token_type type;
} single[] = {
	{ '|', TOKEN_PIPE },
	{ '(', TOKEN_LEFT },
	{ ')', TOKEN_RIGHT },
	{ '=', TOKEN_ASSIGN },
	{ ',', TOKEN_COMMA },
};

static bool begins_number(const struct lexer *l, char c)
{
	char next = l->at + 1 < l->len ? l->text[l->at + 1] : 0;

	if (c == '.')
		return isdigit((unsigned char)next);
	return isdigit((unsigned char)c) ||
	       ((c == '+' || c == '-') && (isdigit((unsigned char)next) || next == '.'));
}

static struct token lex_space(struct lexer *l, size_t begin)
{
	while (l->at < l->len && is_space(l->text[l->at]) && !at_trimming_end(l))
		l->at++;
	return (struct token){ .type = TOKEN_SPACE, .offset = begin };
}

/* $name, .name, name: the type is told by what stands before the word. */
static struct token lex_name(struct lexer *l, size_t begin, char c)
{
	struct token token = { .type = TOKEN_WORD, .offset = begin };

	if (c == '$') {
		l->at++;
		token.type = TOKEN_VARIABLE;
		token.text = take_word(l, begin);
	} else if (c == '.') {
		l->at++;
		token.text = take_word(l, begin + 1);
		token.type = l->at > begin + 1 ? TOKEN_FIELD : TOKEN_DOT;
	} else {
		token.text = take_word(l, begin);
	}
	return token.text ? token : bad(l, begin, NULL);
}

struct token lex_token(struct lexer *l)
{
	size_t begin = l->at;
	char c;

	if (l->at >= l->len)
		return (struct token){ .type = TOKEN_EOF, .offset = l->at };
	if (at_trimming_end(l)) {
		l->trim = true;
		return simple(l, TOKEN_END, begin, 3);
	}
	if (at(l, "}}"))
		return simple(l, TOKEN_END, begin, 2);
	if (at(l, ":="))
		return simple(l, TOKEN_DECLARE, begin, 2);
	c = l->text[l->at];
	if (is_space(c))
		return lex_space(l, begin);
	for (size_t i = 0; i < ARRAY_SIZE(single); i++) {
		if (c == single[i].c)
			return simple(l, single[i].type, begin, 1);
	}
	if (begins_number(l, c))
		return lex_number(l, begin);
	if (c == '`' || c == '"' || c == '\'') {
		l->at++;
		return c == '`' ? lex_raw(l, begin) : lex_quoted(l, begin, c);
	}
	if (c == '$' || c == '.' || is_word(c))
		return lex_name(l, begin, c);
	return bad(l, begin, "unexpected character in action");
}
