/*
 * html_escape.h - a value made fit for the place in an HTML document where it is printed.
 *
 * Several may follow each other: a URL is encoded as a URL first, and then as an attribute's value.
 */
#ifndef TOLLD_TEMPLATE_HTML_ESCAPE_H
#define TOLLD_TEMPLATE_HTML_ESCAPE_H

#include "template/value.h"

enum html_escaper {
	HTML_ESCAPE_NONE, /* ends a list */
	HTML_ESCAPE_TEXT,
	HTML_ESCAPE_RCDATA,
	HTML_ESCAPE_QUOTED,   /* an attribute's value between quotes */
	HTML_ESCAPE_UNQUOTED, /* and without them */
	HTML_ESCAPE_NAME,     /* an attribute's name */
	HTML_FILTER_URL,      /* the start of a URL: only http, https, mailto and relative ones */
	HTML_NORMALIZE_URL,   /* a URL's path: what is a URL stays one */
	HTML_ESCAPE_URL,      /* a part of its query */
	HTML_ESCAPE_SRCSET,   /* URLs of images and their sizes, with commas between */
	HTML_ESCAPE_DROP,     /* in a comment */
	HTML_ESCAPE_JS_VALUE, /* a literal of a script: any value, by its type */
	HTML_ESCAPE_JS_STRING,
	HTML_ESCAPE_JS_TEMPLATE, /* in a template literal */
	HTML_ESCAPE_JS_REGEXP,
	HTML_FILTER_CSS, /* a word, a number, a colour: nothing that ends a value */
	HTML_ESCAPE_CSS_STRING,
	HTML_ESCAPE_BY_HTML, /* what {{html}} does, where the template asked for it at this place */
	HTML_ESCAPE_BY_URLQUERY,
};

#define HTML_MAX_ESCAPERS 4

/* Printed where a value must not be: to be looked for, and harmless. html/template's own. */
#define HTML_FAILSAFE "ZgotmplZ"

/* Adds the value, through the escapers up to the first NONE; a failure stays in out. */
void html_escape(const enum html_escaper escapers[HTML_MAX_ESCAPERS], const struct tvalue *value,
	struct strbuf *out);

#endif
