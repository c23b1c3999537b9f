/*
 * eval.c - evaluates an expression at all its steps: the walk, the limits, the answer.
 *
 * Promises that what is not evaluated right is refused. Knows no clock but the deadline's.
 */
#include "promql/eval.h"

#include <errno.h>
#include "base/clock.h"
#include "base/num.h"
#include "model/intern.h"

#define DEFAULT_MAX_BYTES ((size_t)64 << 20)
#define DEFAULT_STEP_MS	  (60 * 1000)
/* A fraction of a millisecond. */
#define WORK_PER_CLOCK ((size_t)64 * EVAL_SERIES)

/* -- limits and faults ----------------------------------------------------------------------- */

static int limit_reached(struct eval *ev, const char *text)
{
	promql_fault(ev->err, (struct span){ 0, 0 }, "%s", text);
	return -E2BIG;
}

void *eval_alloc(struct eval *ev, size_t n, size_t size)
{
	size_t left = ev->arena.max_bytes - MIN(ev->arena.used_bytes, ev->arena.max_bytes);
	void *p = NULL;

	if (n <= left / size)
		p = arena_alloc(&ev->arena, n * size);
	if (p)
		return p;
	/* The arena rounds up: within its rounding of the limit counts as the limit. */
	ev->status =
		n >= left / size || left - n * size < 64
			? limit_reached(ev,
				  "query processing would take more memory than one query may have")
			: -ENOMEM;
	return NULL;
}

double *eval_row(struct eval *ev, const struct steps *steps)
{
	double *v = eval_alloc(ev, MAX(steps->n, (size_t)1), sizeof(*v));

	for (size_t i = 0; v && i < steps->n; i++)
		v[i] = absent_value();
	return v;
}

int eval_add(struct eval *ev, struct value *value, const struct labels *labels, double *v)
{
	if (value->n == value->cap) {
		size_t cap = MAX(value->cap * 2, (size_t)8);
		struct row *rows = eval_alloc(ev, cap, sizeof(*rows));

		if (!rows)
			return ev->status;
		if (value->n)
			memcpy(rows, value->rows, value->n * sizeof(*rows));
		value->rows = rows;
		value->cap = cap;
	}
	value->rows[value->n++] = (struct row){ labels, v };
	return 0;
}

int eval_fault(struct eval *ev, const struct node *node, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	promql_vfault(ev->err, node->span, fmt, args);
	va_end(args);
	return -EINVAL;
}

int eval_spend(struct eval *ev, size_t values)
{
	ev->work += values;
	if (!ev->deadline_boot_ns || ev->work < WORK_PER_CLOCK)
		return 0;
	ev->work = 0;
	if (clock_boot_ns() < ev->deadline_boot_ns)
		return 0;
	promql_fault(ev->err, (struct span){ 0, 0 }, "query timed out in expression evaluation");
	return -ETIMEDOUT;
}

int eval_count(struct eval *ev, size_t n)
{
	ev->samples += n;
	if (ev->samples <= ev->max_samples)
		return 0;
	return limit_reached(
		ev, "query processing would load too many samples into memory in query execution");
}

/* Line and column of a place, both from 1, the column in bytes. */
static void add_place(const struct eval *ev, size_t offset, struct strbuf *out)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		column++;
		if (ev->text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	strbuf_addf(out, " (%zu:%zu)", line, column);
}

int eval_note(struct eval *ev, bool warning, const struct node *node, const char *fmt, ...)
{
	struct texts *texts = warning ? &ev->warnings : &ev->infos;
	struct strbuf text = STRBUF_INIT;
	va_list args;
	char *s;
	int err;

	strbuf_adds(&text, warning ? "PromQL warning: " : "PromQL info: ");
	va_start(args, fmt);
	strbuf_vaddf(&text, fmt, args);
	va_end(args);
	add_place(ev, node->span.from, &text);
	err = strbuf_finish(&text, &s);
	if (err)
		return err;
	for (size_t i = 0; i < texts->n; i++) {
		if (streq(texts->v[i], s)) {
			free(s);
			return 0;
		}
	}
	/* Beyond this nobody reads on. */
	if (texts->n >= 20) {
		free(s);
		return 0;
	}
	if (!vec_reserve(texts->v, texts->n, texts->cap)) {
		free(s);
		return -ENOMEM;
	}
	texts->v[texts->n++] = s;
	return 0;
}

