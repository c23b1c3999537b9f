/*
 * defaults.h - the texts of the built-in configuration.
 */
#ifndef TOLLD_CONFIG_DEFAULTS_H
#define TOLLD_CONFIG_DEFAULTS_H

#include "base/strbuf.h"

/* Adds the settings; `own_address` is the HOST:PORT that this daemon serves its metrics on. */
void config_default_settings(struct strbuf *out, const char *own_address);
/* The rules, as a file's text. */
const char *config_default_rules(size_t *ret_len);

#endif
