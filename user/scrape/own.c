/*
 * own.c - own metrics, through the same cache as everybody's.
 */
#include "scrape/own.h"

#include <errno.h>
#include "scrape/cache.h"
#include "scrape/scrape.h"

struct scrape_own {
	struct tsdb *db;
	struct labels *labels;
	struct scrape_cache cache;
};

int scrape_own_new(struct tsdb *db, const struct labels *labels, struct scrape_own **ret)
{
	struct scrape_own *own = calloc(1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->db = db;
	own->labels = labels_ref(labels);
	own->cache = SCRAPE_CACHE_INIT;
	*ret = own;
	return 0;
}

void scrape_own_free(struct scrape_own *own)
{
	if (!own)
		return;
	scrape_cache_release(&own->cache);
	labels_unref(own->labels);
	free(own);
}

int scrape_own_write(struct scrape_own *own, const char *text, size_t len, int64_t wall_ms)
{
	const struct ingest_settings settings = {
		.target_labels = own->labels,
		.max_samples = SCRAPE_MAX_SAMPLES,
	};
	struct ingest_counts counts = { 0 };
	char error[160];
	int err = scrape_cache_read(
		&own->cache, own->db, &settings, text, len, &counts, error, sizeof(error));

	if (!err)
		scrape_cache_commit(&own->cache, own->db, wall_ms, &counts);
	return err;
}

void scrape_own_end(struct scrape_own *own, int64_t wall_ms)
{
	scrape_cache_end(&own->cache, own->db, wall_ms);
}
