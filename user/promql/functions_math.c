/*
 * functions_math.c - functions from one value to one value, and those on dates.
 */
#include "promql/eval.h"

#include <math.h>
#include <time.h>

/* The scalar arguments of a call at each step; a missing one is 1, as round()'s is. */
struct scalars {
	const double *v[FUNCTION_MAX_ARGS];
	size_t n;
};

static void scalars_at(const struct scalars *s, size_t i, double args[FUNCTION_MAX_ARGS])
{
	for (size_t k = 0; k < FUNCTION_MAX_ARGS; k++)
		args[k] = k < s->n ? s->v[k][i] : 1;
}

static int eval_scalars(
	struct eval *ev, const struct node *call, const struct steps *steps, struct scalars *ret)
{
	struct value value;
	int err = 0;

	ret->n = 0;
	for (size_t k = 0; !err && k < call->call.n_args; k++) {
		if (node_type(call->call.args[k]) != PROMQL_SCALAR || ret->n == FUNCTION_MAX_ARGS)
			continue;
		err = eval_node(ev, call->call.args[k], steps, &value);
		ret->v[ret->n++] = value.scalar;
	}
	return err;
}

int eval_map(struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	map_fn *map = call->call.function->map;
	double args[FUNCTION_MAX_ARGS];
	struct scalars scalars;
	int err = eval_node(ev, call->call.args[0], steps, ret);

	if (!err)
		err = eval_scalars(ev, call, steps, &scalars);
	if (err)
		return err;
	for (size_t s = 0; s < ret->n; s++) {
		double *v = ret->rows[s].v;

		for (size_t i = 0; i < steps->n; i++) {
			if (is_absent(v[i]))
				continue;
			scalars_at(&scalars, i, args);
			v[i] = map(v[i], args);
		}
	}
	return eval_drop_names(ev, call, steps, ret);
}

/* Without an argument the date is that of the step. */
int eval_date(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret)
{
	double args[FUNCTION_MAX_ARGS] = { 0 };
	const struct labels *none;
	struct labels_builder b = LABELS_BUILDER_INIT;
	double *v;
	int err;

	if (call->call.n_args)
		return eval_map(ev, call, steps, ret);
	v = eval_row(ev, steps);
	if (!v)
		return ev->status;
	err = eval_labels_build(ev, &b, &none);
	if (err)
		return err;
	for (size_t i = 0; i < steps->n; i++)
		v[i] = call->call.function->map(floor((double)step_time(steps, i) / 1000), args);
	return eval_add(ev, ret, none, v);
}

#define DEFINE_MAP(name, expression)                                                               \
	double map_##name(double v, const double *args)                                            \
	{                                                                                          \
		return (expression);                                                               \
	}

#define PI 3.14159265358979323846

DEFINE_MAP(abs, fabs(v))
DEFINE_MAP(ceil, ceil(v))
DEFINE_MAP(floor, floor(v))
DEFINE_MAP(exp, exp(v))
DEFINE_MAP(sqrt, sqrt(v))
DEFINE_MAP(ln, log(v))
DEFINE_MAP(log2, log2(v))
DEFINE_MAP(log10, log10(v))
DEFINE_MAP(sin, sin(v))
DEFINE_MAP(cos, cos(v))
DEFINE_MAP(tan, tan(v))
DEFINE_MAP(asin, asin(v))
DEFINE_MAP(acos, acos(v))
DEFINE_MAP(atan, atan(v))
DEFINE_MAP(sinh, sinh(v))
DEFINE_MAP(cosh, cosh(v))
DEFINE_MAP(tanh, tanh(v))
DEFINE_MAP(asinh, asinh(v))
DEFINE_MAP(acosh, acosh(v))
DEFINE_MAP(atanh, atanh(v))
DEFINE_MAP(rad, v *PI / 180)
DEFINE_MAP(deg, v * 180 / PI)
DEFINE_MAP(sgn, v<0 ? -1 : v> 0 ? 1 : v)

/* Ties go up; by the inverse, which rounds less than dividing does. */
double map_round(double v, const double *args)
{
	double inverse = 1 / args[0];

	return floor(v * inverse + 0.5) / inverse;
}

/* Go's math.Max and math.Min: NaN wins, but for an infinity that settles it. */
static double go_max(double a, double b)
{
	if ((isinf(a) && a > 0) || (isinf(b) && b > 0))
		return (double)INFINITY;
	return isnan(a) || isnan(b) ? (double)NAN : fmax(a, b);
}

static double go_min(double a, double b)
{
	if ((isinf(a) && a < 0) || (isinf(b) && b < 0))
		return -(double)INFINITY;
	return isnan(a) || isnan(b) ? (double)NAN : fmin(a, b);
}

static double clamp(double v, double min, double max)
{
	return max < min ? absent_value() : go_max(min, go_min(max, v));
}

DEFINE_MAP(clamp, clamp(v, args[0], args[1]))
DEFINE_MAP(clamp_max, clamp(v, -(double)INFINITY, args[0]))
DEFINE_MAP(clamp_min, clamp(v, args[0], (double)INFINITY))

/* -- dates, in UTC --------------------------------------------------------------------------- */

/* False for what is no time: NaN, and years that do not fit. */
static bool read_date(double v, struct tm *ret)
{
	time_t t;

	if (!(fabs(v) < 6e16))
		return false;
	t = (time_t)v;
	return gmtime_r(&t, ret) != NULL;
}

static int days_in_month(const struct tm *tm)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = tm->tm_year + 1900;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[tm->tm_mon] + (tm->tm_mon == 1 && leap);
}

#define DEFINE_DATE(name, expression)                                                              \
	double map_##name(double v, const double *args)                                            \
	{                                                                                          \
		struct tm tm;                                                                      \
                                                                                                   \
		return read_date(v, &tm) ? (expression) : (double)NAN;                             \
	}

DEFINE_DATE(minute, tm.tm_min)
DEFINE_DATE(hour, tm.tm_hour)
DEFINE_DATE(day_of_week, tm.tm_wday)
DEFINE_DATE(day_of_month, tm.tm_mday)
DEFINE_DATE(day_of_year, tm.tm_yday + 1)
DEFINE_DATE(days_in_month, days_in_month(&tm))
DEFINE_DATE(month, tm.tm_mon + 1)
DEFINE_DATE(year, tm.tm_year + 1900)
