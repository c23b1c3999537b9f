/* Processes that live and do not go on, through each backend: stopped by a signal, or frozen with their group. */
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "watch/passes.h"

static unsigned told_of_standstill;
static struct service *service;
static pid_t child;

static void on_stood_still(struct service *which, void *userdata)
{
	assert_ptr_equal(which, service);
	told_of_standstill++;
}

/* The last pass, what was told of it, and who looks now, say the same. */
static void assert_standstill(enum standstill wanted, unsigned told_times)
{
	static const struct figures_callbacks callbacks = { .passed = on_passed,
		.stood_still = on_stood_still };
	struct service_figures figures;

	assert_int_equal(service_standstill_now(service), wanted);
	/* A process that goes on is read when it has run, which may be after the first pass. */
	for (int i = 0; i < 10; i++) {
		measure_with(&callbacks);
		service_figures(service, &figures);
		if (figures.standstill == wanted)
			break;
	}
	assert_int_equal(figures.standstill, wanted);
	assert_int_equal(told_of_standstill, told_times);
}

static void rest(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* A process with one that forked from it. */
static void begin(pid_t *ret_worker)
{
	int said[2];

	told_of_standstill = 0;
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		pid_t worker;

		/* The kernel drops SIGTSTP for a group that nobody of its session looks after. */
		setpgid(0, 0);
		worker = fork();
		if (worker == 0 || write(said[1], &worker, sizeof(worker)) != sizeof(worker))
			rest();
		rest();
	}
	assert_int_equal(read(said[0], ret_worker, sizeof(*ret_worker)), sizeof(*ret_worker));
	close(said[0]);
	close(said[1]);
	assert_int_equal(watch_add_process(watch, "resting", child, &service), 0);
}

static void end(void)
{
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
}

static void stop(int signal)
{
	kill(child, signal);
	assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
}

static void go_on(void)
{
	kill(child, SIGCONT);
	assert_int_equal(waitpid(child, NULL, WCONTINUED), child);
}

static void who_is_stopped_stands_still_until_it_goes_on(void **state)
{
	struct service_figures figures;
	pid_t worker;

	SKIP_WITHOUT_BACKEND();
	begin(&worker);
	assert_standstill(STANDSTILL_NONE, 0);
	stop(SIGSTOP);
	assert_standstill(STANDSTILL_STOPPED, 1);
	/* It has not run since, and is not read again. */
	assert_standstill(STANDSTILL_STOPPED, 1);
	go_on();
	assert_standstill(STANDSTILL_NONE, 2);
	/* Who it is goes on, whoever forked from it. */
	kill(worker, SIGSTOP);
	assert_standstill(STANDSTILL_NONE, 2);

	stop(SIGTSTP);
	assert_standstill(STANDSTILL_STOPPED, 3);
	/* The dead are down, and do not wait for a pass to be so. */
	end();
	assert_int_equal(service_standstill_now(service), STANDSTILL_NONE);
	service_figures(service, &figures);
	assert_int_equal(figures.standstill, STANDSTILL_NONE);
	assert_standstill(STANDSTILL_NONE, 3);
}

/* One of version 2, by the same name in the hierarchy that systemd keeps its units in. */
struct own_group {
	char folders[2][128];
	size_t n;
};

static void own_group_remove(struct own_group *g)
{
	while (g->n) {
		if (rmdir(g->folders[g->n - 1]) == 0)
			g->n--;
		else
			assert_int_equal(errno, EBUSY);
	}
}

static bool own_group_make(struct own_group *g)
{
	struct group_roots roots;
	const char *const wanted[] = { roots.unified, roots.named };

	*g = (struct own_group){ 0 };
	group_roots_find(&roots);
	for (size_t i = 0; i < ARRAY_SIZE(wanted) && (!i || *wanted[i]); i++) {
		snprintf(g->folders[g->n], sizeof(g->folders[0]), "%s/tolld-still-%d", wanted[i],
			getpid());
		if (!*wanted[i] || mkdir(g->folders[g->n], 0755)) {
			printf("SKIPPED: no control group can be made here: %s\n", strerror(errno));
			own_group_remove(g);
			return false;
		}
		g->n++;
	}
	return true;
}

static void wait_until_frozen(const struct own_group *g, bool frozen)
{
	struct group_roots roots;
	char path[64];

	group_roots_find(&roots);
	snprintf(path, sizeof(path), "/tolld-still-%d", getpid());
	write_to(g->folders[0], "cgroup.freeze", frozen ? "1" : "0");
	for (int i = 0; i < 1000 && group_is_frozen(&roots, path) != frozen; i++)
		turn_for(5);
	assert_int_equal(group_is_frozen(&roots, path), frozen);
}

static void who_is_frozen_stands_still_until_it_is_thawed(void **state)
{
	struct own_group group;
	char pid[16];
	pid_t worker;

	SKIP_WITHOUT_BACKEND();
	if (!own_group_make(&group))
		skip();
	begin(&worker);
	assert_standstill(STANDSTILL_NONE, 0);
	snprintf(pid, sizeof(pid), "%d\n", child);
	for (size_t i = 0; i < group.n; i++)
		write_to(group.folders[i], "cgroup.procs", pid);
	watch_remove(service);
	assert_int_equal(watch_add_process(watch, "resting", child, &service), 0);
	assert_standstill(STANDSTILL_NONE, 0);
	wait_until_frozen(&group, true);
	assert_standstill(STANDSTILL_FROZEN, 1);
	assert_standstill(STANDSTILL_FROZEN, 1);
	assert_standstill(STANDSTILL_FROZEN, 1);
	wait_until_frozen(&group, false);
	assert_standstill(STANDSTILL_NONE, 2);
	/* Stopped first, and then frozen as well: it is said to be stopped, and in the end to be frozen. */
	stop(SIGSTOP);
	wait_until_frozen(&group, true);
	assert_standstill(STANDSTILL_STOPPED, 3);
	kill(child, SIGCONT);
	turn_for(50);
	assert_standstill(STANDSTILL_FROZEN, 4);
	wait_until_frozen(&group, false);
	assert_standstill(STANDSTILL_NONE, 5);
	end();
	own_group_remove(&group);
}

static void what_stands_still_is_said_in_words(void **state)
{
	static const struct {
		enum standstill how;
		pid_t pid;
		const char *name, *text;
	} rows[] = {
		{ STANDSTILL_NONE, 812, NULL, "" },
		{ STANDSTILL_STOPPED, 812, "stopped",
			"its process 812 is stopped (SIGSTOP or the like)" },
		{ STANDSTILL_STOPPED, 0, "stopped",
			"all its processes are stopped (SIGSTOP or the like)" },
		{ STANDSTILL_FROZEN, 812, "frozen", "its control group is frozen" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf text = STRBUF_INIT;

		standstill_describe(rows[i].how, rows[i].pid, &text);
		assert_string_equal(text.s, rows[i].text);
		strbuf_release(&text);
		if (rows[i].name)
			assert_string_equal(standstill_name(rows[i].how), rows[i].name);
		else
			assert_null(standstill_name(rows[i].how));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_still_is_said_in_words),
		TEST_WITH_ALL(who_is_stopped_stands_still_until_it_goes_on),
		TEST_WITH_ALL(who_is_frozen_stands_still_until_it_is_thawed),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
