/*
 * notify.c - tolld notify RECEIVER: a test through each way that a receiver has, and what was answered.
 *
 * It reads the settings and sends by itself, so it works before tolld runs for the first time; who
 * calls it must be able to read the files with the secrets.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include "base/clock.h"
#include "base/escape.h"
#include "daemon.h"
#include "deliver/deliver.h"

#define MAX_FILES 64
/* One try; nobody waits longer for a test. */
#define TIMEOUT_MS 20000

struct test {
	const char *files[MAX_FILES];
	size_t n_files;
	const char *external_url;
	bool resolved;
	char hostname[256];
	sd_event *event;
	struct net *net;
	struct deliver *deliver;
	/* Of the one under way. */
	bool done, good;
};

static const char usage[] =
	"usage: tolld notify [FLAG...] RECEIVER\n\n"
	"Sends a test notification through every way that a receiver of the settings has, and shows what\n"
	"was answered. tolld need not run for it.\n\n"
	"  --config.file FILE\n"
	"        settings, as of tolld run; may be given several times (default " DAEMON_DEFAULT_CONFIG
	")\n"
	"  --resolved\n"
	"        say that the test is over, instead of that it fires\n"
	"  --web.external-url URL\n"
	"        what links point to (default http://HOSTNAME:9090)\n\n"
	"Exit status: 0 all were accepted, 1 one was not, 2 called wrongly.\n";

static void put_line(const char *indent, const char *text)
{
	struct strbuf shown = STRBUF_INIT;

	escape_terminal(&shown, text, strlen(text));
	printf("%s%s\n", indent, shown.s);
	strbuf_release(&shown);
}

static void put_lines(const char *indent, const char *text)
{
	const char *end;
	char line[512];

	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		put_line(indent, line);
	}
}

static void on_delivered(const struct delivery_report *report, void *userdata)
{
	static const char *const words[] = {
		[DELIVERY_SENT] = "accepted",
		[DELIVERY_RETRY] = "failed, and tolld would try again",
		[DELIVERY_REFUSED] = "refused",
	};
	struct test *t = userdata;

	t->done = true;
	t->good = report->result == DELIVERY_SENT && !report->refused_recipients;
	printf("%s after %lld ms\n", words[report->result],
		(long long)(report->duration_ns / NSEC_PER_MSEC));
	if (report->transcript)
		put_lines("    ", report->transcript);
	else if (report->answer && *report->answer)
		put_line("    ", report->answer);
	if (report->message && *report->message)
		put_line("    ", report->message);
	if (report->refused_recipients)
		put_line("    refused: ", report->refused_recipients);
	if (report->note)
		put_line("    ", report->note);
}

static int add_labels(struct labels **ret, const char *const *pairs)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	for (; *pairs; pairs += 2)
		labels_builder_set(&b, pairs[0], pairs[1]);
	return labels_build(&b, ret);
}

/* One alert by the name of TolldTest, that asks for nothing to be done. */
static struct alert *test_alert(const struct test *t, const char *receiver)
{
	const char *const names[] = { "alertname", "TolldTest", "instance", t->hostname, "severity",
		"none", NULL };
	const char *const notes[] = { "summary",
		"This is a test that somebody asked for with \"tolld notify\". Nothing is wrong.",
		"receiver", receiver, NULL };
	scoped(labels_unrefp) struct labels *labels = NULL, *annotations = NULL;
	struct instant now = clock_now();
	struct alert *alert;

	if (add_labels(&labels, names) || add_labels(&annotations, notes))
		return NULL;
	alert = alert_new(labels, annotations);
	if (!alert)
		return NULL;
	alert->starts_wall_ms = now.wall_ms - 60000;
	alert->updated_wall_ms = now.wall_ms;
	alert->ends_wall_ms = t->resolved ? now.wall_ms : 0;
	alert->generator_url = strdup(t->external_url);
	return alert;
}

static struct notification *test_notification(
	const struct test *t, const char *receiver, const char *kind, unsigned index)
{
	const char *const group[] = { "alertname", "TolldTest", NULL };
	scoped(notification_unrefp) struct notification *n = notification_new();
	struct instant now = clock_now();

	if (!n)
		return NULL;
	snprintf(n->id, sizeof(n->id), "%016llx%08x%08x", (unsigned long long)now.boot_ns,
		(unsigned)getpid(), index);
	n->receiver = strdup(receiver);
	n->integration = strdup(kind);
	n->index = index;
	n->group_key = strdup("{}:{alertname=\"TolldTest\"}");
	n->at_wall_ms = now.wall_ms;
	n->reason = "test";
	n->alerts = calloc(1, sizeof(struct alert *));
	if (!n->receiver || !n->integration || !n->group_key || !n->alerts ||
		add_labels(&n->group_labels, group))
		return NULL;
	n->alerts[0] = test_alert(t, receiver);
	if (!n->alerts[0])
		return NULL;
	n->n_alerts = 1;
	n->n_firing = t->resolved ? 0 : 1;
	return TAKE(n);
}

