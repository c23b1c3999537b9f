/*
 * tsdb.h - the sample store: series known by their labels, samples in compressed chunks.
 *
 * What is new is in memory, in compressed chunks; with a disk, what is older stands in files there and
 * is read when it is asked for. It knows no metric names and no query language. One thread.
 */
#ifndef TOLLD_TSDB_TSDB_H
#define TOLLD_TSDB_TSDB_H

#include "base/clock.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "store/files.h"
#include "tsdb/chunk.h"

struct tsdb;
struct series;
struct recall;

struct tsdb_options {
	int64_t retention_ms; /* samples older than the newest one by this much may go */
	size_t max_bytes;     /* of chunks and series in memory; the oldest samples go first */
	size_t max_series;    /* new series beyond are refused with -ENOSPC */
};

/* A day, 48 MiB, 200,000 series: what a Raspberry Pi 3 lives with. */
#define TSDB_OPTIONS_DEFAULT                                                                       \
	((struct tsdb_options){ .retention_ms = 24ll * 3600 * 1000,                                \
		.max_bytes = (size_t)48 << 20,                                                     \
		.max_series = 200000 })

/* Times beyond are refused with -ERANGE: differences of two that are allowed never overflow. */
#define TSDB_MAX_WALL_MS (1ll << 60)

int tsdb_new(const struct tsdb_options *options, struct tsdb **ret);
/* Series that somebody still holds live on, unreachable, until the last reference goes. */
void tsdb_free(struct tsdb *db);
DEFINE_FREEP(tsdb)
/* Other limits from now on: of time, and of bytes on the disk. */
void tsdb_retain(struct tsdb *db, int64_t retention_ms, uint64_t disk_bytes);

struct tsdb_retention {
	int64_t retention_ms;
	uint64_t disk_bytes; /* 0: there is no disk */
};

void tsdb_retention(const struct tsdb *db, struct tsdb_retention *ret);

/*
 * The series with these labels, made where there is none, with a reference for the caller. While a
 * reference is held the series stays, even when all its samples are gone. -ENOMEM; -ENOSPC at
 * max_series, or when max_bytes is passed and there is no sealed chunk left to give up for it.
 */
int tsdb_series(struct tsdb *db, const struct labels *labels, struct series **ret);
struct series *series_ref(struct series *series);
void series_unref(struct series *series);
const struct labels *series_labels(const struct series *series);
/* The newest sample, stale marker included; false when it has none. */
bool series_last(const struct series *series, struct sample *ret);

/*
 * Adds a sample. It must be newer than the last one: -ERANGE for an older time; for the same time
 * 0 where the value is the same bit for bit and nothing is written, -EEXIST where it differs.
 * -ENOMEM.
 */
int tsdb_append(struct tsdb *db, struct series *series, int64_t wall_ms, double value);

/* -- the disk -- */

struct tsdb_disk_options {
	int64_t flush_ms; /* what a power cut may cost */
	int64_t block_ms; /* how long chunks gather before they go into a block and out of memory */
	uint64_t max_bytes; /* of files; the oldest block goes first */
	/*
	 * What the owner of the machine should know: a file that is damaged, a disk that takes nothing
	 * and that takes it again. Each once.
	 */
	void (*tell)(bool bad, const char *text, void *userdata);
	void *userdata;
};

/* A minute, an hour, 512 MiB: a month of 1,500 series at 15 s, on a card that is to live. */
#define TSDB_DISK_OPTIONS_DEFAULT                                                                  \
	((struct tsdb_disk_options){ .flush_ms = 60 * 1000,                                        \
		.block_ms = 3600 * 1000,                                                           \
		.max_bytes = (uint64_t)512 << 20 })

/*
 * Before the first series: takes up what stands in the files (borrowed until tsdb_free()), and keeps
 * what comes there. A file that is damaged is set aside as NAME.broken, and told. Series with more than a
 * megabyte of labels are in memory alone. -ENOMEM, or what reading the directory says: there is nothing but
 * tsdb_free() for the store then.
 */
int tsdb_open_disk(struct tsdb *db, struct store_files *files,
	const struct tsdb_disk_options *options, struct instant now);
/* Does what is due about the files; a little at a time. */
void tsdb_step(struct tsdb *db, struct instant now);
int64_t tsdb_deadline(const struct tsdb *db);
/* What would go to the files within `ahead_ns` goes with the next step: whoever is awake saves a wake-up. */
void tsdb_hasten(struct tsdb *db, struct instant now, int64_t ahead_ns);
/* Hands over all that is not on the disk yet; to be called before store_files_close(). */
void tsdb_flush(struct tsdb *db);

/*
 * While set, called after each append whose value differs (by bits) from the sample before it, or
 * that is a series' first: how rules learn what a kernel event changed. NULL ends it.
 */
typedef void tsdb_observer_fn(const struct labels *labels, double value, void *userdata);
void tsdb_observe(struct tsdb *db, tsdb_observer_fn *fn, void *userdata);

