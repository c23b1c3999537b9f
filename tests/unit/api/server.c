/* The server on a real socket: HTTP as clients speak it, limits, and an end without leaks. */
#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "api/listen.h"

/* No test waits this long but one that has failed. */
#define PATIENCE_NS (20 * NSEC_PER_SEC)

static void listen_on(struct world *w, const char *address)
{
	char error[200] = "";

	if (world_listen(w->api, address, error, sizeof(error)) < 0)
		fail_msg("%s", error);
}

static int dial(const struct world *w)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)api_port(w->api, 0)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static void turn(struct world *w)
{
	assert_true(sd_event_run(w->event, 2000) >= 0);
}

/* Sends all of it, running the server meanwhile; false where the server hung up. */
static bool put(struct world *w, int fd, const char *bytes, size_t len)
{
	int64_t until = clock_boot_ns() + PATIENCE_NS;

	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
			return false;
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
		turn(w);
		assert_true(clock_boot_ns() < until);
	}
	return true;
}

/* What the server sends until it closes, or until the text has `enough`; NULL: only the close. */
static char *get(struct world *w, int fd, const char *enough)
{
	struct strbuf got = STRBUF_INIT;
	int64_t until = clock_boot_ns() + PATIENCE_NS;
	char *text;

	for (;;) {
		char *room = strbuf_room(&got, 65536);
		ssize_t n;

		assert_non_null(room);
		*room = '\0';
		n = recv(fd, room, 65536, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			break;
		if (n > 0) {
			got.len += (size_t)n;
			got.s[got.len] = '\0';
			if (enough && strstr(got.s, enough))
				break;
		}
		turn(w);
		if (clock_boot_ns() > until)
			fail_msg("no answer; got %.300s", got.s);
	}
	assert_int_equal(strbuf_finish(&got, &text), 0);
	return text;
}

/* Sends `head` and an empty line on a connection of its own; the whole answer. */
static char *talk(struct world *w, const char *head, const char *body)
{
	struct strbuf out = STRBUF_INIT;
	int fd = dial(w);
	char *text;

	strbuf_addf(&out, "%s\r\nHost: localhost\r\nConnection: close\r\n\r\n%s", head, body);
	put(w, fd, out.s, out.len);
	text = get(w, fd, NULL);
	close(fd);
	strbuf_release(&out);
	return text;
}

static void begin(struct world *w)
{
	world_begin(w);
	listen_on(w, "127.0.0.1:0");
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in\n%.800s", part, text);
}

static void answers_over_tcp(void **state)
{
	struct world w;
	char *text;

	begin(&w);
	text = talk(&w, "GET /-/healthy HTTP/1.1", "");
	assert_has(text, "HTTP/1.1 200 OK\r\n");
	assert_has(text, "Content-Type: text/plain; charset=utf-8\r\n");
	assert_has(text, "X-Content-Type-Options: nosniff\r\n");
	assert_has(text, "\r\n\r\ntolld is Healthy.\n");
	free(text);
	text = talk(&w, "HEAD /-/healthy HTTP/1.1", "");
	assert_has(text, "Content-Length: 18\r\n");
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	free(text);
	world_end(&w);
}

static void any_page_may_read_the_api_and_none_may_frame_the_page(void **state)
{
	struct world w;
	char *text;

	begin(&w);
	text = talk(&w, "GET /api/v1/query?query=1 HTTP/1.1\r\nOrigin: http://x", "");
	assert_has(text, "Access-Control-Allow-Origin: *\r\n");
	assert_has(text, "Content-Type: application/json\r\n");
	free(text);
	text = talk(&w, "OPTIONS /api/v1/query HTTP/1.1\r\nOrigin: http://x", "");
	assert_has(text, "HTTP/1.1 204 ");
	assert_has(text, "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n");
	assert_has(text, "Allow: GET, HEAD, OPTIONS, POST\r\n");
	free(text);
	text = talk(&w, "GET / HTTP/1.1\r\nOrigin: http://x", "");
	assert_has(text, "Content-Security-Policy: default-src 'none';");
	assert_has(text, "frame-ancestors 'none'");
	assert_has(text, "Cache-Control: no-store\r\n");
	assert_null(strstr(text, "Access-Control"));
	free(text);
	text = talk(&w, "POST /metrics HTTP/1.1\r\nContent-Length: 1", "x");
	assert_has(text, "HTTP/1.1 405 ");
	assert_has(text, "Allow: GET, HEAD, OPTIONS\r\n");
	free(text);
	world_end(&w);
}

static void one_connection_takes_many_requests(void **state)
{
	static const char request[] = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
	struct world w;
	int fd;

	begin(&w);
	fd = dial(&w);
	for (size_t i = 0; i < 5; i++) {
		char *text;

		assert_true(put(&w, fd, request, sizeof(request) - 1));
		text = get(&w, fd, "Healthy.\n");
		free(text);
	}
	close(fd);
	world_end(&w);
}

static void a_form_may_come_in_pieces(void **state)
{
	static const char head[] = "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
				   "Content-Type: application/x-www-form-urlencoded\r\n"
				   "Content-Length: 13\r\n\r\n";
	struct world w;
	char *text;
	int fd;

	begin(&w);
	fd = dial(&w);
	assert_true(put(&w, fd, head, sizeof(head) - 1));
	for (const char *p = "query=40%2B02"; *p; p++)
		assert_true(put(&w, fd, p, 1));
	text = get(&w, fd, NULL);
	assert_has(text, "\"resultType\":\"scalar\"");
	assert_has(text, ",\"42\"]");
	free(text);
	close(fd);
	world_end(&w);
}

static void what_is_too_large_is_refused(void **state)
{
	struct strbuf uri = STRBUF_INIT, chunk = STRBUF_INIT;
	static const char head[] = "POST /api/v1/query HTTP/1.1\r\nHost: x\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	struct world w;
	bool hung_up = false;
	char *text;
	int fd;

	begin(&w);
	text = talk(&w, "POST /api/v1/query HTTP/1.1\r\nContent-Length: 1048577", "");
	assert_has(text, "HTTP/1.1 413 ");
	free(text);
	text = talk(&w, "POST /api/v1/query HTTP/1.1\r\nContent-Length: 99999999999999999999", "");
	assert_true(starts_with(text, "HTTP/1.1 4"));
	free(text);

	strbuf_adds(&uri, "GET /?");
	while (uri.len < HTTP_MAX_URI + 20)
		strbuf_adds(&uri, "aaaaaaaaaaaaaaaaaaaa");
	strbuf_adds(&uri, " HTTP/1.1");
	text = talk(&w, uri.s, "");
	assert_has(text, "HTTP/1.1 414 ");
	free(text);
	text = talk(&w, "GET /%zz HTTP/1.1", "");
	assert_has(text, "HTTP/1.1 400 ");
	free(text);

	/* Chunks may go on for ever: past 1 MiB the server hangs up. */
	fd = dial(&w);
	assert_true(put(&w, fd, head, sizeof(head) - 1));
	strbuf_adds(&chunk, "4000\r\n");
	while (chunk.len < 6 + 0x4000)
		strbuf_addch(&chunk, 'a');
	strbuf_adds(&chunk, "\r\n");
	for (size_t i = 0; i < 200 && !hung_up; i++)
		hung_up = !put(&w, fd, chunk.s, chunk.len);
	assert_true(hung_up);
	close(fd);
	strbuf_release(&uri);
	strbuf_release(&chunk);
	world_end(&w);
}

static void garbage_does_no_harm(void **state)
{
	static const char *const texts[] = { "\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00",
		"GET / HTTP/9.9", "GET / HTTP/1.1\r\nContent-Length: x",
		"GET / HTTP/1.1\r\n: :", "\xff\xfe" };
	struct world w;
	char *text;

	begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(talk(&w, texts[i], ""));
	text = talk(&w, "GET /-/healthy HTTP/1.1", "");
	assert_has(text, "200 OK");
	free(text);
	world_end(&w);
}

/* Over what fill() makes, some ten turns of work. */
static const char long_query[] =
	"GET /api/v1/query_range?query=stddev_over_time(n[5m])&start=1795351385&end=1795362385&step=1"
	" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static void fill(struct world *w)
{
	double values[4000] = { 0 };

	for (size_t i = 0; i < 40; i++) {
		char job[8];

		snprintf(job, sizeof(job), "%zu", i);
		world_series(w, (const char *const[][2]){ { "__name__", "n" }, { "job", job } }, 2,
			values, ARRAY_SIZE(values), 1000);
	}
}

/* Sent before the server takes its next turn, so that several begin in the same one. */
static int ask_at_length(struct world *w)
{
	int fd = dial(w);

	assert_int_equal(
		send(fd, long_query, sizeof(long_query) - 1, MSG_NOSIGNAL), sizeof(long_query) - 1);
	return fd;
}

static void await_jobs(struct world *w, size_t n)
{
	int64_t until = clock_boot_ns() + PATIENCE_NS;

	while (w->api->n_jobs < n) {
		turn(w);
		assert_true(clock_boot_ns() < until);
	}
}

static void long_queries_share_the_loop_with_short_requests(void **state)
{
	int fds[6], quick;
	struct world w;
	char *text;

	begin(&w);
	fill(&w);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = ask_at_length(&w);
	await_jobs(&w, ARRAY_SIZE(fds));
	quick = dial(&w);
	put(&w, quick, "GET /-/healthy HTTP/1.0\r\n\r\n", 27);
	text = get(&w, quick, "Healthy.\n");
	free(text);
	close(quick);
	assert_true(w.api->n_jobs > 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		text = get(&w, fds[i], NULL);
		assert_has(text, "HTTP/1.1 200 OK");
		assert_has(text, "{\"status\":\"success\"");
		assert_has(text, "]}}");
		close(fds[i]);
		free(text);
	}
	assert_int_equal(w.api->n_jobs, 0);
	world_end(&w);
}

/* More than the kernel takes off the server's hands. */
static const char large_query[] =
	"GET /api/v1/query_range?query=n%20or%20label_replace(n,'a','1','','')%20or%20"
	"label_replace(n,'a','2','','')&start=1795351385&end=1795362385&step=1 HTTP/1.1\r\n"
	"Host: x\r\nConnection: close\r\n\r\n";

/* Whoever asks for much and does not read it must not take all memory. */
static void large_answers_that_nobody_takes_are_limited(void **state)
{
	int64_t until = clock_boot_ns() + PATIENCE_NS;
	int small = 4096, fds[2];
	struct world w;
	char *text;

	begin(&w);
	fill(&w);
	w.api->max_waiting_bytes = 100000;
	fds[0] = dial(&w);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	put(&w, fds[0], large_query, sizeof(large_query) - 1);
	while (!w.api->waiting_bytes) {
		turn(&w);
		assert_true(clock_boot_ns() < until);
	}
	fds[1] = ask_at_length(&w);
	text = get(&w, fds[1], NULL);
	assert_has(text, "HTTP/1.1 503 ");
	assert_has(text, "too many large answers wait for their clients\n");
	free(text);
	close(fds[1]);
	text = talk(&w, "GET /metrics HTTP/1.1", "");
	assert_has(text, "200 OK");
	free(text);

	close(fds[0]);
	for (until = clock_boot_ns() + PATIENCE_NS; w.api->waiting_bytes;) {
		turn(&w);
		assert_true(clock_boot_ns() < until);
	}
	fds[1] = ask_at_length(&w);
	text = get(&w, fds[1], NULL);
	assert_has(text, "HTTP/1.1 200 OK");
	free(text);
	close(fds[1]);
	world_end(&w);
}

static void stops_with_queries_under_way(void **state)
{
	struct world w;
	char buf[2000] = "";
	int fd;

	begin(&w);
	fill(&w);
	fd = ask_at_length(&w);
	await_jobs(&w, 1);
	world_end(&w);
	assert_true(recv(fd, buf, sizeof(buf) - 1, 0) > 0);
	assert_has(buf, "HTTP/1.1 503 ");
	close(fd);
}

static void a_client_that_leaves_is_forgotten(void **state)
{
	struct world w;
	char *text;
	int fd;

	begin(&w);
	fill(&w);
	fd = ask_at_length(&w);
	await_jobs(&w, 1);
	close(fd);
	for (int64_t until = clock_boot_ns() + PATIENCE_NS; w.api->n_connections;) {
		turn(&w);
		assert_true(clock_boot_ns() < until);
	}
	assert_int_equal(w.api->n_jobs, 0);
	/* Nor is its query carried on. */
	text = talk(&w, "GET /metrics HTTP/1.1", "");
	assert_has(text, "{handler=\"/api/v1/query_range\",code=\"499\"} 1\n");
	free(text);
	world_end(&w);
}

static void who_will_ask_no_more_is_answered_and_let_go(void **state)
{
	static const char ask[] = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
				  "GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n";
	struct world w;
	char *text;
	int fd;

	begin(&w);
	fd = dial(&w);
	assert_int_equal(send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL), sizeof(ask) - 1);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	text = get(&w, fd, NULL);
	assert_has(text, "tolld is Healthy.\n");
	assert_has(text, "tolld is Ready.\n");
	free(text);
	close(fd);
	world_end(&w);
}

