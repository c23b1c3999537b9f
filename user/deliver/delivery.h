/*
 * delivery.h - what all ways out share: the daemon's end, and a delivery that is under way.
 */
#ifndef TOLLD_DELIVER_DELIVERY_H
#define TOLLD_DELIVER_DELIVERY_H

#include "client/request.h"
#include "deliver/deliver.h"
#include "deliver/templates.h"
#include "deliver/turns.h"

/* One try, unless the owner says otherwise. */
#define DELIVERY_TIMEOUT_MS	    60000
#define DELIVERY_VERDICT_TIMEOUT_MS 180000
/* Of what a server said, as much as a line of the log may have. */
#define DELIVERY_WORDS_MAX 400

struct deliver {
	struct net *net;
	struct client *client;
	struct deliver_options options; /* strings are ours */
	struct mail_templates *templates;
	struct delivery *under_way;
	struct turns mails;
};

/* The first member of each way's own struct. */
struct delivery {
	struct delivery *next, **link; /* in under_way; NULL: not in it */
	void (*free)(struct delivery *delivery);
};

/* Makes it one that deliver_free() stops. */
void delivery_link(struct deliver *deliver, struct delivery *delivery);
/* Before its callback is called: that may end the daemon's end. */
void delivery_unlink(struct delivery *delivery);

#endif
