/*
 * rule.c - one rule: its expression, evaluated; its alerts or its recorded series, written and told.
 *
 * A rule that fails leaves everything as it was: no alert ends because a query had an error.
 */
#include "rules/private.h"

#include <errno.h>
#include <stdio.h>
#include "base/escape.h"

#define CAUSE_ANNOTATION "cause"

static int parse_expr(struct rule *rule, struct diag *diag)
{
	const struct config_text *text = &rule->config->expr;
	struct promql_error error = { 0 };
	struct strbuf printed = STRBUF_INIT;
	enum promql_type type;
	int err;

	err = promql_parse(text->s, &rule->expr, &error);
	if (!err)
		err = promql_check_evaluable(rule->expr, &error);
	if (err == -ENOMEM)
		return err;
	if (err)
		return diag_error(
			diag, config_pos_in(text, error.offset, error.length), "%s", error.text);
	type = promql_type(rule->expr);
	if (type != PROMQL_VECTOR && type != PROMQL_SCALAR)
		return diag_error(diag, text->pos,
			"the expression of '%s' is a %s; a rule needs an instant vector or a scalar",
			rule->name, promql_type_name(type));
	promql_print(rule->expr, &printed);
	return strbuf_finish(&printed, &rule->query);
}

int rule_new(
	struct group *group, const struct config_rule *config, struct rule **ret, struct diag *diag)
{
	struct rule *rule = calloc(1, sizeof(*rule));
	int err, other;

	if (!rule)
		return -ENOMEM;
	rule->group = group;
	rule->config = config;
	rule->name = config->alert.s ? config->alert.s : config->record.s;
	rule->alerting.for_ms = config->for_ms;
	rule->alerting.keep_firing_for_ms = config->keep_firing_for_ms;
	rule->deadline_boot_ns = BOOT_NS_NEVER;
	/* All of its faults are shown, so nothing stops at the first. */
	err = parse_expr(rule, diag);
	/* Templates are for alerts: a recording rule's labels stand for themselves. */
	other = config->alert.s ? expand_parse(&config->labels, &rule->labels, diag) : 0;
	err = err ? err : other;
	other = expand_parse(&config->annotations, &rule->annotations, diag);
	err = err ? err : other;
	if (err) {
		rule_free(rule);
		return err;
	}
	*ret = rule;
	return 0;
}

void rule_free(struct rule *rule)
{
	if (!rule)
		return;
	promql_free(rule->expr);
	free(rule->query);
	free(rule->last_error);
	expand_release(&rule->labels);
	expand_release(&rule->annotations);
	alerting_release(&rule->alerting);
	output_release(rule);
	free(rule);
}

/* Takes the text, which NULL is where memory was out. */
static void note_error(struct rule *rule, char *text)
{
	const struct rules_callbacks *callbacks = &rule->group->manager->callbacks;
	bool known = text && rule->last_error && streq(text, rule->last_error);

	free(rule->last_error);
	rule->last_error = text;
	rule->health = RULE_HEALTH_ERR;
	/* The same failure is told once, not at every slot. */
	if (!known && callbacks->failed)
		callbacks->failed(rule->group->config->name.s, rule->name,
			text ? text : "out of memory", callbacks->userdata);
}

