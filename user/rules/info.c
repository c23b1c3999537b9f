/*
 * info.c - rules and their alerts as others may see them.
 */
#include "rules/private.h"

#include <errno.h>

struct sizes {
	size_t rules, alerts;
};

static struct sizes count(const struct rules *rules)
{
	struct sizes sizes = { 0 };

	for (size_t g = 0; g < rules->n_groups; g++) {
		sizes.rules += rules->groups[g]->n_rules;
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++)
			sizes.alerts += rules->groups[g]->rules[i]->alerting.alerts.n;
	}
	return sizes;
}

static int by_active(const void *pa, const void *pb)
{
	const struct rule_alert_info *a = pa, *b = pb;

	if (a->active_wall_ms != b->active_wall_ms)
		return a->active_wall_ms < b->active_wall_ms ? -1 : 1;
	return labels_compare(a->labels, b->labels);
}

/* Pending and firing ones; what is over is nobody's affair but the notifier's. */
static size_t fill_alerts(const struct rule *rule, struct rule_alert_info *to)
{
	size_t n = 0;

	map_foreach (&rule->alerting.alerts, e) {
		const struct active_alert *alert = e->value;

		if (alert->state == RULE_INACTIVE)
			continue;
		to[n++] = (struct rule_alert_info){
			.labels = alert->labels,
			.annotations = alert->annotations,
			.state = alert->state,
			.active_wall_ms = alert->active.wall_ms,
			.keep_firing_since_wall_ms = alert->keep_firing_wall_ms,
			.value = alert->value,
		};
	}
	qsort(to, n, sizeof(*to), by_active);
	return n;
}

static void fill_rule(const struct rule *rule, struct rule_info *to, struct rule_alert_info *alerts)
{
	*to = (struct rule_info){
		.name = rule->name,
		.query = rule->query,
		.alerting = rule->config->alert.s != NULL,
		.state = rule->last_wall_ms ? alerting_state(&rule->alerting) : RULE_UNKNOWN,
		.health = rule->health,
		.last_error = rule->last_error,
		.for_ms = rule->config->for_ms,
		.keep_firing_for_ms = rule->config->keep_firing_for_ms,
		.labels = &rule->config->labels,
		.annotations = &rule->config->annotations,
		.last_wall_ms = rule->last_wall_ms,
		.duration_ns = rule->duration_ns,
		.alerts = alerts,
		.n_alerts = fill_alerts(rule, alerts),
	};
}

int rules_info(const struct rules *rules, struct group_info **ret, size_t *ret_n)
{
	struct sizes sizes = count(rules);
	struct group_info *groups;
	struct rule_info *rule;
	struct rule_alert_info *alert;

	/* One block; all three types have the same alignment. */
	groups = calloc(1, (rules->n_groups + 1) * sizeof(*groups) + sizes.rules * sizeof(*rule) +
				   sizes.alerts * sizeof(*alert));
	if (!groups)
		return -ENOMEM;
	rule = (struct rule_info *)(groups + rules->n_groups + 1);
	alert = (struct rule_alert_info *)(rule + sizes.rules);
	for (size_t g = 0; g < rules->n_groups; g++) {
		const struct group *from = rules->groups[g];

		groups[g] = (struct group_info){
			.name = from->config->name.s,
			.file = from->config->file,
			.interval_ms = from->interval_ms,
			.limit = from->config->limit,
			.labels = &from->config->labels,
			.last_wall_ms = from->last_wall_ms,
			.duration_ns = from->duration_ns,
			.rules = rule,
			.n_rules = from->n_rules,
		};
		for (size_t i = 0; i < from->n_rules; i++) {
			fill_rule(from->rules[i], rule, alert);
			alert += rule->n_alerts;
			rule++;
		}
	}
	*ret = groups;
	*ret_n = rules->n_groups;
	return 0;
}
