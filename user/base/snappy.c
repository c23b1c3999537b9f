/*
 * snappy.c - literals, and copies of what came before.
 */
#include "base/snappy.h"

#include <errno.h>

enum { LITERAL, COPY_1, COPY_2, COPY_4 };

/* From this on the length of a literal stands behind its tag, in as many bytes as it is past it. */
#define LONG_LITERAL 60u

struct unpacking {
	const uint8_t *at, *end;
	char *out;
	size_t n, size;
};

/* Little-endian; false where the block ends before. */
static bool number(struct unpacking *u, unsigned bytes, uint32_t *ret)
{
	uint32_t v = 0;

	if ((size_t)(u->end - u->at) < bytes)
		return false;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)*u->at++ << (8 * i);
	*ret = v;
	return true;
}

static bool unpacked_size(struct unpacking *u, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 35 && u->at < u->end; shift += 7) {
		uint8_t byte = *u->at++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = v;
			return v <= UINT32_MAX;
		}
	}
	return false;
}

static bool put_literal(struct unpacking *u, unsigned tag)
{
	uint32_t n = tag >> 2;
	size_t len;

	if (n >= LONG_LITERAL && !number(u, n - LONG_LITERAL + 1, &n))
		return false;
	len = (size_t)n + 1;
	if (len > (size_t)(u->end - u->at) || len > u->size - u->n)
		return false;
	memcpy(u->out + u->n, u->at, len);
	u->at += len;
	u->n += len;
	return true;
}

static bool put_copy(struct unpacking *u, unsigned tag)
{
	unsigned kind = tag & 3;
	size_t len = kind == COPY_1 ? 4 + (tag >> 2 & 7) : 1 + (tag >> 2);
	uint32_t back;

	if (!number(u, kind == COPY_1 ? 1 : kind == COPY_2 ? 2 : 4, &back))
		return false;
	if (kind == COPY_1)
		back |= (tag >> 5) << 8;
	if (!back || back > u->n || len > u->size - u->n)
		return false;
	/* Byte by byte: what is copied may be what the copy has just written. */
	for (; len; len--, u->n++)
		u->out[u->n] = u->out[u->n - back];
	return true;
}

int snappy_decode(const void *packed, size_t len, size_t max, char **ret, size_t *ret_len)
{
	struct unpacking u = { .at = packed, .end = (const uint8_t *)packed + len };
	uint64_t size;
	bool good = true;

	if (!unpacked_size(&u, &size))
		return -EBADMSG;
	if (size > max)
		return -EMSGSIZE;
	u.size = size;
	u.out = malloc(size + 1);
	if (!u.out)
		return -ENOMEM;
	while (good && u.at < u.end) {
		unsigned tag = *u.at++;

		good = (tag & 3) == LITERAL ? put_literal(&u, tag) : put_copy(&u, tag);
	}
	if (!good || u.n != u.size) {
		free(u.out);
		return -EBADMSG;
	}
	u.out[u.n] = '\0';
	*ret = u.out;
	*ret_len = u.n;
	return 0;
}
