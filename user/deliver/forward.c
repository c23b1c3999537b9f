/*
 * forward.c - alerts of our own rules sent on to other Alertmanagers.
 *
 * Source: prometheus notifier/manager.go, notifier/alertmanagerset.go.
 */
#include "deliver/forward.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "base/escape.h"
#include "client/request.h"
#include "deliver/mime.h"
#include "deliver/outbox.h"
#include "model/timestamp.h"

/* More of an answer is not looked at: only its beginning is shown. */
#define SHOWN_MAX ((size_t)8 << 10)

struct peer {
	struct forward *forward;
	char *url;
	const struct config_alertmanagers *group;
	bool own, dropped;
	bool failing; /* told by `changed` */
	struct outbox outbox;
	struct client_call *call;
	struct strbuf body; /* of the request under way */
	sd_event_source *timer;
};

struct forward {
	struct net *net;
	struct client *client;
	struct forward_callbacks callbacks;
	struct config *config;
	struct peer **peers;
	size_t n_peers;
	const struct config_alertmanagers **own; /* lists that name this daemon */
	size_t n_own;
};

static void pump(struct peer *peer);

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	pump(userdata);
	return 0;
}

static void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	client_cancel(peer->call);
	sd_event_source_disable_unref(peer->timer);
	outbox_release(&peer->outbox);
	strbuf_release(&peer->body);
	free(peer->url);
	free(peer);
}

static void peers_free(struct peer **peers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		peer_free(peers[i]);
	free(peers);
}

int forward_new(struct net *net, const struct forward_callbacks *callbacks, struct forward **ret)
{
	scoped(forward_freep) struct forward *forward = calloc(1, sizeof(*forward));
	int err;

	if (!forward)
		return -ENOMEM;
	forward->net = net;
	forward->callbacks = *callbacks;
	err = client_new(net, &forward->client);
	if (err)
		return err;
	*ret = TAKE(forward);
	return 0;
}

void forward_free(struct forward *forward)
{
	if (!forward)
		return;
	peers_free(forward->peers, forward->n_peers);
	free(forward->own);
	client_free(forward->client);
	config_unref(forward->config);
	free(forward);
}

/* -- who they are -- */

/* A prefix begins with a slash and ends without one. */
static char *join_path(const char *prefix)
{
	struct strbuf path = STRBUF_INIT;
	size_t len = prefix ? strlen(prefix) : 0;
	char *ret = NULL;

	while (len && prefix[len - 1] == '/')
		len--;
	if (len && prefix[0] != '/')
		strbuf_addch(&path, '/');
	strbuf_add(&path, prefix ? prefix : "", len);
	strbuf_adds(&path, "/api/v2/alerts");
	strbuf_finish(&path, &ret);
	return ret;
}

/* Labels as relabelling sees them; false: it is left out. */
static bool relabel(const struct config_alertmanager *from, struct labels_builder *b)
{
	const struct config_alertmanagers *group = from->group;
	scoped(freep) char *path = join_path(group->path_prefix.s);

	for (size_t i = 0; from->labels && i < from->labels->n; i++)
		labels_builder_set(
			b, from->labels->items[i].name.s, from->labels->items[i].value.s);
	labels_builder_set(b, "__address__", from->address.s);
	labels_builder_set(
		b, "__scheme__", group->scheme.s && *group->scheme.s ? group->scheme.s : "http");
	labels_builder_set(b, "__alerts_path__", path ? path : "");
	return relabel_apply(group->relabels.items, group->relabels.n, b);
}

static const char *label_or(struct labels_builder *b, const char *name)
{
	const char *value = labels_builder_get(b, name);

	return value ? value : "";
}

static bool is_own(const struct forward *forward, const struct config_alertmanager *from)
{
	const struct forward_callbacks *callbacks = &forward->callbacks;
	struct labels_builder b = LABELS_BUILDER_INIT;
	bool own = relabel(from, &b) &&
		   callbacks->is_own(label_or(&b, "__address__"), callbacks->userdata);

	labels_builder_release(&b);
	return own;
}

/* Each list of Alertmanagers that names this daemon, once. The caller frees; NULL: no memory. */
static const struct config_alertmanagers **own_lists(
	const struct forward *forward, const struct config *config, size_t *ret_n)
{
	const struct config_alertmanagers **lists =
		calloc(config->n_alertmanagers + 1, sizeof(*lists));
	size_t n = 0;

	for (size_t i = 0; lists && i < config->n_alertmanagers; i++) {
		const struct config_alertmanager *from = &config->alertmanagers[i];

		/* Those of one list stand together. */
		if ((!n || lists[n - 1] != from->group) && is_own(forward, from))
			lists[n++] = from->group;
	}
	*ret_n = n;
	return lists;
}

