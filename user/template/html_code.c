/*
 * html_code.c - reads scripts and style sheets as far as it takes to know strings and comments.
 *
 * Where a / could begin a regular expression or divide, it is refused. Comments of CSS that begin with
 * // are none to a browser, but data in them is left out all the same.
 */
#include "template/html_code.h"

#include <ctype.h>
#include <strings.h>

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool begins(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && !memcmp(s, word, n);
}

bool html_code_in_comment(const struct html_context *c)
{
	return c->code == HTML_CODE_BLOCK_COMMENT || c->code == HTML_CODE_LINE_COMMENT;
}

static bool is_script(const struct html_context *c)
{
	return c->state == HTML_SCRIPT || (c->state == HTML_VALUE && c->attr == HTML_ATTR_SCRIPT);
}

bool html_code_in_literal(const struct html_context *c)
{
	return is_script(c) && c->code != HTML_CODE_PLAIN && !html_code_in_comment(c);
}

static void begin(struct html_context *c, enum html_code code)
{
	c->code = code;
	c->url = HTML_URL_START;
	c->slash = HTML_SLASH_REGEXP;
	c->edge = HTML_EDGE_NONE;
}

static void fault(struct code_step *step, const char *what)
{
	step->error = what;
	step->n = step->kept = step->len;
}

static void read_to(struct code_step *step, size_t n)
{
	step->n = step->kept = n;
}

static void begin_comment(struct html_context *c, struct code_step *step, enum html_code code,
	size_t at, size_t marker)
{
	c->code = code;
	c->edge = HTML_EDGE_NONE;
	step->n = at + marker;
	step->kept = at;
}

/* -- scripts -- */

static const char *const before_regexps[] = { "break", "case", "continue", "delete", "do", "else",
	"finally", "in", "instanceof", "return", "throw", "try", "typeof", "void" };

/* White space of scripts at the end of s[0..len): how long it is. */
static size_t trailing_space(const char *s, size_t len)
{
	static const char *const wide[] = { "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf" };
	size_t left = len, before;

	do {
		before = left;
		while (left && is_one_of(s[left - 1], " \t\n\v\f\r"))
			left--;
		if (left >= 2 && !memcmp(s + left - 2, "\xc2\xa0", 2))
			left -= 2;
		for (size_t i = 0; i < ARRAY_SIZE(wide); i++) {
			if (left >= 3 && !memcmp(s + left - 3, wide[i], 3))
				left -= 3;
		}
	} while (left != before);
	return len - left;
}

/* What a / means behind this piece of code. */
static enum html_slash slash_after(const char *s, size_t len, enum html_slash before)
{
	size_t start;
	char last;

	len -= trailing_space(s, len);
	if (!len)
		return before;
	last = s[len - 1];
	if (last == '+' || last == '-') {
		/* x++ is a value, x + is none. */
		for (start = len - 1; start && s[start - 1] == last; start--)
			;
		return (len - start) % 2 ? HTML_SLASH_REGEXP : HTML_SLASH_DIVISION;
	}
	if (last == '.')
		return len > 1 && isdigit((unsigned char)s[len - 2]) ? HTML_SLASH_DIVISION
								     : HTML_SLASH_REGEXP;
	/* A } mostly ends a block. */
	if (is_one_of(last, ",<>=*%&|^?!~([:;{}"))
		return HTML_SLASH_REGEXP;
	/* A reference whose character nobody here knows. */
	if (len >= 3 && !memcmp(s + len - 3, "\xef\xbf\xbd", 3))
		return HTML_SLASH_UNKNOWN;
	for (start = len; start && (isalnum((unsigned char)s[start - 1]) || s[start - 1] == '_' ||
					   s[start - 1] == '$');
		start--)
		;
	for (size_t i = 0; i < ARRAY_SIZE(before_regexps); i++) {
		if (strlen(before_regexps[i]) == len - start &&
			!memcmp(before_regexps[i], s + start, len - start))
			return HTML_SLASH_REGEXP;
	}
	return HTML_SLASH_DIVISION;
}

