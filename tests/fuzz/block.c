/*
 * block.c - property: a file of samples of arbitrary bytes, whose sums are right, is refused or read without
 * leaving it; and so are the records of a log.
 *
 * The input is cut into the parts of a block, and the sums are made for it: by itself no byte past a sum
 * would ever be looked at.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tsdb/block.h"
#include "tsdb/block_format.h"
#include "tsdb/chunk_code.h"
#include "tsdb/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES 24u
#define MAX_KEYS   64u

struct keys {
	uint32_t v[MAX_KEYS];
	size_t n;
};

static int on_key(uint32_t key, void *userdata)
{
	struct keys *keys = userdata;

	if (keys->n < MAX_KEYS)
		keys->v[keys->n++] = key;
	return 0;
}

static bool wanted(uint32_t key, void *userdata)
{
	return key % 8 != 7;
}

static int on_labels(uint32_t key, struct labels *labels, void *userdata)
{
	assert(labels);
	labels_unref(labels);
	return 0;
}

static void read_chunk(const struct chunk *head, const uint8_t *bits)
{
	struct chunk *c = malloc(CHUNK_HEADER_BYTES + head->cap_bytes);
	struct chunk_state state = { 0 };
	uint64_t bit = 0;
	uint32_t n = 0;

	memcpy(c, head, CHUNK_HEADER_BYTES);
	memcpy(c->data, bits, head->cap_bytes);
	while (chunk_next(c, n, &bit, &state))
		n++;
	assert(n <= head->n);
	free(c);
}

static void read_series(const struct block *b, int fd, uint32_t key)
{
	struct block_cursor cursor;
	struct block_place place;
	const uint8_t *bits;
	struct chunk head;
	uint8_t *data;
	uint32_t crc;

	if (block_find(b, fd, key, &place) <= 0)
		return;
	assert(place.offset + place.len <= b->index_at);
	data = malloc(place.len + 1u);
	assert(pread(fd, data, place.len, (off_t)place.offset) == (ssize_t)place.len);
	if (place.len >= 4) {
		crc = wire_crc(data + 4, place.len - 4);
		for (unsigned i = 0; i < 4; i++)
			data[i] = (uint8_t)(crc >> (8 * i));
	}
	if (!block_cursor_init(&cursor, b, data, place.len)) {
		while (block_next(&cursor, &head, &bits) > 0) {
			assert(bits >= data && bits + head.cap_bytes <= data + place.len);
			read_chunk(&head, bits);
		}
	}
	free(data);
}

static void read_block(const struct strbuf *file)
{
	struct block b = { .fd = -1, .until_ms = INT64_MAX };
	struct keys keys = { .n = 0 };
	int fd = memfd_create("block", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, file->s, file->len) == (ssize_t)file->len);
	if (!block_open(&b, fd, on_key, &keys)) {
		block_labels(&b, fd, wanted, on_labels, NULL);
		for (size_t i = 0; i < keys.n; i++)
			read_series(&b, fd, keys.v[i]);
	}
	block_release(&b);
	close(fd);
}

static uint64_t number(const uint8_t *data, size_t at, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes; i++)
		v |= (uint64_t)data[at + i] << (8 * i);
	return v;
}

static void as_block(const uint8_t *data, size_t size)
{
	struct block_footer f = { .n_series = (uint32_t)number(data, 6, 2) };
	struct strbuf file = STRBUF_INIT;
	size_t left = size - HEAD_BYTES, parts[3];

	for (size_t i = 0; i < 3; i++) {
		parts[i] = MIN((size_t)number(data, i * 2, 2), left);
		left -= parts[i];
	}
	f.min_ms = (int64_t)number(data, 8, 8);
	f.max_ms = (int64_t)number(data, 16, 8);
	strbuf_adds(&file, BLOCK_MAGIC);
	strbuf_add(&file, data + HEAD_BYTES, size - HEAD_BYTES);
	f.index_at = strlen(BLOCK_MAGIC) + parts[0];
	f.symbols_at = f.index_at + parts[1];
	f.labels_at = f.symbols_at + parts[2];
	f.end_at = file.len;
	f.index_crc = wire_crc(file.s + f.index_at, f.symbols_at - f.index_at);
	f.labels_crc = wire_crc(file.s + f.symbols_at, f.end_at - f.symbols_at);
	block_put_footer(&file, &f);
	if (!file.err)
		read_block(&file);
	strbuf_release(&file);
}

static int on_series(uint32_t key, struct labels *labels, void *userdata)
{
	labels_unref(labels);
	return 0;
}

static int on_piece(const struct wal_piece *piece, void *userdata)
{
	struct chunk_state state = { 0 };
	struct chunk *chunk = NULL;
	uint64_t bit = 0;
	uint32_t n = 0;

	if (!piece->before && !chunk_extend(&chunk, &state, piece->first_ms, piece->n, piece->bits,
				      piece->n_bits)) {
		for (state = (struct chunk_state){ 0 }; chunk_next(chunk, n, &bit, &state);)
			n++;
		assert(n == piece->n);
	}
	free(chunk);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wal_events events = { .series = on_series, .piece = on_piece };

	if (size < 1 + HEAD_BYTES)
		return 0;
	if (*data % 2)
		as_block(data + 1, size - 1);
	else
		wal_decode(data + 1, size - 1, &events);
	return 0;
}
