/*
 * tally.c - what became of notifications, counted by kind of integration, as Alertmanager counts them.
 */
#include "notify/internal.h"

#include <stdio.h>

static struct notify_tally *tally_of(struct notify *notify, const char *integration)
{
	struct notify_tally *tally;

	for (size_t i = 0; i < notify->n_tallies; i++) {
		if (streq(notify->tallies[i].integration, integration))
			return &notify->tallies[i];
	}
	if (notify->n_tallies == MAX_TALLIES)
		return NULL;
	tally = &notify->tallies[notify->n_tallies++];
	snprintf(tally->integration, sizeof(tally->integration), "%s", integration);
	return tally;
}

void count_notification(struct notify *notify, const char *integration)
{
	struct notify_tally *tally = tally_of(notify, integration);

	if (tally)
		tally->notifications++;
}

void count_request(struct notify *notify, const char *integration, bool told, int64_t took_ns)
{
	static const int64_t seconds[NOTIFY_SECONDS] = { 1, 5, 10, 15, 20 };
	struct notify_tally *tally = tally_of(notify, integration);

	if (!tally)
		return;
	tally->requests++;
	tally->failed_requests += !told;
	tally->total_ns += took_ns;
	for (size_t i = 0; i < NOTIFY_SECONDS; i++)
		tally->within[i] += took_ns <= seconds[i] * NSEC_PER_SEC;
}

void count_failure(struct notify *notify, const char *integration, bool refused)
{
	struct notify_tally *tally = tally_of(notify, integration);

	if (!tally)
		return;
	tally->refused += refused;
	tally->given_up += !refused;
}

bool notify_tally(const struct notify *notify, size_t i, struct notify_tally *ret)
{
	if (i >= notify->n_tallies)
		return false;
	*ret = notify->tallies[i];
	return true;
}
