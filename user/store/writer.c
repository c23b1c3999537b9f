/*
 * writer.c - the thread that writes.
 *
 * It takes what is queued the moment it is free, so a write to an idle store is committed at once
 * and what arrives during a commit shares the next one. It reports after the commit and empties the
 * write-ahead log only after having reported: nobody who waits for a mail waits for that.
 *
 * It allocates nothing of its own, knows no table, and never drops what a better disk could take.
 */
#include "store/writer.h"

#include <errno.h>
#include <stdio.h>
#include "base/clock.h"

/* Statements of one transaction: whoever waits behind a flood hears of the parts as they are done. */
#define BATCH_MAX 5000

/* Pauses between tries while the disk does not take it. */
#define BACKOFF_FIRST_NS (100 * NSEC_PER_MSEC)
#define BACKOFF_MAX_NS	 (10 * NSEC_PER_SEC)

/* Pages in the write-ahead log: from SOON on it is emptied when idle, from NOW on whatever waits. */
#define WAL_PAGES_SOON 500
#define WAL_PAGES_NOW  4000

static void store_items_push(struct store_items *items, struct store_item *item)
{
	item->next = NULL;
	if (items->last)
		items->last->next = item;
	else
		items->first = item;
	items->last = item;
	items->n++;
	items->bytes += item->bytes;
}

/* Moves all of `from` to the end of `to`. */
static void store_items_append(struct store_items *to, struct store_items *from)
{
	if (!from->first)
		return;
	if (to->last)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->n += from->n;
	to->bytes += from->bytes;
	*from = (struct store_items){ 0 };
}

struct store_item *store_items_pop(struct store_items *items)
{
	struct store_item *item = items->first;

	if (!item)
		return NULL;
	items->first = item->next;
	if (!items->first)
		items->last = NULL;
	items->n--;
	items->bytes -= item->bytes;
	return item;
}

static bool may_pass(int err)
{
	return err && err != -EINVAL && err != -EBADMSG;
}

static int exec(struct writer *w, const char *sql)
{
	return statements_run(&w->statements, w->db, sql, NULL, 0);
}

/*
 * One transaction. 0: each item's `err` says what became of it. Otherwise nothing was written, and
 * the error is one that may pass.
 */
static int write_batch(struct writer *w, struct store_items *batch, char *text, size_t text_size)
{
	int code, err;

	code = exec(w, "BEGIN IMMEDIATE");
	for (struct store_item *i = batch->first; i && code == SQLITE_OK; i = i->next) {
		i->err = 0;
		if (!i->sql)
			continue;
		code = statements_run(&w->statements, w->db, i->sql, i->values, i->n_values);
		if (store_errno(code) == -EINVAL) {
			/* Its own fault; the others are not to suffer for it. */
			snprintf(text, text_size, "%s", sqlite3_errmsg(w->db));
			i->err = -EINVAL;
			code = SQLITE_OK;
		}
	}
	if (code == SQLITE_OK)
		code = exec(w, "COMMIT");
	err = store_errno(code);
	if (!err)
		return 0;

	snprintf(text, text_size, "%s", sqlite3_errmsg(w->db));
	if (!sqlite3_get_autocommit(w->db))
		exec(w, "ROLLBACK");
	if (may_pass(err))
		return err;
	for (struct store_item *i = batch->first; i; i = i->next)
		i->err = err;
	return 0;
}

static int on_wal_commit(void *userdata, sqlite3 *db, const char *name, int pages)
{
	((struct writer *)userdata)->wal_pages = pages;
	return SQLITE_OK;
}

/* A checkpoint that fails costs nothing but room: the next one tries again. */
static void empty_wal(struct writer *w)
{
	if (w->db_lock)
		pthread_mutex_lock(w->db_lock);
	sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_db_release_memory(w->db);
	if (w->db_lock)
		pthread_mutex_unlock(w->db_lock);
	w->wal_pages = 0;
}

static void take_batch(struct writer *w, struct store_items *batch)
{
	if (w->queue.n <= BATCH_MAX) {
		store_items_append(batch, &w->queue);
	} else {
		while (batch->n < BATCH_MAX)
			store_items_push(batch, store_items_pop(&w->queue));
	}
	w->n_writing = batch->n;
	w->bytes_writing = batch->bytes;
}

static void give_back(struct writer *w, struct store_items *batch)
{
	store_items_append(batch, &w->queue);
	w->queue = *batch;
	*batch = (struct store_items){ 0 };
	w->n_writing = w->bytes_writing = 0;
}

/* How many were written; *ret_err is the last fault. */
static uint64_t count_written(const struct store_items *batch, int *ret_err)
{
	uint64_t written = 0;

	*ret_err = 0;
	for (const struct store_item *i = batch->first; i; i = i->next) {
		if (i->err)
			*ret_err = i->err;
		else if (i->sql)
			written++;
	}
	return written;
}

