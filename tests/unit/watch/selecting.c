/* Services by program, command line and pidfile, with each backend and the real kernel. */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "watch/live.h"
#include "watch/procfs.h"

static char folder[64];
static char waits[4096]; /* the helper that does nothing */
static struct selection *selection;
static struct service *service;

/* What a test has started and did not end by itself. */
static pid_t started[16];
static size_t n_started;

/* As fork(). The child ends with us, and with its test. */
static pid_t start_child(void)
{
	pid_t pid;

	assert_true(n_started < ARRAY_SIZE(started));
	pid = fork();
	assert_true(pid >= 0);
	if (pid)
		started[n_started++] = pid;
	else
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void end(pid_t pid, int with)
{
	kill(pid, with);
	waitpid(pid, NULL, 0);
	for (size_t i = 0; i < n_started; i++) {
		if (started[i] == pid)
			started[i] = started[--n_started];
	}
}

static void on_added(struct service *added, void *selection_userdata, void *userdata)
{
	service = added;
}

static bool counting = true;

static void on_event_that_counts(struct service *s, enum service_event what, void *userdata)
{
	if (counting)
		on_event(s, what, userdata);
}

static void copy_file(const char *from, const char *to)
{
	size_t len;
	scoped(freep) char *bytes = read_file(from, &len);
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static const char *in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int setup_folder(void **state)
{
	const struct watch_options options = {
		.backend = ((const struct facts *)*state)->kind,
		.btf_file = ((const struct facts *)*state)->btf_file,
		.bpffs_dir = "",
		.on_event = on_event_that_counts,
		.on_added = on_added,
	};
	char error[512];

	facts = *state;
	n_seen = 0;
	counting = true;
	selection = NULL;
	service = NULL;
	snprintf(folder, sizeof(folder), "/tmp/tolld-selecting-XXXXXX");
	assert_non_null(mkdtemp(folder));
	copy_file(waits, in_folder("a program"));
	assert_int_equal(sd_event_new(&loop), 0);
	if (watch_new(loop, &options, &watch, error, sizeof(error))) {
		say_skipped(error);
		watch = NULL;
	}
	return 0;
}

static int teardown_folder(void **state)
{
	static const char *const names[] = { "a program", "another", "pid", "link", "run/pid",
		"run", "another/pid", "another" };

	while (n_started)
		end(started[0], SIGKILL);
	teardown(state);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remove(in_folder(names[i]));
	rmdir(folder);
	return 0;
}

#define WITH(backend, fn)                                                                          \
	{                                                                                          \
#backend ": " #fn, fn, setup_folder, teardown_folder,                              \
			(void *)(uintptr_t)&with_##backend                                         \
	}
#define WITH_ALL(fn) WITH(kernel, fn), WITH(kernel_by_file, fn), WITH(pidfd, fn), WITH(poll, fn)

static void choose(enum selector_kind kind, const char *text, enum service_expect expect)
{
	const struct watch_spec spec = {
		.name = "x", .kind = kind, .text = text, .expect = expect
	};
	char error[200];

	assert_int_equal(watch_select(watch, &spec, &selection, error, sizeof(error)), 0);
	assert_non_null(service);
}

static pid_t start(const char *program, const char *argument)
{
	pid_t pid = start_child();

	if (pid == 0) {
		execl(program, program, argument, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static bool is_asleep(pid_t pid)
{
	struct process_stat stat;

	return process_stat_read(pid, &stat) == 0 && stat.state == 'S';
}

/*
 * Until it was made, a process is what its parent is. And /proc shows its program before the kernel tells
 * that it runs, as a start that was seen: only when it sleeps it has begun for sure.
 */
static void wait_runs(pid_t pid, const char *program)
{
	int64_t end_ns = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	struct stat wanted, runs = { 0 };
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	assert_int_equal(stat(program, &wanted), 0);
	while ((stat(path, &runs) || runs.st_ino != wanted.st_ino || runs.st_dev != wanted.st_dev ||
		       !is_asleep(pid)) &&
		clock_boot_ns() < end_ns)
		turn_for(1);
	assert_int_equal(runs.st_ino, wanted.st_ino);
}

static bool wait_state(enum service_state state)
{
	int64_t end_ns = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (info_of(service).state != state && clock_boot_ns() < end_ns)
		sd_event_run(loop, 10000);
	return info_of(service).state == state;
}

static void wait_up(pid_t pid)
{
	if (!wait_state(SERVICE_UP))
		fail_msg("the process was not found");
	assert_int_equal(info_of(service).pid, pid);
}

/* -- programs ------------------------------------------------------------------------------- */

static void a_program_that_runs_already_is_found(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start(in_folder("a program"), "1000");
	wait_runs(pid, in_folder("a program"));
	choose(SELECT_EXE, in_folder("a program"), EXPECTED_RUNNING);
	assert_int_equal(info_of(service).state, SERVICE_UNKNOWN);
	wait_up(pid);
	/* Since when it runs nobody saw. */
	assert_int_equal(info_of(service).since.boot_ns, 0);
	assert_string_equal(info_of(service).comm, "a program");
	end(pid, SIGKILL);
	assert_true(wait_state(SERVICE_DOWN));
	assert_int_equal(count_seen(SERVICE_DIED), 1);
}

static void assert_cause(const char *begin, const char *path, const char *end)
{
	struct strbuf cause = STRBUF_INIT;
	char want[400];

	snprintf(want, sizeof(want), "%s%s%s", begin, path, end);
	service_cause(service, &cause);
	assert_string_equal(cause.s, want);
	strbuf_release(&cause);
}

static void one_never_seen_is_down_and_one_that_starts_is_found(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	choose(SELECT_EXE, in_folder("a program"), EXPECTED_RUNNING);
	assert_true(wait_state(SERVICE_DOWN));
	assert_cause("no process runs ", in_folder("a program"), "");
	pid = start(in_folder("a program"), "1000");
	wait_up(pid);
	end(pid, SIGKILL);
	assert_true(wait_state(SERVICE_DOWN));
	assert_int_equal(info_of(service).deaths, 1);
}

/* However soon it is back, it was dead; what nobody can see of it is not guessed. */
static void a_restart_within_20_ms_is_a_death_and_a_restart(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start(in_folder("a program"), "1000");
	choose(SELECT_EXE, in_folder("a program"), EXPECTED_RUNNING);
	wait_up(pid);
	n_seen = 0;
	for (unsigned i = 1; i <= 5; i++) {
		end(pid, SIGKILL);
		turn_for(10);
		pid = start(in_folder("a program"), "1000");
		if (!wait_for(SERVICE_APPEARED, i, PATIENCE_MS))
			fail_msg("restart %u was not seen", i);
		wait_up(pid);
		assert_int_equal(info_of(service).deaths, i);
		assert_int_equal(info_of(service).restarts, i);
	}
	/* Each death was told before the start that followed it. */
	assert_int_equal(seen[0].what, SERVICE_DIED);
	for (size_t i = 1; i < n_seen; i++) {
		/* What it was at first is told, too. */
		if (i == 1 && seen[0].what == SERVICE_CHANGED)
			continue;
		if (seen[i].what == SERVICE_APPEARED)
			assert_int_equal(seen[i - 1].what == SERVICE_DIED ||
						 seen[i - 1].what == SERVICE_CAUSE,
				1);
	}
	end(pid, SIGKILL);
}

/* Seen from the instant it starts: no look could come in time. */
static void a_life_of_a_millisecond_is_seen(void **state)
{
	SKIP_WITHOUT_BACKEND();
	choose(SELECT_EXE, in_folder("a program"), EXPECTED_RUNNING);
	assert_true(wait_state(SERVICE_DOWN));
	for (unsigned i = 1; i <= 20; i++) {
		/* It does not know the argument, and exits with 1. */
		pid_t pid = start(in_folder("a program"), "nonsense");

		end(pid, 0);
		n_seen = 0;
		if (info_of(service).deaths < i && !wait_for(SERVICE_DIED, 1, PATIENCE_MS))
			fail_msg("life %u was not seen", i);
		assert_int_equal(info_of(service).deaths, i);
		assert_int_equal(info_of(service).last_death.exit_code, 1);
	}
	assert_int_equal(info_of(service).restarts, 19);
}

static void a_name_alone_is_no_program(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	choose(SELECT_EXE, in_folder("a program"), EXPECTED_RUNNING);
	assert_true(wait_state(SERVICE_DOWN));
	n_seen = 0;
	/* The same name for the kernel, and another file. */
	assert_int_equal(mkdir(in_folder("run"), 0755), 0);
	pid = start_child();
	if (pid == 0) {
		prctl(PR_SET_NAME, "a program");
		execl(waits, "a program", "1000", (char *)NULL);
		_exit(127);
	}
	turn_for(700);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	/* Only that it is down was told. */
	assert_int_equal(n_seen, count_seen(SERVICE_CHANGED));
	end(pid, SIGKILL);
}

static void an_update_changes_the_file_and_not_the_service(void **state)
{
	char path[256];
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	snprintf(path, sizeof(path), "%s", in_folder("a program"));
	pid = start(path, "1000");
	wait_runs(pid, path);
	copy_file(waits, in_folder("another"));
	assert_int_equal(rename(in_folder("another"), path), 0);
	/* It runs what was there before. */
	choose(SELECT_EXE, path, EXPECTED_RUNNING);
	wait_up(pid);
	end(pid, SIGKILL);
	assert_true(wait_state(SERVICE_DOWN));
	pid = start(path, "1000");
	wait_up(pid);
	end(pid, SIGKILL);
}

static void a_process_that_becomes_another_program_is_left(void **state)
{
	pid_t pid;
	int go[2];
	char byte = 'x';

	SKIP_WITHOUT_BACKEND();
	choose(SELECT_CMDLINE, "^first stage", EXPECTED_RUNNING);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = start_child();
	if (pid == 0) {
		dup2(go[0], 0);
		execl(waits, "first stage", "then", waits, "1000", (char *)NULL);
		_exit(127);
	}
	wait_up(pid);
	assert_int_equal(write(go[1], &byte, 1), 1);
	if (facts->kind == WATCH_KERNEL) {
		assert_true(wait_for(SERVICE_LEFT, 1, PATIENCE_MS));
		assert_int_equal(info_of(service).state, SERVICE_DOWN);
		assert_int_equal(info_of(service).deaths, 0);
	}
	end(pid, SIGKILL);
	close(go[0]);
	close(go[1]);
}

static void arguments_are_searched_with_spaces_between_them(void **state)
{
	pid_t pid, other;

	SKIP_WITHOUT_BACKEND();
	choose(SELECT_CMDLINE, "a program 10{2}2$", EXPECTED_RUNNING);
	assert_true(wait_state(SERVICE_DOWN));
	other = start(in_folder("a program"), "1001");
	pid = start(in_folder("a program"), "1002");
	wait_up(pid);
	end(pid, SIGKILL);
	assert_true(wait_state(SERVICE_DOWN));
	end(other, SIGKILL);
}

static void of_several_the_parent_is_the_service(void **state)
{
	int up[2];
	pid_t pid, child;

	SKIP_WITHOUT_BACKEND();
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	pid = start_child();
	if (pid == 0) {
		child = fork();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			execl(in_folder("a program"), "a program", "1000", (char *)NULL);
		}
		if (write(up[1], &child, sizeof(child)) < 0)
			_exit(1);
		execl(in_folder("a program"), "a program", "1000", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(read(up[0], &child, sizeof(child)), sizeof(child));
	wait_runs(child, in_folder("a program"));
	wait_runs(pid, in_folder("a program"));
	choose(SELECT_EXE, in_folder("a program"), EXPECTED_RUNNING);
	wait_up(pid);
	assert_int_equal(info_of(service).processes, 2);
	end(pid, SIGKILL);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	close(up[0]);
	close(up[1]);
}

/* -- pidfiles ------------------------------------------------------------------------------- */

static void write_pid(const char *name, pid_t pid)
{
	FILE *f = fopen(in_folder(name), "we");

	assert_non_null(f);
	fprintf(f, "%d\n", pid);
	fclose(f);
}

static void a_pidfile_names_its_process_when_it_is_written(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	/* Neither the file nor its folder is there yet. */
	choose(SELECT_PIDFILE, in_folder("run/pid"), EXPECTED_RUNNING);
	assert_true(wait_state(SERVICE_DOWN));
	pid = start(waits, "1000");
	assert_int_equal(mkdir(in_folder("run"), 0755), 0);
	turn_for(50);
	write_pid("run/pid", pid);
	wait_up(pid);
	end(pid, SIGKILL);
	assert_true(wait_state(SERVICE_DOWN));
	assert_int_equal(info_of(service).deaths, 1);
	pid = start(waits, "1000");
	write_pid("run/pid", pid);
	wait_up(pid);
	assert_int_equal(info_of(service).restarts, 1);
	/* Another takes over while the old one lives: no death. */
	pid_t next = start(waits, "1000");
	write_pid("run/pid", next);
	assert_true(wait_for(SERVICE_APPEARED, 3, PATIENCE_MS));
	wait_up(next);
	end(pid, SIGKILL);
	turn_for(100);
	assert_int_equal(info_of(service).deaths, 1);
	end(next, SIGKILL);
}

static void a_pidfile_of_the_dead_names_nobody(void **state)
{
	const struct timespec long_ago[2] = { { .tv_sec = time(NULL) - 10 },
		{ .tv_sec = time(NULL) - 10 } };
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start(waits, "1000");
	/* Its number is in a file that was written before it started. */
	write_pid("pid", pid);
	assert_int_equal(utimensat(AT_FDCWD, in_folder("pid"), long_ago, 0), 0);
	choose(SELECT_PIDFILE, in_folder("pid"), EXPECTED_RUNNING);
	assert_true(wait_state(SERVICE_DOWN));
	turn_for(100);
	assert_int_equal(info_of(service).state, SERVICE_DOWN);
	assert_cause("", in_folder("pid"), " names no process that lives");
	end(pid, SIGKILL);
}

#define MANY 300

/* However long the turns take until it is read. */
static void wait_pid(const struct service *of, pid_t pid)
{
	int64_t end = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (info_of(of).pid != pid && clock_boot_ns() < end)
		turn_for(10);
	assert_int_equal(info_of(of).pid, pid);
}

/* Of so many none is passed over, though they are read in several turns, and some go meanwhile. */
static void pidfiles_of_which_nobody_told_are_read_by_a_resync(void **state)
{
	struct service *services[MANY];
	struct selection *selections[MANY];
	pid_t first, second;
	char text[280];

	SKIP_WITHOUT_BACKEND();
	first = start(waits, "1000");
	second = start(waits, "1000");
	/* inotify follows the folder that the link leads to, and not the link. */
	assert_int_equal(mkdir(in_folder("run"), 0755), 0);
	assert_int_equal(mkdir(in_folder("another"), 0755), 0);
	write_pid("run/pid", first);
	write_pid("another/pid", second);
	assert_int_equal(symlink("run", in_folder("link")), 0);
	snprintf(text, sizeof(text), "%s/link/pid", folder);
	/* Not so many events are remembered. */
	counting = false;
	for (size_t i = 0; i < MANY; i++) {
		choose(SELECT_PIDFILE, text, EXPECTED_RUNNING);
		services[i] = service;
		selections[i] = selection;
	}
	wait_up(first);
	assert_int_equal(remove(in_folder("link")), 0);
	assert_int_equal(symlink("another", in_folder("link")), 0);
	turn_for(50);
	assert_int_equal(info_of(services[0]).pid, first);
	watch_resync(watch);
	sd_event_run(loop, 1000000);
	sd_event_run(loop, 1000000);
	for (size_t i = MANY - 1; i > 0; i -= 13) {
		watch_unselect(selections[i]);
		services[i] = NULL;
		if (i < 13)
			break;
	}
	for (size_t i = 0; i < MANY; i++) {
		if (services[i])
			wait_pid(services[i], second);
	}
}

static void a_new_name_is_seen_by_a_resync(void **state)
{
	int64_t end_ns = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	int go[2];
	pid_t pid;
	char word;

	SKIP_WITHOUT_BACKEND();
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = start_child();
	if (pid == 0) {
		prctl(PR_SET_NAME, "the old name");
		while (read(go[0], &word, 1) == 1)
			prctl(PR_SET_NAME, "the new name");
		for (;;)
			pause();
	}
	turn_for(50);
	write_pid("pid", pid);
	choose(SELECT_PIDFILE, in_folder("pid"), EXPECTED_RUNNING);
	wait_up(pid);
	assert_string_equal(info_of(service).comm, "the old name");
	assert_int_equal(write(go[1], "x", 1), 1);
	turn_for(50);
	watch_resync(watch);
	while (!streq(info_of(service).comm, "the new name") && clock_boot_ns() < end_ns)
		sd_event_run(loop, 10000);
	assert_string_equal(info_of(service).comm, "the new name");
	close(go[0]);
	close(go[1]);
}

/* -- listening ------------------------------------------------------------------------------ */

static uint16_t listening_child(pid_t *ret, int *ret_say)
{
	int say[2], hear[2];
	uint16_t port = 0;

	assert_int_equal(pipe2(say, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hear, O_CLOEXEC), 0);
	*ret = start_child();
	if (*ret == 0) {
		struct sockaddr_in address = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof(address);
		int fd = -1;
		char word;

		close(say[1]);
		while (read(say[0], &word, 1) == 1) {
			if (word == 'l') {
				fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
				if (bind(fd, (void *)&address, len) || listen(fd, 8) ||
					getsockname(fd, (void *)&address, &len))
					_exit(3);
			} else {
				close(fd);
			}
			port = ntohs(address.sin_port);
			if (write(hear[1], &port, sizeof(port)) < 0)
				_exit(4);
		}
		_exit(0);
	}
	close(say[0]);
	close(hear[1]);
	*ret_say = say[1];
	return (uint16_t)hear[0];
}

static void a_service_that_is_to_listen_is_up_while_it_does(void **state)
{
	pid_t pid;
	uint16_t port;
	int say, hear;

	SKIP_WITHOUT_BACKEND();
	hear = listening_child(&pid, &say);
	write_pid("pid", pid);
	choose(SELECT_PIDFILE, in_folder("pid"), EXPECTED_LISTENING);
	assert_true(wait_for(SERVICE_APPEARED, 1, PATIENCE_MS));
	assert_true(wait_state(SERVICE_DOWN));
	assert_int_equal(info_of(service).pid, pid);
	assert_int_equal(write(say, "l", 1), 1);
	assert_int_equal(read(hear, &port, sizeof(port)), sizeof(port));
	wait_up(pid);
	assert_true(info_of(service).listening);
	assert_int_equal(write(say, "c", 1), 1);
	assert_int_equal(read(hear, &port, sizeof(port)), sizeof(port));
	assert_true(wait_for(SERVICE_LISTENER_GONE, 1, PATIENCE_MS));
	assert_true(wait_state(SERVICE_DOWN));
	assert_int_equal(info_of(service).pid, pid);
	assert_int_equal(write(say, "l", 1), 1);
	assert_int_equal(read(hear, &port, sizeof(port)), sizeof(port));
	wait_up(pid);
	end(pid, SIGKILL);
	assert_true(wait_state(SERVICE_DOWN));
	assert_int_equal(info_of(service).deaths, 1);
	close(say);
	close(hear);
}

/* -- the rest ------------------------------------------------------------------------------- */

static void what_is_no_description_is_refused(void **state)
{
	static const struct {
		enum selector_kind kind;
		const char *text, *error;
	} rows[] = {
		{ SELECT_EXE, "nginx", "slash" },
		{ SELECT_PIDFILE, "nginx.pid", "slash" },
		{ SELECT_CMDLINE, "(", "" },
	};

	SKIP_WITHOUT_BACKEND();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct watch_spec spec = {
			.name = "x", .kind = rows[i].kind, .text = rows[i].text
		};
		char error[200] = "";

		assert_int_equal(
			watch_select(watch, &spec, &selection, error, sizeof(error)), -EINVAL);
		assert_non_null(strstr(error, rows[i].error));
		assert_int_equal(watch_services(watch), 0);
	}
}

static void what_is_no_longer_selected_is_not_watched(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start(in_folder("a program"), "1000");
	choose(SELECT_EXE, in_folder("a program"), EXPECTED_RUNNING);
	wait_up(pid);
	n_seen = 0;
	watch_unselect(selection);
	assert_int_equal(watch_services(watch), 0);
	end(pid, SIGKILL);
	pid = start(in_folder("a program"), "1000");
	turn_for(100);
	assert_int_equal(n_seen, 0);
	end(pid, SIGKILL);
}

/* Its opening, which takes long, has such a test elsewhere. */
static int select_and_look(void *userdata)
{
	static const enum selector_kind kinds[] = { SELECT_EXE, SELECT_CMDLINE, SELECT_PIDFILE };
	struct selection *made[ARRAY_SIZE(kinds)];
	char error[512];
	size_t n = 0;
	int err = 0;

	for (; !err && n < ARRAY_SIZE(kinds); n += !err) {
		const struct watch_spec spec = {
			.name = "x",
			.kind = kinds[n],
			.text = in_folder(kinds[n] == SELECT_PIDFILE ? "pid" : "a program"),
		};

		err = watch_select(watch, &spec, &made[n], error, sizeof(error));
	}
	if (!err)
		sd_event_run(loop, 10000);
	while (n)
		watch_unselect(made[--n]);
	n_seen = 0;
	return err;
}

static void selecting_survives_every_allocation_that_fails(void **state)
{
	pid_t pid;

	SKIP_WITHOUT_BACKEND();
	pid = start(in_folder("a program"), "1000");
	write_pid("pid", pid);
	wait_runs(pid, in_folder("a program"));
	with_failing_allocations(select_and_look, NULL);
	end(pid, SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(a_program_that_runs_already_is_found),
		WITH_ALL(one_never_seen_is_down_and_one_that_starts_is_found),
		WITH_ALL(a_restart_within_20_ms_is_a_death_and_a_restart),
		WITH(kernel, a_life_of_a_millisecond_is_seen),
		WITH(kernel_by_file, a_life_of_a_millisecond_is_seen),
		WITH_ALL(a_name_alone_is_no_program),
		WITH_ALL(an_update_changes_the_file_and_not_the_service),
		WITH_ALL(a_process_that_becomes_another_program_is_left),
		WITH_ALL(arguments_are_searched_with_spaces_between_them),
		WITH_ALL(of_several_the_parent_is_the_service),
		WITH_ALL(a_pidfile_names_its_process_when_it_is_written),
		WITH_ALL(a_pidfile_of_the_dead_names_nobody),
		WITH_ALL(pidfiles_of_which_nobody_told_are_read_by_a_resync),
		WITH(pidfd, a_new_name_is_seen_by_a_resync),
		WITH(poll, a_new_name_is_seen_by_a_resync),
		WITH_ALL(a_service_that_is_to_listen_is_up_while_it_does),
		WITH_ALL(what_is_no_description_is_refused),
		WITH_ALL(what_is_no_longer_selected_is_not_watched),
		WITH_ALL(selecting_survives_every_allocation_that_fails),
	};

	ask_facts();
	if (!helper_path(waits, sizeof(waits), "waits"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
