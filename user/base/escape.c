/*
 * escape.c - hostile text made harmless at each place where it is shown.
 */
#include "base/escape.h"

#include "base/bytes.h"

#define REPLACEMENT 0xfffdu

size_t utf8_decode(const char *s, size_t len, uint32_t *ret_rune)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	uint32_t rune;
	size_t n;

	if (!len)
		return 0;
	if (p[0] < 0x80) {
		n = 1;
		rune = p[0];
	} else if ((p[0] & 0xe0) == 0xc0) {
		n = 2;
		rune = p[0] & 0x1f;
	} else if ((p[0] & 0xf0) == 0xe0) {
		n = 3;
		rune = p[0] & 0x0f;
	} else if ((p[0] & 0xf8) == 0xf0) {
		n = 4;
		rune = p[0] & 0x07;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (p[i] & 0x3f);
	}
	if (rune < smallest[n] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	if (ret_rune)
		*ret_rune = rune;
	return n;
}

bool utf8_valid(const char *s, size_t len)
{
	uint64_t eight;
	size_t n;

	for (; len; s += n, len -= n) {
		n = sizeof(eight);
		if (len >= n) {
			memcpy(&eight, s, n);
			if (!(eight & 0x8080808080808080ull))
				continue;
		}
		n = utf8_decode(s, len, NULL);
		if (!n)
			return false;
	}
	return true;
}

size_t utf8_put(char to[4], uint32_t rune)
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n;

	if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		rune = REPLACEMENT;
	n = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; rune >>= 6)
		to[i] = (char)(0x80 | (rune & 0x3f));
	to[0] = (char)(first[n] | rune);
	return n;
}

void utf8_encode(struct strbuf *out, uint32_t rune)
{
	char bytes[4];

	strbuf_add(out, bytes, utf8_put(bytes, rune));
}

/* One character of a text: adds it, or its escape, to out. */
typedef void escape_rune_fn(struct strbuf *out, uint32_t rune, const char *s, size_t n);

/* Bytes that stand for themselves everywhere here: most text is nothing else. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '\'' && c != '<' &&
	       c != '>' && c != '&';
}

/* The same of eight at once. */
static bool are_plain(const char *s)
{
	uint64_t v = bytes_load(s);

	return !((v | (v + BYTES_ALL(1))) & BYTES_ALL(0x80)) && !bytes_any_below(v, 0x20) &&
	       !bytes_any(v, '"') && !bytes_any(v, '\\') &&
	       /* & and ', < and > are the same but for one bit. */
	       !bytes_any(v | BYTES_ALL(1), '\'') && !bytes_any(v | BYTES_ALL(2), '>');
}

static size_t plain_length(const char *s, size_t len)
{
	size_t n = 0;

	while (len - n >= 8 && are_plain(s + n))
		n += 8;
	while (n < len && is_plain((unsigned char)s[n]))
		n++;
	return n;
}

static void escape_runes(struct strbuf *out, const char *s, size_t len, escape_rune_fn *escape)
{
	uint32_t rune;
	size_t n;

	while (len) {
		n = plain_length(s, len);
		strbuf_add(out, s, n);
		s += n;
		len -= n;
		if (!len)
			return;
		n = utf8_decode(s, len, &rune);
		if (n)
			escape(out, rune, s, n);
		else
			utf8_encode(out, REPLACEMENT);
		n = MAX(n, (size_t)1);
		s += n;
		len -= n;
	}
}

/*
 * Characters that a terminal obeys instead of showing: C0, DEL, C1, line and paragraph separator,
 * and those that turn the direction of writing round.
 */
static bool is_control(uint32_t rune)
{
	return rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || (rune >= 0x200e && rune <= 0x200f) ||
	       (rune >= 0x2028 && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069);
}

