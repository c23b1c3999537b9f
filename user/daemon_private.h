/*
 * daemon_private.h - what the files of the daemon share: the modules, and who hands what to whom.
 */
#ifndef TOLLD_DAEMON_PRIVATE_H
#define TOLLD_DAEMON_PRIVATE_H

#include "api/api.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/map.h"
#include "base/privilege.h"
#include "daemon.h"
#include "deliver/deliver.h"
#include "deliver/forward.h"
#include "notify/notify.h"
#include "rules/rules.h"
#include "scrape/scrape.h"
#include "store/store.h"
#include "watch/history.h"
#include "watch/pin.h"

struct daemon {
	const struct daemon_options *options;
	sd_event *event;
	sd_event_source *timer; /* the earliest deadline of all state machines */
	int64_t armed_boot_ns;	/* what the timer waits for; 0: nothing */
	sd_event_source *housekeeping;
	sd_event_source *clock_source;
	struct histogram turns_s; /* how long the loop was busy with one event */
	int clock_fd;		  /* is cancelled when somebody sets the wall clock */
	int64_t skew_ms;	  /* wall clock minus boot clock, when last looked at */

	bool drops; /* it becomes this user once it has what only root gets: */
	struct account account;
	struct pins_owner pins_owner;
	int *sockets; /* of options->listen, until they are served; -1: there is none */

	struct config *config;
	struct net *net;
	struct tsdb *db;
	struct store_files *files; /* the samples'; NULL: they are in memory alone */
	struct store *store;
	struct history *history;
	char boot_name
		[64];	  /* which boot of the machine this is; "" where the kernel does not tell */
	uint64_t boot_id; /* its hash */
	struct watch *watch; /* NULL: deaths are not heard, only scraped */
	struct scrape *scrape;
	struct rules *rules;
	struct notify *notify;
	struct deliver *deliver;
	struct forward *forward;
	struct api *api;
	struct figures *figures; /* NULL: nothing is watched */

	struct chosen *chosen; /* selections of the settings */
	size_t n_chosen, cap_chosen;
	struct map services; /* those of selections, by name */
	sd_event_source *services_timer;
	struct map targets; /* {instance, job or NULL}, both interned, to a target */
	struct send *sends; /* deliveries that wait for the disk or for the server */
	char *external_url;
	char hostname[256];
	struct instant started;
	bool ready;
	bool settled; /* alerts from before the restart are confirmed or over */
	bool stopping;
	int64_t rules_rest_boot_ns; /* until then no event makes rules be evaluated */
	uint64_t written_when_trimmed;
	int64_t first_notice, next_notice; /* ids of the log of notifications */
	bool notices_lost;		   /* told that the disk did not take some */
	bool rows_lost; /* the disk refused rows: they must all be written anew */
	bool writes_anew;
	bool disk_full; /* told, and not that there is room again */
	int settle_err; /* why what is in memory could not go to the disk when it was tried last */
	uint64_t reloads_ok, reloads_failed;
	int64_t reload_wall_ms, failed_wall_ms; /* of the last good and the last failed reload */
	bool reload_ok;
};

/* daemon_full.c: a disk that was full at the start. */
void full_tell(struct daemon *d);
/* Now and then: whether there is room. */
void full_check(struct daemon *d);

/* daemon_wall.c: the wall clock, where it starts behind the samples and where it jumps. */
int wall_start(struct daemon *d);
/* When the samples of before are there, and before anybody asks for the time: where it goes on. */
int wall_meet_samples(struct daemon *d);
/* Now and then: whether a clock that was behind is right now. */
void wall_check(struct daemon *d);
void wall_stop(struct daemon *d);

/* daemon_loop.c: the one timer. */
int loop_start(struct daemon *d);
/* Until sd_event_exit(): its code, or a negative errno. */
int loop_run(struct daemon *d);
void loop_stop(struct daemon *d);

/* daemon_rights.c: who tolld is to be, and becoming that. The first is asked before anything is made. */
int rights_plan(struct daemon *d);
int rights_drop(struct daemon *d);

/* daemon_samples.c: the sample store, in memory and then with its files; and its end. */
int samples_start(struct daemon *d);
int samples_open(struct daemon *d, const char *storage);
void samples_configure(struct daemon *d, const struct config *config);
void samples_stop(struct daemon *d);

/* daemon_status.c: for the API. */
void status_runtime(struct api_runtime *ret, void *userdata);
void status_flags_of(api_flag_fn *fn, void *to, void *userdata);

/* daemon_targets.c: targets on this machine tied to the processes that serve them. */
int targets_start(struct daemon *d);
/* Whether host:port is where this daemon listens itself. */
bool daemon_is_own_address(const struct daemon_options *options, const char *address);
/* After scrape_configure(): new targets get their service. */
void targets_tie(struct daemon *d);
void targets_stop(struct daemon *d);
/* A sample that says that this target is down is in the store. */
void targets_sampled(const struct target *target);

/* daemon_causes.c: what an alert with these labels, of a rule with this expression, is told with. */
void causes_of(const struct labels *labels, const struct promql_expr *expr, struct strbuf *out,
	void *userdata);

