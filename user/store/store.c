/*
 * store.c - what is kept: copied here, written over there, reported here again.
 *
 * This is the side of the event loop. The thread's side is writer.c; the two meet under its lock
 * and at an eventfd (worker.c).
 */
#include "store/store.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include "store/open.h"
#include "store/writer.h"

/*
 * Of a flood, many items stand in one piece of memory that goes back to the system as a whole: each by
 * itself would leave its hole between what the flood is about, which stays.
 */
#define BLOCK_BYTES	((size_t)256 << 10)
#define BLOCK_ITEM_MAX	((size_t)16 << 10)
#define BLOCK_ALIGNMENT _Alignof(max_align_t)
/* So many on their way are a flood. */
#define BLOCK_FROM 64

struct store_block {
	size_t used;
	size_t n; /* items in it; one more while it is filled */
};

struct store {
	struct store_file file;
	enum store_home home;
	char *dir;		 /* where it is to be; NULL: in memory alone */
	bool copied;		 /* what was in the file is in memory, too */
	pthread_mutex_t db_lock; /* over the one connection of a store in memory */
	bool shared;
	bool closed;		   /* the last callbacks are being made */
	struct store_block *block; /* that is being filled */
	size_t n_items;
	struct writer writer;
};

static void block_leave(struct store_block *block)
{
	if (!--block->n)
		munmap(block, BLOCK_BYTES);
}

static struct store_block *block_new(void)
{
	struct store_block *block =
		mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		return NULL;
	block->used = (sizeof(*block) + BLOCK_ALIGNMENT - 1) & ~(BLOCK_ALIGNMENT - 1);
	block->n = 1;
	return block;
}

static void *block_take(struct store *store, size_t bytes, struct store_block **ret)
{
	void *taken;

	bytes = (bytes + BLOCK_ALIGNMENT - 1) & ~(BLOCK_ALIGNMENT - 1);
	if (store->block && BLOCK_BYTES - store->block->used < bytes)
		block_leave(TAKE(store->block));
	if (!store->block)
		store->block = block_new();
	if (!store->block)
		return NULL;
	taken = (char *)store->block + store->block->used;
	store->block->used += bytes;
	store->block->n++;
	*ret = store->block;
	return taken;
}

static struct store_item *item_alloc(struct store *store, size_t bytes)
{
	struct store_block *block = NULL;
	struct store_item *item;

	if (store->n_items >= BLOCK_FROM && bytes <= BLOCK_ITEM_MAX)
		item = block_take(store, bytes, &block);
	else
		item = malloc(bytes);
	if (!item)
		return NULL;
	*item = (struct store_item){ .block = block, .bytes = bytes };
	store->n_items++;
	return item;
}

static void item_free(struct store *store, struct store_item *item)
{
	if (item->block)
		block_leave(item->block);
	else
		free(item);
	if (!--store->n_items && store->block)
		block_leave(TAKE(store->block));
}

static void call_back(struct store *store, struct store_items *items, int err)
{
	struct store_item *item;

	while ((item = store_items_pop(items))) {
		if (item->done)
			item->done(err ? err : item->err, item->userdata);
		item_free(store, item);
	}
}

static void on_finished(void *writer)
{
	struct store *store = container_of(writer, struct store, writer);
	struct store_items items;

	pthread_mutex_lock(&store->writer.worker.lock);
	items = store->writer.finished;
	store->writer.finished = (struct store_items){ 0 };
	pthread_mutex_unlock(&store->writer.worker.lock);
	call_back(store, &items, 0);
}

static void store_free(struct store *store)
{
	store_file_close(&store->file);
	pthread_mutex_destroy(&store->db_lock);
	free(store->dir);
	free(store);
}

