/*
 * node.h - a parsed template: what parse.c makes and exec.c walks. Everything lives in the arena of
 * the text that it came from.
 */
#ifndef TOLLD_TEMPLATE_NODE_H
#define TOLLD_TEMPLATE_NODE_H

#include "base/map.h"
#include "template/html_escape.h"
#include "template/template.h"

enum node_type {
	NODE_TEXT,
	NODE_ACTION, /* {{pipeline}} */
	NODE_IF,
	NODE_RANGE,
	NODE_WITH,
	NODE_TEMPLATE, /* {{template "name" pipeline}}, and {{block}} */
	NODE_BREAK,
	NODE_CONTINUE,
};

struct node {
	enum node_type type;
	size_t offset;
	struct node *next;
	const char *text; /* NODE_TEXT; NODE_TEMPLATE: the name */
	size_t len;
	struct pipeline *pipeline; /* may be NULL for NODE_TEMPLATE */
	struct node *body, *otherwise;
	/* Only in copies for HTML, see html.h: */
	enum html_escaper escapers[HTML_MAX_ESCAPERS]; /* NODE_ACTION */
	const struct definition *callee;	       /* NODE_TEMPLATE */
};

enum operand_type {
	OPERAND_DOT,
	OPERAND_NIL,
	OPERAND_CONSTANT, /* value */
	OPERAND_VARIABLE, /* $name */
	OPERAND_FUNCTION, /* name */
	OPERAND_PIPELINE, /* ( ... ) */
};

/* One word of a command: what it starts from, and the chain of .Fields behind it. */
struct operand {
	enum operand_type type;
	size_t offset;
	struct tvalue value;
	const char *name;
	struct pipeline *pipeline;
	const char **fields;
	size_t n_fields, cap_fields;
};

struct command {
	size_t offset;
	struct operand *operands;
	size_t n, cap;
};

struct pipeline {
	size_t offset;
	const char *variables[2]; /* $a, $b := or = */
	size_t n_variables;
	bool assigns; /* = and not := */
	struct command *commands;
	size_t n, cap;
};

/* A named template. */
struct definition {
	struct parsed *parsed; /* whose text and arena it is part of */
	struct node *body;
};

/* One text that was parsed. */
struct parsed {
	struct arena arena;
	char *name;
	char *text;
	struct parsed *next;
};

struct template_set {
	enum template_mode mode;
	const struct template_function *functions;
	struct parsed *parsed;
	struct map definitions;	     /* of struct definition, in their text's arena */
	struct html_templates *html; /* TEMPLATE_HTML, once something was executed */
};

#define TEMPLATE_MAX_DEPTH 100

const struct template_function *template_function_find(
	const struct template_set *set, const char *name);
/* builtins.c: Go's own functions, ending with a NULL name. `and` and `or` are the evaluator's. */
extern const struct template_function template_builtins[];
/* printf.c */
int template_printf(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret);
/* value.c: Go's name of a value's type, for messages. */
const char *tvalue_type_name(const struct tvalue *value);

#endif
