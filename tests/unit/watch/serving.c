/*
 * Listeners as each backend follows them: found, lost, restarted, inherited, elsewhere; and how soon that is told.
 */
#include "harness.h"

#include <sched.h>
#include "watch/servers.h"

static int listen_dual_stack(uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, (void *)&address, sizeof(address)) || listen(fd, 8) ? -1 : fd;
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
	int fd = listen_v4(port);

	if (fd < 0)
		_exit(92);
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

	if (listen_v4(port) < 0)
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
		uint16_t port = own_port();
		struct service *service;
		struct server server;

		server_start(&server, ways[i], port);
		service = add_listen(port);
		assert_int_equal(info_of(service).state, SERVICE_UP);
		assert_int_equal(info_of(service).pid, server.pid);
		assert_string_equal(info_of(service).comm, "a server");
		assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
		kill(server.pid, SIGKILL);
		/* Who asks from time to time may see the dying without its sockets first. */
		assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
		assert_true(wait_for(SERVICE_LISTENER_GONE, 1, PATIENCE_MS));
		server_end(&server);
		if (facts->kind == WATCH_KERNEL)
			assert_int_equal(seen[1].what, SERVICE_DIED);
		check_killed_by_us(&last_seen(SERVICE_DIED)->info.last_death);
		assert_int_equal(info_of(service).state, SERVICE_DOWN);
		watch_remove(service);
	}
}

static void a_service_that_comes_later_and_restarts_is_followed(void **state)
{
	uint16_t port = own_port();
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
	uint16_t port = own_port();
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
	uint16_t port = own_port();
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
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(own_port()) };
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

static void a_daemon_that_forks_after_it_listens_has_not_died(void **state)
{
	uint16_t port = own_port();
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

static void live_on(uint16_t port, int hear, int say)
{
	tell_peer(say);
	for (;;)
		pause();
}

/* It has all that is open, for as long as it lives: tolld never forks, but a library of it might. */
static void a_child_that_inherits_descriptors_does_not_keep_the_loop_awake(void **state)
{
	uint16_t port = own_port();
	struct server server, child;
	struct service *service;
	unsigned n = 0;

	SKIP_WITHOUT_BACKEND();
	server_start(&server, serve, port);
	service = add_listen(port);
	server_start(&child, live_on, port);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	turn_for(facts->settled_ms);
	/* But for what is due just now nothing is to be done. */
	while (sd_event_run(loop, 0) > 0 && n < 100)
		n++;
	assert_in_range(n, 0, 99);
	server_end(&child);
	watch_remove(service);
}

/* Adding one looks, and hears of all that has happened: the others' deaths are no less news for that. */
static void a_death_heard_of_while_another_service_is_added_is_told(void **state)
{
	struct sockaddr_in elsewhere = loopback(own_port());
	uint16_t port = own_port();
	struct service *service, *other;
	struct server server;
	int pidfd;

	SKIP_WITHOUT_BACKEND();
	server_start(&server, serve, port);
	service = add_listen(port);
	assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
	pidfd = pidfd_new(server.pid);
	kill(server.pid, SIGKILL);
	while (!pidfd_is_dead(pidfd))
		sched_yield();
	close(pidfd);
	assert_int_equal(watch_add_listen(watch, "another", (void *)&elsewhere, &other), 0);
	/* From the loop, as ever. */
	assert_int_equal(n_seen, 1);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	assert_int_equal(last_seen(SERVICE_DIED)->info.last_death.pid, server.pid);
	assert_string_equal(last_seen(SERVICE_DIED)->info.name, info_of(service).name);
	server_end(&server);
	assert_true(wait_for(SERVICE_LISTENER_GONE, 1, PATIENCE_MS));
	assert_int_equal(count_seen(SERVICE_DIED), 1);
	watch_remove(other);
	watch_remove(service);
}

static void connections_to_a_watched_port_cost_no_event(void **state)
{
	uint16_t port = own_port();
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
	uint16_t port = own_port();
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

/* -- speed ---------------------------------------------------------------------------------- */

#define ROUNDS 40
/* On a busy machine most may be late, time and again; whoever asks from time to time is late for most each time. */
#define BATCHES_MAX 10
#define AT_ONCE_NS  (20 * NSEC_PER_MSEC)

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The median. */
static int64_t say_times(const char *what, int64_t times_ns[ROUNDS])
{
	qsort(times_ns, ROUNDS, sizeof(*times_ns), by_size);
	printf("  %s: kill -9 %s: median %lld us, p99 %lld us\n", facts->name, what,
		(long long)times_ns[ROUNDS / 2] / 1000,
		(long long)times_ns[ROUNDS * 99 / 100] / 1000);
	return times_ns[ROUNDS / 2];
}

static int64_t kill_some(uint16_t port)
{
	static int64_t died_ns[ROUNDS], gone_ns[ROUNDS];

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
	say_times("to SERVICE_LISTENER_GONE", gone_ns);
	return say_times("to SERVICE_DIED", died_ns);
}

static void a_kill_is_told_within_milliseconds(void **state)
{
	uint16_t port = own_port();
	struct service *service;
	int batches = 1;

	SKIP_WITHOUT_BACKEND();
	service = add_listen(port);
	while (kill_some(port) >= AT_ONCE_NS)
		assert_true(batches++ < BATCHES_MAX);
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
		TEST_WITH_ALL(a_child_that_inherits_descriptors_does_not_keep_the_loop_awake),
		TEST_WITH_ALL(a_death_heard_of_while_another_service_is_added_is_told),
		TEST_WITH_ALL(connections_to_a_watched_port_cost_no_event),
		TEST_WITH_ALL(the_same_port_in_another_network_namespace_is_not_ours),
		/* Polling finds it within half a second, by its nature. */
		TEST_WITH_KERNEL(a_kill_is_told_within_milliseconds),
		TEST_WITH(pidfd, a_kill_is_told_within_milliseconds),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
