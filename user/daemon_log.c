/*
 * daemon_log.c - the entries that people search the journal for, each with fields and an id.
 */
#include "daemon_private.h"

#include <inttypes.h>
#include <stdio.h>
#include "model/duration.h"

#define NUMBER_MAX 24

/* A field's value; NULL where it is not known. */
static const char *number(char text[NUMBER_MAX], bool known, int64_t n)
{
	snprintf(text, NUMBER_MAX, "%" PRId64, n);
	return known ? text : NULL;
}

/* "SIGKILL"; NULL for none. */
static const char *signal_text(struct strbuf *out, int signal)
{
	if (signal)
		signal_format(signal, out);
	return signal ? out->s : NULL;
}

static void log_death(const char *service, const struct death *death, const char *text)
{
	scoped(strbuf_release) struct strbuf cause = STRBUF_INIT, name = STRBUF_INIT;
	char pid[NUMBER_MAX], code[NUMBER_MAX], sender[NUMBER_MAX], uid[NUMBER_MAX];
	char lived[NUMBER_MAX], cpu[NUMBER_MAX], memory[NUMBER_MAX], threads[NUMBER_MAX];
	const int64_t lived_ns = death_age_ns(death);
	const bool oom = death->kind == DEATH_OOM;

	death_describe(death, &cause);
	const struct log_field fields[] = {
		{ "service", service },
		{ "pid", number(pid, true, death->pid) },
		{ "comm", death->comm },
		{ "cause", cause.s },
		{ "kind", death_kind_name(death->kind) },
		{ "requested", death->requested ? "yes" : "no" },
		{ "signal", signal_text(&name, death->signal) },
		{ "exit_code", number(code, death->kind == DEATH_EXIT, death->exit_code) },
		{ "core_dumped", death->core_dumped ? "yes" : NULL },
		{ "sender_pid", number(sender, death->has_sender, death->sender_pid) },
		{ "sender_uid", number(uid, death->has_sender, death->sender_uid) },
		{ "sender_comm", death->has_sender ? death->sender_comm : NULL },
		{ "oom", oom ? oom_kind_name(death->oom.kind) : NULL },
		{ "oom_cgroup", *death->oom.group ? death->oom.group : NULL },
		{ "lived_ms", number(lived, lived_ns >= 0, lived_ns / NSEC_PER_MSEC) },
		{ "cpu_ms", number(cpu, death->has_cpu, death->cpu_ns / NSEC_PER_MSEC) },
		{ "peak_memory_bytes",
			number(memory, death->has_peak_memory, (int64_t)death->peak_memory_bytes) },
		{ "threads", number(threads, death->threads, death->threads) },
		{ NULL, NULL },
	};

	log_event(death->requested ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, ENTRY_DEATH, fields,
		"%s: pid %s (%s) %s", service, pid, death->comm, text);
}

void entry_death(struct daemon *d, const char *service, const struct death *death)
{
	struct strbuf text = STRBUF_INIT;

	death_describe(death, &text);
	history_describe_restarts(d->history, service, clock_now(), &text);
	log_death(service, death, text.s);
	strbuf_release(&text);
}

/* How long nobody was there, where it was a death that ended the life before. */
static void add_gap(const struct history_event *start, struct strbuf *out)
{
	const struct history_event *e = start->older;

	while (e && e->kind != HISTORY_START && e->kind != HISTORY_DEATH)
		e = e->older;
	if (!e || e->kind != HISTORY_DEATH)
		return;
	strbuf_adds(out, "; it was down for ");
	duration_format_human(out, (start->at.boot_ns - e->at.boot_ns) / NSEC_PER_MSEC);
}

void entry_start(
	struct daemon *d, const struct service_info *service, const struct history_event *event)
{
	scoped(strbuf_release) struct strbuf text = STRBUF_INIT;

	/* It was there before we were. */
	if (event->found)
		return;
	if (event->kind == HISTORY_LISTENER_BACK) {
		entry_service(service, ENTRY_LISTENER_BACK, "its port is listened on again");
		return;
	}
	if (service->pid)
		strbuf_addf(&text, "pid %d (%s) is there", service->pid, service->comm);
	else
		strbuf_adds(&text, "its port is listened on");
	if (event->restart)
		add_gap(event, &text);
	history_describe_restarts(d->history, service->name, clock_now(), &text);
	entry_service(service, ENTRY_START, text.s);
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

void entry_hung(const struct service_info *service, pid_t pid, const struct history_hang *hang)
{
	char process[NUMBER_MAX], thread[NUMBER_MAX], threads[NUMBER_MAX];
	const char *wait;

	if (!hang) {
		entry_service(service, ENTRY_HUNG_OVER, "none of its threads hangs any more");
		return;
	}
	wait = *hang->waits_in ? hang->waits_in : NULL;
	const struct log_field fields[] = {
		{ "service", service->name },
		{ "pid", number(process, true, pid) },
		{ "thread", number(thread, true, hang->thread) },
		{ "threads", number(threads, true, hang->threads) },
		{ "waits_in", wait },
		{ NULL, NULL },
	};

	log_event(LOG_LEVEL_WARN, ENTRY_HUNG, fields,
		"%s: thread %s of pid %s hangs: it waits for the kernel%s%s and takes no signal",
		service->name, thread, process, wait ? " in " : "", wait ? wait : "");
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

void entry_notification(
	const struct notification *n, const struct delivery_report *report, bool news)
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
		log_event(report->refused_recipients || report->note ? LOG_LEVEL_WARN
								     : LOG_LEVEL_INFO,
			ENTRY_MAIL_SENT, fields, "%s to %s sent for %s%s%s%s%s", n->integration,
			n->receiver, group.s, report->refused_recipients ? "; refused: " : "",
			report->refused_recipients ? report->refused_recipients : "",
			report->note ? "; " : "", report->note ? report->note : "");
	else
		log_event(news ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, ENTRY_MAIL_FAILED, fields,
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

		/* Line 0 is the file as a whole. */
		if (entry->pos.source && !entry->pos.line)
			snprintf(place, sizeof(place), "%s", entry->pos.source->name);
		else if (entry->pos.source)
			snprintf(place, sizeof(place), "%s:%u:%u", entry->pos.source->name,
				entry->pos.line, entry->pos.column);
		log_event(level, NULL, fields, "%s%s%s", place, place[0] ? ": " : "", entry->text);
	}
	if (diag->dropped)
		log_warn("... and %zu more faults", diag->dropped);
}
