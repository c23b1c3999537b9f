/*
 * history_row.c - an event as a row of JSON and back. Names of fields are in people's files for ever.
 *
 * What is 0 or not known is left out. Text that is not UTF-8 is written as {"hex": ...}.
 */
#include "watch/history.h"

#include <errno.h>
#include <jansson.h>
#include "base/escape.h"
#include "base/hex.h"

enum field_type { FIELD_INT, FIELD_INT64, FIELD_UNSIGNED, FIELD_BOOL, FIELD_TEXT };

struct field {
	const char *name;
	enum field_type type;
	size_t offset, size;
};

#define FIELD(type, of, member, name)                                                              \
	{                                                                                          \
		name, type, offsetof(struct of, member), sizeof(((struct of *)NULL)->member)       \
	}

static const struct field event_fields[] = {
	FIELD(FIELD_INT, history_event, pid, "pid"),
	FIELD(FIELD_TEXT, history_event, comm, "comm"),
	FIELD(FIELD_INT64, history_event, start_boot_ns, "start_boot_ns"),
	FIELD(FIELD_BOOL, history_event, found, "found"),
	FIELD(FIELD_BOOL, history_event, restart, "restart"),
};

static const struct field death_fields[] = {
	FIELD(FIELD_INT, death, exit_code, "exit_code"),
	FIELD(FIELD_INT, death, signal, "signal"),
	FIELD(FIELD_BOOL, death, requested, "requested"),
	FIELD(FIELD_INT, death, unheeded, "unheeded_signal"),
	FIELD(FIELD_INT64, death, unheeded_ns, "unheeded_ns"),
	FIELD(FIELD_TEXT, death, oom.group, "oom_cgroup"),
	FIELD(FIELD_BOOL, death, core_dumped, "core_dumped"),
	FIELD(FIELD_BOOL, death, sender_untold, "sender_untold"),
	FIELD(FIELD_BOOL, death, by_kernel, "by_kernel"),
	FIELD(FIELD_BOOL, death, has_sender, "has_sender"),
	FIELD(FIELD_INT, death, sender_pid, "sender_pid"),
	FIELD(FIELD_UNSIGNED, death, sender_uid, "sender_uid"),
	FIELD(FIELD_TEXT, death, sender_comm, "sender_comm"),
	FIELD(FIELD_UNSIGNED, death, threads, "threads"),
	FIELD(FIELD_BOOL, death, has_cpu, "has_cpu"),
	FIELD(FIELD_INT64, death, cpu_ns, "cpu_ns"),
	FIELD(FIELD_BOOL, death, has_faults, "has_faults"),
	FIELD(FIELD_INT64, death, minor_faults, "minor_faults"),
	FIELD(FIELD_INT64, death, major_faults, "major_faults"),
	FIELD(FIELD_BOOL, death, has_peak_memory, "has_peak_memory"),
	FIELD(FIELD_INT64, death, peak_memory_bytes, "peak_memory_bytes"),
};

static const struct field hang_fields[] = {
	FIELD(FIELD_INT, history_hang, thread, "thread"),
	FIELD(FIELD_UNSIGNED, history_hang, threads, "hung_threads"),
	FIELD(FIELD_TEXT, history_hang, waits_in, "waits_in"),
};

static const char *const state_names[] = {
	[SERVICE_UNKNOWN] = "unknown",
	[SERVICE_DOWN] = "down",
	[SERVICE_UP] = "up",
};

static const char *const untold_names[] = {
	[TOLD] = "told",
	[UNTOLD_BY_KERNEL] = "kernel",
	[UNTOLD_BY_POLLING] = "polling",
	[UNTOLD_WHILE_AWAY] = "away",
};

/* -- out ------------------------------------------------------------------------------------ */

static json_t *text_new(const char *s)
{
	size_t len = strlen(s);
	struct strbuf hex = STRBUF_INIT;
	json_t *object;

	if (utf8_valid(s, len))
		return json_stringn(s, len);
	hex_add(&hex, s, len);
	object = hex.err ? NULL : json_pack("{s:s}", "hex", hex.s);
	strbuf_release(&hex);
	return object;
}

