/*
 * answer.c - Prometheus's envelope around data and errors.
 */
#include "api/answer.h"

#include <errno.h>
#include <microhttpd.h>

static const struct {
	const char *name;
	unsigned status;
} error_types[] = {
	[ANSWER_BAD_DATA] = { "bad_data", MHD_HTTP_BAD_REQUEST },
	[ANSWER_EXECUTION] = { "execution", MHD_HTTP_UNPROCESSABLE_CONTENT },
	[ANSWER_CANCELED] = { "canceled", 499 },
	[ANSWER_TIMEOUT] = { "timeout", MHD_HTTP_SERVICE_UNAVAILABLE },
	[ANSWER_INTERNAL] = { "internal", MHD_HTTP_INTERNAL_SERVER_ERROR },
	[ANSWER_NOT_FOUND] = { "not_found", MHD_HTTP_NOT_FOUND },
	[ANSWER_UNAVAILABLE] = { "unavailable", MHD_HTTP_SERVICE_UNAVAILABLE },
};

static void begin(struct request *req, struct jsonw *json, unsigned status, const char *word)
{
	struct response *resp = &req->response;

	strbuf_release(&resp->body);
	resp->status = status;
	resp->content_type = "application/json";
	jsonw_init(json, &resp->body);
	jsonw_begin_object(json);
	jsonw_field_string(json, "status", word);
}

void answer_begin(struct request *req, struct jsonw *json)
{
	begin(req, json, MHD_HTTP_OK, "success");
	jsonw_key(json, "data");
}

static void add_texts(struct jsonw *json, const char *name, char *const *texts, size_t n)
{
	if (!n)
		return;
	jsonw_key(json, name);
	jsonw_begin_array(json);
	for (size_t i = 0; i < n; i++)
		jsonw_string(json, texts[i]);
	jsonw_end_array(json);
}

void answer_end_with(struct request *req, struct jsonw *json, char *const *warnings,
	size_t n_warnings, char *const *infos, size_t n_infos)
{
	int err;

	add_texts(json, "warnings", warnings, n_warnings);
	add_texts(json, "infos", infos, n_infos);
	jsonw_end_object(json);
	err = req->response.body.err;
	if (err == -EMSGSIZE)
		answer_error(req, ANSWER_EXECUTION,
			"the answer is larger than %zu MiB; ask for fewer series or a larger step",
			HTTP_MAX_ANSWER >> 20);
	else if (err)
		answer_error(req, ANSWER_INTERNAL, "out of memory");
}

void answer_end(struct request *req, struct jsonw *json)
{
	answer_end_with(req, json, NULL, 0, NULL, 0);
}

void answer_error(struct request *req, enum answer_error type, const char *fmt, ...)
{
	struct strbuf text = STRBUF_INIT;
	struct jsonw json;
	va_list args;

	va_start(args, fmt);
	strbuf_vaddf(&text, fmt, args);
	va_end(args);
	if (req->plain_errors) {
		strbuf_addch(&text, '\n');
		respond_text(req, error_types[type].status, text.err ? "out of memory\n" : text.s);
		strbuf_release(&text);
		return;
	}
	begin(req, &json, error_types[type].status, "error");
	jsonw_field_string(&json, "errorType", error_types[type].name);
	jsonw_field_string(&json, "error", text.err ? "out of memory" : text.s);
	jsonw_end_object(&json);
	strbuf_release(&text);
}

void answer_parse_error(
	struct request *req, const char *param, const char *text, const struct promql_error *err)
{
	struct strbuf place = STRBUF_INIT;
	unsigned line = 1, column = 1;

	if (param)
		strbuf_addf(&place, "invalid parameter \"%s\": ", param);
	for (size_t i = 0; i < err->offset && text[i]; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	if (*text)
		strbuf_addf(&place, "%u:%u", line, column);
	else
		strbuf_adds(&place, "unknown position");
	answer_error(
		req, ANSWER_BAD_DATA, "%s: parse error: %s", place.err ? "" : place.s, err->text);
	strbuf_release(&place);
}

void answer_eval_error(struct request *req, int err, const struct promql_error *what)
{
	switch (err) {
	case -ENOMEM:
		answer_error(req, ANSWER_INTERNAL, "out of memory");
		break;
	case -ETIMEDOUT:
		answer_error(req, ANSWER_TIMEOUT, "%s",
			*what->text ? what->text : "query timed out in expression evaluation");
		break;
	default:
		answer_error(
			req, ANSWER_EXECUTION, "%s", *what->text ? what->text : strerror(-err));
	}
}
