/*
 * exposition.h - Prometheus's text format 0.0.4 (and 1.0.0: quoted names), pulled entry by entry.
 *
 * Nothing is copied: entries point into the text, which the caller keeps. What is accepted is what
 * Prometheus accepts (model/textparse/promlex.l and promparse.go), free commas included. Two
 * differences: a NUL byte where a line begins is a fault and not a silent end; blanks before a
 * metric name are passed over and not taken for a part of it. OpenMetrics is another
 * format: openmetrics.h.
 */
#ifndef TOLLD_SCRAPE_EXPOSITION_H
#define TOLLD_SCRAPE_EXPOSITION_H

#include "model/labels.h"

/* A metric with its labels, or a help text, that is longer than this is a fault. */
#define EXPOSITION_MAX_ENTRY_BYTES ((size_t)64 << 10)

enum metric_type {
	METRIC_UNKNOWN,
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
	METRIC_SUMMARY,
	METRIC_UNTYPED,
	/* OpenMetrics has these in addition. */
	METRIC_GAUGEHISTOGRAM,
	METRIC_INFO,
	METRIC_STATESET,
	METRIC_TYPES
};

/* "counter", ...; "unknown" for METRIC_UNKNOWN and METRIC_UNTYPED, as Prometheus's API says it. */
const char *metric_type_text(enum metric_type type);

struct exposition {
	const char *text, *end; /* the whole */
	const char *at;
	bool openmetrics;      /* which of the two it is read as */
	enum metric_type type; /* the last # TYPE: what le and quantile mean depends on it */
	const char *fault_at;
	char error[200]; /* "line 3, column 7: expected a value, got ..." */
};

enum exposition_kind {
	EXPOSITION_END,
	EXPOSITION_SAMPLE,
	EXPOSITION_HELP,
	EXPOSITION_TYPE,
	EXPOSITION_UNIT
};

struct exposition_entry {
	/* HELP, TYPE, UNIT: the family; may hold escapes where it was quoted. */
	const char *name;
	size_t name_len;
	bool quoted;
	/* HELP: the text with its escapes. UNIT: the unit. */
	const char *text;
	size_t text_len;
	/* SAMPLE: name and labels as they stand there, and the rest. */
	const char *series;
	size_t series_len;
	double value;
	bool has_time;
	int64_t wall_ms;
	/* SAMPLE of OpenMetrics: what stands between the exemplar's braces; NULL without one. */
	const char *exemplar;
	size_t exemplar_len;
};

void exposition_init(struct exposition *p, const char *text, size_t len);
/* An exposition_kind, or -EINVAL with error[] set; comments and empty lines are passed over. */
int exposition_next(struct exposition *p, struct exposition_entry *ret);
/*
 * The fast way where the next line is expected to be a sample of a series that was read before:
 * 1 where it is, with *ret filled; 0 where it is something else and nothing was consumed; -EINVAL.
 */
int exposition_expect(
	struct exposition *p, const char *series, size_t len, struct exposition_entry *ret);

/*
 * The same of two lines, "# HELP name help" and "# TYPE name type", as they stand in the text: true
 * where they come next, which are then behind us.
 */
bool exposition_expect_family(struct exposition *p, const char *name, size_t name_len,
	const char *help, enum metric_type type);

/*
 * Adds the name and labels of `series`, which exposition_next() yielded, to a builder; of a label
 * that stands there twice the later wins and *ret_twice is set. `le` and `quantile` become floats
 * ("1" is "1.0") where `type` says so. A NUL byte, which our texts cannot hold, becomes U+FFFD.
 */
void exposition_labels(const char *series, size_t len, enum metric_type type,
	struct labels_builder *b, bool *ret_twice);
/* Whether the label stands there at all, an empty one included. */
bool exposition_has_label(const char *series, size_t len, const char *name);
/* Sets error[] to "line, column: what, got ..." and returns -EINVAL: for both formats. */
int exposition_fault(struct exposition *p, const char *at, const char *what);
/*
 * Go's ParseFloat without what Prometheus leaves out: underscores and hexadecimal. Unlike C's it
 * takes no sign before NaN, and a number too large is an error.
 */
int exposition_number(struct exposition *p, const char *s, size_t len, double *ret);
/* Adds text with \\, \n and \" resolved; other escapes stay. */
void exposition_unescape(struct strbuf *out, const char *s, size_t len, bool quotes);

#endif