static int fail(struct rule *rule, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int fail(struct rule *rule, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	rule->group->manager->stats.failures++;
	note_error(rule, text);
	return -EINVAL;
}

static char *generator_url(const struct rule *rule)
{
	struct strbuf url = STRBUF_INIT;
	char *text = NULL;

	strbuf_addf(&url, "%s/graph?g0.expr=", rule->group->manager->external_url);
	escape_query(&url, rule->query, strlen(rule->query));
	strbuf_adds(&url, "&g0.tab=1");
	strbuf_finish(&url, &text);
	return text;
}

/* As others see it: with the external labels that it has no label of its own for. NULL: no memory. */
static struct labels *told_labels(const struct rule *rule, const struct active_alert *active)
{
	const struct labels *external = rule->group->manager->external_labels;
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels = NULL;

	if (!external->n)
		return labels_ref(active->labels);
	labels_builder_add(&b, external);
	labels_builder_add(&b, active->labels);
	labels_build(&b, &labels);
	return labels;
}

/* Hands an alert out. `over`: as ended at `at`, whatever its state is. */
static void tell(struct rule *rule, struct active_alert *active, struct instant at, bool over)
{
	const struct rules_callbacks *callbacks = &rule->group->manager->callbacks;
	scoped(labels_unrefp) struct labels *labels = NULL;
	scoped(alert_unrefp) struct alert *alert = NULL;

	if (!callbacks->alert)
		return;
	labels = told_labels(rule, active);
	if (labels)
		alert = alert_new(labels, active->annotations);
	if (!alert)
		return; /* told by the next evaluation, since sent_boot_ns stays */
	alert->starts_wall_ms = active->fired.wall_ms;
	alert->updated_wall_ms = at.wall_ms;
	if (over)
		alert->ends_wall_ms = MAX(at.wall_ms, alert->starts_wall_ms);
	else if (active->state == RULE_INACTIVE)
		alert->ends_wall_ms = MAX(active->resolved.wall_ms, alert->starts_wall_ms);
	else
		alert->lease_ms = 4 * MAX(rule->group->interval_ms,
					      rule->group->manager->limits.resend_delay_ms);
	alert->generator_url = generator_url(rule);
	active->sent_boot_ns = at.boot_ns;
	active->changed = false;
	callbacks->alert(alert, callbacks->userdata);
}

struct transition {
	struct rule *rule;
	struct instant at;
};

/* It is over for those who were told of it, and new when it is told again. */
static void retract(struct rule *rule, struct active_alert *active, struct instant at)
{
	tell(rule, active, at, true);
	active->sent_boot_ns = 0;
}

static void on_change(
	struct active_alert *alert, enum rule_state from, enum rule_state to, void *userdata)
{
	const struct transition *transition = userdata;
	struct rule *rule = transition->rule;
	const struct rules_callbacks *callbacks = &rule->group->manager->callbacks;

	/* Only a reload that lengthened `for` does this; nobody else would ever tell that it ended. */
	if (from == RULE_FIRING && to == RULE_PENDING)
		retract(rule, alert, transition->at);
	if (to == RULE_INACTIVE)
		keep_forget(rule, alert);
	else
		keep_alert(rule, alert);
	if (callbacks->transition)
		callbacks->transition(rule->group->config->name.s, rule->name, rule->expr,
			alert->labels, from, to, callbacks->userdata);
}

/* The rule's annotations, and the cause of death where they do not speak of one. */
static int build_annotations(struct rule *rule, const struct expand_data *data,
	const struct labels *alert_labels, struct labels **ret)
{
	const struct rules_callbacks *callbacks = &rule->group->manager->callbacks;
	struct labels_builder b = ANNOTATIONS_BUILDER_INIT;
	struct strbuf cause = STRBUF_INIT;
	const char *own;

	expand_apply(&rule->annotations, data, &b);
	own = labels_builder_get(&b, CAUSE_ANNOTATION);
	if (callbacks->cause && (!own || !*own)) {
		callbacks->cause(alert_labels, rule->expr, &cause, callbacks->userdata);
		if (cause.len && !cause.err)
			labels_builder_set(&b, CAUSE_ANNOTATION, cause.s);
		strbuf_release(&cause);
	}
	return labels_build(&b, ret);
}

static bool cause_changed(const struct rule *rule, const struct active_alert *alert)
{
	const struct rules_callbacks *callbacks = &rule->group->manager->callbacks;
	const char *told = labels_get(alert->annotations, CAUSE_ANNOTATION);
	struct strbuf cause = STRBUF_INIT;
	bool changed;

	callbacks->cause(alert->labels, rule->expr, &cause, callbacks->userdata);
	changed = cause.err || !streq(told ? told : "", cause.len ? cause.s : "");
	strbuf_release(&cause);
	return changed;
}

/* An annotation of the rule's own is held against the cause, too: it is made again, as that may be in it. */
bool rule_cause_changed(const struct rule *rule)
{
	const struct rules_callbacks *callbacks = &rule->group->manager->callbacks;

	map_foreach (&rule->alerting.alerts, e) {
		const struct active_alert *alert = e->value;

		if (callbacks->cause && alert->state != RULE_INACTIVE && cause_changed(rule, alert))
			return true;
	}
	return false;
}

static void set_pairs(struct labels_builder *b, const struct config_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++)
		labels_builder_set(b, pairs->items[i].name.s,
			pairs->items[i].value.s ? pairs->items[i].value.s : "");
}

