/*
 * functions_histogram.c - quantiles and fractions of classic histograms: series with a label `le`.
 */
#include "promql/eval.h"

#include <float.h>
#include <math.h>
#include "base/num.h"

#define BUCKET_LABEL "le"
/* Counts that differ by less are one count that was rounded. */
#define COUNT_TOLERANCE 1e-12

struct bucket {
	double upper, count;
};

struct bucket_row {
	double upper;
	const double *v;
	uint32_t group;
};

static int by_group_and_upper(const void *pa, const void *pb)
{
	const struct bucket_row *a = pa, *b = pb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return (a->upper > b->upper) - (a->upper < b->upper);
}

/* Adds up buckets of one bound. */
static size_t join_buckets(struct bucket *b, size_t n)
{
	size_t kept = 0;

	for (size_t i = 1; i < n; i++) {
		if (b[i].upper == b[kept].upper)
			b[kept].count += b[i].count;
		else
			b[++kept] = b[i];
	}
	return kept + 1;
}

/* Counts that differ by rounding alone; whoever negates a histogram has them below zero. */
static bool is_same_count(double a, double b)
{
	return a == b || fabs(a - b) < COUNT_TOLERANCE * fmin(fabs(a) + fabs(b), DBL_MAX);
}

/* Makes counts rise, as a cumulative histogram's do; tells where that took more than rounding. */
static bool force_monotonic(struct bucket *b, size_t n)
{
	double before = b[0].count;
	bool forced = false;

	for (size_t i = 1; i < n; i++) {
		if (is_same_count(before, b[i].count)) {
			b[i].count = before;
		} else if (b[i].count < before) {
			b[i].count = before;
			forced = true;
		} else {
			before = b[i].count;
		}
	}
	return forced;
}

static bool has_infinite_bucket(const struct bucket *b, size_t n)
{
	return isinf(b[n - 1].upper) && b[n - 1].upper > 0;
}

/* A value of one histogram; *ret_forced: its counts had to be mended. */
typedef double histogram_fn(const double *args, struct bucket *b, size_t n, bool *ret_forced);

/* Linear within a bucket; the lowest one begins at zero where its bound is above. */
static double bucket_quantile(const double *args, struct bucket *b, size_t n, bool *ret_forced)
{
	double q = args[0], rank, from = 0, count;
	size_t i;

	if (isnan(q))
		return (double)NAN;
	if (q < 0 || q > 1)
		return q < 0 ? -(double)INFINITY : (double)INFINITY;
	if (!has_infinite_bucket(b, n))
		return (double)NAN;
	n = join_buckets(b, n);
	*ret_forced |= force_monotonic(b, n);
	if (n < 2 || b[n - 1].count == 0)
		return (double)NAN;
	rank = q * b[n - 1].count;
	for (i = 0; i < n - 1 && !(b[i].count >= rank); i++)
		;
	if (i == n - 1)
		return b[n - 2].upper;
	if (i == 0 && b[0].upper <= 0)
		return b[0].upper;
	count = b[i].count;
	if (i > 0) {
		from = b[i - 1].upper;
		count -= b[i - 1].count;
		rank -= b[i - 1].count;
	}
	return from + (b[i].upper - from) * (rank / count);
}

/* How many observations lie below v. A bucket that reaches to an infinity gives none of its own. */
static double rank_of(double v, const struct bucket *b, size_t n)
{
	double lower = b[0].upper > 0 ? 0 : -(double)INFINITY, rank = 0;

	for (size_t i = 0; i < n; i++) {
		if (lower >= v)
			return rank;
		if (b[i].upper > v)
			return isinf(lower) ? b[i].count
					    : rank + (b[i].count - rank) * (v - lower) /
							      (b[i].upper - lower);
		rank = b[i].count;
		lower = b[i].upper;
	}
	return b[n - 1].count;
}

static double bucket_fraction(const double *args, struct bucket *b, size_t n, bool *ret_forced)
{
	double lower = args[0], upper = args[1], count;

	if (!has_infinite_bucket(b, n))
		return (double)NAN;
	n = join_buckets(b, n);
	count = b[n - 1].count;
	if (count == 0 || isnan(lower) || isnan(upper))
		return (double)NAN;
	if (lower >= upper)
		return 0;
	return (fmin(rank_of(upper, b, n), count) - fmin(rank_of(lower, b, n), count)) / count;
}

