/*
 * Many at once, against the real kernel: thousands of the watched die within a second, and unwatched ones
 * come and go as fast as the machine can while a watched one dies.
 */
#include "harness.h"

#include <signal.h>
#include <sys/resource.h>
#include "watch/scenario.h"

/* check-all asks for 10,000. */
static unsigned nursery_size(void)
{
	const char *asked = getenv("TOLLD_STORM");

	return asked ? (unsigned)strtoul(asked, NULL, 10) : 500;
}

/* -- all of them die ------------------------------------------------------------------------ */

struct child {
	struct service *service;
	unsigned died;
	bool known; /* that it was SIGKILL */
};

static struct child *children;
static unsigned n_died;

static void on_child(struct service *service, enum service_event what, void *userdata)
{
	struct child *child = service_userdata(service);
	struct service_info info;

	if (!child || (what != SERVICE_DIED && what != SERVICE_CAUSE))
		return;
	if (what == SERVICE_DIED) {
		child->died++;
		n_died++;
	}
	service_info(service, &info);
	if (info.last_death.kind != DEATH_UNKNOWN) {
		assert_int_equal(info.last_death.kind, DEATH_SIGNAL);
		assert_int_equal(info.last_death.signal, SIGKILL);
		child->known = true;
	}
}

static void watch_children(struct helper *nursery, unsigned n)
{
	char line[32], name[32];

	for (unsigned i = 0; i < n; i++) {
		assert_non_null(fgets(line, sizeof(line), nursery->out));
		snprintf(name, sizeof(name), "child %u", i);
		assert_int_equal(watch_add_process(watch, name, (pid_t)strtol(line, NULL, 10),
					 &children[i].service),
			0);
		service_set_userdata(children[i].service, &children[i]);
	}
	assert_non_null(fgets(line, sizeof(line), nursery->out));
	assert_string_equal(line, "ready\n");
}

static void thousands_that_die_at_once_are_all_accounted_for(void **state)
{
	unsigned n = nursery_size(), known = 0;
	struct watch_stats stats;
	struct helper nursery;
	char path[4096], count[16];
	int64_t start_ns;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(path, sizeof(path), "nursery"))
		skip();
	n_died = 0;
	children = calloc(n, sizeof(*children));
	assert_non_null(children);
	snprintf(count, sizeof(count), "%u", n);
	helper_start(&nursery, path, count);
	watch_children(&nursery, n);
	turn_for(100);
	fputs("go\n", nursery.in);
	fflush(nursery.in);
	start_ns = clock_boot_ns();
	/* Whose end was lost is found by the resync. */
	while (n_died < n && clock_boot_ns() - start_ns < 60 * NSEC_PER_SEC)
		sd_event_run(loop, 10000);
	assert_int_equal(n_died, n);
	printf("  %s: %u deaths told within %lld ms", facts->name, n,
		(long long)((clock_boot_ns() - start_ns) / NSEC_PER_MSEC));
	turn_for(facts->settled_ms + 200);
	helper_end(&nursery);
	watch_stats(watch, &stats);
	for (unsigned i = 0; i < n; i++) {
		struct service_info info = info_of(children[i].service);

		assert_int_equal(children[i].died, 1);
		assert_int_equal(info.deaths, 1);
		assert_int_equal(info.state, SERVICE_DOWN);
		known += children[i].known;
	}
	printf(", %u of them explained, %llu lost, %llu resyncs\n", known,
		(unsigned long long)stats.lost_exit, (unsigned long long)stats.resyncs);
	if (facts->tells_status)
		assert_true(known + stats.lost_exit >= n);
	for (unsigned i = 0; i < n; i++)
		watch_remove(children[i].service);
	free(children);
}

/* -- nobody that is watched ----------------------------------------------------------------- */

enum { FORKERS = 2, DEATHS = 10 };

static void start_forker(struct helper *forker, const char *path)
{
	helper_start(forker, path, "1000000000");
}

static void stop_forker(struct helper *forker)
{
	kill(forker->pid, SIGKILL);
	helper_end(forker);
}

static void a_fork_storm_of_others_costs_the_watched_nothing(void **state)
{
	char forks[4096], scenarios[4096];
	struct watch_stats before, after;
	struct helper forkers[FORKERS];
	struct death death;
	struct truth truth;
	uint64_t lost;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(forks, sizeof(forks), "fork_loop") ||
		!helper_path(scenarios, sizeof(scenarios), "exit_scenarios"))
		skip();
	watch_stats(watch, &before);
	for (int i = 0; i < FORKERS; i++)
		start_forker(&forkers[i], forks);
	turn_for(200);
	for (int i = 0; i < DEATHS; i++)
		run_scenario(scenarios, "killed-by-another", &death, &truth);
	for (int i = 0; i < FORKERS; i++)
		stop_forker(&forkers[i]);
	watch_stats(watch, &after);
	lost = after.lost_exit + after.lost_exec + after.lost_signal + after.lost_listen;
	assert_int_equal(lost, 0);
	/* Of the others nothing was told. */
	assert_int_equal(after.events_exit - before.events_exit, DEATHS);
	assert_in_range(after.events_exec - before.events_exec, 0, DEATHS);
}

static int setup_storm(void **state)
{
	struct rlimit limit;

	/* A pidfd each. */
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = MAX(limit.rlim_cur, MIN(limit.rlim_max, (rlim_t)20000));
	setrlimit(RLIMIT_NOFILE, &limit);
	told = on_child;
	return setup(state);
}

static int teardown_storm(void **state)
{
	told = on_event;
	return teardown(state);
}

#define STORM_WITH(backend)                                                                        \
	{                                                                                          \
#backend ": thousands_that_die_at_once_are_all_accounted_for",                     \
			thousands_that_die_at_once_are_all_accounted_for, setup_storm,             \
			teardown_storm, (void *)(uintptr_t)&with_##backend                         \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORM_WITH(kernel),
		STORM_WITH(kernel_by_file),
		STORM_WITH(pidfd),
		STORM_WITH(poll),
		TEST_WITH_ALL(a_fork_storm_of_others_costs_the_watched_nothing),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
