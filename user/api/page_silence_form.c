/*
 * page_silence_form.c - the page's form that makes a silence or changes one, and its button that ends one.
 *
 * Nothing in the browser checks what is written: all faults come back at once, each beside its field with
 * what would help, and everything that was written is still there.
 */
#include "api/page.h"

#include <errno.h>
#include <microhttpd.h>
#include "api/html.h"
#include "model/duration.h"
#include "model/timestamp.h"

/* A preview looks at so many alerts at most. */
#define MAX_LOOKED 20000
/* Lines at fault that are told; more of them would only hide these. */
#define MAX_FAULTS 10
/* A hundred years. */
#define MAX_LASTS_MS (100 * 365 * 86400000ll)

enum field { ALERTS, BEGINS, LASTS, AUTHOR, COMMENT, FIELDS };

/* Names as in Alertmanager's links, where it has them. */
static const char *const names[FIELDS] = { [ALERTS] = "filter",
	[BEGINS] = "begin",
	[LASTS] = "for",
	[AUTHOR] = "author",
	[COMMENT] = "comment" };

struct form {
	/* The one that is changed, which is not over; NULL: a new one. */
	const struct silence *old;
	bool runs; /* it has begun, and so it stays */
	const char *values[FIELDS];
	struct strbuf own[FIELDS];    /* texts of what `old` says */
	struct strbuf faults[FIELDS]; /* empty: none */
	struct matcher_list matchers;
	unsigned n_wrong;		      /* lines of matchers */
	int64_t begins_wall_ms, ends_wall_ms; /* begins 0: at once */
};

static void form_release(struct form *form)
{
	matcher_list_release(&form->matchers);
	for (enum field f = 0; f < FIELDS; f++) {
		strbuf_release(&form->faults[f]);
		strbuf_release(&form->own[f]);
	}
}

static bool is_blank(const char *s)
{
	return !s[strspn(s, " \t\r\n")];
}

/* -- what is wrong ---------------------------------------------------------------------------- */

/* One line may hold several matchers. */
static int read_line(struct form *form, const char *line, unsigned number)
{
	struct strbuf *fault = &form->faults[ALERTS];
	char error[MATCHER_MAX_ERROR];
	int err;

	if (is_blank(line))
		return 0;
	err = matcher_list_parse(
		matcher_syntax_in_use(), line, &form->matchers, error, sizeof(error));
	if (err != -EINVAL)
		return err;
	if (form->n_wrong++ < MAX_FAULTS)
		strbuf_addf(fault, "%sLine %u: %s.", fault->len ? " " : "", number, error);
	return 0;
}

static int read_matchers(struct form *form)
{
	scoped(freep) char *text = strdup(form->values[ALERTS]);
	struct strbuf *fault = &form->faults[ALERTS];
	unsigned number = 1;
	bool matches_nothing = true;
	int err = text ? 0 : -ENOMEM;

	for (char *line = text, *next; !err && line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		err = read_line(form, line, number);
	}
	for (size_t i = 0; i < form->matchers.n; i++) {
		const struct matcher *m = form->matchers.v[i];
		bool negates = m->type == MATCH_NOT_EQUAL || m->type == MATCH_NOT_REGEX;

		matches_nothing = matches_nothing && !negates && matcher_matches(m, "");
	}
	if (form->n_wrong > MAX_FAULTS)
		strbuf_addf(fault, " And %u more.", form->n_wrong - MAX_FAULTS);
	if (fault->len)
		strbuf_adds(
			fault, " Write name=\"value\", one a line; != =~ !~ are possible, too.");
	else if (!form->matchers.n)
		strbuf_adds(fault, "Say which alerts: a line such as alertname=\"InstanceDown\".");
	else if (matches_nothing)
		strbuf_adds(fault,
			"This takes alerts that have none of these labels, so all of them: "
			"give one label a value.");
	return err;
}

