/*
 * procfs.c - reads /proc/PID/stat.
 */
#include "watch/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include "watch/backend.h"

/* Numbers behind the name and the state, counted as in proc(5), where the state is field 3. */
enum {
	FIELD_PARENT = 4,
	FIELD_GROUP = 5,
	FIELD_SESSION = 6,
	FIELD_FLAGS = 9,
	FIELD_MINOR_FAULTS = 10,
	FIELD_MAJOR_FAULTS = 12,
	FIELD_USER_TICKS = 14,
	FIELD_SYSTEM_TICKS = 15,
	FIELD_THREADS = 20,
	FIELD_START = 22,
	FIELD_RESIDENT_PAGES = 24,
	FIELD_EXIT_CODE = 52, /* since 3.5 */
	FIELDS,
};

/* PF_EXITING of include/linux/sched.h, since 2.6. */
#define FLAG_EXITING 0x4

/* Returns the number of the first one that is not there. */
static size_t read_fields(const char *text, long long values[FIELDS])
{
	size_t i;
	char *end;

	for (i = FIELD_PARENT; i < FIELDS; i++) {
		/* Some hold more than fits here; those are not wanted. */
		values[i] = strtoll(text, &end, 10);
		if (end == text)
			break;
		text = end;
	}
	return i;
}

int process_stat_parse(const char *text, struct process_stat *ret)
{
	long long values[FIELDS] = { 0 };
	struct process_stat stat = { 0 };
	/* The name may itself hold spaces and brackets: it ends with the last one. */
	const char *name = strchr(text, '('), *end = strrchr(text, ')');
	int64_t hz = sysconf(_SC_CLK_TCK);

	if (!name || !end || end < name || end[1] != ' ' || !end[2])
		return -EBADMSG;
	stat.pid = (pid_t)strtol(text, NULL, 10);
	snprintf(stat.comm, sizeof(stat.comm), "%.*s", (int)(end - name - 1), name + 1);
	stat.state = end[2];
	/* Process 1 may well have started at tick 0; what no clock here can hold is no start. */
	if (stat.pid <= 0 || read_fields(end + 3, values) <= FIELD_START ||
		values[FIELD_START] < 0 || values[FIELD_START] > INT64_MAX / (NSEC_PER_SEC / hz))
		return -EBADMSG;
	stat.parent = (pid_t)values[FIELD_PARENT];
	stat.group = (pid_t)values[FIELD_GROUP];
	stat.session = (pid_t)values[FIELD_SESSION];
	stat.exits = (values[FIELD_FLAGS] & FLAG_EXITING) || stat.state == 'Z' || stat.state == 'X';
	stat.threads = (unsigned)values[FIELD_THREADS];
	stat.start_ticks = (uint64_t)values[FIELD_START];
	stat.start_boot_ns = (int64_t)stat.start_ticks * (NSEC_PER_SEC / hz);
	stat.minor_faults = (uint64_t)values[FIELD_MINOR_FAULTS];
	stat.major_faults = (uint64_t)values[FIELD_MAJOR_FAULTS];
	stat.cpu_ns = (int64_t)(((uint64_t)values[FIELD_USER_TICKS] +
					(uint64_t)values[FIELD_SYSTEM_TICKS]) *
				(uint64_t)(NSEC_PER_SEC / hz));
	stat.resident_pages = (uint64_t)MAX(values[FIELD_RESIDENT_PAGES], 0ll);
	stat.wait_status = (uint32_t)values[FIELD_EXIT_CODE];
	*ret = stat;
	return 0;
}

/* It says nothing of the process: this one or the machine has no descriptor or memory left. */
static bool is_out_of_something(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == EINTR;
}

static int read_stat(int dir_fd, const char *path, struct process_stat *ret)
{
	char text[1024];
	scoped(closep) int fd = -1;
	ssize_t len;

	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return is_out_of_something(errno) ? -errno : -ESRCH;
	len = read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		return len && is_out_of_something(errno) ? -errno : -ESRCH;
	text[len] = '\0';
	return process_stat_parse(text, ret) ? -ESRCH : 0;
}

