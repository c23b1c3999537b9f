/*
 * decimal.c - sealed chunks, packed as differences of whole numbers.
 *
 * What exporters tell are decimal fractions of a few digits: seconds to the hundredth, bytes, counts.
 * Multiplied by a power of ten they are whole numbers, and those differ by little, or by as much as
 * the last time. A value that is none (a NaN, an average) stands there bit for bit.
 *
 *   chunk: 4 bits digits, 1 flat, 1 even, unless flat 1 twice and 4 width - 1; the first value;
 *          then for each other sample its time (where even: only the second's), its value (unless flat)
 *   first: 6 bits length, the zigzag of the whole number; or length 63 and 64 bits as they are
 *   value: 0 | 10 + width | 110 + width + 3 | 1110 + width + 8 bits of the zigzag of the difference
 *          (twice: of its change) | 11110 + 56 bits of it | 11111 + 64 bits as they are
 */
#include <math.h>
#include "tsdb/chunk_code.h"

#define MAX_DIGITS 9
#define MAX_WIDTH  16
#define RAW_LENGTH 63
#define LONG_BITS  56

/* Whole numbers beyond are not told apart by a double. */
#define MAX_WHOLE 9e15

static const double powers[MAX_DIGITS + 1] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };

struct point {
	int64_t ms;
	uint64_t value_bits;
	int64_t whole;
	bool raw; /* no decimal fraction */
};

