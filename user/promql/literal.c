/*
 * literal.c - strings, runes and numbers, read and written the way Go does it.
 */
#include "promql/literal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include "base/escape.h"
#include "base/num.h"

static unsigned digit_value(int c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* An escape whose value stands in digits. */
static const struct numeric_escape {
	char letter;
	unsigned digits, base;
	uint32_t max;
} numeric_escapes[] = {
	{ 'x', 2, 16, 255 },
	{ 'u', 4, 16, 0x10ffff },
	{ 'U', 8, 16, 0x10ffff },
};

static const char simple_escapes[] = "abfnrtv\\";
static const char simple_values[] = "\a\b\f\n\r\t\v\\";

/*
 * Reads the escape behind a '\' at s. Gives its length, and its value: a byte for \x and octal, a
 * code point for \u and \U.
 */
static enum literal_fault read_escape(const char *s, size_t len, char quote, size_t *ret_len,
	uint32_t *ret_value, bool *ret_is_rune, size_t *ret_at)
{
	static const struct numeric_escape octal = { 0, 3, 8, 255 };
	const struct numeric_escape *e = NULL;
	const char *simple;
	uint64_t value = 0;
	size_t at;

	*ret_at = 0;
	if (!len)
		return LITERAL_ESCAPE_END;
	simple = s[0] ? strchr(simple_escapes, s[0]) : NULL;
	if (simple || s[0] == quote) {
		*ret_value = simple ? (unsigned char)simple_values[simple - simple_escapes]
				    : (unsigned char)quote;
		*ret_len = 1;
		*ret_is_rune = false;
		return LITERAL_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numeric_escapes); i++) {
		if (numeric_escapes[i].letter == s[0])
			e = &numeric_escapes[i];
	}
	if (s[0] >= '0' && s[0] <= '7')
		e = &octal;
	if (!e)
		return LITERAL_ESCAPE;
	at = e->letter ? 1 : 0;
	for (unsigned i = 0; i < e->digits; i++, at++) {
		*ret_at = at;
		if (at >= len)
			return LITERAL_ESCAPE_END;
		if (digit_value((unsigned char)s[at]) >= e->base)
			return LITERAL_ESCAPE_DIGIT;
		value = value * e->base + digit_value((unsigned char)s[at]);
	}
	*ret_at = 0;
	if (value > e->max || (value >= 0xd800 && value < 0xe000))
		return LITERAL_ESCAPE_RANGE;
	*ret_value = (uint32_t)value;
	*ret_len = at;
	*ret_is_rune = e->max > 255;
	return LITERAL_OK;
}

enum literal_fault literal_scan_string(const char *s, size_t len, size_t *ret_len, size_t *ret_at)
{
	char quote = s[0];
	bool raw = quote == '`', is_rune;
	size_t at = 1, n, inside;
	enum literal_fault fault;
	uint32_t value;

	while (at < len && s[at] != quote) {
		*ret_at = 0;
		if (!raw && s[at] == '\n')
			return LITERAL_UNTERMINATED;
		*ret_at = at;
		if (!raw && s[at] == '\\') {
			fault = read_escape(
				s + at + 1, len - at - 1, quote, &n, &value, &is_rune, &inside);
			*ret_at = at + 1 + inside;
			if (fault)
				return fault;
			n++;
		} else {
			n = utf8_decode(s + at, len - at, NULL);
			if (!n)
				return LITERAL_UTF8;
		}
		at += n;
	}
	*ret_at = 0;
	if (at >= len)
		return raw ? LITERAL_UNTERMINATED_RAW : LITERAL_UNTERMINATED;
	*ret_len = at + 1;
	return LITERAL_OK;
}