int eval_note_quantile(struct eval *ev, const struct node *node, double q)
{
	char text[NUM_MAX];

	if (q >= 0 && q <= 1)
		return 0;
	num_format_go(text, q);
	return eval_note(ev, true, node, "quantile value should be between 0 and 1, got %s", text);
}

/* -- the walk -------------------------------------------------------------------------------- */

static bool node_is_invariant(const struct node *node)
{
	bool invariant = true;

	switch (node->kind) {
	case NODE_VECTOR:
		return node->vector.shift.at != AT_NONE;
	case NODE_SUBQUERY:
		return node->subquery.shift.at != AT_NONE;
	case NODE_CALL:
		if (node->call.function->flags & FUNCTION_USES_TIME)
			return false;
		break;
	default:
		break;
	}
	node_foreach_child(node, child) invariant = invariant && node_is_invariant(child);
	return invariant;
}

static int eval_number(struct eval *ev, double v, const struct steps *steps, struct value *ret)
{
	double *values = eval_row(ev, steps);

	if (!values)
		return ev->status;
	for (size_t i = 0; i < steps->n; i++)
		values[i] = v;
	ret->scalar = values;
	return 0;
}

static int eval_unary(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	int err = eval_node(ev, node->unary.operand, steps, ret);

	if (err || !node->unary.minus)
		return err;
	if (ret->type == PROMQL_SCALAR) {
		for (size_t i = 0; i < steps->n; i++)
			ret->scalar[i] = -ret->scalar[i];
		return 0;
	}
	for (size_t s = 0; s < ret->n; s++) {
		for (size_t i = 0; i < steps->n; i++) {
			/* A sign turned round would make another NaN of the mark for "no value". */
			if (!is_absent(ret->rows[s].v[i]))
				ret->rows[s].v[i] = -ret->rows[s].v[i];
		}
	}
	return eval_drop_names(ev, node, steps, ret);
}

static double *spread(struct eval *ev, const double *v, size_t n)
{
	double *values = eval_alloc(ev, n, sizeof(*values));

	for (size_t i = 0; values && i < n; i++)
		values[i] = v[0];
	return values;
}

/* What is the same at each step is evaluated once. */
static int eval_invariant(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	const struct steps one = { steps->start_ms, steps->step_ms, 1 };
	struct looking looking = eval_look_away(ev);
	int err = eval_node(ev, node, &one, ret);
	uint64_t n = eval_look_back(ev, looking);

	if (err)
		return err;
	/* Prometheus counts them at each step all the same. */
	for (size_t i = 0; n && i < steps->n; i++)
		eval_look(ev, i, n);
	if (ret->scalar) {
		ret->scalar = spread(ev, ret->scalar, steps->n);
		return ret->scalar ? 0 : ev->status;
	}
	for (size_t s = 0; s < ret->n; s++) {
		ret->rows[s].v = spread(ev, ret->rows[s].v, steps->n);
		if (!ret->rows[s].v)
			return ev->status;
	}
	return 0;
}

int eval_node(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	int err = eval_tick(ev);

	node = node_unwrap(node);
	*ret = (struct value){ .type = node_type(node) };
	if (err)
		return err;
	if (steps->n > 1 && node->kind != NODE_NUMBER && node->kind != NODE_STRING &&
		node_is_invariant(node))
		return eval_invariant(ev, node, steps, ret);
	switch (node->kind) {
	case NODE_NUMBER:
		return eval_number(ev, node->number.value, steps, ret);
	case NODE_STRING:
		ret->text = node->string.s;
		return 0;
	case NODE_UNARY:
		return eval_unary(ev, node, steps, ret);
	case NODE_BINARY:
		return eval_binary(ev, node, steps, ret);
	case NODE_AGGREGATE:
		return node->aggregate.aggregation->eval(ev, node, steps, ret);
	case NODE_CALL:
		return node->call.function->eval(ev, node, steps, ret);
	case NODE_VECTOR:
		return eval_vector(ev, node, steps, ret);
	case NODE_PAREN:
	case NODE_MATRIX:
	case NODE_SUBQUERY:
		break;
	}
	/* Ranges are read by the functions that take them; the type checker sees to that. */
	return eval_fault(ev, node, "a range vector cannot be used here");
}

/* -- the answer ------------------------------------------------------------------------------ */

