/*
 * route.c - the tree of routes: which of them an alert takes, and into which group it falls there.
 *
 * Two routes may say the same, word for word, and then have the same key; their groups are not the
 * same, because their receivers may differ. So each has an id of its own in addition: not its place
 * among its siblings, as Alertmanager counts, because a new route in front would make new groups of
 * all behind it. Source: alertmanager dispatch/route.go and dispatch/dispatch.go.
 */
#include "notify/internal.h"

#include <errno.h>
#include "base/escape.h"
#include "model/intern.h"

/* From so many routes below one on, an alert is not compared with each of them. */
#define INDEX_FROM 8
/* More candidates than these need memory of their own. */
#define FEW_CANDIDATES 64

struct building {
	const struct config *config;
	struct map keys; /* of the routes so far -> how many have it */
	unsigned n;
};

int matchers_build(const struct config_matchers *from, struct matcher_list *ret)
{
	char error[MATCHER_MAX_ERROR];

	for (size_t i = 0; i < from->n; i++) {
		const struct config_matcher *m = &from->items[i];
		struct matcher *matcher;
		int err;

		err = matcher_new(m->type, m->name, m->value, &matcher, error, sizeof(error));
		if (!err)
			err = matcher_list_add(ret, matcher);
		if (err)
			return err;
	}
	matcher_list_sort(ret);
	return 0;
}

static int build_group_by(const struct config_route *from, struct route *route)
{
	route->group_by = calloc(from->n_group_by + 1, sizeof(*route->group_by));
	if (!route->group_by)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_group_by; i++) {
		const char *name = from->group_by[i].s;

		route->group_by[i] = intern(name, strlen(name));
		if (!route->group_by[i])
			return -ENOMEM;
		route->n_group_by++;
	}
	route->group_by_all = from->group_by_all;
	return 0;
}

static int build_intervals(const struct config *config, const struct config_texts *names,
	const struct config_time_interval ***ret, size_t *ret_n)
{
	*ret = calloc(names->n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++) {
		(*ret)[i] = config_time_interval_find(config, names->items[i].s);
		/* Refused when the file was read. */
		if (!(*ret)[i])
			return -EINVAL;
		++*ret_n;
	}
	return 0;
}

static int build_labels(const struct config_pairs *from, struct route *route)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	for (size_t i = 0; i < from->n; i++)
		labels_builder_set(&b, from->items[i].name.s, from->items[i].value.s);
	return labels_build(&b, &route->labels);
}

static int build_key(struct building *b, const struct route *parent, struct route *route)
{
	struct strbuf key = STRBUF_INIT, id = STRBUF_INIT;
	uintptr_t n;
	int err;

	if (parent)
		strbuf_addf(&key, "%s/", parent->key);
	matcher_list_print(&route->matchers, &key);
	err = strbuf_finish(&key, &route->key);
	if (err)
		return err;
	n = (uintptr_t)map_gets(&b->keys, route->key) + 1;
	strbuf_adds(&id, route->key);
	if (n > 1)
		strbuf_addf(&id, "#%ju", (uintmax_t)n);
	err = strbuf_finish(&id, &route->id);
	return err ? err : map_puts(&b->keys, route->key, (void *)n);
}

static int build_index(struct route *route)
{
	int place, err = 0;

	for (size_t i = 0; i < route->n_routes && !err && route->n_routes >= INDEX_FROM; i++)
		err = match_index_add(&route->index, &route->routes[i].matchers, i, &place);
	return err;
}

static int build(struct building *b, const struct config_route *from, const struct route *parent,
	struct route *route)
{
	int err;

	route->config = from;
	route->number = b->n++;
	route->continues = from->continues;
	route->group_wait_ns = ns_of_ms(from->group_wait_ms);
	/* Zero is refused when the file is read; here it would be a loop without end. */
	route->group_interval_ns = ns_of_ms(MAX(from->group_interval_ms, 1));
	route->repeat_interval_ns = ns_of_ms(from->repeat_interval_ms);
	route->repeat_max_ns =
		ns_of_ms(MAX(from->repeat_interval_max_ms, from->repeat_interval_ms));
	route->tells_suppressed_ends = from->send_resolved_suppressed;
	/* A configuration without the receiver was refused when it was read. */
	route->receiver = config_receiver_find(b->config, from->receiver.s);
	if (!route->receiver)
		return -EINVAL;
	err = matchers_build(&from->matchers, &route->matchers);
	if (!err)
		err = build_group_by(from, route);
	if (!err)
		err = build_intervals(
			b->config, &from->mute_time_intervals, &route->mute, &route->n_mute);
	if (!err)
		err = build_intervals(
			b->config, &from->active_time_intervals, &route->active, &route->n_active);
	if (!err)
		err = build_labels(&from->labels, route);
	if (!err)
		err = build_key(b, parent, route);
	if (err || !from->n_routes)
		return err;
	route->routes = calloc(from->n_routes, sizeof(*route->routes));
	if (!route->routes)
		return -ENOMEM;
	route->n_routes = from->n_routes;
	for (size_t i = 0; i < from->n_routes && !err; i++)
		err = build(b, &from->routes[i], route, &route->routes[i]);
	return err ? err : build_index(route);
}

