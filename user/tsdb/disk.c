/*
 * disk.c - when samples are written, and what of them stays in memory.
 *
 * One order is under way at a time. Whatever the disk refuses is still in memory: a flush that failed
 * is mended by the next block, and a block that failed by the next try. Only what memory has no room
 * for is lost, and only from history.
 */
#include "tsdb/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/num.h"
#include "model/intern.h"
#include "tsdb/reach.h"

/* Series in one turn of the loop: some 100 us of work, and some 5 ms where chunks are sealed. */
#define FLUSH_SERIES 2000
#define BLOCK_SERIES 500
/* What is given to the disk at once. */
#define PART_BYTES ((size_t)128 << 10)

/* Longer than what most rules and queries of the present ask for. */
#define KEEP_MS (15 * 60 * 1000ll)

static const char *const suffixes[] = {
	[NAME_WAL] = ".wal",
	[NAME_BLOCK] = ".block",
	[NAME_PART] = ".part",
};

static void disk_name(char name[STORE_FILES_MAX_NAME], enum disk_name what, uint32_t number)
{
	snprintf(name, STORE_FILES_MAX_NAME, "%08" PRIx32 "%s", number, suffixes[what]);
}

void disk_block_name(char name[STORE_FILES_MAX_NAME], uint32_t number, int64_t until_ms)
{
	if (until_ms == NO_TIME)
		disk_name(name, NAME_BLOCK, number);
	else
		snprintf(name, STORE_FILES_MAX_NAME, "%08" PRIx32 ".until-%" PRId64 ".block",
			number, until_ms);
}

static bool parse_until(const char *text, int64_t *ret)
{
	char digits[24];
	size_t len = strcspn(text, ".");

	if (len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	return streq(text + len, suffixes[NAME_BLOCK]) &&
	       !num_parse_int(digits, INT64_MIN, INT64_MAX - 1, ret);
}

enum disk_name disk_parse_name(const char *name, uint32_t *ret_number, int64_t *ret_until_ms)
{
	const char *rest = name + 8;

	*ret_until_ms = NO_TIME;
	if (strspn(name, "0123456789abcdef") != 8)
		return NAME_OTHER;
	*ret_number = (uint32_t)strtoul(name, NULL, 16);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (streq(rest, suffixes[i]))
			return (enum disk_name)i;
	}
	if (starts_with(rest, ".until-") && parse_until(rest + strlen(".until-"), ret_until_ms))
		return NAME_BLOCK;
	return NAME_OTHER;
}

void disk_tell(const struct disk *disk, bool bad, const char *fmt, ...)
{
	struct strbuf text = STRBUF_INIT;
	va_list args;

	if (!disk->options.tell)
		return;
	va_start(args, fmt);
	strbuf_vaddf(&text, fmt, args);
	va_end(args);
	disk->options.tell(bad, text.s, disk->options.userdata);
	strbuf_release(&text);
}

uint32_t disk_new_key(struct tsdb *db, const struct labels *labels)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < labels->n; i++)
		bytes += intern_len(labels->v[i].name) + intern_len(labels->v[i].value);
	if (bytes > WAL_MAX_LABELS_BYTES)
		return 0;
	/* After four thousand million series new ones are in memory alone. */
	return db->disk && db->disk->next_key != UINT32_MAX ? db->disk->next_key++ : 0;
}

void disk_free(struct disk *disk)
{
	if (!disk)
		return;
	for (size_t i = 0; i < disk->n_blocks; i++) {
		closep(&disk->blocks[i].fd);
		block_release(&disk->blocks[i]);
	}
	free(disk->blocks);
	free(disk->wals);
	wal_release(&disk->wal);
	block_writer_release(&disk->block);
	free(disk);
}

/* -- what became of an order ------------------------------------------------------------------- */

static void mark_chunks(struct tsdb *db, enum chunk_kept from, enum chunk_kept to)
{
	for (struct chunk *c = db->queue_oldest; c; c = c->later) {
		if (c->kept != from)
			continue;
		c->kept = (uint8_t)to;
		if (to == CHUNK_SAVED) {
			struct series *s = db->slots[c->slot];

			s->disk_first_ms = MIN(s->disk_first_ms, c->first_ms);
			s->block = db->disk->block_number;
			s->told = true;
		}
	}
}

