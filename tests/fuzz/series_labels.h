/*
 * series_labels.h - the labels of a series as a scrape's text has it.
 */
#ifndef TOLLD_TESTS_FUZZ_SERIES_LABELS_H
#define TOLLD_TESTS_FUZZ_SERIES_LABELS_H

#include <assert.h>
#include <string.h>
#include "scrape/exposition.h"

static inline struct labels *labels_of(const char *series, size_t len)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels = NULL;
	bool twice;

	/* Without a type: with one, `le` would be read as another text than it was. */
	exposition_labels(series, len, METRIC_UNKNOWN, &b, &twice);
	assert(!labels_build(&b, &labels));
	return labels;
}

#endif
