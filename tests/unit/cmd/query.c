/* tolld query: what it asks, and how it shows what came. */
#include "harness.h"

#include "capture.h"
#include "cmd/cmd.h"
#include "cmd/query_print.h"
#include "server.h"

#define VECTOR(result)                                                                             \
	"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" result "]}}"

#define MAX_ARGS 10

/* Calls `tolld query ARGS... --url URL` with a server behind it. */
static struct captured query(struct one_answer *server, const char *const args[MAX_ARGS])
{
	char *argv[MAX_ARGS + 4] = { (char *)"query" };
	struct captured got;
	int argc = 1;

	for (; args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];
	argv[argc++] = (char *)"--url";
	argv[argc++] = server->url;
	got = capture(cmd_query, argc, argv);
	one_answer_stop(server);
	return got;
}

static void an_instant_is_asked_for_and_shown_as_a_table(void **state)
{
	struct one_answer server;
	struct captured got;

	one_answer_start(&server, "200 OK",
		VECTOR("{\"metric\":{\"__name__\":\"up\",\"job\":\"a\\u001b\"},\"value\":[1.5,\"1\"]},"
		       "{\"metric\":{},\"value\":[1.5,\"NaN\"]},"
		       "{\"metric\":{\"h\":\"1\"},\"histogram\":[1.5,{}]}"));
	got = query(&server,
		(const char *const[MAX_ARGS]){ "up{a=\"&\"}", "--time", "2024-01-01T00:00:00.5Z" });
	assert_int_equal(got.status, 0);
	assert_string_equal(got.out, "up{job=\"a\\x1b\"}  1\n"
				     "{}               NaN\n"
				     "{h=\"1\"}          a histogram\n");
	assert_string_equal(got.err, "");
	assert_non_null(strstr(server.request, "POST /api/v1/query HTTP/"));
	assert_non_null(
		strstr(server.request, "\r\n\r\nquery=up%7Ba%3D%22%26%22%7D&time=1704067200.5"));
	captured_release(&got);
}

