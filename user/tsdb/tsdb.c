/*
 * tsdb.c - series by their labels, samples appended, the oldest dropped.
 */
#include "tsdb/internal.h"

#include <errno.h>
#include "base/hash.h"
#include "tsdb/chunk_code.h"
#include "tsdb/disk.h"
#include "tsdb/reach.h"

#define FIRST_BUCKETS 64u

/*
 * When memory is short and nothing sealed is left, silent series lose their samples; those that
 * had one within this time before the newest never do, or a query's five minutes would be broken.
 */
#define NEVER_DROPPED_MS (10 * 60 * 1000ll)

static size_t series_bytes(const struct series *s)
{
	/* The set's two counters and its hash stand before the pairs; a bucket and a slot point here. */
	return sizeof(*s) + sizeof(struct labels) + s->labels->n * sizeof(struct label) +
	       2 * MALLOC_SHARE + 2 * sizeof(void *);
}

int tsdb_new(const struct tsdb_options *options, struct tsdb **ret)
{
	struct tsdb *db = calloc(1, sizeof(*db));

	if (!db)
		return -ENOMEM;
	db->buckets = calloc(FIRST_BUCKETS, sizeof(struct series *));
	if (!db->buckets) {
		free(db);
		return -ENOMEM;
	}
	db->n_buckets = FIRST_BUCKETS;
	db->options = *options;
	db->index = INDEX_INIT;
	db->silent_ms = db->filed_ms = INT64_MAX;
	db->filed_cutoff_ms = INT64_MIN;
	*ret = db;
	return 0;
}

static void series_free(struct series *s)
{
	struct chunk *next;

	for (struct chunk *c = s->oldest; c; c = next) {
		next = c->next;
		free(c);
	}
	free(s->open);
	labels_unref(s->labels);
	free(s);
}

void tsdb_free(struct tsdb *db)
{
	if (!db)
		return;
	disk_free(db->disk);
	for (uint32_t i = 0; i < db->n_slots; i++) {
		if (!db->slots[i])
			continue;
		if (db->slots[i]->refs)
			db->slots[i]->db = NULL;
		else
			series_free(db->slots[i]);
	}
	index_release(&db->index);
	order_release(&db->order);
	free(db->buckets);
	free(db->slots);
	free(db->reaches);
	free(db);
}

void tsdb_retain(struct tsdb *db, int64_t retention_ms, uint64_t disk_bytes)
{
	db->options.retention_ms = retention_ms;
	if (db->disk)
		db->disk->options.max_bytes = disk_bytes;
}

void tsdb_retention(const struct tsdb *db, struct tsdb_retention *ret)
{
	*ret = (struct tsdb_retention){ .retention_ms = db->options.retention_ms,
		.disk_bytes = db->disk ? db->disk->options.max_bytes : 0 };
}

struct series *series_ref(struct series *series)
{
	series->refs++;
	return series;
}

void series_unref(struct series *series)
{
	if (!series)
		return;
	series->refs--;
	if (!series->refs && !series->db)
		series_free(series);
}

const struct labels *series_labels(const struct series *series)
{
	return series->labels;
}

bool series_last(const struct series *series, struct sample *ret)
{
	if (!series_in_memory(series))
		return false;
	ret->wall_ms = series->state.ms;
	memcpy(&ret->value, &series->state.value_bits, sizeof(ret->value));
	return true;
}

/* Equal sets hold the same pointers; the seed keeps others from choosing what falls together. */
static uint64_t hash_of(const struct labels *labels)
{
	return hash_seeded(labels->v, labels->n * sizeof(struct label));
}

static struct series **find(struct tsdb *db, const struct labels *labels)
{
	struct series **at = &db->buckets[hash_of(labels) & (db->n_buckets - 1)];

	while (*at && !labels_equal((*at)->labels, labels))
		at = &(*at)->next;
	return at;
}

