/*
 * ask.c - a question to a running tolld, and its answer's envelope.
 */
#include "cmd/ask.h"

#include <errno.h>
#include <stdio.h>
#include "base/escape.h"
#include "net/once.h"

static void add_params(struct strbuf *out, const struct ask_param *params, size_t n)
{
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		if (!params[i].value)
			continue;
		strbuf_addf(out, "%s%s=", first ? "" : "&", params[i].name);
		escape_query(out, params[i].value, strlen(params[i].value));
		first = false;
	}
}

static void make_address(struct strbuf *out, const char *url, const char *path)
{
	size_t len = strlen(url);

	while (len && url[len - 1] == '/')
		len--;
	if (!strstr(url, "://"))
		strbuf_adds(out, "http://");
	strbuf_add(out, url, len);
	strbuf_adds(out, path);
}

static int unreachable(struct answer *answer, const char *url, const char *why)
{
	snprintf(answer->reason, sizeof(answer->reason),
		"no answer from tolld at %.300s: %s; where it listens elsewhere, name that by --url",
		url, why);
	answer->error = answer->reason;
	return -EHOSTUNREACH;
}

/* {"status": "success", "data": ...} or {"status": "error", "errorType": ..., "error": ...} */
static int read_envelope(
	struct answer *answer, const char *url, const struct strbuf *body, long http_status)
{
	const char *status;
	char why[80];

	answer->root = json_loadb(body->s, body->len, 0, NULL);
	status = json_string_value(json_object_get(answer->root, "status"));
	answer->data = json_object_get(answer->root, "data");
	if (status && streq(status, "success") && answer->data)
		return 0;
	answer->data = NULL;
	answer->error = json_string_value(json_object_get(answer->root, "error"));
	if (status && answer->error)
		return -EPROTO;
	snprintf(why, sizeof(why), "something else answers there, with HTTP status %ld",
		http_status);
	return unreachable(answer, url, why);
}

static int exchange(const char *address, const char *form, struct strbuf *body, struct answer *ret)
{
	char why[NET_ONCE_ERROR_MAX] = "";
	long http_status = 0;
	int err;

	err = net_once(address, form, body, &http_status, why);
	if (err == -EHOSTUNREACH)
		return unreachable(ret, address, why);
	if (err == -EMSGSIZE) {
		snprintf(ret->reason, sizeof(ret->reason),
			"the answer is larger than %zu MiB: ask for less of it",
			ASK_MAX_BYTES >> 20);
		ret->error = ret->reason;
	}
	return err ? err : read_envelope(ret, address, body, http_status);
}

int ask(const char *url, const char *path, const struct ask_param *params, size_t n, bool post,
	struct answer *ret)
{
	scoped(strbuf_release) struct strbuf address = STRBUF_INIT, form = STRBUF_INIT, body;

	*ret = (struct answer){ 0 };
	strbuf_init(&body, ASK_MAX_BYTES);
	make_address(&address, url, path);
	add_params(&form, params, n);
	if (!post && form.len)
		strbuf_addf(&address, "?%s", form.s);
	if (address.err || form.err)
		return -ENOMEM;
	return exchange(address.s, post ? form.s : NULL, &body, ret);
}

void answer_release(struct answer *answer)
{
	json_decref(answer->root);
	*answer = (struct answer){ 0 };
}
