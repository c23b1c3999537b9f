/*
 * print.c - a syntax tree as text, the way Prometheus prints it: one line, matchers sorted, the
 * modifiers in a fixed order.
 */
#include "promql/ast.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include "base/num.h"
#include "model/duration.h"
#include "promql/functions.h"
#include "promql/literal.h"

const char *binary_op_text(enum binary_op op)
{
	static const char *const texts[BINARY_OPS] = {
		[OP_ADD] = "+",
		[OP_SUB] = "-",
		[OP_MUL] = "*",
		[OP_DIV] = "/",
		[OP_MOD] = "%",
		[OP_POW] = "^",
		[OP_ATAN2] = "atan2",
		[OP_EQL] = "==",
		[OP_NEQ] = "!=",
		[OP_LTE] = "<=",
		[OP_LSS] = "<",
		[OP_GTE] = ">=",
		[OP_GTR] = ">",
		[OP_TRIM_UPPER] = "</",
		[OP_TRIM_LOWER] = ">/",
		[OP_AND] = "and",
		[OP_OR] = "or",
		[OP_UNLESS] = "unless",
	};

	return texts[op];
}

static void print_number(double v, bool is_duration, struct strbuf *out)
{
	if (is_duration)
		duration_format(out, llround(v * 1000));
	else
		num_format_decimal(out, v);
}

static void print_duration_expr(const struct duration_expr *d, struct strbuf *out)
{
	if (d->wrapped)
		strbuf_addch(out, '(');
	switch (d->kind) {
	case DURATION_NUMBER:
		print_number(d->seconds, d->is_duration, out);
		break;
	case DURATION_STEP:
		strbuf_adds(out, "step()");
		break;
	case DURATION_RANGE:
		strbuf_adds(out, "range()");
		break;
	case DURATION_MIN_OF:
	case DURATION_MAX_OF:
		strbuf_adds(out, d->kind == DURATION_MIN_OF ? "min_of(" : "max_of(");
		print_duration_expr(d->left, out);
		strbuf_adds(out, ", ");
		print_duration_expr(d->right, out);
		strbuf_addch(out, ')');
		break;
	case DURATION_UNARY:
		if (d->op == OP_SUB)
			strbuf_addch(out, '-');
		print_duration_expr(d->right, out);
		break;
	case DURATION_BINARY:
		print_duration_expr(d->left, out);
		strbuf_addf(out, " %s ", binary_op_text(d->op));
		print_duration_expr(d->right, out);
		break;
	}
	if (d->wrapped)
		strbuf_addch(out, ')');
}

static void print_ms(int64_t ms, const struct duration_expr *d, struct strbuf *out)
{
	if (d)
		print_duration_expr(d, out);
	else
		duration_format(out, ms);
}

static void print_at(const struct shift *shift, struct strbuf *out)
{
	int64_t ms = shift->at_wall_ms;
	uint64_t abs_ms = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;

	switch (shift->at) {
	case AT_NONE:
		break;
	case AT_TIME:
		strbuf_addf(out, " @ %s%" PRIu64 ".%03u", ms < 0 ? "-" : "", abs_ms / 1000,
			(unsigned)(abs_ms % 1000));
		break;
	case AT_START:
		strbuf_adds(out, " @ start()");
		break;
	case AT_END:
		strbuf_adds(out, " @ end()");
		break;
	}
}

static void print_offset(const struct shift *shift, struct strbuf *out)
{
	if (!shift->offset_ms && !shift->offset_expr)
		return;
	strbuf_adds(out, " offset ");
	print_ms(shift->offset_ms, shift->offset_expr, out);
}

static void print_label_name(const char *name, struct strbuf *out)
{
	size_t len = strlen(name);

	if (label_name_valid_classic(name, len))
		strbuf_add(out, name, len);
	else
		literal_quote(out, name, len);
}

static void print_names(const struct names *names, struct strbuf *out)
{
	strbuf_addch(out, '(');
	for (size_t i = 0; i < names->n; i++) {
		if (i)
			strbuf_adds(out, ", ");
		print_label_name(names->v[i], out);
	}
	strbuf_addch(out, ')');
}

