/* Templates of mails: the built-in ones, the owner's files, and what the settings say. */
#include "deliver/fixture.h"

#include "deliver/data.h"
#include "deliver/message.h"

static struct mail_templates *load(const char *text, const char *file)
{
	struct mail_templates *templates;
	struct config *config = NULL;
	struct strbuf faults = STRBUF_INIT;
	struct diag diag = DIAG_INIT;
	struct source *source = source_new("etc/mail.tmpl", file, strlen(file));

	if (config_load_text("s.yml", text, &config, &diag) == 0) {
		config->templates = &source;
		config->n_templates = 1;
		if (!mail_templates_new(config, &diag, &templates)) {
			config_unref(config);
			source_unref(source);
			diag_release(&diag);
			return templates;
		}
	}
	diag_print(&diag, &faults);
	fail_msg("%s", faults.s);
	return NULL;
}

#define SETTINGS                                                                                   \
	"global: {smtp_smarthost: 'h:25', smtp_from: a@b}\n"                                       \
	"route: {receiver: r}\n"                                                                   \
	"receivers:\n- name: r\n  email_configs:\n  - to: c@d\n"

static struct message render(
	struct mail_templates *templates, const struct config_email *email, struct notification *n)
{
	struct message message;
	char error[400] = "";

	if (message_render(email, n, &fixture_options, templates, &message, error, sizeof(error)))
		fail_msg("%s", error);
	notification_unref(n);
	return message;
}

static struct notification *hostile(void)
{
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	struct alert *alert = fixture_add(n,
		LABELS("alertname", "Down", "team", "ops@x", "instance", "<script>\"'"),
		LABELS("cause", "x & y"), AT_WALL_MS - 70000, 0);

	alert->generator_url = strdup("javascript:alert(1)");
	return n;
}

static void to_headers_html_and_text_are_templates(void **state)
{
	struct config_pair headers[] = {
		{ TEXT("Subject"), TEXT("{{ .GroupLabels.alertname }}\n{{ .Cause }}") },
		{ TEXT("Reply-To"), TEXT("{{ .CommonLabels.team }}") },
	};
	struct config_email email = fixture_email();
	struct message message;

	email.to = TEXT("{{ .CommonLabels.team }}, b@y");
	email.from = TEXT("{{ .Status }}@z");
	email.headers = (struct config_pairs){ .items = headers, .n = ARRAY_SIZE(headers) };
	email.text = TEXT("{{ range .Alerts }}{{ .Labels.instance }} {{ .Cause }}{{ end }}");
	email.html = TEXT("{{ range .Alerts }}<p title='{{ .Cause }}'>{{ .Labels.instance }}"
			  "<a href='{{ .GeneratorURL }}'>s</a>{{ end }}");
	message = render(fixture_templates(), &email, hostile());
	assert_string_equal(message.from, "firing@z");
	assert_int_equal(message.to.n, 2);
	assert_string_equal(message.to.items[0].spec, "ops@x");
	assert_non_null(strstr(message.data, "\r\nSubject: Down x & y\r\n"));
	assert_non_null(strstr(message.data, "\r\nReply-To: ops@x\r\n"));
	assert_non_null(strstr(message.data, "\r\n\r\n<script>\"' x & y\r\n"));
	assert_non_null(strstr(message.data, "<p title=3D'x &amp; y'>&lt;script&gt;&#34;&#39;"));
	assert_non_null(strstr(message.data, "<a href=3D'#ZgotmplZ'>s</a>"));
	message_release(&message);
}

static void the_owners_files_replace_what_is_built_in(void **state)
{
	static const char file[] =
		"{{ define \"__subject\" }}mine: {{ .Status }}{{ end }}"
		"{{ define \"email.default.html\" }}<i>{{ .Cause }}</i>{{ end }}";
	struct mail_templates *templates = load(SETTINGS, file);
	struct config_email email = fixture_email();
	struct message message;

	assert_true(mail_templates_replaced(templates));
	message = render(templates, &email, hostile());
	assert_non_null(strstr(message.data, "\r\nSubject: mine: firing\r\n"));
	assert_non_null(strstr(message.data, "\r\n\r\n<i>x &amp; y</i>\r\n"));
	/* The text part is still ours, and calls their subject. */
	assert_non_null(strstr(message.data, "\r\n\r\nmine: firing\r\n"));
	message_release(&message);
	mail_templates_free(templates);

	templates = load(SETTINGS, "{{ define \"my.own\" }}x{{ end }}");
	assert_false(mail_templates_replaced(templates));
	message = render(templates, &email, hostile());
	assert_non_null(strstr(message.data, "\r\nSubject: [FIRING:1] Down ("));
	email.html = TEXT("<b>{{ template \"my.own\" }}</b>");
	message_release(&message);
	message = render(templates, &email, hostile());
	assert_non_null(strstr(message.data, "\r\n\r\n<b>x</b>\r\n"));
	message_release(&message);
	mail_templates_free(templates);
}

