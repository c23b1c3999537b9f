/*
 * sections.c - the page's tables of services and targets, and of what a query gives. What needs a person comes first.
 */
#include "api/page.h"

#include "api/html.h"
#include "api/services.h"
#include "base/escape.h"
#include "base/num.h"
#include "watch/figures.h"

static const char *const no_labels[] = { NULL };

static void begin_section(
	struct strbuf *out, size_t *rows, const char *heading, const char *const *columns)
{
	if (!*rows)
		html_begin_table(out, heading, columns);
	++*rows;
}

static void end_section(struct strbuf *out, size_t rows, const char *path)
{
	if (!rows)
		return;
	html_end_table(out);
	if (rows > PAGE_MAX_ROWS)
		strbuf_addf(out, "<p>And %zu more: <a href=\"%s\">/%s</a> has all.</p>\n",
			rows - PAGE_MAX_ROWS, path, path);
}

static void add_event_text(struct strbuf *out, const struct history_event *e)
{
	struct strbuf text = STRBUF_INIT;

	if (e->kind == HISTORY_DEATH)
		death_describe(e->death, &text);
	else if (e->found)
		strbuf_adds(&text, "was there when tolld looked");
	else
		strbuf_adds(&text, e->restart ? "started again" : "started");
	if (e->kind == HISTORY_START && e->pid)
		strbuf_addf(&text, " (pid %d)", (int)e->pid);
	escape_html(out, text.s, text.len);
	if (text.err)
		out->err = text.err;
	strbuf_release(&text);
}

static bool is_start_or_death(const struct history_event *e)
{
	return e->kind == HISTORY_START || (e->kind == HISTORY_DEATH && e->death);
}

/* Its last starts and deaths, the newest first, folded; page.js keeps open what is open, by the name. */
static void add_events(
	struct strbuf *out, const struct api *api, const char *name, struct instant now)
{
	const struct history *history = api->sources.history;
	const struct history_event *e = history ? history_last(history, name) : NULL;
	size_t n = 0;

	if (watch_services(api->sources.watch) > PAGE_MAX_SERVICES_WITH_EVENTS)
		return;
	for (; e && n < PAGE_MAX_EVENTS; e = e->older) {
		if (!is_start_or_death(e))
			continue;
		if (!n++) {
			strbuf_adds(out, "<details data-service=\"");
			html_text(out, name);
			strbuf_adds(out, "\"><summary>Starts and deaths</summary><ol>");
		}
		strbuf_addf(out, "<li class=\"%s\">", history_kind_name(e->kind));
		add_event_text(out, e);
		strbuf_adds(out, "<small>");
		html_age(out, e->at.wall_ms, now.wall_ms);
		strbuf_adds(out, "</small></li>");
	}
	if (n)
		strbuf_adds(out, "</ol></details>");
}

static enum standstill standstill_of(const struct service *service)
{
	struct service_figures figures;

	service_figures(service, &figures);
	return figures.standstill;
}

/* One that lives and does not listen, or that nobody has seen, has not died now: its state says since when. */
static void add_since_death(struct strbuf *out, const struct service_info *info, struct instant now)
{
	if (!info->died || (info->state == SERVICE_DOWN && info->pid))
		return;
	strbuf_adds(out, "<small>");
	html_age(out, info->last_death.at.wall_ms, now.wall_ms);
	strbuf_adds(out, "</small>");
}

static void add_death(struct strbuf *out, const struct api *api, const struct service *service,
	const struct service_info *info, struct instant now)
{
	struct strbuf cause = STRBUF_INIT, events = STRBUF_INIT;
	enum standstill how = standstill_of(service);

	service_cause(service, &cause);
	add_events(&events, api, info->name, now);
	html_begin_cell(out, "Last cause");
	/* One box for all: on a phone the boxes of a cell stand side by side. */
	if (cause.len || events.len || how)
		strbuf_adds(out, "<div>");
	if (how) {
		strbuf_adds(out, "<div class=\"cause\">");
		standstill_describe(how, info->pid, out);
		strbuf_adds(out, "</div>");
	}
	if (cause.len) {
		strbuf_addf(out, "<div%s>", info->state == SERVICE_DOWN ? " class=\"cause\"" : "");
		escape_html(out, cause.s, cause.len);
		add_since_death(out, info, now);
		strbuf_adds(out, "</div>");
	}
	strbuf_add(out, events.s, events.len);
	if (cause.len || events.len || how)
		strbuf_adds(out, "</div>");
	html_end_cell(out);
	if (events.err)
		out->err = events.err;
	strbuf_release(&cause);
	strbuf_release(&events);
}

