/*
 * functions.c - the tables of PromQL's functions and aggregations.
 *
 * Types and counts of arguments are Prometheus's (promql/parser/functions.go).
 */
#include "promql/functions.h"

#include <strings.h>
#include "base/diag.h"
#include "promql/eval.h"

#define V PROMQL_VECTOR
#define S PROMQL_SCALAR
#define X FUNCTION_EXPERIMENTAL
#define H FUNCTION_NATIVE_HISTOGRAM
#define T FUNCTION_USES_TIME
#define N FUNCTION_KEEPS_NAME
#define C FUNCTION_WANTS_COUNTER

/* Parsed, typed, and refused. */
#define NOT_YET	   .eval = NULL
#define MAP(fn)	   .eval = eval_map, .map = (fn)
#define DATE(fn)   .eval = eval_date, .map = (fn)
#define WINDOW(fn) .eval = eval_window, .window = (fn)

/* Sorted by name. */
static const struct function functions[] = {
	{ "abs", "v", 0, V, 0, MAP(map_abs) },
	{ "absent", "v", 0, V, 0, .eval = eval_absent },
	{ "absent_over_time", "m", 0, V, 0, .eval = eval_absent_over_time },
	{ "acos", "v", 0, V, 0, MAP(map_acos) },
	{ "acosh", "v", 0, V, 0, MAP(map_acosh) },
	{ "asin", "v", 0, V, 0, MAP(map_asin) },
	{ "asinh", "v", 0, V, 0, MAP(map_asinh) },
	{ "atan", "v", 0, V, 0, MAP(map_atan) },
	{ "atanh", "v", 0, V, 0, MAP(map_atanh) },
	{ "avg_over_time", "m", 0, V, 0, WINDOW(window_avg) },
	{ "ceil", "v", 0, V, 0, MAP(map_ceil) },
	{ "changes", "m", 0, V, 0, WINDOW(window_changes) },
	{ "clamp", "vss", 0, V, 0, MAP(map_clamp) },
	{ "clamp_max", "vs", 0, V, 0, MAP(map_clamp_max) },
	{ "clamp_min", "vs", 0, V, 0, MAP(map_clamp_min) },
	{ "cos", "v", 0, V, 0, MAP(map_cos) },
	{ "cosh", "v", 0, V, 0, MAP(map_cosh) },
	{ "count_over_time", "m", 0, V, 0, WINDOW(window_count) },
	{ "day_of_month", "v", 1, V, T, DATE(map_day_of_month) },
	{ "day_of_week", "v", 1, V, T, DATE(map_day_of_week) },
	{ "day_of_year", "v", 1, V, T, DATE(map_day_of_year) },
	{ "days_in_month", "v", 1, V, T, DATE(map_days_in_month) },
	{ "deg", "v", 0, V, 0, MAP(map_deg) },
	{ "delta", "m", 0, V, 0, WINDOW(window_delta) },
	{ "deriv", "m", 0, V, 0, WINDOW(window_deriv) },
	{ "double_exponential_smoothing", "mss", 0, V, X, NOT_YET },
	{ "end", "", 0, S, X, NOT_YET },
	{ "exp", "v", 0, V, 0, MAP(map_exp) },
	{ "first_over_time", "m", 0, V, N, WINDOW(window_first) },
	{ "floor", "v", 0, V, 0, MAP(map_floor) },
	{ "histogram_avg", "v", 0, V, H, NOT_YET },
	{ "histogram_count", "v", 0, V, H, NOT_YET },
	{ "histogram_fraction", "ssv", 0, V, 0, .eval = eval_histogram_fraction },
	{ "histogram_quantile", "sv", 0, V, 0, .eval = eval_histogram_quantile },
	{ "histogram_quantiles", "vtss", 9, V, X, NOT_YET },
	{ "histogram_stddev", "v", 0, V, H, NOT_YET },
	{ "histogram_stdvar", "v", 0, V, H, NOT_YET },
	{ "histogram_sum", "v", 0, V, H, NOT_YET },
	{ "hour", "v", 1, V, T, DATE(map_hour) },
	{ "idelta", "m", 0, V, 0, WINDOW(window_idelta) },
	{ "increase", "m", 0, V, C, WINDOW(window_increase) },
	{ "info", "vv", 1, V, X, NOT_YET },
	{ "irate", "m", 0, V, 0, WINDOW(window_irate) },
	{ "label_join", "vttt", -1, V, 0, .eval = eval_label_join },
	{ "label_replace", "vtttt", 0, V, 0, .eval = eval_label_replace },
	{ "last_over_time", "m", 0, V, N, WINDOW(window_last) },
	{ "ln", "v", 0, V, 0, MAP(map_ln) },
	{ "log10", "v", 0, V, 0, MAP(map_log10) },
	{ "log2", "v", 0, V, 0, MAP(map_log2) },
	{ "mad_over_time", "m", 0, V, X, NOT_YET },
	{ "max_of", "ss", 0, S, X, NOT_YET },
	{ "max_over_time", "m", 0, V, 0, WINDOW(window_max) },
	{ "min_of", "ss", 0, S, X, NOT_YET },
	{ "min_over_time", "m", 0, V, 0, WINDOW(window_min) },
	{ "minute", "v", 1, V, T, DATE(map_minute) },
	{ "month", "v", 1, V, T, DATE(map_month) },
	{ "pi", "", 0, S, 0, .eval = eval_pi },
	{ "predict_linear", "ms", 0, V, T, WINDOW(window_predict_linear) },
	{ "present_over_time", "m", 0, V, 0, WINDOW(window_present) },
	{ "quantile_over_time", "sm", 0, V, FUNCTION_SORTS, WINDOW(window_quantile) },
	{ "rad", "v", 0, V, 0, MAP(map_rad) },
	{ "range", "", 0, S, X, NOT_YET },
	{ "rate", "m", 0, V, C, WINDOW(window_rate) },
	{ "resets", "m", 0, V, 0, WINDOW(window_resets) },
	{ "round", "vs", 1, V, 0, MAP(map_round) },
	{ "scalar", "v", 0, S, 0, .eval = eval_scalar },
	{ "sgn", "v", 0, V, 0, MAP(map_sgn) },
	{ "sin", "v", 0, V, 0, MAP(map_sin) },
	{ "sinh", "v", 0, V, 0, MAP(map_sinh) },
	{ "sort", "v", 0, V, 0, .eval = eval_sort },
	{ "sort_by_label", "vt", -1, V, X, NOT_YET },
	{ "sort_by_label_desc", "vt", -1, V, X, NOT_YET },
	{ "sort_desc", "v", 0, V, 0, .eval = eval_sort_desc },
	{ "sqrt", "v", 0, V, 0, MAP(map_sqrt) },
	{ "start", "", 0, S, X, NOT_YET },
	{ "start_timestamp", "v", 0, V, X, NOT_YET },
	{ "stddev_over_time", "m", 0, V, 0, WINDOW(window_stddev) },
	{ "stdvar_over_time", "m", 0, V, 0, WINDOW(window_stdvar) },
	{ "step", "", 0, S, X, NOT_YET },
	{ "sum_over_time", "m", 0, V, 0, WINDOW(window_sum) },
	{ "tan", "v", 0, V, 0, MAP(map_tan) },
	{ "tanh", "v", 0, V, 0, MAP(map_tanh) },
	{ "time", "", 0, S, T, .eval = eval_time },
	{ "timestamp", "v", 0, V, T, .eval = eval_timestamp },
	{ "ts_of_first_over_time", "m", 0, V, X, NOT_YET },
	{ "ts_of_last_over_time", "m", 0, V, X, NOT_YET },
	{ "ts_of_max_over_time", "m", 0, V, X, NOT_YET },
	{ "ts_of_min_over_time", "m", 0, V, X, NOT_YET },
	{ "vector", "s", 0, V, 0, .eval = eval_to_vector },
	{ "year", "v", 1, V, T, DATE(map_year) },
};

