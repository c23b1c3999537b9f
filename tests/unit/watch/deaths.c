/*
 * Deaths as each backend tells them, compared with what waitpid() says.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "watch/figures.h"
#include "watch/scenario.h"
#include "watch/victims.h"

static void tells_every_death_as_waitpid_does(void **state)
{
	static const char *const names[] = {
		"exit-0",
		"exit-3",
		"leader-exits-first",
		"leader-exits-with-another-code",
		"exec-from-a-thread",
		"exec-from-the-leader",
		"leader-gone-others-killed",
		"kill-4-threads",
		"exit-group-of-5-threads",
		"all-threads-leave-at-once",
		"segv-without-core",
		"segv-with-core",
		"abort",
		"children-die-first",
		"vfork",
		"double-fork",
		"first-of-a-namespace",
		"another-of-its-number",
	};
	char path[4096];
	struct death death;
	struct truth truth;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		run_scenario(path, names[i], &death, &truth);
		if (truth.status == 77 << 8)
			printf("SKIPPED: %s cannot be made here\n", names[i]);
	}
}

/*
 * No service loses its process because another one of the same could not be made, nor is anybody dead of whom
 * nothing can be read.
 */
static void tells_a_death_though_descriptors_ran_out_for_another_service(void **state)
{
	struct service *service, *other;
	struct rlimit limit, none;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	assert_int_equal(watch_add_process(watch, "service", pid, &service), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)fcntl(0, F_DUPFD_CLOEXEC, 0);
	close((int)none.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	if (watch_add_process(watch, "other", pid, &other) == 0)
		watch_remove(other);
	else
		assert_int_equal(facts->kind, WATCH_KERNEL);
	turn_for(2 * facts->settled_ms);
	assert_int_equal(count_seen(SERVICE_DIED), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* Sooner than a look at all processes would find it. */
	assert_true(wait_for(SERVICE_DIED, 1, 5000));
}

static void tells_of_the_dead_that_nobody_reaps(void **state)
{
	char path[4096];
	struct death death;
	struct truth truth;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	run_scenario(path, "zombie", &death, &truth);
	assert_true(death.at.boot_ns / NSEC_PER_MSEC < (int64_t)truth.reaped_after_ms);
	/* All may read it off the zombie. */
	assert_int_equal(death.kind, DEATH_EXIT);
	assert_int_equal(death.exit_code, 3);
}

static void tells_who_sent_the_signal(void **state)
{
	static const char *const names[] = { "killed-by-another", "terminated-by-another",
		"hung-up-by-another", "killed-in-a-namespace", "obeys-sigterm",
		"obeys-sigterm-by-dying" };
	char path[4096];
	struct death death;
	struct truth truth;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		run_scenario(path, names[i], &death, &truth);
		assert_int_equal(death.has_sender, facts->tells_sender);
		if (!facts->tells_sender) {
			assert_true(death.sender_untold);
			assert_false(death.by_kernel);
			continue;
		}
		assert_int_equal(death.sender_pid, truth.killer);
		assert_int_equal(death.sender_uid, getuid());
		assert_string_equal(death.sender_comm, "the killer");
		assert_true(death.final);
	}
}

static void tells_the_oom_killer_from_a_kill(void **state)
{
	char path[4096];
	struct death death;
	struct truth truth;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	run_scenario(path, "out-of-memory", &death, &truth);
	if (death.kind == DEATH_EXIT && death.exit_code == 77) {
		printf("SKIPPED: no memory limit can be set here\n");
		skip();
	}
	if (!facts->tells_oom)
		return;
	assert_int_equal(death.kind, DEATH_OOM);
	assert_int_equal(death.signal, SIGKILL);
	assert_true(death.by_kernel);
	assert_false(death.has_sender);
	if (log_readable) {
		assert_int_equal(death.oom.kind, OOM_OF_GROUP);
		assert_non_null(strstr(death.oom.group, "/exit_scenarios"));
	} else {
		assert_int_equal(death.oom.kind, OOM_NOT_TOLD);
	}
	assert_int_equal(death.has_peak_memory, facts->tells_peak);
	if (facts->tells_peak)
		assert_in_range(death.peak_memory_bytes, (uint64_t)16 << 20, (uint64_t)64 << 20);
}

/* One pass over the figures, after which the kernel's counter of such kills is looked at. */
static void on_passed(void *userdata)
{
	*(bool *)userdata = true;
	watch_look_for_victims(watch);
}

static void pass(void)
{
	bool passed = false;
	const struct figures_callbacks callbacks = { .passed = on_passed, .userdata = &passed };
	int64_t end = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	watch_set_figures_callbacks(watch, &callbacks);
	while (!passed && clock_boot_ns() < end) {
		watch_measure(watch, 0);
		sd_event_run(loop, 10000);
	}
	watch_set_figures_callbacks(watch, &(struct figures_callbacks){ 0 });
	assert_true(passed);
}

static void names_whom_the_oom_killer_ended_though_nobody_watched_it(void **state)
{
	struct strbuf text = STRBUF_INIT;
	struct truth truth = { 0 };
	char path[4096], who[64];
	struct helper helper;
	const char *memory;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	pass();
	helper_start(&helper, path, "out-of-memory");
	helper_read(&helper, "pid", &truth);
	fputs("go\n", helper.in);
	fflush(helper.in);
	helper_read(&helper, "major_faults", &truth);
	helper_end(&helper);
	pass();
	if (truth.status != SIGKILL) {
		printf("SKIPPED: no memory limit can be set here\n");
		skip();
	}
	strbuf_reset(&text);
	watch_describe_victims(watch, NULL, 0, &text);
	printf("  %s\n", text.s);
	if (facts->tells_oom) {
		snprintf(who, sizeof(who), "exit_scenarios (pid %d)", (int)truth.pid);
		/* Others may be killed at the same time. */
		memory = strstr(text.s, who);
		assert_non_null(memory);
		memory = strstr(memory, ", with ");
		assert_non_null(memory);
		assert_in_range(strtol(memory + strlen(", with "), NULL, 10), 24, 40);
	} else {
		assert_non_null(strstr(text.s, "is not known: the backend "));
	}
	if (log_readable)
		assert_non_null(
			strstr(text.s, "(the memory limit of /exit_scenarios was reached)"));
	strbuf_release(&text);
}

static void knows_the_peak_memory(void **state)
{
	char path[4096];
	struct death death;
	struct truth truth;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	run_scenario(path, "eats-64-mib", &death, &truth);
	assert_int_equal(death.has_peak_memory, facts->tells_peak);
	if (facts->tells_peak)
		assert_in_range(death.peak_memory_bytes, (uint64_t)64 << 20, (uint64_t)96 << 20);
}

/* Not to know it is allowed to those that do not see the dead before the parent has them. */
static void knows_what_it_had_used(void **state)
{
	char path[4096];
	struct death death;
	struct truth truth;

	SKIP_WITHOUT_BACKEND();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	run_scenario(path, "works-in-threads", &death, &truth);
	printf("  %llu us, told %lld us in %u threads\n", (unsigned long long)truth.cpu_us,
		(long long)(death.cpu_ns / NSEC_PER_USEC), death.threads);
	if (facts->kind == WATCH_KERNEL) {
		assert_true(death.has_cpu && death.has_faults);
		assert_int_equal(death.threads, 5);
	} else {
		assert_int_equal(death.threads, 0);
	}
	assert_int_equal(death.has_faults, death.has_cpu);
	if (!death.has_cpu)
		return;
	/* What each thread used since the scheduler's last tick is not told, nor what its end took. */
	assert_in_range(death.cpu_ns / NSEC_PER_USEC, truth.cpu_us - 60000, truth.cpu_us + 10000);
	assert_in_range(death.minor_faults, truth.minor_faults - 100, truth.minor_faults);
	assert_in_range(death.major_faults, 0, truth.major_faults);
}

static int open_add_close(void *userdata)
{
	const uint16_t *port = userdata;
	const struct watch_options options = {
		.backend = facts->kind,
		.btf_file = facts->btf_file,
		.bpffs_dir = "",
	};
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct watch *mine = NULL;
	struct service *service;
	char error[512];
	int err;

	err = watch_new(loop, &options, &mine, error, sizeof(error));
	if (!err)
		err = watch_add_listen(mine, "a service", (void *)&address, &service);
	watch_free(mine);
	return err;
}

static void opening_survives_every_allocation_that_fails(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port;

	SKIP_WITHOUT_BACKEND();
	/* Our own socket: the look finds it, and us as its owner. */
	assert_int_equal(bind(fd, (void *)&address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (void *)&address, &len), 0);
	port = ntohs(address.sin_port);
	with_failing_allocations(open_add_close, &port);
	close(fd);
}

static void maps_are_pinned_for_root_alone_and_only_while_it_runs(void **state)
{
	struct watch_stats stats;
	char path[128];
	struct stat st;

	SKIP_WITHOUT_BACKEND();
	watch_stats(watch, &stats);
	if (strstr(stats.backend_reason, "not pinned")) {
		printf("SKIPPED: %s\n", stats.backend_reason);
		skip();
	}
	assert_int_equal(stat(bpffs_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/services", bpffs_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	watch_free(watch);
	watch = NULL;
	assert_int_equal(stat(bpffs_dir, &st), -1);
}

/* The first that works is taken, and why not an earlier one is said. */
static int choose_as_nobody(void)
{
	const struct watch_options options = { .backend = WATCH_AUTO, .bpffs_dir = "" };
	struct watch_stats stats;
	struct watch *mine;
	sd_event *event;
	char error[512];
	int err = 0;

	if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
		setresuid(65534, 65534, 65534) || sd_event_new(&event) < 0)
		return 1;
	if (watch_new(event, &options, &mine, error, sizeof(error)))
		return 2;
	watch_stats(mine, &stats);
	if (stats.backend != WATCH_PIDFD && stats.backend != WATCH_POLL)
		err = 3;
	else if (!strstr(stats.backend_reason, "not kernel: ") ||
		 strchr(stats.backend_reason, '\n'))
		err = 4;
	else if (stats.backend == WATCH_POLL && !strstr(stats.backend_reason, "not pidfd: "))
		err = 5;
	watch_free(mine);
	sd_event_unref(event);
	return err;
}

static void without_rights_the_next_backend_is_taken_and_says_why(void **state)
{
	int status;
	pid_t pid;

	if (getuid()) {
		printf("SKIPPED: rights can only be given up by root\n");
		skip();
	}
	pid = fork();
	if (pid == 0)
		_exit(choose_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_backend_that_was_asked_for_is_the_one_in_use(void **state)
{
	struct watch_stats stats;

	SKIP_WITHOUT_BACKEND();
	watch_stats(watch, &stats);
	assert_int_equal(stats.backend, facts->kind);
	assert_string_equal(stats.backend_name, facts->name);
	assert_true(strlen(stats.backend_reason) > 0);
	assert_null(strchr(stats.backend_reason, '\n'));
	printf("  %s: %s\n", stats.backend_name, stats.backend_reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ALL(the_backend_that_was_asked_for_is_the_one_in_use),
		TEST_WITH_ALL(tells_every_death_as_waitpid_does),
		TEST_WITH_ALL(tells_a_death_though_descriptors_ran_out_for_another_service),
		TEST_WITH_ALL(tells_of_the_dead_that_nobody_reaps),
		TEST_WITH_ALL(tells_who_sent_the_signal),
		TEST_WITH_ALL(tells_the_oom_killer_from_a_kill),
		TEST_WITH_ALL(names_whom_the_oom_killer_ended_though_nobody_watched_it),
		TEST_WITH_ALL(knows_the_peak_memory),
		TEST_WITH_ALL(knows_what_it_had_used),
		TEST_WITH_ALL(opening_survives_every_allocation_that_fails),
		TEST_WITH_KERNEL(maps_are_pinned_for_root_alone_and_only_while_it_runs),
		cmocka_unit_test(without_rights_the_next_backend_is_taken_and_says_why),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
