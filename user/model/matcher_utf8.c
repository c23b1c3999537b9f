/*
 * matcher_utf8.c - the UTF-8 syntax of matchers.
 *
 * Faults carry their place as Alertmanager writes it, FROM:TO in characters. What it would take and
 * tolld cannot keep is refused: a NUL byte, written as \x00. Source: alertmanager matcher/parse.
 */
#include <errno.h>
#include <stdio.h>
#include "base/escape.h"
#include "base/hex.h"
#include "model/matcher_syntax.h"

enum token_kind {
	TOKEN_END,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_OPERATOR,
	TOKEN_WORD,
	TOKEN_QUOTED,
};

struct token {
	enum token_kind kind;
	const char *s;
	size_t len;
	unsigned from, to; /* columns */
	enum matcher_type type;
};

struct parser {
	const char *at, *end;
	unsigned column;
	struct token next; /* one token ahead */
	struct matcher_fault *fault;
	struct matcher_list *ret;
};

static size_t rune_at(const struct parser *p, const char *at)
{
	return MAX(utf8_decode(at, (size_t)(p->end - at), NULL), (size_t)1);
}

static bool is_space(uint32_t rune)
{
	return (rune >= 9 && rune <= 13) || rune == ' ' || rune == 0x85 || rune == 0xa0 ||
	       rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 ||
	       rune == 0x2029 || rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

static size_t space_at(const char *s, size_t len)
{
	uint32_t rune;
	size_t n = utf8_decode(s, len, &rune);

	return n && is_space(rune) ? n : 0;
}

size_t matcher_reserved(const char *s, size_t len)
{
	if (len && *s && strchr("{}!=~,\\\"'`", *s))
		return 1;
	return space_at(s, len);
}

static int fault_at(struct parser *p, const struct token *t, const char *what, const char *wanted)
{
	snprintf(p->fault->text, sizeof(p->fault->text), "%u:%u: %s%.*s%s%s%s", t->from, t->to,
		what, (int)MIN(t->len, 1000u), t->s, *what ? "" : ": invalid input",
		*wanted ? ": " : "", wanted);
	return -EINVAL;
}

static void take(struct parser *p, struct token *t, const char *to)
{
	while (p->at < to) {
		p->at += rune_at(p, p->at);
		p->column++;
	}
	t->len = (size_t)(p->at - t->s);
	t->to = p->column;
}

/* = != =~ !~ */
static int scan_operator(struct parser *p, struct token *t, const char *wanted)
{
	char first = *p->at, second = p->at + 1 < p->end ? p->at[1] : '\0';

	t->kind = TOKEN_OPERATOR;
	if (first == '=') {
		t->type = second == '~' ? MATCH_REGEX : MATCH_EQUAL;
		take(p, t, p->at + (second == '~' ? 2 : 1));
		return 0;
	}
	t->type = second == '~' ? MATCH_NOT_REGEX : MATCH_NOT_EQUAL;
	if (second == '~' || second == '=') {
		take(p, t, p->at + 2);
		return 0;
	}
	take(p, t, p->at + 1);
	snprintf(p->fault->text, sizeof(p->fault->text), "%u:%u: %s expected one of '=~'%s%s",
		t->from, t->to, second ? "!:" : "unexpected end of input,", *wanted ? ": " : "",
		wanted);
	return -EINVAL;
}

static int scan_quoted(struct parser *p, struct token *t, const char *wanted)
{
	const char *s = p->at + 1;

	while (s < p->end && *s != '"')
		s += *s == '\\' && s + 1 < p->end ? 2 : 1;
	t->kind = TOKEN_QUOTED;
	if (s < p->end) {
		take(p, t, s + 1);
		return 0;
	}
	take(p, t, p->end);
	snprintf(p->fault->text, sizeof(p->fault->text), "%u:%u: %.*s: missing end \"%s%s", t->from,
		t->to, (int)MIN(t->len, 1000u), t->s, *wanted ? ": " : "", wanted);
	return -EINVAL;
}

static void scan_word(struct parser *p, struct token *t)
{
	const char *s = p->at;

	while (s < p->end && !matcher_reserved(s, (size_t)(p->end - s)))
		s += rune_at(p, s);
	t->kind = TOKEN_WORD;
	take(p, t, s);
}

/* The next token into p->next. `wanted` is what the rule at hand waits for: for faults. */
static int scan(struct parser *p, const char *wanted)
{
	static const char marks[] = "{},";
	static const enum token_kind kinds[] = { TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMMA };
	struct token *t = &p->next;
	const char *mark;
	size_t n;

	while (p->at < p->end && (n = space_at(p->at, (size_t)(p->end - p->at)))) {
		p->at += n;
		p->column++;
	}
	*t = (struct token){ .s = p->at, .from = p->column, .to = p->column };
	if (p->at == p->end)
		return 0;
	mark = strchr(marks, *p->at);
	if (mark) {
		t->kind = kinds[mark - marks];
		take(p, t, p->at + 1);
		return 0;
	}
	if (*p->at == '=' || *p->at == '!')
		return scan_operator(p, t, wanted);
	if (*p->at == '"')
		return scan_quoted(p, t, wanted);
	if (matcher_reserved(p->at, (size_t)(p->end - p->at))) {
		take(p, t, p->at + 1);
		return fault_at(p, t, "", wanted);
	}
	scan_word(p, t);
	return 0;
}

static int unexpected(struct parser *p, const char *wanted)
{
	if (p->next.kind != TOKEN_END)
		return fault_at(p, &p->next, "unexpected ", wanted);
	snprintf(p->fault->text, sizeof(p->fault->text), "end of input: %s", wanted);
	return -EINVAL;
}

/* -- what stands in quotes: Go's escapes ----------------------------------------------------- */

/* n digits at *s, moved past them; false where they are not there. */
static bool read_digits(const char **s, const char *end, size_t n, unsigned base, uint32_t *ret)
{
	uint32_t v = 0;

	for (; n; n--, (*s)++) {
		if (*s == end || (unsigned)hex_digit(**s) >= base)
			return false;
		v = v * base + (uint32_t)hex_digit(**s);
	}
	*ret = v;
	return true;
}

/* After the backslash; moves *s past the escape. */
static bool read_escape(const char **s, const char *end, struct strbuf *out)
{
	static const char letters[] = "abfnrtv\\\"", values[] = "\a\b\f\n\r\t\v\\\"";
	const char *letter = strchr(letters, **s);
	char kind = **s;
	uint32_t v;

	if (letter && *letter) {
		strbuf_addch(out, values[letter - letters]);
		(*s)++;
		return true;
	}
	if (kind >= '0' && kind <= '7') {
		if (!read_digits(s, end, 3, 8, &v) || !v || v > 0xff)
			return false;
		strbuf_addch(out, (char)v);
		return true;
	}
	(*s)++;
	if (kind == 'x') {
		if (!read_digits(s, end, 2, 16, &v) || !v)
			return false;
		strbuf_addch(out, (char)v);
		return true;
	}
	if ((kind != 'u' && kind != 'U') || !read_digits(s, end, kind == 'u' ? 4 : 8, 16, &v) ||
		!v || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return false;
	utf8_encode(out, v);
	return true;
}

/* The text of a word or of what stands in quotes; the caller frees. */
static int token_text(struct parser *p, const struct token *t, char **ret)
{
	struct strbuf out = STRBUF_INIT;
	const char *s = t->s, *end = t->s + t->len;
	bool valid = true;

	if (t->kind == TOKEN_QUOTED) {
		s++;
		end--;
	}
	while (s < end && valid) {
		if (t->kind == TOKEN_QUOTED && *s == '\\') {
			s++;
			valid = read_escape(&s, end, &out);
		} else {
			valid = t->kind != TOKEN_QUOTED || *s != '\n';
			strbuf_addch(&out, *s++);
		}
	}
	if (!out.err && (!valid || !utf8_valid(out.s, out.len))) {
		strbuf_release(&out);
		return fault_at(p, t, "", "");
	}
	return strbuf_finish(&out, ret);
}

/* -- the rules ------------------------------------------------------------------------------- */

static bool is_text(const struct token *t)
{
	return t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTED;
}

/* A text, and the token after it. */
static int parse_text(struct parser *p, const char *wanted, const char *then, char **ret)
{
	struct token t = p->next;
	int err;

	if (!is_text(&t))
		return unexpected(p, wanted);
	err = token_text(p, &t, ret);
	return err ? err : scan(p, then);
}

static int parse_matcher(struct parser *p)
{
	static const char operator_wanted[] =
		"expected an operator such as '=', '!=', '=~' or '!~'";
	static const char value_wanted[] = "expected label value";
	static const char comma_wanted[] = "expected a comma or close brace";
	scoped(freep) char *name = NULL, *value = NULL;
	enum matcher_type type;
	int err;

	err = parse_text(p, "expected label name", operator_wanted, &name);
	if (err)
		return err;
	if (p->next.kind != TOKEN_OPERATOR)
		return unexpected(p, operator_wanted);
	type = p->next.type;
	err = scan(p, value_wanted);
	if (!err)
		err = parse_text(p, value_wanted, comma_wanted, &value);
	if (!err)
		err = matcher_read(type, name, value, p->ret, p->fault);
	if (!err && p->next.kind != TOKEN_COMMA && p->next.kind != TOKEN_CLOSE &&
		p->next.kind != TOKEN_END)
		err = unexpected(p, comma_wanted);
	return err;
}

/* Matchers with a comma between them, and one more after the last where somebody likes it. */
static int parse_matchers(struct parser *p)
{
	static const char wanted[] = "expected a matcher or close brace after comma";
	int err;

	for (;;) {
		err = parse_matcher(p);
		if (err || p->next.kind != TOKEN_COMMA)
			return err;
		err = scan(p, wanted);
		if (err || p->next.kind == TOKEN_CLOSE || p->next.kind == TOKEN_END)
			return err;
		if (!is_text(&p->next))
			return unexpected(p, wanted);
	}
}

static int parse_close(struct parser *p, bool open)
{
	if (!open && p->next.kind == TOKEN_CLOSE) {
		snprintf(p->fault->text, sizeof(p->fault->text), "0:%u: }: expected opening brace",
			p->column);
		return -EINVAL;
	}
	if (open && p->next.kind != TOKEN_CLOSE) {
		snprintf(p->fault->text, sizeof(p->fault->text),
			"0:%u: end of input: expected close brace", p->column);
		return -EINVAL;
	}
	return open ? scan(p, "expected end of input") : 0;
}

int matchers_utf8(const char *text, struct matcher_list *ret, struct matcher_fault *fault)
{
	struct parser p = { .at = text, .end = text + strlen(text), .fault = fault, .ret = ret };
	bool open;
	int err;

	err = scan(&p, "");
	if (err || p.next.kind == TOKEN_END)
		return err;
	open = p.next.kind == TOKEN_OPEN;
	if (open)
		err = scan(&p, "");
	if (!err && p.next.kind != TOKEN_CLOSE && !(open && p.next.kind == TOKEN_END))
		err = parse_matchers(&p);
	if (!err)
		err = parse_close(&p, open);
	if (!err && p.next.kind != TOKEN_END) {
		snprintf(fault->text, sizeof(fault->text), "%u:%u: %.*s: expected end of input",
			p.next.from, p.next.to, (int)MIN(p.next.len, 1000u), p.next.s);
		err = -EINVAL;
	}
	return err;
}
