/*
 * parser.c - recursive descent through PromQL's grammar, precedence by climbing.
 *
 * The first fault ends it. Depth is counted in two ways: how deep the parser recurses, and how deep
 * the tree below each node is (a long chain of operators nests to the left without recursion here,
 * but everything behind the parser recurses through it).
 */
#include "promql/parser.h"

#include <errno.h>
#include <strings.h>
#include "model/intern.h"
#include "promql/functions.h"
#include "promql/literal.h"

/* How tightly an operator binds; all but ^ group to the left. */
static const unsigned char precedences[BINARY_OPS] = {
	[OP_OR] = 1,
	[OP_AND] = 2,
	[OP_UNLESS] = 2,
	[OP_EQL] = 3,
	[OP_NEQ] = 3,
	[OP_LTE] = 3,
	[OP_LSS] = 3,
	[OP_GTE] = 3,
	[OP_GTR] = 3,
	[OP_TRIM_UPPER] = 3,
	[OP_TRIM_LOWER] = 3,
	[OP_ADD] = 4,
	[OP_SUB] = 4,
	[OP_MUL] = 5,
	[OP_DIV] = 5,
	[OP_MOD] = 5,
	[OP_ATAN2] = 5,
	[OP_POW] = 6,
};

#define PRECEDENCE_LOWEST 1u

/* Operators that bind at least this tightly. */
static struct node *parse_expr(struct parser *p, unsigned lowest);

int parse_out_of_memory(struct parser *p)
{
	p->status = -ENOMEM;
	return -ENOMEM;
}

int parse_fault(struct parser *p, struct span span, const char *fmt, ...)
{
	va_list args;

	if (p->status)
		return p->status;
	va_start(args, fmt);
	p->status = promql_vfault(p->err, span, fmt, args);
	va_end(args);
	return p->status;
}

struct span parse_token_span(const struct parser *p)
{
	return (struct span){ p->token.from, p->token.to };
}

int parse_unexpected(struct parser *p, const char *context, const char *expected)
{
	struct strbuf what;

	if (p->token.type == TOKEN_ERROR)
		return parse_fault(p, parse_token_span(p), "%s", p->lexer.error);
	strbuf_init(&what, 256);
	token_describe(&p->token, p->expr->text, &what);
	parse_fault(p, parse_token_span(p), "unexpected %.250s%s%s%s%s", what.s,
		context ? " in " : "", context ? context : "", expected ? ", expected " : "",
		expected ? expected : "");
	strbuf_release(&what);
	return p->status;
}

void parse_advance(struct parser *p)
{
	p->last_to = p->token.to;
	lexer_next(&p->lexer, &p->token);
}

bool parse_accept(struct parser *p, enum token_type type)
{
	if (p->token.type != type)
		return false;
	parse_advance(p);
	return true;
}

bool parse_token_is(const struct parser *p, const char *word)
{
	size_t len = p->token.to - p->token.from;

	return strlen(word) == len && !strncasecmp(p->expr->text + p->token.from, word, len);
}

bool parse_enter(struct parser *p)
{
	if (++p->depth <= PROMQL_MAX_DEPTH)
		return true;
	parse_fault(p, parse_token_span(p), "the expression is nested more than %d levels deep",
		PROMQL_MAX_DEPTH);
	return false;
}

void parse_leave(struct parser *p)
{
	p->depth--;
}

struct node *parse_node(struct parser *p, enum node_kind kind, size_t from)
{
	struct node *node = arena_new(&p->expr->arena, struct node);

	if (!node) {
		parse_out_of_memory(p);
		return NULL;
	}
	node->kind = kind;
	node->span = (struct span){ from, p->last_to };
	node->depth = 1;
	return node;
}

/* Sets the depth of a node whose children are complete. */
static struct node *finish(struct parser *p, struct node *node)
{
	node_foreach_child(node, child) node->depth = MAX(node->depth, child->depth + 1);
	if (node->depth <= PROMQL_MAX_DEPTH)
		return node;
	parse_fault(p, node->span, "the expression is nested more than %d levels deep",
		PROMQL_MAX_DEPTH);
	return NULL;
}

