/*
 * writer.h - the queue and the thread that writes it; private to store/.
 */
#ifndef TOLLD_STORE_WRITER_H
#define TOLLD_STORE_WRITER_H

#include "store/statements.h"
#include "store/store.h"
#include "store/worker.h"

/* One queued statement, with its values copied behind it. A barrier has no statement. */
struct store_item {
	struct store_item *next;
	const char *sql;
	store_done_fn *done;
	void *userdata;
	struct store_block *block; /* that it stands in, among others; or NULL */
	size_t bytes;
	int err;
	unsigned n_values;
	struct store_value values[];
};

struct store_items {
	struct store_item *first, *last;
	size_t n, bytes;
};

struct store_item *store_items_pop(struct store_items *items);

struct writer {
	struct worker worker;
	/* Under its lock. */
	struct store_items queue;	 /* not begun yet */
	struct store_items finished;	 /* durable or given up; waiting for their callbacks */
	size_t n_writing, bytes_writing; /* in the transaction under way */
	bool failing;			 /* the last commit did not work and is tried again */
	uint64_t written, failed_commits;
	int last_error;
	char last_error_text[160];

	/* The thread's alone while it runs. */
	sqlite3 *db;
	pthread_mutex_t *db_lock; /* where `db` is read by others as well; else NULL */
	struct statements statements;
	int wal_pages;
	int64_t backoff_ns;
};

/*
 * Borrows db and db_lock. finished() comes on the loop when there is something in `finished`. 0 or a negative
 * errno, when there is nothing to release. It ends by worker_stop().
 */
int writer_start(struct writer *writer, sd_event *event, sqlite3 *db, pthread_mutex_t *db_lock,
	void (*finished)(void *writer));
/* After worker_stop() said true. What is still queued goes to `rest`. */
void writer_release(struct writer *writer, struct store_items *rest);

/* From now on nobody writes but with this lock. -EBUSY: somebody does. */
int writer_share(struct writer *writer, pthread_mutex_t *db_lock);
/* Goes on with another connection. Only where there is a db_lock, and with that held. */
void writer_move(struct writer *writer, sqlite3 *db);
/* What is wrong until something is written. */
void writer_note_fault(struct writer *writer, int err, const char *text);
/* Takes the item. 0 or -ENOSPC, when the item stays the caller's. */
int writer_push(struct writer *writer, struct store_item *item);

#endif
