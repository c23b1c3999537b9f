/* Files that rot: whatever is in them, the store starts, tells, and invents no sample. */
#include "disk_world.h"

#include "tsdb/wal.h"

#define MAX_FILES 40

struct kept_file {
	char name[STORE_FILES_MAX_NAME];
	char *bytes;
	size_t len;
};

struct kept_files {
	struct kept_file items[MAX_FILES];
	size_t n;
};

static char *read_at(int dir, const char *name, size_t *ret_len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	*ret_len = (size_t)st.st_size;
	return bytes;
}

static void keep_files(struct world *w, struct kept_files *kept)
{
	DIR *d = opendir(w->dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		struct kept_file *k = &kept->items[kept->n];

		if (e->d_name[0] == '.')
			continue;
		assert_true(kept->n < MAX_FILES);
		snprintf(k->name, sizeof(k->name), "%.47s", e->d_name);
		k->bytes = read_at(dirfd(d), e->d_name, &k->len);
		kept->n++;
	}
	closedir(d);
}

static void write_file(struct world *w, const char *name, const char *bytes, size_t len)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void put_back(struct world *w, const struct kept_files *kept)
{
	world_remove_files(w);
	for (size_t i = 0; i < kept->n; i++)
		write_file(w, kept->items[i].name, kept->items[i].bytes, kept->items[i].len);
}

static void free_files(struct kept_files *kept)
{
	for (size_t i = 0; i < kept->n; i++)
		free(kept->items[i].bytes);
}

/* A byte, a run of zeros, an end too early, another file's content, or nothing at all. */
static void damage(struct world *w, const struct kept_files *kept)
{
	const struct kept_file *k = &kept->items[next_random() % kept->n];
	size_t len = k->len, at = next_random() % len;
	char *bytes = malloc(len);

	assert_non_null(bytes);
	memcpy(bytes, k->bytes, len);
	switch (next_random() % 5) {
	case 0:
		bytes[at] ^= (char)(1 + next_random() % 255);
		break;
	case 1:
		memset(bytes + at, 0, MIN(len - at, (size_t)(next_random() % 600)));
		break;
	case 2:
		len = at;
		break;
	case 3:
		for (size_t i = at; i < len && i < at + 40; i++)
			bytes[i] = (char)next_random();
		break;
	default:
		memcpy(bytes, kept->items[0].bytes, MIN(len, kept->items[0].len));
	}
	write_file(w, k->name, bytes, len);
	free(bytes);
}

/* What is left is part of what was; what comes now is whole. */
static void go_on(struct world *w)
{
	size_t left[WORLD_SERIES], before[WORLD_SERIES];

	for (unsigned i = 0; i < WORLD_SERIES; i++) {
		left[i] = world_read(w, i, INT64_MIN, INT64_MAX);
		before[i] = w->n[i];
		assert_true(left[i] <= before[i]);
	}
	world_fill(w, 9);
	for (unsigned i = 0; i < WORLD_SERIES; i++)
		assert_int_equal(world_read(w, i, INT64_MIN, INT64_MAX), left[i] + 9);
	world_close(w, true);
	assert_int_equal(world_open(w), 0);
	for (unsigned i = 0; i < WORLD_SERIES; i++) {
		assert_int_equal(world_read(w, i, INT64_MIN, INT64_MAX), left[i] + 9);
		w->n[i] = before[i];
	}
}

static void damaged_files_cost_what_stands_in_them_and_no_more(void **state)
{
	struct world *w = *state;
	struct kept_files kept = { 0 };
	struct instant then;
	unsigned told = 0;

	world_fill(w, 500);
	world_close(w, true);
	keep_files(w, &kept);
	assert_true(kept.n >= 3);
	then = w->now;
	for (int round = 0; round < 400; round++) {
		put_back(w, &kept);
		damage(w, &kept);
		if (next_random() % 4 == 0)
			damage(w, &kept);
		w->now = then;
		w->told_bad = 0;
		assert_int_equal(world_open(w), 0);
		go_on(w);
		told += w->told_bad > 0;
		world_close(w, true);
	}
	/* Not all damage is to be told: a log may end anywhere. */
	assert_in_range(told, 200, 400);
	free_files(&kept);
}

static void a_damaged_block_is_set_aside_by_name(void **state)
{
	struct world *w = *state;
	struct kept_files kept = { 0 };
	size_t i = 0;

	world_fill(w, 500);
	world_close(w, true);
	keep_files(w, &kept);
	while (!strstr(kept.items[i].name, ".block"))
		i++;
	kept.items[i].bytes[kept.items[i].len - 30] ^= 1;
	put_back(w, &kept);
	assert_int_equal(world_open(w), 0);
	assert_int_equal(w->told_bad, 1);
	assert_non_null(strstr(w->told, kept.items[i].name));
	assert_non_null(strstr(w->told, ".broken"));
	world_drain(w);
	assert_int_equal(world_files(w, ".block.broken", NULL), 1);
	free_files(&kept);
}

