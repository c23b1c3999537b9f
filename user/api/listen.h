/*
 * listen.h - an address as people write it, made a socket that listens.
 */
#ifndef TOLLD_API_LISTEN_H
#define TOLLD_API_LISTEN_H

#include "base/strbuf.h"

/* Whether it is written as one; whether this machine has it is known when it is opened. */
bool listen_is_address(const char *address);
/*
 * HOST:PORT, [V6]:PORT or :PORT, which is every address of this machine, IPv4 and IPv6. Port 0 lets
 * the kernel choose. error[] tells what is wrong and what helps. -EINVAL for what is no address,
 * -EADDRINUSE, -EACCES, ...
 */
int listen_open(const char *address, int *ret_fd, char *error, size_t error_size);
/* The port that it became; 0: it has none. */
unsigned listen_port(int fd);

#endif
