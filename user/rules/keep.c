/*
 * keep.c - alerts that survive a restart: rows of JSON, written when an alert changes its state.
 *
 * A row knows the boot of the machine it was written in. In the same boot an alert goes on with its
 * true age, so that it fires at exactly `for` whether or not the daemon was restarted in between.
 * After a reboot a pending alert of a short `for` begins again: nobody knows how the service fared
 * meanwhile, and services that have not started yet shall not raise alarms at once. One of a long `for`
 * goes on, by Prometheus's rules (rules/manager.go, RestoreForState): the time in which nobody looked does
 * not count, and some time is left to see whether all is well again.
 */
#include "rules/private.h"

#include <errno.h>
#include <jansson.h>
#include "base/escape.h"

/* "file;group;rule": what a kept alert finds its rule by. */
static int rule_key(const struct rule *rule, struct strbuf *key)
{
	strbuf_addf(key, "%s;%s;%s", rule->group->config->file, rule->group->config->name.s,
		rule->name);
	return key->err;
}

static int row_key(const struct rule *rule, const struct active_alert *alert, char **ret)
{
	struct strbuf key = STRBUF_INIT;

	rule_key(rule, &key);
	strbuf_addch(&key, ';');
	labels_format(alert->labels, &key);
	return strbuf_finish(&key, ret);
}

/* What is broken in s becomes U+FFFD. */
static void utf8_mend(struct strbuf *out, const char *s)
{
	size_t len = strlen(s), n;

	for (size_t i = 0; i < len; i += MAX(n, (size_t)1)) {
		n = utf8_decode(s + i, len - i, NULL);
		if (n)
			strbuf_add(out, s + i, n);
		else
			utf8_encode(out, 0xfffd);
	}
}

static json_t *labels_to_json(const struct labels *labels)
{
	json_t *object = json_object();
	struct strbuf name = STRBUF_INIT, value = STRBUF_INIT;

	for (unsigned i = 0; object && i < labels->n; i++) {
		strbuf_reset(&name);
		strbuf_reset(&value);
		utf8_mend(&name, labels->v[i].name);
		utf8_mend(&value, labels->v[i].value);
		if (name.err || value.err ||
			json_object_set_new(object, name.s, json_stringn(value.s, value.len))) {
			json_decref(object);
			object = NULL;
		}
	}
	strbuf_release(&name);
	strbuf_release(&value);
	return object;
}

/* JSON knows UTF-8 alone. */
static bool can_be_kept(const struct labels *labels)
{
	for (unsigned i = 0; i < labels->n; i++) {
		if (!utf8_valid(labels->v[i].name, strlen(labels->v[i].name)) ||
			!utf8_valid(labels->v[i].value, strlen(labels->v[i].value)))
			return false;
	}
	return true;
}

static struct labels *labels_from_json(const json_t *object, struct labels_builder b)
{
	struct labels *labels = NULL;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		if (json_is_string(value))
			labels_builder_set(&b, name, json_string_value(value));
	}
	labels_build(&b, &labels);
	return labels;
}

static json_t *instant_to_json(struct instant at)
{
	return json_pack(
		"{s:I,s:I}", "boot_ns", (json_int_t)at.boot_ns, "wall_ms", (json_int_t)at.wall_ms);
}

static struct instant instant_from_json(const json_t *object)
{
	return (struct instant){
		.boot_ns = json_integer_value(json_object_get(object, "boot_ns")),
		.wall_ms = json_integer_value(json_object_get(object, "wall_ms")),
	};
}

