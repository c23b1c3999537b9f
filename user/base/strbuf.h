/*
 * strbuf.h - text that grows up to a maximum.
 *
 * Nothing here fails by itself: the first failure (memory out, maximum reached) is remembered in
 * `err`, all later additions do nothing, and whoever wants the text looks once, at the end. The
 * text is always NUL-terminated; it may hold NUL bytes in addition, so `len` is what counts.
 */
#ifndef TOLLD_BASE_STRBUF_H
#define TOLLD_BASE_STRBUF_H

#include <stdarg.h>
#include "base/util.h"

struct strbuf {
	char *s; /* never NULL: "" until something was added */
	size_t len;
	size_t cap;
	size_t max; /* bytes that it may hold, without the NUL */
	int err;    /* 0, -ENOMEM, -EMSGSIZE */
};

/* For text whose size somebody in the house already limits. */
#define STRBUF_MAX_DEFAULT ((size_t)64 << 20)

extern char strbuf_empty[];
#define STRBUF_INIT ((struct strbuf){ .s = strbuf_empty, .max = STRBUF_MAX_DEFAULT })

void strbuf_init(struct strbuf *sb, size_t max_bytes);
void strbuf_release(struct strbuf *sb);
/* Empties it, keeps its memory, forgets a failure. */
void strbuf_reset(struct strbuf *sb);

void strbuf_add(struct strbuf *sb, const void *bytes, size_t len);
void strbuf_adds(struct strbuf *sb, const char *s);
static inline void strbuf_addch(struct strbuf *sb, char c)
{
	/* Mostly there is room. */
	if (sb->len + 1 < sb->cap && sb->len < sb->max && !sb->err) {
		sb->s[sb->len++] = c;
		sb->s[sb->len] = '\0';
	} else {
		strbuf_add(sb, &c, 1);
	}
}
/* A whole number in decimal digits. */
void strbuf_addi(struct strbuf *sb, int64_t v);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) PRINTF_LIKE(2, 3);
void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
/* Shortens the text to len bytes; a longer len does nothing. */
void strbuf_truncate(struct strbuf *sb, size_t len);
/* Room for `len` more bytes at sb->s + sb->len, or NULL; the caller adds to sb->len and sets the NUL. */
char *strbuf_room(struct strbuf *sb, size_t len);

/*
 * The text as a heap string of the caller's; the buffer is empty afterwards.
 * Returns 0, or the remembered error with *ret untouched and the buffer released.
 */
int strbuf_finish(struct strbuf *sb, char **ret);

#endif
