/*
 * block_read.c - finds series in a block and takes their chunks apart.
 *
 * Whatever the file holds, nothing here reads outside it or its buffers: the CRCs say whether the
 * disk kept its word, and every number is held against the sizes all the same.
 */
#include <errno.h>
#include "tsdb/block.h"
#include "tsdb/block_format.h"
#include "tsdb/chunk_code.h"

/* A key's and a length's most bytes, for each series between two fences. */
#define SEGMENT_BYTES (FENCE_SERIES * 10u)

static int read_at(int fd, void *to, size_t len, uint64_t at)
{
	char *bytes = to;

	while (len) {
		ssize_t n = pread(fd, bytes, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		bytes += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* A part of the file in memory of the caller's. */
static int read_part(int fd, uint64_t from, uint64_t to, char **ret)
{
	char *bytes;
	int err;

	bytes = malloc(to - from + 1);
	if (!bytes)
		return -ENOMEM;
	err = read_at(fd, bytes, to - from, from);
	if (err)
		free(bytes);
	else
		*ret = bytes;
	return err;
}

static int read_footer(int fd, uint64_t bytes, struct block_footer *f)
{
	char text[BLOCK_FOOTER_BYTES];
	struct wire in = wire_of(text, sizeof(text));
	int err;

	if (bytes < strlen(BLOCK_MAGIC) + BLOCK_FOOTER_BYTES)
		return -EBADMSG;
	err = read_at(fd, text, sizeof(text), bytes - BLOCK_FOOTER_BYTES);
	if (err)
		return err;
	f->index_at = wire_u64(&in);
	f->symbols_at = wire_u64(&in);
	f->labels_at = wire_u64(&in);
	f->end_at = wire_u64(&in);
	f->n_samples = wire_u64(&in);
	f->min_ms = (int64_t)wire_u64(&in);
	f->max_ms = (int64_t)wire_u64(&in);
	f->n_series = wire_u32(&in);
	f->index_crc = wire_u32(&in);
	f->labels_crc = wire_u32(&in);
	if (wire_u32(&in) != wire_crc(text, BLOCK_FOOTER_BYTES - 4 - strlen(BLOCK_END)) ||
		memcmp(in.at, BLOCK_END, strlen(BLOCK_END)) || f->index_at > f->symbols_at ||
		f->symbols_at > f->labels_at || f->labels_at > f->end_at ||
		f->end_at != bytes - BLOCK_FOOTER_BYTES || f->min_ms > f->max_ms ||
		f->symbols_at - f->index_at > UINT32_MAX)
		return -EBADMSG;
	return 0;
}

static int read_index(
	struct block *b, const char *index, size_t len, block_key_fn *fn, void *userdata)
{
	struct wire in = wire_of(index, len);
	uint64_t data = strlen(BLOCK_MAGIC);
	uint32_t key = 0;
	int err = 0;

	for (uint32_t i = 0; i < b->n_series && !err; i++) {
		uint32_t at = (uint32_t)(len - wire_left(&in));

		key += (uint32_t)wire_u(&in);
		if (i % FENCE_SERIES == 0)
			b->fences[i / FENCE_SERIES] = (struct fence){ key, at, data };
		data += wire_u(&in);
		if (in.bad || data > b->index_at)
			return -EBADMSG;
		err = fn ? fn(key, userdata) : 0;
	}
	return err;
}

int block_open(struct block *b, int fd, block_key_fn *fn, void *userdata)
{
	scoped(freep) char *index = NULL;
	struct block_footer f = { 0 };
	off_t bytes = lseek(fd, 0, SEEK_END);
	int err = bytes < 0 ? -EIO : read_footer(fd, (uint64_t)bytes, &f);

	if (!err)
		err = read_part(fd, f.index_at, f.symbols_at, &index);
	if (err)
		return err;
	if (wire_crc(index, f.symbols_at - f.index_at) != f.index_crc)
		return -EBADMSG;
	b->bytes = (uint64_t)bytes;
	b->n_series = f.n_series;
	b->n_samples = f.n_samples;
	b->min_ms = f.min_ms;
	b->max_ms = f.max_ms;
	b->index_at = f.index_at;
	b->symbols_at = f.symbols_at;
	b->labels_at = f.labels_at;
	b->end_at = f.end_at;
	b->labels_crc = f.labels_crc;
	b->n_fences = (f.n_series + FENCE_SERIES - 1) / FENCE_SERIES;
	/* A series takes two bytes of the index at least. */
	if (f.n_series > (f.symbols_at - f.index_at) / 2)
		return -EBADMSG;
	b->fences = calloc(b->n_fences + 1u, sizeof(*b->fences));
	if (!b->fences)
		return -ENOMEM;
	err = read_index(b, index, f.symbols_at - f.index_at, fn, userdata);
	if (err)
		block_release(b);
	return err;
}

void block_release(struct block *b)
{
	free(b->fences);
	b->fences = NULL;
}

/* -- labels ------------------------------------------------------------------------------------ */

struct symbol {
	const char *text;
	size_t len;
};

static int read_symbols(struct wire *in, struct symbol **ret, uint64_t *ret_n)
{
	uint64_t n = wire_u(in);
	struct symbol *symbols;

	if (n > wire_left(in))
		return -EBADMSG;
	symbols = calloc(n + 1, sizeof(*symbols));
	if (!symbols)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++) {
		symbols[i].len = wire_u(in);
		symbols[i].text = wire_bytes(in, symbols[i].len);
		/* Nobody wrote a text with a NUL in it. */
		in->bad |= symbols[i].text && memchr(symbols[i].text, '\0', symbols[i].len);
	}
	*ret = symbols;
	*ret_n = n;
	return in->bad ? -EBADMSG : 0;
}

static int read_set(
	struct wire *in, const struct symbol *symbols, uint64_t n_symbols, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	uint64_t n = wire_u(in);

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		uint64_t name = wire_u(in), value = wire_u(in);

		in->bad |= name >= n_symbols || value >= n_symbols;
		if (!in->bad)
			labels_builder_setn(&b, symbols[name].text, symbols[name].len,
				symbols[value].text, symbols[value].len);
	}
	if (!in->bad)
		return labels_build(&b, ret);
	labels_builder_release(&b);
	return -EBADMSG;
}

static void pass_set(struct wire *in)
{
	uint64_t n = wire_u(in);

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		wire_u(in);
		wire_u(in);
	}
}

