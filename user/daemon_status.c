/*
 * daemon_status.c - what the API tells of how the daemon runs: its flags, its settings, its limits.
 */
#include "daemon_private.h"

#include <inttypes.h>
#include "model/duration.h"

static void add_size(struct strbuf *out, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (unit + 1 < ARRAY_SIZE(units) && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	strbuf_addf(out, "%" PRIu64 "%s", bytes, units[unit]);
}

static void retention(struct strbuf *out, void *userdata)
{
	const struct daemon *d = userdata;
	struct tsdb_retention limits;

	tsdb_retention(d->db, &limits);
	duration_format(out, limits.retention_ms);
	if (!limits.disk_bytes)
		return;
	strbuf_adds(out, " or ");
	add_size(out, limits.disk_bytes);
}

void status_runtime(struct api_runtime *ret, void *userdata)
{
	const struct daemon *d = userdata;
	struct tsdb_stats stats;

	tsdb_stats(d->db, &stats);
	*ret = (struct api_runtime){ .reload_ok = d->reload_ok,
		.config_wall_ms = d->reload_wall_ms ? d->reload_wall_ms : d->started.wall_ms,
		.failed_wall_ms = d->failed_wall_ms,
		.damaged_files = stats.damaged_files,
		.retention = retention };
}

struct flags {
	api_flag_fn *put;
	void *to;
	struct strbuf text;
};

/* The name of ours, and that by which Prometheus's clients look for it. */
static void put(struct flags *f, const char *name, const char *theirs)
{
	f->put(name, f->text.s, f->to);
	if (theirs)
		f->put(theirs, f->text.s, f->to);
	strbuf_reset(&f->text);
}

static void put_list(struct flags *f, const char *name, const char *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&f->text, "%s%s", i ? "," : "", items[i]);
	put(f, name, NULL);
}

static void put_text(struct flags *f, const char *name, const char *theirs, const char *value)
{
	strbuf_adds(&f->text, value ? value : "");
	put(f, name, theirs);
}

static void put_storage(struct flags *f, const struct daemon *d)
{
	const struct daemon_options *o = d->options;
	const struct tsdb_disk_options disk = TSDB_DISK_OPTIONS_DEFAULT;

	put_text(f, "storage.path", "storage.tsdb.path", daemon_storage(o));
	duration_format(&f->text, o->retention_ms ? o->retention_ms : DAEMON_DEFAULT_RETENTION_MS);
	put(f, "storage.retention.time", "storage.tsdb.retention.time");
	add_size(&f->text, o->retention_bytes ? o->retention_bytes : disk.max_bytes);
	put(f, "storage.retention.size", "storage.tsdb.retention.size");
	add_size(&f->text, o->memory_bytes ? o->memory_bytes : TSDB_OPTIONS_DEFAULT.max_bytes);
	put(f, "storage.memory-limit", NULL);
	duration_format(&f->text, o->flush_ms ? o->flush_ms : disk.flush_ms);
	put(f, "storage.flush-interval", NULL);
	duration_format(&f->text, o->block_ms ? o->block_ms : disk.block_ms);
	put(f, "storage.block-interval", NULL);
}

/* A time of which 0 is the default, and less is none. */
static void put_time(struct flags *f, const char *name, int64_t ms, int64_t by_default_ms)
{
	duration_format(&f->text, ms ? MAX(ms, (int64_t)0) : by_default_ms);
	put(f, name, NULL);
}

static void put_queries_and_rules(struct flags *f, const struct daemon_options *o)
{
	put_time(f, "query.timeout", o->query_timeout_ms, API_QUERY_TIMEOUT_MS);
	put_time(f, "query.lookback-delta", o->query_lookback_ms, PROMQL_LOOKBACK_MS);
	strbuf_addf(
		&f->text, "%zu", o->query_max_samples ? o->query_max_samples : PROMQL_MAX_SAMPLES);
	put(f, "query.max-samples", NULL);
	put_time(f, "rules.alert.resend-delay", o->resend_delay_ms, RULES_RESEND_DELAY_MS);
	put_time(f, "rules.alert.for-grace-period", o->grace_period_ms, RULES_GRACE_PERIOD_MS);
	put_time(f, "rules.alert.for-outage-tolerance", o->outage_tolerance_ms,
		RULES_OUTAGE_TOLERANCE_MS);
}

/* What is no flag here, and whose value a client of Prometheus's may want all the same. */
static void put_fixed(struct flags *f)
{
	static const char *const fixed[][2] = {
		{ "query.max-concurrency", "4" },
		{ "web.enable-admin-api", "false" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		put_text(f, fixed[i][0], NULL, fixed[i][1]);
}

void status_flags_of(api_flag_fn *fn, void *to, void *userdata)
{
	static const char *const features[] = {
		[MATCHERS_FALLBACK] = "",
		[MATCHERS_CLASSIC] = "classic-mode",
		[MATCHERS_UTF8] = "utf8-strict-mode",
	};
	const struct daemon *d = userdata;
	const struct daemon_options *o = d->options;
	struct flags f = { .put = fn, .to = to, .text = STRBUF_INIT };

	put_list(&f, "config.file", o->config_files, o->n_config_files);
	put_storage(&f, d);
	put_list(&f, "web.listen-address", o->listen, o->n_listen);
	put_text(&f, "web.external-url", NULL, d->external_url);
	put_text(&f, "web.route-prefix", NULL, o->route_prefix);
	put_text(&f, "web.cors.origin", NULL, o->cors_origin ? o->cors_origin : ".*");
	put_text(&f, "web.enable-lifecycle", NULL, o->enable_lifecycle ? "true" : "false");
	put_text(&f, "web.enable-remote-write-receiver", NULL,
		o->enable_remote_write ? "true" : "false");
	put_text(&f, "enable-feature", NULL, features[matcher_syntax_in_use()]);
	put_queries_and_rules(&f, o);
	put_fixed(&f);
	strbuf_release(&f.text);
}
