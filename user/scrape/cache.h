/*
 * cache.h - from a target's text to samples in the store, and what its text was last time.
 *
 * A line's name and labels, as bytes, lead to their series without being taken apart or relabelled
 * again, and to nothing where relabelling dropped them; lines that come in the order of the last
 * scrape are not even hashed. What was there last time and is
 * missing now gets a stale marker. A body is written as a whole or not at all.
 *
 * Source of the rules: prometheus scrape/scrape.go (append, scrapeCache). Pure: no network, no clock.
 */
#ifndef TOLLD_SCRAPE_CACHE_H
#define TOLLD_SCRAPE_CACHE_H

#include "model/relabel.h"
#include "scrape/families.h"
#include "tsdb/tsdb.h"

/* A sample that claims to be from later than this is dropped, as Prometheus does. */
#define SCRAPE_MAX_AHEAD_MS (10 * 60 * 1000ll)

struct cache_entry;

struct staged {
	struct cache_entry *entry;
	double value;
	int64_t wall_ms; /* its own time, or STAGED_NO_TIME */
};

#define STAGED_NO_TIME INT64_MIN

struct scrape_cache {
	struct cache_entry **buckets;
	size_t n_buckets, n;
	struct cache_entry **order; /* those of the last body, in its order */
	size_t n_order;
	struct families families;
	uint32_t round;
	bool track_timestamps;
	/* Between scrape_cache_read() and the commit. */
	struct cache_entry **seen; /* the next `order` */
	size_t n_seen, cap_seen;
	struct cache_entry **fresh;
	size_t n_fresh, cap_fresh;
	struct staged *staged;
	size_t n_staged, cap_staged;
};

#define SCRAPE_CACHE_INIT ((struct scrape_cache){ 0 })

struct ingest_settings {
	const struct labels *target_labels;
	bool honor_labels, honor_timestamps;
	bool openmetrics;   /* the body's format */
	size_t max_samples; /* that are left after relabelling */
	/* Of what relabelling leaves; 0: any. Other ones than last time: scrape_cache_retire() first. */
	size_t max_labels, max_label_name_bytes, max_label_value_bytes;
	bool legacy_names;     /* other names than [a-zA-Z_:][a-zA-Z0-9_:]* fail the scrape */
	bool track_timestamps; /* samples with a time of their own get stale markers, too */
	/* metric_relabel_configs. Other rules than last time: scrape_cache_retire() first. */
	struct relabel_rule *const *rules;
	size_t n_rules;
	/* Names that begin so are dropped before; NULL: none. */
	const char *leave_out;
};

struct ingest_counts {
	size_t scraped;	     /* samples in the text */
	size_t added;	     /* of these, what relabelling left: meant for the store */
	size_t series_added; /* lines that were not there last time */
	size_t dropped;	     /* out of order, twice with two values, too far ahead, memory out */
};

/* Forgets all, writes nothing. */
void scrape_cache_release(struct scrape_cache *cache);
/*
 * What makes labels of a text has changed: no line leads to its old series any more. The next
 * commit ends those that no line leads to again.
 */
void scrape_cache_retire(struct scrape_cache *cache);
/*
 * Reads a whole body and finds or makes its series, but writes no sample. 0: a commit must follow.
 * -EINVAL, -ENOSPC, -ENOMEM: error[] tells why, and nothing is left of the body but its counts.
 */
int scrape_cache_read(struct scrape_cache *cache, struct tsdb *db,
	const struct ingest_settings *settings, const char *text, size_t len,
	struct ingest_counts *counts, char *error, size_t error_size);
/* Writes what was read, at `wall_ms` where a sample has no time of its own; ends what vanished. */
void scrape_cache_commit(
	struct scrape_cache *cache, struct tsdb *db, int64_t wall_ms, struct ingest_counts *counts);
/* The scrape failed or the target is gone: ends all its series. */
void scrape_cache_end(struct scrape_cache *cache, struct tsdb *db, int64_t wall_ms);

#endif
