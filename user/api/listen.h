/*
 * listen.h - an address as people write it, made a socket that listens.
 */
#ifndef TOLLD_API_LISTEN_H
#define TOLLD_API_LISTEN_H

#include "base/strbuf.h"

/*
 * HOST:PORT, [V6]:PORT or :PORT, which is every address of this machine, IPv4 and IPv6. Port 0 lets
 * the kernel choose. error[] tells what is wrong and what helps. -EINVAL for what is no address,
 * -EADDRINUSE, -EACCES, ... *ret_port is the port that it became.
 */
int listen_open(
	const char *address, int *ret_fd, unsigned *ret_port, char *error, size_t error_size);

#endif
