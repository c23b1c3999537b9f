/*
 * match_index.c - lists of matchers, found by what they ask for.
 */
#include "notify/match_index.h"

#include <errno.h>
#include "base/pattern.h"
#include "model/intern.h"

/* Fewer expressions are candidates sooner than their answers are found again. */
#define PATTERNS_FEW 8
/* What an expression that must be tried is worth: as much as so many others under one text. */
#define PATTERN_CROWD 32

/* How often prefixes of each length are in use. */
struct match_lengths {
	unsigned n[PATTERN_MAX_PREFIX + 1];
	unsigned buckets;
};

struct match_pattern {
	const struct matcher *matcher;
	uintptr_t item;
};

struct match_patterns {
	const char *name; /* interned, with a reference */
	struct match_pattern *v;
	size_t n, cap;
	struct map remembered; /* an interned value -> struct match_bucket of those that match it */
};

/* How a matcher can be looked up. */
enum asking { ASKS_NOTHING, ASKS_VALUE, ASKS_PREFIX, ASKS_PATTERN };

/* The caller frees words->text. -ENOMEM. */
static int asking(const struct matcher *matcher, struct pattern_words *words, enum asking *ret)
{
	int told;

	*words = (struct pattern_words){ 0 };
	*ret = ASKS_NOTHING;
	if (matcher->type == MATCH_EQUAL && *matcher->value) {
		words->v[words->n++] = matcher->value;
		*ret = ASKS_VALUE;
	}
	/* What an empty value will do for matches those who lack the label. */
	if (matcher->type != MATCH_REGEX || matcher_matches(matcher, ""))
		return 0;
	told = pattern_words(matcher->value, words);
	if (told < 0)
		return told;
	*ret = !told ? ASKS_PATTERN : words->prefixes ? ASKS_PREFIX : ASKS_VALUE;
	return 0;
}

/* -- buckets ---------------------------------------------------------------------------------- */

static struct match_bucket *bucket_find(
	const struct map *buckets, const char *name, const char *value)
{
	const char *key[2] = { name, value };

	return map_get(buckets, key, sizeof(key));
}

/* For texts that need not be interned. */
static struct match_bucket *bucket_peek(
	const struct map *buckets, const char *name, const char *value)
{
	const char *known_name = intern_peek(name, strlen(name));
	const char *known_value = known_name ? intern_peek(value, strlen(value)) : NULL;

	return known_value ? bucket_find(buckets, known_name, known_value) : NULL;
}

static void bucket_free(struct match_bucket *bucket)
{
	intern_unref(bucket->name);
	intern_unref(bucket->value);
	free(bucket->items);
	free(bucket);
}

static int count_prefix(struct match_index *index, const struct match_bucket *bucket)
{
	struct match_lengths *lengths = map_get(&index->lengths, &bucket->name, sizeof(char *));

	if (!lengths) {
		lengths = calloc(1, sizeof(*lengths));
		if (!lengths || map_put(&index->lengths, &bucket->name, sizeof(char *), lengths)) {
			free(lengths);
			return -ENOMEM;
		}
	}
	lengths->n[intern_len(bucket->value)]++;
	lengths->buckets++;
	return 0;
}

static void uncount_prefix(struct match_index *index, const struct match_bucket *bucket)
{
	struct match_lengths *lengths = map_get(&index->lengths, &bucket->name, sizeof(char *));

	lengths->n[intern_len(bucket->value)]--;
	if (!--lengths->buckets)
		free(map_del(&index->lengths, &bucket->name, sizeof(char *)));
}

/* The bucket of a text, made where there is none yet. NULL when memory is out. */
static struct match_bucket *bucket_for(
	struct match_index *index, struct map *buckets, const char *name, const char *value)
{
	struct match_bucket *bucket = calloc(1, sizeof(*bucket));
	struct match_bucket *known;
	const char *key[2];

