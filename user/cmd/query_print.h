/*
 * query_print.h - answers of /api/v1/query and query_range for people.
 */
#ifndef TOLLD_CMD_QUERY_PRINT_H
#define TOLLD_CMD_QUERY_PRINT_H

#include "cmd/ask.h"

/* A vector as a table, a scalar or a text as itself, a range of samples series by series. */
int query_print_instant(const json_t *data, struct strbuf *out);

struct query_range {
	int64_t start_wall_ms, end_wall_ms, step_ms;
	size_t columns; /* of the terminal: what is wider goes on in a second line; 0 is without end */
	bool ascii;
};

/* Each series with a line of its course and its least, greatest and last value. */
int query_print_range(const json_t *data, const struct query_range *range, struct strbuf *out);

/*
 * What was wrong with the question: the sentence, and where the answer says a place, the line of the
 * expression with a mark below it.
 */
void query_print_error(const struct answer *answer, const char *expr, struct strbuf *out);

#endif
