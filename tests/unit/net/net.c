/* Transfers on the event loop: they end once, can be stopped at any time, and cost nothing idle. */
#include "net/server.h"

#include "net/net.h"

struct fetch {
	struct net *net;
	struct net_transfer *transfer;
	CURL *easy;
	CURLcode result;
	bool done;
	unsigned calls;
	size_t bytes;
	/* What to do when it ends. */
	struct fetch *cancels, *starts;
};

static size_t count_bytes(char *bytes, size_t size, size_t n, void *userdata)
{
	((struct fetch *)userdata)->bytes += size * n;
	return size * n;
}

static void start(struct fetch *f);

static void ended(CURL *easy, CURLcode result, void *userdata)
{
	struct fetch *f = userdata;

	assert_ptr_equal(easy, f->easy);
	f->calls++;
	f->done = true;
	f->result = result;
	f->transfer = NULL;
	curl_easy_cleanup(f->easy);
	f->easy = NULL;
	if (f->cancels) {
		net_cancel(f->cancels->transfer);
		curl_easy_cleanup(f->cancels->easy);
		f->cancels->easy = NULL;
	}
	if (f->starts)
		start(f->starts);
}

static void prepare(struct fetch *f, struct net *net, unsigned port)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	f->net = net;
	f->easy = curl_easy_init();
	assert_non_null(f->easy);
	curl_easy_setopt(f->easy, CURLOPT_URL, url);
	curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, count_bytes);
	curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)PATIENCE_MS);
}

static void start(struct fetch *f)
{
	assert_int_equal(net_start(f->net, f->easy, ended, f, &f->transfer), 0);
}

struct world {
	sd_event *event;
	struct net *net;
	struct server server;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_true(sd_event_new(&w->event) >= 0);
	assert_int_equal(net_new(w->event, &w->net), 0);
	w->server.head = "HTTP/1.1 200 OK\r\n";
	w->server.body = "hello";
	w->server.body_len = 5;
	server_start(&w->server, w->event);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	net_free(w->net);
	server_stop(&w->server);
	sd_event_unref(w->event);
	free(w);
	return 0;
}

static void a_page_is_fetched(void **state)
{
	struct world *w = *state;
	struct fetch f = { 0 };

	prepare(&f, w->net, w->server.port);
	start(&f);
	assert_false(f.done);
	run_until(w->event, &f.done, PATIENCE_MS);
	assert_int_equal(f.calls, 1);
	assert_int_equal(f.result, CURLE_OK);
	assert_int_equal(f.bytes, 5);
}

static void a_refused_port_is_told_from_the_loop(void **state)
{
	struct world *w = *state;
	struct fetch f = { 0 };
	unsigned port;
	int fd = server_bind(&port, false);

	prepare(&f, w->net, port);
	start(&f);
	assert_false(f.done);
	run_until(w->event, &f.done, PATIENCE_MS);
	assert_int_equal(f.result, CURLE_COULDNT_CONNECT);
	close(fd);
}

static void a_kept_connection_is_used_again_and_its_loss_is_noticed(void **state)
{
	struct world *w = *state;
	struct fetch first = { 0 }, second = { 0 }, third = { 0 };

	w->server.keep_alive = true;
	prepare(&first, w->net, w->server.port);
	start(&first);
	run_until(w->event, &first.done, PATIENCE_MS);
	prepare(&second, w->net, w->server.port);
	start(&second);
	run_until(w->event, &second.done, PATIENCE_MS);
	assert_int_equal(second.result, CURLE_OK);
	assert_int_equal(w->server.connections, 1);
	assert_int_equal(w->server.requests, 2);
	prepare(&third, w->net, w->server.port);
	server_stop(&w->server);
	start(&third);
	run_until(w->event, &third.done, PATIENCE_MS);
	assert_int_equal(third.result, CURLE_COULDNT_CONNECT);
}

static void who_cancels_is_not_called(void **state)
{
	struct world *w = *state;
	struct fetch f = { 0 };

	w->server.manner = IS_SILENT;
	prepare(&f, w->net, w->server.port);
	start(&f);
	run_until_count(w->event, &w->server.requests, 1);
	net_cancel(f.transfer);
	curl_easy_cleanup(f.easy);
	net_cancel(NULL);
	run_until_quiet(w->event);
	assert_int_equal(f.calls, 0);
}

