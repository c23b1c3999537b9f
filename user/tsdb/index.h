/*
 * index.h - which series have a label: for each name its values, for each value the ids of its
 * series in rising order.
 *
 * Ids are dense numbers from 0 that its owner hands out in rising order. A series that is gone
 * stays in the lists until index_renumber(); whoever reads them asks the owner which ids still
 * live. Names and values are interned and held with a reference of their own.
 */
#ifndef TOLLD_TSDB_INDEX_H
#define TOLLD_TSDB_INDEX_H

#include "base/map.h"
#include "model/labels.h"

struct posting {
	const char *value; /* NULL: a free place of the table */
	union {
		uint32_t one; /* while cap is 0: most values belong to one series */
		uint32_t *ids;
	};
	uint32_t n, cap;
	uint32_t live; /* of n, how many were not removed */
};

struct index_name {
	const char *name;
	struct posting *table; /* open addressing by the value's address */
	uint32_t n, cap;       /* cap is a power of two */
};

struct index {
	struct map names; /* by text: struct index_name */
	size_t bytes;
};

#define INDEX_INIT ((struct index){ 0 })

void index_release(struct index *index);
/*
 * `id` is larger than all before. 0 or -ENOMEM: the set is not found then, but the id is spent,
 * since lists may keep it until index_renumber().
 */
int index_add(struct index *index, const struct labels *labels, uint32_t id);
void index_remove(struct index *index, const struct labels *labels);
/* Gives each id its new number, in rising order; ids whose new number is UINT32_MAX go away. */
void index_renumber(struct index *index, const uint32_t *new_ids);

/* NULL where no series has that name. */
const struct index_name *index_name(const struct index *index, const char *name);
/* NULL where no series has it; `value` is interned. */
const struct posting *index_posting(const struct index_name *name, const char *value);

static inline const uint32_t *posting_ids(const struct posting *posting)
{
	return posting->cap ? posting->ids : &posting->one;
}

#endif
