/* Many mails at once: so many connections to one server, and the others in their turn. */
#include "deliver/tries.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "deliver/turns.h"

#define MAILS 25

/* -- the list alone -- */

static unsigned times_come;

static void on_come(struct turn *turn)
{
	assert_true(turn->goes);
	times_come++;
}

static struct turn turn_of(const char *host, unsigned port)
{
	return (struct turn){ .host = host, .port = port, .come = on_come };
}

static void who_waits_goes_in_the_order_of_coming(void **state)
{
	struct turn going[TURNS_AT_ONCE], waits[3], other_port, other_host;
	struct turns turns;

	turns_init(&turns);
	times_come = 0;
	for (size_t i = 0; i < TURNS_AT_ONCE; i++) {
		going[i] = turn_of("mail", 25);
		assert_true(turn_take(&turns, &going[i]));
	}
	for (size_t i = 0; i < 3; i++) {
		waits[i] = turn_of("mail", 25);
		assert_false(turn_take(&turns, &waits[i]));
	}
	/* Another server's mails wait for none of these. */
	other_port = turn_of("mail", 587);
	other_host = turn_of("post", 25);
	assert_true(turn_take(&turns, &other_port));
	assert_true(turn_take(&turns, &other_host));
	turn_end(&turns, &other_port);
	turn_end(&turns, &other_host);
	assert_false(waits[0].goes);

	/* One that waits no longer makes no room. */
	turn_end(&turns, &waits[1]);
	assert_false(waits[0].goes || waits[2].goes);
	turn_end(&turns, &going[3]);
	assert_true(waits[0].goes && !waits[2].goes);
	turn_end(&turns, &waits[0]);
	assert_true(waits[2].goes);
	turn_end(&turns, &waits[2]);
	/* Nor does the end of what was ended, or never came. */
	turn_end(&turns, &waits[2]);
	other_port = turn_of("mail", 25);
	turn_end(&turns, &other_port);
	for (size_t i = 0; i < TURNS_AT_ONCE; i++)
		turn_end(&turns, &going[i]);
	assert_null(turns.first);
	assert_ptr_equal(turns.end, &turns.first);
	assert_int_equal(times_come, 2);
}

/* -- mails -- */

struct flood {
	sd_event *event;
	struct net *net;
	struct deliver *deliver;
	struct delivery *deliveries[MAILS];
	unsigned sent, waited, failed, accepted, left;
};

static void on_end(const struct delivery_report *report, void *userdata)
{
	struct flood *f = userdata;

	if (report->result == DELIVERY_SENT)
		f->sent++;
	else if (strstr(report->message, "other mails to this server are still under way"))
		f->waited++;
	else
		f->failed++;
	if (report->result != DELIVERY_SENT)
		assert_int_equal(report->result, DELIVERY_RETRY);
	if (!--f->left)
		sd_event_exit(f->event, 0);
}

static void flood_begin(struct flood *f, const struct config_email *email, int64_t timeout_ms)
{
	struct deliver_options options = fixture_options;
	char error[300] = "";

	*f = (struct flood){ .left = MAILS };
	options.timeout_ms = timeout_ms;
	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(net_new(f->event, &f->net), 0);
	assert_int_equal(deliver_new(f->net, &options, &f->deliver), 0);
	for (size_t i = 0; i < MAILS; i++) {
		struct notification *n = fixture_seed();

		if (deliver_email(f->deliver, email, n, on_end, f, &f->deliveries[i], error,
			    sizeof(error)))
			fail_msg("%s", error);
		notification_unref(n);
	}
}

static void flood_end(struct flood *f)
{
	deliver_free(f->deliver);
	net_free(f->net);
	sd_event_unref(f->event);
}

static unsigned count_mails(const struct server *s)
{
	unsigned n = 0;
	char path[80];
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "%s/mails.jsonl", s->dir);
	f = fopen(path, "re");
	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static void all_of_a_flood_arrive(void **state)
{
	struct config_email email = settings(&starttls);
	struct flood f;

	flood_begin(&f, &email, 60000);
	assert_true(sd_event_loop(f.event) >= 0);
	assert_int_equal(f.sent, MAILS);
	flood_end(&f);
	assert_int_equal(count_mails(&starttls), MAILS);
}

/* A server that takes connections, and never says a word. */
static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	/* Left open until the test ends. */
	assert_true(accept4(fd, NULL, NULL, SOCK_CLOEXEC) >= 0);
	((struct flood *)userdata)->accepted++;
	return 0;
}

static int listen_silently(struct config_email *email)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (void *)&at, &size), 0);
	*email = fixture_email();
	email->host = (char *)"127.0.0.1";
	email->port = ntohs(at.sin_port);
	return fd;
}

static void a_silent_server_has_so_many_connections_and_no_more(void **state)
{
	struct config_email email;
	int fd = listen_silently(&email);
	struct flood f;

	flood_begin(&f, &email, 1000);
	assert_true(sd_event_add_io(f.event, NULL, fd, EPOLLIN, on_connection, &f) >= 0);
	/* One that waits is given up, as by a group that is gone: nobody is told of it. */
	delivery_cancel(f.deliveries[MAILS - 1]);
	f.left--;
	assert_true(sd_event_loop(f.event) >= 0);
	assert_int_equal(f.accepted, TURNS_AT_ONCE);
	assert_int_equal(f.failed, TURNS_AT_ONCE);
	assert_int_equal(f.waited, MAILS - 1 - TURNS_AT_ONCE);
	flood_end(&f);
	close(fd);
}

static void the_end_is_no_matter_of_turns(void **state)
{
	struct config_email email;
	int fd = listen_silently(&email);
	struct flood f;

	flood_begin(&f, &email, 60000);
	assert_true(sd_event_run(f.event, 0) >= 0);
	flood_end(&f);
	assert_int_equal(f.left, MAILS);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_goes_in_the_order_of_coming),
		cmocka_unit_test(all_of_a_flood_arrive),
		cmocka_unit_test(a_silent_server_has_so_many_connections_and_no_more),
		cmocka_unit_test(the_end_is_no_matter_of_turns),
	};

	if (access(PYTHON, X_OK)) {
		printf("SKIPPED: no %s for the mail server\n", PYTHON);
		return 0;
	}
	return cmocka_run_group_tests(tests, begin_tries, end_tries);
}
