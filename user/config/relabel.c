/*
 * relabel.c - relabel_configs and its siblings.
 */
#include "config/relabel.h"

#include <errno.h>

/* A rule as it is read, before it is made. */
struct draft {
	struct config_text separator, regex, target_label, replacement, action;
	int64_t modulus;
	const char **source_labels; /* NULL: not set */
	size_t n_source_labels, cap_source_labels;
	bool broken; /* a label's name could not be read */
};

static void read_source_labels(struct reader *r, const struct tree_pair *pair, void *out);

static const struct schema_key relabel_keys[] = {
	CUSTOM("source_labels", read_source_labels),
	SERVED("separator", S_TEXT, struct draft, separator),
	SERVED("target_label", S_TEXT, struct draft, target_label),
	SERVED("regex", S_TEXT, struct draft, regex),
	SERVED("modulus", S_COUNT, struct draft, modulus),
	SERVED("replacement", S_TEXT, struct draft, replacement),
	SERVED("action", S_TEXT, struct draft, action),
};
const struct schema relabel_schema = SCHEMA("relabel_configs", relabel_keys, NULL);

static void read_source_labels(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct draft *draft = out;
	size_t n = reader_list(r, pair);
	struct config_text text;

	draft->broken |= pair->value->kind != TREE_LIST && !pair->value->null;
	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, "source_labels", pair->value->items[i], &text)) {
			draft->broken = true;
			continue;
		}
		if (!arena_reserve(&r->trees, draft->source_labels, draft->n_source_labels,
			    draft->cap_source_labels)) {
			reader_no_memory(r);
			return;
		}
		draft->source_labels[draft->n_source_labels++] = text.s;
	}
}

/* The value of the setting that a fault is about, or the rule where it is not set. */
static struct pos place(const struct tree_node *node, const char *key)
{
	const struct tree_pair *pair = tree_get(node, key);

	return pair ? pair->value->pos : node->pos;
}

static bool add(struct reader *r, struct config_relabels *list, struct relabel_rule *rule)
{
	if (!arena_reserve(&r->config->arena, list->items, list->n, list->cap)) {
		reader_no_memory(r);
		return false;
	}
	list->items[list->n++] = rule;
	return true;
}

static void make_rule(struct reader *r, const struct tree_node *node, const struct draft *draft,
	struct config_relabels *ret)
{
	const struct relabel_settings settings = {
		.source_labels = draft->source_labels,
		.n_source_labels = draft->n_source_labels,
		.separator = draft->separator.s,
		.regex = draft->regex.s,
		.target_label = draft->target_label.s,
		.replacement = draft->replacement.s,
		.action = draft->action.s,
		.modulus = (uint64_t)draft->modulus,
	};
	struct relabel_rule *rule;
	const char *key = "";
	char error[400];
	int err;

	err = relabel_rule_new(&settings, &rule, &key, error, sizeof(error));
	if (err == -EINVAL)
		diag_error(r->diag, place(node, key), "%s", error);
	else if (err)
		reader_no_memory(r);
	else if (!add(r, &r->config->all_relabels, rule))
		relabel_rule_free(rule);
	else
		add(r, ret, rule);
}

void config_read_relabels(
	struct reader *r, const struct tree_pair *pair, struct config_relabels *ret)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++) {
		const struct tree_node *node = pair->value->items[i];
		size_t errors = r->diag->errors;
		struct draft draft = { 0 };

		if (node->null) {
			diag_error(r->diag, node->pos, "empty or null relabeling rule in '%s'",
				pair->key->text.s);
			continue;
		}
		schema_read(r, &relabel_schema, node, &draft);
		if (!draft.broken && r->diag->errors == errors)
			make_rule(r, node, &draft, ret);
	}
}
