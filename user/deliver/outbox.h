/*
 * outbox.h - alerts on their way to one Alertmanager: a queue with an end.
 *
 * Pure: the caller passes the time, sends the batch that it takes, and says what became of it. Of one
 * alert only the newest state waits, in the place of the first. What cannot be sent now is tried again
 * with growing pauses, until a newer state comes or until its time is over; what is refused for good,
 * what there is no room for, and what nobody would believe any more is counted as dropped.
 *
 * Sizes are Prometheus's own (notifier/manager.go, notifier/sendloop.go), which tries nothing again.
 */
#ifndef TOLLD_DELIVER_OUTBOX_H
#define TOLLD_DELIVER_OUTBOX_H

#include "base/clock.h"
#include "base/map.h"
#include "model/alert.h"

#define OUTBOX_CAPACITY 10000
#define OUTBOX_BATCH	256

struct outbox_entry;

struct outbox {
	struct outbox_entry *first, *last; /* those that wait, the oldest first */
	size_t n;
	size_t capacity;	     /* of those that wait */
	struct map by_labels;	     /* of those that wait */
	struct outbox_entry *flight; /* those taken, in their order */
	size_t n_flight;
	int64_t retry_boot_ns; /* not before then */
	int64_t pause_ns;      /* the last one; 0: all is well */
	uint64_t sent, errors, dropped;
};

enum outbox_result { OUTBOX_SENT, OUTBOX_RETRY, OUTBOX_REFUSED };

/* capacity 0: OUTBOX_CAPACITY. */
void outbox_init(struct outbox *outbox, size_t capacity);
void outbox_release(struct outbox *outbox);
/*
 * Takes a reference on an alert whose end says until when the other side should believe it. -ENOMEM,
 * counted as dropped.
 */
int outbox_put(struct outbox *outbox, const struct alert *alert);
/*
 * Takes the next batch: its size, 0 while one is on its way or must wait. The alerts are borrowed
 * until outbox_done().
 */
size_t outbox_take(
	struct outbox *outbox, struct instant now, const struct alert *ret[OUTBOX_BATCH]);
void outbox_done(struct outbox *outbox, enum outbox_result result, struct instant now);
/* When outbox_take() has something to give; BOOT_NS_NEVER: not by the time alone. */
int64_t outbox_deadline(const struct outbox *outbox);

#endif
