/*
 * parser_duration.c - numbers, durations, and arithmetic on durations.
 */
#include "promql/parser.h"

#include <errno.h>
#include <math.h>
#include <strings.h>
#include "model/duration.h"
#include "promql/literal.h"

/* Go's time.Duration counts nanoseconds in 64 bits. */
#define MAX_SECONDS 9223372036.0

#define PRECEDENCE_SUM	   1u
#define PRECEDENCE_PRODUCT 2u
#define PRECEDENCE_POWER   3u

static int read_duration(struct parser *p, double *ret)
{
	static const char *const units[] = { "y", "w", "d", "h", "m", "s", "ms" };
	const char *s = p->expr->text + p->token.from, *unit;
	size_t len = p->token.to - p->token.from, n;
	int64_t ms;
	int err = duration_parse(s, len, &ms);

	if (err == -ERANGE)
		return parse_fault(p, parse_token_span(p), "duration out of range");
	if (!err) {
		*ret = (double)ms / 1000;
		return 0;
	}
	for (size_t i = 0; i < len; i += n) {
		i += strspn(s + i, "0123456789");
		n = strspn(s + i, "smhdwy");
		n = MIN(n, len - i);
		unit = NULL;
		for (size_t k = 0; k < ARRAY_SIZE(units); k++) {
			if (strlen(units[k]) == n && !memcmp(units[k], s + i, n))
				unit = units[k];
		}
		if (!unit && n)
			return parse_fault(p, parse_token_span(p),
				"unknown unit \"%.*s\" in duration \"%.*s\"", (int)n, s + i,
				(int)MIN(len, (size_t)80), s);
		if (!n)
			break;
	}
	return parse_fault(p, parse_token_span(p), "not a valid duration string: \"%.*s\"",
		(int)MIN(len, (size_t)80), s);
}

int parse_number_value(struct parser *p, double *ret)
{
	size_t len = p->token.to - p->token.from;
	const char *s = p->expr->text + p->token.from;

	if (p->token.type == TOKEN_DURATION) {
		if (read_duration(p, ret))
			return p->status;
	} else if (literal_number(s, len, ret)) {
		return parse_fault(p, parse_token_span(p), "error parsing number: \"%.*s\"",
			(int)MIN(len, (size_t)80), s);
	}
	p->last_from = p->token.from;
	parse_advance(p);
	return 0;
}

static struct duration_expr *new_expr(struct parser *p, enum duration_kind kind, size_t from,
	struct duration_expr *left, struct duration_expr *right)
{
	struct duration_expr *d = arena_new(&p->expr->arena, struct duration_expr);

	if (!d) {
		parse_out_of_memory(p);
		return NULL;
	}
	d->kind = kind;
	d->left = left;
	d->right = right;
	d->span = (struct span){ from, p->last_to };
	d->depth = 1 + MAX(left ? left->depth : 0, right ? right->depth : 0);
	if (d->depth > PROMQL_MAX_DEPTH) {
		parse_fault(p, d->span, "the expression is nested more than %d levels deep",
			PROMQL_MAX_DEPTH);
		return NULL;
	}
	return d;
}

static struct duration_expr *in_range(struct parser *p, struct duration_expr *d)
{
	if (!d || d->kind != DURATION_NUMBER || fabs(d->seconds) <= MAX_SECONDS)
		return d;
	parse_fault(p, d->span, "duration out of range");
	return NULL;
}

static struct duration_expr *parse_literal(struct parser *p)
{
	bool is_duration = p->token.type == TOKEN_DURATION;
	struct duration_expr *d;
	double seconds;

	if (parse_number_value(p, &seconds))
		return NULL;
	d = new_expr(p, DURATION_NUMBER, p->last_from, NULL, NULL);
	if (d) {
		d->seconds = seconds;
		d->is_duration = is_duration;
	}
	return in_range(p, d);
}

static struct duration_expr *parse_sum(struct parser *p, unsigned lowest);

static bool expect(struct parser *p, enum token_type type)
{
	if (parse_accept(p, type))
		return true;
	parse_unexpected(p, "subquery or range selector", "number, duration, step(), or range()");
	return false;
}

/* step(), range(), min_of(a, b), max_of(a, b) */
static struct duration_expr *parse_duration_call(struct parser *p, enum duration_kind kind)
{
	struct duration_expr *left = NULL, *right = NULL;
	size_t from = p->token.from;

	parse_advance(p);
	if (!expect(p, TOKEN_LEFT_PAREN))
		return NULL;
	if (kind == DURATION_MIN_OF || kind == DURATION_MAX_OF) {
		left = parse_sum(p, PRECEDENCE_SUM);
		if (!left || !expect(p, TOKEN_COMMA))
			return NULL;
		right = parse_sum(p, PRECEDENCE_SUM);
		if (!right)
			return NULL;
	}
	if (!expect(p, TOKEN_RIGHT_PAREN))
		return NULL;
	return new_expr(p, kind, from, left, right);
}

static struct duration_expr *parse_duration_paren(struct parser *p)
{
	size_t from = p->token.from;
	struct duration_expr *d;

