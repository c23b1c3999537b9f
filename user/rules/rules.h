/*
 * rules.h - rule groups: evaluated on their slots, at kernel events, and when a `for` runs out.
 *
 * Written as a state machine: the caller passes the time and arms one timer for rules_deadline().
 * Alerts go out by a callback; who is told is not its affair. Source of the rules: prometheus
 * rules/alerting.go, rules/group.go, rules/manager.go, at version 3.
 */
#ifndef TOLLD_RULES_RULES_H
#define TOLLD_RULES_RULES_H

#include "base/clock.h"
#include "config/config.h"
#include "model/alert.h"
#include "promql/promql.h"
#include "tsdb/tsdb.h"

struct rules;

enum rule_state { RULE_INACTIVE, RULE_PENDING, RULE_FIRING, RULE_UNKNOWN };
enum rule_health { RULE_HEALTH_UNKNOWN, RULE_HEALTH_OK, RULE_HEALTH_ERR };

struct rules_callbacks {
	/* An alert is firing (again and again, as Prometheus resends), or over. Borrowed. */
	void (*alert)(const struct alert *alert, void *userdata);
	/*
	 * Adds the cause of death that belongs to an alert's labels, or to what its rule's expression reads, or
	 * nothing. It becomes the annotation `cause` where the rule has none of its own.
	 */
	void (*cause)(const struct labels *labels, const struct promql_expr *expr,
		struct strbuf *out, void *userdata);
	/* A row to keep (JSON), or with NULL to delete: the age of a pending or firing alert. */
	void (*keep)(const char *key, const char *value, void *userdata);
	/* A pending alert began, fires or ended, or a rule failed: for the log. */
	void (*transition)(const char *group, const char *rule, const struct promql_expr *expr,
		const struct labels *labels, enum rule_state from, enum rule_state to,
		void *userdata);
	void (*failed)(const char *group, const char *rule, const char *error, void *userdata);
	void *userdata;
};

struct rules_options {
	const char *external_url; /* of links to the expression; no slash at its end */
	/*
	 * Of this boot of the machine. A kept alert of the same boot goes on with its true age; after
	 * a reboot a pending one begins again, as nobody knows what was in between.
	 */
	const char *boot_id;
	struct rules_limits {
		int64_t resend_delay_ms; /* what fires is told again when the last time is longer ago */
		/* Of alerts with a `for` of the first or longer, after a reboot: keep.c. */
		int64_t grace_period_ms, outage_tolerance_ms;
		int64_t lookback_ms;
		size_t max_samples; /* read by one expression */
		/* How long one rule may hold everything up, its templates' queries included. */
		int64_t block_ms;
	} limits; /* each as Prometheus has it by default where it is 0, and 0 below that */
};

#define RULES_RESEND_DELAY_MS	  (60 * 1000ll)
#define RULES_GRACE_PERIOD_MS	  (10 * 60 * 1000ll)
#define RULES_OUTAGE_TOLERANCE_MS (60 * 60 * 1000ll)
/* Ours: Prometheus gives a rule two minutes, but has a thread for it. */
#define RULES_BLOCK_MS (5 * 1000ll)

/* The options' texts are copied. */
int rules_new(struct tsdb *db, const struct rules_options *options,
	const struct rules_callbacks *callbacks, struct rules **ret);
void rules_free(struct rules *rules);
DEFINE_FREEP(rules)

/* Finds all faults in the expressions and templates of a configuration. 0 or -EINVAL. */
int rules_check(const struct config *config, struct diag *diag);

/*
 * What is allowed and yet hardly meant, as hints for `tolld check`: a selector that no target can ever
 * match, a label that looks misspelled, a `for` shorter than the time between two scrapes, a rule
 * that stands twice. For a configuration without faults. -ENOMEM.
 */
int rules_hints(const struct config *config, struct diag *diag);

/* A row that `keep` gave before the restart; before rules_configure(). */
int rules_restore(struct rules *rules, const char *key, const char *value, struct instant now);

/* Gives every row to `keep` again: after the disk had refused some. */
void rules_keep_all(const struct rules *rules);

/*
 * Takes a configuration and a reference. The state of rules that stay the same (file, group, name,
 * labels) is kept; alerts of the others are over. With faults nothing has changed.
 */
int rules_configure(
	struct rules *rules, const struct config *config, struct instant now, struct diag *diag);

/*
 * What was told as firing is over for those who were told, and told anew by the next evaluation: where the owner
 * is about to tell it under other labels, and the old ones would never be over.
 */
void rules_retract(struct rules *rules, struct instant now);

/* Evaluates what is due. */
void rules_step(struct rules *rules, struct instant now);
/*
 * Evaluates every rule once at `at`, whatever the slots and events say: for tests of rules, whose
 * time is their own. Not to be mixed with rules_step().
 */
void rules_eval_all(struct rules *rules, struct instant at);
/*
 * Alerts from before a restart are not over as long as nobody can know: until every group was
 * evaluated on two slots, and as long as the caller says that samples are still missing.
 */
void rules_hold(struct rules *rules, bool samples_missing);
bool rules_settled(const struct rules *rules);
/* 0: something changed and waits for the next step. */
int64_t rules_deadline(const struct rules *rules);
/* The next slot or end of a `for` alone: what changed may wait for a while, these may not. */
int64_t rules_timed_deadline(const struct rules *rules);

/*
 * A series changed outside the slots (a kernel event): the rules that read it are evaluated by the
 * next rules_step(), whatever their slot.
 */
void rules_touch(struct rules *rules, const struct labels *labels);
/* The cause of death behind these labels became known: alerts that carry it are told again. */
void rules_touch_cause(struct rules *rules);

/* The wall clock jumped: pending alerts keep their true age. */
void rules_wall_jumped(struct rules *rules, int64_t by_ms, struct instant now);

/* For the API. Strings and label sets are borrowed and valid until the next call that changes rules. */
struct rule_alert_info {
	const struct labels *labels, *annotations;
	enum rule_state state;
	int64_t active_wall_ms, keep_firing_since_wall_ms;
	double value;
};

struct rule_info {
	const char *name, *query; /* the query re-printed */
	bool alerting;
	enum rule_state state;
	enum rule_health health;
	const char *last_error;
	int64_t for_ms, keep_firing_for_ms;
	const struct config_pairs *labels, *annotations;
	int64_t last_wall_ms, duration_ns;
	const struct rule_alert_info *alerts;
	size_t n_alerts;
};

struct group_info {
	const char *name, *file;
	int64_t interval_ms, limit;
	const struct config_pairs *labels; /* of its rules, below their own */
	int64_t last_wall_ms, duration_ns;
	const struct rule_info *rules;
	size_t n_rules;
};

/* All groups, as one block: the caller frees it with free(). */
int rules_info(const struct rules *rules, struct group_info **ret, size_t *ret_n);

struct rules_stats {
	size_t groups, rules, alerts_pending, alerts_firing;
	uint64_t evaluations, failures, event_evaluations, missed_slots;
};

void rules_stats(const struct rules *rules, struct rules_stats *ret);

#endif
