/*
 * html_context.c - reads the static HTML of a template.
 *
 * Stricter than a browser and than html/template: a name of a tag or attribute that is put together
 * of several parts is refused, because the parts decide what the value behind it means.
 */
#include "template/html_code.h"
#include "template/html_entity.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == ':' || c == '_';
}

/* -- attributes by name -- */

/* Whose values are not plain text. Sorted by kind, then name. */
static const struct {
	const char *name;
	enum html_attr type;
} attributes[] = {
	{ "action", HTML_ATTR_URL },
	{ "archive", HTML_ATTR_URL },
	{ "background", HTML_ATTR_URL },
	{ "cite", HTML_ATTR_URL },
	{ "classid", HTML_ATTR_URL },
	{ "codebase", HTML_ATTR_URL },
	{ "data", HTML_ATTR_URL },
	{ "formaction", HTML_ATTR_URL },
	{ "href", HTML_ATTR_URL },
	{ "icon", HTML_ATTR_URL },
	{ "longdesc", HTML_ATTR_URL },
	{ "manifest", HTML_ATTR_URL },
	{ "ping", HTML_ATTR_URL },
	{ "poster", HTML_ATTR_URL },
	{ "profile", HTML_ATTR_URL },
	{ "usemap", HTML_ATTR_URL },
	{ "xmlns", HTML_ATTR_URL },
	{ "style", HTML_ATTR_STYLE },
	{ "imagesrcset", HTML_ATTR_SRCSET },
	{ "srcset", HTML_ATTR_SRCSET },
	{ "srcdoc", HTML_ATTR_DOCUMENT },
	{ "accept-charset", HTML_ATTR_UNSAFE },
	{ "async", HTML_ATTR_UNSAFE },
	{ "challenge", HTML_ATTR_UNSAFE },
	{ "charset", HTML_ATTR_UNSAFE },
	{ "content", HTML_ATTR_UNSAFE },
	{ "crossorigin", HTML_ATTR_UNSAFE },
	{ "defer", HTML_ATTR_UNSAFE },
	{ "enctype", HTML_ATTR_UNSAFE },
	{ "form", HTML_ATTR_UNSAFE },
	{ "formenctype", HTML_ATTR_UNSAFE },
	{ "formmethod", HTML_ATTR_UNSAFE },
	{ "formnovalidate", HTML_ATTR_UNSAFE },
	{ "http-equiv", HTML_ATTR_UNSAFE },
	{ "keytype", HTML_ATTR_UNSAFE },
	{ "language", HTML_ATTR_UNSAFE },
	{ "method", HTML_ATTR_UNSAFE },
	{ "novalidate", HTML_ATTR_UNSAFE },
	{ "pattern", HTML_ATTR_UNSAFE },
	{ "rel", HTML_ATTR_UNSAFE },
	{ "sandbox", HTML_ATTR_UNSAFE },
	{ "type", HTML_ATTR_UNSAFE },
};

static bool contains(const char *name, size_t len, const char *part)
{
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= len; i++) {
		if (!strncasecmp(name + i, part, n))
			return true;
	}
	return false;
}

enum html_attr html_attr_type(const char *name, size_t len)
{
	const char *colon = memchr(name, ':', len);

	/* Scripts read data-* attributes, and libraries make links of them. */
	if (len >= 5 && !strncasecmp(name, "data-", 5)) {
		name += 5;
		len -= 5;
	} else if (colon) {
		if (colon - name == 5 && !strncasecmp(name, "xmlns", 5))
			return HTML_ATTR_URL;
		len -= (size_t)(colon + 1 - name);
		name = colon + 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (strlen(attributes[i].name) == len &&
			!strncasecmp(attributes[i].name, name, len))
			return attributes[i].type;
	}
	if (len >= 2 && !strncasecmp(name, "on", 2))
		return HTML_ATTR_SCRIPT;
	if (contains(name, len, "src") || contains(name, len, "uri") || contains(name, len, "url"))
		return HTML_ATTR_URL;
	return HTML_ATTR_PLAIN;
}

/* -- elements whose inside is not HTML -- */

static const struct {
	const char *name;
	enum html_element element;
	enum html_state inside;
} elements[] = {
	{ "script", HTML_ELEMENT_SCRIPT, HTML_SCRIPT },
	{ "style", HTML_ELEMENT_STYLE, HTML_STYLE },
	{ "textarea", HTML_ELEMENT_TEXTAREA, HTML_RCDATA },
	{ "title", HTML_ELEMENT_TITLE, HTML_RCDATA },
};

