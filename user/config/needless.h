/*
 * needless.h - keys that only matter to clusters and clouds, and what else tolld does without for good:
 * one table, out of the sections' own, for the README and its test.
 */
#ifndef TOLLD_CONFIG_NEEDLESS_H
#define TOLLD_CONFIG_NEEDLESS_H

#include "config/schema.h"

/* Reasons that several sections give. */
#define WHY_FLOATS   "tolld keeps floats and no native histograms"
#define WHY_FAILURES "the log tells why a target is down"

/* The sections' tables. */
extern const struct schema config_file_schema, global_schema, scrape_schema;

/* Calls fn for each such key of Prometheus's sections; refused: an error and not a warning. */
typedef void config_needless_fn(
	const char *section, const char *key, bool refused, const char *why, void *userdata);
void config_needless(config_needless_fn *fn, void *userdata);

#endif
