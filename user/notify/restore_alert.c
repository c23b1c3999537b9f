/*
 * restore_alert.c - the rows of alerts, read.
 *
 * There may be a hundred thousand, and who starts wants to alert soon: they are read in place, and the
 * texts of a set are interned together. What a row holds stands in persist.c.
 */
#include "notify/internal.h"

#include <errno.h>
#include "base/hex.h"
#include "base/jread.h"

/* What a row may say of a time; the difference of two still fits. */
#define TIME_MAX (INT64_MAX / 2)

struct row {
	struct notify *notify;
	struct jread json;
	struct labels *labels, *annotations;
	const char *url;
	int64_t starts, ends, updated;
	bool timeout, resolved;
	unsigned seen; /* bits of the fields that were there */
};

/* Into the first half of the same place. */
static int decode_hex(struct jread_text *text)
{
	if (text->len % 2)
		return -EINVAL;
	for (size_t i = 0; i < text->len; i += 2) {
		int high = hex_digit(text->s[i]), low = hex_digit(text->s[i + 1]);

		/* A NUL would end the text. */
		if (high < 0 || low < 0 || !(high | low))
			return -EINVAL;
		text->s[i / 2] = (char)(high << 4 | low);
	}
	text->len /= 2;
	text->s[text->len] = '\0';
	return 0;
}

/* A text, or {"hex": ...} for one that is no UTF-8. */
static int read_text(struct jread *json, struct jread_text *ret)
{
	struct jread_text key;
	bool found = false;
	int err = 0;

	if (jread_type(json) != JREAD_OBJECT)
		return jread_string(json, ret) ? 0 : -EINVAL;
	jread_begin(json);
	while (!err && jread_next(json, &key)) {
		if (!streq(key.s, "hex") || !jread_string(json, ret))
			return -EINVAL;
		found = true;
		err = decode_hex(ret);
	}
	return err || json->error || !found ? -EINVAL : 0;
}

/* ["name", "value"] */
static int read_pair(struct jread *json, struct label_text *ret)
{
	struct jread_text texts[2];
	size_t n = 0;

	if (jread_type(json) != JREAD_ARRAY)
		return -EINVAL;
	jread_begin(json);
	while (jread_next(json, NULL)) {
		if (n == 2 || read_text(json, &texts[n]))
			return -EINVAL;
		n++;
	}
	if (json->error || n != 2)
		return -EINVAL;
	*ret = (struct label_text){ texts[0].s, texts[1].s, texts[0].len, texts[1].len };
	return 0;
}

static int read_labels(struct row *row, struct labels_builder b, struct labels **ret)
{
	struct restored *room = &row->notify->restored;

	if (jread_type(&row->json) != JREAD_ARRAY || *ret)
		return -EINVAL;
	jread_begin(&row->json);
	room->n_texts = 0;
	while (jread_next(&row->json, NULL)) {
		if (!vec_reserve(room->texts, room->n_texts, room->cap_texts))
			return -ENOMEM;
		if (read_pair(&row->json, &room->texts[room->n_texts]))
			return -EINVAL;
		room->n_texts++;
	}
	if (row->json.error)
		return -EINVAL;
	labels_builder_set_all(&b, room->texts, room->n_texts);
	return labels_build(&b, ret);
}

/* -- fields ---------------------------------------------------------------------------------- */

static int field_labels(struct row *row)
{
	return read_labels(row, LABELS_BUILDER_INIT, &row->labels);
}

static int field_annotations(struct row *row)
{
	return read_labels(row, ANNOTATIONS_BUILDER_INIT, &row->annotations);
}

static int read_time(struct row *row, int64_t *ret)
{
	if (!jread_int(&row->json, ret) || *ret < -TIME_MAX || *ret > TIME_MAX)
		return -EINVAL;
	return 0;
}

static int field_starts(struct row *row)
{
	return read_time(row, &row->starts);
}

