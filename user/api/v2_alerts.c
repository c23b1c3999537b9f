/*
 * v2_alerts.c - GET /api/v2/alerts and /api/v2/alerts/groups: what fires, and what keeps it silent.
 *
 * There may be a hundred thousand, so the answer is written in turns: the list is taken at first, and
 * each alert is shown as it is when its turn comes; one that is over by then is left out.
 */
#include "api/v2.h"

#include <errno.h>
#include <microhttpd.h>
#include "base/hex.h"

/* So many between two looks at the clock. */
#define AT_ONCE 32

/* The group at hand, copied: what a look says is only lent for one turn. */
struct shown_group {
	struct labels *labels, *route_labels;
	char *receiver;
	const char **muted_by; /* each on the heap */
	size_t n_muted_by;
	bool begun; /* in the answer */
};

struct listing {
	struct job job;
	struct jsonw json;
	struct instant begun;
	bool active, silenced, inhibited, muted; /* show those as well */
	struct matcher_list matchers;
	struct v2_receivers receivers;
	int64_t resolve_timeout_ms;
	/* The alerts of the list, or of the group at hand. */
	const uint64_t *alerts;
	size_t n_alerts, at;
	struct notify_look look;
	/* Of /alerts: the list itself. */
	uint64_t *all;
	/* Of /alerts/groups. */
	char **groups;
	size_t n_groups, group_at;
	struct notify_group_look group_look;
	struct shown_group group;
};

static void group_release(struct shown_group *group)
{
	labels_unref(group->labels);
	labels_unref(group->route_labels);
	free(group->receiver);
	for (size_t i = 0; i < group->n_muted_by; i++)
		free((char *)group->muted_by[i]);
	free(group->muted_by);
	*group = (struct shown_group){ 0 };
}

static void listing_free(struct job *job)
{
	struct listing *l = container_of(job, struct listing, job);

	matcher_list_release(&l->matchers);
	v2_receivers_release(&l->receivers);
	notify_look_release(&l->look);
	notify_group_look_release(&l->group_look);
	group_release(&l->group);
	for (size_t i = 0; i < l->n_groups; i++)
		free(l->groups[i]);
	free(l->groups);
	free(l->all);
	free(l);
}

/* -- one alert -------------------------------------------------------------------------------- */

static void write_status(struct jsonw *json, const struct notify_look *look,
	const char *const *muted_by, size_t n_muted_by)
{
	bool suppressed = look->n_silenced_by || look->inhibited_by || n_muted_by;
	char fingerprint[17];

	jsonw_key(json, "status");
	jsonw_begin_object(json);
	jsonw_key(json, "inhibitedBy");
	jsonw_begin_array(json);
	if (look->inhibited_by) {
		hex_format64(fingerprint, alert_fingerprint(look->inhibited_by));
		jsonw_string(json, fingerprint);
	}
	jsonw_end_array(json);
	jsonw_key(json, "mutedBy");
	jsonw_begin_array(json);
	for (size_t i = 0; i < n_muted_by; i++)
		jsonw_string(json, muted_by[i]);
	jsonw_end_array(json);
	jsonw_key(json, "silencedBy");
	jsonw_begin_array(json);
	for (size_t i = 0; i < look->n_silenced_by; i++)
		jsonw_string(json, look->silenced_by[i]->id);
	jsonw_end_array(json);
	jsonw_field_string(json, "state", suppressed ? "suppressed" : "active");
	jsonw_end_object(json);
}

/*
 * One alert as the API shows it. `muted_by` are the names of intervals that silence its group; n is 0
 * where no group is meant. `only` leaves out other receivers; NULL leaves out none.
 */