const char *literal_fault_text(enum literal_fault fault)
{
	static const char *const texts[] = {
		[LITERAL_OK] = "",
		[LITERAL_UNTERMINATED] = "unterminated quoted string",
		[LITERAL_UNTERMINATED_RAW] = "unterminated raw string",
		[LITERAL_UTF8] = "invalid UTF-8 rune",
		[LITERAL_ESCAPE] = "unknown escape sequence",
		[LITERAL_ESCAPE_DIGIT] = "illegal character in escape sequence",
		[LITERAL_ESCAPE_END] = "escape sequence not terminated",
		[LITERAL_ESCAPE_RANGE] = "escape sequence is an invalid Unicode code point",
	};

	return texts[fault];
}

void literal_unquote(struct strbuf *out, const char *s, size_t len)
{
	char quote = s[0];
	size_t at = 1, n, inside;
	uint32_t value;
	bool is_rune;

	while (at + 1 < len) {
		if (quote == '`' || s[at] != '\\') {
			/* Go leaves carriage returns out of raw strings. */
			if (quote != '`' || s[at] != '\r')
				strbuf_addch(out, s[at]);
			at++;
			continue;
		}
		if (read_escape(s + at + 1, len - at - 1, quote, &n, &value, &is_rune, &inside))
			return;
		if (is_rune)
			utf8_encode(out, value);
		else
			strbuf_addch(out, (char)value);
		at += n + 1;
	}
}

void literal_quote(struct strbuf *out, const char *s, size_t len)
{
	size_t n;

	strbuf_addch(out, '"');
	while (len) {
		n = utf8_decode(s, len, NULL);
		if (n) {
			escape_quoted(out, s, n);
		} else {
			strbuf_addf(out, "\\x%02x", (unsigned char)*s);
			n = 1;
		}
		s += n;
		len -= n;
	}
	strbuf_addch(out, '"');
}

void literal_quote_rune(struct strbuf *out, const char *s, size_t len)
{
	size_t n = utf8_decode(s, len, NULL);

	strbuf_addch(out, '\'');
	if (len && *s == '\'')
		strbuf_adds(out, "\\'");
	else if (len && *s == '"')
		strbuf_addch(out, '"');
	else if (len)
		escape_quoted(out, s, MAX(n, (size_t)1));
	strbuf_addch(out, '\'');
}

void literal_name_rune(struct strbuf *out, const char *s, size_t len)
{
	uint32_t rune = 0xfffd;
	size_t n = utf8_decode(s, len, &rune);

	strbuf_addf(out, "U+%04X", rune);
	if (n && rune >= 0x20 && rune != 0x7f)
		strbuf_addf(out, " '%.*s'", (int)n, s);
}

/* Takes out underscores; each must stand between digits, or behind the 0x. */
static bool strip_underscores(const char *s, size_t len, char *out, size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] != '_') {
			out[n++] = s[i];
			continue;
		}
		if (!i || i + 1 == len || !isalnum((unsigned char)s[i - 1]) ||
			!isalnum((unsigned char)s[i + 1]))
			return false;
	}
	out[n] = '\0';
	*ret_len = n;
	return true;
}

static bool whole_number(const char *s, size_t len, unsigned base, double *ret)
{
	uint64_t value = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = digit_value((unsigned char)s[i]);

		if (digit >= base || value > ((uint64_t)INT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*ret = (double)value;
	return true;
}

int literal_number(const char *s, size_t len, double *ret)
{
	char digits[512];
	double value;
	size_t n;

	if (len >= sizeof(digits) || !strip_underscores(s, len, digits, &n))
		return -EINVAL;
	if (n > 2 && digits[0] == '0') {
		char base = digits[1] | 0x20;

		if (base == 'x' && whole_number(digits + 2, n - 2, 16, ret))
			return 0;
	}
	/* Go's ParseInt with base 0 comes first there: 0755 is octal, 08 is a decimal float. */
	if (n > 1 && digits[0] == '0' && whole_number(digits + 1, n - 1, 8, ret))
		return 0;
	if (num_parse(digits, n, &value))
		return -EINVAL;
	/* Infinity has to be asked for by its name. */
	if (isinf(value) && strpbrk(digits, "0123456789"))
		return -ERANGE;
	*ret = value;
	return 0;
}
