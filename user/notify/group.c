/*
 * group.c - groups of alerts, and what is told when a group's time comes.
 *
 * A group waits group_wait after it was made, and group_interval from then on, whatever joins it
 * meanwhile. Each time, every integration of its receiver is told what it does not know yet. Alerts
 * that are over leave the group once all of them were told; a group without alerts is gone.
 *
 * An alert that must not be told now (look() asks) is as good as told: when it is over it leaves the
 * group, and nobody hears of it (but owed.c). Source: alertmanager dispatch/dispatch.go.
 */
#include "notify/internal.h"

#include <errno.h>

/* When a flush failed for want of memory. */
#define AGAIN_NS NSEC_PER_SEC
/* A flush is tried for at least as long. */
#define FLUSH_MIN_NS (10 * NSEC_PER_SEC)

struct group *group_find(const struct notify *notify, const char *id)
{
	return map_gets(&notify->groups, id);
}

static void name_release(struct group_name *name)
{
	if (name->key != name->id)
		free((char *)name->key);
	free((char *)name->id);
	labels_unref((struct labels *)name->labels);
}

static int name_init(struct group_name *name, const struct route *route,
	const struct labels *labels, const char *id)
{
	struct strbuf text = STRBUF_INIT;
	char *key;
	int err;

	*name = (struct group_name){ .id = strdup(id), .labels = labels_ref(labels) };
	name->key = name->id;
	if (!name->id || streq(route->id, route->key))
		return name->id ? 0 : -ENOMEM;
	route_group_key(route->key, labels, &text);
	err = strbuf_finish(&text, &key);
	if (!err)
		name->key = key;
	return err;
}

/* A new, empty group for these labels, its timer not set; takes references. */
static int group_new(struct notify *notify, const struct route *route, const struct labels *labels,
	const char *id, struct group **ret)
{
	struct group *group = calloc(1, sizeof(*group));

	if (!group)
		return -ENOMEM;
	if (name_init(&group->name, route, labels, id) || timers_own(&notify->timers)) {
		name_release(&group->name);
		free(group);
		return -ENOMEM;
	}
	group->timer.kind = TIMER_GROUP;
	group->route = route;
	if (map_puts(&notify->groups, id, group)) {
		group_free(notify, group);
		return -ENOMEM;
	}
	*ret = group;
	return 0;
}

void group_free(struct notify *notify, struct group *group)
{
	if (!group)
		return;
	if (group->flush)
		group->flush->group = NULL;
	timers_disown(&notify->timers, &group->timer);
	name_release(&group->name);
	free(group->members);
	free(group);
}

/* Takes everything back and deletes its row. Members must be gone. */
static void group_drop(struct notify *notify, struct group *group)
{
	persist_delete(notify, NOTIFY_KEEP_GROUP, group->name.id);
	map_dels(&notify->groups, group->name.id);
	group_free(notify, group);
}

/* The first timer of a group that was made just now. */
static void group_start(struct notify *notify, struct group *group, struct instant now)
{
	int64_t first = INT64_MAX, wait_ns = group->route->group_wait_ns;

	for (size_t i = 0; i < group->n; i++)
		first = MIN(first, group->members[i]->entry->alert->starts_wall_ms);
	/* It began long before it was heard of: it has waited enough. */
	if (group->n && ns_of_ms(now.wall_ms - first) > wait_ns)
		wait_ns = 0;
	timer_set(&notify->timers, &group->timer, now.boot_ns + wait_ns);
	persist_group(notify, group, now);
}

/* -- members --------------------------------------------------------------------------------- */

static void leave(struct membership *m)
{
	struct group *group = m->group;
	struct membership **at = &m->entry->members;

	group->members[m->index] = group->members[--group->n];
	group->members[m->index]->index = m->index;
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	m->entry->grouped = false;
	free(m);
}

void groups_remove(struct notify *notify, struct entry *entry)
{
	while (entry->members) {
		struct group *group = entry->members->group;

		leave(entry->members);
		if (!group->n && !group->flush)
			group_drop(notify, group);
	}
}

