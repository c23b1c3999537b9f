/*
 * internal.h - what the parts of notify share; private to notify/.
 *
 *   alerts.c   the alerts that are known, each with its end on the boot clock
 *   route.c    which routes an alert takes, and how it is grouped there
 *   inhibit.c  alerts that others make superfluous
 *   silences.c what people asked to be spared
 *   group.c    groups, their timers and flushes
 *   dedup.c    whether a receiver has to be told
 *   owed.c     ends that are told although the alert is suppressed
 *   attempt.c  one notification under way, tried until it is told or given up
 *   recent.c   how much was sent lately; budget.c: what may be, and what is held back; digest.c: told
 *   tally.c    what became of notifications, counted; notice.c: told, one by one
 *   log.c      what receivers were told last
 *   view.c     what is known, for those who show it
 *   persist.c  rows written; restore.c: rows read, and brought to life after a restart;
 *              restore_alert.c: those of alerts, of which there may be many
 */
#ifndef TOLLD_NOTIFY_INTERNAL_H
#define TOLLD_NOTIFY_INTERNAL_H

#include "base/map.h"
#include "base/strbuf.h"
#include "model/matcher_parser.h"
#include "notify/match_index.h"
#include "notify/notify.h"
#include "notify/timers.h"
#include "notify/recent.h"

struct group;
struct flush;

/* -- routes ---------------------------------------------------------------------------------- */

struct route {
	unsigned number; /* in the order in which they are asked */
	char *key;	 /* as Alertmanager writes it: {} for the root, {}/{a="b"} below it */
	char *id;	 /* the same, and #2 and so on where routes before it have that key, too */
	struct matcher_list matchers;
	bool continues; /* its siblings are asked even where it matches */
	struct route *routes;
	size_t n_routes;
	struct match_index index; /* of `routes`, by their places; empty where they are few */
	const struct config_route *config;
	const struct config_receiver *receiver;
	const char **group_by; /* interned, with references */
	size_t n_group_by;
	bool group_by_all;
	struct labels *labels; /* what it says of itself: templates */
	int64_t group_wait_ns, group_interval_ns, repeat_interval_ns;
	int64_t repeat_max_ns;	    /* up to which the interval grows; not below it */
	bool tells_suppressed_ends; /* of alerts that were told as firing */
	/* Silent in the first ones, and outside the others where there are any; the configuration's. */
	const struct config_time_interval **mute, **active;
	size_t n_mute, n_active;
};

/* One thing to tell: an entry of a receiver's email_configs and the like. */
struct integration {
	const char *receiver, *name;
	unsigned index;
	bool send_resolved;
	const struct config_budget *budget; /* NULL, or without a count: no limit */
};

/* Adds what the file says to an empty list, sorted. */
int matchers_build(const struct config_matchers *from, struct matcher_list *ret);
int route_new(const struct config *config, struct route **ret);
void route_free(struct route *route);
DEFINE_FREEP(route)
/*
 * Calls fn for each route that an alert with these labels takes, from the root down: those that match
 * and have none below them that does. Stops at an error and returns it.
 */
typedef int route_match_fn(const struct route *route, void *userdata);
int route_match(
	const struct route *root, const struct labels *labels, route_match_fn *fn, void *userdata);
int route_group_labels(const struct route *route, const struct labels *labels, struct labels **ret);
/* {}:{alertname="X"}: a route's id or key, and the group's labels. */
void route_group_key(const char *route, const struct labels *labels, struct strbuf *out);
/* Whether it is silent at this time, whatever the alerts; and whether for an interval to be silent in. */
bool route_is_silent(const struct route *route, int64_t wall_ms, bool *ret_muted);
/* Each interval that makes it so: those to be silent in, or those to speak in that do not hold. */
typedef bool route_interval_fn(const struct config_time_interval *interval, void *userdata);
void route_silent_by(
	const struct route *route, int64_t wall_ms, route_interval_fn *fn, void *userdata);
