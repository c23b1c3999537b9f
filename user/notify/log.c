/*
 * log.c - what each receiver was told last about each group.
 *
 * An entry outlives its group for twice the repeat interval, as Alertmanager keeps it; while the group
 * lives it stays, or the ends of what was told would be forgotten in a long outage of the mail server.
 * Alertmanager's other bound, 120 hours whatever the interval, makes long intervals repeat early; here
 * it only bounds the time past the interval.
 */
#include "notify/internal.h"

#include <errno.h>

#define RETENTION_NS (120 * 3600 * NSEC_PER_SEC)

struct log_entry *log_entry_new(struct fingerprints firing, struct fingerprints resolved)
{
	size_t n = firing.n + resolved.n;
	struct log_entry *entry = malloc(sizeof(*entry) + n * sizeof(uint64_t));

	if (!entry)
		return NULL;
	*entry = (struct log_entry){ .n_firing = firing.n, .n_resolved = resolved.n };
	if (firing.n)
		memcpy(entry->hashes, firing.v, firing.n * sizeof(uint64_t));
	if (resolved.n)
		memcpy(entry->hashes + firing.n, resolved.v, resolved.n * sizeof(uint64_t));
	return entry;
}

struct fingerprints log_firing(const struct log_entry *entry)
{
	return (struct fingerprints){ entry->hashes, entry->n_firing };
}

struct fingerprints log_resolved(const struct log_entry *entry)
{
	return (struct fingerprints){ entry->hashes + entry->n_firing, entry->n_resolved };
}

void log_key(struct strbuf *out, const char *group_id, const char *receiver,
	const char *integration, unsigned index)
{
	strbuf_addf(out, "%s:%s/%s/%u", group_id, receiver, integration, index);
}

struct log_entry *log_find(const struct notify *notify, const char *key)
{
	return map_gets(&notify->log, key);
}

int log_reserve(struct notify *notify, const char *key)
{
	if (map_gets(&notify->log, key))
		return 0;
	return map_puts(&notify->log, key, NULL);
}

void log_unreserve(struct notify *notify, const char *key)
{
	if (!map_gets(&notify->log, key))
		map_dels(&notify->log, key);
}

void log_set(struct notify *notify, const char *key, struct log_entry *entry)
{
	struct log_entry *old = map_gets(&notify->log, key);

	/* Its place is there, so this only stores the pointer. */
	if (map_puts(&notify->log, key, entry) == 0)
		free(old);
	else
		free(entry);
}

static size_t in_both(struct fingerprints a, struct fingerprints b, uint64_t *out)
{
	size_t n = 0;

	for (size_t i = 0, k = 0; i < a.n && k < b.n;) {
		if (a.v[i] == b.v[k])
			out[n++] = a.v[i];
		if (a.v[i] <= b.v[k])
			i++;
		else
			k++;
	}
	return n;
}

int log_doubt(struct notify *notify, const char *key, const struct log_entry *maybe)
{
	struct log_entry *told = log_find(notify, key), *entry;
	struct fingerprints none = { NULL, 0 };
	struct fingerprints firing = told ? log_firing(told) : none;
	size_t n = maybe->n_firing + maybe->n_resolved + 1;
	uint64_t *both = malloc(n * sizeof(*both));

	if (!both)
		return -ENOMEM;
	/* No alert has this fingerprint: an end is told whatever else is known. */
	both[0] = 0;
	firing.n = in_both(firing, log_firing(maybe), both + 1) + 1;
	firing.v = both;
	none.v = both + firing.n;
	none.n = told ? in_both(log_resolved(told), log_resolved(maybe), both + firing.n) : 0;
	entry = log_entry_new(firing, none);
	free(both);
	if (!entry)
		return -ENOMEM;
	entry->at_boot_ns = told ? told->at_boot_ns : maybe->at_boot_ns;
	entry->at_wall_ms = told ? told->at_wall_ms : maybe->at_wall_ms;
	entry->repeat_ns = maybe->repeat_ns;
	log_set(notify, key, entry);
	return persist_log(notify, key, entry);
}

static bool expired(const struct log_entry *entry, struct instant now)
{
	int64_t lives = entry->repeat_ns + MIN(entry->repeat_ns, RETENTION_NS);

	return entry->at_boot_ns + lives < now.boot_ns;
}

/* The group that a key begins with; group keys hold quotes and colons, so it is cut from the end. */
static bool has_group(const struct notify *notify, const struct map_entry *e)
{
	for (size_t len = e->key_len; len > 0; len--) {
		if (e->key[len - 1] == ':' && map_get(&notify->groups, e->key, len - 1))
			return true;
	}
	return false;
}

void log_sweep(struct notify *notify, struct instant now)
{
	/* Groups that came and went, more than there may be at a time, need not be remembered. */
	bool crowded = notify->log.n > 2 * notify->limits.max_groups;

	map_foreach (&notify->log, e) {
		struct log_entry *entry = e->value;

		if (!entry || has_group(notify, e))
			continue;
		if (!expired(entry, now) && (!crowded || entry->n_firing))
			continue;
		persist_delete(notify, NOTIFY_KEEP_LOG, e->key);
		map_del(&notify->log, e->key, e->key_len);
		free(entry);
	}
}

void log_wall_jumped(struct notify *notify, struct instant now)
{
	map_foreach (&notify->log, e) {
		struct log_entry *entry = e->value;

		if (!entry)
			continue;
		entry->at_wall_ms = now.wall_ms - (now.boot_ns - entry->at_boot_ns) / NSEC_PER_MSEC;
		persist_log(notify, e->key, entry);
	}
}

void log_release(struct notify *notify)
{
	map_foreach (&notify->log, e)
		free(e->value);
	map_release(&notify->log);
}
