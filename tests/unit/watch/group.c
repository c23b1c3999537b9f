/* Control groups: version 1 and 2 as files in a folder, and a real one whose memory is out. */
#include "harness.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "watch/group.h"
#include "watch/lines.h"

/* -- a folder --------------------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/group-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int remove_folder(void **state)
{
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

struct file {
	const char *name, *text; /* NULL: a folder */
};

static void make_files(const struct file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
		if (files[i].text)
			write_to(path, files[i].text);
		else
			assert_int_equal(mkdir(path, 0755), 0);
	}
}

static struct group_roots roots_in_folder(bool unified, bool version_1)
{
	struct group_roots roots = { 0 };

	if (unified)
		snprintf(roots.unified, sizeof(roots.unified), "%s", folder);
	if (version_1) {
		snprintf(roots.memory, sizeof(roots.memory), "%.50s/memory", folder);
		snprintf(roots.cpu, sizeof(roots.cpu), "%.50s/cpu", folder);
		snprintf(roots.cpuacct, sizeof(roots.cpuacct), "%.50s/cpu", folder);
		snprintf(roots.pids, sizeof(roots.pids), "%.50s/pids", folder);
	}
	return roots;
}

static void assert_figure(
	const struct group_usage *usage, enum group_figure figure, bool has, uint64_t value)
{
	if (group_has(usage, figure) != has || (has && usage->figures[figure] != value))
		fail_msg("figure %d: %s %llu", figure, group_has(usage, figure) ? "is" : "is not",
			(unsigned long long)usage->figures[figure]);
}

static const struct file version_2[] = {
	{ "web.service", NULL },
	{ "web.service/memory.current", "12345678\n" },
	{ "web.service/memory.max", "20000000\n" },
	{ "web.service/memory.peak", "15000000\n" },
	{ "web.service/memory.stat", "anon 4\nfile 5\ninactive_anon 1\ninactive_file 6000\n" },
	{ "web.service/memory.events",
		"low 0\nhigh 1\nmax 22\noom 3\noom_kill 4\noom_group_kill 5\n" },
	{ "web.service/cpu.stat",
		"usage_usec 1500000\nuser_usec 1\nsystem_usec 2\nnr_periods 10\nnr_throttled 3\n"
		"throttled_usec 250\nnr_bursts 0\n" },
	{ "web.service/pids.current", "7\n" },
	{ "web.service/pids.max", "max\n" },
	{ "web.service/cpu.pressure",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=11\nfull avg10=0.00 avg60=0.00 "
		"avg300=0.00 total=5\n" },
	{ "web.service/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n" },
};

static void reads_version_2(void **state)
{
	struct group_roots roots = roots_in_folder(true, false);
	struct group_usage usage;

	make_files(version_2, ARRAY_SIZE(version_2));
	assert_int_equal(group_read(&roots, "/web.service", &usage), 0);
	assert_int_not_equal(usage.id, 0);
	assert_figure(&usage, GROUP_MEMORY, true, 12345678);
	assert_figure(&usage, GROUP_MEMORY_MAX, true, 20000000);
	assert_figure(&usage, GROUP_MEMORY_PEAK, true, 15000000);
	assert_figure(&usage, GROUP_MEMORY_INACTIVE, true, 6000);
	assert_figure(&usage, GROUP_HIGH_EVENTS, true, 1);
	assert_figure(&usage, GROUP_MAX_EVENTS, true, 22);
	assert_figure(&usage, GROUP_OOM_EVENTS, true, 3);
	assert_figure(&usage, GROUP_OOM_KILLS, true, 4);
	assert_figure(&usage, GROUP_CPU_NS, true, 1500000000);
	assert_figure(&usage, GROUP_CPU_PERIODS, true, 10);
	assert_figure(&usage, GROUP_THROTTLED_PERIODS, true, 3);
	assert_figure(&usage, GROUP_THROTTLED_NS, true, 250000);
	assert_figure(&usage, GROUP_TASKS, true, 7);
	assert_figure(&usage, GROUP_TASKS_MAX, false, 0);
	assert_true(usage.pressure[PRESSURE_CPU].has_full);
	assert_int_equal(usage.pressure[PRESSURE_CPU].full_ns, 5000);
	assert_true(usage.pressure[PRESSURE_MEMORY].has_some);
	assert_int_equal(usage.pressure[PRESSURE_MEMORY].some_ns, 7000);
	assert_false(usage.pressure[PRESSURE_MEMORY].has_full);
	assert_false(usage.pressure[PRESSURE_IO].has_some);

	assert_int_equal(group_read_events(&roots, "/web.service", &usage), 0);
	assert_figure(&usage, GROUP_OOM_KILLS, true, 4);
	assert_figure(&usage, GROUP_MEMORY, false, 0);
}

