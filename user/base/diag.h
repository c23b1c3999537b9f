/*
 * diag.h - what a person must mend: file, line, column, the line itself, the fault and its cure.
 *
 * A run collects all its faults in one struct diag and prints them together. A place is a struct
 * pos: where in which source. Sources are counted, because a configuration keeps the places of its
 * values for as long as it lives, long after the file was closed.
 */
#ifndef TOLLD_BASE_DIAG_H
#define TOLLD_BASE_DIAG_H

#include <stdarg.h>
#include "base/strbuf.h"

/* Bytes [from, to) of a source that are never shown. */
struct source_secret {
	size_t from, to;
	bool guess;
};

/* A text that was read, with the name people know it by. */
struct source {
	unsigned refs;
	char *name; /* a path, or "<built-in>" */
	char *text;
	size_t len;
	struct source_secret *secrets;
	size_t n_secrets, cap_secrets;
	bool hidden; /* no line of it is ever shown */
};

/* Takes copies. NULL when memory is out. */
struct source *source_new(const char *name, const char *text, size_t len);
struct source *source_ref(struct source *source);
void source_unref(struct source *source);

/* From now on "<secret>" stands for these bytes wherever a line is shown. Hides all when memory is out. */
void source_hide(struct source *source, size_t from, size_t to);
/* The same for what only looks like a secret: source_hides() knows nothing of it. */
void source_hide_guess(struct source *source, size_t from, size_t to);

/* At what follows "://": the length of the login, up to its '@', or 0 where there is none. */
size_t source_login_length(const char *s, size_t len);
/* Whether the byte is not to be shown. */
bool source_hides(const struct source *source, size_t at);

static inline void source_unrefp(struct source **p)
{
	source_unref(*p);
}

/* A place in a source. Lines and columns count from 1; line 0 means the file as a whole. */
struct pos {
	struct source *source; /* borrowed; NULL: no place is known */
	unsigned line;
	unsigned column; /* in bytes */
	unsigned length; /* bytes to underline; 0 as 1 */
};

/* Whether the place is within what is not to be shown: what is said of it must not quote it. */
bool pos_is_hidden(const struct pos *pos);

enum diag_severity { DIAG_ERROR, DIAG_WARNING, DIAG_HINT };

struct diag_entry {
	enum diag_severity severity;
	struct pos pos; /* with a reference of its own on the source */
	char *text;	/* the fault and, where there is one, the cure in the same sentence */
};

/* More faults than this are counted and not kept: nobody reads them, and a broken file has many. */
#define DIAG_MAX_ENTRIES 200

struct diag {
	struct diag_entry *entries;
	size_t n, cap;
	size_t errors; /* counted even where an entry could not be kept */
	size_t warnings;
	size_t dropped;
};

#define DIAG_INIT ((struct diag){ 0 })

void diag_release(struct diag *diag);

/*
 * Each adds one entry and returns -EINVAL, so that `return diag_error(...)` reads well. Logins in URLs become '*'.
 */
int diag_error(struct diag *diag, struct pos pos, const char *fmt, ...) PRINTF_LIKE(3, 4);
int diag_warning(struct diag *diag, struct pos pos, const char *fmt, ...) PRINTF_LIKE(3, 4);
int diag_hint(struct diag *diag, struct pos pos, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* "file:line:col: error: text", the line, and the marks below it. */
void diag_print_entry(const struct diag_entry *entry, struct strbuf *out);
/* All entries by file and line, then what was dropped. */
void diag_print(const struct diag *diag, struct strbuf *out);

/*
 * Of the n candidates, the one most like `word`, or NULL where none is near enough to be what was
 * meant (an edit distance of at most a third of its length; two letters that change places are one edit).
 */
const char *diag_nearest(const char *word, const char *const *candidates, size_t n);

#endif
