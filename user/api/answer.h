/*
 * answer.h - Prometheus's envelope around data and errors, and parameters read as it reads them.
 *
 * Source: prometheus web/api/v1/api.go.
 */
#ifndef TOLLD_API_ANSWER_H
#define TOLLD_API_ANSWER_H

#include "api/http.h"
#include "api/jsonw.h"
#include "model/matcher.h"
#include "promql/promql.h"

enum answer_error {
	ANSWER_BAD_DATA,
	ANSWER_EXECUTION,
	ANSWER_CANCELED,
	ANSWER_TIMEOUT,
	ANSWER_INTERNAL,
	ANSWER_NOT_FOUND,
	ANSWER_UNAVAILABLE,
};

/* Begins {"status":"success","data": -- one value must follow, then answer_end(). */
void answer_begin(struct request *req, struct jsonw *json);
void answer_end(struct request *req, struct jsonw *json);
/* The same with what the query wants said beside its data. */
void answer_end_with(struct request *req, struct jsonw *json, char *const *warnings,
	size_t n_warnings, char *const *infos, size_t n_infos);
/* Replaces what was answered so far. */
void answer_error(struct request *req, enum answer_error type, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* `invalid parameter "query": 1:5: parse error: ...`; with a param of NULL from the place on. */
void answer_parse_error(
	struct request *req, const char *param, const char *text, const struct promql_error *err);
/* What a failed evaluation says to the client. */
void answer_eval_error(struct request *req, int err, const struct promql_error *what);

/*
 * Parameters. Each returns 0, or a negative errno with the request already answered. A parameter
 * that is missing or empty leaves *ret as it is; param_time() with `required` refuses that.
 */
int param_time(struct request *req, const char *name, bool required, int64_t *ret_wall_ms);
int param_duration(struct request *req, const char *name, int64_t *ret_ms);
int param_step(struct request *req, int64_t *ret_ms);	  /* `step`, which must be there */
int param_lookback(struct request *req, int64_t *ret_ms); /* `lookback_delta` */
int param_limit(struct request *req, const char *name, size_t *ret);

/* One of match[]: asks for series. */
struct selector {
	struct promql_expr *expr;
	const struct matcher *const *matchers; /* in expr */
	size_t n;
};

struct selectors {
	struct selector *items;
	size_t n, cap;
};

/* `named`: a fault names the parameter. Prometheus leaves that out at some of its paths. */
int param_selectors(struct request *req, const char *name, bool named, struct selectors *ret);
void selectors_release(struct selectors *selectors);
/* Whether one of them matches; without any, everything does. */
bool selectors_match(const struct selectors *selectors, const struct labels *labels);

#endif
