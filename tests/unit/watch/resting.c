/* Many services of which few run: what becomes of any of them is seen all the same. */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "watch/meter_private.h"
#include "watch/passes.h"
#include "watch/watch_private.h"

/* More than a pass reads in any case. */
#define SERVICES 300
/* What a pass leaves out, one of so many reads; and it may leave out sockets as often, for what they cost. */
#define PASSES 120
#define FDS    5
/* As on a machine of today. An emulated one takes a hundred times that, and would rest for minutes from each pass. */
#define COST_MAX_NS (2 * NSEC_PER_MSEC)
#define LIMIT	    777

static struct service *services[SERVICES];
static pid_t children[SERVICES];
static int orders[2], answers[2];

static void ignore_event(struct service *service, enum service_event what, void *userdata)
{
}

/* The next pass, as soon as it may be. */
static void measure(void)
{
	static const struct figures_callbacks callbacks = { .passed = on_passed };
	struct meter *meter = watch->meter;

	meter->last_spent_ns = MIN(meter->last_spent_ns, COST_MAX_NS);
	meter->sockets_spent_ns = MIN(meter->sockets_spent_ns, COST_MAX_NS);
	measure_with(&callbacks);
}

static struct service_figures figures_of(int i)
{
	struct service_figures figures;

	service_figures(services[i], &figures);
	return figures;
}

static void wait_for_ever(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* Descriptors, a listener, memory and a worker. */
static void grow(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (void *)&any, sizeof(any)) || listen(fd, 1))
		_exit(2);
	for (int i = 0; i < FDS; i++)
		open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fork() == 0)
		wait_for_ever();
}

/* The first one obeys; all others rest. */
static void live(int number)
{
	char order;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd = 3; fd < 1024; fd++) {
		if (fd != orders[0] && fd != answers[1])
			close(fd);
	}
	while (number == 0 && read(orders[0], &order, 1) == 1) {
		grow();
		if (write(answers[1], &order, 1) != 1)
			_exit(1);
	}
	wait_for_ever();
}

static void begin(void)
{
	assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answers, O_CLOEXEC), 0);
	for (int i = 0; i < SERVICES; i++) {
		char name[32];

		children[i] = fork();
		if (children[i] == 0)
			live(i);
		assert_true(children[i] > 0);
		snprintf(name, sizeof(name), "service %d", i);
		assert_int_equal(watch_add_process(watch, name, children[i], &services[i]), 0);
	}
}

static void end(void)
{
	for (int i = 0; i < SERVICES; i++) {
		kill(children[i], SIGKILL);
		assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
	}
	for (int i = 0; i < 2; i++) {
		close(orders[i]);
		close(answers[i]);
	}
}

static void assert_rested(int i, const struct tally_total *before)
{
	const struct service_figures now = figures_of(i);

	assert_int_equal(now.used->cpu_ns, before->cpu_ns);
	assert_int_equal(now.used->processes, 1);
	assert_int_equal(now.used->open_fds, before->open_fds);
	assert_true(now.used->has_resident && now.used->resident_bytes > 0);
	assert_true(now.has_sockets);
	assert_int_equal(now.listeners, 0);
	/* Its figures are of this pass, though nobody read it. */
	assert_true(now.used->passed_boot_ns > before->passed_boot_ns);
}

static void what_becomes_of_one_among_many_is_seen(void **state)
{
	const struct rlimit limit = { LIMIT, LIMIT };
	struct tally_total first, resting;
	struct service_figures now;

	SKIP_WITHOUT_BACKEND();
	begin();
	/* They have settled by the second. */
	measure();
	measure();
	first = *figures_of(0).used;
	resting = *figures_of(2).used;
	assert_int_equal(first.processes, 1);

	assert_int_equal(write(orders[1], "", 1), 1);
	assert_int_equal(read(answers[0], &(char){ 0 }, 1), 1);
	assert_int_equal(prlimit(children[1], RLIMIT_NOFILE, &limit, NULL), 0);
	measure();
	now = figures_of(0);
	assert_int_equal(now.used->processes, 2);
	assert_true(now.used->open_fds >= first.open_fds + FDS + 1);
	assert_true(now.used->cpu_ns > first.cpu_ns);
	assert_rested(2, &resting);

	/* What others did to one that rests, and what takes longer to count. */
	for (int i = 0; figures_of(1).used->max_fds != LIMIT || !figures_of(0).listeners; i++) {
		assert_true(i < PASSES);
		measure();
	}
	assert_int_equal(figures_of(0).sockets, 1);
	assert_rested(2, &resting);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ALL(what_becomes_of_one_among_many_is_seen),
	};

	told = ignore_event;
	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
