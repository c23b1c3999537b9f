/* Chunks: every time and every bit of a value come back. */
#include "harness.h"

#include "model/sample.h"
#include "tsdb/chunk_code.h"

struct point {
	int64_t ms;
	uint64_t bits;
};

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static uint64_t random_state = 42;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static struct chunk *written(const struct point *points, size_t n)
{
	struct chunk_state state = { 0 };
	struct chunk *c = NULL;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(chunk_append(&c, &state, points[i].ms, points[i].bits), 0);
	return c;
}

static void assert_reads_back(const struct chunk *c, const struct point *points, size_t n)
{
	struct chunk_state state = { 0 };
	uint64_t bit = 0;

	for (size_t i = 0; i < n; i++) {
		assert_true(chunk_next(c, (uint32_t)i, &bit, &state));
		assert_int_equal(state.ms, points[i].ms);
		assert_true(state.value_bits == points[i].bits);
	}
	assert_false(chunk_next(c, (uint32_t)n, &bit, &state));
}

static void assert_round_trip(const struct point *points, size_t n)
{
	struct chunk *c = written(points, n);

	assert_reads_back(c, points, n);
	c = chunk_seal(c);
	assert_reads_back(c, points, n);
	free(c);
}

static void every_bit_of_a_value_comes_back(void **state)
{
	const uint64_t odd[] = { 0, 1, UINT64_MAX, STALE_NAN_BITS, 0x7ff8000000000001ull,
		0xfff0000000000003ull, bits_of(-0.0), bits_of(1e308), 1ull << 63, bits_of(0.1) };
	struct point points[ARRAY_SIZE(odd) * ARRAY_SIZE(odd)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(odd); k++, n++)
			points[n] = (struct point){ (int64_t)n * 15000, odd[(i * k + k) % 10] };
	}
	assert_round_trip(points, n);
}

