/*
 * rules.c - all groups: built from a configuration, stepped through time, shown to others.
 */
#include "rules/rules.h"

#include <errno.h>
#include "base/hash.h"
#include "rules/private.h"
#include "rules/slot.h"

/*
 * A rule may write what another one reads, so one event can pass through several rules. A circle
 * ends here, and goes on at its slot.
 */
#define MAX_EVENT_PASSES 8

static int64_t or_default(int64_t ms, int64_t by_default_ms)
{
	return ms ? MAX(ms, (int64_t)0) : by_default_ms;
}

static struct rules_limits limits_of(const struct rules_options *options)
{
	const struct rules_limits *l = &options->limits;

	return (struct rules_limits){
		.resend_delay_ms = or_default(l->resend_delay_ms, RULES_RESEND_DELAY_MS),
		.grace_period_ms = or_default(l->grace_period_ms, RULES_GRACE_PERIOD_MS),
		.outage_tolerance_ms =
			or_default(l->outage_tolerance_ms, RULES_OUTAGE_TOLERANCE_MS),
		.lookback_ms = l->lookback_ms > 0 ? l->lookback_ms : PROMQL_LOOKBACK_MS,
		.max_samples = l->max_samples,
		.block_ms = l->block_ms > 0 ? l->block_ms : RULES_BLOCK_MS,
	};
}

int rules_new(struct tsdb *db, const struct rules_options *options,
	const struct rules_callbacks *callbacks, struct rules **ret)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	rules->db = db;
	rules->callbacks = *callbacks;
	rules->limits = limits_of(options);
	rules->deadline_boot_ns = BOOT_NS_NEVER;
	rules->external_url = strdup(options->external_url ? options->external_url : "");
	rules->boot_id = strdup(options->boot_id ? options->boot_id : "");
	rules->external_labels = labels_empty();
	if (!rules->external_url || !rules->boot_id || !rules->external_labels) {
		rules_free(rules);
		return -ENOMEM;
	}
	*ret = rules;
	return 0;
}

static void group_free(struct group *group)
{
	if (!group)
		return;
	for (size_t i = 0; i < group->n_rules; i++)
		rule_free(group->rules[i]);
	expand_release(&group->labels);
	free(group->rules);
	free(group);
}

static void groups_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->n_groups; i++)
		group_free(rules->groups[i]);
	free(rules->groups);
	rules->groups = NULL;
	rules->n_groups = rules->cap_groups = 0;
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	if (rules->keeps)
		tsdb_keep(rules->db, NULL, 0);
	readers_release(rules);
	groups_free(rules);
	keep_release(rules);
	labels_unref(rules->external_labels);
	config_unref(rules->config);
	free(rules->external_url);
	free(rules->boot_id);
	free(rules);
}

static int group_build(struct rules *rules, const struct config *config,
	const struct config_group *from, struct diag *diag)
{
	struct group *group = calloc(1, sizeof(*group));
	int err = 0, one;
	bool alerts = false;

	if (!group || !vec_reserve(rules->groups, rules->n_groups, rules->cap_groups)) {
		free(group);
		return -ENOMEM;
	}
	rules->groups[rules->n_groups++] = group;
	group->manager = rules;
	group->config = from;
	group->interval_ms =
		from->interval_ms ? from->interval_ms : config->global.evaluation_interval_ms;
	group->hash = hash_fnv1a(HASH_FNV1A_INIT, from->file, strlen(from->file));
	if (from->name.s)
		group->hash = hash_fnv1a(group->hash, from->name.s, strlen(from->name.s));

	for (size_t i = 0; i < from->n_rules; i++) {
		const struct config_rule *rule = &from->rules[i];

		/* Only a salvaged configuration has such rules, and their fault is told already. */
		if (!rule->expr.s || !(rule->alert.s || rule->record.s))
			continue;
		alerts |= rule->alert.s != NULL;
		if (!vec_reserve(group->rules, group->n_rules, group->cap_rules))
			return -ENOMEM;
		one = rule_new(group, rule, &group->rules[group->n_rules], diag);
		if (one == -ENOMEM)
			return one;
		if (one)
			err = one;
		else
			group->n_rules++;
	}
	one = alerts ? expand_parse(&from->labels, &group->labels, diag) : 0;
	return one ? one : err;
}

