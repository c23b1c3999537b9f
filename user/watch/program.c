/*
 * program.c - reads /proc/PID/exe, as a file and as a link.
 */
#include "watch/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

static const char deleted[] = " (deleted)";

int program_init(struct program *program, const char *path)
{
	*program = (struct program){ .path = strdup(path) };
	if (!program->path)
		return -ENOMEM;
	program_refresh(program);
	return 0;
}

void program_release(struct program *program)
{
	free(program->path);
	free(program->real);
	*program = (struct program){ 0 };
}

bool program_refresh(struct program *program)
{
	ino_t before = program->inode;
	dev_t dev = program->dev;
	struct stat st;
	char *real;

	if (stat(program->path, &st)) {
		/* While it is being replaced it is not there: what it was is kept. */
		program->inode = 0;
		return before != 0;
	}
	program->dev = st.st_dev;
	program->inode = st.st_ino;
	real = realpath(program->path, NULL);
	if (real) {
		free(program->real);
		program->real = real;
	}
	return before != st.st_ino || dev != st.st_dev;
}

int running_read(pid_t pid, struct running *ret)
{
	char path[64], link[PATH_MAX];
	struct stat st;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0 || stat(path, &st))
		return errno == EACCES || errno == EPERM ? -EACCES : -ESRCH;
	link[len] = '\0';
	*ret = (struct running){ .dev = st.st_dev, .inode = st.st_ino, .link = strdup(link) };
	return ret->link ? 0 : -ENOMEM;
}

void running_release(struct running *running)
{
	free(running->link);
	*running = (struct running){ 0 };
}

static bool is_deleted_one(const char *link, const char *path)
{
	size_t len = strlen(path);

	return strncmp(link, path, len) == 0 && streq(link + len, deleted);
}

bool program_is(const struct program *program, const struct running *running)
{
	if (program->inode && running->dev == program->dev && running->inode == program->inode)
		return true;
	return running->dev == program->dev &&
	       (is_deleted_one(running->link, program->real ? program->real : program->path));
}