static void add_process(struct strbuf *out, const struct service_info *info)
{
	html_begin_number(out, "Process");
	if (info->pid) {
		strbuf_addf(out, "<div>%d<small>", (int)info->pid);
		escape_html(out, info->comm, strnlen(info->comm, sizeof(info->comm)));
		strbuf_adds(out, "</small></div>");
	}
	html_end_cell(out);
}

static void add_service(struct strbuf *out, const struct api *api, const struct service *service,
	const struct service_info *info, struct instant now)
{
	const char *state = service_state_name(info->state);
	const char *how = standstill_name(standstill_of(service));

	html_begin_row(out, state);
	html_begin_cell(out, "State");
	strbuf_addf(out, "<span class=\"state %s\">%s%s%s</span>", how ? how : state, state,
		how ? ", " : "", how ? how : "");
	html_end_cell(out);
	html_begin_cell(out, "Service");
	strbuf_adds(out, "<div><span class=\"name\">");
	html_text(out, info->name);
	strbuf_adds(out, "</span><small>");
	html_text(out, info->selector);
	strbuf_adds(out, "</small></div>");
	html_end_cell(out);
	html_begin_cell(out, "Since");
	strbuf_adds(out, "<div>");
	html_age(out, service_since_wall_ms(api, info), now.wall_ms);
	strbuf_adds(out, "</div>");
	html_end_cell(out);
	add_process(out, info);
	html_begin_number(out, "Restarts");
	strbuf_addf(out, "%u", info->restarts);
	html_end_cell(out);
	add_death(out, api, service, info, now);
	html_end_row(out);
}

/* What needs a person comes first. */
enum { RANK_DOWN, RANK_UNKNOWN, RANK_STANDSTILL, RANK_UP, RANKS };

static int rank_of(const struct service *service, const struct service_info *info)
{
	if (info->state == SERVICE_DOWN)
		return RANK_DOWN;
	if (info->state == SERVICE_UNKNOWN)
		return RANK_UNKNOWN;
	return standstill_of(service) ? RANK_STANDSTILL : RANK_UP;
}

void page_services(struct strbuf *out, const struct api *api, struct instant now)
{
	static const char *const columns[] = { "State", "Service", "Since", "Process", "Restarts",
		"Last cause", NULL };
	const struct watch *watch = api->sources.watch;
	size_t rows = 0;

	for (int rank = 0; watch && rank < RANKS; rank++) {
		for (size_t i = 0; i < watch_services(watch); i++) {
			const struct service *service = watch_service(watch, i);
			struct service_info info;

			service_info(service, &info);
			if (rank_of(service, &info) != rank)
				continue;
			begin_section(out, &rows, "Services", columns);
			if (rows <= PAGE_MAX_ROWS)
				add_service(out, api, service, &info, now);
		}
	}
	end_section(out, rows, "api/v1/services");
}

static void add_target(struct strbuf *out, const struct target_info *target, struct instant now)
{
	const char *state = target->up < 0 ? "unknown" : target->up ? "up" : "down";

	html_begin_row(out, state);
	html_state_cell(out, state);
	html_begin_cell(out, "Target");
	strbuf_adds(out, "<div><span class=\"name\">");
	html_text(out, target->url);
	strbuf_adds(out, "</span>");
	html_labels(out, target->labels, no_labels);
	strbuf_adds(out, "</div>");
	html_end_cell(out);
	html_begin_cell(out, "Last scrape");
	strbuf_adds(out, "<div>");
	html_age(out, target->last_wall_ms, now.wall_ms);
	strbuf_adds(out, "</div>");
	html_end_cell(out);
	html_begin_number(out, "Took");
	if (target->last_wall_ms) {
		num_format_fixed(out, (double)target->last_duration_ns / NSEC_PER_MSEC, 1);
		strbuf_adds(out, " ms");
	}
	html_end_cell(out);
	html_cell(out, "Error", target->last_error);
	html_end_row(out);
}