static bool is_member(const struct entry *entry, const struct group *group)
{
	const struct membership *m = entry->members;

	while (m && m->group != group)
		m = m->next;
	return m != NULL;
}

struct joining {
	struct notify *notify;
	struct entry *entry;
	struct instant now;
	bool anew; /* for groups_route_anew(): only into `coming` */
};

/* The group of these labels, or a new one. */
static int group_for(
	struct joining *j, const struct route *route, struct group **ret, bool *ret_new)
{
	struct notify *notify = j->notify;
	scoped(labels_unrefp) struct labels *labels = NULL;
	int err;

	err = route_group_labels(route, j->entry->alert->labels, &labels);
	if (err)
		return err;
	strbuf_reset(&notify->row);
	route_group_key(route->id, labels, &notify->row);
	if (notify->row.err)
		return notify->row.err;
	*ret = group_find(notify, notify->row.s);
	*ret_new = !*ret;
	if (*ret)
		return 0;
	/* A new configuration is not refused for its many groups: there are at most max_alerts. */
	if (!j->anew && notify->groups.n >= notify->limits.max_groups)
		return -ENOSPC;
	return group_new(notify, route, labels, notify->row.s, ret);
}

static int join(const struct route *route, void *userdata)
{
	struct joining *j = userdata;
	struct membership *m;
	struct group *group;
	bool is_new;
	int err;

	err = group_for(j, route, &group, &is_new);
	if (err || is_member(j->entry, group))
		return err;
	m = malloc(sizeof(*m));
	if (!m || !vec_reserve(group->members, group->n, group->cap)) {
		free(m);
		if (is_new)
			group_drop(j->notify, group);
		return -ENOMEM;
	}
	*m = (struct membership){
		.entry = j->entry, .group = group, .index = group->n, .next = j->entry->members
	};
	j->entry->members = m;
	group->members[group->n++] = m;
	if (is_new)
		group_start(j->notify, group, j->now);
	return 0;
}

int groups_add(struct notify *notify, struct entry *entry, struct instant now)
{
	struct joining j = { .notify = notify, .entry = entry, .now = now };
	int err;

	if (!notify->configured)
		return 0;
	err = route_match(notify->route, entry->alert->labels, join, &j);
	entry->grouped = !err;
	return err;
}

/* -- a new configuration --------------------------------------------------------------------- */

static int join_anew(const struct route *route, void *userdata)
{
	struct joining *j = userdata;
	struct membership *m;
	struct group *group;
	bool is_new;
	int err;

	err = group_for(j, route, &group, &is_new);
	if (err)
		return err;
	if (is_new)
		group->fresh = true;
	group->route_coming = route;
	m = malloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct membership){ .entry = j->entry, .group = group, .next = j->entry->coming };
	j->entry->coming = m;
	group->n_coming++;
	return 0;
}

static void free_chain(struct membership **chain)
{
	struct membership *m;

	while ((m = *chain)) {
		*chain = m->next;
		free(m);
	}
}

