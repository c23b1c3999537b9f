/*
 * watch.h - services: which processes they are, whether they live, and why they died.
 *
 * A service is what the owner named or what a scrape target on this machine implies (the process
 * that listens on its port). It exists, as down, even if it was never seen. A process is (tgid,
 * start_boottime), never a pid alone; a death is that of a whole thread group. What the kernel told
 * goes out by callbacks from the event loop. It does not know what a rule or a mail is.
 */
#ifndef TOLLD_WATCH_WATCH_H
#define TOLLD_WATCH_WATCH_H

#include <sys/socket.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include "base/clock.h"
#include "base/histogram.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "model/labels.h"

struct watch;
struct service;
struct pins_owner;
struct selection;

enum watch_backend { WATCH_AUTO, WATCH_KERNEL, WATCH_PIDFD, WATCH_POLL };
enum service_state { SERVICE_UNKNOWN, SERVICE_DOWN, SERVICE_UP };

/* What the owner of the machine, or a target, named the service by. */
enum selector_kind {
	SELECT_PROCESS, /* one process, for ever */
	SELECT_LISTEN,	/* whoever listens at an address */
	SELECT_EXE,	/* whoever runs a program */
	SELECT_CMDLINE, /* whoever was started with such arguments */
	SELECT_PIDFILE, /* whose number a file holds */
	SELECT_UNIT,	/* a unit of systemd's */
};

/* What has to be true for a service to be up. */
enum service_expect {
	EXPECTED_RUNNING,   /* a process lives */
	EXPECTED_LISTENING, /* and listens on a TCP port */
	EXPECTED_ANY,	    /* there may be none; only a failure is a fault */
};

enum death_kind {
	DEATH_EXIT,    /* exit(code) */
	DEATH_SIGNAL,  /* a signal that somebody sent, or a fault of its own */
	DEATH_OOM,     /* the kernel's OOM killer */
	DEATH_UNKNOWN, /* it is gone, nobody saw how */
};

/* Why nobody knows how a process ended, where that is no fault. */
enum death_untold {
	TOLD, /* it is known, or whoever should have seen it missed it */
	UNTOLD_BY_KERNEL,
	UNTOLD_BY_POLLING,
	UNTOLD_WHILE_AWAY, /* tolld did not run when it ended */
};

#define WATCH_COMM_MAX 16
/* Of a path longer than that the end is kept. */
#define WATCH_GROUP_MAX 192

/* Whose memory was out, or who thought so. */
enum oom_kind {
	OOM_NOT_TOLD,
	OOM_OF_MACHINE,
	OOM_OF_NODES,  /* those that the process may use (cpuset, mbind) */
	OOM_OF_GROUP,  /* a control group reached its limit */
	OOM_BY_DAEMON, /* systemd-oomd, earlyoom: before the kernel would have */
};

struct oom {
	enum oom_kind kind;
	char group[WATCH_GROUP_MAX]; /* OOM_OF_GROUP: "/system.slice/web.service"; hostile */
};

/* One death. Fields that are not known are 0, and their `has_` is false. */
struct death {
	pid_t pid;
	int64_t start_boot_ns; /* with pid: which process it was */
	struct instant at;     /* when the kernel saw it, on both clocks */
	enum death_kind kind;
	int exit_code; /* DEATH_EXIT */
	int signal;    /* what killed it; DEATH_EXIT: the request to stop that it obeyed, or 0 */
	/*
	 * Somebody asked it to stop, and it did as such a thing does: it exited with 0 or died of that
	 * signal, or had to be killed. Everything else is a crash.
	 */
	bool requested;
	int unheeded;		  /* the request to stop that came before SIGKILL; 0: none */
	int64_t unheeded_ns;	  /* how long before */
	enum death_untold untold; /* DEATH_UNKNOWN */
	struct oom oom;		  /* DEATH_OOM */
	bool core_dumped;
	bool sender_untold; /* who sends signals is not seen here */
	bool by_kernel;	    /* the signal came from the kernel itself (a fault, OOM) */
	bool has_sender;    /* a process sent the signal: */
	pid_t sender_pid;
	uid_t sender_uid;
	char sender_comm[WATCH_COMM_MAX]; /* as it called itself: hostile */
	char comm[WATCH_COMM_MAX];	  /* of the dead: hostile */
	unsigned threads;		  /* that it had at its end; 0: not known */
	bool has_cpu;
	int64_t cpu_ns; /* of all its threads */
	bool has_faults;
	uint64_t minor_faults, major_faults;
	bool has_peak_memory;
	uint64_t peak_memory_bytes;
	bool has_sample; /* a sample that says so was written: */
	int64_t sample_after_ns;
	/*
	 * False for up to 100 ms where an OOM event may still follow, or how it ended is not yet told.
	 * That may come still later: then SERVICE_CAUSE comes a second time.
	 */
	bool final;
};

