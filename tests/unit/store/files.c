/* Files on a thread: in order, durable when it says so, whole or as they were. */
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <dirent.h>
#include <errno.h>
#include "base/clock.h"
#include "store/files.h"

/* In place of the C library's: tells which directories were made durable, and fails when it is told to. */
static struct {
	ino_t ino[64];
	size_t n, fail;
} synced;

int fsync(int fd)
{
	struct stat st;

	if (synced.fail) {
		synced.fail--;
		errno = EIO;
		return -1;
	}
	if (!fstat(fd, &st) && synced.n < ARRAY_SIZE(synced.ino))
		synced.ino[synced.n++] = st.st_ino;
	return (int)syscall(SYS_fsync, fd);
}

static size_t times_synced(const char *dir)
{
	struct stat st;
	size_t n = 0;

	assert_int_equal(stat(dir, &st), 0);
	for (size_t i = 0; i < synced.n; i++)
		n += synced.ino[i] == st.st_ino;
	return n;
}

struct fixture {
	char dir[64], sub[80];
	sd_event *event;
	struct store_files *files;
	size_t answers;
	int errors[64];
};

static int open_files(struct fixture *f)
{
	char error[200] = "";

	return store_files_open(f->sub, f->event, &f->files, error, sizeof(error));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/tolld-files-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->sub, sizeof(f->sub), "%s/samples", f->dir);
	memset(&synced, 0, sizeof(synced));
	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(open_files(f), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	DIR *d = opendir(f->sub);
	struct dirent *e;

	store_files_close(f->files, 5000);
	sd_event_unref(f->event);
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(f->sub);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void note(int err, void *userdata)
{
	struct fixture *f = userdata;

	assert_in_range(f->answers, 0, 63);
	f->errors[f->answers++] = err;
}

static void turn_until(struct fixture *f, size_t n)
{
	int64_t until = clock_boot_ns() + 10 * NSEC_PER_SEC;

	while (f->answers < n && clock_boot_ns() < until)
		sd_event_run(f->event, 100000);
	assert_int_equal(f->answers, n);
}

static void add(struct fixture *f, const char *name, const char *text)
{
	assert_int_equal(
		store_files_append(f->files, name, strdup(text), strlen(text), true, note, f), 0);
}

static void assert_holds(struct fixture *f, const char *name, const char *text)
{
	char bytes[256];
	int fd = store_files_read(f->files, name);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

static int count_one(const char *name, int64_t bytes, void *userdata)
{
	++*(size_t *)userdata;
	return 0;
}

static size_t count(struct fixture *f)
{
	size_t n = 0;

	assert_int_equal(store_files_list(f->files, count_one, &n), 0);
	return n;
}

static void orders_are_carried_out_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	add(f, "a", "one ");
	add(f, "b", "other");
	add(f, "a", "two");
	assert_int_equal(store_files_rename(f->files, "a", "c", note, f), 0);
	add(f, "a", "anew");
	assert_int_equal(store_files_remove(f->files, "b", note, f), 0);
	assert_int_equal(store_files_remove(f->files, "never", note, f), 0);
	turn_until(f, 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(f->errors[i], 0);
	assert_holds(f, "c", "one two");
	assert_holds(f, "a", "anew");
	assert_int_equal(store_files_read(f->files, "b"), -ENOENT);
	assert_int_equal(count(f), 2);
	assert_int_equal(stat(f->sub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void the_name_of_the_folder_lasts_as_what_is_in_it_does(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(times_synced(f->dir), 1);
}

static void a_name_lasts_as_soon_as_anything_in_its_file_does(void **state)
{
	struct fixture *f = *state;
	size_t before = times_synced(f->sub);

	assert_int_equal(store_files_append(f->files, "a", strdup("one "), 4, false, note, f), 0);
	turn_until(f, 1);
	assert_int_equal(times_synced(f->sub), before);
	add(f, "a", "two ");
	turn_until(f, 2);
	assert_int_equal(times_synced(f->sub), before + 1);
	add(f, "a", "three");
	turn_until(f, 3);
	assert_int_equal(times_synced(f->sub), before + 1);
}

static void a_name_that_did_not_reach_the_disk_is_tried_again(void **state)
{
	struct fixture *f = *state;
	size_t before = times_synced(f->sub);

	synced.fail = 1;
	add(f, "a", "lost");
	turn_until(f, 1);
	assert_int_equal(f->errors[0], -EIO);
	assert_holds(f, "a", "");
	add(f, "a", "kept");
	turn_until(f, 2);
	assert_int_equal(f->errors[1], 0);
	assert_int_equal(times_synced(f->sub), before + 1);
	assert_holds(f, "a", "kept");
}

static void what_exists_is_added_to_after_a_restart(void **state)
{
	struct fixture *f = *state;

	add(f, "a", "one ");
	store_files_close(TAKE(f->files), 5000);
	assert_int_equal(f->answers, 1);
	assert_int_equal(open_files(f), 0);
	add(f, "a", "two");
	turn_until(f, 2);
	assert_holds(f, "a", "one two");
}

static void a_full_disk_leaves_the_file_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, little;
	char *bytes = calloc(1, 5000);

	add(f, "a", "whole");
	turn_until(f, 1);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_int_equal(store_files_append(f->files, "a", bytes, 5000, true, note, f), 0);
	turn_until(f, 2);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(f->errors[1], -EFBIG);
	assert_holds(f, "a", "whole");
	add(f, "a", " again");
	turn_until(f, 3);
	assert_int_equal(f->errors[2], 0);
	assert_holds(f, "a", "whole again");
}

static void half_a_file_gets_no_name(void **state)
{
	static const int errors[] = { 0, -EFBIG, 0, -EIO, -ENOENT, 0, 0, 0 };
	struct fixture *f = *state;
	struct rlimit before, little;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = 8;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	/* Nobody waits for an answer between them. */
	add(f, "a", "one");
	add(f, "a", "too long");
	add(f, "a", "two");
	assert_int_equal(store_files_rename(f->files, "a", "b", note, f), 0);
	assert_int_equal(store_files_rename(f->files, "none", "c", note, f), 0);
	turn_until(f, 5);
	assert_holds(f, "a", "onetwo");
	assert_int_equal(count(f), 1);
	/* Made anew, it is whole. */
	assert_int_equal(store_files_remove(f->files, "a", note, f), 0);
	add(f, "a", "three");
	assert_int_equal(store_files_rename(f->files, "a", "b", note, f), 0);
	turn_until(f, 8);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_holds(f, "b", "three");
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		assert_int_equal(f->errors[i], errors[i]);
}

static void a_link_is_never_followed(void **state)
{
	struct fixture *f = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/a", f->sub);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	add(f, "a", "no");
	turn_until(f, 1);
	assert_int_equal(f->errors[0], -ELOOP);
	assert_int_equal(store_files_read(f->files, "a"), -ELOOP);
	assert_int_equal(count(f), 0);
}

static void more_than_the_queue_holds_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t len = STORE_FILES_MAX_QUEUED_BYTES / 2 + 1, taken = 0;

	for (int i = 0; i < 8; i++) {
		char *bytes = calloc(1, len);
		int err = store_files_append(f->files, "a", bytes, len, false, note, f);

		assert_true(!err || err == -ENOBUFS);
		taken += !err;
	}
	assert_in_range(taken, 1, 7);
	turn_until(f, taken);
}

static void closing_calls_everybody_back(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++)
		add(f, "a", "x");
	store_files_close(TAKE(f->files), 5000);
	assert_int_equal(f->answers, 20);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(f->errors[i], 0);
}

static void a_directory_that_cannot_be_is_told(void **state)
{
	struct fixture *f = *state;
	struct store_files *files = NULL;
	char error[200] = "";

	assert_int_equal(
		store_files_open("/proc/nowhere/x", f->event, &files, error, sizeof(error)),
		-ENOENT);
	assert_non_null(strstr(error, "/proc/nowhere/x"));
	assert_null(files);
}

static int open_write_close(void *userdata)
{
	struct fixture *f = userdata;
	int err = open_files(f);
	char *bytes;

	if (err)
		return err;
	bytes = strdup("x");
	err = bytes ? store_files_append(f->files, "a", bytes, 1, true, NULL, NULL) : -ENOMEM;
	store_files_close(TAKE(f->files), 5000);
	return err;
}

static void survives_memory_running_out(void **state)
{
	struct fixture *f = *state;

	store_files_close(TAKE(f->files), 5000);
	with_failing_allocations(open_write_close, f);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FILES(orders_are_carried_out_one_after_the_other),
		WITH_FILES(the_name_of_the_folder_lasts_as_what_is_in_it_does),
		WITH_FILES(a_name_lasts_as_soon_as_anything_in_its_file_does),
		WITH_FILES(a_name_that_did_not_reach_the_disk_is_tried_again),
		WITH_FILES(what_exists_is_added_to_after_a_restart),
		WITH_FILES(a_full_disk_leaves_the_file_as_it_was),
		WITH_FILES(half_a_file_gets_no_name),
		WITH_FILES(a_link_is_never_followed),
		WITH_FILES(more_than_the_queue_holds_is_refused),
		WITH_FILES(closing_calls_everybody_back),
		WITH_FILES(a_directory_that_cannot_be_is_told),
		WITH_FILES(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
