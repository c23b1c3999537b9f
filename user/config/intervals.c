/*
 * intervals.c - `time_intervals`: when routes are silent.
 *
 * Source: alertmanager config/config.go and timeinterval/timeinterval.go.
 */
#include "config/schema.h"

static const struct schema_key times_keys[] = {
	QUIET("start_time", S_TEXT),
	QUIET("end_time", S_TEXT),
};
static const struct schema times_schema = SCHEMA("times", times_keys, NULL);

static const struct schema_key spec_keys[] = {
	QUIET_IN("times", S_LIST, times_schema),
	QUIET("weekdays", S_TEXTS),
	QUIET("days_of_month", S_TEXTS),
	QUIET("months", S_TEXTS),
	QUIET("years", S_TEXTS),
	QUIET("location", S_TEXT),
};
static const struct schema spec_schema = SCHEMA("time_intervals", spec_keys, NULL);

static const struct schema_key interval_keys[] = {
	QUIET("name", S_TEXT),
	QUIET_IN("time_intervals", S_LIST, spec_schema),
};
static const struct schema interval_schema = SCHEMA("time_intervals", interval_keys, NULL);

static void read_interval(struct reader *r, const struct tree_node *node, bool mute)
{
	const struct tree_pair *name = tree_get(node, "name");

	schema_read(r, &interval_schema, node, NULL);
	if (node->kind != TREE_MAP && !node->null)
		return;
	if (!name || name->value->kind != TREE_SCALAR || !*name->value->text.s || name->value->null)
		diag_error(r->diag, name ? name->value->pos : node->pos,
			"missing name in %stime interval", mute ? "mute " : "");
	else if (map_gets(&r->intervals, name->value->text.s))
		diag_error(r->diag, name->value->pos, "%stime interval \"%s\" is not unique",
			mute ? "mute " : "", name->value->text.s);
	else if (map_puts(&r->intervals, name->value->text.s, (void *)node))
		reader_no_memory(r);
}

void config_read_intervals(struct reader *r, const struct tree_pair *pair, void *out)
{
	bool mute = starts_with(pair->key->text.s, "mute");
	size_t n = reader_list(r, pair);

	if (!n)
		return;
	if (!r->needs_route.source)
		r->needs_route = pair->key->pos;
	for (size_t i = 0; i < n; i++)
		read_interval(r, pair->value->items[i], mute);
	diag_warning(r->diag, pair->key->pos,
		"'%s' is not served yet by this version of tolld and is ignored",
		pair->key->text.s);
}
