/*
 * listen.c - an address as people write it, made a socket that listens.
 */
#include "api/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include "base/num.h"

#define BACKLOG 64

/* Takes "HOST:PORT" apart; an empty host means every address. */
static int split(const char *address, char host[NI_MAXHOST], char port[8])
{
	const char *colon = strrchr(address, ':');
	size_t len;
	int64_t number;

	if (!colon || num_parse_int(colon + 1, 0, 65535, &number) < 0)
		return -EINVAL;
	snprintf(port, 8, "%u", (unsigned)number);
	len = (size_t)(colon - address);
	if (len && address[0] == '[') {
		if (len < 3 || colon[-1] != ']')
			return -EINVAL;
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return -EINVAL;
	}
	if (len >= NI_MAXHOST)
		return -EINVAL;
	memcpy(host, address, len);
	host[len] = '\0';
	return 0;
}

bool listen_is_address(const char *address)
{
	char host[NI_MAXHOST], port[8];

	return split(address, host, port) == 0;
}

static int open_one(const struct addrinfo *info, bool both_families)
{
	scoped(closep) int fd = -1;
	int on = 1, off = 0, ready;

	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* A restart must not wait for the old connections' TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (info->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
						   both_families ? &off : &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	ready = fd;
	fd = -1;
	return ready;
}

unsigned listen_port(int fd)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return 0;
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
	return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}

static int explain(int err, const char *port, char *error, size_t error_size)
{
	switch (err) {
	case -EADDRINUSE:
		snprintf(error, error_size,
			"another program listens there (`ss -ltnp sport = :%s` shows which)", port);
		break;
	case -EACCES:
		snprintf(error, error_size,
			"not allowed; ports below 1024 need root or CAP_NET_BIND_SERVICE");
		break;
	case -EADDRNOTAVAIL:
		snprintf(error, error_size,
			"this machine has no such address (`ip address` shows those it has)");
		break;
	default:
		snprintf(error, error_size, "%s", strerror(-err));
	}
	return err;
}

int listen_open(const char *address, int *ret_fd, char *error, size_t error_size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *infos = NULL;
	static const int order[] = { AF_INET, AF_INET6 };
	char host[NI_MAXHOST], port[8];
	int fd = -EADDRNOTAVAIL, err;

	if (split(address, host, port) < 0) {
		snprintf(
			error, error_size, "not an address; write HOST:PORT, [IPv6]:PORT or :PORT");
		return -EINVAL;
	}
	err = getaddrinfo(*host ? host : NULL, port, &hints, &infos);
	if (err) {
		snprintf(error, error_size, "%s", gai_strerror(err));
		return err == EAI_MEMORY ? -ENOMEM : -EADDRNOTAVAIL;
	}
	/*
	 * A name such as localhost has an address of each family: IPv4 first, as Go does it. All
	 * addresses are those of IPv6, which takes IPv4 along, except where a kernel has none.
	 */
	for (size_t i = 0; i < ARRAY_SIZE(order) && fd < 0; i++) {
		int family = *host ? order[i] : order[ARRAY_SIZE(order) - 1 - i];

		for (const struct addrinfo *info = infos; info && fd < 0; info = info->ai_next) {
			if (info->ai_family == family)
				fd = open_one(info, !*host);
		}
		if (fd == -EADDRINUSE)
			break;
	}
	freeaddrinfo(infos);
	if (fd < 0)
		return explain(fd, port, error, error_size);
	*ret_fd = fd;
	return 0;
}
