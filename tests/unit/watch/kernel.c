/*
 * The kernel backend against the real kernel: every event is compared with what waitpid() or the sockets
 * themselves say. Needs root and BTF; says so aloud where it has to skip.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "watch/internal.h"

#define SEEN_MAX 64

struct seen {
	enum service_event what;
	int64_t at_ns; /* when the callback ran */
	struct service_info info;
};

static sd_event *loop;
static struct watch *watch;
static struct seen seen[SEEN_MAX];
static size_t n_seen;
static char bpffs_dir[64];

static void on_event(struct service *service, enum service_event what, void *userdata)
{
	assert_true(n_seen < SEEN_MAX);
	seen[n_seen].what = what;
	seen[n_seen].at_ns = clock_boot_ns();
	service_info(service, &seen[n_seen].info);
	n_seen++;
}

/* Turns the loop until `n` events of the kind were seen, or the time is over. */
static bool wait_for(enum service_event what, size_t n, int64_t ms)
{
	int64_t end = clock_boot_ns() + ms * NSEC_PER_MSEC;

	for (;;) {
		size_t got = 0;

		for (size_t i = 0; i < n_seen; i++)
			got += seen[i].what == what;
		if (got >= n)
			return true;
		if (clock_boot_ns() >= end)
			return false;
		sd_event_run(loop, 10000);
	}
}

static void turn_for(int64_t ms)
{
	int64_t end = clock_boot_ns() + ms * NSEC_PER_MSEC;

	while (clock_boot_ns() < end)
		sd_event_run(loop, 5000);
}

static size_t count_seen(enum service_event what)
{
	size_t n = 0;

	for (size_t i = 0; i < n_seen; i++)
		n += seen[i].what == what;
	return n;
}

static const struct seen *last_seen(enum service_event what)
{
	for (size_t i = n_seen; i-- > 0;) {
		if (seen[i].what == what)
			return &seen[i];
	}
	fail_msg("no such event was seen");
	return NULL;
}

static struct service_info info_of(const struct service *service)
{
	struct service_info info;

	service_info(service, &info);
	return info;
}

static int open_watch(uint32_t ring_bytes)
{
	const struct watch_options options = {
		.backend = WATCH_AUTO,
		.bpffs_dir = bpffs_dir,
		.on_event = on_event,
	};
	char error[512];
	int err;

	n_seen = 0;
	assert_int_equal(sd_event_new(&loop), 0);
	err = watch_new_with_ring(loop, &options, ring_bytes, &watch, error, sizeof(error));
	if (err)
		printf("SKIPPED: the kernel backend does not work here: %s\n", error);
	return err;
}

static int setup(void **state)
{
	snprintf(bpffs_dir, sizeof(bpffs_dir), "/sys/fs/bpf/tolld-test-%d", getpid());
	watch = NULL;
	if (open_watch(0))
		loop = sd_event_unref(loop);
	return 0;
}

static int teardown(void **state)
{
	watch_free(watch);
	watch = NULL;
	loop = sd_event_unref(loop);
	return 0;
}

#define SKIP_WITHOUT_KERNEL()                                                                      \
	do {                                                                                       \
		if (!watch)                                                                        \
			skip();                                                                    \
	} while (0)

/* -- scenarios ------------------------------------------------------------------------------ */

struct helper {
	pid_t pid;
	FILE *in, *out;
};

/* build/tests/helpers/NAME beside this program, or in the build without sanitizers. */
static bool helper_path(char *out, size_t size, const char *name)
{
	static const char *const dirs[] = { "../../helpers", "../../../../build/tests/helpers" };
	char own[2048];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);

	assert_true(len > 0);
	own[len] = '\0';
	*strrchr(own, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(out, size, "%s/%s/%s", own, dirs[i], name);
		if (access(out, X_OK) == 0)
			return true;
	}
	printf("SKIPPED: %s is not built (make helpers)\n", name);
	return false;
}

