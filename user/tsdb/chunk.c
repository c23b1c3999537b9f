/*
 * chunk.c - samples packed bit by bit.
 *
 * The first time is the header's first_ms; the first value is an XOR with 0, so that the many
 * series that are always 0 cost one bit a value from the start.
 *
 *   time:  0 | 10 + 8 bits | 110 + 14 bits | 1110 + 20 bits | 1111 + 64 bits   of delta-of-delta
 *   value: 0 | 10 + the window's bits | 11 + 5 bits leading + 6 bits length - 1 + the bits
 */
#include "tsdb/chunk.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include "base/util.h"

/* The C library's own cost of an allocation; glibc and musl are near it. */
#define MALLOC_SHARE 8

/* With the header this fills glibc's 80-byte class: three or four samples, or many equal ones. */
#define FIRST_CAP_BYTES 24

#define LEADING_MAX 31

static const struct {
	uint8_t prefix, prefix_bits, bits;
} time_codes[] = {
	{ 0x0, 1, 0 },
	{ 0x2, 2, 8 },
	{ 0x6, 3, 14 },
	{ 0xe, 4, 20 },
	{ 0xf, 4, 64 },
};

static unsigned time_code(int64_t dod)
{
	unsigned code = 1;

	if (!dod)
		return 0;
	while (time_codes[code].bits < 64) {
		int64_t half = (int64_t)1 << (time_codes[code].bits - 1);

		if (dod >= -half && dod < half)
			break;
		code++;
	}
	return code;
}

static void put(struct chunk *c, uint64_t value, unsigned bits)
{
	while (bits) {
		unsigned used = c->n_bits & 7, take = MIN(8 - used, bits);
		uint8_t part = (uint8_t)((value >> (bits - take)) & ((1u << take) - 1));
		uint8_t *byte = &c->data[c->n_bits >> 3];

		if (!used)
			*byte = 0;
		*byte |= (uint8_t)(part << (8 - used - take));
		c->n_bits += take;
		bits -= take;
	}
}

/* Bits past the end read as 0; the caller compares its position with n_bits once, afterwards. */
static uint64_t get_slowly(const struct chunk *c, uint64_t *bit, unsigned bits)
{
	uint64_t value = 0;

	while (bits) {
		unsigned used = *bit & 7, take = MIN(8 - used, bits);
		uint8_t byte = *bit < c->n_bits ? c->data[*bit >> 3] : 0;

		value = value << take | ((byte >> (8 - used - take)) & ((1u << take) - 1));
		*bit += take;
		bits -= take;
	}
	return value;
}

static inline uint64_t get(const struct chunk *c, uint64_t *bit, unsigned bits)
{
	uint64_t word;

	/* Eight bytes at once, as long as they are there; up to 7 bits of the first are behind us. */
	if (bits - 1 >= 57 || *bit + 64 > c->n_bits)
		return get_slowly(c, bit, bits);
	memcpy(&word, &c->data[*bit >> 3], sizeof(word));
	word = be64toh(word) << (*bit & 7);
	*bit += bits;
	return word >> (64 - bits);
}

static inline bool get_bit(const struct chunk *c, uint64_t *bit)
{
	bool set = *bit < c->n_bits && (c->data[*bit >> 3] >> (7 - (*bit & 7)) & 1);

	++*bit;
	return set;
}

/* How an XOR is written: 0 bits where it is 0; else within the old window or with a new one. */
struct xor_plan {
	uint8_t leading, trailing;
	bool new_window;
	unsigned bits;
};

static struct xor_plan plan_xor(const struct chunk_state *state, uint64_t xor)
{
	struct xor_plan plan = {
		.leading = state->leading, .trailing = state->trailing, .bits = 1
	};
	uint8_t leading, trailing;

	if (!xor)
		return plan;
	leading = (uint8_t)MIN(__builtin_clzll(xor), LEADING_MAX);
	trailing = (uint8_t)__builtin_ctzll(xor);
	if (state->leading != 0xff && leading >= state->leading && trailing >= state->trailing) {
		unsigned old = 64 - state->leading - state->trailing;
		unsigned fresh = 64 - leading - trailing;

		/* A window that one odd value opened wide must not be paid for by all after it. */
		if (old <= fresh + 11) {
			plan.bits = 2 + old;
			return plan;
		}
	}
	plan = (struct xor_plan){ .leading = leading, .trailing = trailing, .new_window = true };
	plan.bits = 2 + 5 + 6 + 64 - leading - trailing;
	return plan;
}

static void put_xor(struct chunk *c, const struct xor_plan *plan, uint64_t xor)
{
	unsigned length = 64 - plan->leading - plan->trailing;

	if (!xor) {
		put(c, 0, 1);
		return;
	}
	put(c, plan->new_window ? 3 : 2, 2);
	if (plan->new_window) {
		put(c, plan->leading, 5);
		put(c, length - 1, 6);
	}
	put(c, xor >> plan->trailing, length);
}

