/*
 * load.c - loads and attaches tolld's programs by libbpf, and says why where that fails.
 */
#include "watch/load.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include "tolld/self.h" /* before the second skeleton, which has one of it */

#include "bpf/tolld.skel.h"
#include "bpf/tolld_raw.skel.h"
#include "watch/procfs.h"
#include "watch/tracepoint.h"

/* -- what the kernel said ------------------------------------------------------------------- */

#define NOT_RESOLVED "failed to resolve CO-RE relocation "

static char libbpf_said[256];

static void keep_line(const char *text)
{
	snprintf(libbpf_said, sizeof(libbpf_said), "%.*s", (int)strcspn(text, "\n"), text);
}

/* The first warning; but that the types lack a field stands within the verifier's log, which comes later. */
static int remember_warning(enum libbpf_print_level level, const char *fmt, va_list args)
{
	const char *unresolved;
	char *text;

	if (level != LIBBPF_WARN || vasprintf(&text, fmt, args) < 0)
		return 0;
	unresolved = strstr(text, NOT_RESOLVED);
	if (unresolved && !starts_with(libbpf_said, NOT_RESOLVED))
		keep_line(unresolved);
	else if (!*libbpf_said)
		keep_line(text);
	free(text);
	return 0;
}

static int not_allowed(char *error, size_t error_size)
{
	snprintf(error, error_size,
		"loading eBPF programs is not allowed; run as root, or with CAP_BPF, CAP_PERFMON "
		"and CAP_NET_ADMIN%s%s",
		*libbpf_said ? ": " : "", libbpf_said);
	return -EPERM;
}

bool kernel_has_types(void)
{
	return effective_access("/sys/kernel/btf/vmlinux", R_OK) == 0 || errno != ENOENT;
}

/* What is missing and what to do about it. */
static int explain(int err, char *error, size_t error_size)
{
	if (!kernel_has_types()) {
		snprintf(error, error_size,
			"this kernel has no type information (/sys/kernel/btf/vmlinux is missing); "
			"use a kernel with CONFIG_DEBUG_INFO_BTF=y, or give its types by "
			"--watch.btf");
		return -ENOTSUP;
	}
	if (err == -EPERM)
		return not_allowed(error, error_size);
	snprintf(error, error_size, "the kernel does not take the eBPF programs: %s%s%s",
		strerror(-err), *libbpf_said ? ": " : "", libbpf_said);
	return err;
}

/* -- a file of types ------------------------------------------------------------------------ */

/* libbpf would open a pipe and wait; and what it says of a file that holds no types, few understand. */
static int check_file(const char *path, char *error, size_t error_size)
{
	struct stat st;
	struct btf *btf;
	int err = 0;

	if (stat(path, &st) || effective_access(path, R_OK))
		err = -errno;
	if (err) {
		snprintf(error, error_size,
			"--watch.btf %s: %s; name a file with the types of this kernel, or leave it out",
			path, strerror(-err));
		return err;
	}
	btf = S_ISREG(st.st_mode) ? btf__parse(path, NULL) : NULL;
	err = btf ? 0 : -errno;
	if (err == -ENOMEM)
		return err;
	if (!btf || btf__type_cnt(btf) <= 1) {
		snprintf(error, error_size,
			"--watch.btf %s holds no types; it takes BTF as pahole and bpftool write it, "
			"unpacked",
			path);
		err = -EBADMSG;
	}
	btf__free(btf);
	return err;
}

static int not_of_this_kernel(const char *path, const char *why, char *error, size_t error_size)
{
	struct utsname kernel = { 0 };

	uname(&kernel);
	snprintf(error, error_size,
		"--watch.btf %s does not have the types of this kernel, %s: %s; make or get it for "
		"this one%s",
		path, kernel.release, why,
		kernel_has_types() ? ", or leave it out: this kernel has its own" : "");
	return -ENOEXEC;
}

/* As explain(), of programs whose types come from a file. */
static int explain_by_file(int err, const char *path, char *error, size_t error_size)
{
	const enum bpf_prog_type type = BPF_PROG_TYPE_RAW_TRACEPOINT;

	if (err == -EPERM)
		return not_allowed(error, error_size);
	if (libbpf_probe_bpf_prog_type(type, NULL) == 0) {
		snprintf(error, error_size,
			"this kernel takes no eBPF programs for tracepoints, with or without "
			"--watch.btf; use one with CONFIG_BPF_EVENTS=y");
		return -ENOTSUP;
	}
	if (libbpf_probe_bpf_helper(type, BPF_FUNC_probe_read_kernel, NULL) == 0) {
		snprintf(error, error_size,
			"this kernel lets no eBPF program read its memory by --watch.btf; use one "
			"with CONFIG_DEBUG_INFO_BTF=y, or without lockdown=confidentiality");
		return -ENOTSUP;
	}
	if (err == -EINVAL || err == -ESRCH || err == -EACCES)
		return not_of_this_kernel(
			path, *libbpf_said ? libbpf_said : strerror(-err), error, error_size);
	snprintf(error, error_size, "the kernel does not take the eBPF programs: %s%s%s",
		strerror(-err), *libbpf_said ? ": " : "", libbpf_said);
	return err;
}

