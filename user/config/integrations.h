/*
 * integrations.h - Alertmanager's receiver types but mail.
 *
 * They are known key by key, so that a file with them is understood: a receiver that no route
 * reaches does no harm, and in one that is reached what is not served is told by its name.
 */
#ifndef TOLLD_CONFIG_INTEGRATIONS_H
#define TOLLD_CONFIG_INTEGRATIONS_H

#include "config/schema.h"

struct integration_default {
	const char *key, *text;
};

struct integration_type {
	const char *name; /* the key without _configs */
	bool send_resolved;
	const struct integration_default *defaults; /* ends with a NULL key */
	const char *unserved;			    /* why it is not served; NULL: it is */
};

extern const struct integration_type integration_types[];
extern const size_t n_integration_types;

/* All *_configs of a receiver but email_configs. */
extern const struct schema integrations_schema;

/* What Alertmanager itself would refuse in a list of one type: credentials that are missing or double. */
void integration_check(struct reader *r, const struct tree_pair *pair);

/* Tells what is no address over HTTP. */
void integration_check_url(struct reader *r, const struct tree_pair *pair);

/*
 * Adds the items of a list to the receiver. Where it is not `reached`, an item that has more than is
 * served is left out without a word.
 */
void integration_read(struct reader *r, const struct tree_pair *pair,
	struct config_receiver *receiver, bool reached);

#endif
