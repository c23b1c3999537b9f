/*
 * load.c - takes up what stands in the files: at the start, before anything is appended.
 *
 * First every series gets its labels, from the logs or from the newest block that has them; then the
 * series are made, by rising key, so that their slots are in the order in which blocks have them; then
 * the logs' pieces make the chunks again that were in memory. What blocks hold stays there.
 */
#include <errno.h>
#include "tsdb/disk.h"
#include "tsdb/wire.h"

/* What a series' labels cost in the index, beside its number there for each of them. */
#define INDEX_SHARE 64u

struct found {
	uint32_t key;
	struct labels *labels;
	struct series *series;	   /* once it is made */
	int64_t first_ms, last_ms; /* bounds of what blocks have; NO_TIME where none has it */
	uint32_t block;		   /* the newest of them */
};

struct load {
	struct tsdb *db;
	struct disk *disk;
	struct map found; /* by key */
	struct found **sorted;
	size_t n;
	size_t bytes;		   /* of series, nearly */
	const struct block *block; /* the one being read */
	bool lacks_labels;	   /* some series of it do */
	bool damaged;
};

/* A file that is to be taken up. */
struct named {
	uint32_t number;
	int64_t until_ms;
	uint64_t bytes;
	char name[STORE_FILES_MAX_NAME];
};

struct listing {
	struct disk *disk;
	struct named *blocks, *wals;
	size_t n_blocks, cap_blocks, n_wals, cap_wals;
};

static int note_file(const char *name, int64_t bytes, void *userdata)
{
	struct listing *l = userdata;
	struct named file = { .bytes = (uint64_t)bytes };
	enum disk_name what = disk_parse_name(name, &file.number, &file.until_ms);

	memcpy(file.name, name, strlen(name) + 1);
	if (what == NAME_OTHER)
		return 0;
	l->disk->next_number = MAX(l->disk->next_number, file.number + 1);
	if (what == NAME_PART)
		return store_files_remove(l->disk->files, name, NULL, NULL);
	if (!vec_reserve(l->blocks, l->n_blocks, l->cap_blocks) ||
		!vec_reserve(l->wals, l->n_wals, l->cap_wals))
		return -ENOMEM;
	if (what == NAME_BLOCK)
		l->blocks[l->n_blocks++] = file;
	else
		l->wals[l->n_wals++] = file;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return x->number != y->number ? (x->number > y->number) - (x->number < y->number)
				      : (x->until_ms > y->until_ms) - (x->until_ms < y->until_ms);
}

static void note_damage(struct load *load, const char *name)
{
	disk_tell(load->disk, true,
		"samples/%s is damaged; it is set aside as %s.broken, and what else there is is used",
		name, name);
	load->damaged = true;
	load->disk->damaged_files++;
}

/* -- series ------------------------------------------------------------------------------------ */

static struct found *find(struct load *load, uint32_t key)
{
	return map_get(&load->found, &key, sizeof(key));
}

static int make_found(struct load *load, uint32_t key, struct found **ret)
{
	struct found *f = calloc(1, sizeof(*f));

	if (!f || map_put(&load->found, &key, sizeof(key), f)) {
		free(f);
		return -ENOMEM;
	}
	*f = (struct found){ .key = key, .first_ms = NO_TIME, .last_ms = NO_TIME };
	*ret = f;
	return 0;
}

static void spend_key(struct load *load, uint32_t key)
{
	load->disk->next_key = MAX(load->disk->next_key, key + 1);
}

/*
 * Blocks are read from the newest on: who is in older ones alone is not taken in where it gets narrow. Samples,
 * and who comes, want room, too.
 */
static bool crowded(const struct load *load)
{
	const struct tsdb_options *options = &load->db->options;

	return load->found.n >= options->max_series / 8 * 7 ||
	       load->bytes >= options->max_bytes / 2;
}

static int on_block_key(uint32_t key, void *userdata)
{
	struct load *load = userdata;
	struct found *f = find(load, key);
	int err;

	spend_key(load, key);
	if (!f && crowded(load))
		return 0;
	err = f ? 0 : make_found(load, key, &f);
	if (err)
		return err;
	f->block = f->block ? f->block : load->block->number;
	f->first_ms = MIN(f->first_ms, load->block->min_ms);
	f->last_ms =
		f->last_ms == NO_TIME ? load->block->max_ms : MAX(f->last_ms, load->block->max_ms);
	load->lacks_labels |= !f->labels;
	return 0;
}

static bool lacks_labels(uint32_t key, void *userdata)
{
	const struct found *f = find(userdata, key);

	return f && !f->labels;
}

