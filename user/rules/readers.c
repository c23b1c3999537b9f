/*
 * readers.c - which rules read which series, by the metric names in their selectors.
 */
#include "rules/private.h"

#include <errno.h>

/* A quarter of an hour, less what an evaluation may come late. */
#define READ_FROM_MEMORY_MS (14 * 60 * 1000ll)

struct building {
	struct rules *rules;
	struct rule *rule;
	int err;
};

/* The name that a selector fixes, or NULL. */
static const char *fixed_name(const struct matcher *const *matchers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (matchers[i]->type == MATCH_EQUAL && streq(matchers[i]->name, LABEL_NAME))
			return matchers[i]->value;
	}
	return NULL;
}

static void add(const struct matcher *const *matchers, size_t n, void *userdata)
{
	struct building *building = userdata;
	const char *name = fixed_name(matchers, n);
	struct reader *reader;

	if (building->err)
		return;
	reader = calloc(1, sizeof(*reader));
	if (!reader) {
		building->err = -ENOMEM;
		return;
	}
	reader->rule = building->rule;
	reader->matchers = matchers;
	reader->n_matchers = n;
	if (!name) {
		reader->next = building->rules->any_readers;
		building->rules->any_readers = reader;
		return;
	}
	reader->next = map_gets(&building->rules->readers, name);
	building->err = map_puts(&building->rules->readers, name, reader);
	if (building->err)
		free(reader);
}

int readers_build(struct rules *rules)
{
	struct building building = { .rules = rules };

	for (size_t g = 0; g < rules->n_groups; g++) {
		for (size_t r = 0; r < rules->groups[g]->n_rules; r++) {
			building.rule = rules->groups[g]->rules[r];
			promql_selectors(building.rule->expr, add, &building);
		}
	}
	return building.err;
}

struct reaching {
	struct tsdb_reach *v;
	size_t n, cap;
	bool failed;
};

static void add_reach(
	const struct matcher *const *matchers, size_t n, int64_t back_ms, void *userdata)
{
	struct reaching *r = userdata;

	/* What the store keeps in memory of all. */
	if (r->failed || back_ms <= READ_FROM_MEMORY_MS)
		return;
	r->failed = !vec_reserve(r->v, r->n, r->cap);
	if (!r->failed)
		r->v[r->n++] = (struct tsdb_reach){ matchers, n, back_ms };
}

/* Without memory for it nothing is wrong: rules that reach far back wait for the disk. */
void readers_keep(struct rules *rules)
{
	struct reaching r = { 0 };

	for (size_t g = 0; g < rules->n_groups; g++) {
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++)
			promql_reaches(rules->groups[g]->rules[i]->expr, add_reach, &r);
	}
	if (r.failed || tsdb_keep(rules->db, r.v, r.n))
		tsdb_keep(rules->db, NULL, 0);
	rules->keeps = !r.failed && r.n;
	free(r.v);
}

static void free_list(struct reader *reader)
{
	struct reader *next;

	for (; reader; reader = next) {
		next = reader->next;
		free(reader);
	}
}

void readers_release(struct rules *rules)
{
	map_foreach (&rules->readers, e)
		free_list(e->value);
	map_release(&rules->readers);
	free_list(rules->any_readers);
	rules->any_readers = NULL;
}

static void touch_list(struct rules *rules, const struct reader *reader, const struct rule *writer,
	const struct labels *labels)
{
	for (; reader; reader = reader->next) {
		if (reader->rule == writer ||
			!matchers_match(reader->matchers, reader->n_matchers, labels))
			continue;
		reader->rule->dirty = true;
		rules->dirty = true;
	}
}

static void touch(struct rules *rules, const struct rule *writer, const struct labels *labels)
{
	const char *name = labels_get(labels, LABEL_NAME);

	if (name)
		touch_list(rules, map_gets(&rules->readers, name), writer, labels);
	touch_list(rules, rules->any_readers, writer, labels);
}

void rules_touch(struct rules *rules, const struct labels *labels)
{
	touch(rules, NULL, labels);
}

void readers_touch(const struct rule *writer, const struct labels *labels)
{
	struct rules *rules = writer->group->manager;

	if (!rules->on_slots)
		touch(rules, writer, labels);
}