/* Builds all groups into `rules`, which has none yet; every fault is told. */
static int build(struct rules *rules, const struct config *config, struct diag *diag)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	int err = 0, one;

	for (size_t i = 0; i < config->global.external_labels.n; i++) {
		const struct config_pair *pair = &config->global.external_labels.items[i];

		labels_builder_set(&b, pair->name.s, pair->value.s);
	}
	labels_unref(rules->external_labels);
	rules->external_labels = NULL;
	err = labels_build(&b, &rules->external_labels);
	for (size_t i = 0; i < config->n_groups && err != -ENOMEM; i++) {
		one = group_build(rules, config, &config->groups[i], diag);
		err = one ? one : err;
	}
	return err;
}

int rules_check(const struct config *config, struct diag *diag)
{
	const struct rules_callbacks none = { 0 };
	const struct rules_options options = { 0 };
	scoped(rules_freep) struct rules *rules = NULL;
	int err;

	err = rules_new(NULL, &options, &none, &rules);
	return err ? err : build(rules, config, diag);
}

static bool has_pair(const struct config_pairs *pairs, const struct config_pair *pair)
{
	for (size_t i = 0; i < pairs->n; i++) {
		if (streq(pairs->items[i].name.s, pair->name.s))
			return streq(pairs->items[i].value.s, pair->value.s);
	}
	return false;
}

/* In any order; no name stands twice. */
static bool same_pairs(const struct config_pairs *a, const struct config_pairs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!has_pair(b, &a->items[i]))
			return false;
	}
	return true;
}

static bool same_group(const struct group *a, const struct group *b)
{
	return streq(a->config->file, b->config->file) &&
	       streq(a->config->name.s, b->config->name.s);
}

/* By name and labels, as Prometheus's Group.CopyState does; each one is followed once. */
static bool follows(const struct rule *rule, const struct rule *from)
{
	return !rule->config->alert.s == !from->config->alert.s && streq(rule->name, from->name) &&
	       same_pairs(&rule->config->labels, &from->config->labels);
}

static void inherit_group(struct group *group, struct group *from)
{
	for (size_t i = 0; i < group->n_rules; i++) {
		for (size_t k = 0; k < from->n_rules; k++) {
			if (from->rules[k]->followed || !follows(group->rules[i], from->rules[k]))
				continue;
			rule_inherit(group->rules[i], from->rules[k]);
			break;
		}
	}
	group->slots = from->slots;
	group->last_wall_ms = from->last_wall_ms;
	group->duration_ns = from->duration_ns;
	if (group->interval_ms == from->interval_ms)
		group->next_slot_wall_ms = from->next_slot_wall_ms;
}

void rules_retract(struct rules *rules, struct instant now)
{
	for (size_t g = 0; g < rules->n_groups; g++) {
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++)
			rule_retract(rules->groups[g]->rules[i], now);
	}
}

static void arm(struct rules *rules, struct instant now);

int rules_configure(
	struct rules *rules, const struct config *config, struct instant now, struct diag *diag)
{
	scoped(rules_freep) struct rules *next = NULL;
	struct rules_options options = { .external_url = rules->external_url,
		.boot_id = rules->boot_id };
	struct rules_callbacks callbacks = rules->callbacks;
	struct rules old = *rules;
	int err;

	err = rules_new(rules->db, &options, &callbacks, &next);
	if (!err)
		err = build(next, config, diag);
	if (!err)
		err = readers_build(next);
	if (err)
		return err;

	/* Nothing can fail from here on. What was told under other labels would never be over. */
	if (!labels_equal(rules->external_labels, next->external_labels))
		rules_retract(rules, now);
	/* The new groups move into `rules`, the old ones into `next`. */
	rules->groups = next->groups;
	rules->n_groups = next->n_groups;
	rules->cap_groups = next->cap_groups;
	rules->readers = next->readers;
	rules->any_readers = next->any_readers;
	rules->external_labels = next->external_labels;
	rules->config = config_ref(config);
	next->groups = old.groups;
	next->n_groups = old.n_groups;
	next->cap_groups = old.cap_groups;
	next->readers = old.readers;
	next->any_readers = old.any_readers;
	next->external_labels = old.external_labels;
	next->config = old.config;
	/* The old ones' matchers go with them. */
	readers_keep(rules);