/* The log lacks what it was given last: a new one gets all again, and a block soon. */
static void order_failed(struct tsdb *db, int err)
{
	struct disk *disk = db->disk;

	disk->failures++;
	disk->phase = DISK_REST;
	disk->gap = true;
	disk->wal_number = 0;
	disk->block_boot_ns = disk->flush_boot_ns;
	for (uint32_t i = 0; i < db->n_slots; i++) {
		struct series *s = db->slots[i];

		if (!s)
			continue;
		s->logged = 0;
		s->logged_bits = 0;
		s->told = s->disk_first_ms != NO_TIME;
	}
	if (!disk->failing)
		disk_tell(disk, true,
			"samples cannot be written (%s): they stay in memory as long as there is room, "
			"and it is tried again",
			strerror(-err));
	disk->failing = true;
}

static void order_succeeded(struct disk *disk)
{
	disk->written_bytes += disk->order_bytes;
	if (disk->failing && !disk->gap) {
		disk->failing = false;
		disk_tell(disk, false, "the disk takes samples again, and has all that memory had");
	}
}

/* -- the log ----------------------------------------------------------------------------------- */

void disk_log(struct tsdb *db, struct series *s)
{
	struct disk *disk = db->disk;

	if (!disk || !s->key || !s->open || s->open->n <= s->logged)
		return;
	/* The block that is being written will have it, unless all of that is on its way. */
	if (disk->phase == DISK_BLOCK && !disk->last_order && s->id >= db->disk_hand)
		return;
	if (!s->told)
		wal_series(&disk->wal, s->key, s->labels);
	s->told = true;
	wal_piece(&disk->wal, s->key, s->open, s->logged, s->logged_bits);
	s->logged = s->open->n;
	s->logged_bits = s->open->n_bits;
}

static void on_flushed(int err, void *userdata)
{
	struct tsdb *db = userdata;
	struct disk *disk = db->disk;

	if (disk->closing)
		return;
	disk->busy = false;
	disk->phase = DISK_REST;
	if (err) {
		order_failed(db, err);
		return;
	}
	disk->wals[disk->n_wals - 1].bytes += disk->order_bytes;
	order_succeeded(disk);
}

/* The file that is added to; a new one begins with its magic. */
static int choose_wal(struct disk *disk, char **bytes, size_t *len)
{
	char *longer;

	if (disk->wal_number)
		return 0;
	longer = vec_reserve(disk->wals, disk->n_wals, disk->cap_wals)
			 ? malloc(*len + WAL_MAGIC_BYTES)
			 : NULL;
	if (!longer)
		return -ENOMEM;
	memcpy(longer, WAL_MAGIC, WAL_MAGIC_BYTES);
	memcpy(longer + WAL_MAGIC_BYTES, *bytes, *len);
	free(*bytes);
	*bytes = longer;
	*len += WAL_MAGIC_BYTES;
	disk->wal_number = disk->next_number++;
	disk->wals[disk->n_wals++] = (struct disk_file){ .number = disk->wal_number };
	return 0;
}

static void flush_out(struct tsdb *db)
{
	struct disk *disk = db->disk;
	char name[STORE_FILES_MAX_NAME], *bytes = NULL;
	size_t len;
	int err = wal_take(&disk->wal, &bytes, &len);

	if (!err && !len) {
		free(bytes);
		disk->phase = DISK_REST;
		return;
	}
	if (!err)
		err = choose_wal(disk, &bytes, &len);
	if (err) {
		free(bytes);
		order_failed(db, err);
		return;
	}
	disk->order_bytes = len;
	disk_name(name, NAME_WAL, disk->wal_number);
	err = store_files_append(disk->files, name, bytes, len, true, on_flushed, db);
	disk->busy = !err;
	if (err)
		order_failed(db, err);
}

static void flush_turn(struct tsdb *db)
{
	for (unsigned n = 0; n < FLUSH_SERIES && db->disk_hand < db->n_slots; n++) {
		struct series *s = db->slots[db->disk_hand++];

		if (s)
			disk_log(db, s);
	}
	if (db->disk_hand >= db->n_slots)
		flush_out(db);
}

/* The first time that any block has. */
void disk_note_blocks(struct disk *disk)
{
	disk->oldest_ms = NO_TIME;
	for (size_t i = 0; i < disk->n_blocks; i++)
		disk->oldest_ms = MIN(disk->oldest_ms, disk->blocks[i].min_ms);
}

/* -- blocks ------------------------------------------------------------------------------------ */

void disk_set_aside(struct disk *disk, const char *name)
{
	struct strbuf aside = STRBUF_INIT;

	strbuf_addf(&aside, "%s.broken", name);
	if (!aside.err && aside.len < STORE_FILES_MAX_NAME)
		store_files_rename(disk->files, name, aside.s, NULL, NULL);
	strbuf_release(&aside);
}

