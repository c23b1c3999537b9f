/*
 * service.h - the services as a pure state machine: notices and looks in, with their time; events out.
 *
 * It reads no clock, no socket and no file. What it wants done (look who listens, ask which processes
 * live) it says by deadlines; whoever drives it does that and hands the answer in. Notices may come
 * in any order and may be missing: an exit always wins over whatever else says that a process lives.
 */
#ifndef TOLLD_WATCH_SERVICE_H
#define TOLLD_WATCH_SERVICE_H

#include "watch/backend.h"
#include "watch/owners.h"

#define SERVICE_COOKIES_MAX 16
/* Ports of a service at no address that are told of at once; of more, only looks tell. */
#define SERVICE_PORTS_MAX 8

struct services;

/* What is known of a service beside its processes: of a unit, from systemd. */
struct standing {
	bool failed;	/* it is down, whatever lives */
	bool may_end;	/* that its process ends well is no fault */
	bool empty_ok;	/* as things stand it is up without any */
	bool main_told; /* its owner was told to be the main process, not found to look like it */
};

struct service {
	struct services *set;
	struct selection *selection; /* that it is of; NULL: none */
	uint32_t number;
	char *name;
	char *selector;
	enum selector_kind kind;
	enum service_expect expect;
	struct labels *labels; /* may be NULL */
	struct unit *of_unit;  /* that it is; NULL: it is none */
	struct unit_info unit_info;
	bool has_unit_info;
	int64_t restarts_ahead; /* systemd's count of restarts, when ours was 0 */
	char *cgroup;		/* of the owner, or of the last one; NULL: not known */
	char *unit;
	bool has_endpoint; /* else it is a single process */
	struct endpoint endpoint;
	void *userdata, *figures_userdata;
	struct measured *measured; /* the meter's; NULL: nothing is measured yet */

	enum service_state state; /* as last known */
	struct instant since;
	bool doubtful; /* notices were lost, or nobody has looked yet */
	bool unasked;  /* nobody has looked yet: a resync does not end the doubt */

	struct process owner;		 /* pid 0: none, or nobody knows */
	pid_t last_pid;			 /* of the owner, or of the last one */
	struct service *next_in_bucket;	 /* of those with an owner */
	int64_t missing_boot_ns;	 /* since when it is not among the living; 0: it is */
	struct tolld_signal last_signal; /* sent to the owner */

	uint64_t cookies[SERVICE_COOKIES_MAX]; /* of the open listeners */
	size_t n_cookies;
	bool opened_unnamed; /* one came whose cookie is not known until the next look */
	bool listening;
	uint16_t ports[SERVICE_PORTS_MAX]; /* of its listeners, where it is at no address */
	size_t n_ports;
	size_t processes;	/* that fitted at the last look, of a selection */
	int64_t opened_boot_ns; /* when a listener was last told to have come */
	int64_t moved_boot_ns; /* since when listeners are said to have changed; 0: that was looked at */

	/* Of one that is not at an address, what else decides whether it is up: */
	struct standing standing;

	unsigned deaths, restarts;
	bool died;
	bool died_since_up;
	bool recalled;	       /* a death before tolld was started, or that there was none */
	int64_t lived_boot_ns; /* the last process, as far as is known */
	struct death last_death;

	int64_t look_boot_ns; /* when to look who listens; BOOT_NS_NEVER: not wanted */
	unsigned looks_in_vain;
	struct service *next_waiting, **at_waiting; /* among those that wait for time */
};

struct service_ops {
	watch_event_fn *on_event;
	/*
	 * May be missing. The owner has exited cleanly: which process of its family holds its
	 * listener now, or is the service where that is at no address? False: none.
	 */
	bool (*heir)(struct service *service, const struct notice *exit, struct process *ret,
		void *userdata);
	/* Something that people see has changed. May be missing. */
	void (*on_change)(struct service *service, void *userdata);
	/* Nobody needs to hear of this process any more. May be missing. */
	void (*release)(const struct process *process, void *userdata);
	void *userdata;
};

/*
 * Identities that are dead, and sockets that are closed, whatever comes in late. Numbers are given in a row:
 * a tomb lasts until so many others have one, however many die at once.
 */
#define TOMBS	  8192
#define CLOSED	  512
#define OOM_MARKS 16

struct tomb {
	pid_t pid;
	int64_t start_boot_ns;
};

struct oom_mark {
	struct process process;
	pid_t thread;
	int64_t at_boot_ns;
	struct oom oom;
};

#define SERVICE_BUCKETS 1024

