/* What the log lacks, what is named in no file any more, and more series than there is room for. */
#include "disk_world.h"

#include <signal.h>
#include <sys/resource.h>
#include "tsdb/disk.h"

static void restart(struct world *w, bool in_order)
{
	world_close(w, in_order);
	assert_int_equal(world_open(w), 0);
}

/* What is expected no more, because it is from after that time. */
static void forget_after(struct world *w, int64_t wall_ms)
{
	for (unsigned i = 0; i < WORLD_SERIES; i++) {
		while (w->n[i] && w->expected[i][w->n[i] - 1].wall_ms > wall_ms)
			w->n[i]--;
	}
}

static void assert_lacks_a_minute_at_most(struct world *w)
{
	for (unsigned i = 0; i < WORLD_SERIES; i++)
		assert_in_range(world_read(w, i, INT64_MIN, INT64_MAX), w->n[i] - MIN(w->n[i], 4ul),
			w->n[i]);
}

static void rewind_to(struct world *w, int64_t wall_ms)
{
	w->now.wall_ms = wall_ms;
	tsdb_rewind(w->db, wall_ms);
	forget_after(w, wall_ms);
	world_settle(w);
}

static void a_future_that_was_all_there_is_does_not_come_back(void **state)
{
	struct world *w = *state;

	world_fill(w, 20);
	rewind_to(w, START_MS - 3600 * 1000);
	world_fill(w, 9);
	restart(w, false);
	assert_lacks_a_minute_at_most(w);
	world_drain(w);
	assert_int_equal(world_files(w, ".wal", NULL), 1);
}

static void a_series_that_lost_all_to_the_clock_is_named_again(void **state)
{
	struct world *w = *state;
	int64_t back_to;

	for (unsigned k = 0; k < 10; k++) {
		world_pass(w, STEP_MS);
		world_append(w, 0, k);
		world_settle(w);
	}
	back_to = w->now.wall_ms;
	world_fill(w, 10);
	rewind_to(w, back_to);
	assert_int_equal(world_files(w, ".block", NULL), 1);
	world_fill(w, 9);
	restart(w, false);
	assert_lacks_a_minute_at_most(w);
}

/* A block with times from before the other's keeps it from looking gone. */
static void a_series_whose_block_is_gone_is_named_again(void **state)
{
	struct world *w = *state;
	const struct tsdb_options options = w->options;
	int64_t bytes, then;

	for (unsigned k = 0; k < 60; k++) {
		world_pass(w, STEP_MS);
		world_append(w, 1, k);
		world_append(w, 3, (double)next_random());
	}
	world_pass(w, 3600 * 1000);
	world_settle(w);
	then = w->now.wall_ms;
	w->now.wall_ms -= 7200 * 1000;
	for (unsigned k = 0; k < 5; k++) {
		world_pass(w, STEP_MS);
		world_append(w, 2, k);
	}
	w->now.wall_ms = then;
	world_pass(w, 3600 * 1000);
	world_settle(w);
	assert_int_equal(world_files(w, ".block", &bytes), 2);
	tsdb_retain(w->db, options.retention_ms, (uint64_t)bytes - 1);
	world_expire(w);
	world_drain(w);
	assert_int_equal(world_files(w, ".block", NULL), 1);
	tsdb_retain(w->db, options.retention_ms, (uint64_t)1 << 30);
	w->n[1] = w->n[3] = 0;
	for (unsigned k = 0; k < 9; k++) {
		world_pass(w, STEP_MS);
		world_append(w, 1, k);
		world_settle(w);
	}
	restart(w, true);
	assert_int_equal(world_read(w, 1, INT64_MIN, INT64_MAX), 9);
}

/* No file may be longer than that; what was so far. */
static rlim_t limit_files(rlim_t bytes)
{
	struct rlimit limit;
	rlim_t before;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	return before;
}

static void an_end_after_a_full_disk_loses_nothing(void **state)
{
	struct world *w = *state;

	for (unsigned steps = 3; steps < 400; steps += 99) {
		rlim_t before = limit_files(64);

		world_fill(w, steps);
		limit_files(before);
		restart(w, true);
		world_assert_whole(w);
		assert_int_equal(w->told_bad, steps > 3);
		w->told_bad = 0;
		restart(w, false);
		world_assert_whole(w);
		assert_int_equal(w->told_bad, 0);
	}
}

static void an_end_on_a_full_disk_leaves_no_half_of_a_block(void **state)
{
	struct world *w = *state;
	rlim_t before;

	world_fill(w, 200);
	world_pass(w, 3600 * 1000);
	before = limit_files(64);
	tsdb_step(w->db, w->now);
	world_close(w, true);
	limit_files(before);
	assert_int_equal(world_open(w), 0);
	assert_int_equal(w->told_bad, 0);
	assert_lacks_a_minute_at_most(w);
}

