/*
 * map.c - a hash map from bytes to a pointer, chained, growing by doubling.
 *
 * The hash is seeded once a process: label values and group keys come from outside, and nobody
 * shall be able to choose ones that fall into a single chain.
 */
#include "base/map.h"

#include <errno.h>
#include "base/hash.h"

#define FIRST_BUCKETS 16u
/* Buckets that a walk asks for before it is there. */
#define AHEAD 8u

void map_release(struct map *map)
{
	struct map_entry *e, *next;

	for (size_t i = 0; i < map->n_buckets; i++) {
		for (e = map->buckets[i]; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	free(map->buckets);
	*map = MAP_INIT;
}

static struct map_entry **find(const struct map *map, const void *key, size_t len, uint64_t hash)
{
	struct map_entry **at = &map->buckets[hash & (map->n_buckets - 1)];

	while (*at &&
		((*at)->hash != hash || (*at)->key_len != len || memcmp((*at)->key, key, len)))
		at = &(*at)->next;
	return at;
}

struct map_entry *map_find(const struct map *map, const void *key, size_t key_len)
{
	return map->n ? *find(map, key, key_len, hash_seeded(key, key_len)) : NULL;
}

void *map_get(const struct map *map, const void *key, size_t key_len)
{
	struct map_entry *e = map_find(map, key, key_len);

	return e ? e->value : NULL;
}

static bool grow(struct map *map)
{
	size_t n = map->n_buckets ? map->n_buckets * 2 : FIRST_BUCKETS;
	struct map_entry **buckets = calloc(n, sizeof(struct map_entry *));
	struct map_entry *e, *next;

	if (!buckets)
		return false;
	for (size_t i = 0; i < map->n_buckets; i++) {
		for (e = map->buckets[i]; e; e = next) {
			next = e->next;
			e->next = buckets[e->hash & (n - 1)];
			buckets[e->hash & (n - 1)] = e;
		}
	}
	free(map->buckets);
	map->buckets = buckets;
	map->n_buckets = n;
	return true;
}

int map_put(struct map *map, const void *key, size_t key_len, void *value)
{
	uint64_t hash = hash_seeded(key, key_len);
	struct map_entry **at, *e;

	if (key_len > UINT32_MAX - 1)
		return -ENOMEM;
	/* A full table that cannot grow still works, only slower. */
	if (map->n >= map->n_buckets && !grow(map) && !map->n_buckets)
		return -ENOMEM;
	at = find(map, key, key_len, hash);
	if (*at) {
		(*at)->value = value;
		return 0;
	}
	e = malloc(sizeof(*e) + key_len + 1);
	if (!e)
		return -ENOMEM;
	*e = (struct map_entry){ .value = value, .hash = hash, .key_len = (uint32_t)key_len };
	memcpy(e->key, key, key_len);
	e->key[key_len] = '\0';
	*at = e;
	map->n++;
	return 0;
}

void *map_del(struct map *map, const void *key, size_t key_len)
{
	struct map_entry **at, *e;
	void *value;

	if (!map->n)
		return NULL;
	at = find(map, key, key_len, hash_seeded(key, key_len));
	e = *at;
	if (!e)
		return NULL;
	value = e->value;
	*at = e->next;
	free(e);
	map->n--;
	return value;
}

void map_expect(const struct map *map, const void *keys, size_t key_len, size_t n)
{
	struct map_entry **buckets[MAP_EXPECT_MAX];
	const char *key = keys;

	if (!map->n)
		return;
	n = MIN(n, (size_t)MAP_EXPECT_MAX);
	for (size_t i = 0; i < n; i++, key += key_len) {
		buckets[i] = &map->buckets[hash_seeded(key, key_len) & (map->n_buckets - 1)];
		__builtin_prefetch(buckets[i]);
	}
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(*buckets[i]);
}

void *map_gets(const struct map *map, const char *key)
{
	return map_get(map, key, strlen(key));
}

int map_puts(struct map *map, const char *key, void *value)
{
	return map_put(map, key, strlen(key), value);
}

void *map_dels(struct map *map, const char *key)
{
	return map_del(map, key, strlen(key));
}

struct map_entry *map_next(const struct map *map, const struct map_entry *entry)
{
	size_t bucket = 0;

	if (entry) {
		if (entry->next)
			return entry->next;
		bucket = (entry->hash & (map->n_buckets - 1)) + 1;
	}
	for (; bucket < map->n_buckets; bucket++) {
		if (!map->buckets[bucket])
			continue;
		/* A walk through a large map is little but waiting for memory: ask for it early. */
		if (bucket + AHEAD < map->n_buckets)
			__builtin_prefetch(map->buckets[bucket + AHEAD]);
		return map->buckets[bucket];
	}
	return NULL;
}
