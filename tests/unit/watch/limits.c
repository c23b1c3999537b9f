/* Whose memory was out, from the counters of control groups: of a tree of files, and of the kernel's. */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "watch/limits.h"

#define PATH_ROOM 400

static char folder[40];
static struct limits *limits;

static void path_of(char out[PATH_ROOM], const char *name)
{
	snprintf(out, PATH_ROOM, "%s/%.300s", folder, name);
}

static void put(const char *name, const char *text)
{
	char path[PATH_ROOM];
	int fd;

	path_of(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void take(const char *name)
{
	char path[PATH_ROOM];

	path_of(path, name);
	remove(path);
}

static void make_group(const char *name)
{
	char path[PATH_ROOM];

	path_of(path, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void set_limit(const char *group, const char *limit)
{
	char name[PATH_ROOM];

	snprintf(name, sizeof(name), "%s/memory.max", group);
	put(name, limit);
}

static void set_ooms(const char *group, unsigned ooms)
{
	char name[PATH_ROOM], text[128];

	snprintf(name, sizeof(name), "%s/memory.events.local", group);
	snprintf(text, sizeof(text), "low 0\nhigh 7\nmax 9\noom %u\noom_kill 5\n", ooms);
	put(name, text);
}

static void end_limits(void)
{
	limits_free(limits);
	limits = NULL;
}

static void begin_limits(void)
{
	struct limits_options options = { 0 };
	char nodes[64];

	end_limits();
	snprintf(options.roots.unified, sizeof(options.roots.unified), "%s", folder);
	snprintf(nodes, sizeof(nodes), "%s/nodes", folder);
	options.nodes = nodes;
	assert_int_equal(limits_new(&options, &limits), 0);
}

/* /s.slice, without a limit, with /s.slice/web.service and /s.slice/web.service/part in it, which have one. */
static int begin(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/tolld-limits-XXXXXX");
	assert_non_null(mkdtemp(folder));
	put("cgroup.controllers", "cpuset cpu io memory pids\n");
	put("nodes", "0\n");
	make_group("s.slice");
	make_group("s.slice/web.service");
	make_group("s.slice/web.service/part");
	set_limit("s.slice", "max\n");
	set_ooms("s.slice", 0);
	set_limit("s.slice/web.service", "1000000\n");
	set_ooms("s.slice/web.service", 0);
	set_limit("s.slice/web.service/part", "500000\n");
	set_ooms("s.slice/web.service/part", 0);
	begin_limits();
	return 0;
}

static int end(void **state)
{
	static const char *const groups[] = { "s.slice/web.service/part", "s.slice/web.service",
		"s.slice" };
	char name[PATH_ROOM];

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		snprintf(name, sizeof(name), "%s/memory.max", groups[i]);
		take(name);
		snprintf(name, sizeof(name), "%s/memory.events.local", groups[i]);
		take(name);
		take(groups[i]);
	}
	take("cgroup.controllers");
	take("nodes");
	assert_int_equal(rmdir(folder), 0);
	end_limits();
	return 0;
}

#define WEB  "/s.slice/web.service"
#define PART "/s.slice/web.service/part"

static void assert_told(const char *victim, enum oom_kind kind, const char *group)
{
	struct oom oom = { .kind = OOM_NOT_TOLD };
	bool told = limits_judge(limits, victim, &oom);

	assert_int_equal(told, kind != OOM_NOT_TOLD);
	assert_int_equal(oom.kind, kind);
	assert_string_equal(oom.group, group);
}

static void the_group_that_counted_it_is_the_one(void **state)
{
	limits_know(limits, PART);
	set_ooms("s.slice/web.service", 1);
	assert_told(PART, OOM_OF_GROUP, WEB);
	/* The same count says nothing a second time. */
	assert_told(PART, OOM_OF_MACHINE, "");
	set_ooms("s.slice/web.service/part", 4);
	assert_told(PART, OOM_OF_GROUP, PART);
	set_ooms("s.slice/web.service", 2);
	assert_told(WEB, OOM_OF_GROUP, WEB);
	/* One further down had nothing to do with it. */
	set_ooms("s.slice/web.service/part", 9);
	assert_told(WEB, OOM_OF_MACHINE, "");
}

static void a_limit_of_a_slice_is_told_apart_from_that_of_its_service(void **state)
{
	set_limit("s.slice", "2000000\n");
	limits_know(limits, WEB);
	set_ooms("s.slice", 1);
	assert_told(WEB, OOM_OF_GROUP, "/s.slice");
}

static void without_a_limit_it_was_the_machine(void **state)
{
	set_limit("s.slice/web.service", "max\n");
	/* Of an earlier limit. */
	set_ooms("s.slice/web.service", 3);
	assert_told(WEB, OOM_OF_MACHINE, "");
	/* A group for which nobody wanted the controller has no such files. */
	take("s.slice/web.service/memory.max");
	take("s.slice/web.service/memory.events.local");
	assert_told(WEB, OOM_OF_MACHINE, "");
}

static void what_it_counted_before_anybody_looked_is_not_known(void **state)
{
	set_ooms("s.slice/web.service", 3);
	assert_told(WEB, OOM_NOT_TOLD, "");
	/* Now it is. */
	assert_told(WEB, OOM_OF_MACHINE, "");
	set_ooms("s.slice/web.service", 4);
	assert_told(WEB, OOM_OF_GROUP, WEB);
}

static void a_count_of_zero_needs_no_look_before(void **state)
{
	assert_told(PART, OOM_OF_MACHINE, "");
	set_ooms("s.slice/web.service/part", 1);
	assert_told(PART, OOM_OF_GROUP, PART);
}

static void a_group_that_was_made_anew_begins_at_zero(void **state)
{
	char path[PATH_ROOM], aside[PATH_ROOM];

	set_ooms("s.slice/web.service", 5);
	limits_know(limits, WEB);
	/* The old one stays elsewhere, so that its number is not given again. */
	path_of(path, "s.slice/web.service");
	path_of(aside, "old");
	assert_int_equal(rename(path, aside), 0);
	make_group("s.slice/web.service");
	set_limit("s.slice/web.service", "1000000\n");
	set_ooms("s.slice/web.service", 0);
	limits_know(limits, WEB);
	set_ooms("s.slice/web.service", 1);
	assert_told(WEB, OOM_OF_GROUP, WEB);
	take("s.slice/web.service/memory.max");
	take("s.slice/web.service/memory.events.local");
	take("s.slice/web.service");
	assert_int_equal(rename(aside, path), 0);
}

static void to_know_it_again_does_not_take_what_it_counted_since(void **state)
{
	limits_know(limits, WEB);
	set_ooms("s.slice/web.service", 1);
	limits_know(limits, WEB);
	assert_told(WEB, OOM_OF_GROUP, WEB);
}

static void what_cannot_be_known_is_not_told(void **state)
{
	static const char *const paths[] = { "", "/", "relative", "/../outside", "/s.slice/gone" };

	limits_know(limits, WEB);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_told(paths[i], OOM_NOT_TOLD, "");
	/* Two of them counted since: which of the two? */
	set_ooms("s.slice/web.service", 1);
	set_ooms("s.slice/web.service/part", 1);
	limits_know(limits, PART);
	set_ooms("s.slice/web.service/part", 2);
	assert_told(PART, OOM_NOT_TOLD, "");
	/* Before 5.2. */
	take("s.slice/web.service/memory.events.local");
	assert_told(WEB, OOM_NOT_TOLD, "");
}

static void of_several_nodes_one_may_have_been_full(void **state)
{
	put("nodes", "0-1\n");
	begin_limits();
	limits_know(limits, WEB);
	assert_told(WEB, OOM_NOT_TOLD, "");
	set_ooms("s.slice/web.service", 1);
	assert_told(WEB, OOM_OF_GROUP, WEB);
	take("nodes");
	begin_limits();
	assert_told(PART, OOM_NOT_TOLD, "");
	assert_told(PART, OOM_OF_MACHINE, "");
}

static void without_the_controller_nothing_is_told(void **state)
{
	put("cgroup.controllers", "cpu memoryless io\n");
	begin_limits();
	set_ooms("s.slice/web.service", 1);
	assert_told(WEB, OOM_NOT_TOLD, "");
	take("cgroup.controllers");
	begin_limits();
	assert_told(WEB, OOM_NOT_TOLD, "");
}

static void a_path_that_is_too_long_keeps_its_end(void **state)
{
	char name[230] = "s.slice/web.service/part/", file[PATH_ROOM];
	struct oom oom;

	memset(name + strlen(name), 'x', sizeof(name) - 1 - strlen(name));
	make_group(name);
	set_limit(name, "1000\n");
	set_ooms(name, 0);
	snprintf(file, sizeof(file), "/%s", name);
	limits_know(limits, file);
	set_ooms(name, 1);
	assert_true(limits_judge(limits, file, &oom));
	assert_int_equal(oom.kind, OOM_OF_GROUP);
	assert_string_equal(oom.group, file + strlen(file) - (WATCH_GROUP_MAX - 1));
	snprintf(file, sizeof(file), "%s/memory.max", name);
	take(file);
	snprintf(file, sizeof(file), "%s/memory.events.local", name);
	take(file);
	take(name);
}

static int judge_with_little_memory(void *userdata)
{
	struct limits_options options = { 0 };
	scoped(limits_freep) struct limits *poor = NULL;
	struct oom oom = { 0 };
	int err;

	snprintf(options.roots.unified, sizeof(options.roots.unified), "%s", folder);
	err = limits_new(&options, &poor);
	if (err)
		return err;
	limits_know(poor, PART);
	limits_judge(poor, PART, &oom);
	return 0;
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(judge_with_little_memory, NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_group_that_counted_it_is_the_one),
		TEST(a_limit_of_a_slice_is_told_apart_from_that_of_its_service),
		TEST(without_a_limit_it_was_the_machine),
		TEST(what_it_counted_before_anybody_looked_is_not_known),
		TEST(a_count_of_zero_needs_no_look_before),
		TEST(a_group_that_was_made_anew_begins_at_zero),
		TEST(to_know_it_again_does_not_take_what_it_counted_since),
		TEST(what_cannot_be_known_is_not_told),
		TEST(of_several_nodes_one_may_have_been_full),
		TEST(without_the_controller_nothing_is_told),
		TEST(a_path_that_is_too_long_keeps_its_end),
		TEST(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
