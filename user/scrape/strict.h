/*
 * strict.h - whether a text keeps all rules of OpenMetrics, those included that Prometheus does not
 * ask for: what samples of a family mean together, in which order they come, what has an exemplar.
 *
 * For whoever writes an exporter. A scrape does not ask for it: a target that is up for Prometheus is
 * up here. Source: OpenMetrics 1.0, and the parser of its reference implementation where the text
 * leaves something open.
 */
#ifndef TOLLD_SCRAPE_STRICT_H
#define TOLLD_SCRAPE_STRICT_H

#include <stddef.h>

struct strict_counts {
	size_t families, samples;
};

/* 0 with *ret; -EINVAL with "line 3, column 7: what, got ..." of the first fault in error[]; -ENOMEM. */
int strict_check(
	const char *text, size_t len, struct strict_counts *ret, char *error, size_t error_size);

#endif
