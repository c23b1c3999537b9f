/*
 * functions.h - the tables of PromQL's functions and aggregations.
 *
 * A row without an eval function is parsed and type-checked, and then refused by
 * promql_check_evaluable().
 */
#ifndef TOLLD_PROMQL_FUNCTIONS_H
#define TOLLD_PROMQL_FUNCTIONS_H

#include "promql/ast.h"

struct eval;
struct value;
struct steps;
struct window;

/* Evaluates a call at all steps. */
typedef int eval_call_fn(
	struct eval *ev, const struct node *call, const struct steps *steps, struct value *ret);
/* One value to another; args are the call's scalar arguments at that step. */
typedef double map_fn(double v, const double *args);
/* The samples of one range to one value; false: no value. */
typedef bool window_fn(const struct window *window, const double *args, double *ret);

#define FUNCTION_MAX_ARGS 5

enum function_flags {
	FUNCTION_EXPERIMENTAL = 1,
	FUNCTION_NATIVE_HISTOGRAM = 2, /* reads native histograms, which the store does not hold */
	FUNCTION_USES_TIME = 4, /* its value changes with time even where its arguments do not */
	FUNCTION_KEEPS_NAME = 8,
	FUNCTION_WANTS_COUNTER =
		16,	     /* a note is due when the name does not look like a counter's */
	FUNCTION_SORTS = 32, /* needs window->scratch */
};

struct function {
	const char *name;
	const char *args; /* one letter each: v(ector) m(atrix) s(calar) t(ext) */
	int variadic; /* as Prometheus counts: that many of the last may lack or repeat; -1: any */
	enum promql_type type;
	unsigned flags;
	eval_call_fn *eval;
	map_fn *map;	   /* for eval_map() */
	window_fn *window; /* for eval_window() */
};

/* NULL when there is none; *ret_nearest then gets the one that may have been meant, or NULL. */
const struct function *function_find(const char *name, size_t len, const char **ret_nearest);
enum promql_type function_arg_type(const struct function *function, size_t i);

struct aggregation_input;

enum aggregation_param { PARAM_NONE, PARAM_SCALAR, PARAM_TEXT };

/* Adds one group's values: reads aggregation_input, writes one value per step. */
typedef int aggregate_group_fn(struct eval *ev, const struct aggregation_input *in, double *out);
/* For those that keep series, or make them of values. */
typedef int aggregate_eval_fn(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret);

struct aggregation {
	const char *name;
	enum aggregation_param param;
	bool experimental;
	aggregate_eval_fn *eval;
	aggregate_group_fn *group; /* for eval_aggregate() */
};

const struct aggregation *aggregation_find(const char *name, size_t len);

#endif
