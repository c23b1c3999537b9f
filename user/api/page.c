/*
 * page.c - the page at `/`: services, alerts, silences, targets, for people.
 *
 * The server writes it whole, so it works without JavaScript; page.js only asks for it again. Its
 * frame is user/web/index.html, with a place for each part.
 */
#include "api/page.h"

#include <microhttpd.h>
#include "api/html.h"
#include "api/services.h"
#include "web/index.html.h"
#include "web/page.js.h"
#include "web/style.css.h"
#include "watch/figures.h"

static void add_count(struct strbuf *out, size_t n, const char *one, const char *many)
{
	strbuf_addf(out, "%zu %s", n, n == 1 ? one : many);
}

static void count_services(const struct watch *watch, struct page_counts *counts)
{
	for (size_t i = 0; i < watch_services(watch); i++) {
		struct service_figures figures;
		struct service_info info;

		service_info(watch_service(watch, i), &info);
		service_figures(watch_service(watch, i), &figures);
		counts->services++;
		counts->services_down += info.state == SERVICE_DOWN;
		counts->services_unknown += info.state == SERVICE_UNKNOWN;
		counts->services_still += figures.standstill != STANDSTILL_NONE;
	}
}

static void count_targets(const struct scrape *scrape, struct page_counts *counts)
{
	for (size_t i = 0; i < scrape_targets(scrape); i++) {
		struct target_info target;

		target_info(scrape_target(scrape, i), &target);
		counts->targets++;
		counts->targets_down += target.up == 0;
	}
}

static void count_alerts(
	const struct api_sources *sources, struct instant now, struct page_counts *counts)
{
	struct rules_stats rules = { 0 };
	struct notify_census census = { 0 };

	if (sources->rules)
		rules_stats(sources->rules, &rules);
	if (sources->notify)
		notify_count(sources->notify, now, &census);
	counts->firing = rules.alerts_firing + census.from_outside;
	counts->pending = rules.alerts_pending;
	counts->silenced = census.silenced;
	counts->inhibited = census.inhibited;
}

static void count(const struct api *api, struct instant now, struct page_counts *ret)
{
	*ret = (struct page_counts){ 0 };
	if (api->sources.watch)
		count_services(api->sources.watch, ret);
	if (api->sources.scrape)
		count_targets(api->sources.scrape, ret);
	count_alerts(&api->sources, now, ret);
}

/* "1 of 5 services down, 2 alerts firing" */
static void summarise(struct strbuf *out, const struct page_counts *c)
{
	if (c->services_down)
		strbuf_addf(out, "%zu of %zu services down", c->services_down, c->services);
	else if (c->services_unknown)
		strbuf_addf(out, "%zu of %zu services unknown", c->services_unknown, c->services);
	else if (c->services_still)
		strbuf_addf(out, "%zu of %zu services stopped or frozen", c->services_still,
			c->services);
	else if (c->services)
		strbuf_addf(out, c->services == 1 ? "the service is up" : "all %zu services up",
			c->services);
	else
		strbuf_adds(out, "no services watched");
	if (c->targets_down)
		strbuf_addf(out, ", %zu of %zu targets down", c->targets_down, c->targets);
	if (c->firing) {
		strbuf_adds(out, ", ");
		add_count(out, c->firing, "alert firing", "alerts firing");
	}
	if (c->silenced)
		strbuf_addf(out, " (%zu silenced", c->silenced);
	if (c->inhibited)
		strbuf_addf(out, "%s%zu inhibited", c->silenced ? ", " : " (", c->inhibited);
	if (c->silenced || c->inhibited)
		strbuf_adds(out, ")");
	if (c->pending) {
		strbuf_adds(out, ", ");
		add_count(out, c->pending, "alert pending", "alerts pending");
	}
}

static void add_footer(struct strbuf *out, const struct api *api, struct instant now)
{
	struct watch_stats stats;

	if (api->sources.watch) {
		watch_stats(api->sources.watch, &stats);
		strbuf_adds(out, "<p>Watched by the ");
		html_text(out, stats.backend_name);
		strbuf_adds(out, " backend: ");
		html_text(out, stats.backend_reason);
		strbuf_adds(out, "</p>\n");
	}
	strbuf_adds(out, "<p>tolld " TOLLD_VERSION " (" TOLLD_REVISION "). "
			 "<a href=\"silences\">Silences</a>, <a href=\"graph\">query</a>, "
			 "<a href=\"metrics\">metrics</a>, "
			 "<a href=\"api/v1/services\">services</a>, "
			 "<a href=\"api/v1/rules\">rules</a>, "
			 "<a href=\"api/v1/alerts\">alerts</a>, "
			 "<a href=\"api/v1/targets\">targets</a>.</p>");
}