static const struct config_relabels no_rules;

static bool same_rules(const struct config_relabels *a, const struct config_relabels *b)
{
	return relabel_rules_equal(a->items, a->n, b->items, b->n);
}

bool forward_rewrites_anew(const struct forward *forward, const struct config *config)
{
	const struct config_alertmanagers **lists;
	bool same;
	size_t n;

	if (!forward->config)
		return false;
	lists = own_lists(forward, config, &n);
	/* Without memory the configuration is not taken either. */
	if (!lists)
		return false;
	/* Where no list names it, this daemon hears all as one that rewrites nothing would. */
	same = same_rules(&forward->config->alert_relabels, &config->alert_relabels) &&
	       MAX(n, (size_t)1) == MAX(forward->n_own, (size_t)1);
	for (size_t i = 0; same && i < MAX(n, (size_t)1); i++)
		same = same_rules(i < n ? &lists[i]->alert_relabels : &no_rules,
			i < forward->n_own ? &forward->own[i]->alert_relabels : &no_rules);
	free(lists);
	return !same;
}

static int peer_new(
	struct forward *forward, const struct config_alertmanager *from, struct peer **ret)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct strbuf url = STRBUF_INIT;
	int err = peer ? 0 : -ENOMEM;

	if (peer) {
		peer->forward = forward;
		peer->group = from->group;
		peer->body = STRBUF_INIT;
		outbox_init(&peer->outbox, 0);
		peer->dropped = !relabel(from, &b);
		if (!peer->dropped)
			strbuf_addf(&url, "%s://%s%s", label_or(&b, "__scheme__"),
				label_or(&b, "__address__"), label_or(&b, "__alerts_path__"));
		else
			strbuf_adds(&url, from->address.s);
		peer->own = !peer->dropped && forward->callbacks.is_own(label_or(&b, "__address__"),
						      forward->callbacks.userdata);
		err = strbuf_finish(&url, &peer->url);
	}
	if (!err && b.err)
		err = b.err;
	if (!err)
		err = sd_event_add_time(net_event(forward->net), &peer->timer, CLOCK_BOOTTIME,
			UINT64_MAX, 1000, on_timer, peer);
	labels_builder_release(&b);
	strbuf_release(&url);
	if (err < 0) {
		peer_free(peer);
		return err;
	}
	sd_event_source_set_enabled(peer->timer, SD_EVENT_OFF);
	*ret = peer;
	return 0;
}

static struct peer *find(struct forward *forward, const char *url)
{
	for (size_t i = 0; i < forward->n_peers; i++) {
		if (forward->peers[i] && streq(forward->peers[i]->url, url))
			return forward->peers[i];
	}
	return NULL;
}

/* What waits goes over to the new one; what is on its way is sent again, which harms nobody. */
static void inherit(struct peer *peer, struct peer *old)
{
	struct instant now = clock_now();

	client_cancel(TAKE(old->call));
	if (old->outbox.flight)
		outbox_done(&old->outbox, OUTBOX_RETRY, now);
	outbox_release(&peer->outbox);
	peer->outbox = old->outbox;
	outbox_init(&old->outbox, 0);
	peer->failing = old->failing;
}

int forward_configure(struct forward *forward, const struct config *config)
{
	size_t n = config->n_alertmanagers, n_own;
	struct peer **peers = calloc(n + 1, sizeof(struct peer *));
	const struct config_alertmanagers **own = own_lists(forward, config, &n_own);
	struct peer *old;
	int err = peers && own ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !err; i++)
		err = peer_new(forward, &config->alertmanagers[i], &peers[i]);
	if (err) {
		if (peers)
			peers_free(peers, n);
		free(own);
		return err;
	}
	for (size_t i = 0; i < n; i++) {
		old = peers[i]->dropped ? NULL : find(forward, peers[i]->url);
		if (old)
			inherit(peers[i], old);
	}
	peers_free(forward->peers, forward->n_peers);
	config_unref(forward->config);
	forward->config = config_ref(config);
	forward->peers = peers;
	forward->n_peers = n;
	free(forward->own);
	forward->own = own;
	forward->n_own = n_own;
	for (size_t i = 0; i < n; i++)
		pump(peers[i]);
	return 0;
}

/* -- what they are sent -- */

