/* Services that are units, against a peer that plays systemd, with real processes. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "watch/fake_systemd.h"
#include "watch/group.h"
#include "watch/live.h"

static char waits[4096];
static struct selection *selection;
static struct service *service; /* the last that came */
static size_t n_added, n_removed;

static void on_added(struct service *added, void *selection_userdata, void *userdata)
{
	service = added;
	n_added++;
}

static void on_removed(struct service *removed, void *userdata)
{
	if (service == removed)
		service = NULL;
	n_removed++;
}

static int setup_systemd(void **state)
{
	const struct watch_options options = {
		.backend = ((const struct facts *)*state)->kind,
		.btf_file = ((const struct facts *)*state)->btf_file,
		.bpffs_dir = "",
		.on_event = on_event,
		.on_added = on_added,
		.on_removed = on_removed,
		.systemd_address = fake.address,
	};
	char error[512];

	facts = *state;
	n_seen = n_added = n_removed = 0;
	service = NULL;
	fake_begin();
	assert_int_equal(sd_event_new(&loop), 0);
	fake_listen(loop);
	if (watch_new(loop, &options, &watch, error, sizeof(error))) {
		say_skipped(error);
		watch = NULL;
	}
	return 0;
}

static int teardown_systemd(void **state)
{
	watch_free(watch);
	watch = NULL;
	fake_hang_up();
	loop = sd_event_unref(loop);
	return 0;
}

#define WITH(backend, fn)                                                                          \
	{                                                                                          \
#backend ": " #fn, fn, setup_systemd, teardown_systemd,                            \
			(void *)(uintptr_t)&with_##backend                                         \
	}
#define WITH_ALL(fn) WITH(kernel, fn), WITH(kernel_by_file, fn), WITH(pidfd, fn), WITH(poll, fn)

static void choose(const char *text, enum service_expect expect)
{
	const struct watch_spec spec = {
		.name = "x", .kind = SELECT_UNIT, .text = text, .expect = expect
	};
	char error[200];

	assert_int_equal(watch_select(watch, &spec, &selection, error, sizeof(error)), 0);
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(waits, waits, "1000", (char *)NULL);
		_exit(127);
	}
	return pid;
}

static void end(pid_t pid, int with)
{
	kill(pid, with);
	waitpid(pid, NULL, 0);
}

static bool state_becomes(enum service_state state)
{
	int64_t end_ns = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while ((!service || info_of(service).state != state) && clock_boot_ns() < end_ns)
		sd_event_run(loop, 10000);
	return service && info_of(service).state == state;
}

static bool count_becomes(size_t services)
{
	int64_t end_ns = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (watch_services(watch) != services && clock_boot_ns() < end_ns)
		sd_event_run(loop, 10000);
	return watch_services(watch) == services;
}

static void assert_cause(const char *part)
{
	struct strbuf cause = STRBUF_INIT;

	service_cause(service, &cause);
	if (!strstr(cause.s, part))
		fail_msg("the cause is '%s', not '%s'", cause.s, part);
	strbuf_release(&cause);
}

static struct fake_unit *running(const char *name, pid_t pid)
{
	return fake_add((struct fake_unit){
		.name = name,
		.active = "active",
		.sub = "running",
		.main_pid = (uint32_t)pid,
		.started_us = fake_now_us(),
		.active_us = fake_now_us(),
		.program = "/usr/sbin/x",
	});
}

static void becomes(struct fake_unit *u, const char *active, const char *sub, pid_t pid)
{
	u->active = active;
	u->sub = sub;
	u->exec_pid = u->main_pid && !pid ? u->main_pid : u->exec_pid;
	u->main_pid = (uint32_t)pid;
	if (pid) {
		u->exec_pid = (uint32_t)pid;
		u->started_us = fake_now_us();
		u->ended_us = 0;
	}
	fake_tell(u);
}

/* The main process has ended, as systemd saw it. */
static void ended(struct fake_unit *u, int code, int status)
{
	u->ended_us = fake_now_us();
	u->code = code;
	u->status = status;
}

/* -- one unit ------------------------------------------------------------------------------- */