	for (size_t i = 0; i < rules->n_groups; i++) {
		struct group *group = rules->groups[i];

		group->manager = rules;
		group->next_slot_wall_ms =
			slot_at(now.wall_ms, group->interval_ms, group->hash) + group->interval_ms;
		for (size_t k = 0; k < next->n_groups; k++) {
			if (same_group(group, next->groups[k])) {
				inherit_group(group, next->groups[k]);
				break;
			}
		}
		for (size_t k = 0; k < group->n_rules; k++)
			keep_take_up(group->rules[k]);
	}
	for (size_t i = 0; i < next->n_groups; i++) {
		for (size_t k = 0; k < next->groups[i]->n_rules; k++)
			rule_retire(next->groups[i]->rules[k], now);
	}
	rules->skew_ns = now.boot_ns - now.wall_ms * NSEC_PER_MSEC;
	arm(rules, now);
	return 0;
}

static bool settling(const struct group *group)
{
	return group->slots < 2 || group->manager->hold;
}

/* The instant of a slot that is at or before now, on both clocks. */
static struct instant slot_instant(int64_t slot_wall_ms, struct instant now)
{
	return (struct instant){
		.wall_ms = slot_wall_ms,
		.boot_ns = now.boot_ns - (now.wall_ms - slot_wall_ms) * NSEC_PER_MSEC,
	};
}

/*
 * Samples from before a gap are out of the rules' sight, and new ones need a moment: until two slots
 * have passed, nothing is over because it is not seen.
 */
static void doubt(struct group *group)
{
	group->slots = 0;
	for (size_t i = 0; i < group->n_rules; i++)
		alerting_doubt(&group->rules[i]->alerting);
}

static void step_group(struct rules *rules, struct group *group, struct instant now)
{
	int64_t begun = clock_boot_ns(), slot;
	struct instant at;

	if (now.wall_ms < group->next_slot_wall_ms)
		return;
	/* Slots that were missed are skipped, not made up for. */
	slot = slot_at(now.wall_ms, group->interval_ms, group->hash);
	rules->stats.missed_slots +=
		(uint64_t)((slot - group->next_slot_wall_ms) / group->interval_ms);
	/* The machine slept, or this process was stopped. */
	if (slot - group->next_slot_wall_ms >= rules->limits.lookback_ms)
		doubt(group);
	at = slot_instant(slot, now);
	if (group->slots < 2)
		group->slots++;
	rules->on_slots = true;
	for (size_t i = 0; i < group->n_rules; i++) {
		struct rule *rule = group->rules[i];
		bool dirty = rule->dirty;

		/* The rule saw a later time already, at an event: this slot has nothing to add. */
		if (rule->last_wall_ms < at.wall_ms)
			rule_eval(rule, at, settling(group));
		/* What changed after the slot's own time was not seen by that evaluation. */
		rule->dirty = dirty;
	}
	rules->on_slots = false;
	group->next_slot_wall_ms = slot + group->interval_ms;
	group->last_wall_ms = slot;
	group->duration_ns = clock_boot_ns() - begun;
}

/* Once for all causes that became known since the last step: thousands may die within a second. */
static void mark_causes(struct rules *rules)
{
	for (size_t g = 0; rules->causes && g < rules->n_groups; g++) {
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++) {
			struct rule *rule = rules->groups[g]->rules[i];

			if (rule->dirty || !rule_cause_changed(rule))
				continue;
			rule->dirty = true;
			rules->dirty = true;
		}
	}
	rules->causes = false;
}

static void step_events(struct rules *rules, struct instant now)
{
	for (int pass = 0; rules->dirty && pass < MAX_EVENT_PASSES; pass++) {
		rules->dirty = false;
		for (size_t g = 0; g < rules->n_groups; g++) {
			for (size_t i = 0; i < rules->groups[g]->n_rules; i++) {
				struct rule *rule = rules->groups[g]->rules[i];

				if (!rule->dirty)
					continue;
				rules->stats.event_evaluations++;
				rule_eval(rule, rule_after_last(rule, now),
					settling(rules->groups[g]));
			}
		}
	}
	for (size_t g = 0; rules->dirty && g < rules->n_groups; g++) {
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++)
			rules->groups[g]->rules[i]->dirty = false;
	}
	rules->dirty = false;
}

/* Rules whose `for` or `keep_firing_for` ran out between their last evaluation and now. */
static void mark_due(struct rules *rules, struct instant now)
{
	for (size_t g = 0; g < rules->n_groups; g++) {
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++) {
			struct rule *rule = rules->groups[g]->rules[i];

			if (rule->deadline_boot_ns > now.boot_ns)
				continue;
			rule->dirty = true;
			rules->dirty = true;
		}
	}
}

