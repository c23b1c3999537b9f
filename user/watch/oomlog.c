/*
 * oomlog.c - reads /dev/kmsg, a record each time: "3,1234,567890,-;the text" and lines of its own below.
 */
#include "watch/oomlog.h"

#include <errno.h>
#include <fcntl.h>

/* As many as the kernel's log may hold, if lines are short; the rest is read the next time. */
#define RECORDS_MAX 20000
/* The longest that the kernel gives (CONSOLE_EXT_LOG_MAX); a read into less fails. */
#define RECORD_MAX 8192

int oomlog_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) >= 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* What the kernel says itself; whoever else writes there is given another facility. */
static bool is_from_kernel(const char *record)
{
	char *end;
	unsigned long priority = strtoul(record, &end, 10);

	return end != record && *end == ',' && priority < 8;
}

bool oomlog_parse(const char *record, pid_t *ret)
{
	/* Of the whole machine or of a group; before 5.0 on a line of its own. */
	static const char *const causes[] = { "Out of memory", "Memory cgroup out of memory", "" };
	static const char says[] = "Killed process ";
	const char *text = strchr(record, ';'), *at;

	if (!text || !is_from_kernel(record))
		return false;
	text++;
	at = strstr(text, says);
	for (size_t i = 0; at && i < ARRAY_SIZE(causes); i++) {
		char *end;
		unsigned long pid;

		if (*causes[i] ? !starts_with(text, causes[i]) : at != text)
			continue;
		pid = strtoul(at + strlen(says), &end, 10);
		if (end == at + strlen(says) || !pid || pid > INT32_MAX)
			return false;
		*ret = (pid_t)pid;
		return true;
	}
	return false;
}

void oomlog_read(int fd, void (*on_kill)(pid_t thread, void *userdata), void *userdata)
{
	char record[RECORD_MAX + 1];

	for (int i = 0; i < RECORDS_MAX; i++) {
		ssize_t len = read(fd, record, RECORD_MAX);
		pid_t thread;

		/* Records were overwritten before they were read: it goes on with the oldest. */
		if (len < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (len <= 0)
			return;
		record[len] = '\0';
		if (oomlog_parse(record, &thread))
			on_kill(thread, userdata);
	}
}
