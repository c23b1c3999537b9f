/*
 * order.h - all series in the order of their labels, so that what a query selects is sorted without
 * comparing texts.
 *
 * Kept by the ids of series: new ones are taken up when many have come, and compared until then. It
 * holds no references; who is gone is left out when the ids are given anew.
 */
#ifndef TOLLD_TSDB_ORDER_H
#define TOLLD_TSDB_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct series;
struct tsdb;

struct order {
	uint32_t *ids;	 /* in the order of labels */
	uint32_t *ranks; /* by id: its place among them */
	uint32_t n, cap_ids, cap_ranks;
	uint32_t next_id; /* who has this one or a larger one is not in it yet */
};

void order_release(struct order *order);
size_t order_bytes(const struct order *order);
/* Sorts series of the store, each of which is there once. Without memory for it, by comparing them all. */
void order_sort(struct tsdb *db, struct series **series, size_t n);
/* As index_renumber(). */
void order_renumber(struct order *order, const uint32_t *new_ids);

#endif