void keep_alert(struct rule *rule, const struct active_alert *alert)
{
	const struct rules *manager = rule->group->manager;
	scoped(freep) char *key = NULL, *text = NULL, *rule_name = NULL;
	struct strbuf buf = STRBUF_INIT;
	json_t *row;

	/* With another label it would come back as an alert that never was; so, as a new one. */
	if (!manager->callbacks.keep || !can_be_kept(alert->labels) || row_key(rule, alert, &key))
		return;
	rule_key(rule, &buf);
	if (strbuf_finish(&buf, &rule_name))
		return;
	row = json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "rule", rule_name, "boot",
		manager->boot_id, "state", alert->state == RULE_FIRING ? "firing" : "pending",
		"labels", labels_to_json(alert->labels), "annotations",
		labels_to_json(alert->annotations), "active", instant_to_json(alert->active),
		"fired", instant_to_json(alert->fired));
	text = row ? json_dumps(row, JSON_COMPACT) : NULL;
	json_decref(row);
	if (text)
		manager->callbacks.keep(key, text, manager->callbacks.userdata);
}

void keep_forget(struct rule *rule, const struct active_alert *alert)
{
	const struct rules *manager = rule->group->manager;
	scoped(freep) char *key = NULL;

	if (manager->callbacks.keep && !row_key(rule, alert, &key))
		manager->callbacks.keep(key, NULL, manager->callbacks.userdata);
}

void rules_keep_all(const struct rules *rules)
{
	for (size_t g = 0; g < rules->n_groups; g++) {
		for (size_t i = 0; i < rules->groups[g]->n_rules; i++) {
			struct rule *rule = rules->groups[g]->rules[i];

			map_foreach (&rule->alerting.alerts, e) {
				const struct active_alert *alert = e->value;

				if (alert->state != RULE_INACTIVE)
					keep_alert(rule, alert);
			}
		}
	}
}

static void kept_free(struct kept_alert *kept)
{
	if (!kept)
		return;
	free(kept->key);
	labels_unref(kept->labels);
	labels_unref(kept->annotations);
	free(kept);
}

void keep_release(struct rules *rules)
{
	map_foreach (&rules->kept, e) {
		for (struct kept_alert *kept = e->value, *next; kept; kept = next) {
			next = kept->next;
			kept_free(kept);
		}
	}
	map_release(&rules->kept);
}

void keep_drop_unclaimed(struct rules *rules)
{
	const struct rules_callbacks *callbacks = &rules->callbacks;

	map_foreach (&rules->kept, e) {
		for (struct kept_alert *kept = e->value; kept; kept = kept->next) {
			if (callbacks->keep)
				callbacks->keep(kept->key, NULL, callbacks->userdata);
		}
	}
	keep_release(rules);
}

static int read_row(struct rules *rules, const char *key, const json_t *row, struct instant now,
	struct kept_alert *kept)
{
	const char *boot = json_string_value(json_object_get(row, "boot"));
	const char *state = json_string_value(json_object_get(row, "state"));

	if (!boot || !state)
		return -EINVAL;
	kept->key = strdup(key);
	kept->labels = labels_from_json(json_object_get(row, "labels"), LABELS_BUILDER_INIT);
	kept->annotations =
		labels_from_json(json_object_get(row, "annotations"), ANNOTATIONS_BUILDER_INIT);
	if (!kept->key || !kept->labels || !kept->annotations)
		return -ENOMEM;
	kept->state = streq(state, "firing") ? RULE_FIRING : RULE_PENDING;
	kept->active = instant_from_json(json_object_get(row, "active"));
	kept->fired = instant_from_json(json_object_get(row, "fired"));
	if (!streq(boot, rules->boot_id) || kept->active.boot_ns > now.boot_ns) {
		/* The boot clock began anew. */
		if (kept->state == RULE_PENDING) {
			kept->since_wall_ms = kept->active.wall_ms;
			kept->active = now;
		}
		kept->active.boot_ns = now.boot_ns;
		if (kept->state == RULE_FIRING)
			kept->active.boot_ns = INT64_MIN / 2; /* longer ago than any `for` */
		kept->fired.boot_ns = now.boot_ns;
	}
	return kept->labels->n ? 0 : -EINVAL;
}

