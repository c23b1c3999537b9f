/* tolld status: the table of services, and what its exit says. */
#include "harness.h"

#include "capture.h"
#include "cmd/cmd.h"
#include "cmd/status.h"
#include "server.h"

#define ANSWER(services)                                                                           \
	"{\"status\":\"success\",\"data\":{\"backend\":\"kernel\",\"services\":[" services "]}}"
#define UP                                                                                         \
	"{\"name\":\"a\",\"state\":\"up\",\"since\":\"2024-01-01T00:00:00.000Z\",\"pid\":7,"       \
	"\"restarts\":2,\"lastDeath\":{\"text\":\"killed by \\u001b\"}}"
#define DOWN "{\"name\":\"long name\",\"state\":\"down\",\"since\":\"x\",\"restarts\":0}"

static struct captured status(struct one_answer *server, const char *one, const char *two)
{
	char *argv[] = { (char *)"status", (char *)"--url", server->url, (char *)one, (char *)two,
		NULL };
	struct captured got = capture(cmd_status, 3 + !!one + !!two, argv);

	one_answer_stop(server);
	return got;
}

static int print(void *userdata)
{
	const json_t *data = userdata;
	struct strbuf out = STRBUF_INIT;
	struct status_counts counts;
	int err = status_print(data, NULL, 1704067200000 + 90061000, &out, &counts);

	if (!err) {
		assert_string_equal(out.s,
			"SERVICE    STATE  SINCE    PID  RESTARTS  LAST CAUSE\n"
			"a          up     1 d 1 h  7    2         killed by \\x1b\n"
			"long name  down   -        -    0\n");
		assert_int_equal(counts.shown, 2);
		assert_int_equal(counts.up, 1);
	}
	strbuf_release(&out);
	return err;
}

static void services_stand_in_a_table(void **state)
{
	json_t *root = json_loads("{\"services\":[" UP "," DOWN "]}", 0, NULL);

	assert_non_null(root);
	with_failing_allocations(print, root);
	json_decref(root);
}

static void the_exit_says_whether_all_are_up(void **state)
{
	static const struct {
		const char *body, *service;
		int status;
		const char *out, *err;
	} cases[] = {
		{ ANSWER(UP), NULL, 0, "killed by", "" },
		{ ANSWER(UP "," DOWN), NULL, 1, "long name  down", "" },
		{ ANSWER(UP "," DOWN), "a", 0, "killed by", "" },
		{ ANSWER(UP "," DOWN), "long name", 1, "long name  down", "" },
		{ ANSWER(UP), "b", 1, "", "no service is called 'b'" },
		{ ANSWER(""), NULL, 0, "", "no service is watched" },
		{ ANSWER("{\"name\":\"c\",\"state\":\"unknown\"}"), NULL, 1, "unknown", "" },
		{ "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"out of memory\"}",
			NULL, 2, "", "out of memory" },
		{ "<html>", NULL, 2, "", "no answer from tolld at http://127.0.0.1:" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct one_answer server;
		struct captured got;

		one_answer_start(&server, "200 OK", cases[i].body);
		got = status(&server, cases[i].service, NULL);
		if (got.status != cases[i].status || !strstr(got.out, cases[i].out) ||
			!strstr(got.err, cases[i].err))
			fail_msg("%zu: exit %d\n%s%s", i, got.status, got.out, got.err);
		assert_non_null(strstr(server.request, "GET /api/v1/services HTTP/"));
		captured_release(&got);
	}
}

static void who_cannot_be_reached_is_another_exit(void **state)
{
	struct one_answer server;
	char *argv[] = { (char *)"status", (char *)"--web.listen-address", server.url, NULL };
	struct captured got;

	/* A port that was somebody's a moment ago, and is nobody's now. */
	one_answer_start(&server, "200 OK", "");
	one_answer_stop(&server);
	got = capture(cmd_status, 3, argv);
	assert_int_equal(got.status, 2);
	assert_non_null(strstr(got.err, "no answer from tolld at http://127.0.0.1:"));
	captured_release(&got);
}

static void json_is_the_services_that_were_asked_for(void **state)
{
	struct one_answer server;
	struct captured got;
	json_t *list;

	one_answer_start(&server, "200 OK", ANSWER(UP "," DOWN));
	got = status(&server, "--json", "long name");
	assert_int_equal(got.status, 1);
	list = json_loads(got.out, 0, NULL);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 0), "state")), "down");
	json_decref(list);
	captured_release(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_stand_in_a_table),
		cmocka_unit_test(the_exit_says_whether_all_are_up),
		cmocka_unit_test(who_cannot_be_reached_is_another_exit),
		cmocka_unit_test(json_is_the_services_that_were_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
