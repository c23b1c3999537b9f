/*
 * metric_table.c - the table, and how it is printed.
 */
#include "api/metric_table.h"

#include "api/snapshot.h"

#define FIELD(type, member) type, offsetof(struct snapshot, member)

const struct metric metrics[] = {
	{ "tolld_service_up", GAUGE, NO_FIELD, 0, NULL,
		"1 where the service lives, 0 where it is down; absent while nobody knows." },
	{ "tolld_service_restarts_total", COUNTER, NO_FIELD, 0, NULL,
		"Times the service came back after a death." },
	{ "tolld_service_oom_kills_total", COUNTER, NO_FIELD, 0, NULL,
		"Processes of the service, or of its control group, that an OOM killer ended." },
	{ "tolld_service_exits_total", COUNTER, NO_FIELD, 0, "kind",
		"Times its main process ended: as somebody had asked it to (requested), by itself with exit code 0 (success) or another (failure), by a signal, by an OOM killer (oom), or nobody saw how (unknown)." },
	{ "tolld_service_start_time_seconds", GAUGE, NO_FIELD, 0, NULL,
		"When its main process started, since 1970." },
	{ "tolld_service_last_exit_code", GAUGE, NO_FIELD, 0, NULL,
		"Exit code of its last death; 0 where that was by a signal." },
	{ "tolld_service_last_exit_signal", GAUGE, NO_FIELD, 0, NULL,
		"Signal that its last death was by; 0 where it exited." },
	{ "tolld_service_last_exit_time_seconds", GAUGE, NO_FIELD, 0, NULL,
		"When it died last, since 1970." },
	{ "tolld_service_restart_delay_seconds", GAUGE, NO_FIELD, 0, NULL,
		"How long it was down before it last came back: grows where somebody backs off." },
	{ "tolld_service_listening", GAUGE, NO_FIELD, 0, NULL,
		"1 while it listens, 0 while it does not; of services that are to listen." },
	{ "tolld_service_state", GAUGE, NO_FIELD, 0, "state",
		"1 for the state that it is in (up, down or unknown), 0 for the others." },
	{ "tolld_service_hung_tasks", GAUGE, NO_FIELD, 0, NULL,
		"Threads that wait for the kernel and are deaf to signals: for 30 seconds or more without running, or as soon as it says itself that they hang (hung_task_timeout_secs)." },
	{ "tolld_service_stopped", GAUGE, NO_FIELD, 0, NULL,
		"1 while it lives and stands still: its main process is stopped by a signal (SIGSTOP or the like), or its control group is frozen (systemctl freeze, docker pause); else 0." },
	{ "tolld_service_cpu_seconds_total", COUNTER, NO_FIELD, 0, NULL,
		"CPU time of its processes; of a unit that of its control group, with all that ended." },
	{ "tolld_service_resident_memory_bytes", GAUGE, NO_FIELD, 0, NULL,
		"Memory of its processes that is in RAM; what they share counts for each." },
	{ "tolld_service_open_fds", GAUGE, NO_FIELD, 0, NULL,
		"Open descriptors of that process which is nearest to its limit." },
	{ "tolld_service_max_fds", GAUGE, NO_FIELD, 0, NULL,
		"Limit of descriptors of the same process." },
	{ "tolld_service_processes", GAUGE, NO_FIELD, 0, NULL,
		"Its processes: of a unit all in its control group, else its main one and those forked from it." },
	{ "tolld_service_threads", GAUGE, NO_FIELD, 0, NULL, "Threads of these processes." },
	{ "tolld_service_cgroup_memory_bytes", GAUGE, NO_FIELD, 0, NULL,
		"Memory of its control group, page cache included." },
	{ "tolld_service_cgroup_memory_working_set_bytes", GAUGE, NO_FIELD, 0, NULL,
		"The same without the page cache that nobody used lately: what counts against the limit." },
	{ "tolld_service_cgroup_memory_max_bytes", GAUGE, NO_FIELD, 0, NULL,
		"Its limit (MemoryMax); absent where there is none." },
	{ "tolld_service_cgroup_memory_peak_bytes", GAUGE, NO_FIELD, 0, NULL,
		"The most that it had since it was made." },
	{ "tolld_service_cgroup_memory_events_total", COUNTER, NO_FIELD, 0, "event",
		"Times that it was slowed down at its soft limit (high), was about to pass its limit (max), and found no memory at all (oom)." },
	{ "tolld_service_cgroup_cpu_periods_total", COUNTER, NO_FIELD, 0, NULL,
		"Periods in which its share of CPU time was limited (CPUQuota)." },
	{ "tolld_service_cgroup_cpu_throttled_periods_total", COUNTER, NO_FIELD, 0, NULL,
		"Those of them in which it had to wait for the next one." },
	{ "tolld_service_cgroup_cpu_throttled_seconds_total", COUNTER, NO_FIELD, 0, NULL,
		"How long it had to." },
	{ "tolld_service_cgroup_tasks", GAUGE, NO_FIELD, 0, NULL,
		"Processes and threads in its control group." },
	{ "tolld_service_cgroup_max_tasks", GAUGE, NO_FIELD, 0, NULL,
		"Their limit (TasksMax); absent where there is none." },
	{ "tolld_service_pressure_waiting_seconds_total", COUNTER, NO_FIELD, 0, "resource",
		"Time in which some of its tasks waited for cpu, memory or io." },
	{ "tolld_service_pressure_stalled_seconds_total", COUNTER, NO_FIELD, 0, "resource",
		"Time in which all of them did." },
	{ "tolld_service_page_faults_total", COUNTER, NO_FIELD, 0, "kind",
		"Page faults of its processes, without (minor) and with (major) waiting for a disk." },
	{ "tolld_service_io_read_bytes_total", COUNTER, NO_FIELD, 0, NULL,
		"What its processes had read from storage." },
	{ "tolld_service_io_written_bytes_total", COUNTER, NO_FIELD, 0, NULL,
		"What they had written to it." },
	{ "tolld_service_listeners", GAUGE, NO_FIELD, 0, NULL,
		"TCP sockets of its processes that listen; one that they share counts once." },
	{ "tolld_service_sockets", GAUGE, NO_FIELD, 0, NULL,
		"Sockets of all kinds of its processes." },

	{ "tolld_machine_block_errors_total", COUNTER, NO_FIELD, 0, NULL,
		"Requests to disks that failed since tolld started; with the backend kernel." },
	{ "tolld_machine_oom_kills_total", COUNTER, NO_FIELD, 0, NULL,
		"Processes that the kernel's OOM killer ended, whoever they were." },
	{ "tolld_machine_forks_total", COUNTER, NO_FIELD, 0, NULL,
		"Processes and threads that were made since the machine started." },
	{ "tolld_machine_exits_total", COUNTER, NO_FIELD, 0, NULL,
		"Processes and threads that ended." },
	{ "tolld_machine_pressure_waiting_seconds_total", COUNTER, NO_FIELD, 0, "resource",
		"Time in which some task waited for cpu, memory or io; absent where the kernel does not tell (psi=1)." },
	{ "tolld_machine_pressure_stalled_seconds_total", COUNTER, NO_FIELD, 0, "resource",
		"Time in which no task could go on for lack of it." },

	{ "tolld_build_info", GAUGE, NO_FIELD, 0, "version, revision",
		"Which tolld this is; always 1." },
	{ "tolld_backend_info", GAUGE, NO_FIELD, 0, "backend, reason",
		"How processes are watched, and why this way; always 1." },
	{ "tolld_services", GAUGE, FIELD(SIZE, watch.services), NULL,
		"Services that are watched." },
	{ "tolld_watch_processes", GAUGE, FIELD(SIZE, watch.processes), NULL,
		"Processes that belong to a service." },
	{ "tolld_watch_resyncs_total", COUNTER, FIELD(U64, watch.resyncs), NULL,
		"Times that all processes were read again because events were lost." },
	{ "tolld_figures_passes_total", COUNTER, FIELD(U64, passes), NULL,
		"Times that the figures of all services were read." },
	{ "tolld_figures_pass_seconds", GAUGE, FIELD(DOUBLE, pass_seconds), NULL,
		"CPU time that the last such pass took." },
	{ "tolld_loop_turn_seconds", HISTOGRAM, NO_FIELD, 0, NULL,
		"How long the loop was busy with one event: so long the next one waits." },
	{ "tolld_targets", GAUGE, FIELD(SIZE, targets), NULL, "Targets that are scraped." },
	{ "tolld_targets_up", GAUGE, FIELD(SIZE, targets_up), NULL,
		"Targets whose last scrape succeeded." },
	{ "tolld_tsdb_series", GAUGE, FIELD(SIZE, tsdb.series), NULL, "Series in memory." },
	{ "tolld_tsdb_chunks", GAUGE, FIELD(SIZE, tsdb.chunks), NULL, "Chunks in memory." },
	{ "tolld_tsdb_size_bytes", GAUGE, FIELD(SIZE, tsdb.bytes), NULL,
		"Memory that series and chunks take." },
	{ "tolld_tsdb_blocks", GAUGE, FIELD(SIZE, tsdb.blocks), NULL, "Files of samples." },
	{ "tolld_tsdb_disk_size_bytes", GAUGE, FIELD(U64, tsdb.disk_bytes), NULL,
		"Room that samples take on the disk." },
	{ "tolld_tsdb_disk_written_bytes_total", COUNTER, FIELD(U64, tsdb.written_bytes), NULL,
		"Samples written to the disk, logs and blocks together." },
	{ "tolld_tsdb_disk_failures_total", COUNTER, FIELD(U64, tsdb.disk_failures), NULL,
		"Writes that the disk refused; they are tried again." },
	{ "tolld_tsdb_unreadable_total", COUNTER, FIELD(U64, tsdb.unreadable), NULL,
		"Times that a query lacked what a file could not give back." },
	{ "tolld_tsdb_samples_appended_total", COUNTER, FIELD(U64, tsdb.samples_appended), NULL,
		"Samples written." },
	{ "tolld_tsdb_samples_dropped_total", COUNTER, FIELD(U64, tsdb.samples_dropped), NULL,
		"Samples given up for age or memory." },
	{ "tolld_tsdb_out_of_order_samples_total", COUNTER, FIELD(U64, tsdb.out_of_order), NULL,
		"Samples refused because a newer one was there." },
	{ "tolld_tsdb_duplicate_samples_total", COUNTER, FIELD(U64, tsdb.duplicates), NULL,
		"Samples refused because another value had their time." },
	{ "tolld_tsdb_refused_series_total", COUNTER, FIELD(U64, tsdb.refused_series), NULL,
		"New series refused at the limit." },
	{ "tolld_tsdb_oldest_sample_timestamp_seconds", GAUGE, FIELD(WALL_MS, tsdb.oldest_wall_ms),
		NULL, "Time of the oldest sample, since 1970." },
	{ "tolld_tsdb_newest_sample_timestamp_seconds", GAUGE, FIELD(WALL_MS, tsdb.newest_wall_ms),
		NULL, "Time of the newest sample, since 1970." },
	{ "tolld_interned_strings", GAUGE, FIELD(SIZE, strings), NULL,
		"Label names and values held." },
	{ "tolld_interned_strings_size_bytes", GAUGE, FIELD(SIZE, string_bytes), NULL,
		"Memory that label names and values take." },
	{ "tolld_rules_groups", GAUGE, FIELD(SIZE, rules.groups), NULL, "Rule groups." },
	{ "tolld_rules_rules", GAUGE, FIELD(SIZE, rules.rules), NULL, "Rules." },
	{ "tolld_rules_alerts_pending", GAUGE, FIELD(SIZE, rules.alerts_pending), NULL,
		"Alerts whose time has not run out yet." },
	{ "tolld_rules_alerts_firing", GAUGE, FIELD(SIZE, rules.alerts_firing), NULL,
		"Alerts that fire." },
	{ "tolld_rules_evaluations_total", COUNTER, FIELD(U64, rules.evaluations), NULL,
		"Rules evaluated." },
	{ "tolld_rules_evaluation_failures_total", COUNTER, FIELD(U64, rules.failures), NULL,
		"Rules whose evaluation failed." },
	{ "tolld_rules_event_evaluations_total", COUNTER, FIELD(U64, rules.event_evaluations), NULL,
		"Rules evaluated because of an event, outside their slots." },
	{ "tolld_rules_missed_slots_total", COUNTER, FIELD(U64, rules.missed_slots), NULL,
		"Slots of groups that passed without an evaluation." },
	{ "tolld_notify_alerts", GAUGE, FIELD(SIZE, notify.alerts), NULL,
		"Alerts that are known." },
	{ "tolld_notify_alerts_firing", GAUGE, FIELD(SIZE, notify.firing), NULL,
		"Alerts that fire." },
	{ "tolld_notify_groups", GAUGE, FIELD(SIZE, notify.groups), NULL, "Groups of alerts." },
	{ "tolld_notify_notifications_in_flight", GAUGE, FIELD(SIZE, notify.in_flight), NULL,
		"Notifications whose result is awaited." },
	{ "tolld_notify_notifications_sent_total", COUNTER, FIELD(U64, notify.sent), NULL,
		"Notifications that a receiver took." },
	{ "tolld_notify_notifications_failed_total", COUNTER, FIELD(U64, notify.failed), NULL,
		"Notifications given up." },
	{ "tolld_notify_notifications_withheld_total", COUNTER, FIELD(U64, notify.withheld), NULL,
		"Notifications that a budget held back, for a digest to tell." },
	{ "tolld_notify_notifications_retried_total", COUNTER, FIELD(U64, notify.retried), NULL,
		"Tries that are followed by another." },
	{ "tolld_notify_refused_alerts_total", COUNTER, FIELD(U64, notify.refused_alerts), NULL,
		"Alerts refused at the limit." },
	{ "tolld_store_queued_statements", GAUGE, FIELD(SIZE, store.queued), NULL,
		"Statements that wait for the disk." },
	{ "tolld_store_written_statements_total", COUNTER, FIELD(U64, store.written), NULL,
		"Statements that are durable." },
	{ "tolld_store_failed_commits_total", COUNTER, FIELD(U64, store.failed_commits), NULL,
		"Transactions that the disk refused, to be tried again." },
	{ "tolld_store_failing", GAUGE, FIELD(DOUBLE, store_failing), NULL,
		"1 while the last transaction failed, or state is in memory alone." },
	{ "tolld_http_connections", GAUGE, FIELD(SIZE, connections), NULL,
		"Open HTTP connections." },
	{ "tolld_queries_total", COUNTER, FIELD(U64, queries), NULL,
		"Queries that clients asked." },
	{ "tolld_query_timeouts_total", COUNTER, FIELD(U64, query_timeouts), NULL,
		"Queries that took too long." },
	{ "tolld_queries_waiting", GAUGE, FIELD(SIZE, jobs), NULL,
		"Queries under way and waiting for their turn." },
	{ "tolld_regex_limit_hits_total", COUNTER, FIELD(U64, regex_limit_hits), NULL,
		"Matches of regular expressions given up because they exploded." },
	{ "tolld_watch_events_total", COUNTER, NO_FIELD, 0, "type", "Events from the kernel." },
	{ "tolld_watch_lost_events_total", COUNTER, NO_FIELD, 0, "type",
		"Events that found no room in the buffer; each loss starts a resync." },
	{ "tolld_watch_death_to_sample_seconds", HISTOGRAM, NO_FIELD, 0, NULL,
		"From a death, by the kernel's time, to the first sample in the store that says so." },
	{ "tolld_http_requests_total", COUNTER, NO_FIELD, 0, "handler, code",
		"Requests answered." },
	{ "tolld_config_last_reload_successful", GAUGE, NO_FIELD, 0, NULL,
		"Whether the last reload of the settings took effect." },
	{ "tolld_config_reloads_total", COUNTER, NO_FIELD, 0, "result",
		"Reloads of the settings by their result." },
	{ "tolld_forward_queue_length", GAUGE, NO_FIELD, 0, "alertmanager",
		"Alerts that wait to be sent to another Alertmanager." },
	{ "tolld_forward_sent_total", COUNTER, NO_FIELD, 0, "alertmanager",
		"Alerts sent to another Alertmanager." },
	{ "tolld_forward_errors_total", COUNTER, NO_FIELD, 0, "alertmanager",
		"Tries to send alerts to another Alertmanager that failed." },
	{ "tolld_forward_dropped_total", COUNTER, NO_FIELD, 0, "alertmanager",
		"Alerts that another Alertmanager was never told." },

	{ "process_cpu_seconds_total", COUNTER, FIELD(DOUBLE, process.cpu_seconds), NULL,
		"User and system CPU time." },
	{ "process_resident_memory_bytes", GAUGE, FIELD(DOUBLE, process.resident_bytes), NULL,
		"Memory that is in RAM." },
	{ "process_virtual_memory_bytes", GAUGE, FIELD(DOUBLE, process.virtual_bytes), NULL,
		"Address space." },
	{ "process_open_fds", GAUGE, FIELD(DOUBLE, process.open_fds), NULL, "Open descriptors." },
	{ "process_max_fds", GAUGE, FIELD(DOUBLE, process.max_fds), NULL,
		"Descriptors that may be open." },
	{ "process_threads", GAUGE, FIELD(DOUBLE, process.threads), NULL, "Threads." },
	{ "process_start_time_seconds", GAUGE, FIELD(DOUBLE, start_seconds), NULL,
		"When tolld started, since 1970." },

	{ "alertmanager_build_info", GAUGE, NO_FIELD, 0, "version, revision",
		"The version of Alertmanager whose API this is; always 1." },
	{ "alertmanager_cluster_enabled", GAUGE, NO_FIELD, 0, NULL,
		"Always 0: there is no cluster." },
	{ "alertmanager_config_hash", GAUGE, NO_FIELD, 0, NULL,
		"Hash of the settings, as /api/v2/status shows them." },
	{ "alertmanager_receivers", GAUGE, NO_FIELD, 0, NULL, "Receivers in the settings." },
	{ "alertmanager_integrations", GAUGE, NO_FIELD, 0, NULL,
		"Ways of all receivers to be told." },
	{ "alertmanager_inhibition_rules", GAUGE, NO_FIELD, 0, NULL, "Rules of inhibition." },
	{ "alertmanager_alerts", GAUGE, NO_FIELD, 0, "state",
		"Alerts that fire, as their groups last saw them." },
	{ "alertmanager_alerts_received_total", COUNTER, NO_FIELD, 0, "status, version",
		"Alerts from outside." },
	{ "alertmanager_alerts_invalid_total", COUNTER, NO_FIELD, 0, "version",
		"Alerts from outside that were not valid." },
	{ "alertmanager_dispatcher_aggregation_groups", GAUGE, NO_FIELD, 0, NULL,
		"Groups of alerts." },
	{ "alertmanager_silences", GAUGE, NO_FIELD, 0, "state", "Silences by state." },
	{ "alertmanager_notifications_total", COUNTER, NO_FIELD, 0, "integration",
		"Notifications that were begun." },
	{ "alertmanager_notification_requests_total", COUNTER, NO_FIELD, 0, "integration",
		"Tries to deliver a notification." },
	{ "alertmanager_notification_requests_failed_total", COUNTER, NO_FIELD, 0, "integration",
		"Tries to deliver a notification that failed." },
	{ "alertmanager_notifications_failed_total", COUNTER, NO_FIELD, 0, "integration, reason",
		"Notifications given up: refused, or not delivered in time." },
	{ "alertmanager_notification_latency_seconds", HISTOGRAM, NO_FIELD, 0, "integration",
		"How long tries to deliver took." },
	{ "alertmanager_notifications_suppressed_total", COUNTER, NO_FIELD, 0, "reason",
		"Alerts left out of what their groups told, each time anew." },
	{ "alertmanager_config_last_reload_successful", GAUGE, NO_FIELD, 0, NULL,
		"Whether the last reload of the settings took effect." },
	{ "alertmanager_config_last_reload_success_timestamp_seconds", GAUGE, NO_FIELD, 0, NULL,
		"When the settings in force were read, since 1970." },
};

