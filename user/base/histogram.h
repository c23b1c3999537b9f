/*
 * histogram.h - how often a figure was how large, in buckets with fixed bounds.
 */
#ifndef TOLLD_BASE_HISTOGRAM_H
#define TOLLD_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MAX 15

struct histogram {
	const double *bounds; /* rising, at most HISTOGRAM_MAX; static */
	size_t n;
	uint64_t counts[HISTOGRAM_MAX + 1]; /* of each bucket alone; [n]: above the last bound */
	double sum;
};

/* A value belongs to the first bucket whose bound it does not pass. */
static inline void histogram_observe(struct histogram *h, double value)
{
	size_t i = 0;

	while (i < h->n && value > h->bounds[i])
		i++;
	h->counts[i]++;
	h->sum += value;
}

#endif
