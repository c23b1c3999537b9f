/*
 * map.h - a hash map from bytes to a pointer.
 *
 * Keys are copied, values are the caller's. A map may be read and changed while it is walked with
 * map_next() only by deleting the entry that was just yielded.
 */
#ifndef TOLLD_BASE_MAP_H
#define TOLLD_BASE_MAP_H

#include "base/util.h"

struct map_entry {
	struct map_entry *next;
	void *value;
	uint64_t hash;
	uint32_t key_len;
	char key[]; /* NUL-terminated in addition */
};

struct map {
	struct map_entry **buckets;
	size_t n_buckets;
	size_t n;
};

#define MAP_INIT ((struct map){ 0 })

void map_release(struct map *map);

/* The value, or NULL when there is none. */
void *map_get(const struct map *map, const void *key, size_t key_len);
/* The entry itself, which stays where it is until it is removed; NULL when there is none. */
struct map_entry *map_find(const struct map *map, const void *key, size_t key_len);
/* Sets or replaces. Returns 0 or -ENOMEM. */
int map_put(struct map *map, const void *key, size_t key_len, void *value);
/* Removes, and returns the value that was there, or NULL. */
void *map_del(struct map *map, const void *key, size_t key_len);

/*
 * n keys of this length, one behind the other, will be looked up soon: in a large map, memory is then
 * waited for once, and not for each. More than MAP_EXPECT_MAX are not worth it.
 */
#define MAP_EXPECT_MAX 32
void map_expect(const struct map *map, const void *keys, size_t key_len, size_t n);

/* Text keys. */
void *map_gets(const struct map *map, const char *key);
int map_puts(struct map *map, const char *key, void *value);
void *map_dels(struct map *map, const char *key);

/* The entry after `entry`, the first for NULL; NULL at the end. No order is promised. */
struct map_entry *map_next(const struct map *map, const struct map_entry *entry);

/* map_next(), and its value is on its way already. */
static inline struct map_entry *map_next_early(const struct map *map, const struct map_entry *entry)
{
	struct map_entry *next = map_next(map, entry);

	if (next)
		__builtin_prefetch(next->value);
	return next;
}

#define map_foreach(map, e)                                                                        \
	for (struct map_entry *e = map_next((map), NULL), *e##_next;                               \
		e && (e##_next = map_next_early((map), e), true); e = e##_next)

#endif
