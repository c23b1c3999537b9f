/* Samples on disk: they survive, they come back, and memory lets go of them. */
#include "disk_world.h"

#include <signal.h>
#include <sys/resource.h>

static void restart(struct world *w, bool in_order)
{
	world_close(w, in_order);
	assert_int_equal(world_open(w), 0);
}

static void what_was_flushed_survives_a_power_cut(void **state)
{
	struct world *w = *state;

	world_fill(w, 21);
	restart(w, false);
	/* 60 s are four steps: of the 21 the last one was not flushed. */
	for (unsigned i = 0; i < WORLD_SERIES; i++) {
		assert_int_equal(world_read(w, i, INT64_MIN, INT64_MAX), 20);
		w->n[i] = 20;
	}
	assert_int_equal(w->told_bad, 0);
	world_fill(w, 10);
	world_assert_whole(w);
}

static void an_orderly_end_loses_nothing(void **state)
{
	struct world *w = *state;

	world_fill(w, 7);
	restart(w, true);
	world_assert_whole(w);
	world_fill(w, 2);
	restart(w, true);
	world_assert_whole(w);
}

/* The end may come at any point of writing a block, and samples have come since that began. */
static void an_orderly_end_loses_nothing_whatever_is_under_way(void **state)
{
	struct world *w = *state;

	for (unsigned steps = 0; steps < 12; steps++) {
		world_fill(w, 9);
		world_pass(w, w->disk.block_ms);
		for (unsigned k = 0; k < steps; k++) {
			if (tsdb_deadline(w->db) <= w->now.boot_ns)
				tsdb_step(w->db, w->now);
			else
				sd_event_run(w->event, 100000);
			if (k % 3 == 1) {
				world_pass(w, STEP_MS);
				for (unsigned i = 0; i < WORLD_SERIES; i++)
					world_append(w, i, k * i);
			}
		}
		restart(w, true);
		world_assert_whole(w);
		assert_int_equal(w->told_bad, 0);
	}
}

/* A target with times of its own may be minutes behind those of others, which share its blocks. */
static void what_comes_late_is_taken_after_a_restart_as_before(void **state)
{
	struct world *w = *state;
	scoped(labels_unrefp) struct labels *labels = world_labels(WORLD_SERIES);
	struct series_iter it;
	struct series *late;
	struct sample last;
	size_t n = 0;

	assert_int_equal(tsdb_series(w->db, labels, &late), 0);
	for (unsigned k = 0; k < 300; k++) {
		world_fill(w, 1);
		assert_int_equal(tsdb_append(w->db, late, w->now.wall_ms - 600000, k), 0);
	}
	last = (struct sample){ w->now.wall_ms - 600000, 299 };
	series_unref(late);
	world_pass(w, 3600 * 1000);
	world_settle(w); /* all of it is in blocks */
	restart(w, true);
	assert_int_equal(tsdb_series(w->db, labels, &late), 0);
	assert_int_equal(tsdb_append(w->db, late, last.wall_ms - 1, 1), -ERANGE);
	assert_int_equal(tsdb_append(w->db, late, last.wall_ms, 7), -EEXIST);
	assert_int_equal(tsdb_append(w->db, late, last.wall_ms, 299), 0);
	assert_int_equal(tsdb_append(w->db, late, last.wall_ms + STEP_MS, 300), 0);
	series_iter_init(&it, late, INT64_MIN, INT64_MAX);
	while (series_iter_next(&it, &last))
		n++;
	assert_int_equal(n, 301);
	assert_true(last.value == 300);
	series_unref(late);
}

