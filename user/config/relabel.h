/*
 * relabel.h - lists of relabelling rules, wherever they stand.
 */
#ifndef TOLLD_CONFIG_RELABEL_H
#define TOLLD_CONFIG_RELABEL_H

#include "config/schema.h"

/* The keys of one rule, for lists that are only checked. */
extern const struct schema relabel_schema;

/* Reads and makes the rules of a list; faults are told at the setting that they are about. */
void config_read_relabels(
	struct reader *r, const struct tree_pair *pair, struct config_relabels *ret);

#endif