/* Whether it was accepted. */
static bool test_one(struct test *t, const struct config_receiver *receiver, const char *kind,
	unsigned index, const char *to)
{
	scoped(notification_unrefp) struct notification *n =
		test_notification(t, receiver->name.s, kind, index);
	char error[DELIVERY_ERROR_MAX] = "";
	int err;

	printf("%s[%u]%s%s: ", kind, index, *to ? " to " : "", to);
	fflush(stdout);
	if (!n) {
		printf("out of memory\n");
		return false;
	}
	t->done = t->good = false;
	err = deliver_notification(
		t->deliver, receiver, n, on_delivered, t, NULL, error, sizeof(error));
	if (err) {
		printf("could not be sent\n");
		put_line("    ", error[0] ? error : strerror(-err));
		return false;
	}
	while (!t->done && err >= 0)
		err = sd_event_run(t->event, UINT64_MAX);
	return t->good;
}

static bool test_all(struct test *t, const struct config_receiver *receiver)
{
	bool good = true;

	for (size_t i = 0; i < receiver->n_emails; i++)
		good &= test_one(t, receiver, "email", (unsigned)i, receiver->emails[i].to.s);
	for (size_t i = 0; i < receiver->n_maildirs; i++)
		good &= test_one(t, receiver, "maildir", (unsigned)i, receiver->maildirs[i].path.s);
	for (size_t i = 0; i < receiver->n_integrations; i++)
		good &= test_one(t, receiver, receiver->integrations[i].type,
			receiver->integrations[i].index, "");
	return good;
}

static int connect_up(struct test *t, const struct config *config, struct diag *diag)
{
	const struct deliver_options options = { .external_url = t->external_url,
		.hostname = t->hostname,
		.timeout_ms = TIMEOUT_MS,
		.verdict_timeout_ms = TIMEOUT_MS,
		.transcript = true };
	int err;

	err = sd_event_new(&t->event);
	if (err >= 0)
		err = net_new(t->event, &t->net);
	if (err >= 0)
		err = deliver_new(t->net, &options, &t->deliver);
	if (err >= 0)
		err = deliver_configure(t->deliver, config, diag);
	return MIN(err, 0);
}

static void name_receivers(const struct config *config)
{
	fprintf(stderr, config->n_receivers ? "the settings have:" : "the settings have none\n");
	for (size_t i = 0; i < config->n_receivers; i++)
		fprintf(stderr, " %s%s", config->receivers[i].name.s,
			i + 1 < config->n_receivers ? "," : "\n");
}

static int run_test(struct test *t, const char *name)
{
	static const char *const usual[] = { DAEMON_DEFAULT_CONFIG };
	scoped(config_unrefp) struct config *config = NULL;
	const struct config_receiver *receiver = NULL;
	struct strbuf faults = STRBUF_INIT;
	struct diag diag = DIAG_INIT;
	int err;

	err = config_load(
		t->n_files ? t->files : usual, t->n_files ? t->n_files : 1, &config, &diag);
	if (!err)
		receiver = config_receiver_find(config, name);
	if (receiver)
		err = connect_up(t, config, &diag);
	diag_print(&diag, &faults);
	fputs(faults.s, stderr);
	strbuf_release(&faults);
	diag_release(&diag);
	if (err) {
		fprintf(stderr, "tolld notify: %s\n",
			err == -EINVAL ? "the settings have faults" : strerror(-err));
		return 1;
	}
	if (!receiver) {
		fprintf(stderr, "tolld notify: there is no receiver '%s'; ", name);
		name_receivers(config);
		return 1;
	}
	if (!receiver->n_emails && !receiver->n_maildirs && !receiver->n_integrations) {
		fprintf(stderr, "tolld notify: the receiver '%s' tells nobody\n", name);
		return 1;
	}
	return test_all(t, receiver) ? 0 : 1;
}

static int parse(struct test *t, int argc, char **argv, bool *ret_help)
{
	static const struct option options[] = {
		{ "config.file", required_argument, NULL, 'c' },
		{ "web.external-url", required_argument, NULL, 'u' },
		{ "resolved", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h')
			*ret_help = true;
		else if (option == 'u')
			t->external_url = optarg;
		else if (option == 'r')
			t->resolved = true;
		else if (option == 'c' && t->n_files < MAX_FILES)
			t->files[t->n_files++] = optarg;
		else
			return -EINVAL;
	}
	if (*ret_help || argc - optind == 1)
		return 0;
	fprintf(stderr, "tolld notify: %s\n",
		argc == optind ? "no receiver is named" : "one receiver can be named");
	return -EINVAL;
}

int cmd_notify(int argc, char **argv)
{
	struct test t = { 0 };
	bool help = false;
	char url[300];
	int status;

	if (parse(&t, argc, argv, &help)) {
		fputs("see tolld notify --help\n", stderr);
		return EXIT_USAGE;
	}
	if (help) {
		fputs(usage, stdout);
		return 0;
	}
	if (gethostname(t.hostname, sizeof(t.hostname) - 1) < 0 || !t.hostname[0])
		snprintf(t.hostname, sizeof(t.hostname), "localhost");
	snprintf(url, sizeof(url), "http://%s:9090", t.hostname);
	if (!t.external_url)
		t.external_url = url;
	status = run_test(&t, argv[optind]);
	deliver_free(t.deliver);
	net_free(t.net);
	sd_event_unref(t.event);
	return status;
}
