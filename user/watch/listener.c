/*
 * listener.c - sock_diag for listening sockets, or /proc/net/tcp.
 */
#include "watch/listener.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <sys/socket.h>
#include "base/num.h"
#include "watch/procfs.h"

#define TCP_LISTEN_STATE 10

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

bool endpoint_is_any(const struct endpoint *e)
{
	static const uint8_t zero[16];

	return memcmp(e->address, zero, e->ipv6 ? 16 : 4) == 0;
}

bool endpoint_is_loopback(const struct endpoint *e)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return e->ipv6 ? memcmp(e->address, v6, 16) == 0 : e->address[0] == 127;
}

/* An IPv4 address in IPv6 clothes is the IPv4 address. */
static void endpoint_unmap(struct endpoint *e)
{
	if (!e->ipv6 || memcmp(e->address, v4_mapped, sizeof(v4_mapped)) != 0)
		return;
	memmove(e->address, e->address + 12, 4);
	memset(e->address + 4, 0, 12);
	e->ipv6 = false;
}

int endpoint_from_address(const struct sockaddr *address, struct endpoint *ret)
{
	struct endpoint e = { 0 };

	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		memcpy(e.address, &in->sin_addr, 4);
		e.port = ntohs(in->sin_port);
	} else if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		memcpy(e.address, &in6->sin6_addr, 16);
		e.port = ntohs(in6->sin6_port);
		e.ipv6 = true;
		endpoint_unmap(&e);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = e;
	return 0;
}

int endpoint_from_sockaddr(const struct sockaddr *address, struct endpoint *ret)
{
	struct endpoint e;
	int err = endpoint_from_address(address, &e);

	if (err)
		return err;
	if (!e.port)
		return -EINVAL;
	*ret = e;
	return 0;
}

void endpoint_format(const struct endpoint *endpoint, struct strbuf *out)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(endpoint->ipv6 ? AF_INET6 : AF_INET, endpoint->address, text, sizeof(text));
	strbuf_addf(out, endpoint->ipv6 ? "[%s]:%u" : "%s:%u", text, endpoint->port);
}

bool endpoint_reaches(const struct endpoint *wanted, const struct endpoint *listener)
{
	struct endpoint l = *listener;

	if (wanted->port != l.port)
		return false;
	if (endpoint_is_any(wanted))
		return true;
	endpoint_unmap(&l);
	if (endpoint_is_any(&l)) {
		/* A dual-stack listener on [::] takes IPv4 as well; 0.0.0.0 never takes IPv6. */
		return wanted->ipv6 == l.ipv6 || (l.ipv6 && !l.ipv6_only);
	}
	return wanted->ipv6 == l.ipv6 && memcmp(wanted->address, l.address, l.ipv6 ? 16 : 4) == 0;
}

/* -- sock_diag ------------------------------------------------------------------------------ */

/*
 * A program for sock_diag that lets pass whoever has one of the ports. It is read forwards only: an
 * operation goes on by `yes` bytes where it is true and by `no` where not; to end exactly behind the
 * last one is to pass, 4 bytes further is to be left out. The port to compare with stands in an
 * operation of its own behind the comparison.
 */
struct port_test {
	struct inet_diag_bc_op compare, port, pass;
};

/* More are not asked for by name: then there are few whom this would leave out. */
#define PORT_TESTS_MAX 256

struct diag_request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 request;
	struct rtattr attr;
	struct port_test tests[PORT_TESTS_MAX];
};

static size_t put_port_tests(struct diag_request *m, const uint16_t *ports, size_t n)
{
	const size_t size = sizeof(struct port_test);

	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n;

		m->tests[i] = (struct port_test){
			.compare = {
				.code = INET_DIAG_BC_S_EQ,
				.yes = 2 * sizeof(struct inet_diag_bc_op),
				.no = (uint16_t)(size + (last ? 4 : 0)),
			},
			.port = { .no = ports[i] },
			.pass = {
				.code = INET_DIAG_BC_JMP,
				.yes = sizeof(struct inet_diag_bc_op),
				.no = (uint16_t)(sizeof(struct inet_diag_bc_op) +
						 (n - i - 1) * size),
			},
		};
	}
	m->attr.rta_type = INET_DIAG_REQ_BYTECODE;
	m->attr.rta_len = (uint16_t)RTA_LENGTH(n * size);
	return m->attr.rta_len;
}

static int diag_request(int fd, int family, const uint16_t *ports, size_t n)
{
	struct diag_request message = {
		.head = {
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.request = {
			.sdiag_family = (uint8_t)family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = 1u << TCP_LISTEN_STATE,
		},
	};
	size_t size = offsetof(struct diag_request, attr);

	if (n && n <= PORT_TESTS_MAX)
		size += put_port_tests(&message, ports, n);
	message.head.nlmsg_len = (uint32_t)size;
	return send(fd, &message, size, 0) < 0 ? -errno : 0;
}

static int listener_add(struct listeners *out, const struct nlmsghdr *head)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(head);
	int left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)));
	const struct rtattr *attr = (const void *)(msg + 1);
	struct listener *l;

	if (left < 0)
		return -EBADMSG;
	if (!vec_reserve(out->items, out->n, out->cap))
		return -ENOMEM;
	l = &out->items[out->n++];
	*l = (struct listener){
		.cookie = (uint64_t)msg->id.idiag_cookie[1] << 32 | msg->id.idiag_cookie[0],
		.inode = msg->idiag_inode,
		.endpoint.port = ntohs(msg->id.idiag_sport),
		.endpoint.ipv6 = msg->idiag_family == AF_INET6,
	};
	memcpy(l->endpoint.address, msg->id.idiag_src, l->endpoint.ipv6 ? 16 : 4);
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == INET_DIAG_SKV6ONLY && RTA_PAYLOAD(attr) >= 1)
			l->endpoint.ipv6_only = *(const uint8_t *)RTA_DATA(attr) != 0;
	}
	return 0;
}

