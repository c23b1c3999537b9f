/*
 * metrics.h - tolld's own figures in Prometheus's text format.
 */
#ifndef TOLLD_API_METRICS_H
#define TOLLD_API_METRICS_H

#include "api/api.h"

/* All but those of services, which service_rows.h has. */
void metrics_add_own(struct strbuf *out, const struct api *api, struct instant now);

#endif
