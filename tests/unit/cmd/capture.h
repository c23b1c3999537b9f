/*
 * capture.h - a subcommand called as main() calls it, and what it wrote.
 */
#ifndef TOLLD_TESTS_CMD_CAPTURE_H
#define TOLLD_TESTS_CMD_CAPTURE_H

#include <fcntl.h>
#include <sys/mman.h>
#include "harness.h"

struct captured {
	int status;
	char *out, *err; /* of the heap */
};

static inline char *captured_text(int fd)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)len + 1);

	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)len, 0), len);
	close(fd);
	return text;
}

static inline struct captured capture(int (*run)(int argc, char **argv), int argc, char **argv)
{
	struct captured got;
	int saved[2] = { fcntl(1, F_DUPFD_CLOEXEC, 10), fcntl(2, F_DUPFD_CLOEXEC, 10) };
	int files[2] = { memfd_create("out", MFD_CLOEXEC), memfd_create("err", MFD_CLOEXEC) };

	fflush(stdout);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dup2(files[i], i + 1), i + 1);
	got.status = run(argc, argv);
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dup2(saved[i], i + 1), i + 1);
		close(saved[i]);
	}
	got.out = captured_text(files[0]);
	got.err = captured_text(files[1]);
	return got;
}

static inline void captured_release(struct captured *got)
{
	free(got->out);
	free(got->err);
}

#endif
