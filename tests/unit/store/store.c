/* The store: durable when it says so, whatever happens to the process, the file and the disk. */
#include "harness.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include "store/world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_FOLDER(calls_back_in_order_once_it_is_durable),
		TEST_IN_FOLDER(a_flood_of_small_and_large_is_kept),
		TEST_IN_FOLDER(keeps_every_type_of_value),
		TEST_IN_FOLDER(a_wrong_statement_fails_alone),
		TEST_IN_FOLDER(more_statements_than_it_keeps_prepared_work),
		TEST_IN_FOLDER(closing_writes_what_is_queued),
		TEST_IN_FOLDER(a_callback_during_the_close_cannot_write),
		TEST_IN_FOLDER(only_the_owner_may_read_the_files),
		TEST_IN_FOLDER(leaves_no_descriptor_to_children),
		TEST_IN_FOLDER(a_second_process_is_turned_away),
		TEST_IN_FOLDER(a_broken_file_is_set_aside_and_a_new_one_begun),
		TEST_IN_FOLDER(what_it_cannot_open_it_leaves_alone),
		TEST_IN_FOLDER(what_was_said_to_be_durable_survives_kill_9),
		TEST_IN_FOLDER(a_store_in_memory_keeps_its_promises),
		TEST_IN_FOLDER(one_write_waits_for_nothing_but_the_disk),
		TEST_IN_FOLDER(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
