/*
 * match_index.c - lists of matchers, found by what they ask for.
 */
#include "notify/match_index.h"

#include <errno.h>
#include "model/intern.h"

/* Alternatives beyond this are not worth their entries. */
#define MAX_LITERALS 100

/* The values that a matcher asks for: one of them, or it does not match. */
struct literals {
	char *text; /* all of them, NUL between */
	const char *v[MAX_LITERALS];
	size_t n;
};

/* One character of an alternative at *p, unescaped, or 0 where it is more than a character. */
static char literal_char(const char **p)
{
	char c = *(*p)++;

	if (c == '\\') {
		/* Only signs: a letter behind it is a class, or the like. */
		c = **p;
		if (!c || !strchr("\\.+*?()|[]{}^$-/\"' ", c))
			return 0;
		++*p;
		return c;
	}
	return strchr(".+*?()[]{}^$", c) ? 0 : c;
}

/* "a|b\.c" as two texts. False where it is more than a choice of texts, or one of them is empty. */
static bool split_alternatives(const char *pattern, struct literals *ret)
{
	char *out = ret->text, *begin = out;
	const char *p = pattern, *end = pattern + strlen(pattern);

	/* match_re, as it shows in keys of groups. */
	if (starts_with(p, "^(?:") && end - p > 6 && streq(end - 2, ")$")) {
		p += 4;
		end -= 2;
	}
	for (;;) {
		if (p == end || *p == '|') {
			if (out == begin || ret->n == MAX_LITERALS)
				return false;
			*out++ = '\0';
			ret->v[ret->n++] = begin;
			begin = out;
			if (p++ == end)
				return true;
			continue;
		}
		*out = literal_char(&p);
		if (!*out++ || p > end)
			return false;
	}
}

/* 1: it asks for one of these; 0: it does not; -ENOMEM. The caller frees text. */
static int literals_of(const struct matcher *matcher, struct literals *ret)
{
	*ret = (struct literals){ 0 };
	if (!*matcher->value || (matcher->type != MATCH_EQUAL && matcher->type != MATCH_REGEX))
		return 0;
	ret->text = malloc(strlen(matcher->value) + 2);
	if (!ret->text)
		return -ENOMEM;
	if (matcher->type == MATCH_REGEX)
		return split_alternatives(matcher->value, ret);
	memcpy(ret->text, matcher->value, strlen(matcher->value) + 1);
	ret->v[ret->n++] = ret->text;
	return 1;
}

static struct match_bucket *bucket_find(
	const struct match_index *index, const char *name, const char *value)
{
	const char *key[2] = { name, value };

	return map_get(&index->buckets, key, sizeof(key));
}

static void bucket_free(struct match_bucket *bucket)
{
	intern_unref(bucket->name);
	intern_unref(bucket->value);
	free(bucket->items);
	free(bucket);
}

/* The bucket of a value, made where there is none yet. NULL when memory is out. */
static struct match_bucket *bucket_for(
	struct match_index *index, const char *name, const char *value)
{
	struct match_bucket *bucket = calloc(1, sizeof(*bucket));
	struct match_bucket *known;
	const char *key[2];

	if (!bucket)
		return NULL;
	key[0] = bucket->name = intern(name, strlen(name));
	key[1] = bucket->value = intern(value, strlen(value));
	known = key[0] && key[1] ? bucket_find(index, key[0], key[1]) : NULL;
	if (known || !key[0] || !key[1] || map_put(&index->buckets, key, sizeof(key), bucket)) {
		bucket_free(bucket);
		return known;
	}
	return bucket;
}

static int bucket_add(struct match_bucket *bucket, uintptr_t item)
{
	if (!vec_reserve(bucket->items, bucket->n, bucket->cap))
		return -ENOMEM;
	bucket->items[bucket->n++] = item;
	return 0;
}

static void bucket_remove(struct match_index *index, struct match_bucket *bucket, uintptr_t item)
{
	const char *key[2] = { bucket->name, bucket->value };
	size_t i = 0;

	while (i < bucket->n && bucket->items[i] != item)
		i++;
	/* Those behind it close up: candidates stay in the order in which they came. */
	if (i < bucket->n)
		memmove(bucket->items + i, bucket->items + i + 1,
			(--bucket->n - i) * sizeof(*bucket->items));
	if (bucket->n || bucket == &index->rest)
		return;
	map_del(&index->buckets, key, sizeof(key));
	bucket_free(bucket);
}

