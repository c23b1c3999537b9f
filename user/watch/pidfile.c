/*
 * pidfile.c - reads a pidfile and compares its age with the process's.
 */
#include "watch/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/hash.h"
#include "base/num.h"
#include "watch/procfs.h"

/* Files are dated to a tick of the kernel's, starts to one of user space's; and clocks are slewed. */
#define SLACK_MS 1000
/* One that was changed longer ago than this shows another time if it is changed again. */
#define SETTLED_MS 2000

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

static int64_t wall_ms_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / NSEC_PER_MSEC + clock_lead_ms();
}

/*
 * Changes with the file, and with whom it is to name. 0: it was written so lately that it may be once more, within
 * the same tick of the kernel's, and look the same.
 */
static uint64_t mark_of(const struct stat *st, pid_t pid, struct instant now)
{
	const int64_t facts[] = {
		(int64_t)st->st_dev,
		(int64_t)st->st_ino,
		(int64_t)st->st_size,
		(int64_t)st->st_mtim.tv_sec,
		(int64_t)st->st_mtim.tv_nsec,
		(int64_t)st->st_ctim.tv_sec,
		(int64_t)st->st_ctim.tv_nsec,
		(int64_t)pid,
	};

	if (now.wall_ms - wall_ms_of(&st->st_ctim) < SETTLED_MS)
		return 0;
	return hash_fnv1a(HASH_FNV1A_INIT, facts, sizeof(facts));
}

bool pidfile_still_names(const char *path, pid_t pid, struct instant now, uint64_t *mark)
{
	scoped(closep) int fd = -1;
	struct stat st;
	pid_t found;

	if (*mark && stat(path, &st) == 0 && mark_of(&st, pid, now) == *mark)
		return true;
	*mark = 0;
	fd = open_file(path);
	if (fd < 0 || read_number(fd, &st, &found) || found != pid)
		return false;
	*mark = mark_of(&st, pid, now);
	return true;
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
	facts.written_wall_ms = wall_ms_of(&st.st_mtim);
	facts.started_boot_ns = stat.start_boot_ns;
	facts.is_volatile = fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
	if (pidfile_is_stale(&facts, now))
		return -ESTALE;
	*ret = pid;
	return 0;
}
