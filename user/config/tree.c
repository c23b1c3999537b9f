/*
 * tree.c - from libyaml's events to a tree of nodes with places.
 */
#include "config/tree.h"

#include <errno.h>
#include <yaml.h>
#include "base/escape.h"
#include "base/map.h"

/*
 * libyaml counts lines and columns in characters and takes more things than '\n' for the end of a
 * line; a struct pos counts '\n' and bytes. A cursor walks the source once and translates; marks
 * come nearly in order, so going back is short.
 */
struct cursor {
	const struct source *source;
	size_t offset;
	size_t line, column; /* libyaml's, from 0 */
	unsigned pos_line;   /* ours, from 1 */
	size_t pos_line_start;
};

struct tree_parser {
	struct source *source;
	struct arena *arena;
	struct diag *diag;
	yaml_parser_t yaml;
	struct cursor starts, ends;
	struct map anchors;
	struct tree_node *root;
	struct tree_node *stack[TREE_MAX_DEPTH];
	struct tree_node *keys[TREE_MAX_DEPTH]; /* of an open mapping: the key that waits */
	unsigned depth;
};

/* The bytes that libyaml takes for one end of line at p, or 0. */
static size_t line_break(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t left = (size_t)(end - p);

	if (left >= 2 && u[0] == '\r' && u[1] == '\n')
		return 2;
	if (left && (u[0] == '\r' || u[0] == '\n'))
		return 1;
	if (left >= 2 && u[0] == 0xc2 && u[1] == 0x85)
		return 2;
	if (left >= 3 && u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
		return 3;
	return 0;
}

/* The mark that editors of another system put before UTF-8, which says nothing, or 0. */
static size_t bom_length(const struct source *source)
{
	static const char bom[] = "\xef\xbb\xbf";

	return source->len >= 3 && !memcmp(source->text, bom, 3) ? 3 : 0;
}

static void cursor_start(struct cursor *c, const struct source *source)
{
	*c = (struct cursor){ .source = source, .offset = bom_length(source), .pos_line = 1 };
}

static void cursor_step(struct cursor *c)
{
	const char *p = c->source->text + c->offset, *end = c->source->text + c->source->len;
	size_t len = line_break(p, end);

	if (len) {
		c->line++;
		c->column = 0;
		if (p[len - 1] == '\n') {
			c->pos_line++;
			c->pos_line_start = c->offset + len;
		}
	} else {
		len = MAX(utf8_decode(p, (size_t)(end - p), NULL), (size_t)1);
		c->column++;
	}
	c->offset += len;
}

static void cursor_move(struct cursor *c, size_t line, size_t column)
{
	if (line < c->line)
		cursor_start(c, c->source);
	while (line == c->line && column < c->column) {
		do
			c->offset--;
		while (((unsigned char)c->source->text[c->offset] & 0xc0) == 0x80);
		c->column--;
	}
	while (c->offset < c->source->len &&
		(c->line < line || (c->line == line && c->column < column)))
		cursor_step(c);
}

static struct pos cursor_pos(const struct cursor *c, struct source *source)
{
	return (struct pos){ .source = source,
		.line = c->pos_line,
		.column = (unsigned)(c->offset - c->pos_line_start) + 1 };
}

static struct pos pos_at_mark(struct tree_parser *p, const yaml_mark_t *mark)
{
	struct cursor c;

	cursor_start(&c, p->source);
	cursor_move(&c, mark->line, mark->column);
	return cursor_pos(&c, p->source);
}

static struct pos pos_at_offset(struct source *source, size_t offset)
{
	struct cursor c;

	cursor_start(&c, source);
	while (c.offset < offset && c.offset < source->len)
		cursor_step(&c);
	return cursor_pos(&c, source);
}

/* Anchor and tag stand before the value, and libyaml's mark before them. */
static size_t skip_properties(const struct source *source, size_t at, size_t to)
{
	const char *s = source->text;

	while (at < to && (s[at] == '&' || s[at] == '!')) {
		while (at < to && !strchr(" \t\r\n", s[at]))
			at++;
		while (at < to && (s[at] == ' ' || s[at] == '\t'))
			at++;
	}
	return at;
}

static struct tree_node *new_node(
	struct tree_parser *p, enum tree_kind kind, const yaml_event_t *event)
{
	struct tree_node *node = arena_new(p->arena, struct tree_node);
	size_t line_end;

	if (!node)
		return NULL;
	node->kind = kind;
	node->weight = 1;
	cursor_move(&p->starts, event->start_mark.line, event->start_mark.column);
	cursor_move(&p->ends, event->end_mark.line, event->end_mark.column);
	node->pos = cursor_pos(&p->starts, p->source);
	node->from = skip_properties(p->source, p->starts.offset, p->ends.offset);
	node->pos.column += (unsigned)(node->from - p->starts.offset);
	node->to = MAX(p->ends.offset, node->from);
	if (kind != TREE_SCALAR) {
		node->pos.length = 1;
		return node;
	}
	line_end = node->from;
	while (line_end < node->to && !strchr("\r\n", p->source->text[line_end]))
		line_end++;
	node->pos.length = (unsigned)(line_end - node->from);
	return node;
}

static bool says_nothing(const char *s)
{
	return !*s || streq(s, "~") || streq(s, "null") || streq(s, "Null") || streq(s, "NULL");
}

static struct tree_node *scalar_node(struct tree_parser *p, const yaml_event_t *event)
{
	struct tree_node *node = new_node(p, TREE_SCALAR, event);
	const char *tag = (const char *)event->data.scalar.tag;

	if (!node)
		return NULL;
	node->text.len = event->data.scalar.length;
	node->text.s =
		arena_strndup(p->arena, (const char *)event->data.scalar.value, node->text.len);
	if (!node->text.s)
		return NULL;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		      !(tag && streq(tag, YAML_STR_TAG));
	node->null =
		node->plain && node->text.len == strlen(node->text.s) && says_nothing(node->text.s);
	return node;
}

/* Adds what a finished child weighs; false once the whole is too heavy, which is told. */
static bool add_weight(
	struct tree_parser *p, struct tree_node *parent, const struct tree_node *child)
{
	parent->weight += child->weight;
	if (parent->weight <= TREE_MAX_NODES)
		return true;
	diag_error(p->diag, child->pos,
		"too large: a file may hold %zu values, counted as often as aliases repeat them",
		TREE_MAX_NODES);
	return false;
}

/* Puts a node where the parser stands. */
static int attach(struct tree_parser *p, struct tree_node *node)
{
	struct tree_node *top;

	if (!p->depth) {
		p->root = node;
		return 0;
	}
	top = p->stack[p->depth - 1];
	if (!node->open && !add_weight(p, top, node))
		return -EINVAL;
	if (top->kind == TREE_LIST) {
		if (!arena_reserve(p->arena, top->items, top->n, top->cap))
			return -ENOMEM;
		top->items[top->n++] = node;
		return 0;
	}
	if (!p->keys[p->depth - 1]) {
		p->keys[p->depth - 1] = node;
		return 0;
	}
	if (!arena_reserve(p->arena, top->pairs, top->n, top->cap))
		return -ENOMEM;
	top->pairs[top->n++] = (struct tree_pair){ .key = p->keys[p->depth - 1], .value = node };
	p->keys[p->depth - 1] = NULL;
	return 0;
}

static int open_collection(struct tree_parser *p, struct tree_node *node)
{
	int err;

	node->open = true;
	err = attach(p, node);
	if (err)
		return err;
	if (p->depth == TREE_MAX_DEPTH)
		return diag_error(p->diag, node->pos,
			"nested too deeply: at most %u lists and mappings within each other",
			TREE_MAX_DEPTH);
	p->stack[p->depth] = node;
	p->keys[p->depth++] = NULL;
	return 0;
}

static bool is_merge_key(const struct tree_node *key)
{
	return key->kind == TREE_SCALAR && key->plain && streq(key->text.s, "<<");
}

/* Appends a pair unless its key is there; a key of the mapping's own that stands twice is told. */
static int add_pair(struct tree_parser *p, struct tree_node *map, struct map *seen,
	struct tree_pair pair, bool merged)
{
	const struct tree_node *first;

	if (pair.key->kind != TREE_SCALAR) {
		diag_error(p->diag, pair.key->pos, "a key must be a text, not %s",
			tree_describe(pair.key));
		return 0;
	}
	if (strlen(pair.key->text.s) != pair.key->text.len) {
		diag_error(p->diag, pair.key->pos, "a key must not hold a NUL byte");
		return 0;
	}
	first = map_get(seen, pair.key->text.s, pair.key->text.len);
	if (first) {
		if (!merged && pos_is_hidden(&pair.key->pos))
			diag_error(p->diag, pair.key->pos, "duplicate key, already set in line %u",
				first->pos.line);
		else if (!merged)
			diag_error(p->diag, pair.key->pos,
				"duplicate key '%s', already set in line %u", pair.key->text.s,
				first->pos.line);
		return 0;
	}
	if (map_put(seen, pair.key->text.s, pair.key->text.len, pair.key))
		return -ENOMEM;
	if (!arena_reserve(p->arena, map->pairs, map->n, map->cap))
		return -ENOMEM;
	map->pairs[map->n++] = pair;
	return 0;
}

static int merge_from(struct tree_parser *p, struct tree_node *map, struct map *seen,
	const struct tree_node *from)
{
	int err = 0;

	if (from->kind == TREE_LIST) {
		for (size_t i = 0; i < from->n && !err; i++) {
			if (from->items[i]->kind == TREE_MAP)
				err = merge_from(p, map, seen, from->items[i]);
			else
				diag_error(p->diag, from->items[i]->pos,
					"<< takes mappings, not %s", tree_describe(from->items[i]));
		}
		return err;
	}
	if (from->kind != TREE_MAP) {
		diag_error(p->diag, from->pos, "<< takes a mapping, not %s", tree_describe(from));
		return 0;
	}
	for (size_t i = 0; i < from->n && !err; i++)
		err = add_pair(p, map, seen, from->pairs[i], true);
	return err;
}

/* Drops what is no key, tells duplicates, resolves merge keys: a mapping's own keys win. */
static int finish_map(struct tree_parser *p, struct tree_node *map)
{
	struct tree_pair *pairs = map->pairs;
	scoped(map_release) struct map seen = MAP_INIT;
	size_t n = map->n;
	int err = 0;

	map->pairs = NULL;
	map->n = map->cap = 0;
	for (size_t i = 0; i < n && !err; i++) {
		if (!is_merge_key(pairs[i].key))
			err = add_pair(p, map, &seen, pairs[i], false);
	}
	for (size_t i = 0; i < n && !err; i++) {
		if (is_merge_key(pairs[i].key))
			err = merge_from(p, map, &seen, pairs[i].value);
	}
	return err;
}

static int close_collection(struct tree_parser *p)
{
	struct tree_node *node = p->stack[--p->depth];
	int err = 0;

	if (node->kind == TREE_MAP)
		err = finish_map(p, node);
	node->open = false;
	if (!err && p->depth && !add_weight(p, p->stack[p->depth - 1], node))
		err = -EINVAL;
	return err;
}

static int set_anchor(struct tree_parser *p, const yaml_char_t *anchor, struct tree_node *node)
{
	return anchor ? map_puts(&p->anchors, (const char *)anchor, node) : 0;
}

static int add_alias(struct tree_parser *p, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct tree_node *node = map_gets(&p->anchors, name);
	struct pos pos;

	if (node && !node->open)
		return attach(p, node);
	pos = pos_at_mark(p, &event->start_mark);
	/* It is likely a secret that begins with an asterisk. */
	if (pos_is_hidden(&pos))
		return diag_error(
			p->diag, pos, "unknown anchor: a text that begins with '*' wants quotes");
	return diag_error(p->diag, pos,
		node ? "alias '%s' refers to what it stands in" : "unknown anchor '%s'", name);
}

static int take_event(struct tree_parser *p, const yaml_event_t *event)
{
	struct tree_node *node = NULL;
	int err = -ENOMEM;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		node = scalar_node(p, event);
		if (node && !set_anchor(p, event->data.scalar.anchor, node))
			err = attach(p, node);
		return err;
	case YAML_SEQUENCE_START_EVENT:
		node = new_node(p, TREE_LIST, event);
		if (node && !set_anchor(p, event->data.sequence_start.anchor, node))
			err = open_collection(p, node);
		return err;
	case YAML_MAPPING_START_EVENT:
		node = new_node(p, TREE_MAP, event);
		if (node && !set_anchor(p, event->data.mapping_start.anchor, node))
			err = open_collection(p, node);
		return err;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_collection(p);
	case YAML_ALIAS_EVENT:
		return add_alias(p, event);
	default:
		return 0;
	}
}

