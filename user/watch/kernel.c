/*
 * kernel.c - the backend that listens to tolld's programs in the kernel.
 *
 * Everything that needs privileges happens in open: load, attach, pin. Afterwards only descriptors are
 * used, so the daemon may drop them (since 5.19 or with CAP_BPF). libbpf's own memory, several
 * megabytes of type information, is given back at the end of open.
 */
#include "watch/backend.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "bpf/tolld.skel.h"
#include "watch/event.h"
#include "watch/intake.h"
#include "watch/iterators.h"
#include "watch/oomlog.h"
#include "watch/pin.h"
#include "watch/tracepoint.h"

/* Records of one turn of the loop; what is left is read in the next. */
#define DRAIN_BUDGET 64
#define LINKS_MAX    16

enum { MAP_SERVICES, MAP_PROCESSES, MAP_PORTS, MAP_PROGRAMS, MAP_COUNTS, MAPS };

static const char *const map_pin_names[MAPS] = { "services", "processes", "ports", "programs",
	"counts" };

struct backend {
	struct backend_options options;
	struct pin maps[MAPS];
	struct pins pins;
	int links[LINKS_MAX];
	size_t n_links;
	struct iterators iterators;
	struct tolld_may_be *may_be; /* mapped: the kernel's own */
	int ring_fd;
	struct ring_buffer *ring;
	sd_event_source *ring_source;
	sd_event_source *rest_source; /* on while records were left over */
	struct intake intake;
	struct event_counts *per_cpu;
	size_t n_cpus;
	struct event_counts counts;
	struct oomlog oomlog;
	uint64_t page_bytes;
	struct tracepoints tracepoints;
	char reason[256];
};

/* -- what the kernel said ------------------------------------------------------------------- */

static char libbpf_said[256];

static int remember_warning(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_WARN && !*libbpf_said) {
		vsnprintf(libbpf_said, sizeof(libbpf_said), fmt, args);
		libbpf_said[strcspn(libbpf_said, "\n")] = '\0';
	}
	return 0;
}

/* What is missing and what to do about it. */
static int explain(int err, char *error, size_t error_size)
{
	if (effective_access("/sys/kernel/btf/vmlinux", R_OK) && errno == ENOENT) {
		snprintf(error, error_size,
			"this kernel has no type information (/sys/kernel/btf/vmlinux is missing); "
			"use a kernel with CONFIG_DEBUG_INFO_BTF=y");
		return -ENOTSUP;
	}
	if (err == -EPERM) {
		snprintf(error, error_size,
			"loading eBPF programs is not allowed; run as root, or with CAP_BPF, CAP_PERFMON "
			"and CAP_NET_ADMIN%s%s",
			*libbpf_said ? ": " : "", libbpf_said);
		return -EPERM;
	}
	snprintf(error, error_size, "the kernel does not take the eBPF programs: %s%s%s",
		strerror(-err), *libbpf_said ? ": " : "", libbpf_said);
	return err;
}

/* -- events --------------------------------------------------------------------------------- */

/* No tracepoint says whose memory was out; the kernel's log says it an instant before. */
static void explain_oom(struct backend *backend, struct notice *n)
{
	oomlog_read(&backend->oomlog, NULL, NULL);
	oomlog_find(&backend->oomlog, n->victim.thread, &n->victim.oom);
}

static void tell_record(struct backend *backend, const void *record, size_t size)
{
	struct notice notice;

	if (!event_decode(record, size, backend->page_bytes, &notice))
		return;
	if (notice.kind == NOTICE_OOM)
		explain_oom(backend, &notice);
	backend->options.on_notice(&notice, backend->options.userdata);
}

/* True where some are left. */
static bool tell_records(struct backend *backend, unsigned budget)
{
	const void *record;
	size_t size;

	while (budget-- && (record = intake_take(&backend->intake, &size)))
		tell_record(backend, record, size);
	return !intake_is_empty(&backend->intake);
}

/*
 * The ring is emptied before anything is made of what was in it: that takes so long that others would
 * find no room meanwhile. libbpf stops at a negative answer; the record it was given for counts as read.
 */
static int on_record(void *userdata, void *record, size_t size)
{
	struct backend *backend = userdata;

	if (!intake_put(&backend->intake, record, size))
		return 0;
	tell_records(backend, UINT32_MAX);
	tell_record(backend, record, size);
	return -EAGAIN;
}