static enum html_element find_element(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
		if (strlen(elements[i].name) == len && !strncasecmp(elements[i].name, name, len))
			return elements[i].element;
	}
	return HTML_ELEMENT_ANY;
}

static enum html_state inside_of(enum html_element element)
{
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
		if (elements[i].element == element)
			return elements[i].inside;
	}
	return HTML_TEXT;
}

/* -- one step of the tokenizer -- */

struct tokenizer {
	struct html_context *c;
	const char *p, *end;
	struct strbuf *out;
	bool words; /* only the words are wanted: what scripts and styles say does not matter */
	const char *end_tag; /* the next one, where it was looked for */
	size_t literal;	     /* where in out the literal of a script begins that we are in */
	char *error;
	size_t error_size;
};

static int fault(struct tokenizer *t, const char *what, const char *at)
{
	snprintf(t->error, t->error_size, "%s: %.*s", what, (int)MIN(t->end - at, (ptrdiff_t)32),
		at);
	return -EINVAL;
}

/* Prints up to `to`, and goes there. */
static void pass(struct tokenizer *t, const char *to)
{
	strbuf_add(t->out, t->p, (size_t)(to - t->p));
	t->p = to;
}

static const char *skip_space(const struct tokenizer *t, const char *p)
{
	while (p < t->end && is_space(*p))
		p++;
	return p;
}

static bool at(const struct tokenizer *t, const char *p, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(t->end - p) >= n && !strncasecmp(p, word, n);
}

static void to_state(struct tokenizer *t, enum html_state state)
{
	*t->c = (struct html_context){ .state = state, .element = t->c->element };
}

/* A < that begins no tag is printed as text, so that no data behind it makes it one. */
static int step_text(struct tokenizer *t)
{
	const char *open = memchr(t->p, '<', (size_t)(t->end - t->p)), *name, *end;
	bool closing;

	pass(t, open ? open : t->end);
	if (!open)
		return 0;
	if (at(t, open, "<!--")) {
		*t->c = (struct html_context){ .state = HTML_COMMENT };
		t->p += 4;
		return 0;
	}
	closing = open + 1 < t->end && open[1] == '/';
	name = open + 1 + closing;
	if (name < t->end && isalpha((unsigned char)*name)) {
		for (end = name; end < t->end && is_name(*end); end++)
			;
		*t->c = (struct html_context){ .state = HTML_TAG_NAME,
			.element = closing ? HTML_ELEMENT_ANY
					   : find_element(name, (size_t)(end - name)) };
		pass(t, end);
		return 0;
	}
	t->p++;
	strbuf_adds(t->out, at(t, open, "<!doctype") ? "<" : "&lt;");
	return 0;
}

static int step_comment(struct tokenizer *t)
{
	const char *end = memmem(t->p, (size_t)(t->end - t->p), "-->", 3);

	t->p = end ? end + 3 : t->end;
	if (end)
		*t->c = HTML_CONTEXT_INIT;
	return 0;
}

/* "</ti" at the end, which with "tle>" from elsewhere would become what was not seen here. */
static const char *begun_end_tag(const char *start, const char *end, const char *name)
{
	size_t longest = strlen(name) + 1;

	for (const char *p = end; p > start && (size_t)(end - p) <= longest; p--) {
		size_t rest = (size_t)(end - p);

		if (p[-1] == '<' && (!rest || (*p == '/' && !strncasecmp(p + 1, name, rest - 1))))
			return p - 1;
	}
	return NULL;
}

/* The same for what a browser would see in the string of a script: <scr, <!- */
static const char *begun_script_tag(const char *start, const char *end)
{
	for (const char *p = end; p > start && end - p < 7; p--) {
		size_t rest = (size_t)(end - p);

		if (p[-1] == '<' &&
			(!strncasecmp(p, "script", rest) || !strncasecmp(p, "!--", rest)))
			return p - 1;
	}
	return NULL;
}

static const char *name_of(enum html_element element)
{
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
		if (elements[i].element == element)
			return elements[i].name;
	}
	return "";
}

