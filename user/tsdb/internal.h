/*
 * internal.h - what tsdb.c and select.c share: the store and its series.
 */
#ifndef TOLLD_TSDB_INTERNAL_H
#define TOLLD_TSDB_INTERNAL_H

#include "tsdb/chunk.h"
#include "tsdb/index.h"
#include "tsdb/tsdb.h"

struct series {
	struct series *next; /* of one bucket */
	struct labels *labels;
	struct chunk *oldest, *newest; /* sealed ones */
	struct chunk *open;	       /* NULL, or newer than the sealed ones */
	struct chunk_state state;      /* the newest sample and how it was written */
	uint32_t id;
	uint32_t refs;
	bool orphan; /* the store is gone: the last reference frees it */
};

struct tsdb {
	struct tsdb_options options;
	struct series **buckets; /* by labels */
	size_t n_buckets;
	struct series **slots; /* by id; NULL where the series is gone */
	uint32_t n_slots, cap_slots;
	size_t n_series;
	struct index index;
	/* Sealed chunks in the order they were sealed: near enough to the order of time. */
	struct chunk *queue_oldest, *queue_newest;
	uint32_t hand;		 /* the sweep's next slot */
	int64_t sweep_silent_ms; /* the oldest newest-sample that this sweep has met */
	int64_t sweep_oldest_ms;
	int64_t silent_ms; /* the same of the last whole sweep */
	tsdb_observer_fn *observer;
	void *observer_data;
	struct tsdb_stats stats; /* bytes without the index's */
};

static inline bool series_empty(const struct series *s)
{
	return !s->open && !s->oldest;
}

static inline int64_t series_first_ms(const struct series *s)
{
	return s->oldest ? s->oldest->first_ms : s->open->first_ms;
}

#endif
