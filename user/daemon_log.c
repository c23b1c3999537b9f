/*
 * daemon_log.c - the entries that people search the journal for, each with fields and an id.
 */
#include "daemon_private.h"

#include <inttypes.h>
#include <stdio.h>
#include "model/duration.h"

/* How many restarts lie in the last hour is told beside a death: it names a crash loop. */
static void death_text(const struct service_info *service, struct strbuf *out)
{
	death_describe(&service->last_death, out);
	if (service->restarts)
		strbuf_addf(out, "; restarted %u times since tolld started", service->restarts);
}

void entry_death(struct daemon *d, const struct service_info *service)
{
	const struct death *death = &service->last_death;
	struct strbuf cause = STRBUF_INIT;
	char pid[16], signal[16], code[16], sender[16];

	death_describe(death, &cause);
	snprintf(pid, sizeof(pid), "%d", (int)death->pid);
	snprintf(signal, sizeof(signal), "%d", death->signal);
	snprintf(code, sizeof(code), "%d", death->exit_code);
	snprintf(sender, sizeof(sender), "%d", (int)death->sender_pid);

	const struct log_field fields[] = {
		{ "service", service->name },
		{ "pid", pid },
		{ "comm", death->comm },
		{ "cause", cause.s },
		{ "signal", death->signal ? signal : NULL },
		{ "exit_code", death->kind == DEATH_EXIT ? code : NULL },
		{ "sender_pid", death->has_sender ? sender : NULL },
		{ "sender_comm", death->has_sender ? death->sender_comm : NULL },
		{ NULL, NULL },
	};
	struct strbuf text = STRBUF_INIT;

	death_text(service, &text);
	log_event(LOG_LEVEL_WARN, ENTRY_DEATH, fields, "%s: pid %s (%s) %s", service->name, pid,
		death->comm, text.s);
	strbuf_release(&text);
	strbuf_release(&cause);
}

void entry_service(const struct service_info *service, const char *message_id, const char *what)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)service->pid);
	const struct log_field fields[] = {
		{ "service", service->name },
		{ "pid", service->pid ? pid : NULL },
		{ "comm", service->pid ? service->comm : NULL },
		{ NULL, NULL },
	};

	log_event(streq(message_id, ENTRY_LISTENER_GONE) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		message_id, fields, "%s: %s", service->name, what);
}

void entry_transition(const char *group, const char *rule, const struct labels *labels,
	enum rule_state from, enum rule_state to, const char *cause)
{
	static const struct {
		const char *id;
		const char *word;
		enum log_level level;
	} states[] = {
		[RULE_INACTIVE] = { ENTRY_ALERT_OVER, "over", LOG_LEVEL_INFO },
		[RULE_PENDING] = { ENTRY_ALERT_PENDING, "pending", LOG_LEVEL_INFO },
		[RULE_FIRING] = { ENTRY_ALERT_FIRING, "firing", LOG_LEVEL_WARN },
	};
	struct strbuf text = STRBUF_INIT;
	const struct log_field fields[] = {
		{ "alert", rule },
		{ "group", group },
		{ "state", states[to].word },
		{ "instance", labels_get(labels, LABEL_INSTANCE) },
		{ "job", labels_get(labels, LABEL_JOB) },
		{ "service", labels_get(labels, "service") },
		{ "cause", cause && *cause ? cause : NULL },
		{ NULL, NULL },
	};

	labels_format(labels, &text);
	log_event(states[to].level, states[to].id, fields, "alert %s is %s: %s%s%s", rule,
		states[to].word, text.s, cause && *cause ? ": " : "", cause ? cause : "");
	strbuf_release(&text);
}

void entry_notification(const struct notification *n, const struct delivery_report *report)
{
	struct strbuf group = STRBUF_INIT;
	char took[32], firing[16], resolved[16];
	bool sent = report->result == DELIVERY_SENT;

	labels_format(n->group_labels, &group);
	snprintf(took, sizeof(took), "%" PRId64 "ms",
		(int64_t)(report->duration_ns / NSEC_PER_MSEC));
	snprintf(firing, sizeof(firing), "%zu", n->n_firing);
	snprintf(resolved, sizeof(resolved), "%zu", n->n_alerts - n->n_firing);

	const struct log_field fields[] = {
		{ "receiver", n->receiver },
		{ "integration", n->integration },
		{ "notification", n->id },
		{ "alert", labels_get(n->group_labels, LABEL_ALERTNAME) },
		{ "firing", firing },
		{ "resolved", resolved },
		{ "reason", n->reason },
		{ "took", took },
		{ "refused", report->refused_recipients },
		{ NULL, NULL },
	};

	if (sent)
		log_event(report->refused_recipients ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
			ENTRY_MAIL_SENT, fields, "%s to %s sent for %s%s%s", n->integration,
			n->receiver, group.s, report->refused_recipients ? "; refused: " : "",
			report->refused_recipients ? report->refused_recipients : "");
	else
		log_event(LOG_LEVEL_ERROR, ENTRY_MAIL_FAILED, fields,
			"%s to %s failed for %s: %s%s", n->integration, n->receiver, group.s,
			report->message,
			report->result == DELIVERY_RETRY ? " (it is tried again)" : "");
	strbuf_release(&group);
}

void entry_diag(const struct diag *diag)
{
	for (size_t i = 0; i < diag->n; i++) {
		const struct diag_entry *entry = &diag->entries[i];
		char place[300] = "";
		const struct log_field fields[] = {
			{ "place", entry->pos.source ? place : NULL },
			{ NULL, NULL },
		};
		enum log_level level =
			entry->severity == DIAG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;

		if (entry->pos.source)
			snprintf(place, sizeof(place), "%s:%u:%u", entry->pos.source->name,
				entry->pos.line, entry->pos.column);
		log_event(level, NULL, fields, "%s%s%s", place, place[0] ? ": " : "", entry->text);
	}
	if (diag->dropped)
		log_warn("... and %zu more faults", diag->dropped);
}