/* The field's value; NULL with *ret_empty where there is nothing to say. */
static json_t *value_new(const void *from, const struct field *f, bool *ret_empty)
{
	const char *at = (const char *)from + f->offset;
	int64_t n = 0;

	switch (f->type) {
	case FIELD_TEXT:
		*ret_empty = !*at;
		return *at ? text_new(at) : NULL;
	case FIELD_BOOL:
		*ret_empty = !*(const bool *)(const void *)at;
		return *ret_empty ? NULL : json_true();
	case FIELD_INT:
		n = *(const int *)(const void *)at;
		break;
	case FIELD_UNSIGNED:
		n = *(const unsigned *)(const void *)at;
		break;
	case FIELD_INT64:
		n = *(const int64_t *)(const void *)at;
		break;
	}
	*ret_empty = !n;
	return n ? json_integer(n) : NULL;
}

static int add_fields(json_t *row, const void *from, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool empty = false;
		json_t *value = value_new(from, &fields[i], &empty);

		if (!empty && json_object_set_new(row, fields[i].name, value))
			return -ENOMEM;
	}
	return 0;
}

static int add_text(json_t *row, const char *name, const char *text)
{
	return json_object_set_new(row, name, json_string(text)) ? -ENOMEM : 0;
}

static int add_death(json_t *row, const struct death *death)
{
	int64_t lived_ns = death_age_ns(death);
	int err = add_text(row, "how", death_kind_name(death->kind));

	if (!err && death->untold)
		err = add_text(row, "untold", untold_names[death->untold]);
	if (!err && death->kind == DEATH_OOM)
		err = add_text(row, "oom", oom_kind_name(death->oom.kind));
	/* The clock of this boot means nothing to the next. */
	if (!err && lived_ns >= 0 && json_object_set_new(row, "lived_ns", json_integer(lived_ns)))
		err = -ENOMEM;
	return err ? err : add_fields(row, death, death_fields, ARRAY_SIZE(death_fields));
}

static int add_boot(json_t *row, uint64_t boot_id)
{
	struct strbuf hex = STRBUF_INIT;
	int err;

	hex_add(&hex, &boot_id, sizeof(boot_id));
	err = hex.err ? hex.err : add_text(row, "boot", hex.s);
	strbuf_release(&hex);
	return err;
}

int history_row_write(const struct history_event *event, uint64_t boot_id, struct strbuf *out)
{
	json_t *row = json_object();
	char *text = NULL;
	int err = row ? add_text(row, "kind", history_kind_name(event->kind)) : -ENOMEM;

	if (!err)
		err = add_text(row, "state", state_names[event->state]);
	if (!err)
		err = add_boot(row, boot_id);
	if (!err)
		err = add_fields(row, event, event_fields, ARRAY_SIZE(event_fields));
	if (!err && event->death)
		err = add_death(row, event->death);
	if (!err && event->hang)
		err = add_fields(row, event->hang, hang_fields, ARRAY_SIZE(hang_fields));
	if (!err)
		text = json_dumps(row, JSON_COMPACT);
	json_decref(row);
	if (!text)
		return err ? err : -ENOMEM;
	strbuf_adds(out, text);
	free(text);
	return out->err;
}

/* -- in ------------------------------------------------------------------------------------- */

static int read_text(const json_t *value, char *to, size_t size)
{
	const char *hex = json_string_value(json_object_get(value, "hex"));
	const char *s = json_string_value(value);
	struct strbuf text = STRBUF_INIT;
	int err = s ? 0 : hex ? hex_read(hex, &text) : -EINVAL;

	if (s)
		strbuf_adds(&text, s);
	if (!err)
		err = text.err;
	if (!err) {
		memcpy(to, text.s, MIN(text.len + 1, size));
		to[size - 1] = '\0';
	}
	strbuf_release(&text);
	return err;
}

static int read_value(const json_t *value, const struct field *f, void *into)
{
	char *at = (char *)into + f->offset;
	int64_t n = json_integer_value(value);

	if (f->type == FIELD_TEXT)
		return read_text(value, at, f->size);
	if (f->type == FIELD_BOOL) {
		*(bool *)(void *)at = json_is_true(value);
		return json_is_boolean(value) ? 0 : -EINVAL;
	}
	if (!json_is_integer(value))
		return -EINVAL;
	if (f->type == FIELD_INT64)
		*(int64_t *)(void *)at = n;
	else if (f->type == FIELD_INT && n >= INT32_MIN && n <= INT32_MAX)
		*(int *)(void *)at = (int)n;
	else if (f->type == FIELD_UNSIGNED && n >= 0 && n <= UINT32_MAX)
		*(unsigned *)(void *)at = (unsigned)n;
	else
		return -EINVAL;
	return 0;
}

