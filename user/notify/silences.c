/*
 * silences.c - the silences that are known: made, changed, ended, forgotten.
 *
 * What a silence did in the past stays true: a change that would alter it ends the old silence and
 * makes a new one. One that is over is kept for a while, so that people see who was silent and why.
 * Nothing happens when a silence begins or ends: the next flush of a group finds out.
 *
 * Source: alertmanager silence/silence.go.
 */
#include "notify/internal.h"

#include <errno.h>
#include <stdio.h>

#define RETENTION_MS (120ll * 3600 * 1000)

static struct silence *find(const struct notify *notify, const char *id)
{
	return map_gets(&notify->silences, id);
}

bool silenced(const struct notify *notify, const struct labels *labels, int64_t wall_ms)
{
	map_foreach (&notify->silences, e) {
		const struct silence *silence = e->value;

		if (silence_state(silence, wall_ms) == SILENCE_ACTIVE &&
			matcher_list_match(&silence->matchers, labels))
			return true;
	}
	return false;
}

/* A random UUID, version 4. */
static void new_id(struct notify *notify, char id[SILENCE_ID_LEN + 1])
{
	uint64_t high = notify_random(notify), low = notify_random(notify);

	snprintf(id, SILENCE_ID_LEN + 1, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
		(unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
		((unsigned)(low >> 48) & 0x3fff) | 0x8000,
		(unsigned long long)low & 0xffffffffffffull);
}

int silence_adopt(struct notify *notify, struct silence *silence)
{
	struct silence *old = find(notify, silence->id);

	if (!old && notify->silences.n >= notify->limits.max_silences)
		return -ENOSPC;
	if (map_puts(&notify->silences, silence->id, silence))
		return -ENOMEM;
	silence_free(old);
	return 0;
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

/* Into the rows and the map: both or neither. */
static int keep(struct notify *notify, struct silence *silence)
{
	const struct silence *old = find(notify, silence->id);
	int err;

	/* The map first makes room under that key, so that what was written down is taken in. */
	if (!old) {
		if (notify->silences.n >= notify->limits.max_silences)
			return -ENOSPC;
		err = map_puts(&notify->silences, silence->id, silence);
		if (err)
			return err;
	}
	err = persist_silence(notify, silence);
	if (err && !old)
		map_dels(&notify->silences, silence->id);
	if (err || !old)
		return err;
	/* Its place is there, so this only stores the pointer. */
	return silence_adopt(notify, silence);
}

int notify_silence_put(struct notify *notify, struct silence *silence, struct instant now,
	char ret_id[SILENCE_ID_LEN + 1], char *error, size_t error_size)
{
	scoped(silence_freep) struct silence *own = silence;
	struct silence *old;
	int err;

	if (!own->starts_wall_ms)
		own->starts_wall_ms = now.wall_ms;
	err = silence_validate(own, error, error_size);
	if (err)
		return err;
	old = *own->id ? find(notify, own->id) : NULL;
	if (*own->id && !old)
		return -ENOENT;
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
	struct silence *silence = find(notify, id);

	return silence ? end(notify, silence, now.wall_ms) : -ENOENT;
}

const struct silence *notify_silence_get(const struct notify *notify, const char *id)
{
	return find(notify, id);
}

void notify_silences(const struct notify *notify, notify_silence_fn *fn, void *userdata)
{
	map_foreach (&notify->silences, e) {
		if (!fn(e->value, userdata))
			return;
	}
}

void silences_sweep(struct notify *notify, int64_t wall_ms)
{
	map_foreach (&notify->silences, e) {
		struct silence *silence = e->value;

		if (silence->ends_wall_ms + RETENTION_MS > wall_ms)
			continue;
		persist_delete(notify, NOTIFY_KEEP_SILENCE, e->key);
		map_dels(&notify->silences, silence->id);
		silence_free(silence);
	}
}

void silences_release(struct notify *notify)
{
	map_foreach (&notify->silences, e)
		silence_free(e->value);
	map_release(&notify->silences);
}
