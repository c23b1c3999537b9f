/* What a mail says: the cause first, and no more than a mail program shows. */
#include "deliver/fixture.h"

#include <math.h>
#include "deliver/body.h"
#include "deliver/mime.h"
#include "deliver/templates.h"

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

typedef void body_fn(
	const struct notification *n, const struct deliver_options *options, struct strbuf *out);

static size_t occurrences(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* Each alert that it shows has one of `each`. */
static void check_size(const struct notification *n, body_fn *body, const char *each)
{
	struct strbuf out = STRBUF_INIT, encoded = STRBUF_INIT;
	char more[64];
	size_t shown;

	body(n, &fixture_options, &out);
	mime_quoted_printable(&encoded, out.s, out.len);
	assert_true(out.len < 102 * 1000);
	assert_true(encoded.len < 102 * 1000);
	shown = occurrences(out.s, each);
	assert_true(shown >= MIN(n->n_alerts, (size_t)2));
	snprintf(more, sizeof(more), "and %zu more alert", n->n_alerts - shown);
	assert_int_equal(strstr(out.s, more) != NULL, shown < n->n_alerts);
	strbuf_release(&out);
	strbuf_release(&encoded);
}

static void no_mail_program_has_to_cut_anything(void **state)
{
	static char wide[5000], narrow[5000];
	const struct {
		size_t alerts;
		const char *annotation;
	} rows[] = {
		{ 1, "short" },
		{ 40, "short" },
		{ 1000, "short" },
		{ 1, wide },
		{ 100, wide },
		{ 100, narrow },
	};

	for (size_t i = 0; i + 4 < sizeof(wide); i += 3)
		memcpy(wide + i, "日", 4);
	memset(narrow, '"', sizeof(narrow) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct notification *n = many(rows[i].alerts, rows[i].annotation);

		check_size(n, body_html, ">Labels<");
		check_size(n, body_text, "  Labels\n");
		notification_unref(n);
	}
}

static void what_has_no_room_is_counted_and_can_be_found(void **state)
{
	struct notification *n = many(1000, "short");
	struct strbuf text = STRBUF_INIT, html = STRBUF_INIT;
	size_t shown;
	char more[100];

	/* The last hundred are over. */
	n->n_firing = 900;
	body_text(n, &fixture_options, &text);
	body_html(n, &fixture_options, &html);
	shown = occurrences(text.s, "* firing: ");
	assert_true(shown > 100);
	snprintf(more, sizeof(more), "\nand %zu more alerts (%zu firing, 100 resolved)\n",
		1000 - shown, 900 - shown);
	assert_holds(&text, more);
	assert_holds(&text, "\nSee all in tolld: http");
	assert_holds(&text, "900 alerts firing, 100 resolved");
	assert_holds(&html, "firing, 100 resolved); <a href=\"http");
	assert_holds(&html, ">see all in tolld</a>");
	assert_holds(&html, "</html>");
	strbuf_release(&text);
	strbuf_release(&html);
	notification_unref(n);
}

/* -- colours -- */

struct colour {
	double v[3];
};

static struct colour colour_of(const char *hex)
{
	unsigned long v = strtoul(hex, NULL, 16);

	return (struct colour){ { v >> 16 & 255, v >> 8 & 255, v & 255 } };
}

/* As the Web Content Accessibility Guidelines count. */
static double luminance(struct colour c)
{
	static const double weights[] = { 0.2126, 0.7152, 0.0722 };
	double sum = 0;

	for (int i = 0; i < 3; i++) {
		double v = c.v[i] / 255;

		sum += weights[i] * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4));
	}
	return sum;
}

static double contrast(struct colour text, struct colour ground, double opacity)
{
	double a, b;

	for (int i = 0; i < 3; i++)
		text.v[i] = opacity * text.v[i] + (1 - opacity) * ground.v[i];
	a = luminance(text) + 0.05;
	b = luminance(ground) + 0.05;
	return a > b ? a / b : b / a;
}

/* Text and ground of mail programs, light and dark. */
static const char *const readers[][2] = { { "000000", "ffffff" }, { "202124", "ffffff" },
	{ "222222", "ffffff" }, { "ffffff", "000000" }, { "ffffff", "121212" },
	{ "e8eaed", "1f1f1f" }, { "e3e3e3", "202124" } };

static void check_colours(const char *html)
{
	size_t quiet = 0;

	for (const char *p = html; (p = strstr(p, "opacity:")); p++, quiet++) {
		double opacity = (p[10] - '0') / 10.0;

		assert_memory_equal(p, "opacity:0.", 10);
		for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
			assert_true(contrast(colour_of(readers[i][0]), colour_of(readers[i][1]),
					    opacity) >= 4.5);
	}
	assert_true(quiet > 0);
	/* A colour of its own has a ground of its own. */
	for (const char *p = html; (p = strstr(p, "color:#")); p++) {
		assert_int_equal(p[-1], ';');
		assert_true(contrast(colour_of(p + 7), colour_of("b3261e"), 1) >= 4.5);
		assert_true(contrast(colour_of(p + 7), colour_of("1b6e3c"), 1) >= 4.5);
	}
	assert_int_equal(occurrences(html, "color:#"), occurrences(html, "background:"));
}

static void all_can_be_read_on_light_and_on_dark(void **state)
{
	struct notification *n = many(2, "short");
	struct strbuf html = STRBUF_INIT;

	body_html(n, &fixture_options, &html);
	check_colours(html.s);
	check_colours(strstr(mail_default_templates, "{{ define `__html_alert`"));
	strbuf_release(&html);
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
		cmocka_unit_test(no_mail_program_has_to_cut_anything),
		cmocka_unit_test(what_has_no_room_is_counted_and_can_be_found),
		cmocka_unit_test(all_can_be_read_on_light_and_on_dark),
		cmocka_unit_test(one_alert_with_too_many_labels_is_shortened),
		cmocka_unit_test(a_value_is_cut_between_characters),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, fixture_in_utc, NULL);
}
