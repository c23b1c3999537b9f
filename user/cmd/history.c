/*
 * history.c - tolld history: which notifications were sent, failed or suppressed, and why.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/num.h"
#include "cmd/ask.h"
#include "cmd/table.h"
#include "cmd/when.h"
#include "model/timestamp.h"

#define DEFAULT_LIMIT 50
/* Of one answer: the API gives no more. */
#define PAGE 1000
/* The log itself has no more. */
#define MAX_LIMIT 100000

static const char usage_text[] =
	"usage: tolld history [--receiver NAME] [--alert NAME] [--outcome OUTCOME]\n"
	"                     [--since T] [--until T] [--limit N] [--json] [--url URL]\n\n"
	"What became of notifications, the newest last.\n\n"
	"  --receiver NAME    only through this receiver\n"
	"  --alert NAME       only with this alert\n"
	"  --outcome OUTCOME  only sent, retried, failed or suppressed\n"
	"  --since T          only from this time on\n"
	"  --until T          only up to this time\n"
	"  --limit N          at most so many (default 50)\n"
	"  --json             as JSON, the newest first\n"
	"  --url URL          where tolld listens (default " ASK_DEFAULT_URL ");\n"
	"                     --web.listen-address HOST:PORT says the same\n\n"
	"A time is 2024-01-01T00:00:00Z, seconds since 1970, or a duration before now: 1h30m\n"
	"exit status: 0 shown; 1 there are none; 2 tolld cannot be reached\n";

struct arguments {
	const char *url, *receiver, *alert, *outcome, *since, *until;
	int64_t limit;
	bool json;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static json_int_t int_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* -- the table ------------------------------------------------------------------------------ */

/* Takes the text as a cell and empties it. */
static void add_cell(struct table *table, struct strbuf *text)
{
	table_add(table, text->s);
	table->err = text->err ? text->err : table->err;
	strbuf_reset(text);
}

static void add_instances(struct strbuf *out, const json_t *alert)
{
	const json_t *instances = json_object_get(alert, "instances"), *instance;
	json_int_t all = int_of(alert, "firing") + int_of(alert, "resolved");
	size_t n = json_array_size(instances), i;

	json_array_foreach(instances, i, instance)
		strbuf_addf(out, "%s%s", i ? ", " : " (", json_string_value(instance));
	if (n && (json_int_t)n < all)
		strbuf_adds(out, ", ...");
	if (n)
		strbuf_addch(out, ')');
}

/* "2 InstanceDown (a, b), 1 DiskFull over" */
static void add_alerts(struct strbuf *out, const json_t *entry)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(json_object_get(entry, "alerts"), i, alert)
	{
		json_int_t firing = int_of(alert, "firing"), over = int_of(alert, "resolved");

		strbuf_adds(out, i ? ", " : "");
		if (firing)
			strbuf_addf(out, "%" JSON_INTEGER_FORMAT " ", firing);
		else
			strbuf_addf(out, "%" JSON_INTEGER_FORMAT " over ", over);
		strbuf_adds(out, text_of(alert, "name"));
		if (firing && over)
			strbuf_addf(out, " and %" JSON_INTEGER_FORMAT " over", over);
		add_instances(out, alert);
	}
	if (int_of(entry, "moreAlerts"))
		strbuf_addf(out, " and %" JSON_INTEGER_FORMAT " more", int_of(entry, "moreAlerts"));
}

static void add_why(struct strbuf *out, const json_t *entry)
{
	const char *why = text_of(entry, "why");

	strbuf_adds(out, text_of(entry, "reason"));
	if (int_of(entry, "tries") > 1)
		strbuf_addf(out, ", %" JSON_INTEGER_FORMAT " tries", int_of(entry, "tries"));
	if (*why)
		strbuf_addf(out, ": %s", why);
}

static void add_row(struct table *table, const json_t *entry)
{
	const char *at = text_of(entry, "at"), *integration = text_of(entry, "integration");
	struct strbuf text = STRBUF_INIT;
	int64_t wall_ms;

	if (!timestamp_parse_rfc3339(at, strlen(at), &wall_ms))
		timestamp_format_local(&text, wall_ms);
	add_cell(table, &text);
	strbuf_addf(
		&text, "%s%s%s", text_of(entry, "receiver"), *integration ? "/" : "", integration);
	add_cell(table, &text);
	table_add(table, text_of(entry, "outcome"));
	add_alerts(&text, entry);
	add_cell(table, &text);
	add_why(&text, entry);
	add_cell(table, &text);
	strbuf_release(&text);
}

static int add_table(struct strbuf *out, const json_t *entries)
{
	static const char *const heads[] = { "WHEN", "RECEIVER", "OUTCOME", "ALERTS", "WHY" };
	struct table table = { .columns = ARRAY_SIZE(heads) };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		table_add(&table, heads[i]);
	for (size_t i = json_array_size(entries); i-- > 0;)
		add_row(&table, json_array_get(entries, i));
	err = table_print(&table, out);
	table_release(&table);
	return err;
}

/* -- the question --------------------------------------------------------------------------- */

