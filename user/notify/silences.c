/*
 * silences.c - the silences that are known: made, changed, ended, forgotten.
 *
 * What a silence did in the past stays true: a change that would alter it ends the old silence and
 * makes a new one. One that is over is kept for a while, so that people see who was silent and why.
 * Nothing happens when a silence begins or ends: the next flush of a group finds out.
 *
 * Whether a silence's matchers match an alert never changes, so each alert remembers those that do,
 * and how many it has looked at; a look only asks those that came since, and the clock.
 *
 * Source: alertmanager silence/silence.go.
 */
#include "notify/internal.h"

#include <errno.h>
#include <stdio.h>

#define RETENTION_MS (120ll * 3600 * 1000)

/* For fewer that came since, asking each is cheaper than asking the index for all. */
#define FEW 16

static struct silence_slot *find(const struct notify *notify, const char *id)
{
	return map_gets(&notify->silences.ids, id);
}

/* -- who is silenced ------------------------------------------------------------------------- */

struct noting {
	struct entry *entry;
	uint64_t after; /* the last number that it knows */
	bool failed;
};

static bool note(uintptr_t item, void *userdata)
{
	struct silence_slot *slot = (struct silence_slot *)item;
	struct noting *noting = userdata;
	struct entry *entry = noting->entry;
	size_t cap = entry->cap_silences;

	if (slot->number <= noting->after ||
		!matcher_list_match(&slot->silence->matchers, entry->alert->labels))
		return true;
	noting->failed = !vec_reserve(entry->silences, entry->n_silences, cap);
	entry->cap_silences = (uint32_t)cap;
	if (!noting->failed)
		entry->silences[entry->n_silences++] = slot;
	return !noting->failed;
}

/* Looks at those that were made since. Without memory it forgets all: the next look begins anew. */
static void catch_up(struct notify *notify, struct entry *entry)
{
	const struct silence_set *set = &notify->silences;
	struct noting noting = { .entry = entry, .after = entry->silences_seen };
	size_t first = set->n;

	if (entry->silences_seen == set->made)
		return;
	while (first && set->v[first - 1]->number > noting.after && set->n - first < FEW)
		first--;
	if (first && set->v[first - 1]->number > noting.after) {
		match_index_each(&set->index, entry->alert->labels, note, &noting);
	} else {
		for (size_t i = first; i < set->n && !noting.failed; i++)
			note((uintptr_t)set->v[i], &noting);
	}
	entry->silences_seen = set->made;
	if (noting.failed) {
		entry->n_silences = 0;
		entry->silences_seen = 0;
	}
}

/* Of all, without remembering: where memory is out nobody hears what was to be silent. */
static const struct silence *next_of_all(
	const struct notify *notify, const struct labels *labels, int64_t wall_ms, size_t *at)
{
	while (*at < notify->silences.n) {
		const struct silence *silence = notify->silences.v[(*at)++]->silence;

		if (silence_state(silence, wall_ms) == SILENCE_ACTIVE &&
			matcher_list_match(&silence->matchers, labels))
			return silence;
	}
	return NULL;
}

const struct silence *entry_silenced_by(
	struct notify *notify, struct entry *entry, int64_t wall_ms, size_t *at)
{
	if (!*at)
		catch_up(notify, entry);
	if (entry->silences_seen != notify->silences.made)
		return next_of_all(notify, entry->alert->labels, wall_ms, at);
	while (*at < entry->n_silences) {
		const struct silence *silence = entry->silences[(*at)++]->silence;

		if (silence_state(silence, wall_ms) == SILENCE_ACTIVE)
			return silence;
	}
	return NULL;
}

/* -- making and changing them ---------------------------------------------------------------- */