static int on_labels(uint32_t key, struct labels *labels, void *userdata)
{
	struct load *load = userdata;
	struct found *f = find(load, key);
	int err = f ? 0 : make_found(load, key, &f);

	spend_key(load, key);
	if (err || f->labels) {
		labels_unref(labels);
		return err;
	}
	f->labels = labels;
	load->bytes += sizeof(struct series) + sizeof(*labels) + INDEX_SHARE +
		       labels->n * (sizeof(struct label) + 2 * sizeof(uint32_t));
	return 0;
}

/* 0 also where the block is broken, and was set aside. */
static int load_block(struct load *load, const struct named *file)
{
	struct disk *disk = load->disk;
	struct block *b = &disk->blocks[disk->n_blocks];
	int fd = store_files_read(disk->files, file->name), err = fd < 0 ? fd : 0;

	*b = (struct block){ .number = file->number, .until_ms = file->until_ms, .fd = -1 };
	load->block = b;
	load->lacks_labels = false;
	if (!err)
		err = block_open(b, fd, on_block_key, load);
	b->max_ms = MIN(b->max_ms, b->until_ms);
	if (!err && load->lacks_labels)
		err = block_labels(b, fd, lacks_labels, on_labels, load);
	closep(&fd);
	if (!err) {
		disk->n_blocks++;
		return 0;
	}
	block_release(b);
	if (err == -EBADMSG) {
		note_damage(load, file->name);
		disk_set_aside(disk, file->name);
	} else if (err != -ENOMEM) {
		disk_tell(disk, true, "samples/%s cannot be read: %s", file->name, strerror(-err));
	}
	return err == -ENOMEM ? err : 0;
}

static void reverse(struct block *blocks, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct block b = blocks[i];

		blocks[i] = blocks[n - 1 - i];
		blocks[n - 1 - i] = b;
	}
}

/* From the newest to the oldest: most labels come from the first. */
static int load_blocks(struct load *load, const struct listing *l)
{
	struct disk *disk = load->disk;
	int err = 0;

	for (size_t i = l->n_blocks; i-- > 0 && !err;) {
		const struct named *file = &l->blocks[i];
		bool twice = i + 1 < l->n_blocks && l->blocks[i + 1].number == file->number;

		if (!vec_reserve(disk->blocks, disk->n_blocks, disk->cap_blocks))
			err = -ENOMEM;
		else if (!twice)
			err = load_block(load, file);
	}
	reverse(disk->blocks, disk->n_blocks);
	disk_note_blocks(disk);
	return err;
}

/* -- logs -------------------------------------------------------------------------------------- */

/* 1, 0 where the file ends before, or a negative errno. */
static int read_whole(int fd, void *to, size_t len, uint64_t at)
{
	ssize_t n = pread(fd, to, len, (off_t)at);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 1 : 0;
}

/* A power cut may leave zeros where an append was under way; anything else was whole once. */
static bool only_zeros(int fd, uint64_t at)
{
	char bytes[512];
	ssize_t n;

	while ((n = pread(fd, bytes, sizeof(bytes), (off_t)at)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (bytes[i])
				return false;
		}
		at += (uint64_t)n;
	}
	return true;
}

/*
 * All whole records of a log. What is torn at its end is what a power cut leaves and no damage; *ret
 * says whether something broken stands before something whole.
 */
static int read_wal(int fd, const struct wal_events *events, bool *ret_damaged)
{
	scoped(freep) char *payload = NULL;
	char head[WAL_HEAD_BYTES], magic[WAL_MAGIC_BYTES];
	uint64_t at = WAL_MAGIC_BYTES;
	bool broken = false;
	uint32_t len, crc;
	int got = read_whole(fd, magic, sizeof(magic), 0), err;

	*ret_damaged = got > 0 && memcmp(magic, WAL_MAGIC, sizeof(magic));
	if (got <= 0 || *ret_damaged)
		return got;
	while ((got = read_whole(fd, head, sizeof(head), at)) > 0) {
		if (!wal_head(head, &len, &crc)) {
			*ret_damaged |= !only_zeros(fd, at);
			break;
		}
		free(payload);
		payload = malloc(len);
		if (!payload)
			return -ENOMEM;
		got = read_whole(fd, payload, len, at + WAL_HEAD_BYTES);
		if (got <= 0)
			break;
		at += WAL_HEAD_BYTES + len;
		if (wire_crc(payload, len) != crc) {
			broken = true;
			continue;
		}
		*ret_damaged |= broken;
		err = wal_decode(payload, len, events);
		if (err == -EBADMSG)
			*ret_damaged = true;
		else if (err)
			return err;
	}
	return got < 0 ? got : 0;
}

