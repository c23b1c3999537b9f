/* Targets over HTTP: a server on loopback in the same loop, and all that may go wrong with it. */
#include "world.h"

#include <fcntl.h>
#include <time.h>
#include <zlib.h>

static void past_target_limit_nobody_is_asked(void **state)
{
	struct world *w = *state;

	assert_int_equal(configure(w, "  target_limit: 1\n", w->server.port, 1), 0);
	trigger(w);
	assert_false(w->report.up);
	assert_string_equal(w->error, "target_limit exceeded (number of targets: 2, limit: 1)");
	assert_true(newest(w, "up").value == 0);
	assert_int_equal(w->server.requests, 0);
	assert_int_equal(configure(w, "  target_limit: 2\n", w->server.port, 1), 0);
	trigger(w);
	assert_true(w->report.up);
}

static void more_is_told_of_a_scrape_where_that_is_asked_for(void **state)
{
	struct world *w = *state;

	assert_int_equal(configure(w,
				 "  extra_scrape_metrics: true\n  scrape_timeout: 2s\n"
				 "  sample_limit: 7\n  body_size_limit: 100B\n",
				 w->server.port, 0),
		0);
	trigger(w);
	assert_true(newest(w, "scrape_timeout_seconds").value == 2);
	assert_true(newest(w, "scrape_sample_limit").value == 7);
	assert_true(newest(w, "scrape_body_size_bytes").value == 4);
	w->server.body = "# 90 bytes and more: a comment that is so long that it does not fit into "
			 "what is allowed of it here\na 1\n";
	w->server.body_len = strlen(w->server.body);
	trigger(w);
	assert_true(newest(w, "scrape_body_size_bytes").value == -1);
	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	trigger(w);
	assert_true(is_stale_nan(newest(w, "scrape_body_size_bytes").value) ||
		    newest(w, "scrape_body_size_bytes").wall_ms < newest(w, "up").wall_ms);
}

static void a_scrape_writes_samples_and_reports(void **state)
{
	struct world *w = *state;
	int64_t before = clock_wall_ms();
	struct target_info info;
	struct target_metadata metadata;
	const void *cursor = NULL;

	w->server.body = "# HELP a Says a.\n# TYPE a gauge\na 7\nb 8\n";
	w->server.body_len = strlen(w->server.body);
	assert_int_equal(configure(w, "  scrape_timeout: 500ms\n", w->server.port, 0), 0);
	trigger(w);
	assert_true(w->report.up && w->report.up_changed && w->report.triggered);
	assert_int_equal(w->begins, 1);
	assert_int_equal(w->report.samples, 2);
	assert_true(newest(w, "a").value == 7);
	assert_true(newest(w, "up").value == 1);
	assert_true(newest(w, "scrape_samples_scraped").value == 2);
	assert_true(newest(w, "scrape_samples_post_metric_relabeling").value == 2);
	assert_true(newest(w, "scrape_series_added").value == 2);
	assert_true(newest(w, "scrape_duration_seconds").value > 0);
	assert_in_range(newest(w, "a").wall_ms, before, clock_wall_ms());
	target_info(scrape_target(w->scrape, 0), &info);
	assert_int_equal(info.up, 1);
	assert_null(info.last_error);
	assert_string_equal(info.job, "j");
	assert_true(target_metadata_next(scrape_target(w->scrape, 0), &cursor, &metadata));
	assert_string_equal(metadata.family, "a");
	assert_string_equal(metadata.type, "gauge");
	assert_string_equal(metadata.help, "Says a.");
	assert_false(target_metadata_next(scrape_target(w->scrape, 0), &cursor, &metadata));
}

static void it_asks_as_prometheus_asks(void **state)
{
	struct world *w = *state;
	const char *request = w->server.last_request;

	assert_int_equal(
		configure(w, "  scrape_timeout: 500ms\n  params: {x: [y]}\n", w->server.port, 0),
		0);
	trigger(w);
	assert_true(starts_with(request, "GET /metrics?x=y HTTP/1.1\r\n"));
	assert_non_null(strstr(request, "\r\nUser-Agent: tolld/" TOLLD_VERSION "\r\n"));
	assert_non_null(strstr(request, "\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.5\r\n"));
	/* Here on loopback, where it would only cost time; below, where it may be worth it. */
	assert_non_null(strstr(request, "\r\nAccept-Encoding: identity\r\n"));
	assert_non_null(strstr(request, "text/plain;version=0.0.4"));
	assert_non_null(strstr(request,
		"\r\nAccept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		"application/openmetrics-text;version=0.0.1;q=0.4,"
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
		"text/plain;version=0.0.4;q=0.2,*/*;q=0.1\r\n"));
	assert_int_equal(
		configure(w, "  scrape_protocols: [PrometheusProto, PrometheusText0.0.4]\n",
			w->server.port, 0),
		0);
	trigger(w);
	assert_non_null(
		strstr(request, "\r\nAccept: text/plain;version=0.0.4;q=0.2,*/*;q=0.1\r\n"));
	/* A header more, and it is libcurl that asks. */
	assert_int_equal(configure(w, "  bearer_token: x\n", w->server.port, 0), 0);
	trigger(w);
	assert_non_null(strstr(request, "\r\nAccept-Encoding: gzip\r\n"));
	assert_non_null(strstr(request, "\r\nAccept: application/openmetrics-text;version=1.0.0;"));
}

