/*
 * Listeners as each backend follows them: found, lost, restarted, inherited, elsewhere.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "base/privilege.h"
#include "watch/live.h"

/* -- servers ------------------------------------------------------------------------------ */

struct server {
	pid_t pid;
	int say;  /* a byte makes it go on */
	int hear; /* a byte says that it has gone on */
};

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* A port that was free just now. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (void *)&address, len), 0);
	assert_int_equal(getsockname(fd, (void *)&address, &len), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int listen_v4(uint16_t port, int extra_option)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (extra_option)
		setsockopt(fd, SOL_SOCKET, extra_option, &one, sizeof(one));
	return bind(fd, (void *)&address, sizeof(address)) || listen(fd, 8) ? -1 : fd;
}

static int listen_dual_stack(uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, (void *)&address, sizeof(address)) || listen(fd, 8) ? -1 : fd;
}

/* Runs fn in a child; returns once the child has said its first byte. */
static void server_start(
	struct server *s, void (*fn)(uint16_t port, int hear, int say), uint16_t port)
{
	int down[2], up[2];
	char byte;

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "a server");
		close(down[1]);
		close(up[0]);
		fn(port, down[0], up[1]);
		_exit(0);
	}
	close(down[0]);
	close(up[1]);
	s->say = down[1];
	s->hear = up[0];
	assert_int_equal(read(s->hear, &byte, 1), 1);
}

static void server_end(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->say);
	close(s->hear);
}

static void tell_peer(int fd)
{
	if (write(fd, "x", 1) != 1)
		_exit(90);
}

static void await_peer(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		_exit(91);
}

static void serve(uint16_t port, int hear, int say)
{
	if (listen_v4(port, 0) < 0)
		_exit(92);
	tell_peer(say);
	for (;;)
		pause();
}

static void serve_on_wildcard(uint16_t port, int hear, int say)
{
	if (listen_dual_stack(port) < 0)
		_exit(92);
	tell_peer(say);
	for (;;)
		pause();
}

static void serve_then_close(uint16_t port, int hear, int say)
{
	int fd = listen_v4(port, 0);

	tell_peer(say);
	await_peer(hear);
	close(fd);
	tell_peer(say);
	for (;;)
		pause();
}

/* Listens first and goes into the background then, as daemons do. */
static void serve_as_daemon(uint16_t port, int hear, int say)
{
	pid_t own;

	if (listen_v4(port, 0) < 0)
		_exit(92);
	tell_peer(say);
	await_peer(hear);
	if (fork())
		_exit(0);
	if (fork())
		_exit(0);
	own = getpid();
	if (write(say, &own, sizeof(own)) != sizeof(own))
		_exit(90);
	/* The watched one is gone: only the test's end of the pipe tells this one when to go. */
	await_peer(hear);
	_exit(33);
}

static struct service *add_listen(uint16_t port)
{
	struct sockaddr_in address = loopback(port);
	struct service *service;

	n_seen = 0;
	assert_int_equal(watch_add_listen(watch, "a service", (void *)&address, &service), 0);
	return service;
}

/* It is not reaped yet: so each backend reads how it ended. */
static void check_killed_by_us(const struct death *death)
{
	assert_int_equal(death->kind, DEATH_SIGNAL);
	assert_int_equal(death->signal, SIGKILL);
	assert_int_equal(death->has_sender, facts->tells_sender);
	if (facts->tells_sender)
		assert_int_equal(death->sender_pid, getpid());
}

static void a_service_that_runs_already_is_found(void **state)
{
	static void (*const ways[])(uint16_t, int, int) = { serve, serve_on_wildcard };

	SKIP_WITHOUT_BACKEND();
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		uint16_t port = free_port();
		struct service *service;
		struct server server;

		server_start(&server, ways[i], port);
		service = add_listen(port);
		assert_int_equal(info_of(service).state, SERVICE_UP);
		assert_int_equal(info_of(service).pid, server.pid);
		assert_string_equal(info_of(service).comm, "a server");
		assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
		kill(server.pid, SIGKILL);
		assert_true(wait_for(SERVICE_LISTENER_GONE, 1, PATIENCE_MS));
		server_end(&server);
		assert_int_equal(seen[1].what, SERVICE_DIED);
		check_killed_by_us(&seen[1].info.last_death);
		assert_int_equal(info_of(service).state, SERVICE_DOWN);
		watch_remove(service);
	}
}

