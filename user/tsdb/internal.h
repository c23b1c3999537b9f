/*
 * internal.h - what tsdb.c, select.c and the files about the disk share: the store and its series.
 */
#ifndef TOLLD_TSDB_INTERNAL_H
#define TOLLD_TSDB_INTERNAL_H

#include "tsdb/chunk.h"
#include "tsdb/index.h"
#include "tsdb/order.h"
#include "tsdb/tsdb.h"

struct disk;

/* "No sample there." */
#define NO_TIME INT64_MAX

struct series {
	struct series *next; /* of one bucket */
	struct tsdb *db;     /* NULL: the store is gone, and the last reference frees this */
	struct labels *labels;
	struct chunk *oldest, *newest; /* sealed ones */
	struct chunk *open;	       /* NULL, or newer than the sealed ones */
	struct chunk_state state;      /* the newest sample and how it was written */
	uint32_t id;		       /* its slot */
	uint32_t refs;
	uint32_t key;	      /* what it is called in files; 0 where there are none */
	uint32_t keep_s;      /* rules read it so far back */
	uint32_t block;	      /* the newest that has it, and its labels; 0: none */
	uint16_t logged_bits; /* of the open chunk: what the write-ahead log has */
	uint8_t logged;	      /* samples in these bits */
	bool told;	      /* the log or a block says which labels the key stands for */
	bool brought_back;    /* what blocks have of keep_s is in memory, or cannot be */
	bool guessed; /* state.ms is the newest time of a block's, not of this series alone */
	int64_t disk_first_ms; /* a time not after its first sample in a block; or NO_TIME */
};

struct tsdb {
	struct tsdb_options options;
	struct series **buckets; /* by labels */
	size_t n_buckets;
	struct series **slots; /* by id; NULL where the series is gone */
	uint32_t n_slots, cap_slots;
	size_t n_series;
	struct index index;
	struct order order;
	/* Sealed chunks in the order they were sealed: near enough to the order of time. */
	struct chunk *queue_oldest, *queue_newest;
	uint32_t hand;		 /* the sweep's next slot */
	int64_t sweep_silent_ms; /* the oldest newest-sample that this sweep has met */
	int64_t sweep_oldest_ms;
	int64_t silent_ms; /* the same of the last whole sweep */
	/* Both, of series that nobody holds and that only files have samples of. */
	int64_t sweep_filed_ms, filed_ms;
	int64_t filed_cutoff_ms; /* who of them was silent since before goes; INT64_MIN: nobody */
	tsdb_observer_fn *observer;
	void *observer_data;
	struct tsdb_reach *reaches;
	size_t n_reaches;
	struct disk *disk;	 /* NULL: all is in memory */
	uint32_t disk_hand;	 /* the next slot of what goes over all series for the disk */
	struct tsdb_stats stats; /* bytes without the index's and the order's */
};

static inline bool series_in_memory(const struct series *s)
{
	return s->open || s->oldest;
}

static inline bool series_empty(const struct series *s)
{
	return !series_in_memory(s) && s->disk_first_ms == NO_TIME;
}

/* The first sample in memory; NO_TIME where none is. */
static inline int64_t series_memory_ms(const struct series *s)
{
	return s->oldest ? s->oldest->first_ms : s->open ? s->open->first_ms : NO_TIME;
}

static inline int64_t series_first_ms(const struct series *s)
{
	int64_t memory = series_memory_ms(s);

	return MIN(memory, s->disk_first_ms);
}

/* -- tsdb.c, for disk.c and load.c -- */

/* Ends the open chunk, if there is one; `log`: what the log lacks of it goes there first. */
void series_seal(struct tsdb *db, struct series *s, bool log);
/* Takes the oldest sealed chunk out of memory. */
void series_drop_oldest(struct tsdb *db, struct series *s);
/* Takes the open chunk away, samples and all. */
void series_drop_open(struct tsdb *db, struct series *s);
/* The open chunk, of that many bytes before, has got samples otherwise than by tsdb_append(). */
void series_extended(struct tsdb *db, struct series *s, size_t bytes_before);

#endif
