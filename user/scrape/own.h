/*
 * own.h - this program's own metrics, handed over as text and written as if they had been scraped.
 */
#ifndef TOLLD_SCRAPE_OWN_H
#define TOLLD_SCRAPE_OWN_H

#include "tsdb/tsdb.h"

struct scrape_own;

/* All series get these labels. */
int scrape_own_new(struct tsdb *db, const struct labels *labels, struct scrape_own **ret);
/* Without stale markers: after a restart the series go on. */
void scrape_own_free(struct scrape_own *own);

/* What was in the last text and is not in this one ends. 0; -EINVAL or -ENOMEM, and nothing is written. */
int scrape_own_write(struct scrape_own *own, const char *text, size_t len, int64_t wall_ms);

/* All its series end. */
void scrape_own_end(struct scrape_own *own, int64_t wall_ms);

#endif
