/*
 * html.c - pieces of the page.
 */
#include "api/html.h"

#include "base/escape.h"
#include "model/duration.h"
#include "model/timestamp.h"

void html_text(struct strbuf *out, const char *s)
{
	if (s)
		escape_html(out, s, strlen(s));
}

void html_begin_table(struct strbuf *out, const char *heading, const char *const *columns)
{
	strbuf_addf(out, "<h2>%s</h2>\n<table>\n<thead><tr>", heading);
	for (; *columns; columns++)
		strbuf_addf(out, "<th scope=\"col\">%s</th>", *columns);
	strbuf_adds(out, "</tr></thead>\n<tbody>\n");
}

void html_end_table(struct strbuf *out)
{
	strbuf_adds(out, "</tbody>\n</table>\n");
}

void html_begin_row(struct strbuf *out, const char *state)
{
	strbuf_addf(out, "<tr class=\"is-%s\">", state);
}

void html_end_row(struct strbuf *out)
{
	strbuf_adds(out, "</tr>\n");
}

void html_begin_number(struct strbuf *out, const char *label)
{
	strbuf_addf(out, "<td class=\"number\" data-label=\"%s\">", label);
}

void html_begin_cell(struct strbuf *out, const char *label)
{
	strbuf_addf(out, "<td data-label=\"%s\">", label);
}

void html_end_cell(struct strbuf *out)
{
	strbuf_adds(out, "</td>");
}

void html_state_cell(struct strbuf *out, const char *state)
{
	html_begin_cell(out, "State");
	strbuf_addf(out, "<span class=\"state %s\">%s</span>", state, state);
	html_end_cell(out);
}

void html_cell(struct strbuf *out, const char *label, const char *text)
{
	html_begin_cell(out, label);
	html_text(out, text);
	html_end_cell(out);
}

void html_age(struct strbuf *out, int64_t wall_ms, int64_t now_wall_ms)
{
	struct strbuf text = STRBUF_INIT;

	if (!wall_ms)
		return;
	/* A wall clock that was set back makes no negative ages. */
	duration_format_human(out, MAX(now_wall_ms - wall_ms, (int64_t)0));
	strbuf_adds(out, " ago<small class=\"time\">");
	timestamp_format_local(&text, wall_ms);
	html_text(out, text.s);
	strbuf_adds(out, "</small>");
	strbuf_release(&text);
}

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++) {
		if (streq(*names, name))
			return true;
	}
	return false;
}

void html_labels(struct strbuf *out, const struct labels *labels, const char *const *but)
{
	struct strbuf value = STRBUF_INIT;
	bool some = false;

	for (unsigned i = 0; labels && i < labels->n; i++) {
		if (is_among(labels->v[i].name, but))
			continue;
		strbuf_adds(out, some ? ", " : "<small><code>");
		some = true;
		html_text(out, labels->v[i].name);
		strbuf_adds(out, "=&quot;");
		strbuf_reset(&value);
		escape_quoted(&value, labels->v[i].value, strlen(labels->v[i].value));
		html_text(out, value.s);
		strbuf_adds(out, "&quot;");
	}
	if (some)
		strbuf_adds(out, "</code></small>");
	strbuf_release(&value);
}