static void knows_whether_it_is_frozen(void **state)
{
	static const struct file files[] = {
		{ "web.service", NULL },
		{ "db.service", NULL },
		{ "old.service", NULL },
		{ "web.service/cgroup.events", "populated 1\nfrozen 1\n" },
		{ "db.service/cgroup.events", "populated 1\nfrozen 0\n" },
		/* Before 5.2. */
		{ "old.service/cgroup.events", "populated 1\n" },
	};
	struct group_roots roots = roots_in_folder(true, false);

	make_files(files, ARRAY_SIZE(files));
	assert_true(group_is_frozen(&roots, "/web.service"));
	assert_false(group_is_frozen(&roots, "/db.service"));
	assert_false(group_is_frozen(&roots, "/old.service"));
	assert_false(group_is_frozen(&roots, "/none.service"));
	assert_false(group_is_frozen(&roots, "web.service"));
	roots = roots_in_folder(false, true);
	assert_false(group_is_frozen(&roots, "/web.service"));
}

static void reads_version_1(void **state)
{
	static const struct file files[] = {
		{ "memory", NULL },
		{ "memory/web", NULL },
		{ "memory/web/memory.usage_in_bytes", "4096\n" },
		{ "memory/web/memory.limit_in_bytes", "9223372036854771712\n" },
		{ "memory/web/memory.max_usage_in_bytes", "8192\n" },
		{ "memory/web/memory.stat", "inactive_file 1\ntotal_inactive_file 2\n" },
		{ "memory/web/memory.failcnt", "5\n" },
		{ "memory/web/memory.oom_control",
			"oom_kill_disable 0\nunder_oom 0\noom_kill 6\n" },
		{ "cpu", NULL },
		{ "cpu/web", NULL },
		{ "cpu/web/cpu.stat", "nr_periods 1\nnr_throttled 2\nthrottled_time 3\n" },
		{ "cpu/web/cpuacct.usage", "77\n" },
		{ "pids", NULL },
		{ "pids/web", NULL },
		{ "pids/web/pids.current", "1\n" },
		{ "pids/web/pids.max", "100\n" },
	};
	struct group_roots roots = roots_in_folder(false, true);
	struct group_usage usage;

	make_files(files, ARRAY_SIZE(files));
	assert_int_equal(group_read(&roots, "/web", &usage), 0);
	assert_figure(&usage, GROUP_MEMORY, true, 4096);
	assert_figure(&usage, GROUP_MEMORY_MAX, false, 0);
	assert_figure(&usage, GROUP_MEMORY_PEAK, true, 8192);
	assert_figure(&usage, GROUP_MEMORY_INACTIVE, true, 2);
	assert_figure(&usage, GROUP_HIGH_EVENTS, false, 0);
	assert_figure(&usage, GROUP_MAX_EVENTS, true, 5);
	assert_figure(&usage, GROUP_OOM_KILLS, true, 6);
	assert_figure(&usage, GROUP_CPU_NS, true, 77);
	assert_figure(&usage, GROUP_THROTTLED_PERIODS, true, 2);
	assert_figure(&usage, GROUP_THROTTLED_NS, true, 3);
	assert_figure(&usage, GROUP_TASKS, true, 1);
	assert_figure(&usage, GROUP_TASKS_MAX, true, 100);
	for (size_t i = 0; i < PRESSURE_RESOURCES; i++)
		assert_false(usage.pressure[i].has_some || usage.pressure[i].has_full);
}