static void times_at_the_edge_of_each_code_come_back(void **state)
{
	static const int64_t deltas[] = { 1, 128, 127, 129, 8192, 8193, 16384, 524288, 524289,
		1 << 20, 1, 2, 1ll << 40, 1, INT64_MAX / 4, 3 };
	struct point points[ARRAY_SIZE(deltas) + 1] = { { INT64_MIN / 2, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(deltas); i++)
		points[i + 1] = (struct point){ points[i].ms + deltas[i], i };
	assert_round_trip(points, ARRAY_SIZE(points));
}

static void random_series_come_back(void **state)
{
	struct point points[CHUNK_SAMPLES];

	for (int round = 0; round < 300; round++) {
		size_t n = 1 + next_random() % CHUNK_SAMPLES;
		unsigned spread = (unsigned)(next_random() % 50),
			 noise = (unsigned)(next_random() % 64);

		for (size_t i = 0; i < n; i++) {
			points[i].ms = (i ? points[i - 1].ms : 1700000000000) + 1 +
				       (int64_t)(next_random() >> (63 - spread));
			points[i].bits = bits_of(1234.5) ^ (next_random() >> noise);
		}
		assert_round_trip(points, n);
	}
}

static void what_does_not_change_costs_two_bits(void **state)
{
	struct point points[CHUNK_SAMPLES];
	struct chunk *c;

	for (size_t i = 0; i < CHUNK_SAMPLES; i++)
		points[i] = (struct point){ 1700000000000 + (int64_t)i * 15000, bits_of(1) };
	c = written(points, CHUNK_SAMPLES);
	assert_true(chunk_full(c));
	/* The first value, the first difference, its return to 0, then two bits each. */
	assert_in_range((c->n_bits + 7) / 8, 30, 30 + 12);
	free(c);
}

/* How many bytes a sealed chunk of a kind of series takes; its samples come back. */
static size_t sealed_bytes(int64_t step_ms, uint64_t (*value)(unsigned i))
{
	struct point points[CHUNK_SAMPLES];
	struct chunk *c;
	size_t bytes;

	for (unsigned i = 0; i < CHUNK_SAMPLES; i++)
		points[i] = (struct point){ 1700000000000 + (int64_t)i * step_ms, value(i) };
	c = chunk_seal(written(points, CHUNK_SAMPLES));
	assert_reads_back(c, points, CHUNK_SAMPLES);
	bytes = c->cap_bytes;
	free(c);
	return bytes;
}

static uint64_t always_one(unsigned i)
{
	return bits_of(1);
}

static uint64_t hundredths(unsigned i)
{
	return bits_of((123456 + i * 1497 + i % 3) / 100.0);
}

static uint64_t steady_counter(unsigned i)
{
	return bits_of(1e9 + i * 15000.0);
}

static uint64_t ends_stale(unsigned i)
{
	return i < CHUNK_SAMPLES - 1 ? hundredths(i) : STALE_NAN_BITS;
}

static uint64_t minus_zeros(unsigned i)
{
	return bits_of(i % 2 ? -0.0 : 0.0);
}

static uint64_t leaps(unsigned i)
{
	return bits_of(i % 2 ? -8.9e15 : 8.9e15);
}

static uint64_t thirds(unsigned i)
{
	return bits_of(i / 3.0);
}

static void a_sealed_chunk_is_as_small_as_its_values_allow(void **state)
{
	static const struct {
		uint64_t (*value)(unsigned i);
		size_t most_bytes;
	} rows[] = {
		{ always_one, 8 },
		{ hundredths, 70 },
		{ ends_stale, 80 },
		{ steady_counter, 30 },
		{ minus_zeros, CHUNK_SAMPLES },
		{ leaps, CHUNK_SAMPLES * 8 },
		{ thirds, CHUNK_SAMPLES * 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_in_range(sealed_bytes(15000, rows[i].value), 1, rows[i].most_bytes);
}

static void sealing_without_memory_keeps_the_samples(void **state)
{
	struct point points[CHUNK_SAMPLES];
	struct chunk *c;

	for (unsigned i = 0; i < CHUNK_SAMPLES; i++)
		points[i] = (struct point){ (int64_t)i * 15000, hundredths(i) };
	for (unsigned n = 1; n < 3; n++) {
		c = written(points, CHUNK_SAMPLES);
		fail_allocation(n);
		c = chunk_seal(c);
		fail_allocation(0);
		assert_reads_back(c, points, CHUNK_SAMPLES);
		free(c);
	}
}

static void decimal_fractions_of_any_size_come_back(void **state)
{
	struct point points[CHUNK_SAMPLES];

	for (int round = 0; round < 300; round++) {
		size_t n = 1 + next_random() % CHUNK_SAMPLES;
		double unit = 1;
		int64_t whole = 0;

		for (unsigned i = (unsigned)(next_random() % 12); i; i--)
			unit *= 10;
		for (size_t i = 0; i < n; i++) {
			whole += (int64_t)(next_random() >> (next_random() % 40 + 12)) -
				 (int64_t)(next_random() % 1000);
			points[i] =
				(struct point){ (int64_t)i * 15000 + (round % 5 == 0 && i % 7 == 0),
					next_random() % 30 ? bits_of((double)whole / unit)
							   : next_random() };
		}
		assert_round_trip(points, n);
	}
}

static void a_young_chunk_is_small(void **state)
{
	const struct point one = { 1700000000000, bits_of(0.1) };
	struct chunk *c = written(&one, 1);

	assert_in_range(chunk_bytes(c), 1, 80);
	free(c);
}

/* The bits of a chunk from one position to its end, as a file keeps them. */
static void copy_bits(const struct chunk *c, uint64_t from, uint8_t *to)
{
	uint64_t at = 0;

	while (from < c->n_bits)
		bits_put(to, &at, bits_get_one(c->data, c->n_bits, &from), 1);
}

static void pieces_make_the_chunk_again(void **state)
{
	for (int round = 0; round < 200; round++) {
		struct chunk_state writer = { 0 }, state_again = { 0 };
		struct chunk *c = NULL, *again = NULL;
		struct point points[CHUNK_SAMPLES];
		unsigned logged = 0;
		uint32_t logged_bits = 0;

		for (unsigned i = 0; i < CHUNK_SAMPLES; i++) {
			uint8_t bits[4000] = { 0xff };

			points[i] =
				(struct point){ (int64_t)i * 15000 + (int64_t)(next_random() % 3),
					next_random() % 3 ? hundredths(i) : next_random() };
			assert_int_equal(
				chunk_append(&c, &writer, points[i].ms, points[i].bits), 0);
			if (next_random() % 4)
				continue;
			copy_bits(c, logged_bits, bits);
			assert_int_equal(chunk_extend(&again, &state_again, points[0].ms,
						 i + 1 - logged, bits, c->n_bits - logged_bits),
				0);
			logged = i + 1;
			logged_bits = c->n_bits;
			assert_memory_equal(&state_again, &writer, sizeof(writer));
		}
		if (again)
			assert_reads_back(again, points, logged);
		/* It goes on where it was, not only as a copy to be read. */
		for (unsigned i = logged; again && i < CHUNK_SAMPLES; i++)
			assert_int_equal(
				chunk_append(&again, &state_again, points[i].ms, points[i].bits),
				0);
		if (again)
			assert_reads_back(again, points, CHUNK_SAMPLES);
		free(c);
		free(again);
	}
}

static void bits_that_do_not_fit_change_nothing(void **state)
{
	struct point points[40];

	for (unsigned i = 0; i < ARRAY_SIZE(points); i++)
		points[i] = (struct point){ (int64_t)i * 1000, next_random() };
	for (int round = 0; round < 2000; round++) {
		struct chunk_state writer = { 0 };
		unsigned half = 1 + (unsigned)(next_random() % 20);
		struct chunk *c = NULL;
		uint8_t bits[64];
		int err;

		for (unsigned i = 0; i < half; i++)
			chunk_append(&c, &writer, points[i].ms, points[i].bits);
		for (size_t i = 0; i < sizeof(bits); i++)
			bits[i] = (uint8_t)next_random();
		err = chunk_extend(&c, &writer, 0, 1 + (unsigned)(next_random() % 130), bits,
			(uint32_t)(next_random() % (sizeof(bits) * 8)));
		assert_true(!err || err == -EBADMSG);
		if (err) {
			for (unsigned i = half; i < ARRAY_SIZE(points); i++)
				chunk_append(&c, &writer, points[i].ms, points[i].bits);
			assert_reads_back(c, points, ARRAY_SIZE(points));
		}
		free(c);
	}
}

static void damaged_bits_end_the_reading(void **state)
{
	struct chunk *c = calloc(1, sizeof(*c) + 64);

	for (int round = 0; round < 2000; round++) {
		struct chunk_state reader = { 0 };
		uint64_t bit = 0;
		uint32_t i = 0;

		c->n = CHUNK_SAMPLES;
		c->encoding = (uint8_t)(next_random() % CHUNK_ENCODINGS);
		c->n_bits = (uint16_t)(next_random() % (64 * 8));
		for (size_t b = 0; b < 64; b++)
			c->data[b] = (uint8_t)next_random();
		while (chunk_next(c, i, &bit, &reader))
			i++;
		assert_true(i <= CHUNK_SAMPLES);
	}
	free(c);
}

static void a_failed_append_changes_nothing(void **state)
{
	struct point points[20];
	struct chunk_state writer = { 0 };
	struct chunk *c = NULL;
	unsigned failures = 0;

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		points[i] = (struct point){ (int64_t)i * 1000, next_random() };
		fail_allocation(1);
		if (chunk_append(&c, &writer, points[i].ms, points[i].bits)) {
			failures++;
			fail_allocation(0);
			assert_int_equal(
				chunk_append(&c, &writer, points[i].ms, points[i].bits), 0);
		}
		fail_allocation(0);
	}
	assert_true(failures > 1);
	assert_reads_back(c, points, ARRAY_SIZE(points));
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_of_a_value_comes_back),
		cmocka_unit_test(times_at_the_edge_of_each_code_come_back),
		cmocka_unit_test(random_series_come_back),
		cmocka_unit_test(what_does_not_change_costs_two_bits),
		cmocka_unit_test(a_young_chunk_is_small),
		cmocka_unit_test(a_sealed_chunk_is_as_small_as_its_values_allow),
		cmocka_unit_test(sealing_without_memory_keeps_the_samples),
		cmocka_unit_test(decimal_fractions_of_any_size_come_back),
		cmocka_unit_test(pieces_make_the_chunk_again),
		cmocka_unit_test(bits_that_do_not_fit_change_nothing),
		cmocka_unit_test(damaged_bits_end_the_reading),
		cmocka_unit_test(a_failed_append_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
