/*
 * route.c - `route`: who is told of which alerts, a tree whose nodes inherit from their parents.
 *
 * The keys of a node may come in any order, so inheritance is settled when the whole tree is read.
 * Source: alertmanager config/config.go and dispatch/route.go.
 */
#include "config/matchers.h"
#include "config/original.h"
#include "model/matcher_parser.h"

#define NOT_SET (-1)

struct route_read {
	struct config_route route;
	bool root;
	bool group_by_set; /* an empty list overrides the parent's, too */
	bool suppressed_set;
	struct route_read *children;
	size_t n_children, cap_children;
};

static void read_group_by(struct reader *r, const struct tree_pair *pair, void *out);
static void read_receiver(struct reader *r, const struct tree_pair *pair, void *out);
static void read_children(struct reader *r, const struct tree_pair *pair, void *out);
static void read_continue(struct reader *r, const struct tree_pair *pair, void *out);
static void read_suppressed(struct reader *r, const struct tree_pair *pair, void *out);
static void read_route_matchers(struct reader *r, const struct tree_pair *pair, void *out);
static void read_time_intervals(struct reader *r, const struct tree_pair *pair, void *out);

#define R struct route_read
static const struct schema_key route_keys[] = {
	CUSTOM("receiver", read_receiver),
	CUSTOM("group_by", read_group_by),
	SERVED("group_wait", S_DURATION, R, route.group_wait_ms),
	SERVED("group_interval", S_DURATION, R, route.group_interval_ms),
	SERVED("repeat_interval", S_DURATION, R, route.repeat_interval_ms),
	SERVED(CONFIG_REPEAT_INTERVAL_MAX, S_DURATION, R, route.repeat_interval_max_ms),
	CUSTOM(CONFIG_SEND_RESOLVED_SUPPRESSED, read_suppressed),
	CUSTOM("continue", read_continue),
	CUSTOM("match", read_route_matchers),
	CUSTOM("match_re", read_route_matchers),
	CUSTOM("matchers", read_route_matchers),
	CUSTOM("mute_time_intervals", read_time_intervals),
	CUSTOM("active_time_intervals", read_time_intervals),
	CUSTOM("routes", read_children),
	SERVED("labels", S_PAIRS, R, route.labels),
};
#undef R
static const struct schema route_schema = SCHEMA("route", route_keys, NULL);

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

static void add_group_by(
	struct reader *r, struct config_route *route, struct map *seen, struct config_text label)
{
	if (map_gets(seen, label.s)) {
		diag_error(r->diag, label.pos, "duplicated label \"%s\" in group_by", label.s);
		return;
	}
	if (map_puts(seen, label.s, r) || !arena_reserve(&r->config->arena, route->group_by,
						  route->n_group_by, route->cap_group_by)) {
		reader_no_memory(r);
		return;
	}
	route->group_by[route->n_group_by++] = label;
}

static void read_group_by(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_route *route = &((struct route_read *)out)->route;
	scoped(map_release) struct map seen = MAP_INIT;
	size_t n = reader_list(r, pair);
	struct config_text label, all = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, "group_by", pair->value->items[i], &label))
			continue;
		if (streq(label.s, "..."))
			all = label;
		else if (!matcher_syntax_takes_name(label.s))
			diag_error(r->diag, label.pos, "invalid label name \"%s\" in group_by list",
				label.s);
		else
			add_group_by(r, route, &seen, label);
	}
	((struct route_read *)out)->group_by_set = !pair->value->null;
	route->group_by_all = all.s;
	if (all.s && route->n_group_by)
		diag_error(r->diag, all.pos,
			"cannot have wildcard group_by (`...`) and other labels at the same time");
}

static void read_continue(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct route_read *read = out;

	if (reader_bool(r, pair, &read->route.continues) && read->route.continues && read->root)
		diag_error(r->diag, pair->key->pos, "cannot have continue in root route");
}

static void read_suppressed(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct route_read *read = out;

	read->suppressed_set =
		reader_bool(r, pair, &read->route.send_resolved_suppressed) && !pair->value->null;
}

static void read_route_matchers(struct reader *r, const struct tree_pair *pair, void *out)
{
	const struct tree_node *node = pair->value;
	struct route_read *read = out;

	matchers_read(r, pair, &read->route.matchers);
	if (read->root && (node->kind == TREE_SCALAR ? !node->null : node->n))
		diag_error(r->diag, pair->key->pos, "root route must not have any matchers");
}