int process_stat_read(pid_t pid, struct process_stat *ret)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return read_stat(AT_FDCWD, path, ret);
}

int process_stat_read_at(int dir_fd, struct process_stat *ret)
{
	return read_stat(dir_fd, "stat", ret);
}

int thread_stat_read(pid_t pid, pid_t thread, struct process_stat *ret)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, thread);
	return read_stat(AT_FDCWD, path, ret);
}

int process_cpu_ns(pid_t pid, uint64_t *ret)
{
	/* CPUCLOCK_SCHED of include/linux/posix-timers.h; what clock_getcpuclockid() gives by a system call of its own. */
	clockid_t clock = (clockid_t)(~(uint32_t)pid << 3) | 2;
	struct timespec used;

	if (pid <= 0 || clock_gettime(clock, &used))
		return pid <= 0 ? -EINVAL : -errno;
	*ret = (uint64_t)used.tv_sec * NSEC_PER_SEC + (uint64_t)used.tv_nsec;
	return 0;
}

bool process_stat_is_dead(const struct process_stat *stat)
{
	/* Being reaped, the group has no threads to count any more, and shows 0. */
	return stat->state == 'X' || (stat->state == 'Z' && stat->threads <= 1);
}

bool process_stat_is_stopped(const struct process_stat *stat)
{
	/* 't' is the debugger's; before 2.6.33 both were this one. */
	return stat->state == 'T';
}

/*
 * Who may not trace it reads a code of 0, like that of success. Whether one may is told by this link,
 * which is guarded likewise and leads nowhere once the memory is gone.
 */
static bool may_read_wait_status(pid_t pid)
{
	char path[64], target[16];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return readlink(path, target, sizeof(target)) >= 0 || errno == ENOENT;
}

int process_stat_read_dead(pid_t pid, uint64_t start_ticks, struct process_stat *ret)
{
	bool tells = may_read_wait_status(pid);
	struct process_stat stat;

	if (process_stat_read(pid, &stat) || stat.start_ticks != start_ticks ||
		!process_stat_is_dead(&stat))
		return -ESRCH;
	stat.tells_wait_status = tells;
	*ret = stat;
	return 0;
}

int process_cmdline(pid_t pid, struct strbuf *out)
{
	char path[64];
	scoped(closep) int fd = -1;
	size_t start = out->len, end;
	ssize_t len = 1;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	while (len > 0 && out->len - start < CMDLINE_MAX) {
		char *room = strbuf_room(out, 2048);

		len = room ? read(fd, room, 2048) : 0;
		if (len > 0)
			out->len += (size_t)len;
	}
	if (out->err)
		return out->err;
	/* Each argument ends with a NUL; a process that wrote over them may leave several at the end. */
	end = out->len;
	while (end > start && !out->s[end - 1])
		end--;
	for (size_t i = start; i < end; i++) {
		if (!out->s[i])
			out->s[i] = ' ';
	}
	if (out->cap)
		out->s[end] = '\0';
	out->len = end;
	return end > start ? 0 : -ESRCH;
}

bool process_lives(const struct process *process)
{
	int64_t tick_ns = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	struct process_stat stat;

	return process_stat_read(process->pid, &stat) == 0 && !process_stat_is_dead(&stat) &&
	       stat.start_boot_ns / tick_ns == process->start_boot_ns / tick_ns;
}

bool process_is_gone(const struct process *process)
{
	int64_t tick_ns = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	struct process_stat stat;
	int err = process_stat_read(process->pid, &stat);

	if (err)
		return err == -ESRCH;
	return process_stat_is_dead(&stat) ||
	       stat.start_boot_ns / tick_ns != process->start_boot_ns / tick_ns;
}

pid_t process_last_number(void)
{
	scoped(closep) int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	char text[128];
	const char *last;
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (len <= 0)
		return 0;
	text[len] = '\0';
	last = strrchr(text, ' ');
	return last ? (pid_t)strtol(last, NULL, 10) : 0;
}