static const char *parse_intern(struct parser *p, const char *s, size_t len)
{
	struct promql_expr *expr = p->expr;
	const char *name;

	if (!vec_reserve(expr->interned, expr->n_interned, expr->interned_cap)) {
		parse_out_of_memory(p);
		return NULL;
	}
	name = intern(s, len);
	if (name)
		expr->interned[expr->n_interned++] = name;
	else
		parse_out_of_memory(p);
	return name;
}

char *parse_unquote(struct parser *p, size_t *ret_len)
{
	struct strbuf text = STRBUF_INIT;
	char *copy = NULL;

	literal_unquote(&text, p->expr->text + p->token.from, p->token.to - p->token.from);
	if (!text.err)
		copy = arena_strndup(&p->expr->arena, text.s, text.len);
	if (!copy) {
		parse_out_of_memory(p);
	} else if (strlen(copy) != text.len) {
		/* Texts end at a NUL everywhere in this house: half of one must not match. */
		parse_fault(p, parse_token_span(p), "a string must not contain a NUL byte");
		copy = NULL;
	}
	if (ret_len)
		*ret_len = text.len;
	strbuf_release(&text);
	return copy;
}

/* -- names in parentheses: by (...), on (...), group_left (...) ------------------------------ */

static bool label_token(const struct parser *p)
{
	enum token_type type = p->token.type;

	return type == TOKEN_IDENTIFIER || type == TOKEN_METRIC || type == TOKEN_STRING ||
	       type == TOKEN_AGGREGATION || (type >= TOKEN_BOOL && type <= TOKEN_RANGE) ||
	       type == TOKEN_ATAN2 || (type >= TOKEN_AND && type <= TOKEN_UNLESS);
}

static int parse_label(struct parser *p, struct names *ret, size_t *cap)
{
	const char *name;
	size_t len = p->token.to - p->token.from;

	if (!label_token(p))
		return parse_unexpected(p, "grouping opts", "label");
	if (p->token.type == TOKEN_STRING) {
		const char *text = parse_unquote(p, &len);

		if (!text)
			return p->status;
		if (!len)
			return parse_unexpected(p, "grouping opts", "label");
		name = parse_intern(p, text, len);
	} else {
		name = parse_intern(p, p->expr->text + p->token.from, len);
	}
	if (!name)
		return p->status;
	if (!arena_reserve(&p->expr->arena, ret->v, ret->n, *cap))
		return parse_out_of_memory(p);
	ret->v[ret->n++] = name;
	parse_advance(p);
	return 0;
}

static int parse_labels(struct parser *p, struct names *ret)
{
	size_t cap = 0;

	if (p->token.type != TOKEN_LEFT_PAREN)
		return parse_unexpected(p, "grouping opts", "\"(\"");
	parse_advance(p);
	while (p->token.type != TOKEN_RIGHT_PAREN) {
		if (parse_label(p, ret, &cap))
			return p->status;
		if (p->token.type != TOKEN_COMMA && p->token.type != TOKEN_RIGHT_PAREN)
			return parse_unexpected(p, "grouping opts", "\",\" or \")\"");
		parse_accept(p, TOKEN_COMMA);
	}
	parse_advance(p);
	return 0;
}

/* -- primaries ------------------------------------------------------------------------------- */

static int parse_args(struct parser *p, struct node ***ret, size_t *ret_n)
{
	struct node **args = NULL, *arg;
	size_t n = 0, cap = 0;

	parse_advance(p);
	while (p->token.type != TOKEN_RIGHT_PAREN) {
		if (n) {
			struct span comma = parse_token_span(p);

			if (!parse_accept(p, TOKEN_COMMA))
				return parse_unexpected(p, NULL, NULL);
			if (p->token.type == TOKEN_RIGHT_PAREN)
				return parse_fault(p, comma,
					"trailing commas not allowed in function call args");
		}
		arg = parse_expr(p, PRECEDENCE_LOWEST);
		if (!arg)
			return p->status;
		if (!arena_reserve(&p->expr->arena, args, n, cap))
			return parse_out_of_memory(p);
		args[n++] = arg;
	}
	parse_advance(p);
	*ret = args;
	*ret_n = n;
	return 0;
}