/* A duration counts from `from`. 0 for a time, 1 for a duration, -EINVAL. */
static int read_moment(
	const char *text, int64_t from_wall_ms, struct instant now, int64_t *ret_wall_ms)
{
	size_t blank = strspn(text, " \t"), len = strlen(text);
	int64_t ms;

	while (len > blank && strchr(" \t\r\n", text[len - 1]))
		len--;
	if (!timestamp_parse_human(text + blank, len - blank, now.wall_ms, ret_wall_ms))
		return 0;
	if (duration_parse(text + blank, len - blank, &ms))
		return -EINVAL;
	/* Years that nobody lives to see, and which times in answers have no room for. */
	*ret_wall_ms = from_wall_ms + MIN(ms, 2 * MAX_LASTS_MS);
	return 1;
}

/* What the form shows of it has no milliseconds: whoever leaves it as it is means the same. */
static int64_t same_or(int64_t shown_wall_ms, int64_t known_wall_ms)
{
	return shown_wall_ms / 1000 == known_wall_ms / 1000 ? known_wall_ms : shown_wall_ms;
}

static void read_begin(struct form *form, struct instant now)
{
	const char *text = form->values[BEGINS];
	struct strbuf *fault = &form->faults[BEGINS];

	if (form->runs) {
		form->begins_wall_ms = form->old->starts_wall_ms;
		return;
	}
	if (is_blank(text))
		return;
	if (read_moment(text, now.wall_ms, now, &form->begins_wall_ms) < 0) {
		strbuf_addf(fault,
			"\"%s\" is no time: write it like 22:00 or 2026-11-24 08:00, or 2h for "
			"in two hours, or leave it empty to begin at once.",
			text);
		form->begins_wall_ms = 0;
		return;
	}
	if (form->old)
		form->begins_wall_ms = same_or(form->begins_wall_ms, form->old->starts_wall_ms);
	if (form->begins_wall_ms < now.wall_ms)
		strbuf_adds(fault, "That is past: leave it empty to begin at once.");
	else if (form->begins_wall_ms > now.wall_ms + MAX_LASTS_MS)
		strbuf_adds(fault, "That is more than 100 years away: write less.");
}

static void read_end(struct form *form, struct instant now)
{
	const char *text = form->values[LASTS];
	struct strbuf *fault = &form->faults[LASTS];
	int64_t from = form->runs || !form->begins_wall_ms ? now.wall_ms : form->begins_wall_ms;
	int is = read_moment(text, from, now, &form->ends_wall_ms);

	if (is < 0) {
		strbuf_addf(fault,
			"\"%s\" is no duration and no time: write it like 30m, 2h or 1d12h, or like "
			"22:00 or 2026-11-24 08:00.",
			text);
		return;
	}
	if (!is && form->old)
		form->ends_wall_ms = same_or(form->ends_wall_ms, form->old->ends_wall_ms);
	if (is && form->ends_wall_ms == from)
		strbuf_adds(fault, "That is over at once: write more than 0, such as 2h.");
	else if (form->ends_wall_ms <= now.wall_ms)
		strbuf_adds(fault, "That is past: write a time to come, or how long, such as 2h.");
	else if (form->ends_wall_ms <= from)
		strbuf_adds(fault, "That is before it begins: write a later time, or how long.");
	else if (form->ends_wall_ms - from > MAX_LASTS_MS)
		strbuf_adds(fault, "That is more than 100 years: write less.");
}

/* 0, whether there are faults or not; -ENOMEM. */
static int form_check(struct form *form, struct instant now)
{
	int err = read_matchers(form);

	read_begin(form, now);
	read_end(form, now);
	if (is_blank(form->values[AUTHOR]))
		strbuf_adds(&form->faults[AUTHOR], "Say who you are: others want to ask you.");
	if (is_blank(form->values[COMMENT]))
		strbuf_adds(
			&form->faults[COMMENT], "Say why: who misses a mail will want to know.");
	for (enum field f = 0; f < FIELDS && !err; f++)
		err = form->faults[f].err;
	return err;
}

static bool has_faults(const struct form *form)
{
	for (enum field f = 0; f < FIELDS; f++) {
		if (form->faults[f].len)
			return true;
	}
	return false;
}

