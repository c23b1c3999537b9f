/*
 * request.c - one request over HTTP and its answer, by the settings of whoever asks.
 */
#include "client/request.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "client/options.h"
#include "client/token.h"

#define MAX_REDIRECTS	   10l
#define CONNECT_TIMEOUT_MS 10000
#define UNHEARD_MS	   20000

struct client {
	struct net *net;
	struct client_call *calls;
	struct tokens tokens;
};

struct client_call {
	struct client *client;
	struct client_call *next, **link;
	const struct config_client *settings;
	struct client_request request; /* strings are the caller's */
	struct config_client own;      /* settings of one that is only for a token */
	struct config_client way;      /* to the token: its own TLS and proxy, no credentials */
	struct strbuf form;	       /* what asks for a token */
	bool for_token, in_params, only_token;
	int64_t end_boot_ns;
	CURL *easy;
	struct net_transfer *transfer;
	struct curl_slist *headers, *connect_to, *proxy_headers;
	struct strbuf body;
	struct censor
		shown; /* secrets that went out, of the request or of what asked for its token */
	char curl_error[CURL_ERROR_SIZE];
	char error[CURL_ERROR_SIZE + 128];
	client_done_fn *done;
	void *userdata;
};

static void on_done(CURL *easy, CURLcode code, void *userdata);

int client_new(struct net *net, struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->net = net;
	*ret = client;
	return 0;
}

static void transfer_release(struct client_call *call)
{
	net_cancel(TAKE(call->transfer));
	curl_easy_cleanup(TAKE(call->easy));
	client_headers_free(TAKE(call->headers));
	client_headers_free(TAKE(call->proxy_headers));
	curl_slist_free_all(TAKE(call->connect_to));
	strbuf_release(&call->body);
}

static void call_free(struct client_call *call)
{
	if (!call)
		return;
	if (call->link) {
		*call->link = call->next;
		if (call->next)
			call->next->link = call->link;
	}
	transfer_release(call);
	explicit_bzero(call->form.s, call->form.len);
	strbuf_release(&call->form);
	censor_release(&call->shown);
	free(call);
}

static void call_freep(struct client_call **call)
{
	call_free(*call);
}

void client_cancel(struct client_call *call)
{
	call_free(call);
}

void client_free(struct client *client)
{
	if (!client)
		return;
	while (client->calls)
		call_free(client->calls);
	tokens_release(&client->tokens);
	free(client);
}

/* -- setting up -- */

/* libcurl 7.88 opens its sockets without close-on-exec. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	const unsigned unheard_ms = UNHEARD_MS;

	/* Who is not there any more is not waited for like one who thinks. */
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof(unheard_ms));
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
	struct strbuf *body = userdata;
	size_t room = CLIENT_ANSWER_MAX - MIN(body->len, CLIENT_ANSWER_MAX);

	strbuf_add(body, bytes, MIN(size * n, room));
	/* Whoever sends more than anybody reads is cut off. */
	return body->err || size * n > room ? 0 : size * n;
}

static int set_connection(struct client_call *call, const struct config_client *settings)
{
	int64_t left_ms = (call->end_boot_ns - clock_boot_ns()) / NSEC_PER_MSEC;
	CURL *easy = call->easy;

	left_ms = MAX(left_ms, (int64_t)1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1l);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, (long)settings->follow_redirects);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(left_ms, (int64_t)CONNECT_TIMEOUT_MS));
	/* A connection that the server closed meanwhile would cost the next alert a try. */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1l);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1l);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &call->body);
	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
		curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") ||
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") ||
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "tolld/" TOLLD_VERSION))
		return -ENOMEM;
	return 0;
}

static int set_body(struct client_call *call, const struct client_request *request)
{
	CURL *easy = call->easy;
	int err = 0;

	if (request->content_type) {
		curl_easy_setopt(easy, CURLOPT_POST, 1l);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->len ? request->body : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
		err = client_add_header(&call->headers, "Content-Type", request->content_type);
		/*
		 * Nobody waits a second for a server to say that it may go on. libcurl (7.88) would
		 * sign this header, which is never sent, and asks only for more than a megabyte.
		 */
		if (!err && !request->sigv4)
			err = client_drop_header(&call->headers, "Expect");
	}
	if (!streq(request->method, request->content_type ? "POST" : "GET") &&
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method))
		err = -ENOMEM;
	return err;
}