static void the_main_process_is_the_service(void **state)
{
	struct service_info info;
	struct fake_unit *u;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start();
	u = running("x.service", pid);
	choose("x", EXPECTED_RUNNING);
	assert_int_equal(info_of(service).state, SERVICE_UNKNOWN);
	assert_true(state_becomes(SERVICE_UP));
	info = info_of(service);
	assert_int_equal(info.pid, pid);
	assert_string_equal(info.unit, "x.service");
	assert_string_equal(info.unit_info->active_state, "active");
	/* It was so before: no dip at the beginning. */
	assert_int_equal(seen[0].what, SERVICE_APPEARED);
	end(pid, SIGKILL);
	/* At once, before systemd has said anything. */
	assert_true(state_becomes(SERVICE_DOWN));
	assert_int_equal(count_seen(SERVICE_DIED), 1);
	ended(u, CLD_KILLED, SIGKILL);
	u->result = "signal";
	becomes(u, "activating", "auto-restart", 0);
	turn_for(50);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	assert_int_equal(info_of(service).deaths, 1);
	u->restarts = 1;
	pid = start();
	becomes(u, "active", "running", pid);
	assert_true(state_becomes(SERVICE_UP));
	assert_int_equal(info_of(service).pid, pid);
	assert_int_equal(info_of(service).restarts, 1);
	assert_int_equal(info_of(service).deaths, 1);
	end(pid, SIGKILL);
}

static void systemd_tells_how_it_ended_where_nobody_else_does(void **state)
{
	struct fake_unit *u;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start();
	u = running("x.service", pid);
	choose("x.service", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	end(pid, SIGUSR2);
	assert_true(state_becomes(SERVICE_DOWN));
	ended(u, CLD_KILLED, SIGUSR2);
	u->result = "signal";
	becomes(u, "failed", "failed", 0);
	turn_for(150);
	assert_int_equal(info_of(service).last_death.kind, DEATH_SIGNAL);
	assert_int_equal(info_of(service).last_death.signal, SIGUSR2);
}

static void a_unit_that_does_not_exist_is_down_and_says_so(void **state)
{
	SKIP_WITHOUT_BACKEND();
	fake_add((struct fake_unit){
		.name = "no.service", .load = "not-found", .active = "inactive", .sub = "dead" });
	choose("no", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_DOWN));
	assert_cause("the unit does not exist");
}

static void one_that_was_not_started_is_down(void **state)
{
	struct fake_unit *u;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	u = fake_add(
		(struct fake_unit){ .name = "x.service", .active = "inactive", .sub = "dead" });
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_DOWN));
	assert_cause("the unit is not started");
	pid = start();
	becomes(u, "active", "running", pid);
	assert_true(state_becomes(SERVICE_UP));
	/* It was never up before. */
	assert_int_equal(info_of(service).restarts, 0);
	end(pid, SIGKILL);
}

static void another_main_process_is_no_death(void **state)
{
	struct fake_unit *u;
	pid_t old, new;

	SKIP_WITHOUT_BACKEND();
	old = start();
	u = running("x.service", old);
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	new = start();
	becomes(u, "active", "running", new);
	assert_true(wait_for(SERVICE_APPEARED, 2, PATIENCE_MS));
	assert_int_equal(info_of(service).pid, new);
	end(old, SIGKILL);
	turn_for(facts->settled_ms);
	assert_int_equal(info_of(service).deaths, 0);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	end(new, SIGKILL);
}

static void lives_that_only_systemd_saw_are_counted(void **state)
{
	struct fake_unit *u;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start();
	u = running("x.service", pid);
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	end(pid, SIGKILL);
	assert_true(state_becomes(SERVICE_DOWN));
	ended(u, CLD_KILLED, SIGKILL);
	u->restarts = 1;
	becomes(u, "activating", "auto-restart", 0);
	/* Started and dead again before anybody was told of the start. */
	u->exec_pid = (1 << 22) - 7;
	u->started_us = fake_now_us();
	ended(u, CLD_EXITED, 203);
	u->restarts = 2;
	u->result = "exit-code";
	becomes(u, "activating", "auto-restart", 0);
	turn_for(150);
	assert_int_equal(info_of(service).deaths, 2);
	assert_int_equal(info_of(service).restarts, 1);
	assert_int_equal(info_of(service).last_death.kind, DEATH_EXIT);
	assert_int_equal(info_of(service).last_death.exit_code, 203);
	/* Of three more only the number is known. */
	u->restarts = 5;
	pid = start();
	becomes(u, "active", "running", pid);
	assert_true(state_becomes(SERVICE_UP));
	assert_int_equal(info_of(service).restarts, 5);
	assert_int_equal(info_of(service).deaths, 5);
	end(pid, SIGKILL);
}

