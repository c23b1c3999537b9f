/*
 * request.c - a request line and a form taken apart.
 *
 * libmicrohttpd could do this too, but ends a value at a decoded NUL; here one reader serves both
 * places where parameters stand.
 */
#include "api/http.h"

#include <errno.h>
#include <strings.h>
#include "base/hex.h"

static const char replacement[] = "\xef\xbf\xbd";

/* Decodes %XX and, in a form, '+' and a NUL, which no text here can hold, as U+FFFD. */
static int decode(const char *s, size_t len, bool form, char **ret)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(s[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(s[i + 2]) : -1;

			c = high < 0 || low < 0 ? 0 : high << 4 | low;
			i += 2;
			if (form && !high && !low) {
				memcpy(out + n, replacement, strlen(replacement));
				n += strlen(replacement);
				continue;
			}
		} else if (c == '+' && form) {
			c = ' ';
		}
		if (!c) {
			free(out);
			return -EINVAL;
		}
		out[n++] = (char)c;
	}
	out[n] = '\0';
	*ret = out;
	return 0;
}

static int add_param(struct request *req, const char *s, size_t len)
{
	const char *equal = memchr(s, '=', len);
	size_t name_len = equal ? (size_t)(equal - s) : len;
	struct param p = { 0 };
	int err;

	if (req->n_params >= HTTP_MAX_PARAMS)
		return -EMSGSIZE;
	if (!vec_reserve(req->params, req->n_params, req->cap_params))
		return -ENOMEM;
	err = decode(s, name_len, true, &p.name);
	if (!err)
		err = decode(
			equal ? equal + 1 : "", equal ? len - name_len - 1 : 0, true, &p.value);
	if (err) {
		free(p.name);
		return err;
	}
	req->params[req->n_params++] = p;
	return 0;
}

static int add_params(struct request *req, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		const char *amp = memchr(s, '&', (size_t)(end - s));
		const char *stop = amp ? amp : end;
		int err = stop > s ? add_param(req, s, (size_t)(stop - s)) : 0;

		if (err == -EINVAL)
			req->bad_params = true;
		else if (err)
			return err;
		s = stop + 1;
	}
	return 0;
}

/* From the path on. Source: RFC 9112, 3.2.2. */
static const char *without_host(const char *uri)
{
	size_t scheme = !strncasecmp(uri, "http://", 7)	   ? 7
			: !strncasecmp(uri, "https://", 8) ? 8
							   : 0;

	if (!scheme)
		return uri;
	uri += scheme + strcspn(uri + scheme, "/?#");
	return *uri ? uri : "/";
}

int request_new(struct api *api, const char *uri, struct request **ret)
{
	scoped(request_freep) struct request *req = calloc(1, sizeof(*req));
	size_t path_len;
	const char *query;
	int err;

	if (!req)
		return -ENOMEM;
	req->api = api;
	strbuf_init(&req->body, HTTP_MAX_BODY);
	strbuf_init(&req->response.body, HTTP_MAX_ANSWER);
	if (strlen(uri) > HTTP_MAX_URI)
		return -EMSGSIZE;
	uri = without_host(uri);
	path_len = strcspn(uri, "?#");
	query = uri[path_len] == '?' ? uri + path_len + 1 : "";
	err = decode(uri, path_len, false, &req->path);
	if (!err)
		err = add_params(req, query, strcspn(query, "#"));
	if (err)
		return err;
	*ret = TAKE(req);
	return 0;
}

void request_free(struct request *req)
{
	if (!req)
		return;
	if (req->job)
		req->job->free(req->job);
	for (size_t i = 0; i < req->n_params; i++) {
		free(req->params[i].name);
		free(req->params[i].value);
	}
	free(req->params);
	free(req->path);
	free(req->method);
	free(req->origin);
	free(req->accept);
	free(req->fetch_site);
	free(req->host);
	free(req->content_type);
	strbuf_release(&req->body);
	strbuf_release(&req->response.body);
	free(req);
}

/* Puts the parameters from `first` on before all others. */
static int move_to_front(struct request *req, size_t first)
{
	size_t n = req->n_params - first;
	struct param *sorted;

	if (!first || !n)
		return 0;
	sorted = malloc(req->cap_params * sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, req->params + first, n * sizeof(*sorted));
	memcpy(sorted + n, req->params, first * sizeof(*sorted));
	free(req->params);
	req->params = sorted;
	return 0;
}

int request_read_form(struct request *req)
{
	static const char form[] = "application/x-www-form-urlencoded";
	size_t from_uri = req->n_params;
	int err;

	if (!req->content_type || strncasecmp(req->content_type, form, sizeof(form) - 1) != 0)
		return 0;
	err = add_params(req, req->body.s, req->body.len);
	return err ? err : move_to_front(req, from_uri);
}

const struct param *request_next(
	const struct request *req, const char *name, const struct param *after)
{
	for (size_t i = after ? (size_t)(after - req->params) + 1 : 0; i < req->n_params; i++) {
		if (streq(req->params[i].name, name))
			return &req->params[i];
	}
	return NULL;
}

const char *request_param(const struct request *req, const char *name)
{
	const struct param *p = request_next(req, name, NULL);

	return p ? p->value : NULL;
}

const char *request_text(const struct request *req, const char *name)
{
	const char *value = request_param(req, name);

	return value && *value ? value : NULL;
}

void respond_text(struct request *req, unsigned status, const char *text)
{
	struct response *resp = &req->response;

	strbuf_release(&resp->body);
	strbuf_adds(&resp->body, text);
	resp->status = status;
	resp->content_type = "text/plain; charset=utf-8";
}