/* What systemd last said of a unit; texts in its words, "" where it has said nothing. */
struct unit_info {
	char load_state[16];   /* "loaded", "not-found" */
	char active_state[16]; /* "active", "inactive", "failed" */
	char sub_state[24];    /* "running", "exited", "auto-restart" */
	char result[24];       /* "success", "exit-code", "oom-kill", "watchdog" */
	char type[16];	       /* "simple", "forking", "oneshot" */
	char file_state[24];   /* "enabled", "static" */
	bool remain_after_exit;
	pid_t main_pid;	   /* 0: none */
	unsigned restarts; /* NRestarts: by systemd itself, since the unit was started */
};

struct service_info {
	const char *name;     /* "node_exporter.service", or "localhost:9100 node" */
	const char *selector; /* "listen 127.0.0.1:9100" */
	enum selector_kind kind;
	enum service_expect expect;
	const struct labels *labels; /* the owner's own, on its series; NULL: none */
	enum service_state state;
	struct instant since; /* of the state; boot_ns 0: since tolld started */
	pid_t pid;	      /* the main process; 0: none */
	size_t processes;     /* that belong to it, the main one included, when last counted */
	/*
	 * Where its main process lives, or lived last, as /proc/PID/cgroup says it for the hierarchy of
	 * systemd; of a unit, the unit's own. NULL: not known.
	 */
	const char *cgroup;		   /* "/system.slice/nginx.service" */
	const char *unit;		   /* "nginx.service"; NULL: none */
	const struct unit_info *unit_info; /* what systemd said of it; NULL: nobody asked */
	char comm[WATCH_COMM_MAX];
	int64_t start_boot_ns; /* of the process */
	bool listening;	       /* what a service at an address needs to be up */
	bool selected;	       /* by watch_select(), not by watch_add_listen() */
	unsigned restarts;     /* times it came back after a death, since tolld started */
	unsigned deaths;
	bool died; /* last_death is one */
	struct death last_death;
};

/*
 * At a kill DIED comes first, and the sockets of the dead close after it: for that while a connection
 * still succeeds and then hangs or is reset. LISTENER_GONE follows when the port is really free: some
 * microseconds later, but since 6.16 only after its memory was torn down (80 ms for 1 GiB).
 */
enum service_event {
	SERVICE_APPEARED,      /* a process was found or found again, or its listener came */
	SERVICE_DIED,	       /* its process ended: last_death says how; state is down */
	SERVICE_LISTENER_GONE, /* the port is no longer served, the process lives if pid is not 0 */
	SERVICE_CAUSE,	       /* last_death became final, or learned more */
	/*
	 * Its process is no longer one of it: it ended with its work done, as those of socket-activated and
	 * oneshot units do, or runs another program now. `state` says whether that matters.
	 */
	SERVICE_LEFT,
	/* Its state, though no process came or went: systemd said so, or it is known for the first time. */
	SERVICE_CHANGED,
};

/* Comes from the event loop. It must not add or remove services, nor free the watch. */
typedef void watch_event_fn(struct service *service, enum service_event what, void *userdata);

/*
 * A service of a selection came or goes. Called from watch_select() and watch_unselect() as well as from
 * the loop; it must not add or remove services itself.
 */
typedef void watch_added_fn(struct service *service, void *selection_userdata, void *userdata);
typedef void watch_removed_fn(struct service *service, void *userdata);

struct watch_options {
	enum watch_backend backend;
	/*
	 * The running kernel's types as BTF, for the backend kernel where the kernel has none of its own; taken where
	 * it has, too. NULL: its own.
	 */
	const char *btf_file;
	const char *bpffs_dir; /* where maps are pinned; NULL: /sys/fs/bpf/tolld; "": nowhere */
	/* Whom the pins belong to, if not to who calls; NULL: to who calls. Read by watch_new() alone. */
	const struct pins_owner *pins_owner;
	watch_event_fn *on_event;
	watch_added_fn *on_added;     /* may be NULL */
	watch_removed_fn *on_removed; /* may be NULL */
	/* systemd cannot be asked, and why; NULL: it can again. May be NULL. */
	void (*on_systemd)(const char *why, void *userdata);
	const char *systemd_address; /* of a D-Bus peer that is systemd; NULL: the usual */
	void *userdata;
};

/*
 * Opens the backend that is asked for; WATCH_AUTO takes the first that works here of kernel, pidfd and
 * poll, and watch_stats() says in backend_reason why it is not an earlier one. The kernel backend loads,
 * attaches and pins, which needs root. Afterwards no privilege is needed but what reading
 * /proc/PID/fd of others takes (CAP_SYS_PTRACE), without which a listener is seen without its process
 * by pidfd and poll always, by kernel where it is there already. -EPERM, -ENOTSUP or what the kernel
 * said, with error[] telling what is missing and what to do about it. Where only pinning fails it
 * goes on, and backend_reason says so.
 */
int watch_new(sd_event *event, const struct watch_options *options, struct watch **ret, char *error,
	size_t error_size);