static int build_labels(struct rule *rule, const struct expand_data *data, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	labels_builder_add(&b, data->labels);
	labels_builder_del(&b, LABEL_NAME);
	if (rule->config->alert.s) {
		expand_apply(&rule->group->labels, data, &b);
		expand_apply(&rule->labels, data, &b);
		labels_builder_set(&b, LABEL_ALERTNAME, rule->name);
	} else {
		set_pairs(&b, &rule->group->config->labels);
		set_pairs(&b, &rule->config->labels);
		labels_builder_set(&b, LABEL_NAME, rule->name);
	}
	return labels_build(&b, ret);
}

/* One alert that the expression gave, built before anything is changed. */
struct presence {
	struct labels *labels, *annotations;
	double value;
};

struct presences {
	struct presence *items;
	size_t n, cap;
	struct map by_labels;
};

static void presences_release(struct presences *p)
{
	for (size_t i = 0; i < p->n; i++) {
		labels_unref(p->items[i].labels);
		labels_unref(p->items[i].annotations);
	}
	free(p->items);
	map_release(&p->by_labels);
}

static int add_presence(struct rule *rule, const struct promql_series *series, struct instant at,
	int64_t deadline_boot_ns, struct presences *p)
{
	const struct rules *manager = rule->group->manager;
	scoped(labels_unrefp) struct labels *labels = NULL;
	struct presence presence = { .value = series->points[0].value };
	struct expand_data data = {
		.labels = series->labels,
		.external_labels = manager->external_labels,
		.external_url = manager->external_url,
		.value = presence.value,
		.db = manager->db,
		.wall_ms = at.wall_ms,
		.default_step_ms = manager->config->global.evaluation_interval_ms,
		.lookback_ms = manager->limits.lookback_ms,
		.deadline_boot_ns = deadline_boot_ns,
	};
	int err;

	err = build_labels(rule, &data, &labels);
	if (err)
		return err;
	if (map_get(&p->by_labels, labels->v, labels->n * sizeof(struct label)))
		return fail(rule,
			rule->config->alert.s
				? "vector contains metrics with the same labelset after applying "
				  "alert labels"
				: "vector contains metrics with the same labelset after applying "
				  "rule labels");
	if (rule->config->alert.s) {
		err = build_annotations(rule, &data, labels, &presence.annotations);
		if (err)
			return err;
	}
	if (!vec_reserve(p->items, p->n, p->cap) ||
		map_put(&p->by_labels, labels->v, labels->n * sizeof(struct label), rule)) {
		labels_unref(presence.annotations);
		return -ENOMEM;
	}
	presence.labels = TAKE(labels);
	p->items[p->n++] = presence;
	return 0;
}

/* Where a template gave nothing its text stands, as in Prometheus (rules/alerting.go, sample). */
static void add_texts(
	struct labels_builder *b, const struct expand_pairs *pairs, const struct labels *labels)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct expand_pair *pair = &pairs->items[i];

		if (pair->template && !labels_get(labels, pair->name))
			labels_builder_set(b, pair->name, pair->text);
	}
}

int rule_series_labels(const struct rule *rule, const struct labels *alert, const char *name,
	const char *state, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	labels_builder_add(&b, alert);
	add_texts(&b, &rule->group->labels, alert);
	add_texts(&b, &rule->labels, alert);
	labels_builder_set(&b, LABEL_NAME, name);
	if (state)
		labels_builder_set(&b, "alertstate", state);
	return labels_build(&b, ret);
}