size_t receiver_integrations(const struct config_receiver *receiver);
struct integration receiver_integration(const struct config_receiver *receiver, size_t i);
/* Whether the configuration still has it. */
bool integration_exists(
	const struct config *config, const char *receiver, const char *name, unsigned index);

/* -- alerts ---------------------------------------------------------------------------------- */

/* What a flush does with an alert. */
/* HIDE_AND_KEEP: not now, and it stays: it fires, or its end is told when that may be. */
enum verdict { TELL_FIRING, TELL_OVER, HIDE_OVER, HIDE_AND_KEEP, VERDICTS };

/* Why an alert is not told. */
enum suppression { SUPPRESS_NOT, SILENCED, INHIBITED, IN_MUTE_TIME, OUT_OF_TIME, SUPPRESSIONS };

/* An alert's place in a group. */
struct membership {
	struct entry *entry;
	struct group *group;
	size_t index;		 /* in group->members */
	struct membership *next; /* of the same alert */
	enum verdict verdict;	 /* of the look under way */
	enum suppression suppression;
	uint8_t noticed; /* what the last notice of this alert said: notice_suppressed() */
};

struct entry {
	struct alert *alert;
	/*
	 * When it ends, counted from the moment it was put: an end on the wall clock would come and
	 * go with every jump of that clock.
	 */
	int64_t ends_boot_ns;
	int64_t kept_ends_wall_ms; /* the end in its row */
	struct membership *members, *coming;
	/* Silences whose matchers match it, of the first `silences_seen` that were made. */
	struct silence_slot **silences;
	uint32_t n_silences, cap_silences;
	uint64_t silences_seen;
	bool grouped;  /* in all groups that it belongs to */
	bool resolved; /* sticks until the alert is put again */
	bool restored; /* from before the restart, not put since */
	bool kept;     /* its row is as it should be */
};

struct entry *entry_find(const struct notify *notify, uint64_t fingerprint);
/* A new one with its place in the map; takes a reference on the alert. */
int entry_new(struct notify *notify, const struct alert *alert, struct entry **ret);
void entry_free(struct entry *entry);
int entry_put(struct notify *notify, const struct alert *alert, struct instant now);
/* Forgets it and its row. It must be in no group. */
void entry_drop(struct notify *notify, struct entry *entry);
/* Whether it is over by now; finds out about ends that have come. */
bool entry_is_over(struct notify *notify, struct entry *entry, struct instant now);
/* Makes the alert's end now. */
int entry_resolve(struct notify *notify, struct entry *entry, struct instant now);
void entry_keep(struct notify *notify, struct entry *entry);

/* -- inhibition ------------------------------------------------------------------------------ */

struct inhibitor;

int inhibitor_new(const struct config *config, struct inhibitor **ret);
void inhibitor_free(struct inhibitor *inhibitor);
DEFINE_FREEP(inhibitor)
/* An alert comes, or goes: its labels are those of its life. */
int inhibitor_add(struct inhibitor *inhibitor, struct entry *entry);
void inhibitor_remove(struct inhibitor *inhibitor, const struct entry *entry);
/* It began to fire, or is over. */
void inhibitor_note(struct inhibitor *inhibitor, const struct entry *entry);
/* One alert that fires and inhibits alerts with these labels, or NULL. */
const struct entry *inhibited_by(
	struct notify *notify, const struct labels *labels, struct instant now);

/* -- silences -------------------------------------------------------------------------------- */

/* A silence's place: the same for whatever it is changed to under its id. */
struct silence_slot {
	struct silence *silence;
	uint64_t number; /* counted from 1, as they were made */
	int place;	 /* in the index */
};

struct silence_set {
	struct map ids;		 /* id -> struct silence_slot */
	struct silence_slot **v; /* by number */
	size_t n, cap;
	uint64_t made;		  /* the last number given */
	struct match_index index; /* of slots */
};