/*
 * Drops what retention and the byte limit say and series without samples or references. One call
 * looks at `budget` chunks or series at most and goes on where the last one stopped; true: there
 * is more, call again in the loop's next turn. False ends a sweep: the next one is due in a minute
 * or so.
 *
 * Near max_bytes or max_series, series that only files have samples of go first, the longest silent ones
 * before others; the next start finds as many as there is room for. The byte limit takes the oldest full
 * chunks then. Where none is left, series that were silent longest lose their samples, but never one that
 * had a sample in the last 10 minutes.
 */
bool tsdb_expire(struct tsdb *db, int64_t now_wall_ms, size_t budget);

/*
 * The wall clock was set back to `wall_ms`: drops all samples from after it, which would otherwise
 * refuse everything until the clock has caught up. Where memory is out it drops up to a chunk more.
 */
void tsdb_rewind(struct tsdb *db, int64_t wall_ms);

/*
 * Series that all n matchers match and that have samples in [min_wall_ms, max_wall_ms] (by chunk
 * bounds: a hit may turn out to be empty). Each comes with a reference; sorted by labels. An empty
 * value of a matcher matches series without that label.
 */
struct tsdb_selection {
	struct series **series;
	size_t n;
};

int tsdb_select(struct tsdb *db, const struct matcher *const *matchers, size_t n_matchers,
	int64_t min_wall_ms, int64_t max_wall_ms, struct tsdb_selection *ret);
void tsdb_selection_release(struct tsdb_selection *selection);

/*
 * What is read again and again: series that the n matchers match, so far back. It stays in memory beyond
 * what is kept there of all, as long as there is room, and comes back there after a restart. Replaces
 * what was said before; the matchers are borrowed until then. -ENOMEM.
 */
struct tsdb_reach {
	const struct matcher *const *matchers;
	size_t n;
	int64_t ms;
};

int tsdb_keep(struct tsdb *db, const struct tsdb_reach *reaches, size_t n);

/* Reads a series' samples in order of time. Appending to the series ends what an iterator may do. */
struct series_iter {
	const struct series *series;
	const struct chunk *chunk;
	uint64_t bit;
	uint32_t index;
	struct chunk_state state;
	int64_t min_wall_ms, max_wall_ms; /* the first is of the next sample */
	int64_t until_ms;		  /* what counts of this chunk */
	struct recall *recall;		  /* files are read first; NULL: nothing more of them */
};

/* From the first sample with time >= min_wall_ms to the last with time <= max_wall_ms. */
void series_iter_init(struct series_iter *it, const struct series *series, int64_t min_wall_ms,
	int64_t max_wall_ms);
/* To be called after the last use, unless series_iter_next() has said that there is no more. */
void series_iter_release(struct series_iter *it);
/*
 * The next sample (stale markers too), or false at the end. What a file cannot give back is left out,
 * counted and told.
 */
bool series_iter_next(struct series_iter *it, struct sample *ret);

/* The newest sample in that time (a stale marker, too); false where there is none. */
bool series_newest(
	const struct series *series, int64_t min_wall_ms, int64_t max_wall_ms, struct sample *ret);

/* Which series: of n matchers, of all where that is 0, and with samples in a time as tsdb_select() has it. */
struct series_query {
	const struct matcher *const *matchers;
	size_t n;
	int64_t min_wall_ms, max_wall_ms; /* INT64_MIN and INT64_MAX: at any time */
};

/*
 * Names of labels, or values of one label, of the series; sorted. The caller frees the array, not the
 * texts, which live as long as a series has them. 0 or -ENOMEM.
 */
int tsdb_label_names(
	struct tsdb *db, const struct series_query *query, const char ***ret, size_t *ret_n);
int tsdb_label_values(struct tsdb *db, const char *name, const struct series_query *query,
	const char ***ret, size_t *ret_n);

/*
 * What labels there are and how often: calls fn for each value of each name with the number of series
 * that have it.
 */
typedef void tsdb_count_fn(const char *name, const char *value, size_t n_series, void *userdata);
void tsdb_count(const struct tsdb *db, tsdb_count_fn *fn, void *userdata);

struct tsdb_stats {
	size_t series, chunks;
	size_t bytes; /* of chunks, series and index, the allocator's share estimated */
	uint64_t samples_appended, samples_dropped;
	uint64_t out_of_order; /* refused: older than the series' last one */
	uint64_t duplicates;   /* refused: another value for the last one's time */
	uint64_t refused_series;
	int64_t oldest_wall_ms; /* as of the last whole sweep of tsdb_expire() */
	int64_t newest_wall_ms; /* both 0 when empty */
	/* Of the disk. */
	size_t blocks;
	uint64_t disk_bytes;	/* of all files */
	uint64_t written_bytes; /* since the start */
	uint64_t disk_failures; /* orders that the disk refused */
	uint64_t unreadable;	/* pieces of history that could not be read */
	uint64_t damaged_files; /* since the start: set aside, or found out by a query */
};

void tsdb_stats(const struct tsdb *db, struct tsdb_stats *ret);

#endif
