/*
 * secret.c - secrets: read when they are needed, never shown.
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

/* Words in the names of keys whose values are nobody's business. */
static const char *const secret_words[] = { "password", "passwd", "pasword", "secret", "token",
	"credential", "api_key", "apikey", "service_key", "routing_key", "user_key", "access_key",
	"secret_key", "bearer", "webhook_url", "slack_api_url", "proxy_url" };

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool names_secret(const char *key, size_t len)
{
	if (len >= 5 && !memcmp(key + len - 5, "_file", 5))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(secret_words); i++) {
		if (memmem(key, len, secret_words[i], strlen(secret_words[i])))
			return true;
	}
	return false;
}

/* Where the value of a secret's key begins in a line, or NULL. */
static const char *find_secret(const char *line, const char *end)
{
	const char *from, *to;

	for (const char *colon = line; (colon = memchr(colon, ':', (size_t)(end - colon)));
		colon++) {
		if (colon + 1 < end && !strchr(" \t\"'", colon[1]))
			continue;
		to = colon;
		while (to > line && strchr(" \t\"'", to[-1]))
			to--;
		from = to;
		while (from > line && is_key_char(from[-1]))
			from--;
		if (names_secret(from, (size_t)(to - from)))
			return colon + 1;
	}
	return NULL;
}

/*
 * By the look of the lines, because a file that is no YAML, or a key that is misspelt, must not
 * show its secret either. Lines below that are indented deeper belong to the value.
 */
void reader_hide_secrets(struct source *source)
{
	const char *line = source->text, *text_end = source->text + source->len;
	const char *end, *value;
	size_t indent, deep = SIZE_MAX;

	for (; line < text_end; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text_end - line));
		if (!end)
			end = text_end;
		indent = strspn(line, " -");
		if (line + indent >= end || indent > deep) {
			if (line + indent < end)
				source_hide(source, (size_t)(line - source->text) + indent,
					(size_t)(end - source->text));
			continue;
		}
		deep = SIZE_MAX;
		value = find_secret(line, end);
		if (!value)
			continue;
		deep = indent;
		while (value < end && *value == ' ')
			value++;
		source_hide(source, (size_t)(value - source->text), (size_t)(end - source->text));
	}
}
