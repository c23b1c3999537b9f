/*
 * Ways out that are no mail server: services over HTTP, other Alertmanagers; on a real loop.
 */
#include "deliver/ways.h"

#include "deliver/forward.h"
#include "model/timestamp.h"

/* -- services ---------------------------------------------------------------------------------- */

static void a_service_decides_whether_it_is_tried_again(void **state)
{
	static const struct {
		const char *head, *body;
		enum server_manner manner;
		enum delivery_result result;
		const char *message, *answer;
	} rows[] = {
		{ HEAD("200 OK"), "fine", ANSWERS, DELIVERY_SENT, "", "200: fine" },
		{ HEAD("400 Bad Request"), "no\n\x1b[31m", ANSWERS, DELIVERY_REFUSED,
			"unexpected status code 400: no [31m", "400: no [31m" },
		{ HEAD("503 Unavailable"), "", ANSWERS, DELIVERY_RETRY,
			"unexpected status code 503", "503" },
		{ "", "", HANGS_UP, DELIVERY_RETRY, "Empty reply from server", "" },
	};
	char error[400];
	struct world w;
	struct config *config;

	setup(&w, PATIENCE_MS);
	config = config_with(&w, RECEIVER("webhook", "{url: 'http://127.0.0.1:%/x'}"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		w.server.head = rows[i].head;
		w.server.body = rows[i].body;
		w.server.body_len = strlen(rows[i].body);
		w.server.manner = rows[i].manner;
		assert_int_equal(tell(&w, config, "webhook", error), 0);
		assert_int_equal(w.result, rows[i].result);
		assert_string_equal(w.message, rows[i].message);
		assert_string_equal(w.answer, rows[i].answer);
	}
	assert_int_equal(w.calls, ARRAY_SIZE(rows));
	config_unref(config);
	teardown(&w);
}

/* As some proxies and frameworks answer: with the request that they did not like. */
static void says_what_it_was_sent(struct server *s)
{
	static char body[2 * sizeof(s->last_request)];

	snprintf(body, sizeof(body), "what is %s", s->last_request);
	s->body = body;
	s->body_len = strlen(body);
}

static void no_answer_brings_a_secret_back(void **state)
{
	static const struct {
		const char *kind, *item;
		const char *secrets[3];
	} rows[] = {
		{ "webhook", "{url: 'http://127.0.0.1:%/hook/0123456789abcdef?key=hush'}",
			{ "hook", "hush", "0123456789abcdef" } },
		{ "webhook",
			"{url: 'http://127.0.0.1:%/', http_config: {basic_auth: {username: "
			"jo, password: hunter2}}}",
			{ "am86aHVudGVyMg", "hunter2" } },
		{ "webhook",
			"{url: 'http://127.0.0.1:%/', http_config: {authorization: "
			"{credentials: s3cr3t-token}}}",
			{ "s3cr3t-token" } },
		{ "webhook",
			"{url: 'http://127.0.0.1:%/', http_config: {http_headers: {X-Key: "
			"{secrets: [s3cr3t, 0ther]}, X-Open: {values: [shown]}}}}",
			{ "s3cr3t", "0ther" } },
		{ "webhook", "{url: 'http://jo:hunter2@127.0.0.1:%/'}",
			{ "am86aHVudGVyMg", "hunter2" } },
		{ "slack", "{api_url: 'http://127.0.0.1:%/services/T01/B01/XYZ'}", { "XYZ" } },
		{ "telegram",
			"{api_url: 'http://127.0.0.1:%', bot_token: '123:abc-DEF', chat_id: 1}",
			{ "123:abc", "abc-DEF" } },
		{ "wechat", "{api_url: 'http://127.0.0.1:%/', corp_id: c, api_secret: s3cr/t}",
			{ "s3cr%2Ft" } },
	};
	static const char *const heads[] = { HEAD("400 Bad Request"), HEAD("500 Ouch"),
		HEAD("200 OK"), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" };
	struct strbuf settings = STRBUF_INIT;
	char error[400];
	struct world w;

	setup(&w, PATIENCE_MS);
	w.server.on_request = says_what_it_was_sent;
	for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(heads); i++) {
		size_t row = i / ARRAY_SIZE(heads);
		struct config *config;

		w.server.head = heads[i % ARRAY_SIZE(heads)];
		strbuf_reset(&settings);
		strbuf_addf(&settings,
			"route: {receiver: r}\nreceivers: [{name: r, %s_configs: [%s]}]\n",
			rows[row].kind, rows[row].item);
		config = config_with(&w, settings.s);
		assert_int_equal(tell(&w, config, rows[row].kind, error), 0);
		assert_non_null(strstr(w.server.last_request, rows[row].secrets[0]));
		for (size_t s = 0; s < ARRAY_SIZE(rows[row].secrets) && rows[row].secrets[s]; s++) {
			assert_null(strstr(w.message, rows[row].secrets[s]));
			assert_null(strstr(w.answer, rows[row].secrets[s]));
		}
		assert_non_null(strstr(w.answer, "<secret>"));
		config_unref(config);
	}
	strbuf_release(&settings);
	teardown(&w);
}

static void the_owners_timeout_ends_a_try(void **state)
{
	char error[400];
	struct world w;
	struct config *config;

	setup(&w, 60000);
	config = config_with(
		&w, RECEIVER("webhook", "{url: 'http://127.0.0.1:%/x', timeout: 100ms}"));
	w.server.manner = IS_SILENT;
	assert_int_equal(tell(&w, config, "webhook", error), 0);
	assert_int_equal(w.result, DELIVERY_RETRY);
	assert_non_null(strstr(w.message, "timed out"));
	config_unref(config);
	teardown(&w);
}

/* It was told, and is not to be told again because it does not stop talking. */
static void an_answer_without_an_end_is_an_answer(void **state)
{
	char error[400];
	struct world w;
	struct config *config;

	setup(&w, 60000);
	config = config_with(
		&w, RECEIVER("webhook", "{url: 'http://127.0.0.1:%/x', timeout: 200ms}"));
	w.server.manner = NEVER_ENDS;
	w.server.body_len = 0;
	assert_int_equal(tell(&w, config, "webhook", error), 0);
	assert_int_equal(w.result, DELIVERY_SENT);
	config_unref(config);
	teardown(&w);
}

/* The proxy's yes is not that of who is to be told. */
static void a_proxy_that_lets_through_has_taken_nothing(void **state)
{
	char error[400];
	struct world w;
	struct config *config;

	setup(&w, PATIENCE_MS);
	config = config_with(&w, RECEIVER("webhook", "{url: 'https://127.0.0.1:9/x', http_config: "
						     "{proxy_url: 'http://127.0.0.1:%'}}"));
	w.server.head = "HTTP/1.1 200 Connection established\r\n";
	w.server.body_len = 0;
	assert_int_equal(tell(&w, config, "webhook", error), 0);
	assert_true(starts_with(w.server.last_request, "CONNECT 127.0.0.1:9 "));
	assert_int_equal(w.result, DELIVERY_RETRY);
	config_unref(config);
	teardown(&w);
}

static void nothing_is_sent_of_what_cannot_be_rendered(void **state)
{
	char error[400];
	struct world w;
	struct config *config;

	setup(&w, PATIENCE_MS);
	config =
		config_with(&w, RECEIVER("slack", "{api_url: 'http://127.0.0.1:%', text: '{{ index "
						  ".Alerts 9 }}'}"));
	assert_int_equal(tell(&w, config, "slack", error), -EINVAL);
	assert_non_null(strstr(error, "text: "));
	config_unref(config);
	config = config_with(&w, RECEIVER("slack", "{api_url_file: /nowhere}"));
	assert_int_equal(tell(&w, config, "slack", error), -ENOENT);
	assert_string_equal(
		error, "unable to read api_url file /nowhere: No such file or directory");
	config_unref(config);
	assert_int_equal(w.server.connections, 0);
	teardown(&w);
}

static void requests_that_belong_together_follow_each_other(void **state)
{
	char error[400];
	struct world w;
	struct config *config;

	setup(&w, PATIENCE_MS);
	config = config_with(
		&w, RECEIVER("opsgenie",
			    "{api_url: 'http://127.0.0.1:%', api_key: k, update_alerts: true}"));
	w.server.head = HEAD("202 Accepted");
	assert_int_equal(tell(&w, config, "opsgenie", error), 0);
	assert_int_equal(w.result, DELIVERY_SENT);
	assert_int_equal(w.server.requests, 3);
	assert_true(starts_with(w.server.last_request, "PUT /v2/alerts/"));
	assert_non_null(strstr(w.server.last_request, "\r\nAuthorization: GenieKey k\r\n"));
	/* The first that is refused ends it. */
	w.server.head = HEAD("422 Unprocessable");
	assert_int_equal(tell(&w, config, "opsgenie", error), 0);
	assert_int_equal(w.result, DELIVERY_REFUSED);
	assert_int_equal(w.server.requests, 4);
	config_unref(config);
	teardown(&w);
}

static void a_delivery_can_be_left_at_any_time(void **state)
{
	struct notification *n = fixture_seed();
	struct delivery *delivery;
	struct config *config;
	char error[400];
	struct world w;

	setup(&w, PATIENCE_MS);
	w.server.manner = IS_SILENT;
	config = config_with(&w, RECEIVER("webhook", "{url: 'http://127.0.0.1:%/x'}"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(deliver_http(w.deliver, &config->receivers[0].integrations[0], n,
					 on_delivered, &w, &delivery, error, sizeof(error)),
			0);
		run_until_count(w.event, &w.server.requests, (unsigned)i + 1);
		if (!i)
			delivery_cancel(delivery);
	}
	teardown(&w); /* with one under way */
	assert_int_equal(w.calls, 0);
	notification_unref(n);
	config_unref(config);
}

/* -- other Alertmanagers ----------------------------------------------------------------------- */

static char own_address[32], last_change[400];
static unsigned changes;

static bool is_own(const char *address, void *userdata)
{
	return streq(address, own_address);
}

static void on_changed(const char *url, const char *error, void *userdata)
{
	changes++;
	snprintf(last_change, sizeof(last_change), "%s %s", url, error ? error : "well");
}

static struct strbuf told_here = STRBUF_INIT;

static void on_own(const struct alert *alert, void *userdata)
{
	labels_format(alert->labels, &told_here);
}

static const struct forward_callbacks callbacks = {
	.is_own = is_own, .own = on_own, .changed = on_changed
};

static struct alert *alert_of(const char *name, bool firing)
{
	struct labels *labels = LABELS("alertname", name, "secret", "x"),
		      *annotations = LABELS("summary", "<\"&");
	struct alert *alert = alert_new(labels, annotations);

	assert_non_null(alert);
	labels_unref(labels);
	labels_unref(annotations);
	alert->starts_wall_ms = AT_WALL_MS;
	alert->ends_wall_ms = firing ? 0 : AT_WALL_MS + 60000;
	alert->lease_ms = firing ? 240000 : 0;
	alert->generator_url = strdup("http://p/graph?a&b");
	return alert;
}

static void put_alert(struct forward *forward, const char *name, bool firing, struct instant now)
{
	struct alert *alert = alert_of(name, firing);

	forward_put(forward, alert, now);
	alert_unref(alert);
}

static void other_alertmanagers_are_sent_what_prometheus_sends(void **state)
{
	struct instant now = clock_now();
	struct forward *forward;
	struct forward_info info;
	struct config *config;
	struct world w;
	char url[64], ends[64];
	struct strbuf when = STRBUF_INIT;

	setup(&w, PATIENCE_MS);
	changes = 0;
	snprintf(own_address, sizeof(own_address), "localhost:9093");
	config = config_with(&w,
		"alerting:\n  alert_relabel_configs: [{action: labeldrop, regex: secret}]\n"
		"  alertmanagers:\n  - path_prefix: am/\n    basic_auth: {username: u, password: p}\n"
		"    alert_relabel_configs: [{source_labels: [alertname], regex: Never, action: drop}, "
		"{target_label: host, replacement: pi}]\n"
		"    static_configs: [{targets: ['127.0.0.1:%', 'gone:1'], labels: {a: b}}]\n"
		"    relabel_configs: [{source_labels: [__address__, a], regex: 'gone:1;b', action: drop}]\n"
		"  - static_configs: [{targets: ['localhost:9093']}]\n");
	assert_int_equal(forward_new(w.net, &callbacks, &forward), 0);
	assert_int_equal(forward_configure(forward, config), 0);
	assert_int_equal(forward_peers(forward), 3);
	forward_info(forward, 1, &info);
	assert_true(info.dropped);
	assert_string_equal(info.url, "gone:1");
	forward_info(forward, 2, &info);
	assert_true(info.own);
	assert_string_equal(info.url, "http://localhost:9093/api/v2/alerts");

	put_alert(forward, "Down", true, now);
	put_alert(forward, "Never", true, now);
	put_alert(forward, "Over", false, now);
	for (int ms = 0; ms < PATIENCE_MS; ms += 20) {
		forward_info(forward, 0, &info);
		if (info.sent)
			break;
		run_until(w.event, NULL, 20);
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/am/api/v2/alerts", w.server.port);
	assert_string_equal(info.url, url);
	assert_int_equal(info.sent, 2);
	assert_int_equal(info.errors + info.lost + info.queued, 0);
	assert_true(starts_with(w.server.last_request, "POST /am/api/v2/alerts HTTP/1.1\r\n"));
	assert_non_null(strstr(w.server.last_request, "\r\nAuthorization: Basic dTpw\r\n"));
	timestamp_format_rfc3339(&when, now.wall_ms + 240000);
	snprintf(ends, sizeof(ends), "%s", when.s);
	strbuf_release(&when);
	strbuf_addf(&when,
		"[{\"annotations\":{\"summary\":\"\\u003c\\\"\\u0026\"},\"endsAt\":\"%s\","
		"\"startsAt\":\"2026-11-22T15:46:25.000Z\","
		"\"generatorURL\":\"http://p/graph?a\\u0026b\","
		"\"labels\":{\"alertname\":\"Down\",\"host\":\"pi\"}},"
		"{\"annotations\":{\"summary\":\"\\u003c\\\"\\u0026\"},"
		"\"endsAt\":\"2026-11-22T15:47:25.000Z\",\"startsAt\":\"2026-11-22T15:46:25.000Z\","
		"\"generatorURL\":\"http://p/graph?a\\u0026b\","
		"\"labels\":{\"alertname\":\"Over\",\"host\":\"pi\"}}]",
		ends);
	assert_string_equal(strstr(w.server.last_request, "\r\n\r\n") + 4, when.s);
	assert_int_equal(changes, 0);
	strbuf_release(&when);
	forward_free(forward);
	config_unref(config);
	teardown(&w);
}

static void another_alertmanagers_words_are_told_without_secrets(void **state)
{
	struct forward *forward;
	struct config *config;
	struct world w;

	setup(&w, PATIENCE_MS);
	changes = 0;
	own_address[0] = '\0';
	w.server.head = HEAD("401 Unauthorized");
	w.server.on_request = says_what_it_was_sent;
	config = config_with(&w,
		"alerting:\n  alertmanagers:\n  - basic_auth: {username: jo, password: hunter2}\n"
		"    static_configs: [{targets: ['127.0.0.1:%']}]\n");
	assert_int_equal(forward_new(w.net, &callbacks, &forward), 0);
	assert_int_equal(forward_configure(forward, config), 0);
	put_alert(forward, "Down", true, clock_now());
	run_until_count(w.event, &changes, 1);
	assert_non_null(strstr(last_change, "unexpected status code 401: what is POST "));
	assert_non_null(strstr(last_change, " Basic <secret> "));
	assert_null(strstr(last_change, "am86aHVudGVyMg"));
	forward_free(forward);
	config_unref(config);
	teardown(&w);
}

static const char *labels_here(const struct forward *forward, const char *name)
{
	static char text[200];
	struct labels *labels = LABELS("alertname", name, "secret", "x"), *own;
	struct strbuf out = STRBUF_INIT;
	int err = forward_own_labels(forward, labels, &own);

	if (!err) {
		labels_format(own, &out);
		labels_unref(own);
	}
	snprintf(text, sizeof(text), "%s", err ? strerror(-err) : out.s);
	strbuf_release(&out);
	labels_unref(labels);
	return text;
}

/* As alert_relabel_configs leave it, whether the settings name this daemon's address or not. */
static void this_daemon_is_told_what_its_lists_leave(void **state)
{
	static const struct {
		const char *alerting, *down, *never;
	} rows[] = {
		{ "{}", "{alertname=\"Down\", secret=\"x\"}",
			"{alertname=\"Never\", secret=\"x\"}" },
		{ "{alert_relabel_configs: [{action: labeldrop, regex: secret}, {action: drop, "
		  "source_labels: [alertname], regex: Never}]}",
			"{alertname=\"Down\"}", "No such file or directory" },
		/* One that others only are sent is none of ours. */
		{ "{alert_relabel_configs: [{target_label: a, replacement: b}], alertmanagers: "
		  "[{static_configs: [{targets: ['else:1']}], alert_relabel_configs: [{action: "
		  "labeldrop, regex: secret}]}]}",
			"{a=\"b\", alertname=\"Down\", secret=\"x\"}",
			"{a=\"b\", alertname=\"Never\", secret=\"x\"}" },
		/* Under two addresses it hears of it once. */
		{ "{alertmanagers: [{static_configs: [{targets: ['else:1', 'here:9093', "
		  "'here:9093']}], alert_relabel_configs: [{action: keep, source_labels: "
		  "[alertname], regex: Down}, {action: labeldrop, regex: secret}]}]}",
			"{alertname=\"Down\"}", "No such file or directory" },
		{ "{alertmanagers: [{static_configs: [{targets: ['here:9093']}], relabel_configs: "
		  "[{action: drop, regex: here.*, source_labels: [__address__]}], "
		  "alert_relabel_configs: [{action: drop}]}]}",
			"{alertname=\"Down\", secret=\"x\"}",
			"{alertname=\"Never\", secret=\"x\"}" },
		/* Two lists, as two Alertmanagers would have it. */
		{ "{alertmanagers: [{static_configs: [{targets: ['here:9093']}]}, {static_configs: "
		  "[{targets: ['here:9093']}], alert_relabel_configs: [{target_label: l, "
		  "replacement: '2'}]}]}",
			"{alertname=\"Down\", secret=\"x\"}{alertname=\"Down\", l=\"2\", secret=\"x\"}",
			NULL },
	};
	struct instant now = clock_now();
	struct world w;

	setup(&w, PATIENCE_MS);
	strbuf_release(&told_here);
	snprintf(own_address, sizeof(own_address), "here:9093");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf text = STRBUF_INIT;
		struct forward *forward;
		struct config *config;

		strbuf_addf(&text, "alerting: %s\n", rows[i].alerting);
		config = config_with(&w, text.s);
		assert_int_equal(forward_new(w.net, &callbacks, &forward), 0);
		assert_false(forward_rewrites_anew(forward, config));
		assert_string_equal(
			labels_here(forward, "Down"), "{alertname=\"Down\", secret=\"x\"}");
		assert_int_equal(forward_configure(forward, config), 0);
		assert_false(forward_rewrites_anew(forward, config));
		put_alert(forward, "Down", true, now);
		assert_string_equal(told_here.s, rows[i].down);
		assert_true(starts_with(rows[i].down, labels_here(forward, "Down")));
		if (rows[i].never)
			assert_string_equal(labels_here(forward, "Never"), rows[i].never);
		strbuf_release(&told_here);
		strbuf_release(&text);
		forward_free(forward);
		config_unref(config);
	}
	teardown(&w);
}

static void a_reload_that_rewrites_what_this_daemon_hears_is_known(void **state)
{
	static const struct {
		const char *alerting;
		bool anew; /* than the row above */
	} rows[] = {
		{ "{}", false },
		{ "{alertmanagers: [{static_configs: [{targets: ['here:9093']}]}]}", false },
		{ "{alertmanagers: [{static_configs: [{targets: ['else:1', 'here:9093']}]}]}",
			false },
		{ "{alertmanagers: [{static_configs: [{targets: ['else:1']}], alert_relabel_configs: "
		  "[{action: drop}]}, {static_configs: [{targets: ['here:9093']}]}]}",
			false },
		{ "{alertmanagers: [{static_configs: [{targets: ['here:9093']}], "
		  "alert_relabel_configs: [{action: labeldrop, regex: a}]}]}",
			true },
		{ "{alertmanagers: [{static_configs: [{targets: ['here:9093']}], "
		  "alert_relabel_configs: [{action: labeldrop, regex: b}]}]}",
			true },
		{ "{alert_relabel_configs: [{action: labeldrop, regex: b}], alertmanagers: "
		  "[{static_configs: [{targets: ['here:9093']}], alert_relabel_configs: [{action: "
		  "labeldrop, regex: b}]}]}",
			true },
	};
	struct forward *forward;
	struct world w;

	setup(&w, PATIENCE_MS);
	snprintf(own_address, sizeof(own_address), "here:9093");
	assert_int_equal(forward_new(w.net, &callbacks, &forward), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf text = STRBUF_INIT;
		struct config *config;

		strbuf_addf(&text, "alerting: %s\n", rows[i].alerting);
		config = config_with(&w, text.s);
		/* A list that is empty and none at all tell the same. */
		if (forward_rewrites_anew(forward, config) != rows[i].anew)
			fail_msg("row %zu", i);
		assert_int_equal(forward_configure(forward, config), 0);
		strbuf_release(&text);
		config_unref(config);
	}
	forward_free(forward);
	teardown(&w);
}

static void one_that_is_away_is_told_once_and_keeps_its_queue_over_a_reload(void **state)
{
	struct instant now = clock_now();
	struct forward *forward;
	struct forward_info info;
	struct config *config, *again;
	struct world w;
	char expected[200];

	setup(&w, PATIENCE_MS);
	changes = 0;
	own_address[0] = '\0';
	config = config_with(&w, "alerting: {alertmanagers: [{static_configs: [{targets: "
				 "['127.0.0.1:%']}]}]}\n");
	again = config_with(&w,
		"alerting: {alertmanagers: [{timeout: 3s, static_configs: [{targets: "
		"['127.0.0.1:%']}]}]}\n");
	w.server.head = HEAD("503 Unavailable");
	assert_int_equal(forward_new(w.net, &callbacks, &forward), 0);
	assert_int_equal(forward_configure(forward, config), 0);
	put_alert(forward, "Down", true, now);
	run_until_count(w.event, &changes, 1);
	snprintf(expected, sizeof(expected),
		"http://127.0.0.1:%u/api/v2/alerts unexpected status code 503: ok", w.server.port);
	assert_string_equal(last_change, expected);
	assert_int_equal(forward_configure(forward, again), 0);
	forward_info(forward, 0, &info);
	assert_int_equal(info.queued, 1);
	assert_int_equal(info.errors, 1);
	w.server.head = HEAD("200 OK");
	run_until_count(w.event, &changes, 2);
	forward_info(forward, 0, &info);
	assert_int_equal(info.sent, 1);
	assert_int_equal(info.lost, 0);
	assert_non_null(strstr(last_change, " well"));
	/* What is refused is not offered again. */
	w.server.head = HEAD("400 Bad Request");
	put_alert(forward, "Bad", true, now);
	run_until_count(w.event, &changes, 3);
	forward_info(forward, 0, &info);
	assert_int_equal(info.lost, 1);
	assert_int_equal(info.queued, 0);
	forward_free(forward);
	config_unref(config);
	config_unref(again);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_decides_whether_it_is_tried_again),
		cmocka_unit_test(no_answer_brings_a_secret_back),
		cmocka_unit_test(the_owners_timeout_ends_a_try),
		cmocka_unit_test(an_answer_without_an_end_is_an_answer),
		cmocka_unit_test(a_proxy_that_lets_through_has_taken_nothing),
		cmocka_unit_test(nothing_is_sent_of_what_cannot_be_rendered),
		cmocka_unit_test(requests_that_belong_together_follow_each_other),
		cmocka_unit_test(a_delivery_can_be_left_at_any_time),
		cmocka_unit_test(other_alertmanagers_are_sent_what_prometheus_sends),
		cmocka_unit_test(another_alertmanagers_words_are_told_without_secrets),
		cmocka_unit_test(this_daemon_is_told_what_its_lists_leave),
		cmocka_unit_test(a_reload_that_rewrites_what_this_daemon_hears_is_known),
		cmocka_unit_test(one_that_is_away_is_told_once_and_keeps_its_queue_over_a_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
