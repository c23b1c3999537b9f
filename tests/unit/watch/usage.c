/* What processes use: a real one with known figures, read by the kernel's iterator and from /proc. */
#include "harness.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include "base/clock.h"
#include "watch/backend.h"
#include "watch/listener.h"
#include "watch/procfs.h"

#define MEMORY_BYTES  ((size_t)64 << 20)
#define WRITTEN_BYTES ((size_t)1 << 20)
#define MAX_FDS	      500
#define EXTRA_FDS     37
#define WORKERS	      4
#define BURN_NS	      (60 * NSEC_PER_MSEC)
/* Pages that CPUs have counted and not told, three kinds of them. */
#define UNTOLD_BYTES (size_t)(sysconf(_SC_NPROCESSORS_CONF) * 3 * 64 * sysconf(_SC_PAGESIZE))

/* What the process says of itself, once it has settled. */
struct report {
	int64_t cpu_ns;
	uint64_t resident_bytes;
	unsigned open_fds, threads, sockets;
	uint64_t listener_inode;
	bool wrote; /* to a disk, and not to memory */
};

static int64_t cpu_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static uint64_t resident_bytes(void)
{
	unsigned long virtual_pages, pages;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%lu %lu", &virtual_pages, &pages) != 2)
		_exit(5);
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void *burn(void *unused)
{
	volatile unsigned n = 0;

	while (cpu_ns(CLOCK_THREAD_CPUTIME_ID) < BURN_NS)
		n++;
	return NULL;
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

/* Waits for the kernel, as ps shows by D: the parent of a vfork() does until its child runs a program. */
static void *hang(void *unused)
{
	if (vfork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return NULL;
}

static void start(void *(*fn)(void *), bool wait)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, NULL) || (wait && pthread_join(thread, NULL)))
		_exit(2);
}

/* False where there is no disk under it. */
static bool write_to_disk(void)
{
	char path[] = "usage-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	char *bytes = calloc(1, WRITTEN_BYTES);
	struct statfs fs;
	bool wrote;

	if (fd < 0 || fstatfs(fd, &fs))
		return false;
	unlink(path);
	wrote = (unsigned)fs.f_type != TMPFS_MAGIC && (unsigned)fs.f_type != RAMFS_MAGIC &&
		write(fd, bytes, WRITTEN_BYTES) == (ssize_t)WRITTEN_BYTES && fsync(fd) == 0;
	close(fd);
	free(bytes);
	return wrote;
}

static uint64_t listen_somewhere(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0 || bind(fd, (void *)&any, sizeof(any)) || listen(fd, 1) || fstat(fd, &st))
		_exit(3);
	return st.st_ino;
}

/* Descriptors 0 to 2 and `to`, and what comes below. */
static void live(int to, bool leader_leaves)
{
	const struct rlimit limit = { MAX_FDS, MAX_FDS };
	struct report report = { .threads = WORKERS + 2 };
	char *memory;

	for (int fd = 3; fd < 1024; fd++) {
		if (fd != to)
			close(fd);
	}
	/* Also where a test fails. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	memory = mmap(
		NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 1, MEMORY_BYTES);
	report.wrote = write_to_disk();
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < EXTRA_FDS; i++)
		open("/dev/null", O_RDONLY | O_CLOEXEC);
	report.listener_inode = listen_somewhere();
	socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	report.sockets = 3;
	report.open_fds = 3 + 1 + EXTRA_FDS + 3;
	burn(NULL);
	start(burn, true);
	for (int i = 0; i < WORKERS; i++)
		start(wait_for_ever, false);
	start(hang, false);
	report.resident_bytes = resident_bytes();
	report.cpu_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	if (write(to, &report, sizeof(report)) != sizeof(report))
		_exit(4);
	if (leader_leaves)
		pthread_exit(NULL);
	wait_for_ever(NULL);
}

struct subject {
	pid_t pid;
	int64_t start_boot_ns; /* as the reader knows it */
	struct report said;
};

static void subject_begin(struct subject *s, bool leader_leaves)
{
	struct process_stat stat;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	s->pid = fork();
	if (s->pid == 0)
		live(fds[1], leader_leaves);
	close(fds[1]);
	assert_int_equal(read(fds[0], &s->said, sizeof(s->said)), sizeof(s->said));
	close(fds[0]);
	/* It says so an instant before it has come to rest. */
	for (;;) {
		assert_int_equal(process_stat_read(s->pid, &stat), 0);
		if (stat.state == (leader_leaves ? 'Z' : 'S'))
			break;
		poll(NULL, 0, 1);
	}
	s->start_boot_ns = stat.start_boot_ns;
}

