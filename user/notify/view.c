/*
 * view.c - what is known, for those who show it: alerts and groups as they are at this moment.
 *
 * The order of the lists is Alertmanager's (api/v2/api.go, dispatch/dispatch.go). What silences or
 * inhibits an alert is found out anew: nothing here is from the last flush.
 */
#include "notify/internal.h"

#include <errno.h>

#define FEW_ROUTES 16

void notify_look_release(struct notify_look *look)
{
	free(look->silenced_by);
	free(look->receivers);
	*look = (struct notify_look){ 0 };
}

void notify_group_look_release(struct notify_group_look *look)
{
	free(look->muted_by);
	free(look->alerts);
	*look = (struct notify_group_look){ 0 };
}

/* -- alerts ---------------------------------------------------------------------------------- */

int notify_alert_list(const struct notify *notify, uint64_t **ret, size_t *ret_n)
{
	uint64_t *list = malloc((notify->alerts.n + 1) * sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	map_foreach (&notify->alerts, e) {
		const struct entry *entry = e->value;

		if (!entry->resolved)
			list[n++] = alert_fingerprint(entry->alert);
	}
	fingerprints_sort(list, n);
	*ret = list;
	*ret_n = n;
	return 0;
}

const struct alert *notify_alert_get(const struct notify *notify, uint64_t fingerprint)
{
	const struct entry *entry = entry_find(notify, fingerprint);

	return entry && !entry->resolved ? entry->alert : NULL;
}

static int by_id(const void *a, const void *b)
{
	const struct silence *const *sa = a, *const *sb = b;

	return strcmp((*sa)->id, (*sb)->id);
}

static int look_silences(
	struct notify *notify, struct entry *entry, struct instant now, struct notify_look *look)
{
	const struct silence *silence;
	size_t at = 0;

	look->n_silenced_by = 0;
	while ((silence = entry_silenced_by(notify, entry, now.wall_ms, &at))) {
		if (!vec_reserve(look->silenced_by, look->n_silenced_by, look->cap_silenced_by))
			return -ENOMEM;
		look->silenced_by[look->n_silenced_by++] = silence;
	}
	if (look->n_silenced_by)
		qsort(look->silenced_by, look->n_silenced_by, sizeof(*look->silenced_by), by_id);
	return 0;
}

static int add_receiver(const struct route *route, void *userdata)
{
	struct notify_look *look = userdata;

	if (!vec_reserve(look->receivers, look->n_receivers, look->cap_receivers))
		return -ENOMEM;
	look->receivers[look->n_receivers++] = route->receiver->name.s;
	return 0;
}

static int look_receivers(
	const struct notify *notify, const struct entry *entry, struct notify_look *look)
{
	const struct route *routes[FEW_ROUTES];
	size_t n = 0;
	int err = 0;

	look->n_receivers = 0;
	/* It is in the groups of the routes that it takes: they need not be looked for again. */
	for (const struct membership *m = entry->members; m && n < FEW_ROUTES; m = m->next) {
		size_t at = n++;

		for (; at && routes[at - 1]->number > m->group->route->number; at--)
			routes[at] = routes[at - 1];
		routes[at] = m->group->route;
	}
	if (!entry->grouped || n == FEW_ROUTES)
		return route_match(notify->route, entry->alert->labels, add_receiver, look);
	for (size_t i = 0; i < n && !err; i++)
		err = add_receiver(routes[i], look);
	return err;
}

int notify_alert_look(
	struct notify *notify, uint64_t fingerprint, struct instant now, struct notify_look *look)
{
	struct entry *entry = entry_find(notify, fingerprint);
	const struct entry *by;
	int err;

	if (!entry || entry_is_over(notify, entry, now))
		return -ENOENT;
	look->alert = entry->alert;
	by = inhibited_by(notify, entry->alert->labels, now);
	look->inhibited_by = by ? by->alert : NULL;
	err = look_silences(notify, entry, now, look);
	return err ? err : look_receivers(notify, entry, look);
}

struct first_interval {
	const char *name;
};

static bool take_first(const struct config_time_interval *interval, void *userdata)
{
	((struct first_interval *)userdata)->name = interval->name.s;
	return false;
}

const char *notify_alert_muted_by(
	const struct notify *notify, uint64_t fingerprint, struct instant now)
{
	const struct entry *entry = entry_find(notify, fingerprint);
	struct first_interval first = { 0 };

	for (const struct membership *m = entry ? entry->members : NULL; m; m = m->next) {
		first.name = NULL;
		route_silent_by(m->group->route, now.wall_ms, take_first, &first);
		if (!first.name)
			return NULL;
	}
	return first.name;
}

void notify_count(struct notify *notify, struct instant now, struct notify_census *ret)
{
	struct notify_census census = { 0 };

	map_foreach (&notify->alerts, e) {
		struct entry *entry = e->value;
		size_t at = 0;

		if (entry_is_over(notify, entry, now))
			continue;
		census.firing++;
		census.from_outside += entry->alert->ends_wall_ms != 0;
		if (entry_silenced_by(notify, entry, now.wall_ms, &at))
			census.silenced++;
		else if (inhibited_by(notify, entry->alert->labels, now))
			census.inhibited++;
	}
	*ret = census;
}

/* -- groups ---------------------------------------------------------------------------------- */

static int by_labels(const void *a, const void *b)
{
	const struct group *ga = *(const struct group *const *)a;
	const struct group *gb = *(const struct group *const *)b;
	int order = labels_compare_sets(ga->name.labels, gb->name.labels);

	if (!order)
		order = strcmp(ga->route->receiver->name.s, gb->route->receiver->name.s);
	/* Two routes with one receiver: so that it is the same order each time. */
	return order ? order : strcmp(ga->name.id, gb->name.id);
}

/* The ids of sorted groups, copied. */
static int copy_ids(const struct group *const *groups, size_t n, char ***ret)
{
	char **ids = calloc(n + 1, sizeof(*ids));

	for (size_t i = 0; ids && i < n; i++) {
		ids[i] = strdup(groups[i]->name.id);
		if (ids[i])
			continue;
		while (i--)
			free(ids[i]);
		free(ids);
		return -ENOMEM;
	}
	*ret = ids;
	return ids ? 0 : -ENOMEM;
}

int notify_group_list(const struct notify *notify, char ***ret, size_t *ret_n)
{
	const struct group **groups = malloc((notify->groups.n + 1) * sizeof(*groups));
	size_t n = 0;
	int err;

	if (!groups)
		return -ENOMEM;
	map_foreach (&notify->groups, e)
		groups[n++] = e->value;
	qsort(groups, n, sizeof(*groups), by_labels);
	err = copy_ids(groups, n, ret);
	free(groups);
	if (!err)
		*ret_n = n;
	return err;
}

struct muting {
	struct notify_group_look *look;
	bool failed;
};

static bool add_interval(const struct config_time_interval *interval, void *userdata)
{
	struct muting *muting = userdata;
	struct notify_group_look *look = muting->look;

	muting->failed = !vec_reserve(look->muted_by, look->n_muted_by, look->cap_muted_by);
	if (!muting->failed)
		look->muted_by[look->n_muted_by++] = interval->name.s;
	return !muting->failed;
}

static int by_alert(const void *a, const void *b)
{
	return alert_place_compare(a, b);
}

static int look_members(
	struct notify *notify, const struct group *group, struct notify_group_look *look)
{
	struct alert_place *alerts = malloc((group->n + 1) * sizeof(*alerts));
	size_t n = 0;

	for (size_t i = 0; alerts && i < group->n; i++) {
		if (!group->members[i]->entry->resolved)
			alert_place(group->members[i]->entry->alert, &alerts[n++]);
	}
	if (alerts && n > look->cap_alerts) {
		uint64_t *grown = realloc(look->alerts, n * sizeof(*grown));

		look->alerts = grown ? grown : look->alerts;
		look->cap_alerts = grown ? n : look->cap_alerts;
	}
	if (!alerts || n > look->cap_alerts) {
		free(alerts);
		return -ENOMEM;
	}
	qsort(alerts, n, sizeof(*alerts), by_alert);
	for (size_t i = 0; i < n; i++)
		look->alerts[i] = alert_fingerprint(alerts[i].alert);
	look->n_alerts = n;
	free(alerts);
	return 0;
}

int notify_group_look(
	struct notify *notify, const char *id, struct instant now, struct notify_group_look *look)
{
	const struct group *group = group_find(notify, id);
	struct muting muting = { .look = look };

	if (!group)
		return -ENOENT;
	look->labels = group->name.labels;
	look->receiver = group->route->receiver->name.s;
	look->route = group->route->config;
	look->route_labels = group->route->labels;
	look->n_muted_by = 0;
	route_silent_by(group->route, now.wall_ms, add_interval, &muting);
	return muting.failed ? -ENOMEM : look_members(notify, group, look);
}
