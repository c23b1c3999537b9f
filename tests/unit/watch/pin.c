/* Pins: for root's eyes, never in anybody else's directory, and never an earlier run's. */
#include "harness.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include "watch/pin.h"

static char dir[64];
static int maps[2];
static bool works;

static int setup(void **state)
{
	struct statfs fs;

	snprintf(dir, sizeof(dir), "/sys/fs/bpf/tolld-pin-%d", getpid());
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		maps[i] = bpf_map_create(BPF_MAP_TYPE_ARRAY, "tolld_test", 4, 4 * (i + 1), 1, NULL);
	works = maps[0] >= 0 && statfs("/sys/fs/bpf", &fs) == 0 &&
		(uint32_t)fs.f_type == BPF_FS_MAGIC;
	if (!works)
		printf("SKIPPED: no maps, or no bpffs on /sys/fs/bpf\n");
	return 0;
}

static int teardown(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		closep(&maps[i]);
	return 0;
}

/* Which map stands there, by the size of its values. */
static uint32_t value_size_at(const char *path)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(path);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.value_size;
}

/* As if its process had been killed: the pins stay, and the lock does not. */
static void abandon(struct pins *pins)
{
	closep(&pins->lock_fd);
	pins->lock_fd = -1;
	pins_remove(pins);
}

static void what_an_earlier_run_left_is_replaced(void **state)
{
	const struct pin stale = { "services", maps[0] }, fresh = { "services", maps[1] };
	char error[256], path[128];
	struct pins pins;
	struct stat st;

	if (!works)
		skip();
	pins_make(dir, &stale, 1, NULL, &pins, error, sizeof(error));
	assert_string_equal(error, "");
	abandon(&pins);
	assert_int_equal(chmod(dir, 0755), 0);
	pins_make(dir, &fresh, 1, NULL, &pins, error, sizeof(error));
	assert_string_equal(error, "");
	snprintf(path, sizeof(path), "%s/services", dir);
	assert_int_equal(value_size_at(path), 8);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	pins_remove(&pins);
	assert_int_equal(access(dir, F_OK), -1);
	/* Twice does no harm. */
	pins_remove(&pins);
}

static void two_that_share_a_directory_leave_each_other_alone(void **state)
{
	const struct pin first = { "services", maps[0] }, second = { "services", maps[1] };
	struct pins mine, theirs;
	char error[256], path[128];

	if (!works)
		skip();
	pins_make(dir, &first, 1, NULL, &mine, error, sizeof(error));
	pins_make(dir, &second, 1, NULL, &theirs, error, sizeof(error));
	assert_non_null(strstr(error, "another tolld has pinned its own there"));
	snprintf(path, sizeof(path), "%s/services", dir);
	assert_int_equal(value_size_at(path), 4);
	pins_remove(&theirs);
	assert_int_equal(value_size_at(path), 4);
	pins_remove(&mine);
	assert_int_equal(access(dir, F_OK), -1);
}

/* Root pins, becomes another, and removes them as that one; the empty directory is root's to remove. */
static void who_gives_up_its_rights_still_removes_its_pins(void **state)
{
	const struct pins_owner nobody = { .uid = 65534, .gid = 65534 };
	const struct pin pin = { "services", maps[0] };
	char error[256], path[128];
	struct pins pins;
	int status;
	pid_t pid;

	if (!works || getuid())
		skip();
	snprintf(path, sizeof(path), "%s/services", dir);
	/* What is left by the first is found by the second. */
	for (int round = 0; round < 2; round++) {
		pins_make(dir, &pin, 1, &nobody, &pins, error, sizeof(error));
		assert_string_equal(error, "");
		pid = fork();
		if (pid == 0) {
			/* /sys/fs/bpf itself is often closed to others: as if there were CAP_DAC_READ_SEARCH. */
			if (chdir(dir) || setresgid(65534, 65534, 65534) ||
				setresuid(65534, 65534, 65534))
				_exit(1);
			_exit(unlink("services") ? 2 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(access(path, F_OK), -1);
		abandon(&pins);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void a_directory_of_somebody_else_is_not_used(void **state)
{
	const struct pin pin = { "services", maps[0] };
	struct pins pins;
	char error[256];

	if (!works)
		skip();
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chown(dir, 65534, 65534), 0);
	pins_make(dir, &pin, 1, NULL, &pins, error, sizeof(error));
	assert_non_null(strstr(error, "not pinned"));
	pins_remove(&pins);
	assert_int_equal(rmdir(dir), 0);
}

static void without_a_bpffs_it_says_what_to_do(void **state)
{
	const struct pin pin = { "services", maps[0] };
	char error[256], elsewhere[64];
	struct pins pins;

	snprintf(elsewhere, sizeof(elsewhere), "/tmp/tolld-pin-%d", getpid());
	pins_make(elsewhere, &pin, 1, NULL, &pins, error, sizeof(error));
	assert_non_null(strstr(error, "mount -t bpf bpf /sys/fs/bpf"));
	assert_int_equal(access(elsewhere, F_OK), -1);
	pins_make("/nowhere/at/all", &pin, 1, NULL, &pins, error, sizeof(error));
	assert_non_null(strstr(error, "mount -t bpf bpf /sys/fs/bpf"));
	pins_remove(&pins);
}

int main(void)
{
#define PIN_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		PIN_TEST(what_an_earlier_run_left_is_replaced),
		PIN_TEST(two_that_share_a_directory_leave_each_other_alone),
		PIN_TEST(who_gives_up_its_rights_still_removes_its_pins),
		PIN_TEST(a_directory_of_somebody_else_is_not_used),
		PIN_TEST(without_a_bpffs_it_says_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
