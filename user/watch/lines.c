/*
 * lines.c - names and numbers, line by line.
 */
#include "watch/lines.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include "base/util.h"

int lines_read(const char *path, char *to, size_t size)
{
	return lines_read_at(AT_FDCWD, path, to, size);
}

int lines_read_at(int dir_fd, const char *name, char *to, size_t size)
{
	scoped(closep) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (got = read(fd, to + len, size - 1 - len)) > 0)
		len += (size_t)got;
	if (got < 0)
		return -errno;
	to[len] = '\0';
	return 0;
}

static bool number_after(const char *line, const char *name, uint64_t *ret)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len) != 0)
		return false;
	line += len;
	if (*line == ':')
		line++;
	else if (*line != ' ' && *line != '\t')
		return false;
	line += strspn(line, " \t");
	if (!isdigit((unsigned char)*line))
		return false;
	*ret = strtoull(line, NULL, 10);
	return true;
}

bool lines_number(const char *text, const char *name, uint64_t *ret)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (number_after(line, name, ret))
			return true;
	}
	return false;
}