void match_index_release(struct match_index *index)
{
	map_foreach (&index->buckets, e)
		bucket_free(e->value);
	map_release(&index->buckets);
	free(index->rest.items);
	*index = (struct match_index){ 0 };
}

/* Takes an item out of the buckets of the first n values. */
static void remove_from(struct match_index *index, const char *name,
	const struct literals *literals, size_t n, uintptr_t item)
{
	for (size_t i = 0; i < n; i++) {
		const char *known_name = intern_peek(name, strlen(name));
		const char *value = intern_peek(literals->v[i], strlen(literals->v[i]));
		struct match_bucket *bucket =
			known_name && value ? bucket_find(index, known_name, value) : NULL;

		/* "a|a" is one bucket. */
		if (bucket)
			bucket_remove(index, bucket, item);
	}
}

static bool holds(const struct match_bucket *bucket, uintptr_t item)
{
	/* It was put in last, if at all. */
	return bucket->n && bucket->items[bucket->n - 1] == item;
}

static int add_to(struct match_index *index, const char *name, const struct literals *literals,
	uintptr_t item)
{
	for (size_t i = 0; i < literals->n; i++) {
		struct match_bucket *bucket = bucket_for(index, name, literals->v[i]);

		if (bucket && holds(bucket, item))
			continue;
		if (bucket && !bucket_add(bucket, item))
			continue;
		if (bucket && !bucket->n)
			bucket_remove(index, bucket, item);
		remove_from(index, name, literals, i, item);
		return -ENOMEM;
	}
	return 0;
}

/* How many would be looked at in vain beside this one: the fewer the better. */
static size_t crowd(
	const struct match_index *index, const char *name, const struct literals *literals)
{
	const char *known_name = intern_peek(name, strlen(name));
	size_t most = 0;

	for (size_t i = 0; known_name && i < literals->n; i++) {
		const char *value = intern_peek(literals->v[i], strlen(literals->v[i]));
		const struct match_bucket *bucket =
			value ? bucket_find(index, known_name, value) : NULL;

		most = MAX(most, bucket ? bucket->n : 0);
	}
	return most;
}

/* The matcher under whose values the fewest lists stand already. */
static int choose(const struct match_index *index, const struct matcher_list *list, int *ret_place)
{
	size_t least = SIZE_MAX;

	*ret_place = MATCH_INDEX_REST;
	for (size_t i = 0; i < list->n; i++) {
		struct literals literals;
		int asks = literals_of(list->v[i], &literals);
		size_t others = asks > 0 ? crowd(index, list->v[i]->name, &literals) : SIZE_MAX;

		free(literals.text);
		if (asks < 0)
			return asks;
		if (others < least) {
			least = others;
			*ret_place = (int)i;
		}
	}
	return 0;
}

int match_index_add(
	struct match_index *index, const struct matcher_list *list, uintptr_t item, int *ret_place)
{
	struct literals literals;
	int err;

	err = choose(index, list, ret_place);
	if (err)
		return err;
	if (*ret_place == MATCH_INDEX_REST)
		return bucket_add(&index->rest, item);
	err = literals_of(list->v[*ret_place], &literals);
	if (err > 0)
		err = add_to(index, list->v[*ret_place]->name, &literals, item);
	free(literals.text);
	return err;
}

void match_index_remove(
	struct match_index *index, const struct matcher_list *list, uintptr_t item, int place)
{
	struct literals literals;

	if (place == MATCH_INDEX_REST) {
		bucket_remove(index, &index->rest, item);
		return;
	}
	if (literals_of(list->v[place], &literals) > 0) {
		remove_from(index, list->v[place]->name, &literals, literals.n, item);
	} else {
		/* Without memory for its values: it must go all the same. */
		map_foreach (&index->buckets, e)
			bucket_remove(index, e->value, item);
	}
	free(literals.text);
}

void match_index_each(const struct match_index *index, const struct labels *labels,
	match_index_fn *fn, void *userdata)
{
	for (size_t i = 0; i < index->rest.n; i++) {
		if (!fn(index->rest.items[i], userdata))
			return;
	}
	for (unsigned l = 0; index->buckets.n && l < labels->n; l++) {
		const struct match_bucket *bucket =
			bucket_find(index, labels->v[l].name, labels->v[l].value);

		for (size_t i = 0; bucket && i < bucket->n; i++) {
			if (!fn(bucket->items[i], userdata))
				return;
		}
	}
}
