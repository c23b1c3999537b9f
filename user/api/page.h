/*
 * page.h - the page's sections, and what its summary counts while they are written.
 */
#ifndef TOLLD_API_PAGE_H
#define TOLLD_API_PAGE_H

#include "api/state.h"

/* More rows than this are counted and not shown: nobody reads them, and a storm must not cost twice. */
#define PAGE_MAX_ROWS 500
/* Of each service; the API has all. With many services none are shown, so that the page stays small. */
#define PAGE_MAX_EVENTS		      10
#define PAGE_MAX_SERVICES_WITH_EVENTS 100

struct page_counts {
	size_t services, services_down, services_unknown;
	size_t targets, targets_down;
	size_t firing, pending;
};

void page_alerts(
	struct strbuf *out, const struct api *api, struct instant now, struct page_counts *counts);
void page_services(
	struct strbuf *out, const struct api *api, struct instant now, struct page_counts *counts);
void page_targets(
	struct strbuf *out, const struct api *api, struct instant now, struct page_counts *counts);
/* The form for an expression and, where there is one, its value now. */
void page_query(struct strbuf *out, const struct api *api, const char *query, struct instant now);

#endif