/* A block stands for them. Who has nothing in any block is to be named again: the log did that. */
static void forget_wals(struct tsdb *db, uint32_t below)
{
	struct disk *disk = db->disk;
	char name[STORE_FILES_MAX_NAME];
	size_t left = 0;

	for (size_t i = 0; i < disk->n_wals; i++) {
		if (disk->wals[i].number >= below) {
			disk->wals[left++] = disk->wals[i];
			continue;
		}
		disk_name(name, NAME_WAL, disk->wals[i].number);
		if (disk->wals[i].damaged)
			disk_set_aside(disk, name);
		else
			store_files_remove(disk->files, name, NULL, NULL);
	}
	disk->n_wals = left;
	for (uint32_t i = 0; i < db->n_slots; i++) {
		if (db->slots[i] && db->slots[i]->disk_first_ms == NO_TIME)
			db->slots[i]->told = false;
	}
}

static int add_block(struct disk *disk)
{
	char name[STORE_FILES_MAX_NAME];
	struct block *b;
	int fd, err;

	if (!vec_reserve(disk->blocks, disk->n_blocks, disk->cap_blocks))
		return -ENOMEM;
	disk_name(name, NAME_BLOCK, disk->block_number);
	fd = store_files_read(disk->files, name);
	if (fd < 0)
		return fd;
	b = &disk->blocks[disk->n_blocks];
	*b = (struct block){ .number = disk->block_number, .until_ms = NO_TIME, .fd = -1 };
	err = block_open(b, fd, NULL, NULL);
	close(fd);
	if (!err) {
		disk->n_blocks++;
		disk_note_blocks(disk);
	}
	return err;
}

static void block_failed(struct tsdb *db, int err)
{
	char name[STORE_FILES_MAX_NAME];

	mark_chunks(db, CHUNK_WRITING, CHUNK_UNSAVED);
	block_writer_release(&db->disk->block);
	disk_name(name, NAME_PART, db->disk->block_number);
	store_files_remove(db->disk->files, name, NULL, NULL);
	order_failed(db, err);
}

static void on_block(int err, void *userdata)
{
	struct tsdb *db = userdata;
	struct disk *disk = db->disk;

	if (disk->closing)
		return;
	disk->busy = false;
	if (!err)
		err = add_block(disk);
	if (err) {
		block_failed(db, err);
		return;
	}
	disk->phase = DISK_REST;
	disk->gap = false;
	mark_chunks(db, CHUNK_WRITING, CHUNK_SAVED);
	forget_wals(db, disk->block_number);
	/* Small blocks are many between two sweeps. */
	disk_expire(db, INT64_MIN);
	disk->order_bytes = 0;
	order_succeeded(disk);
	if (disk->cut_ms != NO_TIME)
		disk_rewind(db, disk->cut_ms);
}

static int rename_block(struct tsdb *db)
{
	char part[STORE_FILES_MAX_NAME], name[STORE_FILES_MAX_NAME];

	db->disk->renaming = true;
	disk_name(part, NAME_PART, db->disk->block_number);
	disk_name(name, NAME_BLOCK, db->disk->block_number);
	return store_files_rename(db->disk->files, part, name, on_block, db);
}

static void on_part(int err, void *userdata)
{
	struct tsdb *db = userdata;
	struct disk *disk = db->disk;

	if (disk->closing)
		return;
	disk->busy = false;
	if (!err)
		disk->written_bytes += disk->order_bytes;
	if (!err && disk->last_order) {
		err = rename_block(db);
		disk->busy = !err;
	}
	if (err)
		block_failed(db, err);
}

/* The series' chunks that no block has yet, the open one ended for it. */
static void block_add(struct tsdb *db, struct series *s)
{
	struct block_writer *w = &db->disk->block;
	bool begun = false;

	series_seal(db, s, false);
	for (struct chunk *c = s->oldest; c; c = c->next) {
		if (c->kept != CHUNK_UNSAVED)
			continue;
		if (!begun)
			block_series(w, s->key, s->labels);
		begun = true;
		block_chunk(w, c);
		c->kept = CHUNK_WRITING;
	}
	if (begun)
		block_series_end(w);
}

static void start_block(struct tsdb *db)
{
	struct disk *disk = db->disk;

	/* What waits for the log belongs to chunks that the block gets whole. */
	wal_release(&disk->wal);
	wal_init(&disk->wal);
	block_writer_release(&disk->block);
	block_begin(&disk->block);
	disk->block_number = disk->next_number++;
	disk->wal_number = 0;
	disk->last_order = disk->renaming = false;
	disk->phase = DISK_BLOCK;
	disk->cut_ms = NO_TIME;
	db->disk_hand = 0;
}

