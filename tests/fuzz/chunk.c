/*
 * chunk.c - property: whatever samples go into a chunk come out of it, and reading a chunk of
 * arbitrary bits ends and stays inside.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "tsdb/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct point {
	int64_t ms;
	uint64_t bits;
};

static void round_trip(const uint8_t *data, size_t size)
{
	size_t n = MIN(size / sizeof(struct point), (size_t)CHUNK_SAMPLES);
	struct chunk_state writer = { 0 }, reader = { 0 };
	struct chunk *c = NULL;
	struct point p;
	uint64_t bit = 0;

	for (size_t i = 0; i < n; i++) {
		memcpy(&p, data + i * sizeof(p), sizeof(p));
		assert(!chunk_append(&c, &writer, p.ms, p.bits));
	}
	if (!c)
		return;
	c = chunk_seal(c);
	for (size_t i = 0; i < n; i++) {
		memcpy(&p, data + i * sizeof(p), sizeof(p));
		assert(chunk_next(c, (uint32_t)i, &bit, &reader));
		assert(reader.ms == p.ms && reader.value_bits == p.bits);
	}
	assert(!chunk_next(c, (uint32_t)n, &bit, &reader));
	assert(bit == c->n_bits);
	free(c);
}

static void arbitrary_bits(const uint8_t *data, size_t size)
{
	struct chunk *c;
	struct chunk_state reader = { 0 };
	uint64_t bit = 0;
	uint32_t i = 0;

	if (!size)
		return;
	size = MIN(size, (size_t)UINT16_MAX / 8);
	c = calloc(1, sizeof(*c) + size);
	memcpy(c->data, data, size);
	c->n = CHUNK_SAMPLES;
	c->encoding = data[size - 1] % CHUNK_ENCODINGS;
	c->n_bits = (uint16_t)(size * 8);
	while (chunk_next(c, i, &bit, &reader))
		i++;
	assert(i <= CHUNK_SAMPLES);
	free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	round_trip(data, size);
	arbitrary_bits(data, size);
	return 0;
}