static void subject_end(struct subject *s)
{
	kill(-s->pid, SIGKILL);
	assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
}

/* The sums over the parts that are this subject's. */
struct sum {
	const struct subject *subject;
	struct usage usage;
	unsigned stuck;
	struct usage_socket sockets[8];
	unsigned n_sockets;
};

static void add_part(const struct usage *part, void *userdata)
{
	struct sum *sum = userdata;
	struct usage *u = &sum->usage;

	if (part->pid != sum->subject->pid)
		return;
	assert_true(usage_same_start(part->start_boot_ns, sum->subject->start_boot_ns));
	u->cpu_ns += part->cpu_ns;
	u->minor_faults += part->minor_faults;
	u->major_faults += part->major_faults;
	u->read_bytes += part->read_bytes;
	u->written_bytes += part->written_bytes;
	u->has_io |= part->has_io;
	sum->stuck += part->uninterruptible;
	if (!part->has_process)
		return;
	u->has_process = true;
	u->threads = part->threads;
	u->has_resident = part->has_resident;
	u->resident_bytes = part->resident_bytes;
	u->has_max_fds = part->has_max_fds;
	u->max_fds = part->max_fds;
	u->has_fds = part->has_fds;
	u->open_fds = part->open_fds;
}

static void add_socket(const struct usage_socket *socket, void *userdata)
{
	struct sum *sum = userdata;

	if (socket->pid != sum->subject->pid)
		return;
	for (unsigned i = 0; i < sum->n_sockets; i++) {
		if (sum->sockets[i].inode == socket->inode)
			return;
	}
	assert_true(sum->n_sockets < ARRAY_SIZE(sum->sockets));
	sum->sockets[sum->n_sockets++] = *socket;
}

static void read_from_proc(struct subject *s, struct sum *ret)
{
	*ret = (struct sum){ .subject = s };
	assert_int_equal(usage_read_proc(s->pid, s->start_boot_ns, add_part, ret), 0);
	/* Through a leader that has left nobody sees descriptors. */
	if (ret->usage.open_fds)
		assert_int_equal(
			usage_sockets_proc(s->pid, s->start_boot_ns, 1000, add_socket, ret), 0);
}