static void arm(struct rules *rules, struct instant now)
{
	int64_t first = BOOT_NS_NEVER, due;

	for (size_t g = 0; g < rules->n_groups; g++) {
		const struct group *group = rules->groups[g];

		due = group->next_slot_wall_ms * NSEC_PER_MSEC + rules->skew_ns;
		first = MIN(first, due);
		for (size_t i = 0; i < group->n_rules; i++)
			first = MIN(first, group->rules[i]->deadline_boot_ns);
	}
	rules->deadline_boot_ns = first;
}

void rules_step(struct rules *rules, struct instant now)
{
	rules->skew_ns = now.boot_ns - now.wall_ms * NSEC_PER_MSEC;
	for (size_t i = 0; i < rules->n_groups; i++)
		step_group(rules, rules->groups[i], now);
	mark_due(rules, now);
	mark_causes(rules);
	step_events(rules, now);
	if (rules->kept.n && rules_settled(rules))
		keep_drop_unclaimed(rules);
	arm(rules, now);
}

void rules_eval_all(struct rules *rules, struct instant at)
{
	for (size_t g = 0; g < rules->n_groups; g++) {
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++)
			rule_eval(rules->groups[g]->rules[i], at, false);
	}
}

void rules_hold(struct rules *rules, bool samples_missing)
{
	rules->hold = samples_missing;
}

int64_t rules_deadline(const struct rules *rules)
{
	return rules->dirty || rules->causes ? 0 : rules->deadline_boot_ns;
}

int64_t rules_timed_deadline(const struct rules *rules)
{
	return rules->deadline_boot_ns;
}

bool rules_settled(const struct rules *rules)
{
	for (size_t i = 0; i < rules->n_groups; i++) {
		if (settling(rules->groups[i]))
			return false;
	}
	return true;
}

void rules_touch_cause(struct rules *rules)
{
	rules->causes = true;
}

static void shift_alerts(struct rule *rule, int64_t by_ms)
{
	map_foreach (&rule->alerting.alerts, e) {
		struct active_alert *alert = e->value;

		alert->active.wall_ms += by_ms;
		alert->fired.wall_ms += alert->fired.wall_ms ? by_ms : 0;
		alert->resolved.wall_ms += alert->resolved.wall_ms ? by_ms : 0;
		alert->keep_firing_wall_ms += alert->keep_firing_wall_ms ? by_ms : 0;
	}
}

/* 0 stays: it means never. */
static int64_t shifted(int64_t wall_ms, int64_t by_ms, struct instant now)
{
	return wall_ms ? MIN(wall_ms + by_ms, now.wall_ms) : 0;
}

void rules_wall_jumped(struct rules *rules, int64_t by_ms, struct instant now)
{
	rules->skew_ns = now.boot_ns - now.wall_ms * NSEC_PER_MSEC;
	for (size_t g = 0; g < rules->n_groups; g++) {
		struct group *group = rules->groups[g];

		group->next_slot_wall_ms =
			slot_at(now.wall_ms, group->interval_ms, group->hash) + group->interval_ms;
		group->last_wall_ms = shifted(group->last_wall_ms, by_ms, now);
		doubt(group);
		for (size_t i = 0; i < group->n_rules; i++) {
			struct rule *rule = group->rules[i];

			rule->last_wall_ms = shifted(rule->last_wall_ms, by_ms, now);
			shift_alerts(rule, by_ms);
			/* Its series are written again at the new time. */
			rule->dirty = true;
			rules->dirty = true;
		}
	}
	/* The rows hold the old times. */
	rules_keep_all(rules);
	arm(rules, now);
}

void rules_stats(const struct rules *rules, struct rules_stats *ret)
{
	*ret = rules->stats;
	ret->groups = rules->n_groups;
	ret->rules = ret->alerts_pending = ret->alerts_firing = 0;
	for (size_t g = 0; g < rules->n_groups; g++) {
		ret->rules += rules->groups[g]->n_rules;
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++) {
			map_foreach (&rules->groups[g]->rules[i]->alerting.alerts, e) {
				const struct active_alert *alert = e->value;

				ret->alerts_pending += alert->state == RULE_PENDING;
				ret->alerts_firing += alert->state == RULE_FIRING;
			}
		}
	}
}
