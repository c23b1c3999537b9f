/* The power is cut, or the process killed, before and after whatever is done to the files. */
#include "disk_world.h"

#include <stdio.h>
#include <sys/syscall.h>

#define MAX_INODES 4000
#define MAX_NAMES  64
#define MAX_SHOTS  4000

struct bytes {
	char *s;
	size_t len;
};

/* What a file is known to hold on the disk itself, by its inode's number. */
struct inode {
	ino_t ino;
	struct bytes synced;
};

struct name {
	char name[STORE_FILES_MAX_NAME];
	ino_t ino;
};

struct names {
	struct name items[MAX_NAMES];
	size_t n;
};

struct shot {
	struct names names;
	struct bytes content[MAX_NAMES];
	int64_t wall_ms;
};

/* Of the folder that is looked at. */
static struct {
	const struct world *world; /* NULL: nobody looks */
	struct inode inodes[MAX_INODES];
	size_t n_inodes;
	struct names lasting; /* as of the folder's last fsync() */
	struct shot *shots[MAX_SHOTS];
	size_t n_shots;
} seen;

/* On the files' thread nobody catches a test that fails. */
static void must(bool good)
{
	if (!good)
		abort();
}

static bool is_in_folder(int fd, char name[STORE_FILES_MAX_NAME])
{
	char path[64], target[200];
	size_t len = strlen(seen.world ? seen.world->dir : "");
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = len ? readlink(path, target, sizeof(target) - 1) : -1;
	if (n < (ssize_t)len || memcmp(target, seen.world->dir, len) != 0)
		return false;
	target[n] = '\0';
	snprintf(name, STORE_FILES_MAX_NAME, "%.40s", target[len] ? target + len + 1 : "");
	return true;
}

static struct inode *inode_of(ino_t ino)
{
	for (size_t i = 0; i < seen.n_inodes; i++) {
		if (seen.inodes[i].ino == ino)
			return &seen.inodes[i];
	}
	must(seen.n_inodes < MAX_INODES);
	seen.inodes[seen.n_inodes] = (struct inode){ .ino = ino };
	return &seen.inodes[seen.n_inodes++];
}

static struct bytes content_of(const char *name)
{
	char path[200];
	struct bytes b = { 0 };
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", seen.world->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return b;
	must(!fstat(fd, &st));
	b.len = (size_t)st.st_size;
	b.s = calloc(1, b.len + 1);
	must(read(fd, b.s, b.len) == (ssize_t)b.len);
	close(fd);
	return b;
}

static struct bytes copy_of(const struct bytes *b)
{
	struct bytes copy = { .s = calloc(1, b->len + 1), .len = b->len };

	if (b->len)
		memcpy(copy.s, b->s, b->len);
	return copy;
}

static void list(struct names *ret)
{
	DIR *d = opendir(seen.world->dir);
	struct dirent *e;

	must(d != NULL);
	ret->n = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		must(ret->n < MAX_NAMES);
		snprintf(ret->items[ret->n].name, STORE_FILES_MAX_NAME, "%.47s", e->d_name);
		ret->items[ret->n++].ino = e->d_ino;
	}
	closedir(d);
}

static bool has_inode(const struct names *names, ino_t ino)
{
	for (size_t i = 0; i < names->n; i++) {
		if (names->items[i].ino == ino)
			return true;
	}
	return false;
}

static void add(struct shot *shot, const struct name *name, bool synced)
{
	must(shot->names.n < MAX_NAMES);
	shot->names.items[shot->names.n] = *name;
	shot->content[shot->names.n++] =
		synced ? copy_of(&inode_of(name->ino)->synced) : content_of(name->name);
}

static struct shot *shot_new(void)
{
	struct shot *shot = calloc(1, sizeof(*shot));

	must(shot != NULL);
	must(seen.n_shots < MAX_SHOTS);
	shot->wall_ms = seen.world->now.wall_ms;
	return seen.shots[seen.n_shots++] = shot;
}

/*
 * What may be there if it ended now: all; what was made durable and no more; all names with what was made
 * durable of their files; and all, with what was removed and not durably so.
 */
static void look(void)
{
	struct names now;
	struct shot *shot;

	list(&now);
	shot = shot_new();
	for (size_t i = 0; i < now.n; i++)
		add(shot, &now.items[i], false);
	shot = shot_new();
	for (size_t i = 0; i < seen.lasting.n; i++)
		add(shot, &seen.lasting.items[i], true);
	shot = shot_new();
	for (size_t i = 0; i < now.n; i++)
		add(shot, &now.items[i], true);
	shot = shot_new();
	for (size_t i = 0; i < now.n; i++)
		add(shot, &now.items[i], false);
	for (size_t i = 0; i < seen.lasting.n; i++) {
		if (!has_inode(&now, seen.lasting.items[i].ino))
			add(shot, &seen.lasting.items[i], true);
	}
}

/* -- in place of the C library's ---------------------------------------------------------------- */

