/*
 * silence_list.h - silences in the order in which people want them: for the API and for the page.
 */
#ifndef TOLLD_API_SILENCE_LIST_H
#define TOLLD_API_SILENCE_LIST_H

#include "notify/notify.h"

/* Borrowed until the next call that changes silences. */
struct silence_list {
	const struct silence **v;
	size_t n, cap;
};

/* Bits of the states that are asked for. */
#define SILENCES_OF(state) (1u << (state))
#define SILENCES_ALL	   (SILENCES_OF(SILENCE_EXPIRED + 1) - 1)

/*
 * Active ones by their end, pending ones by their start, then those that ended last; only those that have all
 * matchers of the filter, which may be NULL. -ENOMEM.
 */
int silence_list_read(const struct notify *notify, unsigned states,
	const struct matcher_list *filter, int64_t wall_ms, struct silence_list *ret);
void silence_list_release(struct silence_list *list);

#endif