static struct node *parse_call(struct parser *p, const struct token *name)
{
	const char *text = p->expr->text + name->from, *nearest = NULL;
	int len = (int)MIN(name->to - name->from, (size_t)100);
	const struct function *function;
	struct node *node = parse_node(p, NODE_CALL, name->from);

	if (!node)
		return NULL;
	function = function_find(text, name->to - name->from, &nearest);
	if (!function) {
		parse_fault(p, (struct span){ name->from, name->to },
			"unknown function with name \"%.*s\"%s%s%s", len, text,
			nearest ? " (did you mean \"" : "", nearest ? nearest : "",
			nearest ? "\"?)" : "");
		return NULL;
	}
	node->call.function = function;
	if (parse_args(p, &node->call.args, &node->call.n_args))
		return NULL;
	node->span.to = p->last_to;
	return finish(p, node);
}

static int parse_grouping(struct parser *p, struct node *node)
{
	node->aggregate.without = p->token.type == TOKEN_WITHOUT;
	parse_advance(p);
	return parse_labels(p, &node->aggregate.grouping);
}

static struct node *parse_aggregate(struct parser *p, const struct token *name)
{
	const struct aggregation *a =
		aggregation_find(p->expr->text + name->from, name->to - name->from);
	struct node *node = parse_node(p, NODE_AGGREGATE, name->from), **args = NULL;
	size_t n = 0, wanted = a->param ? 2 : 1;
	bool grouped = p->token.type != TOKEN_LEFT_PAREN;

	if (!node || (grouped && parse_grouping(p, node)))
		return NULL;
	if (p->token.type != TOKEN_LEFT_PAREN) {
		parse_unexpected(p, "aggregation", NULL);
		return NULL;
	}
	if (parse_args(p, &args, &n))
		return NULL;
	if (!grouped && (p->token.type == TOKEN_BY || p->token.type == TOKEN_WITHOUT) &&
		parse_grouping(p, node))
		return NULL;
	node->span.to = p->last_to;
	if (!n) {
		parse_fault(p, node->span, "no arguments for aggregate expression provided");
		return NULL;
	}
	if (n != wanted) {
		parse_fault(p, node->span,
			"wrong number of arguments for aggregate expression provided, expected %zu, got %zu",
			wanted, n);
		return NULL;
	}
	node->aggregate.aggregation = a;
	node->aggregate.param = a->param ? args[0] : NULL;
	node->aggregate.operand = args[wanted - 1];
	return finish(p, node);
}

static struct node *parse_paren(struct parser *p)
{
	struct node *node, *inner;
	size_t from = p->token.from;

	parse_advance(p);
	inner = parse_expr(p, PRECEDENCE_LOWEST);
	if (!inner)
		return NULL;
	if (!parse_accept(p, TOKEN_RIGHT_PAREN)) {
		parse_unexpected(p, NULL, NULL);
		return NULL;
	}
	node = parse_node(p, NODE_PAREN, from);
	if (!node)
		return NULL;
	node->paren = inner;
	return finish(p, node);
}

static struct node *parse_number(struct parser *p)
{
	bool is_duration = p->token.type == TOKEN_DURATION;
	struct node *node;
	double value;

	if (parse_number_value(p, &value))
		return NULL;
	node = parse_node(p, NODE_NUMBER, p->last_from);
	if (!node)
		return NULL;
	node->number.value = value;
	node->number.is_duration = is_duration;
	return node;
}

static struct node *parse_string(struct parser *p)
{
	size_t from = p->token.from;
	struct node *node;
	size_t len;
	char *s;