/* The end tag of the element that we are in, or the end; </title does not end a <textarea>. */
static int find_end_tag(struct tokenizer *t, const char **ret)
{
	const char *name = name_of(t->c->element), *p = t->p, *open;

	/* Whatever the code up to it is made of. */
	if (t->end_tag && t->end_tag >= t->p) {
		*ret = t->end_tag;
		return 0;
	}
	*ret = t->end_tag = t->end;
	while ((open = memchr(p, '<', (size_t)(t->end - p)))) {
		p = open + 1;
		if (p >= t->end || *p != '/' || !at(t, p + 1, name))
			continue;
		p += 1 + strlen(name);
		/* What follows may be data, and then nobody knows whether this is the end tag. */
		if (p == t->end)
			return fault(t, "an end tag is not complete", open);
		if (is_space(*p) || *p == '/' || *p == '>') {
			*ret = t->end_tag = open;
			return 0;
		}
	}
	return 0;
}

static void leave_element(struct tokenizer *t)
{
	*t->c = HTML_CONTEXT_INIT;
	t->end_tag = NULL;
}

/* Up to `to`; as in html/template no < of a title or textarea is left that somebody could take for a tag. */
static void pass_raw(struct tokenizer *t, const char *to)
{
	while (t->c->state == HTML_RCDATA && t->p < to) {
		const char *open = memchr(t->p, '<', (size_t)(to - t->p));

		if (!open)
			break;
		pass(t, open);
		t->p++;
		strbuf_adds(t->out, at(t, open, "<!doctype") ? "<" : "&lt;");
	}
	pass(t, to);
}

static int step_raw(struct tokenizer *t)
{
	const char *open, *begun;
	int err = find_end_tag(t, &open);

	if (err)
		return err;
	if (open < t->end) {
		pass_raw(t, open);
		leave_element(t);
		return 0;
	}
	begun = begun_end_tag(t->p, t->end, name_of(t->c->element));
	pass_raw(t, begun ? begun : t->end);
	if (begun) {
		strbuf_adds(t->out, "&lt;");
		t->p = begun + 1;
		pass_raw(t, t->end);
	}
	return 0;
}

/* -- scripts and styles -- */

/* A browser reads these within a script as HTML, even in a string. */
static bool is_script_tag(const char *s, size_t len)
{
	static const char *const tags[] = { "<script", "</script", "<!--" };

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		if (len >= strlen(tags[i]) && !strncasecmp(s, tags[i], strlen(tags[i])))
			return true;
	}
	return false;
}

static void pass_literal(struct tokenizer *t, size_t len)
{
	for (const char *end = t->p + len; t->p < end; t->p++) {
		if (*t->p == '<' && is_script_tag(t->p, (size_t)(end - t->p)))
			strbuf_adds(t->out, "\\x3C");
		else
			strbuf_addch(t->out, *t->p);
	}
}

/* A comment is as much as a space, or a line. */
static void pass_comment(struct tokenizer *t, enum html_code code, size_t len)
{
	const char *end = t->p + len;

	if (code == HTML_CODE_BLOCK_COMMENT) {
		bool lines = t->c->state == HTML_SCRIPT &&
			     (memchr(t->p, '\n', len) || memchr(t->p, '\r', len) ||
				     memmem(t->p, len, "\xe2\x80\xa8", 3) ||
				     memmem(t->p, len, "\xe2\x80\xa9", 3));

		strbuf_addch(t->out, lines ? '\n' : ' ');
	}
	t->p = end;
}

/* The code of a <script> or <style>, up to the next border in it or its end tag. */
static int step_code(struct tokenizer *t)
{
	enum html_code before = t->c->code;
	bool literal = html_code_in_literal(t->c);
	struct code_step step = { .s = t->p };
	const char *end = t->end;
	int err = 0;

	if (t->words)
		return step_raw(t);
	/* In strings it is written in another way; a regular expression cannot have it. */
	if (!literal || before == HTML_CODE_REGEXP)
		err = find_end_tag(t, &end);
	if (err)
		return err;
	if (end == t->p) {
		/* To the letter as html/template does it, which matters to nobody but a comparison. */
		if (before == HTML_CODE_BLOCK_COMMENT && t->out->len)
			pass_comment(t, before, 0);
		leave_element(t);
		return 0;
	}
	step.len = (size_t)(end - t->p);
	html_code_step(t->c, &step);
	if (step.error)
		return fault(t, step.error, t->p);
	if (before == HTML_CODE_BLOCK_COMMENT || before == HTML_CODE_LINE_COMMENT) {
		pass_comment(t, before, step.n);
		return 0;
	}
	if (literal)
		pass_literal(t, step.n);
	else
		pass(t, t->p + step.kept);
	t->p = step.s + step.n;
	if (!literal || !html_code_in_literal(t->c))
		t->literal = t->out->len;
	return 0;
}