static int write_alert_series(struct rule *rule, struct instant at)
{
	int err = 0;

	map_foreach (&rule->alerting.alerts, e) {
		const struct active_alert *alert = e->value;
		scoped(labels_unrefp) struct labels *state = NULL, *since = NULL;

		if (alert->state == RULE_INACTIVE)
			continue;
		err = rule_series_labels(rule, alert->labels, "ALERTS",
			alert->state == RULE_FIRING ? "firing" : "pending", &state);
		if (err)
			return err;
		err = rule_series_labels(rule, alert->labels, ALERTS_FOR_STATE, NULL, &since);
		if (err)
			return err;
		err = output_write(rule, state, 1, at);
		if (!err)
			err = output_write(rule, since, (double)(alert->active.wall_ms / 1000), at);
		if (err)
			return err;
	}
	return 0;
}

static void end_alerts(struct rule *rule, struct instant at)
{
	map_foreach (&rule->alerting.alerts, e) {
		struct active_alert *alert = e->value;

		if (alert->state == RULE_FIRING)
			tell(rule, alert, at, true);
		if (alert->state != RULE_INACTIVE)
			keep_forget(rule, alert);
	}
	alerting_wipe(&rule->alerting);
}

/*
 * What a limit counts: all that would be pending or firing, with those that only keep_firing_for holds.
 * Of before a gap they do not count, as Prometheus would not know of them.
 */
static size_t would_be_active(const struct rule *rule, const struct presences *p, struct instant at)
{
	size_t n = p->n;

	map_foreach (&rule->alerting.alerts, e) {
		const struct active_alert *alert = e->value;
		size_t key_len = alert->labels->n * sizeof(struct label);

		if (!alert->restored && !map_get(&p->by_labels, alert->labels->v, key_len))
			n += alerting_keeps_firing(&rule->alerting, alert, at);
	}
	return n;
}

static int conclude_alerts(struct rule *rule, const struct presences *p, struct instant at,
	struct instant written, bool settling)
{
	struct transition transition = { .rule = rule, .at = at };
	size_t limit = (size_t)rule->group->config->limit;
	size_t active = limit ? would_be_active(rule, p, at) : 0;

	if (active > limit) {
		end_alerts(rule, at);
		output_conclude(rule, written);
		return fail(rule, "exceeded limit of %zu with %zu alerts", limit, active);
	}
	for (size_t i = 0; i < p->n; i++) {
		struct active_alert *alert = alerting_find(&rule->alerting, p->items[i].labels);
		const char *cause = labels_get(p->items[i].annotations, CAUSE_ANNOTATION);
		/* A cause that became known is told at once. */
		bool news = cause && alert && alert->state == RULE_FIRING &&
			    labels_get(alert->annotations, CAUSE_ANNOTATION) != cause;

		alert = alerting_present(&rule->alerting, p->items[i].labels,
			p->items[i].annotations, p->items[i].value, at, on_change, &transition);
		if (!alert)
			return -ENOMEM;
		alert->changed = alert->changed || news;
	}
	alerting_conclude(&rule->alerting, at, settling, on_change, &transition);
	map_foreach (&rule->alerting.alerts, e) {
		struct active_alert *alert = e->value;

		if (active_alert_due(alert, at, rule->group->manager->limits.resend_delay_ms))
			tell(rule, alert, at, false);
	}
	return write_alert_series(rule, written);
}

static int conclude_recording(struct rule *rule, const struct presences *p, struct instant at)
{
	int err = 0;

	if (rule->group->config->limit && p->n > (size_t)rule->group->config->limit)
		return fail(rule, "exceeded limit of %lld with %zu series",
			(long long)rule->group->config->limit, p->n);
	for (size_t i = 0; i < p->n && !err; i++)
		err = output_write(rule, p->items[i].labels, p->items[i].value, at);
	return err;
}

