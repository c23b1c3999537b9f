/*
 * pin.c - pins maps for inspection only: nothing is ever read back from a pin.
 */
#include "watch/pin.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static bool pin_path(char out[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	return n > 0 && n < PATH_MAX;
}

/* The directory must be ours alone: whoever could write there could offer us a map of his own. */
static int dir_make(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	if (lstat(dir, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid())
		return -EPERM;
	return chmod(dir, 0700) ? -errno : 0;
}

static int pin_make(const char *dir, const struct pin *pin)
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
	return chmod(path, 0600) ? -errno : 0;
}

void pins_make(const char *dir, const struct pin *pins, size_t n, char *error, size_t error_size)
{
	struct statfs fs;
	int err = dir_make(dir);

	*error = '\0';
	if (!err && statfs(dir, &fs) == 0 && (uint32_t)fs.f_type != BPF_FS_MAGIC) {
		rmdir(dir);
		snprintf(error, error_size,
			"maps are not pinned: %s is not on a bpffs (mount -t bpf bpf /sys/fs/bpf)",
			dir);
		return;
	}
	for (size_t i = 0; !err && i < n; i++)
		err = pin_make(dir, &pins[i]);
	if (err)
		snprintf(error, error_size, "maps are not pinned in %s: %s%s", dir, strerror(-err),
			err == -ENOENT || err == -EPERM ? " (mount -t bpf bpf /sys/fs/bpf)" : "");
}

void pins_remove(const char *dir, const struct pin *pins, size_t n)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < n; i++) {
		if (pin_path(path, dir, pins[i].name))
			unlink(path);
	}
	rmdir(dir);
}