/* All that can fail: no alert and no old group is touched. */
static int prepare_anew(struct notify *notify, const struct route *route, struct instant now)
{
	struct joining j = { .notify = notify, .now = now, .anew = true };
	int err = 0;

	map_foreach (&notify->alerts, e) {
		j.entry = e->value;
		err = route_match(route, j.entry->alert->labels, join_anew, &j);
		if (err)
			return err;
	}
	map_foreach (&notify->groups, e) {
		struct group *group = e->value;
		struct membership **grown;

		if (group->n_coming <= group->cap)
			continue;
		grown = realloc(group->members, group->n_coming * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		group->members = grown;
		group->cap = group->n_coming;
	}
	return 0;
}

static void undo_anew(struct notify *notify)
{
	map_foreach (&notify->alerts, e)
		free_chain(&((struct entry *)e->value)->coming);
	map_foreach (&notify->groups, e) {
		struct group *group = e->value;

		group->n_coming = 0;
		group->route_coming = NULL;
		/* It never had a row, or has one from before the restart that is still wanted. */
		if (group->fresh) {
			map_dels(&notify->groups, group->name.id);
			group_free(notify, group);
		}
	}
}

/* Its timer goes on, but waits no longer than the new configuration says. */
static void go_on(struct notify *notify, struct group *group, struct instant now)
{
	int64_t most =
		group->flushed ? group->route->group_interval_ns : group->route->group_wait_ns;

	if (group->timer.place && group->timer.at_boot_ns > now.boot_ns + most) {
		timer_set(&notify->timers, &group->timer, now.boot_ns + most);
		persist_group(notify, group, now);
	}
}

/* What was told of an alert in a group that it stays in is not told again. */
static void remember_noticed(struct entry *entry)
{
	for (struct membership *m = entry->coming; m; m = m->next) {
		for (const struct membership *old = entry->members; old; old = old->next) {
			if (old->group == m->group)
				m->noticed = old->noticed;
		}
	}
}

static void commit_members(struct notify *notify)
{
	map_foreach (&notify->groups, e)
		((struct group *)e->value)->n = 0;
	map_foreach (&notify->alerts, e) {
		struct entry *entry = e->value;

		remember_noticed(entry);
		free_chain(&entry->members);
		entry->members = TAKE(entry->coming);
		entry->grouped = true;
		for (struct membership *m = entry->members; m; m = m->next) {
			m->index = m->group->n;
			m->group->members[m->group->n++] = m;
		}
	}
}

int groups_route_anew(struct notify *notify, const struct route *route, struct instant now)
{
	int err = prepare_anew(notify, route, now);

	if (err) {
		undo_anew(notify);
		return err;
	}
	commit_members(notify);
	map_foreach (&notify->groups, e) {
		struct group *group = e->value;
		bool fresh = group->fresh;

		if (!group->n) {
			group_drop(notify, group);
			continue;
		}
		group->route = TAKE(group->route_coming);
		group->n_coming = 0;
		group->fresh = false;
		if (!fresh)
			go_on(notify, group, now);
		else if (!restore_group(notify, group, now))
			group_start(notify, group, now);
	}
	return 0;
}

/* -- flushes --------------------------------------------------------------------------------- */

static int by_alert(const void *a, const void *b)
{
	return alert_compare(
		((const struct flush_alert *)a)->stored, ((const struct flush_alert *)b)->stored);
}

static void alerts_release(struct flush_alert *alerts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		alert_unref(alerts[i].stored);
		alert_unref(alerts[i].shown);
	}
	free(alerts);
}

int flush_new(struct flush_alert *alerts, size_t n, size_t n_firing, size_t n_hidden,
	size_t n_veiled, struct instant at, struct flush **ret)
{
	struct flush *flush = calloc(1, sizeof(*flush));
	uint64_t *hashes = malloc((n + n_veiled + 1) * sizeof(*hashes));

	if (!flush || !hashes) {
		alerts_release(alerts, n + n_hidden);
		free(flush);
		free(hashes);
		return -ENOMEM;
	}
	qsort(alerts, n_firing, sizeof(*alerts), by_alert);
	qsort(alerts + n_firing, n - n_firing, sizeof(*alerts), by_alert);
	for (size_t i = 0; i < n; i++)
		hashes[i] = alert_fingerprint(alerts[i].stored);
	fingerprints_sort(hashes, n_firing);
	fingerprints_sort(hashes + n_firing, n - n_firing);
	*flush = (struct flush){
		.alerts = alerts,
		.n = n,
		.n_firing = n_firing,
		.n_hidden = n_hidden,
		.hashes = hashes,
		.at = at,
	};
	*ret = flush;
	return 0;
}

void flush_veil(struct flush *flush, uint64_t fingerprint)
{
	flush->hashes[flush->n + flush->n_veiled++] = fingerprint;
}

