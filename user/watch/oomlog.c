/*
 * oomlog.c - reads /dev/kmsg, a record each time: "3,1234,567890,-;the text" and lines of its own below.
 *
 * Of one kill the kernel says, in this order: "oom-kill:constraint=..." (not when there are many),
 * "Killed process ...", and where a group dies as a whole, "Tasks in ... are going to be killed" with
 * a "Killed process" for each of the others.
 */
#include "watch/oomlog.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "base/hex.h"
#include "watch/cause.h"

/* As many as the kernel's log may hold, if lines are short; the rest is read the next time. */
#define RECORDS_MAX 20000
/* The longest that the kernel gives (CONSOLE_EXT_LOG_MAX); a read into less fails. */
#define RECORD_MAX 8192
/* It kills one after the other, with a line on a console between two. */
#define SHARED_US 1000000

int oomlog_open(struct oomlog *log)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

	*log = (struct oomlog){ .fd = -1 };
	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	log->fd = fd;
	return 0;
}

void oomlog_close(struct oomlog *log)
{
	closep(&log->fd);
	log->fd = -1;
}

/* -- one record ----------------------------------------------------------------------------- */

struct record {
	uint64_t at_us;
	const char *text;
};

/* What the kernel says itself; whoever else writes there is given another facility. */
static bool record_read(const char *line, struct record *ret)
{
	const char *text = strchr(line, ';');
	unsigned long priority;
	char *end;

	priority = strtoul(line, &end, 10);
	if (!text || end == line || *end != ',' || priority >= 8)
		return false;
	strtoull(end + 1, &end, 10);
	ret->at_us = *end == ',' ? strtoull(end + 1, NULL, 10) : 0;
	ret->text = text + 1;
	return true;
}

static bool read_pid(const char *digits, pid_t *ret)
{
	char *end;
	unsigned long pid = strtoul(digits, &end, 10);

	if (end == digits || !pid || pid > INT32_MAX)
		return false;
	*ret = (pid_t)pid;
	return true;
}

/* Text of the log, where \xNN stands for a byte. How many there are. */
static size_t read_bytes(char to[RECORD_MAX], const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < RECORD_MAX; i++) {
		if (len - i >= 4 && from[i] == '\\' && from[i + 1] == 'x' &&
			isxdigit((unsigned char)from[i + 2]) &&
			isxdigit((unsigned char)from[i + 3])) {
			to[n++] = (char)(hex_digit(from[i + 2]) << 4 | hex_digit(from[i + 3]));
			i += 3;
		} else {
			to[n++] = from[i];
		}
	}
	return n;
}

/* "oom_memcg=/system.slice/web.service,task_memcg=/...,task=web,pid=7,uid=0": what stands between two. */
static void read_group(
	const char *text, const char *before, const char *after, char ret[WATCH_GROUP_MAX])
{
	const char *path = strstr(text, before), *end;
	char bytes[RECORD_MAX];

	if (!path)
		return;
	path += strlen(before);
	end = strstr(path, after);
	oom_copy_group(ret, bytes, read_bytes(bytes, path, end ? (size_t)(end - path) : 0));
}

static bool read_announcement(const char *text, struct oom_kill *ret)
{
	static const char says[] = "oom-kill:constraint=";
	static const struct {
		const char *name;
		enum oom_kind kind;
	} constraints[] = {
		{ "CONSTRAINT_NONE,", OOM_OF_MACHINE },
		{ "CONSTRAINT_CPUSET,", OOM_OF_NODES },
		{ "CONSTRAINT_MEMORY_POLICY,", OOM_OF_NODES },
		{ "CONSTRAINT_MEMCG,", OOM_OF_GROUP },
	};
	struct oom_kill kill = { 0 };
	const char *pid = NULL;

	if (!starts_with(text, says))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(constraints); i++) {
		if (starts_with(text + strlen(says), constraints[i].name))
			kill.oom.kind = constraints[i].kind;
	}
	/* Names stand before it, which may hold anything: the last one is the kernel's. */
	for (const char *p = text; (p = strstr(p, ",pid=")); p++)
		pid = p;
	if (!pid || !read_pid(pid + strlen(",pid="), &kill.thread))
		return false;
	if (kill.oom.kind == OOM_OF_GROUP)
		read_group(text, ",oom_memcg=", ",task_memcg=", kill.oom.group);
	/* The name of the task stands behind it, which may hold anything. */
	read_group(text, ",task_memcg=", ",task=", kill.group);
	*ret = kill;
	return true;
}

