/*
 * rules.c - /api/v1/rules and /api/v1/alerts.
 *
 * The order of fields is Prometheus's, so that two answers can be laid side by side.
 */
#include "api/answer.h"
#include "api/state.h"

#include <errno.h>
#include <inttypes.h>
#include <strings.h>
#include "base/hash.h"
#include "base/num.h"

static const char *const state_names[] = {
	[RULE_INACTIVE] = "inactive",
	[RULE_PENDING] = "pending",
	[RULE_FIRING] = "firing",
	[RULE_UNKNOWN] = "unknown",
};

static const char *const health_names[] = {
	[RULE_HEALTH_UNKNOWN] = "unknown",
	[RULE_HEALTH_OK] = "ok",
	[RULE_HEALTH_ERR] = "err",
};

struct filter {
	const struct request *req;
	bool alerting, recording, alerts;
	struct selectors selectors;
	uint64_t after; /* the group to go on with; 0: the first */
	size_t group_limit;
};

static void write_alert(struct jsonw *json, const struct rule_alert_info *alert)
{
	char value[NUM_MAX];

	jsonw_begin_object(json);
	jsonw_field_labels(json, "labels", alert->labels);
	jsonw_field_labels(json, "annotations", alert->annotations);
	jsonw_field_string(json, "state", state_names[alert->state]);
	jsonw_field_time(json, "activeAt", alert->active_wall_ms);
	if (alert->keep_firing_since_wall_ms)
		jsonw_field_time(json, "keepFiringSince", alert->keep_firing_since_wall_ms);
	num_format_e(value, alert->value);
	jsonw_field_string(json, "value", value);
	jsonw_end_object(json);
}

static int by_pair_name(const void *a, const void *b)
{
	return strcmp((*(const struct config_pair *const *)a)->name.s,
		(*(const struct config_pair *const *)b)->name.s);
}

static const struct config_pairs *or_none(const struct config_pairs *pairs)
{
	static const struct config_pairs none;

	return pairs ? pairs : &none;
}

static bool has_name(const struct config_pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->n; i++) {
		if (streq(pairs->items[i].name.s, name))
			return true;
	}
	return false;
}

/* By name, as they are written; those of `below` that `pairs` has not. */
static void write_pairs(struct jsonw *json, const char *name, const struct config_pairs *below,
	const struct config_pairs *pairs)
{
	scoped(freep) const struct config_pair **sorted = NULL;
	size_t n = 0;

	below = or_none(below);
	pairs = or_none(pairs);
	sorted = calloc(below->n + pairs->n + 1, sizeof(*sorted));
	if (!sorted) {
		json->out->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < pairs->n; i++)
		sorted[n++] = &pairs->items[i];
	for (size_t i = 0; i < below->n; i++) {
		if (!has_name(pairs, below->items[i].name.s))
			sorted[n++] = &below->items[i];
	}
	qsort(sorted, n, sizeof(*sorted), by_pair_name);
	jsonw_key(json, name);
	jsonw_begin_object(json);
	for (size_t i = 0; i < n; i++)
		jsonw_field_string(json, sorted[i]->name.s, sorted[i]->value.s);
	jsonw_end_object(json);
}

static void write_rule(struct jsonw *json, const struct group_info *group,
	const struct rule_info *rule, bool with_alerts)
{
	jsonw_begin_object(json);
	if (rule->alerting)
		jsonw_field_string(json, "state", state_names[rule->state]);
	jsonw_field_string(json, "name", rule->name);
	jsonw_field_string(json, "query", rule->query);
	if (rule->alerting) {
		jsonw_field_double(json, "duration", (double)rule->for_ms / 1000);
		jsonw_field_double(json, "keepFiringFor", (double)rule->keep_firing_for_ms / 1000);
	}
	if (rule->alerting || or_none(rule->labels)->n || or_none(group->labels)->n)
		write_pairs(json, "labels", group->labels, rule->labels);
	if (rule->alerting) {
		write_pairs(json, "annotations", NULL, rule->annotations);
		jsonw_key(json, "alerts");
		jsonw_begin_array(json);
		for (size_t i = 0; with_alerts && i < rule->n_alerts; i++)
			write_alert(json, &rule->alerts[i]);
		jsonw_end_array(json);
	}
	jsonw_field_string(json, "health", health_names[rule->health]);
	if (rule->last_error)
		jsonw_field_string(json, "lastError", rule->last_error);
	jsonw_field_double(json, "evaluationTime", (double)rule->duration_ns / NSEC_PER_SEC);
	jsonw_field_time(json, "lastEvaluation", rule->last_wall_ms);
	jsonw_field_string(json, "type", rule->alerting ? "alerting" : "recording");
	jsonw_end_object(json);
}

