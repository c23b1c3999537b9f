/* The store: durable when it says so, whatever happens to the process, the file and the disk. */
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include "base/clock.h"
#include "base/strbuf.h"
#include "store/store.h"

#define SCHEMA "CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v BLOB)"
#define PUT    "INSERT INTO t (k, v) VALUES (?1, ?2)"

struct fixture {
	char dir[64];
	sd_event *event;
	struct store *store;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/tolld-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_true(sd_event_new(&f->event) >= 0);
	*state = f;
	return 0;
}

static void remove_all(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->store, 5000);
	sd_event_unref(f->event);
	remove_all(f->dir);
	free(f);
	return 0;
}

static struct store *open_in(struct fixture *f, char **ret_broken)
{
	char error[200] = "";
	char *broken = NULL;
	int err;

	err = store_open(f->dir, f->event, &f->store, &broken, error, sizeof(error));
	if (err)
		fail_msg("store_open: %d %s", err, error);
	if (ret_broken)
		*ret_broken = broken;
	else
		assert_null(broken);
	assert_int_equal(store_schema(f->store, SCHEMA), 0);
	return f->store;
}

/* Turns the loop until *counter is n, or for ten seconds. */
static void turn_until(struct fixture *f, const size_t *counter, size_t n)
{
	int64_t until = clock_boot_ns() + 10 * NSEC_PER_SEC;

	while (*counter < n && clock_boot_ns() < until)
		sd_event_run(f->event, 100000);
	assert_int_equal(*counter, n);
}

static bool count_row(sqlite3_stmt *row, void *userdata)
{
	*(int64_t *)userdata = sqlite3_column_int64(row, 0);
	return true;
}

static int64_t ask(struct store *store, const char *sql)
{
	int64_t n = -1;

	assert_int_equal(store_read(store, sql, NULL, 0, count_row, &n), 0);
	return n;
}

/* What came back, in order. */
struct answers {
	size_t n;
	int err[64];
	int who[64];
};

struct question {
	struct answers *answers;
	int who;
};

static void note(int err, void *userdata)
{
	struct question *q = userdata;

	assert_in_range(q->answers->n, 0, 63);
	q->answers->err[q->answers->n] = err;
	q->answers->who[q->answers->n++] = q->who;
}

static void count(int err, void *userdata)
{
	assert_int_equal(err, 0);
	++*(size_t *)userdata;
}

static void put(struct store *store, int64_t k, const char *v, store_done_fn *done, void *userdata)
{
	struct store_value values[] = { STORE_I(k), STORE_S(v) };

	assert_int_equal(store_write(store, PUT, values, 2, done, userdata), 0);
}

static void calls_back_in_order_once_it_is_durable(void **state)
{
	struct fixture *f = *state;
	struct store *store = open_in(f, NULL);
	struct answers answers = { 0 };
	struct question q[20];

	for (int i = 0; i < 20; i++) {
		q[i] = (struct question){ &answers, i };
		if (i % 5 == 4)
			assert_int_equal(store_barrier(store, note, &q[i]), 0);
		else
			put(store, i, "x", note, &q[i]);
	}
	turn_until(f, &answers.n, 20);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(answers.who[i], i);
		assert_int_equal(answers.err[i], 0);
	}
	assert_int_equal(ask(store, "SELECT count(*) FROM t"), 16);
}

static void a_flood_of_small_and_large_is_kept(void **state)
{
	struct fixture *f = *state;
	struct store *store = open_in(f, NULL);
	enum { N = 3000 };
	char *large = malloc(100001);
	size_t n = 0;

	memset(large, 'y', 100000);
	large[100000] = '\0';
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++)
			put(store, round * N + i, i % 100 ? large + 100000 - i % 1000 : large + i,
				count, &n);
		turn_until(f, &n, (size_t)(round + 1) * N);
	}
	free(large);
	assert_int_equal(ask(store, "SELECT count(*) FROM t"), 2 * N);
	assert_int_equal(ask(store, "SELECT count(*) FROM t WHERE length(v) = CASE k % 100 WHEN 0 "
				    "THEN 100000 - k % 3000 ELSE k % 3000 % 1000 END"),
		2 * N);
}

