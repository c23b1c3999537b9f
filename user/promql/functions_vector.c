/*
 * functions_vector.c - functions on whole vectors: absent, sort, scalar, vector, time, labels.
 */
#include "promql/eval.h"

#include <errno.h>
#include <math.h>

static int no_labels(struct eval *ev, const struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	return eval_labels_build(ev, &b, ret);
}

/* -- absent ---------------------------------------------------------------------------------- */

/*
 * Whether a label's = is its first and no other matcher of its follows: only what follows takes it back, as in
 * Prometheus (promql/functions.go, createLabelsForAbsentFunction).
 */
static bool is_last_word(const struct node *vector, size_t i)
{
	const struct matcher *const *m = vector->vector.matchers;

	for (size_t k = 0; k < vector->vector.n_matchers; k++) {
		if (k != i && streq(m[k]->name, m[i]->name) && (k > i || m[k]->type == MATCH_EQUAL))
			return false;
	}
	return true;
}

/* What the selector says that the missing series would have. */
static int absent_labels(struct eval *ev, const struct node *arg, const struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	const struct node *vector = node_unwrap(arg);

	if (vector->kind == NODE_MATRIX)
		vector = vector->matrix.vector;
	if (vector->kind != NODE_VECTOR)
		return no_labels(ev, ret);
	for (size_t i = 0; i < vector->vector.n_matchers; i++) {
		const struct matcher *m = vector->vector.matchers[i];

		if (m->type == MATCH_EQUAL && !streq(m->name, LABEL_NAME) &&
			is_last_word(vector, i))
			labels_builder_set(&b, m->name, m->value);
	}
	return eval_labels_build(ev, &b, ret);
}

static int answer_absent(struct eval *ev, const struct node *call, const struct steps *steps,
	const bool *present, struct value *ret)
{
	const struct labels *labels;
	double *v = eval_row(ev, steps);
	bool any = false;
	int err;

	if (!v)
		return ev->status;
	for (size_t i = 0; i < steps->n; i++) {
		if (!present[i]) {
			v[i] = 1;
			any = true;
		}
	}
	if (!any)
		return 0;
	err = absent_labels(ev, call->call.args[0], &labels);
	return err ? err : eval_add(ev, ret, labels, v);
}

int eval_absent(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	bool *present = eval_alloc(ev, MAX(steps->n, (size_t)1), sizeof(*present));
	struct value arg;
	int err;

	if (!present)
		return ev->status;
	err = eval_node(ev, call->call.args[0], steps, &arg);
	if (err)
		return err;
	for (size_t s = 0; s < arg.n; s++) {
		for (size_t i = 0; i < steps->n; i++)
			present[i] |= !is_absent(arg.rows[s].v[i]);
	}
	return answer_absent(ev, call, steps, present, ret);
}

int eval_absent_over_time(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	bool *present = eval_alloc(ev, MAX(steps->n, (size_t)1), sizeof(*present));
	struct range range;
	size_t n;
	int err;

	if (!present)
		return ev->status;
	err = range_open(ev, call->call.args[0], steps, &range);
	for (size_t s = 0; !err && s < range.n; s++) {
		struct window window = { 0 };

		err = range_load(ev, &range, s, &n);
		for (size_t i = 0; !err && i < steps->n; i++) {
			range_window(ev, &range, n, step_time(steps, i), &window);
			eval_look(ev, i, window.n);
			present[i] |= window.n > 0;
		}
	}
	return err ? err : answer_absent(ev, call, steps, present, ret);
}

/* -- between numbers and vectors ------------------------------------------------------------- */

int eval_scalar(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	double *v = eval_row(ev, steps);
	struct value arg;
	size_t found;
	int err;

	if (!v)
		return ev->status;
	err = eval_node(ev, call->call.args[0], steps, &arg);
	if (err)
		return err;
	for (size_t i = 0; i < steps->n; i++) {
		found = 0;
		for (size_t s = 0; s < arg.n && found < 2; s++) {
			if (is_absent(arg.rows[s].v[i]))
				continue;
			v[i] = arg.rows[s].v[i];
			found++;
		}
		if (found != 1)
			v[i] = (double)NAN;
	}
	ret->scalar = v;
	return 0;
}

int eval_to_vector(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	const struct labels *labels;
	struct value arg;
	int err = eval_node(ev, call->call.args[0], steps, &arg);

	if (!err)
		err = no_labels(ev, &labels);
	return err ? err : eval_add(ev, ret, labels, arg.scalar);
}

int eval_time(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	ret->scalar = eval_row(ev, steps);
	if (!ret->scalar)
		return ev->status;
	for (size_t i = 0; i < steps->n; i++)
		ret->scalar[i] = (double)step_time(steps, i) / 1000;
	return 0;
}

int eval_pi(struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	ret->scalar = eval_row(ev, steps);
	if (!ret->scalar)
		return ev->status;
	for (size_t i = 0; i < steps->n; i++)
		ret->scalar[i] = 3.14159265358979323846;
	return 0;
}