/* Reads the bounds; a series without one is noted and left out. */
static int read_buckets(struct eval *ev, const struct node *arg, const struct value *input,
	const struct groups *groups, struct bucket_row *rows, size_t *ret_n)
{
	int err = 0;

	*ret_n = 0;
	for (size_t s = 0; !err && s < input->n; s++) {
		const struct labels *labels = input->rows[s].labels;
		const char *le = labels_get(labels, BUCKET_LABEL), *name;
		struct bucket_row *row = &rows[*ret_n];

		if (le && !num_parse(le, strlen(le), &row->upper) && !isnan(row->upper)) {
			row->v = input->rows[s].v;
			row->group = groups->of[s];
			++*ret_n;
			continue;
		}
		name = labels_get_interned(labels, ev->name_label);
		err = eval_note(ev, true, arg,
			"bucket label \"" BUCKET_LABEL
			"\" is missing or has a malformed value of \"%.100s\"%s%.100s%s",
			le ? le : "", name ? " for metric name \"" : "", name ? name : "",
			name ? "\"" : "");
	}
	return err;
}

/* What a call works on. */
struct histograms {
	const struct node *call;
	const struct node *vector; /* the argument with the buckets */
	histogram_fn *fn;
	const double *args[2];
	size_t n_args;
};

static int eval_one(struct eval *ev, const struct histograms *h, const struct steps *steps,
	const struct bucket_row *rows, size_t n, double *v)
{
	struct bucket *buckets = eval_alloc(ev, n, sizeof(*buckets));
	double args[ARRAY_SIZE(h->args)];
	bool forced = false;
	size_t present;

	if (!buckets)
		return ev->status;
	for (size_t i = 0; i < steps->n; i++) {
		present = 0;
		for (size_t k = 0; k < n; k++) {
			if (!is_absent(rows[k].v[i]))
				buckets[present++] = (struct bucket){ rows[k].upper, rows[k].v[i] };
		}
		for (size_t k = 0; k < h->n_args; k++)
			args[k] = h->args[k][i];
		if (present)
			v[i] = h->fn(args, buckets, present, &forced);
	}
	if (!forced)
		return 0;
	return eval_note(ev, false, h->vector,
		"input to histogram_quantile needed to be fixed for monotonicity");
}

/* One series per histogram: all buckets that differ in nothing but `le`. */
static int add_histograms(struct eval *ev, const struct histograms *h, const struct steps *steps,
	const struct bucket_row *rows, size_t n, const struct labels *const *labels,
	struct value *ret)
{
	double *v;
	size_t end;
	int err = 0;

	for (size_t from = 0; !err && from < n; from = end) {
		for (end = from; end < n && rows[end].group == rows[from].group; end++)
			;
		err = eval_tick(ev);
		if (err)
			break;
		v = eval_row(ev, steps);
		if (!v)
			return ev->status;
		err = eval_one(ev, h, steps, rows + from, end - from, v);
		if (!err)
			err = eval_add(ev, ret, labels[rows[from].group], v);
	}
	return err ? err : eval_merge(ev, h->call, steps, ret);
}

static int eval_histograms(
	struct eval *ev, const struct histograms *h, const struct steps *steps, struct value *ret)
{
	const struct names le = { &ev->le_label, 1 };
	const struct labels **labels;
	const struct value *inputs[1];
	struct bucket_row *rows;
	struct groups groups;
	struct value input;
	size_t n;
	int err = eval_node(ev, h->vector, steps, &input);

	inputs[0] = &input;
	if (!err)
		err = eval_group(ev, inputs, 1, &le, SELECT_OTHERS_AND_NAME, &groups);
	if (err)
		return err;
	rows = eval_alloc(ev, MAX(input.n, (size_t)1), sizeof(*rows));
	labels = eval_alloc(ev, MAX(groups.n, (size_t)1), sizeof(*labels));
	if (!rows || !labels)
		return ev->status;
	err = read_buckets(ev, h->vector, &input, &groups, rows, &n);
	for (size_t s = 0; !err && s < input.n; s++) {
		if (!labels[groups.of[s]])
			err = eval_labels_select(ev, input.rows[s].labels, &le, SELECT_OTHERS,
				&labels[groups.of[s]]);
	}
	if (err)
		return err;
	if (n)
		qsort(rows, n, sizeof(*rows), by_group_and_upper);
	return add_histograms(ev, h, steps, rows, n, labels, ret);
}

int eval_histogram_quantile(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	struct histograms h = { .call = call, .vector = call->call.args[1], .fn = bucket_quantile };
	struct value q;
	int err = eval_node(ev, call->call.args[0], steps, &q);

	for (size_t i = 0; !err && i < steps->n; i++)
		err = eval_note_quantile(ev, call->call.args[0], q.scalar[i]);
	h.args[h.n_args++] = q.scalar;
	return err ? err : eval_histograms(ev, &h, steps, ret);
}

int eval_histogram_fraction(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	struct histograms h = { .call = call, .vector = call->call.args[2], .fn = bucket_fraction };
	struct value bound;
	int err = 0;

	for (size_t i = 0; !err && i < 2; i++) {
		err = eval_node(ev, call->call.args[i], steps, &bound);
		h.args[h.n_args++] = bound.scalar;
	}
	return err ? err : eval_histograms(ev, &h, steps, ret);
}