static void a_target_that_moved_is_followed(void **state)
{
	struct world *w = *state;
	struct server other = { .head = PLAIN, .body = "a 5\n", .body_len = 4 };
	char head[200];

	server_start(&other, w->event);
	snprintf(head, sizeof(head),
		"HTTP/1.1 301 Moved Permanently\r\nLocation: http://127.0.0.1:%u/x\r\n",
		other.port);
	w->server.head = head;
	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	for (unsigned i = 1; i <= 2; i++) {
		trigger(w);
		assert_true(w->report.up);
		assert_true(newest(w, "a").value == 5);
		assert_true(starts_with(other.last_request, "GET /x HTTP/1.1\r\n"));
		/* Known to take more: from the second time on it is asked once. */
		assert_int_equal(w->server.requests, 1 + i);
	}
	server_stop(&other);
}

/* A file of the test's own, gone with its name at the end. */
static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void credentials_and_headers_are_sent(void **state)
{
	static const struct {
		const char *extra;
		const char *wanted[4];
	} rows[] = {
		/* u:p, and u with a file's password: base64 from the command of that name */
		{ "  basic_auth: {username: u, password: p}\n",
			{ "\r\nAuthorization: Basic dTpw\r\n" } },
		{ "  basic_auth: {username: u, password_file: FILE}\n",
			{ "\r\nAuthorization: Basic dTpzZWNyZXQ=\r\n" } },
		{ "  basic_auth: {}\n", { "\r\nAuthorization: Basic Og==\r\n" } },
		{ "  authorization: {credentials: abc}\n",
			{ "\r\nAuthorization: Bearer abc\r\n" } },
		{ "  authorization: {type: ' Token ', credentials_file: FILE}\n",
			{ "\r\nAuthorization: Token secret\r\n" } },
		{ "  bearer_token: abc\n", { "\r\nAuthorization: Bearer abc\r\n" } },
		{ "  bearer_token_file: FILE\n", { "\r\nAuthorization: Bearer secret\r\n" } },
		{ "  http_headers: {X-A: {values: [b, c], secrets: [d]}, X-E: {files: [FILE]}}\n",
			{ "\r\nX-A: b\r\nX-A: c\r\nX-A: d\r\n", "\r\nX-E: secret\r\n",
				"\r\nAccept: application/openmetrics-text;" } },
		{ "  http_headers: {X-Empty: {values: ['']}}\n", { "\r\nX-Empty:\r\n" } },
	};
	char path[] = "/tmp/tolld-test-XXXXXX", extra[300];
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	write_file(path, " \nsecret \n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *file = strstr(rows[i].extra, "FILE");
		void *inner = NULL;
		struct world *w;

		snprintf(extra, sizeof(extra), "%.*s%s%s",
			file ? (int)(file - rows[i].extra) : (int)strlen(rows[i].extra),
			rows[i].extra, file ? path : "", file ? file + 4 : "");
		set_up(&inner);
		w = inner;
		assert_int_equal(configure(w, extra, w->server.port, 0), 0);
		trigger(w);
		for (size_t k = 0; k < 4 && rows[i].wanted[k]; k++) {
			if (!strstr(w->server.last_request, rows[i].wanted[k]))
				fail_msg("%s: no '%s' in %s", extra, rows[i].wanted[k],
					w->server.last_request);
		}
		/* The second request says the same. */
		trigger(w);
		assert_non_null(strstr(w->server.last_request, rows[i].wanted[0]));
		tear_down(&inner);
	}
	unlink(path);
}