static int no_series(uint32_t key, struct labels *labels, void *userdata)
{
	labels_unref(labels);
	return 0;
}

static int no_piece(const struct wal_piece *piece, void *userdata)
{
	return 0;
}

/*
 * Goes over all logs. The last time what is wrong is told. A damaged one keeps its name until a block has
 * what it still says: whoever ends before that finds it again.
 */
static int read_wals(
	struct load *load, const struct listing *l, const struct wal_events *events, bool last)
{
	int err = 0;

	for (size_t i = 0; i < l->n_wals && !err; i++) {
		int fd = store_files_read(load->disk->files, l->wals[i].name);
		bool damaged = false;

		err = fd < 0 ? fd : read_wal(fd, events, &damaged);
		closep(&fd);
		if (last && damaged) {
			note_damage(load, l->wals[i].name);
			load->disk->wals[i].damaged = true;
		}
		if (err && err != -ENOMEM) {
			if (last)
				disk_tell(load->disk, true, "samples/%s cannot be read: %s",
					l->wals[i].name, strerror(-err));
			err = 0;
		}
	}
	return err;
}

/* A full chunk is sealed as it was then, so that the next piece begins a new one. */
static int on_piece(const struct wal_piece *piece, void *userdata)
{
	struct load *load = userdata;
	struct found *f = find(load, piece->key);
	struct series *s = f ? f->series : NULL;
	struct tsdb *db = load->db;
	size_t before;
	int err;

	/* Its name stood in a file that is set aside. */
	if (!s)
		return 0;
	/* The log was given it again after a failure: the whole chunk so far. */
	if (!piece->before && s->open && s->open->first_ms == piece->first_ms)
		series_drop_open(db, s);
	else if (!piece->before)
		series_seal(db, s, false);
	/* It goes on where a block has ended it. */
	if (piece->before != (s->open ? s->open->n : 0) ||
		(!s->open && s->newest && s->newest->last_ms >= piece->first_ms))
		return 0;
	before = s->open ? chunk_bytes(s->open) : 0;
	err = chunk_extend(
		&s->open, &s->state, piece->first_ms, piece->n, piece->bits, piece->n_bits);
	if (err)
		return err == -ENOMEM ? err : 0;
	series_extended(db, s, before);
	return 0;
}

/* -- the whole --------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct found *x = *(const struct found *const *)a,
			   *y = *(const struct found *const *)b;

	return (x->key > y->key) - (x->key < y->key);
}

/* Of two keys with one set of labels the newer one stays: the store had let go of the older. */
static int drop_older_twins(struct load *load)
{
	struct map by_labels = MAP_INIT;
	int err = 0;

	for (size_t i = load->n; i-- > 0 && !err;) {
		struct labels *labels = load->sorted[i]->labels;
		size_t len = labels ? labels->n * sizeof(labels->v[0]) : 0;

		/* Texts are interned: equal sets are equal bytes. */
		if (!labels || map_get(&by_labels, labels->v, len)) {
			labels_unref(labels);
			load->sorted[i]->labels = NULL;
			continue;
		}
		err = map_put(&by_labels, labels->v, len, load);
	}
	map_release(&by_labels);
	return err;
}

static int make_series(struct load *load, struct found *f)
{
	struct series *s;
	int err = tsdb_series(load->db, f->labels, &s);

	if (err)
		return err == -ENOSPC ? 0 : err;
	s->key = f->key;
	s->told = true;
	s->block = f->block;
	s->disk_first_ms = f->first_ms;
	if (f->first_ms != NO_TIME) {
		s->state.ms = f->last_ms;
		s->guessed = true;
	}
	f->series = s;
	return 0;
}

static int make_all_series(struct load *load)
{
	int err;

	load->sorted = calloc(load->found.n + 1, sizeof(struct found *));
	if (!load->sorted)
		return -ENOMEM;
	map_foreach (&load->found, e)
		load->sorted[load->n++] = e->value;
	qsort(load->sorted, load->n, sizeof(*load->sorted), by_key);
	err = drop_older_twins(load);
	for (size_t i = 0; i < load->n && !err; i++) {
		if (load->sorted[i]->labels)
			err = make_series(load, load->sorted[i]);
	}
	return err;
}

static void load_release(struct load *load)
{
	map_foreach (&load->found, e) {
		struct found *f = e->value;

		labels_unref(f->labels);
		series_unref(f->series);
		free(f);
	}
	map_release(&load->found);
	free(load->sorted);
}

