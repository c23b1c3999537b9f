/*
 * route.c - `route`, and what decides beside it: inhibit_rules, time intervals.
 *
 * This version serves one route without children. The others are read for their faults all the
 * same. Source: alertmanager config/config.go and dispatch/route.go, inhibit/inhibit.go.
 */
#include <errno.h>
#include "base/regex.h"
#include "config/schema.h"

#define MAX_REGEX_ERROR 160

struct route_read {
	struct config_route route;
	bool root;
};

static void read_group_by(struct reader *r, const struct tree_pair *pair, void *out);
static void read_receiver(struct reader *r, const struct tree_pair *pair, void *out);
static void read_children(struct reader *r, const struct tree_pair *pair, void *out);
static void read_continue(struct reader *r, const struct tree_pair *pair, void *out);
static void read_matchers(struct reader *r, const struct tree_pair *pair, void *out);
static void read_mute_times(struct reader *r, const struct tree_pair *pair, void *out);
static void check_match_re(struct reader *r, const struct tree_pair *pair);

#define R struct route_read
static const struct schema_key route_keys[] = {
	CUSTOM("receiver", read_receiver),
	CUSTOM("group_by", read_group_by),
	SERVED("group_wait", S_DURATION, R, route.group_wait_ms),
	SERVED("group_interval", S_DURATION, R, route.group_interval_ms),
	SERVED("repeat_interval", S_DURATION, R, route.repeat_interval_ms),
	CUSTOM("continue", read_continue),
	CUSTOM("match", read_matchers),
	CUSTOM("match_re", read_matchers),
	CUSTOM("matchers", read_matchers),
	CUSTOM("mute_time_intervals", read_mute_times),
	CUSTOM("active_time_intervals", read_mute_times),
	CUSTOM("routes", read_children),
	IGNORED("labels", S_PAIRS),
};
#undef R
static const struct schema route_schema = SCHEMA("route", route_keys, NULL);

static const struct schema_key inhibit_keys[] = {
	LATER("name", S_TEXT),
	LATER("source_match", S_PAIRS),
	LATER("source_match_re", S_PAIRS),
	LATER("source_matchers", S_TEXTS),
	LATER("target_match", S_PAIRS),
	LATER("target_match_re", S_PAIRS),
	LATER("target_matchers", S_TEXTS),
	LATER("equal", S_TEXTS),
};
static const struct schema inhibit_schema = SCHEMA("inhibit_rules", inhibit_keys, NULL);

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

static void tell_later(struct reader *r, const struct tree_pair *pair)
{
	diag_error(r->diag, pair->key->pos, "'%s' is not served yet by this version of tolld",
		pair->key->text.s);
}

static bool is_empty(const struct tree_node *node)
{
	return node->kind == TREE_SCALAR ? node->null : !node->n;
}

static void read_receiver(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct route_read *read = out;

	if (!reader_text(r, pair, &read->route.receiver) || !text_set(&read->route.receiver))
		return;
	if (!arena_reserve(&r->trees, r->receiver_uses, r->n_receiver_uses, r->cap_receiver_uses)) {
		reader_no_memory(r);
		return;
	}
	r->receiver_uses[r->n_receiver_uses++] = (struct reader_use){
		.name = read->route.receiver.s,
		.pos = read->route.receiver.pos,
	};
}

static void add_group_by(struct reader *r, struct config_route *route, struct config_text label)
{
	for (size_t i = 0; i < route->n_group_by; i++) {
		if (streq(route->group_by[i].s, label.s)) {
			diag_error(
				r->diag, label.pos, "duplicated label \"%s\" in group_by", label.s);
			return;
		}
	}
	if (!arena_reserve(
		    &r->config->arena, route->group_by, route->n_group_by, route->cap_group_by)) {
		reader_no_memory(r);
		return;
	}
	route->group_by[route->n_group_by++] = label;
}

static void read_group_by(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_route *route = &((struct route_read *)out)->route;
	size_t n = reader_list(r, pair);
	struct config_text label, all = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, "group_by", pair->value->items[i], &label))
			continue;
		if (streq(label.s, "..."))
			all = label;
		else if (!*label.s)
			diag_error(r->diag, label.pos, "invalid label name \"\" in group_by list");
		else
			add_group_by(r, route, label);
	}
	route->group_by_all = all.s;
	if (all.s && route->n_group_by)
		diag_error(r->diag, all.pos,
			"cannot have wildcard group_by (`...`) and other labels at the same time");
}

static void read_continue(struct reader *r, const struct tree_pair *pair, void *out)
{
	bool value = false;

	if (!reader_bool(r, pair, &value) || !value)
		return;
	if (((struct route_read *)out)->root)
		diag_error(r->diag, pair->key->pos, "cannot have continue in root route");
}

