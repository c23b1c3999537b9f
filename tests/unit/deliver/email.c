/* One try against real mail servers: what arrives, and what is reported when it does not. */
#include "deliver/fixture.h"
#include "deliver/server.h"

#include <jansson.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include "base/clock.h"

static struct server starttls, implicit, no_tls, login, login_implicit, cram;

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

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct outcome *o = userdata;
	int64_t now = clock_boot_ns();

	o->longest_ns = MAX(o->longest_ns, now - o->ticked_boot_ns);
	o->ticked_boot_ns = now;
	sd_event_source_set_time_relative(source, TICK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void on_done(const struct delivery_report *report, void *userdata)
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
static struct outcome try_notification(
	const struct config_email *email, struct notification *n, int64_t timeout_ms)
{
	struct deliver_options options = fixture_options;
	struct outcome o = { 0 };
	struct deliver *deliver;
	struct net *net;
	char error[300] = "";

	options.timeout_ms = timeout_ms;
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

static struct outcome try_for(const struct config_email *email, int64_t timeout_ms)
{
	return try_notification(email, fixture_seed(), timeout_ms);
}

static struct outcome try(const struct config_email *email)
{
	return try_for(email, 20000);
}

/* The seed's settings, for this server. */
static struct config_email settings(struct server *s)
{
	struct config_email email = fixture_email();

	email.port = s->port;
	email.auth_username = TEXT("watcher");
	email.auth_password.value = TEXT(PASSWORD);
	email.tls.set = true;
	email.tls.ca_file = TEXT(s->cert);
	server_set(s, "");
	return email;
}

static void assert_sent(const struct outcome *o)
{
	if (o->result != DELIVERY_SENT)
		fail_msg("%s", o->message);
	assert_string_equal(o->message, "");
}

static void assert_failed(const struct outcome *o, enum delivery_result result, const char *message)
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

static void assert_arrived(struct server *s, const char *user, bool tls)
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

/* -- the ways a mail goes -- */

static void a_mail_goes_over_starttls_with_plain(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;

	email.hello = TEXT("pi.example.org");
	o = try(&email);
	assert_sent(&o);
	assert_arrived(&starttls, "watcher", true);
	json_t *mail = server_mail(&starttls);
	assert_string_equal(json_text(mail, "helo"), "pi.example.org");
	json_decref(mail);
}

static void a_mail_goes_over_implicit_tls(void **state)
{
	struct config_email email = settings(&implicit);
	struct outcome o;

	email.force_implicit_tls = 1;
	o = try(&email);
	assert_sent(&o);
	assert_arrived(&implicit, "watcher", true);
}

static void a_mail_goes_over_login(void **state)
{
	struct config_email email = settings(&login_implicit);
	struct outcome o;

	email.force_implicit_tls = 1;
	o = try(&email);
	assert_sent(&o);
	assert_arrived(&login_implicit, "watcher", true);

	email = settings(&login);
	email.require_tls = false;
	o = try(&email);
	assert_sent(&o);
	assert_arrived(&login, "watcher", false);
}

static void without_require_tls_nothing_is_upgraded(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;

	/* The server offers STARTTLS; this client does not ask, and no password goes out in the clear. */
	email.require_tls = false;
	email.auth_username = TEXT(NULL);
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "MAIL FROM: 530 ");

	email = settings(&no_tls);
	email.require_tls = false;
	o = try(&email);
	assert_sent(&o);
	assert_arrived(&no_tls, "watcher", false);
}

static void required_tls_is_never_gone_without(void **state)
{
	struct config_email email = settings(&no_tls);
	struct outcome o = try(&email);

	assert_failed(&o, DELIVERY_RETRY, "EHLO: STARTTLS not supported");
	assert_null(server_mail(&no_tls));
}

static void a_password_leaves_localhost_in_plain_only_under_tls(void **state)
{
	struct server elsewhere = { 0 };
	struct config_email email;
	struct outcome o;

	/* Another loopback address stands for another machine. */
	server_start(&elsewhere, "tests/support/mail_server.py", "--no-tls", "127.0.0.2");
	email = settings(&elsewhere);
	email.require_tls = false;
	email.host = (char *)"127.0.0.2";
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "EHLO: ");
	assert_null(server_mail(&elsewhere));
	server_end(&elsewhere);
}

