/*
 * arena.c - memory that is given back all at once: a list of blocks, each twice as large as the last.
 */
#include "base/arena.h"

#include <stdio.h>

#define FIRST_BLOCK   1024u
#define LARGEST_BLOCK ((size_t)256 << 10)
#define ALIGN	      16u
/* What a list that grows begins with. */
#define FIRST_ITEMS_BYTES ((size_t)64)

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	_Alignas(ALIGN) char bytes[];
};

void arena_init(struct arena *arena, size_t max_bytes)
{
	*arena = (struct arena){ .max_bytes = max_bytes };
}

static void free_blocks(struct arena_block *block)
{
	struct arena_block *next;

	for (; block; block = next) {
		next = block->next;
		free(block);
	}
}

void arena_release(struct arena *arena)
{
	free_blocks(arena->blocks);
	arena->blocks = NULL;
	arena->used_bytes = 0;
}

static struct arena_block *add_block(struct arena *arena, size_t bytes)
{
	size_t size = arena->blocks ? MIN(arena->blocks->size * 2, LARGEST_BLOCK) : FIRST_BLOCK;
	struct arena_block *block;

	size = MAX(size, bytes);
	block = calloc(1, sizeof(*block) + size);
	if (!block)
		return NULL;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	struct arena_block *block = arena->blocks;
	void *p;

	if (bytes > SIZE_MAX / 4)
		return NULL;
	bytes = (MAX(bytes, (size_t)1) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (arena->max_bytes && arena->used_bytes + bytes > arena->max_bytes)
		return NULL;
	if (!block || block->size - block->used < bytes)
		block = add_block(arena, bytes);
	if (!block)
		return NULL;
	p = block->bytes + block->used;
	block->used += bytes;
	arena->used_bytes += bytes;
	return p;
}

void *arena_memdup(struct arena *arena, const void *bytes, size_t len)
{
	void *p = arena_alloc(arena, len);

	if (p && len)
		memcpy(p, bytes, len);
	return p;
}

char *arena_strndup(struct arena *arena, const char *s, size_t len)
{
	char *p = arena_alloc(arena, len + 1);

	if (p && len)
		memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args, again;
	char *p = NULL;
	int len;

	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len >= 0)
		p = arena_alloc(arena, (size_t)len + 1);
	if (p)
		vsnprintf(p, (size_t)len + 1, fmt, args);
	va_end(args);
	return p;
}

/* What was allocated last grows where it is. */
static bool extend(struct arena *arena, const void *items, size_t bytes, size_t wanted)
{
	struct arena_block *block = arena->blocks;
	size_t more;

	bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	wanted = (wanted + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!bytes || !block || (const char *)items + bytes != block->bytes + block->used)
		return false;
	more = wanted - bytes;
	if (block->size - block->used < more ||
		(arena->max_bytes && arena->used_bytes + more > arena->max_bytes))
		return false;
	block->used += more;
	arena->used_bytes += more;
	return true;
}

void *arena_grow(struct arena *arena, void *items, size_t n, size_t *cap, size_t size)
{
	/* Many lists have one item, and stay that short. */
	size_t more = *cap ? *cap * 2 : MAX(FIRST_ITEMS_BYTES / size, (size_t)1);
	void *grown;

	if (n < *cap)
		return items;
	if (more > SIZE_MAX / 4 / size)
		return NULL;
	if (extend(arena, items, *cap * size, more * size)) {
		*cap = more;
		return items;
	}
	grown = arena_alloc(arena, more * size);
	if (!grown)
		return NULL;
	if (n)
		memcpy(grown, items, n * size);
	*cap = more;
	return grown;
}
