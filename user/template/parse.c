/*
 * parse.c - recursive descent over one text: nodes, pipelines, definitions.
 *
 * As Go does, it refuses at once what no data can make right: unknown functions, unknown variables,
 * a break outside of a range.
 */
#include "template/html.h"
#include "template/lex.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define MAX_VARIABLES 256
#define MAX_TEXT      ((size_t)4 << 20)

struct parser {
	struct template_set *set;
	struct parsed *parsed;
	struct lexer lexer;
	struct token token; /* looked at, not taken */
	bool has_token;
	const char *variables[MAX_VARIABLES];
	size_t n_variables;
	unsigned depth, ranges;
	bool failed, out_of_memory;
	struct template_error *err;
};

/* The first fault counts; everything above sees `failed` and returns. */
static void *fail(struct parser *p, size_t offset, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void *fail(struct parser *p, size_t offset, const char *fmt, ...)
{
	va_list args;

	if (p->failed)
		return NULL;
	p->failed = true;
	p->err->offset = offset;
	va_start(args, fmt);
	vsnprintf(p->err->text, sizeof(p->err->text), fmt, args);
	va_end(args);
	return NULL;
}

static void *out_of_memory(struct parser *p)
{
	p->out_of_memory = true;
	return fail(p, p->lexer.at, "out of memory");
}

static struct token peek(struct parser *p)
{
	if (!p->has_token) {
		p->token = lex_token(&p->lexer);
		p->has_token = true;
		if (p->token.type == TOKEN_BAD && !p->token.text)
			out_of_memory(p);
		else if (p->token.type == TOKEN_BAD)
			fail(p, p->token.offset, "%s", p->token.text);
		else if (p->token.type == TOKEN_EOF)
			fail(p, p->token.offset, "unclosed action");
	}
	return p->token;
}

static struct token take(struct parser *p)
{
	struct token token = peek(p);

	p->has_token = false;
	return token;
}

static struct token peek_word(struct parser *p)
{
	while (!p->failed && peek(p).type == TOKEN_SPACE)
		take(p);
	return peek(p);
}

static bool declared(const struct parser *p, const char *name)
{
	for (size_t i = 0; i < p->n_variables; i++) {
		if (streq(p->variables[i], name))
			return true;
	}
	return false;
}

static void declare(struct parser *p, const char *name, size_t offset)
{
	if (p->n_variables == MAX_VARIABLES)
		fail(p, offset, "more than %d variables", MAX_VARIABLES);
	else
		p->variables[p->n_variables++] = name;
}

static struct pipeline *parse_pipeline(struct parser *p, enum token_type end, bool declares);

static void parse_fields(struct parser *p, struct operand *operand)
{
	while (!p->failed && peek(p).type == TOKEN_FIELD) {
		struct token token = take(p);

		if (!arena_reserve(&p->parsed->arena, operand->fields, operand->n_fields,
			    operand->cap_fields)) {
			out_of_memory(p);
			return;
		}
		operand->fields[operand->n_fields++] = token.text;
	}
}

static void parse_word(struct parser *p, const struct token *token, struct operand *operand)
{
	if (streq(token->text, "true") || streq(token->text, "false")) {
		operand->type = OPERAND_CONSTANT;
		operand->value = tvalue_bool(token->text[0] == 't');
	} else if (streq(token->text, "nil")) {
		operand->type = OPERAND_NIL;
	} else if (streq(token->text, "and") || streq(token->text, "or") ||
		   template_function_find(p->set, token->text)) {
		operand->type = OPERAND_FUNCTION;
		operand->name = token->text;
	} else {
		fail(p, token->offset, "function \"%s\" not defined", token->text);
	}
}

/* False: what comes next is not an operand. */
static bool parse_operand(struct parser *p, struct operand *operand)
{
	struct token token = peek(p);

	*operand = (struct operand){ .offset = token.offset };
	switch (token.type) {
	case TOKEN_DOT:
		operand->type = OPERAND_DOT;
		break;
	case TOKEN_FIELD:
		/* .A is the dot and its field; parse_fields() takes it. */
		operand->type = OPERAND_DOT;
		parse_fields(p, operand);
		return true;
	case TOKEN_VARIABLE:
		operand->type = OPERAND_VARIABLE;
		operand->name = token.text;
		if (!declared(p, token.text))
			fail(p, token.offset, "undefined variable \"%s\"", token.text);
		break;
	case TOKEN_WORD:
		parse_word(p, &token, operand);
		break;
	case TOKEN_CONSTANT:
		operand->type = OPERAND_CONSTANT;
		operand->value = token.value;
		break;
	case TOKEN_LEFT:
		take(p);
		operand->type = OPERAND_PIPELINE;
		operand->pipeline = parse_pipeline(p, TOKEN_RIGHT, false);
		parse_fields(p, operand);
		return true;
	default:
		return false;
	}
	take(p);
	if (operand->type != OPERAND_VARIABLE && operand->type != OPERAND_FUNCTION && !p->failed &&
		peek(p).type == TOKEN_FIELD)
		fail(p, operand->offset, "unexpected . after a constant, nil or .");
	parse_fields(p, operand);
	return true;
}

static void parse_command(struct parser *p, struct command *command)
{
	struct operand operand;

	command->offset = peek_word(p).offset;
	while (!p->failed && parse_operand(p, &operand)) {
		if (!arena_reserve(
			    &p->parsed->arena, command->operands, command->n, command->cap)) {
			out_of_memory(p);
			return;
		}
		command->operands[command->n++] = operand;
		if (p->failed || peek(p).type != TOKEN_SPACE)
			break;
		peek_word(p);
	}
	if (!p->failed && !command->n)
		fail(p, command->offset, "missing value for command");
}

/* `$a :=`, `$a =`, and in a range `$i, $e :=`. What looks like one and is not is an operand. */
static void parse_declaration(struct parser *p, struct pipeline *pipeline, bool in_range)
{
	struct token first = peek_word(p), next;
	struct lexer saved = p->lexer;

	if (p->failed || first.type != TOKEN_VARIABLE)
		return;
	take(p);
	next = peek_word(p);
	if (next.type == TOKEN_COMMA && in_range) {
		take(p);
		next = peek_word(p);
		if (next.type != TOKEN_VARIABLE) {
			fail(p, next.offset, "range can only initialize variables");
			return;
		}
		pipeline->variables[1] = take(p).text;
		pipeline->n_variables = 1;
		next = peek_word(p);
	}
	if (next.type != TOKEN_DECLARE && next.type != TOKEN_ASSIGN) {
		p->lexer = saved;
		p->token = first;
		p->has_token = true;
		pipeline->n_variables = 0;
		return;
	}
	take(p);
	pipeline->variables[0] = first.text;
	pipeline->n_variables++;
	pipeline->assigns = next.type == TOKEN_ASSIGN;
	for (size_t i = 0; i < pipeline->n_variables && pipeline->assigns; i++) {
		if (!declared(p, pipeline->variables[i]))
			fail(p, first.offset, "undefined variable \"%s\"", pipeline->variables[i]);
	}
}

static struct pipeline *parse_pipeline_in(
	struct parser *p, enum token_type end, bool declares, bool in_range)
{
	struct pipeline *pipeline = arena_new(&p->parsed->arena, struct pipeline);
	struct token token;

	if (!pipeline)
		return out_of_memory(p);
	if (++p->depth > TEMPLATE_MAX_DEPTH)
		return fail(p, p->lexer.at, "nested more than %d deep", TEMPLATE_MAX_DEPTH);
	pipeline->offset = peek_word(p).offset;
	if (declares)
		parse_declaration(p, pipeline, in_range);
	while (!p->failed) {
		if (!arena_reserve(
			    &p->parsed->arena, pipeline->commands, pipeline->n, pipeline->cap))
			return out_of_memory(p);
		parse_command(p, &pipeline->commands[pipeline->n++]);
		token = p->failed ? (struct token){ 0 } : peek_word(p);
		if (p->failed || token.type == end)
			break;
		if (token.type != TOKEN_PIPE)
			return fail(p, token.offset, "unexpected %s in command",
				token.text ? token.text : "token");
		take(p);
	}
	if (p->failed)
		return NULL;
	take(p);
	/* Only functions, fields and variables can be given an argument by the pipe. */
	for (size_t i = 1; i < pipeline->n; i++) {
		const struct operand *first = &pipeline->commands[i].operands[0];

		if (first->type == OPERAND_CONSTANT || first->type == OPERAND_NIL ||
			(first->type == OPERAND_DOT && !first->n_fields))
			return fail(p, first->offset,
				"non executable command in pipeline stage %zu", i + 1);
	}
	for (size_t i = 0; i < pipeline->n_variables && !pipeline->assigns; i++)
		declare(p, pipeline->variables[i], pipeline->offset);
	p->depth--;
	return pipeline;
}

static struct pipeline *parse_pipeline(struct parser *p, enum token_type end, bool declares)
{
	return parse_pipeline_in(p, end, declares, false);
}

enum stop { STOP_EOF, STOP_END, STOP_ELSE };

static struct node *parse_list(struct parser *p, enum stop *ret_stop);

static struct node *add_node(
	struct parser *p, struct node ***tail, enum node_type type, size_t offset)
{
	struct node *node = arena_new(&p->parsed->arena, struct node);

	if (!node)
		return out_of_memory(p);
	node->type = type;
	node->offset = offset;
	**tail = node;
	*tail = &node->next;
	return node;
}

static void expect_end(struct parser *p, const char *what)
{
	struct token token = peek_word(p);

	if (p->failed)
		return;
	if (token.type != TOKEN_END)
		fail(p, token.offset, "unexpected %s in %s", token.text ? token.text : "token",
			what);
	take(p);
}

/* {{if}}, {{with}} and {{range}}: a pipeline, a body, and what stands after {{else}}. */
static void parse_control(struct parser *p, struct node *node)
{
	size_t outer = p->n_variables, inner;
	enum stop stop;
	struct node **tail = &node->otherwise, *chained;
	struct token token;

	node->pipeline = parse_pipeline_in(p, TOKEN_END, true, node->type == NODE_RANGE);
	inner = p->n_variables;
	p->ranges += node->type == NODE_RANGE;
	if (!p->failed)
		node->body = parse_list(p, &stop);
	p->ranges -= node->type == NODE_RANGE;
	p->n_variables = inner;
	if (!p->failed && stop == STOP_EOF)
		fail(p, node->offset, "unexpected EOF: an {{end}} is missing");
	if (!p->failed && stop == STOP_ELSE) {
		token = peek_word(p);
		/* {{else if}} is an if inside the else, ended by the same {{end}}. */
		if (token.type == TOKEN_WORD &&
			((streq(token.text, "if") && node->type == NODE_IF) ||
				(streq(token.text, "with") && node->type == NODE_WITH))) {
			take(p);
			chained = add_node(p, &tail, node->type, token.offset);
			if (chained && ++p->depth > TEMPLATE_MAX_DEPTH)
				fail(p, token.offset, "nested more than %d deep",
					TEMPLATE_MAX_DEPTH);
			if (chained && !p->failed)
				parse_control(p, chained);
			p->depth -= chained != NULL;
		} else {
			expect_end(p, "else");
			if (!p->failed)
				node->otherwise = parse_list(p, &stop);
			if (!p->failed && stop != STOP_END)
				fail(p, node->offset, "expected {{end}} after {{else}}");
		}
	}
	p->n_variables = outer;
}

static const char *parse_name(struct parser *p, const char *what)
{
	struct token token = peek_word(p);

	if (!p->failed && (token.type != TOKEN_CONSTANT || token.value.type != TVALUE_STRING))
		fail(p, token.offset, "missing name of the %s, a string", what);
	if (p->failed)
		return NULL;
	take(p);
	return token.value.str.s;
}

static void define(struct parser *p, const char *name, struct node *body)
{
	struct definition *definition = arena_new(&p->parsed->arena, struct definition);

	if (!definition) {
		out_of_memory(p);
		return;
	}
	*definition = (struct definition){ .parsed = p->parsed, .body = body };
	if (map_puts(&p->set->definitions, name, definition))
		out_of_memory(p);
}

/* The body of {{define}} and {{block}}: it sees no variables from outside, only $. */
static void parse_definition(struct parser *p, const char *name, size_t offset)
{
	const char *saved[MAX_VARIABLES];
	size_t n = p->n_variables;
	unsigned ranges = p->ranges;
	struct node *body;
	enum stop stop = STOP_EOF;

	memcpy(saved, p->variables, n * sizeof(*saved));
	p->variables[0] = "$";
	p->n_variables = 1;
	p->ranges = 0;
	body = p->failed ? NULL : parse_list(p, &stop);
	if (!p->failed && stop != STOP_END)
		fail(p, offset, "unexpected EOF in a definition: an {{end}} is missing");
	if (!p->failed)
		define(p, name, body);
	memcpy(p->variables, saved, n * sizeof(*saved));
	p->n_variables = n;
	p->ranges = ranges;
}

static void parse_template(struct parser *p, struct node ***tail, size_t offset, bool block)
{
	const char *name = parse_name(p, block ? "block" : "template");
	struct node *node = p->failed ? NULL : add_node(p, tail, NODE_TEMPLATE, offset);

	if (!node)
		return;
	node->text = name;
	if (block || peek_word(p).type != TOKEN_END)
		node->pipeline = parse_pipeline(p, TOKEN_END, false);
	else
		take(p);
	if (block && !p->failed)
		parse_definition(p, name, offset);
}

/* One action. True: it was {{end}} or {{else}}, which *ret_stop tells. */
static bool parse_action(struct parser *p, struct node ***tail, enum stop *ret_stop)
{
	static const struct {
		const char *word;
		enum node_type type;
	} controls[] = { { "if", NODE_IF }, { "range", NODE_RANGE }, { "with", NODE_WITH } };
	struct token token = peek_word(p);
	const char *word = token.type == TOKEN_WORD ? token.text : "";
	struct node *node;

	for (size_t i = 0; i < ARRAY_SIZE(controls); i++) {
		if (!streq(word, controls[i].word))
			continue;
		take(p);
		node = add_node(p, tail, controls[i].type, token.offset);
		if (node)
			parse_control(p, node);
		return false;
	}
	if (streq(word, "end") || streq(word, "else")) {
		take(p);
		*ret_stop = word[1] == 'n' ? STOP_END : STOP_ELSE;
		if (*ret_stop == STOP_END)
			expect_end(p, "end");
		return true;
	}
	if (streq(word, "break") || streq(word, "continue")) {
		take(p);
		if (!p->ranges)
			fail(p, token.offset, "{{%s}} outside {{range}}", word);
		expect_end(p, word);
		add_node(p, tail, word[0] == 'b' ? NODE_BREAK : NODE_CONTINUE, token.offset);
	} else if (streq(word, "template") || streq(word, "block")) {
		take(p);
		parse_template(p, tail, token.offset, word[0] == 'b');
	} else if (streq(word, "define")) {
		const char *name;

		if (p->depth > 1)
			fail(p, token.offset,
				"unexpected {{define}}: it stands within another action");
		take(p);
		name = parse_name(p, "define");
		expect_end(p, "define clause");
		if (!p->failed)
			parse_definition(p, name, token.offset);
	} else {
		node = add_node(p, tail, NODE_ACTION, token.offset);
		if (node)
			node->pipeline = parse_pipeline(p, TOKEN_END, true);
	}
	return false;
}

static struct node *parse_list(struct parser *p, enum stop *ret_stop)
{
	struct node *first = NULL, **tail = &first, *node;
	const char *text, *bad;
	enum text_end end;
	size_t len;

	*ret_stop = STOP_EOF;
	if (++p->depth > TEMPLATE_MAX_DEPTH)
		return fail(p, p->lexer.at, "nested more than %d deep", TEMPLATE_MAX_DEPTH);
	while (!p->failed) {
		end = lex_text(&p->lexer, &text, &len, &bad);
		if (end == TEXT_BAD)
			return fail(p, p->lexer.at, "%s", bad);
		if (len) {
			node = add_node(p, &tail, NODE_TEXT, (size_t)(text - p->lexer.text));
			if (!node)
				return NULL;
			node->text = text;
			node->len = len;
		}
		if (end == TEXT_AT_END ||
			(end == TEXT_AT_ACTION && parse_action(p, &tail, ret_stop)))
			break;
	}
	p->depth--;
	return first;
}

static struct parsed *parsed_new(const char *name, const char *text, size_t len)
{
	struct parsed *parsed = calloc(1, sizeof(*parsed));

	if (!parsed)
		return NULL;
	parsed->name = arena_strdup(&parsed->arena, name);
	parsed->text = arena_strndup(&parsed->arena, text, len);
	if (!parsed->name || !parsed->text) {
		arena_release(&parsed->arena);
		free(parsed);
		return NULL;
	}
	return parsed;
}

int template_parse(struct template_set *set, const char *name, const char *text, size_t len,
	struct template_error *err)
{
	struct parser p = { .set = set, .err = err, .variables = { "$" }, .n_variables = 1 };
	enum stop stop = STOP_EOF;
	struct node *body;

	if (len > MAX_TEXT) {
		snprintf(err->text, sizeof(err->text), "the template is larger than %zu bytes",
			MAX_TEXT);
		return -EINVAL;
	}
	p.parsed = parsed_new(name, text, len);
	if (!p.parsed)
		return -ENOMEM;
	html_forget(set);
	/* Even a text with faults stays until the set goes: definitions may point into it already. */
	p.parsed->next = set->parsed;
	set->parsed = p.parsed;
	p.lexer = (struct lexer){ .arena = &p.parsed->arena, .text = p.parsed->text, .len = len };
	body = parse_list(&p, &stop);
	if (!p.failed && stop != STOP_EOF)
		fail(&p, p.lexer.at, "unexpected {{%s}}", stop == STOP_END ? "end" : "else");
	if (!p.failed)
		define(&p, name, body);
	return p.out_of_memory ? -ENOMEM : p.failed ? -EINVAL : 0;
}