/* Of a selector the times of its samples, of anything else the steps' times. */
int eval_timestamp(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	const struct node *arg = node_unwrap(call->call.args[0]);
	int err;

	if (arg->kind == NODE_VECTOR) {
		err = eval_vector_times(ev, arg, steps, ret);
		return err ? err : eval_drop_names(ev, call, steps, ret);
	}
	err = eval_node(ev, arg, steps, ret);
	if (err)
		return err;
	for (size_t s = 0; s < ret->n; s++) {
		for (size_t i = 0; i < steps->n; i++) {
			if (!is_absent(ret->rows[s].v[i]))
				ret->rows[s].v[i] = (double)step_time(steps, i) / 1000;
		}
	}
	return eval_drop_names(ev, call, steps, ret);
}

/* -- sort ------------------------------------------------------------------------------------ */

struct sorted {
	struct row row;
	size_t at;
};

/* NaN last in both orders; of equals the one that came first. */
static int by_value(const void *pa, const void *pb)
{
	const struct sorted *a = pa, *b = pb;
	double x = a->row.v[0], y = b->row.v[0];

	if (isnan(x) != isnan(y))
		return isnan(x) ? 1 : -1;
	if (x < y || x > y)
		return x < y ? -1 : 1;
	return a->at < b->at ? -1 : 1;
}

static int by_value_down(const void *pa, const void *pb)
{
	const struct sorted *a = pa, *b = pb;
	double x = a->row.v[0], y = b->row.v[0];

	if (!isnan(x) && !isnan(y) && x != y)
		return x > y ? -1 : 1;
	return by_value(pa, pb);
}

static int sort_rows(struct eval *ev, const struct node *call, const struct steps *steps,
	int (*order)(const void *, const void *), struct value *ret)
{
	struct sorted *sorted;
	int err = eval_node(ev, call->call.args[0], steps, ret);

	if (err)
		return err;
	if (steps->n != 1)
		return eval_note(ev, true, call,
			"sort is ineffective for range queries since results are always ordered by labels");
	sorted = eval_alloc(ev, MAX(ret->n, (size_t)1), sizeof(*sorted));
	if (!sorted)
		return ev->status;
	for (size_t s = 0; s < ret->n; s++)
		sorted[s] = (struct sorted){ ret->rows[s], s };
	if (ret->n)
		qsort(sorted, ret->n, sizeof(*sorted), order);
	for (size_t s = 0; s < ret->n; s++)
		ret->rows[s] = sorted[s].row;
	return 0;
}

int eval_sort(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	return sort_rows(ev, call, steps, by_value, ret);
}

int eval_sort_desc(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	return sort_rows(ev, call, steps, by_value_down, ret);
}

/* -- labels ---------------------------------------------------------------------------------- */

static const char *text_arg(const struct node *call, size_t i)
{
	return node_unwrap(call->call.args[i])->string.s;
}

static int set_label(struct eval *ev, struct row *row, const char *name, const char *value)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	labels_builder_add(&b, row->labels);
	labels_builder_set(&b, name, value);
	return eval_labels_build(ev, &b, &row->labels);
}

int eval_label_replace(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	const char *to = text_arg(call, 1), *replacement = text_arg(call, 2);
	const char *from = text_arg(call, 3), *pattern = text_arg(call, 4), *value;
	scoped(regex_freep) struct regex *regex = NULL;
	struct strbuf text = STRBUF_INIT;
	char error[160];
	int err = regex_new(pattern, &regex, error, sizeof(error));

	if (err == -EINVAL)
		return eval_fault(ev, call->call.args[4],
			"invalid regular expression in label_replace(): %.200s", pattern);
	if (!err && !label_name_valid(to))
		return eval_fault(ev, call->call.args[1],
			"invalid destination label name in label_replace(): %.200s", to);
	if (!err)
		err = eval_node(ev, call->call.args[0], steps, ret);
	for (size_t s = 0; !err && s < ret->n; s++) {
		value = labels_get(ret->rows[s].labels, from);
		value = value ? value : "";
		strbuf_reset(&text);
		/* An expression that explodes may take a millisecond before it is given up. */
		err = eval_spend(ev, 8 * EVAL_SERIES);
		if (err)
			break;
		if (regex_expand(regex, value, strlen(value), replacement, &text))
			err = text.err ? text.err : set_label(ev, &ret->rows[s], to, text.s);
	}
	strbuf_release(&text);
	return err ? err : eval_merge(ev, call, steps, ret);
}

int eval_label_join(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	const char *to = text_arg(call, 1), *separator = text_arg(call, 2), *value;
	struct strbuf text = STRBUF_INIT;
	int err;

	for (size_t k = 3; k < call->call.n_args; k++) {
		if (!label_name_valid(text_arg(call, k)))
			return eval_fault(ev, call->call.args[k],
				"invalid source label name in label_join(): %.200s",
				text_arg(call, k));
	}
	if (!label_name_valid(to))
		return eval_fault(ev, call->call.args[1],
			"invalid destination label name in label_join(): %.200s", to);
	err = eval_node(ev, call->call.args[0], steps, ret);
	for (size_t s = 0; !err && s < ret->n; s++) {
		strbuf_reset(&text);
		err = eval_tick(ev);
		if (err)
			break;
		for (size_t k = 3; k < call->call.n_args; k++) {
			value = labels_get(ret->rows[s].labels, text_arg(call, k));
			strbuf_adds(&text, k > 3 ? separator : "");
			strbuf_adds(&text, value ? value : "");
		}
		err = text.err ? text.err : set_label(ev, &ret->rows[s], to, text.s);
	}
	strbuf_release(&text);
	return err ? err : eval_merge(ev, call, steps, ret);
}
