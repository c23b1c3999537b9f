/*
 * hints.c - what is allowed in a rule and yet hardly meant.
 *
 * A hint is no fault: it speaks only where the configuration itself shows that nothing can come of a
 * rule. Labels that a metric may bring itself, jobs that keep a target's own labels and names that
 * rules record are given the benefit of the doubt.
 */
#include "rules/rules.h"

#include <errno.h>
#include "base/map.h"
#include "model/duration.h"
#include "scrape/scrape.h"

#define VALUES_SHOWN 5

/* One target and what all its series carry. */
struct place {
	const struct config_scrape *job;
	struct labels *labels;
};

struct hints {
	const struct config *config;
	struct diag *diag;
	struct place *places;
	size_t n_places, cap_places;
	struct map recorded;  /* the names of recording rules */
	struct map known;     /* names of labels that are certainly meant */
	const char **known_v; /* the same, as a list */
	size_t n_known, cap_known;
	bool keeps_labels; /* a job keeps the labels of what it scrapes: any name may come */
	bool open;	   /* a job finds targets by itself: they may have any labels */
	int64_t open_ms;   /* how often the fastest of those is scraped */
	const char *open_job;
	const struct config_rule *rule; /* in hand */
	int64_t slowest_ms;		/* of the jobs that its selectors read */
	const char *slowest_job;
	int err;
};

static void add_known(struct hints *h, const char *name)
{
	if (map_gets(&h->known, name))
		return;
	if (!vec_reserve(h->known_v, h->n_known, h->cap_known) ||
		map_puts(&h->known, name, (void *)name)) {
		h->err = -ENOMEM;
		return;
	}
	h->known_v[h->n_known++] = name;
}

static void add_place(const struct config_scrape *job, const struct labels *labels, void *userdata)
{
	struct hints *h = userdata;

	if (!vec_reserve(h->places, h->n_places, h->cap_places)) {
		h->err = -ENOMEM;
		return;
	}
	h->places[h->n_places++] = (struct place){ job, labels_ref(labels) };
	for (size_t i = 0; i < labels->n; i++)
		add_known(h, labels->v[i].name);
	h->keeps_labels = h->keeps_labels || job->honor_labels;
}

static void add_pairs(struct hints *h, const struct config_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++)
		add_known(h, pairs->items[i].name.s);
}

/* Its targets stand in files that come and go, and name labels of their own. */
static void note_open(struct hints *h, const struct config_scrape *job)
{
	if (!job->n_file_sds || (h->open && h->open_ms <= job->interval_ms))
		return;
	h->open = true;
	h->open_ms = job->interval_ms;
	h->open_job = job->job_name.s;
}

static void learn(struct hints *h)
{
	static const char *const always[] = { "job", "instance", "alertname", "alertstate", "le",
		"quantile", "service", "group", LABEL_NAME };

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		add_known(h, always[i]);
	for (size_t g = 0; g < h->config->n_groups; g++) {
		const struct config_group *group = &h->config->groups[g];

		add_pairs(h, &group->labels);
		for (size_t r = 0; r < group->n_rules; r++) {
			const struct config_rule *rule = &group->rules[r];

			add_pairs(h, &rule->labels);
			if (rule->record.s &&
				map_puts(&h->recorded, rule->record.s, rule->record.s))
				h->err = -ENOMEM;
		}
	}
	for (size_t i = 0; i < h->config->n_scrapes; i++)
		note_open(h, &h->config->scrapes[i]);
	for (size_t i = 0; i < h->config->n_watches; i++)
		add_pairs(h, &h->config->watches[i].labels);
	if (scrape_describe(h->config, add_place, h))
		h->err = -ENOMEM;
}

/* -- selectors ------------------------------------------------------------------------------- */

static const char *fixed_name(const struct promql_mention *m)
{
	for (size_t i = 0; i < m->n_matchers; i++) {
		if (m->matchers[i]->type == MATCH_EQUAL && streq(m->matchers[i]->name, LABEL_NAME))
			return m->matchers[i]->value;
	}
	return NULL;
}

