/* Threads that wait for the kernel and do not come back: told by the kernel, found by passes. */
#include "harness.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "watch/passes.h"
#include "watch/procfs.h"
#include "watch/watch_private.h"

static unsigned told_of_hang;

static void on_hung(struct service *service, void *userdata)
{
	told_of_hang++;
}

static const struct figures_callbacks callbacks = { .passed = on_passed, .hung = on_hung };

static void measure(void)
{
	measure_with(&callbacks);
}

static void listen_to_figures(void)
{
	told_of_hang = 0;
	watch_set_figures_callbacks(watch, &callbacks);
}

static struct tally_total used_by(const struct service *service)
{
	struct service_figures figures;

	service_figures(service, &figures);
	return *figures.used;
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* -- as it is told ---------------------------------------------------------------------------- */

static struct notice hang_of(const struct service *service, pid_t thread)
{
	return (struct notice){
		.kind = NOTICE_HANG,
		.process = service->owner,
		.hang = { .thread = thread, .family = service->owner.pid, .switches = 7 },
	};
}

static void what_the_kernel_says_counts_at_once_and_until_a_pass_sees_it_run(void **state)
{
	struct service *service, *other;
	struct notice notice;
	pid_t pid, another;

	SKIP_WITHOUT_BACKEND();
	pid = sleeper();
	another = sleeper();
	assert_int_equal(watch_add_process(watch, "web", pid, &service), 0);
	assert_int_equal(watch_add_process(watch, "other", another, &other), 0);
	listen_to_figures();
	/* A service is known to the meter with the first thing that happens to it. */
	turn_for(50);
	for (int round = 0; round < 2; round++) {
		notice = hang_of(service, pid);
		meter_hang(watch->meter, &notice);
		assert_int_equal(used_by(service).hung_threads, 1);
		assert_int_equal(used_by(service).hung.thread, pid);
		assert_int_equal(told_of_hang, 2 * round + 1);
		/* It is told again and again, and a second thread is no news of the service. */
		meter_hang(watch->meter, &notice);
		assert_int_equal(used_by(service).hung_threads, 1);
		notice.hang.thread = pid + 1;
		meter_hang(watch->meter, &notice);
		assert_int_equal(used_by(service).hung_threads, 2);
		assert_int_equal(told_of_hang, 2 * round + 1);
		measure();
		assert_int_equal(used_by(service).hung_threads, 0);
		assert_int_equal(told_of_hang, 2 * round + 2);
		assert_int_equal(used_by(other).hung_threads, 0);
	}
	end_child(pid);
	end_child(another);
}

static void a_thread_of_nobody_is_nobodys(void **state)
{
	struct service *service;
	struct notice notice;
	pid_t pid, stranger;

	SKIP_WITHOUT_BACKEND();
	pid = sleeper();
	stranger = sleeper();
	assert_int_equal(watch_add_process(watch, "web", pid, &service), 0);
	listen_to_figures();
	turn_for(50);
	notice = hang_of(service, stranger);
	notice.process = (struct process){ .pid = stranger, .start_boot_ns = 1 };
	notice.hang.family = 0;
	meter_hang(watch->meter, &notice);
	/* The same number once more, as another process had it. */
	notice.process = service->owner;
	notice.process.start_boot_ns--;
	notice.hang.thread = pid;
	meter_hang(watch->meter, &notice);
	assert_int_equal(used_by(service).hung_threads, 0);
	assert_int_equal(told_of_hang, 0);
	end_child(pid);
	end_child(stranger);
}

/* -- as it is ---------------------------------------------------------------------------------- */

#define TIMEOUT	 "/proc/sys/kernel/hung_task_timeout_secs"
#define WARNINGS "/proc/sys/kernel/hung_task_warnings"
#define PANIC	 "/proc/sys/kernel/hung_task_panic"

static bool read_number(const char *path, long *ret)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fscanf(f, "%ld", ret) == 1;

