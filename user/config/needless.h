/*
 * needless.h - the sections with keys that only matter to clusters and clouds, or that tolld does without for
 * good. A row with a `why` is one of them; the README's table lists them all.
 */
#ifndef TOLLD_CONFIG_NEEDLESS_H
#define TOLLD_CONFIG_NEEDLESS_H

#include "config/schema.h"

/* Reasons that several sections give. */
#define WHY_FLOATS   "tolld keeps floats and no native histograms"
#define WHY_FAILURES "the log tells why a target is down"

/* The sections' tables. */
extern const struct schema config_file_schema, global_schema, scrape_schema;

#endif
