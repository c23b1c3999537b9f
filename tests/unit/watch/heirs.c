/*
 * Who goes on for a daemon that forks twice and lets both parents end: whenever that is seen. The one in between
 * forks and ends between any two questions to the kernel that the search for an heir asks.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "watch/live.h"
#include "watch/procfs.h"
#include "watch/watch_private.h"

/* -- a daemon ------------------------------------------------------------------------------- */

enum generation { FIRST, BETWEEN, LAST, GENERATIONS };

/* What is said to one of them, and answered with the same. */
enum word {
	FORK = 'f',
	END = 'e',	  /* well */
	END_SLOWLY = 's', /* so that it can be met while it does */
	END_BADLY = 'b',
	GROW = 'g', /* by a thread */
};

#define BAD_CODE 33
/* What takes some milliseconds to be given back, which a process does on its way out. */
#define SLOW_BYTES ((size_t)24 << 20)

static int ends[GENERATIONS][2]; /* of each a pair of sockets: the test's and its own */
static pid_t pids[GENERATIONS];
static pid_t starter;
static char waits[4096]; /* the helper that does nothing */

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

static void take_memory(void)
{
	char *memory =
		mmap(NULL, SLOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(memory, 1, SLOW_BYTES);
}

static void say_pid(enum generation which)
{
	pid_t own = getpid();

	prctl(PR_SET_PDEATHSIG, 0);
	if (write(ends[which][1], &own, sizeof(own)) != sizeof(own))
		_exit(91);
}

/* Does what it is told; nobody says anything any more when the test has ended. */
static void live(enum generation which)
{
	pthread_t thread;
	char word;

	say_pid(which);
	while (read(ends[which][1], &word, 1) == 1) {
		if (word == FORK && fork() == 0) {
			which++;
			/* As daemons do. */
			if (which == BETWEEN)
				setsid();
			say_pid(which);
			continue;
		}
		if (word == GROW)
			pthread_create(&thread, NULL, wait_for_ever, NULL);
		if (word == END_SLOWLY)
			take_memory();
		if (word == END || word == END_SLOWLY)
			_exit(0);
		if (word == END_BADLY)
			_exit(BAD_CODE);
		if (write(ends[which][1], &word, 1) != 1)
			_exit(92);
	}
	_exit(93);
}

static void hear_pid(enum generation which)
{
	assert_int_equal(
		read(ends[which][0], &pids[which], sizeof(pids[which])), sizeof(pids[which]));
}

static void say(enum generation which, enum word word)
{
	char answer = (char)word;

	assert_int_equal(write(ends[which][0], &answer, 1), 1);
	if (word != FORK && word != GROW)
		return;
	assert_int_equal(read(ends[which][0], &answer, 1), 1);
	if (word == FORK)
		hear_pid(which + 1);
}

/* Whoever its parent is. */
static void wait_until_ended(pid_t pid)
{
	struct pollfd ended = { .fd = pidfd_new(pid), .events = POLLIN };

	assert_true(ended.fd >= 0);
	assert_int_equal(poll(&ended, 1, PATIENCE_MS), 1);
	close(ended.fd);
}

static void wait_until_on_its_way(pid_t pid)
{
	struct process_stat stat;

	while (process_stat_read(pid, &stat) == 0 && !stat.exits)
		sched_yield();
}

/*
 * Another one than the subreaper, so that who has lost its parent is known by its new one; and another program than
 * what is looked for. `alive` closes as that begins.
 */
static void start_first(int alive)
{
	if (fork() == 0) {
		close(alive);
		live(FIRST);
	}
	execl(waits, waits, "600", (char *)NULL);
	_exit(94);
}

static uint16_t daemon_start(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), begun[2];
	socklen_t len = sizeof(address);
	char byte;

	assert_int_equal(bind(fd, (void *)&address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (void *)&address, &len), 0);
	for (int i = 0; i < GENERATIONS; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]), 0);
	assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
	starter = fork();
	if (starter == 0) {
		for (int i = 0; i < GENERATIONS; i++)
			close(ends[i][0]);
		start_first(begun[1]);
	}
	hear_pid(FIRST);
	close(begun[1]);
	assert_int_equal(read(begun[0], &byte, 1), 0);
	close(begun[0]);
	close(fd);
	for (int i = 0; i < GENERATIONS; i++)
		close(ends[i][1]);
	return ntohs(address.sin_port);
}

