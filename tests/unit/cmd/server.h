/*
 * server.h - a server of one answer: takes a request, keeps it, and sends the bytes it was given; or of
 * two, where a second request comes.
 */
#ifndef TOLLD_TESTS_CMD_SERVER_H
#define TOLLD_TESTS_CMD_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include "harness.h"

struct one_answer {
	int fd;
	char url[64];
	const char *status; /* "200 OK" */
	const char *body;
	const char *second_status, *second; /* for the second request, if there is one */
	char request[8192];		    /* the last one */
	pthread_t thread;
};

/* The whole request: its head, and as much body as the head says. */
static void one_answer_read(struct one_answer *s, int fd)
{
	size_t len = 0, want = 0;
	ssize_t n;

	while (!want || len < want) {
		char *end, *length;

		n = read(fd, s->request + len, sizeof(s->request) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		s->request[len] = '\0';
		end = strstr(s->request, "\r\n\r\n");
		length = strcasestr(s->request, "Content-Length: ");
		if (end)
			want = (size_t)(end + 4 - s->request) +
			       (length ? strtoul(length + 16, NULL, 10) : 0);
	}
}

static void *one_answer_serve(void *userdata)
{
	struct one_answer *s = userdata;

	for (int i = 0; i < (s->second ? 2 : 1); i++) {
		const char *status = i ? s->second_status : s->status;
		const char *body = i ? s->second : s->body;
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
		char head[256];
		int head_len;

		if (fd < 0)
			return NULL;
		one_answer_read(s, fd);
		head_len = snprintf(head, sizeof(head),
			"HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
			strlen(body));
		if (send(fd, head, (size_t)head_len, MSG_NOSIGNAL) > 0)
			(void)!send(fd, body, strlen(body), MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static inline void two_answers_start(struct one_answer *s, const char *status, const char *body,
	const char *second_status, const char *second)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	*s = (struct one_answer){
		.status = status, .body = body, .second_status = second_status, .second = second
	};
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(listen(s->fd, 1), 0);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
	assert_int_equal(pthread_create(&s->thread, NULL, one_answer_serve, s), 0);
}

static inline void one_answer_start(struct one_answer *s, const char *status, const char *body)
{
	two_answers_start(s, status, body, NULL, NULL);
}

static inline void one_answer_stop(struct one_answer *s)
{
	shutdown(s->fd, SHUT_RDWR); /* ends accept() where nobody came */
	pthread_join(s->thread, NULL);
	close(s->fd);
}

#endif
