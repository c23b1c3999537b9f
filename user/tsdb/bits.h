/*
 * bits.h - numbers of any width, one behind the other; private to tsdb/.
 *
 * The most significant bit comes first. Reading past the end yields zeros and moves on: whoever reads
 * compares its position with the end once, afterwards.
 */
#ifndef TOLLD_TSDB_BITS_H
#define TOLLD_TSDB_BITS_H

#include <endian.h>
#include "base/util.h"

/* Adds `bits` (0 to 64) of value at *at, where the buffer has room; bytes are cleared when begun. */
static inline void bits_put(uint8_t *data, uint64_t *at, uint64_t value, unsigned bits)
{
	while (bits) {
		unsigned used = *at & 7, take = MIN(8 - used, bits);
		uint8_t part = (uint8_t)((value >> (bits - take)) & ((1u << take) - 1));
		uint8_t *byte = &data[*at >> 3];

		if (!used)
			*byte = 0;
		*byte |= (uint8_t)(part << (8 - used - take));
		*at += take;
		bits -= take;
	}
}

static inline uint64_t bits_get_slowly(
	const uint8_t *data, uint64_t end, uint64_t *at, unsigned bits)
{
	uint64_t value = 0;

	while (bits) {
		unsigned used = *at & 7, take = MIN(8 - used, bits);
		uint8_t byte = *at < end ? data[*at >> 3] : 0;

		value = value << take | ((byte >> (8 - used - take)) & ((1u << take) - 1));
		*at += take;
		bits -= take;
	}
	return value;
}

/* `end` is how many bits there are. */
static inline uint64_t bits_get(const uint8_t *data, uint64_t end, uint64_t *at, unsigned bits)
{
	uint64_t word;

	/* Eight bytes at once, as long as they are there; up to 7 bits of the first are behind us. */
	if (bits - 1 >= 57 || *at + 64 > end)
		return bits_get_slowly(data, end, at, bits);
	memcpy(&word, &data[*at >> 3], sizeof(word));
	word = be64toh(word) << (*at & 7);
	*at += bits;
	return word >> (64 - bits);
}

/* How many ones stand here, most at most, and the zero behind fewer than that. */
static inline unsigned bits_get_ones(const uint8_t *data, uint64_t end, uint64_t *at, unsigned most)
{
	unsigned n = 0, byte_left = 8 - (*at & 7);
	uint8_t byte;

	if (*at < end && byte_left > most) {
		byte = (uint8_t) ~(data[*at >> 3] << (*at & 7));
		n = byte ? (unsigned)__builtin_clz(byte) - 24 : 8;
		n = MIN(n, most);
		*at += n + (n < most);
		return n;
	}
	for (; n < most; n++) {
		bool set = *at < end && (data[*at >> 3] >> (7 - (*at & 7)) & 1);

		++*at;
		if (!set)
			break;
	}
	return n;
}

static inline bool bits_get_one(const uint8_t *data, uint64_t end, uint64_t *at)
{
	bool set = *at < end && (data[*at >> 3] >> (7 - (*at & 7)) & 1);

	++*at;
	return set;
}

#endif
