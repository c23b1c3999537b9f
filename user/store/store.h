/*
 * store.h - the SQLite file, and the thread that writes it.
 *
 * Whoever wants something kept hands over a statement with its values; it is copied, run by the
 * writer thread in order, and gathered with its neighbours into one transaction (WAL,
 * synchronous=FULL). Done means durable: the callback comes, on the event loop, after the commit.
 * Reading happens on the caller's thread: at start, and later a few rows at a time. What the tables mean is
 * their owners' affair.
 *
 * A full disk or a broken file loses no data silently: the writer keeps what it could not write,
 * tries again, and store_status() tells. So a callback may stay away for hours: whoever must act
 * meanwhile (an alarm that waits to be durable) sets itself a time and then acts without.
 */
#ifndef TOLLD_STORE_STORE_H
#define TOLLD_STORE_STORE_H

#include <sqlite3.h>
#include <systemd/sd-event.h>
#include "base/util.h"

struct store;

/* The folder beside the SQLite file whose files (files.h) are no rows. */
#define STORE_SAMPLES "samples"

/* What may wait while the disk refuses to take it; and what may wait at any time. */
#define STORE_MAX_QUEUED       10000
#define STORE_MAX_QUEUED_BYTES ((size_t)64 << 20)

/* Where what is written goes. */
enum store_home {
	STORE_ON_DISK,
	/* The disk was full at the start: what is there is read, and what is new waits for room. */
	STORE_CRAMPED,
	/* There was not even room for tables: all is in memory, until store_settle(). */
	STORE_IN_MEMORY,
};

/*
 * Opens or makes `dir`/tolld.db (mode 0600; the directory 0700 where it is made). A file that is
 * broken is set aside as tolld.db.broken-TIME and a new one begun: *ret_broken is then its path
 * (the caller frees) and otherwise NULL. `event` carries the callbacks. error[] explains a failure:
 * -EBUSY where another process has this store, else what open() and mkdir() say, -EIO, -ENOMEM.
 * A full disk is no failure: store_status() has `home`, and last_error until something is written.
 * To be called after the last fork() and after privileges were dropped: a thread begins here.
 */
int store_open(const char *dir, sd_event *event, struct store **ret, char **ret_broken, char *error,
	size_t error_size);
/*
 * For a process that will become another user before it opens them: makes `dir`, and gives it to that user
 * with what store_open() and store_files_open() of a folder in it keep there. What is not their own stays
 * whose it is; -ENOTEMPTY: a directory that holds such things is not given away either.
 */
int store_give(const char *dir, uid_t uid, gid_t gid, char *error, size_t error_size);
/* For tests and for a daemon without --storage.path: in memory, same promises but durability. */
int store_open_memory(sd_event *event, struct store **ret);
/*
 * With STORE_IN_MEMORY for a full disk: looks whether there is room now, and moves there with all it has. 0;
 * -ENOSPC; -EEXIST where there is a state that was not read; those of store_open().
 */
int store_settle(struct store *store, char *error, size_t error_size);
/*
 * Writes what is queued, waiting for at most timeout_ms, makes the callbacks that are still due
 * (-ECANCELED for what was not written), and closes. Not from within a callback.
 */
void store_close(struct store *store, int64_t timeout_ms);

/*
 * One owner's tables: run at once, before the writer starts on anything. `schema` makes the tables
 * if they are not there. -EINVAL where it is wrong, else -EIO and the like.
 */
int store_schema(struct store *store, const char *schema);

enum store_type { STORE_INT, STORE_TEXT, STORE_BLOB, STORE_NULL };

struct store_value {
	enum store_type type;
	int64_t i;
	const void *bytes; /* copied */
	size_t len;
};

#define STORE_I(v)    ((struct store_value){ .type = STORE_INT, .i = (v) })
#define STORE_S(v)    ((struct store_value){ .type = STORE_TEXT, .bytes = (v), .len = strlen(v) })
#define STORE_B(v, l) ((struct store_value){ .type = STORE_BLOB, .bytes = (v), .len = (l) })

/*
 * err: 0 once durable; else why it never will be: -EINVAL (the statement is wrong), -EBADMSG (the
 * file broke; the next store_open() sets it aside), -ECANCELED (closed before). In the order in which
 * they were queued; may write in turn.
 */
typedef void store_done_fn(int err, void *userdata);

/*
 * Queues a statement with `?1`, `?2`, ... filled in. `sql` must be static text. done may be NULL.
 * -ENOMEM, or -ENOSPC when too much is queued already, -ECANCELED from a callback during
 * store_close(); done is then not called.
 */
int store_write(struct store *store, const char *sql, const struct store_value *values, size_t n,
	store_done_fn *done, void *userdata);
/* Calls done when everything queued until now is durable. */
int store_barrier(struct store *store, store_done_fn *done, void *userdata);

/*
 * Runs a query on the caller's thread and calls row() for each; row returns false to stop. It sees
 * what is durable, not what is queued. Errors as store_done_fn's, or -EIO.
 */
typedef bool store_row_fn(sqlite3_stmt *row, void *userdata);
int store_read(struct store *store, const char *sql, const struct store_value *values, size_t n,
	store_row_fn *row, void *userdata);

struct store_status {
	size_t queued;
	uint64_t written, failed_commits;
	int last_error; /* 0, or a negative errno of the last commit; of a full disk until the first one */
	enum store_home home;
	char last_error_text[160];
};

void store_status(struct store *store, struct store_status *ret);

#endif