/* What the form says before somebody writes into it. */
static void form_fill(struct form *form)
{
	const struct silence *old = form->old;

	for (size_t i = 0; i < old->matchers.n; i++) {
		strbuf_adds(&form->own[ALERTS], i ? "\n" : "");
		matcher_print(old->matchers.v[i], &form->own[ALERTS]);
	}
	timestamp_format_local(&form->own[BEGINS], old->starts_wall_ms);
	timestamp_format_local(&form->own[LASTS], old->ends_wall_ms);
	strbuf_adds(&form->own[AUTHOR], old->created_by ? old->created_by : "");
	strbuf_adds(&form->own[COMMENT], old->comment ? old->comment : "");
}

/* -ENOENT: there is no silence with that id, or it is over; -ENOMEM. */
static int form_read(const struct request *req, struct form *form, struct instant now)
{
	const struct notify *notify = req->api->sources.notify;
	const char *id = request_param(req, "id");
	int err = 0;

	*form = (struct form){ .matchers = MATCHER_LIST_INIT };
	for (enum field f = 0; f < FIELDS; f++)
		form->faults[f] = form->own[f] = STRBUF_INIT;
	if (id && *id) {
		form->old = notify ? notify_silence_get(notify, id) : NULL;
		if (!form->old || silence_state(form->old, now.wall_ms) == SILENCE_EXPIRED)
			err = -ENOENT;
	}
	if (form->old && !err) {
		form->runs = silence_state(form->old, now.wall_ms) == SILENCE_ACTIVE;
		form_fill(form);
	}
	for (enum field f = 0; f < FIELDS; f++) {
		const char *value = request_param(req, names[f]);

		form->values[f] = value	       ? value
				  : form->old  ? form->own[f].s
				  : f == LASTS ? "2h"
					       : "";
		err = err ? err : form->own[f].err;
	}
	return err;
}

/* -- what is shown ---------------------------------------------------------------------------- */

static void add_fault(struct strbuf *out, const struct form *form, enum field field)
{
	if (!form->faults[field].len)
		return;
	strbuf_addf(out, "<span class=\"fault\" id=\"%s-fault\">", names[field]);
	html_text(out, form->faults[field].s);
	strbuf_adds(out, "</span>");
}

/* For who hears the page. */
static void add_reference(struct strbuf *out, const struct form *form, enum field field)
{
	if (form->faults[field].len)
		strbuf_addf(
			out, " aria-invalid=\"true\" aria-describedby=\"%s-fault\"", names[field]);
}

/* A field, its paragraph left open for what else there is to say. */
static void add_input(struct strbuf *out, const struct form *form, enum field field,
	const char *label, const char *attributes)
{
	strbuf_addf(out, "<p><label for=\"%s\">%s</label>\n<input id=\"%s\" name=\"%s\" %s",
		names[field], label, names[field], names[field], attributes);
	add_reference(out, form, field);
	strbuf_adds(out, " value=\"");
	html_text(out, form->values[field]);
	strbuf_adds(out, "\">");
	add_fault(out, form, field);
}

/* {a="b", c="d"} of a link is written one a line; whatever else stays as it is. */
static void add_lines(struct strbuf *out, const struct form *form)
{
	const char *text = form->values[ALERTS];
	struct strbuf line = STRBUF_INIT;

	if (text[strspn(text, " \t\r\n")] != '{' || form->faults[ALERTS].len) {
		html_text(out, text);
		return;
	}
	for (size_t i = 0; i < form->matchers.n; i++) {
		strbuf_reset(&line);
		matcher_print(form->matchers.v[i], &line);
		strbuf_addch(&line, '\n');
		html_text(out, line.s);
	}
	if (line.err)
		out->err = line.err;
	strbuf_release(&line);
}

static void add_hint(struct strbuf *out, const char *hint)
{
	/* Before the paragraph's end. */
	strbuf_addf(out, "<small>%s</small></p>\n", hint);
}