struct plan {
	struct point points[CHUNK_SAMPLES];
	unsigned n, digits, width;
	bool flat, even, twice;
};

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static unsigned length_of(uint64_t v)
{
	return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

static uint64_t value_of(int64_t whole, unsigned digits)
{
	double v = (double)whole / powers[digits];
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* Whether value_of() gives back every bit. */
static bool is_whole(uint64_t value_bits, unsigned digits, int64_t *ret)
{
	double v;

	memcpy(&v, &value_bits, sizeof(v));
	v *= powers[digits];
	/* A NaN compares false. */
	if (!(fabs(v) <= MAX_WHOLE))
		return false;
	*ret = llrint(v);
	return value_of(*ret, digits) == value_bits;
}

/* The fewest digits that suit all values which are decimal fractions at all. */
static unsigned digits_of(const struct plan *plan)
{
	unsigned digits = 0;
	int64_t whole;

	for (unsigned i = 0; i < plan->n; i++) {
		uint64_t bits = plan->points[i].value_bits;

		for (unsigned d = digits; d <= MAX_DIGITS; d++) {
			if (is_whole(bits, d, &whole)) {
				digits = d;
				break;
			}
		}
	}
	return digits;
}

static unsigned value_bits(unsigned length, unsigned width)
{
	if (!length)
		return 1;
	if (length <= width)
		return 2 + width;
	if (length <= width + 3)
		return 3 + width + 3;
	return length <= width + 8 ? 4 + width + 8 : 5 + LONG_BITS;
}

/* How long the differences are, or their changes; the point before a raw one is the next one's, too. */
static void count_lengths(const struct plan *plan, bool twice, unsigned counts[LONG_BITS + 1])
{
	int64_t whole = plan->points[0].raw ? 0 : plan->points[0].whole, step = 0;

	memset(counts, 0, (LONG_BITS + 1) * sizeof(*counts));
	for (unsigned i = 1; i < plan->n; i++) {
		const struct point *p = &plan->points[i];

		if (p->raw)
			continue;
		counts[length_of(zigzag(p->whole - whole - (twice ? step : 0)))]++;
		step = p->whole - whole;
		whole = p->whole;
	}
}

/* Chooses width and twice; the bits of all values but the first and those that stand as they are. */
static unsigned choose_width(struct plan *plan)
{
	unsigned counts[LONG_BITS + 1], best = UINT32_MAX;

	for (int twice = 0; twice < 2; twice++) {
		count_lengths(plan, twice, counts);
		for (unsigned width = 1; width <= MAX_WIDTH; width++) {
			unsigned bits = 0;

			for (unsigned length = 0; length <= LONG_BITS; length++)
				bits += counts[length] * value_bits(length, width);
			if (bits >= best)
				continue;
			best = bits;
			plan->width = width;
			plan->twice = twice;
		}
	}
	return best;
}

static int64_t dod_at(const struct plan *plan, unsigned i)
{
	const struct point *p = plan->points;
	uint64_t delta = (uint64_t)p[i].ms - (uint64_t)p[i - 1].ms;

	/* Unsigned, because clocks may jump by more than an int64 difference holds. */
	return (int64_t)(i > 1 ? delta - ((uint64_t)p[i - 1].ms - (uint64_t)p[i - 2].ms) : delta);
}

static bool read_points(struct plan *plan, const struct chunk *plain)
{
	struct chunk_state state = { 0 };
	uint64_t bit = 0;

	plan->n = plain->n;
	for (unsigned i = 0; i < plan->n; i++) {
		if (!chunk_next(plain, i, &bit, &state))
			return false;
		plan->points[i] = (struct point){ .ms = state.ms, .value_bits = state.value_bits };
	}
	return plan->n > 0;
}

/* Fills in the rest; an upper bound of the bits that it takes. */
static unsigned make_plan(struct plan *plan)
{
	unsigned bits = 4 + 2 + 1 + 4 + 6 + 64;

	plan->digits = digits_of(plan);
	plan->flat = plan->even = true;
	for (unsigned i = 0; i < plan->n; i++) {
		struct point *p = &plan->points[i];

		p->raw = !is_whole(p->value_bits, plan->digits, &p->whole);
		plan->flat &= p->value_bits == plan->points[0].value_bits;
		plan->even &= i < 2 || !dod_at(plan, i);
	}
	for (unsigned i = 1; i < plan->n; i++) {
		if (i == 1 || !plan->even)
			bits += chunk_time_bits(dod_at(plan, i));
		if (!plan->flat && plan->points[i].raw)
			bits += 5 + 64;
	}
	return bits + (plan->flat ? 0 : choose_width(plan));
}

static void put_value(struct chunk *c, uint64_t *at, uint64_t z, unsigned width)
{
	unsigned length = length_of(z);

	if (!length) {
		bits_put(c->data, at, 0, 1);
	} else if (length <= width) {
		bits_put(c->data, at, 0x2, 2);
		bits_put(c->data, at, z, width);
	} else if (length <= width + 3) {
		bits_put(c->data, at, 0x6, 3);
		bits_put(c->data, at, z, width + 3);
	} else if (length <= width + 8) {
		bits_put(c->data, at, 0xe, 4);
		bits_put(c->data, at, z, width + 8);
	} else {
		bits_put(c->data, at, 0x1e, 5);
		bits_put(c->data, at, z, LONG_BITS);
	}
}

static void put_first(struct chunk *c, uint64_t *at, const struct plan *plan)
{
	const struct point *p = &plan->points[0];
	uint64_t z = zigzag(p->whole);

	bits_put(c->data, at, plan->digits, 4);
	bits_put(c->data, at, plan->flat, 1);
	bits_put(c->data, at, plan->even, 1);
	if (!plan->flat) {
		bits_put(c->data, at, plan->twice, 1);
		bits_put(c->data, at, plan->width - 1, 4);
	}
	bits_put(c->data, at, p->raw ? RAW_LENGTH : length_of(z), 6);
	bits_put(c->data, at, p->raw ? p->value_bits : z, p->raw ? 64 : length_of(z));
}

static void put_all(struct chunk *c, const struct plan *plan)
{
	int64_t whole = plan->points[0].raw ? 0 : plan->points[0].whole, step = 0;
	uint64_t at = 0;

	put_first(c, &at, plan);
	for (unsigned i = 1; i < plan->n; i++) {
		const struct point *p = &plan->points[i];

		if (i == 1 || !plan->even)
			chunk_put_time(c->data, &at, dod_at(plan, i));
		if (plan->flat)
			continue;
		if (p->raw) {
			bits_put(c->data, &at, 0x1f, 5);
			bits_put(c->data, &at, p->value_bits, 64);
			continue;
		}
		put_value(c, &at, zigzag(p->whole - whole - (plan->twice ? step : 0)), plan->width);
		step = p->whole - whole;
		whole = p->whole;
	}
	c->n_bits = (uint16_t)at;
}

struct chunk *decimal_squeeze(const struct chunk *plain)
{
	struct plan plan = { 0 };
	struct chunk *c, *fitted;
	size_t bytes;

	if (!read_points(&plan, plain))
		return NULL;
	bytes = (make_plan(&plan) + 7) / 8;
	/* Where little is won, the plain chunk is read faster. */
	if (bytes >= plain->n_bits / 9u)
		return NULL;
	c = malloc(CHUNK_HEADER_BYTES + bytes);
	if (!c)
		return NULL;
	memcpy(c, plain, CHUNK_HEADER_BYTES);
	c->encoding = CHUNK_DECIMAL;
	put_all(c, &plan);
	bytes = (c->n_bits + 7) / 8;
	fitted = realloc(c, CHUNK_HEADER_BYTES + bytes);
	c = fitted ? fitted : c;
	c->cap_bytes = (uint16_t)bytes;
	return c;
}

static bool get_first(const struct chunk *c, uint64_t *bit, struct chunk_state *state)
{
	unsigned length;

	*state = (struct chunk_state){ .ms = c->first_ms };
	state->digits = (uint8_t)bits_get(c->data, c->n_bits, bit, 4);
	state->flat = bits_get_one(c->data, c->n_bits, bit);
	state->even = bits_get_one(c->data, c->n_bits, bit);
	if (!state->flat) {
		state->twice = bits_get_one(c->data, c->n_bits, bit);
		state->width = (uint8_t)(bits_get(c->data, c->n_bits, bit, 4) + 1);
	}
	length = (unsigned)bits_get(c->data, c->n_bits, bit, 6);
	if (state->digits > MAX_DIGITS || (length > LONG_BITS && length != RAW_LENGTH))
		return false;
	if (length == RAW_LENGTH) {
		state->value_bits = bits_get(c->data, c->n_bits, bit, 64);
		return true;
	}
	state->whole = length ? unzigzag(bits_get(c->data, c->n_bits, bit, length)) : 0;
	state->value_bits = value_of(state->whole, state->digits);
	return true;
}

static void get_value(const struct chunk *c, uint64_t *bit, struct chunk_state *state)
{
	static const uint8_t more[] = { 0, 3, 8 };
	unsigned code = bits_get_ones(c->data, c->n_bits, bit, 5);
	uint64_t z = 0;

	if (code == 5) {
		state->value_bits = bits_get(c->data, c->n_bits, bit, 64);
		return;
	}
	if (code)
		z = bits_get(c->data, c->n_bits, bit,
			code == 4 ? LONG_BITS : state->width + more[code - 1]);
	/* Unsigned, because damaged bits add up to anything. */
	state->step = (int64_t)((state->twice ? (uint64_t)state->step : 0) + (uint64_t)unzigzag(z));
	state->whole = (int64_t)((uint64_t)state->whole + (uint64_t)state->step);
	state->value_bits = value_of(state->whole, state->digits);
}

bool decimal_next(
	const struct chunk *chunk, uint32_t index, uint64_t *bit, struct chunk_state *state)
{
	if (!index)
		return get_first(chunk, bit, state) && *bit <= chunk->n_bits;
	if (index == 1 || !state->even) {
		int64_t dod = chunk_get_time(chunk->data, chunk->n_bits, bit);

		state->delta_ms = (int64_t)((uint64_t)state->delta_ms + (uint64_t)dod);
	}
	state->ms = (int64_t)((uint64_t)state->ms + (uint64_t)state->delta_ms);
	if (!state->flat)
		get_value(chunk, bit, state);
	return *bit <= chunk->n_bits;
}
