/* One notification, one mail: its subject, its headers, and what arrives when it is parsed. */
#include "deliver/fixture.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "deliver/body.h"
#include "deliver/message.h"
#include "deliver/mime.h"

#define PYTHON "/usr/bin/python3"

extern char **environ;

static struct message render(const struct config_email *email, const struct notification *n)
{
	struct message message;
	char error[300] = "";

	if (message_render(email, n, &fixture_options, fixture_templates(), &message, error,
		    sizeof(error)))
		fail_msg("%s", error);
	return message;
}

static void assert_subject(struct notification *n, const char *expected)
{
	struct strbuf subject = STRBUF_INIT;

	assert_int_equal(message_subject(n, &subject), 0);
	assert_string_equal(subject.s, expected);
	strbuf_release(&subject);
	notification_unref(n);
}

static void subjects_are_alertmanagers(void **state)
{
	struct notification *n;

	assert_subject(fixture_seed(), "[FIRING:1] InstanceDown (localhost:9100 node)");

	/* Only what all alerts share stands in the parentheses. */
	n = fixture_group(LABELS("alertname", "InstanceDown"));
	fixture_add(
		n, LABELS("alertname", "InstanceDown", "instance", "a", "job", "node"), NULL, 1, 0);
	fixture_add(
		n, LABELS("alertname", "InstanceDown", "instance", "b", "job", "node"), NULL, 1, 0);
	assert_subject(n, "[FIRING:2] InstanceDown (node)");

	/* Nothing else is shared: no parentheses. */
	n = fixture_group(LABELS("alertname", "InstanceDown"));
	fixture_add(n, LABELS("alertname", "InstanceDown", "job", "a"), NULL, 1, 0);
	fixture_add(n, LABELS("alertname", "InstanceDown", "job", "b"), NULL, 1, 2);
	assert_subject(n, "[FIRING:1] InstanceDown");

	n = fixture_group(LABELS("alertname", "X"));
	fixture_add(n, LABELS("alertname", "X", "job", "a"), NULL, 1, 2);
	assert_subject(n, "[RESOLVED] X (a)");

	/* alertname is first, wherever the alphabet puts it. */
	n = fixture_group(LABELS("Zone", "z", "alertname", "X", "aaa", "1"));
	fixture_add(n, LABELS("Zone", "z", "alertname", "X", "aaa", "1"), NULL, 1, 0);
	assert_subject(n, "[FIRING:1] X z 1");

	n = fixture_group(labels_empty());
	fixture_add(n, LABELS("alertname", "X", "Job", "j", "b", "2"), NULL, 1, 0);
	assert_subject(n, "[FIRING:1]  (X j 2)");
}

static void a_mail_has_the_headers_it_needs(void **state)
{
	static const char *const expected[] = {
		"Date: Sun, 22 Nov 2026 15:46:25 +0000\r\n",
		"\r\nFrom: watcher@example.org\r\n",
		"\r\nTo: operator@example.org\r\n",
		"\r\nSubject: [FIRING:1] InstanceDown (localhost:9100 node)\r\n",
		"\r\nMessage-Id: <0123456789abcdef0123456789abcdef@pi.example.org>\r\n",
		"\r\nAuto-Submitted: auto-generated\r\n",
		"\r\nMIME-Version: 1.0\r\n",
		"\r\nContent-Type: multipart/alternative;\r\n"
		" boundary=\"=_tolld_0123456789abcdef0123456789abcdef\"\r\n",
	};
	struct config_email email = fixture_email();
	struct notification *n = fixture_seed();
	struct message message = render(&email, n), again = render(&email, n);
	const char *text, *html;

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		if (!strstr(message.data, expected[i]))
			fail_msg("no %s", expected[i]);
	}
	text = strstr(message.data, "Content-Type: text/plain; charset=utf-8");
	html = strstr(message.data, "Content-Type: text/html; charset=utf-8");
	assert_true(text && html && text < html);
	assert_string_equal(message.from, "watcher@example.org");
	assert_int_equal(message.to.n, 1);
	assert_string_equal(message.to.items[0].spec, "operator@example.org");
	/* A second try sends the same bytes. */
	assert_string_equal(message.data, again.data);
	message_release(&message);
	message_release(&again);
	notification_unref(n);
}

