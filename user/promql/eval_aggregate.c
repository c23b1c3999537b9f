/*
 * eval_aggregate.c - aggregations: series grouped by labels, each group one value per step.
 */
#include "promql/eval.h"

#include <math.h>
#include "base/map.h"
#include "base/num.h"
#include "promql/literal.h"

/* -- a group's value at each step ------------------------------------------------------------ */

int group_sum(struct eval *ev, const struct aggregation_input *in, double *out)
{
	for (size_t i = 0; i < in->steps->n; i++) {
		double sum = 0, rest = 0;
		size_t n = 0;

		for (size_t k = 0; k < in->n; k++) {
			double v = in->rows[in->members[k]].v[i];

			if (!is_absent(v)) {
				kahan_add(v, &sum, &rest);
				n++;
			}
		}
		if (n)
			out[i] = sum + rest;
	}
	return 0;
}

int group_avg(struct eval *ev, const struct aggregation_input *in, double *out)
{
	for (size_t i = 0; i < in->steps->n; i++) {
		struct mean mean = { 0 };

		for (size_t k = 0; k < in->n; k++) {
			double v = in->rows[in->members[k]].v[i];

			if (!is_absent(v))
				mean_add(&mean, v);
		}
		if (mean.count > 0)
			out[i] = mean_value(&mean);
	}
	return 0;
}

static void group_fold(const struct aggregation_input *in, double (*fold)(double a, double v),
	double first, bool first_is_value, double *out)
{
	for (size_t k = 0; k < in->n; k++) {
		const double *v = in->rows[in->members[k]].v;

		for (size_t i = 0; i < in->steps->n; i++) {
			if (is_absent(v[i]))
				continue;
			if (is_absent(out[i]))
				out[i] = first_is_value ? v[i] : first;
			else
				out[i] = fold(out[i], v[i]);
		}
	}
}

static double fold_count(double a, double v)
{
	return a + 1;
}

static double fold_first(double a, double v)
{
	return a;
}

/* NaN only where there is nothing else. */
static double fold_min(double a, double v)
{
	return a > v || isnan(a) ? v : a;
}

static double fold_max(double a, double v)
{
	return a < v || isnan(a) ? v : a;
}

int group_count(struct eval *ev, const struct aggregation_input *in, double *out)
{
	group_fold(in, fold_count, 1, false, out);
	return 0;
}

int group_group(struct eval *ev, const struct aggregation_input *in, double *out)
{
	group_fold(in, fold_first, 1, false, out);
	return 0;
}

int group_min(struct eval *ev, const struct aggregation_input *in, double *out)
{
	group_fold(in, fold_min, 0, true, out);
	return 0;
}

int group_max(struct eval *ev, const struct aggregation_input *in, double *out)
{
	group_fold(in, fold_max, 0, true, out);
	return 0;
}

int group_stdvar(struct eval *ev, const struct aggregation_input *in, double *out)
{
	for (size_t i = 0; i < in->steps->n; i++) {
		double mean = 0, squares = 0, n = 0;

		for (size_t k = 0; k < in->n; k++) {
			double v = in->rows[in->members[k]].v[i], delta = v - mean;

			if (is_absent(v))
				continue;
			n++;
			mean += delta / n;
			squares += delta * (v - mean);
		}
		if (n > 0)
			out[i] = squares / n;
	}
	return 0;
}

int group_stddev(struct eval *ev, const struct aggregation_input *in, double *out)
{
	int err = group_stdvar(ev, in, out);

	for (size_t i = 0; !err && i < in->steps->n; i++) {
		if (!is_absent(out[i]))
			out[i] = sqrt(out[i]);
	}
	return err;
}

int group_quantile(struct eval *ev, const struct aggregation_input *in, double *out)
{
	double *values = eval_alloc(ev, MAX(in->n, (size_t)1), sizeof(*values));
	size_t n;
	int err;

	if (!values)
		return ev->status;
	for (size_t i = 0; i < in->steps->n; i++) {
		err = eval_spend(ev, eval_sorting(in->n));
		if (err)
			return err;
		n = 0;
		for (size_t k = 0; k < in->n; k++) {
			double v = in->rows[in->members[k]].v[i];

			if (!is_absent(v))
				values[n++] = v;
		}
		if (n)
			out[i] = quantile(in->param[i], values, n);
	}
	return 0;
}

/* -- the aggregation ------------------------------------------------------------------------- */

/* Groups with their members in the order of the input. */
struct grouped {
	struct groups groups;
	uint32_t *members; /* all, group by group */
	size_t *first;	   /* of each group, in members; one more at the end */
};

static enum select selection(const struct node *node)
{
	return node->aggregate.without ? SELECT_OTHERS : SELECT_THESE;
}

