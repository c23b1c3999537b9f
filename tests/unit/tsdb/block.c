/* Blocks: what is written comes back by its series, and a broken file is known for one. */
#include "harness.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tsdb/block.h"
#include "tsdb/chunk_code.h"
#include "tsdb/wire.h"

#define N_SERIES 700u

static uint64_t random_state = 7;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Series k has key 3 * k + 1, the label i=k and k % 4 + 1 chunks. */
static uint32_t key_of(unsigned k)
{
	return 3 * k + 1;
}

static struct labels *labels_of(unsigned k)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", k);
	return labels_new(3,
		(const char *const[][2]){ { "__name__", "m" }, { "i", text }, { "job", "node" } });
}

static struct chunk *chunk_of(unsigned k, unsigned i)
{
	struct chunk_state state = { 0 };
	struct chunk *c = NULL;

	for (unsigned n = 0; n < 1 + (k + i) % CHUNK_SAMPLES; n++) {
		double v = k * 1000.0 + i * 100.0 + n * (k % 2 ? 0.01 : 1.0 / 3);
		uint64_t bits;

		memcpy(&bits, &v, sizeof(bits));
		if (chunk_append(&c, &state, 1700000000000 + i * 1800000ll + n * 15000ll, bits)) {
			free(c);
			return NULL;
		}
	}
	return chunk_seal(c);
}

static int add_series(struct block_writer *w, unsigned k)
{
	scoped(labels_unrefp) struct labels *labels = labels_of(k);

	if (!labels)
		return -ENOMEM;
	block_series(w, key_of(k), labels);
	for (unsigned i = 0; i < k % 4 + 1; i++) {
		struct chunk *c = chunk_of(k, i);

		if (!c)
			return -ENOMEM;
		block_chunk(w, c);
		free(c);
	}
	block_series_end(w);
	return 0;
}

static int give_to(int fd, struct block_writer *w)
{
	char *bytes;
	size_t len;
	int err = block_take(w, &bytes, &len);

	if (err)
		return err;
	assert_int_equal(write(fd, bytes, len), len);
	free(bytes);
	return 0;
}

/* A block of n series in memory, taken away part by part. */
static int write_block(unsigned n, int *ret)
{
	struct block_writer w;
	int fd = memfd_create("block", MFD_CLOEXEC), err = 0;

	assert_true(fd >= 0);
	block_begin(&w);
	for (unsigned k = 0; k < n && !err; k++) {
		err = add_series(&w, k);
		if (!err && k % 100 == 99)
			err = give_to(fd, &w);
	}
	if (!err) {
		block_end(&w);
		err = give_to(fd, &w);
	}
	block_writer_release(&w);
	if (err)
		close(fd);
	else
		*ret = fd;
	return err;
}

struct keys {
	unsigned n;
	uint32_t only;
};

static int on_key(uint32_t key, void *userdata)
{
	struct keys *keys = userdata;

	assert_int_equal(key, key_of(keys->n));
	keys->n++;
	return 0;
}

/* Reads a series and compares it with what was written; how many chunks it has, or an error. */
static int read_series(const struct block *b, int fd, unsigned k)
{
	struct block_cursor cursor;
	struct block_place place;
	scoped(freep) uint8_t *data = NULL;
	const uint8_t *bits;
	struct chunk found;
	int err = block_find(b, fd, key_of(k), &place), n = 0;

	if (err <= 0)
		return err;
	data = malloc(place.len);
	assert_non_null(data);
	assert_int_equal(pread(fd, data, place.len, (off_t)place.offset), place.len);
	err = block_cursor_init(&cursor, b, data, place.len);
	while (!err && (err = block_next(&cursor, &found, &bits)) > 0) {
		struct chunk *c = chunk_of(k, (unsigned)n);

		assert_memory_equal(&found, c, CHUNK_HEADER_BYTES);
		assert_memory_equal(bits, c->data, c->cap_bytes);
		free(c);
		n++;
		err = 0;
	}
	return err ? err : n;
}

static bool is_wanted(uint32_t key, void *userdata)
{
	return key == ((struct keys *)userdata)->only;
}

static int on_labels(uint32_t key, struct labels *labels, void *userdata)
{
	struct keys *keys = userdata;
	struct labels *expected = labels_of((key - 1) / 3);

	assert_int_equal(key, keys->only);
	assert_true(labels_equal(labels, expected));
	labels_unref(expected);
	labels_unref(labels);
	keys->n++;
	return 0;
}

