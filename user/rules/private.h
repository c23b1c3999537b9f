/*
 * private.h - what the files of rules/ share: rules, groups and their manager.
 */
#ifndef TOLLD_RULES_PRIVATE_H
#define TOLLD_RULES_PRIVATE_H

#include "base/map.h"
#include "rules/alerting.h"
#include "rules/expand.h"
#include "rules/rules.h"

/* A series that a rule wrote in its last evaluation, to be ended when it writes it no more. */
struct output_series {
	struct series *series;
	bool written; /* in this evaluation */
};

struct rule {
	struct group *group;
	const struct config_rule *config;
	const char *name;
	struct promql_expr *expr;
	char *query; /* as printed */
	struct expand_pairs labels, annotations;
	struct alerting alerting;
	struct map outputs; /* of struct output_series, by labels */
	bool dirty;	    /* a series that it reads changed */
	bool followed;	    /* another one has inherited its alerts */
	bool collided;	    /* this evaluation: another rule has written a sample of its already */
	enum rule_health health;
	char *last_error;
	int64_t last_wall_ms; /* of the last evaluation; its samples carry that time */
	int64_t last_boot_ns;
	int64_t deadline_boot_ns; /* when a `for` or `keep_firing_for` runs out; BOOT_NS_NEVER */
	int64_t duration_ns;
};

struct group {
	struct rules *manager;
	const struct config_group *config;
	int64_t interval_ms;
	struct expand_pairs labels; /* as its alerting rules see them; parsed if it has one */
	uint64_t hash;
	int64_t next_slot_wall_ms;
	unsigned slots; /* evaluated since the start, counted to 2 */
	int64_t last_wall_ms, duration_ns;
	struct rule **rules;
	size_t n_rules, cap_rules;
};

/* A row of `keep`, read back and waiting for its rule. */
struct kept_alert {
	struct kept_alert *next; /* of the same rule */
	char *key;
	struct labels *labels, *annotations;
	enum rule_state state;
	struct instant active, fired;
	int64_t since_wall_ms; /* pending since then, before a reboot; or 0 */
	double value;
};

/* A selector of a rule: who must be asked again when a series of that name changes. */
struct reader {
	struct reader *next;
	struct rule *rule;
	const struct matcher *const *matchers; /* the expression's */
	size_t n_matchers;
};

struct rules {
	struct tsdb *db;
	char *external_url;
	char *boot_id;
	struct rules_limits limits;
	struct rules_callbacks callbacks;
	struct config *config;
	struct labels *external_labels;
	struct group **groups;
	size_t n_groups, cap_groups;
	struct map readers;	    /* metric name -> struct reader, a list */
	struct reader *any_readers; /* of selectors without a fixed name */
	bool dirty;		    /* some rule is; so no rule is where this is not set */
	bool causes;		    /* some cause of death may say something else now */
	bool on_slots;		    /* what is written now is read on the readers' own slots */
	bool keeps;		    /* the store keeps what these rules read */
	bool hold;		    /* samples of some target are still missing */
	int64_t skew_ns;	    /* boot clock minus wall clock, at the last step */
	int64_t deadline_boot_ns;
	struct map
		kept; /* the rule's key -> struct kept_alert, the first of those that wait for it */
	struct rules_stats stats;
};

/* rule.c */
int rule_new(struct group *group, const struct config_rule *config, struct rule **ret,
	struct diag *diag);
void rule_free(struct rule *rule);
/*
 * Evaluates at `at`: the wall time is that of the samples. `settling`: alerts from before a restart
 * that are not seen are not over yet.
 */
void rule_eval(struct rule *rule, struct instant at, bool settling);
#define ALERTS_FOR_STATE "ALERTS_FOR_STATE"
/* Of the series that an alert writes. `state`: as its alertstate shows it, or NULL. */
int rule_series_labels(const struct rule *rule, const struct labels *alert, const char *name,
	const char *state, struct labels **ret);
/*
 * A rule's times only grow: an event may have been evaluated in this very millisecond, and what has
 * the same time cannot be written twice.
 */
struct instant rule_after_last(const struct rule *rule, struct instant at);
/* After anything that may have moved it; so nobody goes through all alerts at each step. */
void rule_note_deadline(struct rule *rule);
/* Whether an alert of its would be told with another cause of death now than at its last evaluation. */
bool rule_cause_changed(const struct rule *rule);
/* Ends what it wrote and what it told: it is taken away. */
void rule_retire(struct rule *rule, struct instant now);
/* Tells that what it told is over, and lets it be told anew: under other external labels. */
void rule_retract(struct rule *rule, struct instant now);
/* The alerts of `from` go over to a rule that follows it. */
void rule_inherit(struct rule *rule, struct rule *from);

/* output.c: samples that rules write. */
/*
 * Writes a sample, and tells the rules that read the series if it changed. As in Prometheus, it is no
 * fault of the rule where another one wrote the series at that time: the store counts it.
 */
int output_write(struct rule *rule, const struct labels *labels, double value, struct instant at);
/* Stale markers for what was not written since the last call. */
void output_conclude(struct rule *rule, struct instant at);
/* The evaluation failed: nothing ends, and what it wrote does not count for the next one. */
void output_abandon(struct rule *rule);
void output_release(struct rule *rule);

/* keep.c: alerts that survive a restart. */
void keep_alert(struct rule *rule, const struct active_alert *alert);
void keep_forget(struct rule *rule, const struct active_alert *alert);
/* Takes up the kept alerts of a rule that has just been made. */
void keep_take_up(struct rule *rule);
/* Rows of rules that are no more. */
void keep_drop_unclaimed(struct rules *rules);
void keep_release(struct rules *rules);

/* readers.c: which rules read which series. */
int readers_build(struct rules *rules);
void readers_release(struct rules *rules);
/* Lets the store keep in memory what the rules read of the last hours. */
void readers_keep(struct rules *rules);
/*
 * A rule wrote a series that changed: after an event, its readers are asked again. Not the rule
 * itself: one that reads its own output sees that of its last evaluation, as on slots.
 */
void readers_touch(const struct rule *writer, const struct labels *labels);

#endif
