/*
 * pidfile.c - reads a pidfile and compares its age with the process's.
 */
#include "watch/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/num.h"
#include "watch/procfs.h"

/* Files are dated to a tick of the kernel's, starts to one of user space's; and clocks are slewed. */
#define SLACK_MS 1000

int pidfile_parse(const char *text, pid_t *ret)
{
	char digits[16];
	size_t start = strspn(text, " \t\r\n"), len = strspn(text + start, "0123456789");
	int64_t pid;

	if (!len || len >= sizeof(digits) || !strchr(" \t\r\n", text[start + len]))
		return -EBADMSG;
	memcpy(digits, text + start, len);
	digits[len] = '\0';
	if (num_parse_int(digits, 1, INT32_MAX, &pid))
		return -EBADMSG;
	*ret = (pid_t)pid;
	return 0;
}

bool pidfile_is_stale(const struct pidfile_facts *facts, struct instant now)
{
	/* Both as the wall clock now says them. */
	int64_t boot_wall_ms = now.wall_ms - now.boot_ns / NSEC_PER_MSEC;
	int64_t started_wall_ms = boot_wall_ms + facts->started_boot_ns / NSEC_PER_MSEC;

	/*
	 * A machine without a clock of its own dates what it writes at its start by decades wrong:
	 * such a file seems to be from before the boot. Where it cannot be, nothing speaks against it.
	 */
	if (facts->written_wall_ms + SLACK_MS < boot_wall_ms)
		return !facts->is_volatile;
	return started_wall_ms > facts->written_wall_ms + SLACK_MS;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

static int read_number(int fd, struct stat *ret_st, pid_t *ret)
{
	char text[64];
	ssize_t len;

	if (fstat(fd, ret_st))
		return -errno;
	len = S_ISREG(ret_st->st_mode) ? read(fd, text, sizeof(text) - 1) : 0;
	if (len < 0)
		return -errno;
	text[len] = '\0';
	return pidfile_parse(text, ret);
}

int pidfile_number(const char *path, pid_t *ret)
{
	scoped(closep) int fd = open_file(path);
	struct stat st;

	return fd < 0 ? fd : read_number(fd, &st, ret);
}

int pidfile_read(const char *path, struct instant now, pid_t *ret)
{
	scoped(closep) int fd = open_file(path);
	struct pidfile_facts facts = { 0 };
	struct process_stat stat;
	struct statfs fs;
	struct stat st;
	pid_t pid;
	int err;

	if (fd < 0)
		return fd;
	err = read_number(fd, &st, &pid);
	if (err)
		return err;
	if (process_stat_read(pid, &stat) || process_stat_is_dead(&stat))
		return -ESRCH;
	facts.written_wall_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
				st.st_mtim.tv_nsec / NSEC_PER_MSEC + clock_lead_ms();
	facts.started_boot_ns = stat.start_boot_ns;
	facts.is_volatile = fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
	if (pidfile_is_stale(&facts, now))
		return -ESTALE;
	*ret = pid;
	return 0;
}