static void end(pid_t *pid)
{
	if (*pid) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

/* Each is ours, as their subreaper, once the one before it has ended. */
static void daemon_end(void)
{
	end(&starter);
	for (int i = 0; i < GENERATIONS; i++) {
		end(&pids[i]);
		close(ends[i][0]);
	}
}

/* -- what happens between two questions ------------------------------------------------------- */

/* How the one in between ends. */
struct way {
	const char *name;
	enum word word;
	bool has_thread;
	bool reaped;
	bool has_program; /* as for a moment whoever is on its way out and told dead */
};

static const struct way ways[] = {
	{ "ended", END, false, false, false },
	{ "reaped", END, false, true, false },
	{ "on its way out", END_SLOWLY, false, false, false },
	{ "on its way out with a thread", END_SLOWLY, true, false, false },
	{ "on its way out with its program", END_SLOWLY, false, false, true },
};

static struct {
	bool on;
	unsigned points; /* questions so far */
	unsigned fork_at, end_at;
	const struct way *way;
	bool forked, ended;
} between;

static void fork_between(void)
{
	between.forked = true;
	say(BETWEEN, FORK);
	if (between.way->has_thread)
		say(BETWEEN, GROW);
}

static void end_between(void)
{
	between.ended = true;
	say(BETWEEN, between.way->word);
	if (between.way->word == END_SLOWLY)
		wait_until_on_its_way(pids[BETWEEN]);
	else
		wait_until_ended(pids[BETWEEN]);
	if (!between.way->reaped)
		return;
	waitpid(pids[BETWEEN], NULL, 0);
	pids[BETWEEN] = 0;
}

static void point(void)
{
	unsigned at;

	if (!between.on)
		return;
	between.on = false;
	at = between.points++;
	if (!between.forked && at >= between.fork_at)
		fork_between();
	if (between.forked && !between.ended && at >= between.end_at)
		end_between();
	between.on = true;
}

/* In place of those of libraries. */
#define REAL(fn, ...) ((typeof(fn) *)dlsym(RTLD_NEXT, #fn))(__VA_ARGS__)

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	point();
	return REAL(bpf_map_lookup_elem, fd, key, value);
}

int bpf_map_get_next_key(int fd, const void *key, void *next_key)
{
	point();
	return REAL(bpf_map_get_next_key, fd, key, next_key);
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	int err;

	point();
	err = REAL(bpf_map_update_elem, fd, key, value, flags);
	point();
	return err;
}

DIR *opendir(const char *path)
{
	char own[32];

	if (streq(path, "/proc"))
		point();
	for (int i = 0; i < GENERATIONS; i++) {
		snprintf(own, sizeof(own), "/proc/%d/fd", pids[i]);
		if (streq(path, own))
			point();
	}
	return REAL(opendir, path);
}

/* That moment is too short to be met: until it is dead, it has that of all of them. */
static const char *program_path(const char *path)
{
	struct process_stat stat;
	char own[32];

	if (!between.ended || !between.way->has_program)
		return path;
	snprintf(own, sizeof(own), "/proc/%d/exe", pids[BETWEEN]);
	return streq(path, own) && process_stat_read(pids[BETWEEN], &stat) == 0 &&
			       !process_stat_is_dead(&stat)
		       ? "/proc/self/exe"
		       : path;
}

ssize_t readlink(const char *path, char *link, size_t size)
{
	return readlinkat(AT_FDCWD, program_path(path), link, size);
}

int stat(const char *path, struct stat *ret)
{
	return fstatat(AT_FDCWD, program_path(path), ret, 0);
}

static const struct backend_ops *real_ops;

static int add_process_between(
	struct backend *backend, pid_t pid, const char *service, struct process *ret)
{
	int err;

