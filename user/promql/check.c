/*
 * check.c - the types of a syntax tree: what may stand where.
 *
 * The first fault in the order of Prometheus's own check is the one that is told.
 */
#include "promql/ast.h"

#include "promql/functions.h"

enum promql_type node_type(const struct node *node)
{
	switch (node->kind) {
	case NODE_NUMBER:
		return PROMQL_SCALAR;
	case NODE_STRING:
		return PROMQL_STRING;
	case NODE_PAREN:
		return node_type(node->paren);
	case NODE_UNARY:
		return node_type(node->unary.operand);
	case NODE_BINARY:
		if (node_type(node->binary.left) == PROMQL_SCALAR &&
			node_type(node->binary.right) == PROMQL_SCALAR)
			return PROMQL_SCALAR;
		return PROMQL_VECTOR;
	case NODE_CALL:
		return node->call.function->type;
	case NODE_AGGREGATE:
	case NODE_VECTOR:
		return PROMQL_VECTOR;
	case NODE_MATRIX:
	case NODE_SUBQUERY:
		return PROMQL_MATRIX;
	}
	return PROMQL_VECTOR;
}

static int check(struct node *node, struct promql_error *err);

static int expect_type(
	struct node *node, enum promql_type wanted, const char *where, struct promql_error *err)
{
	int status = check(node, err);

	if (!status && node_type(node) != wanted)
		return promql_fault(err, node->span, "expected type %s in %s, got %s",
			promql_type_name(wanted), where, promql_type_name(node_type(node)));
	return status;
}

static int check_aggregate(struct node *node, struct promql_error *err)
{
	enum aggregation_param param = node->aggregate.aggregation->param;
	int status;

	status = expect_type(node->aggregate.operand, PROMQL_VECTOR, "aggregation expression", err);
	if (status || !param)
		return status;
	return expect_type(node->aggregate.param,
		param == PARAM_SCALAR ? PROMQL_SCALAR : PROMQL_STRING, "aggregation parameter",
		err);
}

/* What only two vectors may have, and what only set operators must not. */
static int check_matching(struct node *node, bool both_vectors, struct promql_error *err)
{
	struct matching *m = &node->binary.matching;
	const char *op = binary_op_text(node->binary.op);
	bool fills = m->fill_left || m->fill_right;

	if (!both_vectors) {
		if (m->labels.n)
			return promql_fault(err, node->span,
				"vector matching only allowed between instant vectors");
		if (fills)
			return promql_fault(err, node->span,
				"filling in missing series only allowed between instant vectors");
		/* As if it had not been written: `foo + on() 1` prints without it. */
		*m = (struct matching){ 0 };
		return 0;
	}
	if (!binary_op_is_set(node->binary.op))
		return 0;
	if (m->card != CARD_ONE_TO_ONE)
		return promql_fault(
			err, node->span, "no grouping allowed for \"%s\" operation", op);
	if (fills)
		return promql_fault(
			err, node->span, "filling in missing series not allowed for set operators");
	return 0;
}

static int check_binary_types(struct node *node, struct promql_error *err)
{
	enum promql_type left = node_type(node->binary.left), right = node_type(node->binary.right);
	const struct matching *m = &node->binary.matching;
	enum binary_op op = node->binary.op;

	if (node->binary.returns_bool && !binary_op_is_comparison(op))
		return promql_fault(err, node->binary.op_span,
			"bool modifier can only be used on comparison operators");
	if (binary_op_is_comparison(op) && !node->binary.returns_bool && left == PROMQL_SCALAR &&
		right == PROMQL_SCALAR)
		return promql_fault(err, node->binary.op_span,
			"comparisons between scalars must use BOOL modifier");
	for (size_t i = 0; m->on && i < m->labels.n; i++) {
		for (size_t k = 0; k < m->include.n; k++) {
			if (m->labels.v[i] == m->include.v[k])
				return promql_fault(err, node->binary.op_span,
					"label \"%.100s\" must not occur in ON and GROUP clause at once",
					m->labels.v[i]);
		}
	}
	if (left != PROMQL_SCALAR && left != PROMQL_VECTOR)
		return promql_fault(err, node->binary.left->span,
			"binary expression must contain only scalar and instant vector types");
	if (right != PROMQL_SCALAR && right != PROMQL_VECTOR)
		return promql_fault(err, node->binary.right->span,
			"binary expression must contain only scalar and instant vector types");
	return 0;
}

