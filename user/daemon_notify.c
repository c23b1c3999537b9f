/*
 * daemon_notify.c - alerts to groups, groups to disk and to whoever is to be told.
 *
 * What decides whether a mail is sent twice or never is durable before the mail goes out and after
 * it went. A disk that does not answer delays an alarm by DURABLE_WAIT_NS and no more: a mail that
 * may come twice is better than one that never comes.
 */
#include "daemon_private.h"

#include <errno.h>
#include "api/exposition.h"

#define DURABLE_WAIT_NS (2 * NSEC_PER_SEC)

/*
 * With an index beside the rows: a flood of alerts, whose keys are hashes, then dirties small pages of
 * the index and appends its rows, instead of dirtying a page for each. A fifth of the time, and of wear.
 */
static const char schema[] =
	"CREATE TABLE IF NOT EXISTS kept (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
	" UNIQUE (kind, key))";
static const char sql_keep[] = "INSERT INTO kept (kind, key, value) VALUES (?1, ?2, ?3)"
			       " ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value";
static const char sql_forget[] = "DELETE FROM kept WHERE kind = ?1 AND key = ?2";
/* A row that is written anew stands behind all that were there before: sql_newest and sql_clear. */
static const char sql_anew[] = "INSERT OR REPLACE INTO kept (kind, key, value) VALUES (?1, ?2, ?3)";
static const char sql_newest[] = "SELECT max(rowid) FROM kept";
static const char sql_clear[] = "DELETE FROM kept WHERE rowid <= ?1";
static const char sql_all[] = "SELECT kind, key, value FROM kept";

/* Row kinds are in the file for ever. */
static const char *const kinds[] = {
	[NOTIFY_KEEP_ALERT] = "alert",
	[NOTIFY_KEEP_GROUP] = "group",
	[NOTIFY_KEEP_LOG] = "log",
	[NOTIFY_KEEP_OUTBOX] = "outbox",
	[NOTIFY_KEEP_SILENCE] = "silence",
	[NOTIFY_KEEP_BUDGET] = "budget",
	[NOTIFY_KEEP_WITHHELD] = "withheld",
};
static const char rule_kind[] = "rule";

/* A notification on its way: to the disk, then to the server. */
struct send {
	struct send *next;
	struct daemon *d;
	struct notification *notification;
	struct config *config; /* whose receiver it goes through */
	sd_event_source *patience;
	struct delivery *delivery;
	bool at_disk; /* the store will call back */
	bool started, over;
};

static void keep(struct daemon *d, const char *kind, const char *key, const char *value)
{
	const struct store_value values[] = { STORE_S(kind), STORE_S(key),
		STORE_S(value ? value : "") };
	int err;

	err = store_write(d->store,
		!value		 ? sql_forget
		: d->writes_anew ? sql_anew
				 : sql_keep,
		values, value ? 3 : 2, NULL, NULL);
	if (!err)
		return;
	if (!d->rows_lost)
		log_error("cannot keep %s %s over a restart: %s; all is written anew once the disk "
			  "takes it",
			kind, key, strerror(-err));
	d->rows_lost = true;
}

static bool on_newest(sqlite3_stmt *row, void *userdata)
{
	*(int64_t *)userdata = sqlite3_column_int64(row, 0);
	return false;
}

/* What is there goes last: whoever is killed meanwhile starts with too much, not with nothing. */
void alarms_mend(struct daemon *d)
{
	struct store_status status;
	int64_t newest = 0;

	store_status(d->store, &status);
	if (!d->rows_lost || status.queued || status.last_error ||
		store_read(d->store, sql_newest, NULL, 0, on_newest, &newest))
		return;
	d->rows_lost = false;
	d->writes_anew = true;
	rules_keep_all(d->rules);
	if (notify_keep_all(d->notify, clock_now()))
		d->rows_lost = true;
	d->writes_anew = false;
	if (!d->rows_lost)
		d->rows_lost = store_write(d->store, sql_clear, &STORE_I(newest), 1, NULL, NULL);
	if (!d->rows_lost)
		log_info("the disk takes writes again: alerts and notifications are kept anew");
}

static void send_unlink(struct send *send)
{
	struct send **at = &send->d->sends;

	while (*at && *at != send)
		at = &(*at)->next;
	if (*at)
		*at = send->next;
}

/* Freed when neither the store nor the mail server will call back any more. */
static void send_release(struct send *send)
{
	struct daemon *d = send->d;

	if (send->at_disk || !send->over)
		return;
	send_unlink(send);
	sd_event_source_disable_unref(send->patience);
	notification_unref(send->notification);
	config_unref(send->config);
	free(send);
	if (d->stopping && !d->sends)
		sd_event_exit(d->event, 0);
}