void promql_result_release(struct promql_result *result)
{
	for (size_t i = 0; i < result->n; i++) {
		labels_unref(result->series[i].labels);
		free(result->series[i].points);
	}
	for (size_t i = 0; i < result->n_warnings; i++)
		free(result->warnings[i]);
	for (size_t i = 0; i < result->n_infos; i++)
		free(result->infos[i]);
	free(result->series);
	free(result->text);
	free(result->warnings);
	free(result->infos);
	free(result->by_step);
	*result = (struct promql_result){ 0 };
}

/* Adds a series of n values or samples, of which the present ones count. */
static int add_series(struct promql_result *result, const struct labels *labels, const double *v,
	const struct steps *steps)
{
	struct promql_series *series = &result->series[result->n];
	size_t n = 0;

	for (size_t i = 0; i < steps->n; i++)
		n += !is_absent(v[i]);
	if (!n)
		return 0;
	series->points = malloc(n * sizeof(*series->points));
	series->labels = labels ? labels_ref(labels) : labels_empty();
	series->n = 0;
	/* Counted at once, so that a release finds half of it. */
	result->n++;
	if (!series->points || !series->labels)
		return -ENOMEM;
	for (size_t i = 0; i < steps->n; i++) {
		if (!is_absent(v[i]))
			series->points[series->n++] = (struct sample){ step_time(steps, i), v[i] };
	}
	return 0;
}

static int fill_result(
	const struct value *value, const struct steps *steps, struct promql_result *result)
{
	size_t n = value->type == PROMQL_VECTOR ? value->n : 1;
	int err = 0;

	if (value->type == PROMQL_STRING) {
		result->text = strdup(value->text);
		return result->text ? 0 : -ENOMEM;
	}
	result->series = calloc(MAX(n, (size_t)1), sizeof(*result->series));
	if (!result->series)
		return -ENOMEM;
	if (value->type == PROMQL_SCALAR)
		return add_series(result, NULL, value->scalar, steps);
	for (size_t i = 0; !err && i < value->n; i++)
		err = add_series(result, value->rows[i].labels, value->rows[i].v, steps);
	return err;
}

/* An instant query may ask for a range itself: its samples, as they are. */
static int fill_range(struct eval *ev, const struct node *node, const struct steps *steps,
	struct promql_result *result)
{
	struct range range;
	size_t n = 0;
	int err = range_open(ev, node, steps, &range);

	if (err)
		return err;
	eval_look(ev, 0, range.looked_at);
	result->series = calloc(MAX(range.n, (size_t)1), sizeof(*result->series));
	if (!result->series)
		return -ENOMEM;
	for (size_t i = 0; i < range.n; i++) {
		struct promql_series *series = &result->series[result->n];

		err = range_load(ev, &range, i, &n);
		if (err)
			return err;
		/* Of a subquery those count that its steps looked at. */
		if (range.series)
			eval_look(ev, 0, n);
		if (!n)
			continue;
		series->points = malloc(n * sizeof(*series->points));
		series->labels = labels_ref(range_labels(&range, i));
		result->n++;
		if (!series->points)
			return -ENOMEM;
		memcpy(series->points, ev->buffer, n * sizeof(*series->points));
		series->n = n;
	}
	return 0;
}

static void eval_init(struct eval *ev, const struct promql_expr *expr, struct tsdb *db,
	const struct promql_options *options, struct promql_error *err)
{
	static const struct promql_options defaults;
	const struct promql_options *o = options ? options : &defaults;

	*ev = (struct eval){ .db = db, .text = expr->text, .err = err };
	arena_init(&ev->arena, o->max_bytes ? o->max_bytes : DEFAULT_MAX_BYTES);
	ev->lookback_ms = o->lookback_ms ? o->lookback_ms : PROMQL_LOOKBACK_MS;
	ev->default_step_ms = o->default_step_ms ? o->default_step_ms : DEFAULT_STEP_MS;
	ev->max_samples = o->max_samples ? o->max_samples : PROMQL_MAX_SAMPLES;
	ev->deadline_boot_ns = o->deadline_boot_ns;
	ev->work = WORK_PER_CLOCK; /* who comes too late does nothing */
	ev->each_step = o->each_step;
	ev->name_label = intern(LABEL_NAME, strlen(LABEL_NAME));
	ev->le_label = intern("le", 2);
}

static void release_texts(struct texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->v[i]);
	free(texts->v);
}

static void eval_release(struct eval *ev)
{
	for (size_t i = 0; i < ev->n_owned; i++)
		labels_unref(ev->owned[i]);
	for (size_t i = 0; i < ev->n_selections; i++)
		tsdb_selection_release(&ev->selections[i]);
	free(ev->owned);
	free(ev->selections);
	free(ev->buffer);
	release_texts(&ev->warnings);
	release_texts(&ev->infos);
	intern_unref(ev->name_label);
	intern_unref(ev->le_label);
	free(ev->scratch);
	free(ev->by_step);
	arena_release(&ev->arena);
}