static void add_begin(struct strbuf *out, const struct form *form, struct instant now)
{
	struct strbuf zone = STRBUF_INIT;

	if (form->runs) {
		strbuf_adds(out, "<p>It began ");
		html_age(out, form->old->starts_wall_ms, now.wall_ms);
		strbuf_adds(out, "</p>\n");
		return;
	}
	add_input(out, form, BEGINS, "Begins", "size=\"24\" autocomplete=\"off\"");
	timestamp_format_local(&zone, now.wall_ms);
	strbuf_adds(out,
		"<small>Empty: at once. Else <code>22:00</code>, "
		"<code>2026-11-24 08:00</code>, or <code>2h</code> for in two hours. Here it is ");
	html_text(out, zone.s);
	strbuf_adds(out, ".</small></p>\n");
	strbuf_release(&zone);
}

static void add_form(struct strbuf *out, const struct form *form, struct instant now)
{
	strbuf_addf(out,
		"<h2>%s</h2>\n<form class=\"edit\" action=\"new-silence\" method=\"post\">\n",
		form->old ? "Change silence" : "New silence");
	if (form->old)
		strbuf_addf(
			out, "<input type=\"hidden\" name=\"id\" value=\"%s\">\n", form->old->id);
	strbuf_adds(out, "<p><label for=\"filter\">Alerts with all of these labels</label>\n"
			 "<textarea id=\"filter\" name=\"filter\" rows=\"6\" spellcheck=\"false\"");
	add_reference(out, form, ALERTS);
	/* The first line break behind it does not count. */
	strbuf_adds(out, ">\n");
	add_lines(out, form);
	strbuf_adds(out, "</textarea>");
	add_fault(out, form, ALERTS);
	add_hint(out, "One a line: <code>name=\"value\"</code>, <code>!=</code>, or "
		      "<code>=~</code> and <code>!~</code> with a regular expression.");
	add_begin(out, form, now);
	add_input(out, form, LASTS, "How long, or until when", "size=\"24\" autocomplete=\"off\"");
	add_hint(out, form->runs ? "<code>2h</code> from now on, or a time, as "
				   "<code>2026-11-24 08:00</code>."
				 : "<code>2h</code>, <code>1d12h</code>, or a time, as "
				   "<code>2026-11-24 08:00</code>.");
	add_input(out, form, AUTHOR, "By", "autocomplete=\"name\"");
	strbuf_adds(out, "</p>\n");
	add_input(out, form, COMMENT, "Why", "autocomplete=\"off\"");
	strbuf_addf(out,
		"</p>\n<p><button>%s</button>\n"
		"<button class=\"quiet\" formmethod=\"get\">Show which alerts</button></p>\n"
		"</form>\n",
		form->old ? "Change" : "Silence");
}

static void add_row(struct strbuf *out, const struct alert *alert)
{
	static const char *const none[] = { NULL };

	strbuf_adds(out, "<tr><td data-label=\"Alert\"><div><span class=\"name\">");
	html_text(out, labels_get(alert->labels, LABEL_ALERTNAME));
	strbuf_adds(out, "</span>");
	html_labels(out, alert->labels, none);
	strbuf_adds(out, "</div></td></tr>\n");
}

/* Which alerts that fire now it would silence. */
static int add_preview(struct strbuf *out, struct notify *notify, const struct form *form)
{
	static const char *const columns[] = { "Alert", NULL };
	struct strbuf rows = STRBUF_INIT;
	size_t n_alerts, n = 0;
	uint64_t *list;
	int err = notify_alert_list(notify, &list, &n_alerts);

	if (err)
		return err;
	for (size_t i = 0; i < MIN(n_alerts, (size_t)MAX_LOOKED); i++) {
		const struct alert *alert = notify_alert_get(notify, list[i]);

		if (!alert || !matcher_list_match(&form->matchers, alert->labels))
			continue;
		if (n++ < PAGE_MAX_ROWS)
			add_row(&rows, alert);
	}
	free(list);
	strbuf_addf(out, "<p class=\"%s\">%s%zu %s now and would be silent.</p>\n", n ? "" : "none",
		n_alerts > MAX_LOOKED ? "At least " : "", n,
		n == 1 ? "alert fires" : "alerts fire");
	if (n) {
		html_begin_table(out, "Alerts that fire now", columns);
		strbuf_add(out, rows.s, rows.len);
		html_end_table(out);
	}
	err = rows.err;
	strbuf_release(&rows);
	return err;
}

