/*
 * evaluation.c - a query carried out piece by piece.
 *
 * Pieces of a range are laid one behind the other, series by series. That is the same as one
 * evaluation, because a step depends on samples and its own time alone; the exception, `@ start()`
 * and `@ end()`, is evaluated whole.
 */
#include "api/evaluation.h"

#include <errno.h>
#include "api/answer.h"
#include "api/state.h"
#include "base/map.h"

/* Steps of the first piece; it grows and shrinks with the time that pieces take. */
#define FIRST_PIECE 16

/* Points written to the answer before the clock is looked at again. */
#define WRITE_POINTS 2000

struct found {
	struct labels *labels;
	struct sample *points;
	size_t n, cap;
};

struct evaluation {
	struct job job;
	struct promql_expr *expr;
	struct evaluation_options options;
	bool divisible;

	/* Evaluating: what was found in the pieces so far. */
	int64_t next_wall_ms;
	int64_t piece; /* steps */
	struct found **found;
	size_t n_found, cap_found;
	struct map by_labels;
	size_t points;
	enum promql_type type;
	char *text; /* of a string */
	char **warnings, **infos;
	size_t n_warnings, cap_warnings, n_infos, cap_infos;
	bool evaluated;
	int64_t begun_boot_ns, took_ns; /* since the request, and evaluating */
	uint64_t looked_at, *by_step;
	size_t n_steps, cap_steps;
	size_t peak;

	/* Writing. */
	struct jsonw json;
	size_t next_found, next_point;
	bool writing;
};

static void found_free(struct found *found)
{
	labels_unref(found->labels);
	free(found->points);
	free(found);
}

static void free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static void evaluation_free(struct job *job)
{
	struct evaluation *ev = container_of(job, struct evaluation, job);

	for (size_t i = 0; i < ev->n_found; i++)
		found_free(ev->found[i]);
	free(ev->found);
	map_release(&ev->by_labels);
	free_texts(ev->warnings, ev->n_warnings);
	free_texts(ev->infos, ev->n_infos);
	free(ev->text);
	free(ev->by_step);
	promql_free(ev->expr);
	free(ev);
}

/* Each text once: every piece of a range may have the same to say. */
static int add_text(char ***texts, size_t *n, size_t *cap, const char *text)
{
	for (size_t i = 0; i < *n; i++) {
		if (streq((*texts)[i], text))
			return 0;
	}
	if (!vec_reserve(*texts, *n, *cap))
		return -ENOMEM;
	(*texts)[*n] = strdup(text);
	if (!(*texts)[*n])
		return -ENOMEM;
	(*n)++;
	return 0;
}

