/*
 * http_reader.c - a state machine over the lines of an answer and the bytes between them.
 */
#include "net/http_reader.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>
#include "base/num.h"

enum state {
	/* Lines: */
	AT_STATUS,
	AT_HEADER,
	AT_CHUNK_SIZE,
	AT_CHUNK_END,
	AT_TRAILER,
	/* Bytes of the body: */
	IN_COUNTED,
	IN_ENDLESS, /* until the server hangs up */
	IN_CHUNK,
};

/* "7fffffff", and an extension that nobody uses. */
#define CHUNK_LINE_MAX ((size_t)256)
#define HEX_DIGITS_MAX 8

void http_reader_init(struct http_reader *r, struct strbuf *body)
{
	*r = (struct http_reader){ .body = body, .state = AT_STATUS, .keep_alive = true };
	strbuf_init(&r->line, HTTP_HEAD_MAX);
}

void http_reader_release(struct http_reader *r)
{
	strbuf_release(&r->line);
}

/* -- lines ---------------------------------------------------------------------------------- */

/* "HTTP/1.1 200 OK" */
static enum http_progress read_status(struct http_reader *r, const char *line)
{
	char digits[4] = { 0 };
	int64_t status;

	if (strlen(line) < 12 || !starts_with(line, "HTTP/1.") || !strchr("01", line[7]) ||
		line[8] != ' ' || (line[12] && line[12] != ' '))
		return HTTP_STRANGE;
	memcpy(digits, line + 9, 3);
	if (num_parse_int(digits, 100, 599, &status))
		return HTTP_STRANGE;
	r->status = (int)status;
	/* Version 1.0 keeps a connection only by a promise that is not asked for. */
	r->keep_alive = line[7] == '1';
	r->state = AT_HEADER;
	return HTTP_MORE;
}

static bool read_length(struct http_reader *r, const char *value)
{
	int64_t length;

	if (!isdigit((unsigned char)*value) || num_parse_int(value, 0, INT64_MAX, &length) ||
		(r->counted && r->left != (uint64_t)length))
		return false;
	r->counted = true;
	r->left = (uint64_t)length;
	return true;
}

static bool read_type(struct http_reader *r, const char *value)
{
	size_t len = strlen(value);

	if (r->has_type || len >= sizeof(r->type))
		return false;
	memcpy(r->type, value, len + 1);
	r->has_type = true;
	return true;
}

static bool read_transfer(struct http_reader *r, const char *value)
{
	bool known = !r->chunked && !strcasecmp(value, "chunked");

	r->chunked = true;
	return known;
}

static bool read_encoding(struct http_reader *r, const char *value)
{
	return !strcasecmp(value, "identity");
}

static bool read_connection(struct http_reader *r, const char *value)
{
	r->keep_alive &= !strcasecmp(value, "keep-alive");
	return true;
}

static bool read_location(struct http_reader *r, const char *value)
{
	r->redirects = true;
	return true;
}

/* Those that say what the body is; all others are passed over. False: not understood. */
static const struct {
	const char *name;
	bool (*read)(struct http_reader *r, const char *value);
} headers[] = {
	{ "Content-Type", read_type },
	{ "Content-Length", read_length },
	{ "Transfer-Encoding", read_transfer },
	{ "Content-Encoding", read_encoding },
	{ "Connection", read_connection },
	{ "Location", read_location },
};

static enum http_progress begin_body(struct http_reader *r)
{
	/* 100 (Continue) and its like: the answer comes after it. */
	if (r->status < 200) {
		r->state = AT_STATUS;
		r->has_type = r->redirects = false;
		return r->status == 101 || r->chunked || r->counted ? HTTP_STRANGE : HTTP_MORE;
	}
	if (r->status != 200)
		return HTTP_REFUSED;
	if (r->chunked) {
		/* Who says both may mean to smuggle something by. */
		r->keep_alive &= !r->counted;
		r->left = 0;
		r->state = AT_CHUNK_SIZE;
		return HTTP_MORE;
	}
	if (!r->counted) {
		r->keep_alive = false;
		r->state = IN_ENDLESS;
		return HTTP_MORE;
	}
	/* It need not come first to be too much. */
	if (r->left > r->body->max) {
		r->body->err = -EMSGSIZE;
		return HTTP_FULL;
	}
	r->state = IN_COUNTED;
	return r->left ? HTTP_MORE : HTTP_DONE;
}

