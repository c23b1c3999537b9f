/*
 * reach.c - what rules read again and again stays in memory, hours of it where they ask for hours.
 *
 * So that an evaluation does not wait for the disk. After a restart it comes back from blocks, a piece of
 * one file in a turn of the loop; until then queries read it there. What memory has of a series is always
 * all of it from some time on: pieces come from the newest block to the oldest.
 */
#include "tsdb/reach.h"

#include <errno.h>
#include "tsdb/chunk_code.h"

/* Series that are looked at in a turn, of which nearly all want nothing. */
#define LOOK_SERIES 2000

/* Lookback of the selectors beside it, and a chunk that begins before. */
#define MARGIN_MS (15 * 60 * 1000ll)

void reach_note(const struct tsdb *db, struct series *s)
{
	for (size_t i = 0; i < db->n_reaches; i++) {
		const struct tsdb_reach *r = &db->reaches[i];

		if (r->ms > (int64_t)s->keep_s * 1000 &&
			matchers_match(r->matchers, r->n, s->labels))
			s->keep_s = (uint32_t)MIN(r->ms / 1000, (int64_t)UINT32_MAX);
	}
}

int tsdb_keep(struct tsdb *db, const struct tsdb_reach *reaches, size_t n)
{
	struct tsdb_reach *copy = n ? calloc(n, sizeof(*copy)) : NULL;

	if (n && !copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, reaches, n * sizeof(*copy));
	free(db->reaches);
	db->reaches = copy;
	db->n_reaches = n;
	for (uint32_t i = 0; i < db->n_slots; i++) {
		struct series *s = db->slots[i];

		if (!s)
			continue;
		s->keep_s = 0;
		s->brought_back = false;
		reach_note(db, s);
	}
	reach_begin(db);
	return 0;
}

void reach_begin(struct tsdb *db)
{
	struct disk *disk = db->disk;

	if (!disk)
		return;
	disk->bringing_back = db->n_reaches > 0;
	disk->reach_hand = 0;
	disk->reach_below = UINT32_MAX;
}

int64_t reach_from_ms(const struct tsdb *db, const struct series *s)
{
	return db->stats.newest_wall_ms - (int64_t)s->keep_s * 1000 - MARGIN_MS;
}

/* Whether blocks have what memory should have. A series without a sample in memory waits for one. */
static bool wants(const struct tsdb *db, const struct series *s)
{
	return s->keep_s && !s->brought_back && series_in_memory(s) &&
	       s->disk_first_ms < series_memory_ms(s) && reach_from_ms(db, s) < series_memory_ms(s);
}

/* The newest block that is older than the last one looked at; NULL: there is none. */
static struct block *older_block(struct disk *disk, uint32_t below)
{
	for (size_t i = disk->n_blocks; i-- > 0;) {
		if (disk->blocks[i].number < below)
			return &disk->blocks[i];
	}
	return NULL;
}

/* Chunks in order of time, not in the store yet. */
struct pieces {
	struct chunk *first, *last;
};

static void pieces_release(struct pieces *pieces)
{
	struct chunk *next;

	for (struct chunk *c = pieces->first; c; c = next) {
		next = c->next;
		free(c);
	}
}

static int add_piece(
	struct pieces *pieces, const struct chunk *head, const uint8_t *bits, uint32_t slot)
{
	struct chunk *c = malloc(CHUNK_HEADER_BYTES + head->cap_bytes);

	if (!c)
		return -ENOMEM;
	memcpy(c, head, CHUNK_HEADER_BYTES);
	memcpy(c->data, bits, head->cap_bytes);
	c->kept = CHUNK_SAVED;
	c->slot = slot;
	c->next = NULL;
	if (pieces->last)
		pieces->last->next = c;
	else
		pieces->first = c;
	pieces->last = c;
	return 0;
}

/* 0 with what the block has of the series from before memory begins; or a negative errno. */
static int read_pieces(struct tsdb *db, struct series *s, struct block *b, struct pieces *ret)
{
	int64_t memory_ms = series_memory_ms(s);
	int fd = disk_block_fd(db->disk, b), got;
	scoped(freep) uint8_t *data = NULL;
	struct block_cursor cursor;
	struct block_place place;
	const uint8_t *bits;
	struct chunk head;

	if (fd < 0)
		return fd;
	got = block_find(b, fd, s->key, &place);
	if (got <= 0)
		return got;
	data = malloc(place.len);
	if (!data)
		return -ENOMEM;
	if (pread(fd, data, place.len, (off_t)place.offset) != (ssize_t)place.len)
		return -EIO;
	got = block_cursor_init(&cursor, b, data, place.len);
	while (!got && (got = block_next(&cursor, &head, &bits)) > 0 && head.first_ms < memory_ms) {
		/* Of one that overlaps, memory would not have all. */
		got = head.last_ms < memory_ms ? add_piece(ret, &head, bits, s->id) : -ERANGE;
	}
	return MIN(got, 0);
}

/* In front of all: they are older than what memory has of the series, and the first to go again. */
static void take_in(struct tsdb *db, struct series *s, const struct pieces *pieces)
{
	struct chunk *newest = pieces->last, *c;

	newest->next = s->oldest;
	if (!s->oldest)
		s->newest = newest;
	s->oldest = pieces->first;
	/* The queue gets them from the newest to the oldest. */
	for (struct chunk *until = newest->next; until != pieces->first; until = c) {
		for (c = pieces->first; c->next != until;)
			c = c->next;
		c->earlier = NULL;
		c->later = db->queue_oldest;
		if (db->queue_oldest)
			db->queue_oldest->earlier = c;
		else
			db->queue_newest = c;
		db->queue_oldest = c;
		db->stats.chunks++;
		db->stats.bytes += chunk_bytes(c);
	}
}

static void bring_back(struct tsdb *db, struct series *s)
{
	scoped(pieces_release) struct pieces pieces = { 0 };
	struct disk *disk = db->disk;
	struct block *b = older_block(disk, disk->reach_below);

	/* Memory has all that there is: no file need be asked whether it has more. */
	if (!b)
		s->disk_first_ms = MAX(s->disk_first_ms, series_memory_ms(s));
	/* What does not fit, or cannot be read, is left to the queries, which read it where it is. */
	if (!b || b->until_ms != NO_TIME || b->max_ms < reach_from_ms(db, s) ||
		db->stats.bytes > db->options.max_bytes / 4 * 3) {
		s->brought_back = true;
		return;
	}
	disk->reach_below = b->number;
	if (b->min_ms >= series_memory_ms(s))
		return;
	if (read_pieces(db, s, b, &pieces)) {
		s->brought_back = true;
		return;
	}
	if (pieces.first)
		take_in(db, s, &pieces);
	pieces = (struct pieces){ 0 };
}

void reach_turn(struct tsdb *db)
{
	struct disk *disk = db->disk;

	for (unsigned n = 0; n < LOOK_SERIES && disk->reach_hand < db->n_slots; n++) {
		struct series *s = db->slots[disk->reach_hand];

		if (s && wants(db, s)) {
			bring_back(db, s);
			return;
		}
		disk->reach_hand++;
		disk->reach_below = UINT32_MAX;
	}
	disk->bringing_back = disk->reach_hand < db->n_slots;
}