static void a_flush_that_is_near_is_brought_forward(void **state)
{
	struct world *w = *state;
	int64_t due_ns;

	world_settle(w);
	due_ns = tsdb_deadline(w->db);
	world_pass(w, (due_ns - w->now.boot_ns) / NSEC_PER_MSEC - 6000);
	world_append(w, 0, 1);
	tsdb_hasten(w->db, w->now, 5 * NSEC_PER_SEC);
	assert_int_equal(tsdb_deadline(w->db), due_ns);
	world_pass(w, 2000);
	world_append(w, 0, 2);
	tsdb_hasten(w->db, w->now, 5 * NSEC_PER_SEC);
	assert_int_equal(tsdb_deadline(w->db), w->now.boot_ns);
	world_settle(w);
	restart(w, false);
	world_assert_whole(w);
}

static void logs_do_not_grow_over_many_restarts(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 10; i++) {
		world_fill(w, 100);
		restart(w, i % 2);
		for (unsigned k = 0; k < WORLD_SERIES; k++)
			w->n[k] = world_read(w, k, INT64_MIN, INT64_MAX);
	}
	world_drain(w);
	assert_int_equal(world_files(w, ".block", NULL), 4);
	assert_in_range(world_files(w, ".wal", NULL), 1, 3);
}

static void chunks_go_into_a_block_every_hour_and_out_of_memory(void **state)
{
	struct world *w = *state;
	struct tsdb_stats before, after;

	world_fill(w, 239);
	tsdb_stats(w->db, &before);
	assert_int_equal(before.blocks, 0);
	world_fill(w, 2);
	world_drain(w);
	assert_int_equal(world_files(w, ".block", NULL), 1);
	assert_int_equal(world_files(w, ".wal", NULL), 0);
	assert_int_equal(world_files(w, ".part", NULL), 0);
	world_expire(w);
	tsdb_stats(w->db, &after);
	assert_int_equal(after.blocks, 1);
	assert_int_equal(after.samples_dropped, 0);
	assert_true(after.bytes < before.bytes);
	assert_int_equal(after.oldest_wall_ms, w->expected[0][0].wall_ms);
	world_assert_whole(w);
	world_fill(w, 10 * 240);
	world_expire(w);
	tsdb_stats(w->db, &after);
	assert_int_equal(after.blocks, 11);
	world_assert_whole(w);
	/* A quarter of an hour, what its chunks begin with, and what came since the last block. */
	assert_in_range(after.chunks, 1, 3 * WORLD_SERIES);
}

static int64_t in_memory_since(const struct world *w, unsigned i)
{
	return w->now.wall_ms - series_memory_ms(w->series[i]);
}

/* Rules that look back over hours shall not wait for the disk at each evaluation. */
static void what_rules_read_stays_in_memory_and_comes_back(void **state)
{
	struct world *w = *state;
	scoped(matcher_freep) struct matcher *second = NULL;
	char error[100];
	const int64_t hours = 4 * 3600 * 1000ll;
	struct tsdb_reach reach = { .n = 1, .ms = hours };
	struct sample sample;
	struct series_iter it;

	assert_int_equal(matcher_new(MATCH_EQUAL, "i", "1", &second, error, sizeof(error)), 0);
	reach.matchers = (const struct matcher *const[]){ second };
	assert_int_equal(tsdb_keep(w->db, &reach, 1), 0);
	world_fill(w, 6 * 240);
	world_expire(w);
	assert_in_range(in_memory_since(w, 1), hours, hours + 3600 * 1000);
	assert_in_range(in_memory_since(w, 2), 0, 3600 * 1000);
	world_assert_whole(w);

	for (unsigned life = 0; life < 3; life++) {
		restart(w, true);
		reach.ms = life < 2 ? hours : 7 * 3600 * 1000;
		/* Known before or after the series has a sample again. */
		if (life != 1)
			assert_int_equal(tsdb_keep(w->db, &reach, 1), 0);
		world_fill(w, 1);
		if (life == 1)
			assert_int_equal(tsdb_keep(w->db, &reach, 1), 0);
		world_fill(w, 5);
		assert_in_range(
			in_memory_since(w, 1), hours, hours + (life < 2 ? 2 : 3) * 3600 * 1000);
		assert_in_range(in_memory_since(w, 2), 0, 3600 * 1000);
		world_assert_whole(w);
		world_expire(w);
		world_assert_whole(w);
		/* No file is asked for what is asked again and again, nor whether there is more. */
		series_iter_init(&it, w->series[1], life < 2 ? w->now.wall_ms - hours : INT64_MIN,
			w->now.wall_ms);
		assert_null(it.recall);
		assert_true(series_iter_next(&it, &sample));
		series_iter_release(&it);
	}
	/* Nobody reads it any more. */
	assert_int_equal(tsdb_keep(w->db, NULL, 0), 0);
	world_fill(w, 300);
	world_expire(w);
	assert_in_range(in_memory_since(w, 1), 0, 2 * 3600 * 1000);
	world_assert_whole(w);
}