struct fingerprints flush_firing(const struct flush *flush)
{
	return (struct fingerprints){ flush->hashes, flush->n_firing };
}

struct fingerprints flush_resolved(const struct flush *flush)
{
	return (struct fingerprints){ flush->hashes + flush->n_firing, flush->n - flush->n_firing };
}

struct fingerprints flush_veiled(const struct flush *flush)
{
	return (struct fingerprints){ flush->hashes + flush->n, flush->n_veiled };
}

void flush_free(struct flush *flush)
{
	if (!flush)
		return;
	alerts_release(flush->alerts, flush->n + flush->n_hidden);
	free(flush->hashes);
	free(flush);
}

/* As it is told: an alert that fires shows no end, whatever its lease says. */
static struct alert *shown(const struct entry *entry)
{
	struct alert *copy;

	if (entry->resolved || !entry->alert->ends_wall_ms)
		return alert_ref(entry->alert);
	copy = alert_copy(entry->alert);
	if (copy)
		copy->ends_wall_ms = 0;
	return copy;
}

/* `silent`: why the group is, whatever its alerts. */
static enum suppression suppression_of(
	struct notify *notify, struct entry *entry, enum suppression silent, struct instant now)
{
	size_t at = 0;

	if (silent != SUPPRESS_NOT)
		return silent;
	if (inhibited_by(notify, entry->alert->labels, now))
		return INHIBITED;
	return entry_silenced_by(notify, entry, now.wall_ms, &at) ? SILENCED : SUPPRESS_NOT;
}

static void judge(struct notify *notify, struct membership *m, enum suppression silent,
	const struct creditors *creditors, struct instant now)
{
	uint64_t *const counters[SUPPRESSIONS] = {
		[SILENCED] = &notify->stats.silenced,
		[INHIBITED] = &notify->stats.inhibited,
		[IN_MUTE_TIME] = &notify->stats.in_mute_time,
		[OUT_OF_TIME] = &notify->stats.out_of_time,
	};
	bool over = entry_is_over(notify, m->entry, now);
	bool owed = over && creditors_wait_for(creditors, m->entry->alert);

	m->suppression = suppression_of(notify, m->entry, silent, now);
	if (owed && silent == SUPPRESS_NOT)
		m->suppression = SUPPRESS_NOT;
	if (m->suppression == SUPPRESS_NOT) {
		m->verdict = over ? TELL_OVER : TELL_FIRING;
		return;
	}
	++*counters[m->suppression];
	m->verdict = over && !owed ? HIDE_OVER : HIDE_AND_KEEP;
}

static int judge_all(
	struct notify *notify, struct group *group, size_t counts[VERDICTS], struct instant now)
{
	bool muted, is_silent = route_is_silent(group->route, now.wall_ms, &muted);
	enum suppression silent = muted ? IN_MUTE_TIME : OUT_OF_TIME;
	struct creditors creditors;
	int err = creditors_find(notify, group, &creditors);

	if (err)
		return err;
	for (size_t i = 0; i < group->n; i++) {
		struct membership *m = group->members[i];

		judge(notify, m, is_silent ? silent : SUPPRESS_NOT, &creditors, now);
		counts[m->verdict]++;
	}
	creditors_release(&creditors);
	return 0;
}

/* Those that are kept hidden while others are told. */
static void veil(struct flush *flush, const struct group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		const struct membership *m = group->members[i];

		if (m->verdict == HIDE_AND_KEEP)
			flush_veil(flush, alert_fingerprint(m->entry->alert));
	}
	fingerprints_sort(flush->hashes + flush->n, flush->n_veiled);
}