/* The next silence that is active and matches, of those after *at; 0 to begin. NULL: no more. */
const struct silence *entry_silenced_by(
	struct notify *notify, struct entry *entry, int64_t wall_ms, size_t *at);
/* Takes a restored one, whose id nobody has, as it is; not on failure. -ENOSPC, -ENOMEM. */
int silence_adopt(struct notify *notify, struct silence *silence);
/* Forgets those that are long over. */
void silences_sweep(struct notify *notify, int64_t wall_ms);
void silences_release(struct notify *notify);

/* -- the log --------------------------------------------------------------------------------- */

/* Fingerprints, sorted. */
struct fingerprints {
	const uint64_t *v;
	size_t n;
};

struct log_entry {
	/*
	 * When the receiver was told. The age is taken from the boot clock, so that a jump of the
	 * wall clock repeats nothing; the wall clock carries it over a reboot.
	 */
	int64_t at_boot_ns, at_wall_ms;
	int64_t repeat_ns; /* at that time: it is forgotten long after it */
	uint64_t boot_id;  /* at_boot_ns belongs to this boot; used by the first configure */
	char id[33];
	/* Owed: told as firing once, then left out because they were suppressed; their ends are still to be told. */
	size_t n_firing, n_resolved, n_owed;
	uint64_t hashes[]; /* firing, resolved, owed; each part sorted */
};

struct log_entry *log_entry_new(
	struct fingerprints firing, struct fingerprints resolved, struct fingerprints owed);
struct fingerprints log_firing(const struct log_entry *entry);
struct fingerprints log_resolved(const struct log_entry *entry);
struct fingerprints log_owed(const struct log_entry *entry);
/* {}:{alertname="X"}:receiver/email/0 */
void log_key(struct strbuf *out, const char *group_id, const char *receiver,
	const char *integration, unsigned index);
struct log_entry *log_find(const struct notify *notify, const char *key);
/* Makes sure that log_set() has its place; without it log_unreserve() gives the place back. */
int log_reserve(struct notify *notify, const char *key);
void log_unreserve(struct notify *notify, const char *key);
/* Takes the entry; cannot fail after log_reserve(). */
void log_set(struct notify *notify, const char *key, struct log_entry *entry);
/*
 * The receiver may have been told this besides what the log says, or not: from now on only what both
 * say counts as told, and something counts as told to fire. For log_reserve()d places; -ENOMEM.
 */
int log_doubt(struct notify *notify, const char *key, const struct log_entry *maybe);
/* Forgets what is too old. */
void log_sweep(struct notify *notify, struct instant now);
/* The wall clock jumped: what the rows say must be true after a reboot, too. */
void log_wall_jumped(struct notify *notify, struct instant now);
void log_release(struct notify *notify);

/* -- dedup ----------------------------------------------------------------------------------- */

enum reason {
	REASON_NONE, /* nothing to tell */
	REASON_FIRST,
	REASON_NEW_ALERTS,
	REASON_SOME_RESOLVED,
	REASON_ALL_RESOLVED,
	REASON_REPEAT,
	REASON_DIGEST, /* of what was withheld */
	REASONS,
};

/* `told`: what the receiver was told last, or NULL. */
enum reason dedup(const struct log_entry *told, struct fingerprints firing,
	struct fingerprints resolved, bool send_resolved, int64_t repeat_ns, int64_t now_boot_ns);
const char *reason_text(enum reason reason);
/* REASON_NONE for a text that is none. */
enum reason reason_parse(const char *text);
bool fingerprints_subset(struct fingerprints part, struct fingerprints whole);
/* What is in both, or where `all` in either, sorted, into out[]; returns how many. */
size_t fingerprints_join(struct fingerprints a, struct fingerprints b, bool all, uint64_t *out);
void fingerprints_sort(uint64_t *v, size_t n);

/* -- ends that are owed ---------------------------------------------------------------------- */

/* What those of a receiver who hear of ends were told last of one group. */
struct creditors {
	const struct log_entry **v;
	size_t n;
};