const size_t n_metrics = ARRAY_SIZE(metrics);

const char *metric_kind_name(enum metric_kind kind)
{
	static const char *const names[] = {
		[COUNTER] = "counter",
		[GAUGE] = "gauge",
		[HISTOGRAM] = "histogram",
	};

	return names[kind];
}

const struct metric *metric_find(const char *name)
{
	/* They are written in the order of the table: the next one is mostly the right one. */
	static size_t next;

	for (size_t i = 0; i < n_metrics; i++) {
		size_t k = (next + i) % n_metrics;

		if (!streq(metrics[k].name, name))
			continue;
		next = k + 1;
		return &metrics[k];
	}
	return NULL;
}

/* -- printing --------------------------------------------------------------------------------- */

/* In the order of the table; a name belongs to the first that fits. */
static const struct {
	const char *prefix, *title;
} topics[] = {
	{ "tolld_service_", "Of each service" },
	{ "tolld_machine_", "Of the machine" },
	{ "tolld_", "Of tolld itself" },
	{ "process_", "Of tolld itself" },
	{ "alertmanager_", "Of tolld itself, by Alertmanager's names" },
};

static const char *topic_of(const struct metric *metric)
{
	for (size_t i = 0; i < ARRAY_SIZE(topics); i++) {
		if (starts_with(metric->name, topics[i].prefix))
			return topics[i].title;
	}
	return "";
}

