/* What a mail says: the cause first, all of it in the text, no more than a mail program shows. */
#include "deliver/fixture.h"

#include <time.h>
#include "deliver/body.h"
#include "deliver/mime.h"

static void assert_holds(const struct strbuf *body, const char *text)
{
	assert_int_equal(body->err, 0);
	if (!strstr(body->s, text))
		fail_msg("no '%s' in\n%s", text, body->s);
}

static void the_text_of_the_owners_first_alert(void **state)
{
	struct notification *n = fixture_seed();
	struct strbuf text = STRBUF_INIT;

	body_text(n, &fixture_options, &text);
	assert_string_equal(text.s,
		"1 alert firing: InstanceDown\n"
		"\n"
		"killed by SIGKILL, sent by bash[4321] of user root\n"
		"\n"
		"* firing: localhost:9100 node\n"
		"  since 2026-11-22 15:45:15 UTC (1 min 10 s)\n"
		"  Labels\n"
		"    alertname = InstanceDown\n"
		"    instance = localhost:9100\n"
		"    job = node\n"
		"  Annotations\n"
		"    cause = killed by SIGKILL, sent by bash[4321] of user root\n"
		"  Source: http://pi:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1\n"
		"\n"
		"View in tolld: http://pi:9093/#/alerts?receiver=alert-email\n"
		"\n"
		"-- \n"
		"Sent by tolld on pi.example.org\n");
	strbuf_release(&text);
	notification_unref(n);
}

static void the_cause_comes_before_everything_else(void **state)
{
	struct notification *n = fixture_seed();
	struct strbuf html = STRBUF_INIT;
	const char *title, *who, *cause, *since, *labels;

	body_html(n, &fixture_options, &html);
	title = strstr(html.s, ">InstanceDown<");
	who = strstr(html.s, ">localhost:9100 node<");
	cause = strstr(html.s, ">killed by SIGKILL, sent by bash[4321] of user root<");
	since = strstr(html.s, "1 alert firing since 2026-11-22 15:45:15 UTC (1 min 10 s)");
	labels = strstr(html.s, ">Labels<");
	assert_true(title && who && cause && since && labels);
	assert_true(title < who && who < cause && cause < since && since < labels);
	assert_holds(&html, "href=\"http://pi:9093/#/alerts?receiver=alert-email\"");
	assert_holds(&html, "href=\"http://pi:9090/graph?g0.expr=up+%3D%3D+0&amp;g0.tab=1\"");
	strbuf_release(&html);
	notification_unref(n);
}

static void firing_and_resolved_are_told_apart(void **state)
{
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	struct strbuf text = STRBUF_INIT, html = STRBUF_INIT;

	fixture_add(n, LABELS("alertname", "Down", "job", "a"), LABELS("cause", "exit code 1"),
		AT_WALL_MS - 7325000, 0);
	fixture_add(n, LABELS("alertname", "Down", "job", "b"), LABELS("summary", "b is gone"),
		AT_WALL_MS - 200000, AT_WALL_MS - 20000);
	body_text(n, &fixture_options, &text);
	body_html(n, &fixture_options, &html);
	assert_holds(&text, "1 alert firing, 1 resolved: Down\n");
	assert_holds(
		&text, "* firing: a\n  exit code 1\n  since 2026-11-22 13:44:20 UTC (2 h 2 min)\n");
	assert_holds(&text,
		"* resolved: b\n  b is gone\n"
		"  from 2026-11-22 15:43:05 UTC until 2026-11-22 15:46:05 UTC (3 min)\n");
	assert_holds(&html, "1 alert firing, 1 resolved");
	assert_holds(&html, "exit code 1");
	assert_holds(&html, "b is gone");
	strbuf_release(&text);
	strbuf_release(&html);
	notification_unref(n);
}

static void an_all_clear_is_green_and_says_how_long_it_took(void **state)
{
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	struct strbuf html = STRBUF_INIT;

	fixture_add(n, LABELS("alertname", "Down", "job", "b"), NULL, AT_WALL_MS - 200000,
		AT_WALL_MS - 20000);
	body_html(n, &fixture_options, &html);
	assert_holds(&html, "1 alert resolved, from 2026-11-22 15:43:05 UTC until "
			    "2026-11-22 15:46:05 UTC (3 min)");
	assert_holds(&html, "background:#1b6e3c");
	assert_null(strstr(html.s, "background:#b3261e"));
	strbuf_release(&html);
	notification_unref(n);
}

static void values_show_themselves_and_do_nothing(void **state)
{
	struct notification *n = fixture_group(LABELS("alertname", "<script>alert(1)</script>"));
	struct alert *alert = fixture_add(n,
		LABELS("alertname", "<script>alert(1)</script>", "a\" onclick=\"x",
			"\x1b[2Jb\r\nc\td"),
		LABELS("cause", "two\nlines & \xe2\x80\xaemore"), AT_WALL_MS - 1000, 0);
	struct strbuf text = STRBUF_INIT, html = STRBUF_INIT;

	alert->generator_url = strdup("javascript:alert(1)");
	body_text(n, &fixture_options, &text);
	body_html(n, &fixture_options, &html);
	assert_holds(&html, "&lt;script&gt;alert(1)&lt;/script&gt;");
	assert_holds(&html, "a&#34; onclick=&#34;x");
	assert_holds(&html, "\\x1b[2Jb<br>c d");
	assert_holds(&html, "two<br>lines &amp; \\u202emore");
	assert_holds(&text, "two\nlines & \\u202emore\n");
	assert_holds(&text, "    cause = two\n      lines & \\u202emore\n");
	assert_holds(&text, " = \\x1b[2Jb\n      c d\n");
	assert_null(strstr(html.s, "<script"));
	assert_null(strstr(html.s, "javascript:"));
	assert_null(strstr(text.s, "javascript:"));
	assert_null(strstr(text.s, "\x1b"));
	strbuf_release(&text);
	strbuf_release(&html);
	notification_unref(n);
}

