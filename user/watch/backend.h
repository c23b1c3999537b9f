/*
 * backend.h - the seam between services and whoever learns of deaths: the kernel's programs, pidfds, or polling.
 *
 * A backend follows processes and, where it can, ports, and tells what happened as notices. It knows
 * nothing of services but a name to show. Notices come from the event loop only, never from inside
 * a call into the backend.
 */
#ifndef TOLLD_WATCH_BACKEND_H
#define TOLLD_WATCH_BACKEND_H

#include "tolld/map.h"
#include "watch/listener.h"
#include "watch/usage.h"
#include "watch/watch.h"

struct process {
	pid_t pid; /* 0: none */
	int64_t start_boot_ns;
	char comm[WATCH_COMM_MAX]; /* hostile, NUL-terminated */
};

static inline bool process_same(const struct process *a, const struct process *b)
{
	return a->pid == b->pid && a->start_boot_ns == b->start_boot_ns;
}

/* By what /proc says; 0: not known. */
struct kin {
	pid_t parent, group;
};

enum notice_kind {
	NOTICE_EXIT,   /* all of the process is dead */
	NOTICE_EXEC,   /* it runs another program, and has another name now */
	NOTICE_STARTS, /* more programs started than are told of: look at all processes */
	NOTICE_SIGNAL,
	NOTICE_OOM,    /* process.pid 0 where only victim.thread is known */
	NOTICE_LISTEN, /* process: who did it */
	NOTICE_LOST,   /* others were lost */
	NOTICE_PORT,   /* a listener came to `port` or went from it: look */
	NOTICE_STATUS, /* how a process ended whose NOTICE_EXIT came without it */
	NOTICE_HANG, /* a thread of it, which may be nobody's, waits for the kernel for too long */
};

struct notice {
	enum notice_kind kind;
	struct process process;
	int64_t at_boot_ns;
	union {
		struct {
			uint32_t wait_status;	  /* NOTICE_STATUS, too */
			enum death_untold untold; /* how it ended is not known */
			bool status_follows;	  /* but may be some time, as NOTICE_STATUS */
			bool sender_untold;	  /* nor would anybody see who sent a signal */
			int64_t lived_boot_ns; /* it was seen alive then; 0: at_boot_ns is exact */
			bool forked;	       /* relatives of it may live and hold its sockets */
			pid_t family;	       /* how to ask for them */
			struct kin kin;	       /* where nobody sees forks */
			unsigned threads;      /* 0: not known */
			bool has_cpu, has_faults, has_peak_memory;
			int64_t cpu_ns;
			uint64_t minor_faults, major_faults;
			uint64_t peak_memory_bytes;
			struct tolld_signal fatal_signal, stop_request;
		} exit;
		struct {
			/* It was not watched before: a program that is looked for. */
			bool was_looked_for;
			pid_t parent;
			uint64_t inode;
		} exec;
		struct tolld_signal signal;
		struct {
			pid_t thread;
			struct oom oom;
			bool has_memory;
			uint64_t memory_bytes;	     /* that it had in RAM then */
			char group[WATCH_GROUP_MAX]; /* where it lived; "": not known */
		} victim;
		struct {
			pid_t thread;
			pid_t family; /* the watched process that it forked from, or itself; 0: none */
			uint64_t switches;
		} hang;
		uint16_t port;
		struct {
			struct endpoint endpoint;
			uint64_t cookie;
			bool opened;
		} listen;
	};
};

struct backend;

struct backend_options {
	sd_event *event;
	const char *bpffs_dir;
	const struct pins_owner *pins_owner;
	const char *btf_file; /* as in struct watch_options; for who is `by_file` */
	uint32_t ring_bytes;  /* 0: the usual */
	void (*on_notice)(const struct notice *notice, void *userdata);
	/* After the notices of one turn. */
	void (*on_drained)(void *userdata);
	void *userdata;
};

struct backend_ops {
	enum watch_backend kind;
	bool by_file; /* of two of one kind the one that is for btf_file, and for nothing else */
	const char *name;
	int (*open)(const struct backend_options *options, struct backend **ret, char *error,
		size_t error_size);
	void (*close)(struct backend *backend);
	/* One line: why this backend, and what of it does not work here. */
	const char *(*reason)(const struct backend *backend);

	/* From now on its death is told. *ret says who it is. -ESRCH: it is dead already. */
	int (*add_process)(
		struct backend *backend, pid_t pid, const char *service, struct process *ret);
	void (*remove_process)(struct backend *backend, pid_t pid);
	/* From now on listeners on the port are told, and their owners are watched as they come. */
	int (*add_port)(struct backend *backend, uint16_t port, const char *service);
	void (*remove_port)(struct backend *backend, uint16_t port);

	/*
	 * From now on a process that becomes a program of that name, with that inode, or with NULL and 0
	 * any program, is watched and told by NOTICE_EXEC; with `parent` 1 only process 1's children
	 * are. Missing where nobody sees programs start: then they are found by looking at all processes
	 * now and again.
	 */
	int (*add_program)(struct backend *backend, const char *name, uint64_t inode, pid_t parent,
		const char *service);
	void (*remove_program)(
		struct backend *backend, const char *name, uint64_t inode, pid_t parent);

	/* Those watched processes that live now, in an array of the caller's. */
	int (*living)(struct backend *backend, struct process **ret, size_t *ret_n);
	/*
	 * The same of these alone, where that costs less: those of them that live, in `ret`, which has room
	 * for all. Their number, or a negative errno: all have to be listed. May be missing.
	 */
	int (*living_of)(
		struct backend *backend, const struct process *of, size_t n, struct process *ret);
	/*
	 * Those who descend from a watched process by fork alone; the watched ones are left out.
	 * Missing where nobody sees forks: then whoever holds the sockets of the dead is its heir.
	 */
	size_t (*family)(struct backend *backend, pid_t family, struct process *ret, size_t max);
	/* Reads what has come but was not told yet, and tells it: the one call that does. */
	void (*drain)(struct backend *backend);

	/*
	 * What processes that are watched use, and those that forked from them, and their sockets, all in one
	 * pass. Those that are wanted are told at least. 1: of so many a piece was told, and the next call goes
	 * on; 0: that was all. Missing where only /proc tells; a negative answer says that it does here, too.
	 */
	int (*usage)(struct backend *backend, const struct usage_wanted *wanted, usage_fn *fn,
		void *userdata);
	int (*sockets)(struct backend *backend, const struct usage_wanted *wanted,
		usage_socket_fn *fn, void *userdata);

	/* Shows a service to people with bpftool; NULL removes it. May be missing. */
	void (*show)(struct backend *backend, uint32_t number, const struct service_record *record);
	void (*stats)(struct backend *backend, struct watch_stats *ret);
};

extern const struct backend_ops kernel_backend;
extern const struct backend_ops kernel_by_file_backend;
extern const struct backend_ops pidfd_backend;
extern const struct backend_ops poll_backend;

#endif