static void the_result_is_told_with_the_death(void **state)
{
	struct fake_unit *u;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start();
	u = running("x.service", pid);
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	end(pid, SIGKILL);
	assert_true(state_becomes(SERVICE_DOWN));
	ended(u, CLD_KILLED, SIGKILL);
	u->result = "watchdog";
	becomes(u, "failed", "failed", 0);
	turn_for(150);
	assert_cause("; its watchdog time ran out");
}

/* -- those that may be empty ---------------------------------------------------------------- */

static void a_oneshot_is_up_unless_it_fails(void **state)
{
	struct fake_unit *u;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	u = fake_add((struct fake_unit){
		.name = "once.service", .active = "inactive", .sub = "dead", .type = "oneshot" });
	choose("once", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	pid = start();
	becomes(u, "activating", "start", pid);
	assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
	end(pid, SIGTERM);
	ended(u, CLD_KILLED, SIGTERM);
	becomes(u, "inactive", "dead", 0);
	turn_for(facts->settled_ms);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(info_of(service).deaths, 0);
	pid = start();
	becomes(u, "activating", "start", pid);
	assert_true(wait_for(SERVICE_APPEARED, 2, PATIENCE_MS));
	end(pid, SIGKILL);
	ended(u, CLD_KILLED, SIGKILL);
	u->result = "signal";
	becomes(u, "failed", "failed", 0);
	assert_true(state_becomes(SERVICE_DOWN));
	u->result = "success";
	becomes(u, "inactive", "dead", 0);
	assert_true(state_becomes(SERVICE_UP));
}

static void a_unit_behind_a_socket_is_up_while_that_listens(void **state)
{
	struct fake_unit *u, *socket;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	socket = fake_add(
		(struct fake_unit){ .name = "s.socket", .active = "active", .sub = "listening" });
	u = fake_add((struct fake_unit){
		.name = "s.service", .active = "inactive", .sub = "dead", .trigger = "s.socket" });
	choose("s", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	/* Not before it was known what starts it. */
	assert_int_equal(n_seen, 1);
	assert_int_equal(info_of(service).pid, 0);
	/* A life that is over before anybody could look. */
	becomes(u, "active", "running", (1 << 22) - 7);
	ended(u, CLD_EXITED, 0);
	becomes(u, "inactive", "dead", 0);
	turn_for(50);
	assert_int_equal(n_seen, 1);
	assert_int_equal(info_of(service).deaths, 0);
	pid = start();
	becomes(socket, "active", "running", 0);
	becomes(u, "active", "running", pid);
	assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
	end(pid, SIGTERM);
	ended(u, CLD_KILLED, SIGTERM);
	becomes(u, "inactive", "dead", 0);
	turn_for(facts->settled_ms);
	assert_int_equal(info_of(service).deaths, 0);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	becomes(socket, "inactive", "dead", 0);
	assert_true(state_becomes(SERVICE_DOWN));
}

/* Nobody who asked for the service before could tell: systemd does not look for who might start it. */
static void a_socket_that_comes_later_is_found(void **state)
{
	struct fake_unit *u;

	SKIP_WITHOUT_BACKEND();
	u = fake_add((struct fake_unit){
		.name = "s.service", .active = "inactive", .sub = "dead", .unwanted = true });
	choose("s", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_DOWN));
	turn_for(50);
	fake_add((struct fake_unit){ .name = "s.socket", .active = "active", .sub = "listening" });
	u->trigger = "s.socket";
	u->asked = 0;
	fake_tell_loaded("s.socket", "UnitNew");
	assert_true(state_becomes(SERVICE_UP));
	turn_for(200);
	assert_in_range(u->asked, 1, 2);
}

/* -- patterns ------------------------------------------------------------------------------- */

static void a_pattern_takes_what_is_active_and_what_comes(void **state)
{
	struct fake_unit *u;
	pid_t one, two;

	SKIP_WITHOUT_BACKEND();
	one = start();
	running("web@1.service", one);
	fake_add(
		(struct fake_unit){ .name = "web@2.service", .active = "inactive", .sub = "dead" });
	fake_add((struct fake_unit){
		.name = "other.service", .active = "active", .sub = "running" });
	choose("web@*", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	assert_string_equal(info_of(service).name, "web@1.service");
	assert_true(count_becomes(1));
	/* A unit that was not there before. */
	two = start();
	u = running("web@3.service", two);
	fake_tell_loaded(u->name, "UnitNew");
	assert_true(count_becomes(2));
	assert_true(state_becomes(SERVICE_UP));
	assert_string_equal(info_of(service).name, "web@3.service");
	assert_int_equal(info_of(service).pid, two);
	/* One that is stopped is missed. */
	u->result = "success";
	becomes(u, "deactivating", "stop-sigterm", two);
	turn_for(20);
	end(two, SIGTERM);
	ended(u, CLD_KILLED, SIGTERM);
	becomes(u, "inactive", "dead", 0);
	fake_tell_loaded(u->name, "UnitRemoved");
	assert_true(state_becomes(SERVICE_DOWN));
	turn_for(50);
	assert_int_equal(watch_services(watch), 2);
	assert_int_equal(n_removed, 0);
	end(one, SIGKILL);
}

static void one_that_ends_its_work_is_not_missed(void **state)
{
	struct fake_unit *u;

	SKIP_WITHOUT_BACKEND();
	u = fake_add((struct fake_unit){ .name = "job.service",
		.active = "activating",
		.sub = "start",
		.type = "oneshot",
		.active_us = 1 });
	choose("*", EXPECTED_RUNNING);
	assert_true(count_becomes(1));
	becomes(u, "inactive", "dead", 0);
	assert_true(count_becomes(0));
	assert_int_equal(n_removed, 1);
	u->result = "exit-code";
	becomes(u, "failed", "failed", 0);
	assert_true(count_becomes(1));
	assert_true(state_becomes(SERVICE_DOWN));
}

static void a_crash_loop_that_somebody_ends_is_missed(void **state)
{
	struct fake_unit *u;

	SKIP_WITHOUT_BACKEND();
	u = fake_add((struct fake_unit){ .name = "loop.service",
		.active = "activating",
		.sub = "auto-restart",
		.result = "exit-code",
		.active_us = 1 });
	choose("*", EXPECTED_RUNNING);
	assert_true(count_becomes(1));
	becomes(u, "inactive", "dead", 0);
	turn_for(50);
	assert_int_equal(watch_services(watch), 1);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
}

static void what_is_named_belongs_to_no_pattern(void **state)
{
	struct selection *named;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start();
	running("a.service", pid);
	choose("a", EXPECTED_RUNNING);
	named = selection;
	choose("*", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	turn_for(50);
	assert_int_equal(watch_services(watch), 1);
	watch_unselect(selection);
	assert_int_equal(watch_services(watch), 1);
	watch_unselect(named);
	assert_int_equal(watch_services(watch), 0);
	end(pid, SIGKILL);
}

/* -- groups --------------------------------------------------------------------------------- */

static bool join_group(const char *folder, pid_t pid)
{
	char path[300];
	FILE *f;
	bool joined;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	f = fopen(path, "we");
	if (!f)
		return false;
	fprintf(f, "%d\n", pid);
	joined = fclose(f) == 0;
	return joined;
}

static void a_forking_daemon_lives_as_long_as_its_group(void **state)
{
	struct group_roots roots;
	char group[64], folder[200];
	struct fake_unit *u;
	pid_t parent, child;

	SKIP_WITHOUT_BACKEND();
	group_roots_find(&roots);
	snprintf(group, sizeof(group), "/tolld-test-%d-%s.service", getpid(), facts->name);
	snprintf(folder, sizeof(folder), "%s%s", *roots.named ? roots.named : roots.unified, group);
	if (mkdir(folder, 0755)) {
		printf("SKIPPED: no control group can be made here: %s\n", strerror(errno));
		skip();
	}
	parent = start();
	child = start();
	assert_true(join_group(folder, parent));
	assert_true(join_group(folder, child));
	u = fake_add((struct fake_unit){ .name = "f.service",
		.active = "active",
		.sub = "running",
		.type = "forking",
		.group = group });
	choose("f", EXPECTED_RUNNING);
	/* Without a main process the oldest is it. */
	assert_true(state_becomes(SERVICE_UP));
	assert_int_equal(info_of(service).pid, parent);
	assert_int_equal(info_of(service).processes, 2);
	assert_string_equal(info_of(service).cgroup, group);
	/* One of several may end, however it does. */
	end(parent, SIGKILL);
	assert_true(wait_for(SERVICE_APPEARED, 2, PATIENCE_MS));
	assert_int_equal(info_of(service).pid, child);
	assert_int_equal(info_of(service).deaths, 0);
	end(child, SIGKILL);
	assert_true(state_becomes(SERVICE_DOWN));
	assert_int_equal(info_of(service).deaths, 1);
	becomes(u, "failed", "failed", 0);
	turn_for(20);
	rmdir(folder);
}

/* -- the connection ------------------------------------------------------------------------- */

static void without_systemd_units_are_down_and_say_so(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	fake_hang_up();
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_DOWN));
	assert_cause("systemd cannot be asked here");
	/* It comes later. */
	pid = start();
	running("x.service", pid);
	fake_listen(loop);
	assert_true(state_becomes(SERVICE_UP));
	end(pid, SIGKILL);
}

static void while_the_connection_is_lost_nobody_knows(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start();
	running("x.service", pid);
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	fake_hang_up();
	assert_true(state_becomes(SERVICE_UNKNOWN));
	/* A death is a death all the same. */
	fake_listen(loop);
	assert_true(state_becomes(SERVICE_UP));
	assert_int_equal(fake.subscribed, 2);
	fake_hang_up();
	assert_true(state_becomes(SERVICE_UNKNOWN));
	end(pid, SIGKILL);
	assert_true(state_becomes(SERVICE_DOWN));
	assert_int_equal(info_of(service).deaths, 1);
}

/* The way to systemd is lost for good: what lives in its group is the unit, started by whomever. */
static void without_systemd_a_control_group_tells(void **state)
{
	struct group_roots roots;
	char group[64], folder[200];
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	group_roots_find(&roots);
	snprintf(group, sizeof(group), "/tolld-test-%d-%s.service", getpid(), facts->name);
	snprintf(folder, sizeof(folder), "%s%s", *roots.named ? roots.named : roots.unified, group);
	if (mkdir(folder, 0755)) {
		printf("SKIPPED: no control group can be made here: %s\n", strerror(errno));
		skip();
	}
	pid = start();
	assert_true(join_group(folder, pid));
	running("x.service", pid)->group = group;
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	fake_hang_up();
	assert_true(state_becomes(SERVICE_UNKNOWN));
	assert_true(state_becomes(SERVICE_UP));
	assert_int_equal(info_of(service).pid, pid);
	end(pid, SIGKILL);
	assert_true(state_becomes(SERVICE_DOWN));
	assert_int_equal(info_of(service).deaths, 1);
	/* Nobody tells of the restart. */
	pid = start();
	assert_true(join_group(folder, pid));
	assert_true(state_becomes(SERVICE_UP));
	assert_int_equal(info_of(service).pid, pid);
	assert_int_equal(info_of(service).restarts, 1);
	/* When systemd is back it is asked for all. */
	fake.units[0].main_pid = (uint32_t)pid;
	fake.units[0].started_us = fake_now_us();
	fake_listen(loop);
	for (int i = 0; i < 600 && fake.units[0].asked < 2; i++)
		turn_for(PATIENCE_MS / 600);
	assert_true(fake.units[0].asked >= 2);
	turn_for(50);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(info_of(service).pid, pid);
	assert_int_equal(info_of(service).deaths, 1);
	assert_int_equal(info_of(service).restarts, 1);
	end(pid, SIGKILL);
	assert_true(state_becomes(SERVICE_DOWN));
	rmdir(folder);
}

static void tell_reloaded(void)
{
	sd_bus_message *m = fake_signal(
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "Reloading");

	assert_true(sd_bus_message_append(m, "b", 0) >= 0);
	fake_send(m);
}

static void a_reload_of_systemd_asks_anew(void **state)
{
	struct fake_unit *u;

	SKIP_WITHOUT_BACKEND();
	u = fake_add((struct fake_unit){
		.name = "x.service", .load = "not-found", .active = "inactive", .sub = "dead" });
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_DOWN));
	u->load = "loaded";
	u->type = "oneshot";
	tell_reloaded();
	assert_true(state_becomes(SERVICE_UP));
}