static void read_time_intervals(struct reader *r, const struct tree_pair *pair, void *out)
{
	bool mute = starts_with(pair->key->text.s, "mute");
	struct route_read *read = out;
	struct config_texts *to =
		mute ? &read->route.mute_time_intervals : &read->route.active_time_intervals;
	size_t n = reader_list(r, pair);
	struct config_text name;

	if (n && read->root)
		diag_error(r->diag, pair->key->pos,
			"root route must not have any %s time intervals", mute ? "mute" : "active");
	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, pair->key->text.s, pair->value->items[i], &name))
			continue;
		if (!arena_reserve(&r->config->arena, to->items, to->n, to->cap) ||
			!arena_reserve(&r->trees, r->interval_uses, r->n_interval_uses,
				r->cap_interval_uses)) {
			reader_no_memory(r);
			return;
		}
		to->items[to->n++] = name;
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
	read->route.group_wait_ms = NOT_SET;
	read->route.group_interval_ms = NOT_SET;
	read->route.repeat_interval_ms = NOT_SET;
	read->route.repeat_interval_max_ms = NOT_SET;
	schema_read(r, &route_schema, node, read);
	check_not_zero(r, node, "group_interval", read->route.group_interval_ms);
	check_not_zero(r, node, "repeat_interval", read->route.repeat_interval_ms);
}

static void read_children(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct route_read *parent = out;
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++) {
		const struct tree_node *node = pair->value->items[i];
		struct route_read *child;

		if (node->null) {
			diag_error(r->diag, node->pos, "a route must not be empty");
			continue;
		}
		if (!arena_reserve(&r->trees, parent->children, parent->n_children,
			    parent->cap_children)) {
			reader_no_memory(r);
			return;
		}
		child = &parent->children[parent->n_children++];
		*child = (struct route_read){ 0 };
		read_route(r, node, child);
	}
}

/* The parent's come first, so that what is said again replaces them. */
static void inherit_labels(
	struct reader *r, struct config_pairs *own, const struct config_pairs *parents)
{
	struct config_pairs all = { 0 };

	if (!parents->n)
		return;
	all.items = reader_alloc(r, (parents->n + own->n) * sizeof(*all.items));
	if (!all.items)
		return;
	memcpy(all.items, parents->items, parents->n * sizeof(*all.items));
	if (own->n)
		memcpy(all.items + parents->n, own->items, own->n * sizeof(*all.items));
	all.n = all.cap = parents->n + own->n;
	*own = all;
}

static void inherit_ms(int64_t *own_ms, int64_t parents_ms)
{
	if (*own_ms == NOT_SET)
		*own_ms = parents_ms;
}

static void inherit(struct route_read *read, const struct config_route *from)
{
	struct config_route *route = &read->route;

	if (!text_set(&route->receiver))
		route->receiver = from->receiver;
	if (!read->suppressed_set)
		route->send_resolved_suppressed = from->send_resolved_suppressed;
	if (!read->group_by_set) {
		route->group_by = from->group_by;
		route->n_group_by = route->cap_group_by = from->n_group_by;
		route->group_by_all = from->group_by_all;
	}
	inherit_ms(&route->group_wait_ms, from->group_wait_ms);
	inherit_ms(&route->group_interval_ms, from->group_interval_ms);
	inherit_ms(&route->repeat_interval_ms, from->repeat_interval_ms);
	inherit_ms(&route->repeat_interval_max_ms, from->repeat_interval_max_ms);
}

/* What was read as a node of the configuration, with all that it inherits, and those below it. */
static void settle(struct reader *r, struct route_read *read, const struct config_route *parent,
	struct config_route *to)
{
	inherit(read, parent);
	inherit_labels(r, &read->route.labels, &parent->labels);
	if (read->n_children)
		read->route.routes =
			reader_alloc(r, read->n_children * sizeof(*read->route.routes));
	read->route.n_routes = read->route.routes ? read->n_children : 0;
	*to = read->route;
	for (size_t i = 0; i < to->n_routes; i++)
		settle(r, &read->children[i], to, &to->routes[i]);
}

void config_read_route(struct reader *r, const struct tree_pair *pair, void *out)
{
	static const struct config_route defaults = {
		.group_wait_ms = 30000,
		.group_interval_ms = 5 * 60000,
		.repeat_interval_ms = 4 * 3600000,
	};
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
	settle(r, &read, &defaults, route);
	r->config->route = route;
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
		if (!config_time_interval_find(r->config, r->interval_uses[i].name))
			diag_error(r->diag, r->interval_uses[i].pos,
				"undefined time interval \"%s\" used in route",
				r->interval_uses[i].name);
	}
}
