/*
 * notify.h - who is told what, and when: groups, their timers, deduplication.
 *
 * A pure state machine: alerts and results go in, with the time; what is to be sent and what is to
 * be kept comes out. notify_deadline() says when it wants to be stepped next. It knows neither mail
 * nor disk. Source of the rules: alertmanager dispatch/dispatch.go, notify/dedup_stage.go.
 *
 * Durations run on the boot clock; alerts and the log of notifications carry wall time. Outputs are
 * made from within the calls below. From the callback only notify_sent() may be called, and only for
 * the NOTIFY_SEND at hand: for an owner that fails to begin.
 */
#ifndef TOLLD_NOTIFY_NOTIFY_H
#define TOLLD_NOTIFY_NOTIFY_H

#include "base/clock.h"
#include "config/config.h"
#include "model/notification.h"
#include "model/silence.h"

struct notify;

/* What the machine asks of its owner, in the order it must happen. */
enum notify_output_type {
	/*
	 * Send this. First keep it (NOTIFY_KEEP_OUTBOX is always put out just before, but for a digest,
	 * whose NOTIFY_KEEP_WITHHELD are), then, once
	 * that is durable, hand it to the receiver, then call notify_sent(). Without an answer it
	 * counts as failed five minutes after its flush should have ended.
	 */
	NOTIFY_SEND,
	/* Rows to write, or, with a NULL value, to delete, in the table of that name. */
	NOTIFY_KEEP_ALERT,
	NOTIFY_KEEP_GROUP,
	NOTIFY_KEEP_LOG,
	NOTIFY_KEEP_OUTBOX,
	NOTIFY_KEEP_SILENCE,
	NOTIFY_KEEP_BUDGET,
	NOTIFY_KEEP_WITHHELD,
	/* What became of a notification, for those who ask later. Nothing hangs on it. */
	NOTIFY_NOTICE,
};

enum notice_outcome {
	NOTICE_SENT,
	NOTICE_RETRIED, /* its first try failed; one of the others with the same id follows */
	NOTICE_FAILED,
	NOTICE_SUPPRESSED, /* of these alerts nothing was told */
};

/* All is borrowed until the callback returns. */
struct notify_notice {
	enum notice_outcome outcome;
	const char *id; /* of the notification; NULL where there is none */
	const char *receiver;
	const char *integration; /* NULL: whatever the receiver has */
	unsigned index;
	const struct labels *group_labels;
	struct alert *const *alerts; /* firing first */
	size_t n_alerts, n_firing;
	/* Static text. Why it was to be told ("first notification"), or what suppressed it ("silenced"). */
	const char *reason;
	const char *why; /* the words of who took or refused it; which silence it was; or NULL */
	unsigned tries;
	int64_t at_wall_ms;
};

struct notify_output {
	enum notify_output_type type;
	struct notification *notification; /* NOTIFY_SEND; borrowed until the callback returns */
	/* NOTIFY_KEEP_*: an opaque row, both borrowed. */
	const char *key;
	const char *value; /* JSON; NULL: delete the row */
	const struct notify_notice *notice;
};

typedef void notify_output_fn(const struct notify_output *output, void *userdata);

struct notify_limits {
	size_t max_alerts;   /* 0: 100,000; more are refused and counted */
	size_t max_groups;   /* 0: 10,000 */
	size_t max_silences; /* 0: 10,000, with those that are over and still remembered */
	/*
	 * Names this boot: a hash of /proc/sys/kernel/random/boot_id. Rows of the same boot keep
	 * their exact ages over a restart; 0 for unknown, then the wall clock is asked.
	 */
	uint64_t boot_id;
	uint64_t seed; /* for ids and pauses; 0: from the kernel. For tests. */
};

int notify_new(const struct notify_limits *limits, notify_output_fn *output, void *userdata,
	struct notify **ret);
void notify_free(struct notify *notify);
DEFINE_FREEP(notify)