/* "Name: value", or the empty line that ends them. */
static enum http_progress read_header(struct http_reader *r, char *line)
{
	char *colon = strchr(line, ':'), *value, *end;

	if (!*line)
		return begin_body(r);
	/* A blank in front would go on with the line before; one before the colon is a trap. */
	if (!colon || colon == line || isspace((unsigned char)*line) ||
		isspace((unsigned char)colon[-1]))
		return HTTP_STRANGE;
	*colon = '\0';
	for (value = colon + 1; *value == ' ' || *value == '\t';)
		value++;
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
		*--end = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		if (!strcasecmp(line, headers[i].name))
			return headers[i].read(r, value) ? HTTP_MORE : HTTP_STRANGE;
	}
	return HTTP_MORE;
}

/* "1a0", and perhaps ";name=value". */
static enum http_progress read_chunk_size(struct http_reader *r, const char *line)
{
	size_t digits = strspn(line, "0123456789abcdefABCDEF");
	const char *rest = line + digits;

	rest += strspn(rest, " \t");
	if (!digits || digits > HEX_DIGITS_MAX || (*rest && *rest != ';'))
		return HTTP_STRANGE;
	r->left = strtoull(line, NULL, 16);
	r->state = r->left ? IN_CHUNK : AT_TRAILER;
	r->head_bytes = 0;
	return HTTP_MORE;
}

static enum http_progress read_line(struct http_reader *r, char *line)
{
	switch ((enum state)r->state) {
	case AT_STATUS:
		return read_status(r, line);
	case AT_HEADER:
		return read_header(r, line);
	case AT_CHUNK_SIZE:
		return read_chunk_size(r, line);
	case AT_CHUNK_END:
		r->state = AT_CHUNK_SIZE;
		return *line ? HTTP_STRANGE : HTTP_MORE;
	case AT_TRAILER:
		return *line ? HTTP_MORE : HTTP_DONE;
	default:
		return HTTP_STRANGE;
	}
}

/* Up to the end of the line; *used is how much of the bytes that was. */
static enum http_progress take_line(
	struct http_reader *r, const char *bytes, size_t len, size_t *used)
{
	size_t max = r->state == AT_CHUNK_SIZE ? CHUNK_LINE_MAX : HTTP_HEAD_MAX;
	const char *newline = memchr(bytes, '\n', len);
	enum http_progress progress;

	*used = newline ? (size_t)(newline - bytes) + 1 : len;
	r->head_bytes += *used;
	if (r->head_bytes > max || memchr(bytes, '\0', *used))
		return HTTP_STRANGE;
	strbuf_add(&r->line, bytes, *used);
	if (r->line.err)
		return HTTP_STRANGE;
	if (!newline)
		return HTTP_MORE;
	strbuf_truncate(&r->line, r->line.len - 1);
	if (r->line.len && r->line.s[r->line.len - 1] == '\r')
		strbuf_truncate(&r->line, r->line.len - 1);
	progress = read_line(r, r->line.s);
	strbuf_reset(&r->line);
	return progress;
}

/* -- the body ------------------------------------------------------------------------------- */

static enum http_progress take_body(
	struct http_reader *r, const char *bytes, size_t len, size_t *used)
{
	*used = r->state == IN_ENDLESS ? len : (size_t)MIN((uint64_t)len, r->left);
	strbuf_add(r->body, bytes, *used);
	if (r->body->err)
		return HTTP_FULL;
	if (r->state == IN_ENDLESS)
		return HTTP_MORE;
	r->left -= *used;
	if (r->left)
		return HTTP_MORE;
	if (r->state == IN_COUNTED)
		return HTTP_DONE;
	r->state = AT_CHUNK_END;
	r->head_bytes = 0;
	return HTTP_MORE;
}

enum http_progress http_reader_feed(struct http_reader *r, const char *bytes, size_t len)
{
	enum http_progress progress = HTTP_MORE;
	size_t used;

	r->begun |= len > 0;
	for (; len && progress == HTTP_MORE; bytes += used, len -= used)
		progress = r->state < IN_COUNTED ? take_line(r, bytes, len, &used)
						 : take_body(r, bytes, len, &used);
	r->keep_alive &= progress <= HTTP_DONE && progress != HTTP_REFUSED && !len;
	return progress;
}

enum http_progress http_reader_end(struct http_reader *r)
{
	r->keep_alive = false;
	return r->state == IN_ENDLESS ? HTTP_DONE : HTTP_MORE;
}
