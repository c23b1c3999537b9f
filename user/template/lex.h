/*
 * lex.h - tokens of what stands between {{ and }}.
 */
#ifndef TOLLD_TEMPLATE_LEX_H
#define TOLLD_TEMPLATE_LEX_H

#include "template/node.h"

enum token_type {
	TOKEN_END, /* }} */
	TOKEN_EOF, /* the text ends inside an action */
	TOKEN_SPACE,
	TOKEN_DOT,
	TOKEN_FIELD,	/* .name, text without the dot */
	TOKEN_VARIABLE, /* $ or $name, with the $ */
	TOKEN_WORD,	/* a function, true, false, nil, or a keyword */
	TOKEN_CONSTANT, /* value */
	TOKEN_PIPE,
	TOKEN_LEFT,
	TOKEN_RIGHT,
	TOKEN_DECLARE, /* := */
	TOKEN_ASSIGN,  /* = */
	TOKEN_COMMA,
	TOKEN_BAD, /* `text` says why; NULL: memory is out */
};

struct token {
	enum token_type type;
	size_t offset;
	const char *text; /* in the arena */
	struct tvalue value;
};

struct lexer {
	struct arena *arena;
	const char *text;
	size_t len, at;
	bool trim; /* the last }} was a -}} */
};

enum text_end { TEXT_AT_END, TEXT_AT_ACTION, TEXT_AT_COMMENT, TEXT_BAD };

/*
 * Moves over plain text: *ret_text..*ret_len is what stands before the next action, with white space
 * trimmed where a {{- or the -}} before says so. A comment is passed over, and the text goes on.
 * TEXT_BAD: *ret_bad says why.
 */
enum text_end lex_text(
	struct lexer *lexer, const char **ret_text, size_t *ret_len, const char **ret_bad);
struct token lex_token(struct lexer *lexer);

#endif
