/*
 * chunk_code.h - what chunk.c and decimal.c share: how times are written, and DECIMAL chunks.
 */
#ifndef TOLLD_TSDB_CHUNK_CODE_H
#define TOLLD_TSDB_CHUNK_CODE_H

#include "tsdb/bits.h"
#include "tsdb/chunk.h"

/* The C library's own cost of an allocation; glibc and musl are near it. */
#define MALLOC_SHARE 8

#define CHUNK_HEADER_BYTES offsetof(struct chunk, data)

/* The change of a difference of times: so many bits, and how they are written and read. */
unsigned chunk_time_bits(int64_t dod);
void chunk_put_time(uint8_t *data, uint64_t *at, int64_t dod);
int64_t chunk_get_time(const uint8_t *data, uint64_t end, uint64_t *at);

/* The samples of a chunk as a DECIMAL one, or NULL where that is not clearly smaller, or memory out. */
struct chunk *decimal_squeeze(const struct chunk *plain);
/* As chunk_next(), of a DECIMAL chunk and with index below n. */
bool decimal_next(
	const struct chunk *chunk, uint32_t index, uint64_t *bit, struct chunk_state *state);

#endif