/*
 * Rows as NOTIFY_KEEP_* gave them, in any order, before notify_configure(). A row that cannot be
 * read is skipped with -EINVAL; -ENOSPC, -ENOMEM. Sends that were in the outbox are put out again,
 * with their old id, by the first notify_step().
 *
 * An alert that fired is still firing after a restart, until its rule or its sender says otherwise,
 * or says nothing for as long as it had a right to.
 */
int notify_restore(
	struct notify *notify, enum notify_output_type type, const char *key, const char *value);

/*
 * Takes the routes and receivers of a configuration, and a reference on it. Alerts are routed
 * again; groups that still exist keep their timers and log. -ENOMEM, -EINVAL: the old configuration
 * stays in force. Without a route alerts are only known, and told to nobody.
 */
int notify_configure(struct notify *notify, const struct config *config, struct instant now);

/*
 * An alert is firing, changed, or over (its end says). Takes a reference. Known ones are merged:
 * the earliest start, the newest annotations. -ENOSPC at a limit, -EEXIST where other labels have
 * the same fingerprint, -ENOMEM; all counted as refused.
 *
 * ends_wall_ms 0 means: fires until it is put again with an end. That is for rules of this daemon;
 * whoever speaks for somebody outside sets `timeout`, and an alert without an end then gets
 * resolve_timeout.
 */
int notify_put(struct notify *notify, const struct alert *alert, struct instant now);
/* These will be put next: of many, the first MAP_EXPECT_MAX are then found sooner. Changes nothing. */
void notify_expect(const struct notify *notify, struct alert *const *alerts, size_t n);

/*
 * All rules were evaluated once since the start: an alert without an end that was restored, and
 * that no rule has put since, is over now. -ENOMEM: some could not be ended; to be called again.
 */
int notify_confirm_restored(struct notify *notify, struct instant now);

/*
 * Puts out all rows anew: for an owner that lost some, because the disk refused them for long. It
 * empties its tables first. -ENOMEM: some are missing; to be called again.
 */
int notify_keep_all(struct notify *notify, struct instant now);

/*
 * Flushes what is due; puts out what follows. To be called at notify_deadline(), and after the wall
 * clock was set: the rows are then set right, too.
 */
void notify_step(struct notify *notify, struct instant now);
/* The boot time at which the next step is due, or BOOT_NS_NEVER. */
int64_t notify_deadline(const struct notify *notify);

enum notify_result { NOTIFY_SENT, NOTIFY_RETRY, NOTIFY_REFUSED };

/*
 * Some of those whom a NOTIFY_SEND is for have it, and others are to be tried again: said before
 * notify_sent(). `served` is for the way out, which finds it in the notification of the next try; it is kept
 * over a restart. From then on the notification counts as told, whatever becomes of the others.
 */
void notify_served(struct notify *notify, const char *id, const char *served);
/*
 * What became of a NOTIFY_SEND, by its id. RETRY: it is tried again with growing pauses (from 500 ms
 * by half more each time, 60 s at most) inside the flush, and by the next flush after that.
 * REFUSED: not again for this flush. `words` are what was answered, for the notice; NULL: nothing.
 * False where they are no news: the try before, of the same notification, failed in the same way.
 */
bool notify_sent(struct notify *notify, const char *id, enum notify_result result,
	const char *words, struct instant now);

/*
 * Makes a silence, or changes the one with that id; takes it, also on failure. A start that is not
 * given, or lies in the past, is now. A change that would alter the past (other matchers, another
 * start of one that is active, an end before now, any of one that is over) ends the old silence and
 * makes a new one: ret_id says which it is now. -EINVAL with error[]; -ENOENT for an id that nobody
 * knows; -ENOSPC; -ENOMEM.
 */
int notify_silence_put(struct notify *notify, struct silence *silence, struct instant now,
	char ret_id[SILENCE_ID_LEN + 1], char *error, size_t error_size);