static void says_nothing_of_what_it_cannot_read(void **state)
{
	static const struct file files[] = {
		{ "odd", NULL },
		{ "odd/memory.current", "many\n" },
		{ "odd/memory.max", "" },
		{ "odd/memory.peak", "99999999999999999999999999\n" },
		{ "odd/memory.events", "oom_kill\nhigh x\nmax -1\n" },
		{ "odd/cpu.stat", "usage_usec 18446744073709551615\nnr_periods" },
		{ "odd/cpu.pressure", "some avg10=0.00\n" },
		{ "odd/memory.pressure", "some total=99999999999999999999\n" },
		{ "odd/io.pressure", "none\nfull\n" },
		{ "empty", NULL },
	};
	struct group_roots roots = roots_in_folder(true, false);
	struct group_usage usage = { .id = 1 };

	make_files(files, ARRAY_SIZE(files));
	assert_int_equal(group_read(&roots, "/odd", &usage), 0);
	assert_int_equal(usage.has, 0);
	for (size_t i = 0; i < PRESSURE_RESOURCES; i++)
		assert_false(usage.pressure[i].has_some || usage.pressure[i].has_full);
	assert_int_equal(group_read(&roots, "/empty", &usage), 0);
	assert_int_equal(usage.has, 0);
	usage.id = 1;
	assert_int_equal(group_read(&roots, "/none", &usage), -ENOENT);
	assert_int_equal(group_read(&roots, "none", &usage), -ENOENT);
	assert_int_equal(group_read(&roots, "", &usage), -ENOENT);
	assert_int_equal(usage.id, 1);
	roots = (struct group_roots){ 0 };
	assert_int_equal(group_read(&roots, "/odd", &usage), -ENOENT);
}

static void finds_the_hierarchies(void **state)
{
	static const char systemd_2[] =
		"22 1 0:20 / / rw - ext4 /dev/sda rw\n"
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		"31 23 0:27 / /other rw shared:4 - cgroup2 cgroup2 rw\n";
	static const char systemd_1[] =
		"30 23 0:26 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755\n"
		"31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n"
		"32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
		"33 30 0:29 / /sys/fs/cgroup/memory rw shared:15 - cgroup cgroup rw,memory\n"
		"34 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		"35 30 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
		"36 30 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
		"37 30 0:33 / - cgroup cgroup rw,memory\n- cgroup\n - cgroup2 \n\n1 2 3 4 5";
	struct group_roots roots;

	group_roots_parse(systemd_2, &roots);
	assert_string_equal(roots.unified, "/sys/fs/cgroup");
	assert_string_equal(roots.memory, "");
	group_roots_parse(systemd_1, &roots);
	assert_string_equal(roots.unified, "/sys/fs/cgroup/unified");
	assert_string_equal(roots.named, "/sys/fs/cgroup/systemd");
	assert_string_equal(roots.memory, "/sys/fs/cgroup/memory");
	assert_string_equal(roots.cpu, "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(roots.cpuacct, "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(roots.pids, "/sys/fs/cgroup/pids");
	group_roots_parse("", &roots);
	assert_string_equal(roots.unified, "");
}

static void lists_processes_of_all_levels(void **state)
{
	static const struct file files[] = {
		{ "a.service", NULL },
		{ "a.service/cgroup.procs", "1\n22\n" },
		{ "a.service/one", NULL },
		{ "a.service/one/cgroup.procs", "333\n" },
		{ "a.service/one/two", NULL },
		{ "a.service/one/two/cgroup.procs", "4444\n" },
		{ "a.service/bare", NULL },
	};
	struct group_roots roots = roots_in_folder(true, false);
	struct group_pids pids = { 0 };
	pid_t sum = 0;

	make_files(files, ARRAY_SIZE(files));
	assert_int_equal(group_list(&roots, "/a.service", &pids), 0);
	for (size_t i = 0; i < pids.n; i++)
		sum += pids.items[i];
	assert_int_equal(pids.n, 4);
	assert_int_equal(sum, 4800);
	assert_int_equal(group_list(&roots, "/b.service", &pids), -ENOENT);
	free(pids.items);
}

static void knows_whose_group_it_is(void **state)
{
	static const struct {
		const char *path, *own;
		bool exclusive;
	} rows[] = {
		{ "/system.slice/nginx.service", "/system.slice/tolld.service", true },
		{ "/system.slice/nginx.service/workers", NULL, true },
		{ "/system.slice/docker-0123.scope", NULL, true },
		{ "/machine/box", NULL, true },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", NULL, true },
		{ "/system.slice/tolld.service", "/system.slice/tolld.service", false },
		{ "/user.slice/user-1000.slice/session-3.scope", NULL, false },
		{ "/system.slice", NULL, false },
		{ "/init.scope", NULL, false },
		{ "/", NULL, false },
		{ "", NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (group_is_exclusive(rows[i].path, rows[i].own) != rows[i].exclusive)
			fail_msg("%s", rows[i].path);
	}
}

/* -- a real one ------------------------------------------------------------------------------- */

#define LIMIT  "33554432\n"
#define WITHIN ((size_t)16 << 20)
#define BEYOND ((size_t)64 << 20)

/* A group of memory that tests may make; its parent's folder, and how its limit is called. */
static bool find_memory(
	const struct group_roots *roots, const char **ret_root, const char **ret_limit)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", roots->unified);
	if (*roots->unified && access(path, W_OK) == 0) {
		char text[256];
		bool has = !lines_read(path, text, sizeof(text)) && strstr(text, "memory");

		*ret_root = roots->unified;
		*ret_limit = "memory.max";
		if (has)
			return true;
	}
	*ret_root = roots->memory;
	*ret_limit = "memory.limit_in_bytes";
	return *roots->memory && access(roots->memory, W_OK) == 0;
}

static pid_t use_memory(const char *group, size_t bytes)
{
	char path[256], self[16];
	pid_t pid = fork();
	char *memory;

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(self, sizeof(self), "%d\n", getpid());
	write_to(path, self);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 1, bytes);
	raise(SIGSTOP);
	_exit(0);
}

