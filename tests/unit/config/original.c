/* Alertmanager's part of the settings as one text: what it holds, and what it must not show. */
#include "harness.h"

#include "config/config.h"

static char *text_of(const char *settings)
{
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	char *text;

	if (config_load_text("test.yml", settings, &config, &diag)) {
		struct strbuf out = STRBUF_INIT;

		diag_print(&diag, &out);
		fail_msg("%s", out.s);
	}
	text = strdup(config->alertmanager_text);
	config_unref(config);
	diag_release(&diag);
	return text;
}

static void it_holds_what_alertmanager_knows_and_nothing_else(void **state)
{
	scoped(freep) char *text = text_of(
		"# a comment\n"
		"global: {scrape_interval: 5s, resolve_timeout: 7m, external_labels: {a: b},\n"
		"  smtp_smarthost: 'h:25', smtp_from: 'a@b.c', evaluation_interval: 5s}\n"
		"scrape_configs: [{job_name: x}]\n"
		"templates: ['/nowhere/*.tmpl']\n"
		"receivers: [{name: r, labels: {x: \"yes\"}, email_configs: [{to: 'o@b.c', "
		"headers: {Subject: \"a\\nb\"}}], maildir_configs: [{path: /m}]}]\n"
		"route: &r {receiver: r, group_by: [a, '...b'], group_wait: 1m, repeat_interval_max: 1d,\n"
		"  send_resolved_suppressed: true,\n"
		"  routes: [{repeat_interval_max: 2d, match: {token: abc}, matchers: [secret=~\"x|y\", 'a=\"b\"'], continue: true}]}\n"
		"inhibit_rules: [{source_matchers: [a=b], target_matchers: [c=d], equal: [e]}]\n"
		"time_intervals: [{name: t, time_intervals: [{times: [{start_time: '09:00', "
		"end_time: '17:00'}]}]}]\n");

	assert_string_equal(text, "global:\n"
				  "  resolve_timeout: 7m\n"
				  "  smtp_smarthost: \"h:25\"\n"
				  "  smtp_from: \"a@b.c\"\n"
				  "route:\n"
				  "  receiver: r\n"
				  "  group_by:\n"
				  "  - a\n"
				  "  - \"...b\"\n"
				  "  group_wait: 1m\n"
				  "  routes:\n"
				  "  - match:\n"
				  "      token: abc\n"
				  "    matchers:\n"
				  "    - secret=~\"x|y\"\n"
				  "    - \"a=\\\"b\\\"\"\n"
				  "    continue: true\n"
				  "inhibit_rules:\n"
				  "- source_matchers:\n"
				  "  - a=b\n"
				  "  target_matchers:\n"
				  "  - c=d\n"
				  "  equal:\n"
				  "  - e\n"
				  "receivers:\n"
				  "- name: r\n"
				  "  labels:\n"
				  "    x: \"yes\"\n"
				  "  email_configs:\n"
				  "  - to: \"o@b.c\"\n"
				  "    headers:\n"
				  "      Subject: \"a\\nb\"\n"
				  "time_intervals:\n"
				  "- name: t\n"
				  "  time_intervals:\n"
				  "  - times:\n"
				  "    - start_time: \"09:00\"\n"
				  "      end_time: \"17:00\"\n"
				  "templates:\n"
				  "- \"/nowhere/*.tmpl\"\n");
}

