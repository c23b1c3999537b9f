/*
 * open.h - the file: made, opened, looked over, set aside; private to store/.
 */
#ifndef TOLLD_STORE_OPEN_H
#define TOLLD_STORE_OPEN_H

#include "store/store.h"

#define STORE_FILE "tolld.db"

/* 0 also where it is there. What is made gets 0700, and a name that lasts. */
int store_make_directory(const char *path);
/* mkdir -p, in the same way. */
int store_make_directories(const char *dir);

struct store_file {
	int dir_fd;		  /* holds the lock on the directory; -1: nobody has it */
	sqlite3 *reader, *writer; /* two connections, or one and the same: in memory, or alone */
};

/*
 * Makes the directory and locks it for this process, until the descriptor is closed: a second daemon would send every
 * mail a second time. -EBUSY: another process has it; else what mkdir() and open() say.
 */
int store_directory_lock(const char *dir, int *ret_fd, char *error, size_t error_size);
/*
 * As store_open(), but for a full disk: an error. `dir_fd` is the directory's, and stays the caller's. On an error
 * nothing stays open; *ret_broken may be set all the same. `alone`: one connection for all, that nobody else may read
 * beside, and that needs no room for SQLite's index of the log. What is there can be read so where the disk is full.
 */
int store_file_open(const char *dir, int dir_fd, bool alone, struct store_file *ret,
	char **ret_broken, char *error, size_t error_size);
int store_file_open_memory(struct store_file *ret);
/* Whether there is any table. */
bool store_file_is_empty(const struct store_file *file);
/* All of it, in place of what `to` holds. 0, -ENOSPC and the like, with `to` as it was. */
int store_file_copy(const struct store_file *from, struct store_file *to);
void store_file_close(struct store_file *file);

#endif