static const struct aggregation aggregations[] = {
	{ "avg", PARAM_NONE, false, eval_aggregate, group_avg },
	{ "bottomk", PARAM_SCALAR, false, eval_bottomk, NULL },
	{ "count", PARAM_NONE, false, eval_aggregate, group_count },
	{ "count_values", PARAM_TEXT, false, eval_count_values, NULL },
	{ "group", PARAM_NONE, false, eval_aggregate, group_group },
	{ "limit_ratio", PARAM_SCALAR, true, NULL, NULL },
	{ "limitk", PARAM_SCALAR, true, NULL, NULL },
	{ "max", PARAM_NONE, false, eval_aggregate, group_max },
	{ "min", PARAM_NONE, false, eval_aggregate, group_min },
	{ "quantile", PARAM_SCALAR, false, eval_aggregate, group_quantile },
	{ "stddev", PARAM_NONE, false, eval_aggregate, group_stddev },
	{ "stdvar", PARAM_NONE, false, eval_aggregate, group_stdvar },
	{ "sum", PARAM_NONE, false, eval_aggregate, group_sum },
	{ "topk", PARAM_SCALAR, false, eval_topk, NULL },
};

/* Names are case-sensitive: Prometheus knows no RATE(). */
const struct function *function_find(const char *name, size_t len, const char **ret_nearest)
{
	const char *names[ARRAY_SIZE(functions) + ARRAY_SIZE(aggregations)];
	size_t n = 0;
	char word[64];

	/* Aggregations first: of two as near, `sum` is more often meant than `sgn`. */
	for (size_t i = 0; i < ARRAY_SIZE(aggregations); i++)
		names[n++] = aggregations[i].name;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		if (strlen(functions[i].name) == len && !memcmp(functions[i].name, name, len))
			return &functions[i];
		names[n++] = functions[i].name;
	}
	*ret_nearest = NULL;
	if (len >= sizeof(word))
		return NULL;
	memcpy(word, name, len);
	word[len] = '\0';
	*ret_nearest = diag_nearest(word, names, n);
	return NULL;
}

/* Their names are keywords, and keywords have no case. */
const struct aggregation *aggregation_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(aggregations); i++) {
		if (strlen(aggregations[i].name) == len &&
			!strncasecmp(aggregations[i].name, name, len))
			return &aggregations[i];
	}
	return NULL;
}

enum promql_type function_arg_type(const struct function *function, size_t i)
{
	size_t n = strlen(function->args);

	switch (function->args[MIN(i, n - 1)]) {
	case 'v':
		return PROMQL_VECTOR;
	case 'm':
		return PROMQL_MATRIX;
	case 's':
		return PROMQL_SCALAR;
	default:
		return PROMQL_STRING;
	}
}
