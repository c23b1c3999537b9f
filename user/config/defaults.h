/*
 * defaults.h - the texts of the built-in configuration.
 */
#ifndef TOLLD_CONFIG_DEFAULTS_H
#define TOLLD_CONFIG_DEFAULTS_H

extern const char config_default_settings[];
extern const char config_default_rules[];

#endif