static int set_signature(struct client_call *call, const struct client_request *request)
{
	if (!request->sigv4)
		return 0;
	censor_add(&call->shown, request->secret_key);
	return curl_easy_setopt(call->easy, CURLOPT_AWS_SIGV4, request->sigv4) ||
			       curl_easy_setopt(
				       call->easy, CURLOPT_USERNAME, request->access_key) ||
			       curl_easy_setopt(call->easy, CURLOPT_PASSWORD, request->secret_key)
		       ? -ENOMEM
		       : 0;
}

/* Starts a transfer of this call: the request itself, or the one for its token. */
static int begin(struct client_call *call, const struct config_client *settings,
	const struct client_request *request)
{
	size_t size = sizeof(call->error);
	int err;

	transfer_release(call);
	strbuf_init(&call->body, CLIENT_ANSWER_MAX);
	call->curl_error[0] = '\0';
	if (net_fault()) {
		snprintf(call->error, size, "%s", net_fault());
		return -ENOTSUP;
	}
	call->easy = curl_easy_init();
	if (!call->easy)
		return -ENOMEM;
	err = set_connection(call, settings);
	if (!err)
		err = client_set_url(call->easy, request->url, &settings->tls, &call->connect_to,
			&call->headers);
	if (err == -EINVAL)
		snprintf(call->error, size, "the address is no URL");
	if (!err)
		err = set_body(call, request);
	for (size_t i = 0; !err && i < request->n_headers; i++)
		err = client_add_header(
			&call->headers, request->headers[i].name, request->headers[i].value);
	if (!err)
		err = client_add_credentials(
			&call->headers, &settings->http, &call->shown, call->error, size);
	if (!err && settings->http.basic_auth)
		err = client_set_basic_auth(
			call->easy, &settings->http, &call->shown, call->error, size);
	if (!err)
		err = client_set_proxy(call->easy, &settings->http, request->url,
			&call->proxy_headers, &call->shown);
	if (!err)
		err = client_set_tls(call->easy, &settings->tls);
	if (!err)
		err = set_signature(call, request);
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
	if (!err)
		err = net_start(call->client->net, call->easy, on_done, call, &call->transfer);
	return err;
}

/* -- tokens -- */

static int begin_token(struct client_call *call)
{
	const struct config_oauth2 *oauth2 = &call->settings->oauth2;
	struct client_request request = { .method = "POST",
		.url = oauth2->token_url.s,
		.content_type = "application/x-www-form-urlencoded" };
	int err;

	call->for_token = true;
	call->way = (struct config_client){ .http = oauth2->http,
		.tls = oauth2->tls,
		.follow_redirects = call->settings->follow_redirects };
	err = token_form(oauth2, call->in_params, &call->way, &call->form, &call->shown,
		call->error, sizeof(call->error));
	if (err)
		return err;
	request.body = call->form.s;
	request.len = call->form.len;
	return begin(call, &call->way, &request);
}

static int begin_request(struct client_call *call)
{
	struct client_header headers[8];
	struct client_request request = call->request;
	const struct config_oauth2 *oauth2 = &call->settings->oauth2;
	const char *token = NULL;

	if (oauth2->set) {
		token = tokens_find(&call->client->tokens, oauth2, clock_boot_ns());
		if (!token)
			return begin_token(call);
		if (request.n_headers >= ARRAY_SIZE(headers))
			return -EINVAL;
		for (size_t i = 0; i < request.n_headers; i++)
			headers[i] = request.headers[i];
		headers[request.n_headers++] = (struct client_header){ "Authorization", token };
		censor_add(&call->shown, strchr(token, ' ') ? strchr(token, ' ') + 1 : token);
		request.headers = headers;
	}
	call->for_token = false;
	return begin(call, call->settings, &request);
}

/* -- the end -- */

static void finish(struct client_call *done, struct client_answer answer)
{
	struct client_call *call = done;
	client_done_fn *fn = call->done;
	void *userdata = call->userdata;

	/* The callback may end the client; this call is none of its business any more. */
	if (call->link) {
		*call->link = call->next;
		if (call->next)
			call->next->link = call->link;
		call->link = NULL;
	}
	fn(&answer, userdata);
	call_free(call);
}

static void fail(struct client_call *call, int err)
{
	censor_line(&call->shown, call->error, sizeof(call->error));

	const struct client_answer answer = { .error =
						      call->error[0] ? call->error : strerror(-err),
		.content_type = "",
		.body = "",
		.retry_after_s = -1 };

	finish(call, answer);
}

