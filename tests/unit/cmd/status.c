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
	"\"restartsLastHour\":2,\"lastDeath\":{\"text\":\"killed by \\u001b\"}}"
#define DOWN                                                                                       \
	"{\"name\":\"long name\",\"state\":\"down\",\"since\":\"x\",\"cause\":\"nobody listens\"}"

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
	int err = status_print(data, 1704067200000 + 90061000, &out, &counts);

	if (!err) {
		assert_string_equal(out.s,
			"SERVICE    STATE  SINCE    PID  RESTARTS/H  LAST CAUSE\n"
			"a          up     1 d 1 h  7    2           killed by \\x1b\n"
			"long name  down   -        -    -           nobody listens\n");
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

static void what_stands_still_is_up_and_says_so(void **state)
{
	json_t *root = json_loads("{\"services\":[{\"name\":\"a\",\"state\":\"up\","
				  "\"cause\":\"killed\",\"standstill\":{\"kind\":\"stopped\","
				  "\"text\":\"its process 7 is stopped\"}}]}",
		0, NULL);
	const json_t *service = json_array_get(json_object_get(root, "services"), 0);
	struct strbuf out = STRBUF_INIT;
	struct status_counts counts;

	assert_int_equal(status_print(root, 0, &out, &counts), 0);
	assert_string_equal(out.s, "SERVICE  STATE        SINCE  PID  RESTARTS/H  LAST CAUSE\n"
				   "a        up, stopped  -      -    -           its process 7 is "
				   "stopped\n");
	assert_int_equal(counts.up, 1);
	strbuf_reset(&out);
	assert_int_equal(status_service_print(service, "a", NULL, 0, &out), 0);
	assert_non_null(strstr(out.s, "  standstill  its process 7 is stopped\n"));
	assert_non_null(strstr(out.s, "  last death  killed\n"));
	strbuf_release(&out);
	json_decref(root);
}

static void the_exit_says_whether_all_are_up(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *out, *err;
	} cases[] = {
		{ ANSWER(UP), 0, "killed by", "" },
		{ ANSWER(UP "," DOWN), 1, "long name  down", "" },
		{ ANSWER(""), 0, "", "no service is watched" },
		{ ANSWER("{\"name\":\"c\",\"state\":\"unknown\"}"), 1, "unknown", "" },
		{ "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"out of memory\"}",
			2, "", "out of memory" },
		{ "<html>", 2, "", "no answer from tolld at http://127.0.0.1:" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct one_answer server;
		struct captured got;

		one_answer_start(&server, "200 OK", cases[i].body);
		got = status(&server, NULL, NULL);
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

static void json_is_the_services(void **state)
{
	struct one_answer server;
	struct captured got;
	json_t *list;

	one_answer_start(&server, "200 OK", ANSWER(UP "," DOWN));
	got = status(&server, "--json", NULL);
	assert_int_equal(got.status, 1);
	list = json_loads(got.out, 0, NULL);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 1), "state")), "down");
	json_decref(list);
	captured_release(&got);
}

/* -- one service ---------------------------------------------------------------------------- */

#define EVENTS(events)                                                                             \
	"{\"status\":\"success\",\"data\":{\"service\":\"a\",\"events\":[" events "]}}"
/* The newest first, as they come. */
#define THREE_EVENTS                                                                                \
	"{\"kind\":\"start\",\"at\":\"2024-01-01T00:00:10.020Z\",\"pid\":8,\"comm\":\"n\\u001bw\"," \
	"\"found\":false},"                                                                         \
	"{\"kind\":\"death\",\"at\":\"2024-01-01T00:00:10.000Z\",\"pid\":7,\"comm\":\"web\","       \
	"\"death\":{\"text\":\"killed by \\n\",\"cpuSeconds\":1.256,"                               \
	"\"peakMemoryBytes\":33554432,\"threads\":5}},"                                             \
	"{\"kind\":\"start\",\"at\":\"2024-01-01T00:00:00.000Z\",\"pid\":7,\"comm\":\"web\","       \
	"\"found\":true}"
