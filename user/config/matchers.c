/*
 * matchers.c - match, match_re and matchers.
 *
 * Source: alertmanager config/config.go.
 */
#include "config/matchers.h"

#include <errno.h>
#include "model/matcher_parser.h"

static void add(struct reader *r, struct config_matchers *to, enum matcher_type type,
	const char *name, const char *value)
{
	struct arena *arena = &r->config->arena;
	struct config_matcher matcher = {
		.type = type,
		.name = arena_strdup(arena, name),
		.value = arena_strdup(arena, value),
	};

	if (!matcher.name || !matcher.value || !arena_reserve(arena, to->items, to->n, to->cap)) {
		reader_no_memory(r);
		return;
	}
	to->items[to->n++] = matcher;
}

/* The expression wrapped once more, as Alertmanager keeps it. */
static void add_regex(struct reader *r, struct config_matchers *to, const struct tree_pair *pair)
{
	struct strbuf wrapped = STRBUF_INIT;
	char error[MATCHER_MAX_ERROR];
	struct matcher *matcher;
	int err;

	strbuf_addf(&wrapped, "^(?:%s)$", pair->value->text.s);
	err = wrapped.err ? wrapped.err
			  : matcher_new(MATCH_REGEX, pair->key->text.s, wrapped.s, &matcher, error,
				    sizeof(error));
	if (err == -EINVAL) {
		diag_error(r->diag, pair->value->pos, "invalid regular expression: %s", error);
	} else if (err) {
		reader_no_memory(r);
	} else {
		matcher_free(matcher);
		add(r, to, MATCH_REGEX, pair->key->text.s, wrapped.s);
	}
	strbuf_release(&wrapped);
}

/* match and match_re. */
static void read_map(
	struct reader *r, const struct tree_pair *pair, bool regex, struct config_matchers *to)
{
	const struct tree_node *map = pair->value;
	struct config_pairs checked = { 0 };

	if (!reader_pairs(r, pair, &checked) || map->null)
		return;
	for (size_t i = 0; i < map->n; i++) {
		const struct tree_node *name = map->pairs[i].key, *value = map->pairs[i].value;

		if (!label_name_valid_classic(name->text.s, name->text.len))
			diag_error(r->diag, name->pos, "invalid label name \"%s\"", name->text.s);
		if (value->kind != TREE_SCALAR)
			continue;
		if (!regex)
			add(r, to, MATCH_EQUAL, name->text.s, value->null ? "" : value->text.s);
		else if (value->null)
			diag_error(r->diag, name->pos, "invalid regexp value for \"%s\"",
				name->text.s);
		else
			add_regex(r, to, &map->pairs[i]);
	}
}

static void read_text(struct reader *r, const struct config_text *text, struct config_matchers *to)
{
	scoped(matcher_list_release) struct matcher_list list = MATCHER_LIST_INIT;
	char error[MATCHER_MAX_ERROR];
	int err;

	err = matcher_list_parse(matcher_syntax_in_use(), text->s, &list, error, sizeof(error));
	if (err == -EINVAL)
		diag_error(r->diag, text->pos, "%s", error);
	else if (err)
		reader_no_memory(r);
	for (size_t i = 0; i < list.n; i++)
		add(r, to, list.v[i]->type, list.v[i]->name, list.v[i]->value);
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len >= n && streq(s + len - n, end);
}

void matchers_read(struct reader *r, const struct tree_pair *pair, struct config_matchers *to)
{
	const char *key = pair->key->text.s;
	struct config_text text;
	size_t n;

	if (!ends_with(key, "matchers")) {
		read_map(r, pair, ends_with(key, "_re"), to);
		return;
	}
	n = reader_list(r, pair);
	for (size_t i = 0; i < n; i++) {
		if (reader_item_text(r, key, pair->value->items[i], &text))
			read_text(r, &text, to);
	}
}
