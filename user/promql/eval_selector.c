/*
 * eval_selector.c - instant vector selectors: at each step the newest sample that is not too old.
 */
#include "promql/eval.h"

#include <errno.h>

/* The time that a selector's `offset` and `@` make of a step's. */
static int64_t shift_time(const struct eval *ev, const struct shift *shift, int64_t at_ms)
{
	switch (shift->at) {
	case AT_TIME:
		at_ms = shift->at_wall_ms;
		break;
	case AT_START:
		at_ms = ev->start_ms;
		break;
	case AT_END:
		at_ms = ev->end_ms;
		break;
	case AT_NONE:
		break;
	}
	return at_ms - shift->offset_ms;
}

/*
 * Fills a row from a series whose samples are read in order of time: at a step's time t the newest
 * one in (t - lookback, t], unless that is a stale marker.
 */
static size_t fill_row(struct eval *ev, const struct series *series, const struct shift *shift,
	const struct steps *steps, bool times, double *v)
{
	struct sample newest = { 0 }, next;
	struct series_iter it;
	bool has_newest = false, has_next;
	size_t found = 0;

	series_iter_init(&it, series, shift_time(ev, shift, steps->start_ms) - ev->lookback_ms + 1,
		shift_time(ev, shift, step_time(steps, steps->n - 1)));
	has_next = series_iter_next(&it, &next);
	for (size_t i = 0; i < steps->n; i++) {
		int64_t t = shift_time(ev, shift, step_time(steps, i));

		while (has_next && next.wall_ms <= t) {
			newest = next;
			has_newest = true;
			has_next = series_iter_next(&it, &next);
		}
		if (!has_newest || newest.wall_ms <= t - ev->lookback_ms ||
			is_stale_nan(newest.value))
			continue;
		v[i] = times ? (double)newest.wall_ms / 1000 : newest.value;
		if (ev->by_step)
			ev->by_step[i]++;
		found++;
	}
	series_iter_release(&it);
	ev->looked_at += found;
	return found;
}

/* The same of one step alone, which is what rules ask for. */
static size_t fill_one(struct eval *ev, const struct series *series, const struct shift *shift,
	const struct steps *steps, bool times, double *v)
{
	int64_t t = shift_time(ev, shift, steps->start_ms);
	struct sample newest;

	if (!series_newest(series, t - ev->lookback_ms + 1, t, &newest) ||
		is_stale_nan(newest.value))
		return 0;
	v[0] = times ? (double)newest.wall_ms / 1000 : newest.value;
	if (ev->by_step)
		ev->by_step[0]++;
	ev->looked_at++;
	return 1;
}

static int select_series(struct eval *ev, const struct node *node, int64_t min_ms, int64_t max_ms,
	const struct tsdb_selection **ret)
{
	struct tsdb_selection selection = { 0 };
	int err;

	if (!vec_reserve(ev->selections, ev->n_selections, ev->selections_cap))
		return -ENOMEM;
	err = tsdb_select(ev->db, (const struct matcher *const *)node->vector.matchers,
		node->vector.n_matchers, min_ms, max_ms, &selection);
	if (err)
		return err;
	ev->selections[ev->n_selections++] = selection;
	*ret = &ev->selections[ev->n_selections - 1];
	return 0;
}

static int eval_instants(struct eval *ev, const struct node *node, const struct steps *steps,
	bool times, struct value *ret)
{
	const struct shift *shift = &node->vector.shift;
	const struct tsdb_selection *selection;
	struct series *const *series;
	double *v = NULL;
	size_t found, n;
	int err;

	if (!steps->n)
		return 0;
	err = select_series(ev, node, shift_time(ev, shift, steps->start_ms) - ev->lookback_ms + 1,
		shift_time(ev, shift, step_time(steps, steps->n - 1)), &selection);
	if (err)
		return err;
	series = selection->series;
	n = selection->n;
	for (size_t s = 0; s < n; s++) {
		err = eval_tick(ev);
		if (err)
			return err;
		/* A row that stayed empty serves the next series. */
		if (!v)
			v = eval_row(ev, steps);
		if (!v)
			return ev->status;
		found = steps->n == 1 ? fill_one(ev, series[s], shift, steps, times, v)
				      : fill_row(ev, series[s], shift, steps, times, v);
		if (!found)
			continue;
		err = eval_count(ev, found);
		if (!err)
			err = eval_add(ev, ret, series_labels(series[s]), v);
		if (err)
			return err;
		v = NULL;
	}
	return 0;
}