static int reserve(struct chunk **chunk, unsigned bits)
{
	struct chunk *c = *chunk, *grown;
	size_t need = ((c ? c->n_bits : 0) + bits + 7) / 8;
	size_t cap = c ? c->cap_bytes : 0;

	if (c && need <= cap)
		return 0;
	while (cap < need)
		cap = cap ? (cap + cap / 2 + 15) / 16 * 16 + 8 : FIRST_CAP_BYTES;
	grown = realloc(c, sizeof(*c) + cap);
	if (!grown)
		return -ENOMEM;
	if (!c)
		*grown = (struct chunk){ 0 };
	grown->cap_bytes = (uint16_t)cap;
	*chunk = grown;
	return 0;
}

int chunk_append(struct chunk **chunk, struct chunk_state *state, int64_t ms, uint64_t value_bits)
{
	struct chunk_state next = { .ms = ms, .value_bits = value_bits };
	struct xor_plan plan;
	struct chunk *c;
	uint64_t xor ;
	int64_t dod = 0;
	unsigned code;

	if (!*chunk)
		*state = (struct chunk_state){ .leading = 0xff, .trailing = 0xff };
	/* Unsigned, because clocks may jump by more than an int64 difference holds. */
	if (*chunk) {
		next.delta_ms = (int64_t)((uint64_t)ms - (uint64_t)state->ms);
		dod = (int64_t)((uint64_t)next.delta_ms - (uint64_t)state->delta_ms);
	}
	code = time_code(dod);
	xor = value_bits ^ state->value_bits;
	plan = plan_xor(state, xor);
	if (reserve(chunk, (*chunk ? time_codes[code].prefix_bits + time_codes[code].bits : 0) +
				   plan.bits))
		return -ENOMEM;

	c = *chunk;
	if (c->n) {
		put(c, time_codes[code].prefix, time_codes[code].prefix_bits);
		put(c, (uint64_t)dod, time_codes[code].bits);
	} else {
		c->first_ms = ms;
	}
	put_xor(c, &plan, xor);
	c->last_ms = ms;
	c->n++;
	next.leading = plan.leading;
	next.trailing = plan.trailing;
	*state = next;
	return 0;
}

bool chunk_full(const struct chunk *chunk)
{
	return chunk->n >= CHUNK_SAMPLES;
}

struct chunk *chunk_seal(struct chunk *chunk)
{
	size_t bytes = (chunk->n_bits + 7) / 8;
	struct chunk *fitted = realloc(chunk, sizeof(*chunk) + bytes);

	if (!fitted)
		return chunk;
	fitted->cap_bytes = (uint16_t)bytes;
	return fitted;
}

size_t chunk_bytes(const struct chunk *chunk)
{
	return sizeof(*chunk) + chunk->cap_bytes + MALLOC_SHARE;
}

static int64_t get_dod(const struct chunk *c, uint64_t *bit)
{
	unsigned code = 0, bits;
	uint64_t raw;

	while (code < 4 && get_bit(c, bit))
		code++;
	if (!code)
		return 0;
	bits = time_codes[code].bits;
	raw = get(c, bit, bits);
	if (bits < 64 && raw >> (bits - 1))
		raw |= ~(uint64_t)0 << bits;
	return (int64_t)raw;
}

static bool get_value(const struct chunk *c, uint64_t *bit, struct chunk_state *state)
{
	unsigned length;

	if (!get_bit(c, bit))
		return true;
	if (get_bit(c, bit)) {
		state->leading = (uint8_t)get(c, bit, 5);
		length = (unsigned)get(c, bit, 6) + 1;
		if (state->leading + length > 64)
			return false;
		state->trailing = (uint8_t)(64 - state->leading - length);
	} else if (state->leading == 0xff) {
		return false;
	}
	length = 64u - state->leading - state->trailing;
	state->value_bits ^= get(c, bit, length) << state->trailing;
	return true;
}

bool chunk_next(const struct chunk *chunk, uint32_t index, uint64_t *bit, struct chunk_state *state)
{
	if (index >= chunk->n)
		return false;
	if (!index) {
		*state = (struct chunk_state){
			.ms = chunk->first_ms, .leading = 0xff, .trailing = 0xff
		};
	} else {
		state->delta_ms =
			(int64_t)((uint64_t)state->delta_ms + (uint64_t)get_dod(chunk, bit));
		state->ms = (int64_t)((uint64_t)state->ms + (uint64_t)state->delta_ms);
	}
	return get_value(chunk, bit, state) && *bit <= chunk->n_bits;
}