static void add_text(struct strbuf *out, const char *s)
{
	strbuf_addch(out, '"');
	escape_json(out, s, strlen(s));
	strbuf_addch(out, '"');
}

static void add_labels(struct strbuf *out, const char *name, const struct labels *labels)
{
	strbuf_addf(out, "\"%s\":{", name);
	for (unsigned i = 0; i < labels->n; i++) {
		if (i)
			strbuf_addch(out, ',');
		add_text(out, labels->v[i].name);
		strbuf_addch(out, ':');
		add_text(out, labels->v[i].value);
	}
	strbuf_addch(out, '}');
}

static void add_time(struct strbuf *out, const char *name, int64_t wall_ms)
{
	strbuf_addf(out, ",\"%s\":\"", name);
	timestamp_format_rfc3339(out, wall_ms);
	strbuf_addch(out, '"');
}

static void add_alert(struct strbuf *out, const struct alert *alert)
{
	strbuf_addch(out, '{');
	add_labels(out, "annotations", alert->annotations);
	add_time(out, "endsAt", alert->ends_wall_ms);
	add_time(out, "startsAt", alert->starts_wall_ms);
	strbuf_adds(out, ",\"generatorURL\":");
	add_text(out, alert->generator_url ? alert->generator_url : "");
	strbuf_addch(out, ',');
	add_labels(out, "labels", alert->labels);
	strbuf_addch(out, '}');
}

static enum outbox_result judge(const struct client_answer *answer)
{
	if (answer->error || answer->status / 100 == 5 || answer->status == 429)
		return OUTBOX_RETRY;
	return answer->status / 100 == 2 ? OUTBOX_SENT : OUTBOX_REFUSED;
}

/* Tells once that it begins to fail, and once that it is well again. */
static void tell(struct peer *peer, enum outbox_result result, const char *words)
{
	const struct forward_callbacks *callbacks = &peer->forward->callbacks;
	bool failing = result != OUTBOX_SENT;

	if (failing == peer->failing)
		return;
	peer->failing = failing;
	callbacks->changed(peer->url, failing ? words : NULL, callbacks->userdata);
}

static void on_answer(const struct client_answer *answer, void *userdata)
{
	struct peer *peer = userdata;
	enum outbox_result result = judge(answer);
	struct strbuf said = STRBUF_INIT, shown = STRBUF_INIT;
	char words[300] = "";

	peer->call = NULL;
	if (answer->error) {
		snprintf(words, sizeof(words), "%s", answer->error);
	} else if (result != OUTBOX_SENT) {
		censor_text(answer->shown, answer->body, MIN(answer->len, SHOWN_MAX), &said);
		mime_clean(&shown, said.s, said.len, 200);
		snprintf(words, sizeof(words), "unexpected status code %ld: %s", answer->status,
			shown.s);
	}
	strbuf_release(&said);
	strbuf_release(&shown);
	outbox_done(&peer->outbox, result, clock_now());
	tell(peer, result, words);
	pump(peer);
}

static int send_batch(struct peer *peer, const struct alert *const *alerts, size_t n, char *error,
	size_t error_size)
{
	struct client_request request = { .method = "POST",
		.url = peer->url,
		.content_type = "application/json",
		.timeout_ms = peer->group->timeout_ms };

	strbuf_reset(&peer->body);
	strbuf_addch(&peer->body, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_addch(&peer->body, ',');
		add_alert(&peer->body, alerts[i]);
	}
	strbuf_addch(&peer->body, ']');
	if (peer->body.err)
		return peer->body.err;
	request.body = peer->body.s;
	request.len = peer->body.len;
	return client_start(peer->forward->client, &peer->group->client, &request, on_answer, peer,
		&peer->call, error, error_size);
}

