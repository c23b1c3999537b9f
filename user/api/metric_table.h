/*
 * metric_table.h - the one table of what tolld tells in figures: each family's name, and what it means.
 *
 * Whoever writes a family takes its type and its help from here, `tolld metrics` prints it, and the
 * README has it from there. Names follow Prometheus's conventions: base units, _total for what only grows.
 */
#ifndef TOLLD_API_METRIC_TABLE_H
#define TOLLD_API_METRIC_TABLE_H

#include <stddef.h>
#include "base/strbuf.h"

enum metric_kind { COUNTER, GAUGE, HISTOGRAM };

/* How a plain number stands in struct snapshot. */
enum metric_field { NO_FIELD, SIZE, U64, WALL_MS, DOUBLE };

struct metric {
	const char *name;
	enum metric_kind kind;
	enum metric_field field; /* NO_FIELD: it has labels, or is not always there */
	size_t offset;
	const char *labels; /* beside those that all of its topic have; NULL: none */
	const char *help;
};

extern const struct metric metrics[];
extern const size_t n_metrics;

/* NULL: nothing is called that. */
const struct metric *metric_find(const char *name);
const char *metric_kind_name(enum metric_kind kind);

/* All of the table as text for people, or as Markdown, one table for each topic. */
void metric_table_print(struct strbuf *out, bool markdown);

#endif
