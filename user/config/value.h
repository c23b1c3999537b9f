/*
 * value.h - settings of any shape, kept after their tree is gone.
 */
#ifndef TOLLD_CONFIG_VALUE_H
#define TOLLD_CONFIG_VALUE_H

#include "config/reader.h"

/* Copies a node into the configuration. False, told, where it cannot be kept. */
bool value_read(
	struct reader *r, const char *name, const struct tree_node *node, struct config_value *ret);
/* Sets a text of a mapping, in place of what was there; key and text live as long as it does. */
bool value_set(
	struct reader *r, struct config_value *map, const char *key, struct config_text text);
/* Makes it as if the key were not there. */
void value_unset(struct config_value *map, const char *key);

#endif