static void add_backslash(struct strbuf *out, uint32_t rune)
{
	switch (rune) {
	case '\a':
		strbuf_adds(out, "\\a");
		return;
	case '\b':
		strbuf_adds(out, "\\b");
		return;
	case '\f':
		strbuf_adds(out, "\\f");
		return;
	case '\n':
		strbuf_adds(out, "\\n");
		return;
	case '\r':
		strbuf_adds(out, "\\r");
		return;
	case '\t':
		strbuf_adds(out, "\\t");
		return;
	case '\v':
		strbuf_adds(out, "\\v");
		return;
	}
	if (rune < 0x80)
		strbuf_addf(out, "\\x%02x", rune);
	else
		strbuf_addf(out, "\\u%04x", rune);
}

static void terminal_rune(struct strbuf *out, uint32_t rune, const char *s, size_t n)
{
	if (is_control(rune))
		add_backslash(out, rune);
	else
		strbuf_add(out, s, n);
}

void escape_terminal(struct strbuf *out, const char *s, size_t len)
{
	escape_runes(out, s, len, terminal_rune);
}

bool escape_is_harmless(const char *s, size_t len)
{
	uint32_t rune;
	size_t n;

	for (; len; s += n, len -= n) {
		n = utf8_decode(s, len, &rune);
		if (!n || is_control(rune))
			return false;
	}
	return true;
}

static void quoted_rune(struct strbuf *out, uint32_t rune, const char *s, size_t n)
{
	if (rune == '"' || rune == '\\')
		strbuf_addch(out, '\\');
	terminal_rune(out, rune, s, n);
}

void escape_quoted(struct strbuf *out, const char *s, size_t len)
{
	escape_runes(out, s, len, quoted_rune);
}

static void label_rune(struct strbuf *out, uint32_t rune, const char *s, size_t n)
{
	if (rune == '\n') {
		strbuf_adds(out, "\\n");
		return;
	}
	if (rune == '"' || rune == '\\')
		strbuf_addch(out, '\\');
	strbuf_add(out, s, n);
}

void escape_label_value(struct strbuf *out, const char *s, size_t len)
{
	escape_runes(out, s, len, label_rune);
}

static void html_rune(struct strbuf *out, uint32_t rune, const char *s, size_t n)
{
	switch (rune) {
	case '&':
		strbuf_adds(out, "&amp;");
		break;
	case '<':
		strbuf_adds(out, "&lt;");
		break;
	case '>':
		strbuf_adds(out, "&gt;");
		break;
	case '"':
		strbuf_adds(out, "&#34;");
		break;
	case '\'':
		strbuf_adds(out, "&#39;");
		break;
	case 0:
		utf8_encode(out, REPLACEMENT);
		break;
	default:
		strbuf_add(out, s, n);
	}
}

void escape_html(struct strbuf *out, const char *s, size_t len)
{
	escape_runes(out, s, len, html_rune);
}

static void json_rune(struct strbuf *out, uint32_t rune, const char *s, size_t n)
{
	if (rune == '"' || rune == '\\') {
		strbuf_addch(out, '\\');
		strbuf_addch(out, (char)rune);
	} else if (rune == '\n') {
		strbuf_adds(out, "\\n");
	} else if (rune == '\r') {
		strbuf_adds(out, "\\r");
	} else if (rune == '\t') {
		strbuf_adds(out, "\\t");
	} else if (rune < 0x20 || rune == 0x7f || rune == '<' || rune == '>' || rune == '&' ||
		   rune == 0x2028 || rune == 0x2029) {
		strbuf_addf(out, "\\u%04x", rune);
	} else {
		strbuf_add(out, s, n);
	}
}

void escape_json(struct strbuf *out, const char *s, size_t len)
{
	escape_runes(out, s, len, json_rune);
}

void escape_json_string(struct strbuf *out, const char *s, size_t len)
{
	char *to;

	if (plain_length(s, len) != len || !(to = strbuf_room(out, len + 2))) {
		strbuf_addch(out, '"');
		escape_json(out, s, len);
		strbuf_addch(out, '"');
		return;
	}
	*to++ = '"';
	memcpy(to, s, len);
	to[len] = '"';
	to[len + 1] = '\0';
	out->len += len + 2;
}

void escape_query(struct strbuf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			(c && strchr("-_.~", c)))
			strbuf_addch(out, (char)c);
		else if (c == ' ')
			strbuf_addch(out, '+');
		else
			strbuf_addf(out, "%%%02X", c);
	}
}