/* None where the group's route has no such setting. The caller releases; -ENOMEM. */
int creditors_find(const struct notify *notify, const struct group *group, struct creditors *ret);
void creditors_release(struct creditors *creditors);
/* Whether one of them was told that this fires, and not that it is over. */
bool creditors_wait_for(const struct creditors *creditors, const struct alert *alert);
/* What the log says once all of the flush is told to one whose log says `told`, or nothing. NULL: no memory. */
struct log_entry *log_entry_after(const struct flush *flush, const struct log_entry *told);

/* -- groups and flushes ---------------------------------------------------------------------- */

/* What others call a group by. */
struct group_name {
	const char *id;	 /* no other group has it: in rows and in the log */
	const char *key; /* what receivers see; two routes that say the same share it */
	const struct labels *labels;
	const struct labels *route_labels; /* only for attempt_new(); or NULL */
};

struct group {
	struct group_name name; /* with texts and a reference of its own */
	const struct route *route;
	struct membership **members;
	size_t n, cap;
	const struct route *route_coming;
	size_t n_coming; /* members after the configuration that is being made */
	struct timer timer;
	bool fresh;	     /* made by the configuration that is being made */
	bool flushed;	     /* group_wait is over; group_interval rules */
	bool due;	     /* its time came while a flush was under way */
	struct flush *flush; /* the one under way, or NULL */
};

struct flush_alert {
	struct alert *stored; /* as it was: to see whether it changed under way */
	struct alert *shown;  /* as it is told: without an end while it fires */
};

/* What one turn of a group's timer tells; lives until all its attempts are over. */
struct flush {
	struct group *group; /* NULL when the group is gone */
	/* Firing first, then what is over, each part sorted by alert_compare(); then hidden ones. */
	struct flush_alert *alerts;
	size_t n, n_firing; /* to tell */
	size_t n_hidden;    /* over, and not to be told: they leave the group all the same */
	/* Firing, resolved, then what is hidden and kept of a route that tells its end; each part sorted. */
	uint64_t *hashes;
	size_t n_veiled;
	struct instant at;
	int64_t give_up_boot_ns;
	size_t n_open; /* attempts */
	bool failed;   /* one was given up: what is over stays, to be told again */
};

struct group *group_find(const struct notify *notify, const char *id);
void group_free(struct notify *notify, struct group *group);
/* Into all the groups that it belongs to. */
int groups_add(struct notify *notify, struct entry *entry, struct instant now);
/* Out of them all. */
void groups_remove(struct notify *notify, struct entry *entry);
/* All alerts into the groups of a new route; all or, with an error, nothing. */
int groups_route_anew(struct notify *notify, const struct route *route, struct instant now);
void group_tick(struct notify *notify, struct group *group, struct instant now);
/*
 * Sorts and hashes; takes the array over, also on failure. n counts those that are told. The flush has room for
 * the hashes of n_veiled others, of which it has none yet.
 */
int flush_new(struct flush_alert *alerts, size_t n, size_t n_firing, size_t n_hidden,
	size_t n_veiled, struct instant at, struct flush **ret);
/* One more, out of order until fingerprints_sort(). */
void flush_veil(struct flush *flush, uint64_t fingerprint);
void flush_free(struct flush *flush);
struct fingerprints flush_firing(const struct flush *flush);
struct fingerprints flush_resolved(const struct flush *flush);
struct fingerprints flush_veiled(const struct flush *flush);
/* One attempt is over. */
void flush_attempt_over(struct notify *notify, struct flush *flush, bool told, struct instant now);

/* -- attempts -------------------------------------------------------------------------------- */

struct attempt {
	struct notification *notification;
	struct flush *flush;
	struct log_entry *entry; /* for the log, when it is told */
	char *log_key;
	char *group_id;
	struct timer timer;
	bool sending;  /* put out; notify_sent() will tell */
	bool in_doubt; /* from before the restart: it may have arrived */
	int64_t sent_boot_ns;
	int64_t backoff_ns;
	struct budget *budget; /* that it draws on; or NULL */
	struct digest *digest; /* that it is of; or NULL, as for all others */
	unsigned tries;
	char *words; /* of the last try that failed, or NULL */
};

