/*
 * labels.c - label sets.
 */
#include "model/labels.h"

#include <ctype.h>
#include <errno.h>
#include "base/escape.h"
#include "base/hash.h"
#include "model/intern.h"

struct labels *labels_ref(const struct labels *labels)
{
	struct labels *l = (struct labels *)labels;

	if (l)
		l->refs++;
	return l;
}

void labels_unref(struct labels *labels)
{
	if (!labels || --labels->refs)
		return;
	for (unsigned i = 0; i < labels->n; i++) {
		intern_unref(labels->v[i].name);
		intern_unref(labels->v[i].value);
	}
	free(labels);
}

struct labels *labels_empty(void)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels = NULL;

	labels_build(&b, &labels);
	return labels;
}

struct labels *labels_new(size_t n, const char *const pairs[][2])
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels = NULL;

	for (size_t i = 0; i < n; i++)
		labels_builder_set(&b, pairs[i][0], pairs[i][1]);
	labels_build(&b, &labels);
	return labels;
}

const char *labels_get(const struct labels *labels, const char *name)
{
	for (unsigned i = 0; i < labels->n; i++) {
		if (streq(labels->v[i].name, name))
			return labels->v[i].value;
	}
	return NULL;
}

const char *labels_get_interned(const struct labels *labels, const char *name)
{
	for (unsigned i = 0; i < labels->n; i++) {
		if (labels->v[i].name == name)
			return labels->v[i].value;
	}
	return NULL;
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
	if (a == b)
		return true;
	return a->n == b->n && !memcmp(a->v, b->v, a->n * sizeof(struct label));
}

int labels_compare(const struct labels *a, const struct labels *b)
{
	int order;

	for (unsigned i = 0; i < a->n && i < b->n; i++) {
		if (a->v[i].name != b->v[i].name) {
			order = strcmp(a->v[i].name, b->v[i].name);
			return order;
		}
		if (a->v[i].value != b->v[i].value)
			return strcmp(a->v[i].value, b->v[i].value);
	}
	return (a->n > b->n) - (a->n < b->n);
}

int labels_compare_sets(const struct labels *a, const struct labels *b)
{
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (unsigned i = 0; i < a->n; i++) {
		/* Who has the smaller name has one that the other lacks. */
		if (a->v[i].name != b->v[i].name)
			return strcmp(a->v[i].name, b->v[i].name) < 0 ? 1 : -1;
		if (a->v[i].value != b->v[i].value)
			return strcmp(a->v[i].value, b->v[i].value);
	}
	return 0;
}

static uint64_t hash_of(const struct labels *labels)
{
	uint64_t hash = HASH_FNV1A_INIT;

	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];

		hash = hash_fnv1a(hash, l->name, intern_len(l->name));
		hash = hash_fnv1a(hash, "\xff", 1);
		hash = hash_fnv1a(hash, l->value, intern_len(l->value));
		hash = hash_fnv1a(hash, "\xff", 1);
	}
	return hash;
}

uint64_t labels_fingerprint(const struct labels *labels)
{
	/* Annotations, and labels of groups, are never asked. */
	if (!labels->hash)
		((struct labels *)labels)->hash = hash_of(labels);
	return labels->hash;
}

void labels_format(const struct labels *labels, struct strbuf *out)
{
	const char *name = labels_get(labels, LABEL_NAME);
	bool first = true, name_inside;

	name_inside = name && !metric_name_valid_classic(name, strlen(name));
	if (name && !name_inside)
		strbuf_adds(out, name);
	if (name && !name_inside && labels->n == 1)
		return;
	strbuf_addch(out, '{');
	if (name_inside) {
		strbuf_addch(out, '"');
		escape_quoted(out, name, strlen(name));
		strbuf_addch(out, '"');
		first = false;
	}
	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];

		if (l->value == name && streq(l->name, LABEL_NAME))
			continue;
		if (!first)
			strbuf_adds(out, ", ");
		first = false;
		if (label_name_valid_classic(l->name, strlen(l->name))) {
			strbuf_adds(out, l->name);
		} else {
			strbuf_addch(out, '"');
			escape_quoted(out, l->name, strlen(l->name));
			strbuf_addch(out, '"');
		}
		strbuf_adds(out, "=\"");
		escape_quoted(out, l->value, strlen(l->value));
		strbuf_addch(out, '"');
	}
	strbuf_addch(out, '}');
}

static void labels_builder_reset(struct labels_builder *b)
{
	for (size_t i = 0; i < b->n; i++) {
		intern_unref(b->v[i].name);
		intern_unref(b->v[i].value);
	}
	b->n = 0;
	b->err = 0;
	b->unsorted = false;
}

void labels_builder_release(struct labels_builder *b)
{
	labels_builder_reset(b);
	free(b->v);
	*b = LABELS_BUILDER_INIT;
}

static struct label *find(const struct labels_builder *b, const char *name, size_t len)
{
	const char *last = b->n ? b->v[b->n - 1].name : "";

	/* Most sets come sorted: then there is none. */
	if (!b->unsorted && strncmp(last, name, len) < 0)
		return NULL;
	for (size_t i = 0; i < b->n; i++) {
		if (!strncmp(b->v[i].name, name, len) && !b->v[i].name[len])
			return &b->v[i];
	}
	return NULL;
}

static struct label *find_interned(const struct labels_builder *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].name == name)
			return &b->v[i];
	}
	return NULL;
}