/* Sends what may be sent now, and arms the timer for what may be later. */
static void pump(struct peer *peer)
{
	const struct alert *alerts[OUTBOX_BATCH];
	char error[300] = "";
	int64_t deadline;
	size_t n;
	int err;

	if (peer->own || peer->dropped)
		return;
	n = outbox_take(&peer->outbox, clock_now(), alerts);
	err = n ? send_batch(peer, alerts, n, error, sizeof(error)) : 0;
	if (err) {
		outbox_done(
			&peer->outbox, err == -EINVAL ? OUTBOX_REFUSED : OUTBOX_RETRY, clock_now());
		tell(peer, OUTBOX_RETRY, error[0] ? error : strerror(-err));
	}
	deadline = outbox_deadline(&peer->outbox);
	if (deadline == BOOT_NS_NEVER) {
		sd_event_source_set_enabled(peer->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(peer->timer, (uint64_t)(deadline / NSEC_PER_USEC + 1));
	sd_event_source_set_enabled(peer->timer, SD_EVENT_ONESHOT);
}

/* What these rules make of labels. -ENOENT: nothing; -ENOMEM. */
static int rewrite(
	const struct config_relabels *rules, const struct labels *labels, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *own;
	int err;

	if (!rules->n) {
		*ret = labels_ref(labels);
		return 0;
	}
	labels_builder_add(&b, labels);
	if (!relabel_apply(rules->items, rules->n, &b)) {
		labels_builder_release(&b);
		return -ENOENT;
	}
	err = labels_build(&b, &own);
	if (!err && !own->n) {
		labels_unref(own);
		err = -ENOENT;
	}
	if (!err)
		*ret = own;
	return err;
}

static int rewrite_alert(
	const struct config_relabels *rules, const struct alert *alert, struct alert **ret)
{
	struct labels *labels;
	struct alert *copy;
	int err = rewrite(rules, alert->labels, &labels);

	if (err)
		return err;
	copy = alert_copy(alert);
	if (!copy) {
		labels_unref(labels);
		return -ENOMEM;
	}
	labels_unref(copy->labels);
	copy->labels = labels;
	*ret = copy;
	return 0;
}

static void put(struct peer *peer, const struct alert *alert, struct instant now)
{
	scoped(alert_unrefp) struct alert *own = NULL;
	int err;

	if (peer->own || peer->dropped)
		return;
	err = rewrite_alert(&peer->group->alert_relabels, alert, &own);
	if (!err) {
		/* Until when it is to be believed. */
		if (!own->ends_wall_ms)
			own->ends_wall_ms = now.wall_ms + own->lease_ms;
		else
			own->lease_ms = 0;
		outbox_put(&peer->outbox, own);
	} else if (err != -ENOENT) {
		peer->outbox.dropped++;
	}
	/* From the loop, so that what one evaluation gives goes out together. */
	if (outbox_deadline(&peer->outbox) == 0) {
		sd_event_source_set_time(peer->timer, 0);
		sd_event_source_set_enabled(peer->timer, SD_EVENT_ONESHOT);
	}
}

static const struct config_relabels *for_all_of(const struct forward *forward)
{
	return forward->config ? &forward->config->alert_relabels : &no_rules;
}

static int put_own(const struct forward *forward, const struct alert *alert)
{
	const struct forward_callbacks *callbacks = &forward->callbacks;
	int err, failed = 0;

	for (size_t i = 0; i < forward->n_own; i++) {
		scoped(alert_unrefp) struct alert *own = NULL;

		err = rewrite_alert(&forward->own[i]->alert_relabels, alert, &own);
		if (!err)
			callbacks->own(own, callbacks->userdata);
		else if (err != -ENOENT)
			failed = err;
	}
	if (!forward->n_own)
		callbacks->own(alert, callbacks->userdata);
	return failed;
}

int forward_put(struct forward *forward, const struct alert *alert, struct instant now)
{
	scoped(alert_unrefp) struct alert *copy = NULL;
	int err = rewrite_alert(for_all_of(forward), alert, &copy);

	if (err == -ENOENT)
		return 0;
	for (size_t i = 0; i < forward->n_peers; i++) {
		if (!err)
			put(forward->peers[i], copy, now);
		else
			forward->peers[i]->outbox.dropped++;
	}
	return err ? err : put_own(forward, copy);
}

int forward_own_labels(
	const struct forward *forward, const struct labels *labels, struct labels **ret)
{
	scoped(labels_unrefp) struct labels *for_all = NULL;
	int err = rewrite(for_all_of(forward), labels, &for_all);

	if (err)
		return err;
	if (forward->n_own)
		return rewrite(&forward->own[0]->alert_relabels, for_all, ret);
	*ret = TAKE(for_all);
	return 0;
}

size_t forward_peers(const struct forward *forward)
{
	return forward->n_peers;
}

void forward_info(const struct forward *forward, size_t i, struct forward_info *ret)
{
	const struct peer *peer = forward->peers[i];

	*ret = (struct forward_info){
		.url = peer->url,
		.own = peer->own,
		.dropped = peer->dropped,
		.queued = peer->outbox.n + peer->outbox.n_flight,
		.sent = peer->outbox.sent,
		.errors = peer->outbox.errors,
		.lost = peer->outbox.dropped,
	};
}