static void certificates_are_verified(void **state)
{
	struct server elsewhere = { 0 };
	struct config_email email = settings(&starttls);
	struct outcome o;

	email.tls.ca_file = TEXT(NULL);
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "STARTTLS: ");
	assert_non_null(strstr(o.message, "certificate"));

	email.tls.insecure_skip_verify = true;
	o = try(&email);
	assert_sent(&o);

	/* A name that the certificate does not have. */
	email = settings(&starttls);
	email.tls.server_name = TEXT("mail.example.org");
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "STARTTLS: ");
	assert_non_null(strstr(o.message, "mail.example.org"));

	/* And one that it has, while the machine is known by another. */
	server_start(&elsewhere, "tests/support/mail_server.py", NULL, "127.0.0.2");
	email = settings(&elsewhere);
	email.host = (char *)"127.0.0.2";
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "STARTTLS: ");
	email.tls.server_name = TEXT("localhost");
	o = try(&email);
	assert_sent(&o);
	server_end(&elsewhere);
}

static void a_client_shows_its_certificate(void **state)
{
	struct server strict = { 0 };
	struct config_email email;
	struct outcome o;
	char key[64];

	server_start(&strict, "tests/support/mail_server.py", "--client-certificate", "127.0.0.1");
	snprintf(key, sizeof(key), "%s/key.pem", strict.dir);
	email = settings(&strict);
	o = try(&email);
	assert_int_equal(o.result, DELIVERY_RETRY);
	assert_null(server_mail(&strict));
	email.tls.cert_file = TEXT(strict.cert);
	email.tls.key_file = TEXT(key);
	o = try(&email);
	assert_sent(&o);
	assert_arrived(&strict, "watcher", true);
	server_end(&strict);
}

static void a_password_is_read_from_its_file_at_each_try(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/password", starttls.dir);
	email.auth_password.value = TEXT(NULL);
	email.auth_password.file = TEXT(path);
	for (int right = 0; right < 2; right++) {
		f = fopen(path, "we");
		assert_non_null(f);
		fputs(right ? PASSWORD "\n" : "not this one\n", f);
		fclose(f);
		o = try(&email);
		assert_int_equal(o.result, right ? DELIVERY_SENT : DELIVERY_RETRY);
	}
	unlink(path);
	assert_arrived(&starttls, "watcher", true);
}

static void a_mail_goes_over_ipv6(void **state)
{
	struct server s = { 0 };
	struct config_email email;
	struct outcome o;

	if (!net_has_ipv6()) {
		printf("SKIPPED: no IPv6 on this machine\n");
		skip();
	}
	server_start(&s, "tests/support/mail_server.py", NULL, "::1");
	email = settings(&s);
	email.host = (char *)"::1";
	o = try(&email);
	assert_sent(&o);
	assert_arrived(&s, "watcher", true);
	email.host = (char *)"localhost";
	o = try(&email);
	assert_sent(&o);
	server_end(&s);
}

static void a_large_mail_arrives_whole(void **state)
{
	struct config_email email = settings(&starttls);
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	char line[601], instance[32];
	struct outcome o;
	json_t *mail;

	for (size_t i = 0; i < sizeof(line) - 1; i++)
		line[i] = i % 19 ? 'x' : '.';
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < 50; i++) {
		snprintf(instance, sizeof(instance), "host-%03d", i);
		fixture_add(n, LABELS("alertname", "Down", "instance", instance),
			LABELS("summary", line), AT_WALL_MS, 0);
	}
	o = try_notification(&email, n, 20000);
	assert_sent(&o);
	mail = server_mail(&starttls);
	assert_non_null(mail);
	assert_true(strlen(json_text(mail, "raw")) > 150000);
	for (int i = 0; i < 50; i++) {
		snprintf(instance, sizeof(instance), "instance = host-%03d", i);
		assert_non_null(strstr(json_text(mail, "text"), instance));
	}
	assert_non_null(strstr(json_text(mail, "text"), line));
	assert_non_null(strstr(json_text(mail, "text"), "Sent by tolld on pi.example.org"));
	assert_non_null(strstr(json_text(mail, "html"), "</html>"));
	json_decref(mail);
}

