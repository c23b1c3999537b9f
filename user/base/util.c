/*
 * util.c - growing arrays.
 */
#include "base/util.h"

void *vec_grow(void *items, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 8;
	void *grown;

	if (n < *cap)
		return items;
	if (more > SIZE_MAX / 2 / size)
		return NULL;
	grown = realloc(items, more * size);
	if (grown)
		*cap = more;
	return grown;
}
