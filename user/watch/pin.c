/*
 * pin.c - pins maps for inspection only: nothing is ever read back from a pin.
 */
#include "watch/pin.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static bool pin_path(char out[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	return n > 0 && n < PATH_MAX;
}

/*
 * The directory must be ours alone: whoever could write there could offer us a map of his own. One
 * that an earlier run left to the user that it became is ours, too.
 */
static int dir_make(const char *dir, uid_t owner)
{
	struct stat st;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	if (lstat(dir, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid() && st.st_uid != owner)
		return -EPERM;
	return chmod(dir, 0700) ? -errno : 0;
}

/* A descriptor of the directory that holds the lock on it; -EWOULDBLOCK: another process has it. */
static int dir_lock(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int pin_make(const char *dir, const struct pin *pin, const struct pins_owner *owner)
{
	char path[PATH_MAX];
	int err;

	if (!pin_path(path, dir, pin->name))
		return -ENAMETOOLONG;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	err = bpf_obj_pin(pin->map_fd, path);
	if (err)
		return err;
	if (chmod(path, 0600))
		return -errno;
	return lchown(path, owner->uid, owner->gid) ? -errno : 0;
}

static int pin_all(struct pins *pins, const struct pins_owner *owner)
{
	int err = 0;

	for (size_t i = 0; !err && i < pins->n; i++)
		err = pin_make(pins->dir, &pins->items[i], owner);
	if (!err && fchown(pins->lock_fd, owner->uid, owner->gid))
		err = -errno;
	return err;
}

static void explain(int err, const char *dir, char *error, size_t error_size)
{
	const char *why = strerror(-err), *cure = "";

	if (err == -EWOULDBLOCK)
		why = "another tolld has pinned its own there; give each a folder with "
		      "--watch.bpffs";
	else if (err == -ENOENT || err == -EPERM)
		cure = " (mount -t bpf bpf /sys/fs/bpf)";
	snprintf(error, error_size, "maps are not pinned in %s: %s%s", dir, why, cure);
}

void pins_make(const char *dir, const struct pin *items, size_t n, const struct pins_owner *owner,
	struct pins *ret, char *error, size_t error_size)
{
	const struct pins_owner self = { .uid = geteuid(), .gid = getegid() };
	struct statfs fs;
	int err;

	*error = '\0';
	*ret = (struct pins){ .lock_fd = -1, .items = items, .n = n };
	owner = owner ? owner : &self;
	err = dir_make(dir, owner->uid);
	if (!err && statfs(dir, &fs) == 0 && (uint32_t)fs.f_type != BPF_FS_MAGIC) {
		rmdir(dir);
		snprintf(error, error_size,
			"maps are not pinned: %s is not on a bpffs (mount -t bpf bpf /sys/fs/bpf)",
			dir);
		return;
	}
	if (!err) {
		ret->dir = strdup(dir);
		ret->lock_fd = ret->dir ? dir_lock(dir) : -ENOMEM;
		err = ret->lock_fd < 0 ? ret->lock_fd : pin_all(ret, owner);
	}
	if (!err)
		return;
	explain(err, dir, error, error_size);
	pins_remove(ret);
}

void pins_remove(struct pins *pins)
{
	char path[PATH_MAX];

	/* Without the lock they are another's. */
	for (size_t i = 0; pins->lock_fd >= 0 && i < pins->n; i++) {
		if (pin_path(path, pins->dir, pins->items[i].name))
			unlink(path);
	}
	if (pins->lock_fd >= 0)
		rmdir(pins->dir);
	closep(&pins->lock_fd);
	free(pins->dir);
	*pins = (struct pins){ .lock_fd = -1 };
}
