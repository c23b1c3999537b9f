/*
 * listener.h - where anybody listens, asked of the kernel by sock_diag: some microseconds a socket.
 *
 * Asked once when a service is added, when its listener comes or goes, and at each resync. Who it is that
 * listens is dearer: owners.h.
 */
#ifndef TOLLD_WATCH_LISTENER_H
#define TOLLD_WATCH_LISTENER_H

#include <netinet/in.h>
#include <sys/types.h>
#include "base/strbuf.h"

/* A TCP address and port, of a listener or as the owner of the machine wrote it. */
struct endpoint {
	uint8_t address[16]; /* IPv6, or IPv4 in the first four bytes; all zero: any */
	uint16_t port;
	bool ipv6;
	bool ipv6_only; /* of a listener: takes no IPv4 connections */
};

/* -EAFNOSUPPORT for what is not IP. A v4-mapped address becomes IPv4. The port may be 0. */
int endpoint_from_address(const struct sockaddr *address, struct endpoint *ret);
/* The same, and -EINVAL for port 0. */
int endpoint_from_sockaddr(const struct sockaddr *address, struct endpoint *ret);
bool endpoint_is_any(const struct endpoint *endpoint);
bool endpoint_is_loopback(const struct endpoint *endpoint);
/* "127.0.0.1:9100", "[::1]:9100" */
void endpoint_format(const struct endpoint *endpoint, struct strbuf *out);
/*
 * Would a connection to `wanted` reach `listener`? Wildcards, dual stack and v4-mapped addresses
 * count; a wanted wildcard is reached by any listener on its port.
 */
bool endpoint_reaches(const struct endpoint *wanted, const struct endpoint *listener);

struct listener {
	struct endpoint endpoint;
	uint64_t cookie;
	uint64_t inode;
};

struct listeners {
	struct listener *items;
	size_t n, cap;
};

/*
 * All TCP listeners of this network namespace, from sock_diag or, where the kernel has none (its module
 * tcp_diag cannot be loaded), from /proc/net/tcp, which knows no cookies: there a cookie is the inode
 * with the highest bit set, and no kernel event knows it. 0, -ENOMEM, or what netlink said.
 */
int listeners_read(struct listeners *ret);
/*
 * Those on the n ports at least: the kernel leaves out the others where it can. What a backend asks
 * several times a second.
 */
int listeners_read_on(const uint16_t *ports, size_t n, struct listeners *ret);
int listeners_read_proc(struct listeners *ret);
/* Adds the listeners among the lines of /proc/net/tcp or tcp6. 0 or -ENOMEM. */
int listeners_parse(const char *text, bool ipv6, struct listeners *out);
void listeners_release(struct listeners *listeners);

#endif
