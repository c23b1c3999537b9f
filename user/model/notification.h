/*
 * notification.h - what one receiver is told about one group of alerts: notify decides it, deliver
 * renders and sends it.
 */
#ifndef TOLLD_MODEL_NOTIFICATION_H
#define TOLLD_MODEL_NOTIFICATION_H

#include "model/alert.h"

struct notification {
	unsigned refs;
	/*
	 * The same for every try of this notification, also after a restart, and for no other one:
	 * the Message-Id is made of it. 32 hex digits.
	 */
	char id[33];
	char *receiver;	   /* its name in the file */
	char *integration; /* "email" */
	unsigned index;	   /* which of the receiver's integrations of that kind */
	char *group_key;   /* {}:{alertname="InstanceDown"} */
	struct labels *group_labels;
	struct labels *
		route_labels; /* the route's own, as templates that are yet to be executed; or NULL */
	struct alert **alerts; /* firing first, each part sorted by alert_compare() */
	size_t n_alerts, n_firing;
	int64_t at_wall_ms; /* when the group was flushed */
	const char *reason; /* static text: "first notification", ... */
	/* Addresses that have it from an earlier try, each with a line end; NULL: nobody has. */
	char *served;
};

struct notification *notification_new(void);
struct notification *notification_ref(const struct notification *n);
void notification_unref(struct notification *n);

static inline void notification_unrefp(struct notification **p)
{
	notification_unref(*p);
}

/* Labels, or annotations, that all n alerts share with the same value. NULL when memory is out. */
struct labels *alerts_common_labels(struct alert *const *alerts, size_t n);
struct labels *alerts_common_annotations(struct alert *const *alerts, size_t n);

#endif
