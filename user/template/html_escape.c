/*
 * html_escape.c - the escapers of html/template.
 *
 * Source: html/template's documentation; RFC 3986. Broken UTF-8 and NUL become U+FFFD.
 */
#include "template/html_escape.h"

#include <ctype.h>
#include <strings.h>
#include "base/escape.h"
#include "template/html_code_escape.h"
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
		uint32_t rune = 0xfffd;
		size_t n = utf8_decode(s, len, &rune);
		const char *other = n == 1 ? bytes[(unsigned char)*s] : NULL;

		/* Old browsers took some that are no characters for the end of a value. */
		if (bytes == unquoted_bytes &&
			((rune >= 0xfdd0 && rune <= 0xfdef) || (rune >= 0xfff0 && rune <= 0xffff)))
			strbuf_addf(out, "&#x%x;", rune);
		else if (!n || !*s)
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

static bool is_html_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* One image: a URL, and behind it words and numbers that say how large it is. */
static void add_image(const char *s, size_t len, struct strbuf *out)
{
	struct piece url = { .type = TVALUE_STRING };
	size_t start = 0, end;
	bool good;

	while (start < len && is_html_space(s[start]))
		start++;
	for (end = start; end < len && !is_html_space(s[end]); end++)
		;
	good = is_safe_url(s + start, end - start);
	for (size_t i = end; i < len && good; i++)
		good = is_html_space(s[i]) || isalnum((unsigned char)s[i]);
	if (!good) {
		strbuf_adds(out, "#" HTML_FAILSAFE);
		return;
	}
	strbuf_init(&url.text, out->max);
	strbuf_add(&url.text, s + start, end - start);
	strbuf_add(out, s, start);
	encode_url(&url, out, true);
	strbuf_add(out, s + end, len - end);
	if (url.text.err && !out->err)
		out->err = url.text.err;
	strbuf_release(&url.text);
}

/* A safe URL is one, whatever is in it; its commas would end it. */
static void escape_srcset(struct piece *in, struct strbuf *out)
{
	const char *s = in->text.s, *end = s + in->text.len, *comma;
	struct strbuf url;

	if (in->type != TVALUE_SAFE_URL) {
		for (; (comma = memchr(s, ',', (size_t)(end - s))); s = comma + 1) {
			add_image(s, (size_t)(comma - s), out);
			strbuf_addch(out, ',');
		}
		add_image(s, (size_t)(end - s), out);
		return;
	}
	strbuf_init(&url, out->max);
	encode_url(in, &url, true);
	for (size_t i = 0; i < url.len; i++)
		strbuf_adds(out, url.s[i] == ',' ? "%2c" : (char[2]){ url.s[i] });
	if (url.err && !out->err)
		out->err = url.err;
	strbuf_release(&url);
}

static void drop(struct piece *in, struct strbuf *out)
{
}

#define BY_TEXT(name, function)                                                                    \
	static void name(struct piece *in, struct strbuf *out)                                     \
	{                                                                                          \
		function(in->text.s, in->text.len, out);                                           \
	}

BY_TEXT(escape_js_string, html_js_string)
BY_TEXT(escape_js_template, html_js_template)
BY_TEXT(escape_js_regexp, html_js_regexp)
BY_TEXT(filter_css, html_css_value)
BY_TEXT(escape_css_string, html_css_string)

static void escape_by_html(struct piece *in, struct strbuf *out)
{
	escape_html(out, in->text.s, in->text.len);
}

static void escape_by_urlquery(struct piece *in, struct strbuf *out)
{
	escape_query(out, in->text.s, in->text.len);
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
	[HTML_ESCAPE_SRCSET] = escape_srcset,
	[HTML_ESCAPE_DROP] = drop,
	[HTML_ESCAPE_JS_STRING] = escape_js_string,
	[HTML_ESCAPE_JS_TEMPLATE] = escape_js_template,
	[HTML_ESCAPE_JS_REGEXP] = escape_js_regexp,
	[HTML_FILTER_CSS] = filter_css,
	[HTML_ESCAPE_CSS_STRING] = escape_css_string,
	[HTML_ESCAPE_BY_HTML] = escape_by_html,
	[HTML_ESCAPE_BY_URLQUERY] = escape_by_urlquery,
};

void html_escape(const enum html_escaper escapers[HTML_MAX_ESCAPERS], const struct tvalue *value,
	struct strbuf *out)
{
	bool literal = escapers[0] == HTML_ESCAPE_JS_VALUE;
	struct piece piece = { .type = TVALUE_STRING };
	struct strbuf next;

	strbuf_init(&piece.text, out->max);
	if (value->type == TVALUE_SAFE || value->type == TVALUE_SAFE_URL)
		piece.type = literal ? TVALUE_STRING : value->type;
	/* Nothing prints as nothing here: <nil> is no word for a reader. */
	if (literal)
		html_js_value(value, &piece.text);
	else if (value->type != TVALUE_NIL && value->type != TVALUE_NO_VALUE)
		tvalue_print(value, &piece.text);
	for (size_t i = literal; i < HTML_MAX_ESCAPERS && escapers[i] != HTML_ESCAPE_NONE; i++) {
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
