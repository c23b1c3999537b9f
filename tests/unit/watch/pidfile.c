/* Pidfiles: what is a number, and whose it can be. */
#include "harness.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "watch/pidfile.h"

#define SEC NSEC_PER_SEC

static void a_pidfile_holds_one_number(void **state)
{
	static const struct {
		const char *text;
		pid_t pid; /* 0: it is none */
	} rows[] = {
		{ "42\n", 42 },
		{ "42", 42 },
		{ "  42 \n", 42 },
		/* postgres: the number, the folder, the start, the port ... */
		{ "812\n/var/lib/postgresql\n1700000000\n5432\n", 812 },
		{ "", 0 },
		{ "\n", 0 },
		{ "0\n", 0 },
		{ "-1\n", 0 },
		{ "+5", 0 },
		{ "42x", 0 },
		{ "0x2a", 0 },
		{ "99999999999999999999", 0 },
		{ "4294967338", 0 },
		{ "nginx", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		pid_t pid = 0;
		int err = pidfile_parse(rows[i].text, &pid);

		assert_int_equal(pid, rows[i].pid);
		assert_int_equal(err, rows[i].pid ? 0 : -EBADMSG);
	}
}

static void a_process_that_is_younger_than_the_file_is_another(void **state)
{
	/* The machine started at 1000 s of the wall clock, and it is 5000 s now. */
	const struct instant now = { .boot_ns = 4000 * SEC, .wall_ms = 5000 * 1000 };
	static const struct {
		const char *what;
		int64_t written_s, started_s; /* of the wall clock, since the boot */
		bool is_volatile, stale;
	} rows[] = {
		{ "it wrote the file", 2001, 1000, false, false },
		{ "in the same instant", 2000, 1000, false, false },
		{ "to the precision of both", 2000, 1001, false, false },
		{ "the number came again", 2000, 1003, false, true },
		{ "much later", 2000, 3900, true, true },
		{ "from before the boot, on a disk", 500, 10, false, true },
		{ "dated by a clock that was not set yet", 500, 10, true, false },
		{ "dated 1970", 0, 3900, true, false },
		{ "from the future", 9000, 10, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct pidfile_facts facts = {
			.written_wall_ms = rows[i].written_s * 1000,
			.started_boot_ns = rows[i].started_s * SEC,
			.is_volatile = rows[i].is_volatile,
		};

		if (pidfile_is_stale(&facts, now) != rows[i].stale)
			fail_msg("%s", rows[i].what);
	}
}

static void what_is_no_file_names_nobody(void **state)
{
	char path[] = "/tmp/tolld-pidfile-XXXXXX";
	pid_t pid = -7;
	int fd = mkostemp(path, O_CLOEXEC);
	FILE *f = fdopen(fd, "w");

	assert_int_equal(pidfile_read("/nowhere/x.pid", clock_now(), &pid), -ENOENT);
	assert_int_equal(pidfile_read("/tmp", clock_now(), &pid), -EBADMSG);
	assert_int_equal(pidfile_read(path, clock_now(), &pid), -EBADMSG);
	/* Above the highest number that a kernel gives out. */
	fprintf(f, "%d\n", 1 << 23);
	fflush(f);
	assert_int_equal(pidfile_read(path, clock_now(), &pid), -ESRCH);
	assert_int_equal(pid, -7);
	rewind(f);
	fprintf(f, "%d\n\n\n\n", getpid());
	fclose(f);
	assert_int_equal(pidfile_read(path, clock_now(), &pid), 0);
	assert_int_equal(pid, getpid());
	unlink(path);
	/* It does not wait for somebody who writes. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pidfile_read(path, clock_now(), &pid), -EBADMSG);
	unlink(path);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* No file can be opened meanwhile. */
static bool still_names_unread(const char *path, pid_t pid, struct instant now, uint64_t *mark)
{
	struct rlimit before, none;
	bool answer;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	answer = pidfile_still_names(path, pid, now, mark);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	return answer;
}

static void a_file_that_is_as_it_was_is_not_read_again(void **state)
{
	char path[] = "/tmp/tolld-pidfile-XXXXXX", other[] = "/tmp/tolld-pidfile-XXXXXX";
	struct instant now = clock_now(), later = now;
	uint64_t mark = 0;

	later.wall_ms += 10000;
	close(mkostemp(path, O_CLOEXEC));
	write_file(path, "42\n");
	/* Written a moment ago, it may be written again at the same time, as files tell it. */
	assert_true(pidfile_still_names(path, 42, now, &mark));
	assert_false(still_names_unread(path, 42, now, &mark));
	assert_true(pidfile_still_names(path, 42, later, &mark));
	assert_true(still_names_unread(path, 42, later, &mark));
	/* Whether it names somebody else it does not tell. */
	assert_false(pidfile_still_names(path, 43, later, &mark));
	assert_true(pidfile_still_names(path, 42, later, &mark));
	/* Written anew. */
	write_file(path, "430\n");
	assert_false(still_names_unread(path, 42, later, &mark));
	assert_false(pidfile_still_names(path, 42, later, &mark));
	assert_true(pidfile_still_names(path, 430, later, &mark));
	/* Another file in its place. */
	close(mkostemp(other, O_CLOEXEC));
	write_file(other, "44\n");
	assert_int_equal(rename(other, path), 0);
	assert_false(pidfile_still_names(path, 430, later, &mark));
	assert_true(pidfile_still_names(path, 44, later, &mark));
	unlink(path);
	assert_false(pidfile_still_names(path, 44, later, &mark));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pidfile_holds_one_number),
		cmocka_unit_test(a_process_that_is_younger_than_the_file_is_another),
		cmocka_unit_test(what_is_no_file_names_nobody),
		cmocka_unit_test(a_file_that_is_as_it_was_is_not_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
