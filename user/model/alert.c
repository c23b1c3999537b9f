/*
 * alert.c - alerts.
 */
#include "model/alert.h"

struct alert *alert_new(const struct labels *labels, const struct labels *annotations)
{
	struct alert *alert = calloc(1, sizeof(*alert));

	if (!alert)
		return NULL;
	alert->refs = 1;
	alert->labels = labels_ref(labels);
	alert->annotations = annotations ? labels_ref(annotations) : labels_empty();
	if (!alert->annotations) {
		alert_unref(alert);
		return NULL;
	}
	return alert;
}

struct alert *alert_ref(const struct alert *alert)
{
	struct alert *a = (struct alert *)alert;

	if (a)
		a->refs++;
	return a;
}

void alert_unref(struct alert *alert)
{
	if (!alert || --alert->refs)
		return;
	labels_unref(alert->labels);
	labels_unref(alert->annotations);
	free(alert->generator_url);
	free(alert);
}

struct alert *alert_copy(const struct alert *alert)
{
	struct alert *copy = alert_new(alert->labels, alert->annotations);

	if (!copy)
		return NULL;
	copy->starts_wall_ms = alert->starts_wall_ms;
	copy->ends_wall_ms = alert->ends_wall_ms;
	copy->updated_wall_ms = alert->updated_wall_ms;
	copy->lease_ms = alert->lease_ms;
	copy->timeout = alert->timeout;
	if (alert->generator_url) {
		copy->generator_url = strdup(alert->generator_url);
		if (!copy->generator_url) {
			alert_unref(copy);
			return NULL;
		}
	}
	return copy;
}

uint64_t alert_fingerprint(const struct alert *alert)
{
	return labels_fingerprint(alert->labels);
}

void alert_place(const struct alert *alert, struct alert_place *ret)
{
	*ret = (struct alert_place){
		.alert = alert,
		.job = labels_get(alert->labels, LABEL_JOB),
		.instance = labels_get(alert->labels, LABEL_INSTANCE),
	};
}

/* Who lacks the label comes last. */
static int compare_values(const char *a, const char *b)
{
	if (a == b)
		return 0;
	if (!a || !b)
		return a ? -1 : 1;
	return strcmp(a, b);
}

int alert_place_compare(const struct alert_place *a, const struct alert_place *b)
{
	int order = compare_values(a->job, b->job);

	if (!order)
		order = compare_values(a->instance, b->instance);
	return order ? order : labels_compare_sets(a->alert->labels, b->alert->labels);
}

int alert_compare(const struct alert *a, const struct alert *b)
{
	struct alert_place pa, pb;

	alert_place(a, &pa);
	alert_place(b, &pb);
	return alert_place_compare(&pa, &pb);
}
