/*
 * Requests by the settings: what a server sees of them, and what comes of its answers.
 */
#include "net/server.h"

#include <fcntl.h>
#include "client/request.h"

#define HEAD(status_) "HTTP/1.1 " status_ "\r\nContent-Type: text/plain\r\n"

struct exchange {
	sd_event *event;
	struct net *net;
	struct client *client;
	struct server server;
	char url[64];
	/* What came of the last request. */
	bool done;
	unsigned calls;
	char error[300], body[300];
	long status;
	size_t len;
	int64_t retry_after_s;
};

static void setup(struct exchange *x)
{
	*x = (struct exchange){
		.server.head = HEAD("200 OK"), .server.body = "hello", .server.body_len = 5
	};
	assert_int_equal(sd_event_new(&x->event), 0);
	assert_int_equal(net_new(x->event, &x->net), 0);
	assert_int_equal(client_new(x->net, &x->client), 0);
	server_start(&x->server, x->event);
	snprintf(x->url, sizeof(x->url), "http://127.0.0.1:%u/a?b=c", x->server.port);
}

static void teardown(struct exchange *x)
{
	client_free(x->client);
	server_stop(&x->server);
	net_free(x->net);
	sd_event_unref(x->event);
}

static void on_answer(const struct client_answer *answer, void *userdata)
{
	struct exchange *x = userdata;

	x->done = true;
	x->calls++;
	snprintf(x->error, sizeof(x->error), "%s", answer->error ? answer->error : "");
	snprintf(x->body, sizeof(x->body), "%s", answer->body);
	x->status = answer->status;
	x->len = answer->len;
	x->retry_after_s = answer->retry_after_s;
}

/* 0, or what client_start() said; then x->error has its words. */
static int post(struct exchange *x, const struct config_client *settings, int64_t timeout_ms)
{
	static const struct client_header headers[] = { { "X-Own", "1" } };
	const struct client_request request = { .method = "POST",
		.url = x->url,
		.content_type = "application/json",
		.body = "{\"a\":1}",
		.len = 7,
		.headers = headers,
		.n_headers = 1,
		.timeout_ms = timeout_ms };
	unsigned calls = x->calls;
	int err;

	x->done = false;
	err = client_start(
		x->client, settings, &request, on_answer, x, NULL, x->error, sizeof(x->error));
	if (err)
		return err;
	assert_int_equal(x->calls, calls);
	run_until(x->event, &x->done, PATIENCE_MS);
	assert_int_equal(x->calls, calls + 1);
	return 0;
}

#define TEXT(t) ((struct config_text){ .s = (char *)(t) })

static const struct config_client plain = { .follow_redirects = true };

