/*
 * parser.h - what the files of the parser share.
 *
 * Each parse_...() either returns its node, or NULL with the fault in p->err and in p->status.
 */
#ifndef TOLLD_PROMQL_PARSER_H
#define TOLLD_PROMQL_PARSER_H

#include "promql/ast.h"
#include "promql/lexer.h"

struct parser {
	struct promql_expr *expr;
	struct promql_error *err;
	struct lexer lexer;
	struct token token; /* the next one */
	size_t last_from;   /* where the last number began */
	size_t last_to;	    /* where the last token ended */
	unsigned depth;
	int status; /* 0, -EINVAL, -ENOMEM; the first fault stays */
};

int parse_out_of_memory(struct parser *p);
int parse_fault(struct parser *p, struct span span, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* "unexpected <op:*> in context, expected ..."; the last two may be NULL. */
int parse_unexpected(struct parser *p, const char *context, const char *expected);
struct span parse_token_span(const struct parser *p);
void parse_advance(struct parser *p);
bool parse_accept(struct parser *p, enum token_type type);
/* Whether the next token is this word, in any case of letters. */
bool parse_token_is(const struct parser *p, const char *word);
/* Around whatever recurses. False when it is too deep; parse_leave() is due all the same. */
bool parse_enter(struct parser *p);
void parse_leave(struct parser *p);

struct node *parse_node(struct parser *p, enum node_kind kind, size_t from);
/* The next token, a string, unquoted in the arena; NULL on a fault. */
char *parse_unquote(struct parser *p, size_t *ret_len);

/* parser_selector.c; the name is before the braces, or NULL. */
struct node *parse_vector(struct parser *p, const struct token *name);
struct node *parse_offset(struct parser *p, struct node *node);
struct node *parse_at(struct parser *p, struct node *node);
struct node *parse_brackets(struct parser *p, struct node *node);
struct node *parse_extension(struct parser *p, struct node *node);

/* parser_duration.c */
/* The next token, a number or a duration, in seconds; eats it. */
int parse_number_value(struct parser *p, double *ret);
/* Arithmetic on durations. Behind `offset` only signs, calls and parentheses belong to it. */
struct duration_expr *parse_duration(struct parser *p);
struct duration_expr *parse_offset_duration(struct parser *p);
/* Of a DURATION_NUMBER: its milliseconds. */
int64_t duration_expr_ms(const struct duration_expr *d);

#endif
