/* Answers in HTTP/1.1, whole and in pieces: what is read, and what is left to somebody who knows more. */
#include "harness.h"

#include "net/http_reader.h"

#define MAX_BYTES 30

struct outcome {
	enum http_progress progress;
	int status;
	bool keep_alive, redirects;
	char type[HTTP_TYPE_MAX];
	char body[MAX_BYTES + 1];
};

/* The answer, handed in `step` bytes at a time; hung up at its end where it was not over before. */
static struct outcome read_in_steps(const char *text, size_t len, size_t step)
{
	struct outcome outcome = { .progress = HTTP_MORE };
	struct http_reader r;
	struct strbuf body;

	strbuf_init(&body, MAX_BYTES);
	http_reader_init(&r, &body);
	for (size_t at = 0; at < len && outcome.progress == HTTP_MORE; at += step)
		outcome.progress = http_reader_feed(&r, text + at, MIN(step, len - at));
	if (outcome.progress == HTTP_MORE)
		outcome.progress = http_reader_end(&r);
	assert_true(r.begun);
	outcome.status = r.status;
	outcome.keep_alive = r.keep_alive;
	outcome.redirects = r.redirects;
	if (r.has_type)
		snprintf(outcome.type, sizeof(outcome.type), "%s", r.type);
	snprintf(outcome.body, sizeof(outcome.body), "%s", body.s);
	http_reader_release(&r);
	strbuf_release(&body);
	return outcome;
}

#define OK_LINE "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *text;
	enum http_progress progress;
	bool keep_alive;
	const char *body;
} answers[] = {
	{ OK_LINE "Content-Length: 4\r\n\r\na 1\n", HTTP_DONE, true, "a 1\n" },
	{ OK_LINE "content-length:4 \t\r\nX: y\r\n\r\na 1\n", HTTP_DONE, true, "a 1\n" },
	{ OK_LINE "Content-Length: 0\r\n\r\n", HTTP_DONE, true, "" },
	/* Lines that end as those of a careless server. */
	{ "HTTP/1.1 200\nContent-Length: 4\n\na 1\n", HTTP_DONE, true, "a 1\n" },
	{ OK_LINE "Content-Length: 4\r\nContent-Length: 4\r\n\r\na 1\n", HTTP_DONE, true, "a 1\n" },
	{ OK_LINE "Connection: close\r\nContent-Length: 1\r\n\r\na", HTTP_DONE, false, "a" },
	{ OK_LINE "Connection: Keep-Alive\r\nContent-Length: 1\r\n\r\na", HTTP_DONE, true, "a" },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", HTTP_DONE, false, "a" },
	{ OK_LINE "\r\nall until the end", HTTP_DONE, false, "all until the end" },
	{ OK_LINE "Content-Encoding: identity\r\nContent-Length: 1\r\n\r\na", HTTP_DONE, true,
		"a" },
	{ OK_LINE
		"Transfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n00A;x=y\r\nb 22222222\r\n0\r\n\r\n",
		HTTP_DONE, true, "a 1\nb 22222222" },
	{ OK_LINE
		"Transfer-Encoding: Chunked\r\n\r\n1 ;ext\r\na\r\n0\r\nTrailer: x\r\nAnd: y\r\n\r\n",
		HTTP_DONE, true, "a" },
	/* Who gives a length as well gets no second request on that connection. */
	{ OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n",
		HTTP_DONE, false, "a" },
	{ "HTTP/1.1 100 Continue\r\nContent-Type: x\r\n\r\n" OK_LINE "Content-Length: 1\r\n\r\na",
		HTTP_DONE, true, "a" },

	/* The rest is not wanted. */
	{ "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n", HTTP_REFUSED, false, "" },
	{ "HTTP/1.1 204 No Content\r\n\r\n", HTTP_REFUSED, false, "" },

	/* Hung up too soon. */
	{ "HTTP/1.1 200 O", HTTP_MORE, false, "" },
	{ OK_LINE "Content-Length: 4\r\n", HTTP_MORE, false, "" },
	{ OK_LINE "Content-Length: 4\r\n\r\na 1", HTTP_MORE, false, "a 1" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n4\r\na 1\n", HTTP_MORE, false, "a 1\n" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n0\r\n", HTTP_MORE, false,
		"a 1\n" },

	/* More than is read. */
	{ OK_LINE "Content-Length: 31\r\n\r\n", HTTP_FULL, false, "" },
	{ OK_LINE "\r\n1234567890123456789012345678901", HTTP_FULL, false, NULL },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n1f\r\n1234567890123456789012345678901\r\n",
		HTTP_FULL, false, NULL },

	/* For others. */
	{ "rubbish\r\n", HTTP_STRANGE, false, "" },
	{ "\r\n", HTTP_STRANGE, false, "" },
	{ "HTTP/2 200 OK\r\n", HTTP_STRANGE, false, "" },
	{ "HTTP/1.1 2000 OK\r\n", HTTP_STRANGE, false, "" },
	{ "HTTP/1.1 abc OK\r\n", HTTP_STRANGE, false, "" },
	{ "HTTP/1.1  200\r\n", HTTP_STRANGE, false, "" },
	{ "HTTP/1.1 101 Switching Protocols\r\n\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "no colon\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE ": no name\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "A: b\r\n folded\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Content-Length : 4\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Content-Length: -1\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Content-Length: +1\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Content-Length: 1, 1\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Content-Length: \r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Content-Length: 99999999999999999999\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Content-Length: 4\r\nContent-Length: 5\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Content-Encoding: gzip\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Transfer-Encoding: gzip, chunked\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HTTP_STRANGE,
		false, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\nx\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n-1\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n123456789\r\n", HTTP_STRANGE, false, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", HTTP_STRANGE, false, "a" },
};

