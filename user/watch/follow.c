/*
 * follow.c - the backends for kernels that take no programs: pidfd, and poll for all others.
 *
 * With pidfds the kernel says that a process is dead as soon as its memory is given back, and since 6.15 how it
 * ended; with rights enough it writes a record before that, of how it ends. Without, /proc is read twice a
 * second. Nobody tells of new listeners: sock_diag is asked four times a second, and more often for a while
 * after something has died. Neither sees who sent a signal, nor forks.
 */
#include "watch/backend.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include "watch/exit_records.h"
#include "watch/followed.h"
#include "watch/oomlog.h"
#include "watch/pidfd.h"
#include "watch/ports.h"
#include "watch/procfs.h"

/* Between two looks at the ports, and with poll at the processes. */
#define REST_PIDFD_NS (250 * NSEC_PER_MSEC)
#define REST_POLL_NS  (500 * NSEC_PER_MSEC)
/* What died is soon started again: an eighth of the time since then, from here up to those. */
#define HASTE_NS    (10 * NSEC_PER_MSEC)
#define HASTE_SHARE 8
/* Looks at one service after the other need not each read all processes again. */
#define FRESH_NS (10 * NSEC_PER_MSEC)
/* The log may say of a kill an instant after the victim is dead. */
#define LOG_FOLLOWS_NS (50 * NSEC_PER_MSEC)
/* What is old by the next death must not explain it: numbers come again. */
#define LOG_STALE_NS (10 * NSEC_PER_SEC)
/* Dead ones whose parents do not reap them: of more the end is not told. */
#define UNREAPED_MAX 64
#define READY_CHUNK  64
/* One turn of reading names anew. */
#define TURN_NS NSEC_PER_MSEC
/*
 * Of more than so many, those that have not run are polled by their clock alone, and read each so many looks: without
 * running they may get another parent.
 */
#define FEW	   256
#define READ_EVERY 16

struct backend {
	struct backend_options options;
	const struct backend_ops *ops;
	bool tells_status; /* by pidfd, once it is reaped */
	struct followed_list list;
	struct exit_records records;
	struct followed_list leaving; /* told as dead by a record; the pidfds follow */
	struct followed unreaped[UNREAPED_MAX];
	size_t n_unreaped;
	/* All pidfds: who is dead among ten thousand is one question, asked as often as anybody likes. */
	int epoll_fd;
	sd_event_source *ready_source;
	sd_event_source *names_source; /* on while names are to be read anew: */
	size_t n_names_left;	       /* of the first so many of the list */
	struct ports ports;
	sd_event_source *timer;
	struct oomlog oomlog;
	char reason[160];
	int64_t log_read_boot_ns;
	int64_t checked_boot_ns; /* when processes were read last */
	unsigned checks;	 /* how often they were */
	bool any_renamed;	 /* some of the list are */
	int64_t moved_boot_ns;	 /* when something came or went last */
	uint64_t told_exit, told_exec, told_listen, told_oom;
};

static bool uses_pidfds(const struct backend *backend)
{
	return backend->ops->kind == WATCH_PIDFD;
}

static void tell(struct backend *backend, const struct notice *notice)
{
	backend->options.on_notice(notice, backend->options.userdata);
}

/* -- when ----------------------------------------------------------------------------------- */

static int64_t pace_ns(const struct backend *backend, int64_t now_ns)
{
	int64_t rest_ns = uses_pidfds(backend) ? REST_PIDFD_NS : REST_POLL_NS;
	int64_t since_ns = (now_ns - backend->moved_boot_ns) / HASTE_SHARE;

	return MIN(MAX(since_ns, HASTE_NS), rest_ns);
}