	if (f)
		fclose(f);
	return ok;
}

static bool write_number(const char *path, long n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && dprintf(fd, "%ld\n", n) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static long timeout_before = -1, warnings_before;

static int restore(void **state)
{
	if (timeout_before >= 0) {
		write_number(TIMEOUT, timeout_before);
		write_number(WARNINGS, warnings_before);
	}
	timeout_before = -1;
	return teardown(state);
}

/* Memory that is never there: whoever touches it waits until it is killed. */
static void *bottomless(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register region = { .range = { (uintptr_t)memory, 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING };

	if (fd < 0 || memory == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) ||
		ioctl(fd, UFFDIO_REGISTER, &region))
		return NULL;
	return memory;
}

/* One that reads a pipe into such memory, and holds the pipe's lock meanwhile. 0: it cannot be made here. */
static pid_t holder(const int pipe_fds[2])
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		void *memory = bottomless();

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!memory || write(pipe_fds[1], "x", 1) != 1 || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(pipe_fds[0], memory, 1) != 1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(ready[0]);
	return pid;
}

static bool is_in_state(pid_t pid, char wanted)
{
	struct process_stat stat;

	return process_stat_read(pid, &stat) == 0 && stat.state == wanted;
}

static bool kernel_tells_soon(void)
{
	long panic, timeout;

	if (!read_number(PANIC, &panic) || panic || !read_number(TIMEOUT, &timeout) ||
		!read_number(WARNINGS, &warnings_before) || !write_number(TIMEOUT, 1))
		return false;
	timeout_before = timeout;
	return true;
}

static void a_thread_that_hangs_is_told_by_the_kernel(void **state)
{
	struct watch_stats stats;
	struct service *service;
	pid_t pid, blocks;
	int fds[2];

	SKIP_WITHOUT_BACKEND();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	blocks = holder(fds);
	if (!blocks || !kernel_tells_soon()) {
		printf("SKIPPED: no thread can be made to hang here, or the kernel does not look\n");
		skip();
	}
	/* It holds the lock when it sleeps in its read. */
	for (int i = 0; i < 1000 && is_in_state(blocks, 'R'); i++)
		turn_for(10);
	turn_for(50);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(fds[1], "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(watch_add_process(watch, "web", pid, &service), 0);
	listen_to_figures();
	for (int i = 0; i < 300 && !told_of_hang; i++)
		turn_for(PATIENCE_MS / 300);
	assert_true(is_in_state(pid, 'D'));
	assert_int_equal(told_of_hang, 1);
	assert_int_equal(used_by(service).hung_threads, 1);
	assert_int_equal(used_by(service).hung.pid, pid);
	assert_int_equal(used_by(service).hung.thread, pid);
	watch_stats(watch, &stats);
	assert_true(stats.events_hang >= 1);
	assert_int_equal(stats.lost_hang, 0);
	/* A pass finds that it still does, however short that is. */
	measure();
	assert_int_equal(used_by(service).hung_threads, 1);
	assert_int_equal(told_of_hang, 1);

	end_child(blocks);
	for (int i = 0; i < 1000 && is_in_state(pid, 'D'); i++)
		turn_for(10);
	measure();
	assert_int_equal(used_by(service).hung_threads, 0);
	assert_int_equal(told_of_hang, 2);
	end_child(pid);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ALL(what_the_kernel_says_counts_at_once_and_until_a_pass_sees_it_run),
		TEST_WITH_ALL(a_thread_of_nobody_is_nobodys),
		{ "kernel: a_thread_that_hangs_is_told_by_the_kernel",
			a_thread_that_hangs_is_told_by_the_kernel, setup, restore,
			(void *)(uintptr_t)&with_kernel },
		{ "kernel_by_file: a_thread_that_hangs_is_told_by_the_kernel",
			a_thread_that_hangs_is_told_by_the_kernel, setup, restore,
			(void *)(uintptr_t)&with_kernel_by_file },
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
