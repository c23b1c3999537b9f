/*
 * rule_files.c - rule groups, read as Prometheus reads them.
 *
 * Expressions and templates are only carried along with their places; others find fault with them.
 * Source: prometheus model/rulefmt.
 */
#include <errno.h>
#include "config/schema.h"

static void read_rules(struct reader *r, const struct tree_pair *pair, void *out);
static void read_groups(struct reader *r, const struct tree_pair *pair, void *out);

static const struct schema_key rule_keys[] = {
	SERVED("record", S_TEXT, struct config_rule, record),
	SERVED("alert", S_TEXT, struct config_rule, alert),
	SERVED("expr", S_TEXT, struct config_rule, expr),
	SERVED("for", S_DURATION, struct config_rule, for_ms),
	SERVED("keep_firing_for", S_DURATION, struct config_rule, keep_firing_for_ms),
	SERVED("labels", S_PAIRS, struct config_rule, labels),
	SERVED("annotations", S_PAIRS, struct config_rule, annotations),
};
static const struct schema rule_schema = SCHEMA("a rule", rule_keys, NULL);

static const struct schema_key group_keys[] = {
	SERVED("name", S_TEXT, struct config_group, name),
	SERVED("interval", S_DURATION, struct config_group, interval_ms),
	SERVED("query_offset", S_DURATION, struct config_group, query_offset_ms),
	SERVED("limit", S_INT, struct config_group, limit),
	SERVED("labels", S_PAIRS, struct config_group, labels),
	CUSTOM("rules", read_rules),
};
static const struct schema group_schema = SCHEMA("a rule group", group_keys, NULL);

static const struct schema_key rule_file_keys[] = {
	CUSTOM("groups", read_groups),
};
static const struct schema rule_file_schema = SCHEMA("a rule file", rule_file_keys, NULL);

static void check_names(struct reader *r, const struct config_pairs *pairs, const char *what)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct config_text *name = &pairs->items[i].name;

		if (!*name->s || streq(name->s, LABEL_NAME))
			diag_error(r->diag, name->pos, "invalid %s name: %s", what, name->s);
	}
}

static void check_recording(
	struct reader *r, const struct config_rule *rule, const struct tree_node *node)
{
	static const char *const alert_only[] = { "annotations", "for", "keep_firing_for" };
	const struct tree_pair *pair;

	if (strpbrk(rule->record.s, "{}"))
		diag_error(r->diag, rule->record.pos,
			"braces present in the recording rule name; should it be in expr?: %s",
			rule->record.s);
	for (size_t i = 0; i < ARRAY_SIZE(alert_only); i++) {
		pair = tree_get(node, alert_only[i]);
		if (!pair || pair->value->null ||
			(pair->value->kind == TREE_MAP && !pair->value->n))
			continue;
		if (i > 0 && !(i == 1 ? rule->for_ms : rule->keep_firing_for_ms))
			continue;
		diag_error(r->diag, pair->key->pos, "invalid field '%s' in recording rule",
			alert_only[i]);
	}
}

static void check_rule(
	struct reader *r, const struct config_rule *rule, const struct tree_node *node)
{
	const struct tree_pair *expr = tree_get(node, "expr");

	if (text_set(&rule->record) && text_set(&rule->alert))
		diag_error(
			r->diag, rule->alert.pos, "only one of 'record' and 'alert' must be set");
	else if (!text_set(&rule->record) && !text_set(&rule->alert))
		diag_error(r->diag, node->pos, "one of 'record' or 'alert' must be set");
	if (!text_set(&rule->expr))
		diag_error(r->diag, expr ? expr->value->pos : node->pos,
			"field 'expr' must be set in rule");
	if (text_set(&rule->record))
		check_recording(r, rule, node);
	check_names(r, &rule->labels, "label");
	check_names(r, &rule->annotations, "annotation");
}

static void read_rule(struct reader *r, const struct tree_node *node, struct config_group *group)
{
	struct config_rule rule = { 0 };

	if (node->null) {
		diag_error(
			r->diag, node->pos, "empty rule: one of 'record' or 'alert' must be set");
		return;
	}
	schema_read(r, &rule_schema, node, &rule);
	if (node->kind != TREE_MAP)
		return;
	check_rule(r, &rule, node);
	/* Readers tell the two kinds apart by what is set. */
	if (!text_set(&rule.record))
		rule.record.s = NULL;
	if (!text_set(&rule.alert) || rule.record.s)
		rule.alert.s = NULL;
	if (!arena_reserve(&r->config->arena, group->rules, group->n_rules, group->cap_rules)) {
		reader_no_memory(r);
		return;
	}
	group->rules[group->n_rules++] = rule;
}

static void read_rules(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++)
		read_rule(r, pair->value->items[i], out);
}

static void read_group(struct reader *r, const struct tree_node *node, struct map *names)
{
	struct config_group group = { .query_offset_ms = r->global.rule_query_offset_ms };
	const struct tree_node *first;
	struct config *c = r->config;

	if (node->null) {
		diag_error(r->diag, node->pos, "empty rule group: Groupname must not be empty");
		return;
	}
	group.file = node->pos.source->name;
	schema_read(r, &group_schema, node, &group);
	if (node->kind != TREE_MAP)
		return;
	check_names(r, &group.labels, "label");
	if (!text_set(&group.name)) {
		diag_error(r->diag, node->pos, "Groupname must not be empty");
		return;
	}
	first = map_gets(names, group.name.s);
	if (first)
		diag_error(r->diag, group.name.pos,
			"groupname: \"%s\" is repeated in the same file, first in line %u",
			group.name.s, first->pos.line);
	else if (map_puts(names, group.name.s, (void *)node))
		reader_no_memory(r);
	if (!arena_reserve(&c->arena, c->groups, c->n_groups, c->cap_groups)) {
		reader_no_memory(r);
		return;
	}
	c->groups[c->n_groups++] = group;
}

static void read_groups(struct reader *r, const struct tree_pair *pair, void *out)
{
	scoped(map_release) struct map names = MAP_INIT;
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++)
		read_group(r, pair->value->items[i], &names);
}

void config_read_rule_source(struct reader *r, struct source *source)
{
	/* Of its own, and given back at once: there may be many rule files. */
	scoped(arena_release) struct arena trees = ARENA_INIT;
	struct tree_node *root = NULL;
	int err;

	err = tree_parse(source, &trees, r->diag, &root);
	if (err == -ENOMEM)
		reader_no_memory(r);
	else if (err)
		r->broken = true;
	else if (root)
		schema_read(r, &rule_file_schema, root, r);
}

static void read_rule_file(struct reader *r, const char *path, struct pos pos)
{
	struct source *source;

	if (reader_open(r, path, pos, &source))
		config_read_rule_source(r, source);
}

void config_read_rule_files(struct reader *r, const struct tree_pair *pair, void *out)
{
	reader_each_file(r, pair, "rule file", read_rule_file);
}
