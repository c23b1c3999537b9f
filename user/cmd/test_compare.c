/*
 * test_compare.c - what was expected beside what came, line by line.
 *
 * Both sides are sorted by labels, so one walk over the two finds what is missing, what is too much
 * and what differs.
 */
#include "cmd/test_compare.h"

#include <math.h>
#include "base/escape.h"
#include "base/num.h"

#define EXPECTED "    expected  "
#define GOT	 "    got       "
#define PENDING	 "    pending   "

static bool same_value(double a, double b, bool fuzzy)
{
	if (a == b || (isnan(a) && isnan(b)))
		return true;
	return fuzzy && (nextafter(a, -INFINITY) == b || nextafter(a, INFINITY) == b);
}

static void add_sample(
	struct strbuf *out, const char *side, const struct labels *labels, double value)
{
	char number[NUM_MAX];

	num_format(number, value);
	strbuf_adds(out, side);
	labels_format(labels, out);
	strbuf_addf(out, " %s\n", number);
}

static int by_labels(const void *pa, const void *pb)
{
	const struct promql_series *a = pa, *b = pb;

	return labels_compare(a->labels, b->labels);
}

static int order(
	bool left_ended, bool right_ended, const struct labels *left, const struct labels *right)
{
	if (left_ended || right_ended)
		return left_ended ? 1 : -1;
	return labels_compare(left, right);
}

bool compare_expr(const struct plan_expr *expected, const struct promql_result *got, bool fuzzy,
	struct strbuf *out)
{
	size_t e = 0, g = 0, differences = 0;

	if (got->n)
		qsort(got->series, got->n, sizeof(*got->series), by_labels);
	while (e < expected->n || g < got->n) {
		const struct plan_sample *left = &expected->samples[e];
		const struct promql_series *right = &got->series[g];
		int which = order(e == expected->n, g == got->n,
			e == expected->n ? NULL : left->labels, g == got->n ? NULL : right->labels);

		if (which || !same_value(left->value, right->points[0].value, fuzzy)) {
			if (which <= 0)
				add_sample(out, EXPECTED, left->labels, left->value);
			if (which >= 0)
				add_sample(out, GOT, right->labels, right->points[0].value);
			differences++;
		}
		e += which <= 0;
		g += which >= 0;
	}
	if (differences && !expected->n)
		strbuf_adds(out, EXPECTED "nothing\n");
	if (differences && !got->n)
		strbuf_adds(out, GOT "nothing\n");
	return !differences;
}

static void add_quoted(struct strbuf *out, const char *text)
{
	strbuf_addch(out, '"');
	escape_quoted(out, text, strlen(text));
	strbuf_addch(out, '"');
}

static void add_alert(struct strbuf *out, const char *side, const struct labels *labels,
	const struct labels *annotations)
{
	strbuf_adds(out, side);
	labels_format(labels, out);
	for (unsigned i = 0; i < annotations->n; i++) {
		strbuf_addf(out, "\n%*s%s: ", (int)strlen(side) + 2, "", annotations->v[i].name);
		add_quoted(out, annotations->v[i].value);
	}
	strbuf_addch(out, '\n');
}

static void add_annotation(
	struct strbuf *out, const char *side, const char *name, const char *value)
{
	strbuf_addf(out, "  %s%s%s", side, value ? "" : "no ", name);
	if (value) {
		strbuf_adds(out, ": ");
		add_quoted(out, value);
	}
	strbuf_addch(out, '\n');
}

/* Of two alerts with the same labels the annotations that differ. True: there are none. */
static bool add_annotations(struct strbuf *out, const struct labels *labels,
	const struct labels *expected, const struct labels *got)
{
	if (labels_equal(expected, got))
		return true;
	strbuf_adds(out, "    ");
	labels_format(labels, out);
	strbuf_addch(out, '\n');
	for (unsigned i = 0; i < expected->n; i++) {
		const char *name = expected->v[i].name;
		const char *other = labels_get_interned(got, name);

		if (other == expected->v[i].value)
			continue;
		add_annotation(out, EXPECTED, name, expected->v[i].value);
		add_annotation(out, GOT, name, other);
	}
	for (unsigned i = 0; i < got->n; i++) {
		if (labels_get_interned(expected, got->v[i].name))
			continue;
		add_annotation(out, EXPECTED, got->v[i].name, NULL);
		add_annotation(out, GOT, got->v[i].name, got->v[i].value);
	}
	return false;
}

/* Nearly there: whoever expected a firing alert wants to see that it only waits for its `for`. */
static void add_pending(struct strbuf *out, const struct got_alerts *got)
{
	for (size_t i = 0; i < got->n; i++) {
		if (got->alerts[i].state == RULE_PENDING)
			add_alert(out, PENDING, got->alerts[i].labels, got->alerts[i].annotations);
	}
}

static size_t next_firing(const struct got_alerts *got, size_t from)
{
	while (from < got->n && got->alerts[from].state != RULE_FIRING)
		from++;
	return from;
}

bool compare_alerts(
	const struct plan_alerts *expected, const struct got_alerts *got, struct strbuf *out)
{
	size_t e = 0, g = next_firing(got, 0), differences = 0;
	bool missing = false, none = g == got->n;

	while (e < expected->n || g < got->n) {
		const struct plan_alert *left = &expected->alerts[e];
		const struct rule_alert_info *right = &got->alerts[g];
		int which = order(e == expected->n, g == got->n,
			e == expected->n ? NULL : left->labels, g == got->n ? NULL : right->labels);
		bool same = false;

		if (which < 0)
			add_alert(out, EXPECTED, left->labels, left->annotations);
		else if (which > 0)
			add_alert(out, GOT, right->labels, right->annotations);
		else
			same = add_annotations(
				out, left->labels, left->annotations, right->annotations);
		differences += !same;
		missing = missing || which < 0;
		e += which <= 0;
		g = which >= 0 ? next_firing(got, g + 1) : g;
	}
	if (differences && !expected->n)
		strbuf_adds(out, EXPECTED "no alert that fires\n");
	if (differences && none)
		strbuf_adds(out, GOT "no alert that fires\n");
	if (missing)
		add_pending(out, got);
	return !differences;
}
