/* Listeners that come and go, found by asking: real sockets. */
#include "harness.h"

#include <arpa/inet.h>
#include "watch/ports.h"

static uint16_t changed[16];
static size_t n_changed;

static void on_change(uint16_t port, void *userdata)
{
	assert_true(n_changed < ARRAY_SIZE(changed));
	changed[n_changed++] = port;
}

/* Listens, on a free port where *port is 0. */
static int listen_on(int family, uint16_t *port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(*port) };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(*port) };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	socklen_t len = family == AF_INET ? sizeof(any) : sizeof(any6);
	void *address = family == AF_INET ? (void *)&any : (void *)&any6;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, address, &len), 0);
	*port = ntohs(family == AF_INET ? any.sin_port : any6.sin6_port);
	return fd;
}

static size_t ask(struct ports *ports)
{
	n_changed = 0;
	assert_int_equal(ports_ask(ports, on_change, NULL), 0);
	return n_changed;
}

static void tells_which_ports_have_other_listeners_than_before(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct ports ports;
		uint16_t first = 0, second = 0, other = 0;
		int fd_first = listen_on(families[i], &first);
		int fd_second = listen_on(families[i], &second);
		int fd_other;

		ports_init(&ports);
		assert_int_equal(ports_add(&ports, first), 0);
		assert_int_equal(ports_add(&ports, second), 0);
		assert_int_equal(ports_add(&ports, first), 0);
		assert_int_equal(ports.n, 2);
		/* Who listened before is no news. */
		assert_int_equal(ask(&ports), 0);
		close(fd_first);
		fd_other = listen_on(families[i], &other);
		assert_int_equal(ask(&ports), 1);
		assert_int_equal(changed[0], first);
		assert_int_equal(ask(&ports), 0);
		fd_first = listen_on(families[i], &first);
		assert_int_equal(ask(&ports), 1);
		assert_int_equal(changed[0], first);
		/* Another socket on the same port, unseen in between: one went, one came. */
		close(fd_second);
		fd_second = listen_on(families[i], &second);
		assert_true(ask(&ports) >= 1);
		assert_int_equal(changed[0], second);
		ports_remove(&ports, first);
		close(fd_first);
		assert_int_equal(ask(&ports), 0);
		close(fd_second);
		close(fd_other);
		ports_release(&ports);
	}
}

/* More than are asked for by name. */
static void many_ports_are_no_other_than_few(void **state)
{
	static const size_t counts[] = { 1, 2, 255, 256, 257, 600 };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct ports ports;
		uint16_t port = 0;
		int fd = listen_on(AF_INET, &port);

		ports_init(&ports);
		assert_int_equal(ports_add(&ports, port), 0);
		for (uint16_t p = 1; ports.n < counts[i]; p++)
			assert_int_equal(ports_add(&ports, p), 0);
		assert_int_equal(ask(&ports), 0);
		close(fd);
		assert_int_equal(ask(&ports), 1);
		assert_int_equal(changed[0], port);
		ports_release(&ports);
	}
}

static void the_kernel_leaves_out_other_ports(void **state)
{
	uint16_t port = 0, other = 0;
	int fd = listen_on(AF_INET6, &port), fd_other = listen_on(AF_INET, &other);
	struct listeners found;

	assert_int_equal(listeners_read_on(&port, 1, &found), 0);
	if (found.n && found.items[0].cookie >> 63) {
		printf("SKIPPED: this kernel has no sock_diag\n");
	} else {
		assert_int_equal(found.n, 1);
		assert_int_equal(found.items[0].endpoint.port, port);
	}
	listeners_release(&found);
	close(fd);
	close(fd_other);
}

static int add_ask_release(void *userdata)
{
	const uint16_t *port = userdata;
	struct ports ports;
	int err;

	ports_init(&ports);
	err = ports_add(&ports, *port);
	if (!err)
		err = ports_add(&ports, 1);
	if (!err)
		err = ports_ask(&ports, on_change, NULL);
	ports_release(&ports);
	return err;
}

static void survives_every_allocation_that_fails(void **state)
{
	uint16_t port = 0;
	int fd = listen_on(AF_INET, &port);

	with_failing_allocations(add_ask_release, &port);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_which_ports_have_other_listeners_than_before),
		cmocka_unit_test(many_ports_are_no_other_than_few),
		cmocka_unit_test(the_kernel_leaves_out_other_ports),
		cmocka_unit_test(survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