/* --> is a comment at the beginning of a line; elsewhere it counts down and compares. */
static bool is_arrow_comment(const struct html_context *c, const char *s, size_t at)
{
	size_t i = at - trailing_space(s, at);

	return slash_after(s, at, c->slash) != HTML_SLASH_DIVISION || memchr(s + i, '\n', at - i) ||
	       memchr(s + i, '\r', at - i);
}

/* The next byte that is more than code. */
static size_t find_border(const struct html_context *c, const struct code_step *step)
{
	const char *s = step->s;
	size_t i;

	for (i = 0; i < step->len; i++) {
		if (is_one_of(s[i], "\"'`/") || (c->n_literals && is_one_of(s[i], "{}")))
			break;
		if (begins(s + i, step->len - i, "<!--") || begins(s + i, step->len - i, "#!"))
			break;
		if (begins(s + i, step->len - i, "-->") && is_arrow_comment(c, s, i))
			break;
	}
	return i;
}

static void read_slash(struct html_context *c, struct code_step *step, size_t at)
{
	const char *s = step->s + at;
	size_t len = step->len - at;

	if (begins(s, len, "//")) {
		begin_comment(c, step, HTML_CODE_LINE_COMMENT, at, 2);
	} else if (begins(s, len, "/*")) {
		begin_comment(c, step, HTML_CODE_BLOCK_COMMENT, at, 2);
	} else if (c->slash == HTML_SLASH_REGEXP) {
		begin(c, HTML_CODE_REGEXP);
		read_to(step, at + 1);
	} else if (c->slash == HTML_SLASH_DIVISION) {
		c->slash = HTML_SLASH_REGEXP;
		read_to(step, at + 1);
	} else {
		fault(step, "'/' could start a division or regexp");
	}
}

/* A brace of code within ${ }. */
static void read_brace(struct html_context *c, struct code_step *step, size_t at)
{
	uint8_t *depth = &c->braces[c->n_literals - 1];

	read_to(step, at + 1);
	c->slash = HTML_SLASH_REGEXP;
	if (step->s[at] == '{' && *depth == UINT8_MAX) {
		fault(step, "too many braces in a template literal");
	} else if (step->s[at] == '{') {
		++*depth;
	} else if (*depth) {
		--*depth;
	} else {
		c->n_literals--;
		begin(c, HTML_CODE_TEMPLATE);
	}
}

static void read_script(struct html_context *c, struct code_step *step)
{
	size_t at = find_border(c, step);

	c->slash = slash_after(step->s, at, c->slash);
	if (at == step->len) {
		read_to(step, at);
		return;
	}
	switch (step->s[at]) {
	case '"':
	case '\'':
	case '`':
		begin(c, step->s[at] == '"'    ? HTML_CODE_DOUBLE
			 : step->s[at] == '\'' ? HTML_CODE_SINGLE
					       : HTML_CODE_TEMPLATE);
		read_to(step, at + 1);
		break;
	case '/':
		read_slash(c, step, at);
		break;
	case '<':
		begin_comment(c, step, HTML_CODE_LINE_COMMENT, at, 4);
		break;
	case '-':
		begin_comment(c, step, HTML_CODE_LINE_COMMENT, at, 3);
		break;
	case '#':
		begin_comment(c, step, HTML_CODE_LINE_COMMENT, at, 2);
		break;
	default:
		read_brace(c, step, at);
		break;
	}
}

static void end_literal(struct html_context *c, struct code_step *step, size_t n)
{
	c->code = HTML_CODE_PLAIN;
	c->slash = HTML_SLASH_DIVISION;
	read_to(step, n);
}

static void read_quoted(struct html_context *c, struct code_step *step)
{
	char quote = c->code == HTML_CODE_DOUBLE ? '"' : '\'';

	for (size_t i = 0; i < step->len; i++) {
		if (step->s[i] == quote) {
			end_literal(c, step, i + 1);
			return;
		}
		if (step->s[i] == '\\' && ++i == step->len) {
			fault(step, "an escape sequence of a string is not complete");
			return;
		}
	}
	read_to(step, step->len);
}