/* A table that cannot grow still works, only slower. */
static void grow_buckets(struct tsdb *db)
{
	size_t n = db->n_buckets * 2;
	struct series **buckets = calloc(n, sizeof(struct series *)), *s, *next;

	if (!buckets)
		return;
	for (size_t i = 0; i < db->n_buckets; i++) {
		for (s = db->buckets[i]; s; s = next) {
			struct series **at = &buckets[hash_of(s->labels) & (n - 1)];

			next = s->next;
			s->next = *at;
			*at = s;
		}
	}
	free(db->buckets);
	db->buckets = buckets;
	db->n_buckets = n;
}

/* Gives the living the lowest ids, in the same order; their number is then near the slots'. */
static bool renumber(struct tsdb *db)
{
	uint32_t *new_ids = malloc(db->n_slots * sizeof(*new_ids)), n = 0, hand = 0, disk_hand = 0;

	if (!new_ids)
		return false;
	for (uint32_t i = 0; i < db->n_slots; i++) {
		struct series *s = db->slots[i];

		if (i == db->hand)
			hand = n;
		if (i == db->disk_hand)
			disk_hand = n;
		new_ids[i] = s ? n : UINT32_MAX;
		if (!s)
			continue;
		s->id = n;
		db->slots[n++] = s;
	}
	db->hand = db->hand >= db->n_slots ? n : hand;
	db->disk_hand = db->disk_hand >= db->n_slots ? n : disk_hand;
	db->n_slots = n;
	for (struct chunk *c = db->queue_oldest; c; c = c->later)
		c->slot = new_ids[c->slot];
	index_renumber(&db->index, new_ids);
	order_renumber(&db->order, new_ids);
	free(new_ids);
	return true;
}

static int reserve_slot(struct tsdb *db)
{
	uint32_t cap = db->cap_slots ? db->cap_slots * 2 : FIRST_BUCKETS;
	struct series **slots;

	if (db->n_slots < db->cap_slots)
		return 0;
	if (db->n_slots && db->n_series <= db->n_slots / 2 && renumber(db))
		return 0;
	slots = db->cap_slots < UINT32_MAX / 4 ? realloc(db->slots, cap * sizeof(*slots)) : NULL;
	if (!slots)
		return -ENOMEM;
	db->slots = slots;
	db->cap_slots = cap;
	return 0;
}

/* Of series and chunks, and of what they are found by. */
static size_t bytes_of(const struct tsdb *db)
{
	return db->stats.bytes + db->index.bytes + order_bytes(&db->order);
}

static bool over_limit(const struct tsdb *db)
{
	return bytes_of(db) > db->options.max_bytes;
}

static int make_series(struct tsdb *db, const struct labels *labels, struct series **ret)
{
	struct series *s, **at;
	int err;

	/* With sealed chunks there is still something older to give up for it. */
	if (db->n_series >= db->options.max_series || (over_limit(db) && !db->queue_oldest)) {
		db->stats.refused_series++;
		return -ENOSPC;
	}
	err = reserve_slot(db);
	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->id = db->n_slots++;
	s->db = db;
	s->key = disk_new_key(db, labels);
	s->disk_first_ms = NO_TIME;
	db->slots[s->id] = NULL;
	err = index_add(&db->index, labels, s->id);
	if (err) {
		free(s);
		return err;
	}
	if (db->n_series >= db->n_buckets)
		grow_buckets(db);
	s->labels = labels_ref(labels);
	reach_note(db, s);
	at = &db->buckets[hash_of(labels) & (db->n_buckets - 1)];
	s->next = *at;
	*at = s;
	db->slots[s->id] = s;
	db->n_series++;
	db->stats.bytes += series_bytes(s);
	*ret = s;
	return 0;
}

int tsdb_series(struct tsdb *db, const struct labels *labels, struct series **ret)
{
	struct series *s = *find(db, labels);
	int err;

	if (!s) {
		err = make_series(db, labels, &s);
		if (err)
			return err;
	}
	*ret = series_ref(s);
	return 0;
}

static void queue_add(struct tsdb *db, struct chunk *c)
{
	c->later = NULL;
	c->earlier = db->queue_newest;
	if (db->queue_newest)
		db->queue_newest->later = c;
	else
		db->queue_oldest = c;
	db->queue_newest = c;
}

