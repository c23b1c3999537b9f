/*
 * functions_window.c - functions from the samples of a range to one value.
 *
 * rate(), increase() and delta() extrapolate by Prometheus's rules (promql/functions.go at version
 * 3): to the edges of the range where the samples come near them, by half an interval where they
 * do not, and never below a counter's zero.
 */
#include "promql/eval.h"

#include <errno.h>
#include <math.h>

static bool looks_like_counter(const char *name)
{
	static const char *const endings[] = { "_total", "_sum", "_count", "_bucket" };
	size_t len = strlen(name), n;

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		n = strlen(endings[i]);
		if (len >= n && streq(name + len - n, endings[i]))
			return true;
	}
	return false;
}

static int note_counter(struct eval *ev, const struct node *call, const struct labels *labels)
{
	const char *name = labels_get_interned(labels, ev->name_label);

	if (!(call->call.function->flags & FUNCTION_WANTS_COUNTER) || !name ||
		looks_like_counter(name))
		return 0;
	return eval_note(ev, false, call->call.args[0],
		"metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
		"\"%.200s\"",
		name);
}

static int note_quantiles(
	struct eval *ev, const struct node *call, const struct steps *steps, const double *q)
{
	int err = 0;

	if (call->call.function->window != window_quantile)
		return 0;
	for (size_t i = 0; !err && i < steps->n; i++)
		err = eval_note_quantile(ev, call->call.args[0], q[i]);
	return err;
}

