/*
 * alerts.c - the alerts that are known: put, merged, over.
 *
 * An alert of a rule of this daemon has no end while it fires (ends_wall_ms 0): it has no lease,
 * because its rule cannot die without the daemon. An alert from outside ends when its sender says,
 * or resolve_timeout after it was last heard of. Whenever an end is known, it is turned into a
 * deadline on the boot clock at once, and once it has come the alert is over until it is put again:
 * no jump of the wall clock ends alerts or brings them back.
 *
 * Source of the merging: alertmanager alert/alert.go (Merge) and provider/mem/mem.go (Put).
 */
#include "notify/internal.h"

#include <errno.h>

struct entry *entry_find(const struct notify *notify, uint64_t fingerprint)
{
	return map_get(&notify->alerts, &fingerprint, sizeof(fingerprint));
}

int entry_new(struct notify *notify, const struct alert *alert, struct entry **ret)
{
	uint64_t fingerprint = alert_fingerprint(alert);
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	if (map_put(&notify->alerts, &fingerprint, sizeof(fingerprint), entry)) {
		free(entry);
		return -ENOMEM;
	}
	entry->alert = alert_ref(alert);
	entry->ends_boot_ns = BOOT_NS_NEVER;
	if (notify->inhibitor && inhibitor_add(notify->inhibitor, entry)) {
		map_del(&notify->alerts, &fingerprint, sizeof(fingerprint));
		entry_free(entry);
		return -ENOMEM;
	}
	*ret = entry;
	return 0;
}

void entry_free(struct entry *entry)
{
	struct membership *m, *next;

	if (!entry)
		return;
	for (m = entry->members; m; m = next) {
		next = m->next;
		free(m);
	}
	alert_unref(entry->alert);
	free(entry->silences);
	free(entry);
}

void entry_drop(struct notify *notify, struct entry *entry)
{
	uint64_t fingerprint = alert_fingerprint(entry->alert);
	char key[17];

	if (notify->inhibitor)
		inhibitor_remove(notify->inhibitor, entry);
	persist_alert_key(key, entry->alert);
	persist_delete(notify, NOTIFY_KEEP_ALERT, key);
	map_del(&notify->alerts, &fingerprint, sizeof(fingerprint));
	entry_free(entry);
}

/* A row that could not be written down is tried again when the alert is next put. */
void entry_keep(struct notify *notify, struct entry *entry)
{
	entry->kept = persist_alert(notify, entry) == 0;
	if (entry->kept)
		entry->kept_ends_wall_ms = entry->alert->ends_wall_ms;
}

static void set_resolved(struct notify *notify, struct entry *entry, bool resolved)
{
	if (entry->resolved == resolved)
		return;
	entry->resolved = resolved;
	if (notify->inhibitor)
		inhibitor_note(notify->inhibitor, entry);
}

static void replace_alert(struct entry *entry, struct alert *alert)
{
	alert_unref(entry->alert);
	entry->alert = alert;
}

int entry_resolve(struct notify *notify, struct entry *entry, struct instant now)
{
	struct alert *over = alert_copy(entry->alert);

	if (!over)
		return -ENOMEM;
	if (!over->ends_wall_ms || over->ends_wall_ms > now.wall_ms)
		over->ends_wall_ms = now.wall_ms;
	over->updated_wall_ms = now.wall_ms;
	replace_alert(entry, over);
	set_resolved(notify, entry, true);
	entry->restored = false;
	entry_keep(notify, entry);
	return 0;
}

bool entry_is_over(struct notify *notify, struct entry *entry, struct instant now)
{
	/* Without memory for its end it goes on a little. */
	if (!entry->resolved && entry->ends_boot_ns <= now.boot_ns)
		entry_resolve(notify, entry, now);
	return entry->resolved;
}

/* What an alert says about time, taken apart from what it is. */
struct span {
	int64_t starts, ends; /* wall clock; ends INT64_MAX for no end */
	bool timeout;
};

static int64_t end_or_never(int64_t ends_wall_ms)
{
	return ends_wall_ms ? ends_wall_ms : INT64_MAX;
}

static struct span span_of_new(
	const struct notify *notify, const struct alert *alert, struct instant now)
{
	struct span span = {
		.starts = alert->starts_wall_ms,
		.ends = end_or_never(alert->ends_wall_ms),
		.timeout = alert->timeout,
	};

	if (span.timeout && span.ends == INT64_MAX) {
		int64_t timeout_ms =
			notify->config ? notify->config->global.resolve_timeout_ms : 300000;

		span.ends = now.wall_ms + timeout_ms;
	}
	if (!span.starts)
		span.starts = alert->ends_wall_ms ? alert->ends_wall_ms : now.wall_ms;
	return span;
}

static struct span span_of_entry(const struct entry *entry, struct instant now)
{
	struct span span = {
		.starts = entry->alert->starts_wall_ms,
		.ends = end_or_never(entry->alert->ends_wall_ms),
		.timeout = entry->alert->timeout,
	};

