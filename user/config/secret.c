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
/* And those that hint at it, in a key that may be misspelt. */
static const char *const hints[] = { "pass", "pwd" };

enum look { HARMLESS, GUESS, SURE };

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool holds_any(const char *name, size_t len, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (memmem(name, len, words[i], strlen(words[i])))
			return true;
	}
	return false;
}

/* SURE: as it is spelt. GUESS: as it may be meant. */
static enum look key_look(const char *key, size_t len)
{
	char plain[64];

	if (len >= 5 && !memcmp(key + len - 5, "_file", 5))
		return HARMLESS;
	if (holds_any(key, len, secret_words, ARRAY_SIZE(secret_words)))
		return SURE;
	len = MIN(len, sizeof(plain));
	for (size_t i = 0; i < len; i++)
		plain[i] = key[i] == '-' ? '_' : (char)tolower((unsigned char)key[i]);
	return holds_any(plain, len, secret_words, ARRAY_SIZE(secret_words)) ||
			       holds_any(plain, len, hints, ARRAY_SIZE(hints))
		       ? GUESS
		       : HARMLESS;
}

/*
 * Where the value of a secret's key begins in a line, or NULL. Whoever forgets the space after the colon, or
 * writes '=', meant a key, too.
 */
static const char *find_secret(const char *line, const char *end, enum look *ret)
{
	const char *from, *to;

	for (const char *sign = line; sign < end; sign++) {
		if (*sign != ':' && *sign != '=')
			continue;
		to = sign;
		while (to > line && strchr(" \t\"'", to[-1]))
			to--;
		from = to;
		while (from > line && is_key_char(from[-1]))
			from--;
		*ret = key_look(from, (size_t)(to - from));
		if (!*ret)
			continue;
		if (*sign == '=' || (sign + 1 < end && !strchr(" \t\"'", sign[1])))
			*ret = GUESS;
		return sign + 1;
	}
	return NULL;
}

static void hide_from(struct source *source, const char *from, const char *end, enum look look)
{
	(look == SURE ? source_hide : source_hide_guess)(
		source, (size_t)(from - source->text), (size_t)(end - source->text));
}

/* Hides what a line says after the keys of secrets. SURE, GUESS, or HARMLESS where there are none. */
static enum look hide_values(struct source *source, const char *line, const char *end)
{
	enum look look, worst = HARMLESS;

	while (worst != SURE && (line = find_secret(line, end, &look))) {
		worst = MAX(worst, look);
		hide_from(source, line + strspn(line, " "), end, look);
	}
	return worst;
}

/* Those of the URLs in a line. */
static void hide_logins(struct source *source, const char *line, const char *end)
{
	static const char mark[] = "://";
	size_t len;

	while ((line = memmem(line, (size_t)(end - line), mark, sizeof(mark) - 1))) {
		line += sizeof(mark) - 1;
		len = source_login_length(line, (size_t)(end - line));
		source_hide_guess(
			source, (size_t)(line - source->text), (size_t)(line - source->text) + len);
	}
}

/*
 * By the look of the lines, because a file that is no YAML, or a key that is misspelt, must not
 * show its secret either. Lines below that are indented deeper belong to the value.
 */
void reader_hide_secrets(struct source *source)
{
	const char *line = source->text, *text_end = source->text + source->len, *end;
	enum look look = HARMLESS;
	size_t indent, deep = 0;

	for (; line < text_end; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text_end - line));
		if (!end)
			end = text_end;
		hide_logins(source, line, end);
		indent = strspn(line, " -");
		if (line + indent >= end)
			continue;
		if (look && indent > deep) {
			hide_from(source, line + indent, end, look);
			continue;
		}
		/* A comment has no value that goes on below it, and ends none. */
		if (line[indent] == '#') {
			hide_from(source, line + indent, end, GUESS);
			continue;
		}
		look = hide_values(source, line, end);
		deep = indent;
	}
}

void reader_hide(const struct tree_node *value)
{
	struct source *source = value->pos.source;
	size_t to = value->to;

	while (value->kind != TREE_SCALAR && to < source->len && source->text[to] != '\n')
		to++;
	source_hide(source, value->from, to);
}
