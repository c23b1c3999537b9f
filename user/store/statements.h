/*
 * statements.h - prepared statements kept by the address of their static text; private to store/.
 */
#ifndef TOLLD_STORE_STATEMENTS_H
#define TOLLD_STORE_STATEMENTS_H

#include "store/store.h"

/* The modules together have about thirty; the one unused for longest gives way. */
#define STATEMENTS_MAX 48

struct statement {
	const char *sql;
	sqlite3_stmt *stmt;
	uint64_t used;
};

struct statements {
	struct statement items[STATEMENTS_MAX];
	size_t n;
	uint64_t clock;
};

/* Runs it to its end with its values. An SQLite code: SQLITE_OK when done. */
int statements_run(struct statements *statements, sqlite3 *db, const char *sql,
	const struct store_value *values, size_t n);
void statements_release(struct statements *statements);

/* SQLITE_OK or SQLite's complaint. The values must live as long as they are bound. */
int statement_bind(sqlite3_stmt *stmt, const struct store_value *values, size_t n);

/*
 * What an SQLite code means for whoever waits: -ENOSPC, -EIO, -EROFS, -EBUSY, -ENOMEM may pass;
 * -EBADMSG (the file is broken) and -EINVAL (the statement is wrong) will not.
 */
int store_errno(int code);

#endif