	s = parse_unquote(p, &len);
	if (!s)
		return NULL;
	parse_advance(p);
	node = parse_node(p, NODE_STRING, from);
	if (!node)
		return NULL;
	node->string.s = s;
	node->string.len = len;
	return node;
}

/* A word: a call, an aggregation, or a metric, by what follows it. */
static struct node *parse_word(struct parser *p)
{
	struct token name = p->token;
	enum token_type type = name.type;

	switch (type) {
	case TOKEN_BOOL:
	case TOKEN_ON:
	case TOKEN_IGNORING:
	case TOKEN_GROUP_LEFT:
	case TOKEN_GROUP_RIGHT:
	case TOKEN_FILL:
	case TOKEN_FILL_LEFT:
	case TOKEN_FILL_RIGHT:
		parse_unexpected(p, NULL, NULL);
		return NULL;
	default:
		break;
	}
	parse_advance(p);
	if (type == TOKEN_AGGREGATION &&
		(p->token.type == TOKEN_LEFT_PAREN || p->token.type == TOKEN_BY ||
			p->token.type == TOKEN_WITHOUT))
		return parse_aggregate(p, &name);
	if ((type == TOKEN_IDENTIFIER || type >= TOKEN_START) && p->token.type == TOKEN_LEFT_PAREN)
		return parse_call(p, &name);
	return parse_vector(p, &name);
}

static struct node *parse_primary(struct parser *p)
{
	switch (p->token.type) {
	case TOKEN_NUMBER:
	case TOKEN_DURATION:
		return parse_number(p);
	case TOKEN_STRING:
		return parse_string(p);
	case TOKEN_LEFT_PAREN:
		return parse_paren(p);
	case TOKEN_LEFT_BRACE:
		return parse_vector(p, NULL);
	case TOKEN_IDENTIFIER:
	case TOKEN_METRIC:
	case TOKEN_AND:
	case TOKEN_OR:
	case TOKEN_UNLESS:
		return parse_word(p);
	default:
		if (p->token.type >= TOKEN_AGGREGATION)
			return parse_word(p);
		parse_unexpected(p, NULL, NULL);
		return NULL;
	}
}

static struct node *parse_postfix(struct parser *p)
{
	struct node *node = parse_primary(p);

	while (node) {
		switch (p->token.type) {
		case TOKEN_OFFSET:
			node = parse_offset(p, node);
			break;
		case TOKEN_AT:
			node = parse_at(p, node);
			break;
		case TOKEN_LEFT_BRACKET:
			node = parse_brackets(p, node);
			break;
		case TOKEN_ANCHORED:
		case TOKEN_SMOOTHED:
			node = parse_extension(p, node);
			break;
		default:
			return finish(p, node);
		}
	}
	return NULL;
}

static struct node *parse_unary(struct parser *p)
{
	bool minus = p->token.type == TOKEN_SUB;
	size_t from = p->token.from;
	struct node *node, *operand;

	if (p->token.type != TOKEN_ADD && !minus)
		return parse_postfix(p);
	parse_advance(p);
	/* -1^2 is -(1^2), -1*2 is (-1)*2: the sign binds as * does. */
	operand = parse_expr(p, precedences[OP_MUL] + 1);
	if (!operand)
		return NULL;
	if (operand->kind == NODE_NUMBER) {
		if (minus)
			operand->number.value = -operand->number.value;
		operand->span.from = from;
		return operand;
	}
	node = parse_node(p, NODE_UNARY, from);
	if (!node)
		return NULL;
	node->unary.minus = minus;
	node->unary.operand = operand;
	return finish(p, node);
}

/* -- binary operations ----------------------------------------------------------------------- */

