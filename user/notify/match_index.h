/*
 * match_index.h - which of many lists of matchers may match a set of labels; private to notify/.
 *
 * A list that asks for a value of a label (team="a", or team=~"a|b", which is the same twice), or for
 * one that begins so (team=~"a.*"), is kept under that text: whoever lacks it cannot match, and is not
 * even looked at. Lists whose expressions say less (team=~".*a") are asked once for each value, and the
 * answers remembered. Lists that ask for nothing of that kind are candidates always. So a thousand
 * routes, or ten thousand silences, cost a look-up for each label instead of a comparison for each list.
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
	struct map values;   /* the two interned pointers -> struct match_bucket */
	struct map prefixes; /* the same */
	struct map lengths;  /* an interned name -> struct match_lengths: of its prefixes */
	struct map patterns; /* an interned name -> struct match_patterns */
	struct match_bucket rest;
};

/* Where a list went, to take it out again: a matcher's place in it, or MATCH_INDEX_REST. */
#define MATCH_INDEX_REST (-1)

/* Values of a label whose answers are remembered; when there are more, all are forgotten. */
#define MATCH_INDEX_REMEMBERED 1024

void match_index_release(struct match_index *index);
/* 0 with *ret_place, or -ENOMEM and nothing was done. The list's matchers must stay as long as the item. */
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
