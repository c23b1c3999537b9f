/*
 * html_escape.c - the escapers of html/template.
 *
 * Source: html/template's documentation; RFC 3986. Broken UTF-8 and NUL become U+FFFD.
 */
#include "template/html_escape.h"

#include <ctype.h>
#include <strings.h>
#include "base/escape.h"
#include "template/html_context.h"

/* The text between two escapers, and what is known of it. */
struct piece {
	struct strbuf text;
	enum tvalue_type type; /* TVALUE_STRING, or one of the safe ones */
};

/* Bytes that are written otherwise. '+' is one because old browsers took it for UTF-7. */
static const char *const html_bytes[128] = {
	['"'] = "&#34;",
	['&'] = "&amp;",
	['\''] = "&#39;",
	['+'] = "&#43;",
	['<'] = "&lt;",
	['>'] = "&gt;",
};

/* The same for a value without quotes. */
static const char *const unquoted_bytes[128] = {
	['\t'] = "&#9;",
	['\n'] = "&#10;",
	['\v'] = "&#11;",
	['\f'] = "&#12;",
	['\r'] = "&#13;",
	[' '] = "&#32;",
	['"'] = "&#34;",
	['&'] = "&amp;",
	['\''] = "&#39;",
	['+'] = "&#43;",
	['<'] = "&lt;",
	['='] = "&#61;",
	['>'] = "&gt;",
	['`'] = "&#96;",
};

/* `norm`: the text is HTML already, and its entities stay. */
static void replace(
	struct strbuf *out, const char *s, size_t len, const char *const *bytes, bool norm)
{
	while (len) {
		size_t n = utf8_decode(s, len, NULL);
		const char *other = n == 1 ? bytes[(unsigned char)*s] : NULL;

		if (!n || !*s)
			strbuf_adds(out, "\xef\xbf\xbd");
		else if (other && !(norm && *s == '&'))
			strbuf_adds(out, other);
		else
			strbuf_add(out, s, n);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
}

static void escape_text(struct piece *in, struct strbuf *out)
{
	if (in->type == TVALUE_SAFE)
		strbuf_add(out, in->text.s, in->text.len);
	else
		replace(out, in->text.s, in->text.len, html_bytes, false);
}

/* HTML where there can be none: it stays text, and its entities stay what they are. */
static void escape_rcdata(struct piece *in, struct strbuf *out)
{
	replace(out, in->text.s, in->text.len, html_bytes, in->type == TVALUE_SAFE);
}

/* HTML in an attribute: only its words. */
static void escape_value(struct piece *in, struct strbuf *out, const char *const *bytes)
{
	struct strbuf words = STRBUF_INIT;

	if (in->type != TVALUE_SAFE) {
		replace(out, in->text.s, in->text.len, bytes, false);
		return;
	}
	html_strip_tags(in->text.s, in->text.len, &words);
	replace(out, words.s, words.len, bytes, true);
	if (words.err && !out->err)
		out->err = words.err;
	strbuf_release(&words);
}

static void escape_quoted_value(struct piece *in, struct strbuf *out)
{
	escape_value(in, out, html_bytes);
}

/* Nothing at all would make the next attribute this one's value. */
static void escape_unquoted_value(struct piece *in, struct strbuf *out)
{
	size_t before = out->len;

	escape_value(in, out, unquoted_bytes);
	if (out->len == before)
		strbuf_adds(out, HTML_FAILSAFE);
}

static void escape_name(struct piece *in, struct strbuf *out)
{
	const char *s = in->text.s;
	bool good = in->text.len && html_attr_type(s, in->text.len) == HTML_ATTR_PLAIN;

	for (size_t i = 0; i < in->text.len; i++)
		good = good && isalnum((unsigned char)s[i]);
	if (!good) {
		strbuf_adds(out, HTML_FAILSAFE);
		return;
	}
	for (size_t i = 0; i < in->text.len; i++)
		strbuf_addch(out, (char)tolower((unsigned char)s[i]));
}

static bool is_safe_url(const char *s, size_t len)
{
	static const char *const schemes[] = { "http", "https", "mailto" };
	const char *colon = memchr(s, ':', len);

	if (!colon || memchr(s, '/', (size_t)(colon - s)))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strlen(schemes[i]) == (size_t)(colon - s) &&
			!strncasecmp(s, schemes[i], (size_t)(colon - s)))
			return true;
	}
	return false;
}

static void filter_url(struct piece *in, struct strbuf *out)
{
	if (in->type == TVALUE_SAFE_URL || is_safe_url(in->text.s, in->text.len))
		strbuf_add(out, in->text.s, in->text.len);
	else
		strbuf_adds(out, "#" HTML_FAILSAFE);
}

/* Quotes and parentheses too: the result may stand between any quotes. */
static void encode_url(const struct piece *in, struct strbuf *out, bool norm)
{
	const char *s = in->text.s;

	for (size_t i = 0; i < in->text.len; i++) {
		unsigned char c = (unsigned char)s[i];
		bool keep = isalnum(c) || (c && strchr("-._~", c)) ||
			    (norm && c && strchr("!#$&*+,/:;=?@[]", c));

		/* s ends with a NUL, which is no digit. */
		if (norm && c == '%' && isxdigit((unsigned char)s[i + 1]) &&
			isxdigit((unsigned char)s[i + 2]))
			keep = true;
		if (keep)
			strbuf_addch(out, (char)c);
		else
			strbuf_addf(out, "%%%02x", c);
	}
}

static void normalize_url(struct piece *in, struct strbuf *out)
{
	encode_url(in, out, true);
}

static void escape_url(struct piece *in, struct strbuf *out)
{
	encode_url(in, out, in->type == TVALUE_SAFE_URL);
}

static void drop(struct piece *in, struct strbuf *out)
{
}

static void (*const functions[])(struct piece *in, struct strbuf *out) = {
	[HTML_ESCAPE_TEXT] = escape_text,
	[HTML_ESCAPE_RCDATA] = escape_rcdata,
	[HTML_ESCAPE_QUOTED] = escape_quoted_value,
	[HTML_ESCAPE_UNQUOTED] = escape_unquoted_value,
	[HTML_ESCAPE_NAME] = escape_name,
	[HTML_FILTER_URL] = filter_url,
	[HTML_NORMALIZE_URL] = normalize_url,
	[HTML_ESCAPE_URL] = escape_url,
	[HTML_ESCAPE_DROP] = drop,
};

void html_escape(const enum html_escaper escapers[HTML_MAX_ESCAPERS], const struct tvalue *value,
	struct strbuf *out)
{
	struct piece piece = { .type = TVALUE_STRING };
	struct strbuf next;

	strbuf_init(&piece.text, out->max);
	if (value->type == TVALUE_SAFE || value->type == TVALUE_SAFE_URL)
		piece.type = value->type;
	/* Nothing prints as nothing here: <nil> is no word for a reader. */
	if (value->type != TVALUE_NIL && value->type != TVALUE_NO_VALUE)
		tvalue_print(value, &piece.text);
	for (size_t i = 0; i < HTML_MAX_ESCAPERS && escapers[i] != HTML_ESCAPE_NONE; i++) {
		strbuf_init(&next, out->max);
		functions[escapers[i]](&piece, &next);
		if (piece.text.err && !next.err)
			next.err = piece.text.err;
		strbuf_release(&piece.text);
		piece = (struct piece){ .text = next, .type = TVALUE_STRING };
	}
	strbuf_add(out, piece.text.s, piece.text.len);
	if (piece.text.err && !out->err)
		out->err = piece.text.err;
	strbuf_release(&piece.text);
}