static void a_secrets_file_is_read_anew_at_each_scrape(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/tolld-test-XXXXXX", extra[200], wanted[200];
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	snprintf(extra, sizeof(extra), "  authorization: {credentials_file: %s}\n", path);
	write_file(path, "one\n");
	assert_int_equal(configure(w, extra, w->server.port, 0), 0);
	trigger(w);
	assert_non_null(strstr(w->server.last_request, "\r\nAuthorization: Bearer one\r\n"));
	write_file(path, "two\n");
	trigger(w);
	assert_non_null(strstr(w->server.last_request, "\r\nAuthorization: Bearer two\r\n"));
	write_file(path, "two\nX-Evil: 1\n");
	trigger(w);
	assert_string_equal(w->error, "the authorization credentials has more than one line");
	unlink(path);
	trigger(w);
	snprintf(wanted, sizeof(wanted),
		"unable to read authorization credentials file %s: No such file or directory",
		path);
	assert_string_equal(w->error, wanted);
	assert_int_equal(w->server.requests, 2);
	assert_true(newest(w, "up").value == 0);
}

static void other_credentials_after_a_reload_are_used(void **state)
{
	struct world *w = *state;

	assert_int_equal(configure(w, "  bearer_token: a\n", w->server.port, 0), 0);
	trigger(w);
	assert_int_equal(configure(w, "  bearer_token: b\n", w->server.port, 0), 0);
	trigger(w);
	assert_non_null(strstr(w->server.last_request, "\r\nAuthorization: Bearer b\r\n"));
	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	trigger(w);
	assert_null(strstr(w->server.last_request, "Authorization"));
}

static void a_proxy_is_asked_for_what_it_is_for(void **state)
{
	struct world *w = *state;
	char extra[300], wanted[100];

	/* The server stands in for the proxy; nobody is at the target's port. */
	snprintf(extra, sizeof(extra), "  proxy_url: http://u:p@127.0.0.1:%u\n", w->server.port);
	assert_int_equal(configure(w, extra, 9, 0), 0);
	trigger(w);
	assert_true(w->report.up);
	assert_true(
		starts_with(w->server.last_request, "GET http://127.0.0.1:9/metrics HTTP/1.1\r\n"));
	assert_non_null(strstr(w->server.last_request, "\r\nProxy-Authorization: Basic dTpw\r\n"));
	/* With exceptions, this machine is one of them. */
	snprintf(
		extra, sizeof(extra), "  proxy_url: http://127.0.0.1:9\n  no_proxy: example.org\n");
	assert_int_equal(configure(w, extra, w->server.port, 0), 0);
	trigger(w);
	assert_true(w->report.up);
	assert_true(starts_with(w->server.last_request, "GET /metrics HTTP/1.1\r\n"));
	/* A tunnel through it: only the headers for the proxy go to the proxy. */
	snprintf(extra, sizeof(extra),
		"  scheme: https\n  bearer_token: hidden\n  proxy_url: http://127.0.0.1:%u\n"
		"  proxy_connect_header: {X-Tunnel: [yes]}\n",
		w->server.port);
	assert_int_equal(configure(w, extra, 9, 0), 0);
	w->server.head = "HTTP/1.1 403 Forbidden\r\n";
	trigger(w);
	assert_false(w->report.up);
	snprintf(wanted, sizeof(wanted), "CONNECT 127.0.0.1:9 HTTP/1.1\r\n");
	assert_true(starts_with(w->server.last_request, wanted));
	assert_non_null(strstr(w->server.last_request, "\r\nX-Tunnel: yes\r\n"));
	assert_null(strstr(w->server.last_request, "hidden"));
}

