/*
 * daemon_full.c - a disk that is full, when tolld starts or later: a monitor comes up, and goes on, all the same.
 *
 * What the store can do then is its own affair (store.h); this tells people, and asks now and then whether there is
 * room.
 */
#include "daemon_private.h"

#include <errno.h>

void full_tell(struct daemon *d)
{
	struct store_status status;

	store_status(d->store, &status);
	if (status.home == STORE_ON_DISK)
		return;
	d->disk_full = true;
	log_error(
		"the disk is full (%s): tolld works, %s, and keeps in memory what is new until there is room; "
		"if it ends before, alerts may be told again and silences are gone",
		status.last_error_text,
		status.home == STORE_CRAMPED ? "with all that it knew" : "with an empty state");
}

/* Another reason than the disk is told when it becomes the reason: who reads that it is full would wait in vain. */
static void settle(struct daemon *d)
{
	char error[300] = "";
	int err = store_settle(d->store, error, sizeof(error));

	if (err && err != d->settle_err && err != -ENOSPC)
		log_error(
			"%s: the state stays in memory; end tolld, move that folder or mend it, and start tolld again",
			error);
	d->settle_err = err;
}

void full_check(struct daemon *d)
{
	struct store_status status;

	if (d->disk_full)
		settle(d);
	store_status(d->store, &status);
	if (!d->disk_full && status.last_error == -ENOSPC) {
		d->disk_full = true;
		log_error("the disk is full (%s): what is new is in memory until there is room",
			status.last_error_text);
	} else if (d->disk_full && !status.last_error && !status.queued) {
		d->disk_full = false;
		log_info("there is room on the disk again: the state is kept in %s",
			daemon_storage(d->options));
	}
}
