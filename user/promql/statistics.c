/*
 * statistics.c - sums, means and quantiles, with Prometheus's care for rounding and overflow.
 */
#include "promql/eval.h"

#include <math.h>

void kahan_add(double v, double *sum, double *rest)
{
	double t = *sum + v;

	if (isinf(t))
		*rest = 0;
	else if (fabs(*sum) >= fabs(v))
		*rest += (*sum - t) + v;
	else
		*rest += (v - t) + *sum;
	*sum = t;
}

void mean_add(struct mean *m, double v)
{
	double sum = m->sum, rest = m->rest;

	m->count++;
	if (m->count == 1) {
		m->sum = v;
		return;
	}
	if (!m->incremental) {
		kahan_add(v, &sum, &rest);
		if (!isinf(sum)) {
			m->sum = sum;
			m->rest = rest;
			return;
		}
		/* From here on m->sum is the mean. */
		m->incremental = true;
		m->sum /= m->count - 1;
		m->rest /= m->count - 1;
	}
	m->sum *= (m->count - 1) / m->count;
	m->rest *= (m->count - 1) / m->count;
	kahan_add(v / m->count, &m->sum, &m->rest);
}

double mean_value(const struct mean *m)
{
	if (m->incremental)
		return m->sum + m->rest;
	return m->sum / m->count + m->rest / m->count;
}

static int ascending(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;

	if (isnan(a) || isnan(b))
		return isnan(b) - isnan(a);
	return (a > b) - (a < b);
}

double quantile(double q, double *values, size_t n)
{
	double rank, lower, weight;
	size_t upper;

	if (!n || isnan(q))
		return (double)NAN;
	if (q < 0)
		return -(double)INFINITY;
	if (q > 1)
		return (double)INFINITY;
	qsort(values, n, sizeof(*values), ascending);
	rank = q * (double)(n - 1);
	lower = fmax(0, floor(rank));
	upper = MIN(n - 1, (size_t)lower + 1);
	weight = rank - floor(rank);
	return values[(size_t)lower] * (1 - weight) + values[upper] * weight;
}
