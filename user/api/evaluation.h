/*
 * evaluation.h - a query carried out piece by piece, between the loop's other work.
 *
 * A range is evaluated a few steps at a time and its answer written a few series at a time. A single
 * step cannot be divided: it is given API_MAX_BLOCK_NS, and the query ends with "timeout" beyond.
 */
#ifndef TOLLD_API_EVALUATION_H
#define TOLLD_API_EVALUATION_H

#include "api/http.h"
#include "promql/promql.h"

/* Of one range query, held until the answer is written. */
#define EVALUATION_MAX_POINTS 2000000

struct evaluation_options {
	int64_t start_wall_ms, end_wall_ms;
	int64_t step_ms;	 /* 0: at one instant, start_wall_ms */
	int64_t lookback_ms;	 /* 0: five minutes */
	size_t max_samples;	 /* 0: what PromQL takes by itself */
	int64_t default_step_ms; /* of subqueries; 0: one minute */
	int64_t deadline_boot_ns;
	bool stats;	/* what it took stands in the answer */
	bool each_step; /* also of each step */
	size_t limit;	/* 0: none; series in the answer */
};

/* Takes the expression. The request has a job afterwards, or an answer where that failed. */
void evaluation_start(
	struct request *req, struct promql_expr *expr, const struct evaluation_options *options);

#endif
