/*
 * persist.c - rows written: what of the machine must outlive the process.
 *
 * Rows are JSON. Text that is not UTF-8 (label values may come from anywhere) is written as
 * {"hex": ...}, so that it comes back as it was and the fingerprint stays the same. Fingerprints are
 * one run of hex digits: a group may have a hundred thousand. A notification in the outbox names its
 * alerts by fingerprint: they cannot leave before it is over.
 */
#include "notify/internal.h"

#include <inttypes.h>
#include "base/escape.h"
#include "base/hex.h"
#include "model/intern.h"

static void add_text(struct strbuf *out, const char *s, size_t len)
{
	if (!utf8_valid(s, len)) {
		strbuf_adds(out, "{\"hex\":\"");
		for (size_t i = 0; i < len; i++)
			strbuf_addf(out, "%02x", (unsigned char)s[i]);
		strbuf_adds(out, "\"}");
		return;
	}
	escape_json_string(out, s, len);
}

static void add_name(struct strbuf *out, const char *name)
{
	strbuf_adds(out, out->len ? ",\"" : "{\"");
	strbuf_adds(out, name);
	strbuf_adds(out, "\":");
}

static void add_field(struct strbuf *out, const char *name, const char *text)
{
	add_name(out, name);
	add_text(out, text, strlen(text));
}

static void add_int(struct strbuf *out, const char *name, int64_t v)
{
	add_name(out, name);
	strbuf_addi(out, v);
}

static void add_bool(struct strbuf *out, const char *name, bool v)
{
	add_name(out, name);
	strbuf_adds(out, v ? "true" : "false");
}

static void add_labels(struct strbuf *out, const char *name, const struct labels *labels)
{
	add_name(out, name);
	strbuf_addch(out, '[');
	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];

		strbuf_adds(out, i ? ",[" : "[");
		add_text(out, l->name, intern_len(l->name));
		strbuf_addch(out, ',');
		add_text(out, l->value, intern_len(l->value));
		strbuf_addch(out, ']');
	}
	strbuf_addch(out, ']');
}

static void add_fingerprints(struct strbuf *out, const char *name, struct fingerprints set)
{
	add_name(out, name);
	strbuf_addch(out, '"');
	for (size_t i = 0; i < set.n; i++) {
		char *to = strbuf_room(out, 16);

		if (!to)
			return;
		hex_format64(to, set.v[i]);
		out->len += 16;
	}
	strbuf_addch(out, '"');
}

static int put_out(struct notify *notify, enum notify_output_type type, const char *key)
{
	struct notify_output output = { .type = type, .key = key };

	strbuf_addch(&notify->row, '}');
	if (notify->row.err)
		return notify->row.err;
	output.value = notify->row.s;
	notify->output(&output, notify->userdata);
	return 0;
}

void persist_delete(struct notify *notify, enum notify_output_type type, const char *key)
{
	struct notify_output output = { .type = type, .key = key };

	notify->output(&output, notify->userdata);
}

void persist_alert_key(char out[17], const struct alert *alert)
{
	hex_format64(out, alert_fingerprint(alert));
}

int persist_alert(struct notify *notify, const struct entry *entry)
{
	const struct alert *alert = entry->alert;
	struct strbuf *row = &notify->row;
	char key[17];

	persist_alert_key(key, alert);
	strbuf_reset(row);
	add_labels(row, "labels", alert->labels);
	add_labels(row, "annotations", alert->annotations);
	add_int(row, "starts", alert->starts_wall_ms);
	add_int(row, "ends", alert->ends_wall_ms);
	add_int(row, "updated", alert->updated_wall_ms);
	add_bool(row, "timeout", alert->timeout);
	add_bool(row, "resolved", entry->resolved);
	if (alert->generator_url)
		add_field(row, "url", alert->generator_url);
	return put_out(notify, NOTIFY_KEEP_ALERT, key);
}

int persist_group(struct notify *notify, const struct group *group, struct instant now)
{
	struct strbuf *row = &notify->row;
	int64_t left_ns = group->timer.at_boot_ns - now.boot_ns;

	strbuf_reset(row);
	add_int(row, "next_boot", group->timer.at_boot_ns);
	add_int(row, "next_wall", now.wall_ms + left_ns / NSEC_PER_MSEC);
	add_int(row, "boot", (int64_t)notify->limits.boot_id);
	add_bool(row, "flushed", group->flushed);
	return put_out(notify, NOTIFY_KEEP_GROUP, group->name.id);
}

