/*
 * page_silences.c - silences on the page: those that hold or will, all of them, and which an alert has.
 */
#include "api/page.h"

#include <microhttpd.h>
#include "api/html.h"
#include "api/silence_list.h"
#include "base/escape.h"
#include "model/duration.h"
#include "model/timestamp.h"

/* A link with all of an alert's labels in it: a browser and tolld take longer ones, people do not. */
#define MAX_LINK 4000

static void add_matchers(struct strbuf *out, const struct matcher_list *matchers)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_adds(out, "<code>");
	for (size_t i = 0; i < matchers->n; i++) {
		strbuf_reset(&text);
		matcher_print(matchers->v[i], &text);
		strbuf_adds(out, i ? ", " : "");
		html_text(out, text.s);
	}
	strbuf_adds(out, "</code>");
	if (text.err)
		out->err = text.err;
	strbuf_release(&text);
}

/* "ends in 2 h" and, smaller, the time. */
static void add_moment(struct strbuf *out, const char *what, int64_t wall_ms, int64_t now_wall_ms)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_addf(out, "<div>%s ", what);
	if (wall_ms > now_wall_ms) {
		strbuf_adds(out, "in ");
		duration_format_human(out, wall_ms - now_wall_ms);
		strbuf_adds(out, "<small class=\"time\">");
		timestamp_format_local(&text, wall_ms);
		html_text(out, text.s);
		strbuf_adds(out, "</small>");
	} else {
		html_age(out, wall_ms, now_wall_ms);
	}
	strbuf_adds(out, "</div>");
	if (text.err)
		out->err = text.err;
	strbuf_release(&text);
}

static void add_times(struct strbuf *out, const struct silence *silence, enum silence_state state,
	int64_t wall_ms)
{
	html_begin_cell(out, "When");
	strbuf_adds(out, "<div>");
	if (state == SILENCE_PENDING)
		add_moment(out, "begins", silence->starts_wall_ms, wall_ms);
	add_moment(
		out, state == SILENCE_EXPIRED ? "ended" : "ends", silence->ends_wall_ms, wall_ms);
	strbuf_adds(out, "</div>");
	html_end_cell(out);
}

static void add_param(struct strbuf *out, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_addf(out, "&amp;%s=", name);
	escape_query(out, value, strlen(value));
}

static void add_change(struct strbuf *out, const struct silence *silence)
{
	strbuf_addf(out, " <a href=\"new-silence?id=%s\">Change</a>", silence->id);
}

/* Ends or changes one, or makes another like it. */
static void add_action(struct strbuf *out, const struct silence *silence, enum silence_state state)
{
	struct strbuf text = STRBUF_INIT;

	html_begin_cell(out, "");
	if (state != SILENCE_EXPIRED) {
		strbuf_adds(out, "<form class=\"act\" action=\"end-silence\" method=\"post\">"
				 "<input type=\"hidden\" name=\"id\" value=\"");
		html_text(out, silence->id);
		strbuf_adds(out, "\"><button>End now</button></form>");
		add_change(out, silence);
		html_end_cell(out);
		return;
	}
	matcher_list_print(&silence->matchers, &text);
	if (text.len <= MAX_LINK) {
		strbuf_adds(out, "<a href=\"new-silence?filter=");
		escape_query(out, text.s, text.len);
		add_param(out, "author", silence->created_by);
		add_param(out, "comment", silence->comment);
		strbuf_adds(out, "\">Again</a>");
	}
	html_end_cell(out);
	strbuf_release(&text);
}

