/*
 * open.c - the file: made, opened, looked over, set aside when it is broken.
 *
 * Only a file that SQLite itself calls broken is set aside. One that cannot be opened for another
 * reason (rights, a full disk, somebody else's lock) is left alone and said so.
 */
#include "store/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include "base/clock.h"
#include "base/strbuf.h"
#include "store/statements.h"

/* An SD card reads 20 MB/s: a large file is looked over for this long, not to its end. */
#define CHECK_NS (3 * NSEC_PER_SEC)
/* Virtual machine steps between two looks at the clock. */
#define CHECK_STEPS 10000

#define BUSY_MS	       5000
#define LOOKASIDE_SIZE 256
#define LOOKASIDE_N    64

/*
 * Memory counts: pages are kept as far as they are touched, at most two megabytes while a flood is
 * written (an index that does not fit is written again and again), and given back after it.
 */
static const char pragmas[] = "PRAGMA cache_size = -2048;"
			      "PRAGMA mmap_size = 0;"
			      "PRAGMA temp_store = MEMORY;"
			      "PRAGMA journal_size_limit = 4194304;"
			      "PRAGMA synchronous = FULL;"
			      "PRAGMA journal_mode = WAL;";

int store_make_directory(const char *path)
{
	scoped(closep) int fd = -1;

	if (mkdir(path, 0700))
		return errno == EEXIST ? 0 : -errno;
	/* What is made durable in it is gone all the same where its own name is. Who may not look up there goes on. */
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		scoped(closep) int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (above >= 0 && fsync(above))
			return -errno;
	}
	return 0;
}

int store_make_directories(const char *dir)
{
	scoped(freep) char *path = strdup(dir);
	int err;

	if (!path)
		return -ENOMEM;
	if (!*path)
		return -ENOENT;
	for (char *p = path + 1;; p++) {
		char was = *p;

		if (was != '/' && was != '\0')
			continue;
		*p = '\0';
		err = store_make_directory(path);
		if (err || !was)
			return err;
		*p = was;
	}
}

static int lock_directory(const char *dir, int *ret)
{
	scoped(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* File systems that cannot lock a directory (NFS) are taken as they are. */
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return -EBUSY;
	*ret = fd;
	fd = -1;
	return 0;
}

int store_directory_lock(const char *dir, int *ret_fd, char *error, size_t error_size)
{
	int err = store_make_directories(dir);

	if (!err)
		err = lock_directory(dir, ret_fd);
	if (err)
		snprintf(error, error_size, "%s: %s", dir,
			err == -EBUSY ? "in use by another process" : strerror(-err));
	return err;
}

/* SQLite makes its other files with the mode of the first one. */
static int make_private(int dir_fd)
{
	scoped(closep) int fd = -1;
	struct stat st;

	fd = openat(dir_fd, STORE_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600))
		return -errno;
	return 0;
}

/* Before the first look at the log: its index is in memory then, and not in a file of 32 kB. */
static const char alone_pragma[] = "PRAGMA locking_mode = EXCLUSIVE;";

/* What SQLite says, of which file, and what the kernel said to it: "disk I/O error" alone mends nothing. */
static int tell(sqlite3 *db, const char *path, int code, char *error, size_t error_size)
{
	static const int plain[] = { ENOSPC, EDQUOT, EROFS, EACCES, EMFILE, ENFILE };
	int said = db ? sqlite3_system_errno(db) : 0, err = store_errno(code);

	snprintf(error, error_size, "%s: %s%s%s", path, db ? sqlite3_errmsg(db) : "out of memory",
		said ? ": " : "", said ? strerror(said) : "");
	for (size_t i = 0; err == -EIO && i < ARRAY_SIZE(plain); i++) {
		if (said == plain[i])
			return -said;
	}
	return err == -EINVAL ? -EIO : err;
}

/* SQLite's own way is to take room for twenty pages at once, and to write to each. A few are in use here. */
static void take_pages_one_by_one(void)
{
	/* Refused, and no harm, once a connection was opened: then it was asked for before. */
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

static int connect_to(
	const char *path, int flags, bool alone, sqlite3 **ret, char *error, size_t error_size)
{
	sqlite3 *db = NULL;
	int code;

	take_pages_one_by_one();
	code = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_READWRITE, NULL);
	if (code == SQLITE_OK) {
		sqlite3_extended_result_codes(db, 1);
		sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SIZE, LOOKASIDE_N);
		sqlite3_busy_timeout(db, BUSY_MS);
		if (alone)
			code = sqlite3_exec(db, alone_pragma, NULL, NULL, NULL);
	}
	if (code == SQLITE_OK) {
		code = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
	}
	if (code != SQLITE_OK) {
		int err = tell(db, path, code, error, error_size);

		sqlite3_close(db);
		return err;
	}
	*ret = db;
	return 0;
}

static int out_of_time(void *userdata)
{
	return clock_boot_ns() > *(int64_t *)userdata;
}

/* Text that is not "ok" in the only row means a broken file. */
static int on_check(void *userdata, int n, char **texts, char **names)
{
	bool *ok = userdata;

	*ok = n == 1 && texts[0] && streq(texts[0], "ok");
	return 0;
}