/* "root" of a mail, or "" for none; both headers name it. */
static void thread_of(
	const struct config_email *email, struct notification *n, char *ret, size_t size)
{
	struct message message = render(email, n);
	const char *references = strstr(message.data, "\r\nReferences: ");
	const char *reply = strstr(message.data, "\r\nIn-Reply-To: ");
	size_t len;

	*ret = '\0';
	assert_true(!references == !reply);
	if (references) {
		references += strlen("\r\nReferences: ");
		reply += strlen("\r\nIn-Reply-To: ");
		len = strcspn(references, "\r");
		assert_int_equal(strncmp(references, reply, len + 2), 0);
		snprintf(ret, size, "%.*s", (int)len, references);
	}
	message_release(&message);
}

static void mails_of_one_outage_are_one_thread(void **state)
{
	struct config_email email = fixture_email();
	struct notification *n = fixture_seed();
	char first[120], later[120];

	thread_of(&email, n, first, sizeof(first));
	assert_string_equal(first, "<alert-cc9772a1ec901d26-2026-11-22@alertmanager>");
	/* The end of it comes after midnight. */
	n->at_wall_ms += 12 * 3600 * 1000;
	thread_of(&email, n, later, sizeof(later));
	assert_string_equal(later, first);
	email.threading = THREAD_BY_DAY;
	thread_of(&email, n, later, sizeof(later));
	assert_string_equal(later, "<alert-cc9772a1ec901d26-2026-11-23@alertmanager>");
	email.threading = THREAD_BY_GROUP;
	thread_of(&email, n, later, sizeof(later));
	assert_string_equal(later, "<alert-cc9772a1ec901d26-@alertmanager>");
	email.threading = THREAD_NOT;
	thread_of(&email, n, later, sizeof(later));
	assert_string_equal(later, "");
	notification_unref(n);
}

static void the_owners_headers_win(void **state)
{
	struct config_pair pairs[] = {
		{ TEXT("subject"), TEXT("Alarm") },
		{ TEXT("TO"), TEXT("Käthe <k@example.org>, everyone@example.org") },
		{ TEXT("X-Prio"), TEXT("1\r\nBcc: thief@example.org") },
		{ TEXT("reply-to"), TEXT("undisclosed:;") },
	};
	struct config_email email = fixture_email();
	struct notification *n = fixture_seed();
	struct message message;

	email.headers = (struct config_pairs){ .items = pairs, .n = ARRAY_SIZE(pairs) };
	message = render(&email, n);
	assert_non_null(strstr(message.data, "\r\nsubject: Alarm\r\n"));
	assert_null(strstr(message.data, "FIRING:1] InstanceDown (localhost:9100 node)\r\n"));
	assert_non_null(strstr(message.data,
		"\r\nTO: =?utf-8?q?K=C3=A4the?= <k@example.org>, everyone@example.org\r\n"));
	assert_null(strstr(message.data, "\r\nTo: "));
	assert_non_null(strstr(message.data, "\r\nX-Prio: 1 Bcc: thief@example.org\r\n"));
	assert_non_null(strstr(message.data, "\r\nreply-to: undisclosed:;\r\n"));
	/* The header is what is shown; the envelope is `to`. */
	assert_string_equal(message.to.items[0].spec, "operator@example.org");
	message_release(&message);
	notification_unref(n);
}

static void bodies_of_the_owners_own_replace_ours(void **state)
{
	struct config_email email = fixture_email();
	struct notification *n = fixture_seed();
	struct message message;

	email.html = TEXT("{{ template \"email.default.html\" . }}");
	email.text = TEXT("just this");
	message = render(&email, n);
	assert_non_null(strstr(message.data, "\r\n\r\njust this\r\n"));
	assert_non_null(strstr(message.data, "<!DOCTYPE html>"));
	message_release(&message);

	/* No HTML where the owner wants none; text always. */
	email.html = email.text = TEXT("");
	message = render(&email, n);
	assert_null(strstr(message.data, "text/html"));
	assert_non_null(strstr(message.data, "1 alert firing: InstanceDown"));
	message_release(&message);
	notification_unref(n);
}