static void a_service_that_comes_later_and_restarts_is_followed(void **state)
{
	uint16_t port = free_port();
	struct service *service;
	struct server server;

	SKIP_WITHOUT_BACKEND();
	service = add_listen(port);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	turn_for(20);
	assert_int_equal(n_seen, 0);
	server_start(&server, serve, port);
	assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
	assert_int_equal(info_of(service).pid, server.pid);
	assert_int_equal(info_of(service).restarts, 0);
	/* The loop does not turn in between: all of it is read in one go. */
	server_end(&server);
	server_start(&server, serve, port);
	assert_true(wait_for(SERVICE_APPEARED, 2, PATIENCE_MS));
	assert_int_equal(count_seen(SERVICE_DIED), 1);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(info_of(service).pid, server.pid);
	assert_int_equal(info_of(service).restarts, 1);
	assert_int_equal(info_of(service).deaths, 1);
	turn_for(100);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, 2, PATIENCE_MS));
	watch_remove(service);
}

static uint64_t counted_samples(void)
{
	struct watch_stats stats;
	uint64_t sum = 0;

	watch_stats(watch, &stats);
	for (size_t i = 0; i <= stats.death_to_sample_s.n; i++)
		sum += stats.death_to_sample_s.counts[i];
	return sum;
}

static void the_first_sample_after_a_death_is_timed(void **state)
{
	uint16_t port = free_port();
	struct service *service;
	struct death death;
	struct server server;
	uint64_t before;

	SKIP_WITHOUT_BACKEND();
	before = counted_samples();
	service = add_listen(port);
	/* It never lived: that it is down follows from no death. */
	service_sampled(service, clock_boot_ns());
	server_start(&server, serve, port);
	assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
	service_sampled(service, clock_boot_ns());
	assert_int_equal(counted_samples(), before);
	kill(server.pid, SIGKILL);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	death = info_of(service).last_death;
	assert_false(death.has_sample);
	service_sampled(service, death.at.boot_ns + 1500000);
	service_sampled(service, death.at.boot_ns + 9 * NSEC_PER_SEC);
	assert_true(info_of(service).last_death.has_sample);
	assert_int_equal(info_of(service).last_death.sample_after_ns, 1500000);
	assert_int_equal(counted_samples(), before + 1);
	server_end(&server);
	server_start(&server, serve, port);
	assert_true(wait_for(SERVICE_APPEARED, 2, PATIENCE_MS));
	/* It is there again: what is wrong now is not that it died. */
	service_sampled(service, clock_boot_ns());
	assert_int_equal(counted_samples(), before + 1);
	server_end(&server);
	watch_remove(service);
}

static void a_listener_that_closes_is_told_while_its_process_lives(void **state)
{
	uint16_t port = free_port();
	struct strbuf cause = STRBUF_INIT;
	struct service *service;
	struct server server;
	char text[160];

	SKIP_WITHOUT_BACKEND();
	server_start(&server, serve_then_close, port);
	service = add_listen(port);
	assert_int_equal(write(server.say, "x", 1), 1);
	assert_true(wait_for(SERVICE_LISTENER_GONE, 1, PATIENCE_MS));
	assert_int_equal(count_seen(SERVICE_DIED), 0);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	assert_int_equal(info_of(service).pid, server.pid);
	assert_false(info_of(service).listening);
	service_cause(service, &cause);
	snprintf(text, sizeof(text),
		"%s (pid %d) lives, but does not listen on 127.0.0.1:%u any more",
		info_of(service).comm, server.pid, port);
	assert_string_equal(cause.s, text);
	strbuf_release(&cause);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	watch_remove(service);
}

static void one_that_was_never_there_says_where_nobody_listens(void **state)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(free_port()) };
	struct strbuf cause = STRBUF_INIT;
	struct service *service;
	char text[80];

	SKIP_WITHOUT_BACKEND();
	assert_int_equal(watch_add_listen(watch, "web", (struct sockaddr *)&any, &service), 0);
	snprintf(text, sizeof(text), "nobody listens on port %u", ntohs(any.sin6_port));
	service_cause(service, &cause);
	assert_string_equal(cause.s, text);
	snprintf(text, sizeof(text), "listen %u", ntohs(any.sin6_port));
	assert_string_equal(info_of(service).selector, text);
	strbuf_release(&cause);
	watch_remove(service);
}

static void turn_until_owned_by(const struct service *service, pid_t pid)
{
	int64_t until = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (info_of(service).pid != pid && !count_seen(SERVICE_DIED) && clock_boot_ns() < until)
		sd_event_run(loop, 10000);
}

