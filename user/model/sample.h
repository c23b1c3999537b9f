/*
 * sample.h - one sample, and the mark that ends a series.
 */
#ifndef TOLLD_MODEL_SAMPLE_H
#define TOLLD_MODEL_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct sample {
	int64_t wall_ms;
	double value;
};

/* Prometheus's staleness marker is one NaN among many: it is compared by its bits. */
#define STALE_NAN_BITS 0x7ff0000000000002ull

static inline double stale_nan(void)
{
	uint64_t bits = STALE_NAN_BITS;
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline bool is_stale_nan(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits == STALE_NAN_BITS;
}

#endif