/* Whether a list of names, empty for all, has this one. */
static bool asked_for(const struct request *req, const char *param, const char *name)
{
	const struct param *p = request_next(req, param, NULL);

	if (!p)
		return true;
	for (; p; p = request_next(req, param, p)) {
		if (streq(p->value, name))
			return true;
	}
	return false;
}

static void set_pairs(struct labels_builder *b, const struct config_pairs *pairs)
{
	for (size_t i = 0; i < or_none(pairs)->n; i++)
		labels_builder_set(b, pairs->items[i].name.s, pairs->items[i].value.s);
}

/* match[] looks at the labels that the rule and its group add, templates as they are written. */
static bool labels_wanted(
	const struct filter *filter, const struct group_info *group, const struct rule_info *rule)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels = NULL;
	bool wanted = false;

	if (!filter->selectors.n)
		return true;
	set_pairs(&b, group->labels);
	set_pairs(&b, rule->labels);
	if (labels_build(&b, &labels) == 0)
		wanted = selectors_match(&filter->selectors, labels);
	labels_builder_release(&b);
	labels_unref(labels);
	return wanted;
}

static bool rule_wanted(
	const struct filter *filter, const struct group_info *group, const struct rule_info *rule)
{
	return (rule->alerting ? filter->alerting : filter->recording) &&
	       asked_for(filter->req, "rule_name[]", rule->name) &&
	       labels_wanted(filter, group, rule);
}

static bool group_wanted(const struct filter *filter, const struct group_info *group)
{
	if (!asked_for(filter->req, "rule_group[]", group->name) ||
		!asked_for(filter->req, "file[]", group->file))
		return false;
	/* A group in which nothing is left is not shown. */
	for (size_t i = 0; i < group->n_rules; i++) {
		if (rule_wanted(filter, group, &group->rules[i]))
			return true;
	}
	return false;
}

static void write_group(
	struct jsonw *json, const struct group_info *group, const struct filter *filter)
{
	jsonw_begin_object(json);
	jsonw_field_string(json, "name", group->name);
	jsonw_field_string(json, "file", group->file);
	jsonw_key(json, "rules");
	jsonw_begin_array(json);
	for (size_t i = 0; i < group->n_rules; i++) {
		if (rule_wanted(filter, group, &group->rules[i]))
			write_rule(json, group, &group->rules[i], filter->alerts);
	}
	jsonw_end_array(json);
	jsonw_field_double(json, "interval", (double)group->interval_ms / 1000);
	jsonw_field_int(json, "limit", group->limit);
	jsonw_field_double(json, "evaluationTime", (double)group->duration_ns / NSEC_PER_SEC);
	jsonw_field_time(json, "lastEvaluation", group->last_wall_ms);
	jsonw_end_object(json);
}

/* Names a group across answers; never 0, which means "from the first". */
static uint64_t group_token(const struct group_info *group)
{
	uint64_t hash = hash_fnv1a(HASH_FNV1A_INIT, group->file, strlen(group->file) + 1);

	hash = hash_fnv1a(hash, group->name, strlen(group->name));
	return hash ? hash : 1;
}

static int read_flag(struct request *req, const char *name, bool *ret)
{
	static const char *const yes[] = { "1", "t", "true" };
	static const char *const no[] = { "0", "f", "false" };
	const char *value = request_text(req, name);

	if (!value)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcasecmp(value, yes[i]) || !strcasecmp(value, no[i])) {
			*ret = !strcasecmp(value, yes[i]);
			return 0;
		}
	}
	answer_error(req, ANSWER_BAD_DATA, "invalid parameter \"%s\": not a boolean: \"%s\"", name,
		value);
	return -EINVAL;
}

