/*
 * eval.h - what the files of the evaluator share.
 *
 * An expression is evaluated at all steps at once, series by series: each node gives, for each of
 * its series, one value per step. An instant query has one step. Everything lives in one arena
 * until the evaluation is over.
 */
#ifndef TOLLD_PROMQL_EVAL_H
#define TOLLD_PROMQL_EVAL_H

#include "promql/ast.h"
#include "promql/functions.h"

struct steps {
	int64_t start_ms, step_ms;
	size_t n;
};

static inline int64_t step_time(const struct steps *steps, size_t i)
{
	return steps->start_ms + (int64_t)i * steps->step_ms;
}

/*
 * A step at which a series has no value holds the stale marker: no sample that counts has it, and
 * no computation yields it, because arithmetic sets a NaN's quiet bit.
 */
static inline bool is_absent(double v)
{
	return is_stale_nan(v);
}

static inline double absent_value(void)
{
	return stale_nan();
}

struct row {
	const struct labels *labels; /* kept alive by the evaluation */
	double *v;		     /* one value per step */
};

struct value {
	enum promql_type type; /* scalar, vector or string; for ranges see struct range */
	double *scalar;	       /* one value per step, never absent */
	struct row *rows;
	size_t n, cap;
	const char *text;
};

struct texts {
	char **v; /* each on the heap */
	size_t n, cap;
};

struct eval {
	struct tsdb *db;
	const char *text; /* the expression's, for places in notes */
	struct promql_error *err;
	struct arena arena;
	int status; /* why the last eval_alloc() failed */
	int64_t lookback_ms, default_step_ms;
	int64_t start_ms, end_ms; /* what @ start() and @ end() mean */
	size_t max_samples, samples;
	bool each_step;
	uint64_t looked_at;
	uint64_t *
		by_step; /* the same for each step; NULL: not asked for, or these are other steps */
	int64_t deadline_boot_ns;
	size_t work; /* since the clock was last asked; see eval_spend() */
	struct labels **owned;
	size_t n_owned, owned_cap;
	struct tsdb_selection *selections;
	size_t n_selections, selections_cap;
	struct sample *buffer; /* one series' samples */
	size_t buffer_cap;
	double *scratch; /* for functions that sort a window's values */
	size_t scratch_cap;
	const char *name_label, *le_label; /* __name__ and le, interned */
	struct texts warnings, infos;
};

/* eval.c */
int eval_node(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret);
/* Zeroed; NULL with ev->status -ENOMEM or, beyond the limit, -E2BIG and the fault told. */
void *eval_alloc(struct eval *ev, size_t n, size_t size);
/* One value per step, all absent. */
double *eval_row(struct eval *ev, const struct steps *steps);
/* Adds a series to a vector. */
int eval_add(struct eval *ev, struct value *value, const struct labels *labels, double *v);
/* A fault of this query on these data: returns -EINVAL. */
int eval_fault(struct eval *ev, const struct node *node, const char *fmt, ...) PRINTF_LIKE(3, 4);
/*
 * Whoever loops over samples says how many values it has looked at, or what costs as much: -ETIMEDOUT when
 * the deadline is over. The clock is asked once for many.
 */
int eval_spend(struct eval *ev, size_t values);
/* A series, or another thing of which there are few. */
#define EVAL_SERIES 1024
static inline int eval_tick(struct eval *ev)
{
	return eval_spend(ev, EVAL_SERIES);
}

/* What it costs to sort n values. */
static inline size_t eval_sorting(size_t n)
{
	return 8 * n + 16;
}

/* n more samples were read: -E2BIG beyond the limit. */
int eval_count(struct eval *ev, size_t n);
/* Counts n samples that step i looks at. */
static inline void eval_look(struct eval *ev, size_t i, size_t n)
{
	ev->looked_at += n;
	if (ev->by_step)
		ev->by_step[i] += n;
}

/* What is looked at up to the next eval_look_back() is of other steps than the query's: those of a subquery. */
struct looking {
	uint64_t before, *by_step;
};

static inline struct looking eval_look_away(struct eval *ev)
{
	struct looking looking = { ev->looked_at, ev->by_step };

	ev->by_step = NULL;
	return looking;
}

/* How many samples that were. They count where the caller says. */
static inline uint64_t eval_look_back(struct eval *ev, struct looking looking)
{
	uint64_t n = ev->looked_at - looking.before;

	ev->looked_at = looking.before;
	ev->by_step = looking.by_step;
	return n;
}

