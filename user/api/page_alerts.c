/*
 * page_alerts.c - the page's table of alerts: what the rules of this daemon say, and what others posted.
 *
 * What is told to somebody comes first, then what waits for its `for`, then what a silence or another alert
 * hides. Rows are bounded and whatever else is there is counted: so many alerts are never all looked at for
 * the sake of the page, only counted.
 */
#include "api/page.h"

#include "api/html.h"
#include "base/escape.h"
#include "base/num.h"

/* Those that are told are looked for among so many at most, and so are those that are hidden. */
#define MAX_LOOKED 10000

/* A row says whether it is told; which rows a pass is about. */
enum pass { HEARD, HIDDEN };

struct alert_rows {
	struct strbuf *out;
	const struct api *api;
	struct instant now;
	struct labels *external; /* NULL: nothing is known */
	struct notify_look look; /* of the row at hand, where `is_looked_at` */
	bool is_looked_at;
	size_t n; /* drawn */
	size_t n_looked;
};

/* Of a rule, or from outside. */
struct alert_row {
	const struct rule_info *rule;
	const struct labels *labels, *annotations;
	uint64_t fingerprint; /* as it is told; where it was looked at */
	int64_t since_wall_ms;
	double value;
	const char *url; /* from outside: where it comes from; or NULL */
	bool pending;
};

/* -- what is known of it ---------------------------------------------------------------------- */

/* As the alert of a rule is told, and so as silences see it. */
static struct labels *told_labels(const struct alert_rows *rows, const struct labels *labels)
{
	const struct forward *forward = rows->api->sources.forward;
	scoped(labels_unrefp) struct labels *whole = NULL;
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *told;

	if (!rows->external)
		return NULL;
	if (rows->external->n) {
		labels_builder_add(&b, rows->external);
		labels_builder_add(&b, labels);
		if (labels_build(&b, &whole))
			return NULL;
	} else {
		whole = labels_ref(labels);
	}
	if (!forward)
		return TAKE(whole);
	return forward_own_labels(forward, whole, &told) ? NULL : told;
}

static void look(struct alert_rows *rows, uint64_t fingerprint)
{
	rows->n_looked++;
	rows->is_looked_at =
		!notify_alert_look(rows->api->sources.notify, fingerprint, rows->now, &rows->look);
}

static void look_of_rule(struct alert_rows *rows, struct alert_row *row)
{
	scoped(labels_unrefp) struct labels *told = told_labels(rows, row->labels);

	rows->is_looked_at = false;
	if (!told)
		return;
	row->fingerprint = labels_fingerprint(told);
	look(rows, row->fingerprint);
}

static bool is_hidden(const struct alert_rows *rows)
{
	return rows->is_looked_at && (rows->look.n_silenced_by || rows->look.inhibited_by);
}

/* -- one row ---------------------------------------------------------------------------------- */

/* What another program says of itself leads to the web, or nowhere. */
static bool is_web(const char *url)
{
	return url && (starts_with(url, "http://") || starts_with(url, "https://"));
}

static void add_name(struct strbuf *out, const struct alert_row *row)
{
	const char *name = labels_get(row->labels, LABEL_ALERTNAME);

	if (row->rule) {
		strbuf_adds(out, "<a class=\"name\" href=\"graph?g0.expr=");
		escape_query(out, row->rule->query, strlen(row->rule->query));
		strbuf_adds(out, "\">");
		html_text(out, row->rule->name);
		strbuf_adds(out, "</a>");
		return;
	}
	if (is_web(row->url)) {
		strbuf_adds(out, "<a class=\"name\" rel=\"noreferrer\" href=\"");
		html_text(out, row->url);
		strbuf_adds(out, "\">");
	} else {
		strbuf_adds(out, "<span class=\"name\">");
	}
	/* A link without a word in it is one that nobody can follow. */
	html_text(out, name ? name : "no name");
	strbuf_adds(out, is_web(row->url) ? "</a>" : "</span>");
}