static void queue_remove(struct tsdb *db, struct chunk *c)
{
	if (c->earlier)
		c->earlier->later = c->later;
	else
		db->queue_oldest = c->later;
	if (c->later)
		c->later->earlier = c->earlier;
	else
		db->queue_newest = c->earlier;
}

void series_seal(struct tsdb *db, struct series *s, bool log)
{
	struct chunk *c = s->open;

	if (!c)
		return;
	if (log)
		disk_log(db, s);
	s->logged = 0;
	s->logged_bits = 0;
	db->stats.bytes -= chunk_bytes(c);
	c = chunk_seal(c);
	db->stats.bytes += chunk_bytes(c);
	c->slot = s->id;
	c->next = NULL;
	if (s->newest)
		s->newest->next = c;
	else
		s->oldest = c;
	s->newest = c;
	s->open = NULL;
	queue_add(db, c);
}

static bool holds_nothing(const struct tsdb *db)
{
	return !db->stats.chunks && (!db->disk || !db->disk->n_blocks);
}

static void note_times(struct tsdb *db, int64_t wall_ms)
{
	struct tsdb_stats *st = &db->stats;
	bool first = holds_nothing(db);

	if (first || wall_ms < st->oldest_wall_ms)
		st->oldest_wall_ms = wall_ms;
	if (first || wall_ms > st->newest_wall_ms)
		st->newest_wall_ms = wall_ms;
}

void series_extended(struct tsdb *db, struct series *s, size_t bytes_before)
{
	s->guessed = false;
	note_times(db, s->open->first_ms);
	note_times(db, s->open->last_ms);
	db->stats.chunks += !bytes_before;
	db->stats.bytes += chunk_bytes(s->open) - bytes_before;
	if (chunk_full(s->open))
		series_seal(db, s, false);
}

/*
 * Since the start only a block's newest time is known, which may be another series' own: one whose
 * samples come late, with times of their own, is asked before any of them is refused.
 */
static void learn_newest(struct tsdb *db, struct series *s)
{
	struct series_iter it;
	struct sample sample;
	bool found = false;

	s->guessed = false;
	for (size_t i = db->disk->n_blocks; i-- > 0 && !found;) {
		series_iter_init(&it, s, db->disk->blocks[i].min_ms, s->state.ms);
		while (series_iter_next(&it, &sample)) {
			found = true;
			s->state.ms = sample.wall_ms;
			memcpy(&s->state.value_bits, &sample.value, sizeof(sample.value));
		}
	}
}

/* 1: write it; else what tsdb_append() returns. */
static int check_order(struct tsdb *db, struct series *s, int64_t wall_ms, uint64_t bits)
{
	if (s->guessed && wall_ms <= s->state.ms && !series_empty(s))
		learn_newest(db, s);
	if (series_empty(s) || wall_ms > s->state.ms)
		return 1;
	if (wall_ms < s->state.ms) {
		db->stats.out_of_order++;
		return -ERANGE;
	}
	if (bits == s->state.value_bits)
		return 0;
	db->stats.duplicates++;
	return -EEXIST;
}

int tsdb_append(struct tsdb *db, struct series *series, int64_t wall_ms, double value)
{
	size_t before = series->open ? chunk_bytes(series->open) : 0;
	bool changed, fresh = !series->open;
	uint64_t bits;
	int err;

	if (wall_ms < -TSDB_MAX_WALL_MS || wall_ms > TSDB_MAX_WALL_MS)
		return -ERANGE;
	memcpy(&bits, &value, sizeof(bits));
	err = check_order(db, series, wall_ms, bits);
	if (err <= 0)
		return err;
	changed = !series_in_memory(series) || bits != series->state.value_bits;
	err = chunk_append(&series->open, &series->state, wall_ms, bits);
	if (err)
		return err;
	series->guessed = false;
	note_times(db, wall_ms);
	db->stats.chunks += fresh;
	db->stats.bytes += chunk_bytes(series->open) - before;
	db->stats.samples_appended++;
	if (chunk_full(series->open))
		series_seal(db, series, true);
	if (changed && db->observer)
		db->observer(series->labels, value, db->observer_data);
	return 0;
}

void tsdb_observe(struct tsdb *db, tsdb_observer_fn *fn, void *userdata)
{
	db->observer = fn;
	db->observer_data = userdata;
}