/* "(web) total-vm:1kB, ..." The name may hold what stands behind it, which is not so long as to hide that. */
static const char *read_name(const char *text, char ret[WATCH_COMM_MAX])
{
	static const char after[] = ") total-vm:";
	char bytes[RECORD_MAX];
	const char *end = NULL;
	size_t n;

	for (const char *p = text; (p = strstr(p, after)); p++)
		end = p;
	if (*text != '(' || !end)
		return "";
	n = read_bytes(bytes, text + 1, (size_t)(end - text - 1));
	snprintf(ret, WATCH_COMM_MAX, "%.*s", (int)n, bytes);
	return end;
}

/* "... anon-rss:32640kB, file-rss:0kB, shmem-rss:0kB, ..." */
static void read_memory(const char *text, struct oom_kill *kill)
{
	static const char *const kinds[] = { " anon-rss:", " file-rss:", " shmem-rss:" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *at = strstr(text, kinds[i]);

		if (!at)
			continue;
		kill->has_memory = true;
		kill->memory_bytes += strtoull(at + strlen(kinds[i]), NULL, 10) << 10;
	}
}

static bool read_kill(const char *text, struct oom_kill *ret)
{
	/* Before 5.0 the cause stands on a line of its own. */
	static const struct {
		const char *text;
		enum oom_kind kind;
	} causes[] = {
		{ "Out of memory", OOM_OF_MACHINE },
		{ "Memory cgroup out of memory", OOM_OF_GROUP },
		{ "", OOM_NOT_TOLD },
	};
	static const char says[] = "Killed process ";
	const char *at = strstr(text, says);

	for (size_t i = 0; at && i < ARRAY_SIZE(causes); i++) {
		struct oom_kill kill = { .oom.kind = causes[i].kind };

		if (*causes[i].text ? !starts_with(text, causes[i].text) : at != text)
			continue;
		at += strlen(says);
		if (!read_pid(at, &kill.thread))
			return false;
		at += strcspn(at, " ");
		read_memory(read_name(*at ? at + 1 : at, kill.comm), &kill);
		*ret = kill;
		return true;
	}
	return false;
}

static bool is_group_going(const char *text)
{
	return starts_with(text, "Tasks in ") &&
	       strstr(text, " are going to be killed due to memory.oom.group set");
}

static void kill_add(struct oomlog *log, const struct oom_kill *kill)
{
	log->kills[log->n_kills++ % OOMLOG_KILLS] = *kill;
}

const struct oom_kill *oomlog_take(struct oomlog *log, const char *record)
{
	struct record r;
	struct oom_kill kill;

	if (!record_read(record, &r))
		return NULL;
	if (read_announcement(r.text, &kill)) {
		log->announced = kill;
		log->shared_until_us = 0;
		return NULL;
	}
	if (is_group_going(r.text) && log->n_kills) {
		log->shared = log->kills[(log->n_kills - 1) % OOMLOG_KILLS].oom;
		log->shared_until_us = r.at_us + SHARED_US;
		return NULL;
	}
	if (!read_kill(r.text, &kill))
		return NULL;
	if (log->announced.thread == kill.thread) {
		kill.oom = log->announced.oom;
		memcpy(kill.group, log->announced.group, sizeof(kill.group));
	} else if (r.at_us < log->shared_until_us && kill.oom.kind == log->shared.kind)
		kill.oom = log->shared;
	log->announced = (struct oom_kill){ 0 };
	kill_add(log, &kill);
	return &log->kills[(log->n_kills - 1) % OOMLOG_KILLS];
}

/* -- the log -------------------------------------------------------------------------------- */

void oomlog_read(struct oomlog *log, void (*on_kill)(const struct oom_kill *kill, void *userdata),
	void *userdata)
{
	char record[RECORD_MAX + 1];

	for (int i = 0; log->fd >= 0 && i < RECORDS_MAX; i++) {
		ssize_t len = read(log->fd, record, RECORD_MAX);
		const struct oom_kill *kill;

		/* Records were overwritten before they were read: it goes on with the oldest. */
		if (len < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (len <= 0)
			return;
		record[len] = '\0';
		kill = oomlog_take(log, record);
		if (kill && on_kill)
			on_kill(kill, userdata);
	}
}

const struct oom_kill *oomlog_find(const struct oomlog *log, pid_t thread)
{
	size_t n = MIN(log->n_kills, (size_t)OOMLOG_KILLS);

	if (log->announced.thread == thread)
		return &log->announced;
	for (size_t i = 1; i <= n; i++) {
		const struct oom_kill *kill = &log->kills[(log->n_kills - i) % OOMLOG_KILLS];

		if (kill->thread == thread)
			return kill;
	}
	return NULL;
}