static void counts_its_answers(void **state)
{
	struct world w;
	char *text;

	begin(&w);
	free(talk(&w, "GET /-/healthy HTTP/1.1", ""));
	free(talk(&w, "GET /nothing HTTP/1.1", ""));
	free(talk(&w, "GET /%zz HTTP/1.1", ""));
	text = talk(&w, "GET /metrics HTTP/1.1", "");
	assert_has(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_has(text, "tolld_http_requests_total{handler=\"/-/healthy\",code=\"200\"} 1\n");
	assert_has(text, "tolld_http_requests_total{handler=\"other\",code=\"404\"} 1\n");
	assert_has(text, "tolld_http_requests_total{handler=\"other\",code=\"400\"} 1\n");
	free(text);
	world_end(&w);
}

static void reads_addresses_as_people_write_them(void **state)
{
	static const char *const good[] = { "127.0.0.1:0", "localhost:0", ":0" };
	static const char *const bad[] = { "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http",
		"127.0.0.1:65536", "::1:80", "[]:80", "[::1:80", "127.0.0.1:-1", "[::1]80" };
	char error[200];
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(listen_open(good[i], &fd, error, sizeof(error)), 0);
		assert_int_not_equal(listen_port(fd), 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(listen_open(bad[i], &fd, error, sizeof(error)), -EINVAL);
		assert_has(error, "write HOST:PORT");
	}
	assert_int_equal(listen_open("192.0.2.1:0", &fd, error, sizeof(error)), -EADDRNOTAVAIL);
	assert_has(error, "this machine has no such address");
}

static void an_address_in_use_is_said_to_be(void **state)
{
	char error[200], address[40];
	struct world w;

	begin(&w);
	snprintf(address, sizeof(address), "127.0.0.1:%u", api_port(w.api, 0));
	assert_int_equal(world_listen(w.api, address, error, sizeof(error)), -EADDRINUSE);
	assert_true(starts_with(error, "another program listens there"));
	/* The server goes on with the addresses it has, and takes others. */
	listen_on(&w, "127.0.0.1:0");
	assert_int_not_equal(api_port(w.api, 1), 0);
	assert_int_equal(api_port(w.api, 2), 0);
	free(talk(&w, "GET /-/healthy HTTP/1.1", ""));
	world_end(&w);
}

static void no_descriptor_is_inherited_or_left_open(void **state)
{
	bool before[200];
	struct world w;
	int fd;

	for (int i = 0; i < 200; i++)
		before[i] = fcntl(i, F_GETFD) >= 0;
	begin(&w);
	fd = dial(&w);
	put(&w, fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 28);
	free(get(&w, fd, "</html>"));
	for (int i = 0; i < 200; i++) {
		int flags = fcntl(i, F_GETFD);

		assert_true(before[i] || flags < 0 || (flags & FD_CLOEXEC));
	}
	close(fd);
	world_end(&w);
	for (int i = 0; i < 200; i++)
		assert_int_equal(before[i], fcntl(i, F_GETFD) >= 0);
}

static void one_client_cannot_take_all_connections(void **state)
{
	struct world w;
	int fds[12];

	world_begin_with(&w, &(struct api_options){ .max_connections = 8 });
	listen_on(&w, "127.0.0.1:0");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial(&w);
		for (int t = 0; t < 10; t++)
			turn(&w);
	}
	assert_int_equal(w.api->n_connections, 4);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	world_end(&w);
}

