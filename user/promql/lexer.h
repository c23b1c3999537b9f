/*
 * lexer.h - PromQL's text cut into tokens, one at a time.
 *
 * What a word means depends on where it stands, as in Prometheus: inside braces every word is a
 * name, inside brackets only what makes a duration is known. The lexer keeps track of that itself.
 */
#ifndef TOLLD_PROMQL_LEXER_H
#define TOLLD_PROMQL_LEXER_H

#include "base/strbuf.h"

enum token_type {
	TOKEN_EOF,
	TOKEN_ERROR, /* lexer->error says what, from token.from to the end of the text */
	TOKEN_IDENTIFIER,
	TOKEN_METRIC, /* an identifier with a colon in it */
	TOKEN_NUMBER,
	TOKEN_DURATION,
	TOKEN_STRING, /* its quotes included */
	TOKEN_LEFT_PAREN,
	TOKEN_RIGHT_PAREN,
	TOKEN_LEFT_BRACE,
	TOKEN_RIGHT_BRACE,
	TOKEN_LEFT_BRACKET,
	TOKEN_RIGHT_BRACKET,
	TOKEN_COMMA,
	TOKEN_COLON,
	TOKEN_EQL, /* = */
	/* Operators; the binary ones in the order of enum binary_op. */
	TOKEN_ADD,
	TOKEN_SUB,
	TOKEN_MUL,
	TOKEN_DIV,
	TOKEN_MOD,
	TOKEN_POW,
	TOKEN_ATAN2,
	TOKEN_EQLC,
	TOKEN_NEQ,
	TOKEN_LTE,
	TOKEN_LSS,
	TOKEN_GTE,
	TOKEN_GTR,
	TOKEN_TRIM_UPPER,
	TOKEN_TRIM_LOWER,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_UNLESS,
	TOKEN_EQL_REGEX,
	TOKEN_NEQ_REGEX,
	TOKEN_AT,
	/* Any aggregation's name: which one, its text says. */
	TOKEN_AGGREGATION,
	/* Keywords. */
	TOKEN_BOOL,
	TOKEN_BY,
	TOKEN_GROUP_LEFT,
	TOKEN_GROUP_RIGHT,
	TOKEN_IGNORING,
	TOKEN_OFFSET,
	TOKEN_ON,
	TOKEN_WITHOUT,
	TOKEN_SMOOTHED,
	TOKEN_ANCHORED,
	TOKEN_FILL,
	TOKEN_FILL_LEFT,
	TOKEN_FILL_RIGHT,
	/* Words that are functions, modifiers or names. */
	TOKEN_START,
	TOKEN_END,
	TOKEN_STEP,
	TOKEN_RANGE,
};

struct token {
	enum token_type type;
	size_t from, to; /* bytes of the text */
};

struct lexer {
	const char *text;
	size_t len, at;
	unsigned parens;
	bool in_braces;
	bool in_brackets;
	bool after_number; /* in brackets: a number stood there, an operator or the end must follow */
	bool got_colon;
	char error[160];
};

void lexer_init(struct lexer *lexer, const char *text, size_t len);
/* The next token; comments and white space are skipped. After an error it gives errors for ever. */
void lexer_next(struct lexer *lexer, struct token *ret);

/* Adds how Prometheus's messages name a token: <op:*>, identifier "b", end of input. */
void token_describe(const struct token *token, const char *text, struct strbuf *out);

#endif