void page_targets(struct strbuf *out, const struct api *api, struct instant now)
{
	static const char *const columns[] = { "State", "Target", "Last scrape", "Took", "Error",
		NULL };
	const struct scrape *scrape = api->sources.scrape;
	size_t rows = 0;

	/* Those that fail first. */
	for (int up = 0; scrape && up <= 1; up++) {
		for (size_t i = 0; i < scrape_targets(scrape); i++) {
			struct target_info target;

			target_info(scrape_target(scrape, i), &target);
			if ((target.up == 0) == up)
				continue;
			begin_section(out, &rows, "Targets", columns);
			if (rows <= PAGE_MAX_ROWS)
				add_target(out, &target, now);
		}
	}
	end_section(out, rows, "api/v1/targets");
}

static void add_result(struct strbuf *out, const struct promql_result *result, const char *query)
{
	static const char *const columns[] = { "Series", "Value", NULL };
	char value[NUM_MAX];

	if (result->type == PROMQL_STRING) {
		strbuf_adds(out, "<p><code>");
		html_text(out, result->text);
		strbuf_adds(out, "</code></p>\n");
		return;
	}
	if (!result->n) {
		strbuf_adds(out, "<p class=\"none\">No series has this value now.</p>\n");
		return;
	}
	html_begin_table(out, "Value now", columns);
	for (size_t i = 0; i < MIN(result->n, (size_t)PAGE_MAX_ROWS); i++) {
		const struct promql_series *series = &result->series[i];
		struct strbuf name = STRBUF_INIT;

		labels_format(series->labels, &name);
		strbuf_adds(out, "<tr><td data-label=\"Series\"><code>");
		html_text(out, name.s);
		strbuf_adds(out, "</code></td><td class=\"number\" data-label=\"Value\">");
		if (series->n) {
			num_format_go(value, series->points[series->n - 1].value);
			strbuf_adds(out, value);
		}
		strbuf_adds(out, "</td></tr>\n");
		strbuf_release(&name);
	}
	html_end_table(out);
	if (result->n > PAGE_MAX_ROWS) {
		strbuf_addf(out, "<p>And %zu more: <a href=\"api/v1/query?query=",
			result->n - PAGE_MAX_ROWS);
		escape_query(out, query, strlen(query));
		strbuf_adds(out, "\">/api/v1/query</a> has all.</p>\n");
	}
}

static void add_value(
	struct strbuf *out, const struct api *api, const char *query, struct instant now)
{
	const struct api_sources *sources = &api->sources;
	const struct promql_options options = { .deadline_boot_ns = now.boot_ns + API_MAX_BLOCK_NS,
		.lookback_ms = api->options.query_lookback_ms,
		.max_samples = api->options.query_max_samples,
		.default_step_ms = sources->default_step_ms
					   ? sources->default_step_ms(sources->userdata)
					   : 0 };
	struct promql_error error = { 0 };
	struct promql_result result = { 0 };
	struct promql_expr *expr;
	int err;

	err = promql_parse(query, &expr, &error);
	if (!err) {
		err = promql_check_evaluable(expr, &error);
		if (!err && sources->db)
			err = promql_eval(
				expr, sources->db, now.wall_ms, &options, &result, &error);
		promql_free(expr);
	}
	if (err) {
		strbuf_adds(out, "<p class=\"cause\">");
		html_text(out, *error.text ? error.text : strerror(-err));
		strbuf_adds(out, "</p>\n");
		return;
	}
	add_result(out, &result, query);
	promql_result_release(&result);
}

void page_query(struct strbuf *out, const struct api *api, const char *query, struct instant now)
{
	strbuf_adds(out, "<form action=\"graph\" method=\"get\" role=\"search\">"
			 "<input name=\"g0.expr\" aria-label=\"Expression\" autocomplete=\"off\" "
			 "spellcheck=\"false\" value=\"");
	html_text(out, query);
	strbuf_adds(out, "\"><button>Ask</button></form>\n");
	if (query && *query)
		add_value(out, api, query, now);
}
