/*
 * order.c - the rank of each series among all, and sorting by it.
 */
#include "tsdb/order.h"

#include "tsdb/internal.h"

/* Of fewer, comparing is as fast. */
#define FEW 16u
/* So many new ones, and this share of all, are compared at each sorting before they get a rank. */
#define NEW_MIN	  64u
#define NEW_SHARE 8u

void order_release(struct order *order)
{
	free(order->ids);
	free(order->ranks);
	*order = (struct order){ 0 };
}

size_t order_bytes(const struct order *order)
{
	return ((size_t)order->cap_ids + order->cap_ranks) * sizeof(uint32_t);
}

static int by_labels(const void *a, const void *b)
{
	return labels_compare(
		(*(struct series *const *)a)->labels, (*(struct series *const *)b)->labels);
}

static void sort_by_labels(struct series **series, size_t n)
{
	if (n)
		qsort(series, n, sizeof(struct series *), by_labels);
}

/* How many of the sorted ones stand before this one. */
static size_t count_before(struct series *const *sorted, size_t n, const struct series *s)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (labels_compare(sorted[middle]->labels, s->labels) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Puts few sorted ones between the n that stand in an array with room for all. */
static void merge(struct series **all, size_t n, struct series *const *few, size_t n_few)
{
	while (n_few--) {
		size_t before = count_before(all, n, few[n_few]);

		memmove(&all[before + n_few + 1], &all[before],
			(n - before) * sizeof(struct series *));
		all[before + n_few] = few[n_few];
		n = before;
	}
}

/* -- ranks ------------------------------------------------------------------------------------ */

static bool reserve(uint32_t **ids, uint32_t *cap, uint32_t n)
{
	uint32_t *grown;

	if (n <= *cap)
		return true;
	n += n / 8;
	grown = realloc(*ids, n * sizeof(*grown));
	if (!grown)
		return false;
	*ids = grown;
	*cap = n;
	return true;
}

static void give_ranks(struct order *order)
{
	for (uint32_t i = 0; i < order->n; i++)
		order->ranks[order->ids[i]] = i;
}

/* The living of those ids, in the order in which they are listed. */
static size_t collect(
	const struct tsdb *db, const uint32_t *ids, uint32_t first, uint32_t n, struct series **ret)
{
	size_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct series *s = db->slots[ids ? ids[i] : first + i];

		if (s)
			ret[found++] = s;
	}
	return found;
}

/* Gives a rank to everyone. Without memory all is as before. */
static void take_up(struct tsdb *db)
{
	struct order *order = &db->order;
	uint32_t n_new = db->n_slots - order->next_id;
	struct series **all = malloc(((size_t)order->n + n_new) * sizeof(struct series *));
	struct series **fresh = malloc(n_new * sizeof(struct series *));
	size_t n, n_fresh;

	if (all && fresh && reserve(&order->ids, &order->cap_ids, order->n + n_new) &&
		reserve(&order->ranks, &order->cap_ranks, db->n_slots)) {
		n = collect(db, order->ids, 0, order->n, all);
		n_fresh = collect(db, NULL, order->next_id, n_new, fresh);
		sort_by_labels(fresh, n_fresh);
		merge(all, n, fresh, n_fresh);
		order->n = (uint32_t)(n + n_fresh);
		order->next_id = db->n_slots;
		for (uint32_t i = 0; i < order->n; i++)
			order->ids[i] = all[i]->id;
		give_ranks(order);
	}
	free(all);
	free(fresh);
}

void order_renumber(struct order *order, const uint32_t *new_ids)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < order->n; i++) {
		if (new_ids[order->ids[i]] != UINT32_MAX)
			order->ids[n++] = new_ids[order->ids[i]];
	}
	/* Ids were given in rising order before, too: the living ones now are 0 to n - 1. */
	order->n = order->next_id = n;
	give_ranks(order);
}

/* -- sorting ---------------------------------------------------------------------------------- */

/* Those with a rank come out sorted, at the beginning; the others into `fresh`. */
static size_t sort_ranked(
	struct tsdb *db, struct series **series, size_t n, uint64_t *places, struct series **fresh)
{
	const struct order *order = &db->order;
	size_t n_fresh = 0, sorted = 0;

	for (size_t i = 0; i < n; i++) {
		if (series[i]->id >= order->next_id) {
			fresh[n_fresh++] = series[i];
		} else {
			uint32_t rank = order->ranks[series[i]->id];

			places[rank / 64] |= 1ull << (rank % 64);
		}
	}
	for (size_t w = 0; w <= order->n / 64; w++) {
		for (uint64_t bits = places[w]; bits; bits &= bits - 1)
			series[sorted++] =
				db->slots[order->ids[w * 64 + (size_t)__builtin_ctzll(bits)]];
	}
	return n_fresh;
}

void order_sort(struct tsdb *db, struct series **series, size_t n)
{
	struct order *order = &db->order;
	scoped(freep) uint64_t *places = NULL;
	scoped(freep) struct series **fresh = NULL;
	uint32_t n_new = db->n_slots - order->next_id;
	size_t n_fresh;

	if (n < FEW) {
		sort_by_labels(series, n);
		return;
	}
	if (n_new > NEW_MIN + order->n / NEW_SHARE)
		take_up(db);
	places = calloc(order->n / 64 + 1, sizeof(*places));
	fresh = malloc(
		MIN(n, (size_t)(db->n_slots - order->next_id) + 1) * sizeof(struct series *));
	if (!places || !fresh) {
		sort_by_labels(series, n);
		return;
	}
	n_fresh = sort_ranked(db, series, n, places, fresh);
	sort_by_labels(fresh, n_fresh);
	merge(series, n - n_fresh, fresh, n_fresh);
}
