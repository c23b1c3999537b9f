/*
 * daemon_notices.c - what became of notifications, kept on the disk and read from there: a log that may
 * be asked for weeks, and that nobody needs in memory.
 *
 * Bounded by number and by age; a row names at most NAMES_MAX alerts, so that a storm is a few rows. A
 * notification has one row, which its end replaces. Rows that a disk does not take are lost: what must be
 * told is kept by others.
 */
#include "daemon_private.h"

#include <errno.h>
#include "api/jsonw.h"

#define NOTICES_MAX    10000
#define NOTICES_AGE_MS (90ll * 24 * 3600 * 1000)
/* What is too old or too much is deleted after so many rows. */
#define EXPIRE_EVERY 100
#define NAMES_MAX    50
/* Of each name, to know it by. */
#define INSTANCES_MAX 4
#define WORDS_MAX     500
/* Rows that may wait for the disk: alerts and their notifications go first. */
#define QUEUE_SHARE (STORE_MAX_QUEUED / 4)

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS notices (id INTEGER PRIMARY KEY, notification TEXT UNIQUE,"
	" at_wall_ms INTEGER NOT NULL, receiver TEXT NOT NULL, outcome TEXT NOT NULL,"
	" alerts TEXT NOT NULL, members TEXT NOT NULL)";
static const char sql_add[] =
	"INSERT OR REPLACE INTO notices (id, notification, at_wall_ms, receiver, outcome, alerts,"
	" members) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
static const char sql_expire[] = "DELETE FROM notices WHERE id < ?1 OR at_wall_ms < ?2";
static const char sql_span[] = "SELECT min(id), max(id) FROM notices";
static const char sql_read[] =
	"SELECT id, members FROM notices WHERE id >= ?1 AND id < ?2 AND at_wall_ms BETWEEN ?3 AND ?4"
	" AND (?5 IS NULL OR receiver = ?5) AND (?6 IS NULL OR outcome = ?6)"
	" AND (?7 IS NULL OR instr(alerts, char(10) || ?7 || char(10)))"
	" ORDER BY id DESC";

static const char *const outcomes[] = {
	[NOTICE_SENT] = "sent",
	[NOTICE_RETRIED] = "retried",
	[NOTICE_FAILED] = "failed",
	[NOTICE_SUPPRESSED] = "suppressed",
};

/* The alerts of one name. */
struct named {
	const char *name; /* interned */
	size_t firing, over;
	const char *instances[INSTANCES_MAX];
	size_t n_instances;
};

struct names {
	struct named items[NAMES_MAX];
	size_t n, more; /* alerts of other names */
};

static struct named *name_of(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (streq(names->items[i].name, name))
			return &names->items[i];
	}
	if (names->n == NAMES_MAX)
		return NULL;
	names->items[names->n] = (struct named){ .name = name };
	return &names->items[names->n++];
}

static const char *instance_of(const struct labels *labels)
{
	const char *instance = labels_get(labels, "service");

	if (!instance || !*instance)
		instance = labels_get(labels, LABEL_INSTANCE);
	return instance && *instance ? instance : NULL;
}

static void fold(const struct notify_notice *notice, struct names *names)
{
	for (size_t i = 0; i < notice->n_alerts; i++) {
		const struct labels *labels = notice->alerts[i]->labels;
		const char *name = labels_get(labels, LABEL_ALERTNAME);
		const char *instance = instance_of(labels);
		struct named *named = name_of(names, name ? name : "");

		if (!named) {
			names->more++;
			continue;
		}
		named->firing += i < notice->n_firing;
		named->over += i >= notice->n_firing;
		if (instance && named->n_instances < INSTANCES_MAX)
			named->instances[named->n_instances++] = instance;
	}
}

static void write_names(struct jsonw *json, const struct names *names)
{
	jsonw_key(json, "alerts");
	jsonw_begin_array(json);
	for (size_t i = 0; i < names->n; i++) {
		const struct named *named = &names->items[i];

		jsonw_begin_object(json);
		jsonw_field_string(json, "name", named->name);
		jsonw_field_int(json, "firing", (int64_t)named->firing);
		jsonw_field_int(json, "resolved", (int64_t)named->over);
		jsonw_key(json, "instances");
		jsonw_begin_array(json);
		for (size_t k = 0; k < named->n_instances; k++)
			jsonw_string(json, named->instances[k]);
		jsonw_end_array(json);
		jsonw_end_object(json);
	}
	jsonw_end_array(json);
	if (names->more)
		jsonw_field_int(json, "moreAlerts", (int64_t)names->more);
}

static void write_words(struct jsonw *json, const char *words)
{
	size_t len = strlen(words);

	/* Not in the middle of a character. */
	if (len > WORDS_MAX) {
		len = WORDS_MAX;
		while (len && ((unsigned char)words[len] & 0xc0) == 0x80)
			len--;
	}
	jsonw_key(json, "why");
	jsonw_stringn(json, words, len);
}

