/*
 * html_context.h - where in an HTML document a template's action stands: the tokenizer that reads the
 * static text between the actions.
 *
 * It knows of HTML what escaping needs and no more. Where HTML leaves room for two readings, it takes
 * none and says what is wrong. Source: html/template's documentation; the HTML standard, 13.2.5.
 */
#ifndef TOLLD_TEMPLATE_HTML_CONTEXT_H
#define TOLLD_TEMPLATE_HTML_CONTEXT_H

#include "base/strbuf.h"

enum html_state {
	HTML_TEXT,
	HTML_COMMENT,
	HTML_RCDATA, /* in <title> and <textarea>: text without tags */
	HTML_SCRIPT,
	HTML_STYLE,
	HTML_TAG_NAME, /* right behind "<a" */
	HTML_TAG,
	HTML_ATTR_NAME, /* in or right behind the name of an attribute */
	HTML_AFTER_NAME,
	HTML_BEFORE_VALUE, /* behind its = */
	HTML_VALUE,
	HTML_DEAD, /* behind a {{break}}: nothing gets here */
};

enum html_element {
	HTML_ELEMENT_ANY,
	HTML_ELEMENT_SCRIPT,
	HTML_ELEMENT_STYLE,
	HTML_ELEMENT_TEXTAREA,
	HTML_ELEMENT_TITLE,
};

/* What an attribute's value means to a browser, by its name. */
enum html_attr {
	HTML_ATTR_PLAIN,
	HTML_ATTR_URL,
	HTML_ATTR_SCRIPT,
	HTML_ATTR_STYLE,
	HTML_ATTR_SRCSET,
	HTML_ATTR_SCRIPT_TYPE, /* of <script>: it says what is in it */
	HTML_ATTR_DOCUMENT,    /* srcdoc */
	HTML_ATTR_UNSAFE,      /* plain, but it changes what others mean: never named by data */
};

enum html_delim { HTML_DELIM_NONE, HTML_DELIM_DOUBLE, HTML_DELIM_SINGLE, HTML_DELIM_SPACE };

/* How far a URL has come: what may be in it depends on it. */
enum html_url {
	HTML_URL_START,
	HTML_URL_PATH,
	HTML_URL_QUERY,	    /* or fragment */
	HTML_URL_AMBIGUOUS, /* one way here led past the ?, the other did not */
};

/* Where in a script or a style sheet. HTML_SCRIPT, HTML_STYLE, and HTML_VALUE of such attributes. */
enum html_code {
	HTML_CODE_PLAIN,
	HTML_CODE_DOUBLE, /* in a string "" */
	HTML_CODE_SINGLE,
	HTML_CODE_TEMPLATE,   /* in a script's `` */
	HTML_CODE_REGEXP,     /* in a script's / / */
	HTML_CODE_URL_DOUBLE, /* in a style's url("") */
	HTML_CODE_URL_SINGLE,
	HTML_CODE_URL,
	HTML_CODE_BLOCK_COMMENT,
	HTML_CODE_LINE_COMMENT,
};

/* What a / in a script would mean now. */
enum html_slash { HTML_SLASH_REGEXP, HTML_SLASH_DIVISION, HTML_SLASH_UNKNOWN };

/* What a style ended with, and what comes next could make another thing of; the worse is the later. */
enum html_edge { HTML_EDGE_NONE, HTML_EDGE_NAME, HTML_EDGE_SLASH };

/* `${ `${ `: so many template literals may be within each other. */
#define HTML_MAX_LITERALS 8

struct html_context {
	enum html_state state;
	enum html_element element;
	enum html_attr attr;
	enum html_delim delim; /* HTML_VALUE */
	enum html_url url;     /* HTML_VALUE of HTML_ATTR_URL, and in strings of styles */
	enum html_code code;
	enum html_slash slash;		   /* HTML_CODE_PLAIN of a script */
	enum html_edge edge;		   /* and of a style */
	unsigned n_literals;		   /* template literals in whose ${ } we are */
	uint8_t braces[HTML_MAX_LITERALS]; /* and how many { are open in each, beside it */
};

#define HTML_CONTEXT_INIT ((struct html_context){ 0 })

/*
 * Reads static text on from *context, and adds to out what shall be printed of it: all but comments,
 * with a lone < written as &lt;, since data might follow it, and one that would begin a tag in a
 * script's string as \x3C. -EINVAL with error[] set; a failure of out stays there.
 */
int html_context_text(struct html_context *context, const char *text, size_t len,
	struct strbuf *out, char *error, size_t error_size);

bool html_context_equal(const struct html_context *a, const struct html_context *b);
/* What a context becomes when an action prints something here: an unquoted value begins, or a name. */
struct html_context html_context_nudge(struct html_context context);
/* The one context after two branches. False where there is none. */
bool html_context_join(
	const struct html_context *a, const struct html_context *b, struct html_context *ret);
/* For messages: "an attribute's value", "a script". */
const char *html_context_name(const struct html_context *context);

enum html_attr html_attr_type(const char *name, size_t len);

/* The words of HTML without its tags and comments. */
void html_strip_tags(const char *html, size_t len, struct strbuf *out);

#endif
