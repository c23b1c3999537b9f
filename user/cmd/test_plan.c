/*
 * test_plan.c - the series, expressions and expectations of a rule unit test, parsed; all faults told.
 */
#include "cmd/test_plan.h"

#include <errno.h>

void test_plan_free(struct test_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_series; i++) {
		labels_unref(plan->series[i].labels);
		series_values_release(&plan->series[i].values);
	}
	for (size_t i = 0; i < plan->n_exprs; i++) {
		for (size_t k = 0; k < plan->exprs[i].n; k++)
			labels_unref(plan->exprs[i].samples[k].labels);
		free(plan->exprs[i].samples);
		promql_free(plan->exprs[i].expr);
	}
	for (size_t i = 0; i < plan->n_alerts; i++) {
		for (size_t k = 0; k < plan->alerts[i].n; k++) {
			labels_unref(plan->alerts[i].alerts[k].labels);
			labels_unref(plan->alerts[i].alerts[k].annotations);
		}
		free(plan->alerts[i].alerts);
	}
	free(plan->series);
	free(plan->exprs);
	free(plan->alerts);
	free(plan);
}

/* Tells the fault of a text at its place. -ENOMEM passes through, -EINVAL is remembered in *bad. */
static int tell(int err, const struct config_text *text, const struct promql_error *error,
	struct diag *diag, int *bad)
{
	if (err == -ENOMEM)
		return err;
	if (err)
		*bad = diag_error(
			diag, config_pos_in(text, error->offset, error->length), "%s", error->text);
	return 0;
}

static const char *or_empty(const struct config_text *text)
{
	return text->s ? text->s : "";
}

static int read_series(struct test_plan *plan, struct diag *diag, int *bad)
{
	for (size_t i = 0; i < plan->test->n_series; i++) {
		const struct test_series *from = &plan->test->series[i];
		struct plan_series *to = &plan->series[plan->n_series++];
		struct promql_error error = { 0 };
		int err;

		err = series_desc_labels(or_empty(&from->series), &to->labels, &error);
		if (!err && !to->labels->n)
			*bad = diag_error(diag, from->series.pos,
				"a series needs a name or a label, as up{job=\"node\"}");
		err = tell(err, &from->series, &error, diag, bad);
		if (!err)
			err = tell(series_desc_values(or_empty(&from->values), &to->values, &error),
				&from->values, &error, diag, bad);
		if (err)
			return err;
		if (to->values.histograms) {
			to->left_out = true;
			diag_warning(diag, from->values.pos,
				"native histograms are not served: this series is left out");
		}
		for (size_t k = 0; to->labels && k < i; k++) {
			if (!plan->series[k].labels || plan->series[k].left_out ||
				!labels_equal(plan->series[k].labels, to->labels))
				continue;
			plan->series[k].left_out = true;
			diag_warning(diag, from->series.pos,
				"the same series stands above, in line %u; only this one counts",
				plan->test->series[k].series.pos.line);
		}
	}
	return 0;
}

/* Whether an expression would read a series that was left out. */
struct unserved_search {
	const struct test_plan *plan;
	bool found;
};

static void search_unserved(const struct matcher *const *matchers, size_t n, void *userdata)
{
	struct unserved_search *search = userdata;

	for (size_t i = 0; i < search->plan->n_series; i++) {
		const struct plan_series *series = &search->plan->series[i];

		if (series->values.histograms && series->labels &&
			matchers_match(matchers, n, series->labels))
			search->found = true;
	}
}

static int compare_samples(const void *pa, const void *pb)
{
	const struct plan_sample *a = pa, *b = pb;

	return labels_compare(a->labels, b->labels);
}

static int read_samples(struct plan_expr *to, struct diag *diag, int *bad)
{
	const struct test_expr_case *from = to->source;

	to->samples = calloc(from->n + 1, sizeof(*to->samples));
	if (!to->samples)
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++) {
		const struct test_sample *sample = &from->samples[i];
		struct plan_sample *expected = &to->samples[to->n];
		struct promql_error error = { 0 };
		int err = series_desc_labels(or_empty(&sample->labels), &expected->labels, &error);

		if (tell(err, &sample->labels, &error, diag, bad))
			return -ENOMEM;
		if (err)
			continue;
		expected->value = sample->value;
		to->unserved = to->unserved || (sample->histogram.s && *sample->histogram.s);
		to->n++;
	}
	qsort(to->samples, to->n, sizeof(*to->samples), compare_samples);
	return 0;
}

static int read_expr(
	struct test_plan *plan, const struct test_expr_case *from, struct diag *diag, int *bad)
{
	struct plan_expr *to = &plan->exprs[plan->n_exprs++];
	struct unserved_search search = { .plan = plan };
	struct promql_error error = { 0 };
	enum promql_type type;
	int err, other;

