/*
 * forward.h - alerts of our own rules sent on to Alertmanagers, as Prometheus sends them: to this daemon's own part
 * that is one, and to others.
 *
 * alert_relabel_configs rewrite or drop an alert for all of them, and those of a list of Alertmanagers for who is in
 * it; this daemon is in the lists that name its address. Every one of them gets every alert: they tell each other what they told, so that none is told twice.
 * An alert that fires says until when it is to be believed: until it would have been sent four times
 * (rules/alerting.go of Prometheus). Each has its own queue (outbox.h), so that one that is away
 * holds up nobody.
 */
#ifndef TOLLD_DELIVER_FORWARD_H
#define TOLLD_DELIVER_FORWARD_H

#include "base/clock.h"
#include "config/config.h"
#include "model/alert.h"
#include "net/net.h"

struct forward;

struct forward_callbacks {
	/* Whether this daemon itself listens there: then alerts are given to own(), and not sent. */
	bool (*is_own)(const char *address, void *userdata);
	/* An alert as this daemon is told of it, whether the settings name it or not. Borrowed. */
	void (*own)(const struct alert *alert, void *userdata);
	/* One does not take alerts any more, and why; or, with a NULL error, does again. */
	void (*changed)(const char *url, const char *error, void *userdata);
	void *userdata;
};

int forward_new(struct net *net, const struct forward_callbacks *callbacks, struct forward **ret);
void forward_free(struct forward *forward);
DEFINE_FREEP(forward)

/*
 * Takes the Alertmanagers of a configuration, and a reference on it. What waits for those that stay
 * is kept. -ENOMEM: the old ones stay.
 */
int forward_configure(struct forward *forward, const struct config *config);
/* Whether this configuration tells this daemon of some alerts under other labels than the one in force. */
bool forward_rewrites_anew(const struct forward *forward, const struct config *config);
/* Takes a reference on an alert of our rules, firing or over. -ENOMEM: this daemon was not told. */
int forward_put(struct forward *forward, const struct alert *alert, struct instant now);
/* The labels that own() is given for these first. -ENOENT: the alert is dropped; -ENOMEM. */
int forward_own_labels(
	const struct forward *forward, const struct labels *labels, struct labels **ret);

/* For the API and for metrics. Texts are valid until the next forward_configure(). */
struct forward_info {
	const char *url;
	bool own;			     /* it is this daemon */
	bool dropped;			     /* relabel_configs left it out */
	uint64_t queued, sent, errors, lost; /* alerts, alerts, tries, alerts */
};

size_t forward_peers(const struct forward *forward);
void forward_info(const struct forward *forward, size_t i, struct forward_info *ret);

#endif
