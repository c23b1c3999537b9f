/*
 * query.c - /api/v1/query, /api/v1/query_range, /api/v1/format_query: what a client asks.
 *
 * The evaluation itself is a job (evaluation.c), because it may take longer than a turn of the loop.
 */
#include "api/answer.h"
#include "api/evaluation.h"
#include "api/state.h"

#include <errno.h>

/* Prometheus's own limit, so that a client never asks for more points than a screen can show. */
#define MAX_POINTS 11000

/* `param`: what a fault names, or NULL. */
static int parse_query(struct request *req, const char *param, struct promql_expr **ret)
{
	const char *text = request_param(req, "query");
	struct promql_error error = { 0 };
	int err;

	text = text ? text : "";
	err = promql_parse(text, ret, &error);
	if (err == -ENOMEM)
		answer_error(req, ANSWER_INTERNAL, "out of memory");
	else if (err)
		answer_parse_error(req, param, text, &error);
	return err;
}

/* What both kinds of query have in common. */
static int read_common(struct request *req, struct instant now, struct evaluation_options *ret)
{
	const struct api_sources *sources = &req->api->sources;
	const char *stats = request_text(req, "stats");
	int64_t most_ms = req->api->options.query_timeout_ms;
	int64_t timeout_ms, lookback_ms = 0;
	int err;

	most_ms = most_ms > 0 ? most_ms : API_QUERY_TIMEOUT_MS;
	timeout_ms = most_ms;
	err = param_duration(req, "timeout", &timeout_ms);
	if (!err)
		err = param_lookback(req, &lookback_ms);
	if (err)
		return err;
	if (!req->api->sources.db) {
		answer_error(req, ANSWER_UNAVAILABLE, "there is no sample store");
		return -ENODEV;
	}
	ret->stats = stats != NULL;
	ret->each_step = stats && streq(stats, "all");
	/* No lookback below zero; a timeout of nothing has run out already, as in Prometheus. */
	ret->lookback_ms = lookback_ms > 0 ? lookback_ms : req->api->options.query_lookback_ms;
	ret->max_samples = req->api->options.query_max_samples;
	if (sources->default_step_ms)
		ret->default_step_ms = sources->default_step_ms(sources->userdata);
	ret->deadline_boot_ns =
		now.boot_ns + MAX(MIN(timeout_ms, most_ms), (int64_t)0) * NSEC_PER_MSEC;
	return 0;
}

void query_instant(struct request *req, struct instant now)
{
	struct evaluation_options options = { .start_wall_ms = now.wall_ms };
	struct promql_expr *expr;

	if (param_limit(req, "limit", &options.limit) < 0 ||
		param_time(req, "time", false, &options.start_wall_ms) < 0 ||
		read_common(req, now, &options) < 0 || parse_query(req, "query", &expr) < 0)
		return;
	options.end_wall_ms = options.start_wall_ms;
	evaluation_start(req, expr, &options);
}

static int read_range(struct request *req, struct evaluation_options *ret)
{
	int err = param_limit(req, "limit", &ret->limit);

	if (!err)
		err = param_time(req, "start", true, &ret->start_wall_ms);
	if (!err)
		err = param_time(req, "end", true, &ret->end_wall_ms);
	if (err)
		return err;
	if (ret->end_wall_ms < ret->start_wall_ms) {
		answer_error(req, ANSWER_BAD_DATA,
			"invalid parameter \"end\": end timestamp must not be before start time");
		return -EINVAL;
	}
	err = param_step(req, &ret->step_ms);
	if (err)
		return err;
	if (ret->step_ms <= 0) {
		answer_error(req, ANSWER_BAD_DATA,
			"invalid parameter \"step\": zero or negative query resolution step widths "
			"are not accepted. Try a positive integer");
		return -EINVAL;
	}
	if ((ret->end_wall_ms - ret->start_wall_ms) / ret->step_ms > MAX_POINTS) {
		answer_error(req, ANSWER_BAD_DATA,
			"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing "
			"the query resolution (?step=XX)");
		return -EINVAL;
	}
	return 0;
}

void query_range(struct request *req, struct instant now)
{
	struct evaluation_options options = { 0 };
	struct promql_expr *expr;

	if (read_range(req, &options) < 0 || read_common(req, now, &options) < 0 ||
		parse_query(req, "query", &expr) < 0)
		return;
	if (promql_type(expr) != PROMQL_SCALAR && promql_type(expr) != PROMQL_VECTOR) {
		answer_error(req, ANSWER_BAD_DATA,
			"invalid parameter \"query\": invalid expression type \"%s\" for range query, "
			"must be Scalar or instant Vector",
			promql_type(expr) == PROMQL_STRING ? "string" : "range vector");
		promql_free(expr);
		return;
	}
	evaluation_start(req, expr, &options);
}

void query_format(struct request *req, struct instant now)
{
	struct strbuf text = STRBUF_INIT;
	struct promql_expr *expr;
	struct jsonw json;

	if (parse_query(req, "query", &expr) < 0)
		return;
	promql_print(expr, &text);
	promql_free(expr);
	answer_begin(req, &json);
	jsonw_stringn(&json, text.s, text.len);
	answer_end(req, &json);
	strbuf_release(&text);
}

/* Exemplars are read and not kept: what is asked is checked, and the answer is none. */
void query_exemplars(struct request *req, struct instant now)
{
	int64_t start_wall_ms = INT64_MIN, end_wall_ms = INT64_MAX;
	struct promql_expr *expr;
	struct jsonw json;

	if (param_time(req, "start", false, &start_wall_ms) < 0 ||
		param_time(req, "end", false, &end_wall_ms) < 0)
		return;
	if (end_wall_ms < start_wall_ms) {
		answer_error(
			req, ANSWER_BAD_DATA, "end timestamp must not be before start timestamp");
		return;
	}
	if (parse_query(req, NULL, &expr) < 0)
		return;
	promql_free(expr);
	answer_begin(req, &json);
	jsonw_begin_array(&json);
	jsonw_end_array(&json);
	answer_end(req, &json);
}
