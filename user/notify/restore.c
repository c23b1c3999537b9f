/*
 * restore.c - rows read, and brought to life by the first configuration after a restart.
 *
 * Rows carry both clocks and the boot that the boot clock belongs to. Within that boot ages and
 * deadlines are exact. After a reboot only the wall clock knows the time in between, and it may be
 * wrong by years: what it says is taken within bounds (no age below zero, no group waiting longer
 * than its interval), so that a wrong clock at worst repeats one mail or delays one repetition.
 */
#include "notify/internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include "base/hex.h"

/* What it may say of a number. */
#define COUNT_MAX INT32_MAX

/* What a row may say of a time; the difference of two still fits. */
#define TIME_MAX (INT64_MAX / 2)

/* A rule's alert that nobody confirms after a restart: Prometheus's lease, four evaluations. */
#define CONFIRM_EVALUATIONS 4
#define CONFIRM_INTERVAL_MS 60000

struct restored_group {
	int64_t next_boot_ns, next_wall_ms;
	uint64_t boot_id;
	bool flushed;
};

struct restored_send {
	char id[33];
	char *group_id, *group_key, *receiver, *integration, *served;
	struct labels *labels;
	unsigned index;
	int64_t at_wall_ms, repeat_ns;
	enum reason reason;
	bool send_resolved;
	uint64_t *hashes;
	size_t n_firing, n_resolved, n_veiled;
};

/* -- fields ---------------------------------------------------------------------------------- */

static int read_int(const json_t *row, const char *name, int64_t *ret)
{
	const json_t *v = json_object_get(row, name);

	if (!json_is_integer(v))
		return -EINVAL;
	*ret = json_integer_value(v);
	return 0;
}

