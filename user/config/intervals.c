/*
 * intervals.c - `time_intervals`: stretches of time that routes are silent in, or only speak in.
 *
 * Source: alertmanager config/config.go and timeinterval/timeinterval.go.
 */
#include <errno.h>
#include "config/schema.h"

#define MAX_ERROR 160

static void read_times(struct reader *r, const struct tree_pair *pair, void *out);
static void read_weekdays(struct reader *r, const struct tree_pair *pair, void *out);
static void read_days_of_month(struct reader *r, const struct tree_pair *pair, void *out);
static void read_months(struct reader *r, const struct tree_pair *pair, void *out);
static void read_years(struct reader *r, const struct tree_pair *pair, void *out);
static void read_location(struct reader *r, const struct tree_pair *pair, void *out);
static void read_intervals(struct reader *r, const struct tree_pair *pair, void *out);

struct times_read {
	struct config_text start, end;
};

static const struct schema_key times_keys[] = {
	SERVED("start_time", S_TEXT, struct times_read, start),
	SERVED("end_time", S_TEXT, struct times_read, end),
};
static const struct schema times_schema = SCHEMA("times", times_keys, NULL);

static const struct schema_key interval_keys[] = {
	CUSTOM("times", read_times),
	CUSTOM("weekdays", read_weekdays),
	CUSTOM("days_of_month", read_days_of_month),
	CUSTOM("months", read_months),
	CUSTOM("years", read_years),
	CUSTOM("location", read_location),
};
static const struct schema interval_schema = SCHEMA("time_intervals", interval_keys, NULL);

static const struct schema_key named_keys[] = {
	SERVED("name", S_TEXT, struct config_time_interval, name),
	CUSTOM("time_intervals", read_intervals),
};
static const struct schema named_schema = SCHEMA("time_intervals", named_keys, NULL);

static void add(struct reader *r, struct ranges *to, struct range range)
{
	if (arena_reserve(&r->config->arena, to->items, to->n, to->cap))
		to->items[to->n++] = range;
	else
		reader_no_memory(r);
}

static void read_times(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct ranges *to = &((struct time_interval *)out)->times;
	size_t n = reader_list(r, pair);

	to->set = !pair->value->null;
	for (size_t i = 0; i < n; i++) {
		const struct tree_node *node = pair->value->items[i];
		struct times_read read = { 0 };
		char error[MAX_ERROR];
		struct range range;

		schema_read(r, &times_schema, node, &read);
		if (range_parse_times(read.start.s, read.end.s, &range, error, sizeof(error)))
			diag_error(r->diag, node->pos, "%s", error);
		else
			add(r, to, range);
	}
}

static void read_ranges(
	struct reader *r, const struct tree_pair *pair, enum range_kind kind, struct ranges *to)
{
	size_t n = reader_list(r, pair);
	struct config_text text;

	to->set = !pair->value->null;
	for (size_t i = 0; i < n; i++) {
		char error[MAX_ERROR];
		struct range range;

		if (!reader_item_text(r, pair->key->text.s, pair->value->items[i], &text))
			continue;
		if (range_parse(kind, text.s, &range, error, sizeof(error)))
			diag_error(r->diag, text.pos, "%s", error);
		else
			add(r, to, range);
	}
}

static void read_weekdays(struct reader *r, const struct tree_pair *pair, void *out)
{
	read_ranges(r, pair, RANGE_WEEKDAYS, &((struct time_interval *)out)->weekdays);
}

static void read_days_of_month(struct reader *r, const struct tree_pair *pair, void *out)
{
	read_ranges(r, pair, RANGE_DAYS_OF_MONTH, &((struct time_interval *)out)->days_of_month);
}

static void read_months(struct reader *r, const struct tree_pair *pair, void *out)
{
	read_ranges(r, pair, RANGE_MONTHS, &((struct time_interval *)out)->months);
}

static void read_years(struct reader *r, const struct tree_pair *pair, void *out)
{
	read_ranges(r, pair, RANGE_YEARS, &((struct time_interval *)out)->years);
}

static void read_location(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_text name;
	int err;

	if (pair->value->null || !reader_text(r, pair, &name))
		return;
	err = zone_load(name.s, &r->config->arena, &((struct time_interval *)out)->zone);
	if (err == -ENOMEM)
		reader_no_memory(r);
	else if (err == -ENOENT)
		diag_error(r->diag, name.pos,
			"unknown time zone %s; write it like Europe/Berlin, UTC or Local", name.s);
	else if (err)
		diag_error(r->diag, name.pos, "cannot read the time zone %s: %s", name.s,
			strerror(-err));
}

static void read_intervals(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_time_interval *to = out;
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++) {
		struct time_interval interval = { 0 };

		schema_read(r, &interval_schema, pair->value->items[i], &interval);
		if (!arena_reserve(&r->config->arena, to->items, to->n, to->cap)) {
			reader_no_memory(r);
			return;
		}
		to->items[to->n++] = interval;
	}
}

const struct config_time_interval *config_time_interval_find(
	const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_time_intervals; i++) {
		if (streq(config->time_intervals[i].name.s, name))
			return &config->time_intervals[i];
	}
	return NULL;
}

static void read_named(struct reader *r, const struct tree_node *node, const char *kind)
{
	struct config_time_interval named = { 0 };
	struct config *c = r->config;

	schema_read(r, &named_schema, node, &named);
	if (node->kind != TREE_MAP && !node->null)
		return;
	if (!text_set(&named.name)) {
		diag_error(r->diag, named.name.s ? named.name.pos : node->pos,
			"missing name in %stime interval", kind);
		return;
	}
	if (config_time_interval_find(c, named.name.s)) {
		diag_error(r->diag, named.name.pos, "%stime interval \"%s\" is not unique", kind,
			named.name.s);
		return;
	}
	if (arena_reserve(&c->arena, c->time_intervals, c->n_time_intervals, c->cap_time_intervals))
		c->time_intervals[c->n_time_intervals++] = named;
	else
		reader_no_memory(r);
}

void config_read_intervals(struct reader *r, const struct tree_pair *pair, void *out)
{
	bool mute = starts_with(pair->key->text.s, "mute");
	size_t n = reader_list(r, pair);

	if (n && !r->needs_route.source)
		r->needs_route = pair->key->pos;
	for (size_t i = 0; i < n; i++)
		read_named(r, pair->value->items[i], mute ? "mute " : "");
}
