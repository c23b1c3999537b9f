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
#include "tolld/usage.h"

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
	ret->has_process = true;
	ret->threads = record->threads;
	ret->has_resident = record->flags & COUNTS_MEMORY;
	ret->resident_bytes = record->resident_pages * page_bytes;
	ret->has_max_fds = true;
	ret->max_fds = record->max_fds;
	ret->has_fds = record->flags & COUNTS_FDS;
	ret->open_fds = record->open_fds;
}

/* Up to `size` bytes; 0 at the end. */
static ssize_t read_iter(int fd, void *to, size_t size)
{
	for (;;) {
		ssize_t got = read(fd, to, size);

		/* EAGAIN: it has looked at a million things that nobody watches, and goes on. */
		if (got >= 0 || (errno != EAGAIN && errno != EINTR))
			return got < 0 ? -errno : got;
	}
}

int usage_read_all(int link_fd, usage_fn *fn, void *userdata)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	struct tolld_usage chunk[CHUNK];
	scoped(closep) int fd = bpf_iter_create(link_fd);
	ssize_t got;

	if (fd < 0)
		return fd;
	while ((got = read_iter(fd, chunk, sizeof(chunk))) > 0) {
		for (size_t i = 0; i < (size_t)got / sizeof(chunk[0]); i++) {
			struct usage part;

			read_record(&chunk[i], page_bytes, &part);
			fn(&part, userdata);
		}
	}
	return (int)got;
}

int usage_sockets_all(int link_fd, usage_socket_fn *fn, void *userdata)
{
	struct tolld_socket chunk[CHUNK];
	scoped(closep) int fd = bpf_iter_create(link_fd);
	ssize_t got;

	if (fd < 0)
		return fd;
	while ((got = read_iter(fd, chunk, sizeof(chunk))) > 0) {
		for (size_t i = 0; i < (size_t)got / sizeof(chunk[0]); i++) {
			const struct tolld_socket *s = &chunk[i];
			bool is_ip = s->family == AF_INET || s->family == AF_INET6;

			fn(
				&(struct usage_socket){
					.pid = (pid_t)s->pid,
					.start_boot_ns = (int64_t)s->start_boottime_ns,
					.inode = s->inode,
					.listens = is_ip && s->state == STATE_LISTEN,
				},
				userdata);
		}
	}
	return (int)got;
}