static int read_labels(const struct block *b, struct wire *index, struct wire *in,
	block_wanted_fn *wanted, block_labels_fn *fn, void *userdata)
{
	scoped(freep) struct symbol *symbols = NULL;
	struct labels *labels;
	uint64_t n_symbols;
	uint32_t key = 0;
	int err = read_symbols(in, &symbols, &n_symbols);

	for (uint32_t i = 0; i < b->n_series && !err; i++) {
		key += (uint32_t)wire_u(index);
		wire_u(index);
		if (!wanted(key, userdata)) {
			pass_set(in);
			continue;
		}
		err = read_set(in, symbols, n_symbols, &labels);
		if (!err)
			err = fn(key, labels, userdata);
	}
	return err || !in->bad ? err : -EBADMSG;
}

int block_labels(
	const struct block *b, int fd, block_wanted_fn *wanted, block_labels_fn *fn, void *userdata)
{
	scoped(freep) char *index = NULL, *labels = NULL;
	size_t index_len = b->symbols_at - b->index_at, labels_len = b->end_at - b->symbols_at;
	struct wire in, keys;
	int err = read_part(fd, b->index_at, b->symbols_at, &index);

	if (!err)
		err = read_part(fd, b->symbols_at, b->end_at, &labels);
	if (err)
		return err;
	if (wire_crc(labels, labels_len) != b->labels_crc)
		return -EBADMSG;
	keys = wire_of(index, index_len);
	in = wire_of(labels, labels_len);
	return read_labels(b, &keys, &in, wanted, fn, userdata);
}

/* -- data -------------------------------------------------------------------------------------- */

/* The last fence whose first series is not behind the key; NULL: it would stand before them all. */
static const struct fence *fence_of(const struct block *b, uint32_t key)
{
	uint32_t low = 0, high = b->n_fences;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (b->fences[middle].key <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &b->fences[low - 1] : NULL;
}

int block_find(const struct block *b, int fd, uint32_t key, struct block_place *ret)
{
	const struct fence *fence = fence_of(b, key);
	uint8_t segment[SEGMENT_BYTES];
	uint64_t end, len, offset, size;
	struct wire in;
	uint32_t at;
	int err;

	if (!fence)
		return 0;
	end = fence + 1 < b->fences + b->n_fences ? fence[1].index : b->symbols_at - b->index_at;
	len = MIN(end - fence->index, (uint64_t)sizeof(segment));
	err = read_at(fd, segment, len, b->index_at + fence->index);
	if (err)
		return err;
	in = wire_of(segment, len);
	wire_u(&in);
	at = fence->key;
	offset = fence->data;
	for (;;) {
		size = wire_u(&in);
		if (in.bad || size > b->index_at || offset + size > b->index_at)
			return -EBADMSG;
		if (at == key)
			break;
		offset += size;
		if (!wire_left(&in))
			return 0;
		at += (uint32_t)wire_u(&in);
		if (at > key)
			return 0;
	}
	*ret = (struct block_place){ .offset = offset, .len = (uint32_t)size };
	return 1;
}

int block_cursor_init(
	struct block_cursor *cursor, const struct block *b, const void *data, size_t len)
{
	struct wire in = wire_of(data, len);
	uint32_t crc = wire_u32(&in);

	if (in.bad || wire_crc(in.at, wire_left(&in)) != crc)
		return -EBADMSG;
	*cursor = (struct block_cursor){ .at = in.at, .end = in.end };
	return 0;
}

int block_next(struct block_cursor *cursor, struct chunk *ret, const uint8_t **ret_bits)
{
	struct wire in = { .at = cursor->at, .end = cursor->end };
	uint64_t n_bits;

	if (in.at == in.end)
		return 0;
	memset(ret, 0, CHUNK_HEADER_BYTES);
	ret->n = wire_u8(&in);
	ret->encoding = wire_u8(&in);
	ret->first_ms = (int64_t)((uint64_t)cursor->last_ms + (uint64_t)wire_s(&in));
	ret->last_ms = (int64_t)((uint64_t)ret->first_ms + wire_u(&in));
	n_bits = wire_u(&in);
	*ret_bits = n_bits <= CHUNK_MAX_BITS ? wire_bytes(&in, (n_bits + 7) / 8) : NULL;
	if (in.bad || !*ret_bits || ret->encoding >= CHUNK_ENCODINGS ||
		ret->last_ms < ret->first_ms)
		return -EBADMSG;
	ret->n_bits = (uint16_t)n_bits;
	ret->cap_bytes = (uint16_t)((n_bits + 7) / 8);
	cursor->last_ms = ret->last_ms;
	cursor->at = in.at;
	return 1;
}
