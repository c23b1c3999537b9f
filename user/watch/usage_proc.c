/*
 * usage_proc.c - what one process uses, as /proc tells it.
 */
#include "watch/usage.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "base/util.h"
#include "watch/lines.h"
#include "watch/procfs.h"

static void read_io(pid_t pid, struct usage *ret)
{
	char path[32], text[512];

	snprintf(path, sizeof(path), "/proc/%d/io", pid);
	ret->has_io = !lines_read(path, text, sizeof(text)) &&
		      lines_number(text, "read_bytes", &ret->read_bytes) &&
		      lines_number(text, "write_bytes", &ret->written_bytes);
}

static uint64_t switches_of(pid_t pid, pid_t thread)
{
	char path[48], text[4096];
	uint64_t wanted = 0, unwanted = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, thread);
	if (lines_read(path, text, sizeof(text)) ||
		!lines_number(text, "voluntary_ctxt_switches", &wanted) ||
		!lines_number(text, "nonvoluntary_ctxt_switches", &unwanted))
		return 0;
	return wanted + unwanted;
}

/* -- descriptors ------------------------------------------------------------------------------ */

static DIR *open_fds(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return opendir(path);
}

static bool count_fds(pid_t pid, uint32_t *ret)
{
	char path[32];
	struct stat st;
	struct dirent *entry;
	uint32_t n = 0;
	DIR *dir;

	/* Since 6.2 the size of the directory is their number, whoever asks. */
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	if (stat(path, &st) == 0 && st.st_size > 0) {
		*ret = (uint32_t)st.st_size;
		return true;
	}
	dir = open_fds(pid);
	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	*ret = n;
	return true;
}

static bool read_max_fds(pid_t pid, uint64_t *ret)
{
	char path[32], text[2048];
	struct rlimit limit;

	/* Allowed for one's own processes, and with CAP_SYS_RESOURCE; the text takes 20 times as long. */
	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0) {
		*ret = limit.rlim_cur;
		return true;
	}
	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	return !lines_read(path, text, sizeof(text)) && lines_number(text, "Max open files", ret);
}

/* -- threads ---------------------------------------------------------------------------------- */

static bool is_uninterruptible(const struct process_stat *stat)
{
	return stat->state == 'D';
}

/* The others of a process that wait for the kernel; parts without totals, which the process has. */
static void tell_threads(pid_t pid, const struct usage *whole, usage_fn *fn, void *userdata)
{
	char path[32];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
		struct process_stat stat;

		if (thread <= 0 || thread == pid || thread_stat_read(pid, thread, &stat) ||
			!is_uninterruptible(&stat))
			continue;
		fn(
			&(struct usage){
				.pid = pid,
				.start_boot_ns = whole->start_boot_ns,
				.thread = thread,
				.uninterruptible = true,
				.switches = switches_of(pid, thread),
			},
			userdata);
	}
	if (dir)
		closedir(dir);
}

/* -- one process ------------------------------------------------------------------------------ */

int usage_read_proc(pid_t pid, int64_t start_boot_ns, usage_fn *fn, void *userdata)
{
	struct process_stat stat;
	struct usage part = { .pid = pid, .thread = pid };

	if (process_stat_read(pid, &stat) || process_stat_is_dead(&stat))
		return -ESRCH;
	if (!start_boot_ns)
		start_boot_ns = stat.start_boot_ns;
	if (!usage_same_start(stat.start_boot_ns, start_boot_ns))
		return -ESRCH;
	part.start_boot_ns = start_boot_ns;
	part.cpu_ns = (uint64_t)stat.cpu_ns;
	part.minor_faults = stat.minor_faults;
	part.major_faults = stat.major_faults;
	part.uninterruptible = is_uninterruptible(&stat);
	if (part.uninterruptible)
		part.switches = switches_of(pid, pid);
	part.has_process = part.has_resident = true;
	part.threads = stat.threads;
	part.resident_bytes = stat.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	read_io(pid, &part);
	part.has_max_fds = read_max_fds(pid, &part.max_fds);
	part.has_fds = count_fds(pid, &part.open_fds);
	/* What was read piece by piece may have become another process's. */
	if (process_stat_read(pid, &stat) || !usage_same_start(stat.start_boot_ns, start_boot_ns))
		return -ESRCH;
	fn(&part, userdata);
	if (stat.threads > 1)
		tell_threads(pid, &part, fn, userdata);
	return 0;
}

/* "socket:[4711]" */
static bool parse_socket(const char *link, uint64_t *ret_inode)
{
	char *end;

	if (!starts_with(link, "socket:["))
		return false;
	*ret_inode = strtoull(link + strlen("socket:["), &end, 10);
	return streq(end, "]");
}

int usage_sockets_proc(
	pid_t pid, int64_t start_boot_ns, uint32_t max_fds, usage_socket_fn *fn, void *userdata)
{
	struct usage_socket socket = { .pid = pid, .start_boot_ns = start_boot_ns };
	struct process_stat stat;
	struct dirent *entry;
	uint32_t n = 0;
	DIR *dir;

	dir = open_fds(pid);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	if (process_stat_read(pid, &stat) ||
		(start_boot_ns && !usage_same_start(stat.start_boot_ns, start_boot_ns))) {
		closedir(dir);
		return -ESRCH;
	}
	socket.start_boot_ns = stat.start_boot_ns;
	while ((entry = readdir(dir)) && n <= max_fds) {
		char link[64];
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		n += entry->d_name[0] != '.';
		if (len <= 0)
			continue;
		link[len] = '\0';
		if (parse_socket(link, &socket.inode))
			fn(&socket, userdata);
	}
	closedir(dir);
	return n > max_fds ? -E2BIG : 0;
}