/* A look at all members: what of them is to be told now. */
static int look(struct notify *notify, struct group *group, struct instant now, struct flush **ret)
{
	struct flush_alert *alerts = calloc(group->n, sizeof(*alerts));
	size_t counts[VERDICTS] = { 0 }, n = 0, n_veiled;
	int err = alerts ? judge_all(notify, group, counts, now) : -ENOMEM;

	if (err) {
		free(alerts);
		return err;
	}
	for (enum verdict v = TELL_FIRING; v <= HIDE_OVER; v++) {
		for (size_t i = 0; i < group->n && counts[v]; i++) {
			const struct entry *entry = group->members[i]->entry;

			if (group->members[i]->verdict != v)
				continue;
			alerts[n].stored = alert_ref(entry->alert);
			alerts[n].shown = shown(entry);
			if (!alerts[n++].shown) {
				alerts_release(alerts, n);
				return -ENOMEM;
			}
		}
	}
	n_veiled = group->route->tells_suppressed_ends ? counts[HIDE_AND_KEEP] : 0;
	err = flush_new(alerts, counts[TELL_FIRING] + counts[TELL_OVER], counts[TELL_FIRING],
		counts[HIDE_OVER], n_veiled, now, ret);
	if (!err && n_veiled)
		veil(*ret, group);
	return err;
}

static void log_without_sending(
	struct notify *notify, const char *key, struct log_entry *entry, struct instant now)
{
	entry->at_boot_ns = now.boot_ns;
	entry->at_wall_ms = now.wall_ms;
	log_set(notify, key, entry);
	persist_log(notify, key, entry);
}

/* The log says that this was told, and nobody was: durable, as if it had been sent. */
static int only_log(struct notify *notify, struct flush *flush, struct group *group,
	const struct integration *to, const char *key, struct instant now)
{
	struct log_entry *entry = log_entry_after(flush, log_find(notify, key));
	bool withheld = flush->n_firing || to->send_resolved;
	int err = entry ? log_reserve(notify, key) : -ENOMEM;

	if (!err && withheld) {
		err = digest_add(notify, to, key, group, flush, now);
		if (err)
			log_unreserve(notify, key);
	}
	if (err) {
		free(entry);
		return err;
	}
	if (!withheld)
		digest_note_over(notify, key, flush->n);
	entry->repeat_ns = group->route->repeat_interval_ns;
	log_without_sending(notify, key, entry, now);
	return 0;
}

static void notice_withheld(struct notify *notify, const struct flush *flush,
	const struct group *group, const struct integration *to)
{
	struct strbuf why = STRBUF_INIT;

	notify->stats.withheld++;
	digest_explain(notify, to, &why);
	notice_kept_back(notify, flush, group, to, "over budget", why.s);
	strbuf_release(&why);
}

/*
 * How long what was told waits for its repetition. With quiet repeats each waits twice as long as the one before,
 * and the log knows how long that was; whatever else there is to tell begins anew.
 */
static int64_t repeat_after(const struct route *route, const struct log_entry *told)
{
	if (!told)
		return route->repeat_interval_ns;
	return MAX(MIN(told->repeat_ns, route->repeat_max_ns), route->repeat_interval_ns);
}

/* One integration: told, if it has to be. */
static int tell(struct notify *notify, struct flush *flush, struct group *group,
	const struct integration *to, const char *key, struct instant now)
{
	int64_t repeat_ns = repeat_after(group->route, log_find(notify, key));
	enum reason reason = dedup(log_find(notify, key), flush_firing(flush),
		flush_resolved(flush), to->send_resolved, repeat_ns, now.boot_ns);
	struct group_name name = group->name;
	struct attempt *attempt;
	bool withholds;
	int err;

	if (reason == REASON_NONE)
		return 0;
	/* It does not want to hear of this, but the log must know that nothing fires. */
	if (!to->send_resolved && !flush->n_firing) {
		err = only_log(notify, flush, group, to, key, now);
		if (!err)
			notice_kept_back(notify, flush, group, to, "send_resolved is false", NULL);
		return err;
	}
	err = digest_withholds(notify, to, now, &withholds);
	if (err)
		return err;
	if (withholds) {
		err = only_log(notify, flush, group, to, key, now);
		if (!err)
			notice_withheld(notify, flush, group, to);
		return err;
	}
	name.route_labels = group->route->labels;
	repeat_ns = reason == REASON_REPEAT ? MIN(2 * repeat_ns, group->route->repeat_max_ns)
					    : group->route->repeat_interval_ns;
	err = attempt_new(notify, flush, to, &name, reason, repeat_ns, NULL, &attempt);
	if (!err)
		attempt_try(notify, attempt, now);
	return err;
}