	parse_advance(p);
	d = parse_sum(p, PRECEDENCE_SUM);
	if (!d || !expect(p, TOKEN_RIGHT_PAREN))
		return NULL;
	/* A number alone has nowhere to note its parentheses. */
	if (d->kind == DURATION_NUMBER) {
		d = new_expr(p, DURATION_UNARY, from, NULL, d);
		if (d)
			d->op = OP_ADD;
	}
	if (d)
		d->wrapped = true;
	return d;
}

static bool is_duration_call(const struct parser *p, enum duration_kind *ret)
{
	if (p->token.type == TOKEN_STEP)
		*ret = DURATION_STEP;
	else if (p->token.type == TOKEN_RANGE)
		*ret = DURATION_RANGE;
	else if (p->token.type == TOKEN_IDENTIFIER && parse_token_is(p, "min_of"))
		*ret = DURATION_MIN_OF;
	else if (p->token.type == TOKEN_IDENTIFIER && parse_token_is(p, "max_of"))
		*ret = DURATION_MAX_OF;
	else
		return false;
	return true;
}

static struct duration_expr *parse_duration_primary(struct parser *p)
{
	enum duration_kind kind;

	switch (p->token.type) {
	case TOKEN_NUMBER:
	case TOKEN_DURATION:
		return parse_literal(p);
	case TOKEN_LEFT_PAREN:
		return parse_duration_paren(p);
	default:
		return is_duration_call(p, &kind) ? parse_duration_call(p, kind) : NULL;
	}
}

static struct duration_expr *negate(
	struct parser *p, bool minus, size_t from, struct duration_expr *d)
{
	if (d && d->kind == DURATION_NUMBER) {
		if (minus)
			d->seconds = -d->seconds;
		d->span.from = from;
		return d;
	}
	if (!d || !minus)
		return d;
	d = new_expr(p, DURATION_UNARY, from, NULL, d);
	if (d)
		d->op = OP_SUB;
	return d;
}

static struct duration_expr *parse_signed(struct parser *p)
{
	bool minus = p->token.type == TOKEN_SUB;
	size_t from = p->token.from;
	struct duration_expr *d;

	if (minus || p->token.type == TOKEN_ADD) {
		parse_advance(p);
		return negate(p, minus, from, parse_sum(p, PRECEDENCE_POWER));
	}
	d = parse_duration_primary(p);
	if (!d && !p->status)
		parse_unexpected(
			p, "subquery or range selector", "number, duration, step(), or range()");
	return d;
}

static struct duration_expr *parse_operation(
	struct parser *p, struct duration_expr *left, enum binary_op op, unsigned precedence)
{
	struct span op_span = parse_token_span(p);
	struct duration_expr *right, *d;

	parse_advance(p);
	right = parse_sum(p, precedence + (op != OP_POW));
	if (!right)
		return NULL;
	if ((op == OP_DIV || op == OP_MOD) && right->kind == DURATION_NUMBER &&
		right->seconds == 0) {
		parse_fault(p, op_span, op == OP_DIV ? "division by zero" : "modulo by zero");
		return NULL;
	}
	d = new_expr(p, DURATION_BINARY, left->span.from, left, right);
	if (d)
		d->op = op;
	return d;
}

static struct duration_expr *parse_sum(struct parser *p, unsigned lowest)
{
	static const unsigned char precedences[] = {
		[OP_ADD] = PRECEDENCE_SUM,
		[OP_SUB] = PRECEDENCE_SUM,
		[OP_MUL] = PRECEDENCE_PRODUCT,
		[OP_DIV] = PRECEDENCE_PRODUCT,
		[OP_MOD] = PRECEDENCE_PRODUCT,
		[OP_POW] = PRECEDENCE_POWER,
	};
	struct duration_expr *d = NULL;
	enum binary_op op;

	if (parse_enter(p))
		d = parse_signed(p);
	while (d && p->token.type >= TOKEN_ADD && p->token.type <= TOKEN_POW) {
		op = (enum binary_op)(p->token.type - TOKEN_ADD);
		if (precedences[op] < lowest)
			break;
		d = parse_operation(p, d, op, precedences[op]);
	}
	parse_leave(p);
	return d;
}

struct duration_expr *parse_duration(struct parser *p)
{
	struct duration_expr *d = parse_sum(p, PRECEDENCE_SUM);

	if (d && d->kind == DURATION_NUMBER && duration_expr_ms(d) <= 0) {
		parse_fault(p, d->span, "duration must be greater than 0");
		return NULL;
	}
	return d;
}

struct duration_expr *parse_offset_duration(struct parser *p)
{
	bool minus = p->token.type == TOKEN_SUB, has_sign = minus || p->token.type == TOKEN_ADD;
	size_t from = p->token.from;
	struct duration_expr *d;

	if (has_sign)
		parse_advance(p);
	d = parse_duration_primary(p);
	if (!d && !p->status)
		parse_unexpected(p, "offset", "number, duration, step(), or range()");
	return has_sign ? negate(p, minus, from, d) : d;
}

int64_t duration_expr_ms(const struct duration_expr *d)
{
	return llround(d->seconds * 1000);
}
