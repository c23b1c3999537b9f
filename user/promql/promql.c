/*
 * promql.c - expressions as others see them: parsed, freed, looked into.
 */
#include "promql/ast.h"

#include <errno.h>
#include <stdio.h>
#include "model/intern.h"
#include "promql/functions.h"

int promql_vfault(struct promql_error *err, struct span span, const char *fmt, va_list args)
{
	err->offset = span.from;
	err->length = span.to - span.from;
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	return -EINVAL;
}

int promql_fault(struct promql_error *err, struct span span, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	promql_vfault(err, span, fmt, args);
	va_end(args);
	return -EINVAL;
}

const char *promql_type_name(enum promql_type type)
{
	static const char *const names[] = {
		[PROMQL_SCALAR] = "scalar",
		[PROMQL_VECTOR] = "instant vector",
		[PROMQL_MATRIX] = "range vector",
		[PROMQL_STRING] = "string",
	};

	return names[type];
}

enum promql_type promql_type(const struct promql_expr *expr)
{
	return node_type(expr->root);
}

const struct node *node_unwrap(const struct node *node)
{
	while (node->kind == NODE_PAREN)
		node = node->paren;
	return node;
}

static size_t pick(size_t i, size_t n, const struct node *const children[], const struct node **ret)
{
	if (i >= n)
		return 0;
	*ret = children[i];
	return 1;
}

size_t node_children(const struct node *node, size_t i, const struct node **ret)
{
	switch (node->kind) {
	case NODE_NUMBER:
	case NODE_STRING:
	case NODE_VECTOR:
		return 0;
	case NODE_PAREN:
		return pick(i, 1, (const struct node *[]){ node->paren }, ret);
	case NODE_UNARY:
		return pick(i, 1, (const struct node *[]){ node->unary.operand }, ret);
	case NODE_BINARY:
		return pick(i, 2, (const struct node *[]){ node->binary.left, node->binary.right },
			ret);
	case NODE_AGGREGATE:
		if (!node->aggregate.param)
			return pick(i, 1, (const struct node *[]){ node->aggregate.operand }, ret);
		return pick(i, 2,
			(const struct node *[]){ node->aggregate.param, node->aggregate.operand },
			ret);
	case NODE_CALL:
		return pick(i, node->call.n_args, (const struct node *const *)node->call.args, ret);
	case NODE_MATRIX:
		return pick(i, 1, (const struct node *[]){ node->matrix.vector }, ret);
	case NODE_SUBQUERY:
		return pick(i, 1, (const struct node *[]){ node->subquery.operand }, ret);
	}
	return 0;
}

void promql_free(struct promql_expr *expr)
{
	if (!expr)
		return;
	for (size_t i = 0; i < expr->n_matchers; i++)
		matcher_free(expr->matchers[i]);
	for (size_t i = 0; i < expr->n_interned; i++)
		intern_unref(expr->interned[i]);
	free(expr->matchers);
	free(expr->interned);
	arena_release(&expr->arena);
	free(expr);
}

int promql_parse(const char *text, struct promql_expr **ret, struct promql_error *err)
{
	scoped(promql_freep) struct promql_expr *expr = NULL;
	size_t len = strlen(text);
	int status;

	if (len > PROMQL_MAX_TEXT)
		return promql_fault(err, (struct span){ 0, 0 },
			"the expression is longer than %zu bytes", PROMQL_MAX_TEXT);
	expr = calloc(1, sizeof(*expr));
	if (!expr)
		return -ENOMEM;
	expr->text = arena_strndup(&expr->arena, text, len);
	expr->len = len;
	if (!expr->text)
		return -ENOMEM;
	status = promql_parse_tree(expr, err);
	if (!status)
		status = promql_check_tree(expr->root, err);
	if (status)
		return status;
	*ret = TAKE(expr);
	return 0;
}

static void visit_selectors(const struct node *node, promql_selector_fn *fn, void *userdata)
{
	if (node->kind == NODE_VECTOR)
		fn((const struct matcher *const *)node->vector.matchers, node->vector.n_matchers,
			userdata);
	node_foreach_child(node, child) visit_selectors(child, fn, userdata);
}

void promql_selectors(const struct promql_expr *expr, promql_selector_fn *fn, void *userdata)
{
	visit_selectors(expr->root, fn, userdata);
}

struct reaching {
	promql_reach_fn *fn;
	void *userdata;
};

static int64_t far(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, MAX(b, (int64_t)0), &sum) ? INT64_MAX : sum;
}

static void visit_reaches(const struct node *node, int64_t back_ms, const struct reaching *r)
{
	if (node->kind == NODE_VECTOR) {
		const struct shift *shift = &node->vector.shift;

		/* At a fixed time: nothing that moves along. */
		if (shift->at == AT_NONE)
			r->fn((const struct matcher *const *)node->vector.matchers,
				node->vector.n_matchers, far(back_ms, shift->offset_ms),
				r->userdata);
	} else if (node->kind == NODE_MATRIX) {
		back_ms = far(back_ms, node->matrix.range_ms);
	} else if (node->kind == NODE_SUBQUERY) {
		if (node->subquery.shift.at != AT_NONE)
			return;
		back_ms = far(back_ms, node->subquery.range_ms);
		back_ms = far(back_ms, node->subquery.shift.offset_ms);
	}
	node_foreach_child(node, child) visit_reaches(child, back_ms, r);
}