struct services {
	struct service_ops ops;
	struct service **items;
	size_t n, cap;
	struct service *by_pid[SERVICE_BUCKETS]; /* by their owner's */
	/* Few of many want a look, or have a death that more may be told of: only those are gone through. */
	struct service *waiting, **waiting_end;
	uint32_t last_number;
	struct tomb *tombs; /* by pid; NULL: nobody has died yet, or there is no memory */
	uint64_t closed[CLOSED];
	size_t n_closed;
	struct oom_mark ooms[OOM_MARKS];
	size_t n_ooms;
	int64_t resync_boot_ns;
	uint64_t resyncs;
};

/* Resync at least this often: cheap, and whatever went wrong ends there. */
#define RESYNC_EVERY_NS (60 * NSEC_PER_SEC)
/* An OOM mark may follow the exit; that long a cause is not final. */
#define OOM_FOLLOWS_NS (100 * NSEC_PER_MSEC)

void services_init(struct services *set, const struct service_ops *ops, struct instant now);
void services_release(struct services *set);

/* A service that is whoever listens at `endpoint`, or, with NULL, the one process handed in later. */
int services_add(struct services *set, const char *name, const char *selector,
	const struct endpoint *endpoint, struct instant now, struct service **ret);
void services_remove(struct service *service);

void services_notice(struct services *set, const struct notice *notice, struct instant now);

/* What a look found. */
struct look {
	uint64_t cookies[SERVICE_COOKIES_MAX]; /* of listeners that serve the endpoint */
	size_t n_cookies;
	/*
	 * Who holds them, the best first; each is watched by the backend already. With attributed
	 * false nobody asked, because the cookies are those that are known.
	 */
	bool attributed;
	struct process owners[OWNERS_MAX];
	size_t n_owners;
	/* Who holds them besides is dead, and not yet so far as to close them. */
	bool dying;
};

void services_look(struct service *service, const struct look *look, struct instant now);
/* Are these listeners the ones whose owner is known and lives? Then nobody needs to search /proc. */
bool service_knows_listeners(const struct service *service, const uint64_t *cookies, size_t n);
/* A listener that closes can still be seen for an instant. */
bool services_is_closed(const struct services *set, uint64_t cookie);
bool services_is_dead(const struct services *set, const struct process *process);

/* Releases a process that no service is. */
void services_let_go(struct services *set, const struct process *process);

/* The service is this process from now on. */
void services_adopt(struct service *service, const struct process *process, struct instant at);

/* The same, where the process became what it is just now: whatever it was before, it is a start. */
void services_started(struct service *service, const struct process *process, struct instant at);

/*
 * For services that are at no address. What systemd said, or that somebody has looked for its
 * processes: both end the doubt that nobody has asked.
 */
void services_stand(struct service *service, const struct standing *standing, struct instant at);
/* Its process is not one of it any more, though no fault is known. */
void services_leave(struct service *service, struct instant at);
/*
 * A life was missed: it began and ended before anybody could watch, or only systemd saw how. Counted
 * as a death, and as a restart where the service is up or up again afterwards.
 */
void services_missed(struct service *service, const struct death *death, struct instant at);
/* Its process is dead, and nobody was told how: found while another took its place. */
void services_owner_gone(struct service *service, struct instant now);
/* Of a service that is expected to listen: the sockets that its processes have. */
void services_listens(
	struct service *service, const uint64_t *cookies, size_t n, struct instant now);
/* Lived it already when the service's last process died? Then it is no restart. */
bool service_outlived(const struct service *service, const struct process *process);
/* What is told of it may be incomplete: its state is unknown until somebody has looked. */
void services_doubt(struct service *service);
/* More is known of why it is as it is than its last death says. */
void service_told_more(struct service *service);
/* The services that this process is, one after the other: NULL first, NULL at the end. */
struct service *services_of(
	const struct services *set, const struct process *process, const struct service *after);

/* The answer to a resync: all watched processes that live, in the order of process_compare(). */
void services_resynced(
	struct services *set, const struct process *living, size_t n, struct instant now);
/* By pid, for qsort() and bsearch(). */
int process_compare(const void *a, const void *b);

/* When services_due() wants to be called, or a look or a resync is due. */
int64_t services_next_deadline(const struct services *set);
/* Whatever only waits for time. */
void services_due(struct services *set, struct instant now);
/* The next service that wants a look by now; NULL: none. A look clears its wish. */
struct service *services_wants_look(const struct services *set, struct instant now);
/* It could not be done: whatever is due by now waits for a second. */
void services_put_off(struct services *set, struct instant now);
bool services_wants_resync(const struct services *set, struct instant now);

#endif