static void no_secret_is_in_it_wherever_it_stands(void **state)
{
	static const char *const settings[] = {
		"global: {smtp_smarthost: 'h:25', smtp_from: 'a@b.c', smtp_auth_password: hunter2}\n",
		"global:\n  smtp_smarthost: 'h:25'\n  smtp_from: a@b.c\n  smtp_auth_password: >-\n"
		"    hunter2\n",
		"global: {smtp_smarthost: 'h:25', smtp_from: 'a@b.c', slack_api_url: "
		"'http://hunter2/'}\n",
		"global: {smtp_smarthost: 'h:25', smtp_from: 'a@b.c', http_config: {basic_auth: "
		"{username: u, password: \"hunter2\"}}}\n",
		"global: {smtp_smarthost: 'h:25', smtp_from: 'a@b.c', http_config: {proxy_url: "
		"'http://u:hunter2@p/'}}\n",
		"global: {smtp_smarthost: 'h:25', smtp_from: 'a@b.c', jira_api_url: "
		"'http://u:hunter2@p/'}\n",
	};
	static const char rest[] =
		"route: {receiver: r}\n"
		"receivers:\n"
		"- name: r\n"
		"  email_configs: [{to: 'o@b.c', auth_username: u, auth_password: 'hunter2'}]\n"
		"- name: s\n"
		"  webhook_configs: [{url: 'http://hook/hunter2'}]\n"
		"  pushover_configs: [{user_key: hunter2, token: 'hunter2'}]\n"
		"  pagerduty_configs: [{routing_key: hunter2, details: {password: hunter2}}]\n";

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		struct strbuf all = STRBUF_INIT;
		char *text;

		strbuf_addf(&all, "%s%s", settings[i], rest);
		text = text_of(all.s);
		if (strstr(text, "hunter2"))
			fail_msg("%s", text);
		assert_non_null(strstr(text, "<secret>"));
		free(text);
		strbuf_release(&all);
	}
}

