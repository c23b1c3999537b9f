/*
 * v2.h - what the handlers of Alertmanager's API v2 share: its answers, its parameters, its filters.
 *
 * Handlers say what is wrong in one bare JSON string; what stands before them (types, what is required)
 * in {"code", "message"}, where codes from 600 on go out as 422. Source: alertmanager api/v2/api.go and
 * openapi.yaml, go-openapi/runtime.
 */
#ifndef TOLLD_API_V2_H
#define TOLLD_API_V2_H

#include "api/jsonw.h"
#include "api/state.h"
#include "base/map.h"
#include "model/matcher_parser.h"

/* Of Alertmanager, whose API this is; tolld's own version stands behind the '+'. */
#define V2_VERSION "0.34.0+tolld." TOLLD_VERSION

/* Codes of go-openapi/errors. */
enum v2_code { V2_INVALID_TYPE = 601, V2_REQUIRED = 602, V2_TOO_FEW_ITEMS = 612 };

/* The time now, for work that began then: one request has one idea of the wall clock. */
struct instant v2_now(const struct instant *begun);

/* Begins an answer of 200: one value must follow, then v2_end(). */
void v2_begin(struct request *req, struct jsonw *json);
/* Replaces what is too large, or found no memory, by an error. */
void v2_end(struct request *req);
void v2_empty(struct request *req, unsigned status);
void v2_text(struct request *req, unsigned status, const char *fmt, ...) PRINTF_LIKE(3, 4);
void v2_fault(struct request *req, unsigned code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Whatever is no truth value is false; an empty one is not there. The last one counts. */
bool v2_bool(const struct request *req, const char *name, bool otherwise);
/* The last one that is not empty, or NULL. */
const char *v2_param(const struct request *req, const char *name);
/*
 * All of filter=, or of another name: one matcher each. 0, or a negative errno with the request
 * already answered.
 */
int v2_matchers(struct request *req, const char *name, struct matcher_list *ret);

/* The names of the receivers that receiver= and receiver_matchers= choose. */
struct v2_receivers {
	bool all;
	struct map chosen; /* names */
};

/* As v2_matchers(). */
int v2_receivers_read(struct request *req, struct v2_receivers *ret);
void v2_receivers_release(struct v2_receivers *receivers);
bool v2_receivers_have(const struct v2_receivers *receivers, const char *name);

/* Alertmanager's own metrics, in the text format; metrics_alertmanager.c. */
void metrics_alertmanager(struct strbuf *out, const struct api *api, struct instant now);

#endif
