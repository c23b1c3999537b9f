/* Who holds which listeners, of one or of all. */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "watch/owners.h"

enum { SOCKETS = 5 };

static int listen_somewhere(uint16_t *ret_port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(any);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (void *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (void *)&any, &len), 0);
	*ret_port = ntohs(any.sin_port);
	return fd;
}

static uint64_t inode_on(const struct listeners *all, uint16_t port)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->items[i].endpoint.port == port)
			return all->items[i].inode;
	}
	fail();
	return 0;
}

/* A child that has what its parent had, and waits. */
static pid_t begin_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void end_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool is_among(pid_t pid, const struct owner *owners, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (owners[i].pid == pid)
			return true;
	}
	return false;
}

static void one_pass_finds_the_owners_of_each(void **state)
{
	struct owner one[OWNERS_MAX], two[OWNERS_MAX];
	struct holders holders = HOLDERS_INIT;
	struct listeners all;
	int fds[SOCKETS];
	uint16_t ports[SOCKETS];
	uint64_t inodes[SOCKETS];
	pid_t child;
	size_t n;

	(void)state;
	for (int i = 0; i < SOCKETS; i++)
		fds[i] = listen_somewhere(&ports[i]);
	child = begin_child();
	/* From here on the child alone has the first. */
	close(fds[0]);
	assert_int_equal(listeners_read(&all), 0);
	for (int i = 0; i < SOCKETS; i++) {
		inodes[i] = inode_on(&all, ports[i]);
		n = holders_find(&holders, &all, &inodes[i], 1, one);
		assert_int_equal(n, owners_find(&inodes[i], 1, two));
		assert_int_equal(n, i == 0 ? 1 : 2);
		/* The ancestor first. */
		assert_int_equal(one[0].pid, i == 0 ? child : getpid());
		assert_int_equal(two[0].pid, one[0].pid);
		assert_int_equal(one[0].start_ticks, two[0].start_ticks);
	}
	/* Whoever holds several is one owner. */
	n = holders_find(&holders, &all, inodes, SOCKETS, one);
	assert_int_equal(n, 2);
	assert_int_equal(one[0].pid, getpid());
	assert_true(is_among(child, one, n));
	assert_int_equal(holders_find(&holders, &all, &(uint64_t){ 1 }, 1, one), 0);
	assert_int_equal(holders_find(&holders, &all, NULL, 0, one), 0);

	for (int i = 1; i < SOCKETS; i++)
		close(fds[i]);
	end_child(child);
	holders_release(&holders);
	listeners_release(&all);
}

static void what_comes_and_goes_shows_after_a_release(void **state)
{
	struct holders holders = HOLDERS_INIT;
	struct owner owners[OWNERS_MAX];
	struct listeners all;
	uint64_t inode;
	uint16_t port;
	pid_t first, second;
	int fd = listen_somewhere(&port), other;

	(void)state;
	first = begin_child();
	assert_int_equal(listeners_read(&all), 0);
	inode = inode_on(&all, port);
	assert_int_equal(holders_find(&holders, &all, &inode, 1, owners), 2);
	second = begin_child();
	end_child(first);
	/* Who is gone is nobody, who has come is not known yet. */
	assert_int_equal(holders_find(&holders, &all, &inode, 1, owners), 1);
	assert_int_equal(owners[0].pid, getpid());
	holders_release(&holders);
	assert_int_equal(holders_find(&holders, &all, &inode, 1, owners), 2);
	assert_true(is_among(second, owners, 2));

	/* A listener that has come is looked for. */
	other = listen_somewhere(&port);
	listeners_release(&all);
	assert_int_equal(listeners_read(&all), 0);
	inode = inode_on(&all, port);
	assert_int_equal(holders_find(&holders, &all, &inode, 1, owners), 1);
	assert_int_equal(owners[0].pid, getpid());

	end_child(second);
	close(fd);
	close(other);
	holders_release(&holders);
	listeners_release(&all);
}

static int find_own(void *userdata)
{
	const struct listeners *all = userdata;
	struct holders holders = HOLDERS_INIT;
	struct owner owners[OWNERS_MAX];
	size_t n = holders_find(&holders, all, &all->items[0].inode, 1, owners);
	bool was_read = holders.read_boot_ns;

	holders_release(&holders);
	/* Without memory for all it was found by itself. */
	assert_int_equal(n, 1);
	assert_int_equal(owners[0].pid, getpid());
	return was_read ? 0 : -ENOMEM;
}

static void survives_memory_running_out(void **state)
{
	struct listeners all;
	uint16_t port;
	int fd = listen_somewhere(&port);

	(void)state;
	assert_int_equal(listeners_read(&all), 0);
	for (size_t i = 0; i < all.n; i++) {
		if (all.items[i].endpoint.port == port)
			all.items[0] = all.items[i];
	}
	with_failing_allocations(find_own, &all);
	close(fd);
	listeners_release(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_pass_finds_the_owners_of_each),
		cmocka_unit_test(what_comes_and_goes_shows_after_a_release),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