static void tells_of_a_real_one(void **state)
{
	struct group_roots roots;
	struct group_usage usage;
	const char *root, *limit;
	char group[128], path[256], name[64];
	int status;
	pid_t pid;

	group_roots_find(&roots);
	if (!find_memory(&roots, &root, &limit)) {
		printf("SKIPPED: no group of memory can be made here\n");
		skip();
	}
	snprintf(name, sizeof(name), "/tolld-test-%d", getpid());
	snprintf(group, sizeof(group), "%s%s", root, name);
	assert_int_equal(mkdir(group, 0755), 0);
	snprintf(path, sizeof(path), "%s/%s", group, limit);
	write_to(path, LIMIT);

	pid = use_memory(group, WITHIN);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(group_read(&roots, name, &usage), 0);
	assert_true(group_has(&usage, GROUP_MEMORY) && group_has(&usage, GROUP_MEMORY_MAX));
	assert_in_range(usage.figures[GROUP_MEMORY], WITHIN, WITHIN * 2);
	assert_int_equal(usage.figures[GROUP_MEMORY_MAX], 32 << 20);
	assert_figure(&usage, GROUP_OOM_KILLS, true, 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);

	pid = use_memory(group, BEYOND);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(group_read_events(&roots, name, &usage), 0);
	assert_figure(&usage, GROUP_OOM_KILLS, true, 1);
	assert_true(usage.figures[GROUP_MAX_EVENTS] > 0);
	while (rmdir(group) < 0)
		assert_int_equal(errno, EBUSY);
	assert_int_equal(group_read(&roots, name, &usage), -ENOENT);
}

#define IN_FOLDER(fn) cmocka_unit_test_setup_teardown(fn, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(reads_version_2),
		IN_FOLDER(knows_whether_it_is_frozen),
		IN_FOLDER(reads_version_1),
		IN_FOLDER(says_nothing_of_what_it_cannot_read),
		cmocka_unit_test(finds_the_hierarchies),
		IN_FOLDER(lists_processes_of_all_levels),
		cmocka_unit_test(knows_whose_group_it_is),
		cmocka_unit_test(tells_of_a_real_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
