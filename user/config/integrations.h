/*
 * integrations.h - Alertmanager's receiver types that tolld does not serve.
 *
 * They are known key by key, so that a file with them is understood: a receiver that no route
 * reaches does no harm, and in one that is reached each type is told by its name.
 */
#ifndef TOLLD_CONFIG_INTEGRATIONS_H
#define TOLLD_CONFIG_INTEGRATIONS_H

#include "config/schema.h"

/* All *_configs of a receiver but email_configs. */
extern const struct schema integrations_schema;

/* What Alertmanager itself would refuse in a list of one type: credentials that are missing or double. */
void integration_check(struct reader *r, const struct tree_pair *pair);

#endif
