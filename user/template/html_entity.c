/*
 * html_entity.c - character references of attributes.
 *
 * Of the two thousand names in HTML those are here that stand for a character of ASCII: no other one
 * begins or ends anything in a script, a style or a URL.
 */
#include "template/html_entity.h"

#include <ctype.h>
#include "base/escape.h"

#define UNKNOWN 0xfffdu

static const struct {
	const char *name;
	char c;
	bool bare; /* also without a semicolon */
} names[] = {
	{ "AMP", '&', true },
	{ "DiacriticalGrave", '`', false },
	{ "GT", '>', true },
	{ "Hat", '^', false },
	{ "LT", '<', true },
	{ "NewLine", '\n', false },
	{ "QUOT", '"', true },
	{ "Tab", '\t', false },
	{ "UnderBar", '_', false },
	{ "VerticalLine", '|', false },
	{ "amp", '&', true },
	{ "apos", '\'', false },
	{ "ast", '*', false },
	{ "bsol", '\\', false },
	{ "colon", ':', false },
	{ "comma", ',', false },
	{ "commat", '@', false },
	{ "dollar", '$', false },
	{ "equals", '=', false },
	{ "excl", '!', false },
	{ "grave", '`', false },
	{ "gt", '>', true },
	{ "lbrace", '{', false },
	{ "lbrack", '[', false },
	{ "lcub", '{', false },
	{ "lowbar", '_', false },
	{ "lpar", '(', false },
	{ "lsqb", '[', false },
	{ "lt", '<', true },
	{ "midast", '*', false },
	{ "num", '#', false },
	{ "percnt", '%', false },
	{ "period", '.', false },
	{ "plus", '+', false },
	{ "quest", '?', false },
	{ "quot", '"', true },
	{ "rbrace", '}', false },
	{ "rbrack", ']', false },
	{ "rcub", '}', false },
	{ "rpar", ')', false },
	{ "rsqb", ']', false },
	{ "semi", ';', false },
	{ "sol", '/', false },
	{ "verbar", '|', false },
	{ "vert", '|', false },
};

/* &#34; and &#x22;, which need no semicolon. */
static size_t read_number(const char *s, size_t len, uint32_t *ret)
{
	bool hex = len > 2 && (s[2] == 'x' || s[2] == 'X');
	size_t first = hex ? 3 : 2, i = first;
	uint32_t rune = 0;

	for (; i < len && (hex ? isxdigit((unsigned char)s[i]) : isdigit((unsigned char)s[i]));
		i++) {
		int digit = isdigit((unsigned char)s[i]) ? s[i] - '0'
							 : tolower((unsigned char)s[i]) - 'a' + 10;

		if (rune <= 0x10ffff)
			rune = rune * (hex ? 16 : 10) + (uint32_t)digit;
	}
	if (i == first)
		return 0;
	/* 0x80 to 0x9f are those of Windows: quotes and dashes that mean nothing to us. */
	if (!rune || rune > 0x10ffff || (rune >= 0x80 && rune < 0xa0) ||
		(rune >= 0xd800 && rune < 0xe000))
		rune = UNKNOWN;
	*ret = rune;
	return i + (i < len && s[i] == ';');
}

static size_t read_name(const char *s, size_t len, uint32_t *ret)
{
	size_t end = 1;

	while (end < len && isalnum((unsigned char)s[end]))
		end++;
	if (end == 1)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i].name) != end - 1 || memcmp(names[i].name, s + 1, end - 1))
			continue;
		if (end < len && s[end] == ';') {
			*ret = (unsigned char)names[i].c;
			return end + 1;
		}
		/* In front of a = it is the name of a query's parameter. */
		if (!names[i].bare || (end < len && s[end] == '='))
			return 0;
		*ret = (unsigned char)names[i].c;
		return end;
	}
	if (end == len || s[end] != ';')
		return 0;
	*ret = UNKNOWN;
	return end + 1;
}

void html_unescape(const char *s, size_t len, struct strbuf *out)
{
	while (len) {
		uint32_t rune;
		size_t n = 0;

		if (*s == '&' && len > 1)
			n = s[1] == '#' ? read_number(s, len, &rune) : read_name(s, len, &rune);
		if (n)
			utf8_encode(out, rune);
		else
			strbuf_addch(out, *s);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
}

bool html_ends_in_reference(const char *s, size_t len)
{
	size_t i = len;

	while (i && (isalnum((unsigned char)s[i - 1]) || s[i - 1] == '#'))
		i--;
	return i && s[i - 1] == '&';
}