static void block_out(struct tsdb *db)
{
	struct disk *disk = db->disk;
	char name[STORE_FILES_MAX_NAME], *bytes;
	size_t len;
	int err;

	disk->last_order = db->disk_hand >= db->n_slots;
	if (disk->last_order && !disk->block.n_series && !disk->block.out.err) {
		disk->phase = DISK_REST;
		disk->gap = false;
		/* Memory has nothing that blocks have not: what else is in the logs was dropped. */
		forget_wals(db, disk->block_number);
		return;
	}
	if (disk->last_order)
		block_end(&disk->block);
	err = block_take(&disk->block, &bytes, &len);
	if (!err) {
		disk->order_bytes = len;
		disk_name(name, NAME_PART, disk->block_number);
		err = store_files_append(disk->files, name, bytes, len, false, on_part, db);
		disk->busy = !err;
	}
	if (disk->last_order)
		block_writer_release(&disk->block);
	if (err)
		block_failed(db, err);
}

static void block_turn(struct tsdb *db)
{
	struct strbuf *out = &db->disk->block.out;

	for (unsigned n = 0; n < BLOCK_SERIES && db->disk_hand < db->n_slots; n++) {
		struct series *s = db->slots[db->disk_hand++];

		if (s && s->key)
			block_add(db, s);
		if (out->len >= PART_BYTES || out->err)
			break;
	}
	if (db->disk_hand >= db->n_slots || out->len >= PART_BYTES || out->err)
		block_out(db);
}

/* -- when ------------------------------------------------------------------------------------- */

int64_t tsdb_deadline(const struct tsdb *db)
{
	const struct disk *disk = db->disk;

	if (!disk || disk->busy || disk->closing)
		return BOOT_NS_NEVER;
	return disk->phase != DISK_REST || disk->bringing_back
		       ? 0
		       : MIN(disk->flush_boot_ns, disk->block_boot_ns);
}

void tsdb_hasten(struct tsdb *db, struct instant now, int64_t ahead_ns)
{
	struct disk *disk = db->disk;

	if (disk && disk->flush_boot_ns - now.boot_ns <= ahead_ns)
		disk->flush_boot_ns = MIN(disk->flush_boot_ns, now.boot_ns);
}

void tsdb_step(struct tsdb *db, struct instant now)
{
	struct disk *disk = db->disk;

	if (!disk || disk->busy || disk->closing)
		return;
	if (disk->phase == DISK_REST && now.boot_ns >= disk->block_boot_ns) {
		disk->block_boot_ns = now.boot_ns + disk->options.block_ms * NSEC_PER_MSEC;
		disk->flush_boot_ns = now.boot_ns + disk->options.flush_ms * NSEC_PER_MSEC;
		start_block(db);
	} else if (disk->phase == DISK_REST && now.boot_ns >= disk->flush_boot_ns) {
		disk->flush_boot_ns = now.boot_ns + disk->options.flush_ms * NSEC_PER_MSEC;
		disk->phase = DISK_FLUSH;
		db->disk_hand = 0;
		/* A series that had no sample yet may have got one. */
		reach_begin(db);
	}
	if (disk->phase == DISK_FLUSH)
		flush_turn(db);
	else if (disk->phase == DISK_BLOCK)
		block_turn(db);
	else if (disk->bringing_back)
		reach_turn(db);
}

/* All of the block that is under way, up to its name. */
static void finish_block(struct tsdb *db)
{
	struct disk *disk = db->disk;

	while (disk->phase == DISK_BLOCK && !disk->last_order)
		block_turn(db);
	/* Whoever would have given it the name is not called any more. */
	if (disk->phase == DISK_BLOCK && !disk->renaming)
		rename_block(db);
}

void tsdb_flush(struct tsdb *db)
{
	struct disk *disk = db->disk;

	if (!disk || disk->closing)
		return;
	/* From here on nobody waits for an answer: one order stands behind the other. */
	disk->closing = true;
	if (disk->phase == DISK_BLOCK)
		finish_block(db);
	/* Also what came since the block passed its series. */
	disk->phase = DISK_FLUSH;
	db->disk_hand = 0;
	while (db->disk_hand < db->n_slots)
		flush_turn(db);
	if (!disk->gap)
		return;
	/* Chunks that were full before are in no log. */
	start_block(db);
	finish_block(db);
}

/* -- what goes --------------------------------------------------------------------------------- */

static void close_block(struct disk *disk, struct block *b)
{
	if (b->fd < 0)
		return;
	close(b->fd);
	b->fd = -1;
	disk->open_blocks--;
}