int eval_vector(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	return eval_instants(ev, node, steps, false, ret);
}

int eval_vector_times(
	struct eval *ev, const struct node *node, const struct steps *steps, struct value *ret)
{
	return eval_instants(ev, node, steps, true, ret);
}

/* -- ranges ---------------------------------------------------------------------------------- */

static int open_selector(struct eval *ev, const struct node *node, struct range *range)
{
	const struct tsdb_selection *selection;
	int err = select_series(
		ev, node->matrix.vector, range->from_ms + 1, range->to_ms, &selection);

	if (err)
		return err;
	range->series = selection->series;
	range->n = selection->n;
	return 0;
}

/* A subquery's steps are whole multiples of its step, wherever the query starts. */
static int open_subquery(struct eval *ev, const struct node *node, struct range *range)
{
	int64_t step = node->subquery.step_ms ? node->subquery.step_ms : ev->default_step_ms;
	int64_t first = range->from_ms / step * step;
	struct looking looking;
	int err;

	if (first <= range->from_ms)
		first += step;
	range->inner_steps = (struct steps){ first, step, 0 };
	if (first > range->to_ms)
		return 0;
	range->inner_steps.n = (size_t)((range->to_ms - first) / step) + 1;
	looking = eval_look_away(ev);
	err = eval_node(ev, node->subquery.operand, &range->inner_steps, &range->inner);
	range->looked_at = eval_look_back(ev, looking);
	range->n = range->inner.n;
	return err;
}

int range_open(
	struct eval *ev, const struct node *node, const struct steps *steps, struct range *ret)
{
	const struct shift *shift;
	int64_t last_ms = steps->n ? step_time(steps, steps->n - 1) : steps->start_ms;

	node = node_unwrap(node);
	shift = node->kind == NODE_MATRIX ? &node->matrix.vector->vector.shift
					  : &node->subquery.shift;
	*ret = (struct range){ .shift = shift };
	ret->range_ms = node->kind == NODE_MATRIX ? node->matrix.range_ms : node->subquery.range_ms;
	ret->from_ms = shift_time(ev, shift, steps->start_ms) - ret->range_ms;
	ret->to_ms = shift_time(ev, shift, last_ms);
	if (!steps->n)
		return 0;
	return node->kind == NODE_MATRIX ? open_selector(ev, node, ret)
					 : open_subquery(ev, node, ret);
}

const struct labels *range_labels(const struct range *range, size_t i)
{
	return range->series ? series_labels(range->series[i]) : range->inner.rows[i].labels;
}

static int add_sample(struct eval *ev, size_t *n, struct sample sample)
{
	if (!vec_reserve(ev->buffer, *n, ev->buffer_cap))
		return -ENOMEM;
	ev->buffer[(*n)++] = sample;
	return ev->samples + *n > ev->max_samples ? eval_count(ev, *n) : 0;
}

int range_load(struct eval *ev, const struct range *range, size_t i, size_t *ret_n)
{
	const struct steps *inner = &range->inner_steps;
	struct series_iter it;
	struct sample sample;
	size_t n = 0;
	int err = eval_tick(ev);

	if (range->series) {
		series_iter_init(&it, range->series[i], range->from_ms + 1, range->to_ms);
		while (!err && series_iter_next(&it, &sample)) {
			if (!is_stale_nan(sample.value))
				err = add_sample(ev, &n, sample);
		}
		series_iter_release(&it);
	} else {
		for (size_t k = 0; !err && k < inner->n; k++) {
			sample = (struct sample){ step_time(inner, k), range->inner.rows[i].v[k] };
			if (!is_absent(sample.value))
				err = add_sample(ev, &n, sample);
		}
	}
	*ret_n = n;
	return err ? err : eval_count(ev, n);
}

void range_window(const struct eval *ev, const struct range *range, size_t n, int64_t at_ms,
	struct window *window)
{
	const struct sample *end, *from, *to;

	window->at_ms = at_ms;
	window->to_ms = shift_time(ev, range->shift, at_ms);
	window->from_ms = window->to_ms - range->range_ms;
	/* The buffer may not exist yet. */
	if (!n)
		return;
	end = ev->buffer + n;
	from = window->points ? window->points : ev->buffer;
	to = window->points ? window->points + window->n : ev->buffer;
	while (from < end && from->wall_ms <= window->from_ms)
		from++;
	to = MAX(to, from);
	while (to < end && to->wall_ms <= window->to_ms)
		to++;
	window->points = from;
	window->n = (size_t)(to - from);
}