/* amtool 0.25 reads it, and takes nothing but a URL there. */
static void a_webhooks_url_stays_one(void **state)
{
	static const struct {
		const char *url, *shown;
	} rows[] = {
		{ "http://127.0.0.1:9/hunter2?a=hunter2#x",
			"- url: http://127.0.0.1:9/<secret>\n" },
		{ "https://u:hunter2@h.example", "- url: https://h.example/<secret>\n" },
		{ "https://h.example/hunter2@x", "- url: <secret>\n" },
		{ "http://{{ .hunter2 }}.example/", "- url: <secret>\n" },
		{ "{{ template \"hunter2\" . }}", "- url: <secret>\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf all = STRBUF_INIT;
		char *text;

		strbuf_addf(&all,
			"route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{url: '%s'}]}]\n",
			rows[i].url);
		text = text_of(all.s);
		if (strstr(text, "hunter2") || !strstr(text, rows[i].shown))
			fail_msg("%s", text);
		free(text);
		strbuf_release(&all);
	}
}

/* One line may hide more than its secret: what is no text to amtool 0.25 must be there, and no key of tolld's own. */
static void amtool_can_read_what_stands_beside_a_secret(void **state)
{
	static const struct {
		const char *settings, *shown;
	} rows[] = {
		{ "receivers: [{name: r, opsgenie_configs: [{api_key: hunter2, update_alerts: yes, "
		  "send_resolved: false, source: s}]}]\n",
			"  - api_key: <secret>\n    update_alerts: yes\n    send_resolved: false\n"
			"    source: <secret>\n" },
		{ "receivers: [{name: r, telegram_configs: [{bot_token: hunter2, chat_id: -5, "
		  "message_thread_id: 7}]}]\n",
			"    chat_id: -5\n    message_thread_id: 7\n" },
		{ "receivers: [{name: r, pushover_configs: [{token: hunter2, user_key: true, retry: 1h30m, "
		  "http_config: {basic_auth: {password: yes}, follow_redirects: no}}]}]\n",
			"    user_key: <secret>\n    retry: 1h30m\n    http_config:\n      basic_auth:\n"
			"        password: <secret>\n      follow_redirects: no\n" },
		{ "receivers: [{name: r}]\nglobal: {smtp_auth_password: hunter2, smtp_smarthost: 'h:25', "
		  "resolve_timeout: 1d}\n",
			"  smtp_auth_password: <secret>\n  smtp_smarthost: \"h:25\"\n"
			"  resolve_timeout: 1d\nroute:\n" },
		{ "receivers: [{name: r, email_configs: [{to: 'o@b.c', oauth2: {client_id: c, "
		  "refresh_token: hunter2}}]}]\nglobal: {smtp_smarthost: 'h:25', smtp_from: 'a@b.c', "
		  "smtp_auth_username: u, smtp_oauth2: {client_id: c, refresh_token: hunter2}}\n",
			"  smtp_auth_username: u\nroute:\n  receiver: r\nreceivers:\n- name: r\n"
			"  email_configs:\n  - to: \"o@b.c\"\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf all = STRBUF_INIT;
		char *text;

		strbuf_addf(&all, "%sroute: {receiver: r}\n", rows[i].settings);
		text = text_of(all.s);
		if (strstr(text, "hunter2") || !strstr(text, rows[i].shown))
			fail_msg("%s", text);
		free(text);
		strbuf_release(&all);
	}
}

static void it_says_the_same_when_it_is_read_again(void **state)
{
	scoped(freep) char *once = text_of(
		"global: {smtp_smarthost: 'h:25', smtp_from: 'a@b.c', smtp_auth_password: p}\n"
		"route: {receiver: r, routes: [{matchers: ['{a=\"\\n\\\"\", b!~\"[\\\\d]\"}'], "
		"group_by: ['null', \"1\", é, '#']}]}\n"
		"receivers: [{name: r, email_configs: [{to: 'o@b.c', text: \"a: b\\n  c # d\\n\"}]}]\n");
	scoped(freep) char *twice = text_of(once);

	assert_string_equal(once, twice);
}

static void lists_of_several_files_are_joined(void **state)
{
	static const char *const texts[] = {
		"receivers: [{name: a}]\nroute: {receiver: a}\nglobal: {resolve_timeout: 1m}\n",
		"receivers: [{name: b}]\ntime_intervals: []\nglobal: {smtp_from: 'a@b.c'}\n",
	};
	char paths[2][64], dir[] = "/tmp/tolld-original-XXXXXX";
	const char *files[2];
	struct diag diag = DIAG_INIT;
	struct config *config;

	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < 2; i++) {
		FILE *f;

		snprintf(paths[i], sizeof(paths[i]), "%s/%zu.yml", dir, i);
		files[i] = paths[i];
		f = fopen(paths[i], "we");
		assert_non_null(f);
		fputs(texts[i], f);
		fclose(f);
	}
	assert_int_equal(config_load(files, 2, &config, &diag), 0);
	assert_string_equal(config->alertmanager_text, "global:\n"
						       "  resolve_timeout: 1m\n"
						       "  smtp_from: \"a@b.c\"\n"
						       "route:\n"
						       "  receiver: a\n"
						       "receivers:\n"
						       "- name: a\n"
						       "- name: b\n"
						       "time_intervals: []\n");
	config_unref(config);
	diag_release(&diag);
	for (size_t i = 0; i < 2; i++)
		unlink(paths[i]);
	rmdir(dir);
}

static void without_a_route_there_is_none(void **state)
{
	scoped(freep) char *text = text_of("scrape_configs: [{job_name: x}]\n");

	assert_string_equal(text, "");
}

static void what_aliases_blow_up_is_not_written_out(void **state)
{
	struct strbuf settings = STRBUF_INIT;
	char *text;

	strbuf_adds(&settings, "receivers: [{name: r, labels: {a: &a '");
	for (unsigned i = 0; i < 100000; i++)
		strbuf_addch(&settings, 'x');
	strbuf_adds(&settings, "'");
	for (unsigned i = 0; i < 100; i++)
		strbuf_addf(&settings, ", a%u: *a", i);
	strbuf_adds(&settings, "}}]\nroute: {receiver: r}\n");
	text = text_of(settings.s);
	assert_string_equal(text, "# the settings cannot be shown here\n");
	free(text);
	strbuf_release(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_what_alertmanager_knows_and_nothing_else),
		cmocka_unit_test(no_secret_is_in_it_wherever_it_stands),
		cmocka_unit_test(a_webhooks_url_stays_one),
		cmocka_unit_test(amtool_can_read_what_stands_beside_a_secret),
		cmocka_unit_test(it_says_the_same_when_it_is_read_again),
		cmocka_unit_test(lists_of_several_files_are_joined),
		cmocka_unit_test(without_a_route_there_is_none),
		cmocka_unit_test(what_aliases_blow_up_is_not_written_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
