/*
 * history.h - what became of each service: starts, deaths, listeners, hangs; over restarts of tolld.
 *
 * Pure: it is told what the watch tells, with the time, and says which rows are to be kept; whoever
 * drives it brings them to a disk and back. Services are known by name. Bounded by age and number,
 * for each service and in all; what is too much goes, the oldest first.
 */
#ifndef TOLLD_WATCH_HISTORY_H
#define TOLLD_WATCH_HISTORY_H

#include "watch/watch.h"

#define HISTORY_PER_SERVICE 200
#define HISTORY_TOTAL	    20000
#define HISTORY_AGE_NS	    (90 * 24 * 3600 * NSEC_PER_SEC)
/* Restarts are counted over this. */
#define HISTORY_RECENT_NS (3600 * NSEC_PER_SEC)

enum history_kind {
	HISTORY_START,	       /* a process came to be the service */
	HISTORY_DEATH,	       /* its process died */
	HISTORY_LISTENER_GONE, /* its process lives and listens no more */
	HISTORY_LISTENER_BACK,
	HISTORY_LEFT,  /* its process ended with its work done, or became another program */
	HISTORY_STATE, /* it is up or down for another reason: systemd said so */
	HISTORY_HUNG,  /* threads of it hang, where none did */
	HISTORY_HUNG_OVER,
	HISTORY_OOM, /* the kernel killed a process of it for lack of memory, and not its main one */
	HISTORY_KINDS,
};

/* One of the threads that hang; the event has its process. */
struct history_hang {
	pid_t thread;
	unsigned threads;  /* that hang */
	char waits_in[64]; /* a function of the kernel; "": not known */
};

struct history_event {
	int64_t id;
	enum history_kind kind;
	struct instant at;	  /* of the boot clock, an estimate where tolld was started since */
	enum service_state state; /* from then on */
	pid_t pid;		  /* 0: not known */
	int64_t start_boot_ns;	  /* 0: not known, or of an earlier boot */
	char comm[WATCH_COMM_MAX];
	bool found;		   /* HISTORY_START: it ran when tolld looked for the first time */
	bool restart;		   /* HISTORY_START: another process was the service before */
	struct death *death;	   /* HISTORY_DEATH */
	struct history_hang *hang; /* HISTORY_HUNG */
	bool told;		   /* for the caller's use: false at first */

	/* Of the same service; NULL at the ends. */
	struct history_event *older, *newer;
	/* private */
	struct history_list *list;
	struct history_event *older_of_all, *newer_of_all, *next_unkept;
	bool unkept, gone, restored;
};

struct history;

/* One row to be written, or with `row` NULL to be deleted. False: it cannot be done now; it is asked again. */
typedef bool history_keep_fn(
	int64_t id, const char *service, int64_t at_wall_ms, const char *row, void *userdata);

struct history_options {
	history_keep_fn *keep; /* may be missing */
	/* Whether this process of this boot is still there. May be missing: then nobody is. */
	bool (*lives)(pid_t pid, int64_t start_boot_ns);
	void *userdata;
	uint64_t boot_id; /* of this boot of the machine: start times are comparable within one */
	size_t per_service, total; /* 0: the usual */
};

int history_new(const struct history_options *options, struct history **ret);
void history_free(struct history *history);
DEFINE_FREEP(history)

/* A row that was kept; in the order of their ids. -EINVAL where it cannot be read, -ENOMEM. */
int history_restore(struct history *history, int64_t id, const char *service, int64_t at_wall_ms,
	const char *row, struct instant now);

/*
 * What the watch told of a service. The event that it became, which stays until the next call; NULL:
 * it is none (or memory is out). SERVICE_CAUSE changes the last death.
 */
struct history_event *history_note(struct history *history, const struct service_info *info,
	enum service_event what, struct instant now);

/*
 * Threads of it hang, one of them in the process `pid`; `hang` NULL: none does any more. NULL as above, where
 * that is known already, or its death has ended it.
 */
struct history_event *history_note_hang(struct history *history, const struct service_info *info,
	pid_t pid, const struct history_hang *hang, struct instant now);
/*
 * The kernel killed a process in its control group for lack of memory. Should it turn out to have been its main
 * process, that death tells it, and this event goes.
 */
struct history_event *history_note_oom(
	struct history *history, const struct service_info *info, struct instant now);

/* What happened to it while tolld did not run is known. */
bool history_has_met(const struct history *history, const char *service);
/*
 * Since when it is in this state, as far as its events tell, those before tolld was started among them.
 * False, with *ret_wall_ms untouched, where the newest tells of another state or there is none.
 */
bool history_since(const struct history *history, const char *service, enum service_state state,
	int64_t *ret_wall_ms);

/*
 * For a service that remembers no death itself: its last one; NULL: none, or it is too early to say.
 * That it died while tolld did not run is found here.
 */
const struct death *history_meet(
	struct history *history, const struct service_info *info, struct instant now);

const char *history_service(const struct history_event *event);
/* The newest event of the service, and the newest of a kind, or NULL. */
struct history_event *history_last(const struct history *history, const char *service);
struct history_event *history_last_of_kind(
	const struct history *history, const char *service, enum history_kind kind);
/* How often it was started anew within HISTORY_RECENT_NS. */
unsigned history_restarts(const struct history *history, const char *service, struct instant now);
/*
 * Adds to a sentence about the service how often that was: "; restarted 3 times in the last hour". Nothing
 * where there were none, and nothing to an empty text.
 */
void history_describe_restarts(
	const struct history *history, const char *service, struct instant now, struct strbuf *out);

bool history_wants_keeping(const struct history *history);
/* Writes what is to be kept, at most `most` rows. False: some are left. */
bool history_flush(struct history *history, size_t most);
void history_expire(struct history *history, struct instant now);
/* The wall clock was set: what happened since tolld started happened at other times. */
void history_wall_jumped(struct history *history, int64_t by_ms, struct instant now);
size_t history_events(const struct history *history);

const char *history_kind_name(enum history_kind kind);

/* -- rows -- */

/* Adds a row's text. */
int history_row_write(const struct history_event *event, uint64_t boot_id, struct strbuf *out);
/* Fills in all but id and links; event->at is there already. */
int history_row_read(const char *row, uint64_t boot_id, struct history_event *event);

#endif
