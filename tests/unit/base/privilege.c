/* Becoming another user, with some of one's rights: what is given up is gone, what is kept works. */
#include "harness.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "base/privilege.h"

static void users_are_found_by_name(void **state)
{
	struct account account = { .uid = 1 };

	assert_int_equal(account_find("root", &account), 0);
	assert_int_equal(account.uid, 0);
	assert_string_equal(account.name, "root");
	assert_int_equal(account_find("", &account), -ENOENT);
	assert_int_equal(account_find("roo", &account), -ENOENT);
	/* Untouched. */
	assert_string_equal(account.name, "root");
}

static void a_set_is_shown_in_words(void **state)
{
	static const struct {
		uint64_t set;
		const char *text;
	} rows[] = {
		{ 0, "no capability" },
		{ PRIVILEGE(CAP_BPF), "CAP_BPF" },
		{ PRIVILEGE(CAP_SYS_PTRACE) | PRIVILEGE(CAP_DAC_READ_SEARCH),
			"CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE" },
		{ PRIVILEGE(CAP_SYS_PTRACE) | PRIVILEGE(CAP_DAC_READ_SEARCH) | PRIVILEGE(CAP_BPF),
			"CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE and CAP_BPF" },
		{ PRIVILEGE(CAP_CHOWN) | PRIVILEGE(63), "capability 0 and capability 63" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf text = STRBUF_INIT;

		privileges_format(rows[i].set, &text);
		assert_string_equal(text.s, rows[i].text);
		strbuf_release(&text);
	}
}

/* A test in a child, which says by its exit code at which line it was disappointed. */
#define REQUIRE(what)                                                                              \
	do {                                                                                       \
		if (!(what))                                                                       \
			_exit(__LINE__ & 0x7f ? __LINE__ & 0x7f : 1);                              \
	} while (0)

static int in_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static const uint64_t kept = PRIVILEGE(CAP_DAC_READ_SEARCH) | PRIVILEGE(CAP_SYS_PTRACE);

static void become_nobody(void)
{
	const struct account nobody = { .uid = 65534, .gid = 65534 };
	int death_signal = 0;

	REQUIRE(prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0) == 0);
	REQUIRE(privileges_give_up(&nobody, kept) == 0);
	REQUIRE(getuid() == 65534 && geteuid() == 65534 && getgid() == 65534);
	REQUIRE(getgroups(0, NULL) == 0);
	REQUIRE(privileges_held() == kept);
	REQUIRE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		REQUIRE(prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 0);
	REQUIRE(prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0) == 0 && death_signal == 9);
	/* What is gone does not come back; what is kept counts: a folder that is root's alone can be read. */
	REQUIRE(setresuid(0, 0, 0) == -1);
	REQUIRE(privileges_use(PRIVILEGE(CAP_CHOWN)) == -EPERM);
	REQUIRE(faccessat(-1, "/proc/1/fd", R_OK, AT_EACCESS) == 0);
}

static void use_less_for_a_while(void)
{
	const struct account nobody = { .uid = 65534, .gid = 65534 };

	REQUIRE(privileges_give_up(&nobody, kept) == 0);
	REQUIRE(privileges_use(0) == 0);
	REQUIRE(privileges_held() == kept);
	REQUIRE(faccessat(-1, "/proc/1/fd", R_OK, AT_EACCESS) == -1);
	REQUIRE(privileges_use(kept) == 0);
	REQUIRE(faccessat(-1, "/proc/1/fd", R_OK, AT_EACCESS) == 0);
	REQUIRE(privileges_give_up(NULL, PRIVILEGE(CAP_SYS_PTRACE)) == 0);
	REQUIRE(privileges_held() == PRIVILEGE(CAP_SYS_PTRACE));
	REQUIRE(privileges_use(kept) == -EPERM);
}

static void what_is_given_up_is_gone_and_what_is_kept_works(void **state)
{
	if (getuid())
		skip();
	assert_int_equal(in_child(become_nobody), 0);
}

static void rights_can_rest_and_be_used_again(void **state)
{
	if (getuid())
		skip();
	assert_int_equal(in_child(use_less_for_a_while), 0);
}

static void become_root(void)
{
	const struct account root = { 0 }, nobody = { .uid = 65534, .gid = 65534 };

	REQUIRE(privileges_give_up(&nobody, 0) == 0);
	REQUIRE(privileges_give_up(&root, UINT64_MAX) == -EPERM);
}

static void who_has_no_rights_becomes_nobody_else(void **state)
{
	if (getuid())
		skip();
	assert_int_equal(in_child(become_root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_found_by_name),
		cmocka_unit_test(a_set_is_shown_in_words),
		cmocka_unit_test(what_is_given_up_is_gone_and_what_is_kept_works),
		cmocka_unit_test(rights_can_rest_and_be_used_again),
		cmocka_unit_test(who_has_no_rights_becomes_nobody_else),
	};

	if (getuid())
		print_message("SKIPPED: only root can become somebody else\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
