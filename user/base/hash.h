/*
 * hash.h - two hashes with two promises.
 *
 * hash_fnv1a() is the same everywhere and for ever: it is what Alertmanager's fingerprints and
 * tolld's files are made of. hash_seeded() differs from process to process: for tables whose keys
 * come from outside.
 */
#ifndef TOLLD_BASE_HASH_H
#define TOLLD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_FNV1A_INIT 14695981039346656037ull

/* FNV-1a, 64 bits; start with HASH_FNV1A_INIT and feed it piece by piece. */
static inline uint64_t hash_fnv1a(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	while (len--) {
		hash ^= *p++;
		hash *= 1099511628211ull;
	}
	return hash;
}

uint64_t hash_seeded(const void *bytes, size_t len);

#endif