static void keeps_every_type_of_value(void **state)
{
	struct fixture *f = *state;
	struct store *store = open_in(f, NULL);
	static const char *const checks[] = {
		"SELECT v = -5 FROM t WHERE k = 1",
		"SELECT v = 'it''s' AND typeof(v) = 'text' FROM t WHERE k = 2",
		"SELECT hex(v) = '610062' AND typeof(v) = 'blob' FROM t WHERE k = 3",
		"SELECT v IS NULL FROM t WHERE k = 4",
		"SELECT length(v) = 0 AND typeof(v) = 'text' FROM t WHERE k = 5",
		"SELECT length(v) = 0 AND typeof(v) = 'blob' FROM t WHERE k = 6",
	};
	const struct store_value values[] = {
		STORE_I(-5),
		STORE_S("it's"),
		STORE_B("a\0b", 3),
		{ .type = STORE_NULL },
		STORE_S(""),
		STORE_B(NULL, 0),
	};
	size_t done = 0;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct store_value row[] = { STORE_I((int64_t)i + 1), values[i] };

		assert_int_equal(store_write(store, PUT, row, 2, count, &done), 0);
	}
	turn_until(f, &done, ARRAY_SIZE(values));
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		if (ask(store, checks[i]) != 1)
			fail_msg("%s", checks[i]);
	}
}

static void a_wrong_statement_fails_alone(void **state)
{
	struct fixture *f = *state;
	struct store *store = open_in(f, NULL);
	struct answers answers = { 0 };
	struct question q[5];
	struct store_status status;

	for (int i = 0; i < 5; i++)
		q[i] = (struct question){ &answers, i };
	put(store, 1, "a", note, &q[0]);
	put(store, 1, "again", note, &q[1]); /* the key is taken */
	assert_int_equal(store_write(store, "NONSENSE", NULL, 0, note, &q[2]), 0);
	assert_int_equal(store_write(store, "", NULL, 0, note, &q[3]), 0);
	put(store, 2, "b", note, &q[4]);
	turn_until(f, &answers.n, 5);
	assert_int_equal(answers.err[0], 0);
	for (int i = 1; i < 4; i++)
		assert_int_equal(answers.err[i], -EINVAL);
	assert_int_equal(answers.err[4], 0);
	assert_int_equal(ask(store, "SELECT count(*) FROM t"), 2);
	store_status(store, &status);
	assert_int_equal(status.written, 2);
	assert_int_equal(status.queued, 0);
}

static void more_statements_than_it_keeps_prepared_work(void **state)
{
	static char sql[120][64];
	struct fixture *f = *state;
	struct store *store = open_in(f, NULL);
	size_t done = 0;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(sql); i++) {
		size_t k = i % ARRAY_SIZE(sql);

		/* Static means that it stays what it was while the thread reads it. */
		if (i == k)
			snprintf(sql[k], sizeof(sql[k]), "REPLACE INTO t VALUES (%zu, %zu)", k, k);
		assert_int_equal(store_write(store, sql[k], NULL, 0, count, &done), 0);
	}
	turn_until(f, &done, 2 * ARRAY_SIZE(sql));
	assert_int_equal(ask(store, "SELECT count(*) FROM t WHERE k = v"), ARRAY_SIZE(sql));
}

static void closing_writes_what_is_queued(void **state)
{
	struct fixture *f = *state;
	struct store *store = open_in(f, NULL);
	size_t done = 0;

	for (int i = 0; i < 12000; i++)
		put(store, i, "x", count, &done);
	store_close(TAKE(f->store), 30000);
	assert_int_equal(done, 12000);
	store = open_in(f, NULL);
	assert_int_equal(ask(store, "SELECT count(*) FROM t"), 12000);
}

struct again {
	struct store *store;
	int err;
};

static void write_again(int err, void *userdata)
{
	struct again *again = userdata;

	assert_int_equal(err, 0);
	again->err = store_write(again->store, "DELETE FROM t", NULL, 0, NULL, NULL);
}

static void a_callback_during_the_close_cannot_write(void **state)
{
	struct fixture *f = *state;
	struct again again = { .store = open_in(f, NULL) };

	put(f->store, 1, "x", write_again, &again);
	store_close(TAKE(f->store), 5000);
	assert_int_equal(again.err, -ECANCELED);
}

