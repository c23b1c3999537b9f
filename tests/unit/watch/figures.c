/* What services use and how they fare, through each backend: real processes with known figures. */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include "watch/lines.h"
#include "watch/passes.h"

#define WORKERS	     3
#define MEMORY_BYTES ((size_t)8 << 20)
#define FDS	     20
#define MAX_FDS	     50
#define BURN_NS	     (100 * NSEC_PER_MSEC)

static unsigned told_of_oom;

static void on_oom_killed(struct service *service, void *userdata)
{
	told_of_oom++;
}

static void measure(void)
{
	static const struct figures_callbacks callbacks = { .passed = on_passed,
		.oom_killed = on_oom_killed };

	measure_with(&callbacks);
}

static struct service_figures figures_of(const struct service *service)
{
	struct service_figures figures;

	service_figures(service, &figures);
	return figures;
}

/* -- a process with workers ------------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static void use_memory(void)
{
	char *memory = mmap(
		NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(memory, 1, MEMORY_BYTES);
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

/* The first one is near to its limit of descriptors, and has a thread more. */
static void work(int number, int say)
{
	const struct rlimit limit = { MAX_FDS, MAX_FDS };
	volatile unsigned n = 0;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	use_memory();
	while (cpu_ns() < BURN_NS)
		n++;
	if (number == 0) {
		for (int i = 0; i < FDS; i++)
			open("/dev/null", O_RDONLY | O_CLOEXEC);
		setrlimit(RLIMIT_NOFILE, &limit);
		pthread_create(&thread, NULL, wait_for_ever, NULL);
	}
	/* A socket of its own, beside the one that all share. */
	socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (write(say, "", 1) != 1)
		_exit(1);
	wait_for_ever(NULL);
}

/* Makes its workers when it is told to, and says when all are ready. */
static void serve(int hear, int say)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd, ready[2];
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (fd = 3; fd < 1024; fd++) {
		if (fd != hear && fd != say)
			close(fd);
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (void *)&any, sizeof(any)) || listen(fd, 8) || pipe2(ready, O_CLOEXEC))
		_exit(1);
	use_memory();
	if (write(say, "", 1) != 1 || read(hear, &byte, 1) != 1)
		_exit(1);
	for (int i = 0; i < WORKERS; i++) {
		if (fork() == 0)
			work(i, ready[1]);
	}
	for (int i = 0; i < WORKERS; i++) {
		if (read(ready[0], &byte, 1) != 1)
			_exit(1);
	}
	if (write(say, "", 1) != 1)
		_exit(1);
	wait_for_ever(NULL);
}

struct server {
	pid_t pid;
	int say, hear;
};

static void server_begin(struct server *s)
{
	int down[2], up[2];
	char byte;

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	s->pid = fork();
	if (s->pid == 0)
		serve(down[0], up[1]);
	close(down[0]);
	close(up[1]);
	s->say = down[1];
	s->hear = up[0];
	assert_int_equal(read(s->hear, &byte, 1), 1);
}

static void server_make_workers(struct server *s)
{
	char byte;

	assert_int_equal(write(s->say, "", 1), 1);
	assert_int_equal(read(s->hear, &byte, 1), 1);
}

static void server_end(struct server *s)
{
	close(s->say);
	close(s->hear);
	if (s->pid) {
		kill(s->pid, SIGKILL);
		assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
	}
}

static pid_t first_child(pid_t pid)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	assert_int_equal(lines_read(path, text, sizeof(text)), 0);
	return (pid_t)strtol(text, NULL, 10);
}

/* A child of another process. */
static void kill_and_wait(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = { .fd = fd, .events = POLLIN };

	assert_true(fd >= 0);
	kill(pid, SIGKILL);
	assert_int_equal(poll(&ended, 1, PATIENCE_MS), 1);
	close(fd);
}

