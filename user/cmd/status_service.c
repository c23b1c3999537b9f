/*
 * status_service.c - one service at length: what it is, and what became of it.
 */
#include "cmd/status.h"

#include "base/escape.h"
#include "base/num.h"
#include "cmd/table.h"
#include "model/duration.h"
#include "model/timestamp.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static bool time_of(const json_t *object, const char *key, int64_t *ret_wall_ms)
{
	const char *s = text_of(object, key);

	return *s && timestamp_parse_rfc3339(s, strlen(s), ret_wall_ms) == 0;
}

static void add_escaped(struct strbuf *out, const char *s)
{
	escape_terminal(out, s, strlen(s));
}

/* "2026-11-22 16:46:25 CET, 3 h 4 min ago" */
static void add_time(struct strbuf *out, int64_t wall_ms, int64_t now_wall_ms)
{
	timestamp_format_local(out, wall_ms);
	strbuf_adds(out, ", ");
	duration_format_human(out, now_wall_ms - wall_ms);
	strbuf_adds(out, " ago");
}

/* -- what it is ----------------------------------------------------------------------------- */

static void begin_line(struct strbuf *out, const char *name)
{
	strbuf_addf(out, "  %-12s", name);
}

static void add_process(struct strbuf *out, const json_t *service, int64_t now_wall_ms)
{
	const json_t *pid = json_object_get(service, "pid");
	int64_t started_wall_ms;

	if (!json_is_integer(pid))
		return;
	begin_line(out, "process");
	strbuf_addf(out, "%" JSON_INTEGER_FORMAT " (", json_integer_value(pid));
	add_escaped(out, text_of(service, "comm"));
	strbuf_addch(out, ')');
	if (time_of(service, "startedAt", &started_wall_ms)) {
		strbuf_adds(out, ", started ");
		add_time(out, started_wall_ms, now_wall_ms);
	}
	strbuf_addch(out, '\n');
}

static void add_counts(struct strbuf *out, const json_t *service)
{
	begin_line(out, "restarts");
	strbuf_addf(out,
		"%" JSON_INTEGER_FORMAT " in the last hour, %" JSON_INTEGER_FORMAT
		" since tolld started\n",
		json_integer_value(json_object_get(service, "restartsLastHour")),
		json_integer_value(json_object_get(service, "restarts")));
}

static void add_service(struct strbuf *out, const json_t *service, int64_t now_wall_ms)
{
	int64_t since_wall_ms;

	strbuf_adds(out, " is ");
	add_escaped(out, text_of(service, "state"));
	if (time_of(service, "since", &since_wall_ms)) {
		strbuf_adds(out, " since ");
		add_time(out, since_wall_ms, now_wall_ms);
	}
	strbuf_addch(out, '\n');
	if (*text_of(json_object_get(service, "standstill"), "text")) {
		begin_line(out, "standstill");
		add_escaped(out, text_of(json_object_get(service, "standstill"), "text"));
		strbuf_addch(out, '\n');
	}
	begin_line(out, "watched by");
	add_escaped(out, text_of(service, "selector"));
	strbuf_addch(out, '\n');
	add_process(out, service, now_wall_ms);
	add_counts(out, service);
	if (*text_of(service, "cause")) {
		begin_line(out, streq(text_of(service, "state"), "up") ? "last death" : "cause");
		add_escaped(out, text_of(service, "cause"));
		strbuf_addch(out, '\n');
	}
}

/* -- what became of it ---------------------------------------------------------------------- */

/* How long it was down, where a death came before. */
static void add_gap(struct strbuf *out, const json_t *start, const json_t *before)
{
	int64_t start_wall_ms, death_wall_ms;

	if (!streq(text_of(before, "kind"), "death") || !time_of(start, "at", &start_wall_ms) ||
		!time_of(before, "at", &death_wall_ms))
		return;
	strbuf_adds(out, ", after ");
	duration_format_human(out, start_wall_ms - death_wall_ms);
}

