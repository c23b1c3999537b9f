/*
 * html_code_escape.c - html/template's escapers of JavaScript and CSS.
 *
 * Source: html/template's documentation; ECMAScript, 12; CSS Syntax, 4. Broken UTF-8 becomes U+FFFD.
 */
#include "template/html_code_escape.h"

#include <ctype.h>
#include <errno.h>
#include "base/escape.h"
#include "base/num.h"
#include "template/html_escape.h"

/* -- scripts -- */

static bool is_identifier_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* As html/template says it: the script goes on, and its reader sees why. */
static void add_no_json(const struct tvalue *value, struct strbuf *out)
{
	char number[NUM_MAX];

	if (value->type != TVALUE_FLOAT) {
		strbuf_adds(out, " null ");
		return;
	}
	num_format_go(number, value->f);
	strbuf_addf(out, " /* json: unsupported value: %s */null ", number);
}

static bool is_stringer(const struct tvalue *value)
{
	if (value->type == TVALUE_OBJECT)
		return value->object.class->stringer;
	if (value->type == TVALUE_LIST)
		return value->list.class && value->list.class->stringer;
	return value->type == TVALUE_MAP && value->map.class && value->map.class->stringer;
}

void html_js_value(const struct tvalue *value, struct strbuf *out)
{
	struct strbuf json = STRBUF_INIT, text = STRBUF_INIT;
	bool pad;
	int err = 0;

	if (is_stringer(value)) {
		tvalue_print(value, &text);
		escape_json_string(&json, text.s, text.len);
		err = text.err;
	} else {
		err = tvalue_json(value, &json);
	}
	err = err ? err : json.err;
	if (err == -EDOM || err == -ELOOP) {
		add_no_json(value, out);
	} else if (err) {
		out->err = out->err ? out->err : err;
	} else {
		/* In `typeof{{.}}` and `{{.}}in x` it must stay a word of its own. */
		pad = json.len &&
		      (is_identifier_byte(json.s[0]) || is_identifier_byte(json.s[json.len - 1]));
		if (pad)
			strbuf_addch(out, ' ');
		strbuf_add(out, json.s, json.len);
		if (pad)
			strbuf_addch(out, ' ');
	}
	strbuf_release(&json);
	strbuf_release(&text);
}

/* What HTML would see in a script is written by number, so that no other escaper need follow. */
static const char *const string_bytes[128] = {
	['\t'] = "\\t",
	['\n'] = "\\n",
	['\f'] = "\\f",
	['\r'] = "\\r",
	['"'] = "\\u0022",
	['&'] = "\\u0026",
	['\''] = "\\u0027",
	['+'] = "\\u002b",
	['/'] = "\\/",
	['<'] = "\\u003c",
	['>'] = "\\u003e",
	['\\'] = "\\\\",
	['`'] = "\\u0060",
};

static const char *const template_bytes[128] = {
	['$'] = "\\u0024",
	['{'] = "\\u007b",
	['}'] = "\\u007d",
};

static const char *const regexp_bytes[128] = {
	['$'] = "\\$",
	['('] = "\\(",
	[')'] = "\\)",
	['*'] = "\\*",
	['-'] = "\\-",
	['.'] = "\\.",
	['?'] = "\\?",
	['['] = "\\[",
	[']'] = "\\]",
	['^'] = "\\^",
	['`'] = "`",
	['{'] = "\\{",
	['|'] = "\\|",
	['}'] = "\\}",
};

static void escape_string(struct strbuf *out, const char *s, size_t len, const char *const *more)
{
	while (len) {
		uint32_t rune = 0xfffd;
		size_t n = utf8_decode(s, len, &rune);
		const char *other = rune >= 128		 ? NULL
				    : more && more[rune] ? more[rune]
							 : string_bytes[rune];

		if (other)
			strbuf_adds(out, other);
		else if (rune < 0x20 || rune == 0x2028 || rune == 0x2029)
			strbuf_addf(out, "\\u%04x", rune);
		else
			utf8_encode(out, rune);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
}

void html_js_string(const char *s, size_t len, struct strbuf *out)
{
	escape_string(out, s, len, NULL);
}

void html_js_template(const char *s, size_t len, struct strbuf *out)
{
	escape_string(out, s, len, template_bytes);
}

void html_js_regexp(const char *s, size_t len, struct strbuf *out)
{
	/* Nothing between the slashes would be a comment. */
	if (!len)
		strbuf_adds(out, "(?:)");
	escape_string(out, s, len, regexp_bytes);
}

/* -- style sheets -- */

static bool is_css_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* CSS with its escapes resolved: \28 is a parenthesis. */
static void decode_css(const char *s, size_t len, struct strbuf *out)
{
	for (size_t i = 0; i < len;) {
		uint32_t rune = 0;
		size_t start;

		if (s[i] != '\\' || i + 1 == len) {
			/* A lone one at the end escapes nothing. */
			if (s[i] != '\\')
				strbuf_addch(out, s[i]);
			i++;
			continue;
		}
		start = ++i;
		while (i < len && i - start < 6 && isxdigit((unsigned char)s[i])) {
			int digit = tolower((unsigned char)s[i++]);

			rune = rune * 16 +
			       (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
		}
		if (i == start) {
			strbuf_addch(out, s[i++]);
			continue;
		}
		utf8_encode(
			out, rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000) ? 0xfffd : rune);
		if (i + 1 < len && s[i] == '\r' && s[i + 1] == '\n')
			i += 2;
		else if (i < len && is_css_space(s[i]))
			i++;
	}
}

static bool is_safe_css(const char *s, size_t len)
{
	struct strbuf name = STRBUF_INIT;
	bool safe = true;

	/* Behind a / it would begin a comment. */
	if (len && s[0] == '*')
		return false;
	for (size_t i = 0; i < len && safe; i++) {
		safe = s[i] && !strchr("\"'()/;@[\\]`{}<>", s[i]) &&
		       !(s[i] == '-' && i && s[i - 1] == '-');
		if (isalnum((unsigned char)s[i]) || s[i] == '_')
			strbuf_addch(&name, (char)tolower((unsigned char)s[i]));
	}
	/* Old browsers ran what these gave them. */
	safe = safe && !name.err && !strstr(name.s, "expression") && !strstr(name.s, "mozbinding");
	strbuf_release(&name);
	return safe;
}

void html_css_value(const char *s, size_t len, struct strbuf *out)
{
	struct strbuf text = STRBUF_INIT;

	decode_css(s, len, &text);
	if (text.err)
		out->err = out->err ? out->err : text.err;
	/* Nothing where there was something would let what is around it touch. */
	else if (is_safe_css(text.s, text.len) && !(len && !text.len))
		strbuf_add(out, text.s, text.len);
	else
		strbuf_adds(out, HTML_FAILSAFE);
	strbuf_release(&text);
}

void html_css_string(const char *s, size_t len, struct strbuf *out)
{
	for (size_t i = 0; i < len;) {
		uint32_t rune = 0xfffd;
		size_t n = utf8_decode(s + i, len - i, &rune);

		i += n ? n : 1;
		if (rune == '\\') {
			strbuf_adds(out, "\\\\");
		} else if (rune < 128 && (!rune || strchr("\t\n\f\r\"&'()+/:;<>{}", (int)rune))) {
			strbuf_addf(out, "\\%x", rune);
			/* So that what follows is not taken for its digits, or for its end. */
			if (i == len || isxdigit((unsigned char)s[i]) || is_css_space(s[i]))
				strbuf_addch(out, ' ');
		} else {
			utf8_encode(out, rune);
		}
	}
}