/* One datagram of the answer; *ret_done once the dump is over. */
static int diag_read(int fd, struct listeners *out, bool *ret_done)
{
	_Alignas(struct nlmsghdr) char bytes[16384];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
	int left, err;

	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	left = (int)got;
	for (struct nlmsghdr *head = (void *)bytes; NLMSG_OK(head, (unsigned)left);
		head = NLMSG_NEXT(head, left)) {
		if (head->nlmsg_type == NLMSG_DONE) {
			*ret_done = true;
			return 0;
		}
		if (head->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *error = NLMSG_DATA(head);

			return error->error ? error->error : -EBADMSG;
		}
		err = listener_add(out, head);
		if (err)
			return err;
	}
	return got ? 0 : -EBADMSG;
}

static int listeners_read_family(
	int fd, int family, const uint16_t *ports, size_t n, struct listeners *out)
{
	bool done = false;
	int err = diag_request(fd, family, ports, n);

	while (!err && !done)
		err = diag_read(fd, out, &done);
	return err;
}

static int listeners_read_diag(const uint16_t *ports, size_t n, struct listeners *out)
{
	static const int families[] = { AF_INET, AF_INET6 };
	scoped(closep) int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int err = 0;

	if (fd < 0)
		return errno == EPROTONOSUPPORT ? -ENOENT : -errno;
	for (size_t i = 0; !err && i < ARRAY_SIZE(families); i++)
		err = listeners_read_family(fd, families[i], ports, n, out);
	return err;
}

/* -- /proc/net/tcp -------------------------------------------------------------------------- */

/* The kernel prints each 32-bit word of the address as a number of this machine's byte order. */
static bool parse_address(const char *hex, size_t words, uint8_t out[16])
{
	for (size_t i = 0; i < words; i++) {
		char word[9] = { 0 };
		uint32_t value;
		char *end;

		memcpy(word, hex + 8 * i, 8);
		value = (uint32_t)strtoul(word, &end, 16);
		if (end != word + 8)
			return false;
		memcpy(out + 4 * i, &value, 4);
	}
	return true;
}

static bool parse_line(const char *line, bool ipv6, struct listener *ret)
{
	char address[33];
	unsigned port, state;
	unsigned long inode;
	struct listener l = { .endpoint.ipv6 = ipv6 };

	if (sscanf(line, " %*u: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %2x %*s %*s %*s %*u %*u %lu",
		    address, &port, &state, &inode) != 4)
		return false;
	if (state != TCP_LISTEN_STATE || strlen(address) != (ipv6 ? 32 : 8) ||
		!parse_address(address, ipv6 ? 4 : 1, l.endpoint.address))
		return false;
	l.endpoint.port = (uint16_t)port;
	l.inode = inode;
	l.cookie = 1ull << 63 | inode;
	*ret = l;
	return true;
}

int listeners_parse(const char *text, bool ipv6, struct listeners *out)
{
	const char *end;

	for (; *text; text = *end ? end + 1 : end) {
		struct listener l;

		end = strchrnul(text, '\n');
		if (!parse_line(text, ipv6, &l))
			continue;
		if (!vec_reserve(out->items, out->n, out->cap))
			return -ENOMEM;
		out->items[out->n++] = l;
	}
	return 0;
}

/* Far more than this many lines of connections are not read: it is the way out, not the way. */
#define PROC_NET_MAX ((size_t)16 << 20)

static int listeners_read_file(const char *path, bool ipv6, struct listeners *out)
{
	struct strbuf text;
	ssize_t got = 1;
	scoped(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return errno == ENOENT && ipv6 ? 0 : -errno;
	strbuf_init(&text, PROC_NET_MAX);
	while (got > 0) {
		char *room = strbuf_room(&text, 16384);

		got = room ? read(fd, room, 16384) : 0;
		if (got > 0) {
			text.len += (size_t)got;
			text.s[text.len] = '\0';
		}
	}
	err = got < 0 ? -errno : text.err == -ENOMEM ? text.err : 0;
	if (!err)
		err = listeners_parse(text.s, ipv6, out);
	strbuf_release(&text);
	return err;
}

int listeners_read_proc(struct listeners *ret)
{
	struct listeners found = { 0 };
	int err = listeners_read_file("/proc/net/tcp", false, &found);

	if (!err)
		err = listeners_read_file("/proc/net/tcp6", true, &found);
	if (err) {
		listeners_release(&found);
		return err;
	}
	*ret = found;
	return 0;
}

int listeners_read_on(const uint16_t *ports, size_t n, struct listeners *ret)
{
	struct listeners found = { 0 };
	int err = listeners_read_diag(ports, n, &found);

	if (err) {
		listeners_release(&found);
		return err == -ENOENT ? listeners_read_proc(ret) : err;
	}
	*ret = found;
	return 0;
}

int listeners_read(struct listeners *ret)
{
	return listeners_read_on(NULL, 0, ret);
}

void listeners_release(struct listeners *listeners)
{
	free(listeners->items);
	*listeners = (struct listeners){ 0 };
}