static void only_the_owner_may_read_the_files(void **state)
{
	static const char *const names[] = { "tolld.db", "tolld.db-wal", "tolld.db-shm" };
	struct fixture *f = *state;
	char deep[128], path[200], error[200];
	char *broken;
	struct store *store;
	struct stat st;
	mode_t before = umask(0);

	snprintf(deep, sizeof(deep), "%s/state", f->dir);
	assert_int_equal(store_open(deep, f->event, &store, &broken, error, sizeof(error)), 0);
	umask(before);
	assert_int_equal(store_schema(store, SCHEMA), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", deep, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	store_close(store, 5000);

	/* A file that was opened up is closed again. */
	snprintf(path, sizeof(path), "%s/tolld.db", deep);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(store_open(deep, f->event, &store, &broken, error, sizeof(error)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	store_close(store, 5000);
	remove_all(deep);
}

static void leaves_no_descriptor_to_children(void **state)
{
	struct fixture *f = *state;
	DIR *d;
	struct dirent *e;
	char path[300], target[300];
	size_t seen = 0;
	ssize_t len;

	put(open_in(f, NULL), 1, "x", NULL, NULL);
	d = opendir("/proc/self/fd");
	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		if (!starts_with(target, f->dir) && !strstr(target, "eventfd"))
			continue;
		seen++;
		assert_true(fcntl((int)strtol(e->d_name, NULL, 10), F_GETFD) & FD_CLOEXEC);
	}
	closedir(d);
	assert_in_range(seen, 4, 20);
}

/* A second daemon would send every mail a second time. */
static void assert_nobody_else_gets_it(struct fixture *f)
{
	struct store *other = NULL;
	char *broken = NULL;
	char error[300];

	assert_int_equal(
		store_open(f->dir, f->event, &other, &broken, error, sizeof(error)), -EBUSY);
	assert_non_null(strstr(error, "in use"));
	assert_null(other);
}

static void a_second_process_is_turned_away(void **state)
{
	struct fixture *f = *state;

	open_in(f, NULL);
	assert_nobody_else_gets_it(f);
	store_close(TAKE(f->store), 5000);
	open_in(f, NULL);
}

static void write_file(const char *dir, const char *name, const char *text, off_t at)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
	close(fd);
}

static void a_broken_file_is_set_aside_and_a_new_one_begun(void **state)
{
	/* Not a database at all; and one whose pages were overwritten. */
	static const off_t places[] = { 0, 4096 };
	struct fixture *f = *state;
	char junk[4097];
	char *broken;

	memset(junk, 'j', sizeof(junk) - 1);
	junk[sizeof(junk) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t done = 0;

		open_in(f, &broken);
		free(broken);
		for (int k = 0; k < 100; k++)
			put(f->store, k, junk, NULL, NULL);
		store_close(TAKE(f->store), 5000);
		write_file(f->dir, "tolld.db", junk, places[i]);

		open_in(f, &broken);
		assert_non_null(broken);
		assert_true(starts_with(broken, f->dir));
		assert_non_null(strstr(broken, "/tolld.db.broken-2"));
		assert_int_equal(access(broken, F_OK), 0);
		free(broken);
		assert_int_equal(ask(f->store, "SELECT count(*) FROM t"), 0);
		put(f->store, 1, "new", count, &done);
		turn_until(f, &done, 1);
		store_close(TAKE(f->store), 5000);
		open_in(f, NULL);
		assert_int_equal(ask(f->store, "SELECT count(*) FROM t"), 1);
		store_close(TAKE(f->store), 5000);
		write_file(f->dir, "tolld.db", "broken again", 0);
	}
}

static void what_it_cannot_open_it_leaves_alone(void **state)
{
	struct fixture *f = *state;
	char path[200], error[200] = "";
	char *broken = NULL;
	struct store *store = NULL;
	struct stat st;

	snprintf(path, sizeof(path), "%s/tolld.db", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(store_open(f->dir, f->event, &store, &broken, error, sizeof(error)) < 0);
	assert_null(store);
	assert_null(broken);
	assert_non_null(strstr(error, path));
	assert_int_equal(stat(path, &st), 0);
	rmdir(path);

	write_file(f->dir, "plain", "x", 0);
	snprintf(path, sizeof(path), "%s/plain/state", f->dir);
	assert_int_equal(
		store_open(path, f->event, &store, &broken, error, sizeof(error)), -ENOTDIR);
	assert_non_null(strstr(error, "plain/state"));
	assert_int_equal(store_open("", f->event, &store, &broken, error, sizeof(error)), -ENOENT);
}

/* Fills the disk at `dir` until nothing more goes on it. */
static void fill(const char *dir)
{
	char path[100], zeros[4096] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

static void waits_for_room(struct fixture *f, int expected)
{
	struct store_status status = { 0 };
	struct store_value values[] = { STORE_I(0), STORE_S("x") };
	int64_t until = clock_boot_ns() + 10 * NSEC_PER_SEC;
	size_t done = 0;
	int err = 0;

	/* With room in the log's last page the first may still get through. */
	for (int i = 0; i < 500 && !status.last_error && clock_boot_ns() < until; i++) {
		char text[4000];

		memset(text, 'a', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		put(f->store, 1000 + i, text, count, &done);
		sd_event_run(f->event, 20000);
		store_status(f->store, &status);
	}
	assert_int_equal(status.last_error, expected);
	assert_true(status.last_error_text[0]);
	assert_true(status.failed_commits > 0);
	assert_true(status.queued > 0);
	/* It takes no more than its limit meanwhile. */
	for (int i = 0; i <= STORE_MAX_QUEUED && !err; i++) {
		values[0] = STORE_I(5000 + i);
		err = store_write(f->store, PUT, values, 2, NULL, NULL);
	}
	assert_int_equal(err, -ENOSPC);
}

static void all_queued_is_there(struct fixture *f)
{
	struct store_status status;
	size_t done = 0;
	int64_t until = clock_boot_ns() + 20 * NSEC_PER_SEC;

	do {
		sd_event_run(f->event, 50000);
		store_status(f->store, &status);
	} while (status.queued && clock_boot_ns() < until);
	assert_int_equal(status.queued, 0);
	assert_int_equal(status.last_error, 0);
	assert_string_equal(status.last_error_text, "");
	assert_int_equal(store_barrier(f->store, count, &done), 0);
	turn_until(f, &done, 1);
	/* Nothing is missing between the first and the last. */
	assert_int_equal(
		ask(f->store, "SELECT max(k) - min(k) + 1 - count(*) FROM t WHERE k >= 5000"), 0);
	assert_true(ask(f->store, "SELECT count(*) FROM t WHERE k >= 5000") > 9000);
}

/* A disk of 4 MiB in place of the folder; false, having said so, where there can be none. */
static bool small_disk(struct fixture *f)
{
	if (geteuid() == 0 && !unshare(CLONE_NEWNS) &&
		!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		!mount("none", f->dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m"))
		return true;
	printf("SKIPPED: no tmpfs can be mounted here: %s\n", strerror(errno));
	return false;
}

static void a_full_disk_loses_nothing(void **state)
{
	struct fixture *f = *state;
	char path[100];

	if (!small_disk(f))
		skip();
	open_in(f, NULL);
	fill(f->dir);
	waits_for_room(f, -ENOSPC);
	snprintf(path, sizeof(path), "%s/filler", f->dir);
	assert_int_equal(unlink(path), 0);
	all_queued_is_there(f);
	store_close(TAKE(f->store), 5000);
	remove_all(f->dir);
	assert_int_equal(umount(f->dir), 0);
}

static enum store_home home_of(struct fixture *f, int *ret_error)
{
	struct store_status status;

	store_status(f->store, &status);
	*ret_error = status.last_error;
	return status.home;
}

static void make_room(struct fixture *f)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/filler", f->dir);
	assert_int_equal(unlink(path), 0);
}

static void end_on_small_disk(struct fixture *f)
{
	store_close(TAKE(f->store), 5000);
	remove_all(f->dir);
	assert_int_equal(umount(f->dir), 0);
}

static void on_a_full_disk_it_starts_with_all_that_it_had(void **state)
{
	struct fixture *f = *state;
	size_t done = 0;
	int err;

	if (!small_disk(f))
		skip();
	open_in(f, NULL);
	put(f->store, 1, "one", count, &done);
	turn_until(f, &done, 1);
	store_close(TAKE(f->store), 5000);
	fill(f->dir);

	open_in(f, NULL);
	assert_int_equal(home_of(f, &err), STORE_CRAMPED);
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(ask(f->store, "SELECT count(*) FROM t WHERE v = 'one'"), 1);
	put(f->store, 2, "two", count, &done);
	sd_event_run(f->event, 300000);
	assert_int_equal(done, 1);
	make_room(f);
	turn_until(f, &done, 2);
	home_of(f, &err);
	assert_int_equal(err, 0);
	store_close(TAKE(f->store), 5000);
	open_in(f, NULL);
	assert_int_equal(home_of(f, &err), STORE_ON_DISK);
	assert_int_equal(ask(f->store, "SELECT count(*) FROM t"), 2);
	end_on_small_disk(f);
}

/* `had`: there was a file, with a table of before, and no room for the one of now. */
static void begins_in_memory(struct fixture *f, bool had)
{
	char error[300] = "";
	size_t done = 0;
	int err;

	if (had) {
		open_in(f, NULL);
		assert_int_equal(store_schema(f->store, "CREATE TABLE old AS SELECT 7 AS x"), 0);
		assert_int_equal(store_schema(f->store, "DROP TABLE t"), 0);
		store_close(TAKE(f->store), 5000);
	}
	fill(f->dir);
	open_in(f, NULL);
	assert_int_equal(home_of(f, &err), STORE_IN_MEMORY);
	assert_int_equal(err, -ENOSPC);
	assert_nobody_else_gets_it(f);
	put(f->store, 1, "one", count, &done);
	turn_until(f, &done, 1);
	home_of(f, &err);
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(store_settle(f->store, error, sizeof(error)), -ENOSPC);
	assert_non_null(strstr(error, f->dir));
	assert_nobody_else_gets_it(f);

	make_room(f);
	assert_int_equal(store_settle(f->store, error, sizeof(error)), 0);
	assert_int_equal(home_of(f, &err), STORE_ON_DISK);
	assert_int_equal(err, 0);
	assert_nobody_else_gets_it(f);
	put(f->store, 2, "two", count, &done);
	turn_until(f, &done, 2);
	assert_int_equal(ask(f->store, "SELECT count(*) FROM t"), 2);
	store_close(TAKE(f->store), 5000);
	open_in(f, NULL);
	assert_int_equal(ask(f->store, "SELECT count(*) FROM t"), 2);
	if (had)
		assert_int_equal(ask(f->store, "SELECT x FROM old"), 7);
}

static void without_room_for_tables_it_starts_in_memory_and_moves_when_there_is(void **state)
{
	struct fixture *f = *state;

	for (int had = 0; had < 2; had++) {
		if (!small_disk(f))
			skip();
		begins_in_memory(f, had);
		end_on_small_disk(f);
	}
}

static void a_limit_on_file_size_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, small;

	signal(SIGXFSZ, SIG_IGN);
	open_in(f, NULL);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 200000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	waits_for_room(f, -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	all_queued_is_there(f);
}

static void what_cannot_be_written_in_time_is_given_back_at_close(void **state)
{
	struct fixture *f = *state;
	struct answers answers = { 0 };
	struct question q = { &answers, 1 };
	struct rlimit before, small;
	int64_t began;

	signal(SIGXFSZ, SIG_IGN);
	open_in(f, NULL);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	put(f->store, 1, "x", note, &q);
	began = clock_boot_ns();
	store_close(TAKE(f->store), 300);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_in_range(clock_boot_ns() - began, 0, 5 * NSEC_PER_SEC);
	assert_int_equal(answers.n, 1);
	assert_int_equal(answers.err[0], -ECANCELED);
}

/* The child: writes 1, 2, 3, ... in bursts, and says on the pipe what is durable. */
struct reporter {
	int fd;
	int64_t next;
	struct store *store;
};

static void say(int err, void *userdata)
{
	struct reporter *r = userdata;
	int64_t k = ++r->next;

	if (err || write(r->fd, &k, sizeof(k)) != sizeof(k))
		_exit(1);
}

static void write_until_killed(const char *dir, int fd, int64_t from)
{
	struct fixture f = { 0 };
	struct reporter r = { .fd = fd, .next = from };

	snprintf(f.dir, sizeof(f.dir), "%s", dir);
	if (sd_event_new(&f.event) < 0)
		_exit(1);
	open_in(&f, NULL);
	for (int64_t k = from + 1;; k++) {
		put(f.store, k, "some text that makes the row a little longer than nothing", say,
			&r);
		if (k % 7 == 0)
			sd_event_run(f.event, 1000);
	}
}

static int64_t last_said(int fd, int64_t last)
{
	int64_t k;

	while (read(fd, &k, sizeof(k)) == sizeof(k)) {
		assert_int_equal(k, last + 1);
		last = k;
	}
	return last;
}

static void what_was_said_to_be_durable_survives_kill_9(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 20240229;
	int64_t there = 0;

	for (int round = 0; round < 25; round++) {
		struct pollfd p = { .events = POLLIN };
		int64_t said, min;
		int fds[2];
		pid_t pid;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			write_until_killed(f->dir, fds[1], there);
		close(fds[1]);
		p.fd = fds[0];
		assert_int_equal(poll(&p, 1, 10000), 1);
		p.fd = -1;
		poll(&p, 1, (int)(rand_r(&seed) % 30));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		said = last_said(fds[0], there);
		close(fds[0]);

		open_in(f, NULL);
		min = there;
		there = ask(f->store, "SELECT max(k) FROM t");
		assert_true(said > min);
		assert_true(there >= said);
		assert_int_equal(ask(f->store, "SELECT count(*) FROM t"), there);
		store_close(TAKE(f->store), 5000);
	}
}

static void a_store_in_memory_keeps_its_promises(void **state)
{
	struct fixture *f = *state;
	size_t done = 0;

	assert_int_equal(store_open_memory(f->event, &f->store), 0);
	assert_int_equal(store_schema(f->store, SCHEMA), 0);
	assert_int_equal(store_schema(f->store, "CREATE NONSENSE"), -EINVAL);
	for (int i = 0; i < 1000; i++) {
		put(f->store, i, "x", count, &done);
		if (i % 100 == 0)
			assert_true(ask(f->store, "SELECT count(*) FROM t") >= 0);
	}
	turn_until(f, &done, 1000);
	assert_int_equal(ask(f->store, "SELECT count(*) FROM t"), 1000);
}

static void one_write_waits_for_nothing_but_the_disk(void **state)
{
	struct fixture *f = *state;
	int64_t began, most = 0, sum = 0;

	open_in(f, NULL);
	for (size_t i = 0; i < 50; i++) {
		size_t done = 0;

		began = clock_boot_ns();
		put(f->store, (int64_t)i, "x", count, &done);
		turn_until(f, &done, 1);
		began = clock_boot_ns() - began;
		sum += began;
		most = MAX(most, began);
	}
	printf("one durable write: mean %ld us, most %ld us\n", (long)(sum / 50000),
		(long)(most / 1000));
}

static int open_write_close(void *userdata)
{
	struct fixture *f = userdata;
	struct store_value values[] = { STORE_I(1), STORE_S("x") };
	struct store *store;
	char error[200];
	char *broken;
	int err;

	err = store_open(f->dir, f->event, &store, &broken, error, sizeof(error));
	if (err)
		return err;
	err = store_schema(store, SCHEMA);
	if (!err)
		err = store_write(
			store, "INSERT OR REPLACE INTO t VALUES (?1, ?2)", values, 2, NULL, NULL);
	store_close(store, 5000);
	return err;
}

static void survives_failing_allocations(void **state)
{
	with_failing_allocations(open_write_close, *state);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(calls_back_in_order_once_it_is_durable),
		test(a_flood_of_small_and_large_is_kept),
		test(keeps_every_type_of_value),
		test(a_wrong_statement_fails_alone),
		test(more_statements_than_it_keeps_prepared_work),
		test(closing_writes_what_is_queued),
		test(a_callback_during_the_close_cannot_write),
		test(only_the_owner_may_read_the_files),
		test(leaves_no_descriptor_to_children),
		test(a_second_process_is_turned_away),
		test(a_broken_file_is_set_aside_and_a_new_one_begun),
		test(what_it_cannot_open_it_leaves_alone),
		test(a_limit_on_file_size_loses_nothing),
		test(what_cannot_be_written_in_time_is_given_back_at_close),
		test(what_was_said_to_be_durable_survives_kill_9),
		test(a_store_in_memory_keeps_its_promises),
		test(one_write_waits_for_nothing_but_the_disk),
		test(survives_failing_allocations),
		/* The last: it changes what is mounted for this process. */
		test(a_full_disk_loses_nothing),
		test(on_a_full_disk_it_starts_with_all_that_it_had),
		test(without_room_for_tables_it_starts_in_memory_and_moves_when_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