static void data_that_rot_later_are_told_once_for_a_file(void **state)
{
	struct world *w = *state;
	struct kept_files kept = { 0 };
	struct tsdb_stats stats;

	world_fill(w, 300);
	world_expire(w);
	world_close(w, true);
	keep_files(w, &kept);
	for (size_t i = 0; i < kept.n; i++) {
		if (strstr(kept.items[i].name, ".block"))
			memset(kept.items[i].bytes + 8, 0xee, 400);
	}
	put_back(w, &kept);
	assert_int_equal(world_open(w), 0);
	/* Nobody reads data at the start: that would be the whole history. */
	assert_int_equal(w->told_bad, 0);
	assert_true(world_read(w, 0, INT64_MIN, INT64_MAX) < w->n[0]);
	assert_true(world_read(w, 1, INT64_MIN, INT64_MAX) < w->n[1]);
	assert_int_equal(w->told_bad, 1);
	assert_non_null(strstr(w->told, "damaged"));
	tsdb_stats(w->db, &stats);
	assert_int_equal(stats.unreadable, 2);
	free_files(&kept);
}

static void what_a_power_cut_tears_is_no_damage(void **state)
{
	struct world *w = *state;
	struct kept_files kept = { 0 };
	struct kept_file *wal;

	world_fill(w, 41);
	world_close(w, false);
	keep_files(w, &kept);
	assert_int_equal(kept.n, 1);
	wal = &kept.items[0];
	for (size_t end = 0; end <= wal->len; end += 13) {
		bool zeros = end % 2;
		char *bytes = calloc(1, wal->len + 1);

		assert_non_null(bytes);
		memcpy(bytes, wal->bytes, end);
		world_remove_files(w);
		write_file(w, wal->name, bytes, zeros ? wal->len : end);
		free(bytes);
		assert_int_equal(world_open(w), 0);
		if (!zeros)
			assert_int_equal(w->told_bad, 0);
		for (unsigned i = 0; i < WORLD_SERIES; i++)
			assert_int_equal(world_read(w, i, INT64_MIN, INT64_MAX) % 4, 0);
		world_close(w, false);
		w->told_bad = 0;
	}
	free_files(&kept);
}

/* Where the nth record of a log begins. */
static size_t record_at(const struct kept_file *wal, unsigned n)
{
	size_t at = WAL_MAGIC_BYTES;
	uint32_t len, crc;

	for (; n; n--) {
		assert_true(wal_head(wal->bytes + at, &len, &crc));
		at += WAL_HEAD_BYTES + len;
	}
	assert_true(at < wal->len);
	return at;
}

static void what_logs_have_from_before_their_damage_is_used(void **state)
{
	struct world *w = *state;
	struct kept_files kept = { 0 };

	world_fill(w, 41);
	world_close(w, false);
	assert_int_equal(world_open(w), 0);
	world_fill(w, 41);
	world_close(w, false);
	keep_files(w, &kept);
	assert_int_equal(kept.n, 2);
	for (size_t i = 0; i < kept.n; i++)
		kept.items[i].bytes[record_at(&kept.items[i], 2) + WAL_HEAD_BYTES] ^= 1;
	put_back(w, &kept);
	/* Also for whoever ends before a block has it, in order or not. */
	for (unsigned times = 1; times <= 3; times++) {
		assert_int_equal(world_open(w), 0);
		assert_int_equal(w->told_bad, times < 3 ? 2 * times : 4);
		/* Two records, each of a minute. */
		for (unsigned i = 0; i < WORLD_SERIES; i++)
			assert_int_equal(world_read(w, i, INT64_MIN, INT64_MAX), 8);
		if (times < 3)
			world_close(w, times == 2);
	}
	world_close(w, false);
	put_back(w, &kept);
	assert_int_equal(world_open(w), 0);
	world_settle(w);
	world_drain(w);
	assert_int_equal(world_files(w, ".wal.broken", NULL), 2);
	for (unsigned i = 0; i < WORLD_SERIES; i++)
		assert_int_equal(world_read(w, i, INT64_MIN, INT64_MAX), 8);
	free_files(&kept);
}

static void foreign_files_are_let_alone(void **state)
{
	struct world *w = *state;

	world_fill(w, 20);
	world_close(w, true);
	write_file(w, "notes.txt", "mine", 4);
	write_file(w, "00000001.block.broken", "old", 3);
	write_file(w, "zzzzzzzz.wal", "?", 1);
	write_file(w, "00000009.part", "half", 4);
	assert_int_equal(world_open(w), 0);
	world_assert_whole(w);
	world_fill(w, 400);
	world_drain(w);
	assert_int_equal(world_files(w, "notes.txt", NULL), 1);
	assert_int_equal(world_files(w, ".broken", NULL), 1);
	assert_int_equal(world_files(w, "zzzzzzzz.wal", NULL), 1);
	assert_int_equal(world_files(w, ".part", NULL), 0);
	assert_int_equal(w->told_bad, 0);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		IN_WORLD(damaged_files_cost_what_stands_in_them_and_no_more),
		IN_WORLD(a_damaged_block_is_set_aside_by_name),
		IN_WORLD(data_that_rot_later_are_told_once_for_a_file),
		IN_WORLD(what_a_power_cut_tears_is_no_damage),
		IN_WORLD(what_logs_have_from_before_their_damage_is_used),
		IN_WORLD(foreign_files_are_let_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
