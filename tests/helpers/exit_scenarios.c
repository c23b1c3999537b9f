/*
 * exit_scenarios.c - every way for a process to end that has misled a watcher once.
 *
 *   exit_scenarios NAME
 *
 * Starts a subject, prints "pid N", waits for a line on its standard input, lets the subject go its way,
 * and prints what wait4() saw: "status 0x8b", "cpu_us 1200", "minor_faults 80", "major_faults 0".
 * Where another process sends the signal, "killer N" comes before. "lived_until_ms N" and "reaped_after_ms
 * N" are on CLOCK_BOOTTIME: until the first it lived for certain, until the second it was a zombie at least.
 * Without a name it lists the scenarios. It links nothing of tolld: what it prints is the truth that
 * tolld is measured against.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t subject;
static char own_path[4096];

static void pause_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static void *wait_forever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void start_thread(void *(*fn)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, NULL))
		abort();
}

/* -- what the subject does ------------------------------------------------------------------ */

static void exit_0(void)
{
	_exit(0);
}

static void exit_3(void)
{
	_exit(3);
}

static void *exit_5_soon(void *unused)
{
	pause_ms(100);
	exit(5);
	return unused;
}

static void leader_exits_first(void)
{
	start_thread(exit_5_soon);
	pthread_exit(NULL);
}

static void *return_soon(void *unused)
{
	pause_ms(100);
	return unused;
}

static void leader_exits_with_another_code(void)
{
	start_thread(return_soon);
	syscall(SYS_exit, 4);
}

/* What /proc then shows is a zombie that lives. */
static void leader_leaves_the_others(void)
{
	start_thread(wait_forever);
	start_thread(wait_forever);
	pthread_exit(NULL);
}

static void *exec_now(void *unused)
{
	execl(own_path, own_path, "--exit", "6", (char *)NULL);
	abort();
	return unused;
}

static void exec_from_a_thread(void)
{
	start_thread(wait_forever);
	start_thread(exec_now);
	wait_forever(NULL);
}

static void exec_from_the_leader(void)
{
	start_thread(wait_forever);
	exec_now(NULL);
}

static void kill_4_threads(void)
{
	for (int i = 0; i < 3; i++)
		start_thread(wait_forever);
	kill(getpid(), SIGKILL);
}

static void exit_group_of_5_threads(void)
{
	for (int i = 0; i < 4; i++)
		start_thread(wait_forever);
	exit(9);
}

static void *exit_alone(void *unused)
{
	syscall(SYS_exit, 0);
	return unused;
}

/* Every thread ends by itself, all at the same time: two can see themselves as the last. */
static void all_threads_leave_at_once(void)
{
	for (int i = 0; i < 8; i++)
		start_thread(exit_alone);
	syscall(SYS_exit, 0);
}

static void fault(void)
{
	int *volatile nowhere = (int *)(uintptr_t)8;

	*nowhere = 1;
}

static void segv_without_core(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	fault();
}

static void segv_with_core(void)
{
	char dir[] = "/tmp/exit_scenarios.XXXXXX";

	if (!mkdtemp(dir) || chdir(dir))
		abort();
	setrlimit(RLIMIT_CORE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
	/* The parent removes it, whatever the core file is called. */
	fault();
}

static void abort_itself(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	abort();
}

static void be_killed(void)
{
	wait_forever(NULL);
}

static void exit_cleanly(int signal)
{
	_exit(0);
}

static void obey(void)
{
	signal(SIGTERM, exit_cleanly);
	wait_forever(NULL);
}

static void raise_again(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}

/* As a shell does, and every program in Go: it cleans up, then dies of the signal it was sent. */
static void obey_by_dying(void)
{
	signal(SIGTERM, raise_again);
	wait_forever(NULL);
}

static void children_die_first(void)
{
	for (int i = 0; i < 3; i++) {
		if (fork() == 0)
			_exit(40 + i);
	}
	while (wait(NULL) > 0)
		;
	_exit(2);
}

static void vfork_then_exit(void)
{
	if (vfork() == 0)
		_exit(7);
	wait(NULL);
	_exit(0);
}

static void double_fork(void)
{
	if (fork() == 0) {
		if (fork() == 0) {
			pause_ms(200);
			_exit(11);
		}
		_exit(12);
	}
	wait(NULL);
	_exit(0);
}

/* -- in other namespaces -------------------------------------------------------------------- */

static void exit_with_children(void)
{
	/* The first process of a namespace takes all others with it. */
	if (fork() == 0)
		wait_forever(NULL);
	_exit(getpid() == 1 ? 21 : 77);
}

/* Ends at once, under the number that the subject has outside. */
static void end_under_its_number(void)
{
	pid_t number = subject;
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&number,
		.set_tid_size = 1,
	};
	long child = syscall(SYS_clone3, &args, sizeof(args));

	if (child == 0)
		_exit(getpid() == number ? 22 : 77);
	waitpid((pid_t)child, NULL, 0);
	_exit(child == number ? 0 : 77);
}

