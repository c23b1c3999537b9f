/* One try against real mail servers: what is reported when the mail does not arrive, or not to all. */
#include "deliver/tries.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

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
		verdict_ms = 500;
		o = try_for(&email, 1000);
		verdict_ms = 0;
		assert_failed(&o, DELIVERY_RETRY, steps[i][1]);
		/* Not before: a try that ends at once was not waiting. */
		assert_true(o.duration_ns >= 990 * NSEC_PER_MSEC);
		assert_true(o.duration_ns < 4 * NSEC_PER_SEC);
		/* Watching goes on meanwhile. */
		assert_true(o.longest_ns < 500 * NSEC_PER_MSEC);
	}
}

/* It asks for names where names cannot be found, or holds back who does not wait. */
static void who_greets_late_is_waited_for(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;

	/* libcurl's time for a connection and all before the mail, were it not told otherwise. */
	server_set(&starttls, "connect wait 10.5\n");
	o = try_for(&email, 0);
	assert_sent(&o);
	assert_arrived(&starttls, "watcher", true);
}

/* It looks for viruses, or waits for a disk; who asks again brings a second mail. */
static void who_has_the_mail_may_think_about_it(void **state)
{
	struct config_email email = settings(&starttls);
	struct outcome o;

	server_set(&starttls, "body wait 1.5\n");
	o = try_for(&email, 1000);
	assert_sent(&o);
	assert_arrived(&starttls, "watcher", true);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_password_may_be_mended),
		cmocka_unit_test(usual_mistakes_are_told_with_their_cure),
		cmocka_unit_test(a_port_that_waits_for_tls_is_told_from_one_that_is_away),
		cmocka_unit_test(no_reply_brings_a_secret_back),
		cmocka_unit_test(a_secret_is_never_shown_to_the_server),
		cmocka_unit_test(faults_are_told_apart),
		cmocka_unit_test(a_server_that_falls_silent_is_given_up_in_time),
		cmocka_unit_test(who_greets_late_is_waited_for),
		cmocka_unit_test(who_has_the_mail_may_think_about_it),
		cmocka_unit_test(a_server_that_never_says_goodbye_costs_no_time),
		cmocka_unit_test(one_bad_recipient_does_not_stop_the_others),
		cmocka_unit_test(who_is_to_come_again_is_served_by_the_next_try_and_nobody_twice),
		cmocka_unit_test(nobody_at_the_port_may_be_there_later),
		cmocka_unit_test(without_ipv6_it_is_the_other_address_that_is_told),
		cmocka_unit_test(what_cannot_be_rendered_never_reaches_the_server),
		cmocka_unit_test(a_try_can_be_cancelled_at_any_moment),
	};

	if (access(PYTHON, X_OK)) {
		printf("SKIPPED: no " PYTHON " for the mail servers\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, begin_tries, end_tries);
}