static void hand_over_notes(struct eval *ev, struct promql_result *result)
{
	result->looked_at = ev->looked_at;
	result->by_step = TAKE(ev->by_step);
	result->read = ev->samples;
	result->n_warnings = ev->warnings.n;
	result->n_infos = ev->infos.n;
	result->warnings = TAKE(ev->warnings.v);
	result->infos = TAKE(ev->infos.v);
	ev->warnings.n = ev->infos.n = 0;
}

static int evaluate(struct eval *ev, const struct node *node, const struct steps *steps,
	struct promql_result *result)
{
	struct value value = { 0 };
	int err;

	if (!ev->name_label || !ev->le_label)
		return -ENOMEM;
	if (ev->each_step) {
		ev->by_step = calloc(steps->n, sizeof(*ev->by_step));
		result->n_steps = steps->n;
		if (!ev->by_step)
			return -ENOMEM;
	}
	if (node->kind == NODE_MATRIX || node->kind == NODE_SUBQUERY) {
		err = fill_range(ev, node, steps, result);
	} else {
		err = eval_node(ev, node, steps, &value);
		if (!err)
			err = fill_result(&value, steps, result);
	}
	if (!err)
		hand_over_notes(ev, result);
	return err;
}

/* Offsets and ranges are added to times: further out than this the sums would overflow. */
static int check_time(int64_t wall_ms, struct promql_error *err)
{
	if (wall_ms >= -PROMQL_MAX_TIME_MS && wall_ms <= PROMQL_MAX_TIME_MS)
		return 0;
	return promql_fault(err, (struct span){ 0, 0 }, "the time is too far from 1970");
}

int promql_eval(const struct promql_expr *expr, struct tsdb *db, int64_t wall_ms,
	const struct promql_options *options, struct promql_result *ret, struct promql_error *err)
{
	const struct steps steps = { wall_ms, 1, 1 };
	struct promql_result result = { .type = promql_type(expr) };
	struct eval ev;
	int status = promql_check_evaluable(expr, err);

	if (!status)
		status = check_time(wall_ms, err);
	if (status)
		return status;
	eval_init(&ev, expr, db, options, err);
	ev.start_ms = ev.end_ms = wall_ms;
	status = evaluate(&ev, node_unwrap(expr->root), &steps, &result);
	eval_release(&ev);
	if (status)
		promql_result_release(&result);
	else
		*ret = result;
	return status;
}

static int by_labels(const void *a, const void *b)
{
	return labels_compare(((const struct promql_series *)a)->labels,
		((const struct promql_series *)b)->labels);
}

int promql_eval_range(const struct promql_expr *expr, struct tsdb *db, int64_t start_wall_ms,
	int64_t end_wall_ms, int64_t step_ms, const struct promql_options *options,
	struct promql_result *ret, struct promql_error *err)
{
	struct promql_result result = { .type = PROMQL_MATRIX };
	enum promql_type type = promql_type(expr);
	const struct span whole = { 0, expr->len };
	struct steps steps = { start_wall_ms, step_ms, 0 };
	struct eval ev;
	int status = promql_check_evaluable(expr, err);

	if (!status)
		status = check_time(start_wall_ms, err);
	if (!status)
		status = check_time(end_wall_ms, err);
	if (status)
		return status;
	if (type != PROMQL_VECTOR && type != PROMQL_SCALAR)
		return promql_fault(err, whole,
			"invalid expression type \"%s\" for range query, must be Scalar or instant Vector",
			promql_type_name(type));
	if (step_ms <= 0 || end_wall_ms < start_wall_ms)
		return promql_fault(err, whole,
			"a range query needs a step above zero and an end that is not before its start");
	steps.n = (size_t)((end_wall_ms - start_wall_ms) / step_ms) + 1;
	eval_init(&ev, expr, db, options, err);
	ev.start_ms = start_wall_ms;
	ev.end_ms = end_wall_ms;
	status = evaluate(&ev, expr->root, &steps, &result);
	eval_release(&ev);
	if (status) {
		promql_result_release(&result);
		return status;
	}
	if (result.n)
		qsort(result.series, result.n, sizeof(*result.series), by_labels);
	*ret = result;
	return 0;
}