static void other_kinds_of_answers_are_shown_as_they_are(void **state)
{
	static const struct {
		const char *body, *out, *err;
	} cases[] = {
		{ VECTOR(""), "", "no data\n" },
		{ "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"2.5\"]}}",
			"2.5\n", "" },
		{ "{\"status\":\"success\",\"data\":{\"resultType\":\"string\",\"result\":[1,\"a\\nb\"]}}",
			"a\\nb\n", "" },
		{ "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{"
		  "\"a\":\"b\"},\"values\":[[0.001,\"1\"],[2,\"x\"],[3,\"4\"]]}]}}",
			"{a=\"b\"}\n  1970-01-01T00:00:00.001Z  1\n  1970-01-01T00:00:03.000Z  4\n",
			"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct one_answer server;
		struct captured got;

		one_answer_start(&server, "200 OK", cases[i].body);
		got = query(&server, (const char *const[MAX_ARGS]){ "x" });
		assert_int_equal(got.status, 0);
		assert_string_equal(got.out, cases[i].out);
		assert_string_equal(got.err, cases[i].err);
		captured_release(&got);
	}
}

static void json_is_the_data_with_its_times_untouched(void **state)
{
	struct one_answer server;
	struct captured got;

	one_answer_start(&server, "200 OK",
		"{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":["
		"1435781451.781,\"1\"]},\"warnings\":[\"mind\\u0007\"]}");
	got = query(&server, (const char *const[MAX_ARGS]){ "1", "--format", "json" });
	assert_int_equal(got.status, 0);
	assert_string_equal(
		got.out, "{\"resultType\":\"scalar\",\"result\":[1435781451.781,\"1\"]}\n");
	assert_string_equal(got.err, "warning: mind\\a\n");
	captured_release(&got);
}

static void a_range_is_drawn(void **state)
{
	struct one_answer server;
	struct captured got;

	setenv("LC_ALL", "C", 1);
	setenv("TZ", "UTC", 1);
	one_answer_start(&server, "200 OK",
		"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{"
		"\"__name__\":\"m\"},\"values\":[[60,\"0\"],[120,\"0.5\"],[240,\"7\"]]}]}}");
	got = query(&server, (const char *const[MAX_ARGS]){ "m", "--start", "60", "--end",
				     "1970-01-01T00:05:00Z", "--step", "1m" });
	assert_int_equal(got.status, 0);
	assert_string_equal(got.out,
		"1970-01-01 00:01:00 UTC to 1970-01-01 00:05:00 UTC, every 1m\n"
		"m\n"
		"  __ @   min 0  max 7  last 7\n");
	assert_non_null(strstr(server.request, "POST /api/v1/query_range HTTP/"));
	assert_non_null(strstr(server.request, "\r\n\r\nquery=m&start=60&end=300&step=60"));
	captured_release(&got);
}

static void a_chart_is_no_wider_than_the_terminal(void **state)
{
	static const struct {
		size_t columns;
		const char *chart; /* of ten steps */
	} rows[] = {
		{ 0, "  _________@  min 0  max 1  last 1\n" },
		{ 200, "  _________@  min 0  max 1  last 1\n" },
		{ 34, "  _________@  min 0  max 1  last 1\n" },
		{ 33, "  _________@\n  min 0  max 1  last 1\n" },
		{ 12, "  _________@\n  min 0  max 1  last 1\n" },
		{ 7, "  ____@\n  min 0  max 1  last 1\n" },
		{ 1, "  _________@\n  min 0  max 1  last 1\n" },
	};
	json_t *data = json_loads("{\"result\":[{\"metric\":{\"__name__\":\"m\"},\"values\":["
				  "[0,\"0\"],[1,\"0\"],[2,\"0\"],[3,\"0\"],[4,\"0\"],[5,\"0\"],"
				  "[6,\"0\"],[7,\"0\"],[8,\"0\"],[9,\"1\"]]}]}",
		0, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct query_range range = { .end_wall_ms = 9000,
			.step_ms = 1000,
			.columns = rows[i].columns,
			.ascii = true };
		struct strbuf out = STRBUF_INIT;

		assert_int_equal(query_print_range(data, &range, &out), 0);
		assert_string_equal(strstr(out.s, "\nm\n") + 3, rows[i].chart);
		strbuf_release(&out);
	}
	json_decref(data);
}

static void a_fault_is_marked_under_the_expression(void **state)
{
	static const struct {
		const char *expr, *error, *said;
	} cases[] = {
		{ "1 + rats(up)",
			"invalid parameter \\\"query\\\": 1:5: parse error: unknown function \\\"rats\\\"",
			"tolld query: unknown function \"rats\"\n"
			"    1 + rats(up)\n"
			"        ^~~~\n" },
		{ "up\n  + *",
			"invalid parameter \\\"query\\\": 2:5: parse error: unexpected <op:*>",
			"tolld query: unexpected <op:*>\n"
			"      + *\n"
			"        ^\n" },
		{ "\"\xc3\xbc\t\" + +",
			"1:9: parse error: end", /* ü is two bytes, a tab is shown as \t */
			"tolld query: end\n"
			"    \"\xc3\xbc\\t\" + +\n"
			"            ^\n" },
		/* No place, or one that is not there. */
		{ "up", "query timed out", "tolld query: query timed out\n" },
		{ "up", "x: 7:5: parse error: y", "tolld query: y\n" },
		{ "up", "x: 1:50: parse error: y", "tolld query: y\n" },
		{ "up", ":5: parse error: y", "tolld query: :5: parse error: y\n" },
		{ "up", "9999999999999999:5: parse error: y\\u0007",
			"tolld query: 9999999999999999:5: parse error: y\\a\n" },
	};
	char body[500];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct one_answer server;
		struct captured got;

		snprintf(body, sizeof(body),
			"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"%s\"}",
			cases[i].error);
		one_answer_start(&server, "400 Bad Request", body);
		got = query(&server, (const char *const[MAX_ARGS]){ cases[i].expr });
		assert_int_equal(got.status, 1);
		assert_string_equal(got.err, cases[i].said);
		assert_string_equal(got.out, "");
		captured_release(&got);
	}
}

static void who_does_not_answer_or_not_so_is_told(void **state)
{
	static const char *const bodies[] = { "", "<html>", "{}", "{\"status\":\"success\"}",
		"[1,2]", "{\"status\":1,\"data\":2}" };
	struct one_answer server;
	struct captured got;
	char url[64];
	char *argv[] = { (char *)"query", (char *)"up", (char *)"--url", url, NULL };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		one_answer_start(&server, "404 Not Found", bodies[i]);
		got = query(&server, (const char *const[MAX_ARGS]){ "up" });
		assert_int_equal(got.status, 2);
		assert_non_null(strstr(got.err, "no answer from tolld at "));
		assert_non_null(strstr(got.err, "HTTP status 404"));
		captured_release(&got);
	}
	one_answer_start(&server, "200 OK", "");
	snprintf(url, sizeof(url), "%s", server.url);
	one_answer_stop(&server);
	got = capture(cmd_query, 4, argv);
	assert_int_equal(got.status, 2);
	assert_non_null(strstr(got.err, "no answer from tolld at "));
	captured_release(&got);
}

static void a_wrong_call_is_told(void **state)
{
	static const char *const calls[][MAX_ARGS] = {
		{ NULL },
		{ "a", "b" },
		{ "a", "--time", "soon" },
		{ "a", "--format", "xml" },
		{ "a", "--start", "1h", "--step", "0s" },
		{ "a", "--start", "1h", "--step", "x" },
		{ "a", "--start", "1h", "--time", "1h" },
		{ "a", "--end", "1h" },
		{ "a", "--step", "1m" },
		{ "a", "--start", "100", "--end", "50" },
		{ "a", "--such" },
		{ "a", "--time", "nan" },
		{ "a", "--time", "1e300" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		char *argv[MAX_ARGS + 1] = { (char *)"query" };
		struct captured got;
		int argc = 1;

		for (; calls[i][argc - 1]; argc++)
			argv[argc] = (char *)calls[i][argc - 1];
		got = capture(cmd_query, argc, argv);
		assert_int_equal(got.status, 2);
		assert_non_null(strstr(got.err, "see tolld query --help"));
		captured_release(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_instant_is_asked_for_and_shown_as_a_table),
		cmocka_unit_test(other_kinds_of_answers_are_shown_as_they_are),
		cmocka_unit_test(json_is_the_data_with_its_times_untouched),
		cmocka_unit_test(a_range_is_drawn),
		cmocka_unit_test(a_chart_is_no_wider_than_the_terminal),
		cmocka_unit_test(a_fault_is_marked_under_the_expression),
		cmocka_unit_test(who_does_not_answer_or_not_so_is_told),
		cmocka_unit_test(a_wrong_call_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
