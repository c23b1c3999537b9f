/*
 * inhibit.c - alerts that need not be told while others fire.
 *
 * An alert is inhibited by a rule while it matches the rule's target and some other alert that fires
 * matches its source and has the same values of the rule's `equal` labels; a missing label counts as
 * an empty one. Where the alert matches the source as well, alerts that match both sides do not
 * count: else two of them would hide each other, and each itself.
 *
 * What an alert is to the sources never changes with time, so it is found out once, when the alert
 * comes: each rule has its sources in sets by their `equal` values, and those that fire in a chain.
 * A look then costs the matchers of the rules that may match and have a firing source, and one look-up
 * in each.
 * Unlike Alertmanager, which remembers one source of a set, no source can hide another.
 *
 * Source: alertmanager inhibit/inhibit.go.
 */
#include "notify/internal.h"

#include <errno.h>
#include "model/intern.h"

/* Alerts that match the target, too, have a chain of their own. */
enum side { ONE_SIDED, TWO_SIDED, SIDES };

struct inhibit_source;

struct inhibit_set {
	struct inhibit_source *firing[SIDES];
	size_t refs; /* sources, firing or not */
};

struct inhibit_rule {
	struct matcher_list source, target;
	const char **equal;  /* interned, with references */
	const char **values; /* room for the values of one alert: the key of a set */
	size_t n_equal;
	struct map sets; /* values -> struct inhibit_set */
	size_t n_firing;
};

/* An alert as a source of one rule. */
struct inhibit_source {
	struct entry *entry;
	struct inhibit_rule *rule;
	struct inhibit_set *set;
	struct inhibit_source *prev, *next; /* in the chain */
	enum side side;
	bool firing; /* in the chain */
};

struct entry_sources {
	size_t n;
	struct inhibit_source v[];
};

struct inhibitor {
	struct inhibit_rule *rules;
	size_t n_rules;
	struct match_index by_source, by_target; /* of rules */
	struct map sources; /* struct entry * -> struct entry_sources, for those that are any */
};

static int rule_init(struct inhibit_rule *rule, const struct config_inhibit_rule *from)
{
	int err;

	err = matchers_build(&from->source, &rule->source);
	if (!err)
		err = matchers_build(&from->target, &rule->target);
	if (err)
		return err;
	rule->equal = calloc(from->equal.n + 1, sizeof(*rule->equal));
	rule->values = calloc(from->equal.n + 1, sizeof(*rule->values));
	if (!rule->equal || !rule->values)
		return -ENOMEM;
	for (size_t i = 0; i < from->equal.n; i++) {
		const char *name = from->equal.items[i].s;

		rule->equal[i] = intern(name, strlen(name));
		if (!rule->equal[i])
			return -ENOMEM;
		rule->n_equal++;
	}
	return 0;
}

static void rule_release(struct inhibit_rule *rule)
{
	map_foreach (&rule->sets, e)
		free(e->value);
	map_release(&rule->sets);
	for (size_t i = 0; i < rule->n_equal; i++)
		intern_unref(rule->equal[i]);
	free(rule->equal);
	free(rule->values);
	matcher_list_release(&rule->source);
	matcher_list_release(&rule->target);
}

int inhibitor_new(const struct config *config, struct inhibitor **ret)
{
	scoped(inhibitor_freep) struct inhibitor *inhibitor = calloc(1, sizeof(*inhibitor));
	int err;

	if (!inhibitor)
		return -ENOMEM;
	inhibitor->rules = calloc(config->n_inhibit_rules + 1, sizeof(*inhibitor->rules));
	if (!inhibitor->rules)
		return -ENOMEM;
	inhibitor->n_rules = config->n_inhibit_rules;
	for (size_t i = 0; i < inhibitor->n_rules; i++) {
		struct inhibit_rule *rule = &inhibitor->rules[i];
		int place;

		err = rule_init(rule, &config->inhibit_rules[i]);
		if (!err)
			err = match_index_add(
				&inhibitor->by_source, &rule->source, (uintptr_t)rule, &place);
		if (!err)
			err = match_index_add(
				&inhibitor->by_target, &rule->target, (uintptr_t)rule, &place);
		if (err)
			return err;
	}
	*ret = TAKE(inhibitor);
	return 0;
}

void inhibitor_free(struct inhibitor *inhibitor)
{
	if (!inhibitor)
		return;
	map_foreach (&inhibitor->sources, e)
		free(e->value);
	map_release(&inhibitor->sources);
	for (size_t i = 0; i < inhibitor->n_rules; i++)
		rule_release(&inhibitor->rules[i]);
	match_index_release(&inhibitor->by_source);
	match_index_release(&inhibitor->by_target);
	free(inhibitor->rules);
	free(inhibitor);
}

/* Values are interned and the alert holds them: pointers tell them apart. The key's length. */
static size_t fill_values(struct inhibit_rule *rule, const struct labels *labels)
{
	for (size_t i = 0; i < rule->n_equal; i++)
		rule->values[i] = labels_get_interned(labels, rule->equal[i]);
	return rule->n_equal * sizeof(*rule->values);
}

static struct inhibit_set *set_find(struct inhibit_rule *rule, const struct labels *labels)
{
	size_t len = fill_values(rule, labels);

	return map_get(&rule->sets, rule->values, len);
}

static void chain(struct inhibit_source *source)
{
	struct inhibit_source **first = &source->set->firing[source->side];

	source->next = *first;
	source->prev = NULL;
	if (*first)
		(*first)->prev = source;
	*first = source;
	source->rule->n_firing++;
	source->firing = true;
}

