/*
 * elsewhere.h - sections that matter to other uses of Prometheus and Alertmanager than alarms.
 */
#ifndef TOLLD_CONFIG_ELSEWHERE_H
#define TOLLD_CONFIG_ELSEWHERE_H

#include "config/schema.h"

extern const struct schema runtime_schema, storage_schema, tracing_schema, remote_write_schema,
	remote_read_schema, otlp_schema;
void config_read_storage(struct reader *r, const struct tree_pair *pair, void *out);

#endif
