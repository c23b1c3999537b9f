/*
 * usage.c - what processes use, as the kernel's iterators tell it.
 */
#include "watch/usage.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "tolld/map.h"
#include "tolld/usage.h"
#include "watch/iterators.h"

#define STATE_LISTEN 10

/* A whole number of records: so no read of an iterator ends within one. */
#define CHUNK 256

bool usage_same_start(int64_t a_boot_ns, int64_t b_boot_ns)
{
	int64_t tick_ns = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);

	return llabs(a_boot_ns - b_boot_ns) < tick_ns;
}

static void read_record(const struct tolld_usage *record, uint64_t page_bytes, struct usage *ret)
{
	*ret = (struct usage){
		.pid = (pid_t)record->pid,
		.start_boot_ns = (int64_t)record->start_boottime_ns,
		.family = (pid_t)record->family_pid,
		.thread = (pid_t)record->thread,
		.cpu_ns = record->cpu_ns,
		.minor_faults = record->minor_faults,
		.major_faults = record->major_faults,
		.read_bytes = record->read_bytes,
		.written_bytes = record->written_bytes,
		.has_io = record->flags & COUNTS_IO,
		.uninterruptible = record->flags & IS_UNINTERRUPTIBLE,
		.switches = record->switches,
	};
	if (!(record->flags & HOLDS_PROCESS))
		return;
	ret->standstill = record->flags & IS_STOPPED  ? STANDSTILL_STOPPED
			  : record->flags & IS_FROZEN ? STANDSTILL_FROZEN
						      : STANDSTILL_NONE;
	ret->tells_frozen = true;
	ret->has_process = true;
	ret->threads = record->threads;
	ret->has_resident = record->flags & COUNTS_MEMORY;
	ret->resident_bytes = record->resident_pages * page_bytes;
	ret->has_max_fds = true;
	ret->max_fds = record->max_fds;
	ret->has_fds = record->flags & COUNTS_FDS;
	ret->open_fds = record->open_fds;
}

/* Up to `size` bytes; 0 at the end. -EAGAIN: it has looked at a million things, and is to go on. */
static ssize_t read_iter(int fd, void *to, size_t size)
{
	ssize_t got;

	do
		got = read(fd, to, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* What to do with the records of an iterator. */
struct reading {
	usage_fn *usage;
	usage_socket_fn *socket; /* where that is NULL */
	void *userdata;
};

static ssize_t read_usage(int fd, const struct reading *r)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	struct tolld_usage chunk[CHUNK];
	ssize_t got = read_iter(fd, chunk, sizeof(chunk));

	for (ssize_t i = 0; i < got / (ssize_t)sizeof(chunk[0]); i++) {
		struct usage part;

		if (!chunk[i].pid)
			continue;
		read_record(&chunk[i], page_bytes, &part);
		r->usage(&part, r->userdata);
	}
	return got;
}

static ssize_t read_sockets(int fd, const struct reading *r)
{
	struct tolld_socket chunk[CHUNK];
	ssize_t got = read_iter(fd, chunk, sizeof(chunk));

	for (ssize_t i = 0; i < got / (ssize_t)sizeof(chunk[0]); i++) {
		const struct tolld_socket *s = &chunk[i];
		const bool is_ip = s->family == AF_INET || s->family == AF_INET6;
		const struct usage_socket socket = {
			.pid = (pid_t)s->pid,
			.start_boot_ns = (int64_t)s->start_boottime_ns,
			.inode = s->inode,
			.listens = is_ip && s->state == STATE_LISTEN,
		};

		if (s->pid)
			r->socket(&socket, r->userdata);
	}
	return got;
}

/* 1: there is more; 0: that was all. */
static int read_chunk(int fd, const struct reading *r)
{
	ssize_t got = r->usage ? read_usage(fd, r) : read_sockets(fd, r);

	return got > 0 || got == -EAGAIN ? 1 : (int)got;
}

/* -- whom to ask for ---------------------------------------------------------------------------- */

/*
 * The wanted ones that the kernel follows, each once, if they are so few that asking for each of them is
 * cheaper than going through all processes. -E2BIG: they are not, or one of them has relatives, who
 * would be missing.
 */
static int choose_few(int map_fd, const struct usage_wanted *wanted, pid_t chosen[ITERATORS_FEW])
{
	struct watched_process entry;
	int n = 0;

	if (!iterators_are_few(wanted->n))
		return -E2BIG;
	for (size_t i = 0; i < wanted->n; i++) {
		struct process_key key = { .pid = (uint32_t)wanted->pids[i] };
		int before = 0;

		while (before < n && chosen[before] != wanted->pids[i])
			before++;
		if (before < n || bpf_map_lookup_elem(map_fd, &key, &entry))
			continue;
		if (entry.forked || entry.family_pid != key.pid)
			return -E2BIG;
		chosen[n++] = wanted->pids[i];
	}
	return n;
}

/* All of it; it is closed. */
static int read_all(int iter_fd, const struct reading *r)
{
	scoped(closep) int fd = iter_fd;
	int err;

	do
		err = read_chunk(fd, r);
	while (err > 0);
	return err;
}

/* They are few, and are read at once. -E2BIG: they are not, or it is too old a kernel for that. */
static int read_few(const struct iterators *iterators, int which, int map_fd,
	const struct usage_wanted *wanted, const struct reading *r)
{
	pid_t few[ITERATORS_FEW];
	int n = choose_few(map_fd, wanted, few);
	int err = 0;

	if (n < 0)
		return n;
	for (int i = 0; i < n && !err; i++) {
		int fd = iterators_run_for(iterators, which, few[i]);

		if (fd < 0)
			return i == 0 ? -E2BIG : fd;
		err = read_all(fd, r);
	}
	return err;
}

static int read_wanted(struct iterators *iterators, int which, int map_fd,
	const struct usage_wanted *wanted, const struct reading *r)
{
	int *fd = &iterators->under_way[which], err;

	if (*fd < 0) {
		err = read_few(iterators, which, map_fd, wanted, r);
		if (err != -E2BIG)
			return err;
		*fd = iterators_run(iterators, which);
		if (*fd < 0)
			return *fd;
	}
	err = read_chunk(*fd, r);
	if (err <= 0) {
		closep(fd);
		*fd = -1;
	}
	return err;
}

int usage_read_kernel(struct iterators *iterators, int processes_map_fd,
	const struct usage_wanted *wanted, usage_fn *fn, void *userdata)
{
	const struct reading r = { .usage = fn, .userdata = userdata };

	return read_wanted(iterators, ITER_USAGE, processes_map_fd, wanted, &r);
}

int usage_sockets_kernel(struct iterators *iterators, int processes_map_fd,
	const struct usage_wanted *wanted, usage_socket_fn *fn, void *userdata)
{
	const struct reading r = { .socket = fn, .userdata = userdata };

	return read_wanted(iterators, ITER_SOCKETS, processes_map_fd, wanted, &r);
}
