/*
 * world.h - a store in a folder of its own, and what it answers.
 */
#ifndef TOLLD_TESTS_STORE_WORLD_H
#define TOLLD_TESTS_STORE_WORLD_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/strbuf.h"
#include "store/store.h"

#define SCHEMA "CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v BLOB)"
#define PUT    "INSERT INTO t (k, v) VALUES (?1, ?2)"

struct fixture {
	char dir[64];
	sd_event *event;
	struct store *store;
};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/tolld-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_true(sd_event_new(&f->event) >= 0);
	*state = f;
	return 0;
}

static inline void remove_all(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->store, 5000);
	sd_event_unref(f->event);
	remove_all(f->dir);
	free(f);
	return 0;
}

static inline struct store *open_in(struct fixture *f, char **ret_broken)
{
	char error[200] = "";
	char *broken = NULL;
	int err;

	err = store_open(f->dir, f->event, &f->store, &broken, error, sizeof(error));
	if (err)
		fail_msg("store_open: %d %s", err, error);
	if (ret_broken)
		*ret_broken = broken;
	else
		assert_null(broken);
	assert_int_equal(store_schema(f->store, SCHEMA), 0);
	return f->store;
}

/* Turns the loop until *counter is n, or for ten seconds. */
static inline void turn_until(struct fixture *f, const size_t *counter, size_t n)
{
	int64_t until = clock_boot_ns() + 10 * NSEC_PER_SEC;

	while (*counter < n && clock_boot_ns() < until)
		sd_event_run(f->event, 100000);
	assert_int_equal(*counter, n);
}

static inline bool count_row(sqlite3_stmt *row, void *userdata)
{
	*(int64_t *)userdata = sqlite3_column_int64(row, 0);
	return true;
}

static inline int64_t ask(struct store *store, const char *sql)
{
	int64_t n = -1;

	assert_int_equal(store_read(store, sql, NULL, 0, count_row, &n), 0);
	return n;
}

/* What came back, in order. */
struct answers {
	size_t n;
	int err[64];
	int who[64];
};

struct question {
	struct answers *answers;
	int who;
};

static inline void note(int err, void *userdata)
{
	struct question *q = userdata;

	assert_in_range(q->answers->n, 0, 63);
	q->answers->err[q->answers->n] = err;
	q->answers->who[q->answers->n++] = q->who;
}

static inline void count(int err, void *userdata)
{
	assert_int_equal(err, 0);
	++*(size_t *)userdata;
}

static inline void put(
	struct store *store, int64_t k, const char *v, store_done_fn *done, void *userdata)
{
	struct store_value values[] = { STORE_I(k), STORE_S(v) };

	assert_int_equal(store_write(store, PUT, values, 2, done, userdata), 0);
}

/* A second daemon would send every mail a second time. */
static inline void assert_nobody_else_gets_it(struct fixture *f)
{
	struct store *other = NULL;
	char *broken = NULL;
	char error[300];

	assert_int_equal(
		store_open(f->dir, f->event, &other, &broken, error, sizeof(error)), -EBUSY);
	assert_non_null(strstr(error, "in use"));
	assert_null(other);
}

#define TEST_IN_FOLDER(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

#endif