static void add_silence(struct strbuf *out, const struct silence *silence, struct instant now)
{
	enum silence_state state = silence_state(silence, now.wall_ms);
	const char *word = silence_state_text(state);

	strbuf_adds(out, "<tr>");
	html_begin_cell(out, "State");
	strbuf_addf(out, "<span class=\"state silence-%s\">%s</span>", word, word);
	html_end_cell(out);
	html_begin_cell(out, "Alerts");
	strbuf_adds(out, "<div>");
	add_matchers(out, &silence->matchers);
	strbuf_adds(out, "<small>");
	html_text(out, silence->comment);
	strbuf_adds(out, "</small></div>");
	html_end_cell(out);
	html_cell(out, "By", silence->created_by);
	add_times(out, silence, state, now.wall_ms);
	add_action(out, silence, state);
	html_end_row(out);
}

static void add_table(struct strbuf *out, const struct silence_list *list, struct instant now)
{
	static const char *const columns[] = { "State", "Alerts", "By", "When", "", NULL };

	html_begin_table(out, "Silences", columns);
	for (size_t i = 0; i < MIN(list->n, (size_t)PAGE_MAX_ROWS); i++)
		add_silence(out, list->v[i], now);
	html_end_table(out);
	if (list->n > PAGE_MAX_ROWS)
		strbuf_addf(out,
			"<p>And %zu more: <a href=\"api/v2/silences\">/api/v2/silences</a> has "
			"all.</p>\n",
			list->n - PAGE_MAX_ROWS);
}

void page_silences(struct strbuf *out, const struct api *api, struct instant now)
{
	const unsigned states = SILENCES_OF(SILENCE_ACTIVE) | SILENCES_OF(SILENCE_PENDING);
	struct silence_list list;

	if (!api->sources.notify)
		return;
	if (silence_list_read(api->sources.notify, states, NULL, now.wall_ms, &list)) {
		strbuf_adds(out, "<h2>Silences</h2>\n<p>There is no memory to list them.</p>\n");
		return;
	}
	if (list.n)
		add_table(out, &list, now);
	silence_list_release(&list);
}

void page_silences_get(struct request *req, struct instant now)
{
	const struct notify *notify = req->api->sources.notify;
	struct strbuf text = STRBUF_INIT;
	struct silence_list list = { 0 };
	int err = notify ? silence_list_read(notify, SILENCES_ALL, NULL, now.wall_ms, &list) : 0;

	strbuf_adds(&text, "<p><a href=\"new-silence\">New silence</a></p>\n");
	if (list.n)
		add_table(&text, &list, now);
	else
		strbuf_adds(&text,
			"<p class=\"none\">There is no silence, and none ended in the last "
			"five days.</p>\n");
	if (err)
		text.err = err;
	page_answer(req, MHD_HTTP_OK, &text, false, now);
	silence_list_release(&list);
	strbuf_release(&text);
}

/* -- rows of alerts --------------------------------------------------------------------------- */

/* One matcher for each label, as Alertmanager's own pages link to a new silence. */
void page_silence_link(struct strbuf *out, const struct labels *labels)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_addch(&text, '{');
	for (unsigned i = 0; i < labels->n; i++) {
		const struct matcher m = { .type = MATCH_EQUAL,
			.name = (char *)labels->v[i].name,
			.value = (char *)labels->v[i].value };

		strbuf_adds(&text, i ? ", " : "");
		matcher_print(&m, &text);
	}
	strbuf_addch(&text, '}');
	if (!text.err && text.len <= MAX_LINK) {
		strbuf_adds(out, "<small><a href=\"new-silence?filter=");
		escape_query(out, text.s, text.len);
		strbuf_adds(out, "\">Silence</a></small>");
	}
	strbuf_release(&text);
}

void page_silenced_by(struct strbuf *out, const struct silence *silence, struct instant now)
{
	strbuf_adds(out, "<small class=\"silenced\">Silenced for ");
	duration_format_human(out, silence->ends_wall_ms - now.wall_ms);
	strbuf_adds(out, silence->created_by && *silence->created_by ? " by " : "");
	html_text(out, silence->created_by);
	strbuf_adds(out, silence->comment && *silence->comment ? ": " : "");
	html_text(out, silence->comment);
	add_change(out, silence);
	strbuf_adds(out, "</small>");
}