static void what_a_text_defines_is_its_own(void **state)
{
	struct mail_templates *templates =
		load(SETTINGS, "{{ define \"file\" }}f{{ template \"own\" }}{{ end }}"
			       "{{ define \"own\" }}0{{ end }}");
	struct config_email email = fixture_email();
	struct message message;

	email.text = TEXT("{{ define \"own\" }}1{{ end }}{{ define \"__subject\" }}s{{ end }}"
			  "{{ template \"own\" }}{{ template \"file\" }}");
	message = render(templates, &email, hostile());
	assert_non_null(strstr(message.data, "\r\n\r\n1f1\r\n"));
	assert_non_null(strstr(message.data, "\r\nSubject: [FIRING:1] Down ("));
	message_release(&message);
	email.text = TEXT("{{ template \"file\" }}{{ block \"own\" . }}2{{ end }}");
	message = render(templates, &email, hostile());
	assert_non_null(strstr(message.data, "\r\n\r\nf22\r\n"));
	message_release(&message);
	email.text = TEXT("{{ template \"file\" }}");
	message = render(templates, &email, hostile());
	assert_non_null(strstr(message.data, "\r\n\r\nf0\r\n"));
	message_release(&message);
	mail_templates_free(templates);
}

static void a_password_is_no_template(void **state)
{
	mail_templates_free(
		load("route: {receiver: r}\nreceivers:\n- name: r\n  webhook_configs:\n"
		     "  - url: http://h/\n    http_config: {authorization: {credentials: 'a{{b'}}\n"
		     "  sns_configs:\n  - topic_arn: t\n"
		     "    sigv4: {region: r, access_key: '{{', secret_key: '{{ x'}\n",
			""));
}

/* -- the built-in templates say what the built-in mail says -- */

static char *execute(enum template_mode mode, const char *name, const struct notification *n)
{
	struct template_error error = { 0 };
	struct arena arena = ARENA_INIT;
	struct strbuf call = STRBUF_INIT, out = STRBUF_INIT;
	struct tvalue data;
	char *text = NULL;

	assert_int_equal(data_new(&arena, n, &fixture_options, &data), 0);
	strbuf_addf(&call, "{{ template \"%s\" . }}", name);
	if (mail_templates_render(
		    fixture_templates(), mode, "t", call.s, &data, n->at_wall_ms, &out, &error))
		fail_msg("%s: %s", name, error.text);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	strbuf_release(&call);
	arena_release(&arena);
	return text;
}

static void the_subject_by_template_is_the_built_in_one(void **state)
{
	struct notification *all[] = { fixture_seed(), hostile(),
		fixture_group(LABELS("Zone", "z", "alertname", "X", "aaa", "1")),
		fixture_group(LABELS("alertname", "X")) };

	fixture_add(all[2], LABELS("Zone", "z", "alertname", "X", "aaa", "1"), NULL, 1, 2);
	fixture_add(all[3], LABELS("alertname", "X", "job", "a", "env", "p"), NULL, 1, 0);
	fixture_add(all[3], LABELS("alertname", "X", "job", "b", "env", "p"), NULL, 1, 2);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char *text = execute(TEMPLATE_TEXT, "email.default.subject", all[i]);
		struct strbuf subject = STRBUF_INIT;

		assert_int_equal(message_subject(all[i], &subject), 0);
		assert_string_equal(text, subject.s);
		strbuf_release(&subject);
		free(text);
		notification_unref(all[i]);
	}
}

