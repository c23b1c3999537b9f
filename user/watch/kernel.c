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
#include <stdio.h>
#include "watch/event.h"
#include "watch/intake.h"
#include "watch/living.h"
#include "watch/load.h"
#include "watch/oomlog.h"
#include "watch/procfs.h"

/* Records of one turn of the loop; what is left is read in the next. */
#define DRAIN_BUDGET 64

struct backend {
	struct backend_options options;
	struct loaded loaded;
	struct pins pins;
	struct ring_buffer *ring;
	sd_event_source *ring_source;
	sd_event_source *rest_source; /* on while records were left over */
	struct intake intake;
	struct event_counts *per_cpu;
	size_t n_cpus;
	struct event_counts counts;
	struct oomlog oomlog;
	uint64_t page_bytes;
	char reason[512];
};

/* -- events --------------------------------------------------------------------------------- */

/* No tracepoint says whose memory was out; the kernel's log says it an instant before. */
static void explain_oom(struct backend *backend, struct notice *n)
{
	const struct oom_kill *kill;

	oomlog_read(&backend->oomlog, NULL, NULL);
	kill = oomlog_find(&backend->oomlog, n->victim.thread);
	if (!kill)
		return;
	n->victim.oom = kill->oom;
	memcpy(n->victim.group, kill->group, sizeof(n->victim.group));
	if (!*n->process.comm)
		memcpy(n->process.comm, kill->comm, sizeof(n->process.comm));
	if (!n->victim.has_memory) {
		n->victim.has_memory = kill->has_memory;
		n->victim.memory_bytes = kill->memory_bytes;
	}
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

	if (bpf_map_lookup_elem(backend->loaded.maps[MAP_COUNTS].map_fd, &zero, backend->per_cpu))
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
	backend->ring = ring_buffer__new(backend->loaded.ring_fd, on_record, backend, NULL);
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

static void say_reason(struct backend *backend)
{
	const char *file = backend->options.btf_file;

	if (file)
		snprintf(backend->reason, sizeof(backend->reason),
			"this kernel takes eBPF programs, with its types from %s%s", file,
			kernel_has_types() ? ", though it has its own" : "");
	else
		snprintf(backend->reason, sizeof(backend->reason),
			"this kernel takes eBPF programs");
}

static void pin_maps(struct backend *backend, const char *dir)
{
	size_t len = strlen(backend->reason);
	char fault[200];

	if (!*dir)
		return;
	pins_make(dir, backend->loaded.maps, MAPS, backend->options.pins_owner, &backend->pins,
		fault, sizeof(fault));
	if (*fault)
		snprintf(backend->reason + len, sizeof(backend->reason) - len, "; %s", fault);
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
	backend->pins.lock_fd = -1;
	err = load_programs(
		&(struct load_options){
			.btf_file = options->btf_file,
			.ring_bytes = options->ring_bytes,
		},
		&backend->loaded, error, error_size);
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
	say_reason(backend);
	pin_maps(backend, dir);
	/* They are the caller's, and may be gone by now. */
	backend->options.bpffs_dir = NULL;
	backend->options.pins_owner = NULL;
	backend->options.btf_file = NULL;
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
	loaded_release(&backend->loaded);
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

static int kernel_living(struct backend *backend, struct process **ret, size_t *ret_n)
{
	return living_by_iterator(
		iterators_run(&backend->loaded.iterators, ITER_TASKS), ret, ret_n);
}

static int by_file_living(struct backend *backend, struct process **ret, size_t *ret_n)
{
	return living_by_proc(backend->loaded.maps[MAP_PROCESSES].map_fd, ret, ret_n);
}

static int find_living(struct process *living, size_t n, pid_t pid, struct process *ret)
{
	int err = -ESRCH;

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

static int identify_one(struct backend *backend, pid_t pid, struct process *ret)
{
	struct process *living;
	size_t n;
	int err = living_by_iterator(
		iterators_run_for(&backend->loaded.iterators, ITER_TASKS, pid), &living, &n);

	return err ? err : find_living(living, n, pid, ret);
}

/*
 * The kernel fills in the start while it lists the living: exact, where /proc knows only ticks. All are
 * listed where it cannot do that for one: with thousands of services that adds up.
 */
static int identify(struct backend *backend, pid_t pid, struct process *ret)
{
	struct process *living;
	size_t n;
	int err = identify_one(backend, pid, ret);

	if (!err || err == -ESRCH)
		return err;
	err = kernel_living(backend, &living, &n);
	return err ? err : find_living(living, n, pid, ret);
}

static int kernel_living_of(
	struct backend *backend, const struct process *of, size_t n, struct process *ret)
{
	int living = 0;

	if (!iterators_are_few(n))
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		int err = identify_one(backend, of[i].pid, &ret[living]);

		if (err && err != -ESRCH)
			return err;
		living += !err;
	}
	return living;
}

static void count_entry(struct backend *backend, pid_t pid, uint32_t by)
{
	__atomic_fetch_add(
		tolld_place(backend->loaded.may_be, (uint32_t)pid), by, __ATOMIC_SEQ_CST);
}

static void delete_entry(struct backend *backend, pid_t pid)
{
	struct process_key key = { .pid = (uint32_t)pid };

	if (bpf_map_delete_elem(backend->loaded.maps[MAP_PROCESSES].map_fd, &key) == 0)
		count_entry(backend, pid, -1u);
}

/*
 * A new entry, or one that is told of from now on. *ret_before: as it was; its role is 0 where there was none.
 * -EAGAIN: it went meanwhile, as its process ended or, no longer of its family, runs another program.
 */
static int make_entry(struct backend *backend, struct process_key key, const char *service,
	int64_t start_boot_ns, struct watched_process *ret_before)
{
	int fd = backend->loaded.maps[MAP_PROCESSES].map_fd;
	struct watched_process entry = {
		.role = IS_WATCHED,
		.family_pid = key.pid,
		.start_boottime_ns = (uint64_t)start_boot_ns,
	};
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

/* `start_boot_ns` is NULL where it is not known: then the kernel learns it while it lists the living. */
static int add_process(struct backend *backend, pid_t pid, const char *service,
	const int64_t *start_boot_ns, struct process *ret)
{
	int fd = backend->loaded.maps[MAP_PROCESSES].map_fd;
	struct process_key key = { .pid = (uint32_t)pid };
	int64_t start = start_boot_ns ? *start_boot_ns : 0;
	struct watched_process before;
	int err = make_entry(backend, key, service, start, &before);

	if (err == -EAGAIN)
		err = make_entry(backend, key, service, start, &before);
	if (err)
		return err == -EAGAIN ? -ESRCH : err;
	err = start_boot_ns ? living_is_still(pid, start, ret) : identify(backend, pid, ret);
	/* What was there before stays: others wait for its end, which is on its way where nobody lives any more. */
	if (err && !before.role)
		delete_entry(backend, pid);
	else if (err && before.role != IS_WATCHED)
		bpf_map_update_elem(fd, &key, &before, BPF_EXIST);
	return err;
}

static int kernel_add_process(
	struct backend *backend, pid_t pid, const char *service, struct process *ret)
{
	return add_process(backend, pid, service, NULL, ret);
}

/* Whoever is still there once the entry is, and still the same, is told of when it ends. */
static int by_file_add_process(
	struct backend *backend, pid_t pid, const char *service, struct process *ret)
{
	struct process_stat stat;
	int err = process_stat_read(pid, &stat);

	return err ? err : add_process(backend, pid, service, &stat.start_boot_ns, ret);
}

static void kernel_remove_process(struct backend *backend, pid_t pid)
{
	delete_entry(backend, pid);
}

static size_t kernel_family(struct backend *backend, pid_t family, struct process *ret, size_t max)
{
	int fd = backend->loaded.maps[MAP_PROCESSES].map_fd;
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
	return bpf_map_update_elem(
		backend->loaded.maps[MAP_PROGRAMS].map_fd, &key, &value, BPF_ANY);
}

static void kernel_remove_program(
	struct backend *backend, const char *name, uint64_t inode, pid_t parent)
{
	struct program_key key = program_key(name, inode, parent);

	bpf_map_delete_elem(backend->loaded.maps[MAP_PROGRAMS].map_fd, &key);
}

/* -- ports, records, counts ----------------------------------------------------------------- */

static int kernel_add_port(struct backend *backend, uint16_t port, const char *service)
{
	struct port_key key = { .port = port };
	struct watched_port value = { 0 };

	copy_name(value.service, service);
	return bpf_map_update_elem(backend->loaded.maps[MAP_PORTS].map_fd, &key, &value, BPF_ANY);
}

static void kernel_remove_port(struct backend *backend, uint16_t port)
{
	struct port_key key = { .port = port };

	bpf_map_delete_elem(backend->loaded.maps[MAP_PORTS].map_fd, &key);
}

static void kernel_show(
	struct backend *backend, uint32_t number, const struct service_record *record)
{
	struct service_key key = { .service = number };
	int fd = backend->loaded.maps[MAP_SERVICES].map_fd;

	/* For people only: nothing depends on it, so nothing is done about a failure. */
	if (record)
		bpf_map_update_elem(fd, &key, record, BPF_ANY);
	else
		bpf_map_delete_elem(fd, &key);
}

static void kernel_stats(struct backend *backend, struct watch_stats *ret)
{
	const struct event_counts sum = counts_sum(backend), *c = &sum;

	ret->has_block_errors = backend->loaded.has_block_errors;
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
	return usage_read_kernel(&backend->loaded.iterators,
		backend->loaded.maps[MAP_PROCESSES].map_fd, wanted, fn, userdata);
}

static int kernel_sockets(struct backend *backend, const struct usage_wanted *wanted,
	usage_socket_fn *fn, void *userdata)
{
	return usage_sockets_kernel(&backend->loaded.iterators,
		backend->loaded.maps[MAP_PROCESSES].map_fd, wanted, fn, userdata);
}

#define SAME_IN_BOTH                                                                               \
	.kind = WATCH_KERNEL, .name = "kernel", .open = kernel_open, .close = kernel_close,        \
	.reason = kernel_reason, .remove_process = kernel_remove_process,                          \
	.add_port = kernel_add_port, .remove_port = kernel_remove_port,                            \
	.add_program = kernel_add_program, .remove_program = kernel_remove_program,                \
	.family = kernel_family, .drain = kernel_drain, .show = kernel_show, .stats = kernel_stats

const struct backend_ops kernel_backend = {
	SAME_IN_BOTH,
	.add_process = kernel_add_process,
	.living = kernel_living,
	.living_of = kernel_living_of,
	.usage = kernel_usage,
	.sockets = kernel_sockets,
};

/* Without iterators, so that /proc is read. */
const struct backend_ops kernel_by_file_backend = {
	SAME_IN_BOTH,
	.by_file = true,
	.add_process = by_file_add_process,
	.living = by_file_living,
};