/* A label that the target does not have may come with the metric. */
static bool may_match(const struct place *place, const struct matcher *matcher)
{
	const char *value = labels_get(place->labels, matcher->name);

	if (streq(matcher->name, LABEL_NAME) || place->job->honor_labels ||
		place->job->metric_relabels.n)
		return true;
	return !value || matcher_matches(matcher, value);
}

static bool place_may_match(const struct place *place, const struct promql_mention *m)
{
	for (size_t i = 0; i < m->n_matchers; i++) {
		if (!may_match(place, m->matchers[i]))
			return false;
	}
	return true;
}

/* `up` of services that nobody scrapes; of their other labels units and processes decide. */
static bool watch_may_match(const struct promql_mention *m, const char *name)
{
	if (name && !streq(name, "up"))
		return false;
	for (size_t i = 0; i < m->n_matchers; i++) {
		if (streq(m->matchers[i]->name, "job") && !matcher_matches(m->matchers[i], "watch"))
			return false;
	}
	return true;
}

/* The first matcher that no target gets past; NULL: each alone could match. */
static const struct matcher *to_blame(const struct hints *h, const struct promql_mention *m)
{
	for (size_t i = 0; i < m->n_matchers; i++) {
		bool any = false;

		for (size_t k = 0; k < h->n_places && !any; k++)
			any = may_match(&h->places[k], m->matchers[i]);
		if (!any)
			return m->matchers[i];
	}
	return NULL;
}

/* "; there are "a" and "b" (did you mean "b"?)", of the values that targets have. */
static void add_values(const struct hints *h, const struct matcher *matcher, struct strbuf *out)
{
	const char *values[VALUES_SHOWN], *meant;
	size_t n = 0;
	bool more = false;

	for (size_t i = 0; i < h->n_places && !more; i++) {
		const char *value = labels_get(h->places[i].labels, matcher->name);
		bool seen = !value;

		for (size_t k = 0; k < n && !seen; k++)
			seen = streq(values[k], value);
		more = !seen && n == VALUES_SHOWN;
		if (!seen && !more)
			values[n++] = value;
	}
	for (size_t i = 0; i < n; i++)
		strbuf_addf(out, "%s\"%s\"", i ? ", " : "; there are ", values[i]);
	if (more)
		strbuf_adds(out, " and others");
	meant = matcher->type == MATCH_EQUAL ? diag_nearest(matcher->value, values, n) : NULL;
	if (meant)
		strbuf_addf(out, " (did you mean \"%s\"?)", meant);
}

static void tell_hopeless(const struct hints *h, const struct promql_mention *m)
{
	struct pos pos = config_pos_in(&h->rule->expr, m->offset, m->length);
	const struct matcher *blamed = to_blame(h, m);
	struct strbuf values = STRBUF_INIT;

	if (!blamed) {
		diag_hint(
			h->diag, pos, "no target has all of these labels, so that nothing matches");
		return;
	}
	add_values(h, blamed, &values);
	diag_hint(h->diag, pos, "no target has %s%s\"%s\"%s", blamed->name,
		matcher_type_text(blamed->type), blamed->value, values.s);
	strbuf_release(&values);
}

/* ALERTS and its sibling: their names come from the rules. */
static void check_alert_name(const struct hints *h, const struct promql_mention *m)
{
	const struct matcher *matcher = NULL;

	for (size_t i = 0; i < m->n_matchers; i++) {
		if (streq(m->matchers[i]->name, "alertname"))
			matcher = m->matchers[i];
	}
	if (!matcher)
		return;
	for (size_t g = 0; g < h->config->n_groups; g++) {
		for (size_t r = 0; r < h->config->groups[g].n_rules; r++) {
			const char *alert = h->config->groups[g].rules[r].alert.s;

			if (alert && matcher_matches(matcher, alert))
				return;
		}
	}
	diag_hint(h->diag, config_pos_in(&h->rule->expr, m->offset, m->length),
		"no rule has an alert with alertname%s\"%s\"", matcher_type_text(matcher->type),
		matcher->value);
}

