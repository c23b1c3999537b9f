/* One try against real mail servers: what arrives, and in which ways. */
#include "deliver/tries.h"

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
		cmocka_unit_test(survives_without_memory),
	};

	if (access(PYTHON, X_OK)) {
		printf("SKIPPED: no " PYTHON " for the mail servers\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, begin_tries, end_tries);
}