static void helper_start(struct helper *h, const char *path, const char *argument)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	h->pid = fork();
	if (h->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(path, path, argument, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	h->in = fdopen(in[1], "w");
	h->out = fdopen(out[0], "r");
}

static void helper_end(struct helper *h)
{
	fclose(h->in);
	fclose(h->out);
	waitpid(h->pid, NULL, 0);
}

/* The next line that begins with the word: its number. */
static unsigned helper_read(struct helper *h, const char *word, unsigned *ret_killer)
{
	char line[256], key[32];
	unsigned value;

	while (fgets(line, sizeof(line), h->out)) {
		if (sscanf(line, "%31s %i", key, (int *)&value) != 2)
			continue;
		if (ret_killer && streq(key, "killer"))
			*ret_killer = value;
		if (streq(key, word))
			return value;
	}
	fail_msg("the helper ended before it told its %s", word);
	return 0;
}

static void compare(const struct death *death, int status, const char *name)
{
	if (WIFEXITED(status)) {
		if (death->kind != DEATH_EXIT || death->exit_code != WEXITSTATUS(status))
			fail_msg("%s: told kind %d code %d, waitpid saw 0x%x", name, death->kind,
				death->exit_code, status);
		return;
	}
	if ((death->kind != DEATH_SIGNAL && death->kind != DEATH_OOM) ||
		death->signal != WTERMSIG(status) || death->core_dumped != !!WCOREDUMP(status))
		fail_msg("%s: told kind %d signal %d core %d, waitpid saw 0x%x", name, death->kind,
			death->signal, death->core_dumped, status);
}

static void run_scenario(
	const char *path, const char *name, struct death *ret, unsigned *ret_killer)
{
	struct strbuf cause = STRBUF_INIT;
	struct service *service;
	struct helper helper;
	unsigned status, pid;

	n_seen = 0;
	*ret_killer = 0;
	helper_start(&helper, path, name);
	pid = helper_read(&helper, "pid", NULL);
	assert_int_equal(watch_add_process(watch, name, (pid_t)pid, &service), 0);
	assert_true(wait_for(SERVICE_APPEARED, 1, 1000));
	fputs("go\n", helper.in);
	fflush(helper.in);
	if (!wait_for(SERVICE_DIED, 1, 5000))
		fail_msg("%s: its death was not told", name);
	status = helper_read(&helper, "status", ret_killer);
	helper_end(&helper);
	turn_for(30);
	assert_int_equal(count_seen(SERVICE_DIED), 1);
	*ret = info_of(service).last_death;
	assert_int_equal(ret->pid, pid);
	compare(ret, (int)status, name);
	death_describe(ret, &cause);
	printf("  %-32s 0x%-4x %s\n", name, status, cause.s);
	strbuf_release(&cause);
	watch_remove(service);
}

static void tells_every_death_as_waitpid_does(void **state)
{
	static const char *const names[] = {
		"exit-0",
		"exit-3",
		"leader-exits-first",
		"leader-exits-with-another-code",
		"exec-from-a-thread",
		"exec-from-the-leader",
		"kill-4-threads",
		"exit-group-of-5-threads",
		"all-threads-leave-at-once",
		"segv-without-core",
		"segv-with-core",
		"abort",
		"children-die-first",
		"vfork",
		"double-fork",
	};
	char path[4096];
	struct death death;
	unsigned killer;

	SKIP_WITHOUT_KERNEL();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		run_scenario(path, names[i], &death, &killer);
}

static void tells_who_sent_the_signal(void **state)
{
	static const char *const names[] = { "killed-by-another", "terminated-by-another",
		"hung-up-by-another", "obeys-sigterm" };
	char path[4096];
	struct death death;
	unsigned killer;

	SKIP_WITHOUT_KERNEL();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		run_scenario(path, names[i], &death, &killer);
		assert_true(death.has_sender);
		assert_int_equal(death.sender_pid, killer);
		assert_int_equal(death.sender_uid, getuid());
		assert_string_equal(death.sender_comm, "the killer");
		assert_true(death.final);
	}
}

static void tells_the_oom_killer_from_a_kill(void **state)
{
	char path[4096];
	struct death death;
	unsigned killer;

	SKIP_WITHOUT_KERNEL();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	run_scenario(path, "out-of-memory", &death, &killer);
	if (death.kind == DEATH_EXIT && death.exit_code == 77) {
		printf("SKIPPED: no memory limit can be set here\n");
		skip();
	}
	assert_int_equal(death.kind, DEATH_OOM);
	assert_int_equal(death.signal, SIGKILL);
	assert_true(death.by_kernel);
	assert_false(death.has_sender);
	assert_true(death.final);
	assert_in_range(death.peak_memory_bytes, (uint64_t)16 << 20, (uint64_t)64 << 20);
}

static void knows_the_peak_memory(void **state)
{
	char path[4096];
	struct death death;
	unsigned killer;

	SKIP_WITHOUT_KERNEL();
	if (!helper_path(path, sizeof(path), "exit_scenarios"))
		skip();
	run_scenario(path, "eats-64-mib", &death, &killer);
	assert_true(death.has_peak_memory);
	assert_in_range(death.peak_memory_bytes, (uint64_t)64 << 20, (uint64_t)96 << 20);
}

