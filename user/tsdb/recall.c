/*
 * recall.c - reading blocks on behalf of a query.
 *
 * On the caller's thread, by pread(): what was written in the last hours mostly is in the kernel's
 * cache. One series' data of one block are in memory at a time.
 */
#include "tsdb/recall.h"

#include <errno.h>
#include "tsdb/chunk_code.h"

struct recall {
	struct tsdb *db;
	uint32_t key;
	int64_t min_ms, max_ms;
	int64_t before_ms; /* from there on memory has it */
	size_t next_block;
	const struct block *block; /* where the cursor is */
	struct block_cursor cursor;
	uint8_t *data;
	size_t cap_data;
	struct chunk *chunk;
	size_t cap_chunk;
};

int recall_open(struct tsdb *db, const struct series *series, int64_t min_ms, int64_t max_ms,
	struct recall **ret)
{
	int64_t before_ms = series_memory_ms(series);
	struct recall *h;

	*ret = NULL;
	if (!db || !db->disk || series->disk_first_ms > max_ms || min_ms >= before_ms ||
		series->disk_first_ms >= before_ms)
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct recall){ .db = db,
		.key = series->key,
		.min_ms = min_ms,
		.max_ms = max_ms,
		.before_ms = before_ms };
	*ret = h;
	return 0;
}

void recall_free(struct recall *recall)
{
	if (!recall)
		return;
	free(recall->data);
	free(recall->chunk);
	free(recall);
}

static bool reserve(void **bytes, size_t *cap, size_t len)
{
	void *fresh;

	if (*cap >= len)
		return true;
	fresh = malloc(len);
	if (!fresh)
		return false;
	free(*bytes);
	*bytes = fresh;
	*cap = len;
	return true;
}

/* The series' data of one block. 1, 0 where it has none, or a negative errno. */
static int read_data(struct recall *h, struct block *b)
{
	int fd = disk_block_fd(h->db->disk, b), err;
	struct block_place place;
	ssize_t n;

	if (fd < 0)
		return fd;
	err = block_find(b, fd, h->key, &place);
	if (err <= 0)
		return err;
	if (!reserve((void **)&h->data, &h->cap_data, place.len))
		return -ENOMEM;
	n = pread(fd, h->data, place.len, (off_t)place.offset);
	if (n != (ssize_t)place.len)
		return n < 0 ? -errno : -EBADMSG;
	err = block_cursor_init(&h->cursor, b, h->data, place.len);
	return err ? err : 1;
}

static void tell(struct recall *h, struct block *b, int err)
{
	char name[STORE_FILES_MAX_NAME];

	h->db->disk->unreadable++;
	if (b->damaged)
		return;
	b->damaged = true;
	h->db->disk->damaged_files++;
	disk_block_name(name, b->number, b->until_ms);
	disk_tell(h->db->disk, true, "%s: %s; queries lack what stands there", name,
		err == -EBADMSG ? "the file is damaged" : strerror(-err));
}

/* Goes on to the next block that has the series. */
static bool next_block(struct recall *h)
{
	struct disk *disk = h->db->disk;

	while (h->next_block < disk->n_blocks) {
		struct block *b = &disk->blocks[h->next_block++];
		int got;

		if (b->max_ms < h->min_ms || b->min_ms > h->max_ms)
			continue;
		got = read_data(h, b);
		if (got < 0)
			tell(h, b, got);
		if (got > 0) {
			h->block = b;
			return true;
		}
	}
	return false;
}

/* 1 with a chunk that is asked for in h->chunk, 0 at the end of the block's, or a negative errno. */
static int next_chunk(struct recall *h)
{
	const uint8_t *bits;
	struct chunk head;
	int got;

	while ((got = block_next(&h->cursor, &head, &bits)) > 0) {
		if (head.last_ms < h->min_ms)
			continue;
		if (head.first_ms >= h->before_ms || head.first_ms > h->max_ms ||
			head.first_ms > h->block->until_ms)
			return 0;
		if (!reserve((void **)&h->chunk, &h->cap_chunk,
			    CHUNK_HEADER_BYTES + head.cap_bytes + sizeof(head)))
			return -ENOMEM;
		memcpy(h->chunk, &head, CHUNK_HEADER_BYTES);
		memcpy(h->chunk->data, bits, head.cap_bytes);
		return 1;
	}
	return got;
}

const struct chunk *recall_next(struct recall *h, int64_t *ret_until_ms)
{
	int got;

	for (;;) {
		if (!h->block && !next_block(h))
			return NULL;
		got = next_chunk(h);
		if (got > 0) {
			*ret_until_ms = h->block->until_ms;
			return h->chunk;
		}
		if (got < 0)
			tell(h, (struct block *)h->block, got);
		h->block = NULL;
	}
}
