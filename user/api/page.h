/*
 * page.h - the page's sections, and what its summary counts.
 */
#ifndef TOLLD_API_PAGE_H
#define TOLLD_API_PAGE_H

#include "api/state.h"

/* More rows than this are counted and not shown: nobody reads them, and a storm must not cost twice. */
#define PAGE_MAX_ROWS 500
/* Of each service; the API has all. With many services none are shown, so that the page stays small. */
#define PAGE_MAX_EVENTS		      10
#define PAGE_MAX_SERVICES_WITH_EVENTS 100

/* What the summary says, of all that there is, whether it is drawn or not. */
struct page_counts {
	size_t services, services_down, services_unknown, services_still;
	size_t targets, targets_down;
	size_t firing, pending, silenced, inhibited;
};

void page_alerts(struct strbuf *out, const struct api *api, struct instant now,
	const struct page_counts *counts);
void page_services(struct strbuf *out, const struct api *api, struct instant now);
void page_targets(struct strbuf *out, const struct api *api, struct instant now);
/* Silences that are active or pending. */
void page_silences(struct strbuf *out, const struct api *api, struct instant now);
/* Which silence an alert has. */
void page_silenced_by(struct strbuf *out, const struct silence *silence, struct instant now);
/* A link that makes one for these labels. */
void page_silence_link(struct strbuf *out, const struct labels *labels);
/*
 * Answers with a page of its own: this, in the frame of all pages. `stays`: it is being filled in, and must not
 * be replaced by a newer one.
 */
void page_answer(struct request *req, unsigned status, const struct strbuf *main_part, bool stays,
	struct instant now);
/* The form for an expression and, where there is one, its value now. */
void page_query(struct strbuf *out, const struct api *api, const char *query, struct instant now);

#endif