/* True once the thread that is to hang does: it begins an instant after the report. */
static bool hangs(struct subject *s)
{
	struct sum sum;

	for (int i = 0; i < 2000; i++) {
		read_from_proc(s, &sum);
		if (sum.stuck)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

static void assert_figures(const struct subject *s, const struct sum *sum)
{
	const struct usage *u = &sum->usage;

	assert_true(u->has_process && u->has_max_fds && u->has_fds && u->has_io && u->has_resident);
	assert_int_equal(u->open_fds, s->said.open_fds);
	assert_int_equal(u->max_fds, MAX_FDS);
	assert_int_equal(u->threads, s->said.threads);
	assert_true(u->resident_bytes >= MEMORY_BYTES - UNTOLD_BYTES);
	assert_in_range(u->resident_bytes, s->said.resident_bytes - UNTOLD_BYTES,
		s->said.resident_bytes + UNTOLD_BYTES + ((size_t)4 << 20));
	/* In ticks where /proc says it; a little more came since the report. */
	assert_in_range(u->cpu_ns, s->said.cpu_ns - 20 * NSEC_PER_MSEC,
		s->said.cpu_ns + 100 * NSEC_PER_MSEC);
	assert_true(u->minor_faults >= MEMORY_BYTES / (2 << 20));
	if (s->said.wrote)
		assert_in_range(u->written_bytes, WRITTEN_BYTES, 2 * WRITTEN_BYTES);
	assert_int_equal(sum->stuck, 1);
	assert_int_equal(sum->n_sockets, s->said.sockets);
}

/* -- the kernel's iterator ---------------------------------------------------------------------- */

static sd_event *loop;
static struct backend *backend;

static void ignore_notice(const struct notice *notice, void *userdata)
{
}

static void ignore(void *userdata)
{
}

static int setup_kernel(void **state)
{
	const struct backend_options options = {
		.bpffs_dir = "",
		.on_notice = ignore_notice,
		.on_drained = ignore,
	};
	struct backend_options with_loop = options;
	char error[512];

	backend = NULL;
	assert_int_equal(sd_event_new(&loop), 0);
	with_loop.event = loop;
	if (kernel_backend.open(&with_loop, &backend, error, sizeof(error)))
		printf("SKIPPED: the kernel backend does not work here: %s\n", error);
	return 0;
}

static int teardown_kernel(void **state)
{
	if (backend)
		kernel_backend.close(backend);
	sd_event_unref(loop);
	return 0;
}

static void read_usage(const struct usage_wanted *wanted, struct sum *ret)
{
	int more;

	do
		more = kernel_backend.usage(backend, wanted, add_part, ret);
	while (more > 0);
	assert_int_equal(more, 0);
}

/* As one of so many that are wanted: of few each is asked for, of many all processes of the machine. */
static void read_as_one_of(size_t n, struct subject *s, struct sum *ret)
{
	pid_t pids[100];
	const struct usage_wanted wanted = { pids, n };
	int more;

	*ret = (struct sum){ .subject = s };
	assert_in_range(n, 1, ARRAY_SIZE(pids));
	for (size_t i = 0; i < n; i++)
		pids[i] = s->pid;
	read_usage(&wanted, ret);
	do
		more = kernel_backend.sockets(backend, &wanted, add_socket, ret);
	while (more > 0);
	assert_int_equal(more, 0);
}

static void read_from_kernel(struct subject *s, struct sum *ret)
{
	struct sum same;

	read_as_one_of(1, s, ret);
	read_as_one_of(2, s, &same);
	assert_int_equal(same.usage.threads, ret->usage.threads);
	assert_int_equal(same.usage.minor_faults, ret->usage.minor_faults);
	assert_int_equal(same.n_sockets, ret->n_sockets);
	read_as_one_of(100, s, &same);
	assert_int_equal(same.usage.threads, ret->usage.threads);
	assert_int_equal(same.usage.minor_faults, ret->usage.minor_faults);
	assert_int_equal(same.n_sockets, ret->n_sockets);
}

static void watch_subject(struct subject *s)
{
	struct process process;

	assert_int_equal(kernel_backend.add_process(backend, s->pid, "subject", &process), 0);
	assert_true(usage_same_start(process.start_boot_ns, s->start_boot_ns));
}

static void the_iterator_tells_what_a_process_uses(void **state)
{
	struct subject s;
	struct sum sum, same;

	if (!backend)
		skip();
	subject_begin(&s, false);
	assert_true(hangs(&s));
	watch_subject(&s);
	read_from_kernel(&s, &sum);
	assert_figures(&s, &sum);
	for (unsigned i = 0; i < sum.n_sockets; i++)
		assert_int_equal(
			sum.sockets[i].listens, sum.sockets[i].inode == s.said.listener_inode);
	/* And what /proc says. */
	read_from_proc(&s, &same);
	assert_in_range(same.usage.resident_bytes - sum.usage.resident_bytes + (size_t)UNTOLD_BYTES,
		0, 2 * UNTOLD_BYTES);
	assert_int_equal(same.usage.minor_faults, sum.usage.minor_faults);
	assert_int_equal(same.usage.major_faults, sum.usage.major_faults);
	assert_int_equal(same.usage.read_bytes, sum.usage.read_bytes);
	assert_int_equal(same.usage.written_bytes, sum.usage.written_bytes);
	assert_in_range(sum.usage.cpu_ns - same.usage.cpu_ns, 0, 20 * NSEC_PER_MSEC);
	subject_end(&s);
}

static void the_iterator_sees_through_a_leader_that_has_left(void **state)
{
	struct subject s;
	struct sum sum;

	if (!backend)
		skip();
	subject_begin(&s, true);
	assert_true(hangs(&s));
	watch_subject(&s);
	read_from_kernel(&s, &sum);
	assert_figures(&s, &sum);
	subject_end(&s);
}

static void the_iterator_tells_of_nobody_else(void **state)
{
	struct subject s, other;
	struct sum sum;

	if (!backend)
		skip();
	subject_begin(&s, false);
	subject_begin(&other, false);
	watch_subject(&s);
	read_from_kernel(&other, &sum);
	assert_false(sum.usage.has_process);
	assert_int_equal(sum.n_sockets, 0);
	/* Nor of the dead. */
	subject_end(&other);
	kill(-s.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)s.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	read_from_kernel(&s, &sum);
	assert_false(sum.usage.has_process);
	subject_end(&s);
}

/* Told to fork by a line on `orders`; the child says its number, and both wait for their end. */
static void parent(int orders, int numbers)
{
	char order;
	pid_t child;

	setpgid(0, 0);
	if (read(orders, &order, 1) != 1)
		_exit(1);
	child = fork();
	if (child && write(numbers, &child, sizeof(child)) != sizeof(child))
		_exit(1);
	for (;;)
		pause();
}

static void the_iterator_tells_of_whoever_forked_from_the_wanted(void **state)
{
	struct subject ancestor = { 0 }, child = { 0 };
	int orders[2], numbers[2];
	struct process_stat stat;
	struct sum sum;

	if (!backend)
		skip();
	assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
	assert_int_equal(pipe2(numbers, O_CLOEXEC), 0);
	ancestor.pid = fork();
	if (ancestor.pid == 0)
		parent(orders[0], numbers[1]);
	assert_int_equal(process_stat_read(ancestor.pid, &stat), 0);
	ancestor.start_boot_ns = stat.start_boot_ns;
	watch_subject(&ancestor);
	assert_int_equal(write(orders[1], "f", 1), 1);
	assert_int_equal(read(numbers[0], &child.pid, sizeof(child.pid)), sizeof(child.pid));
	assert_int_equal(process_stat_read(child.pid, &stat), 0);
	child.start_boot_ns = stat.start_boot_ns;
	sum = (struct sum){ .subject = &child };
	read_usage(&(struct usage_wanted){ &ancestor.pid, 1 }, &sum);
	assert_true(sum.usage.has_process);
	subject_end(&ancestor);
	for (size_t i = 0; i < 2; i++) {
		close(orders[i]);
		close(numbers[i]);
	}
}

/* -- /proc -------------------------------------------------------------------------------------- */

static void proc_tells_what_a_process_uses(void **state)
{
	struct subject s;
	struct sum sum;
	bool found = false;

	subject_begin(&s, false);
	assert_true(hangs(&s));
	read_from_proc(&s, &sum);
	assert_figures(&s, &sum);
	for (unsigned i = 0; i < sum.n_sockets; i++)
		found |= sum.sockets[i].inode == s.said.listener_inode;
	assert_true(found);
	/* Too many descriptors to look at. */
	assert_int_equal(usage_sockets_proc(s.pid, s.start_boot_ns, 10, add_socket,
				 &(struct sum){ .subject = &s }),
		-E2BIG);
	subject_end(&s);
}

static void proc_tells_nothing_of_one_that_has_its_number_now(void **state)
{
	struct subject s;
	struct sum sum = { .subject = &s };

	subject_begin(&s, false);
	assert_int_equal(
		usage_read_proc(s.pid, s.start_boot_ns - NSEC_PER_SEC, add_part, &sum), -ESRCH);
	assert_int_equal(
		usage_sockets_proc(s.pid, s.start_boot_ns - NSEC_PER_SEC, 1000, add_socket, &sum),
		-ESRCH);
	kill(-s.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)s.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	assert_int_equal(usage_read_proc(s.pid, s.start_boot_ns, add_part, &sum), -ESRCH);
	subject_end(&s);
	assert_int_equal(usage_read_proc(s.pid, s.start_boot_ns, add_part, &sum), -ESRCH);
	assert_int_equal(
		usage_sockets_proc(s.pid, s.start_boot_ns, 1000, add_socket, &sum), -ESRCH);
}

static int read_as_nobody(struct subject *s)
{
	struct sum sum = { .subject = s };
	const struct usage *u = &sum.usage;

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 1;
	if (usage_read_proc(s->pid, s->start_boot_ns, add_part, &sum))
		return 2;
	/* What anybody may know. */
	if (!u->has_process || u->threads != s->said.threads || !u->has_max_fds ||
		u->max_fds != MAX_FDS)
		return 3;
	if (u->has_io)
		return 4;
	return usage_sockets_proc(s->pid, s->start_boot_ns, 1000, add_socket, &sum) == -EACCES ? 0
											       : 5;
}

static void what_may_not_be_read_is_left_out(void **state)
{
	struct subject s;
	int status;
	pid_t pid;

	if (getuid()) {
		printf("SKIPPED: rights can only be given up by root\n");
		skip();
	}
	subject_begin(&s, false);
	pid = fork();
	if (pid == 0)
		_exit(read_as_nobody(&s));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	subject_end(&s);
}

#define TEST_KERNEL(fn) cmocka_unit_test_setup_teardown(fn, setup_kernel, teardown_kernel)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_KERNEL(the_iterator_tells_what_a_process_uses),
		TEST_KERNEL(the_iterator_sees_through_a_leader_that_has_left),
		TEST_KERNEL(the_iterator_tells_of_whoever_forked_from_the_wanted),
		TEST_KERNEL(the_iterator_tells_of_nobody_else),
		cmocka_unit_test(proc_tells_what_a_process_uses),
		cmocka_unit_test(proc_tells_nothing_of_one_that_has_its_number_now),
		cmocka_unit_test(what_may_not_be_read_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