static void write_members(
	struct jsonw *json, const struct notify_notice *notice, const struct names *names)
{
	jsonw_begin_object(json);
	jsonw_field_time(json, "at", notice->at_wall_ms);
	jsonw_field_string(json, "outcome", outcomes[notice->outcome]);
	jsonw_field_string(json, "receiver", notice->receiver);
	if (notice->integration) {
		jsonw_field_string(json, "integration", notice->integration);
		jsonw_field_int(json, "index", notice->index);
	}
	if (notice->id)
		jsonw_field_string(json, "notification", notice->id);
	if (notice->tries)
		jsonw_field_int(json, "tries", notice->tries);
	jsonw_field_string(json, "reason", notice->reason);
	if (notice->why && *notice->why)
		write_words(json, notice->why);
	jsonw_field_labels(json, "groupLabels", notice->group_labels);
	jsonw_field_int(json, "firing", (int64_t)notice->n_firing);
	jsonw_field_int(json, "resolved", (int64_t)(notice->n_alerts - notice->n_firing));
	write_names(json, names);
	jsonw_end_object(json);
}

static void expire(struct daemon *d, int64_t now_wall_ms)
{
	int64_t first = MAX(d->next_notice - NOTICES_MAX, d->first_notice);
	const struct store_value values[] = { STORE_I(first),
		STORE_I(now_wall_ms - NOTICES_AGE_MS) };

	if (store_write(d->store, sql_expire, values, ARRAY_SIZE(values), NULL, NULL) == 0)
		d->first_notice = first;
}

static int add_row(struct daemon *d, const struct notify_notice *notice, const char *names,
	const char *members, size_t members_len)
{
	struct store_value id = { .type = STORE_NULL };
	struct store_status status;

	store_status(d->store, &status);
	if (status.queued >= QUEUE_SHARE)
		return -ENOSPC;
	if (notice->id)
		id = STORE_S(notice->id);
	const struct store_value values[] = { STORE_I(d->next_notice), id,
		STORE_I(notice->at_wall_ms), STORE_S(notice->receiver),
		STORE_S(outcomes[notice->outcome]), STORE_S(names),
		{ .type = STORE_TEXT, .bytes = members, .len = members_len } };

	return store_write(d->store, sql_add, values, ARRAY_SIZE(values), NULL, NULL);
}

void notices_add(struct daemon *d, const struct notify_notice *notice)
{
	struct names *names = calloc(1, sizeof(*names));
	struct strbuf text = STRBUF_INIT, members = STRBUF_INIT;
	struct jsonw json;
	int err = -ENOMEM;

	if (names) {
		fold(notice, names);
		strbuf_addch(&text, '\n');
		for (size_t i = 0; i < names->n; i++)
			strbuf_addf(&text, "%s\n", names->items[i].name);
		jsonw_init(&json, &members);
		write_members(&json, notice, names);
		err = text.err ? text.err : members.err;
	}
	/* Without its braces. */
	if (!err)
		err = add_row(d, notice, text.s, members.s + 1, members.len - 2);
	if (!err && d->next_notice++ % EXPIRE_EVERY == 0)
		expire(d, notice->at_wall_ms);
	if (err && !d->notices_lost)
		log_warn("the log of notifications (tolld history) has gaps: %s", strerror(-err));
	d->notices_lost = err;
	free(names);
	strbuf_release(&text);
	strbuf_release(&members);
}

struct reading {
	api_notice_fn *fn;
	void *to;
};

static bool on_row(sqlite3_stmt *row, void *userdata)
{
	const struct reading *reading = userdata;
	const char *members = (const char *)sqlite3_column_text(row, 1);

	return !members || reading->fn(sqlite3_column_int64(row, 0), members, reading->to);
}

static struct store_value text_or_null(const char *s)
{
	return s ? STORE_S(s) : (struct store_value){ .type = STORE_NULL };
}

int notices_read(const struct api_notices_ask *asked, api_notice_fn *fn, void *to, void *userdata)
{
	const struct daemon *d = userdata;
	struct reading reading = { fn, to };
	const struct store_value values[] = { STORE_I(asked->first), STORE_I(asked->end),
		STORE_I(asked->since_wall_ms), STORE_I(asked->until_wall_ms),
		text_or_null(asked->receiver), text_or_null(asked->outcome),
		text_or_null(asked->alert) };

	return store_read(d->store, sql_read, values, ARRAY_SIZE(values), on_row, &reading);
}

void notices_span(int64_t *ret_first, int64_t *ret_end, void *userdata)
{
	const struct daemon *d = userdata;

	*ret_first = d->first_notice;
	*ret_end = d->next_notice;
}

static bool on_span(sqlite3_stmt *row, void *userdata)
{
	struct daemon *d = userdata;

	if (sqlite3_column_type(row, 0) == SQLITE_NULL)
		return true;
	d->first_notice = sqlite3_column_int64(row, 0);
	d->next_notice = sqlite3_column_int64(row, 1) + 1;
	return true;
}

int notices_start(struct daemon *d)
{
	int err = store_schema(d->store, schema);

	d->first_notice = d->next_notice = 1;
	if (!err)
		err = store_read(d->store, sql_span, NULL, 0, on_span, d);
	return err;
}