static int field_ends(struct row *row)
{
	return read_time(row, &row->ends);
}

static int field_updated(struct row *row)
{
	return read_time(row, &row->updated);
}

static int field_timeout(struct row *row)
{
	return jread_bool(&row->json, &row->timeout) ? 0 : -EINVAL;
}

static int field_resolved(struct row *row)
{
	return jread_bool(&row->json, &row->resolved) ? 0 : -EINVAL;
}

static int field_url(struct row *row)
{
	struct jread_text text;

	if (read_text(&row->json, &text))
		return -EINVAL;
	row->url = text.s;
	return 0;
}

static const struct {
	const char *name;
	int (*read)(struct row *row);
	bool optional;
} fields[] = {
	{ "labels", field_labels, false },
	{ "annotations", field_annotations, false },
	{ "starts", field_starts, false },
	{ "ends", field_ends, false },
	{ "updated", field_updated, false },
	{ "timeout", field_timeout, false },
	{ "resolved", field_resolved, false },
	{ "url", field_url, true },
};

static int read_field(struct row *row, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!streq(fields[i].name, name))
			continue;
		if (row->seen & 1u << i)
			return -EINVAL;
		row->seen |= 1u << i;
		return fields[i].read(row);
	}
	return jread_skip(&row->json) ? 0 : -EINVAL;
}

static int read_row(struct row *row)
{
	struct jread_text key;
	int err = 0;

	if (jread_type(&row->json) != JREAD_OBJECT)
		return -EINVAL;
	jread_begin(&row->json);
	while (!err && jread_next(&row->json, &key))
		err = read_field(row, key.s);
	if (err || row->json.error)
		return err ? err : -EINVAL;
	/* Nothing stands behind it. */
	if (jread_type(&row->json) != JREAD_END || row->json.at != row->json.len)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!fields[i].optional && !(row->seen & 1u << i))
			return -EINVAL;
	}
	return row->labels->n ? 0 : -EINVAL;
}

/* -- alerts ---------------------------------------------------------------------------------- */

static int alert_of_row(const struct row *row, struct alert **ret)
{
	scoped(alert_unrefp) struct alert *alert = alert_new(row->labels, row->annotations);

	if (!alert)
		return -ENOMEM;
	alert->starts_wall_ms = row->starts;
	alert->ends_wall_ms = row->ends;
	alert->updated_wall_ms = row->updated;
	alert->timeout = row->timeout;
	if (row->url) {
		alert->generator_url = strdup(row->url);
		if (!alert->generator_url)
			return -ENOMEM;
	}
	*ret = TAKE(alert);
	return 0;
}

static int add(struct notify *notify, const char *key, const struct row *row)
{
	scoped(alert_unrefp) struct alert *alert = NULL;
	struct entry *entry;
	char own_key[17];
	int err;

	err = alert_of_row(row, &alert);
	if (err)
		return err;
	persist_alert_key(own_key, alert);
	/* Under another key it could never be deleted. */
	if (!streq(key, own_key) || entry_find(notify, alert_fingerprint(alert)))
		return -EINVAL;
	if (notify->alerts.n >= notify->limits.max_alerts)
		return -ENOSPC;
	err = entry_new(notify, alert, &entry);
	if (err)
		return err;
	entry->kept = true;
	entry->kept_ends_wall_ms = alert->ends_wall_ms;
	entry->resolved = row->resolved;
	entry->restored = true;
	return 0;
}

int restore_alert(struct notify *notify, const char *key, const char *value)
{
	struct row row = { .notify = notify };
	int err;

	/* A copy: it is unescaped where it stands. */
	strbuf_reset(&notify->row);
	strbuf_adds(&notify->row, value);
	if (notify->row.err)
		return notify->row.err;
	jread_init(&row.json, notify->row.s, notify->row.len);
	err = read_row(&row);
	if (!err)
		err = add(notify, key, &row);
	labels_unref(row.labels);
	labels_unref(row.annotations);
	return err;
}