void labels_builder_set(struct labels_builder *b, const char *name, const char *value)
{
	labels_builder_setn(b, name, strlen(name), value, strlen(value));
}

static void remove_label(struct labels_builder *b, struct label *label)
{
	intern_unref(label->name);
	intern_unref(label->value);
	memmove(label, label + 1, (char *)(b->v + b->n) - (char *)(label + 1));
	b->n--;
}

/* Takes over both references; either may be NULL for want of memory. */
static void place(struct labels_builder *b, struct label *known, struct label made)
{
	if (!made.value || !made.name || (!known && !vec_reserve(b->v, b->n, b->cap))) {
		intern_unref(made.name);
		intern_unref(made.value);
		b->err = -ENOMEM;
		return;
	}
	if (known) {
		intern_unref(known->name);
		intern_unref(known->value);
		*known = made;
		return;
	}
	if (b->n && strcmp(b->v[b->n - 1].name, made.name) > 0)
		b->unsorted = true;
	b->v[b->n++] = made;
}

/* Texts of a set are interned: nothing is hashed, and none of one set stands twice. */
void labels_builder_add(struct labels_builder *b, const struct labels *labels)
{
	bool first = !b->n;

	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];

		place(b, first ? NULL : find_interned(b, l->name),
			(struct label){ intern_ref(l->name), intern_ref(l->value) });
	}
}

void labels_builder_setn(struct labels_builder *b, const char *name, size_t name_len,
	const char *value, size_t value_len)
{
	struct label *label = find(b, name, name_len);

	if (b->keeps_empty || strnlen(value, value_len))
		place(b, label, (struct label){ intern(name, name_len), intern(value, value_len) });
	else if (label)
		remove_label(b, label);
}

void labels_builder_set_all(struct labels_builder *b, const struct label_text *texts, size_t n)
{
	enum { AT_ONCE = 16 };
	struct intern_item items[2 * AT_ONCE];

	while (n) {
		size_t few = MIN(n, (size_t)AT_ONCE);

		for (size_t i = 0; i < few; i++) {
			items[2 * i] =
				(struct intern_item){ texts[i].name, texts[i].name_len, NULL };
			items[2 * i + 1] =
				(struct intern_item){ texts[i].value, texts[i].value_len, NULL };
		}
		intern_all(items, 2 * few);
		for (size_t i = 0; i < few; i++) {
			const struct label made = { items[2 * i].interned,
				items[2 * i + 1].interned };
			struct label *known = find_interned(b, made.name);

			if (made.value && !*made.value && !b->keeps_empty) {
				intern_unref(made.name);
				intern_unref(made.value);
				if (known)
					remove_label(b, known);
			} else {
				place(b, known, made);
			}
		}
		texts += few;
		n -= few;
	}
}

void labels_builder_del(struct labels_builder *b, const char *name)
{
	struct label *label = find(b, name, strlen(name));

	if (label)
		remove_label(b, label);
}

const char *labels_builder_get(const struct labels_builder *b, const char *name)
{
	struct label *label = find(b, name, strlen(name));

	return label ? label->value : NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

int labels_filter(const struct labels *labels, labels_keep_fn *keep, const void *userdata,
	struct labels **ret)
{
	struct labels *kept;
	unsigned n = 0;

	for (unsigned i = 0; i < labels->n; i++)
		n += keep(&labels->v[i], userdata);
	kept = malloc(sizeof(*kept) + n * sizeof(struct label));
	if (!kept)
		return -ENOMEM;
	kept->refs = 1;
	kept->n = 0;
	for (unsigned i = 0; i < labels->n; i++) {
		if (keep(&labels->v[i], userdata))
			kept->v[kept->n++] = (struct label){ intern_ref(labels->v[i].name),
				intern_ref(labels->v[i].value) };
	}
	kept->hash = 0;
	*ret = kept;
	return 0;
}

/* Most sets are small, and nearly sorted. */
static void sort(struct label *v, size_t n)
{
	if (n > 32) {
		qsort(v, n, sizeof(*v), by_name);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct label label = v[i];
		size_t at = i;

		for (; at && strcmp(v[at - 1].name, label.name) > 0; at--)
			v[at] = v[at - 1];
		v[at] = label;
	}
}

int labels_build(struct labels_builder *b, struct labels **ret)
{
	struct labels *labels = NULL;
	int err = b->err;

	if (!err) {
		labels = malloc(sizeof(*labels) + b->n * sizeof(struct label));
		err = labels ? 0 : -ENOMEM;
	}
	if (err) {
		labels_builder_release(b);
		return err;
	}
	labels->refs = 1;
	labels->n = (unsigned)b->n;
	if (b->n) {
		if (b->unsorted)
			sort(b->v, b->n);
		memcpy(labels->v, b->v, b->n * sizeof(struct label));
	}
	labels->hash = 0;
	/* The references went over to the set. */
	b->n = 0;
	labels_builder_release(b);
	*ret = labels;
	return 0;
}

static bool name_valid(const char *name, size_t len, bool colon)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalpha((unsigned char)name[i]) && name[i] != '_' &&
			!(colon && name[i] == ':') && !(i && isdigit((unsigned char)name[i])))
			return false;
	}
	return len > 0;
}

bool label_name_valid_classic(const char *name, size_t len)
{
	return name_valid(name, len, false);
}

bool metric_name_valid_classic(const char *name, size_t len)
{
	return name_valid(name, len, true);
}
