/*
 * server.h - a tiny HTTP server on loopback, in the test's own event loop.
 *
 * It answers every request with the bytes it was given, or misbehaves as it is told to.
 */
#ifndef TOLLD_TESTS_NET_SERVER_H
#define TOLLD_TESTS_NET_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include "base/clock.h"
#include "harness.h"

/* How long a test waits for what must come, on however busy a machine. */
#define PATIENCE_MS 60000

enum server_manner { ANSWERS, IS_SILENT, NEVER_ENDS, HANGS_UP };

struct server {
	sd_event *event;
	sd_event_source *listener;
	sd_event_source *clients[64];
	unsigned port;
	enum server_manner manner;
	bool keep_alive;
	const char *head; /* status line and headers, without Content-Length */
	const char *body;
	size_t body_len;
	unsigned connections, requests;
	char last_request[8192];
	/* May change what is answered, after the request was counted and kept. */
	void (*on_request)(struct server *s);
};

struct server_client {
	struct server *server;
	size_t slot, len;
	int fd;
	char request[8192];
};

/* The client's fd and memory go with its event source. */
static void server_client_free(void *userdata)
{
	free(userdata);
}

static void server_drop(struct server_client *c)
{
	struct server *s = c->server;
	size_t slot = c->slot;

	s->clients[slot] = sd_event_source_disable_unref(s->clients[slot]);
}

static void server_send(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void server_answer(struct server_client *c)
{
	struct server *s = c->server;
	char head[1024];
	int n;

	s->requests++;
	memcpy(s->last_request, c->request, sizeof(s->last_request));
	c->len = 0;
	if (s->on_request)
		s->on_request(s);
	if (s->manner == IS_SILENT)
		return;
	if (s->manner == HANGS_UP) {
		server_drop(c);
		return;
	}
	if (s->manner == NEVER_ENDS) {
		n = snprintf(head, sizeof(head), "%s\r\n", s->head);
		server_send(c->fd, head, (size_t)n);
		sd_event_source_set_io_events(s->clients[c->slot], EPOLLOUT);
		return;
	}
	n = snprintf(head, sizeof(head), "%sContent-Length: %zu\r\n%s\r\n", s->head, s->body_len,
		s->keep_alive ? "" : "Connection: close\r\n");
	server_send(c->fd, head, (size_t)n);
	server_send(c->fd, s->body, s->body_len);
	if (!s->keep_alive)
		server_drop(c);
}

/* The head, and the body that it promises. */
static bool server_has_all(const struct server_client *c)
{
	const char *end = strstr(c->request, "\r\n\r\n");
	const char *length = strcasestr(c->request, "\r\nContent-Length: ");

	return end &&
	       (!length || length > end ||
		       c->len >= (size_t)(end + 4 - c->request) + strtoul(length + 18, NULL, 10));
}

static int server_on_client(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct server_client *c = userdata;
	ssize_t n;

	if (events & EPOLLOUT) {
		n = send(fd, c->server->body, c->server->body_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			server_drop(c);
		return 0;
	}
	n = read(fd, c->request + c->len, sizeof(c->request) - 1 - c->len);
	if (n <= 0) {
		server_drop(c);
		return 0;
	}
	c->len += (size_t)n;
	c->request[c->len] = '\0';
	if (server_has_all(c))
		server_answer(c);
	return 0;
}

static int server_on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct server *s = userdata;
	struct server_client *c = calloc(1, sizeof(*c));
	int on = 1;

	assert_non_null(c);
	c->server = s;
	c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(c->fd >= 0);
	/* Head and body are sent apart: else the one would wait 40 ms for the other's acknowledgement. */
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while (c->slot < ARRAY_SIZE(s->clients) && s->clients[c->slot])
		c->slot++;
	assert_true(c->slot < ARRAY_SIZE(s->clients));
	assert_true(sd_event_add_io(s->event, &s->clients[c->slot], c->fd, EPOLLIN,
			    server_on_client, c) >= 0);
	sd_event_source_set_io_fd_own(s->clients[c->slot], true);
	sd_event_source_set_destroy_callback(s->clients[c->slot], server_client_free);
	s->connections++;
	return 0;
}

/* A socket bound to a loopback port that the kernel chose; listening or not. */
static int server_bind(unsigned *ret_port, bool listening)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	if (listening)
		assert_int_equal(listen(fd, 16), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void server_start(struct server *s, sd_event *event)
{
	int fd = server_bind(&s->port, true);

	s->event = event;
	assert_true(sd_event_add_io(event, &s->listener, fd, EPOLLIN, server_on_connect, s) >= 0);
	sd_event_source_set_io_fd_own(s->listener, true);
}

/* The port is closed afterwards, and so are its connections. */
static void server_stop(struct server *s)
{
	s->listener = sd_event_source_disable_unref(s->listener);
	for (size_t i = 0; i < ARRAY_SIZE(s->clients); i++)
		s->clients[i] = sd_event_source_disable_unref(s->clients[i]);
}

/* Runs the loop until *done or for `ms` milliseconds; how often the loop woke up. */
static unsigned run_until(sd_event *event, const bool *done, unsigned ms)
{
	int64_t until = clock_boot_ns() + ms * NSEC_PER_MSEC, now;
	unsigned turns = 0;

	for (; !(done && *done) && (now = clock_boot_ns()) < until; turns++)
		assert_true(
			sd_event_run(event, (uint64_t)((until - now) / NSEC_PER_USEC) + 1) >= 0);
	return turns;
}

/* Runs the loop until *counter has come to n. */
static inline void run_until_count(sd_event *event, const unsigned *counter, unsigned n)
{
	int64_t until = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (*counter < n && clock_boot_ns() < until)
		assert_true(sd_event_run(event, 100000) >= 0);
	assert_true(*counter >= n);
}

/* Runs the loop until nothing has come for a while. */
static inline void run_until_quiet(sd_event *event)
{
	for (unsigned turns = 0; sd_event_run(event, 30000) > 0; turns++)
		assert_true(turns < 1000);
}

#endif
