/* Followed processes are found by their number, whoever came and went before. */
#include "harness.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_whoever_came_and_went),
		cmocka_unit_test(without_memory_nobody_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