/* What a token's server said. False: there is another way to ask it, or the call is over. */
static void on_token(struct client_call *call, CURLcode code, long status)
{
	const struct config_oauth2 *oauth2 = &call->settings->oauth2;
	int err;

	call->error[0] = '\0';
	if (code) {
		snprintf(call->error, sizeof(call->error), "oauth2 token: %s",
			call->curl_error[0] ? call->curl_error : curl_easy_strerror(code));
		fail(call, -EIO);
		return;
	}
	/* Some servers want to read who asks from the form; there is no other way to find out. */
	if ((status == 400 || status == 401) && !call->in_params) {
		call->in_params = true;
		err = begin_token(call);
	} else {
		err = tokens_learn(&call->client->tokens, oauth2, status, call->body.s,
			&call->shown, clock_boot_ns(), call->error, sizeof(call->error));
		if (!err && call->only_token) {
			finish(call, (struct client_answer){ .status = status,
					     .content_type = "",
					     .body = "",
					     .retry_after_s = -1 });
			return;
		}
		if (!err)
			err = begin_request(call);
	}
	if (err)
		fail(call, err);
}

static void on_done(CURL *easy, CURLcode code, void *userdata)
{
	struct client_call *call = userdata;
	struct client_answer answer = { .body = call->body.s, .len = call->body.len };
	curl_off_t retry_after = 0;
	char *type = NULL;

	call->transfer = NULL;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
	/* It was cut where it was long enough. */
	if (code == CURLE_WRITE_ERROR && answer.status && !call->body.err)
		code = CURLE_OK;
	if (call->for_token) {
		on_token(call, code, answer.status);
		return;
	}
	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
	answer.content_type = type ? type : "";
	answer.retry_after_s = retry_after > 0 ? retry_after : -1;
	if (call->settings->oauth2.set && answer.status == 401)
		tokens_forget(&call->client->tokens, &call->settings->oauth2);
	answer.shown = &call->shown;
	censor_line(&call->shown, call->curl_error, sizeof(call->curl_error));
	if (code)
		answer.error = call->curl_error[0] ? call->curl_error : curl_easy_strerror(code);
	finish(call, answer);
}

static struct client_call *call_new(
	struct client *client, int64_t timeout_ms, client_done_fn *done, void *userdata)
{
	struct client_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->client = client;
	call->done = done;
	call->userdata = userdata;
	call->form = STRBUF_INIT;
	call->body = STRBUF_INIT;
	call->end_boot_ns = clock_boot_ns() + timeout_ms * NSEC_PER_MSEC;
	return call;
}

/* Takes the call, which has begun or, with err, has not. */
static int call_begun(struct client_call *begun, int err, struct client_call **ret, char *error,
	size_t error_size)
{
	scoped(call_freep) struct client_call *call = begun;
	struct client *client = call->client;

	if (err) {
		if (err != -ENOMEM)
			snprintf(error, error_size, "%s",
				call->error[0] ? call->error : strerror(-err));
		return err;
	}
	call->next = client->calls;
	call->link = &client->calls;
	if (call->next)
		call->next->link = &call->next;
	client->calls = call;
	if (ret)
		*ret = call;
	TAKE(call);
	return 0;
}

int client_start(struct client *client, const struct config_client *settings,
	const struct client_request *request, client_done_fn *done, void *userdata,
	struct client_call **ret, char *error, size_t error_size)
{
	struct client_call *call = call_new(client, request->timeout_ms, done, userdata);

	if (!call)
		return -ENOMEM;
	call->settings = settings;
	call->request = *request;
	return call_begun(call, begin_request(call), ret, error, error_size);
}

int client_fetch_token(struct client *client, const struct config_oauth2 *oauth2,
	int64_t timeout_ms, client_done_fn *done, void *userdata, struct client_call **ret,
	char *error, size_t error_size)
{
	struct client_call *call = call_new(client, timeout_ms, done, userdata);

	if (!call)
		return -ENOMEM;
	call->own = (struct config_client){ .oauth2 = *oauth2, .follow_redirects = true };
	call->settings = &call->own;
	call->only_token = true;
	return call_begun(call, begin_token(call), ret, error, error_size);
}

const char *client_token(const struct client *client, const struct config_oauth2 *oauth2)
{
	const char *header = tokens_find(&client->tokens, oauth2, clock_boot_ns());
	const char *space = header ? strchr(header, ' ') : NULL;

	return space ? space + 1 : NULL;
}

void client_forget_token(struct client *client, const struct config_oauth2 *oauth2)
{
	tokens_forget(&client->tokens, oauth2);
}