/* Begins at the next step; `id` NULL for a new one. On failure nothing is left behind. */
int attempt_new(struct notify *notify, struct flush *flush, const struct integration *integration,
	const struct group_name *group, enum reason reason, int64_t repeat_ns, const char *id,
	struct attempt **ret);
void attempt_free(struct notify *notify, struct attempt *attempt);
void attempt_try(struct notify *notify, struct attempt *attempt, struct instant now);
void attempt_tick(struct notify *notify, struct attempt *attempt, struct instant now);

/* -- budgets and digests --------------------------------------------------------------------- */

/* Of so many notifications in so long, the last quarter is kept for digests. */
struct budget {
	char *key;
	int64_t count; /* 0: nobody is limited by it any more */
	struct recent recent;
	int64_t in_flight;
	int64_t coming_count, coming_ns; /* of the configuration that is being made */
	/* Of its row, until the first configuration. */
	bool restored;
	int64_t head_wall_ms;
	uint64_t boot_id;
};

/* What one integration was not told because of its budget, and when it will be. */
struct digest {
	char *key; /* team/email/0 */
	char *receiver, *integration;
	unsigned index;
	struct budget *budget; /* NULL: it has none, or none any more */
	struct budget *coming; /* of the configuration that is being made */
	size_t n_withheld;
	int64_t next_boot_ns; /* not before then */
	struct timer timer;
	struct attempt *under_way;
};

/* Of one group. */
struct withheld {
	struct digest *digest;
	struct labels *labels;
	char *name;		 /* of its first alert */
	size_t firing, resolved; /* alerts, as they were last */
	size_t notifications;
	size_t in_digest; /* of these, in the one under way */
	int64_t first_wall_ms;
};

struct digests {
	struct map budgets;  /* key -> struct budget */
	struct map by_key;   /* key -> struct digest */
	struct map withheld; /* the log's key -> struct withheld */
};

/* The one of that name, or a new one. */
int budget_make(struct notify *notify, const char *key, struct budget **ret);
int digest_make(struct notify *notify, const char *receiver, const char *name, unsigned index,
	struct digest **ret);
void withheld_free(struct withheld *withheld);
/* "the budget of 400 in 1d is used up" */
void budget_describe(int64_t count, int64_t per_ns, struct strbuf *out);
/* Puts out what was withheld, and notes which it was. -ENOMEM: nothing was done. */
int digest_send(struct notify *notify, struct digest *digest, const struct integration *to,
	struct instant now);
/* All that can fail of a new configuration: places for what its integrations need. */
int digests_prepare(struct notify *notify, const struct config *config);
/* notify->config is in force. */
void digests_configure(struct notify *notify, struct instant now);
/* Whether the budget holds back what is to be told now: then digest_add() has to be called. -ENOMEM. */
int digest_withholds(
	struct notify *notify, const struct integration *to, struct instant now, bool *ret);
/* Takes note of it, durably. -ENOMEM: not done. `log_key` names group and integration. */
int digest_add(struct notify *notify, const struct integration *to, const char *log_key,
	const struct group *group, const struct flush *flush, struct instant now);
/* That nothing fires any more, and nobody is told, of what may have been withheld before. */
void digest_note_over(struct notify *notify, const char *log_key, size_t n_resolved);
/* For the log of notifications: "400 in 1d are sent". */
void digest_explain(struct notify *notify, const struct integration *to, struct strbuf *out);
void digest_tick(struct notify *notify, struct digest *digest, struct instant now);
/* Of the attempt at a digest, and of any other: it draws on a budget while it is under way. */
void digest_over(struct notify *notify, struct digest *digest, bool told, struct instant now);
int budget_begin(struct notify *notify, struct attempt *attempt, const struct integration *to);
void budget_end(struct notify *notify, struct attempt *attempt);
void budget_spend(struct notify *notify, struct budget *budget, struct instant now);
int digests_keep_all(struct notify *notify, struct instant now);
void digests_release(struct notify *notify);