static void report(
	struct writer *w, struct store_items *batch, uint64_t written, int err, const char *text)
{
	w->written += written;
	if (err)
		w->failed_commits++;
	w->failing = false;
	w->last_error = err;
	snprintf(w->last_error_text, sizeof(w->last_error_text), "%s", err ? text : "");
	w->n_writing = w->bytes_writing = 0;
	store_items_append(&w->finished, batch);
	worker_report(&w->worker);
}

/* Waits before the next try; the end of the store cuts it short. */
static void pause_after_failure(struct writer *w, int err, const char *text)
{
	w->failing = true;
	w->failed_commits++;
	w->last_error = err;
	snprintf(w->last_error_text, sizeof(w->last_error_text), "%s", text);
	worker_rest(&w->worker, w->backoff_ns);
	w->backoff_ns =
		w->worker.closing ? BACKOFF_FIRST_NS : MIN(w->backoff_ns * 2, BACKOFF_MAX_NS);
}

static void write_next(void *userdata)
{
	struct writer *w = userdata;
	struct store_items batch = { 0 };
	char text[sizeof(w->last_error_text)] = "";
	uint64_t written;
	int err, fault;

	take_batch(w, &batch);
	pthread_mutex_unlock(&w->worker.lock);
	if (w->db_lock)
		pthread_mutex_lock(w->db_lock);
	err = write_batch(w, &batch, text, sizeof(text));
	if (w->db_lock)
		pthread_mutex_unlock(w->db_lock);
	/* Whoever has something to write does not wait for the counting. */
	written = count_written(&batch, &fault);
	pthread_mutex_lock(&w->worker.lock);
	if (err) {
		give_back(w, &batch);
		pause_after_failure(w, err, text);
		return;
	}
	w->backoff_ns = BACKOFF_FIRST_NS;
	report(w, &batch, written, fault, text);
	if (w->wal_pages >= (w->queue.first ? WAL_PAGES_NOW : WAL_PAGES_SOON)) {
		pthread_mutex_unlock(&w->worker.lock);
		empty_wal(w);
		pthread_mutex_lock(&w->worker.lock);
	}
}

static bool has_items(void *userdata)
{
	return ((const struct writer *)userdata)->queue.first;
}

/* The log is emptied by us alone, at a time of our choice. */
static void use(struct writer *writer, sqlite3 *db)
{
	writer->db = db;
	writer->wal_pages = 0;
	sqlite3_wal_autocheckpoint(db, 0);
	sqlite3_wal_hook(db, on_wal_commit, writer);
}

int writer_share(struct writer *writer, pthread_mutex_t *db_lock)
{
	int err = -EBUSY;

	pthread_mutex_lock(&writer->worker.lock);
	if (!writer->n_writing && !writer->queue.n) {
		writer->db_lock = db_lock;
		err = 0;
	}
	pthread_mutex_unlock(&writer->worker.lock);
	return err;
}

void writer_move(struct writer *writer, sqlite3 *db)
{
	statements_release(&writer->statements);
	use(writer, db);
}

void writer_note_fault(struct writer *writer, int err, const char *text)
{
	pthread_mutex_lock(&writer->worker.lock);
	writer->last_error = err;
	snprintf(writer->last_error_text, sizeof(writer->last_error_text), "%s", text);
	pthread_mutex_unlock(&writer->worker.lock);
}

int writer_start(struct writer *writer, sd_event *event, sqlite3 *db, pthread_mutex_t *db_lock,
	void (*finished)(void *writer))
{
	const struct worker_job job = {
		.name = "tolld-store",
		.has_work = has_items,
		.work = write_next,
		.finished = finished,
		.userdata = writer,
	};

	*writer = (struct writer){ .db_lock = db_lock, .backoff_ns = BACKOFF_FIRST_NS };
	use(writer, db);
	return worker_start(&writer->worker, event, &job);
}

void writer_release(struct writer *writer, struct store_items *rest)
{
	statements_release(&writer->statements);
	store_items_append(rest, &writer->queue);
	worker_release(&writer->worker);
}

int writer_push(struct writer *writer, struct store_item *item)
{
	size_t n, bytes;
	int err = 0;

	pthread_mutex_lock(&writer->worker.lock);
	n = writer->queue.n + writer->n_writing;
	bytes = writer->queue.bytes + writer->bytes_writing;
	if ((writer->failing && n >= STORE_MAX_QUEUED) ||
		bytes + item->bytes > STORE_MAX_QUEUED_BYTES) {
		err = -ENOSPC;
	} else {
		store_items_push(&writer->queue, item);
		pthread_cond_signal(&writer->worker.wake);
	}
	pthread_mutex_unlock(&writer->worker.lock);
	return err;
}
