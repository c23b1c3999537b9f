/*
 * arena.h - memory that is given back all at once.
 *
 * For what lives and dies together: a syntax tree with its rule, one evaluation, one configuration.
 * NULL means that memory is out or that the arena's maximum is reached.
 */
#ifndef TOLLD_BASE_ARENA_H
#define TOLLD_BASE_ARENA_H

#include <stdarg.h>
#include "base/util.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t used_bytes; /* what callers asked for */
	size_t max_bytes;  /* 0: no maximum */
};

#define ARENA_INIT ((struct arena){ 0 })

void arena_init(struct arena *arena, size_t max_bytes);
/* Gives everything back; the arena can be used again. */
void arena_release(struct arena *arena);
/* Forgets everything, keeps one block for the next round. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t bytes);
void *arena_memdup(struct arena *arena, const void *bytes, size_t len);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_strndup(struct arena *arena, const char *s, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* vec_grow() inside an arena; what it grew out of stays until the arena is released. */
void *arena_grow(struct arena *arena, void *items, size_t n, size_t *cap, size_t size);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

#define arena_reserve(arena, items, n, cap)                                                        \
	({                                                                                         \
		void *grown_ = arena_grow((arena), (items), (n), &(cap), sizeof(*(items)));        \
		if (grown_)                                                                        \
			(items) = grown_;                                                          \
		grown_ != NULL;                                                                    \
	})

#endif