static void v2_write_alert(struct jsonw *json, const struct notify_look *look,
	const struct v2_receivers *only, const char *const *muted_by, size_t n_muted_by,
	int64_t resolve_timeout_ms, struct instant now)
{
	const struct alert *alert = look->alert;
	/* What has no end of its own is said to have the one that it would be given. */
	int64_t ends = alert->ends_wall_ms ? alert->ends_wall_ms : now.wall_ms + resolve_timeout_ms;
	char fingerprint[17];

	hex_format64(fingerprint, alert_fingerprint(alert));
	jsonw_begin_object(json);
	jsonw_field_labels(json, "annotations", alert->annotations);
	jsonw_field_time(json, "endsAt", ends);
	jsonw_field_string(json, "fingerprint", fingerprint);
	jsonw_key(json, "receivers");
	jsonw_begin_array(json);
	for (size_t i = 0; i < look->n_receivers; i++) {
		if (only && !v2_receivers_have(only, look->receivers[i]))
			continue;
		jsonw_begin_object(json);
		jsonw_field_string(json, "name", look->receivers[i]);
		jsonw_end_object(json);
	}
	jsonw_end_array(json);
	jsonw_field_time(json, "startsAt", alert->starts_wall_ms);
	write_status(json, look, muted_by, n_muted_by);
	jsonw_field_time(json, "updatedAt",
		alert->updated_wall_ms ? alert->updated_wall_ms : alert->starts_wall_ms);
	if (alert->generator_url && *alert->generator_url)
		jsonw_field_string(json, "generatorURL", alert->generator_url);
	jsonw_field_labels(json, "labels", alert->labels);
	jsonw_end_object(json);
}

/* Whether an alert that is looked at is asked for; receivers aside. */
static bool is_wanted(const struct listing *l)
{
	const struct notify_look *look = &l->look;

	if (!l->active && !look->n_silenced_by && !look->inhibited_by)
		return false;
	if ((!l->silenced && look->n_silenced_by) || (!l->inhibited && look->inhibited_by))
		return false;
	return matcher_list_match(&l->matchers, look->alert->labels);
}

static bool is_heard_by_chosen(const struct listing *l)
{
	for (size_t i = 0; i < l->look.n_receivers; i++) {
		if (v2_receivers_have(&l->receivers, l->look.receivers[i]))
			return true;
	}
	return l->receivers.all;
}

/* -- groups ----------------------------------------------------------------------------------- */

static int group_copy(struct shown_group *group, const struct notify_group_look *look)
{
	group->labels = labels_ref(look->labels);
	group->route_labels = look->route_labels ? labels_ref(look->route_labels) : NULL;
	group->receiver = strdup(look->receiver);
	group->muted_by = calloc(look->n_muted_by + 1, sizeof(*group->muted_by));
	if (!group->receiver || !group->muted_by)
		return -ENOMEM;
	for (size_t i = 0; i < look->n_muted_by; i++) {
		group->muted_by[i] = strdup(look->muted_by[i]);
		if (!group->muted_by[i])
			return -ENOMEM;
		group->n_muted_by++;
	}
	return 0;
}

static void group_begin(struct listing *l)
{
	struct jsonw *json = &l->json;

	l->group.begun = true;
	jsonw_begin_object(json);
	jsonw_field_labels(json, "labels", l->group.labels);
	jsonw_key(json, "receiver");
	jsonw_begin_object(json);
	jsonw_field_string(json, "name", l->group.receiver);
	jsonw_end_object(json);
	jsonw_field_labels(json, "routeLabels", l->group.route_labels);
	jsonw_key(json, "alerts");
	jsonw_begin_array(json);
}

static void group_end(struct listing *l)
{
	if (l->group.begun) {
		jsonw_end_array(&l->json);
		jsonw_end_object(&l->json);
	}
	group_release(&l->group);
	l->n_alerts = l->at = 0;
}

