/*
 * forward.h - alerts of our own rules sent on to other Alertmanagers, as Prometheus sends them.
 *
 * Every one of them gets every alert: they tell each other what they told, so that none is told twice.
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
	/* Whether this daemon itself listens there: then the alert has arrived already. */
	bool (*is_own)(const char *address, void *userdata);
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
/* Takes a reference on an alert of our rules, firing or over. */
void forward_put(struct forward *forward, const struct alert *alert, struct instant now);

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
