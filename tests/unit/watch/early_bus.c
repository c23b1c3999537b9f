/* The way to systemd that only root may take, opened before tolld becomes somebody else. In its own file system. */
#include "harness.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "watch/fake_systemd.h"
#include "watch/live.h"

#define NOBODY 65534

static struct service *service;
static char why[256];

static void on_added(struct service *added, void *selection_userdata, void *userdata)
{
	service = added;
}

static void on_systemd(const char *reason, void *userdata)
{
	snprintf(why, sizeof(why), "%s", reason ? reason : "");
}

static int setup_early(void **state)
{
	const struct watch_options options = {
		.backend = WATCH_PIDFD,
		.bpffs_dir = "",
		.on_event = on_event,
		.on_added = on_added,
		.on_systemd = on_systemd,
	};
	char error[512];

	n_seen = 0;
	service = NULL;
	*why = '\0';
	fake_begin();
	snprintf(fake.path, sizeof(fake.path), "/run/systemd/private");
	fake.asks_who = true;
	assert_int_equal(sd_event_new(&loop), 0);
	fake_listen(loop);
	assert_int_equal(chmod(fake.path, 0600), 0);
	assert_int_equal(watch_new(loop, &options, &watch, error, sizeof(error)), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	return 0;
}

static int teardown_early(void **state)
{
	assert_int_equal(seteuid(0), 0);
	watch_free(watch);
	watch = NULL;
	fake_hang_up();
	loop = sd_event_unref(loop);
	return 0;
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void choose(const char *unit)
{
	const struct watch_spec spec = { .name = "x", .kind = SELECT_UNIT, .text = unit };
	struct selection *selection;
	char error[200];

	assert_int_equal(watch_select(watch, &spec, &selection, error, sizeof(error)), 0);
}

static bool state_becomes(enum service_state state)
{
	int64_t end_ns = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while ((!service || info_of(service).state != state) && clock_boot_ns() < end_ns)
		sd_event_run(loop, 10000);
	return service && info_of(service).state == state;
}

static void who_was_root_asks_on_as_somebody_else(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	scoped(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid = start();

	/* It is too late for who did not connect before. */
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake.path);
	assert_int_equal(connect(fd, (void *)&address, sizeof(address)), -1);
	assert_int_equal(errno, EACCES);
	fake_add((struct fake_unit){ .name = "x.service",
		.active = "active",
		.sub = "running",
		.main_pid = (uint32_t)pid,
		.started_us = fake_now_us(),
		.active_us = fake_now_us() });
	choose("x");
	assert_true(state_becomes(SERVICE_UP));
	assert_int_equal(info_of(service).pid, pid);
	assert_true(info_of(service).unit_info != NULL);
	assert_int_equal(fake.subscribed, 1);
	assert_string_equal(why, "");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
}

static void once_it_is_lost_the_log_says_what_to_install(void **state)
{
	int64_t end_ns = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	choose("x");
	while (!fake.subscribed && clock_boot_ns() < end_ns)
		sd_event_run(loop, 10000);
	assert_int_equal(fake.subscribed, 1);
	fake.peer = sd_bus_close_unref(fake.peer);
	while (!strstr(why, "install dbus") && clock_boot_ns() < end_ns)
		sd_event_run(loop, 10000);
	assert_non_null(strstr(why, "systemd's own socket is root's; install dbus"));
}

static void with_a_system_bus_or_without_systemd_there_is_none(void **state)
{
	sd_bus *bus = NULL;
	FILE *socket;

	assert_int_equal(systemd_open_early(&bus), -ENOENT);
	assert_int_equal(mkdir("/run/dbus", 0755), 0);
	socket = fopen("/run/dbus/system_bus_socket", "we");
	assert_non_null(socket);
	fclose(socket);
	assert_int_equal(systemd_open_early(&bus), -EEXIST);
	assert_null(bus);
	assert_int_equal(unlink("/run/dbus/system_bus_socket"), 0);
	assert_int_equal(rmdir("/run/dbus"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_was_root_asks_on_as_somebody_else, setup_early, teardown_early),
		cmocka_unit_test_setup_teardown(
			once_it_is_lost_the_log_says_what_to_install, setup_early, teardown_early),
		cmocka_unit_test(with_a_system_bus_or_without_systemd_there_is_none),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNS) ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("run", "/run", "tmpfs", 0, "mode=755") || mkdir("/run/systemd", 0755)) {
		printf("SKIPPED: it takes root and a file system of one's own\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
