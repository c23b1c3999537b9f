/*
 * page.h - the page's sections, and what its summary counts while they are written.
 */
#ifndef TOLLD_API_PAGE_H
#define TOLLD_API_PAGE_H

#include "api/state.h"
#include "notify/notify.h"

/* More rows than this are counted and not shown: nobody reads them, and a storm must not cost twice. */
#define PAGE_MAX_ROWS 500
/* Of each service; the API has all. With many services none are shown, so that the page stays small. */
#define PAGE_MAX_EVENTS		      10
#define PAGE_MAX_SERVICES_WITH_EVENTS 100

struct page_counts {
	size_t services, services_down, services_unknown;
	size_t targets, targets_down;
	size_t firing, pending, silenced;
};

/* What a row of an alert needs to know of silences. */
struct page_silencing {
	struct labels *external; /* NULL: nothing is known */
	struct notify_look look;
};

void page_alerts(
	struct strbuf *out, const struct api *api, struct instant now, struct page_counts *counts);
void page_services(
	struct strbuf *out, const struct api *api, struct instant now, struct page_counts *counts);
void page_targets(
	struct strbuf *out, const struct api *api, struct instant now, struct page_counts *counts);
/* Silences that are active or pending. */
void page_silences(struct strbuf *out, const struct api *api, struct instant now);
void page_silencing_begin(struct page_silencing *silencing, const struct api *api);
/* Which silence an alert has, or a link that makes one; whether it is silenced. */
bool page_silencing_add(struct page_silencing *silencing, const struct api *api, struct strbuf *out,
	const struct labels *labels, struct instant now);
void page_silencing_end(struct page_silencing *silencing);
/*
 * Answers with a page of its own: this, in the frame of all pages. `stays`: it is being filled in, and must not
 * be replaced by a newer one.
 */
void page_answer(struct request *req, unsigned status, const struct strbuf *main_part, bool stays,
	struct instant now);
/* The form for an expression and, where there is one, its value now. */
void page_query(struct strbuf *out, const struct api *api, const char *query, struct instant now);

#endif
