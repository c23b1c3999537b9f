/*
 * page_silence_form.c - the page's form that makes a silence, and its button that ends one.
 *
 * Nothing in the browser checks what is written: all faults come back at once, each beside its field with
 * what would help, and everything that was written is still there.
 */
#include "api/page.h"

#include <errno.h>
#include <microhttpd.h>
#include "api/html.h"
#include "model/duration.h"

/* A preview looks at so many alerts at most. */
#define MAX_LOOKED 20000
/* Lines at fault that are told; more of them would only hide these. */
#define MAX_FAULTS 10

enum field { ALERTS, LASTS, AUTHOR, COMMENT, FIELDS };

/* Names as in Alertmanager's links, where it has them. */
static const char *const names[FIELDS] = {
	[ALERTS] = "filter", [LASTS] = "for", [AUTHOR] = "author", [COMMENT] = "comment"
};

struct form {
	const char *values[FIELDS];
	struct strbuf faults[FIELDS]; /* empty: none */
	struct matcher_list matchers;
	unsigned n_wrong; /* lines of matchers */
	int64_t lasts_ms;
};

static void form_release(struct form *form)
{
	matcher_list_release(&form->matchers);
	for (enum field f = 0; f < FIELDS; f++)
		strbuf_release(&form->faults[f]);
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

static void read_duration(struct form *form)
{
	const char *text = form->values[LASTS];
	struct strbuf *fault = &form->faults[LASTS];
	size_t blank = strspn(text, " \t"), len = strlen(text);

	while (len > blank && strchr(" \t\r\n", text[len - 1]))
		len--;
	if (duration_parse(text + blank, len - blank, &form->lasts_ms)) {
		strbuf_addf(fault, "\"%s\" is no duration: write it like 30m, 2h or 1d12h.", text);
		return;
	}
	if (!form->lasts_ms)
		strbuf_adds(fault, "That is over at once: write more than 0, such as 2h.");
	/* Years that nobody lives to see, and which times in answers have no room for. */
	else if (form->lasts_ms > 100 * 365 * 86400000ll)
		strbuf_adds(fault, "That is more than 100 years: write less.");
}

/* 0, whether there are faults or not; -ENOMEM. */
static int form_check(struct form *form)
{
	int err = read_matchers(form);

	read_duration(form);
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

static void form_read(const struct request *req, struct form *form)
{
	*form = (struct form){ .matchers = MATCHER_LIST_INIT };
	for (enum field f = 0; f < FIELDS; f++) {
		const char *value = request_param(req, names[f]);

		form->faults[f] = STRBUF_INIT;
		form->values[f] = value ? value : f == LASTS ? "2h" : "";
	}
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
	strbuf_adds(out, "</p>\n");
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

static void add_form(struct strbuf *out, const struct form *form)
{
	strbuf_adds(out, "<h2>New silence</h2>\n"
			 "<form class=\"edit\" action=\"new-silence\" method=\"post\">\n"
			 "<p><label for=\"filter\">Alerts with all of these labels</label>\n"
			 "<textarea id=\"filter\" name=\"filter\" rows=\"6\" spellcheck=\"false\"");
	add_reference(out, form, ALERTS);
	/* The first line break behind it does not count. */
	strbuf_adds(out, ">\n");
	add_lines(out, form);
	strbuf_adds(out, "</textarea>");
	add_fault(out, form, ALERTS);
	strbuf_adds(out,
		"<small>One a line: <code>name=\"value\"</code>, <code>!=</code>, or "
		"<code>=~</code> and <code>!~</code> with a regular expression.</small></p>\n");
	add_input(out, form, LASTS, "From now on for", "size=\"12\" autocomplete=\"off\"");
	add_input(out, form, AUTHOR, "By", "autocomplete=\"name\"");
	add_input(out, form, COMMENT, "Why", "autocomplete=\"off\"");
	strbuf_adds(out,
		"<p><button>Silence</button>\n"
		"<button class=\"quiet\" formmethod=\"get\">Show which alerts</button></p>\n"
		"</form>\n");
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

	add_form(&text, form);
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

void page_silence_form(struct request *req, struct instant now)
{
	struct form form;
	int err = 0;

	form_read(req, &form);
	/* What was not written yet is not at fault. */
	if (!is_blank(form.values[ALERTS]))
		err = read_matchers(&form);
	if (err || form.faults[ALERTS].err)
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
	silence->ends_wall_ms = now.wall_ms + form->lasts_ms;
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

	form_read(req, &form);
	err = notify ? form_check(&form) : -ENOENT;
	if (!err && !has_faults(&form))
		err = make(notify, &form, now);
	if (err == -ENOENT)
		respond_text(req, MHD_HTTP_NOT_FOUND, "There are no notifications to silence.\n");
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
		respond_text(req, MHD_HTTP_NOT_FOUND,
			"There is no such silence any more; /silences shows those that there are.\n");
	else if (err)
		no_memory(req);
	else
		see_silences(req);
}