/* fill(0), fill_left(-1) */
static int parse_fill_value(struct parser *p, double *ret)
{
	double sign = 1;

	parse_advance(p);
	parse_advance(p);
	if (p->token.type == TOKEN_SUB || p->token.type == TOKEN_ADD) {
		sign = p->token.type == TOKEN_SUB ? -1 : 1;
		parse_advance(p);
	}
	if (p->token.type != TOKEN_NUMBER && p->token.type != TOKEN_DURATION)
		return parse_unexpected(p, "fill modifier", "number");
	if (parse_number_value(p, ret))
		return p->status;
	*ret *= sign;
	if (!parse_accept(p, TOKEN_RIGHT_PAREN))
		return parse_unexpected(p, "fill modifier", "\")\"");
	return 0;
}

static int parse_fill(struct parser *p, struct matching *m)
{
	if (p->token.type == TOKEN_FILL) {
		m->fill_left = m->fill_right = m->fill_both = true;
		if (parse_fill_value(p, &m->fill_left_value))
			return p->status;
		m->fill_right_value = m->fill_left_value;
		return 0;
	}
	for (;;) {
		if (p->token.type == TOKEN_FILL_LEFT && !m->fill_left) {
			m->fill_left = true;
			parse_fill_value(p, &m->fill_left_value);
		} else if (p->token.type == TOKEN_FILL_RIGHT && !m->fill_right) {
			m->fill_right = true;
			parse_fill_value(p, &m->fill_right_value);
		} else {
			return 0;
		}
		if (p->status)
			return p->status;
	}
}

/* bool, on, ignoring, group_left, group_right, fill. */
static int parse_matching(struct parser *p, struct node *node)
{
	struct matching *m = &node->binary.matching;

	node->binary.returns_bool = parse_accept(p, TOKEN_BOOL);
	if (p->token.type == TOKEN_ON || p->token.type == TOKEN_IGNORING) {
		m->on = p->token.type == TOKEN_ON;
		parse_advance(p);
		if (parse_labels(p, &m->labels))
			return p->status;
		if (p->token.type == TOKEN_GROUP_LEFT || p->token.type == TOKEN_GROUP_RIGHT) {
			m->card = p->token.type == TOKEN_GROUP_LEFT ? CARD_MANY_TO_ONE
								    : CARD_ONE_TO_MANY;
			parse_advance(p);
			if (p->token.type == TOKEN_LEFT_PAREN && parse_labels(p, &m->include))
				return p->status;
		}
	}
	return parse_fill(p, m);
}

static struct node *parse_binary(struct parser *p, struct node *left, enum binary_op op)
{
	struct node *node = parse_node(p, NODE_BINARY, left->span.from);

	if (!node)
		return NULL;
	node->binary.op = op;
	node->binary.left = left;
	node->binary.op_span = parse_token_span(p);
	parse_advance(p);
	if (parse_matching(p, node))
		return NULL;
	node->binary.op_span.to = p->last_to;
	node->binary.right = parse_expr(p, precedences[op] + (op != OP_POW));
	if (!node->binary.right)
		return NULL;
	node->span.to = node->binary.right->span.to;
	return finish(p, node);
}

static struct node *parse_expr(struct parser *p, unsigned lowest)
{
	struct node *node = NULL;
	enum binary_op op;

	if (parse_enter(p))
		node = parse_unary(p);
	while (node && p->token.type >= TOKEN_ADD && p->token.type <= TOKEN_UNLESS) {
		op = (enum binary_op)(p->token.type - TOKEN_ADD);
		if (precedences[op] < lowest)
			break;
		node = parse_binary(p, node, op);
	}
	parse_leave(p);
	return node;
}

int promql_parse_tree(struct promql_expr *expr, struct promql_error *err)
{
	struct parser p = { .expr = expr, .err = err };

	lexer_init(&p.lexer, expr->text, expr->len);
	parse_advance(&p);
	if (p.token.type == TOKEN_EOF)
		return parse_fault(&p, (struct span){ 0, 0 }, "no expression found in input");
	expr->root = parse_expr(&p, PRECEDENCE_LOWEST);
	if (expr->root && p.token.type != TOKEN_EOF)
		parse_unexpected(&p, NULL, NULL);
	return p.status;
}