static void what_cannot_be_rendered_says_why(void **state)
{
	struct config_pair bad_name = { TEXT("X Y"), TEXT("z") };
	struct config_pair type = { TEXT("content-type"), TEXT("text/plain") };
	struct config_email base = fixture_email();
	const struct {
		struct config_text to, from, html;
		struct config_pair *header;
		const char *error;
	} rows[] = {
		{ TEXT(NULL), base.from, TEXT(NULL), NULL, "to: not set" },
		{ TEXT("nobody"), base.from, TEXT(NULL), NULL,
			"to: 'nobody': '@' is missing (at column 7)" },
		{ base.to, TEXT("a@x, b@y"), TEXT(NULL), NULL,
			"from: exactly one address is needed, not 2" },
		{ TEXT("{{ .x }}"), base.from, TEXT(NULL), NULL,
			"to: template: to#1:1:3: executing \"to#1\": can't evaluate field x in type "
			"*template.Data" },
		{ TEXT("{{ .Status }}"), base.from, TEXT(NULL), NULL,
			"to: 'firing': '@' is missing (at column 7)" },
		{ base.to, base.from, TEXT(NULL), &bad_name,
			"headers: 'X Y' is no name of a header" },
		{ base.to, base.from, TEXT(NULL), &type,
			"headers: Content-Type cannot be changed" },
	};
	struct notification *n = fixture_seed();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_email email = base;
		struct message message;
		char error[300] = "";

		email.to = rows[i].to;
		email.from = rows[i].from;
		email.html = rows[i].html;
		email.headers =
			(struct config_pairs){ .items = rows[i].header, .n = !!rows[i].header };
		assert_int_equal(message_render(&email, n, &fixture_options, fixture_templates(),
					 &message, error, sizeof(error)),
			-EINVAL);
		assert_string_equal(error, rows[i].error);
	}
	notification_unref(n);
}

/* Whoever is to be told is told, in tolld's own words where the owner's are none. */
static void an_owners_words_that_fail_lose_no_mail(void **state)
{
	struct config_pair subject = { TEXT("Subject"), TEXT("{{ tz \"X\" now }}") };
	const struct {
		struct config_text text, html;
		struct config_pair *header;
		const char *note, *holds[3];
	} rows[] = {
		{ TEXT(NULL), TEXT("<b>{{ .x }}</b>"), NULL,
			"tolld's own words stand there, because html: template: html#1:1:6: executing "
			"\"html#1\": can't evaluate field x in type *template.Data",
			{ "localhost:9100 node", "<!DOCTYPE html>", "InstanceDown" } },
		{ TEXT(NULL), TEXT("<b title='{{ .Status }}>"), NULL,
			"tolld's own words stand there, because html: html/template:html#2:1: ends in "
			"a non-text context: an attribute's value",
			{ "<!DOCTYPE html>" } },
		{ TEXT("{{ .y }}"), TEXT("{{ if }}"), NULL,
			"tolld's own words stand there, because text: template: text#3:1:3: executing "
			"\"text#3\": can't evaluate field y in type *template.Data; tolld's own words "
			"stand there, because html: missing value for command",
			{ "localhost:9100 node", "<!DOCTYPE html>" } },
		{ TEXT("mine"), TEXT("<b>mine</b>"), &subject,
			"tolld's own words stand there, because headers: Subject: template: headers: "
			"Subject#4:1:3: executing \"headers: Subject#4\": error calling tz: unknown "
			"time zone X",
			{ "Subject: [FIRING:1] InstanceDown", "mine", "<b>mine</b>" } },
	};
	struct notification *n = fixture_seed();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_email email = fixture_email();
		struct message message;
		char error[300] = "";
		const char *at;

		email.text = rows[i].text;
		email.html = rows[i].html;
		email.headers =
			(struct config_pairs){ .items = rows[i].header, .n = !!rows[i].header };
		assert_int_equal(message_render(&email, n, &fixture_options, fixture_templates(),
					 &message, error, sizeof(error)),
			0);
		assert_string_equal(message.note, rows[i].note);
		at = message.data;
		for (size_t k = 0; k < ARRAY_SIZE(rows[i].holds) && rows[i].holds[k]; k++) {
			at = strstr(at, rows[i].holds[k]);
			if (!at)
				fail_msg("row %zu: no %s", i, rows[i].holds[k]);
		}
		message_release(&message);
	}
	notification_unref(n);
}