static const char *nearest_record(const struct hints *h, const char *name)
{
	const char *best = NULL;

	map_foreach (&h->recorded, e) {
		const char *candidates[] = { e->value, best };

		best = diag_nearest(name, candidates, best ? 2 : 1);
	}
	return best;
}

/* Only rules make names with colons, by the custom that Prometheus teaches. */
static void check_record(const struct hints *h, const struct promql_mention *m, const char *name)
{
	const char *meant = nearest_record(h, name);
	struct pos pos = config_pos_in(&h->rule->expr, m->offset, m->length);

	if (meant)
		diag_hint(h->diag, pos, "no rule records '%s' (did you mean '%s'?)", name, meant);
	else
		diag_hint(h->diag, pos, "no rule records '%s'", name);
}

static void check_selector(struct hints *h, const struct promql_mention *m)
{
	const char *name = fixed_name(m);
	int64_t fastest_ms = INT64_MAX;
	const char *fastest_job = NULL;

	if (name && (streq(name, "ALERTS") || streq(name, "ALERTS_FOR_STATE"))) {
		check_alert_name(h, m);
		return;
	}
	/* What rules record may carry any label. */
	if (name ? map_gets(&h->recorded, name) != NULL : h->recorded.n > 0)
		return;
	if (name && strchr(name, ':') && !h->keeps_labels) {
		check_record(h, m, name);
		return;
	}
	if ((!h->n_places && !h->open) || (name && starts_with(name, "tolld_")))
		return;
	for (size_t i = 0; i < h->n_places; i++) {
		if (!place_may_match(&h->places[i], m) ||
			h->places[i].job->interval_ms >= fastest_ms)
			continue;
		fastest_ms = h->places[i].job->interval_ms;
		fastest_job = h->places[i].job->job_name.s;
	}
	if (h->open && h->open_ms < fastest_ms) {
		fastest_ms = h->open_ms;
		fastest_job = h->open_job;
	}
	if (!fastest_job && watch_may_match(m, name))
		return;
	if (!fastest_job) {
		tell_hopeless(h, m);
	} else if (fastest_ms > h->slowest_ms) {
		h->slowest_ms = fastest_ms;
		h->slowest_job = fastest_job;
	}
}

/* -- names of labels ------------------------------------------------------------------------- */

/* Short names differ by one letter and mean different things: node and mode. */
#define MIN_NAME_LENGTH 5

/* One letter too many, too few or wrong, or two neighbours that changed places. */
static bool is_slip(const char *a, const char *b)
{
	size_t n_a = strlen(a), n_b = strlen(b), from = 0;

	while (a[from] && a[from] == b[from])
		from++;
	if (n_a == n_b + 1)
		return streq(a + from + 1, b + from);
	if (n_b == n_a + 1)
		return streq(a + from, b + from + 1);
	if (n_a != n_b || from == n_a)
		return false;
	if (streq(a + from + 1, b + from + 1))
		return true;
	return a[from] == b[from + 1] && a[from + 1] == b[from] &&
	       streq(a + from + 2, b + from + 2);
}

static void check_label(const struct hints *h, const struct promql_mention *m, const char *label)
{
	if (h->open || strlen(label) < MIN_NAME_LENGTH || map_gets(&h->known, label))
		return;
	for (size_t i = 0; i < h->n_known; i++) {
		const char *known = h->known_v[i];

		if (strlen(known) < MIN_NAME_LENGTH || !is_slip(label, known))
			continue;
		diag_hint(h->diag, config_pos_in(&h->rule->expr, m->offset, m->length),
			"no target and no rule has a label '%s' (did you mean '%s'?)", label,
			known);
		return;
	}
}

