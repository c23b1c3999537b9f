/*
 * inhibit.c - `inhibit_rules`: which alerts need not be told while others fire.
 *
 * Source: alertmanager config/config.go and inhibit/inhibit.go.
 */
#include "config/matchers.h"
#include "config/schema.h"

static const struct schema_key inhibit_keys[] = {
	LATER("name", S_TEXT),
	LATER("source_match", S_PAIRS),
	LATER("source_match_re", S_PAIRS),
	LATER("source_matchers", S_TEXTS),
	LATER("target_match", S_PAIRS),
	LATER("target_match_re", S_PAIRS),
	LATER("target_matchers", S_TEXTS),
	LATER("equal", S_TEXTS),
};
static const struct schema inhibit_schema = SCHEMA("inhibit_rules", inhibit_keys, NULL);

void config_read_inhibit(struct reader *r, const struct tree_pair *pair, void *out)
{
	static const char *const re_keys[] = { "source_match", "source_match_re", "target_match",
		"target_match_re" };
	struct config_matchers unused = { 0 };
	size_t n = reader_list(r, pair), rules = 0;
	const struct tree_pair *match;

	if (n && !r->needs_route.source)
		r->needs_route = pair->key->pos;
	for (size_t i = 0; i < n; i++) {
		schema_read(r, &inhibit_schema, pair->value->items[i], NULL);
		for (size_t k = 0; k < ARRAY_SIZE(re_keys); k++) {
			match = tree_get(pair->value->items[i], re_keys[k]);
			if (match)
				matchers_read(r, match, &unused);
		}
		rules += pair->value->items[i]->kind == TREE_MAP && pair->value->items[i]->n;
	}
	if (rules)
		diag_error(r->diag, pair->key->pos,
			"'%s' is not served yet by this version of tolld", pair->key->text.s);
}
