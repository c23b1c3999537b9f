/*
 * body.c - what the text and the HTML of a mail have in common.
 */
#include "deliver/body.h"

#include "base/escape.h"
#include "deliver/mime.h"
#include "model/duration.h"
#include "model/timestamp.h"

#define TITLE_MAX_BYTES 300

const struct label *body_label(const struct labels *labels, unsigned i)
{
	unsigned first;

	for (first = 0; first < labels->n; first++) {
		if (streq(labels->v[first].name, LABEL_ALERTNAME))
			break;
	}
	if (first == labels->n || i > first)
		return &labels->v[i];
	return &labels->v[i ? i - 1 : first];
}

/* The longest start of s, of at most max bytes, that ends with a whole character. */
static size_t whole_characters(const char *s, size_t len, size_t max)
{
	size_t end = max;

	if (len <= max)
		return len;
	/* A character has at most three bytes after its first; more of them are no character. */
	while (end && max - end < 3 && ((unsigned char)s[end] & 0xc0) == 0x80)
		end--;
	return end;
}

void body_value(struct strbuf *out, const char *s, size_t max_bytes)
{
	size_t len = strlen(s), shown = whole_characters(s, len, max_bytes);
	const char *end = s + shown;

	while (s < end) {
		size_t run = strcspn(s, "\t\r\n");

		run = MIN(run, (size_t)(end - s));
		escape_terminal(out, s, run);
		s += run;
		if (s == end)
			break;
		if (*s == '\n')
			strbuf_addch(out, '\n');
		else if (*s == '\t' || s[1] != '\n')
			strbuf_addch(out, ' ');
		s++;
	}
	if (shown < len)
		strbuf_adds(out, "…");
}

/* The same on one line. */
static void add_line(struct strbuf *out, const char *s)
{
	size_t start = out->len;

	body_value(out, s, TITLE_MAX_BYTES);
	for (size_t i = start; i < out->len; i++) {
		if (out->s[i] == '\n')
			out->s[i] = ' ';
	}
}

void body_title(struct strbuf *out, const struct notification *n)
{
	const struct labels *group = n->group_labels;
	const char *name;

	for (unsigned i = 0; i < group->n; i++) {
		if (i)
			strbuf_addch(out, ' ');
		add_line(out, body_label(group, i)->value);
	}
	if (group->n || !n->n_alerts)
		return;
	name = labels_get(n->alerts[0]->labels, LABEL_ALERTNAME);
	if (n->n_alerts == 1 && name)
		add_line(out, name);
}

void body_count(struct strbuf *out, const struct notification *n)
{
	size_t resolved = n->n_alerts - n->n_firing;

	if (n->n_firing)
		strbuf_addf(out, "%zu alert%s firing", n->n_firing, n->n_firing == 1 ? "" : "s");
	if (n->n_firing && resolved)
		strbuf_addf(out, ", %zu resolved", resolved);
	else if (resolved)
		strbuf_addf(out, "%zu alert%s resolved", resolved, resolved == 1 ? "" : "s");
}

void body_more(struct strbuf *out, const struct notification *n, size_t i)
{
	size_t more = n->n_alerts - i, firing = n->n_firing > i ? n->n_firing - i : 0;

	strbuf_addf(out, "and %zu more alert%s", more, more == 1 ? "" : "s");
	if (firing && firing < more)
		strbuf_addf(out, " (%zu firing, %zu resolved)", firing, more - firing);
}

size_t body_weight(const struct strbuf *out, size_t start)
{
	return mime_quoted_printable_bound(out->s + start, out->len - start);
}

void body_alert_title(struct strbuf *out, const struct notification *n, const struct alert *alert)
{
	size_t start = out->len;

	for (unsigned i = 0; i < alert->labels->n; i++) {
		const struct label *label = body_label(alert->labels, i);

		if (labels_get(n->group_labels, label->name) ||
			(n->n_alerts == 1 && streq(label->name, LABEL_ALERTNAME)))
			continue;
		if (out->len - start > TITLE_MAX_BYTES) {
			strbuf_adds(out, " …");
			return;
		}
		if (out->len > start)
			strbuf_addch(out, ' ');
		add_line(out, label->value);
	}
}

const char *body_alert_reason(const struct alert *alert)
{
	static const char *const names[] = { BODY_CAUSE, "summary", "description" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = labels_get(alert->annotations, names[i]);

		if (value && *value)
			return value;
	}
	return NULL;
}

const char *body_shared_reason(const struct notification *n)
{
	const char *first, *other;

	if (!n->n_alerts)
		return NULL;
	first = body_alert_reason(n->alerts[0]);
	for (size_t i = 1; i < n->n_alerts && first; i++) {
		other = body_alert_reason(n->alerts[i]);
		if (!other || !streq(first, other))
			return NULL;
	}
	return first;
}

void body_alert_span(
	struct strbuf *out, const struct notification *n, const struct alert *alert, bool resolved)
{
	int64_t end = resolved && alert->ends_wall_ms ? alert->ends_wall_ms : n->at_wall_ms;

	strbuf_adds(out, resolved ? "from " : "since ");
	timestamp_format_local(out, alert->starts_wall_ms);
	if (resolved) {
		strbuf_adds(out, " until ");
		timestamp_format_local(out, end);
	}
	strbuf_adds(out, " (");
	/* Whole seconds: nobody wants to read how many milliseconds it took. */
	duration_format_human(out, (end - alert->starts_wall_ms) / 1000 * 1000);
	strbuf_addch(out, ')');
}

bool body_link_safe(const char *url)
{
	if (!url || (!starts_with(url, "http://") && !starts_with(url, "https://")))
		return false;
	for (; *url; url++) {
		if (*url <= ' ' || *url == 0x7f)
			return false;
	}
	return true;
}

void body_view_link(
	struct strbuf *out, const struct notification *n, const struct deliver_options *options)
{
	const char *url = options->external_url;
	size_t len;

	if (!body_link_safe(url))
		return;
	len = strlen(url);
	strbuf_add(out, url, len - (url[len - 1] == '/'));
	strbuf_adds(out, "/#/alerts");
	if (n->receiver) {
		strbuf_adds(out, "?receiver=");
		escape_query(out, n->receiver, strlen(n->receiver));
	}
}