	point();
	err = real_ops->add_process(backend, pid, service, ret);
	point();
	return err;
}

/* Relatives whose numbers are others' by the time they are looked at; and how often such a one was let go of. */
static bool are_strangers;
static unsigned n_let_go;

static size_t family_of_strangers(
	struct backend *backend, pid_t family, struct process *ret, size_t max)
{
	size_t n = real_ops->family(backend, family, ret, max);

	for (size_t i = 0; i < n && are_strangers; i++)
		ret[i].start_boot_ns--;
	return n;
}

static void remove_process_noted(struct backend *backend, pid_t pid)
{
	n_let_go += pid == pids[BETWEEN];
	real_ops->remove_process(backend, pid);
}

static void interfere(void)
{
	static struct backend_ops ops;

	real_ops = watch->ops;
	ops = *real_ops;
	ops.add_process = add_process_between;
	ops.remove_process = remove_process_noted;
	if (ops.family)
		ops.family = family_of_strangers;
	watch->ops = &ops;
}

/* -- the stories ------------------------------------------------------------------------------ */

static struct service *chosen;

/* Of whom nothing is wanted but that they are in the kernel's map, where one is read after the other. */
#define OTHERS 2
static pid_t others[OTHERS];

static void on_added(struct service *service, void *selection_userdata, void *userdata)
{
	chosen = service;
}

static int setup_heirs(void **state)
{
	struct service *service;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setup(state);
	if (!watch)
		return 0;
	watch->options.on_added = on_added;
	interfere();
	for (int i = 0; i < OTHERS; i++) {
		others[i] = fork();
		if (others[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			execl(waits, waits, "600", (char *)NULL);
			_exit(94);
		}
		assert_int_equal(watch_add_process(watch, "another", others[i], &service), 0);
	}
	return 0;
}

static int teardown_heirs(void **state)
{
	between.on = false;
	daemon_end();
	for (int i = 0; i < OTHERS; i++)
		end(&others[i]);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	return teardown(state);
}

/* What is due, and what has come, without waiting for timers. */
static void turn(void)
{
	watch->ops->drain(watch->backend);
	watch_do_what_is_wanted(watch);
	sd_event_run(loop, 1000);
}

static bool turn_until_owned_by(const struct service *service, pid_t pid)
{
	int64_t until = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (info_of(service).pid != pid && !count_seen(SERVICE_DIED)) {
		/* All that could be asked was: what has not happened yet does now. */
		if (between.on && info_of(service).pid != pids[FIRST]) {
			between.on = false;
			if (!between.forked)
				fork_between();
			if (!between.ended)
				end_between();
			pid = pids[LAST];
		}
		if (clock_boot_ns() > until)
			return false;
		turn();
	}
	return info_of(service).pid == pid;
}

static void by_address(uint16_t port, struct selection **ret)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct watch_spec spec = {
		.name = "x", .kind = SELECT_LISTEN, .address = (void *)&address
	};
	char error[200];

	assert_int_equal(watch_select(watch, &spec, ret, error, sizeof(error)), 0);
}

/* All of them run this program, and who watches is no service. */
static void by_program(uint16_t port, struct selection **ret)
{
	char error[200], path[2048];
	const struct watch_spec spec = { .name = "x", .kind = SELECT_EXE, .text = path };
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	assert_true(len > 0);
	path[len] = '\0';
	assert_int_equal(watch_select(watch, &spec, ret, error, sizeof(error)), 0);
}