static void a_daemon_that_forks_after_it_listens_has_not_died(void **state)
{
	uint16_t port = free_port();
	struct service *service;
	struct server server;
	pid_t last;

	SKIP_WITHOUT_BACKEND();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	server_start(&server, serve_as_daemon, port);
	service = add_listen(port);
	assert_int_equal(info_of(service).pid, server.pid);
	assert_int_equal(write(server.say, "x", 1), 1);
	assert_int_equal(read(server.hear, &last, sizeof(last)), sizeof(last));
	turn_until_owned_by(service, last);
	assert_int_equal(count_seen(SERVICE_DIED), 0);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(info_of(service).pid, last);
	assert_int_equal(write(server.say, "x", 1), 1);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	assert_int_equal(last_seen(SERVICE_DIED)->info.last_death.exit_code, 33);
	server_end(&server);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	watch_remove(service);
}

static void connections_to_a_watched_port_cost_no_event(void **state)
{
	uint16_t port = free_port();
	struct sockaddr_in address = loopback(port);
	struct watch_stats before, after;
	struct service *service;
	struct server server;

	SKIP_WITHOUT_BACKEND();
	server_start(&server, serve, port);
	service = add_listen(port);
	/* That it came may itself still be on its way. */
	do {
		watch_stats(watch, &before);
		turn_for(facts->settled_ms);
		watch_stats(watch, &after);
	} while (after.events_listen != before.events_listen);
	for (int i = 0; i < 5; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_int_equal(connect(fd, (void *)&address, sizeof(address)), 0);
		close(fd);
	}
	turn_for(facts->settled_ms);
	watch_stats(watch, &after);
	assert_int_equal(after.events_listen, before.events_listen);
	server_end(&server);
	watch_remove(service);
}

static bool another_network_can_be_made(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) ? errno : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		printf("SKIPPED: no other network can be made here: %s\n",
			strerror(WEXITSTATUS(status)));
	return !status;
}

static void serve_in_another_network(uint16_t port, int hear, int say)
{
	if (unshare(CLONE_NEWNET) || listen_dual_stack(port) < 0)
		_exit(92);
	tell_peer(say);
	for (;;)
		pause();
}

static void the_same_port_in_another_network_namespace_is_not_ours(void **state)
{
	uint16_t port = free_port();
	struct watch_stats stats;
	struct service *service;
	struct server server;

	SKIP_WITHOUT_BACKEND();
	if (!another_network_can_be_made())
		skip();
	service = add_listen(port);
	server_start(&server, serve_in_another_network, port);
	turn_for(facts->settled_ms);
	server_end(&server);
	turn_for(facts->settled_ms);
	watch_stats(watch, &stats);
	assert_int_equal(stats.events_listen, 0);
	assert_int_equal(n_seen, 0);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	watch_remove(service);
}

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
	uint16_t port = free_port();
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
	if (!wait_for(SERVICE_LISTENER_GONE, 1, PATIENCE_MS) || count_seen(SERVICE_DIED) != 1)
		return 4;
	turn_for(150);
	if (info_of(service).last_death.kind != (by_record ? DEATH_SIGNAL : DEATH_UNKNOWN))
		return 5;
	tell_peer(say);
	turn_for(facts->settled_ms);
	if (info_of(service).last_death.kind !=
		(by_record || facts->tells_status ? DEATH_SIGNAL : DEATH_UNKNOWN))
		return 6;
	return info_of(service).last_death.final ? 0 : 7;
}

static void kill_and_reap_later(bool by_record)
{
	uint16_t port = free_port();
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

/* -- loss and speed ------------------------------------------------------------------------- */

static void a_full_ring_is_counted_and_leads_to_a_resync(void **state)
{
	uint16_t port = free_port();
	struct watch_stats stats;
	struct service *service;
	struct server server;

	SKIP_WITHOUT_BACKEND();
	watch_free(watch);
	watch = NULL;
	sd_event_unref(loop);
	assert_int_equal(open_watch(4096), 0);
	service = add_listen(port);
	/* 4096 bytes hold about fifty listener events; nobody reads meanwhile. */
	for (int i = 0; i < 100; i++) {
		server_start(&server, serve, port);
		server_end(&server);
	}
	server_start(&server, serve, port);
	turn_for(400);
	watch_stats(watch, &stats);
	assert_true(stats.lost_listen > 0);
	assert_true(stats.lost_exit > 0);
	assert_true(stats.resyncs >= 1);
	printf("  lost: %llu exits, %llu listener events; resyncs: %llu\n",
		(unsigned long long)stats.lost_exit, (unsigned long long)stats.lost_listen,
		(unsigned long long)stats.resyncs);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(info_of(service).pid, server.pid);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, count_seen(SERVICE_DIED) + 1, PATIENCE_MS));
	assert_int_equal(last_seen(SERVICE_DIED)->info.last_death.pid, server.pid);
	watch_remove(service);
}

