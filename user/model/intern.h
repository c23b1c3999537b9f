/*
 * intern.h - one copy of every label name and value.
 *
 * Interned texts are equal when their pointers are. They are counted: whoever keeps one holds a
 * reference. Only the main thread may call this.
 */
#ifndef TOLLD_MODEL_INTERN_H
#define TOLLD_MODEL_INTERN_H

#include <stddef.h>

/* The one copy, with a reference for the caller; NULL when memory is out. NUL bytes end the text. */
const char *intern(const char *s, size_t len);
struct intern_item {
	const char *s;
	size_t len;
	const char *interned; /* as intern() returns it */
};

/* intern() for each: in a large table this waits for memory once, and not for each. */
void intern_all(struct intern_item *items, size_t n);
/* The one copy without a reference, or NULL where nobody holds that text. */
const char *intern_peek(const char *s, size_t len);
const char *intern_ref(const char *interned);
void intern_unref(const char *interned);
size_t intern_len(const char *interned);

/* How many texts are held, and their bytes: for tests and for tolld's own metrics. */
size_t intern_count(void);
size_t intern_bytes(void);

#endif