static void tells_what_a_service_with_workers_uses(void **state)
{
	struct service_figures f;
	struct service *service;
	struct server server;
	uint64_t cpu_before;

	SKIP_WITHOUT_BACKEND();
	server_begin(&server);
	assert_int_equal(watch_add_process(watch, "server", server.pid, &service), 0);
	f = figures_of(service);
	assert_false(f.passed);
	assert_int_equal(f.oom_kills, 0);
	for (int i = 0; i < END_KINDS; i++)
		assert_int_equal(f.ends->counts[i], 0);

	server_make_workers(&server);
	measure();
	f = figures_of(service);
	assert_true(f.passed);
	assert_int_equal(f.used->processes, 1 + WORKERS);
	assert_int_equal(f.used->threads, 1 + WORKERS + 1);
	assert_int_equal(f.used->hung_threads, 0);
	assert_true(f.used->has_fds && f.used->has_resident && f.used->has_io);
	assert_int_equal(f.used->max_fds, MAX_FDS);
	/* Its own, those of the server, and the three that all have. */
	assert_in_range(f.used->open_fds, FDS + 3 + 1 + 1, FDS + 3 + 1 + 1 + 5);
	assert_true(f.used->resident_bytes > (1 + WORKERS) * MEMORY_BYTES * 3 / 4);
	assert_true(f.used->cpu_ns > WORKERS * BURN_NS * 3 / 4);
	assert_true(f.has_sockets);
	assert_int_equal(f.sockets, 1 + WORKERS);
	assert_int_equal(f.listeners, 1);

	/* What a worker used stays counted when it has ended. */
	cpu_before = f.used->cpu_ns;
	kill_and_wait(first_child(server.pid));
	measure();
	f = figures_of(service);
	assert_int_equal(f.used->processes, WORKERS);
	assert_true(f.used->cpu_ns >= cpu_before);
	assert_in_range(f.used->max_fds, MAX_FDS + 1, INT64_MAX);
	server_end(&server);
}

static void counts_how_a_process_ended(void **state)
{
	struct service_figures f;
	struct service *service;
	struct server server;

	SKIP_WITHOUT_BACKEND();
	server_begin(&server);
	assert_int_equal(watch_add_process(watch, "server", server.pid, &service), 0);
	server_make_workers(&server);
	kill(server.pid, SIGKILL);
	assert_int_equal(waitpid(server.pid, NULL, 0), server.pid);
	server.pid = 0;
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	/* A cause that is not final at once is so after a while. */
	if (!last_seen(SERVICE_DIED)->info.last_death.final)
		assert_true(wait_for(SERVICE_CAUSE, 1, PATIENCE_MS));
	f = figures_of(service);
	assert_int_equal(f.ends->counts[END_SIGNAL] + f.ends->counts[END_UNKNOWN], 1);
	if (facts->tells_status)
		assert_int_equal(f.ends->counts[END_SIGNAL], 1);
	/* Before any pass has seen it, where the kernel tells. */
	if (facts->kind == WATCH_KERNEL)
		assert_true(f.used->cpu_ns > 0);
	measure();
	f = figures_of(service);
	assert_int_equal(f.used->processes, 0);
	server_end(&server);
}

static void services_that_are_gone_are_forgotten(void **state)
{
	struct service *one, *other;
	struct server server;

	SKIP_WITHOUT_BACKEND();
	server_begin(&server);
	assert_int_equal(watch_add_process(watch, "one", server.pid, &one), 0);
	assert_int_equal(watch_add_process(watch, "other", server.pid, &other), 0);
	measure();
	/* Both are the same process, and each has all of it. */
	assert_int_equal(figures_of(one).used->processes, 1);
	assert_int_equal(figures_of(other).used->processes, 1);
	watch_remove(one);
	measure();
	assert_int_equal(figures_of(other).used->processes, 1);
	server_end(&server);
}

/* -- a control group -------------------------------------------------------------------------- */

#define LIMIT_BYTES ((size_t)32 << 20)

/* A group with a limit, by the same name in the hierarchy of systemd and in that of memory. */
struct own_group {
	struct group_roots roots;
	char folder[128], memory_folder[128];
	bool tells_at_once;
};

static void own_group_remove(struct own_group *g)
{
	while (rmdir(g->folder) < 0)
		assert_int_equal(errno, EBUSY);
	while (!g->tells_at_once && rmdir(g->memory_folder) < 0)
		assert_int_equal(errno, EBUSY);
}