/* In a series that is full while the last of a block is on its way to the disk. */
static void a_chunk_that_fills_beside_a_block_is_in_the_log(void **state)
{
	struct world *w = *state;

	world_append(w, 0, 1);
	world_pass(w, 3600 * 1000);
	tsdb_step(w->db, w->now);
	assert_int_equal(tsdb_deadline(w->db), BOOT_NS_NEVER);
	for (unsigned k = 0; k < CHUNK_SAMPLES; k++) {
		world_pass(w, 10);
		world_append(w, 1, k);
	}
	world_settle(w);
	world_pass(w, 60 * 1000);
	world_settle(w);
	restart(w, false);
	assert_int_equal(world_read(w, 1, INT64_MIN, INT64_MAX), CHUNK_SAMPLES);
}

/* A series that nobody holds afterwards. */
static int add_one(struct world *w, const char *value, size_t repeated)
{
	scoped(freep) char *text = malloc(repeated + strlen(value) + 1);
	scoped(labels_unrefp) struct labels *labels = NULL;
	struct series *series;
	int err;

	assert_non_null(text);
	memset(text, 'x', repeated);
	memcpy(text + repeated, value, strlen(value) + 1);
	labels = labels_new(2, (const char *const[][2]){ { "__name__", "other" }, { "v", text } });
	err = tsdb_series(w->db, labels, &series);
	if (err)
		return err;
	assert_int_equal(tsdb_append(w->db, series, w->now.wall_ms, 1), 0);
	series_unref(series);
	return 0;
}

static void a_label_of_megabytes_does_not_spoil_the_log(void **state)
{
	struct world *w = *state;

	world_fill(w, 8);
	assert_int_equal(add_one(w, "huge", (size_t)5 << 20), 0);
	world_fill(w, 9);
	restart(w, false);
	assert_int_equal(w->told_bad, 0);
	assert_lacks_a_minute_at_most(w);
}

/* More than waits for a slow disk. */
static void long_names_of_many_series_are_written(void **state)
{
	struct world *w = *state;
	const size_t n = STORE_FILES_MAX_QUEUED_BYTES / (100 << 10) + 9;
	char text[16];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%zu", i);
		assert_int_equal(add_one(w, text, 100 << 10), 0);
	}
	world_fill(w, 9);
	assert_int_equal(w->told_bad, 0);
	world_pass(w, 3600 * 1000);
	world_settle(w);
	assert_int_equal(w->told_bad, 0);
	assert_int_equal(world_files(w, ".block", NULL), 1);
}

/* Series come, have a sample, and are gone; how many were refused. */
static unsigned churn(struct world *w, unsigned steps, unsigned each)
{
	static unsigned n;
	unsigned refused = 0;

	for (unsigned k = 0; k < steps; k++) {
		world_fill(w, 1);
		for (unsigned i = 0; i < each; i++) {
			char text[16];

			snprintf(text, sizeof(text), "%u", n++);
			refused += add_one(w, text, 40) != 0;
		}
		while (tsdb_expire(w->db, w->now.wall_ms, 500))
			;
	}
	return refused;
}

static void whoever_is_long_gone_makes_room_for_series(void **state)
{
	struct world *w = *state;
	struct tsdb_stats stats;

	world_close(w, true);
	w->options.max_series = 4000;
	assert_int_equal(world_open(w), 0);
	assert_int_equal(churn(w, 5000, 4), 0);
	tsdb_stats(w->db, &stats);
	assert_in_range(stats.series, 2000, 4000);
	world_assert_whole(w);
	/* What there is at a start is the newest, too. */
	restart(w, false);
	assert_lacks_a_minute_at_most(w);
	forget_after(w, w->now.wall_ms - 120 * 1000);
	assert_int_equal(churn(w, 9, 4), 0);
}

static void whoever_is_long_gone_makes_room_for_bytes(void **state)
{
	struct world *w = *state;
	struct tsdb_stats stats;

	world_close(w, true);
	w->options.max_bytes = (size_t)1 << 20;
	assert_int_equal(world_open(w), 0);
	assert_int_equal(churn(w, 5000, 4), 0);
	tsdb_stats(w->db, &stats);
	assert_in_range(stats.bytes, 1 << 19, 1 << 20);
	assert_int_equal(stats.samples_dropped, 0);
	world_assert_whole(w);
	restart(w, false);
	tsdb_stats(w->db, &stats);
	assert_int_equal(stats.refused_series, 0);
	assert_lacks_a_minute_at_most(w);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_future_that_was_all_there_is_does_not_come_back),
		IN_WORLD(a_series_that_lost_all_to_the_clock_is_named_again),
		IN_WORLD(a_series_whose_block_is_gone_is_named_again),
		IN_WORLD(an_end_after_a_full_disk_loses_nothing),
		IN_WORLD(an_end_on_a_full_disk_leaves_no_half_of_a_block),
		IN_WORLD(a_chunk_that_fills_beside_a_block_is_in_the_log),
		IN_WORLD(a_label_of_megabytes_does_not_spoil_the_log),
		IN_WORLD(long_names_of_many_series_are_written),
		IN_WORLD(whoever_is_long_gone_makes_room_for_series),
		IN_WORLD(whoever_is_long_gone_makes_room_for_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
