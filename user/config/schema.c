/*
 * schema.c - reads mappings by tables of their keys.
 */
#include "config/schema.h"

/* More keys than any mapping has, with what it shares. */
#define MAX_NAMES 128u

const struct schema_key *schema_find(const struct schema *schema, const char *name)
{
	for (; schema; schema = schema->more) {
		for (size_t i = 0; i < schema->n; i++) {
			if (streq(schema->keys[i].name, name))
				return &schema->keys[i];
		}
	}
	return NULL;
}

static void tell_unknown(
	struct reader *r, const struct schema *schema, const struct tree_pair *pair)
{
	const char *names[MAX_NAMES] = { NULL }, *nearest, *key = pair->key->text.s;
	const struct schema *part = schema;
	size_t n = 0;

	for (; part; part = part->more) {
		for (size_t i = 0; i < part->n && n < MAX_NAMES; i++)
			names[n++] = part->keys[i].name;
	}
	nearest = diag_nearest(key, names, n);
	if (!nearest) {
		diag_error(r->diag, pair->key->pos, "unknown key '%s' in %s", key, schema->what);
		return;
	}
	if (schema_find(schema, nearest)->type == S_SECRET)
		reader_hide(pair->value);
	diag_error(r->diag, pair->key->pos, "unknown key '%s' in %s (did you mean '%s'?)", key,
		schema->what, nearest);
}

static bool holds_secrets(const struct schema *schema)
{
	for (; schema; schema = schema->more) {
		for (size_t i = 0; i < schema->n; i++) {
			if (schema->keys[i].type == S_SECRET)
				return true;
		}
	}
	return false;
}

/* Whether a value asks for nothing, so that not serving it takes nothing away. */
static bool asks_for_nothing(const struct schema_key *key, const struct tree_node *value)
{
	bool truth;

	if (value->kind != TREE_SCALAR)
		return value->n == 0;
	if (value->null || value->text.len == 0)
		return true;
	if (key->type == S_BOOL)
		return reader_truth(value, &truth) && !truth;
	return (key->type == S_COUNT || key->type == S_SIZE || key->type == S_DURATION) &&
	       (streq(value->text.s, "0") || streq(value->text.s, "0s"));
}

static void tell_unserved(
	struct reader *r, const struct schema_key *key, const struct tree_pair *pair)
{
	if (asks_for_nothing(key, pair->value))
		return;
	if (key->state == S_LATER && key->why)
		diag_error(r->diag, pair->key->pos, "'%s' is refused: %s", key->name, key->why);
	else if (key->state == S_IGNORED && key->why)
		diag_warning(r->diag, pair->key->pos, "'%s' is ignored: %s", key->name, key->why);
	else if (key->state == S_LATER)
		reader_tell_unserved(r, pair->key->pos, key->name);
	else if (key->state == S_IGNORED)
		diag_warning(r->diag, pair->key->pos,
			"'%s' is not served yet by this version of tolld and is ignored",
			key->name);
}

static void read_map(
	struct reader *r, const struct schema_key *key, const struct tree_pair *pair, void *field)
{
	if (key->sub)
		schema_read(r, key->sub, pair->value, field);
}

static void check_list(struct reader *r, const struct schema_key *key, const struct tree_pair *pair)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n && key->sub; i++)
		schema_read(r, key->sub, pair->value->items[i], NULL);
}

static void check_texts(
	struct reader *r, const struct schema_key *key, const struct tree_pair *pair)
{
	size_t n = reader_list(r, pair);
	struct config_text text;

	for (size_t i = 0; i < n; i++)
		reader_item_text(r, key->name, pair->value->items[i], &text);
}

static void read_tristate(struct reader *r, const struct tree_pair *pair, int *ret)
{
	bool value;

	if (!pair->value->null && reader_bool(r, pair, &value))
		*ret = value;
}

static void read_value(
	struct reader *r, const struct schema_key *key, const struct tree_pair *pair, void *field)
{
	switch (key->type) {
	case S_ANY:
		return;
	case S_SECRET:
		reader_hide(pair->value);
		reader_text(r, pair, field);
		return;
	case S_TEXT:
		reader_text(r, pair, field);
		return;
	case S_BOOL:
		reader_bool(r, pair, field);
		return;
	case S_TRISTATE:
		read_tristate(r, pair, field);
		return;
	case S_DURATION:
		reader_duration(r, pair, field);
		return;
	case S_COUNT:
		reader_int(r, pair, 0, field);
		return;
	case S_INT:
		reader_int(r, pair, INT64_MIN, field);
		return;
	case S_SIZE:
		reader_size(r, pair, field);
		return;
	case S_PAIRS:
		reader_pairs(r, pair, field);
		return;
	case S_TEXTS:
		check_texts(r, key, pair);
		return;
	case S_MAP:
		read_map(r, key, pair, field);
		return;
	case S_LIST:
		check_list(r, key, pair);
		return;
	case S_CUSTOM:
		return;
	}
}

void schema_read_pair(
	struct reader *r, const struct schema_key *key, const struct tree_pair *pair, void *out)
{
	union {
		struct config_text text;
		struct config_pairs pairs;
		int64_t number;
		int tristate;
		bool boolean;
	} scratch = { 0 };

	if (key->type == S_CUSTOM) {
		if (out)
			key->read(r, pair, out);
	} else if (key->state == S_SERVED && out) {
		read_value(r, key, pair, (char *)out + key->offset);
	} else {
		read_value(r, key, pair, key->type == S_MAP ? NULL : (void *)&scratch);
		if (out)
			tell_unserved(r, key, pair);
	}
}

void schema_read(
	struct reader *r, const struct schema *schema, const struct tree_node *node, void *out)
{
	const struct schema_key *key;

	if (node->null)
		return;
	if (node->kind != TREE_MAP) {
		if (holds_secrets(schema))
			reader_hide(node);
		diag_error(r->diag, node->pos, "%s must be a mapping, not %s", schema->what,
			tree_describe(node));
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		key = schema_find(schema, node->pairs[i].key->text.s);
		if (key)
			schema_read_pair(r, key, &node->pairs[i], out);
		else
			tell_unknown(r, schema, &node->pairs[i]);
	}
}