static void ranges_reach_over_files_and_memory(void **state)
{
	struct world *w = *state;

	world_fill(w, 3 * 240 + 50);
	world_expire(w);
	for (int round = 0; round < 500; round++) {
		size_t from = next_random() % w->n[0], to = from + next_random() % (w->n[0] - from);

		assert_int_equal(world_read(w, (unsigned)(round % WORLD_SERIES),
					 w->expected[0][from].wall_ms, w->expected[0][to].wall_ms),
			to - from + 1);
	}
	assert_int_equal(world_read(w, 0, INT64_MIN, START_MS), 0);
	assert_int_equal(world_read(w, 0, w->now.wall_ms + 1, INT64_MAX), 0);
}

static void series_are_found_by_what_files_have_of_them(void **state)
{
	struct world *w = *state;
	struct tsdb_selection found;
	int64_t alive_until;

	world_fill(w, 245);
	alive_until = w->now.wall_ms;
	for (unsigned k = 0; k < 600; k++) {
		world_pass(w, STEP_MS);
		world_append(w, 0, 1);
		world_settle(w);
	}
	world_expire(w);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(tsdb_select(w->db, NULL, 0, INT64_MIN, INT64_MAX, &found), 0);
		assert_int_equal(found.n, WORLD_SERIES);
		tsdb_selection_release(&found);
		assert_int_equal(
			tsdb_select(w->db, NULL, 0, START_MS, START_MS + 60000, &found), 0);
		assert_int_equal(found.n, WORLD_SERIES);
		tsdb_selection_release(&found);
		assert_int_equal(tsdb_select(w->db, NULL, 0, alive_until + 3 * 3600 * 1000,
					 INT64_MAX, &found),
			0);
		assert_int_equal(found.n, 0);
		tsdb_selection_release(&found);
		world_assert_whole(w);
		restart(w, true);
	}
}

static void retention_takes_whole_blocks(void **state)
{
	struct world *w = *state;
	struct tsdb_stats stats;
	scoped(labels_unrefp) struct labels *labels = world_labels(5);
	struct series *series;
	struct sample last;

	w->db->options.retention_ms = 2 * 3600 * 1000;
	world_fill(w, 240);
	/* Series 1 to 11 fall silent and are forgotten in time. */
	for (unsigned i = 1; i < WORLD_SERIES; i++)
		series_unref(TAKE(w->series[i]));
	for (unsigned k = 0; k < 4 * 240; k++) {
		world_pass(w, STEP_MS);
		world_append(w, 0, k);
		world_settle(w);
		if (k % 40 == 0)
			world_expire(w);
	}
	world_expire(w);
	world_drain(w);
	tsdb_stats(w->db, &stats);
	assert_in_range(stats.blocks, 2, 3);
	assert_int_equal(world_files(w, ".block", NULL), stats.blocks);
	assert_int_equal(stats.series, 1);
	assert_true(stats.oldest_wall_ms >= w->now.wall_ms - 3 * 3600 * 1000 - STEP_MS);
	/* The same labels again are a new series, with a name that the log tells. */
	assert_int_equal(tsdb_series(w->db, labels, &series), 0);
	assert_false(series_last(series, &last));
	series_unref(series);
}