#define OTHER_EVENTS                                                                               \
	"{\"kind\":\"hung_over\",\"at\":\"2024-01-01T00:00:09.000Z\"},"                            \
	"{\"kind\":\"hung\",\"at\":\"2024-01-01T00:00:08.000Z\",\"hang\":{}},"                     \
	"{\"kind\":\"hung\",\"at\":\"2024-01-01T00:00:07.000Z\",\"pid\":9,"                        \
	"\"hang\":{\"thread\":10,\"threads\":2,\"waitsIn\":\"nfs\\u001b\"}},"                      \
	"{\"kind\":\"oom_kill\",\"at\":\"2024-01-01T00:00:06.000Z\"},"                             \
	"{\"kind\":\"later\",\"at\":\"2024-01-01T00:00:05.000Z\"},"                                \
	"{\"kind\":\"state\",\"at\":\"2024-01-01T00:00:04.000Z\",\"state\":\"up\"},"               \
	"{\"kind\":\"left\",\"at\":\"2024-01-01T00:00:03.000Z\"},"                                 \
	"{\"kind\":\"listener_back\",\"at\":\"2024-01-01T00:00:02.000Z\"},"                        \
	"{\"kind\":\"listener_gone\",\"at\":\"2024-01-01T00:00:01.000Z\"},"                        \
	"{\"kind\":\"death\",\"at\":\"x\",\"death\":{\"text\":\"gone\",\"threads\":1,"             \
	"\"peakMemoryBytes\":1048576}}"

struct page {
	const char *service, *events, *text;
};

static int print_one(void *userdata)
{
	const struct page *page = userdata;
	json_t *service = page->service ? json_loads(page->service, 0, NULL) : NULL;
	json_t *events = json_loads(page->events, 0, NULL);
	struct strbuf out = STRBUF_INIT;
	int err = events && (service || !page->service) ? 0 : -ENOMEM;

	if (!err)
		err = status_service_print(service, "a\x1b", events, 1704067200000 + 70000, &out);
	if (!err)
		assert_string_equal(out.s, page->text);
	strbuf_release(&out);
	json_decref(service);
	json_decref(events);
	return err;
}

static void a_service_is_shown_with_what_became_of_it(void **state)
{
	static struct page pages[] = {
		{ "{\"name\":\"a\",\"state\":\"up\",\"since\":\"2024-01-01T00:00:10.020Z\","
		  "\"selector\":\"unit a\",\"pid\":8,\"comm\":\"n\\u001bw\","
		  "\"startedAt\":\"2024-01-01T00:00:10.000Z\",\"restarts\":2,"
		  "\"restartsLastHour\":1,\"cause\":\"killed by \\n\"}",
			"[" THREE_EVENTS "]",
			"a\\x1b is up since 2024-01-01 00:00:10 UTC, 59 s ago\n"
			"  watched by  unit a\n"
			"  process     8 (n\\x1bw), started 2024-01-01 00:00:10 UTC, 1 min ago\n"
			"  restarts    1 in the last hour, 2 since tolld started\n"
			"  last death  killed by \\n\n"
			"\n"
			"WHEN                     PID  NAME    WHAT\n"
			"2024-01-01 00:00:00 UTC  7    web     was there when tolld looked\n"
			"2024-01-01 00:00:10 UTC  7    web     killed by \\n; used 1.26 s of CPU, "
			"32 MiB of memory, in 5 threads\n"
			"2024-01-01 00:00:10 UTC  8    n\\x1bw  started, after 20 ms\n" },
		{ "{\"name\":\"a\",\"state\":\"down\",\"since\":\"x\",\"cause\":\"gone\"}",
			"[" OTHER_EVENTS "]",
			"a\\x1b is down\n"
			"  watched by  \n"
			"  restarts    0 in the last hour, 0 since tolld started\n"
			"  cause       gone\n"
			"\n"
			"WHEN                     PID  NAME  WHAT\n"
			"                                    gone; used 1.0 MiB of memory\n"
			"2024-01-01 00:00:01 UTC             listens no more, though it lives\n"
			"2024-01-01 00:00:02 UTC             listens again\n"
			"2024-01-01 00:00:03 UTC             ended with its work done\n"
			"2024-01-01 00:00:04 UTC             is up\n"
			"2024-01-01 00:00:05 UTC             later\n"
			"2024-01-01 00:00:06 UTC             the kernel killed a process of it for "
			"lack of memory\n"
			"2024-01-01 00:00:07 UTC  9          hangs: thread 10 waits for the kernel "
			"in nfs\\x1b\n"
			"2024-01-01 00:00:08 UTC             hangs\n"
			"2024-01-01 00:00:09 UTC             hangs no more\n" },
		{ NULL, "[]", "a\\x1b is not watched any more\n\nnothing has become of it yet\n" },
	};

	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		with_failing_allocations(print_one, &pages[i]);
}

