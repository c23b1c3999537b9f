/*
 * alert.h - one alert, as rules make it, notify groups it and deliver tells it.
 *
 * An alert is known by its labels. Annotations and times may change under way. It is counted and,
 * once shared, never changed: whoever wants another one makes a new one.
 */
#ifndef TOLLD_MODEL_ALERT_H
#define TOLLD_MODEL_ALERT_H

#include "model/labels.h"

struct alert {
	unsigned refs;
	struct labels *labels; /* alertname among them; never empty */
	struct labels *annotations;
	int64_t starts_wall_ms;
	int64_t ends_wall_ms; /* 0: no end is known */
	int64_t updated_wall_ms;
	/* How long whoever sends it stands by it without saying so again; 0: it is over, or nobody said. */
	int64_t lease_ms;
	bool timeout;	     /* the end is only resolve_timeout away from the last update */
	char *generator_url; /* may be NULL */
};

/* Takes references on both sets; annotations may be NULL for none. NULL when memory is out. */
struct alert *alert_new(const struct labels *labels, const struct labels *annotations);
struct alert *alert_ref(const struct alert *alert);
void alert_unref(struct alert *alert);

static inline void alert_unrefp(struct alert **p)
{
	alert_unref(*p);
}

/* A copy of one's own, to be changed before it is shared. */
struct alert *alert_copy(const struct alert *alert);

uint64_t alert_fingerprint(const struct alert *alert);
/*
 * By job, then instance, those without one last; then by labels_compare_sets(): the order in which
 * Alertmanager tells and lists them.
 */
int alert_compare(const struct alert *a, const struct alert *b);

/* The same for many: an alert with what it is sorted by. Borrowed from it. */
struct alert_place {
	const struct alert *alert;
	const char *job, *instance;
};

void alert_place(const struct alert *alert, struct alert_place *ret);
int alert_place_compare(const struct alert_place *a, const struct alert_place *b);

#endif
