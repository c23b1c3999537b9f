/*
 * eval_binary.c - binary operators between numbers, vectors, and both.
 *
 * Two vectors are matched by signature: the labels that `on` or `ignoring` select. Signatures do
 * not change with time, so series are paired once and not at each step; only where several series
 * share a signature, who is there is looked up step by step.
 */
#include "promql/eval.h"

#include <math.h>
#include "base/map.h"

static double arithmetic(enum binary_op op, double l, double r)
{
	switch (op) {
	case OP_ADD:
		return l + r;
	case OP_SUB:
		return l - r;
	case OP_MUL:
		return l * r;
	case OP_DIV:
		return l / r;
	case OP_MOD:
		return fmod(l, r);
	case OP_POW:
		return pow(l, r);
	default:
		return atan2(l, r);
	}
}

static bool compare(enum binary_op op, double l, double r)
{
	switch (op) {
	case OP_EQL:
		return l == r;
	case OP_NEQ:
		return l != r;
	case OP_LTE:
		return l <= r;
	case OP_LSS:
		return l < r;
	case OP_GTE:
		return l >= r;
	default:
		return l > r;
	}
}

/* What stays of `kept`, one of l and r, or comes of both. */
static double apply(const struct node *node, double l, double r, double kept)
{
	enum binary_op op = node->binary.op;
	bool holds;

	if (!binary_op_is_comparison(op))
		return arithmetic(op, l, r);
	holds = compare(op, l, r);
	if (node->binary.returns_bool)
		return holds ? 1 : 0;
	return holds ? kept : absent_value();
}

static bool drops_name(const struct node *node)
{
	return !binary_op_is_comparison(node->binary.op) || node->binary.returns_bool;
}

static void scalar_scalar(const struct node *node, const struct steps *steps, struct value *left,
	const struct value *right)
{
	for (size_t i = 0; i < steps->n; i++)
		left->scalar[i] = apply(node, left->scalar[i], right->scalar[i], 0);
}

static int vector_scalar(struct eval *ev, const struct node *node, const struct steps *steps,
	struct value *vector, const double *scalar, bool swapped)
{
	for (size_t s = 0; s < vector->n; s++) {
		double *v = vector->rows[s].v;

		for (size_t i = 0; i < steps->n; i++) {
			if (is_absent(v[i]))
				continue;
			/* A comparison keeps the vector's value, on whichever side it stands. */
			v[i] = swapped ? apply(node, scalar[i], v[i], v[i])
				       : apply(node, v[i], scalar[i], v[i]);
		}
	}
	return drops_name(node) ? eval_drop_names(ev, node, steps, vector) : 0;
}

/* -- two vectors ----------------------------------------------------------------------------- */

/* The series of the "one" side that share a signature. */
struct ones {
	uint32_t *rows;
	size_t n;
	/*
	 * With several: at each step 1 + which of them has a value, 0 for none. NULL with one, which
	 * then answers for itself.
	 */
	uint32_t *at;
	bool *taken;	 /* one-to-one: at which steps a partner was found */
	size_t partners; /* how many of the "many" side have this signature */
};

struct match {
	struct eval *ev;
	const struct node *node;
	const struct steps *steps;
	const struct value *many, *one;
	bool swapped;	      /* the many side is the right one */
	struct groups groups; /* many's series first, then one's */
	struct ones *ones;
	bool *any_many; /* at each step: whether that side has a value at all */
	struct value *out;
	struct map by_labels; /* of out's series: 1 + index */
	uint32_t *written;    /* of out's series, at each step: 1 + the group that wrote there */
};

static enum select selection(const struct matching *how)
{
	return how->on ? SELECT_THESE : SELECT_OTHERS;
}

static int duplicate_one(struct match *m, const struct ones *ones, size_t i, uint32_t a, uint32_t b)
{
	const struct matching *how = &m->node->binary.matching;
	const struct labels *first = m->one->rows[a].labels, *second = m->one->rows[b].labels,
			    *group;
	struct strbuf text;
	int err;

	err = eval_labels_select(m->ev, first, &how->labels, selection(how), &group);
	if (err)
		return err;
	strbuf_init(&text, sizeof(m->ev->err->text) * 2);
	eval_labels_format(group, &text);
	strbuf_addf(
		&text, " on the %s hand-side of the operation: [", m->swapped ? "left" : "right");
	if (labels_compare(first, second) > 0)
		first = second, second = m->one->rows[a].labels;
	eval_labels_format(first, &text);
	strbuf_adds(&text, ", ");
	eval_labels_format(second, &text);
	err = eval_fault(m->ev, m->node,
		"found duplicate series for the match group %s];many-to-many matching not allowed: "
		"matching labels must be unique on one side",
		text.s);
	strbuf_release(&text);
	return err;
}

