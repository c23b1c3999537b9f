/*
 * eval_set.c - the set operators: and, or, unless.
 */
#include "promql/eval.h"

struct presence {
	uint8_t **of; /* of each group, at each step, whether a series is there; NULL for never */
};

static int mark_presence(struct eval *ev, const struct steps *steps, const struct value *vector,
	const uint32_t *groups, size_t n_groups, struct presence *ret)
{
	ret->of = eval_alloc(ev, MAX(n_groups, (size_t)1), sizeof(*ret->of));
	if (!ret->of)
		return ev->status;
	for (size_t s = 0; s < vector->n; s++) {
		uint8_t **present = &ret->of[groups[s]];

		if (!*present)
			*present = eval_alloc(ev, MAX(steps->n, (size_t)1), 1);
		if (!*present)
			return ev->status;
		for (size_t i = 0; i < steps->n; i++)
			(*present)[i] |= !is_absent(vector->rows[s].v[i]);
	}
	return 0;
}

/* Leaves only the values at steps where the group's presence is `wanted`. */
static void filter(const struct steps *steps, struct value *vector, const uint32_t *groups,
	const struct presence *presence, bool wanted)
{
	for (size_t s = 0; s < vector->n; s++) {
		const uint8_t *present = presence->of[groups[s]];
		double *v = vector->rows[s].v;

		for (size_t i = 0; i < steps->n; i++) {
			if ((present && present[i]) != wanted)
				v[i] = absent_value();
		}
	}
}

int eval_set(struct eval *ev, const struct node *node, const struct steps *steps,
	struct value *left, struct value *right)
{
	const struct matching *how = &node->binary.matching;
	const struct value *sides[] = { left, right };
	struct presence presence;
	struct groups groups;
	const uint32_t *of_left, *of_right;
	int err;

	err = eval_group(
		ev, sides, 2, &how->labels, how->on ? SELECT_THESE : SELECT_OTHERS, &groups);
	if (err)
		return err;
	of_left = groups.of;
	of_right = groups.of + left->n;
	if (node->binary.op != OP_OR) {
		err = mark_presence(ev, steps, right, of_right, groups.n, &presence);
		if (!err)
			filter(steps, left, of_left, &presence, node->binary.op == OP_AND);
		return err;
	}
	err = mark_presence(ev, steps, left, of_left, groups.n, &presence);
	if (err)
		return err;
	filter(steps, right, of_right, &presence, false);
	for (size_t s = 0; !err && s < right->n; s++)
		err = eval_add(ev, left, right->rows[s].labels, right->rows[s].v);
	return err ? err : eval_merge(ev, node, steps, left);
}