static void one_service_is_asked_for_by_its_name(void **state)
{
	static const struct {
		const char *services, *second_status, *events, *name, *path;
		int status;
		const char *out, *err;
	} cases[] = {
		{ ANSWER(UP "," DOWN), "200 OK", EVENTS(THREE_EVENTS), "a",
			"GET /api/v1/services/a/events HTTP/", 0, "was there when tolld looked",
			"" },
		{ ANSWER(UP "," DOWN), "200 OK", EVENTS(""), "long name",
			"GET /api/v1/services/long%20name/events HTTP/", 1, "long name is down",
			"" },
		/* It was watched once. */
		{ ANSWER(UP), "200 OK", EVENTS(THREE_EVENTS), "a+/?b",
			"GET /api/v1/services/a%2B%2F%3Fb/events HTTP/", 1,
			"a+/?b is not watched any more", "" },
		{ ANSWER(UP), "404 Not Found",
			"{\"status\":\"error\",\"errorType\":\"not_found\",\"error\":\"no\"}",
			"b\x1b", "GET /api/v1/services/b%1B/events HTTP/", 1, "",
			"no service is called 'b\\x1b'" },
		{ ANSWER(UP), "500 Internal Server Error",
			"{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"broken\"}",
			"a", "GET /api/v1/services/a/events HTTP/", 0, "", "broken" },
		/* Names that make another path. */
		{ ANSWER(UP), "404 Not Found", "", "", "GET /api/v1/services HTTP/", 1, "",
			"no service is called ''" },
		{ ANSWER(UP), "404 Not Found", "", "..", "GET /api/v1/services HTTP/", 1, "",
			"no service is called '..'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct one_answer server;
		struct captured got;

		two_answers_start(&server, "200 OK", cases[i].services, cases[i].second_status,
			cases[i].events);
		got = status(&server, cases[i].name, NULL);
		if (got.status != cases[i].status || !strstr(got.out, cases[i].out) ||
			!strstr(got.err, cases[i].err))
			fail_msg("%zu: exit %d\n%s%s", i, got.status, got.out, got.err);
		if (!starts_with(server.request, cases[i].path))
			fail_msg("%zu: asked %s", i, server.request);
		captured_release(&got);
	}
}

/* 0.0.0.0 is this machine, too, and libcurl does not know it. */
static void who_is_excepted_from_the_proxy_is_asked_directly(void **state)
{
	static const char *const names[] = { "no_proxy", "NO_PROXY" };

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct one_answer server;
		struct captured got;
		char url[sizeof(server.url)];

		one_answer_start(&server, "200 OK", ANSWER(UP));
		snprintf(url, sizeof(url), "http://0.0.0.0%s", strrchr(server.url, ':'));
		memcpy(server.url, url, sizeof(url));
		setenv(names[i], "example.org,0.0.0.0", 1);
		got = status(&server, NULL, NULL);
		unsetenv(names[i]);
		if (got.status)
			fail_msg("%s: exit %d\n%s", names[i], got.status, got.err);
		captured_release(&got);
	}
	unsetenv("http_proxy");
}

static void json_of_one_service_has_its_events(void **state)
{
	static const struct {
		const char *name, *second_status, *events;
		size_t services, n_events;
	} cases[] = {
		{ "a", "200 OK", EVENTS(THREE_EVENTS), 1, 3 },
		{ "b", "404 Not Found",
			"{\"status\":\"error\",\"errorType\":\"not_found\",\"error\":\"no\"}", 0,
			0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct one_answer server;
		struct captured got;
		json_t *list;

		two_answers_start(&server, "200 OK", ANSWER(UP "," DOWN), cases[i].second_status,
			cases[i].events);
		got = status(&server, "--json", cases[i].name);
		list = json_loads(got.out, 0, NULL);
		assert_int_equal(json_array_size(list), cases[i].services);
		assert_int_equal(
			json_array_size(json_object_get(json_array_get(list, 0), "events")),
			cases[i].n_events);
		json_decref(list);
		captured_release(&got);
	}
}

static void flags_that_do_not_go_together_are_refused(void **state)
{
	char *both[] = { (char *)"status", (char *)"--json", (char *)"--watch", NULL };
	char *two[] = { (char *)"status", (char *)"a", (char *)"b", NULL };
	struct captured got = capture(cmd_status, 3, both);

	assert_int_equal(got.status, 2);
	assert_non_null(strstr(got.err, "--json and --watch do not go together"));
	captured_release(&got);
	got = capture(cmd_status, 3, two);
	assert_int_equal(got.status, 2);
	assert_non_null(strstr(got.err, "one service can be named, not 2"));
	captured_release(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_stand_in_a_table),
		cmocka_unit_test(what_stands_still_is_up_and_says_so),
		cmocka_unit_test(the_exit_says_whether_all_are_up),
		cmocka_unit_test(who_cannot_be_reached_is_another_exit),
		cmocka_unit_test(json_is_the_services),
		cmocka_unit_test(a_service_is_shown_with_what_became_of_it),
		cmocka_unit_test(one_service_is_asked_for_by_its_name),
		cmocka_unit_test(who_is_excepted_from_the_proxy_is_asked_directly),
		cmocka_unit_test(json_of_one_service_has_its_events),
		cmocka_unit_test(flags_that_do_not_go_together_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
