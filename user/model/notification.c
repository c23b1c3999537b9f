/*
 * notification.c - what one receiver is told about one group of alerts.
 */
#include "model/notification.h"

struct notification *notification_new(void)
{
	struct notification *n = calloc(1, sizeof(*n));

	if (n)
		n->refs = 1;
	return n;
}

struct notification *notification_ref(const struct notification *n)
{
	struct notification *own = (struct notification *)n;

	if (own)
		own->refs++;
	return own;
}

void notification_unref(struct notification *n)
{
	if (!n || --n->refs)
		return;
	for (size_t i = 0; i < n->n_alerts; i++)
		alert_unref(n->alerts[i]);
	free(n->alerts);
	free(n->receiver);
	free(n->integration);
	free(n->group_key);
	free(n->served);
	labels_unref(n->group_labels);
	labels_unref(n->route_labels);
	free(n);
}

static struct labels *common(struct alert *const *alerts, size_t n, bool annotations)
{
	struct labels_builder b = ANNOTATIONS_BUILDER_INIT;
	struct labels *shared = NULL;
	const struct labels *first, *other;
	const char *value;

	if (!n)
		return labels_empty();
	first = annotations ? alerts[0]->annotations : alerts[0]->labels;
	for (unsigned i = 0; i < first->n; i++) {
		bool same = true;

		for (size_t k = 1; k < n && same; k++) {
			other = annotations ? alerts[k]->annotations : alerts[k]->labels;
			value = labels_get_interned(other, first->v[i].name);
			/* As in Alertmanager an empty one is shared by who has none. */
			same = value ? value == first->v[i].value : !*first->v[i].value;
		}
		if (same)
			labels_builder_set(&b, first->v[i].name, first->v[i].value);
	}
	labels_build(&b, &shared);
	return shared;
}

struct labels *alerts_common_labels(struct alert *const *alerts, size_t n)
{
	return common(alerts, n, false);
}

struct labels *alerts_common_annotations(struct alert *const *alerts, size_t n)
{
	return common(alerts, n, true);
}