/* Adds "PromQL warning: ..." or "PromQL info: ..." with the node's place, once. */
int eval_note(struct eval *ev, bool warning, const struct node *node, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* A warning where q is no quantile. */
int eval_note_quantile(struct eval *ev, const struct node *node, double q);

/* eval_labels.c: label sets, owned by the evaluation. */
int eval_labels_build(struct eval *ev, struct labels_builder *b, const struct labels **ret);
/* Which labels of a set are meant. */
enum select {
	SELECT_OTHERS, /* all but these and the metric's name */
	SELECT_THESE,
	SELECT_OTHERS_AND_NAME, /* all but these */
};

int eval_labels_select(struct eval *ev, const struct labels *labels, const struct names *names,
	enum select select, const struct labels **ret);
/* {a="1", b="2"}, the metric's name inside. */
void eval_labels_format(const struct labels *labels, struct strbuf *out);
/* Not empty, and UTF-8. */
bool label_name_valid(const char *name);
bool names_have(const struct names *names, const char *interned);
/* Drops the names of all series and merges. */
int eval_drop_names(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *value);
/* Series that came to have the same labels become one; a fault where both have a value at a step. */
int eval_merge(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *value);

/* eval_selector.c */
int eval_vector(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret);
/* The times of the samples instead of their values. */
int eval_vector_times(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret);

/* What a range selector or a subquery gives. */
struct range {
	const struct shift *shift;
	int64_t range_ms;
	struct series *const *series; /* of a selector; NULL: a subquery, or nothing */
	struct value inner;	      /* of a subquery, at */
	struct steps inner_steps;
	int64_t from_ms, to_ms; /* all windows together, open on the left */
	size_t n;		/* series */
	uint64_t looked_at;	/* samples, by the steps of a subquery */
};

struct window {
	const struct sample *points;
	size_t n;
	int64_t from_ms, to_ms; /* (from, to] */
	int64_t at_ms;		/* the step */
	double *scratch;	/* room for n values, where the function asked for it */
};

int range_open(
	struct eval *ev, const struct node *node, const struct steps *steps, struct range *ret);
const struct labels *range_labels(const struct range *range, size_t i);
/* All samples of series i into ev->buffer, stale markers left out. */
int range_load(struct eval *ev, const struct range *range, size_t i, size_t *ret_n);
/* Moves the window over the n samples of ev->buffer on to a later step; it starts with { 0 }. */
void range_window(const struct eval *ev, const struct range *range, size_t n, int64_t at_ms,
	struct window *window);

/* eval_binary.c, eval_set.c, eval_aggregate.c */
int eval_binary(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret);
int eval_set(struct eval *ev, const struct node *node, const struct steps *steps,
	struct value *left, struct value *right);

/* The signatures of series: which of them have the same selected labels. */
struct groups {
	uint32_t *of; /* of each series of the vectors, in order, its group */
	size_t n;
};

int eval_group(struct eval *ev, const struct value *const *vectors, size_t n_vectors,
	const struct names *names, enum select select, struct groups *ret);

struct aggregation_input {
	const struct steps *steps;
	const struct row *rows;
	const uint32_t *members; /* which rows */
	size_t n;
	const double *param; /* one value per step */
};

eval_call_fn eval_map, eval_window, eval_date, eval_absent, eval_absent_over_time, eval_scalar,
	eval_to_vector, eval_time, eval_pi, eval_timestamp, eval_sort, eval_sort_desc,
	eval_label_replace, eval_label_join, eval_histogram_quantile, eval_histogram_fraction;
window_fn window_rate, window_increase, window_delta, window_irate, window_idelta, window_deriv,
	window_predict_linear, window_resets, window_changes, window_avg, window_min, window_max,
	window_sum, window_count, window_stddev, window_stdvar, window_last, window_first,
	window_present, window_quantile;
map_fn map_abs, map_ceil, map_floor, map_exp, map_sqrt, map_ln, map_log2, map_log10, map_sin,
	map_cos, map_tan, map_asin, map_acos, map_atan, map_sinh, map_cosh, map_tanh, map_asinh,
	map_acosh, map_atanh, map_rad, map_deg, map_sgn, map_clamp, map_clamp_max, map_clamp_min,
	map_round, map_minute, map_hour, map_day_of_week, map_day_of_month, map_day_of_year,
	map_days_in_month, map_month, map_year;
aggregate_eval_fn eval_aggregate, eval_topk, eval_bottomk, eval_count_values;
aggregate_group_fn group_sum, group_avg, group_count, group_min, group_max, group_group,
	group_stddev, group_stdvar, group_quantile;

/* statistics.c */
/* Kahan's sum in Neumaier's form: *sum + *rest is the sum. */
void kahan_add(double v, double *sum, double *rest);
/* Prometheus's mean: exact sum while it fits, incremental from where it would overflow. */
struct mean {
	double sum, mean, rest, count;
	bool incremental;
};
void mean_add(struct mean *m, double v);
double mean_value(const struct mean *m);
/* The q-quantile; sorts the values, NaN first. */
double quantile(double q, double *values, size_t n);

#endif