	to->source = from;
	err = promql_parse(from->expr.s, &to->expr, &error);
	if (!err)
		err = promql_check_evaluable(to->expr, &error);
	err = tell(err, &from->expr, &error, diag, bad);
	other = read_samples(to, diag, bad);
	if (err || other || !to->expr)
		return err ? err : other;
	type = promql_type(to->expr);
	if (type != PROMQL_SCALAR && type != PROMQL_VECTOR)
		*bad = diag_error(diag, from->expr.pos,
			"the expression is a %s; a test needs an instant vector or a scalar",
			promql_type_name(type));
	promql_selectors(to->expr, search_unserved, &search);
	to->unserved = to->unserved || search.found;
	if (to->unserved)
		diag_warning(diag, from->expr.pos,
			"native histograms are not served: this check is left out");
	plan->last_ms = MAX(plan->last_ms, from->eval_time_ms);
	return 0;
}

static int build(struct labels_builder b, const struct config_pairs *pairs, const char *alertname,
	struct labels **ret)
{
	for (size_t i = 0; i < pairs->n; i++)
		labels_builder_set(&b, pairs->items[i].name.s, pairs->items[i].value.s);
	if (alertname)
		labels_builder_set(&b, LABEL_ALERTNAME, alertname);
	return labels_build(&b, ret);
}

static int compare_alerts(const void *pa, const void *pb)
{
	const struct plan_alert *a = pa, *b = pb;
	int order = labels_compare(a->labels, b->labels);

	return order ? order : labels_compare(a->annotations, b->annotations);
}

static int by_time(const void *pa, const void *pb)
{
	const struct plan_alerts *a = pa, *b = pb;

	if (a->source->eval_time_ms != b->source->eval_time_ms)
		return a->source->eval_time_ms < b->source->eval_time_ms ? -1 : 1;
	/* Both are of one array: the order of the file. */
	return a->source < b->source ? -1 : a->source > b->source;
}

/* A check that no alert fires passes for ever when the name is wrong: that must be told. */
static void check_alertname(
	const struct test_file *file, const struct config_text *name, struct diag *diag)
{
	const char *names[256], *nearest;
	size_t n = 0;

	for (size_t g = 0; g < file->config->n_groups; g++) {
		const struct config_group *group = &file->config->groups[g];

		for (size_t i = 0; i < group->n_rules; i++) {
			const char *alert = group->rules[i].alert.s;

			if (!alert)
				continue;
			if (streq(alert, name->s))
				return;
			if (n < ARRAY_SIZE(names))
				names[n++] = alert;
		}
	}
	nearest = diag_nearest(name->s, names, n);
	if (nearest)
		diag_warning(diag, name->pos, "no rule is called '%s' (did you mean '%s'?)",
			name->s, nearest);
	else
		diag_warning(diag, name->pos, "no rule is called '%s'", name->s);
}

static int read_alerts(
	const struct test_file *file, struct test_plan *plan, size_t i, struct diag *diag)
{
	const struct test_alert_case *from = &plan->test->alert_cases[i];
	struct plan_alerts *to = &plan->alerts[plan->n_alerts++];
	int err = 0;

	to->source = from;
	check_alertname(file, &from->alertname, diag);
	to->alerts = calloc(from->n + 1, sizeof(*to->alerts));
	if (!to->alerts)
		return -ENOMEM;
	for (size_t k = 0; k < from->n && !err; k++) {
		struct plan_alert *alert = &to->alerts[to->n++];

		err = build(LABELS_BUILDER_INIT, &from->alerts[k].labels, from->alertname.s,
			&alert->labels);
		if (!err)
			err = build(ANNOTATIONS_BUILDER_INIT, &from->alerts[k].annotations, NULL,
				&alert->annotations);
	}
	if (err)
		return err;
	qsort(to->alerts, to->n, sizeof(*to->alerts), compare_alerts);
	plan->last_ms = MAX(plan->last_ms, from->eval_time_ms);
	return 0;
}

int test_plan_new(const struct test_file *file, const struct test_group *test,
	struct test_plan **ret, struct diag *diag)
{
	scoped(test_plan_freep) struct test_plan *plan = calloc(1, sizeof(*plan));
	int err, bad = 0;

	if (!plan)
		return -ENOMEM;
	plan->test = test;
	plan->series = calloc(test->n_series + 1, sizeof(*plan->series));
	plan->exprs = calloc(test->n_expr_cases + 1, sizeof(*plan->exprs));
	plan->alerts = calloc(test->n_alert_cases + 1, sizeof(*plan->alerts));
	if (!plan->series || !plan->exprs || !plan->alerts)
		return -ENOMEM;
	err = read_series(plan, diag, &bad);
	for (size_t i = 0; i < test->n_expr_cases && !err; i++)
		err = read_expr(plan, &test->expr_cases[i], diag, &bad);
	for (size_t i = 0; i < test->n_alert_cases && !err; i++)
		err = read_alerts(file, plan, i, diag);
	if (err || bad)
		return err ? err : bad;
	qsort(plan->alerts, plan->n_alerts, sizeof(*plan->alerts), by_time);
	*ret = TAKE(plan);
	return 0;
}
