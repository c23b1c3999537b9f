/*
 * data.h - what the templates of mails see: Alertmanager's Data, of one notification.
 *
 * Source: alertmanager template/template.go. Ours besides: .Cause, of the whole and of each alert.
 */
#ifndef TOLLD_DELIVER_DATA_H
#define TOLLD_DELIVER_DATA_H

#include "deliver/deliver.h"
#include "template/value.h"

/*
 * Borrows the notification and the options, and lives in the arena. -ENOMEM.
 */
int data_new(struct arena *arena, const struct notification *n,
	const struct deliver_options *options, struct tvalue *ret);

/* Whether a value is of data_new(). */
bool data_is(const struct tvalue *value);
const struct notification *data_notification(const struct tvalue *data);
/* Makes the labels of the route known to .RouteLabels; they are executed by now. -ENOMEM. */
int data_set_route_labels(
	struct arena *arena, const struct tvalue *data, const struct labels *labels);
/* False: nobody has set them yet. "" for a name that there is not. */
bool data_route_label(const struct tvalue *data, const char *name, struct tvalue *ret);

/* A list of n texts with the methods of Alertmanager's Strings; the items are borrowed. */
struct tvalue data_strings(const struct tvalue *items, size_t n);

#endif
