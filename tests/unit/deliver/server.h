/*
 * server.h - the mail servers of tests/e2e, each in a process of its own.
 */
#ifndef TOLLD_TESTS_DELIVER_SERVER_H
#define TOLLD_TESTS_DELIVER_SERVER_H

#include "harness.h"

#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <sys/wait.h>
#include "base/num.h"

#define PYTHON	 "/usr/bin/python3"
#define PASSWORD "w/+wwwwwwwwwwwww"

extern char **environ;

struct server {
	pid_t pid;
	int alive; /* it ends when the other end of this pipe does */
	unsigned port;
	char dir[40];
	char cert[64];
};

static inline void read_port(struct server *s, int fd)
{
	FILE *f = fdopen(fd, "r");
	int64_t port;
	char line[64];

	assert_non_null(f);
	if (!fgets(line, sizeof(line), f) || !starts_with(line, "ready "))
		fail_msg("the server did not start");
	line[strcspn(line, "\n")] = '\0';
	assert_int_equal(num_parse_int(line + 6, 1, 65535, &port), 0);
	s->port = (unsigned)port;
	fclose(f);
}

static inline void server_start(
	struct server *s, const char *script, const char *option, const char *host)
{
	posix_spawn_file_actions_t actions;
	int in[2], out[2];

	strncpy(s->dir, "/tmp/tolld-mail-XXXXXX", sizeof(s->dir));
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->cert, sizeof(s->cert), "%s/cert.pem", s->dir);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	char *const argv[] = { (char *)PYTHON, (char *)"-Wignore", (char *)script, (char *)"--dir",
		s->dir, (char *)"--user", (char *)"watcher", (char *)"--password", (char *)PASSWORD,
		(char *)"--until-eof", (char *)"--host", (char *)host, (char *)option, NULL };
	assert_int_equal(posix_spawn(&s->pid, PYTHON, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	s->alive = in[1];
	read_port(s, out[0]);
}

static inline void server_end(struct server *s)
{
	static const char *const files[] = { "cert.pem", "key.pem", "faults", "mails.jsonl" };
	char path[80];
	int status;

	if (!s->pid)
		return;
	close(s->alive);
	waitpid(s->pid, &status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]);
		unlink(path);
	}
	rmdir(s->dir);
}

/* Faults, one a line; "" for none. Mails of before are forgotten. */
static inline void server_set(struct server *s, const char *faults)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/mails.jsonl", s->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/faults", s->dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(faults, f);
	fclose(f);
}

/* The one mail that the server took, or NULL where it took none. */
static inline json_t *server_mail(struct server *s)
{
	json_error_t error;
	char path[80];
	json_t *mail;
	FILE *f;

	snprintf(path, sizeof(path), "%s/mails.jsonl", s->dir);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	mail = json_loadf(f, JSON_DISABLE_EOF_CHECK, &error);
	assert_non_null(mail);
	assert_int_equal(fgetc(f), '\n');
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
	return mail;
}

#endif
