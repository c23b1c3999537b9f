/*
 * outbox.c - alerts on their way to one Alertmanager.
 */
#include "deliver/outbox.h"

#include <errno.h>

#define PAUSE_FIRST_NS (1 * NSEC_PER_SEC)
#define PAUSE_MAX_NS   (30 * NSEC_PER_SEC)

struct outbox_entry {
	struct outbox_entry *prev, *next;
	struct alert *alert;
	bool firing; /* its end is how long it is to be believed, not when it was over */
};

void outbox_init(struct outbox *outbox, size_t capacity)
{
	*outbox = (struct outbox){ .capacity = capacity ? capacity : OUTBOX_CAPACITY };
}

static void entry_free(struct outbox_entry *entry)
{
	alert_unref(entry->alert);
	free(entry);
}

/* Interned names and values are equal when their pointers are. */
static struct outbox_entry *find(const struct outbox *outbox, const struct alert *alert)
{
	return map_get(
		&outbox->by_labels, alert->labels->v, alert->labels->n * sizeof(struct label));
}

static void unlink_entry(struct outbox *outbox, struct outbox_entry *entry)
{
	const struct labels *labels = entry->alert->labels;

	map_del(&outbox->by_labels, labels->v, labels->n * sizeof(struct label));
	if (entry->prev)
		entry->prev->next = entry->next;
	else
		outbox->first = entry->next;
	if (entry->next)
		entry->next->prev = entry->prev;
	else
		outbox->last = entry->prev;
	outbox->n--;
}

static void drop(struct outbox *outbox, struct outbox_entry *entry)
{
	outbox->dropped++;
	entry_free(entry);
}

/* Into the queue, at one of its ends; drops what there is no memory for. */
static int link_entry(struct outbox *outbox, struct outbox_entry *entry, bool in_front)
{
	const struct labels *labels = entry->alert->labels;

	if (map_put(&outbox->by_labels, labels->v, labels->n * sizeof(struct label), entry)) {
		drop(outbox, entry);
		return -ENOMEM;
	}
	entry->prev = in_front ? NULL : outbox->last;
	entry->next = in_front ? outbox->first : NULL;
	if (entry->prev)
		entry->prev->next = entry;
	else
		outbox->first = entry;
	if (entry->next)
		entry->next->prev = entry;
	else
		outbox->last = entry;
	outbox->n++;
	return 0;
}

static void keep_to_capacity(struct outbox *outbox)
{
	while (outbox->n > outbox->capacity) {
		struct outbox_entry *oldest = outbox->first;

		unlink_entry(outbox, oldest);
		drop(outbox, oldest);
	}
}

void outbox_release(struct outbox *outbox)
{
	struct outbox_entry *next;

	while (outbox->first) {
		struct outbox_entry *entry = outbox->first;

		unlink_entry(outbox, entry);
		entry_free(entry);
	}
	for (struct outbox_entry *entry = outbox->flight; entry; entry = next) {
		next = entry->next;
		entry_free(entry);
	}
	outbox->flight = NULL;
	map_release(&outbox->by_labels);
}

int outbox_put(struct outbox *outbox, const struct alert *alert)
{
	struct outbox_entry *entry = find(outbox, alert);
	int err;

	if (entry) {
		alert_unref(entry->alert);
		entry->alert = alert_ref(alert);
		entry->firing = alert->lease_ms > 0;
		return 0;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry) {
		outbox->dropped++;
		return -ENOMEM;
	}
	entry->alert = alert_ref(alert);
	entry->firing = alert->lease_ms > 0;
	err = link_entry(outbox, entry, false);
	if (!err)
		keep_to_capacity(outbox);
	return err;
}

size_t outbox_take(struct outbox *outbox, struct instant now, const struct alert *ret[OUTBOX_BATCH])
{
	struct outbox_entry **tail = &outbox->flight;
	size_t n = 0;

	if (outbox->flight || (outbox->pause_ns && now.boot_ns < outbox->retry_boot_ns))
		return 0;
	while (outbox->first && n < OUTBOX_BATCH) {
		struct outbox_entry *entry = outbox->first;

		unlink_entry(outbox, entry);
		/* The other side would take it for an alert that is over. */
		if (entry->firing && entry->alert->ends_wall_ms <= now.wall_ms) {
			drop(outbox, entry);
			continue;
		}
		entry->prev = entry->next = NULL;
		*tail = entry;
		tail = &entry->next;
		ret[n++] = entry->alert;
	}
	outbox->n_flight = n;
	return n;
}

/* Back to where they were, but for those of which a newer state waits. */
static void put_back(struct outbox *outbox, struct outbox_entry *entry)
{
	if (!entry)
		return;
	put_back(outbox, entry->next);
	if (find(outbox, entry->alert))
		entry_free(entry);
	else
		link_entry(outbox, entry, true);
}

void outbox_done(struct outbox *outbox, enum outbox_result result, struct instant now)
{
	struct outbox_entry *flight = TAKE(outbox->flight), *next;

	if (result == OUTBOX_RETRY) {
		outbox->errors++;
		outbox->pause_ns =
			outbox->pause_ns ? MIN(outbox->pause_ns * 2, PAUSE_MAX_NS) : PAUSE_FIRST_NS;
		outbox->retry_boot_ns = now.boot_ns + outbox->pause_ns;
		put_back(outbox, flight);
		keep_to_capacity(outbox);
		outbox->n_flight = 0;
		return;
	}
	outbox->pause_ns = 0;
	if (result == OUTBOX_SENT) {
		outbox->sent += outbox->n_flight;
	} else {
		outbox->errors++;
		outbox->dropped += outbox->n_flight;
	}
	outbox->n_flight = 0;
	for (struct outbox_entry *entry = flight; entry; entry = next) {
		next = entry->next;
		entry_free(entry);
	}
}

int64_t outbox_deadline(const struct outbox *outbox)
{
	if (outbox->flight || !outbox->first)
		return BOOT_NS_NEVER;
	return outbox->pause_ns ? outbox->retry_boot_ns : 0;
}
