/*
 * statements.c - prepared statements, kept by the address of their text.
 *
 * Whoever writes passes static text, so that a pointer is all that has to be compared.
 */
#include "store/statements.h"

#include <errno.h>

int store_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
	case SQLITE_INTERRUPT:
		return -EIO;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	default:
		return -EINVAL;
	}
}

int statement_bind(sqlite3_stmt *stmt, const struct store_value *values, size_t n)
{
	int code = SQLITE_OK;

	for (size_t i = 0; i < n && code == SQLITE_OK; i++) {
		const struct store_value *v = &values[i];
		int at = (int)i + 1;

		switch (v->type) {
		case STORE_INT:
			code = sqlite3_bind_int64(stmt, at, v->i);
			break;
		case STORE_TEXT:
			code = sqlite3_bind_text64(
				stmt, at, v->bytes, v->len, SQLITE_STATIC, SQLITE_UTF8);
			break;
		case STORE_BLOB:
			/* A NULL pointer would become SQL's NULL. */
			code = sqlite3_bind_blob64(
				stmt, at, v->len ? v->bytes : "", v->len, SQLITE_STATIC);
			break;
		case STORE_NULL:
			code = sqlite3_bind_null(stmt, at);
			break;
		}
	}
	return code;
}

static struct statement *place_for(struct statements *statements)
{
	struct statement *oldest = statements->items;

	if (statements->n < STATEMENTS_MAX)
		return &statements->items[statements->n++];
	for (size_t i = 1; i < statements->n; i++) {
		if (statements->items[i].used < oldest->used)
			oldest = &statements->items[i];
	}
	sqlite3_finalize(oldest->stmt);
	return oldest;
}

static int find(struct statements *statements, sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
	struct statement *found = NULL;
	sqlite3_stmt *stmt;
	int code;

	for (size_t i = 0; i < statements->n && !found; i++) {
		if (statements->items[i].sql == sql)
			found = &statements->items[i];
	}
	if (!found) {
		code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
		if (code != SQLITE_OK)
			return code;
		if (!stmt)
			return SQLITE_ERROR;
		found = place_for(statements);
		*found = (struct statement){ .sql = sql, .stmt = stmt };
	}
	found->used = ++statements->clock;
	*ret = found->stmt;
	return SQLITE_OK;
}

int statements_run(struct statements *statements, sqlite3 *db, const char *sql,
	const struct store_value *values, size_t n)
{
	sqlite3_stmt *stmt;
	int code;

	code = find(statements, db, sql, &stmt);
	if (code != SQLITE_OK)
		return code;
	code = statement_bind(stmt, values, n);
	if (code == SQLITE_OK) {
		do
			code = sqlite3_step(stmt);
		while (code == SQLITE_ROW);
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

void statements_release(struct statements *statements)
{
	for (size_t i = 0; i < statements->n; i++)
		sqlite3_finalize(statements->items[i].stmt);
	*statements = (struct statements){ 0 };
}