static void add_used(struct strbuf *out, const json_t *death)
{
	const json_t *cpu = json_object_get(death, "cpuSeconds");
	const json_t *memory = json_object_get(death, "peakMemoryBytes");
	const json_t *threads = json_object_get(death, "threads");

	if (json_is_number(cpu)) {
		strbuf_adds(out, "; used ");
		num_format_fixed(out, json_number_value(cpu), 2);
		strbuf_adds(out, " s of CPU");
	}
	if (json_is_integer(memory)) {
		double mib = (double)json_integer_value(memory) / (1 << 20);

		strbuf_adds(out, json_is_number(cpu) ? ", " : "; used ");
		num_format_fixed(out, mib, mib < 10 ? 1 : 0);
		strbuf_adds(out, " MiB of memory");
	}
	if (json_is_integer(threads) && json_integer_value(threads) > 1)
		strbuf_addf(
			out, ", in %" JSON_INTEGER_FORMAT " threads", json_integer_value(threads));
}

static void describe_hang(struct strbuf *out, const json_t *hang)
{
	const json_t *thread = json_object_get(hang, "thread");

	strbuf_adds(out, "hangs");
	if (json_is_integer(thread))
		strbuf_addf(out, ": thread %" JSON_INTEGER_FORMAT " waits for the kernel",
			json_integer_value(thread));
	if (*text_of(hang, "waitsIn")) {
		strbuf_adds(out, " in ");
		strbuf_adds(out, text_of(hang, "waitsIn"));
	}
}

/* `before` is the event that came before, or NULL. */
static void describe_event(struct strbuf *out, const json_t *event, const json_t *before)
{
	static const struct {
		const char *kind, *text;
	} texts[] = {
		{ "listener_gone", "listens no more, though it lives" },
		{ "listener_back", "listens again" },
		{ "left", "ended with its work done" },
		{ "hung_over", "hangs no more" },
		{ "oom_kill", "the kernel killed a process of it for lack of memory" },
	};
	const char *kind = text_of(event, "kind");

	if (streq(kind, "death")) {
		const json_t *death = json_object_get(event, "death");

		strbuf_adds(out, text_of(death, "text"));
		add_used(out, death);
	} else if (streq(kind, "start")) {
		bool found = json_is_true(json_object_get(event, "found"));

		strbuf_adds(out, found ? "was there when tolld looked" : "started");
		if (!found)
			add_gap(out, event, before);
	} else if (streq(kind, "state")) {
		strbuf_addf(out, "is %s", text_of(event, "state"));
	} else if (streq(kind, "hung")) {
		describe_hang(out, json_object_get(event, "hang"));
	} else {
		const char *text = kind;

		for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
			text = streq(kind, texts[i].kind) ? texts[i].text : text;
		strbuf_adds(out, text);
	}
}

/* Takes the text as a cell and empties it. */
static void add_cell(struct table *table, struct strbuf *text)
{
	table_add(table, text->s);
	table->err = text->err ? text->err : table->err;
	strbuf_reset(text);
}

static void add_row(struct table *table, const json_t *event, const json_t *before)
{
	const json_t *pid = json_object_get(event, "pid");
	struct strbuf text = STRBUF_INIT;
	int64_t wall_ms;

	if (time_of(event, "at", &wall_ms))
		timestamp_format_local(&text, wall_ms);
	add_cell(table, &text);
	if (json_is_integer(pid))
		strbuf_addf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(pid));
	add_cell(table, &text);
	table_add(table, text_of(event, "comm"));
	describe_event(&text, event, before);
	add_cell(table, &text);
	strbuf_release(&text);
}

/* The newest last, as a log has it. */
static int add_events(struct strbuf *out, const json_t *events)
{
	struct table table = { .columns = 4 };
	int err;

	table_add(&table, "WHEN");
	table_add(&table, "PID");
	table_add(&table, "NAME");
	table_add(&table, "WHAT");
	for (size_t i = json_array_size(events); i-- > 0;)
		add_row(&table, json_array_get(events, i), json_array_get(events, i + 1));
	err = table_print(&table, out);
	table_release(&table);
	return err;
}

int status_service_print(const json_t *service, const char *name, const json_t *events,
	int64_t now_wall_ms, struct strbuf *out)
{
	add_escaped(out, name);
	if (service)
		add_service(out, service, now_wall_ms);
	else
		strbuf_adds(out, " is not watched any more\n");
	strbuf_addch(out, '\n');
	if (json_array_size(events))
		return add_events(out, events);
	strbuf_adds(out, "nothing has become of it yet\n");
	return out->err;
}