static void chunk_gone(struct tsdb *db, struct chunk *c)
{
	db->stats.bytes -= chunk_bytes(c);
	db->stats.samples_dropped += c->n;
	db->stats.chunks--;
	free(c);
}

/* What a block has is not lost. */
void series_drop_oldest(struct tsdb *db, struct series *s)
{
	struct chunk *c = s->oldest;

	queue_remove(db, c);
	s->oldest = c->next;
	if (!s->oldest)
		s->newest = NULL;
	if (c->kept == CHUNK_SAVED)
		db->stats.samples_dropped -= c->n;
	chunk_gone(db, c);
}

/* The queue's head is its series' oldest too: both are in the order of sealing. */
static void drop_oldest_sealed(struct tsdb *db)
{
	series_drop_oldest(db, db->slots[db->queue_oldest->slot]);
}

static void remove_series(struct tsdb *db, struct series *s)
{
	struct series **at = find(db, s->labels);

	*at = s->next;
	db->slots[s->id] = NULL;
	db->n_series--;
	db->stats.bytes -= series_bytes(s);
	index_remove(&db->index, s->labels);
	series_free(s);
}

void series_drop_open(struct tsdb *db, struct series *s)
{
	chunk_gone(db, s->open);
	s->open = NULL;
	s->logged = 0;
	s->logged_bits = 0;
}

static void sweep_one(struct tsdb *db, struct series *s, int64_t cutoff_ms)
{
	bool filed;

	disk_sweep(db, s);
	filed = !series_in_memory(s) && !s->refs;
	if (s->state.ms < (filed ? MAX(cutoff_ms, db->filed_cutoff_ms) : cutoff_ms)) {
		if (s->open && !s->oldest)
			series_drop_open(db, s);
		s->disk_first_ms = NO_TIME;
		s->told = false;
	}
	if (!series_empty(s)) {
		db->sweep_silent_ms = MIN(db->sweep_silent_ms, s->state.ms);
		db->sweep_oldest_ms = MIN(db->sweep_oldest_ms, series_first_ms(s));
		if (filed)
			db->sweep_filed_ms = MIN(db->sweep_filed_ms, s->state.ms);
	} else if (!s->refs) {
		remove_series(db, s);
	}
}

/* Without sealed chunks to give up, the longer silent half of the series goes. */
static int64_t pressed_cutoff(const struct tsdb *db, int64_t cutoff_ms)
{
	int64_t newest = db->stats.newest_wall_ms;

	if (!over_limit(db) || db->queue_oldest || db->silent_ms >= newest - NEVER_DROPPED_MS)
		return cutoff_ms;
	return MAX(cutoff_ms,
		MIN(db->silent_ms + (newest - db->silent_ms) / 2 + 1, newest - NEVER_DROPPED_MS));
}

/*
 * Near a limit, those of whom files alone have samples go before anybody who comes is refused, and before
 * samples go that no file has yet: for a sweep, who was silent in the first quarter of the time since the
 * first of them was.
 */
static void note_crowd(struct tsdb *db)
{
	const struct tsdb_options *o = &db->options;
	int64_t newest = db->stats.newest_wall_ms;
	bool crowded = db->n_series > o->max_series - o->max_series / 16 ||
		       bytes_of(db) > o->max_bytes - o->max_bytes / 16;

	if (crowded && db->filed_ms < newest)
		db->filed_cutoff_ms = db->filed_ms + (newest - db->filed_ms) / 4 + 1;
}

static void sweep_ends(struct tsdb *db)
{
	db->hand = 0;
	db->silent_ms = db->sweep_silent_ms;
	db->filed_ms = db->sweep_filed_ms;
	db->filed_cutoff_ms = INT64_MIN;
	if (db->sweep_oldest_ms != INT64_MAX)
		db->stats.oldest_wall_ms = db->sweep_oldest_ms;
	if (db->n_slots > FIRST_BUCKETS && db->n_series < db->n_slots / 2)
		renumber(db);
}

