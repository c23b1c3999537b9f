/*
 * jread.c - JSON read in place.
 */
#include "base/jread.h"

#include "base/bytes.h"
#include "base/hex.h"

static bool fail(struct jread *r, const char *error)
{
	if (!r->error) {
		r->error = error;
		r->error_at = r->at;
	}
	return false;
}

void jread_init(struct jread *r, char *text, size_t len)
{
	*r = (struct jread){ .text = text, .len = len };
}

static void skip_space(struct jread *r)
{
	while (r->at < r->len) {
		char c = r->text[r->at];

		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return;
		r->at++;
	}
}

/* The next character that is no space; 0 at the end. */
static char peek(struct jread *r)
{
	skip_space(r);
	return r->at < r->len ? r->text[r->at] : '\0';
}

enum jread_type jread_type(struct jread *r)
{
	char c = r->error ? '\0' : peek(r);

	switch (c) {
	case '{':
		return JREAD_OBJECT;
	case '[':
		return JREAD_ARRAY;
	case '"':
		return JREAD_STRING;
	case 't':
	case 'f':
		return JREAD_BOOL;
	case 'n':
		return JREAD_NULL;
	}
	return c == '-' || (c >= '0' && c <= '9') ? JREAD_NUMBER : JREAD_END;
}

static bool no_value(struct jread *r)
{
	return fail(r, r->at < r->len ? "no value is here" : "unexpected end");
}

/* -- texts ------------------------------------------------------------------------------------ */

