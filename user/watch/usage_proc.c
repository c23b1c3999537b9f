/*
 * usage_proc.c - what one process uses, as /proc tells it.
 */
#include "watch/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "base/util.h"
#include "watch/lines.h"
#include "watch/procfs.h"

/*
 * -1: there is none. What is opened in it is this process's for ever: once that is gone, nothing is found, whoever has
 * its number.
 */
static int open_process(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void read_io(int dir_fd, struct usage *ret)
{
	char text[512];

	ret->has_io = !lines_read_at(dir_fd, "io", text, sizeof(text)) &&
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

static DIR *open_fds(int dir_fd)
{
	int fd = openat(dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		closep(&fd);
	return dir;
}

/* False where the process is gone. */
static bool count_fds(int dir_fd, struct usage *ret)
{
	struct stat st;
	struct dirent *entry;
	DIR *dir;

	/* Since 6.2 the size of the directory is their number, whoever asks. */
	if (fstatat(dir_fd, "fd", &st, 0))
		return errno != ENOENT && errno != ESRCH;
	ret->open_fds = (uint32_t)st.st_size;
	ret->has_fds = st.st_size > 0;
	dir = ret->has_fds ? NULL : open_fds(dir_fd);
	if (!dir)
		return true;
	while ((entry = readdir(dir)))
		ret->open_fds += entry->d_name[0] != '.';
	closedir(dir);
	ret->has_fds = true;
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

/* All but its threads. False where it is gone, or was another. */
static bool read_whole(int dir_fd, int64_t start_boot_ns, struct usage *part, unsigned *ret_threads)
{
	struct process_stat stat;

	/* First, so that whoever runs while it is read shows that next time. */
	part->in_ticks = process_cpu_ns(part->pid, &part->cpu_ns) != 0;
	if (process_stat_read_at(dir_fd, &stat) || process_stat_is_dead(&stat))
		return false;
	if (start_boot_ns && !usage_same_start(stat.start_boot_ns, start_boot_ns))
		return false;
	part->start_boot_ns = start_boot_ns ? start_boot_ns : stat.start_boot_ns;
	if (part->in_ticks)
		part->cpu_ns = (uint64_t)stat.cpu_ns;
	part->minor_faults = stat.minor_faults;
	part->major_faults = stat.major_faults;
	part->uninterruptible = is_uninterruptible(&stat);
	if (part->uninterruptible)
		part->switches = switches_of(part->pid, part->pid);
	if (process_stat_is_stopped(&stat))
		part->standstill = STANDSTILL_STOPPED;
	part->has_process = part->has_resident = true;
	part->threads = *ret_threads = stat.threads;
	part->resident_bytes = stat.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	read_io(dir_fd, part);
	part->has_max_fds = read_max_fds(part->pid, &part->max_fds);
	/* At last: where it is there still, what was asked by its number was its own. */
	return count_fds(dir_fd, part);
}

int usage_read_proc(pid_t pid, int64_t start_boot_ns, usage_fn *fn, void *userdata)
{
	scoped(closep) int dir_fd = open_process(pid);
	struct usage part = { .pid = pid, .thread = pid };
	unsigned threads = 0;

	if (dir_fd < 0 || !read_whole(dir_fd, start_boot_ns, &part, &threads))
		return -ESRCH;
	fn(&part, userdata);
	if (threads > 1)
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
	scoped(closep) int dir_fd = open_process(pid);
	struct usage_socket socket = { .pid = pid };
	struct process_stat stat;
	struct dirent *entry;
	uint32_t n = 0;
	DIR *dir;

	if (dir_fd < 0 || process_stat_read_at(dir_fd, &stat) ||
		(start_boot_ns && !usage_same_start(stat.start_boot_ns, start_boot_ns)))
		return -ESRCH;
	dir = open_fds(dir_fd);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	socket.start_boot_ns = stat.start_boot_ns;
	while ((entry = readdir(dir)) && n <= max_fds) {
		char link[64];
		ssize_t len;

		if (entry->d_name[0] == '.')
			continue;
		n++;
		len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (len <= 0)
			continue;
		link[len] = '\0';
		if (parse_socket(link, &socket.inode))
			fn(&socket, userdata);
	}
	closedir(dir);
	return n > max_fds ? -E2BIG : 0;
}
