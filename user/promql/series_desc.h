/*
 * series_desc.h - series as tests write them: what a series is called, and how its values go on.
 *
 *     up{job="node"}     0 1 _ 3x4 5+10x2 stale
 *
 * Source: prometheus docs/configuration/unit_testing_rules.md. Values of native histograms, {{...}},
 * are passed over and marked, because tolld does not serve them.
 */
#ifndef TOLLD_PROMQL_SERIES_DESC_H
#define TOLLD_PROMQL_SERIES_DESC_H

#include "promql/promql.h"

/*
 * name{label="value", ...}: each part may be left out, and the name may be one in quotes within the
 * braces. *ret comes with a reference. -EINVAL with *err; -ENOMEM.
 */
int series_desc_labels(const char *text, struct labels **ret, struct promql_error *err);

enum series_item_kind { SERIES_BLANK, SERIES_FLOAT, SERIES_HISTOGRAM };

/* `5+10x2` is one item: it begins at 5, each next value is 10 more, and there are 3 of them. */
struct series_item {
	enum series_item_kind kind;
	double first, step;
	uint64_t n;
};

struct series_values {
	struct series_item *items;
	size_t n, cap;
	bool histograms; /* one of the items is SERIES_HISTOGRAM */
};

/* -EINVAL with *err; -ENOMEM. *ret is for series_values_release(). */
int series_desc_values(const char *text, struct series_values *ret, struct promql_error *err);
void series_values_release(struct series_values *values);

/* Goes through the values one by one; items are never spelt out, however long they are. */
struct series_cursor {
	const struct series_values *values;
	size_t item;
	uint64_t at; /* within the item */
	double value;
};

/* The next place: *ret_kind says what stands there, *ret is set for a float. False at the end. */
bool series_cursor_next(struct series_cursor *cursor, enum series_item_kind *ret_kind, double *ret);

#endif