	if (!bucket)
		return NULL;
	key[0] = bucket->name = intern(name, strlen(name));
	key[1] = bucket->value = intern(value, strlen(value));
	known = key[0] && key[1] ? bucket_find(buckets, key[0], key[1]) : NULL;
	if (known || !key[0] || !key[1] || map_put(buckets, key, sizeof(key), bucket)) {
		bucket_free(bucket);
		return known;
	}
	if (buckets == &index->prefixes && count_prefix(index, bucket)) {
		map_del(buckets, key, sizeof(key));
		bucket_free(bucket);
		return NULL;
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

static void bucket_drop(struct match_index *index, struct map *buckets, struct match_bucket *bucket)
{
	const char *key[2] = { bucket->name, bucket->value };

	if (buckets == &index->prefixes)
		uncount_prefix(index, bucket);
	map_del(buckets, key, sizeof(key));
	bucket_free(bucket);
}

static void bucket_remove(
	struct match_index *index, struct map *buckets, struct match_bucket *bucket, uintptr_t item)
{
	size_t i = 0;

	while (i < bucket->n && bucket->items[i] != item)
		i++;
	/* Those behind it close up: candidates stay in the order in which they came. */
	if (i < bucket->n)
		memmove(bucket->items + i, bucket->items + i + 1,
			(--bucket->n - i) * sizeof(*bucket->items));
	if (!bucket->n && buckets)
		bucket_drop(index, buckets, bucket);
}

/* -- texts ------------------------------------------------------------------------------------ */

/* Takes an item out of the buckets of the first n texts. */
static void remove_from(struct match_index *index, struct map *buckets, const char *name,
	const struct pattern_words *words, size_t n, uintptr_t item)
{
	for (size_t i = 0; i < n; i++) {
		struct match_bucket *bucket = bucket_peek(buckets, name, words->v[i]);

		/* "a|a" is one bucket. */
		if (bucket)
			bucket_remove(index, buckets, bucket, item);
	}
}

static bool holds(const struct match_bucket *bucket, uintptr_t item)
{
	/* It was put in last, if at all. */
	return bucket->n && bucket->items[bucket->n - 1] == item;
}

static int add_to(struct match_index *index, struct map *buckets, const char *name,
	const struct pattern_words *words, uintptr_t item)
{
	for (size_t i = 0; i < words->n; i++) {
		struct match_bucket *bucket = bucket_for(index, buckets, name, words->v[i]);

		if (bucket && holds(bucket, item))
			continue;
		if (bucket && !bucket_add(bucket, item))
			continue;
		if (bucket && !bucket->n)
			bucket_drop(index, buckets, bucket);
		remove_from(index, buckets, name, words, i, item);
		return -ENOMEM;
	}
	return 0;
}

/* How many would be looked at in vain beside this one: the fewer the better. */
static size_t crowd(const struct map *buckets, const char *name, const struct pattern_words *words)
{
	size_t most = 0;

	for (size_t i = 0; i < words->n; i++) {
		const struct match_bucket *bucket = bucket_peek(buckets, name, words->v[i]);

		most = MAX(most, bucket ? bucket->n : 0);
	}
	return most;
}

/* -- expressions ------------------------------------------------------------------------------ */

static void forget(struct match_patterns *patterns)
{
	map_foreach (&patterns->remembered, e)
		bucket_free(e->value);
	map_release(&patterns->remembered);
}

static void patterns_free(struct match_patterns *patterns)
{
	if (!patterns)
		return;
	forget(patterns);
	intern_unref(patterns->name);
	free(patterns->v);
	free(patterns);
}

static void patterns_drop(struct match_index *index, struct match_patterns *patterns)
{
	map_del(&index->patterns, &patterns->name, sizeof(char *));
	patterns_free(patterns);
}

static struct match_patterns *patterns_for(struct match_index *index, const char *name)
{
	struct match_patterns *patterns = calloc(1, sizeof(*patterns)), *known;

	if (!patterns)
		return NULL;
	patterns->name = intern(name, strlen(name));
	known = patterns->name ? map_get(&index->patterns, &patterns->name, sizeof(char *)) : NULL;
	if (known || !patterns->name ||
		map_put(&index->patterns, &patterns->name, sizeof(char *), patterns)) {
		patterns_free(patterns);
		return known;
	}
	return patterns;
}

static int add_pattern(struct match_index *index, const struct matcher *matcher, uintptr_t item)
{
	struct match_patterns *patterns = patterns_for(index, matcher->name);

	if (!patterns)
		return -ENOMEM;
	if (!vec_reserve(patterns->v, patterns->n, patterns->cap)) {
		if (!patterns->n)
			patterns_drop(index, patterns);
		return -ENOMEM;
	}
	patterns->v[patterns->n++] = (struct match_pattern){ matcher, item };
	forget(patterns);
	return 0;
}

static void remove_pattern(struct match_index *index, const char *name, uintptr_t item)
{
	const char *known = intern_peek(name, strlen(name));
	struct match_patterns *patterns = map_get(&index->patterns, &known, sizeof(known));
	size_t i = 0;

	if (!patterns)
		return;
	while (i < patterns->n && patterns->v[i].item != item)
		i++;
	if (i < patterns->n)
		memmove(patterns->v + i, patterns->v + i + 1,
			(--patterns->n - i) * sizeof(*patterns->v));
	forget(patterns);
	if (!patterns->n)
		patterns_drop(index, patterns);
}

/* Asks all. NULL when memory is out. */
static struct match_bucket *ask(struct match_patterns *patterns, const char *value)
{
	struct match_bucket *bucket = calloc(1, sizeof(*bucket));
	bool failed = !bucket;

	for (size_t i = 0; i < patterns->n && !failed; i++) {
		if (matcher_matches(patterns->v[i].matcher, value))
			failed = bucket_add(bucket, patterns->v[i].item);
	}
	if (patterns->remembered.n >= MATCH_INDEX_REMEMBERED)
		forget(patterns);
	if (!failed && !map_put(&patterns->remembered, &value, sizeof(value), bucket)) {
		bucket->value = intern_ref(value);
		return bucket;
	}
	if (bucket)
		bucket_free(bucket);
	return NULL;
}

/* -- lists ------------------------------------------------------------------------------------ */

void match_index_release(struct match_index *index)
{
	map_foreach (&index->values, e)
		bucket_free(e->value);
	map_foreach (&index->prefixes, e)
		bucket_free(e->value);
	map_foreach (&index->lengths, e)
		free(e->value);
	map_foreach (&index->patterns, e)
		patterns_free(e->value);
	map_release(&index->values);
	map_release(&index->prefixes);
	map_release(&index->lengths);
	map_release(&index->patterns);
	free(index->rest.items);
	*index = (struct match_index){ 0 };
}

/* The matcher under whose texts the fewest lists stand already. */
static int choose(const struct match_index *index, const struct matcher_list *list, int *ret_place)
{
	size_t least = SIZE_MAX;

	*ret_place = MATCH_INDEX_REST;
	for (size_t i = 0; i < list->n; i++) {
		size_t others = SIZE_MAX;
		struct pattern_words words;
		enum asking asks;
		int err = asking(list->v[i], &words, &asks);

		if (!err && asks == ASKS_VALUE)
			others = crowd(&index->values, list->v[i]->name, &words);
		else if (!err && asks == ASKS_PREFIX)
			others = crowd(&index->prefixes, list->v[i]->name, &words);
		else if (!err && asks == ASKS_PATTERN)
			others = PATTERN_CROWD;
		free(words.text);
		if (err)
			return err;
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
	const struct matcher *matcher;
	struct pattern_words words;
	enum asking asks;
	int err;

	err = choose(index, list, ret_place);
	if (err)
		return err;
	if (*ret_place == MATCH_INDEX_REST)
		return bucket_add(&index->rest, item);
	matcher = list->v[*ret_place];
	err = asking(matcher, &words, &asks);
	if (!err && asks == ASKS_PATTERN)
		err = add_pattern(index, matcher, item);
	else if (!err)
		err = add_to(index, asks == ASKS_VALUE ? &index->values : &index->prefixes,
			matcher->name, &words, item);
	free(words.text);
	return err;
}

/* Without memory for its texts: it must go all the same. */
static void remove_everywhere(struct match_index *index, const char *name, uintptr_t item)
{
	map_foreach (&index->values, e)
		bucket_remove(index, &index->values, e->value, item);
	map_foreach (&index->prefixes, p)
		bucket_remove(index, &index->prefixes, p->value, item);
	remove_pattern(index, name, item);
}

void match_index_remove(
	struct match_index *index, const struct matcher_list *list, uintptr_t item, int place)
{
	const struct matcher *matcher;
	struct pattern_words words;
	enum asking asks;

	if (place == MATCH_INDEX_REST) {
		bucket_remove(index, NULL, &index->rest, item);
		return;
	}
	matcher = list->v[place];
	if (asking(matcher, &words, &asks))
		remove_everywhere(index, matcher->name, item);
	else if (asks == ASKS_PATTERN)
		remove_pattern(index, matcher->name, item);
	else
		remove_from(index, asks == ASKS_VALUE ? &index->values : &index->prefixes,
			matcher->name, &words, words.n, item);
	free(words.text);
}

/* -- looking ---------------------------------------------------------------------------------- */

static bool each_in(const struct match_bucket *bucket, match_index_fn *fn, void *userdata)
{
	for (size_t i = 0; bucket && i < bucket->n; i++) {
		if (!fn(bucket->items[i], userdata))
			return false;
	}
	return true;
}

static bool each_by_prefix(const struct match_index *index, const struct label *label,
	match_index_fn *fn, void *userdata)
{
	const struct match_lengths *lengths =
		map_get(&index->lengths, &label->name, sizeof(char *));
	size_t most = lengths ? MIN(intern_len(label->value), (size_t)PATTERN_MAX_PREFIX) : 0;

	for (size_t len = 1; len <= most; len++) {
		const char *prefix = lengths->n[len] ? intern_peek(label->value, len) : NULL;

		if (prefix &&
			!each_in(bucket_find(&index->prefixes, label->name, prefix), fn, userdata))
			return false;
	}
	return true;
}

static bool each_by_pattern(const struct match_index *index, const struct label *label,
	match_index_fn *fn, void *userdata)
{
	struct match_patterns *patterns = map_get(&index->patterns, &label->name, sizeof(char *));
	const struct match_bucket *bucket = NULL;

	if (!patterns)
		return true;
	if (patterns->n >= PATTERNS_FEW) {
		bucket = map_get(&patterns->remembered, &label->value, sizeof(char *));
		if (!bucket)
			bucket = ask(patterns, label->value);
		if (bucket)
			return each_in(bucket, fn, userdata);
	}
	for (size_t i = 0; i < patterns->n; i++) {
		if (!fn(patterns->v[i].item, userdata))
			return false;
	}
	return true;
}

void match_index_each(const struct match_index *index, const struct labels *labels,
	match_index_fn *fn, void *userdata)
{
	bool more = each_in(&index->rest, fn, userdata);

	for (unsigned i = 0; more && i < labels->n; i++) {
		const struct label *label = &labels->v[i];

		if (index->values.n)
			more = each_in(bucket_find(&index->values, label->name, label->value), fn,
				userdata);
		if (more && index->prefixes.n)
			more = each_by_prefix(index, label, fn, userdata);
		if (more && index->patterns.n)
			more = each_by_pattern(index, label, fn, userdata);
	}
}