int route_new(const struct config *config, struct route **ret)
{
	scoped(route_freep) struct route *route = calloc(1, sizeof(*route));
	struct building b = { .config = config };
	int err;

	if (!route)
		return -ENOMEM;
	err = build(&b, config->route, NULL, route);
	map_release(&b.keys);
	if (err)
		return err;
	*ret = TAKE(route);
	return 0;
}

static void release(struct route *route)
{
	for (size_t i = 0; i < route->n_routes; i++)
		release(&route->routes[i]);
	free(route->routes);
	match_index_release(&route->index);
	for (size_t i = 0; i < route->n_group_by; i++)
		intern_unref(route->group_by[i]);
	free(route->group_by);
	labels_unref(route->labels);
	free(route->mute);
	free(route->active);
	matcher_list_release(&route->matchers);
	free(route->key);
	free(route->id);
}

void route_free(struct route *route)
{
	if (!route)
		return;
	release(route);
	free(route);
}

/* Places of routes below one, in their order. */
struct candidates {
	uint32_t few[FEW_CANDIDATES];
	uint32_t *places; /* those few, or others on the heap */
	size_t n, most;	  /* there are no more routes than `most` */
	bool unsorted, failed;
};

static bool more_candidates(struct candidates *c)
{
	uint32_t *places = malloc(c->most * sizeof(*places));

	if (!places) {
		c->failed = true;
		return false;
	}
	memcpy(places, c->few, sizeof(c->few));
	c->places = places;
	return true;
}

static bool note_candidate(uintptr_t place, void *userdata)
{
	struct candidates *c = userdata;

	if (c->n == FEW_CANDIDATES && c->places == c->few && !more_candidates(c))
		return false;
	/* Each list of the index has its own in their order. */
	c->unsorted |= c->n && c->places[c->n - 1] > place;
	c->places[c->n++] = (uint32_t)place;
	return true;
}

static int by_place(const void *a, const void *b)
{
	uint32_t pa = *(const uint32_t *)a, pb = *(const uint32_t *)b;

	return (pa > pb) - (pa < pb);
}

static void candidates_sort(struct candidates *c)
{
	if (c->n > FEW_CANDIDATES) {
		qsort(c->places, c->n, sizeof(*c->places), by_place);
		return;
	}
	for (size_t i = 1; i < c->n; i++) {
		uint32_t place = c->places[i];
		size_t at = i;

		for (; at && c->places[at - 1] > place; at--)
			c->places[at] = c->places[at - 1];
		c->places[at] = place;
	}
}

/* One alert on its way through the tree. */
struct matching {
	const struct labels *labels;
	route_match_fn *fn;
	void *userdata;
};

static int match(const struct matching *m, const struct route *route, bool *ret_matched);

/* The i-th of those below. *ret_last: the ones behind it are not asked. */
static int match_child(const struct matching *m, const struct route *route, size_t i,
	bool *ret_below, bool *ret_last)
{
	bool matched;
	int err;

	err = match(m, &route->routes[i], &matched);
	*ret_below |= !err && matched;
	*ret_last = err || (matched && !route->routes[i].continues);
	return err;
}

static int match_below(const struct matching *m, const struct route *route, bool *ret_below)
{
	struct candidates c;
	bool last = false;
	int err = 0;

	c.places = c.few;
	c.n = 0;
	c.most = route->n_routes;
	c.unsorted = false;
	c.failed = route->n_routes < INDEX_FROM;
	if (!c.failed)
		match_index_each(&route->index, m->labels, note_candidate, &c);
	if (c.unsorted)
		candidates_sort(&c);
	if (c.failed) {
		for (size_t i = 0; i < route->n_routes && !last; i++)
			err = match_child(m, route, i, ret_below, &last);
	} else {
		for (size_t i = 0; i < c.n && !last; i++)
			err = match_child(m, route, c.places[i], ret_below, &last);
	}
	if (c.places != c.few)
		free(c.places);
	return err;
}

