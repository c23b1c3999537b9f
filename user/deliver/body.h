/*
 * body.h - what a mail says: as text, and as HTML, which is to be read on a phone.
 *
 * Both are made of the notification alone, so the same one always gives the same mail. Every value
 * in it may come from a stranger.
 */
#ifndef TOLLD_DELIVER_BODY_H
#define TOLLD_DELIVER_BODY_H

#include "base/strbuf.h"
#include "deliver/deliver.h"

/*
 * Gmail hides what comes after 102 KB. Each of the two is held below it, as it is and as quoted-printable,
 * since nobody says which is counted; what has no room is counted, and found in tolld.
 */
#define BODY_HTML_MAX_BYTES ((size_t)96 << 10)
#define BODY_TEXT_MAX_BYTES BODY_HTML_MAX_BYTES
/* One alert's part of that: past it, its labels and annotations are counted instead of shown. */
#define BODY_HTML_ALERT_BYTES ((size_t)12 << 10)
#define BODY_HTML_VALUE_BYTES ((size_t)600)
#define BODY_TEXT_ALERT_BYTES ((size_t)24 << 10)
#define BODY_TEXT_VALUE_BYTES ((size_t)8 << 10)

/* The annotation that says why, from the daemon or from the owner's rule. */
#define BODY_CAUSE "cause"

/* Each adds to out; a failure stays in out->err. UTF-8, lines end with \n. */
void body_text(
	const struct notification *n, const struct deliver_options *options, struct strbuf *out);
void body_html(
	const struct notification *n, const struct deliver_options *options, struct strbuf *out);

/* -- shared by the two -- */

/* The i-th label with alertname first, the others by name: the order of Alertmanager's mails. */
const struct label *body_label(const struct labels *labels, unsigned i);
/*
 * A value fit to be shown: lines end with \n, other control characters are written out, at most
 * max_bytes and then "…".
 */
void body_value(struct strbuf *out, const char *s, size_t max_bytes);
/* The group's values, or the alert's name where nothing is grouped: "InstanceDown". */
void body_title(struct strbuf *out, const struct notification *n);
/* "1 alert firing", "2 alerts firing, 1 resolved". */
void body_count(struct strbuf *out, const struct notification *n);
/* "and 7 more alerts", those from the i-th on; "and 7 more alerts (5 firing, 2 resolved)". */
void body_more(struct strbuf *out, const struct notification *n, size_t i);
/* What was added from `start` on, as quoted-printable at the most. */
size_t body_weight(const struct strbuf *out, size_t start);
/* What tells this alert from the others of its group: "localhost:9100 node"; may be nothing. */
void body_alert_title(struct strbuf *out, const struct notification *n, const struct alert *alert);
/* Why it fired: its cause, or else its summary or description; NULL where it has none of them. */
const char *body_alert_reason(const struct alert *alert);
/* The same where all alerts agree on it; NULL where they do not. */
const char *body_shared_reason(const struct notification *n);
/* "since 2026-11-22 15:46:25 CET (1 min 10 s)", "... until ... (3 min)". */
void body_alert_span(
	struct strbuf *out, const struct notification *n, const struct alert *alert, bool resolved);
/* A link that a mail may hold: http or https, and printable. */
bool body_link_safe(const char *url);
/* http://host:9093/#/alerts?receiver=alert-email; nothing where external_url is not set. */
void body_view_link(
	struct strbuf *out, const struct notification *n, const struct deliver_options *options);

#endif