static void arm(struct backend *backend)
{
	bool idle = !backend->ports.n && (uses_pidfds(backend) || !backend->list.n);
	int64_t now_ns = clock_boot_ns(), in_ns = pace_ns(backend, now_ns);

	/* A tenth of it may be spent on waking together with others. */
	if (!idle) {
		sd_event_source_set_time_accuracy(
			backend->timer, (uint64_t)(in_ns / 10 / NSEC_PER_USEC));
		sd_event_source_set_time(
			backend->timer, (uint64_t)((now_ns + in_ns) / NSEC_PER_USEC));
	}
	sd_event_source_set_enabled(backend->timer, idle ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* -- death ---------------------------------------------------------------------------------- */

static enum death_untold untold(const struct backend *backend)
{
	return uses_pidfds(backend) ? UNTOLD_BY_KERNEL : UNTOLD_BY_POLLING;
}

static void read_end(const struct backend *backend, struct followed *f, struct notice *n)
{
	int err = followed_read_end(f, backend->tells_status, n);

	if (!err)
		return;
	n->exit.status_follows = err == -EAGAIN && backend->n_unreaped < UNREAPED_MAX;
	n->exit.untold = untold(backend);
}

static void on_oom_kill(const struct oom_kill *kill, void *userdata)
{
	struct backend *backend = userdata;
	struct notice notice = {
		.kind = NOTICE_OOM,
		/* The log's own times drift away from every clock. */
		.at_boot_ns = clock_boot_ns(),
		.victim = {
			.thread = kill->thread,
			.oom = kill->oom,
			.has_memory = kill->has_memory,
			.memory_bytes = kill->memory_bytes,
		},
	};

	memcpy(notice.process.comm, kill->comm, sizeof(notice.process.comm));
	memcpy(notice.victim.group, kill->group, sizeof(notice.victim.group));
	backend->told_oom++;
	tell(backend, &notice);
}

static void read_oomlog(struct backend *backend)
{
	oomlog_read(&backend->oomlog, on_oom_kill, backend);
	backend->log_read_boot_ns = clock_boot_ns();
}

static bool is_oomlog_due(const struct backend *backend, int64_t now_ns)
{
	return now_ns - backend->moved_boot_ns < LOG_FOLLOWS_NS ||
	       now_ns - backend->log_read_boot_ns >= LOG_STALE_NS;
}

static int epoll_set(struct backend *backend, int op, const struct followed *f, uint32_t events)
{
	struct epoll_event event = {
		.events = events,
		.data.u64 = (uint64_t)f->process.pid << 32 | (uint32_t)f->fd,
	};

	return epoll_ctl(backend->epoll_fd, op, f->fd, &event) < 0 ? -errno : 0;
}

/* epoll(7): a descriptor that a child has inherited stays in the set when ours is closed, and is ready for ever. */
static void close_followed(struct backend *backend, struct followed *f)
{
	if (f->fd >= 0)
		epoll_set(backend, EPOLL_CTL_DEL, f, 0);
	closep(&f->fd);
}

static struct followed take_followed(struct backend *backend, size_t i)
{
	struct followed f = followed_take(&backend->list, i);

	exit_records_let_go(&backend->records, f.process.pid);
	return f;
}

static struct notice exit_of(const struct backend *backend, const struct followed *f)
{
	return (struct notice){
		.kind = NOTICE_EXIT,
		.process = f->process,
		.at_boot_ns = clock_boot_ns(),
		/* Nobody saw whether it forked. */
		.exit = {
			.forked = true,
			.family = f->process.pid,
			.sender_untold = true,
			.lived_boot_ns = uses_pidfds(backend) ? 0 : f->seen_boot_ns,
			.kin = f->kin,
			.has_peak_memory = f->peak_memory_bytes > 0,
			.peak_memory_bytes = f->peak_memory_bytes,
		},
	};
}

static void tell_exit(struct backend *backend, const struct notice *notice)
{
	backend->moved_boot_ns = notice->at_boot_ns;
	backend->told_exit++;
	read_oomlog(backend);
	tell(backend, notice);
}

static void tell_dead(struct backend *backend, size_t i)
{
	struct followed f = take_followed(backend, i);
	struct notice notice = exit_of(backend, &f);

	read_end(backend, &f, &notice);
	/* Only that it is reaped, which is always told, is waited for now. */
	if (notice.exit.status_follows && !epoll_set(backend, EPOLL_CTL_MOD, &f, 0))
		backend->unreaped[backend->n_unreaped++] = f;
	else
		close_followed(backend, &f);
	tell_exit(backend, &notice);
}

/* A record may be of somebody who had the number before. What /proc says of it, or nothing where it is gone. */
static bool is_on_its_way_out(const struct followed *f, struct process_stat *ret)
{
	if (process_stat_read(f->process.pid, ret) == 0 && ret->start_ticks == f->start_ticks)
		return ret->exits;
	*ret = (struct process_stat){ 0 };
	return pidfd_is_dead(f->fd);
}

/*
 * It is dead, and only its memory and its files are still to be taken from it. One that ended well may have left its
 * sockets to a child: who has them then is known when they are gone from it, as its pidfd tells.
 */
static void tell_leaving(struct backend *backend, struct followed *f)
{
	struct notice notice = exit_of(backend, f);
	struct process_stat stat;

	if (!f->has_status || !f->wait_status || !is_on_its_way_out(f, &stat) ||
		followed_find(&backend->leaving, f->process.pid) ||
		followed_add(&backend->leaving, f))
		return;
	notice.exit.wait_status = f->wait_status;
	if (stat.pid)
		followed_tell_used(&stat, &notice);
	take_followed(backend, (size_t)(f - backend->list.items));
	tell_exit(backend, &notice);
}

static void on_exit_record(const struct exit_record *record, void *userdata)
{
	struct backend *backend = userdata;
	struct followed *f = followed_find(&backend->list, record->pid);

	if (!f)
		return;
	if (record->is_leader) {
		f->has_status = exit_record_tells_status(record);
		f->wait_status = record->exit_code;
	}
	f->peak_memory_bytes = MAX(f->peak_memory_bytes, record->peak_memory_bytes);
	if (record->is_last)
		tell_leaving(backend, f);
}

static void tell_reaped(struct backend *backend, size_t i)
{
	struct followed f = backend->unreaped[i];
	struct notice notice = {
		.kind = NOTICE_STATUS,
		.process = f.process,
		.at_boot_ns = clock_boot_ns(),
	};

	backend->unreaped[i] = backend->unreaped[--backend->n_unreaped];
	if (pidfd_wait_status(f.fd, &notice.exit.wait_status) == 0)
		tell(backend, &notice);
	close_followed(backend, &f);
}

static bool is_to_be_read(const struct backend *backend, const struct followed *f)
{
	return backend->list.n <= FEW ||
	       ((unsigned)f->process.pid + backend->checks) % READ_EVERY == 0;
}

/* Is it dead, or did its number go to another? A new name is noted by the way. */
static bool is_gone(struct backend *backend, struct followed *f)
{
	int64_t now_ns = clock_boot_ns();
	struct process_stat stat;
	uint64_t cpu_ns;
	int err;

	if (f->fd >= 0)
		return pidfd_is_dead(f->fd);
	if (followed_rests(f, &cpu_ns) && !is_to_be_read(backend, f)) {
		f->seen_boot_ns = now_ns;
		return false;
	}
	err = process_stat_read(f->process.pid, &stat);
	if (err)
		return err == -ESRCH;
	if (stat.start_ticks != f->start_ticks || process_stat_is_dead(&stat))
		return true;
	backend->any_renamed |= followed_see(f, &stat, cpu_ns, now_ns);
	return false;
}

static void tell_renamed(struct backend *backend)
{
	bool told = false;

	for (size_t i = 0; backend->any_renamed && i < backend->list.n; i++) {
		struct followed *f = &backend->list.items[i];
		struct notice notice = { .kind = NOTICE_EXEC };

		if (!f->renamed)
			continue;
		f->renamed = false;
		notice.process = f->process;
		notice.at_boot_ns = clock_boot_ns();
		backend->told_exec++;
		tell(backend, &notice);
		told = true;
	}
	/* Whoever is told may change the list: another one may have moved to a place that was passed. */
	backend->any_renamed = told;
}

/* False for one that was let go of meanwhile. */
static bool tell_ready(struct backend *backend, uint64_t data)
{
	struct followed *f = followed_find(&backend->list, (pid_t)(data >> 32));
	struct followed *gone = followed_find(&backend->leaving, (pid_t)(data >> 32));
	int fd = (int)(uint32_t)data;

	if (f && f->fd == fd) {
		tell_dead(backend, (size_t)(f - backend->list.items));
		return true;
	}
	if (gone && gone->fd == fd) {
		struct followed left =
			followed_take(&backend->leaving, (size_t)(gone - backend->leaving.items));

		/* Its sockets are closed now. */
		close_followed(backend, &left);
		backend->moved_boot_ns = clock_boot_ns();
		return true;
	}
	for (size_t i = 0; i < backend->n_unreaped; i++) {
		if (backend->unreaped[i].fd == fd) {
			tell_reaped(backend, i);
			return true;
		}
	}
	return false;
}

/* Whoever hears of one may have some followed, and others no more, and ask himself. */
static void check_pidfds(struct backend *backend)
{
	struct epoll_event ready[READY_CHUNK];
	bool any = true;

	while (any) {
		int n;

		exit_records_read(&backend->records, on_exit_record, backend);
		n = epoll_wait(backend->epoll_fd, ready, READY_CHUNK, 0);

		any = false;
		for (int i = 0; i < n; i++)
			any |= tell_ready(backend, ready[i].data.u64);
	}
}

static void check_processes(struct backend *backend)
{
	int64_t begun_ns = clock_boot_ns();

	if (uses_pidfds(backend)) {
		check_pidfds(backend);
	} else if (begun_ns - backend->checked_boot_ns >= FRESH_NS) {
		for (size_t i = backend->list.n; i-- > 0;) {
			if (i < backend->list.n && is_gone(backend, &backend->list.items[i]))
				tell_dead(backend, i);
		}
		backend->checked_boot_ns = clock_boot_ns();
		backend->checks++;
	}
	tell_renamed(backend);
}

/* -- ports ---------------------------------------------------------------------------------- */

static void on_port_changed(uint16_t port, void *userdata)
{
	struct backend *backend = userdata;
	struct notice notice = {
		.kind = NOTICE_PORT,
		.at_boot_ns = clock_boot_ns(),
		.port = port,
	};

	backend->moved_boot_ns = notice.at_boot_ns;
	backend->told_listen++;
	tell(backend, &notice);
}

static void ask_ports(struct backend *backend)
{
	/* A failure here is that of a moment, or the looks see it, too; the next turn tries again. */
	ports_ask(&backend->ports, on_port_changed, backend);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct backend *backend = userdata;

	/* In this order: who is seen without its sockets is then seen dead, if it was about to die. */
	ask_ports(backend);
	backend->checked_boot_ns = 0;
	check_processes(backend);
	if (is_oomlog_due(backend, clock_boot_ns()))
		read_oomlog(backend);
	arm(backend);
	backend->options.on_drained(backend->options.userdata);
	return 0;
}

/* -- the loop ------------------------------------------------------------------------------- */

static int on_ready(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct backend *backend = userdata;
	int64_t before_ns = backend->moved_boot_ns;

	check_processes(backend);
	if (backend->moved_boot_ns != before_ns) {
		/* Once its pidfd tells, its sockets are closed: whether nobody listens any more is known at once. */
		ask_ports(backend);
		arm(backend);
	}
	backend->options.on_drained(backend->options.userdata);
	return 0;
}

static void follow_drain(struct backend *backend)
{
	int64_t before_ns = backend->moved_boot_ns;

	check_processes(backend);
	read_oomlog(backend);
	if (backend->moved_boot_ns != before_ns)
		arm(backend);
}

/* -- names ---------------------------------------------------------------------------------- */

/*
 * Pidfds do not tell of a new program, which only who runs becomes. From the last to the first: whoever goes
 * meanwhile gives his place to the last one, who was read already.
 */
static int on_names(sd_event_source *source, void *userdata)
{
	struct backend *backend = userdata;
	int64_t end_ns = clock_boot_ns() + TURN_NS;
	struct process_stat stat;
	uint64_t cpu_ns;

	backend->n_names_left = MIN(backend->n_names_left, backend->list.n);
	while (backend->n_names_left && clock_boot_ns() < end_ns) {
		struct followed *f = &backend->list.items[--backend->n_names_left];

		if (followed_rests(f, &cpu_ns) || process_stat_read(f->process.pid, &stat) ||
			stat.start_ticks != f->start_ticks)
			continue;
		backend->any_renamed |= followed_see(f, &stat, cpu_ns, clock_boot_ns());
	}
	if (backend->n_names_left)
		sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (backend->any_renamed) {
		tell_renamed(backend);
		backend->options.on_drained(backend->options.userdata);
	}
	return 0;
}

/* -- open ----------------------------------------------------------------------------------- */

static void follow_close(struct backend *backend)
{
	if (!backend)
		return;
	for (size_t i = 0; i < backend->list.n; i++)
		closep(&backend->list.items[i].fd);
	followed_release(&backend->list);
	for (size_t i = 0; i < backend->leaving.n; i++)
		closep(&backend->leaving.items[i].fd);
	followed_release(&backend->leaving);
	exit_records_close(&backend->records);
	while (backend->n_unreaped)
		closep(&backend->unreaped[--backend->n_unreaped].fd);
	sd_event_source_disable_unref(backend->timer);
	sd_event_source_disable_unref(backend->ready_source);
	sd_event_source_disable_unref(backend->names_source);
	closep(&backend->epoll_fd);
	ports_release(&backend->ports);
	oomlog_close(&backend->oomlog);
	free(backend);
}

static void give_reason(struct backend *backend)
{
	const char *what = "processes are looked at twice a second";
	const char *blind = "";

	if (uses_pidfds(backend))
		what = backend->tells_status || backend->records.fd >= 0
			       ? "this kernel tells that and how a process ends, not who ended it"
			       : "this kernel tells that a process ends, but not always how";
	if (backend->oomlog.fd < 0)
		blind = "; whether memory was out is not seen, /dev/kmsg cannot be read";
	snprintf(backend->reason, sizeof(backend->reason), "%s%s", what, blind);
}

/* Beside the pidfds, by nobody's number: that it wakes is all. */
static void add_records(struct backend *backend)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (backend->records.fd >= 0 &&
		epoll_ctl(backend->epoll_fd, EPOLL_CTL_ADD, backend->records.fd, &event))
		exit_records_close(&backend->records);
}

static int open_epoll(struct backend *backend)
{
	int err;

	if (!uses_pidfds(backend))
		return 0;
	backend->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (backend->epoll_fd < 0)
		return -errno;
	add_records(backend);
	err = sd_event_add_io(backend->options.event, &backend->ready_source, backend->epoll_fd,
		EPOLLIN, on_ready, backend);
	if (err >= 0)
		err = sd_event_source_set_priority(
			backend->ready_source, SD_EVENT_PRIORITY_IMPORTANT);
	if (err >= 0)
		err = sd_event_add_defer(
			backend->options.event, &backend->names_source, on_names, backend);
	if (err >= 0)
		err = sd_event_source_set_priority(backend->names_source, SD_EVENT_PRIORITY_IDLE);
	if (err >= 0)
		err = sd_event_source_set_enabled(backend->names_source, SD_EVENT_OFF);
	return err;
}

static int follow_open(
	const struct backend_ops *ops, const struct backend_options *options, struct backend **ret)
{
	struct backend *backend = calloc(1, sizeof(*backend));
	int err;

	if (!backend)
		return -ENOMEM;
	backend->options = *options;
	backend->ops = ops;
	backend->epoll_fd = -1;
	ports_init(&backend->ports);
	backend->records = (struct exit_records){ .fd = -1, .map_fd = -1 };
	backend->tells_status = uses_pidfds(backend) && pidfd_tells_wait_status();
	/* Without rights, or on a kernel without them, the pidfds do, as ever. */
	if (uses_pidfds(backend))
		exit_records_open(&backend->records);
	oomlog_open(&backend->oomlog);
	give_reason(backend);
	err = sd_event_add_time(
		options->event, &backend->timer, CLOCK_BOOTTIME, 0, 1, on_timer, backend);
	if (err >= 0)
		err = sd_event_source_set_enabled(backend->timer, SD_EVENT_OFF);
	if (err >= 0)
		err = open_epoll(backend);
	if (err < 0) {
		follow_close(backend);
		return err;
	}
	*ret = backend;
	return 0;
}

static int pidfd_backend_open(
	const struct backend_options *options, struct backend **ret, char *error, size_t error_size)
{
	scoped(closep) int fd = pidfd_new(getpid());

	if (fd < 0) {
		snprintf(error, error_size,
			"this system has no pidfds (%s); use Linux 5.3 or later", strerror(-fd));
		return fd == -ENOSYS ? -ENOTSUP : fd;
	}
	return follow_open(&pidfd_backend, options, ret);
}

static int poll_backend_open(
	const struct backend_options *options, struct backend **ret, char *error, size_t error_size)
{
	struct process_stat own;

	if (process_stat_read(getpid(), &own)) {
		snprintf(error, error_size, "/proc cannot be read; mount it");
		return -ENOTSUP;
	}
	return follow_open(&poll_backend, options, ret);
}

static const char *follow_reason(const struct backend *backend)
{
	return backend->reason;
}

/* -- processes ------------------------------------------------------------------------------ */

static int followed_open(struct backend *backend, pid_t pid, struct followed *ret)
{
	int64_t now_ns = clock_boot_ns();
	struct followed f = { .fd = -1 };
	struct process_stat stat;
	int err;

	if (uses_pidfds(backend)) {
		f.fd = pidfd_new(pid);
		/* -EINVAL: the number is that of a thread. */
		if (f.fd < 0)
			return f.fd == -EINVAL ? -ESRCH : f.fd;
	}
	err = process_stat_read(pid, &stat);
	/* The number may have changed hands before it was read, not since the descriptor lives on. */
	if (!err && (process_stat_is_dead(&stat) || (f.fd >= 0 && pidfd_is_dead(f.fd))))
		err = -ESRCH;
	if (err) {
		closep(&f.fd);
		return err;
	}
	f.start_ticks = stat.start_ticks;
	f.process = (struct process){ .pid = pid, .start_boot_ns = stat.start_boot_ns };
	memcpy(f.process.comm, stat.comm, sizeof(f.process.comm));
	followed_see(&f, &stat, 0, now_ns);
	*ret = f;
	return 0;
}

static int follow_add_process(
	struct backend *backend, pid_t pid, const char *service, struct process *ret)
{
	struct followed *known = followed_find(&backend->list, pid), f;
	const struct followed *leaving = followed_find(&backend->leaving, pid);
	int err;

	if (leaving && !pidfd_is_dead(leaving->fd))
		return -ESRCH;
	if (known) {
		if (is_gone(backend, known))
			return -ESRCH;
		*ret = known->process;
		return 0;
	}
	err = followed_open(backend, pid, &f);
	if (err)
		return err;
	if (f.fd >= 0)
		err = epoll_set(backend, EPOLL_CTL_ADD, &f, EPOLLIN);
	if (!err)
		err = followed_add(&backend->list, &f);
	if (err) {
		close_followed(backend, &f);
		return err;
	}
	exit_records_follow(&backend->records, pid);
	*ret = f.process;
	if (backend->list.n == 1)
		arm(backend);
	return 0;
}

static void follow_remove_process(struct backend *backend, pid_t pid)
{
	struct followed *known = followed_find(&backend->list, pid), f;

	if (!known)
		return;
	f = take_followed(backend, (size_t)(known - backend->list.items));
	close_followed(backend, &f);
}

static int follow_living(struct backend *backend, struct process **ret, size_t *ret_n)
{
	struct process *list;
	int err = exit_records_work(&backend->records);
	size_t n = 0;

	if (err)
		return err;
	list = calloc(backend->list.n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < backend->list.n; i++) {
		/* Of whom pidfds tell the end it comes by the next drain, before this is made use of. */
		if (uses_pidfds(backend) || !is_gone(backend, &backend->list.items[i]))
			list[n++] = backend->list.items[i].process;
	}
	if (uses_pidfds(backend)) {
		backend->n_names_left = backend->list.n;
		sd_event_source_set_enabled(backend->names_source, SD_EVENT_ONESHOT);
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

/* -- the rest of the seam ------------------------------------------------------------------- */

static int follow_add_port(struct backend *backend, uint16_t port, const char *service)
{
	int err = ports_add(&backend->ports, port);

	if (err)
		return err;
	arm(backend);
	return 0;
}

static void follow_remove_port(struct backend *backend, uint16_t port)
{
	ports_remove(&backend->ports, port);
	arm(backend);
}

static void follow_stats(struct backend *backend, struct watch_stats *ret)
{
	ret->events_exit = backend->told_exit;
	ret->events_exec = backend->told_exec;
	ret->events_listen = backend->told_listen;
	ret->events_oom = backend->told_oom;
	ret->blind_to_oom = backend->oomlog.fd < 0;
}

#define SAME_IN_BOTH                                                                               \
	.close = follow_close, .reason = follow_reason, .add_process = follow_add_process,         \
	.remove_process = follow_remove_process, .add_port = follow_add_port,                      \
	.remove_port = follow_remove_port, .living = follow_living, .drain = follow_drain,         \
	.stats = follow_stats

const struct backend_ops pidfd_backend = {
	SAME_IN_BOTH,
	.kind = WATCH_PIDFD,
	.name = "pidfd",
	.open = pidfd_backend_open,
};

const struct backend_ops poll_backend = {
	SAME_IN_BOTH,
	.kind = WATCH_POLL,
	.name = "poll",
	.open = poll_backend_open,
};