/* The next group that is asked for. False: there is none. */
static bool group_next(struct listing *l, struct notify *notify, struct instant now)
{
	while (l->group_at < l->n_groups) {
		struct notify_group_look *look = &l->group_look;
		int err = notify_group_look(notify, l->groups[l->group_at++], now, look);

		if (err == -ENOENT)
			continue;
		if (!err && (!v2_receivers_have(&l->receivers, look->receiver) ||
				    (!l->muted && look->n_muted_by)))
			continue;
		if (!err)
			err = group_copy(&l->group, look);
		if (err) {
			l->json.out->err = err;
			return false;
		}
		l->alerts = look->alerts;
		l->n_alerts = look->n_alerts;
		l->at = 0;
		return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* -- the work --------------------------------------------------------------------------------- */

static void show(struct listing *l, uint64_t fingerprint, struct notify *notify, struct instant now)
{
	struct notify_look *look = &l->look;
	int err = notify_alert_look(notify, fingerprint, now, look);

	if (err) {
		if (err != -ENOENT)
			l->json.out->err = err;
		return;
	}
	if (!is_wanted(l))
		return;
	if (!l->groups) {
		if (is_heard_by_chosen(l))
			v2_write_alert(&l->json, look, NULL, NULL, 0, l->resolve_timeout_ms, now);
		return;
	}
	if (!l->group.begun)
		group_begin(l);
	if (look->n_receivers)
		qsort(look->receivers, look->n_receivers, sizeof(*look->receivers), by_name);
	v2_write_alert(&l->json, look, &l->receivers, l->group.muted_by, l->group.n_muted_by,
		l->resolve_timeout_ms, now);
}

/* A few more alerts. False: all are written. */
static bool show_some(struct listing *l, struct notify *notify, struct instant now)
{
	for (size_t i = 0; i < AT_ONCE; i++) {
		while (l->at == l->n_alerts) {
			if (l->groups)
				group_end(l);
			if (!l->groups || !group_next(l, notify, now))
				return false;
		}
		show(l, l->alerts[l->at++], notify, now);
		if (l->json.out->err)
			return false;
	}
	return true;
}

static bool listing_step(struct job *job, struct request *req)
{
	struct listing *l = container_of(job, struct listing, job);
	struct notify *notify = req->api->sources.notify;
	struct instant now = v2_now(&l->begun);
	int64_t until = now.boot_ns + API_TURN_NS;

	while (show_some(l, notify, now)) {
		if (clock_boot_ns() >= until)
			return false;
	}
	if (!l->json.out->err)
		jsonw_end_array(&l->json);
	v2_end(req);
	return true;
}

static int listing_read(struct request *req, struct listing *l)
{
	int err;

	l->active = v2_bool(req, "active", true);
	l->silenced = v2_bool(req, "silenced", true);
	l->inhibited = v2_bool(req, "inhibited", true);
	l->muted = v2_bool(req, "muted", true);
	err = v2_matchers(req, "filter", &l->matchers);
	return err ? err : v2_receivers_read(req, &l->receivers);
}

static void listing_start(struct request *req, bool groups, struct instant now)
{
	const struct config *config = api_config(req->api);
	struct notify *notify = req->api->sources.notify;
	struct listing *l = calloc(1, sizeof(*l));
	int err;

	if (!l) {
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	l->job = (struct job){ .step = listing_step, .free = listing_free, .streams = true };
	l->begun = now;
	l->resolve_timeout_ms = config ? config->global.resolve_timeout_ms : 300000;
	err = listing_read(req, l);
	if (err) {
		listing_free(&l->job);
		return;
	}
	if (groups) {
		err = notify_group_list(notify, &l->groups, &l->n_groups);
	} else {
		err = notify_alert_list(notify, &l->all, &l->n_alerts);
		l->alerts = l->all;
	}
	if (err) {
		listing_free(&l->job);
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	v2_begin(req, &l->json);
	jsonw_begin_array(&l->json);
	req->job = &l->job;
}

void v2_alerts_list(struct request *req, struct instant now)
{
	listing_start(req, false, now);
}

void v2_alerts_groups(struct request *req, struct instant now)
{
	listing_start(req, true, now);
}