struct part {
	const char *marker;
	const struct strbuf *text;
};

/* Copies the frame with each marker replaced; a '@' that begins none stands for itself. */
static void fill_frame(struct strbuf *out, const struct part *parts, size_t n)
{
	const char *at = (const char *)index_html;

	while (*at) {
		size_t plain = strcspn(at, "@"), i;

		strbuf_add(out, at, plain);
		at += plain;
		if (!*at)
			break;
		for (i = 0; i < n && !starts_with(at, parts[i].marker); i++)
			;
		if (i < n) {
			strbuf_add(out, parts[i].text->s, parts[i].text->len);
			at += strlen(parts[i].marker);
			if (parts[i].text->err)
				out->err = parts[i].text->err;
		} else {
			strbuf_addch(out, *at++);
		}
	}
}

static void answer_page(struct request *req, unsigned status, const struct strbuf *main_part,
	const struct page_counts *counts, bool stays, struct instant now)
{
	/* Where there is no JavaScript to ask for it again. */
	static const char again[] =
		"<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>";
	struct strbuf summary = STRBUF_INIT, title = STRBUF_INIT, footer = STRBUF_INIT;
	struct strbuf version = STRBUF_INIT, refresh = STRBUF_INIT;
	const struct part parts[] = {
		{ "@TITLE@", &title },
		{ "@VERSION@", &version },
		{ "@REFRESH@", &refresh },
		{ "@SUMMARY@", &summary },
		{ "@MAIN@", main_part },
		{ "@FOOTER@", &footer },
	};
	struct response *resp = &req->response;

	summarise(&summary, counts);
	strbuf_addf(&title, "tolld: %s", summary.s);
	strbuf_adds(&refresh, stays ? "" : again);
	strbuf_adds(&version, TOLLD_VERSION "-" TOLLD_REVISION);
	add_footer(&footer, req->api, now);
	fill_frame(&resp->body, parts, ARRAY_SIZE(parts));
	resp->status = status;
	resp->content_type = "text/html; charset=utf-8";
	resp->cache_control = "no-store";
	resp->page = true;
	strbuf_release(&summary);
	strbuf_release(&title);
	strbuf_release(&footer);
	strbuf_release(&version);
	strbuf_release(&refresh);
}

void page_answer(struct request *req, unsigned status, const struct strbuf *main_part, bool stays,
	struct instant now)
{
	struct page_counts counts;

	count(req->api, now, &counts);
	answer_page(req, status, main_part, &counts, stays, now);
}

void page_get(struct request *req, struct instant now)
{
	struct strbuf tables = STRBUF_INIT;
	struct page_counts counts;

	services_measure(req->api);
	count(req->api, now, &counts);
	page_alerts(&tables, req->api, now, &counts);
	page_silences(&tables, req->api, now);
	page_services(&tables, req->api, now);
	page_targets(&tables, req->api, now);
	if (!tables.len)
		strbuf_adds(&tables, "<p class=\"none\">Nothing is watched and nothing is "
				     "scraped yet.</p>\n");
	answer_page(req, MHD_HTTP_OK, &tables, &counts, false, now);
	strbuf_release(&tables);
}

void page_graph(struct request *req, struct instant now)
{
	struct strbuf text = STRBUF_INIT;

	page_query(&text, req->api, request_param(req, "g0.expr"), now);
	page_answer(req, MHD_HTTP_OK, &text, false, now);
	strbuf_release(&text);
}

static void answer_file(
	struct request *req, const unsigned char *bytes, size_t len, const char *content_type)
{
	struct response *resp = &req->response;

	strbuf_add(&resp->body, bytes, len);
	resp->status = MHD_HTTP_OK;
	resp->content_type = content_type;
	/* The page names the version behind a '?', so a new tolld is asked for anew. */
	resp->cache_control = "max-age=86400";
}

void page_style(struct request *req, struct instant now)
{
	answer_file(req, style_css, style_css_size, "text/css; charset=utf-8");
}

void page_script(struct request *req, struct instant now)
{
	answer_file(req, page_js, page_js_size, "text/javascript; charset=utf-8");
}