static void show(struct request *req, unsigned status, const struct form *form, struct instant now)
{
	struct notify *notify = req->api->sources.notify;
	struct strbuf text = STRBUF_INIT;
	int err = 0;

	add_form(&text, form, now);
	if (notify && form->matchers.n && !form->faults[ALERTS].len)
		err = add_preview(&text, notify, form);
	if (err)
		text.err = err;
	page_answer(req, status, &text, true, now);
	strbuf_release(&text);
}

/* -- handlers --------------------------------------------------------------------------------- */

static void no_memory(struct request *req)
{
	respond_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
}

static void not_there(struct request *req)
{
	respond_text(req, MHD_HTTP_NOT_FOUND,
		"There is no such silence any more, or it is over; /silences shows those that there "
		"are.\n");
}

void page_silence_form(struct request *req, struct instant now)
{
	struct form form;
	int err = form_read(req, &form, now);

	/* What was not written yet is not at fault. */
	if (!err && !is_blank(form.values[ALERTS]))
		err = read_matchers(&form);
	if (err == -ENOENT)
		not_there(req);
	else if (err || form.faults[ALERTS].err)
		no_memory(req);
	else
		show(req, MHD_HTTP_OK, &form, now);
	form_release(&form);
}

static void see_silences(struct request *req)
{
	respond_text(req, MHD_HTTP_SEE_OTHER, "");
	/* Relative, so that it holds behind a proxy that cuts off a prefix. */
	req->response.location = "silences";
}

static int make(struct notify *notify, struct form *form, struct instant now)
{
	struct silence *silence = silence_new();
	char id[SILENCE_ID_LEN + 1], error[400];
	int err;

	if (!silence)
		return -ENOMEM;
	silence->created_by = strdup(form->values[AUTHOR]);
	silence->comment = strdup(form->values[COMMENT]);
	if (!silence->created_by || !silence->comment) {
		silence_free(silence);
		return -ENOMEM;
	}
	silence->matchers = form->matchers;
	form->matchers = MATCHER_LIST_INIT;
	silence->starts_wall_ms = form->begins_wall_ms;
	silence->ends_wall_ms = form->ends_wall_ms;
	if (form->old) {
		memcpy(silence->id, form->old->id, sizeof(silence->id));
		silence->annotations =
			form->old->annotations ? labels_ref(form->old->annotations) : NULL;
	}
	err = notify_silence_put(notify, silence, now, id, error, sizeof(error));
	if (err == -EINVAL)
		strbuf_addf(&form->faults[ALERTS], "It is not taken: %s.", error);
	else if (err == -ENOSPC)
		strbuf_adds(&form->faults[ALERTS],
			"There are as many silences as may be, with those that ended in the last five "
			"days: end one and make room, or let one that is there last longer.");
	return err == -EINVAL || err == -ENOSPC ? form->faults[ALERTS].err : err;
}

void page_silence_make(struct request *req, struct instant now)
{
	struct notify *notify = req->api->sources.notify;
	struct form form;
	int err;

	err = form_read(req, &form, now);
	if (!err)
		err = notify ? form_check(&form, now) : -ENOENT;
	if (!err && !has_faults(&form))
		err = make(notify, &form, now);
	if (err == -ENOENT)
		not_there(req);
	else if (err)
		no_memory(req);
	else if (has_faults(&form))
		show(req, MHD_HTTP_BAD_REQUEST, &form, now);
	else
		see_silences(req);
	form_release(&form);
}

void page_silence_end(struct request *req, struct instant now)
{
	struct notify *notify = req->api->sources.notify;
	const char *id = request_param(req, "id");
	int err = notify && id ? notify_silence_expire(notify, id, now) : -ENOENT;

	if (err == -ENOENT)
		not_there(req);
	else if (err)
		no_memory(req);
	else
		see_silences(req);
}
