/*
 * disk_world.h - a store with files in a folder of its own, its clock, and what it ought to hold.
 */
#ifndef TOLLD_TESTS_TSDB_DISK_WORLD_H
#define TOLLD_TESTS_TSDB_DISK_WORLD_H

#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "tsdb/internal.h"

#define START_MS     1700000000000ll
#define STEP_MS	     15000ll
#define WORLD_SERIES 12
#define WORLD_MAX    6000

struct world {
	char dir[64];
	sd_event *event;
	struct store_files *files;
	struct tsdb *db;
	struct tsdb_options options;
	struct tsdb_disk_options disk;
	struct instant now;
	struct series *series[WORLD_SERIES];
	struct sample expected[WORLD_SERIES][WORLD_MAX];
	size_t n[WORLD_SERIES];
	size_t flushed[WORLD_SERIES]; /* of these, how many must survive a power cut */
	unsigned told_bad, told_good;
	char told[300];
};

static uint64_t random_state = 99;

static inline uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static inline void world_told(bool bad, const char *text, void *userdata)
{
	struct world *w = userdata;

	snprintf(w->told, sizeof(w->told), "%s", text);
	w->told_bad += bad;
	w->told_good += !bad;
}

static inline struct labels *world_labels(unsigned i)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", i);
	return labels_new(2, (const char *const[][2]){ { "__name__", "m" }, { "i", text } });
}

static inline int world_open(struct world *w)
{
	char error[200] = "";
	int err = store_files_open(w->dir, w->event, &w->files, error, sizeof(error));

	if (err)
		return err;
	err = tsdb_new(&w->options, &w->db);
	if (!err)
		err = tsdb_open_disk(w->db, w->files, &w->disk, w->now);
	return err;
}

/* The end of the process: with or without a last word to the disk. */
static inline void world_close(struct world *w, bool in_order)
{
	for (unsigned i = 0; i < WORLD_SERIES; i++)
		series_unref(TAKE(w->series[i]));
	if (in_order && w->db)
		tsdb_flush(w->db);
	store_files_close(TAKE(w->files), 5000);
	tsdb_free(TAKE(w->db));
}

static inline int world_set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	/* Thousands of fsync()s are no test of the machine's disk. */
	snprintf(w->dir, sizeof(w->dir), "%s/tolld-disk-XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(w->dir));
	assert_true(sd_event_new(&w->event) >= 0);
	w->options = TSDB_OPTIONS_DEFAULT;
	w->options.retention_ms = 1ll << 50;
	w->disk = TSDB_DISK_OPTIONS_DEFAULT;
	w->disk.tell = world_told;
	w->disk.userdata = w;
	w->now = (struct instant){ .boot_ns = 1000 * NSEC_PER_SEC, .wall_ms = START_MS };
	assert_int_equal(world_open(w), 0);
	*state = w;
	return 0;
}

static inline void world_remove_files(struct world *w)
{
	DIR *d = opendir(w->dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

static inline int world_tear_down(void **state)
{
	struct world *w = *state;

	world_close(w, false);
	sd_event_unref(w->event);
	world_remove_files(w);
	rmdir(w->dir);
	free(w);
	return 0;
}

static inline void world_pass(struct world *w, int64_t ms)
{
	w->now.boot_ns += ms * NSEC_PER_MSEC;
	w->now.wall_ms += ms;
}

/* What is due is done, and the disk has answered. */
static inline void world_settle(struct world *w)
{
	int64_t until = clock_boot_ns() + 20 * NSEC_PER_SEC;

	do {
		while (tsdb_deadline(w->db) <= w->now.boot_ns)
			tsdb_step(w->db, w->now);
		if (tsdb_deadline(w->db) == BOOT_NS_NEVER)
			sd_event_run(w->event, 100000);
		assert_true(clock_boot_ns() < until);
	} while (tsdb_deadline(w->db) <= w->now.boot_ns || tsdb_deadline(w->db) == BOOT_NS_NEVER);
}

static inline void world_drained(int err, void *userdata)
{
	*(bool *)userdata = true;
}

/* All orders are carried out, also those whose end nobody waits for. */
static inline void world_drain(struct world *w)
{
	int64_t until = clock_boot_ns() + 20 * NSEC_PER_SEC;
	bool done = false;

	assert_int_equal(store_files_remove(w->files, "none", world_drained, &done), 0);
	while (!done && clock_boot_ns() < until)
		sd_event_run(w->event, 100000);
	assert_true(done);
}

static inline void world_append(struct world *w, unsigned i, double value)
{
	scoped(labels_unrefp) struct labels *labels = world_labels(i);
	struct sample *next = &w->expected[i][w->n[i]];

	if (!w->series[i])
		assert_int_equal(tsdb_series(w->db, labels, &w->series[i]), 0);
	assert_int_equal(tsdb_append(w->db, w->series[i], w->now.wall_ms, value), 0);
	assert_true(w->n[i] < WORLD_MAX);
	*next = (struct sample){ w->now.wall_ms, value };
	w->n[i]++;
}

/* n steps of 15 s, each series getting a value at each of them. */
static inline void world_fill(struct world *w, unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		world_pass(w, STEP_MS);
		for (unsigned i = 0; i < WORLD_SERIES; i++)
			world_append(w, i, i % 3 ? (double)(k * i) / 100 : (double)i);
		world_settle(w);
	}
}

/* All of it that memory may let go, it lets go. */
static inline void world_expire(struct world *w)
{
	while (tsdb_expire(w->db, w->now.wall_ms, 7))
		;
}

/* How many samples of the range there are; each must be one that is expected, in order. */
static inline size_t world_read(struct world *w, unsigned i, int64_t min_ms, int64_t max_ms)
{
	scoped(labels_unrefp) struct labels *labels = world_labels(i);
	const struct sample *expected = w->expected[i];
	struct series *series = NULL;
	struct series_iter it;
	struct sample s;
	size_t n = 0, at = 0;

	assert_int_equal(tsdb_series(w->db, labels, &series), 0);
	series_iter_init(&it, series, min_ms, max_ms);
	while (series_iter_next(&it, &s)) {
		assert_true(s.wall_ms >= min_ms && s.wall_ms <= max_ms);
		while (at < w->n[i] && expected[at].wall_ms < s.wall_ms)
			at++;
		assert_true(at < w->n[i]);
		assert_int_equal(expected[at].wall_ms, s.wall_ms);
		assert_memory_equal(&expected[at].value, &s.value, sizeof(s.value));
		at++;
		n++;
	}
	series_iter_release(&it);
	series_unref(series);
	return n;
}

static inline void world_assert_whole(struct world *w)
{
	for (unsigned i = 0; i < WORLD_SERIES; i++)
		assert_int_equal(world_read(w, i, INT64_MIN, INT64_MAX), w->n[i]);
}

/* Files whose name ends so; their bytes. */
static inline size_t world_files(const struct world *w, const char *suffix, int64_t *ret_bytes)
{
	DIR *d = opendir(w->dir);
	struct dirent *e;
	struct stat st;
	size_t n = 0;
	int64_t bytes = 0;

	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len < strlen(suffix) || !streq(e->d_name + len - strlen(suffix), suffix) ||
			e->d_name[0] == '.')
			continue;
		n++;
		if (!fstatat(dirfd(d), e->d_name, &st, 0))
			bytes += st.st_size;
	}
	if (d)
		closedir(d);
	if (ret_bytes)
		*ret_bytes = bytes;
	return n;
}

#endif