int rules_restore(struct rules *rules, const char *key, const char *value, struct instant now)
{
	struct kept_alert *kept = calloc(1, sizeof(*kept));
	json_t *row = json_loads(value, 0, NULL);
	const char *rule = json_string_value(json_object_get(row, "rule"));
	int err = -ENOMEM;

	if (kept)
		err = rule ? read_row(rules, key, row, now, kept) : -EINVAL;
	if (!err) {
		kept->next = map_gets(&rules->kept, rule);
		err = map_puts(&rules->kept, rule, kept);
	}
	json_decref(row);
	if (err)
		kept_free(kept);
	return err;
}

static void ignore_change(
	struct active_alert *alert, enum rule_state from, enum rule_state to, void *userdata)
{
}

/* When the alert was last seen, by what it wrote then; or 0. */
static int last_seen(
	struct rule *rule, const struct labels *labels, int64_t now_wall_ms, int64_t *ret)
{
	const struct rules_limits *limits = &rule->group->manager->limits;
	scoped(labels_unrefp) struct labels *written = NULL;
	struct series *series;
	struct series_iter it;
	struct sample sample;
	int err;

	err = rule_series_labels(rule, labels, ALERTS_FOR_STATE, NULL, &written);
	if (!err)
		err = tsdb_series(rule->group->manager->db, written, &series);
	if (err)
		return err;
	*ret = 0;
	series_iter_init(&it, series, now_wall_ms - limits->outage_tolerance_ms, now_wall_ms);
	while (series_iter_next(&it, &sample))
		*ret = is_stale_nan(sample.value) ? 0 : sample.wall_ms;
	series_unref(series);
	return 0;
}

/* How old an alert of before a reboot is now. */
static int64_t age_after_reboot(struct rule *rule, const struct kept_alert *kept)
{
	int64_t now_ms = kept->active.wall_ms, for_ms = rule->config->for_ms, seen_ms, spent_ms;
	int64_t grace_ms = rule->group->manager->limits.grace_period_ms;

	/* A clock that is behind what was written says nothing of how long it took. */
	if (!kept->since_wall_ms || for_ms < grace_ms ||
		last_seen(rule, kept->labels, now_ms, &seen_ms) || !seen_ms)
		return 0;
	spent_ms = seen_ms - kept->since_wall_ms;
	if (spent_ms < 0)
		return 0;
	if (spent_ms >= for_ms)
		return now_ms - kept->since_wall_ms;
	return for_ms - spent_ms < grace_ms ? for_ms - grace_ms : spent_ms;
}

static int take_up(struct rule *rule, const struct kept_alert *kept)
{
	int64_t age_ms = age_after_reboot(rule, kept);
	struct active_alert *alert = alerting_present(&rule->alerting, kept->labels,
		kept->annotations, kept->value, kept->active, ignore_change, NULL);

	if (!alert)
		return -ENOMEM;
	alert->seen = false;
	alert->restored = true;
	alert->state = kept->state;
	alert->active.wall_ms = kept->active.wall_ms - age_ms;
	alert->active.boot_ns = kept->active.boot_ns - age_ms * NSEC_PER_MSEC;
	alert->fired = kept->fired;
	return 0;
}

void keep_take_up(struct rule *rule)
{
	struct rules *rules = rule->group->manager;
	struct strbuf key = STRBUF_INIT;
	struct kept_alert *kept = NULL, *left = NULL, *next;

	rule_key(rule, &key);
	if (!key.err && rule->config->alert.s)
		kept = map_gets(&rules->kept, key.s);
	if (!kept) {
		strbuf_release(&key);
		return;
	}
	for (; kept; kept = next) {
		next = kept->next;
		if (!take_up(rule, kept)) {
			kept_free(kept);
			continue;
		}
		/* Without memory it waits for the next configuration. */
		kept->next = left;
		left = kept;
	}
	/* In a place that is there already. */
	if (left)
		map_puts(&rules->kept, key.s, left);
	else
		map_dels(&rules->kept, key.s);
	strbuf_release(&key);
	rule_note_deadline(rule);
}
