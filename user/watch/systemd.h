/*
 * systemd.h - asks systemd over D-Bus, without ever waiting: the units there are, what they are, what changes.
 *
 * Over the system bus, or where there is none over the socket that systemd keeps for root. A connection
 * that ends is made anew, sooner at first and then every half minute. It decides nothing.
 */
#ifndef TOLLD_WATCH_SYSTEMD_H
#define TOLLD_WATCH_SYSTEMD_H

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include "watch/unit.h"

struct systemd;

struct systemd_callbacks {
	/* Connected: from now on changes are told, and questions are answered. Nothing is known any more. */
	void (*on_up)(void *userdata);
	/* It cannot be asked; why, in words. Told once for each reason. */
	void (*on_down)(const char *why, void *userdata);
	/* Such a unit is loaded: from systemd_list(). */
	void (*on_loaded)(const char *name, void *userdata);
	/* It was loaded just now: to be started, or only because somebody asked for it. */
	void (*on_new)(const char *name, void *userdata);
	/* systemd_list() has told all. */
	void (*on_listed)(void *userdata);
	/* It is not loaded any more, as it is neither active nor wanted by another. */
	void (*on_unloaded)(const char *name, void *userdata);
	/*
	 * Some of its properties, to be read with unit_read(). is_last: no others belong to the same
	 * change. NULL: it could not be asked.
	 */
	void (*on_properties)(
		const char *name, sd_bus_message *properties, bool is_last, void *userdata);
	/* All units were read anew from the disk. */
	void (*on_reloaded)(void *userdata);
	void *userdata;
};

/*
 * Where there is no system bus, a connection over the socket that only root may connect to: for one who is root
 * now, and is not when it is used. Negative where there is a bus, or none of both.
 */
int systemd_open_early(sd_bus **ret);

/*
 * `address`: of a peer that is systemd; NULL: the usual ones. `early`, which may be NULL, is taken, also on
 * failure, and used first. Connects from the loop.
 */
int systemd_new(sd_event *event, const char *address, sd_bus *early,
	const struct systemd_callbacks *callbacks, struct systemd **ret);
void systemd_free(struct systemd *systemd);

/* Each is answered by a callback. -ENOTCONN, -ENOMEM: it will not be. */
int systemd_list(struct systemd *systemd);
/* Has it load the unit where it is not, or learn that there is none. */
int systemd_load(struct systemd *systemd, const char *name);
int systemd_ask(struct systemd *systemd, const char *name);

/* Reads an array of properties into the facts; those that it does not hold stay. 0 or -ENOMEM. */
int unit_read(sd_bus_message *properties, struct unit_facts *facts);

#endif
