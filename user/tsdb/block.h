/*
 * block.h - a file of chunks that will not change any more, found by their series; private to tsdb/.
 *
 *   "tolldbk1"
 *   data:    for each series by rising key: u32 CRC of the rest; for each chunk: samples, encoding,
 *            time of the first less the last chunk's end (signed), span, number of bits, bits
 *   index:   for each series: key less the last one's, bytes of data
 *   symbols: number; for each its length and bytes
 *   labels:  for each series: number, and for each the symbols of name and value
 *   footer:  where index, symbols and labels begin, where they end; counts; times; CRCs; "tolldend"
 *
 * The writer gives the file away in parts as it goes, so that its size does not matter. The reader
 * keeps in memory where every FENCE_SERIES-th series stands and nothing else.
 */
#ifndef TOLLD_TSDB_BLOCK_H
#define TOLLD_TSDB_BLOCK_H

#include "base/map.h"
#include "base/strbuf.h"
#include "model/labels.h"
#include "tsdb/chunk.h"

#define FENCE_SERIES 256u

/* Where a series' data stand in the file. */
struct block_place {
	uint64_t offset;
	uint32_t len;
};

/* -- writing ----------------------------------------------------------------------------------- */

struct block_writer {
	struct strbuf out; /* what was not taken yet */
	uint64_t taken;	   /* bytes that were */
	struct strbuf index, labels, symbols;
	struct map numbers; /* text -> its symbol + 1 */
	size_t n_symbols;
	uint32_t last_key, n_series;
	uint64_t n_samples;
	int64_t min_ms, max_ms, last_ms;
	size_t series_at; /* in `out`: where the series under way begins */
	int err;
};

void block_begin(struct block_writer *w);
void block_writer_release(struct block_writer *w);
/* A series, its chunks in order of time, its end. Keys rise. Errors (memory) stay in w->err. */
void block_series(struct block_writer *w, uint32_t key, const struct labels *labels);
void block_chunk(struct block_writer *w, const struct chunk *chunk);
void block_series_end(struct block_writer *w);
/* Adds all that follows the data; nothing but block_take() may come after it. */
void block_end(struct block_writer *w);
/* What there is by now, the caller's to free(). 0 or the remembered error. */
int block_take(struct block_writer *w, char **ret, size_t *ret_len);

/* -- reading ----------------------------------------------------------------------------------- */

struct fence {
	uint32_t key;	/* of its first series */
	uint32_t index; /* from the index's begin */
	uint64_t data;	/* from the file's begin */
};

struct block {
	uint32_t number; /* in the order in which they were written */
	uint32_t n_series;
	uint64_t bytes, n_samples;
	int64_t min_ms, max_ms;
	int64_t until_ms; /* samples later than this do not count; INT64_MAX: all do */
	uint64_t index_at, symbols_at, labels_at, end_at;
	uint32_t labels_crc; /* of symbols and labels */
	struct fence *fences;
	uint32_t n_fences;
	int fd;	       /* -1: not open */
	uint64_t used; /* when it was read last, for whoever closes the least used ones */
	bool damaged;  /* told already */
};

/*
 * Reads footer and index; calls fn for each series. The descriptor stays the caller's. -EBADMSG where
 * the file is broken, what read() says, -ENOMEM; or what fn returned.
 */
typedef int block_key_fn(uint32_t key, void *userdata);
int block_open(struct block *b, int fd, block_key_fn *fn, void *userdata);
void block_release(struct block *b);
/* Calls wanted() for each series and fn with the labels (given away) of those that are. */
typedef bool block_wanted_fn(uint32_t key, void *userdata);
typedef int block_labels_fn(uint32_t key, struct labels *labels, void *userdata);
int block_labels(const struct block *b, int fd, block_wanted_fn *wanted, block_labels_fn *fn,
	void *userdata);
/* 1 with *ret; 0: it is not in there; or as block_open(). */
int block_find(const struct block *b, int fd, uint32_t key, struct block_place *ret);

/* A series' data, read: its chunks one after the other. */
struct block_cursor {
	const uint8_t *at, *end;
	int64_t last_ms;
};

/* -EBADMSG where the CRC is wrong. */
int block_cursor_init(
	struct block_cursor *cursor, const struct block *b, const void *data, size_t len);
/*
 * The next chunk. 1, with *ret_bits where its bits stand and *ret filled but for them; 0 at the end;
 * -EBADMSG.
 */
int block_next(struct block_cursor *cursor, struct chunk *ret, const uint8_t **ret_bits);

#endif