static int fan_out(struct notify *notify, struct flush *flush, struct group *group,
	const struct integration *to, struct instant now)
{
	struct strbuf key = STRBUF_INIT;
	int err;

	log_key(&key, group->name.id, to->receiver, to->name, to->index);
	err = key.err ? key.err : tell(notify, flush, group, to, key.s, now);
	strbuf_release(&key);
	return err;
}

/* `keep`: its row has to say that it flushed. */
static int group_flush(struct notify *notify, struct group *group, bool keep, struct instant now)
{
	const struct config_receiver *receiver = group->route->receiver;
	struct flush *flush;
	int err;

	err = look(notify, group, now, &flush);
	if (err)
		return err;
	notice_suppressed(notify, group, now);
	flush->group = group;
	flush->give_up_boot_ns = now.boot_ns + MAX(group->route->group_interval_ns, FLUSH_MIN_NS);
	group->flush = flush;
	flush->n_open = 1; /* ours, so that it lives to the end of the loop */
	/* With nothing left to tell, nobody is asked: the log stays as it is. */
	for (size_t i = 0; flush->n && i < receiver_integrations(receiver); i++) {
		struct integration to = receiver_integration(receiver, i);
		int failed = fan_out(notify, flush, group, &to, now);

		err = err ? err : failed;
	}
	/* After the outbox: killed in between, the group flushes again instead of waiting. */
	if (keep)
		persist_group(notify, group, now);
	flush_attempt_over(notify, flush, !err, now);
	return err;
}

void group_tick(struct notify *notify, struct group *group, struct instant now)
{
	int64_t due = group->timer.at_boot_ns, interval = group->route->group_interval_ns;
	int64_t next = due + interval;
	bool on_time = next > now.boot_ns, first = !group->flushed;

	if (group->flush) {
		group->due = true;
		return;
	}
	group->due = false;
	group->flushed = true;
	if (!on_time)
		next = now.boot_ns + interval;
	timer_set(&notify->timers, &group->timer, next);
	/*
	 * Later turns follow from the first one: a row for each would wear out an SD card.
	 * Where the flush fails nobody leaves the group, so the group is still there.
	 */
	if (group_flush(notify, group, first || !on_time, now))
		timer_set(&notify->timers, &group->timer, now.boot_ns + AGAIN_NS);
}

/* Alerts that are over and were told everywhere, if they are still what was told. */
static void forget_resolved(struct notify *notify, struct flush *flush, struct group *group)
{
	for (size_t i = flush->n_firing; i < flush->n + flush->n_hidden; i++) {
		const struct alert *told = flush->alerts[i].stored;
		struct entry *entry = entry_find(notify, alert_fingerprint(told));
		struct membership *m = entry ? entry->members : NULL;

		while (m && m->group != group)
			m = m->next;
		if (!m || !entry->resolved || entry->alert != told)
			continue;
		leave(m);
		if (!entry->members)
			entry_drop(notify, entry);
	}
}

void flush_attempt_over(struct notify *notify, struct flush *flush, bool told, struct instant now)
{
	struct group *group = flush->group;

	flush->failed = flush->failed || !told;
	if (--flush->n_open)
		return;
	if (group) {
		group->flush = NULL;
		if (!flush->failed)
			forget_resolved(notify, flush, group);
		if (!group->n)
			group_drop(notify, group);
		else if (group->due)
			timer_set(&notify->timers, &group->timer, now.boot_ns);
	}
	flush_free(flush);
}
