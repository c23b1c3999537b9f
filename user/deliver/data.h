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

/*
 * Adds any value as JSON, as Go's encoding/json writes it. -EDOM: a number that JSON has not; -ELOOP:
 * nested too deep; -ENOMEM, and out's own failures.
 */
int data_json(const struct tvalue *value, struct strbuf *out);

/* A list of n texts with the methods of Alertmanager's Strings; the items are borrowed. */
struct tvalue data_strings(const struct tvalue *items, size_t n);

#endif