int persist_log(struct notify *notify, const char *key, const struct log_entry *entry)
{
	struct strbuf *row = &notify->row;

	strbuf_reset(row);
	add_field(row, "id", entry->id);
	add_int(row, "at_boot", entry->at_boot_ns);
	add_int(row, "at_wall", entry->at_wall_ms);
	add_int(row, "boot", (int64_t)notify->limits.boot_id);
	add_int(row, "repeat", entry->repeat_ns / NSEC_PER_MSEC);
	add_fingerprints(row, "firing", log_firing(entry));
	add_fingerprints(row, "resolved", log_resolved(entry));
	if (entry->n_owed)
		add_fingerprints(row, "owed", log_owed(entry));
	return put_out(notify, NOTIFY_KEEP_LOG, key);
}

int persist_silence(struct notify *notify, const struct silence *silence)
{
	struct strbuf *row = &notify->row;

	strbuf_reset(row);
	add_int(row, "starts", silence->starts_wall_ms);
	add_int(row, "ends", silence->ends_wall_ms);
	add_int(row, "updated", silence->updated_wall_ms);
	add_name(row, "matchers");
	strbuf_addch(row, '[');
	for (size_t i = 0; i < silence->matchers.n; i++) {
		const struct matcher *m = silence->matchers.v[i];

		strbuf_addf(row, "%s[\"%s\",", i ? "," : "", matcher_type_text(m->type));
		add_text(row, m->name, strlen(m->name));
		strbuf_addch(row, ',');
		add_text(row, m->value, strlen(m->value));
		strbuf_addch(row, ']');
	}
	strbuf_addch(row, ']');
	if (silence->created_by)
		add_field(row, "by", silence->created_by);
	if (silence->comment)
		add_field(row, "comment", silence->comment);
	if (silence->annotations)
		add_labels(row, "annotations", silence->annotations);
	return put_out(notify, NOTIFY_KEEP_SILENCE, silence->id);
}

int persist_budget(struct notify *notify, const struct budget *budget, struct instant now)
{
	const struct recent *recent = &budget->recent;
	struct strbuf *row = &notify->row;

	strbuf_reset(row);
	add_int(row, "slot", recent->slot_ns);
	add_int(row, "head_boot", recent->head_boot_ns);
	add_int(row, "head_wall",
		now.wall_ms - (now.boot_ns - recent->head_boot_ns) / NSEC_PER_MSEC);
	add_int(row, "boot", (int64_t)notify->limits.boot_id);
	add_name(row, "counts");
	strbuf_addch(row, '[');
	for (size_t i = 0; i < RECENT_SLOTS; i++)
		strbuf_addf(row, "%s%" PRId64, i ? "," : "", recent->counts[i]);
	strbuf_addch(row, ']');
	return put_out(notify, NOTIFY_KEEP_BUDGET, budget->key);
}

int persist_withheld(struct notify *notify, const char *key, const struct withheld *withheld)
{
	struct strbuf *row = &notify->row;

	strbuf_reset(row);
	add_field(row, "receiver", withheld->digest->receiver);
	add_field(row, "integration", withheld->digest->integration);
	add_int(row, "index", withheld->digest->index);
	add_labels(row, "labels", withheld->labels);
	add_field(row, "name", withheld->name);
	add_int(row, "firing", (int64_t)withheld->firing);
	add_int(row, "resolved", (int64_t)withheld->resolved);
	add_int(row, "notifications", (int64_t)withheld->notifications);
	add_int(row, "first", withheld->first_wall_ms);
	return put_out(notify, NOTIFY_KEEP_WITHHELD, key);
}

int persist_outbox(struct notify *notify, const struct attempt *attempt)
{
	const struct notification *n = attempt->notification;
	struct strbuf *row = &notify->row;

	strbuf_reset(row);
	add_field(row, "group", attempt->group_id);
	if (!streq(n->group_key, attempt->group_id))
		add_field(row, "group_key", n->group_key);
	add_labels(row, "labels", n->group_labels);
	add_field(row, "receiver", n->receiver);
	add_field(row, "integration", n->integration);
	add_int(row, "index", n->index);
	add_int(row, "at_wall", n->at_wall_ms);
	add_field(row, "reason", n->reason);
	add_int(row, "repeat", attempt->entry->repeat_ns / NSEC_PER_MSEC);
	add_bool(row, "send_resolved", n->n_alerts > n->n_firing);
	add_fingerprints(row, "firing", log_firing(attempt->entry));
	add_fingerprints(row, "resolved", log_resolved(attempt->entry));
	if (attempt->flush->n_veiled)
		add_fingerprints(row, "veiled", flush_veiled(attempt->flush));
	if (n->served)
		add_field(row, "served", n->served);
	return put_out(notify, NOTIFY_KEEP_OUTBOX, n->id);
}