/*
 * What was printed ends in "</sc": with what follows it could become a tag that was not seen here.
 * In a script a lone < compares, as no value begins like a name or with a /.
 */
static int check_tail(struct tokenizer *t)
{
	bool literal = html_code_in_literal(t->c);
	const char *s = t->out->s, *end = s + t->out->len, *begun;
	char tail[16];

	if (html_code_in_comment(t->c))
		return 0;
	begun = begun_end_tag(s, end, name_of(t->c->element));
	if (!begun && literal)
		begun = begun_script_tag(s, end);
	if (!begun || (t->c->state == HTML_SCRIPT && !literal && begun == end - 1))
		return 0;
	if (!literal || (size_t)(begun - s) < t->literal)
		return fault(t, "an end tag is not complete", t->end);
	snprintf(tail, sizeof(tail), "%s", begun + 1);
	strbuf_truncate(t->out, (size_t)(begun - s));
	strbuf_addf(t->out, "\\x3C%s", tail);
	return 0;
}

/* Code in an attribute: as a browser sees it, with its references resolved. It is printed as it stands. */
static int read_attribute_code(struct tokenizer *t, size_t len)
{
	struct strbuf code = STRBUF_INIT;
	struct code_step step;
	int err = 0;

	if (html_ends_in_reference(t->p, len))
		return fault(
			t, "what follows this & may make a reference of it; write &amp;", t->p);
	html_unescape(t->p, len, &code);
	step = (struct code_step){ .s = code.s, .len = code.len };
	while (step.len && !err) {
		html_code_step(t->c, &step);
		if (step.error)
			err = fault(t, step.error, t->p);
		step.s += step.n;
		step.len -= step.n;
	}
	if (!err)
		err = code.err;
	strbuf_release(&code);
	return err;
}

/* -- tags -- */

static int step_tag_name(struct tokenizer *t)
{
	if (!is_space(*t->p) && *t->p != '>' && *t->p != '/')
		return fault(
			t, "the name of a tag is put together of parts, or ends strangely", t->p);
	to_state(t, HTML_TAG);
	return 0;
}

static int step_tag(struct tokenizer *t)
{
	const char *p = skip_space(t, t->p), *name;

	while (p < t->end && *p == '/')
		p = skip_space(t, p + 1);
	if (p == t->end) {
		pass(t, p);
		return 0;
	}
	if (*p == '>') {
		pass(t, p + 1);
		to_state(t, inside_of(t->c->element));
		return 0;
	}
	for (name = p; p < t->end && !is_space(*p) && !strchr("=>/", *p); p++) {
		if (strchr("'\"<`", *p))
			return fault(t, "this cannot be the name of an attribute", name);
	}
	if (p == name)
		return fault(t, "expected an attribute or the end of the tag", name);
	t->c->attr = html_attr_type(name, (size_t)(p - name));
	if (t->c->element == HTML_ELEMENT_SCRIPT && p - name == 4 && at(t, name, "type"))
		t->c->attr = HTML_ATTR_SCRIPT_TYPE;
	t->c->state = HTML_ATTR_NAME;
	pass(t, p);
	return 0;
}

static int step_attr_name(struct tokenizer *t)
{
	if (!is_space(*t->p) && !strchr("=>/", *t->p))
		return fault(t, "the name of an attribute is put together of parts", t->p);
	t->c->state = HTML_AFTER_NAME;
	return 0;
}

static int step_after_name(struct tokenizer *t)
{
	pass(t, skip_space(t, t->p));
	if (t->p == t->end)
		return 0;
	if (*t->p == '=') {
		pass(t, t->p + 1);
		t->c->state = HTML_BEFORE_VALUE;
	} else {
		to_state(t, HTML_TAG);
	}
	return 0;
}

static int step_before_value(struct tokenizer *t)
{
	pass(t, skip_space(t, t->p));
	if (t->p == t->end)
		return 0;
	*t->c = html_context_nudge(*t->c);
	if (*t->p == '"' || *t->p == '\'') {
		t->c->delim = *t->p == '"' ? HTML_DELIM_DOUBLE : HTML_DELIM_SINGLE;
		pass(t, t->p + 1);
	}
	return 0;
}