static void read_regexp(struct html_context *c, struct code_step *step)
{
	bool in_class = false;

	for (size_t i = 0; i < step->len; i++) {
		char byte = step->s[i];

		if (byte == '/' && !in_class) {
			end_literal(c, step, i + 1);
			return;
		}
		if (byte == '[' || byte == ']')
			in_class = byte == '[';
		if (byte == '\\' && ++i == step->len) {
			fault(step, "an escape sequence of a regular expression is not complete");
			return;
		}
	}
	read_to(step, step->len);
	/* Data in it could make a range. */
	if (in_class)
		fault(step, "a class [] of a regular expression is not complete");
}

static void read_template(struct html_context *c, struct code_step *step)
{
	for (size_t i = 0; i < step->len; i++) {
		char byte = step->s[i];

		if (byte == '`') {
			end_literal(c, step, i + 1);
			return;
		}
		if ((byte == '\\' || byte == '$') && i + 1 == step->len) {
			fault(step,
				"a template literal's \\ or $ must not be the last before an action");
			return;
		}
		if (byte == '\\') {
			i++;
		} else if (byte == '$' && step->s[i + 1] == '{') {
			if (c->n_literals == HTML_MAX_LITERALS) {
				fault(step, "template literals within each other are too deep");
				return;
			}
			c->braces[c->n_literals++] = 0;
			begin(c, HTML_CODE_PLAIN);
			read_to(step, i + 2);
			return;
		}
	}
	read_to(step, step->len);
}

bool html_code_is_script_type(const char *type, size_t len)
{
	static const char *const types[] = { "", "application/ecmascript", "application/javascript",
		"application/json", "application/ld+json", "application/x-ecmascript",
		"application/x-javascript", "module", "text/ecmascript", "text/javascript",
		"text/javascript1.0", "text/javascript1.1", "text/javascript1.2",
		"text/javascript1.3", "text/javascript1.4", "text/javascript1.5", "text/jscript",
		"text/livescript", "text/x-ecmascript", "text/x-javascript" };
	const char *parameters = memchr(type, ';', len);

	if (parameters)
		len = (size_t)(parameters - type);
	while (len && is_one_of(*type, " \t\n\f\r")) {
		type++;
		len--;
	}
	while (len && is_one_of(type[len - 1], " \t\n\f\r"))
		len--;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strlen(types[i]) == len && !strncasecmp(types[i], type, len))
			return true;
	}
	return false;
}

/* -- style sheets -- */

void html_url_text(struct html_context *c, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '?' || s[i] == '#') {
			c->url = HTML_URL_QUERY;
			return;
		}
		if (!is_one_of(s[i], " \t\n\f\r") && c->url == HTML_URL_START)
			c->url = HTML_URL_PATH;
	}
}

static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || is_one_of(c, "-_") || (unsigned char)c >= 0x80;
}

/* Without the white space at its end. */
static size_t trimmed(const char *s, size_t len)
{
	while (len && is_one_of(s[len - 1], " \t\n\f\r"))
		len--;
	return len;
}

/* Does the code before a ( say that it is url( ? */
static bool is_url(const char *s, size_t len)
{
	len = trimmed(s, len);
	return len >= 3 && !strncasecmp(s + len - 3, "url", 3) &&
	       (len == 3 || !is_name_byte(s[len - 4]));
}

/* Do the text and what stands before it, which may print nothing, make more than either says? */
static bool joins(const struct html_context *c, const struct code_step *step)
{
	const char *open = memchr(step->s, '(', step->len);

	if (c->edge == HTML_EDGE_SLASH && is_one_of(step->s[0], "/*"))
		return true;
	/* Behind a name it is the end of a longer one. */
	return c->edge != HTML_EDGE_NONE && open && !strncasecmp(step->s, "url", 3) &&
	       trimmed(step->s, (size_t)(open - step->s)) == 3;
}

static void begin_url(struct html_context *c, struct code_step *step, size_t at)
{
	while (at < step->len && is_one_of(step->s[at], " \t\n\f\r"))
		at++;
	if (at < step->len && is_one_of(step->s[at], "\"'"))
		begin(c, step->s[at++] == '"' ? HTML_CODE_URL_DOUBLE : HTML_CODE_URL_SINGLE);
	else
		begin(c, HTML_CODE_URL);
	read_to(step, at);
}