ssize_t write(int fd, const void *bytes, size_t len)
{
	char name[STORE_FILES_MAX_NAME];
	bool ours = is_in_folder(fd, name);
	struct stat st;
	ssize_t n;

	/* A new file may have the number of one that is gone. */
	if (ours && !fstat(fd, &st) && !st.st_size)
		inode_of(st.st_ino)->synced.len = 0;
	if (ours)
		look();
	/* In two parts, and the first may be all that there is. */
	n = syscall(SYS_write, fd, bytes, ours && len > 1 ? len / 2 : len);
	if (ours)
		look();
	return n;
}

int fdatasync(int fd)
{
	char name[STORE_FILES_MAX_NAME];
	struct stat st;

	if (is_in_folder(fd, name)) {
		look();
		must(!fstat(fd, &st));
		free(inode_of(st.st_ino)->synced.s);
		inode_of(st.st_ino)->synced = content_of(name);
		look();
	}
	return 0;
}

int fsync(int fd)
{
	char name[STORE_FILES_MAX_NAME];

	if (is_in_folder(fd, name)) {
		look();
		list(&seen.lasting);
		look();
	}
	return 0;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	char name[STORE_FILES_MAX_NAME];
	bool ours = is_in_folder(from_fd, name);
	int r;

	if (ours)
		look();
	r = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
	if (ours)
		look();
	return r;
}

int unlinkat(int fd, const char *path, int flags)
{
	char name[STORE_FILES_MAX_NAME];
	bool ours = is_in_folder(fd, name);
	int r;

	if (ours)
		look();
	r = (int)syscall(SYS_unlinkat, fd, path, flags);
	if (ours)
		look();
	return r;
}

/* -- what is left of it ------------------------------------------------------------------------- */

static void write_shot(const char *dir, const struct shot *shot)
{
	for (size_t i = 0; i < shot->names.n; i++) {
		char path[200];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, shot->names.items[i].name);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(syscall(SYS_write, fd, shot->content[i].s, shot->content[i].len),
			shot->content[i].len);
		close(fd);
	}
}

static void shot_free(struct shot *shot)
{
	for (size_t i = 0; i < shot->names.n; i++)
		free(shot->content[i].s);
	free(shot);
}

/* The store as whoever starts next finds it. */
static void assert_survives(struct world *w, const struct shot *shot)
{
	struct store_files *files = TAKE(w->files);
	struct tsdb *db = TAKE(w->db);
	char dir[sizeof(w->dir)];
	int64_t oldest = w->now.wall_ms;

	memcpy(dir, w->dir, sizeof(dir));
	snprintf(w->dir, sizeof(w->dir), "%.50s-cut", dir);
	mkdir(w->dir, 0700);
	write_shot(w->dir, shot);
	assert_int_equal(world_open(w), 0);
	for (unsigned i = 0; i < WORLD_SERIES; i++) {
		size_t n = world_read(w, i, INT64_MIN, INT64_MAX);

		assert_true(n <= w->n[i]);
		if (n < w->n[i])
			oldest = MIN(oldest, w->expected[i][n].wall_ms);
	}
	/* Of what is lost, nothing is older than the time between two flushes, and a step. */
	if (oldest < w->now.wall_ms)
		assert_true(oldest > shot->wall_ms - w->disk.flush_ms - STEP_MS);
	assert_int_equal(w->told_bad, 0);
	store_files_close(TAKE(w->files), 5000);
	tsdb_free(TAKE(w->db));
	world_remove_files(w);
	rmdir(w->dir);
	memcpy(w->dir, dir, sizeof(dir));
	w->files = files;
	w->db = db;
}

static size_t check_shots(struct world *w)
{
	size_t n = seen.n_shots;
	const struct world *world = seen.world;

	seen.world = NULL;
	for (size_t i = 0; i < n; i++) {
		assert_survives(w, seen.shots[i]);
		shot_free(seen.shots[i]);
	}
	seen.n_shots = 0;
	seen.world = world;
	return n;
}

static void forget_inodes(void)
{
	for (size_t i = 0; i < seen.n_inodes; i++)
		free(seen.inodes[i].synced.s);
	seen.n_inodes = 0;
	seen.lasting.n = 0;
	seen.world = NULL;
}

static void whenever_it_ends_a_minute_is_lost_at_most(void **state)
{
	struct world *w = *state;
	size_t shots = 0;

	world_close(w, true);
	w->disk.block_ms = 9 * 60 * 1000;
	assert_int_equal(world_open(w), 0);
	seen.world = w;
	for (unsigned k = 0; k < 150; k++) {
		world_pass(w, STEP_MS);
		for (unsigned i = 0; i < WORLD_SERIES; i++) {
			if ((k / 7 + i) % 3)
				world_append(w, i, (double)(k * i) / 7);
		}
		world_settle(w);
		world_drain(w);
		if (k == 77)
			world_expire(w);
		if (k == 90) {
			/* An end and a start in between: keys and numbers go on. */
			world_close(w, true);
			shots += check_shots(w);
			assert_int_equal(world_open(w), 0);
		}
		shots += check_shots(w);
	}
	assert_true(shots > 500);
	forget_inodes();
	world_assert_whole(w);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		IN_WORLD(whenever_it_ends_a_minute_is_lost_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