/* -- listeners ------------------------------------------------------------------------------ */

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
	if (listen_v4(port, 0) < 0)
		_exit(92);
	tell_peer(say);
	await_peer(hear);
	if (fork())
		_exit(0);
	if (fork())
		_exit(0);
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

static void a_service_that_runs_already_is_found(void **state)
{
	static void (*const ways[])(uint16_t, int, int) = { serve, serve_on_wildcard };

	SKIP_WITHOUT_KERNEL();
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		uint16_t port = free_port();
		struct service *service;
		struct server server;

		server_start(&server, ways[i], port);
		service = add_listen(port);
		assert_int_equal(info_of(service).state, SERVICE_UP);
		assert_int_equal(info_of(service).pid, server.pid);
		assert_string_equal(info_of(service).comm, "a server");
		assert_true(wait_for(SERVICE_APPEARED, 1, 1000));
		server_end(&server);
		assert_true(wait_for(SERVICE_LISTENER_GONE, 1, 1000));
		assert_int_equal(seen[1].what, SERVICE_DIED);
		assert_int_equal(seen[1].info.last_death.signal, SIGKILL);
		assert_int_equal(seen[1].info.last_death.sender_pid, getpid());
		assert_int_equal(info_of(service).state, SERVICE_DOWN);
		watch_remove(service);
	}
}

static void a_service_that_comes_later_and_restarts_is_followed(void **state)
{
	uint16_t port = free_port();
	struct service *service;
	struct server server;

	SKIP_WITHOUT_KERNEL();
	service = add_listen(port);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	turn_for(20);
	assert_int_equal(n_seen, 0);
	server_start(&server, serve, port);
	assert_true(wait_for(SERVICE_APPEARED, 1, 1000));
	assert_int_equal(info_of(service).pid, server.pid);
	assert_int_equal(info_of(service).restarts, 0);
	/* The loop does not turn in between: all of it is read in one go. */
	server_end(&server);
	server_start(&server, serve, port);
	assert_true(wait_for(SERVICE_APPEARED, 2, 1000));
	assert_int_equal(count_seen(SERVICE_DIED), 1);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(info_of(service).pid, server.pid);
	assert_int_equal(info_of(service).restarts, 1);
	assert_int_equal(info_of(service).deaths, 1);
	turn_for(100);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, 2, 1000));
	watch_remove(service);
}

static void a_listener_that_closes_is_told_while_its_process_lives(void **state)
{
	uint16_t port = free_port();
	struct strbuf cause = STRBUF_INIT;
	struct service *service;
	struct server server;

	SKIP_WITHOUT_KERNEL();
	server_start(&server, serve_then_close, port);
	service = add_listen(port);
	assert_int_equal(write(server.say, "x", 1), 1);
	assert_true(wait_for(SERVICE_LISTENER_GONE, 1, 1000));
	assert_int_equal(count_seen(SERVICE_DIED), 0);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	assert_int_equal(info_of(service).pid, server.pid);
	assert_false(info_of(service).listening);
	service_cause(service, &cause);
	printf("  %s\n", cause.s);
	strbuf_release(&cause);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, 1, 1000));
	watch_remove(service);
}