static void add_inhibitor(struct strbuf *out, const struct alert *by)
{
	static const char *const named[] = { LABEL_ALERTNAME, NULL };

	strbuf_adds(out, "<small class=\"silenced\">Inhibited by ");
	html_text(out, labels_get(by->labels, LABEL_ALERTNAME));
	html_labels(out, by->labels, named);
	strbuf_adds(out, "</small>");
}

/* What keeps it silent, or a link that makes a silence. */
static void add_silencing(struct alert_rows *rows, const struct alert_row *row, const char *muted)
{
	const struct notify_look *look = &rows->look;
	struct strbuf *out = rows->out;

	if (rows->is_looked_at && look->n_silenced_by) {
		page_silenced_by(out, look->silenced_by[0], rows->now);
		return;
	}
	if (rows->is_looked_at && look->inhibited_by)
		add_inhibitor(out, look->inhibited_by);
	if (muted) {
		strbuf_adds(out, "<small class=\"silenced\">Nobody is told now: time interval ");
		html_text(out, muted);
		strbuf_adds(out, "</small>");
	}
	if (rows->external)
		page_silence_link(out, row->labels);
}

static bool is_named_before(const struct notify_look *look, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (streq(look->receivers[k], look->receivers[i]))
			return true;
	}
	return false;
}

static void add_receivers(struct alert_rows *rows)
{
	const struct notify_look *look = &rows->look;

	html_begin_cell(rows->out, "Receiver");
	for (size_t i = 0; rows->is_looked_at && i < look->n_receivers; i++) {
		if (is_named_before(look, i))
			continue;
		strbuf_adds(rows->out, i ? ", " : "");
		html_text(rows->out, look->receivers[i]);
	}
	html_end_cell(rows->out);
}

static void add_texts(struct strbuf *out, const struct labels *annotations)
{
	static const char *const names[] = { "summary", "description", "cause" };
	size_t n = 0;

	html_begin_cell(out, "What");
	for (size_t i = 0; annotations && i < ARRAY_SIZE(names); i++) {
		const char *text = labels_get(annotations, names[i]);

		if (!text || !*text)
			continue;
		/* One box around them: on a phone the boxes of a cell stand side by side. */
		strbuf_addf(out, "%s<div class=\"%s\">", n++ ? "" : "<div>", names[i]);
		html_text(out, text);
		strbuf_adds(out, "</div>");
	}
	strbuf_adds(out, n ? "</div>" : "");
	html_end_cell(out);
}

static const char *state_of(
	const struct alert_rows *rows, const struct alert_row *row, const char *muted)
{
	if (row->pending)
		return "pending";
	if (rows->is_looked_at && rows->look.n_silenced_by)
		return "silenced";
	if (rows->is_looked_at && rows->look.inhibited_by)
		return "inhibited";
	return muted ? "muted" : "firing";
}

static void add_row(struct alert_rows *rows, const struct alert_row *row)
{
	static const char *const columns[] = { "State", "Alert", "Since", "Value", "Receiver",
		"What", NULL };
	static const char *const named[] = { LABEL_ALERTNAME, NULL };
	const char *muted = rows->is_looked_at && !row->pending
				    ? notify_alert_muted_by(rows->api->sources.notify,
					      row->fingerprint, rows->now)
				    : NULL;
	const char *state = state_of(rows, row, muted);
	struct strbuf *out = rows->out;
	char value[NUM_MAX];

	if (!rows->n++)
		html_begin_table(out, "Alerts", columns);
	html_begin_row(out, state);
	html_state_cell(out, state);
	html_begin_cell(out, "Alert");
	strbuf_adds(out, "<div>");
	add_name(out, row);
	html_labels(out, row->labels, named);
	add_silencing(rows, row, muted);
	strbuf_adds(out, "</div>");
	html_end_cell(out);
	html_begin_cell(out, "Since");
	strbuf_adds(out, "<div>");
	html_age(out, row->since_wall_ms, rows->now.wall_ms);
	strbuf_adds(out, "</div>");
	html_end_cell(out);
	html_begin_number(out, "Value");
	if (row->rule) {
		num_format_go(value, row->value);
		html_text(out, value);
	}
	html_end_cell(out);
	add_receivers(rows);
	add_texts(out, row->annotations);
	html_end_row(out);
}