static void what_is_wrong_is_told_and_up_is_0(void **state)
{
	static const struct {
		const char *head, *body, *extra, *wanted;
	} rows[] = {
		{ "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n", "a 1\n", "",
			"server returned HTTP status 404" },
		{ "HTTP/1.1 302 Found\r\nLocation: /x\r\n", "a 1\n", "  follow_redirects: false\n",
			"server returned HTTP status 302" },
		{ "HTTP/1.1 302 Found\r\nLocation: /x\r\n", "a 1\n", "",
			"Maximum (10) redirects followed" },
		{ "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n", "a 1\n", "",
			"Protocol \"file\" not supported" },
		{ "HTTP/1.1 200 OK\r\n", "a 1\n", "",
			"no Content-Type and no fallback_scrape_protocol" },
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "a 1\n", "",
			"unsupported Content-Type \"text/html\" and no fallback_scrape_protocol" },
		{ "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0\r\n",
			"a 1\n", "", "line 2, column 1: the text must end with # EOF" },
		{ PLAIN, "<html>\n", "", "line 1, column 1: expected a metric name" },
		{ PLAIN, "a 1\nb 1\nc 1\n", "  sample_limit: 2\n",
			"sample limit exceeded: 3 samples where 2 are allowed" },
		{ PLAIN, "aaaaaaaaaaaaaaaaaaaaaa 1\n", "  body_size_limit: 20B\n",
			"body size limit exceeded: more than 19 bytes" },
		{ PLAIN, "aaaaaaaaaaaaaaaaaaaaaa 1\n", "  body_size_limit: 25B\n",
			"body size limit exceeded: more than 24 bytes" },
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n",
			"no gzip", "", "Error while processing content unencoding" },
		{ "rubbish\r\n", "x", "", "Received HTTP/0.9 when not allowed" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct target_info info;
		void *inner = NULL;
		struct world *w;

		set_up(&inner);
		w = inner;
		assert_int_equal(configure(w, rows[i].extra, w->server.port, 0), 0);
		trigger(w);
		if (w->error[0])
			print_message("unexpected: %s\n", w->error);
		w->server.head = rows[i].head;
		w->server.body = rows[i].body;
		w->server.body_len = strlen(rows[i].body);
		trigger(w);
		if (!starts_with(w->error, rows[i].wanted))
			fail_msg("row %zu: '%s' instead of '%s'", i, w->error, rows[i].wanted);
		assert_true(!w->report.up && w->report.up_changed);
		assert_true(newest(w, "up").value == 0);
		assert_true(is_stale_nan(newest(w, "a").value));
		target_info(scrape_target(w->scrape, 0), &info);
		assert_true(starts_with(info.last_error, rows[i].wanted));
		tear_down(&inner);
	}
}

static void openmetrics_is_read_where_the_target_says_so(void **state)
{
	struct world *w = *state;
	struct target_metadata metadata;
	const void *cursor = NULL;

	w->server.head = "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; "
			 "version=1.0.0; charset=utf-8\r\n";
	w->server.body = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
			 "# HELP a_seconds Says \\\"a\\\".\n"
			 "a_seconds_total 7 # {trace=\"x\"} 1\na_seconds_created 5\n# EOF\n";
	w->server.body_len = strlen(w->server.body);
	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	for (int i = 0; i < 2; i++) {
		trigger(w);
		assert_string_equal(w->error, "");
		assert_true(newest(w, "a_seconds_total").value == 7);
		assert_true(newest(w, "a_seconds_created").value == 5);
		assert_true(newest(w, "scrape_series_added").value == (i ? 0 : 2));
	}
	assert_true(target_metadata_next(scrape_target(w->scrape, 0), &cursor, &metadata));
	assert_string_equal(metadata.family, "a_seconds");
	assert_string_equal(metadata.type, "counter");
	assert_string_equal(metadata.unit, "seconds");
	assert_string_equal(metadata.help, "Says \"a\".");
}

static void a_fallback_protocol_reads_what_has_no_type(void **state)
{
	struct world *w = *state;

	w->server.head = "HTTP/1.1 200 OK\r\n";
	assert_int_equal(configure(w, "  fallback_scrape_protocol: PrometheusText0.0.4\n",
				 w->server.port, 0),
		0);
	trigger(w);
	assert_true(w->report.up);
	w->server.body = "a 1\n# EOF\n";
	w->server.body_len = strlen(w->server.body);
	assert_int_equal(configure(w, "  fallback_scrape_protocol: OpenMetricsText1.0.0\n",
				 w->server.port, 0),
		0);
	trigger(w);
	assert_true(w->report.up);
	w->server.body_len = 4;
	trigger(w);
	assert_false(w->report.up);
}

/* `len` bytes of '#' and newlines at the end, as gzip; far smaller than what it unfolds to. */
static size_t bomb(char *out, size_t cap, size_t len)
{
	char *zeros = calloc(1, 65536);
	z_stream z = { .next_out = (unsigned char *)out, .avail_out = (unsigned)cap };

	memset(zeros, '#', 65536);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	for (size_t done = 0; done < len; done += 65536) {
		z.next_in = (unsigned char *)zeros;
		z.avail_in = 65536;
		assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
	}
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	len = z.total_out;
	deflateEnd(&z);
	free(zeros);
	return len;
}

static void a_gzip_bomb_is_cut_at_the_limit(void **state)
{
	struct world *w = *state;
	scoped(freep) char *body = malloc(1 << 20);

	w->server.head = PLAIN "Content-Encoding: gzip\r\n";
	w->server.body = body;
	w->server.body_len = bomb(body, 1 << 20, (size_t)128 << 20);
	assert_true(w->server.body_len < 300000);
	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	trigger(w);
	assert_string_equal(w->error, "body size limit exceeded: more than 67108864 bytes");
	/* And what fits is read. */
	w->server.body_len = bomb(body, 1 << 20, 65536);
	trigger(w);
	assert_string_equal(w->error, "");
	assert_true(w->report.up);
}

