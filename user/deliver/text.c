/*
 * text.c - a mail as plain text: with values that HTML cuts short.
 */
#include "deliver/body.h"

#include "deliver/mime.h"

/* Room for the closing lines, whatever came before. */
#define TAIL_BYTES ((size_t)4 << 10)

/* A value of several lines goes on under its beginning. */
static void add_indented(struct strbuf *out, const char *value, const char *indent)
{
	struct strbuf clean = STRBUF_INIT;

	body_value(&clean, value, BODY_TEXT_VALUE_BYTES);
	for (size_t i = 0; i < clean.len; i++) {
		strbuf_addch(out, clean.s[i]);
		if (clean.s[i] == '\n')
			strbuf_adds(out, indent);
	}
	mime_scratch_release(&clean, out);
	strbuf_addch(out, '\n');
}

static void add_pairs(
	struct strbuf *out, const char *heading, const struct labels *labels, size_t block)
{
	if (!labels->n)
		return;
	strbuf_addf(out, "  %s\n", heading);
	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *label = body_label(labels, i);
		struct strbuf name = STRBUF_INIT;

		if (body_weight(out, block) > BODY_TEXT_ALERT_BYTES) {
			strbuf_addf(out, "    and %u more\n", labels->n - i);
			return;
		}
		body_value(&name, label->name, BODY_HTML_VALUE_BYTES);
		strbuf_addf(out, "    %s = ", name.s);
		mime_scratch_release(&name, out);
		add_indented(out, label->value, "      ");
	}
}

static void add_alert(
	struct strbuf *out, const struct notification *n, const struct alert *alert, bool resolved)
{
	struct strbuf line = STRBUF_INIT;
	const char *reason = body_alert_reason(alert);
	size_t block = out->len;

	body_alert_title(&line, n, alert);
	strbuf_addf(out, "\n* %s%s%s\n", resolved ? "resolved" : "firing", line.len ? ": " : "",
		line.s);
	if (reason && n->n_alerts > 1) {
		strbuf_adds(out, "  ");
		add_indented(out, reason, "  ");
	}
	strbuf_reset(&line);
	body_alert_span(&line, n, alert, resolved);
	strbuf_addf(out, "  %s\n", line.s);
	add_pairs(out, "Labels", alert->labels, block);
	add_pairs(out, "Annotations", alert->annotations, block);
	if (body_link_safe(alert->generator_url) &&
		strlen(alert->generator_url) < BODY_TEXT_VALUE_BYTES)
		strbuf_addf(out, "  Source: %s\n", alert->generator_url);
	mime_scratch_release(&line, out);
}

static void add_head(struct strbuf *out, const struct notification *n)
{
	const char *reason = body_shared_reason(n);
	struct strbuf title = STRBUF_INIT;

	body_title(&title, n);
	body_count(out, n);
	strbuf_addf(out, "%s%s\n", title.len ? ": " : "", title.s);
	mime_scratch_release(&title, out);
	if (reason) {
		strbuf_addch(out, '\n');
		add_indented(out, reason, "");
	}
}

void body_text(
	const struct notification *n, const struct deliver_options *options, struct strbuf *out)
{
	struct strbuf link = STRBUF_INIT;
	size_t start = out->len, used, i;

	add_head(out, n);
	used = body_weight(out, start);
	for (i = 0; i < n->n_alerts; i++) {
		size_t before = out->len;

		add_alert(out, n, n->alerts[i], i >= n->n_firing);
		used += body_weight(out, before);
		if (used > BODY_TEXT_MAX_BYTES - TAIL_BYTES) {
			strbuf_truncate(out, before);
			strbuf_addch(out, '\n');
			body_more(out, n, i);
			strbuf_addch(out, '\n');
			break;
		}
	}
	body_view_link(&link, n, options);
	if (link.len && link.len < TAIL_BYTES / 4)
		strbuf_addf(
			out, "\n%s in tolld: %s\n", i < n->n_alerts ? "See all" : "View", link.s);
	mime_scratch_release(&link, out);
	strbuf_addf(out, "\n-- \nSent by tolld on %s\n", options->hostname);
}
