/*
 * strbuf.c - text that grows up to a maximum.
 */
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>

/* Shared by all empty buffers, and written by none: cap 0 says that s is not ours. */
char strbuf_empty[1];

void strbuf_init(struct strbuf *sb, size_t max_bytes)
{
	*sb = (struct strbuf){ .s = strbuf_empty, .max = max_bytes };
}

void strbuf_release(struct strbuf *sb)
{
	if (sb->cap)
		free(sb->s);
	*sb = (struct strbuf){ .s = strbuf_empty, .max = sb->max };
}

void strbuf_reset(struct strbuf *sb)
{
	if (sb->cap)
		sb->s[0] = '\0';
	sb->len = 0;
	sb->err = 0;
}

char *strbuf_room(struct strbuf *sb, size_t len)
{
	size_t need, cap;
	char *s;

	if (sb->err)
		return NULL;
	if (len > sb->max - MIN(sb->len, sb->max)) {
		sb->err = -EMSGSIZE;
		return NULL;
	}
	need = sb->len + len + 1;
	if (need <= sb->cap)
		return sb->s + sb->len;

	cap = MAX(sb->cap * 2, (size_t)64);
	cap = MAX(need, cap);
	s = realloc(sb->cap ? sb->s : NULL, cap);
	if (!s) {
		sb->err = -ENOMEM;
		return NULL;
	}
	sb->s = s;
	sb->cap = cap;
	return s + sb->len;
}

void strbuf_add(struct strbuf *sb, const void *bytes, size_t len)
{
	char *to = strbuf_room(sb, len);

	if (!to)
		return;
	if (len)
		memcpy(to, bytes, len);
	sb->len += len;
	sb->s[sb->len] = '\0';
}

void strbuf_adds(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addi(struct strbuf *sb, int64_t v)
{
	char digits[20], *end = digits + sizeof(digits), *at = end;
	uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;

	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (v < 0)
		*--at = '-';
	strbuf_add(sb, at, (size_t)(end - at));
}

void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list args)
{
	size_t room = sb->cap > sb->len ? sb->cap - sb->len : 0;
	va_list again;
	char *to;
	int len;

	/* Mostly there is room, and once is enough. */
	va_copy(again, args);
	len = vsnprintf(room ? sb->s + sb->len : NULL, room, fmt, again);
	va_end(again);
	if (len < 0)
		sb->err = sb->err ? sb->err : -EINVAL;
	to = len < 0 ? NULL : strbuf_room(sb, (size_t)len);
	if (to && (size_t)len >= room)
		vsnprintf(to, (size_t)len + 1, fmt, args);
	if (to)
		sb->len += (size_t)len;
	else if (room)
		sb->s[sb->len] = '\0';
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	strbuf_vaddf(sb, fmt, args);
	va_end(args);
}

void strbuf_truncate(struct strbuf *sb, size_t len)
{
	if (len >= sb->len)
		return;
	sb->len = len;
	sb->s[len] = '\0';
}

int strbuf_finish(struct strbuf *sb, char **ret)
{
	int err = sb->err;
	char *s;

	if (err) {
		strbuf_release(sb);
		return err;
	}
	if (sb->cap) {
		s = sb->s;
	} else {
		s = calloc(1, 1);
		if (!s)
			return -ENOMEM;
	}
	*sb = (struct strbuf){ .s = strbuf_empty, .max = sb->max };
	*ret = s;
	return 0;
}