/* So many x as HTML, a template where `calls`. */
static void assert_note_of(size_t n_bytes, bool calls, const char *note)
{
	struct config_email email = fixture_email();
	struct notification *n = fixture_seed();
	struct strbuf html = STRBUF_INIT;
	struct message message;
	char error[300] = "";

	for (size_t i = 0; i < n_bytes; i++)
		strbuf_addch(&html, 'x');
	strbuf_adds(&html, calls ? "{{ .Status }}" : "");
	email.html = TEXT(html.s);
	assert_int_equal(message_render(&email, n, &fixture_options, fixture_templates(), &message,
				 error, sizeof(error)),
		0);
	assert_string_equal(message.note, note);
	assert_int_equal(!strstr(message.data, "<!DOCTYPE html>"), !strstr(note, "own words"));
	message_release(&message);
	strbuf_release(&html);
	notification_unref(n);
}

static void html_that_is_too_long_is_told_of_or_replaced(void **state)
{
	assert_note_of(102 << 10, false, "");
	assert_note_of(200000, false, "its HTML takes 195 kB, and Gmail hides what is beyond 102");
	assert_note_of(200000, true, "its HTML takes 195 kB, and Gmail hides what is beyond 102");
	assert_note_of(1100000, false,
		"tolld's own words stand there, because html: it is larger than 1048576 bytes");
	assert_note_of(1100000, true,
		"tolld's own words stand there, because html: template: html#4:1:1100003: executing "
		"\"html#4\": its output is larger than 1048576 bytes");
}

static void the_default_subject_may_be_asked_for_by_name(void **state)
{
	static const char *const calls[] = { "{{ template \"email.default.subject\" . }}",
		"{{template \"email.default.subject\" .}}",
		"{{- template  \"email.default.subject\" . -}}\n" };
	struct notification *n = fixture_seed();

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct config_pair pair = { TEXT("Subject"), TEXT(calls[i]) };
		struct config_email email = fixture_email();
		struct message message;

		email.headers = (struct config_pairs){ .items = &pair, .n = 1 };
		message = render(&email, n);
		assert_non_null(
			strstr(message.data, "\r\nSubject: [FIRING:1] InstanceDown (local"));
		message_release(&message);
	}
	notification_unref(n);
}

/* -- parsed back by another program -- */

static unsigned random_state = 7;

static unsigned random_below(unsigned n)
{
	random_state = random_state * 1103515245u + 12345u;
	return (random_state >> 16) % n;
}

/* Text of a stranger who knows what mails, HTML and terminals are made of. */
static const char *hostile(char *out, size_t max)
{
	static const char *const pieces[] = { "\r\n", "\n", "\r\n\r\n", "\nBcc: x@y", "\r\n.\r\n",
		"=?utf-8?q?", "?=", "<script>", "\"", "'", "&amp;", "{{ . }}", "\xff\xfe", "\xc3",
		"ü", "日本", "🔔", " ", "  ", "\t", "=", "=3D", ".", "--=_tolld_", "\x1b[31m",
		"\xe2\x80\xae", "\x7f", "\\", "]]>", "From ", "a", "localhost:9100",
		"0123456789012345678901234567890123456789" };
	unsigned n = 1 + random_below(12);
	size_t used = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *piece = pieces[random_below(ARRAY_SIZE(pieces))];

		if (used + strlen(piece) + 1 > max)
			break;
		memcpy(out + used, piece, strlen(piece));
		used += strlen(piece);
	}
	out[used] = '\0';
	return out;
}

static struct notification *hostile_notification(void)
{
	char a[200], b[200], c[200], d[200];
	struct notification *n = fixture_group(LABELS("alertname", hostile(a, sizeof(a))));
	unsigned alerts = 1 + random_below(3);

