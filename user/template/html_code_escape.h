/*
 * html_code_escape.h - values made fit for scripts and style sheets in HTML.
 *
 * All of them add to out; where it stands in an attribute, the result is escaped as one after that.
 */
#ifndef TOLLD_TEMPLATE_HTML_CODE_ESCAPE_H
#define TOLLD_TEMPLATE_HTML_CODE_ESCAPE_H

#include "template/value.h"

/* A literal of JavaScript: JSON, with spaces around where names could run into each other. */
void html_js_value(const struct tvalue *value, struct strbuf *out);
/* Within quotes, within a template literal, within / /. */
void html_js_string(const char *s, size_t len, struct strbuf *out);
void html_js_template(const char *s, size_t len, struct strbuf *out);
void html_js_regexp(const char *s, size_t len, struct strbuf *out);
/* A value of CSS without quotes, brackets, functions and ends; else HTML_FAILSAFE. */
void html_css_value(const char *s, size_t len, struct strbuf *out);
void html_css_string(const char *s, size_t len, struct strbuf *out);

#endif