/* The series that earlier pieces began, or a new one. */
static int find(struct evaluation *ev, const struct labels *labels, struct found **ret)
{
	/* Names and values are interned: equal sets are equal bytes. */
	size_t key_len = labels->n * sizeof(labels->v[0]);
	struct found *found = map_get(&ev->by_labels, labels->v, key_len);

	if (found) {
		*ret = found;
		return 0;
	}
	if (!vec_reserve(ev->found, ev->n_found, ev->cap_found))
		return -ENOMEM;
	found = calloc(1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	/* An instant has one piece, and nothing to be found again. */
	if (ev->options.step_ms && map_put(&ev->by_labels, labels->v, key_len, found) < 0) {
		free(found);
		return -ENOMEM;
	}
	found->labels = labels_ref(labels);
	ev->found[ev->n_found++] = found;
	*ret = found;
	return 0;
}

static int take_points(struct evaluation *ev, const struct promql_series *series)
{
	struct found *found;
	int err;

	if (!series->n)
		return 0;
	err = find(ev, series->labels, &found);
	if (err)
		return err;
	ev->points += series->n;
	if (ev->points > EVALUATION_MAX_POINTS)
		return -EMSGSIZE;
	for (size_t i = 0; i < series->n; i++) {
		if (!vec_reserve(found->points, found->n, found->cap))
			return -ENOMEM;
		found->points[found->n++] = series->points[i];
	}
	return 0;
}

/* An instant vector's order is part of the answer: its series are kept as they come. */
static int take_result(struct evaluation *ev, const struct promql_result *result)
{
	int err = 0;

	ev->type = result->type;
	for (size_t i = 0; i < result->n && !err; i++)
		err = take_points(ev, &result->series[i]);
	for (size_t i = 0; i < result->n_warnings && !err; i++)
		err = add_text(
			&ev->warnings, &ev->n_warnings, &ev->cap_warnings, result->warnings[i]);
	for (size_t i = 0; i < result->n_infos && !err; i++)
		err = add_text(&ev->infos, &ev->n_infos, &ev->cap_infos, result->infos[i]);
	if (!err && result->text) {
		free(ev->text);
		ev->text = strdup(result->text);
		err = ev->text ? 0 : -ENOMEM;
	}
	return err;
}

static int take_steps(struct evaluation *ev, const struct promql_result *result)
{
	ev->looked_at += result->looked_at;
	ev->peak = MAX(ev->peak, result->read);
	for (size_t i = 0; i < result->n_steps; i++) {
		if (!vec_reserve(ev->by_step, ev->n_steps, ev->cap_steps))
			return -ENOMEM;
		ev->by_step[ev->n_steps++] = result->by_step[i];
	}
	return 0;
}

static int compare_found(const void *a, const void *b)
{
	const struct found *const *fa = a, *const *fb = b;

	return labels_compare((*fa)->labels, (*fb)->labels);
}

static int eval_piece(
	struct evaluation *ev, struct tsdb *db, int64_t now_boot_ns, struct promql_error *error)
{
	const struct evaluation_options *o = &ev->options;
	struct promql_options options = { .lookback_ms = o->lookback_ms,
		.default_step_ms = o->default_step_ms,
		.max_samples = o->max_samples,
		.each_step = o->each_step,
		.deadline_boot_ns = MIN(o->deadline_boot_ns, now_boot_ns + API_MAX_BLOCK_NS) };
	struct promql_result result = { 0 };
	int64_t steps_left, last;
	int err;

	if (!o->step_ms) {
		err = promql_eval(ev->expr, db, o->start_wall_ms, &options, &result, error);
		ev->evaluated = true;
	} else {
		steps_left = (o->end_wall_ms - ev->next_wall_ms) / o->step_ms;
		last = ev->next_wall_ms +
		       (ev->divisible ? MIN(ev->piece - 1, steps_left) : steps_left) * o->step_ms;
		/* `@ end()` is the end that was asked for, on a step or not. */
		err = promql_eval_range(ev->expr, db, ev->next_wall_ms,
			ev->divisible ? last : o->end_wall_ms, o->step_ms, &options, &result,
			error);
		if (!err)
			ev->next_wall_ms = last + o->step_ms;
		ev->evaluated = ev->next_wall_ms > o->end_wall_ms;
	}
	if (err)
		return err;
	err = take_steps(ev, &result);
	if (!err)
		err = take_result(ev, &result);
	promql_result_release(&result);
	if (o->step_ms)
		ev->type = PROMQL_MATRIX;
	if (!err && o->step_ms && ev->evaluated && ev->n_found)
		qsort(ev->found, ev->n_found, sizeof(*ev->found), compare_found);
	return err;
}

/* Pieces as large as fit a turn: each has a cost of its own, for finding the series. */
static void fit_piece(struct evaluation *ev, int64_t took_ns)
{
	if (took_ns < API_TURN_NS / 4)
		ev->piece *= 2;
	else if (took_ns > API_TURN_NS)
		ev->piece = MAX(ev->piece / 2, (int64_t)1);
}

static void begin_writing(struct evaluation *ev, struct request *req)
{
	static const char *const names[] = { [PROMQL_SCALAR] = "scalar",
		[PROMQL_VECTOR] = "vector",
		[PROMQL_MATRIX] = "matrix",
		[PROMQL_STRING] = "string" };

	if (ev->options.limit && ev->n_found > ev->options.limit && ev->type != PROMQL_SCALAR) {
		for (size_t i = ev->options.limit; i < ev->n_found; i++)
			found_free(ev->found[i]);
		ev->n_found = ev->options.limit;
		/* Without memory for the remark the answer is still right. */
		add_text(&ev->warnings, &ev->n_warnings, &ev->cap_warnings,
			"results truncated due to limit");
	}
	answer_begin(req, &ev->json);
	jsonw_begin_object(&ev->json);
	jsonw_field_string(&ev->json, "resultType", names[ev->type]);
	jsonw_key(&ev->json, "result");
	jsonw_begin_array(&ev->json);
	ev->writing = true;
}

/* Writes at most `most` points of the current series; at its end goes to the next one. */
static size_t write_series(struct evaluation *ev, size_t most)
{
	const struct found *found = ev->found[ev->next_found];
	size_t stop = MIN(found->n, ev->next_point + most), n = stop - ev->next_point;
	struct jsonw *json = &ev->json;

	if (ev->next_point == 0) {
		jsonw_begin_object(json);
		jsonw_field_labels(json, "metric", found->labels);
		jsonw_key(json, ev->type == PROMQL_MATRIX ? "values" : "value");
		if (ev->type == PROMQL_MATRIX)
			jsonw_begin_array(json);
	}
	for (; ev->next_point < stop; ev->next_point++)
		jsonw_sample(json, found->points[ev->next_point].wall_ms,
			found->points[ev->next_point].value);
	if (stop < found->n)
		return n;
	if (ev->type == PROMQL_MATRIX)
		jsonw_end_array(json);
	jsonw_end_object(json);
	ev->next_found++;
	ev->next_point = 0;
	return n;
}

/* [time, "value"], without a series around it. */
static void write_plain(struct evaluation *ev)
{
	const struct found *found = ev->n_found ? ev->found[0] : NULL;
	struct jsonw *json = &ev->json;

	jsonw_seconds(json, ev->options.start_wall_ms);
	if (ev->type == PROMQL_STRING)
		jsonw_string(json, ev->text);
	else
		jsonw_value(json, found && found->n ? found->points[0].value : 0);
	ev->next_found = ev->n_found;
}

static void write_steps(struct jsonw *json, const struct evaluation *ev)
{
	jsonw_key(json, "totalQueryableSamplesPerStep");
	jsonw_begin_array(json);
	for (size_t i = 0; i < ev->n_steps; i++) {
		jsonw_begin_array(json);
		jsonw_seconds(json, ev->options.start_wall_ms + (int64_t)i * ev->options.step_ms);
		jsonw_int(json, (int64_t)ev->by_step[i]);
		jsonw_end_array(json);
	}
	jsonw_end_array(json);
}

/* Nothing waits in a queue here, and results need no sorting that would be worth a figure. */
static void write_stats(struct evaluation *ev)
{
	double total = (double)(clock_boot_ns() - ev->begun_boot_ns) / NSEC_PER_SEC;
	double eval = (double)ev->took_ns / NSEC_PER_SEC;
	struct jsonw *json = &ev->json;

	jsonw_key(json, "stats");
	jsonw_begin_object(json);
	jsonw_key(json, "timings");
	jsonw_begin_object(json);
	jsonw_field_double(json, "evalTotalTime", eval);
	jsonw_field_double(json, "resultSortTime", 0);
	jsonw_field_double(json, "queryPreparationTime", 0);
	jsonw_field_double(json, "innerEvalTime", eval);
	jsonw_field_double(json, "execQueueTime", 0);
	jsonw_field_double(json, "execTotalTime", total);
	jsonw_end_object(json);
	jsonw_key(json, "samples");
	jsonw_begin_object(json);
	if (ev->options.each_step)
		write_steps(json, ev);
	jsonw_field_int(json, "totalQueryableSamples", (int64_t)ev->looked_at);
	jsonw_field_int(json, "peakSamples", (int64_t)ev->peak);
	jsonw_end_object(json);
	jsonw_end_object(json);
}

static bool write_turn(struct evaluation *ev, struct request *req, int64_t until_boot_ns)
{
	if (!ev->writing)
		begin_writing(ev, req);
	if (ev->type == PROMQL_SCALAR || ev->type == PROMQL_STRING)
		write_plain(ev);
	do {
		for (size_t n = 0; n < WRITE_POINTS && ev->next_found < ev->n_found;)
			n += write_series(ev, WRITE_POINTS - n);
	} while (ev->next_found < ev->n_found && clock_boot_ns() < until_boot_ns);
	if (ev->next_found < ev->n_found && !req->response.body.err)
		return false;
	if (!req->response.body.err) {
		jsonw_end_array(&ev->json);
		if (ev->options.stats)
			write_stats(ev);
		jsonw_end_object(&ev->json);
	}
	answer_end_with(req, &ev->json, ev->warnings, ev->n_warnings, ev->infos, ev->n_infos);
	return true;
}

/* Evaluates until the turn is over; 1 where there is more, 0 at the end. */
static int eval_turn(struct evaluation *ev, struct tsdb *db, struct promql_error *error)
{
	int64_t now = clock_boot_ns(), until = now + API_TURN_NS;

	while (!ev->evaluated) {
		int64_t then;
		int err;

		if (now >= ev->options.deadline_boot_ns)
			return -ETIMEDOUT;
		err = eval_piece(ev, db, now, error);
		then = clock_boot_ns();
		if (err == -ETIMEDOUT && ev->divisible && ev->piece > 1 &&
			then < ev->options.deadline_boot_ns) {
			ev->piece = MAX(ev->piece / 8, (int64_t)1);
			return 1;
		}
		if (err)
			return err;
		ev->took_ns += then - now;
		fit_piece(ev, then - now);
		now = then;
		if (now >= until)
			break;
	}
	return ev->evaluated ? 0 : 1;
}

static bool evaluation_step(struct job *job, struct request *req)
{
	struct evaluation *ev = container_of(job, struct evaluation, job);
	struct promql_error error = { 0 };
	int err = ev->writing ? 0 : eval_turn(ev, req->api->sources.db, &error);

	if (err > 0)
		return false;
	if (err == 0)
		return write_turn(ev, req, clock_boot_ns() + API_TURN_NS);
	if (err == -EMSGSIZE && !*error.text)
		answer_error(req, ANSWER_EXECUTION,
			"the answer has more than %d points; ask for fewer series or a larger step",
			EVALUATION_MAX_POINTS);
	else
		answer_eval_error(req, err, &error);
	req->api->query_timeouts += err == -ETIMEDOUT;
	return true;
}

/* As Prometheus, which takes a client that sends no more for one that has left. */
static void evaluation_cancel(struct job *job, struct request *req)
{
	answer_error(req, ANSWER_CANCELED, "query was canceled in expression evaluation");
}

static bool looks_at_the_whole_range(const struct promql_expr *expr)
{
	struct strbuf text = STRBUF_INIT;
	bool whole;

	promql_print(expr, &text);
	/* A string that only reads like it costs a division, never a right answer. */
	whole = text.err || strstr(text.s, "start()") || strstr(text.s, "end()");
	strbuf_release(&text);
	return whole;
}

void evaluation_start(
	struct request *req, struct promql_expr *expr, const struct evaluation_options *options)
{
	struct promql_error error = { 0 };
	struct evaluation *ev;

	if (promql_check_evaluable(expr, &error) < 0) {
		answer_error(req, ANSWER_EXECUTION, "%s", error.text);
		promql_free(expr);
		return;
	}
	ev = calloc(1, sizeof(*ev));
	if (!ev) {
		answer_error(req, ANSWER_INTERNAL, "out of memory");
		promql_free(expr);
		return;
	}
	ev->job = (struct job){
		.step = evaluation_step, .free = evaluation_free, .cancel = evaluation_cancel
	};
	ev->expr = expr;
	ev->options = *options;
	ev->divisible = options->step_ms && !looks_at_the_whole_range(expr);
	ev->next_wall_ms = options->start_wall_ms;
	ev->piece = FIRST_PIECE;
	ev->begun_boot_ns = clock_boot_ns();
	req->job = &ev->job;
	req->api->queries++;
}
