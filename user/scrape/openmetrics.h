/*
 * openmetrics.h - OpenMetrics 1.0 in text, pulled entry by entry.
 *
 * The same entries and the same struct as exposition.h's, and its functions for labels work on what
 * comes from here. What is accepted is what Prometheus accepts (model/textparse/openmetricslex.l and
 * openmetricsparse.go): single spaces, every line ended, "# EOF" at the end, no other comments.
 * Exemplars are checked and pointed to; _created samples are samples, as with Prometheus's defaults.
 */
#ifndef TOLLD_SCRAPE_OPENMETRICS_H
#define TOLLD_SCRAPE_OPENMETRICS_H

#include "scrape/exposition.h"

void openmetrics_init(struct exposition *p, const char *text, size_t len);
/* As exposition_next(); EXPOSITION_UNIT in addition. */
int openmetrics_next(struct exposition *p, struct exposition_entry *ret);
/* As exposition_expect(). */
int openmetrics_expect(
	struct exposition *p, const char *series, size_t len, struct exposition_entry *ret);

#endif