static void send_finish(struct send *send, const struct delivery_report *report)
{
	static const enum notify_result results[] = {
		[DELIVERY_SENT] = NOTIFY_SENT,
		[DELIVERY_RETRY] = NOTIFY_RETRY,
		[DELIVERY_REFUSED] = NOTIFY_REFUSED,
	};

	scoped(strbuf_release) struct strbuf words = STRBUF_INIT;
	bool news;

	send->over = true;
	send->delivery = NULL;
	if (report->served)
		notify_served(send->d->notify, send->notification->id, report->served);
	if (report->refused_recipients)
		strbuf_addf(&words, "refused: %s", report->refused_recipients);
	else
		strbuf_adds(&words, report->message && *report->message ? report->message
				    : report->answer			? report->answer
									: "");
	if (report->note)
		strbuf_addf(&words, "%s%s", words.len ? "; " : "", report->note);
	news = notify_sent(send->d->notify, send->notification->id, results[report->result],
		words.s, clock_now());
	entry_notification(send->notification, report, news);
	send_release(send);
}

static void on_delivered(const struct delivery_report *report, void *userdata)
{
	send_finish(userdata, report);
}

static void give_up(struct send *send, enum delivery_result result, const char *why)
{
	const struct delivery_report report = { .result = result, .message = why };

	send_finish(send, &report);
}

static void send_start(struct send *send)
{
	const struct notification *n = send->notification;
	const struct config_receiver *receiver = config_receiver_find(send->config, n->receiver);
	char error[400] = "";
	int err;

	if (send->started)
		return;
	send->started = true;
	send->patience = sd_event_source_disable_unref(send->patience);
	err = receiver ? deliver_notification(send->d->deliver, receiver, n, on_delivered, send,
				 &send->delivery, error, sizeof(error))
		       : -ENOENT;
	if (err == -ENOENT && !error[0]) {
		give_up(send, DELIVERY_REFUSED, "the receiver is no longer in the settings");
		return;
	}
	/* What cannot be rendered never will be; a password file or memory may be there next time. */
	if (err)
		give_up(send, err == -EINVAL ? DELIVERY_REFUSED : DELIVERY_RETRY,
			error[0] ? error : strerror(-err));
}

static void on_durable(int err, void *userdata)
{
	struct send *send = userdata;

	send->at_disk = false;
	if (send->over)
		send_release(send);
	else if (err != -ECANCELED)
		send_start(send);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct send *send = userdata;
	struct store_status disk;

	store_status(send->d->store, &disk);
	log_warn("the disk did not answer in time (%s): notification %s goes out before it is kept",
		disk.last_error ? disk.last_error_text : "it is slow", send->notification->id);
	send_start(send);
	return 0;
}

static void send_new(struct daemon *d, struct notification *notification)
{
	struct send *send = calloc(1, sizeof(*send));

	if (!send) {
		log_error(
			"out of memory: notification %s waits for its next try", notification->id);
		notify_sent(
			d->notify, notification->id, NOTIFY_RETRY, "out of memory", clock_now());
		return;
	}
	send->d = d;
	send->notification = notification_ref(notification);
	send->config = config_ref(d->config);
	send->next = d->sends;
	d->sends = send;
	send->at_disk = !store_barrier(d->store, on_durable, send);
	/* Without an answer from the disk in sight, or a limit to the waiting, it does not wait. */
	if (!send->at_disk ||
		sd_event_add_time_relative(d->event, &send->patience, CLOCK_BOOTTIME,
			DURABLE_WAIT_NS / NSEC_PER_USEC, 10000, on_patience, send) < 0)
		send_start(send);
}

static void on_output(const struct notify_output *output, void *userdata)
{
	struct daemon *d = userdata;

	if (output->type == NOTIFY_SEND)
		send_new(d, output->notification);
	else if (output->type == NOTIFY_NOTICE)
		notices_add(d, output->notice);
	else
		keep(d, kinds[output->type], output->key, output->value);
}

static void take_up(const struct alert *alert, void *userdata)
{
	struct daemon *d = userdata;
	int err = notify_put(d->notify, alert, clock_now());

	if (err)
		log_error("an alert could not be taken up: %s", strerror(-err));
}

static void on_alert(const struct alert *alert, void *userdata)
{
	struct daemon *d = userdata;
	int err = forward_put(d->forward, alert, clock_now());

	if (err)
		log_error("an alert could not be taken up: %s", strerror(-err));
}

static bool is_own_address(const char *address, void *userdata)
{
	return daemon_is_own_address(((const struct daemon *)userdata)->options, address);
}

static void on_forward_changed(const char *url, const char *error, void *userdata)
{
	if (error)
		log_warn("alerts cannot be sent to %s: %s; they are tried again", url, error);
	else
		log_info("alerts are sent to %s again", url);
}

static void on_rule_keep(const char *key, const char *value, void *userdata)
{
	keep(userdata, rule_kind, key, value);
}