/* By PromQL's rules of quoting, which are not those of matcher_print(). */
static void print_matcher(const struct matcher *m, struct strbuf *out)
{
	print_label_name(m->name, out);
	strbuf_adds(out, matcher_type_text(m->type));
	literal_quote(out, m->value, strlen(m->value));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted as texts: an operator takes part in the order. */
static void print_matchers(const struct node *node, size_t n, struct strbuf *out)
{
	char **texts = calloc(n, sizeof(*texts));

	for (size_t i = 0; texts && i < n; i++) {
		struct strbuf text = STRBUF_INIT;

		print_matcher(node->vector.matchers[i], &text);
		if (strbuf_finish(&text, &texts[i]))
			out->err = out->err ? out->err : -ENOMEM;
	}
	if (!texts || out->err) {
		out->err = out->err ? out->err : -ENOMEM;
	} else {
		qsort(texts, n, sizeof(*texts), by_text);
		for (size_t i = 0; i < n; i++)
			strbuf_addf(out, "%s%s", i ? "," : "{", texts[i]);
		strbuf_addch(out, '}');
	}
	for (size_t i = 0; texts && i < n; i++)
		free(texts[i]);
	free(texts);
}

/* The name and the braces; the name's own matcher is the last and does not stand in them. */
static void print_selector(const struct node *node, struct strbuf *out)
{
	size_t n = node->vector.n_matchers - (node->vector.name != NULL);

	if (node->vector.name)
		strbuf_adds(out, node->vector.name);
	if (n)
		print_matchers(node, n, out);
	else if (!node->vector.name)
		strbuf_adds(out, "{}");
}

static void print_extension(const struct node *vector, struct strbuf *out)
{
	static const char *const texts[] = {
		[EXTENSION_NONE] = "",
		[EXTENSION_ANCHORED] = " anchored",
		[EXTENSION_SMOOTHED] = " smoothed",
	};

	strbuf_adds(out, texts[vector->vector.extension]);
}

static void print_node(const struct node *node, struct strbuf *out);

static void print_fill(const char *word, double v, struct strbuf *out)
{
	strbuf_adds(out, word);
	num_format_decimal(out, v);
	strbuf_addch(out, ')');
}

static void print_binary(const struct node *node, struct strbuf *out)
{
	const struct matching *m = &node->binary.matching;

	/* +Inf ^ 2 would be read as +(Inf ^ 2), and printed with one sign more each time. */
	if (node->binary.op == OP_POW && node->binary.left->kind == NODE_NUMBER &&
		isinf(node->binary.left->number.value))
		strbuf_adds(out, "Inf");
	else
		print_node(node->binary.left, out);
	strbuf_addf(out, " %s%s", binary_op_text(node->binary.op),
		node->binary.returns_bool ? " bool" : "");
	if (m->labels.n || m->on || m->card != CARD_ONE_TO_ONE) {
		strbuf_adds(out, m->on ? " on " : " ignoring ");
		print_names(&m->labels, out);
	}
	if (m->card != CARD_ONE_TO_ONE) {
		strbuf_adds(out, m->card == CARD_MANY_TO_ONE ? " group_left " : " group_right ");
		print_names(&m->include, out);
	}
	if (m->fill_left)
		print_fill(m->fill_both ? " fill (" : " fill_left (", m->fill_left_value, out);
	if (m->fill_right && !m->fill_both)
		print_fill(" fill_right (", m->fill_right_value, out);
	strbuf_addch(out, ' ');
	print_node(node->binary.right, out);
}

static void print_aggregate(const struct node *node, struct strbuf *out)
{
	strbuf_adds(out, node->aggregate.aggregation->name);
	if (node->aggregate.without || node->aggregate.grouping.n) {
		strbuf_adds(out, node->aggregate.without ? " without " : " by ");
		print_names(&node->aggregate.grouping, out);
		strbuf_addch(out, ' ');
	}
	strbuf_addch(out, '(');
	if (node->aggregate.param) {
		print_node(node->aggregate.param, out);
		strbuf_adds(out, ", ");
	}
	print_node(node->aggregate.operand, out);
	strbuf_addch(out, ')');
}

static void print_call(const struct node *node, struct strbuf *out)
{
	strbuf_addf(out, "%s(", node->call.function->name);
	for (size_t i = 0; i < node->call.n_args; i++) {
		if (i)
			strbuf_adds(out, ", ");
		print_node(node->call.args[i], out);
	}
	strbuf_addch(out, ')');
}

static void print_subquery(const struct node *node, struct strbuf *out)
{
	print_node(node->subquery.operand, out);
	strbuf_addch(out, '[');
	print_ms(node->subquery.range_ms, node->subquery.range_expr, out);
	strbuf_addch(out, ':');
	if (node->subquery.step_ms || node->subquery.step_expr)
		print_ms(node->subquery.step_ms, node->subquery.step_expr, out);
	strbuf_addch(out, ']');
	print_at(&node->subquery.shift, out);
	print_offset(&node->subquery.shift, out);
}

static void print_matrix(const struct node *node, struct strbuf *out)
{
	const struct node *vector = node->matrix.vector;

	print_selector(vector, out);
	strbuf_addch(out, '[');
	print_ms(node->matrix.range_ms, node->matrix.range_expr, out);
	strbuf_addch(out, ']');
	print_extension(vector, out);
	print_at(&vector->vector.shift, out);
	print_offset(&vector->vector.shift, out);
}

static void print_node(const struct node *node, struct strbuf *out)
{
	switch (node->kind) {
	case NODE_NUMBER:
		print_number(node->number.value, node->number.is_duration, out);
		break;
	case NODE_STRING:
		literal_quote(out, node->string.s, node->string.len);
		break;
	case NODE_PAREN:
		strbuf_addch(out, '(');
		print_node(node->paren, out);
		strbuf_addch(out, ')');
		break;
	case NODE_UNARY:
		strbuf_addch(out, node->unary.minus ? '-' : '+');
		print_node(node->unary.operand, out);
		break;
	case NODE_BINARY:
		print_binary(node, out);
		break;
	case NODE_AGGREGATE:
		print_aggregate(node, out);
		break;
	case NODE_CALL:
		print_call(node, out);
		break;
	case NODE_VECTOR:
		print_selector(node, out);
		print_at(&node->vector.shift, out);
		print_extension(node, out);
		print_offset(&node->vector.shift, out);
		break;
	case NODE_MATRIX:
		print_matrix(node, out);
		break;
	case NODE_SUBQUERY:
		print_subquery(node, out);
		break;
	}
}

void promql_print(const struct promql_expr *expr, struct strbuf *out)
{
	print_node(expr->root, out);
}
