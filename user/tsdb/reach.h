/*
 * reach.h - what stays in memory because rules read it; private to tsdb/. See tsdb_keep().
 */
#ifndef TOLLD_TSDB_REACH_H
#define TOLLD_TSDB_REACH_H

#include "tsdb/disk.h"
#include "tsdb/internal.h"

/* How far back a new series is read. */
void reach_note(const struct tsdb *db, struct series *s);
/* Looks at all series again, from the next turn on. */
void reach_begin(struct tsdb *db);
/* One piece of one file at most, while disk->bringing_back. */
void reach_turn(struct tsdb *db);
/* From when on a series' samples stay. */
int64_t reach_from_ms(const struct tsdb *db, const struct series *s);

#endif
