/*
 * listener.h - who listens where, asked of the kernel: sock_diag for the sockets, /proc for their owners.
 *
 * Asked once when a service is added, when its listener comes or goes, and at each resync. Finding a
 * socket costs some microseconds; finding its owners means reading every process's descriptors, some
 * milliseconds, and is done only where nobody told already.
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

/* More owners of one socket than this are not looked at: any of them will do. */
#define OWNERS_MAX 64

struct owner {
	pid_t pid;
	pid_t parent;
	uint64_t start_ticks;
};

/*
 * The processes that hold a socket with one of the n inodes, at most OWNERS_MAX, the one to watch
 * first: the ancestor of the others, the oldest, and process 1 last (it only holds what it will
 * hand on). Returns how many, 0 also where /proc may not be read.
 */
size_t owners_find(const uint64_t *inodes, size_t n, struct owner ret[OWNERS_MAX]);
/* Does this process hold a socket with one of the inodes? */
bool process_holds(pid_t pid, const uint64_t *inodes, size_t n);
/* Sets held[i] for each listener that this process holds. */
void process_holds_which(pid_t pid, const struct listeners *listeners, bool *held);

#endif