struct crowd {
	struct net *net;
	unsigned started, ended;
};

static void on_other_done(CURL *easy, CURLcode code, void *userdata)
{
	((struct crowd *)userdata)->ended++;
	curl_easy_cleanup(easy);
}

static int start_another(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct crowd *crowd = userdata;
	CURL *easy = curl_easy_init();

	assert_non_null(easy);
	crowd->started++;
	curl_easy_setopt(easy, CURLOPT_URL, "http://127.0.0.1:1/");
	assert_int_equal(net_start(crowd->net, easy, on_other_done, crowd, NULL), 0);
	sd_event_source_set_time_relative(source, 20000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* libcurl tidies up its idle connections when another one begins: this one must not look idle. */
static void other_transfers_leave_a_slow_conversation_alone(void **state)
{
	struct config_email email = settings(&starttls);
	struct notification *n = fixture_seed();
	struct outcome o = { 0 };
	struct crowd crowd = { 0 };
	sd_event_source *starter;
	struct deliver *deliver;
	char error[300];

	server_set(&starttls, "mail wait 1.1\nrcpt wait 1.1\nbody wait 1.1\n");
	assert_true(sd_event_new(&o.event) >= 0);
	assert_int_equal(net_new(o.event, &crowd.net), 0);
	assert_int_equal(deliver_new(crowd.net, &fixture_options, &deliver), 0);
	assert_true(sd_event_add_time_relative(
			    o.event, &starter, CLOCK_MONOTONIC, 0, 1, start_another, &crowd) >= 0);
	assert_int_equal(
		deliver_email(deliver, &email, n, on_done, &o, NULL, error, sizeof(error)), 0);
	o.ticked_boot_ns = clock_boot_ns();
	while (!o.done || crowd.ended < crowd.started) {
		assert_true(sd_event_run(o.event, UINT64_MAX) >= 0);
		if (o.done)
			sd_event_source_set_enabled(starter, SD_EVENT_OFF);
	}
	sd_event_source_unref(starter);
	assert_sent(&o);
	assert_arrived(&starttls, "watcher", true);
	assert_true(crowd.ended > 20);
	deliver_free(deliver);
	net_free(crowd.net);
	sd_event_unref(o.event);
	notification_unref(n);
}

/* -- the ways it does not -- */

static void a_wrong_password_may_be_mended(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;

	email.auth_password.value = TEXT("not this one");
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "AUTH: 535 5.7.8 wrong user or password");
	assert_null(server_mail(&starttls));
}

static void usual_mistakes_are_told_with_their_cure(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;

	email.auth_password.value = TEXT("two\xc2\xa0words");
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "wrong user or password (the password has characters");

	email = settings(&starttls);
	email.force_implicit_tls = 1;
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "does not speak TLS from the first byte: leave out");

	email = settings(&starttls);
	email.tls.ca_file = TEXT(NULL);
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "(its certificate has to be of an authority");

	email = settings(&starttls);
	email.auth_username = TEXT(NULL);
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "(auth_username is not set)");

	email = settings(&no_tls);
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "(587 is the usual port with STARTTLS");
}

static void a_port_that_waits_for_tls_is_told_from_one_that_is_away(void **state)
{
	struct config_email email = settings(&implicit);
	struct outcome o;

	email.force_implicit_tls = 0;
	o = try_notification(&email, fixture_seed(), 500);
	assert_failed(&o, DELIVERY_RETRY, "(a port that speaks TLS from the first byte");
}