	/* Over is over, even if the wall clock went back before its end. */
	if (entry->resolved && span.ends > now.wall_ms)
		span.ends = now.wall_ms;
	return span;
}

static void merge(struct span *to, const struct span *old, bool old_resolved, int64_t now_wall_ms)
{
	bool ends_inside = to->ends > old->starts && to->ends < old->ends;
	bool starts_inside = to->starts > old->starts && to->starts < old->ends;

	if (!ends_inside && !starts_inside)
		return;
	to->starts = MIN(to->starts, old->starts);
	if (to->ends <= now_wall_ms) {
		/* Both over: the later end is the true one. */
		if (old_resolved)
			to->ends = MAX(to->ends, old->ends);
	} else if (!old->timeout) {
		/* An end that somebody said outweighs one that was only assumed. */
		to->ends = MAX(to->ends, old->ends);
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

static bool same_besides_end(const struct alert *a, const struct alert *b)
{
	return labels_equal(a->annotations, b->annotations) &&
	       a->starts_wall_ms == b->starts_wall_ms && a->timeout == b->timeout &&
	       same_text(a->generator_url, b->generator_url);
}

/* The alert with that span: itself with another reference where it says so already. */
static struct alert *with_span(const struct alert *alert, const struct span *span)
{
	int64_t ends = span->ends == INT64_MAX ? 0 : span->ends;
	struct alert *own;

	if (alert->starts_wall_ms == span->starts && alert->ends_wall_ms == ends)
		return alert_ref(alert);
	own = alert_copy(alert);
	if (!own)
		return NULL;
	own->starts_wall_ms = span->starts;
	own->ends_wall_ms = ends;
	return own;
}

static void take_end(struct notify *notify, struct entry *entry, struct instant now)
{
	int64_t ends = entry->alert->ends_wall_ms;

	entry->restored = false;
	set_resolved(notify, entry, ends && ends <= now.wall_ms);
	entry->ends_boot_ns = BOOT_NS_NEVER;
	if (ends)
		entry->ends_boot_ns = now.boot_ns + ns_of_ms(ends - now.wall_ms);
}

/*
 * A lease that is renewed again and again is written only when the row's end is more than half used
 * up: after a restart such an alert gets a new lease anyway.
 */
static bool lease_row_will_do(const struct entry *entry, struct instant now)
{
	int64_t ends = entry->alert->ends_wall_ms, kept = entry->kept_ends_wall_ms;

	if (entry->resolved || !ends || !kept)
		return ends == kept;
	return kept - now.wall_ms > (ends - now.wall_ms) / 2 && kept <= ends;
}

static int entry_update(
	struct notify *notify, struct entry *entry, const struct alert *alert, struct instant now)
{
	struct span span = span_of_new(notify, alert, now), old = span_of_entry(entry, now);
	scoped(alert_unrefp) struct alert *merged = NULL;
	bool same, was_resolved = entry->resolved;

	merge(&span, &old, entry->resolved, now.wall_ms);
	merged = with_span(alert, &span);
	if (!merged)
		return -ENOMEM;
	same = same_besides_end(merged, entry->alert);
	if (same && merged->ends_wall_ms == entry->alert->ends_wall_ms) {
		/* Heard of again, and nothing new: whoever tells it meanwhile tells the truth. */
		if (!was_resolved)
			take_end(notify, entry, now);
		entry->restored = false;
		if (!entry->kept || entry->resolved != was_resolved)
			entry_keep(notify, entry);
		return 0;
	}
	replace_alert(entry, TAKE(merged));
	take_end(notify, entry, now);
	if (!same || !entry->kept || entry->resolved != was_resolved ||
		!lease_row_will_do(entry, now))
		entry_keep(notify, entry);
	return 0;
}

static int entry_add(struct notify *notify, const struct alert *alert, struct instant now)
{
	struct span span = span_of_new(notify, alert, now);
	scoped(alert_unrefp) struct alert *own = NULL;
	struct entry *entry;
	int err;

	if (notify->alerts.n >= notify->limits.max_alerts)
		return -ENOSPC;
	own = with_span(alert, &span);
	if (!own)
		return -ENOMEM;
	err = entry_new(notify, own, &entry);
	if (err)
		return err;
	take_end(notify, entry, now);
	entry_keep(notify, entry);
	if (!entry->kept)
		err = -ENOMEM;
	if (!err)
		err = groups_add(notify, entry, now);
	if (err) {
		groups_remove(notify, entry);
		entry_drop(notify, entry);
	}
	return err;
}

int entry_put(struct notify *notify, const struct alert *alert, struct instant now)
{
	struct entry *entry = entry_find(notify, alert_fingerprint(alert));
	int err;

	if (!entry)
		return entry_add(notify, alert, now);
	/* Two label sets with one fingerprint: one of them cannot be known here. */
	if (!labels_equal(entry->alert->labels, alert->labels))
		return -EEXIST;
	err = entry_update(notify, entry, alert, now);
	if (!err && !entry->grouped)
		err = groups_add(notify, entry, now);
	return err;
}
