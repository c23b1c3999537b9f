/*
 * html_code.h - where in a script or a style sheet a template's action stands.
 *
 * It reads of both languages what quotes and comments need. Source: html/template's documentation;
 * ECMAScript, 12 and annex B.1.1; CSS Syntax, 4.
 */
#ifndef TOLLD_TEMPLATE_HTML_CODE_H
#define TOLLD_TEMPLATE_HTML_CODE_H

#include "template/html_context.h"

struct code_step {
	const char *s; /* in: the text from here to its end, or to the end tag */
	size_t len;
	size_t n;	   /* out: how much of it was read; at least 1 */
	size_t kept;	   /* and how much of that is no comment */
	const char *error; /* or what is wrong with it; NULL: nothing */
};

/* Reads on to the next border between code, strings and comments. */
void html_code_step(struct html_context *c, struct code_step *step);

bool html_code_in_comment(const struct html_context *c);
/* In a string, a template literal or a regular expression of a script. */
bool html_code_in_literal(const struct html_context *c);

/* Does this type= of a <script> say that it is one, or JSON? Source: the HTML standard, 4.12.1.1. */
bool html_code_is_script_type(const char *type, size_t len);

/* What a piece of a URL says about what comes after it. */
void html_url_text(struct html_context *c, const char *s, size_t len);

#endif