static int evaluate(struct rule *rule, struct instant at, bool settling, int64_t deadline_boot_ns)
{
	const struct group *group = rule->group;
	struct promql_result result = { 0 };
	struct promql_error error = { 0 };
	struct presences presences = { 0 };
	struct instant written = at;
	const struct promql_options options = {
		/* Of a subquery that names no step. */
		.default_step_ms = group->manager->config->global.evaluation_interval_ms,
		.lookback_ms = group->manager->limits.lookback_ms,
		.max_samples = group->manager->limits.max_samples,
		.deadline_boot_ns = deadline_boot_ns,
	};
	int err;

	written.wall_ms -= group->config->query_offset_ms;
	err = promql_eval(
		rule->expr, group->manager->db, written.wall_ms, &options, &result, &error);
	if (err)
		return fail(rule, "%s", err == -ENOMEM ? "out of memory" : error.text);
	for (size_t i = 0; i < result.n && !err; i++)
		err = add_presence(rule, &result.series[i], at, deadline_boot_ns, &presences);
	promql_result_release(&result);
	if (!err)
		err = rule->config->alert.s
			      ? conclude_alerts(rule, &presences, at, written, settling)
			      : conclude_recording(rule, &presences, written);
	presences_release(&presences);
	if (!err) {
		output_conclude(rule, written);
		return 0;
	}
	alerting_abandon(&rule->alerting);
	output_abandon(rule);
	if (err != -EINVAL) /* which is what fail() gives */
		fail(rule, "%s", strerror(-err));
	return err;
}

void rule_eval(struct rule *rule, struct instant at, bool settling)
{
	/* Only to measure: nothing is decided by it but that a rule takes too long. */
	int64_t begun = clock_boot_ns();

	rule->dirty = false;
	rule->collided = false;
	rule->last_wall_ms = at.wall_ms;
	rule->last_boot_ns = at.boot_ns;
	rule->group->manager->stats.evaluations++;
	if (evaluate(rule, at, settling,
		    begun + rule->group->manager->limits.block_ms * NSEC_PER_MSEC)) {
		/* It is told already. */
	} else if (rule->collided) {
		/* It did what it could, so it did not fail: rules/group.go, Eval. */
		note_error(rule, strdup("duplicate sample for timestamp"));
	} else {
		rule->health = RULE_HEALTH_OK;
		free(rule->last_error);
		rule->last_error = NULL;
	}
	rule_note_deadline(rule);
	rule->duration_ns = clock_boot_ns() - begun;
}

void rule_note_deadline(struct rule *rule)
{
	rule->deadline_boot_ns = alerting_deadline(&rule->alerting, rule->last_boot_ns);
}

struct instant rule_after_last(const struct rule *rule, struct instant at)
{
	if (at.wall_ms > rule->last_wall_ms)
		return at;
	return (struct instant){
		.wall_ms = rule->last_wall_ms + 1,
		.boot_ns = MAX(at.boot_ns, rule->last_boot_ns + 1),
	};
}

void rule_retire(struct rule *rule, struct instant now)
{
	struct instant written = rule_after_last(rule, now);

	end_alerts(rule, now);
	written.wall_ms -= rule->group->config->query_offset_ms;
	output_conclude(rule, written);
}

void rule_retract(struct rule *rule, struct instant now)
{
	map_foreach (&rule->alerting.alerts, e) {
		struct active_alert *alert = e->value;

		if (alert->state == RULE_FIRING && alert->sent_boot_ns)
			retract(rule, alert, now);
	}
}

void rule_inherit(struct rule *rule, struct rule *from)
{
	struct map empty = MAP_INIT;

	rule->alerting.alerts = from->alerting.alerts;
	rule->outputs = from->outputs;
	from->alerting.alerts = empty;
	from->outputs = empty;
	from->followed = true;
	rule->dirty = from->dirty;
	rule->health = from->health;
	rule->last_error = TAKE(from->last_error);
	rule->last_wall_ms = from->last_wall_ms;
	rule->last_boot_ns = from->last_boot_ns;
	rule->duration_ns = from->duration_ns;
	rule_note_deadline(rule);
}