static void unchain(struct inhibit_source *source)
{
	if (source->prev)
		source->prev->next = source->next;
	else
		source->set->firing[source->side] = source->next;
	if (source->next)
		source->next->prev = source->prev;
	source->rule->n_firing--;
	source->firing = false;
}

static void source_release(struct inhibit_source *source)
{
	struct inhibit_rule *rule = source->rule;
	size_t len;

	if (source->firing)
		unchain(source);
	if (--source->set->refs)
		return;
	len = fill_values(rule, source->entry->alert->labels);
	free(map_del(&rule->sets, rule->values, len));
}

static int source_init(
	struct inhibit_source *source, struct inhibit_rule *rule, struct entry *entry)
{
	const struct labels *labels = entry->alert->labels;
	struct inhibit_set *set = set_find(rule, labels);

	if (!set) {
		size_t len = fill_values(rule, labels);

		set = calloc(1, sizeof(*set));
		if (!set)
			return -ENOMEM;
		if (map_put(&rule->sets, rule->values, len, set)) {
			free(set);
			return -ENOMEM;
		}
	}
	*source = (struct inhibit_source){ .entry = entry, .rule = rule, .set = set };
	source->side = matcher_list_match(&rule->target, labels) ? TWO_SIDED : ONE_SIDED;
	set->refs++;
	if (!entry->resolved)
		chain(source);
	return 0;
}

static struct entry_sources *sources_of(
	const struct inhibitor *inhibitor, const struct entry *entry)
{
	return map_get(&inhibitor->sources, &entry, sizeof(entry));
}

static void sources_free(struct entry_sources *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		source_release(&sources->v[i]);
	free(sources);
}

/* The rules whose source an alert is. */
struct finding {
	const struct labels *labels;
	struct inhibit_rule **rules;
	size_t n, cap;
	bool failed;
};

static bool find_source(uintptr_t item, void *userdata)
{
	struct inhibit_rule *rule = (struct inhibit_rule *)item;
	struct finding *found = userdata;

	if (!matcher_list_match(&rule->source, found->labels))
		return true;
	found->failed = !vec_reserve(found->rules, found->n, found->cap);
	if (!found->failed)
		found->rules[found->n++] = rule;
	return !found->failed;
}

static int add_sources(
	struct inhibitor *inhibitor, struct entry *entry, const struct finding *found)
{
	struct entry_sources *sources =
		calloc(1, sizeof(*sources) + found->n * sizeof(struct inhibit_source));
	int err = 0;

	if (!sources)
		return -ENOMEM;
	for (size_t i = 0; i < found->n && !err; i++) {
		err = source_init(&sources->v[sources->n], found->rules[i], entry);
		sources->n += !err;
	}
	if (!err)
		err = map_put(&inhibitor->sources, &entry, sizeof(entry), sources);
	if (err)
		sources_free(sources);
	return err;
}

int inhibitor_add(struct inhibitor *inhibitor, struct entry *entry)
{
	struct finding found = { .labels = entry->alert->labels };
	int err = 0;

	match_index_each(&inhibitor->by_source, found.labels, find_source, &found);
	if (found.failed)
		err = -ENOMEM;
	else if (found.n)
		err = add_sources(inhibitor, entry, &found);
	free(found.rules);
	return err;
}

void inhibitor_remove(struct inhibitor *inhibitor, const struct entry *entry)
{
	struct entry_sources *sources = map_del(&inhibitor->sources, &entry, sizeof(entry));

	if (sources)
		sources_free(sources);
}

void inhibitor_note(struct inhibitor *inhibitor, const struct entry *entry)
{
	struct entry_sources *sources = sources_of(inhibitor, entry);

	for (size_t i = 0; sources && i < sources->n; i++) {
		struct inhibit_source *source = &sources->v[i];

		if (source->firing && entry->resolved)
			unchain(source);
		else if (!source->firing && !entry->resolved)
			chain(source);
	}
}

/* Whether one in the chain fires. One whose end has come leaves the chain when it is asked. */
static const struct entry *first_firing(
	struct notify *notify, const struct inhibit_set *set, enum side side, struct instant now)
{
	while (set->firing[side]) {
		struct entry *entry = set->firing[side]->entry;

		if (!entry_is_over(notify, entry, now))
			return entry;
	}
	return NULL;
}

/* A look at one alert. */
struct looking {
	struct notify *notify;
	const struct labels *labels;
	struct instant now;
	const struct entry *by;
};

static bool look_at_rule(uintptr_t item, void *userdata)
{
	struct inhibit_rule *rule = (struct inhibit_rule *)item;
	struct looking *look = userdata;
	const struct inhibit_set *set;

	if (!rule->n_firing || !matcher_list_match(&rule->target, look->labels))
		return true;
	set = set_find(rule, look->labels);
	if (set)
		look->by = first_firing(look->notify, set, ONE_SIDED, look->now);
	if (set && !look->by && !matcher_list_match(&rule->source, look->labels))
		look->by = first_firing(look->notify, set, TWO_SIDED, look->now);
	return !look->by;
}

const struct entry *inhibited_by(
	struct notify *notify, const struct labels *labels, struct instant now)
{
	struct looking look = { .notify = notify, .labels = labels, .now = now };

	if (notify->inhibitor)
		match_index_each(&notify->inhibitor->by_target, labels, look_at_rule, &look);
	return look.by;
}
