/*
 * alerting.c - decides when an alert is pending, firing or over.
 *
 * Pure: the caller passes the time and takes the transitions, so a test lives through a week in a
 * loop. It does not know who is told.
 */
#include "rules/alerting.h"

enum alert_input { ABSENT, PRESENT, HELD, ALERT_INPUTS };

/*
 * What one evaluation does to an alert. HELD: present for at least `for`. A firing alert goes back to
 * pending when a reload made `for` longer than its age. An inactive one that is present has begun
 * anew, and is pending before this is asked.
 */
static const enum rule_state next_state[][ALERT_INPUTS] = {
	/*                    ABSENT         PRESENT        HELD   */
	[RULE_INACTIVE] = { RULE_INACTIVE, RULE_PENDING, RULE_FIRING },
	[RULE_PENDING] = { RULE_INACTIVE, RULE_PENDING, RULE_FIRING },
	[RULE_FIRING] = { RULE_INACTIVE, RULE_PENDING, RULE_FIRING },
};

static void active_alert_free(struct active_alert *alert)
{
	labels_unref(alert->labels);
	labels_unref(alert->annotations);
	free(alert);
}

/* Interned names and values are equal when their pointers are, so the pointers are the key. */
static size_t key_len(const struct labels *labels)
{
	return labels->n * sizeof(struct label);
}

struct active_alert *alerting_find(const struct alerting *alerting, const struct labels *labels)
{
	return map_get(&alerting->alerts, labels->v, key_len(labels));
}

static void forget(struct alerting *alerting, struct active_alert *alert)
{
	map_del(&alerting->alerts, alert->labels->v, key_len(alert->labels));
	active_alert_free(alert);
}

void alerting_wipe(struct alerting *alerting)
{
	map_foreach (&alerting->alerts, e)
		active_alert_free(e->value);
	map_release(&alerting->alerts);
}

void alerting_release(struct alerting *alerting)
{
	alerting_wipe(alerting);
}

static struct active_alert *begin(struct alerting *alerting, const struct labels *labels)
{
	struct active_alert *alert = calloc(1, sizeof(*alert));

	if (!alert)
		return NULL;
	alert->labels = labels_ref(labels);
	alert->annotations = labels_empty();
	if (!alert->annotations || map_put(&alerting->alerts, labels->v, key_len(labels), alert)) {
		active_alert_free(alert);
		return NULL;
	}
	return alert;
}

struct active_alert *alerting_present(struct alerting *alerting, const struct labels *labels,
	const struct labels *annotations, double value, struct instant at,
	alerting_change_fn *change, void *userdata)
{
	struct active_alert *alert = alerting_find(alerting, labels);

	if (!alert) {
		alert = begin(alerting, labels);
		if (!alert)
			return NULL;
	}
	labels_unref(alert->annotations);
	alert->annotations = labels_ref(annotations);
	alert->value = value;
	alert->seen = true;
	alert->restored = false;
	alert->keep_firing_boot_ns = 0;
	alert->keep_firing_wall_ms = 0;
	if (alert->state == RULE_INACTIVE) {
		alert->state = RULE_PENDING;
		alert->active = at;
		alert->fired = alert->resolved = (struct instant){ 0 };
		alert->sent_boot_ns = 0;
		change(alert, RULE_INACTIVE, RULE_PENDING, userdata);
	}
	return alert;
}

static bool lasted(int64_t since_boot_ns, int64_t now_boot_ns, int64_t ms)
{
	return now_boot_ns - since_boot_ns >= ms * NSEC_PER_MSEC;
}

bool alerting_keeps_firing(
	const struct alerting *alerting, const struct active_alert *alert, struct instant at)
{
	if (alert->state != RULE_FIRING || !alerting->keep_firing_for_ms)
		return false;
	return !alert->keep_firing_boot_ns ||
	       !lasted(alert->keep_firing_boot_ns, at.boot_ns, alerting->keep_firing_for_ms);
}

