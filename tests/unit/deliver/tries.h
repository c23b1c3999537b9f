/*
 * tries.h - one try to send a mail to a real server, and what came of it.
 */
#ifndef TOLLD_TESTS_DELIVER_TRIES_H
#define TOLLD_TESTS_DELIVER_TRIES_H

#include "deliver/fixture.h"
#include "deliver/server.h"

#include <jansson.h>
#include <time.h>
#include "base/clock.h"

static struct server starttls, implicit, no_tls, login, login_implicit, cram;

/* How long the server may think about the mail; 0: as long as in earnest. */
static int64_t verdict_ms;

/* -- one try -- */

struct outcome {
	bool done, stop;
	enum delivery_result result;
	char message[600];
	char refused[600];
	char served[600];
	int64_t duration_ns;
	sd_event *event;
	/* A clock that ticks beside the try: the longest time for which the loop was held up. */
	int64_t ticked_boot_ns, longest_ns;
};

#define TICK_USEC 10000

static inline int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct outcome *o = userdata;
	int64_t now = clock_boot_ns();

	o->longest_ns = MAX(o->longest_ns, now - o->ticked_boot_ns);
	o->ticked_boot_ns = now;
	sd_event_source_set_time_relative(source, TICK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static inline void on_done(const struct delivery_report *report, void *userdata)
{
	struct outcome *o = userdata;

	assert_false(o->done);
	o->done = true;
	o->result = report->result;
	snprintf(o->message, sizeof(o->message), "%s", report->message);
	snprintf(o->refused, sizeof(o->refused), "%s",
		report->refused_recipients ? report->refused_recipients : "");
	snprintf(o->served, sizeof(o->served), "%s", report->served ? report->served : "");
	o->duration_ns = report->duration_ns;
	o->longest_ns = MAX(o->longest_ns, clock_boot_ns() - o->ticked_boot_ns);
	if (o->stop)
		sd_event_exit(o->event, 0);
}

/* Takes over the notification. */
static inline struct outcome try_notification(
	const struct config_email *email, struct notification *n, int64_t timeout_ms)
{
	struct deliver_options options = fixture_options;
	struct outcome o = { 0 };
	struct deliver *deliver;
	struct net *net;
	char error[300] = "";

	options.timeout_ms = timeout_ms;
	options.verdict_timeout_ms = verdict_ms;
	assert_true(sd_event_new(&o.event) >= 0);
	assert_int_equal(net_new(o.event, &net), 0);
	assert_int_equal(deliver_new(net, &options, &deliver), 0);
	if (deliver_email(deliver, email, n, on_done, &o, NULL, error, sizeof(error)))
		fail_msg("%s", error);
	o.stop = true;
	o.ticked_boot_ns = clock_boot_ns();
	assert_true(sd_event_add_time_relative(
			    o.event, NULL, CLOCK_MONOTONIC, TICK_USEC, 1, on_tick, &o) >= 0);
	assert_true(sd_event_loop(o.event) >= 0);
	assert_true(o.done);
	deliver_free(deliver);
	net_free(net);
	sd_event_unref(o.event);
	notification_unref(n);
	return o;
}

static inline struct outcome try_for(const struct config_email *email, int64_t timeout_ms)
{
	return try_notification(email, fixture_seed(), timeout_ms);
}

static inline struct outcome try(const struct config_email *email)
{
	return try_for(email, 20000);
}

static const struct {
	struct server *server;
	const char *script, *option;
} servers[] = {
	{ &starttls, "tests/support/mail_server.py", NULL },
	{ &implicit, "tests/support/mail_server.py", "--implicit-tls" },
	{ &no_tls, "tests/support/mail_server.py", "--no-tls" },
	{ &cram, "tests/support/mail_server.py", "--cram-md5" },
	{ &login, "tests/support/login_server.py", NULL },
	{ &login_implicit, "tests/support/login_server.py", "--implicit-tls" },
};

/* The first time that it is asked for. */
static inline void begin_server(struct server *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		if (servers[i].server == s && !s->pid)
			server_start(s, servers[i].script, servers[i].option, "127.0.0.1");
	}
}

/* The seed's settings, for this server. */
static inline struct config_email settings(struct server *s)
{
	struct config_email email = fixture_email();

	begin_server(s);
	email.port = s->port;
	email.auth_username = TEXT("watcher");
	email.auth_password.value = TEXT(PASSWORD);
	email.tls.set = true;
	email.tls.ca_file = TEXT(s->cert);
	server_set(s, "");
	return email;
}

static inline void assert_sent(const struct outcome *o)
{
	if (o->result != DELIVERY_SENT)
		fail_msg("%s", o->message);
	assert_string_equal(o->message, "");
}

static inline void assert_failed(
	const struct outcome *o, enum delivery_result result, const char *message)
{
	if (o->result != result || !strstr(o->message, message))
		fail_msg("result %d, '%s' where '%s' was expected", o->result, o->message, message);
	assert_null(strchr(o->message, '\n'));
	assert_null(strstr(o->message, PASSWORD));
}

static const char *json_text(json_t *mail, const char *key)
{
	const char *text = json_string_value(json_object_get(mail, key));

	return text ? text : "(none)";
}

static inline void assert_arrived(struct server *s, const char *user, bool tls)
{
	json_t *mail = server_mail(s), *to;

	assert_non_null(mail);
	to = json_object_get(mail, "to");
	assert_string_equal(
		json_text(mail, "subject"), "[FIRING:1] InstanceDown (localhost:9100 node)");
	assert_string_equal(json_text(mail, "from"), "watcher@example.org");
	assert_int_equal(json_array_size(to), 1);
	assert_string_equal(json_string_value(json_array_get(to, 0)), "operator@example.org");
	assert_string_equal(json_text(mail, "user"), user);
	assert_int_equal(json_is_true(json_object_get(mail, "tls")), tls);
	assert_non_null(strstr(
		json_text(mail, "text"), "killed by SIGKILL, sent by bash[4321] of user root"));
	assert_non_null(strstr(
		json_text(mail, "html"), "killed by SIGKILL, sent by bash[4321] of user root"));
	json_decref(mail);
}

/* The recipients that the server was given a mail for, one a line; the mail is taken from it. */
static inline void assert_served(const char *expected)
{
	struct strbuf got = STRBUF_INIT;
	json_t *mail = server_mail(&starttls), *to;
	size_t i;

	assert_non_null(mail);
	json_array_foreach(json_object_get(mail, "to"), i, to)
		strbuf_addf(&got, "%s\n", json_string_value(to));
	assert_string_equal(got.s, expected);
	strbuf_release(&got);
	json_decref(mail);
}

static inline int begin_tries(void **state)
{
	if (access(PYTHON, X_OK))
		return 0;
	setenv("TZ", "UTC", 1);
	/* libcurl's own allocations are not ours to let fail. */
	return curl_global_init(CURL_GLOBAL_DEFAULT);
}

static inline int end_tries(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		server_end(servers[i].server);
	curl_global_cleanup();
	return 0;
}

#endif
