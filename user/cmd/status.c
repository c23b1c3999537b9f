/*
 * status.c - tolld status [SERVICE]: what the running daemon watches, and how it fares.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/escape.h"
#include "cmd/ask.h"
#include "cmd/redraw.h"
#include "cmd/status.h"
#include "cmd/table.h"
#include "model/duration.h"
#include "model/timestamp.h"

static const char usage_text[] =
	"usage: tolld status [SERVICE] [--json | --watch] [--url URL]\n\n"
	"A service that is named is shown with its starts and deaths.\n\n"
	"  --json     the services as JSON\n"
	"  --watch    again every two seconds, until interrupted\n"
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

/* "up", "up, stopped" */
static void add_state(struct table *table, const json_t *service)
{
	const char *how = text_of(json_object_get(service, "standstill"), "kind");
	char text[32];

	snprintf(text, sizeof(text), "%s%s%s", text_of(service, "state"), *how ? ", " : "", how);
	table_add(table, text);
}

/* Why it stands still, or is down, or how its last process ended. */
static const char *cause_of(const json_t *service)
{
	const char *standstill = text_of(json_object_get(service, "standstill"), "text");
	const char *cause = text_of(service, "cause");

	if (*standstill)
		return standstill;
	return *cause ? cause : text_of(json_object_get(service, "lastDeath"), "text");
}

int status_print(
	const json_t *data, int64_t now_wall_ms, struct strbuf *out, struct status_counts *ret)
{
	static const char *const heads[] = { "SERVICE", "STATE", "SINCE", "PID", "RESTARTS/H",
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
		ret->shown++;
		ret->up += streq(text_of(service, "state"), "up");
		table_add(&table, text_of(service, "name"));
		add_state(&table, service);
		add_since(&table, service, now_wall_ms);
		add_number(&table, service, "pid");
		add_number(&table, service, "restartsLastHour");
		table_add(&table, cause_of(service));
	}
	err = ret->shown ? table_print(&table, out) : 0;
	table_release(&table);
	return err;
}

struct arguments {
	const char *url, *service;
	bool json, watch;
};

/* What one look gave: for stdout, for stderr, and the exit status. */
struct shown {
	struct strbuf out, err;
	int status;
};

static void add_fault(struct shown *shown, int err, const char *error)
{
	strbuf_addf(&shown->err, "tolld status: %s\n", error ? error : strerror(-err));
}

static int add_json(struct strbuf *out, const json_t *value)
{
	char *text = value ? json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;

	if (!text)
		return -ENOMEM;
	strbuf_addf(out, "%s\n", text);
	free(text);
	return out->err;
}

static int show_all(const struct arguments *a, const json_t *data, struct shown *shown)
{
	const json_t *services = json_object_get(data, "services");
	struct strbuf table = STRBUF_INIT;
	struct status_counts counts;
	int err = status_print(data, clock_wall_ms(), &table, &counts);

	if (!err && a->json)
		err = add_json(&shown->out, services);
	else if (!err)
		strbuf_add(&shown->out, table.s, table.len);
	strbuf_release(&table);
	if (!err && !counts.shown)
		strbuf_adds(&shown->err, "tolld status: no service is watched\n");
	shown->status = counts.up != counts.shown;
	return err;
}

/* -- one service ---------------------------------------------------------------------------- */

static const json_t *find(const json_t *data, const char *name)
{
	const json_t *service;
	size_t i;

	json_array_foreach(json_object_get(data, "services"), i, service)
	{
		if (streq(text_of(service, "name"), name))
			return service;
	}
	return NULL;
}

/* As an array of one, or of none, with the events as a field more. */
static int add_one_json(struct strbuf *out, const json_t *service, json_t *events)
{
	json_t *list = json_array(), *one = json_deep_copy(service);
	int err = list ? 0 : -ENOMEM;

	if (!err && service && (!one || json_object_set(one, "events", events)))
		err = -ENOMEM;
	if (!err && service && json_array_append(list, one))
		err = -ENOMEM;
	if (!err)
		err = add_json(out, list);
	json_decref(one);
	json_decref(list);
	return err;
}