/* Logs that a block stands for are left from a power cut between its name and their end. */
static int sort_out_wals(struct disk *disk, struct listing *l)
{
	uint32_t newest = disk->n_blocks ? disk->blocks[disk->n_blocks - 1].number : 0;
	size_t left = 0;

	for (size_t i = 0; i < l->n_wals; i++) {
		if (l->wals[i].number < newest) {
			store_files_remove(disk->files, l->wals[i].name, NULL, NULL);
			continue;
		}
		if (!vec_reserve(disk->wals, disk->n_wals, disk->cap_wals))
			return -ENOMEM;
		disk->wals[disk->n_wals++] = (struct disk_file){ .number = l->wals[i].number,
			.bytes = l->wals[i].bytes };
		l->wals[left++] = l->wals[i];
	}
	l->n_wals = left;
	return 0;
}

static int list(struct disk *disk, struct listing *l)
{
	int err = store_files_list(disk->files, note_file, l);

	if (l->n_blocks)
		qsort(l->blocks, l->n_blocks, sizeof(*l->blocks), by_number);
	if (l->n_wals)
		qsort(l->wals, l->n_wals, sizeof(*l->wals), by_number);
	return err;
}

static int load_all(struct load *load, struct listing *l)
{
	const struct wal_events names = {
		.series = on_labels, .piece = no_piece, .userdata = load
	};
	const struct wal_events pieces = {
		.series = no_series, .piece = on_piece, .userdata = load
	};
	int err = list(load->disk, l);

	/* Who lives has room before whoever is in blocks alone. */
	if (!err)
		err = read_wals(load, l, &names, false);
	if (!err)
		err = load_blocks(load, l);
	if (!err)
		err = sort_out_wals(load->disk, l);
	if (!err)
		err = make_all_series(load);
	if (!err)
		err = read_wals(load, l, &pieces, true);
	return err;
}

/*
 * The next block is due when it would have been without the restart: whoever starts again and again
 * must not have logs that grow and grow.
 */
static void plan_block(struct tsdb *db, struct instant now)
{
	int64_t oldest_ms = NO_TIME, age_ms = 0;

	for (uint32_t i = 0; i < db->n_slots; i++) {
		if (db->slots[i])
			oldest_ms = MIN(oldest_ms, series_memory_ms(db->slots[i]));
	}
	if (oldest_ms < now.wall_ms)
		age_ms = MIN(now.wall_ms - oldest_ms, db->disk->options.block_ms);
	db->disk->block_boot_ns =
		now.boot_ns + (db->disk->options.block_ms - age_ms) * NSEC_PER_MSEC;
}

static void note_loaded(struct tsdb *db)
{
	struct tsdb_stats *st = &db->stats;
	bool any = st->chunks > 0;

	for (size_t i = 0; i < db->disk->n_blocks; i++) {
		const struct block *b = &db->disk->blocks[i];

		st->oldest_wall_ms = any ? MIN(st->oldest_wall_ms, b->min_ms) : b->min_ms;
		st->newest_wall_ms = any ? MAX(st->newest_wall_ms, b->max_ms) : b->max_ms;
		any = true;
	}
	for (uint32_t i = 0; i < db->n_slots; i++) {
		struct series *s = db->slots[i];

		if (!s || !s->open)
			continue;
		s->logged = s->open->n;
		s->logged_bits = s->open->n_bits;
	}
}

int tsdb_open_disk(struct tsdb *db, struct store_files *files,
	const struct tsdb_disk_options *options, struct instant now)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	struct listing l = { .disk = disk };
	struct load load = { .db = db, .disk = disk };
	int err;

	if (!disk)
		return -ENOMEM;
	*disk = (struct disk){ .files = files,
		.options = *options,
		.next_number = 1,
		.next_key = 1,
		.oldest_ms = NO_TIME,
		.cut_ms = NO_TIME,
		.flush_boot_ns = now.boot_ns + options->flush_ms * NSEC_PER_MSEC };
	wal_init(&disk->wal);
	err = load_all(&load, &l);
	load_release(&load);
	free(l.blocks);
	free(l.wals);
	if (err) {
		disk_free(disk);
		return err;
	}
	db->disk = disk;
	note_loaded(db);
	plan_block(db, now);
	/* What a damaged log had is in memory now and must not be there alone. */
	disk->gap = load.damaged;
	if (load.damaged)
		disk->block_boot_ns = now.boot_ns;
	return 0;
}