/* A process of the same number lives and dies in a namespace of its own, while the subject waits. */
static void another_of_its_number(void)
{
	int status = 0;
	pid_t first, helper = fork();

	if (helper == 0) {
		if (unshare(CLONE_NEWPID))
			_exit(77);
		first = fork();
		if (first == 0)
			end_under_its_number();
		waitpid(first, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	waitpid(helper, &status, 0);
	/* Where that cannot be made, there is nothing to see. */
	kill(subject, WEXITSTATUS(status) == 77 ? SIGUSR2 : SIGUSR1);
}

static void say_that_it_cannot_be(int signal)
{
	_exit(77);
}

static void exit_4_when_told(int signal)
{
	_exit(4);
}

static void wait_to_be_told(void)
{
	signal(SIGUSR1, exit_4_when_told);
	signal(SIGUSR2, say_that_it_cannot_be);
	wait_forever(NULL);
}

static void eat_memory(void)
{
	size_t size = (size_t)64 << 20;
	volatile char *memory = malloc(size);

	if (!memory)
		abort();
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = 1;
	free((void *)memory);
	_exit(0);
}

/* Touches memory and keeps the processor busy, so that there is something to count. */
static void work(void)
{
	struct timespec used;
	size_t size = (size_t)1 << 20;
	volatile char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; memory != MAP_FAILED && i < size; i += 4096)
		memory[i] = 1;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	while (used.tv_sec == 0 && used.tv_nsec < 80 * 1000 * 1000);
}

static void *work_and_wait(void *done)
{
	work();
	pthread_barrier_wait(done);
	return wait_forever(NULL);
}

static void *work_and_leave(void *done)
{
	work();
	pthread_barrier_wait(done);
	return NULL;
}

/* Five threads die with it, and one has left before. */
static void work_in_threads(void)
{
	static pthread_barrier_t done;
	pthread_t thread;

	pthread_barrier_init(&done, NULL, 6);
	for (int i = 0; i < 5; i++) {
		if (pthread_create(&thread, NULL, i ? work_and_wait : work_and_leave, &done))
			abort();
		if (!i)
			pthread_detach(thread);
	}
	work();
	pthread_barrier_wait(&done);
	pause_ms(50);
	kill(getpid(), SIGKILL);
	wait_forever(NULL);
}

/* -- out of memory -------------------------------------------------------------------------- */

/* Where a group with a memory limit can be made, and what its limit is called: cgroup v2, then v1. */
static const struct {
	const char *dir, *limit;
} memory_groups[] = {
	{ "/sys/fs/cgroup/exit_scenarios", "memory.max" },
	{ "/sys/fs/cgroup/memory/exit_scenarios", "memory.limit_in_bytes" },
};

static int write_text(const char *dir, const char *name, const char *text)
{
	char path[256];
	ssize_t written;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	close(fd);
	return written < 0 ? -1 : 0;
}

static int memory_group_join(void)
{
	for (size_t i = 0; i < sizeof(memory_groups) / sizeof(memory_groups[0]); i++) {
		const char *dir = memory_groups[i].dir;

		if (mkdir(dir, 0755) == 0 &&
			write_text(dir, memory_groups[i].limit, "33554432") == 0 &&
			write_text(dir, "cgroup.procs", "0") == 0)
			return 0;
		rmdir(dir);
	}
	return -1;
}

static void memory_groups_remove(void)
{
	for (size_t i = 0; i < sizeof(memory_groups) / sizeof(memory_groups[0]); i++)
		rmdir(memory_groups[i].dir);
}

static void run_out_of_memory(void)
{
	size_t size = (size_t)128 << 20;
	volatile char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || memory_group_join())
		_exit(77);
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = 1;
	_exit(77);
}

