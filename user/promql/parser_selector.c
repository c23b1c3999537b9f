/*
 * parser_selector.c - selectors, and what may stand behind them: offset, @, [range], [range:step].
 */
#include "promql/parser.h"

#include <errno.h>
#include <math.h>
#include "base/num.h"

struct matcher_list {
	const struct matcher **v;
	size_t n, cap;
};

static int add_matcher(struct parser *p, struct matcher_list *list, enum matcher_type type,
	const char *name, const char *value, struct span span)
{
	struct promql_expr *expr = p->expr;
	struct matcher *matcher;
	char error[200];
	int err;

	if (!vec_reserve(expr->matchers, expr->n_matchers, expr->matchers_cap) ||
		!arena_reserve(&expr->arena, list->v, list->n, list->cap))
		return parse_out_of_memory(p);
	err = matcher_new(type, name, value, &matcher, error, sizeof(error));
	if (err == -ENOMEM)
		return parse_out_of_memory(p);
	if (err)
		return parse_fault(p, span, "error parsing regexp: %s: `%.80s`", error, value);
	expr->matchers[expr->n_matchers++] = matcher;
	list->v[list->n++] = matcher;
	return 0;
}

static bool match_op(const struct parser *p, enum matcher_type *ret)
{
	switch (p->token.type) {
	case TOKEN_EQL:
		*ret = MATCH_EQUAL;
		return true;
	case TOKEN_NEQ:
		*ret = MATCH_NOT_EQUAL;
		return true;
	case TOKEN_EQL_REGEX:
		*ret = MATCH_REGEX;
		return true;
	case TOKEN_NEQ_REGEX:
		*ret = MATCH_NOT_REGEX;
		return true;
	default:
		return false;
	}
}

/* name="value", "name"="value", or "metric name" alone. */
static int parse_matcher(struct parser *p, struct matcher_list *list)
{
	bool quoted = p->token.type == TOKEN_STRING;
	struct span span = parse_token_span(p);
	enum matcher_type type;
	const char *value;
	char *name;

	if (!quoted && p->token.type != TOKEN_IDENTIFIER)
		return parse_unexpected(p, "label matching", "identifier or \"}\"");
	name = quoted ? parse_unquote(p, NULL)
		      : arena_strndup(
				&p->expr->arena, p->expr->text + span.from, span.to - span.from);
	if (!name)
		return p->status ? p->status : parse_out_of_memory(p);
	parse_advance(p);
	if (!match_op(p, &type)) {
		if (!quoted)
			return parse_unexpected(p, "label matching", "label matching operator");
		return add_matcher(p, list, MATCH_EQUAL, LABEL_NAME, name, span);
	}
	parse_advance(p);
	if (p->token.type != TOKEN_STRING)
		return parse_unexpected(p, "label matching", "string");
	value = parse_unquote(p, NULL);
	if (!value)
		return p->status;
	span.to = p->token.to;
	parse_advance(p);
	return add_matcher(p, list, type, name, value, span);
}

static int parse_braces(struct parser *p, struct matcher_list *list)
{
	parse_advance(p);
	while (p->token.type != TOKEN_RIGHT_BRACE) {
		if (parse_matcher(p, list))
			return p->status;
		if (p->token.type != TOKEN_COMMA && p->token.type != TOKEN_RIGHT_BRACE)
			return parse_unexpected(p, "label matching", "\",\" or \"}\"");
		parse_accept(p, TOKEN_COMMA);
	}
	parse_advance(p);
	return 0;
}

struct node *parse_vector(struct parser *p, const struct token *name)
{
	struct matcher_list list = { 0 };
	struct node *node = parse_node(p, NODE_VECTOR, name ? name->from : p->token.from);

	if (!node)
		return NULL;
	if (p->token.type == TOKEN_LEFT_BRACE && parse_braces(p, &list))
		return NULL;
	node->span.to = p->last_to;
	if (name) {
		node->vector.name = arena_strndup(
			&p->expr->arena, p->expr->text + name->from, name->to - name->from);
		if (!node->vector.name) {
			parse_out_of_memory(p);
			return NULL;
		}
		if (add_matcher(p, &list, MATCH_EQUAL, LABEL_NAME, node->vector.name, node->span))
			return NULL;
	}
	node->vector.matchers = list.v;
	node->vector.n_matchers = list.n;
	return node;
}

/* Where a node keeps `offset` and `@`; NULL, and a fault, for one that cannot have them. */
static struct shift *shift_of(struct parser *p, struct node *node, const char *modifier)
{
	switch (node->kind) {
	case NODE_VECTOR:
		return &node->vector.shift;
	case NODE_MATRIX:
		return &node->matrix.vector->vector.shift;
	case NODE_SUBQUERY:
		return &node->subquery.shift;
	default:
		parse_fault(p, node->span,
			"%s modifier must be preceded by an instant vector selector or range vector "
			"selector or a subquery",
			modifier);
		return NULL;
	}
}

struct node *parse_offset(struct parser *p, struct node *node)
{
	const struct duration_expr *d;
	struct shift *shift;

	parse_advance(p);
	d = parse_offset_duration(p);
	if (!d)
		return NULL;
	shift = shift_of(p, node, "offset");
	if (!shift)
		return NULL;
	if (shift->offset_ms || shift->offset_expr) {
		parse_fault(p, node->span, "offset may not be set multiple times");
		return NULL;
	}
	if (d->kind == DURATION_NUMBER)
		shift->offset_ms = duration_expr_ms(d);
	else
		shift->offset_expr = d;
	node->span.to = p->last_to;
	return node;
}

