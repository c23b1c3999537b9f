/* Who listens where: addresses that reach each other, and what this machine says of a real socket. */
#include "harness.h"

#include <arpa/inet.h>
#include "watch/owners.h"

static struct endpoint endpoint(const char *address, uint16_t port, bool ipv6_only)
{
	struct endpoint e = { .port = port, .ipv6_only = ipv6_only };

	e.ipv6 = strchr(address, ':') != NULL;
	assert_int_equal(inet_pton(e.ipv6 ? AF_INET6 : AF_INET, address, e.address), 1);
	return e;
}

static void knows_which_listener_a_connection_reaches(void **state)
{
	static const struct {
		const char *wanted, *listener;
		bool ipv6_only, reached;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", false, true },
		{ "127.0.0.1", "127.0.0.2", false, false },
		{ "127.0.0.1", "0.0.0.0", false, true },
		{ "127.0.0.1", "::", false, true },
		{ "127.0.0.1", "::", true, false },
		{ "127.0.0.1", "::ffff:127.0.0.1", false, true },
		{ "127.0.0.1", "::ffff:127.0.0.2", false, false },
		{ "127.0.0.1", "::ffff:0.0.0.0", false, true },
		{ "127.0.0.1", "::1", false, false },
		{ "::1", "::1", false, true },
		{ "::1", "::", true, true },
		{ "::1", "0.0.0.0", false, false },
		{ "::1", "127.0.0.1", false, false },
		{ "0.0.0.0", "127.0.0.1", false, true },
		{ "0.0.0.0", "192.0.2.1", false, true },
		{ "::", "127.0.0.1", false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct endpoint wanted = endpoint(rows[i].wanted, 9100, false);
		struct endpoint listener = endpoint(rows[i].listener, 9100, rows[i].ipv6_only);

		if (endpoint_reaches(&wanted, &listener) != rows[i].reached)
			fail_msg("%s to %s", rows[i].wanted, rows[i].listener);
		listener.port = 9101;
		assert_false(endpoint_reaches(&wanted, &listener));
	}
}

static void reads_addresses_as_the_owner_writes_them(void **state)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	struct sockaddr unix_socket = { .sa_family = AF_UNIX };
	struct strbuf text = STRBUF_INIT;
	struct endpoint e;

	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr), 1);
	assert_int_equal(endpoint_from_sockaddr((void *)&mapped, &e), 0);
	assert_false(e.ipv6);
	endpoint_format(&e, &text);
	assert_string_equal(text.s, "192.0.2.7:80");
	strbuf_reset(&text);
	mapped.sin6_addr = in6addr_loopback;
	assert_int_equal(endpoint_from_sockaddr((void *)&mapped, &e), 0);
	endpoint_format(&e, &text);
	assert_string_equal(text.s, "[::1]:80");
	strbuf_release(&text);
	assert_true(endpoint_is_loopback(&e));
	mapped.sin6_port = 0;
	assert_int_equal(endpoint_from_sockaddr((void *)&mapped, &e), -EINVAL);
	assert_int_equal(endpoint_from_sockaddr(&unix_socket, &e), -EAFNOSUPPORT);
}

/* As a little-endian machine prints it; the kernel's own text is read in another test. */
static const char proc_net_tcp[] =
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	"   0: 0100007F:238C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n"
	"   1: 0100007F:238C 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1\n"
	"   2: 0100007F:23";

static int parse_proc(void *userdata)
{
	struct listeners all = { 0 };
	int err = listeners_parse(proc_net_tcp, false, &all);

	if (!err) {
		assert_int_equal(all.n, 1);
		assert_int_equal(all.items[0].inode, 4711);
		assert_int_equal(all.items[0].endpoint.port, 9100);
	}
	listeners_release(&all);
	return err;
}

static void reads_proc_net_tcp_where_sock_diag_is_missing(void **state)
{
	with_failing_allocations(parse_proc, NULL);
}

static const struct listener *find(const struct listeners *all, uint16_t port)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->items[i].endpoint.port == port)
			return &all->items[i];
	}
	return NULL;
}

static void sees_a_real_listener_and_its_owner_both_ways(void **state)
{
	static const struct {
		const char *address;
		bool ipv6_only;
	} rows[] = {
		{ "127.0.0.1", false },
		{ "::", false },
		{ "::", true },
		/* The kernel sets the flag by itself for an address of its own. */
		{ "::1", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct endpoint own = endpoint(rows[i].address, 0, false);
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
		struct sockaddr_in in = { .sin_family = AF_INET };
		struct sockaddr *address = own.ipv6 ? (void *)&in6 : (void *)&in;
		socklen_t len = own.ipv6 ? sizeof(in6) : sizeof(in);
		int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int only = rows[i].ipv6_only;
		struct listeners all = { 0 }, text = { 0 };
		struct owner owners[OWNERS_MAX];
		const struct listener *l;
		uint16_t port;

		memcpy(&in6.sin6_addr, own.address, 16);
		memcpy(&in.sin_addr, own.address, 4);
		if (own.ipv6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
		if (bind(fd, address, len) && own.ipv6) {
			printf("SKIPPED: no IPv6 here\n");
			close(fd);
			continue;
		}
		assert_int_equal(listen(fd, 1), 0);
		assert_int_equal(getsockname(fd, address, &len), 0);
		port = ntohs(own.ipv6 ? in6.sin6_port : in.sin_port);

		assert_int_equal(listeners_read(&all), 0);
		l = find(&all, port);
		assert_non_null(l);
		assert_memory_equal(l->endpoint.address, own.address, 16);
		assert_int_equal(l->endpoint.ipv6_only, rows[i].ipv6_only);
		assert_int_equal(owners_find(&l->inode, 1, owners), 1);
		assert_int_equal(owners[0].pid, getpid());
		assert_int_equal(owners[0].parent, getppid());
		assert_true(process_holds(getpid(), &l->inode, 1));
		assert_false(process_holds(getppid(), &l->inode, 1));

		assert_int_equal(listeners_read_proc(&text), 0);
		assert_non_null(find(&text, port));
		assert_memory_equal(find(&text, port)->endpoint.address, own.address, 16);
		assert_int_equal(find(&text, port)->inode, l->inode);
		close(fd);
		listeners_release(&all);
		listeners_release(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_which_listener_a_connection_reaches),
		cmocka_unit_test(reads_addresses_as_the_owner_writes_them),
		cmocka_unit_test(reads_proc_net_tcp_where_sock_diag_is_missing),
		cmocka_unit_test(sees_a_real_listener_and_its_owner_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
