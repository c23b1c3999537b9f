/*
 * What a watch goes on to do, and what it can still tell, once it has given up rights.
 */
#include "harness.h"

#include <grp.h>
#include <linux/capability.h>
#include "base/privilege.h"
#include "watch/servers.h"

/* What a daemon does that has given up all that root may do; the number tells what failed. */
static int watch_without_privileges(uint16_t port, int hear, int say)
{
	struct service *service, *other;
	struct service_info info;
	struct sockaddr_in address = loopback(port);

	if (open_watch(0))
		return 1;
	if (watch_add_listen(watch, "a service", (void *)&address, &service))
		return 2;
	if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
		setresuid(65534, 65534, 65534) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 3;
	tell_peer(say);
	if (!wait_for(SERVICE_LISTENER_GONE, 1, PATIENCE_MS) || count_seen(SERVICE_DIED) != 1)
		return 4;
	if (info_of(service).last_death.signal != SIGKILL)
		return 5;
	tell_peer(say);
	if (!wait_for(SERVICE_APPEARED, count_seen(SERVICE_APPEARED) + 1, PATIENCE_MS))
		return 6;
	info = info_of(service);
	/* The task iterator, made anew. */
	if (watch_add_process(watch, "the same", info.pid, &other))
		return 7;
	if (info_of(other).start_boot_ns != info.start_boot_ns)
		return 8;
	address.sin_port = htons((uint16_t)(port ^ 1));
	if (watch_add_listen(watch, "another", (void *)&address, &other))
		return 9;
	return 0;
}

static void goes_on_after_all_privileges_are_dropped(void **state)
{
	uint16_t port = own_port();
	int status, down[2], up[2];
	struct server server;
	pid_t pid;
	char byte;

	SKIP_WITHOUT_BACKEND();
	/* First: whoever held an end of these pipes would keep them open when the other one ends early. */
	server_start(&server, serve, port);
	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		snprintf(bpffs_dir, sizeof(bpffs_dir), "/sys/fs/bpf/tolld-test-%d", getpid());
		_exit(watch_without_privileges(port, down[0], up[1]));
	}
	close(up[1]);
	/* Where it ends early, its status says where. */
	if (read(up[0], &byte, 1) == 1)
		kill(server.pid, SIGKILL);
	if (read(up[0], &byte, 1) == 1) {
		server_end(&server);
		server_start(&server, serve, port);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	server_end(&server);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* It was not allowed to remove its pins. */
	snprintf(bpffs_dir, sizeof(bpffs_dir), "/sys/fs/bpf/tolld-test-%d", pid);
	watch_free(watch);
	watch = NULL;
	loop = sd_event_unref(loop);
	assert_int_equal(open_watch(0), 0);
	close(down[0]);
	close(down[1]);
	close(up[0]);
}

/* However long its parent takes to ask. */
static bool turn_until_final(const struct service *service, enum death_kind kind)
{
	int64_t until = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	struct death death;

	do {
		sd_event_run(loop, 10000);
		death = info_of(service).last_death;
	} while ((death.kind != kind || !death.final) && clock_boot_ns() < until);
	return death.kind == kind && death.final;
}

/* Without the right to trace it, nobody but its parent can say how it ended until that has, if there is no record. */
static int watch_without_tracing(uint16_t port, bool by_record, int hear, int say)
{
	struct sockaddr_in address = loopback(port);
	struct service *service;

	if (!by_record && privileges_use(privileges_held() & ~PRIVILEGE(CAP_NET_ADMIN)))
		return 8;
	if (open_watch(0))
		return 1;
	if (watch_add_listen(watch, "a service", (void *)&address, &service))
		return 2;
	if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
		setresuid(65534, 65534, 65534) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 3;
	tell_peer(say);
	if (!wait_for(SERVICE_DIED, 1, PATIENCE_MS))
		return 4;
	turn_for(150);
	if (info_of(service).last_death.kind != (by_record ? DEATH_SIGNAL : DEATH_UNKNOWN))
		return 5;
	tell_peer(say);
	if (!by_record && !facts->tells_status)
		turn_for(facts->settled_ms);
	if (!turn_until_final(
		    service, by_record || facts->tells_status ? DEATH_SIGNAL : DEATH_UNKNOWN))
		return 6;
	return count_seen(SERVICE_DIED) == 1 ? 0 : 7;
}

static void kill_and_reap_later(bool by_record)
{
	uint16_t port = own_port();
	int status, down[2], up[2];
	struct server server;
	pid_t pid;
	char byte;

	server_start(&server, serve, port);
	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		_exit(watch_without_tracing(port, by_record, down[0], up[1]));
	close(up[1]);
	if (read(up[0], &byte, 1) == 1)
		kill(server.pid, SIGKILL);
	if (read(up[0], &byte, 1) == 1)
		waitpid(server.pid, NULL, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	server_end(&server);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(down[0]);
	close(down[1]);
	close(up[0]);
}

static void how_it_ended_is_told_once_its_parent_knows(void **state)
{
	SKIP_WITHOUT_BACKEND();
	if (geteuid() != 0) {
		printf("SKIPPED: rights can only be given up by root\n");
		skip();
	}
	kill_and_reap_later(false);
}

static void how_it_ended_is_told_by_its_record(void **state)
{
	SKIP_WITHOUT_BACKEND();
	if (!facts->tells_peak) {
		printf("SKIPPED: this kernel writes no records of who ends, or not for us\n");
		skip();
	}
	kill_and_reap_later(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_KERNEL(goes_on_after_all_privileges_are_dropped),
		TEST_WITH(pidfd, how_it_ended_is_told_once_its_parent_knows),
		TEST_WITH(poll, how_it_ended_is_told_once_its_parent_knows),
		TEST_WITH(pidfd, how_it_ended_is_told_by_its_record),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