/* A group of n alerts, each about as large as those that people write. */
static struct notification *many(size_t n_alerts, const char *annotation)
{
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	char instance[32];

	for (size_t i = 0; i < n_alerts; i++) {
		snprintf(instance, sizeof(instance), "host-%04zu:9100", i);
		fixture_add(n,
			LABELS("alertname", "Down", "instance", instance, "job", "node", "team",
				"home"),
			LABELS("summary", annotation), AT_WALL_MS - 1000, 0);
	}
	return n;
}

static void no_mail_program_has_to_cut_the_html(void **state)
{
	static char wide[5000], narrow[5000];
	const struct {
		size_t alerts;
		const char *annotation;
	} rows[] = {
		{ 1, "short" },
		{ 40, "short" },
		{ 500, "short" },
		{ 1, wide },
		{ 100, wide },
		{ 100, narrow },
	};

	for (size_t i = 0; i + 4 < sizeof(wide); i += 3)
		memcpy(wide + i, "日", 4);
	memset(narrow, '"', sizeof(narrow) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct notification *n = many(rows[i].alerts, rows[i].annotation);
		struct strbuf html = STRBUF_INIT, encoded = STRBUF_INIT;
		char more[64];
		size_t shown = 0;

		body_html(n, &fixture_options, &html);
		mime_quoted_printable(&encoded, html.s, html.len);
		assert_true(html.len < 102 * 1000);
		assert_true(encoded.len < 102 * 1000);
		for (const char *p = html.s; (p = strstr(p, ">Labels<")); p++)
			shown++;
		assert_true(shown >= MIN(rows[i].alerts, (size_t)10));
		snprintf(more, sizeof(more), "and %zu more alert", rows[i].alerts - shown);
		assert_int_equal(strstr(html.s, more) != NULL, shown < rows[i].alerts);
		assert_holds(&html, "</html>");
		strbuf_release(&html);
		strbuf_release(&encoded);
		notification_unref(n);
	}
}

static void the_text_is_complete_where_the_html_is_not(void **state)
{
	struct notification *n = many(500, "short");
	struct strbuf text = STRBUF_INIT;
	size_t shown = 0;

	body_text(n, &fixture_options, &text);
	for (const char *p = text.s; (p = strstr(p, "* firing: ")); p++)
		shown++;
	assert_int_equal(shown, 500);
	assert_holds(&text, "host-0499:9100");
	strbuf_release(&text);
	notification_unref(n);
}

static void one_alert_with_too_many_labels_is_shortened(void **state)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct notification *n = fixture_group(labels_empty());
	struct strbuf html = STRBUF_INIT;
	struct labels *labels;
	char name[16], value[2000];

	memset(value, '<', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "label_%03d", i);
		labels_builder_set(&b, name, value);
	}
	assert_int_equal(labels_build(&b, &labels), 0);
	fixture_add(n, labels, NULL, AT_WALL_MS - 1000, 0);
	body_html(n, &fixture_options, &html);
	assert_true(html.len < 40000);
	assert_holds(&html, "label_000");
	assert_holds(&html, " more</td></tr>");
	strbuf_release(&html);
	notification_unref(n);
}

static void a_value_is_cut_between_characters(void **state)
{
	static const struct {
		const char *value;
		size_t max;
		const char *shown;
	} rows[] = {
		{ "abc", 3, "abc" },
		{ "abcd", 3, "abc…" },
		{ "aüb", 2, "a…" },
		{ "日本", 4, "日…" },
		{ "a\r\nb\rc", 100, "a\nb c" },
		{ "", 3, "" },
		{ "\xff", 3, "\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;

		body_value(&out, rows[i].value, rows[i].max);
		assert_string_equal(out.s, rows[i].shown);
		strbuf_release(&out);
	}
}

static int render_once(void *userdata)
{
	struct strbuf text = STRBUF_INIT, html = STRBUF_INIT;
	int err;

	body_text(userdata, &fixture_options, &text);
	body_html(userdata, &fixture_options, &html);
	err = text.err ? text.err : html.err;
	strbuf_release(&text);
	strbuf_release(&html);
	return err;
}

static void survives_without_memory(void **state)
{
	struct notification *n = many(2, "x");

	with_failing_allocations(render_once, n);
	notification_unref(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_of_the_owners_first_alert),
		cmocka_unit_test(the_cause_comes_before_everything_else),
		cmocka_unit_test(firing_and_resolved_are_told_apart),
		cmocka_unit_test(an_all_clear_is_green_and_says_how_long_it_took),
		cmocka_unit_test(values_show_themselves_and_do_nothing),
		cmocka_unit_test(no_mail_program_has_to_cut_the_html),
		cmocka_unit_test(the_text_is_complete_where_the_html_is_not),
		cmocka_unit_test(one_alert_with_too_many_labels_is_shortened),
		cmocka_unit_test(a_value_is_cut_between_characters),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, fixture_in_utc, NULL);
}
