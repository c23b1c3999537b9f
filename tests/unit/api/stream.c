/* Answers that go out while they are written: whole, small in memory, and gone with their client. */
#include "v2_world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define PATIENCE_NS (60 * NSEC_PER_SEC)
#define MANY	    30000u

static void put_many(struct world *w)
{
	for (unsigned i = 0; i < MANY; i++) {
		char n[16];

		snprintf(n, sizeof(n), "%u", i);
		const char *const pairs[][2] = { { "alertname", i % 2 ? "odd" : "even" },
			{ "n", n } };
		struct labels *labels = labels_new(2, pairs);
		struct alert *alert = alert_new(labels, NULL);

		alert->starts_wall_ms = w->now.wall_ms;
		assert_int_equal(notify_put(w->notify, alert, w->now), 0);
		alert_unref(alert);
		labels_unref(labels);
	}
}

static void begin(struct world *w)
{
	char error[200];

	v2_begin_world(w);
	put_many(w);
	assert_int_equal(world_listen(w->api, "127.0.0.1:0", error, sizeof(error)), 0);
}

static void turn(struct world *w)
{
	assert_true(sd_event_run(w->event, 2000) >= 0);
}

static int ask_for(struct world *w, const char *target)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)api_port(w->api, 0)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), small = 8192;
	struct strbuf head = STRBUF_INIT;
	int64_t until = clock_boot_ns() + PATIENCE_NS;
	ssize_t n = -1;

	assert_true(fd >= 0);
	/* A client that takes little at a time. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	strbuf_addf(&head, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);
	while (n < 0) {
		n = send(fd, head.s, head.len, MSG_NOSIGNAL);
		assert_true(n == (ssize_t)head.len || clock_boot_ns() < until);
		turn(w);
	}
	strbuf_release(&head);
	return fd;
}

/* More of the answer; false at its end. */
static bool take(struct world *w, int fd, struct strbuf *got)
{
	char *room = strbuf_room(got, 65536);
	ssize_t n = recv(fd, room, 65536, 0);
	bool nothing_yet = n < 0 && errno == EAGAIN;

	got->len += n > 0 ? (size_t)n : 0;
	got->s[got->len] = '\0';
	if (nothing_yet)
		turn(w);
	return n > 0 || nothing_yet;
}

/* The body of an answer in chunks, put together. */
static char *unchunk(const char *answer)
{
	const char *at = strstr(answer, "\r\n\r\n");
	struct strbuf body = STRBUF_INIT;
	char *text;

	assert_non_null(at);
	assert_non_null(strstr(answer, "Transfer-Encoding: chunked\r\n"));
	for (at += 4;;) {
		char *end;
		unsigned long len = strtoul(at, &end, 16);

		assert_true(starts_with(end, "\r\n"));
		if (!len)
			break;
		strbuf_add(&body, end + 2, len);
		at = end + 2 + len + 2;
	}
	assert_int_equal(strbuf_finish(&body, &text), 0);
	return text;
}

static json_t *listed(struct world *w, const char *target)
{
	struct strbuf got = STRBUF_INIT;
	int fd = ask_for(w, target);
	json_t *root;
	char *body;

	while (take(w, fd, &got))
		;
	close(fd);
	body = unchunk(got.s);
	root = parse_json(body, strlen(body));
	free(body);
	strbuf_release(&got);
	return root;
}

static void a_long_list_comes_whole(void **state)
{
	struct world w;
	json_t *root;

	begin(&w);
	root = listed(&w, "/api/v2/alerts");
	assert_int_equal(json_array_size(root), MANY);
	json_decref(root);
	root = listed(&w, "/api/v2/alerts/groups");
	assert_int_equal(json_array_size(root), 2);
	assert_int_equal(
		json_array_size(json_object_get(json_array_get(root, 1), "alerts")), MANY / 2);
	json_decref(root);
	assert_int_equal(w.api->n_jobs, 0);
	world_end(&w);
}

static void little_of_it_waits_for_a_slow_client(void **state)
{
	struct strbuf got = STRBUF_INIT;
	struct world w;
	size_t idle = 0;
	int fd;

	begin(&w);
	fd = ask_for(&w, "/api/v2/alerts");
	/* Until nothing moves any more: all buffers are full, and the job rests. */
	while (idle < 5)
		idle = sd_event_run(w.event, 20000) ? 0 : idle + 1;
	assert_int_equal(w.api->n_jobs, 0);
	/* Meanwhile others are served, and what changes shows. */
	v2_put(&w, "alertname=new");
	while (take(&w, fd, &got))
		;
	assert_non_null(strstr(got.s, "\r\n0\r\n\r\n"));
	close(fd);
	strbuf_release(&got);
	world_end(&w);
}

static void what_no_filter_lets_through_is_an_empty_list(void **state)
{
	struct strbuf got = STRBUF_INIT;
	struct world w;
	int fd;

	begin(&w);
	fd = ask_for(&w, "/api/v2/alerts?filter=n%3Dnone");
	while (take(&w, fd, &got))
		;
	assert_non_null(strstr(got.s, "\r\n\r\n[]\n"));
	close(fd);
	strbuf_release(&got);
	world_end(&w);
}

static void a_client_that_leaves_takes_its_answer_along(void **state)
{
	struct world w;

	begin(&w);
	for (unsigned n = 0; n < 20; n++) {
		struct strbuf got = STRBUF_INIT;
		int fd = ask_for(&w, n % 2 ? "/api/v2/alerts" : "/api/v2/alerts/groups");

		for (unsigned i = 0; i < n * 3; i++)
			take(&w, fd, &got);
		close(fd);
		strbuf_release(&got);
		for (unsigned i = 0; i < 5; i++)
			sd_event_run(w.event, 1000);
	}
	world_end(&w);
}

static void the_server_ends_with_an_answer_under_way(void **state)
{
	struct strbuf got = STRBUF_INIT;
	struct world w;
	int fd;

	begin(&w);
	fd = ask_for(&w, "/api/v2/alerts");
	for (unsigned i = 0; i < 20; i++)
		take(&w, fd, &got);
	world_end(&w);
	close(fd);
	strbuf_release(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_list_comes_whole),
		cmocka_unit_test(little_of_it_waits_for_a_slow_client),
		cmocka_unit_test(what_no_filter_lets_through_is_an_empty_list),
		cmocka_unit_test(a_client_that_leaves_takes_its_answer_along),
		cmocka_unit_test(the_server_ends_with_an_answer_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
