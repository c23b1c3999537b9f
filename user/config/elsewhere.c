/*
 * elsewhere.c - tables of sections that matter to other uses than alarms.
 *
 * Source: prometheus config/config.go.
 */
#include "config/elsewhere.h"

#include "config/http.h"
#include "config/relabel.h"

static const struct schema_key runtime_keys[] = {
	NEEDLESS("gogc", S_INT, "tolld has no collector of garbage"),
};
const struct schema runtime_schema = SCHEMA("runtime", runtime_keys, NULL);

#define S struct config_storage
static const struct schema_key retention_keys[] = {
	SERVED("time", S_DURATION, S, retention_ms),
	SERVED("size", S_SIZE, S, retention_bytes),
	NEEDLESS("percentage", S_TEXT, "say it as size"),
};
#undef S
static const struct schema retention_schema = SCHEMA("retention", retention_keys, NULL);

/* All of `storage` is read into one struct. */
#define PART_OF_IT(name_, sub_)                                                                    \
	{                                                                                          \
		.name = (name_), .type = S_MAP, .state = S_SERVED, .sub = &(sub_)                  \
	}

static const struct schema_key tsdb_keys[] = {
	NEEDLESS("out_of_order_time_window", S_DURATION,
		"samples come from tolld's own scrapes, in order"),
	NEEDLESS("stale_series_compaction_threshold", S_TEXT,
		"old samples leave memory by themselves"),
	PART_OF_IT("retention", retention_schema),
};
static const struct schema tsdb_schema = SCHEMA("tsdb", tsdb_keys, NULL);

static const struct schema_key exemplars_keys[] = {
	NEEDLESS("max_exemplars", S_INT, "exemplars are read and not kept"),
};
static const struct schema exemplars_schema = SCHEMA("exemplars", exemplars_keys, NULL);

static const struct schema_key storage_keys[] = {
	PART_OF_IT("tsdb", tsdb_schema),
	PART_OF_IT("exemplars", exemplars_schema),
};
const struct schema storage_schema = SCHEMA("storage", storage_keys, NULL);

void config_read_storage(struct reader *r, const struct tree_pair *pair, void *out)
{
	schema_read(r, &storage_schema, pair->value, &r->config->storage);
}

/* Prometheus's and Alertmanager's are the same but for `timeout`. */
static const struct schema_key tracing_keys[] = {
	QUIET("client_type", S_TEXT),
	QUIET("endpoint", S_TEXT),
	QUIET("sampling_fraction", S_TEXT),
	QUIET("insecure", S_BOOL),
	QUIET_IN("tls_config", S_MAP, tls_schema),
	QUIET("headers", S_ANY),
	QUIET("http_headers", S_ANY),
	QUIET("compression", S_TEXT),
	QUIET("timeout", S_DURATION),
};
const struct schema tracing_schema = SCHEMA("tracing", tracing_keys, NULL);

static const struct schema_key queue_keys[] = {
	QUIET("capacity", S_COUNT),
	QUIET("max_shards", S_COUNT),
	QUIET("min_shards", S_COUNT),
	QUIET("max_samples_per_send", S_COUNT),
	QUIET("batch_send_deadline", S_DURATION),
	QUIET("min_backoff", S_DURATION),
	QUIET("max_backoff", S_DURATION),
	QUIET("retry_on_http_429", S_BOOL),
	QUIET("sample_age_limit", S_DURATION),
};
static const struct schema queue_schema = SCHEMA("queue_config", queue_keys, NULL);

static const struct schema_key metadata_keys[] = {
	QUIET("send", S_BOOL),
	QUIET("send_interval", S_DURATION),
	QUIET("max_samples_per_send", S_COUNT),
};
static const struct schema metadata_schema = SCHEMA("metadata_config", metadata_keys, NULL);

static const struct schema_key remote_write_keys[] = {
	QUIET("url", S_SECRET),
	QUIET("remote_timeout", S_DURATION),
	QUIET("headers", S_PAIRS),
	QUIET_IN("write_relabel_configs", S_LIST, relabel_schema),
	QUIET("name", S_TEXT),
	QUIET("send_exemplars", S_BOOL),
	QUIET("send_native_histograms", S_BOOL),
	QUIET("round_robin_dns", S_BOOL),
	QUIET("protobuf_message", S_TEXT),
	QUIET_IN("queue_config", S_MAP, queue_schema),
	QUIET_IN("metadata_config", S_MAP, metadata_schema),
	QUIET("sigv4", S_ANY),
	QUIET("azuread", S_ANY),
	QUIET("google_iam", S_ANY),
};
const struct schema remote_write_schema = SCHEMA("remote_write", remote_write_keys, &http_schema);

static const struct schema_key remote_read_keys[] = {
	QUIET("url", S_SECRET),
	QUIET("remote_timeout", S_DURATION),
	QUIET("chunked_read_limit", S_COUNT),
	QUIET("headers", S_PAIRS),
	QUIET("read_recent", S_BOOL),
	QUIET("name", S_TEXT),
	QUIET("required_matchers", S_PAIRS),
	QUIET("filter_external_labels", S_BOOL),
};
const struct schema remote_read_schema = SCHEMA("remote_read", remote_read_keys, &http_schema);

static const struct schema_key otlp_keys[] = {
	QUIET("promote_all_resource_attributes", S_BOOL),
	QUIET("promote_resource_attributes", S_TEXTS),
	QUIET("ignore_resource_attributes", S_TEXTS),
	QUIET("translation_strategy", S_TEXT),
	QUIET("keep_identifying_resource_attributes", S_BOOL),
	QUIET("convert_histograms_to_nhcb", S_BOOL),
	QUIET("promote_scope_metadata", S_BOOL),
	QUIET("label_name_underscore_sanitization", S_BOOL),
	QUIET("label_name_preserve_multiple_underscores", S_BOOL),
};
const struct schema otlp_schema = SCHEMA("otlp", otlp_keys, NULL);