static int look_over(sqlite3 *db, const char *path, char *error, size_t error_size)
{
	int64_t until = clock_boot_ns() + CHECK_NS;
	bool ok = true;
	int code;

	sqlite3_progress_handler(db, CHECK_STEPS, out_of_time, &until);
	code = sqlite3_exec(db, "PRAGMA quick_check(1)", on_check, &ok, NULL);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	/* What was read in the time was whole. */
	if (code == SQLITE_INTERRUPT)
		return 0;
	if (code != SQLITE_OK)
		return tell(db, path, code, error, error_size);
	if (!ok) {
		snprintf(error, error_size, "%s: the file is damaged", path);
		return -EBADMSG;
	}
	return 0;
}

static int open_connections(
	const char *path, bool alone, struct store_file *file, char *error, size_t error_size)
{
	int flags = alone ? SQLITE_OPEN_FULLMUTEX : SQLITE_OPEN_NOMUTEX;
	int err;

	err = connect_to(path, flags, alone, &file->writer, error, error_size);
	if (!err)
		err = look_over(file->writer, path, error, error_size);
	if (!err && alone)
		file->reader = file->writer;
	else if (!err)
		err = connect_to(path, flags, alone, &file->reader, error, error_size);
	if (err) {
		sqlite3_close(TAKE(file->reader));
		sqlite3_close(TAKE(file->writer));
	}
	return err;
}

/* Its log goes with it: tools that rescue data want both. */
static int set_aside(int dir_fd, const char *dir, char **ret)
{
	struct strbuf name = STRBUF_INIT, from = STRBUF_INIT;
	scoped(freep) char *stem = NULL;
	char stamp[32];
	struct tm tm;
	time_t now = time(NULL);
	int err = -EEXIST;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	for (unsigned i = 1; err == -EEXIST && i < 100; i++) {
		strbuf_reset(&name);
		strbuf_addf(&name, STORE_FILE ".broken-%s", stamp);
		if (i > 1)
			strbuf_addf(&name, "-%u", i);
		err = name.err;
		if (!err && renameat2(dir_fd, STORE_FILE, dir_fd, name.s, RENAME_NOREPLACE))
			err = -errno;
	}
	if (!err) {
		strbuf_adds(&from, dir);
		strbuf_addch(&from, '/');
		strbuf_add(&from, name.s, name.len);
		err = strbuf_finish(&from, &stem);
		strbuf_adds(&name, "-wal");
		renameat(dir_fd, STORE_FILE "-wal", dir_fd, name.s);
		unlinkat(dir_fd, STORE_FILE "-shm", 0);
		fsync(dir_fd);
	}
	strbuf_release(&name);
	strbuf_release(&from);
	if (!err)
		*ret = TAKE(stem);
	return err;
}

static int open_or_begin_anew(const char *dir, int dir_fd, bool alone, struct store_file *file,
	char **ret_broken, char *error, size_t error_size)
{
	struct strbuf joined = STRBUF_INIT;
	scoped(freep) char *path = NULL;
	int err;

	strbuf_adds(&joined, dir);
	strbuf_adds(&joined, "/" STORE_FILE);
	err = strbuf_finish(&joined, &path);
	if (!err) {
		err = make_private(dir_fd);
		if (err)
			snprintf(error, error_size, "%s: %s", path,
				err == -EINVAL ? "it is no regular file" : strerror(-err));
	}
	if (err)
		return err;
	err = open_connections(path, alone, file, error, error_size);
	if (err != -EBADMSG)
		return err;
	err = set_aside(dir_fd, dir, ret_broken);
	if (!err)
		err = make_private(dir_fd);
	if (!err)
		err = open_connections(path, alone, file, error, error_size);
	return err;
}

int store_file_open(const char *dir, int dir_fd, bool alone, struct store_file *ret,
	char **ret_broken, char *error, size_t error_size)
{
	struct store_file file = { .dir_fd = -1 };
	int err;

	error[0] = '\0';
	err = open_or_begin_anew(dir, dir_fd, alone, &file, ret_broken, error, error_size);
	if (err) {
		if (!error[0])
			snprintf(error, error_size, "%s: %s", dir, strerror(-err));
		return err;
	}
	*ret = file;
	return 0;
}

int store_file_open_memory(struct store_file *ret)
{
	struct store_file file = { .dir_fd = -1 };
	char error[160];
	int err;

	/* One connection for both threads, with SQLite's own mutex. */
	err = connect_to(
		":memory:", SQLITE_OPEN_FULLMUTEX, false, &file.writer, error, sizeof(error));
	if (err)
		return err;
	file.reader = file.writer;
	*ret = file;
	return 0;
}

static int on_table(void *userdata, int n, char **texts, char **names)
{
	*(bool *)userdata = false;
	return 0;
}

bool store_file_is_empty(const struct store_file *file)
{
	bool empty = true;

	return sqlite3_exec(file->reader, "SELECT 1 FROM sqlite_master LIMIT 1", on_table, &empty,
		       NULL) == SQLITE_OK &&
	       empty;
}

int store_file_copy(const struct store_file *from, struct store_file *to)
{
	sqlite3_backup *copy = sqlite3_backup_init(to->writer, "main", from->writer, "main");
	int code;

	if (!copy)
		return store_errno(sqlite3_errcode(to->writer));
	code = sqlite3_backup_step(copy, -1);
	sqlite3_backup_finish(copy);
	/* It has all been copied, or nothing has. */
	return code == SQLITE_DONE ? 0 : store_errno(code);
}

void store_file_close(struct store_file *file)
{
	if (file->reader != file->writer)
		sqlite3_close(file->reader);
	sqlite3_close(file->writer);
	closep(&file->dir_fd);
	*file = (struct store_file){ .dir_fd = -1 };
}
