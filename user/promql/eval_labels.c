/*
 * eval_labels.c - label sets in an evaluation: selected, renamed, merged.
 */
#include "promql/eval.h"

#include <errno.h>
#include "base/escape.h"
#include "base/map.h"
#include "promql/literal.h"

static int eval_own(struct eval *ev, struct labels *labels)
{
	if (!vec_reserve(ev->owned, ev->n_owned, ev->owned_cap)) {
		labels_unref(labels);
		return -ENOMEM;
	}
	ev->owned[ev->n_owned++] = labels;
	return 0;
}

int eval_labels_build(struct eval *ev, struct labels_builder *b, const struct labels **ret)
{
	struct labels *labels;
	int err = labels_build(b, &labels);

	if (!err)
		err = eval_own(ev, labels);
	if (!err)
		*ret = labels;
	return err;
}

bool label_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && utf8_valid(name, len);
}

void eval_labels_format(const struct labels *labels, struct strbuf *out)
{
	strbuf_addch(out, '{');
	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];

		if (i)
			strbuf_adds(out, ", ");
		if (label_name_valid_classic(l->name, strlen(l->name)))
			strbuf_adds(out, l->name);
		else
			literal_quote(out, l->name, strlen(l->name));
		strbuf_addch(out, '=');
		literal_quote(out, l->value, strlen(l->value));
	}
	strbuf_addch(out, '}');
}

bool names_have(const struct names *names, const char *interned)
{
	for (size_t i = 0; i < names->n; i++) {
		if (names->v[i] == interned)
			return true;
	}
	return false;
}

static bool selected(
	const struct eval *ev, const char *name, const struct names *names, enum select select)
{
	if (select == SELECT_OTHERS && name == ev->name_label)
		return false;
	return names_have(names, name) == (select == SELECT_THESE);
}

int eval_labels_select(struct eval *ev, const struct labels *labels, const struct names *names,
	enum select select, const struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	unsigned n = 0;

	for (unsigned i = 0; i < labels->n; i++)
		n += selected(ev, labels->v[i].name, names, select);
	if (n == labels->n) {
		*ret = labels;
		return 0;
	}
	for (unsigned i = 0; i < labels->n; i++) {
		if (selected(ev, labels->v[i].name, names, select))
			labels_builder_set(&b, labels->v[i].name, labels->v[i].value);
	}
	return eval_labels_build(ev, &b, ret);
}

static int eval_labels_drop_name(
	struct eval *ev, const struct labels *labels, const struct labels **ret)
{
	static const struct names none;

	return eval_labels_select(ev, labels, &none, SELECT_OTHERS, ret);
}

/* The same selection as bytes: equal where the selected labels are. */
static void eval_key(const struct eval *ev, const struct labels *labels, const struct names *names,
	enum select select, struct strbuf *out)
{
	strbuf_reset(out);
	for (unsigned i = 0; i < labels->n; i++) {
		/* Interned: the pointers are as good as the texts. */
		if (selected(ev, labels->v[i].name, names, select))
			strbuf_add(out, &labels->v[i], sizeof(labels->v[i]));
	}
}

int eval_group(struct eval *ev, const struct value *const *vectors, size_t n_vectors,
	const struct names *names, enum select select, struct groups *ret)
{
	struct strbuf key = STRBUF_INIT;
	struct map map = MAP_INIT;
	size_t total = 0, at = 0;
	uintptr_t group;
	int err = 0;

	for (size_t i = 0; i < n_vectors; i++)
		total += vectors[i]->n;
	ret->n = 0;
	ret->of = eval_alloc(ev, MAX(total, (size_t)1), sizeof(*ret->of));
	if (!ret->of)
		return ev->status;
	for (size_t i = 0; !err && i < n_vectors; i++) {
		for (size_t s = 0; !err && s < vectors[i]->n; s++) {
			eval_key(ev, vectors[i]->rows[s].labels, names, select, &key);
			err = key.err;
			group = (uintptr_t)map_get(&map, key.s, key.len);
			if (!group && !err) {
				group = ++ret->n;
				err = map_put(&map, key.s, key.len, (void *)group);
			}
			ret->of[at++] = (uint32_t)(group - 1);
		}
	}
	map_release(&map);
	strbuf_release(&key);
	return err;
}

static int merge_into(struct eval *ev, const struct node *node, const struct steps *steps,
	struct row *to, const struct row *from)
{
	for (size_t i = 0; i < steps->n; i++) {
		if (is_absent(from->v[i]))
			continue;
		if (!is_absent(to->v[i]))
			return eval_fault(
				ev, node, "vector cannot contain metrics with the same labelset");
		to->v[i] = from->v[i];
	}
	return 0;
}

int eval_merge(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *value)
{
	struct map map = MAP_INIT;
	size_t n = 0;
	int err = 0;

	for (size_t s = 0; !err && s < value->n; s++) {
		const struct labels *labels = value->rows[s].labels;
		size_t len = labels->n * sizeof(labels->v[0]);
		uintptr_t known = (uintptr_t)map_get(&map, labels->v, len);

		if (known) {
			err = merge_into(ev, node, steps, &value->rows[known - 1], &value->rows[s]);
			continue;
		}
		value->rows[n++] = value->rows[s];
		err = map_put(&map, labels->v, len, (void *)(uintptr_t)n);
	}
	value->n = n;
	map_release(&map);
	return err;
}

int eval_drop_names(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *value)
{
	bool dropped = false;
	int err = 0;

	for (size_t s = 0; !err && s < value->n; s++) {
		const struct labels *before = value->rows[s].labels;

		err = eval_labels_drop_name(ev, before, &value->rows[s].labels);
		dropped |= before != value->rows[s].labels;
	}
	return err || !dropped ? err : eval_merge(ev, node, steps, value);
}
