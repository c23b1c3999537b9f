/*
 * html.c - walks a template with the HTML context at hand, and notes at each action what to do.
 *
 * All ways through a template must lead to the same context, so that the static text behind them
 * means one thing. Source: html/template's documentation. Data where no escaping makes it safe, or
 * where two readings are possible, is refused: fail closed, not half escaped.
 */
#include "template/html.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "template/html_context.h"

/* Nodes looked at, in all contexts: ranges may be looked at twice. */
#define MAX_NODES ((size_t)200000)
#define MAX_BYTES ((size_t)64 << 20)

/* One template in one context. */
struct derived {
	struct definition definition;
	struct html_context start, end;
	bool ready;
	bool called_itself; /* while its end was only assumed to be its start */
};

struct html_templates {
	struct arena arena;
	struct map derived; /* by context and name */
};

/* The range that is walked: where {{break}} and {{continue}} lead from. */
struct loop {
	bool left;
	struct html_context exit;
};

struct walk {
	struct template_set *set;
	struct html_templates *html;
	const struct definition *definition; /* whose text offsets are of */
	struct loop *loop;
	size_t nodes;
	unsigned depth;
	struct template_error *err;
};

static int fail_at(struct walk *w, size_t offset, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int fail_at(struct walk *w, size_t offset, const char *fmt, ...)
{
	const struct parsed *parsed = w->definition->parsed;
	unsigned line = 1;
	char what[300];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	for (size_t i = 0; i < offset && parsed->text[i]; i++)
		line += parsed->text[i] == '\n';
	w->err->offset = offset;
	snprintf(w->err->text, sizeof(w->err->text), "html/template:%s:%u: %s", parsed->name, line,
		what);
	return -EINVAL;
}

static int walk_list(
	struct walk *w, const struct node *from, struct html_context *c, struct node **ret);

/* -- actions -- */

static void add_escaper(struct node *node, enum html_escaper escaper)
{
	size_t i = 0;

	while (node->escapers[i] != HTML_ESCAPE_NONE)
		i++;
	node->escapers[i] = escaper;
}

/* The last function of a pipeline, where it is one of those that escape by themselves. */
static const char *own_escaper(const struct command *command)
{
	const struct operand *first = &command->operands[0];

	if (first->type == OPERAND_FUNCTION && !first->n_fields &&
		(streq(first->name, "html") || streq(first->name, "urlquery")))
		return first->name;
	return NULL;
}

static int check_own_escapers(struct walk *w, const struct node *node, const struct html_context *c)
{
	const struct pipeline *pipeline = node->pipeline;
	bool unquoted = c->state == HTML_VALUE && c->delim == HTML_DELIM_SPACE;

	for (size_t i = 0; i < pipeline->n; i++) {
		const char *name = own_escaper(&pipeline->commands[i]);
		bool last = i + 1 == pipeline->n;

		/* What it escaped, others would change again; and html is not enough without quotes. */
		if (name && (!last || (streq(name, "html") && unquoted)))
			return fail_at(w, node->offset,
				"predefined escaper \"%s\" disallowed in template", name);
	}
	return 0;
}

static enum html_escaper by_own_escaper(const char *own, enum html_escaper escaper)
{
	switch (escaper) {
	case HTML_ESCAPE_TEXT:
	case HTML_ESCAPE_RCDATA:
	case HTML_ESCAPE_QUOTED:
		return streq(own, "html") ? HTML_ESCAPE_BY_HTML : escaper;
	case HTML_NORMALIZE_URL:
	case HTML_ESCAPE_URL:
		return streq(own, "urlquery") ? HTML_ESCAPE_BY_URLQUERY : escaper;
	default:
		return escaper;
	}
}

/* {{.A | html}} as {{.A}}, {{html .A}} as {{.A}}; false: it is not that simple. */
static bool drop_own_escaper(struct walk *w, struct node *node)
{
	const struct pipeline *old = node->pipeline;
	struct pipeline *pipeline = arena_memdup(&w->html->arena, old, sizeof(*old));

	if (pipeline && old->n > 1 && old->commands[old->n - 1].n == 1) {
		pipeline->n--;
	} else if (pipeline && old->n == 1 && old->commands[0].n == 2 &&
		   old->commands[0].operands[1].type != OPERAND_NIL) {
		pipeline->commands =
			arena_memdup(&w->html->arena, old->commands, sizeof(*old->commands));
		if (!pipeline->commands)
			return false;
		pipeline->commands[0].operands++;
		pipeline->commands[0].n--;
	} else if (pipeline && old->n == 1 && old->commands[0].n > 2) {
		/* Several are one text first. */
		struct command *command =
			arena_memdup(&w->html->arena, old->commands, sizeof(*old->commands));

		if (!command)
			return false;
		command->operands = arena_memdup(&w->html->arena, command->operands,
			command->n * sizeof(*command->operands));
		if (!command->operands)
			return false;
		command->operands[0].name = "print";
		pipeline->commands = command;
	} else {
		return false;
	}
	node->pipeline = pipeline;
	return true;
}

/*
 * The template's own html and urlquery stand in for what would do the same: at its place among the others,
 * and once. Source: html/template's documentation of predefined escapers.
 */
static void fold_own_escaper(struct walk *w, struct node *node, const char *own)
{
	enum html_escaper folded[HTML_MAX_ESCAPERS];
	bool equal = false;

	for (size_t i = 0; i < HTML_MAX_ESCAPERS; i++) {
		folded[i] = by_own_escaper(own, node->escapers[i]);
		equal |= folded[i] != node->escapers[i];
	}
	if (equal && drop_own_escaper(w, node))
		memcpy(node->escapers, folded, sizeof(folded));
}

/* `part`: how the part of a URL before its query is written. */
static int add_url_escapers(
	struct walk *w, struct node *node, enum html_url url, enum html_escaper part)
{
	switch (url) {
	case HTML_URL_START:
		add_escaper(node, HTML_FILTER_URL);
		add_escaper(node, part);
		return 0;
	case HTML_URL_PATH:
		add_escaper(node, part);
		return 0;
	case HTML_URL_QUERY:
		add_escaper(node, HTML_ESCAPE_URL);
		return 0;
	case HTML_URL_AMBIGUOUS:
		break;
	}
	return fail_at(w, node->offset,
		"the action is in an ambiguous context within a URL: the ? stands only in one branch");
}

static void add_script_escapers(struct node *node, struct html_context *c)
{
	static const enum html_escaper escapers[] = {
		[HTML_CODE_PLAIN] = HTML_ESCAPE_JS_VALUE,
		[HTML_CODE_DOUBLE] = HTML_ESCAPE_JS_STRING,
		[HTML_CODE_SINGLE] = HTML_ESCAPE_JS_STRING,
		[HTML_CODE_TEMPLATE] = HTML_ESCAPE_JS_TEMPLATE,
		[HTML_CODE_REGEXP] = HTML_ESCAPE_JS_REGEXP,
		[HTML_CODE_BLOCK_COMMENT] = HTML_ESCAPE_DROP,
		[HTML_CODE_LINE_COMMENT] = HTML_ESCAPE_DROP,
	};

	add_escaper(node, escapers[c->code]);
	/* What follows a value divides it. */
	if (c->code == HTML_CODE_PLAIN)
		c->slash = HTML_SLASH_DIVISION;
}

/* Any string of a style may be a URL. */
static int add_style_escapers(struct walk *w, struct node *node, struct html_context *c)
{
	switch (c->code) {
	case HTML_CODE_PLAIN:
		add_escaper(node, HTML_FILTER_CSS);
		if (c->edge == HTML_EDGE_NONE)
			c->edge = HTML_EDGE_NAME;
		return 0;
	case HTML_CODE_DOUBLE:
	case HTML_CODE_SINGLE:
		return add_url_escapers(w, node, c->url, HTML_ESCAPE_CSS_STRING);
	case HTML_CODE_BLOCK_COMMENT:
	case HTML_CODE_LINE_COMMENT:
		add_escaper(node, HTML_ESCAPE_DROP);
		return 0;
	default:
		return add_url_escapers(w, node, c->url, HTML_NORMALIZE_URL);
	}
}

static int add_value_escapers(struct walk *w, struct node *node, struct html_context *c)
{
	int err = 0;

	switch (c->attr) {
	case HTML_ATTR_URL:
		err = add_url_escapers(w, node, c->url, HTML_NORMALIZE_URL);
		break;
	case HTML_ATTR_SCRIPT:
		add_script_escapers(node, c);
		break;
	case HTML_ATTR_STYLE:
		err = add_style_escapers(w, node, c);
		break;
	case HTML_ATTR_SRCSET:
		add_escaper(node, HTML_ESCAPE_SRCSET);
		break;
	case HTML_ATTR_PLAIN:
	case HTML_ATTR_UNSAFE:
		break;
	case HTML_ATTR_SCRIPT_TYPE:
	case HTML_ATTR_DOCUMENT:
		err = fail_at(w, node->offset,
			"the action is in %s, where nothing makes it safe; put the value into text, "
			"or choose between fixed texts with {{if}}",
			html_context_name(c));
		break;
	}
	if (!err)
		add_escaper(node,
			c->delim == HTML_DELIM_SPACE ? HTML_ESCAPE_UNQUOTED : HTML_ESCAPE_QUOTED);
	return err;
}

static int add_escapers(struct walk *w, struct node *node, struct html_context *c)
{
	switch (c->state) {
	case HTML_TEXT:
		add_escaper(node, HTML_ESCAPE_TEXT);
		return 0;
	case HTML_RCDATA:
		add_escaper(node, HTML_ESCAPE_RCDATA);
		return 0;
	case HTML_SCRIPT:
		add_script_escapers(node, c);
		return 0;
	case HTML_STYLE:
		return add_style_escapers(w, node, c);
	case HTML_VALUE:
		return add_value_escapers(w, node, c);
	case HTML_ATTR_NAME:
		add_escaper(node, HTML_ESCAPE_NAME);
		return 0;
	default:
		add_escaper(node, HTML_ESCAPE_DROP);
		return 0;
	}
}

static int walk_action(struct walk *w, struct node *node, struct html_context *c)
{
	const struct command *last = &node->pipeline->commands[node->pipeline->n - 1];
	const char *own = own_escaper(last);
	int err;

	/* A declaration prints nothing. */
	if (node->pipeline->n_variables)
		return 0;
	if (c->state == HTML_TAG_NAME || c->state == HTML_ATTR_NAME)
		return fail_at(
			w, node->offset, "the action is in the middle of %s", html_context_name(c));
	*c = html_context_nudge(*c);
	err = check_own_escapers(w, node, c);
	if (!err)
		err = add_escapers(w, node, c);
	if (!err && own)
		fold_own_escaper(w, node, own);
	return err;
}

static int walk_text(struct walk *w, struct node *node, struct html_context *c)
{
	struct strbuf out = STRBUF_INIT;
	char error[120];
	int err;

	err = html_context_text(c, node->text, node->len, &out, error, sizeof(error));
	if (err == -EINVAL)
		err = fail_at(w, node->offset, "%s", error);
	else if (err || out.err)
		err = -ENOMEM;
	if (!err && (out.len != node->len || memcmp(out.s, node->text, out.len))) {
		node->len = out.len;
		node->text = arena_strndup(&w->html->arena, out.s, out.len);
		err = node->text ? 0 : -ENOMEM;
	}
	strbuf_release(&out);
	return err;
}

/* -- branches -- */

static int join(struct walk *w, const struct node *node, const char *what,
	const struct html_context *a, const struct html_context *b, struct html_context *ret)
{
	if (html_context_join(a, b, ret))
		return 0;
	return fail_at(w, node->offset, "%s end in different contexts: %s, %s", what,
		html_context_name(a), html_context_name(b));
}

static int walk_branch(
	struct walk *w, struct node *node, const struct node *from, struct html_context *c)
{
	struct html_context then = *c, otherwise = *c;
	int err;

	err = walk_list(w, from->body, &then, &node->body);
	if (!err)
		err = walk_list(w, from->otherwise, &otherwise, &node->otherwise);
	if (err)
		return err;
	return join(w, node, node->type == NODE_IF ? "{{if}} branches" : "{{with}} branches", &then,
		&otherwise, c);
}

/* Later turns may lack the filter of a URL's start: with it they are but stricter. */
static bool same_escapers(const struct node *first, const struct node *later)
{
	size_t skip =
		first->escapers[0] == HTML_FILTER_URL && later->escapers[0] != HTML_FILTER_URL;

	return !memcmp(first->escapers + skip, later->escapers,
		(HTML_MAX_ESCAPERS - skip) * sizeof(first->escapers[0]));
}

/* Do two copies of a list print the same in the same way? */
static bool same(const struct node *a, const struct node *b)
{
	for (; a && b; a = a->next, b = b->next) {
		if (a->callee != b->callee || a->len != b->len || !same_escapers(a, b))
			return false;
		if (a->type == NODE_TEXT && memcmp(a->text, b->text, a->len))
			return false;
		if (!same(a->body, b->body) || !same(a->otherwise, b->otherwise))
			return false;
	}
	return !a && !b;
}

static int leave_loop(struct walk *w, const struct node *node, struct html_context *c)
{
	struct html_context here = *c;

	*c = (struct html_context){ .state = HTML_DEAD };
	if (!w->loop->left) {
		w->loop->left = true;
		w->loop->exit = here;
		return 0;
	}
	return join(w, node, "ways out of a {{range}}", &w->loop->exit, &here, &w->loop->exit);
}

/* The body of a range once, with all that leave it early. */
static int walk_loop(
	struct walk *w, const struct node *from, struct html_context *c, struct node **ret)
{
	struct loop loop = { 0 }, *outer = w->loop;
	int err;

	w->loop = &loop;
	err = walk_list(w, from->body, c, ret);
	w->loop = outer;
	if (!err && loop.left)
		err = join(
			w, from, "{{range}} and its {{break}} or {{continue}}", c, &loop.exit, c);
	return err;
}

/* What stands behind {{else}}. Where a {{break}} in it leads is a matter of taste: it fits both ways. */
static int walk_else(
	struct walk *w, const struct node *from, struct html_context *c, struct node **ret)
{
	struct loop loop = { 0 }, *outer = w->loop;
	struct html_context left;
	int err;

	w->loop = &loop;
	err = walk_list(w, from->otherwise, c, ret);
	w->loop = outer;
	if (err || !loop.left)
		return err;
	left = loop.exit;
	err = join(w, from, "{{else}} and its {{break}} or {{continue}}", c, &left, c);
	return err || !outer ? err : leave_loop(w, from, &left);
}

/* Every element must find the context that the first one found, or one that asks for the same. */
static int walk_range(
	struct walk *w, struct node *node, const struct node *from, struct html_context *c)
{
	struct html_context once = *c, twice, otherwise = *c;
	struct node *again = NULL;
	int err;

	err = walk_loop(w, from, &once, &node->body);
	if (err)
		return err;
	if (!html_context_equal(&once, c)) {
		twice = once;
		err = walk_loop(w, from, &twice, &again);
		if (err)
			return err;
		if (!html_context_join(&once, &twice, &once) || !same(node->body, again))
			return fail_at(w, node->offset,
				"{{range}} ends in another context than it begins: %s, %s",
				html_context_name(c), html_context_name(&once));
	}
	err = walk_else(w, from, &otherwise, &node->otherwise);
	if (err)
		return err;
	return join(w, node, "{{range}} branches", &once, &otherwise, c);
}

/* -- templates -- */

static int derive(
	struct walk *w, const char *name, struct html_context *c, const struct definition **ret);

static int walk_call(struct walk *w, struct node *node, struct html_context *c)
{
	int err = derive(w, node->text, c, &node->callee);

	return err == -ENOENT ? fail_at(w, node->offset, "no such template \"%s\"", node->text)
			      : err;
}

static int walk_node(
	struct walk *w, struct node *node, const struct node *from, struct html_context *c)
{
	switch (node->type) {
	case NODE_TEXT:
		return walk_text(w, node, c);
	case NODE_ACTION:
		return walk_action(w, node, c);
	case NODE_IF:
	case NODE_WITH:
		return walk_branch(w, node, from, c);
	case NODE_RANGE:
		return walk_range(w, node, from, c);
	case NODE_TEMPLATE:
		return walk_call(w, node, c);
	case NODE_BREAK:
	case NODE_CONTINUE:
		return leave_loop(w, node, c);
	}
	return -EINVAL;
}

static int walk_list(
	struct walk *w, const struct node *from, struct html_context *c, struct node **ret)
{
	struct node **tail = ret, *node;
	int err;

	*ret = NULL;
	for (; from; from = from->next) {
		if (++w->nodes > MAX_NODES)
			return fail_at(w, from->offset,
				"the templates are too large for their contexts to be found");
		node = arena_memdup(&w->html->arena, from, sizeof(*from));
		if (!node)
			return -ENOMEM;
		node->next = node->body = node->otherwise = NULL;
		err = walk_node(w, node, from, c);
		if (err)
			return err;
		*tail = node;
		tail = &node->next;
	}
	return 0;
}

static int walk_definition(
	struct walk *w, struct derived *derived, const struct definition *definition)
{
	const struct definition *outer = w->definition;
	struct loop *loop = w->loop;
	struct html_context c = derived->start;
	int err;

	if (++w->depth > TEMPLATE_MAX_DEPTH)
		return fail_at(
			w, 0, "templates call each other more than %d deep", TEMPLATE_MAX_DEPTH);
	w->definition = definition;
	w->loop = NULL;
	err = walk_list(w, definition->body, &c, &derived->definition.body);
	if (!err && derived->called_itself && !html_context_equal(&c, &derived->start))
		err = fail_at(
			w, 0, "cannot compute the output context of a template that calls itself");
	if (err)
		return err;
	w->definition = outer;
	w->loop = loop;
	w->depth--;
	derived->end = c;
	derived->ready = true;
	return 0;
}

static char *context_key(struct arena *arena, const struct html_context *c, const char *name)
{
	char braces[HTML_MAX_LITERALS * 4 + 1] = "";
	size_t at = 0;

	for (unsigned i = 0; i < c->n_literals; i++)
		at += (size_t)snprintf(braces + at, sizeof(braces) - at, ".%u", c->braces[i]);
	return arena_printf(arena, "%u.%u.%u.%u.%u.%u.%u.%u%s:%s", c->state, c->element, c->attr,
		c->delim, c->url, c->code, c->slash, c->edge, braces, name);
}

/* The copy of `name` for the context *c, which becomes the one behind it. */
static int derive(
	struct walk *w, const char *name, struct html_context *c, const struct definition **ret)
{
	const struct definition *definition = map_gets(&w->set->definitions, name);
	struct derived *derived;
	char *key;
	int err;

	if (!definition)
		return -ENOENT;
	key = context_key(&w->html->arena, c, name);
	if (!key)
		return -ENOMEM;
	derived = map_gets(&w->html->derived, key);
	if (derived) {
		derived->called_itself |= !derived->ready;
		*c = derived->ready ? derived->end : derived->start;
		*ret = &derived->definition;
		return 0;
	}
	derived = arena_new(&w->html->arena, struct derived);
	if (!derived || map_puts(&w->html->derived, key, derived))
		return -ENOMEM;
	*derived = (struct derived){ .start = *c, .definition.parsed = definition->parsed };
	err = walk_definition(w, derived, definition);
	if (err)
		return err;
	*c = derived->end;
	*ret = &derived->definition;
	return 0;
}

void html_forget(struct template_set *set)
{
	if (!set->html)
		return;
	map_release(&set->html->derived);
	arena_release(&set->html->arena);
	free(set->html);
	set->html = NULL;
}

int html_prepare(struct template_set *set, const char *name, const struct definition **ret,
	struct template_error *err)
{
	struct html_context c = HTML_CONTEXT_INIT;
	struct walk w = { .set = set, .err = err };
	const struct definition *found;
	int result;

	if (!set->html) {
		set->html = calloc(1, sizeof(*set->html));
		if (!set->html)
			return -ENOMEM;
		arena_init(&set->html->arena, MAX_BYTES);
	}
	w.html = set->html;
	w.definition = map_gets(&set->definitions, name);
	result = derive(&w, name, &c, &found);
	if (!result && c.state != HTML_TEXT)
		result = fail_at(&w, 0, "ends in a non-text context: %s", html_context_name(&c));
	/* A copy half made must not be found by the next one. */
	if (result && result != -ENOENT)
		html_forget(set);
	if (!result)
		*ret = found;
	return result;
}