/* Several series of the one side share a signature: who is there at each step? */
static int look_up_ones(struct match *m, struct ones *ones)
{
	ones->at = eval_alloc(m->ev, m->steps->n, sizeof(*ones->at));
	if (!ones->at)
		return m->ev->status;
	for (size_t k = 0; k < ones->n; k++) {
		const double *v = m->one->rows[ones->rows[k]].v;

		for (size_t i = 0; i < m->steps->n; i++) {
			if (is_absent(v[i]))
				continue;
			/* Prometheus does not look at one side where the other is empty. */
			if (ones->at[i] && m->any_many[i])
				return duplicate_one(m, ones, i, ones->at[i] - 1, ones->rows[k]);
			ones->at[i] = ones->rows[k] + 1;
		}
	}
	return 0;
}

static int group_ones(struct match *m)
{
	uint32_t *rows;
	int err = 0;

	m->ones = eval_alloc(m->ev, MAX(m->groups.n, (size_t)1), sizeof(*m->ones));
	rows = eval_alloc(m->ev, MAX(m->one->n, (size_t)1), sizeof(*rows));
	if (!m->ones || !rows)
		return m->ev->status;
	for (size_t s = 0; s < m->many->n; s++)
		m->ones[m->groups.of[s]].partners++;
	for (size_t s = 0; s < m->one->n; s++)
		m->ones[m->groups.of[m->many->n + s]].n++;
	for (size_t g = 0; g < m->groups.n; g++) {
		m->ones[g].rows = rows;
		rows += m->ones[g].n;
		m->ones[g].n = 0;
	}
	for (size_t s = 0; s < m->one->n; s++) {
		struct ones *ones = &m->ones[m->groups.of[m->many->n + s]];

		ones->rows[ones->n++] = (uint32_t)s;
	}
	for (size_t g = 0; !err && g < m->groups.n; g++) {
		if (m->ones[g].n > 1)
			err = look_up_ones(m, &m->ones[g]);
	}
	return err;
}

/* The labels of a pair's result. */
static int result_labels(struct match *m, const struct labels *many, const struct labels *one,
	const struct labels **ret)
{
	const struct matching *how = &m->node->binary.matching;
	struct labels_builder b = LABELS_BUILDER_INIT;

	for (unsigned i = 0; i < many->n; i++) {
		const struct label *l = &many->v[i];

		if (l->name == m->ev->name_label && drops_name(m->node))
			continue;
		if (how->card == CARD_ONE_TO_ONE && names_have(&how->labels, l->name) != how->on)
			continue;
		labels_builder_set(&b, l->name, l->value);
	}
	for (size_t i = 0; i < how->include.n; i++) {
		const char *value = labels_get_interned(one, how->include.v[i]);

		/* `bool` leaves no name, whoever gave it. */
		if (how->include.v[i] == m->ev->name_label && m->node->binary.returns_bool)
			value = NULL;
		labels_builder_set(&b, how->include.v[i], value ? value : "");
	}
	return eval_labels_build(m->ev, &b, ret);
}

/* The series of the answer that a pair's values go to. */
static int result_row(
	struct match *m, const struct labels *many, const struct labels *one, size_t *ret)
{
	const struct labels *labels;
	uintptr_t known;
	size_t len;
	double *v;
	int err = result_labels(m, many, one, &labels);

	if (err)
		return err;
	len = labels->n * sizeof(labels->v[0]);
	known = (uintptr_t)map_get(&m->by_labels, labels->v, len);
	if (!known) {
		v = eval_row(m->ev, m->steps);
		if (!v)
			return m->ev->status;
		err = eval_add(m->ev, m->out, labels, v);
		if (err)
			return err;
		known = m->out->n;
		err = map_put(&m->by_labels, labels->v, len, (void *)known);
	}
	*ret = known - 1;
	return err;
}

