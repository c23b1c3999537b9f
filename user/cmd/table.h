/*
 * table.h - columns in a terminal.
 */
#ifndef TOLLD_CMD_TABLE_H
#define TOLLD_CMD_TABLE_H

#include "base/strbuf.h"

struct table {
	size_t columns;
	char **cells; /* row by row */
	size_t n, cap;
	int err;
};

/* The next cell of the row, left to right. Text of strangers is made harmless here. */
void table_add(struct table *table, const char *text);
/* Adds the rows to out, each column as wide as its widest cell. 0 or -ENOMEM. */
int table_print(const struct table *table, struct strbuf *out);
void table_release(struct table *table);

#endif
