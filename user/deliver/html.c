/*
 * html.c - a mail as HTML: what happened, why and since when, in the first lines on a phone.
 *
 * Mail programs drop style sheets, so every style stands where it is used. Only the banner has a
 * background; all else has the reader's own colours, and what matters less lets the ground show through:
 * no one grey can be read on white and on the dark of mail programs.
 */
#include "deliver/body.h"

#include "base/escape.h"
#include "deliver/mime.h"

#define RED   "#b3261e"
#define GREEN "#1b6e3c"
/* With black on white 8.4 to 1, with #e8eaed on #1f1f1f 7.2. */
#define QUIET "opacity:0.7"

#define FONT  "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
#define BREAK "overflow-wrap:anywhere;word-break:break-word"

/* Room for the closing lines, whatever came before. */
#define TAIL_BYTES ((size_t)4 << 10)

static void add_text(struct strbuf *out, const char *s)
{
	escape_html(out, s, strlen(s));
}

/* A value, whose lines stay lines. */
static void add_value(struct strbuf *out, const char *value)
{
	struct strbuf clean = STRBUF_INIT;
	const char *line;

	body_value(&clean, value, BODY_HTML_VALUE_BYTES);
	line = clean.s;
	for (;;) {
		size_t len = strcspn(line, "\n");

		escape_html(out, line, len);
		if (!line[len])
			break;
		strbuf_adds(out, "<br>");
		line += len + 1;
	}
	mime_scratch_release(&clean, out);
}

static void add_pairs(
	struct strbuf *out, const char *heading, const struct labels *labels, size_t block)
{
	if (!labels->n)
		return;
	strbuf_addf(out,
		"<tr><td colspan=\"2\" style=\"padding:10px 0 2px;" QUIET ";font-size:13px\">"
		"%s</td></tr>\n",
		heading);
	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *label = body_label(labels, i);

		if (body_weight(out, block) > BODY_HTML_ALERT_BYTES) {
			strbuf_addf(out, "<tr><td colspan=\"2\">and %u more</td></tr>\n",
				labels->n - i);
			return;
		}
		strbuf_adds(out,
			"<tr><td style=\"padding:2px 12px 2px 0;" QUIET ";vertical-align:top\">");
		add_value(out, label->name);
		strbuf_adds(out, "</td><td style=\"padding:2px 0;" BREAK "\">");
		add_value(out, label->value);
		strbuf_adds(out, "</td></tr>\n");
	}
}

static void add_link(struct strbuf *out, const char *url, const char *text)
{
	strbuf_adds(out, "<a href=\"");
	add_text(out, url);
	strbuf_addf(out, "\">%s</a>", text);
}

static void add_alert_title(
	struct strbuf *out, const struct notification *n, const struct alert *alert)
{
	struct strbuf title = STRBUF_INIT;

	body_alert_title(&title, n, alert);
	if (title.len) {
		strbuf_adds(out, "<div style=\"font-weight:bold;" BREAK "\">");
		add_value(out, title.s);
		strbuf_adds(out, "</div>\n");
	}
	mime_scratch_release(&title, out);
}

static void add_alert(
	struct strbuf *out, const struct notification *n, const struct alert *alert, bool resolved)
{
	const char *reason = body_alert_reason(alert);
	struct strbuf line = STRBUF_INIT;
	size_t block = out->len;

	strbuf_addf(out,
		"<div style=\"margin:16px 0 0;padding:0 0 0 12px;border-left:4px solid %s\">\n",
		resolved ? GREEN : RED);
	/* Of a single alert the banner has said all this. */
	if (n->n_alerts > 1) {
		add_alert_title(out, n, alert);
		if (reason) {
			strbuf_adds(out, "<div style=\"" BREAK "\">");
			add_value(out, reason);
			strbuf_adds(out, "</div>\n");
		}
		body_alert_span(&line, n, alert, resolved);
		strbuf_adds(out, "<div style=\"" QUIET "\">");
		add_text(out, line.s);
		strbuf_adds(out, "</div>\n");
	}
	strbuf_adds(out, "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" "
			 "style=\"font-size:14px;border-collapse:collapse\">\n");
	add_pairs(out, "Labels", alert->labels, block);
	add_pairs(out, "Annotations", alert->annotations, block);
	strbuf_adds(out, "</table>\n");
	if (body_link_safe(alert->generator_url) &&
		strlen(alert->generator_url) < BODY_HTML_VALUE_BYTES * 4) {
		strbuf_adds(out, "<div style=\"margin:6px 0 0;font-size:14px\">");
		add_link(out, alert->generator_url, "Source");
		strbuf_adds(out, "</div>\n");
	}
	strbuf_adds(out, "</div>\n");
	mime_scratch_release(&line, out);
}