static int match(const struct matching *m, const struct route *route, bool *ret_matched)
{
	bool below = false;
	int err;

	*ret_matched = matcher_list_match(&route->matchers, m->labels);
	if (!*ret_matched)
		return 0;
	err = match_below(m, route, &below);
	if (err)
		return err;
	return below ? 0 : m->fn(route, m->userdata);
}

int route_match(
	const struct route *root, const struct labels *labels, route_match_fn *fn, void *userdata)
{
	const struct matching m = { .labels = labels, .fn = fn, .userdata = userdata };
	bool matched;

	return root ? match(&m, root, &matched) : 0;
}

static bool contains(const struct config_time_interval *interval, int64_t wall_ms)
{
	for (size_t i = 0; i < interval->n; i++) {
		if (time_interval_contains(&interval->items[i], wall_ms))
			return true;
	}
	return false;
}

static bool is_outside(const struct route *route, int64_t wall_ms)
{
	for (size_t i = 0; i < route->n_active; i++) {
		if (contains(route->active[i], wall_ms))
			return false;
	}
	return route->n_active;
}

bool route_is_silent(const struct route *route, int64_t wall_ms, bool *ret_muted)
{
	*ret_muted = false;
	if (is_outside(route, wall_ms))
		return true;
	for (size_t i = 0; i < route->n_mute && !*ret_muted; i++)
		*ret_muted = contains(route->mute[i], wall_ms);
	return *ret_muted;
}

void route_silent_by(
	const struct route *route, int64_t wall_ms, route_interval_fn *fn, void *userdata)
{
	bool outside = is_outside(route, wall_ms);

	for (size_t i = 0; outside && i < route->n_active; i++) {
		if (!fn(route->active[i], userdata))
			return;
	}
	for (size_t i = 0; !outside && i < route->n_mute; i++) {
		if (contains(route->mute[i], wall_ms) && !fn(route->mute[i], userdata))
			return;
	}
}

static bool groups_by(const struct label *label, const void *userdata)
{
	const struct route *route = userdata;

	for (size_t i = 0; i < route->n_group_by; i++) {
		if (route->group_by[i] == label->name)
			return true;
	}
	return route->group_by_all;
}

int route_group_labels(const struct route *route, const struct labels *labels, struct labels **ret)
{
	return labels_filter(labels, groups_by, route, ret);
}

/* Not labels_format(): here __name__ is a label like all others, and names stand as they are. */
void route_group_key(const char *route, const struct labels *labels, struct strbuf *out)
{
	strbuf_adds(out, route);
	strbuf_adds(out, ":{");
	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];

		if (i)
			strbuf_adds(out, ", ");
		strbuf_adds(out, l->name);
		strbuf_adds(out, "=\"");
		escape_quoted(out, l->value, intern_len(l->value));
		strbuf_addch(out, '"');
	}
	strbuf_addch(out, '}');
}

size_t receiver_integrations(const struct config_receiver *receiver)
{
	return receiver->n_emails + receiver->n_maildirs + receiver->n_integrations;
}

struct integration receiver_integration(const struct config_receiver *receiver, size_t i)
{
	struct integration integration = { .receiver = receiver->name.s, .index = (unsigned)i };

	if (receiver->budget.key)
		integration.budget = &receiver->budget;
	if (i < receiver->n_emails) {
		if (!integration.budget)
			integration.budget = &receiver->emails[i].budget;
		integration.name = "email";
		integration.send_resolved = receiver->emails[i].send_resolved;
		return integration;
	}
	i -= receiver->n_emails;
	if (i < receiver->n_maildirs) {
		integration.name = "maildir";
		integration.index = (unsigned)i;
		integration.send_resolved = receiver->maildirs[i].email.send_resolved;
		return integration;
	}
	i -= receiver->n_maildirs;
	integration.name = receiver->integrations[i].type;
	integration.index = receiver->integrations[i].index;
	integration.send_resolved = receiver->integrations[i].send_resolved;
	return integration;
}

bool integration_exists(
	const struct config *config, const char *receiver, const char *name, unsigned index)
{
	const struct config_receiver *found = config_receiver_find(config, receiver);

	if (!found)
		return false;
	if (streq(name, "email"))
		return index < found->n_emails;
	if (streq(name, "maildir"))
		return index < found->n_maildirs;
	return config_integration_find(found, name, index);
}