/* The time behind @: a number, or start(), or end(). */
static int parse_at_time(struct parser *p, struct shift *ret)
{
	double sign = 1, seconds;
	char text[NUM_MAX];

	if (p->token.type == TOKEN_START || p->token.type == TOKEN_END) {
		ret->at = p->token.type == TOKEN_START ? AT_START : AT_END;
		parse_advance(p);
		if (!parse_accept(p, TOKEN_LEFT_PAREN) || !parse_accept(p, TOKEN_RIGHT_PAREN))
			return parse_unexpected(p, "@", "timestamp");
		return 0;
	}
	if (p->token.type == TOKEN_ADD || p->token.type == TOKEN_SUB) {
		sign = p->token.type == TOKEN_SUB ? -1 : 1;
		parse_advance(p);
	}
	if (p->token.type != TOKEN_NUMBER && p->token.type != TOKEN_DURATION)
		return parse_unexpected(p, "@", "timestamp");
	if (parse_number_value(p, &seconds))
		return p->status;
	seconds *= sign;
	if (!(fabs(seconds) * 1000 < (double)PROMQL_MAX_TIME_MS)) {
		num_format(text, seconds);
		return parse_fault(p, (struct span){ p->last_from, p->last_to },
			"timestamp out of bounds for @ modifier: %s", text);
	}
	ret->at = AT_TIME;
	ret->at_wall_ms = llround(seconds * 1000);
	return 0;
}

struct node *parse_at(struct parser *p, struct node *node)
{
	struct shift at = { 0 }, *shift;

	parse_advance(p);
	if (parse_at_time(p, &at))
		return NULL;
	shift = shift_of(p, node, "@");
	if (!shift)
		return NULL;
	if (shift->at != AT_NONE) {
		parse_fault(p, node->span, "@ <timestamp> may not be set multiple times");
		return NULL;
	}
	shift->at = at.at;
	shift->at_wall_ms = at.at_wall_ms;
	node->span.to = p->last_to;
	return node;
}

struct node *parse_extension(struct parser *p, struct node *node)
{
	enum extension extension =
		p->token.type == TOKEN_ANCHORED ? EXTENSION_ANCHORED : EXTENSION_SMOOTHED;
	const char *name = extension == EXTENSION_ANCHORED ? "anchored" : "smoothed";
	struct node *vector = node->kind == NODE_MATRIX ? node->matrix.vector : node;

	parse_advance(p);
	if (vector->kind == NODE_SUBQUERY) {
		parse_fault(p, node->span, "%s modifier is not supported for subqueries", name);
		return NULL;
	}
	if (vector->kind != NODE_VECTOR) {
		parse_fault(p, node->span, "%s modifier not implemented", name);
		return NULL;
	}
	if (vector->vector.extension && vector->vector.extension != extension) {
		parse_fault(
			p, node->span, "anchored and smoothed modifiers cannot be used together");
		return NULL;
	}
	vector->vector.extension = extension;
	node->span.to = p->last_to;
	return node;
}

static void set_ms(const struct duration_expr *d, int64_t *ret_ms, const struct duration_expr **ret)
{
	if (d->kind == DURATION_NUMBER)
		*ret_ms = duration_expr_ms(d);
	else
		*ret = d;
}

static struct node *make_matrix(
	struct parser *p, struct node *vector, const struct duration_expr *range, size_t bracket)
{
	struct span brackets = { bracket, p->last_to };
	const struct shift *shift = &vector->vector.shift;
	struct node *node = NULL;

	if (vector->kind != NODE_VECTOR)
		parse_fault(p, brackets, "ranges only allowed for vector selectors");
	else if (shift->offset_ms || shift->offset_expr)
		parse_fault(p, brackets, "no offset modifiers allowed before range");
	else if (shift->at != AT_NONE)
		parse_fault(p, brackets, "no @ modifiers allowed before range");
	else
		node = parse_node(p, NODE_MATRIX, vector->span.from);
	if (node) {
		node->matrix.vector = vector;
		set_ms(range, &node->matrix.range_ms, &node->matrix.range_expr);
		node->depth = vector->depth + 1;
	}
	return node;
}

struct node *parse_brackets(struct parser *p, struct node *operand)
{
	const struct duration_expr *range, *step = NULL;
	size_t bracket = p->token.from;
	struct node *node;

	parse_advance(p);
	range = parse_duration(p);
	if (!range)
		return NULL;
	if (parse_accept(p, TOKEN_RIGHT_BRACKET))
		return make_matrix(p, operand, range, bracket);
	if (!parse_accept(p, TOKEN_COLON)) {
		parse_unexpected(p, "subquery or range", "\":\" or \"]\"");
		return NULL;
	}
	if (p->token.type != TOKEN_RIGHT_BRACKET) {
		step = parse_duration(p);
		if (!step)
			return NULL;
	}
	if (!parse_accept(p, TOKEN_RIGHT_BRACKET)) {
		parse_unexpected(p, "subquery selector", "\"]\"");
		return NULL;
	}
	node = parse_node(p, NODE_SUBQUERY, operand->span.from);
	if (!node)
		return NULL;
	node->subquery.operand = operand;
	set_ms(range, &node->subquery.range_ms, &node->subquery.range_expr);
	if (step)
		set_ms(step, &node->subquery.step_ms, &node->subquery.step_expr);
	node->depth = operand->depth + 1;
	return node;
}
