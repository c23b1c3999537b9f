/*
 * writer.h - the queue and the thread that writes it; private to store/.
 */
#ifndef TOLLD_STORE_WRITER_H
#define TOLLD_STORE_WRITER_H

#include <pthread.h>
#include "store/statements.h"
#include "store/store.h"

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

void store_items_push(struct store_items *items, struct store_item *item);
/* Moves all of `from` to the end of `to`. */
void store_items_append(struct store_items *to, struct store_items *from);
struct store_item *store_items_pop(struct store_items *items);

struct writer {
	pthread_t thread;
	pthread_mutex_t lock;		 /* over everything below */
	pthread_cond_t wake;		 /* to the thread: work, or the end */
	pthread_cond_t stopped_wake;	 /* from the thread: it is over */
	struct store_items queue;	 /* not begun yet */
	struct store_items finished;	 /* durable or given up; waiting for their callbacks */
	size_t n_writing, bytes_writing; /* in the transaction under way */
	bool started, closing, stopped;
	bool failing;	     /* the last commit did not work and is tried again */
	int64_t close_by_ns; /* CLOCK_MONOTONIC */
	uint64_t written, failed_commits;
	int last_error;
	char last_error_text[160];

	/* The thread's alone while it runs. */
	sqlite3 *db;
	pthread_mutex_t *db_lock; /* where `db` is read by others as well; else NULL */
	struct statements statements;
	int wal_pages;
	int event_fd; /* written to when `finished` grows */
};

/* Borrows db, db_lock and event_fd. 0 or a negative errno. */
int writer_start(struct writer *writer, sqlite3 *db, pthread_mutex_t *db_lock, int event_fd);
/*
 * Lets it write what is queued, for at most timeout_ms. False where the thread hangs in the kernel
 * (a dead disk): nothing of it may be freed then.
 */
bool writer_stop(struct writer *writer, int64_t timeout_ms);
/* After writer_stop() said true. What is still queued goes to `rest`. */
void writer_release(struct writer *writer, struct store_items *rest);

/* Takes the item. 0 or -ENOSPC, when the item stays the caller's. */
int writer_push(struct writer *writer, struct store_item *item);

#endif