static void the_limit_on_bytes_takes_the_oldest_block(void **state)
{
	struct world *w = *state;
	int64_t bytes, newest;

	world_fill(w, 245);
	world_files(w, ".block", &bytes);
	world_close(w, true);
	w->disk.max_bytes = (uint64_t)bytes * 3;
	assert_int_equal(world_open(w), 0);
	world_fill(w, 6 * 240);
	/* With each block that comes, and not only when somebody sweeps. */
	world_drain(w);
	world_files(w, ".block", &bytes);
	assert_true((uint64_t)bytes <= w->disk.max_bytes);
	world_expire(w);
	world_drain(w);
	world_files(w, "", &bytes);
	assert_true((uint64_t)bytes <= w->disk.max_bytes);
	newest = w->now.wall_ms;
	assert_int_equal(world_read(w, 3, newest - 3600 * 1000 + 1, newest), 240);
	assert_in_range(world_read(w, 3, INT64_MIN, INT64_MAX), 240, 3 * 240);
}

/* Random flushes, blocks, ends and power cuts: never a sample too many, never a flushed one too few. */
static void any_life_keeps_what_was_flushed(void **state)
{
	struct world *w = *state;
	scoped(matcher_freep) struct matcher *third = NULL;
	struct tsdb_reach reach = { .n = 1, .ms = 2 * 3600 * 1000 };
	char error[100];

	assert_int_equal(matcher_new(MATCH_EQUAL, "i", "2", &third, error, sizeof(error)), 0);
	reach.matchers = (const struct matcher *const[]){ third };
	w->disk.block_ms = 10 * 60 * 1000;
	restart(w, true);
	for (int round = 0; round < 1500; round++) {
		unsigned what = (unsigned)(next_random() % 100);

		world_pass(w, (int64_t)(next_random() % 20000) + 1);
		for (unsigned i = 0; i < WORLD_SERIES; i++) {
			if (next_random() % 10 < 8)
				world_append(w, i,
					next_random() % 3 ? (double)(round / (int)(i + 1))
							  : (double)next_random());
		}
		if (what < 60) {
			world_settle(w);
		} else if (what < 70) {
			world_expire(w);
		} else if (what < 72) {
			restart(w, true);
		} else if (what >= 90) {
			assert_int_equal(tsdb_keep(w->db, &reach, what % 4 != 0), 0);
		} else if (what < 74) {
			world_settle(w);
			world_close(w, false);
			assert_int_equal(world_open(w), 0);
			for (unsigned i = 0; i < WORLD_SERIES; i++) {
				size_t n = world_read(w, i, INT64_MIN, INT64_MAX);

				assert_true(n <= w->n[i]);
				/* Of what is lost, nothing is older than a flush, with the step to it. */
				if (n < w->n[i])
					assert_true(w->expected[i][n].wall_ms >
						    w->now.wall_ms - 60000 - 20000 * 5);
				w->n[i] = n;
			}
		}
	}
	world_settle(w);
	world_assert_whole(w);
	restart(w, true);
	world_assert_whole(w);
	assert_int_equal(w->told_bad, 0);
}

