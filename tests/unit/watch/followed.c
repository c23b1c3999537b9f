/* Followed processes are found by their number, whoever came and went before. */
#include "harness.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "watch/followed.h"

enum { NUMBERS = 300, STEPS = 20000 };

static struct followed one(pid_t pid)
{
	return (struct followed){ .process.pid = pid, .start_ticks = (uint64_t)pid * 10, .fd = -1 };
}

static void assert_holds(const struct followed_list *list, const bool *held)
{
	size_t n = 0;

	for (pid_t pid = 1; pid < NUMBERS; pid++) {
		const struct followed *f = followed_find(list, pid);

		assert_int_equal(f != NULL, held[pid]);
		if (!f)
			continue;
		assert_int_equal(f->process.pid, pid);
		assert_int_equal(f->start_ticks, (uint64_t)pid * 10);
		n++;
	}
	assert_int_equal(list->n, n);
}

static void each_is_found_whoever_came_and_went(void **state)
{
	struct followed_list list = { 0 };
	bool held[NUMBERS] = { 0 };
	uint32_t random = 1;

	assert_null(followed_find(&list, 1));
	for (int step = 0; step < STEPS; step++) {
		struct followed *f, item;
		pid_t pid;

		random = random * 1664525 + 1013904223;
		pid = (pid_t)(1 + (random >> 8) % (NUMBERS - 1));
		f = followed_find(&list, pid);
		if (f) {
			item = followed_take(&list, (size_t)(f - list.items));
			assert_int_equal(item.process.pid, pid);
		} else {
			item = one(pid);
			assert_int_equal(followed_add(&list, &item), 0);
		}
		held[pid] = !f;
		if (step % 500 == 0)
			assert_holds(&list, held);
	}
	assert_holds(&list, held);
	followed_release(&list);
}

static int add_with_little_memory(void *userdata)
{
	struct followed_list list = { 0 };
	int err = 0;

	for (pid_t pid = 1; pid <= 100 && !err; pid++) {
		struct followed item = one(pid);
		size_t before = list.n;

		err = followed_add(&list, &item);
		assert_int_equal(list.n, before + !err);
		assert_int_equal(followed_find(&list, pid) != NULL, !err);
		assert_int_equal(followed_find(&list, pid - 1) != NULL, pid > 1);
	}
	followed_release(&list);
	return err;
}

static void without_memory_nobody_is_lost(void **state)
{
	with_failing_allocations(add_with_little_memory, NULL);
}

/* A child that does as it is told, a byte for each; `say` tells that it has. */
struct child {
	struct followed f;
	int order, say;
};

static void obey(int orders, int say)
{
	char order;

	while (read(orders, &order, 1) == 1) {
		if (order == 'n')
			prctl(PR_SET_NAME, "another name");
		if (write(say, &order, 1) != 1)
			break;
	}
	_exit(0);
}

static void see(struct child *c, bool renamed)
{
	struct process_stat stat;
	uint64_t cpu_ns;

	/* It may be on its way to sleep still. */
	do {
		followed_rests(&c->f, &cpu_ns);
		assert_int_equal(process_stat_read(c->f.process.pid, &stat), 0);
		renamed ^= followed_see(&c->f, &stat, cpu_ns, clock_boot_ns());
	} while (!followed_rests(&c->f, &cpu_ns));
	assert_false(renamed);
}

/* What it runs for counts when it has gone to sleep, or at the kernel's next tick. */
static void await_stir(const struct child *c)
{
	int64_t end_ns = clock_boot_ns() + 30 * NSEC_PER_SEC;
	uint64_t cpu_ns;

	while (followed_rests(&c->f, &cpu_ns))
		assert_true(clock_boot_ns() < end_ns);
}

static void tell(struct child *c, char order)
{
	assert_int_equal(write(c->order, &order, 1), 1);
	assert_int_equal(read(c->say, &order, 1), 1);
	await_stir(c);
}

static void begin(struct child *c)
{
	int orders[2], says[2];
	pid_t pid;

	assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
	assert_int_equal(pipe2(says, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(orders[1]);
		prctl(PR_SET_NAME, "child");
		obey(orders[0], says[1]);
	}
	close(orders[0]);
	close(says[1]);
	*c = (struct child){ .f = one(pid), .order = orders[1], .say = says[0] };
	tell(c, 'x');
	see(c, true);
}

static void one_that_has_run_is_to_be_read(void **state)
{
	struct process_stat stat;
	struct child c;
	uint64_t cpu_ns;

	begin(&c);
	assert_string_equal(c.f.process.comm, "child");
	for (int i = 0; i < 100; i++) {
		assert_true(followed_rests(&c.f, &cpu_ns));
		assert_int_equal(cpu_ns, c.f.cpu_ns);
		tell(&c, 'x');
		see(&c, false);
	}
	tell(&c, 'n');
	see(&c, true);
	assert_string_equal(c.f.process.comm, "another name");
	/* Dead, and reaped. */
	close(c.order);
	assert_int_equal(read(c.say, &(char){ 0 }, 1), 0);
	do
		assert_int_equal(process_stat_read(c.f.process.pid, &stat), 0);
	while (!process_stat_is_dead(&stat));
	await_stir(&c);
	assert_int_equal(waitpid(c.f.process.pid, NULL, 0), c.f.process.pid);
	assert_false(followed_rests(&c.f, &cpu_ns));
	close(c.say);
}

static void who_was_never_seen_does_not_rest(void **state)
{
	struct followed f = one(getpid());
	uint64_t cpu_ns;

	assert_false(followed_rests(&f, &cpu_ns));
	assert_true(cpu_ns > 0);
	f.process.pid = -1;
	assert_false(followed_rests(&f, &cpu_ns));
	assert_int_equal(cpu_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_whoever_came_and_went),
		cmocka_unit_test(without_memory_nobody_is_lost),
		cmocka_unit_test(one_that_has_run_is_to_be_read),
		cmocka_unit_test(who_was_never_seen_does_not_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
