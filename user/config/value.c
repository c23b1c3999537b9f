/*
 * value.c - settings of any shape, kept after their tree is gone.
 *
 * Plain scalars are told apart as YAML 1.1 has it, because what they become may be a JSON number.
 */
#include "config/value.h"

#include <errno.h>

/* What JSON takes for a number. */
static bool is_number(const char *s)
{
	size_t digits;

	s += *s == '-';
	digits = strspn(s, "0123456789");
	if (!digits || (*s == '0' && digits > 1))
		return false;
	s += digits;
	if (*s == '.') {
		digits = strspn(++s, "0123456789");
		if (!digits)
			return false;
		s += digits;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		digits = strspn(s, "0123456789");
		if (!digits)
			return false;
		s += digits;
	}
	return !*s;
}

static void scalar(const struct tree_node *node, struct config_value *ret)
{
	ret->kind = node->null ? VALUE_NULL : VALUE_TEXT;
	if (node->null || !node->plain)
		return;
	if (reader_truth(node, &ret->truth))
		ret->kind = VALUE_BOOL;
	else if (is_number(ret->text.s))
		ret->kind = VALUE_NUMBER;
}

static int copy_text(struct arena *arena, const struct tree_node *node, struct config_text *ret)
{
	if (node->kind != TREE_SCALAR || strlen(node->text.s) != node->text.len)
		return -EINVAL;
	ret->pos = node->pos;
	ret->s = arena_strdup(arena, node->null ? "" : node->text.s);
	return ret->s ? 0 : -ENOMEM;
}

static int copy(struct arena *arena, const struct tree_node *node, struct config_value *ret);

static int copy_items(struct arena *arena, const struct tree_node *node, struct config_value *ret)
{
	bool map = node->kind == TREE_MAP;
	int err = 0;

	ret->kind = map ? VALUE_MAP : VALUE_LIST;
	if (!node->n)
		return 0;
	ret->items = arena_alloc(arena, node->n * sizeof(*ret->items));
	ret->keys = map ? arena_alloc(arena, node->n * sizeof(*ret->keys)) : NULL;
	if (!ret->items || (map && !ret->keys))
		return -ENOMEM;
	for (size_t i = 0; i < node->n && !err; i++, ret->n++) {
		if (map)
			err = copy_text(arena, node->pairs[i].key, &ret->keys[i]);
		if (!err)
			err = copy(
				arena, map ? node->pairs[i].value : node->items[i], &ret->items[i]);
	}
	return err;
}

/* -ENOMEM, or -EINVAL for what no text can hold. */
static int copy(struct arena *arena, const struct tree_node *node, struct config_value *ret)
{
	int err;

	*ret = (struct config_value){ .text.pos = node->pos };
	if (node->kind != TREE_SCALAR)
		return copy_items(arena, node, ret);
	err = copy_text(arena, node, &ret->text);
	if (!err)
		scalar(node, ret);
	return err;
}

bool value_read(
	struct reader *r, const char *name, const struct tree_node *node, struct config_value *ret)
{
	int err = copy(&r->config->arena, node, ret);

	if (err == -ENOMEM)
		reader_no_memory(r);
	else if (err)
		diag_error(r->diag, node->pos, "'%s' must not hold a NUL byte", name);
	return !err;
}

int config_value_parse(struct arena *arena, const char *text, struct config_value *ret)
{
	scoped(source_unrefp) struct source *source = source_new("", text, strlen(text));
	scoped(arena_release) struct arena trees = ARENA_INIT;
	struct diag faults = DIAG_INIT;
	struct config_value value = { .kind = VALUE_NULL };
	struct tree_node *root = NULL;
	int err;

	if (!source)
		return -ENOMEM;
	err = tree_parse(source, &trees, &faults, &root);
	if (!err && faults.errors)
		err = -EINVAL;
	if (!err && root)
		err = copy(arena, root, &value);
	diag_release(&faults);
	if (!err)
		*ret = value;
	return err;
}

const struct config_value *config_value_get(const struct config_value *map, const char *key)
{
	for (size_t i = 0; map->kind == VALUE_MAP && i < map->n; i++) {
		if (streq(map->keys[i].s, key))
			return map->items[i].kind == VALUE_NULL ? NULL : &map->items[i];
	}
	return NULL;
}

const struct config_text *config_value_text(const struct config_value *map, const char *key)
{
	const struct config_value *value = config_value_get(map, key);

	return value && value->kind != VALUE_LIST && value->kind != VALUE_MAP ? &value->text : NULL;
}

bool value_set(struct reader *r, struct config_value *map, const char *key, struct config_text text)
{
	struct arena *arena = &r->config->arena;
	struct config_value *items;
	struct config_text *keys;

	for (size_t i = 0; i < map->n; i++) {
		if (!streq(map->keys[i].s, key))
			continue;
		map->items[i] = (struct config_value){ .kind = VALUE_TEXT, .text = text };
		return true;
	}
	items = arena_alloc(arena, (map->n + 1) * sizeof(*items));
	keys = arena_alloc(arena, (map->n + 1) * sizeof(*keys));
	if (!items || !keys) {
		reader_no_memory(r);
		return false;
	}
	if (map->n) {
		memcpy(items, map->items, map->n * sizeof(*items));
		memcpy(keys, map->keys, map->n * sizeof(*keys));
	}
	items[map->n] = (struct config_value){ .kind = VALUE_TEXT, .text = text };
	keys[map->n] = (struct config_text){ .s = (char *)key, .pos = text.pos };
	map->items = items;
	map->keys = keys;
	map->n++;
	return true;
}

void value_unset(struct config_value *map, const char *key)
{
	for (size_t i = 0; i < map->n; i++) {
		if (streq(map->keys[i].s, key))
			map->items[i].kind = VALUE_NULL;
	}
}
