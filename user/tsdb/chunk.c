/*
 * chunk.c - samples packed bit by bit as they come.
 *
 * The first time is the header's first_ms; the first value is an XOR with 0, so that the many
 * series that are always 0 cost one bit a value from the start.
 *
 *   time:  0 | 10 + 8 bits | 110 + 14 bits | 1110 + 20 bits | 1111 + 64 bits   of delta-of-delta
 *   value: 0 | 10 + the window's bits | 11 + 5 bits leading + 6 bits length - 1 + the bits
 */
#include "tsdb/chunk_code.h"

#include <errno.h>

/* With the header this fills glibc's 80-byte class: three or four samples, or many equal ones. */
#define FIRST_CAP_BYTES 21

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

unsigned chunk_time_bits(int64_t dod)
{
	unsigned code = time_code(dod);

	return time_codes[code].prefix_bits + time_codes[code].bits;
}

void chunk_put_time(uint8_t *data, uint64_t *at, int64_t dod)
{
	unsigned code = time_code(dod);

	bits_put(data, at, time_codes[code].prefix, time_codes[code].prefix_bits);
	bits_put(data, at, (uint64_t)dod, time_codes[code].bits);
}

int64_t chunk_get_time(const uint8_t *data, uint64_t end, uint64_t *at)
{
	unsigned code = bits_get_ones(data, end, at, ARRAY_SIZE(time_codes) - 1), bits;
	uint64_t raw;

	if (!code)
		return 0;
	bits = time_codes[code].bits;
	raw = bits_get(data, end, at, bits);
	if (bits < 64 && raw >> (bits - 1))
		raw |= ~(uint64_t)0 << bits;
	return (int64_t)raw;
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

static void put_xor(uint8_t *data, uint64_t *at, const struct xor_plan *plan, uint64_t xor)
{
	unsigned length = 64 - plan->leading - plan->trailing;

	if (!xor) {
		bits_put(data, at, 0, 1);
		return;
	}
	bits_put(data, at, plan->new_window ? 3 : 2, 2);
	if (plan->new_window) {
		bits_put(data, at, plan->leading, 5);
		bits_put(data, at, length - 1, 6);
	}
	bits_put(data, at, xor >> plan->trailing, length);
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
	grown = realloc(c, CHUNK_HEADER_BYTES + cap);
	if (!grown)
		return -ENOMEM;
	if (!c)
		memset(grown, 0, CHUNK_HEADER_BYTES);
	grown->cap_bytes = (uint16_t)cap;
	*chunk = grown;
	return 0;
}

int chunk_append(struct chunk **chunk, struct chunk_state *state, int64_t ms, uint64_t value_bits)
{
	struct chunk_state next = { .ms = ms, .value_bits = value_bits };
	struct xor_plan plan;
	struct chunk *c;
	uint64_t xor, at;
	int64_t dod = 0;

	if (!*chunk)
		*state = (struct chunk_state){ .leading = 0xff, .trailing = 0xff };
	/* Unsigned, because clocks may jump by more than an int64 difference holds. */
	if (*chunk) {
		next.delta_ms = (int64_t)((uint64_t)ms - (uint64_t)state->ms);
		dod = (int64_t)((uint64_t)next.delta_ms - (uint64_t)state->delta_ms);
	}
	xor = value_bits ^ state->value_bits;
	plan = plan_xor(state, xor);
	if (reserve(chunk, (*chunk ? chunk_time_bits(dod) : 0) + plan.bits))
		return -ENOMEM;

	c = *chunk;
	at = c->n_bits;
	if (c->n)
		chunk_put_time(c->data, &at, dod);
	else
		c->first_ms = ms;
	put_xor(c->data, &at, &plan, xor);
	c->n_bits = (uint16_t)at;
	c->last_ms = ms;
	c->n++;
	next.leading = plan.leading;
	next.trailing = plan.trailing;
	*state = next;
	return 0;
}

/* Reads n samples behind what `state` has read; false where they are none, or not in order. */
static bool follow(const struct chunk *c, unsigned n, uint64_t bit, struct chunk_state *state)
{
	for (unsigned i = 0; i < n; i++) {
		int64_t before = state->ms;

		if (!chunk_next(c, c->n - n + i, &bit, state) ||
			(c->n - n + i && state->ms <= before))
			return false;
	}
	return bit == c->n_bits;
}

int chunk_extend(struct chunk **chunk, struct chunk_state *state, int64_t first_ms, unsigned n,
	const uint8_t *bits, uint32_t n_bits)
{
	uint32_t old_bits = *chunk ? (*chunk)->n_bits : 0;
	unsigned old_n = *chunk ? (*chunk)->n : 0;
	uint64_t at = old_bits, from = 0;
	struct chunk_state next = *state;
	struct chunk *c = *chunk;

	if (!n || old_n + n > CHUNK_SAMPLES || old_bits + n_bits > CHUNK_MAX_BITS)
		return -EBADMSG;
	if (reserve(&c, n_bits))
		return -ENOMEM;
	if (!old_n)
		c->first_ms = first_ms;
	while (from < n_bits) {
		unsigned take = (unsigned)MIN(n_bits - from, (uint64_t)32);

		bits_put(c->data, &at, bits_get(bits, n_bits, &from, take), take);
	}
	c->n = (uint8_t)(old_n + n);
	c->n_bits = (uint16_t)at;
	if (follow(c, n, old_bits, &next)) {
		c->last_ms = next.ms;
		*state = next;
		*chunk = c;
		return 0;
	}
	if (!old_n) {
		free(c);
		return -EBADMSG;
	}
	c->n = (uint8_t)old_n;
	c->n_bits = (uint16_t)old_bits;
	/* What is written next is added bit by bit to a last byte that must be clear. */
	if (old_bits % 8)
		c->data[old_bits / 8] &= (uint8_t)(0xff00 >> (old_bits % 8));
	*chunk = c;
	return -EBADMSG;
}

bool chunk_full(const struct chunk *chunk)
{
	return chunk->n >= CHUNK_SAMPLES;
}

struct chunk *chunk_seal(struct chunk *chunk)
{
	size_t bytes = (chunk->n_bits + 7) / 8;
	struct chunk *fitted = decimal_squeeze(chunk);

	if (fitted) {
		free(chunk);
		return fitted;
	}
	fitted = realloc(chunk, CHUNK_HEADER_BYTES + bytes);
	if (!fitted)
		return chunk;
	fitted->cap_bytes = (uint16_t)bytes;
	return fitted;
}

size_t chunk_bytes(const struct chunk *chunk)
{
	return CHUNK_HEADER_BYTES + chunk->cap_bytes + MALLOC_SHARE;
}

static bool get_value(const struct chunk *c, uint64_t *bit, struct chunk_state *state)
{
	unsigned length;

	if (!bits_get_one(c->data, c->n_bits, bit))
		return true;
	if (bits_get_one(c->data, c->n_bits, bit)) {
		state->leading = (uint8_t)bits_get(c->data, c->n_bits, bit, 5);
		length = (unsigned)bits_get(c->data, c->n_bits, bit, 6) + 1;
		if (state->leading + length > 64)
			return false;
		state->trailing = (uint8_t)(64 - state->leading - length);
	} else if (state->leading == 0xff) {
		return false;
	}
	length = 64u - state->leading - state->trailing;
	state->value_bits ^= bits_get(c->data, c->n_bits, bit, length) << state->trailing;
	return true;
}

bool chunk_next(const struct chunk *chunk, uint32_t index, uint64_t *bit, struct chunk_state *state)
{
	if (index >= chunk->n)
		return false;
	if (chunk->encoding != CHUNK_PLAIN)
		return decimal_next(chunk, index, bit, state);
	if (!index) {
		*state = (struct chunk_state){
			.ms = chunk->first_ms, .leading = 0xff, .trailing = 0xff
		};
	} else {
		int64_t dod = chunk_get_time(chunk->data, chunk->n_bits, bit);

		state->delta_ms = (int64_t)((uint64_t)state->delta_ms + (uint64_t)dod);
		state->ms = (int64_t)((uint64_t)state->ms + (uint64_t)state->delta_ms);
	}
	return get_value(chunk, bit, state) && *bit <= chunk->n_bits;
}