int disk_block_fd(struct disk *disk, struct block *block)
{
	char name[STORE_FILES_MAX_NAME];
	struct block *least = NULL;

	block->used = ++disk->clock;
	if (block->fd >= 0)
		return block->fd;
	for (size_t i = 0; disk->open_blocks >= DISK_MAX_OPEN && i < disk->n_blocks; i++) {
		if (disk->blocks[i].fd >= 0 && (!least || disk->blocks[i].used < least->used))
			least = &disk->blocks[i];
	}
	if (least)
		close_block(disk, least);
	disk_block_name(name, block->number, block->until_ms);
	block->fd = store_files_read(disk->files, name);
	if (block->fd >= 0)
		disk->open_blocks++;
	return block->fd;
}

static void remove_block(struct tsdb *db, size_t i)
{
	struct disk *disk = db->disk;
	struct block *b = &disk->blocks[i];
	char name[STORE_FILES_MAX_NAME];

	for (uint32_t k = 0; k < db->n_slots; k++) {
		struct series *s = db->slots[k];

		/* No file says any more what its key stands for. */
		if (s && s->block == b->number)
			s->told = false;
	}
	disk_block_name(name, b->number, b->until_ms);
	store_files_remove(disk->files, name, NULL, NULL);
	close_block(disk, b);
	block_release(b);
	disk->n_blocks--;
	memmove(b, b + 1, (disk->n_blocks - i) * sizeof(*b));
	disk_note_blocks(disk);
}

static uint64_t all_bytes(const struct disk *disk)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < disk->n_blocks; i++)
		bytes += disk->blocks[i].bytes;
	for (size_t i = 0; i < disk->n_wals; i++)
		bytes += disk->wals[i].bytes;
	return bytes;
}

void disk_stats(const struct disk *disk, struct tsdb_stats *ret)
{
	if (!disk)
		return;
	ret->blocks = disk->n_blocks;
	ret->disk_bytes = all_bytes(disk);
	ret->written_bytes = disk->written_bytes;
	ret->disk_failures = disk->failures;
	ret->unreadable = disk->unreadable;
	ret->damaged_files = disk->damaged_files;
}

void disk_expire(struct tsdb *db, int64_t cutoff_ms)
{
	struct disk *disk = db->disk;

	if (!disk)
		return;
	for (size_t i = disk->n_blocks; i-- > 0;) {
		if (disk->blocks[i].max_ms < cutoff_ms)
			remove_block(db, i);
	}
	while (disk->n_blocks && all_bytes(disk) > disk->options.max_bytes)
		remove_block(db, 0);
}

void disk_sweep(struct tsdb *db, struct series *s)
{
	int64_t from_ms = db->stats.newest_wall_ms - KEEP_MS;

	if (!db->disk)
		return;
	if (s->keep_s)
		from_ms = MIN(from_ms, reach_from_ms(db, s));
	while (s->oldest && s->oldest->kept == CHUNK_SAVED && s->oldest->last_ms < from_ms)
		series_drop_oldest(db, s);
	if (s->disk_first_ms == NO_TIME)
		return;
	if (s->state.ms >= db->disk->oldest_ms) {
		s->disk_first_ms = MAX(s->disk_first_ms, db->disk->oldest_ms);
		return;
	}
	s->disk_first_ms = NO_TIME;
	s->told = false;
}

/* Samples of the block that are later than `wall_ms` do not count any more, also after a restart. */
static void cut_block(struct disk *disk, struct block *b, int64_t wall_ms)
{
	char from[STORE_FILES_MAX_NAME], to[STORE_FILES_MAX_NAME];

	/* Open from here on: until the thread comes to it, the file has its old name. */
	disk_block_fd(disk, b);
	disk_block_name(from, b->number, b->until_ms);
	b->max_ms = b->until_ms = wall_ms;
	disk_block_name(to, b->number, b->until_ms);
	store_files_rename(disk->files, from, to, NULL, NULL);
}

void disk_rewind(struct tsdb *db, int64_t wall_ms)
{
	struct disk *disk = db->disk;

	if (!disk)
		return;
	for (size_t i = disk->n_blocks; i-- > 0;) {
		if (disk->blocks[i].min_ms > wall_ms)
			remove_block(db, i);
		else if (disk->blocks[i].max_ms > wall_ms)
			cut_block(disk, &disk->blocks[i], wall_ms);
	}
	disk->cut_ms = disk->phase == DISK_BLOCK ? wall_ms : NO_TIME;
	/* The log has what is not true any more; a block stands in for it. */
	disk->gap = true;
	disk->block_boot_ns = 0;
}
