/*
 * inhibit.c - `inhibit_rules`: which alerts need not be told while others fire.
 *
 * Source: alertmanager config/config.go and inhibit/inhibit.go.
 */
#include "config/matchers.h"
#include "config/schema.h"
#include "model/matcher_parser.h"

static void read_source(struct reader *r, const struct tree_pair *pair, void *out);
static void read_target(struct reader *r, const struct tree_pair *pair, void *out);
static void read_equal(struct reader *r, const struct tree_pair *pair, void *out);

static const struct schema_key inhibit_keys[] = {
	QUIET("name", S_TEXT),
	CUSTOM("source_match", read_source),
	CUSTOM("source_match_re", read_source),
	CUSTOM("source_matchers", read_source),
	CUSTOM("target_match", read_target),
	CUSTOM("target_match_re", read_target),
	CUSTOM("target_matchers", read_target),
	CUSTOM("equal", read_equal),
};
static const struct schema inhibit_schema = SCHEMA("inhibit_rules", inhibit_keys, NULL);

static void read_source(struct reader *r, const struct tree_pair *pair, void *out)
{
	matchers_read(r, pair, &((struct config_inhibit_rule *)out)->source);
}

static void read_target(struct reader *r, const struct tree_pair *pair, void *out)
{
	matchers_read(r, pair, &((struct config_inhibit_rule *)out)->target);
}

static void read_equal(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_texts *equal = &((struct config_inhibit_rule *)out)->equal;
	size_t n = reader_list(r, pair);
	struct config_text label;

	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, "equal", pair->value->items[i], &label))
			continue;
		if (!matcher_syntax_takes_name(label.s)) {
			diag_error(r->diag, label.pos, "invalid label name \"%s\" in equal list",
				label.s);
			continue;
		}
		if (!arena_reserve(&r->config->arena, equal->items, equal->n, equal->cap)) {
			reader_no_memory(r);
			return;
		}
		equal->items[equal->n++] = label;
	}
}

void config_read_inhibit(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config *c = r->config;
	size_t n = reader_list(r, pair);

	if (n && !r->needs_route.source)
		r->needs_route = pair->key->pos;
	for (size_t i = 0; i < n; i++) {
		struct config_inhibit_rule rule = { 0 };

		schema_read(r, &inhibit_schema, pair->value->items[i], &rule);
		/* Every alert is on both sides, and such alerts inhibit nothing. */
		if (!rule.source.n && !rule.target.n)
			continue;
		if (!arena_reserve(&c->arena, c->inhibit_rules, c->n_inhibit_rules,
			    c->cap_inhibit_rules)) {
			reader_no_memory(r);
			return;
		}
		c->inhibit_rules[c->n_inhibit_rules++] = rule;
	}
}