static int start_one(void *userdata)
{
	struct world *w = userdata;
	char error[200];
	struct api *api;
	int err = api_new(w->event, &(struct api_options){ 0 }, &(struct api_sources){ 0 }, &api);

	if (err)
		return err;
	err = world_listen(api, "127.0.0.1:0", error, sizeof(error));
	api_free(api);
	return err;
}

static void survives_without_memory(void **state)
{
	struct world w;

	world_begin(&w);
	with_failing_allocations(start_one, &w);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_over_tcp),
		cmocka_unit_test(any_page_may_read_the_api_and_none_may_frame_the_page),
		cmocka_unit_test(one_connection_takes_many_requests),
		cmocka_unit_test(a_form_may_come_in_pieces),
		cmocka_unit_test(what_is_too_large_is_refused),
		cmocka_unit_test(garbage_does_no_harm),
		cmocka_unit_test(long_queries_share_the_loop_with_short_requests),
		cmocka_unit_test(large_answers_that_nobody_takes_are_limited),
		cmocka_unit_test(stops_with_queries_under_way),
		cmocka_unit_test(a_client_that_leaves_is_forgotten),
		cmocka_unit_test(who_will_ask_no_more_is_answered_and_let_go),
		cmocka_unit_test(counts_its_answers),
		cmocka_unit_test(reads_addresses_as_people_write_them),
		cmocka_unit_test(an_address_in_use_is_said_to_be),
		cmocka_unit_test(no_descriptor_is_inherited_or_left_open),
		cmocka_unit_test(one_client_cannot_take_all_connections),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