/* What libyaml could not read, in words that name the cure where it is the usual one. */
static int tell_broken(struct tree_parser *p)
{
	const yaml_parser_t *y = &p->yaml;
	struct pos pos;

	if (y->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (y->error == YAML_READER_ERROR)
		return diag_error(p->diag,
			pos_at_offset(p->source, bom_length(p->source) + y->problem_offset),
			"broken YAML: %s", y->problem ? y->problem : "cannot be read");
	pos = pos_at_mark(p, &y->problem_mark);
	if (y->problem_mark.index < p->source->len) {
		struct cursor c;

		cursor_start(&c, p->source);
		cursor_move(&c, y->problem_mark.line, y->problem_mark.column);
		if (p->source->text[c.offset] == '\t')
			return diag_error(p->diag, pos,
				"broken YAML: a tab cannot indent a line; use spaces");
	}
	if (y->context)
		return diag_error(p->diag, pos, "broken YAML: %s, %s that begins in line %zu",
			y->problem, y->context, y->context_mark.line + 1);
	return diag_error(p->diag, pos, "broken YAML: %s", y->problem ? y->problem : "unknown");
}

/* Only the first document counts, as everywhere in Prometheus; a second is likely a mistake. */
static int look_for_more(struct tree_parser *p)
{
	yaml_event_t event;
	struct pos pos;

	if (!yaml_parser_parse(&p->yaml, &event))
		return tell_broken(p);
	if (event.type == YAML_DOCUMENT_START_EVENT) {
		pos = pos_at_mark(p, &event.start_mark);
		diag_warning(p->diag, pos, "only the first document of a file is read");
	}
	yaml_event_delete(&event);
	return 0;
}

static int parse_events(struct tree_parser *p)
{
	yaml_event_type_t type;
	yaml_event_t event;
	int err;

	do {
		if (!yaml_parser_parse(&p->yaml, &event))
			return tell_broken(p);
		type = event.type;
		err = take_event(p, &event);
		yaml_event_delete(&event);
		if (err)
			return err;
	} while (type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT);
	return type == YAML_DOCUMENT_END_EVENT ? look_for_more(p) : 0;
}

/* The first byte that is no UTF-8, or len. */
static size_t broken_utf8(const char *s, size_t len)
{
	size_t at = 0, n;

	while (at < len) {
		n = (unsigned char)s[at] < 0x80 ? 1 : utf8_decode(s + at, len - at, NULL);
		if (!n)
			return at;
		at += n;
	}
	return len;
}

static int tell_no_utf8(struct source *source, size_t at, struct diag *diag)
{
	const char *s = source->text;

	if (starts_with(s, "\xff\xfe") || starts_with(s, "\xfe\xff"))
		return diag_error(diag, (struct pos){ .source = source },
			"UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8)");
	return diag_error(
		diag, pos_at_offset(source, at), "not UTF-8: byte 0x%02x", (unsigned char)s[at]);
}

int tree_parse(
	struct source *source, struct arena *arena, struct diag *diag, struct tree_node **ret)
{
	struct tree_parser p = { .source = source, .arena = arena, .diag = diag };
	size_t bad, bom = bom_length(source);
	int err;

	if (source->len > TREE_MAX_BYTES)
		return diag_error(diag, (struct pos){ .source = source },
			"too large: a file may have %zu MiB", TREE_MAX_BYTES >> 20);
	bad = broken_utf8(source->text, source->len);
	if (bad < source->len)
		return tell_no_utf8(source, bad, diag);
	if (!yaml_parser_initialize(&p.yaml))
		return -ENOMEM;
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	/* To libyaml, which is told the encoding, the mark would be a character of the first line. */
	yaml_parser_set_input_string(
		&p.yaml, (const unsigned char *)source->text + bom, source->len - bom);
	cursor_start(&p.starts, source);
	cursor_start(&p.ends, source);
	err = parse_events(&p);
	yaml_parser_delete(&p.yaml);
	map_release(&p.anchors);
	if (!err)
		*ret = p.root;
	return err;
}

const struct tree_pair *tree_get(const struct tree_node *node, const char *key)
{
	if (!node || node->kind != TREE_MAP)
		return NULL;
	for (size_t i = 0; i < node->n; i++) {
		if (streq(node->pairs[i].key->text.s, key))
			return &node->pairs[i];
	}
	return NULL;
}

bool tree_equal(const struct tree_node *a, const struct tree_node *b)
{
	const struct tree_pair *other;

	if (a == b)
		return true;
	if (a->kind != b->kind || a->null != b->null)
		return false;
	if (a->kind == TREE_SCALAR)
		return a->text.len == b->text.len && !memcmp(a->text.s, b->text.s, a->text.len);
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->kind == TREE_LIST) {
			if (!tree_equal(a->items[i], b->items[i]))
				return false;
			continue;
		}
		other = tree_get(b, a->pairs[i].key->text.s);
		if (!other || !tree_equal(a->pairs[i].value, other->value))
			return false;
	}
	return true;
}

const char *tree_describe(const struct tree_node *node)
{
	if (node->kind == TREE_LIST)
		return "a list";
	if (node->kind == TREE_MAP)
		return "a mapping";
	return node->null ? "nothing" : "a text";
}