/* A value that goes on behind this text. */
static int read_value(struct tokenizer *t, size_t len)
{
	struct strbuf url = STRBUF_INIT;
	int err;

	switch (t->c->attr) {
	case HTML_ATTR_SCRIPT:
	case HTML_ATTR_STYLE:
		return t->words ? 0 : read_attribute_code(t, len);
	case HTML_ATTR_SCRIPT_TYPE:
		return len ? fault(t, "the type of a script must stand in one piece", t->p) : 0;
	case HTML_ATTR_URL:
	case HTML_ATTR_SRCSET:
		html_unescape(t->p, len, &url);
		html_url_text(t->c, url.s, url.len);
		err = url.err;
		strbuf_release(&url);
		return err;
	default:
		return 0;
	}
}

static int step_value(struct tokenizer *t)
{
	static const char *const ends[] = { [HTML_DELIM_DOUBLE] = "\"",
		[HTML_DELIM_SINGLE] = "'",
		[HTML_DELIM_SPACE] = " \t\n\f\r>" };
	const char *p = t->p;
	int err;

	while (p < t->end && !(*p && strchr(ends[t->c->delim], *p)))
		p++;
	for (const char *q = t->p; q < p && t->c->delim == HTML_DELIM_SPACE; q++) {
		if (*q && strchr("\"'<=`", *q))
			return fault(t, "this must not stand in a value without quotes", q);
	}
	if (p == t->end) {
		err = read_value(t, (size_t)(p - t->p));
		if (!err)
			pass(t, p);
		return err;
	}
	/* What is no script is HTML to us, as to html/template. */
	if (t->c->attr == HTML_ATTR_SCRIPT_TYPE &&
		!html_code_is_script_type(t->p, (size_t)(p - t->p)))
		t->c->element = HTML_ELEMENT_ANY;
	/* White space and > belong to the tag; a quote is the value's end. */
	p += t->c->delim != HTML_DELIM_SPACE;
	to_state(t, HTML_TAG);
	pass(t, p);
	return 0;
}

static int step_dead(struct tokenizer *t)
{
	t->p = t->end;
	return 0;
}

static int (*const steps[])(struct tokenizer *) = {
	[HTML_TEXT] = step_text,
	[HTML_COMMENT] = step_comment,
	[HTML_RCDATA] = step_raw,
	[HTML_SCRIPT] = step_code,
	[HTML_STYLE] = step_code,
	[HTML_TAG_NAME] = step_tag_name,
	[HTML_TAG] = step_tag,
	[HTML_ATTR_NAME] = step_attr_name,
	[HTML_AFTER_NAME] = step_after_name,
	[HTML_BEFORE_VALUE] = step_before_value,
	[HTML_VALUE] = step_value,
	[HTML_DEAD] = step_dead,
};

int html_context_text(struct html_context *context, const char *text, size_t len,
	struct strbuf *out, char *error, size_t error_size)
{
	struct tokenizer t = { .c = context,
		.p = text,
		.end = text + len,
		.out = out,
		.error = error,
		.error_size = error_size };
	int err = 0;

	while (t.p < t.end && !err)
		err = steps[context->state](&t);
	if (!err && (context->state == HTML_SCRIPT || context->state == HTML_STYLE))
		err = check_tail(&t);
	return err;
}

void html_strip_tags(const char *html, size_t len, struct strbuf *out)
{
	struct html_context c = HTML_CONTEXT_INIT;
	struct strbuf tag = STRBUF_INIT;
	char error[64];
	struct tokenizer t = { .c = &c,
		.p = html,
		.end = html + len,
		.out = &tag,
		.words = true,
		.error = error,
		.error_size = sizeof(error) };

	while (t.p < t.end) {
		bool text = c.state == HTML_TEXT;

		if (text && *t.p != '<') {
			strbuf_addch(out, *t.p++);
			continue;
		}
		strbuf_reset(&tag);
		/* What is no HTML has no words. */
		if (steps[c.state](&t))
			break;
		if (text && c.state == HTML_TEXT)
			strbuf_add(out, tag.s, tag.len);
	}
	strbuf_release(&tag);
}

/* -- contexts compared -- */

bool html_context_equal(const struct html_context *a, const struct html_context *b)
{
	return a->state == b->state && a->element == b->element && a->attr == b->attr &&
	       a->delim == b->delim && a->url == b->url && a->code == b->code &&
	       a->slash == b->slash && a->edge == b->edge && a->n_literals == b->n_literals &&
	       !memcmp(a->braces, b->braces, a->n_literals);
}

