/* The simple client: one request asked again and again, on a connection that is kept, lost or refused. */
#include "net/server.h"

#include "net/http.h"

#define TEXT "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

struct world {
	sd_event *event;
	struct http *http;
	struct server server;
	bool done;
	unsigned calls;
	struct http_answer answer;
	char body[100], error[300];
	bool starts_again, frees;
};

static void on_done(const struct http_answer *answer, void *userdata)
{
	struct world *w = userdata;

	w->done = true;
	w->calls++;
	w->answer = *answer;
	snprintf(w->body, sizeof(w->body), "%s", answer->body);
	snprintf(w->error, sizeof(w->error), "%s", answer->error);
	if (w->starts_again) {
		w->starts_again = false;
		assert_int_equal(http_start(w->http, false), 0);
	}
	if (w->frees)
		http_free(TAKE(w->http));
}

static struct sockaddr_storage loopback(unsigned port, bool ipv6)
{
	struct sockaddr_storage address = { 0 };

	if (ipv6)
		*(struct sockaddr_in6 *)&address = (struct sockaddr_in6){ .sin6_family = AF_INET6,
			.sin6_port = htons((uint16_t)port),
			.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	else
		*(struct sockaddr_in *)&address = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_port = htons((uint16_t)port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return address;
}

static void make_for(struct world *w, unsigned port, size_t max_bytes, int64_t timeout_ms)
{
	const struct http_request request = {
		/* Nobody listens at the first. */
		.addresses = { loopback(port, true), loopback(port, false) },
		.n_addresses = 2,
		.text = TEXT,
		.timeout_ms = timeout_ms,
		.max_bytes = max_bytes,
	};

	http_free(w->http);
	assert_int_equal(http_new(w->event, &request, on_done, w, &w->http), 0);
}

static void make(struct world *w, unsigned port)
{
	make_for(w, port, 50, PATIENCE_MS);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_true(sd_event_new(&w->event) >= 0);
	w->server.head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
	w->server.body = "hello";
	w->server.body_len = 5;
	w->server.keep_alive = true;
	server_start(&w->server, w->event);
	make(w, w->server.port);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	http_free(w->http);
	server_stop(&w->server);
	sd_event_unref(w->event);
	free(w);
	return 0;
}

static void ask(struct world *w, bool fresh)
{
	w->done = false;
	assert_int_equal(http_start(w->http, fresh), 0);
	assert_false(w->done);
	run_until(w->event, &w->done, PATIENCE_MS);
	assert_true(w->done);
}

/* With a short timeout a busy machine may be too late at first. */
static void ask_until_answered(struct world *w)
{
	int tries = 0;

	do {
		ask(w, false);
	} while (w->answer.result != HTTP_ANSWERED && ++tries < 20);
	assert_int_equal(w->answer.result, HTTP_ANSWERED);
}

static void an_answer_is_told_with_its_type(void **state)
{
	struct world *w = *state;

	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_ANSWERED);
	assert_int_equal(w->answer.status, 200);
	assert_string_equal(w->body, "hello");
	assert_int_equal(w->answer.len, 5);
	assert_non_null(w->answer.type);
	assert_string_equal(w->server.last_request, TEXT);
}

static void a_connection_is_kept_until_a_fresh_one_is_asked_for(void **state)
{
	struct world *w = *state;

	ask(w, false);
	ask(w, false);
	assert_int_equal(w->server.connections, 1);
	ask(w, true);
	assert_int_equal(w->server.connections, 2);
	w->server.keep_alive = false;
	ask(w, false);
	assert_int_equal(w->server.connections, 2);
	ask(w, false);
	assert_int_equal(w->server.connections, 3);
	assert_int_equal(w->calls, 5);
}

static void a_kept_connection_that_was_closed_is_made_anew(void **state)
{
	struct world *w = *state;

	/* Closed while nobody looks: the request is on its way when that is seen. */
	ask(w, false);
	for (size_t i = 0; i < ARRAY_SIZE(w->server.clients); i++)
		w->server.clients[i] = sd_event_source_disable_unref(w->server.clients[i]);
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_ANSWERED);
	assert_int_equal(w->server.connections, 2);
	/* Closed, and seen by the loop. */
	for (size_t i = 0; i < ARRAY_SIZE(w->server.clients); i++)
		w->server.clients[i] = sd_event_source_disable_unref(w->server.clients[i]);
	run_until_quiet(w->event);
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_ANSWERED);
	assert_int_equal(w->server.connections, 3);
}

static void a_server_that_hangs_up_is_a_failure_and_asked_once(void **state)
{
	struct world *w = *state;

	w->server.manner = HANGS_UP;
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_FAILED);
	assert_int_equal(w->server.requests, 1);
	/* On a kept connection it may be chance: a second time, on a new one, it is not. */
	w->server.manner = ANSWERS;
	ask(w, false);
	w->server.manner = HANGS_UP;
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_FAILED);
	assert_int_equal(w->server.requests, 4);
}

static void a_refused_port_is_told_with_its_address_in_the_next_turn(void **state)
{
	struct world *w = *state;
	char wanted[100];
	unsigned port;
	int fd = server_bind(&port, false);

	make(w, port);
	assert_int_equal(http_start(w->http, true), 0);
	assert_false(w->done);
	/* It was known before: no turn waits for anything. */
	assert_true(sd_event_run(w->event, 0) >= 0);
	assert_true(w->done);
	assert_int_equal(w->answer.result, HTTP_FAILED);
	snprintf(wanted, sizeof(wanted), "connect to 127.0.0.1:%u: Connection refused", port);
	assert_string_equal(w->error, wanted);
	close(fd);
}

