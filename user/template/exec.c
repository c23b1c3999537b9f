/*
 * exec.c - executes a parsed template on a value.
 *
 * Steps, depth, output and the memory of values made on the way are limited. All output goes to a
 * buffer of its own first, so that a failure leaves nothing half-said.
 */
#include "template/html.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define DEFAULT_OUTPUT ((size_t)1 << 20)
#define DEFAULT_STEPS  1000000u
#define DEFAULT_BYTES  ((size_t)16 << 20)
#define MAX_ARGUMENTS  64
#define MAX_VARIABLES  512
#define MAX_NESTING    1000

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_FAILED };

struct variable {
	const char *name;
	struct tvalue value;
};

struct execution {
	struct template_set *set;
	const struct definition *definition;
	const char *name;
	struct strbuf out;
	struct arena arena;
	struct template_call call;
	struct variable *variables;
	size_t n_variables, cap_variables;
	size_t steps, max_steps;
	unsigned depth, nesting;
	struct template_error *err;
};

int template_call_fail(struct template_call *call, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(call->error, call->error_size, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* Go's form: template: name:line:column: executing "name" at ...: what. */
static int fail_at(struct execution *x, size_t offset, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int fail_at(struct execution *x, size_t offset, const char *fmt, ...)
{
	const char *text = x->definition->parsed->text;
	unsigned line = 1, column = 0;
	char what[300];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	for (size_t i = 0; i < offset; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 0;
		}
	}
	x->err->offset = offset;
	snprintf(x->err->text, sizeof(x->err->text), "template: %s:%u:%u: executing \"%s\": %s",
		x->definition->parsed->name, line, column, x->name, what);
	return -EINVAL;
}

static int spend_step(struct execution *x, size_t offset)
{
	if (++x->steps > x->max_steps)
		return fail_at(x, offset, "it takes more than %zu steps", x->max_steps);
	if (x->out.err)
		return fail_at(x, offset, "its output is larger than %zu bytes", x->out.max);
	return 0;
}

static struct variable *find_variable(struct execution *x, const char *name)
{
	for (size_t i = x->n_variables; i-- > 0;) {
		if (streq(x->variables[i].name, name))
			return &x->variables[i];
	}
	return NULL;
}

static int push_variable(
	struct execution *x, const char *name, const struct tvalue *value, size_t offset)
{
	if (x->n_variables == MAX_VARIABLES)
		return fail_at(x, offset, "more than %d variables", MAX_VARIABLES);
	if (!vec_reserve(x->variables, x->n_variables, x->cap_variables))
		return fail_at(x, offset, "out of memory");
	x->variables[x->n_variables++] = (struct variable){ .name = name, .value = *value };
	return 0;
}

static int eval_pipeline(struct execution *x, const struct tvalue *dot,
	const struct pipeline *pipeline, struct tvalue *ret);

static int map_field(struct execution *x, const struct tvalue *map, const char *name, size_t offset,
	struct tvalue *ret)
{
	for (size_t i = 0; i < map->map.n; i++) {
		if (streq(map->map.pairs[i].key, name)) {
			*ret = *map->map.pairs[i].value;
			return 0;
		}
	}
	if (map->map.struct_type)
		return fail_at(x, offset, "can't evaluate field %s in type %s", name,
			map->map.struct_type);
	*ret = map->map.of_strings ? tvalue_string("", 0)
				   : (struct tvalue){ .type = TVALUE_NO_VALUE };
	return 0;
}

/* -ENOENT: there is none of that name. */
static int call_method(struct execution *x, const struct tvalue *receiver, const char *name,
	const struct tvalue *args, size_t n, size_t offset, struct tvalue *ret)
{
	const struct tvalue_class *class = NULL;
	const void *self = receiver;
	char error[256] = "";
	int err;

	if (receiver->type == TVALUE_OBJECT) {
		class = receiver->object.class;
		self = receiver->object.self;
	} else if (receiver->type == TVALUE_LIST) {
		class = receiver->list.class;
	} else if (receiver->type == TVALUE_MAP) {
		class = receiver->map.class;
	}
	if (!class || !class->get)
		return -ENOENT;
	x->call.error = error;
	x->call.error_size = sizeof(error);
	err = class->get(&x->call, self, name, args, n, ret);
	if (err && err != -ENOENT)
		return fail_at(
			x, offset, "error calling %s: %s", name, error[0] ? error : strerror(-err));
	return err;
}

/* receiver.name, called with n arguments where it is a method. */
static int eval_field(struct execution *x, const struct tvalue *receiver, const char *name,
	const struct tvalue *args, size_t n, size_t offset, struct tvalue *ret)
{
	int err = call_method(x, receiver, name, args, n, offset, ret);

	if (err != -ENOENT)
		return err;
	if (receiver->type == TVALUE_MAP) {
		if (n)
			return fail_at(x, offset, "%s is not a method but has arguments", name);
		return map_field(x, receiver, name, offset, ret);
	}
	if (receiver->type == TVALUE_NIL) {
		*ret = *receiver;
		return 0;
	}
	if (receiver->type == TVALUE_NO_VALUE)
		return fail_at(x, offset, "nil pointer evaluating interface {}.%s", name);
	return fail_at(
		x, offset, "can't evaluate field %s in type %s", name, tvalue_type_name(receiver));
}

/* What an operand starts from, before its .fields. */
static int eval_start(struct execution *x, const struct tvalue *dot, const struct operand *operand,
	struct tvalue *ret)
{
	const struct variable *variable;

	switch (operand->type) {
	case OPERAND_DOT:
		*ret = *dot;
		return 0;
	case OPERAND_NIL:
		*ret = (struct tvalue){ .type = TVALUE_NIL };
		return 0;
	case OPERAND_CONSTANT:
		*ret = operand->value;
		return 0;
	case OPERAND_VARIABLE:
		variable = find_variable(x, operand->name);
		if (!variable)
			return fail_at(x, operand->offset, "undefined variable: %s", operand->name);
		*ret = variable->value;
		return 0;
	case OPERAND_PIPELINE:
		return eval_pipeline(x, dot, operand->pipeline, ret);
	case OPERAND_FUNCTION:
		break;
	}
	return -EINVAL;
}

static int call_function(struct execution *x, const struct operand *operand,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct template_function *f = template_function_find(x->set, operand->name);
	char error[256] = "";
	int err;

	if (n < (size_t)f->min || (f->max >= 0 && n > (size_t)f->max))
		return fail_at(x, operand->offset, "wrong number of args for %s: want %s%d got %zu",
			f->name, f->max == f->min ? "" : "at least ", f->min, n);
	x->call.error = error;
	x->call.error_size = sizeof(error);
	err = f->call(&x->call, args, n, ret);
	if (err)
		return fail_at(x, operand->offset, "error calling %s: %s", f->name,
			error[0] ? error : strerror(-err));
	return 0;
}

static int eval_operand(struct execution *x, const struct tvalue *dot,
	const struct operand *operand, const struct tvalue *args, size_t n, struct tvalue *ret);

/* `and` and `or` look at no more arguments than they need. */
static int eval_logic(struct execution *x, const struct tvalue *dot, const struct command *command,
	const struct tvalue *final, struct tvalue *ret)
{
	bool is_and = command->operands[0].name[0] == 'a';
	int err;

	if (command->n < 2 && !final)
		return fail_at(x, command->offset,
			"wrong number of args for %s: want at least 1 got 0",
			command->operands[0].name);
	for (size_t i = 1; i < command->n; i++) {
		err = eval_operand(x, dot, &command->operands[i], NULL, 0, ret);
		if (err)
			return err;
		if (tvalue_truth(ret) != is_and)
			return 0;
	}
	if (final)
		*ret = *final;
	return 0;
}

/* An operand with the arguments of its command: a function, a method, or a plain value. */
static int eval_operand(struct execution *x, const struct tvalue *dot,
	const struct operand *operand, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct tvalue value;
	bool last;
	int err;

	if (operand->type == OPERAND_FUNCTION) {
		bool with_fields = operand->n_fields > 0;

		err = call_function(
			x, operand, with_fields ? NULL : args, with_fields ? 0 : n, &value);
	} else {
		err = eval_start(x, dot, operand, &value);
	}
	for (size_t i = 0; i < operand->n_fields && !err; i++) {
		last = i + 1 == operand->n_fields;
		struct tvalue receiver = value;

		err = eval_field(x, &receiver, operand->fields[i], last ? args : NULL, last ? n : 0,
			operand->offset, &value);
	}
	if (err)
		return err;
	if (n && !operand->n_fields && operand->type != OPERAND_FUNCTION)
		return fail_at(x, operand->offset, "can't give argument to non-function");
	*ret = value;
	return 0;
}

static int eval_command(struct execution *x, const struct tvalue *dot,
	const struct command *command, const struct tvalue *final, struct tvalue *ret)
{
	const struct operand *first = &command->operands[0];
	struct tvalue args[MAX_ARGUMENTS];
	size_t n = 0;
	int err;

	err = spend_step(x, command->offset);
	if (err)
		return err;
	if (first->type == OPERAND_NIL)
		return fail_at(x, first->offset, "nil is not a command");
	if (first->type == OPERAND_FUNCTION && !first->n_fields &&
		(streq(first->name, "and") || streq(first->name, "or")))
		return eval_logic(x, dot, command, final, ret);
	if (command->n > MAX_ARGUMENTS - 1)
		return fail_at(x, command->offset, "more than %d arguments", MAX_ARGUMENTS - 2);
	for (size_t i = 1; i < command->n; i++) {
		err = eval_operand(x, dot, &command->operands[i], NULL, 0, &args[n++]);
		if (err)
			return err;
	}
	if (final)
		args[n++] = *final;
	return eval_operand(x, dot, first, args, n, ret);
}

static int eval_pipeline(struct execution *x, const struct tvalue *dot,
	const struct pipeline *pipeline, struct tvalue *ret)
{
	struct tvalue value = { 0 }, before;
	int err;

	if (++x->depth > TEMPLATE_MAX_DEPTH)
		return fail_at(
			x, pipeline->offset, "exceeded maximum depth (%d)", TEMPLATE_MAX_DEPTH);
	for (size_t i = 0; i < pipeline->n; i++) {
		before = value;
		err = eval_command(x, dot, &pipeline->commands[i], i ? &before : NULL, &value);
		if (err)
			return err;
	}
	x->depth--;
	*ret = value.type == TVALUE_NO_VALUE ? (struct tvalue){ .type = TVALUE_NIL } : value;
	return 0;
}

/* A range sets its variables itself, for each element. */
static int bind(
	struct execution *x, const struct pipeline *pipeline, size_t i, const struct tvalue *value)
{
	struct variable *variable;

	if (i >= pipeline->n_variables)
		return 0;
	if (!pipeline->assigns)
		return push_variable(x, pipeline->variables[i], value, pipeline->offset);
	variable = find_variable(x, pipeline->variables[i]);
	if (!variable)
		return fail_at(
			x, pipeline->offset, "undefined variable: %s", pipeline->variables[i]);
	variable->value = *value;
	return 0;
}

static enum flow run(struct execution *x, const struct tvalue *dot, const struct node *node);

static enum flow run_branch(struct execution *x, const struct tvalue *dot, const struct node *node)
{
	size_t variables = x->n_variables;
	struct tvalue value;
	enum flow flow;

	if (eval_pipeline(x, dot, node->pipeline, &value) || bind(x, node->pipeline, 0, &value))
		return FLOW_FAILED;
	if (tvalue_truth(&value))
		flow = run(x, node->type == NODE_WITH ? &value : dot, node->body);
	else
		flow = run(x, dot, node->otherwise);
	x->n_variables = variables;
	return flow;
}

/* The i-th element of what is ranged over, and its key. False past the end. */
static int element(struct execution *x, const struct tvalue *over, size_t i, struct tvalue *key,
	struct tvalue *value, size_t offset)
{
	*key = tvalue_int((int64_t)i);
	switch (over->type) {
	case TVALUE_LIST:
		if (i >= over->list.n)
			return 0;
		*value = over->list.items[i];
		return 1;
	case TVALUE_MAP:
		if (over->map.struct_type)
			break;
		if (i >= over->map.n)
			return 0;
		*key = tvalue_string(over->map.pairs[i].key, strlen(over->map.pairs[i].key));
		*value = *over->map.pairs[i].value;
		return 1;
	case TVALUE_INT:
		if (over->i < 0 || i >= (size_t)over->i)
			return 0;
		*value = *key;
		return 1;
	case TVALUE_OBJECT:
		if (!over->object.class->len)
			break;
		if (i >= over->object.class->len(over->object.self))
			return 0;
		over->object.class->item(&x->call, over->object.self, i, value);
		return 1;
	case TVALUE_NIL:
	case TVALUE_NO_VALUE:
		return 0;
	default:
		break;
	}
	return fail_at(
		x, offset, "range can't iterate over a value of type %s", tvalue_type_name(over));
}

static enum flow run_range(struct execution *x, const struct tvalue *dot, const struct node *node)
{
	const struct pipeline *pipeline = node->pipeline;
	size_t variables = x->n_variables;
	struct tvalue over, key, value;
	enum flow flow = FLOW_ON;
	int there;

	if (eval_pipeline(x, dot, pipeline, &over))
		return FLOW_FAILED;
	for (size_t i = 0;; i++) {
		there = element(x, &over, i, &key, &value, node->offset);
		if (there < 0 || spend_step(x, node->offset))
			return FLOW_FAILED;
		if (!there && !i) {
			/* As in Go, its break ends no more than this, and its continue the range around. */
			flow = run(x, dot, node->otherwise);
			x->n_variables = variables;
			return flow == FLOW_BREAK ? FLOW_ON : flow;
		}
		if (!there)
			break;
		/* One variable is the element, two are its key and itself. */
		if (bind(x, pipeline, 0, pipeline->n_variables == 2 ? &key : &value) ||
			bind(x, pipeline, 1, &value))
			return FLOW_FAILED;
		flow = run(x, &value, node->body);
		x->n_variables = variables;
		if (flow == FLOW_FAILED)
			return flow;
		if (flow == FLOW_BREAK)
			break;
	}
	x->n_variables = variables;
	return flow == FLOW_BREAK || flow == FLOW_CONTINUE ? FLOW_ON : flow;
}

static enum flow run_template(
	struct execution *x, const struct tvalue *dot, const struct node *node)
{
	const struct definition *caller = x->definition, *callee;
	const char *caller_name = x->name;
	size_t variables = x->n_variables;
	struct tvalue value = { .type = TVALUE_NIL };
	struct variable outer = x->variables[0];
	enum flow flow;

	callee = node->callee ? node->callee : map_gets(&x->set->definitions, node->text);
	if (!callee) {
		fail_at(x, node->offset, "template \"%s\" not defined", node->text);
		return FLOW_FAILED;
	}
	if (node->pipeline && eval_pipeline(x, dot, node->pipeline, &value))
		return FLOW_FAILED;
	if (++x->depth > TEMPLATE_MAX_DEPTH) {
		fail_at(x, node->offset, "exceeded maximum template depth (%d)",
			TEMPLATE_MAX_DEPTH);
		return FLOW_FAILED;
	}
	/* What it calls $ is its own data; the caller's variables are out of its sight by parsing. */
	x->definition = callee;
	x->name = node->text;
	x->variables[0].value = value;
	flow = run(x, &value, callee->body);
	if (flow == FLOW_FAILED)
		return flow;
	x->variables[0] = outer;
	x->n_variables = variables;
	x->definition = caller;
	x->name = caller_name;
	x->depth--;
	return FLOW_ON;
}

static enum flow run_action(struct execution *x, const struct tvalue *dot, const struct node *node)
{
	struct tvalue value;

	if (eval_pipeline(x, dot, node->pipeline, &value) || bind(x, node->pipeline, 0, &value))
		return FLOW_FAILED;
	if (node->pipeline->n_variables)
		return FLOW_ON;
	if (node->escapers[0] != HTML_ESCAPE_NONE)
		html_escape(node->escapers, &value, &x->out);
	else if (value.type == TVALUE_NIL)
		strbuf_adds(&x->out, "<no value>");
	else
		tvalue_print(&value, &x->out);
	return FLOW_ON;
}

static enum flow run(struct execution *x, const struct tvalue *dot, const struct node *node)
{
	/* What is declared in a list ends with it, but for the actions of that list itself. */
	size_t variables = x->n_variables;
	enum flow flow = FLOW_ON;

	/* Each nesting of the text, times each template that calls another, is a frame of the stack. */
	if (++x->nesting > MAX_NESTING) {
		fail_at(x, node ? node->offset : 0, "exceeded maximum nesting (%d)", MAX_NESTING);
		return FLOW_FAILED;
	}
	for (; node && flow == FLOW_ON; node = node->next) {
		if (spend_step(x, node->offset))
			return FLOW_FAILED;
		switch (node->type) {
		case NODE_TEXT:
			strbuf_add(&x->out, node->text, node->len);
			break;
		case NODE_ACTION:
			flow = run_action(x, dot, node);
			break;
		case NODE_IF:
		case NODE_WITH:
			flow = run_branch(x, dot, node);
			break;
		case NODE_RANGE:
			flow = run_range(x, dot, node);
			break;
		case NODE_TEMPLATE:
			flow = run_template(x, dot, node);
			break;
		case NODE_BREAK:
			flow = FLOW_BREAK;
			break;
		case NODE_CONTINUE:
			flow = FLOW_CONTINUE;
			break;
		}
	}
	x->nesting--;
	x->n_variables = variables;
	return flow;
}

/* The template to begin with: in HTML the copy that knows how to escape. */
static int find_start(struct template_set *set, const char *name, const struct definition **ret,
	struct template_error *err)
{
	int result = 0;

	if (set->mode == TEMPLATE_HTML)
		result = html_prepare(set, name, ret, err);
	else if (!(*ret = map_gets(&set->definitions, name)))
		result = -ENOENT;
	if (result != -ENOENT)
		return result;
	snprintf(err->text, sizeof(err->text), "template \"%s\" not defined", name);
	return -EINVAL;
}

int template_check(struct template_set *set, const char *name, struct template_error *err)
{
	const struct definition *found;

	return find_start(set, name, &found, err);
}

int template_execute(struct template_set *set, const char *name, const struct tvalue *data,
	const struct template_limits *limits, void *userdata, struct strbuf *out,
	struct template_error *err)
{
	const struct template_limits none = { 0 };
	struct execution *x = calloc(1, sizeof(*x));
	int result;

	if (!x)
		return -ENOMEM;
	limits = limits ? limits : &none;
	x->set = set;
	x->err = err;
	x->name = name;
	x->max_steps = limits->max_steps ? limits->max_steps : DEFAULT_STEPS;
	strbuf_init(&x->out, limits->max_output_bytes ? limits->max_output_bytes : DEFAULT_OUTPUT);
	arena_init(&x->arena, limits->max_bytes ? limits->max_bytes : DEFAULT_BYTES);
	x->call.arena = &x->arena;
	x->call.userdata = userdata;
	result = find_start(set, name, &x->definition, err);
	if (!result && (push_variable(x, "$", data, 0) ||
			       run(x, data, x->definition->body) == FLOW_FAILED))
		result = -EINVAL;
	if (!result && x->out.err)
		result = fail_at(x, 0, "its output is larger than %zu bytes", x->out.max);
	if (!result)
		strbuf_add(out, x->out.s, x->out.len);
	strbuf_release(&x->out);
	arena_release(&x->arena);
	free(x->variables);
	free(x);
	return result;
}