/* A random UUID, version 4. */
static void new_id(struct notify *notify, char id[SILENCE_ID_LEN + 1])
{
	uint64_t high = notify_random(notify), low = notify_random(notify);

	snprintf(id, SILENCE_ID_LEN + 1, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
		(unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
		((unsigned)(low >> 48) & 0x3fff) | 0x8000,
		(unsigned long long)low & 0xffffffffffffull);
}

/* A place for one whose id has none. -ENOSPC, -ENOMEM. */
static int slot_new(struct notify *notify, struct silence *silence)
{
	struct silence_set *set = &notify->silences;
	struct silence_slot *slot;
	int err;

	if (set->n >= notify->limits.max_silences)
		return -ENOSPC;
	if (!vec_reserve(set->v, set->n, set->cap))
		return -ENOMEM;
	slot = malloc(sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = (struct silence_slot){ .silence = silence, .number = set->made + 1 };
	err = match_index_add(&set->index, &silence->matchers, (uintptr_t)slot, &slot->place);
	if (!err) {
		err = map_puts(&set->ids, silence->id, slot);
		if (err)
			match_index_remove(
				&set->index, &silence->matchers, (uintptr_t)slot, slot->place);
	}
	if (err) {
		free(slot);
		return err;
	}
	set->made++;
	set->v[set->n++] = slot;
	return 0;
}

/* Takes the last one back, which nobody has looked at yet. */
static void slot_undo(struct notify *notify)
{
	struct silence_set *set = &notify->silences;
	struct silence_slot *slot = set->v[--set->n];

	set->made--;
	map_dels(&set->ids, slot->silence->id);
	match_index_remove(&set->index, &slot->silence->matchers, (uintptr_t)slot, slot->place);
	free(slot);
}

/* Another one with the same id and the same matchers: the index knows those of the first. */
static void slot_replace(struct silence_slot *slot, struct silence *silence)
{
	struct matcher_list same = silence->matchers;

	silence->matchers = slot->silence->matchers;
	slot->silence->matchers = same;
	silence_free(slot->silence);
	slot->silence = silence;
}

int silence_adopt(struct notify *notify, struct silence *silence)
{
	return slot_new(notify, silence);
}

/* Ends it, and says so in its row; without memory for the row nothing changes. */
static int end(struct notify *notify, struct silence *silence, int64_t now_wall_ms)
{
	const int64_t starts = silence->starts_wall_ms, ends = silence->ends_wall_ms,
		      updated = silence->updated_wall_ms;

	switch (silence_state(silence, now_wall_ms)) {
	case SILENCE_EXPIRED:
		return 0;
	case SILENCE_PENDING:
		silence->starts_wall_ms = now_wall_ms;
		break;
	case SILENCE_ACTIVE:
		break;
	}
	silence->ends_wall_ms = now_wall_ms;
	silence->updated_wall_ms = now_wall_ms;
	if (!persist_silence(notify, silence))
		return 0;
	silence->starts_wall_ms = starts;
	silence->ends_wall_ms = ends;
	silence->updated_wall_ms = updated;
	return -ENOMEM;
}

/* Into the rows and the set: both or neither. */
static int keep(struct notify *notify, struct silence *silence)
{
	struct silence_slot *slot = find(notify, silence->id);
	int err = slot ? 0 : slot_new(notify, silence);

	if (err)
		return err;
	err = persist_silence(notify, silence);
	if (err && !slot)
		slot_undo(notify);
	else if (!err && slot)
		slot_replace(slot, silence);
	return err;
}

int notify_silence_put(struct notify *notify, struct silence *silence, struct instant now,
	char ret_id[SILENCE_ID_LEN + 1], char *error, size_t error_size)
{
	scoped(silence_freep) struct silence *own = silence;
	const struct silence_slot *slot;
	struct silence *old;
	int err;

	if (!own->starts_wall_ms)
		own->starts_wall_ms = now.wall_ms;
	err = silence_validate(own, error, error_size);
	if (err)
		return err;
	slot = *own->id ? find(notify, own->id) : NULL;
	if (*own->id && !slot)
		return -ENOENT;
	old = slot ? slot->silence : NULL;
	own->updated_wall_ms = now.wall_ms;
	if (!old || !silence_can_become(old, own, now.wall_ms)) {
		new_id(notify, own->id);
		own->starts_wall_ms = MAX(own->starts_wall_ms, now.wall_ms);
		/* The new one first: without memory for the other row there may be both for a while. */
		err = keep(notify, own);
		if (!err && old)
			end(notify, old, now.wall_ms);
	} else {
		err = keep(notify, own);
	}
	if (err)
		return err;
	memcpy(ret_id, own->id, sizeof(own->id));
	own = NULL;
	return 0;
}

int notify_silence_expire(struct notify *notify, const char *id, struct instant now)
{
	const struct silence_slot *slot = find(notify, id);

	return slot ? end(notify, slot->silence, now.wall_ms) : -ENOENT;
}

const struct silence *notify_silence_get(const struct notify *notify, const char *id)
{
	const struct silence_slot *slot = find(notify, id);

	return slot ? slot->silence : NULL;
}

void notify_silences(const struct notify *notify, notify_silence_fn *fn, void *userdata)
{
	for (size_t i = 0; i < notify->silences.n; i++) {
		if (!fn(notify->silences.v[i]->silence, userdata))
			return;
	}
}

static void slot_free(struct silence_slot *slot)
{
	silence_free(slot->silence);
	free(slot);
}

void silences_sweep(struct notify *notify, int64_t wall_ms)
{
	struct silence_set *set = &notify->silences;
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct silence_slot *slot = set->v[i];

		if (slot->silence->ends_wall_ms + RETENTION_MS > wall_ms) {
			set->v[kept++] = slot;
			continue;
		}
		persist_delete(notify, NOTIFY_KEEP_SILENCE, slot->silence->id);
		map_dels(&set->ids, slot->silence->id);
		match_index_remove(
			&set->index, &slot->silence->matchers, (uintptr_t)slot, slot->place);
		slot_free(slot);
	}
	if (kept == set->n)
		return;
	set->n = kept;
	/* Alerts may remember one that is gone. */
	map_foreach (&notify->alerts, e) {
		((struct entry *)e->value)->n_silences = 0;
		((struct entry *)e->value)->silences_seen = 0;
	}
}

void silences_release(struct notify *notify)
{
	struct silence_set *set = &notify->silences;

	for (size_t i = 0; i < set->n; i++)
		slot_free(set->v[i]);
	free(set->v);
	map_release(&set->ids);
	match_index_release(&set->index);
}