/* host:port or [v6]:port with a numeric host, or localhost: no name is asked for on the loop. */
bool daemon_parse_address(const char *text, struct sockaddr_storage *ret);

/* --storage.path, or where it is without. */
const char *daemon_storage(const struct daemon_options *options);

/* daemon_services.c: services of the section `watch`, and their series. */
int services_start(struct daemon *d);
void services_configure(struct daemon *d, const struct config *config);
void services_stop(struct daemon *d);
void services_on_event(struct daemon *d, struct service *service, enum service_event what,
	const struct service_info *info);
void services_on_added(struct service *service, void *selection_userdata, void *userdata);
void services_on_removed(struct service *service, void *userdata);
void services_on_systemd(const char *why, void *userdata);
/* Which service these labels of an alert are of, NULL: none. */
const struct service *services_find(const struct daemon *d, const struct labels *labels);
/* Samples from before the jump are out of sight: new ones come at once. */
void services_wall_jumped(struct daemon *d, struct instant now);

/* What all series of a selected service have, but for the label `service`. */
void services_labels(
	const struct daemon *d, const struct service_info *info, struct labels_builder *b);

/* daemon_figures.c: what services use, how they fare and what tolld counts, as samples. */
int figures_start(struct daemon *d);
void figures_stop(struct daemon *d);
/* So many services are about to be added by the settings: of very many, fewer figures become samples. */
void figures_expect(struct daemon *d, size_t n_services);
/* With the labels of its target, or NULL for one that was selected. */
void figures_added(struct daemon *d, struct service *service, const struct labels *target);
void figures_removed(struct daemon *d, struct service *service);
void figures_event(struct daemon *d, struct service *service, enum service_event what);
/* Is there a target that is tolld itself? */
void figures_own_scraped(struct daemon *d, bool scraped);
void figures_wall_jumped(struct daemon *d, struct instant now);

/* daemon_history.c: what became of services, on the disk. */
int past_start(struct daemon *d);
/* Services that were made anew learn what is known of them. */
void past_meet(struct daemon *d);
void past_meet_service(struct daemon *d, struct service *service);
/* Hands to the disk what it has room for. */
void past_keep(struct daemon *d);
void past_stop(struct daemon *d);
/* Threads of it hang, where none did, or none does any more: as its figures say. */
void past_hung(struct daemon *d, struct service *service);
/* The kernel killed a process of its group for lack of memory. */
void past_oom_killed(struct daemon *d, struct service *service);

/* daemon_notify.c: alerts to groups, groups to disk and to the mail server. */
int alarms_start(struct daemon *d);
int alarms_configure(struct daemon *d, const struct config *config, struct diag *diag);
/* Writes everything anew, once a disk that refused rows is well again. */
void alarms_mend(struct daemon *d);
void alarms_stop(struct daemon *d);
/* What is told to other Alertmanagers, in the text format. */
void alarms_metrics(const struct daemon *d, struct strbuf *out);

/* daemon_notices.c: what became of notifications, on the disk. */
int notices_start(struct daemon *d);
void notices_add(struct daemon *d, const struct notify_notice *notice);
int notices_read(const struct api_notices_ask *asked, api_notice_fn *fn, void *to, void *userdata);
void notices_span(int64_t *ret_first, int64_t *ret_end, void *userdata);

/* daemon_log.c: the entries that people search the journal for. */
void entry_start(
	struct daemon *d, const struct service_info *service, const struct history_event *event);
void entry_death(struct daemon *d, const char *service, const struct death *death);
void entry_service(const struct service_info *service, const char *message_id, const char *what);
/* Threads of it hang, one of them in the process `pid`; `hang` NULL: none does any more. */
void entry_hung(const struct service_info *service, pid_t pid, const struct history_hang *hang);
void entry_transition(const char *group, const char *rule, const struct labels *labels,
	enum rule_state from, enum rule_state to, const char *cause);
/* `news`: not what the try before it ended with. Of the rest only those hear who ask for all. */
void entry_notification(
	const struct notification *n, const struct delivery_report *report, bool news);
void entry_diag(const struct diag *diag);

#define ENTRY_START	    "de3dc469ec57435a84075a0845199f6f"
#define ENTRY_LISTENER_BACK "30388a915a7242a3a4b3c3847f75c080"
#define ENTRY_LISTENER_GONE "ba6dd3ffb0054243b2de72802bcf72b0"
#define ENTRY_DEATH	    "e15a22fa5d7145bd9f7e8b5f342acb38"
#define ENTRY_HUNG	    "4b1f1a6b0c5d4f1c9a53b1c7d6a2e80f"
#define ENTRY_HUNG_OVER	    "9d0c2e7a4f3b48d1b6e5a8f07c1d3b92"
#define ENTRY_ALERT_PENDING "c0f53ff6cceb4a99842f362e651e8e48"
#define ENTRY_ALERT_FIRING  "f0be2846dc65454ab240cb631fa432ca"
#define ENTRY_ALERT_OVER    "aa36b53af8414cac90897d8f6ab9a182"
#define ENTRY_MAIL_SENT	    "363276d90e5349739acb80fa1e2f9799"
#define ENTRY_MAIL_FAILED   "6007bab7e03140bb87530b5a71a8c762"

#endif