/* Four hex digits at s, or -1. */
static int32_t hex4(const char *s, const char *end)
{
	int32_t v = 0;

	if (end - s < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(s[i]);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

static char *put_rune(char *to, uint32_t rune)
{
	if (rune < 0x80) {
		*to++ = (char)rune;
	} else if (rune < 0x800) {
		*to++ = (char)(0xc0 | rune >> 6);
		*to++ = (char)(0x80 | (rune & 0x3f));
	} else if (rune < 0x10000) {
		*to++ = (char)(0xe0 | rune >> 12);
		*to++ = (char)(0x80 | (rune >> 6 & 0x3f));
		*to++ = (char)(0x80 | (rune & 0x3f));
	} else {
		*to++ = (char)(0xf0 | rune >> 18);
		*to++ = (char)(0x80 | (rune >> 12 & 0x3f));
		*to++ = (char)(0x80 | (rune >> 6 & 0x3f));
		*to++ = (char)(0x80 | (rune & 0x3f));
	}
	return to;
}

/* What stands behind "\u"; both halves of a pair. Never longer than what it is made of. */
static bool unescape_unicode(struct jread *r, const char **from, char **to)
{
	const char *end = r->text + r->len;
	int32_t rune = hex4(*from, end), low;

	if (rune < 0)
		return fail(r, "\\u without four hex digits");
	*from += 4;
	if (rune >= 0xd800 && rune < 0xdc00 && end - *from >= 6 && (*from)[0] == '\\' &&
		(*from)[1] == 'u') {
		low = hex4(*from + 2, end);
		if (low >= 0xdc00 && low < 0xe000) {
			*from += 6;
			rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	if (!rune || (rune >= 0xd800 && rune < 0xe000))
		rune = 0xfffd;
	*to = put_rune(*to, (uint32_t)rune);
	return true;
}

static bool unescape(struct jread *r, const char **from, char **to)
{
	static const char escapes[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char c;

	if (*from >= r->text + r->len)
		return fail(r, "unexpected end");
	c = *(*from)++;
	if (c == 'u')
		return unescape_unicode(r, from, to);
	found = c ? strchr(escapes, c) : NULL;
	if (!found)
		return fail(r, "an escape that JSON does not know");
	*(*to)++ = values[found - escapes];
	return true;
}

/* Whether eight characters are nothing but themselves. */
static bool are_plain(const char *s)
{
	uint64_t v = bytes_load(s);

	return !bytes_any_below(v, 0x20) && !bytes_any(v, '"') && !bytes_any(v, '\\');
}

/* From behind the quote to the one that ends it. */
static bool read_text(struct jread *r, struct jread_text *ret)
{
	const char *from = r->text + r->at, *end = r->text + r->len;
	char *to = r->text + r->at;

	ret->s = to;
	while (end - from >= 8 && are_plain(from))
		from = to += 8;
	for (;;) {
		unsigned char c;

		if (from >= end) {
			r->at = r->len;
			return fail(r, "unexpected end");
		}
		c = (unsigned char)*from++;
		if (c == '"')
			break;
		if (c < 0x20 || c == '\\') {
			r->at = (size_t)(from - r->text) - 1;
			if (c != '\\')
				return fail(r, c ? "a control character in a text"
						 : "a text holds a NUL character");
			if (!unescape(r, &from, &to))
				return false;
		} else if (to == from - 1) {
			/* Nothing was shorter than its escape yet. */
			to++;
		} else {
			*to++ = (char)c;
		}
	}
	r->at = (size_t)(from - r->text);
	ret->len = (size_t)(to - ret->s);
	*to = '\0';
	return true;
}

bool jread_string(struct jread *r, struct jread_text *ret)
{
	if (jread_type(r) != JREAD_STRING)
		return no_value(r);
	r->at++;
	return read_text(r, ret);
}

/* -- lists and objects ------------------------------------------------------------------------ */

bool jread_begin(struct jread *r)
{
	enum jread_type type = jread_type(r);
	uint64_t bit;

	if (type != JREAD_OBJECT && type != JREAD_ARRAY)
		return no_value(r);
	if (r->depth == JREAD_MAX_DEPTH)
		return fail(r, "lists and objects within each other too deep");
	bit = 1ull << r->depth++;
	r->begun &= ~bit;
	r->objects &= ~bit;
	if (type == JREAD_OBJECT)
		r->objects |= bit;
	r->at++;
	return true;
}

static bool read_key(struct jread *r, struct jread_text *ret_key)
{
	struct jread_text unused;

	if (peek(r) != '"')
		return fail(r, r->at < r->len ? "no key is here" : "unexpected end");
	r->at++;
	if (!read_text(r, ret_key ? ret_key : &unused))
		return false;
	if (peek(r) != ':')
		return fail(r, r->at < r->len ? "no colon behind a key" : "unexpected end");
	r->at++;
	return true;
}

bool jread_next(struct jread *r, struct jread_text *ret_key)
{
	uint64_t bit;
	bool object;
	char c;

	if (r->error || !r->depth)
		return false;
	bit = 1ull << (r->depth - 1);
	object = r->objects & bit;
	c = peek(r);
	if (c == (object ? '}' : ']')) {
		r->depth--;
		r->at++;
		return false;
	}
	if (r->begun & bit) {
		if (c != ',')
			return fail(r, r->at < r->len ? "there is neither a comma nor an end"
						      : "unexpected end");
		r->at++;
	}
	r->begun |= bit;
	if (object)
		return read_key(r, ret_key);
	return jread_type(r) != JREAD_END || no_value(r);
}

/* -- the rest --------------------------------------------------------------------------------- */

static bool read_word(struct jread *r, const char *word)
{
	size_t len = strlen(word);

	if (r->len - r->at < len || memcmp(r->text + r->at, word, len) != 0)
		return fail(r, "no value is here");
	r->at += len;
	return true;
}

bool jread_bool(struct jread *r, bool *ret)
{
	if (jread_type(r) != JREAD_BOOL)
		return no_value(r);
	*ret = r->text[r->at] == 't';
	return read_word(r, *ret ? "true" : "false");
}

static size_t digits(struct jread *r)
{
	size_t n = 0;

	for (; r->at < r->len && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++)
		n++;
	return n;
}

static bool at_char(const struct jread *r, const char *any)
{
	return r->at < r->len && r->text[r->at] && strchr(any, r->text[r->at]);
}

static bool skip_number(struct jread *r)
{
	bool zero;

	r->at += at_char(r, "-");
	zero = at_char(r, "0");
	if (zero)
		r->at++;
	else if (!digits(r))
		return fail(r, "a number without digits");
	if (at_char(r, ".")) {
		r->at++;
		if (!digits(r))
			return fail(r, "a number without digits");
	}
	if (at_char(r, "eE")) {
		r->at++;
		r->at += at_char(r, "+-");
		if (!digits(r))
			return fail(r, "a number without digits");
	}
	return true;
}

bool jread_int(struct jread *r, int64_t *ret)
{
	bool negative;
	int64_t v = 0;
	size_t from;

	if (jread_type(r) != JREAD_NUMBER)
		return no_value(r);
	negative = at_char(r, "-");
	from = r->at + negative;
	if (!skip_number(r))
		return false;
	for (size_t i = from; i < r->at; i++) {
		char c = r->text[i];

		/* Downwards, because there is one more number below zero. */
		if (c < '0' || c > '9' || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_sub_overflow(v, c - '0', &v))
			return fail(r, "no whole number, or too large a one");
	}
	if (!negative && v == INT64_MIN)
		return fail(r, "no whole number, or too large a one");
	*ret = negative ? v : -v;
	return true;
}

/* One value that is no list and no object. */
static bool skip_plain(struct jread *r, enum jread_type type)
{
	struct jread_text text;

	switch (type) {
	case JREAD_STRING:
		return jread_string(r, &text);
	case JREAD_NUMBER:
		return skip_number(r);
	case JREAD_BOOL:
		return read_word(r, r->text[r->at] == 't' ? "true" : "false");
	case JREAD_NULL:
		return read_word(r, "null");
	default:
		return no_value(r);
	}
}

bool jread_skip(struct jread *r)
{
	unsigned depth = r->depth;

	for (;;) {
		enum jread_type type = jread_type(r);

		if (type == JREAD_OBJECT || type == JREAD_ARRAY) {
			if (!jread_begin(r))
				return false;
		} else if (!skip_plain(r, type)) {
			return false;
		}
		/* Out of all that ends here, to the next value. */
		while (r->depth > depth && !jread_next(r, NULL)) {
			if (r->error)
				return false;
		}
		if (r->depth == depth)
			return true;
	}
}
