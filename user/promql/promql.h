/*
 * promql.h - Prometheus's query language: parse, check, print, evaluate.
 *
 * Follows Prometheus 3: ranges are open on the left, the newest sample within five minutes counts,
 * stale markers end a series. Reads samples from tsdb and nothing else: the time comes from the
 * caller.
 */
#ifndef TOLLD_PROMQL_PROMQL_H
#define TOLLD_PROMQL_PROMQL_H

#include "base/arena.h"
#include "tsdb/tsdb.h"

enum promql_type { PROMQL_SCALAR, PROMQL_VECTOR, PROMQL_MATRIX, PROMQL_STRING };

/* What is wrong and where, in bytes of the expression. The text names the cure where there is one. */
struct promql_error {
	size_t offset, length;
	char text[400];
};

struct promql_expr;

#define PROMQL_MAX_TEXT ((size_t)64 << 10)
/* How deep expressions nest. A chain of n operators is n deep, too: what reads it recurses. */
#define PROMQL_MAX_DEPTH   1000
#define PROMQL_LOOKBACK_MS (5 * 60 * 1000)
#define PROMQL_MAX_SAMPLES ((size_t)5000000)
/* How far from 1970 the times of queries and of `@` may be. */
#define PROMQL_MAX_TIME_MS (INT64_MAX / 4)

/*
 * Parses and type-checks. -EINVAL with *err filled; -ENOMEM. What is valid but not evaluated yet is
 * an error of promql_check_evaluable(), not of this.
 */
int promql_parse(const char *text, struct promql_expr **ret, struct promql_error *err);
void promql_free(struct promql_expr *expr);

static inline void promql_freep(struct promql_expr **p)
{
	promql_free(*p);
}

/* 0, or -ENOSYS with *err naming the first function, aggregation or form that cannot be evaluated. */
int promql_check_evaluable(const struct promql_expr *expr, struct promql_error *err);
enum promql_type promql_type(const struct promql_expr *expr);
const char *promql_type_name(enum promql_type type);
/* The expression as Prometheus prints its syntax tree: one line, normalised. */
void promql_print(const struct promql_expr *expr, struct strbuf *out);

/* Calls fn for each selector in the expression, with its matchers (the name is one on __name__). */
typedef void promql_selector_fn(const struct matcher *const *matchers, size_t n, void *userdata);
void promql_selectors(const struct promql_expr *expr, promql_selector_fn *fn, void *userdata);

/*
 * Calls fn for each selector with how long before its evaluation it reads samples: its range and offset, and
 * those of the subqueries that it stands in. Not for what `@` nails to a time.
 */
typedef void promql_reach_fn(
	const struct matcher *const *matchers, size_t n, int64_t back_ms, void *userdata);
void promql_reaches(const struct promql_expr *expr, promql_reach_fn *fn, void *userdata);

/* What an expression says of labels, and where: a selector, or a name beside by, on, group_left and their like. */
struct promql_mention {
	const struct matcher *const *matchers; /* NULL: a name */
	size_t n_matchers;
	const char *label;
	size_t offset, length; /* of the selector, or of the operation that the name belongs to */
};

typedef void promql_mention_fn(const struct promql_mention *mention, void *userdata);
void promql_mentions(const struct promql_expr *expr, promql_mention_fn *fn, void *userdata);

struct promql_options {
	int64_t lookback_ms;	  /* 0: PROMQL_LOOKBACK_MS */
	int64_t default_step_ms;  /* of subqueries; 0: one minute */
	size_t max_samples;	  /* read by one query; 0: PROMQL_MAX_SAMPLES */
	size_t max_bytes;	  /* of one evaluation; 0: 64 MiB */
	int64_t deadline_boot_ns; /* 0: none */
	bool each_step;		  /* count also what each single step looks at */
};

/* One series of an answer. An instant vector has one point each. */
struct promql_series {
	struct labels *labels;
	struct sample *points;
	size_t n;
};

/* An answer. A scalar is one series without labels; a string is `text`. */
struct promql_result {
	enum promql_type type;
	struct promql_series *series;
	size_t n;
	char *text;
	char **warnings, **infos;
	size_t n_warnings, n_infos;
	/* Samples, each as often as a step looks at it: what Prometheus calls queryable. */
	uint64_t looked_at, *by_step; /* by_step: of n_steps steps, where it was asked for */
	size_t n_steps;
	size_t read; /* samples that were in hand */
};

/*
 * At one instant. An instant vector comes in the order that the expression gives it; an expression
 * that is a range gives the samples themselves.
 *
 * 0 and *ret for promql_result_release(), or *ret untouched and *err filled: -ENOSYS as
 * promql_check_evaluable(), -EINVAL for what the data do not allow (many-to-many matching, two
 * series with one label set, ...), -E2BIG beyond max_samples or max_bytes, -ETIMEDOUT beyond the
 * deadline. -ENOMEM without a text.
 */
int promql_eval(const struct promql_expr *expr, struct tsdb *db, int64_t wall_ms,
	const struct promql_options *options, struct promql_result *ret, struct promql_error *err);
/*
 * At every step from start to end; the result is a matrix, sorted by labels. -EINVAL also for
 * strings and ranges, and for a step that is not above zero.
 */
int promql_eval_range(const struct promql_expr *expr, struct tsdb *db, int64_t start_wall_ms,
	int64_t end_wall_ms, int64_t step_ms, const struct promql_options *options,
	struct promql_result *ret, struct promql_error *err);
void promql_result_release(struct promql_result *result);

#endif
