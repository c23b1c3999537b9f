/*
 * exposition.h - Prometheus's text format, written.
 */
#ifndef TOLLD_API_EXPOSITION_H
#define TOLLD_API_EXPOSITION_H

#include "base/histogram.h"
#include "base/strbuf.h"

/* "# HELP" and "# TYPE", as metric_table.c has them: once, before a name's samples. */
void exposition_family(struct strbuf *out, const char *name);
/* One sample; n pairs of a label's name and its value, which is escaped here. */
void exposition_sample(struct strbuf *out, const char *name, size_t n,
	const char *const labels[][2], double value);
/* A family that is one histogram without labels. */
void exposition_histogram(struct strbuf *out, const char *name, const struct histogram *histogram);

#endif