/* Adds up what all CPUs counted; what was known before where that cannot be read. */
static struct event_counts counts_sum(const struct backend *backend)
{
	struct event_counts sum = { 0 };
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(backend->maps[MAP_COUNTS].map_fd, &zero, backend->per_cpu))
		return backend->counts;
	for (size_t cpu = 0; cpu < backend->n_cpus; cpu++) {
		for (size_t i = 0; i < TOLLD_EVENT_TYPES; i++) {
			sum.told[i] += backend->per_cpu[cpu].told[i];
			sum.lost[i] += backend->per_cpu[cpu].lost[i];
		}
		sum.starts_not_told += backend->per_cpu[cpu].starts_not_told;
		sum.block_errors += backend->per_cpu[cpu].block_errors;
	}
	return sum;
}

/* Says what of it was lost, or not told, since the last time. */
static void counts_read(struct backend *backend, bool *ret_lost, bool *ret_not_told)
{
	struct event_counts sum = counts_sum(backend);

	*ret_lost = false;
	for (size_t i = 0; i < TOLLD_EVENT_TYPES; i++)
		*ret_lost |= sum.lost[i] > backend->counts.lost[i];
	*ret_not_told = sum.starts_not_told > backend->counts.starts_not_told;
	backend->counts = sum;
}

