/*
 * owed.c - ends that are told although the alert is suppressed when it ends.
 *
 * As with Alertmanager an alert that is silenced, inhibited or in a mute time is left out of what is told, and
 * when it ends then, nobody hears of it; whoever was told that it fires believes so for ever. Where a route says
 * send_resolved_suppressed, the log remembers who was told: its end is told at once, or, where the whole route
 * is silent, when it speaks again.
 */
#include "notify/internal.h"

#include <errno.h>

int creditors_find(const struct notify *notify, const struct group *group, struct creditors *ret)
{
	const struct config_receiver *receiver = group->route->receiver;
	size_t n = receiver_integrations(receiver);
	scoped(strbuf_release) struct strbuf key = STRBUF_INIT;
	const struct log_entry **v;

	*ret = (struct creditors){ 0 };
	if (!group->route->tells_suppressed_ends || !n)
		return 0;
	v = calloc(n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct integration to = receiver_integration(receiver, i);

		strbuf_reset(&key);
		log_key(&key, group->name.id, to.receiver, to.name, to.index);
		v[ret->n] = key.err || !to.send_resolved ? NULL : log_find(notify, key.s);
		ret->n += v[ret->n] != NULL;
	}
	ret->v = v;
	if (!key.err)
		return 0;
	creditors_release(ret);
	return key.err;
}

void creditors_release(struct creditors *creditors)
{
	free(creditors->v);
	*creditors = (struct creditors){ 0 };
}

bool creditors_wait_for(const struct creditors *creditors, const struct alert *alert)
{
	uint64_t fingerprint = alert_fingerprint(alert);
	const struct fingerprints one = { &fingerprint, 1 };

	for (size_t i = 0; i < creditors->n; i++) {
		if (fingerprints_subset(one, log_firing(creditors->v[i])) ||
			fingerprints_subset(one, log_owed(creditors->v[i])))
			return true;
	}
	return false;
}

struct log_entry *log_entry_after(const struct flush *flush, const struct log_entry *told)
{
	struct fingerprints firing = flush_firing(flush), resolved = flush_resolved(flush);
	struct fingerprints ever, owed = { NULL, 0 };
	struct log_entry *entry;
	uint64_t *sets;

	if (!told || !flush->n_veiled)
		return log_entry_new(firing, resolved, owed);
	sets = malloc((told->n_firing + told->n_owed + flush->n_veiled) * sizeof(*sets));
	if (!sets)
		return NULL;
	ever.v = sets;
	ever.n = fingerprints_join(log_firing(told), log_owed(told), true, sets);
	owed.v = sets + ever.n;
	owed.n = fingerprints_join(ever, flush_veiled(flush), false, sets + ever.n);
	entry = log_entry_new(firing, resolved, owed);
	free(sets);
	return entry;
}