bool tsdb_expire(struct tsdb *db, int64_t now_wall_ms, size_t budget)
{
	/* A clock that jumped far ahead must not empty the store: the newest sample counts as well. */
	int64_t cutoff = MIN(now_wall_ms, db->stats.newest_wall_ms) - db->options.retention_ms;

	disk_expire(db, cutoff);
	while (db->queue_oldest && (db->queue_oldest->last_ms < cutoff || over_limit(db))) {
		if (!budget--)
			return true;
		drop_oldest_sealed(db);
	}
	if (!db->hand)
		db->sweep_silent_ms = db->sweep_oldest_ms = db->sweep_filed_ms = INT64_MAX;
	cutoff = pressed_cutoff(db, cutoff);
	note_crowd(db);
	for (; db->hand < db->n_slots; db->hand++) {
		if (!budget--)
			return true;
		if (db->slots[db->hand])
			sweep_one(db, db->slots[db->hand], cutoff);
	}
	sweep_ends(db);
	return false;
}

/* The samples of a chunk that begins in time and ends too late, in a new one that is open. */
static void keep_beginning(
	struct tsdb *db, struct series *s, const struct chunk *c, int64_t wall_ms)
{
	struct chunk_state reader = { 0 }, writer = { 0 };
	struct chunk *kept = NULL;
	uint64_t bit = 0;

	for (uint32_t i = 0; chunk_next(c, i, &bit, &reader) && reader.ms <= wall_ms; i++) {
		if (chunk_append(&kept, &writer, reader.ms, reader.value_bits))
			break;
	}
	s->open = kept;
	if (!kept)
		return;
	s->state = writer;
	db->stats.chunks++;
	db->stats.bytes += chunk_bytes(kept);
	db->stats.samples_dropped -= kept->n;
}

/* Takes the chunks that end too late off the series, newest ones all; the queue is done before. */
static void rewind_series(struct tsdb *db, struct series *s, int64_t wall_ms)
{
	struct chunk *c = s->oldest, *late = NULL, *next;
	uint64_t bit = 0;

	s->newest = NULL;
	for (; c && c->last_ms <= wall_ms; c = c->next)
		s->newest = c;
	if (s->newest)
		s->newest->next = NULL;
	else
		s->oldest = NULL;
	if (s->open) {
		s->open->next = NULL;
		for (late = c; late && late->next; late = late->next)
			;
		if (late)
			late->next = s->open;
		else
			c = s->open;
		s->open = NULL;
		s->logged = 0;
		s->logged_bits = 0;
	}
	if (s->newest) {
		/* With nothing open, the state is only asked for the last sample. */
		for (uint32_t i = 0; chunk_next(s->newest, i, &bit, &s->state); i++)
			;
	}
	if (c && c->first_ms <= wall_ms)
		keep_beginning(db, s, c, wall_ms);
	for (; c; c = next) {
		next = c->next;
		chunk_gone(db, c);
	}
	/* What a block has of it ends there at the latest. */
	s->state.ms = MIN(s->state.ms, wall_ms);
	if (s->disk_first_ms > wall_ms)
		s->disk_first_ms = NO_TIME;
}

void tsdb_rewind(struct tsdb *db, int64_t wall_ms)
{
	struct chunk *later;

	for (struct chunk *c = db->queue_oldest; c; c = later) {
		later = c->later;
		if (c->last_ms > wall_ms)
			queue_remove(db, c);
	}
	for (uint32_t i = 0; i < db->n_slots; i++) {
		struct series *s = db->slots[i];

		if (s && !series_empty(s) && s->state.ms > wall_ms)
			rewind_series(db, s, wall_ms);
	}
	db->stats.newest_wall_ms = MIN(db->stats.newest_wall_ms, wall_ms);
	db->stats.oldest_wall_ms = MIN(db->stats.oldest_wall_ms, wall_ms);
	disk_rewind(db, wall_ms);
}

void tsdb_stats(const struct tsdb *db, struct tsdb_stats *ret)
{
	*ret = db->stats;
	ret->series = db->n_series;
	ret->bytes = bytes_of(db);
	if (holds_nothing(db))
		ret->oldest_wall_ms = ret->newest_wall_ms = 0;
	disk_stats(db->disk, ret);
}
