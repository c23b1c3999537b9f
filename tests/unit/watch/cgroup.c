/* To which unit a process belongs, by the path of its cgroup. */
#include "harness.h"

#include "watch/cgroup.h"

static void finds_the_path_in_systemds_hierarchy(void **state)
{
	static const struct {
		const char *what, *text, *path;
	} rows[] = {
		{ "version 2", "0::/system.slice/nginx.service\n", "/system.slice/nginx.service" },
		{ "version 1",
			"3:cpu,cpuacct:/a\n2:memory:/b\n1:name=systemd:/system.slice/x.service\n",
			"/system.slice/x.service" },
		{ "both, and systemd uses the one it named",
			"2:memory:/b\n1:name=systemd:/system.slice/x.service\n0::/\n",
			"/system.slice/x.service" },
		{ "both, in the other order", "0::/\n1:name=systemd:/u.service\n", "/u.service" },
		{ "colons in the path", "0::/a:b/c::d\n", "/a:b/c::d" },
		{ "no systemd, version 1 alone", "3:cpu:/a\n2:memory:/b\n", NULL },
		{ "a line without its end", "0::/last", "/last" },
		{ "nothing", "", NULL },
		{ "no colon", "nonsense\n0::/x\n", "/x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf path = STRBUF_INIT;
		int err = cgroup_parse(rows[i].text, &path);

		if (rows[i].path)
			assert_string_equal(path.s, rows[i].path);
		assert_int_equal(err, rows[i].path ? 0 : -ENOENT);
		strbuf_release(&path);
	}
}

static void the_outermost_service_is_the_unit(void **state)
{
	static const struct {
		const char *path, *unit;
	} rows[] = {
		{ "/system.slice/nginx.service", "nginx.service" },
		{ "/system.slice/nginx.service/workers", "nginx.service" },
		{ "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
			"user@1000.service" },
		{ "/user.slice/user-0.slice/session-1.scope", NULL },
		{ "/init.scope", NULL },
		{ "/.service", NULL },
		{ "/", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) char *unit = cgroup_unit(rows[i].path);

		if (rows[i].unit)
			assert_string_equal(unit, rows[i].unit);
		else
			assert_null(unit);
	}
}

static int read_own(void *userdata)
{
	struct strbuf path = STRBUF_INIT;
	int err = process_cgroup(getpid(), &path);

	strbuf_release(&path);
	/* Where systemd keeps no hierarchy there is none to tell: that is no failure here. */
	return err == -ENOENT ? 0 : err;
}

static void reads_its_own_and_survives_every_allocation_that_fails(void **state)
{
	with_failing_allocations(read_own, NULL);
}

static void says_that_a_process_is_gone(void **state)
{
	struct strbuf path = STRBUF_INIT;

	/* Above the highest number that a kernel gives out. */
	assert_int_equal(process_cgroup(1 << 23, &path), -ESRCH);
	strbuf_release(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_path_in_systemds_hierarchy),
		cmocka_unit_test(the_outermost_service_is_the_unit),
		cmocka_unit_test(reads_its_own_and_survives_every_allocation_that_fails),
		cmocka_unit_test(says_that_a_process_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
