/* A resync asks the kernel for the few who are services, and for all where they are many or it cannot do that. */
#include "harness.h"

#include <signal.h>
#include <sys/wait.h>
#include "live.h"
#include "watch/figures.h"
#include "watch/watch_private.h"

/* More than are asked for one by one. */
#define MANY 40

static pid_t children[2];

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int setup_children(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		children[i] = child();
	return setup(state);
}

static int teardown_children(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		end(children[i]);
	return teardown(state);
}

/* -- the backend, with an eye on what is asked ------------------------------------------------ */

static const struct backend_ops *real_ops;
static int asked_all, asked_few, few_err;

static int count_all(struct backend *backend, struct process **ret, size_t *ret_n)
{
	asked_all++;
	return real_ops->living(backend, ret, ret_n);
}

static int count_few(
	struct backend *backend, const struct process *of, size_t n, struct process *ret)
{
	asked_few++;
	return few_err ? few_err : real_ops->living_of(backend, of, n, ret);
}

static void observe(void)
{
	static struct backend_ops ops;

	asked_all = asked_few = few_err = 0;
	real_ops = watch->ops;
	ops = *real_ops;
	ops.living = count_all;
	ops.living_of = count_few;
	watch->ops = &ops;
}

static uint64_t resyncs(void)
{
	struct watch_stats stats;

	watch_stats(watch, &stats);
	return stats.resyncs;
}

static void resync_now(void)
{
	uint64_t before = resyncs();

	watch_resync(watch);
	while (resyncs() == before)
		sd_event_run(loop, 1000000);
}

/* -- the stories ------------------------------------------------------------------------------ */

static void a_few_are_asked_for_alone(void **state)
{
	struct service *services[2];

	SKIP_WITHOUT_BACKEND();
	observe();
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(watch_add_process(watch, "few", children[i], &services[i]), 0);
	resync_now();
	assert_int_equal(asked_few, 1);
	assert_int_equal(asked_all, 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(info_of(services[i]).state, SERVICE_UP);
		assert_int_equal(info_of(services[i]).pid, children[i]);
	}
}

static void all_are_listed_where_the_kernel_cannot_tell_of_one(void **state)
{
	struct service *service;

	SKIP_WITHOUT_BACKEND();
	observe();
	few_err = -EINVAL;
	assert_int_equal(watch_add_process(watch, "few", children[0], &service), 0);
	resync_now();
	assert_int_equal(asked_few, 1);
	assert_int_equal(asked_all, 1);
	assert_int_equal(info_of(service).state, SERVICE_UP);
}

static void all_are_listed_where_many_are_services(void **state)
{
	struct service *services[MANY];

	SKIP_WITHOUT_BACKEND();
	observe();
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(
			watch_add_process(watch, "many", children[i % 2], &services[i]), 0);
	resync_now();
	assert_int_equal(asked_few, 0);
	assert_int_equal(asked_all, 1);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(info_of(services[i]).pid, children[i % 2]);
}

/* One lives, one is dead, one lives and is not watched, and one number is nobody's. */
static void the_living_among_a_few_are_told(void **state)
{
	struct process of[4] = { 0 }, living[4];
	struct service *services[2];
	pid_t stranger;

	SKIP_WITHOUT_BACKEND();
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(watch_add_process(watch, "few", children[i], &services[i]), 0);
		of[i] = services[i]->owner;
	}
	stranger = child();
	of[2].pid = stranger;
	of[3].pid = (1 << 22) - 1;
	end(children[1]);
	assert_int_equal(watch->ops->living_of(watch->backend, of, 4, living), 1);
	assert_true(process_same(&living[0], &of[0]));
	assert_string_equal(living[0].comm, of[0].comm);
	end(stranger);
	children[1] = child();
}

static void a_resync_that_is_near_comes_at_once(void **state)
{
	struct service *service;
	uint64_t before;

	SKIP_WITHOUT_BACKEND();
	assert_int_equal(watch_add_process(watch, "few", children[0], &service), 0);
	resync_now();
	before = resyncs();
	watch_hasten_resync(watch, clock_now(), NSEC_PER_SEC);
	sd_event_run(loop, 0);
	sd_event_run(loop, 0);
	assert_int_equal(resyncs(), before);
	watch_hasten_resync(watch, clock_now(), 60 * NSEC_PER_SEC);
	while (resyncs() == before)
		sd_event_run(loop, 1000000);
	assert_int_equal(resyncs(), before + 1);
}

#define WITH(backend, fn)                                                                          \
	{                                                                                          \
#backend ": " #fn, fn, setup_children, teardown_children,                          \
			(void *)(uintptr_t)&with_##backend                                         \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(kernel, a_few_are_asked_for_alone),
		WITH(kernel, all_are_listed_where_the_kernel_cannot_tell_of_one),
		WITH(kernel, all_are_listed_where_many_are_services),
		WITH(kernel, the_living_among_a_few_are_told),
		WITH(kernel, a_resync_that_is_near_comes_at_once),
		WITH(pidfd, a_resync_that_is_near_comes_at_once),
		WITH(poll, a_resync_that_is_near_comes_at_once),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