/* To ask loads it, which is told, and would be a reason to ask. */
static void a_unit_that_nobody_wants_is_not_asked_for_ever(void **state)
{
	struct fake_unit *u;

	SKIP_WITHOUT_BACKEND();
	u = fake_add((struct fake_unit){
		.name = "x.service", .active = "inactive", .sub = "dead", .unwanted = true });
	choose("x", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_DOWN));
	turn_for(200);
	assert_in_range(u->asked, 1, 3);
	/* What it became meanwhile is asked once it is to run: then it stays loaded. */
	u->unwanted = false;
	u->type = "oneshot";
	fake_tell_loaded(u->name, "UnitNew");
	u->asked = 0;
	becomes(u, "activating", "start", 0);
	assert_true(state_becomes(SERVICE_UP));
	turn_for(50);
	assert_int_equal(u->asked, 1);
}

static void one_that_was_stopped_is_missed_though_systemd_forgot_it(void **state)
{
	struct fake_unit *u;
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start();
	u = running("web.service", pid);
	choose("w*", EXPECTED_RUNNING);
	assert_true(state_becomes(SERVICE_UP));
	becomes(u, "deactivating", "stop-sigterm", (uint32_t)pid);
	turn_for(20);
	end(pid, SIGTERM);
	ended(u, CLD_KILLED, SIGTERM);
	becomes(u, "inactive", "dead", 0);
	fake_tell_loaded(u->name, "UnitRemoved");
	assert_true(state_becomes(SERVICE_DOWN));
	/* Loaded anew, it was never active. */
	u->active_us = u->started_us = u->ended_us = 0;
	u->exec_pid = 0;
	u->asked = 0;
	tell_reloaded();
	turn_for(100);
	assert_int_equal(u->asked, 1);
	assert_int_equal(watch_services(watch), 1);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	/* One that was removed from the machine is no service any more. */
	u->load = "not-found";
	tell_reloaded();
	assert_true(count_becomes(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(the_main_process_is_the_service),
		WITH_ALL(systemd_tells_how_it_ended_where_nobody_else_does),
		WITH(kernel, a_unit_that_does_not_exist_is_down_and_says_so),
		WITH_ALL(one_that_was_not_started_is_down),
		WITH_ALL(another_main_process_is_no_death),
		WITH_ALL(lives_that_only_systemd_saw_are_counted),
		WITH_ALL(the_result_is_told_with_the_death),
		WITH_ALL(a_oneshot_is_up_unless_it_fails),
		WITH_ALL(a_unit_behind_a_socket_is_up_while_that_listens),
		WITH_ALL(a_socket_that_comes_later_is_found),
		WITH_ALL(a_pattern_takes_what_is_active_and_what_comes),
		WITH(pidfd, one_that_ends_its_work_is_not_missed),
		WITH(pidfd, a_crash_loop_that_somebody_ends_is_missed),
		WITH_ALL(what_is_named_belongs_to_no_pattern),
		WITH_ALL(a_forking_daemon_lives_as_long_as_its_group),
		WITH(pidfd, without_systemd_units_are_down_and_say_so),
		WITH_ALL(while_the_connection_is_lost_nobody_knows),
		WITH_ALL(without_systemd_a_control_group_tells),
		WITH(pidfd, a_reload_of_systemd_asks_anew),
		WITH(pidfd, a_unit_that_nobody_wants_is_not_asked_for_ever),
		WITH(pidfd, one_that_was_stopped_is_missed_though_systemd_forgot_it),
	};

	ask_facts();
	if (!helper_path(waits, sizeof(waits), "waits"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