static void silence_ends_at_the_timeout(void **state)
{
	struct world *w = *state;

	make_for(w, w->server.port, 50, 60);
	w->server.manner = IS_SILENT;
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_FAILED);
	assert_string_equal(w->error, "timed out after 60 ms");
	/* And it comes back from there. */
	w->server.manner = ANSWERS;
	ask_until_answered(w);
}

static void a_body_has_a_limit(void **state)
{
	struct world *w = *state;

	w->server.body = "12345678901234567890123456789012345678901234567890X";
	w->server.body_len = strlen(w->server.body);
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_TOO_LARGE);
	w->server.manner = NEVER_ENDS;
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_TOO_LARGE);
}

#define LONG_BODY 100000

static void a_long_answer_that_grows_or_shrinks_is_whole(void **state)
{
	static const size_t lengths[] = { LONG_BODY, LONG_BODY, LONG_BODY / 2, 10, LONG_BODY, 60000,
		LONG_BODY, 0, LONG_BODY };
	struct world *w = *state;
	scoped(freep) char *body = malloc(LONG_BODY);

	memset(body, 'x', LONG_BODY);
	w->server.body = body;
	make_for(w, w->server.port, LONG_BODY, PATIENCE_MS);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		w->server.body_len = lengths[i];
		ask(w, false);
		assert_int_equal(w->answer.result, HTTP_ANSWERED);
		assert_int_equal(w->answer.len, lengths[i]);
	}
	assert_int_equal(w->server.connections, 1);
	/* Nothing at all comes after a long one: the time is the same as ever. */
	make_for(w, w->server.port, LONG_BODY, 300);
	w->server.body_len = LONG_BODY;
	ask_until_answered(w);
	w->server.manner = IS_SILENT;
	ask(w, false);
	assert_string_equal(w->error, "timed out after 300 ms");
	w->server.manner = ANSWERS;
	ask_until_answered(w);
	w->server.manner = HANGS_UP;
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_FAILED);
}

static void what_is_strange_is_for_others(void **state)
{
	struct world *w = *state;

	w->server.head = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n";
	ask(w, false);
	assert_int_equal(w->answer.result, HTTP_ELSEWHERE);
}

static void the_callback_may_ask_again_or_end_it(void **state)
{
	struct world *w = *state;

	w->starts_again = true;
	ask(w, false);
	w->done = false;
	run_until(w->event, &w->done, PATIENCE_MS);
	assert_int_equal(w->calls, 2);
	assert_int_equal(w->server.connections, 1);
	w->frees = true;
	ask(w, false);
	assert_null(w->http);
	make(w, w->server.port);
	w->server.manner = HANGS_UP;
	ask(w, false);
	assert_null(w->http);
}

static void who_ends_it_is_not_called(void **state)
{
	struct world *w = *state;
	unsigned port;
	int fd = server_bind(&port, false);

	w->server.manner = IS_SILENT;
	assert_int_equal(http_start(w->http, false), 0);
	run_until_count(w->event, &w->server.requests, 1);
	http_free(TAKE(w->http));
	run_until_quiet(w->event);
	/* Nor by the timeout. */
	make_for(w, w->server.port, 50, 30);
	assert_int_equal(http_start(w->http, false), 0);
	http_free(TAKE(w->http));
	run_until(w->event, NULL, 60);
	make(w, w->server.port);
	w->server.manner = ANSWERS;
	ask(w, false);
	assert_int_equal(w->calls, 1);
	make(w, port);
	assert_int_equal(http_start(w->http, false), 0);
	http_free(TAKE(w->http));
	run_until_quiet(w->event);
	assert_int_equal(w->calls, 1);
	close(fd);
}

static void waiting_costs_no_turns_of_the_loop(void **state)
{
	struct world *w = *state;

	ask(w, false);
	run_until_quiet(w->event);
	assert_in_range(run_until(w->event, NULL, 100), 1, 2);
}

static int make_one(void *userdata)
{
	struct world *w = userdata;
	const struct http_request request = {
		.addresses = { loopback(w->server.port, false) },
		.n_addresses = 1,
		.text = TEXT,
		.timeout_ms = 60,
		.max_bytes = 50,
	};
	struct http *http = NULL;
	int err = http_new(w->event, &request, on_done, w, &http);

	if (!err)
		err = http_start(http, false);
	http_free(http);
	return err;
}

static void survives_memory_running_out(void **state)
{
	with_failing_allocations(make_one, *state);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_answer_is_told_with_its_type),
		WORLD_TEST(a_connection_is_kept_until_a_fresh_one_is_asked_for),
		WORLD_TEST(a_kept_connection_that_was_closed_is_made_anew),
		WORLD_TEST(a_server_that_hangs_up_is_a_failure_and_asked_once),
		WORLD_TEST(a_refused_port_is_told_with_its_address_in_the_next_turn),
		WORLD_TEST(silence_ends_at_the_timeout),
		WORLD_TEST(a_body_has_a_limit),
		WORLD_TEST(a_long_answer_that_grows_or_shrinks_is_whole),
		WORLD_TEST(what_is_strange_is_for_others),
		WORLD_TEST(the_callback_may_ask_again_or_end_it),
		WORLD_TEST(who_ends_it_is_not_called),
		WORLD_TEST(waiting_costs_no_turns_of_the_loop),
		WORLD_TEST(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