static int take_partner(struct match *m, struct ones *ones, size_t i)
{
	if (m->node->binary.matching.card != CARD_ONE_TO_ONE || ones->partners < 2)
		return 0;
	if (!ones->taken)
		ones->taken = eval_alloc(m->ev, m->steps->n, sizeof(*ones->taken));
	if (!ones->taken)
		return m->ev->status;
	if (ones->taken[i])
		return eval_fault(m->ev, m->node,
			"multiple matches for labels: many-to-one matching must be explicit "
			"(group_left/group_right)");
	ones->taken[i] = true;
	return 0;
}

/* One series of the many side with one of the one side, at the steps where both are there. */
static int match_pair(struct match *m, size_t s, struct ones *ones, uint32_t one)
{
	const double *many_v = m->many->rows[s].v, *one_v = m->one->rows[one].v;
	bool has_row = false;
	double *out = NULL, v;
	size_t row = 0;
	int err;

	for (size_t i = 0; i < m->steps->n; i++) {
		if (is_absent(many_v[i]) || is_absent(one_v[i]) ||
			(ones->at && ones->at[i] != one + 1))
			continue;
		/* Too many partners is a fault also where the comparison drops them all. */
		err = take_partner(m, ones, i);
		if (err)
			return err;
		v = m->swapped ? apply(m->node, one_v[i], many_v[i], one_v[i])
			       : apply(m->node, many_v[i], one_v[i], many_v[i]);
		if (is_absent(v))
			continue;
		if (!has_row) {
			err = result_row(
				m, m->many->rows[s].labels, m->one->rows[one].labels, &row);
			if (err)
				return err;
			has_row = true;
			out = m->out->rows[row].v;
		}
		if (!is_absent(out[i]))
			return eval_fault(m->ev, m->node,
				m->node->binary.matching.card == CARD_ONE_TO_ONE
					? "vector cannot contain metrics with the same labelset"
					: "multiple matches for labels: grouping labels must ensure "
					  "unique matches");
		out[i] = v;
	}
	return 0;
}

static int match_all(struct match *m)
{
	int err = 0;

	for (size_t s = 0; !err && s < m->many->n; s++) {
		struct ones *ones = &m->ones[m->groups.of[s]];

		err = eval_tick(m->ev);
		for (size_t k = 0; !err && k < ones->n; k++)
			err = match_pair(m, s, ones, ones->rows[k]);
	}
	return err;
}

static int vector_vector(struct eval *ev, const struct node *node, const struct steps *steps,
	const struct value *left, const struct value *right, struct value *ret)
{
	const struct matching *how = &node->binary.matching;
	struct match m = { .ev = ev, .node = node, .steps = steps, .out = ret };
	const struct value *sides[2];
	int err;

	m.swapped = how->card == CARD_ONE_TO_MANY;
	sides[0] = m.many = m.swapped ? right : left;
	sides[1] = m.one = m.swapped ? left : right;
	*ret = (struct value){ .type = PROMQL_VECTOR };
	if (!left->n || !right->n)
		return 0;
	m.any_many = eval_alloc(ev, MAX(steps->n, (size_t)1), sizeof(*m.any_many));
	if (!m.any_many)
		return ev->status;
	for (size_t s = 0; s < m.many->n; s++) {
		for (size_t i = 0; i < steps->n; i++)
			m.any_many[i] |= !is_absent(m.many->rows[s].v[i]);
	}
	err = eval_group(ev, sides, 2, &how->labels, selection(how), &m.groups);
	if (!err)
		err = group_ones(&m);
	if (!err)
		err = match_all(&m);
	map_release(&m.by_labels);
	return err;
}

int eval_binary(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	struct value left, right;
	int err = eval_node(ev, node->binary.left, steps, &left);

	if (!err)
		err = eval_node(ev, node->binary.right, steps, &right);
	if (err)
		return err;
	if (binary_op_is_set(node->binary.op)) {
		err = eval_set(ev, node, steps, &left, &right);
		*ret = left;
		return err;
	}
	if (left.type == PROMQL_SCALAR && right.type == PROMQL_SCALAR) {
		scalar_scalar(node, steps, &left, &right);
		*ret = left;
		return 0;
	}
	if (left.type == PROMQL_VECTOR && right.type == PROMQL_VECTOR)
		return vector_vector(ev, node, steps, &left, &right, ret);
	*ret = left.type == PROMQL_VECTOR ? left : right;
	return vector_scalar(ev, node, steps, ret,
		left.type == PROMQL_SCALAR ? left.scalar : right.scalar,
		left.type == PROMQL_SCALAR);
}
