/*
 * v2.c - answers and parameters of Alertmanager's API v2.
 */
#include "api/v2.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <strings.h>

struct instant v2_now(const struct instant *begun)
{
	int64_t boot_ns = clock_boot_ns();

	return (struct instant){ .boot_ns = boot_ns,
		.wall_ms = begun->wall_ms + (boot_ns - begun->boot_ns) / NSEC_PER_MSEC };
}

/* -- answers ---------------------------------------------------------------------------------- */

static void begin(struct request *req, unsigned status, const char *content_type)
{
	struct response *resp = &req->response;

	strbuf_release(&resp->body);
	resp->status = status;
	resp->content_type = content_type;
	resp->cache_control = "no-store";
}

void v2_begin(struct request *req, struct jsonw *json)
{
	begin(req, MHD_HTTP_OK, "application/json");
	jsonw_init(json, &req->response.body);
}

void v2_end(struct request *req)
{
	struct strbuf *body = &req->response.body;

	strbuf_addch(body, '\n');
	if (body->err == -EMSGSIZE)
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR,
			"the answer is larger than %zu MiB; ask for less with filter= or receiver=",
			HTTP_MAX_ANSWER >> 20);
	else if (body->err)
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
}

void v2_empty(struct request *req, unsigned status)
{
	begin(req, status, NULL);
}

void v2_text(struct request *req, unsigned status, const char *fmt, ...)
{
	struct strbuf text = STRBUF_INIT;
	struct jsonw json;
	va_list args;

	va_start(args, fmt);
	strbuf_vaddf(&text, fmt, args);
	va_end(args);
	begin(req, status, "application/json");
	jsonw_init(&json, &req->response.body);
	jsonw_string(&json, text.err ? "out of memory" : text.s);
	strbuf_addch(&req->response.body, '\n');
	strbuf_release(&text);
}

void v2_fault(struct request *req, unsigned code, const char *fmt, ...)
{
	struct strbuf text = STRBUF_INIT;
	struct jsonw json;
	va_list args;

	va_start(args, fmt);
	strbuf_vaddf(&text, fmt, args);
	va_end(args);
	begin(req, code >= 600 ? MHD_HTTP_UNPROCESSABLE_CONTENT : code, "application/json");
	jsonw_init(&json, &req->response.body);
	jsonw_begin_object(&json);
	jsonw_field_int(&json, "code", code);
	jsonw_field_string(&json, "message", text.err ? "out of memory" : text.s);
	jsonw_end_object(&json);
	strbuf_release(&text);
}

/* As Alertmanager answers since it has no first API any more; source: its api/api.go. */
void v2_instead_of_v1(struct request *req, struct instant now)
{
	struct jsonw json;

	begin(req, MHD_HTTP_GONE, "application/json");
	jsonw_init(&json, &req->response.body);
	jsonw_begin_object(&json);
	jsonw_field_string(
		&json, "error", "Alertmanager's API v1 is gone; the same is found below /api/v2/");
	jsonw_field_string(&json, "status", "deprecated");
	jsonw_end_object(&json);
	strbuf_addch(&req->response.body, '\n');
}

/* -- parameters ------------------------------------------------------------------------------- */

const char *v2_param(const struct request *req, const char *name)
{
	const char *value = NULL;

	for (const struct param *p = request_next(req, name, NULL); p;
		p = request_next(req, name, p))
		value = p->value;
	return value && *value ? value : NULL;
}

bool v2_bool(const struct request *req, const char *name, bool otherwise)
{
	static const char *const truths[] = { "true", "1", "yes", "ok", "y", "on", "selected",
		"checked", "t", "enabled" };
	const char *value = v2_param(req, name);

	if (!value)
		return otherwise;
	for (size_t i = 0; i < ARRAY_SIZE(truths); i++) {
		if (!strcasecmp(value, truths[i]))
			return true;
	}
	return false;
}

int v2_matchers(struct request *req, const char *name, struct matcher_list *ret)
{
	char error[MATCHER_MAX_ERROR];
	int err = 0;

	*ret = MATCHER_LIST_INIT;
	for (const struct param *p = request_next(req, name, NULL); p && !err;
		p = request_next(req, name, p)) {
		struct matcher *matcher;

		err = matcher_parse(
			matcher_syntax_in_use(), p->value, &matcher, error, sizeof(error));
		if (!err)
			err = matcher_list_add(ret, matcher);
	}
	if (!err)
		return 0;
	matcher_list_release(ret);
	if (err == -EINVAL)
		v2_text(req, MHD_HTTP_BAD_REQUEST, "%s", error);
	else
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	return err;
}
