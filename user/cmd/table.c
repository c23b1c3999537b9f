/*
 * table.c - columns in a terminal.
 */
#include "cmd/table.h"

#include <errno.h>
#include "base/escape.h"

#define GAP 2

void table_add(struct table *table, const char *text)
{
	struct strbuf cell = STRBUF_INIT;
	char *s;

	escape_terminal(&cell, text, strlen(text));
	if (strbuf_finish(&cell, &s)) {
		table->err = -ENOMEM;
	} else if (!vec_reserve(table->cells, table->n, table->cap)) {
		table->err = -ENOMEM;
		free(s);
	} else {
		table->cells[table->n++] = s;
	}
}

/* In characters: bytes that go on with one are not counted. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

int table_print(const struct table *table, struct strbuf *out)
{
	scoped(freep) size_t *widest = calloc(table->columns + 1, sizeof(*widest));

	if (table->err || !widest)
		return -ENOMEM;
	for (size_t i = 0; i < table->n; i++)
		widest[i % table->columns] =
			MAX(widest[i % table->columns], width(table->cells[i]));
	for (size_t i = 0; i < table->n; i++) {
		bool last = i % table->columns == table->columns - 1;

		strbuf_adds(out, table->cells[i]);
		if (last) {
			while (out->len && out->s[out->len - 1] == ' ')
				strbuf_truncate(out, out->len - 1);
			strbuf_addch(out, '\n');
			continue;
		}
		strbuf_addf(out, "%*s",
			(int)(widest[i % table->columns] - width(table->cells[i]) + GAP), "");
	}
	return out->err;
}

void table_release(struct table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct table){ 0 };
}