/* The programs read of this process what /proc says of it, or the file is of another kernel. */
static int check_self(
	const struct tolld_raw_bpf *skel, const char *path, char *error, size_t error_size)
{
	const struct tolld_self *self = &skel->bss->self;
	struct process_stat stat;
	LIBBPF_OPTS(bpf_test_run_opts, options);
	char comm[sizeof(self->comm) + 1], why[256];
	int err = process_stat_read(getpid(), &stat);

	if (!err)
		err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.tolld_self), &options);
	if (err) {
		snprintf(error, error_size, "what --watch.btf %s says cannot be checked: %s", path,
			strerror(-err));
		return err;
	}
	memcpy(comm, self->comm, sizeof(self->comm));
	comm[sizeof(self->comm)] = '\0';
	if ((pid_t)self->pid == stat.pid && (pid_t)self->parent_pid == stat.parent &&
		self->threads == stat.threads &&
		(int64_t)self->start_boottime_ns == stat.start_boot_ns && streq(comm, stat.comm))
		return 0;
	snprintf(why, sizeof(why),
		"by it process %d, child of %d with %u threads, is %u, child of %u with %u",
		(int)stat.pid, (int)stat.parent, stat.threads, self->pid, self->parent_pid,
		self->threads);
	return not_of_this_kernel(path, why, error, error_size);
}

/* -- loading -------------------------------------------------------------------------------- */

static uint32_t own_netns(void)
{
	struct stat netns;

	return stat("/proc/self/ns/net", &netns) == 0 ? (uint32_t)netns.st_ino : 0;
}

static void set_ring(struct bpf_map *ring, uint32_t bytes)
{
	if (bytes)
		bpf_map__set_max_entries(ring, bytes);
}

/* What of the programs not every kernel takes. */
struct attempt {
	bool siginfo_is_typed, memory_is_readable;
};

static int load_usual(const struct load_options *options, const struct attempt *attempt,
	const struct tracepoints *tracepoints, struct tolld_bpf **ret)
{
	struct tolld_bpf *skel = tolld_bpf__open();
	int err;

	if (!skel)
		return -errno;
	skel->rodata->siginfo_is_typed = attempt->siginfo_is_typed;
	skel->rodata->memory_is_readable = attempt->memory_is_readable;
	skel->rodata->exit_tells_group_dead = tracepoints->exit_tells_group_dead;
	bpf_program__set_autoload(skel->progs.tolld_blkerr, tracepoints->has_block_rq_error);
	bpf_program__set_autoload(skel->progs.tolld_hang, tracepoints->has_sched_process_hang);
	skel->rodata->own_netns = own_netns();
	set_ring(skel->maps.tolld_events, options->ring_bytes);
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
static int load_best(const struct load_options *options, struct tolld_bpf **ret)
{
	static const struct attempt attempts[] = { { true, true }, { false, true },
		{ true, false } };
	struct tracepoints tracepoints;
	int err = -EINVAL;

	tracepoints_ask(&tracepoints);
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		*libbpf_said = '\0';
		err = load_usual(options, &attempts[i], &tracepoints, ret);
		if (err != -EACCES && err != -EINVAL)
			break;
	}
	return err;
}

static int load_by_file(const struct load_options *options, struct tolld_raw_bpf **ret)
{
	LIBBPF_OPTS(bpf_object_open_opts, by_file, .btf_custom_path = options->btf_file);
	struct tolld_raw_bpf *skel = tolld_raw_bpf__open_opts(&by_file);
	int err;

	if (!skel)
		return -errno;
	skel->rodata->own_netns = own_netns();
	set_ring(skel->maps.tolld_events, options->ring_bytes);
	/* For check_self() alone. */
	bpf_program__set_autoattach(skel->progs.tolld_self, false);
	err = tolld_raw_bpf__load(skel);
	if (err) {
		tolld_raw_bpf__destroy(skel);
		return err;
	}
	*ret = skel;
	return 0;
}

/* -- keeping -------------------------------------------------------------------------------- */

static int keep_fd(int fd, int *ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	*ret = copy;
	return 0;
}

static int keep_maps(struct loaded *to, const struct bpf_object *object)
{
	static const char *const names[MAPS] = { "tolld_services", "tolld_watch", "tolld_ports",
		"tolld_programs", "tolld_counts" };

	for (size_t i = 0; i < MAPS; i++) {
		int err = keep_fd(
			bpf_object__find_map_fd_by_name(object, names[i]), &to->maps[i].map_fd);

		if (err)
			return err;
	}
	return keep_fd(bpf_object__find_map_fd_by_name(object, "tolld_events"), &to->ring_fd);
}