static void read_style(struct html_context *c, struct code_step *step)
{
	const char *s = step->s;

	if (joins(c, step)) {
		fault(step,
			"an action must not be in the middle of what could begin a comment or url()");
		return;
	}
	for (size_t i = 0; i < step->len; i++) {
		if (s[i] == '"' || s[i] == '\'') {
			begin(c, s[i] == '"' ? HTML_CODE_DOUBLE : HTML_CODE_SINGLE);
			read_to(step, i + 1);
			return;
		}
		if (s[i] == '(' && is_url(s, i)) {
			begin_url(c, step, i + 1);
			return;
		}
		if (begins(s + i, step->len - i, "//") || begins(s + i, step->len - i, "/*")) {
			begin_comment(c, step,
				s[i + 1] == '/' ? HTML_CODE_LINE_COMMENT : HTML_CODE_BLOCK_COMMENT,
				i, 2);
			return;
		}
	}
	c->edge = s[step->len - 1] == '/'	   ? HTML_EDGE_SLASH
		  : is_name_byte(s[step->len - 1]) ? HTML_EDGE_NAME
						   : HTML_EDGE_NONE;
	read_to(step, step->len);
}

static void read_style_string(struct html_context *c, struct code_step *step)
{
	static const char *const ends[] = { [HTML_CODE_DOUBLE] = "\"",
		[HTML_CODE_URL_DOUBLE] = "\"",
		[HTML_CODE_SINGLE] = "'",
		[HTML_CODE_URL_SINGLE] = "'",
		[HTML_CODE_URL] = " \t\n\f\r)" };

	for (size_t i = 0; i < step->len; i++) {
		if (is_one_of(step->s[i], ends[c->code])) {
			begin(c, HTML_CODE_PLAIN);
			read_to(step, i + 1);
			return;
		}
		if (step->s[i] == '\\' && ++i == step->len) {
			fault(step, "an escape sequence of a string is not complete");
			return;
		}
		html_url_text(c, &step->s[i], 1);
	}
	read_to(step, step->len);
}

/* -- comments -- */

static void read_block_comment(struct html_context *c, struct code_step *step)
{
	const char *end = memmem(step->s, step->len, "*/", 2);

	step->kept = 0;
	step->n = end ? (size_t)(end - step->s) + 2 : step->len;
	if (end)
		c->code = HTML_CODE_PLAIN;
}

/* The end of the line belongs to the code. */
static void read_line_comment(struct html_context *c, struct code_step *step)
{
	bool script = is_script(c);
	size_t i;

	for (i = 0; i < step->len; i++) {
		const char *s = step->s + i;

		if (is_one_of(*s, script ? "\n\r" : "\n\f\r") ||
			(script && (begins(s, step->len - i, "\xe2\x80\xa8") ||
					   begins(s, step->len - i, "\xe2\x80\xa9"))))
			break;
	}
	step->n = i;
	step->kept = 0;
	if (i < step->len)
		c->code = HTML_CODE_PLAIN;
}

void html_code_step(struct html_context *c, struct code_step *step)
{
	step->error = NULL;
	switch (c->code) {
	case HTML_CODE_PLAIN:
		if (is_script(c))
			read_script(c, step);
		else
			read_style(c, step);
		break;
	case HTML_CODE_DOUBLE:
	case HTML_CODE_SINGLE:
		if (is_script(c))
			read_quoted(c, step);
		else
			read_style_string(c, step);
		break;
	case HTML_CODE_URL_DOUBLE:
	case HTML_CODE_URL_SINGLE:
	case HTML_CODE_URL:
		read_style_string(c, step);
		break;
	case HTML_CODE_TEMPLATE:
		read_template(c, step);
		break;
	case HTML_CODE_REGEXP:
		read_regexp(c, step);
		break;
	case HTML_CODE_BLOCK_COMMENT:
		read_block_comment(c, step);
		break;
	case HTML_CODE_LINE_COMMENT:
		read_line_comment(c, step);
		break;
	}
}
