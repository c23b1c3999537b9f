/*
 * original.h - Alertmanager's and Prometheus's parts of the settings, each as one file; private to config/.
 */
#ifndef TOLLD_CONFIG_ORIGINAL_H
#define TOLLD_CONFIG_ORIGINAL_H

#include "config/schema.h"

/* Keys of routes that are tolld's own. */
#define CONFIG_REPEAT_INTERVAL_MAX	"repeat_interval_max"
#define CONFIG_SEND_RESOLVED_SUPPRESSED "send_resolved_suppressed"

/* The keys of `global` that Alertmanager knows; global.c. */
extern const struct schema config_alertmanager_global;

/* Once all files were read: fills alertmanager_text and prometheus_text. */
void config_write_original(struct reader *r);

#endif