struct html_context html_context_nudge(struct html_context c)
{
	switch (c.state) {
	case HTML_TAG_NAME:
	case HTML_TAG:
	case HTML_AFTER_NAME:
		c.state = HTML_ATTR_NAME;
		c.attr = HTML_ATTR_PLAIN;
		break;
	case HTML_BEFORE_VALUE:
		c.state = HTML_VALUE;
		c.delim = HTML_DELIM_SPACE;
		break;
	default:
		break;
	}
	return c;
}

static bool join_equal(
	const struct html_context *a, const struct html_context *b, struct html_context *ret)
{
	struct html_context c = *a;

	c.url = b->url;
	c.slash = b->slash;
	c.edge = b->edge;
	if (!html_context_equal(&c, b))
		return false;
	if (a->url != b->url)
		c.url = HTML_URL_AMBIGUOUS;
	if (a->slash != b->slash)
		c.slash = HTML_SLASH_UNKNOWN;
	c.edge = MAX(a->edge, b->edge);
	*ret = c;
	return true;
}

bool html_context_join(
	const struct html_context *a, const struct html_context *b, struct html_context *ret)
{
	struct html_context na, nb;

	if (a->state == HTML_DEAD || b->state == HTML_DEAD) {
		*ret = a->state == HTML_DEAD ? *b : *a;
		return true;
	}
	if (join_equal(a, b, ret))
		return true;
	/* <p title={{if .X}}{{.X}}{{end}}>: one branch began the value, the other did not. */
	na = html_context_nudge(*a);
	nb = html_context_nudge(*b);
	return join_equal(&na, &nb, ret);
}

static const char *code_name(const struct html_context *c)
{
	static const char *const scripts[] = {
		[HTML_CODE_PLAIN] = "a script",
		[HTML_CODE_DOUBLE] = "a string of a script",
		[HTML_CODE_SINGLE] = "a string of a script",
		[HTML_CODE_TEMPLATE] = "a template literal of a script",
		[HTML_CODE_REGEXP] = "a regular expression of a script",
		[HTML_CODE_BLOCK_COMMENT] = "a comment of a script",
		[HTML_CODE_LINE_COMMENT] = "a comment of a script",
	};
	static const char *const styles[] = {
		[HTML_CODE_PLAIN] = "a style sheet",
		[HTML_CODE_DOUBLE] = "a string of a style sheet",
		[HTML_CODE_SINGLE] = "a string of a style sheet",
		[HTML_CODE_URL_DOUBLE] = "a URL of a style sheet",
		[HTML_CODE_URL_SINGLE] = "a URL of a style sheet",
		[HTML_CODE_URL] = "a URL of a style sheet",
		[HTML_CODE_BLOCK_COMMENT] = "a comment of a style sheet",
		[HTML_CODE_LINE_COMMENT] = "a comment of a style sheet",
	};

	if (c->state == HTML_SCRIPT || c->attr == HTML_ATTR_SCRIPT)
		return scripts[c->code];
	return styles[c->code];
}

const char *html_context_name(const struct html_context *c)
{
	static const char *const names[] = {
		[HTML_TEXT] = "text",
		[HTML_COMMENT] = "a comment",
		[HTML_RCDATA] = "a title or textarea",
		[HTML_TAG_NAME] = "the name of a tag",
		[HTML_TAG] = "a tag",
		[HTML_ATTR_NAME] = "the name of an attribute",
		[HTML_AFTER_NAME] = "a tag, behind the name of an attribute",
		[HTML_BEFORE_VALUE] = "a tag, before an attribute's value",
		[HTML_DEAD] = "nothing",
	};
	static const char *const values[] = {
		[HTML_ATTR_PLAIN] = "an attribute's value",
		[HTML_ATTR_URL] = "a URL in an attribute",
		[HTML_ATTR_SRCSET] = "a list of images in an attribute",
		[HTML_ATTR_SCRIPT_TYPE] = "the type of a script",
		[HTML_ATTR_DOCUMENT] = "a document in an attribute",
		[HTML_ATTR_UNSAFE] = "an attribute's value",
	};

	if (c->state == HTML_SCRIPT || c->state == HTML_STYLE ||
		(c->state == HTML_VALUE &&
			(c->attr == HTML_ATTR_SCRIPT || c->attr == HTML_ATTR_STYLE)))
		return code_name(c);
	return c->state == HTML_VALUE ? values[c->attr] : names[c->state];
}
