/*
 * secret.c - secrets, read when they are needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <ctype.h>
#include "config/reader.h"

#define MAX_SECRET ((size_t)64 << 10)

static int read_file(const char *path, char *buf, size_t size, size_t *ret_len)
{
	scoped(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	if (len == size)
		return -EFBIG;
	*ret_len = len;
	return 0;
}

int config_secret_read(const struct config_secret *secret, char **ret)
{
	size_t len = 0;
	char *buf;
	int err;

	if (!secret->value.s && !secret->file.s) {
		*ret = NULL;
		return 0;
	}
	if (!secret->file.s) {
		buf = strdup(secret->value.s);
		if (!buf)
			return -ENOMEM;
		*ret = buf;
		return 0;
	}
	/* One block that never moves, so that no copy of a secret stays behind on the heap. */
	buf = calloc(1, MAX_SECRET + 2);
	if (!buf)
		return -ENOMEM;
	err = read_file(secret->file.s, buf, MAX_SECRET + 1, &len);
	if (err) {
		explicit_bzero(buf, MAX_SECRET + 2);
		free(buf);
		return err;
	}
	while (len && isspace((unsigned char)buf[len - 1]))
		len--;
	buf[len] = '\0';
	*ret = buf;
	return 0;
}

void config_secret_wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}