/* The first words are what a phone shows of a mail that was not opened yet. */
static void add_banner(struct strbuf *out, const struct notification *n)
{
	const char *reason = body_shared_reason(n);
	struct strbuf line = STRBUF_INIT;

	strbuf_addf(out,
		"<div style=\"background:%s;color:#ffffff;border-radius:8px;padding:14px 16px\">\n",
		n->n_firing ? RED : GREEN);
	body_title(&line, n);
	if (line.len) {
		strbuf_adds(out, "<div style=\"font-size:20px;font-weight:bold;" BREAK "\">");
		add_value(out, line.s);
		strbuf_adds(out, "</div>\n");
	}
	if (n->n_alerts == 1)
		add_alert_title(out, n, n->alerts[0]);
	if (reason) {
		strbuf_adds(out, "<div style=\"font-size:18px;padding:4px 0;" BREAK "\">");
		add_value(out, reason);
		strbuf_adds(out, "</div>\n");
	}
	strbuf_reset(&line);
	body_count(&line, n);
	if (n->n_alerts == 1) {
		strbuf_adds(&line, n->n_firing ? " " : ", ");
		body_alert_span(&line, n, n->alerts[0], !n->n_firing);
	}
	strbuf_adds(out, "<div>");
	add_text(out, line.s);
	strbuf_adds(out, "</div>\n</div>\n");
	mime_scratch_release(&line, out);
}

static void add_tail(
	struct strbuf *out, const struct notification *n, const struct deliver_options *options)
{
	struct strbuf link = STRBUF_INIT;

	body_view_link(&link, n, options);
	if (link.len && link.len < TAIL_BYTES / 4) {
		strbuf_adds(out, "<div style=\"margin:20px 0 0\">");
		add_link(out, link.s, "View in tolld");
		strbuf_adds(out, "</div>\n");
	}
	mime_scratch_release(&link, out);
	strbuf_adds(
		out, "<div style=\"margin:16px 0 0;" QUIET ";font-size:13px\">Sent by tolld on ");
	add_text(out, options->hostname);
	strbuf_adds(out, "</div>\n</div>\n</body>\n</html>\n");
}

/* Those from the i-th on. */
static void add_more(struct strbuf *out, const struct notification *n,
	const struct deliver_options *options, size_t i)
{
	struct strbuf link = STRBUF_INIT;

	strbuf_adds(out, "<div style=\"margin:16px 0 0\">");
	body_more(out, n, i);
	body_view_link(&link, n, options);
	if (link.len && link.len < TAIL_BYTES / 4) {
		strbuf_adds(out, "; ");
		add_link(out, link.s, "see all in tolld");
	}
	mime_scratch_release(&link, out);
	strbuf_adds(out, "</div>\n");
}

void body_html(
	const struct notification *n, const struct deliver_options *options, struct strbuf *out)
{
	size_t start = out->len, used, i;

	strbuf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
			 "<meta name=\"color-scheme\" content=\"light dark\">\n"
			 "<meta name=\"supported-color-schemes\" content=\"light dark\">\n"
			 "</head>\n<body style=\"margin:0;padding:0\">\n"
			 "<div style=\"max-width:640px;margin:0 auto;padding:12px;font-size:16px;"
			 "line-height:1.45;" FONT "\">\n");
	add_banner(out, n);
	used = body_weight(out, start);
	for (i = 0; i < n->n_alerts; i++) {
		size_t before = out->len;

		add_alert(out, n, n->alerts[i], i >= n->n_firing);
		used += body_weight(out, before);
		if (used > BODY_HTML_MAX_BYTES - TAIL_BYTES) {
			strbuf_truncate(out, before);
			add_more(out, n, options, i);
			break;
		}
	}
	add_tail(out, n, options);
}