static void on_transition(const char *group, const char *rule, const struct promql_expr *expr,
	const struct labels *labels, enum rule_state from, enum rule_state to, void *userdata)
{
	struct strbuf cause = STRBUF_INIT;

	if (to != RULE_INACTIVE)
		causes_of(labels, expr, &cause, userdata);
	entry_transition(group, rule, labels, from, to, cause.s);
	strbuf_release(&cause);
}

static void on_rule_failed(const char *group, const char *rule, const char *error, void *userdata)
{
	const struct log_field fields[] = {
		{ "group", group },
		{ "rule", rule },
		{ NULL, NULL },
	};

	log_event(LOG_LEVEL_WARN, NULL, fields, "rule %s cannot be evaluated: %s", rule, error);
}

static bool on_row(sqlite3_stmt *row, void *userdata)
{
	struct daemon *d = userdata;
	const char *kind = (const char *)sqlite3_column_text(row, 0);
	const char *key = (const char *)sqlite3_column_text(row, 1);
	const char *value = (const char *)sqlite3_column_text(row, 2);
	int err = -EINVAL;

	if (kind && key && value) {
		if (streq(kind, rule_kind))
			err = rules_restore(d->rules, key, value, clock_now());
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (kinds[i] && streq(kind, kinds[i]))
				err = notify_restore(d->notify, i, key, value);
		}
	}
	if (err)
		log_warn("a kept row cannot be read and is left out: %s %s", kind ? kind : "?",
			key ? key : "?");
	return true;
}

int alarms_start(struct daemon *d)
{
	const struct rules_callbacks callbacks = {
		.alert = on_alert,
		.cause = causes_of,
		.keep = on_rule_keep,
		.transition = on_transition,
		.failed = on_rule_failed,
		.userdata = d,
	};
	const struct deliver_options deliver = { .external_url = d->external_url,
		.hostname = d->hostname };
	const struct forward_callbacks forward = { .is_own = is_own_address,
		.own = take_up,
		.changed = on_forward_changed,
		.userdata = d };
	struct notify_limits limits = { 0 };
	const struct rules_options rules = { .external_url = d->external_url,
		.boot_id = d->boot_name,
		.limits = { .resend_delay_ms = d->options->resend_delay_ms,
			.grace_period_ms = d->options->grace_period_ms,
			.outage_tolerance_ms = d->options->outage_tolerance_ms,
			.lookback_ms = d->options->query_lookback_ms,
			.max_samples = d->options->query_max_samples } };
	int err;

	limits.boot_id = d->boot_id;
	err = store_schema(d->store, schema);
	if (!err)
		err = deliver_new(d->net, &deliver, &d->deliver);
	if (!err)
		err = forward_new(d->net, &forward, &d->forward);
	if (!err)
		err = notify_new(&limits, on_output, d, &d->notify);
	if (!err)
		err = rules_new(d->db, &rules, &callbacks, &d->rules);
	if (!err)
		err = store_read(d->store, sql_all, NULL, 0, on_row, d);
	return err;
}

int alarms_configure(struct daemon *d, const struct config *config, struct diag *diag)
{
	struct instant now = clock_now();
	int err;

	err = rules_configure(d->rules, config, now, diag);
	if (!err)
		err = deliver_configure(d->deliver, config, diag);
	/* What was told under labels of the old ones would never be over. */
	if (!err && forward_rewrites_anew(d->forward, config))
		rules_retract(d->rules, now);
	if (!err)
		err = forward_configure(d->forward, config);
	return err ? err : notify_configure(d->notify, config, now);
}

void alarms_stop(struct daemon *d)
{
	struct send *next;

	/*
	 * What did not get through is in the outbox, and goes out after the next start. What the store
	 * still holds is released by its last callbacks, from store_close().
	 */
	for (struct send *send = d->sends; send; send = next) {
		next = send->next;
		delivery_cancel(send->delivery);
		send->delivery = NULL;
		send->over = true;
		send_release(send);
	}
}

/* One family for each of these, with a line for each Alertmanager that is not ourselves. */
void alarms_metrics(const struct daemon *d, struct strbuf *out)
{
	static const struct {
		const char *name;
		size_t offset;
	} families[] = {
		{ "tolld_forward_queue_length", offsetof(struct forward_info, queued) },
		{ "tolld_forward_sent_total", offsetof(struct forward_info, sent) },
		{ "tolld_forward_errors_total", offsetof(struct forward_info, errors) },
		{ "tolld_forward_dropped_total", offsetof(struct forward_info, lost) },
	};
	struct forward_info info;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		exposition_family(out, families[i].name);
		for (size_t k = 0; k < forward_peers(d->forward); k++) {
			forward_info(d->forward, k, &info);
			if (info.own || info.dropped)
				continue;
			exposition_sample(out, families[i].name, 1,
				(const char *const[][2]){ { "alertmanager", info.url } },
				(double)*(const uint64_t *)((const char *)&info +
							    families[i].offset));
		}
	}
}
