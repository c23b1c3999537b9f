/*
 * servers.h - servers in children of their own, on a port that is this program's, and services at their address.
 */
#ifndef TOLLD_TESTS_WATCH_SERVERS_H
#define TOLLD_TESTS_WATCH_SERVERS_H

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "watch/live.h"

struct server {
	pid_t pid;
	int say;  /* a byte makes it go on */
	int hear; /* a byte says that it has gone on */
};

static inline struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/*
 * A port that nobody else on this machine gets, until the next one is asked for: it is bound, and so given to nobody
 * who wants any; and nobody listens on it, so that a server of this test may (SO_REUSEADDR).
 */
static inline uint16_t own_port(void)
{
	static int holder = -1;
	struct sockaddr_in address = loopback(0);
	socklen_t len = sizeof(address);
	int one = 1;

	closep(&holder);
	holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(holder, (void *)&address, len), 0);
	assert_int_equal(getsockname(holder, (void *)&address, &len), 0);
	return ntohs(address.sin_port);
}

static inline int listen_v4(uint16_t port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, (void *)&address, sizeof(address)) || listen(fd, 8) ? -1 : fd;
}

/* Runs fn in a child; returns once the child has said its first byte. */
static inline void server_start(
	struct server *s, void (*fn)(uint16_t port, int hear, int say), uint16_t port)
{
	int down[2], up[2];
	char byte;

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "a server");
		close(down[1]);
		close(up[0]);
		fn(port, down[0], up[1]);
		_exit(0);
	}
	close(down[0]);
	close(up[1]);
	s->say = down[1];
	s->hear = up[0];
	assert_int_equal(read(s->hear, &byte, 1), 1);
}

static inline void server_end(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->say);
	close(s->hear);
}

static inline void tell_peer(int fd)
{
	if (write(fd, "x", 1) != 1)
		_exit(90);
}

static inline void await_peer(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		_exit(91);
}

static inline void serve(uint16_t port, int hear, int say)
{
	if (listen_v4(port) < 0)
		_exit(92);
	tell_peer(say);
	for (;;)
		pause();
}

static inline struct service *add_listen(uint16_t port)
{
	struct sockaddr_in address = loopback(port);
	struct service *service;

	n_seen = 0;
	assert_int_equal(watch_add_listen(watch, "a service", (void *)&address, &service), 0);
	return service;
}

static inline void turn_until_owned_by(const struct service *service, pid_t pid)
{
	int64_t until = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (info_of(service).pid != pid && !count_seen(SERVICE_DIED) && clock_boot_ns() < until)
		sd_event_run(loop, 10000);
}

#endif
