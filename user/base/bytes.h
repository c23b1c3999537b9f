/*
 * bytes.h - eight characters looked at as one number: most texts hold nothing that must be escaped.
 */
#ifndef TOLLD_BASE_BYTES_H
#define TOLLD_BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The byte in all eight places. */
#define BYTES_ALL(c) (0x0101010101010101ull * (c))

static inline uint64_t bytes_load(const char *s)
{
	uint64_t v;

	memcpy(&v, s, sizeof(v));
	return v;
}

/* Whether any is below `limit`, which is 128 at most. */
static inline bool bytes_any_below(uint64_t v, uint8_t limit)
{
	return (v - BYTES_ALL(limit)) & ~v & BYTES_ALL(0x80);
}

static inline bool bytes_any(uint64_t v, uint8_t c)
{
	return bytes_any_below(v ^ BYTES_ALL(c), 1);
}

#endif