/* A firing alert that is missing goes on for keep_firing_for. */
static bool kept_firing(
	const struct alerting *alerting, struct active_alert *alert, struct instant at)
{
	if (!alerting_keeps_firing(alerting, alert, at))
		return false;
	if (!alert->keep_firing_boot_ns) {
		alert->keep_firing_boot_ns = at.boot_ns;
		alert->keep_firing_wall_ms = at.wall_ms;
	}
	return true;
}

/* True: it is to be forgotten. */
static bool conclude_one(struct alerting *alerting, struct active_alert *alert, struct instant at,
	bool settling, alerting_change_fn *change, void *userdata)
{
	enum rule_state from = alert->state;
	enum alert_input input = ABSENT;

	if (alert->seen)
		input = lasted(alert->active.boot_ns, at.boot_ns, alerting->for_ms) ? HELD
										    : PRESENT;
	else if ((settling && alert->restored) || kept_firing(alerting, alert, at))
		return false;

	alert->state = next_state[from][input];
	if (from == RULE_INACTIVE)
		return lasted(alert->resolved.boot_ns, at.boot_ns, RESOLVED_RETENTION_MS + 1);
	if (alert->state == from)
		return false;
	if (alert->state == RULE_FIRING)
		alert->fired = at;
	if (alert->state == RULE_INACTIVE)
		alert->resolved = at;
	change(alert, from, alert->state, userdata);
	/* Nobody was told of a pending alert, so nobody needs to be told that it is over. */
	return from == RULE_PENDING && alert->state == RULE_INACTIVE;
}

void alerting_conclude(struct alerting *alerting, struct instant at, bool settling,
	alerting_change_fn *change, void *userdata)
{
	map_foreach (&alerting->alerts, e) {
		struct active_alert *alert = e->value;

		if (conclude_one(alerting, alert, at, settling, change, userdata))
			forget(alerting, alert);
		else
			alert->seen = false;
	}
}

void alerting_abandon(struct alerting *alerting)
{
	map_foreach (&alerting->alerts, e)
		((struct active_alert *)e->value)->seen = false;
}

void alerting_doubt(struct alerting *alerting)
{
	map_foreach (&alerting->alerts, e) {
		struct active_alert *alert = e->value;

		alert->restored = alert->restored || alert->state != RULE_INACTIVE;
	}
}

bool active_alert_due(const struct active_alert *alert, struct instant at, int64_t resend_delay_ms)
{
	if (alert->state == RULE_PENDING)
		return false;
	/* What was told before a restart is not told again until it is seen to hold still. */
	if (alert->restored && alert->state == RULE_FIRING)
		return false;
	if (!alert->sent_boot_ns || alert->changed)
		return true;
	if (alert->state == RULE_INACTIVE && alert->resolved.boot_ns > alert->sent_boot_ns)
		return true;
	return at.boot_ns - alert->sent_boot_ns > resend_delay_ms * NSEC_PER_MSEC;
}

int64_t alerting_deadline(const struct alerting *alerting, int64_t after_boot_ns)
{
	int64_t first = BOOT_NS_NEVER, due;

	map_foreach (&alerting->alerts, e) {
		const struct active_alert *alert = e->value;

		if (alert->state == RULE_PENDING)
			due = alert->active.boot_ns + alerting->for_ms * NSEC_PER_MSEC;
		else if (alert->state == RULE_FIRING && alert->keep_firing_boot_ns)
			due = alert->keep_firing_boot_ns +
			      alerting->keep_firing_for_ms * NSEC_PER_MSEC;
		else
			continue;
		/* One that is past was asked already and gave nothing: its slot decides. */
		if (due > after_boot_ns && due < first)
			first = due;
	}
	return first;
}

enum rule_state alerting_state(const struct alerting *alerting)
{
	enum rule_state worst = RULE_INACTIVE;

	map_foreach (&alerting->alerts, e) {
		const struct active_alert *alert = e->value;

		if (alert->state == RULE_FIRING)
			return RULE_FIRING;
		if (alert->state == RULE_PENDING)
			worst = RULE_PENDING;
	}
	return worst;
}