static void no_reply_brings_a_secret_back(void **state)
{
	struct config_email email = settings(&login_implicit);
	struct outcome o;

	email.force_implicit_tls = 1;
	email.auth_username = TEXT("somebody");
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "AUTH: 535 5.7.8 no somebody with <secret> (<secret>)");
}

static void a_secret_is_never_shown_to_the_server(void **state)
{
	struct config_email email = settings(&cram);
	struct outcome o;

	email.auth_secret = email.auth_password;
	email.auth_password = (struct config_secret){ 0 };
	o = try(&email);
	assert_sent(&o);
	assert_arrived(&cram, "watcher", true);

	email.auth_secret.value = TEXT("another");
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "AUTH: 535 5.7.8 wrong user or secret");

	/* A server that only takes passwords does not get the secret for one. */
	email = settings(&starttls);
	email.auth_secret = email.auth_password;
	email.auth_password = (struct config_secret){ 0 };
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "");
}

static void faults_are_told_apart(void **state)
{
	static const struct {
		const char *fault;
		enum delivery_result result;
		const char *message;
	} rows[] = {
		{ "connect 421 4.3.2 closing\n", DELIVERY_RETRY, "connect: 421 4.3.2 closing" },
		{ "connect 554 5.3.2 go away\n", DELIVERY_RETRY, "connect: 554 5.3.2 go away" },
		{ "starttls 454 4.7.0 no TLS today\n", DELIVERY_RETRY,
			"STARTTLS: 454 4.7.0 no TLS today" },
		{ "auth 454 4.7.0 too many logins\n", DELIVERY_RETRY,
			"AUTH: 454 4.7.0 too many logins" },
		{ "mail 451 4.3.0 later\n", DELIVERY_RETRY, "MAIL FROM: 451 4.3.0 later" },
		{ "mail 530 5.7.0 log in first\n", DELIVERY_RETRY,
			"MAIL FROM: 530 5.7.0 log in first" },
		{ "mail 550 5.7.1 not you\n", DELIVERY_REFUSED, "MAIL FROM: 550 5.7.1 not you" },
		{ "rcpt 450 4.2.1 slowly\n", DELIVERY_RETRY,
			"RCPT TO: operator@example.org: 450 4.2.1 slowly" },
		{ "rcpt 550 5.1.1 no such user\n", DELIVERY_REFUSED,
			"RCPT TO: operator@example.org: 550 5.1.1 no such user" },
		{ "data 452 4.3.1 disk full\n", DELIVERY_RETRY, "DATA: 452 4.3.1 disk full" },
		{ "data 554 5.5.1 no valid recipients\n", DELIVERY_REFUSED,
			"DATA: 554 5.5.1 no valid" },
		{ "body 451 4.7.1 greylisted\n", DELIVERY_RETRY, "message: 451 4.7.1 greylisted" },
		{ "body 552 5.2.3 too large\n", DELIVERY_REFUSED, "message: 552 5.2.3 too large" },
		{ "body 550 5.4.5 Daily user sending limit exceeded\n", DELIVERY_RETRY,
			"message: 550 5.4.5 Daily user" },
		{ "connect drop\n", DELIVERY_RETRY, "connect: " },
		{ "ehlo drop\n", DELIVERY_RETRY, "EHLO: " },
		{ "starttls drop\n", DELIVERY_RETRY, "STARTTLS: " },
		{ "auth drop\n", DELIVERY_RETRY, "AUTH: " },
		{ "mail drop\n", DELIVERY_RETRY, "MAIL FROM: " },
		{ "rcpt drop\n", DELIVERY_RETRY, "RCPT TO: " },
		{ "data drop\n", DELIVERY_RETRY, "DATA: " },
		{ "body drop\n", DELIVERY_RETRY, "message: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_email email = settings(&starttls);
		struct outcome o;

		server_set(&starttls, rows[i].fault);
		o = try(&email);
		assert_failed(&o, rows[i].result, rows[i].message);
		assert_null(server_mail(&starttls));
		assert_true(o.duration_ns < 5 * NSEC_PER_SEC);
	}
}

static void a_server_that_falls_silent_is_given_up_in_time(void **state)
{
	static const char *const steps[][2] = {
		{ "connect hang\n", "connect: " },
		{ "ehlo hang\n", "EHLO: " },
		{ "starttls hang\n", "STARTTLS: " },
		{ "auth hang\n", "AUTH: " },
		{ "mail hang\n", "MAIL FROM: " },
		{ "rcpt hang\n", "RCPT TO: " },
		{ "data hang\n", "DATA: " },
		{ "body hang\n", "message: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct config_email email = settings(&starttls);
		struct outcome o;

		server_set(&starttls, steps[i][0]);
		o = try_for(&email, 1000);
		assert_failed(&o, DELIVERY_RETRY, steps[i][1]);
		/* Not before: a try that ends at once was not waiting. */
		assert_true(o.duration_ns >= 990 * NSEC_PER_MSEC);
		assert_true(o.duration_ns < 4 * NSEC_PER_SEC);
		/* Watching goes on meanwhile. */
		assert_true(o.longest_ns < 500 * NSEC_PER_MSEC);
	}
}

static void a_server_that_never_says_goodbye_costs_no_time(void **state)
{
	static const char *const faults[] = { "quit hang\n", "quit hang\nauth 535 5.7.8 no\n",
		"quit hang\nrcpt 550 5.1.1 no\n" };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct config_email email = settings(&starttls);
		struct outcome o;

		server_set(&starttls, faults[i]);
		o = try(&email);
		assert_int_equal(o.result == DELIVERY_SENT, i == 0);
		/* libcurl would sit for a second, and the whole daemon with it. */
		assert_true(o.longest_ns < 500 * NSEC_PER_MSEC);
	}
}

/* The recipients that the server was given a mail for, one a line; the mail is taken from it. */
static void assert_served(const char *expected)
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

static void one_bad_recipient_does_not_stop_the_others(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;

	email.to = TEXT("Ann <ann@example.org>, bad@example.org, carl@example.org");
	server_set(&starttls, "rcpt:bad@example.org 550 5.1.1 no such user\n");
	o = try(&email);
	assert_sent(&o);
	assert_string_equal(o.refused, "bad@example.org: 550 5.1.1 no such user");
	assert_string_equal(o.served, "");
	assert_served("ann@example.org\ncarl@example.org\n");

	/* All refused, but one of them only for now: worth another try. */
	server_set(&starttls, "rcpt:carl@example.org 450 4.2.2 mailbox full\nrcpt 550 5.1.1 no\n");
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "carl@example.org: 450 4.2.2 mailbox full");
	assert_string_equal(o.served, "");
}