#define PIECE ((size_t)64 << 10)

static void an_answer_without_end_is_cut(void **state)
{
	struct world *w = *state;

	scoped(freep) char *piece = malloc(PIECE);

	assert_non_null(piece);
	memset(piece, '#', PIECE);
	w->server.body = piece;
	w->server.body_len = PIECE;
	w->server.manner = NEVER_ENDS;
	assert_int_equal(configure(w, "  body_size_limit: 1MB\n", w->server.port, 0), 0);
	trigger(w);
	assert_string_equal(w->error, "body size limit exceeded: more than 1048575 bytes");
}

static void silence_ends_at_the_timeout(void **state)
{
	struct world *w = *state;

	w->server.manner = IS_SILENT;
	assert_int_equal(configure(w, "  scrape_timeout: 60ms\n", w->server.port, 0), 0);
	trigger(w);
	assert_non_null(strstr(w->error, "timed out"));
	assert_true(w->report.duration_ns >= 60 * NSEC_PER_MSEC);
}

static void a_target_that_dies_is_known_at_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	trigger(w);
	assert_true(w->report.up);
	server_stop(&w->server);
	trigger(w);
	assert_true(!w->report.up && w->report.up_changed);
	assert_true(is_stale_nan(newest(w, "a").value));
	assert_true(newest(w, "up").value == 0);
	assert_non_null(strstr(w->error, "Connection refused"));
	trigger(w);
	assert_false(w->report.up_changed);
}

static void triggers_during_a_scrape_make_one_more(void **state)
{
	struct world *w = *state;
	struct target *t;

	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	t = scrape_target(w->scrape, 0);
	target_trigger(t);
	target_trigger(t);
	target_trigger(t);
	run_until_count(w->event, &w->ends, 2);
	run_until_quiet(w->event);
	assert_int_equal(w->ends, 2);
	assert_int_equal(w->server.requests, 2);
	/* One that comes while the samples are written counts too. */
	w->trigger_at_begin = t;
	target_trigger(t);
	run_until_count(w->event, &w->ends, 4);
	run_until_quiet(w->event);
	assert_int_equal(w->ends, 4);
}

static void a_triggered_scrape_has_a_connection_of_its_own(void **state)
{
	struct world *w = *state;

	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	trigger(w);
	trigger(w);
	assert_int_equal(w->server.connections, 2);
}

static void slots_are_kept_on_a_kept_connection(void **state)
{
	int64_t start_boot_ns = clock_boot_ns();
	struct world *w = *state;

	assert_int_equal(configure(w, "  scrape_interval: 50ms\n  scrape_timeout: 50ms\n",
				 w->server.port, 0),
		0);
	run_until_count(w->event, &w->ups, 5);
	/* A busy machine may miss some, but nothing makes more. */
	assert_true(clock_boot_ns() - start_boot_ns >= (w->ends - 1) * 50 * NSEC_PER_MSEC);
	/* Whoever is too late for its time-out has hung up. */
	assert_int_equal(w->server.connections, 1 + w->ends - w->ups);
	assert_false(w->report.triggered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(past_target_limit_nobody_is_asked),
		WORLD_TEST(more_is_told_of_a_scrape_where_that_is_asked_for),
		WORLD_TEST(a_scrape_writes_samples_and_reports),
		WORLD_TEST(it_asks_as_prometheus_asks),
		WORLD_TEST(a_target_that_moved_is_followed),
		cmocka_unit_test(credentials_and_headers_are_sent),
		WORLD_TEST(a_secrets_file_is_read_anew_at_each_scrape),
		WORLD_TEST(other_credentials_after_a_reload_are_used),
		WORLD_TEST(a_proxy_is_asked_for_what_it_is_for),
		cmocka_unit_test(what_is_wrong_is_told_and_up_is_0),
		WORLD_TEST(openmetrics_is_read_where_the_target_says_so),
		WORLD_TEST(a_fallback_protocol_reads_what_has_no_type),
		WORLD_TEST(a_gzip_bomb_is_cut_at_the_limit),
		WORLD_TEST(an_answer_without_end_is_cut),
		WORLD_TEST(silence_ends_at_the_timeout),
		WORLD_TEST(a_target_that_dies_is_known_at_once),
		WORLD_TEST(triggers_during_a_scrape_make_one_more),
		WORLD_TEST(a_triggered_scrape_has_a_connection_of_its_own),
		WORLD_TEST(slots_are_kept_on_a_kept_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
