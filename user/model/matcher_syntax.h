/*
 * matcher_syntax.h - the two syntaxes of matchers, one by one; private to model/.
 */
#ifndef TOLLD_MODEL_MATCHER_SYNTAX_H
#define TOLLD_MODEL_MATCHER_SYNTAX_H

#include "model/matcher_parser.h"

struct matcher_fault {
	char text[MATCHER_MAX_ERROR];
};

/* Each adds to ret; after an error ret holds what was read until then. 0, -EINVAL, -ENOMEM. */
int matchers_classic(const char *text, struct matcher_list *ret, struct matcher_fault *fault);
/* One matcher without braces: all of text[0..len). */
int matcher_classic(
	const char *text, size_t len, struct matcher_list *ret, struct matcher_fault *fault);
int matchers_utf8(const char *text, struct matcher_list *ret, struct matcher_fault *fault);

/* matcher_new() and matcher_list_add(). */
int matcher_read(enum matcher_type type, const char *name, const char *value,
	struct matcher_list *ret, struct matcher_fault *fault);
/*
 * The length of the character at s where it cannot stand in a word without quotes: white space, as
 * Unicode has it, and {}!=~,\"'`. Else 0.
 */
size_t matcher_reserved(const char *s, size_t len);

#endif