static void a_transfer_may_cancel_another_that_ended_with_it(void **state)
{
	struct world *w = *state;
	struct fetch a = { 0 }, b = { 0 };
	unsigned port;
	int fd = server_bind(&port, false);

	/* Both are refused in the same turn, so the second is already in libcurl's list. */
	prepare(&a, w->net, port);
	prepare(&b, w->net, port);
	a.cancels = &b;
	b.cancels = &a;
	start(&a);
	start(&b);
	for (int ms = 0; ms < PATIENCE_MS && !a.done && !b.done; ms++)
		run_until(w->event, NULL, 1);
	run_until_quiet(w->event);
	assert_int_equal(a.calls + b.calls, 1);
	close(fd);
}

static void a_transfer_may_start_another(void **state)
{
	struct world *w = *state;
	struct fetch a = { 0 }, b = { 0 };

	prepare(&a, w->net, w->server.port);
	prepare(&b, w->net, w->server.port);
	a.starts = &b;
	start(&a);
	run_until(w->event, &b.done, PATIENCE_MS);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.result, CURLE_OK);
}

static void waiting_costs_no_turns_of_the_loop(void **state)
{
	struct world *w = *state;
	struct fetch f = { 0 };

	w->server.manner = IS_SILENT;
	prepare(&f, w->net, w->server.port);
	start(&f);
	run_until_count(w->event, &w->server.requests, 1);
	run_until_quiet(w->event);
	assert_in_range(run_until(w->event, NULL, 150), 1, 6);
	net_cancel(f.transfer);
	curl_easy_cleanup(f.easy);
	run_until_quiet(w->event);
	assert_in_range(run_until(w->event, NULL, 100), 1, 2);
}

static void a_timeout_ends_what_is_silent(void **state)
{
	struct world *w = *state;
	struct fetch f = { 0 };

	w->server.manner = IS_SILENT;
	prepare(&f, w->net, w->server.port);
	curl_easy_setopt(f.easy, CURLOPT_TIMEOUT_MS, 40L);
	start(&f);
	run_until(w->event, &f.done, PATIENCE_MS);
	assert_int_equal(f.result, CURLE_OPERATION_TIMEDOUT);
}

static void freeing_stops_all_without_a_word(void **state)
{
	struct world *w = *state;
	struct fetch a = { 0 }, b = { 0 };

	w->server.manner = IS_SILENT;
	prepare(&a, w->net, w->server.port);
	prepare(&b, w->net, w->server.port);
	start(&a);
	run_until_count(w->event, &w->server.requests, 1);
	start(&b);
	net_free(w->net);
	w->net = NULL;
	assert_int_equal(a.calls + b.calls, 0);
	curl_easy_cleanup(a.easy);
	curl_easy_cleanup(b.easy);
}

static int make_one(void *event)
{
	scoped(net_freep) struct net *net = NULL;
	struct net_transfer *t = NULL;
	CURL *easy;
	int err = net_new(event, &net);

	if (err)
		return err;
	easy = curl_easy_init();
	if (!easy)
		return -ENOMEM;
	err = net_start(net, easy, ended, NULL, &t);
	net_cancel(t);
	curl_easy_cleanup(easy);
	return err;
}

static void survives_memory_running_out(void **state)
{
	struct world *w = *state;

	with_failing_allocations(make_one, w->event);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_page_is_fetched),
		WORLD_TEST(a_refused_port_is_told_from_the_loop),
		WORLD_TEST(a_kept_connection_is_used_again_and_its_loss_is_noticed),
		WORLD_TEST(who_cancels_is_not_called),
		WORLD_TEST(a_transfer_may_cancel_another_that_ended_with_it),
		WORLD_TEST(a_transfer_may_start_another),
		WORLD_TEST(waiting_costs_no_turns_of_the_loop),
		WORLD_TEST(a_timeout_ends_what_is_silent),
		WORLD_TEST(freeing_stops_all_without_a_word),
		WORLD_TEST(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
