/*
 * cgroup.c - reads /proc/PID/cgroup.
 */
#include "watch/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* A path is at most 4096 bytes; version 1 has a dozen lines of them. */
#define CGROUP_FILE_MAX ((size_t)64 << 10)

/* What stands between `from` and `to`, NULL where the line does not begin so. */
static const char *path_of(const char *line, const char *beginning)
{
	return starts_with(line, beginning) ? line + strlen(beginning) : NULL;
}

int cgroup_parse(const char *text, struct strbuf *out)
{
	const char *unified = NULL, *named = NULL, *found;

	for (const char *line = text; *line; line += strcspn(line, "\n")) {
		const char *controllers;

		line += *line == '\n';
		/* "0::/path" in version 2, "4:name=systemd:/path" in version 1. */
		controllers = strchr(line, ':');
		if (!controllers)
			break;
		if (starts_with(line, "0:"))
			unified = path_of(line, "0::");
		else if (starts_with(controllers, ":name=systemd:"))
			named = path_of(controllers, ":name=systemd:");
	}
	/* Beside one of version 1 that of version 2 may be there and unused: all processes are at its root. */
	found = named ? named : unified;
	if (!found || *found != '/')
		return -ENOENT;
	strbuf_add(out, found, strcspn(found, "\n"));
	return out->err;
}

int process_cgroup(pid_t pid, struct strbuf *out)
{
	scoped(closep) int fd = -1;
	struct strbuf text = STRBUF_INIT;
	char path[64], *room;
	ssize_t got = 1;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	while (got > 0 && text.len < CGROUP_FILE_MAX && (room = strbuf_room(&text, 4096))) {
		got = read(fd, room, 4096);
		text.len += got > 0 ? (size_t)got : 0;
		text.s[text.len] = '\0';
	}
	/* Of a process that is being reaped nothing is told any more. */
	err = text.err ? text.err : got < 0 || !text.len ? -ESRCH : cgroup_parse(text.s, out);
	strbuf_release(&text);
	return err;
}

char *cgroup_unit(const char *path)
{
	static const char suffix[] = ".service";

	for (const char *part = path; *part; part += strcspn(part, "/")) {
		size_t len;

		part += *part == '/';
		len = strcspn(part, "/");
		if (len >= sizeof(suffix) &&
			memcmp(part + len - strlen(suffix), suffix, strlen(suffix)) == 0)
			return strndup(part, len);
	}
	return NULL;
}

bool cgroup_is_in(const char *path, const char *group)
{
	size_t len = strlen(group);

	return strncmp(path, group, len) == 0 && (!path[len] || path[len] == '/');
}
