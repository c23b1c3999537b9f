/*
 * query.c - tolld query EXPR: an instant or a range, asked of the running daemon.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/ask.h"
#include "cmd/query_print.h"
#include "cmd/when.h"
#include "model/duration.h"

/* As many columns as a chart has. */
#define DEFAULT_STEPS 60

static const char usage_text[] =
	"usage: tolld query EXPR [--time T] [--url URL] [--format table|json]\n"
	"       tolld query EXPR --start S [--end E] [--step D] ...\n\n"
	"  --time T         at this time instead of now\n"
	"  --start S        a range from this time on, drawn as a small chart\n"
	"  --end E          its end (default: now)\n"
	"  --step D         one value each D, such as 15s (default: a 60th of the range)\n"
	"  --format FORMAT  table (default) or json: the data as the API gave it\n"
	"  --url URL        where tolld listens (default " ASK_DEFAULT_URL ");\n"
	"                   --web.listen-address HOST:PORT says the same\n\n"
	"A time is 2024-01-01T00:00:00Z, seconds since 1970, or a duration before now: 1h30m\n";

struct arguments {
	const char *url, *expr;
	bool json, range, has_time, has_end;
	int64_t time_wall_ms, start_wall_ms, end_wall_ms, step_ms;
};

static int wrong(const char *flag, const char *value, const char *cure)
{
	fprintf(stderr, "tolld query: --%s %s: %s\n", flag, value, cure);
	return EXIT_USAGE;
}

static int parse_time(const char *flag, const char *text, int64_t now_wall_ms, int64_t *ret)
{
	if (!when_parse(text, now_wall_ms, ret))
		return 0;
	return wrong(flag, text, WHEN_CURE);
}

static int take_flag(struct arguments *a, int flag, const char *value, int64_t now_wall_ms)
{
	switch (flag) {
	case 't':
		a->has_time = true;
		return parse_time("time", value, now_wall_ms, &a->time_wall_ms);
	case 's':
		a->range = true;
		return parse_time("start", value, now_wall_ms, &a->start_wall_ms);
	case 'e':
		a->has_end = true;
		return parse_time("end", value, now_wall_ms, &a->end_wall_ms);
	case 'd':
		if (duration_parse(value, strlen(value), &a->step_ms) || !a->step_ms)
			return wrong("step", value, "write it as 15s or 5m");
		return 0;
	case 'f':
		a->json = streq(value, "json");
		if (!a->json && !streq(value, "table"))
			return wrong("format", value, "it is table or json");
		return 0;
	case 'u':
		a->url = value;
		return 0;
	}
	return EXIT_USAGE;
}

static int check(struct arguments *a, int argc, char **argv, int64_t now_wall_ms)
{
	const char *fault = NULL;

	a->expr = argv[optind];
	if (argc - optind != 1)
		fault = argc == optind ? "no expression is given"
				       : "one expression is wanted; put it in quotes";
	else if (a->has_time && a->range)
		fault = "--time is for an instant, --start for a range";
	else if (!a->range && (a->has_end || a->step_ms))
		fault = "--end and --step need a --start";
	if (!a->has_end)
		a->end_wall_ms = now_wall_ms;
	if (!fault && a->range && a->end_wall_ms < a->start_wall_ms)
		fault = "the range ends before it begins";
	if (fault) {
		fprintf(stderr, "tolld query: %s\n", fault);
		return EXIT_USAGE;
	}
	if (a->range && !a->step_ms)
		a->step_ms =
			MAX((a->end_wall_ms - a->start_wall_ms) / DEFAULT_STEPS, (int64_t)1000);
	return 0;
}

/* 0, EXIT_USAGE, or -1 for "help was shown". */
static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option table[] = {
		{ "time", required_argument, NULL, 't' },
		{ "start", required_argument, NULL, 's' },
		{ "end", required_argument, NULL, 'e' },
		{ "step", required_argument, NULL, 'd' },
		{ "format", required_argument, NULL, 'f' },
		{ "url", required_argument, NULL, 'u' },
		{ "web.listen-address", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int64_t now_wall_ms = clock_wall_ms();
	int c;

	optind = 0; /* begin anew: one process may be given several calls */
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return -1;
		}
		if (c == '?' || take_flag(a, c, optarg, now_wall_ms))
			return EXIT_USAGE;
	}
	return check(a, argc, argv, now_wall_ms);
}