/* Which page of groups is asked for. */
static int read_page(struct request *req, struct filter *ret)
{
	const char *token = request_text(req, "group_next_token"),
		   *limit = request_text(req, "group_limit");

	if (token && !limit) {
		answer_error(req, ANSWER_BAD_DATA,
			"invalid parameter \"group_next_token\": group_limit needs to be set in order "
			"to paginate over the groups");
		return -EINVAL;
	}
	if (param_limit(req, "group_limit", &ret->group_limit) < 0)
		return -EINVAL;
	if (limit && !ret->group_limit) {
		answer_error(req, ANSWER_BAD_DATA,
			"invalid parameter \"group_limit\": group_limit needs to be greater than 0");
		return -EINVAL;
	}
	if (token) {
		ret->after = strtoull(token, NULL, 16);
		ret->after = ret->after ? ret->after : UINT64_MAX;
	}
	return 0;
}

static int read_filter(struct request *req, struct filter *ret)
{
	const char *type = request_text(req, "type");
	bool exclude_alerts = false;

	*ret = (struct filter){ .req = req,
		.alerting = !type || strcasecmp(type, "record") != 0,
		.recording = !type || strcasecmp(type, "alert") != 0 };
	if (type && ret->alerting && ret->recording) {
		answer_error(req, ANSWER_BAD_DATA,
			"invalid parameter \"type\": not supported value \"%s\"", type);
		return -EINVAL;
	}
	if (read_flag(req, "exclude_alerts", &exclude_alerts) < 0 || read_page(req, ret) < 0)
		return -EINVAL;
	ret->alerts = !exclude_alerts;
	return param_selectors(req, "match[]", false, &ret->selectors);
}

/* All groups; on failure the request is answered. The caller frees. */
static int read_groups(struct request *req, struct group_info **ret, size_t *ret_n)
{
	int err = 0;

	*ret = NULL;
	*ret_n = 0;
	if (req->api->sources.rules)
		err = rules_info(req->api->sources.rules, ret, ret_n);
	if (err)
		answer_error(req, ANSWER_INTERNAL, "%s", strerror(-err));
	return err;
}

static void write_groups(
	struct jsonw *json, const struct group_info *groups, size_t n, const struct filter *filter)
{
	const struct group_info *next = NULL;
	bool started = !filter->after;
	size_t written = 0;

	jsonw_key(json, "groups");
	jsonw_begin_array(json);
	for (size_t i = 0; i < n && !next; i++) {
		started = started || group_token(&groups[i]) == filter->after;
		if (!started || !group_wanted(filter, &groups[i]))
			continue;
		if (filter->group_limit && written == filter->group_limit) {
			next = &groups[i];
			break;
		}
		write_group(json, &groups[i], filter);
		written++;
	}
	jsonw_end_array(json);
	if (next) {
		char token[17];

		snprintf(token, sizeof(token), "%016" PRIx64, group_token(next));
		jsonw_field_string(json, "groupNextToken", token);
	}
}

static bool token_known(const struct group_info *groups, size_t n, uint64_t token)
{
	for (size_t i = 0; i < n; i++) {
		if (group_token(&groups[i]) == token)
			return true;
	}
	return !token;
}

void rules_list(struct request *req, struct instant now)
{
	struct group_info *groups;
	struct filter filter;
	struct jsonw json;
	size_t n;

	if (read_filter(req, &filter) < 0)
		return;
	if (read_groups(req, &groups, &n) == 0) {
		if (token_known(groups, n, filter.after)) {
			answer_begin(req, &json);
			jsonw_begin_object(&json);
			write_groups(&json, groups, n, &filter);
			jsonw_end_object(&json);
			answer_end(req, &json);
		} else {
			answer_error(req, ANSWER_BAD_DATA,
				"invalid parameter \"group_next_token\": the group is gone, start "
				"again without it");
		}
		free(groups);
	}
	selectors_release(&filter.selectors);
}

void rules_alerts(struct request *req, struct instant now)
{
	struct group_info *groups;
	struct jsonw json;
	size_t n;

	if (read_groups(req, &groups, &n) < 0)
		return;
	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_key(&json, "alerts");
	jsonw_begin_array(&json);
	for (size_t g = 0; g < n; g++) {
		for (size_t r = 0; r < groups[g].n_rules; r++) {
			const struct rule_info *rule = &groups[g].rules[r];

			for (size_t a = 0; a < rule->n_alerts; a++)
				write_alert(&json, &rule->alerts[a]);
		}
	}
	jsonw_end_array(&json);
	jsonw_end_object(&json);
	answer_end(req, &json);
	free(groups);
}