static bool own_group_make(struct own_group *g)
{
	const char *root, *limit;
	char text[192];

	group_roots_find(&g->roots);
	g->tells_at_once = !*g->roots.named;
	root = g->tells_at_once ? g->roots.unified : g->roots.named;
	snprintf(g->folder, sizeof(g->folder), "%s/tolld-test-%d", root, getpid());
	snprintf(g->memory_folder, sizeof(g->memory_folder), "%s/tolld-test-%d",
		g->tells_at_once ? root : g->roots.memory, getpid());
	if (mkdir(g->folder, 0755) < 0 ||
		(!g->tells_at_once && mkdir(g->memory_folder, 0755) < 0)) {
		printf("SKIPPED: no control group can be made here: %s\n", strerror(errno));
		return false;
	}
	limit = g->tells_at_once ? "memory.max" : "memory.limit_in_bytes";
	snprintf(text, sizeof(text), "%s/%s", g->memory_folder, limit);
	if (access(text, W_OK)) {
		printf("SKIPPED: memory has no limits here: %s\n", strerror(errno));
		own_group_remove(g);
		return false;
	}
	snprintf(text, sizeof(text), "%zu\n", LIMIT_BYTES);
	write_to(g->memory_folder, limit, text);
	return true;
}

static void take_too_much(void)
{
	for (size_t used = 0; used < 3 * LIMIT_BYTES; used += MEMORY_BYTES)
		use_memory();
}

/* Moves in. Told to, it has a child that takes more memory than there is; told again, it does so itself. */
static void be_greedy(const struct own_group *g, int hear)
{
	char self[16], byte;
	pid_t child;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(self, sizeof(self), "%d\n", getpid());
	write_to(g->folder, "cgroup.procs", self);
	write_to(g->memory_folder, "cgroup.procs", self);
	kill(getpid(), SIGSTOP);
	if (read(hear, &byte, 1) != 1)
		_exit(1);
	child = fork();
	if (child == 0) {
		take_too_much();
		_exit(0);
	}
	waitpid(child, NULL, 0);
	if (read(hear, &byte, 1) != 1)
		_exit(1);
	take_too_much();
	_exit(0);
}

static pid_t greedy_start(const struct own_group *g, int *ret_say)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		/* It must not keep open what tells it that nobody speaks any more. */
		close(fds[1]);
		be_greedy(g, fds[0]);
	}
	close(fds[0]);
	*ret_say = fds[1];
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	kill(pid, SIGCONT);
	return pid;
}

/* Turns the loop, and makes passes where only they tell, until so many kills are known. */
static void wait_for_kills(const struct own_group *g, const struct service *service, uint64_t n)
{
	for (int i = 0; i < 600 && figures_of(service).oom_kills < n; i++) {
		turn_for(100);
		if (!g->tells_at_once)
			watch_measure(watch, 0);
	}
	assert_int_equal(figures_of(service).oom_kills, n);
}

