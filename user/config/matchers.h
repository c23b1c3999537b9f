/*
 * matchers.h - conditions on labels, as routes and inhibition rules have them; private to config/.
 */
#ifndef TOLLD_CONFIG_MATCHERS_H
#define TOLLD_CONFIG_MATCHERS_H

#include "config/schema.h"

/*
 * Adds the matchers of a pair, told by the end of its key: `match_re` and the like hold names and
 * expressions, `match` names and values, `matchers` a list in the syntax of model/matcher_parser.h.
 */
void matchers_read(struct reader *r, const struct tree_pair *pair, struct config_matchers *to);

#endif