static void answers_are_read_in_pieces_of_any_size(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		size_t len = strlen(answers[i].text);

		for (size_t step = 1; step <= len; step++) {
			struct outcome o = read_in_steps(answers[i].text, len, step);

			if (o.progress != answers[i].progress ||
				(answers[i].body && strcmp(o.body, answers[i].body)) ||
				(o.progress == HTTP_DONE && o.keep_alive != answers[i].keep_alive))
				fail_msg("row %zu, %zu bytes at a time: progress %d, keep alive "
					 "%d, body '%s'",
					i, step, o.progress, o.keep_alive, o.body);
		}
	}
}

static void what_the_head_says_is_known(void **state)
{
	static const char text[] =
		"HTTP/1.1 302 Found\r\nLocation: /x\r\nCONTENT-TYPE:  text/plain; "
		"version=0.0.4 \r\n\r\n";
	struct outcome o = read_in_steps(text, strlen(text), 7);

	assert_int_equal(o.progress, HTTP_REFUSED);
	assert_int_equal(o.status, 302);
	assert_true(o.redirects);
	assert_string_equal(o.type, "text/plain; version=0.0.4");
}

static void bytes_behind_the_end_cost_the_connection(void **state)
{
	static const char text[] = OK_LINE "Content-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n";
	struct outcome o = read_in_steps(text, strlen(text), sizeof(text));

	assert_int_equal(o.progress, HTTP_DONE);
	assert_string_equal(o.body, "a");
	assert_false(o.keep_alive);
}

static void a_head_has_a_limit_and_no_nul(void **state)
{
	static const char with_nul[] = OK_LINE "A: b\0c\r\n\r\n";
	struct strbuf text = STRBUF_INIT;

	assert_int_equal(read_in_steps(with_nul, sizeof(with_nul) - 1, 5).progress, HTTP_STRANGE);
	strbuf_adds(&text, OK_LINE);
	while (text.len < HTTP_HEAD_MAX - 10)
		strbuf_adds(&text, "A: b\r\n");
	strbuf_adds(&text, "\r\n");
	assert_int_equal(read_in_steps(text.s, text.len, 4096).progress, HTTP_DONE);
	strbuf_truncate(&text, text.len - 2);
	for (int i = 0; i < 3; i++)
		strbuf_adds(&text, "A: b\r\n");
	assert_int_equal(read_in_steps(text.s, text.len, 4096).progress, HTTP_STRANGE);
	strbuf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read_in_pieces_of_any_size),
		cmocka_unit_test(what_the_head_says_is_known),
		cmocka_unit_test(bytes_behind_the_end_cost_the_connection),
		cmocka_unit_test(a_head_has_a_limit_and_no_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
