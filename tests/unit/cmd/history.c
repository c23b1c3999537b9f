/* tolld history: the table, the pages behind it, and what its exit says. */
#include "harness.h"

#include "capture.h"
#include "cmd/cmd.h"
#include "server.h"

#define ANSWER(more, entries)                                                                      \
	"{\"status\":\"success\",\"data\":{" more "\"notifications\":[" entries "]}}"
#define SENT                                                                                       \
	"{\"id\":7,\"at\":\"2024-01-01T00:00:00.000Z\",\"outcome\":\"sent\","                      \
	"\"receiver\":\"mail\",\"integration\":\"email\",\"tries\":3,"                             \
	"\"reason\":\"first notification\",\"why\":\"250 \\u001bOk\",\"alerts\":["                 \
	"{\"name\":\"Down\",\"firing\":5,\"resolved\":1,\"instances\":[\"a\",\"b\"]},"             \
	"{\"name\":\"Full\",\"firing\":0,\"resolved\":1,\"instances\":[\"c\"]}],"                  \
	"\"moreAlerts\":9}"
#define SILENCED                                                                                   \
	"{\"id\":6,\"at\":\"2024-01-01T00:00:00.000Z\",\"outcome\":\"suppressed\","                \
	"\"receiver\":\"mail\",\"reason\":\"silenced\",\"alerts\":[{\"name\":\"Down\","            \
	"\"firing\":1,\"resolved\":0,\"instances\":[]}]}"

static struct captured history(struct one_answer *server, const char *one, const char *two)
{
	char *argv[] = { (char *)"history", (char *)"--url", server->url, (char *)one, (char *)two,
		NULL };
	struct captured got = capture(cmd_history, 3 + !!one + !!two, argv);

	one_answer_stop(server);
	return got;
}

static void entries_stand_in_a_table_the_newest_last(void **state)
{
	struct one_answer server;
	struct captured got;

	setenv("TZ", "UTC", 1);
	one_answer_start(&server, "200 OK", ANSWER("", SENT "," SILENCED));
	got = history(&server, "--alert", "Down");
	assert_int_equal(got.status, 0);
	assert_string_equal(got.out,
		"WHEN                     RECEIVER    OUTCOME     "
		"ALERTS                                                     WHY\n"
		"2024-01-01 00:00:00 UTC  mail        suppressed  "
		"1 Down                                                     silenced\n"
		"2024-01-01 00:00:00 UTC  mail/email  sent        "
		"5 Down and 1 over (a, b, ...), 1 over Full (c) and 9 more  "
		"first notification, 3 tries: 250 \\x1bOk\n");
	assert_non_null(strstr(
		server.request, "GET /api/v1/notifications/history?alert=Down&limit=50 HTTP/"));
	free(got.out);
	free(got.err);
}

static void pages_are_asked_for_until_there_are_enough(void **state)
{
	struct one_answer server;
	struct captured got;

	two_answers_start(
		&server, "200 OK", ANSWER("\"next\":7,", SENT), "200 OK", ANSWER("", SILENCED));
	got = history(&server, "--json", NULL);
	assert_int_equal(got.status, 0);
	assert_non_null(strstr(server.request, "?limit=49&before=7 "));
	assert_non_null(strstr(got.out, "\"id\": 7"));
	assert_non_null(strstr(got.out, "\"id\": 6"));
	free(got.out);
	free(got.err);
}

static void the_exit_says_whether_there_are_any(void **state)
{
	static const struct {
		const char *status, *body;
		int exit;
		const char *err;
	} cases[] = {
		{ "200 OK", ANSWER("", ""), 1, "no notification is known" },
		{ "400 Bad Request",
			"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"no such\"}",
			2, "no such" },
		{ "200 OK", "<html>", 2, "no answer from tolld at" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct one_answer server;
		struct captured got;

		one_answer_start(&server, cases[i].status, cases[i].body);
		got = history(&server, NULL, NULL);
		assert_int_equal(got.status, cases[i].exit);
		assert_non_null(strstr(got.err, cases[i].err));
		free(got.out);
		free(got.err);
	}
}

static void wrong_flags_are_refused(void **state)
{
	static const char *const flags[][3] = { { "--since", "yesterday", "--since yesterday" },
		{ "--limit", "0", "--limit 0" }, { "x", NULL, "'x' is no flag" } };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		char *argv[] = { (char *)"history", (char *)flags[i][0], (char *)flags[i][1],
			NULL };
		struct captured got = capture(cmd_history, flags[i][1] ? 3 : 2, argv);

		assert_int_equal(got.status, EXIT_USAGE);
		assert_non_null(strstr(got.err, flags[i][2]));
		free(got.out);
		free(got.err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_stand_in_a_table_the_newest_last),
		cmocka_unit_test(pages_are_asked_for_until_there_are_enough),
		cmocka_unit_test(the_exit_says_whether_there_are_any),
		cmocka_unit_test(wrong_flags_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