static void the_built_in_html_and_text_hold_everything_and_nothing_raw(void **state)
{
	static const char *const said[] = { "Down", "team", "x &amp; y", "&lt;script&gt;&#34;&#39;",
		"since 2026-11-22 15:45:15 UTC", "1 alert firing",
		"href=\"http://pi:9093/#/alerts?receiver=alert-email\"", "View in tolld",
		"href=\"#ZgotmplZ\"" };
	struct notification *n = hostile();
	char *html = execute(TEMPLATE_HTML, "email.default.html", n);
	char *text = execute(TEMPLATE_TEXT, "email.default.text", n);

	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		if (!strstr(html, said[i]))
			fail_msg("no %s in %s", said[i], html);
	}
	assert_null(strstr(html, "<script"));
	assert_non_null(strstr(text, "[FIRING:1] Down (<script>\"' ops@x)\n"));
	assert_non_null(strstr(text, "    instance = <script>\"'\n"));
	assert_non_null(strstr(text, "http://pi:9093/#/alerts?receiver=alert-email\n"));
	free(html);
	free(text);
	notification_unref(n);
}

static void faults_are_told_at_their_place(void **state)
{
	static const char settings[] =
		SETTINGS "    headers: {Subject: '{{ .Status'}\n"
			 "    html: '<i {{ nope }}>'\n"
			 "    text: '{{ template \"email.default.text\" . }}'\n"
			 "  - to: '{{ if }}'\n"
			 "    html: '<script type=\"{{ .Status }}\">'\n";
	static const char file[] = "{{ define \"x\" }}\n  {{ .Status | shout }}{{ end }}";
	static const char *const expected[] = { "s.yml:7:35: error: the template of 'Subject': "
						"unclosed action",
		"s.yml:8:18: error: the template of 'html': function \"nope\" not defined",
		"s.yml:10:16: error: the template of 'to': missing value for command",
		"s.yml:11:11: error: the template of 'html': html/template:html#1:1: the action is "
		"in the type of a script" };
	struct mail_templates *templates = NULL;
	struct strbuf faults = STRBUF_INIT;
	struct config *config = NULL;
	struct diag diag = DIAG_INIT;
	struct source *source = source_new("etc/mail.tmpl", file, strlen(file));

	assert_int_equal(config_load_text("s.yml", settings, &config, &diag), 0);
	assert_int_equal(mail_templates_new(config, &diag, &templates), -EINVAL);
	diag_print(&diag, &faults);
	assert_int_equal(diag.errors, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		if (!strstr(faults.s, expected[i]))
			fail_msg("no %s in %s", expected[i], faults.s);
	}
	strbuf_reset(&faults);
	diag_release(&diag);
	diag = DIAG_INIT;
	config->templates = &source;
	config->n_templates = 1;
	assert_int_equal(mail_templates_new(config, &diag, &templates), -EINVAL);
	diag_print(&diag, &faults);
	assert_non_null(
		strstr(faults.s, "etc/mail.tmpl:2:16: error: function \"shout\" not defined\n"
				 "      {{ .Status | shout }}{{ end }}"));
	strbuf_release(&faults);
	diag_release(&diag);
	config_unref(config);
	source_unref(source);
}

static int make_and_render(void *userdata)
{
	struct mail_templates *templates = NULL;
	struct config_email email = fixture_email();
	struct message message;
	char error[300];
	int err = mail_templates_new(NULL, NULL, &templates);

	email.to = TEXT("{{ .Status }}@x");
	email.html = TEXT("<p>{{ .Cause }}</p>");
	if (!err)
		err = message_render(&email, userdata, &fixture_options, templates, &message, error,
			sizeof(error));
	mail_templates_free(templates);
	if (!err)
		message_release(&message);
	return err;
}

static void survives_without_memory(void **state)
{
	struct notification *n = hostile();

	with_failing_allocations(make_and_render, n);
	notification_unref(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_headers_html_and_text_are_templates),
		cmocka_unit_test(what_a_text_defines_is_its_own),
		cmocka_unit_test(a_password_is_no_template),
		cmocka_unit_test(the_owners_files_replace_what_is_built_in),
		cmocka_unit_test(the_subject_by_template_is_the_built_in_one),
		cmocka_unit_test(the_built_in_html_and_text_hold_everything_and_nothing_raw),
		cmocka_unit_test(faults_are_told_at_their_place),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, fixture_in_utc, NULL);
}