static void a_request_says_what_it_was_told_to_say(void **state)
{
	struct exchange x;

	setup(&x);
	assert_int_equal(post(&x, &plain, PATIENCE_MS), 0);
	assert_int_equal(x.status, 200);
	assert_string_equal(x.body, "hello");
	assert_string_equal(x.error, "");
	assert_true(starts_with(x.server.last_request, "POST /a?b=c HTTP/1.1\r\n"));
	assert_non_null(strstr(x.server.last_request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(x.server.last_request, "\r\nX-Own: 1\r\n"));
	assert_non_null(strstr(x.server.last_request, "\r\nUser-Agent: tolld/"));
	assert_null(strstr(x.server.last_request, "Expect"));
	assert_non_null(strstr(x.server.last_request, "\r\n\r\n{\"a\":1}"));
	teardown(&x);
}

static char *secret_file(const char *text, char path[32])
{
	int fd;

	snprintf(path, 32, "/tmp/tolld-test-XXXXXX");
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static void credentials_go_along_as_the_settings_have_them(void **state)
{
	struct config_text value = TEXT("v1");
	struct config_header header = { .name = TEXT("X-More"), .values = &value, .n_values = 1 };
	char path[32];
	struct config_client basic = { .http = { .basic_auth = true,
					       .username.value = TEXT("u"),
					       .password.file =
						       TEXT(secret_file(" p w\n", path)) } };
	struct config_client bearer = { .http = { .auth_type = TEXT("Token"),
						.credentials.value = TEXT("tok"),
						.headers = { &header, 1, 1 } } };
	struct config_client missing = { .http = { .auth_type = TEXT("Bearer"),
						 .credentials.file = TEXT("/nowhere/at/all") } };
	struct exchange x;

	setup(&x);
	assert_int_equal(post(&x, &basic, PATIENCE_MS), 0);
	assert_non_null(strstr(x.server.last_request, "\r\nAuthorization: Basic dTpwIHc=\r\n"));
	assert_int_equal(post(&x, &bearer, PATIENCE_MS), 0);
	assert_non_null(strstr(x.server.last_request, "\r\nAuthorization: Token tok\r\n"));
	assert_non_null(strstr(x.server.last_request, "\r\nX-More: v1\r\n"));
	assert_int_equal(post(&x, &missing, PATIENCE_MS), -ENOENT);
	assert_string_equal(x.error, "unable to read authorization credentials file "
				     "/nowhere/at/all: No such file or directory");
	unlink(path);
	teardown(&x);
}

static void the_way_may_lead_through_a_proxy(void **state)
{
	char proxy[64];
	struct config_client settings = plain;
	struct exchange x;

	setup(&x);
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", x.server.port);
	settings.http.proxy_url = TEXT(proxy);
	snprintf(x.url, sizeof(x.url), "http://service.invalid/x");
	assert_int_equal(post(&x, &settings, PATIENCE_MS), 0);
	assert_true(
		starts_with(x.server.last_request, "POST http://service.invalid/x HTTP/1.1\r\n"));
	teardown(&x);
}

static void what_fails_is_told_without_the_address(void **state)
{
	struct exchange x;

	setup(&x);
	x.server.manner = HANGS_UP;
	assert_int_equal(post(&x, &plain, PATIENCE_MS), 0);
	assert_string_equal(x.error, "Empty reply from server");
	x.server.manner = IS_SILENT;
	assert_int_equal(post(&x, &plain, 150), 0);
	assert_non_null(strstr(x.error, "timed out"));
	snprintf(x.url, sizeof(x.url), "http://");
	assert_int_equal(post(&x, &plain, 150), -EINVAL);
	assert_string_equal(x.error, "the address is no URL");
	teardown(&x);
}

static void more_than_anybody_reads_is_cut(void **state)
{
	char *large = malloc(CLIENT_ANSWER_MAX + 100000);
	struct exchange x;

	assert_non_null(large);
	memset(large, 'x', CLIENT_ANSWER_MAX + 100000);
	setup(&x);
	x.server.body = large;
	x.server.body_len = CLIENT_ANSWER_MAX + 100000;
	assert_int_equal(post(&x, &plain, PATIENCE_MS), 0);
	assert_int_equal(x.status, 200);
	assert_string_equal(x.error, "");
	assert_int_equal(x.len, CLIENT_ANSWER_MAX);
	teardown(&x);
	free(large);
}

static void a_server_may_ask_for_patience(void **state)
{
	struct exchange x;

	setup(&x);
	x.server.head = HEAD("429 Too Many Requests") "Retry-After: 7\r\n";
	assert_int_equal(post(&x, &plain, PATIENCE_MS), 0);
	assert_int_equal(x.status, 429);
	assert_int_equal(x.retry_after_s, 7);
	teardown(&x);
}

/* -- OAuth 2 ----------------------------------------------------------------------------------- */

static unsigned tokens_given, asked_by_header, asked_by_form;
static bool wants_form, gives_none;
static const char *refused_token, *given_type = "bearer";

/* Gives tokens t1, t2, ... at /token, and takes the newest one everywhere else. */
static void authorization_server(struct server *s)
{
	static char token[100];
	char expected[64];

	s->head = HEAD("200 OK");
	if (starts_with(s->last_request, "POST /token ")) {
		asked_by_header +=
			strstr(s->last_request, "Authorization: Basic aWQ6c2VjcmV0") != NULL;
		asked_by_form +=
			strstr(s->last_request, "client_id=id&client_secret=secret") != NULL;
		assert_non_null(strstr(s->last_request,
			"\r\n\r\ngrant_type=client_credentials&scope=a+b&audience=x"));
		if (gives_none || (wants_form && !strstr(s->last_request, "client_id="))) {
			s->head = HEAD("401 Unauthorized");
			s->body = "{\"error\":\"invalid_client secret aWQ6c2VjcmV0\"}";
		} else {
			snprintf(token, sizeof(token),
				"{\"access_token\":\"t%u\",\"token_type\":\"%s\",\"expires_in\":3600}",
				++tokens_given, given_type);
			s->body = token;
		}
	} else {
		snprintf(expected, sizeof(expected), "\r\nAuthorization: Bearer t%u\r\n",
			tokens_given);
		if (!strstr(s->last_request, expected) ||
			(refused_token && strstr(expected, refused_token)))
			s->head = HEAD("401 Unauthorized");
		s->body = "served";
	}
	s->body_len = strlen(s->body);
}

static void tokens_are_fetched_kept_and_renewed(void **state)
{
	static struct config_text scopes[] = { { .s = (char *)"a" }, { .s = (char *)"b" } };
	static struct config_pair params[] = { { { .s = (char *)"audience" },
		{ .s = (char *)"x" } } };
	struct config_client settings = { .oauth2 = { .set = true,
						  .client_id = TEXT("id"),
						  .client_secret.value = TEXT("secret"),
						  .scopes = { scopes, 2, 2 },
						  .endpoint_params = { params, 1, 1 } } };
	char token_url[64];
	struct exchange x;

	setup(&x);
	snprintf(token_url, sizeof(token_url), "http://127.0.0.1:%u/token", x.server.port);
	settings.oauth2.token_url = TEXT(token_url);
	x.server.on_request = authorization_server;
	assert_int_equal(post(&x, &settings, PATIENCE_MS), 0);
	assert_int_equal(x.status, 200);
	assert_string_equal(x.body, "served");
	assert_int_equal(post(&x, &settings, PATIENCE_MS), 0);
	assert_int_equal(x.status, 200);
	assert_int_equal(tokens_given, 1);
	/* One that is not taken any more is not kept; the next try has another. */
	refused_token = "t1";
	assert_int_equal(post(&x, &settings, PATIENCE_MS), 0);
	assert_int_equal(x.status, 401);
	assert_int_equal(post(&x, &settings, PATIENCE_MS), 0);
	assert_int_equal(x.status, 200);
	assert_int_equal(tokens_given, 2);
	assert_int_equal(asked_by_header, 2);
	assert_int_equal(asked_by_form, 0);
	teardown(&x);

	setup(&x);
	wants_form = true;
	snprintf(token_url, sizeof(token_url), "http://127.0.0.1:%u/token", x.server.port);
	x.server.on_request = authorization_server;
	assert_int_equal(post(&x, &settings, PATIENCE_MS), 0);
	assert_int_equal(x.status, 200);
	assert_int_equal(asked_by_form, 1);
	teardown(&x);

	setup(&x);
	wants_form = false;
	given_type = "x\\r\\nX-Other: y";
	snprintf(token_url, sizeof(token_url), "http://127.0.0.1:%u/token", x.server.port);
	x.server.on_request = authorization_server;
	assert_int_equal(post(&x, &settings, PATIENCE_MS), 0);
	assert_null(strstr(x.server.last_request, "X-Other"));
	assert_string_equal(
		x.error, "oauth2 token: status code 200: no access_token in the answer");
	teardown(&x);

	setup(&x);
	gives_none = true;
	snprintf(token_url, sizeof(token_url), "http://127.0.0.1:%u/token", x.server.port);
	x.server.on_request = authorization_server;
	assert_int_equal(post(&x, &settings, PATIENCE_MS), 0);
	assert_string_equal(
		x.error, "oauth2 token: status code 401: invalid_client <secret> <secret>");
	teardown(&x);
}

static void what_is_under_way_can_be_left_at_any_time(void **state)
{
	struct client_request request = { .method = "GET", .timeout_ms = PATIENCE_MS };
	struct client_call *call;
	struct exchange x;

	setup(&x);
	x.server.manner = IS_SILENT;
	request.url = x.url;
	assert_int_equal(client_start(x.client, &plain, &request, on_answer, &x, &call, x.error,
				 sizeof(x.error)),
		0);
	run_until_count(x.event, &x.server.requests, 1);
	client_cancel(call);
	client_cancel(NULL);
	assert_int_equal(client_start(x.client, &plain, &request, on_answer, &x, NULL, x.error,
				 sizeof(x.error)),
		0);
	run_until_count(x.event, &x.server.requests, 2);
	run_until_quiet(x.event);
	assert_int_equal(x.calls, 0);
	teardown(&x); /* with one under way */
	assert_int_equal(x.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_says_what_it_was_told_to_say),
		cmocka_unit_test(credentials_go_along_as_the_settings_have_them),
		cmocka_unit_test(the_way_may_lead_through_a_proxy),
		cmocka_unit_test(what_fails_is_told_without_the_address),
		cmocka_unit_test(more_than_anybody_reads_is_cut),
		cmocka_unit_test(a_server_may_ask_for_patience),
		cmocka_unit_test(tokens_are_fetched_kept_and_renewed),
		cmocka_unit_test(what_is_under_way_can_be_left_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