static void a_daemon_that_forks_after_it_listens_has_not_died(void **state)
{
	uint16_t port = free_port();
	struct service *service;
	struct server server;

	SKIP_WITHOUT_KERNEL();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	server_start(&server, serve_as_daemon, port);
	service = add_listen(port);
	assert_int_equal(info_of(service).pid, server.pid);
	assert_int_equal(write(server.say, "x", 1), 1);
	turn_for(150);
	assert_int_equal(count_seen(SERVICE_DIED), 0);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_not_equal(info_of(service).pid, server.pid);
	assert_int_equal(write(server.say, "x", 1), 1);
	assert_true(wait_for(SERVICE_DIED, 1, 1000));
	assert_int_equal(last_seen(SERVICE_DIED)->info.last_death.exit_code, 33);
	server_end(&server);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	watch_remove(service);
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

	SKIP_WITHOUT_KERNEL();
	service = add_listen(port);
	server_start(&server, serve_in_another_network, port);
	turn_for(50);
	server_end(&server);
	turn_for(50);
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
	if (!wait_for(SERVICE_LISTENER_GONE, 1, 3000) || count_seen(SERVICE_DIED) != 1)
		return 4;
	if (info_of(service).last_death.signal != SIGKILL)
		return 5;
	tell_peer(say);
	if (!wait_for(SERVICE_APPEARED, count_seen(SERVICE_APPEARED) + 1, 3000))
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

	SKIP_WITHOUT_KERNEL();
	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	server_start(&server, serve, port);
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

/* -- loss, pins, speed ---------------------------------------------------------------------- */

static void a_full_ring_is_counted_and_leads_to_a_resync(void **state)
{
	uint16_t port = free_port();
	struct watch_stats stats;
	struct service *service;
	struct server server;

	SKIP_WITHOUT_KERNEL();
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
	assert_true(wait_for(SERVICE_DIED, count_seen(SERVICE_DIED) + 1, 1000));
	assert_int_equal(last_seen(SERVICE_DIED)->info.last_death.pid, server.pid);
	watch_remove(service);
}

static void maps_are_pinned_for_root_alone_and_only_while_it_runs(void **state)
{
	struct watch_stats stats;
	char path[128];
	struct stat st;

	SKIP_WITHOUT_KERNEL();
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

static void backends_that_are_not_there_yet_say_so(void **state)
{
	static const enum watch_backend missing[] = { WATCH_PIDFD, WATCH_POLL };
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		const struct watch_options options = { .backend = missing[i] };
		struct watch *none;
		char error[256];

		assert_int_equal(watch_new(event, &options, &none, error, sizeof(error)), -ENOTSUP);
		assert_non_null(strstr(error, "not there yet"));
	}
	sd_event_unref(event);
}

#define ROUNDS 200

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void a_kill_is_told_within_milliseconds(void **state)
{
	static int64_t died_ns[ROUNDS], gone_ns[ROUNDS];
	uint16_t port = free_port();
	struct service *service;

	SKIP_WITHOUT_KERNEL();
	service = add_listen(port);
	for (int i = 0; i < ROUNDS; i++) {
		struct server server;
		int64_t start;

		n_seen = 0;
		server_start(&server, serve, port);
		assert_true(wait_for(SERVICE_APPEARED, 1, 1000));
		start = clock_boot_ns();
		kill(server.pid, SIGKILL);
		assert_true(wait_for(SERVICE_LISTENER_GONE, 1, 1000));
		died_ns[i] = last_seen(SERVICE_DIED)->at_ns - start;
		gone_ns[i] = last_seen(SERVICE_LISTENER_GONE)->at_ns - start;
		server_end(&server);
	}
	qsort(died_ns, ROUNDS, sizeof(died_ns[0]), by_size);
	qsort(gone_ns, ROUNDS, sizeof(gone_ns[0]), by_size);
	printf("  kill -9 to SERVICE_DIED: median %lld us, p99 %lld us; to SERVICE_LISTENER_GONE: "
	       "median %lld us, p99 %lld us\n",
		(long long)died_ns[ROUNDS / 2] / 1000, (long long)died_ns[ROUNDS * 99 / 100] / 1000,
		(long long)gone_ns[ROUNDS / 2] / 1000,
		(long long)gone_ns[ROUNDS * 99 / 100] / 1000);
	/* Twenty times what an idle machine needs: a busy one must not fail this. */
	assert_true(died_ns[ROUNDS / 2] < 20 * NSEC_PER_MSEC);
	watch_remove(service);
}

int main(void)
{
#define KERNEL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		KERNEL_TEST(tells_every_death_as_waitpid_does),
		KERNEL_TEST(tells_who_sent_the_signal),
		KERNEL_TEST(tells_the_oom_killer_from_a_kill),
		KERNEL_TEST(knows_the_peak_memory),
		KERNEL_TEST(a_service_that_runs_already_is_found),
		KERNEL_TEST(a_service_that_comes_later_and_restarts_is_followed),
		KERNEL_TEST(a_listener_that_closes_is_told_while_its_process_lives),
		KERNEL_TEST(a_daemon_that_forks_after_it_listens_has_not_died),
		KERNEL_TEST(the_same_port_in_another_network_namespace_is_not_ours),
		KERNEL_TEST(goes_on_after_all_privileges_are_dropped),
		KERNEL_TEST(a_full_ring_is_counted_and_leads_to_a_resync),
		KERNEL_TEST(maps_are_pinned_for_root_alone_and_only_while_it_runs),
		cmocka_unit_test(backends_that_are_not_there_yet_say_so),
		KERNEL_TEST(a_kill_is_told_within_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