/* -- tallies --------------------------------------------------------------------------------- */

/* More kinds than Alertmanager has; what comes beyond is not counted. */
#define MAX_TALLIES 32

void count_notification(struct notify *notify, const char *integration);
void count_request(struct notify *notify, const char *integration, bool told, int64_t took_ns);
void count_failure(struct notify *notify, const char *integration, bool refused);

/* -- notices --------------------------------------------------------------------------------- */

void notice_attempt(struct notify *notify, const struct attempt *attempt,
	enum notice_outcome outcome, const char *words, struct instant now);
/* Of the members that the look just taken left out: those of which that was not told yet. */
void notice_suppressed(struct notify *notify, struct group *group, struct instant now);
/* One integration is not told of a flush, for a reason of its own: static text. */
void notice_kept_back(struct notify *notify, const struct flush *flush, const struct group *group,
	const struct integration *to, const char *reason, const char *why);

/* -- rows ------------------------------------------------------------------------------------ */

/* Each puts out one row; -ENOMEM where it could not be written down. */
int persist_alert(struct notify *notify, const struct entry *entry);
int persist_group(struct notify *notify, const struct group *group, struct instant now);
int persist_log(struct notify *notify, const char *key, const struct log_entry *entry);
int persist_silence(struct notify *notify, const struct silence *silence);
int persist_outbox(struct notify *notify, const struct attempt *attempt);
int persist_budget(struct notify *notify, const struct budget *budget, struct instant now);
int persist_withheld(struct notify *notify, const char *key, const struct withheld *withheld);
void persist_delete(struct notify *notify, enum notify_output_type type, const char *key);
void persist_alert_key(char out[17], const struct alert *alert);

/* What was restored and waits for the first configuration. */
struct restored {
	struct map groups; /* id -> struct restored_group */
	struct restored_send *sends;
	size_t n_sends, cap_sends;
	struct label_text *texts; /* room for the labels of one alert at a time */
	size_t n_texts, cap_texts;
	bool clocks_set;
};

/* The row of an alert. */
int restore_alert(struct notify *notify, const char *key, const char *value);
/* Ends and ages from the rows' clocks onto this boot's. Before the alerts are routed. */
void restore_clocks(struct notify *notify, const struct config *config, struct instant now);
/* The timer that the group had before the restart; false where it had none. */
bool restore_group(struct notify *notify, struct group *group, struct instant now);
/* What was in the outbox becomes attempts again; rows without use are deleted. */
void restore_finish(struct notify *notify, struct instant now);
void restore_release(struct notify *notify);

/* -- the machine ----------------------------------------------------------------------------- */

struct notify {
	struct notify_limits limits;
	notify_output_fn *output;
	void *userdata;
	uint64_t random[2];
	struct config *config; /* NULL before the first notify_configure() */
	struct route *route;   /* NULL where the configuration has none */
	struct inhibitor *inhibitor;
	struct map alerts; /* fingerprint -> struct entry */
	struct map groups; /* id -> struct group */
	struct map log;	   /* key -> struct log_entry, NULL for a reserved place */
	struct silence_set silences;
	struct map attempts; /* id -> struct attempt */
	struct digests digests;
	struct timers timers;
	struct timer sweep;
	struct strbuf row; /* room for one row at a time */
	struct restored restored;
	bool configured;
	int64_t wall_offset_ms; /* the wall clock ahead of the boot clock, when last looked */
	struct notify_stats stats;
	struct notify_tally tallies[MAX_TALLIES];
	size_t n_tallies;
};

uint64_t notify_random(struct notify *notify);
/* A hundred years at most, so that sums of a few never overflow. */
int64_t ns_of_ms(int64_t ms);

#endif