/* On an error the answer may say why. */
static int ask_events(const struct arguments *a, struct answer *answer)
{
	struct strbuf name = STRBUF_INIT, path = STRBUF_INIT;
	int err;

	*answer = (struct answer){ 0 };
	/* In a path these lead elsewhere. */
	if (!*a->service || streq(a->service, ".") || streq(a->service, ".."))
		return -EPROTO;
	escape_query(&name, a->service, strlen(a->service));
	strbuf_adds(&path, "/api/v1/services/");
	/* Within a path a plus is a plus. */
	for (const char *p = name.s; *p; p++)
		strbuf_add(&path, *p == '+' ? "%20" : p, *p == '+' ? 3 : 1);
	strbuf_adds(&path, "/events");
	err = name.err ? name.err : path.err;
	if (!err)
		err = ask(a->url, path.s, NULL, 0, false, answer);
	strbuf_release(&name);
	strbuf_release(&path);
	return err;
}

static void add_unknown(struct shown *shown, const char *name)
{
	strbuf_adds(&shown->err, "tolld status: no service is called '");
	escape_terminal(&shown->err, name, strlen(name));
	strbuf_adds(&shown->err, "'\n");
}

static int show_one(const struct arguments *a, const json_t *data, struct shown *shown)
{
	const json_t *service = find(data, a->service);
	struct answer answer;
	int err = ask_events(a, &answer);
	json_t *events = json_object_get(answer.data, "events");
	bool unknown = err == -EPROTO && !service;

	shown->status = !(service && streq(text_of(service, "state"), "up"));
	if (unknown)
		add_unknown(shown, a->service);
	else if (err)
		add_fault(shown, err, answer.error);
	if (a->json && (!err || unknown))
		err = add_one_json(&shown->out, service, events);
	else if (!err)
		err = status_service_print(
			service, a->service, events, clock_wall_ms(), &shown->out);
	answer_release(&answer);
	return err == -EPROTO || err == -EHOSTUNREACH ? 0 : err;
}

/* -- the command ---------------------------------------------------------------------------- */

static void show(const struct arguments *a, struct shown *shown)
{
	struct answer answer;
	int err = ask(a->url, "/api/v1/services", NULL, 0, false, &answer);

	if (err)
		add_fault(shown, err, answer.error);
	shown->status = err ? EXIT_UNREACHABLE : 0;
	if (!err)
		err = a->service ? show_one(a, answer.data, shown)
				 : show_all(a, answer.data, shown);
	if (err == -ENOMEM) {
		add_fault(shown, err, NULL);
		shown->status = 1;
	}
	answer_release(&answer);
}

static int show_once(const struct arguments *a)
{
	struct shown shown = { .out = STRBUF_INIT, .err = STRBUF_INIT };

	show(a, &shown);
	fwrite(shown.out.s, 1, shown.out.len, stdout);
	fwrite(shown.err.s, 1, shown.err.len, stderr);
	strbuf_release(&shown.out);
	strbuf_release(&shown.err);
	return shown.status;
}

/* One that cannot be reached may be there again in a moment. */
static bool make_frame(struct strbuf *out, void *userdata)
{
	struct shown shown = { .out = STRBUF_INIT, .err = STRBUF_INIT };

	show(userdata, &shown);
	timestamp_format_local(out, clock_wall_ms());
	strbuf_adds(out, "\n\n");
	strbuf_add(out, shown.out.s, shown.out.len);
	strbuf_add(out, shown.err.s, shown.err.len);
	strbuf_release(&shown.out);
	strbuf_release(&shown.err);
	return true;
}

static int parse_flags(int argc, char **argv, struct arguments *a)
{
	static const struct option table[] = {
		{ "url", required_argument, NULL, 'u' },
		{ "web.listen-address", required_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ "watch", no_argument, NULL, 'w' },
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
		} else if (c == 'w') {
			a->watch = true;
		} else if (c == 'h') {
			fputs(usage_text, stdout);
			return -1;
		} else {
			return EXIT_USAGE;
		}
	}
	return 0;
}

/* 0, EXIT_USAGE, or -1 for "help was shown". */
static int parse(int argc, char **argv, struct arguments *a)
{
	int err = parse_flags(argc, argv, a);

	if (err)
		return err;
	if (argc - optind > 1) {
		fprintf(stderr, "tolld status: one service can be named, not %d\n", argc - optind);
		return EXIT_USAGE;
	}
	if (a->json && a->watch) {
		fprintf(stderr, "tolld status: --json and --watch do not go together\n");
		return EXIT_USAGE;
	}
	a->service = argv[optind];
	return 0;
}

int cmd_status(int argc, char **argv)
{
	struct arguments a = { .url = ASK_DEFAULT_URL };
	int status = parse(argc, argv, &a);

	if (status == EXIT_USAGE)
		fprintf(stderr, "see tolld status --help\n");
	if (status)
		return status > 0 ? status : 0;
	if (a.watch)
		return redraw(make_frame, &a) ? 1 : 0;
	return show_once(&a);
}
