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

static void add_set(struct log_entry *entry, size_t at, struct fingerprints set)
{
	if (set.n)
		memcpy(entry->hashes + at, set.v, set.n * sizeof(uint64_t));
}

struct log_entry *log_entry_new(
	struct fingerprints firing, struct fingerprints resolved, struct fingerprints owed)
{
	size_t n = firing.n + resolved.n;
	struct log_entry *entry = malloc(sizeof(*entry) + (n + owed.n) * sizeof(uint64_t));

	if (!entry)
		return NULL;
	*entry = (struct log_entry){
		.n_firing = firing.n, .n_resolved = resolved.n, .n_owed = owed.n
	};
	add_set(entry, 0, firing);
	add_set(entry, firing.n, resolved);
	add_set(entry, n, owed);
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

struct fingerprints log_owed(const struct log_entry *entry)
{
	return (struct fingerprints){ entry->hashes + entry->n_firing + entry->n_resolved,
		entry->n_owed };
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

int log_doubt(struct notify *notify, const char *key, const struct log_entry *maybe)
{
	static const struct fingerprints none = { NULL, 0 };
	struct log_entry *told = log_find(notify, key), *entry;
	struct fingerprints was_firing = told ? log_firing(told) : none;
	struct fingerprints was_resolved = told ? log_resolved(told) : none;
	struct fingerprints was_owed = told ? log_owed(told) : none;
	size_t n_was = was_firing.n + was_resolved.n + was_owed.n;
	size_t n_maybe = maybe->n_firing + maybe->n_resolved + maybe->n_owed;
	/* Both; then either, once alone and once with a third. */
	uint64_t *sets = malloc((1 + 4 * (n_was + n_maybe)) * sizeof(*sets)), *room;
	struct fingerprints firing, resolved, ever, owed;

	if (!sets)
		return -ENOMEM;
	/* No alert has this fingerprint: an end is told whatever else is known. */
	sets[0] = 0;
	firing.v = sets;
	firing.n = fingerprints_join(was_firing, log_firing(maybe), false, sets + 1) + 1;
	resolved.v = firing.v + firing.n;
	resolved.n = fingerprints_join(was_resolved, log_resolved(maybe), false, sets + firing.n);
	/* Of whatever may have been told as firing the end is owed. */
	room = sets + firing.n + resolved.n;
	ever.v = room;
	ever.n = fingerprints_join(was_firing, log_firing(maybe), true, room);
	owed.v = room + ever.n;
	owed.n = fingerprints_join(ever, was_owed, true, room + ever.n);
	entry = log_entry_new(firing, resolved, owed);
	free(sets);
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