static void drain_up_to(struct backend *backend, unsigned budget)
{
	static const struct notice lost = { .kind = NOTICE_LOST };
	static const struct notice starts = { .kind = NOTICE_STARTS };
	bool left = ring_buffer__consume(backend->ring) == -EAGAIN;
	bool any_lost, any_not_told;

	left |= tell_records(backend, budget);
	counts_read(backend, &any_lost, &any_not_told);
	if (any_lost)
		backend->options.on_notice(&lost, backend->options.userdata);
	if (any_not_told)
		backend->options.on_notice(&starts, backend->options.userdata);
	sd_event_source_set_enabled(backend->rest_source, left ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void kernel_drain(struct backend *backend)
{
	drain_up_to(backend, UINT32_MAX);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct backend *backend = userdata;

	drain_up_to(backend, DRAIN_BUDGET);
	backend->options.on_drained(backend->options.userdata);
	return 0;
}

static int on_rest(sd_event_source *source, void *userdata)
{
	return on_readable(source, -1, 0, userdata);
}

/* -- open ----------------------------------------------------------------------------------- */

static int keep_fd(int fd, int *ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	*ret = copy;
	return 0;
}

static int keep_maps(struct backend *backend, const struct tolld_bpf *skel)
{
	const struct bpf_map *const maps[MAPS] = {
		[MAP_SERVICES] = skel->maps.tolld_services,
		[MAP_PROCESSES] = skel->maps.tolld_watch,
		[MAP_PORTS] = skel->maps.tolld_ports,
		[MAP_PROGRAMS] = skel->maps.tolld_programs,
		[MAP_COUNTS] = skel->maps.tolld_counts,
	};

	for (size_t i = 0; i < MAPS; i++) {
		int err = keep_fd(bpf_map__fd(maps[i]), &backend->maps[i].map_fd);

		if (err)
			return err;
	}
	return keep_fd(bpf_map__fd(skel->maps.tolld_events), &backend->ring_fd);
}

/* Told by the count of its place that there is one before it is made, and until it is gone. */
static int map_may_be(struct backend *backend, const struct tolld_bpf *skel)
{
	void *mapped = mmap(NULL, sizeof(*backend->may_be), PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_map__fd(skel->maps.tolld_may_be), 0);

	if (mapped == MAP_FAILED)
		return -errno;
	backend->may_be = mapped;
	return 0;
}

/* Attached for as long as a descriptor of the link is open, and not an instant longer. */
static int keep_links(struct backend *backend, const struct tolld_bpf *skel)
{
	const struct bpf_link *const links[] = {
		skel->links.tolld_exit,
		skel->links.tolld_fork,
		skel->links.tolld_exec,
		skel->links.tolld_signal,
		skel->links.tolld_oom,
		skel->links.tolld_listen,
		/* NULL where their tracepoints are missing: */
		skel->links.tolld_blkerr,
		skel->links.tolld_hang,
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		int err;

		if (!links[i])
			continue;
		err = keep_fd(bpf_link__fd(links[i]), &backend->links[backend->n_links]);
		if (err)
			return err;
		backend->n_links++;
	}
	return 0;
}

static int keep_iterators(struct backend *backend, const struct tolld_bpf *skel)
{
	struct iterators *to = &backend->iterators;
	int err = iterators_keep(to, ITER_TASKS, skel->links.tolld_tasks, skel->progs.tolld_tasks);

	if (!err)
		err = iterators_keep(
			to, ITER_USAGE, skel->links.tolld_usage, skel->progs.tolld_usage);
	if (!err)
		err = iterators_keep(
			to, ITER_SOCKETS, skel->links.tolld_sockets, skel->progs.tolld_sockets);
	return err;
}

/* What of the programs not every kernel takes. */
struct attempt {
	bool siginfo_is_typed, memory_is_readable;
};

static int load_programs(
	const struct backend *backend, const struct attempt *attempt, struct tolld_bpf **ret)
{
	struct tolld_bpf *skel = tolld_bpf__open();
	struct stat netns;
	int err;

	if (!skel)
		return -errno;
	skel->rodata->siginfo_is_typed = attempt->siginfo_is_typed;
	skel->rodata->memory_is_readable = attempt->memory_is_readable;
	skel->rodata->exit_tells_group_dead = backend->tracepoints.exit_tells_group_dead;
	bpf_program__set_autoload(
		skel->progs.tolld_blkerr, backend->tracepoints.has_block_rq_error);
	bpf_program__set_autoload(
		skel->progs.tolld_hang, backend->tracepoints.has_sched_process_hang);
	if (stat("/proc/self/ns/net", &netns) == 0)
		skel->rodata->own_netns = (uint32_t)netns.st_ino;
	if (backend->options.ring_bytes)
		bpf_map__set_max_entries(skel->maps.tolld_events, backend->options.ring_bytes);
	err = tolld_bpf__load(skel);
	if (err) {
		tolld_bpf__destroy(skel);
		return err;
	}
	*ret = skel;
	return 0;
}

/*
 * The best first. -EACCES is the verifier's no to a type, -EINVAL its no to a helper that is locked down.
 * Whatever else it minds, it minds again.
 */
static int load_best(struct backend *backend, struct tolld_bpf **ret)
{
	static const struct attempt attempts[] = { { true, true }, { false, true },
		{ true, false } };
	int err = -EINVAL;

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		*libbpf_said = '\0';
		err = load_programs(backend, &attempts[i], ret);
		if (err != -EACCES && err != -EINVAL)
			break;
	}
	return err;
}

static int load(struct backend *backend, char *error, size_t error_size)
{
	libbpf_print_fn_t print = libbpf_set_print(remember_warning);
	struct tolld_bpf *skel = NULL;
	int err;

	tracepoints_ask(&backend->tracepoints);
	err = load_best(backend, &skel);
	if (!err)
		err = tolld_bpf__attach(skel);
	if (!err)
		err = keep_maps(backend, skel);
	if (!err)
		err = map_may_be(backend, skel);
	if (!err)
		err = keep_links(backend, skel);
	if (!err)
		err = keep_iterators(backend, skel);
	if (err)
		err = explain(err, error, error_size);
	tolld_bpf__destroy(skel);
	libbpf_set_print(print);
	/* libbpf has read all types of the kernel: megabytes, which nobody needs any more. */
	malloc_trim(0);
	return err;
}

static int listen_to_ring(struct backend *backend)
{
	int cpus = libbpf_num_possible_cpus();
	int err;

	if (cpus < 0)
		return cpus;
	backend->n_cpus = (size_t)cpus;
	backend->per_cpu = calloc(backend->n_cpus, sizeof(*backend->per_cpu));
	if (!backend->per_cpu)
		return -ENOMEM;
	backend->ring = ring_buffer__new(backend->ring_fd, on_record, backend, NULL);
	if (!backend->ring)
		return -errno;
	err = sd_event_add_io(backend->options.event, &backend->ring_source,
		ring_buffer__epoll_fd(backend->ring), EPOLLIN, on_readable, backend);
	if (err < 0)
		return err;
	sd_event_source_set_priority(backend->ring_source, SD_EVENT_PRIORITY_IMPORTANT);
	err = sd_event_add_defer(backend->options.event, &backend->rest_source, on_rest, backend);
	if (err < 0)
		return err;
	err = sd_event_source_set_enabled(backend->rest_source, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

static void pin_maps(struct backend *backend, const char *dir)
{
	char fault[200];

	snprintf(backend->reason, sizeof(backend->reason), "this kernel takes eBPF programs");
	if (!*dir)
		return;
	pins_make(dir, backend->maps, MAPS, backend->options.pins_owner, &backend->pins, fault,
		sizeof(fault));
	if (*fault)
		snprintf(backend->reason, sizeof(backend->reason),
			"this kernel takes eBPF programs; %s", fault);
}

static void kernel_close(struct backend *backend);

static int kernel_open(
	const struct backend_options *options, struct backend **ret, char *error, size_t error_size)
{
	const char *dir = options->bpffs_dir ? options->bpffs_dir : "/sys/fs/bpf/tolld";
	struct backend *backend = calloc(1, sizeof(*backend));
	int err;

	if (!backend)
		return -ENOMEM;
	backend->options = *options;
	backend->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	oomlog_open(&backend->oomlog);
	backend->ring_fd = -1;
	iterators_init(&backend->iterators);
	for (size_t i = 0; i < MAPS; i++)
		backend->maps[i] = (struct pin){ .name = map_pin_names[i], .map_fd = -1 };
	backend->pins.lock_fd = -1;
	err = load(backend, error, error_size);
	if (!err) {
		err = listen_to_ring(backend);
		if (err)
			snprintf(error, error_size, "cannot read the events of the kernel: %s",
				strerror(-err));
	}
	if (err) {
		kernel_close(backend);
		return err;
	}
	pin_maps(backend, dir);
	/* Both are the caller's, and may be gone by now. */
	backend->options.bpffs_dir = NULL;
	backend->options.pins_owner = NULL;
	*ret = backend;
	return 0;
}

static void kernel_close(struct backend *backend)
{
	if (!backend)
		return;
	pins_remove(&backend->pins);
	sd_event_source_disable_unref(backend->rest_source);
	sd_event_source_disable_unref(backend->ring_source);
	ring_buffer__free(backend->ring);
	intake_release(&backend->intake);
	for (size_t i = 0; i < backend->n_links; i++)
		close(backend->links[i]);
	for (size_t i = 0; i < MAPS; i++)
		closep(&backend->maps[i].map_fd);
	iterators_release(&backend->iterators);
	if (backend->may_be)
		munmap(backend->may_be, sizeof(*backend->may_be));
	closep(&backend->ring_fd);
	oomlog_close(&backend->oomlog);
	free(backend->per_cpu);
	free(backend);
}

static const char *kernel_reason(const struct backend *backend)
{
	return backend->reason;
}

/* -- processes ------------------------------------------------------------------------------ */

static void copy_name(char to[TOLLD_NAME_MAX], const char *name)
{
	snprintf(to, TOLLD_NAME_MAX, "%s", name);
}

struct living_list {
	struct process *items;
	size_t n, cap;
};

static int living_add(struct living_list *list, const struct tolld_living *living)
{
	struct process *process;

	if (!vec_reserve(list->items, list->n, list->cap))
		return -ENOMEM;
	process = &list->items[list->n++];
	*process = (struct process){
		.pid = (pid_t)living->pid,
		.start_boot_ns = (int64_t)living->start_boottime_ns,
	};
	event_comm(process->comm, living->comm);
	return 0;
}

/* From a descriptor of an iterator, which is closed; or with the error that there is instead. */
static int list_living(int iter_fd, struct process **ret, size_t *ret_n)
{
	/* A whole number of records: so no read of an iterator ends within one. */
	struct tolld_living chunk[128];
	struct living_list list = { 0 };
	scoped(closep) int fd = iter_fd;
	ssize_t got;
	int err = 0;

	if (fd < 0)
		return fd;
	while (!err && (got = read(fd, chunk, sizeof(chunk))) != 0) {
		if (got < 0) {
			err = errno == EAGAIN || errno == EINTR ? 0 : -errno;
			continue;
		}
		for (size_t i = 0; !err && i < (size_t)got / sizeof(chunk[0]); i++)
			err = living_add(&list, &chunk[i]);
	}
	if (err) {
		free(list.items);
		return err;
	}
	*ret = list.items;
	*ret_n = list.n;
	return 0;
}

static int kernel_living(struct backend *backend, struct process **ret, size_t *ret_n)
{
	return list_living(iterators_run(&backend->iterators, ITER_TASKS), ret, ret_n);
}

/*
 * The kernel fills in the start while it lists the living: exact, where /proc knows only ticks. All are
 * listed where it cannot do that for one: with thousands of services that adds up.
 */
static int identify(struct backend *backend, pid_t pid, struct process *ret)
{
	struct process *living;
	size_t n;
	int err = list_living(iterators_run_for(&backend->iterators, ITER_TASKS, pid), &living, &n);

	if (err && err != -ESRCH)
		err = kernel_living(backend, &living, &n);
	if (err)
		return err;
	err = -ESRCH;
	for (size_t i = 0; i < n; i++) {
		if (living[i].pid != pid)
			continue;
		*ret = living[i];
		err = 0;
		break;
	}
	free(living);
	return err;
}

static void count_entry(struct backend *backend, pid_t pid, uint32_t by)
{
	__atomic_fetch_add(tolld_place(backend->may_be, (uint32_t)pid), by, __ATOMIC_SEQ_CST);
}

static void delete_entry(struct backend *backend, pid_t pid)
{
	struct process_key key = { .pid = (uint32_t)pid };

	if (bpf_map_delete_elem(backend->maps[MAP_PROCESSES].map_fd, &key) == 0)
		count_entry(backend, pid, -1u);
}

/*
 * A new entry, or one that is told of from now on. *ret_before: as it was; its role is 0 where there was none.
 * -EAGAIN: it went meanwhile, as its process ended or, no longer of its family, runs another program.
 */
static int make_entry(struct backend *backend, struct process_key key, const char *service,
	struct watched_process *ret_before)
{
	int fd = backend->maps[MAP_PROCESSES].map_fd;
	struct watched_process entry = { .role = IS_WATCHED, .family_pid = key.pid };
	int err;

	*ret_before = (struct watched_process){ 0 };
	copy_name(entry.service, service);
	count_entry(backend, (pid_t)key.pid, 1);
	err = bpf_map_update_elem(fd, &key, &entry, BPF_NOEXIST);
	if (!err)
		return 0;
	count_entry(backend, (pid_t)key.pid, -1u);
	if (err != -EEXIST)
		return err;
	if (bpf_map_lookup_elem(fd, &key, ret_before))
		return -EAGAIN;
	if (ret_before->role == IS_WATCHED)
		return 0;
	entry = *ret_before;
	entry.role = IS_WATCHED;
	copy_name(entry.service, service);
	err = bpf_map_update_elem(fd, &key, &entry, BPF_EXIST);
	return err == -ENOENT ? -EAGAIN : err;
}

static int kernel_add_process(
	struct backend *backend, pid_t pid, const char *service, struct process *ret)
{
	int fd = backend->maps[MAP_PROCESSES].map_fd;
	struct process_key key = { .pid = (uint32_t)pid };
	struct watched_process before;
	int err = make_entry(backend, key, service, &before);

	if (err == -EAGAIN)
		err = make_entry(backend, key, service, &before);
	if (err)
		return err == -EAGAIN ? -ESRCH : err;
	err = identify(backend, pid, ret);
	/* What was there before stays: others wait for its end, which is on its way where nobody lives any more. */
	if (err && !before.role)
		delete_entry(backend, pid);
	else if (err && before.role != IS_WATCHED)
		bpf_map_update_elem(fd, &key, &before, BPF_EXIST);
	return err;
}

static void kernel_remove_process(struct backend *backend, pid_t pid)
{
	delete_entry(backend, pid);
}

static size_t kernel_family(struct backend *backend, pid_t family, struct process *ret, size_t max)
{
	int fd = backend->maps[MAP_PROCESSES].map_fd;
	struct process_key key, *before = NULL;
	struct watched_process entry;
	size_t n = 0;

	/* A walk that is disturbed by a deletion starts over; the bound ends it. */
	for (size_t steps = 0; n < max && steps < 2 * TOLLD_PROCESSES; steps++) {
		if (bpf_map_get_next_key(fd, before, &key))
			break;
		before = &key;
		if (bpf_map_lookup_elem(fd, &key, &entry) || entry.family_pid != (uint32_t)family ||
			entry.role != INHERITED_FROM_WATCHED)
			continue;
		ret[n++] = (struct process){
			.pid = (pid_t)key.pid,
			.start_boot_ns = (int64_t)entry.start_boottime_ns,
		};
	}
	return n;
}

/* -- programs ------------------------------------------------------------------------------- */

static struct program_key program_key(const char *name, uint64_t inode, pid_t parent)
{
	struct program_key key = { .inode = inode, .parent_pid = (uint32_t)parent };

	/* As the kernel cuts the name of a process. */
	if (name)
		memcpy(key.name, name, strnlen(name, sizeof(key.name) - 1));
	return key;
}

static int kernel_add_program(struct backend *backend, const char *name, uint64_t inode,
	pid_t parent, const char *service)
{
	struct program_key key = program_key(name, inode, parent);
	struct wanted_program value = { 0 };

	copy_name(value.service, service);
	return bpf_map_update_elem(backend->maps[MAP_PROGRAMS].map_fd, &key, &value, BPF_ANY);
}

static void kernel_remove_program(
	struct backend *backend, const char *name, uint64_t inode, pid_t parent)
{
	struct program_key key = program_key(name, inode, parent);

	bpf_map_delete_elem(backend->maps[MAP_PROGRAMS].map_fd, &key);
}

/* -- ports, records, counts ----------------------------------------------------------------- */

static int kernel_add_port(struct backend *backend, uint16_t port, const char *service)
{
	struct port_key key = { .port = port };
	struct watched_port value = { 0 };

	copy_name(value.service, service);
	return bpf_map_update_elem(backend->maps[MAP_PORTS].map_fd, &key, &value, BPF_ANY);
}

static void kernel_remove_port(struct backend *backend, uint16_t port)
{
	struct port_key key = { .port = port };

	bpf_map_delete_elem(backend->maps[MAP_PORTS].map_fd, &key);
}

static void kernel_show(
	struct backend *backend, uint32_t number, const struct service_record *record)
{
	struct service_key key = { .service = number };
	int fd = backend->maps[MAP_SERVICES].map_fd;

	/* For people only: nothing depends on it, so nothing is done about a failure. */
	if (record)
		bpf_map_update_elem(fd, &key, record, BPF_ANY);
	else
		bpf_map_delete_elem(fd, &key);
}

static void kernel_stats(struct backend *backend, struct watch_stats *ret)
{
	const struct event_counts sum = counts_sum(backend), *c = &sum;

	ret->has_block_errors = backend->tracepoints.has_block_rq_error;
	ret->block_errors = c->block_errors;
	ret->events_exit = c->told[TOLLD_EXIT];
	ret->events_exec = c->told[TOLLD_EXEC];
	ret->events_signal = c->told[TOLLD_SIGNAL];
	ret->events_oom = c->told[TOLLD_OOM];
	ret->events_listen = c->told[TOLLD_LISTEN];
	ret->events_hang = c->told[TOLLD_HANG];
	ret->lost_exit = c->lost[TOLLD_EXIT];
	ret->lost_exec = c->lost[TOLLD_EXEC];
	ret->lost_signal = c->lost[TOLLD_SIGNAL];
	ret->lost_oom = c->lost[TOLLD_OOM];
	ret->lost_listen = c->lost[TOLLD_LISTEN];
	ret->lost_hang = c->lost[TOLLD_HANG];
}

static int kernel_usage(
	struct backend *backend, const struct usage_wanted *wanted, usage_fn *fn, void *userdata)
{
	return usage_read_kernel(
		&backend->iterators, backend->maps[MAP_PROCESSES].map_fd, wanted, fn, userdata);
}

static int kernel_sockets(struct backend *backend, const struct usage_wanted *wanted,
	usage_socket_fn *fn, void *userdata)
{
	return usage_sockets_kernel(
		&backend->iterators, backend->maps[MAP_PROCESSES].map_fd, wanted, fn, userdata);
}

const struct backend_ops kernel_backend = {
	.kind = WATCH_KERNEL,
	.name = "kernel",
	.open = kernel_open,
	.close = kernel_close,
	.reason = kernel_reason,
	.add_process = kernel_add_process,
	.remove_process = kernel_remove_process,
	.add_port = kernel_add_port,
	.remove_port = kernel_remove_port,
	.add_program = kernel_add_program,
	.remove_program = kernel_remove_program,
	.living = kernel_living,
	.family = kernel_family,
	.drain = kernel_drain,
	.usage = kernel_usage,
	.sockets = kernel_sockets,
	.show = kernel_show,
	.stats = kernel_stats,
};