static void print_markdown(struct strbuf *out, const struct metric *m)
{
	strbuf_addf(out, "| `%s` | %s | ", m->name, metric_kind_name(m->kind));
	/* Each label by itself in quotes. */
	for (const char *label = m->labels; label && *label;) {
		size_t len = strcspn(label, ",");

		strbuf_addf(out, "%s`%.*s`", label == m->labels ? "" : ", ", (int)len, label);
		label += len;
		label += strspn(label, ", ");
	}
	strbuf_addf(out, " | %s |\n", m->help);
}

static void print_text(struct strbuf *out, const struct metric *m)
{
	strbuf_addf(out, "  %s", m->name);
	if (m->labels)
		strbuf_addf(out, "{%s}", m->labels);
	strbuf_addf(out, "  %s\n      %s\n", metric_kind_name(m->kind), m->help);
}

void metric_table_print(struct strbuf *out, bool markdown)
{
	const char *before = NULL;

	for (size_t i = 0; i < n_metrics; i++) {
		const char *topic = topic_of(&metrics[i]);

		if (!before || !streq(topic, before)) {
			strbuf_addf(
				out, "%s%s%s\n", before ? "\n" : "", markdown ? "### " : "", topic);
			if (markdown)
				strbuf_adds(out,
					"\n| name | type | labels | what it is |\n|---|---|---|---|\n");
		}
		before = topic;
		if (markdown)
			print_markdown(out, &metrics[i]);
		else
			print_text(out, &metrics[i]);
	}
}
