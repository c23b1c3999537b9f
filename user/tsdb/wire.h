/*
 * wire.h - numbers and texts in tsdb's files; private to tsdb/.
 *
 * Unsigned numbers are LEB128, signed ones zigzag of it, fixed ones little-endian. A reader that runs
 * past its end says so once, at the end of it all, and yields zeros meanwhile.
 */
#ifndef TOLLD_TSDB_WIRE_H
#define TOLLD_TSDB_WIRE_H

#include <endian.h>
#include <zlib.h>
#include "base/strbuf.h"

static inline uint32_t wire_crc(const void *bytes, size_t len)
{
	return (uint32_t)crc32_z(0, bytes, len);
}

static inline void wire_put_u(struct strbuf *out, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	strbuf_add(out, bytes, n);
}

/* Unsigned arithmetic: the difference of two times may be anything. */
static inline void wire_put_s(struct strbuf *out, int64_t v)
{
	wire_put_u(out, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static inline void wire_put_u32(struct strbuf *out, uint32_t v)
{
	v = htole32(v);
	strbuf_add(out, &v, sizeof(v));
}

static inline void wire_put_u64(struct strbuf *out, uint64_t v)
{
	v = htole64(v);
	strbuf_add(out, &v, sizeof(v));
}

struct wire {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct wire wire_of(const void *bytes, size_t len)
{
	return (struct wire){ .at = bytes, .end = (const uint8_t *)bytes + len };
}

static inline size_t wire_left(const struct wire *w)
{
	return (size_t)(w->end - w->at);
}

static inline uint64_t wire_u(struct wire *w)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && w->at < w->end; shift += 7) {
		uint8_t byte = *w->at++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	w->bad = true;
	w->at = w->end;
	return 0;
}

static inline int64_t wire_s(struct wire *w)
{
	uint64_t v = wire_u(w);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* len bytes where they stand, or NULL. */
static inline const void *wire_bytes(struct wire *w, size_t len)
{
	const uint8_t *bytes = w->at;

	if (len > wire_left(w)) {
		w->bad = true;
		w->at = w->end;
		return NULL;
	}
	w->at += len;
	return bytes;
}

static inline uint8_t wire_u8(struct wire *w)
{
	const uint8_t *byte = wire_bytes(w, 1);

	return byte ? *byte : 0;
}

static inline uint32_t wire_u32(struct wire *w)
{
	const void *bytes = wire_bytes(w, sizeof(uint32_t));
	uint32_t v = 0;

	if (bytes)
		memcpy(&v, bytes, sizeof(v));
	return le32toh(v);
}

static inline uint64_t wire_u64(struct wire *w)
{
	const void *bytes = wire_bytes(w, sizeof(uint64_t));
	uint64_t v = 0;

	if (bytes)
		memcpy(&v, bytes, sizeof(v));
	return le64toh(v);
}

#endif