static int read_fields(const json_t *row, const struct field *fields, size_t n, void *into)
{
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(row, fields[i].name);
		int err = value ? read_value(value, &fields[i], into) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* Which of n names the row gives; n where it gives another or none. */
static unsigned read_name(
	const json_t *row, const char *field, const char *(*name)(unsigned i), unsigned n)
{
	const char *text = json_string_value(json_object_get(row, field));
	unsigned i = 0;

	while (i < n && !(text && streq(text, name(i))))
		i++;
	return i;
}

static const char *name_of_kind(unsigned i)
{
	return history_kind_name(i);
}

static const char *name_of_state(unsigned i)
{
	return state_names[i];
}

static const char *name_of_death(unsigned i)
{
	return death_kind_name(i);
}

static const char *name_of_oom(unsigned i)
{
	return oom_kind_name(i);
}

static const char *name_of_untold(unsigned i)
{
	return untold_names[i];
}

static int read_death(const json_t *row, struct history_event *event)
{
	const unsigned untold = ARRAY_SIZE(untold_names);
	const json_t *lived = json_object_get(row, "lived_ns");
	struct death *death = calloc(1, sizeof(*death));
	int err;

	if (!death)
		return -ENOMEM;
	event->death = death;
	err = read_fields(row, death_fields, ARRAY_SIZE(death_fields), death);
	death->kind = read_name(row, "how", name_of_death, DEATH_UNKNOWN + 1);
	if (err || death->kind > DEATH_UNKNOWN)
		return err ? err : -EINVAL;
	death->untold = read_name(row, "untold", name_of_untold, untold) % untold;
	death->oom.kind = read_name(row, "oom", name_of_oom, OOM_BY_DAEMON + 1);
	if (death->oom.kind > OOM_BY_DAEMON)
		death->oom.kind = OOM_NOT_TOLD;
	death->at = event->at;
	death->pid = event->pid;
	memcpy(death->comm, event->comm, sizeof(death->comm));
	if (json_is_integer(lived))
		death->start_boot_ns = death->at.boot_ns - json_integer_value(lived);
	death->final = true;
	return 0;
}

static int read_hang(const json_t *row, struct history_event *event)
{
	event->hang = calloc(1, sizeof(*event->hang));
	return event->hang ? read_fields(row, hang_fields, ARRAY_SIZE(hang_fields), event->hang)
			   : -ENOMEM;
}

static bool is_of_this_boot(const json_t *row, uint64_t boot_id)
{
	const char *text = json_string_value(json_object_get(row, "boot"));
	struct strbuf bytes = STRBUF_INIT;
	bool same = text && hex_read(text, &bytes) == 0 && bytes.len == sizeof(boot_id) &&
		    memcmp(bytes.s, &boot_id, sizeof(boot_id)) == 0;

	strbuf_release(&bytes);
	return same;
}

static int read_event(const json_t *row, uint64_t boot_id, struct history_event *event)
{
	int err = read_fields(row, event_fields, ARRAY_SIZE(event_fields), event);

	event->kind = read_name(row, "kind", name_of_kind, HISTORY_KINDS);
	event->state = read_name(row, "state", name_of_state, ARRAY_SIZE(state_names));
	if (err || event->kind >= HISTORY_KINDS || event->state >= ARRAY_SIZE(state_names))
		return err ? err : -EINVAL;
	if (!is_of_this_boot(row, boot_id))
		event->start_boot_ns = 0;
	if (event->kind == HISTORY_HUNG)
		return read_hang(row, event);
	return event->kind == HISTORY_DEATH ? read_death(row, event) : 0;
}

int history_row_read(const char *row, uint64_t boot_id, struct history_event *event)
{
	json_t *object = json_loads(row, 0, NULL);
	int err = json_is_object(object) ? read_event(object, boot_id, event) : -EINVAL;

	json_decref(object);
	return err;
}
