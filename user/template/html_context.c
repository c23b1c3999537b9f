/*
 * html_context.c - reads the static HTML of a template.
 *
 * Stricter than a browser and than html/template: a name of a tag or attribute that is put together
 * of several parts is refused, because the parts decide what the value behind it means.
 */
#include "template/html_context.h"

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
	{ "imagesrcset", HTML_ATTR_OTHER },
	{ "srcdoc", HTML_ATTR_OTHER },
	{ "srcset", HTML_ATTR_OTHER },
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
static const char *begun_end_tag(const struct tokenizer *t, const char *name)
{
	size_t longest = strlen(name) + 1;

	for (const char *p = t->end; p > t->p && (size_t)(t->end - p) < longest; p--) {
		size_t rest = (size_t)(t->end - p);

		if (p[-1] == '<' && (!rest || (*p == '/' && !strncasecmp(p + 1, name, rest - 1))))
			return p - 1;
	}
	return NULL;
}

/* Up to the end tag of the element that we are in; </title does not end a <textarea>. */
static int step_raw(struct tokenizer *t)
{
	const char *name = "", *p = t->p, *open;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(elements); i++) {
		if (elements[i].element == t->c->element)
			name = elements[i].name;
	}
	len = strlen(name);
	while ((open = memchr(p, '<', (size_t)(t->end - p)))) {
		p = open + 1;
		if (p >= t->end || *p != '/' || !at(t, p + 1, name))
			continue;
		p += 1 + len;
		/* What follows may be data, and then nobody knows whether this is the end tag. */
		if (p == t->end)
			return fault(t, "an end tag is not complete", open);
		if (is_space(*p) || *p == '/' || *p == '>') {
			pass(t, open);
			*t->c = HTML_CONTEXT_INIT;
			return 0;
		}
	}
	p = begun_end_tag(t, name);
	if (p && t->c->state != HTML_RCDATA)
		return fault(t, "an end tag is not complete", p);
	pass(t, p ? p : t->end);
	if (p) {
		strbuf_adds(t->out, "&lt;");
		t->p = p + 1;
		pass(t, t->end);
	}
	return 0;
}

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

/* What a piece of a URL says about what comes after it. */
static void see_url(struct html_context *c, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		/* The # of &#47; is none. */
		if (s[i] == '?' || (s[i] == '#' && !(i && s[i - 1] == '&'))) {
			c->url = HTML_URL_QUERY;
			return;
		}
		if (!is_space(s[i]) && c->url == HTML_URL_START)
			c->url = HTML_URL_PATH;
	}
}

static int step_value(struct tokenizer *t)
{
	static const char *const ends[] = { [HTML_DELIM_DOUBLE] = "\"",
		[HTML_DELIM_SINGLE] = "'",
		[HTML_DELIM_SPACE] = " \t\n\f\r>" };
	const char *p = t->p;

	while (p < t->end && !(*p && strchr(ends[t->c->delim], *p)))
		p++;
	for (const char *q = t->p; q < p && t->c->delim == HTML_DELIM_SPACE; q++) {
		if (strchr("\"'<`", *q))
			return fault(t, "this must not stand in a value without quotes", q);
	}
	see_url(t->c, t->p, (size_t)(p - t->p));
	if (p < t->end) {
		/* White space and > belong to the tag; a quote is the value's end. */
		p += t->c->delim != HTML_DELIM_SPACE;
		to_state(t, HTML_TAG);
	}
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
	[HTML_SCRIPT] = step_raw,
	[HTML_STYLE] = step_raw,
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
	       a->delim == b->delim && a->url == b->url;
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
	if (!html_context_equal(&c, b))
		return false;
	if (a->url != b->url)
		c.url = HTML_URL_AMBIGUOUS;
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

const char *html_context_name(const struct html_context *c)
{
	static const char *const names[] = {
		[HTML_TEXT] = "text",
		[HTML_COMMENT] = "a comment",
		[HTML_RCDATA] = "a title or textarea",
		[HTML_SCRIPT] = "a script",
		[HTML_STYLE] = "a style sheet",
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
		[HTML_ATTR_SCRIPT] = "a script in an attribute",
		[HTML_ATTR_STYLE] = "a style in an attribute",
		[HTML_ATTR_OTHER] = "an attribute with a language of its own",
		[HTML_ATTR_UNSAFE] = "an attribute's value",
	};

	return c->state == HTML_VALUE ? values[c->attr] : names[c->state];
}
