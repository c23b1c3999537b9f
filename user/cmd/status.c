/*
 * status.c - tolld status [SERVICE]: what the running daemon watches, and how it fares.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/clock.h"
#include "cmd/ask.h"
#include "cmd/status.h"
#include "cmd/table.h"
#include "model/duration.h"
#include "model/timestamp.h"

static const char usage_text[] =
	"usage: tolld status [SERVICE] [--json] [--url URL]\n\n"
	"  --json     the services as JSON\n"
	"  --url URL  where tolld listens (default " ASK_DEFAULT_URL ");\n"
	"             --web.listen-address HOST:PORT says the same\n\n"
	"exit status: 0 all are up; 1 one is not; 2 tolld cannot be reached\n";

static const char *text_of(const json_t *service, const char *key)
{
	const char *s = json_string_value(json_object_get(service, key));

	return s ? s : "";
}

/* A whole number as a cell; "-" where there is none. */
static void add_number(struct table *table, const json_t *service, const char *key)
{
	const json_t *value = json_object_get(service, key);
	char text[24] = "-";

	if (json_is_integer(value))
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	table_add(table, text);
}

static void add_since(struct table *table, const json_t *service, int64_t now_wall_ms)
{
	const char *since = text_of(service, "since");
	struct strbuf text = STRBUF_INIT;
	int64_t then_ms;

	if (timestamp_parse_rfc3339(since, strlen(since), &then_ms))
		strbuf_adds(&text, "-");
	else
		duration_format_human(&text, now_wall_ms - then_ms);
	table_add(table, text.s);
	table->err = text.err ? text.err : table->err;
	strbuf_release(&text);
}

static bool chosen(const json_t *service, const char *name)
{
	return !name || streq(text_of(service, "name"), name);
}

int status_print(const json_t *data, const char *name, int64_t now_wall_ms, struct strbuf *out,
	struct status_counts *ret)
{
	static const char *const heads[] = { "SERVICE", "STATE", "SINCE", "PID", "RESTARTS",
		"LAST CAUSE" };
	struct table table = { .columns = ARRAY_SIZE(heads) };
	const json_t *services = json_object_get(data, "services"), *service;
	size_t i;
	int err;

	*ret = (struct status_counts){ 0 };
	for (i = 0; i < ARRAY_SIZE(heads); i++)
		table_add(&table, heads[i]);
	json_array_foreach(services, i, service)
	{
		if (!chosen(service, name))
			continue;
		ret->shown++;
		ret->up += streq(text_of(service, "state"), "up");
		table_add(&table, text_of(service, "name"));
		table_add(&table, text_of(service, "state"));
		add_since(&table, service, now_wall_ms);
		add_number(&table, service, "pid");
		add_number(&table, service, "restarts");
		table_add(&table, text_of(json_object_get(service, "lastDeath"), "text"));
	}
	err = ret->shown ? table_print(&table, out) : 0;
	table_release(&table);
	return err;
}

/* The same as JSON: the array of services. */
static int print_json(const json_t *data, const char *name)
{
	const json_t *services = json_object_get(data, "services");
	json_t *list = json_array(), *service;
	size_t i;
	int err = 0;

	json_array_foreach(services, i, service)
	{
		if (chosen(service, name))
			err = err ? err : json_array_append(list, service);
	}
	err = err || json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	printf("\n");
	json_decref(list);
	return err ? -EIO : 0;
}

struct arguments {
	const char *url, *service;
	bool json;
};

/* 0, EXIT_USAGE, or -1 for "help was shown". */
static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option table[] = {
		{ "url", required_argument, NULL, 'u' },
		{ "web.listen-address", required_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	optind = 0; /* begin anew: one process may be given several calls */
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'u') {
			a->url = optarg;
		} else if (c == 'j') {
			a->json = true;
		} else if (c == 'h') {
			fputs(usage_text, stdout);
			return -1;
		} else {
			return EXIT_USAGE;
		}
	}
	if (argc - optind > 1) {
		fprintf(stderr, "tolld status: one service can be named, not %d\n", argc - optind);
		return EXIT_USAGE;
	}
	a->service = argv[optind];
	return 0;
}

static int show(const struct arguments *a, const json_t *data)
{
	struct strbuf out = STRBUF_INIT;
	struct status_counts counts;
	int err;

	err = status_print(data, a->service, clock_wall_ms(), &out, &counts);
	if (!err && a->json)
		err = print_json(data, a->service);
	else if (!err)
		fwrite(out.s, 1, out.len, stdout);
	strbuf_release(&out);
	if (err)
		fprintf(stderr, "tolld status: %s\n", strerror(-err));
	else if (!counts.shown && a->service)
		fprintf(stderr, "tolld status: no service is called '%s'\n", a->service);
	else if (!counts.shown)
		fprintf(stderr, "tolld status: no service is watched\n");
	if (!err && !counts.shown && !a->service)
		return 0;
	return !err && counts.shown && counts.up == counts.shown ? 0 : 1;
}

int cmd_status(int argc, char **argv)
{
	struct arguments a = { .url = ASK_DEFAULT_URL };
	struct answer answer;
	int status = parse(argc, argv, &a), err;

	if (status == EXIT_USAGE)
		fprintf(stderr, "see tolld status --help\n");
	if (status)
		return status > 0 ? status : 0;
	err = ask(a.url, "/api/v1/services", NULL, 0, false, &answer);
	if (!err) {
		status = show(&a, answer.data);
	} else {
		fprintf(stderr, "tolld status: %s\n", answer.error ? answer.error : strerror(-err));
		status = EXIT_UNREACHABLE;
	}
	answer_release(&answer);
	return status;
}