static int check_binary(struct node *node, struct promql_error *err)
{
	bool both_vectors;
	int status;

	status = check(node->binary.left, err);
	if (!status)
		status = check(node->binary.right, err);
	if (!status)
		status = check_binary_types(node, err);
	if (status)
		return status;
	both_vectors = node_type(node->binary.left) == PROMQL_VECTOR &&
		       node_type(node->binary.right) == PROMQL_VECTOR;
	status = check_matching(node, both_vectors, err);
	if (!status && !both_vectors && binary_op_is_set(node->binary.op))
		return promql_fault(err, node->span,
			"set operator \"%s\" not allowed in binary scalar expression",
			binary_op_text(node->binary.op));
	return status;
}

static int check_arg_count(const struct node *node, struct promql_error *err)
{
	const struct function *f = node->call.function;
	size_t n = strlen(f->args), least = n - (f->variadic != 0), given = node->call.n_args;

	if (!f->variadic && given != n)
		return promql_fault(err, node->span,
			"expected %zu argument(s) in call to \"%s\", got %zu", n, f->name, given);
	if (given < least)
		return promql_fault(err, node->span,
			"expected at least %zu argument(s) in call to \"%s\", got %zu", least,
			f->name, given);
	if (f->variadic > 0 && given > least + (size_t)f->variadic)
		return promql_fault(err, node->span,
			"expected at most %zu argument(s) in call to \"%s\", got %zu",
			least + (size_t)f->variadic, f->name, given);
	return 0;
}

/* info()'s second argument is no expression but a set of matchers on labels. */
static int check_info(struct node *node, struct promql_error *err)
{
	struct node *selector;

	if (!streq(node->call.function->name, "info") || node->call.n_args < 2)
		return 0;
	selector = node->call.args[1];
	if (selector->kind != NODE_VECTOR)
		return promql_fault(err, selector->span, "expected label selectors only");
	if (selector->vector.name)
		return promql_fault(err, selector->span,
			"expected label selectors only, got vector selector instead");
	selector->vector.labels_only = true;
	return 0;
}

static int check_call(struct node *node, struct promql_error *err)
{
	const struct function *f = node->call.function;
	char where[80] = "call to function \"";
	int status;

	strncat(where, f->name, 50);
	strncat(where, "\"", 2);
	status = check_arg_count(node, err);
	if (!status)
		status = check_info(node, err);
	for (size_t i = 0; !status && i < node->call.n_args; i++)
		status = expect_type(node->call.args[i], function_arg_type(f, i), where, err);
	return status;
}

static int check_unary(struct node *node, struct promql_error *err)
{
	enum promql_type type;
	int status = check(node->unary.operand, err);

	type = node_type(node->unary.operand);
	if (!status && type != PROMQL_SCALAR && type != PROMQL_VECTOR)
		return promql_fault(err, node->span,
			"unary expression only allowed on expressions of type scalar or instant vector, "
			"got \"%s\"",
			promql_type_name(type));
	return status;
}

/* Prometheus names types by their internal words here. */
static int check_subquery(struct node *node, struct promql_error *err)
{
	static const char *const names[] = { "scalar", "vector", "matrix", "string" };
	enum promql_type type;
	int status = check(node->subquery.operand, err);

	type = node_type(node->subquery.operand);
	if (!status && type != PROMQL_VECTOR)
		return promql_fault(err, node->span,
			"subquery is only allowed on instant vector, got %s instead", names[type]);
	return status;
}

static int check_vector(const struct node *node, struct promql_error *err)
{
	size_t n = node->vector.n_matchers;

	if (node->vector.name) {
		for (size_t i = 0; i + 1 < n; i++) {
			const struct matcher *m = node->vector.matchers[i];

			if (streq(m->name, LABEL_NAME))
				return promql_fault(err, node->span,
					"metric name must not be set twice: \"%.100s\" or \"%.100s\"",
					node->vector.name, m->value);
		}
		return 0;
	}
	if (node->vector.labels_only)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!matcher_matches(node->vector.matchers[i], ""))
			return 0;
	}
	return promql_fault(
		err, node->span, "vector selector must contain at least one non-empty matcher");
}

static int check(struct node *node, struct promql_error *err)
{
	switch (node->kind) {
	case NODE_NUMBER:
	case NODE_STRING:
		return 0;
	case NODE_PAREN:
		return check(node->paren, err);
	case NODE_UNARY:
		return check_unary(node, err);
	case NODE_BINARY:
		return check_binary(node, err);
	case NODE_AGGREGATE:
		return check_aggregate(node, err);
	case NODE_CALL:
		return check_call(node, err);
	case NODE_VECTOR:
		return check_vector(node, err);
	case NODE_MATRIX:
		return check(node->matrix.vector, err);
	case NODE_SUBQUERY:
		return check_subquery(node, err);
	}
	return 0;
}

int promql_check_tree(struct node *root, struct promql_error *err)
{
	return check(root, err);
}