/* Seconds as the API takes them, to the millisecond. */
static void format_seconds(char out[NUM_MAX], int64_t ms)
{
	num_format(out, (double)ms / 1000);
}

static int send(const struct arguments *a, struct answer *ret)
{
	char time[NUM_MAX], start[NUM_MAX], end[NUM_MAX], step[NUM_MAX];
	const struct ask_param instant[] = {
		{ "query", a->expr },
		{ "time", a->has_time ? time : NULL },
	};
	const struct ask_param range[] = {
		{ "query", a->expr },
		{ "start", start },
		{ "end", end },
		{ "step", step },
	};

	format_seconds(time, a->time_wall_ms);
	format_seconds(start, a->start_wall_ms);
	format_seconds(end, a->end_wall_ms);
	format_seconds(step, a->step_ms);
	if (a->range)
		return ask(a->url, "/api/v1/query_range", range, ARRAY_SIZE(range), true, ret);
	return ask(a->url, "/api/v1/query", instant, ARRAY_SIZE(instant), true, ret);
}

static void print_notes(const struct answer *answer, const char *key, const char *word)
{
	const json_t *note;
	size_t i;

	json_array_foreach(json_object_get(answer->root, key), i, note)
	{
		const char *text = json_string_value(note);
		struct strbuf line = STRBUF_INIT;

		escape_terminal(&line, text ? text : "", text ? strlen(text) : 0);
		fprintf(stderr, "%s: %s\n", word, line.s);
		strbuf_release(&line);
	}
}

/* Whether the terminal's character set has the blocks of a chart. */
static bool is_utf8(void)
{
	static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = getenv(variables[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

/* 0: it goes elsewhere, or the terminal does not know. */
static size_t terminal_columns(void)
{
	struct winsize size = { 0 };

	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

static int show(const struct arguments *a, const struct answer *answer)
{
	const struct query_range range = {
		.start_wall_ms = a->start_wall_ms,
		.end_wall_ms = a->end_wall_ms,
		.step_ms = a->step_ms,
		.columns = terminal_columns(),
		.ascii = !is_utf8(),
	};
	struct strbuf out = STRBUF_INIT;
	int err = 0;

	if (a->json)
		err = json_dumpf(answer->data, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
	else if (a->range)
		err = query_print_range(answer->data, &range, &out);
	else
		err = query_print_instant(answer->data, &out);
	if (a->json)
		printf("\n");
	fwrite(out.s, 1, out.len, stdout);
	fflush(stdout);
	/* No answer would look like one that went astray. */
	if (!err && !a->json && !out.len)
		fprintf(stderr, "no data\n");
	strbuf_release(&out);
	print_notes(answer, "warnings", "warning");
	print_notes(answer, "infos", "info");
	if (err)
		fprintf(stderr, "tolld query: the answer could not be shown\n");
	return err ? 1 : 0;
}

int cmd_query(int argc, char **argv)
{
	struct arguments a = { .url = ASK_DEFAULT_URL };
	struct strbuf text = STRBUF_INIT;
	int status = parse(argc, argv, &a), err;
	struct answer answer;

	if (status == EXIT_USAGE)
		fprintf(stderr, "see tolld query --help\n");
	if (status)
		return status > 0 ? status : 0;
	err = send(&a, &answer);
	if (err == -EPROTO)
		query_print_error(&answer, a.expr, &text);
	else if (err)
		strbuf_addf(&text, "%s\n", answer.error ? answer.error : strerror(-err));
	if (err)
		fprintf(stderr, "tolld query: %s", text.s);
	status = err == -EHOSTUNREACH ? EXIT_UNREACHABLE : err ? 1 : show(&a, &answer);
	strbuf_release(&text);
	answer_release(&answer);
	return status;
}