/* Names of match, and names and expressions of match_re and its siblings in inhibit_rules. */
static void check_match_re(struct reader *r, const struct tree_pair *pair)
{
	const struct tree_node *map = pair->value;
	size_t len = strlen(pair->key->text.s);
	bool is_regex = len > 3 && streq(pair->key->text.s + len - 3, "_re");
	char error[MAX_REGEX_ERROR];
	struct regex *regex;
	int err;

	for (size_t i = 0; map->kind == TREE_MAP && i < map->n; i++) {
		const struct tree_node *name = map->pairs[i].key, *value = map->pairs[i].value;

		if (!label_name_valid_classic(name->text.s, name->text.len))
			diag_error(r->diag, name->pos, "invalid label name \"%s\"", name->text.s);
		if (!is_regex || value->kind != TREE_SCALAR)
			continue;
		if (value->null) {
			diag_error(r->diag, name->pos, "invalid regexp value for \"%s\"",
				name->text.s);
			continue;
		}
		err = regex_new(value->text.s, &regex, error, sizeof(error));
		if (err == -ENOMEM)
			reader_no_memory(r);
		else if (err)
			diag_error(r->diag, value->pos, "invalid regular expression: %s", error);
		else
			regex_free(regex);
	}
}

static void read_matchers(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_pairs unused = { 0 };
	struct config_text text;
	size_t n = 0;

	if (streq(pair->key->text.s, "matchers"))
		n = reader_list(r, pair);
	else if (reader_pairs(r, pair, &unused))
		check_match_re(r, pair);
	for (size_t i = 0; i < n; i++)
		reader_item_text(r, "matchers", pair->value->items[i], &text);
	if (is_empty(pair->value))
		return;
	if (((struct route_read *)out)->root)
		diag_error(r->diag, pair->key->pos, "root route must not have any matchers");
}

static void read_mute_times(struct reader *r, const struct tree_pair *pair, void *out)
{
	bool mute = starts_with(pair->key->text.s, "mute");
	size_t n = reader_list(r, pair);
	struct config_text name;

	if (!n)
		return;
	if (((struct route_read *)out)->root)
		diag_error(r->diag, pair->key->pos,
			"root route must not have any %s time intervals", mute ? "mute" : "active");
	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, pair->key->text.s, pair->value->items[i], &name))
			continue;
		if (!arena_reserve(&r->trees, r->interval_uses, r->n_interval_uses,
			    r->cap_interval_uses)) {
			reader_no_memory(r);
			return;
		}
		r->interval_uses[r->n_interval_uses++] =
			(struct reader_use){ .name = name.s, .pos = name.pos };
	}
}

static void check_not_zero(
	struct reader *r, const struct tree_node *node, const char *key, int64_t value)
{
	const struct tree_pair *pair = tree_get(node, key);

	if (pair && !pair->value->null && !value)
		diag_error(r->diag, pair->value->pos, "%s cannot be zero", key);
}

/* The depth is that of the tree, which has its limit. */
static void read_route(struct reader *r, const struct tree_node *node, struct route_read *read)
{
	read->route.group_wait_ms = 30000;
	read->route.group_interval_ms = 5 * 60000;
	read->route.repeat_interval_ms = 4 * 3600000;
	schema_read(r, &route_schema, node, read);
	check_not_zero(r, node, "group_interval", read->route.group_interval_ms);
	check_not_zero(r, node, "repeat_interval", read->route.repeat_interval_ms);
}

static void read_children(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	/* Once, for the whole tree: what its nodes hold is not served either. */
	if (n && ((struct route_read *)out)->root)
		tell_later(r, pair);
	for (size_t i = 0; i < n; i++) {
		struct route_read child = { 0 };

		read_route(r, pair->value->items[i], &child);
	}
}

void config_read_route(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct route_read read = { .root = true };
	struct config_route *route;

	if (!r->needs_route.source)
		r->needs_route = pair->key->pos;
	if (pair->value->null)
		return;
	if (r->route) {
		diag_error(r->diag, pair->key->pos, "route stands twice; the other is in %s:%u",
			r->route->pos.source->name, r->route->pos.line);
		return;
	}
	r->route = pair->value;
	read_route(r, pair->value, &read);
	if (!text_set(&read.route.receiver))
		diag_error(r->diag, pair->key->pos, "root route must specify a default receiver");
	route = reader_alloc(r, sizeof(*route));
	if (!route)
		return;
	*route = read.route;
	r->config->route = route;
}

void config_read_inhibit(struct reader *r, const struct tree_pair *pair, void *out)
{
	static const char *const re_keys[] = { "source_match", "source_match_re", "target_match",
		"target_match_re" };
	size_t n = reader_list(r, pair), rules = 0;
	const struct tree_pair *match;

	if (n && !r->needs_route.source)
		r->needs_route = pair->key->pos;
	for (size_t i = 0; i < n; i++) {
		schema_read(r, &inhibit_schema, pair->value->items[i], NULL);
		for (size_t k = 0; k < ARRAY_SIZE(re_keys); k++) {
			match = tree_get(pair->value->items[i], re_keys[k]);
			if (match)
				check_match_re(r, match);
		}
		rules += !is_empty(pair->value->items[i]);
	}
	if (rules)
		tell_later(r, pair);
}

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

void config_check_route(struct reader *r)
{
	if (r->broken)
		return;
	if (!r->config->route && r->needs_route.source)
		diag_error(r->diag, r->needs_route,
			"no routes provided: receivers and "
			"whatever belongs to them need a route");
	for (size_t i = 0; i < r->n_interval_uses; i++) {
		if (!map_gets(&r->intervals, r->interval_uses[i].name))
			diag_error(r->diag, r->interval_uses[i].pos,
				"undefined time interval \"%s\" used in route",
				r->interval_uses[i].name);
	}
}