static void who_is_to_come_again_is_served_by_the_next_try_and_nobody_twice(void **state)
{
	static const char to[] = "Ann <ann@example.org>, bad@example.org, carl@example.org, "
				 "late@example.org";
	struct config_email email = settings(&starttls);
	struct notification *n = fixture_seed();
	struct outcome o;

	email.to = TEXT(to);
	server_set(&starttls, "rcpt:bad@example.org 550 5.1.1 no such user\n"
			      "rcpt:late@example.org 450 4.2.2 mailbox full\n");
	o = try_notification(&email, notification_ref(n), 20000);
	assert_failed(&o, DELIVERY_RETRY,
		"message: taken, but not for bad@example.org: 550 5.1.1 no such user; "
		"late@example.org: 450 4.2.2 mailbox full");
	assert_string_equal(o.served, "ann@example.org\ncarl@example.org\n");
	assert_served(o.served);

	n->served = strdup(o.served);
	server_set(&starttls, "rcpt:bad@example.org 550 5.1.1 no such user\n");
	o = try_notification(&email, notification_ref(n), 20000);
	assert_sent(&o);
	assert_string_equal(o.refused, "bad@example.org: 550 5.1.1 no such user");
	assert_served("late@example.org\n");

	/* Of other settings nobody may be left: rather twice than never. */
	email.to = TEXT("carl@example.org");
	server_set(&starttls, "");
	o = try_notification(&email, n, 20000);
	assert_sent(&o);
	assert_served("carl@example.org\n");
}

