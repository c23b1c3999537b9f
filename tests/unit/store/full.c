/* The store where the disk takes nothing: what is written waits, in memory if it must, and is there in the end. */
#include "harness.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include "store/world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_FOLDER(a_limit_on_file_size_loses_nothing),
		TEST_IN_FOLDER(what_cannot_be_written_in_time_is_given_back_at_close),
		/* The last: they change what is mounted for this process. */
		TEST_IN_FOLDER(a_full_disk_loses_nothing),
		TEST_IN_FOLDER(on_a_full_disk_it_starts_with_all_that_it_had),
		TEST_IN_FOLDER(without_room_for_tables_it_starts_in_memory_and_moves_when_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
