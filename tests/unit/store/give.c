/* The directory of the state for another user: what is tolld's own goes, what is not stays. */
#include "harness.h"

#include <fcntl.h>
#include <sys/stat.h>
#include "base/strbuf.h"
#include "store/store.h"

#define OTHER 65534

static char dir[64];

static int setup(void **state)
{
	if (getuid()) {
		print_message("SKIPPED: only root gives files away\n");
		return 0;
	}
	snprintf(dir, sizeof(dir), "/tmp/tolld-give-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static const char *at(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int teardown(void **state)
{
	static const char *const files[] = { "state/samples/00000001.log", "state/samples/linked",
		"state/tolld.db", "state/tolld.db-wal", "state/letter", "state/mail/new",
		"precious" };
	static const char *const folders[] = { "state/samples", "state/mail", "state", "" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlink(at(files[i]));
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		rmdir(at(folders[i]));
	return 0;
}

static void make_file(const char *name)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static uid_t owner(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(at(name), &st), 0);
	return st.st_uid;
}

static int give(const char *name)
{
	char error[200] = "", path[128];
	int err;

	snprintf(path, sizeof(path), "%s", at(name));
	err = store_give(path, OTHER, OTHER, error, sizeof(error));
	assert_int_equal(err != 0, *error != '\0');
	return err;
}

static void one_that_is_not_there_is_made_and_given(void **state)
{
	struct stat st;

	if (getuid())
		skip();
	assert_int_equal(give("state"), 0);
	assert_int_equal(owner("state"), OTHER);
	assert_int_equal(stat(at("state"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(owner(""), 0);
}

static void a_state_goes_with_all_its_files(void **state)
{
	if (getuid())
		skip();
	mkdir(at("state"), 0700);
	mkdir(at("state/samples"), 0700);
	make_file("state/tolld.db");
	make_file("state/tolld.db-wal");
	make_file("state/samples/00000001.log");
	assert_int_equal(give("state"), 0);
	assert_int_equal(owner("state"), OTHER);
	assert_int_equal(owner("state/tolld.db"), OTHER);
	assert_int_equal(owner("state/tolld.db-wal"), OTHER);
	assert_int_equal(owner("state/samples"), OTHER);
	assert_int_equal(owner("state/samples/00000001.log"), OTHER);
}

static void a_directory_with_other_things_is_not_given(void **state)
{
	if (getuid())
		skip();
	mkdir(at("state"), 0700);
	make_file("state/letter");
	make_file("state/tolld.db");
	assert_int_equal(give("state"), -ENOTEMPTY);
	assert_int_equal(owner("state"), 0);
	assert_int_equal(owner("state/letter"), 0);
	/* Once it is the user's, other things in it do no harm, and stay whose they are. */
	assert_int_equal(chown(at("state"), OTHER, OTHER), 0);
	assert_int_equal(give("state"), 0);
	assert_int_equal(owner("state/letter"), 0);
	assert_int_equal(owner("state/tolld.db"), OTHER);
}

static void somebody_else_s_directory_is_not_given(void **state)
{
	if (getuid())
		skip();
	mkdir(at("state"), 0700);
	assert_int_equal(chown(at("state"), 12345, 12345), 0);
	assert_int_equal(give("state"), -EPERM);
	assert_int_equal(owner("state"), 12345);
}

/* Who may write there could otherwise have any file of the machine given to him. */
static void links_lead_nowhere(void **state)
{
	if (getuid())
		skip();
	mkdir(at("state"), 0700);
	mkdir(at("state/samples"), 0700);
	assert_int_equal(chown(at("state"), OTHER, OTHER), 0);
	make_file("precious");
	assert_int_equal(symlink("../precious", at("state/tolld.db")), 0);
	assert_int_equal(symlink("/etc", at("state/mail")), 0);
	char precious[128];

	snprintf(precious, sizeof(precious), "%s", at("precious"));
	assert_int_equal(link(precious, at("state/samples/linked")), 0);
	assert_int_equal(give("state"), 0);
	assert_int_equal(owner("precious"), 0);
	assert_int_equal(owner("state/tolld.db"), 0);
	unlink(at("state/mail"));
}

int main(void)
{
#define GIVE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		GIVE_TEST(one_that_is_not_there_is_made_and_given),
		GIVE_TEST(a_state_goes_with_all_its_files),
		GIVE_TEST(a_directory_with_other_things_is_not_given),
		GIVE_TEST(somebody_else_s_directory_is_not_given),
		GIVE_TEST(links_lead_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
