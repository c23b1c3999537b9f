/*
 * alerting.h - decides when an alert is pending, firing or over.
 *
 * Pure: the time and what the expression gave go in, the state changes, and the caller asks what to
 * tell. It does not know who is told, nor what a query is.
 * Source of the rules: prometheus rules/alerting.go, Eval.
 */
#ifndef TOLLD_RULES_ALERTING_H
#define TOLLD_RULES_ALERTING_H

#include "base/clock.h"
#include "base/map.h"
#include "model/alert.h"
#include "rules/rules.h"

/* Over for longer than this, an alert is forgotten. */
#define RESOLVED_RETENTION_MS (15 * 60 * 1000ll)

struct active_alert {
	struct labels *labels;
	struct labels *annotations;
	double value;
	enum rule_state state;
	struct instant active;	     /* since when the expression holds */
	struct instant fired;	     /* when it began to fire */
	struct instant resolved;     /* INACTIVE: when it was over */
	int64_t keep_firing_boot_ns; /* first miss while it fires; 0: not missing */
	int64_t keep_firing_wall_ms;
	int64_t sent_boot_ns; /* 0: never told */
	bool seen;	      /* in this evaluation */
	bool restored;	      /* from before a restart or another gap, and not seen since */
	bool changed;	      /* something to tell besides the resend: its cause */
};

/* The alerts of one rule, by their labels. */
struct alerting {
	struct map alerts; /* of struct active_alert */
	int64_t for_ms, keep_firing_for_ms;
};

void alerting_release(struct alerting *alerting);

/* Called for each change of state that people want to know of. */
typedef void alerting_change_fn(
	struct active_alert *alert, enum rule_state from, enum rule_state to, void *userdata);

struct active_alert *alerting_find(const struct alerting *alerting, const struct labels *labels);
/*
 * The expression holds for these labels, at `at`. A new alert, or one that was over, begins as
 * pending. NULL when memory is out. Takes references.
 */
struct active_alert *alerting_present(struct alerting *alerting, const struct labels *labels,
	const struct labels *annotations, double value, struct instant at,
	alerting_change_fn *change, void *userdata);
/*
 * After all alerting_present() of one evaluation: what was not seen is over (or kept firing, or
 * dropped while it was pending), what was pending long enough fires. `settling`: restored alerts
 * that are not seen are left alone.
 */
void alerting_conclude(struct alerting *alerting, struct instant at, bool settling,
	alerting_change_fn *change, void *userdata);
/* Instead of it, after an evaluation that failed half-way: nothing is over, nothing was seen. */
void alerting_abandon(struct alerting *alerting);
/*
 * From now on nobody can know for a while (the clock jumped, the machine slept): what is pending or
 * firing is treated as restored.
 */
void alerting_doubt(struct alerting *alerting);
/* Ends everything at once: the rule is gone, or its limit was exceeded. */
void alerting_wipe(struct alerting *alerting);

/* Whether it would go on to fire by keep_firing_for, if the expression does not hold for it at `at`. */
bool alerting_keeps_firing(
	const struct alerting *alerting, const struct active_alert *alert, struct instant at);
/* Whether this alert is to be told now: what was told is told again when that is longer ago than the delay. */
bool active_alert_due(const struct active_alert *alert, struct instant at, int64_t resend_delay_ms);
/* When a `for` or `keep_firing_for` runs out next, after `after_boot_ns`; BOOT_NS_NEVER for none. */
int64_t alerting_deadline(const struct alerting *alerting, int64_t after_boot_ns);
/* INACTIVE, PENDING or FIRING: the worst of its alerts. */
enum rule_state alerting_state(const struct alerting *alerting);

#endif
