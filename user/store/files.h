/*
 * files.h - files beside the SQLite one, that only grow at their end or are written once.
 *
 * For what is bulky and follows no schema. A thread of its own writes them, so that whoever waits for
 * a row to be durable never waits behind megabytes. What stands in the files is their owner's affair;
 * so is what to do when the disk refuses something: nothing is tried again here.
 */
#ifndef TOLLD_STORE_FILES_H
#define TOLLD_STORE_FILES_H

#include <systemd/sd-event.h>
#include "base/util.h"

struct store_files;

/* A file's name, without a slash, and its NUL. */
#define STORE_FILES_MAX_NAME 48
/* What may wait for a slow disk, but for one order that nothing waits beside. */
#define STORE_FILES_MAX_QUEUED_BYTES ((size_t)32 << 20)

/*
 * Opens or makes the directory `dir` (0700). `event` carries the callbacks. error[] explains a
 * failure: what open() and mkdir() say, -EROFS where it cannot be written to, -ENOMEM. A thread begins
 * here, so after the last fork() and after privileges were dropped.
 */
int store_files_open(
	const char *dir, sd_event *event, struct store_files **ret, char *error, size_t error_size);
/* Does what is queued, for at most timeout_ms; what is left gets -ECANCELED. Not from a callback. */
void store_files_close(struct store_files *files, int64_t timeout_ms);

/*
 * What became of an order: 0, or a negative errno with nothing changed (-ENOSPC, -EROFS, -EIO, ...).
 * Called on the loop, in the order of the orders.
 */
typedef void store_files_done_fn(int err, void *userdata);

/*
 * Adds bytes to the end of a file, which is made (0600) where it is not there. The bytes come from
 * malloc() and are taken. `durable`: 0 means that they are on the disk, the name included. -ENOMEM, or
 * -ENOBUFS when too much is queued, -ECANCELED from a callback of store_files_close(): done is then
 * not called, and the bytes are freed all the same.
 */
int store_files_append(struct store_files *files, const char *name, char *bytes, size_t len,
	bool durable, store_files_done_fn *done, void *userdata);
/*
 * Makes the file durable, then gives it its new name, then makes that durable. -EIO where the last order
 * that failed was to add to it: half a file gets no name.
 */
int store_files_rename(struct store_files *files, const char *from, const char *to,
	store_files_done_fn *done, void *userdata);
/* One that is not there is no error. */
int store_files_remove(
	struct store_files *files, const char *name, store_files_done_fn *done, void *userdata);

/*
 * On the caller's thread. Calls fn for each regular file, in no order; stops and returns what fn
 * returns where that is not 0.
 */
typedef int store_files_list_fn(const char *name, int64_t bytes, void *userdata);
int store_files_list(struct store_files *files, store_files_list_fn *fn, void *userdata);
/* A descriptor to read from, the caller's to close; or a negative errno. */
int store_files_read(struct store_files *files, const char *name);

#endif