static const struct scenario {
	const char *name;
	void (*subject)(void);
	int signal;	      /* sent by another process; 0: none */
	unsigned signal_ms;   /* so long after the start */
	unsigned reap_ms;     /* so long waitpid() is not called */
	void (*beside)(void); /* what its parent does after its start */
	bool in_a_namespace;  /* of process numbers, as its first process */
} scenarios[] = {
	{ .name = "exit-0", .subject = exit_0 },
	{ .name = "exit-3", .subject = exit_3 },
	{ .name = "leader-exits-first", .subject = leader_exits_first },
	{ .name = "leader-exits-with-another-code", .subject = leader_exits_with_another_code },
	{ .name = "exec-from-a-thread", .subject = exec_from_a_thread },
	{ .name = "exec-from-the-leader", .subject = exec_from_the_leader },
	{ .name = "leader-gone-others-killed",
		.subject = leader_leaves_the_others,
		.signal = SIGKILL,
		.signal_ms = 1500 },
	{ .name = "kill-4-threads", .subject = kill_4_threads },
	{ .name = "exit-group-of-5-threads", .subject = exit_group_of_5_threads },
	{ .name = "all-threads-leave-at-once", .subject = all_threads_leave_at_once },
	{ .name = "segv-without-core", .subject = segv_without_core },
	{ .name = "segv-with-core", .subject = segv_with_core },
	{ .name = "abort", .subject = abort_itself },
	{ .name = "killed-by-another", .subject = be_killed, .signal = SIGKILL, .signal_ms = 50 },
	{ .name = "terminated-by-another",
		.subject = be_killed,
		.signal = SIGTERM,
		.signal_ms = 50 },
	{ .name = "obeys-sigterm", .subject = obey, .signal = SIGTERM, .signal_ms = 50 },
	{ .name = "obeys-sigterm-by-dying",
		.subject = obey_by_dying,
		.signal = SIGTERM,
		.signal_ms = 50 },
	{ .name = "hung-up-by-another", .subject = be_killed, .signal = SIGHUP, .signal_ms = 50 },
	/* Exit with 77 where namespaces cannot be made. */
	{ .name = "first-of-a-namespace", .subject = exit_with_children, .in_a_namespace = true },
	{ .name = "killed-in-a-namespace",
		.subject = be_killed,
		.signal = SIGKILL,
		.signal_ms = 50,
		.in_a_namespace = true },
	{ .name = "another-of-its-number",
		.subject = wait_to_be_told,
		.beside = another_of_its_number },
	{ .name = "zombie", .subject = exit_3, .reap_ms = 2000 },
	{ .name = "children-die-first", .subject = children_die_first },
	{ .name = "vfork", .subject = vfork_then_exit },
	{ .name = "double-fork", .subject = double_fork },
	{ .name = "eats-64-mib", .subject = eat_memory },
	{ .name = "works-in-threads", .subject = work_in_threads },
	/* Exits with 77 where no memory limit can be set. */
	{ .name = "out-of-memory", .subject = run_out_of_memory },
};

/* -- the frame ------------------------------------------------------------------------------ */

static void remove_core(const char *name)
{
	char command[128];
	pid_t pid;

	if (strcmp(name, "segv-with-core"))
		return;
	snprintf(command, sizeof(command), "rm -rf /tmp/exit_scenarios.??????");
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static void send_from_another(int signal)
{
	pid_t killer = fork();

	if (killer == 0) {
		prctl(PR_SET_NAME, "the killer");
		kill(subject, signal);
		_exit(0);
	}
	waitpid(killer, NULL, 0);
	printf("killer %d\n", killer);
}

static long long time_us(const struct timeval *t)
{
	return t->tv_sec * 1000000LL + t->tv_usec;
}

static long long boot_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Only this child: whoever sends it a signal must be able to name it. */
static pid_t fork_into_a_namespace(void)
{
	int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	bool moved = own >= 0 && unshare(CLONE_NEWPID) == 0;
	pid_t pid = fork();

	if (pid > 0 && moved && setns(own, CLONE_NEWPID))
		abort();
	close(own);
	return pid;
}

static int run(const struct scenario *s)
{
	struct rusage used;
	int go[2], status;
	char line[16];

	if (pipe2(go, O_CLOEXEC))
		abort();
	subject = s->in_a_namespace ? fork_into_a_namespace() : fork();
	if (subject == 0) {
		close(go[1]);
		if (read(go[0], line, 1) != 1)
			_exit(99);
		close(go[0]);
		s->subject();
		_exit(98);
	}
	close(go[0]);
	printf("pid %d\n", subject);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		kill(subject, SIGKILL);
	if (write(go[1], "g", 1) != 1)
		abort();
	if (s->beside) {
		pause_ms(50);
		s->beside();
	}
	if (s->signal) {
		pause_ms(s->signal_ms);
		printf("lived_until_ms %lld\n", boot_ms());
		send_from_another(s->signal);
	}
	pause_ms(s->reap_ms);
	printf("reaped_after_ms %lld\n", boot_ms());
	if (wait4(subject, &status, 0, &used) != subject)
		abort();
	printf("status 0x%x\n", status);
	printf("cpu_us %lld\n", time_us(&used.ru_utime) + time_us(&used.ru_stime));
	printf("minor_faults %ld\nmajor_faults %ld\n", used.ru_minflt, used.ru_majflt);
	remove_core(s->name);
	memory_groups_remove();
	return 0;
}

int main(int argc, char **argv)
{
	ssize_t len = readlink("/proc/self/exe", own_path, sizeof(own_path) - 1);

	if (len < 0)
		return 1;
	own_path[len] = '\0';
	if (argc == 3 && !strcmp(argv[1], "--exit"))
		return (int)strtol(argv[2], NULL, 10);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (argc < 2)
			printf("%s\n", scenarios[i].name);
		else if (!strcmp(argv[1], scenarios[i].name))
			return run(&scenarios[i]);
	}
	return argc < 2 ? 0 : 2;
}
