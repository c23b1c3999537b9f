/*
 * jread.h - JSON read in place, one value after the other: for bodies from outside that may be large.
 *
 * jansson makes a tree; here nothing is allocated. Texts are unescaped where they stand, so the text
 * that is read belongs to the reader. Strict as RFC 8259, with UTF-8 that somebody has checked before;
 * half a surrogate pair becomes U+FFFD, as Go reads it, and so does \u0000, as HTML has it: a NUL would end the text.
 *
 * After a failure every call does nothing and says no; jread_error() tells why and where.
 *
 *	jread_begin(&r);                 // the [ or {
 *	while (jread_next(&r, &key))     // false at its end, or at an error
 *		...read or skip one value...
 */
#ifndef TOLLD_BASE_JREAD_H
#define TOLLD_BASE_JREAD_H

#include "base/util.h"

#define JREAD_MAX_DEPTH 64

enum jread_type {
	JREAD_END, /* no value is there, or an error was before */
	JREAD_OBJECT,
	JREAD_ARRAY,
	JREAD_STRING,
	JREAD_NUMBER,
	JREAD_BOOL,
	JREAD_NULL,
};

/* In the text that is read; NUL-terminated. */
struct jread_text {
	char *s;
	size_t len;
};

struct jread {
	char *text;
	size_t len, at;
	const char *error; /* static; NULL: none yet */
	size_t error_at;
	unsigned depth;
	uint64_t objects; /* a bit for each open level: whether it is an object */
	uint64_t begun;	  /* and whether something was read of it */
};

void jread_init(struct jread *r, char *text, size_t len);
/* Of the value that comes next; it is not read yet. */
enum jread_type jread_type(struct jread *r);
/* Reads [ or {, which must be there. */
bool jread_begin(struct jread *r);
/*
 * To the next value of the innermost list or object, whose key goes to *ret_key (may be NULL for a
 * list). False after the last one, and then the list is closed.
 */
bool jread_next(struct jread *r, struct jread_text *ret_key);
/* A text, which must be there. */
bool jread_string(struct jread *r, struct jread_text *ret);
/* A whole number, which must be there and fit. */
bool jread_int(struct jread *r, int64_t *ret);
/* true or false, which must be there. */
bool jread_bool(struct jread *r, bool *ret);
/* Any value, to its end. */
bool jread_skip(struct jread *r);

#endif