static void counts_an_oom_kill_in_a_group_once(void **state)
{
	struct own_group group;
	struct service_figures f;
	struct service *service;
	int say, status;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	if (!own_group_make(&group))
		skip();
	pid = greedy_start(&group, &say);
	assert_int_equal(watch_add_process(watch, "greedy", pid, &service), 0);
	measure();
	f = figures_of(service);
	assert_non_null(f.group);
	assert_true(group_has(&f.group->last, GROUP_MEMORY));
	assert_int_equal(f.group->last.figures[GROUP_MEMORY_MAX], LIMIT_BYTES);
	assert_int_equal(f.oom_kills, 0);

	/* Nobody watches the child: that it was killed only the group tells. */
	told_of_oom = 0;
	assert_int_equal(write(say, "", 1), 1);
	wait_for_kills(&group, service, 1);
	assert_int_equal(told_of_oom, 1);
	assert_int_equal(count_seen(SERVICE_DIED), 0);

	assert_int_equal(write(say, "", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	turn_for(2 * facts->settled_ms);
	wait_for_kills(&group, service, 2);
	measure();
	f = figures_of(service);
	assert_int_equal(f.oom_kills, 2);
	if (facts->tells_oom)
		assert_int_equal(f.ends->counts[END_OOM], 1);
	close(say);
	own_group_remove(&group);
	/* That it is gone takes nothing away. */
	measure();
	assert_int_equal(figures_of(service).oom_kills, 2);
}

static void tells_of_the_machine(void **state)
{
	struct machine_figures m;

	SKIP_WITHOUT_BACKEND();
	watch_machine(watch, &m);
	assert_false(m.passed);
	measure();
	watch_machine(watch, &m);
	assert_true(m.passed && m.machine->has_forks);
	assert_true(m.pass_ns > 0);
	/* Not twice within a second. */
	assert_false(watch_measure(watch, 0));
}

static void costs_no_pass_to_ask_as_seldom_as_samples_are_taken(void **state)
{
	int64_t began_ns;

	SKIP_WITHOUT_BACKEND();
	watch_measure_on_request(watch, 0);
	turn_for(50);
	measure();
	began_ns = clock_boot_ns();
	while (clock_boot_ns() - began_ns < 2 * FIGURES_EVERY_NS)
		turn_for(100);
	assert_false(watch_measure_on_request(watch, 0));
	/* Who asks more often is told what is so now. */
	began_ns = clock_boot_ns();
	while (!watch_measure_on_request(watch, 0)) {
		assert_true(clock_boot_ns() - began_ns < 60 * NSEC_PER_SEC);
		turn_for(100);
	}
}

/* -- a disk that fails ------------------------------------------------------------------------ */

/* A loop device whose file has no room for what it claims to hold. 0, or why there is none. */
static int small_disk_make(char folder[64], int *ret_fd)
{
	char path[128];
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number, file, disk;

	snprintf(folder, 64, "/tmp/disk-test-XXXXXX");
	if (control < 0 || !mkdtemp(folder))
		return -errno;
	if (mount("tmpfs", folder, "tmpfs", 0, "size=1m") < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/file", folder);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	if (file < 0 || number < 0 || ftruncate(file, 8 << 20) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/dev/loop%d", number);
	disk = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk < 0 || ioctl(disk, LOOP_SET_FD, file) < 0)
		return -errno;
	close(file);
	*ret_fd = disk;
	return 0;
}

static void small_disk_remove(const char *folder, int disk)
{
	ioctl(disk, LOOP_CLR_FD, 0);
	close(disk);
	umount2(folder, MNT_DETACH);
	rmdir(folder);
}

static uint64_t block_errors(void)
{
	struct watch_stats stats;

	watch_stats(watch, &stats);
	assert_true(stats.has_block_errors);
	return stats.block_errors;
}

static void counts_errors_of_disks(void **state)
{
	char folder[64];
	uint64_t before;
	void *bytes = NULL;
	int disk = -1, err;

	SKIP_WITHOUT_BACKEND();
	err = small_disk_make(folder, &disk);
	if (err) {
		printf("SKIPPED: no loop device can be made here: %s\n", strerror(-err));
		skip();
	}
	before = block_errors();
	assert_int_equal(posix_memalign(&bytes, 4096, 4 << 20), 0);
	memset(bytes, 1, 4 << 20);
	/* The device has room for it, and the file under it has not. */
	while (write(disk, bytes, 4 << 20) == 4 << 20)
		;
	assert_true(block_errors() > before);
	free(bytes);
	small_disk_remove(folder, disk);
}

static int measure_with_little_memory(void *userdata)
{
	const struct watch_options options = { .backend = WATCH_POLL, .bpffs_dir = "" };
	struct watch *poor = NULL;
	struct service *service;
	sd_event *event = NULL;
	char error[512];
	int err;

	err = sd_event_new(&event);
	if (err < 0)
		return err;
	err = watch_new(event, &options, &poor, error, sizeof(error));
	if (!err)
		err = watch_add_process(poor, "self", getpid(), &service);
	if (!err) {
		assert_true(watch_measure(poor, 10 * NSEC_PER_SEC));
		assert_in_range(figures_of(service).used->processes, 0, 1);
		if (!allocation_failed())
			assert_int_equal(figures_of(service).used->processes, 1);
	}
	watch_free(poor);
	sd_event_unref(event);
	return err;
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(measure_with_little_memory, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ALL(tells_what_a_service_with_workers_uses),
		TEST_WITH_ALL(counts_how_a_process_ended),
		TEST_WITH_ALL(services_that_are_gone_are_forgotten),
		TEST_WITH_ALL(counts_an_oom_kill_in_a_group_once),
		TEST_WITH_ALL(tells_of_the_machine),
		TEST_WITH_ALL(costs_no_pass_to_ask_as_seldom_as_samples_are_taken),
		TEST_WITH_KERNEL(counts_errors_of_disks),
		cmocka_unit_test(survives_without_memory),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