/* A map that was full, or a hand that deleted: the process lives all the same, and is watched anew. */
static void a_lost_entry_is_made_anew_at_the_resync(void **state)
{
	uint16_t port = free_port();
	struct process_key key;
	struct service *service;
	struct server server;
	char path[128];
	int fd;

	SKIP_WITHOUT_BACKEND();
	server_start(&server, serve, port);
	service = add_listen(port);
	snprintf(path, sizeof(path), "%s/processes", bpffs_dir);
	fd = bpf_obj_get(path);
	if (fd < 0) {
		printf("SKIPPED: maps are not pinned here\n");
		server_end(&server);
		skip();
	}
	key.pid = (uint32_t)server.pid;
	assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	for (int i = 0; i < 2; i++) {
		watch_resync(watch);
		turn_for(120);
	}
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(count_seen(SERVICE_DIED), 0);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	assert_int_equal(last_seen(SERVICE_DIED)->info.last_death.signal, SIGKILL);
	close(fd);
	watch_remove(service);
}

#define ROUNDS 40

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void say_times(const char *what, int64_t *times_ns, size_t n)
{
	qsort(times_ns, n, sizeof(*times_ns), by_size);
	printf("  %s: kill -9 %s: median %lld us, p99 %lld us\n", facts->name, what,
		(long long)times_ns[n / 2] / 1000, (long long)times_ns[n * 99 / 100] / 1000);
}

static void a_kill_is_told_within_milliseconds(void **state)
{
	static int64_t died_ns[ROUNDS], gone_ns[ROUNDS];
	uint16_t port = free_port();
	struct service *service;

	SKIP_WITHOUT_BACKEND();
	service = add_listen(port);
	for (int i = 0; i < ROUNDS; i++) {
		struct server server;
		int64_t start;

		n_seen = 0;
		server_start(&server, serve, port);
		assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
		start = clock_boot_ns();
		kill(server.pid, SIGKILL);
		/* Who asks from time to time may see the dying without its sockets first. */
		assert_true(wait_for(SERVICE_LISTENER_GONE, 1, PATIENCE_MS));
		assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
		died_ns[i] = last_seen(SERVICE_DIED)->at_ns - start;
		gone_ns[i] = last_seen(SERVICE_LISTENER_GONE)->at_ns - start;
		server_end(&server);
	}
	say_times("to SERVICE_DIED", died_ns, ROUNDS);
	say_times("to SERVICE_LISTENER_GONE", gone_ns, ROUNDS);
	/* A busy machine is late for many, not for all; whoever asks from time to time would be for most. */
	assert_true(died_ns[ROUNDS / 10] < 20 * NSEC_PER_MSEC);
	watch_remove(service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ALL(a_service_that_runs_already_is_found),
		TEST_WITH_ALL(a_service_that_comes_later_and_restarts_is_followed),
		TEST_WITH_ALL(the_first_sample_after_a_death_is_timed),
		TEST_WITH_ALL(a_listener_that_closes_is_told_while_its_process_lives),
		TEST_WITH_ALL(one_that_was_never_there_says_where_nobody_listens),
		TEST_WITH_ALL(a_daemon_that_forks_after_it_listens_has_not_died),
		TEST_WITH_ALL(connections_to_a_watched_port_cost_no_event),
		TEST_WITH_ALL(the_same_port_in_another_network_namespace_is_not_ours),
		TEST_WITH_KERNEL(goes_on_after_all_privileges_are_dropped),
		TEST_WITH(pidfd, how_it_ended_is_told_once_its_parent_knows),
		TEST_WITH(poll, how_it_ended_is_told_once_its_parent_knows),
		TEST_WITH(pidfd, how_it_ended_is_told_by_its_record),
		TEST_WITH_KERNEL(a_full_ring_is_counted_and_leads_to_a_resync),
		TEST_WITH_KERNEL(a_lost_entry_is_made_anew_at_the_resync),
		/* Polling finds it within half a second, by its nature. */
		TEST_WITH_KERNEL(a_kill_is_told_within_milliseconds),
		TEST_WITH(pidfd, a_kill_is_told_within_milliseconds),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