static void check_mention(const struct promql_mention *m, void *userdata)
{
	struct hints *h = userdata;

	if (!m->matchers) {
		check_label(h, m, m->label);
		return;
	}
	for (size_t i = 0; i < m->n_matchers; i++)
		check_label(h, m, m->matchers[i]->name);
	check_selector(h, m);
}

/* -- rules ----------------------------------------------------------------------------------- */

static void check_for(const struct hints *h, const struct config_rule *rule)
{
	struct strbuf text = STRBUF_INIT;

	if (!rule->alert.s || rule->for_ms <= 0 || rule->for_ms >= h->slowest_ms)
		return;
	duration_format(&text, rule->for_ms);
	strbuf_adds(&text, ", shorter than the ");
	duration_format(&text, h->slowest_ms);
	diag_hint(h->diag, rule->alert.pos,
		"'for' is %s from one scrape of job \"%s\" to the next: a single sample is enough",
		text.s, h->slowest_job);
	strbuf_release(&text);
}

static int compare_pairs(const void *a, const void *b)
{
	return strcmp((*(const struct config_pair *const *)a)->name.s,
		(*(const struct config_pair *const *)b)->name.s);
}

/* What makes two rules the same for whoever reads their series. */
static int rule_key(const struct config_rule *rule, struct strbuf *out)
{
	const struct config_pair **sorted = calloc(rule->labels.n + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < rule->labels.n; i++)
		sorted[i] = &rule->labels.items[i];
	qsort(sorted, rule->labels.n, sizeof(*sorted), compare_pairs);
	strbuf_addf(out, "%s\n%s", rule->alert.s ? "alert" : "record",
		rule->alert.s ? rule->alert.s : rule->record.s);
	for (size_t i = 0; i < rule->labels.n; i++)
		strbuf_addf(out, "\n%s\n%s", sorted[i]->name.s, sorted[i]->value.s);
	free(sorted);
	return out->err;
}

static int check_twin(struct hints *h, struct map *seen, const struct config_rule *rule)
{
	const struct config_text *name = rule->alert.s ? &rule->alert : &rule->record;
	struct strbuf key = STRBUF_INIT;
	int err = rule_key(rule, &key);
	const struct config_text *twin = err ? NULL : map_get(seen, key.s, key.len);

	if (twin)
		diag_hint(h->diag, name->pos,
			"a rule of this name and these labels stands already at %s:%u",
			twin->pos.source ? twin->pos.source->name : "", twin->pos.line);
	else if (!err)
		err = map_put(seen, key.s, key.len, (void *)name);
	strbuf_release(&key);
	return err;
}

static void check_rule(struct hints *h, const struct config_rule *rule)
{
	scoped(promql_freep) struct promql_expr *expr = NULL;
	struct promql_error fault;

	h->rule = rule;
	h->slowest_ms = 0;
	if (promql_parse(rule->expr.s, &expr, &fault)) {
		h->err = -ENOMEM; /* it had no fault before */
		return;
	}
	promql_mentions(expr, check_mention, h);
	check_for(h, rule);
}

static void hints_release(struct hints *h)
{
	for (size_t i = 0; i < h->n_places; i++)
		labels_unref(h->places[i].labels);
	free(h->places);
	free(h->known_v);
	map_release(&h->known);
	map_release(&h->recorded);
}

int rules_hints(const struct config *config, struct diag *diag)
{
	struct hints h = { .config = config, .diag = diag };
	struct map seen = MAP_INIT;

	learn(&h);
	for (size_t g = 0; g < config->n_groups && !h.err; g++) {
		for (size_t r = 0; r < config->groups[g].n_rules && !h.err; r++) {
			const struct config_rule *rule = &config->groups[g].rules[r];

			h.err = check_twin(&h, &seen, rule);
			/* A rule file alone says nothing of the targets that it is for. */
			if (!h.err && config->n_scrapes)
				check_rule(&h, rule);
		}
	}
	map_release(&seen);
	hints_release(&h);
	return h.err;
}