static int group_rows(
	struct eval *ev, const struct node *node, const struct value *input, struct grouped *ret)
{
	const struct value *inputs[] = { input };
	size_t *fill;
	int err =
		eval_group(ev, inputs, 1, &node->aggregate.grouping, selection(node), &ret->groups);

	if (err)
		return err;
	ret->members = eval_alloc(ev, MAX(input->n, (size_t)1), sizeof(*ret->members));
	ret->first = eval_alloc(ev, ret->groups.n + 2, sizeof(*ret->first));
	if (!ret->members || !ret->first)
		return ev->status;
	/* One place further on than the group, so that filling moves each start to where it is due. */
	fill = ret->first + 1;
	for (size_t s = 0; s < input->n; s++)
		fill[ret->groups.of[s] + 1]++;
	for (size_t g = 1; g <= ret->groups.n; g++)
		fill[g] += fill[g - 1];
	for (size_t s = 0; s < input->n; s++)
		ret->members[fill[ret->groups.of[s]]++] = (uint32_t)s;
	return 0;
}

static int eval_inputs(struct eval *ev, const struct node *node, const struct steps *steps,
	const double **ret_param, struct value *ret_input)
{
	struct value param = { 0 };
	int err = 0;

	if (node->aggregate.aggregation->param == PARAM_SCALAR)
		err = eval_node(ev, node->aggregate.param, steps, &param);
	*ret_param = param.scalar;
	return err ? err : eval_node(ev, node->aggregate.operand, steps, ret_input);
}

static int note_quantiles(
	struct eval *ev, const struct node *param, const struct steps *steps, const double *q)
{
	int err = 0;

	for (size_t i = 0; !err && i < steps->n; i++)
		err = eval_note_quantile(ev, param, q[i]);
	return err;
}

int eval_aggregate(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	const struct aggregation *a = node->aggregate.aggregation;
	struct aggregation_input in = { .steps = steps };
	const struct labels *labels;
	struct value input;
	struct grouped grouped;
	double *v;
	int err = eval_inputs(ev, node, steps, &in.param, &input);

	if (!err && a->group == group_quantile)
		err = note_quantiles(ev, node->aggregate.param, steps, in.param);
	if (!err)
		err = group_rows(ev, node, &input, &grouped);
	in.rows = input.rows;
	for (size_t g = 0; !err && g < grouped.groups.n; g++) {
		in.members = grouped.members + grouped.first[g];
		in.n = grouped.first[g + 1] - grouped.first[g];
		err = eval_labels_select(ev, input.rows[in.members[0]].labels,
			&node->aggregate.grouping, selection(node), &labels);
		if (!err)
			err = eval_tick(ev);
		if (err)
			break;
		v = eval_row(ev, steps);
		if (!v)
			return ev->status;
		err = a->group(ev, &in, v);
		if (!err)
			err = eval_add(ev, ret, labels, v);
	}
	return err;
}

/* -- topk and bottomk ------------------------------------------------------------------------ */

struct ranked {
	double v;
	uint32_t row;
};

/* The largest first, NaN last; of equals the one that came first. */
static int descending(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;

	if (isnan(a->v) || isnan(b->v)) {
		if (isnan(a->v) != isnan(b->v))
			return isnan(a->v) ? 1 : -1;
	} else if (a->v != b->v) {
		return a->v > b->v ? -1 : 1;
	}
	return a->row < b->row ? -1 : 1;
}

static int ascending(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;

	if (!isnan(a->v) && !isnan(b->v) && a->v != b->v)
		return a->v < b->v ? -1 : 1;
	return descending(pa, pb);
}

/* How many series a parameter asks for at a step. */
static int read_k(struct eval *ev, const struct node *node, double param, size_t n, size_t *ret)
{
	char text[NUM_MAX];

	if (isnan(param))
		return eval_fault(ev, node, "Parameter value is NaN");
	if (param >= (double)INT64_MAX || param <= (double)INT64_MIN) {
		num_format_go(text, param);
		return eval_fault(ev, node, "Scalar value %s overflows int64", text);
	}
	*ret = param < 1 ? 0 : param > (double)n ? n : (size_t)param;
	return 0;
}

/* Ranks a group's members at one step and takes the values of all but the first k away. */
static void keep_k(const struct aggregation_input *in, size_t i, size_t k,
	int (*order)(const void *, const void *), struct ranked *ranked, size_t *ret_n)
{
	size_t n = 0;

	for (size_t m = 0; m < in->n; m++) {
		double v = in->rows[in->members[m]].v[i];

		if (!is_absent(v))
			ranked[n++] = (struct ranked){ v, in->members[m] };
	}
	if (n)
		qsort(ranked, n, sizeof(*ranked), order);
	for (size_t m = k; m < n; m++)
		in->rows[ranked[m].row].v[i] = absent_value();
	*ret_n = MIN(k, n);
}