/* Takes the file over, also where it fails. */
static int begin(struct store_file *file, bool shared, sd_event *event, struct store **ret)
{
	struct store *store = calloc(1, sizeof(*store));
	pthread_mutexattr_t attr;
	int err;

	if (!store) {
		store_file_close(file);
		return -ENOMEM;
	}
	store->file = *file;
	store->shared = shared;
	/* A row's callback may read again. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&store->db_lock, &attr);
	pthread_mutexattr_destroy(&attr);
	err = writer_start(&store->writer, event, store->file.writer,
		shared ? &store->db_lock : NULL, on_finished);
	if (err) {
		store_free(store);
		return err;
	}
	*ret = store;
	return 0;
}

static bool is_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT;
}

/* As much of it as there is room for; the directory is this process's in any case. */
static int open_somehow(const char *dir, struct store_file *file, enum store_home *ret_home,
	char **ret_broken, char *error, size_t error_size)
{
	scoped(closep) int dir_fd = -1;
	int err = store_directory_lock(dir, &dir_fd, error, error_size);
	char again[300];

	*ret_home = STORE_ON_DISK;
	if (!err)
		err = store_file_open(dir, dir_fd, false, file, ret_broken, error, error_size);
	if (is_full(err) && dir_fd >= 0) {
		*ret_home = STORE_CRAMPED;
		err = store_file_open(dir, dir_fd, true, file, ret_broken, again, sizeof(again));
	}
	if (is_full(err)) {
		*ret_home = STORE_IN_MEMORY;
		err = store_file_open_memory(file);
	}
	if (err)
		return err;
	file->dir_fd = dir_fd;
	dir_fd = -1;
	return 0;
}

int store_open(const char *dir, sd_event *event, struct store **ret, char **ret_broken, char *error,
	size_t error_size)
{
	scoped(freep) char *broken = NULL, *path = strdup(dir);
	struct store_file file;
	enum store_home home;
	int err;

	if (!path) {
		snprintf(error, error_size, "%s: %s", dir, strerror(ENOMEM));
		return -ENOMEM;
	}
	err = open_somehow(dir, &file, &home, &broken, error, error_size);
	if (err)
		return err;
	err = begin(&file, home != STORE_ON_DISK, event, ret);
	if (err) {
		snprintf(error, error_size, "%s: %s", dir, strerror(-err));
		return err;
	}
	(*ret)->home = home;
	(*ret)->dir = TAKE(path);
	if (home != STORE_ON_DISK)
		writer_note_fault(&(*ret)->writer, -ENOSPC, error);
	*ret_broken = TAKE(broken);
	return 0;
}

/* Whoever writes goes on in this one; the old one is closed. */
static void move(struct store *store, struct store_file *to, enum store_home home)
{
	struct store_file from;

	pthread_mutex_lock(&store->db_lock);
	from = store->file;
	to->dir_fd = from.dir_fd;
	from.dir_fd = -1;
	writer_move(&store->writer, to->writer);
	store->file = *to;
	store->home = home;
	store_file_close(&from);
	pthread_mutex_unlock(&store->db_lock);
}

/* There is a file, and no room in it for a table that it lacks. -EBUSY: it is being written already. */
static int flee(struct store *store)
{
	struct store_file memory;
	int err = store_file_open_memory(&memory);

	if (err)
		return err;
	err = store_file_copy(&store->file, &memory);
	if (!err && !store->shared)
		err = writer_share(&store->writer, &store->db_lock);
	if (err) {
		store_file_close(&memory);
		return err;
	}
	store->shared = true;
	move(store, &memory, STORE_IN_MEMORY);
	store->copied = true;
	return 0;
}

int store_settle(struct store *store, char *error, size_t error_size)
{
	scoped(freep) char *broken = NULL;
	struct store_file file;
	int err;

	if (store->home != STORE_IN_MEMORY || !store->dir)
		return 0;
	/* Where the directory could not even be made. */
	err = store->file.dir_fd >= 0
		      ? 0
		      : store_directory_lock(store->dir, &store->file.dir_fd, error, error_size);
	if (!err)
		err = store_file_open(
			store->dir, store->file.dir_fd, false, &file, &broken, error, error_size);
	if (err)
		return err;
	if (!store->copied && !store_file_is_empty(&file)) {
		snprintf(error, error_size, "%s: there is a state that was not read", store->dir);
		err = -EEXIST;
	}
	pthread_mutex_lock(&store->db_lock);
	if (!err) {
		err = store_file_copy(&store->file, &file);
		if (err)
			snprintf(error, error_size, "%s: %s", store->dir, strerror(-err));
	}
	if (err)
		store_file_close(&file);
	else
		move(store, &file, STORE_ON_DISK);
	pthread_mutex_unlock(&store->db_lock);
	return err;
}

int store_open_memory(sd_event *event, struct store **ret)
{
	struct store_file file;
	int err;

	err = store_file_open_memory(&file);
	if (err)
		return err;
	return begin(&file, true, event, ret);
}

void store_close(struct store *store, int64_t timeout_ms)
{
	struct store_items rest = { 0 }, finished;

	if (!store || !worker_stop(&store->writer.worker, timeout_ms))
		return;
	finished = store->writer.finished;
	writer_release(&store->writer, &rest);
	store->closed = true;
	call_back(store, &finished, 0);
	call_back(store, &rest, -ECANCELED);
	store_free(store);
}

static int run_schema(struct store *store, const char *schema)
{
	int code = sqlite3_exec(store->file.reader, schema, NULL, NULL, NULL);

	if (code != SQLITE_OK && !sqlite3_get_autocommit(store->file.reader))
		sqlite3_exec(store->file.reader, "ROLLBACK", NULL, NULL, NULL);
	return store_errno(code);
}

int store_schema(struct store *store, const char *schema)
{
	int err;

	if (store->shared)
		pthread_mutex_lock(&store->db_lock);
	err = run_schema(store, schema);
	if (store->shared)
		pthread_mutex_unlock(&store->db_lock);
	/* It is the start: nobody waits for anything yet. */
	if (is_full(err) && store->home != STORE_IN_MEMORY && !flee(store))
		err = store_schema(store, schema);
	return err;
}

/* The values' bytes stand behind the item, each text with a NUL for whoever looks in a debugger. */
static struct store_item *item_new(
	struct store *store, const char *sql, const struct store_value *values, size_t n)
{
	size_t bytes = sizeof(struct store_item) + n * sizeof(*values);
	struct store_item *item;
	char *to;

	for (size_t i = 0; i < n; i++) {
		if (values[i].type == STORE_TEXT || values[i].type == STORE_BLOB)
			bytes += values[i].len + 1;
	}
	item = item_alloc(store, bytes);
	if (!item)
		return NULL;
	item->sql = sql;
	item->n_values = (unsigned)n;
	to = (char *)(item->values + n);
	for (size_t i = 0; i < n; i++) {
		item->values[i] = values[i];
		if (values[i].type != STORE_TEXT && values[i].type != STORE_BLOB)
			continue;
		if (values[i].len)
			memcpy(to, values[i].bytes, values[i].len);
		to[values[i].len] = '\0';
		item->values[i].bytes = to;
		to += values[i].len + 1;
	}
	return item;
}

int store_write(struct store *store, const char *sql, const struct store_value *values, size_t n,
	store_done_fn *done, void *userdata)
{
	struct store_item *item;
	int err;

	if (store->closed)
		return -ECANCELED;
	item = item_new(store, sql, values, n);
	if (!item)
		return -ENOMEM;
	item->done = done;
	item->userdata = userdata;
	err = writer_push(&store->writer, item);
	if (err)
		item_free(store, item);
	return err;
}

int store_barrier(struct store *store, store_done_fn *done, void *userdata)
{
	return store_write(store, NULL, NULL, 0, done, userdata);
}

static int read_rows(sqlite3 *db, const char *sql, const struct store_value *values, size_t n,
	store_row_fn *row, void *userdata)
{
	sqlite3_stmt *stmt;
	int code;

	code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (code != SQLITE_OK)
		return store_errno(code);
	if (!stmt)
		return -EINVAL;
	code = statement_bind(stmt, values, n);
	if (code == SQLITE_OK) {
		while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
			if (!row(stmt, userdata))
				break;
		}
	}
	sqlite3_finalize(stmt);
	return store_errno(code);
}

int store_read(struct store *store, const char *sql, const struct store_value *values, size_t n,
	store_row_fn *row, void *userdata)
{
	int err;

	if (store->shared)
		pthread_mutex_lock(&store->db_lock);
	err = read_rows(store->file.reader, sql, values, n, row, userdata);
	if (store->shared)
		pthread_mutex_unlock(&store->db_lock);
	sqlite3_db_release_memory(store->file.reader);
	return err;
}

void store_status(struct store *store, struct store_status *ret)
{
	struct writer *w = &store->writer;

	pthread_mutex_lock(&w->worker.lock);
	*ret = (struct store_status){
		.queued = w->queue.n + w->n_writing,
		.written = w->written,
		.failed_commits = w->failed_commits,
		.last_error = w->last_error,
		.home = store->home,
	};
	memcpy(ret->last_error_text, w->last_error_text, sizeof(ret->last_error_text));
	/* What memory takes is not kept. */
	if (store->home == STORE_IN_MEMORY) {
		ret->last_error = -ENOSPC;
		snprintf(ret->last_error_text, sizeof(ret->last_error_text),
			"%s: the disk was full at the start", store->dir);
	}
	pthread_mutex_unlock(&w->worker.lock);
}