static void a_full_disk_is_told_once_and_mended(void **state)
{
	struct world *w = *state;
	struct rlimit before, little;
	struct tsdb_stats stats;

	world_fill(w, 100);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	world_fill(w, 300);
	world_expire(w);
	assert_int_equal(w->told_bad, 1);
	assert_int_equal(w->told_good, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	/* Nothing is lost as long as memory has it. */
	world_assert_whole(w);
	world_fill(w, 9);
	assert_int_equal(w->told_good, 1);
	assert_int_equal(world_files(w, ".block", NULL), 1);
	tsdb_stats(w->db, &stats);
	assert_true(stats.disk_failures > 2);
	world_expire(w);
	world_assert_whole(w);
	restart(w, true);
	world_assert_whole(w);
}

static void a_clock_set_back_takes_the_future_from_files_too(void **state)
{
	struct world *w = *state;
	int64_t back_to;

	for (int times = 0; times < 3; times++) {
		world_fill(w, 500 + 37 * (unsigned)times);
		back_to = w->now.wall_ms - 3600 * 1000 - 20 * STEP_MS - 7000;
		if (times == 1)
			world_expire(w);
		w->now.wall_ms = back_to;
		tsdb_rewind(w->db, back_to);
		for (unsigned i = 0; i < WORLD_SERIES; i++) {
			while (w->n[i] && w->expected[i][w->n[i] - 1].wall_ms > back_to)
				w->n[i]--;
		}
		world_settle(w);
		world_assert_whole(w);
		assert_int_equal(w->told_bad, 0);
		world_fill(w, 300);
		world_expire(w);
		world_assert_whole(w);
		restart(w, times % 2);
		for (unsigned i = 0; i < WORLD_SERIES; i++) {
			size_t n = world_read(w, i, INT64_MIN, INT64_MAX);

			assert_in_range(n, w->n[i] - 4, w->n[i]);
			w->n[i] = n;
		}
	}
}

static int start_and_fill(struct world *w)
{
	/* On the stack: what is tested is the store's memory. */
	struct matcher first = { .type = MATCH_EQUAL, .name = "i", .value = "0" };
	struct tsdb_reach reach = { (const struct matcher *const[]){ &first }, 1, 3600 * 1000 };
	int err = world_open(w);

	if (!err)
		err = tsdb_keep(w->db, &reach, 1);
	for (unsigned k = 0; k < 30 && !err; k++) {
		scoped(labels_unrefp) struct labels *labels = world_labels(k % 3);
		struct series *series = NULL;

		world_pass(w, STEP_MS);
		err = labels ? tsdb_series(w->db, labels, &series) : -ENOMEM;
		if (!err)
			err = tsdb_append(w->db, series, w->now.wall_ms, k);
		series_unref(series);
		if (!err)
			world_settle(w);
	}
	return err;
}

static int fill_with_little_memory(void *userdata)
{
	static unsigned starts;
	struct world *w = userdata;
	int err;

	/* Most starts find what others left, and have to load it. */
	if (starts++ % 8 == 0)
		world_remove_files(w);
	err = start_and_fill(w);

	world_close(w, true);
	/* Flushing tells of what it could not get; it does not fail by itself. */
	if (!err && allocation_failed() && !w->told_bad)
		err = 0;
	w->told_bad = 0;
	return err ? err : allocation_failed() ? -ENOMEM : 0;
}

static void survives_memory_running_out(void **state)
{
	struct world *w = *state;

	world_close(w, false);
	w->disk.flush_ms = 2 * STEP_MS;
	w->disk.block_ms = 10 * STEP_MS;
	with_failing_allocations(fill_with_little_memory, w);
	assert_int_equal(world_open(w), 0);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		IN_WORLD(what_was_flushed_survives_a_power_cut),
		IN_WORLD(an_orderly_end_loses_nothing),
		IN_WORLD(an_orderly_end_loses_nothing_whatever_is_under_way),
		IN_WORLD(what_comes_late_is_taken_after_a_restart_as_before),
		IN_WORLD(a_flush_that_is_near_is_brought_forward),
		IN_WORLD(logs_do_not_grow_over_many_restarts),
		IN_WORLD(chunks_go_into_a_block_every_hour_and_out_of_memory),
		IN_WORLD(what_rules_read_stays_in_memory_and_comes_back),
		IN_WORLD(ranges_reach_over_files_and_memory),
		IN_WORLD(series_are_found_by_what_files_have_of_them),
		IN_WORLD(retention_takes_whole_blocks),
		IN_WORLD(the_limit_on_bytes_takes_the_oldest_block),
		IN_WORLD(any_life_keeps_what_was_flushed),
		IN_WORLD(a_full_disk_is_told_once_and_mended),
		IN_WORLD(a_clock_set_back_takes_the_future_from_files_too),
		IN_WORLD(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