/* One page more onto `entries`; *before becomes the next one's, 0: that was all. */
static int ask_page(
	const struct arguments *a, json_int_t *before, json_t *entries, struct answer *answer)
{
	char limit[24], from[24];
	const struct ask_param params[] = {
		{ "receiver", a->receiver },
		{ "alert", a->alert },
		{ "outcome", a->outcome },
		{ "since", a->since },
		{ "until", a->until },
		{ "limit", limit },
		{ "before", *before ? from : NULL },
	};
	int64_t left = a->limit - (int64_t)json_array_size(entries);
	int err;

	snprintf(limit, sizeof(limit), "%lld", (long long)MIN(left, (int64_t)PAGE));
	snprintf(from, sizeof(from), "%lld", (long long)*before);
	err = ask(
		a->url, "/api/v1/notifications/history", params, ARRAY_SIZE(params), false, answer);
	if (err)
		return err;
	*before = int_of(answer->data, "next");
	return json_array_extend(entries, json_object_get(answer->data, "notifications")) ? -ENOMEM
											  : 0;
}

static int show(const struct arguments *a, json_t *entries)
{
	scoped(strbuf_release) struct strbuf out = STRBUF_INIT;
	char *text;
	int err = 0;

	if (a->json) {
		text = json_dumps(entries, JSON_INDENT(2));
		err = text ? 0 : -ENOMEM;
		strbuf_addf(&out, "%s\n", text ? text : "");
		free(text);
	} else if (json_array_size(entries)) {
		err = add_table(&out, entries);
	}
	if (err)
		return err;
	fwrite(out.s, 1, out.len, stdout);
	if (!json_array_size(entries))
		fputs("tolld history: no notification is known\n", stderr);
	return json_array_size(entries) ? 0 : 1;
}

static int run(const struct arguments *a)
{
	struct answer answer = { 0 };
	json_t *entries = json_array();
	json_int_t before = 0;
	int err;

	do {
		answer_release(&answer);
		err = ask_page(a, &before, entries, &answer);
	} while (!err && before && (int64_t)json_array_size(entries) < a->limit);
	if (!err)
		err = show(a, entries);
	if (err < 0)
		fprintf(stderr, "tolld history: %s\n",
			answer.error ? answer.error : strerror(-err));
	answer_release(&answer);
	json_decref(entries);
	return err < 0 ? EXIT_UNREACHABLE : err;
}

/* -- the command ---------------------------------------------------------------------------- */

static int wrong(const char *flag, const char *value, const char *cure)
{
	fprintf(stderr, "tolld history: --%s %s: %s\n", flag, value, cure);
	return EXIT_USAGE;
}

/* A time as the API reads it, in `room`. */
static int take_time(const char *flag, const char *value, struct strbuf *room, const char **ret)
{
	int64_t wall_ms;

	if (when_parse(value, clock_wall_ms(), &wall_ms))
		return wrong(flag, value, WHEN_CURE);
	strbuf_reset(room);
	timestamp_format_rfc3339(room, wall_ms);
	*ret = room->s;
	return 0;
}

static int take_flag(struct arguments *a, int flag, const char *value, struct strbuf *since,
	struct strbuf *until)
{
	switch (flag) {
	case 'r':
		a->receiver = value;
		return 0;
	case 'a':
		a->alert = value;
		return 0;
	case 'o':
		a->outcome = value;
		return 0;
	case 's':
		return take_time("since", value, since, &a->since);
	case 'e':
		return take_time("until", value, until, &a->until);
	case 'n':
		return num_parse_int(value, 1, MAX_LIMIT, &a->limit)
			       ? wrong("limit", value, "it is a number from 1 on")
			       : 0;
	case 'j':
		a->json = true;
		return 0;
	case 'u':
		a->url = value;
		return 0;
	case 'h':
		fputs(usage_text, stdout);
		return -1;
	}
	return EXIT_USAGE;
}

/* 0, EXIT_USAGE, or -1 for "help was shown". */
static int parse(
	int argc, char **argv, struct arguments *a, struct strbuf *since, struct strbuf *until)
{
	static const struct option table[] = {
		{ "receiver", required_argument, NULL, 'r' },
		{ "alert", required_argument, NULL, 'a' },
		{ "outcome", required_argument, NULL, 'o' },
		{ "since", required_argument, NULL, 's' },
		{ "until", required_argument, NULL, 'e' },
		{ "limit", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "url", required_argument, NULL, 'u' },
		{ "web.listen-address", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, err = 0;

	optind = 0; /* begin anew: one process may be given several calls */
	while (!err && (c = getopt_long(argc, argv, "", table, NULL)) != -1)
		err = take_flag(a, c, optarg, since, until);
	if (!err && optind < argc) {
		fprintf(stderr, "tolld history: '%s' is no flag\n", argv[optind]);
		err = EXIT_USAGE;
	}
	return err;
}

int cmd_history(int argc, char **argv)
{
	scoped(strbuf_release) struct strbuf since = STRBUF_INIT, until = STRBUF_INIT;
	struct arguments a = { .url = ASK_DEFAULT_URL, .limit = DEFAULT_LIMIT };
	int status = parse(argc, argv, &a, &since, &until);

	if (status == EXIT_USAGE)
		fprintf(stderr, "see tolld history --help\n");
	if (status)
		return status > 0 ? status : 0;
	return run(&a);
}
