/*
 * metrics_alertmanager.c - the metrics that Alertmanager has and tolld has a figure for, by its names.
 *
 * Rules and dashboards made for Alertmanager read these, and karma asks for the version. What only
 * tolld counts is called tolld_notify_*.
 */
#include "api/exposition.h"
#include "api/v2.h"

#include "base/hash.h"

static void plain(struct strbuf *out, const char *name, double value)
{
	exposition_family(out, name);
	exposition_sample(out, name, 0, NULL, value);
}

static void one_label(
	struct strbuf *out, const char *name, const char *label, const char *text, double value)
{
	exposition_sample(out, name, 1, (const char *const[][2]){ { label, text } }, value);
}

static void add_alerts(struct strbuf *out, const struct api *api, const struct notify_stats *stats)
{
	static const char name[] = "alertmanager_alerts";
	static const char received[] = "alertmanager_alerts_received_total";
	static const char invalid[] = "alertmanager_alerts_invalid_total";

	exposition_family(out, name);
	one_label(out, name, "state", "active", (double)(stats->firing - stats->suppressed));
	one_label(out, name, "state", "suppressed", (double)stats->suppressed);
	one_label(out, name, "state", "unprocessed", 0);
	exposition_family(out, received);
	for (size_t i = 0; i < ARRAY_SIZE(api->alerts_received); i++)
		exposition_sample(out, received, 2,
			(const char *const[][2]){
				{ "status", i ? "resolved" : "firing" }, { "version", "v2" } },
			(double)api->alerts_received[i]);
	exposition_family(out, invalid);
	one_label(out, invalid, "version", "v2", (double)api->alerts_invalid);
	plain(out, "alertmanager_dispatcher_aggregation_groups", (double)stats->groups);
}

struct states {
	size_t n[SILENCE_EXPIRED + 1];
	int64_t wall_ms;
};

static bool count_state(const struct silence *silence, void *userdata)
{
	struct states *states = userdata;

	states->n[silence_state(silence, states->wall_ms)]++;
	return true;
}

static void add_silences(struct strbuf *out, const struct notify *notify, struct instant now)
{
	static const char name[] = "alertmanager_silences";
	struct states states = { .wall_ms = now.wall_ms };

	notify_silences(notify, count_state, &states);
	exposition_family(out, name);
	for (size_t i = 0; i < ARRAY_SIZE(states.n); i++)
		one_label(out, name, "state", silence_state_text((enum silence_state)i),
			(double)states.n[i]);
}

/* -- notifications ---------------------------------------------------------------------------- */

static double value_notifications(const struct notify_tally *tally)
{
	return (double)tally->notifications;
}

static double value_requests(const struct notify_tally *tally)
{
	return (double)tally->requests;
}

static double value_failed_requests(const struct notify_tally *tally)
{
	return (double)tally->failed_requests;
}

static const struct {
	const char *name;
	double (*value)(const struct notify_tally *tally);
} by_integration[] = {
	{ "alertmanager_notifications_total", value_notifications },
	{ "alertmanager_notification_requests_total", value_requests },
	{ "alertmanager_notification_requests_failed_total", value_failed_requests },
};

static void add_failures(struct strbuf *out, const struct notify *notify)
{
	static const char name[] = "alertmanager_notifications_failed_total";
	struct notify_tally tally;

	exposition_family(out, name);
	for (size_t i = 0; notify_tally(notify, i, &tally); i++) {
		exposition_sample(out, name, 2,
			(const char *const[][2]){
				{ "integration", tally.integration }, { "reason", "clientError" } },
			(double)tally.refused);
		exposition_sample(out, name, 2,
			(const char *const[][2]){ { "integration", tally.integration },
				{ "reason", "contextDeadlineExceeded" } },
			(double)tally.given_up);
	}
}

static void add_latency(struct strbuf *out, const struct notify *notify)
{
	static const char *const bounds[] = { "1", "5", "10", "15", "20" };
	struct notify_tally tally;

	_Static_assert(ARRAY_SIZE(bounds) == NOTIFY_SECONDS, "one bucket for each bound");
	exposition_family(out, "alertmanager_notification_latency_seconds");
	for (size_t i = 0; notify_tally(notify, i, &tally); i++) {
		for (size_t b = 0; b <= ARRAY_SIZE(bounds); b++)
			exposition_sample(out, "alertmanager_notification_latency_seconds_bucket",
				2,
				(const char *const[][2]){ { "integration", tally.integration },
					{ "le", b < ARRAY_SIZE(bounds) ? bounds[b] : "+Inf" } },
				(double)(b < ARRAY_SIZE(bounds) ? tally.within[b]
								: tally.requests));
		one_label(out, "alertmanager_notification_latency_seconds_sum", "integration",
			tally.integration, (double)tally.total_ns / NSEC_PER_SEC);
		one_label(out, "alertmanager_notification_latency_seconds_count", "integration",
			tally.integration, (double)tally.requests);
	}
}

static void add_notifications(
	struct strbuf *out, const struct notify *notify, const struct notify_stats *stats)
{
	static const char suppressed[] = "alertmanager_notifications_suppressed_total";
	const struct {
		const char *reason;
		uint64_t n;
	} reasons[] = { { "active_time_interval", stats->out_of_time },
		{ "inhibition", stats->inhibited }, { "mute_time_interval", stats->in_mute_time },
		{ "silence", stats->silenced } };
	struct notify_tally tally;

	for (size_t m = 0; m < ARRAY_SIZE(by_integration); m++) {
		exposition_family(out, by_integration[m].name);
		for (size_t i = 0; notify_tally(notify, i, &tally); i++)
			one_label(out, by_integration[m].name, "integration", tally.integration,
				by_integration[m].value(&tally));
	}
	add_failures(out, notify);
	add_latency(out, notify);
	exposition_family(out, suppressed);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		one_label(out, suppressed, "reason", reasons[i].reason, (double)reasons[i].n);
}

/* -- settings --------------------------------------------------------------------------------- */

static void add_settings(struct strbuf *out, const struct config *config)
{
	/* As many bits as a sample's value holds. */
	uint64_t hash = hash_fnv1a(HASH_FNV1A_INIT, config->alertmanager_text,
				strlen(config->alertmanager_text)) >>
			16;
	size_t integrations = 0;

	for (size_t i = 0; i < config->n_receivers; i++) {
		const struct config_receiver *receiver = &config->receivers[i];

		integrations +=
			receiver->n_emails + receiver->n_maildirs + receiver->n_integrations;
	}
	plain(out, "alertmanager_config_hash", (double)hash);
	plain(out, "alertmanager_receivers", (double)config->n_receivers);
	plain(out, "alertmanager_integrations", (double)integrations);
	plain(out, "alertmanager_inhibition_rules", (double)config->n_inhibit_rules);
}

void metrics_alertmanager(struct strbuf *out, const struct api *api, struct instant now)
{
	const struct notify *notify = api->sources.notify;
	const struct config *config = api_config(api);
	struct notify_stats stats;

	exposition_family(out, "alertmanager_build_info");
	exposition_sample(out, "alertmanager_build_info", 2,
		(const char *const[][2]){
			{ "revision", TOLLD_REVISION }, { "version", V2_VERSION } },
		1);
	plain(out, "alertmanager_cluster_enabled", 0);
	if (config && config->alertmanager_text)
		add_settings(out, config);
	if (!notify)
		return;
	notify_stats(notify, &stats);
	add_alerts(out, api, &stats);
	add_silences(out, notify, now);
	add_notifications(out, notify, &stats);
}