/* Told by the count of its place that there is one before it is made, and until it is gone. */
static int map_may_be(struct loaded *to, const struct bpf_object *object)
{
	void *mapped = mmap(NULL, sizeof(*to->may_be), PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_object__find_map_fd_by_name(object, "tolld_may_be"), 0);

	if (mapped == MAP_FAILED)
		return -errno;
	to->may_be = mapped;
	return 0;
}

/* Attached for as long as a descriptor of the link is open, and not an instant longer. */
static int keep_link(struct loaded *to, const struct bpf_program *program, struct bpf_link *link)
{
	static const char *const iterators[ITERATORS] = {
		[ITER_TASKS] = "tolld_tasks",
		[ITER_USAGE] = "tolld_usage",
		[ITER_SOCKETS] = "tolld_sockets",
	};
	const char *name = bpf_program__name(program);
	int err;

	for (int i = 0; i < ITERATORS; i++) {
		if (streq(name, iterators[i]))
			return iterators_keep(&to->iterators, i, link, program);
	}
	assert(to->n_links < LINKS_MAX);
	err = keep_fd(bpf_link__fd(link), &to->links[to->n_links]);
	if (err)
		return err;
	to->n_links++;
	to->has_block_errors |= streq(name, "tolld_blkerr");
	return 0;
}

/* A raw tracepoint that is missing is noticed only now; typed ones were left out. */
static bool may_be_missing(const struct bpf_program *program)
{
	return streq(bpf_program__name(program), "tolld_blkerr") ||
	       streq(bpf_program__name(program), "tolld_hang");
}

static int attach_one(struct loaded *to, const struct bpf_program *program)
{
	struct bpf_link *link = bpf_program__attach(program);
	int err;

	if (!link)
		return errno == ENOENT && may_be_missing(program) ? 0 : -errno;
	err = keep_link(to, program, link);
	bpf_link__destroy(link);
	return err;
}

static int keep_all(struct loaded *to, const struct bpf_object *object)
{
	struct bpf_program *program;
	int err = keep_maps(to, object);

	if (!err)
		err = map_may_be(to, object);
	bpf_object__for_each_program(program, object)
	{
		if (!err && bpf_program__autoload(program) && bpf_program__autoattach(program))
			err = attach_one(to, program);
	}
	return err;
}

static int load_usual_and_keep(
	const struct load_options *options, struct loaded *to, char *error, size_t error_size)
{
	struct tolld_bpf *skel = NULL;
	int err = load_best(options, &skel);

	if (!err)
		err = keep_all(to, skel->obj);
	if (err)
		err = explain(err, error, error_size);
	tolld_bpf__destroy(skel);
	return err;
}

static int load_by_file_and_keep(
	const struct load_options *options, struct loaded *to, char *error, size_t error_size)
{
	struct tolld_raw_bpf *skel = NULL;
	int err = check_file(options->btf_file, error, error_size);

	if (err)
		return err;
	err = load_by_file(options, &skel);
	if (err)
		return explain_by_file(err, options->btf_file, error, error_size);
	err = check_self(skel, options->btf_file, error, error_size);
	if (!err) {
		err = keep_all(to, skel->obj);
		if (err)
			err = explain_by_file(err, options->btf_file, error, error_size);
	}
	tolld_raw_bpf__destroy(skel);
	return err;
}

static void loaded_init(struct loaded *loaded)
{
	static const char *const pin_names[MAPS] = { "services", "processes", "ports", "programs",
		"counts" };

	*loaded = (struct loaded){ .ring_fd = -1 };
	for (size_t i = 0; i < MAPS; i++)
		loaded->maps[i] = (struct pin){ .name = pin_names[i], .map_fd = -1 };
	iterators_init(&loaded->iterators);
}

int load_programs(
	const struct load_options *options, struct loaded *ret, char *error, size_t error_size)
{
	libbpf_print_fn_t print = libbpf_set_print(remember_warning);
	int err;

	*libbpf_said = '\0';
	loaded_init(ret);
	if (options->btf_file)
		err = load_by_file_and_keep(options, ret, error, error_size);
	else
		err = load_usual_and_keep(options, ret, error, error_size);
	libbpf_set_print(print);
	/* libbpf has read all types of the kernel: megabytes, which nobody needs any more. */
	malloc_trim(0);
	return err;
}

void loaded_release(struct loaded *loaded)
{
	for (size_t i = 0; i < loaded->n_links; i++)
		close(loaded->links[i]);
	for (size_t i = 0; i < MAPS; i++)
		closep(&loaded->maps[i].map_fd);
	iterators_release(&loaded->iterators);
	if (loaded->may_be)
		munmap(loaded->may_be, sizeof(*loaded->may_be));
	closep(&loaded->ring_fd);
	loaded_init(loaded);
}