static void every_series_comes_back(void **state)
{
	for (unsigned n = 0; n < N_SERIES; n += n < 3 ? 1 : 255) {
		struct block b = { 0 };
		struct keys keys = { 0 };
		struct block_place place;
		int fd = -1;

		assert_int_equal(write_block(n, &fd), 0);
		if (!n) {
			assert_int_equal(block_open(&b, fd, on_key, &keys), -EBADMSG);
			close(fd);
			continue;
		}
		assert_int_equal(block_open(&b, fd, on_key, &keys), 0);
		assert_int_equal(keys.n, n);
		assert_int_equal(b.n_series, n);
		assert_int_equal(b.min_ms, 1700000000000);
		for (unsigned k = 0; k < n; k++)
			assert_int_equal(read_series(&b, fd, k), k % 4 + 1);
		for (uint32_t key = 0; key < key_of(n); key++) {
			if (key % 3 != 1)
				assert_int_equal(block_find(&b, fd, key, &place), 0);
		}
		assert_int_equal(block_find(&b, fd, UINT32_MAX, &place), 0);
		keys = (struct keys){ .only = key_of(n / 2) };
		assert_int_equal(block_labels(&b, fd, is_wanted, on_labels, &keys), 0);
		assert_int_equal(keys.n, 1);
		block_release(&b);
		close(fd);
	}
}

static int any_key(uint32_t key, void *userdata)
{
	return 0;
}

static bool all(uint32_t key, void *userdata)
{
	return true;
}

static int any_labels(uint32_t key, struct labels *labels, void *userdata)
{
	labels_unref(labels);
	return 0;
}

/* Opens, and where it opens reads all: nothing may fail but by its return value. */
static int read_all(int fd)
{
	struct block b = { 0 };
	struct block_place place;
	int err = block_open(&b, fd, any_key, NULL), found, worst = 0;

	if (err)
		return err;
	worst = block_labels(&b, fd, all, any_labels, NULL);
	for (unsigned k = 0; k < 60; k++) {
		struct block_cursor cursor;
		struct chunk chunk;
		const uint8_t *bits;
		char data[16384];

		found = block_find(&b, fd, key_of(k), &place);
		if (found <= 0 || place.len > sizeof(data) ||
			pread(fd, data, place.len, (off_t)place.offset) != (ssize_t)place.len) {
			worst = found < 0 ? found : -EBADMSG;
			continue;
		}
		err = block_cursor_init(&cursor, &b, data, place.len);
		while (!err && block_next(&cursor, &chunk, &bits) > 0)
			;
		worst = err ? err : worst;
	}
	block_release(&b);
	return worst;
}

static void any_damaged_byte_is_noticed(void **state)
{
	int fd = -1;
	off_t size;

	assert_int_equal(write_block(60, &fd), 0);
	assert_int_equal(read_all(fd), 0);
	size = lseek(fd, 0, SEEK_END);
	for (int round = 0; round < 3000; round++) {
		/* The first bytes are only for people. */
		off_t at = 8 + (off_t)(next_random() % (uint64_t)(size - 8));
		uint8_t was, now;

		assert_int_equal(pread(fd, &was, 1, at), 1);
		now = was ^ (uint8_t)(1u << (next_random() % 8));
		assert_int_equal(pwrite(fd, &now, 1, at), 1);
		assert_int_equal(read_all(fd), -EBADMSG);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	assert_int_equal(read_all(fd), 0);
	close(fd);
}

static void a_shortened_file_is_noticed(void **state)
{
	int fd = -1;
	off_t size;

	assert_int_equal(write_block(60, &fd), 0);
	size = lseek(fd, 0, SEEK_END);
	for (off_t end = size - 1; end >= 0; end -= end > 200 && end < size - 200 ? 97 : 1) {
		assert_int_equal(ftruncate(fd, end), 0);
		assert_int_equal(read_all(fd), -EBADMSG);
	}
	close(fd);
}

/* With the CRCs made right: numbers that lie must not lead outside the buffers. */
static void numbers_that_lie_lead_nowhere(void **state)
{
	for (int round = 0; round < 3000; round++) {
		uint8_t data[64];
		struct block_cursor cursor;
		struct chunk chunk;
		const uint8_t *bits;
		uint32_t crc;
		int n = 0;

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)(next_random() % (round % 2 ? 256 : 8));
		crc = wire_crc(data + 4, sizeof(data) - 4);
		memcpy(data, &crc, sizeof(crc));
		assert_int_equal(block_cursor_init(&cursor, NULL, data, sizeof(data)), 0);
		while (block_next(&cursor, &chunk, &bits) > 0) {
			assert_true(bits + chunk.cap_bytes <= data + sizeof(data));
			n++;
		}
		assert_in_range(n, 0, 64);
	}
}

static int write_and_read(void *userdata)
{
	struct block b = { 0 };
	int fd = -1, err = write_block(20, &fd);

	if (err)
		return err;
	err = block_open(&b, fd, any_key, NULL);
	if (!err)
		err = block_labels(&b, fd, all, any_labels, NULL);
	block_release(&b);
	close(fd);
	return err;
}

static void survives_memory_running_out(void **state)
{
	with_failing_allocations(write_and_read, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_series_comes_back),
		cmocka_unit_test(any_damaged_byte_is_noticed),
		cmocka_unit_test(a_shortened_file_is_noticed),
		cmocka_unit_test(numbers_that_lie_lead_nowhere),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