static void nobody_at_the_port_may_be_there_later(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;

	/* TCP port 1 is nobody's. */
	email.port = 1;
	o = try(&email);
	assert_failed(&o, DELIVERY_RETRY, "connect: Failed to connect to localhost port 1");
	assert_failed(&o, DELIVERY_RETRY, ": Connection refused");
}

/* 0; else what there is none for. */
static int enter_network_without_ipv6(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	FILE *off;
	int fd, err;

	if (unshare(CLONE_NEWNET))
		return errno;
	off = fopen("/proc/sys/net/ipv6/conf/all/disable_ipv6", "we");
	if (off && (fputs("1", off) < 0 || fclose(off)))
		return errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	err = ioctl(fd, SIOCSIFFLAGS, &lo) ? errno : 0;
	close(fd);
	return err;
}

/* By a child: nobody comes back from such a network. */
static void without_ipv6_it_is_the_other_address_that_is_told(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;
	pid_t pid = fork();
	int status, err;

	if (pid == 0) {
		err = enter_network_without_ipv6();
		if (err)
			_exit(err);
		email.port = 1;
		o = try(&email);
		if (strstr(o.message, "localhost port 1") &&
			strstr(o.message, ": Connection refused"))
			_exit(0);
		fprintf(stderr, "%s\n", o.message);
		_exit(255);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == EPERM) {
		printf("SKIPPED: no other network can be made here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_cannot_be_rendered_never_reaches_the_server(void **state)
{
	struct config_email email = settings(&starttls);
	struct notification *n = fixture_seed();
	struct outcome o = { 0 };
	struct deliver *deliver;
	struct net *net;
	char error[300] = "";

	email.to = TEXT("{{ .Nonsense }}");
	assert_true(sd_event_new(&o.event) >= 0);
	assert_int_equal(net_new(o.event, &net), 0);
	assert_int_equal(deliver_new(net, &fixture_options, &deliver), 0);
	assert_int_equal(deliver_email(deliver, &email, n, on_done, &o, NULL, error, sizeof(error)),
		-EINVAL);
	assert_non_null(strstr(error, "can't evaluate field Nonsense in type *template.Data"));
	assert_false(o.done);
	assert_null(server_mail(&starttls));

	/* A secret that cannot be read comes back with its own number. */
	email = settings(&starttls);
	email.auth_password.value = TEXT(NULL);
	email.auth_password.file = TEXT("/nonexistent/password");
	assert_int_equal(deliver_email(deliver, &email, n, on_done, &o, NULL, error, sizeof(error)),
		-ENOENT);
	assert_string_equal(
		error, "auth_password_file /nonexistent/password: No such file or directory");
	deliver_free(deliver);
	net_free(net);
	sd_event_unref(o.event);
	notification_unref(n);
}

static void a_try_can_be_cancelled_at_any_moment(void **state)
{
	struct config_email email = settings(&starttls);
	struct notification *n = fixture_seed();
	struct outcome o = { 0 };
	struct delivery *delivery;
	struct deliver *deliver;
	struct net *net;
	char error[300];

	server_set(&starttls, "body hang\n");
	for (int turns = 0; turns < 40; turns += 3) {
		assert_true(sd_event_new(&o.event) >= 0);
		assert_int_equal(net_new(o.event, &net), 0);
		assert_int_equal(deliver_new(net, &fixture_options, &deliver), 0);
		for (int k = 0; k < 2; k++)
			assert_int_equal(deliver_email(deliver, &email, n, on_done, &o, &delivery,
						 error, sizeof(error)),
				0);
		for (int i = 0; i < turns; i++)
			sd_event_run(o.event, 20000);
		/* One by hand, the other with its owner. */
		delivery_cancel(delivery);
		deliver_free(deliver);
		net_free(net);
		sd_event_unref(o.event);
	}
	if (o.done)
		fail_msg("%s", o.message);
	notification_unref(n);
}

struct start {
	struct config_email email;
	struct notification *n;
};

static int start_once(void *userdata)
{
	struct start *s = userdata;
	struct deliver *deliver = NULL;
	struct net *net = NULL;
	sd_event *event = NULL;
	struct outcome o = { 0 };
	char error[300];
	int err;

	err = sd_event_new(&event);
	err = err < 0 ? err : net_new(event, &net);
	err = err ? err : deliver_new(net, &fixture_options, &deliver);
	err = err ? err
		  : deliver_email(
			    deliver, &s->email, s->n, on_done, &o, NULL, error, sizeof(error));
	deliver_free(deliver);
	net_free(net);
	sd_event_unref(event);
	return err;
}

static void survives_without_memory(void **state)
{
	struct start s = { settings(&starttls), fixture_seed() };

	with_failing_allocations(start_once, &s);
	notification_unref(s.n);
}

static int start_servers(void **state)
{
	if (access(PYTHON, X_OK))
		return 0;
	setenv("TZ", "UTC", 1);
	/* libcurl's own allocations are not ours to let fail. */
	curl_global_init(CURL_GLOBAL_DEFAULT);
	server_start(&starttls, "tests/support/mail_server.py", NULL, "127.0.0.1");
	server_start(&implicit, "tests/support/mail_server.py", "--implicit-tls", "127.0.0.1");
	server_start(&no_tls, "tests/support/mail_server.py", "--no-tls", "127.0.0.1");
	server_start(&cram, "tests/support/mail_server.py", "--cram-md5", "127.0.0.1");
	server_start(&login, "tests/support/login_server.py", NULL, "127.0.0.1");
	server_start(
		&login_implicit, "tests/support/login_server.py", "--implicit-tls", "127.0.0.1");
	return 0;
}

static int end_servers(void **state)
{
	struct server *const all[] = { &starttls, &implicit, &no_tls, &cram, &login,
		&login_implicit };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		server_end(all[i]);
	curl_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mail_goes_over_starttls_with_plain),
		cmocka_unit_test(a_mail_goes_over_implicit_tls),
		cmocka_unit_test(a_mail_goes_over_login),
		cmocka_unit_test(without_require_tls_nothing_is_upgraded),
		cmocka_unit_test(required_tls_is_never_gone_without),
		cmocka_unit_test(a_password_leaves_localhost_in_plain_only_under_tls),
		cmocka_unit_test(certificates_are_verified),
		cmocka_unit_test(a_client_shows_its_certificate),
		cmocka_unit_test(a_password_is_read_from_its_file_at_each_try),
		cmocka_unit_test(a_mail_goes_over_ipv6),
		cmocka_unit_test(a_large_mail_arrives_whole),
		cmocka_unit_test(other_transfers_leave_a_slow_conversation_alone),
		cmocka_unit_test(a_wrong_password_may_be_mended),
		cmocka_unit_test(usual_mistakes_are_told_with_their_cure),
		cmocka_unit_test(a_port_that_waits_for_tls_is_told_from_one_that_is_away),
		cmocka_unit_test(no_reply_brings_a_secret_back),
		cmocka_unit_test(a_secret_is_never_shown_to_the_server),
		cmocka_unit_test(faults_are_told_apart),
		cmocka_unit_test(a_server_that_falls_silent_is_given_up_in_time),
		cmocka_unit_test(a_server_that_never_says_goodbye_costs_no_time),
		cmocka_unit_test(one_bad_recipient_does_not_stop_the_others),
		cmocka_unit_test(who_is_to_come_again_is_served_by_the_next_try_and_nobody_twice),
		cmocka_unit_test(nobody_at_the_port_may_be_there_later),
		cmocka_unit_test(without_ipv6_it_is_the_other_address_that_is_told),
		cmocka_unit_test(what_cannot_be_rendered_never_reaches_the_server),
		cmocka_unit_test(a_try_can_be_cancelled_at_any_moment),
		cmocka_unit_test(survives_without_memory),
	};

	if (access(PYTHON, X_OK)) {
		printf("SKIPPED: no " PYTHON " for the mail servers\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, start_servers, end_servers);
}