/*
 * 0, or -EPERM: it needs rights (CAP_BPF) that the caller has not now. Asked by trying: kernels that want them
 * want them for all that bpf() does.
 */
int watch_works(const struct watch *watch);
/* Detaches and, where it still may, unpins; what stays is removed by the next start. */
void watch_free(struct watch *watch);
DEFINE_FREEP(watch)

/*
 * Watches whatever process listens on TCP `port` of this machine at `address` (a wildcard listener
 * counts). Returns the service, which lives until watch_remove(); two calls make two services. Its
 * state is known on return; where it is up, SERVICE_APPEARED follows from the loop. -EINVAL for port
 * 0, -EAFNOSUPPORT for what is not IP.
 */
int watch_add_listen(struct watch *watch, const char *name, const struct sockaddr *address,
	struct service **ret);
void watch_remove(struct service *service);

/* What the owner of the machine described. The texts are copied. */
struct watch_spec {
	const char *
		name; /* of the service; not used for units by pattern, which have their own names */
	enum selector_kind kind;
	/* An absolute path, a regular expression that is searched for, a unit's name or a pattern of them. */
	const char *text;
	const char *const
		*leave_out; /* of a pattern of units: patterns, NULL at their end; lives on */
	const struct sockaddr
		*address; /* SELECT_LISTEN: in place of a text; NULL: whoever listens */
	enum service_expect expect;
	const struct labels *labels; /* NULL: none */
	void *userdata;		     /* for on_added */
};

/*
 * Watches what fits the description, from now on. Its service exists at once, as unknown until
 * somebody has looked, which the next turn of the loop does, or systemd has answered. Units that a pattern
 * fits are services while they are or were active. -EINVAL, with error[] saying what is
 * wrong with the text; -ENOMEM; or what inotify said.
 */
int watch_select(struct watch *watch, const struct watch_spec *spec, struct selection **ret,
	char *error, size_t error_size);
/* Its services are removed, too: watch_remove() is not for them. */
void watch_unselect(struct selection *selection);
/* True where `address` is one of this machine's own. */
bool watch_address_is_local(const struct sockaddr *address);

/* Whether the process that began then, in this boot, is still there. */
bool watch_process_lives(pid_t pid, int64_t start_boot_ns);

size_t watch_services(const struct watch *watch);
struct service *watch_service(const struct watch *watch, size_t i);
void service_info(const struct service *service, struct service_info *ret);
/* Those that are asked of every service again and again, as service_info() has them. */
enum service_state service_state(const struct service *service);
bool service_is_selected(const struct service *service);
/* How it died before tolld was started or it was added anew, NULL: it did not; ignored where it died since. */
void service_recall(struct service *service, const struct death *death);
/* That is known, or it died since. */
bool service_is_recalled(const struct service *service);
void service_set_userdata(struct service *service, void *userdata);
void *service_userdata(const struct service *service);
/* Another one, for whoever keeps its figures. */
void service_set_figures_userdata(struct service *service, void *userdata);
void *service_figures_userdata(const struct service *service);
/* A sample that says that it is down is in the store, since just now. Told once for each death. */
void service_sampled(struct service *service, int64_t now_boot_ns);

/*
 * Why it is down, or was last: of a process that lives and only stopped listening, that; else the last death
 * as a sentence: "killed by SIGKILL from bash (pid 812, uid 0) after 3 d 4 h".
 * or of one that is down and was never seen, what is missing: "nobody listens on port 22".
 * Nothing is added where there is nothing to say. Names from processes are added as they are: the sink
 * escapes.
 */
void service_cause(const struct service *service, struct strbuf *out);
void death_describe(const struct death *death, struct strbuf *out);
/* How old it became; negative where nobody knows when it began. */
int64_t death_age_ns(const struct death *death);
/* "SIGKILL", "SIGRTMIN+2", "signal 99" */
void signal_format(int signal, struct strbuf *out);
/* "exit", "signal", "oom", "unknown"; "unknown", "machine", "nodes", "cgroup", "daemon". */
const char *death_kind_name(enum death_kind kind);
const char *oom_kind_name(enum oom_kind kind);

/* For tolld's own metrics and for the log. */
struct watch_stats {
	enum watch_backend backend;
	const char *backend_name;   /* "kernel" */
	const char *backend_reason; /* why this one, in one line */
	uint64_t events_exec, events_exit, events_signal, events_oom, events_listen, events_hang;
	uint64_t lost_exec, lost_exit, lost_signal, lost_oom, lost_listen, lost_hang;
	bool blind_to_oom; /* whom the OOM killer ends is not seen */
	bool has_block_errors;
	uint64_t block_errors; /* requests to disks that failed, since tolld started */
	uint64_t resyncs;
	size_t services, processes;
	struct histogram death_to_sample_s;
};

void watch_stats(const struct watch *watch, struct watch_stats *ret);

#endif