void promql_reaches(const struct promql_expr *expr, promql_reach_fn *fn, void *userdata)
{
	visit_reaches(expr->root, 0, &(struct reaching){ fn, userdata });
}

static void mention_names(const struct names *names, struct promql_mention mention,
	promql_mention_fn *fn, void *userdata)
{
	for (size_t i = 0; i < names->n; i++) {
		mention.label = names->v[i];
		fn(&mention, userdata);
	}
}

static void visit_mentions(const struct node *node, promql_mention_fn *fn, void *userdata)
{
	struct promql_mention mention = {
		.offset = node->span.from,
		.length = node->span.to - node->span.from,
	};

	if (node->kind == NODE_AGGREGATE) {
		mention_names(&node->aggregate.grouping, mention, fn, userdata);
	} else if (node->kind == NODE_BINARY) {
		mention_names(&node->binary.matching.labels, mention, fn, userdata);
		mention_names(&node->binary.matching.include, mention, fn, userdata);
	} else if (node->kind == NODE_VECTOR) {
		mention.matchers = (const struct matcher *const *)node->vector.matchers;
		mention.n_matchers = node->vector.n_matchers;
		fn(&mention, userdata);
	}
	node_foreach_child(node, child) visit_mentions(child, fn, userdata);
}

void promql_mentions(const struct promql_expr *expr, promql_mention_fn *fn, void *userdata)
{
	visit_mentions(expr->root, fn, userdata);
}

/* -- what can be evaluated ------------------------------------------------------------------- */

static int not_evaluated(struct promql_error *err, struct span span, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static int not_evaluated(struct promql_error *err, struct span span, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	promql_vfault(err, span, fmt, args);
	va_end(args);
	return -ENOSYS;
}

static int check_function(const struct node *node, struct promql_error *err)
{
	const struct function *f = node->call.function;

	if (f->eval)
		return 0;
	if (f->flags & FUNCTION_EXPERIMENTAL)
		return not_evaluated(err, node->span,
			"function \"%s\" is experimental in Prometheus and not evaluated here",
			f->name);
	if (f->flags & FUNCTION_NATIVE_HISTOGRAM)
		return not_evaluated(err, node->span,
			"function \"%s\" reads native histograms, which are not stored here",
			f->name);
	return not_evaluated(err, node->span, "function \"%s\" is not evaluated yet", f->name);
}

static int check_durations(const struct node *node, struct promql_error *err)
{
	const struct duration_expr *found = NULL;

	if (node->kind == NODE_VECTOR)
		found = node->vector.shift.offset_expr;
	else if (node->kind == NODE_MATRIX)
		found = node->matrix.range_expr;
	else if (node->kind == NODE_SUBQUERY && node->subquery.range_expr)
		found = node->subquery.range_expr;
	else if (node->kind == NODE_SUBQUERY && node->subquery.step_expr)
		found = node->subquery.step_expr;
	else if (node->kind == NODE_SUBQUERY)
		found = node->subquery.shift.offset_expr;
	if (!found)
		return 0;
	return not_evaluated(err, found->span,
		"duration expressions are experimental in Prometheus and not evaluated here; write one "
		"duration");
}

static int check_forms(const struct node *node, struct promql_error *err)
{
	if (node->kind == NODE_VECTOR && node->vector.extension)
		return not_evaluated(err, node->span,
			"the modifiers anchored and smoothed are experimental in Prometheus and not "
			"evaluated here");
	if (node->kind == NODE_BINARY &&
		(node->binary.op == OP_TRIM_UPPER || node->binary.op == OP_TRIM_LOWER))
		return not_evaluated(err, node->binary.op_span,
			"operator %s works on native histograms, which are not stored here",
			binary_op_text(node->binary.op));
	if (node->kind == NODE_BINARY &&
		(node->binary.matching.fill_left || node->binary.matching.fill_right))
		return not_evaluated(err, node->binary.op_span,
			"the fill modifiers are experimental in Prometheus and not evaluated here");
	return check_durations(node, err);
}

static int check_evaluable(const struct node *node, struct promql_error *err)
{
	int status = check_forms(node, err);

	if (!status && node->kind == NODE_CALL)
		status = check_function(node, err);
	if (!status && node->kind == NODE_AGGREGATE && !node->aggregate.aggregation->eval)
		status = not_evaluated(err, node->span, "aggregation \"%s\" is %s",
			node->aggregate.aggregation->name,
			node->aggregate.aggregation->experimental
				? "experimental in Prometheus and not evaluated here"
				: "not evaluated yet");
	node_foreach_child(node, child)
	{
		if (!status)
			status = check_evaluable(child, err);
	}
	return status;
}

int promql_check_evaluable(const struct promql_expr *expr, struct promql_error *err)
{
	return check_evaluable(expr->root, err);
}
