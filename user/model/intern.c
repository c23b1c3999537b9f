/*
 * intern.c - one copy of every label name and value, in a chained table.
 */
#include "model/intern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/util.h"

struct text {
	struct text *next;
	uint32_t hash;
	uint32_t refs;
	uint32_t len;
	char s[];
};

#define FIRST_BUCKETS 256u

static struct {
	struct text **buckets;
	size_t n_buckets, n, bytes;
} table;

static struct text *of(const char *interned)
{
	return container_of(interned, struct text, s);
}

static bool grow(void)
{
	size_t n = table.n_buckets ? table.n_buckets * 2 : FIRST_BUCKETS;
	struct text **buckets = calloc(n, sizeof(struct text *));
	struct text *text, *next;

	if (!buckets)
		return false;
	for (size_t i = 0; i < table.n_buckets; i++) {
		for (text = table.buckets[i]; text; text = next) {
			next = text->next;
			text->next = buckets[text->hash & (n - 1)];
			buckets[text->hash & (n - 1)] = text;
		}
	}
	free(table.buckets);
	table.buckets = buckets;
	table.n_buckets = n;
	return true;
}

static struct text *find(const char *s, size_t len, uint32_t hash)
{
	struct text *text;

	if (!table.n_buckets)
		return NULL;
	text = table.buckets[hash & (table.n_buckets - 1)];
	while (text && (text->hash != hash || text->len != len || memcmp(text->s, s, len)))
		text = text->next;
	return text;
}

static const char *intern_hashed(const char *s, size_t len, uint32_t hash)
{
	struct text *text = find(s, len, hash);

	if (text) {
		text->refs++;
		return text->s;
	}
	if (len > UINT32_MAX - 1 || (table.n >= table.n_buckets && !grow() && !table.n_buckets))
		return NULL;
	text = malloc(sizeof(*text) + len + 1);
	if (!text)
		return NULL;
	*text = (struct text){ .hash = hash, .refs = 1, .len = (uint32_t)len };
	memcpy(text->s, s, len);
	text->s[len] = '\0';
	text->next = table.buckets[hash & (table.n_buckets - 1)];
	table.buckets[hash & (table.n_buckets - 1)] = text;
	table.n++;
	table.bytes += len;
	return text->s;
}

const char *intern(const char *s, size_t len)
{
	len = strnlen(s, len);
	return intern_hashed(s, len, (uint32_t)hash_seeded(s, len));
}

void intern_all(struct intern_item *items, size_t n)
{
	enum { AT_ONCE = 32 };
	uint32_t hashes[AT_ONCE];

	while (n) {
		size_t few = MIN(n, (size_t)AT_ONCE);

		/* First where their chains begin, then the chains, then the texts. */
		for (size_t i = 0; i < few; i++) {
			items[i].len = strnlen(items[i].s, items[i].len);
			hashes[i] = (uint32_t)hash_seeded(items[i].s, items[i].len);
			if (table.n_buckets)
				__builtin_prefetch(
					&table.buckets[hashes[i] & (table.n_buckets - 1)]);
		}
		for (size_t i = 0; i < few && table.n_buckets; i++)
			__builtin_prefetch(table.buckets[hashes[i] & (table.n_buckets - 1)]);
		for (size_t i = 0; i < few; i++)
			items[i].interned = intern_hashed(items[i].s, items[i].len, hashes[i]);
		items += few;
		n -= few;
	}
}

const char *intern_peek(const char *s, size_t len)
{
	struct text *text;

	len = strnlen(s, len);
	text = find(s, len, (uint32_t)hash_seeded(s, len));
	return text ? text->s : NULL;
}

const char *intern_ref(const char *interned)
{
	of(interned)->refs++;
	return interned;
}

void intern_unref(const char *interned)
{
	struct text *text, **at;

	if (!interned)
		return;
	text = of(interned);
	if (--text->refs)
		return;
	at = &table.buckets[text->hash & (table.n_buckets - 1)];
	while (*at != text)
		at = &(*at)->next;
	*at = text->next;
	table.n--;
	table.bytes -= text->len;
	free(text);
}

size_t intern_len(const char *interned)
{
	return of(interned)->len;
}

size_t intern_count(void)
{
	return table.n;
}

size_t intern_bytes(void)
{
	return table.bytes;
}
