/*
 * give.c - gives the directory to the user that the process will become.
 *
 * Root does this in a place that the other user may write to: nothing is followed by name twice, no link is
 * followed at all, and what has a second name elsewhere is left alone.
 */
#include "store/open.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* Folders of files have none in them (files.h). */
#define MAX_DEPTH 2

struct heir {
	uid_t uid;
	gid_t gid;
};

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* To read the names of a directory that is open as a path, or otherwise; NULL: errno. */
static DIR *list_of(int dir_fd)
{
	scoped(closep) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		fd = -1;
	return dir;
}

/* The next name that is not the directory itself or its parent; NULL: there is none. */
static const char *next_name(DIR *dir)
{
	struct dirent *e;

	while ((e = readdir(dir))) {
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			return e->d_name;
	}
	return NULL;
}

/* The database with what stands beside it, and the folders of files. */
static bool is_own(int dir_fd, const char *name)
{
	struct stat st;

	if (starts_with(name, STORE_FILE))
		return true;
	return streq(name, STORE_SAMPLES) && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int give_children(int dir_fd, const struct heir *heir, int depth);

static int give(int dir_fd, const char *name, const struct heir *heir, int depth)
{
	scoped(closep) int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode) ? depth >= MAX_DEPTH : !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return 0;
	if (st.st_uid != heir->uid && st.st_uid != geteuid())
		return 0;
	if ((st.st_uid != heir->uid || st.st_gid != heir->gid) &&
		fchownat(fd, "", heir->uid, heir->gid, AT_EMPTY_PATH))
		return -errno;
	return S_ISDIR(st.st_mode) ? give_children(fd, heir, depth + 1) : 0;
}

/* Of the directory itself only what is its own; all that is in folders of it. */
static int give_children(int dir_fd, const struct heir *heir, int depth)
{
	scoped(closedirp) DIR *dir = list_of(dir_fd);
	const char *name;
	int err = dir ? 0 : -errno;

	while (!err && (name = next_name(dir))) {
		if (depth > 1 || is_own(dir_fd, name))
			err = give(dir_fd, name, heir, depth);
	}
	return err;
}

static bool holds_only_its_own(int dir_fd)
{
	scoped(closedirp) DIR *dir = list_of(dir_fd);
	const char *name;
	bool only = dir;

	while (only && (name = next_name(dir)))
		only = is_own(dir_fd, name);
	return only;
}

static int give_directory(const char *dir, const struct heir *heir)
{
	scoped(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_uid != heir->uid) {
		if (st.st_uid != geteuid())
			return -EPERM;
		/* Somebody's home, or /tmp, is not tolld's to give away. */
		if (!holds_only_its_own(fd))
			return -ENOTEMPTY;
		if (fchown(fd, heir->uid, heir->gid))
			return -errno;
	}
	return give_children(fd, heir, 1);
}

int store_give(const char *dir, uid_t uid, gid_t gid, char *error, size_t error_size)
{
	const struct heir heir = { uid, gid };
	int err = store_make_directories(dir);

	if (!err)
		err = give_directory(dir, &heir);
	if (err == -ENOTEMPTY || err == -EPERM)
		snprintf(error, error_size,
			"%s: it %s; give it to the user that tolld runs as (chown), or name another one",
			dir,
			err == -EPERM ? "belongs to somebody else"
				      : "holds other things than tolld's own");
	else if (err)
		snprintf(error, error_size, "%s: %s", dir, strerror(-err));
	return err;
}