static int eval_ranked(struct eval *ev, const struct node *node, const struct steps *steps,
	int (*order)(const void *, const void *), struct value *ret)
{
	struct aggregation_input in = { .steps = steps };
	struct grouped grouped;
	struct ranked *ranked;
	struct value input;
	size_t n, k;
	int err = eval_inputs(ev, node, steps, &in.param, &input);

	for (size_t i = 0; !err && i < steps->n; i++)
		err = read_k(ev, node->aggregate.param, in.param[i], input.n, &k);
	if (!err)
		err = group_rows(ev, node, &input, &grouped);
	if (err)
		return err;
	ranked = eval_alloc(ev, MAX(input.n, (size_t)1), sizeof(*ranked));
	if (!ranked)
		return ev->status;
	in.rows = input.rows;
	for (size_t g = 0; g < grouped.groups.n; g++) {
		in.members = grouped.members + grouped.first[g];
		in.n = grouped.first[g + 1] - grouped.first[g];
		err = eval_tick(ev);
		for (size_t i = 0; !err && i < steps->n; i++) {
			err = read_k(ev, node->aggregate.param, in.param[i], input.n, &k);
			if (!err)
				err = eval_spend(ev, eval_sorting(in.n));
			if (err)
				break;
			keep_k(&in, i, k, order, ranked, &n);
			/* The order of an instant's answer is that of the ranks. */
			for (size_t m = 0; !err && steps->n == 1 && m < n; m++)
				err = eval_add(ev, ret, input.rows[ranked[m].row].labels,
					input.rows[ranked[m].row].v);
		}
		if (err)
			return err;
	}
	if (steps->n != 1)
		*ret = input;
	return 0;
}

int eval_topk(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	return eval_ranked(ev, node, steps, descending, ret);
}

int eval_bottomk(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	return eval_ranked(ev, node, steps, ascending, ret);
}

/* -- count_values ---------------------------------------------------------------------------- */

/* The group's labels and the value as one more; an equal name of the group's gives way. */
static int value_labels(struct eval *ev, const struct node *node, const struct labels *labels,
	const char *label, double v, const struct labels **ret)
{
	const struct names *names = &node->aggregate.grouping;
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct strbuf text = STRBUF_INIT;
	const struct labels *group;
	int err = eval_labels_select(ev, labels, names, selection(node), &group);

	if (err)
		return err;
	num_format_decimal(&text, v);
	labels_builder_add(&b, group);
	if (text.err)
		b.err = text.err;
	/* `without` also takes the new label, when it names it; the metric's name it takes always. */
	for (size_t i = 0; i < names->n; i++) {
		if (node->aggregate.without && streq(names->v[i], label))
			text.len = 0;
	}
	if (node->aggregate.without && streq(label, LABEL_NAME))
		text.len = 0;
	labels_builder_setn(&b, label, strlen(label), text.s, text.len);
	strbuf_release(&text);
	return eval_labels_build(ev, &b, ret);
}

static int bad_label_name(struct eval *ev, const struct node *node, const char *name)
{
	struct strbuf text;
	int err;

	strbuf_init(&text, 300);
	literal_quote(&text, name, MIN(strlen(name), (size_t)60));
	err = eval_fault(ev, node, "invalid label name %s", text.s);
	strbuf_release(&text);
	return err;
}

int eval_count_values(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	const struct labels *labels;
	struct map by_labels = MAP_INIT;
	struct value input, label;
	uintptr_t known;
	double *v;
	int err = eval_node(ev, node->aggregate.param, steps, &label);

	if (!err)
		err = eval_node(ev, node->aggregate.operand, steps, &input);
	if (!err && !label_name_valid(label.text))
		err = bad_label_name(ev, node, label.text);
	for (size_t s = 0; !err && s < input.n; s++) {
		err = eval_tick(ev);
		for (size_t i = 0; !err && i < steps->n; i++) {
			if (is_absent(input.rows[s].v[i]))
				continue;
			err = value_labels(ev, node, input.rows[s].labels, label.text,
				input.rows[s].v[i], &labels);
			if (err)
				break;
			known = (uintptr_t)map_get(
				&by_labels, labels->v, labels->n * sizeof(labels->v[0]));
			if (!known) {
				v = eval_row(ev, steps);
				err = v ? eval_add(ev, ret, labels, v) : ev->status;
				known = ret->n;
				if (!err)
					err = map_put(&by_labels, labels->v,
						labels->n * sizeof(labels->v[0]), (void *)known);
			}
			if (err)
				break;
			v = ret->rows[known - 1].v;
			v[i] = is_absent(v[i]) ? 1 : v[i] + 1;
		}
	}
	map_release(&by_labels);
	return err;
}