/* An instant or a span, on either clock: bounded, so that no difference of two overflows. */
static int read_time(const json_t *row, const char *name, int64_t *ret)
{
	int64_t v;

	if (read_int(row, name, &v) || v < -TIME_MAX || v > TIME_MAX)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int read_bool(const json_t *row, const char *name, bool *ret)
{
	const json_t *v = json_object_get(row, name);

	if (!json_is_boolean(v))
		return -EINVAL;
	*ret = json_is_true(v);
	return 0;
}

static int read_hex(const char *hex, char **ret)
{
	struct strbuf text = STRBUF_INIT;
	int err = hex_read(hex, &text);

	if (!err && strlen(text.s) != text.len)
		err = -EINVAL; /* a NUL would end it */
	if (!err)
		return strbuf_finish(&text, ret);
	strbuf_release(&text);
	return err;
}

/* Text, or {"hex": ...} for text that is not UTF-8; the caller frees. */
static int read_value(const json_t *v, char **ret)
{
	const char *hex = json_string_value(json_object_get(v, "hex"));
	char *text;

	if (hex)
		return read_hex(hex, ret);
	if (!json_is_string(v))
		return -EINVAL;
	text = strdup(json_string_value(v));
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static int read_text(const json_t *row, const char *name, char **ret)
{
	return read_value(json_object_get(row, name), ret);
}

static int read_labels(const json_t *row, const char *name, struct labels **ret)
{
	const json_t *pairs = json_object_get(row, name), *pair;
	struct labels_builder b = LABELS_BUILDER_INIT;
	size_t i;
	int err = json_is_array(pairs) ? 0 : -EINVAL;

	json_array_foreach(pairs, i, pair)
	{
		scoped(freep) char *label = NULL, *value = NULL;

		err = read_value(json_array_get(pair, 0), &label);
		if (!err)
			err = read_value(json_array_get(pair, 1), &value);
		if (err)
			break;
		labels_builder_set(&b, label, value);
	}
	if (err) {
		labels_builder_release(&b);
		return err;
	}
	return labels_build(&b, ret);
}

/* Appends to the array of *n; the set must be sorted. */
static int read_fingerprints(
	const json_t *row, const char *name, uint64_t **hashes, size_t *n, size_t *ret_n)
{
	const char *hex = json_string_value(json_object_get(row, name));
	size_t len = hex ? strlen(hex) : 0, count = len / 16;
	uint64_t *grown;

	if (!hex || len % 16)
		return -EINVAL;
	grown = realloc(*hashes, (*n + count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*hashes = grown;
	for (size_t i = 0; i < count; i++) {
		uint64_t v = 0;

		for (size_t k = 0; k < 16; k++) {
			int digit = hex_digit(hex[16 * i + k]);

			if (digit < 0)
				return -EINVAL;
			v = v << 4 | (uint64_t)digit;
		}
		grown[*n + i] = v;
	}
	fingerprints_sort(grown + *n, count);
	*n += count;
	*ret_n = count;
	return 0;
}

/* A set that a row leaves out where it is empty. */
static int read_more_fingerprints(
	const json_t *row, const char *name, uint64_t **hashes, size_t *n, size_t *ret_n)
{
	*ret_n = 0;
	if (!json_object_get(row, name))
		return 0;
	return read_fingerprints(row, name, hashes, n, ret_n);
}

/* -- rows ------------------------------------------------------------------------------------ */

static int restore_group_row(struct notify *notify, const char *key, const json_t *row)
{
	struct restored_group group = { 0 }, *own;
	int64_t boot;
	int err;

	if (map_gets(&notify->restored.groups, key) ||
		read_time(row, "next_boot", &group.next_boot_ns) ||
		read_time(row, "next_wall", &group.next_wall_ms) || read_int(row, "boot", &boot) ||
		read_bool(row, "flushed", &group.flushed))
		return -EINVAL;
	group.boot_id = (uint64_t)boot;
	own = malloc(sizeof(*own));
	if (!own)
		return -ENOMEM;
	*own = group;
	err = map_puts(&notify->restored.groups, key, own);
	if (err)
		free(own);
	return err;
}

static int read_id(const json_t *row, char out[33])
{
	const char *id = json_string_value(json_object_get(row, "id"));

	/* A flush that only went into the log has none. */
	if (!id || (strlen(id) != 32 && *id))
		return -EINVAL;
	snprintf(out, 33, "%s", id);
	return 0;
}

static int restore_log_row(struct notify *notify, const char *key, const json_t *row)
{
	scoped(freep) uint64_t *hashes = NULL;
	scoped(freep) struct log_entry *entry = NULL;
	size_t n = 0, n_firing = 0, n_resolved = 0, n_owed = 0;
	int64_t repeat_ms, boot;
	int err;

	err = read_fingerprints(row, "firing", &hashes, &n, &n_firing);
	if (!err)
		err = read_fingerprints(row, "resolved", &hashes, &n, &n_resolved);
	if (!err)
		err = read_more_fingerprints(row, "owed", &hashes, &n, &n_owed);
	if (err)
		return err;
	entry = log_entry_new((struct fingerprints){ hashes, n_firing },
		(struct fingerprints){ hashes + n_firing, n_resolved },
		(struct fingerprints){ hashes + n_firing + n_resolved, n_owed });
	if (!entry)
		return -ENOMEM;
	if (log_find(notify, key) || read_id(row, entry->id) ||
		read_time(row, "at_boot", &entry->at_boot_ns) ||
		read_time(row, "at_wall", &entry->at_wall_ms) ||
		read_time(row, "repeat", &repeat_ms) || read_int(row, "boot", &boot))
		return -EINVAL;
	entry->repeat_ns = ns_of_ms(repeat_ms);
	entry->boot_id = (uint64_t)boot;
	err = log_reserve(notify, key);
	if (!err)
		log_set(notify, key, TAKE(entry));
	return err;
}

static void send_release(struct restored_send *send)
{
	free(send->group_id);
	free(send->group_key);
	free(send->receiver);
	free(send->integration);
	labels_unref(send->labels);
	free(send->hashes);
	free(send->served);
}

static int read_send(const json_t *row, struct restored_send *send)
{
	const char *reason = json_string_value(json_object_get(row, "reason"));
	int64_t index, repeat_ms;
	size_t n = 0;
	int err;

	err = read_text(row, "group", &send->group_id);
	if (!err)
		err = read_text(row, json_object_get(row, "group_key") ? "group_key" : "group",
			&send->group_key);
	if (!err)
		err = read_text(row, "receiver", &send->receiver);
	if (!err)
		err = read_text(row, "integration", &send->integration);
	if (!err)
		err = read_labels(row, "labels", &send->labels);
	if (!err && json_object_get(row, "served"))
		err = read_text(row, "served", &send->served);
	if (!err)
		err = read_fingerprints(row, "firing", &send->hashes, &n, &send->n_firing);
	if (!err)
		err = read_fingerprints(row, "resolved", &send->hashes, &n, &send->n_resolved);
	if (!err)
		err = read_more_fingerprints(row, "veiled", &send->hashes, &n, &send->n_veiled);
	if (err)
		return err;
	if (n == send->n_veiled || !reason || read_int(row, "index", &index) || index < 0 ||
		index > UINT16_MAX || read_time(row, "at_wall", &send->at_wall_ms) ||
		read_time(row, "repeat", &repeat_ms) ||
		read_bool(row, "send_resolved", &send->send_resolved))
		return -EINVAL;
	send->index = (unsigned)index;
	send->repeat_ns = ns_of_ms(repeat_ms);
	send->reason = reason_parse(reason);
	return 0;
}

static int restore_send_row(struct notify *notify, const char *key, const json_t *row)
{
	struct restored *restored = &notify->restored;
	struct restored_send send = { 0 };
	int err = 0;

	if (strlen(key) != sizeof(send.id) - 1)
		return -EINVAL;
	memcpy(send.id, key, sizeof(send.id));
	err = read_send(row, &send);
	if (!err && !vec_reserve(restored->sends, restored->n_sends, restored->cap_sends))
		err = -ENOMEM;
	if (err)
		send_release(&send);
	else
		restored->sends[restored->n_sends++] = send;
	return err;
}

static int read_matcher(const json_t *triple, struct matcher_list *ret)
{
	static const enum matcher_type types[] = { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX,
		MATCH_NOT_REGEX };
	scoped(freep) char *name = NULL, *value = NULL;
	const char *type = json_string_value(json_array_get(triple, 0));
	char error[MATCHER_MAX_ERROR];
	struct matcher *matcher;
	int err;

	err = read_value(json_array_get(triple, 1), &name);
	if (!err)
		err = read_value(json_array_get(triple, 2), &value);
	for (size_t i = 0; !err && type && i < ARRAY_SIZE(types); i++) {
		if (!streq(type, matcher_type_text(types[i])))
			continue;
		err = matcher_new(types[i], name, value, &matcher, error, sizeof(error));
		return err ? err : matcher_list_add(ret, matcher);
	}
	return err ? err : -EINVAL;
}

static int read_silence(const json_t *row, struct silence *silence)
{
	const json_t *matchers = json_object_get(row, "matchers"), *triple;
	size_t i;
	int err = 0;

	if (!json_is_array(matchers) || read_time(row, "starts", &silence->starts_wall_ms) ||
		read_time(row, "ends", &silence->ends_wall_ms) ||
		read_time(row, "updated", &silence->updated_wall_ms))
		return -EINVAL;
	json_array_foreach(matchers, i, triple)
	{
		err = read_matcher(triple, &silence->matchers);
		if (err)
			return err;
	}
	if (json_object_get(row, "by"))
		err = read_text(row, "by", &silence->created_by);
	if (!err && json_object_get(row, "comment"))
		err = read_text(row, "comment", &silence->comment);
	if (!err && json_object_get(row, "annotations"))
		err = read_labels(row, "annotations", &silence->annotations);
	return err;
}

static int restore_silence_row(struct notify *notify, const char *key, const json_t *row)
{
	scoped(silence_freep) struct silence *silence = silence_new();
	char error[MATCHER_MAX_ERROR];
	int err;

	if (!silence)
		return -ENOMEM;
	if (strlen(key) != SILENCE_ID_LEN || notify_silence_get(notify, key))
		return -EINVAL;
	memcpy(silence->id, key, sizeof(silence->id));
	err = read_silence(row, silence);
	if (!err)
		err = silence_validate(silence, error, sizeof(error));
	if (!err)
		err = silence_adopt(notify, silence);
	if (!err)
		silence = NULL;
	return err;
}

static int restore_budget_row(struct notify *notify, const char *key, const json_t *row)
{
	const json_t *counts = json_object_get(row, "counts");
	struct recent recent = { 0 };
	struct budget *budget;
	int64_t wall_ms, boot;
	int err;

	if (map_gets(&notify->digests.budgets, key) || json_array_size(counts) != RECENT_SLOTS ||
		read_time(row, "slot", &recent.slot_ns) || recent.slot_ns <= 0 ||
		read_time(row, "head_boot", &recent.head_boot_ns) ||
		read_time(row, "head_wall", &wall_ms) || read_int(row, "boot", &boot))
		return -EINVAL;
	for (size_t i = 0; i < RECENT_SLOTS; i++) {
		recent.counts[i] = json_integer_value(json_array_get(counts, i));
		if (recent.counts[i] < 0 || recent.counts[i] > COUNT_MAX)
			return -EINVAL;
	}
	err = budget_make(notify, key, &budget);
	if (err)
		return err;
	budget->recent = recent;
	budget->restored = true;
	budget->head_wall_ms = wall_ms;
	budget->boot_id = (uint64_t)boot;
	return 0;
}

static int read_count(const json_t *row, const char *name, size_t *ret)
{
	int64_t v;

	if (read_int(row, name, &v) || v < 0 || v > COUNT_MAX)
		return -EINVAL;
	*ret = (size_t)v;
	return 0;
}

static int read_withheld(struct notify *notify, const json_t *row, struct withheld *withheld)
{
	scoped(freep) char *receiver = NULL, *integration = NULL;
	size_t index;
	int err;

	err = read_text(row, "receiver", &receiver);
	if (!err)
		err = read_text(row, "integration", &integration);
	if (!err)
		err = read_text(row, "name", &withheld->name);
	if (!err)
		err = read_labels(row, "labels", &withheld->labels);
	if (err)
		return err;
	if (read_count(row, "index", &index) || index > UINT16_MAX ||
		read_count(row, "firing", &withheld->firing) ||
		read_count(row, "resolved", &withheld->resolved) ||
		read_count(row, "notifications", &withheld->notifications) ||
		!withheld->notifications || read_time(row, "first", &withheld->first_wall_ms))
		return -EINVAL;
	return digest_make(notify, receiver, integration, (unsigned)index, &withheld->digest);
}

static int restore_withheld_row(struct notify *notify, const char *key, const json_t *row)
{
	struct withheld *withheld;
	int err;

	if (map_gets(&notify->digests.withheld, key))
		return -EINVAL;
	withheld = calloc(1, sizeof(*withheld));
	if (!withheld)
		return -ENOMEM;
	err = read_withheld(notify, row, withheld);
	if (!err)
		err = map_puts(&notify->digests.withheld, key, withheld);
	if (err) {
		withheld_free(withheld);
		return err;
	}
	withheld->digest->n_withheld++;
	return 0;
}

int notify_restore(
	struct notify *notify, enum notify_output_type type, const char *key, const char *value)
{
	typedef int restore_fn(struct notify *, const char *, const json_t *);
	static restore_fn *const readers[] = {
		[NOTIFY_KEEP_GROUP] = restore_group_row,
		[NOTIFY_KEEP_LOG] = restore_log_row,
		[NOTIFY_KEEP_OUTBOX] = restore_send_row,
		[NOTIFY_KEEP_SILENCE] = restore_silence_row,
		[NOTIFY_KEEP_BUDGET] = restore_budget_row,
		[NOTIFY_KEEP_WITHHELD] = restore_withheld_row,
	};
	scoped(json_decrefp) json_t *row = NULL;

	if (type == NOTIFY_KEEP_ALERT && !notify->configured)
		return restore_alert(notify, key, value);
	row = json_loads(value, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(row) || notify->configured || (size_t)type >= ARRAY_SIZE(readers) ||
		!readers[type])
		return -EINVAL;
	return readers[type](notify, key, row);
}

/* -- clocks ---------------------------------------------------------------------------------- */

static bool same_boot(const struct notify *notify, uint64_t boot_id)
{
	return boot_id && boot_id == notify->limits.boot_id;
}

static void restore_log_clock(
	const struct notify *notify, struct log_entry *entry, struct instant now)
{
	int64_t age_ns = ns_of_ms(now.wall_ms - entry->at_wall_ms);

	if (same_boot(notify, entry->boot_id))
		age_ns = now.boot_ns - entry->at_boot_ns;
	entry->at_boot_ns = now.boot_ns - MAX(age_ns, 0);
}

/* The longest that a rule may take to say that its alert still fires. */
static int64_t confirm_ns(const struct config *config)
{
	int64_t interval_ms = MAX(config->global.evaluation_interval_ms, CONFIRM_INTERVAL_MS);

	for (size_t i = 0; i < config->n_groups; i++)
		interval_ms = MAX(interval_ms, config->groups[i].interval_ms);
	return ns_of_ms(interval_ms * CONFIRM_EVALUATIONS);
}

/*
 * Nothing is over only because tolld was not there to hear of it: a rule's alert waits for its rule,
 * and a lease begins again.
 */
static void restore_alert_clock(
	struct entry *entry, const struct config *config, struct instant now)
{
	const struct alert *alert = entry->alert;
	int64_t left_ms, lease_ms;

	if (entry->resolved) {
		entry->ends_boot_ns = now.boot_ns;
	} else if (!alert->ends_wall_ms) {
		entry->ends_boot_ns = now.boot_ns + confirm_ns(config);
	} else {
		lease_ms = MAX(config->global.resolve_timeout_ms,
			alert->ends_wall_ms - alert->updated_wall_ms);
		left_ms = alert->ends_wall_ms - now.wall_ms;
		left_ms = MAX(MIN(left_ms, lease_ms), config->global.resolve_timeout_ms);
		entry->ends_boot_ns = now.boot_ns + ns_of_ms(left_ms);
	}
}

void restore_clocks(struct notify *notify, const struct config *config, struct instant now)
{
	if (notify->restored.clocks_set)
		return;
	notify->restored.clocks_set = true;
	map_foreach (&notify->log, e)
		restore_log_clock(notify, e->value, now);
	map_foreach (&notify->alerts, e) {
		struct entry *entry = e->value;

		if (entry->restored)
			restore_alert_clock(entry, config, now);
	}
}

/*
 * Where the timer stands now. A group that has flushed goes on in step: its row is as old as the
 * last change of step. After a reboot nobody remembers the step, and group_wait will do.
 */
static int64_t next_tick(const struct notify *notify, const struct restored_group *row,
	const struct route *route, struct instant now)
{
	int64_t interval = MAX(route->group_interval_ns, 1), wait = route->group_wait_ns;
	int64_t left = ns_of_ms(row->next_wall_ms - now.wall_ms), soon = MIN(wait, interval);

	if (same_boot(notify, row->boot_id))
		left = row->next_boot_ns - now.boot_ns;
	else if (row->flushed)
		left = left < 0 ? soon : MIN(left, soon);
	if (!row->flushed)
		return now.boot_ns + MAX(MIN(left, wait), 0);
	if (left < 0)
		left = interval - 1 - (-left - 1) % interval;
	return now.boot_ns + MIN(left, interval);
}

bool restore_group(struct notify *notify, struct group *group, struct instant now)
{
	struct restored_group *row = map_dels(&notify->restored.groups, group->name.id);

	if (!row)
		return false;
	group->flushed = row->flushed;
	timer_set(&notify->timers, &group->timer, next_tick(notify, row, group->route, now));
	persist_group(notify, group, now);
	free(row);
	return true;
}

/* -- the outbox ------------------------------------------------------------------------------ */

static struct alert *shown_then(const struct entry *entry, bool firing, int64_t at_wall_ms)
{
	const struct alert *alert = entry->alert;
	struct alert *copy;

	if (firing ? !alert->ends_wall_ms : entry->resolved)
		return alert_ref(alert);
	copy = alert_copy(alert);
	if (copy)
		copy->ends_wall_ms = firing ? 0 : at_wall_ms;
	return copy;
}

static int flush_again(struct notify *notify, const struct restored_send *send, struct instant now,
	struct flush **ret)
{
	struct instant at = { .boot_ns = now.boot_ns, .wall_ms = send->at_wall_ms };
	struct flush_alert *alerts = calloc(send->n_firing + send->n_resolved, sizeof(*alerts));
	const uint64_t *veiled = send->hashes + send->n_firing + send->n_resolved;
	size_t n = 0, n_firing = 0;
	int err;

	if (!alerts)
		return -ENOMEM;
	for (size_t i = 0; i < send->n_firing + send->n_resolved; i++) {
		const struct entry *entry = entry_find(notify, send->hashes[i]);
		bool firing = i < send->n_firing;

		if (!entry)
			continue;
		alerts[n].shown = shown_then(entry, firing, send->at_wall_ms);
		if (!alerts[n].shown)
			continue;
		alerts[n++].stored = alert_ref(entry->alert);
		n_firing += firing;
	}
	if (!n) {
		free(alerts);
		return -ENOENT;
	}
	err = flush_new(alerts, n, n_firing, 0, send->n_veiled, at, ret);
	if (err)
		return err;
	for (size_t i = 0; i < send->n_veiled; i++)
		flush_veil(*ret, veiled[i]);
	/* Others may have been told by the flush that this was part of: the next one finds out. */
	(*ret)->failed = true;
	return 0;
}

/* The flush that it belonged to, made again for the first of its attempts. */
static int flush_for(struct notify *notify, const struct restored_send *send, struct instant now,
	struct flush **ret)
{
	struct group *group = group_find(notify, send->group_id);
	int64_t interval = group ? group->route->group_interval_ns : 0;
	int err;

	if (group && group->flush && group->flush->at.wall_ms == send->at_wall_ms) {
		*ret = group->flush;
		return 0;
	}
	err = flush_again(notify, send, now, ret);
	if (err)
		return err;
	(*ret)->give_up_boot_ns = now.boot_ns + MAX(interval, 10 * NSEC_PER_SEC);
	if (group && !group->flush) {
		group->flush = *ret;
		(*ret)->group = group;
	}
	return 0;
}

static int send_again(struct notify *notify, struct restored_send *send, struct instant now)
{
	struct integration to = { .receiver = send->receiver,
		.name = send->integration,
		.index = send->index,
		.send_resolved = send->send_resolved };
	const struct group *known = group_find(notify, send->group_id);
	const struct group_name group = { send->group_id, send->group_key, send->labels,
		known ? known->route->labels : NULL };
	struct strbuf key = STRBUF_INIT;
	const struct log_entry *told;
	struct attempt *attempt;
	struct flush *flush;
	int err;

	log_key(&key, send->group_id, to.receiver, to.name, to.index);
	told = key.err ? NULL : log_find(notify, key.s);
	strbuf_release(&key);
	/* Killed between the log's row and this one's end. */
	if (told && streq(told->id, send->id))
		return -EALREADY;
	if (!integration_exists(notify->config, to.receiver, to.name, to.index))
		return -ENOENT;
	err = flush_for(notify, send, now, &flush);
	if (err)
		return err;
	flush->n_open++;
	err = attempt_new(
		notify, flush, &to, &group, send->reason, send->repeat_ns, send->id, &attempt);
	if (!err) {
		attempt->in_doubt = true;
		attempt->notification->served = TAKE(send->served);
		timer_set(&notify->timers, &attempt->timer, now.boot_ns);
	}
	flush_attempt_over(notify, flush, !err, now);
	return err;
}

void restore_finish(struct notify *notify, struct instant now)
{
	struct restored *restored = &notify->restored;

	map_foreach (&restored->groups, e)
		persist_delete(notify, NOTIFY_KEEP_GROUP, e->key);
	for (size_t i = 0; i < restored->n_sends; i++) {
		/* What cannot be sent as it was, the group's next flush tells anew. */
		if (send_again(notify, &restored->sends[i], now))
			persist_delete(notify, NOTIFY_KEEP_OUTBOX, restored->sends[i].id);
	}
	restore_release(notify);
}

void restore_release(struct notify *notify)
{
	struct restored *restored = &notify->restored;

	map_foreach (&restored->groups, e)
		free(e->value);
	map_release(&restored->groups);
	for (size_t i = 0; i < restored->n_sends; i++)
		send_release(&restored->sends[i]);
	free(restored->sends);
	restored->sends = NULL;
	free(TAKE(restored->texts));
	restored->n_texts = restored->cap_texts = 0;
	restored->n_sends = restored->cap_sends = 0;
}