static int reserve_scratch(struct eval *ev, size_t n)
{
	double *grown;

	if (n <= ev->scratch_cap)
		return 0;
	grown = realloc(ev->scratch, n * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	ev->scratch = grown;
	ev->scratch_cap = n;
	return 0;
}

/* A function's row for one series; *ret_found counts its values. */
static int eval_windows(struct eval *ev, const struct node *call, const struct steps *steps,
	const struct range *range, size_t n, const double *scalar, double *v, size_t *ret_found)
{
	bool sorts = call->call.function->flags & FUNCTION_SORTS;
	struct window window = { 0 };
	int err;

	if (sorts && reserve_scratch(ev, n))
		return -ENOMEM;
	*ret_found = 0;
	for (size_t i = 0; i < steps->n; i++) {
		range_window(ev, range, n, step_time(steps, i), &window);
		window.scratch = ev->scratch;
		eval_look(ev, i, window.n);
		err = eval_spend(ev, sorts ? eval_sorting(window.n) : window.n);
		if (err)
			return err;
		if (!window.n)
			continue;
		if (call->call.function->window(&window, scalar ? &scalar[i] : NULL, &v[i]))
			++*ret_found;
		else
			v[i] = absent_value();
	}
	return 0;
}

int eval_window(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	const struct node *matrix = NULL;
	struct value scalar = { 0 };
	struct range range;
	size_t n, found;
	double *v = NULL;
	int err = 0;

	for (size_t k = 0; !err && k < call->call.n_args; k++) {
		if (node_type(call->call.args[k]) == PROMQL_MATRIX)
			matrix = call->call.args[k];
		else
			err = eval_node(ev, call->call.args[k], steps, &scalar);
	}
	if (!err)
		err = range_open(ev, matrix, steps, &range);
	for (size_t s = 0; !err && s < range.n; s++) {
		if (!v)
			v = eval_row(ev, steps);
		if (!v)
			return ev->status;
		err = range_load(ev, &range, s, &n);
		if (!err)
			err = eval_windows(ev, call, steps, &range, n, scalar.scalar, v, &found);
		if (err || !found)
			continue;
		err = note_counter(ev, call, range_labels(&range, s));
		if (!err)
			err = eval_add(ev, ret, range_labels(&range, s), v);
		v = NULL;
	}
	if (!err && ret->n && scalar.scalar)
		err = note_quantiles(ev, call, steps, scalar.scalar);
	if (err || (call->call.function->flags & FUNCTION_KEEPS_NAME))
		return err;
	return eval_drop_names(ev, call, steps, ret);
}

/* -- rates ----------------------------------------------------------------------------------- */

static double seconds(int64_t ms)
{
	return (double)ms / 1000;
}

static bool extrapolate(const struct window *w, bool is_counter, bool is_rate, double *ret)
{
	const struct sample *p = w->points, *last = &w->points[w->n - 1];
	double to_start, to_end, sampled, average, threshold, to_zero, result, factor;

	if (w->n < 2)
		return false;
	result = last->value - p->value;
	for (size_t i = 1; is_counter && i < w->n; i++) {
		/* It began again at zero. */
		if (p[i].value < p[i - 1].value)
			result += p[i - 1].value;
	}
	to_start = seconds(p->wall_ms - w->from_ms);
	to_end = seconds(w->to_ms - last->wall_ms);
	sampled = seconds(last->wall_ms - p->wall_ms);
	average = sampled / (double)(w->n - 1);
	threshold = average * 1.1;
	if (to_start >= threshold)
		to_start = average / 2;
	if (is_counter && result > 0 && p->value >= 0) {
		to_zero = sampled * (p->value / result);
		if (to_zero < to_start)
			to_start = to_zero;
	}
	if (to_end >= threshold)
		to_end = average / 2;
	factor = (sampled + to_start + to_end) / sampled;
	if (is_rate)
		factor /= seconds(w->to_ms - w->from_ms);
	*ret = result * factor;
	return true;
}

bool window_rate(const struct window *w, const double *args, double *ret)
{
	return extrapolate(w, true, true, ret);
}

bool window_increase(const struct window *w, const double *args, double *ret)
{
	return extrapolate(w, true, false, ret);
}

bool window_delta(const struct window *w, const double *args, double *ret)
{
	return extrapolate(w, false, false, ret);
}

bool window_irate(const struct window *w, const double *args, double *ret)
{
	const struct sample *last = &w->points[w->n - 1], *before = last - 1;
	double increase;

	if (w->n < 2)
		return false;
	increase = last->value < before->value ? last->value : last->value - before->value;
	*ret = increase / seconds(last->wall_ms - before->wall_ms);
	return true;
}

bool window_idelta(const struct window *w, const double *args, double *ret)
{
	if (w->n < 2)
		return false;
	*ret = w->points[w->n - 1].value - w->points[w->n - 2].value;
	return true;
}

/* The line through the points with the least squares; x counts seconds from `zero_ms`. */
static void regression(
	const struct window *w, int64_t zero_ms, double *ret_slope, double *ret_intercept)
{
	double x, y, n = (double)w->n, sx = 0, sy = 0, sxy = 0, sxx = 0;
	double cx = 0, cy = 0, cxy = 0, cxx = 0;
	bool constant = true;

	for (size_t i = 0; i < w->n; i++) {
		x = seconds(w->points[i].wall_ms - zero_ms);
		y = w->points[i].value;
		constant = constant && (!i || y == w->points[0].value);
		kahan_add(x, &sx, &cx);
		kahan_add(y, &sy, &cy);
		kahan_add(x * y, &sxy, &cxy);
		kahan_add(x * x, &sxx, &cxx);
	}
	if (constant) {
		/* NaN for an infinity: there is no line through it. */
		*ret_slope = isinf(w->points[0].value) ? (double)NAN : 0;
		*ret_intercept = isinf(w->points[0].value) ? (double)NAN : w->points[0].value;
		return;
	}
	sx += cx;
	sy += cy;
	sxy += cxy;
	sxx += cxx;
	*ret_slope = (sxy - sx * sy / n) / (sxx - sx * sx / n);
	*ret_intercept = sy / n - *ret_slope * sx / n;
}

bool window_deriv(const struct window *w, const double *args, double *ret)
{
	double intercept;

	if (w->n < 2)
		return false;
	/* Times near the samples keep the squares small. */
	regression(w, w->points[0].wall_ms, ret, &intercept);
	return true;
}

bool window_predict_linear(const struct window *w, const double *args, double *ret)
{
	double slope, intercept;

	if (w->n < 2)
		return false;
	regression(w, w->at_ms, &slope, &intercept);
	*ret = slope * args[0] + intercept;
	return true;
}

bool window_resets(const struct window *w, const double *args, double *ret)
{
	*ret = 0;
	for (size_t i = 1; i < w->n; i++)
		*ret += w->points[i].value < w->points[i - 1].value;
	return true;
}

bool window_changes(const struct window *w, const double *args, double *ret)
{
	double a, b;

	*ret = 0;
	for (size_t i = 1; i < w->n; i++) {
		a = w->points[i - 1].value;
		b = w->points[i].value;
		*ret += a != b && !(isnan(a) && isnan(b));
	}
	return true;
}

/* -- ..._over_time --------------------------------------------------------------------------- */

/*
 * What kahan_add() makes of all samples, without a call and a comparison for each: Knuth's form of the
 * same exact remainder. An infinite sum has none.
 */
static double window_kahan(const struct window *w, double *ret_rest)
{
	double sum = 0, rest = 0, t, back;

	for (size_t i = 0; i < w->n; i++) {
		double v = w->points[i].value;

		t = sum + v;
		back = t - sum;
		rest += (sum - (t - back)) + (v - back);
		sum = t;
	}
	*ret_rest = isinf(sum) ? 0 : rest;
	return sum;
}

bool window_avg(const struct window *w, const double *args, double *ret)
{
	struct mean mean = { 0 };
	double rest, sum = window_kahan(w, &rest);

	if (isfinite(sum)) {
		*ret = sum / (double)w->n + rest / (double)w->n;
		return true;
	}
	for (size_t i = 0; i < w->n; i++)
		mean_add(&mean, w->points[i].value);
	*ret = mean_value(&mean);
	return true;
}

/* NaN only where there is nothing else. */
bool window_min(const struct window *w, const double *args, double *ret)
{
	double min = w->points[0].value;

	for (size_t i = 1; i < w->n; i++) {
		if (w->points[i].value < min || isnan(min))
			min = w->points[i].value;
	}
	*ret = min;
	return true;
}

bool window_max(const struct window *w, const double *args, double *ret)
{
	double max = w->points[0].value;

	for (size_t i = 1; i < w->n; i++) {
		if (w->points[i].value > max || isnan(max))
			max = w->points[i].value;
	}
	*ret = max;
	return true;
}

bool window_sum(const struct window *w, const double *args, double *ret)
{
	double rest, sum = window_kahan(w, &rest);

	*ret = sum + rest;
	return true;
}

bool window_count(const struct window *w, const double *args, double *ret)
{
	*ret = (double)w->n;
	return true;
}

bool window_stdvar(const struct window *w, const double *args, double *ret)
{
	double mean = 0, mean_rest = 0, squares = 0, squares_rest = 0, v, delta;

	for (size_t i = 0; i < w->n; i++) {
		v = w->points[i].value;
		delta = v - (mean + mean_rest);
		kahan_add(delta / (double)(i + 1), &mean, &mean_rest);
		kahan_add(delta * (v - (mean + mean_rest)), &squares, &squares_rest);
	}
	*ret = (squares + squares_rest) / (double)w->n;
	return true;
}

bool window_stddev(const struct window *w, const double *args, double *ret)
{
	window_stdvar(w, args, ret);
	*ret = sqrt(*ret);
	return true;
}

bool window_last(const struct window *w, const double *args, double *ret)
{
	*ret = w->points[w->n - 1].value;
	return true;
}

bool window_first(const struct window *w, const double *args, double *ret)
{
	*ret = w->points[0].value;
	return true;
}

bool window_present(const struct window *w, const double *args, double *ret)
{
	*ret = 1;
	return true;
}

bool window_quantile(const struct window *w, const double *args, double *ret)
{
	for (size_t i = 0; i < w->n; i++)
		w->scratch[i] = w->points[i].value;
	*ret = quantile(args[0], w->scratch, w->n);
	return true;
}