/* -- all rows --------------------------------------------------------------------------------- */

static bool is_full(const struct alert_rows *rows)
{
	return rows->n >= PAGE_MAX_ROWS || rows->n_looked >= MAX_LOOKED;
}

static void add_rule(struct alert_rows *rows, const struct rule_info *rule, enum rule_state state,
	enum pass pass)
{
	for (size_t i = 0; i < rule->n_alerts && !is_full(rows); i++) {
		const struct rule_alert_info *alert = &rule->alerts[i];
		struct alert_row row = { .rule = rule,
			.labels = alert->labels,
			.annotations = alert->annotations,
			.since_wall_ms = alert->active_wall_ms,
			.value = alert->value,
			.pending = state == RULE_PENDING };

		if (alert->state != state)
			continue;
		rows->is_looked_at = false;
		if (!row.pending)
			look_of_rule(rows, &row);
		if (is_hidden(rows) == (pass == HIDDEN))
			add_row(rows, &row);
	}
}

static void add_rules(struct alert_rows *rows, const struct group_info *groups, size_t n,
	enum rule_state state, enum pass pass)
{
	for (size_t g = 0; g < n; g++) {
		for (size_t r = 0; r < groups[g].n_rules && !is_full(rows); r++)
			add_rule(rows, &groups[g].rules[r], state, pass);
	}
}

/* Those of rules have no end while they fire, and stand among these. */
static void add_others(
	struct alert_rows *rows, const uint64_t *fingerprints, size_t n, enum pass pass)
{
	const struct notify *notify = rows->api->sources.notify;

	for (size_t i = 0; i < n && !is_full(rows); i++) {
		const struct alert *alert = notify_alert_get(notify, fingerprints[i]);
		struct alert_row row = { .fingerprint = fingerprints[i] };

		if (!alert || !alert->ends_wall_ms)
			continue;
		look(rows, fingerprints[i]);
		if (!rows->is_looked_at || is_hidden(rows) != (pass == HIDDEN))
			continue;
		row.labels = rows->look.alert->labels;
		row.annotations = rows->look.alert->annotations;
		row.since_wall_ms = rows->look.alert->starts_wall_ms;
		row.url = rows->look.alert->generator_url;
		add_row(rows, &row);
	}
}

static int add_all(struct alert_rows *rows)
{
	const struct api_sources *sources = &rows->api->sources;
	scoped(freep) struct group_info *groups = NULL;
	scoped(freep) uint64_t *others = NULL;
	size_t n_groups = 0, n_others = 0;
	int err = 0;

	if (sources->rules)
		err = rules_info(sources->rules, &groups, &n_groups);
	if (!err && sources->notify)
		err = notify_alert_list(sources->notify, &others, &n_others);
	if (!err && sources->notify)
		err = api_external_labels(rows->api, &rows->external);
	if (err < 0)
		return err;
	add_rules(rows, groups, n_groups, RULE_FIRING, HEARD);
	add_others(rows, others, n_others, HEARD);
	rows->n_looked = 0;
	add_rules(rows, groups, n_groups, RULE_PENDING, HEARD);
	add_rules(rows, groups, n_groups, RULE_FIRING, HIDDEN);
	add_others(rows, others, n_others, HIDDEN);
	return 0;
}

void page_alerts(struct strbuf *out, const struct api *api, struct instant now,
	const struct page_counts *counts)
{
	struct alert_rows rows = { .out = out, .api = api, .now = now };
	size_t all = counts->firing + counts->pending;

	if (add_all(&rows))
		strbuf_adds(out, "<h2>Alerts</h2>\n<p>There is no memory to list them.</p>\n");
	if (rows.n)
		html_end_table(out);
	if (rows.n && all > rows.n)
		strbuf_addf(out,
			"<p>And %zu more: <a href=\"api/v2/alerts\">/api/v2/alerts</a> has all that "
			"fire, <a href=\"api/v1/alerts\">/api/v1/alerts</a> those that are "
			"pending.</p>\n",
			all - rows.n);
	labels_unref(rows.external);
	notify_look_release(&rows.look);
}