	for (unsigned i = 0; i < alerts; i++)
		fixture_add(n,
			LABELS("alertname", a, "job", hostile(b, sizeof(b)), "x\r\ny",
				hostile(c, sizeof(c))),
			LABELS("cause", hostile(d, sizeof(d)), "summary", hostile(c, sizeof(c))),
			AT_WALL_MS - 1000, random_below(2) && i ? AT_WALL_MS : 0);
	return n;
}

static void write_part(FILE *f, const void *bytes, size_t len)
{
	uint32_t size = (uint32_t)len;

	assert_int_equal(fwrite(&size, 1, sizeof(size), f), sizeof(size));
	assert_int_equal(fwrite(bytes, 1, len, f), len);
}

/* Mail after mail: the mail, then what must be found in it: the subject, or what the owner made of it, the bodies. */
static void write_mail(FILE *f, const struct config_email *email, const struct notification *n)
{
	const char *name = labels_get(n->group_labels, "alertname");
	struct strbuf subject = STRBUF_INIT, clean = STRBUF_INIT;
	struct strbuf text = STRBUF_INIT, html = STRBUF_INIT;
	struct message message = render(email, n);

	if (email->headers.n)
		strbuf_adds(&subject, name);
	else
		assert_int_equal(message_subject(n, &subject), 0);
	mime_clean(&clean, subject.s, subject.len, 900);
	body_text(n, &fixture_options, &text);
	body_html(n, &fixture_options, &html);
	write_part(f, message.data, message.len);
	write_part(f, clean.s, clean.len);
	write_part(f, text.s, text.len);
	write_part(f, html.s, html.len);
	strbuf_release(&subject);
	strbuf_release(&clean);
	strbuf_release(&text);
	strbuf_release(&html);
	message_release(&message);
}

static void hostile_mails_parse_back_to_what_was_meant(void **state)
{
	char path[] = "/tmp/tolld-mails-XXXXXX";
	char *argv[] = { (char *)PYTHON, (char *)"tests/unit/deliver/parse_mails.py", path, NULL };
	/* Every other one has headers of the owner's, made of what strangers say. */
	struct config_pair pairs[] = {
		{ TEXT("Subject"), TEXT("{{ .GroupLabels.alertname }}") },
		{ TEXT("X-Copy"), TEXT("{{ .GroupLabels.alertname }}") },
	};
	struct config_email email = fixture_email();
	int fd, status;
	pid_t pid;
	FILE *f;

	if (access(PYTHON, X_OK)) {
		printf("SKIPPED: no " PYTHON " to parse the mails with\n");
		skip();
	}
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++) {
		struct notification *n = hostile_notification();

		email.headers =
			(struct config_pairs){ .items = pairs, .n = i % 2 ? ARRAY_SIZE(pairs) : 0 };
		write_mail(f, &email, n);
		notification_unref(n);
	}
	assert_int_equal(fclose(f), 0);
	assert_int_equal(posix_spawn(&pid, PYTHON, NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	assert_int_equal(status, 0);
}

static int render_once(void *userdata)
{
	struct config_email email = fixture_email();
	struct message message;
	char error[300];
	int err;

	email.to = TEXT("Jörg <a@x>, b@y");
	err = message_render(&email, userdata, &fixture_options, fixture_templates(), &message,
		error, sizeof(error));
	if (!err)
		message_release(&message);
	return err;
}

static void survives_without_memory(void **state)
{
	struct notification *n = fixture_seed();

	with_failing_allocations(render_once, n);
	notification_unref(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_are_alertmanagers),
		cmocka_unit_test(a_mail_has_the_headers_it_needs),
		cmocka_unit_test(mails_of_one_outage_are_one_thread),
		cmocka_unit_test(the_owners_headers_win),
		cmocka_unit_test(bodies_of_the_owners_own_replace_ours),
		cmocka_unit_test(what_cannot_be_rendered_says_why),
		cmocka_unit_test(an_owners_words_that_fail_lose_no_mail),
		cmocka_unit_test(html_that_is_too_long_is_told_of_or_replaced),
		cmocka_unit_test(the_default_subject_may_be_asked_for_by_name),
		cmocka_unit_test(hostile_mails_parse_back_to_what_was_meant),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, fixture_in_utc, NULL);
}
