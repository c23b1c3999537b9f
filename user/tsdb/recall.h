/*
 * recall.h - a series' samples in blocks, chunk by chunk in order of time; private to tsdb/.
 */
#ifndef TOLLD_TSDB_RECALL_H
#define TOLLD_TSDB_RECALL_H

#include "tsdb/disk.h"

struct recall;

/*
 * What blocks have of the series in [min_ms, max_ms] and memory does not. 0 with *ret, NULL where
 * there is nothing; -ENOMEM.
 */
int recall_open(struct tsdb *db, const struct series *series, int64_t min_ms, int64_t max_ms,
	struct recall **ret);
void recall_free(struct recall *recall);
/*
 * The next chunk, valid until the next call, and the last of its times that counts. NULL at the end.
 * What cannot be read is passed over, counted, and told once for each file.
 */
const struct chunk *recall_next(struct recall *recall, int64_t *ret_until_ms);

#endif