/* How often was something asked? */
static unsigned tell_story(void (*begin)(uint16_t, struct selection **), const struct way *way,
	unsigned fork_at, unsigned end_at)
{
	struct selection *selection;
	struct service *service;

	begin(daemon_start(), &selection);
	service = chosen;
	n_seen = 0;
	between = (typeof(between)){ .way = way, .fork_at = fork_at, .end_at = end_at };
	if (!turn_until_owned_by(service, pids[FIRST]))
		fail_msg("%d is not found", pids[FIRST]);
	n_seen = 0;
	say(FIRST, FORK);
	say(FIRST, END);
	wait_until_ended(pids[FIRST]);
	/* As if that had taken its time: several that end at once share a look at all processes. */
	watch->finder.collected_boot_ns = 0;
	between.on = true;
	if (!turn_until_owned_by(service, 0) || info_of(service).state != SERVICE_UP)
		fail_msg("%s at %u, forked at %u of %u: %zu deaths, owned by %d of %d %d %d",
			way->name, end_at, fork_at, between.points, count_seen(SERVICE_DIED),
			info_of(service).pid, pids[FIRST], pids[BETWEEN], pids[LAST]);
	assert_int_equal(count_seen(SERVICE_DIED), 0);
	say(LAST, END_BADLY);
	if (!wait_for(SERVICE_DIED, 1, PATIENCE_MS))
		fail_msg("%s at %u, forked at %u: the end of the last is not told", way->name,
			end_at, fork_at);
	watch_unselect(selection);
	daemon_end();
	return between.points;
}

/* He forks at most so many questions before he ends: where a walk passes both, it is within a few. */
#define BETWEEN_MAX 3

/* Of so many questions he ends at one, each way at another: all of them take minutes where a machine is emulated. */
static unsigned every = 1;

static void tell_all(void (*begin)(uint16_t, struct selection **))
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		unsigned points = tell_story(begin, &ways[i], UINT32_MAX, UINT32_MAX);
		/* How he ended matters at his end alone. */
		unsigned most = i == 0 ? BETWEEN_MAX : 0;

		for (unsigned end_at = i % every; end_at < points; end_at += every) {
			for (unsigned n = 0; n <= MIN(end_at, most); n++)
				tell_story(begin, &ways[i], end_at - n, end_at);
		}
		printf("  %s: %u questions\n", ways[i].name, points);
	}
}

static void whoever_listens_last_is_the_service(void **state)
{
	SKIP_WITHOUT_BACKEND();
	tell_all(by_address);
}

static void whoever_runs_the_program_last_is_the_service(void **state)
{
	SKIP_WITHOUT_BACKEND();
	tell_all(by_program);
}

/* Else the kernel would go on to tell of somebody whom nobody wants. */
static void whoever_has_a_relatives_number_is_let_go_of(void **state)
{
	void (*const begins[])(uint16_t, struct selection **) = { by_address, by_program };

	SKIP_WITHOUT_BACKEND();
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		struct selection *selection;

		begins[i](daemon_start(), &selection);
		n_seen = 0;
		assert_true(turn_until_owned_by(chosen, pids[FIRST]));
		n_seen = n_let_go = 0;
		are_strangers = true;
		say(FIRST, FORK);
		say(FIRST, END);
		wait_until_ended(pids[FIRST]);
		watch->ops->drain(watch->backend);
		are_strangers = false;
		assert_int_equal(count_seen(SERVICE_DIED), 1);
		assert_true(n_let_go > 0);
		watch_unselect(selection);
		daemon_end();
	}
}

#define WITH_HEIRS(backend, fn)                                                                    \
	{                                                                                          \
#backend ": " #fn, fn, setup_heirs, teardown_heirs,                                \
			(void *)(uintptr_t)&with_##backend                                         \
	}
#define WITH_ALL(fn)                                                                               \
	WITH_HEIRS(kernel, fn), WITH_HEIRS(kernel_by_file, fn), WITH_HEIRS(pidfd, fn),             \
		WITH_HEIRS(poll, fn)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(whoever_listens_last_is_the_service),
		WITH_ALL(whoever_runs_the_program_last_is_the_service),
		WITH_HEIRS(kernel, whoever_has_a_relatives_number_is_let_go_of),
		WITH_HEIRS(kernel_by_file, whoever_has_a_relatives_number_is_let_go_of),
	};

	if (!helper_path(waits, sizeof(waits), "waits"))
		return 0;
	if (getenv("TOLLD_HEIRS_EVERY"))
		every = MAX(1u, (unsigned)strtoul(getenv("TOLLD_HEIRS_EVERY"), NULL, 10));
	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
