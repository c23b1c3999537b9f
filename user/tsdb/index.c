/*
 * index.c - names, their values, and who has them.
 */
#include "tsdb/index.h"

#include <errno.h>
#include "model/intern.h"

#define FIRST_PLACES 4u

/* What the C library and the interned text's own header cost beside the bytes asked for. */
#define TEXT_SHARE 32

static size_t posting_bytes(const struct posting *p)
{
	return p->cap * sizeof(uint32_t) + intern_len(p->value) + TEXT_SHARE;
}

/* But for its table. */
static size_t name_bytes(const struct index_name *name)
{
	return sizeof(*name) + intern_len(name->name) + TEXT_SHARE;
}

static void name_free(struct index *index, struct index_name *name)
{
	for (uint32_t i = 0; i < name->cap; i++) {
		struct posting *p = &name->table[i];

		if (!p->value)
			continue;
		index->bytes -= posting_bytes(p);
		intern_unref(p->value);
		if (p->cap)
			free(p->ids);
	}
	index->bytes -= name->cap * sizeof(struct posting) + name_bytes(name);
	intern_unref(name->name);
	free(name->table);
	free(name);
}

void index_release(struct index *index)
{
	map_foreach (&index->names, e)
		name_free(index, e->value);
	map_release(&index->names);
	*index = INDEX_INIT;
}

const struct index_name *index_name(const struct index *index, const char *name)
{
	return map_gets(&index->names, name);
}

static uint32_t home(const struct index_name *name, const char *value)
{
	uint64_t h = (uint64_t)(uintptr_t)value * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 32) & (name->cap - 1);
}

/* The value's place, or the free one where it would go. There is always a free one. */
static struct posting *place(const struct index_name *name, const char *value)
{
	uint32_t i = home(name, value);

	while (name->table[i].value && name->table[i].value != value)
		i = (i + 1) & (name->cap - 1);
	return &name->table[i];
}

const struct posting *index_posting(const struct index_name *name, const char *value)
{
	const struct posting *p = place(name, value);

	return p->value ? p : NULL;
}

static bool resize(struct index *index, struct index_name *name, uint32_t cap)
{
	struct index_name bigger = { .cap = cap, .table = calloc(cap, sizeof(struct posting)) };

	if (!bigger.table)
		return false;
	for (uint32_t i = 0; i < name->cap; i++) {
		if (name->table[i].value)
			*place(&bigger, name->table[i].value) = name->table[i];
	}
	index->bytes += (cap - (size_t)name->cap) * sizeof(struct posting);
	free(name->table);
	name->table = bigger.table;
	name->cap = cap;
	return true;
}

static struct index_name *name_make(struct index *index, const char *interned)
{
	struct index_name *name = map_gets(&index->names, interned);

	if (name)
		return name;
	name = calloc(1, sizeof(*name));
	if (!name)
		return NULL;
	if (!resize(index, name, FIRST_PLACES)) {
		free(name);
		return NULL;
	}
	name->name = intern_ref(interned);
	index->bytes += name_bytes(name);
	if (map_puts(&index->names, interned, name)) {
		name_free(index, name);
		return NULL;
	}
	return name;
}

static bool posting_grow(struct index *index, struct posting *p)
{
	uint32_t cap = p->cap ? p->cap + p->cap / 2 : 4;
	uint32_t *ids = realloc(p->cap ? p->ids : NULL, cap * sizeof(*ids));

	if (!ids)
		return false;
	if (!p->cap)
		ids[0] = p->one;
	index->bytes += (cap - (size_t)p->cap) * sizeof(*ids);
	p->ids = ids;
	p->cap = cap;
	return true;
}

static int posting_add(struct index *index, const struct label *label, uint32_t id)
{
	struct index_name *name = name_make(index, label->name);
	struct posting *p;

	if (!name)
		return -ENOMEM;
	p = place(name, label->value);
	if (!p->value) {
		if ((name->n + 1) * 4 > name->cap * 3) {
			if (!resize(index, name, name->cap * 2))
				return -ENOMEM;
			p = place(name, label->value);
		}
		*p = (struct posting){
			.value = intern_ref(label->value), .one = id, .n = 1, .live = 1
		};
		index->bytes += posting_bytes(p);
		name->n++;
		return 0;
	}
	if (p->n >= MAX(p->cap, 1u) && !posting_grow(index, p))
		return -ENOMEM;
	if (p->cap)
		p->ids[p->n] = id;
	p->n++;
	p->live++;
	return 0;
}

/* Takes a value out and closes the gap, so that searches need no tombstones. */
static void value_drop(struct index *index, struct index_name *name, struct posting *p)
{
	uint32_t hole = (uint32_t)(p - name->table), mask = name->cap - 1;

	index->bytes -= posting_bytes(p);
	intern_unref(p->value);
	if (p->cap)
		free(p->ids);
	name->n--;
	for (uint32_t i = (hole + 1) & mask; name->table[i].value; i = (i + 1) & mask) {
		uint32_t from_home = (i - home(name, name->table[i].value)) & mask;

		if (from_home >= ((i - hole) & mask)) {
			name->table[hole] = name->table[i];
			hole = i;
		}
	}
	name->table[hole] = (struct posting){ 0 };
}

static void drop_empty_name(struct index *index, const char *text)
{
	struct index_name *name = map_gets(&index->names, text);

	if (name && !name->n) {
		map_dels(&index->names, text);
		name_free(index, name);
	}
}

static void remove_label(struct index *index, const struct label *label)
{
	struct index_name *name = map_gets(&index->names, label->name);
	struct posting *p = place(name, label->value);

	if (--p->live)
		return;
	value_drop(index, name, p);
	drop_empty_name(index, label->name);
}

int index_add(struct index *index, const struct labels *labels, uint32_t id)
{
	for (unsigned i = 0; i < labels->n; i++) {
		if (!posting_add(index, &labels->v[i], id))
			continue;
		drop_empty_name(index, labels->v[i].name);
		while (i--)
			remove_label(index, &labels->v[i]);
		return -ENOMEM;
	}
	return 0;
}

void index_remove(struct index *index, const struct labels *labels)
{
	for (unsigned i = 0; i < labels->n; i++)
		remove_label(index, &labels->v[i]);
}

static void posting_renumber(struct index *index, struct posting *p, const uint32_t *new_ids)
{
	uint32_t *ids = p->cap ? p->ids : &p->one, *fitted;
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		if (new_ids[ids[i]] != UINT32_MAX)
			ids[n++] = new_ids[ids[i]];
	}
	p->n = n;
	if (p->cap <= n + n / 2)
		return;
	if (n == 1) {
		n = ids[0];
		index->bytes -= p->cap * sizeof(*ids);
		free(p->ids);
		p->one = n;
		p->cap = 0;
		return;
	}
	fitted = realloc(p->ids, n * sizeof(*ids));
	if (fitted) {
		index->bytes -= (p->cap - n) * sizeof(*ids);
		p->ids = fitted;
		p->cap = n;
	}
}

void index_renumber(struct index *index, const uint32_t *new_ids)
{
	map_foreach (&index->names, e) {
		struct index_name *name = e->value;

		for (uint32_t i = 0; i < name->cap; i++) {
			if (name->table[i].value)
				posting_renumber(index, &name->table[i], new_ids);
		}
		while (name->cap > FIRST_PLACES && name->n * 8 < name->cap) {
			if (!resize(index, name, name->cap / 2))
				break;
		}
	}
}