/* Ends it now; one that has not begun begins and ends now. 0 also where it is over; -ENOENT, -ENOMEM. */
int notify_silence_expire(struct notify *notify, const char *id, struct instant now);
/* Borrowed until the next call that changes silences; NULL: none. Those over are kept for 5 days. */
const struct silence *notify_silence_get(const struct notify *notify, const char *id);
/* All, in no order, until fn returns false. */
typedef bool notify_silence_fn(const struct silence *silence, void *userdata);
void notify_silences(const struct notify *notify, notify_silence_fn *fn, void *userdata);

/* For the API and for metrics. */
struct notify_stats {
	size_t alerts, firing, groups, in_flight, silences;
	uint64_t sent, failed, retried, withheld, refused_alerts;
	size_t suppressed; /* of those that fire: left out by the last flush of all their groups */
	/* Alerts left out of a flush, each time anew. */
	uint64_t inhibited, out_of_time, in_mute_time, silenced;
};

#define NOTIFY_SECONDS 5

/* What became of notifications through one kind of integration. */
struct notify_tally {
	char integration[32]; /* "email" */
	uint64_t notifications, refused, given_up;
	uint64_t requests, failed_requests;
	/* How long requests took: at most 1, 5, 10, 15 and 20 seconds, and all together. */
	uint64_t within[NOTIFY_SECONDS];
	int64_t total_ns;
};

void notify_stats(const struct notify *notify, struct notify_stats *ret);
/* The i-th kind that was used since the start; false past the last. */
bool notify_tally(const struct notify *notify, size_t i, struct notify_tally *ret);

/*
 * What is known, for those who show it: as it is now, whatever the last flush saw. A list is taken
 * first, and then each of it is looked at, so that a long answer can be written in several turns: what
 * went away meanwhile is -ENOENT. Whatever a look holds is borrowed until the next call that changes
 * something; its arrays serve the next look again, until notify_look_release().
 */
struct notify_look {
	const struct alert *alert;
	const struct silence **silenced_by; /* active ones, by id */
	size_t n_silenced_by, cap_silenced_by;
	const struct alert *inhibited_by; /* one of those that do, or NULL */
	const char **receivers;		  /* by the routes that it takes, in order */
	size_t n_receivers, cap_receivers;
};

/* Of a group: where its alerts go, and which they are. */
struct notify_group_look {
	const struct labels *labels;
	const char *receiver;
	const struct config_route *route;
	/* What the route says of itself, its parents' labels among them: as they are written, templates; or NULL. */
	struct labels *route_labels;
	/* Names of the intervals that silence it now: those it is in, or those it is not in. */
	const char **muted_by;
	size_t n_muted_by, cap_muted_by;
	uint64_t *alerts; /* fingerprints of those that fire, by alert_compare() */
	size_t n_alerts, cap_alerts;
};

/* Fingerprints of the alerts that fire, sorted; the caller frees. -ENOMEM. */
int notify_alert_list(const struct notify *notify, uint64_t **ret, size_t *ret_n);
/* The alert alone, borrowed until the next call that changes something; NULL where it is gone or over. */
const struct alert *notify_alert_get(const struct notify *notify, uint64_t fingerprint);
/* 0, -ENOENT where it is gone or over, -ENOMEM. */
int notify_alert_look(
	struct notify *notify, uint64_t fingerprint, struct instant now, struct notify_look *look);
void notify_look_release(struct notify_look *look);
/*
 * A time interval that keeps it from being told: one of each route that it takes is silent now. NULL where one of
 * them is not. Borrowed from the configuration.
 */
const char *notify_alert_muted_by(
	const struct notify *notify, uint64_t fingerprint, struct instant now);

struct notify_census {
	size_t firing;
	size_t from_outside; /* of these: they have an end, which those of this daemon's rules have not */
	size_t silenced, inhibited; /* of these; what is both is silenced */
};

/* Looks at all that fires. */
void notify_count(struct notify *notify, struct instant now, struct notify_census *ret);

/* Groups by their labels, then receivers: the caller frees each, and the array. -ENOMEM. */
int notify_group_list(const struct notify *notify, char ***ret, size_t *ret_n);
int notify_group_look(struct notify *notify, const char *group, struct instant now,
	struct notify_group_look *look);
void notify_group_look_release(struct notify_group_look *look);

#endif
