/*
 * match_index.h - which of many lists of matchers may match a set of labels; private to notify/.
 *
 * A list that asks for a value of a label (team="a", or team=~"a|b", which is the same twice) is kept
 * under that value: whoever lacks it cannot match, and is not even looked at. Lists that ask for
 * nothing of that kind are candidates always. So a thousand routes, or ten thousand silences, cost a
 * look-up for each label instead of a comparison for each list.
 */
#ifndef TOLLD_NOTIFY_MATCH_INDEX_H
#define TOLLD_NOTIFY_MATCH_INDEX_H

#include "base/map.h"
#include "model/matcher_parser.h"

/* What is found is whatever was put in: a number or a pointer. */
struct match_bucket {
	const char *name, *value; /* interned, with references; NULL for lists without a value */
	uintptr_t *items;
	size_t n, cap;
};

struct match_index {
	struct map buckets; /* the two interned pointers -> struct match_bucket */
	struct match_bucket rest;
};

/* Where a list went, to take it out again: a matcher's place in it, or MATCH_INDEX_REST. */
#define MATCH_INDEX_REST (-1)

void match_index_release(struct match_index *index);
/* 0 with *ret_place, or -ENOMEM and nothing was done. The list may go, the item stays. */
int match_index_add(
	struct match_index *index, const struct matcher_list *list, uintptr_t item, int *ret_place);
/* With the list and the place that it was put in with. */
void match_index_remove(
	struct match_index *index, const struct matcher_list *list, uintptr_t item, int place);

/* Each item whose list may match, once, in no order, until fn returns false. */
typedef bool match_index_fn(uintptr_t item, void *userdata);
void match_index_each(const struct match_index *index, const struct labels *labels,
	match_index_fn *fn, void *userdata);

#endif
